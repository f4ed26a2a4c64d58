// SPDX-License-Identifier: Apache-2.0
//
// shared_mutex_map: one std::shared_mutex around one std::unordered_map.
//
//      Load, Size, Range --> [ shared_mutex, shared    ] --> table
//      everything else   --> [ shared_mutex, exclusive ] --> table
//
// On Linux std::shared_mutex is glibc's pthread_rwlock in its default mode,
// which lets readers in while a writer waits: under a steady stream of readers
// writers starve. rw_mutex_map differs from this map in that point only.
//
// A shared lock does not make reads free of contention: every reader adds to
// and subtracts from one counter, whose cache line all readers exchange. It
// pays when the section under the lock is long, not when it is one lookup.
//
// Tunable read_first: LoadOrStore under high key reuse mostly finds its key.
// With 1 it looks first under the shared lock; only when the key is absent does
// it take the exclusive lock and look again (the value that won meanwhile is
// returned: the check under the shared lock is never trusted for absence).
//
// Guarantees: every operation is linearizable and blocking. Range visits a
// snapshot.
//
// Source: common practice; C++17 std::shared_mutex, glibc pthread_rwlock.
#ifndef CMAP_MAPS_SHARED_MUTEX_MAP_H_
#define CMAP_MAPS_SHARED_MUTEX_MAP_H_

#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"
#include "maps/internal/locks/rw_lock.h"
#include "maps/internal/tables/locked_map.h"

namespace cmap {

template <class K, class V, class Hash = DefaultHash<K>,
          class Atomics = NativeAtomics>
class SharedMutexMap final
    : public internal::LockedMap<K, V, Hash, internal::SharedLock<Atomics>> {
  using Base = internal::LockedMap<K, V, Hash, internal::SharedLock<Atomics>>;

 public:
  static constexpr Traits kTraits = {
      .family = "lock",
      .summary = "one reader-preferring shared mutex around one hash table",
      .source = "common practice; std::shared_mutex (glibc pthread_rwlock)",
      .read_progress = Progress::kBlocking,
      .write_progress = Progress::kBlocking,
      .reclamation = "none needed",
      .growth = "doubles at load factor 1, all at once, under the lock",
      .range = RangeConsistency::kSnapshot,
      .batch_is_atomic = true,
      .clear_is_atomic = true,
      .caveat = "a steady stream of readers starves writers",
  };

  SharedMutexMap() = default;
  explicit SharedMutexMap(const typename Base::Options& options)
      : Base("shared_mutex_map", options) {}
};

}  // namespace cmap

#endif  // CMAP_MAPS_SHARED_MUTEX_MAP_H_
