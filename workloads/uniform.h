// SPDX-License-Identifier: Apache-2.0
//
// Every key of the population equally likely, independently.
#ifndef CMAP_WORKLOADS_UNIFORM_H_
#define CMAP_WORKLOADS_UNIFORM_H_

#include <cstdint>

#include "workloads/rng.h"

namespace cmap::workloads {

class UniformStream {
 public:
  explicit UniformStream(std::uint32_t population) : population_(population) {}
  std::uint32_t Next(Rng& rng) { return rng.Below(population_); }

 private:
  std::uint32_t population_;
};

}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_UNIFORM_H_
