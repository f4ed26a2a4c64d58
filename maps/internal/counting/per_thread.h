// SPDX-License-Identifier: Apache-2.0
//
// One T for each thread that uses an object, owned by the object: per-thread
// caches, counters and buffers of a map.
//
//   map:     PerThread  id 7   --> [ T of thread a ][ T of thread b ] ...
//   thread:  places[7 % 16] = { id 7, pointer to this thread's T }
//
// The T live and die with the object, never with the thread, so that what a map
// holds is destroyed with the map and no thread end has to know which maps still
// exist. When a thread ends, its T are free to be taken over, as they are, by a
// thread that uses the object for the first time. So an object has never more T
// than threads that used it existed at one time, however many came and went.
//
// Mine() costs a load of a thread-local and a comparison. A thread that uses more
// than 16 objects in turn, or two whose ids are equal modulo 16, looks its T up
// under the object's mutex each time another object has taken the place. Ids are
// never used again, so a place that speaks of a destroyed object matches none.
//
// A thread that uses the object from the destructor of a thread-local older than
// its first use takes another T, which stays its own until the object ends.
#ifndef CMAP_MAPS_INTERNAL_COUNTING_PER_THREAD_H_
#define CMAP_MAPS_INTERNAL_COUNTING_PER_THREAD_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "maps/internal/atomics.h"

namespace cmap::internal {

template <class T, class Atomics>
class PerThread {
  template <class U>
  using Atomic = typename Atomics::template Atomic<U>;

 public:
  PerThread() : id_(next_id_.fetch_add(1, std::memory_order_relaxed)) {}
  PerThread(const PerThread&) = delete;
  PerThread& operator=(const PerThread&) = delete;

  // The calling thread's T; `make` returns a std::unique_ptr<T> to a new one when
  // there is none to take over. Throws what `make` throws, and std::bad_alloc.
  template <class Make>
  T& Mine(const Make& make) {
    Place& place = places_[id_ % places_.size()];
    if (place.id != id_) [[unlikely]] Find(place, make);
    return *place.object;
  }

  // All T, those of ended threads too. Excludes the coming of new ones; what the
  // owners do to theirs meanwhile it does not exclude.
  template <class F>
  void ForEach(F&& visit) const {
    const std::lock_guard lock(mutex_);
    for (const Owned& owned : all_) visit(static_cast<const T&>(*owned.object));
  }

  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return all_.size();
  }

 private:
  using Alive = std::shared_ptr<Atomic<bool>>;  // whether a thread still runs

  struct Owned {
    Alive owner;
    std::unique_ptr<T> object;
  };
  struct Place {
    std::uint64_t id;
    T* object;
  };
  struct ThreadEnd {
    ~ThreadEnd() {
      ended_ = true;
      places_ = {};
      // (1) release, pairs with (2): what this thread did to its T, it has done.
      alive->store(false, std::memory_order_release);
    }
    Alive alive = std::make_shared<Atomic<bool>>(true);
  };

  static Alive ThisThread() {
    if (ended_) return std::make_shared<Atomic<bool>>(true);  // nobody's, for ever
    static thread_local ThreadEnd end;
    return end.alive;
  }

  template <class Make>
  [[gnu::noinline]] void Find(Place& place, const Make& make) {
    Alive me = ThisThread();
    const std::lock_guard lock(mutex_);
    Owned* found = nullptr;
    for (Owned& owned : all_) {
      if (owned.owner == me) {
        found = &owned;
        break;
      }
      // (2) acquire, pairs with (1).
      if (found == nullptr && !owned.owner->load(std::memory_order_acquire)) found = &owned;
    }
    if (found == nullptr) found = &all_.emplace_back(Owned{me, make()});
    found->owner = std::move(me);
    place = {id_, found->object.get()};
  }

  inline static Atomic<std::uint64_t> next_id_{1};
  // constinit and trivially destructible, so that access needs no guard.
  inline static constinit thread_local std::array<Place, 16> places_ = {};
  inline static constinit thread_local bool ended_ = false;

  const std::uint64_t id_;
  mutable typename Atomics::Mutex mutex_;
  std::vector<Owned> all_;
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_INTERNAL_COUNTING_PER_THREAD_H_
