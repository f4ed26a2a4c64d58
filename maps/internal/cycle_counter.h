// SPDX-License-Identifier: Apache-2.0
//
// The processor's time-stamp counter around an operation. The two readings widen what
// stands between them and never make it shorter:
//
//             before                             after
//   x86-64    rdtsc; lfence                      rdtscp
//             (nothing of the operation          (all that the operation loads has
//             starts before the reading)         been loaded)
//   AArch64   isb; mrs cntvct_el0; isb           dsb ishld; isb; mrs cntvct_el0
//
// Neither waits until what was stored can be seen by others. 10 to 20 ns a reading; in
// ticks, whose rate and whose agreement between cores are the caller's concern.
#ifndef CMAP_MAPS_INTERNAL_CYCLE_COUNTER_H_
#define CMAP_MAPS_INTERNAL_CYCLE_COUNTER_H_

#include <cstdint>

namespace cmap::internal {

inline std::uint64_t CounterBefore() noexcept {
#if defined(__x86_64__)
  std::uint32_t low, high;
  asm volatile("rdtsc\n\tlfence" : "=a"(low), "=d"(high) : : "memory");
  return (std::uint64_t{high} << 32) | low;
#elif defined(__aarch64__)
  std::uint64_t ticks;
  asm volatile("isb\n\tmrs %0, cntvct_el0\n\tisb" : "=r"(ticks) : : "memory");
  return ticks;
#else
#error "no time stamps for this architecture"
#endif
}

inline std::uint64_t CounterAfter() noexcept {
#if defined(__x86_64__)
  std::uint32_t low, high, core;
  asm volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(core) : : "memory");
  return (std::uint64_t{high} << 32) | low;
#else
  std::uint64_t ticks;
  asm volatile("dsb ishld\n\tisb\n\tmrs %0, cntvct_el0" : "=r"(ticks) : : "memory");
  return ticks;
#endif
}

}  // namespace cmap::internal

#endif  // CMAP_MAPS_INTERNAL_CYCLE_COUNTER_H_
