// SPDX-License-Identifier: Apache-2.0
//
// The operations of a map that delete one key, made of one private function of it:
//
//   template <class P, class F>
//   bool Remove(const K& key, P wanted, F take);
//
// It removes the key's entry if the value is `wanted`, shows the value to `take` before
// that, and says whether it has. What these two throw comes before any change.
//
// A base of the map, which makes it a friend.
#ifndef CMAP_MAPS_INTERNAL_TABLES_REMOVALS_H_
#define CMAP_MAPS_INTERNAL_TABLES_REMOVALS_H_

#include <optional>

namespace cmap::internal {

template <class Map, class K, class V>
class Removals {
 public:
  std::optional<V> LoadAndDelete(const K& key) {
    std::optional<V> old;
    map().Remove(
        key, [](const V&) { return true; }, [&](const V& v) { old.emplace(v); });
    return old;
  }

  bool Delete(const K& key) {
    return map().Remove(
        key, [](const V&) { return true; }, [](const V&) {});
  }

  bool CompareAndDelete(const K& key, const V& expected) {
    return map().Remove(
        key, [&](const V& v) { return v == expected; }, [](const V&) {});
  }

 protected:
  Removals() = default;
  ~Removals() = default;

 private:
  Map& map() { return static_cast<Map&>(*this); }
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_INTERNAL_TABLES_REMOVALS_H_
