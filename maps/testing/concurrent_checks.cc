// SPDX-License-Identifier: Apache-2.0
//
// Checks of point operations by several threads at once. No check of several
// threads, here or in concurrent_*_checks.cc, records a history; each states an
// invariant that every linearizable history keeps and that the usual mistakes
// (split upsert, lost update, check without the lock, entry lost while growing)
// break. A round is a whole test: as many are run as the time allows.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <thread>
#include <vector>

#include "maps/testing/checks.h"
#include "maps/testing/parts.h"

namespace cmap::testing {
namespace {

// ---------------------------------------------------------------------------
// Keys of one thread only: the others' work on the same table must not disturb.

// Runs `body(map, key)` for the keys of each thread, which are interleaved with
// the keys of the others. The body leaves its key absent.
void UnsharedKeys(const Context& context, void (*body)(AnyMap&, Number)) {
  const int threads = context.Threads(kThreads);
  const Number each = std::max<Number>(1, context.Keys(256) / threads);
  for (std::uint64_t round = 0; context.More(round, 20); ++round) {
    const auto map = context.Make();
    context.InThreads(threads, [&](int me) {
      for (Number i = 0; i < each; ++i) {
        body(*map, i * threads + static_cast<Number>(me));
      }
    });
    ExpectSize(*map, 0u, " after every thread deleted its keys");
  }
}

void UnsharedCompareAndDelete(const Context& context) {
  UnsharedKeys(context, [](AnyMap& map, Number key) {
    ExpectEq(map.LoadOrStore(key, key + 1), Loaded<Number>{key + 1, false},
             "LoadOrStore of own key ", key);
    ExpectEq(map.Load(key), std::optional<Number>(key + 1), "Load(", key, ")");
    Expect(!map.CompareAndDelete(key, key + 2), "CompareAndDelete of ", key,
           " with another value is true");
    Expect(map.CompareAndDelete(key, key + 1), "CompareAndDelete of own key ", key, " is false");
    ExpectEq(map.Load(key), std::optional<Number>(), "Load of deleted ", key);
  });
}

void UnsharedCompareAndSwap(const Context& context) {
  UnsharedKeys(context, [](AnyMap& map, Number key) {
    map.Put(key, key);
    for (Number step = 0; step < 3; ++step) {
      Expect(map.CompareAndSwap(key, key + step, key + step + 1), "CompareAndSwap of own key ", key,
             " is false");
      Expect(!map.CompareAndSwap(key, key + step, key), "CompareAndSwap of ", key,
             " with its former value is true");
      ExpectEq(map.Load(key), std::optional<Number>(key + step + 1), "Load(", key, ")");
    }
    Expect(map.Delete(key), "Delete of own key ", key, " is false");
    Expect(!map.CompareAndSwap(key, key + 3, key), "CompareAndSwap of deleted ", key, " is true");
  });
}

void UnsharedSwap(const Context& context) {
  UnsharedKeys(context, [](AnyMap& map, Number key) {
    ExpectEq(map.Swap(key, key + 1), std::optional<Number>(), "Swap of absent ", key);
    ExpectEq(map.Swap(key, key + 2), std::optional<Number>(key + 1), "Swap of own key ", key);
    ExpectEq(map.Load(key), std::optional<Number>(key + 2), "Load(", key, ")");
    Expect(map.Delete(key), "Delete of own key ", key, " is false");
    Expect(!map.Delete(key), "Delete of deleted ", key, " is true");
  });
}

void UnsharedLoadAndDelete(const Context& context) {
  UnsharedKeys(context, [](AnyMap& map, Number key) {
    ExpectEq(map.LoadAndDelete(key), std::optional<Number>(), "LoadAndDelete of absent ", key);
    map.Put(key, key + 1);
    ExpectEq(map.LoadAndDelete(key), std::optional<Number>(key + 1), "LoadAndDelete of own key ",
             key);
    ExpectEq(map.LoadAndDelete(key), std::optional<Number>(), "LoadAndDelete of deleted ", key);
  });
}

// ---------------------------------------------------------------------------
// Keys of all threads.

// Every thread does the same to every key at once; of each key exactly one
// thread succeeds. `attempt` says whether it did.
void OneWinnerPerKey(const Context& context, bool present,
                     bool (*attempt)(AnyMap&, Number key, Number me)) {
  const int threads = context.Threads(kThreads);
  const Number keys = context.Keys(64);
  for (std::uint64_t round = 0; context.More(round, 60); ++round) {
    const auto map = context.Make();
    if (present) {
      for (Number key = 0; key < keys; ++key) map->Put(key, key + 1);
    }
    std::vector<std::atomic<int>> winners(keys);
    context.InThreads(threads, [&](int me) {
      for (Number key = 0; key < keys; ++key) {
        if (attempt(*map, key, static_cast<Number>(me))) {
          winners[key].fetch_add(1, std::memory_order_relaxed);
        }
      }
    });
    for (Number key = 0; key < keys; ++key) {
      ExpectEq(winners[key].load(), 1, "threads that succeeded at key ", key);
    }
    ExpectSize(*map, present ? 0 : keys);
  }
}

void SharedCompareAndDelete(const Context& context) {
  OneWinnerPerKey(context, true, [](AnyMap& map, Number key, Number) {
    return map.CompareAndDelete(key, key + 1);
  });
}

void SharedLoadAndDelete(const Context& context) {
  OneWinnerPerKey(context, true, [](AnyMap& map, Number key, Number) {
    const std::optional<Number> got = map.LoadAndDelete(key);
    if (got) ExpectEq(*got, key + 1, "LoadAndDelete(", key, ")");
    return got.has_value();
  });
}

void SharedDelete(const Context& context) {
  OneWinnerPerKey(context, true, [](AnyMap& map, Number key, Number) { return map.Delete(key); });
}

// Reservation: of all threads that LoadOrStore one key exactly one stores, and
// all see its value.
void Reservation(const Context& context) {
  const int threads = context.Threads(kThreads);
  const Number keys = context.Keys(64);
  for (std::uint64_t round = 0; context.More(round, 100); ++round) {
    const auto map = context.Make();
    std::vector<std::vector<Loaded<Number>>> got(threads);
    context.InThreads(threads, [&](int me) {
      for (Number key = 0; key < keys; ++key) {
        got[me].push_back(map->LoadOrStore(key, static_cast<Number>(me) + 1));
      }
    });
    for (Number key = 0; key < keys; ++key) {
      int stored = 0;
      for (int i = 0; i < threads; ++i) {
        stored += !got[i][key].loaded;
        ExpectEq(got[i][key].value, got[0][key].value, "what threads ", i,
                 " and 0 got from LoadOrStore of ", key);
        if (!got[i][key].loaded) {
          ExpectEq(got[i][key].value, static_cast<Number>(i) + 1,
                   "value returned to the thread that stored");
        }
      }
      ExpectEq(stored, 1, "threads that stored key ", key);
      ExpectEq(map->Load(key), std::optional<Number>(got[0][key].value), "Load(", key, ")");
    }
  }
}

void LoadOrComputeOnce(const Context& context) {
  const int threads = context.Threads(kThreads);
  const Number keys = context.Keys(64);
  for (std::uint64_t round = 0; context.More(round, 100); ++round) {
    const auto map = context.Make();
    std::vector<std::atomic<int>> calls(keys), stored(keys);
    context.InThreads(threads, [&](int me) {
      for (Number key = 0; key < keys; ++key) {
        const Loaded<Number> got = map->LoadOrCompute(key, [&] {
          calls[key].fetch_add(1, std::memory_order_relaxed);
          std::this_thread::yield();  // a slow function meets more company
          return static_cast<Number>(me) + 1;
        });
        if (!got.loaded) stored[key].fetch_add(1, std::memory_order_relaxed);
        ExpectEq(map->Load(key), std::optional<Number>(got.value), "Load after LoadOrCompute of ",
                 key);
      }
    });
    for (Number key = 0; key < keys; ++key) {
      ExpectEq(calls[key].load(), 1, "calls of the function for key ", key);
      ExpectEq(stored[key].load(), 1, "threads that stored key ", key);
    }
  }
}

// Counters: every thread adds to every key with CompareAndSwap; no addition is
// lost.
void SharedCompareAndSwap(const Context& context) {
  const int threads = context.Threads(kThreads);
  const Number keys = context.Keys(16);
  constexpr Number kAdds = 8;
  for (std::uint64_t round = 0; context.More(round, 40); ++round) {
    const auto map = context.Make();
    context.InThreads(threads, [&](int) {
      for (Number add = 0; add < kAdds; ++add) {
        for (Number key = 0; key < keys; ++key) {
          Number seen = map->LoadOrStore(key, 0).value;
          while (!map->CompareAndSwap(key, seen, seen + 1)) {
            const std::optional<Number> now = map->Load(key);
            Expect(now.has_value(), "Load(", key, ") is absent, but nobody deletes");
            Expect(*now >= seen, "counter ", key, " went back from ", seen, " to ", *now);
            seen = *now;
          }
        }
      }
    });
    for (Number key = 0; key < keys; ++key) {
      ExpectEq(map->Load(key), std::optional<Number>(kAdds * threads), "additions to key ", key);
    }
  }
}

// Transfers: each moves one unit between two keys, taking it with one
// CompareAndSwap and giving it with another. The sum stays.
void TransfersKeepTheSum(const Context& context) {
  const int threads = context.Threads(kThreads);
  constexpr Number kKeys = 8, kEach = 1000;
  for (std::uint64_t round = 0; context.More(round, 20); ++round) {
    const auto map = context.Make();
    for (Number key = 0; key < kKeys; ++key) map->Put(key, kEach);
    context.InThreads(threads, [&](int me) {
      Random random(context.seed() + round * 64 + static_cast<Number>(me));
      const auto add = [&](Number key, Number amount) {
        for (;;) {
          const std::optional<Number> now = map->Load(key);
          Expect(now.has_value(), "Load(", key, ") is absent, but nobody deletes");
          if (map->CompareAndSwap(key, *now, *now + amount)) return;
        }
      };
      for (int i = 0; i < 200; ++i) {
        add(random.Below(kKeys), ~Number{0});  // -1, modulo 2^64
        add(random.Below(kKeys), 1);
      }
    });
    Number sum = 0;
    for (Number key = 0; key < kKeys; ++key) sum += map->Load(key).value_or(0);
    ExpectEq(sum, kKeys * kEach, "sum after transfers");
  }
}

// Conservation: every value stored is unique, and every operation used says which
// value it removed. So each value must come out exactly once: as the result of
// one operation or from the map at the end. Finds lost updates, values handed out
// twice, and (Go issue 70970) a CompareAndSwap and a CompareAndDelete that both
// take the same value.
void ValuesComeOutOnce(const Context& context) {
  const OpSet& unsupported = context.traits().unsupported;
  const int threads = context.Threads(kThreads);
  const Number keys = context.Keys(4);
  constexpr Number kCalls = 400;
  for (std::uint64_t round = 0; context.More(round, 40); ++round) {
    const auto map = context.Make();
    std::vector<std::vector<Number>> in(threads), out(threads);
    context.InThreads(threads, [&](int me) {
      Random random(context.seed() + round * 64 + static_cast<Number>(me));
      for (Number call = 0; call < kCalls; ++call) {
        const Number key = random.Below(keys);
        const Number fresh = (call * threads + static_cast<Number>(me)) + 1;
        const auto took = [&](std::optional<Number> value) {
          if (value) out[me].push_back(*value);
        };
        switch (random.Below(5)) {
          case 0:
            if (unsupported.contains(Op::kSwap)) break;
            in[me].push_back(fresh);
            took(map->Swap(key, fresh));
            break;
          case 1:
            if (!map->LoadOrStore(key, fresh).loaded) in[me].push_back(fresh);
            break;
          case 2:
            if (unsupported.contains(Op::kLoadAndDelete)) break;
            took(map->LoadAndDelete(key));
            break;
          case 3: {
            const std::optional<Number> seen = map->Load(key);
            if (!seen || unsupported.contains(Op::kCompareAndSwap)) break;
            if (map->CompareAndSwap(key, *seen, fresh)) {
              in[me].push_back(fresh);
              took(seen);
            }
            break;
          }
          case 4: {
            const std::optional<Number> seen = map->Load(key);
            if (!seen || unsupported.contains(Op::kCompareAndDelete)) break;
            if (map->CompareAndDelete(key, *seen)) took(seen);
            break;
          }
        }
      }
    });
    std::map<Number, int> balance;
    for (int i = 0; i < threads; ++i) {
      for (const Number value : in[i]) ++balance[value];
      for (const Number value : out[i]) --balance[value];
    }
    Number left = 0;
    for (Number key = 0; key < keys; ++key) {
      if (const std::optional<Number> value = map->Load(key)) {
        --balance[*value];
        ++left;
      }
    }
    for (const auto& [value, times] : balance) {
      Expect(times <= 0, "value ", value, " was stored and never came out");
      Expect(times >= 0, "value ", value, " came out more often than it was stored");
    }
    ExpectSize(*map, left);
  }
}

// Size is what the results of all insertions and deletions add up to.
void SizeAddsUp(const Context& context) {
  const int threads = context.Threads(kThreads);
  const Number keys = context.Keys(48);
  for (std::uint64_t round = 0; context.More(round, 30); ++round) {
    const auto map = context.Make();
    std::atomic<std::int64_t> size{0};
    context.InThreads(threads, [&](int me) {
      Random random(context.seed() + round * 64 + static_cast<Number>(me));
      std::int64_t mine = 0;
      for (int call = 0; call < 400; ++call) {
        const Number key = random.Below(keys);
        if (random.OneIn(2)) {
          mine += !map->LoadOrStore(key, key + 1).loaded;
        } else {
          mine -= map->Delete(key);
        }
      }
      size.fetch_add(mine, std::memory_order_relaxed);
    });
    Number found = 0;
    for (Number key = 0; key < keys; ++key) found += map->Load(key).has_value();
    ExpectEq(static_cast<std::int64_t>(found), size.load(),
             "keys present, against insertions minus deletions");
    ExpectSize(*map, found);
  }
}

constexpr Check kChecks[] = {
    {"unshared_compare_and_delete",
     {.ops = OpSet(Op::kCompareAndDelete, Op::kLoadOrStore),
      .threads = true,
      .fits_a_cache = true,
      .linearizable = false},
     &UnsharedCompareAndDelete},
    {"unshared_compare_and_swap",
     {.ops = OpSet(Op::kCompareAndSwap, Op::kDelete), .threads = true, .fits_a_cache = true},
     &UnsharedCompareAndSwap},
    {"unshared_swap",
     {.ops = OpSet(Op::kDelete, Op::kSwap),
      .threads = true,
      .fits_a_cache = true,
      .linearizable = false},
     &UnsharedSwap},
    {"unshared_load_and_delete",
     {.ops = OpSet(Op::kLoadAndDelete),
      .threads = true,
      .fits_a_cache = true,
      .linearizable = false},
     &UnsharedLoadAndDelete},
    {"shared_compare_and_delete",
     {.ops = OpSet(Op::kCompareAndDelete),
      .threads = true,
      .fits_a_cache = true,
      .linearizable = false},
     &SharedCompareAndDelete},
    {"shared_compare_and_swap",
     {.ops = OpSet(Op::kCompareAndSwap, Op::kLoadOrStore), .threads = true, .fits_a_cache = true},
     &SharedCompareAndSwap},
    {"shared_load_and_delete",
     {.ops = OpSet(Op::kLoadAndDelete),
      .threads = true,
      .fits_a_cache = true,
      .linearizable = false},
     &SharedLoadAndDelete},
    {"shared_delete",
     {.ops = OpSet(Op::kDelete), .threads = true, .fits_a_cache = true, .linearizable = false},
     &SharedDelete},
    {"reservation",
     {.ops = OpSet(Op::kLoadOrStore), .threads = true, .fits_a_cache = true, .linearizable = false},
     &Reservation},
    {"load_or_compute_once",
     {.ops = OpSet(Op::kLoadOrCompute),
      .threads = true,
      .fits_a_cache = true,
      .linearizable = false},
     &LoadOrComputeOnce},
    {"transfers_keep_the_sum",
     {.ops = OpSet(Op::kCompareAndSwap), .threads = true, .fits_a_cache = true},
     &TransfersKeepTheSum},
    {"values_come_out_once",
     {.ops = OpSet(Op::kLoadOrStore), .threads = true, .fits_a_cache = true, .linearizable = false},
     &ValuesComeOutOnce},
    {"size_adds_up",
     {.ops = OpSet(Op::kLoadOrStore, Op::kDelete),
      .threads = true,
      .fits_a_cache = true,
      .linearizable = false},
     &SizeAddsUp},
};

}  // namespace

std::span<const Check> ConcurrentPointChecks() { return kChecks; }

}  // namespace cmap::testing
