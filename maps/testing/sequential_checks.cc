// SPDX-License-Identifier: Apache-2.0
//
// Checks of point operations by one thread, and of what becomes of their values.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <exception>
#include <optional>
#include <set>
#include <thread>

#include "maps/testing/checks.h"
#include "maps/testing/life_counted.h"
#include "maps/testing/parts.h"

namespace cmap::testing {
namespace {

// Values of key k in these checks; never 0, different for different k and
// versions.
Number Value(Number key, Number version = 0) { return key * 1000 + version + 1; }

void ExpectAbsent(AnyMap& map, Number key) {
  ExpectEq(map.Load(key), std::optional<Number>(), "Load(", key, ")");
}

void ExpectHolds(AnyMap& map, Number key, Number value) {
  ExpectEq(map.Load(key), std::optional<Number>(value), "Load(", key, ")");
}

// Every operation can be called, whatever it answers. All that is asked of the
// null map.
void EveryOperationCallable(const Context& context) {
  const auto map = context.Make();
  for (Number key = 0; key < context.Keys(16); ++key) {
    map->Load(key);
    map->Visit(key, [](Number) {});
    if (map->Has(Op::kStore)) map->Store(key, key + 1);
    if (map->Has(Op::kLoadOrStore)) map->LoadOrStore(key, key + 2);
    if (map->Has(Op::kDelete)) map->Delete(key);
    if (map->Has(Op::kSwap)) map->Swap(key, 3);
    if (map->Has(Op::kCompareAndSwap)) map->CompareAndSwap(key, 3, 4);
    if (map->Has(Op::kCompareAndDelete)) map->CompareAndDelete(key, 4);
    if (map->Has(Op::kLoadAndDelete)) map->LoadAndDelete(key);
    if (map->Has(Op::kLoadOrCompute)) {
      map->LoadOrCompute(key, [] { return Number{5}; });
    }
  }
  if (map->Has(Op::kReserve)) map->Reserve(100);
  if (map->Has(Op::kStoreBatch)) {
    map->StoreBatch({});
    map->StoreBatch(std::array<AnyMap::Pair, 2>{{{1, 2}, {3, 4}}});
  }
  if (map->Has(Op::kRange)) map->Range([](Number, Number) { return true; });
  if (map->Has(Op::kSize)) map->Size();
  if (map->Has(Op::kClear)) map->Clear();
  if (map->Has(Op::kMemoryBytes)) {
    Expect(map->MemoryBytes() > 0, "MemoryBytes() is 0 for an object that exists");
  }
}

void LoadEmpty(const Context& context) {
  const auto map = context.Make();
  for (Number key = 0; key < context.Keys(200); ++key) {
    ExpectAbsent(*map, key);
    if (!map->Has(Op::kDelete)) continue;
    Expect(!map->Delete(key), "Delete(", key, ") of an empty map is true");
  }
  ExpectSize(*map, 0u, " of an empty map");
}

// Visit calls its function once with what the key holds, or not at all, and lets
// through what it throws.
void Visit(const Context& context) {
  const auto map = context.Make();
  const Number keys = context.Keys(100);
  struct Failed : std::exception {};
  const auto expect = [&](Number key, std::optional<Number> value) {
    int calls = 0;
    const bool found = map->Visit(key, [&](Number seen) {
      ++calls;
      ExpectEq(std::optional<Number>(seen), value, "what Visit(", key, ") hands out");
    });
    ExpectEq(found, value.has_value(), "Visit(", key, ")");
    ExpectEq(calls, value ? 1 : 0, "calls of the function of Visit(", key, ")");
    bool thrown = false;
    try {
      map->Visit(key, [&](Number) { throw Failed(); });
    } catch (const Failed&) {
      thrown = true;
    }
    ExpectEq(thrown, value.has_value(), "whether Visit(", key, ") throws what its function does");
  };
  for (Number key = 0; key < keys; ++key) {
    expect(key, std::nullopt);
    map->Put(key, Value(key));
    expect(key, Value(key));
    if (map->Has(Op::kStore)) {  // no lock is left behind
      map->Store(key, Value(key, 1));
      expect(key, Value(key, 1));
    }
    if (map->Has(Op::kDelete) && key % 3 == 0) {
      Expect(map->Delete(key), "Delete of present ", key, " is false");
      expect(key, std::nullopt);
    }
  }
  for (Number key = 0; key < keys; ++key) {
    if (map->Has(Op::kDelete) && key % 3 == 0) continue;
    expect(key, Value(key, map->Has(Op::kStore) ? 1 : 0));
  }
}

void StoreOverwrites(const Context& context) {
  const auto map = context.Make();
  const Number keys = context.Keys(300);
  for (Number version = 0; version < 3; ++version) {
    for (Number key = 0; key < keys; ++key) map->Store(key, Value(key, version));
    for (Number key = 0; key < keys; ++key) {
      ExpectHolds(*map, key, Value(key, version));
    }
    ExpectSize(*map, keys, " after storing the same keys again");
  }
  ExpectAbsent(*map, keys);
}

void LoadOrStore(const Context& context) {
  const auto map = context.Make();
  const Number keys = context.Keys(300);
  for (Number key = 0; key < keys; ++key) {
    ExpectAbsent(*map, key);
    ExpectEq(map->LoadOrStore(key, Value(key)), Loaded<Number>{Value(key), false},
             "LoadOrStore of absent ", key);
    ExpectHolds(*map, key, Value(key));
    ExpectEq(map->LoadOrStore(key, Value(key, 7)), Loaded<Number>{Value(key), true},
             "LoadOrStore of present ", key);
  }
  for (Number key = 0; key < keys; ++key) {
    ExpectEq(map->LoadOrStore(key, Value(key, 8)), Loaded<Number>{Value(key), true},
             "LoadOrStore of present ", key);
    ExpectHolds(*map, key, Value(key));
  }
  // Also after the key was present once and deleted.
  for (Number key = 0; map->Has(Op::kDelete) && key < keys; ++key) {
    Expect(map->Delete(key), "Delete of present ", key, " is false");
    ExpectEq(map->LoadOrStore(key, Value(key, 9)), Loaded<Number>{Value(key, 9), false},
             "LoadOrStore of deleted ", key);
  }
  ExpectSize(*map, keys);
}

void LoadOrCompute(const Context& context) {
  const auto map = context.Make();
  const Number keys = context.Keys(100);
  for (Number key = 0; key < keys; ++key) {
    int calls = 0;
    struct MakeFailed : std::exception {};
    try {
      map->LoadOrCompute(key, [&]() -> Number { throw MakeFailed(); });
      Fail("LoadOrCompute swallowed the exception of its function");
    } catch (const MakeFailed&) {
    }
    ExpectAbsent(*map, key);
    const auto make = [&] { return ++calls, Value(key); };
    ExpectEq(map->LoadOrCompute(key, make), Loaded<Number>{Value(key), false},
             "LoadOrCompute of absent ", key);
    ExpectEq(calls, 1, "calls of the function for an absent key");
    ExpectEq(map->LoadOrCompute(key, make), Loaded<Number>{Value(key), true},
             "LoadOrCompute of present ", key);
    ExpectEq(calls, 1, "calls of the function after the key was present");
    ExpectHolds(*map, key, Value(key));
  }
  ExpectSize(*map, keys);
}

void Swap(const Context& context) {
  const auto map = context.Make();
  const Number keys = context.Keys(200);
  for (Number key = 0; key < keys; ++key) {
    ExpectEq(map->Swap(key, Value(key)), std::optional<Number>(), "Swap of absent ", key);
    ExpectHolds(*map, key, Value(key));
  }
  for (Number key = 0; key < keys; ++key) {
    ExpectEq(map->Swap(key, Value(key, 1)), std::optional<Number>(Value(key)), "Swap of present ",
             key);
    ExpectEq(map->Swap(key, Value(key, 1)), std::optional<Number>(Value(key, 1)),
             "Swap of present ", key, " for an equal value");
    ExpectHolds(*map, key, Value(key, 1));
  }
  ExpectSize(*map, keys);
}

// Fills the map, removes `count` keys with `remove`, and looks at all of them.
template <class Remove>
void RemoveSome(const Context& context, Number keys, Number count, Remove remove) {
  const auto map = context.Make();
  for (Number key = 0; key < keys; ++key) map->Put(key, Value(key));
  for (Number i = 0; i < count; ++i) {
    const Number key = count == 1 ? keys / 2 : (i * 7) % keys;
    remove(*map, key);
    ExpectAbsent(*map, key);
    ExpectSize(*map, keys - i - 1, " after ", i + 1, " removals");
  }
  std::set<Number> left;
  for (Number key = 0; key < keys; ++key) {
    if (map->Load(key)) left.insert(key);
  }
  ExpectEq(left.size(), keys - count, "keys left");
  for (const Number key : left) ExpectHolds(*map, key, Value(key));
}

// One, several, all.
template <class Remove>
void RemoveOneManyAll(const Context& context, Remove remove) {
  // Not a multiple of seven, so that i * 7 meets every key.
  Number keys = context.Keys(300);
  if (keys % 7 == 0) --keys;
  for (const Number count : {Number{1}, keys / 3, keys}) {
    RemoveSome(context, keys, count, remove);
  }
}

void Delete(const Context& context) {
  RemoveOneManyAll(context, [](AnyMap& map, Number key) {
    Expect(map.Delete(key), "Delete of present ", key, " is false");
    Expect(!map.Delete(key), "Delete of deleted ", key, " is true");
  });
}

void LoadAndDelete(const Context& context) {
  RemoveOneManyAll(context, [](AnyMap& map, Number key) {
    ExpectEq(map.LoadAndDelete(key), std::optional<Number>(Value(key)), "LoadAndDelete of present ",
             key);
    ExpectEq(map.LoadAndDelete(key), std::optional<Number>(), "LoadAndDelete of deleted ", key);
  });
}

void CompareAndDelete(const Context& context) {
  RemoveOneManyAll(context, [](AnyMap& map, Number key) {
    Expect(!map.CompareAndDelete(key, Value(key, 1)), "CompareAndDelete of ", key,
           " with another value is true");
    ExpectHolds(map, key, Value(key));
    Expect(map.CompareAndDelete(key, Value(key)), "CompareAndDelete of ", key,
           " with its value is false");
    Expect(!map.CompareAndDelete(key, Value(key)), "CompareAndDelete of ", key,
           " is true again after it deleted the key");
  });
}

void CompareAndDeleteAbsent(const Context& context) {
  const auto map = context.Make();
  for (Number key = 0; key < context.Keys(50); ++key) {
    // 0 is the default value: absence must not look like it.
    Expect(!map->CompareAndDelete(key, 0), "CompareAndDelete of absent ", key,
           " with the default value is true");
    map->Put(key, 0);
    Expect(map->CompareAndDelete(key, 0), "CompareAndDelete of ", key,
           " holding the default value is false");
    Expect(!map->CompareAndDelete(key, 0), "CompareAndDelete of deleted ", key,
           " with the default value is true");
  }
  ExpectSize(*map, 0u);
}

void CompareAndSwap(const Context& context) {
  const Number keys = context.Keys(300);
  for (const Number count : {Number{1}, keys / 3, keys}) {
    const auto map = context.Make();
    for (Number key = 0; key < keys; ++key) map->Put(key, Value(key));
    for (Number i = 0; i < count; ++i) {
      const Number key = keys - 1 - i;
      Expect(!map->CompareAndSwap(key, Value(key, 1), Value(key, 2)), "CompareAndSwap of ", key,
             " with another value is true");
      ExpectHolds(*map, key, Value(key));
      Expect(map->CompareAndSwap(key, Value(key), Value(key, 1)), "CompareAndSwap of ", key,
             " with its value is false");
      ExpectHolds(*map, key, Value(key, 1));
      Expect(!map->CompareAndSwap(key, Value(key), Value(key, 3)), "CompareAndSwap of ", key,
             " with its former value is true");
      Expect(map->CompareAndSwap(key, Value(key, 1), Value(key, 1)), "CompareAndSwap of ", key,
             " for an equal value is false");
    }
    for (Number key = 0; key < keys; ++key) {
      ExpectHolds(*map, key, Value(key, key >= keys - count ? 1 : 0));
    }
    ExpectSize(*map, keys);
  }
}

void CompareAndSwapAbsent(const Context& context) {
  const auto map = context.Make();
  for (Number key = 0; key < context.Keys(50); ++key) {
    // 0 is the default value: absence must not look like it.
    Expect(!map->CompareAndSwap(key, 0, 5), "CompareAndSwap of absent ", key,
           " with the default value is true");
    ExpectAbsent(*map, key);
    map->Put(key, 0);
    Expect(map->CompareAndSwap(key, 0, 6), "CompareAndSwap of ", key,
           " holding the default value is false");
    map->Delete(key);
    for (const Number expected : {Number{0}, Number{6}}) {
      Expect(!map->CompareAndSwap(key, expected, 7), "CompareAndSwap of deleted ", key, " with ",
             expected, " is true");
    }
    ExpectAbsent(*map, key);
  }
  ExpectSize(*map, 0u);
}

// After an operation that threw because a value could not be copied the map holds
// what it held before.
void ThrowingCopies(const Context& context) {
  struct Case {
    const char* what;
    Op op;
    void (*call)(AnyMap&);
  };
  static constexpr Number kPresent = 1, kAbsent = 2, kOther = 3;
  static constexpr Case kCases[] = {
      {"Store of a new key", Op::kStore, [](AnyMap& m) { m.Store(kAbsent, 9); }},
      {"Store of a present key", Op::kStore, [](AnyMap& m) { m.Store(kPresent, 9); }},
      {"LoadOrStore of a new key", Op::kLoadOrStore, [](AnyMap& m) { m.LoadOrStore(kAbsent, 9); }},
      {"LoadOrStore of a present key", Op::kLoadOrStore,
       [](AnyMap& m) { m.LoadOrStore(kPresent, 9); }},
      {"LoadOrCompute of a new key", Op::kLoadOrCompute,
       [](AnyMap& m) { m.LoadOrCompute(kAbsent, [] { return Number{9}; }); }},
      {"Swap of a new key", Op::kSwap, [](AnyMap& m) { m.Swap(kAbsent, 9); }},
      {"Swap of a present key", Op::kSwap, [](AnyMap& m) { m.Swap(kPresent, 9); }},
      {"CompareAndSwap", Op::kCompareAndSwap, [](AnyMap& m) { m.CompareAndSwap(kPresent, 5, 9); }},
      {"CompareAndDelete", Op::kCompareAndDelete,
       [](AnyMap& m) { m.CompareAndDelete(kPresent, 5); }},
      {"LoadAndDelete", Op::kLoadAndDelete, [](AnyMap& m) { m.LoadAndDelete(kPresent); }},
      {"Delete", Op::kDelete, [](AnyMap& m) { m.Delete(kPresent); }},
      {"Load", Op::kLoad, [](AnyMap& m) { m.Load(kPresent); }},
      {"Range", Op::kRange, [](AnyMap& m) { m.Range([](Number, Number) { return true; }); }},
  };
  for (const Case& c : kCases) {
    if (context.traits().unsupported.contains(c.op)) continue;
    for (int n = 1; n < 20; ++n) {
      const auto map = context.Make();
      map->Put(kPresent, 5);
      map->Put(kOther, 6);
      bool thrown = false;
      LifeCounted::ThrowAfter(n);
      try {
        c.call(*map);
      } catch (const LifeCounted::CopyFailed&) {
        thrown = true;
      }
      LifeCounted::ThrowAfter(0);
      if (!thrown) break;  // the operation copies less often than n times
      try {
        ExpectHolds(*map, kPresent, 5);
        ExpectHolds(*map, kOther, 6);
        ExpectAbsent(*map, kAbsent);
        ExpectSize(*map, 2u);
        map->Put(kAbsent, 8);  // and it still works
        ExpectHolds(*map, kAbsent, 8);
      } catch (const CheckFailure& e) {
        Fail("after ", c.what, " whose copy number ", n, " threw: ", e.what());
      }
    }
  }
}

// Go issue 40999: keys that are stored once and deleted must not pile up. A map
// may keep some for deferred reclamation, but not more the longer it runs. A thread
// of the map's own that reclaims is given the time to.
void DeletedValuesAreDestroyed(const Context& context) {
  constexpr std::int64_t kBound = 4096;
  constexpr int kPatienceMs = 1000;
  const auto map = context.Make();
  const std::int64_t before = LifeCounted::Alive();
  const auto held_at_last = [&] {
    std::int64_t held = LifeCounted::Alive() - before;
    if (held <= kBound) return held;
    context.subject().idle();
    for (int ms = 0; ms < kPatienceMs && held > kBound; ++ms) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      held = LifeCounted::Alive() - before;
    }
    return held;
  };
  // However few rounds are asked for, as many as the bound would find nothing.
  const auto least = static_cast<std::uint64_t>(1.5 * kBound / TestScale());
  const std::uint64_t rounds =
      std::max<std::uint64_t>(context.subject().hash == HashKind::kGood ? 20000 : 6000, least);
  for (Number key = 0; context.More(key, rounds); ++key) {
    map->Put(key, Value(key));
    if (key % 2 == 0 || context.traits().unsupported.contains(Op::kLoadAndDelete)) {
      Expect(map->Delete(key), "Delete of present ", key, " is false");
    } else {
      ExpectEq(map->LoadAndDelete(key), std::optional<Number>(Value(key)),
               "LoadAndDelete of present ", key);
    }
    const std::int64_t held = held_at_last();
    Expect(held <= kBound, "after ", key + 1, " fresh keys were stored and deleted ", held,
           " of their values still exist");
  }
  // The same when one key is overwritten for ever.
  if (!map->Has(Op::kStore)) return;
  for (Number version = 0; context.More(version, rounds); ++version) {
    map->Store(7, version);
    const std::int64_t held = held_at_last();
    Expect(held <= kBound, "after ", version + 1, " stores of one key ", held,
           " values still exist");
  }
}

constexpr Check kChecks[] = {
    {"every_operation_callable",
     {.every_key = false, .results = false, .linearizable = false},
     &EveryOperationCallable},
    {"load_empty", {.every_key = false, .linearizable = false}, &LoadEmpty},
    {"visit", {.fits_a_cache = true}, &Visit},
    {"store_overwrites", {.ops = OpSet(Op::kStore), .fits_a_cache = true}, &StoreOverwrites},
    {"load_or_store", {.ops = OpSet(Op::kLoadOrStore), .fits_a_cache = true}, &LoadOrStore},
    {"load_or_compute", {.ops = OpSet(Op::kLoadOrCompute), .fits_a_cache = true}, &LoadOrCompute},
    {"swap", {.ops = OpSet(Op::kSwap), .fits_a_cache = true}, &Swap},
    {"delete", {.ops = OpSet(Op::kDelete), .fits_a_cache = true}, &Delete},
    {"load_and_delete", {.ops = OpSet(Op::kLoadAndDelete), .fits_a_cache = true}, &LoadAndDelete},
    {"compare_and_delete",
     {.ops = OpSet(Op::kCompareAndDelete), .fits_a_cache = true},
     &CompareAndDelete},
    {"compare_and_delete_absent",
     {.ops = OpSet(Op::kCompareAndDelete), .fits_a_cache = true},
     &CompareAndDeleteAbsent},
    {"compare_and_swap",
     {.ops = OpSet(Op::kCompareAndSwap), .fits_a_cache = true},
     &CompareAndSwap},
    {"compare_and_swap_absent",
     {.ops = OpSet(Op::kCompareAndSwap, Op::kDelete), .fits_a_cache = true},
     &CompareAndSwapAbsent},
    {"throwing_copies", {.counted_lives = true}, &ThrowingCopies},
    {"deleted_values_are_destroyed",
     {.ops = OpSet(Op::kDelete), .linearizable = false, .counted_lives = true},
     &DeletedValuesAreDestroyed},
};

}  // namespace

std::span<const Check> PointChecks() { return kChecks; }

}  // namespace cmap::testing
