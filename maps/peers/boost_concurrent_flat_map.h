// SPDX-License-Identifier: Apache-2.0
//
// boost_concurrent_flat_map: an adapter of boost::concurrent_flat_map, an
// open-addressing table whose groups of 15 slots carry a reader-writer spin
// lock each.
//
//   group   [ 15 reduced hashes | overflow byte ]   compared with one vector
//   access  [ rw spin lock | insertion counter ]    instruction
//   slots   [ pair ] x 15
//
// An operation holds the table's own lock shared (one of 128 spin locks, chosen
// per thread) and, while it looks at or changes elements, the lock of the group.
// Growth takes all 128 and moves everything at once.
//
// How operations are translated. A visitor runs under the group's lock, shared
// for cvisit and exclusive for the others, so what it does is atomic:
//   Visit              cvisit
//   VisitBatch         cvisit of a range (bulk visit), 16 keys at a time
//   Store              insert_or_assign
//   LoadOrStore, VisitOrStore    try_emplace_or_cvisit (LoadOrStore of values that are not
//                      trivial to copy: as LoadOrCompute)
//   LoadOrCompute      the same with a value that is computed by being converted:
//                      the table does that in the slot, once, after it has made
//                      sure that nobody else inserted
//   Swap               try_emplace_or_visit
//   CompareAndSwap     visit
//   LoadAndDelete, CompareAndDelete   erase_if with a predicate that looks
//   Clear              clear, which holds the table's lock exclusively: atomic
//   Range              the copy constructor, which holds the table's lock
//                      exclusively, then the visitor without a lock. (cvisit_all
//                      forbids visitors that call the map, and meets a key twice
//                      that is removed and stored again during the visit.)
//
// Settings: DefaultHash is marked as avalanching, which the documentation recommends
// for hashes that mix all bits; after any other hash the table mixes again. Tunable initial_capacity is the constructor's argument.
//
// Guarantees: point operations are linearizable; blocking (a thread stopped
// inside a group holds its lock).
//
// Source: Boost.Unordered, J. M. López Muñoz, C. Mazakas; since Boost 1.83.
#ifndef CMAP_MAPS_PEERS_BOOST_CONCURRENT_FLAT_MAP_H_
#define CMAP_MAPS_PEERS_BOOST_CONCURRENT_FLAT_MAP_H_

#include <array>
#include <boost/unordered/concurrent_flat_map.hpp>
#include <boost/version.hpp>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

#include "maps/concurrent_map.h"
#include "maps/internal/memory.h"
#include "maps/internal/options.h"
#include "maps/peers/lazy.h"

namespace cmap {

struct BoostConcurrentFlatMapOptions {
  std::int64_t initial_capacity = 0;
};

template <class K, class V, class Hash = DefaultHash<K>>
class BoostConcurrentFlatMap {
 public:
  using key_type = K;
  using mapped_type = V;
  using Options = BoostConcurrentFlatMapOptions;

  static constexpr Traits kTraits = {
      .family = "peer",
      .summary = "boost::concurrent_flat_map: open addressing, groups of 15 "
                 "slots behind a reader-writer spin lock each",
      .source = "Boost.Unordered " BOOST_LIB_VERSION,
      .read_progress = Progress::kBlocking,
      .write_progress = Progress::kBlocking,
      .reclamation = "none needed",
      .growth = "doubles at load factor 0.875, all at once, everybody waits",
      .range = RangeConsistency::kSnapshot,
      .clear_is_atomic = true,
      .after_deletion = AfterDeletion::kAll,
      .unsupported = OpSet(Op::kSize),
      .unsupported_reason = "size() counts an insertion before it is known to be one, "
                            "and so more entries than there ever were",
      .caveat = "Load writes to two locks that readers share",
  };
  static constexpr std::array<Tunable<Options>, 1> kTunables = {{
      {"initial_capacity", &Options::initial_capacity, 0, 1 << 28,
       "entries the table has room for at first (0: the library's default, no "
       "room)"},
  }};

  BoostConcurrentFlatMap() = default;
  explicit BoostConcurrentFlatMap(const Options& options)
      : map_(static_cast<std::size_t>(
            internal::CheckOptions("boost_concurrent_flat_map", options,
                                   kTunables)
                .initial_capacity)) {}
  BoostConcurrentFlatMap(const BoostConcurrentFlatMap&) = delete;
  BoostConcurrentFlatMap& operator=(const BoostConcurrentFlatMap&) = delete;

  std::optional<V> Load(const K& key) { return LoadByVisit<V>(*this, key); }

  template <class F>
  [[gnu::always_inline]] bool Visit(const K& key, F&& f) {
    return map_.cvisit(key, [&](const auto& entry) { f(entry.second); }) != 0;
  }

