// SPDX-License-Identifier: Apache-2.0
//
// iteration: whole-map operations, alone and beside writers.
//
// Thread 0 calls the operation in a loop. All others write, or with `writers` 0 rest: half of the keys are only
// overwritten, so they are there throughout; the other half is stored and deleted in
// equal shares. What is counted depends on the number `count`: 0 the whole-map
// operations, 1 the operations of the writers. With the way `none` thread 0 writes as
// well and is not counted, so that writers have the same company.
//
//   range   Range over everything. Every key must be visited at most once, every
//           overwritten key exactly once, and with a value that is its own. The
//           callback marks the key: the same work for every map.
//   size    Size. Between the overwritten keys and all of them.
//   clear   Clear, then a Store of one of 256 keys, as in Go's BenchmarkMapClear.
//           Afterwards, when nobody else writes, the map holds that key alone.
#ifndef CMAP_WORKLOADS_SCENARIOS_ITERATION_H_
#define CMAP_WORKLOADS_SCENARIOS_ITERATION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "workloads/rng.h"
#include "workloads/scenarios/scenario.h"

namespace cmap::workloads {

template <class Map>
class Iteration {
 public:
  static constexpr std::array<std::string_view, 4> kWays = {"range", "size", "clear", "none"};
  static constexpr std::array<ScenarioNumber, 3> kNumbers = {
      {{"keys", 10000, 2, 1e7}, {"count", 0, 0, 1}, {"writers", 1, 0, 1}}};
  static constexpr ScenarioTraits kTraits = {"iteration", kWays, kNumbers};
  static constexpr bool kFits = Supports<Map>(Op::kRange) && Supports<Map>(Op::kSize) &&
                                Supports<Map>(Op::kStore) && Supports<Map>(Op::kDelete) &&
                                Supports<Map>(Op::kClear);

  Iteration(const ScenarioRequest& request, std::uint32_t threads, std::uint64_t seed)
      : way_(request.way), keys_(static_cast<std::uint64_t>(request["keys"])), writers_counted_(request["count"] != 0),
        writers_(request["writers"] != 0), seen_(keys_, 0) {
    for (std::uint32_t t = 0; t < threads; ++t) threads_.push_back({Rng(DeriveSeed(seed, 1, t)), 0});
  }

  void Fill(Map& map) {
    for (std::uint64_t key = 0; key < keys_; ++key) map.Store(key, Value(key, 0));
    for (Thread& thread : threads_) thread.steps = 0;
    wrong_.clear();
  }

  std::uint64_t Step(Map& map, std::uint32_t t, std::size_t n) {
    Thread& mine = threads_[t];
    mine.steps += n;
    if (t != 0 && !writers_) {
      mine.steps -= n;
    } else if (t != 0 || way_ == "none") {
      for (std::size_t i = 0; i < n; ++i) Write(map, mine.rng);
    } else if (way_ == "range") {
      for (std::size_t i = 0; i < n; ++i) Range(map);
    } else if (way_ == "size") {
      for (std::size_t i = 0; i < n; ++i) Size(map);
    } else {
      for (std::size_t i = 0; i < n; ++i) Clear(map, mine.rng);
    }
    return n;
  }

  bool Counted(std::uint32_t t) const { return writers_counted_ ? t != 0 : t == 0; }

  std::string Check(Map& map) {
    if (wrong_.empty() && way_ == "clear" && (threads_.size() == 1 || !writers_) && map.Size() != 1) {
      return "after Clear and one Store the size is " + std::to_string(map.Size());
    }
    return wrong_;
  }

  void Tell(double seconds, std::vector<Amount>& out) const {
    double writes = 0;
    for (std::size_t t = way_ == "none" ? 0 : 1; t < threads_.size(); ++t) {
      writes += static_cast<double>(threads_[t].steps);
    }
    if (threads_.size() > 1 && writers_) out.push_back({"writes_per_s", writes, seconds});
    if (way_ != "none") {
      out.push_back({"whole_map_operations_per_s", static_cast<double>(threads_[0].steps), seconds});
    }
  }

 private:
  struct alignas(kCacheLine) Thread {
    Rng rng;
    std::uint64_t steps;
  };

  static std::uint64_t Value(std::uint64_t key, std::uint64_t version) { return key << 8 | (version & 0xff); }
  // Even keys are there throughout.
  static bool Stays(std::uint64_t key) { return key % 2 == 0; }

  void Write(Map& map, Rng& rng) const {
    const std::uint64_t bits = rng.Next();
    const std::uint64_t key = rng.Below(static_cast<std::uint32_t>(keys_));
    if (Stays(key) || (bits & 1) != 0) {
      map.Store(key, Value(key, bits >> 8));
    } else {
      map.Delete(key);
    }
  }

  void Range(Map& map) {
    ++round_;
    std::uint64_t staying = 0;
    map.Range([&](const std::uint64_t& key, const std::uint64_t& value) {
      if (key >= keys_ || value >> 8 != key) {
        wrong_ = "Range visits the key " + std::to_string(key) + " with another one's value";
        return false;
      }
      if (seen_[key] == round_) {
        wrong_ = "Range visits the key " + std::to_string(key) + " twice";
        return false;
      }
      seen_[key] = round_;
      staying += Stays(key);
      return true;
    });
    if (wrong_.empty() && staying != (keys_ + 1) / 2) {
      wrong_ = "Range visits " + std::to_string(staying) + " of " + std::to_string((keys_ + 1) / 2) +
               " keys that are present throughout";
    }
  }

  void Size(Map& map) {
    const std::uint64_t size = map.Size();
    if (size < (keys_ + 1) / 2 || size > keys_) {
      wrong_ = "the size is " + std::to_string(size) + ", which is not between " + std::to_string((keys_ + 1) / 2) +
               " and " + std::to_string(keys_);
    }
  }

  static void Clear(Map& map, Rng& rng) {
    const std::uint64_t key = rng.Below(256);
    map.Clear();
    map.Store(key, Value(key, 0));
  }

  std::string way_;
  std::uint64_t keys_;
  bool writers_counted_;
  bool writers_;
  std::vector<Thread> threads_;
  // Of thread 0.
  std::vector<std::uint32_t> seen_;
  std::uint32_t round_ = 0;
  std::string wrong_;
};

}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_SCENARIOS_ITERATION_H_
