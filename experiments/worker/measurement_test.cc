// SPDX-License-Identifier: Apache-2.0
//
// The parts of a visit that need no map: design, arena, clocks, verdicts.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "experiments/worker/arena.h"
#include "experiments/worker/changepoint.h"
#include "experiments/worker/contestant_spec.h"
#include "experiments/worker/design.h"
#include "experiments/worker/errors.h"
#include "experiments/worker/quality.h"
#include "experiments/worker/threads.h"
#include "experiments/worker/window.h"
#include "gtest/gtest.h"

namespace cmap::experiments {
namespace {

TEST(Design, EveryPositionAndEveryNeighbourOccursEquallyOften) {
  for (int n = 2; n <= 9; ++n) {
    const auto rows = WilliamsDesign(n);
    ASSERT_EQ(rows.size(), static_cast<std::size_t>(n % 2 == 0 ? n : 2 * n));
    std::map<std::pair<int, int>, int> at, follows;
    for (const auto& row : rows) {
      ASSERT_EQ(std::set<int>(row.begin(), row.end()).size(),
                static_cast<std::size_t>(n));
      for (int i = 0; i < n; ++i) {
        ++at[{i, row[static_cast<std::size_t>(i)]}];
        if (i > 0) {
          ++follows[{row[static_cast<std::size_t>(i - 1)],
                     row[static_cast<std::size_t>(i)]}];
        }
      }
    }
    const int times = n % 2 == 0 ? 1 : 2;
    EXPECT_EQ(at.size(), static_cast<std::size_t>(n * n)) << n;
    EXPECT_EQ(follows.size(), static_cast<std::size_t>(n * (n - 1))) << n;
    for (const auto& [pair, count] : at) EXPECT_EQ(count, times) << n;
    for (const auto& [pair, count] : follows) EXPECT_EQ(count, times) << n;
  }
}

TEST(Design, TwoContestantsGiveAbbaAndBaabByTheSeed) {
  const std::vector<int> abba = {0, 1, 1, 0};
  const std::vector<int> baab = {1, 0, 0, 1};
  std::set<std::vector<int>> firsts;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    BlockOrders orders(2, seed);
    BlockOrders again(2, seed);
    int abbas = 0;
    for (int block = 0; block < 10; ++block) {
      const std::vector<int> order = orders.Next();
      ASSERT_TRUE(order == abba || order == baab);
      ASSERT_EQ(order, again.Next());
      abbas += order == abba;
      if (block == 0) firsts.insert(order);
    }
    EXPECT_EQ(abbas, 5);  // each row once per round
  }
  EXPECT_EQ(firsts.size(), 2u);
}

TEST(Design, OneContestantIsPlayedTwice) {
  EXPECT_EQ(BlockOrders(1, 7).Next(), (std::vector<int>{0, 0}));
}

TEST(Arena, PlacesAreAlignedDisjointAndRepeatable) {
  Arena arena(42, 1 << 20);
  Arena twin(42, 1 << 20);
  std::vector<std::pair<char*, std::size_t>> taken;
  char* twin_first = nullptr;
  for (std::size_t i = 0; i < 200; ++i) {
    const std::size_t bytes = 1 + (i * 37) % 700;
    const std::size_t alignment = i % 5 == 0 ? 256 : 64;
    auto* place = static_cast<char*>(arena.Take(bytes, alignment));
    auto* other = static_cast<char*>(twin.Take(bytes, alignment));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(place) % alignment, 0u);
    for (const auto& [begin, size] : taken) {
      EXPECT_TRUE(place + bytes <= begin || begin + size <= place);
    }
    // The same distance from the first place in both.
    if (i == 0) twin_first = other;
    taken.emplace_back(place, bytes);
    EXPECT_EQ(other - twin_first, place - taken[0].first);
  }
  std::set<std::uintptr_t> lines;
  for (const auto& [begin, size] : taken) {
    lines.insert(reinterpret_cast<std::uintptr_t>(begin) / 4096);
    arena.Give(begin);
  }
  EXPECT_GT(lines.size(), 100u);  // spread over the arena, not side by side
  EXPECT_EQ(arena.taken(), 0u);
}

