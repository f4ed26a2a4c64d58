// SPDX-License-Identifier: Apache-2.0
#include "maps/verification/checker.h"

#include <algorithm>
#include <array>
#include <vector>

#include "gtest/gtest.h"
#include "maps/testing/harness.h"
#include "maps/verification/history.h"

namespace cmap::verification {
namespace {

using testing::Random;

Operation Load(std::uint64_t from, std::uint64_t to, Id result, int key = 0) {
  Operation o;
  o.op = Op::kLoad;
  o.key = static_cast<std::uint16_t>(key);
  o.result = result;
  o.invoked = from;
  o.returned = to;
  return o;
}
Operation Store(std::uint64_t from, std::uint64_t to, Id value, int key = 0) {
  Operation o = Load(from, to, kAbsent, key);
  o.op = Op::kStore;
  o.argument = value;
  return o;
}
Operation LoadAndDelete(std::uint64_t from, std::uint64_t to, Id result) {
  Operation o = Load(from, to, result);
  o.op = Op::kLoadAndDelete;
  return o;
}
Operation CompareAndSwap(std::uint64_t from, std::uint64_t to, Id expected, Id value, bool flag) {
  Operation o = Store(from, to, value);
  o.op = Op::kCompareAndSwap;
  o.expected = expected;
  o.flag = flag;
  return o;
}
Operation Whole(Op op, std::uint64_t from, std::uint64_t to, State state = 0) {
  Operation o = Load(from, to, kAbsent);
  o.op = op;
  o.state = state;
  return o;
}
State Keys(Id a, Id b, Id c = 0, Id d = 0) {
  return WithLane(WithLane(WithLane(State{a}, 1, b), 2, c), 3, d);
}

bool Linearizable(std::vector<Operation> operations, State initial = 0, bool may_vanish = false) {
  Problem problem;
  problem.operations = std::move(operations);
  problem.initial = {initial};
  problem.may_vanish = may_vanish;
  problem.lanes = kLanes;
  return Checker().Check(problem).linearizable;
}

TEST(Checker, AcceptsWhatIsRight) {
  EXPECT_TRUE(Linearizable({}));
  EXPECT_TRUE(Linearizable({Store(1, 2, 7), Load(3, 4, 7)}));
  // The load overlaps the store: both answers.
  EXPECT_TRUE(Linearizable({Store(1, 4, 7), Load(2, 3, 7)}));
  EXPECT_TRUE(Linearizable({Store(1, 4, 7), Load(2, 3, 0)}));
  // Touching intervals overlap.
  EXPECT_TRUE(Linearizable({Store(1, 2, 7), Load(2, 3, 0)}));
  // Two overlapping stores, seen in either order, but by all in the same.
  EXPECT_TRUE(Linearizable({Store(1, 9, 7), Store(1, 9, 8), Load(2, 3, 8), Load(4, 5, 7)}));
  // An operation that never returned may have taken effect, or not.
  EXPECT_TRUE(Linearizable({Store(1, kNever, 7), Load(2, 3, 7)}));
  EXPECT_TRUE(Linearizable({Store(1, kNever, 7), Load(2, 3, 0)}));
}

TEST(Checker, RejectsWhatIsWrong) {
  // A stale read.
  EXPECT_FALSE(Linearizable({Store(1, 2, 7), Store(3, 4, 8), Load(5, 6, 7)}));
  // A lost update: both exchanges succeed.
  EXPECT_FALSE(
      Linearizable({CompareAndSwap(1, 9, 5, 7, true), CompareAndSwap(2, 8, 5, 8, true)}, 5));
  // Backwards: new, then old.
  EXPECT_FALSE(Linearizable({Store(1, 9, 7), Load(2, 3, 7), Load(4, 5, 0)}));
  // Two readers disagree on the order of two stores.
  EXPECT_FALSE(
      Linearizable({Store(1, 9, 7), Store(1, 9, 8), Load(2, 3, 8), Load(4, 5, 7), Load(6, 7, 8)}));
  // Removed twice.
  EXPECT_FALSE(Linearizable({LoadAndDelete(1, 5, 7), LoadAndDelete(2, 6, 7)}, 7));
  EXPECT_FALSE(Linearizable({Load(1, 2, kForeign)}));
}

TEST(Checker, WholeMapOperationsSeeOneState) {
  // Key 0 is stored before key 1: a snapshot may not hold key 1 alone.
  const std::vector<Operation> stores = {Store(1, 2, 7, 0), Store(3, 4, 8, 1)};
  const auto with = [&](Operation o) {
    std::vector<Operation> all = stores;
    all.push_back(o);
    return all;
  };
  EXPECT_TRUE(Linearizable(with(Whole(Op::kRange, 0, 9, Keys(7, 0)))));
  EXPECT_TRUE(Linearizable(with(Whole(Op::kRange, 0, 9, Keys(7, 8)))));
  EXPECT_FALSE(Linearizable(with(Whole(Op::kRange, 0, 9, Keys(0, 8)))));
  EXPECT_FALSE(Linearizable(with(Whole(Op::kRange, 5, 9, Keys(7, 0)))));
  Operation size = Whole(Op::kSize, 0, 9);
  size.result = 2;
  EXPECT_TRUE(Linearizable(with(size)));
  size.result = 3;
  EXPECT_FALSE(Linearizable(with(size)));
  // A clear or a batch comes between.
  EXPECT_FALSE(
      Linearizable({Whole(Op::kClear, 1, 9), Load(2, 3, 0, 0), Load(4, 5, 8, 1)}, Keys(7, 8)));
  EXPECT_FALSE(
      Linearizable({Whole(Op::kStoreBatch, 1, 9, Keys(7, 8)), Load(2, 3, 7, 0), Load(4, 5, 0, 1)}));
  EXPECT_TRUE(
      Linearizable({Whole(Op::kStoreBatch, 1, 9, Keys(7, 8)), Load(2, 3, 0, 0), Load(4, 5, 8, 1)}));
}

TEST(Checker, EntriesOfACacheVanishButDoNotReturn) {
  const std::vector<Operation> vanishes = {Store(1, 2, 7), Load(3, 4, 0)};
  EXPECT_FALSE(Linearizable(vanishes));
  EXPECT_TRUE(Linearizable(vanishes, 0, true));
  EXPECT_FALSE(Linearizable({Store(1, 2, 7), Load(3, 4, 0), Load(5, 6, 7)}, 0, true));
  // Overwritten is overwritten.
  EXPECT_FALSE(Linearizable({Store(1, 2, 7), Store(3, 4, 8), Load(5, 6, 7)}, 0, true));
}

TEST(Checker, PossibleStates) {
  Problem problem;
  problem.operations = {Store(1, 2, 7), Store(3, 9, 8), LoadAndDelete(4, 8, 7)};
  Checker checker;
  EXPECT_EQ(checker.PossibleStates(problem, 2), (std::vector<State>{7}));
  EXPECT_EQ(checker.PossibleStates(problem, 3), (std::vector<State>{7, 8}));
  EXPECT_EQ(checker.PossibleStates(problem, 4), (std::vector<State>{0, 7, 8}));
  EXPECT_EQ(checker.PossibleStates(problem, 9), (std::vector<State>{8}));
}

// Tries every order: the definition, word by word.
bool BruteForce(const Problem& problem, std::uint64_t done, State state) {
  const std::vector<Operation>& all = problem.operations;
  bool finished = true;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if ((done >> i & 1) == 0 && all[i].returned != kNever) finished = false;
  }
  if (finished) return true;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if ((done >> i & 1) != 0) continue;
    // May come next unless another that is left had returned before its call.
    bool next = true;
    for (std::size_t j = 0; j < all.size(); ++j) {
      next &= (done >> j & 1) != 0 || all[j].returned >= all[i].invoked;
    }
    State after = state;
    if (next && Step(all[i], after) && BruteForce(problem, done | std::uint64_t{1} << i, after)) {
      return true;
    }
  }
  if (!problem.may_vanish) return false;
  for (unsigned lane = 0; lane < problem.lanes; ++lane) {
    const State after = WithLane(state, lane, kAbsent);
    if (after != state && BruteForce(problem, done, after)) return true;
  }
  return false;
}

