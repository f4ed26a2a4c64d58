// SPDX-License-Identifier: Apache-2.0
//
// bucket_map: the table of Go's built-in map (until Go 1.23) without a lock, and
// behind the locks of the other lock-based maps:
//
//   bucket_map                no lock; one thread only     unsynchronised_map
//   mutex_bucket_map          one mutex                    mutex_map
//   mutex_bucket_map_generic  the same, without the faster way for 8-byte keys
//   rw_bucket_map             one writer-preferring lock   rw_mutex_map
//   sharded_bucket_map        32 shards, a mutex each      sharded_map
//
// The maps on the right have the same lock around std::unordered_map. Each pair
// differs in the table only: eight entries a bucket, found by a byte of the hash
// each, against a list of nodes; growth by a bucket or two with each write
// against all at once; hashes computed again for growth against stored ones.
// internal/tables/bucket_table.h has the table.
//
// This is the map inside Go's sync.Map of those years, and behind the mutex of
// every program that does without it.
//
// Guarantees: as of the map on the right. bucket_map: none under concurrent use.
// Others: every operation is linearizable and blocking. Range visits a snapshot
// (of each shard). A reader never moves entries: only writes do growth work.
//
// Source: Go 1.23, src/runtime/map.go and map_fast64.go.
#ifndef CMAP_MAPS_BUCKET_MAP_H_
#define CMAP_MAPS_BUCKET_MAP_H_

#include <string_view>
#include <type_traits>

#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"
#include "maps/internal/locks/rw_lock.h"
#include "maps/internal/tables/bucket_table.h"
#include "maps/internal/tables/locked_map.h"
#include "maps/internal/text.h"
#include "maps/sharded_map.h"

namespace cmap {

template <class K, class V, class Hash = DefaultHash<K>,
          class Atomics = NativeAtomics, class Lock = internal::NoLock,
          internal::BucketKeys kKeys = internal::BucketKeys::kByType>
class BucketMap final
    : public internal::LockedMap<K, V, Hash, Lock,
                                 internal::BucketTable<K, V, Hash, kKeys>> {
  using Table = internal::BucketTable<K, V, Hash, kKeys>;
  using Base = internal::LockedMap<K, V, Hash, Lock, Table>;
  static constexpr bool kAlone = std::is_same_v<Lock, internal::NoLock>;

  static constexpr std::string_view kOne = "one ";
  static constexpr std::string_view kBehind = " behind a ";
  static constexpr std::string_view kDirect =
      kKeys == internal::BucketKeys::kByType
          ? ", 8-byte keys compared directly"
          : ", all keys found by a byte of their hash";

 public:
  static constexpr Traits kTraits = {
      .family = kAlone ? "reference" : "lock",
      .summary = kAlone ? internal::kJoined<kOne, Table::kName, kDirect>
                        : internal::kJoined<kOne, Table::kName, kBehind,
                                            Lock::kName, kDirect>,
      .source = "Go 1.23, src/runtime/map.go",
      .read_progress = kAlone ? Progress::kUnsynchronised : Progress::kBlocking,
      .write_progress = kAlone ? Progress::kUnsynchronised : Progress::kBlocking,
      .reclamation = "none needed",
      .growth = Table::kGrowth,
      .range = RangeConsistency::kSnapshot,
      .batch_is_atomic = true,
      .clear_is_atomic = true,
      .after_deletion = AfterDeletion::kAll,
      .max_threads = kAlone ? 1 : 0,
      .caveat = kAlone ? "one thread only; concurrent use is a data race"
                : Lock::kShared
                    ? "a waiting writer stops all new readers"
                    : "",
  };

  BucketMap() = default;
  explicit BucketMap(const typename Base::Options& options)
      : Base("bucket_map", options) {}
};

template <class K, class V, class Hash = DefaultHash<K>,
          class Atomics = NativeAtomics>
using ShardedBucketMap =
    ShardedMap<K, V, Hash, Atomics, ShardLayout::kPadded,
               internal::MutexLock<Atomics>, internal::BucketTable<K, V, Hash>>;

}  // namespace cmap

#endif  // CMAP_MAPS_BUCKET_MAP_H_
