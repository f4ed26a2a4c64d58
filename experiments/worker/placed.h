// SPDX-License-Identifier: Apache-2.0
//
// What contestants share that hold one map at a place that they are given: its life, and
// what it says of itself.
#ifndef CMAP_EXPERIMENTS_WORKER_PLACED_H_
#define CMAP_EXPERIMENTS_WORKER_PLACED_H_

#include <cstddef>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "experiments/worker/errors.h"
#include "maps/concurrent_map.h"

namespace cmap::experiments {

// `Base` is Contestant or derives from it. `Map` is one of this study's, or how a library's
// is called by hand; std::monostate as `Options` when it is made without any.
template <class Base, class Map, class Options>
class Placed : public Base {
 public:
  ~Placed() override { Placed::Destroy(); }

  std::size_t object_bytes() const override { return sizeof(Map); }
  std::size_t object_alignment() const override { return alignof(Map); }

  void Create(void* place) override {
    Destroy();
    try {
      if constexpr (std::is_same_v<Options, std::monostate>) {
        map_ = new (place) Map();
      } else {
        map_ = new (place) Map(options_);
      }
    } catch (const std::invalid_argument& error) {
      throw InputError("contestant \"" + name_ + "\": " + error.what());
    }
  }

  void* Destroy() override {
    if (map_ == nullptr) return nullptr;
    void* place = map_;
    std::exchange(map_, nullptr)->~Map();
    // Maps with deferred reclamation hold retired memory beyond their own life;
    // without this it would be freed inside somebody else's slice.
    if constexpr (requires { Map::Quiesce(); }) Map::Quiesce();
    return place;
  }

  // Where a map's reclamation asks threads to say that they stay away for a while.
  void Rest() override {
    if constexpr (requires { Map::Idle(); }) Map::Idle();
  }

  std::optional<std::size_t> MemoryBytes() override {
    if constexpr (ConcurrentMap<Map>) {
      if constexpr (Supports<Map>(Op::kMemoryBytes)) return map_->MemoryBytes();
    }
    return std::nullopt;
  }

  std::vector<Counter> Counters() override {
    if constexpr (CountingMap<Map>) return map_->Counters();
    return {};
  }

 protected:
  Placed(std::string name, const Options& options) : name_(std::move(name)), options_(options) {}

  Map* map_ = nullptr;

 private:
  const std::string name_;
  const Options options_;
};

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_PLACED_H_
