// SPDX-License-Identifier: Apache-2.0
#include "maps/internal/counting/long_adder.h"

#include <atomic>
#include <cstdint>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "maps/internal/atomics.h"

namespace cmap::internal {
namespace {

TEST(LongAdderTest, OneThreadNeedsNoCells) {
  LongAdder<NativeAtomics> counter;
  for (int i = 0; i < 1000; ++i) counter.Add(2);
  counter.Add(-500);
  EXPECT_EQ(counter.Sum(), 1500);
  EXPECT_EQ(counter.HeapBytesHeld(), 0u);
}

// Lets another addition in between the load and the compare-exchange.
struct MeetingAtomics : NativeAtomics {
  static inline LongAdder<MeetingAtomics>* other = nullptr;

  template <class T>
  class Atomic : public std::atomic<T> {
   public:
    using std::atomic<T>::atomic;
    bool compare_exchange_strong(T& expected, T desired,
                                 std::memory_order order) noexcept {
      if (LongAdder<MeetingAtomics>* const counter =
              std::exchange(MeetingAtomics::other, nullptr)) {
        counter->Add(100);
      }
      return std::atomic<T>::compare_exchange_strong(expected, desired, order);
    }
    using std::atomic<T>::compare_exchange_strong;
  };
};

TEST(LongAdderTest, ThreadsThatMeetUseCells) {
  LongAdder<MeetingAtomics> counter;
  counter.Add(1);
  EXPECT_EQ(counter.HeapBytesHeld(), 0u);
  MeetingAtomics::other = &counter;
  counter.Add(10);
  EXPECT_GE(counter.HeapBytesHeld(), 16u * 64);
  EXPECT_EQ(counter.Sum(), 111);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 10'000; ++n) counter.Add(n % 2 == 0 ? 3 : -1);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counter.Sum(), 111 + 8 * 10'000);
}

}  // namespace
}  // namespace cmap::internal
