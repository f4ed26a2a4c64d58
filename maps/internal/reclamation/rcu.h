// SPDX-License-Identifier: Apache-2.0
//
// Reclamation by liburcu, in two flavours (rcu_qsbr.h, rcu_memb.h). Both free in
// batches, on a thread of liburcu's that starts with the first:
//
//   writer:  unlink --> batch --full--> call_rcu --(grace period)--> freed
//
// A grace period has passed when every thread that was in a guard, or that might
// have been, has said that it is out.
//
//   QSBR   A thread says when it certainly uses nothing, not when it does:
//
//              guard ... guard ... guard ... guard       Idle, thread ends
//   offline -> online -> online -> online -> online ... -> offline
//                   q         q         q                       q: quiescent state
//
//          A guard costs two thread-local counts, and at the end of the outermost
//          one a call that loads two words, compares, and writes only if a grace
//          period is waiting. Nothing is cheaper for code that does not know when
//          it will run next. But a thread that is online and stays away from maps,
//          asleep for instance, holds up all reclamation, inside a guard or not: a
//          program has to say so before (Idle).
//
//   memb   A guard costs two calls and two plain stores. The barrier that a reader
//          would need between its announcement and what it reads is forced on it by
//          the grace period, with membarrier(2); where the kernel has none, each
//          guard has two full barriers. A thread outside of guards holds up nothing.
//
// Retire: an append; once per kBatch units a hand-over to liburcu's thread, which
// wakes up, waits and frees, on whatever CPU it gets.
//
// Bound: none by liburcu. A writer that finds kMostBytes waiting waits until half of
// them are freed, offline, but not longer than kPatience without progress, and then not
// again before something is freed. A reader that stops inside a guard stops all reclamation.
//
// Progress. Guards are wait-free but for the first of a thread (registration takes a
// lock) and the end of one that wakes a waiting grace period.
//
// Its correctness is liburcu's. It uses machine instructions for its barriers, so
// neither ThreadSanitizer nor the Atomics policy can follow it.
//
// Source: M. Desnoyers, P. E. McKenney, A. S. Stern, M. R. Dagenais, J. Walpole,
// "User-level implementations of read-copy update", IEEE Trans. Parallel Distrib.
// Syst. 23 (2012); liburcu 0.13.
#ifndef CMAP_MAPS_INTERNAL_RECLAMATION_RCU_H_
#define CMAP_MAPS_INTERNAL_RECLAMATION_RCU_H_

#include <atomic>
#include <cassert>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <urcu/call-rcu.h>

#include "maps/concurrent_map.h"
#include "maps/internal/reclamation/records.h"

namespace cmap::internal {

// What one thread has put aside since its last hand-over.
struct RcuBatch {
  rcu_head head;  // first: liburcu hands it back
  std::uint64_t bytes = 0;
  std::vector<Retired> retired{};
};

// The domain of all maps in the process: a reclamation policy of maps
// (reclamation.h). `Flavour` names liburcu's functions.
template <class Flavour>
class RcuDomain {
 public:
  static constexpr Progress kReadProgress = Progress::kWaitFree;
  static constexpr bool kPerObject = false;

  // Units of garbage (see records.h) that are handed over together.
  static constexpr std::uint64_t kBatch = 64;
  // What may wait, in bytes, an object counted as kObjectBytes and what it owns.
  // liburcu's thread rests 10 ms between its rounds: with a bound of 1024 objects,
  // which the other reclaimers keep to easily, two writers waited for it nearly all
  // the time. From 4 MiB on nothing changes.
  static constexpr std::uint64_t kMostBytes = 16 << 20;
  static constexpr std::uint64_t kObjectBytes = 64;
  static constexpr std::chrono::milliseconds kPatience{500};

  // Protects what is reached inside its scope. May be nested.
  class Guard {
   public:
    Guard() noexcept {
      if (mine_.nesting++ != 0) return;
      if (!mine_.online) [[unlikely]] Arrive();
      Flavour::ReadLock();
    }
    ~Guard() {
      if (--mine_.nesting != 0) return;
      Flavour::ReadUnlock();
      Leave();
    }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

    template <unsigned kSlot, class Link>
    auto Protect(const Link& link) noexcept {
      return link.load(std::memory_order_acquire);
    }
    template <unsigned kSlot>
    void Hold(const void*) noexcept {}

    // Throws std::bad_alloc.
    void Prepare(std::size_t objects) {
      if (mine_.batch == nullptr) {
        auto fresh = std::make_unique<RcuBatch>();
        fresh->retired.reserve(objects + 2 * kBatch);
        mine_.batch = fresh.release();
      }
      auto& retired = mine_.batch->retired;
      if (retired.capacity() - retired.size() >= objects) [[likely]] return;
      retired.reserve(retired.size() + retired.size() / 2 + objects);
    }
    template <class T>
    void Retire(T* object, std::size_t bytes = 0) noexcept {
      Retire(const_cast<std::remove_const_t<T>*>(object), &DeleteAs<T>, bytes);
    }
    void Retire(void* object, Deleter deleter, std::size_t bytes = 0) noexcept {
      mine_.batch->retired.push_back({object, deleter, 0});
      mine_.batch->bytes += kObjectBytes + bytes;
      mine_.units += 1 + bytes / kUnitBytes;
    }
  };

