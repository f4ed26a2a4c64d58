// SPDX-License-Identifier: Apache-2.0
//
// hot_cold_map: a small hot part that is read without a lock, and a cold part
// behind a reader-writer lock. A key lives in one of them.
//
//   Load --> hot: buckets of four slots       hit: no lock, nothing shared written
//              | miss
//              v
//            cold: RW lock, shared  -> hash table
//
//              new key               read often (sampled): promotion
//   (absent) ----------> in cold ------------------------------------> in hot
//       ^                   |    <------------------------------------    |
//       |   delete          |     its slot is wanted by a hotter key:     |
//       +-------------------+     demotion                                |
//       +-----------------------------------------------------------------+
//
// Who may change what:
//   - A hot entry is immutable (hot_cold_map/hot_buckets.h). It is replaced or removed
//     under its bucket's lock; the slot's store is the moment the write takes effect.
//   - The cold table is written, and a slot gets a key that was not hot, only under
//     the cold lock held exclusively. So under the cold lock, shared or not, no key
//     can become hot; it can stop being hot only by being deleted.
//   - A move holds both locks (first cold, then bucket). Between its steps the key
//     may be in both parts, with one value, or in neither: readers who find it hot
//     are right, readers who do not wait for the cold lock.
// Hence: who does not find a key hot, asks under the cold lock, and asks both
// parts. Only there absence is decided. LoadOrStore does not trust what it saw
// under the shared lock: between that and the exclusive lock anybody may insert,
// delete or promote, so it looks at both parts again.
//
// The same holds for promotion. A well-known form of this map promotes by reading
// the value under the shared lock, giving that up, and inserting the value into the
// hot part under the exclusive one. A write in between is then lost, and a deletion
// undone. Here promotion begins with the exclusive lock and reads the key anew; if
// it is gone or has moved there is nothing to do.
//
// Hotness. One in sample_every reads of a thread counts: a hot entry's own heat,
// or, for a cold key, one of 4 * hot_capacity small counters that keys share by
// hash. At `threshold` samples a cold key contends for the least hot slot of its
// bucket. If that entry's heat is not greater than the threshold, they change
// places; otherwise the key has to earn its samples again. Either way the heat of
// all in the bucket is halved: what was hot once cools down as others knock, and not
// only the least of them. Reads count, writes do not: a hot entry makes a write
// dearer by an allocation.
//
// Guarantees. Point operations, Clear and Size are linearizable, but for Size while
// a hot key is being deleted, which it may still count. Load of a hot key is
// wait-free (the epoch guard included); all else blocks. Promotion and demotion are
// paid by the read that found them due, O(1); when they run out of memory, or a copy
// throws, nothing moves and the read has its answer. A key that a comparison of keys
// throws on stays where it was. Clear is atomic: who misses a cleared slot waits for
// the cold lock. Range copies the entries under the shared lock: no key twice, but
// hot entries may change meanwhile. O(n + hot_capacity).
//
// Source: hot/cold separation as in H-Store's anti-caching (J. DeBrabant et al.,
// VLDB 2013) and two-part concurrent maps in Go services; contention by sampled
// frequency after TinyLFU (G. Einziger, R. Friedman, B. Manes, ACM TOS 2017).
#ifndef CMAP_MAPS_HOT_COLD_MAP_H_
#define CMAP_MAPS_HOT_COLD_MAP_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "maps/concurrent_map.h"
#include "maps/hot_cold_map/hot_buckets.h"
#include "maps/internal/atomics.h"
#include "maps/internal/counting/sampler.h"
#include "maps/internal/locks/rw_lock.h"
#include "maps/internal/memory.h"
#include "maps/internal/options.h"
#include "maps/internal/reclamation/epoch.h"
#include "maps/internal/tables/departed.h"
#include "maps/internal/tables/locked_map.h"
#include "maps/internal/tables/table.h"

namespace cmap {

struct HotColdMapOptions {
  std::int64_t hot_capacity = 2048;
  std::int64_t sample_every = 64;
  std::int64_t threshold = 2;
};

template <class K, class V, class Hash = DefaultHash<K>, class Atomics = NativeAtomics>
class HotColdMap {
  using Epochs = internal::EpochDomain<Atomics>;
  using Guard = typename Epochs::Guard;
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;

  using Hot = internal::HotBuckets<K, V, Atomics>;
  using Entry = typename Hot::Entry;
  using Slot = typename Hot::Slot;
  using Bucket = typename Hot::Bucket;

 public:
  using key_type = K;
  using mapped_type = V;
  using Options = HotColdMapOptions;

