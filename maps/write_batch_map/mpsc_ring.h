// SPDX-License-Identifier: Apache-2.0
//
// A bounded queue of words for many producers and one consumer at a time.
//
//   position  ...  5     6     7     8     9    10   ...
//   slot          [5&m] [6&m] [7&m] [8&m] [9&m]        m = capacity - 1
//                   ^ head      filled     ^ tail
//
// Every slot has a sequence number, which says whose turn it is:
//
//   == position                 free: the producer that claims it may fill it
//   == position + 1             filled: the consumer may take it
//   == position + capacity      free again, for the next time round
//
// A producer claims the position at the tail with one compare-and-exchange and
// then fills its slot; in between a consumer that comes to the slot finds it
// claimed and not filled, and waits for the producer or turns back. No stand-
// alone fence is needed: all that is handed over is handed over by the slot's
// own number.
//
// Progress. TryPush() is lock-free. Of the consumer's calls, Front() is wait-free;
// who needs a particular position depends on the producer that has claimed it.
//
// Source: the bounded MPMC queue of D. Vyukov (1024cores.net, 2010), with a
// consumer that needs no exchange.
#ifndef CMAP_MAPS_WRITE_BATCH_MAP_MPSC_RING_H_
#define CMAP_MAPS_WRITE_BATCH_MAP_MPSC_RING_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>

#include "maps/concurrent_map.h"
#include "maps/internal/memory.h"

namespace cmap::internal {

template <class T, class Atomics>
class MpscRing {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 8);
  template <class U>
  using Atomic = typename Atomics::template Atomic<U>;

 public:
  // `capacity` is a power of two, at least 2. Throws std::bad_alloc.
  explicit MpscRing(std::size_t capacity)
      : mask_(capacity - 1), slots_(std::make_unique<Slot[]>(capacity)) {
    for (std::size_t i = 0; i < capacity; ++i) {
      slots_[i].turn.store(i, std::memory_order_relaxed);
    }
  }

  std::size_t capacity() const { return mask_ + 1; }

  // Appends `item`; its position, or nothing when the ring is full.
  std::optional<std::uint64_t> TryPush(T item) noexcept {
    std::uint64_t position = tail_.load(std::memory_order_relaxed);
    for (;;) {
      Slot& slot = slots_[position & mask_];
      // (1) acquire, pairs with (4): the consumer has read the former item.
      const std::uint64_t turn = slot.turn.load(std::memory_order_acquire);
      if (turn == position) {
        // Relaxed: nothing is read or written on the strength of the tail.
        if (tail_.compare_exchange_weak(position, position + 1,
                                        std::memory_order_relaxed,
                                        std::memory_order_relaxed)) {
          slot.item = item;
          // (2) release, pairs with (3).
          slot.turn.store(position + 1, std::memory_order_release);
          return position;
        }
      } else if (turn < position) {
        return std::nullopt;  // not yet taken since last time round
      } else {
        position = tail_.load(std::memory_order_relaxed);
      }
    }
  }

  // Positions claimed so far. Relaxed: whoever has been told of a position reads
  // a tail beyond it.
  std::uint64_t Tail() const noexcept {
    return tail_.load(std::memory_order_relaxed);
  }

  // What follows: by one thread at a time.

  // Positions taken so far.
  std::uint64_t Head() const noexcept { return head_; }

  // The oldest item, or nothing when there is none or it is not yet filled.
  std::optional<T> Front() const noexcept {
    const Slot& slot = slots_[head_ & mask_];
    // (3) acquire, pairs with (2).
    if (slot.turn.load(std::memory_order_acquire) != head_ + 1) {
      return std::nullopt;
    }
    return slot.item;
  }

  // Removes the item that Front() has returned.
  void Pop() noexcept {
    // (4) release, pairs with (1).
    slots_[head_ & mask_].turn.store(head_ + capacity(),
                                     std::memory_order_release);
    ++head_;
  }

  std::size_t HeapBytesHeld() const {
    return MallocBytes(capacity() * sizeof(Slot));
  }

 private:
  struct Slot {
    Atomic<std::uint64_t> turn;
    T item;
  };

  const std::size_t mask_;
  const std::unique_ptr<Slot[]> slots_;
  alignas(kCacheLine) Atomic<std::uint64_t> tail_{0};
  alignas(kCacheLine) std::uint64_t head_ = 0;
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_WRITE_BATCH_MAP_MPSC_RING_H_
