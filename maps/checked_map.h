// SPDX-License-Identifier: Apache-2.0
//
// checked_map: bucket_map with the fail-fast check of Go's built-in map. For one
// thread only, like bucket_map; but a program that uses it from two may be told so
// before it corrupts its memory.
//
//      Load, Size, Range --> [ no write in progress? ]      --> table
//      everything else   --> [ no write in progress? mark ] --> table --> [ unmark ]
//
// It shows what the check costs (against bucket_map), and the check's limit: it is
// not a lock, misses what happens between its load and its store, and finds
// nothing that threads do one after the other without synchronisation.
// internal/locks/fail_fast_lock.h says what is found and what follows (by default a
// line on stderr and the end of the program; SetMisuseHook replaces that).
//
// How much it finds depends on the machine, hence is measured where it matters:
//
//     bazel run //maps:checked_map_rate
//
// lets threads write until two writes overlap, again and again, and prints in how
// many cases the check had reported it by the time these two were done. The
// measured map has a mutex behind the check, so that it stays whole (which makes
// writes that meet last longer than they would).
//
// Guarantees: none under concurrent use. Range visits a copy.
//
// Source: Go 1.23, src/runtime/map.go (hashWriting).
#ifndef CMAP_MAPS_CHECKED_MAP_H_
#define CMAP_MAPS_CHECKED_MAP_H_

#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"
#include "maps/internal/locks/fail_fast_lock.h"
#include "maps/internal/locks/rw_lock.h"
#include "maps/internal/tables/bucket_table.h"
#include "maps/internal/tables/locked_map.h"

namespace cmap {

template <class K, class V, class Hash = DefaultHash<K>,
          class Atomics = NativeAtomics, class Inner = internal::NoLock>
class CheckedMap final
    : public internal::LockedMap<K, V, Hash,
                                 internal::FailFastLock<Atomics, Inner>,
                                 internal::BucketTable<K, V, Hash>> {
  using Table = internal::BucketTable<K, V, Hash>;
  using Base = internal::LockedMap<
      K, V, Hash, internal::FailFastLock<Atomics, Inner>, Table>;

 public:
  static constexpr Traits kTraits = {
      .family = "reference",
      .summary = "one table of 8-entry buckets that ends the program when it "
                 "notices concurrent writes",
      .source = "Go 1.23, src/runtime/map.go (hashWriting)",
      .read_progress = Progress::kUnsynchronised,
      .write_progress = Progress::kUnsynchronised,
      .reclamation = "none needed",
      .growth = Table::kGrowth,
      .range = RangeConsistency::kSnapshot,
      .batch_is_atomic = true,
      .clear_is_atomic = true,
      .after_deletion = AfterDeletion::kAll,
      .max_threads = 1,
      .caveat = "one thread only; concurrent use is a data race, which it does "
                "not always notice",
  };

  CheckedMap() = default;
  explicit CheckedMap(const typename Base::Options& options)
      : Base("checked_map", options) {}
};

}  // namespace cmap

#endif  // CMAP_MAPS_CHECKED_MAP_H_
