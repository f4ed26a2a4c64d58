// SPDX-License-Identifier: Apache-2.0
//
// Checks of Range, Clear, Size, Reserve, StoreBatch and MemoryBytes by one
// thread, and of growth.
#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "maps/testing/checks.h"

namespace cmap::testing {
namespace {

std::map<Number, Number> Contents(AnyMap& map) {
  std::map<Number, Number> contents;
  map.Range([&](Number key, Number value) {
    Expect(contents.emplace(key, value).second, "Range visits ", key, " twice");
    return true;
  });
  return contents;
}

void RangeVisitsEachOnce(const Context& context) {
  const auto map = context.Make();
  Expect(Contents(*map).empty(), "Range of an empty map visits something");
  const Number keys = context.Keys(1000);
  for (Number key = 0; key < keys; ++key) map->Put(key, key * 3);
  for (Number key = 0; key < keys; key += 3) map->Delete(key);
  for (Number key = 0; key < keys; key += 6) map->Put(key, key * 5);
  std::map<Number, Number> want;
  for (Number key = 0; key < keys; ++key) {
    if (key % 6 == 0) {
      want[key] = key * 5;
    } else if (key % 3 != 0) {
      want[key] = key * 3;
    }
  }
  const std::map<Number, Number> got = Contents(*map);
  ExpectEq(got.size(), want.size(), "keys visited by Range");
  for (const auto& [key, value] : want) {
    const auto it = got.find(key);
    Expect(it != got.end(), "Range does not visit ", key);
    ExpectEq(it->second, value, "Range at ", key);
  }
}

void RangeStops(const Context& context) {
  const auto map = context.Make();
  const Number keys = context.Keys(100);
  for (Number key = 0; key < keys; ++key) map->Put(key, key);
  for (Number stop = 1; stop <= keys; stop += 9) {
    Number visits = 0;
    map->Range([&](Number, Number) { return ++visits < stop; });
    ExpectEq(visits, stop, "visits of a Range told to stop");
  }
}

// Go's TestMapRangeNestedCall: the visitor calls every operation, Range included.
void RangeNestedCalls(const Context& context) {
  const auto map = context.Make();
  const Number keys = context.Keys(60);
  for (Number key = 0; key < keys; ++key) map->Put(key, key + 1);
  Number outer = 0;
  map->Range([&](Number key, Number value) {
    ++outer;
    ExpectEq(value, key + 1, "Range at ", key);
    Number inner = 0;
    map->Range([&](Number inner_key, Number) {
      ++inner;
      // What the outer visits deleted is gone, the rest is there.
      ExpectEq(map->Load(inner_key), std::optional<Number>(inner_key + 1),
               "Load(", inner_key, ") inside a nested Range");
      return true;
    });
    ExpectEq(inner, keys - outer + 1, "keys visited by a nested Range");
    ExpectSize(*map, keys - outer + 1, " inside Range");
    Number now = key + 1;
    ExpectEq(map->LoadOrStore(key, 9), Loaded<Number>{now, true},
             "LoadOrStore inside Range");
    if (map->Has(Op::kSwap)) {
      ExpectEq(map->Swap(key, key + 2), std::optional<Number>(now),
               "Swap inside Range");
      now = key + 2;
    }
    if (map->Has(Op::kCompareAndSwap)) {
      Expect(map->CompareAndSwap(key, now, key + 3),
             "CompareAndSwap inside Range is false");
      now = key + 3;
    }
    if (map->Has(Op::kStore)) map->Store(key, now = key + 4);
    // A key outside those visited: stored and gone again within the visit.
    map->Put(keys + 1, 1);
    Expect(map->Delete(keys + 1), "Delete inside Range is false");
    if (outer % 2 == 0 || !map->Has(Op::kLoadAndDelete)) {
      Expect(map->Delete(key), "Delete inside Range is false");
    } else {
      ExpectEq(map->LoadAndDelete(key), std::optional<Number>(now),
               "LoadAndDelete inside Range");
    }
    ExpectEq(map->LoadOrStore(keys + 2, 4), Loaded<Number>{4, false},
             "LoadOrStore of a new key inside Range");
    Expect(map->Delete(keys + 2), "Delete of the new key is false");
    return true;
  });
  ExpectEq(outer, keys, "keys visited by the outer Range");
  ExpectSize(*map, 0u, " after every key was deleted");
  Expect(Contents(*map).empty(), "Range finds keys after all were deleted");
}

// Clear from inside Range: nothing may be left, and nothing may crash.
void RangeNestedClear(const Context& context) {
  const auto map = context.Make();
  const Number keys = context.Keys(200);
  for (Number key = 0; key < keys; ++key) map->Put(key, key);
  std::set<Number> seen;
  map->Range([&](Number key, Number) {
    Expect(seen.insert(key).second, "Range visits ", key, " twice");
    map->Clear();
    return true;
  });
  Expect(!seen.empty(), "Range of a full map visits nothing");
  ExpectSize(*map, 0u, " after Clear inside Range");
}

void ClearSimple(const Context& context) {
  const auto map = context.Make();
  map->Clear();
  ExpectSize(*map, 0u, " of an empty map after Clear");
  for (int round = 0; round < 3; ++round) {
    const Number keys = context.Keys(500);
    for (Number key = 0; key < keys; ++key) map->Put(key, key + 1);
    map->Clear();
    ExpectSize(*map, 0u, " after Clear");
    if (map->Has(Op::kRange)) {
      Expect(Contents(*map).empty(), "Range finds keys after Clear");
    }
    for (Number key = 0; key < keys; ++key) {
      ExpectEq(map->Load(key), std::optional<Number>(), "Load(", key,
               ") after Clear");
    }
    // Cleared is not closed.
    ExpectEq(map->LoadOrStore(1, 5), Loaded<Number>{5, false},
             "LoadOrStore after Clear");
    ExpectEq(map->Load(1), std::optional<Number>(5), "Load after Clear");
    ExpectSize(*map, 1u, " after Clear and one store");
  }
}

// Reserve changes nothing that can be observed, whenever it is called.
void ReserveIsInvisible(const Context& context) {
  for (const std::size_t room : {0, 1, 10, 1000, 20000}) {
    const auto map = context.Make();
    map->Reserve(room);
    ExpectSize(*map, 0u, " after Reserve(", room, ")");
    if (map->Has(Op::kRange)) {
      Expect(Contents(*map).empty(), "Range visits something after Reserve");
    }
    const Number keys = context.Keys(400);
    for (Number key = 0; key < keys; ++key) {
      if (key == keys / 2) map->Reserve(room);
      ExpectEq(map->LoadOrStore(key, key + 1), Loaded<Number>{key + 1, false},
               "LoadOrStore of ", key, " after Reserve(", room, ")");
    }
    map->Reserve(room / 2);
    for (Number key = 0; key < keys; ++key) {
      ExpectEq(map->Load(key), std::optional<Number>(key + 1), "Load(", key,
               ") after Reserve(", room, ")");
    }
    ExpectSize(*map, keys);
    if (map->Has(Op::kRange)) {
      ExpectEq(Contents(*map).size(), keys, "keys visited by Range");
    }
  }
}

void StoreBatchInOrder(const Context& context) {
  const auto map = context.Make();
  map->StoreBatch({});
  ExpectSize(*map, 0u, " after an empty batch");
  const Number keys = context.Keys(200);
  std::vector<AnyMap::Pair> batch;
  for (Number key = 0; key < keys; ++key) batch.emplace_back(key, key + 1);
  map->StoreBatch(batch);
  for (Number key = 0; key < keys; ++key) {
    ExpectEq(map->Load(key), std::optional<Number>(key + 1), "Load(", key,
             ") after the batch");
  }
  ExpectSize(*map, keys, " after the batch");
  // The same key several times in a batch: the last pair wins.
  batch.clear();
  for (Number version = 1; version <= 3; ++version) {
    for (Number key = 0; key < keys; key += 2) {
      batch.emplace_back(key, key * 10 + version);
    }
  }
  map->StoreBatch(batch);
  for (Number key = 0; key < keys; ++key) {
    ExpectEq(map->Load(key),
             std::optional<Number>(key % 2 == 0 ? key * 10 + 3 : key + 1),
             "Load(", key, ") after a batch with repeated keys");
  }
  ExpectSize(*map, keys, " after a batch of present keys");
}

// Growth by two orders of magnitude beyond the other checks; nothing is lost on
// the way, and nothing is left after everything was removed again.
void GrowsAndEmpties(const Context& context) {
  const Number wanted = context.subject().counts_lives ? 50'000
                        : context.subject().long_keys  ? 30'000
                                                       : 200'000;
  const Number keys = std::max<Number>(1000, context.Scaled(wanted));
  const auto map = context.Make();
  Fill(*map, context.traits(), keys, [](Number key) { return key + 1; });
  ExpectSize(*map, keys, " after growth");
  for (Number key = 0; key < keys; ++key) {
    ExpectEq(map->Load(key), std::optional<Number>(key + 1), "Load(", key,
             ") after growth");
  }
  ExpectEq(map->Load(keys), std::optional<Number>(), "Load(", keys, ")");
  if (map->Has(Op::kRange)) {
    std::vector<bool> seen(keys);
    map->Range([&](Number key, Number value) {
      Expect(key < keys && !seen[key], "Range visits ", key,
             ", which is not in the map or was visited before");
      ExpectEq(value, key + 1, "Range at ", key);
      seen[key] = true;
      return true;
    });
    ExpectEq(static_cast<Number>(std::count(seen.begin(), seen.end(), true)),
             keys, "keys visited by Range");
  }
  Number deleted = 0;
  for (; context.More(deleted, keys) && deleted < keys; ++deleted) {
    Expect(map->Delete(deleted), "Delete of present ", deleted, " is false");
  }
  ExpectSize(*map, keys - deleted, " after deleting");
  if (!map->Has(Op::kClear)) return;
  map->Clear();
  ExpectSize(*map, 0u, " after Clear");
}

// MemoryBytes grows with the entries, by at least a key and a value each and by
// no more than a page.
void MemoryBytesPlausible(const Context& context) {
  const auto map = context.Make();
  const std::size_t empty = map->MemoryBytes();
  Expect(empty > 0, "MemoryBytes() of an empty map is 0");
  const Number keys = 20000;
  Fill(*map, context.traits(), keys, [](Number key) { return key + 1; });
  context.subject().quiesce();
  const std::size_t full = map->MemoryBytes();
  // A table that begins with room for them all need not grow.
  const std::size_t least = empty >= keys * 16 ? empty : std::max(empty + keys * 8, keys * 16);
  Expect(full >= least, "MemoryBytes() is ", full,
         " with ", keys, " entries and ", empty,
         " without: less than the keys and values themselves");
  Expect(full <= empty + keys * 4096, "MemoryBytes() is ", full, " with ", keys,
         " entries: more than a page for each");
}

// Strings too long for their small buffer own heap blocks: those count as well.
void MemoryBytesCountsStrings(const Context& context) {
  const auto short_map = context.Make();
  const auto long_map = context.Make();
  const Number keys = 4000;
  // Odd numbers become short strings, even ones long ones (adaptor.h).
  std::vector<AnyMap::Pair> short_batch, long_batch;
  for (Number i = 1; i <= keys; ++i) {
    short_batch.emplace_back(2 * i + 1, 2 * i + 1);
    long_batch.emplace_back(2 * i, 2 * i);
  }
  const auto put_all = [](AnyMap& map, const std::vector<AnyMap::Pair>& batch) {
    if (map.Has(Op::kStoreBatch)) return map.StoreBatch(batch);
    for (const auto& [key, value] : batch) map.Put(key, value);
  };
  // With room for all, as some tables grow earlier or later by chance.
  if (short_map->Has(Op::kReserve)) {
    short_map->Reserve(2 * keys);
    long_map->Reserve(2 * keys);
  }
  put_all(*short_map, short_batch);
  put_all(*long_map, long_batch);
  context.subject().quiesce();
  const std::size_t with_short = short_map->MemoryBytes();
  const std::size_t with_long = long_map->MemoryBytes();
  Expect(with_long >= with_short + keys * 2 * 36, "MemoryBytes() is ", with_long,
         " with long keys and values and ", with_short,
         " with short ones: their characters are not counted");
}

constexpr Check kChecks[] = {
    {"range_visits_each_once",
     {.ops = OpSet(Op::kDelete, Op::kRange), .fits_a_cache = true, .linearizable = false},
     &RangeVisitsEachOnce},
    {"range_stops",
     {.ops = OpSet(Op::kRange), .fits_a_cache = true, .linearizable = false},
     &RangeStops},
    {"range_nested_calls",
     {.ops = OpSet(Op::kDelete, Op::kLoadOrStore, Op::kRange), .fits_a_cache = true},
     &RangeNestedCalls},
    {"range_nested_clear",
     {.ops = OpSet(Op::kClear, Op::kRange), .fits_a_cache = true, .linearizable = false},
     &RangeNestedClear},
    {"clear_simple",
     {.ops = OpSet(Op::kClear, Op::kLoadOrStore, Op::kRange), .fits_a_cache = true},
     &ClearSimple},
    {"reserve_is_invisible",
     {.ops = OpSet(Op::kLoadOrStore, Op::kRange, Op::kReserve), .fits_a_cache = true},
     &ReserveIsInvisible},
    {"store_batch_in_order",
     {.ops = OpSet(Op::kStoreBatch), .fits_a_cache = true},
     &StoreBatchInOrder},
    {"grows_and_empties",
     {.ops = OpSet(Op::kDelete, Op::kRange), .good_hash = true},
     &GrowsAndEmpties},
    {"memory_bytes_plausible",
     {.ops = OpSet(Op::kMemoryBytes),
      .fits_a_cache = true, .linearizable = false, .good_hash = true},
     &MemoryBytesPlausible},
    {"memory_bytes_counts_strings",
     {.ops = OpSet(Op::kMemoryBytes),
      .linearizable = false, .good_hash = true, .long_keys = true},
     &MemoryBytesCountsStrings},
};

}  // namespace

std::span<const Check> WholeMapChecks() { return kChecks; }

}  // namespace cmap::testing
