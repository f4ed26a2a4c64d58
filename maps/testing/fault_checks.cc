// SPDX-License-Identifier: Apache-2.0
//
// Checks with faults: a hash, a comparison, a copy or an allocation throws in the middle
// of an operation. The map must then hold what it held before, keep no lock, lose no
// value, and go on working.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "maps/testing/checks.h"
#include "maps/testing/faults.h"
#include "maps/testing/life_counted.h"

namespace cmap::testing {
namespace {

void Arm(const Subject& subject, Fault fault, std::uint64_t n) {
  if (fault == Fault::kAllocation) {
    subject.fail_allocation(n);
  } else {
    ArmFault(fault, n);
  }
}

// Whether the fault has happened.
bool Disarm(const Subject& subject, Fault fault) {
  return fault == Fault::kAllocation ? subject.fail_allocation(0) : DisarmFault();
}

bool CanFail(const Subject& subject, Fault fault) {
  return fault != Fault::kAllocation || subject.fail_allocation;
}

// Runs `call` with the n-th `fault` in it. What became of it: `thrown` only if the fault
// came out of the call; a map may also live with it.
struct Try {
  bool happened;
  bool thrown;
};
template <class Call>
Try With(const Subject& subject, Fault fault, std::uint64_t n, Call call) {
  bool thrown = false;
  Arm(subject, fault, n);
  try {
    call();
  } catch (const FaultInjected&) {
    thrown = true;
  } catch (const std::bad_alloc&) {
    thrown = true;
  }
  const bool happened = Disarm(subject, fault);
  Expect(happened || !thrown, "threw without a fault");
  return {happened, thrown};
}

constexpr Number kPresent = 2, kNeighbour = 3, kAbsent = 4, kOther = 9;

struct Case {
  const char* what;
  Op op;
  void (*call)(AnyMap&);
};
constexpr Case kCases[] = {
    {"Load of a present key", Op::kLoad, [](AnyMap& m) { m.Load(kPresent); }},
    {"Load of an absent key", Op::kLoad, [](AnyMap& m) { m.Load(kAbsent); }},
    {"Store of a new key", Op::kStore, [](AnyMap& m) { m.Store(kAbsent, 9); }},
    {"Store of a present key", Op::kStore,
     [](AnyMap& m) { m.Store(kPresent, 9); }},
    {"LoadOrStore of a new key", Op::kLoadOrStore,
     [](AnyMap& m) { m.LoadOrStore(kAbsent, 9); }},
    {"LoadOrStore of a present key", Op::kLoadOrStore,
     [](AnyMap& m) { m.LoadOrStore(kPresent, 9); }},
    {"LoadOrCompute of a new key", Op::kLoadOrCompute,
     [](AnyMap& m) { m.LoadOrCompute(kAbsent, [] { return Number{9}; }); }},
    {"Swap of a new key", Op::kSwap, [](AnyMap& m) { m.Swap(kAbsent, 9); }},
    {"Swap of a present key", Op::kSwap, [](AnyMap& m) { m.Swap(kPresent, 9); }},
    {"CompareAndSwap", Op::kCompareAndSwap,
     [](AnyMap& m) { m.CompareAndSwap(kPresent, 5, 9); }},
    {"CompareAndDelete", Op::kCompareAndDelete,
     [](AnyMap& m) { m.CompareAndDelete(kPresent, 5); }},
    {"LoadAndDelete", Op::kLoadAndDelete,
     [](AnyMap& m) { m.LoadAndDelete(kPresent); }},
    {"Delete of a present key", Op::kDelete, [](AnyMap& m) { m.Delete(kPresent); }},
    {"Delete of an absent key", Op::kDelete, [](AnyMap& m) { m.Delete(kAbsent); }},
    {"Range", Op::kRange,
     [](AnyMap& m) { m.Range([](Number, Number) { return true; }); }},
    {"Clear", Op::kClear, [](AnyMap& m) { m.Clear(); }},
    {"Reserve", Op::kReserve, [](AnyMap& m) { m.Reserve(500); }},
};

// What the calls above meet: few entries, or a map that has seen growth and deletions
// and has keys in every state it knows.
void SetUp(AnyMap& map, const Traits& traits, bool worn) {
  if (worn) {
    for (Number key = 20; key < 60; ++key) map.Store(key, key);
    map.Store(kAbsent, 1);
    if (!traits.unsupported.contains(Op::kRange)) {
      map.Range([](Number, Number) { return true; });
    }
    for (Number key = 20; key < 60; ++key) map.Delete(key);
    map.Delete(kAbsent);
  }
  map.Store(kPresent, 5);
  map.Store(kNeighbour, 7);  // has the same hash
  map.Store(kOther, 6);
}

void ExpectUnchanged(AnyMap& map) {
  ExpectEq(map.Load(kPresent), std::optional<Number>(5), "Load(", kPresent, ")");
  ExpectEq(map.Load(kNeighbour), std::optional<Number>(7), "Load(", kNeighbour, ")");
  ExpectEq(map.Load(kOther), std::optional<Number>(6), "Load(", kOther, ")");
  ExpectEq(map.Load(kAbsent), std::optional<Number>(), "Load(", kAbsent, ")");
  ExpectEq(map.Size(), 3u, "Size()");
}

// No lock is held, no key half stored.
void ExpectWorks(AnyMap& map) {
  map.Store(kAbsent, 8);
  map.Store(kPresent, 1);
  ExpectEq(map.Load(kAbsent), std::optional<Number>(8), "Load");
  ExpectEq(map.LoadOrStore(kPresent, 9), Loaded<Number>{1, true}, "LoadOrStore");
  Expect(map.Delete(kPresent), "Delete of a present key is false");
  ExpectEq(map.LoadOrStore(kPresent, 9), Loaded<Number>{9, false}, "LoadOrStore");
  map.Clear();
  ExpectEq(map.Size(), 0u, "Size() after Clear");
}

// Every operation, with the first, second, ... fault of a kind in it.
void Throwing(const Context& context, Fault fault) {
  if (!CanFail(context.subject(), fault)) return;
  for (const bool worn : {false, true}) {
    for (const Case& c : kCases) {
      if (context.traits().unsupported.contains(c.op)) continue;
      for (std::uint64_t n = 1; n < 60; ++n) {
        const auto map = context.Make();
        SetUp(*map, context.traits(), worn);
        const Try tried = With(context.subject(), fault, n, [&] { c.call(*map); });
        if (!tried.happened) break;  // there are fewer than n in this call
        try {
          if (tried.thrown) ExpectUnchanged(*map);
          ExpectWorks(*map);
        } catch (const CheckFailure& e) {
          Fail("after ", c.what, worn ? " on a worn map" : "", " whose ",
               FaultName(fault), " number ", n, " threw: ", e.what());
        }
      }
    }
  }
}

void ThrowingHash(const Context& context) { Throwing(context, Fault::kHash); }
void ThrowingEquality(const Context& context) {
  Throwing(context, Fault::kEquality);
}
void ThrowingKeyCopy(const Context& context) {
  Throwing(context, Fault::kKeyCopy);
}
void ThrowingValueCopy(const Context& context) {
  Throwing(context, Fault::kValueCopy);
}
void ThrowingAllocation(const Context& context) {
  Throwing(context, Fault::kAllocation);
}

Fault AnyFault(const Subject& subject, Random& random) {
  const auto fault = static_cast<Fault>(random.Below(kFaultNames.size()));
  return CanFail(subject, fault) ? fault : Fault::kHash;
}

// Random calls, in every k-th of which something throws, against a model. What threw
// has not happened.
void EveryKthCallFails(const Context& context) {
  const Subject& subject = context.subject();
  const OpSet& unsupported = context.traits().unsupported;
  constexpr std::uint64_t kEvery[] = {1, 2, 3, 7};
  for (std::uint64_t round = 0; context.More(round, 24); ++round) {
    const std::uint64_t k = kEvery[round % std::size(kEvery)];
    const Number keys = round % 2 == 0 ? 6 : 40;
    Random random(context.seed() + round);
    const auto map = context.Make();
    std::map<Number, Number> model;
    for (std::uint64_t call = 0; call < 400; ++call) {
      const Number key = random.Below(keys);
      const Number value = random.Below(4);
      const auto it = model.find(key);
      const std::optional<Number> held =
          it == model.end() ? std::nullopt : std::optional<Number>(it->second);
      const std::uint64_t n = call % k == 0 ? 1 + random.Below(10) : 0;
      const Fault fault = AnyFault(subject, random);
      const std::uint64_t what = random.Below(9);
      std::optional<Number> next = held;  // if it does not throw
      const auto perform = [&] {
        switch (what) {
          case 0:
            ExpectEq(map->Load(key), held, "Load(", key, ")");
            break;
          case 1:
            next = value;
            map->Store(key, value);
            break;
          case 2:
            if (!held) next = value;
            ExpectEq(map->LoadOrStore(key, value),
                     Loaded<Number>{*next, held.has_value()}, "LoadOrStore(", key,
                     ")");
            break;
          case 3:
            next.reset();
            ExpectEq(map->Delete(key), held.has_value(), "Delete(", key, ")");
            break;
          case 4:
            if (unsupported.contains(Op::kSwap)) break;
            next = value;
            ExpectEq(map->Swap(key, value), held, "Swap(", key, ")");
            break;
          case 5:
            if (unsupported.contains(Op::kCompareAndSwap)) break;
            if (held == value) next = value + 1;
            ExpectEq(map->CompareAndSwap(key, value, value + 1), held == value,
                     "CompareAndSwap(", key, ")");
            break;
          case 6:
            if (unsupported.contains(Op::kCompareAndDelete)) break;
            if (held == value) next.reset();
            ExpectEq(map->CompareAndDelete(key, value), held == value,
                     "CompareAndDelete(", key, ")");
            break;
          case 7:
            if (unsupported.contains(Op::kLoadAndDelete)) break;
            next.reset();
            ExpectEq(map->LoadAndDelete(key), held, "LoadAndDelete(", key, ")");
            break;
          default: {
            if (unsupported.contains(Op::kLoadOrCompute)) break;
            if (!held) next = value;
            const Loaded<Number> got =
                map->LoadOrCompute(key, [&] { return value; });
            ExpectEq(got, Loaded<Number>{*next, held.has_value()},
                     "LoadOrCompute(", key, ")");
          }
        }
      };
      try {
        bool thrown = false;
        if (n == 0) {
          perform();
        } else {
          thrown = With(subject, fault, n, perform).thrown;
        }
        if (!thrown && next) model[key] = *next;
        if (!thrown && !next) model.erase(key);
        const auto now = model.find(key);
        ExpectEq(map->Load(key),
                 now == model.end() ? std::nullopt
                                    : std::optional<Number>(now->second),
                 "then Load(", key, ")", thrown ? " after it threw" : "");
        if (call % 16 == 0) ExpectEq(map->Size(), model.size(), "Size()");
      } catch (const CheckFailure& e) {
        Fail("call ", call, " of kind ", what, ", every ", k, "-th with a fault, ",
             FaultName(fault), " number ", n, ": ", e.what());
      }
    }
    for (Number key = 0; key < keys; ++key) {
      const auto it = model.find(key);
      ExpectEq(map->Load(key),
               it == model.end() ? std::nullopt : std::optional<Number>(it->second),
               "Load(", key, ") in the end");
    }
  }
}

// Threads whose calls fail now and then. No lock stays held, or this never ends; and
// insertions and deletions that did not throw add up.
void FailingThreads(const Context& context) {
  constexpr Number kKeys = 6;
  const Subject& subject = context.subject();
  for (std::uint64_t round = 0; context.More(round, 10); ++round) {
    const auto map = context.Make();
    std::array<std::atomic<std::int64_t>, kKeys> balance{};
    context.InThreads(context.Threads(4), [&](int me) {
      Random random(context.seed() * 7 + round * 100 + static_cast<Number>(me));
      for (int call = 0; call < 300; ++call) {
        const Number key = random.Below(kKeys);
        std::int64_t change = 0;
        const auto perform = [&] {
          switch (random.Below(3)) {
            case 0:
              if (!map->LoadOrStore(key, key).loaded) change = 1;
              break;
            case 1:
              if (map->Delete(key)) change = -1;
              break;
            default: {
              const std::optional<Number> got = map->Load(key);
              Expect(!got || *got == key, "Load(", key, ") is ", got.value_or(0));
            }
          }
        };
        if (random.OneIn(3)) {
          const Fault fault = AnyFault(subject, random);
          const std::uint64_t n = 1 + random.Below(5);
          if (With(subject, fault, n, perform).thrown) change = 0;
        } else {
          perform();
        }
        balance[key].fetch_add(change, std::memory_order_relaxed);
      }
    });
    Number present = 0;
    for (Number key = 0; key < kKeys; ++key) {
      const bool there = map->Load(key).has_value();
      ExpectEq(balance[key].load(), there ? 1 : 0, "insertions less deletions of ",
               key);
      present += there;
    }
    ExpectEq(map->Size(), present, "Size()");
  }
}

// Growth that fails, or that several threads are at when it does, is made up for: with as
// many entries as a map that never met a fault, the map has as much of a table. One that
// has stopped growing for ever has less.
void GrowthRecovers(const Context& context) {
  const Subject& subject = context.subject();
  if (!subject.fail_allocation || context.traits().unsupported.contains(Op::kMemoryBytes)) return;
  constexpr int kBusy = 8;
  constexpr Number kEach = 500, kAll = 40'000;
  const auto map = context.Make();
  const int threads = context.Threads(kBusy);
  context.InThreads(threads, [&](int me) {
    Random random(context.seed() * 31 + static_cast<Number>(me));
    for (Number i = 0; i < kEach; ++i) {
      const Number key = i * static_cast<Number>(threads) + static_cast<Number>(me);
      With(subject, Fault::kAllocation, 1 + random.Below(6), [&] { map->Put(key, key); });
    }
  });
  const auto quiet = context.Make();
  const auto itself = [](Number key) { return key; };
  Fill(*map, context.traits(), kAll, itself);
  Fill(*quiet, context.traits(), kAll, itself);
  subject.quiesce();
  ExpectSize(*map, kAll);
  const std::size_t has = map->MemoryBytes(), should = quiet->MemoryBytes();
  Expect(has * 100 >= should * 97, "after growth that failed the map has ", has, " bytes for ",
         kAll, " entries, one without faults has ", should);
}

constexpr Check kChecks[] = {
    {"growth_recovers", {.threads = true, .faults = true}, &GrowthRecovers},
    {"throwing_hash", {.faults = true}, &ThrowingHash},
    {"throwing_equality", {.faults = true}, &ThrowingEquality},
    {"throwing_key_copy", {.faults = true}, &ThrowingKeyCopy},
    {"throwing_value_copy", {.faults = true}, &ThrowingValueCopy},
    {"throwing_allocation", {.faults = true}, &ThrowingAllocation},
    {"every_kth_call_fails", {.faults = true}, &EveryKthCallFails},
    {"failing_threads", {.threads = true, .faults = true}, &FailingThreads},
};

}  // namespace

std::span<const Check> FaultChecks() { return kChecks; }

}  // namespace cmap::testing