  static constexpr Traits kTraits = {
      .family = "hot/cold",
      .summary =
          "a bounded part for the keys read most, read without locks, and a "
          "locked hash table for the others",
      .source = "two-part maps of services; sampled frequency after TinyLFU",
      .read_progress = Progress::kBlocking,
      .write_progress = Progress::kBlocking,
      .reclamation = "epochs",
      .growth =
          "the hot part never; the cold one doubles at load factor 1, under "
          "the lock",
      .range = RangeConsistency::kWeak,
      .clear_is_atomic = true,
      .caveat =
          "only reads of hot keys are wait-free; what is hot follows the load "
          "with a delay, by sampling",
  };
  static constexpr std::array<Tunable<Options>, 3> kTunables = {{
      {"hot_capacity", &Options::hot_capacity, 4, 1 << 20,
       "entries of the hot part, a power of two"},
      {"sample_every", &Options::sample_every, 1, 65536,
       "reads of a thread for each that counts, on average: fewer follow the load faster and "
       "cost more"},
      {"threshold", &Options::threshold, 1, 255,
       "counted reads after which a cold key contends for a place in the hot part"},
  }};

  HotColdMap() : HotColdMap(Options{}) {}
  explicit HotColdMap(const Options& options)
      : period_(static_cast<std::uint32_t>(
            internal::CheckOptions("hot_cold_map", options, kTunables).sample_every)),
        threshold_(static_cast<std::uint32_t>(options.threshold)),
        hot_(static_cast<std::size_t>(
            internal::CheckPowerOfTwo("hot_cold_map", "hot_capacity", options.hot_capacity))),
        samples_(std::make_unique<Atomic<std::uint8_t>[]>(SampleCount())) {}
  HotColdMap(const HotColdMap&) = delete;
  HotColdMap& operator=(const HotColdMap&) = delete;

  std::optional<V> Load(const K& key) { return LoadByVisit<V>(*this, key); }

  template <class F>
  [[gnu::always_inline]] bool Visit(const K& key, F&& f) {
    const std::uint64_t hash = Hash{}(key);
    Guard guard;
    return VisitHashed(guard, hash, key, f);
  }

  void Store(const K& key, const V& value) {
    Write(
        key, &value, [](const V&) { return true; }, [](const V&) {},
        [&](std::uint64_t hash) {
          cold_.Store(hash, key, value);
          return true;
        });
  }

  std::optional<V> Swap(const K& key, const V& value) {
    std::optional<V> old;
    Write(
        key, &value, [](const V&) { return true; }, [&](const V& v) { old.emplace(v); },
        [&](std::uint64_t hash) {
          old = cold_.Swap(hash, key, value);
          return true;
        });
    return old;
  }

  bool CompareAndSwap(const K& key, const V& expected, const V& desired) {
    return Write(
        key, &desired, [&](const V& v) { return v == expected; }, [](const V&) {},
        [&](std::uint64_t hash) { return cold_.CompareAndSwap(hash, key, expected, desired); });
  }

  std::optional<V> LoadAndDelete(const K& key) {
    std::optional<V> old;
    Write(
        key, nullptr, [](const V&) { return true; }, [&](const V& v) { old.emplace(v); },
        [&](std::uint64_t hash) {
          old = cold_.LoadAndDelete(hash, key);
          return true;
        });
    return old;
  }

  bool Delete(const K& key) {
    return Write(
        key, nullptr, [](const V&) { return true; }, [](const V&) {},
        [&](std::uint64_t hash) { return cold_.Delete(hash, key); });
  }

  bool CompareAndDelete(const K& key, const V& expected) {
    return Write(
        key, nullptr, [&](const V& v) { return v == expected; }, [](const V&) {},
        [&](std::uint64_t hash) { return cold_.CompareAndDelete(hash, key, expected); });
  }

  Loaded<V> LoadOrStore(const K& key, const V& value) {
    return LoadOrInsert(key,
                        [&](std::uint64_t hash) { return cold_.LoadOrStore(hash, key, value); });
  }

  // `make` runs under the cold lock, held exclusively.
  template <class F>
  Loaded<V> LoadOrCompute(const K& key, F&& make) {
    return LoadOrInsert(key, [&](std::uint64_t hash) {
      return cold_.LoadOrCompute(hash, key, std::forward<F>(make));
    });
  }

  template <class F>
  void Range(F&& visit) {
    std::vector<std::pair<K, V>> entries;
    {
      Guard guard;
      const ColdShared cold(lock_);
      cold_.AppendTo(entries);
      hot_.ForEach([&](const Entry& e) { entries.emplace_back(e.key, e.value); });
    }
    internal::VisitAll(entries, visit);
  }

