// SPDX-License-Identifier: Apache-2.0
//
// Plays tapes on a plain map of the test's own and compares what the loop
// counted with the simulator, for every mix the loop treats specially.
#include "workloads/runner.h"

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "workloads/batches.h"
#include "workloads/expectation.h"

namespace cmap::workloads {
namespace {

// std::map under one mutex; as plain as can be. kBroken turns on faults.
template <class K, class V>
class TestMap {
 public:
  using key_type = K;
  using mapped_type = V;
  static constexpr Traits kTraits = {};

  template <class F>
  bool Visit(const K& k, F&& f) {
    std::lock_guard lock(mutex_);
    const auto it = map_.find(k);
    if (it == map_.end()) return false;
    f(wrong_value ? map_.begin()->second : it->second);
    return true;
  }
  void Store(const K& k, const V& v) {
    std::lock_guard lock(mutex_);
    if (lose_store && ++stores == 1000) return;
    map_[k] = v;
  }
  Loaded<V> LoadOrStore(const K& k, const V& v) {
    std::lock_guard lock(mutex_);
    const auto [it, inserted] = map_.try_emplace(k, v);
    return {it->second, !inserted};
  }
  std::optional<V> LoadAndDelete(const K& k) {
    std::lock_guard lock(mutex_);
    const auto it = map_.find(k);
    if (it == map_.end()) return std::nullopt;
    std::optional<V> v = it->second;
    map_.erase(it);
    return v;
  }
  bool Delete(const K& k) {
    std::lock_guard lock(mutex_);
    return map_.erase(k) != 0;
  }
  std::optional<V> Swap(const K& k, const V& v) {
    std::lock_guard lock(mutex_);
    const auto [it, inserted] = map_.try_emplace(k, v);
    if (inserted) return std::nullopt;
    return std::exchange(it->second, v);
  }
  bool CompareAndSwap(const K& k, const V& o, const V& n) {
    std::lock_guard lock(mutex_);
    const auto it = map_.find(k);
    if (it == map_.end() || it->second != o) return false;
    it->second = n;
    return true;
  }
  bool CompareAndDelete(const K& k, const V& o) {
    std::lock_guard lock(mutex_);
    const auto it = map_.find(k);
    if (it == map_.end() || it->second != o) return false;
    map_.erase(it);
    return true;
  }
  template <class F>
  Loaded<V> LoadOrCompute(const K& k, F&& f) {
    std::lock_guard lock(mutex_);
    const auto it = map_.find(k);
    if (it != map_.end()) return {it->second, true};
    return {map_.emplace(k, f()).first->second, false};
  }
  void StoreBatch(std::span<const std::pair<K, V>> pairs) {
    std::lock_guard lock(mutex_);
    ++batches;
    for (const auto& [k, v] : pairs) map_[k] = v;
  }
  std::size_t Size() { return map_.size(); }
  const std::map<K, V>& content() const { return map_; }

  bool wrong_value = false;
  bool lose_store = false;
  int stores = 0;
  int batches = 0;

