// SPDX-License-Identifier: Apache-2.0
//
// lookaside_map: a small cache per thread in front of any map. A hit costs one
// shared load, of a word that says whether the cached answer is still right, and
// calls nothing; the map behind, its locks and its lines, is left alone.
//
//   thread:  [ stamp | key | value ] x slots      one candidate for each key
//                 |
//                 = ?                             equal: a hit
//                 |
//   shared:  [ version | writers at work ] x stripes, chosen by the key's hash
//                                  ^  ^
//            every write:  begin --+  +-- end     around the write of the inner map
//
//   - A write adds one to the writers of its key's stripe, changes the inner map,
//     then takes the one away again and adds one to the version.
//   - A read that misses loads the word, then asks the inner map. If the word knew
//     of no writer at work, the answer is cached, stamped with the word. Absence is
//     not cached.
//   - A read hits if its slot holds the key with a stamp equal to the word now. No
//     word ever comes back, as its parts say how many writes have begun and ended.
//
// Why a hit is linearizable. Let it have the stamp w, and let X be a write of the
// key that begins (2) after w in the order of changes of the word.
//   (a) The cached value is what the key held at w. Every write that began before w
//       had ended, as w counts no writer; its end (3) was read by the load (1) of
//       the miss, through the release sequence of later changes, so it happens
//       before the inner lookup, which found its value or a later one. Not the
//       value of an X: then X's begin would happen before the end of the lookup,
//       hence before the load (1) of the hit, which could not read w.
//   (b) The hit is ordered before every X. No X can be known to have taken effect
//       by then: whoever returned from X, or has read its value from the inner map,
//       and whoever learnt anything from those, has X's begin happen before the
//       load (1), and reads a later word than w.
// So all hits at w fit between the writes that ended before w and those that begin
// after it. The inner map must publish values with release and find them with
// acquire, as all maps here do; for absence it need not, hence no caching of it.
//
// What it costs. A write makes two read-modify-writes of a shared word and spoils
// what all threads have cached of its stripe; a miss hashes twice and copies key and
// value. So it pays where keys are read again and again between writes of their
// stripe: the reuse rate decides. LoadOrStore and LoadOrCompute read first, as
// reuse mostly finds the key; CompareAndX answer false from a hit with another
// value. Stripe words are not padded: eight share a line, which costs a transfer
// where padding would have saved it, and lets eight times as many stripes into the
// same cache.
//
// Memory. A thread that reads has `slots` slots in each map it reads, which live
// as long as the map (internal/counting/per_thread.h); a slot whose stamp has become stale
// keeps its copy of key and value until another key takes the place, or the thread
// itself deletes the key. The version has 48 bits, the count of writers 16, so that
// fewer than 65535 may write at once.
//
// Guarantees. What the inner map guarantees, for every operation: hits and writes
// add no waiting. Copies into the cache that throw leave the slot empty and the
// operation as it would have been; a thread's first read of a map may throw
// std::bad_alloc.
//
// Source: the per-thread look-aside caches in front of allocators and routing
// tables (J. Bonwick, J. Adams, "Magazines and vmem", USENIX 2001, for the shape);
// version words as in seqlocks (C. Lameter, "Effective synchronization on
// Linux/NUMA systems", 2005) and in TL2 (D. Dice, O. Shalev, N. Shavit, DISC 2006).
#ifndef CMAP_MAPS_LOOKASIDE_MAP_H_
#define CMAP_MAPS_LOOKASIDE_MAP_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"
#include "maps/internal/counting/per_thread.h"
#include "maps/internal/memory.h"
#include "maps/internal/options.h"
#include "maps/internal/tables/departed.h"
#include "maps/mutex_map.h"
#include "maps/sharded_map.h"

namespace cmap {

struct LookasideMapOptions {
  std::int64_t slots = 512;
  std::int64_t stripes = 1024;
};

template <class Inner, class Hash, class Atomics>
class LookasideMap {
  using K = typename Inner::key_type;
  using V = typename Inner::mapped_type;

 public:
  using key_type = K;
  using mapped_type = V;
  using Options = LookasideMapOptions;

