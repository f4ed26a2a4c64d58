// SPDX-License-Identifier: Apache-2.0
//
// What is peculiar to generation_pointer_map: stamps, batches on condition, and
// how its writers meet.

#include "maps/generation_pointer_map.h"

#include <atomic>
#include <cstdint>
#include <new>
#include <stdexcept>
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
using Map = GenerationPointerMap<U64, U64>;
using Batch = std::vector<std::pair<U64, U64>>;

template <class M>
U64 Get(const M& map, std::string_view name) {
  for (const Counter& counter : map.Counters()) {
    if (counter.name == name) return counter.value;
  }
  ADD_FAILURE() << "no counter " << name;
  return 0;
}

TEST(GenerationPointerMapTest, OneGenerationAndOneCopyForEachChange) {
  Map map;
  for (U64 k = 0; k < 10; ++k) map.Store(k, k);
  EXPECT_EQ(map.Generation(), 10u);
  EXPECT_EQ(Get(map, "copies"), 10u);
  EXPECT_EQ(Get(map, "entries_copied"), 45u);
  map.Swap(1, 2);
  EXPECT_TRUE(map.CompareAndSwap(2, 2, 3));
  EXPECT_TRUE(map.CompareAndDelete(2, 3));
  EXPECT_TRUE(map.Delete(3));
  EXPECT_EQ(map.LoadAndDelete(4), U64{4});
  EXPECT_FALSE(map.LoadOrStore(20, 20).loaded);
  EXPECT_FALSE(map.LoadOrCompute(21, [] { return U64{21}; }).loaded);
  map.StoreBatch(Batch{{30, 1}, {31, 2}, {30, 3}});
  EXPECT_EQ(map.Generation(), 18u);
  EXPECT_EQ(Get(map, "copies"), 18u);
  map.Clear();
  EXPECT_EQ(map.Generation(), 19u);
  EXPECT_EQ(Get(map, "copies"), 18u) << "Clear starts afresh";
  map.Clear();
  EXPECT_EQ(map.Generation(), 19u);
}

TEST(GenerationPointerMapTest, WhatChangesNothingCopiesAndAllocatesNothing) {
  Map map;
  for (U64 k = 0; k < 10; ++k) map.Store(k, k);
  const U64 allocations = testing::Allocations();
  EXPECT_EQ(map.Load(3), U64{3});
  EXPECT_TRUE(map.LoadOrStore(3, 4).loaded);
  EXPECT_TRUE(map.LoadOrCompute(3, [] { return U64{4}; }).loaded);
  EXPECT_EQ(map.LoadAndDelete(30), std::nullopt);
  EXPECT_FALSE(map.Delete(30));
  EXPECT_FALSE(map.CompareAndSwap(3, 4, 5));
  EXPECT_FALSE(map.CompareAndDelete(3, 4));
  map.StoreBatch({});
  EXPECT_EQ(testing::Allocations(), allocations);
  EXPECT_EQ(map.Generation(), 10u);
}

TEST(GenerationPointerMapTest, StampsNameTheState) {
  Map map;
  map.Store(1, 10);
  const Stamped<U64> first = map.LoadStamped(1);
  EXPECT_EQ(first.value, U64{10});
  EXPECT_EQ(first.generation, 1u);
  EXPECT_EQ(map.LoadStamped(2).value, std::nullopt);
  map.Store(2, 20);
  EXPECT_FALSE(map.StoreBatchIf(first.generation, Batch{{1, 11}}));
  EXPECT_FALSE(map.StoreBatchIf(first.generation, {}));
  EXPECT_EQ(map.Load(1), U64{10});
  EXPECT_TRUE(map.StoreBatchIf(2, Batch{{1, 11}, {3, 30}}));
  EXPECT_TRUE(map.StoreBatchIf(3, {}));
  EXPECT_EQ(map.Generation(), 3u);
  EXPECT_EQ(map.Load(3), U64{30});
}

// Transactions over two keys: a sum that no thread breaks.
TEST(GenerationPointerMapTest, ConditionalBatchesAreTransactions) {
  constexpr int kThreads = 3, kEach = 300;
  Map map;
  map.StoreBatch(Batch{{0, 1000}, {1, 1000}});
  const auto transfer = [&map](U64 from) {
    for (;;) {
      const Stamped<U64> a = map.LoadStamped(from);
      const Stamped<U64> b = map.LoadStamped(1 - from);
      if (a.generation != b.generation) continue;
      if (map.StoreBatchIf(a.generation,
                           Batch{{from, *a.value - 1}, {1 - from, *b.value + 1}})) {
        return;
      }
    }
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) transfer(t == 0 ? 1 : 0);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(map.Load(0), U64{1000 - kEach});
  EXPECT_EQ(map.Load(1), U64{1000 + kEach});
  EXPECT_EQ(map.Generation(), 1u + kThreads * kEach);
}

// A copy is lost when the state it was made of is replaced. The value's copy
// constructor, which runs while the table is copied, writes to the same map.
struct Meddling {
  static inline std::vector<int> at_copies;  // positions, counted down
  static inline GenerationPointerMap<U64, Meddling>* map = nullptr;
  U64 number = 0;

  Meddling(U64 n = 0) : number(n) {}
  Meddling(const Meddling& other) : number(other.number) { Meddle(); }
  Meddling& operator=(const Meddling&) = default;
  bool operator==(const Meddling&) const = default;

