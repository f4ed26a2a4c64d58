// SPDX-License-Identifier: Apache-2.0
//
// What is peculiar to generation_seqlock_map: the generation, the tables it keeps,
// the retreat of readers to the mutex.

#include "maps/generation_seqlock_map.h"

#include <atomic>
#include <cstdint>
#include <limits>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "maps/concurrent_map.h"
#include "maps/testing/counting_new.h"

namespace cmap {
namespace {

using U64 = std::uint64_t;
using Map = GenerationSeqlockMap<U64, U64>;

template <class M>
U64 Get(const M& map, std::string_view name) {
  for (const Counter& counter : map.Counters()) {
    if (counter.name == name) return counter.value;
  }
  ADD_FAILURE() << "no counter " << name;
  return 0;
}

template <class K, class V>
concept Accepted = requires { typename GenerationSeqlockMap<K, V>; };

TEST(GenerationSeqlockMapTest, TakesOnlyWhatFitsAWord) {
  struct Padded {
    std::uint8_t a;
    std::uint32_t b;
  };
  static_assert(Accepted<U64, U64>);
  static_assert(Accepted<const char*, double>);
  static_assert(Accepted<std::uint8_t, Padded>);
  static_assert(!Accepted<Padded, U64>, "two words for equal keys");
  static_assert(!Accepted<double, U64>, "0.0 and -0.0 are equal keys");
  static_assert(!Accepted<std::string, U64>);
  static_assert(!Accepted<U64, std::string>);
  GenerationSeqlockMap<std::uint8_t, double> map;
  for (int k = 0; k < 256; ++k) map.Store(static_cast<std::uint8_t>(k), k / 2.0);
  EXPECT_EQ(map.Size(), 256u);
  EXPECT_EQ(map.Load(255), 127.5);
}

TEST(GenerationSeqlockMapTest, KeysOfEveryWord) {
  Map map;
  const U64 most = std::numeric_limits<U64>::max();
  for (const U64 key : {U64{0}, U64{1}, most}) {
    EXPECT_EQ(map.Load(key), std::nullopt);
    map.Store(key, key + 1);
    EXPECT_EQ(map.Load(key), key + 1);
  }
  EXPECT_EQ(map.Size(), 3u);
  EXPECT_TRUE(map.Delete(0));
  EXPECT_EQ(map.Load(0), std::nullopt);
  EXPECT_EQ(map.Load(most), U64{0});
}

TEST(GenerationSeqlockMapTest, OneGenerationForEachChange) {
  Map map;
  EXPECT_EQ(map.Generation(), 0u);
  for (U64 k = 0; k < 100; ++k) map.Store(k, k);
  EXPECT_EQ(map.Generation(), 100u) << "growth is not a change";
  map.Store(0, 1);
  map.Swap(1, 2);
  EXPECT_TRUE(map.CompareAndSwap(2, 2, 3));
  EXPECT_TRUE(map.CompareAndDelete(2, 3));
  EXPECT_TRUE(map.Delete(3));
  EXPECT_FALSE(map.LoadOrStore(200, 20).loaded);
  EXPECT_FALSE(map.LoadOrCompute(210, [] { return U64{21}; }).loaded);
  map.StoreBatch(std::vector<std::pair<U64, U64>>{{1, 1}, {300, 1}, {300, 2}});
  map.Clear();
  EXPECT_EQ(map.Generation(), 109u);
  // What changes nothing.
  map.Store(5, 5);
  map.Load(5);
  map.LoadOrStore(5, 6);
  map.Delete(6);
  map.CompareAndSwap(5, 4, 3);
  map.CompareAndDelete(5, 4);
  map.StoreBatch({});
  map.Reserve(1000);
  map.Range([](U64, U64) { return true; });
  EXPECT_EQ(map.Generation(), 110u);
}

TEST(GenerationSeqlockMapTest, OldTablesAreKeptAndCounted) {
  Map map;
  for (U64 k = 0; k < 10'000; ++k) map.Store(k, k);
  // 8, 16, ... 16384 slots.
  EXPECT_EQ(Get(map, "tables"), 12u);
  const std::size_t slots = 16384 * 16;
  EXPECT_GE(map.MemoryBytes(), 2 * slots - 8 * 16);
  EXPECT_LE(map.MemoryBytes(), 2 * slots + 4096);
  Map reserved;
  reserved.Reserve(10'000);
  for (U64 k = 0; k < 10'000; ++k) reserved.Store(k, k);
  EXPECT_EQ(Get(reserved, "tables"), 2u);
}

TEST(GenerationSeqlockMapTest, AllocatesOnlyToGrow) {
  Map map;
  map.Reserve(1000);
  for (U64 k = 0; k < 1000; ++k) map.Store(k, k);
  for (U64 k = 0; k < 1000; k += 2) map.Delete(k);  // the plan's memory
  const U64 before = testing::Allocations();
  for (int round = 0; round < 3; ++round) {
    for (U64 k = 0; k < 1000; ++k) map.Store(k, k + 1);
    for (U64 k = 0; k < 1000; ++k) EXPECT_EQ(map.Load(k), k + 1);
    for (U64 k = 0; k < 1000; k += 2) EXPECT_TRUE(map.Delete(k));
  }
  EXPECT_EQ(testing::Allocations(), before);
}

TEST(GenerationSeqlockMapTest, ReadersThatGiveUpTakeTheMutex) {
  Map locked({.attempts = 0});
  locked.Store(1, 2);
  EXPECT_EQ(locked.Load(1), U64{2});
  EXPECT_EQ(locked.Load(2), std::nullopt);
  EXPECT_EQ(Get(locked, "fallbacks"), 2u);
  Map map;
  map.Store(1, 2);
  EXPECT_EQ(map.Load(1), U64{2});
  EXPECT_EQ(Get(map, "fallbacks"), 0u);
  EXPECT_EQ(Get(map, "retries"), 0u) << "nobody wrote meanwhile";
}

// A value and the generation it was read in: equal generations before and after
// say that several lookups belong to one state.
TEST(GenerationSeqlockMapTest, EqualGenerationsBracketOneState) {
  Map map;
  std::atomic<bool> done{false};
  map.StoreBatch(std::vector<std::pair<U64, U64>>{{1, 0}, {2, 0}});
  std::thread writer([&] {
    for (U64 i = 1; i <= 20'000; ++i) {
      map.Store(1, i);
      map.Store(2, i);
    }
    done.store(true);
  });
  do {
    const U64 before = map.Generation();
    const U64 a = map.Load(1).value_or(~U64{0});
    const U64 b = map.Load(2).value_or(~U64{0});
    if (map.Generation() != before) continue;
    // The first generation is the batch, then 1 and 2 alternate.
    EXPECT_EQ(a, before / 2);
    EXPECT_EQ(b, (before - 1) / 2);
  } while (!done.load());
  writer.join();
  EXPECT_EQ(map.Generation(), 40'001u);
  EXPECT_EQ(map.Load(1), U64{20'000});
}

TEST(GenerationSeqlockMapTest, RunningOutOfMemoryChangesNothing) {
  const auto operations = std::vector<void (*)(Map&)>{
      [](Map& m) { m.Store(100, 1); },
      [](Map& m) { m.LoadOrStore(100, 1); },
      [](Map& m) { m.Reserve(100); },
      [](Map& m) { m.Delete(3); },
      [](Map& m) {
        m.StoreBatch(std::vector<std::pair<U64, U64>>{{3, 1}, {100, 1}});
      },
  };
  for (const auto operation : operations) {
    for (U64 nth = 1;; ++nth) {
      Map map;
      for (U64 k = 0; k < 12; ++k) map.Store(k, k);  // the next needs a new table
      const U64 generation = map.Generation();
      testing::FailAllocation(nth);
      bool failed = false;
      try {
        operation(map);
      } catch (const std::bad_alloc&) {
        failed = true;
      }
      testing::FailAllocation(0);
      if (!failed) break;
      ASSERT_EQ(map.Generation(), generation) << nth;
      ASSERT_EQ(map.Size(), 12u) << nth;
      ASSERT_EQ(map.Load(3), U64{3}) << nth;
      operation(map);  // the mutex is free
    }
  }
}

struct ThrowingHash {
  static inline bool armed = false;
  std::uint64_t operator()(U64) const {
    if (armed) throw std::runtime_error("hash");
    return 0;  // one cluster
  }
};

TEST(GenerationSeqlockMapTest, AHashThatThrowsChangesNothing) {
  GenerationSeqlockMap<U64, U64, ThrowingHash> map;
  for (U64 k = 1; k <= 6; ++k) map.Store(k, k);
  const U64 generation = map.Generation();
  ThrowingHash::armed = true;
  EXPECT_THROW(map.Store(9, 9), std::runtime_error);
  EXPECT_THROW(map.Delete(1), std::runtime_error);
  EXPECT_THROW(map.Load(1), std::runtime_error);
  EXPECT_THROW(map.Reserve(100), std::runtime_error);
  ThrowingHash::armed = false;
  EXPECT_EQ(map.Generation(), generation);
  for (U64 k = 1; k <= 6; ++k) EXPECT_EQ(map.Load(k), k);
}

}  // namespace
}  // namespace cmap
