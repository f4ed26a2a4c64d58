// SPDX-License-Identifier: Apache-2.0
//
// absl::flat_hash_map behind absl::Mutex, one or sixteen, as one writes it by hand: what the
// loop by hand of workloads/plain_loop.h calls.
#ifndef CMAP_MAPS_PEERS_DIRECT_ABSL_FLAT_HASH_MAP_H_
#define CMAP_MAPS_PEERS_DIRECT_ABSL_FLAT_HASH_MAP_H_

#include <absl/container/flat_hash_map.h>
#include <absl/synchronization/mutex.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "maps/concurrent_map.h"

namespace cmap::peers {

template <class K, class V, std::size_t kShards>
class DirectAbsl {
  static_assert(kShards == 1 || kShards == 16);

 public:
  using key_type = K;
  using mapped_type = V;

  template <class F>
  [[gnu::always_inline]] bool Find(const K& key, F&& f) {
    Shard& shard = ShardOf(key);
    absl::ReaderMutexLock lock(&shard.mutex);
    const auto held = shard.map.find(key);
    if (held == shard.map.end()) return false;
    f(held->second);
    return true;
  }
  [[gnu::always_inline]] void Put(const K& key, const V& value) {
    Shard& shard = ShardOf(key);
    absl::MutexLock lock(&shard.mutex);
    shard.map.insert_or_assign(key, value);
  }
  template <class F>
  [[gnu::always_inline]] bool FindOrAdd(const K& key, const V& value, F&& f) {
    Shard& shard = ShardOf(key);
    absl::MutexLock lock(&shard.mutex);
    const auto [held, added] = shard.map.try_emplace(key, value);
    if (!added) f(held->second);
    return !added;
  }
  [[gnu::always_inline]] bool Erase(const K& key) {
    Shard& shard = ShardOf(key);
    absl::MutexLock lock(&shard.mutex);
    return shard.map.erase(key) != 0;
  }

 private:
  struct alignas(kShards == 1 ? alignof(std::max_align_t) : kCacheLine) Shard {
    absl::Mutex mutex;
    absl::flat_hash_map<K, V, DefaultHash<K>> map;
  };

  Shard& ShardOf(const K& key) {
    if constexpr (kShards == 1) return (*shards_)[0];
    return (*shards_)[DefaultHash<K>{}(key) >> 60];
  }

  std::unique_ptr<std::array<Shard, kShards>> shards_ =
      std::make_unique<std::array<Shard, kShards>>();
};

}  // namespace cmap::peers

#endif  // CMAP_MAPS_PEERS_DIRECT_ABSL_FLAT_HASH_MAP_H_
