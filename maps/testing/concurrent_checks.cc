// SPDX-License-Identifier: Apache-2.0
//
// Checks of several threads at once. None records a history; each states an
// invariant that every linearizable history keeps and that the usual mistakes
// (split upsert, lost update, check without the lock, entry lost while growing)
// break. A round is a whole test: as many are run as the time allows.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "maps/testing/checks.h"
#include "maps/testing/life_counted.h"

namespace cmap::testing {
namespace {

constexpr int kThreads = 4;

// Counts a writer's end even when it throws, so that no reader waits for it.
class AtExit {
 public:
  explicit AtExit(std::atomic<int>& left) : left_(left) {}
  ~AtExit() { left_.fetch_sub(1, std::memory_order_release); }

 private:
  std::atomic<int>& left_;
};

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
    Expect(map.CompareAndDelete(key, key + 1), "CompareAndDelete of own key ",
           key, " is false");
    ExpectEq(map.Load(key), std::optional<Number>(), "Load of deleted ", key);
  });
}

void UnsharedCompareAndSwap(const Context& context) {
  UnsharedKeys(context, [](AnyMap& map, Number key) {
    map.Put(key, key);
    for (Number step = 0; step < 3; ++step) {
      Expect(map.CompareAndSwap(key, key + step, key + step + 1),
             "CompareAndSwap of own key ", key, " is false");
      Expect(!map.CompareAndSwap(key, key + step, key), "CompareAndSwap of ", key,
             " with its former value is true");
      ExpectEq(map.Load(key), std::optional<Number>(key + step + 1), "Load(", key,
               ")");
    }
    Expect(map.Delete(key), "Delete of own key ", key, " is false");
    Expect(!map.CompareAndSwap(key, key + 3, key), "CompareAndSwap of deleted ",
           key, " is true");
  });
}

void UnsharedSwap(const Context& context) {
  UnsharedKeys(context, [](AnyMap& map, Number key) {
    ExpectEq(map.Swap(key, key + 1), std::optional<Number>(), "Swap of absent ",
             key);
    ExpectEq(map.Swap(key, key + 2), std::optional<Number>(key + 1),
             "Swap of own key ", key);
    ExpectEq(map.Load(key), std::optional<Number>(key + 2), "Load(", key, ")");
    Expect(map.Delete(key), "Delete of own key ", key, " is false");
    Expect(!map.Delete(key), "Delete of deleted ", key, " is true");
  });
}

