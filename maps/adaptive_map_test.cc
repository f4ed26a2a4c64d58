// SPDX-License-Identifier: Apache-2.0
//
// What is peculiar to adaptive_map: its rules, that it follows them, and that a switch
// loses nothing and stops no reader.
#include "maps/adaptive_map.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <new>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "maps/adaptive_map/load_window.h"
#include "maps/concurrent_map.h"
#include "maps/testing/counting_new.h"
// After counting_new.h.
#include "maps/testing/conformance.h"

namespace cmap {
namespace {

using U64 = std::uint64_t;
using internal::InnerMap;
using internal::ObservedLoad;
using internal::StudyRules;
using Map = AdaptiveMap<U64, U64>;

template <class M>
U64 Get(const M& map, std::string_view name) {
  for (const Counter& counter : map.Counters()) {
    if (counter.name == name) return counter.value;
  }
  ADD_FAILURE() << "no counter " << name;
  return 0;
}

TEST(AdaptiveMapTest, Rules) {
  const auto choose = [](InnerMap now, double reads, double entropy, std::uint32_t threads) {
    return StudyRules::Choose(now, {.read_share = reads, .reuse = 1, .entropy = entropy,
                                    .threads = threads, .writers = threads});
  };
  for (const InnerMap now : {InnerMap::kMutex, InnerMap::kShards, InnerMap::kTrie}) {
    EXPECT_EQ(choose(now, 1, 1, 1), InnerMap::kMutex);
    EXPECT_EQ(choose(now, 0.60, 1, 2), InnerMap::kShards);
    EXPECT_EQ(choose(now, 0.80, 1, 2), InnerMap::kTrie);
    EXPECT_EQ(choose(now, 0.60, 0.2, 2), InnerMap::kTrie) << "hot keys";
    EXPECT_EQ(choose(now, 0.40, 0.2, 2), InnerMap::kShards);
  }
  // Between, what is there stays.
  EXPECT_EQ(choose(InnerMap::kShards, 0.70, 1, 2), InnerMap::kShards);
  EXPECT_EQ(choose(InnerMap::kTrie, 0.70, 1, 2), InnerMap::kTrie);
}

// Whatever is added between the counts that are read and reset one after another.
struct AtomicsOfOthers {
  template <class T>
  struct Atomic : std::atomic<T> {
    using std::atomic<T>::atomic;
    T exchange(T value, std::memory_order order) {
      before_exchange();
      return std::atomic<T>::exchange(value, order);
    }
  };
  static inline std::function<void()> before_exchange;
};
TEST(AdaptiveMapTest, SharesAreShares) {
  for (const bool change : {false, true}) {
    internal::LoadWindow<AtomicsOfOthers> window;
    const auto add = [&] { window.Add(0, 0, true, change, change, 1); };
    AtomicsOfOthers::before_exchange = [&] {
      for (int i = 0; i < 3; ++i) add();
    };
    for (int i = 0; i < 10; ++i) {
      add();
      const ObservedLoad seen = window.Close();
      EXPECT_EQ(seen.read_share, change ? 0 : 1);
      EXPECT_EQ(seen.reuse, change ? 1 : 0);
      EXPECT_EQ(seen.entropy, 0);
    }
  }
}

// Every operation is looked at; a window is 64 of them.
constexpr AdaptiveMapOptions kEager = {
    .sample_every = 1, .rarer = 1, .window = 64, .dwell = 0, .shards = 16};

// `op(i)` in turn by this thread and by others, sixteen at a time.
void ByTwoThreads(int operations, const std::function<void(U64)>& op) {
  U64 i = 0;
  for (int left = operations; left > 0; left -= 32) {
    const auto sixteen = [&] {
      for (int n = 0; n < 16; ++n) op(i++);
    };
    sixteen();
    std::thread(sixteen).join();
  }
}

TEST(AdaptiveMapTest, FollowsItsLoad) {
  Map map(kEager);
  for (U64 i = 0; i < 1024; ++i) map.Store(i, i);  // whole windows
  EXPECT_EQ(Get(map, "strategy"), 0u) << "one thread needs a mutex only";
  EXPECT_EQ(Get(map, "switches"), 0u);
  EXPECT_GT(Get(map, "windows"), 10u);
  EXPECT_EQ(Get(map, "threads"), 1u);
  EXPECT_EQ(Get(map, "reads_percent"), 0u);
  EXPECT_GE(Get(map, "entropy_percent"), 80u);

  ByTwoThreads(256, [&](U64 i) { EXPECT_EQ(map.Load(i % 1024), i % 1024); });
  EXPECT_EQ(Get(map, "strategy"), 2u);
  EXPECT_EQ(Get(map, "to_trie"), 1u);
  EXPECT_EQ(Get(map, "moved"), 1024u);
  EXPECT_EQ(Get(map, "reads_percent"), 100u);
  EXPECT_EQ(Get(map, "reuse_percent"), 100u);

  ByTwoThreads(256, [&](U64 i) { map.Store(i % 1024, i % 1024); });
  EXPECT_EQ(Get(map, "strategy"), 1u);
  EXPECT_EQ(Get(map, "to_shards"), 1u);

  // Reuse makes reads of LoadOrStore.
  ByTwoThreads(256, [&](U64 i) { map.LoadOrStore(i % 1024, i); });
  EXPECT_EQ(Get(map, "strategy"), 2u);
  ByTwoThreads(256, [&](U64 i) { map.LoadOrStore(1024 + i, 1024 + i); });
  EXPECT_EQ(Get(map, "strategy"), 1u);
  EXPECT_LE(Get(map, "reuse_percent"), 10u);

  for (U64 i = 0; i < 256; ++i) EXPECT_EQ(map.Load(i), i);
  EXPECT_EQ(Get(map, "strategy"), 0u) << "one thread again";
  EXPECT_EQ(map.Size(), 1280u);
  for (U64 i = 0; i < 1280; ++i) EXPECT_EQ(map.Load(i), i);
  EXPECT_EQ(Get(map, "failed"), 0u);
}

// The first window is short, and the first choice waits for nothing; from then on it stays.
TEST(AdaptiveMapTest, ANewMapChoosesSoon) {
  AdaptiveMapOptions options;
  options.sample_every = 1;
  Map map(options);
  ByTwoThreads(64, [&](U64 i) { map.Load(i); });
  EXPECT_EQ(Get(map, "windows"), 1u);
  EXPECT_EQ(Get(map, "strategy"), 2u);
  ByTwoThreads(128 + 256 + 512, [&](U64 i) { map.Store(i, i); });
  EXPECT_EQ(Get(map, "windows"), 4u);
  EXPECT_EQ(Get(map, "strategy"), 2u) << "not before its dwell";
  ByTwoThreads(2 * 512, [&](U64 i) { map.Store(i, i); });
  EXPECT_EQ(Get(map, "windows"), 6u);
  EXPECT_EQ(Get(map, "strategy"), 1u);
}

TEST(AdaptiveMapTest, HotKeysCountAsReadsSooner) {
  for (const U64 keys : {U64{1}, U64{1000}}) {
    Map map(kEager);
    ByTwoThreads(512, [&](U64 i) {  // five reads in eight
      if (i % 8 < 5) {
        map.Load(i % keys);
      } else {
        map.Store(i % keys, i);
      }
    });
    EXPECT_EQ(Get(map, "strategy"), keys == 1 ? 2u : 1u);
  }
}

// What confirms the choice is looked for ever more rarely, until something speaks against it.
TEST(AdaptiveMapTest, LooksRarelyWhileNothingChanges) {
  AdaptiveMapOptions options = kEager;
  options.rarer = 16;
  Map map(options);
  constexpr U64 kLoads = 64 * (1 + 2 + 4 + 8);  // for windows that each double the period
  for (U64 i = 0; i < kLoads; ++i) map.Load(i);
  const U64 windows = Get(map, "windows");
  EXPECT_GE(windows, 3u);
  EXPECT_LE(windows, 5u);
  for (U64 i = 0; i < 20 * 16 * 64; ++i) map.Load(i);
  EXPECT_GE(Get(map, "windows") - windows, 10u);
  EXPECT_LE(Get(map, "windows") - windows, 30u);
  // Another load is noticed all the same, and what the map has chosen then looked at closely.
  for (int left = 200; left > 0 && Get(map, "strategy") != 2; --left) {
    ByTwoThreads(32, [&](U64 i) { map.Load(i); });
  }
  ASSERT_EQ(Get(map, "strategy"), 2u);
  const U64 then = Get(map, "windows");
  ByTwoThreads(2 * 64, [&](U64 i) { map.Load(i); });
  EXPECT_GE(Get(map, "windows") - then, 1u);
}

// Always the next kind, so that every switch is met; not of large maps.
struct NextInTurn {
  static constexpr std::size_t kMostMoved = 200;
  static InnerMap Choose(InnerMap now, const ObservedLoad&) {
    return static_cast<InnerMap>((static_cast<int>(now) + 1) % 3);
  }
};
template <class K, class V, class Hash = DefaultHash<K>, class Atomics = NativeAtomics>
class Restless : public AdaptiveMap<K, V, Hash, Atomics, NextInTurn> {
  using Base = AdaptiveMap<K, V, Hash, Atomics, NextInTurn>;
  static AdaptiveMapOptions Hurry(AdaptiveMapOptions options) {
    if (options.shards > 4096) return options;  // dear to make
    if (options.sample_every == AdaptiveMapOptions{}.sample_every) options.sample_every = 1;
    if (options.window == AdaptiveMapOptions{}.window) options.window = 8;
    if (options.dwell == AdaptiveMapOptions{}.dwell) options.dwell = 0;
    return options;
  }

