// SPDX-License-Identifier: Apache-2.0
//
// What is peculiar to bounded_cache_map: what is dropped first, time to live, and
// entries that do not fit.
#include "maps/bounded_cache_map.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "maps/concurrent_map.h"
#include "maps/testing/counting_new.h"
#include "maps/testing/harness.h"
#include "maps/testing/life_counted.h"

namespace cmap {
namespace {

using U64 = std::uint64_t;

// A clock that the test turns.
struct FakeClock {
  static std::uint32_t Now() { return now; }
  static inline std::uint32_t now = 1000;
};
// All keys in one segment, which is then the whole cache; slots and hash16 differ.
struct OneSegment {
  U64 operator()(U64 key) const noexcept { return MixBits(key) << 8; }
};
struct OneSlot {
  U64 operator()(const std::string&) const noexcept { return 0; }
};
using Map = BoundedCacheMap<U64, U64, OneSegment, NativeAtomics, FakeClock>;
using Strings = BoundedCacheMap<std::string, std::string, OneSlot, NativeAtomics, FakeClock>;

constexpr BoundedCacheMapOptions kSmall = {.memory_mib = 8, .ttl_seconds = 0};
// Here small entries fill the ring before they fill the index.
constexpr BoundedCacheMapOptions kMedium = {.memory_mib = 128, .ttl_seconds = 0};

template <class M>
U64 Get(const M& map, std::string_view name) {
  for (const Counter& counter : map.Counters()) {
    if (counter.name == name) return counter.value;
  }
  ADD_FAILURE() << "no counter " << name;
  return 0;
}

static_assert(!CacheableAsBytes<testing::LifeCounted>);
static_assert(CacheableAsBytes<std::pair<const char*, int>> ==
              std::is_trivially_copyable_v<std::pair<const char*, int>>);

// Stores 0, 1, 2, ... until the first was dropped; how many.
U64 FillUntilItEvicts(Map& map) {
  U64 stored = 0;
  while (stored < 9'500) map.Store(stored, stored), ++stored;
  EXPECT_EQ(Get(map, "evicted"), 0u);
  while (Get(map, "evicted") == 0) map.Store(stored, stored), ++stored;
  return stored;
}

TEST(BoundedCacheMapTest, DropsTheOldestFirst) {
  Map map(kMedium);
  U64 stored = FillUntilItEvicts(map);
  EXPECT_EQ(map.Load(0), std::nullopt);
  EXPECT_EQ(map.Load(1), U64{1});
  for (int i = 0; i < 10; ++i) map.Store(stored, stored), ++stored;
  for (U64 key = 0; key < stored; ++key) {
    EXPECT_EQ(map.Load(key).has_value(), key > 10) << key;
  }
  EXPECT_EQ(map.Size(), stored - 11);
}

// With little memory the index fills first, and an entry takes the place of the oldest
// of its slot.
TEST(BoundedCacheMapTest, TheIndexIsBoundedToo) {
  Map map(kSmall);
  for (U64 key = 0; key < 20'000; ++key) {
    map.Store(key, key);
    ASSERT_EQ(map.Load(key), key);
    if (key % 256 == 0) {
      ASSERT_LE(map.MemoryBytes(), map.MemoryBound() / 256 + 100'000);
    }
  }
  EXPECT_GT(map.Size(), 80u);
  EXPECT_EQ(map.Size() + Get(map, "evicted"), 20'000u);
}

TEST(BoundedCacheMapTest, SparesWhatWasUsedLately) {
  Map map(kMedium);
  U64 stored = FillUntilItEvicts(map);
  // From the second oldest on, one in ten has been used a second later.
  ++FakeClock::now;
  const U64 before = stored;
  for (U64 key = 1; key < before; key += 10) ASSERT_EQ(map.Load(key), key);
  for (U64 i = 0; i < before / 2; ++i) map.Store(stored, stored), ++stored;
  EXPECT_GE(Get(map, "relocated"), before / 20 - 1);
  U64 used = 0, unused = 0;
  for (U64 key = 1; key < before / 2; ++key) {
    (key % 10 == 1 ? used : unused) += map.Load(key).has_value();
  }
  EXPECT_EQ(used, (before / 2 + 8) / 10) << "what was used is still there";
  EXPECT_LT(unused, before / 20) << "what was not used is not, but for the newest";
}

// At most five in a row are spared, however much of the old end was used lately.
TEST(BoundedCacheMapTest, DoesNotSpareForEver) {
  Map map(kMedium);
  U64 stored = FillUntilItEvicts(map);
  ++FakeClock::now;
  for (U64 key = 1; key <= 20; ++key) ASSERT_EQ(map.Load(key), key);
  map.Store(stored, stored);
  EXPECT_EQ(Get(map, "evicted"), 2u);
  EXPECT_EQ(Get(map, "relocated"), 5u);
  EXPECT_EQ(map.Load(6), std::nullopt);
}

// Stored for X seconds: there at X - 1 whole seconds later, gone at X.
TEST(BoundedCacheMapTest, TimeToLive) {
  Map map({.memory_mib = 8, .ttl_seconds = 10});
  const std::uint32_t start = FakeClock::now;
  map.Store(1, 1);
  map.StoreFor(2, 2, 3);
  map.StoreFor(3, 3, 0);
  EXPECT_EQ(map.LoadOrStore(4, 4), (Loaded<U64>{4, false}));
  FakeClock::now = start + 2;
  EXPECT_EQ(map.Load(2), U64{2});
  FakeClock::now = start + 3;
  EXPECT_EQ(map.Size(), 4u) << "nobody has come across it";
  EXPECT_FALSE(map.CompareAndSwap(2, 2, 5));
  EXPECT_EQ(map.Size(), 3u);
  EXPECT_EQ(map.Load(2), std::nullopt);
  EXPECT_EQ(map.Load(1), U64{1}) << "being read does not prolong a life";
  FakeClock::now = start + 5;
  EXPECT_TRUE(map.CompareAndSwap(4, 4, 5));  // stored anew: ten more seconds
  FakeClock::now = start + 10;
  EXPECT_EQ(map.Swap(1, 9), std::nullopt);
  EXPECT_EQ(map.Load(4), U64{5});
  U64 visited = 0;
  FakeClock::now = start + 15;
  map.Range([&](U64 key, U64) { return visited += key, true; });
  EXPECT_EQ(visited, 1u + 3u) << "Range shows an expired entry, or not one that lives";
  EXPECT_FALSE(map.Delete(4));
  FakeClock::now = start + 1'000'000;
  EXPECT_EQ(map.Load(3), U64{3});
  EXPECT_EQ(Get(map, "expired"), 3u);
}

// The expired go before those that live, though they be no older in use.
TEST(BoundedCacheMapTest, ExpiredEntriesMakeRoom) {
  Map map(kMedium);
  U64 stored = 0;
  map.StoreFor(stored, 0, 1), ++stored;
  ++FakeClock::now;
  while (stored < 9'500 || Get(map, "evicted") + Get(map, "expired") == 0) {
    map.Store(stored, stored), ++stored;
  }
  EXPECT_EQ(Get(map, "evicted"), 0u);
  EXPECT_EQ(Get(map, "expired"), 1u);
}

TEST(BoundedCacheMapTest, WhatIsTooLargeIsNotKept) {
  Strings map(kSmall);
  map.Store("k", "small");
  const std::string large(20'000, 'x');
  map.Store("k", large);
  EXPECT_EQ(map.Load("k"), std::nullopt) << "nor is what it should replace";
  EXPECT_EQ(map.LoadOrStore("k", large), (Loaded<std::string>{large, false}));
  EXPECT_EQ(map.Size(), 0u);
  EXPECT_EQ(Get(map, "refused"), 2u);
  map.Store(std::string(70'000, 'k'), "v");  // longer than a header can say
  EXPECT_EQ(Get(map, "refused"), 3u);
  const std::string most(5'000, 'y');
  map.Store("k", most);
  EXPECT_EQ(map.Load("k"), most);
}

// Values that grow and shrink in a ring that wraps, held against a std::map: nothing
// but what was stored last, or nothing.
TEST(BoundedCacheMapTest, GrowingValuesInAWrappingRing) {
  Strings map(kSmall);
  std::map<std::string, std::string> model;
  testing::Random random(testing::TestSeed());
  U64 found = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::string key = "key" + std::string(random.Below(30), 'k') +
                            std::to_string(random.Below(20));
    if (random.OneIn(3)) {
      const std::string value(random.Below(random.OneIn(50) ? 3'000 : 60),
                              static_cast<char>('a' + random.Below(26)));
      map.Store(key, value);
      model[key] = value;
      ASSERT_EQ(map.Load(key), value);
    } else if (const auto got = map.Load(key)) {
      ASSERT_EQ(*got, model.at(key)) << i;
      ++found;
    }
    if (random.OneIn(1000)) FakeClock::now += 1;
  }
  EXPECT_GT(found, 1'000u);
  EXPECT_GT(Get(map, "evicted"), 100u);
  EXPECT_GT(Get(map, "relocated"), 10u);
  EXPECT_LE(map.MemoryBytes(), map.MemoryBound());
}

TEST(BoundedCacheMapTest, HitsAndOverwritingAllocateNothing) {
  Map map(kSmall);
  map.Store(1, 1);
  const U64 allocations = testing::Allocations();
  for (U64 i = 0; i < 100; ++i) {
    map.Store(1, i);
    EXPECT_EQ(map.Load(1), i);
  }
  EXPECT_EQ(testing::Allocations(), allocations);
  EXPECT_EQ(Get(map, "hits"), 100u);
}

TEST(BoundedCacheMapTest, RunningOutOfMemoryChangesNothing) {
  for (U64 nth = 1; nth < 4; ++nth) {
    Map map(kSmall);
    testing::FailAllocation(nth);
    bool failed = false;
    try {
      map.Store(1, 1);
    } catch (const std::bad_alloc&) {
      failed = true;
    }
    testing::FailAllocation(0);
    EXPECT_TRUE(failed);
    EXPECT_EQ(map.Size(), 0u);
    EXPECT_EQ(map.Load(1), std::nullopt);
    map.Store(1, 2);
    EXPECT_EQ(map.Load(1), U64{2});
  }
}

TEST(BoundedCacheMapTest, AnEmptyCacheHoldsNoRing) {
  Map map(BoundedCacheMapOptions{.memory_mib = 1 << 20, .ttl_seconds = 0});
  EXPECT_LT(map.MemoryBytes(), 100'000u);
  map.Store(1, 1);
  EXPECT_LT(map.MemoryBytes(), 110'000u);
}

}  // namespace
}  // namespace cmap
