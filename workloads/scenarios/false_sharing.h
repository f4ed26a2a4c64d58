// SPDX-License-Identifier: Apache-2.0
//
// false_sharing: words that have nothing to do with one another, on one cache line or not.
//
// It is about no map. Every thread has a word of its own, and the words lie
//
//   same_line    4 bytes apart, up to 16 of them on a line of 64 bytes
//   apart_64     each on a line of its own
//   apart_128    and with a line between, as some processors fetch lines in pairs
//   same_word    0 bytes apart: all threads have the same word
//
//   read_read    all read their words
//   read_write   thread 0 adds to its word and the others read theirs
//   write_write  all add to their words, by one locked instruction each
//
// What is counted depends on the number `count`: 0 all of read_read and write_write, and
// the readers of read_write; 1 the writer of it.
//
// same_word is the control. Adding to one word from several cores must move its line to
// and fro, so where that takes no longer than adding to words apart the CPUs share the
// cache that the line is in, whatever the system says of them, and false sharing cannot be
// shown there.
//
// A word must hold as much as was added to it, and never run backwards for who reads it.
// Times are taken of some runs of 16 accesses, as a single one is shorter than a look at the
// clock, less the least that such a look takes.
#ifndef CMAP_WORKLOADS_SCENARIOS_FALSE_SHARING_H_
#define CMAP_WORKLOADS_SCENARIOS_FALSE_SHARING_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "workloads/scenarios/scenario.h"

namespace cmap::workloads {

// A word for each thread, so many bytes from one to the next, in memory that begins with a
// pair of lines. In the place of a map, of which it can do nothing.
template <std::size_t kApart>
class Words {
 public:
  using Options = NoOptions;
  using Word = std::atomic<std::uint32_t>;

  static constexpr Traits kTraits =
      NoMapTraits(kApart == 0     ? "one word in memory that all threads have: a control"
                  : kApart == 4   ? "a word for each thread, up to 16 on a line"
                  : kApart == 64  ? "a word for each thread, on lines of their own"
                                  : "a word for each thread, a line between any two",
                  "it is words in memory for the scenario false_sharing, no map",
                  "no map: shows what sharing a cache line costs", Progress::kWaitFree);
  static constexpr std::array<Tunable<Options>, 0> kTunables = {};

  Words() = default;
  explicit Words(const Options&) {}

  Word& operator[](std::size_t thread) {
    return pairs_[thread * kApart / kPair].words[thread * kApart % kPair / sizeof(Word)];
  }

 private:
  static constexpr std::size_t kPair = 128;
  static constexpr std::size_t kThreads = 256;  // as many as a worker has
  struct alignas(kPair) Pair {
    std::array<Word, kPair / sizeof(Word)> words{};
  };

  std::vector<Pair> pairs_ = std::vector<Pair>((kThreads * kApart) / kPair + 1);
};

template <class Map>
class FalseSharing {
 public:
  static constexpr std::array<std::string_view, 3> kWays = {"write_write", "read_write", "read_read"};
  static constexpr std::array<ScenarioNumber, 1> kNumbers = {{{"count", 0, 0, 1}}};
  static constexpr ScenarioTraits kTraits = {"false_sharing", kWays, kNumbers, 2};
  static constexpr bool kFits = requires(Map map) { map[0].fetch_add(1); };

  FalseSharing(const ScenarioRequest& request, std::uint32_t threads, std::uint64_t)
      : mixed_(request.way == "read_write"), writes_(request.way != "read_read"),
        writer_counted_(request["count"] != 0), threads_(threads) {
    for (Thread& thread : threads_) thread.times.reserve(kMostTimes);
    for (int i = 0; i < 100; ++i) {
      const std::int64_t before = NowNs();
      clock_ns_ = std::min(clock_ns_, NowNs() - before);
    }
  }

  void Fill(Map& map) {
    for (std::uint32_t t = 0; t < threads_.size(); ++t) {
      Thread& thread = threads_[t];
      thread.accesses = thread.until_timed = thread.last = 0;
      thread.backwards = false;
      thread.times.clear();
      map[t].store(0, std::memory_order_relaxed);
    }
  }

