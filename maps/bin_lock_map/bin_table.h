// SPDX-License-Identifier: Apache-2.0
//
// The table of bin_lock_map: bins, what they may lead to, and walks along them.
// (bin_lock_map.h draws it. The orderings are numbered through it and the headers
// bin_*.h, in which it is written.)
//
//   BinTable   [ bin | bin | bin | bin | ... ]
//                |     |     |     |
//                null  node  head  forward, in the next table
//                            reserved, locked
//
// A walk follows forwards into the next tables; it needs a guard, and no lock.
#ifndef CMAP_MAPS_BIN_LOCK_MAP_BIN_TABLE_H_
#define CMAP_MAPS_BIN_LOCK_MAP_BIN_TABLE_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "maps/concurrent_map.h"
#include "maps/internal/locks/spin_lock.h"
#include "maps/internal/tables/chain.h"
#include "maps/internal/tables/trailing_array.h"

namespace cmap::internal {

// What a bin may lead to.
template <class Atomics>
struct BinHead {
  enum class Kind : std::uint8_t { kNode, kForward, kReserved };

  explicit BinHead(Kind k = Kind::kNode) : kind(k) {}

  Kind Now() const { return kind.load(std::memory_order_seq_cst); }  // (15), with (16)

  // Of a node: reserved at first if it comes to an empty bin.
  typename Atomics::template Atomic<Kind> kind;
  SpinLock<Atomics> lock;
};

template <class K, class V, class Atomics>
class BinTable : public TrailingArray<BinTable<K, V, Atomics>,
                                      typename Atomics::template Atomic<BinHead<Atomics>*>> {
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;

 public:
  using Head = BinHead<Atomics>;
  using Kind = typename Head::Kind;
  using Node = ChainNode<K, V, Atomics, Head>;
  using Bin = Atomic<Head*>;
  using Array = TrailingArray<BinTable, Bin>;

  static constexpr std::size_t kLeastBins = 16;

  // The most entries that so many bins are for.
  static constexpr std::size_t Threshold(std::size_t bins) { return bins - bins / 4; }

  explicit BinTable(std::size_t size)
      : Array(size), forward(this), to_claim(static_cast<std::int64_t>(size)) {}

  Bin& BinOf(std::uint64_t hash) { return (*this)[hash & (this->size() - 1)]; }

  static Node* AsNode(Head* head) {
    return head != nullptr && head->Now() == Kind::kNode ? static_cast<Node*>(head) : nullptr;
  }
  // The table to which a bin with this head has been moved; null if it has not.
  static BinTable* MovedTo(Head* head) {
    return head != nullptr && head->Now() == Kind::kForward ? static_cast<Forward*>(head)->to
                                                            : nullptr;
  }

  static const Node* Find(BinTable* table, std::uint64_t hash, const K& key) {
    while (table != nullptr) {
      // (5) pairs with (6), (7), (9) and (10): the nodes; and the bins of the next table,
      // which were linked before this one was forwarded. One order with (17).
      Head* const head = table->BinOf(hash).load(std::memory_order_seq_cst);
      if (head == nullptr || head->Now() != Kind::kForward) {
        return Node::Find(AsNode(head), hash, key);
      }
      table = static_cast<Forward*>(head)->to;
    }
    return nullptr;
  }

  // Visits the nodes of a bin, wherever they have been moved to, that are not among those
  // `met`.
  template <class F>
  bool Visit(std::size_t i, std::vector<const Node*>& met, F& visit) {
    Head* const head = (*this)[i].load(std::memory_order_seq_cst);  // (5)
    if (BinTable* const to = MovedTo(head)) {
      return to->Visit(i, met, visit) && to->Visit(i + this->size(), met, visit);
    }
    for (const Node* n = AsNode(head); n != nullptr; n = n->Next()) {
      const bool again = std::any_of(met.begin(), met.end(),
                                     [&](const Node* m) { return m->Holds(n->hash, n->key); });
      if (again) continue;
      met.push_back(n);
      if (!visit(n->key, n->value.Read())) return false;
    }
    return true;
  }

  // Of the nodes and the tables that follow too.
  std::size_t HeapBytesInAll() const {
    std::size_t bytes = 0;
    for (const BinTable* table = this; table != nullptr;
         table = table->next.load(std::memory_order_acquire)) {
      bytes += table->HeapBytesHeld();
      for (std::size_t i = 0; i < table->size(); ++i) {
        bytes += Node::HeapBytesOfChain(AsNode((*table)[i].load(std::memory_order_acquire)));
      }
    }
    return bytes;
  }

  // With nodes, and the tables that follow. Needs exclusive access.
  static void DeleteAll(BinTable* table) {
    while (table != nullptr) {
      for (std::size_t i = 0; i < table->size(); ++i) {
        Node::DeleteChain(AsNode((*table)[i].load(std::memory_order_acquire)));
      }
      Array::Delete(std::exchange(table, table->next.load(std::memory_order_acquire)));
    }
  }

  // Lives in the table it leads to.
  struct Forward : Head {
    explicit Forward(BinTable* t) : Head(Kind::kForward), to(t) {}
    BinTable* const to;
  };

  Forward forward;
  // Of growth out of this table (bin_growth.h).
  Atomic<bool> begun{false};
  Atomic<BinTable*> next{nullptr};
  // Away from what readers read.
  alignas(kCacheLine) Atomic<std::int64_t> to_claim;
  Atomic<std::size_t> moved{0};
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_BIN_LOCK_MAP_BIN_TABLE_H_
