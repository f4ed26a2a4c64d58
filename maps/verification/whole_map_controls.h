// SPDX-License-Identifier: Apache-2.0
//
// Controls whose operations on the whole map are wrong: see controls.h.
//
//   StaleRangeMap   Range visits what the Range before it has copied
//   StaleSizeMap    Size is exact when nothing else runs, and else what it was then
//   LateSizeMap     Size counts after the lock; one of them says so, the other not
//   BoastfulMap     shards whose traits promise what shards cannot do
#ifndef CMAP_MAPS_VERIFICATION_WHOLE_MAP_CONTROLS_H_
#define CMAP_MAPS_VERIFICATION_WHOLE_MAP_CONTROLS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "maps/concurrent_map.h"
#include "maps/sharded_map.h"
#include "maps/verification/control_base.h"
#include "maps/verification/perturbation.h"

namespace cmap::verification {

// Promises no snapshot, but even so nothing from before the call.
class StaleRangeMap : public LockedControl {
 public:
  static constexpr Traits kTraits = ControlTraits("Range reuses its last copy");
  StaleRangeMap() = default;
  explicit StaleRangeMap(const Options&) {}

  template <class F>
  void Range(F&& visit) {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> fresh, last;
    LockedMap::Range([&](std::uint64_t key, std::uint64_t value) {
      fresh.emplace_back(key, value);
      return true;
    });
    {
      const std::lock_guard guard(mutex_);
      last = copied_ ? std::exchange(copy_, fresh) : (copy_ = fresh);
      copied_ = true;
    }
    for (const auto& [key, value] : last) {
      if (!visit(key, value)) return;
    }
  }

 private:
  PerturbedAtomics::Mutex mutex_;
  bool copied_ = false;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> copy_;
};

class StaleSizeMap : public LockedControl {
 public:
  static constexpr Traits kTraits = ControlTraits("Size from when nothing ran");
  StaleSizeMap() = default;
  explicit StaleSizeMap(const Options&) {}

  std::optional<std::uint64_t> Load(std::uint64_t key) {
    return LoadByVisit<std::uint64_t>(*this, key);
  }
  template <class F>
  bool Visit(std::uint64_t key, F&& f) {
    running_.fetch_add(1, std::memory_order_relaxed);
    const bool found = LockedMap::Visit(key, f);
    running_.fetch_sub(1, std::memory_order_relaxed);
    return found;
  }
  std::size_t Size() {
    if (running_.load(std::memory_order_relaxed) == 0) {
      size_.store(LockedMap::Size(), std::memory_order_relaxed);
    }
    return size_.load(std::memory_order_relaxed);
  }

 private:
  PerturbedAtomics::Atomic<int> running_{0};
  PerturbedAtomics::Atomic<std::size_t> size_{0};
};

// Counts an insertion or a removal after the lock is given back. With kSaysSo its
// traits admit it, and it must pass.
template <bool kSaysSo>
class LateSizeMap : public LockedControl {
 public:
  static constexpr Traits kTraits = [] {
    Traits traits = ControlTraits("counts after the lock");
    if (kSaysSo) traits.size = SizeConsistency::kLate;
    traits.unsupported = OpSet(Op::kClear, Op::kStoreBatch, Op::kLoadOrCompute);
    traits.unsupported_reason = "not needed to be wrong";
    return traits;
  }();
  LateSizeMap() = default;
  explicit LateSizeMap(const Options&) {}

  void Store(std::uint64_t key, std::uint64_t value) { Swap(key, value); }
  std::optional<std::uint64_t> Swap(std::uint64_t key, std::uint64_t value) {
    const auto old = LockedMap::Swap(key, value);
    if (!old) Count(1);
    return old;
  }
  Loaded<std::uint64_t> LoadOrStore(std::uint64_t key, std::uint64_t value) {
    const auto result = LockedMap::LoadOrStore(key, value);
    if (!result.loaded) Count(1);
    return result;
  }
  std::optional<std::uint64_t> LoadAndDelete(std::uint64_t key) {
    const auto old = LockedMap::LoadAndDelete(key);
    if (old) Count(-1);
    return old;
  }
  bool Delete(std::uint64_t key) { return LoadAndDelete(key).has_value(); }
  bool CompareAndDelete(std::uint64_t key, std::uint64_t expected) {
    const bool removed = LockedMap::CompareAndDelete(key, expected);
    if (removed) Count(-1);
    return removed;
  }
  // Not below 0: a removal may be counted before the insertion it removes.
  std::size_t Size() {
    return static_cast<std::size_t>(std::max(0, size_.load(std::memory_order_relaxed)));
  }

 private:
  void Count(int change) { size_.fetch_add(change, std::memory_order_relaxed); }

  PerturbedAtomics::Atomic<int> size_{0};
};

enum class Claim { kSnapshot, kClear, kBatch };

template <Claim kClaim>
class BoastfulMap : public ShardedMap<std::uint64_t, std::uint64_t, ControlHash, PerturbedAtomics> {
  using Base = ShardedMap<std::uint64_t, std::uint64_t, ControlHash, PerturbedAtomics>;

 public:
  static constexpr Traits kTraits = [] {
    Traits traits = Base::kTraits;
    if (kClaim == Claim::kSnapshot) traits.range = RangeConsistency::kSnapshot;
    traits.clear_is_atomic = kClaim == Claim::kClear;
    traits.batch_is_atomic = kClaim == Claim::kBatch;
    return traits;
  }();
  using Base::Base;
};

}  // namespace cmap::verification

#endif  // CMAP_MAPS_VERIFICATION_WHOLE_MAP_CONTROLS_H_
