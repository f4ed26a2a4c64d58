// SPDX-License-Identifier: Apache-2.0
//
// sharded_map: 2^k hash tables, each behind a lock of its own.
//
//   hash   63 .......... 64-k | ................................ 0
//          shard number       | (the table takes the whole hash
//                             |  modulo its prime bucket count)
//
//   shards_ -> [ lock | table ][ lock | table ] ... [ lock | table ]
//               padded: each shard starts on a cache line of its own
//               packed: shards lie side by side and may share lines
//
// The shard comes from the high bits of the hash, and the table inside never
// separates keys by those bits alone, so the two choices do not interfere. The
// hash is computed once per operation, before any lock, and handed to the table
// (internal/tables/table.h): sharding costs a shift and an address, not a second hash.
//
// Operations on keys of different shards do not disturb each other; a hot key
// still makes one hot lock. What helps is the number of shards against the
// number of threads and the skew of the keys, hence the tunable.
//
// Whole-map operations visit the shards one after the other and hold one lock
// at a time:
//   Range   each shard is visited as it was at one moment, the whole is not
//   Size    a sum of sizes taken at different moments
//   Clear   a concurrent insertion into a shard already cleared survives
//   StoreBatch  simply stores pair by pair: grouping the pairs by shard would
//           save lock acquisitions but reorder them, and needs memory
//   Reserve room for n keys spread by chance: n/shards and three standard
//           deviations more for each shard
//
// Guarantees: point operations are linearizable and blocking (only by others on
// the same shard).
//
// The lock of a shard is a parameter (internal/locks/rw_lock.h has them). With many
// shards few threads meet in one, so what counts is less who may share a lock than
// what an uncontended one costs, and its size: with a spin lock a padded shard is
// one line, with any other lock two. sharded_map_spin shows what the mutex's
// calls cost, sharded_map_shared and sharded_map_rw what counting readers costs
// where hardly anybody shares. So is the table: sharded_bucket_map has Go's
// (bucket_map.h).
//
// Source: common practice; orcaman/concurrent-map (Go, 32 shards), the segments
// of Java 7's ConcurrentHashMap, the submaps of parallel-hashmap.
#ifndef CMAP_MAPS_SHARDED_MAP_H_
#define CMAP_MAPS_SHARDED_MAP_H_

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"
#include "maps/internal/locks/rw_lock.h"
#include "maps/internal/options.h"
#include "maps/internal/tables/locked_map.h"
#include "maps/internal/text.h"

namespace cmap {

enum class ShardLayout {
  kPadded,  // a multiple of the cache line for each shard
  kPacked,  // no space between shards
};

struct ShardedMapOptions {
  std::int64_t shards = 32;
};

template <class K, class V, class Hash = DefaultHash<K>,
          class Atomics = NativeAtomics,
          ShardLayout kLayout = ShardLayout::kPadded,
          class Lock = internal::MutexLock<Atomics>,
          class Inner = internal::Table<K, V>>
class ShardedMap {
 public:
  using key_type = K;
  using mapped_type = V;
  using Options = ShardedMapOptions;

  static constexpr std::string_view kWhere =
      kLayout == ShardLayout::kPadded
          ? " on cache lines of its own, behind a "
          : " right beside the others in memory, behind a ";
  // One of them is described, as not every name of a table forms its plural by an s.
  static constexpr std::string_view kMany = "many shards, each a ";
  static constexpr std::string_view kSummary =
      internal::kJoined<kMany, Inner::kName, kWhere, Lock::kName>;
  static constexpr std::string_view kEachShard = "each shard: ";
  static constexpr Traits kTraits = {
      .family = "sharded lock",
      .summary = kSummary,
      .source = "common practice; orcaman/concurrent-map, Java 7 segments",
      .read_progress = Progress::kBlocking,
      .write_progress = Progress::kBlocking,
      .reclamation = "none needed",
      .growth = internal::kJoined<kEachShard, Inner::kGrowth>,
      .range = RangeConsistency::kPerShard,
      .after_deletion = Inner::kAfterDeletion,
      .caveat = "Range, Size and Clear are not atomic across shards",
  };
  static constexpr std::array<Tunable<Options>, 1> kTunables = {{
      {"shards", &Options::shards, 1, 65536,
       "number of shards, a power of two: more shards collide less and use more "
       "memory"},
  }};

  ShardedMap() : ShardedMap(Options{}) {}
  explicit ShardedMap(const Options& options)
      : shard_count_(internal::CheckPowerOfTwo(
            "sharded_map", "shards",
            internal::CheckOptions("sharded_map", options, kTunables).shards)),
        shift_(32 - std::countr_zero(shard_count_)),
        shards_(std::make_unique<Shard[]>(shard_count_)) {}
  ShardedMap(const ShardedMap&) = delete;
  ShardedMap& operator=(const ShardedMap&) = delete;