 public:
  Restless() : Restless(AdaptiveMapOptions{}) {}
  explicit Restless(const AdaptiveMapOptions& options) : Base(Hurry(options)) {}
};

TEST(AdaptiveMapTest, StaysForItsDwell) {
  AdaptiveMapOptions options = kEager;
  options.dwell = 9;
  AdaptiveMap<U64, U64, DefaultHash<U64>, NativeAtomics, NextInTurn> map(options);
  for (U64 i = 0; i < 64 * 100; ++i) map.Load(i);
  EXPECT_EQ(Get(map, "windows"), 100u);
  EXPECT_EQ(Get(map, "switches"), 10u);
}

TEST(AdaptiveMapTest, DoesNotMoveLargeMaps) {
  Restless<U64, U64> map;
  for (U64 i = 0; i < 201; ++i) map.Store(i, i);
  const U64 switches = Get(map, "switches");
  EXPECT_GT(switches, 10u);
  for (U64 i = 0; i < 8 * 200; ++i) map.Load(i);
  EXPECT_EQ(Get(map, "switches"), switches);
  // Tried after 16, 32, 64 windows: not each time.
  EXPECT_GE(Get(map, "too_large"), 3u);
  EXPECT_LE(Get(map, "too_large"), 6u);
}

// A value that lets the test look in when it is copied.
struct Watched {
  explicit Watched(U64 n = 0) : number(n) {}
  Watched(const Watched& other) : number(other.number) { Copied(); }
  Watched(Watched&&) = default;
  Watched& operator=(const Watched& other) {
    number = other.number;
    Copied();
    return *this;
  }
  Watched& operator=(Watched&&) = default;
  friend bool operator==(const Watched&, const Watched&) = default;
  static void Copied() {
    if (on_copy) std::exchange(on_copy, nullptr)();
  }
  U64 number;
  static inline thread_local std::function<void()> on_copy;
};

// In the middle of a switch from the trie: others read, writers wait.
TEST(AdaptiveMapTest, ReadersGoOnDuringASwitch) {
  AdaptiveMap<U64, Watched, DefaultHash<U64>, NativeAtomics, NextInTurn> map(
      {.sample_every = 1, .window = 8, .dwell = 0, .shards = 16});
  for (U64 i = 0; i < 16; ++i) map.Store(i, Watched(i));
  EXPECT_EQ(Get(map, "strategy"), 2u);
  for (U64 i = 0; i < 7; ++i) map.Delete(100 + i);
  std::atomic<bool> written{false};
  std::thread writer;
  bool looked = false;
  Watched::on_copy = [&] {
    writer = std::thread([&] {
      map.Store(3, Watched(33));
      written.store(true);
    });
    std::thread([&] {
      for (int round = 0; round < 20; ++round) {
        for (U64 i = 0; i < 16; ++i) EXPECT_EQ(map.Load(i), Watched(i));
        std::this_thread::yield();
      }
    }).join();
    EXPECT_FALSE(written.load()) << "a write took effect in a map being copied";
    looked = true;
  };
  map.Delete(107);  // the eighth: switches
  EXPECT_TRUE(looked);
  writer.join();
  EXPECT_EQ(map.Load(3), Watched(33));
  EXPECT_EQ(map.Size(), 16u);
}

TEST(AdaptiveMapTest, AFailedSwitchIsGivenUp) {
  for (U64 nth = 1; nth < 100; ++nth) {
    AdaptiveMap<U64, U64, DefaultHash<U64>, NativeAtomics, NextInTurn> map(
        {.sample_every = 1, .window = 16, .dwell = 0, .shards = 4});
    for (U64 i = 0; i < 15; ++i) map.Store(i, i);
    testing::FailAllocation(nth);
    EXPECT_EQ(map.Load(3), U64{3});  // the sixteenth
    const bool failed = testing::FailAllocation(0);
    EXPECT_EQ(Get(map, "failed"), failed ? 1u : 0u);
    EXPECT_EQ(Get(map, "switches"), failed ? 0u : 1u);
    EXPECT_EQ(map.Size(), 15u);
    map.Store(3, 4);  // the gate is open
    for (U64 i = 0; i < 15; ++i) EXPECT_EQ(map.Load(i), i == 3 ? 4 : i);
    if (!failed) {
      EXPECT_GT(nth, 15u);
      return;
    }
  }
  FAIL() << "a switch of 15 entries needs a hundred allocations";
}

// Gives the processor away at every few accesses, so that the windows of a switch are
// met on few cores too.
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
      const T old = std::atomic<T>::fetch_add(by, order);
      MaybeYield();
      return old;
    }
  };
};

