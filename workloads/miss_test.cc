// SPDX-License-Identifier: Apache-2.0
//
// Loads of keys that are never there: how many, of which keys, and what a map must
// then report.
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "workloads/expectation.h"
#include "workloads/figures.h"
#include "workloads/ledger.h"
#include "workloads/spec.h"
#include "workloads/tape.h"
#include "workloads/testing/chi_square.h"

namespace cmap::workloads {
namespace {

using Mix = std::array<double, kPointOps>;

Spec Make(double miss, const Mix& mix = {90, 10}) {
  Spec spec;
  spec.mix = mix;
  spec.population = 500;
  spec.miss = miss;
  return spec;
}

TEST(Miss, NoneLeavesTheTapeAsItWas) {
  const Tape with = GenerateTape(Make(0), 2, 5000, 7);
  EXPECT_EQ(with.never, 0u);
  EXPECT_EQ(with.universe, 500u);
}

TEST(Miss, HasItsShareOfTheLoadsAndChangesNothingElse) {
  const Tape before = GenerateTape(Make(0), 3, 20'000, 7);
  for (const double miss : {0.5, 1.0, 20.0, 33.3, 100.0}) {
    const Tape tape = GenerateTape(Make(miss), 3, 20'000, 7);
    ASSERT_EQ(tape.universe, 1000u);
    ASSERT_EQ(tape.never, 500u);
    EXPECT_EQ(tape.prefill, before.prefill);
    for (std::size_t t = 0; t < 3; ++t) {
      double loads = 0;
      double missing = 0;
      for (std::size_t i = 0; i < tape.length(); ++i) {
        const Entry was = before.threads[t][i];
        const Entry is = tape.threads[t][i];
        ASSERT_EQ(EntryOp(is), EntryOp(was));
        const bool absent = EntryIndex(is) >= 500;
        ASSERT_EQ(EntryIndex(is) - (absent ? 500 : 0), EntryIndex(was));
        ASSERT_TRUE(!absent || EntryOp(is) == Op::kLoad);
        loads += EntryOp(is) == Op::kLoad;
        missing += absent;
        // Of any hundred loads, to one.
        ASSERT_NEAR(missing, loads * miss / 100, 26) << i;
      }
      EXPECT_NEAR(missing / loads * 100, miss, 0.4);
    }
  }
}

TEST(Miss, IsAsPopularAsTheKeysInWhosePlaceItIs) {
  Spec spec = Make(30, {100});
  spec.keys = {.stream = Stream::kZipf, .theta = 0.8};
  spec.population = 50;
  const Tape tape = GenerateTape(spec, 1, 400'000, 3);
  std::vector<std::uint64_t> there(50), absent(50);
  for (const Entry entry : tape.threads[0]) {
    const std::uint32_t index = EntryIndex(entry);
    ++(index < 50 ? there[index] : absent[index - 50]);
  }
  std::vector<double> shares;
  double total = 0;
  for (std::size_t rank = 1; rank <= 50; ++rank) total += std::pow(rank, -0.8);
  for (std::size_t rank = 1; rank <= 50; ++rank) {
    shares.push_back(std::pow(rank, -0.8) / total);
  }
  EXPECT_GT(ChiSquareP(there, shares), 1e-3);
  EXPECT_GT(ChiSquareP(absent, shares), 1e-3);
}

TEST(Miss, EveryStream) {
  for (const KeySpec& keys : {
           KeySpec{.stream = Stream::kUniform},
           KeySpec{.stream = Stream::kHotSet, .hot_fraction = 0.1, .hot_share = 0.9},
           KeySpec{.stream = Stream::kSequentialNew},
           KeySpec{.stream = Stream::kKrr, .reuse = 0.7},
           KeySpec{.stream = Stream::kKrr, .reuse = 0.7, .sharing = Sharing::kShared},
       }) {
    for (const Regime regime : {Regime::kStationary, Regime::kGrowth}) {
      Spec spec = Make(25, {60, 40});
      spec.keys = keys;
      spec.regime = regime;
      spec.ops = 3000;
      const Tape tape = GenerateTape(spec, 2, 3000, 5);
      const std::uint32_t first = tape.universe - tape.never;
      ASSERT_EQ(tape.never, first);
      std::uint64_t loads = 0;
      std::uint64_t missing = 0;
      for (const auto& thread : tape.threads) {
        for (const Entry entry : thread) {
          ASSERT_LT(EntryIndex(entry), tape.universe);
          const bool absent = EntryIndex(entry) >= first;
          ASSERT_TRUE(!absent || EntryOp(entry) == Op::kLoad);
          loads += EntryOp(entry) == Op::kLoad;
          missing += absent;
        }
      }
      EXPECT_NEAR(static_cast<double>(missing) / static_cast<double>(loads), 0.25, 0.03);
      for (const std::uint32_t index : tape.prefill) EXPECT_LT(index, first);
    }
  }
}

// One thread, several, with a ledger and without: loads find what is there.
TEST(Miss, IsExpected) {
  for (const Mix& mix : {Mix{100}, Mix{80, 20}, Mix{60, 20, 0, 0, 20}}) {
    for (const int threads : {1, 3}) {
      const Tape tape = GenerateTape(Make(20, mix), threads, 4000, 11);
      Simulator simulator(tape);
      for (const std::uint64_t n : {1u, 999u, 3000u, 4000u, 9000u}) {
        std::uint64_t loads = 0;
        std::uint64_t missing = 0;
        Simulator fresh(tape);
        const Expected expected = fresh.Advance(n);
        for (const auto& thread : tape.threads) {
          for (std::uint64_t i = 0; i < n; ++i) {
            const Entry entry = thread[i % thread.size()];
            loads += EntryOp(entry) == Op::kLoad;
            missing += EntryIndex(entry) >= 500;
          }
        }
        EXPECT_LE(expected.hits.hi, loads - missing);
        if (mix[static_cast<std::size_t>(Op::kDelete)] == 0) {
          EXPECT_TRUE(expected.exact());
          EXPECT_EQ(expected.hits.lo, loads - missing);
        }
        simulator.Advance(n);
      }
      if (mix[static_cast<std::size_t>(Op::kDelete)] == 0) {
        EXPECT_EQ(simulator.size(), (Bounds{500, 500}));
      }
    }
  }
}

TEST(Miss, TapesOfKeysThatStayHaveALedger) {
  EXPECT_TRUE(Ledger::Knows(GenerateTape(Make(20), 3, 1000, 1)));
  EXPECT_FALSE(Ledger::Knows(GenerateTape(Make(20, {60, 20, 0, 0, 20}), 3, 1000, 1)));
}

// The share of deletes is the mix's; with it, loads meet keys that were deleted.
TEST(Miss, TheFiguresTellTheHitRate) {
  const Tape tape = GenerateTape(Make(20, {100}), 1, 10'000, 1);
  EXPECT_NEAR(Measure(tape, 10'000).hit_rate, 0.8, 1e-9);
  Spec spec = Make(0, {80, 10, 0, 0, 10});
  spec.population = 2000;
  const Tape deleting = GenerateTape(spec, 1, 100'000, 1);
  EXPECT_NEAR(Measure(deleting, 100'000).hit_rate, 0.5, 0.03);
  EXPECT_NEAR(Measure(deleting, 100'000).write_share, 0.2, 1e-3);
}

TEST(Miss, NeedsRoomForTwiceTheKeys) {
  Spec spec = Make(10);
  spec.population = kMaxKeys;
  spec.prefill = 0;
  EXPECT_THROW(GenerateTape(spec, 1, 10, 1), SpecError);
}

}  // namespace
}  // namespace cmap::workloads
