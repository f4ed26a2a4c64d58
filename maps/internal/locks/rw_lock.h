// SPDX-License-Identifier: Apache-2.0
//
// The locks of the lock-based strategies, under one interface:
//
//   lock / unlock                exclusive
//   lock_shared / unlock_shared  shared where kShared is true, else exclusive
//
// MutexLock    the standard mutex: one holder.
// SharedLock   the standard shared mutex. On Linux this is glibc's
//              pthread_rwlock, which prefers readers: a stream of readers can
//              keep a writer waiting for ever.
// WriterPreferringLock
//              the algorithm of Go's sync.RWMutex: a waiting writer stops new
//              readers, so that neither side starves.
// OneByteLock  a spin lock that yields (spin_lock.h): one holder.
// NoLock       nothing, for the one-thread reference.
//
// All shared locks here count readers in one word that every reader writes: a
// read lock is not free of contention, it is one cache line that all readers
// pass around.
#ifndef CMAP_MAPS_INTERNAL_LOCKS_RW_LOCK_H_
#define CMAP_MAPS_INTERNAL_LOCKS_RW_LOCK_H_

#include <atomic>
#include <cstdint>
#include <string_view>

#include "maps/internal/held_locks.h"
#include "maps/internal/locks/spin_lock.h"

namespace cmap::internal {

struct NoLock {
  static constexpr bool kShared = false;
  static constexpr std::string_view kName = "no lock";
  void lock() noexcept {}
  void unlock() noexcept {}
  void lock_shared() noexcept {}
  void unlock_shared() noexcept {}
};

template <class Atomics>
class MutexLock {
 public:
  static constexpr bool kShared = false;
  static constexpr std::string_view kName = "mutex";
  void lock() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }
  void lock_shared() { mutex_.lock(); }
  void unlock_shared() { mutex_.unlock(); }

 private:
  typename Atomics::Mutex mutex_;
};

template <class Atomics>
class SharedLock {
 public:
  static constexpr bool kShared = true;
  static constexpr std::string_view kName = "reader-preferring shared mutex";
  void lock() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }
  void lock_shared() { mutex_.lock_shared(); }
  void unlock_shared() { mutex_.unlock_shared(); }

 private:
  typename Atomics::SharedMutex mutex_;
};

template <class Atomics>
class OneByteLock {
 public:
  static constexpr bool kShared = false;
  static constexpr std::string_view kName = "one-byte spin lock";
  void lock() noexcept { lock_.lock(); }
  void unlock() noexcept { lock_.unlock(); }
  void lock_shared() noexcept { lock_.lock(); }
  void unlock_shared() noexcept { lock_.unlock(); }

 private:
  SpinLock<Atomics> lock_;
};

// Go's sync.RWMutex (go1.22 src/sync/rwmutex.go). One word counts the readers;
// a writer announces itself by subtracting kMaxReaders, which makes the word
// negative:
//
//      readers_ >= 0   no writer. readers_ readers hold the lock.
//      readers_ <  0   a writer waits or holds. readers_ + kMaxReaders readers
//                      hold the lock or wait for it.
//
//   lock_shared    readers_ += 1; negative: wait for a token of the readers'
//                  semaphore (the writer hands one to each when it leaves)
//   unlock_shared  readers_ -= 1; negative: one reader fewer to wait for;
//                  the last one hands the writer its token
//   lock           take the writers' mutex; readers_ -= kMaxReaders; wait until
//                  the readers that were inside have left
//   unlock         readers_ += kMaxReaders; a token for every reader that came
//                  meanwhile; release the writers' mutex
//
// So readers that come after a writer wait for it, and that writer waits only
// for the readers that came before it: neither starves. Not recursive: a second
// lock_shared by the same thread deadlocks when a writer waits between the two.
//
// Parking is std::atomic::wait on the semaphores' words (a futex on Linux, after
// a short spin in the library), hence the Atomics policy must offer wait and
// notify on Atomic<std::uint32_t>. A reader that came later may take the token
// meant for one that came earlier; as both are counted the same, exclusion
// holds, and the robbed reader waits for the next writer's tokens, where it may be
// robbed again: readers as a whole do not starve, for one reader there is no
// strict bound. At most 2^30 - 1 threads may read or wait to read at once.
template <class Atomics>
class WriterPreferringLock {
 public:
  static constexpr bool kShared = true;
  static constexpr std::string_view kName =
      "writer-preferring reader-writer lock";

