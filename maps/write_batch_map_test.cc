// SPDX-License-Identifier: Apache-2.0
//
// What is peculiar to write_batch_map: what makes it apply a batch, what a reader
// sees of what waits, and when the table is enlarged.

#include "maps/write_batch_map.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <new>
#include <optional>
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
using Batch = std::vector<std::pair<U64, U64>>;
using Map = WriteBatchMap<U64, U64>;
using StaleMap = WriteBatchMap<U64, U64, DefaultHash<U64>, NativeAtomics,
                               BatchVisibility::kBounded>;

constexpr std::int64_t kHour = 3'600'000'000;

template <class M>
U64 Get(const M& map, std::string_view name) {
  for (const Counter& counter : map.Counters()) {
    if (counter.name == name) return counter.value;
  }
  ADD_FAILURE() << "no counter " << name;
  return 0;
}

// Two keys of different stripes.
U64 KeyOfStripe(U64 stripe) {
  for (U64 key = 0;; ++key) {
    if (DefaultHash<U64>{}(key) >> 55 == stripe) return key;
  }
}

TEST(WriteBatchMapTest, AFullBatchIsApplied) {
  Map map({.batch = 8, .flush_interval_us = kHour});
  for (U64 k = 0; k < 7; ++k) map.Store(k, k);
  EXPECT_EQ(Get(map, "applied"), 0u);
  map.Store(7, 7);
  EXPECT_EQ(Get(map, "applied"), 8u);
  EXPECT_EQ(Get(map, "batches"), 1u);
  EXPECT_EQ(Get(map, "largest"), 8u);
  EXPECT_EQ(Get(map, "by_batch"), 1u);
  EXPECT_EQ(map.Size(), 8u);
}

TEST(WriteBatchMapTest, AFullRingPressesBack) {
  Map map({.batch = 1000, .flush_interval_us = kHour, .ring = 16});
  for (U64 k = 0; k < 16; ++k) map.Store(k % 4, k);
  EXPECT_EQ(Get(map, "applied"), 0u);
  map.Store(3, 100);  // after those in the ring, though it does not enter it
  EXPECT_EQ(Get(map, "applied"), 16u);
  EXPECT_EQ(Get(map, "by_full_ring"), 1u);
  EXPECT_EQ(map.Load(3), U64{100});
  EXPECT_EQ(map.Load(2), U64{14});
}

TEST(WriteBatchMapTest, TimeAppliesABatch) {
  Map map({.batch = 1000, .flush_interval_us = 1000});
  map.Store(1, 1);
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  for (U64 k = 2; k < 20; ++k) map.Store(k, k);  // one in eight looks at the clock
  EXPECT_GE(Get(map, "by_time"), 1u);
  EXPECT_GE(Get(map, "applied"), 8u);
}

TEST(WriteBatchMapTest, AReaderAppliesWhatItsStripeWaitsFor) {
  Map map({.batch = 1000, .flush_interval_us = kHour});
  const U64 a = KeyOfStripe(1), b = KeyOfStripe(2);
  map.Store(a, 1);
  EXPECT_EQ(map.Load(b), std::nullopt);
  EXPECT_FALSE(map.LoadOrStore(b, 2).loaded);
  EXPECT_TRUE(map.LoadOrStore(b, 3).loaded);
  EXPECT_EQ(Get(map, "applied"), 0u) << "another stripe's";
  EXPECT_EQ(map.Load(a), U64{1});
  EXPECT_EQ(Get(map, "applied"), 1u);
  EXPECT_EQ(Get(map, "by_need"), 1u);
}

template <class M>
void EveryOperationFindsWhatWaits() {
  const typename M::Options lazy{.batch = 1000, .flush_interval_us = kHour};
  const auto with = [&](auto look) {
    M map(lazy);
    map.Store(1, 10);
    map.Store(1, 11);
    EXPECT_EQ(Get(map, "applied"), 0u);
    look(map);
  };
  with([](M& m) { EXPECT_EQ(m.Swap(1, 5), U64{11}); });
  with([](M& m) { EXPECT_EQ(m.LoadAndDelete(1), U64{11}); });
  with([](M& m) { EXPECT_TRUE(m.Delete(1)); });
  with([](M& m) { EXPECT_TRUE(m.CompareAndSwap(1, 11, 5)); });
  with([](M& m) { EXPECT_TRUE(m.CompareAndDelete(1, 11)); });
  with([](M& m) { EXPECT_EQ(m.LoadOrStore(1, 5).value, 11u); });
  with([](M& m) { EXPECT_TRUE(m.LoadOrCompute(1, [] { return U64{5}; }).loaded); });
  with([](M& m) { EXPECT_EQ(m.Size(), 1u); });
  with([](M& m) {
    U64 sum = 0;
    m.Range([&](U64, U64 v) { return sum += v, true; });
    EXPECT_EQ(sum, 11u);
  });
  with([](M& m) {
    m.StoreBatch(Batch{{1, 20}});
    EXPECT_EQ(m.Load(1), U64{20});
  });
  with([](M& m) {
    m.Clear();
    EXPECT_EQ(m.Load(1), std::nullopt);
    EXPECT_EQ(m.Size(), 0u);
  });
}

