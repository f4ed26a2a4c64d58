// SPDX-License-Identifier: Apache-2.0
//
// What write_batch_map knows of the Stores that wait in its ring: up to which position
// they have been applied, up to which a stripe of keys has some, since when the oldest
// waits, and whether somebody is about to apply them.
//
//   position of the ring   0 .......... | a .......... | e
//                             applied      waiting        the next Store's
//
//   applied    a
//   stripes    for each stripe of keys, the position behind the last Store into it
//              that was announced: when that is beyond a, such a Store may wait
//
// Stripes share keys by the upper bits of the hash: a position may be that of another
// key, which costs a batch too early and is not wrong.
//
// Guarantees. Everything is wait-free but for Announce, which is lock-free. Whoever
// finds that nothing waits sees the table with all that was announced before, once it
// holds the lock under which the table is changed. Applied positions do not go back
// if they are set under that lock, exclusively.
#ifndef CMAP_MAPS_WRITE_BATCH_MAP_WAITING_WRITES_H_
#define CMAP_MAPS_WRITE_BATCH_MAP_WAITING_WRITES_H_

#include <array>
#include <atomic>
#include <cstdint>

#include "maps/concurrent_map.h"

namespace cmap::internal {

template <class Atomics>
class WaitingWrites {
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;

 public:
  // For Store: see SetOldest.
  std::uint64_t Applied() const noexcept {
    // (9) acquire, pairs with (5), for (10).
    return applied_.load(std::memory_order_acquire);
  }
  // Under the lock, which keeps it where it is.
  std::uint64_t AppliedLocked() const noexcept { return applied_.load(std::memory_order_relaxed); }
  // Under the lock, exclusively, after the table has changed.
  void SetApplied(std::uint64_t end) noexcept {
    // (5) release, pairs with (6).
    applied_.store(end, std::memory_order_release);
  }

  // A Store into the stripe of this hash waits before position `end`.
  void Announce(std::uint64_t hash, std::uint64_t end) noexcept {
    Atomic<std::uint64_t>& stripe = stripes_[StripeOf(hash)];
    std::uint64_t seen = stripe.load(std::memory_order_relaxed);
    // (3) release, pairs with (4): who reads it reads a tail beyond it.
    while (seen < end && !stripe.compare_exchange_weak(seen, end, std::memory_order_release,
                                                       std::memory_order_relaxed)) {
    }
  }

  // Whether a Store into the stripe of this hash may wait.
  bool Waits(std::uint64_t hash) const noexcept {
    // (4) acquire, pairs with (3). (6) acquire, pairs with (5): the lock taken
    // afterwards is one that the applier has released since.
    const std::uint64_t announced = stripes_[StripeOf(hash)].load(std::memory_order_acquire);
    return announced > applied_.load(std::memory_order_acquire);
  }

  // By the Store that is the first of a batch, with a time before it could be seen.
  // When nobody looked at the clock in time, or somebody comes here late, the time on
  // record is too old and a batch is applied early.
  void SetOldest(std::int64_t time) noexcept {
    // (10) release, pairs with (11): who reads it knows the batch before applied.
    oldest_.store(time, std::memory_order_release);
  }
  std::int64_t Oldest() const noexcept {
    // (11) acquire, pairs with (10).
    return oldest_.load(std::memory_order_acquire);
  }

  // Of several who find a batch due, lets one go on, until it calls EndTurn. Only
  // keeps callers from queueing: what is protected is protected by the lock.
  bool TryTurn() noexcept {
    // (7) acquire, pairs with (8).
    return !busy_.load(std::memory_order_relaxed) &&
           !busy_.exchange(true, std::memory_order_acquire);
  }
  void EndTurn() noexcept {
    busy_.store(false, std::memory_order_release);  // (8), with (7)
  }

 private:
  static constexpr int kStripeBits = 9;
  static std::uint64_t StripeOf(std::uint64_t hash) { return hash >> (64 - kStripeBits); }

  alignas(kCacheLine) Atomic<std::uint64_t> applied_{0};
  Atomic<std::int64_t> oldest_{0};
  Atomic<bool> busy_{false};
  alignas(kCacheLine) std::array<Atomic<std::uint64_t>, 1 << kStripeBits> stripes_{};
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_WRITE_BATCH_MAP_WAITING_WRITES_H_
