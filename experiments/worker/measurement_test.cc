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

TEST(Threads, OverlapAndRunDelayFromReadings) {
  // Starts 0 and 100, ends 900 and 1000: together 800 of 1000.
  const ThreadTime times[] = {{0, 900, 5}, {100, 1000, 30}};
  const RunTime run = Combine(times);
  EXPECT_EQ(run.wall, 1000);
  EXPECT_EQ(run.together, 800);
  EXPECT_DOUBLE_EQ(run.overlap(), 0.8);
  EXPECT_DOUBLE_EQ(run.run_delay_share(), 0.03);
  // One after the other.
  const ThreadTime apart[] = {{0, 400, 0}, {600, 1000, 0}};
  EXPECT_EQ(Combine(apart).together, 0);
  // One thread overlaps with itself.
  const ThreadTime one[] = {{10, 20, 0}};
  EXPECT_DOUBLE_EQ(Combine(one).overlap(), 1.0);
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
        team.Run([&](int thread) { calls[thread].fetch_add(1); });
    EXPECT_GE(time.wall, 0);
  }
  EXPECT_EQ(calls[0], 200);
  EXPECT_EQ(calls[1], 200);
}

TEST(Threads, ManyThreadsOnFewCpusYield) {
  Team team(8, {AllowedCpus()[0]}, /*oversubscribed=*/true);
  std::atomic<int> calls{0};
  for (int round = 0; round < 20; ++round) {
    team.Run([&](int) { calls.fetch_add(1); });
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
  team.Run([&](int) {
    helper = std::thread([&] {
      before = AllowedCpus();
      looked.store(true);
      looked.notify_one();
      looked.wait(true);
      after = AllowedCpus();
    });
    looked.wait(false);
  });
  team.Run([](int) {});
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
  const RunTime calm{1000, 990, 10};
  const RunTime delayed{1000, 990, 40};
  const RunTime apart{1000, 700, 0};
  EXPECT_FALSE(JudgeBlock(std::vector{calm, calm}, false));
  // 40 of 2000 is 2 %, the limit; 60 of 2000 is beyond it.
  EXPECT_FALSE(JudgeBlock(std::vector{RunTime{1000, 990, 0}, delayed}, false));
  const auto delay = JudgeBlock(std::vector{delayed, delayed}, false);
  ASSERT_TRUE(delay);
  EXPECT_EQ(delay->why, "run_delay");
  EXPECT_DOUBLE_EQ(delay->value, 0.04);
  const auto overlap = JudgeBlock(std::vector{calm, apart}, false);
  ASSERT_TRUE(overlap);
  EXPECT_EQ(overlap->why, "overlap");
  EXPECT_DOUBLE_EQ(overlap->value, 0.7);
  // However slow, a slice is never rejected for its time.
  EXPECT_FALSE(
      JudgeBlock(std::vector{calm, RunTime{1000000, 999000, 100}}, false));
  EXPECT_FALSE(JudgeBlock(std::vector{delayed, apart}, true));
}

TEST(Quality, WhatAMapsOwnThreadsTakeIsNoDisturbance) {
  const RunTime helped{1000, 700, 240, 230};
  EXPECT_FALSE(JudgeBlock(std::vector{helped}, false));
  // It excuses the map with the threads, not the others of its block.
  const RunTime delayed{1000, 990, 60};
  EXPECT_TRUE(JudgeBlock(std::vector{delayed, helped}, false));
  const RunTime disturbed_too{1000, 700, 300, 230};
  const auto delay = JudgeBlock(std::vector{disturbed_too}, false);
  ASSERT_TRUE(delay);
  EXPECT_DOUBLE_EQ(delay->value, 0.07);
  const auto overlap = JudgeBlock(std::vector{RunTime{1000, 500, 0, 200}}, false);
  ASSERT_TRUE(overlap);
  EXPECT_DOUBLE_EQ(overlap->value, 0.7);
}

TEST(Threads, TheTimeOfThreadsThatMapsStartIsKnown) {
  Team team(1, {AllowedCpus()[0]}, false);
  if (!team.counts_run_delay()) GTEST_SKIP() << "this kernel keeps no schedstat";
  std::atomic<bool> stop{false};
  std::thread helper;
  const auto work = [&](std::int64_t ns) {
    for (const std::int64_t start = NowNs(); NowNs() - start < ns;) {}
  };
  EXPECT_EQ(team.Run([&](int) { work(1'000'000); }).helpers, 0);
  team.Run([&](int) {
    helper = std::thread([&] {
      while (!stop.load(std::memory_order_relaxed)) {}
    });
  });
  const RunTime time = team.Run([&](int) { work(100'000'000); });
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
}

TEST(ContestantSpec, SaysWhatIsWrong) {
  for (const char* wrong :
       {"", ":shards=1", "a:", "a:b", "a:b=", "a:b=x", "a:b=1,", "a:b=1,b=2",
        "a@bulk", "a@batch@batch", "a@", "a b", "a:b=99999999999999999999", "7up"}) {
    EXPECT_THROW(ContestantSpec::Parse(wrong), InputError) << wrong;
  }
  try {
    ContestantSpec::Parse("sharded_map:shards=many");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_STREQ(error.what(),
                 "contestant \"sharded_map:shards=many\": \"many\" is not an "
                 "integer; write name[:tunable=value,...][@batch][@reserve], "
                 "such as sharded_map:shards=64");
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