// Every addition counts, whatever map it was made in.
TEST(AdaptiveMapTest, SwitchesLoseNoWrite) {
  constexpr U64 kKeys = 8;
  constexpr int kThreads = 3;
  Restless<U64, U64, DefaultHash<U64>, YieldingAtomics> map;
  const U64 adds = static_cast<U64>(1'000 * testing::TestScale()) + 100;
  std::vector<std::thread> threads;
  for (int me = 0; me < kThreads; ++me) {
    threads.emplace_back([&, me] {
      testing::Random random(static_cast<U64>(me) + 1);
      std::vector<U64> last(kKeys);
      for (U64 i = 0; i < adds; ++i) {
        const U64 key = random.Below(kKeys);
        U64 seen = map.LoadOrStore(key, 0).value;
        EXPECT_GE(seen, last[key]);
        while (!map.CompareAndSwap(key, seen, seen + 1)) {
          const U64 now = map.Load(key).value_or(0);
          EXPECT_GE(now, seen);
          seen = now;
        }
        last[key] = seen + 1;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  U64 sum = 0;
  map.Range([&](U64, U64 value) { return sum += value, true; });
  EXPECT_EQ(sum, adds * kThreads);
  EXPECT_GT(Get(map, "switches"), 50u);
}

// The whole kit on a map that switches every eight operations.
struct restless {
  static constexpr std::string_view kName = "adaptive_map that never rests";
  static constexpr bool kPeer = false;
  template <class K, class V, class Hash = DefaultHash<K>, class Atomics = NativeAtomics>
  using Map = Restless<K, V, Hash, Atomics>;
};
[[maybe_unused]] const bool kRegistered = [] {
  testing::RegisterTypes<restless, U64, testing::LifeCounted>();
  return true;
}();

}  // namespace
}  // namespace cmap
