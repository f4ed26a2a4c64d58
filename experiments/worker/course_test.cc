// SPDX-License-Identifier: Apache-2.0
//
// The courses and the session, by a contestant that is watched: when it is placed, filled,
// asked for its size and played, and what happens when it lies.
#include "experiments/worker/course.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <new>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "experiments/worker/contestant_for.h"
#include "experiments/worker/errors.h"
#include "experiments/worker/registry.h"
#include "experiments/worker/request.h"
#include "experiments/worker/scenario.h"
#include "experiments/worker/session.h"
#include "gtest/gtest.h"
#include "maps/mutex_map.h"

namespace cmap::experiments {
namespace {

using nlohmann::json;
using Map = MutexMap<std::uint64_t, std::uint64_t>;
using MutexMapPlays = ContestantFor<Map, workloads::Keys<std::uint64_t>, /*studys_hash=*/true>;

struct Played {
  std::size_t sequence;
  std::size_t position;
  std::size_t n;
};

// What was done with all watched contestants, and how they lie.
struct Watch {
  int creates = 0, destroys = 0, fills = 0, sizes = 0;
  std::vector<const void*> created;  // who
  std::vector<int> alive;            // how many others were there then
  std::vector<std::size_t> reserved;
  std::vector<Played> played;  // by thread 0 alone, or not looked at
  std::uint64_t steps = 0;

  std::uint64_t too_many = 0;              // added to Size
  std::chrono::microseconds size_takes{0};
  std::chrono::milliseconds prefill_takes{0};
  std::optional<std::size_t> slow;  // the sequence that takes a millisecond a chunk
  std::optional<Op> unsupported;
  bool out_of_memory = false;
  std::function<void(Audit&)> lie;
  std::string broken;  // what a scenario's check says
};
Watch watch;

// A mutex_map that is watched, in a tape as in a scenario, whose thread 1 does not count.
class Watched final : public ScenarioContestant {
 public:
  Watched() : map_(std::make_unique<MutexMapPlays>(ContestantSpec::Parse("mutex_map"))) {}

  const Traits& traits() const override { return map_->traits(); }
  std::size_t object_bytes() const override { return map_->object_bytes(); }
  std::size_t object_alignment() const override { return map_->object_alignment(); }
  void Create(void* place) override {
    watch.alive.push_back(watch.creates++ - watch.destroys);
    watch.created.push_back(this);
    map_->Create(place);
  }
  void* Destroy() override {
    void* place = map_->Destroy();
    watch.destroys += place != nullptr;
    return place;
  }
  void Use(const Material& material) override { map_->Use(material); }
  std::optional<Op> Unsupported() const override { return watch.unsupported; }
  void Prefill(std::size_t part, std::size_t parts) override {
    std::this_thread::sleep_for(watch.prefill_takes);
    map_->Prefill(part, parts);
  }
  void Prefilled() override { map_->Prefilled(); }
  void Reserve(std::size_t entries) override { watch.reserved.push_back(entries); }
  bool batched() const override { return false; }
  std::size_t Uncut(std::size_t, std::size_t, std::size_t n) const override { return n; }
  workloads::SliceResult Play(std::size_t sequence, std::size_t position, std::size_t n) override {
    if (watch.out_of_memory) throw std::bad_alloc();
    if (sequence == watch.slow) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (sequence == 0) watch.played.push_back({sequence, position, n});
    return map_->Play(sequence, position, n);
  }
  void Rest() override {}
  std::uint64_t Size() override {
    ++watch.sizes;
    std::this_thread::sleep_for(watch.size_takes);
    return map_->Size() + watch.too_many;
  }
  std::optional<std::size_t> MemoryBytes() override { return std::nullopt; }
  std::vector<Counter> Counters() override { return {}; }
  Audit Inspect() override {
    Audit audit = map_->Inspect();
    if (watch.lie) watch.lie(audit);
    return audit;
  }

  void Fill() override { ++watch.fills; }
  std::uint64_t Step(std::uint32_t, std::size_t n) override { return n; }
  bool Counted(std::uint32_t t) const override { return t == 0; }
  std::string Check() override { return watch.broken; }
  // A slice tells 1 of 4, the next 2 of 8, and so on.
  void Tell(double, std::vector<workloads::Amount>& out) const override {
    const auto fills = static_cast<double>(watch.fills);
    out.push_back({"share", fills, 4 * fills});
  }