 private:
  std::mutex mutex_;
  std::map<K, V> map_;
};

using Mix = std::array<double, kPointOps>;

Spec Make(const Mix& mix, Regime regime = Regime::kStationary) {
  Spec spec;
  spec.mix = mix;
  spec.population = 500;
  spec.regime = regime;
  spec.ops = 1000;
  return spec;
}

const std::vector<Mix> kMixes = {
    {100},
    {0, 100},
    {0, 0, 100},
    {80, 20},
    {50, 10, 40},
    {0, 0, 0, 0, 0, 0, 0, 0, 100},
    {0, 0, 50, 25, 25},
    {40, 10, 10, 10, 5, 10, 5, 5, 5},
    {10, 10, 0, 0, 0, 10, 40, 30},
};

template <class K, class V>
void PlayAgainstSimulator(const Spec& spec, int threads) {
  const Tape tape = GenerateTape(spec, threads, 3000, 11);
  const Keys<K> keys(tape.universe, 20);
  const Values<V> values(tape.universe, 20);
  TestMap<K, V> map;
  ASSERT_FALSE((FirstUnsupported<TestMap<K, V>>(tape)).has_value());
  Prefill(map, tape, keys, values);
  Simulator simulator(tape);
  std::size_t position = 0;
  // Slices that end inside the tape, at its end, and laps beyond.
  for (const std::size_t n : {1u, 999u, 2000u, 3000u, 7500u, 1700u, 1u}) {
    std::vector<SliceResult> results(tape.threads.size());
    std::vector<std::thread> running;
    for (std::size_t t = 0; t < results.size(); ++t) {
      running.emplace_back([&, t] {
        results[t] = PlaySlice(map, tape, t, position, n, keys, values);
      });
    }
    SliceResult sum;
    for (std::size_t t = 0; t < results.size(); ++t) {
      running[t].join();
      sum += results[t];
    }
    position = (position + n) % tape.length();
    const Expected expected = simulator.Advance(n);
    EXPECT_EQ(expected.Mismatch(sum, map.Size()), "");
    if (threads == 1) {
      EXPECT_TRUE(expected.exact());
    }
  }
}

TEST(Runner, EveryMixMatchesTheSimulatorAtOneThread) {
  for (const Mix& mix : kMixes) {
    PlayAgainstSimulator<std::uint64_t, std::uint64_t>(Make(mix), 1);
    PlayAgainstSimulator<std::uint64_t, std::uint64_t>(
        Make(mix, Regime::kGrowth), 1);
  }
}

TEST(Runner, EveryMixIsWithinBoundsAtThreeThreads) {
  for (const Mix& mix : kMixes) {
    PlayAgainstSimulator<std::uint64_t, std::uint64_t>(Make(mix), 3);
    PlayAgainstSimulator<std::uint64_t, std::uint64_t>(
        Make(mix, Regime::kGrowth), 3);
  }
}

TEST(Runner, StringKeysAndValues) {
  for (const Mix& mix : kMixes) {
    PlayAgainstSimulator<std::string, std::uint64_t>(Make(mix), 1);
    PlayAgainstSimulator<std::string, std::string>(Make(mix), 2);
  }
}

TEST(Runner, LargerValues) {
  for (const Mix& mix : kMixes) {
    PlayAgainstSimulator<std::uint64_t, InlineValue<64>>(Make(mix), 1);
    PlayAgainstSimulator<std::uint64_t, InlineValue<4096>>(Make(mix), 2);
    PlayAgainstSimulator<std::string, InlineValue<256>>(Make(mix, Regime::kGrowth), 1);
  }
}

TEST(Runner, LoadsThatMiss) {
  for (const Mix& mix : kMixes) {
    if (mix[static_cast<std::size_t>(Op::kLoad)] == 0) continue;
    for (const double miss : {1.0, 40.0, 100.0}) {
      Spec spec = Make(mix);
      spec.miss = miss;
      PlayAgainstSimulator<std::uint64_t, std::uint64_t>(spec, 1);
      PlayAgainstSimulator<std::string, std::string>(spec, 3);
    }
  }
}

TEST(Runner, KrrStreams) {
  for (const Sharing sharing : {Sharing::kPrivate, Sharing::kShared}) {
    for (const Regime regime : {Regime::kGrowth, Regime::kStationary}) {
      Spec spec = Make({20, 0, 80}, regime);
      spec.keys = {.stream = Stream::kKrr, .reuse = 0.6, .sharing = sharing};
      spec.population = 50;
      for (const int threads : {1, 2}) {
        const Tape tape = GenerateTape(spec, threads, 6000, 3);
        const Keys<std::uint64_t> keys;
        const Values<std::uint64_t> values;
        TestMap<std::uint64_t, std::uint64_t> map;
        Prefill(map, tape, keys, values);
        Simulator simulator(tape);
        const std::size_t n = tape.length();
        SliceResult sum;
        for (std::size_t t = 0; t < tape.threads.size(); ++t) {
          sum += PlaySlice(map, tape, t, 0, n, keys, values);
        }
        EXPECT_EQ(simulator.Advance(n).Mismatch(sum, map.Size()), "");
      }
    }
  }
}

// Whatever the layout of the keys, values belong to their indices, and what a slice saw is
// what it sees with mixed keys.
TEST(Runner, LayoutsOfKeys) {
  for (const Mix& mix : kMixes) {
    const Tape tape = GenerateTape(Make(mix), 1, 3000, 11);
    const Values<std::uint64_t> values;
    TestMap<std::uint64_t, std::uint64_t> mixed;
    Prefill(mixed, tape, Keys<std::uint64_t>(), values);
    const SliceResult wanted = PlaySlice(mixed, tape, 0, 0, 3000, Keys<std::uint64_t>(), values);
    for (const KeyLayout layout : {KeyLayout::kSequential, KeyLayout::kStrided,
                                   KeyLayout::kHighBits, KeyLayout::kLowEntropy}) {
      const LaidOutKeys keys(layout);
      TestMap<std::uint64_t, std::uint64_t> map;
      Prefill(map, tape, keys, values);
      const SliceResult r = PlaySlice(map, tape, 0, 0, 3000, keys, values);
      EXPECT_EQ(r, wanted) << KeyLayoutName(layout);
      EXPECT_EQ(map.Size(), mixed.Size());
      for (std::uint32_t i = 0; i < tape.universe; ++i) {
        const auto here = map.content().find(keys(i));
        const auto there = mixed.content().find(MixIndex(i));
        ASSERT_EQ(here == map.content().end(), there == mixed.content().end());
        if (here != map.content().end()) {
          ASSERT_EQ(here->second, there->second);
        }
      }
    }
  }
}

// Behind a boundary the same comes out.
TEST(Runner, CalledIsInlined) {
  for (const Mix& mix : kMixes) {
    const Tape tape = GenerateTape(Make(mix), 1, 3000, 11);
    const Keys<std::string> keys(tape.universe, 20);
    const Values<std::string> values(tape.universe, 20);
    TestMap<std::string, std::string> inlined, called;
    Prefill(inlined, tape, keys, values);
    Prefill(called, tape, keys, values);
    const std::span<const Entry> entries(tape.threads[0]);
    const SliceResult r = PlayEntries<Boundary::kCalled>(called, entries, 0, tape.op_set,
                                                         keys, values);
    EXPECT_EQ(r, PlayEntries(inlined, entries, 0, tape.op_set, keys, values));
    EXPECT_EQ(called.content(), inlined.content());
    EXPECT_EQ(Simulator(tape).Advance(entries.size()).Mismatch(r, called.Size()), "");
  }
}

// The loop counts in fields of a word, which are emptied before they are full.
TEST(Runner, LongStretchesAreCountedRight) {
  const Tape tape = GenerateTape(Make({100}), 1, 200'000, 11);
  const Keys<std::uint64_t> keys;
  const Values<std::uint64_t> values;
  TestMap<std::uint64_t, std::uint64_t> map;
  Prefill(map, tape, keys, values);
  const std::size_t n = tape.length();
  ASSERT_GE(n, 200'000u);
  const SliceResult r = PlaySlice(map, tape, 0, 0, n, keys, values);
  EXPECT_EQ(r.hits, n);
  EXPECT_EQ(Simulator(tape).Advance(n).Mismatch(r, map.Size()), "");
}

TEST(Runner, FaultsAreNoticed) {
  const Spec spec = Make({50, 0, 50});
  const Tape tape = GenerateTape(spec, 1, 3000, 11);
  const Keys<std::uint64_t> keys;
  const Values<std::uint64_t> values;
  {
    TestMap<std::uint64_t, std::uint64_t> map;
    map.wrong_value = true;
    Prefill(map, tape, keys, values);
    Simulator simulator(tape);
    const SliceResult r = PlaySlice(map, tape, 0, 0, 3000, keys, values);
    EXPECT_NE(r.mismatch, 0u);
    EXPECT_EQ(simulator.Advance(3000).Mismatch(r, map.Size()),
              "a value that belongs to another key");
  }
  {
    TestMap<std::uint64_t, std::uint64_t> map;  // not prefilled
    Simulator simulator(tape);
    const SliceResult r = PlaySlice(map, tape, 0, 0, 3000, keys, values);
    const std::string what = simulator.Advance(3000).Mismatch(r, map.Size());
    EXPECT_NE(what.find("hits"), std::string::npos) << what;
    EXPECT_NE(what.find("instead of 1500"), std::string::npos) << what;
  }
  {
    // One store of a growing map is lost, and never repeated.
    Spec growth = Make({0, 100}, Regime::kGrowth);
    growth.keys = {.stream = Stream::kSequentialNew};
    const Tape stores = GenerateTape(growth, 1, 3000, 1);
    TestMap<std::uint64_t, std::uint64_t> map;
    map.lose_store = true;
    Simulator simulator(stores);
    const SliceResult r = PlaySlice(map, stores, 0, 0, 3000, keys, values);
    EXPECT_EQ(simulator.Advance(3000).Mismatch(r, map.Size()),
              "final size 2999 instead of 3000");
  }
}

// A map without one operation, and without results.
struct Reduced : TestMap<std::uint64_t, std::uint64_t> {
  static constexpr Traits kTraits = [] {
    Traits traits{};
    traits.returns_results = false;
    traits.unsupported = OpSet(Op::kSwap, Op::kCompareAndDelete);
    return traits;
  }();
};

TEST(Runner, UnsupportedOperationsAreNamed) {
  EXPECT_EQ(FirstUnsupported<Reduced>(
                GenerateTape(Make({50, 0, 50}), 1, 99, 1)),
            std::nullopt);
  EXPECT_EQ(FirstUnsupported<Reduced>(
                GenerateTape(Make({50, 0, 0, 0, 0, 50}), 1, 99, 1)),
            Op::kSwap);
}

// Without Store a map is filled by LoadOrStore.
struct WithoutStore : TestMap<std::uint64_t, std::uint64_t> {
  static constexpr Traits kTraits = [] {
    Traits traits = TestMap::kTraits;
    traits.unsupported = OpSet(Op::kStore, Op::kStoreBatch);
    return traits;
  }();
  void Store(std::uint64_t, std::uint64_t) = delete;
  void StoreBatch(
      std::span<const std::pair<std::uint64_t, std::uint64_t>>) = delete;
};

TEST(Runner, MapsWithoutStoreAreFilledAndPlayed) {
  EXPECT_EQ(FirstUnsupported<WithoutStore>(
                GenerateTape(Make({50, 50}), 1, 99, 1)),
            Op::kStore);
  const Tape tape = GenerateTape(Make({50, 0, 50}), 1, 99, 1);
  ASSERT_FALSE(FirstUnsupported<WithoutStore>(tape).has_value());
  const Keys<std::uint64_t> keys;
  const Values<std::uint64_t> values;
  WithoutStore map;
  Prefill(map, tape, keys, values);
  EXPECT_EQ(map.Size(), tape.prefill.size());
  const SliceResult r = PlaySlice(map, tape, 0, 0, 99, keys, values);
  EXPECT_EQ(Simulator(tape).Advance(99).Mismatch(r, map.Size()), "");
}

TEST(Runner, MapsWithoutResultsAreNotVerified) {
  const Tape tape = GenerateTape(Make({100}), 1, 99, 1);
  const Keys<std::uint64_t> keys;
  const Values<std::uint64_t> values;
  Reduced map;
  map.wrong_value = true;
  Prefill(map, tape, keys, values);
  const SliceResult r = PlaySlice(map, tape, 0, 0, 99, keys, values);
  EXPECT_EQ(r.ops, 99u);
  EXPECT_EQ(r.mismatch, 0u);
  EXPECT_EQ(r.check_sum, 0u);
}

// A map with an operation for batches, which goes through them in another order.
struct WithBatches : TestMap<std::uint64_t, std::uint64_t> {
  template <class F>
  std::size_t VisitBatch(std::span<const std::uint64_t> keys, F&& f) {
    ++batches;
    std::size_t found = 0;
    for (std::size_t i = keys.size(); i-- > 0;) {
      found += Visit(keys[i], [&](const std::uint64_t& v) { f(keys[i], v); });
    }
    return found;
  }
};

TEST(LoadBatches, CountWhatSingleLoadsCount) {
  const Tape tape = GenerateTape(Make({100}), 1, 1000, 4);
  const Keys<std::uint64_t> keys;
  const Values<std::uint64_t> values;
  TestMap<std::uint64_t, std::uint64_t> plain;
  WithBatches batched;
  Prefill(plain, tape, keys, values);
  Prefill(batched, tape, keys, values);
  for (const std::uint32_t index : {tape.prefill[0], tape.prefill[1]}) {  // some are missed
    plain.Delete(keys(index));
    batched.Delete(keys(index));
  }
  std::size_t position = 0;
  for (const std::size_t n : {1u, 15u, 16u, 17u, 0u, 500u, 1000u}) {
    const SliceResult a = PlaySlice(plain, tape, 0, position, n, keys, values);
    EXPECT_EQ(a, PlaySliceInLoadBatches(plain, tape, 0, position, n, keys)) << n;
    batched.batches = 0;
    EXPECT_EQ(a, PlaySliceInLoadBatches(batched, tape, 0, position, n, keys)) << n;
    EXPECT_GE(batched.batches, static_cast<int>((n + kLoadBatch - 1) / kLoadBatch)) << n;
    position = (position + n) % 1000;
  }
  plain.wrong_value = true;
  const SliceResult wrong = PlaySliceInLoadBatches(plain, tape, 0, 0, 1000, keys);
  EXPECT_NE(wrong.mismatch, 0u);
  EXPECT_NE(wrong.check_sum, PlaySlice(batched, tape, 0, 0, 1000, keys, values).check_sum);
}

TEST(Batches, LeaveTheSameMapAndTheSameCounts) {
  for (const Mix& mix : {Mix{0, 100}, Mix{30, 70}, Mix{10, 80, 5, 0, 5}}) {
    const Tape tape = GenerateTape(Make(mix), 1, 1000, 4);
    const Keys<std::uint64_t> keys;
    const Values<std::uint64_t> values;
    const Batches<std::uint64_t, std::uint64_t> batches(tape.threads[0], keys,
                                                        values);
    TestMap<std::uint64_t, std::uint64_t> plain;
    TestMap<std::uint64_t, std::uint64_t> batched;
    Prefill(plain, tape, keys, values);
    Prefill(batched, tape, keys, values);
    std::size_t position = 0;
    // Short slices cut runs at either end; the last ones wrap.
    for (const std::size_t n : {1u, 2u, 3u, 50u, 0u, 500u, 440u, 37u, 1000u}) {
      const int runs_before = batched.batches;
      const SliceResult a =
          PlaySlice(plain, tape, 0, position, n, keys, values);
      const SliceResult b = PlaySliceBatched(batched, tape, 0, position, n,
                                             keys, values, batches);
      EXPECT_EQ(a, b);
      EXPECT_EQ(plain.content(), batched.content());
      // As many batches as maximal runs in each contiguous piece.
      int runs = 0;
      for (std::size_t i = 0; i < n; ++i) {
        const std::size_t p = (position + i) % 1000;
        const bool store = EntryOp(tape.threads[0][p]) == Op::kStore;
        const bool continues =
            i > 0 && p > 0 && EntryOp(tape.threads[0][p - 1]) == Op::kStore;
        runs += store && !continues;
      }
      EXPECT_EQ(batched.batches - runs_before, runs);
      position = (position + n) % 1000;
    }
  }
}

TEST(Batches, AStoreOnlySliceIsOneBatch) {
  const Tape tape = GenerateTape(Make({0, 100}), 1, 1000, 4);
  const Keys<std::uint64_t> keys;
  const Values<std::uint64_t> values;
  const Batches<std::uint64_t, std::uint64_t> batches(tape.threads[0], keys,
                                                      values);
  TestMap<std::uint64_t, std::uint64_t> map;
  PlaySliceBatched(map, tape, 0, 100, 700, keys, values, batches);
  EXPECT_EQ(map.batches, 1);
}

}  // namespace
}  // namespace cmap::workloads
