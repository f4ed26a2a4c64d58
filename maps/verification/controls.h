// SPDX-License-Identifier: Apache-2.0
//
// Negative controls: maps that are valid C++ without data races and yet wrong, as
// they are found in texts about concurrent maps. The recorder must find every one
// of them; a verification that cannot fail says nothing.
//
//   reservation   LoadOrStore as Load, then Store
//   upgrade       a hot and a cold table: Load finds a key in the cold one under
//                 the shared lock, lets it go, takes the exclusive lock, and
//                 moves what it has found, without looking again
//   generation    "read the generation, read it again, equal: the data are
//                 consistent", with the data read after the second look
//   no_lock       every access atomic and relaxed, no lock: updates are lost
//   compare_then_store   CompareAndSwap in two steps (Go issue 70970)
//   stale_range   Range visits what the Range before it has copied
//   stale_size    Size is exact when nothing else runs, and else what it was then
//   claims_snapshot, claims_clear, claims_batch
//                 shards whose traits promise what shards cannot do
//
// generation_mended is what the generation check should have been, a seqlock. It
// must pass, which shows that it is not the table around it that fails.
#ifndef CMAP_MAPS_VERIFICATION_CONTROLS_H_
#define CMAP_MAPS_VERIFICATION_CONTROLS_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "maps/concurrent_map.h"
#include "maps/internal/locked_map.h"
#include "maps/internal/rw_lock.h"
#include "maps/internal/table.h"
#include "maps/sharded_map.h"
#include "maps/verification/perturbation.h"
#include "maps/verification/verify.h"

