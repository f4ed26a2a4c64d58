// SPDX-License-Identifier: Apache-2.0
//
// A counter for numbers that many threads change and few read: one word per
// cache line and a line for each of a few groups of threads, so that threads on
// different cores seldom add to the same line.
#ifndef CMAP_MAPS_INTERNAL_COUNTING_STRIPED_COUNTER_H_
#define CMAP_MAPS_INTERNAL_COUNTING_STRIPED_COUNTER_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "maps/concurrent_map.h"
#include "maps/internal/counting/thread_number.h"

namespace cmap::internal {

template <class Atomics, std::size_t kStripes = 8>
class StripedCounter {
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;

 public:
  // Wait-free. Relaxed: counts order nothing.
  void Add(std::int64_t n) noexcept {
    stripes_[ThreadNumber<Atomics>::Mine() % kStripes].count.fetch_add(n,
                                                                       std::memory_order_relaxed);
  }

  // Exact when nothing is added concurrently; otherwise a sum of what was found
  // stripe by stripe.
  std::int64_t SignedSum() const noexcept {
    std::int64_t sum = 0;
    for (const Stripe& stripe : stripes_) {
      sum += stripe.count.load(std::memory_order_relaxed);
    }
    return sum;
  }
  // Of what is never negative, but may be found so stripe by stripe.
  std::size_t Sum() const noexcept {
    const std::int64_t sum = SignedSum();
    return sum < 0 ? 0 : static_cast<std::size_t>(sum);
  }

 private:
  struct alignas(kCacheLine) Stripe {
    Atomic<std::int64_t> count{0};
  };

  std::array<Stripe, kStripes> stripes_{};
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_INTERNAL_COUNTING_STRIPED_COUNTER_H_
