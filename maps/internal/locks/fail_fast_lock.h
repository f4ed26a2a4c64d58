// SPDX-License-Identifier: Apache-2.0
//
// Not a lock: the check that Go's built-in map makes in its place. A word says
// that a write is in progress; whoever finds it set where it must not be, or not
// set where it must, has met another thread in a structure that is not for two.
//
//   write    set already: two writers       read    set: a read during a write
//            set it
//            ... write ...                          ... read ...
//            not set any more: two writers
//            clear it
//
// The word is read and written by relaxed atomics: the check itself is defined
// behaviour and costs a load, or two loads and two stores of a line that the
// operation needs anyway. It is no synchronisation. Two writers can both find the
// word clear before either has set it, and a read that began before a write is not
// noticed. What is reported has happened; what is not reported may have.
//
// What follows a finding is decided by a hook of the process. The initial one
// prints a line and ends the program, as Go does: the structure can no longer be
// trusted. A hook may also throw, or count and return, for findings at the
// beginning of an operation. At the end of a write it must not throw.
//
// Source: hashWriting in Go 1.23, src/runtime/map.go.
#ifndef CMAP_MAPS_INTERNAL_LOCKS_FAIL_FAST_LOCK_H_
#define CMAP_MAPS_INTERNAL_LOCKS_FAIL_FAST_LOCK_H_

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string_view>

#include "maps/internal/atomics.h"

namespace cmap::internal {

enum class Misuse {
  kReadDuringWrite,
  kWriteDuringWrite,  // at the beginning of a write
  kWriteEndedTwice,   // at its end
};

constexpr const char* MisuseText(Misuse misuse) {
  return misuse == Misuse::kReadDuringWrite ? "concurrent map read and map write"
                                            : "concurrent map writes";
}

// For hooks that throw.
class ConcurrentUse : public std::logic_error {
 public:
  explicit ConcurrentUse(Misuse misuse) : logic_error(MisuseText(misuse)) {}
};

using MisuseHook = void (*)(Misuse);

[[noreturn]] inline void EndProgram(Misuse misuse) {
  std::fprintf(stderr, "fatal error: %s\n", MisuseText(misuse));
  std::abort();
}

inline std::atomic<MisuseHook> misuse_hook{&EndProgram};

// Replaces the hook of the process; returns the former one.
inline MisuseHook SetMisuseHook(MisuseHook hook) {
  return misuse_hook.exchange(hook, std::memory_order_acq_rel);
}

// The interface of the locks in rw_lock.h. `Inner` is a real lock for measuring
// how much the check finds: taken after the check and released before the last
// one, it keeps the structure whole while threads misuse it.
template <class Atomics, class Inner>
class FailFastLock : private Inner {
 public:
  static constexpr bool kShared = false;
  static constexpr std::string_view kName = "check for concurrent writes";

  void lock() {
    // Relaxed, here and below: see the head of this file.
    if (writing_.load(std::memory_order_relaxed)) {
      Report(Misuse::kWriteDuringWrite);
    }
    writing_.store(true, std::memory_order_relaxed);
    Inner::lock();
  }

  void unlock() noexcept {
    Inner::unlock();
    if (!writing_.load(std::memory_order_relaxed)) {
      Report(Misuse::kWriteEndedTwice);
    }
    writing_.store(false, std::memory_order_relaxed);
  }

  void lock_shared() {
    if (writing_.load(std::memory_order_relaxed)) {
      Report(Misuse::kReadDuringWrite);
    }
    Inner::lock_shared();
  }

  void unlock_shared() noexcept { Inner::unlock_shared(); }

 private:
  [[gnu::noinline, gnu::cold]] static void Report(Misuse misuse) {
    misuse_hook.load(std::memory_order_acquire)(misuse);
  }

  typename Atomics::template Atomic<bool> writing_{false};
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_INTERNAL_LOCKS_FAIL_FAST_LOCK_H_
