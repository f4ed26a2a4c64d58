// SPDX-License-Identifier: Apache-2.0
//
// The kit is itself tested: a map without a mistake passes every check, and each
// deliberate mistake is found by the check that is there to find it.
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "maps/testing/adaptor.h"
#include "maps/testing/checks.h"
#include "maps/testing/counting_new.h"
#include "maps/testing/faults.h"
#include "maps/testing/flawed_cache.h"
#include "maps/testing/flawed_map.h"
#include "maps/testing/harness.h"
#include "maps/testing/life_counted.h"

namespace cmap::testing {
namespace {

const Check& Named(std::string_view name) {
  for (const auto& checks :
       {SequentialChecks(), WholeMapChecks(), ConcurrentChecks(), FaultChecks(), CacheChecks()}) {
    for (const Check& check : checks) {
      if (check.name == name) return check;
    }
  }
  throw std::invalid_argument("no check is named " + std::string(name));
}

// A concurrent check that has missed a mistake once is given other seeds.
template <class K, class V, Flaw kFlaw>
void ExpectCaught(std::string_view check) {
  Subject subject = MakeSubject<FlawedMap<K, V, kFlaw>>("flawed", HashKind::kGood);
  subject.fail_allocation = &FailAllocation;
  Outcome outcome{Outcome::kPassed, ""};
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    outcome = RunCheck(Named(check), subject, seed);
    if (outcome.kind != Outcome::kPassed) break;
  }
  EXPECT_EQ(outcome.kind, Outcome::kFailed)
      << check << " does not find the mistake; " << outcome.text;
  if (outcome.kind == Outcome::kFailed) {
    EXPECT_NE(outcome.text.find("CMAP_TEST_SEED="), std::string::npos)
        << outcome.text;
    EXPECT_NE(outcome.text.find(std::string(check)), std::string::npos);
  }
}

template <Flaw kFlaw>
void ExpectCaught(std::string_view check) {
  ExpectCaught<std::uint64_t, std::uint64_t, kFlaw>(check);
}
template <Flaw kFlaw>
void ExpectCaughtByLives(std::string_view check) {
  ExpectCaught<std::uint64_t, LifeCounted, kFlaw>(check);
}

template <Flaw kFlaw>
void ExpectCaughtByFaults(std::string_view check) {
  ExpectCaught<FaultyKey, LifeCounted, kFlaw>(check);
}

template <class K, class V>
void ExpectFlawless() {
  Subject subject =
      MakeSubject<FlawedMap<K, V, Flaw::kNone>>("flawless", HashKind::kGood);
  subject.fail_allocation = &FailAllocation;
  subject.peer = true;  // as with libraries, values are destroyed under its mutex
  for (const auto& checks :
       {SequentialChecks(), WholeMapChecks(), ConcurrentChecks(), FaultChecks(), CacheChecks()}) {
    for (const Check& check : checks) {
      if (!Applies(check, subject)) continue;
      const Outcome outcome = RunCheck(check, subject);
      EXPECT_EQ(outcome.kind, Outcome::kPassed)
          << check.name << ": " << outcome.text;
    }
  }
}

TEST(KitTest, AFlawlessMapPassesEverything) {
  ExpectFlawless<std::uint64_t, std::uint64_t>();
  ExpectFlawless<std::string, std::string>();
  ExpectFlawless<std::uint64_t, LifeCounted>();
  ExpectFlawless<FaultyKey, LifeCounted>();
}

TEST(KitTest, Visit) {
  ExpectCaught<Flaw::kVisitsTwice>("visit");
  ExpectCaught<Flaw::kVisitsAbsent>("visit");
  ExpectCaught<Flaw::kVisitSaysAbsent>("visit");
  ExpectCaught<Flaw::kVisitSwallows>("visit");
  ExpectCaught<Flaw::kVisitKeepsLockOnThrow>("visit");
}

TEST(KitTest, SplitCompareAndSwap) {
  ExpectCaught<Flaw::kSplitCompareAndSwap>("shared_compare_and_swap");
  ExpectCaught<Flaw::kSplitCompareAndSwap>("transfers_keep_the_sum");
  ExpectCaught<Flaw::kSplitCompareAndSwap>("values_come_out_once");
}

TEST(KitTest, SplitLoadOrStore) {
  ExpectCaught<Flaw::kSplitLoadOrStore>("reservation");
  ExpectCaught<Flaw::kSplitLoadOrStore>("size_adds_up");
  ExpectCaught<Flaw::kSplitLoadOrStore>("values_come_out_once");
}

TEST(KitTest, SplitLoadAndDelete) {
  ExpectCaught<Flaw::kSplitLoadAndDelete>("shared_load_and_delete");
  ExpectCaught<Flaw::kSplitLoadAndDelete>("values_come_out_once");
}

TEST(KitTest, SplitCompareAndDelete) {
  ExpectCaught<Flaw::kSplitCompareAndDelete>("shared_compare_and_delete");
  ExpectCaught<Flaw::kSplitCompareAndDelete>("values_come_out_once");
}

TEST(KitTest, SplitSwap) {
  ExpectCaught<Flaw::kSplitSwap>("values_come_out_once");
}

TEST(KitTest, SplitDelete) {
  ExpectCaught<Flaw::kSplitDelete>("shared_delete");
  ExpectCaught<Flaw::kSplitDelete>("size_adds_up");
}

TEST(KitTest, ComputesOutsideLock) {
  ExpectCaught<Flaw::kComputesOutsideLock>("load_or_compute_once");
}

TEST(KitTest, CasOnAbsentSucceeds) {
  ExpectCaught<Flaw::kCasOnAbsentSucceeds>("compare_and_swap_absent");
}

TEST(KitTest, CadOnAbsentSucceeds) {
  ExpectCaught<Flaw::kCadOnAbsentSucceeds>("compare_and_delete_absent");
}

TEST(KitTest, CasIgnoresExpected) {
  ExpectCaught<Flaw::kCasIgnoresExpected>("compare_and_swap");
  ExpectCaught<Flaw::kCasIgnoresExpected>("matches_model_few_keys");
}

TEST(KitTest, StoreKeepsOld) {
  ExpectCaught<Flaw::kStoreKeepsOld>("store_overwrites");
  ExpectCaught<Flaw::kStoreKeepsOld>("matches_model_many_keys");
}

TEST(KitTest, DeleteAlwaysTrue) {
  ExpectCaught<Flaw::kDeleteAlwaysTrue>("delete");
  ExpectCaught<Flaw::kDeleteAlwaysTrue>("load_empty");
}

TEST(KitTest, LoadOrStoreReturnsNew) {
  ExpectCaught<Flaw::kLoadOrStoreReturnsNew>("load_or_store");
}

TEST(KitTest, SwapReturnsNew) { ExpectCaught<Flaw::kSwapReturnsNew>("swap"); }

TEST(KitTest, RangeVisitsTwice) {
  ExpectCaught<Flaw::kRangeVisitsTwice>("range_visits_each_once");
  ExpectCaught<Flaw::kRangeVisitsTwice>("concurrent_range");
  ExpectCaught<Flaw::kRangeVisitsTwice>("grows_and_empties");
}

TEST(KitTest, RangeSkipsLast) {
  ExpectCaught<Flaw::kRangeSkipsLast>("range_visits_each_once");
  ExpectCaught<Flaw::kRangeSkipsLast>("range_nested_calls");
}

TEST(KitTest, RangeIgnoresStop) {
  ExpectCaught<Flaw::kRangeIgnoresStop>("range_stops");
}

TEST(KitTest, RangeIsNoSnapshot) {
  ExpectCaught<Flaw::kRangeHoldsCopyTooLong>("range_is_snapshot");
}

TEST(KitTest, ClearKeepsOne) {
  ExpectCaught<Flaw::kClearKeepsOne>("clear_simple");
  ExpectCaught<Flaw::kClearKeepsOne>("concurrent_clear");
  ExpectCaught<Flaw::kClearKeepsOne>("range_nested_clear");
}

TEST(KitTest, ClearInSteps) {
  ExpectCaught<Flaw::kClearInSteps>("clear_is_atomic");
}

TEST(KitTest, BatchInSteps) {
  ExpectCaught<Flaw::kBatchInSteps>("batch_is_atomic");
}

TEST(KitTest, BatchFirstWins) {
  ExpectCaught<Flaw::kBatchFirstWins>("store_batch_in_order");
}

TEST(KitTest, SizeDrifts) {
  ExpectCaught<Flaw::kSizeDrifts>("size_adds_up");
  ExpectCaught<Flaw::kSizeDrifts>("matches_model_few_keys");
}

TEST(KitTest, SizeCountsRaced) {
  ExpectCaught<Flaw::kSizeCountsRaced>("size_adds_up");
}

TEST(KitTest, ReserveClears) {
  ExpectCaught<Flaw::kReserveClears>("reserve_is_invisible");
}

// Checks that look at something else find leaks too.
TEST(KitTest, Leaks) {
  ExpectCaughtByLives<Flaw::kLeaksOnDelete>("deleted_values_are_destroyed");
  ExpectCaughtByLives<Flaw::kLeaksOnDelete>("delete");
  ExpectCaughtByLives<Flaw::kLeaksOnClear>("clear_simple");
  ExpectCaughtByLives<Flaw::kLeaksOnClear>("concurrent_clear");
}

TEST(KitTest, RetainsDeleted) {
  ExpectCaughtByLives<Flaw::kRetainsDeleted>("deleted_values_are_destroyed");
}

TEST(KitTest, UsesDestroyedValue) {
  ExpectCaughtByLives<Flaw::kUsesDestroyedValue>("load_and_delete");
}

TEST(KitTest, ThrowLosesValue) {
  ExpectCaughtByLives<Flaw::kThrowLosesValue>("throwing_copies");
}

TEST(KitTest, Faults) {
  ExpectCaughtByFaults<Flaw::kThrowLosesValue>("throwing_value_copy");
  ExpectCaughtByFaults<Flaw::kComparesAfterErasing>("throwing_equality");
  ExpectCaughtByFaults<Flaw::kComparesAfterErasing>("every_kth_call_fails");
  ExpectCaughtByFaults<Flaw::kCountsBeforeHashing>("throwing_hash");
  ExpectCaughtByFaults<Flaw::kLosesKeyOnBadAlloc>("throwing_allocation");
  ExpectCaughtByFaults<Flaw::kLosesKeyOnBadAlloc>("throwing_key_copy");
  ExpectCaughtByFaults<Flaw::kKeepsLockOnThrow>("throwing_key_copy");
  ExpectCaughtByFaults<Flaw::kKeepsLockOnThrow>("failing_threads");
}

TEST(KitTest, MemoryBytes) {
  ExpectCaught<Flaw::kMemoryConstant>("memory_bytes_plausible");
  ExpectCaught<std::string, std::string, Flaw::kMemoryForgetsStrings>(
      "memory_bytes_counts_strings");
}

TEST(KitTest, Options) {
  ExpectCaught<Flaw::kIgnoresOptions>("tunables");
  ExpectCaught<Flaw::kTunableBreaks>("tunables");
  ExpectCaught<Flaw::kTunableSplitsCompute>("tunables_with_threads");
}

TEST(KitTest, LosesKeysOnGrowth) {
  ExpectCaught<Flaw::kLosesKeysOnGrowth>("grows_and_empties");
  ExpectCaught<Flaw::kLosesKeysOnGrowth>("growth_loses_nothing");
}

template <CacheFlaw kFlaw>
Outcome RunCacheCheck(std::string_view check) {
  return RunCheck(Named(check), MakeSubject<FlawedCache<kFlaw>>("flawed", HashKind::kGood));
}

TEST(KitTest, Caches) {
  constexpr std::string_view kBound = "cache_stays_within_its_bound";
  constexpr std::string_view kAnswers = "cache_never_answers_wrongly";
  for (const std::string_view check : {kBound, kAnswers}) {
    const Outcome outcome = RunCacheCheck<CacheFlaw::kNone>(check);
    EXPECT_EQ(outcome.kind, Outcome::kPassed) << outcome.text;
  }
  EXPECT_EQ(RunCacheCheck<CacheFlaw::kExceedsBound>(kBound).kind, Outcome::kFailed);
  EXPECT_EQ(RunCacheCheck<CacheFlaw::kDropsTheFresh>(kBound).kind, Outcome::kFailed);
  EXPECT_EQ(RunCacheCheck<CacheFlaw::kMixesUpValues>(kBound).kind, Outcome::kFailed);
  EXPECT_EQ(RunCacheCheck<CacheFlaw::kKeepsDeleted>(kAnswers).kind, Outcome::kFailed);
  EXPECT_EQ(RunCacheCheck<CacheFlaw::kMixesUpValues>(kAnswers).kind, Outcome::kFailed);
  // What a cache need not be asked, because it may drop entries.
  EXPECT_EQ(RunCacheCheck<CacheFlaw::kNone>("concurrent_range").kind, Outcome::kSkipped);
  EXPECT_EQ(RunCacheCheck<CacheFlaw::kNone>("swap").kind, Outcome::kPassed);
  // And what other maps need not.
  EXPECT_FALSE(Applies(Named(kBound), MakeSubject<FlawedMap<std::uint64_t, std::uint64_t,
                                                            Flaw::kNone>>(
                                          "flawless", HashKind::kGood)));
}

// A check that needs what a strategy lacks is skipped, and says why.
TEST(KitTest, SkipsWithReason) {
  Subject subject = MakeSubject<FlawedMap<std::uint64_t, std::uint64_t, Flaw::kNone>>(
      "flawless", HashKind::kGood);
  subject.traits.max_threads = 1;
  subject.traits.unsupported = OpSet(Op::kSwap);
  subject.traits.unsupported_reason = "two keys would have to change at once";
  EXPECT_EQ(RunCheck(Named("reservation"), subject).kind, Outcome::kSkipped);
  const Outcome swap = RunCheck(Named("swap"), subject);
  EXPECT_EQ(swap.kind, Outcome::kSkipped);
  EXPECT_NE(swap.text.find("two keys"), std::string::npos) << swap.text;
  EXPECT_EQ(RunCheck(Named("matches_model_few_keys"), subject).kind,
            Outcome::kPassed);
  EXPECT_EQ(RunCheck(Named("throwing_copies"), subject).kind, Outcome::kSkipped);
}

// A correct map that lacks some operations: calling one throws.
template <Op... kLacking>
struct Lacking : FlawedMap<std::uint64_t, std::uint64_t, Flaw::kNone> {
  using Base = FlawedMap<std::uint64_t, std::uint64_t, Flaw::kNone>;
  using Base::Base;
  static constexpr Traits kTraits = [] {
    Traits traits = Base::kTraits;
    traits.unsupported = OpSet(kLacking...);
    traits.unsupported_reason = "left out on purpose";
    return traits;
  }();
};

// Every check passes without the operations or is skipped with a reason, and some
// are left.
template <Op... kLacking>
void ExpectPassesWithout() {
  const Subject subject =
      MakeSubject<Lacking<kLacking...>>("lacking", HashKind::kGood);
  int passed = 0, skipped = 0;
  for (const auto& checks :
       {SequentialChecks(), WholeMapChecks(), ConcurrentChecks()}) {
    for (const Check& check : checks) {
      if (!Applies(check, subject)) continue;
      const Outcome outcome = RunCheck(check, subject);
      EXPECT_NE(outcome.kind, Outcome::kFailed)
          << check.name << ": " << outcome.text;
      passed += outcome.kind == Outcome::kPassed;
      if (outcome.kind != Outcome::kSkipped) continue;
      ++skipped;
      EXPECT_NE(outcome.text.find("left out on purpose"), std::string::npos)
          << check.name << ": " << outcome.text;
    }
  }
  EXPECT_GT(skipped, 0);
  EXPECT_GT(passed, 10);
}

// Load is the one operation that every map has.
TEST(KitTest, AMapMayLackAnyOperationButLoad) {
  ExpectPassesWithout<Op::kStore, Op::kSwap, Op::kStoreBatch>();
  ExpectPassesWithout<Op::kLoadOrStore, Op::kLoadOrCompute, Op::kReserve>();
  ExpectPassesWithout<Op::kDelete, Op::kLoadAndDelete, Op::kCompareAndSwap,
                      Op::kCompareAndDelete>();
  ExpectPassesWithout<Op::kRange, Op::kClear, Op::kSize, Op::kMemoryBytes>();
}

// A check is found by its name, so names are unique.
TEST(KitTest, ChecksHaveUniqueNames) {
  EXPECT_THROW(Named("no such check"), std::invalid_argument);
  std::vector<std::string_view> names;
  for (const auto& checks :
       {SequentialChecks(), WholeMapChecks(), ConcurrentChecks(), FaultChecks(), CacheChecks()}) {
    for (const Check& check : checks) {
      for (const std::string_view name : names) EXPECT_NE(name, check.name);
      names.push_back(check.name);
    }
  }
}

// The first exception of a thread reaches the check.
TEST(KitTest, ThreadsReportFailures) {
  const Subject subject =
      MakeSubject<FlawedMap<std::uint64_t, std::uint64_t, Flaw::kNone>>(
          "flawless", HashKind::kGood);
  const Context context(subject, 1);
  EXPECT_THROW(context.InThreads(3,
                                 [](int me) {
                                   if (me == 2) Fail("thread ", me);
                                 }),
               CheckFailure);
}

// Who runs the checks is called by every thread, with a number of its own.
TEST(KitTest, ThreadsStart) {
  Subject subject =
      MakeSubject<FlawedMap<std::uint64_t, std::uint64_t, Flaw::kNone>>(
          "flawless", HashKind::kGood);
  std::mutex mutex;
  std::set<std::uint64_t> numbers;
  subject.thread_start = [&](std::uint64_t number) {
    const std::lock_guard lock(mutex);
    numbers.insert(number);
  };
  std::atomic<int> started{0};
  Context(subject, 1).InThreads(3, [&](int) { ++started; });
  EXPECT_EQ(numbers.size(), 3u);
  EXPECT_EQ(started.load(), 3);
}

// Codes are bijections: what comes back is what went in, anything else is refused.
TEST(KitTest, Codes) {
  for (const Number n : {0ull, 1ull, 2ull, 77ull, 1000ull, ~0ull, ~0ull - 1}) {
    EXPECT_EQ(Code<std::string>::Decode(Code<std::string>::Encode(n)), n);
    EXPECT_EQ(Code<LifeCounted>::Decode(Code<LifeCounted>::Encode(n)), n);
  }
  EXPECT_EQ(Code<std::string>::Encode(0), std::string());
  EXPECT_THROW(Code<std::string>::Decode("7x"), std::runtime_error);
  EXPECT_THROW(Code<std::string>::Decode("8"), std::runtime_error);
}

}  // namespace
}  // namespace cmap::testing
