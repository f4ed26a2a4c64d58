// SPDX-License-Identifier: Apache-2.0
//
// A value in a heap block of its own, as in maps of languages where values are
// references. It is replaced by exchanging the pointer: overwriting allocates a new
// box, and a lookup follows one pointer more.
#ifndef CMAP_MAPS_INTERNAL_TABLES_BOXED_H_
#define CMAP_MAPS_INTERNAL_TABLES_BOXED_H_

#include <memory>
#include <utility>

namespace cmap::internal {

template <class V>
class Boxed {
 public:
  explicit Boxed(const V& value) : box_(std::make_unique<V>(value)) {}
  explicit Boxed(V&& value) : box_(std::make_unique<V>(std::move(value))) {}
  Boxed(const Boxed& other) : Boxed(*other) {}
  Boxed(Boxed&&) noexcept = default;
  Boxed& operator=(Boxed&&) noexcept = default;
  // Strong.
  Boxed& operator=(const V& value) {
    box_ = std::make_unique<V>(value);
    return *this;
  }

  V& operator*() { return *box_; }
  const V& operator*() const { return *box_; }

 private:
  std::unique_ptr<V> box_;
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_INTERNAL_TABLES_BOXED_H_
