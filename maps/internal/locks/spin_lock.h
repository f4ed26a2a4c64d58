// SPDX-License-Identifier: Apache-2.0
//
// A lock of one byte, for structures with a lock in every node, where a
// std::mutex (40 bytes) would change the layout under study.
//
// It spins briefly, then gives the processor away between attempts. No queue, no
// fairness, no priority inheritance, and a waiter is never parked: meant for
// critical sections of some dozen instructions. When the holder has been
// preempted, the yielding lets it run again.
#ifndef CMAP_MAPS_INTERNAL_LOCKS_SPIN_LOCK_H_
#define CMAP_MAPS_INTERNAL_LOCKS_SPIN_LOCK_H_

#include <atomic>

#include "maps/internal/atomics.h"
#include "maps/internal/held_locks.h"

namespace cmap::internal {

// Meets the Lockable requirements of the standard.
template <class Atomics>
class SpinLock {
 public:
  void lock() noexcept {
    while (!try_lock()) Wait();
  }

  bool try_lock() noexcept {
    const bool taken = Take();
    if (taken) HeldLocks::Add(this);
    return taken;
  }

  void unlock() noexcept {
    HeldLocks::Remove(this);
    held_.store(false, std::memory_order_release);  // (2), with (1)
  }

 private:
  // About as long as a critical section elsewhere.
  static constexpr int kSpins = 64;

  bool Take() noexcept {
    // (1) acquire, pairs with (2).
    return !held_.exchange(true, std::memory_order_acquire);
  }

  // Only reads while it waits: the line stays shared until it is worth a try.
  [[gnu::noinline]] void Wait() noexcept {
    HeldLocks::Want(this);
    for (int i = 0; i < kSpins; ++i) {
      if (!held_.load(std::memory_order_relaxed)) return;
      Atomics::Pause();
    }
    while (held_.load(std::memory_order_relaxed)) Atomics::Yield();
  }

  typename Atomics::template Atomic<bool> held_{false};
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_INTERNAL_LOCKS_SPIN_LOCK_H_
