// SPDX-License-Identifier: Apache-2.0
//
// Maps with one deliberate mistake each, to show that the kit finds it. The map
// is a mutex around a std::map; kNone is correct and must pass everything. Where
// a mistake is a window between two sections of the lock, the map yields inside
// it, as a preempted thread would.
#ifndef CMAP_MAPS_TESTING_FLAWED_MAP_H_
#define CMAP_MAPS_TESTING_FLAWED_MAP_H_

#include <array>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "maps/concurrent_map.h"
#include "maps/internal/memory.h"
#include "maps/testing/faults.h"

namespace cmap::testing {

enum class Flaw {
  kNone,
  kVisitsTwice,            // Visit calls its function again
  kVisitsAbsent,           // Visit of an absent key hands out the default value
  kVisitSaysAbsent,        // Visit calls its function and returns false
  kVisitSwallows,          // Visit swallows what its function throws
  kVisitKeepsLockOnThrow,  // a function that throws leaves the mutex locked
  kSplitCompareAndSwap,    // compares, then stores, in two sections
  kSplitLoadOrStore,       // looks, then stores, in two sections
  kSplitLoadAndDelete,     // loads, then deletes, in two sections
  kSplitCompareAndDelete,  // compares, then deletes, in two sections
  kSplitSwap,              // reads the old value, then stores, in two sections
  kSplitDelete,            // answers from a look, deletes in a second section
  kComputesOutsideLock,    // LoadOrCompute calls f before it knows
  kCasOnAbsentSucceeds,    // absent equals the default value
  kCadOnAbsentSucceeds,    // the same for CompareAndDelete
  kCasIgnoresExpected,     // swaps whatever the key holds
  kStoreKeepsOld,          // Store of a present key does nothing
  kDeleteAlwaysTrue,       // says true for absent keys
  kLoadOrStoreReturnsNew,  // returns the offered value when one is present
  kSwapReturnsNew,         // returns the new value instead of the old
  kRangeVisitsTwice,       // visits the first key again at the end
  kRangeSkipsLast,         // misses the greatest key
  kRangeIgnoresStop,       // goes on after false
  kRangeHoldsCopyTooLong,  // Range loads each key, claims a snapshot
  kClearKeepsOne,          // leaves the least key
  kClearInSteps,           // clears key by key, claims to be atomic
  kBatchInSteps,           // stores pair by pair, claims to be atomic
  kBatchFirstWins,         // applies a batch from its end
  kSizeDrifts,             // counts a deletion of an absent key
  kSizeCountsRaced,        // counts in an unsynchronised step of its own
  kReserveClears,          // starts over
  kLeaksOnDelete,          // keeps the values of deleted keys for ever
  kLeaksOnClear,           // never destroys what Clear removes
  kRetainsDeleted,         // destroys deleted values only with the map
  kUsesDestroyedValue,     // reads the value after it destroyed it
  kThrowLosesValue,        // Swap takes the old value before copying the new
  kComparesAfterErasing,   // CompareAndDelete erases, compares, puts back
  kCountsBeforeHashing,    // a hash that throws leaves the count too large
  kLosesKeyOnBadAlloc,     // Store removes the old entry, then allocates
  kKeepsLockOnThrow,       // a copy that throws leaves the mutex locked
  kMemoryConstant,         // MemoryBytes counts the object only
  kMemoryForgetsStrings,   // MemoryBytes counts nodes, not characters
  kIgnoresOptions,         // accepts every Options
  kTunableBreaks,          // works only with the initial value of a tunable
  kTunableSplitsCompute,   // LoadOrCompute does not check again with another one
  kLosesKeysOnGrowth,      // drops a key when it outgrows a power of two
};

struct FlawedOptions {
  std::int64_t level = 4;
};

template <class K, class V, Flaw kFlaw>
class FlawedMap {
 public:
  using key_type = K;
  using mapped_type = V;
  using Options = FlawedOptions;

