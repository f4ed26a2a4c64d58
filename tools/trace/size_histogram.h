// SPDX-License-Identifier: Apache-2.0
//
// Sizes in bytes: mean exact, quantiles to 1/32 of themselves.
#ifndef CMAP_TOOLS_TRACE_SIZE_HISTOGRAM_H_
#define CMAP_TOOLS_TRACE_SIZE_HISTOGRAM_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace cmap::trace {

class SizeHistogram {
 public:
  void Add(std::uint64_t size) {
    ++count_;
    sum_ += static_cast<double>(size);
    max_ = std::max(max_, size);
    ++bins_[Bin(size)];
  }

  std::uint64_t count() const { return count_; }
  std::uint64_t max() const { return max_; }
  double mean() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }

  // The largest size of the bin in which the quantile is.
  std::uint64_t Quantile(double q) const {
    const auto rank = static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(count_)));
    std::uint64_t below = 0;
    for (std::size_t bin = 0; bin < bins_.size(); ++bin) {
      below += bins_[bin];
      if (below >= rank && below != 0) return std::min(Largest(bin), max_);
    }
    return max_;
  }

 private:
  static constexpr int kBits = 5;  // 32 bins for each power of two

  static std::size_t Bin(std::uint64_t size) {
    if (size < (1u << kBits)) return static_cast<std::size_t>(size);
    const int shift = std::bit_width(size) - kBits - 1;
    return static_cast<std::size_t>((static_cast<std::uint64_t>(shift) << kBits) + (size >> shift));
  }
  static std::uint64_t Largest(std::size_t bin) {
    if (bin < (2u << kBits)) return bin;
    const std::size_t shift = (bin >> kBits) - 1;
    const std::uint64_t mantissa = bin - (shift << kBits);
    return ((mantissa + 1) << shift) - 1;
  }

  std::array<std::uint64_t, (64 - kBits + 1) << kBits> bins_{};
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
  double sum_ = 0;
};

}  // namespace cmap::trace

#endif  // CMAP_TOOLS_TRACE_SIZE_HISTOGRAM_H_
