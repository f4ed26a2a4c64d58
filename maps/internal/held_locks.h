// SPDX-License-Identifier: Apache-2.0
//
// Which locks of maps the calling thread holds, in builds with assertions. A map that is
// called from within itself (by the function of LoadOrCompute or Visit, by a comparison or
// a copy, while it holds a lock) would wait for itself for ever; here it says so and ends
// the program. With NDEBUG nothing of this is left.
//
//   lock:    HeldLocks::Want(this)    when the lock is not free
//            HeldLocks::Add(this)     when it is taken, shared or not
//   unlock:  HeldLocks::Remove(this)
//
// Not seen: calls that happen to need other locks than those held (another shard), which
// are as wrong and come back; and two threads that each wait in the other's function.
#ifndef CMAP_MAPS_INTERNAL_HELD_LOCKS_H_
#define CMAP_MAPS_INTERNAL_HELD_LOCKS_H_

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>

namespace cmap::internal {

#ifdef NDEBUG

struct HeldLocks {
  static constexpr void Want(const void*) noexcept {}
  static constexpr void Add(const void*) noexcept {}
  static constexpr void Remove(const void*) noexcept {}
};

#else

class HeldLocks {
 public:
  // Ends the program if this thread holds the lock that it is about to wait for. O(locks held).
  static void Want(const void* lock) noexcept {
    if (std::find(held_, held_ + Known(), lock) == held_ + Known()) return;
    std::fputs(
        "fatal error: a map is called from within itself: this thread would wait for ever for a lock that it "
        "holds. What a map calls while it works (the function of LoadOrCompute, Visit or VisitOrStore, a "
        "comparison, a copy) must not call the same map; see maps/concurrent_map.h.\n",
        stderr);
    std::abort();
  }

  static void Add(const void* lock) noexcept {
    if (count_ < kMost) held_[count_] = lock;
    ++count_;
  }

  // Mostly the one added last.
  static void Remove(const void* lock) noexcept {
    const void** const end = held_ + Known();
    for (const void** at = end; at != held_; --at) {
      if (at[-1] != lock) continue;
      std::copy(at, end, at - 1);
      break;
    }
    --count_;
  }

 private:
  // More are counted, and not known.
  static constexpr std::size_t kMost = 256;
  static std::size_t Known() noexcept { return std::min(count_, kMost); }

  inline static thread_local constinit std::size_t count_ = 0;
  inline static thread_local constinit const void* held_[kMost] = {};
};

// A standard mutex whose holder is known.
template <class Mutex>
class HeldMutex {
 public:
  void lock() {
    if (!mutex_.try_lock()) {
      HeldLocks::Want(this);
      mutex_.lock();
    }
    HeldLocks::Add(this);
  }
  bool try_lock() {
    const bool taken = mutex_.try_lock();
    if (taken) HeldLocks::Add(this);
    return taken;
  }
  void unlock() {
    HeldLocks::Remove(this);
    mutex_.unlock();
  }
  void lock_shared() {
    if (!mutex_.try_lock_shared()) {
      HeldLocks::Want(this);
      mutex_.lock_shared();
    }
    HeldLocks::Add(this);
  }
  bool try_lock_shared() {
    const bool taken = mutex_.try_lock_shared();
    if (taken) HeldLocks::Add(this);
    return taken;
  }
  void unlock_shared() {
    HeldLocks::Remove(this);
    mutex_.unlock_shared();
  }

 private:
  Mutex mutex_;
};

#endif

}  // namespace cmap::internal

#endif  // CMAP_MAPS_INTERNAL_HELD_LOCKS_H_