  void lock_shared() {
    // (1) acquire: pairs with the writer's release (6), so that a reader that
    // finds no writer sees what the last one wrote.
    if (readers_.fetch_add(1, std::memory_order_acquire) + 1 < 0) {
      HeldLocks::Want(this);  // the writer waits for the readers inside, if it does not hold
      readers_may_enter_.Acquire();
    }
    HeldLocks::Add(this);
  }

  void unlock_shared() {
    HeldLocks::Remove(this);
    // (2) release: pairs with the writer's acquire (4), so that what this
    // reader read happens before what the writer writes.
    if (readers_.fetch_sub(1, std::memory_order_release) - 1 < 0) {
      // (3) acq_rel: the release half hands this reader's section on to the
      // last leaving reader or to (5), the acquire half collects the others'
      // for the token.
      if (leaving_.fetch_sub(1, std::memory_order_acq_rel) - 1 == 0) {
        writer_may_enter_.Release(1);
      }
    }
  }

  void lock() {
    writers_.lock();  // orders the writers among themselves
    // (4) acquire: pairs with (2) of every reader that left before: they are in
    // the release sequence this operation reads from.
    const std::int32_t inside =
        readers_.fetch_sub(kMaxReaders, std::memory_order_acquire);
    // (5) acquire: pairs with (3). When all that were inside have left already
    // the sum is 0 and nobody hands out a token.
    if (inside != 0 &&
        leaving_.fetch_add(inside, std::memory_order_acquire) + inside != 0) {
      HeldLocks::Want(this);
      writer_may_enter_.Acquire();
    }
    HeldLocks::Add(this);
  }

  void unlock() {
    HeldLocks::Remove(this);
    // (6) release: pairs with (1). Readers that wait get the same through their
    // tokens (7).
    const std::int32_t waiting =
        readers_.fetch_add(kMaxReaders, std::memory_order_release) +
        kMaxReaders;
    if (waiting > 0) {
      readers_may_enter_.Release(static_cast<std::uint32_t>(waiting));
    }
    writers_.unlock();
  }

 private:
  static constexpr std::int32_t kMaxReaders = 1 << 30;

  // A counting semaphore.
  class Semaphore {
   public:
    void Acquire() {
      std::uint32_t tokens = tokens_.load(std::memory_order_relaxed);
      for (;;) {
        if (tokens == 0) {
          tokens_.wait(0, std::memory_order_relaxed);
          tokens = tokens_.load(std::memory_order_relaxed);
          // (8) acquire: pairs with (7).
        } else if (tokens_.compare_exchange_weak(tokens, tokens - 1,
                                                 std::memory_order_acquire,
                                                 std::memory_order_relaxed)) {
          return;
        }
      }
    }

    void Release(std::uint32_t tokens) {
      // (7) release: pairs with (8), also through the exchanges of other
      // acquirers, which continue its release sequence.
      tokens_.fetch_add(tokens, std::memory_order_release);
      if (tokens == 1) {
        tokens_.notify_one();
      } else {
        tokens_.notify_all();
      }
    }

   private:
    typename Atomics::template Atomic<std::uint32_t> tokens_{0};
  };

  typename Atomics::template Atomic<std::int32_t> readers_{0};
  typename Atomics::template Atomic<std::int32_t> leaving_{0};
  Semaphore readers_may_enter_;
  Semaphore writer_may_enter_;
  typename Atomics::Mutex writers_;
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_INTERNAL_LOCKS_RW_LOCK_H_
