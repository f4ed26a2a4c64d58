// SPDX-License-Identifier: Apache-2.0

#include "maps/internal/orders.h"

#include <atomic>
#include <mutex>
#include <shared_mutex>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace cmap::internal {
namespace {

using enum std::memory_order;

// Notes the orders that reach it.
std::vector<std::memory_order> seen;

struct NotingAtomics {
  using Mutex = std::mutex;
  using SharedMutex = std::shared_mutex;
  static void Pause() noexcept {}
  static void Yield() noexcept {}
  template <class T>
  struct Atomic {
    T load(std::memory_order o) const { return seen.push_back(o), value; }
    void store(T v, std::memory_order o) { seen.push_back(o), value = v; }
    T exchange(T v, std::memory_order o) {
      seen.push_back(o);
      return std::exchange(value, v);
    }
    bool compare_exchange_strong(T&, T v, std::memory_order s,
                                 std::memory_order f) {
      seen.push_back(s), seen.push_back(f), value = v;
      return true;
    }
    T fetch_add(T by, std::memory_order o) {
      seen.push_back(o);
      return std::exchange(value, value + by);
    }
    T value{};
  };
};

template <class Atomics>
std::vector<std::memory_order> Orders() {
  seen.clear();
  typename Atomics::template Atomic<int> word{};
  int expected = 0;
  for (const auto order : {relaxed, acquire}) word.load(order);
  for (const auto order : {relaxed, release}) word.store(1, order);
  for (const auto order : {relaxed, acquire, release, acq_rel}) {
    word.exchange(2, order);
  }
  word.fetch_add(1, relaxed);
  word.compare_exchange_strong(expected, 3, release, relaxed);
  return seen;
}

TEST(OrdersTest, WhatIsAskedForIsStrengthened) {
  EXPECT_EQ(Orders<NotingAtomics>(),
            (std::vector{relaxed, acquire, relaxed, release, relaxed, acquire,
                         release, acq_rel, relaxed, release, relaxed}));
  EXPECT_EQ(Orders<AcquireRelease<NotingAtomics>>(),
            (std::vector{acquire, acquire, release, release, acq_rel, acq_rel,
                         acq_rel, acq_rel, acq_rel, acq_rel, acquire}));
  EXPECT_EQ(Orders<SeqCst<NotingAtomics>>(), std::vector(11, seq_cst));
}

TEST(OrdersTest, MapsSayWhichTheyHave) {
  EXPECT_EQ(kOrdersNote<NotingAtomics>, "");
  EXPECT_EQ(kOrdersNote<SeqCst<NotingAtomics>>, "; every access seq_cst");
}

}  // namespace
}  // namespace cmap::internal
