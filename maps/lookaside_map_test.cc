// SPDX-License-Identifier: Apache-2.0
//
// What is peculiar to lookaside_map: when it answers without the inner map, that
// it never answers with the past, and where its copies live.
#include "maps/lookaside_map.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "maps/concurrent_map.h"
#include "maps/mutex_map.h"
#include "maps/testing/counting_new.h"
#include "maps/testing/life_counted.h"

namespace cmap {
namespace {

using U64 = std::uint64_t;
using testing::LifeCounted;

template <class K, class V>
using Over = LookasideMap<MutexMap<K, V>, DefaultHash<K>, NativeAtomics>;
using Map = Over<U64, U64>;

template <class M>
U64 Get(const M& map, std::string_view name) {
  for (const Counter& counter : map.Counters()) {
    if (counter.name == name) return counter.value;
  }
  ADD_FAILURE() << "no counter " << name;
  return 0;
}

// An inner map of the test's own: counts lookups, and lets the test look at the
// whole from the middle of a write.
struct Inner {
  using key_type = U64;
  using mapped_type = U64;
  // (clang 14 does not count the uses in LookasideMap.)
  [[maybe_unused]] static constexpr Traits kTraits = MutexMap<U64, U64>::kTraits;

  template <class F>
  bool Visit(U64 key, F&& f) {
    ++lookups;
    return map.Visit(key, f);
  }
  void Store(U64 key, U64 value) {
    before_write();
    map.Store(key, value);
    after_write();
  }
  Loaded<U64> LoadOrStore(U64 key, U64 value) { return map.LoadOrStore(key, value); }
  bool CompareAndSwap(U64 key, U64 expected, U64 desired) {
    ++compares;
    return map.CompareAndSwap(key, expected, desired);
  }

