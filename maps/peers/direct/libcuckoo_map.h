// SPDX-License-Identifier: Apache-2.0
//
// libcuckoo::cuckoohash_map as its users call it, without the adapter: what the loop by hand
// of workloads/plain_loop.h calls.
#ifndef CMAP_MAPS_PEERS_DIRECT_LIBCUCKOO_MAP_H_
#define CMAP_MAPS_PEERS_DIRECT_LIBCUCKOO_MAP_H_

#include <libcuckoo/cuckoohash_map.hh>

#include "maps/concurrent_map.h"

namespace cmap::peers {

template <class K, class V>
class DirectCuckoo {
 public:
  using key_type = K;
  using mapped_type = V;

  template <class F>
  [[gnu::always_inline]] bool Find(const K& key, F&& f) {
    return map_.find_fn(key, f);
  }
  [[gnu::always_inline]] void Put(const K& key, const V& value) {
    map_.insert_or_assign(key, value);
  }
  template <class F>
  [[gnu::always_inline]] bool FindOrAdd(const K& key, const V& value, F&& f) {
    return !map_.upsert(
        key, [&f](const V& held) { f(held); }, value);
  }
  [[gnu::always_inline]] bool Erase(const K& key) { return map_.erase(key); }

 private:
  libcuckoo::cuckoohash_map<K, V, DefaultHash<K>> map_;  // of the default size, as the adapter's
};

}  // namespace cmap::peers

#endif  // CMAP_MAPS_PEERS_DIRECT_LIBCUCKOO_MAP_H_
