// SPDX-License-Identifier: Apache-2.0
//
// What the profile is asked for.
#ifndef CMAP_MAPS_BLOCKING_ARGUMENTS_H_
#define CMAP_MAPS_BLOCKING_ARGUMENTS_H_

#include <set>
#include <string>
#include <vector>

namespace cmap::blocking {

struct Arguments {
  std::set<std::string> strategies;  // empty: all
  double seconds = 5;
  std::string out;
};

// `workspace`: where the project is, or null when nobody knows. Throws std::invalid_argument
// with a sentence.
Arguments ParseArguments(const std::vector<std::string>& given, const char* workspace);

}  // namespace cmap::blocking

#endif  // CMAP_MAPS_BLOCKING_ARGUMENTS_H_
