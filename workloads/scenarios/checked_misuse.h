// SPDX-License-Identifier: Apache-2.0
//
// checked_misuse: writers without a lock on a map with a check, and how often it notices.
//
// A try is ten tasks, all ready at once, that the threads of the slice take one after the
// other, as goroutines are taken by the processors there are. Task i stores to key i,
// `writes` times; nothing keeps tasks apart. The next try begins when all ten are done. A
// program would end at the first report of the check; here the try goes on, and is counted
// as detected when there was one.
//
// In place of a map stands something that stays whole whatever meets in it: a map with the
// check and a mutex behind it, and as a control the same map with the mutex alone, of which
// nothing may be reported. What is compared is how many tasks are done.
#ifndef CMAP_WORKLOADS_SCENARIOS_CHECKED_MISUSE_H_
#define CMAP_WORKLOADS_SCENARIOS_CHECKED_MISUSE_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "workloads/scenarios/scenario.h"

namespace cmap::workloads {

// `Map` has Store(key, value), Size(), and Reports(): how often its check has noticed
// something so far, in all maps of the process.
template <class Map>
class CheckedMisuse {
 public:
  static constexpr std::array<std::string_view, 1> kWays = {"tasks"};
  static constexpr std::array<ScenarioNumber, 1> kNumbers = {{{"writes", 1, 1, 1e6}}};
  static constexpr ScenarioTraits kTraits = {"checked_misuse", kWays, kNumbers, 2};
  static constexpr bool kFits = requires { Map::Reports(); };

  CheckedMisuse(const ScenarioRequest& request, std::uint32_t, std::uint64_t)
      : writes_(static_cast<std::uint64_t>(request["writes"])) {}

  void Fill(Map&) {
    next_ = done_ = ended_ = 0;
    detected_ = 0;
    reports_ = Map::Reports();
  }

  std::uint64_t Step(Map& map, std::uint32_t, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      // Every task is begun by who has taken it, so nobody waits for one that nobody does.
      const std::uint64_t task = next_.fetch_add(1, std::memory_order_relaxed);
      const std::uint64_t one = task / kTasks;
      // (2) Acquire, with (1): what the try before has left.
      for (int tries = 0; ended_.load(std::memory_order_acquire) != one; ++tries) {
        if (tries > kSpins) std::this_thread::yield();
      }
      for (std::uint64_t w = 0; w < writes_; ++w) map.Store(task % kTasks, w);
      // Acquire and release, so that the last one sees what all have done.
      if (done_.fetch_add(1, std::memory_order_acq_rel) + 1 == kTasks * (one + 1)) {
        const std::uint64_t reports = Map::Reports();
        detected_ += reports != reports_;
        reports_ = reports;
        ended_.store(one + 1, std::memory_order_release);  // (1) Release, with (2).
      }
    }
    return n;
  }

  bool Counted(std::uint32_t) const { return true; }

  std::string Check(Map& map) {
    const std::uint64_t keys = map.Size();
    if (ended_ != 0 && keys != kTasks) return "the map holds " + std::to_string(keys) + " keys and ten were stored";
    return "";
  }

  void Tell(double seconds, std::vector<Amount>& out) const {
    if (seconds <= 0) return;  // as untimed visits repeat to the letter
    const auto tries = static_cast<double>(ended_);
    out.push_back({"detected_share", static_cast<double>(detected_), tries});
    out.push_back({"tries_per_s", tries, seconds});
  }

 private:
  static constexpr std::uint64_t kTasks = 10;  // of a try
  static constexpr int kSpins = 1000;          // before others are let through

  const std::uint64_t writes_;
  alignas(kCacheLine) std::atomic<std::uint64_t> next_{0};  // tasks taken, of all tries
  alignas(kCacheLine) std::atomic<std::uint64_t> done_{0};  // tasks
  alignas(kCacheLine) std::atomic<std::uint64_t> ended_{0};  // tries
  // By the last one of each try.
  std::uint64_t detected_ = 0;  // tries
  std::uint64_t reports_ = 0;
};

}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_SCENARIOS_CHECKED_MISUSE_H_
