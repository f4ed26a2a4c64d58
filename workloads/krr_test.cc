// SPDX-License-Identifier: Apache-2.0
#include "workloads/krr.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "gtest/gtest.h"
#include "workloads/churn.h"
#include "workloads/figures.h"
#include "workloads/tape.h"
#include "workloads/testing/chi_square.h"

namespace cmap::workloads {
namespace {

constexpr double kRates[] = {0,   0.1, 0.2, 0.3,  0.4,  0.5, 0.6,
                             0.7, 0.8, 0.9, 0.95, 0.99, 1};

// Distinct keys that a cold run of n requests at this rate must have, and how
// far a prefix may be off: one key.
void ExpectExact(std::uint64_t n, std::uint64_t distinct, double reuse) {
  const double target = static_cast<double>(n) * (1 - reuse);
  ASSERT_LE(std::abs(static_cast<double>(distinct) - target), 1)
      << distinct << " distinct keys in " << n << " requests at " << reuse;
}

class KrrChoices : public testing::TestWithParam<Choice> {};

TEST_P(KrrChoices, EveryPrefixIsWithinOneKey) {
  for (const std::uint64_t lag : {std::uint64_t{0}, kSharedLag}) {
    for (const double reuse : kRates) {
      KrrStream stream(reuse, GetParam(), 0.99, lag);
      Rng rng(17);
      std::set<std::uint32_t> seen;
      for (std::uint64_t n = 1; n <= 20000; ++n) {
        const std::uint32_t id = stream.Next(rng);
        if (n == 1) {
          ASSERT_EQ(id, 0u);
        }
        ASSERT_LE(id, seen.size());  // seen, or the next new one
        seen.insert(id);
        ExpectExact(n, seen.size(), reuse);
        ASSERT_EQ(seen.size(), stream.seen());
        ASSERT_EQ(seen.size(), KrrStream::DistinctAmong(n, reuse));
      }
    }
  }
}

TEST_P(KrrChoices, SharedReuseLagsBehindPublication) {
  for (const double reuse : {0.1, 0.5, 0.9}) {
    KrrStream stream(reuse, GetParam(), 0.99, kSharedLag);
    Rng rng(3);
    std::vector<std::uint64_t> first_at;
    std::uint64_t nearest = ~std::uint64_t{0};
    for (std::uint64_t i = 0; i < 50000; ++i) {
      const std::uint32_t id = stream.Next(rng);
      if (id == first_at.size()) {
        first_at.push_back(i);
        continue;
      }
      const std::uint64_t age = i - first_at[id];
      ASSERT_GE(age, std::min(kSharedLag, (i + 1) / 2)) << i;
      if (i > 4 * kSharedLag) nearest = std::min(nearest, age);
    }
    // The lag is not overdone either.
    EXPECT_LT(nearest, kSharedLag + 200);
  }
}

INSTANTIATE_TEST_SUITE_P(All, KrrChoices,
                         testing::Values(Choice::kUniform, Choice::kZipf,
                                         Choice::kStackDistance));

TEST(Krr, RequestsForIsTheInverseOfDistinctAmong) {
  for (const double reuse : {0.0, 0.1, 0.5, 0.83, 0.9, 0.99, 0.999}) {
    for (const std::uint64_t distinct : {1u, 2u, 999u, 1000u, 123456u}) {
      const std::uint64_t n = KrrStream::RequestsFor(distinct, reuse);
      EXPECT_EQ(KrrStream::DistinctAmong(n, reuse), distinct);
      EXPECT_EQ(KrrStream::DistinctAmong(n + 1, reuse), distinct + 1);
    }
  }
}

// The law of the choice itself: n keys seen, then reuse only.
TEST(ReuseChoice, UniformAndZipfFitChiSquare) {
  constexpr std::uint32_t kKeys = 200;
  for (const Choice choice : {Choice::kUniform, Choice::kZipf}) {
    ReuseChoice reuse(choice, 0.99);
    reuse.GrowTo(kKeys);
    Rng rng(5);
    std::vector<std::uint64_t> counts(kKeys, 0);
    for (int i = 0; i < 200000; ++i) ++counts.at(reuse.Draw(rng));
    std::vector<double> p(kKeys);
    double sum = 0;
    for (std::uint32_t k = 0; k < kKeys; ++k) {
      p[k] = choice == Choice::kUniform ? 1 : std::pow(k + 1, -0.99);
      sum += p[k];
    }
    for (double& x : p) x /= sum;
    EXPECT_GT(ChiSquareP(counts, p), 0.001) << ChoiceName(choice);
  }
}

TEST(ReuseChoice, StackDistanceFitsChiSquare) {
  constexpr std::uint32_t kKeys = 200;
  ReuseChoice reuse(Choice::kStackDistance, 0.99);
  reuse.GrowTo(kKeys);
  Rng rng(5);
  std::vector<std::uint32_t> stack;  // back is the top
  for (std::uint32_t k = 0; k < kKeys; ++k) stack.push_back(k);
  std::vector<std::uint64_t> counts(kKeys, 0);
  std::vector<double> p(kKeys);
  double sum = 0;
  for (int i = 0; i < 100000; ++i) {
    const std::uint32_t id = reuse.Draw(rng);
    reuse.Touch(id);
    const auto at = std::find(stack.rbegin(), stack.rend(), id);
    ++counts[static_cast<std::size_t>(at - stack.rbegin())];
    stack.erase(std::next(at).base());
    stack.push_back(id);
  }
  for (std::uint32_t k = 0; k < kKeys; ++k) {
    p[k] = std::pow(k + 1, -0.99);
    sum += p[k];
  }
  for (double& x : p) x /= sum;
  EXPECT_GT(ChiSquareP(counts, p), 0.001);
}

using TapeCase = std::tuple<Choice, Sharing, int>;

class KrrTapes : public testing::TestWithParam<TapeCase> {};

TEST_P(KrrTapes, RealisedRateIsExact) {
  const auto [choice, sharing, threads] = GetParam();
  for (const double reuse : kRates) {
    Spec spec;
    spec.keys = {.stream = Stream::kKrr,
                 .reuse = reuse,
                 .choice = choice,
                 .sharing = sharing};
    spec.mix = {};
    spec.mix[static_cast<std::size_t>(Op::kLoadOrStore)] = 100;
    spec.regime = Regime::kGrowth;
    spec.ops = 6000;
    const Tape tape = GenerateTape(spec, threads, 6000, 99);
    ASSERT_EQ(tape.length(), 6000u);
    const auto t = static_cast<std::size_t>(threads);
    if (sharing == Sharing::kPrivate) {
      // Every prefix of every thread, and no key in two threads.
      std::set<std::uint32_t> all;
      std::size_t sum = 0;
      for (const auto& thread : tape.threads) {
        std::set<std::uint32_t> seen;
        for (std::size_t n = 1; n <= thread.size(); ++n) {
          seen.insert(EntryIndex(thread[n - 1]));
          ExpectExact(n, seen.size(), reuse);
        }
        sum += seen.size();
        all.insert(seen.begin(), seen.end());
      }
      EXPECT_EQ(all.size(), sum);
      EXPECT_EQ(all.size(), tape.universe);
    } else {
      // Every prefix of n operations per thread is n * T of the sequence.
      std::set<std::uint32_t> seen;
      for (std::size_t n = 1; n <= tape.length(); ++n) {
        for (const auto& thread : tape.threads) {
          seen.insert(EntryIndex(thread[n - 1]));
        }
        ExpectExact(n * t, seen.size(), reuse);
      }
      EXPECT_EQ(seen.size(), tape.universe);
    }
    const Figures figures = Measure(tape, tape.length());
    EXPECT_NEAR(figures.reuse_rate, reuse, 0.001);
    // Cold, LoadOrStore only: what loads is what was reused.
    EXPECT_NEAR(figures.hit_rate, figures.reuse_rate, 1e-12);
  }
}

TEST_P(KrrTapes, NewKeysAreSpreadOverThreads) {
  const auto [choice, sharing, threads] = GetParam();
  Spec spec;
  spec.keys = {.stream = Stream::kKrr,
               .reuse = 0.5,
               .choice = choice,
               .sharing = sharing};
  spec.regime = Regime::kGrowth;
  spec.ops = 1;
  const Tape tape = GenerateTape(spec, threads, 20000, 5);
  std::set<std::uint32_t> seen;
  std::vector<int> fresh(tape.threads.size(), 0);
  for (std::size_t n = 0; n < tape.length(); ++n) {
    for (std::size_t t = 0; t < tape.threads.size(); ++t) {
      fresh[t] += seen.insert(EntryIndex(tape.threads[t][n])).second;
    }
  }
  for (const int count : fresh) EXPECT_NEAR(count, 10000, 600);
}

// Constant size: replay the deletes and check that the map never changes size,
// that new keys were absent, reused ones present, and that the tape is a cycle.
TEST_P(KrrTapes, PairedDeletesKeepTheSize) {
  const auto [choice, sharing, threads] = GetParam();
  for (const double reuse : {0.0, 0.3, 0.85, 0.99, 1.0}) {
    Spec spec;
    spec.keys = {.stream = Stream::kKrr,
                 .reuse = reuse,
                 .choice = choice,
                 .sharing = sharing};
    spec.mix = {};
    spec.mix[static_cast<std::size_t>(Op::kLoadOrStore)] = 100;
    spec.population = 240;
    constexpr std::size_t kLength = 100000;
    const Tape tape = GenerateTape(spec, threads, kLength, 7);
    ASSERT_LE(tape.length(), kLength);
    ASSERT_GE(tape.length(), kLength / 2);
    ASSERT_EQ(tape.prefill.size(), 240u);
    ASSERT_EQ(tape.universe, 480u);
    for (const auto& thread : tape.threads) {
      ASSERT_EQ(thread.size(), tape.length());
    }
    std::vector<bool> live(tape.universe, false);
    for (const std::uint32_t index : tape.prefill) live[index] = true;
    const std::vector<bool> at_start = live;
    std::uint64_t requests = 0;
    std::uint64_t absent = 0;
    std::uint64_t wasted = 0;
    for (std::size_t n = 0; n < tape.length(); ++n) {
      for (const auto& thread : tape.threads) {
        const std::uint32_t index = EntryIndex(thread[n]);
        if (EntryOp(thread[n]) == Op::kDelete) {
          wasted += !live[index];
          live[index] = false;
          ASSERT_LT(n + 1, thread.size());
          ASSERT_EQ(EntryOp(thread[n + 1]), Op::kLoadOrStore);
          ASSERT_EQ(EntryIndex(thread[n + 1]) % 240, index % 240);
        } else {
          ++requests;
          absent += !live[index];
          live[index] = true;
        }
      }
    }
    const double realised = 1 - static_cast<double>(absent) /
                                    static_cast<double>(requests);
    if (sharing == Sharing::kPrivate || threads == 1) {
      EXPECT_EQ(live, at_start);
      EXPECT_EQ(wasted, 0u);
      EXPECT_NEAR(realised, reuse, 0.001);
      EXPECT_NEAR(Measure(tape, tape.length()).reuse_rate, reuse, 0.001);
    } else {
      // Threads taking turns is not quite the order that was dealt.
      EXPECT_NEAR(realised, reuse, 0.02);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, KrrTapes,
    testing::Combine(testing::Values(Choice::kUniform, Choice::kZipf,
                                     Choice::kStackDistance),
                     testing::Values(Sharing::kPrivate, Sharing::kShared),
                     testing::Values(1, 2, 3, 4)));

TEST(ChurnPlan, WholeCyclesWithinTheBudget) {
  for (const std::uint64_t live : {1u, 7u, 1000u, 100000u}) {
    for (const double reuse : {0.0, 0.5, 0.83, 0.99}) {
      for (const std::uint64_t ops : {1000u, 33333u, 1000000u}) {
        for (const std::uint64_t multiple : {1u, 3u}) {
          const ChurnPlan plan = ChurnPlan::For(live, reuse, ops, multiple);
          if (plan.requests == 0) {
            const double fresh = static_cast<double>(ops) * (1 - reuse);
            EXPECT_TRUE(live < multiple || fresh < 8.0 * multiple);
            continue;
          }
          EXPECT_LE(plan.requests + plan.new_keys, ops);
          EXPECT_LE(plan.slots, live);
          EXPECT_EQ(plan.new_keys % (2 * plan.slots), 0u);
          EXPECT_EQ(plan.new_keys % multiple, 0u);
          EXPECT_EQ(plan.requests % multiple, 0u);
        }
      }
    }
  }
}

TEST(Churn, TooShortATapeIsRefused) {
  Spec spec;
  spec.keys = {.stream = Stream::kKrr, .reuse = 0.99};
  EXPECT_THROW(GenerateTape(spec, 1, 100, 1), SpecError);
  spec.population = 2;
  EXPECT_THROW(GenerateTape(spec, 3, 100000, 1), SpecError);
}

}  // namespace
}  // namespace cmap::workloads
