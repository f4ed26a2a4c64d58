// SPDX-License-Identifier: Apache-2.0
//
// Checks of threads that read, by Load and by Range, while others change the map under
// them: growth, overwriting, batches, Clear.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "maps/testing/checks.h"
#include "maps/testing/parts.h"

namespace cmap::testing {
namespace {

// Counts a writer's end even when it throws, so that no reader waits for it.
template <std::memory_order kOrder = std::memory_order_release>
class AtExit {
 public:
  explicit AtExit(std::atomic<int>& left) : left_(left) {}
  ~AtExit() { left_.fetch_sub(1, kOrder); }

 private:
  std::atomic<int>& left_;
};

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
        for (Number i = 0; i * writers < keys && (i < 100 || context.More(i, keys)); ++i) {
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
          const Number back =
              random.OneIn(2) ? random.Below(count) : random.Below(std::min<Number>(count, 8));
          const Number key = (count - 1 - back) * writers + writer;
          ExpectEq(map->Load(key), std::optional<Number>(key * 2 + 1), "Load(", key,
                   ") after it was stored, while the map grows");
        }
      } while (writing.load(std::memory_order_acquire) > 0);
    });
    ExpectSize(*map, announced[0].load() + announced[1].load());
  }
}

// Small maps grow in quick succession, under more threads than there are processors: one
// that is preempted in the middle of an operation wakes up in a map that has grown twice.
void ManyBeginAtOnce(const Context& context) {
  const int threads = context.Threads(8);
  if (threads < 2) return;
  constexpr Number kKeys = 40;  // of each
  for (std::uint64_t round = 0; context.More(round, 25); ++round) {
    std::vector<std::unique_ptr<AnyMap>> maps;
    for (int i = 0; i < 20; ++i) maps.push_back(context.Make());
    context.InThreads(threads, [&](int me) {
      for (const auto& map : maps) {
        for (Number i = 0; i < kKeys; ++i) {
          const Number key = static_cast<Number>(me) * kKeys + i;
          map->Put(key, key + 1);
        }
      }
    });
    for (const auto& map : maps) {
      ExpectSize(*map, static_cast<Number>(threads) * kKeys);
      for (Number key = 0; key < static_cast<Number>(threads) * kKeys; ++key) {
        ExpectEq(map->Load(key), std::optional<Number>(key + 1), "Load(", key,
                 ") after several threads filled the map");
      }
    }
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
          Expect(!value || *value % key == 0, what, "(", key, ") is ", value.value_or(0),
                 ", which nobody stored for this key");
        };
        switch (random.Below(4)) {
          case 0:
            map->Put(key, key * random.Below(1000));
            break;
          case 1:
            map->Delete(key);
            break;
          case 2:
            good(map->LoadOrStore(key, key * 7).value, "LoadOrStore");
            break;
          default:
            good(map->Load(key), "Load");
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
        Expect(seen[key], "Range does not visit ", key, ", which was present all the time");
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
        Expect(got[key] <= got[key - 1] && got[key] + 1 >= got[0], "Range shows ", got[0], ", ",
               got[key - 1], " and ", got[key], " for keys 0, ", key - 1, " and ", key,
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
          const Number key = (round + static_cast<Number>(pass)) % 2 == 0 ? i : keys - 1 - i;
          if (!map->Load(key)) {
            missed = key;
          } else {
            Expect(!missed, "key ", key, " is there after ", missed.value_or(0), " was cleared");
          }
        }
      }
    });
    ExpectSize(*map, 0u, " after Clear");
  }
}

// What a reader has read is freed after that, though the reader never comes back: nothing
// but the map orders the two, as all is relaxed here. It takes ThreadSanitizer to notice.
// And nobody is held up by a thread that is in no operation.
void ReadsComeBeforeFrees(const Context& context) {
  if (context.Threads(2) < 2) return;
  const auto wait_for = [](const std::atomic<int>& left) {
    while (left.load(std::memory_order_relaxed) > 0) std::this_thread::yield();
  };
  const Number last = std::max<Number>(100, context.Scaled(5000));
  for (std::uint64_t round = 0; context.More(round, 5); ++round) {
    const auto map = context.Make();
    map->Store(0, 0);
    std::atomic<int> reading{1}, storing{1};
    context.InThreads(2, [&](int me) {
      if (me == 0) {
        {
          const AtExit<std::memory_order_relaxed> exit(reading);
          ExpectEq(map->Load(0), std::optional<Number>(0));
          context.subject().idle();
        }
        wait_for(storing);
      } else {
        const AtExit<std::memory_order_relaxed> exit(storing);
        wait_for(reading);
        for (Number i = 1; i <= last; ++i) map->Store(0, i);
      }
    });
    ExpectEq(map->Load(0), std::optional<Number>(last));
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
            Expect(!got || *got == key * 3, "Load(", key, ") is ", got.value_or(0),
                   ", which nobody stored");
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
      map->Range(
          [](Number key, Number) -> bool { Fail("Range finds ", key, " after the last Clear"); });
    }
    for (Number key = 0; key < keys; ++key) {
      ExpectEq(map->LoadOrStore(key, key), Loaded<Number>{key, false}, "LoadOrStore of ", key,
               " after the last Clear");
    }
    ExpectSize(*map, keys);
  }
}

constexpr Check kChecks[] = {
    {"reads_come_before_frees",
     {.ops = OpSet(Op::kStore), .threads = true, .fits_a_cache = true},
     &ReadsComeBeforeFrees},
    {"growth_loses_nothing",
     {.ops = OpSet(Op::kDelete), .threads = true, .fits_a_cache = true},
     &GrowthLosesNothing},
    {"many_begin_at_once", {.threads = true, .fits_a_cache = true}, &ManyBeginAtOnce},
    {"readers_see_stored_values",
     {.ops = OpSet(Op::kLoadOrStore, Op::kDelete),
      .threads = true,
      .every_key = false,
      .linearizable = false},
     &ReadersSeeStoredValues},
    {"concurrent_range",
     {.ops = OpSet(Op::kDelete, Op::kRange), .threads = true, .linearizable = false},
     &ConcurrentRange},
    {"range_is_snapshot",
     {.ops = OpSet(Op::kRange, Op::kStore),
      .threads = true,
      .linearizable = false,
      .snapshot_range = true},
     &RangeIsSnapshot},
    {"batch_is_atomic",
     {.ops = OpSet(Op::kStoreBatch), .threads = true, .linearizable = false, .atomic_batch = true},
     &BatchIsAtomic},
    {"clear_is_atomic",
     {.ops = OpSet(Op::kClear), .threads = true, .atomic_clear = true},
     &ClearIsAtomic},
    {"concurrent_clear",
     {.ops = OpSet(Op::kClear, Op::kLoadOrStore),
      .threads = true,
      .fits_a_cache = true,
      .linearizable = false},
     &ConcurrentClear},
};

}  // namespace

std::span<const Check> ConcurrentReaderChecks() { return kChecks; }

}  // namespace cmap::testing
