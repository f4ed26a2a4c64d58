// SPDX-License-Identifier: Apache-2.0
//
// An Atomics policy (maps/internal/atomics.h) that disturbs the schedule: before
// every access to shared memory and around every lock a thread may give the
// processor away or dawdle, with a probability of 1/4 by default. A window of
// two instructions, which two threads meet once in a million runs, becomes one
// that they meet every few histories.
//
// Weak compare-exchanges also fail now and then for no reason, as they may.
//
// Threads are disturbed only after Perturber::Start, from a generator of their
// own that starts from a given seed; all others pay a load and a branch.
#ifndef CMAP_MAPS_VERIFICATION_PERTURBATION_H_
#define CMAP_MAPS_VERIFICATION_PERTURBATION_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <shared_mutex>
#include <thread>

#include "maps/internal/atomics.h"

namespace cmap::verification {

// What disturbs the calling thread.
class Perturber {
 public:
  // From now on, with `probability` at every point.
  static void Start(std::uint64_t seed, double probability) noexcept {
    mine_.state_ = seed * 0x9e3779b97f4a7c15 + 1;
    mine_.threshold_ = static_cast<std::uint32_t>(probability * 4294967295.0);
    mine_.active_ = true;
  }
  static void Stop() noexcept { mine_.active_ = false; }

  // A point of possible disturbance, in a map of this policy.
  static void Point() noexcept {
    if (!mine_.active_) [[likely]]
      return;
    ++mine_.accesses_;
    mine_.MaybeDisturb();
  }
  // The same outside it: around calls, in the hash function.
  static void OutsidePoint() noexcept {
    if (mine_.active_) mine_.MaybeDisturb();
  }
  // Whether a compare-exchange should fail for no reason.
  static bool FailsSpuriously() noexcept {
    return mine_.active_ && mine_.threshold_ != 0 && mine_.Next() < (1u << 28);
  }

  // Accesses through this policy by the calling thread while it was disturbed.
  static std::uint64_t Accesses() noexcept { return mine_.accesses_; }

 private:
  std::uint32_t Next() noexcept {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::uint32_t>(state_ >> 32);
  }
  void MaybeDisturb() noexcept {
    if (Next() < threshold_) Disturb();
  }
  // Mostly yields, which is what lets a third thread in on two cores.
  [[gnu::noinline]] void Disturb() noexcept {
    const std::uint32_t draw = Next();
    if ((draw & 3) != 0) {
      std::this_thread::yield();
      return;
    }
    for (std::uint32_t i = (draw >> 2) & 63; i != 0; --i) NativeAtomics::Pause();
  }

  bool active_ = false;
  std::uint32_t threshold_ = 0;
  std::uint64_t state_ = 0;
  std::uint64_t accesses_ = 0;

  static thread_local constinit Perturber mine_;
};

inline thread_local constinit Perturber Perturber::mine_;

struct PerturbedAtomics {
  template <class T>
  class Atomic {
   public:
    using value_type = T;
    static constexpr bool is_always_lock_free = std::atomic<T>::is_always_lock_free;

    constexpr Atomic() noexcept = default;
    constexpr Atomic(T value) noexcept : value_(value) {}  // NOLINT: as std::atomic
    Atomic(const Atomic&) = delete;
    Atomic& operator=(const Atomic&) = delete;

    bool is_lock_free() const noexcept { return value_.is_lock_free(); }

