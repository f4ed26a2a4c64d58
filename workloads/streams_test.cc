// SPDX-License-Identifier: Apache-2.0
//
// The simple streams, the generator of random numbers, the deck of operations
// and the functions under zipf. Zipf and KRR have tests of their own.
#include <array>
#include <cmath>
#include <cstdint>
#include <list>
#include <vector>

#include "gtest/gtest.h"
#include "workloads/det_math.h"
#include "workloads/hot_set.h"
#include "workloads/lru_stack.h"
#include "workloads/mix.h"
#include "workloads/rng.h"
#include "workloads/sequential_new.h"
#include "workloads/testing/chi_square.h"
#include "workloads/uniform.h"

namespace cmap::workloads {
namespace {

TEST(ChiSquare, KnownQuantiles) {
  // 95 % quantiles for 1 and 10 degrees of freedom: 3.841 and 18.307.
  EXPECT_NEAR(UpperGamma(0.5, 3.841458820694124 / 2), 0.05, 1e-9);
  EXPECT_NEAR(UpperGamma(5, 18.307038053275146 / 2), 0.05, 1e-9);
  EXPECT_NEAR(UpperGamma(50, 20), 1 - 4.16e-08, 1e-7);
}

TEST(Rng, PublishedValues) {
  // First outputs of splitmix64 for seed 1234567, as its author publishes them.
  std::uint64_t state = 1234567;
  EXPECT_EQ(SplitMix(state), 6457827717110365317ULL);
  EXPECT_EQ(SplitMix(state), 3203168211198807973ULL);
}

TEST(Rng, SeedsDifferByPurposeAndThread) {
  EXPECT_NE(DeriveSeed(1, 1, 0), DeriveSeed(1, 1, 1));
  EXPECT_NE(DeriveSeed(1, 1, 0), DeriveSeed(1, 2, 0));
  EXPECT_NE(DeriveSeed(1, 1, 0), DeriveSeed(2, 1, 0));
  EXPECT_NE(DeriveSeed(1, 1, 2), DeriveSeed(1, 2, 1));
}

TEST(Rng, UnitIsUniform) {
  Rng rng(5);
  std::vector<std::uint64_t> counts(64, 0);
  for (int i = 0; i < 200000; ++i) {
    const double u = rng.Unit();
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    ++counts[static_cast<std::size_t>(u * 64)];
  }
  EXPECT_GT(ChiSquareP(counts, std::vector<double>(64, 1.0 / 64)), 0.001);
}

TEST(Uniform, FitsChiSquare) {
  for (const std::uint32_t n : {1u, 2u, 7u, 1000u}) {
    UniformStream stream(n);
    Rng rng(9);
    std::vector<std::uint64_t> counts(n, 0);
    for (int i = 0; i < 300000; ++i) ++counts.at(stream.Next(rng));
    EXPECT_GT(ChiSquareP(counts, std::vector<double>(n, 1.0 / n)), 0.001) << n;
  }
}

TEST(HotSet, ShareAndUniformityInside) {
  constexpr int kDraws = 1'000'000;
  HotSetStream stream(1000, 0.1, 0.9);
  ASSERT_EQ(stream.hot(), 100u);
  Rng rng(4);
  std::vector<std::uint64_t> counts(1000, 0);
  for (int i = 0; i < kDraws; ++i) ++counts.at(stream.Next(rng));
  std::uint64_t hot = 0;
  for (int i = 0; i < 100; ++i) hot += counts[i];
  // Five standard deviations.
  EXPECT_NEAR(hot / double{kDraws}, 0.9, 5 * std::sqrt(0.09 / kDraws));
  std::vector<double> p(1000, 0.1 / 900);
  for (int i = 0; i < 100; ++i) p[i] = 0.9 / 100;
  EXPECT_GT(ChiSquareP(counts, p), 0.001);
}

TEST(HotSet, Extremes) {
  Rng rng(4);
  HotSetStream all(10, 1, 0.5);
  HotSetStream none(10, 0, 0);
  HotSetStream tiny(10, 0.001, 1);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_LT(all.Next(rng), 10u);
    ASSERT_LT(none.Next(rng), 10u);
    ASSERT_EQ(tiny.Next(rng), 0u);
  }
}

TEST(SequentialNew, ThreadsNeverMeet) {
  Rng rng(1);
  std::vector<int> seen(300, 0);
  for (std::uint32_t t = 0; t < 3; ++t) {
    SequentialNewStream stream(t, 3);
    for (int i = 0; i < 100; ++i) ++seen.at(stream.Next(rng));
  }
  for (const int count : seen) EXPECT_EQ(count, 1);
}

TEST(DetMath, AgreesWithTheLibrary) {
  Rng rng(3);
  for (int i = 0; i < 200000; ++i) {
    const int exponent = static_cast<int>(rng.Below(90)) - 60;
    const double x = std::ldexp(1 + rng.Unit(), exponent);
    const double log = std::log(x);
    ASSERT_NEAR(DetLog(x), log, 1e-14 * std::abs(log) + 2e-16) << x;
    const double e = rng.Unit() * 100 - 60;
    ASSERT_NEAR(DetExp(e) / std::exp(e), 1, 1e-14) << e;
  }
  EXPECT_EQ(DetLog(1), 0);
  EXPECT_EQ(DetExp(0), 1);
  EXPECT_EQ(DetExp(-1000), 0);
}

TEST(LruStack, MatchesAList) {
  LruStack stack;
  std::list<std::uint32_t> list;  // front is the top
  Rng rng(8);
  for (int step = 0; step < 20000; ++step) {
    if (list.empty() || rng.Below(20) == 0) {
      list.push_front(stack.size());
      stack.Push();
    } else if (rng.Below(2) == 0) {
      const std::uint32_t id = rng.Below(stack.size());
      stack.Touch(id);
      list.remove(id);
      list.push_front(id);
    }
    const std::uint32_t depth = 1 + rng.Below(stack.size());
    ASSERT_EQ(stack.At(depth), *std::next(list.begin(), depth - 1));
    ASSERT_EQ(stack.Depth(stack.At(depth)), depth);
    ASSERT_EQ(stack.size(), list.size());
  }
  std::uint32_t depth = 0;
  for (const std::uint32_t id : list) ASSERT_EQ(stack.At(++depth), id);
}

class MixTest : public testing::TestWithParam<std::array<double, kPointOps>> {};

TEST_P(MixTest, EveryPrefixIsNearItsTarget) {
  const auto& mix = GetParam();
  MixDeck deck(mix);
  Rng rng(2);
  std::array<double, kPointOps> counts{};
  constexpr int kOps = 50000;
  for (int n = 1; n <= kOps; ++n) {
    ++counts[static_cast<std::size_t>(deck.Next(rng))];
    for (std::size_t op = 0; op < kPointOps; ++op) {
      const double off = std::abs(counts[op] - mix[op] / 100 * n);
      // Whole blocks are right to less than a card per kind; inside a block
      // the order is random.
      ASSERT_LE(off, n % 100 == 0 ? 2 : 102) << n;
      if (mix[op] == 0) {
        ASSERT_EQ(counts[op], 0);
      }
    }
  }
  for (std::size_t op = 0; op < kPointOps; ++op) {
    EXPECT_NEAR(counts[op] / kOps * 100, mix[op], 0.005);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Mixes, MixTest,
    testing::Values(std::array<double, kPointOps>{100},
                    std::array<double, kPointOps>{80, 20},
                    std::array<double, kPointOps>{97.3, 2.7},
                    std::array<double, kPointOps>{0, 0, 99.95, 0.05},
                    std::array<double, kPointOps>{20, 10, 10, 10, 10, 10, 10,
                                                  10, 10},
                    std::array<double, kPointOps>{50.5, 0.125, 0.125, 0.25, 20,
                                                  9, 0, 10, 10}));

TEST(Mix, OrderIsShuffled) {
  // Runs of the deck's two operations, counted: a random order of 50:50 has
  // half as many runs as cards.
  MixDeck deck({50, 50});
  Rng rng(6);
  int runs = 0;
  Op last = Op::kSwap;
  for (int i = 0; i < 100000; ++i) {
    const Op op = deck.Next(rng);
    runs += op != last;
    last = op;
  }
  EXPECT_NEAR(runs, 50500, 1000);
}

}  // namespace
}  // namespace cmap::workloads
