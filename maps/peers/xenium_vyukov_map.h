// SPDX-License-Identifier: Apache-2.0
//
// xenium_vyukov_map: an adapter of xenium's vyukov_hash_map, buckets of three
// entries with a lock for writers and a version for readers.
//
//   bucket    [ lock, count, delete marker, version | head | 3 keys | 3 values ]
//   extension [ key | value | next ] x 10, for buckets that are full
//
// Readers take no lock: they read again when the version has changed. Writers
// lock the bucket. Growth locks all buckets and copies into a block of twice as
// many; readers go on in the old block, which epochs reclaim.
//
// How operations are translated:
//   Visit              try_get_value
//   LoadOrStore, LoadOrCompute   get_or_emplace_lazy: the factory runs under the
//                      bucket's lock, once, after the key was not found
//   Delete, LoadAndDelete        erase, extract
//   Range, Size        the iterator, which holds one bucket's lock at a time;
//                      Range copies and visits without a lock. Growth waits.
//   Clear              Delete for every key that an iteration finds
//
// Not supported:
//   Store, Swap, CompareAndSwap  the library does not replace values
//   CompareAndDelete   would need erase(iterator), which gives the bucket its
//                      former version back when it unlocks, so that a reader may
//                      miss a key that was moved meanwhile
//   Reserve            not offered
//   MemoryBytes        the number of buckets is not offered
// Keys and values of eight trivial bytes only: with others, erase of an absent
// key dereferences a null pointer in the packaged version.
//
// Walks recurse once for each empty bucket unless the compiler makes that a loop,
// as g++ and clang do from -O2 on: without optimisation large tables overflow the
// stack.
//
// Settings: tunable initial_buckets is the constructor's argument.
//
// Guarantees: point operations are linearizable. Load is lock-free but for the
// version that it waits for; others block.
//
// Source: xenium, M. Pöter; after D. Vyukov's hash map of 2008.
#ifndef CMAP_MAPS_PEERS_XENIUM_VYUKOV_MAP_H_
#define CMAP_MAPS_PEERS_XENIUM_VYUKOV_MAP_H_

#include <array>
#include <cassert>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

// After <cassert>, which it uses without including it.
#include <xenium/vyukov_hash_map.hpp>

#include "maps/concurrent_map.h"
#include "maps/internal/options.h"
#include "maps/internal/tables/locked_map.h"
#include "maps/peers/xenium_reclaimer.h"

namespace cmap {

struct XeniumVyukovMapOptions {
  std::int64_t initial_buckets = 128;
};

template <class K, class V, class Hash = DefaultHash<K>>
  requires std::integral<K> && std::integral<V>
class XeniumVyukovMap {
 public:
  using key_type = K;
  using mapped_type = V;
  using Options = XeniumVyukovMapOptions;

  static constexpr Traits kTraits = {
      .family = "peer",
      .summary = "xenium::vyukov_hash_map: buckets of three, locked by writers, "
                 "with a version for readers",
      .source = "xenium 0.0.2; D. Vyukov 2008",
      .read_progress = Progress::kLockFree,
      .write_progress = Progress::kBlocking,
      .reclamation = "epochs",
      .growth = "doubles, all at once, with every bucket locked; readers go on",
      .range = RangeConsistency::kWeak,
      .after_deletion = AfterDeletion::kAll,
      .unsupported = OpSet(Op::kStore, Op::kSwap, Op::kCompareAndSwap,
                           Op::kCompareAndDelete, Op::kStoreBatch, Op::kReserve,
                           Op::kMemoryBytes),
      .unsupported_reason = "the library inserts and removes but does not replace "
                            "values, and does not say how large it is",
      .caveat = "integer keys and values only; Size walks the table",
  };
  static constexpr std::array<Tunable<Options>, 1> kTunables = {{
      {"initial_buckets", &Options::initial_buckets, 1, 1 << 28,
       "buckets of three entries the table starts with, rounded up to a power of "
       "two"},
  }};

  XeniumVyukovMap() : XeniumVyukovMap(Options{}) {}
  explicit XeniumVyukovMap(const Options& options)
      : map_(static_cast<std::size_t>(
            internal::CheckOptions("xenium_vyukov_map", options, kTunables)
                .initial_buckets)) {}
  XeniumVyukovMap(const XeniumVyukovMap&) = delete;
  XeniumVyukovMap& operator=(const XeniumVyukovMap&) = delete;

  std::optional<V> Load(const K& key) { return LoadByVisit<V>(*this, key); }

  template <class F>
  [[gnu::always_inline]] bool Visit(const K& key, F&& f) {
    typename Table::accessor found;
    if (!map_.try_get_value(key, found)) return false;
    f(*found);
    return true;
  }

  Loaded<V> LoadOrStore(const K& key, const V& value) {
    return LoadOrCompute(key, [&] { return value; });
  }

  // f runs under the lock of the key's bucket.
  template <class F>
  Loaded<V> LoadOrCompute(const K& key, F&& make) {
    const auto [value, inserted] =
        map_.get_or_emplace_lazy(key, [&]() -> V { return make(); });
    return {*value, !inserted};
  }

  std::optional<V> LoadAndDelete(const K& key) {
    typename Table::accessor removed;
    if (!map_.extract(key, removed)) return std::nullopt;
    return *removed;
  }

  bool Delete(const K& key) { return map_.erase(key); }

  // O(n) memory.
  template <class F>
  void Range(F&& visit) {
    internal::VisitAll(Entries(), visit);
  }

  // O(n) memory.
  void Clear() {
    for (const auto& entry : Entries()) map_.erase(entry.first);
  }

  // O(buckets).
  std::size_t Size() {
    std::size_t size = 0;
    for (auto it = map_.begin(); it != map_.end(); ++it) ++size;
    return size;
  }

  static void Quiesce() { peers::XeniumQuiesce(); }

 private:
  using Table =
      xenium::vyukov_hash_map<K, V,
                              xenium::policy::reclaimer<peers::XeniumReclaimer>,
                              xenium::policy::hash<Hash>>;

  // A key is found at most once: it stays in its bucket, which is locked while
  // it is walked, and growth waits.
  std::vector<std::pair<K, V>> Entries() {
    std::vector<std::pair<K, V>> entries;
    for (auto it = map_.begin(); it != map_.end(); ++it) {
      const auto entry = *it;
      entries.emplace_back(entry.first, entry.second);
    }
    return entries;
  }

  Table map_;
};

}  // namespace cmap

#endif  // CMAP_MAPS_PEERS_XENIUM_VYUKOV_MAP_H_
