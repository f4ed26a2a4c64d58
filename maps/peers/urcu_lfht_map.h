// SPDX-License-Identifier: Apache-2.0
//
// urcu_lfht_map: an adapter of liburcu's rculfhash, a lock-free split-ordered
// list whose shortcuts double and halve in the background, for readers under
// userspace RCU.
//
//   bucket nodes -> node -> node -> bucket node -> node ->   one list in the
//        ^                               ^                   order of the
//   table of bucket nodes, by the bits of the hash           reversed hash
//
// Readers write nothing shared. A node that is removed is marked, then taken out
// by whoever passes; it is freed after a grace period (internal/reclamation/rcu.h).
//
// How operations are translated, with nodes that never change:
//   Load               lookup in a read-side section
//   Store, Swap        add_replace: links the new node in place of the old one
//   LoadOrStore        add_unique, after a lookup that spares the node
//   CompareAndSwap     lookup, comparison, replace of exactly that node; again
//                      when it was replaced or removed meanwhile
//   Delete, LoadAndDelete, CompareAndDelete   the same with del
//   Range, Clear       traversal in one read-side section; Range copies and
//                      visits afterwards. A key that was replaced or stored again
//                      meanwhile may come up twice, among the keys of its hash:
//                      it is passed over.
//
// Not supported:
//   LoadOrCompute      the value is computed before it is known who inserts
//   MemoryBytes        the number of buckets is not offered
//
// Settings: CDS_LFHT_AUTO_RESIZE, by a thread of the library's own, with
// CDS_LFHT_ACCOUNTING, which the documentation recommends with it. Tunables
// initial_buckets and min_buckets are the constructor's arguments.
//
// A table that stops growing. Who finds the table too small queues the resize and
// then stores resize_initiated = 1, which keeps others from queuing it again; the
// library's thread stores 0 when it is done. If it is done before the 1 is stored,
// as with small tables it often is, the 1 stays and the table never grows again (seen
// with 0.13.2; 0.15 reads the same): of tables filled with 40 000 entries by a program
// of twenty lines one in five ended so, every lookup a hundred times slower. Hence the
// adapter counts entries and asks by cds_lfht_resize when there are twice as many a
// bucket as the library allows (8), which also lets the library's own wishes through
// again. Without a lost wish it changes the library's sizes little.
//
// Guarantees: point operations are linearizable. Load and updates are lock-free;
// a thread that retires faster than memory can be freed waits.
//
// Source: Userspace RCU, M. Desnoyers, L. Jiangshan; rculfhash; O. Shalev,
// N. Shavit, Split-Ordered Lists, 2006.
#ifndef CMAP_MAPS_PEERS_URCU_LFHT_MAP_H_
#define CMAP_MAPS_PEERS_URCU_LFHT_MAP_H_

// The flavour comes before the table, which asks for it.
#include "maps/internal/reclamation/rcu_memb.h"

#include <urcu/rculfhash.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"
#include "maps/internal/counting/striped_counter.h"
#include "maps/internal/options.h"
#include "maps/internal/tables/locked_map.h"
#include "maps/peers/clear_by_key.h"

namespace cmap {

struct UrcuLfhtMapOptions {
  std::int64_t initial_buckets = 1;
  std::int64_t min_buckets = 1;
};

template <class K, class V, class Hash = DefaultHash<K>>
class UrcuLfhtMap {
 public:
  using key_type = K;
  using mapped_type = V;
  using Options = UrcuLfhtMapOptions;

  static constexpr Traits kTraits = {
      .family = "peer",
      .summary = "liburcu's rculfhash: a lock-free split-ordered list under "
                 "userspace RCU",
      .source = "liburcu 0.13.2, rculfhash",
      .read_progress = Progress::kLockFree,
      .write_progress = Progress::kBlocking,
      .reclamation = "RCU (liburcu memb)",
      .growth = "the table doubles in a background thread; nothing moves",
      .range = RangeConsistency::kWeak,
      .after_deletion = AfterDeletion::kNone,
      .unsupported = OpSet(Op::kLoadOrCompute, Op::kMemoryBytes),
      .unsupported_reason = "the library links finished nodes only and does not "
                            "say how many buckets it has",
      .caveat = "a background thread resizes and may forget to, then the adapter "
                "asks again; Size walks the table",
  };
  static constexpr std::array<Tunable<Options>, 2> kTunables = {{
      {"initial_buckets", &Options::initial_buckets, 1, 1 << 28,
       "buckets the table starts with, rounded up to a power of two"},
      {"min_buckets", &Options::min_buckets, 1, 1 << 28,
       "buckets below which the table does not shrink, rounded up to a power of "
       "two"},
  }};

