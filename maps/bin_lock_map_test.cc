// SPDX-License-Identifier: Apache-2.0
//
// What is peculiar to bin_lock_map: growth by many, growth abandoned, reserved bins.
#include "maps/bin_lock_map.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <new>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "maps/concurrent_map.h"
#include "maps/testing/chains.h"
#include "maps/testing/counters.h"
#include "maps/testing/counting_new.h"
#include "maps/testing/life_counted.h"

namespace cmap {
namespace {

using U64 = std::uint64_t;
using testing::AllocatingOperations;
using testing::Get;
using testing::LifeCounted;
using testing::LongText;
using testing::OwnHash;

using Map = BinLockMap<U64, U64, OwnHash>;

TEST(BinLockMapTest, TheTableIsMadeByTheFirstInsertion) {
  Map map;
  EXPECT_EQ(map.Load(1), std::nullopt);
  EXPECT_FALSE(map.Delete(1));
  EXPECT_FALSE(map.CompareAndSwap(1, 1, 2));
  map.Clear();
  EXPECT_EQ(map.MemoryBytes(), sizeof(map));
  map.Store(1, 1);
  EXPECT_GE(map.MemoryBytes(), sizeof(map) + 16 * sizeof(void*));
}

// Sixteen bins grow with the thirteenth entry. Of five nodes in one bin a and c go
// one way, b, d, e the other.
TEST(BinLockMapTest, GrowthUsesTheTrailingRunAgain) {
  Map map;
  const std::vector<U64> keys = {0x00, 0x10, 0x20, 0x30, 0x50, 1, 2, 3, 4, 5, 6, 7, 8};
  for (const U64 key : keys) {
    EXPECT_EQ(Get(map, "growths"), 0u);
    map.Store(key, key + 1);
  }
  EXPECT_EQ(Get(map, "growths"), 1u);
  EXPECT_EQ(Get(map, "nodes_reused"), 10u) << "d, e, and eight alone";
  EXPECT_EQ(Get(map, "nodes_copied"), 3u) << "a, b and c";
  for (const U64 key : keys) EXPECT_EQ(map.Load(key), key + 1);
  EXPECT_EQ(map.Size(), keys.size());
}

// Twelve keys that differ above their 16th bit only, in sixteen bins, put in from the last to
// the first: spread they have a bin each, and are met in the order of bins; as they are they
// share one, and are met in the order in which they came.
TEST(BinLockMapTest, SpreadingTellsKeysApartByTheirHighBits) {
  const auto met = [](std::int64_t spread) {
    BinLockMapOptions options;
    options.spread = spread;
    Map map(options);
    for (U64 i = 12; i-- > 0;) map.Store(i << 16, i);
    std::vector<U64> order;
    map.Range([&](U64, U64 value) {
      order.push_back(value);
      return true;
    });
    return order;
  };
  EXPECT_EQ(met(1), (std::vector<U64>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}));
  EXPECT_EQ(met(0), (std::vector<U64>{11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0}));
}

TEST(BinLockMapTest, CopiesTakeTheValuesOver) {
  testing::ExpectCopiesTakeTheValuesOver<BinLockMap<U64, LifeCounted, OwnHash>>();
}

// A key whose copy waits, or throws, when it is the chosen one.
struct Key {
  explicit Key(U64 n) : number(n) {}
  Key(const Key& other) : number(other.number) {
    if (number == throw_at.load()) throw std::runtime_error("copy");
    if (number != wait_at.load()) return;
    waiting.store(true);
    while (wait_at.load() == number) std::this_thread::yield();
  }
  bool operator==(const Key&) const = default;

