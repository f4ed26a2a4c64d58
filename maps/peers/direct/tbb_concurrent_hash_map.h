// SPDX-License-Identifier: Apache-2.0
//
// tbb::concurrent_hash_map as its users call it, without the adapter: what the loop by hand
// of workloads/plain_loop.h calls.
#ifndef CMAP_MAPS_PEERS_DIRECT_TBB_CONCURRENT_HASH_MAP_H_
#define CMAP_MAPS_PEERS_DIRECT_TBB_CONCURRENT_HASH_MAP_H_

#include <oneapi/tbb/concurrent_hash_map.h>

#include <cstddef>
#include <memory>
#include <utility>

#include "maps/concurrent_map.h"

namespace cmap::peers {

template <class K, class V>
class DirectTbb {
  struct HashCompare {
    static std::size_t hash(const K& key) { return DefaultHash<K>{}(key); }
    static bool equal(const K& a, const K& b) { return a == b; }
  };
  using Entry = std::pair<const K, V>;
  using Map = tbb::concurrent_hash_map<K, V, HashCompare, std::allocator<Entry>>;

 public:
  using key_type = K;
  using mapped_type = V;

  template <class F>
  [[gnu::always_inline]] bool Find(const K& key, F&& f) {
    typename Map::const_accessor held;
    if (!map_.find(held, key)) return false;
    f(held->second);
    return true;
  }
  [[gnu::always_inline]] void Put(const K& key, const V& value) {
    typename Map::accessor held;
    if (!map_.insert(held, Entry(key, value))) held->second = value;
  }
  template <class F>
  [[gnu::always_inline]] bool FindOrAdd(const K& key, const V& value, F&& f) {
    typename Map::const_accessor held;
    if (map_.insert(held, Entry(key, value))) return false;
    f(held->second);
    return true;
  }
  [[gnu::always_inline]] bool Erase(const K& key) { return map_.erase(key); }

 private:
  Map map_;
};

}  // namespace cmap::peers

#endif  // CMAP_MAPS_PEERS_DIRECT_TBB_CONCURRENT_HASH_MAP_H_
