// SPDX-License-Identifier: Apache-2.0
//
// What is peculiar to hot_cold_map: what becomes hot and cold again, that a key is
// in one part only, and that moves lose nothing.
#include "maps/hot_cold_map.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <new>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "maps/concurrent_map.h"
#include "maps/testing/counting_new.h"
#include "maps/testing/harness.h"
#include "maps/testing/life_counted.h"

namespace cmap {
namespace {

using U64 = std::uint64_t;
using testing::LifeCounted;
using Map = HotColdMap<U64, U64>;

template <class M>
U64 Get(const M& map, std::string_view name) {
  for (const Counter& counter : map.Counters()) {
    if (counter.name == name) return counter.value;
  }
  ADD_FAILURE() << "no counter " << name;
  return 0;
}

// One bucket of four, every read counts, the second one promotes.
constexpr HotColdMapOptions kTiny = {.hot_capacity = 4, .sample_every = 1, .threshold = 2};

TEST(HotColdMapTest, KeysBecomeHotByBeingRead) {
  Map map(kTiny);
  map.Store(1, 10);
  for (int i = 0; i < 5; ++i) map.Store(1, 10);
  EXPECT_EQ(Get(map, "promotions"), 0u) << "writes do not count";
  EXPECT_EQ(map.Load(1), U64{10});
  EXPECT_EQ(Get(map, "promotions"), 0u);
  EXPECT_EQ(map.Load(1), U64{10});
  EXPECT_EQ(Get(map, "promotions"), 1u);
  EXPECT_EQ(Get(map, "hot_entries"), 1u);
  EXPECT_EQ(Get(map, "cold_hits"), 2u);
  EXPECT_EQ(map.LoadOrStore(1, 11), (Loaded<U64>{10, true}));
  EXPECT_EQ(Get(map, "hot_hits"), 1u);
  EXPECT_EQ(map.Size(), 1u);
  for (int i = 0; i < 9; ++i) EXPECT_EQ(map.Load(2), std::nullopt);
  EXPECT_EQ(Get(map, "promotions"), 1u) << "absent keys do not become hot";
}

TEST(HotColdMapTest, EveryOperationFindsHotKeys) {
  Map map(kTiny);
  const auto heat = [&](U64 value) {
    map.Store(1, value);
    while (Get(map, "hot_entries") == 0) ASSERT_EQ(map.Load(1), value);
  };
  heat(10);
  map.Store(1, 11);
  EXPECT_EQ(map.Swap(1, 12), U64{11});
  EXPECT_FALSE(map.CompareAndSwap(1, 11, 13));
  EXPECT_TRUE(map.CompareAndSwap(1, 12, 13));
  EXPECT_EQ(map.LoadOrCompute(1, [] { return U64{0}; }), (Loaded<U64>{13, true}));
  EXPECT_EQ(Get(map, "hot_entries"), 1u) << "overwriting keeps it hot";
  EXPECT_FALSE(map.CompareAndDelete(1, 12));
  EXPECT_TRUE(map.CompareAndDelete(1, 13));
  EXPECT_EQ(map.Load(1), std::nullopt);
  heat(20);
  EXPECT_TRUE(map.Delete(1));
  EXPECT_FALSE(map.Delete(1));
  heat(30);
  EXPECT_EQ(map.LoadAndDelete(1), U64{30});
  heat(40);
  map.Clear();
  EXPECT_EQ(map.Load(1), std::nullopt);
  EXPECT_EQ(Get(map, "hot_entries"), 0u);
  EXPECT_EQ(map.LoadOrStore(1, 50), (Loaded<U64>{50, false}));
  EXPECT_EQ(map.Size(), 1u);
}

TEST(HotColdMapTest, TheHotPartIsBoundedAndFollowsTheLoad) {
  Map map(kTiny);
  for (U64 key = 0; key < 20; ++key) map.Store(key, key);
  for (U64 base = 0; base < 20; base += 4) {  // four keys are hot at a time
    for (int round = 0; round < 40; ++round) {
      for (U64 key = base; key < base + 4; ++key) ASSERT_EQ(map.Load(key), key);
    }
    EXPECT_LE(Get(map, "hot_entries"), 4u);
    const U64 before = Get(map, "cold_hits");
    for (U64 key = base; key < base + 4; ++key) map.Load(key);
    EXPECT_EQ(Get(map, "cold_hits"), before) << "the four are not all hot";
  }
  EXPECT_GE(Get(map, "demotions"), 16u);
  EXPECT_GE(Get(map, "rejections"), 16u) << "what is hot is not displaced at once";
  EXPECT_EQ(map.Size(), 20u);
  for (U64 key = 0; key < 20; ++key) EXPECT_EQ(map.Load(key), key);
}

TEST(HotColdMapTest, OneInSoManyReadsCounts) {
  HotColdMapOptions options = kTiny;
  options.sample_every = 10;
  Map map(options);
  map.Store(1, 1);
  for (int i = 0; i < 1000; ++i) map.Load(1);
  const U64 counted = Get(map, "cold_hits") + Get(map, "hot_hits");
  EXPECT_GE(counted, 60u);
  EXPECT_LE(counted, 160u);
}

// Sixteen keys in turn, one read in sixteen counted: not always of the same key.
TEST(HotColdMapTest, SamplingIsNotInStepWithTheProgram) {
  Map map({.hot_capacity = 64, .sample_every = 16, .threshold = 2});
  for (U64 key = 0; key < 16; ++key) map.Store(key, key);
  for (int round = 0; round < 200; ++round) {
    for (U64 key = 0; key < 16; ++key) map.Load(key);
  }
  EXPECT_GE(Get(map, "hot_entries"), 10u);
}

// The cold lock is held; hot keys are read all the same.
TEST(HotColdMapTest, HotReadsTakeNoLock) {
  Map map(kTiny);
  map.Store(1, 10);
  map.Load(1), map.Load(1);
  map.LoadOrCompute(2, [&] {
    std::thread([&] {
      EXPECT_EQ(map.Load(1), U64{10});
      EXPECT_EQ(map.LoadOrStore(1, 11), (Loaded<U64>{10, true}));
      map.Store(1, 12);  // nor do their writes take the cold lock
      EXPECT_EQ(map.Load(1), U64{12});
    }).join();
    return U64{20};
  });
  EXPECT_EQ(map.Load(2), U64{20});
}

// Gives the processor away at every few accesses, so that the windows between a
// look and a lock are met on few cores too.
struct YieldingAtomics : NativeAtomics {
  static void MaybeYield() {
    static thread_local testing::Random random(
        std::hash<std::thread::id>{}(std::this_thread::get_id()));
    if (random.OneIn(4)) Yield();
  }
  template <class T>
  struct Atomic : std::atomic<T> {
    using std::atomic<T>::atomic;
    T load(std::memory_order order) const {
      MaybeYield();
      return std::atomic<T>::load(order);
    }
    T fetch_add(T by, std::memory_order order) {
      MaybeYield();
      return std::atomic<T>::fetch_add(by, order);
    }
  };
};

// More keys than places, read and written and deleted while they are moved to and
// fro. Each key has one writer, who counts upwards: nobody may see a value older
// than one seen before (a promotion that brings back what it read earlier), nor the
// writer anything but its own.
template <class Atomics>
void ExpectMovesLoseNoWrite(U64 rounds) {
  constexpr U64 kKeys = 12;
  constexpr int kWriters = 2, kReaders = 2;
  HotColdMap<U64, U64, DefaultHash<U64>, Atomics> map(
      {.hot_capacity = 4, .sample_every = 1, .threshold = 1});
  std::atomic<int> writing{kWriters};
  std::vector<std::thread> threads;
  for (int me = 0; me < kWriters; ++me) {
    threads.emplace_back([&, me] {
      testing::Random random(static_cast<U64>(me) + 1);
      std::map<U64, U64> own;  // what this writer's keys hold; absent: deleted
      for (U64 i = 1; i <= rounds; ++i) {
        const U64 key = random.Below(kKeys / kWriters) * kWriters + static_cast<U64>(me);
        const auto it = own.find(key);
        const std::optional<U64> want =
            it == own.end() ? std::nullopt : std::optional<U64>(it->second);
        switch (random.Below(5)) {
          case 0:
            ASSERT_EQ(map.Swap(key, i), want);
            own[key] = i;
            break;
          case 1:
            ASSERT_EQ(map.Delete(key), want.has_value());
            own.erase(key);
            break;
          case 2:
            ASSERT_EQ(map.LoadOrStore(key, i),
                      (Loaded<U64>{want.value_or(i), want.has_value()}));
            own.try_emplace(key, i);
            break;
          case 3:
            map.Store(key, i);
            own[key] = i;
            break;
          default:
            ASSERT_EQ(map.Load(key), want);
        }
      }
    });
  }
  for (int me = 0; me < kReaders; ++me) {
    threads.emplace_back([&, me] {
      testing::Random random(static_cast<U64>(me) + 100);
      std::vector<U64> last(kKeys);
      while (writing.load(std::memory_order_acquire) > 0) {
        for (int i = 0; i < 100; ++i) {
          const U64 key = random.Below(kKeys);
          const U64 now = map.Load(key).value_or(last[key]);
          EXPECT_GE(now, last[key]);
          last[key] = now;
        }
        std::map<U64, int> seen;
        map.Range([&](U64 key, U64) {
          EXPECT_EQ(++seen[key], 1) << "key " << key << " is in both parts";
          return true;
        });
      }
    });
  }
  for (int me = 0; me < kWriters; ++me) {
    threads[static_cast<std::size_t>(me)].join();
    writing.fetch_sub(1, std::memory_order_release);
  }
  threads[kWriters].join();
  threads[kWriters + 1].join();
  U64 left = 0;
  map.Range([&](U64, U64) { return ++left, true; });
  EXPECT_EQ(map.Size(), left);
  EXPECT_GT(Get(map, "promotions"), 0u);
  EXPECT_GT(Get(map, "demotions"), 0u);
}

TEST(HotColdMapTest, MovesLoseNoWrite) {
  ExpectMovesLoseNoWrite<NativeAtomics>(static_cast<U64>(10'000 * testing::TestScale()) + 300);
}

TEST(HotColdMapTest, MovesLoseNoWriteInTheWindows) {
  ExpectMovesLoseNoWrite<YieldingAtomics>(static_cast<U64>(2'000 * testing::TestScale()) + 300);
}

// A key that another thread inserts and heats between a look and the exclusive lock
// is present, though it is not in the cold part.
TEST(HotColdMapTest, OneThreadStoresAKeyThatBecomesHotMeanwhile) {
  HotColdMap<U64, U64, DefaultHash<U64>, YieldingAtomics> map(
      {.hot_capacity = 64, .sample_every = 1, .threshold = 1});
  const U64 keys = static_cast<U64>(1'000 * testing::TestScale()) + 200;
  std::atomic<U64> stored{0};
  std::vector<std::thread> threads;
  for (U64 me = 0; me < 3; ++me) {
    threads.emplace_back([&, me] {
      for (U64 key = 0; key < keys; ++key) {
        if (!map.LoadOrStore(key, me).loaded) stored.fetch_add(1);
        for (int i = 0; i < 2; ++i) map.Load(key);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(stored.load(), keys);
  EXPECT_EQ(map.Size(), keys);
}

// Whatever allocation or copy of a promotion fails, the read succeeds and each key
// is where it was or moved as a whole.
TEST(HotColdMapTest, AFailingPromotionIsNoFailingRead) {
  for (int copies = 0; copies < 8; ++copies) {
    for (U64 allocations = 0; allocations < 8; ++allocations) {
      HotColdMap<U64, LifeCounted> map({.hot_capacity = 4, .sample_every = 1, .threshold = 1});
      for (U64 key = 0; key < 5; ++key) map.Store(key, LifeCounted(key));
      for (U64 key = 0; key < 4; ++key) map.Load(key);  // hot now
      // The first copy is the caller's.
      LifeCounted::ThrowAfter(copies == 0 ? 0 : copies + 1);
      testing::FailAllocation(allocations);
      const std::optional<LifeCounted> got = map.Load(4);
      LifeCounted::ThrowAfter(0);
      testing::FailAllocation(0);
      EXPECT_EQ(got, LifeCounted(4));
      EXPECT_EQ(map.Size(), 5u);
      for (U64 key = 0; key < 5; ++key) {
        EXPECT_EQ(map.Load(key), LifeCounted(key)) << copies << ", " << allocations;
      }
    }
  }
  HotColdMap<U64, LifeCounted>::Quiesce();
  EXPECT_EQ(LifeCounted::Alive(), 0);
  EXPECT_EQ(LifeCounted::Violations(), 0);
}

TEST(HotColdMapTest, AHotHitAllocatesNothing) {
  Map map(kTiny);
  map.Store(1, 1);
  map.Load(1), map.Load(1);
  const U64 allocations = testing::Allocations();
  for (int i = 0; i < 100; ++i) map.Load(1);
  EXPECT_EQ(testing::Allocations(), allocations);
  EXPECT_GE(Get(map, "hot_hits"), 100u);
}

}  // namespace
}  // namespace cmap
