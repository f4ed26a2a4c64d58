// SPDX-License-Identifier: Apache-2.0
//
// Was a block disturbed? Judged by what the kernel and the clocks say about
// the threads, never by the measured values: dropping what looks slow would
// bias the result towards whatever was expected.
#ifndef CMAP_EXPERIMENTS_WORKER_QUALITY_H_
#define CMAP_EXPERIMENTS_WORKER_QUALITY_H_

#include <optional>
#include <span>
#include <string>

#include "experiments/worker/threads.h"

namespace cmap::experiments {

// A block is dropped as a whole when its threads waited for their CPUs for more
// than 2 % of its time,
inline constexpr double kMostRunDelay = 0.02;
// or when, in the slices of some contestant together, all threads ran at the
// same time for less than 80 % of the time. (Beside the threads that maps start:
// RunTime says how they are allowed for.)
inline constexpr double kLeastOverlap = 0.80;

struct Rejection {
  std::string why;  // "run_delay" or "overlap"
  double value = 0;
};

// `times`: the measured slices of the block summed per contestant. Nothing when
// the block stands. With oversubscribed threads waiting is the subject of the
// measurement, so nothing is rejected.
std::optional<Rejection> JudgeBlock(std::span<const RunTime> times,
                                    bool oversubscribed);

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_QUALITY_H_
