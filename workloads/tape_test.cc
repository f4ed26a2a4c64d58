// SPDX-License-Identifier: Apache-2.0
#include "workloads/tape.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "workloads/keys.h"
#include "workloads/values.h"

namespace cmap::workloads {
namespace {

static_assert(sizeof(Entry) == 4);
static_assert(EntryOp(MakeEntry(Op::kLoadOrCompute, 0x0fffffff)) ==
              Op::kLoadOrCompute);
static_assert(EntryIndex(MakeEntry(Op::kLoadOrCompute, 0x0fffffff)) ==
              0x0fffffff);
static_assert(kPointOps <= 16);

Spec Make(KeySpec keys, Regime regime = Regime::kStationary) {
  Spec spec;
  spec.keys = keys;
  spec.mix = {60, 10, 5, 5, 5, 5, 5, 5, 0};
  if (keys.stream == Stream::kKrr && regime == Regime::kStationary) {
    spec.mix = {60, 10, 20, 0, 0, 10};
  }
  spec.population = 1000;
  spec.regime = regime;
  spec.ops = 1000;
  return spec;
}

// Every stream, with its name in failures.
std::vector<Spec> AllSpecs() {
  std::vector<Spec> specs = {
      Make({.stream = Stream::kUniform}),
      Make({.stream = Stream::kZipf, .theta = 0.5}),
      Make({.stream = Stream::kZipf, .theta = 1}),
      Make({.stream = Stream::kZipf, .theta = 1.2}),
      Make({.stream = Stream::kHotSet, .hot_fraction = 0.1, .hot_share = 0.9}),
      Make({.stream = Stream::kSequentialNew}),
  };
  for (const Choice choice :
       {Choice::kUniform, Choice::kZipf, Choice::kStackDistance}) {
    for (const Sharing sharing : {Sharing::kPrivate, Sharing::kShared}) {
      for (const Regime regime : {Regime::kGrowth, Regime::kStationary}) {
        specs.push_back(Make({.stream = Stream::kKrr,
                              .reuse = 0.7,
                              .choice = choice,
                              .sharing = sharing},
                             regime));
      }
    }
  }
  return specs;
}

// FNV-1a over all entries and prefilled indices.
std::uint64_t Hash(const Tape& tape) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  const auto add = [&](std::uint32_t word) {
    hash = (hash ^ word) * 0x100000001b3ULL;
  };
  for (const auto& thread : tape.threads) {
    for (const Entry entry : thread) add(entry);
  }
  for (const std::uint32_t index : tape.prefill) add(index);
  add(tape.universe);
  return hash;
}

// The tape of a seed is part of the interface: results name seeds. These
// hashes hold for every compiler and architecture; a change here makes old
// seeds mean other tapes.
TEST(Tape, GoldenHashes) {
  const std::vector<std::uint64_t> golden = {
      2654722238035643691u,
      15759330874804064811u,
      7544929062018819115u,
      13864381561618917755u,
      5764437988377620203u,
      2846520608410269527u,
      9223316863621253701u,
      15837698553433795631u,
      15066236985814439172u,
      17812777244146310856u,
      13830661808068101573u,
      9408651524055450703u,
      14438086965884676180u,
      17792827206940516856u,
      4926013171986749125u,
      4827608353286265391u,
      1617862303403999556u,
      15544887239703193256u,
  };
  const std::vector<Spec> specs = AllSpecs();
  std::string actual;
  std::vector<std::uint64_t> hashes;
  for (const Spec& spec : specs) {
    hashes.push_back(Hash(GenerateTape(spec, 2, 5000, 42)));
    actual += "      " + std::to_string(hashes.back()) + "u,\n";
  }
  EXPECT_EQ(hashes, golden) << "actual:\n" << actual;
}

TEST(Tape, SameSeedSameTapeOtherSeedOtherTape) {
  for (const Spec& spec : AllSpecs()) {
    const Tape a = GenerateTape(spec, 2, 3000, 1);
    const Tape b = GenerateTape(spec, 2, 3000, 1);
    const Tape c = GenerateTape(spec, 2, 3000, 2);
    EXPECT_EQ(a.threads, b.threads);
    EXPECT_EQ(a.prefill, b.prefill);
    EXPECT_NE(a.threads, c.threads);
    EXPECT_NE(a.threads[0], a.threads[1]);
  }
}

TEST(Tape, EntriesAreWithinTheUniverseAndTheMix) {
  for (const Spec& spec : AllSpecs()) {
    for (const int threads : {1, 3}) {
      const Tape tape = GenerateTape(spec, threads, 3000, 1);
      ASSERT_EQ(tape.threads.size(), static_cast<std::size_t>(threads));
      for (const auto& thread : tape.threads) {
        ASSERT_EQ(thread.size(), tape.length());
        for (const Entry entry : thread) {
          ASSERT_LT(EntryIndex(entry), tape.universe);
          const auto op = static_cast<std::size_t>(EntryOp(entry));
          ASSERT_LT(op, kPointOps);
          ASSERT_TRUE((tape.op_set >> op) & 1);
          if (!tape.pairs_deletes || EntryOp(entry) != Op::kDelete) {
            ASSERT_GT(spec.mix[op], 0);
          }
        }
      }
      ASSERT_TRUE(std::is_sorted(tape.prefill.begin(), tape.prefill.end()));
      for (const std::uint32_t i : tape.prefill) ASSERT_LT(i, tape.universe);
    }
  }
}

TEST(Tape, MixSharesAreRealised) {
  for (const Spec& spec : AllSpecs()) {
    const Tape tape = GenerateTape(spec, 2, 20000, 1);
    std::vector<double> counts(kPointOps, 0);
    double total = 0;
    for (const auto& thread : tape.threads) {
      for (const Entry entry : thread) {
        if (tape.pairs_deletes && EntryOp(entry) == Op::kDelete) continue;
        ++counts[static_cast<std::size_t>(EntryOp(entry))];
        ++total;
      }
    }
    for (std::size_t op = 0; op < kPointOps; ++op) {
      EXPECT_NEAR(counts[op] / total * 100, spec.mix[op], 0.3);
    }
  }
}

TEST(Tape, PrefillIsExact) {
  Spec spec = Make({.stream = Stream::kUniform});
  for (const std::uint64_t population : {1u, 10u, 997u, 100000u}) {
    for (const double share : {0.0, 0.001, 0.5, 0.333, 0.999, 1.0}) {
      spec.population = population;
      spec.prefill = share;
      const Tape tape = GenerateTape(spec, 1, 10, 3);
      EXPECT_EQ(tape.prefill.size(),
                static_cast<std::size_t>(
                    std::llround(share * static_cast<double>(population))));
      EXPECT_EQ(std::set<std::uint32_t>(tape.prefill.begin(),
                                        tape.prefill.end())
                    .size(),
                tape.prefill.size());
    }
  }
  spec.prefill.reset();  // (10 + 5 + 5) / (10 + 5 + 5 + 15)
  spec.population = 35000;
  EXPECT_EQ(GenerateTape(spec, 1, 10, 3).prefill.size(), 20000u);
  spec.regime = Regime::kGrowth;
  EXPECT_EQ(GenerateTape(spec, 1, 10, 3).prefill.size(), 0u);
}

TEST(Tape, RefusesWhatItCannotHold) {
  Spec spec = Make({.stream = Stream::kSequentialNew}, Regime::kGrowth);
  EXPECT_THROW(GenerateTape(spec, 2, kMaxKeys, 1), SpecError);
  EXPECT_THROW(GenerateTape(spec, 0, 10, 1), SpecError);
  EXPECT_THROW(GenerateTape(spec, kMaxThreads + 1, 10, 1), SpecError);
  EXPECT_THROW(GenerateTape(spec, 1, 0, 1), SpecError);
  spec.keys = {.stream = Stream::kKrr, .reuse = 0.1};
  EXPECT_THROW(GenerateTape(spec, 2, kMaxKeys, 1), SpecError);
  spec.keys.sharing = Sharing::kShared;
  EXPECT_THROW(GenerateTape(spec, 2, kMaxKeys, 1), SpecError);
}

TEST(SliceOps, JitterIsLogUniformOverOneDoubling) {
  Spec spec = Make({.stream = Stream::kKrr, .reuse = 0.5}, Regime::kGrowth);
  spec.ops = 100000;
  EXPECT_EQ(SliceOps(spec, 1, 0), 100000u);
  EXPECT_NEAR(static_cast<double>(SliceOps(spec, 1, 0.5)), 141421, 1);
  EXPECT_LE(SliceOps(spec, 1, 0.9999999), 200000u);
  EXPECT_NEAR(static_cast<double>(MaxSliceOps(spec, 1)), 200000, 1);
  for (const double jitter : {0.0, 0.2, 0.77}) {
    EXPECT_EQ(SliceOps(spec, 3, jitter) % 3, 0u);
    EXPECT_LE(SliceOps(spec, 3, jitter), MaxSliceOps(spec, 3));
  }
}

TEST(SliceOps, FixedDistinctReachesExactlyItsKeys) {
  for (const double reuse : {0.0, 0.1, 0.5, 0.83, 0.9, 0.99}) {
    for (const Sharing sharing : {Sharing::kPrivate, Sharing::kShared}) {
      for (const int threads : {1, 2, 4}) {
        Spec spec = Make(
            {.stream = Stream::kKrr, .reuse = reuse, .sharing = sharing},
            Regime::kFixedDistinct);
        spec.ops = 1000;
        const std::uint64_t n = SliceOps(spec, threads, 0.3);
        EXPECT_EQ(n, MaxSliceOps(spec, threads));
        ASSERT_EQ(n % static_cast<std::uint64_t>(threads), 0u);
        const Tape tape = GenerateTape(
            spec, threads, n / static_cast<std::uint64_t>(threads), 1);
        // Rounding to whole rounds of the threads may cost shared mode keys.
        const auto keys = static_cast<unsigned>(1000 * FillScale(threads));
        EXPECT_LE(tape.universe, keys);
        EXPECT_GE(tape.universe,
                  sharing == Sharing::kShared ? keys - threads + 1 : keys);
      }
    }
  }
}

TEST(SliceOps, GrowWithTheThreadsBeyondTwo) {
  Spec spec = Make({.stream = Stream::kKrr, .reuse = 0.5}, Regime::kGrowth);
  spec.ops = 100000;
  EXPECT_EQ(SliceOps(spec, 2, 0), 100000u);
  EXPECT_EQ(SliceOps(spec, 16, 0), 800000u);
  EXPECT_EQ(SliceOps(spec, 128, 0), 6400000u);
  spec.regime = Regime::kFixedDistinct;
  EXPECT_EQ(SliceOps(spec, 16, 0), 16 * SliceOps(spec, 2, 0) / 2);
}

TEST(ForEachStretch, WrapsAsOftenAsNeeded) {
  const std::vector<Entry> tape = {1, 2, 3, 4, 5};
  for (std::size_t position = 0; position < 12; ++position) {
    for (std::size_t n = 0; n <= 17; ++n) {
      std::vector<Entry> seen;
      ForEachStretch(tape, position, n, [&](std::span<const Entry> entries, std::size_t first) {
        ASSERT_EQ(first, (position + seen.size()) % 5);
        seen.insert(seen.end(), entries.begin(), entries.end());
      });
      ASSERT_EQ(seen.size(), n);
      for (std::size_t i = 0; i < n; ++i) {
        EXPECT_EQ(seen[i], tape[(position + i) % 5]);
      }
    }
  }
}

// Parts are made in any order, at the same time: the same tape.
TEST(Tape, IsTheSameWhoeverMakesItsParts) {
  const Parallel backwards = [](std::size_t parts, const std::function<void(std::size_t)>& f) {
    for (std::size_t part = parts; part-- > 0;) f(part);
  };
  for (const Spec& spec : AllSpecs()) {
    const Tape a = GenerateTape(spec, 3, 5000, 5);
    const Tape b = GenerateTape(spec, 3, 5000, 5, backwards);
    EXPECT_EQ(a.threads, b.threads);
    EXPECT_EQ(a.prefill, b.prefill);
    EXPECT_EQ(a.op_set, b.op_set);
    EXPECT_EQ(a.private_keys, b.private_keys);
  }
}

TEST(Tape, KnowsWhetherItsKeysArePrivate) {
  for (const Spec& spec : AllSpecs()) {
    const Tape tape = GenerateTape(spec, 3, 5000, 5);
    std::vector<int> owner(tape.universe, -1);
    bool shared = false;
    for (int t = 0; t < 3; ++t) {
      for (const Entry entry : tape.threads[static_cast<std::size_t>(t)]) {
        int& it = owner[EntryIndex(entry)];
        shared |= it >= 0 && it != t;
        it = t;
      }
    }
    EXPECT_EQ(tape.private_keys, !shared);
  }
}

TEST(Keys, AreDistinctAndValuesVerifiable) {
  constexpr std::uint32_t kMany = 200000;
  std::set<std::uint64_t> keys;
  std::set<std::uint64_t> checks;
  std::set<std::uint64_t> parts;
  std::set<std::string> strings;
  const Keys<std::uint64_t> u64;
  for (std::uint32_t i = 0; i < kMany; ++i) {
    // Both ends of the index space.
    const std::uint32_t index = i % 2 == 0 ? i : kMaxKeys - i;
    keys.insert(u64(index));
    checks.insert(ValueFor(index, 1) >> 8);
    parts.insert(CheckPartOf(index));
    strings.insert(StringKey(index, 12));
    ASSERT_EQ(ValueFor(index, 0) >> 8, ValueFor(index, 1) >> 8);
    ASSERT_NE(ValueFor(index, 0), ValueFor(index, 1));
    ASSERT_EQ((ValueFor(index, 1) ^ u64(index)) >> 8, 0u);
  }
  EXPECT_EQ(keys.size(), kMany);
  EXPECT_EQ(checks.size(), kMany);
  EXPECT_EQ(parts.size(), kMany);
  EXPECT_EQ(strings.size(), kMany);
}

// The index that a key is of, each layout read backwards from what keys.h says of it: where
// every index comes back no two of them share a key.
std::uint64_t IndexOf(KeyLayout layout, std::uint64_t stride, std::uint64_t key) {
  switch (layout) {
    case KeyLayout::kMixed: {
      std::uint64_t inverse = 1;  // of the odd multiplier, by Newton's iteration
      for (int i = 0; i < 6; ++i) inverse *= 2 - MixIndex(0) * inverse;
      return key * inverse - 1;
    }
    case KeyLayout::kSequential: return key - 1;
    case KeyLayout::kStrided: return key % stride == 0 ? key / stride - 1 : ~std::uint64_t{0};
    case KeyLayout::kHighBits: return (key >> 36) - 1;
    case KeyLayout::kLowEntropy: return (key >> 40 << 8 | (key & 0xff)) - 1;
  }
  return 0;
}

TEST(Keys, OfEveryLayoutAreDistinct) {
  struct Case {
    KeyLayout layout;
    std::uint64_t stride;
    std::uint64_t varying;  // the only bits in which keys differ
  };
  const Case cases[] = {
      {KeyLayout::kMixed, 64, ~std::uint64_t{0}},
      {KeyLayout::kSequential, 64, (kMaxKeys << 1) - 1},
      {KeyLayout::kStrided, 64, ((kMaxKeys << 1) - 1) << 6},
      {KeyLayout::kStrided, 4096, ((kMaxKeys << 1) - 1) << 12},
      {KeyLayout::kStrided, kLongestStride, ~std::uint64_t{0} << 36},
      {KeyLayout::kHighBits, 64, ~std::uint64_t{0} << 36},
      {KeyLayout::kLowEntropy, 64, ~std::uint64_t{0} << 40 | 0xff},
  };
  // A million indices at either end of the largest population, and every 251st between.
  constexpr std::uint64_t kEnd = 1 << 20;
  for (const Case& c : cases) {
    const LaidOutKeys keys(c.layout, c.stride);
    std::uint64_t wrong = 0, stray = 0;
    for (std::uint64_t i = 0; i < kMaxKeys; i += i < kEnd || i >= kMaxKeys - kEnd ? 1 : 251) {
      const std::uint64_t key = keys(static_cast<std::uint32_t>(i));
      // The last key of the longest stride is 2^64, and that of high_bits.
      wrong |= (IndexOf(c.layout, c.stride, key) ^ i) & (kMaxKeys - 1);
      stray |= key & ~c.varying;
    }
    EXPECT_EQ(wrong, 0u) << KeyLayoutName(c.layout) << " " << c.stride;
    EXPECT_EQ(stray, 0u) << KeyLayoutName(c.layout) << " " << c.stride;
  }
}

// The two classes have the same mixed keys.
TEST(Keys, MixedAreMixedInBothWorkers) {
  const LaidOutKeys laid_out;
  const Keys<std::uint64_t> mixed;
  for (std::uint64_t i = 0; i < kMaxKeys; i += 1009) {
    const auto index = static_cast<std::uint32_t>(i);
    ASSERT_EQ(laid_out(index), mixed(index));
  }
}

// Of ten thousand keys as many bits vary as it takes to count them.
TEST(Keys, OfLowEntropyVaryInFewBits) {
  const LaidOutKeys keys(KeyLayout::kLowEntropy);
  std::uint64_t varying = 0;
  for (std::uint32_t i = 0; i < 10'000; ++i) varying |= keys(i) ^ keys(0);
  EXPECT_EQ(varying, std::uint64_t{0x3f} << 40 | 0xff);
}

TEST(Keys, StringsHaveTheirLengthAndAreKept) {
  for (const std::uint32_t bytes : {5u, 8u, 15u, 16u, 32u, 100u}) {
    const Keys<std::string> keys(1000, bytes);
    std::set<std::string> distinct;
    for (std::uint32_t i = 0; i < 1000; ++i) {
      ASSERT_EQ(keys(i), StringKey(i, bytes));
      ASSERT_EQ(keys(i).size(), bytes);
      for (const char c : keys(i)) ASSERT_TRUE(c > ' ' && c < 127);
      distinct.insert(keys(i));
    }
    EXPECT_EQ(distinct.size(), 1000u);
  }
  for (const std::uint32_t bytes : {8u, 9u, 64u}) {
    const Values<std::string> values(1000, bytes);
    for (std::uint32_t i = 0; i < 1000; ++i) {
      for (const std::uint64_t version : {0u, 1u}) {
        ASSERT_EQ(values(i, version).size(), bytes);
        ASSERT_EQ(WordOf(values(i, version)), ValueFor(i, version));
      }
      ASSERT_NE(values(i, 0), values(i, 1));
    }
  }
}

}  // namespace
}  // namespace cmap::workloads
