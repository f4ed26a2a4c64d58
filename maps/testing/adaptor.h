// SPDX-License-Identifier: Apache-2.0
//
// Turns a map type into an AnyMap: numbers to keys and values and back.
#ifndef CMAP_MAPS_TESTING_ADAPTOR_H_
#define CMAP_MAPS_TESTING_ADAPTOR_H_

#include <charconv>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "maps/concurrent_map.h"
#include "maps/testing/any_map.h"
#include "maps/testing/faults.h"
#include "maps/testing/life_counted.h"

namespace cmap::testing {

// Code<T>: a bijection between numbers and some values of T, 0 <-> T().
template <class T>
struct Code;

template <>
struct Code<std::uint64_t> {
  static constexpr std::string_view kName = "u64";
  static std::uint64_t Encode(Number n) { return n; }
  static Number Decode(std::uint64_t value) { return value; }
};

template <>
struct Code<LifeCounted> {
  static constexpr std::string_view kName = "counted";
  static LifeCounted Encode(Number n) { return LifeCounted(n); }
  static Number Decode(const LifeCounted& value) { return value.number(); }
};

template <>
struct Code<FaultyKey> {
  static constexpr std::string_view kName = "faulty";
  static FaultyKey Encode(Number n) { return FaultyKey(n); }
  static Number Decode(const FaultyKey& key) { return key.number(); }
};

// Every other string is too long for the small-string buffer, and its number is
// at its end, behind a prefix that all of them share.
template <>
struct Code<std::string> {
  static constexpr std::string_view kName = "string";
  static constexpr std::string_view kLong = "a/prefix/that/all/long/ones/share/";

  static std::string Encode(Number n) {
    if (n == 0) return {};
    std::string text;
    if (n % 2 == 0) text = kLong;
    return text += std::to_string(n);
  }
  static Number Decode(std::string_view text) {
    if (text.empty()) return 0;
    const std::string_view whole = text;
    const bool is_long = text.starts_with(kLong);
    if (is_long) text.remove_prefix(kLong.size());
    Number n = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), n);
    if (error != std::errc() || end != text.data() + text.size() || n == 0 ||
        (n % 2 == 0) != is_long) {
      throw std::runtime_error("a string that nobody stored: '" +
                               std::string(whole) + "'");
    }
    return n;
  }
};

template <class K>
struct TruncatedHash {
  std::uint64_t operator()(const K& key) const noexcept {
    return DefaultHash<K>{}(key) & 0xf00000000000000f;
  }
};

template <class K>
struct ConstantHash {
  std::uint64_t operator()(const K&) const noexcept { return 0; }
};

// Any of the three, chosen when a check runs: a map is compiled once for them all.
template <class K>
struct ChosenHash {
  std::uint64_t operator()(const K& key) const noexcept {
    switch (hash_of_maps) {
      case HashKind::kGood: return DefaultHash<K>{}(key);
      case HashKind::kTruncated: return TruncatedHash<K>{}(key);
      case HashKind::kConstant: return ConstantHash<K>{}(key);
    }
    return 0;
  }
};

template <class Map>
class MapAdaptor final : public AnyMap {
  using K = typename Map::key_type;
  using V = typename Map::mapped_type;
  using KeyCode = Code<K>;
  using ValueCode = Code<V>;

 public:
  MapAdaptor() = default;
  explicit MapAdaptor(const typename Map::Options& options) : map_(options) {}

