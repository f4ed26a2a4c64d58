// SPDX-License-Identifier: Apache-2.0
//
// The memory order of every access as a policy: an Atomics policy that strengthens
// what a map asks for. What does the care for orderings in the strategies buy?
//
//                          asked for:  relaxed    acquire    release    acq_rel
//   (as it is)                         relaxed    acquire    release    acq_rel
//   AcquireRelease    load             acquire    acquire
//                     store            release               release
//                     read-mod.-write  acq_rel    acq_rel    acq_rel    acq_rel
//   SeqCst            all              seq_cst    seq_cst    seq_cst    seq_cst
//
// Since a map reaches shared memory through its policy alone, this changes all of its
// accesses, and those of its locks and its reclamation. (Not the standard mutexes.)
// For the two strategies of which there are variants, in an operation:
//
//   snapshot_map   Load: the epoch (acquire), its announcement (acq_rel exchange,
//                  release store), the table (acquire). Writers besides: the table
//                  (relaxed, release), the tag of what is retired (relaxed).
//   sync_map       the same for read in place of the table, and the entry (acquire).
//                  Store: an exchange on the entry (acq_rel).
//
// What the machine makes of it: on x86-64 loads cost the same in all orders, and a
// seq_cst store is an exchange, about 20 cycles, where a release store is a plain one:
// the end of every guard. AcquireRelease changes nothing there but what the compiler
// may reorder. On AArch64 a release store and a seq_cst store are the same instruction
// (stlr), as are an acquire and a seq_cst load (ldar, unless the compiler knows ldapr);
// relaxed accesses become ldar and stlr.
#ifndef CMAP_MAPS_INTERNAL_ORDERS_H_
#define CMAP_MAPS_INTERNAL_ORDERS_H_

#include <atomic>
#include <string_view>

namespace cmap::internal {

struct AcquireReleaseOrders {
  static constexpr std::string_view kNote = "; no access relaxed";

  static constexpr std::memory_order Load(std::memory_order asked) {
    return asked == std::memory_order_relaxed ? std::memory_order_acquire : asked;
  }
  static constexpr std::memory_order Store(std::memory_order asked) {
    return asked == std::memory_order_relaxed ? std::memory_order_release : asked;
  }
  static constexpr std::memory_order Modify(std::memory_order asked) {
    return asked == std::memory_order_seq_cst ? asked : std::memory_order_acq_rel;
  }
};

struct SeqCstOrders {
  static constexpr std::string_view kNote = "; every access seq_cst";

  static constexpr std::memory_order Load(std::memory_order) {
    return std::memory_order_seq_cst;
  }
  static constexpr std::memory_order Store(std::memory_order) {
    return std::memory_order_seq_cst;
  }
  static constexpr std::memory_order Modify(std::memory_order) {
    return std::memory_order_seq_cst;
  }
};

template <class Atomics, class Orders>
struct OrderedAtomics {
  using Mutex = typename Atomics::Mutex;
  using SharedMutex = typename Atomics::SharedMutex;
  static void Pause() noexcept { Atomics::Pause(); }
  static void Yield() noexcept { Atomics::Yield(); }

  template <class T>
  class Atomic {
    using Order = std::memory_order;

   public:
    constexpr Atomic() noexcept = default;
    constexpr Atomic(T value) noexcept : value_(value) {}  // as std::atomic
    Atomic(const Atomic&) = delete;
    Atomic& operator=(const Atomic&) = delete;

    T load(Order order) const noexcept { return value_.load(Orders::Load(order)); }
    void store(T value, Order order) noexcept {
      value_.store(value, Orders::Store(order));
    }
    T exchange(T value, Order order) noexcept {
      return value_.exchange(value, Orders::Modify(order));
    }
    bool compare_exchange_strong(T& expected, T desired, Order success,
                                 Order failure) noexcept {
      return value_.compare_exchange_strong(
          expected, desired, Orders::Modify(success), Orders::Load(failure));
    }
    bool compare_exchange_weak(T& expected, T desired, Order success,
                               Order failure) noexcept {
      return value_.compare_exchange_weak(
          expected, desired, Orders::Modify(success), Orders::Load(failure));
    }
    template <class D>
    T fetch_add(D by, Order order) noexcept {
      return value_.fetch_add(by, Orders::Modify(order));
    }
    template <class D>
    T fetch_sub(D by, Order order) noexcept {
      return value_.fetch_sub(by, Orders::Modify(order));
    }
    void wait(T old, Order order) const noexcept {
      value_.wait(old, Orders::Load(order));
    }
    void notify_one() noexcept { value_.notify_one(); }
    void notify_all() noexcept { value_.notify_all(); }

   private:
    typename Atomics::template Atomic<T> value_{};
  };
};

template <class Atomics>
using AcquireRelease = OrderedAtomics<Atomics, AcquireReleaseOrders>;
template <class Atomics>
using SeqCst = OrderedAtomics<Atomics, SeqCstOrders>;

// For the summary of a map: what its Atomics policy makes of its orders.
template <class Atomics>
inline constexpr std::string_view kOrdersNote = "";
template <class Atomics, class Orders>
inline constexpr std::string_view kOrdersNote<OrderedAtomics<Atomics, Orders>> =
    Orders::kNote;

}  // namespace cmap::internal

#endif  // CMAP_MAPS_INTERNAL_ORDERS_H_