  // O(n + hot_capacity) under the cold lock; hot entries are freed later.
  void Clear() {
    Guard guard;
    guard.Prepare(1);
    const ColdExclusive cold(cold_, lock_);
    cold_.Clear();
    Entry* removed = nullptr;
    std::size_t count = 0;
    hot_.ForEachBucket([&](Bucket& bucket) {
      const std::lock_guard lock(bucket.lock);
      for (Slot& slot : bucket.slots) {
        Entry* entry = slot.load(std::memory_order_relaxed);
        if (entry == nullptr) continue;
        Vacate(slot);
        entry->next_removed = removed;  // readers do not look at it
        removed = entry;
        ++count;
      }
    });
    if (removed == nullptr) return;
    guard.Retire(
        removed,
        [](void* first) {
          for (auto* e = static_cast<Entry*>(first); e != nullptr;) {
            delete std::exchange(e, e->next_removed);
          }
        },
        count * sizeof(Entry));
  }

  std::size_t Size() {
    const ColdShared cold(lock_);
    return cold_.Size() + hot_size_.load(std::memory_order_relaxed);
  }

  // Of the cold part, where all keys begin.
  void Reserve(std::size_t entries) {
    const ColdExclusive cold(cold_, lock_);
    cold_.Reserve(entries);
  }

  void StoreBatch(std::span<const std::pair<K, V>> batch) {
    for (const auto& [key, value] : batch) Store(key, value);
  }

  std::size_t MemoryBytes() {
    return sizeof(*this) + hot_.HeapBytesHeld() + internal::MallocBytes(SampleCount()) +
           cold_.HeapBytesHeld();
  }

  // promotions, demotions: moves. rejections: contests a cold key lost. hot_hits,
  // cold_hits: counted reads that found their key there, one in sample_every.
  // hot_entries: keys that are hot now.
  std::vector<Counter> Counters() const {
    const ColdShared cold(lock_);
    return {{"promotions", promotions_},
            {"demotions", demotions_},
            {"rejections", rejections_},
            {"hot_hits", hot_hits_.load(std::memory_order_relaxed)},
            {"cold_hits", cold_hits_.load(std::memory_order_relaxed)},
            {"hot_entries", hot_size_.load(std::memory_order_relaxed)}};
  }

  // Frees what maps of this kind have put aside, as far as no thread is in a map.
  static void Quiesce() { Epochs::Drain(); }

 private:
  using Lock = internal::WriterPreferringLock<Atomics>;
  using ColdShared = internal::SharedGuard<Lock>;
  using ColdExclusive = internal::Departing<internal::Table<K, V>, Lock>;

  enum class Outcome { kNotHot, kRefused, kDone };

  template <class F>
  bool VisitHashed(Guard& guard, std::uint64_t hash, const K& key, F&& f) {
    Bucket& bucket = hot_.BucketOf(hash);
    const bool counts = internal::Sampler::Due(period_);
    Entry* hot = nullptr;
    if (Hot::Find(bucket, hash, key, hot) != nullptr) {
      if (counts) [[unlikely]] {
        Raise(hot->heat);
        hot_hits_.fetch_add(1, std::memory_order_relaxed);
      }
      f(hot->value);
      return true;
    }
    {
      const ColdShared cold(lock_);
      if (const V* value = cold_.Find(hash, key)) {
        f(*value);
      } else if (Hot::Find(bucket, hash, key, hot) != nullptr) {
        f(hot->value);  // promoted since we looked
        return true;
      } else {
        return false;
      }
    }
    if (counts) [[unlikely]] {
      CountCold(guard, hash, key);
    }
    return true;
  }

  // Absence is decided under the exclusive lock, whatever was seen before.
  template <class Insert>
  Loaded<V> LoadOrInsert(const K& key, const Insert& insert) {
    const std::uint64_t hash = Hash{}(key);
    Guard guard;
    std::optional<V> found;
    if (VisitHashed(guard, hash, key, [&](const V& value) { found.emplace(value); })) {
      return {*std::move(found), true};
    }
    const ColdExclusive cold(cold_, lock_);
    Entry* hot = nullptr;
    if (Hot::Find(hot_.BucketOf(hash), hash, key, hot) != nullptr) return {hot->value, true};
    return insert(hash);
  }

  // Puts *value in the place of what the key holds, or removes it if value is
  // null, provided `wanted` says so of the present value; `seen` takes that. If the
  // key is not hot, `write_cold` does all this in the cold part. Whether it was
  // done.
  template <class Wanted, class Seen, class WriteCold>
  bool Write(const K& key, const V* value, const Wanted& wanted, const Seen& seen,
             const WriteCold& write_cold) {
    const std::uint64_t hash = Hash{}(key);
    Guard guard;
    std::unique_ptr<Entry> fresh;  // outlives the locks if it is not wanted
    Outcome outcome = WriteHot(guard, hash, key, value, fresh, wanted, seen);
    if (outcome != Outcome::kNotHot) return outcome == Outcome::kDone;
    const ColdExclusive cold(cold_, lock_);
    // Again: it may have been promoted. From now on it cannot.
    outcome = WriteHot(guard, hash, key, value, fresh, wanted, seen);
    if (outcome != Outcome::kNotHot) return outcome == Outcome::kDone;
    return write_cold(hash);
  }

