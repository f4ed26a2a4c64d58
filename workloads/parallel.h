// SPDX-License-Identifier: Apache-2.0
//
// How this package asks for several threads without having any: whoever owns
// threads passes a function that calls f(0), ..., f(parts - 1), in any order and
// at the same time if it likes, and returns when all have returned.
#ifndef CMAP_WORKLOADS_PARALLEL_H_
#define CMAP_WORKLOADS_PARALLEL_H_

#include <cstddef>
#include <functional>

namespace cmap::workloads {

using Parallel =
    std::function<void(std::size_t parts, const std::function<void(std::size_t)>& f)>;

// One after the other, by the caller.
inline void InTurn(std::size_t parts, const std::function<void(std::size_t)>& f) {
  for (std::size_t part = 0; part < parts; ++part) f(part);
}

}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_PARALLEL_H_