  std::optional<Number> Load(Number key) override {
    return Decode(map_.Load(KeyCode::Encode(key)));
  }
  bool Visit(Number key, const std::function<void(Number)>& f) override {
    return map_.Visit(KeyCode::Encode(key),
                      [&](const V& value) { f(ValueCode::Decode(value)); });
  }
  void Store(Number key, Number value) override {
    if constexpr (Supports<Map>(Op::kStore)) {
      map_.Store(KeyCode::Encode(key), ValueCode::Encode(value));
    } else {
      Unsupported(Op::kStore);
    }
  }
  Loaded<Number> LoadOrStore(Number key, Number value) override {
    if constexpr (Supports<Map>(Op::kLoadOrStore)) {
      return Decode(
          map_.LoadOrStore(KeyCode::Encode(key), ValueCode::Encode(value)));
    } else {
      Unsupported(Op::kLoadOrStore);
    }
  }
  std::optional<Number> LoadAndDelete(Number key) override {
    if constexpr (Supports<Map>(Op::kLoadAndDelete)) {
      return Decode(map_.LoadAndDelete(KeyCode::Encode(key)));
    } else {
      Unsupported(Op::kLoadAndDelete);
    }
  }
  bool Delete(Number key) override {
    if constexpr (Supports<Map>(Op::kDelete)) {
      return map_.Delete(KeyCode::Encode(key));
    } else {
      Unsupported(Op::kDelete);
    }
  }
  std::optional<Number> Swap(Number key, Number value) override {
    if constexpr (Supports<Map>(Op::kSwap)) {
      return Decode(map_.Swap(KeyCode::Encode(key), ValueCode::Encode(value)));
    } else {
      Unsupported(Op::kSwap);
    }
  }
  bool CompareAndSwap(Number key, Number expected, Number desired) override {
    if constexpr (Supports<Map>(Op::kCompareAndSwap)) {
      return map_.CompareAndSwap(KeyCode::Encode(key),
                                 ValueCode::Encode(expected),
                                 ValueCode::Encode(desired));
    } else {
      Unsupported(Op::kCompareAndSwap);
    }
  }
  bool CompareAndDelete(Number key, Number expected) override {
    if constexpr (Supports<Map>(Op::kCompareAndDelete)) {
      return map_.CompareAndDelete(KeyCode::Encode(key),
                                   ValueCode::Encode(expected));
    } else {
      Unsupported(Op::kCompareAndDelete);
    }
  }
  Loaded<Number> LoadOrCompute(Number key,
                               const std::function<Number()>& make) override {
    if constexpr (Supports<Map>(Op::kLoadOrCompute)) {
      return Decode(map_.LoadOrCompute(
          KeyCode::Encode(key), [&]() -> V { return ValueCode::Encode(make()); }));
    } else {
      Unsupported(Op::kLoadOrCompute);
    }
  }
  void Range(const std::function<bool(Number, Number)>& visit) override {
    if constexpr (Supports<Map>(Op::kRange)) {
      map_.Range([&](const K& key, const V& value) -> bool {
        return visit(KeyCode::Decode(key), ValueCode::Decode(value));
      });
    } else {
      Unsupported(Op::kRange);
    }
  }
  void Clear() override {
    if constexpr (Supports<Map>(Op::kClear)) {
      map_.Clear();
    } else {
      Unsupported(Op::kClear);
    }
  }
  std::size_t Size() override {
    if constexpr (Supports<Map>(Op::kSize)) {
      return map_.Size();
    } else {
      Unsupported(Op::kSize);
    }
  }
  void Reserve(std::size_t entries) override {
    if constexpr (Supports<Map>(Op::kReserve)) {
      map_.Reserve(entries);
    } else {
      Unsupported(Op::kReserve);
    }
  }
  void StoreBatch(std::span<const Pair> batch) override {
    if constexpr (Supports<Map>(Op::kStoreBatch)) {
      std::vector<std::pair<K, V>> encoded;
      encoded.reserve(batch.size());
      for (const auto& [key, value] : batch) {
        encoded.emplace_back(KeyCode::Encode(key), ValueCode::Encode(value));
      }
      map_.StoreBatch(std::span<const std::pair<K, V>>(encoded));
    } else {
      Unsupported(Op::kStoreBatch);
    }
  }
  std::size_t MemoryBytes() override {
    if constexpr (Supports<Map>(Op::kMemoryBytes)) {
      return map_.MemoryBytes();
    } else {
      Unsupported(Op::kMemoryBytes);
    }
  }
  bool Has(Op op) const override { return !Map::kTraits.unsupported.contains(op); }
  std::optional<std::size_t> MemoryBound() override {
    if constexpr (requires { map_.MemoryBound(); }) {
      return map_.MemoryBound();
    } else {
      return std::nullopt;
    }
  }

 private:
  static std::optional<Number> Decode(const std::optional<V>& value) {
    if (!value) return std::nullopt;
    return ValueCode::Decode(*value);
  }
  static Loaded<Number> Decode(const Loaded<V>& result) {
    return {ValueCode::Decode(result.value), result.loaded};
  }
  [[noreturn]] static void Unsupported(Op op) {
    throw std::logic_error("the kit called " + std::string(OpName(op)) +
                           ", which this map does not support");
  }

  Map map_;
};

// Describes `Map` to the checks. `strategy` is the name it goes by.
template <ConcurrentMap Map>
Subject MakeSubject(std::string_view strategy, HashKind hash) {
  using Options = typename Map::Options;
  Subject subject;
  subject.name = std::string(strategy) + " " +
                 std::string(Code<typename Map::key_type>::kName) + " -> " +
                 std::string(Code<typename Map::mapped_type>::kName) +
                 (hash == HashKind::kGood        ? ", good hash"
                  : hash == HashKind::kTruncated ? ", truncated hash"
                                                 : ", constant hash");
  subject.traits = Map::kTraits;
  subject.hash = hash;
  subject.counts_lives = std::same_as<typename Map::mapped_type, LifeCounted>;
  subject.long_keys = std::same_as<typename Map::key_type, std::string>;
  subject.faulty = std::same_as<typename Map::key_type, FaultyKey>;
  for (const Tunable<Options>& tunable : Map::kTunables) {
    subject.tunables.push_back({std::string(tunable.name), tunable.min,
                                tunable.max, Options{}.*(tunable.field)});
  }
  subject.make = [] { return std::make_unique<MapAdaptor<Map>>(); };
  subject.make_with = [](std::string_view name, std::int64_t value) {
    Options options;
    for (const Tunable<Options>& tunable : Map::kTunables) {
      if (tunable.name == name) options.*(tunable.field) = value;
    }
    return std::make_unique<MapAdaptor<Map>>(options);
  };
  subject.quiesce = [] {
    if constexpr (requires { Map::Quiesce(); }) Map::Quiesce();
  };
  subject.idle = [] {
    if constexpr (requires { Map::Idle(); }) Map::Idle();
  };
  return subject;
}

}  // namespace cmap::testing

#endif  // CMAP_MAPS_TESTING_ADAPTOR_H_
