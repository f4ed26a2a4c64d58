// SPDX-License-Identifier: Apache-2.0
#include "tools/trace/profile.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/trace/key_hash.h"
#include "workloads/figures.h"
#include "workloads/rng.h"
#include "workloads/tape.h"
#include "workloads/zipf.h"

namespace cmap::trace {
namespace {

using nlohmann::json;
using workloads::Rng;

std::uint64_t HashOf(std::uint64_t key, std::uint64_t seed = 0) {
  const std::uint64_t bytes[] = {key, seed};
  return KeyHash({reinterpret_cast<const char*>(bytes), sizeof bytes});
}

Recording RecordingOf(Recording::Of of, double rate) {
  Recording recording;
  recording.of = of;
  recording.rate = rate;
  return recording;
}

json FiguresOf(const Profile& profile, const Recording& recording = {}) {
  return profile.ToJson({.format = "test"}, recording)["figures"];
}

// The tape of one thread, with keys numbered in the order of their first use, as a trace numbers
// them.
workloads::Tape Renumbered(workloads::Tape tape) {
  std::map<std::uint32_t, std::uint32_t> numbers;
  for (workloads::Entry& entry : tape.threads[0]) {
    const auto next = static_cast<std::uint32_t>(numbers.size());
    const std::uint32_t number =
        numbers.try_emplace(workloads::EntryIndex(entry), next).first->second;
    entry = workloads::MakeEntry(workloads::EntryOp(entry), number);
  }
  tape.prefill.clear();
  return tape;
}

class SameFigures : public testing::TestWithParam<const char*> {};

// A trace's exact figures are those that workloads::Measure has of the same operations.
TEST_P(SameFigures, AsWorkloads) {
  const auto spec = workloads::Spec::Parse(GetParam());
  const workloads::Tape tape = Renumbered(workloads::GenerateTape(spec, 1, 50'000, 3));
  const workloads::Figures expected = workloads::Measure(tape, tape.length());
  Profile profile({});
  for (const workloads::Entry entry : tape.threads[0]) {
    profile.Add({.op = workloads::EntryOp(entry)}, HashOf(workloads::EntryIndex(entry)));
  }
  const json figures = FiguresOf(profile);
  for (const char* name : {"reuse_rate", "distinct", "entropy_1024", "top100_share"}) {
    EXPECT_DOUBLE_EQ(figures[name]["value"], expected.ToJson()[name]) << name;
    EXPECT_EQ(figures[name]["low"], figures[name]["high"]) << name;
  }
  EXPECT_NEAR(figures["write_share"], expected.write_share, 1e-12);
  if (figures["hit_rate"].contains("value")) {
    EXPECT_DOUBLE_EQ(figures["hit_rate"]["value"], expected.hit_rate);
  } else {
    EXPECT_EQ(expected.hit_rate, 0);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Specs, SameFigures,
    testing::Values(
        R"({"keys":{"stream":"zipf","theta":0.99},"mix":{"load":90,"store":8,"delete":2},
            "population":5000})",
        R"({"keys":{"stream":"uniform"},"mix":{"load":50,"store":30,"compare_and_delete":10,
            "compare_and_swap":10},"population":20000})",
        R"({"keys":{"stream":"krr","reuse":0.83},"mix":{"load_or_store":100},"regime":"growth",
            "ops":50000})",
        R"({"keys":{"stream":"sequential_new"},"mix":{"store":100},"regime":"growth","ops":50000})",
        R"({"keys":{"stream":"hot_set","hot_fraction":0.01,"hot_share":0.9},
            "mix":{"load_or_compute":60,"swap":20,"load_and_delete":20},"population":3000})"));

