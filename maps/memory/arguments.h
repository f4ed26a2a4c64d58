// SPDX-License-Identifier: Apache-2.0
//
// What the profile is asked for.
#ifndef CMAP_MAPS_MEMORY_ARGUMENTS_H_
#define CMAP_MAPS_MEMORY_ARGUMENTS_H_

#include <set>
#include <string>
#include <vector>

#include "maps/memory/measure.h"

namespace cmap::memory {

struct Arguments {
  std::vector<Number> sizes = {1'000, 10'000, 100'000, 1'000'000};
  std::set<std::string> strategies;  // empty: all
  std::string out;
};

// `workspace`: where the project is, or null when nobody knows. Throws std::invalid_argument
// with a sentence.
Arguments ParseArguments(const std::vector<std::string>& given, const char* workspace);

}  // namespace cmap::memory

#endif  // CMAP_MAPS_MEMORY_ARGUMENTS_H_
