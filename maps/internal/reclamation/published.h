// SPDX-License-Identifier: Apache-2.0
//
// One object that readers use as it is and one writer at a time replaces, under any
// reclamation policy (reclamation.h).
#ifndef CMAP_MAPS_INTERNAL_RECLAMATION_PUBLISHED_H_
#define CMAP_MAPS_INTERNAL_RECLAMATION_PUBLISHED_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>

#include "maps/concurrent_map.h"
#include "maps/internal/memory.h"

namespace cmap::internal {

// Over a domain whose links are plain pointers.
template <class T, class Reclamation, class Atomics>
class Published {
 public:
  using Guard = typename Reclamation::Guard;

  explicit Published(std::unique_ptr<T> first) : link_(first.release()) {}
  Published(const Published&) = delete;
  Published& operator=(const Published&) = delete;
  ~Published() { delete link_.load(std::memory_order_acquire); }

  // The object of this moment, until the guard ends. Never fails.
  const T& Read(Guard& guard) const noexcept {
    // The acquire load in Protect pairs with (1).
    return *guard.template Protect<0>(link_);
  }

  // Heap bytes beside the object.
  static constexpr std::size_t kExtraBytes = 0;

  // What follows is for the one writer.

  const T& Now() const noexcept {
    // Relaxed: only the writer writes it.
    return *link_.load(std::memory_order_relaxed);
  }

  // Throws std::bad_alloc, with nothing changed.
  void Replace(std::unique_ptr<T> next, Guard& guard, std::size_t bytes) {
    guard.Prepare(1);
    const T* old = &Now();
    // (1) release, pairs with Read: readers see the object as it was made.
    link_.store(next.release(), std::memory_order_release);
    guard.Retire(old, bytes);
  }

 private:
  typename Atomics::template Atomic<const T*> link_;
};

// std::atomic<std::shared_ptr>: a reader counts itself in, and who counts down to
// zero frees, readers included. No guard is needed; Read's result lives in it.
//
// libstdc++ 12 releases the lock bit inside load() with relaxed order, so that by the
// letter its plain read of the pointer races with the next writer's. x86 does not
// reorder the two; ThreadSanitizer reports it, and ARM may do it. Which is a result
// of this study too: the obvious tool is slow, and in this release not quite right.
template <class Atomics>
struct SharedPointers {
  static constexpr std::string_view kName = "atomic shared_ptr";
  static constexpr std::string_view kCaveat =
      "all readers write one reference count; libstdc++ 12 locks the pointer while "
      "it counts, with a data race in load()";
  // libstdc++ spins on a bit of the pointer.
  static constexpr Progress kReadProgress = Progress::kBlocking;

  class Guard {
   public:
    Guard() = default;
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

    void Prepare(std::size_t) noexcept {}

   private:
    template <class, class, class>
    friend class Published;

    std::shared_ptr<const void> held_;
  };

  static bool Drain() noexcept { return true; }
  static void Idle() noexcept {}
};

template <class T, class Atomics>
class Published<T, SharedPointers<Atomics>, Atomics> {
 public:
  using Guard = typename SharedPointers<Atomics>::Guard;

  explicit Published(std::unique_ptr<T> first)
      : link_(std::shared_ptr<const T>(std::move(first))) {}
  Published(const Published&) = delete;
  Published& operator=(const Published&) = delete;

  const T& Read(Guard& guard) const noexcept {
    // (1) acquire, pairs with (2).
    std::shared_ptr<const T> now = link_.load(std::memory_order_acquire);
    const T& object = *now;
    guard.held_ = std::move(now);
    return object;
  }

  // The block of counts: of libstdc++, with the pointer in it.
  static constexpr std::size_t kExtraBytes = MallocBytes(3 * sizeof(void*));

  // Alive as long as the writer does not replace it.
  const T& Now() const noexcept {
    return *link_.load(std::memory_order_relaxed);
  }

  // The guard keeps the old object, so that nothing is destroyed before the
  // guard ends: not under the writer's lock.
  void Replace(std::unique_ptr<T> next, Guard& guard, std::size_t) {
    std::shared_ptr<const T> fresh(std::move(next));  // may throw
    // (2) acq_rel, pairs with (1).
    guard.held_ = link_.exchange(std::move(fresh), std::memory_order_acq_rel);
  }

 private:
  typename Atomics::template Atomic<std::shared_ptr<const T>> link_;
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_INTERNAL_RECLAMATION_PUBLISHED_H_