TEST(Arena, AFullArenaSaysSo) {
  Arena arena(1, 4096);
  void* all = arena.Take(4096, 64);
  EXPECT_THROW(arena.Take(64, 64), std::bad_alloc);
  arena.Give(all);
  EXPECT_NO_THROW(arena.Take(64, 64));
  EXPECT_THROW(arena.Take(8192, 64), std::bad_alloc);
}

TEST(Threads, LateStartAndRunDelayFromReadings) {
  // Agreed for 100; the second starts 30 late, the first ends last.
  const ThreadTime times[] = {{100, 1100, 5}, {130, 1000, 20}};
  const RunTime run = Combine(100, times);
  EXPECT_DOUBLE_EQ(run.wall, 1000);
  EXPECT_EQ(run.late, 30);
  EXPECT_DOUBLE_EQ(run.late_share(), 0.03);
  EXPECT_DOUBLE_EQ(run.run_delay_share(), 0.02);
  RunTime both = run;
  both += run;
  EXPECT_DOUBLE_EQ(both.late_share(), 0.03);
  EXPECT_DOUBLE_EQ(Combine(0, {}).run_delay_share(), 0);
}

// A clock that only operations move.
struct Script {
  std::int64_t now = 0;
  std::vector<std::size_t> chunks;

  // Every operation takes cost(now) nanoseconds.
  template <class Cost>
  WindowPart Play(std::int64_t length, std::int64_t agreed, Cost&& cost) {
    return PlayWindow(Window{length, 0}, agreed, [&] { return now; }, [&](std::size_t n) {
      chunks.push_back(n);
      for (std::size_t i = 0; i < n; ++i) now += cost(now);
      return n;
    });
  }
};

TEST(Window, EndsWithinAHundredthOfItsTime) {
  constexpr std::int64_t kLength = 20'000'000;
  for (const std::int64_t cost : {1, 5, 100, 10'000, 150'000}) {
    Script script{.now = 1000, .chunks = {}};
    const WindowPart part = script.Play(kLength, 1000, [&](std::int64_t) { return cost; });
    EXPECT_EQ(part.start, 1000);
    EXPECT_GE(part.end, 1000 + kLength);
    // The first chunk comes before anything is known.
    EXPECT_LE(part.end, 1000 + kLength + kLength / 100 + cost) << cost;
    EXPECT_EQ(static_cast<std::int64_t>(part.ops) * cost, part.end - part.start);
  }
}

