// SPDX-License-Identifier: Apache-2.0
//
// rw_mutex_map: one writer-preferring reader-writer lock, the algorithm of Go's
// sync.RWMutex, around one std::unordered_map. The counterpart of the
// RWMutexMap that Go's own tests and most comparisons with sync.Map use.
//
//      Load, Size, Range --> [ RW lock, shared    ] --> table
//      everything else   --> [ RW lock, exclusive ] --> table
//
// A waiting writer stops new readers (internal/locks/rw_lock.h has the algorithm), so
// one slow write delays every read behind it, where shared_mutex_map lets the
// reads pass and the write starve. Readers still share one counter: two atomic
// read-modify-writes on the same cache line for each Load.
//
// Tunable read_first: see shared_mutex_map.h.
//
// Guarantees: every operation is linearizable and blocking. Range visits a
// snapshot.
//
// Source: Go src/sync/rwmutex.go and src/sync/map_reference_test.go (RWMutexMap).
#ifndef CMAP_MAPS_RW_MUTEX_MAP_H_
#define CMAP_MAPS_RW_MUTEX_MAP_H_

#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"
#include "maps/internal/locks/rw_lock.h"
#include "maps/internal/tables/locked_map.h"

namespace cmap {

template <class K, class V, class Hash = DefaultHash<K>,
          class Atomics = NativeAtomics>
class RwMutexMap final
    : public internal::LockedMap<K, V, Hash,
                                 internal::WriterPreferringLock<Atomics>> {
  using Base =
      internal::LockedMap<K, V, Hash, internal::WriterPreferringLock<Atomics>>;

 public:
  static constexpr Traits kTraits = {
      .family = "lock",
      .summary = "one writer-preferring reader-writer lock around one hash table",
      .source = "Go sync.RWMutex and the RWMutexMap of Go's sync tests",
      .read_progress = Progress::kBlocking,
      .write_progress = Progress::kBlocking,
      .reclamation = "none needed",
      .growth = "doubles at load factor 1, all at once, under the lock",
      .range = RangeConsistency::kSnapshot,
      .batch_is_atomic = true,
      .clear_is_atomic = true,
      .caveat = "a waiting writer stops all new readers",
  };

  RwMutexMap() = default;
  explicit RwMutexMap(const typename Base::Options& options)
      : Base("rw_mutex_map", options) {}
};

}  // namespace cmap

#endif  // CMAP_MAPS_RW_MUTEX_MAP_H_
