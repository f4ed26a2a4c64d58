// SPDX-License-Identifier: Apache-2.0
//
// Every request asks for a key never asked for before. Thread t of T uses the
// indices t, t + T, t + 2T, ..., so threads never meet.
#ifndef CMAP_WORKLOADS_SEQUENTIAL_NEW_H_
#define CMAP_WORKLOADS_SEQUENTIAL_NEW_H_

#include <cstdint>

#include "workloads/rng.h"

namespace cmap::workloads {

class SequentialNewStream {
 public:
  SequentialNewStream(std::uint32_t thread, std::uint32_t threads)
      : next_(thread), step_(threads) {}
  std::uint32_t Next(Rng& /*rng*/) {
    const std::uint32_t index = next_;
    next_ += step_;
    return index;
  }

 private:
  std::uint32_t next_;
  std::uint32_t step_;
};

}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_SEQUENTIAL_NEW_H_
