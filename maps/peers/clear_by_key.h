// SPDX-License-Identifier: Apache-2.0
//
// Clear for the adapter of a library that has none, or one that leaves behind what
// others replace or store again while it walks.
#ifndef CMAP_MAPS_PEERS_CLEAR_BY_KEY_H_
#define CMAP_MAPS_PEERS_CLEAR_BY_KEY_H_

#include <vector>

namespace cmap::peers {

// Deletes every key that a Range finds, once each and by key, not by element: the
// element may have been replaced since. O(n) memory. Not atomic.
template <class Map>
void ClearByKey(Map& map) {
  using K = typename Map::key_type;
  std::vector<K> keys;
  map.Range([&](const K& key, const typename Map::mapped_type&) {
    keys.push_back(key);
    return true;
  });
  for (const K& key : keys) map.Delete(key);
}

}  // namespace cmap::peers

#endif  // CMAP_MAPS_PEERS_CLEAR_BY_KEY_H_
