// SPDX-License-Identifier: Apache-2.0
//
// The loop that somebody would write around a map by hand: it reads the tape, calls the
// map and adds up what it finds. It shares nothing with the study's loop (runner.h) but
// the tape and the tables of keys. What a contestant takes in the study's loop beyond what
// it takes here is what the harness costs that contestant.
//
// `Api` is the map as its users call it, or a library's map without the adapter by which
// it enters this study:
//
//   Find(k, f)          f(value) if the key is present; whether it is
//   Put(k, v)           k holds v from now on; absent where the library has none
//   FindOrAdd(k, v, f)  f(value) if the key is present, else it is added with v; whether
//                       it was present
//   Erase(k)            removes k; whether it was present
#ifndef CMAP_WORKLOADS_PLAIN_LOOP_H_
#define CMAP_WORKLOADS_PLAIN_LOOP_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "maps/concurrent_map.h"
#include "workloads/keys.h"
#include "workloads/runner.h"
#include "workloads/tape.h"

namespace cmap::workloads {

// A map of this study, called as its users call it.
template <class Map>
class OwnApi {
 public:
  using key_type = typename Map::key_type;
  using mapped_type = typename Map::mapped_type;

  explicit OwnApi(const typename Map::Options& options) : map_(options) {}

  template <class F>
  [[gnu::always_inline]] bool Find(const key_type& key, F&& f) {
    return map_.Visit(key, f);
  }
  [[gnu::always_inline]] void Put(const key_type& key,
                                  const mapped_type& value) requires(Supports<Map>(Op::kStore)) {
    map_.Store(key, value);
  }
  template <class F>
  [[gnu::always_inline]] bool FindOrAdd(const key_type& key, const mapped_type& value, F&& f) {
    const auto got = map_.LoadOrStore(key, value);
    if (got.loaded) f(got.value);
    return got.loaded;
  }
  [[gnu::always_inline]] bool Erase(const key_type& key) { return map_.Delete(key); }

  static void Quiesce() {
    if constexpr (requires { Map::Quiesce(); }) Map::Quiesce();
  }
  static void Idle() {
    if constexpr (requires { Map::Idle(); }) Map::Idle();
  }

 private:
  Map map_;
};

template <class Api>
inline constexpr bool kPuts = requires(Api api, typename Api::key_type k,
                                       typename Api::mapped_type v) {
  api.Put(k, v);
};

// The first operation of the tape that the loop does not play.
template <class Api>
std::optional<Op> FirstNotPlain(const Tape& tape) {
  for (std::size_t i = 0; i < kPointOps; ++i) {
    const auto op = static_cast<Op>(i);
    const bool plays = op == Op::kLoad || op == Op::kLoadOrStore || op == Op::kDelete ||
                       (op == Op::kStore && kPuts<Api>);
    if ((tape.op_set & OpBit(op)) != 0 && !plays) return op;
  }
  return std::nullopt;
}

namespace internal {

template <class Api, class K, class V>
[[gnu::noinline]] SliceResult FindPlainly(Api& api, std::span<const Entry> entries,
                                          const Keys<K>& keys) {
  std::uint64_t found = 0, sum = 0;
  for (const Entry entry : entries) {
    std::uint64_t word = 0;
    if (api.Find(keys(EntryIndex(entry)), [&word](const V& value) { word = WordOf(value); })) {
      ++found;
      sum += CheckPart(word);
    }
  }
  return {.ops = entries.size(), .hits = found, .check_sum = sum};
}

template <class Api, class K, class V>
[[gnu::noinline]] SliceResult PutPlainly(Api& api, std::span<const Entry> entries,
                                         std::size_t position, const Keys<K>& keys,
                                         const Values<V>& values) {
  for (const Entry entry : entries) {
    const std::uint32_t index = EntryIndex(entry);
    api.Put(keys(index), values(index, position++ & 1));
  }
  return {.ops = entries.size()};
}

template <class Api, class K, class V>
[[gnu::noinline]] SliceResult FindOrAddPlainly(Api& api, std::span<const Entry> entries,
                                               std::size_t position, const Keys<K>& keys,
                                               const Values<V>& values) {
  std::uint64_t found = 0, sum = 0;
  for (const Entry entry : entries) {
    const std::uint32_t index = EntryIndex(entry);
    const V& value = values(index, position++ & 1);
    std::uint64_t word = WordOf(value);
    found += api.FindOrAdd(keys(index), value, [&word](const V& held) { word = WordOf(held); });
    sum += CheckPart(word);
  }
  return {.ops = entries.size(), .loaded = found, .check_sum = sum};
}

template <class Api, class K, class V>
[[gnu::noinline]] SliceResult MixPlainly(Api& api, std::span<const Entry> entries,
                                         std::size_t position, const Keys<K>& keys,
                                         const Values<V>& values) {
  std::uint64_t hits = 0, loaded = 0, removed = 0, sum = 0;
  for (const Entry entry : entries) {
    const std::uint32_t index = EntryIndex(entry);
    const std::uint64_t version = position++ & 1;
    std::uint64_t word = 0;
    const auto take = [&word](const V& value) { word = WordOf(value); };
    switch (EntryOp(entry)) {
      case Op::kLoad:
        if (api.Find(keys(index), take)) {
          ++hits;
          sum += CheckPart(word);
        }
        break;
      case Op::kStore:
        if constexpr (kPuts<Api>) api.Put(keys(index), values(index, version));
        break;
      case Op::kLoadOrStore: {
        const V& value = values(index, version);
        take(value);
        loaded += api.FindOrAdd(keys(index), value, take);
        sum += CheckPart(word);
        break;
      }
      default:
        removed += api.Erase(keys(index));
    }
  }
  return {
      .ops = entries.size(), .hits = hits, .loaded = loaded, .removed = removed, .check_sum = sum};
}

}  // namespace internal

// PlayEntries of runner.h, as plain as can be. Values are counted and summed, not verified
// one by one. The tape holds nothing that FirstNotPlain names.
template <class Api, class K = typename Api::key_type, class V = typename Api::mapped_type>
SliceResult PlayPlainly(Api& api, std::span<const Entry> entries, std::size_t position,
                        std::uint32_t op_set, const Keys<K>& keys, const Values<V>& values) {
  if (op_set == OpBit(Op::kLoad)) {
    return internal::FindPlainly<Api, K, V>(api, entries, keys);
  }
  if constexpr (kPuts<Api>) {
    if (op_set == OpBit(Op::kStore)) {
      return internal::PutPlainly<Api, K, V>(api, entries, position, keys, values);
    }
  }
  if (op_set == OpBit(Op::kLoadOrStore)) {
    return internal::FindOrAddPlainly<Api, K, V>(api, entries, position, keys, values);
  }
  return internal::MixPlainly<Api, K, V>(api, entries, position, keys, values);
}

}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_PLAIN_LOOP_H_