  // Says that this thread will not use a map for a while: nobody waits for it. For
  // threads outside of any guard; the next guard ends it.
  static void Idle() noexcept {
    if (mine_.nesting != 0 || !mine_.online) return;
    HandOver();
    Flavour::Offline();
    mine_.online = false;
  }

  // Waits until all that was handed over, by any thread, is freed; false if that
  // takes longer than kPatience since the last batch, and inside a guard. Leaves the
  // thread idle.
  static bool Drain() noexcept {
    if (mine_.nesting != 0) return false;
    Idle();
    return Await(0);
  }

  // What was handed over and is not freed yet, bytes.
  static std::uint64_t Waiting() noexcept {
    return handed_over_.load(std::memory_order_relaxed) -
           freed_.load(std::memory_order_acquire);
  }

 private:
  struct PerThread {
    std::uint32_t nesting = 0;
    bool registered = false;
    bool online = false;
    bool ended = false;  // its thread-locals are being destroyed
    std::uint64_t units = 0;
    std::uint64_t gave_up_at = ~std::uint64_t{0};  // freed_ when Await failed
    RcuBatch* batch = nullptr;
  };

  struct ThreadEnd {
    ~ThreadEnd() { Depart(); }
  };

  [[gnu::noinline]] static void Arrive() noexcept {
    if (!mine_.registered) {
      if (!on_liburcu_thread_) Flavour::Register();  // online from here
      mine_.registered = true;
      if (!mine_.ended) static thread_local ThreadEnd at_end;
    } else {
      Flavour::Online();
    }
    mine_.online = true;
  }

  static void Leave() noexcept {
    if (mine_.ended) [[unlikely]] return Depart();
    if (mine_.units >= kBatch) [[unlikely]] {
      HandOver();
      if (!on_liburcu_thread_ && Waiting() > kMostBytes &&
          freed_.load(std::memory_order_relaxed) != mine_.gave_up_at) {
        Idle();
        Await(kMostBytes / 2);
        return;
      }
    }
    // liburcu's thread says it between its batches.
    if (!on_liburcu_thread_) Flavour::Quiescent();
  }

  // A thread that uses maps in the destructors of older thread-locals comes here
  // after each of its guards.
  static void Depart() noexcept {
    mine_.ended = true;
    if (!mine_.registered) return;
    if (!mine_.online) {
      Flavour::Online();
      mine_.online = true;
    }
    HandOver();
    if (mine_.batch != nullptr && mine_.batch->retired.empty()) {
      delete std::exchange(mine_.batch, nullptr);
    }
    mine_.registered = mine_.online = false;
    if (!on_liburcu_thread_) Flavour::Unregister();
  }

  // To liburcu's thread; the caller is online.
  static void HandOver() noexcept {
    mine_.units = 0;
    if (mine_.batch == nullptr || mine_.batch->retired.empty()) return;
    RcuBatch* batch = std::exchange(mine_.batch, nullptr);
    handed_over_.fetch_add(batch->bytes, std::memory_order_relaxed);
    Flavour::Call(&batch->head, &Free);
  }

  // On liburcu's thread, after a grace period. Deleters may use maps and retire.
  static void Free(rcu_head* head) noexcept {
    on_liburcu_thread_ = true;
    freeing_.store(true, std::memory_order_relaxed);
    auto* batch = reinterpret_cast<RcuBatch*>(head);
    const std::uint64_t bytes = batch->bytes;
    for (const Retired& r : batch->retired) r.deleter(r.object);
    delete batch;
    HandOver();
    freeing_.store(false, std::memory_order_relaxed);
    // (1) release, pairs with the acquire in Waiting: who sees the count sees what
    // the deleters did.
    freed_.fetch_add(bytes, std::memory_order_release);
  }

  // Offline. Until at most `most` bytes wait, or nothing happens any more.
  static bool Await(std::uint64_t most) noexcept {
    using Clock = std::chrono::steady_clock;
    std::uint64_t freed = freed_.load(std::memory_order_relaxed);
    Clock::time_point give_up = Clock::now() + kPatience;
    while (Waiting() > most) {
      std::this_thread::sleep_for(std::chrono::microseconds(50));
      const std::uint64_t now = freed_.load(std::memory_order_relaxed);
      // A large table alone may take longer than kPatience to destroy.
      if (now != freed || freeing_.load(std::memory_order_relaxed)) {
        freed = now;
        give_up = Clock::now() + kPatience;
      } else if (Clock::now() > give_up) {
        mine_.gave_up_at = freed;
        return false;
      }
    }
    mine_.gave_up_at = ~std::uint64_t{0};
    return true;
  }

  inline static constinit thread_local PerThread mine_{};
  inline static constinit thread_local bool on_liburcu_thread_ = false;
  // Whether a batch is being freed now.
  inline static std::atomic<bool> freeing_{false};
  // In bytes.
  inline static std::atomic<std::uint64_t> handed_over_{0};
  inline static std::atomic<std::uint64_t> freed_{0};
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_INTERNAL_RECLAMATION_RCU_H_
