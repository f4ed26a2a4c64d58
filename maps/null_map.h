// SPDX-License-Identifier: Apache-2.0
//
// null: a map that does nothing and answers every question with "absent". What
// a measurement of it shows is what the measuring itself costs: drawing the
// next operation, forming key and value, the loop. It is no contestant.
//
// Every operation makes the compiler materialise the key and value it is given
// (an empty asm statement that names them), so that the loop around it is not
// optimised away and the cost of forming arguments is counted.
#ifndef CMAP_MAPS_NULL_MAP_H_
#define CMAP_MAPS_NULL_MAP_H_

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"

namespace cmap {

template <class K, class V, class Hash = DefaultHash<K>,
          class Atomics = NativeAtomics>
class NullMap {
 public:
  using key_type = K;
  using mapped_type = V;
  using Options = NoOptions;

  static constexpr Traits kTraits = {
      .family = "harness",
      .summary = "does nothing: measures the harness itself",
      .source = "this study",
      .read_progress = Progress::kWaitFree,
      .write_progress = Progress::kWaitFree,
      .reclamation = "none needed",
      .growth = "none",
      .keeps_every_key = false,
      .returns_results = false,
      .caveat = "stores nothing; shows the cost of measuring, not of a map",
  };
  static constexpr std::array<Tunable<Options>, 0> kTunables = {};

  NullMap() = default;
  explicit NullMap(const Options&) {}
  NullMap(const NullMap&) = delete;
  NullMap& operator=(const NullMap&) = delete;

  std::optional<V> Load(const K& key) { return LoadByVisit<V>(*this, key); }

  template <class F>
  [[gnu::always_inline]] bool Visit(const K& key, F&&) {
    Use(key);
    return false;
  }
  void Store(const K& key, const V& value) {
    Use(key);
    Use(value);
  }
  Loaded<V> LoadOrStore(const K& key, const V& value) {
    Use(key);
    Use(value);
    return {value, false};
  }
  // Calls f, because forming the value is part of the work a caller brings.
  template <class F>
  Loaded<V> LoadOrCompute(const K& key, F&& make) {
    Use(key);
    return {std::forward<F>(make)(), false};
  }
  std::optional<V> LoadAndDelete(const K& key) {
    Use(key);
    return std::nullopt;
  }
  bool Delete(const K& key) {
    Use(key);
    return false;
  }
  std::optional<V> Swap(const K& key, const V& value) {
    Use(key);
    Use(value);
    return std::nullopt;
  }
  bool CompareAndSwap(const K& key, const V& expected, const V& desired) {
    Use(key);
    Use(expected);
    Use(desired);
    return false;
  }
  bool CompareAndDelete(const K& key, const V& expected) {
    Use(key);
    Use(expected);
    return false;
  }
  template <class F>
  void Range(F&&) {}
  void Clear() {}
  std::size_t Size() { return 0; }
  void Reserve(std::size_t) {}
  void StoreBatch(std::span<const std::pair<K, V>> batch) {
    for (const auto& [key, value] : batch) Store(key, value);
  }
  std::size_t MemoryBytes() { return sizeof(*this); }

 private:
  template <class T>
  static void Use(const T& argument) {
    if constexpr (std::is_integral_v<T>) {
      asm volatile("" : : "r"(argument));
    } else {
      asm volatile("" : : "r"(&argument) : "memory");
    }
  }
};

}  // namespace cmap

#endif  // CMAP_MAPS_NULL_MAP_H_