  UrcuLfhtMap() : UrcuLfhtMap(Options{}) {}
  explicit UrcuLfhtMap(const Options& options) {
    internal::CheckOptions("urcu_lfht_map", options, kTunables);
    { const Guard registers_this_thread; }
    const auto least = std::bit_ceil(static_cast<unsigned long>(options.min_buckets));
    const auto first =
        std::bit_ceil(static_cast<unsigned long>(options.initial_buckets));
    table_ = cds_lfht_new_flavor(std::max(first, least), least, 0,
                                 CDS_LFHT_AUTO_RESIZE | CDS_LFHT_ACCOUNTING,
                                 &urcu_memb_flavor, nullptr);
    if (table_ == nullptr) throw std::bad_alloc();
    asked_.store(std::max(first, least), std::memory_order_relaxed);
  }
  ~UrcuLfhtMap() {
    RemoveAll();
    cds_lfht_destroy(table_, nullptr);
  }
  UrcuLfhtMap(const UrcuLfhtMap&) = delete;
  UrcuLfhtMap& operator=(const UrcuLfhtMap&) = delete;

  std::optional<V> Load(const K& key) { return LoadByVisit<V>(*this, key); }

  template <class F>
  [[gnu::always_inline]] bool Visit(const K& key, F&& f) {
    const Guard guard;
    const Node* node = Lookup(Hash{}(key), key).node;
    if (node == nullptr) return false;
    f(node->value);
    return true;
  }

  void Store(const K& key, const V& value) {
    const std::uint64_t hash = Hash{}(key);
    auto node = std::make_unique<Node>(key, value);
    {
      Guard guard;
      guard.Prepare(1);
      cds_lfht_node* const replaced =
          cds_lfht_add_replace(table_, hash, &Matches, &key, node.release());
      if (replaced != nullptr) return guard.Retire(static_cast<Node*>(replaced));
    }
    Added(hash);
  }

  Loaded<V> LoadOrStore(const K& key, const V& value) {
    const std::uint64_t hash = Hash{}(key);
    std::optional<Guard> guard(std::in_place);
    if (const Node* node = Lookup(hash, key).node) return {node->value, true};
    auto node = std::make_unique<Node>(key, value);
    Loaded<V> result{value, false};  // before the insertion: it may throw
    const cds_lfht_node* linked =
        cds_lfht_add_unique(table_, hash, &Matches, &key, node.get());
    if (linked != node.get()) {
      return {static_cast<const Node*>(linked)->value, true};
    }
    node.release();
    guard.reset();
    Added(hash);
    return result;
  }

  std::optional<V> LoadAndDelete(const K& key) {
    return Remove(key, [](const V&) { return true; });
  }

  bool Delete(const K& key) {
    const std::uint64_t hash = Hash{}(key);
    Guard guard;
    guard.Prepare(1);
    Node* removed = Lookup(hash, key).node;
    // When somebody else removes or replaces it, the key was absent or present
    // with another value for a moment: look again.
    while (removed != nullptr && cds_lfht_del(table_, removed) != 0) {
      removed = Lookup(hash, key).node;
    }
    if (removed == nullptr) return false;
    guard.Retire(removed);
    count_.Add(-1);
    return true;
  }

  std::optional<V> Swap(const K& key, const V& value) {
    const std::uint64_t hash = Hash{}(key);
    auto node = std::make_unique<Node>(key, value);
    std::optional<Guard> guard(std::in_place);
    guard->Prepare(1);
    for (;;) {
      Found found = Lookup(hash, key);
      if (found.node == nullptr) {
        if (cds_lfht_add_unique(table_, hash, &Matches, &key, node.get()) ==
            node.get()) {
          node.release();
          guard.reset();
          Added(hash);
          return std::nullopt;
        }
        continue;
      }
      // Before the replacement: it may throw.
      std::optional<V> old(found.node->value);
      if (cds_lfht_replace(table_, &found.at, hash, &Matches, &key,
                           node.get()) == 0) {
        node.release();
        guard->Retire(found.node);
        return old;
      }
    }
  }

  bool CompareAndSwap(const K& key, const V& expected, const V& desired) {
    const std::uint64_t hash = Hash{}(key);
    std::unique_ptr<Node> node;
    Guard guard;
    guard.Prepare(1);
    for (;;) {
      Found found = Lookup(hash, key);
      if (found.node == nullptr || !(found.node->value == expected)) return false;
      if (!node) node = std::make_unique<Node>(key, desired);
      if (cds_lfht_replace(table_, &found.at, hash, &Matches, &key,
                           node.get()) == 0) {
        node.release();
        guard.Retire(found.node);
        return true;
      }
    }
  }

