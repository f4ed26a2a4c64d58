// SPDX-License-Identifier: Apache-2.0
//
// Checks of several threads at the limits: tunables at their least and greatest,
// threads that come and go, more threads than CPUs, more tasks than threads.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <optional>
#include <thread>

#include "maps/testing/checks.h"
#include "maps/testing/life_counted.h"
#include "maps/testing/parts.h"

namespace cmap::testing {
namespace {

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
            case 0:
              mine += insert(key);
              break;
            case 1:
              mine -= map->Delete(key);
              break;
            default: {
              const std::optional<Number> got = map->Load(key);
              Expect(!got || *got == key, "Load(", key, ") is ", got.value_or(0));
            }
          }
        }
        size.fetch_add(mine, std::memory_order_relaxed);
      });
      ExpectSize(*map, static_cast<std::size_t>(size.load()), " with ", tunable.name, " = ", value);
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
          case 0:
            mine += !map->LoadOrStore(key, key).loaded;
            break;
          case 1:
            mine -= map->Delete(key);
            break;
          default: {
            const std::optional<Number> got = map->Load(key);
            Expect(!got || *got == key, "Load(", key, ") is ", got.value_or(0));
          }
        }
      }
      size.fetch_add(mine, std::memory_order_relaxed);
    });
    ExpectEq(static_cast<std::int64_t>(map->Size()), size.load(), "Size() after ", threads,
             " threads");
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
    {"tunables_with_threads",
     {.ops = OpSet(Op::kLoadOrStore, Op::kDelete),
      .threads = true,
      .fits_a_cache = true,
      .linearizable = false,
      .good_hash = true,
      .tunables = true},
     &TunablesWithThreads},
    {"short_lived_threads", {.ops = OpSet(Op::kDelete), .threads = true}, &ShortLivedThreads},
    {"oversubscribed",
     {.ops = OpSet(Op::kLoadOrStore, Op::kDelete, Op::kSize),
      .threads = true,
      .linearizable = false},
     &Oversubscribed},
    {"short_tasks",
     {.ops = OpSet(Op::kStore, Op::kDelete, Op::kSize), .threads = true, .counted_lives = true},
     &ShortTasks},
};

}  // namespace

std::span<const Check> ConcurrentLimitChecks() { return kChecks; }

}  // namespace cmap::testing
