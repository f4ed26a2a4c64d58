// SPDX-License-Identifier: Apache-2.0
#include "experiments/worker/arrivals.h"

#include <cstddef>

#include "workloads/det_math.h"
#include "workloads/rng.h"

namespace cmap::experiments {
namespace {

constexpr std::uint64_t kPurpose = 0x41727269;  // of the seeds drawn from the visit's

}  // namespace

Profile Profile::Constant(double rate, std::int64_t ns) {
  return {{{ns, rate * static_cast<double>(ns) * 1e-9}}};
}

std::int64_t Profile::ns() const {
  std::int64_t sum = 0;
  for (const Segment& segment : segments) sum += segment.ns;
  return sum;
}

double Profile::ops() const {
  double sum = 0;
  for (const Segment& segment : segments) sum += segment.ops;
  return sum;
}

std::vector<std::int64_t> DrawArrivals(const Profile& profile, Spacing spacing, int thread, int threads,
                                       std::uint64_t seed) {
  // Arrivals are drawn at a rate of one along the operations of the profile, and
  // placed in time where the profile has come that far.
  workloads::Rng rng(workloads::DeriveSeed(seed, kPurpose, static_cast<std::uint64_t>(thread)));
  const double step = static_cast<double>(threads);
  const auto gap = [&] {
    return spacing == Spacing::kEven ? step : -workloads::DetLog(1.0 - rng.Unit()) * step;
  };
  std::vector<std::int64_t> due;
  due.reserve(static_cast<std::size_t>(profile.ops() / step * 1.1) + 100);
  double at = spacing == Spacing::kEven ? static_cast<double>(thread) : gap();
  double before = 0;  // operations of the segments that are over
  std::int64_t start = 0;
  for (const Segment& segment : profile.segments) {
    while (at < before + segment.ops) {
      due.push_back(start + static_cast<std::int64_t>(static_cast<double>(segment.ns) *
                                                      ((at - before) / segment.ops)));
      at += gap();
    }
    before += segment.ops;
    start += segment.ns;
  }
  return due;
}

}  // namespace cmap::experiments