  static constexpr Traits kTraits = {
      .family = "flawed",
      .summary = "a map with one deliberate mistake",
      .source = "the conformance kit's own test",
      .read_progress = Progress::kBlocking,
      .write_progress = Progress::kBlocking,
      .reclamation = "none needed",
      .growth = "node by node",
      .range = RangeConsistency::kSnapshot,
      .batch_is_atomic = true,
      .clear_is_atomic = true,
  };
  static constexpr std::array<Tunable<Options>, 1> kTunables = {{
      {"level", &Options::level, 1, 9, "no effect"},
  }};

  FlawedMap() = default;
  explicit FlawedMap(const Options& options) : level_(options.level) {
    if (kFlaw != Flaw::kIgnoresOptions && (level_ < 1 || level_ > 9)) {
      throw std::invalid_argument("flawed: level is " + std::to_string(level_) +
                                  "; choose a value from 1 to 9");
    }
  }
  FlawedMap(const FlawedMap&) = delete;
  FlawedMap& operator=(const FlawedMap&) = delete;

  std::optional<V> Load(const K& key) { return LoadByVisit<V>(*this, key); }

  template <class F>
  bool Visit(const K& key, F&& f) {
    // The next to come is told so, where it would wait for ever.
    if (held_) throw std::logic_error("the lock is never released");
    Guard guard(mutex_);
    if (kFlaw == Flaw::kTunableBreaks && level_ == 9) return false;
    const auto it = map_.find(key);
    if (it == map_.end()) {
      if constexpr (kFlaw == Flaw::kVisitsAbsent) f(V());
      return false;
    }
    if constexpr (kFlaw == Flaw::kVisitKeepsLockOnThrow) held_ = true;
    try {
      f(std::as_const(it->second));
    } catch (...) {
      if constexpr (kFlaw != Flaw::kVisitSwallows) throw;
    }
    if constexpr (kFlaw == Flaw::kVisitKeepsLockOnThrow) held_ = false;
    if constexpr (kFlaw == Flaw::kVisitsTwice) f(std::as_const(it->second));
    return kFlaw != Flaw::kVisitSaysAbsent;
  }

  void Store(const K& key, const V& value) {
    Guard guard(mutex_);
    if constexpr (kFlaw == Flaw::kCountsBeforeHashing) {
      ++drift_;
      FaultyHash{}(key);
      --drift_;
    }
    if constexpr (kFlaw == Flaw::kLosesKeyOnBadAlloc) {
      map_.erase(key);
      map_.emplace(key, value);
      return;
    }
    StoreLocked(key, value);
  }

  Loaded<V> LoadOrStore(const K& key, const V& value) {
    if constexpr (kFlaw == Flaw::kKeepsLockOnThrow) {
      // The next to come is told so, where it would wait for ever.
      if (held_.exchange(true)) throw std::logic_error("the lock is never released");
      Guard guard(mutex_);
      const auto [it, fresh] = map_.emplace(key, value);
      Loaded<V> result{it->second, !fresh};
      held_ = false;
      return result;
    }
    std::unique_lock<std::mutex> guard(mutex_);
    if (std::optional<V> found = Find(key)) {
      if constexpr (kFlaw == Flaw::kLoadOrStoreReturnsNew) return {value, true};
      return {*found, true};
    }
    Window(Flaw::kSplitLoadOrStore, guard);
    Loaded<V> result{value, false};
    StoreLocked(key, value);
    return result;
  }

  template <class F>
  Loaded<V> LoadOrCompute(const K& key, F&& make) {
    if constexpr (kFlaw == Flaw::kComputesOutsideLock) {
      if (std::optional<V> found = Load(key)) return {*found, true};
      return LoadOrStore(key, make());
    }
    if (kFlaw == Flaw::kTunableSplitsCompute && level_ == 9) {
      if (std::optional<V> found = Load(key)) return {*found, true};
      Loaded<V> result{make(), false};
      Store(key, result.value);
      return result;
    }
    Guard guard(mutex_);
    if (std::optional<V> found = Find(key)) return {*found, true};
    Loaded<V> result{make(), false};
    StoreLocked(key, result.value);
    return result;
  }

