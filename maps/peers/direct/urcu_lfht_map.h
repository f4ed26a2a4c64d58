// SPDX-License-Identifier: Apache-2.0
//
// liburcu's cds_lfht as its users call it, without the adapter: what the loop by hand of
// workloads/plain_loop.h calls. Nodes that are taken out are handed to this study's
// reclamation over liburcu, in batches: one call_rcu for each, as in its examples, would
// compare two ways to reclaim.
#ifndef CMAP_MAPS_PEERS_DIRECT_URCU_LFHT_MAP_H_
#define CMAP_MAPS_PEERS_DIRECT_URCU_LFHT_MAP_H_

// First, as it says which flavour of liburcu is meant.
#include "maps/internal/reclamation/rcu_memb.h"

#include <urcu/rculfhash.h>

#include <cstdint>
#include <new>

#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"

namespace cmap::peers {

template <class K, class V>
class DirectLfht {
  using Domain = internal::MembarrierDomain<NativeAtomics>;
  using Guard = typename Domain::Guard;
  struct Node : cds_lfht_node {
    Node(const K& k, const V& v) : key(k), value(v) {}
    const K key;
    const V value;
  };

 public:
  using key_type = K;
  using mapped_type = V;

  DirectLfht() {
    Attach();
    table_ = cds_lfht_new_flavor(1, 1, 0, CDS_LFHT_AUTO_RESIZE | CDS_LFHT_ACCOUNTING,
                                 &urcu_memb_flavor, nullptr);
    if (table_ == nullptr) throw std::bad_alloc();
  }
  ~DirectLfht() {
    {
      Guard guard;
      cds_lfht_iter at;
      cds_lfht_first(table_, &at);
      while (at.node != nullptr) {
        auto* const node = static_cast<Node*>(at.node);
        cds_lfht_next(table_, &at);
        guard.Prepare(1);
        if (cds_lfht_del(table_, node) == 0) guard.Retire(node);
      }
    }
    cds_lfht_destroy(table_, nullptr);
  }
  DirectLfht(const DirectLfht&) = delete;
  DirectLfht& operator=(const DirectLfht&) = delete;

  template <class F>
  [[gnu::always_inline]] bool Find(const K& key, F&& f) {
    cds_lfht_iter at;
    urcu_memb_read_lock();
    cds_lfht_lookup(table_, DefaultHash<K>{}(key), &Matches, &key, &at);
    const auto* const node = static_cast<const Node*>(cds_lfht_iter_get_node(&at));
    if (node != nullptr) f(node->value);
    urcu_memb_read_unlock();
    return node != nullptr;
  }
  [[gnu::always_inline]] void Put(const K& key, const V& value) {
    auto* const fresh = new Node(key, value);
    Guard guard;
    guard.Prepare(1);
    cds_lfht_node* const replaced =
        cds_lfht_add_replace(table_, DefaultHash<K>{}(key), &Matches, &key, fresh);
    if (replaced != nullptr) guard.Retire(static_cast<Node*>(replaced));
  }
  template <class F>
  [[gnu::always_inline]] bool FindOrAdd(const K& key, const V& value, F&& f) {
    if (Find(key, f)) return true;
    auto* const fresh = new Node(key, value);
    urcu_memb_read_lock();
    const cds_lfht_node* const linked =
        cds_lfht_add_unique(table_, DefaultHash<K>{}(key), &Matches, &key, fresh);
    const bool added = linked == fresh;
    if (!added) f(static_cast<const Node*>(linked)->value);
    urcu_memb_read_unlock();
    if (!added) delete fresh;
    return !added;
  }
  [[gnu::always_inline]] bool Erase(const K& key) {
    Guard guard;
    guard.Prepare(1);
    cds_lfht_iter at;
    do {
      cds_lfht_lookup(table_, DefaultHash<K>{}(key), &Matches, &key, &at);
      if (at.node == nullptr) return false;
    } while (cds_lfht_del(table_, at.node) != 0);
    guard.Retire(static_cast<Node*>(at.node));
    return true;
  }

  // Of every thread, before it calls anything else: registers it.
  static void Attach() { const Guard guard; }
  static void Quiesce() { Domain::Drain(); }
  static void Idle() noexcept { Domain::Idle(); }

 private:
  static int Matches(cds_lfht_node* node, const void* key) {
    return static_cast<const Node*>(node)->key == *static_cast<const K*>(key);
  }

  cds_lfht* table_;
};

}  // namespace cmap::peers

#endif  // CMAP_MAPS_PEERS_DIRECT_URCU_LFHT_MAP_H_