  static inline int lookups = 0, compares = 0;
  static inline std::function<void()> before_write = [] {}, after_write = [] {};
  MutexMap<U64, U64> map;
};
using OverInner = LookasideMap<Inner, DefaultHash<U64>, NativeAtomics>;

TEST(LookasideMapTest, AHitCallsNothingAndAllocatesNothing) {
  OverInner map;
  map.Store(1, 10);
  EXPECT_EQ(map.Load(1), U64{10});
  const int lookups = Inner::lookups, compares = Inner::compares;
  const U64 allocations = testing::Allocations();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(map.Load(1), U64{10});
  EXPECT_EQ(map.LoadOrStore(1, 11), (Loaded<U64>{10, true}));
  EXPECT_FALSE(map.CompareAndSwap(1, 11, 12));
  EXPECT_EQ(testing::Allocations(), allocations);
  EXPECT_EQ(Inner::lookups, lookups);
  EXPECT_EQ(Inner::compares, compares);
  EXPECT_EQ(Get(map, "hits"), 102u);
  EXPECT_EQ(Get(map, "misses"), 1u);
}

// While a write of the inner map is in progress the truth may change at any moment:
// nothing may be cached before it that is believed after it.
TEST(LookasideMapTest, NothingIsCachedWhileAWriterIsAtWork) {
  OverInner map;
  map.Store(1, 10);
  for (const bool cached_before : {true, false}) {
    const U64 old = cached_before ? 10 : 11, fresh = old + 1;
    if (cached_before) {
      EXPECT_EQ(map.Load(1), old);
    }
    Inner::before_write = [&] { EXPECT_EQ(map.Load(1), old) << "before the write"; };
    Inner::after_write = [&] { EXPECT_EQ(map.Load(1), fresh) << "after the write"; };
    map.Store(1, fresh);
    EXPECT_EQ(map.Load(1), fresh);
  }
  Inner::before_write = Inner::after_write = [] {};
}

TEST(LookasideMapTest, EveryWriteSpoilsTheCachesOfAllThreads) {
  constexpr int kRounds = 11;
  Map map;
  std::atomic<int> turn{0};
  std::atomic<U64> want{1};
  // The reader caches, then the writer writes, in turn.
  std::thread reader([&] {
    for (int round = 0; round < kRounds; ++round) {
      while (turn.load(std::memory_order_acquire) != 2 * round + 1) {
        std::this_thread::yield();
      }
      for (int i = 0; i < 2; ++i) EXPECT_EQ(map.Load(7).value_or(0), want.load()) << "round " << round;
      turn.store(2 * round + 2, std::memory_order_release);
    }
  });
  const std::vector<std::function<void()>> writes = {
      [&] { map.Store(7, 1); want = 1; },
      [&] { map.Swap(7, 2); want = 2; },
      [&] { EXPECT_TRUE(map.CompareAndSwap(7, 2, 3)); want = 3; },
      [&] {
        const std::vector<std::pair<U64, U64>> batch = {{7, 4}};
        map.StoreBatch(batch);
        want = 4;
      },
      [&] { EXPECT_TRUE(map.Delete(7)); want = 0; },
      [&] { EXPECT_FALSE(map.LoadOrStore(7, 5).loaded); want = 5; },
      [&] { EXPECT_TRUE(map.CompareAndDelete(7, 5)); want = 0; },
      [&] { EXPECT_FALSE(map.LoadOrCompute(7, [] { return U64{6}; }).loaded); want = 6; },
      [&] { EXPECT_EQ(map.LoadAndDelete(7), U64{6}); want = 0; },
      [&] { map.Store(7, 8); want = 8; },
      [&] { map.Clear(); want = 0; },
  };
  for (int round = 0; round < kRounds; ++round) {
    writes[static_cast<std::size_t>(round)]();
    turn.store(2 * round + 1, std::memory_order_release);
    while (turn.load(std::memory_order_acquire) != 2 * round + 2) {
      std::this_thread::yield();
    }
  }
  reader.join();
}

TEST(LookasideMapTest, AWriteSpoilsItsStripeOnly) {
  Map one(LookasideMapOptions{.slots = 512, .stripes = 1});
  Map many(LookasideMapOptions{.slots = 512, .stripes = 65536});
  for (Map* map : {&one, &many}) {
    map->Store(1, 1);
    map->Load(1);
    map->Store(2, 2);  // of another stripe, where there is one
    map->Load(1);
  }
  EXPECT_EQ(Get(one, "stale"), 1u);
  EXPECT_EQ(Get(one, "hits"), 0u);
  EXPECT_EQ(Get(many, "stale"), 0u);
  EXPECT_EQ(Get(many, "hits"), 1u);
}

TEST(LookasideMapTest, AbsenceIsNotCached) {
  OverInner map;
  const int lookups = Inner::lookups;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(map.Load(1), std::nullopt);
  EXPECT_EQ(Inner::lookups, lookups + 3);
}

TEST(LookasideMapTest, ACopyThatFailsIsNotCached) {
  Over<U64, LifeCounted> map;
  map.Store(1, LifeCounted(5));
  for (int copies = 1; copies < 5; ++copies) {
    LifeCounted::ThrowAfter(copies);
    try {
      EXPECT_EQ(map.Load(1), LifeCounted(5));
    } catch (const LifeCounted::CopyFailed&) {
      EXPECT_EQ(copies, 1) << "only the caller's copy may fail the Load";
    }
    LifeCounted::ThrowAfter(0);
  }
  EXPECT_EQ(map.Load(1), LifeCounted(5));
}

// As many caches as threads at one time, though many threads come and go.
TEST(LookasideMapTest, EndedThreadsLeaveTheirCachesToNewOnes) {
  Map map;
  map.Store(1, 1);
  for (int i = 0; i < 50; ++i) std::thread([&] { map.Load(1); }).join();
  EXPECT_EQ(Get(map, "caches"), 1u);
  EXPECT_EQ(Get(map, "hits"), 49u) << "a cache is taken over as it is";
  std::atomic<int> inside{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      map.Load(1);
      inside.fetch_add(1);
      while (inside.load() < 4) std::this_thread::yield();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Get(map, "caches"), 4u);
}

// The map's end destroys what the thread has cached, and the thread's places are
// good for later maps.
TEST(LookasideMapTest, CopiesDieWithTheMap) {
  const auto alive = LifeCounted::Alive();
  for (int i = 0; i < 40; ++i) {
    const auto map = std::make_unique<Over<U64, LifeCounted>>();
    const auto other = std::make_unique<Over<U64, LifeCounted>>();
    for (U64 key = 0; key < 100; ++key) {
      map->Store(key, LifeCounted(key));
      EXPECT_EQ(map->Load(key), LifeCounted(key));
      EXPECT_EQ(other->Load(key), std::nullopt);
    }
    EXPECT_GT(LifeCounted::Alive(), alive + 150);
  }
  EXPECT_EQ(LifeCounted::Alive(), alive);
  EXPECT_EQ(LifeCounted::Violations(), 0);
}

// More maps than a thread has places: slower, not wrong.
TEST(LookasideMapTest, ManyMapsAtOnce) {
  std::vector<std::unique_ptr<Map>> maps;
  for (U64 i = 0; i < 100; ++i) {
    maps.push_back(std::make_unique<Map>());
    maps.back()->Store(1, i);
  }
  for (int round = 0; round < 3; ++round) {
    for (U64 i = 0; i < 100; ++i) EXPECT_EQ(maps[i]->Load(1), i);
  }
  EXPECT_EQ(Get(*maps[0], "hits"), 2u);
  EXPECT_EQ(Get(*maps[0], "caches"), 1u);
}

// A thread-local that is older than the thread's cache is destroyed after it.
TEST(LookasideMapTest, MayBeUsedWhileAThreadEnds) {
  struct Late {
    ~Late() {
      if (map != nullptr) {
        EXPECT_EQ(map->Load(1), U64{10});
      }
    }
    Map* map = nullptr;
  };
  static thread_local Late late;
  Map map;
  map.Store(1, 10);
  for (int i = 0; i < 3; ++i) {
    std::thread([&] {
      late.map = &map;
      map.Load(1);
    }).join();
  }
  EXPECT_EQ(map.Load(1), U64{10});
}

TEST(LookasideMapTest, CachesCountAsMemory) {
  Over<std::string, std::string> map;
  const std::string text(100, 'x');
  map.Store(text, text);
  const std::size_t before = map.MemoryBytes();
  map.Load(text);
  EXPECT_GE(map.MemoryBytes(), before + 512 * sizeof(std::pair<std::string, std::string>) +
                                   2 * internal::MallocBytes(text.size()));
}

}  // namespace
}  // namespace cmap