  template <class F>
  [[gnu::always_inline]] std::size_t VisitBatch(std::span<const K> keys, F&& f) {
    return map_.cvisit(keys.begin(), keys.end(),
                       [&](const auto& entry) { f(entry.first, entry.second); });
  }

  void Store(const K& key, const V& value) { map_.insert_or_assign(key, value); }

  Loaded<V> LoadOrStore(const K& key, const V& value) {
    if constexpr (std::is_trivially_copyable_v<V>) {
      return LoadOrStoreByVisit(*this, key, value);
    } else {
      return LoadOrCompute(key, [&]() -> const V& { return value; });
    }
  }

  template <class F>
  [[gnu::always_inline]] bool VisitOrStore(const K& key, const V& value, F&& f) {
    return !map_.try_emplace_or_cvisit(key, value,
                                       [&](const auto& entry) { f(entry.second); });
  }

  // f runs under the lock of the key's group. The copy to be returned is made
  // before the one to be stored: afterwards nothing may throw.
  template <class F>
  Loaded<V> LoadOrCompute(const K& key, F&& make) {
    std::optional<V> present;
    std::optional<V> made;
    const auto make_once = [&]() -> V { return made.emplace(make()); };
    map_.try_emplace_or_cvisit(
        key, peers::Lazy(make_once),
        [&](const auto& entry) { present.emplace(entry.second); });
    if (present) return {*std::move(present), true};
    return {*std::move(made), false};
  }

  std::optional<V> LoadAndDelete(const K& key) {
    std::optional<V> removed;
    map_.erase_if(key, [&](auto& entry) {
      removed.emplace(entry.second);
      return true;
    });
    return removed;
  }

  bool Delete(const K& key) { return map_.erase(key) != 0; }

  std::optional<V> Swap(const K& key, const V& value) {
    std::optional<V> old;
    map_.try_emplace_or_visit(key, value, [&](auto& entry) {
      V desired(value);
      old.emplace(std::exchange(entry.second, std::move(desired)));
    });
    return old;
  }

  bool CompareAndSwap(const K& key, const V& expected, const V& desired) {
    bool swapped = false;
    map_.visit(key, [&](auto& entry) {
      if (!(entry.second == expected)) return;
      entry.second = desired;
      swapped = true;
    });
    return swapped;
  }

  bool CompareAndDelete(const K& key, const V& expected) {
    return map_.erase_if(key, [&](auto& entry) {
      return entry.second == expected;
    }) != 0;
  }

  // O(n) memory, and everybody waits for the copy.
  template <class F>
  void Range(F&& visit) {
    const Table snapshot(map_);
    bool wanted = true;  // visit_while came with Boost 1.84
    snapshot.cvisit_all([&](const auto& entry) {
      if (wanted) wanted = visit(entry.first, entry.second);
    });
  }

  void Clear() { map_.clear(); }
  std::size_t Size() { return map_.size(); }
  void Reserve(std::size_t entries) { map_.reserve(entries); }

  void StoreBatch(std::span<const std::pair<K, V>> batch) {
    for (const auto& [key, value] : batch) Store(key, value);
  }

  // From the library's layout (unordered/detail/foa): one block for the slots,
  // of which the last group has one less, and the groups' 16 bytes; another for
  // their locks and counters.
  std::size_t MemoryBytes() {
    std::size_t bytes = sizeof(*this);
    if (const std::size_t slots = map_.bucket_count(); slots != 0) {
      const std::size_t groups = (slots + 1) / kGroupSlots;
      bytes += internal::MallocBytes(slots * sizeof(Entry) +
                                     (groups + 1) * kGroupBytes - 1);
      bytes += internal::MallocBytes(groups * kAccessBytes);
    }
    if constexpr (internal::kOwnsHeap<K> || internal::kOwnsHeap<V>) {
      map_.cvisit_all([&](const auto& entry) {
        bytes += internal::HeapBytes(entry.first) +
                 internal::HeapBytes(entry.second);
      });
    }
    return bytes;
  }

 private:
  using Entry = std::pair<const K, V>;
  static constexpr std::size_t kGroupSlots = 15;
  static constexpr std::size_t kGroupBytes = 16;
  static constexpr std::size_t kAccessBytes = 8;

  struct Avalanching : Hash {
    using is_avalanching = std::true_type;
  };

  using Table = boost::concurrent_flat_map<
      K, V, std::conditional_t<std::same_as<Hash, DefaultHash<K>>, Avalanching, Hash>>;

  Table map_;
};

}  // namespace cmap

#endif  // CMAP_MAPS_PEERS_BOOST_CONCURRENT_FLAT_MAP_H_
