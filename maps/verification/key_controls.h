// SPDX-License-Identifier: Apache-2.0
//
// Controls whose operations on one key are wrong: see controls.h.
//
//   ReservationMap        LoadOrStore as Load, then Store
//   CompareThenStoreMap   CompareAndSwap in two steps (Go issue 70970)
//   UpgradeMap            a hot and a cold table: Load finds a key in the cold one
//                         under the shared lock, lets it go, takes the exclusive
//                         lock, and moves what it has found, without looking again
//   GenerationMap         "read the generation, read it again, equal: the data are
//                         consistent", with the data read after the second look;
//                         mended, it is what that check should have been, a seqlock
//   NoLockMap             every access atomic and relaxed, no lock: updates are lost
//   PlainUnlockMap        writers take turns and readers see no half of anything, but a
//                         write ends with plain stores, which may still be in the
//                         store buffer when it returns: not linearizable in real time
//   StaleLoadMap          now and then a Load is one write late
#ifndef CMAP_MAPS_VERIFICATION_KEY_CONTROLS_H_
#define CMAP_MAPS_VERIFICATION_KEY_CONTROLS_H_

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
#include "maps/internal/locks/rw_lock.h"
#include "maps/internal/locks/spin_lock.h"
#include "maps/internal/tables/table.h"
#include "maps/verification/control_base.h"
#include "maps/verification/perturbation.h"

namespace cmap::verification {

class ReservationMap : public LockedControl {
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

class CompareThenStoreMap : public LockedControl {
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

  template <class F>
  bool Visit(std::uint64_t key, F&& f) {
    const std::optional<std::uint64_t> found = static_cast<Derived*>(this)->Load(key);
    if (found) f(*found);
    return found.has_value();
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

// A control that is made of one operation: Map::Change(key, change) puts change(old) in
// the place of what the key held, and returns old.
template <class Map>
class ChangeControl : public SmallControl<Map> {
 public:
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
  template <class F>
  std::optional<std::uint64_t> Change(std::uint64_t key, F change) {
    return static_cast<Map*>(this)->Change(key, change);
  }
};

// An array over the low bits of the keys, which lie side by side in a history. A
// value is two words, so that a reader needs the generation to fit them together.
enum class Reading { kAsPrinted, kMended };

template <Reading kReading>
class GenerationMap : public ChangeControl<GenerationMap<kReading>> {
  using Base = ChangeControl<GenerationMap<kReading>>;
  friend Base;

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

// Release stores, mended: sequentially consistent ones. The locks lie apart from the words,
// as striped locks do: who takes one does not yet own the line of the word.
template <std::memory_order kEffect, class Atomics = PerturbedAtomics>
class BasicPlainUnlockMap : public ChangeControl<BasicPlainUnlockMap<kEffect, Atomics>> {
  using Base = ChangeControl<BasicPlainUnlockMap>;
  friend Base;

 public:
  static constexpr Traits kTraits = Base::WithoutWholeMap("a lock released by a plain store");
  BasicPlainUnlockMap() : locks_(kSlots), words_(kSlots) {}
  explicit BasicPlainUnlockMap(const NoOptions&) : BasicPlainUnlockMap() {}

  std::optional<std::uint64_t> Load(std::uint64_t key) {
    return Value(words_[key % kSlots].value.load(kEffect == std::memory_order_release
                                       ? std::memory_order_acquire
                                       : std::memory_order_seq_cst));
  }

 private:
  static constexpr std::size_t kSlots = 2048;
  struct alignas(kCacheLine) Lock {
    cmap::internal::SpinLock<Atomics> value;
  };
  struct alignas(kCacheLine) Word {
    typename Atomics::template Atomic<std::uint64_t> value{0};  // 0: absent
  };

  static std::optional<std::uint64_t> Value(std::uint64_t word) {
    return word == 0 ? std::nullopt : std::optional(word);
  }
  template <class F>
  std::optional<std::uint64_t> Change(std::uint64_t key, F change) {
    auto& word = words_[key % kSlots].value;
    const std::lock_guard guard(locks_[key % kSlots].value);
    const auto old = Value(word.load(std::memory_order_relaxed));
    word.store(change(old).value_or(0), kEffect);
    return old;
  }

  std::vector<Lock> locks_;
  std::vector<Word> words_;
};
// Every fourth Load of a thread returns what the key held before its last write.
class StaleLoadMap : public SmallControl<StaleLoadMap> {
 public:
  static constexpr Traits kTraits = WithoutWholeMap("sees the last write, then the one before");
  StaleLoadMap() : slots_(kSlots) {}
  explicit StaleLoadMap(const Options&) : StaleLoadMap() {}

  std::optional<std::uint64_t> Load(std::uint64_t key) {
    static thread_local unsigned loads = 0;
    Slot& slot = slots_[key % kSlots];
    const std::uint64_t word =
        ++loads % 4 == 0 ? slot.before.load(std::memory_order_acquire)
                         : slot.now.load(std::memory_order_acquire);
    return word == 0 ? std::nullopt : std::optional(word);
  }
  void Store(std::uint64_t key, std::uint64_t value) { Swap(key, value); }
  std::optional<std::uint64_t> Swap(std::uint64_t key, std::uint64_t value) {
    Slot& slot = slots_[key % kSlots];
    const std::lock_guard guard(mutex_);
    const std::uint64_t old = slot.now.load(std::memory_order_relaxed);
    slot.before.store(old, std::memory_order_release);
    slot.now.store(value, std::memory_order_release);
    return old == 0 ? std::nullopt : std::optional(old);
  }
  Loaded<std::uint64_t> LoadOrStore(std::uint64_t key, std::uint64_t value) {
    if (const auto old = Load(key)) return {*old, true};
    Store(key, value);
    return {value, false};
  }
  std::optional<std::uint64_t> LoadAndDelete(std::uint64_t key) { return Swap(key, 0); }
  bool Delete(std::uint64_t key) { return Swap(key, 0).has_value(); }
  bool CompareAndSwap(std::uint64_t key, std::uint64_t expected, std::uint64_t desired) {
    if (Load(key) != expected) return false;
    Store(key, desired);
    return true;
  }
  bool CompareAndDelete(std::uint64_t key, std::uint64_t expected) {
    return CompareAndSwap(key, expected, 0);
  }

 private:
  static constexpr std::size_t kSlots = 2048;
  template <class T>
  using Atomic = PerturbedAtomics::Atomic<T>;
  struct Slot {
    Atomic<std::uint64_t> now{0}, before{0};  // 0: absent
  };

  PerturbedAtomics::Mutex mutex_;
  std::vector<Slot> slots_;
};

using PlainUnlockMap = BasicPlainUnlockMap<std::memory_order_release>;
using PlainUnlockMendedMap = BasicPlainUnlockMap<std::memory_order_seq_cst>;

}  // namespace cmap::verification

#endif  // CMAP_MAPS_VERIFICATION_KEY_CONTROLS_H_