  U64 number;
  static constexpr U64 kNone = ~U64{0};
  static inline std::atomic<U64> throw_at{kNone}, wait_at{kNone};
  static inline std::atomic<bool> waiting{false};
};
struct KeyHash {
  U64 operator()(const Key& key) const noexcept { return key.number; }
};
using KeyMap = BinLockMap<Key, U64, KeyHash>;

// 64 bins and as many entries as they hold. In bin 60, 60 is to be copied and 124
// is the trailing run. The next new key makes it grow, from bin 63 down.
std::vector<U64> FillToTheBrim(KeyMap& map) {
  std::vector<U64> keys = {60, 124};
  for (U64 i = 0; i < 46; ++i) keys.push_back(i);
  map.Reserve(48);
  for (const U64 key : keys) map.Store(Key(key), key);
  EXPECT_EQ(Get(map, "growths"), 0u);
  return keys;
}

void ExpectHolds(KeyMap& map, const std::vector<U64>& keys) {
  for (const U64 key : keys) EXPECT_EQ(map.Load(Key(key)), key) << key;
  EXPECT_EQ(map.Size(), keys.size());
  std::set<U64> seen;
  map.Range([&](const Key& key, U64) {
    EXPECT_TRUE(seen.insert(key.number).second) << key.number << " twice";
    return true;
  });
  EXPECT_EQ(seen.size(), keys.size());
}

// One thread is stopped in the middle of growth. Another takes the rest over, and
// all but the one bin can be written meanwhile.
TEST(BinLockMapTest, AnotherThreadHelps) {
  KeyMap map;
  std::vector<U64> keys = FillToTheBrim(map);
  Key::waiting = false;
  Key::wait_at = 60;
  std::thread stopped([&] { map.Store(Key(46), 46); });
  while (!Key::waiting.load()) std::this_thread::yield();
  keys.push_back(46);
  EXPECT_EQ(Get(map, "helps"), 0u);
  map.Store(Key(47), 47);
  keys.push_back(47);
  EXPECT_EQ(Get(map, "helps"), 1u);
  EXPECT_EQ(Get(map, "growths"), 0u) << "a bin is left";
  ExpectHolds(map, keys);
  for (U64 i = 0; i < 40; ++i) {
    EXPECT_TRUE(map.Delete(Key(i)));
    map.Store(Key(i), i);
  }
  ExpectHolds(map, keys);
  Key::wait_at = Key::kNone;
  stopped.join();
  EXPECT_EQ(Get(map, "growths"), 1u);
  ExpectHolds(map, keys);
}

// A key that cannot be copied stops growth, not the insertion; the next one goes
// on where it stopped.
TEST(BinLockMapTest, GrowthThatFailsIsTakenUpAgain) {
  KeyMap map;
  std::vector<U64> keys = FillToTheBrim(map);
  Key::throw_at = 60;
  for (const U64 key : {46, 47}) {
    map.Store(Key(key), key);
    keys.push_back(key);
    EXPECT_EQ(Get(map, "growths"), 0u);
    ExpectHolds(map, keys);
  }
  Key::throw_at = Key::kNone;
  map.Store(Key(48), 48);
  keys.push_back(48);
  EXPECT_EQ(Get(map, "growths"), 1u);
  ExpectHolds(map, keys);
}

TEST(BinLockMapTest, ClearsTablesThatAreGrowing) {
  KeyMap map;
  FillToTheBrim(map);
  Key::throw_at = 60;
  map.Store(Key(46), 46);
  Key::throw_at = Key::kNone;
  EXPECT_EQ(Get(map, "growths"), 0u);
  map.Clear();
  ExpectHolds(map, {});
  map.Store(Key(60), 60);
  ExpectHolds(map, {60});
}  // and is destroyed half grown

// The visitor moves the key it sees to the end of the bin, where the walk comes by
// again.
TEST(BinLockMapTest, RangeVisitsWhatComesBackOnce) {
  Map map;
  for (const U64 key : {0, 16, 32, 48}) map.Store(key, 0);
  int visited = 0;
  map.Range([&](U64 key, U64) {
    map.Delete(key);
    map.Store(key, 1);
    return ++visited < 100;
  });
  EXPECT_EQ(visited, 4);
}

TEST(BinLockMapTest, AReservedBinIsEmptyUntilTheValueIsThere) {
  Map map;
  std::atomic<int> calls{0};
  std::thread second;
  map.LoadOrCompute(5, [&] {
    ++calls;
    second = std::thread([&] {
      EXPECT_EQ(map.Load(5), std::nullopt);
      map.Store(6, 60);  // another bin
      map.Range([](U64 key, U64) { return key == 6; });
      // Waits for the bin.
      EXPECT_EQ(map.LoadOrCompute(5, [&] { return U64(++calls); }), (Loaded<U64>{50, true}));
    });
    while (!map.Load(6)) std::this_thread::yield();
    return U64{50};
  });
  second.join();
  EXPECT_EQ(calls.load(), 1);
  EXPECT_EQ(map.Size(), 2u);
}

// In an empty bin and in one that has nodes.
TEST(BinLockMapTest, AFunctionThatThrowsLeavesTheBinAsItWas) {
  Map map;
  map.Store(7, 7);
  for (const U64 key : {5, 7 + 16}) {
    std::thread second;
    std::atomic<bool> begun{false};
    try {
      map.LoadOrCompute(key, [&]() -> U64 {
        second = std::thread([&] {
          begun.store(true);
          map.Store(key, 1);  // waits
        });
        while (!begun.load()) std::this_thread::yield();
        throw std::runtime_error("make");
      });
      ADD_FAILURE() << "has not thrown";
    } catch (const std::runtime_error&) {
    }
    second.join();
    EXPECT_EQ(map.Load(key), 1u);
    EXPECT_TRUE(map.Delete(key));
  }
  EXPECT_EQ(map.Size(), 1u);
}

// Whichever allocation of an operation fails: either it has thrown and changed
// nothing, or what failed was growth alone.
TEST(BinLockMapTest, RunningOutOfMemoryChangesNothing) {
  using Strings = BinLockMap<std::string, std::string>;
  for (const auto& operation : AllocatingOperations<Strings>()) {
    int failures = 0;
    for (U64 nth = 1; nth <= 16; ++nth) {
      Strings map;
      for (int i = 0; i < 12; ++i) map.Store(LongText(i), LongText(i));
      bool failed = false;
      testing::FailAllocation(nth);
      try {
        operation(map);
      } catch (const std::bad_alloc&) {
        failed = true;
        ++failures;
      }
      testing::FailAllocation(0);
      for (int i = 0; i < 12; ++i) {
        if (!failed && (i == 3 || map.Size() == 0)) continue;
        ASSERT_EQ(map.Load(LongText(i)), LongText(i)) << nth;
      }
      if (failed) {
        ASSERT_EQ(map.Size(), 12u) << nth;
        operation(map);  // no lock is held
      }
      for (int i = 20; i < 60; ++i) map.Store(LongText(i), LongText(i));
      for (int i = 20; i < 60; ++i) ASSERT_EQ(map.Load(LongText(i)), LongText(i));
      EXPECT_GE(Get(map, "growths"), 2u);
    }
    EXPECT_GE(failures, 1);
  }
}

}  // namespace
}  // namespace cmap
