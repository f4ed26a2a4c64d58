// SPDX-License-Identifier: Apache-2.0
//
// What has left a table that is under a lock, until the lock is released: destructors of
// keys and values may call the map.
//
//   Departed gone;            // destroyed last
//   lock                      // released before
//   table.SendDepartedTo(&gone); ... change ...; table.SendDepartedTo(nullptr);
//
// Departing<Table, Lock> is these three as one scope.
//
// Values whose destructors are known to call nothing of the user's, numbers and strings
// above all, are not put aside: overwriting them stays an assignment in place.
#ifndef CMAP_MAPS_INTERNAL_TABLES_DEPARTED_H_
#define CMAP_MAPS_INTERNAL_TABLES_DEPARTED_H_

#include <algorithm>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace cmap::internal {

template <class T>
inline constexpr bool kQuietDestructor = std::is_trivially_destructible_v<T>;
template <class C, class Traits>
inline constexpr bool kQuietDestructor<std::basic_string<C, Traits, std::allocator<C>>> = true;

// For tables whose entries need not be put aside.
struct NothingDeparted {};

// `Parts`: types of what leaves: values, keys, nodes.
template <class... Parts>
class Departed {
 public:
  // Room for so many more of each. Throws std::bad_alloc; called before anything changes.
  void Prepare(std::size_t n) { (Grow(std::get<std::vector<Parts>>(all_), n), ...); }
  template <class Part>
  void Take(Part&& part) noexcept {
    std::get<std::vector<std::remove_cvref_t<Part>>>(all_).push_back(std::forward<Part>(part));
  }

 private:
  template <class Part>
  static void Grow(std::vector<Part>& parts, std::size_t n) {
    if (parts.capacity() - parts.size() >= n) return;
    parts.reserve(std::max(parts.size() + n, 2 * parts.size()));
  }

  std::tuple<std::vector<Parts>...> all_;
};

// Holds a lock of a table for its scope. What leaves the table meanwhile is destroyed when
// the lock has been released.
template <class Table, class Lock>
class Departing {
 public:
  Departing(Table& table, Lock& lock) : table_(table), lock_(lock) {
    table_.SendDepartedTo(&gone_);
  }
  ~Departing() { table_.SendDepartedTo(nullptr); }
  Departing(const Departing&) = delete;
  Departing& operator=(const Departing&) = delete;

 private:
  Table& table_;
  [[no_unique_address]] typename Table::Gone gone_;  // destroyed after the lock
  std::lock_guard<Lock> lock_;
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_INTERNAL_TABLES_DEPARTED_H_
