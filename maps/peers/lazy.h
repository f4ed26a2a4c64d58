// SPDX-License-Identifier: Apache-2.0
//
// A value that is computed when it is needed: an argument for the emplacing
// operations of libraries that know no factories.
#ifndef CMAP_MAPS_PEERS_LAZY_H_
#define CMAP_MAPS_PEERS_LAZY_H_

#include <type_traits>

namespace cmap::peers {

// Converts to what `make` returns, by calling it. A constructor that is given a
// Lazy<F> where it expects a V calls make() then and there, without a move.
template <class F>
class Lazy {
 public:
  explicit Lazy(const F& make) : make_(make) {}
  operator std::invoke_result_t<const F&>() const { return make_(); }

 private:
  const F& make_;
};

}  // namespace cmap::peers

#endif  // CMAP_MAPS_PEERS_LAZY_H_
