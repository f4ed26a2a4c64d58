// SPDX-License-Identifier: Apache-2.0
//
// Which operations of a thread are looked at more closely: one in `period` on
// average, at random distances. Equal distances would be in step with loops of the
// program: of reads and writes in turn every 64th is always a read.
#ifndef CMAP_MAPS_INTERNAL_COUNTING_SAMPLER_H_
#define CMAP_MAPS_INTERNAL_COUNTING_SAMPLER_H_

#include <cstdint>

namespace cmap::internal {

// Per thread, shared by all maps that sample.
class Sampler {
 public:
  // Whether this operation is one of them; period 1 takes all. A decrement and a
  // comparison of the thread's own, mostly.
  static bool Due(std::uint32_t period) noexcept {
    if (left_ > 1 && left_ < 2 * period) [[likely]] {
      --left_;
      return false;
    }
    // A linear congruential generator (D. Knuth's MMIX): the high bits will do.
    state_ = state_ * 6364136223846793005 + 1442695040888963407;
    left_ = 1 + static_cast<std::uint32_t>((state_ >> 33) % (2 * period - 1));
    return true;
  }

 private:
  inline static constinit thread_local std::uint32_t left_ = 1;
  inline static constinit thread_local std::uint64_t state_ = 0;
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_INTERNAL_COUNTING_SAMPLER_H_
