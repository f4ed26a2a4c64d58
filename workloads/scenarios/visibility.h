// SPDX-License-Identifier: Apache-2.0
//
// visibility: how late a store is seen by those who only look.
//
// Thread 0 stores a rising number to one key after the other, `gap_us` microseconds apart (0:
// as fast as it can). When a Store has returned, it says so in a word beside the map, with the
// time. All other threads load: whoever sees a number announced that it did not see before
// loads its key until the map shows it, or a later one. The time from the return to the load
// that saw it is the delay. With a map that shows every store at once that load is the
// first, and what is left is how long two threads take to notice each other; where the first
// load does not see the store it is counted as `late`, and it is a mistake unless the map
// says that its loads may lag. What a slice's end cuts short is the share `unseen` of the
// stores that were looked for, and in no mean: a delay of a slice's length is not measured.
//
// No thread may see the number of a key fall, nor another key's, and at the end of a slice the
// map must hold the last number of every key.
#ifndef CMAP_WORKLOADS_SCENARIOS_VISIBILITY_H_
#define CMAP_WORKLOADS_SCENARIOS_VISIBILITY_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "maps/concurrent_map.h"
#include "workloads/rng.h"
#include "workloads/scenarios/scenario.h"

namespace cmap::workloads {

template <class Map>
class Visibility {
 public:
  static constexpr std::array<std::string_view, 1> kWays = {"poll"};
  static constexpr std::array<ScenarioNumber, 2> kNumbers = {{{"keys", 1000, 1, 1e6}, {"gap_us", 20, 0, 1e6}}};
  static constexpr ScenarioTraits kTraits = {"visibility", kWays, kNumbers, 2};
  static constexpr bool kFits =
      Supports<Map>(Op::kLoad) && Supports<Map>(Op::kStore) && Supports<Map>(Op::kLoadOrStore);
  // Maps whose loads may miss the latest stores take part.
  static constexpr bool kMayLag = true;

  Visibility(const ScenarioRequest& request, std::uint32_t threads, std::uint64_t seed)
      : keys_(static_cast<std::uint64_t>(request["keys"])),
        gap_ns_(static_cast<std::int64_t>(request["gap_us"] * 1e3)) {
    for (std::uint32_t t = 0; t < threads; ++t) threads_.emplace_back(Rng(DeriveSeed(seed, 1, t)));
  }

  void Fill(Map& map) {
    for (std::uint64_t key = 0; key < keys_; ++key) map.Store(key, Value(key, 0));
    if constexpr (Supports<Map>(Op::kSize)) map.Size();  // what has been put off is done
    returned_.number.store(0, std::memory_order_relaxed);
    next_ns_ = 0;
    for (Thread& thread : threads_) {
      const Rng rng = thread.rng;
      thread = Thread(rng);
    }
  }

  std::uint64_t Step(Map& map, std::uint32_t t, std::size_t n) {
    if (t == 0) return StoreWhatIsDue(map, n);
    for (std::size_t i = 0; i < n; ++i) Look(map, threads_[t]);
    return n;
  }

  bool Counted(std::uint32_t t) const { return t != 0; }

  std::string Check(Map& map) {
    for (const Thread& thread : threads_) {
      if (!thread.wrong.empty()) return thread.wrong;
    }
    const std::uint64_t last = returned_.number.load(std::memory_order_relaxed);
    for (std::uint64_t key = 0; key < keys_; ++key) {
      // The last number of the key: numbers go round the keys. LoadOrStore, which no map puts off.
      const std::uint64_t number = last < key ? 0 : last - (last - key) % keys_;
      const auto held = map.LoadOrStore(key, Value(key, 0));
      if (!held.loaded || held.value != Value(key, number)) {
        return "the map does not hold what was stored last to the key " + std::to_string(key);
      }
    }
    return "";
  }

  void Tell(double seconds, std::vector<Amount>& out) const {
    Thread sum{Rng(0)};
    std::int64_t longest = 0;
    for (const Thread& thread : threads_) {
      sum.seen += thread.seen;
      sum.late += thread.late;
      sum.unseen += thread.watched != 0;
      sum.delay_ns += thread.delay_ns;
      longest = std::max(longest, thread.longest_ns);
    }
    const auto looked_for = static_cast<double>(sum.seen + sum.unseen);
    out.push_back({"stores_per_s", static_cast<double>(returned_.number.load(std::memory_order_relaxed)), seconds});
    if (sum.seen > 0) {
      out.push_back({"visible_after_us", static_cast<double>(sum.delay_ns) / 1e3, static_cast<double>(sum.seen)});
      out.push_back({"longest_delay_us", static_cast<double>(longest) / 1e3, 1});
    }
    if (looked_for > 0) {
      out.push_back({"late", static_cast<double>(sum.late), looked_for});
      out.push_back({"unseen", static_cast<double>(sum.unseen), looked_for});
    }
  }

