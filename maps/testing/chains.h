// SPDX-License-Identifier: Apache-2.0
//
// What the tests of the maps with chains of nodes (maps/internal/tables/chain.h) share.
#ifndef CMAP_MAPS_TESTING_CHAINS_H_
#define CMAP_MAPS_TESTING_CHAINS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "maps/concurrent_map.h"
#include "maps/testing/counters.h"
#include "maps/testing/life_counted.h"

namespace cmap::testing {

// The key is its own hash.
struct OwnHash {
  std::uint64_t operator()(std::uint64_t key) const noexcept { return key; }
};

// Copied nodes share their boxes with the originals, which are destroyed first. `Map`: from
// integers to LifeCounted.
template <class Map>
void ExpectCopiesTakeTheValuesOver(const typename Map::Options& options = {}) {
  constexpr std::uint64_t kKeys = 1000;
  const std::int64_t alive = LifeCounted::Alive();
  {
    Map map(options);
    for (std::uint64_t i = 0; i < kKeys; ++i) map.Store(MixBits(i), LifeCounted(i));
    EXPECT_GT(Get(map, "nodes_copied"), 0u);
    Map::Quiesce();
    EXPECT_EQ(LifeCounted::Alive() - alive, static_cast<std::int64_t>(kKeys));
    for (std::uint64_t i = 0; i < kKeys; ++i) EXPECT_EQ(map.Load(MixBits(i))->number(), i);
    for (std::uint64_t i = 0; i < kKeys; ++i) map.Store(MixBits(i), LifeCounted(i + 1));
    Map::Quiesce();
    EXPECT_EQ(LifeCounted::Alive() - alive, static_cast<std::int64_t>(kKeys));
  }
  Map::Quiesce();
  EXPECT_EQ(LifeCounted::Alive(), alive);
  EXPECT_EQ(LifeCounted::Violations(), 0);
}

// A key, or a value, that needs a heap block.
inline std::string LongText(int i) { return std::string(40, 'x') + std::to_string(i); }

// Operations that allocate, on a map from LongText(0 to 11) to themselves. The first grows a
// table of 16 bins; the last clears the map.
template <class Map>
std::vector<std::function<void(Map&)>> AllocatingOperations() {
  const auto text = LongText;
  return {
      [=](Map& m) { m.Store(text(12), text(0)); },
      [=](Map& m) { m.Store(text(3), text(0)); },
      [=](Map& m) { m.Swap(text(3), text(0)); },
      [=](Map& m) { m.LoadOrStore(text(12), text(0)); },
      [=](Map& m) { m.LoadOrCompute(text(12), [=] { return text(0); }); },
      [=](Map& m) { m.CompareAndSwap(text(3), text(3), text(0)); },
      [=](Map& m) { m.LoadAndDelete(text(3)); },
      [=](Map& m) { m.Clear(); },
  };
}

}  // namespace cmap::testing

#endif  // CMAP_MAPS_TESTING_CHAINS_H_