  std::optional<V> Load(const K& key) { return LoadByVisit<V>(*this, key); }

  template <class F>
  [[gnu::always_inline]] bool Visit(const K& key, F&& f) {
    const std::uint64_t hash = Hash{}(key);
    return ShardOf(hash).Visit(hash, key, f);
  }
  void Store(const K& key, const V& value) {
    const std::uint64_t hash = Hash{}(key);
    ShardOf(hash).Store(hash, key, value);
  }
  Loaded<V> LoadOrStore(const K& key, const V& value) {
    const std::uint64_t hash = Hash{}(key);
    return ShardOf(hash).LoadOrStore(hash, key, value);
  }
  // f runs under the lock of the key's shard.
  template <class F>
  Loaded<V> LoadOrCompute(const K& key, F&& make) {
    const std::uint64_t hash = Hash{}(key);
    return ShardOf(hash).LoadOrCompute(hash, key, std::forward<F>(make));
  }
  std::optional<V> LoadAndDelete(const K& key) {
    const std::uint64_t hash = Hash{}(key);
    return ShardOf(hash).LoadAndDelete(hash, key);
  }
  bool Delete(const K& key) {
    const std::uint64_t hash = Hash{}(key);
    return ShardOf(hash).Delete(hash, key);
  }
  std::optional<V> Swap(const K& key, const V& value) {
    const std::uint64_t hash = Hash{}(key);
    return ShardOf(hash).Swap(hash, key, value);
  }
  bool CompareAndSwap(const K& key, const V& expected, const V& desired) {
    const std::uint64_t hash = Hash{}(key);
    return ShardOf(hash).CompareAndSwap(hash, key, expected, desired);
  }
  bool CompareAndDelete(const K& key, const V& expected) {
    const std::uint64_t hash = Hash{}(key);
    return ShardOf(hash).CompareAndDelete(hash, key, expected);
  }

  // Holds no lock while it visits. Memory for a copy of the fullest shard.
  template <class F>
  void Range(F&& visit) {
    std::vector<std::pair<K, V>> entries;
    for (Shard& shard : Shards()) {
      entries.clear();
      shard.AppendTo(entries);
      if (!internal::VisitAll(entries, visit)) return;
    }
  }

  // Range without copies, each shard under its lock: `visit` must not call this map.
  template <class F>
  void ForEachUnderLock(F&& visit) {
    for (Shard& shard : Shards()) shard.ForEachUnderLock(visit);
  }

  void Clear() {
    for (Shard& shard : Shards()) shard.Clear();
  }

  // O(shards).
  std::size_t Size() {
    std::size_t size = 0;
    for (Shard& shard : Shards()) size += shard.Size();
    return size;
  }

  void Reserve(std::size_t entries) {
    if (entries == 0) return;
    std::size_t each = entries;
    if (shard_count_ > 1) {
      const double mean =
          static_cast<double>(entries) / static_cast<double>(shard_count_);
      each = static_cast<std::size_t>(std::ceil(mean + 3 * std::sqrt(mean)));
    }
    for (Shard& shard : Shards()) shard.Reserve(each);
  }

  void StoreBatch(std::span<const std::pair<K, V>> batch) {
    for (const auto& [key, value] : batch) Store(key, value);
  }

  std::size_t MemoryBytes() {
    std::size_t bytes =
        sizeof(*this) + internal::MallocBytes(shard_count_ * sizeof(Shard));
    for (Shard& shard : Shards()) bytes += shard.HeapBytesHeld();
    return bytes;
  }

  // What the shards' tables count, summed up. O(shards).
  std::vector<Counter> Counters() const
    requires CountingMap<Inner>
  {
    std::vector<Counter> sums = shards_[0].Counters();
    for (std::size_t i = 1; i < shard_count_; ++i) {
      const std::vector<Counter> more = shards_[i].Counters();
      for (std::size_t c = 0; c < sums.size(); ++c) sums[c].value += more[c].value;
    }
    return sums;
  }

 private:
  static constexpr std::size_t kShardAlignment =
      kLayout == ShardLayout::kPadded
          ? kCacheLine
          : alignof(internal::LockedTable<K, V, Lock, Inner>);
  struct alignas(kShardAlignment) Shard
      : internal::LockedTable<K, V, Lock, Inner> {};

  // With one shard the shift would be by 64, which C++ leaves undefined: hence
  // two shifts.
  Shard& ShardOf(std::uint64_t hash) {
    return shards_[(hash >> 32) >> shift_];
  }
  std::span<Shard> Shards() { return {shards_.get(), shard_count_}; }

  const std::size_t shard_count_;
  const int shift_;
  const std::unique_ptr<Shard[]> shards_;
};

}  // namespace cmap

#endif  // CMAP_MAPS_SHARDED_MAP_H_
