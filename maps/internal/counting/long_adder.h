// SPDX-License-Identifier: Apache-2.0
//
// A number that many threads add to: one word as long as they do not meet; from the
// first failed compare-exchange on, the cells of a StripedCounter, of which each
// thread uses one. The number is the sum of all.
//
// Relaxed throughout: it orders nothing.
//
// Source: Striped64 and LongAdder of JDK 8 (D. Lea), there with cells that double
// in number up to that of the cores; here there are 16 at once.
#ifndef CMAP_MAPS_INTERNAL_COUNTING_LONG_ADDER_H_
#define CMAP_MAPS_INTERNAL_COUNTING_LONG_ADDER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

#include "maps/internal/counting/striped_counter.h"
#include "maps/internal/memory.h"

namespace cmap::internal {

template <class Atomics>
class LongAdder {
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;

 public:
  LongAdder() = default;
  LongAdder(const LongAdder&) = delete;
  LongAdder& operator=(const LongAdder&) = delete;
  ~LongAdder() { delete cells_.load(std::memory_order_acquire); }

  // Lock-free but for the allocation of the cells, and cannot fail.
  void Add(std::int64_t by) noexcept {
    Cells* cells = cells_.load(std::memory_order_acquire);  // (1), with (2)
    if (cells == nullptr) {
      std::int64_t base = base_.load(std::memory_order_relaxed);
      if (base_.compare_exchange_strong(base, base + by, std::memory_order_relaxed)) {
        return;
      }
      cells = MakeCells();
    }
    if (cells == nullptr) {
      base_.fetch_add(by, std::memory_order_relaxed);
    } else {
      cells->Add(by);
    }
  }

  // Exact when nothing is being added; otherwise the cells are read at different
  // moments.
  std::int64_t Sum() const noexcept {
    const std::int64_t base = base_.load(std::memory_order_relaxed);
    const Cells* cells = cells_.load(std::memory_order_acquire);  // (1)
    return cells == nullptr ? base : base + cells->SignedSum();
  }

  std::size_t HeapBytesHeld() const {
    return cells_.load(std::memory_order_acquire) == nullptr ? 0 : MallocBytes(sizeof(Cells));
  }

 private:
  using Cells = StripedCounter<Atomics, 16>;

  // Null if there is no memory for them.
  [[gnu::noinline]] Cells* MakeCells() noexcept {
    std::unique_ptr<Cells> fresh;
    try {
      fresh = std::make_unique<Cells>();
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
    Cells* present = nullptr;
    // (2) release, pairs with (1); acquire for those of a faster thread.
    if (cells_.compare_exchange_strong(present, fresh.get(), std::memory_order_acq_rel,
                                       std::memory_order_acquire)) {
      return fresh.release();
    }
    return present;
  }

  Atomic<std::int64_t> base_{0};
  Atomic<Cells*> cells_{nullptr};
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_INTERNAL_COUNTING_LONG_ADDER_H_
