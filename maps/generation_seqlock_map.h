// SPDX-License-Identifier: Apache-2.0
//
// generation_seqlock_map: a table that is changed in place, and a generation
// number that tells a reader whether it changed while it was read.
//
//   generation    even: at rest          odd: a writer is at work
//
//        even g  --(announce)-->  odd g+1  --(change words)-->  even g+2
//
//   reader:  g = generation; odd: again
//            look the key up, word by word
//            generation == g ? the answer stands : again
//   writer:  mutex; announce; store words; generation to the next even number
//
// This is one of two correct forms of "stamp the data with a generation, read
// it before and after" (the other is generation_pointer_map). A form that is in
// print keeps the data behind a pointer, reads the generation, the data and the
// generation again, and then reads the data a second time to return it. That
// second read lies behind the check: what it returns may be of any later
// generation, or torn between two. Besides, its payload is read by ordinary loads
// while a writer may store to it, which is a data race and hence undefined; its
// writer says neither before nor after which stores the number moves; and when a
// writer replaces what the pointer leads to, nothing says when the old object may
// be freed: a generation that never repeats rules out that a reader takes the new
// object for the old one, not that it reads memory that was given back. Here the
// value is taken between the two checks and only then returned; every word is
// atomic; the number is odd exactly while words change; and nothing is freed.
//
// Table. Keys and values of one word each in open addressing (internal/
// word_image.h); types that do not fit a word are refused at compile time, as
// there is no way to read them while they may change. A table that is full is
// copied into one of twice the size, which is published by its pointer before the
// change that needed the room. The old one is kept until the map is destroyed,
// because readers without any guard may still be in it: it no longer changes, so
// they fail their check only if the new one does. All old tables together are at
// most as large as the present one; MemoryBytes() counts them.
//
// Readers write nothing that is shared and reserve nothing. Their price is that
// they can fail: a writer makes all concurrent lookups repeat, whatever key it
// writes. After `attempts` failures a reader takes the writers' mutex, so it
// cannot starve, and parks behind a writer that was preempted at an odd number.
//
// Why a reader whose check succeeds has seen one state. The numbers are those in
// the code and in word_image.h.
//   - It misses no change before g: the change was stored before (3), which (4)
//     acquires. That includes the pointer to the table.
//   - It sees no word of a later change: such a word is stored (1) after the odd
//     number (5), and the reader's load of it (2) acquires that; so the second
//     load of the generation (6), which comes after it, would return the odd
//     number or a later one.
//
// Guarantees. Every operation, those on the whole map included, is linearizable:
// readers at their first load of the generation that stands, writers at their
// last store. All are blocking (a writer stopped at an odd number stops readers);
// readers do not block writers. Range copies the entries under the mutex and
// visits a snapshot. Exceptions come before the announcement and change nothing.
//
// Source: sequence locks: C. Lameter, "Effective synchronization on Linux/NUMA
// systems", Gelato 2005; their memory orders: H.-J. Boehm, MSPC 2012.
#ifndef CMAP_MAPS_GENERATION_SEQLOCK_MAP_H_
#define CMAP_MAPS_GENERATION_SEQLOCK_MAP_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "maps/concurrent_map.h"
#include "maps/generation_seqlock_map/word_image.h"
#include "maps/internal/atomics.h"
#include "maps/internal/options.h"

namespace cmap {

struct GenerationSeqlockMapOptions {
  std::int64_t attempts = 32;
};

template <internal::WordKey K, internal::WordSized V, class Hash = DefaultHash<K>,
          class Atomics = NativeAtomics>
class alignas(kCacheLine) GenerationSeqlockMap {
  using Image = internal::WordImage<Atomics>;
  using Place = typename Image::Place;
  using Lock = std::unique_lock<typename Atomics::Mutex>;
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;

 public:
  using key_type = K;
  using mapped_type = V;
  using Options = GenerationSeqlockMapOptions;

