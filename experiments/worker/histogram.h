// SPDX-License-Identifier: Apache-2.0
//
// Counts of times in nanoseconds, log-linear: exact below 256, then 128 steps an
// octave, so that a value is known to one part in 128 (0.8 %). The layout of the
// counts is that of an HdrHistogram with two significant digits and the unit 1 (G.
// Tene), which is how report/hdr_log.py can hand them to its tools.
//
// Recording is a shift and an increment, about 2 ns. 17 KiB each.
#ifndef CMAP_EXPERIMENTS_WORKER_HISTOGRAM_H_
#define CMAP_EXPERIMENTS_WORKER_HISTOGRAM_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace cmap::experiments {

class Histogram {
 public:
  static constexpr unsigned kStepBits = 7;
  // Values from this on, 18 minutes, are counted as the greatest below it.
  static constexpr unsigned kLimitBits = 40;
  static constexpr std::int64_t kLimit = std::int64_t{1} << kLimitBits;
  static constexpr std::size_t kSize = std::size_t{kLimitBits - kStepBits + 1} << kStepBits;
  static constexpr std::size_t Index(std::int64_t value) {
    const auto v = static_cast<std::uint64_t>(std::clamp<std::int64_t>(value, 0, kLimit - 1));
    const auto octave = static_cast<unsigned>(
        std::max(0, static_cast<int>(std::bit_width(v)) - static_cast<int>(kStepBits) - 1));
    return (std::size_t{octave} << kStepBits) + static_cast<std::size_t>(v >> octave);
  }

  // The least and the greatest value that are counted at an index.
  static constexpr std::int64_t Least(std::size_t index) {
    const unsigned octave = OctaveOf(index);
    return static_cast<std::int64_t>((index - (std::size_t{octave} << kStepBits)) << octave);
  }
  static constexpr std::int64_t Greatest(std::size_t index) {
    return Least(index) + (std::int64_t{1} << OctaveOf(index)) - 1;
  }

  // A negative value counts as 0.
  void Record(std::int64_t value) {
    ++counts_[Index(value)];
    max_ = std::max(max_, value);
  }

  Histogram& operator+=(const Histogram& other) {
    for (std::size_t i = 0; i < kSize; ++i) counts_[i] += other.counts_[i];
    max_ = std::max(max_, other.max_);
    return *this;
  }
  void Clear() { *this = Histogram(); }

  std::uint64_t count() const {
    std::uint64_t sum = 0;
    for (const std::uint32_t n : counts_) sum += n;
    return sum;
  }
  std::int64_t max() const { return max_; }  // exact; 0 when empty

  // The greatest value that `share` of all do not exceed, in the resolution of the
  // counts; 0 when empty. O(kSize).
  std::int64_t Quantile(double share) const {
    const std::uint64_t all = count();
    if (all == 0) return 0;
    const auto wanted = std::max<std::uint64_t>(
        1, static_cast<std::uint64_t>(share * static_cast<double>(all) + 0.5));
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < kSize; ++i) {
      sum += counts_[i];
      if (sum >= wanted) return std::min(Greatest(i), max_);
    }
    return max_;
  }

  // Whether a quantile rests on at least kLeastBeyond values beyond it.
  static constexpr std::uint64_t kLeastBeyond = 100;
  bool Bears(double share) const {
    return (1 - share) * static_cast<double>(count()) >= static_cast<double>(kLeastBeyond) * (1 - 1e-9);
  }

  // Counts as whole numbers, a run of n empty ones as -n, without the empty ones at
  // the end.
  std::vector<std::int64_t> Sparse() const {
    std::vector<std::int64_t> sparse;
    std::int64_t empty = 0;
    for (const std::uint32_t n : counts_) {
      if (n == 0) {
        ++empty;
        continue;
      }
      if (empty > 0) sparse.push_back(-empty);
      empty = 0;
      sparse.push_back(n);
    }
    return sparse;
  }

 private:
  static constexpr unsigned OctaveOf(std::size_t index) {
    const std::size_t step = index >> kStepBits;
    return step < 2 ? 0 : static_cast<unsigned>(step - 1);
  }

  std::array<std::uint32_t, kSize> counts_{};
  std::int64_t max_ = 0;
};

static_assert(Histogram::Index(Histogram::kLimit - 1) == Histogram::kSize - 1);

// What one thread, or all, recorded of operations, nanoseconds.
struct Latencies {
  Histogram response;  // end - intended
  Histogram service;   // end - start
  Histogram lag;       // start - intended

  void Record(std::int64_t intended, std::int64_t start, std::int64_t end) {
    response.Record(end - intended);
    service.Record(end - start);
    lag.Record(start - intended);
  }
  Latencies& operator+=(const Latencies& other) {
    response += other.response;
    service += other.service;
    lag += other.lag;
    return *this;
  }
};

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_HISTOGRAM_H_