 private:
  struct alignas(kCacheLine) Thread {
    explicit Thread(Rng generator) : rng(generator) {}
    Rng rng;
    std::uint64_t watched = 0;  // the number that is looked for; 0: none
    std::uint64_t known = 0;    // the last one that was looked for
    std::uint64_t shown = 0;    // the highest number that its key has shown meanwhile
    std::int64_t since = 0;     // when its Store returned
    std::uint64_t seen = 0;
    std::uint64_t late = 0;
    std::uint64_t unseen = 0;
    std::int64_t delay_ns = 0;
    std::int64_t longest_ns = 0;
    std::string wrong;
  };

  static constexpr unsigned kKeyShift = 40;  // of a value, below it the number
  static constexpr std::size_t kTimes = 1024;  // that are kept
  static std::uint64_t Value(std::uint64_t key, std::uint64_t number) { return key << kKeyShift | number; }

  static std::int64_t NowNs() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }

  // Looks at the clock n times and stores when it is time; returns the stores.
  std::uint64_t StoreWhatIsDue(Map& map, std::size_t n) {
    std::uint64_t stores = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const std::int64_t now = NowNs();
      if (now < next_ns_) continue;
      // After a pause of the thread itself it does not make up for what it missed.
      next_ns_ = std::max(next_ns_, now - gap_ns_) + gap_ns_;
      const std::uint64_t number = returned_.number.load(std::memory_order_relaxed) + 1;
      map.Store(number % keys_, Value(number % keys_, number));
      times_[number % kTimes].store(NowNs(), std::memory_order_relaxed);
      // (1) Release, with (2): the store has returned and its time is noted.
      returned_.number.store(number, std::memory_order_release);
      ++stores;
    }
    return stores;
  }

  void Look(Map& map, Thread& mine) {
    bool first = false;
    if (mine.watched == 0) {
      // (2) Acquire, with (1).
      const std::uint64_t number = returned_.number.load(std::memory_order_acquire);
      if (number > mine.known) {
        const std::int64_t since = times_[number % kTimes].load(std::memory_order_relaxed);
        mine.watched = mine.known = number;
        mine.shown = 0;
        mine.since = since;
        first = true;
      }
    }
    const std::uint64_t key =
        mine.watched != 0 ? mine.watched % keys_ : mine.rng.Below(static_cast<std::uint32_t>(keys_));
    const auto value = map.Load(key);
    if (!value || *value >> kKeyShift != key) {
      mine.wrong = "the key " + std::to_string(key) + " is lost, or has another one's value";
      return;
    }
    if (mine.watched == 0) return;
    const std::uint64_t number = *value & ((std::uint64_t{1} << kKeyShift) - 1);
    if (number < mine.shown) mine.wrong = "the key " + std::to_string(key) + " went back to an older value";
    mine.shown = number;
    if (number >= mine.watched) {
      const std::int64_t delay = std::max<std::int64_t>(0, NowNs() - mine.since);
      ++mine.seen;
      mine.delay_ns += delay;
      mine.longest_ns = std::max(mine.longest_ns, delay);
      mine.watched = 0;
    } else if (first) {
      ++mine.late;
      if (Map::kTraits.linearizable) {
        mine.wrong = "a store to the key " + std::to_string(key) + " had returned and was not seen";
      }
    }
  }

  struct alignas(kCacheLine) Returned {
    std::atomic<std::uint64_t> number{0};  // of the last store that has returned
  };

  std::uint64_t keys_;
  std::int64_t gap_ns_;
  std::vector<Thread> threads_;
  Returned returned_;
  std::int64_t next_ns_ = 0;  // of thread 0
  // When the last stores returned, by number. A thread that is stopped between reading a number
  // and its time for as long as kTimes stores take notes a later time, and so a delay too short.
  std::array<std::atomic<std::int64_t>, kTimes> times_{};
};

}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_SCENARIOS_VISIBILITY_H_
