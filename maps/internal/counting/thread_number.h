// SPDX-License-Identifier: Apache-2.0
//
// Numbers the threads of the process, for choosing one of several stripes.
#ifndef CMAP_MAPS_INTERNAL_COUNTING_THREAD_NUMBER_H_
#define CMAP_MAPS_INTERNAL_COUNTING_THREAD_NUMBER_H_

#include <atomic>
#include <cstdint>

namespace cmap::internal {

// From 0, in the order in which threads first ask. Wait-free. A thread that ends
// does not give its number back.
template <class Atomics>
class ThreadNumber {
 public:
  static std::uint32_t Mine() noexcept {
    if (mine_ == 0) [[unlikely]] {
      // Relaxed: numbers need only differ.
      mine_ = next_.fetch_add(1, std::memory_order_relaxed) + 1;
    }
    return mine_ - 1;
  }

 private:
  inline static typename Atomics::template Atomic<std::uint32_t> next_{0};
  inline static constinit thread_local std::uint32_t mine_ = 0;
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_INTERNAL_COUNTING_THREAD_NUMBER_H_