  bool CompareAndDelete(const K& key, const V& expected) {
    return Remove(key, [&](const V& value) { return value == expected; })
        .has_value();
  }

  // O(n) memory.
  template <class F>
  void Range(F&& visit) {
    std::vector<std::pair<K, V>> entries;
    {
      const Guard guard;
      std::size_t same_hash = 0;  // where the entries of the present hash begin
      unsigned long hash = 0;
      cds_lfht_iter at;
      cds_lfht_first(table_, &at);
      for (; at.node != nullptr; cds_lfht_next(table_, &at)) {
        if (at.node->reverse_hash != hash) {
          hash = at.node->reverse_hash;
          same_hash = entries.size();
        }
        const Node& node = *static_cast<const Node*>(at.node);
        const auto begin =
            entries.begin() + static_cast<std::ptrdiff_t>(same_hash);
        if (std::none_of(begin, entries.end(), [&](const auto& entry) {
              return entry.first == node.key;
            })) {
          entries.emplace_back(node.key, node.value);
        }
      }
    }
    internal::VisitAll(entries, visit);
  }

  // By key: a node may be replaced meanwhile.
  void Clear() { peers::ClearByKey(*this); }

  // O(n + buckets).
  std::size_t Size() {
    const Guard guard;
    long before, after;
    unsigned long count;
    cds_lfht_count_nodes(table_, &before, &count, &after);
    return count;
  }

  // The table may shrink again when it is used by fewer.
  void Reserve(std::size_t entries) {
    { const Guard registers_this_thread; }
    if (entries == 0) return;
    const std::size_t buckets = std::bit_ceil(entries);
    asked_.store(buckets, std::memory_order_relaxed);
    cds_lfht_resize(table_, buckets);
  }

  void StoreBatch(std::span<const std::pair<K, V>> batch) {
    for (const auto& [key, value] : batch) Store(key, value);
  }

  static void Quiesce() { Domain::Drain(); }
  static void Idle() noexcept { Domain::Idle(); }

 private:
  // For the destructor: nobody else is there.
  void RemoveAll() {
    Guard guard;
    cds_lfht_iter at;
    cds_lfht_first(table_, &at);
    while (at.node != nullptr) {
      Node* const node = static_cast<Node*>(at.node);
      cds_lfht_next(table_, &at);
      guard.Prepare(1);
      if (cds_lfht_del(table_, node) == 0) guard.Retire(node);
    }
  }

  using Domain = internal::MembarrierDomain<NativeAtomics>;
  using Guard = typename Domain::Guard;

  struct Node : cds_lfht_node {
    Node(const K& k, const V& v) : key(k), value(v) {}
    const K key;
    const V value;
  };
  struct Found {
    cds_lfht_iter at;
    Node* node;
  };

  static int Matches(cds_lfht_node* node, const void* key) {
    return static_cast<const Node*>(node)->key == *static_cast<const K*>(key);
  }

  // Outside of guards: a resize waits for grace periods.
  void Added(std::uint64_t hash) {
    count_.Add(1);
    if (hash % 64 != 0) [[likely]] return;  // counting is dear, and seldom enough
    std::size_t asked = asked_.load(std::memory_order_relaxed);
    const std::size_t wanted = std::bit_floor(count_.Sum() | 1);
    if (wanted / 16 < asked) [[likely]] return;
    // Relaxed: of several that come here one asks; the table has its own lock.
    if (asked_.compare_exchange_strong(asked, wanted, std::memory_order_relaxed)) {
      cds_lfht_resize(table_, wanted);
    }
  }

  Found Lookup(std::uint64_t hash, const K& key) {
    Found found;
    cds_lfht_lookup(table_, hash, &Matches, &key, &found.at);
    found.node = static_cast<Node*>(cds_lfht_iter_get_node(&found.at));
    return found;
  }

  // Removes the key when `wanted` holds of its value; returns the value.
  template <class Wanted>
  std::optional<V> Remove(const K& key, Wanted wanted) {
    const std::uint64_t hash = Hash{}(key);
    Guard guard;
    guard.Prepare(1);
    for (;;) {
      Node* const node = Lookup(hash, key).node;
      if (node == nullptr || !wanted(node->value)) return std::nullopt;
      std::optional<V> value(node->value);  // before the removal: it may throw
      if (cds_lfht_del(table_, node) == 0) {
        guard.Retire(node);
        count_.Add(-1);
        return value;
      }
    }
  }

  cds_lfht* table_;
  internal::StripedCounter<NativeAtomics> count_;  // entries
  std::atomic<std::size_t> asked_;  // buckets, as this adapter last asked for
};

}  // namespace cmap

#endif  // CMAP_MAPS_PEERS_URCU_LFHT_MAP_H_
