// SPDX-License-Identifier: Apache-2.0
//
// Caches with one deliberate mistake each, to show that the kit finds it: a mutex, a
// std::map, and a queue of keys of which the oldest goes when there are too many.
#ifndef CMAP_MAPS_TESTING_FLAWED_CACHE_H_
#define CMAP_MAPS_TESTING_FLAWED_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <mutex>
#include <optional>

#include "maps/concurrent_map.h"
#include "maps/testing/flawed_map.h"

namespace cmap::testing {

enum class CacheFlaw {
  kNone,
  kExceedsBound,   // never drops anything
  kDropsTheFresh,  // what does not fit is the new entry
  kKeepsDeleted,   // says it deleted a key, and did not, for one in seven
  kMixesUpValues,  // a dropped key is found with its successor's value
};

class FlawedCacheBase : public FlawedMap<std::uint64_t, std::uint64_t, Flaw::kNone> {
 public:
  static constexpr Traits kTraits = [] {
    Traits traits = FlawedMap<std::uint64_t, std::uint64_t, Flaw::kNone>::kTraits;
    traits.keeps_every_key = false;
    traits.batch_is_atomic = traits.clear_is_atomic = false;
    traits.range = RangeConsistency::kWeak;
    return traits;
  }();
  using FlawedMap::FlawedMap;
};

template <CacheFlaw kFlaw>
class FlawedCache : public FlawedCacheBase {
  using Base = FlawedCacheBase;

 public:
  using Base::Base;

  std::size_t MemoryBound() const { return 1u << 20; }
  std::size_t MemoryBytes() { return 256 + Base::Size() * 64; }

  std::optional<std::uint64_t> Load(std::uint64_t key) {
    return LoadByVisit<std::uint64_t>(*this, key);
  }
  template <class F>
  bool Visit(std::uint64_t key, F&& f) {
    if (Base::Visit(key, f)) return true;
    return kFlaw == CacheFlaw::kMixesUpValues && Base::Visit(key + 1, f);
  }
  void Store(std::uint64_t key, std::uint64_t value) {
    const std::lock_guard lock(order_mutex_);
    if (!Base::Load(key)) {
      if (queue_.size() == kMost) {
        if (kFlaw == CacheFlaw::kDropsTheFresh) return;
        if (kFlaw != CacheFlaw::kExceedsBound) {
          Base::Delete(queue_.front());
          queue_.pop_front();
        }
      }
      queue_.push_back(key);
    }
    Base::Store(key, value);
  }
  bool Delete(std::uint64_t key) {
    if (kFlaw == CacheFlaw::kKeepsDeleted && key % 7 == 0) {
      return Base::Load(key).has_value();
    }
    return Base::Delete(key);
  }

 private:
  static constexpr std::size_t kMost = 10'000;
  std::mutex order_mutex_;
  std::deque<std::uint64_t> queue_;
};

}  // namespace cmap::testing

#endif  // CMAP_MAPS_TESTING_FLAWED_CACHE_H_
