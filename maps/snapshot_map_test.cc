// SPDX-License-Identifier: Apache-2.0
//
// What is peculiar to snapshot_map: when it copies, and how long it keeps what it
// has copied.

#include "maps/snapshot_map.h"

#include <cstdint>
#include <new>
#include <string_view>
#include <thread>
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
using Map = SnapshotMap<U64, U64>;

template <class M>
U64 Get(const M& map, std::string_view name) {
  for (const Counter& counter : map.Counters()) {
    if (counter.name == name) return counter.value;
  }
  ADD_FAILURE() << "no counter " << name;
  return 0;
}

TEST(SnapshotMapTest, EveryChangeCopiesAllEntriesOnce) {
  Map map;
  for (U64 k = 0; k < 10; ++k) map.Store(k, k);
  EXPECT_EQ(Get(map, "copies"), 10u);
  EXPECT_EQ(Get(map, "entries_copied"), 45u);
  map.Store(0, 1);
  map.Swap(1, 2);
  EXPECT_TRUE(map.CompareAndSwap(2, 2, 3));
  EXPECT_TRUE(map.CompareAndDelete(2, 3));
  EXPECT_TRUE(map.Delete(3));
  EXPECT_EQ(map.LoadAndDelete(4), U64{4});
  EXPECT_FALSE(map.LoadOrStore(20, 20).loaded);
  EXPECT_FALSE(map.LoadOrCompute(21, [] { return U64{21}; }).loaded);
  EXPECT_EQ(Get(map, "copies"), 18u);
}

TEST(SnapshotMapTest, WhatChangesNothingCopiesAndAllocatesNothing) {
  Map map;
  for (U64 k = 0; k < 10; ++k) map.Store(k, k);
  const U64 copies = Get(map, "copies");
  const U64 allocations = testing::Allocations();
  EXPECT_EQ(map.Load(3), U64{3});
  EXPECT_EQ(map.Load(30), std::nullopt);
  EXPECT_TRUE(map.LoadOrStore(3, 4).loaded);
  EXPECT_TRUE(map.LoadOrCompute(3, [] { return U64{4}; }).loaded);
  EXPECT_EQ(map.LoadAndDelete(30), std::nullopt);
  EXPECT_FALSE(map.Delete(30));
  EXPECT_FALSE(map.CompareAndSwap(3, 4, 5));
  EXPECT_FALSE(map.CompareAndSwap(30, 4, 5));
  EXPECT_FALSE(map.CompareAndDelete(3, 4));
  EXPECT_EQ(map.Size(), 10u);
  U64 sum = 0;
  map.Range([&](U64, U64 v) {
    sum += v;
    return true;
  });
  map.StoreBatch({});
  EXPECT_EQ(testing::Allocations(), allocations);
  EXPECT_EQ(Get(map, "copies"), copies);
  EXPECT_EQ(sum, 45u);
  map.Clear();
  map.Clear();
  EXPECT_EQ(Get(map, "copies"), copies) << "Clear starts afresh";
}

TEST(SnapshotMapTest, ABatchCopiesOnce) {
  Map map;
  std::vector<std::pair<U64, U64>> batch;
  for (U64 k = 0; k < 1000; ++k) batch.emplace_back(k % 800, k);
  map.StoreBatch(batch);
  EXPECT_EQ(Get(map, "copies"), 1u);
  EXPECT_EQ(map.Size(), 800u);
  EXPECT_EQ(map.Load(0), U64{800});
  EXPECT_EQ(map.Load(700), U64{700});
}

TEST(SnapshotMapTest, RangeGoesOnOverTheStateItBeganWith) {
  Map map;
  for (U64 k = 0; k < 100; ++k) map.Store(k, k);
  U64 visited = 0;
  map.Range([&](U64 k, U64 v) {
    EXPECT_EQ(k, v);
    if (visited++ == 0) {
      std::thread([&] {
        for (U64 i = 0; i < 100; ++i) map.Store(i, 1000);
        map.Clear();
        map.Store(500, 500);
        Map::Quiesce();  // may free nothing that the Range stands on
      }).join();
    }
    return true;
  });
  EXPECT_EQ(visited, 100u);
  EXPECT_EQ(map.Size(), 1u);
}

TEST(SnapshotMapTest, ReserveActsOnTheNextCopy) {
  Map map;
  map.Store(0, 0);
  const U64 before = map.MemoryBytes();
  map.Reserve(10'000);
  EXPECT_EQ(map.MemoryBytes(), before);
  map.Store(1, 1);
  EXPECT_GE(map.MemoryBytes(), before + 10'000 * sizeof(void*));
  map.Store(2, 2);  // copies keep the room
  EXPECT_GE(map.MemoryBytes(), before + 10'000 * sizeof(void*));
}

TEST(SnapshotMapTest, FewLargeSnapshotsAreKept) {
  const auto alive = LifeCounted::Alive();
  constexpr std::int64_t kEntries = 2'000;  // above 64 KiB
  {
    SnapshotMap<U64, LifeCounted> map;
    std::vector<std::pair<U64, LifeCounted>> batch;
    for (U64 k = 0; k < kEntries; ++k) batch.emplace_back(k, LifeCounted(k));
    map.StoreBatch(batch);
    batch.clear();
    for (U64 i = 0; i < 50; ++i) {
      map.Store(i, LifeCounted(i + 1));
      ASSERT_LE(LifeCounted::Alive() - alive, 6 * kEntries) << i;
    }
    SnapshotMap<U64, LifeCounted>::Quiesce();
    EXPECT_EQ(LifeCounted::Alive() - alive, kEntries);
  }
  EXPECT_EQ(LifeCounted::Alive(), alive);
  EXPECT_EQ(LifeCounted::Violations(), 0);
}

TEST(SnapshotMapTest, RunningOutOfMemoryChangesNothing) {
  const auto operations = std::vector<void (*)(Map&)>{
      [](Map& m) { m.Store(100, 1); },
      [](Map& m) { m.Swap(3, 1); },
      [](Map& m) { m.LoadOrStore(100, 1); },
      [](Map& m) { m.LoadOrCompute(100, [] { return U64{1}; }); },
      [](Map& m) { m.CompareAndSwap(3, 3, 1); },
      [](Map& m) { m.Delete(3); },
      [](Map& m) { m.Clear(); },
      [](Map& m) {
        const std::vector<std::pair<U64, U64>> batch = {{3, 1}, {100, 1}};
        m.StoreBatch(batch);
      },
  };
  for (const auto operation : operations) {
    U64 nth = 1;
    for (bool failed = true; failed; ++nth) {
      Map map;
      for (U64 k = 0; k < 20; ++k) map.Store(k, k);
      testing::FailAllocation(nth);
      try {
        operation(map);
        failed = false;
      } catch (const std::bad_alloc&) {
      }
      testing::FailAllocation(0);
      if (!failed) break;
      ASSERT_EQ(map.Size(), 20u) << nth;
      ASSERT_EQ(map.Load(3), U64{3}) << nth;
      operation(map);  // the mutex is free
    }
    EXPECT_GE(nth, 2u);
  }
}

}  // namespace
}  // namespace cmap
