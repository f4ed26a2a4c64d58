// SPDX-License-Identifier: Apache-2.0
//
// Burstiness: the index of dispersion of the arrivals, variance over mean of the number of
// operations in windows of equal length (D. Cox and P. Lewis, The Statistical Analysis of Series
// of Events, 1966). 1 for a Poisson process at every length; 0 for a clockwork; it grows with the
// length where bursts are longer than the window.
#ifndef CMAP_TOOLS_TRACE_ARRIVALS_H_
#define CMAP_TOOLS_TRACE_ARRIVALS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace cmap::trace {

class Arrivals {
 public:
  struct Window {
    double seconds = 0;
    std::uint64_t windows = 0;  // whole ones
    double mean = 0;            // operations in one
    double dispersion = 0;
  };

  // Times do not decrease. O(1) amortised, whatever the gaps.
  void Add(std::uint64_t time_ns) {
    if (first_) start_ns_ = time_ns;
    first_ = false;
    last_ns_ = time_ns - start_ns_;
    // Coarser grids are given up at the first time that is not on them.
    while (coarsest_ > 0 && last_ns_ % kGridNs[coarsest_] != 0) --coarsest_;
    for (std::size_t i = 0; i <= coarsest_; ++i) grids_[i].Add(last_ns_ / kGridNs[i]);
  }

  std::uint64_t duration_ns() const { return last_ns_; }

  // Windows of 2^k µs, ms or s, the coarsest of these on which all times are: windows of any
  // other length would hold now more, now fewer ticks of the trace's clock. There are at least 30
  // of each length, with one operation or more on average.
  std::vector<Window> Windows() const {
    std::vector<Window> result;
    double seconds = static_cast<double>(kGridNs[coarsest_]) / 1e9;
    for (const Level& level : grids_[coarsest_].levels) {
      // The last window is not over, and is left out.
      const auto windows = static_cast<double>(level.window);
      if (level.window < kLeastWindows) break;
      const double mean = level.sum / windows;
      const double variance = (level.squares - level.sum * mean) / (windows - 1);
      if (mean >= 1) result.push_back({seconds, level.window, mean, variance / mean});
      seconds *= 2;
    }
    return result;
  }

 private:
  static constexpr std::array<std::uint64_t, 3> kGridNs = {1000, 1'000'000, 1'000'000'000};
  static constexpr std::size_t kLevels = 56;
  static constexpr std::uint64_t kLeastWindows = 30;

  struct Level {
    std::uint64_t window = 0;     // number of the current one
    std::uint64_t in_window = 0;  // operations in it so far
    double sum = 0;               // over the windows before
    double squares = 0;
  };

  struct Grid {
    std::array<Level, kLevels> levels{};  // each window is two of the level before

    void Add(std::uint64_t window) {
      if (window != levels[0].window) Close(window);
      ++levels[0].in_window;
    }

    // The current windows end, those of a level only if they do not hold `window` too. (Windows
    // without operations add nothing to either sum.)
    void Close(std::uint64_t window) {
      for (std::size_t k = 0; k < kLevels && levels[k].window != window; ++k, window >>= 1) {
        Level& level = levels[k];
        const auto n = static_cast<double>(level.in_window);
        level.sum += n;
        level.squares += n * n;
        if (k + 1 < kLevels) levels[k + 1].in_window += level.in_window;
        level.in_window = 0;
        level.window = window;
      }
    }
  };

  std::array<Grid, kGridNs.size()> grids_{};
  std::size_t coarsest_ = kGridNs.size() - 1;  // the coarsest grid on which all times are
  bool first_ = true;
  std::uint64_t start_ns_ = 0;
  std::uint64_t last_ns_ = 0;
};

}  // namespace cmap::trace

#endif  // CMAP_TOOLS_TRACE_ARRIVALS_H_