  static constexpr Traits kTraits = [] {
    Traits traits = Inner::kTraits;  // growth, reclamation, Range as they are there
    traits.family = "lookaside cache";
    traits.summary = Inner::kTraits.family == std::string_view("lock")
                         ? "a small cache per thread, validated by version words, "
                           "in front of one locked hash table"
                         : "a small cache per thread, validated by version words, "
                           "in front of many locked hash tables";
    traits.source = "look-aside caches; version words as in seqlocks and TL2";
    traits.caveat = "every write spoils what all threads cached of its stripe; each "
                    "thread holds copies of keys and values, stale ones too";
    return traits;
  }();
  static constexpr std::array<Tunable<Options>, 2> kTunables = {{
      {"slots", &Options::slots, 1, 65536,
       "entries each thread caches, a power of two: more hit more and hold more "
       "memory and processor cache"},
      {"stripes", &Options::stripes, 1, 65536,
       "version words, a power of two: with more, a write spoils fewer cached keys"},
  }};

  LookasideMap() : LookasideMap(Options{}) {}
  explicit LookasideMap(const Options& options)
      : slots_(static_cast<std::size_t>(internal::CheckPowerOfTwo(
            "lookaside_map", "slots",
            internal::CheckOptions("lookaside_map", options, kTunables).slots))),
        stripe_count_(static_cast<std::size_t>(internal::CheckPowerOfTwo(
            "lookaside_map", "stripes", options.stripes))),
        stripes_(std::make_unique<Stripe[]>(stripe_count_)) {}
  LookasideMap(const LookasideMap&) = delete;
  LookasideMap& operator=(const LookasideMap&) = delete;

  std::optional<V> Load(const K& key) { return LoadByVisit<V>(*this, key); }

  template <class F>
  [[gnu::always_inline]] bool Visit(const K& key, F&& f) {
    const Spot spot = Look(key);
    if (const V* cached = Hit(spot, key)) {
      f(*cached);
      return true;
    }
    return Ask(spot, key, f);
  }

  void Store(const K& key, const V& value) {
    const Writing writing(StripeOf(Hash{}(key)));
    inner_.Store(key, value);
  }

  Loaded<V> LoadOrStore(const K& key, const V& value) {
    const Spot spot = Look(key);
    if (const V* cached = Hit(spot, key)) return {*cached, true};
    std::optional<V> found;
    if (Ask(spot, key, [&](const V& v) { found.emplace(v); })) {
      return {*std::move(found), true};
    }
    const Writing writing(spot.stripe);
    return inner_.LoadOrStore(key, value);
  }

  // f runs where the inner map runs it.
  template <class F>
  Loaded<V> LoadOrCompute(const K& key, F&& make) {
    const Spot spot = Look(key);
    if (const V* cached = Hit(spot, key)) return {*cached, true};
    std::optional<V> found;
    if (Ask(spot, key, [&](const V& v) { found.emplace(v); })) {
      return {*std::move(found), true};
    }
    const Writing writing(spot.stripe);
    return inner_.LoadOrCompute(key, std::forward<F>(make));
  }

  std::optional<V> LoadAndDelete(const K& key) {
    const Spot spot = Look(key);
    Forget(spot, key);
    const Writing writing(spot.stripe);
    return inner_.LoadAndDelete(key);
  }

  bool Delete(const K& key) {
    const Spot spot = Look(key);
    Forget(spot, key);
    const Writing writing(spot.stripe);
    return inner_.Delete(key);
  }

  std::optional<V> Swap(const K& key, const V& value) {
    const Writing writing(StripeOf(Hash{}(key)));
    return inner_.Swap(key, value);
  }

  bool CompareAndSwap(const K& key, const V& expected, const V& desired) {
    const Spot spot = Look(key);
    const V* cached = Hit(spot, key);
    if (cached != nullptr && !(*cached == expected)) return false;
    const Writing writing(spot.stripe);
    return inner_.CompareAndSwap(key, expected, desired);
  }

  bool CompareAndDelete(const K& key, const V& expected) {
    const Spot spot = Look(key);
    const V* cached = Hit(spot, key);
    if (cached != nullptr && !(*cached == expected)) return false;
    Forget(spot, key);
    const Writing writing(spot.stripe);
    return inner_.CompareAndDelete(key, expected);
  }

