// SPDX-License-Identifier: Apache-2.0
//
// The most frequent keys of a stream in bounded memory: Misra and Gries' counters (Science of
// Computer Programming 2, 1982), decremented many at once when they run out (D. Anderson et al.,
// IMC 2017). A count is too small by error() at most, and never too large.
#ifndef CMAP_TOOLS_TRACE_FREQUENT_KEYS_H_
#define CMAP_TOOLS_TRACE_FREQUENT_KEYS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace cmap::trace {

class FrequentKeys {
 public:
  // error() stays below 3 * total / 2^bits, or thereabouts.
  explicit FrequentKeys(int bits = 17) : slots_(std::size_t{1} << bits) {}

  // O(1) amortised.
  void Add(std::uint64_t hash, std::uint64_t count) {
    Slot& slot = Find(hash);
    if (slot.count == 0) {
      slot.hash = hash;
      ++used_;
    }
    slot.count += count;
    if (used_ > slots_.size() / 4 * 3) Purge();
  }

  std::uint64_t error() const { return error_; }

  // Sum of the `top` largest counts, which is no more than their true sum.
  std::uint64_t TopSum(std::size_t top) const {
    std::vector<std::uint64_t> counts = Counts();
    top = std::min(top, counts.size());
    std::partial_sort(counts.begin(), counts.begin() + static_cast<std::ptrdiff_t>(top),
                      counts.end(), std::greater<>());
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < top; ++i) sum += counts[i];
    return sum;
  }

 private:
  struct Slot {
    std::uint64_t hash = 0;
    std::uint64_t count = 0;  // 0: free
  };

  Slot& Find(std::uint64_t hash) {
    // The bits in the middle: the low ones number other tables, the high ones choose samples.
    std::size_t at = (hash >> 16) & (slots_.size() - 1);
    while (slots_[at].count != 0 && slots_[at].hash != hash) at = (at + 1) & (slots_.size() - 1);
    return slots_[at];
  }

  std::vector<std::uint64_t> Counts() const {
    std::vector<std::uint64_t> counts;
    counts.reserve(used_);
    for (const Slot& slot : slots_) {
      if (slot.count != 0) counts.push_back(slot.count);
    }
    return counts;
  }

  // Takes the median count off all; half of them or more are gone.
  void Purge() {
    std::vector<std::uint64_t> counts = Counts();
    const auto middle = counts.begin() + static_cast<std::ptrdiff_t>(counts.size() / 2);
    std::nth_element(counts.begin(), middle, counts.end());
    const std::uint64_t off = *middle;
    error_ += off;
    std::vector<Slot> old(slots_.size());
    old.swap(slots_);
    used_ = 0;
    for (const Slot& slot : old) {
      if (slot.count <= off) continue;
      Slot& kept = Find(slot.hash);
      kept = {slot.hash, slot.count - off};
      ++used_;
    }
  }

  std::vector<Slot> slots_;
  std::size_t used_ = 0;
  std::uint64_t error_ = 0;
};

}  // namespace cmap::trace

#endif  // CMAP_TOOLS_TRACE_FREQUENT_KEYS_H_
