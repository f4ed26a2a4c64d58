// SPDX-License-Identifier: Apache-2.0
//
// An entry of sync_map: a key, and a cell whose states sync_map.h draws. Whichever
// index an entry was found in, what is done to it is one of these steps:
//
//   value -> nil                   TryRemove, TryCompareAndDelete
//   nil or value -> value          TryReplace, TryLoadOrStore
//   value -> value                 TryCompareAndSwap
//   nil -> computing -> value      Compute, under the mutex
//   nil -> expunged -> nil         by who makes a dirty index, or puts the entry back
//                                  into one, under the mutex (sync_indexes.h)
//
// Guarantees. A value that was stored is constant, and is retired when it leaves the
// cell; who reads it needs a guard from before the entry was looked up. Value() is
// wait-free. The Try functions are lock-free, need no mutex, and leave an entry alone
// whose state only the holder of the mutex may change. What throws (a copy, a
// comparison, memory, the user's function) does so before the step: then nothing has
// changed. Each retires at most one box, for which the guard must have been prepared.
#ifndef CMAP_MAPS_SYNC_MAP_SYNC_ENTRY_H_
#define CMAP_MAPS_SYNC_MAP_SYNC_ENTRY_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

#include "maps/concurrent_map.h"
#include "maps/internal/memory.h"

namespace cmap::internal {

template <class K, class V, class Atomics>
class SyncEntry {
 public:
  using key_type = K;

  // What an entry points to: nothing, a sentinel, or the box of a value.
  struct Cell {};
  struct Box : Cell {
    explicit Box(const V& v) : value(v) {}
    explicit Box(V&& v) : value(std::move(v)) {}
    V value;
  };

  SyncEntry(const K& k, Cell* c) : key(k), cell(c) {}
  SyncEntry(const SyncEntry&) = delete;
  SyncEntry& operator=(const SyncEntry&) = delete;

  // With the value.
  static void Destroy(SyncEntry* entry) {
    Cell* cell = entry->cell.load(std::memory_order_acquire);
    if (IsValue(cell)) delete static_cast<Box*>(cell);
    delete entry;
  }

  // The present value; null if there is none.
  const V* Value() const {
    // (1) acquire, pairs with the release of the value's box (2), (3), (4).
    const Cell* now = cell.load(std::memory_order_acquire);
    return IsValue(now) ? &ValueOf(now) : nullptr;
  }

  bool IsExpunged() const { return cell.load(std::memory_order_relaxed) == &kExpunged; }

  // Moves the entry from the value (or nil) in `from` to `to`; otherwise loads
  // what is there into `from`.
  bool Exchange(Cell*& from, Cell* to) {
    // (2) acq_rel, pairs with (1) and with itself: the box becomes visible with
    // its value; the replaced one may be read by the caller.
    return cell.compare_exchange_strong(from, to, std::memory_order_acq_rel,
                                        std::memory_order_acquire);
  }

  // The old value is copied before it is replaced, so that a throwing copy
  // changes nothing. False if the entry needs the mutex (which, if held, it
  // does not).
  template <bool kWantOld, class Guard>
  bool TryReplace(std::unique_ptr<Box>& box, std::optional<V>& old, Guard& guard) {
    Cell* now = cell.load(std::memory_order_acquire);  // (1)
    while (!NeedsMutex(now)) {
      if constexpr (kWantOld) {
        if (now == nullptr) {
          old.reset();
        } else {
          old.emplace(ValueOf(now));
        }
      }
      if (Exchange(now, box.get())) {
        box.release();
        if (now != nullptr) RetireBox(now, guard);
        return true;
      }
    }
    return false;
  }

  // Nothing if the entry needs the mutex. Makes the box when it is needed.
  std::optional<Loaded<V>> TryLoadOrStore(const V& value, std::unique_ptr<Box>& box) {
    Cell* now = cell.load(std::memory_order_acquire);  // (1)
    if (NeedsMutex(now)) return std::nullopt;
    if (IsValue(now)) return Loaded<V>{ValueOf(now), true};
    if (!box) box = std::make_unique<Box>(value);
    Loaded<V> result{value, false};
    while (now == nullptr) {
      if (Exchange(now, box.get())) {
        box.release();
        return result;
      }
    }
    if (NeedsMutex(now)) return std::nullopt;
    return Loaded<V>{ValueOf(now), true};
  }

  template <class Guard>
  bool TryCompareAndSwap(const V& expected, const V& desired, Guard& guard) {
    Cell* now = cell.load(std::memory_order_acquire);  // (1)
    std::unique_ptr<Box> box;
    while (IsValue(now) && ValueOf(now) == expected) {
      if (!box) box = std::make_unique<Box>(desired);
      if (Exchange(now, box.get())) {
        box.release();
        RetireBox(now, guard);
        return true;
      }
    }
    return false;
  }

  template <class Guard>
  bool TryCompareAndDelete(const V& expected, Guard& guard) {
    Cell* now = cell.load(std::memory_order_acquire);  // (1)
    while (IsValue(now) && ValueOf(now) == expected) {
      if (Exchange(now, nullptr)) {
        RetireBox(now, guard);
        return true;
      }
    }
    return false;
  }

  // `take` sees the value before it is removed, perhaps more than once.
  template <class F, class Guard>
  bool TryRemove(F& take, Guard& guard) {
    Cell* now = cell.load(std::memory_order_acquire);  // (1)
    while (IsValue(now)) {
      take(ValueOf(now));
      if (Exchange(now, nullptr)) {
        RetireBox(now, guard);
        return true;
      }
    }
    return false;
  }

  // Under the mutex. The entry is nil or a value, and so it stays out of `expunged`.
  template <class F>
  Loaded<V> Compute(F& make) {
    Cell* now = nullptr;
    if (!Exchange(now, &kComputing)) return {ValueOf(now), true};
    try {
      auto box = std::make_unique<Box>(make());
      Loaded<V> result{box->value, false};
      // (4) release, pairs with (1). Nobody else leaves `computing`.
      cell.store(box.release(), std::memory_order_release);
      return result;
    } catch (...) {
      cell.store(nullptr, std::memory_order_release);
      throw;
    }
  }

  // With the key and the value.
  std::size_t Bytes() const {
    std::size_t bytes = MallocBytes(sizeof(SyncEntry)) + HeapBytes(key);
    if (const V* value = Value()) bytes += MallocBytes(sizeof(Box)) + HeapBytes(*value);
    return bytes;
  }

  inline static constinit Cell kExpunged{};
  inline static constinit Cell kComputing{};

  const K key;
  typename Atomics::template Atomic<Cell*> cell;

 private:
  // Counts what the value owns, so that garbage is bounded in bytes too.
  template <class Guard>
  static void RetireBox(Cell* cell, Guard& guard) noexcept {
    guard.Retire(static_cast<Box*>(cell), sizeof(Box) + HeapBytes(ValueOf(cell)));
  }
  static const V& ValueOf(const Cell* cell) { return static_cast<const Box*>(cell)->value; }
  static bool IsValue(const Cell* cell) {
    return cell != nullptr && cell != &kExpunged && cell != &kComputing;
  }
  // States that only the holder of the mutex may change.
  static bool NeedsMutex(const Cell* cell) { return cell == &kExpunged || cell == &kComputing; }
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_SYNC_MAP_SYNC_ENTRY_H_