// A history that is right, as a map would make it, on 1 to 3 keys, and in half of
// the cases one result is falsified.
Problem RandomProblem(Random& random) {
  constexpr std::array<Op, 12> kOps = {
      Op::kLoad,   Op::kStore, Op::kLoadOrStore,    Op::kLoadAndDelete,
      Op::kDelete, Op::kSwap,  Op::kCompareAndSwap, Op::kCompareAndDelete,
      Op::kRange,  Op::kClear, Op::kSize,           Op::kStoreBatch};
  const auto keys = static_cast<std::uint16_t>(1 + random.Below(3));
  Problem problem;
  problem.lanes = keys;
  problem.may_vanish = random.OneIn(5);
  problem.initial = {Keys(static_cast<Id>(random.Below(2)), 0)};
  struct Moment {
    std::uint64_t time;
    Operation operation;
  };
  std::vector<Moment> moments;
  const std::size_t count = 2 + random.Below(6);
  for (std::size_t i = 0; i < count; ++i) {
    Operation o;
    o.op = kOps[random.Below(keys == 1 ? 8 : kOps.size())];
    o.thread = static_cast<std::uint8_t>(i);
    o.key = o.op >= Op::kRange ? std::uint16_t{0} : static_cast<std::uint16_t>(random.Below(keys));
    o.argument = static_cast<Id>(2 + i);
    if (o.op == Op::kCompareAndDelete) o.argument = kAbsent;
    o.expected = static_cast<Id>(1 + random.Below(2 + i));
    if (o.op == Op::kStoreBatch) {
      o.state = Keys(static_cast<Id>(20 + i), keys > 1 ? static_cast<Id>(30 + i) : kAbsent);
    }
    o.invoked = random.Below(20);
    const std::uint64_t time = o.invoked + random.Below(6);
    o.returned = time + random.Below(6);
    moments.push_back({time, o});
  }
  std::sort(moments.begin(), moments.end(),
            [](const Moment& a, const Moment& b) { return a.time < b.time; });
  State state = problem.initial[0];
  for (auto& [time, o] : moments) {
    const Id now = Lane(state, o.key);
    switch (o.op) {
      case Op::kLoad:
      case Op::kLoadAndDelete:
      case Op::kSwap:
        o.result = now;
        break;
      case Op::kLoadOrStore:
        o.flag = now != kAbsent;
        o.result = o.flag ? now : o.argument;
        break;
      case Op::kDelete:
        o.flag = now != kAbsent;
        break;
      case Op::kCompareAndSwap:
      case Op::kCompareAndDelete:
        o.flag = now != kAbsent && now == o.expected;
        break;
      case Op::kRange:
        o.state = state;
        break;
      case Op::kSize:
        o.result = static_cast<Id>(Present(state));
        break;
      default:
        break;
    }
    EXPECT_TRUE(Step(o, state));
    problem.operations.push_back(o);
  }
  if (random.OneIn(2)) {
    Operation& o = problem.operations[random.Below(problem.operations.size())];
    switch (random.Below(3)) {
      case 0:
        o.result = static_cast<Id>(random.Below(count + 2));
        break;
      case 1:
        o.flag = !o.flag;
        break;
      case 2:
        o.returned = o.invoked;
        break;
    }
  }
  if (random.OneIn(4)) problem.operations.back().returned = kNever;
  std::reverse(problem.operations.begin(), problem.operations.end());
  return problem;
}

