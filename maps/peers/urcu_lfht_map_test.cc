// SPDX-License-Identifier: Apache-2.0
//
// That a table grows although the library may forget to (see the adapter).
#include <algorithm>
#include <chrono>
#include <cstdint>

#include <gtest/gtest.h>

#include "maps/peers/urcu_lfht_map.h"

namespace cmap {
namespace {

using Map = UrcuLfhtMap<std::uint64_t, std::uint64_t>;
constexpr std::uint64_t kEntries = 40'000;

void Fill(Map& map) {
  for (std::uint64_t key = 0; key < kEntries; ++key) map.Store(key, key);
}

// Of three passes over all keys the fastest.
std::chrono::nanoseconds TimeOfReading(Map& map) {
  auto best = std::chrono::nanoseconds::max();
  for (int pass = 0; pass < 3; ++pass) {
    const auto start = std::chrono::steady_clock::now();
    for (std::uint64_t key = 0; key < kEntries; ++key) {
      EXPECT_EQ(map.Load(key), key);
    }
    best = std::min<std::chrono::nanoseconds>(best, std::chrono::steady_clock::now() - start);
  }
  return best;
}

// A table that stops growing is more than a hundred times slower; without the
// adapter's remedy two or more of twenty did.
TEST(UrcuLfhtMap, GrowsEachTime) {
  Map reserved;
  reserved.Reserve(kEntries);
  Fill(reserved);
  const auto usual = TimeOfReading(reserved);
  for (int table = 0; table < 20; ++table) {
    Map map;
    Fill(map);
    EXPECT_LT(TimeOfReading(map), 30 * usual) << "table " << table;
  }
}

}  // namespace
}  // namespace cmap