  static constexpr Traits kTraits = {
      .family = "sequence lock",
      .summary = "one table changed in place; readers check a generation number "
                 "before and after and repeat when it moved",
      .source = "sequence locks; orders after H.-J. Boehm, MSPC 2012",
      .read_progress = Progress::kBlocking,
      .write_progress = Progress::kBlocking,
      .reclamation = "none: outgrown tables are kept while the map lives",
      .growth = "the inserting thread copies into a table of twice the size, "
                "while readers go on",
      .range = RangeConsistency::kSnapshot,
      .batch_is_atomic = true,
      .clear_is_atomic = true,
      .after_deletion = AfterDeletion::kAll,
      .caveat = "keys and values of one word only; every write makes all "
                "concurrent readers repeat, whatever key it writes",
  };
  static constexpr std::array<Tunable<Options>, 1> kTunables = {{
      {"attempts", &Options::attempts, 0, 1'000'000,
       "lookups without a lock before a reader takes the writers' mutex; 0: "
       "every reader takes it"},
  }};

  GenerationSeqlockMap() : GenerationSeqlockMap(Options{}) {}
  explicit GenerationSeqlockMap(const Options& options)
      : attempts_(internal::CheckOptions("generation_seqlock_map", options,
                                         kTunables)
                      .attempts) {
    Publish(std::make_unique<Image>(Image::kLeastCapacity));
  }
  GenerationSeqlockMap(const GenerationSeqlockMap&) = delete;
  GenerationSeqlockMap& operator=(const GenerationSeqlockMap&) = delete;

  std::optional<V> Load(const K& key) { return LoadByVisit<V>(*this, key); }

  // Repeats while writers interfere, then waits for them.
  template <class F>
  [[gnu::always_inline]] bool Visit(const K& key, F&& f) {
    const auto word = LoadWord(Hash{}(key), internal::ToWord(key));
    if (!word) return false;
    f(Value(*word));
    return true;
  }

  void Store(const K& key, const V& value) { Swap(key, value); }

  Loaded<V> LoadOrStore(const K& key, const V& value) {
    return LoadOrCompute(key, [&value]() -> const V& { return value; });
  }

  // `make` runs under the writers' mutex, at an even generation: readers go on.
  template <class F>
  Loaded<V> LoadOrCompute(const K& key, F&& make) {
    const std::uint64_t hash = Hash{}(key);
    const std::uint64_t word = internal::ToWord(key);
    if (const auto found = LoadWord(hash, word)) return {Value(*found), true};
    const Lock lock(mu_);
    const Place place = images_.back()->Locate(hash, word);
    if (place.present) return {Value(images_.back()->ValueAt(place)), true};
    const V value = std::forward<F>(make)();
    Put(hash, word, place, value);
    return {value, false};
  }

  std::optional<V> LoadAndDelete(const K& key) {
    return Remove(key, [](const V&) { return true; });
  }
  bool Delete(const K& key) { return LoadAndDelete(key).has_value(); }

  std::optional<V> Swap(const K& key, const V& value) {
    const std::uint64_t hash = Hash{}(key);
    const std::uint64_t word = internal::ToWord(key);
    const Lock lock(mu_);
    const Place place = images_.back()->Locate(hash, word);
    std::optional<V> old;
    if (place.present) old = Value(images_.back()->ValueAt(place));
    Put(hash, word, place, value);
    return old;
  }

  bool CompareAndSwap(const K& key, const V& expected, const V& desired) {
    const std::uint64_t hash = Hash{}(key);
    const std::uint64_t word = internal::ToWord(key);
    const Lock lock(mu_);
    const Place place = images_.back()->Locate(hash, word);
    if (!place.present) return false;
    if (!(Value(images_.back()->ValueAt(place)) == expected)) return false;
    Put(hash, word, place, desired);
    return true;
  }

  bool CompareAndDelete(const K& key, const V& expected) {
    return Remove(key, [&](const V& now) { return now == expected; })
        .has_value();
  }