// Stack distances by the definition.
TEST(Locality, IsThatOfAnLruCache) {
  Rng rng(5);
  std::vector<std::uint64_t> stack;
  std::map<std::size_t, int> hits_up_to;
  Profile profile({});
  constexpr int kOps = 20'000;
  for (int i = 0; i < kOps; ++i) {
    const std::uint64_t key = rng.Below(1 + rng.Below(2000));
    const auto at = std::find(stack.begin(), stack.end(), key);
    if (at != stack.end()) {
      const auto distance = static_cast<std::size_t>(at - stack.begin()) + 1;
      for (std::size_t size = 1; size <= 2048; size *= 2) hits_up_to[size] += distance <= size;
      stack.erase(at);
    }
    stack.insert(stack.begin(), key);
    profile.Add({}, HashOf(key));
  }
  for (const json& point : FiguresOf(profile)["locality"]["lru"]) {
    const auto entries = point["entries"].get<std::size_t>();
    EXPECT_NEAR(point["hit_rate"]["value"], hits_up_to[entries] / double{kOps}, 1e-9) << entries;
  }
  EXPECT_EQ(FiguresOf(profile)["locality"]["lru"].size(), 12u);
}

// A stream with popular keys, whose figures a sample must tell.
struct Stream {
  explicit Stream(std::uint64_t stream_seed, double theta)
      : seed(stream_seed), rng(stream_seed), zipf(50'000, theta) {}
  void Into(Profile& profile, Profile* other = nullptr) {
    for (int i = 0; i < 100'000; ++i) {
      const std::uint64_t hash = HashOf(zipf.Draw(rng), seed);
      const Record record{.op = rng.Below(10) == 0 ? Op::kDelete : Op::kLoadOrStore};
      profile.Add(record, hash);
      if (other != nullptr) other->Add(record, hash);
    }
  }
  std::uint64_t seed;
  Rng rng;
  workloads::Zipf zipf;
};

// How many of the named figures of `exact` lie in the intervals of `estimated`.
void CountCovered(const json& exact, const json& estimated, std::map<std::string, int>& covered) {
  const auto count = [&](const std::string& name, const json& truth, const json& interval) {
    const double value = truth["value"];
    covered[name] +=
        interval["low"] <= value + 1e-9 && value <= interval["high"].get<double>() + 1e-9;
  };
  for (const char* name : {"reuse_rate", "distinct", "hit_rate", "entropy_1024", "top100_share"}) {
    count(name, exact[name], estimated[name]);
  }
  for (const json& truth : exact["locality"]["lru"]) {
    for (const json& interval : estimated["locality"]["lru"]) {
      if (truth["entries"] != interval["entries"] || truth["entries"] < 256) continue;
      count("lru " + std::to_string(truth["entries"].get<int>()), truth["hit_rate"],
            interval["hit_rate"]);
    }
  }
}

// Intervals of 95 % hold the exact figure in 34 or more of 40 cases: with probability 0.9966 each
// if they are what they say.
void ExpectCoverage(double sample, std::uint64_t max_keys, double theta) {
  constexpr int kCases = 40;
  std::map<std::string, int> covered;
  for (std::uint64_t seed = 1; seed <= kCases; ++seed) {
    Profile exact({});
    Profile estimated({.sample = sample, .max_keys = max_keys});
    Stream(seed, theta).Into(exact, &estimated);
    ASSERT_LT(estimated.rate(), 1);
    CountCovered(FiguresOf(exact), FiguresOf(estimated), covered);
  }
  EXPECT_GE(covered.size(), 10u);
  for (const auto& [name, count] : covered) EXPECT_GE(count, 34) << name << ", theta " << theta;
}

TEST(Sample, IntervalsHoldTheExactFigures) {
  ExpectCoverage(0.05, 1'000'000, 0.6);
  ExpectCoverage(0.05, 1'000'000, 0.99);
}

TEST(Sample, FewKeysAreFollowedWhenThereAreMany) {
  ExpectCoverage(1, 3000, 0.8);
  Profile profile({.max_keys = 3000});
  Stream(1, 0.8).Into(profile);
  EXPECT_LE(profile.ToJson({}, {})["followed_keys"], 3000);
  EXPECT_EQ(std::exp2(std::round(std::log2(profile.rate()))), profile.rate());
}

TEST(Sample, OfOneHundredthIsPrecise) {
  Profile exact({});
  Profile estimated({.sample = 0.01});
  Rng rng(1);
  for (int i = 0; i < 1'000'000; ++i) {
    const std::uint64_t hash = HashOf(rng.Below(100'000));
    exact.Add({}, hash);
    estimated.Add({}, hash);
  }
  const json figures = FiguresOf(estimated);
  const double reuse = FiguresOf(exact)["reuse_rate"]["value"];
  EXPECT_NEAR(figures["reuse_rate"]["value"], reuse, 0.01);
  EXPECT_LT(
      figures["reuse_rate"]["high"].get<double>() - figures["reuse_rate"]["low"].get<double>(),
      0.02);
  EXPECT_NE(figures["reuse_rate"]["high"], figures["reuse_rate"]["low"]);
}

// A recording of one key in ten tells of all.
TEST(Recorded, KeysAreScaledUp) {
  constexpr int kCases = 40;
  std::map<std::string, int> covered;
  for (std::uint64_t seed = 1; seed <= kCases; ++seed) {
    Stream stream(seed, 0.8);
    Profile exact({});
    Profile known({});
    std::uint64_t lookups = 0;
    for (int i = 0; i < 100'000; ++i) {
      const std::uint64_t key = stream.zipf.Draw(stream.rng);
      const Record record{.op = i % 10 == 0 ? Op::kStore : Op::kLoad};
      lookups += i % 10 != 0;
      exact.Add(record, HashOf(key, seed));
      if (HashOf(key, seed + 1000) % 10 == 0) known.Add(record, HashOf(key, seed));
    }
    Recording recording = RecordingOf(Recording::Of::kKeys, 0.1);
    const json truth = FiguresOf(exact);
    // Without the totals the whole is estimated as well, and the intervals are wider.
    const json wide = FiguresOf(known, recording);
    recording.until.ops = 100'000;
    recording.until.lookups = lookups;
    const json narrow = FiguresOf(known, recording);
    EXPECT_TRUE(narrow["top100_share"].contains("unknown"));
    for (const char* name : {"reuse_rate", "hit_rate"}) {
      const double value = truth[name]["value"];
      covered[std::string(name) + " wide"] +=
          wide[name]["low"] <= value && value <= wide[name]["high"];
      covered[std::string(name) + " narrow"] +=
          narrow[name]["low"] <= value && value <= narrow[name]["high"];
    }
  }
  for (const auto& [name, count] : covered) EXPECT_GE(count, 34) << name;
}

TEST(Recorded, OperationsDoNotTellOfReuse) {
  Profile profile({});
  for (std::uint64_t i = 0; i < 1000; ++i) profile.Add({.found = i % 4 != 0}, HashOf(i % 10));
  const json figures = FiguresOf(profile, RecordingOf(Recording::Of::kOperations, 0.01));
  EXPECT_TRUE(figures["reuse_rate"].contains("unknown"));
  EXPECT_TRUE(figures["locality"].contains("unknown"));
  EXPECT_DOUBLE_EQ(figures["top100_share"]["value"], 1);
  EXPECT_DOUBLE_EQ(figures["hit_rate"]["value"], 0.75);
}

TEST(Recorded, WhatTheProgramFoundCounts) {
  Profile profile({});
  profile.Add({.op = Op::kLoad, .found = true}, 1);  // was there before the recording
  profile.Add({.op = Op::kLoad}, 2);
  const json figures = FiguresOf(profile);
  EXPECT_DOUBLE_EQ(figures["hit_rate"]["value"], 0.5);
  EXPECT_TRUE(figures["hit_rate"]["told"]);
}

TEST(Growth, FollowsDistinctAndPresentKeys) {
  Profile profile({});
  for (std::uint64_t i = 0; i < 10'000; ++i) profile.Add({.op = Op::kStore}, HashOf(i % 5000));
  for (std::uint64_t i = 0; i < 1000; ++i) profile.Add({.op = Op::kDelete}, HashOf(i));
  const json growth = FiguresOf(profile)["growth"];
  ASSERT_GE(growth.size(), 20u);
  ASSERT_LE(growth.size(), 65u);
  for (const json& point : growth) {
    const auto operation = point["operation"].get<std::uint64_t>();
    EXPECT_EQ(point["distinct"], std::min<std::uint64_t>(operation, 5000));
    EXPECT_EQ(point["present"], operation <= 10'000 ? std::min<std::uint64_t>(operation, 5000)
                                                    : 5000 - (operation - 10'000));
  }
}

double Dispersion(const Arrivals& arrivals, double seconds) {
  for (const Arrivals::Window& window : arrivals.Windows()) {
    if (window.seconds == seconds) return window.dispersion;
  }
  ADD_FAILURE() << "no window of " << seconds << " s";
  return -1;
}

TEST(ArrivalsTest, PoissonIsOneAtEveryLength) {
  Arrivals arrivals;
  Rng rng(3);
  double now = 1e9;
  for (int i = 0; i < 1'000'000; ++i) {
    now += -std::log(1 - rng.Below(1 << 24) / double{1 << 24}) * 1000;
    arrivals.Add(static_cast<std::uint64_t>(now));
  }
  EXPECT_GE(arrivals.Windows().size(), 12u);
  for (const Arrivals::Window& window : arrivals.Windows()) {
    const double error = 4 * std::sqrt(2.0 / static_cast<double>(window.windows));
    EXPECT_NEAR(window.dispersion, 1, error) << window.seconds;
    EXPECT_NEAR(window.mean, window.seconds * 1e6, 0.1 * window.seconds * 1e6);
  }
}

TEST(ArrivalsTest, ClockworkAndBursts) {
  Arrivals clockwork;
  Arrivals bursts;
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    clockwork.Add(i * 1'000'000);
    bursts.Add(i / 1000 * 1'000'000'000 +
               i % 1000 * 1'000);  // 1000 within a millisecond, each second
  }
  EXPECT_NEAR(Dispersion(clockwork, 0.001 * 64), 0, 1e-9);
  EXPECT_NEAR(Dispersion(bursts, 1e-6 * 1024 * 64), 1000 * (1 - 0.065), 30);
}

// A clock of whole seconds must not look like bursts.
TEST(ArrivalsTest, CoarseClocks) {
  Arrivals arrivals;
  for (std::uint64_t i = 0; i < 200'000; ++i) arrivals.Add(i / 1000 * 1'000'000'000);
  for (const Arrivals::Window& window : arrivals.Windows()) {
    EXPECT_NEAR(window.dispersion, 0, 1e-6) << window.seconds;
  }
  EXPECT_NEAR(Dispersion(arrivals, 1), 0, 1e-6);
}

TEST(ArrivalsTest, LongGapsCostNothing) {
  Arrivals arrivals;
  arrivals.Add(0);
  arrivals.Add(std::uint64_t{1} << 63);
  EXPECT_EQ(arrivals.Windows().size(), 0u);
  EXPECT_EQ(arrivals.duration_ns(), std::uint64_t{1} << 63);
}

TEST(SizeHistogramTest, QuantilesAreNearTheTruth) {
  SizeHistogram sizes;
  for (std::uint64_t size = 0; size <= 100'000; ++size) sizes.Add(size);
  EXPECT_DOUBLE_EQ(sizes.mean(), 50'000);
  EXPECT_EQ(sizes.max(), 100'000u);
  EXPECT_NEAR(static_cast<double>(sizes.Quantile(0.5)), 50'000, 50'000 / 32.0);
  EXPECT_NEAR(static_cast<double>(sizes.Quantile(0.99)), 99'000, 99'000 / 32.0);
  SizeHistogram one;
  one.Add(~std::uint64_t{0});
  EXPECT_EQ(one.Quantile(0.5), ~std::uint64_t{0});
}

TEST(FrequentKeysTest, CountsAreTooSmallByItsErrorAtMost) {
  FrequentKeys keys(8);
  std::map<std::uint64_t, std::uint64_t> truth;
  Rng rng(2);
  workloads::Zipf zipf(100'000, 1.0);
  for (int i = 0; i < 200'000; ++i) {
    const std::uint64_t hash = HashOf(zipf.Draw(rng));
    keys.Add(hash, 1);
    ++truth[hash];
  }
  std::vector<std::uint64_t> counts;
  for (const auto& [hash, count] : truth) counts.push_back(count);
  std::sort(counts.rbegin(), counts.rend());
  for (const std::size_t top : {1, 3, 10}) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < top; ++i) sum += counts[i];
    EXPECT_LE(keys.TopSum(top), sum);
    EXPECT_GE(keys.TopSum(top) + top * keys.error(), sum);
  }
  EXPECT_LT(keys.error(), 3 * 200'000u / 256);
  EXPECT_GT(keys.error(), 0u);
}

}  // namespace
}  // namespace cmap::trace