TEST(Checker, AgreesWithBruteForce) {
  Random random(testing::TestSeed());
  Checker checker;
  int right = 0, wrong = 0;
  const int rounds = static_cast<int>(20000 * testing::TestScale());
  for (int i = 0; i < rounds; ++i) {
    const Problem problem = RandomProblem(random);
    const bool expected = BruteForce(problem, 0, problem.initial[0]);
    (expected ? right : wrong)++;
    ASSERT_EQ(checker.Check(problem).linearizable, expected)
        << "round " << i << " of seed " << testing::TestSeed() << "\n"
        << ShowState(problem.initial[0], kLanes) << "\n"
        << Show(problem.operations);
    if (expected) continue;
    // What is left of it is wrong as well, by the definition.
    const Problem small = checker.Minimise(problem);
    EXPECT_LE(small.operations.size(), problem.operations.size());
    for (const State state : small.initial) {
      ASSERT_FALSE(BruteForce(small, 0, state)) << "round " << i << "\n"
                                                << Explain(problem) << Explain(small);
    }
  }
  EXPECT_GT(right, rounds / 10);
  EXPECT_GT(wrong, rounds / 10);
}

TEST(Checker, LinearInLongHistories) {
  // 40 000 operations of 8 threads, all overlapping their neighbours.
  Problem problem;
  for (std::uint64_t i = 0; i < 40'000; ++i) {
    problem.operations.push_back(
        i % 2 == 0 ? Store(10 * i, 10 * i + 70, static_cast<Id>(1 + i % 999))
                   : Load(10 * i, 10 * i + 70, static_cast<Id>(1 + (i - 1) % 999)));
  }
  const Verdict verdict = Checker().Check(problem);
  EXPECT_TRUE(verdict.linearizable);
  EXPECT_LT(verdict.configurations, 1000u);
}

TEST(Checker, RefusesWhatReturnedBeforeItWasCalled) {
  Problem problem;
  problem.operations = {Store(1, 4, 7), Load(6, 5, 7)};
  try {
    Checker().Check(problem);
    FAIL() << "accepted";
  } catch (const std::invalid_argument& e) {
    EXPECT_EQ(std::string(e.what()),
              "operation 1 of the history, load(key 0) -> #7, returned before it was called: its "
              "stamps are no clock's");
  }
  problem.operations[1].returned = 6;  // a clock may stand still
  EXPECT_TRUE(Checker().Check(problem).linearizable);
}

TEST(Checker, CounterexamplesAreReadable) {
  Problem problem;
  problem.first_key = 5;
  problem.operations = {Store(1, 2, 7), Load(3, 4, 7), Store(5, 8, 8), Load(6, 7, 8),
                        Load(9, 10, 7)};
  const std::string text = Explain(Checker().Minimise(problem));
  EXPECT_EQ(text,
            "  before: key 5 is absent\n"
            "  thread 0  ||       store(key 5, stores #7)\n"
            "  thread 0    ||     store(key 5, stores #8)\n"
            "  thread 0      ||   load(key 5) -> #7\n"
            "  No order explains load(key 5) -> #7 of thread 0.\n");
}

}  // namespace
}  // namespace cmap::verification