// Five microseconds an operation after a while, as when a contended lock begins to
// put threads to sleep: the next chunks are a fraction as long.
TEST(Window, ChunksShrinkWhenOperationsGetSlow) {
  Script script;
  const WindowPart part = script.Play(
      20'000'000, 0, [](std::int64_t now) { return now < 10'000'000 ? 10 : 5'000; });
  EXPECT_EQ(*std::max_element(script.chunks.begin(), script.chunks.end()), ChunkLength::kMost);
  EXPECT_LE(script.chunks.back() * 5'000, 200'000u);
  EXPECT_LE(part.gap, 512 * 5'000);  // the chunk in which it happened
  EXPECT_GT(part.gap, 200'000);
}

TEST(Window, ALongOperationAtTheEndCountsWithItsTime) {
  Script script;
  const WindowPart part = script.Play(
      1'000'000, 0, [](std::int64_t now) { return now < 990'000 ? 1'000 : 50'000'000; });
  EXPECT_GE(part.end, 50'000'000);
  EXPECT_GE(part.gap, 50'000'000);
  EXPECT_GE(part.ops, 990u);
}

// One that starts late plays to the common end and is timed from when it started.
TEST(Window, ALateThreadPlaysLess) {
  Script script{.now = 700'000, .chunks = {}};
  const WindowPart part = script.Play(1'000'000, 0, [](std::int64_t) { return 100; });
  EXPECT_EQ(part.start, 700'000);
  EXPECT_NEAR(static_cast<double>(part.ops), 3'000, 600);
  EXPECT_EQ(static_cast<std::int64_t>(part.ops) * 100, part.end - part.start);
  // After the end there is still one chunk, so that a rate exists.
  Script over{.now = 2'000'000, .chunks = {}};
  EXPECT_EQ(over.Play(1'000'000, 0, [](std::int64_t) { return 100; }).ops, ChunkLength::kFirst);
}

TEST(Window, WithoutTimeItIsAQuota) {
  std::uint64_t played = 0;
  const WindowPart part = PlayWindow(
      Window{0, 1300}, 0, [] { return std::int64_t{0}; },
      [&](std::size_t n) { return played += n, n; });
  EXPECT_EQ(part.ops, 1300u);
  EXPECT_EQ(played, 1300u);
}

TEST(Quality, SharesOfUnequalThreads) {
  const Shares even = SharesOf(std::vector<std::uint64_t>{50, 50, 50, 50});
  EXPECT_DOUBLE_EQ(even.least, 1);
  EXPECT_DOUBLE_EQ(even.most, 1);
  EXPECT_DOUBLE_EQ(even.jain, 1);
  // Ten times as fast as the others.
  const Shares one = SharesOf(std::vector<std::uint64_t>{100, 10, 10, 10});
  EXPECT_DOUBLE_EQ(one.least, 10 / 32.5);
  EXPECT_DOUBLE_EQ(one.most, 100 / 32.5);
  EXPECT_DOUBLE_EQ(one.jain, 130.0 * 130.0 / (4 * 10300.0));
  // A stuck thread.
  EXPECT_DOUBLE_EQ(SharesOf(std::vector<std::uint64_t>{100, 0}).jain, 0.5);
  EXPECT_DOUBLE_EQ(SharesOf(std::vector<std::uint64_t>{0, 0}).least, 1);
}

const std::vector<int> kCpusAtStart = AllowedCpus();

TEST(Threads, SchedstatBeginsWithTimeOnTheCpuAndRunDelay) {
  const auto time = ParseSchedstat("123456 789 10\n");
  ASSERT_TRUE(time.has_value());
  EXPECT_EQ(time->on_cpu, 123456);
  EXPECT_EQ(time->run_delay, 789);
  EXPECT_EQ(ParseSchedstat("1 0\n")->run_delay, 0);
  for (const char* wrong : {"", "123", "1 x 2\n", "x 1 2\n", "1 2"}) {
    EXPECT_FALSE(ParseSchedstat(wrong)) << wrong;
  }
}

TEST(Threads, EveryThreadRunsEveryRoundOnce) {
  const bool one_cpu = AllowedCpus().size() < 2;
  Team team(2, {}, one_cpu);
  std::atomic<int> calls[2] = {};
  for (int round = 0; round < 200; ++round) {
    const RunTime time =
        team.Run([&](int thread, std::int64_t) { calls[thread].fetch_add(1); });
    EXPECT_GE(time.wall, 0);
  }
  EXPECT_EQ(calls[0], 200);
  EXPECT_EQ(calls[1], 200);
}

TEST(Threads, NobodyStartsBeforeTheAgreedInstant) {
  Team team(2, {}, AllowedCpus().size() < 2);
  for (int round = 0; round < 50; ++round) {
    std::int64_t started[2], agreed[2];
    team.Run([&](int thread, std::int64_t at) {
      started[thread] = NowNs();
      agreed[thread] = at;
    });
    EXPECT_EQ(agreed[0], agreed[1]);
    EXPECT_GE(std::min(started[0], started[1]), agreed[0]);
  }
}

TEST(Threads, ManyThreadsOnFewCpusYield) {
  Team team(8, {AllowedCpus()[0]}, /*oversubscribed=*/true);
  std::atomic<int> calls{0};
  for (int round = 0; round < 20; ++round) {
    team.Run([&](int, std::int64_t) { calls.fetch_add(1); });
  }
  EXPECT_EQ(calls, 160);
}

// A map's own thread must not be left on the CPU of the player that started it.
TEST(Threads, ThreadsThatMapsStartMayRunAnywhere) {
  Team team(1, {AllowedCpus()[0]}, false);
  std::atomic<bool> looked{false};
  std::vector<int> before, after;
  std::thread helper;
  const std::vector<int> player_before = AllowedCpus();
  team.Run([&](int, std::int64_t) {
    helper = std::thread([&] {
      before = AllowedCpus();
      looked.store(true);
      looked.notify_one();
      looked.wait(true);
      after = AllowedCpus();
    });
    looked.wait(false);
  });
  team.Run([](int, std::int64_t) {});
  looked.store(false);
  looked.notify_one();
  helper.join();
  EXPECT_EQ(before, player_before);
  EXPECT_EQ(AllowedCpus(), player_before);
  EXPECT_EQ(player_before.size(), 1u);
  EXPECT_EQ(after, kCpusAtStart);
}

TEST(Threads, CpusThatAreNotThereAreNamed) {
  const std::vector<int> cpus = AllowedCpus();
  EXPECT_THROW(Team(1, {1023}, false), InputError);
  EXPECT_THROW(Team(2, {cpus[0]}, false), InputError);
  EXPECT_THROW(Team(2, {cpus[0], cpus[0]}, false), InputError);
}

TEST(Quality, OnlyDisturbanceRejects) {
  const RunTime calm{.wall = 1000, .run_delay = 10, .late = 1};
  const RunTime delayed{.wall = 1000, .run_delay = 40};
  const RunTime late{.wall = 1000, .late = 50};
  EXPECT_FALSE(JudgeBlock(std::vector{calm, calm}, false));
  // 40 of 2000 is 2 %, the limit; 80 of 2000 is beyond it.
  EXPECT_FALSE(JudgeBlock(std::vector{RunTime{.wall = 1000}, delayed}, false));
  const auto delay = JudgeBlock(std::vector{delayed, delayed}, false);
  ASSERT_TRUE(delay);
  EXPECT_EQ(delay->why, "run_delay");
  EXPECT_DOUBLE_EQ(delay->value, 0.04);
  const auto start = JudgeBlock(std::vector{RunTime{.wall = 1000}, late}, false);
  ASSERT_TRUE(start);
  EXPECT_EQ(start->why, "late_start");
  EXPECT_DOUBLE_EQ(start->value, 0.025);
  // However slow, a slice is never rejected for its time.
  EXPECT_FALSE(JudgeBlock(std::vector{calm, RunTime{.wall = 1000000, .run_delay = 100}}, false));
  EXPECT_FALSE(JudgeBlock(std::vector{delayed, late}, true));
}

TEST(Quality, WhatAMapsOwnThreadsTakeIsNoDisturbance) {
  const RunTime helped{.wall = 1000, .run_delay = 240, .helpers = 230};
  EXPECT_FALSE(JudgeBlock(std::vector{helped}, false));
  // It excuses the map with the threads, not the others of its block.
  EXPECT_TRUE(JudgeBlock(std::vector{RunTime{.wall = 1000, .run_delay = 60}, helped}, false));
  const auto delay =
      JudgeBlock(std::vector{RunTime{.wall = 1000, .run_delay = 300, .helpers = 230}}, false);
  ASSERT_TRUE(delay);
  EXPECT_DOUBLE_EQ(delay->value, 0.07);
}

TEST(Threads, TheTimeOfThreadsThatMapsStartIsKnown) {
  Team team(1, {AllowedCpus()[0]}, false);
  if (!team.counts_run_delay()) GTEST_SKIP() << "this kernel keeps no schedstat";
  std::atomic<bool> stop{false};
  std::thread helper;
  const auto work = [&](std::int64_t ns) {
    for (const std::int64_t start = NowNs(); NowNs() - start < ns;) {}
  };
  EXPECT_EQ(team.Run([&](int, std::int64_t) { work(1'000'000); }).helpers, 0);
  team.Run([&](int, std::int64_t) {
    helper = std::thread([&] {
      while (!stop.load(std::memory_order_relaxed)) {}
    });
  });
  const RunTime time = team.Run([&](int, std::int64_t) { work(100'000'000); });
  stop.store(true);
  helper.join();
  EXPECT_GT(time.helpers, 10'000'000);
  EXPECT_LT(time.helpers, 2 * time.wall);
}

std::vector<double> Noise(std::size_t n, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<double> series;
  for (std::size_t i = 0; i < n; ++i) {
    // Sum of uniforms, with a far outlier now and then.
    double x = 0;
    for (int k = 0; k < 4; ++k) x += static_cast<double>(random() >> 11) * 0x1p-53;
    series.push_back(random() % 50 == 0 ? 100.0 : x);
  }
  return series;
}

TEST(Changepoint, StatisticByDefinition) {
  const std::vector<double> x = {3, 1, 4, 1, 5, 9, 2, 6};
  double greatest = 0;
  for (std::size_t t = 1; t < x.size(); ++t) {
    double sum = 0;
    for (std::size_t i = 0; i < t; ++i) {
      for (std::size_t j = t; j < x.size(); ++j) {
        sum += (x[i] > x[j]) - (x[i] < x[j]);
      }
    }
    greatest = std::max(greatest, std::abs(sum));
  }
  EXPECT_DOUBLE_EQ(PettittStatistic(x), greatest);
}

TEST(Changepoint, AShiftIsFoundAndNoiseIsNot) {
  int false_alarms = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    false_alarms += HasChangepoint({Noise(16, seed)}, seed);
  }
  EXPECT_LE(false_alarms, 2);
  std::vector<double> shifted = Noise(16, 1);
  for (std::size_t i = 8; i < 16; ++i) shifted[i] += 10;
  for (std::size_t i = 0; i < 16; ++i) {
    if (shifted[i] >= 100) shifted[i] = i < 8 ? 2 : 12;
  }
  EXPECT_TRUE(HasChangepoint({shifted}, 1));
  EXPECT_FALSE(HasChangepoint({{1, 2}}, 1));
  EXPECT_FALSE(HasChangepoint({}, 1));
}

TEST(Changepoint, SeveralSeriesShareTheLevel) {
  // Of the orders of fourteen values 2 * 7! * 7! / 14! = 0.0006 separate the lower seven.
  std::vector<double> step(14);
  for (std::size_t i = 0; i < 14; ++i) step[i] = static_cast<double>(i < 7 ? i : 100 + i);
  const double p = PettittPValue(step, 2);
  ASSERT_LT(p, 0.001);
  ASSERT_GT(p, 0.0005);
  const std::vector<double> flat(14, 1.0);
  EXPECT_TRUE(HasChangepoint({step}, 2));
  EXPECT_FALSE(HasChangepoint({step, flat}, 2));
}

TEST(ContestantSpec, ReadsEveryForm) {
  const auto plain = ContestantSpec::Parse("mutex_map");
  EXPECT_EQ(plain.name, "mutex_map");
  EXPECT_FALSE(plain.batch);
  EXPECT_TRUE(plain.tunables.empty());
  const auto full = ContestantSpec::Parse("sharded_map:shards=256,other=-3@batch");
  EXPECT_EQ(full.name, "sharded_map");
  EXPECT_TRUE(full.batch);
  ASSERT_EQ(full.tunables.size(), 2u);
  EXPECT_EQ(full.tunables[0], (std::pair<std::string, std::int64_t>("shards", 256)));
  EXPECT_EQ(full.tunables[1].second, -3);
  EXPECT_EQ(full.text, "sharded_map:shards=256,other=-3@batch");
  EXPECT_FALSE(full.reserve);
  const auto both = ContestantSpec::Parse("mutex_map@batch@reserve");
  EXPECT_EQ(both.name, "mutex_map");
  EXPECT_TRUE(both.batch && both.reserve);
  EXPECT_FALSE(both.direct);
  const auto by_hand = ContestantSpec::Parse("sharded_map:shards=64@direct");
  EXPECT_EQ(by_hand.name, "sharded_map");
  EXPECT_TRUE(by_hand.direct && !by_hand.batch && !by_hand.called);
  const auto loads = ContestantSpec::Parse("mutex_map@load_batch");
  EXPECT_EQ(loads.name, "mutex_map");
  EXPECT_TRUE(loads.load_batch && !loads.batch);
}

TEST(ContestantSpec, SaysWhatIsWrong) {
  for (const char* wrong :
       {"", ":shards=1", "a:", "a:b", "a:b=", "a:b=x", "a:b=1,", "a:b=1,b=2",
        "a@bulk", "a@batch@batch", "a@direct@direct", "a@called", "a@", "a b", "a:b=99999999999999999999", "7up"}) {
    EXPECT_THROW(ContestantSpec::Parse(wrong), InputError) << wrong;
  }
  try {
    ContestantSpec::Parse("sharded_map:shards=many");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_STREQ(error.what(),
                 "contestant \"sharded_map:shards=many\": \"many\" is not an "
                 "integer; write name[:tunable=value,...][@batch][@load_batch]"
                 "[@reserve][@direct], such as sharded_map:shards=64");
  }
}

TEST(ContestantSpec, NearestName) {
  const std::vector<std::string> names = {"mutex_map", "sync_map", "null"};
  EXPECT_EQ(Nearest("mutexmap", names), "mutex_map");
  EXPECT_EQ(Nearest("sync_mpa", names), "sync_map");
  EXPECT_EQ(Nearest("completely_else", names), "");
}

}  // namespace
}  // namespace cmap::experiments
