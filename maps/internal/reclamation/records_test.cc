// SPDX-License-Identifier: Apache-2.0
//
// What the process-wide domains have in common: threads that come and go, deleters that use
// maps, lists of garbage that do not stay as long as they ever were.
#include "maps/internal/reclamation/records.h"

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "maps/internal/atomics.h"
#include "maps/internal/reclamation/epoch.h"
#include "maps/internal/reclamation/hazard.h"
#include "maps/testing/counting_new.h"
#include "maps/testing/tracked.h"

namespace cmap::internal {
namespace {

using testing::Tracked;

template <class Domain>
class DomainTest : public ::testing::Test {
 protected:
  using Guard = typename Domain::Guard;

  static void RetireNew(std::atomic<int>& alive) {
    Guard guard;
    guard.Prepare(1);
    guard.Retire(new Tracked(&alive));
  }
};
using Domains = ::testing::Types<EpochDomain<NativeAtomics>, HazardDomain<NativeAtomics>>;
TYPED_TEST_SUITE(DomainTest, Domains);

// A destructor that is itself a user of the domain, as values that contain maps.
template <class Domain>
struct Chain {
  static inline std::atomic<int> alive = 0;
  explicit Chain(int n) : left(n) { ++alive; }
  ~Chain() {
    --alive;
    for (int i = 0; i < 3; ++i) typename Domain::Guard inner;
    if (left == 0) return;
    typename Domain::Guard guard;
    guard.Prepare(1);
    guard.Retire(new Chain(left - 1), 1 << 20);
  }
  int left;
};

TYPED_TEST(DomainTest, DeletersMayRetire) {
  using Link = Chain<TypeParam>;
  {
    typename TypeParam::Guard guard;
    guard.Prepare(1);
    guard.Retire(new Link(1000));
  }
  EXPECT_EQ(Link::alive, 1);
  EXPECT_TRUE(TypeParam::Drain());
  EXPECT_EQ(Link::alive, 0);
}

TYPED_TEST(DomainTest, ThreadsShareRecordsOneAfterAnother) {
  std::atomic<int> alive = 0;
  const std::uint64_t before = TypeParam::Counters().records;
  for (int i = 0; i < 200; ++i) {
    std::thread([&] {
      for (int j = 0; j < 10; ++j) this->RetireNew(alive);
    }).join();
  }
  EXPECT_LE(TypeParam::Counters().records, before + 2);
  EXPECT_TRUE(TypeParam::Drain());
  EXPECT_EQ(alive, 0);
}

TYPED_TEST(DomainTest, AThreadMayUseTheDomainWhileItEnds) {
  static std::atomic<int> alive = 0;
  std::thread([] {
    struct AtEnd {
      ~AtEnd() { TestFixture::RetireNew(alive); }
      void Touch() {}
    };
    // Constructed before the thread's first guard, so destroyed after its record
    // has been given back.
    static thread_local AtEnd at_end;
    at_end.Touch();
    typename TypeParam::Guard guard;
  }).join();
  EXPECT_EQ(alive, 1);
  // That record keeps its garbage; but it blocks nobody else.
  std::atomic<int> others = 0;
  this->RetireNew(others);
  EXPECT_TRUE(TypeParam::Drain());
  EXPECT_EQ(others, 0);
}

// As the growth of a table, which retires many nodes under one guard.
TYPED_TEST(DomainTest, ABurstOfGarbageLeavesNoLongList) {
  constexpr int kBurst = 20'000;
  std::atomic<int> alive = 0;
  {
    typename TypeParam::Guard guard;
    guard.Prepare(kBurst);
    for (int i = 0; i < kBurst; ++i) guard.Retire(new Tracked(&alive));
  }
  EXPECT_TRUE(TypeParam::Drain());
  EXPECT_EQ(alive, 0);
  typename TypeParam::Guard guard;
  const std::uint64_t before = testing::Allocations();
  guard.Prepare(1);
  EXPECT_EQ(testing::Allocations(), before) << "there is room for a few";
  guard.Prepare(1000);
  EXPECT_GT(testing::Allocations(), before) << "there is still room for many";
}

// Writers replace the objects in a few links, until readers have often enough used what
// they found there.
TYPED_TEST(DomainTest, ReadersNeverSeeFreedObjects) {
  constexpr int kLinks = 4;
  constexpr int kRounds = 20'000;
  constexpr int kLooks = 1000;
  std::atomic<int> alive = 0;
  std::atomic<Tracked*> links[kLinks];
  for (auto& link : links) link = new Tracked(&alive);
  std::atomic<std::uint64_t> bad = 0;
  std::atomic<int> looking = 2;
  std::atomic<int> writing = 2;
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRounds || looking.load() != 0; ++i) {
        typename TypeParam::Guard guard;
        guard.Prepare(1);
        auto* fresh = new Tracked(&alive);
        guard.Retire(links[(i + t) % kLinks].exchange(fresh, std::memory_order_acq_rel));
      }
      --writing;
    });
    threads.emplace_back([&, t] {
      for (int i = t; writing.load() != 0; ++i) {
        typename TypeParam::Guard guard;
        const Tracked* one = guard.template Protect<0>(links[i % kLinks]);
        const Tracked* two = guard.template Protect<2>(links[(i + 1) % kLinks]);
        if (i % 64 == 0) std::this_thread::yield();
        if (!one->IsAlive() || !two->IsAlive()) ++bad;
        if (i == kLooks) --looking;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(bad, 0u);
  for (auto& link : links) delete link.load();
  EXPECT_TRUE(TypeParam::Drain());
  EXPECT_EQ(alive, 0);
}

}  // namespace
}  // namespace cmap::internal
