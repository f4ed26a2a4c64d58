// SPDX-License-Identifier: Apache-2.0
//
// A map whose operations contain four locked instructions, as those of maps with two locks
// do, must cost in the study's loop what it costs in one written by hand. Locked
// instructions wait until every store before them has left the core, and they stall what
// follows: what a loop does through memory it adds to such maps, and not to maps whose
// loads are plain, behind which it is done meanwhile. The null map cannot show that.
//
// Timed, so it must bear a busy machine: both loops are played in turn for a millisecond
// each, by the CPU time of the thread, and the ratio is the median over the turns; one of
// several attempts has to stay below the bound. Where this was written the ratio is 1.00
// beside nine other processes; with a value that leaves the map through memory, in two
// pieces that are then read as one, it is 1.26. (Counters in memory alone are worth 1 %
// there: loop_code_test looks for those in the machine code.)
#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "maps/concurrent_map.h"
#include "workloads/plain_loop.h"
#include "workloads/rng.h"
#include "workloads/runner.h"

namespace cmap::workloads {
namespace {

constexpr std::uint32_t kKeys = 1024;
constexpr double kMost = 1.1;

// Two locks, each taken and released, around a value that is computed from the key.
class ScriptedMap {
 public:
  using key_type = std::uint64_t;
  using mapped_type = std::uint64_t;
  using Options = NoOptions;
  static constexpr Traits kTraits = [] {
    Traits traits{};
    traits.unsupported = OpSet(Op::kLoadAndDelete, Op::kSwap, Op::kCompareAndSwap,
                               Op::kCompareAndDelete, Op::kLoadOrCompute);
    return traits;
  }();

  ScriptedMap() = default;
  explicit ScriptedMap(const Options&) {}

  template <class F>
  [[gnu::always_inline]] bool Visit(std::uint64_t key, F&& f) {
    outer_.fetch_add(1);
    inner_.fetch_add(1);
    f(values_[key >> 54]);
    inner_.fetch_sub(1);
    outer_.fetch_sub(1);
    return true;
  }
  void Store(std::uint64_t key, std::uint64_t value) { values_[key >> 54] = value; }
  Loaded<std::uint64_t> LoadOrStore(std::uint64_t key, std::uint64_t) {
    return {values_[key >> 54], true};
  }
  bool Delete(std::uint64_t) { return false; }

 private:
  alignas(kCacheLine) std::atomic<std::uint32_t> outer_{0};
  alignas(kCacheLine) std::atomic<std::uint32_t> inner_{0};
  alignas(kCacheLine) std::uint64_t values_[kKeys] = {};
};

double CpuNs() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return 1e9 * static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec);
}

template <class F>
double Timed(F&& f) {
  const double before = CpuNs();
  f();
  return CpuNs() - before;
}

// Indices whose keys have ten highest bits of their own: one slot of the map for each.
std::vector<std::uint32_t> OneForEachSlot() {
  std::vector<std::uint32_t> indices;
  std::vector<bool> taken(kKeys);
  for (std::uint32_t i = 0; indices.size() < kKeys; ++i) {
    const std::size_t slot = MixIndex(i) >> 54;
    if (!taken[slot]) indices.push_back(i);
    taken[slot] = true;
  }
  return indices;
}

TEST(LockedInstructions, CostInTheLoopWhatTheyCostByHand) {
  const Keys<std::uint64_t> keys;
  const Values<std::uint64_t> values;
  const auto ours = std::make_unique<ScriptedMap>();
  const auto by_hand = std::make_unique<OwnApi<ScriptedMap>>(NoOptions{});
  const std::vector<std::uint32_t> indices = OneForEachSlot();
  for (const std::uint32_t i : indices) {
    ours->Store(keys(i), values(i, 0));
    by_hand->Put(keys(i), values(i, 0));
  }
  Rng rng(7);
  std::vector<Entry> entries;
  for (int i = 0; i < 40'000; ++i) {
    entries.push_back(MakeEntry(Op::kLoad, indices[rng.Below(kKeys)]));
  }
  const std::uint32_t loads = OpBit(Op::kLoad);
  SliceResult from_ours, from_hand;
  double least = 1e9;
  for (int attempt = 0; attempt < 8 && least > kMost; ++attempt) {
    std::vector<double> ratios;
    for (int turn = 0; turn < 101; ++turn) {
      double ns[2] = {0, 0};
      for (const int which : {turn & 1, ~turn & 1}) {
        ns[which] = Timed([&] {
          if (which == 0) {
            from_ours = PlayEntries(*ours, entries, 0, loads, keys, values);
          } else {
            from_hand = PlayPlainly(*by_hand, entries, 0, loads, keys, values);
          }
        });
      }
      ratios.push_back(ns[0] / ns[1]);
    }
    std::nth_element(ratios.begin(), ratios.begin() + 50, ratios.end());
    std::printf("the study's loop takes %.3f times as long\n", ratios[50]);
    least = std::min(least, ratios[50]);
  }
  EXPECT_EQ(from_ours, from_hand);
  EXPECT_EQ(from_ours.hits, entries.size());
  EXPECT_EQ(from_ours.mismatch, 0u);
  EXPECT_LT(least, kMost);
}

}  // namespace
}  // namespace cmap::workloads
