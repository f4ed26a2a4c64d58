// SPDX-License-Identifier: Apache-2.0
#include "experiments/worker/quality.h"

#include <algorithm>

namespace cmap::experiments {

std::optional<Rejection> JudgeBlock(std::span<const RunTime> times,
                                    bool oversubscribed) {
  if (oversubscribed) return std::nullopt;
  RunTime block;
  for (const RunTime& time : times) {
    block.wall += time.wall;
    block.run_delay += time.undue_delay();
    block.late += time.late;
  }
  if (block.run_delay_share() > kMostRunDelay) {
    return Rejection{"run_delay", block.run_delay_share()};
  }
  if (block.late_share() > kMostLate) return Rejection{"late_start", block.late_share()};
  return std::nullopt;
}

Shares SharesOf(std::span<const std::uint64_t> ops) {
  double sum = 0;
  double squares = 0;
  for (const std::uint64_t n : ops) {
    sum += static_cast<double>(n);
    squares += static_cast<double>(n) * static_cast<double>(n);
  }
  if (sum == 0) return {};
  const auto [least, most] = std::minmax_element(ops.begin(), ops.end());
  const double equal = sum / static_cast<double>(ops.size());
  return {static_cast<double>(*least) / equal, static_cast<double>(*most) / equal,
          sum * equal / squares};
}

}  // namespace cmap::experiments
