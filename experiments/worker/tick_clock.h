// SPDX-License-Identifier: Apache-2.0
//
// The clock of single operations: the processor's time-stamp counter
// (maps/internal/cycle_counter.h) in nanoseconds of CLOCK_MONOTONIC. A reading takes 10
// to 20 ns, half of what the system call without a kernel entry takes, and does not
// touch memory.
//
// Where the kernel does not vouch for the counter (constant_tsc and nonstop_tsc) the
// system's clock is read instead; Name() says which. Conversion is one multiplication;
// Calibrate() finds its factor and must be called anew before every slice, so that an
// error in it has no time to add up.
#ifndef CMAP_EXPERIMENTS_WORKER_TICK_CLOCK_H_
#define CMAP_EXPERIMENTS_WORKER_TICK_CLOCK_H_

#include <cstdint>
#include <string_view>

#include "experiments/worker/threads.h"
#include "maps/internal/cycle_counter.h"

namespace cmap::experiments {

class TickClock {
 public:
  // Reads the counter's properties and the first pair of readings.
  TickClock();

  // Another pair of readings, the origin of what follows; the farther from the first,
  // the more exact the factor. Takes 20 ms when called within that time of the
  // constructor. Not while other threads read the clock.
  void Calibrate();

  std::string_view Name() const;
  double ticks_per_ns() const { return 1 / ns_per_tick_; }

  // The time of a start at `due`, or now if that is over. Spins: a thread that slept
  // would wake up to a millisecond late.
  std::int64_t Await(std::int64_t due) const {
    std::int64_t now = Start();
    while (now < due) now = Start();
    return now;
  }
  std::int64_t End() const {
    if (!counter_) [[unlikely]] return NowNs();
    return Ns(internal::CounterAfter());
  }

 private:
  std::int64_t Start() const {
    if (!counter_) [[unlikely]] return NowNs();
    return Ns(internal::CounterBefore());
  }
  std::int64_t Ns(std::uint64_t ticks) const {
    return origin_ns_ + static_cast<std::int64_t>(
                            static_cast<double>(static_cast<std::int64_t>(ticks - origin_ticks_)) * ns_per_tick_);
  }
  struct Pair {
    std::uint64_t ticks;
    std::int64_t ns;
  };
  // Readings of both clocks at the same time, as far as can be.
  Pair Both() const;

  bool counter_;
  Pair first_{};
  std::uint64_t origin_ticks_ = 0;
  std::int64_t origin_ns_ = 0;
  double ns_per_tick_ = 1;
};

// Whether /proc/cpuinfo says of every processor that its counter has one rate and never
// stops. AArch64 promises both.
bool VouchesForCounter(std::string_view cpuinfo);

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_TICK_CLOCK_H_
