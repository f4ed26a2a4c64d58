// SPDX-License-Identifier: Apache-2.0
//
// What is peculiar to published_map: its phases, what each change of phase copies,
// and the replacement of everything under readers. Most tests run with both ways
// to publish.

#include "maps/published_map.h"

#include <atomic>
#include <cstdint>
#include <new>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "maps/concurrent_map.h"
#include "maps/testing/counting_new.h"
#include "maps/testing/life_counted.h"

namespace cmap {
namespace {

using U64 = std::uint64_t;
using testing::LifeCounted;
using Batch = std::vector<std::pair<U64, U64>>;

template <Publication kWay, class V = U64>
using MapOf =
    PublishedMap<U64, V, DefaultHash<U64>, NativeAtomics, kWay>;

template <class M>
U64 Get(const M& map, std::string_view name) {
  for (const Counter& counter : map.Counters()) {
    if (counter.name == name) return counter.value;
  }
  ADD_FAILURE() << "no counter " << name;
  return 0;
}

template <class Way>
class PublishedMapTest : public ::testing::Test {
 protected:
  static constexpr bool kExchange = Way::value == Publication::kExchange;
  using TestedMap = MapOf<Way::value>;
};
using Ways =
    ::testing::Types<std::integral_constant<Publication, Publication::kExchange>,
                     std::integral_constant<Publication, Publication::kCopy>>;
TYPED_TEST_SUITE(PublishedMapTest, Ways);

TYPED_TEST(PublishedMapTest, PhasesAndWhatTheyCopy) {
  typename TestFixture::TestedMap map({.publish_after = 0});
  for (U64 k = 0; k < 100; ++k) map.Store(k, k);
  EXPECT_FALSE(map.published());
  map.Publish();
  map.Publish();
  EXPECT_TRUE(map.published());
  EXPECT_EQ(Get(map, "publications"), 1u);
  EXPECT_EQ(Get(map, "entries_copied"), TestFixture::kExchange ? 0u : 100u);
  EXPECT_EQ(map.Load(7), U64{7});
  EXPECT_EQ(map.Load(700), std::nullopt);
  map.Store(7, 8);
  EXPECT_FALSE(map.published());
  EXPECT_EQ(Get(map, "withdrawals"), 1u);
  EXPECT_EQ(Get(map, "entries_copied"), 100u) << "one side pays, not both";
  map.Store(8, 9);
  EXPECT_EQ(Get(map, "withdrawals"), 1u);
  EXPECT_EQ(map.Load(7), U64{8});
}

TYPED_TEST(PublishedMapTest, WhatChangesNothingWithdrawsNothing) {
  typename TestFixture::TestedMap map;
  map.StoreBatch(Batch{{1, 1}, {2, 2}});
  ASSERT_TRUE(map.published());
  const U64 allocations = testing::Allocations();
  EXPECT_TRUE(map.LoadOrStore(1, 5).loaded);
  EXPECT_TRUE(map.LoadOrCompute(1, [] { return U64{5}; }).loaded);
  EXPECT_FALSE(map.Delete(3));
  EXPECT_EQ(map.LoadAndDelete(3), std::nullopt);
  EXPECT_FALSE(map.CompareAndSwap(1, 2, 3));
  EXPECT_FALSE(map.CompareAndDelete(1, 2));
  EXPECT_FALSE(map.CompareAndDelete(3, 0));
  EXPECT_EQ(map.Load(2), U64{2});
  EXPECT_EQ(map.Size(), 2u);
  map.StoreBatch({});
  map.Reserve(1000);
  EXPECT_EQ(testing::Allocations(), allocations);
  EXPECT_TRUE(map.published());
}

TYPED_TEST(PublishedMapTest, EveryChangeWithdraws) {
  using Map = typename TestFixture::TestedMap;
  const auto changes = std::vector<void (*)(Map&)>{
      [](Map& m) { m.Store(1, 1); },
      [](Map& m) { m.Swap(1, 5); },
      [](Map& m) { m.LoadOrStore(9, 5); },
      [](Map& m) { m.LoadOrCompute(9, [] { return U64{5}; }); },
      [](Map& m) { m.CompareAndSwap(1, 1, 5); },
      [](Map& m) { m.CompareAndDelete(1, 1); },
      [](Map& m) { m.Delete(1); },
      [](Map& m) { m.LoadAndDelete(1); },
      [](Map& m) { m.StoreBatch(Batch{{1, 5}}); },
      [](Map& m) { m.Clear(); },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    Map map;
    map.StoreBatch(Batch{{1, 1}, {2, 2}});
    ASSERT_TRUE(map.published());
    changes[i](map);
    EXPECT_FALSE(map.published()) << i;
  }
}

TYPED_TEST(PublishedMapTest, ReadsEnoughPublish) {
  typename TestFixture::TestedMap map({.publish_after = 10});
  for (U64 k = 0; k < 50; ++k) map.Store(k, k);
  for (U64 n = 0; n < 49; ++n) map.Load(n);  // fewer than entries
  EXPECT_FALSE(map.published());
  map.LoadOrStore(1, 1);
  EXPECT_TRUE(map.published());
  for (U64 k = 3; k < 50; ++k) map.Delete(k);
  for (U64 n = 0; n < 9; ++n) map.Load(1);  // fewer than 10
  EXPECT_FALSE(map.published());
  map.Store(1, 2);  // starts the count anew
  for (U64 n = 0; n < 9; ++n) map.Load(1);
  EXPECT_FALSE(map.published());
  EXPECT_EQ(map.Load(1), U64{2});
  EXPECT_TRUE(map.published());
  typename TestFixture::TestedMap never({.publish_after = 0});
  never.Store(1, 1);
  for (U64 n = 0; n < 5000; ++n) never.Load(1);
  EXPECT_FALSE(never.published());
}

TYPED_TEST(PublishedMapTest, ABatchIntoAnEmptyMapIsPublished) {
  typename TestFixture::TestedMap map;
  map.StoreBatch(Batch{{1, 1}, {2, 2}, {1, 3}});
  EXPECT_TRUE(map.published());
  EXPECT_EQ(map.Load(1), U64{3});
  EXPECT_EQ(map.Size(), 2u);
  map.Clear();
  map.StoreBatch(Batch{{4, 4}});
  EXPECT_TRUE(map.published());
  EXPECT_EQ(map.Load(1), std::nullopt);
}

TYPED_TEST(PublishedMapTest, ReplaceShowsOneStateAfterTheOther) {
  typename TestFixture::TestedMap map;
  constexpr U64 kKeys = 64;
  const auto content = [](U64 version) {
    Batch batch;
    for (U64 k = 0; k < kKeys; ++k) batch.emplace_back(version * 1000 + k, version);
    return batch;
  };
  map.Replace(content(0));
  EXPECT_TRUE(map.published());
  std::atomic<bool> done{false};
  std::thread replacer([&] {
    for (U64 version = 1; version <= 200; ++version) map.Replace(content(version));
    done.store(true);
  });
  do {
    std::vector<U64> seen;
    map.Range([&](U64 key, U64 version) {
      EXPECT_EQ(key / 1000, version);
      seen.push_back(version);
      return true;
    });
    EXPECT_EQ(seen.size(), kKeys);
    for (const U64 version : seen) EXPECT_EQ(version, seen[0]);
    EXPECT_EQ(map.Size(), kKeys);
  } while (!done.load());
  replacer.join();
  EXPECT_EQ(Get(map, "replacements"), 201u);
  EXPECT_EQ(Get(map, "withdrawals"), 0u);
  EXPECT_EQ(Get(map, "entries_copied"),
            TestFixture::kExchange ? 0u : 201u * kKeys);
  EXPECT_EQ(map.Load(200'000), U64{200});
  EXPECT_EQ(map.Load(0), std::nullopt);
  map.Replace({});
  EXPECT_EQ(map.Size(), 0u);
}

TYPED_TEST(PublishedMapTest, ReservedRoomSurvivesPublishing) {
  typename TestFixture::TestedMap map;
  map.StoreBatch(Batch{{1, 1}});
  map.Reserve(10'000);
  map.Store(2, 2);
  EXPECT_GE(map.MemoryBytes(), 10'000 * sizeof(void*));
}

TYPED_TEST(PublishedMapTest, RunningOutOfMemoryChangesNothing) {
  using Map = typename TestFixture::TestedMap;
  const auto operations = std::vector<void (*)(Map&)>{
      [](Map& m) { m.Store(100, 1); },
      [](Map& m) { m.Swap(3, 1); },
      [](Map& m) { m.LoadOrStore(100, 1); },
      [](Map& m) { m.Delete(3); },
      [](Map& m) { m.Clear(); },
      [](Map& m) { m.Replace(Batch{{3, 1}, {100, 1}}); },
      [](Map& m) { m.Publish(); },
  };
  for (const bool published : {false, true}) {
    for (const auto operation : operations) {
      for (U64 nth = 1;; ++nth) {
        Map map;
        for (U64 k = 0; k < 20; ++k) map.Store(k, k);
        if (published) map.Publish();
        testing::FailAllocation(nth);
        bool failed = false;
        try {
          operation(map);
        } catch (const std::bad_alloc&) {
          failed = true;
        }
        testing::FailAllocation(0);
        if (!failed) break;
        ASSERT_EQ(map.Size(), 20u) << nth;
        ASSERT_EQ(map.Load(3), U64{3}) << nth;
        ASSERT_EQ(map.Load(100), std::nullopt) << nth;
        operation(map);  // no lock is held
      }
    }
  }
}

// A read that publishes has its answer, whether or not the publishing succeeds.
TEST(PublishedMapCopyTest, AReadOutlivesAPublicationThatFails) {
  MapOf<Publication::kCopy> map({.publish_after = 1});
  map.Store(1, 1);
  testing::FailAllocation(1);
  EXPECT_EQ(map.Load(1), U64{1});
  testing::FailAllocation(0);
  EXPECT_FALSE(map.published());
  EXPECT_EQ(map.Load(1), U64{1});
  EXPECT_TRUE(map.published());
}

TEST(PublishedMapExchangeTest, WithdrawnTablesAreFreed) {
  const auto alive = LifeCounted::Alive();
  {
    MapOf<Publication::kExchange, LifeCounted> map({.publish_after = 0});
    for (U64 k = 0; k < 100; ++k) map.Store(k, LifeCounted(k));
    for (U64 round = 0; round < 2000; ++round) {
      map.Publish();
      map.Store(round % 100, LifeCounted(round));
      ASSERT_LE(LifeCounted::Alive() - alive, 100 * 100) << round;
    }
    MapOf<Publication::kExchange, LifeCounted>::Quiesce();
    EXPECT_EQ(LifeCounted::Alive() - alive, 100);
  }
  EXPECT_EQ(LifeCounted::Alive(), alive);
}

TEST(PublishedMapExchangeTest, RangeGoesOnOverTheStateItBeganWith) {
  MapOf<Publication::kExchange> map;
  map.StoreBatch(Batch{{1, 1}, {2, 1}, {3, 1}});
  U64 visited = 0;
  map.Range([&](U64, U64 value) {
    EXPECT_EQ(value, 1u);
    if (visited++ == 0) {
      map.Store(1, 2);  // withdraws
      map.Store(2, 2);
      map.Replace(Batch{{9, 9}});
      MapOf<Publication::kExchange>::Quiesce();
    }
    return true;
  });
  EXPECT_EQ(visited, 3u);
  EXPECT_EQ(map.Size(), 1u);
}

}  // namespace
}  // namespace cmap
