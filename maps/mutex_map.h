// SPDX-License-Identifier: Apache-2.0
//
// mutex_map: one std::mutex around one std::unordered_map. What everybody
// writes first, and the baseline of the study.
//
//      any operation --> [ mutex ] --> table
//
// Guarantees: every operation, whole-map operations included, is linearizable;
// all are blocking. Range visits a snapshot (see internal/tables/locked_map.h). The
// table and its costs are described in internal/tables/table.h.
//
// The table is a parameter: mutex_map_boxed has each value in a heap block of its own,
// mutex_map_pooled takes its nodes from a pool (internal/tables/table.h).
//
// Source: common practice; the reference map of Go's sync/map_reference_test.go
// with a plain mutex.
#ifndef CMAP_MAPS_MUTEX_MAP_H_
#define CMAP_MAPS_MUTEX_MAP_H_

#include <string_view>

#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"
#include "maps/internal/locks/rw_lock.h"
#include "maps/internal/tables/locked_map.h"
#include "maps/internal/tables/table.h"
#include "maps/internal/text.h"

namespace cmap {

template <class K, class V, class Hash = DefaultHash<K>,
          class Atomics = NativeAtomics, class Inner = internal::Table<K, V>>
class MutexMap final
    : public internal::LockedMap<K, V, Hash, internal::MutexLock<Atomics>, Inner> {
  using Base =
      internal::LockedMap<K, V, Hash, internal::MutexLock<Atomics>, Inner>;
  static constexpr std::string_view kHow = "one mutex around one hash table";

 public:
  static constexpr Traits kTraits = {
      .family = "lock",
      .summary = internal::kJoined<kHow, Inner::kNote>,
      .source = "common practice; std::mutex and std::unordered_map",
      .read_progress = Progress::kBlocking,
      .write_progress = Progress::kBlocking,
      .reclamation = "none needed",
      .growth = "doubles at load factor 1, all at once, under the lock",
      .range = RangeConsistency::kSnapshot,
      .batch_is_atomic = true,
      .clear_is_atomic = true,
      .after_deletion = Inner::kAfterDeletion,
  };

  MutexMap() = default;
  explicit MutexMap(const typename Base::Options& options)
      : Base("mutex_map", options) {}
};

}  // namespace cmap

#endif  // CMAP_MAPS_MUTEX_MAP_H_