  template <class Wanted, class Seen>
  Outcome WriteHot(Guard& guard, std::uint64_t hash, const K& key, const V* value,
                   std::unique_ptr<Entry>& fresh, const Wanted& wanted, const Seen& seen) {
    Bucket& bucket = hot_.BucketOf(hash);
    Entry* old = nullptr;
    if (Hot::Find(bucket, hash, key, old) == nullptr) return Outcome::kNotHot;
    if (value != nullptr && fresh == nullptr) fresh = std::make_unique<Entry>(hash, key, *value, 0);
    const std::lock_guard lock(bucket.lock);
    Slot* slot = Hot::Find(bucket, hash, key, old);
    if (slot == nullptr) return Outcome::kNotHot;  // deleted or demoted meanwhile
    if (!wanted(old->value)) return Outcome::kRefused;
    seen(old->value);
    guard.Prepare(1);  // the last step that may throw
    if (fresh) {
      fresh->heat.store(old->heat.load(std::memory_order_relaxed), std::memory_order_relaxed);
      Hot::Replace(*slot, std::move(fresh));
    } else {
      Vacate(*slot);
    }
    guard.Retire(old);
    return Outcome::kDone;
  }

  // Under the bucket's lock.
  void Vacate(Slot& slot) {
    // It shows nothing, but hides what was there: see HotBuckets::Find.
    slot.store(nullptr, std::memory_order_seq_cst);
    hot_size_.fetch_sub(1, std::memory_order_relaxed);
  }

  // Not an atomic increment: a count lost now and then costs less.
  template <class T>
  static T Raise(Atomic<T>& count) {
    const T now = count.load(std::memory_order_relaxed);
    if (now == static_cast<T>(~T{0})) return now;
    count.store(static_cast<T>(now + 1), std::memory_order_relaxed);
    return static_cast<T>(now + 1);
  }

  std::size_t SampleCount() const { return 4 * hot_.capacity(); }

  void CountCold(Guard& guard, std::uint64_t hash, const K& key) {
    cold_hits_.fetch_add(1, std::memory_order_relaxed);
    Atomic<std::uint8_t>& samples = samples_[(hash >> 24) & (SampleCount() - 1)];
    if (Raise(samples) < threshold_) return;
    samples.store(0, std::memory_order_relaxed);
    try {
      Promote(guard, hash, key);
    } catch (...) {
      // The read has its answer, and every step left each key in one part.
    }
  }

  void Promote(Guard& guard, std::uint64_t hash, const K& key) {
    std::unique_ptr<Entry> fresh;  // outlives the lock if it is not wanted
    const ColdExclusive cold(cold_, lock_);
    // Not what the read saw: that was under a lock since given up.
    const V* value = cold_.Find(hash, key);
    if (value == nullptr) return;  // deleted, or promoted by another
    fresh = std::make_unique<Entry>(hash, key, *value, threshold_);
    Bucket& bucket = hot_.BucketOf(hash);
    const std::lock_guard lock(bucket.lock);
    const std::size_t i = Hot::LeastHot(bucket);
    Slot& slot = bucket.slots[i];
    if (Entry* victim = slot.load(std::memory_order_relaxed)) {
      const std::uint32_t heat = victim->heat.load(std::memory_order_relaxed);
      Hot::HalveHeat(bucket);
      if (heat > threshold_) {
        ++rejections_;
        return;
      }
      guard.Prepare(1);
      cold_.Store(victim->hash, victim->key, victim->value);
      Vacate(slot);
      guard.Retire(victim);
      ++demotions_;
    }
    cold_.Delete(hash, key);  // throws only what comparing keys throws
    Hot::Fill(bucket, i, std::move(fresh));
    hot_size_.fetch_add(1, std::memory_order_relaxed);
    ++promotions_;
  }

  const std::uint32_t period_;
  const std::uint32_t threshold_;
  Hot hot_;
  const std::unique_ptr<Atomic<std::uint8_t>[]> samples_;

  // Away from what readers of the hot part read.
  alignas(kCacheLine) Atomic<std::uint64_t> hot_hits_{0};
  Atomic<std::uint64_t> cold_hits_{0};
  Atomic<std::size_t> hot_size_{0};  // written under bucket locks

  // The cold part. All that follows is under the lock.
  alignas(kCacheLine) mutable Lock lock_;
  internal::Table<K, V> cold_;
  std::uint64_t promotions_ = 0;
  std::uint64_t demotions_ = 0;
  std::uint64_t rejections_ = 0;
};

}  // namespace cmap

#endif  // CMAP_MAPS_HOT_COLD_MAP_H_
