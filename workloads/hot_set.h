// SPDX-License-Identifier: Apache-2.0
//
// A part of the population takes a share of the requests; inside and outside
// that part keys are equally likely.
#ifndef CMAP_WORKLOADS_HOT_SET_H_
#define CMAP_WORKLOADS_HOT_SET_H_

#include <algorithm>
#include <cstdint>

#include "workloads/rng.h"

namespace cmap::workloads {

class HotSetStream {
 public:
  // Indices below round(hot_fraction * population), at least one unless the
  // fraction is 0, get a request with probability hot_share.
  HotSetStream(std::uint32_t population, double hot_fraction, double hot_share)
      : population_(population),
        hot_(HotKeys(population, hot_fraction)),
        hot_share_(hot_ == population ? 1 : hot_share) {}

  std::uint32_t Next(Rng& rng) {
    if (rng.Unit() < hot_share_) return rng.Below(hot_);
    return hot_ + rng.Below(population_ - hot_);
  }

  std::uint32_t hot() const { return hot_; }

  static std::uint32_t HotKeys(std::uint32_t population, double hot_fraction) {
    if (hot_fraction <= 0) return 0;
    const auto rounded =
        static_cast<std::uint32_t>(hot_fraction * population + 0.5);
    return std::clamp<std::uint32_t>(rounded, 1, population);
  }

 private:
  std::uint32_t population_;
  std::uint32_t hot_;
  double hot_share_;
};

}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_HOT_SET_H_
