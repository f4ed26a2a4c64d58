// SPDX-License-Identifier: Apache-2.0
//
// How a fixed amount of work is shared by threads that do not advance equally.
// With a quota for each, the fast ones end early and the rest runs with less
// contention; with sixteen threads that was half of the time. So the sequences of
// a tape are cut into chunks, and a thread that has done one draws the next.
//
// A thread draws from its own sequence as long as that lasts, then from the
// others': keys that are private to a thread stay with it but for the end, and no
// counter is drawn from by all threads at once unless there is one sequence for
// all. Chunks get smaller towards the end of a sequence, so all threads end within
// a small chunk of each other. The entries of a sequence are begun in its order,
// so what is exact for every prefix of it (krr.h) stays so but for the chunks under
// way.
#ifndef CMAP_WORKLOADS_DEAL_H_
#define CMAP_WORKLOADS_DEAL_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "maps/concurrent_map.h"

namespace cmap::workloads {

// Consecutive entries of one sequence of a tape.
struct Piece {
  std::uint32_t sequence = 0;
  std::size_t position = 0;
  std::size_t n = 0;  // cyclic: may exceed the length

  friend bool operator==(const Piece&, const Piece&) = default;
};

// By player, in the order in which each played: what a slice was.
using Played = std::vector<std::vector<Piece>>;

inline constexpr std::size_t kMostDealt = 256;
inline constexpr std::size_t kLeastDealt = 32;

class Deal {
 public:
  // The first n entries of each of `sequences` sequences, for `players` threads.
  // whole: a sequence is cut into as few pieces as its players allow (for maps that
  // are given whole batches), otherwise into chunks.
  Deal(std::size_t sequences, std::size_t n, std::size_t players, bool whole)
      : n_(n), counters_(sequences), played_(players) {
    // One player alone has nobody to share with.
    const std::size_t sharers = std::max<std::size_t>(1, players / sequences);
    if (whole || players == 1) {
      for (std::size_t i = 0; i <= sharers; ++i) bounds_.push_back(n * i / sharers);
    } else {
      bounds_.push_back(0);
      while (bounds_.back() < n) {
        const std::size_t left = n - bounds_.back();
        bounds_.push_back(bounds_.back() +
                          std::min(left, std::clamp(left / (4 * sharers), kLeastDealt, kMostDealt)));
      }
    }
    // Pushing back must not allocate while the clock runs.
    for (auto& pieces : played_) pieces.reserve(sequences * (bounds_.size() - 1));
    Shuffle();
  }

  // Deals the same again.
  void Shuffle() {
    for (Counter& counter : counters_) counter.next.store(0, std::memory_order_relaxed);
    for (auto& pieces : played_) pieces.clear();
  }

  std::size_t n() const { return n_; }
  // What each player got; quiescent only.
  const Played& played() const { return played_; }

  // Called by every player at the same time: play(piece) until nothing is left.
  template <class Play>
  void Draw(std::size_t player, Play&& play) {
    for (std::size_t i = 0; i < counters_.size(); ++i) {
      const std::size_t sequence = (player + i) % counters_.size();
      std::atomic<std::size_t>& next = counters_[sequence].next;
      while (true) {
        // Relaxed: only who gets a chunk is decided here; the tape was written
        // before the players started.
        const std::size_t chunk = next.fetch_add(1, std::memory_order_relaxed);
        if (chunk + 1 >= bounds_.size()) break;
        const Piece piece{static_cast<std::uint32_t>(sequence), bounds_[chunk],
                          bounds_[chunk + 1] - bounds_[chunk]};
        played_[player].push_back(piece);
        play(piece);
      }
    }
  }

 private:
  struct alignas(kCacheLine) Counter {
    std::atomic<std::size_t> next{0};
  };

  std::size_t n_;
  std::vector<std::size_t> bounds_;  // of the chunks of a sequence, 0 first, n last
  std::vector<Counter> counters_;    // by sequence: the next chunk
  Played played_;
};

}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_DEAL_H_
