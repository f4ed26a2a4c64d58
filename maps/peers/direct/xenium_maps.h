// SPDX-License-Identifier: Apache-2.0
//
// xenium's two hash maps as their users call them, without the adapters: what the loop by
// hand of workloads/plain_loop.h calls. Neither replaces a value, so there is no Put.
#ifndef CMAP_MAPS_PEERS_DIRECT_XENIUM_MAPS_H_
#define CMAP_MAPS_PEERS_DIRECT_XENIUM_MAPS_H_

// xenium uses assert and does not include it.
#include <cassert>
#include <concepts>
#include <cstddef>
#include <memory>
#include <utility>
#include <xenium/harris_michael_hash_map.hpp>
#include <xenium/vyukov_hash_map.hpp>

#include "maps/concurrent_map.h"
#include "maps/peers/xenium_reclaimer.h"

namespace cmap::peers {

template <class K, class V>
requires std::integral<K> && std::integral<V>
class DirectVyukov {
  using Map = xenium::vyukov_hash_map<K, V, xenium::policy::reclaimer<XeniumReclaimer>,
                                      xenium::policy::hash<DefaultHash<K>>>;

 public:
  using key_type = K;
  using mapped_type = V;

  template <class F>
  [[gnu::always_inline]] bool Find(const K& key, F&& f) {
    typename Map::accessor held;
    if (!map_.try_get_value(key, held)) return false;
    f(*held);
    return true;
  }
  template <class F>
  [[gnu::always_inline]] bool FindOrAdd(const K& key, const V& value, F&& f) {
    const auto [held, added] = map_.get_or_emplace(key, value);
    if (!added) f(*held);
    return !added;
  }
  [[gnu::always_inline]] bool Erase(const K& key) { return map_.erase(key); }

  static void Quiesce() { XeniumQuiesce(); }

 private:
  Map map_{128};
};

template <class K, class V, std::size_t kBuckets>
class DirectHarrisMichael {
  using Map = xenium::harris_michael_hash_map<
      K, V, xenium::policy::reclaimer<XeniumReclaimer>, xenium::policy::hash<DefaultHash<K>>,
      xenium::policy::buckets<kBuckets>, xenium::policy::memoize_hash<false>>;

 public:
  using key_type = K;
  using mapped_type = V;

  template <class F>
  [[gnu::always_inline]] bool Find(const K& key, F&& f) {
    const auto held = map_->find(key);
    if (held == map_->end()) return false;
    f(std::as_const(held->second));
    return true;
  }
  template <class F>
  [[gnu::always_inline]] bool FindOrAdd(const K& key, const V& value, F&& f) {
    const auto [held, added] = map_->get_or_emplace(key, value);
    if (!added) f(std::as_const(held->second));
    return !added;
  }
  [[gnu::always_inline]] bool Erase(const K& key) { return map_->erase(key); }

  static void Quiesce() { XeniumQuiesce(); }

 private:
  std::unique_ptr<Map> map_ = std::make_unique<Map>();  // its buckets are in the object
};

}  // namespace cmap::peers

#endif  // CMAP_MAPS_PEERS_DIRECT_XENIUM_MAPS_H_
