// SPDX-License-Identifier: Apache-2.0
//
// boost::concurrent_flat_map as its users call it, without the adapter: what the loop by
// hand of workloads/plain_loop.h calls.
#ifndef CMAP_MAPS_PEERS_DIRECT_BOOST_CONCURRENT_FLAT_MAP_H_
#define CMAP_MAPS_PEERS_DIRECT_BOOST_CONCURRENT_FLAT_MAP_H_

#include <boost/unordered/concurrent_flat_map.hpp>

#include "maps/concurrent_map.h"

namespace cmap::peers {

template <class K, class V>
class DirectBoost {
  struct MixingHash : DefaultHash<K> {
    using is_avalanching = void;
  };

 public:
  using key_type = K;
  using mapped_type = V;

  template <class F>
  [[gnu::always_inline]] bool Find(const K& key, F&& f) {
    return map_.cvisit(key, [&f](const auto& entry) { f(entry.second); }) != 0;
  }
  [[gnu::always_inline]] void Put(const K& key, const V& value) {
    map_.insert_or_assign(key, value);
  }
  template <class F>
  [[gnu::always_inline]] bool FindOrAdd(const K& key, const V& value, F&& f) {
    return !map_.try_emplace_or_cvisit(key, value, [&f](const auto& entry) { f(entry.second); });
  }
  [[gnu::always_inline]] bool Erase(const K& key) { return map_.erase(key) != 0; }

 private:
  boost::concurrent_flat_map<K, V, MixingHash> map_;
};

}  // namespace cmap::peers

#endif  // CMAP_MAPS_PEERS_DIRECT_BOOST_CONCURRENT_FLAT_MAP_H_
