// SPDX-License-Identifier: Apache-2.0
//
// The parts of those groups of checks that take more than one file; checks.h has
// the groups.
#ifndef CMAP_MAPS_TESTING_PARTS_H_
#define CMAP_MAPS_TESTING_PARTS_H_

#include <span>

#include "maps/testing/checks.h"

namespace cmap::testing {

// Of SequentialChecks().
std::span<const Check> PointChecks();
std::span<const Check> ModelChecks();
std::span<const Check> ReentrancyChecks();

// Of ConcurrentChecks().
std::span<const Check> ConcurrentPointChecks();
std::span<const Check> ConcurrentReaderChecks();
std::span<const Check> ConcurrentLimitChecks();

// As many as most checks of several threads ask for.
inline constexpr int kThreads = 4;

}  // namespace cmap::testing

#endif  // CMAP_MAPS_TESTING_PARTS_H_
