// SPDX-License-Identifier: Apache-2.0
//
// unsynchronised_map: the hash table of the lock-based maps without a lock. For
// one thread only. What the others cost over this, at one thread, is the price
// of being callable from several.
//
// Guarantees: none under concurrent use. Range visits a copy, as in the locked
// maps, so that the visitor may call anything.
//
// Source: std::unordered_map, as internal/tables/table.h uses it.
#ifndef CMAP_MAPS_UNSYNCHRONISED_MAP_H_
#define CMAP_MAPS_UNSYNCHRONISED_MAP_H_

#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"
#include "maps/internal/locks/rw_lock.h"
#include "maps/internal/tables/locked_map.h"

namespace cmap {

template <class K, class V, class Hash = DefaultHash<K>,
          class Atomics = NativeAtomics>
class UnsynchronisedMap final
    : public internal::LockedMap<K, V, Hash, internal::NoLock> {
  using Base = internal::LockedMap<K, V, Hash, internal::NoLock>;

 public:
  static constexpr Traits kTraits = {
      .family = "reference",
      .summary = "one hash table without any synchronisation",
      .source = "std::unordered_map",
      .read_progress = Progress::kUnsynchronised,
      .write_progress = Progress::kUnsynchronised,
      .reclamation = "none needed",
      .growth = "doubles at load factor 1, all at once",
      .range = RangeConsistency::kSnapshot,
      .batch_is_atomic = true,
      .clear_is_atomic = true,
      .max_threads = 1,
      .caveat = "one thread only; concurrent use is a data race",
  };

  UnsynchronisedMap() = default;
  explicit UnsynchronisedMap(const typename Base::Options& options)
      : Base("unsynchronised_map", options) {}
};

}  // namespace cmap

#endif  // CMAP_MAPS_UNSYNCHRONISED_MAP_H_
