// SPDX-License-Identifier: Apache-2.0
//
// The nodes of hash tables whose chains are read without a lock: what segment_map and
// bin_lock_map have in common.
//
//   bin --> node --> node --> node --> null
//
// One writer at a time changes a chain, the holder of its lock. It links and bypasses
// nodes by sequentially consistent stores, as its effect must be there for all when it
// returns (value_cell.h), replaces a value inside its node (value_cell.h), and retires
// what it has taken out. Readers under a guard go on along `next` also from a node that
// is linked no more.
//
// When a table grows, a chain is distributed among several bins while readers may be on
// it. Its trailing run, the last nodes that all go to the same bin, belongs to the old
// chain and to the new one. What comes before the run is copied, and the originals are
// retired when the copies are reachable. A copy shares its original's box: one of the two
// has to be deleted without its value.
#ifndef CMAP_MAPS_INTERNAL_TABLES_CHAIN_H_
#define CMAP_MAPS_INTERNAL_TABLES_CHAIN_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "maps/internal/memory.h"
#include "maps/internal/tables/value_cell.h"

namespace cmap::internal {

struct NoHead {};

// `Head`: what a node has besides.
template <class K, class V, class Atomics, class Head = NoHead>
struct ChainNode : Head {
  using Cell = ValueCell<V, Atomics>;
  using Fresh = typename Cell::Fresh;
  using Link = typename Atomics::template Atomic<ChainNode*>;

  ChainNode(std::uint64_t h, const K& k, Fresh v) : hash(h), key(k), value(std::move(v)) {}
  // For growth: shares the value.
  ChainNode(const ChainNode& original, ChainNode* n)
      : next(n), hash(original.hash), key(original.key), value(original.value) {}

  // Where a link leads. (C1) pairs with the stores of the maps: a node as its writer made
  // it.
  static ChainNode* Follow(const Link& link) { return link.load(std::memory_order_seq_cst); }
  ChainNode* Next() const { return Follow(next); }

  bool Holds(std::uint64_t h, const K& k) const { return hash == h && key == k; }
  static ChainNode* Find(ChainNode* node, std::uint64_t hash, const K& key) {
    while (node != nullptr && !node->Holds(hash, key)) node = node->Next();
    return node;
  }

  struct Run {
    ChainNode* first;
    std::size_t length;
  };
  // The last nodes of a chain that all go to the same bin, by `bin_of` their hashes.
  template <class F>
  static Run TrailingRun(ChainNode* first, F bin_of) {
    Run run{first, 0};
    for (ChainNode* node = first; node != nullptr; node = node->Next()) {
      if (bin_of(node->hash) != bin_of(run.first->hash)) run = {node, 0};
      ++run.length;
    }
    return run;
  }

  // The originals of copies, up to the run that both lead to. Prepared for.
  template <class Guard>
  static void RetireOriginals(ChainNode* original, const ChainNode* run, Guard& guard) noexcept {
    while (original != run) {
      guard.Retire(std::exchange(original, original->Next()), &DeleteWithoutValue,
                   sizeof(ChainNode));
    }
  }
  // Copies that nobody has seen, up to the run.
  static void DeleteCopies(ChainNode* copy, const ChainNode* run) {
    while (copy != nullptr && copy != run) DeleteWithoutValue(std::exchange(copy, copy->Next()));
  }
  // Needs exclusive access.
  static void DeleteChain(ChainNode* node) {
    while (node != nullptr) delete std::exchange(node, node->Next());
  }

  static std::size_t HeapBytesOfChain(const ChainNode* node) {
    std::size_t bytes = 0;
    for (; node != nullptr; node = node->Next()) {
      bytes += MallocBytes(sizeof(ChainNode)) + HeapBytes(node->key) + node->value.HeapBytesHeld();
    }
    return bytes;
  }

  Link next{nullptr};
  const std::uint64_t hash;
  const K key;
  Cell value;

 private:
  static void DeleteWithoutValue(void* object) {
    auto* const node = static_cast<ChainNode*>(object);
    node->value.Release();
    delete node;
  }
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_INTERNAL_TABLES_CHAIN_H_
