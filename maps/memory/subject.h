// SPDX-License-Identifier: Apache-2.0
//
// A map of numbers as the memory profile sees it, and the list of all.
#ifndef CMAP_MAPS_MEMORY_SUBJECT_H_
#define CMAP_MAPS_MEMORY_SUBJECT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "maps/concurrent_map.h"

namespace cmap::memory {

using Number = std::uint64_t;

class AnyMap {
 public:
  virtual ~AnyMap() = default;
  virtual void Store(Number key, Number value) = 0;
  // Whether StoreBatch does anything.
  virtual bool HasBatches() = 0;
  virtual void StoreBatch(std::span<const std::pair<Number, Number>> batch) = 0;
  virtual void Delete(Number key) = 0;
  // Nothing where the map does not support it.
  virtual std::optional<std::size_t> Size() = 0;
  virtual std::optional<std::size_t> MemoryBytes() = 0;
  // Frees what is put aside, as far as the map can be asked to.
  virtual void Quiesce() = 0;
};

struct Subject {
  std::string name;
  bool peer = false;
  Traits traits;
  std::unique_ptr<AnyMap> (*make)() = nullptr;
};

// In the order of their names.
const std::vector<Subject>& Subjects();

// For maps/memory/memory.bzl. Always true.
bool Register(Subject subject);

template <class Map>
class MapOfNumbers final : public AnyMap {
 public:
  void Store(Number key, Number value) override {
    if constexpr (Supports<Map>(Op::kStore)) {
      map_.Store(key, value);
    } else {
      map_.LoadOrStore(key, value);
    }
  }
  bool HasBatches() override { return Supports<Map>(Op::kStoreBatch); }
  void StoreBatch(std::span<const std::pair<Number, Number>> batch) override {
    if constexpr (Supports<Map>(Op::kStoreBatch)) map_.StoreBatch(batch);
  }
  void Delete(Number key) override {
    if constexpr (Supports<Map>(Op::kDelete)) map_.Delete(key);
  }
  std::optional<std::size_t> Size() override {
    if constexpr (Supports<Map>(Op::kSize)) return map_.Size();
    return std::nullopt;
  }
  std::optional<std::size_t> MemoryBytes() override {
    if constexpr (Supports<Map>(Op::kMemoryBytes)) return map_.MemoryBytes();
    return std::nullopt;
  }
  void Quiesce() override {
    if constexpr (requires { Map::Quiesce(); }) Map::Quiesce();
  }

 private:
  Map map_;
};

template <class Strategy>
bool Register() {
  using Map = typename Strategy::template Map<Number, Number>;
  return Register(
      {std::string(Strategy::kName), Strategy::kPeer, Map::kTraits,
       []() -> std::unique_ptr<AnyMap> { return std::make_unique<MapOfNumbers<Map>>(); }});
}

}  // namespace cmap::memory

#endif  // CMAP_MAPS_MEMORY_SUBJECT_H_
