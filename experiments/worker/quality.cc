// SPDX-License-Identifier: Apache-2.0
#include "experiments/worker/quality.h"

#include <algorithm>

namespace cmap::experiments {

std::optional<Rejection> JudgeBlock(std::span<const RunTime> times,
                                    bool oversubscribed) {
  if (oversubscribed) return std::nullopt;
  RunTime block;
  double least_overlap = 1.0;
  for (const RunTime& time : times) {
    block.wall += time.wall;
    block.run_delay += time.undue_delay();
    least_overlap = std::min(least_overlap, time.overlap());
  }
  if (block.run_delay_share() > kMostRunDelay) {
    return Rejection{"run_delay", block.run_delay_share()};
  }
  if (least_overlap < kLeastOverlap) return Rejection{"overlap", least_overlap};
  return std::nullopt;
}

}  // namespace cmap::experiments
