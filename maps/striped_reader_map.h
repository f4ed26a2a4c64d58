// SPDX-License-Identifier: Apache-2.0
//
// striped_reader_map: one hash table behind a big-reader lock, whose readers
// count themselves on cache lines of their own.
//
//      Load, Size, Range --> [ own stripe ]            --> table
//      everything else   --> [ mutex, all stripes == 0 ] --> table
//
// It is the honest upper bound of what one lock around one table can do for
// readers: mutex_map, shared_mutex_map and rw_mutex_map send every Load to one
// shared word, this map does not. What is left of the distance to maps that are
// read without a lock is two uncontended read-modify-writes per Load. Writers
// pay for it: each visits every stripe (internal/locks/striped_lock.h has the
// algorithm), so it is a bad map for anything but reading.
//
// Tunables: stripes, the number of reader counters; read_first, see
// shared_mutex_map.h.
//
// Guarantees: every operation is linearizable and blocking. A waiting writer
// stops readers that come later. Range visits a snapshot.
//
// Source: the brlock of Linux 2.4; see internal/locks/striped_lock.h.
#ifndef CMAP_MAPS_STRIPED_READER_MAP_H_
#define CMAP_MAPS_STRIPED_READER_MAP_H_

#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"
#include "maps/internal/locks/striped_lock.h"
#include "maps/internal/tables/locked_map.h"

namespace cmap {

template <class K, class V, class Hash = DefaultHash<K>,
          class Atomics = NativeAtomics>
class StripedReaderMap final
    : public internal::LockedMap<K, V, Hash,
                                 internal::StripedReaderLock<Atomics>> {
  using Base =
      internal::LockedMap<K, V, Hash, internal::StripedReaderLock<Atomics>>;

 public:
  static constexpr Traits kTraits = {
      .family = "lock",
      .summary = "one big-reader lock (a counter per reading thread) around one "
                 "hash table",
      .source = "the brlock of Linux 2.4",
      .read_progress = Progress::kBlocking,
      .write_progress = Progress::kBlocking,
      .reclamation = "none needed",
      .growth = "doubles at load factor 1, all at once, under the lock",
      .range = RangeConsistency::kSnapshot,
      .batch_is_atomic = true,
      .clear_is_atomic = true,
      .caveat = "a write visits the counters of all readers; a waiting writer "
                "stops all new readers",
  };

  StripedReaderMap() = default;
  explicit StripedReaderMap(const typename Base::Options& options)
      : Base("striped_reader_map", options) {}
};

}  // namespace cmap

#endif  // CMAP_MAPS_STRIPED_READER_MAP_H_