 private:
  std::unique_ptr<Contestant> map_;
};

constexpr std::string_view kWays[] = {"only"};

[[maybe_unused]] const bool kRegistered =
    RegisterStrategy({.name = "watched", .traits = Map::kTraits, .object_bytes = sizeof(Map), .tunables = {}},
                     TypesOf<std::uint64_t, std::uint64_t, DefaultHash<std::uint64_t>>(),
                     [](const ContestantSpec&) -> std::unique_ptr<Contestant> { return std::make_unique<Watched>(); }) &&
    RegisterScenario("watched", {.name = "drill", .ways = kWays, .numbers = {}},
                     [](const ContestantSpec&, const workloads::ScenarioRequest&, std::uint32_t,
                        std::uint64_t) -> std::unique_ptr<ScenarioContestant> { return std::make_unique<Watched>(); });

json Stationary() {
  return {{"keys", {{"stream", "uniform"}}},
          {"mix", {{"load", 40}, {"store", 30}, {"delete", 30}}},
          {"population", 300},
          {"prefill", 0.5},
          {"regime", "stationary"},
          {"ops", 1000}};
}

json Growth() {
  return {{"keys", {{"stream", "krr"}, {"reuse", 0.5}, {"choice", "uniform"}, {"sharing", "private"}}},
          {"mix", {{"load_or_store", 100}}},
          {"regime", "growth"},
          {"ops", 1000}};
}

json Drill() { return {{"scenario", {{"name", "drill"}}}}; }

// A course of watched contestants, one unless more are asked.
class CourseTest : public testing::Test {
 protected:
  CourseTest() { watch = Watch(); }

  void Make(const json& workload, const json& more = {}, int contestants = 1) {
    json request = {{"contestants", std::vector<std::string>(static_cast<std::size_t>(contestants), "watched")},
                    {"workload", workload},
                    {"timed", false},
                    {"oversubscribed", true}};
    if (!more.is_null()) request.update(more);
    course_.reset();
    session_ = std::make_unique<Session>(VisitRequest::FromJson(request));
    course_ = MakeCourse(*session_);
    watch.creates = watch.destroys = 0;  // one each to see whether its options are good
  }
  void Begin() {
    course_->BeginBlock([this](int, const Slice&) { ++discarded_; });
  }

