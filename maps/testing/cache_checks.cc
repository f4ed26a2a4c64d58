// SPDX-License-Identifier: Apache-2.0
//
// Checks of maps that may drop entries. What they may never do is answer wrongly, hold
// more memory than they say, or drop what was stored a moment ago while nobody else
// stores. (What they do while nothing has to be dropped, the other checks look at.)
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "maps/testing/checks.h"

namespace cmap::testing {
namespace {

constexpr std::size_t kMostBytes = 16u << 20;  // a bound that a check can fill

Number Value(Number key, Number version) { return key * 16 + version + 1; }

// A map whose bound is small enough to be filled here; null if there is none. Bounds are
// tunables, so each is tried at its least.
std::unique_ptr<AnyMap> MakeSmall(const Context& context) {
  const auto small = [](std::unique_ptr<AnyMap> map) {
    const std::optional<std::size_t> bound = map->MemoryBound();
    return bound && *bound <= kMostBytes ? std::move(map) : nullptr;
  };
  if (auto map = small(context.Make())) return map;
  for (const TunableInfo& tunable : context.subject().tunables) {
    if (auto map = small(context.subject().make_with(tunable.name, tunable.min))) return map;
  }
  return nullptr;
}

std::unique_ptr<AnyMap> NeedSmall(const Context& context) {
  auto map = MakeSmall(context);
  Expect(map != nullptr, "no tunable makes a map with a MemoryBound() of ", kMostBytes,
         " bytes or less, so the bound cannot be checked");
  return map;
}

// More entries than can fit: a key, a value and how to find them again need more room.
Number Entries(AnyMap& map) { return static_cast<Number>(*map.MemoryBound() / 32); }

void CacheStaysWithinItsBound(const Context& context) {
  const auto map = NeedSmall(context);
  const std::size_t bound = *map->MemoryBound();
  const Number keys = Entries(*map);
  Random random(context.seed());
  Number found = 0;
  for (Number key = 0; key < keys; ++key) {
    map->Store(key, Value(key, 0));
    ExpectEq(map->Load(key), std::optional<Number>(Value(key, 0)), "Load(", key,
             ") just after it was stored");
    // Any other is what it was, or gone.
    const Number other = random.Below(key + 1);
    const std::optional<Number> got = map->Load(other);
    Expect(!got || *got == Value(other, 0), "Load(", other, ") is ", got.value_or(0),
           ", which nobody stored for it");
    found += got.has_value();
    if (key % 4096 == 0) {
      const std::size_t bytes = map->MemoryBytes();
      Expect(bytes <= bound, "MemoryBytes() is ", bytes, " after ", key + 1,
             " stores; the bound is ", bound);
    }
  }
  Expect(found > keys / 20, "of ", keys, " looks at random keys only ", found,
         " found something: a cache should keep what fits");
  const std::size_t size = map->Size();
  Expect(size > 0 && size < keys, "Size() is ", size, " after ", keys, " stores");
  Number visited = 0;
  map->Range([&](Number key, Number value) {
    ExpectEq(value, Value(key, 0), "Range at ", key);
    return ++visited, true;
  });
  ExpectEq(visited, static_cast<Number>(size), "keys visited by Range, against Size()");
}

// The same by several threads, with deletions and overwriting: each key has one owner.
void CacheNeverAnswersWrongly(const Context& context) {
  const auto map = NeedSmall(context);
  const int threads = context.Threads(4);
  const Number keys = Entries(*map);
  context.InThreads(threads, [&](int me) {
    Random random(context.seed() * 64 + static_cast<Number>(me));
    const Number mine = static_cast<Number>(me), count = static_cast<Number>(threads);
    std::vector<std::optional<Number>> held(keys / count + 1);
    Number recent = 0;
    for (Number i = 0; i < keys / count && (i < 1000 || context.More(i, keys)); ++i) {
      // Mostly new keys, so that there is no room; some that may still be there.
      const Number index = random.OneIn(2) ? i : recent;
      if (random.OneIn(16)) recent = index;
      const Number key = index * count + mine;
      const std::optional<Number> got = map->Load(key);
      Expect(!got || got == held[index], "Load of own key ", key, " is ", got.value_or(0),
             ", not what was stored there last");
      if (random.OneIn(8)) {
        const bool deleted = map->Delete(key);
        Expect(!deleted || held[index].has_value(), "Delete of absent ", key, " is true");
        held[index].reset();
        ExpectEq(map->Load(key), std::optional<Number>(), "Load of deleted own key ", key);
      } else {
        held[index] = Value(key, random.Below(16));
        map->Store(key, *held[index]);
      }
    }
  });
  Expect(map->MemoryBytes() <= *map->MemoryBound(), "MemoryBytes() is ", map->MemoryBytes(),
         "; the bound is ", *map->MemoryBound());
}

constexpr Check kChecks[] = {
    {"cache_stays_within_its_bound",
     {.ops = OpSet(Op::kRange), .every_key = false, .cache = true, .good_hash = true},
     &CacheStaysWithinItsBound},
    {"cache_never_answers_wrongly",
     {.threads = true, .every_key = false, .cache = true, .good_hash = true},
     &CacheNeverAnswersWrongly},
};

}  // namespace

std::span<const Check> CacheChecks() { return kChecks; }

}  // namespace cmap::testing
