// SPDX-License-Identifier: Apache-2.0
//
// Time stamps for recorded histories. What a history says is "this operation had
// returned before that one was called". A stamp may widen an operation, which
// explains more; it must never make it shorter than it was. So the counter is read
// as maps/internal/cycle_counter.h says, before the call and after the return.
//
// Neither waits until what was *stored* can be seen by others. An operation is over
// when it returns; if its effect is still in the store buffer then, the history must
// show it. (Stamps with a full fence emptied the buffer before they were taken, and
// hid a map that ended its writes with plain stores.) Even these take time in which a
// buffer drains: the litmus rung (litmus.h), which has no stamps, is the sharper tool.
//
// A counter that all threads increment would add an order between operations that
// the map did not establish, and hide mistakes, for the same reason.
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

#include "maps/internal/cycle_counter.h"

namespace cmap::verification {

namespace internal {

inline std::atomic<bool> counters_disagree{false};

inline std::uint64_t SteadyNow() noexcept {
  const auto time = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(time).count());
}

}  // namespace internal

// To be read right before an operation is called.
inline std::uint64_t CallStamp() noexcept {
  if (internal::counters_disagree.load(std::memory_order_relaxed)) [[unlikely]] {
    const std::uint64_t ns = internal::SteadyNow();
    cmap::internal::CounterBefore();  // for its fence
    return ns;
  }
  return cmap::internal::CounterBefore();
}

// To be read right after it has returned.
inline std::uint64_t ReturnStamp() noexcept {
  const std::uint64_t counter = cmap::internal::CounterAfter();
  if (internal::counters_disagree.load(std::memory_order_relaxed)) [[unlikely]] {
    return internal::SteadyNow();
  }
  return counter;
}

// What the stamps come from: "rdtsc, unfenced", "cntvct_el0, unfenced" or "steady clock". The first
// call tries the counters, and must come before the first history.
std::string_view ClockName();

}  // namespace cmap::verification

#endif  // CMAP_MAPS_VERIFICATION_CLOCK_H_
