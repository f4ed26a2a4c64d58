// SPDX-License-Identifier: Apache-2.0
//
// publication: the whole content of a map replaced under readers, as a configuration is
// reloaded.
//
// Thread 0 publishes one of four prepared contents of `keys` entries after the other: by
// Replace where the map has it, else as one batch, else by one Store after another. All
// others read two keys chosen at random, one after the other. `count`: 0 counts
// publications, 1 reads.
//
// Where publication is atomic, no reader may see the new value of its first key and the
// old one of its second. Elsewhere that is counted, as the share `mixed` of the pairs
// judged: those between whose reads at most one publication ended. With more the four
// contents do not tell which of two values is older, and a reader who lost its CPU between
// the two is common.
// `longest_read_us` is the longest that a pair took, on average over slices: what a reader
// waits for who copies under a lock.
#ifndef CMAP_WORKLOADS_SCENARIOS_PUBLICATION_H_
#define CMAP_WORKLOADS_SCENARIOS_PUBLICATION_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "workloads/rng.h"
#include "workloads/scenarios/scenario.h"

namespace cmap::workloads {

template <class Map>
class Publication {
  using Content = std::vector<std::pair<std::uint64_t, std::uint64_t>>;
  static constexpr bool kReplaces = requires(Map map, const Content& content) { map.Replace(content); };

 public:
  static constexpr std::array<std::string_view, 1> kWays = {"publish"};
  static constexpr std::array<ScenarioNumber, 2> kNumbers = {{{"keys", 1000, 1, 1e7}, {"count", 0, 0, 1}}};
  static constexpr ScenarioTraits kTraits = {"publication", kWays, kNumbers, 2};
  static constexpr bool kFits = kReplaces || Supports<Map>(Op::kStore);

  Publication(const ScenarioRequest& request, std::uint32_t threads, std::uint64_t seed)
      : keys_(static_cast<std::uint32_t>(request["keys"])), reads_counted_(request["count"] != 0) {
    for (std::uint64_t version = 0; version < kVersions; ++version) {
      for (std::uint64_t key = 0; key < keys_; ++key) contents_[version].emplace_back(key, version << 32 | key);
    }
    for (std::uint32_t t = 0; t < threads; ++t) threads_.emplace_back(Rng(DeriveSeed(seed, 1, t)));
  }

  void Fill(Map& map) {
    for (Thread& thread : threads_) {
      thread.steps = thread.judged = thread.mixed = thread.wrong = thread.longest_ns = 0;
    }
    ended_.store(0, std::memory_order_relaxed);
    Publish(map, contents_[0]);
  }

  std::uint64_t Step(Map& map, std::uint32_t t, std::size_t n) {
    Thread& mine = threads_[t];
    if (t == 0) {
      for (std::size_t i = 0; i < n; ++i) {
        Publish(map, contents_[++mine.steps % kVersions]);
        // (1) Release, with (2): who sees the count sees the content.
        ended_.store(mine.steps, std::memory_order_release);
      }
      return n;
    }
    for (std::size_t i = 0; i < n; ++i) Read(map, mine);
    return 2 * n;
  }

  bool Counted(std::uint32_t t) const { return (t != 0) == reads_counted_; }

  std::string Check(Map& map) {
    const std::uint64_t version = threads_[0].steps % kVersions;
    std::uint64_t mixed = 0;
    for (const Thread& thread : threads_) {
      if (thread.wrong != 0) return "a reader missed a key, or got another one's value";
      mixed += thread.mixed;
    }
    if (kAtomic && mixed != 0) return std::to_string(mixed) + " pairs were read of which the second was older";
    for (std::uint64_t key = 0; key < keys_; ++key) {
      if (map.Load(key) != (version << 32 | key)) {
        return "the key " + std::to_string(key) + " has not the value that was published last";
      }
    }
    return "";
  }

  void Tell(double seconds, std::vector<Amount>& out) const {
    double pairs = 0, judged = 0, mixed = 0;
    std::uint64_t longest = 0;
    for (std::size_t t = 1; t < threads_.size(); ++t) {
      pairs += static_cast<double>(threads_[t].steps);
      judged += static_cast<double>(threads_[t].judged);
      mixed += static_cast<double>(threads_[t].mixed);
      longest = std::max(longest, threads_[t].longest_ns);
    }
    out.push_back({"publications_per_s", static_cast<double>(threads_[0].steps), seconds});
    out.push_back({"reads_per_s", 2 * pairs, seconds});
    out.push_back({"mixed", mixed, judged});
    if (seconds > 0) out.push_back({"longest_read_us", static_cast<double>(longest) * 1e-3, 1});
  }

 private:
  static constexpr std::uint64_t kVersions = 4;
  static constexpr bool kAtomic = kReplaces || (Supports<Map>(Op::kStoreBatch) && Map::kTraits.batch_is_atomic);

  struct alignas(kCacheLine) Thread {
    explicit Thread(Rng generator) : rng(generator) {}
    Rng rng;
    std::uint64_t steps = 0;
    std::uint64_t judged = 0;
    std::uint64_t mixed = 0;
    std::uint64_t wrong = 0;
    std::uint64_t longest_ns = 0;
  };

  static void Publish(Map& map, const Content& content) {
    if constexpr (kReplaces) {
      map.Replace(content);
    } else if constexpr (Supports<Map>(Op::kStoreBatch)) {
      map.StoreBatch(content);
    } else {
      for (const auto& [key, value] : content) map.Store(key, value);
    }
  }

  void Read(Map& map, Thread& mine) const {
    using Clock = std::chrono::steady_clock;
    const std::uint64_t first = mine.rng.Below(keys_);
    const std::uint64_t second = mine.rng.Below(keys_);
    // (2) Acquire, with (1): the first read finds this content or a later one.
    const std::uint64_t ended_before = ended_.load(std::memory_order_acquire);
    const auto before = Clock::now();
    const auto a = map.Load(first);
    const auto b = map.Load(second);
    const std::chrono::nanoseconds took = Clock::now() - before;
    // (3) Keeps the count behind the reads: a count from before them would be too low.
    std::atomic_thread_fence(std::memory_order_acquire);
    const std::uint64_t ended = ended_.load(std::memory_order_relaxed) - ended_before;
    ++mine.steps;
    mine.longest_ns = std::max(mine.longest_ns, static_cast<std::uint64_t>(took.count()));
    if (!a || !b || (*a & 0xffffffff) != first || (*b & 0xffffffff) != second) {
      ++mine.wrong;
    } else if (ended <= 1) {
      // One more may be under way: b is up to two contents newer than a, or older.
      ++mine.judged;
      mine.mixed += ((*b >> 32) + kVersions - (*a >> 32)) % kVersions == kVersions - 1;
    }
  }

  std::uint32_t keys_;
  bool reads_counted_;
  std::array<Content, kVersions> contents_;
  alignas(kCacheLine) std::atomic<std::uint64_t> ended_{0};  // publications
  std::vector<Thread> threads_;
};

}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_SCENARIOS_PUBLICATION_H_