  template <class F>
  void Range(F&& visit) {
    std::vector<std::pair<K, V>> entries;
    {
      const Lock lock(mu_);
      entries.reserve(Entries());
      images_.back()->ForEach([&](std::uint64_t key, std::uint64_t value) {
        entries.emplace_back(internal::FromWord<K>(key), Value(value));
      });
    }
    for (const auto& [key, value] : entries) {
      if (!visit(key, value)) return;
    }
  }

  // Readers wait for all of it: O(capacity).
  void Clear() {
    const Lock lock(mu_);
    const Change change(*this);
    images_.back()->Clear();
    SetEntries(0);
  }

  // Wait-free.
  std::size_t Size() { return size_.load(std::memory_order_acquire); }  // (7)

  void Reserve(std::size_t entries) {
    const Lock lock(mu_);
    MakeRoomFor(entries);
  }

  // One generation for the whole batch, for which readers wait.
  void StoreBatch(std::span<const std::pair<K, V>> batch) {
    if (batch.empty()) return;
    std::vector<std::uint64_t> hashes;  // all that may throw, first
    hashes.reserve(batch.size());
    for (const auto& [key, value] : batch) hashes.push_back(Hash{}(key));
    const Lock lock(mu_);
    std::size_t fresh = 0;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      fresh += !images_.back()
                    ->Locate(hashes[i], internal::ToWord(batch[i].first))
                    .present;
    }
    MakeRoomFor(Entries() + fresh);
    Image& image = *images_.back();
    std::size_t entries = Entries();
    const Change change(*this);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const std::uint64_t word = internal::ToWord(batch[i].first);
      const Place place = image.Locate(hashes[i], word);
      image.Put(place, word, internal::ToWord(batch[i].second));
      entries += !place.present;
    }
    SetEntries(entries);
  }

  std::size_t MemoryBytes() {
    std::size_t bytes =
        sizeof(*this) +
        internal::MallocBytes(images_.capacity() * sizeof(images_[0])) +
        internal::MallocBytes(moves_.capacity() * sizeof(moves_[0]));
    for (const auto& image : images_) {
      bytes += internal::MallocBytes(sizeof(Image)) + image->HeapBytesHeld();
    }
    return bytes;
  }

  // Changes so far. Two equal answers: nothing changed between them. Even if a
  // change is made every nanosecond the number does not repeat within a century.
  std::uint64_t Generation() const {
    return generation_.load(std::memory_order_acquire) / 2;
  }

  // generations: changes; retries: lookups that a writer spoiled; fallbacks:
  // lookups that took the mutex in the end; tables: tables kept.
  std::vector<Counter> Counters() const {
    const Lock lock(mu_);
    return {{"generations", Generation()},
            {"retries", retries_.load(std::memory_order_relaxed)},
            {"fallbacks", fallbacks_.load(std::memory_order_relaxed)},
            {"tables", images_.size()}};
  }

 private:
  static V Value(std::uint64_t word) { return internal::FromWord<V>(word); }
  static std::optional<V> Decode(std::optional<std::uint64_t> word) {
    if (!word) return std::nullopt;
    return Value(*word);
  }
  static std::uint64_t HashWord(std::uint64_t word) {
    return Hash{}(internal::FromWord<K>(word));
  }

  std::optional<std::uint64_t> LoadWord(std::uint64_t hash, std::uint64_t key) {
    for (std::int64_t spoiled = 0; spoiled < attempts_; ++spoiled) {
      // (4) acquire, pairs with (3).
      const std::uint64_t before = generation_.load(std::memory_order_acquire);
      if (before % 2 == 0) [[likely]] {
        // (8) acquire, pairs with (9): the table as it was filled.
        const Image* image = image_.load(std::memory_order_acquire);
        const auto found = image->Find(hash, key);
        // (6) relaxed: cannot move before the acquiring loads (2) of Find().
        if (generation_.load(std::memory_order_relaxed) == before) [[likely]] {
          return found;
        }
      }
      retries_.fetch_add(1, std::memory_order_relaxed);
      Atomics::Pause();
    }
    fallbacks_.fetch_add(1, std::memory_order_relaxed);
    const Lock lock(mu_);
    const Place place = images_.back()->Locate(hash, key);
    if (!place.present) return std::nullopt;
    return images_.back()->ValueAt(place);
  }

  // The generation is odd for the scope, in which nothing may throw. Under the
  // mutex.
  class Change {
   public:
    explicit Change(GenerationSeqlockMap& map)
        : generation_(map.generation_),
          odd_(generation_.load(std::memory_order_relaxed) + 1) {
      // (5) relaxed: the release of each word (1) publishes it with the word.
      generation_.store(odd_, std::memory_order_relaxed);
    }
    // (3) release, pairs with (4).
    ~Change() { generation_.store(odd_ + 1, std::memory_order_release); }
    Change(const Change&) = delete;
    Change& operator=(const Change&) = delete;

   private:
    Atomic<std::uint64_t>& generation_;
    const std::uint64_t odd_;
  };

  // What follows: under the mutex.

  std::size_t Entries() const { return size_.load(std::memory_order_relaxed); }
  void SetEntries(std::size_t n) {
    // (7) release and acquire: whoever counts a change can find it.
    size_.store(n, std::memory_order_release);
  }

  void Publish(std::unique_ptr<Image> image) {
    images_.push_back(std::move(image));
    // (9) release, pairs with (8). No change of the generation: the content is
    // the same.
    image_.store(images_.back().get(), std::memory_order_release);
  }

  void MakeRoomFor(std::size_t entries) {
    const Image& now = *images_.back();
    if (now.HasRoomFor(entries)) [[likely]] return;
    auto next = std::make_unique<Image>(Image::CapacityFor(entries));
    now.ForEach([&](std::uint64_t key, std::uint64_t value) {
      next->Put(next->Locate(HashWord(key), key), key, value);
    });
    Publish(std::move(next));
  }

  void Put(std::uint64_t hash, std::uint64_t key, Place place, const V& value) {
    if (!place.present && !images_.back()->HasRoomFor(Entries() + 1)) {
      MakeRoomFor(Entries() + 1);
      place = images_.back()->Locate(hash, key);
    }
    const Change change(*this);
    images_.back()->Put(place, key, internal::ToWord(value));
    if (!place.present) SetEntries(Entries() + 1);
  }

  template <class If>
  std::optional<V> Remove(const K& key, If&& wanted) {
    const std::uint64_t hash = Hash{}(key);
    const Lock lock(mu_);
    Image& image = *images_.back();
    const Place place = image.Locate(hash, internal::ToWord(key));
    if (!place.present) return std::nullopt;
    const V now = Value(image.ValueAt(place));
    if (!wanted(now)) return std::nullopt;
    image.PlanErase(place, &HashWord, moves_);
    const Change change(*this);
    image.Erase(place, moves_);
    SetEntries(Entries() - 1);
    return now;
  }

  // Read by every reader.
  Atomic<std::uint64_t> generation_{0};
  Atomic<const Image*> image_{nullptr};
  const std::int64_t attempts_;
  Atomic<std::size_t> size_{0};
  // Written by readers, but only by those who fail.
  alignas(kCacheLine) Atomic<std::uint64_t> retries_{0};
  Atomic<std::uint64_t> fallbacks_{0};
  // Writers.
  alignas(kCacheLine) mutable typename Atomics::Mutex mu_;
  std::vector<std::unique_ptr<Image>> images_;  // the present one is the last
  typename Image::Moves moves_;                 // of the deletion in progress
};

}  // namespace cmap

#endif  // CMAP_MAPS_GENERATION_SEQLOCK_MAP_H_