  static void Meddle() {
    if (at_copies.empty() || --at_copies.back() > 0) return;
    at_copies.pop_back();
    auto* target = std::exchange(map, nullptr);
    if (target == nullptr) return;
    target->StoreBatchIf(target->Generation(),
                         std::vector<std::pair<U64, Meddling>>{{99, 99}});
    map = target;
  }
};

TEST(GenerationPointerMapTest, ALostCopyIsMadeAgainOnTheNewState) {
  GenerationPointerMap<U64, Meddling> map({.races = 3});
  for (U64 k = 0; k < 4; ++k) map.Store(k, k);
  Meddling::map = &map;
  Meddling::at_copies = {1};  // the first copy of the next write
  map.Store(5, 5);
  Meddling::map = nullptr;
  EXPECT_EQ(Get(map, "lost"), 1u);
  EXPECT_EQ(Get(map, "claims"), 0u);
  EXPECT_EQ(map.Load(5)->number, 5u);
  EXPECT_EQ(map.Load(99)->number, 99u) << "the other writer's entry is lost";
  EXPECT_EQ(map.Size(), 6u);
  EXPECT_EQ(map.Generation(), 6u);
}

TEST(GenerationPointerMapTest, AWriterThatLosesTooOftenMakesTheOthersWait) {
  GenerationPointerMap<U64, Meddling> map({.races = 1});
  map.Store(0, 0);
  Meddling::map = &map;
  Meddling::at_copies = {1};
  map.Store(5, 5);
  Meddling::map = nullptr;
  EXPECT_EQ(Get(map, "lost"), 1u);
  EXPECT_EQ(Get(map, "claims"), 1u);
  EXPECT_EQ(map.Size(), 3u);
  Map waiting({.races = 0});
  waiting.Store(1, 1);
  EXPECT_EQ(Get(waiting, "claims"), 1u);
}

TEST(GenerationPointerMapTest, ReadersDoNotWaitForAClaim) {
  Map map;
  map.Store(1, 1);
  map.LoadOrCompute(2, [&] {
    // The pointer is claimed.
    std::thread([&] {
      EXPECT_EQ(map.Load(1), U64{1});
      EXPECT_EQ(map.Load(2), std::nullopt);
      EXPECT_EQ(map.Size(), 1u);
      EXPECT_EQ(map.Generation(), 1u);
      EXPECT_TRUE(map.LoadOrStore(1, 5).loaded);
    }).join();
    return U64{2};
  });
  EXPECT_EQ(map.Load(2), U64{2});
}

TEST(GenerationPointerMapTest, WritersWaitForAClaimAndItEnds) {
  Map map;
  std::atomic<bool> inside{false};
  std::atomic<bool> stored{false};
  std::thread writer;
  const auto compute = [&]() -> U64 {
    writer = std::thread([&] {
      inside.store(true);
      map.Store(1, 1);
      stored.store(true);
    });
    while (!inside.load()) std::this_thread::yield();
    EXPECT_FALSE(stored.load());
    throw std::runtime_error("no value");
  };
  EXPECT_THROW(map.LoadOrCompute(2, compute), std::runtime_error);
  writer.join();
  EXPECT_EQ(map.Load(1), U64{1});
  EXPECT_EQ(map.Load(2), std::nullopt);
}

TEST(GenerationPointerMapTest, FewLargeStatesAreKept) {
  const auto alive = LifeCounted::Alive();
  constexpr std::int64_t kEntries = 2'000;  // above 64 KiB
  {
    GenerationPointerMap<U64, LifeCounted> map;
    std::vector<std::pair<U64, LifeCounted>> batch;
    for (U64 k = 0; k < kEntries; ++k) batch.emplace_back(k, LifeCounted(k));
    map.StoreBatch(batch);
    batch.clear();
    for (U64 i = 0; i < 50; ++i) {
      map.Store(i, LifeCounted(i + 1));
      ASSERT_LE(LifeCounted::Alive() - alive, 6 * kEntries) << i;
    }
    GenerationPointerMap<U64, LifeCounted>::Quiesce();
    EXPECT_EQ(LifeCounted::Alive() - alive, kEntries);
  }
  EXPECT_EQ(LifeCounted::Alive(), alive);
  EXPECT_EQ(LifeCounted::Violations(), 0);
}

TEST(GenerationPointerMapTest, RunningOutOfMemoryChangesNothing) {
  const auto operations = std::vector<void (*)(Map&)>{
      [](Map& m) { m.Store(100, 1); },
      [](Map& m) { m.LoadOrStore(100, 1); },
      [](Map& m) { m.LoadOrCompute(100, [] { return U64{1}; }); },
      [](Map& m) { m.CompareAndSwap(3, 3, 1); },
      [](Map& m) { m.Delete(3); },
      [](Map& m) { m.Clear(); },
      [](Map& m) { m.StoreBatch(Batch{{3, 1}, {100, 1}}); },
  };
  for (const std::int64_t races : {0, 1}) {
    for (const auto operation : operations) {
      for (U64 nth = 1;; ++nth) {
        Map map({.races = races});
        for (U64 k = 0; k < 20; ++k) map.Store(k, k);
        testing::FailAllocation(nth);
        bool failed = false;
        try {
          operation(map);
        } catch (const std::bad_alloc&) {
          failed = true;
        }
        testing::FailAllocation(0);
        if (!failed) break;
        ASSERT_EQ(map.Generation(), 20u) << nth;
        ASSERT_EQ(map.Load(3), U64{3}) << nth;
        operation(map);  // nothing is claimed
      }
    }
  }
}

}  // namespace
}  // namespace cmap