  std::optional<V> LoadAndDelete(const K& key) {
    std::unique_lock<std::mutex> guard(mutex_);
    std::optional<V> found = Find(key);
    if (!found) return std::nullopt;
    Window(Flaw::kSplitLoadAndDelete, guard);
    Erase(key);
    return found;
  }

  bool Delete(const K& key) {
    std::unique_lock<std::mutex> guard(mutex_);
    const bool present = map_.contains(key);
    Window(Flaw::kSplitDelete, guard);
    Erase(key);
    if (kFlaw == Flaw::kSizeDrifts && !present) --drift_;
    return present || kFlaw == Flaw::kDeleteAlwaysTrue;
  }

  std::optional<V> Swap(const K& key, const V& value) {
    std::unique_lock<std::mutex> guard(mutex_);
    if constexpr (kFlaw == Flaw::kThrowLosesValue) {
      const auto it = map_.find(key);
      if (it != map_.end()) {
        std::optional<V> old(std::move(it->second));
        it->second = V();
        it->second = value;
        return old;
      }
    }
    std::optional<V> found = Find(key);
    Window(Flaw::kSplitSwap, guard);
    StoreLocked(key, value);
    if (kFlaw == Flaw::kSwapReturnsNew && found) return value;
    return found;
  }

  bool CompareAndSwap(const K& key, const V& expected, const V& desired) {
    std::unique_lock<std::mutex> guard(mutex_);
    const std::optional<V> found = Find(key);
    if (!found) {
      return kFlaw == Flaw::kCasOnAbsentSucceeds && expected == V();
    }
    if (kFlaw != Flaw::kCasIgnoresExpected && !(*found == expected)) return false;
    Window(Flaw::kSplitCompareAndSwap, guard);
    StoreLocked(key, desired);
    return true;
  }

  bool CompareAndDelete(const K& key, const V& expected) {
    std::unique_lock<std::mutex> guard(mutex_);
    const std::optional<V> found = Find(key);
    if (!found) {
      return kFlaw == Flaw::kCadOnAbsentSucceeds && expected == V();
    }
    if constexpr (kFlaw == Flaw::kComparesAfterErasing) {
      auto node = map_.extract(key);
      const bool equal = node.mapped() == expected;
      if (!equal) map_.insert(std::move(node));
      return equal;
    }
    if (!(*found == expected)) return false;
    Window(Flaw::kSplitCompareAndDelete, guard);
    Erase(key);
    return true;
  }

  template <class F>
  void Range(F&& visit) {
    std::vector<std::pair<K, V>> entries;
    {
      Guard guard(mutex_);
      entries.assign(map_.begin(), map_.end());
    }
    if (kFlaw == Flaw::kRangeVisitsTwice && !entries.empty()) {
      entries.push_back(entries.front());
    }
    if (kFlaw == Flaw::kRangeSkipsLast && !entries.empty()) entries.pop_back();
    for (const auto& [key, value] : entries) {
      if constexpr (kFlaw == Flaw::kRangeHoldsCopyTooLong) {
        std::this_thread::yield();
        const std::optional<V> now = Load(key);
        if (now && !visit(key, *now)) return;
        continue;
      }
      if (!visit(key, value) && kFlaw != Flaw::kRangeIgnoresStop) return;
    }
  }

  void Clear() {
    std::unique_lock<std::mutex> guard(mutex_);
    if constexpr (kFlaw == Flaw::kClearInSteps) {
      while (!map_.empty()) {
        Erase(map_.begin()->first);
        Window(kFlaw, guard);
      }
    } else if constexpr (kFlaw == Flaw::kClearKeepsOne) {
      while (map_.size() > 1) map_.erase(std::prev(map_.end()));
    } else {
      if constexpr (kFlaw == Flaw::kLeaksOnClear) {
        for (auto& entry : map_) Leak(entry.second);
      }
      map_.clear();
      raced_size_ = 0;
    }
  }

