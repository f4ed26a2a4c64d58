// SPDX-License-Identifier: Apache-2.0
//
// Was a block disturbed? Judged by what the kernel and the clocks say about
// the threads, never by the measured values: dropping what looks slow would
// bias the result towards whatever was expected.
#ifndef CMAP_EXPERIMENTS_WORKER_QUALITY_H_
#define CMAP_EXPERIMENTS_WORKER_QUALITY_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "experiments/worker/threads.h"

namespace cmap::experiments {

// A block is dropped as a whole when the worst of its threads waited for its CPU
// for more than 2 % of its time, beside the threads that maps start,
inline constexpr double kMostRunDelay = 0.02;
// or when some thread started later than the others by as much. That threads
// advance unequally is no reason: it is what locks do to them.
inline constexpr double kMostLate = 0.02;

struct Rejection {
  std::string why;  // "run_delay" or "late_start"
  double value = 0;
};

// `times`: the measured slices of the block summed per contestant. Nothing when
// the block stands. With oversubscribed threads waiting is the subject of the
// measurement, so nothing is rejected.
std::optional<Rejection> JudgeBlock(std::span<const RunTime> times,
                                    bool oversubscribed);

// How equally threads advanced, from the operations of each.
struct Shares {
  double least = 1;  // of the slowest, over an equal share
  double most = 1;   // of the fastest
  // R. Jain, D. Chiu, W. Hawe, "A quantitative measure of fairness", 1984: 1 when
  // all are equal, 1/n when one of n did everything.
  double jain = 1;
};
Shares SharesOf(std::span<const std::uint64_t> ops);

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_QUALITY_H_
