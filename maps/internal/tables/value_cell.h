// SPDX-License-Identifier: Apache-2.0
//
// The value of a node that readers read without a lock and one writer at a time
// (the holder of some lock) replaces in place: the `volatile V val` of Java's maps.
//
//   small values that are trivial to copy    a word in the node
//   all others                               a pointer to a box, replaced by a
//                                            new box; the old one is retired
//
// Java has only the second, as its values are objects. As there, reading and replacing
// are sequentially consistent: who has replaced a value and then reads that of another
// node misses nothing that had been replaced before. That costs writers an exchange on
// x86-64, and nobody anything on AArch64.
//
// Nodes are copied when a table grows, while readers may stand on the original.
// The copy shares the box: from then on only the copy is written and owns the box,
// and the original must be given up with Release() before it is destroyed.
#ifndef CMAP_MAPS_INTERNAL_TABLES_VALUE_CELL_H_
#define CMAP_MAPS_INTERNAL_TABLES_VALUE_CELL_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include "maps/internal/memory.h"

namespace cmap::internal {

template <class V>
inline constexpr bool kFitsInWord =
    std::is_trivially_copyable_v<V> && sizeof(V) <= sizeof(std::uint64_t) &&
    std::has_unique_object_representations_v<V>;

template <class V, class Atomics, bool kInline = kFitsInWord<V>>
class ValueCell;

// Boxed.
template <class V, class Atomics>
class ValueCell<V, Atomics, false> {
 public:
  // A value made beforehand, as making it may throw.
  using Fresh = std::unique_ptr<const V>;
  template <class U>
  static Fresh Make(U&& value) {
    return std::make_unique<const V>(std::forward<U>(value));
  }

  explicit ValueCell(Fresh value) : box_(value.release()) {}
  // Shares the box of `other`; needs the writers' lock.
  ValueCell(const ValueCell& other)
      : box_(other.box_.load(std::memory_order_relaxed)) {}
  ValueCell& operator=(const ValueCell&) = delete;
  ~ValueCell() { delete box_.load(std::memory_order_relaxed); }

  // Valid as long as the caller's guard.
  const V& Read() const {
    return *box_.load(std::memory_order_seq_cst);  // (1), with (2)
  }

  // Needs the writers' lock and room in the guard for one object.
  template <class Guard>
  void Replace(Fresh value, Guard& guard) noexcept {
    const V* const old = box_.load(std::memory_order_relaxed);
    const std::size_t bytes = sizeof(V) + HeapBytes(*old);
    // (2) pairs with (1): readers see the value as it was made.
    box_.store(value.release(), std::memory_order_seq_cst);
    guard.Retire(old, bytes);
  }

  // Takes the value back from a node that nobody has seen.
  Fresh TakeBack() {
    return Fresh(box_.exchange(nullptr, std::memory_order_relaxed));
  }

  // The box belongs to a copy.
  void Release() { box_.store(nullptr, std::memory_order_relaxed); }

  std::size_t HeapBytesHeld() const {
    return MallocBytes(sizeof(V)) + HeapBytes(Read());
  }

 private:
  typename Atomics::template Atomic<const V*> box_;
};

// In a word.
template <class V, class Atomics>
class ValueCell<V, Atomics, true> {
 public:
  struct Fresh {
    V value;
  };
  static Fresh Make(const V& value) { return {value}; }

  explicit ValueCell(Fresh value) : value_(value.value) {}
  ValueCell(const ValueCell& other)
      : value_(other.value_.load(std::memory_order_relaxed)) {}
  ValueCell& operator=(const ValueCell&) = delete;

  // As for boxes: what a thread did before it stored a value is known to whoever loads
  // it.
  V Read() const { return value_.load(std::memory_order_seq_cst); }
  template <class Guard>
  void Replace(Fresh value, Guard&) noexcept {
    value_.store(value.value, std::memory_order_seq_cst);
  }
  Fresh TakeBack() { return {value_.load(std::memory_order_relaxed)}; }
  void Release() {}
  std::size_t HeapBytesHeld() const { return 0; }

 private:
  typename Atomics::template Atomic<V> value_;
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_INTERNAL_TABLES_VALUE_CELL_H_
