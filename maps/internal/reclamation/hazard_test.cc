// SPDX-License-Identifier: Apache-2.0

#include "maps/internal/reclamation/hazard.h"

#include <atomic>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "maps/internal/atomics.h"
#include "maps/testing/tracked.h"

namespace cmap::internal {
namespace {

using Reclaimer = HazardReclaimer<NativeAtomics>;
using Record = Reclaimer::Record;
using Place = Reclaimer::Place;
using testing::Tracked;
using Link = std::atomic<Tracked*>;

// Replaces what the link leads to.
void Replace(Reclaimer& hazards, Record& record, Link& link, std::atomic<int>& alive) {
  const Place place = hazards.Enter(record);
  hazards.Prepare(record, 1);
  Tracked* old = link.exchange(new Tracked(&alive), std::memory_order_acq_rel);
  hazards.Retire(record, old, &Tracked::Delete);
  hazards.Leave(record, place);
}

TEST(HazardTest, AStoppedReaderHoldsWhatItNamedAndNothingElse) {
  std::atomic<int> alive = 0;
  Reclaimer hazards;
  Record* reader = hazards.Acquire();
  Record* writer = hazards.Acquire();
  Link link = new Tracked(&alive);
  const Place place = hazards.Enter(*reader);
  Tracked* held = hazards.Protect(place, 0, link);
  for (std::uint64_t i = 0; i < 100 * Reclaimer::kBatch; ++i) {
    Replace(hazards, *writer, link, alive);
    // What is linked, what is held, and a batch.
    ASSERT_LE(alive, static_cast<int>(Reclaimer::kBatch) + 2);
    ASSERT_TRUE(held->IsAlive());
  }
  EXPECT_FALSE(hazards.Drain(*writer));
  EXPECT_EQ(alive, 2);
  hazards.Leave(*reader, place);
  EXPECT_TRUE(hazards.Drain(*writer));
  EXPECT_EQ(alive, 1);
  EXPECT_EQ(hazards.Counters().attempts, 102u) << "one a batch, and the two here";
  delete link.load();
}

TEST(HazardTest, ASlotHoldsUntilItIsUsedAgain) {
  std::atomic<int> alive = 0;
  Reclaimer hazards;
  Record* mine = hazards.Acquire();
  Link one = new Tracked(&alive);
  Link two = new Tracked(&alive);
  const Place place = hazards.Enter(*mine);
  Tracked* first = hazards.Protect(place, 0, one);
  Tracked* second = hazards.Protect(place, 1, two);
  Replace(hazards, *mine, one, alive);
  Replace(hazards, *mine, two, alive);
  EXPECT_FALSE(hazards.Drain(*mine));
  EXPECT_EQ(alive, 4);
  EXPECT_TRUE(first->IsAlive());
  hazards.Protect(place, 0, one);
  EXPECT_FALSE(hazards.Drain(*mine));
  EXPECT_EQ(alive, 3) << "slot 0 names another object now";
  EXPECT_TRUE(second->IsAlive());
  hazards.Leave(*mine, place);
  EXPECT_TRUE(hazards.Drain(*mine));
  EXPECT_EQ(alive, 2);
  delete one.load();
  delete two.load();
}

TEST(HazardTest, ProtectFollowsTheLink) {
  std::atomic<int> alive = 0;
  Reclaimer hazards;
  Record* mine = hazards.Acquire();
  Tracked old(&alive), fresh(&alive);
  // A link that changes between the naming and the test.
  struct Changing {
    Tracked* load(std::memory_order) const { return ++loads < 2 ? was : is; }
    Tracked* was;
    Tracked* is;
    mutable int loads = 0;
  } link{&old, &fresh};
  const Place place = hazards.Enter(*mine);
  EXPECT_EQ(hazards.Protect(place, 0, link), &fresh);
  EXPECT_EQ(link.loads, 3);
  const std::atomic<Tracked*> nothing = nullptr;
  EXPECT_EQ(hazards.Protect(place, 1, nothing), nullptr);
  hazards.Leave(*mine, place);
}

TEST(HazardTest, GuardsMayBeNestedDeeply) {
  std::atomic<int> alive = 0;
  Reclaimer hazards;
  Record* reader = hazards.Acquire();
  Record* writer = hazards.Acquire();
  constexpr int kDepth = 9;
  std::vector<Place> places;
  std::vector<Tracked*> held;
  Link link = new Tracked(&alive);
  for (int i = 0; i < kDepth; ++i) {
    places.push_back(hazards.Enter(*reader));
    held.push_back(hazards.Protect(places.back(), i % 3, link));
    Replace(hazards, *writer, link, alive);
  }
  const auto records = hazards.Counters().records;
  for (int inside = kDepth; inside > 0; --inside) {
    hazards.Drain(*writer);
    ASSERT_EQ(alive, inside + 1);
    for (int i = 0; i < inside; ++i) ASSERT_TRUE(held[i]->IsAlive());
    hazards.Leave(*reader, places.back());
    places.pop_back();
  }
  EXPECT_TRUE(hazards.Drain(*writer));
  EXPECT_EQ(alive, 1);
  // The records stay with the thread, and go on to others with it.
  for (int i = 0; i < kDepth; ++i) places.push_back(hazards.Enter(*reader));
  while (!places.empty()) {
    hazards.Leave(*reader, places.back());
    places.pop_back();
  }
  EXPECT_EQ(hazards.Counters().records, records);
  hazards.Release(*reader);
  for (std::uint64_t i = 1; i < records; ++i) hazards.Acquire();
  EXPECT_EQ(hazards.Counters().records, records);
  delete link.load();
}

TEST(HazardTest, LargeObjectsCountByTheirSize) {
  std::atomic<int> alive = 0;
  Reclaimer hazards;
  Record* writer = hazards.Acquire();
  for (int i = 0; i < 100; ++i) {
    const Place place = hazards.Enter(*writer);
    hazards.Retire(*writer, new Tracked(&alive), &Tracked::Delete, Reclaimer::kBatch * kUnitBytes);
    hazards.Leave(*writer, place);
    ASSERT_EQ(alive, 0);
  }
}

TEST(HazardTest, OrdinaryWorkFreesTheGarbageOfEndedThreads) {
  std::atomic<int> alive = 0;
  Reclaimer hazards;
  Record* reader = hazards.Acquire();
  Record* ended = hazards.Acquire();
  Link link = new Tracked(&alive);
  const Place place = hazards.Enter(*reader);
  hazards.Protect(place, 0, link);
  for (int i = 0; i < 5; ++i) Replace(hazards, *ended, link, alive);
  hazards.Release(*ended);
  EXPECT_EQ(alive, 2);
  hazards.Leave(*reader, place);
  for (std::uint64_t i = 0; i < Reclaimer::kBatch; ++i) {
    Replace(hazards, *reader, link, alive);
  }
  EXPECT_EQ(alive, 1);
  delete link.load();
}

TEST(HazardTest, TheDestructorFreesEverything) {
  std::atomic<int> alive = 0;
  {
    Reclaimer hazards;
    Record* reader = hazards.Acquire();
    Record* writer = hazards.Acquire();
    Link link = new Tracked(&alive);
    hazards.Protect(hazards.Enter(*reader), 0, link);
    for (int i = 0; i < 5; ++i) Replace(hazards, *writer, link, alive);
    hazards.Retire(*writer, link.load(), &Tracked::Delete);
    EXPECT_GE(alive, 6);
  }
  EXPECT_EQ(alive, 0);
}

}  // namespace
}  // namespace cmap::internal
