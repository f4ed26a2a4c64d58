// SPDX-License-Identifier: Apache-2.0
//
// Time stamps for recorded histories. What a history says is "this operation had
// returned before that one was called", so a stamp must not be older than what
// the thread did before it, nor younger than what it does after it:
//
//   x86-64   mfence   what was stored is visible to all
//            rdtscp   waits until what was loaded has been loaded
//            lfence   what follows starts after the reading
//   AArch64  dsb ish, isb, mrs cntvct_el0, isb: the same
//
// A counter that all threads increment would do as well, but would add an order
// between operations that the map did not establish, and hide mistakes.
//
// Counters of different cores must agree. ClockName() tries them once, hands a
// stamp to and fro between two threads, and falls back on the system's monotonic
// clock if one ever runs backwards. Equal stamps count as overlapping.
#ifndef CMAP_MAPS_VERIFICATION_CLOCK_H_
#define CMAP_MAPS_VERIFICATION_CLOCK_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string_view>

namespace cmap::verification {

namespace internal {

inline std::atomic<bool> counters_disagree{false};

inline std::uint64_t ReadCounter() noexcept {
#if defined(__x86_64__)
  std::uint32_t low, high, core;
  asm volatile("mfence\n\trdtscp\n\tlfence" : "=a"(low), "=d"(high), "=c"(core) : : "memory");
  return (std::uint64_t{high} << 32) | low;
#elif defined(__aarch64__)
  std::uint64_t ticks;
  asm volatile("dsb ish\n\tisb\n\tmrs %0, cntvct_el0\n\tisb" : "=r"(ticks) : : "memory");
  return ticks;
#else
#error "no time stamps for this architecture"
#endif
}

}  // namespace internal

inline std::uint64_t Now() noexcept {
  const std::uint64_t counter = internal::ReadCounter();
  if (!internal::counters_disagree.load(std::memory_order_relaxed)) [[likely]] {
    return counter;
  }
  const auto time = std::chrono::steady_clock::now().time_since_epoch();
  const auto ns = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(time).count());
  internal::ReadCounter();  // for its fences
  return ns;
}

// What the stamps come from: "rdtscp", "cntvct_el0" or "steady clock". The first
// call tries the counters, and must come before the first history.
std::string_view ClockName();

}  // namespace cmap::verification

#endif  // CMAP_MAPS_VERIFICATION_CLOCK_H_
