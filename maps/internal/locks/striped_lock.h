// SPDX-License-Identifier: Apache-2.0
//
// A reader-writer lock whose readers do not meet: each counts itself on a cache
// line of its own (a "big-reader lock").
//
//   readers_  [ 1 ....... ][ 0 ....... ][ 2 ....... ][ 0 ....... ]   stripes, one
//               ^ thread 0               ^ threads 2, 6               line each
//   writer_   [ false ]    read by all readers, written by writers only
//   writers_  [ mutex ]
//
//   lock_shared    own stripe += 1; no writer: inside.
//                  Otherwise own stripe -= 1, and stand in line at the mutex
//   unlock_shared  own stripe -= 1
//   lock           take the mutex; writer_ = true; wait until each stripe was 0
//   unlock         writer_ = false; release the mutex
//
// A waiting writer stops all readers that come later (writer preference); those
// it stopped take the mutex in turn with other writers, count themselves while
// they hold it, and let go of it at once. So neither side starves for as long as
// the mutex is fair enough.
//
// Price. A reader: one read-modify-write to enter and one to leave, on a line
// that stays in its core's cache as long as threads have stripes of their own.
// A writer: one read-modify-write per stripe, each of which takes the line away
// from its reader. Memory: a cache line per stripe.
//
// A reader and a writer race like this:
//
//   reader:  count; read writer_            writer:  writer_ = true; read counts
//
// and neither may miss the other. Plain accesses allow that (store buffering).
// Here the writer reads each count by an add of zero (4), so that the two
// read-modify-writes on the stripe are ordered: either the reader's (1) is
// earlier, and the writer sees it; or it is later, reads from (4) or from what
// follows it, and with the acquire there knows that writer_ is true, unless the
// writer has left meanwhile. No seq_cst is needed.
//
// A thread gets its stripe by its number, which is counted up process-wide at
// its first use of a lock of this kind: the first `stripes` threads do not meet.
// A thread that ends does not give its number back. Not recursive, and to be
// released by the thread that took it.
//
// Source: the brlock of Linux 2.4 (I. Molnar, D. S. Miller, 1999); BRAVO (D. Dice,
// A. Kogan, USENIX ATC 2019) and the RBMutex of puzpuzpuz/xsync have a
// reader-biased relative of it.
#ifndef CMAP_MAPS_INTERNAL_LOCKS_STRIPED_LOCK_H_
#define CMAP_MAPS_INTERNAL_LOCKS_STRIPED_LOCK_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>

#include "maps/concurrent_map.h"
#include "maps/internal/counting/thread_number.h"
#include "maps/internal/held_locks.h"
#include "maps/internal/memory.h"
#include "maps/internal/options.h"

namespace cmap::internal {

struct StripedReaderOptions {
  std::int64_t read_first = 0;
  std::int64_t stripes = 32;
};

template <class Atomics>
class StripedReaderLock {
 public:
  using Options = StripedReaderOptions;
  static constexpr bool kShared = true;
  static constexpr std::string_view kName = "big-reader lock";
  static constexpr Tunable<Options> kTunable = {
      "stripes", &Options::stripes, 1, 1024,
      "number of reader counters, a power of two: with as many as threads "
      "readers do not meet; a write visits every one"};

  StripedReaderLock() : StripedReaderLock(Options{}) {}
  explicit StripedReaderLock(const Options& options)
      : mask_(static_cast<std::size_t>(CheckPowerOfTwo(
                  "striped_reader_map", "stripes", options.stripes)) -
              1),
        readers_(std::make_unique<Stripe[]>(mask_ + 1)) {}
  StripedReaderLock(const StripedReaderLock&) = delete;
  StripedReaderLock& operator=(const StripedReaderLock&) = delete;

  void lock_shared() {
    Enter();
    HeldLocks::Add(this);
  }

  void unlock_shared() noexcept {
    HeldLocks::Remove(this);
    // (2) release, pairs with (4) and (5): this reader has read.
    MyCount().fetch_sub(1, std::memory_order_release);
  }

  void lock() {
    writers_.lock();  // orders the writers among themselves
    // (3) Relaxed: passed on to readers by the release in (4).
    writer_.store(true, std::memory_order_relaxed);
    for (std::size_t i = 0; i <= mask_; ++i) {
      auto& count = readers_[i].count;
      // (4) acq_rel add of zero, not a load: see the head of this file.
      if (count.fetch_add(0, std::memory_order_acq_rel) == 0) continue;
      HeldLocks::Want(this);
      // (5) acquire, pairs with (2). From here on a plain load does: a reader
      // that comes after (4) sees the writer and leaves again.
      for (int spins = 0; count.load(std::memory_order_acquire) != 0; ++spins) {
        if (spins < kSpins) {
          Atomics::Pause();
        } else {
          Atomics::Yield();
        }
      }
    }
    HeldLocks::Add(this);
  }

  void unlock() {
    HeldLocks::Remove(this);
    writer_.store(false, std::memory_order_release);  // (6), with (7)
    writers_.unlock();
  }

  std::size_t HeapBytesHeld() const {
    return MallocBytes((mask_ + 1) * sizeof(Stripe));
  }

 private:
  static constexpr int kSpins = 64;

  struct alignas(kCacheLine) Stripe {
    typename Atomics::template Atomic<std::uint32_t> count{0};
  };

  void Enter() {
    auto& mine = MyCount();
    // (1) acq_rel. Acquires from (4), hence knows (3). The release hands on
    // what (2) of others released, to (4) and (5).
    mine.fetch_add(1, std::memory_order_acq_rel);
    // (7) acquire, pairs with (6): what the last writer wrote.
    if (!writer_.load(std::memory_order_acquire)) [[likely]] return;
    HeldLocks::Want(this);  // the writer waits for the readers inside, if it does not hold
    mine.fetch_sub(1, std::memory_order_release);
    // Nobody writes while this thread holds the mutex, and the next writer will
    // see the count because it takes the mutex afterwards.
    std::lock_guard in_line(writers_);
    mine.fetch_add(1, std::memory_order_relaxed);
  }

  auto& MyCount() noexcept {
    return readers_[ThreadNumber<Atomics>::Mine() & mask_].count;
  }

  const std::size_t mask_;
  const std::unique_ptr<Stripe[]> readers_;
  typename Atomics::template Atomic<bool> writer_{false};
  // Away from what readers read.
  alignas(kCacheLine) typename Atomics::Mutex writers_;
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_INTERNAL_LOCKS_STRIPED_LOCK_H_
