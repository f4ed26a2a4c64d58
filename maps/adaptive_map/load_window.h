// SPDX-License-Identifier: Apache-2.0
//
// What adaptive_map.h knows of its load: sampled operations of all threads, added up in
// a window of so many samples, and the rules that make a choice of them.
#ifndef CMAP_MAPS_ADAPTIVE_MAP_LOAD_WINDOW_H_
#define CMAP_MAPS_ADAPTIVE_MAP_LOAD_WINDOW_H_

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"

namespace cmap::internal {

// What one window shows.
struct ObservedLoad {
  double read_share = 0;   // operations that changed nothing
  double reuse = 0;        // lookups that found their key
  double entropy = 1;      // of the keys' hashes over 64 classes: 1 even, 0 all in one
  std::uint32_t threads = 0;
  std::uint32_t writers = 0;  // threads that changed something
};

enum class InnerMap : std::uint8_t {
  kMutex,   // one table, one lock
  kShards,  // many
  kTrie,    // reads without locks
};

// The rules of the study. The table in adaptive_map.h says them in words.
struct StudyRules {
  // Where hash_trie_map and sync_map overtake 64 shards on the axis of read_share (10K
  // keys, two threads): about 70 % reads. Half the width of hysteresis around it.
  static constexpr double kReadShare = 0.70;
  static constexpr double kHysteresis = 0.05;
  // Not measured: with keys this uneven most operations meet in a few shards, however
  // many there are, so the lock-free reads of the trie are given the benefit earlier.
  static constexpr double kSkewedEntropy = 0.50;
  static constexpr double kSkewedReadShare = 0.50;
  // Writers stand still while entries are moved, some 100 ns each.
  static constexpr std::size_t kMostMoved = 1'000'000;

  static InnerMap Choose(InnerMap now, const ObservedLoad& seen) {
    if (seen.threads < 2) return InnerMap::kMutex;
    double wanted = seen.entropy < kSkewedEntropy ? kSkewedReadShare : kReadShare;
    wanted += now == InnerMap::kTrie ? -kHysteresis : kHysteresis;
    return seen.read_share >= wanted ? InnerMap::kTrie : InnerMap::kShards;
  }
};

// Written by all threads, rarely. Counts may run on while they are read and reset: a
// sample that falls between goes to the next window, or in part to either. So a share is
// that of a count in the sum of two, never in a total counted beside them.
template <class Atomics>
class LoadWindow {
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;

 public:
  // One sampled operation. Whether it fills the window.
  bool Add(std::uint32_t thread, std::uint64_t hash, bool lookup, bool found, bool wrote,
           std::uint32_t size) {
    const std::uint64_t bit = std::uint64_t{1} << (thread % 64);
    Set(threads_, bit);
    if (wrote) Set(writers_, bit);
    Increment(wrote ? writes_ : reads_);
    if (lookup) Increment(found ? found_ : missed_);
    Increment(classes_[hash >> 58]);
    return reads_.load(std::memory_order_relaxed) + writes_.load(std::memory_order_relaxed) >= size;
  }

  // What it shows, and a new window. By one thread at a time.
  ObservedLoad Close() {
    const auto take = [](auto& count) { return count.exchange(0, std::memory_order_relaxed); };
    const auto share_of = [](double part, double rest, double of_none) {
      return part + rest > 0 ? part / (part + rest) : of_none;
    };
    ObservedLoad seen;
    seen.threads = static_cast<std::uint32_t>(std::popcount(take(threads_)));
    seen.writers = static_cast<std::uint32_t>(std::popcount(take(writers_)));
    seen.read_share = share_of(take(reads_), take(writes_), 1);
    seen.reuse = share_of(take(found_), take(missed_), 0);
    double bits = 0, all = 0;
    std::array<double, kClasses> counts;
    for (std::size_t i = 0; i < kClasses; ++i) all += counts[i] = take(classes_[i]);
    for (const double n : counts) {
      if (n > 0) bits -= n / all * std::log2(n / all);
    }
    seen.entropy = bits / 6;
    return seen;
  }

 private:
  static constexpr std::size_t kClasses = 64;

  // Relaxed throughout: statistics.
  static void Increment(Atomic<std::uint32_t>& count) {
    count.fetch_add(1, std::memory_order_relaxed);
  }
  static void Set(Atomic<std::uint64_t>& bits, std::uint64_t bit) {
    if ((bits.load(std::memory_order_relaxed) & bit) == 0) {
      bits.fetch_or(bit, std::memory_order_relaxed);
    }
  }

  Atomic<std::uint32_t> reads_{0};
  Atomic<std::uint32_t> writes_{0};
  Atomic<std::uint32_t> found_{0};
  Atomic<std::uint32_t> missed_{0};
  Atomic<std::uint64_t> threads_{0};
  Atomic<std::uint64_t> writers_{0};
  std::array<Atomic<std::uint32_t>, kClasses> classes_ = {};
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_ADAPTIVE_MAP_LOAD_WINDOW_H_
