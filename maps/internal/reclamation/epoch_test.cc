// SPDX-License-Identifier: Apache-2.0

#include "maps/internal/reclamation/epoch.h"

#include <atomic>
#include <cstdint>

#include "gtest/gtest.h"
#include "maps/internal/atomics.h"
#include "maps/testing/tracked.h"

namespace cmap::internal {
namespace {

using Reclaimer = EpochReclaimer<NativeAtomics>;
using Record = Reclaimer::Record;
using testing::Tracked;

void RetireNew(Reclaimer& epochs, Record& record, std::atomic<int>& alive) {
  epochs.Enter(record);
  epochs.Prepare(record, 1);
  epochs.Retire(record, new Tracked(&alive), &Tracked::Delete);
  epochs.Exit(record);
}

TEST(EpochTest, NothingIsFreedBeforeThreeAdvances) {
  std::atomic<int> alive = 0;
  Reclaimer epochs;
  Record* writer = epochs.Acquire();
  epochs.Enter(*writer);
  epochs.Retire(*writer, new Tracked(&alive), &Tracked::Delete);
  // Own guard included: at most one advance is possible, so nothing is freed.
  EXPECT_FALSE(epochs.Drain(*writer));
  EXPECT_EQ(alive, 1);
  EXPECT_LE(epochs.Counters().advances, 1u);
  epochs.Exit(*writer);
  EXPECT_EQ(alive, 1);
  EXPECT_TRUE(epochs.Drain(*writer));
  EXPECT_EQ(alive, 0);
  EXPECT_GE(epochs.Counters().advances, 3u);
}

TEST(EpochTest, AReaderHoldsWhatItCouldHaveFound) {
  std::atomic<int> alive = 0;
  Reclaimer epochs;
  Record* reader = epochs.Acquire();
  Record* writer = epochs.Acquire();
  for (int i = 0; i < 10; ++i) RetireNew(epochs, *writer, alive);
  epochs.Enter(*reader);
  for (int i = 0; i < 10'000; ++i) RetireNew(epochs, *writer, alive);
  // A stalled reader stops reclamation of all that is retired after it came:
  // what epochs are known for.
  EXPECT_FALSE(epochs.Drain(*writer));
  EXPECT_GE(alive, 10'000);
  epochs.Exit(*reader);
  EXPECT_TRUE(epochs.Drain(*writer));
  EXPECT_EQ(alive, 0);
}

TEST(EpochTest, NestedGuardsEndWithTheOutermost) {
  std::atomic<int> alive = 0;
  Reclaimer epochs;
  Record* reader = epochs.Acquire();
  Record* writer = epochs.Acquire();
  epochs.Enter(*reader);
  epochs.Enter(*reader);
  EXPECT_TRUE(reader->guarded());
  RetireNew(epochs, *writer, alive);
  epochs.Exit(*reader);
  EXPECT_TRUE(reader->guarded());
  EXPECT_FALSE(epochs.Drain(*writer));
  EXPECT_EQ(alive, 1);
  epochs.Exit(*reader);
  EXPECT_FALSE(reader->guarded());
  EXPECT_TRUE(epochs.Drain(*writer));
  EXPECT_EQ(alive, 0);
}

TEST(EpochTest, GarbageIsBoundedWithoutReaders) {
  std::atomic<int> alive = 0;
  Reclaimer epochs;
  Record* writer = epochs.Acquire();
  for (std::uint64_t i = 0; i < 100 * Reclaimer::kBatch; ++i) {
    RetireNew(epochs, *writer, alive);
    ASSERT_LE(alive, static_cast<int>(4 * Reclaimer::kBatch));
  }
  const EpochCounters counters = epochs.Counters();
  EXPECT_EQ(counters.retired, 100 * Reclaimer::kBatch);
  EXPECT_EQ(counters.retired - counters.freed, static_cast<std::uint64_t>(alive.load()));
  // One attempt per batch, not per object.
  EXPECT_EQ(counters.attempts, 100u);
  EXPECT_EQ(counters.advances, 100u);
}

TEST(EpochTest, LargeObjectsCountByTheirSize) {
  std::atomic<int> alive = 0;
  Reclaimer epochs;
  Record* writer = epochs.Acquire();
  for (int i = 0; i < 100; ++i) {
    epochs.Enter(*writer);
    epochs.Retire(*writer, new Tracked(&alive), &Tracked::Delete,
                  Reclaimer::kBatch * Reclaimer::kUnitBytes);
    epochs.Exit(*writer);
    ASSERT_LE(alive, 4);
  }
}

TEST(EpochTest, RetireDoesNotAllocateWithinWhatWasPrepared) {
  Reclaimer epochs;
  Record* writer = epochs.Acquire();
  int object = 0;
  epochs.Enter(*writer);
  epochs.Prepare(*writer, 10'000);
  for (int i = 0; i < 10'000; ++i) {
    epochs.Retire(*writer, &object, [](void* p) { ++*static_cast<int*>(p); });
  }
  epochs.Exit(*writer);
  EXPECT_TRUE(epochs.Drain(*writer));
  EXPECT_EQ(object, 10'000);
}

TEST(EpochTest, ARecordAndItsGarbageAreTakenOver) {
  std::atomic<int> alive = 0;
  Reclaimer epochs;
  Record* reader = epochs.Acquire();
  Record* ended = epochs.Acquire();
  epochs.Enter(*reader);
  for (int i = 0; i < 5; ++i) RetireNew(epochs, *ended, alive);
  epochs.Release(*ended);
  EXPECT_EQ(alive, 5);
  // The next thread gets the same record; there are still two.
  Record* next = epochs.Acquire();
  EXPECT_EQ(next, ended);
  EXPECT_EQ(epochs.Counters().records, 2u);
  epochs.Release(*next);
  epochs.Exit(*reader);
  // Nobody owns the garbage now; whoever drains frees it.
  EXPECT_TRUE(epochs.Drain(*reader));
  EXPECT_EQ(alive, 0);
}

TEST(EpochTest, OrdinaryWorkFreesTheGarbageOfEndedThreads) {
  std::atomic<int> alive = 0;
  std::atomic<int> other = 0;
  Reclaimer epochs;
  Record* reader = epochs.Acquire();
  Record* ended = epochs.Acquire();
  epochs.Enter(*reader);
  for (int i = 0; i < 5; ++i) RetireNew(epochs, *ended, alive);
  epochs.Release(*ended);
  epochs.Exit(*reader);
  for (std::uint64_t i = 0; i < 5 * Reclaimer::kBatch; ++i) {
    RetireNew(epochs, *reader, other);
  }
  EXPECT_EQ(alive, 0);
}

TEST(EpochTest, TheDestructorFreesEverything) {
  std::atomic<int> alive = 0;
  {
    Reclaimer epochs;
    Record* one = epochs.Acquire();
    Record* two = epochs.Acquire();
    for (int i = 0; i < 5; ++i) RetireNew(epochs, *one, alive);
    for (int i = 0; i < 5; ++i) RetireNew(epochs, *two, alive);
    EXPECT_EQ(alive, 10);
  }
  EXPECT_EQ(alive, 0);
}

}  // namespace
}  // namespace cmap::internal