  std::unique_ptr<Session> session_;
  std::unique_ptr<Course> course_;
  int discarded_ = 0;
};

TEST_F(CourseTest, MapsArePlacedAnewForEveryBlockAndPlayADiscardedSlice) {
  Make(Stationary(), {}, 2);
  course_->Prepare();
  EXPECT_EQ(watch.creates, 2);
  for (int block = 1; block <= 3; ++block) {
    Begin();
    EXPECT_EQ(watch.creates, 2 * block);  // those of the first were placed beforehand
    EXPECT_EQ(discarded_, 2 * block);
    // Keys come and go: a slice that is held against another map's past is wrong.
    for (const int c : {0, 1, 1, 0}) course_->Play(c);
    course_->EndBlock();
  }
  EXPECT_EQ(course_->placement(), "block");
}

// Who is placed first meets other memory than who comes after: nobody is the first always, and
// the former maps are gone before.
TEST_F(CourseTest, TheOrderOfPlacingIsDrawnForEveryBlock) {
  Make(Stationary(), {}, 3);
  watch.created.clear();
  watch.alive.clear();
  course_->Prepare();
  std::map<const void*, int> first;
  constexpr int kBlocks = 60;
  for (int block = 0; block < kBlocks; ++block) {
    EXPECT_EQ(watch.alive, (std::vector<int>{0, 1, 2}));
    EXPECT_EQ(std::set(watch.created.begin(), watch.created.end()).size(), 3u);
    ++first[watch.created.front()];
    Begin();
    course_->EndBlock();
    watch.created.clear();
    watch.alive.clear();
    Begin();
    course_->EndBlock();
  }
  ASSERT_EQ(first.size(), 3u);
  for (const auto& [who, times] : first) EXPECT_NEAR(times, kBlocks / 3, kBlocks / 6);
}

TEST_F(CourseTest, AMapAsItWasFilledIsNotAskedForItsSize) {
  json workload = Stationary();
  workload["start"] = "as_filled";
  Make(workload);
  course_->Prepare();
  Begin();
  course_->Play(0);
  EXPECT_EQ(watch.sizes, 0);
  EXPECT_EQ(discarded_, 0);
  course_->EndBlock();
  EXPECT_EQ(watch.sizes, 1);
}

TEST_F(CourseTest, MapsThatAreDearToPlaceStay) {
  const json timed = {{"timed", true}, {"slice_ms", 10000}};
  Make(Stationary(), timed);
  course_->Prepare();
  EXPECT_EQ(course_->placement(), "block");
  watch.prefill_takes = std::chrono::milliseconds(20);
  Make(Stationary(), {{"timed", true}, {"slice_ms", 1}});
  course_->Prepare();
  EXPECT_EQ(course_->placement(), "visit");
}

TEST_F(CourseTest, SlicesGoOnWhereTheLastOneEnded) {
  Make(Stationary());
  course_->Prepare();
  Begin();
  std::size_t next = 0;
  for (int slice = 0; slice < 3; ++slice) {
    watch.played.clear();
    const std::size_t from = slice == 0 ? 1000 : next;  // the discarded slice is one lap
    course_->Play(0);
    ASSERT_FALSE(watch.played.empty());
    EXPECT_EQ(watch.played.front().position, from);
    next = watch.played.back().position + watch.played.back().n;
  }
}

TEST_F(CourseTest, AWrongSizeIsNoticedInTheBlock) {
  for (const auto takes : {std::chrono::microseconds(0), std::chrono::microseconds(500)}) {
    watch = Watch();
    watch.size_takes = takes;
    Make(Stationary());
    course_->Prepare();
    Begin();
    course_->Play(0);
    course_->EndBlock();
    watch.too_many = 1;
    const auto block = [&] {
      course_->Play(0);
      course_->EndBlock();
    };
    EXPECT_THROW(block(), InvalidError) << takes.count();
  }
}

TEST_F(CourseTest, LengthsAreDrawnForEveryBlockAndAreTheSameForAll) {
  Make(Growth(), {}, 2);
  course_->Prepare();
  std::set<std::uint64_t> lengths;
  for (int block = 0; block < 40; ++block) {
    Begin();
    const std::uint64_t ops = course_->Play(0).ops;
    EXPECT_EQ(course_->Play(1).ops, ops);
    EXPECT_GE(ops, 1000u);
    EXPECT_LT(ops, 2000u);
    lengths.insert(ops);
  }
  EXPECT_GT(lengths.size(), 20u);
  // One map at a time, and none between slices.
  EXPECT_EQ(watch.creates, watch.destroys);
  EXPECT_TRUE(watch.reserved.empty());
}

TEST_F(CourseTest, RoomIsReservedForWhatTheMapWillHold) {
  json workload = Growth();
  workload["regime"] = "reserved";
  Make(workload);
  course_->Prepare();
  Begin();
  const std::uint64_t ops = course_->Play(0).ops;
  ASSERT_FALSE(watch.reserved.empty());
  EXPECT_NEAR(static_cast<double>(watch.reserved.back()), static_cast<double>(ops) / 2, 2);
}

TEST_F(CourseTest, ASliceIsAsManyFillsAsItsTimeTakes) {
  json workload = Growth();
  workload["ops"] = 50;
  Make(workload, {{"timed", true}, {"slice_ms", 50}});
  course_->Prepare();
  Begin();
  const Slice slice = course_->Play(0);  // a fill takes ten microseconds
  EXPECT_TRUE(slice.time.wall >= 50e6 || slice.repeats >= 1000) << slice.time.wall;
}

TEST_F(CourseTest, AWrongSizeIsNoticedAfterAFill) {
  Make(Growth());
  course_->Prepare();
  Begin();
  watch.too_many = 1;
  EXPECT_THROW(course_->Play(0), InvalidError);
}

TEST_F(CourseTest, AMapThatIsFilledInPartsStays) {
  Make(Growth());
  course_->Prepare();
  const Slice slice = course_->Perform(0, [&](std::size_t t, std::int64_t, std::uint64_t& position) {
    workloads::SliceResult result = session_->contestant(0).Play(t, position, 100);
    position += 100;
    return result;
  });
  EXPECT_EQ(slice.ops, 100u);
  const int creates = watch.creates;
  const workloads::Bounds size = course_->Settle(0);
  EXPECT_EQ(watch.creates, creates);
  EXPECT_NEAR(static_cast<double>(size.hi), 50, 2);
  EXPECT_NO_THROW(session_->VerifyContent(0, size));
}

TEST_F(CourseTest, WhatAScenarioTellsIsAddedUp) {
  Make(Drill(), {{"threads", 2}});
  course_->Prepare();
  Begin();
  for (int slice = 1; slice <= 3; ++slice) {
    // Of two threads one counts.
    EXPECT_EQ(course_->Play(0).thread_ops.size(), 1u);
    EXPECT_EQ(watch.fills, slice);
  }
  // 1 of 4, 2 of 8 and 3 of 12.
  EXPECT_EQ(course_->amounts(0), (Course::Amounts{{"share", 0.25}}));
  watch.broken = "a unit is sold twice";
  EXPECT_THROW(course_->Play(0), InvalidError);
}

// The session.

using SessionTest = CourseTest;

TEST_F(SessionTest, SeedsOfNeighbouringVisitsDiffer) {
  Make(Stationary(), {{"seed", 5u}});
  const std::uint64_t own = session_->Seed(1);
  EXPECT_NE(own, session_->Seed(0));
  Make(Stationary(), {{"seed", 6u}});
  EXPECT_NE(own, session_->Seed(0));
}

TEST_F(SessionTest, AnOperationThatAMapLacksIsSaid) {
  watch.unsupported = Op::kDelete;
  Make(Stationary());
  EXPECT_THROW(course_->Prepare(), InputError);
}

TEST_F(SessionTest, WhatAThreadThrowsIsThrown) {
  Make(Stationary(), {{"threads", 2}});
  course_->Prepare();
  Begin();
  watch.out_of_memory = true;
  EXPECT_THROW(course_->Play(0), std::bad_alloc);
}

TEST_F(SessionTest, AWindowScoresTheSumOfTheRates) {
  Make(Stationary(), {{"threads", 2}, {"timed", true}, {"slice_ms", 20}});
  course_->Prepare();
  watch.slow = 1;  // far from the other: neither's rate stands for both
  const std::int64_t before = NowNs();
  const Slice slice = course_->Play(0);
  ASSERT_EQ(slice.thread_ops.size(), 2u);
  EXPECT_EQ(slice.ops, slice.thread_ops[0] + slice.thread_ops[1]);
  // Between the shortest and the longest thread's own time, which the call includes.
  EXPECT_GE(slice.time.wall, 20e6);
  EXPECT_LE(slice.time.wall, static_cast<double>(NowNs() - before));
}

TEST_F(SessionTest, ContentThatContradictsItselfIsNoticed) {
  Make(Stationary());
  course_->Prepare();
  Begin();
  course_->Play(0);
  const workloads::Bounds size = course_->Settle(0);
  EXPECT_NO_THROW(session_->VerifyContent(0, size));
  const std::function<void(Audit&)> lies[] = {
      [](Audit& audit) { audit.found = audit.size = audit.range_count = audit.found - 1; },
      [](Audit& audit) { audit.size -= 1; },
      [](Audit& audit) { audit.mismatch = 1; },
      [](Audit& audit) { audit.range_count -= 1; },
      [](Audit& audit) { audit.range_sum -= 1; },
  };
  for (const auto& lie : lies) {
    watch.lie = lie;
    EXPECT_THROW(session_->VerifyContent(0, size), InvalidError) << &lie - lies;
  }
}

TEST(Slice, SumsAreOfAllAndTheGapIsTheLongest) {
  Slice a;
  a.ops = 5, a.gap = 30, a.thread_ops = {2, 3};
  Slice b;
  b.ops = 7, b.gap = 20, b.thread_ops = {3, 4};
  a += b;
  EXPECT_EQ(a.ops, 12u);
  EXPECT_EQ(a.repeats, 2);
  EXPECT_EQ(a.gap, 30);
  EXPECT_EQ(a.thread_ops, (std::vector<std::uint64_t>{5, 7}));
}

}  // namespace
}  // namespace cmap::experiments
