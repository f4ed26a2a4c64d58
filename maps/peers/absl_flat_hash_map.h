// SPDX-License-Identifier: Apache-2.0
//
// absl_flat_hash_map: absl::flat_hash_map behind absl::Mutex, the pair that
// Abseil's documentation recommends; one of each, or a power of two of them.
//
//   hash 63 ... 64-k --> shard [ absl::Mutex | flat_hash_map ]  (cache lines of
//                                                                its own)
//
// Load and Range hold the mutex shared, everything else exclusively. The shard
// comes from the high bits of the hash; the table inside takes its seven control
// bits from the low ones and its position from the rest.
//
// The adapter is the code a user would write: every operation is one section of
// the lock. Range copies a shard's entries and visits them without the lock.
//
// Settings: absl_sharded_map's tunable shards; 16 by default, what Abseil's
// authors name as a typical number for parallel maps (parallel-hashmap, Greg
// Popovitch); 256 collides less. NumaNodes and such are not considered.
//
// Guarantees: point operations are linearizable and blocking.
//
// Source: Abseil, flat_hash_map and Mutex.
#ifndef CMAP_MAPS_PEERS_ABSL_FLAT_HASH_MAP_H_
#define CMAP_MAPS_PEERS_ABSL_FLAT_HASH_MAP_H_

#include <absl/base/config.h>
#include <absl/container/flat_hash_map.h>
#include <absl/synchronization/mutex.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "maps/concurrent_map.h"
#include "maps/internal/memory.h"
#include "maps/internal/options.h"
#include "maps/internal/tables/locked_map.h"

#define CMAP_ABSL_TEXT_(number) #number
#define CMAP_ABSL_TEXT(number) CMAP_ABSL_TEXT_(number)

namespace cmap {

struct AbslShardedMapOptions {
  std::int64_t shards = 16;
};

template <class K, class V, class Hash = DefaultHash<K>, bool kSharded = false>
class AbslFlatHashMap {
 public:
  using key_type = K;
  using mapped_type = V;
  using Options =
      std::conditional_t<kSharded, AbslShardedMapOptions, NoOptions>;

  static constexpr Traits kTraits = {
      .family = "peer",
      .summary = kSharded ? "absl::flat_hash_map behind absl::Mutex, sharded"
                          : "absl::flat_hash_map behind one absl::Mutex",
      .source = "Abseil LTS " CMAP_ABSL_TEXT(ABSL_LTS_RELEASE_VERSION),
      .read_progress = Progress::kBlocking,
      .write_progress = Progress::kBlocking,
      .reclamation = "none needed",
      .growth = "doubles at load factor 0.875, under the lock",
      .range = kSharded ? RangeConsistency::kPerShard
                        : RangeConsistency::kSnapshot,
      .batch_is_atomic = !kSharded,
      .clear_is_atomic = !kSharded,
      .after_deletion = AfterDeletion::kAll,
  };
  static constexpr auto kTunables = [] {
    if constexpr (kSharded) {
      return std::array<Tunable<Options>, 1>{{
          {"shards", &Options::shards, 1, 65536,
           "number of shards, a power of two: more shards collide less and use "
           "more memory"},
      }};
    } else {
      return std::array<Tunable<Options>, 0>{};
    }
  }();

  AbslFlatHashMap() : AbslFlatHashMap(Options{}) {}
  explicit AbslFlatHashMap(const Options& options)
      : shard_count_(ShardCount(options)),
        shift_(32 - std::countr_zero(shard_count_)),
        shards_(std::make_unique<Shard[]>(shard_count_)) {}
  AbslFlatHashMap(const AbslFlatHashMap&) = delete;
  AbslFlatHashMap& operator=(const AbslFlatHashMap&) = delete;

  std::optional<V> Load(const K& key) { return LoadByVisit<V>(*this, key); }

  template <class F>
  [[gnu::always_inline]] bool Visit(const K& key, F&& f) {
    Shard& shard = ShardOf(key);
    absl::ReaderMutexLock lock(&shard.mutex);
    const auto found = shard.table.find(key);
    if (found == shard.table.end()) return false;
    f(std::as_const(found->second));
    return true;
  }

  void Store(const K& key, const V& value) {
    Shard& shard = ShardOf(key);
    absl::MutexLock lock(&shard.mutex);
    Store(shard.table, key, value);
  }

  Loaded<V> LoadOrStore(const K& key, const V& value) {
    if constexpr (kCopiesWithoutThrowing) {
      Shard& shard = ShardOf(key);
      absl::MutexLock lock(&shard.mutex);
      const auto [at, inserted] = Emplace(shard.table, key, value);
      return {at->second, !inserted};
    } else {
      return LoadOrCompute(key, [&]() -> const V& { return value; });
    }
  }

  // f runs under the lock.
  template <class F>
  Loaded<V> LoadOrCompute(const K& key, F&& make) {
    Shard& shard = ShardOf(key);
    absl::MutexLock lock(&shard.mutex);
    const auto found = shard.table.find(key);
    if (found != shard.table.end()) return {found->second, true};
    Loaded<V> result{make(), false};  // before the insertion: it may throw
    Emplace(shard.table, key, result.value);
    return result;
  }

  std::optional<V> LoadAndDelete(const K& key) {
    Shard& shard = ShardOf(key);
    absl::MutexLock lock(&shard.mutex);
    const auto found = shard.table.find(key);
    if (found == shard.table.end()) return std::nullopt;
    std::optional<V> removed(std::move(found->second));
    shard.table.erase(found);
    return removed;
  }

  bool Delete(const K& key) {
    Shard& shard = ShardOf(key);
    absl::MutexLock lock(&shard.mutex);
    return shard.table.erase(key) != 0;
  }

