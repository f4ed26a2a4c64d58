// SPDX-License-Identifier: Apache-2.0
//
// The Atomics policy: the only door through which a strategy reaches shared
// memory. Measurements use NativeAtomics, which is std::atomic and the standard
// locks and costs nothing (with assertions, locks know their holder: held_locks.h). The verification kit substitutes its own policy to
// yield at every access or to explore schedules, without a second copy of any
// strategy.
#ifndef CMAP_MAPS_INTERNAL_ATOMICS_H_
#define CMAP_MAPS_INTERNAL_ATOMICS_H_

#include <atomic>
#include <mutex>
#include <shared_mutex>
#include <thread>

#include "maps/internal/held_locks.h"

namespace cmap {

struct NativeAtomics {
  template <class T>
  using Atomic = std::atomic<T>;
#ifdef NDEBUG
  using Mutex = std::mutex;
  using SharedMutex = std::shared_mutex;
#else
  using Mutex = internal::HeldMutex<std::mutex>;
  using SharedMutex = internal::HeldMutex<std::shared_mutex>;
#endif

  // Tells the core that this thread spins: frees execution resources for the
  // sibling thread and saves power. No effect on ordering.
  static void Pause() noexcept {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }

  // Gives the processor away, for waits that may outlast a time slice.
  static void Yield() noexcept { std::this_thread::yield(); }
};

}  // namespace cmap

#endif  // CMAP_MAPS_INTERNAL_ATOMICS_H_
