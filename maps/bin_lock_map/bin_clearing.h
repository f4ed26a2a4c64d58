// SPDX-License-Identifier: Apache-2.0
//
// Empties bins of bin_lock_map, each under its lock, and retires what was in them as one
// object when it ends.
//
// Makes room in advance, so that it fails before it changes anything or, unless others
// insert meanwhile, not at all.
#ifndef CMAP_MAPS_BIN_LOCK_MAP_BIN_CLEARING_H_
#define CMAP_MAPS_BIN_LOCK_MAP_BIN_CLEARING_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "maps/bin_lock_map/bin_table.h"
#include "maps/internal/counting/long_adder.h"
#include "maps/internal/reclamation/epoch.h"

namespace cmap::internal {

template <class K, class V, class Atomics>
class BinClearing {
  using Table = BinTable<K, V, Atomics>;
  using Head = typename Table::Head;
  using Node = typename Table::Node;
  using Guard = typename EpochDomain<Atomics>::Guard;

 public:
  // `bins`: how many are expected not to be empty. Throws std::bad_alloc.
  BinClearing(LongAdder<Atomics>& entries, Guard& guard, std::size_t bins)
      : entries_(entries), guard_(guard), gone_(std::make_unique<Chains>()) {
    gone_->heads.reserve(bins);
    guard.Prepare(1);
  }
  BinClearing(const BinClearing&) = delete;
  BinClearing& operator=(const BinClearing&) = delete;
  ~BinClearing() {
    if (nodes_ == 0) return;
    guard_.Retire(gone_.release(), nodes_ * sizeof(Node));
  }

  // One bin, wherever it has been moved to.
  void Clear(Table& table, std::size_t i) {
    for (;;) {
      Head* const head = table[i].load(std::memory_order_acquire);  // (5)
      if (head == nullptr) return;
      if (Table* const next = Table::MovedTo(head)) {
        Clear(*next, i);
        Clear(*next, i + table.size());
        return;
      }
      Prepare();
      std::unique_lock lock(head->lock);
      if (table[i].load(std::memory_order_relaxed) != head) continue;
      Add(static_cast<Node*>(head));
      table[i].store(nullptr, std::memory_order_seq_cst);  // (17)
      return;
    }
  }

 private:
  struct Chains {
    Chains() = default;
    Chains(const Chains&) = delete;
    Chains& operator=(const Chains&) = delete;
    ~Chains() {
      for (Node* head : heads) Node::DeleteChain(head);
    }
    std::vector<Node*> heads;
  };

  // Room for one more.
  void Prepare() {
    auto& heads = gone_->heads;
    if (heads.size() == heads.capacity()) heads.reserve(2 * heads.size() + 8);
  }
  void Add(Node* head) noexcept {
    gone_->heads.push_back(head);
    std::size_t nodes = 0;
    for (; head != nullptr; head = head->Next()) ++nodes;
    entries_.Add(-static_cast<std::int64_t>(nodes));
    nodes_ += nodes;
  }

  LongAdder<Atomics>& entries_;
  Guard& guard_;
  std::unique_ptr<Chains> gone_;
  std::size_t nodes_ = 0;
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_BIN_LOCK_MAP_BIN_CLEARING_H_
