// SPDX-License-Identifier: Apache-2.0
//
// A map as the blocking profile sees it, and the list of all.
#ifndef CMAP_MAPS_BLOCKING_SUBJECT_H_
#define CMAP_MAPS_BLOCKING_SUBJECT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "maps/blocking/slow.h"
#include "maps/concurrent_map.h"

namespace cmap::blocking {

using Number = std::uint64_t;

class AnyMap {
 public:
  virtual ~AnyMap() = default;
  virtual bool Has(Op op) const = 0;
  virtual void Load(Number key) = 0;  // the value is copied out
  virtual void Visit(Number key, const std::function<void()>& f) = 0;
  virtual void Store(Number key, Number value) = 0;  // LoadOrStore where there is no Store
  virtual void LoadOrCompute(Number key, const std::function<void()>& make) = 0;
  virtual void Range(const std::function<void()>& first) = 0;  // called at the first entry
  // The calling thread stays away for a while.
  virtual void Idle() = 0;
};

struct Subject {
  std::string name;
  Traits traits;
  bool slow_keys = false;    // hash and comparison can be made slow
  bool slow_values = false;  // copies can
  std::unique_ptr<AnyMap> (*make)() = nullptr;
};

// In the order of their names.
const std::vector<Subject>& Subjects();

// Always true.
bool Register(Subject subject);

template <class Map>
class MapOf final : public AnyMap {
  using K = typename Map::key_type;
  using V = typename Map::mapped_type;

 public:
  bool Has(Op op) const override { return Supports<Map>(op); }
  void Load(Number key) override { (void)map_.Load(K(key)); }
  void Visit(Number key, const std::function<void()>& f) override {
    map_.Visit(K(key), [&](const V&) { f(); });
  }
  void Store(Number key, Number value) override {
    if constexpr (Supports<Map>(Op::kStore)) {
      map_.Store(K(key), V(value));
    } else if constexpr (Supports<Map>(Op::kLoadOrStore)) {
      map_.LoadOrStore(K(key), V(value));
    }
  }
  void LoadOrCompute(Number key, const std::function<void()>& make) override {
    if constexpr (Supports<Map>(Op::kLoadOrCompute)) {
      map_.LoadOrCompute(K(key), [&] {
        make();
        return V(key);
      });
    }
  }
  void Range(const std::function<void()>& first) override {
    if constexpr (Supports<Map>(Op::kRange)) {
      map_.Range([&](const K&, const V&) {
        first();
        return false;
      });
    }
  }
  void Idle() override {
    if constexpr (requires { Map::Idle(); }) Map::Idle();
  }

 private:
  Map map_;
};

// The types that the strategy takes, the most telling first.
template <class Strategy>
bool Register() {
  const auto add = []<class Map>(std::type_identity<Map>) {
    return Register({std::string(Strategy::kName), Map::kTraits,
                     std::is_same_v<typename Map::key_type, Key>,
                     std::is_same_v<typename Map::mapped_type, Value>,
                     []() -> std::unique_ptr<AnyMap> { return std::make_unique<MapOf<Map>>(); }});
  };
  if constexpr (requires { typename Strategy::template Map<Key, Value>; }) {
    return add(std::type_identity<typename Strategy::template Map<Key, Value>>());
  } else if constexpr (requires { typename Strategy::template Map<Number, Value>; }) {
    return add(std::type_identity<typename Strategy::template Map<Number, Value>>());
  } else {
    return add(std::type_identity<typename Strategy::template Map<Number, Number>>());
  }
}

}  // namespace cmap::blocking

#endif  // CMAP_MAPS_BLOCKING_SUBJECT_H_
