// SPDX-License-Identifier: Apache-2.0
//
// What is peculiar to segment_map: segments made late, nodes used again by growth,
// and a Size that is exact.
#include "maps/segment_map.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"
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

using Map = SegmentMap<U64, U64, OwnHash>;

TEST(SegmentMapTest, SegmentsAreMadeWhenFirstWrittenTo) {
  Map map(SegmentMapOptions{.segments = 16});
  const std::size_t empty = map.MemoryBytes();
  for (U64 i = 0; i < 16; ++i) {
    EXPECT_EQ(map.Load(i << 60), std::nullopt);
    EXPECT_FALSE(map.Delete(i << 60));
    EXPECT_FALSE(map.CompareAndSwap(i << 60, 0, 1));
  }
  EXPECT_EQ(map.MemoryBytes(), empty) << "no writer, no segment";
  map.Store(U64{3} << 60, 1);
  const std::size_t one = map.MemoryBytes();
  map.Store(U64{7} << 60, 1);
  EXPECT_EQ(map.MemoryBytes() - one, one - empty);
  map.Store(U64{3} << 60, 2);
  EXPECT_EQ(map.MemoryBytes() - one, one - empty);
}

TEST(SegmentMapTest, RefusesWhatIsNoPowerOfTwo) {
  EXPECT_THROW(Map(SegmentMapOptions{.segments = 3}), std::invalid_argument);
}

// Five nodes of one bin: a, c go one way, b, d, e the other.
TEST(SegmentMapTest, GrowthUsesTheTrailingRunAgain) {
  Map map(SegmentMapOptions{.segments = 1});
  map.Reserve(6);  // eight bins
  const U64 a = 0x00, b = 0x08, c = 0x10, d = 0x18, e = 0x28;
  for (const U64 key : {e, d, c, b, a}) map.Store(key, key + 1);
  map.Store(1, 2);
  const U64 before = Get(map, "rehashes");
  const U64 reused = Get(map, "nodes_reused");
  map.Store(2, 3);
  EXPECT_EQ(Get(map, "rehashes"), before + 1);
  EXPECT_EQ(Get(map, "nodes_reused") - reused, 3u) << "d, e, and 1 in its bin";
  EXPECT_EQ(Get(map, "nodes_copied"), 3u) << "a, b and c";
  for (const U64 key : {a, b, c, d, e, U64{1}, U64{2}}) {
    EXPECT_EQ(map.Load(key), key + 1);
  }
  EXPECT_EQ(map.Size(), 7u);
}

TEST(SegmentMapTest, CopiesTakeTheValuesOver) {
  testing::ExpectCopiesTakeTheValuesOver<SegmentMap<U64, LifeCounted, OwnHash>>(
      SegmentMapOptions{.segments = 1});
}

// The table is replaced, more than once, under a walk.
TEST(SegmentMapTest, RangeGoesOnAlongAnOldTable) {
  Map map(SegmentMapOptions{.segments = 1});
  constexpr U64 kKeys = 200;
  for (U64 i = 0; i < kKeys; ++i) map.Store(MixBits(i), i);
  const U64 before = Get(map, "rehashes");
  std::set<U64> seen;
  map.Range([&](U64, U64 value) {
    if (value >= kKeys) return true;  // came in meanwhile
    EXPECT_TRUE(seen.insert(value).second) << value << " twice";
    if (seen.size() == 50) {
      std::thread([&] {
        for (U64 i = kKeys; i < 10 * kKeys; ++i) map.Store(MixBits(i), i);
        Map::Quiesce();  // may free nothing that the walk stands on
      }).join();
    }
    return true;
  });
  EXPECT_EQ(seen.size(), kKeys);
  EXPECT_GE(Get(map, "rehashes"), before + 3);
}

// Gives the processor away at one load in sixteen.
struct YieldingAtomics : NativeAtomics {
  template <class T>
  class Atomic : public std::atomic<T> {
   public:
    using std::atomic<T>::atomic;
    T load(std::memory_order order) const noexcept {
      thread_local unsigned loads = 0;
      if (++loads % 16 == 0) std::this_thread::yield();
      return std::atomic<T>::load(order);
    }
  };
};

// An entry goes from segment to segment, deleted before it is stored: there are
// never more than kKeys, and never fewer than kKeys - 1.
TEST(SegmentMapTest, SizeIsExactWhileEntriesMove) {
  constexpr U64 kKeys = 8;
  SegmentMap<U64, U64, OwnHash, YieldingAtomics> map(SegmentMapOptions{.segments = 32});
  for (U64 i = 0; i < kKeys; ++i) map.Store(i << 59, i);
  std::atomic<bool> stop{false};
  std::thread mover([&] {
    for (U64 n = 0; !stop.load(std::memory_order_relaxed); ++n) {
      map.Delete(n % 32 << 59);
      map.Store((n + kKeys) % 32 << 59, n);
    }
  });
  std::set<std::size_t> sizes;
  for (int i = 0; i < 2000; ++i) sizes.insert(map.Size());
  stop.store(true);
  mover.join();
  for (const std::size_t size : sizes) {
    EXPECT_TRUE(size == kKeys || size == kKeys - 1) << size;
  }
  EXPECT_EQ(map.Size(), kKeys);
}

// With read_first a present key is found while the segment is locked.
TEST(SegmentMapTest, ReadFirstDoesNotWait) {
  Map map(SegmentMapOptions{.segments = 1, .read_first = 1});
  map.Store(1, 10);
  map.LoadOrCompute(2, [&] {
    std::thread([&] {
      EXPECT_TRUE(map.LoadOrStore(1, 11).loaded);
      EXPECT_TRUE(map.LoadOrCompute(1, [] { return U64{12}; }).loaded);
      EXPECT_EQ(map.Load(1), 10u);
    }).join();
    return U64{20};
  });
  EXPECT_EQ(map.Load(2), 20u);
}

// Whichever allocation of an operation fails, growth included.
TEST(SegmentMapTest, RunningOutOfMemoryChangesNothing) {
  using Strings = SegmentMap<std::string, std::string>;
  auto operations = AllocatingOperations<Strings>();
  operations.insert(operations.begin(), [](Strings& m) { m.Reserve(1000); });
  for (const auto& operation : operations) {
    U64 nth = 1;
    for (;; ++nth) {
      // One segment whose 16 bins are full, or two for Clear.
      const bool clear = &operation == &operations.back();
      Strings map(SegmentMapOptions{.segments = clear ? 2 : 1});
      for (int i = 0; i < 12; ++i) map.Store(LongText(i), LongText(i));
      bool failed = false;
      testing::FailAllocation(nth);
      try {
        operation(map);
      } catch (const std::bad_alloc&) {
        failed = true;
      }
      testing::FailAllocation(0);
      if (!failed) break;
      ASSERT_EQ(map.Size(), 12u) << nth;
      for (int i = 0; i < 12; ++i) ASSERT_EQ(map.Load(LongText(i)), LongText(i)) << nth;
      operation(map);  // the lock is free
    }
    EXPECT_GE(nth, 2u);
  }
}

}  // namespace
}  // namespace cmap
