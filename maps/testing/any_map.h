// SPDX-License-Identifier: Apache-2.0
//
// A map as the conformance checks see it: keys and values are numbers, calls are
// virtual. The checks are therefore compiled once, not once per strategy and
// type; adaptor.h turns numbers into keys and values of the types under test.
//
// The number 0 stands for the default value of the value type.
#ifndef CMAP_MAPS_TESTING_ANY_MAP_H_
#define CMAP_MAPS_TESTING_ANY_MAP_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "maps/concurrent_map.h"

namespace cmap::testing {

using Number = std::uint64_t;

class AnyMap {
 public:
  using Pair = std::pair<Number, Number>;

  virtual ~AnyMap() = default;
  virtual std::optional<Number> Load(Number key) = 0;
  virtual bool Visit(Number key, const std::function<void(Number)>& f) = 0;
  virtual void Store(Number key, Number value) = 0;
  virtual Loaded<Number> LoadOrStore(Number key, Number value) = 0;
  virtual std::optional<Number> LoadAndDelete(Number key) = 0;
  virtual bool Delete(Number key) = 0;
  virtual std::optional<Number> Swap(Number key, Number value) = 0;
  virtual bool CompareAndSwap(Number key, Number expected, Number desired) = 0;
  virtual bool CompareAndDelete(Number key, Number expected) = 0;
  virtual Loaded<Number> LoadOrCompute(Number key,
                                       const std::function<Number()>& make) = 0;
  virtual void Range(const std::function<bool(Number, Number)>& visit) = 0;
  virtual void Clear() = 0;
  virtual std::size_t Size() = 0;
  virtual void Reserve(std::size_t entries) = 0;
  virtual void StoreBatch(std::span<const Pair> batch) = 0;
  virtual std::size_t MemoryBytes() = 0;
  // What MemoryBytes() never exceeds, of maps that have MemoryBound().
  virtual std::optional<std::size_t> MemoryBound() = 0;

  // Whether the map supports the operation; calling one that it does not throws
  // std::logic_error.
  virtual bool Has(Op op) const = 0;

  // Store, or LoadOrStore where there is no Store: for keys that are absent, or
  // whose value does not matter.
  void Put(Number key, Number value) {
    if (Has(Op::kStore)) {
      Store(key, value);
    } else {
      LoadOrStore(key, value);
    }
  }
};

enum class HashKind {
  kGood,       // DefaultHash
  kTruncated,  // the top four and the low four bits of it: 256 hashes, equal in
               // all middle bits
  kConstant,   // one hash for all keys
};

// The hash that ChosenHash stands for (adaptor.h). RunCheck sets it to the
// subject's before it makes a map; nothing changes it while a map lives.
inline HashKind hash_of_maps = HashKind::kGood;

struct TunableInfo {
  std::string name;
  std::int64_t min;
  std::int64_t max;
  std::int64_t initial;
};

// One map type under test: a strategy with key, value and hash types.
struct Subject {
  std::string name;  // "mutex_map u64 -> string, good hash"
  Traits traits;
  HashKind hash = HashKind::kGood;
  bool counts_lives = false;     // values are LifeCounted
  bool long_keys = false;        // keys and values may own heap blocks
  bool peer = false;             // a library of others
  bool faulty = false;           // keys are FaultyKey, hashed by FaultyHash
  std::vector<TunableInfo> tunables;

  std::function<std::unique_ptr<AnyMap>()> make;
  // A map with one tunable set and the others as they are by default. Throws
  // what the map's constructor throws.
  std::function<std::unique_ptr<AnyMap>(std::string_view tunable,
                                        std::int64_t value)>
      make_with;
  // Finishes deferred reclamation while no other thread uses a map: calls
  // `static void Quiesce()` of the map type where it has one.
  std::function<void()> quiesce;
  // Says that the calling thread will not use a map for a while: calls `static
  // void Idle()` of the map type where it has one.
  std::function<void()> idle;
  // Makes the n-th allocation of the calling thread from now fail; 0 switches that
  // off and says whether it has. Empty where the program does not count them.
  std::function<bool(std::uint64_t)> fail_allocation;
  // Called, if set, by every thread of a concurrent check before its work, with a
  // number of its own: whoever runs the checks may disturb its schedule.
  std::function<void(std::uint64_t)> thread_start;

  // At most `wanted` keys, fewer where colliding hashes make every operation
  // walk all of them.
  Number Keys(Number wanted) const {
    switch (hash) {
      case HashKind::kGood: return wanted;
      case HashKind::kTruncated: return wanted < 1024 ? wanted : 1024;
      case HashKind::kConstant: return wanted < 48 ? wanted : 48;
    }
    return wanted;
  }
};

}  // namespace cmap::testing

#endif  // CMAP_MAPS_TESTING_ANY_MAP_H_
