// SPDX-License-Identifier: Apache-2.0
//
// A counter of a map, by name.
#ifndef CMAP_MAPS_TESTING_COUNTERS_H_
#define CMAP_MAPS_TESTING_COUNTERS_H_

#include <cstdint>
#include <string_view>

#include "gtest/gtest.h"
#include "maps/concurrent_map.h"

namespace cmap::testing {

template <class Map>
std::uint64_t Get(const Map& map, std::string_view name) {
  for (const Counter& counter : map.Counters()) {
    if (counter.name == name) return counter.value;
  }
  ADD_FAILURE() << "no counter " << name;
  return 0;
}

}  // namespace cmap::testing

#endif  // CMAP_MAPS_TESTING_COUNTERS_H_
