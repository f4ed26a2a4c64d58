// SPDX-License-Identifier: Apache-2.0
#include "workloads/figures.h"

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

#include "gtest/gtest.h"

namespace cmap::workloads {
namespace {

TEST(Entropy, HandComputed) {
  EXPECT_EQ(EntropyBits({}), 0);
  EXPECT_EQ(EntropyBits(std::vector<std::uint64_t>{5}), 0);
  EXPECT_EQ(EntropyBits(std::vector<std::uint64_t>{0, 0}), 0);
  EXPECT_DOUBLE_EQ(EntropyBits(std::vector<std::uint64_t>{7, 7}), 1);
  EXPECT_DOUBLE_EQ(EntropyBits(std::vector<std::uint64_t>{2, 1, 1, 0}), 1.5);
  EXPECT_DOUBLE_EQ(EntropyBits(std::vector<std::uint64_t>(1024, 3)), 10);
}

TEST(TopShare, HandComputed) {
  EXPECT_EQ(TopShare({}, 3), 0);
  EXPECT_DOUBLE_EQ(TopShare(std::vector<std::uint32_t>{1, 6, 2, 1}, 1), 0.6);
  EXPECT_DOUBLE_EQ(TopShare(std::vector<std::uint32_t>{1, 6, 2, 1}, 2), 0.8);
  EXPECT_DOUBLE_EQ(TopShare(std::vector<std::uint32_t>{1, 6, 2, 1}, 9), 1);
}

TEST(Figures, HandComputed) {
  // Key 3 is present at the start. One thread: hit, miss, inserted, loaded,
  // deleted, miss, swapped in, hit.
  Tape tape;
  tape.universe = 4;
  tape.prefill = {3};
  tape.threads = {{MakeEntry(Op::kLoad, 3), MakeEntry(Op::kLoad, 0),
                   MakeEntry(Op::kLoadOrStore, 0),
                   MakeEntry(Op::kLoadOrStore, 0), MakeEntry(Op::kDelete, 0),
                   MakeEntry(Op::kLoad, 0), MakeEntry(Op::kSwap, 2),
                   MakeEntry(Op::kLoad, 2)}};
  const Figures figures = Measure(tape, 8);
  EXPECT_EQ(figures.ops, 8u);
  EXPECT_EQ(figures.distinct, 3u);
  EXPECT_DOUBLE_EQ(figures.reuse_rate, 1 - 3.0 / 8);
  EXPECT_DOUBLE_EQ(figures.hit_rate, 3.0 / 6);
  EXPECT_DOUBLE_EQ(figures.write_share, 4.0 / 8);
  EXPECT_DOUBLE_EQ(figures.top100_share, 1);
  // Requests 1, 5 and 2, in different buckets.
  const auto bits = [](double p) { return -p * std::log2(p); };
  EXPECT_DOUBLE_EQ(figures.entropy_1024,
                   bits(5.0 / 8) + bits(2.0 / 8) + bits(1.0 / 8));

  const Figures prefix = Measure(tape, 2);
  EXPECT_EQ(prefix.ops, 2u);
  EXPECT_EQ(prefix.distinct, 2u);
  EXPECT_DOUBLE_EQ(prefix.reuse_rate, 0);
  EXPECT_DOUBLE_EQ(prefix.hit_rate, 0.5);
  EXPECT_DOUBLE_EQ(prefix.write_share, 0);
  EXPECT_DOUBLE_EQ(prefix.entropy_1024, 1);
}

TEST(Figures, TwoThreadsTakeTurns) {
  Tape tape;
  tape.universe = 2;
  tape.threads = {{MakeEntry(Op::kStore, 0), MakeEntry(Op::kLoad, 1)},
                  {MakeEntry(Op::kLoad, 0), MakeEntry(Op::kStore, 1)}};
  const Figures figures = Measure(tape, 2);
  EXPECT_EQ(figures.ops, 4u);
  EXPECT_DOUBLE_EQ(figures.hit_rate, 0.5);
  EXPECT_DOUBLE_EQ(figures.reuse_rate, 0.5);
}

TEST(Figures, PairedDeletesAreNotRequests) {
  // Key 0 is live; it is asked for, replaced by 1, which is asked for again.
  Tape tape;
  tape.universe = 2;
  tape.prefill = {0};
  tape.pairs_deletes = true;
  tape.threads = {{MakeEntry(Op::kLoadOrStore, 0), MakeEntry(Op::kDelete, 0),
                   MakeEntry(Op::kLoadOrStore, 1),
                   MakeEntry(Op::kLoadOrStore, 1)}};
  const Figures figures = Measure(tape, 4);
  EXPECT_DOUBLE_EQ(figures.reuse_rate, 1 - 1.0 / 3);
  EXPECT_DOUBLE_EQ(figures.hit_rate, 2.0 / 3);
  EXPECT_EQ(figures.ops, 4u);
}

TEST(Figures, UniformLoadsOfATypicalTape) {
  Spec spec;
  spec.population = 50000;
  spec.prefill = 0.25;
  spec.mix = {90, 0, 0, 0, 0, 0, 10};  // compare_and_swap adds no keys
  const Tape tape = GenerateTape(spec, 2, 200000, 3);
  const Figures figures = Measure(tape, tape.length());
  EXPECT_NEAR(figures.hit_rate, 0.25, 0.005);
  EXPECT_NEAR(figures.write_share, 0.1, 1e-9);
  EXPECT_GT(figures.entropy_1024, 9.9);
  EXPECT_NEAR(figures.top100_share, 0.004, 0.002);
  // 50000 (1 - (1 - 1 / 50000)^400000) = 50000 (1 - e^-8)
  EXPECT_NEAR(static_cast<double>(figures.distinct), 49983, 20);
  const nlohmann::json json = figures.ToJson();
  EXPECT_EQ(json.size(), 7u);
  EXPECT_EQ(json["ops"], 400000);
  EXPECT_EQ(json["distinct"], figures.distinct);
  EXPECT_EQ(json["hit_rate"], figures.hit_rate);
}

}  // namespace
}  // namespace cmap::workloads