    T load(std::memory_order order = std::memory_order_seq_cst) const noexcept {
      Perturber::Point();
      return value_.load(order);
    }
    void store(T value, std::memory_order order = std::memory_order_seq_cst) noexcept {
      Perturber::Point();
      value_.store(value, order);
    }
    T exchange(T value, std::memory_order order = std::memory_order_seq_cst) noexcept {
      Perturber::Point();
      return value_.exchange(value, order);
    }
    bool compare_exchange_strong(T& expected, T desired, std::memory_order success,
                                 std::memory_order failure) noexcept {
      Perturber::Point();
      return value_.compare_exchange_strong(expected, desired, success, failure);
    }
    bool compare_exchange_strong(T& expected, T desired,
                                 std::memory_order order = std::memory_order_seq_cst) noexcept {
      Perturber::Point();
      return value_.compare_exchange_strong(expected, desired, order);
    }
    bool compare_exchange_weak(T& expected, T desired, std::memory_order success,
                               std::memory_order failure) noexcept {
      Perturber::Point();
      if (Perturber::FailsSpuriously()) {
        expected = value_.load(failure);
        return false;
      }
      return value_.compare_exchange_weak(expected, desired, success, failure);
    }
    bool compare_exchange_weak(T& expected, T desired,
                               std::memory_order order = std::memory_order_seq_cst) noexcept {
      const std::memory_order failure =
          order == std::memory_order_acq_rel   ? std::memory_order_acquire
          : order == std::memory_order_release ? std::memory_order_relaxed
                                               : order;
      return compare_exchange_weak(expected, desired, order, failure);
    }

    // Of integers and pointers.
    template <class D>
    T fetch_add(D by, std::memory_order order = std::memory_order_seq_cst) noexcept {
      Perturber::Point();
      return value_.fetch_add(by, order);
    }
    template <class D>
    T fetch_sub(D by, std::memory_order order = std::memory_order_seq_cst) noexcept {
      Perturber::Point();
      return value_.fetch_sub(by, order);
    }
    T fetch_and(T bits, std::memory_order order = std::memory_order_seq_cst) noexcept {
      Perturber::Point();
      return value_.fetch_and(bits, order);
    }
    T fetch_or(T bits, std::memory_order order = std::memory_order_seq_cst) noexcept {
      Perturber::Point();
      return value_.fetch_or(bits, order);
    }
    T fetch_xor(T bits, std::memory_order order = std::memory_order_seq_cst) noexcept {
      Perturber::Point();
      return value_.fetch_xor(bits, order);
    }

    void wait(T old, std::memory_order order = std::memory_order_seq_cst) const noexcept {
      Perturber::Point();
      value_.wait(old, order);
    }
    void notify_one() noexcept {
      Perturber::Point();
      value_.notify_one();
    }
    void notify_all() noexcept {
      Perturber::Point();
      value_.notify_all();
    }

    operator T() const noexcept { return load(); }  // NOLINT: as std::atomic
    T operator=(T value) noexcept {                 // NOLINT: as std::atomic
      store(value);
      return value;
    }

   private:
    std::atomic<T> value_{};
  };

  class Mutex {
   public:
    constexpr Mutex() noexcept = default;
    Mutex(const Mutex&) = delete;
    Mutex& operator=(const Mutex&) = delete;

    void lock() {
      Perturber::Point();
      mutex_.lock();
      Perturber::Point();
    }
    bool try_lock() {
      Perturber::Point();
      return mutex_.try_lock();
    }
    void unlock() {
      Perturber::Point();
      mutex_.unlock();
    }

   private:
    std::mutex mutex_;
  };

  class SharedMutex {
   public:
    SharedMutex() = default;
    SharedMutex(const SharedMutex&) = delete;
    SharedMutex& operator=(const SharedMutex&) = delete;

    void lock() {
      Perturber::Point();
      mutex_.lock();
      Perturber::Point();
    }
    bool try_lock() {
      Perturber::Point();
      return mutex_.try_lock();
    }
    void unlock() {
      Perturber::Point();
      mutex_.unlock();
    }
    void lock_shared() {
      Perturber::Point();
      mutex_.lock_shared();
      Perturber::Point();
    }
    bool try_lock_shared() {
      Perturber::Point();
      return mutex_.try_lock_shared();
    }
    void unlock_shared() {
      Perturber::Point();
      mutex_.unlock_shared();
    }

   private:
    std::shared_mutex mutex_;
  };

  static void Pause() noexcept {
    Perturber::Point();
    NativeAtomics::Pause();
  }
  static void Yield() noexcept { NativeAtomics::Yield(); }
};

}  // namespace cmap::verification

#endif  // CMAP_MAPS_VERIFICATION_PERTURBATION_H_