  std::optional<V> Swap(const K& key, const V& value) {
    Shard& shard = ShardOf(key);
    absl::MutexLock lock(&shard.mutex);
    const auto [at, inserted] = Emplace(shard.table, key, value);
    if (inserted) return std::nullopt;
    V desired(value);
    return std::exchange(at->second, std::move(desired));
  }

  bool CompareAndSwap(const K& key, const V& expected, const V& desired) {
    Shard& shard = ShardOf(key);
    absl::MutexLock lock(&shard.mutex);
    const auto found = shard.table.find(key);
    if (found == shard.table.end() || !(found->second == expected)) return false;
    found->second = desired;
    return true;
  }

  bool CompareAndDelete(const K& key, const V& expected) {
    Shard& shard = ShardOf(key);
    absl::MutexLock lock(&shard.mutex);
    const auto found = shard.table.find(key);
    if (found == shard.table.end() || !(found->second == expected)) return false;
    shard.table.erase(found);
    return true;
  }

  // Memory for a copy of the fullest shard.
  template <class F>
  void Range(F&& visit) {
    std::vector<std::pair<K, V>> entries;
    for (Shard& shard : Shards()) {
      entries.clear();
      {
        absl::ReaderMutexLock lock(&shard.mutex);
        entries.assign(shard.table.begin(), shard.table.end());
      }
      if (!internal::VisitAll(entries, visit)) return;
    }
  }

  void Clear() {
    for (Shard& shard : Shards()) {
      absl::MutexLock lock(&shard.mutex);
      shard.table.clear();
    }
  }

  // O(shards).
  std::size_t Size() {
    std::size_t size = 0;
    for (Shard& shard : Shards()) {
      absl::ReaderMutexLock lock(&shard.mutex);
      size += shard.table.size();
    }
    return size;
  }

  // With shards: three standard deviations more than the mean for each.
  void Reserve(std::size_t entries) {
    if (entries == 0) return;
    const double mean =
        static_cast<double>(entries) / static_cast<double>(shard_count_);
    const double spare = shard_count_ > 1 ? 3 * std::sqrt(mean) : 0;
    for (Shard& shard : Shards()) {
      absl::MutexLock lock(&shard.mutex);
      shard.table.reserve(static_cast<std::size_t>(std::ceil(mean + spare)));
    }
  }

  void StoreBatch(std::span<const std::pair<K, V>> batch) {
    if constexpr (kSharded) {
      for (const auto& [key, value] : batch) Store(key, value);
    } else {
      Shard& shard = shards_[0];
      absl::MutexLock lock(&shard.mutex);
      for (const auto& [key, value] : batch) Store(shard.table, key, value);
    }
  }

  // From the library's layout: one block of slots and a control byte for each,
  // with the sentinel's and those of the first group again at the end.
  std::size_t MemoryBytes() {
    std::size_t bytes =
        sizeof(*this) + internal::MallocBytes(shard_count_ * sizeof(Shard));
    for (Shard& shard : Shards()) {
      if (const std::size_t capacity = shard.table.capacity(); capacity != 0) {
        bytes += internal::MallocBytes(
            capacity * (1 + sizeof(std::pair<const K, V>)) + 16);
      }
      if constexpr (internal::kOwnsHeap<K> || internal::kOwnsHeap<V>) {
        for (const auto& [key, value] : shard.table) {
          bytes += internal::HeapBytes(key) + internal::HeapBytes(value);
        }
      }
    }
    return bytes;
  }

 private:
  static constexpr bool kCopiesWithoutThrowing =
      std::is_nothrow_copy_constructible_v<K> && std::is_nothrow_copy_constructible_v<V>;
  static constexpr std::size_t kAlignment =
      kSharded ? kCacheLine : alignof(std::max_align_t);
  using Table = absl::flat_hash_map<K, V, Hash>;
  struct alignas(kAlignment) Shard {
    absl::Mutex mutex;
    Table table;
  };

  // Abseil is built without exceptions: a copy that throws inside the table
  // leaves a slot that counts as full. Copies that may throw are made before.
  static std::pair<typename Table::iterator, bool> Emplace(Table& table,
                                                           const K& key,
                                                           const V& value) {
    if constexpr (kCopiesWithoutThrowing) {
      return table.try_emplace(key, value);
    } else {
      const auto found = table.find(key);
      if (found != table.end()) return {found, false};
      return table.try_emplace(K(key), V(value));
    }
  }
  static void Store(Table& table, const K& key, const V& value) {
    const auto [at, inserted] = Emplace(table, key, value);
    if (!inserted) at->second = value;
  }

  static std::size_t ShardCount([[maybe_unused]] const Options& options) {
    if constexpr (kSharded) {
      return static_cast<std::size_t>(internal::CheckPowerOfTwo(
          "absl_sharded_map", "shards",
          internal::CheckOptions("absl_sharded_map", options, kTunables).shards));
    } else {
      return 1;
    }
  }

  // With one shard the shift would be by 64, which C++ leaves undefined: hence
  // two shifts.
  Shard& ShardOf([[maybe_unused]] const K& key) {
    if constexpr (kSharded) {
      return shards_[(static_cast<std::uint64_t>(Hash{}(key)) >> 32) >> shift_];
    } else {
      return shards_[0];
    }
  }
  std::span<Shard> Shards() { return {shards_.get(), shard_count_}; }

  const std::size_t shard_count_;
  const int shift_;
  const std::unique_ptr<Shard[]> shards_;
};

}  // namespace cmap

#undef CMAP_ABSL_TEXT
#undef CMAP_ABSL_TEXT_

#endif  // CMAP_MAPS_PEERS_ABSL_FLAT_HASH_MAP_H_
