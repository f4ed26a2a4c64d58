// SPDX-License-Identifier: Apache-2.0
//
// expensive_values: what it costs when making a value is dear.
//
// All threads ask for the same keys in the same order, for each some times in a row, so
// that the first to come makes a key's value and the others want it at the same moment.
// Making one takes `make_us` microseconds of computing.
//
//   load_or_store    the value is made first and then offered: what Go's LoadOrStore
//                    needs. All but one of those who make a key's value at the same
//                    time have made it in vain.
//   load_then_store  Load first, make and offer only what is absent.
//   load_or_compute  the map calls for the value: once for each that is stored.
//
// An operation is a request. Every thread must have got the same value for a key. Values
// made in vain are counted, as the share `made_in_vain` of all made; with load_or_compute
// there must be none.
#ifndef CMAP_WORKLOADS_SCENARIOS_EXPENSIVE_VALUES_H_
#define CMAP_WORKLOADS_SCENARIOS_EXPENSIVE_VALUES_H_

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "workloads/scenarios/scenario.h"

namespace cmap::workloads {

template <class Map>
class ExpensiveValues {
 public:
  static constexpr std::array<std::string_view, 3> kWays = {"load_or_store", "load_then_store", "load_or_compute"};
  // `repeats`: how often in a row every thread asks for a key.
  static constexpr std::array<ScenarioNumber, 2> kNumbers = {{{"make_us", 10, 0, 1e5}, {"repeats", 4, 1, 1000}}};
  static constexpr ScenarioTraits kTraits = {"expensive_values", kWays, kNumbers};
  static constexpr bool kFits = Supports<Map>(Op::kLoadOrStore) && Supports<Map>(Op::kLoadOrCompute);

  ExpensiveValues(const ScenarioRequest& request, std::uint32_t threads, std::uint64_t)
      : way_(request.way), make_ns_(static_cast<std::int64_t>(request["make_us"] * 1000)),
        repeats_(static_cast<std::uint64_t>(request["repeats"])), threads_(threads) {}

  void Fill(Map&) {
    for (Thread& thread : threads_) {
      thread.step = thread.made = 0;
      thread.changed = false;
      thread.got.clear();
    }
  }

  std::uint64_t Step(Map& map, std::uint32_t t, std::size_t n) {
    Thread& mine = threads_[t];
    for (std::size_t i = 0; i < n; ++i, ++mine.step) {
      const std::uint64_t key = mine.step / repeats_;
      const std::uint64_t value = Request(map, mine, key, t);
      if (mine.step % repeats_ == 0) {
        mine.got.push_back(value);
      } else if (value != mine.got.back()) {
        mine.changed = true;
      }
    }
    return n;
  }

  bool Counted(std::uint32_t) const { return true; }

  std::string Check(Map& map) {
    std::size_t most = 0;
    made_ = kept_ = 0;
    for (const Thread& thread : threads_) {
      if (thread.changed) return "a key's value changed while nobody stored another";
      most = std::max(most, thread.got.size());
      made_ += thread.made;
    }
    kept_ = most;
    for (std::uint64_t key = 0; key < most; ++key) {
      const auto value = map.Load(key);
      if (!value || *value / kMakers != key) return "the key " + std::to_string(key) + " has not the value made for it";
      for (const Thread& thread : threads_) {
        if (key < thread.got.size() && thread.got[key] != *value) {
          return "two threads have got different values of the key " + std::to_string(key);
        }
      }
    }
    if (made_ < kept_) return "fewer values were made than are stored";
    if (way_ == "load_or_compute" && made_ != kept_) {
      return std::to_string(made_) + " values were made for " + std::to_string(kept_) + " keys";
    }
    return "";
  }

  void Tell(double seconds, std::vector<Amount>& out) const {
    double requests = 0;
    for (const Thread& thread : threads_) requests += static_cast<double>(thread.step);
    out.push_back({"requests_per_s", requests, seconds});
    out.push_back({"made_in_vain", static_cast<double>(made_ - kept_), static_cast<double>(made_)});
  }

 private:
  static constexpr std::uint64_t kMakers = 1024;  // more than threads

  struct alignas(kCacheLine) Thread {
    std::uint64_t step = 0;
    std::uint64_t made = 0;
    bool changed = false;
    std::vector<std::uint64_t> got;  // by key
  };

  std::uint64_t Request(Map& map, Thread& mine, std::uint64_t key, std::uint32_t t) const {
    const auto make = [&] { return Make(mine, key, t); };
    if (way_ == "load_or_compute") return map.LoadOrCompute(key, make).value;
    if (way_ == "load_then_store") {
      if (const auto found = map.Load(key)) return *found;
    }
    return map.LoadOrStore(key, make()).value;
  }

  std::uint64_t Make(Thread& mine, std::uint64_t key, std::uint32_t t) const {
    using Clock = std::chrono::steady_clock;
    ++mine.made;
    if (make_ns_ > 0) {
      const auto until = Clock::now() + std::chrono::nanoseconds(make_ns_);
      while (Clock::now() < until) {
      }
    }
    return key * kMakers + t;
  }

  std::string way_;
  std::int64_t make_ns_;
  std::uint64_t repeats_;
  std::vector<Thread> threads_;
  // Of the slice last checked: values made, and keys that have one.
  std::uint64_t made_ = 0;
  std::uint64_t kept_ = 0;
};

}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_SCENARIOS_EXPENSIVE_VALUES_H_
