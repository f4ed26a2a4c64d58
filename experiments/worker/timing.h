// SPDX-License-Identifier: Apache-2.0
//
// Where a visit's time goes. Slices are what it is for; everything around them is
// overhead, which must not grow with the number of threads.
#ifndef CMAP_EXPERIMENTS_WORKER_TIMING_H_
#define CMAP_EXPERIMENTS_WORKER_TIMING_H_

#include <time.h>

#include <cstdint>

#include "experiments/worker/threads.h"

namespace cmap::experiments {

// CPU time of all threads of this process, nanoseconds.
inline std::int64_t CpuNs() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// A part of a visit, nanoseconds.
struct Phase {
  std::int64_t wall = 0;
  std::int64_t cpu = 0;
};

struct Timing {
  Phase tape;     // generating it, and tables of keys
  Phase place;    // constructing, prefilling and destroying maps
  Phase slices;   // in which maps are played, discarded slices included
  Phase verify;   // what a slice must have reported, and sizes
};

// Adds the time of a scope to a phase. Scopes do not nest.
class Timed {
 public:
  explicit Timed(Phase& phase) : phase_(phase), wall_(NowNs()), cpu_(CpuNs()) {}
  ~Timed() {
    phase_.wall += NowNs() - wall_;
    phase_.cpu += CpuNs() - cpu_;
  }
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;

 private:
  Phase& phase_;
  std::int64_t wall_;
  std::int64_t cpu_;
};

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_TIMING_H_