TEST(WriteBatchMapTest, EveryOperationFindsWhatWaits) {
  EveryOperationFindsWhatWaits<Map>();
}
TEST(WriteBatchMapStaleTest, EveryOtherOperationFindsWhatWaits) {
  EveryOperationFindsWhatWaits<StaleMap>();
}

TEST(WriteBatchMapStaleTest, ALoadMayMissWhatWaitsUntilABatchIsFull) {
  static_assert(Map::kTraits.linearizable && !StaleMap::kTraits.linearizable);
  StaleMap map({.batch = 4, .flush_interval_us = kHour});
  map.Store(1, 1);
  map.Store(1, 2);
  EXPECT_EQ(map.Load(1), std::nullopt);
  map.Store(1, 3);
  map.Store(2, 4);
  EXPECT_EQ(map.Load(1), U64{3});
  map.Store(1, 5);
  EXPECT_EQ(map.Load(1), U64{3});
  EXPECT_TRUE(map.CompareAndSwap(1, 5, 6));
  EXPECT_EQ(map.Load(1), U64{6});
  map.Store(1, 7);
  map.Flush();
  EXPECT_EQ(map.Load(1), U64{7});
}

TEST(WriteBatchMapStaleTest, ALoadMissesNothingOlderThanTheInterval) {
  StaleMap map({.batch = 1000, .flush_interval_us = 1000});
  for (U64 i = 1; i <= 20; ++i) {
    map.Store(1, i);
    map.Store(2, i);
    std::this_thread::sleep_for(std::chrono::microseconds(1001));
    ASSERT_EQ(map.Load(1), i);
    ASSERT_EQ(map.Load(2), i);
  }
  EXPECT_GE(Get(map, "by_time"), 20u);
}

// The bound holds against other threads too, and no key goes back.
TEST(WriteBatchMapStaleTest, ReadersLagByTheIntervalAtMost) {
  using Clock = std::chrono::steady_clock;
  constexpr U64 kWrites = 3000;
  StaleMap map({.batch = 256, .flush_interval_us = 500});
  // When the Store of each value had returned, in nanoseconds; 0: not yet.
  std::vector<std::atomic<std::int64_t>> returned(kWrites + 1);
  const auto now = [] { return Clock::now().time_since_epoch().count(); };
  std::thread writer([&] {
    for (U64 i = 1; i <= kWrites; ++i) {
      map.Store(1, i);
      returned[i].store(now());
      map.Store(100 + i % 7, i);
      if (i % 50 == 0) std::this_thread::sleep_for(std::chrono::microseconds(300));
    }
  });
  U64 last = 0;
  while (last < kWrites) {
    const std::int64_t due = now() - 500'000;
    const U64 seen = map.Load(1).value_or(0);
    EXPECT_GE(seen, last);
    last = seen;
    if (seen < kWrites) {
      const std::int64_t next = returned[seen + 1].load();
      EXPECT_TRUE(next == 0 || next >= due)
          << "value " << seen + 1 << " was missed " << (due - next)
          << " ns after it was due";
    }
  }
  writer.join();
}

