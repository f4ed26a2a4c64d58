// SPDX-License-Identifier: Apache-2.0
//
// The bounds are held against the truth: all interleavings of small tapes,
// enumerated without any of the reasoning under test.
#include "workloads/expectation.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "workloads/key_state.h"
#include "workloads/rng.h"

namespace cmap::workloads {
namespace {

using internal::BoundKey;
using internal::KeyBounds;
using internal::KeyOp;

// A reference of the operations that shares nothing with key_state.h: keys hold
// -1 (absent), 0 or 1.
struct Reference {
  std::vector<int> keys;
  SliceResult result;
  std::uint64_t returned = 0;

  void Apply(Op op, std::uint32_t index, int version) {
    int& value = keys[index];
    ++result.ops;
    const bool present = value >= 0;
    const auto give = [&] {
      ++returned;
      result.check_sum += CheckPartOf(index);
    };
    switch (op) {
      case Op::kLoad:
        if (present) ++result.hits, give();
        break;
      case Op::kStore:
        value = version;
        break;
      case Op::kLoadOrStore:
      case Op::kLoadOrCompute:
        if (present) {
          ++result.loaded;
        } else {
          value = version;
        }
        give();
        break;
      case Op::kLoadAndDelete:
        if (present) ++result.removed, give();
        value = -1;
        break;
      case Op::kDelete:
        result.removed += present;
        value = -1;
        break;
      case Op::kSwap:
        if (present) ++result.replaced, give();
        value = version;
        break;
      case Op::kCompareAndSwap:
        if (value == 1 - version) {
          value = version;
          ++result.swapped;
        }
        break;
      case Op::kCompareAndDelete:
        if (value == version) {
          value = -1;
          ++result.removed;
        }
        break;
      default:
        FAIL();
    }
  }
  std::uint64_t size() const {
    return static_cast<std::uint64_t>(
        std::count_if(keys.begin(), keys.end(), [](int v) { return v >= 0; }));
  }
};

// Runs every interleaving of the threads' stretches: n[t] entries from begin[t].
void Interleave(const Tape& tape, const std::vector<std::uint64_t>& begin,
                const std::vector<std::uint64_t>& n, const Reference& start,
                const std::function<void(const Reference&)>& done) {
  std::vector<std::size_t> at(tape.threads.size(), 0);
  const std::function<void(const Reference&)> step = [&](const Reference& now) {
    bool moved = false;
    for (std::size_t t = 0; t < at.size(); ++t) {
      if (at[t] == n[t]) continue;
      moved = true;
      const std::size_t position = (begin[t] + at[t]) % tape.length();
      const Entry entry = tape.threads[t][position];
      Reference next = now;
      next.Apply(EntryOp(entry), EntryIndex(entry), position & 1);
      ++at[t];
      step(next);
      --at[t];
    }
    if (!moved) done(now);
  };
  step(start);
}

struct Span {
  std::uint64_t lo = ~std::uint64_t{0};
  std::uint64_t hi = 0;
  void Add(std::uint64_t x) {
    lo = std::min(lo, x);
    hi = std::max(hi, x);
  }
};

Tape RandomTape(Rng& rng, std::size_t threads, std::size_t length,
                std::uint32_t keys, const std::vector<Op>& ops) {
  Tape tape;
  tape.universe = keys;
  tape.threads.resize(threads);
  for (auto& thread : tape.threads) {
    for (std::size_t i = 0; i < length; ++i) {
      const Op op = ops[rng.Below(static_cast<std::uint32_t>(ops.size()))];
      thread.push_back(MakeEntry(op, rng.Below(keys)));
      tape.op_set |= OpBit(op);
    }
  }
  for (std::uint32_t k = 0; k < keys; ++k) {
    if (rng.Below(2) == 0) tape.prefill.push_back(k);
  }
  return tape;
}

std::vector<Op> AllOps() {
  std::vector<Op> ops;
  for (std::size_t i = 0; i < kPointOps; ++i) ops.push_back(static_cast<Op>(i));
  return ops;
}

Reference StartOf(const Tape& tape) {
  Reference start;
  start.keys.assign(tape.universe, -1);
  for (const std::uint32_t i : tape.prefill) start.keys[i] = 0;
  return start;
}

// How often a bound was claimed exact, per kind of tape: a rule that always
// answers [0, n] would pass soundness and fail here.
struct Score {
  int slices = 0;
  int exact = 0;
  int tight = 0;  // bounds equal to the true extremes in every count
};

// All interleavings of two slices in a row: every outcome must be within the
// bounds, and what is claimed exact must be.
Score CheckTapes(std::uint64_t seed, int rounds, std::size_t threads,
                 std::size_t length, std::uint32_t keys,
                 const std::vector<Op>& ops) {
  Rng rng(seed);
  Score score;
  for (int round = 0; round < rounds; ++round) {
    const Tape tape = RandomTape(rng, threads, length, keys, ops);
    Simulator simulator(tape);
    std::set<std::vector<int>> states = {StartOf(tape).keys};
    std::vector<std::uint64_t> position(threads, 0);
    for (const std::size_t most : {length / 2, length - length / 2}) {
      // Threads do not get equally far.
      std::vector<std::uint64_t> n(threads, most);
      if (round % 2 == 1) n[rng.Below(static_cast<std::uint32_t>(threads))] = rng.Below(static_cast<std::uint32_t>(most + 1));
      const Expected expected = simulator.Advance(n);
      std::set<std::vector<int>> after;
      Span hits, loaded, removed, replaced, swapped, check_sum, size;
      for (const std::vector<int>& state : states) {
        Reference start;
        start.keys = state;
        Interleave(tape, position, n, start, [&](const Reference& end) {
          const std::string what = expected.Mismatch(end.result, end.size());
          EXPECT_EQ(what, "") << "seed " << seed << " round " << round;
          hits.Add(end.result.hits);
          loaded.Add(end.result.loaded);
          removed.Add(end.result.removed);
          replaced.Add(end.result.replaced);
          swapped.Add(end.result.swapped);
          check_sum.Add(end.result.check_sum);
          size.Add(end.size());
          after.insert(end.keys);
        });
      }
      const auto compare = [&](const Span& truth, Bounds bounds) {
        if (bounds.exact()) {
          EXPECT_EQ(truth.lo, bounds.lo);
          EXPECT_EQ(truth.hi, bounds.hi);
        }
        return truth.lo == bounds.lo && truth.hi == bounds.hi;
      };
      ++score.slices;
      score.exact += expected.exact();
      const bool all[] = {
          compare(hits, expected.hits),
          compare(loaded, expected.loaded),
          compare(removed, expected.removed),
          compare(replaced, expected.replaced),
          compare(swapped, expected.swapped),
          compare(check_sum, expected.check_sum),
          compare(size, expected.final_size),
      };
      score.tight += std::all_of(std::begin(all), std::end(all),
                                 [](bool x) { return x; });
      states = std::move(after);
      for (std::size_t t = 0; t < threads; ++t) position[t] += n[t];
      if (testing::Test::HasFailure()) return score;
    }
  }
  return score;
}

TEST(Bounds, OneThreadIsExact) {
  const Score score = CheckTapes(1, 500, 1, 12, 3, AllOps());
  EXPECT_EQ(score.exact, score.slices);
  EXPECT_EQ(score.tight, score.slices);
}

TEST(Bounds, TwoThreadsAllOperations) {
  const Score score = CheckTapes(2, 400, 2, 6, 2, AllOps());
  EXPECT_GT(score.tight, score.slices / 4);
}

TEST(Bounds, TwoThreadsOneKey) {
  const Score score = CheckTapes(3, 400, 2, 6, 1, AllOps());
  EXPECT_GT(score.tight, score.slices / 4);
}

TEST(Bounds, ThreeThreads) { CheckTapes(4, 100, 3, 4, 2, AllOps()); }

TEST(Bounds, LongerStretchesOfTwoThreads) {
  CheckTapes(5, 25, 2, 10, 2, AllOps());
}

TEST(Bounds, LoadOrStoreOnlyIsExact) {
  const Score score = CheckTapes(
      6, 200, 3, 4, 3, {Op::kLoadOrStore, Op::kLoadOrCompute});
  EXPECT_EQ(score.exact, score.slices);
}

TEST(Bounds, StoresOnlyAndLoadsOnlyAreExact) {
  for (const Op op : {Op::kStore, Op::kLoad}) {
    const Score score = CheckTapes(9, 100, 3, 4, 3, {op});
    EXPECT_EQ(score.exact, score.slices);
  }
}

TEST(Bounds, UnconditionalDeletesOnlyAreExact) {
  const Score score = CheckTapes(7, 200, 3, 4, 3, {Op::kDelete});
  EXPECT_EQ(score.exact, score.slices);
}

TEST(Bounds, LoadsAndStoresOfPresentKeysAreExact) {
  Rng rng(8);
  for (int round = 0; round < 100; ++round) {
    Tape tape = RandomTape(rng, 3, 4, 3,
                           {Op::kLoad, Op::kStore, Op::kSwap,
                            Op::kLoadOrStore});
    tape.prefill = {0, 1, 2};
    Simulator simulator(tape);
    const Expected expected = simulator.Advance(4);
    EXPECT_TRUE(expected.exact());
    Interleave(tape, {0, 0, 0}, {4, 4, 4}, StartOf(tape), [&](const Reference& end) {
      ASSERT_EQ(expected.Mismatch(end.result, end.size()), "");
    });
  }
}

TEST(Bounds, MixesOfTwoOperations) {
  const std::vector<Op> ops = AllOps();
  std::uint64_t seed = 100;
  for (const Op a : ops) {
    for (const Op b : ops) CheckTapes(++seed, 6, 2, 6, 2, {a, b});
  }
}

// The rule against the truth for one key and every start set, by enumeration.
TEST(BoundKey, EveryStartSet) {
  Rng rng(12);
  for (int round = 0; round < 2000; ++round) {
    Tape tape = RandomTape(rng, 2, 3, 1, AllOps());
    const std::size_t offset = rng.Below(3);
    std::vector<KeyOp> ops;
    for (std::size_t t = 0; t < 2; ++t) {
      for (std::size_t i = 0; i < 3; ++i) {
        const std::size_t p = (offset + i) % 3;
        ops.push_back({static_cast<std::uint8_t>(t),
                       static_cast<std::uint8_t>(p & 1),
                       EntryOp(tape.threads[t][p])});
      }
    }
    for (std::uint8_t set = 1; set < 8; ++set) {
      const KeyBounds bounds = BoundKey(set, ops);
      for (int state = -1; state <= 1; ++state) {
        if (((set >> (state + 1)) & 1) == 0) continue;
        Reference start;
        start.keys = {state};
        Interleave(tape, {offset, offset}, {3, 3}, start, [&](const Reference& end) {
          ASSERT_TRUE(bounds.hits.contains(end.result.hits));
          ASSERT_TRUE(bounds.loaded.contains(end.result.loaded));
          ASSERT_TRUE(bounds.removed.contains(end.result.removed));
          ASSERT_TRUE(bounds.replaced.contains(end.result.replaced));
          ASSERT_TRUE(bounds.swapped.contains(end.result.swapped));
          ASSERT_TRUE(bounds.returned.contains(end.returned));
          ASSERT_TRUE((bounds.final_states >> (end.keys[0] + 1)) & 1);
        });
      }
    }
  }
}

TEST(Simulator, LoadedIsRequestsMinusDistinctHoweverManyThreads) {
  for (const int threads : {1, 2, 4}) {
    Spec spec;
    spec.keys = {
        .stream = Stream::kKrr, .reuse = 0.8, .sharing = Sharing::kShared};
    spec.mix = {0, 0, 100};
    spec.regime = Regime::kGrowth;
    spec.ops = 1;
    const Tape tape = GenerateTape(spec, threads, 10000, 1);
    Simulator simulator(tape);
    const Expected expected = simulator.Advance(10000);
    const std::uint64_t n = 10000u * static_cast<std::uint64_t>(threads);
    EXPECT_TRUE(expected.exact());
    EXPECT_EQ(expected.loaded.lo, n - tape.universe);
    EXPECT_EQ(expected.final_size.lo, tape.universe);
    EXPECT_EQ(expected.ops[static_cast<std::size_t>(Op::kLoadOrStore)], n);
  }
}

TEST(Simulator, ResetForgets) {
  Spec spec;
  spec.mix = {50, 25, 0, 0, 25};
  spec.population = 100;
  const Tape tape = GenerateTape(spec, 2, 1000, 1);
  Simulator used(tape);
  used.Advance(777);
  used.Reset();
  Simulator fresh(tape);
  EXPECT_EQ(used.size(), fresh.size());
  const Expected a = used.Advance(500);
  const Expected b = fresh.Advance(500);
  EXPECT_EQ(a.hits, b.hits);
  EXPECT_EQ(a.removed, b.removed);
  EXPECT_EQ(a.check_sum, b.check_sum);
  EXPECT_EQ(a.final_size, b.final_size);
}

// The ledger against a replay, for every kind of tape it takes, at any position
// and over laps.
TEST(Ledger, EqualsAReplay) {
  Rng rng(21);
  for (int round = 0; round < 40; ++round) {
    Tape tape = RandomTape(rng, 1, 700 + rng.Below(2000), 50, AllOps());
    if (round % 4 == 1) {  // all present, nothing removed
      tape = RandomTape(rng, 1, 300 + rng.Below(2000), 50, {Op::kLoad, Op::kStore, Op::kSwap, Op::kLoadOrCompute});
      tape.prefill.clear();
      for (std::uint32_t k = 0; k < tape.universe; ++k) tape.prefill.push_back(k);
    } else if (round % 4 == 2) {
      tape = RandomTape(rng, 1, 300 + rng.Below(2000), 50, {Op::kLoad});
    }
    ASSERT_TRUE(Ledger::Knows(tape));
    Ledger ledger(tape);
    Reference truth = StartOf(tape);
    std::uint64_t n = 0;
    for (int step = 0; step < 12; ++step) {
      for (std::uint64_t more = rng.Below(1500); more > 0; --more, ++n) {
        const std::size_t position = n % tape.length();
        const Entry entry = tape.threads[0][position];
        truth.Apply(EntryOp(entry), EntryIndex(entry), position & 1);
      }
      ledger.Prepare({n});
      const Tally tally = ledger.At(0, n);
      const auto outcomes = [&](Op op) { return tally.outcomes[static_cast<std::size_t>(op)]; };
      EXPECT_EQ(outcomes(Op::kLoad), truth.result.hits);
      EXPECT_EQ(outcomes(Op::kSwap), truth.result.replaced);
      EXPECT_EQ(outcomes(Op::kCompareAndSwap), truth.result.swapped);
      EXPECT_EQ(tally.check_sum, truth.result.check_sum);
      EXPECT_EQ(tape.prefill.size() + static_cast<std::uint64_t>(tally.entries), truth.size());
    }
  }
}

TEST(Ledger, TakesOnlyTapesWithoutInterference) {
  Rng rng(22);
  EXPECT_FALSE(Ledger::Knows(RandomTape(rng, 2, 100, 5, AllOps())));
  EXPECT_TRUE(Ledger::Knows(RandomTape(rng, 2, 100, 5, {Op::kLoad})));
  Tape tape = RandomTape(rng, 2, 100, 5, {Op::kLoad, Op::kStore});
  tape.prefill = {0, 1, 2, 3};
  EXPECT_FALSE(Ledger::Knows(tape));
  tape.prefill = {0, 1, 2, 3, 4};
  EXPECT_TRUE(Ledger::Knows(tape));
}

// Sixteen threads that got differently far, and pieces dealt to whoever came: the
// same bounds whether the groups are made one after the other or at the same time.
TEST(Simulator, IsTheSameInParallel) {
  const Parallel threads = [](std::size_t parts, const std::function<void(std::size_t)>& f) {
    std::vector<std::thread> running;
    for (std::size_t part = 0; part < parts; ++part) running.emplace_back([&f, part] { f(part); });
    for (std::thread& thread : running) thread.join();
  };
  Rng rng(23);
  const Tape tape = RandomTape(rng, 16, 3000, 400, AllOps());
  Simulator one(tape);
  Simulator many(tape, nullptr, threads);
  for (int round = 0; round < 3; ++round) {
    std::vector<std::uint64_t> n(16);
    for (std::uint64_t& count : n) count = rng.Below(5000);
    const Expected a = one.Advance(n);
    const Expected b = many.Advance(n);
    EXPECT_EQ(a.ops, b.ops);
    EXPECT_EQ(a.hits, b.hits);
    EXPECT_EQ(a.removed, b.removed);
    EXPECT_EQ(a.swapped, b.swapped);
    EXPECT_EQ(a.check_sum, b.check_sum);
    EXPECT_EQ(a.final_size, b.final_size);
    EXPECT_LE(a.hits.lo, a.hits.hi);
  }
}

// Whoever plays the pieces of a dealt tape, in whichever order: contained.
TEST(Simulator, BoundsDealtPieces) {
  Rng rng(24);
  for (int round = 0; round < 200; ++round) {
    const Tape tape = RandomTape(rng, 1, 6, 3, AllOps());
    Played played(2);
    for (std::size_t position = 0; position < 6; position += 2) {
      played[rng.Below(2)].push_back({0, position, 2});
    }
    // The two players' programs as a tape of their own. Positions are even, so
    // versions stay.
    Tape programs;
    programs.universe = tape.universe;
    programs.threads.resize(2);
    std::vector<std::uint64_t> n;
    for (std::size_t player = 0; player < 2; ++player) {
      for (const Piece& piece : played[player]) {
        for (std::size_t i = 0; i < piece.n; ++i) {
          programs.threads[player].push_back(tape.threads[0][piece.position + i]);
        }
      }
      n.push_back(programs.threads[player].size());
      programs.threads[player].resize(6, tape.threads[0][0]);
    }
    Simulator simulator(tape);
    const Expected expected = simulator.Advance(played);
    Interleave(programs, {0, 0}, n, StartOf(tape), [&](const Reference& end) {
      ASSERT_EQ(expected.Mismatch(end.result, end.size()), "") << round;
    });
  }
}

TEST(Expected, SaysWhatIsWrong) {
  Expected expected;
  expected.ops = {10, 5};
  expected.hits = {7, 8};
  expected.final_size = {100, 100};
  SliceResult result;
  result.ops = 15;
  result.hits = 8;
  EXPECT_EQ(expected.Mismatch(result, 100), "");
  EXPECT_EQ(expected.Mismatch(result, Expected::kUnknownSize), "");
  EXPECT_EQ(expected.Mismatch(result, 99), "final size 99 instead of 100");
  const SliceResult right = result;
  result.mismatch = 1;
  EXPECT_EQ(expected.Mismatch(result, 100), "a value that belongs to another key");
  result = right, result.loaded = 1;
  EXPECT_EQ(expected.Mismatch(result, 100), "loaded 1 instead of 0");
  result = right, result.removed = 1;
  EXPECT_EQ(expected.Mismatch(result, 100), "removed 1 instead of 0");
  result = right, result.replaced = 1;
  EXPECT_EQ(expected.Mismatch(result, 100), "replaced 1 instead of 0");
  result = right, result.swapped = 1;
  EXPECT_EQ(expected.Mismatch(result, 100), "swapped 1 instead of 0");
  result = right, result.check_sum = 1;
  EXPECT_EQ(expected.Mismatch(result, 100), "checksum 1 instead of 0");
  result = right, result.hits = 9;
  EXPECT_EQ(expected.Mismatch(result, 100), "hits 9 instead of 7 to 8");
  result.ops = 14;
  EXPECT_EQ(expected.Mismatch(result, 100), "operations 14 instead of 15");
}

}  // namespace
}  // namespace cmap::workloads