  template <class F>
  void Range(F&& visit) {
    inner_.Range(std::forward<F>(visit));
  }

  // Spoils all that is cached: O(stripes) more than the inner map's.
  void Clear() {
    const WritingAll writing(Stripes());
    inner_.Clear();
  }

  std::size_t Size() { return inner_.Size(); }
  void Reserve(std::size_t entries) { inner_.Reserve(entries); }

  // Where the inner map applies a batch at once this marks all stripes, O(stripes):
  // whoever has seen one pair of the batch must not hit on the past of another.
  void StoreBatch(std::span<const std::pair<K, V>> batch) {
    if constexpr (kTraits.batch_is_atomic) {
      if (batch.empty()) return;
      const WritingAll writing(Stripes());
      inner_.StoreBatch(batch);
    } else {
      for (const auto& [key, value] : batch) Store(key, value);
    }
  }

  // With the caches of all threads.
  std::size_t MemoryBytes() {
    std::size_t bytes = sizeof(*this) - sizeof(inner_) + inner_.MemoryBytes() +
                        internal::MallocBytes(stripe_count_ * sizeof(Stripe));
    caches_.ForEach([&](const Cache& cache) { bytes += cache.Bytes(); });
    return bytes;
  }

  // hits, misses: reads (compare operations too) answered by a cache and not;
  // stale: of the misses, those that found the key with an old stamp.
  // caches: greatest number of threads that read at one time.
  std::vector<Counter> Counters() const {
    std::uint64_t hits = 0, misses = 0, stale = 0, caches = 0;
    caches_.ForEach([&](const Cache& cache) {
      hits += cache.hits.load(std::memory_order_relaxed);
      misses += cache.misses.load(std::memory_order_relaxed);
      stale += cache.stale.load(std::memory_order_relaxed);
      ++caches;
    });
    return {{"hits", hits}, {"misses", misses}, {"stale", stale}, {"caches", caches}};
  }

  static void Quiesce() {
    if constexpr (requires { Inner::Quiesce(); }) Inner::Quiesce();
  }

 private:
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;

  // Low 16 bits: writers at work. The rest: writes that have ended.
  using Stripe = Atomic<std::uint64_t>;
  static constexpr std::uint64_t kWriter = 1;
  static constexpr std::uint64_t kWriters = 0xffff;
  static constexpr std::uint64_t kVersion = kWriters + 1;
  // No word that is ever met: of the last version, with 65535 writers at work.
  static constexpr std::uint64_t kNever = ~std::uint64_t{0};

  // Around a write of the inner map, for the stripe of its key. The write may
  // throw or change nothing: cached answers are then spoilt for nothing.
  class Writing {
   public:
    explicit Writing(Stripe& stripe) : stripe_(stripe) { Begin(stripe); }
    ~Writing() { End(stripe_); }
    Writing(const Writing&) = delete;
    Writing& operator=(const Writing&) = delete;

   private:
    Stripe& stripe_;
  };

  class WritingAll {
   public:
    explicit WritingAll(std::span<Stripe> stripes) : stripes_(stripes) {
      for (Stripe& stripe : stripes_) Begin(stripe);
    }
    ~WritingAll() {
      for (Stripe& stripe : stripes_) End(stripe);
    }
    WritingAll(const WritingAll&) = delete;
    WritingAll& operator=(const WritingAll&) = delete;

   private:
    std::span<Stripe> stripes_;
  };

  static void Begin(Stripe& stripe) noexcept {
    // (2) relaxed: it is sequenced before the inner map's release of the new
    // value, and readers who acquire that value thereby know of this.
    stripe.fetch_add(kWriter, std::memory_order_relaxed);
  }
  static void End(Stripe& stripe) noexcept {
    // (3) release, pairs with (1): whoever stamps with this word or a later one
    // finds the write in the inner map.
    stripe.fetch_add(kVersion - kWriter, std::memory_order_release);
  }

  using Cached = std::optional<std::pair<K, V>>;
  struct Slot {
    std::uint64_t stamp = kNever;
    Cached entry;
  };

