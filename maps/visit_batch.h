// SPDX-License-Identifier: Apache-2.0
//
// Loads of many keys at once.
//
//   VisitBatch(map, keys, f)   calls f(const K&, const V&) for every key of `keys` that
//                              the map has, in any order; how many calls that were
//
// Every load is one of its own: each takes effect at some moment between call and
// return, and not all at the same. A key that is given twice is looked up twice. For f
// holds what holds for that of Visit (concurrent_map.h): it may run under a lock, must
// not call the map, and if it throws, keys may be left out.
//
// A map may have an operation of that name, which takes (keys, f): one that sends for
// the memory of several keys before it looks at the first. For all others it is a loop
// over Visit. Like Visit it is inlined by force, in every map.
#ifndef CMAP_MAPS_VISIT_BATCH_H_
#define CMAP_MAPS_VISIT_BATCH_H_

#include <concepts>
#include <cstddef>
#include <span>

#include "maps/concurrent_map.h"

namespace cmap {

template <class M>
concept BatchVisitingMap =
    requires(M m, std::span<const typename M::key_type> keys,
             void (*take)(const typename M::key_type&, const typename M::mapped_type&)) {
      { m.VisitBatch(keys, take) } -> std::same_as<std::size_t>;
    };

template <class M, class F>
[[gnu::always_inline]] inline std::size_t VisitBatch(M& map,
                                                     std::span<const typename M::key_type> keys,
                                                     F&& f) {
  if constexpr (BatchVisitingMap<M>) {
    return map.VisitBatch(keys, f);
  } else {
    std::size_t found = 0;
    for (const auto& key : keys) {
      found += map.Visit(key, [&](const typename M::mapped_type& value) { f(key, value); });
    }
    return found;
  }
}

}  // namespace cmap

#endif  // CMAP_MAPS_VISIT_BATCH_H_