namespace cmap::verification {

using ControlHash = VerificationHash<std::uint64_t>;

constexpr Traits ControlTraits(std::string_view summary) {
  return {.family = "control",
          .summary = summary,
          .source = "negative control",
          .read_progress = Progress::kBlocking,
          .write_progress = Progress::kBlocking,
          .reclamation = "none needed",
          .growth = "as the table"};
}

class ReservationMap
    : public cmap::internal::LockedMap<std::uint64_t, std::uint64_t, ControlHash,
                                       cmap::internal::MutexLock<PerturbedAtomics>> {
 public:
  static constexpr Traits kTraits = ControlTraits("Load, then Store");
  ReservationMap() = default;
  explicit ReservationMap(const Options&) {}

  Loaded<std::uint64_t> LoadOrStore(std::uint64_t key, std::uint64_t value) {
    if (auto found = Load(key)) return {*found, true};
    Store(key, value);
    return {value, false};
  }
};

class CompareThenStoreMap
    : public cmap::internal::LockedMap<std::uint64_t, std::uint64_t, ControlHash,
                                       cmap::internal::MutexLock<PerturbedAtomics>> {
 public:
  static constexpr Traits kTraits = ControlTraits("compare, then store");
  CompareThenStoreMap() = default;
  explicit CompareThenStoreMap(const Options&) {}

  bool CompareAndSwap(std::uint64_t key, std::uint64_t expected, std::uint64_t desired) {
    if (Load(key) != expected) return false;
    Store(key, desired);
    return true;
  }
};

// Promises no snapshot, but even so nothing from before the call.
class StaleRangeMap
    : public cmap::internal::LockedMap<std::uint64_t, std::uint64_t, ControlHash,
                                       cmap::internal::MutexLock<PerturbedAtomics>> {
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

class StaleSizeMap : public cmap::internal::LockedMap<std::uint64_t, std::uint64_t, ControlHash,
                                                      cmap::internal::MutexLock<PerturbedAtomics>> {
 public:
  static constexpr Traits kTraits = ControlTraits("Size from when nothing ran");
  StaleSizeMap() = default;
  explicit StaleSizeMap(const Options&) {}

  std::optional<std::uint64_t> Load(std::uint64_t key) {
    running_.fetch_add(1, std::memory_order_relaxed);
    const auto found = LockedMap::Load(key);
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
class LateSizeMap : public cmap::internal::LockedMap<std::uint64_t, std::uint64_t, ControlHash,
                                                     cmap::internal::MutexLock<PerturbedAtomics>> {
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

// What the maps below have in common: they can do less.
template <class Derived>
class SmallControl {
 public:
  using key_type = std::uint64_t;
  using mapped_type = std::uint64_t;
  using Options = NoOptions;
  static constexpr std::array<Tunable<Options>, 0> kTunables = {};

  static constexpr Traits WithoutWholeMap(std::string_view summary) {
    Traits traits = ControlTraits(summary);
    traits.unsupported =
        OpSet(Op::kRange, Op::kSize, Op::kClear, Op::kStoreBatch, Op::kLoadOrCompute);
    traits.unsupported_reason = "not needed to be wrong";
    return traits;
  }

  void Clear() {}
  std::size_t Size() { return 0; }
  void Reserve(std::size_t) {}
  void StoreBatch(std::span<const std::pair<std::uint64_t, std::uint64_t>> batch) {
    for (const auto& [key, value] : batch) {
      static_cast<Derived*>(this)->Store(key, value);
    }
  }
  std::size_t MemoryBytes() { return sizeof(Derived); }
};

class UpgradeMap : public SmallControl<UpgradeMap> {
  using Lock = cmap::internal::SharedLock<PerturbedAtomics>;
  using Shared = cmap::internal::SharedGuard<Lock>;
  using Exclusive = std::lock_guard<Lock>;

 public:
  static constexpr Traits kTraits = WithoutWholeMap("promotes without re-check");
  UpgradeMap() = default;
  explicit UpgradeMap(const Options&) {}

  std::optional<std::uint64_t> Load(std::uint64_t key) {
    const std::uint64_t hash = ControlHash{}(key);
    std::optional<std::uint64_t> found;
    {
      Shared guard(lock_);
      if ((found = hot_.Load(hash, key))) return found;
      if (!(found = cold_.Load(hash, key))) return found;
    }
    Exclusive guard(lock_);
    hot_.Store(hash, key, *found);  // which may have changed, or gone
    cold_.Delete(hash, key);
    return found;
  }
  void Store(std::uint64_t key, std::uint64_t value) { Swap(key, value); }
  std::optional<std::uint64_t> Swap(std::uint64_t key, std::uint64_t value) {
    const std::uint64_t hash = ControlHash{}(key);
    Exclusive guard(lock_);
    return Home(hash, key).Swap(hash, key, value);
  }
  Loaded<std::uint64_t> LoadOrStore(std::uint64_t key, std::uint64_t value) {
    const std::uint64_t hash = ControlHash{}(key);
    Exclusive guard(lock_);
    return Home(hash, key).LoadOrStore(hash, key, value);
  }
  std::optional<std::uint64_t> LoadAndDelete(std::uint64_t key) {
    const std::uint64_t hash = ControlHash{}(key);
    Exclusive guard(lock_);
    return Home(hash, key).LoadAndDelete(hash, key);
  }
  bool Delete(std::uint64_t key) { return LoadAndDelete(key).has_value(); }
  bool CompareAndSwap(std::uint64_t key, std::uint64_t expected, std::uint64_t desired) {
    const std::uint64_t hash = ControlHash{}(key);
    Exclusive guard(lock_);
    return Home(hash, key).CompareAndSwap(hash, key, expected, desired);
  }
  bool CompareAndDelete(std::uint64_t key, std::uint64_t expected) {
    const std::uint64_t hash = ControlHash{}(key);
    Exclusive guard(lock_);
    return Home(hash, key).CompareAndDelete(hash, key, expected);
  }

 private:
  using Table = cmap::internal::Table<std::uint64_t, std::uint64_t>;
  Table& Home(std::uint64_t hash, std::uint64_t key) {
    return hot_.Find(hash, key) != nullptr ? hot_ : cold_;
  }

  Lock lock_;
  Table hot_, cold_;
};

// An array over the low bits of the keys, which lie side by side in a history. A
// value is two words, so that a reader needs the generation to fit them together.
enum class Reading { kAsPrinted, kMended };

template <Reading kReading>
class GenerationMap : public SmallControl<GenerationMap<kReading>> {
  using Base = SmallControl<GenerationMap<kReading>>;

 public:
  static constexpr Traits kTraits =
      Base::WithoutWholeMap("a generation before and after the reading");
  GenerationMap() : slots_(kSlots) {}
  explicit GenerationMap(const NoOptions&) : GenerationMap() {}

  std::optional<std::uint64_t> Load(std::uint64_t key) {
    const Slot& slot = slots_[key % kSlots];
    for (;;) {
      const std::uint64_t before = generation_.load(std::memory_order_acquire);
      if (before % 2 != 0) {
        PerturbedAtomics::Yield();
        continue;
      }
      // Acquire, so that the generation is read after them: no fence needed.
      const std::uint64_t low = slot.low.load(std::memory_order_acquire);
      const std::uint64_t high = slot.high.load(std::memory_order_acquire);
      if (generation_.load(std::memory_order_relaxed) != before) continue;
      if constexpr (kReading == Reading::kMended) return Value(low, high);
      // As printed: it has been checked, so it may be used. But this is not what
      // has been checked.
      return Value(slot.low.load(std::memory_order_acquire),
                   slot.high.load(std::memory_order_acquire));
    }
  }

  void Store(std::uint64_t key, std::uint64_t value) { Swap(key, value); }
  std::optional<std::uint64_t> Swap(std::uint64_t key, std::uint64_t value) {
    return Change(key, [&](auto) { return std::optional(value); });
  }
  Loaded<std::uint64_t> LoadOrStore(std::uint64_t key, std::uint64_t value) {
    const auto old = Change(key, [&](auto v) { return v ? v : value; });
    return {old.value_or(value), old.has_value()};
  }
  std::optional<std::uint64_t> LoadAndDelete(std::uint64_t key) {
    return Change(key, [](auto) { return std::optional<std::uint64_t>(); });
  }
  bool Delete(std::uint64_t key) { return LoadAndDelete(key).has_value(); }
  bool CompareAndSwap(std::uint64_t key, std::uint64_t expected, std::uint64_t desired) {
    return expected ==
           Change(key, [&](auto v) { return v == expected ? std::optional(desired) : v; });
  }
  bool CompareAndDelete(std::uint64_t key, std::uint64_t expected) {
    return expected ==
           Change(key, [&](auto v) { return v == expected ? std::optional<std::uint64_t>() : v; });
  }

 private:
  static constexpr std::size_t kSlots = 1024;
  template <class T>
  using Atomic = PerturbedAtomics::Atomic<T>;
  struct Slot {
    Atomic<std::uint64_t> low{0}, high{0};  // 0, 0: absent
  };

  static std::optional<std::uint64_t> Value(std::uint64_t low, std::uint64_t high) {
    if (low == 0 && high == 0) return std::nullopt;
    return high << 2 | low;
  }

  template <class F>
  std::optional<std::uint64_t> Change(std::uint64_t key, F change) {
    Slot& slot = slots_[key % kSlots];
    const std::lock_guard guard(mutex_);
    const auto old =
        Value(slot.low.load(std::memory_order_relaxed), slot.high.load(std::memory_order_relaxed));
    const auto now = change(old);
    if (now == old) return old;
    const std::uint64_t word = now.value_or(0);
    const std::uint64_t before = generation_.load(std::memory_order_relaxed);
    // An exchange, so that what follows stays behind it.
    generation_.exchange(before + 1, std::memory_order_acq_rel);
    slot.low.store(word & 3, std::memory_order_release);
    slot.high.store(word >> 2, std::memory_order_release);
    generation_.store(before + 2, std::memory_order_release);
    return old;
  }

  Atomic<std::uint64_t> generation_{0};
  PerturbedAtomics::Mutex mutex_;
  std::vector<Slot> slots_;
};

class NoLockMap : public SmallControl<NoLockMap> {
 public:
  static constexpr Traits kTraits = WithoutWholeMap("relaxed accesses, no lock");
  NoLockMap() : words_(kSlots) {}
  explicit NoLockMap(const Options&) : NoLockMap() {}

  std::optional<std::uint64_t> Load(std::uint64_t key) {
    const std::uint64_t word = At(key).load(std::memory_order_relaxed);
    return word == 0 ? std::nullopt : std::optional(word);
  }
  void Store(std::uint64_t key, std::uint64_t value) {
    At(key).store(value, std::memory_order_relaxed);
  }
  std::optional<std::uint64_t> Swap(std::uint64_t key, std::uint64_t value) {
    const auto old = Load(key);
    Store(key, value);
    return old;
  }
  Loaded<std::uint64_t> LoadOrStore(std::uint64_t key, std::uint64_t value) {
    if (const auto old = Load(key)) return {*old, true};
    Store(key, value);
    return {value, false};
  }
  std::optional<std::uint64_t> LoadAndDelete(std::uint64_t key) {
    const auto old = Load(key);
    if (old) Store(key, 0);
    return old;
  }
  bool Delete(std::uint64_t key) { return LoadAndDelete(key).has_value(); }
  bool CompareAndSwap(std::uint64_t key, std::uint64_t expected, std::uint64_t desired) {
    if (Load(key) != expected) return false;
    Store(key, desired);
    return true;
  }
  bool CompareAndDelete(std::uint64_t key, std::uint64_t expected) {
    if (Load(key) != expected) return false;
    Store(key, 0);
    return true;
  }

 private:
  static constexpr std::size_t kSlots = 1024;
  using Word = PerturbedAtomics::Atomic<std::uint64_t>;
  Word& At(std::uint64_t key) { return words_[key % kSlots]; }
  std::vector<Word> words_;
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

struct Control {
  std::string_view name;
  bool flawed;
  std::string_view what;
  testing::Subject (*subject)(std::string_view name);
};

inline std::span<const Control> Controls() {
  static constexpr Control kControls[] = {
      {"reservation", true, "LoadOrStore as Load, then Store", &SubjectOf<ReservationMap>},
      {"upgrade", true, "moves what it found under a shared lock without looking again",
       &SubjectOf<UpgradeMap>},
      {"generation", true, "reads the data again after the generation has been checked",
       &SubjectOf<GenerationMap<Reading::kAsPrinted>>},
      {"generation_mended", false, "no mistake: the same as a seqlock, which must pass",
       &SubjectOf<GenerationMap<Reading::kMended>>},
      {"no_lock", true, "atomic accesses, but no lock around two of them", &SubjectOf<NoLockMap>},
      {"compare_then_store", true, "CompareAndSwap as a comparison, then a store",
       &SubjectOf<CompareThenStoreMap>},
      {"stale_range", true, "Range visits what the Range before it has copied",
       &SubjectOf<StaleRangeMap>},
      {"stale_size", true, "Size as it was when nothing else ran", &SubjectOf<StaleSizeMap>},
      {"late_size", true, "counts what has changed after the lock", &SubjectOf<LateSizeMap<false>>},
      {"late_size_admitted", false, "the same, and says so in its traits: must pass",
       &SubjectOf<LateSizeMap<true>>},
      {"claims_snapshot", true, "shards that claim a snapshot for Range",
       &SubjectOf<BoastfulMap<Claim::kSnapshot>>},
      {"claims_clear", true, "shards that claim an atomic Clear",
       &SubjectOf<BoastfulMap<Claim::kClear>>},
      {"claims_batch", true, "shards that claim atomic batches",
       &SubjectOf<BoastfulMap<Claim::kBatch>>},
  };
  return kControls;
}

}  // namespace cmap::verification

#endif  // CMAP_MAPS_VERIFICATION_CONTROLS_H_