  // Of one thread, who alone touches the slots. The counters have one writer.
  struct alignas(kCacheLine) Cache {
    explicit Cache(std::size_t count)
        : mask(count - 1), slots(std::make_unique<Slot[]>(count)) {}

    std::size_t Bytes() const {
      std::size_t bytes = internal::MallocBytes(sizeof(*this)) +
                          internal::MallocBytes((mask + 1) * sizeof(Slot));
      if constexpr (internal::kOwnsHeap<K> || internal::kOwnsHeap<V>) {
        for (std::size_t i = 0; i <= mask; ++i) {
          if (const auto& entry = slots[i].entry) {
            bytes += internal::HeapBytes(entry->first) +
                     internal::HeapBytes(entry->second);
          }
        }
      }
      return bytes;
    }

    const std::size_t mask;
    const std::unique_ptr<Slot[]> slots;
    Atomic<std::uint64_t> hits{0};
    Atomic<std::uint64_t> misses{0};
    Atomic<std::uint64_t> stale{0};
  };

  // Where a key would be cached, and the word that decides.
  struct Spot {
    Cache& cache;
    Slot& slot;
    Stripe& stripe;
    std::uint64_t word;
  };

  // Stripe and slot from different bits of the hash.
  Stripe& StripeOf(std::uint64_t hash) { return stripes_[hash & (stripe_count_ - 1)]; }
  std::span<Stripe> Stripes() { return {stripes_.get(), stripe_count_}; }

  Spot Look(const K& key) {
    const std::uint64_t hash = Hash{}(key);
    Cache& cache = caches_.Mine([this] { return std::make_unique<Cache>(slots_); });
    Stripe& stripe = StripeOf(hash);
    // (1) acquire, pairs with (3).
    return {cache, cache.slots[(hash >> 32) & cache.mask], stripe,
            stripe.load(std::memory_order_acquire)};
  }

  // The cached value, if it is right.
  const V* Hit(const Spot& spot, const K& key) {
    if (spot.slot.stamp == spot.word && spot.slot.entry->first == key) {
      Bump(spot.cache.hits);
      return &spot.slot.entry->second;
    }
    return nullptr;
  }

  // Takes out what is in the slot. It is destroyed when the slot is in order again, as its
  // destructor may call the map, which may use the slot.
  static Cached Vacate(Slot& slot) {
    slot.stamp = kNever;
    Cached gone;
    if constexpr (internal::kQuietDestructor<K> && internal::kQuietDestructor<V>) {
      slot.entry.reset();
    } else {
      gone.swap(slot.entry);
    }
    return gone;
  }

  // The thread that deletes a key keeps no copy of it.
  void Forget(const Spot& spot, const K& key) {
    if (spot.slot.entry && spot.slot.entry->first == key) {
      Vacate(spot.slot);  // what it returns dies here
    }
  }

  // Visits the inner map, and caches what it says if it is certain. The copy for the
  // cache is made where the inner map calls visitors, so perhaps under its lock.
  template <class F>
  bool Ask(const Spot& spot, const K& key, F&& f) {
    Bump(spot.cache.misses);
    Slot& slot = spot.slot;
    if (slot.stamp != kNever && slot.stamp != spot.word && slot.entry->first == key) {
      Bump(spot.cache.stale);
    }
    Cached gone;  // destroyed when the inner map has let go of its locks
    return inner_.Visit(key, [&](const V& value) {
      f(value);
      if ((spot.word & kWriters) == 0) {
        Vacate(slot).swap(gone);
        try {
          slot.entry.emplace(key, value);
          slot.stamp = spot.word;
        } catch (...) {  // not cached
        }
      }
    });
  }

  static void Bump(Atomic<std::uint64_t>& counter) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + 1,
                  std::memory_order_relaxed);
  }

  const std::size_t slots_;
  const std::size_t stripe_count_;
  const std::unique_ptr<Stripe[]> stripes_;
  internal::PerThread<Cache, Atomics> caches_;
  Inner inner_;
};

}  // namespace cmap

#endif  // CMAP_MAPS_LOOKASIDE_MAP_H_