  std::uint64_t Step(Map& map, std::uint32_t t, std::size_t n) {
    Thread& mine = threads_[t];
    typename Map::Word& word = map[t];
    std::size_t left = n;
    while (left > 0) {
      if (mine.until_timed == 0 && left >= kRun && mine.times.size() < kMostTimes) {
        const std::int64_t before = NowNs();
        Access(word, mine, t, kRun);
        const std::int64_t took = std::max<std::int64_t>(0, NowNs() - before - clock_ns_);
        mine.times.push_back(took);
        mine.timed_ns += static_cast<double>(took);
        mine.timed += kRun;
        left -= kRun;
        // The next one after some microseconds, by the mean so far: the clock costs little.
        const double until = kEveryNs * mine.timed / std::max(1.0, mine.timed_ns);
        mine.until_timed = static_cast<std::size_t>(std::clamp(until, 1.0, 65536.0));
      }
      const std::size_t now = mine.until_timed > 0 ? std::min(left, mine.until_timed) : left;
      Access(word, mine, t, now);
      left -= now;
      mine.until_timed -= std::min(now, mine.until_timed);
    }
    mine.accesses += n;
    return n;
  }

  bool Counted(std::uint32_t t) const { return !mixed_ || (t == 0) == writer_counted_; }

  std::string Check(Map& map) {
    for (std::uint32_t t = 0; t < threads_.size(); ++t) {
      if (threads_[t].backwards) return "a word ran backwards";
      std::uint64_t added = 0;
      for (std::uint32_t u = 0; u < threads_.size(); ++u) {
        if (&map[u] == &map[t] && Writes(u)) added += threads_[u].accesses;
      }
      if (const std::uint32_t held = map[t].load(std::memory_order_relaxed); held != static_cast<std::uint32_t>(added)) {
        return "a word holds " + std::to_string(held) + " and " + std::to_string(added) + " was added to it";
      }
    }
    return "";
  }

  void Tell(double seconds, std::vector<Amount>& out) const {
    double reads = 0, writes = 0;
    for (std::uint32_t t = 0; t < threads_.size(); ++t) {
      (Writes(t) ? writes : reads) += static_cast<double>(threads_[t].accesses);
    }
    if (!writes_ || mixed_) out.push_back({"reads_per_s", reads, seconds});
    if (writes_) out.push_back({"writes_per_s", writes, seconds});
  }

  void TellTimes(std::vector<Times>& out) const {
    for (std::uint32_t t = 0; t < threads_.size(); ++t) {
      if (Counted(t)) out.push_back({"", "ns", kRun, threads_[t].times});
    }
  }

 private:
  static constexpr std::size_t kRun = 16;  // accesses that are timed together
  static constexpr std::size_t kMostTimes = 1 << 14;
  static constexpr double kEveryNs = 3000;

  struct alignas(kCacheLine) Thread {
    std::uint64_t accesses = 0;
    std::size_t until_timed = 0;  // accesses
    double timed = 0;             // accesses so far, in all slices
    double timed_ns = 0;
    std::uint32_t last = 0;
    bool backwards = false;
    std::vector<std::int64_t> times;  // of runs in this slice
  };

  static std::int64_t NowNs() {
    using std::chrono::nanoseconds, std::chrono::steady_clock;
    return std::chrono::duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count();
  }

  bool Writes(std::uint32_t t) const { return writes_ && (!mixed_ || t == 0); }

  // Relaxed: the words say nothing of anything else.
  void Access(typename Map::Word& word, Thread& mine, std::uint32_t t, std::size_t n) const {
    if (Writes(t)) {
      for (std::size_t i = 0; i < n; ++i) word.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    std::uint32_t last = mine.last, backwards = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const std::uint32_t seen = word.load(std::memory_order_relaxed);
      backwards |= static_cast<std::uint32_t>(static_cast<std::int32_t>(seen - last) < 0);
      last = seen;
    }
    mine.last = last;
    mine.backwards |= backwards != 0;
  }

  bool mixed_;
  bool writes_;
  bool writer_counted_;
  std::int64_t clock_ns_ = 1'000'000;  // from one look at it to the next, at least
  std::vector<Thread> threads_;
};

}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_SCENARIOS_FALSE_SHARING_H_