TEST(WriteBatchMapTest, ProducersKeepTheOrderOfEachKey) {
  Map map({.batch = 16, .ring = 32});
  constexpr U64 kThreads = 3, kEach = 5000;
  std::vector<std::thread> threads;
  for (U64 t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (U64 i = 1; i <= kEach; ++i) {
        map.Store(t, i);
        if (i % 100 == 0) {
          EXPECT_EQ(map.Load(t), i);
        }
        if (i % 17 == 0) {
          EXPECT_EQ(map.Swap(t, i), i);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (U64 t = 0; t < kThreads; ++t) EXPECT_EQ(map.Load(t), kEach);
  EXPECT_EQ(map.Size(), kThreads);
  EXPECT_LE(Get(map, "largest"), 32u);
}

TEST(WriteBatchMapTest, RehashingWaitsForItsInterval) {
  Map prompt({.batch = 1});
  for (U64 k = 0; k < 1000; ++k) prompt.Store(k, k);
  EXPECT_EQ(Get(prompt, "rehashes"), 8u);  // 8 to 2048 buckets
  // With the interval of a minute: the first at once, then only above a load of 4.
  Map patient({.batch = 1, .rehash_interval_ms = 60'000});
  for (U64 k = 0; k < 30; ++k) patient.Store(k, k);
  EXPECT_EQ(Get(patient, "rehashes"), 1u);  // 16 buckets
  for (U64 k = 0; k < 1000; ++k) patient.Store(k, k);
  EXPECT_EQ(Get(patient, "rehashes"), 3u);  // at 65 and 513 entries
  for (U64 k = 0; k < 1000; ++k) EXPECT_EQ(patient.Load(k), k);
  Map reserved;
  reserved.Reserve(1000);
  for (U64 k = 0; k < 1000; ++k) reserved.Store(k, k);
  EXPECT_EQ(Get(reserved, "rehashes"), 0u);
}

TEST(WriteBatchMapTest, AStoreAllocatesItsNodeAndNothingElse) {
  Map map;
  map.Reserve(1000);
  const U64 before = testing::Allocations();
  for (U64 k = 0; k < 1000; ++k) map.Store(k, k);
  for (U64 k = 0; k < 1000; ++k) EXPECT_EQ(map.Load(k), k);
  EXPECT_EQ(testing::Allocations() - before, 1000u);
}

TEST(WriteBatchMapTest, WhatWaitsIsDestroyedWithTheMap) {
  const auto alive = LifeCounted::Alive();
  {
    WriteBatchMap<U64, LifeCounted> map({.batch = 1000, .flush_interval_us = kHour});
    for (U64 k = 0; k < 100; ++k) map.Store(k % 10, LifeCounted(k));
    EXPECT_EQ(LifeCounted::Alive() - alive, 100);
    EXPECT_EQ(map.Size(), 10u);
    EXPECT_EQ(LifeCounted::Alive() - alive, 10);
    for (U64 k = 0; k < 50; ++k) map.Store(k, LifeCounted(k));
  }
  EXPECT_EQ(LifeCounted::Alive(), alive);
  EXPECT_EQ(LifeCounted::Violations(), 0);
}

TEST(WriteBatchMapTest, WithoutMemoryChainsGrowInsteadOfTheTable) {
  Map map({.batch = 1000, .flush_interval_us = kHour});
  for (U64 k = 0; k < 100; ++k) map.Store(k, k);
  testing::FailAllocation(1);
  EXPECT_EQ(map.Size(), 100u);  // the first enlargement fails, a later one does not
  testing::FailAllocation(0);
  for (U64 k = 0; k < 100; ++k) EXPECT_EQ(map.Load(k), k);
  testing::FailAllocation(1);
  EXPECT_THROW(map.Store(7, 8), std::bad_alloc);
  testing::FailAllocation(0);
  EXPECT_EQ(map.Load(7), U64{7});
}

struct Picky {
  static inline int comparisons_left = 1 << 30;
  U64 number;
  bool operator==(const Picky& other) const {
    if (--comparisons_left < 0) throw std::runtime_error("equality");
    return number == other.number;
  }
};
struct PickyHash {
  std::uint64_t operator()(const Picky&) const { return 7; }
};

TEST(WriteBatchMapTest, AnEqualityThatThrowsLosesNothing) {
  WriteBatchMap<Picky, U64, PickyHash> map(
      {.batch = 4, .flush_interval_us = kHour});
  for (U64 k = 0; k < 3; ++k) map.Store({k}, k);
  Picky::comparisons_left = 1;
  map.Store({0}, 10);  // applies a batch that fails; has itself succeeded
  EXPECT_THROW(map.Load({0}), std::runtime_error);
  EXPECT_THROW(map.Delete({0}), std::runtime_error);
  Picky::comparisons_left = 1 << 30;
  EXPECT_EQ(map.Size(), 3u);
  EXPECT_EQ(map.Load({0}), U64{10});
  EXPECT_EQ(map.Load({2}), U64{2});
}

TEST(WriteBatchMapTest, TheRingIsAPowerOfTwo) {
  EXPECT_THROW(Map({.ring = 100}), std::invalid_argument);
  EXPECT_NO_THROW(Map({.ring = 2}));
}

}  // namespace
}  // namespace cmap