  std::size_t Size() {
    Guard guard(mutex_);
    if constexpr (kFlaw == Flaw::kSizeCountsRaced) {
      return static_cast<std::size_t>(raced_size_.load());
    }
    return map_.size() + static_cast<std::size_t>(drift_);
  }

  void Reserve(std::size_t entries) {
    if (kFlaw == Flaw::kReserveClears && entries > 100) Clear();
  }

  void StoreBatch(std::span<const std::pair<K, V>> batch) {
    std::unique_lock<std::mutex> guard(mutex_);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const auto& [key, value] =
          batch[kFlaw == Flaw::kBatchFirstWins ? batch.size() - 1 - i : i];
      StoreLocked(key, value);
      Window(Flaw::kBatchInSteps, guard);
    }
  }

  std::size_t MemoryBytes() {
    std::size_t bytes = sizeof(*this);
    if constexpr (kFlaw == Flaw::kMemoryConstant) return bytes;
    bytes += map_.size() * (sizeof(std::pair<const K, V>) + 48);
    if constexpr (std::same_as<K, std::string> &&
                  kFlaw != Flaw::kMemoryForgetsStrings) {
      for (const auto& [key, value] : map_) {
        bytes += internal::HeapBytes(key) + internal::HeapBytes(value);
      }
    }
    return bytes;
  }

 private:
  using Guard = std::lock_guard<std::mutex>;

  std::optional<V> Find(const K& key) {
    const auto it = map_.find(key);
    if (it == map_.end()) return std::nullopt;
    return it->second;
  }

  void StoreLocked(const K& key, const V& value) {
    const auto it = map_.find(key);
    if (it != map_.end()) {
      if constexpr (kFlaw != Flaw::kStoreKeepsOld) it->second = value;
      return;
    }
    map_.emplace(key, value);
    CountRaced(1);
    if constexpr (kFlaw == Flaw::kLosesKeysOnGrowth) {
      if (map_.size() >= 64 && (map_.size() & (map_.size() - 1)) == 0) {
        map_.erase(map_.begin());
      }
    }
  }

  void Erase(const K& key) {
    const auto it = map_.find(key);
    if (it == map_.end()) return;
    if constexpr (kFlaw == Flaw::kLeaksOnDelete) Leak(it->second);
    if constexpr (kFlaw == Flaw::kRetainsDeleted) {
      retained_.push_back(std::move(it->second));
    }
    if constexpr (kFlaw == Flaw::kUsesDestroyedValue) {
      // In storage of our own, so that only the value's life has ended.
      alignas(V) std::byte storage[sizeof(V)];
      V* value = ::new (storage) V(it->second);
      value->~V();
      used_ = *value == it->second;
    }
    map_.erase(it);
    CountRaced(-1);
  }

  // Keeps a value until the program ends, where a leak checker does not mind.
  static void Leak(const V& value) {
    static std::vector<std::unique_ptr<V>> leaked;
    leaked.push_back(std::make_unique<V>(value));
  }

  // A counter that is read and written in two steps, with time to lose updates.
  void CountRaced(std::int64_t change) {
    if constexpr (kFlaw == Flaw::kSizeCountsRaced) {
      const std::int64_t seen = raced_size_.load();
      mutex_.unlock();
      std::this_thread::yield();
      mutex_.lock();
      raced_size_.store(seen + change);
    }
  }

  // Opens the lock and yields when `flaw` is the flaw of this map.
  void Window(Flaw flaw, std::unique_lock<std::mutex>& guard) {
    if (flaw != kFlaw) return;
    guard.unlock();
    std::this_thread::yield();
    guard.lock();
  }

  std::mutex mutex_;
  std::map<K, V> map_;
  std::vector<V> retained_;
  std::int64_t drift_ = 0;
  std::atomic<std::int64_t> raced_size_{0};
  bool used_ = false;
  std::atomic<bool> held_{false};
  std::int64_t level_ = 4;
};

}  // namespace cmap::testing

#endif  // CMAP_MAPS_TESTING_FLAWED_MAP_H_
