// SPDX-License-Identifier: Apache-2.0
#include "maps/write_batch_map/mpsc_ring.h"

#include <atomic>
#include <cstdint>
#include <optional>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "maps/internal/atomics.h"

namespace cmap::internal {
namespace {

using U64 = std::uint64_t;
using Ring = MpscRing<U64, NativeAtomics>;

TEST(MpscRingTest, FirstInFirstOutAndFull) {
  Ring ring(4);
  EXPECT_EQ(ring.Front(), std::nullopt);
  U64 in = 0, out = 0;
  for (int round = 0; round < 10; ++round) {
    while (const auto position = ring.TryPush(in * 10)) {
      EXPECT_EQ(*position, in);
      ++in;
    }
    EXPECT_EQ(in - out, 4u);
    EXPECT_EQ(ring.Tail(), in);
    for (int n = 0; n < 3; ++n) {
      EXPECT_EQ(ring.Front(), out * 10);
      EXPECT_EQ(ring.Front(), out * 10) << "not yet popped";
      ring.Pop();
      ++out;
      EXPECT_EQ(ring.Head(), out);
    }
  }
}

// Nothing is lost, nothing comes twice, and what one producer pushed comes in its
// order; through a small ring that is often full.
TEST(MpscRingTest, ManyProducers) {
  constexpr U64 kProducers = 3, kEach = 20'000;
  Ring ring(8);
  std::vector<std::thread> producers;
  for (U64 p = 0; p < kProducers; ++p) {
    producers.emplace_back([&, p] {
      for (U64 i = 0; i < kEach; ++i) {
        while (!ring.TryPush(p << 32 | i)) std::this_thread::yield();
      }
    });
  }
  std::vector<U64> next(kProducers);
  for (U64 taken = 0; taken < kProducers * kEach;) {
    const std::optional<U64> item = ring.Front();
    if (!item) {
      std::this_thread::yield();
      continue;
    }
    ring.Pop();
    ++taken;
    const U64 producer = *item >> 32;
    ASSERT_LT(producer, kProducers);
    ASSERT_EQ(*item & 0xffffffff, next[producer]++);
  }
  for (std::thread& producer : producers) producer.join();
  EXPECT_EQ(ring.Front(), std::nullopt);
  EXPECT_EQ(ring.Tail(), kProducers * kEach);
}

// The claimed slot of a producer that has not filled it holds up the consumer.
struct Stalling {
  template <class T>
  struct Atomic : std::atomic<T> {
    using std::atomic<T>::atomic;
    void store(T value, std::memory_order order) {
      if (order == std::memory_order_release && stalls) {
        stalls = false;
        reached.store(true);
        while (!released.load()) std::this_thread::yield();
      }
      std::atomic<T>::store(value, order);
    }
  };
  static inline thread_local bool stalls = false;
  static inline std::atomic<bool> reached{false}, released{false};
};

TEST(MpscRingTest, AClaimedSlotIsNotTaken) {
  MpscRing<U64, Stalling> ring(4);
  std::thread producer([&] {
    Stalling::stalls = true;
    EXPECT_EQ(ring.TryPush(1), U64{0});
  });
  while (!Stalling::reached.load()) std::this_thread::yield();
  EXPECT_EQ(ring.TryPush(2), U64{1}) << "others go on behind it";
  EXPECT_EQ(ring.Tail(), 2u);
  EXPECT_EQ(ring.Front(), std::nullopt);
  Stalling::released.store(true);
  producer.join();
  EXPECT_EQ(ring.Front(), U64{1});
  ring.Pop();
  EXPECT_EQ(ring.Front(), U64{2});
}

}  // namespace
}  // namespace cmap::internal
