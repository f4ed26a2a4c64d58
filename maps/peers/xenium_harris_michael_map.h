// SPDX-License-Identifier: Apache-2.0
//
// xenium_harris_michael_map: an adapter of xenium's harris_michael_hash_map, a
// fixed number of buckets, each a sorted lock-free list.
//
//   bucket --> [ key, value | next, mark ] --> [ key, value | next, mark ] -->
//
// An element is removed by marking its next pointer; whoever meets a marked
// element takes it out, and epochs reclaim it. The table never grows: chains do.
//
// How operations are translated:
//   Visit              find
//   LoadOrStore        get_or_emplace
//   Delete             erase(key)
//   Range, Size, Clear the iterator; Range copies and visits afterwards, and
//                      passes over a key that was removed and stored again right
//                      behind itself (lists are sorted)
//
// Not supported:
//   Store, Swap, CompareAndSwap  the library does not replace values, and gives
//                      access to them without any protection
//   LoadAndDelete, CompareAndDelete   erase does not say which of several threads
//                      that remove one element has removed it with which value
//   LoadOrCompute      the function is called before it is known who inserts
//   Reserve            the number of buckets is part of the type
//
// Settings: hashes are not memorised for string keys, against the default: lists
// would then be sorted by two criteria at once, and an iteration could pass over
// elements. kBuckets is 512 by default; the documentation leaves its choice to
// the user, and a second contestant has 65536.
//
// Guarantees: point operations are linearizable and lock-free.
//
// Source: xenium, M. Pöter; M. Michael, High Performance Dynamic Lock-Free Hash
// Tables and List-Based Sets, SPAA 2002.
#ifndef CMAP_MAPS_PEERS_XENIUM_HARRIS_MICHAEL_MAP_H_
#define CMAP_MAPS_PEERS_XENIUM_HARRIS_MICHAEL_MAP_H_

#include <array>
#include <cassert>
#include <cstddef>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

// After <cassert>, which it uses without including it.
#include <xenium/harris_michael_hash_map.hpp>

#include "maps/concurrent_map.h"
#include "maps/internal/memory.h"
#include "maps/internal/tables/locked_map.h"
#include "maps/peers/clear_by_key.h"
#include "maps/peers/xenium_reclaimer.h"

namespace cmap {

template <class K, class V, class Hash = DefaultHash<K>,
          std::size_t kBuckets = 512>
class XeniumHarrisMichaelMap {
 public:
  using key_type = K;
  using mapped_type = V;
  using Options = NoOptions;

  static constexpr Traits kTraits = {
      .family = "peer",
      .summary = kBuckets == 512
                     ? "xenium::harris_michael_hash_map: 512 lock-free lists"
                     : "xenium::harris_michael_hash_map: 65536 lock-free lists",
      .source = "xenium 0.0.2; M. Michael, SPAA 2002",
      .read_progress = Progress::kLockFree,
      .write_progress = Progress::kLockFree,
      .reclamation = "epochs",
      .growth = "none: chains grow",
      .range = RangeConsistency::kWeak,
      .after_deletion = AfterDeletion::kNone,
      .unsupported = OpSet(Op::kStore, Op::kSwap, Op::kCompareAndSwap,
                           Op::kLoadAndDelete, Op::kCompareAndDelete,
                           Op::kLoadOrCompute, Op::kStoreBatch, Op::kReserve),
      .unsupported_reason = "the library inserts and removes but does not replace "
                            "values, and does not hand out what it removes",
      .caveat = "the number of buckets is fixed; Size walks the table",
  };
  static constexpr std::array<Tunable<Options>, 0> kTunables = {};

  XeniumHarrisMichaelMap() : map_(std::make_unique<Table>()) {}
  explicit XeniumHarrisMichaelMap(const Options&) : XeniumHarrisMichaelMap() {}
  XeniumHarrisMichaelMap(const XeniumHarrisMichaelMap&) = delete;
  XeniumHarrisMichaelMap& operator=(const XeniumHarrisMichaelMap&) = delete;

  std::optional<V> Load(const K& key) { return LoadByVisit<V>(*this, key); }

  template <class F>
  [[gnu::always_inline]] bool Visit(const K& key, F&& f) {
    const auto found = map_->find(key);
    if (found == map_->end()) return false;
    f(std::as_const(found->second));
    return true;
  }

  Loaded<V> LoadOrStore(const K& key, const V& value) {
    if constexpr (std::is_nothrow_copy_constructible_v<V>) {
      const auto [at, inserted] = map_->get_or_emplace(key, value);
      return {at->second, !inserted};
    } else {
      if (std::optional<V> present = Load(key)) return {*std::move(present), true};
      Loaded<V> result{value, false};  // before the insertion: it may throw
      const auto [at, inserted] = map_->get_or_emplace(key, value);
      if (inserted) return result;
      return {at->second, true};
    }
  }

  bool Delete(const K& key) { return map_->erase(key); }

  // O(n) memory.
  template <class F>
  void Range(F&& visit) {
    std::vector<std::pair<K, V>> entries;
    for (auto it = map_->begin(); it != map_->end(); ++it) {
      if (!entries.empty() && entries.back().first == it->first) continue;
      entries.emplace_back(it->first, it->second);
    }
    internal::VisitAll(entries, visit);
  }

  // By key: a walk that erases would meet one again that was stored anew.
  void Clear() { peers::ClearByKey(*this); }

  // O(n + buckets).
  std::size_t Size() {
    std::size_t size = 0;
    for (auto it = map_->begin(); it != map_->end(); ++it) ++size;
    return size;
  }

  // From the library's layout: a node is a deleter, a next pointer and the entry.
  std::size_t MemoryBytes() {
    std::size_t bytes = sizeof(*this) + internal::MallocBytes(sizeof(Table));
    for (auto it = map_->begin(); it != map_->end(); ++it) {
      bytes += internal::MallocBytes(2 * sizeof(void*) + sizeof(*it)) +
               internal::HeapBytes(it->first) + internal::HeapBytes(it->second);
    }
    return bytes;
  }

  static void Quiesce() { peers::XeniumQuiesce(); }

 private:
  using Table = xenium::harris_michael_hash_map<
      K, V, xenium::policy::reclaimer<peers::XeniumReclaimer>,
      xenium::policy::hash<Hash>, xenium::policy::buckets<kBuckets>,
      xenium::policy::memoize_hash<false>>;

  std::unique_ptr<Table> map_;
};

}  // namespace cmap

#endif  // CMAP_MAPS_PEERS_XENIUM_HARRIS_MICHAEL_MAP_H_