void UnsharedLoadAndDelete(const Context& context) {
  UnsharedKeys(context, [](AnyMap& map, Number key) {
    ExpectEq(map.LoadAndDelete(key), std::optional<Number>(),
             "LoadAndDelete of absent ", key);
    map.Put(key, key + 1);
    ExpectEq(map.LoadAndDelete(key), std::optional<Number>(key + 1),
             "LoadAndDelete of own key ", key);
    ExpectEq(map.LoadAndDelete(key), std::optional<Number>(),
             "LoadAndDelete of deleted ", key);
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
  OneWinnerPerKey(context, true, [](AnyMap& map, Number key, Number) {
    return map.Delete(key);
  });
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
        ExpectEq(got[i][key].value, got[0][key].value,
                 "what threads ", i, " and 0 got from LoadOrStore of ", key);
        if (!got[i][key].loaded) {
          ExpectEq(got[i][key].value, static_cast<Number>(i) + 1,
                   "value returned to the thread that stored");
        }
      }
      ExpectEq(stored, 1, "threads that stored key ", key);
      ExpectEq(map->Load(key), std::optional<Number>(got[0][key].value), "Load(",
               key, ")");
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
        ExpectEq(map->Load(key), std::optional<Number>(got.value),
                 "Load after LoadOrCompute of ", key);
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
            Expect(*now >= seen, "counter ", key, " went back from ", seen, " to ",
                   *now);
            seen = *now;
          }
        }
      }
    });
    for (Number key = 0; key < keys; ++key) {
      ExpectEq(map->Load(key), std::optional<Number>(kAdds * threads),
               "additions to key ", key);
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

// Insertions that make the map grow, and readers that must find every key that
// was announced; deletions of other keys meanwhile.
void GrowthLosesNothing(const Context& context) {
  const int writers = 2;
  if (context.Threads(4) < 4) return;
  const Number keys = context.Keys(3000);
  for (std::uint64_t round = 0; context.More(round, 6); ++round) {
    const auto map = context.Make();
    std::atomic<Number> announced[writers] = {};
    std::atomic<int> writing{writers};
    context.InThreads(4, [&](int me) {
      if (me < writers) {
        const AtExit exit(writing);
        // As many as the time allows, but some in any case.
        for (Number i = 0; i * writers < keys && (i < 100 || context.More(i, keys));
             ++i) {
          const Number key = i * writers + static_cast<Number>(me);
          // A key that comes and goes beside the one that stays.
          map->Put(keys * 2 + key, 1);
          map->Put(key, key * 2 + 1);
          announced[me].store(i + 1, std::memory_order_release);
          Expect(map->Delete(keys * 2 + key), "Delete of own key is false");
        }
        return;
      }
      Random random(context.seed() + round * 64 + static_cast<Number>(me));
      do {
        for (int n = 0; n < 64; ++n) {
          const Number writer = random.Below(writers);
          const Number count = announced[writer].load(std::memory_order_acquire);
          if (count == 0) continue;
          // Mostly young keys: those are still on the move.
          const Number back = random.OneIn(2) ? random.Below(count)
                                              : random.Below(std::min<Number>(
                                                    count, 8));
          const Number key = (count - 1 - back) * writers + writer;
          ExpectEq(map->Load(key), std::optional<Number>(key * 2 + 1), "Load(",
                   key, ") after it was stored, while the map grows");
        }
      } while (writing.load(std::memory_order_acquire) > 0);
    });
    ExpectSize(*map, announced[0].load() + announced[1].load());
  }
}

// Readers only ever see values that were stored for the key they asked for.
void ReadersSeeStoredValues(const Context& context) {
  const int threads = context.Threads(kThreads);
  const Number keys = context.Keys(32);
  for (std::uint64_t round = 0; context.More(round, 20); ++round) {
    const auto map = context.Make();
    context.InThreads(threads, [&](int me) {
      Random random(context.seed() + round * 64 + static_cast<Number>(me));
      for (int call = 0; call < 600; ++call) {
        const Number key = random.Below(keys) + 1;
        const auto good = [&](std::optional<Number> value, const char* what) {
          Expect(!value || *value % key == 0, what, "(", key, ") is ",
                 value.value_or(0), ", which nobody stored for this key");
        };
        switch (random.Below(4)) {
          case 0: map->Put(key, key * random.Below(1000)); break;
          case 1: map->Delete(key); break;
          case 2:
            good(map->LoadOrStore(key, key * 7).value, "LoadOrStore");
            break;
          default: good(map->Load(key), "Load");
        }
      }
    });
  }
}

// Go's TestConcurrentRange: every key that stays is visited exactly once, with
// one of the values stored for it, while others overwrite them.
void ConcurrentRange(const Context& context) {
  const Number keys = context.Keys(1024);
  if (context.Threads(3) < 3) return;
  const auto map = context.Make();
  Fill(*map, context.traits(), keys, [](Number key) { return key + 1; });
  std::atomic<int> ranging{1};
  context.InThreads(3, [&](int me) {
    if (me > 0) {
      Random random(context.seed() + static_cast<Number>(me));
      while (ranging.load(std::memory_order_acquire) > 0) {
        const Number key = random.Below(keys);
        map->Put(key, (key + 1) * (random.Below(1000) + 1));
        // Another key comes and goes: the table moves underneath.
        const Number other = keys + random.Below(context.Keys(512));
        if (random.OneIn(2)) {
          map->Put(other, other + 1);
        } else {
          map->Delete(other);
        }
      }
      return;
    }
    const AtExit exit(ranging);
    Random random(context.seed());
    for (std::uint64_t round = 0; context.More(round, 60); ++round) {
      std::vector<bool> seen(keys);
      std::set<Number> others;
      map->Range([&](Number key, Number value) {
        // A visitor may call the map, which must not let go of what Range holds.
        if (random.OneIn(4)) map->Load(random.Below(keys));
        Expect(value % (key + 1) == 0, "Range shows ", value, " for ", key,
               ", which nobody stored for it");
        if (key >= keys) {
          Expect(others.insert(key).second, "Range visits ", key, " twice");
          return true;
        }
        Expect(!seen[key], "Range visits ", key, " twice");
        seen[key] = true;
        return true;
      });
      for (Number key = 0; key < keys; ++key) {
        Expect(seen[key], "Range does not visit ", key,
               ", which was present all the time");
      }
    }
  });
}

// A snapshot: one writer stores r to keys 0, 1, ... in turn, then r + 1, ...; the
// states of the map are exactly those where the values do not rise with the key
// and differ by one at most.
void RangeIsSnapshot(const Context& context) {
  constexpr Number kKeys = 32;
  if (context.Threads(2) < 2) return;
  const auto map = context.Make();
  for (Number key = 0; key < kKeys; ++key) map->Store(key, 0);
  std::atomic<int> ranging{1};
  context.InThreads(2, [&](int me) {
    if (me == 1) {
      for (Number r = 1; ranging.load(std::memory_order_acquire) > 0; ++r) {
        for (Number key = 0; key < kKeys; ++key) map->Store(key, r);
      }
      return;
    }
    const AtExit exit(ranging);
    for (std::uint64_t round = 0; context.More(round, 2000); ++round) {
      std::vector<Number> got(kKeys);
      map->Range([&](Number key, Number value) {
        got[key] = value;
        return true;
      });
      for (Number key = 1; key < kKeys; ++key) {
        Expect(got[key] <= got[key - 1] && got[key] + 1 >= got[0],
               "Range shows ", got[0], ", ", got[key - 1], " and ", got[key],
               " for keys 0, ", key - 1, " and ", key,
               ", which were never there at once");
      }
    }
  });
}

// An atomic batch: a reader that sees a batch's value in one key sees it, or a
// later one, in all keys read afterwards.
void BatchIsAtomic(const Context& context) {
  const Number keys = context.Keys(16);
  if (context.Threads(2) < 2) return;
  const auto map = context.Make();
  std::atomic<int> reading{1};
  context.InThreads(2, [&](int me) {
    if (me == 1) {
      std::vector<AnyMap::Pair> batch(keys);
      for (Number r = 1; reading.load(std::memory_order_acquire) > 0; ++r) {
        for (Number key = 0; key < keys; ++key) batch[key] = {key, r};
        map->StoreBatch(batch);
      }
      return;
    }
    const AtExit exit(reading);
    for (std::uint64_t round = 0; context.More(round, 5000); ++round) {
      Number last = 0;
      for (Number key = 0; key < keys; ++key) {
        const Number now = map->Load(key).value_or(0);
        Expect(now >= last, "after batch ", last, " was seen, key ", key,
               " still holds the value of batch ", now);
        last = now;
      }
    }
  });
}

// An atomic Clear: a reader that misses one key misses all keys read afterwards,
// as nothing is stored meanwhile.
void ClearIsAtomic(const Context& context) {
  const Number keys = context.Keys(128);
  if (context.Threads(2) < 2) return;
  for (std::uint64_t round = 0; context.More(round, 200); ++round) {
    const auto map = context.Make();
    for (Number key = 0; key < keys; ++key) map->Put(key, key);
    context.InThreads(2, [&](int me) {
      if (me == 1) {
        map->Clear();
        return;
      }
      // In both directions: whichever end Clear begins with.
      for (int pass = 0; pass < 2; ++pass) {
        std::optional<Number> missed;
        for (Number i = 0; i < keys; ++i) {
          const Number key = (round + static_cast<Number>(pass)) % 2 == 0
                                 ? i
                                 : keys - 1 - i;
          if (!map->Load(key)) {
            missed = key;
          } else {
            Expect(!missed, "key ", key, " is there after ",
                   missed.value_or(0), " was cleared");
          }
        }
      }
    });
    ExpectSize(*map, 0u, " after Clear");
  }
}

// Go's TestConcurrentClear: writers, readers and clearers at once; after a last
// Clear nothing is left, and the map works as before.
void ConcurrentClear(const Context& context) {
  const int threads = context.Threads(9);
  const Number keys = context.Keys(128);
  for (std::uint64_t round = 0; context.More(round, 10); ++round) {
    const auto map = context.Make();
    context.InThreads(threads, [&](int me) {
      Random random(context.seed() + round * 64 + static_cast<Number>(me));
      for (int call = 0; call < 100; ++call) {
        const Number key = random.Below(keys);
        switch (me % 3) {
          case 0:
            if (random.OneIn(2)) {
              map->Put(key, key * 3);
            } else {
              map->LoadOrStore(key, key * 3);
            }
            break;
          case 1: {
            const std::optional<Number> got = map->Load(key);
            Expect(!got || *got == key * 3, "Load(", key, ") is ",
                   got.value_or(0), ", which nobody stored");
            break;
          }
          default:
            if (call % 10 == 0) map->Clear();
            if (call % 10 == 5 && map->Has(Op::kDelete)) map->Delete(key);
        }
      }
    });
    map->Clear();
    ExpectSize(*map, 0u, " after the last Clear");
    if (map->Has(Op::kRange)) {
      map->Range([](Number key, Number) -> bool {
        Fail("Range finds ", key, " after the last Clear");
      });
    }
    for (Number key = 0; key < keys; ++key) {
      ExpectEq(map->LoadOrStore(key, key), Loaded<Number>{key, false},
               "LoadOrStore of ", key, " after the last Clear");
    }
    ExpectSize(*map, keys);
  }
}

// Tunables at their least and greatest under concurrent insertion and deletion.
void TunablesWithThreads(const Context& context) {
  const bool computes = !context.traits().unsupported.contains(Op::kLoadOrCompute);
  constexpr std::int64_t kMost = 4096;
  for (const TunableInfo& tunable : context.subject().tunables) {
    for (const std::int64_t value :
         {tunable.min, std::max(tunable.min, std::min(tunable.max, kMost))}) {
      const auto map = context.subject().make_with(tunable.name, value);
      const int threads = context.Threads(kThreads);
      std::atomic<std::int64_t> size{0};
      context.InThreads(threads, [&](int me) {
        Random random(context.seed() + static_cast<Number>(me));
        // What a tunable changes is often how an insertion looks first.
        const auto insert = [&](Number key) {
          if (!computes || random.OneIn(2)) {
            return !map->LoadOrStore(key, key).loaded;
          }
          const Loaded<Number> got = map->LoadOrCompute(key, [&] {
            std::this_thread::yield();
            return key;
          });
          return !got.loaded;
        };
        std::int64_t mine = 0;
        for (int call = 0; call < 1000; ++call) {
          const Number key = random.Below(100);
          switch (random.Below(3)) {
            case 0: mine += insert(key); break;
            case 1: mine -= map->Delete(key); break;
            default: {
              const std::optional<Number> got = map->Load(key);
              Expect(!got || *got == key, "Load(", key, ") is ", got.value_or(0));
            }
          }
        }
        size.fetch_add(mine, std::memory_order_relaxed);
      });
      ExpectSize(*map, static_cast<std::size_t>(size.load()), " with ",
                 tunable.name, " = ", value);
    }
  }
}

// Many threads that come, work a little, and go: per-thread state must survive
// its thread and be used again.
void ShortLivedThreads(const Context& context) {
  const int threads = context.Threads(kThreads);
  const auto map = context.Make();
  for (std::uint64_t wave = 0; context.More(wave, 60); ++wave) {
    context.InThreads(threads, [&](int me) {
      const auto own = static_cast<Number>(me);
      const Number want = map->Has(Op::kStore) ? wave : 0;
      for (Number i = 0; i < 8; ++i) {
        map->Put(own, wave);
        map->Put(100 + own, i);
        ExpectEq(map->Load(own), std::optional<Number>(want), "Load of own key");
        Expect(map->Delete(100 + own), "Delete of own key is false");
      }
    });
    ExpectSize(*map, static_cast<Number>(threads));
  }
}

// Eight threads for every CPU: most are preempted where it hurts, with a lock held or
// inside a guard.
void Oversubscribed(const Context& context) {
  const int cpus = static_cast<int>(std::thread::hardware_concurrency());
  const int threads = context.Threads(std::clamp(8 * cpus, 16, 64));
  const Number keys = context.Keys(32);
  for (std::uint64_t round = 0; context.More(round, 3); ++round) {
    const auto map = context.Make();
    std::atomic<std::int64_t> size{0};
    context.InThreads(threads, [&](int me) {
      Random random(context.seed() * 31 + round * 1000 + static_cast<Number>(me));
      std::int64_t mine = 0;
      for (int call = 0; call < 100; ++call) {
        const Number key = random.Below(keys);
        switch (random.Below(4)) {
          case 0: mine += !map->LoadOrStore(key, key).loaded; break;
          case 1: mine -= map->Delete(key); break;
          default: {
            const std::optional<Number> got = map->Load(key);
            Expect(!got || *got == key, "Load(", key, ") is ", got.value_or(0));
          }
        }
      }
      size.fetch_add(mine, std::memory_order_relaxed);
    });
    ExpectEq(static_cast<std::int64_t>(map->Size()), size.load(), "Size() after ",
             threads, " threads");
  }
}

// A hundred thousand short tasks on a few threads at a time, each with a key of its own
// that it removes: whenever all threads rest, nothing of them is left.
void ShortTasks(const Context& context) {
  constexpr std::uint64_t kWaves = 10;
  constexpr Number kTasks = 10'000;  // of a wave
  const int threads = context.Threads(kThreads);
  const auto map = context.Make();
  context.subject().quiesce();
  const std::int64_t before = LifeCounted::Alive();
  const bool measured = !context.traits().unsupported.contains(Op::kMemoryBytes);
  std::size_t first_bytes = 0;
  for (std::uint64_t wave = 0; context.More(wave, kWaves); ++wave) {
    const Number tasks = context.Scaled(kTasks);
    std::atomic<Number> next{0};
    context.InThreads(threads, [&](int) {
      for (;;) {
        const Number task = next.fetch_add(1, std::memory_order_relaxed);
        if (task >= tasks || (task % 64 == 0 && task != 0 && !context.More(1, 2))) {
          return;
        }
        const Number key = wave * tasks + task;
        map->Store(key, task);
        ExpectEq(map->Load(key), std::optional<Number>(task), "Load of own key");
        Expect(map->Delete(key), "Delete of own key is false");
      }
    });
    context.subject().quiesce();
    ExpectEq(map->Size(), 0u, "Size()");
    ExpectEq(LifeCounted::Alive() - before, 0, "values alive after wave ", wave);
    if (!measured) continue;
    const std::size_t bytes = map->MemoryBytes();
    if (wave == 0) first_bytes = bytes;
    Expect(bytes <= 4 * first_bytes + 65536, "MemoryBytes() of the empty map grew from ",
           first_bytes, " to ", bytes, " in ", wave, " waves");
  }
}

constexpr Check kChecks[] = {
    {"unshared_compare_and_delete",
     {.ops = OpSet(Op::kCompareAndDelete, Op::kLoadOrStore),
      .threads = true, .fits_a_cache = true, .linearizable = false},
     &UnsharedCompareAndDelete},
    {"unshared_compare_and_swap",
     {.ops = OpSet(Op::kCompareAndSwap, Op::kDelete), .threads = true, .fits_a_cache = true},
     &UnsharedCompareAndSwap},
    {"unshared_swap",
     {.ops = OpSet(Op::kDelete, Op::kSwap),
      .threads = true, .fits_a_cache = true, .linearizable = false},
     &UnsharedSwap},
    {"unshared_load_and_delete",
     {.ops = OpSet(Op::kLoadAndDelete),
      .threads = true, .fits_a_cache = true, .linearizable = false},
     &UnsharedLoadAndDelete},
    {"shared_compare_and_delete",
     {.ops = OpSet(Op::kCompareAndDelete),
      .threads = true, .fits_a_cache = true, .linearizable = false},
     &SharedCompareAndDelete},
    {"shared_compare_and_swap",
     {.ops = OpSet(Op::kCompareAndSwap, Op::kLoadOrStore), .threads = true, .fits_a_cache = true},
     &SharedCompareAndSwap},
    {"shared_load_and_delete",
     {.ops = OpSet(Op::kLoadAndDelete),
      .threads = true, .fits_a_cache = true, .linearizable = false},
     &SharedLoadAndDelete},
    {"shared_delete",
     {.ops = OpSet(Op::kDelete), .threads = true, .fits_a_cache = true, .linearizable = false},
     &SharedDelete},
    {"reservation",
     {.ops = OpSet(Op::kLoadOrStore),
      .threads = true, .fits_a_cache = true, .linearizable = false},
     &Reservation},
    {"load_or_compute_once",
     {.ops = OpSet(Op::kLoadOrCompute),
      .threads = true, .fits_a_cache = true, .linearizable = false},
     &LoadOrComputeOnce},
    {"transfers_keep_the_sum",
     {.ops = OpSet(Op::kCompareAndSwap), .threads = true, .fits_a_cache = true},
     &TransfersKeepTheSum},
    {"values_come_out_once",
     {.ops = OpSet(Op::kLoadOrStore),
      .threads = true, .fits_a_cache = true, .linearizable = false},
     &ValuesComeOutOnce},
    {"size_adds_up",
     {.ops = OpSet(Op::kLoadOrStore, Op::kDelete),
      .threads = true, .fits_a_cache = true, .linearizable = false},
     &SizeAddsUp},
    {"growth_loses_nothing",
     {.ops = OpSet(Op::kDelete), .threads = true, .fits_a_cache = true},
     &GrowthLosesNothing},
    {"readers_see_stored_values",
     {.ops = OpSet(Op::kLoadOrStore, Op::kDelete),
      .threads = true, .every_key = false, .linearizable = false},
     &ReadersSeeStoredValues},
    {"concurrent_range",
     {.ops = OpSet(Op::kDelete, Op::kRange), .threads = true, .linearizable = false},
     &ConcurrentRange},
    {"range_is_snapshot",
     {.ops = OpSet(Op::kRange, Op::kStore),
      .threads = true, .linearizable = false, .snapshot_range = true},
     &RangeIsSnapshot},
    {"batch_is_atomic",
     {.ops = OpSet(Op::kStoreBatch),
      .threads = true, .linearizable = false, .atomic_batch = true},
     &BatchIsAtomic},
    {"clear_is_atomic",
     {.ops = OpSet(Op::kClear), .threads = true, .atomic_clear = true},
     &ClearIsAtomic},
    {"concurrent_clear",
     {.ops = OpSet(Op::kClear, Op::kLoadOrStore),
      .threads = true, .fits_a_cache = true, .linearizable = false},
     &ConcurrentClear},
    {"tunables_with_threads",
     {.ops = OpSet(Op::kLoadOrStore, Op::kDelete),
      .threads = true, .fits_a_cache = true, .linearizable = false, .good_hash = true, .tunables = true},
     &TunablesWithThreads},
    {"short_lived_threads", {.ops = OpSet(Op::kDelete), .threads = true}, &ShortLivedThreads},
    {"oversubscribed",
     {.ops = OpSet(Op::kLoadOrStore, Op::kDelete, Op::kSize),
      .threads = true, .linearizable = false},
     &Oversubscribed},
    {"short_tasks",
     {.ops = OpSet(Op::kStore, Op::kDelete, Op::kSize), .threads = true, .counted_lives = true},
     &ShortTasks},
};

}  // namespace

std::span<const Check> ConcurrentChecks() { return kChecks; }

}  // namespace cmap::testing
