// SPDX-License-Identifier: Apache-2.0
//
// The table in use of bin_lock_map, and its growth by all writers that come by
// (bin_lock_map.h says how it works).
//
//   table_ --> table --next--> a table of twice the size, once growth has begun
//
// The state of a growth is in the table that is left (bin_table.h).
//
// Guarantees. Grow and Help never wait for another thread but for the lock of a bin, and
// throw nothing: if memory is short, or a key cannot be copied, all bins are offered again
// to the next one. Whoever moves the last bin publishes the next table and retires the
// old one.
#ifndef CMAP_MAPS_BIN_LOCK_MAP_BIN_GROWTH_H_
#define CMAP_MAPS_BIN_LOCK_MAP_BIN_GROWTH_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <new>
#include <thread>

#include "maps/bin_lock_map/bin_table.h"
#include "maps/internal/reclamation/epoch.h"

namespace cmap::internal {

// Growths: tables published. Helps: times that another thread than the one that began a
// growth moved bins. The rest: what became of nodes.
template <class Atomics>
struct BinGrowthCounters {
  using Count = typename Atomics::template Atomic<std::uint64_t>;
  Count growths{0}, helps{0}, nodes_reused{0}, nodes_copied{0};
};

template <class K, class V, class Atomics>
class BinGrowth {
 public:
  using Table = BinTable<K, V, Atomics>;
  using Guard = typename EpochDomain<Atomics>::Guard;

  // `stride`: the least number of bins that are claimed at once. The counters are not in
  // here so that the map can keep them away from what readers read.
  BinGrowth(std::int64_t stride, BinGrowthCounters<Atomics>& counters)
      : stride_(static_cast<std::size_t>(stride)), counters_(counters) {}
  BinGrowth(const BinGrowth&) = delete;
  BinGrowth& operator=(const BinGrowth&) = delete;
  ~BinGrowth() { Table::DeleteAll(Current()); }

  // Null before First.
  Table* Current() const {
    return table_.load(std::memory_order_acquire);  // (3), with (4) and (8)
  }

  // Makes the first table, or returns that of a faster thread. Throws std::bad_alloc.
  Table* First(std::size_t size) {
    auto fresh = Table::New(size);
    Table* present = nullptr;
    // (4) release, pairs with (3). Acquire for the one of a faster thread.
    if (table_.compare_exchange_strong(present, fresh.get(), std::memory_order_acq_rel,
                                       std::memory_order_acquire)) {
      return fresh.release();
    }
    return present;
  }

  // Begins growth out of the table, or helps. False if the table is still in use then: memory
  // is short, or others are moving bins.
  bool Grow(Table& table, Guard& guard) noexcept {
    bool began = false;
    if (table.next.load(std::memory_order_acquire) == nullptr) {
      // Relaxed: only one is to allocate.
      if (table.begun.exchange(true, std::memory_order_relaxed)) return Current() != &table;
      try {
        // (11) release, pairs with (12).
        table.next.store(Table::New(2 * table.size()).release(), std::memory_order_release);
      } catch (const std::bad_alloc&) {
        table.begun.store(false, std::memory_order_relaxed);
        return false;  // the next insertion tries again
      }
      began = true;
    }
    Move(table, began, guard);
    return Current() != &table;
  }

  // Moves bins of a table with forwarded bins, until none are left to claim.
  void Help(Table& table, Guard& guard) noexcept { Move(table, false, guard); }

 private:
  using Head = typename Table::Head;
  using Node = typename Table::Node;
  using Bin = typename Table::Bin;

  void Move(Table& table, bool began, Guard& guard) noexcept {
    // Relaxed: what is claimed says nothing about what has been moved.
    if (table.to_claim.load(std::memory_order_relaxed) <= 0) return;
    // (12) acquire, pairs with (11).
    Table& next = *table.next.load(std::memory_order_acquire);
    const auto stride = static_cast<std::int64_t>(StrideOf(table.size()));
    std::size_t moved = 0;
    try {
      guard.Prepare(1);  // for the table
      std::int64_t end = table.to_claim.load(std::memory_order_relaxed);
      while (end > 0) {
        const std::int64_t begin = std::max<std::int64_t>(0, end - stride);
        if (!table.to_claim.compare_exchange_weak(end, begin, std::memory_order_relaxed)) {
          continue;
        }
        for (std::int64_t i = end - 1; i >= begin; --i) {
          moved += MoveBin(table, next, static_cast<std::size_t>(i), guard);
        }
        end = table.to_claim.load(std::memory_order_relaxed);
      }
    } catch (...) {
      // Offers all bins again. Those that are forwarded are passed over.
      table.to_claim.store(static_cast<std::int64_t>(table.size()), std::memory_order_relaxed);
    }
    if (moved == 0) return;
    if (!began) counters_.helps.fetch_add(1, std::memory_order_relaxed);
    // acq_rel: whoever completes the sum knows all moves, and (8) hands them on.
    if (table.moved.fetch_add(moved, std::memory_order_acq_rel) + moved == table.size()) {
      table_.store(&next, std::memory_order_release);  // (8), with (3)
      counters_.growths.fetch_add(1, std::memory_order_relaxed);
      guard.Retire(&table, &Table::DeleteObject, table.HeapBytesHeld());
    }
  }

  std::size_t StrideOf(std::size_t bins) const {
    static const std::size_t cores = std::max(1u, std::thread::hardware_concurrency());
    return std::max(stride_, bins / 8 / cores);
  }

  // Whether this call has moved it. Strong.
  bool MoveBin(Table& table, Table& next, std::size_t i, Guard& guard) {
    Bin& bin = table[i];
    for (;;) {
      Head* const head = bin.load(std::memory_order_acquire);  // (5)
      if (head == nullptr) {
        Head* expected = nullptr;
        // (10) pairs with (5): the next table. Who still finds the bin empty has looked
        // before anything was written there (17).
        if (bin.compare_exchange_strong(expected, &next.forward, std::memory_order_seq_cst,
                                        std::memory_order_relaxed)) {
          return true;
        }
        continue;
      }
      if (Table::MovedTo(head) != nullptr) return false;
      std::unique_lock lock(head->lock);
      if (bin.load(std::memory_order_relaxed) != head) continue;
      Split(static_cast<Node*>(head), table, next, i, guard);
      return true;
    }
  }

  void Split(Node* first, Table& table, Table& next, std::size_t i, Guard& guard) {
    const std::size_t bit = table.size();
    const auto run = Node::TrailingRun(first, [bit](std::uint64_t hash) { return hash & bit; });
    std::size_t copied = 0;
    std::array<Node*, 2> lists{};
    lists[(run.first->hash & bit) != 0] = run.first;
    try {
      for (Node* node = first; node != run.first; node = node->Next(), ++copied) {
        Node*& list = lists[(node->hash & bit) != 0];
        list = new Node(*node, list);
      }
      guard.Prepare(copied + 1);
    } catch (...) {
      for (Node* copy : lists) Node::DeleteCopies(copy, run.first);
      throw;
    }
    // Relaxed: nobody comes here before (10) leads them.
    next[i].store(lists[0], std::memory_order_relaxed);
    next[i + bit].store(lists[1], std::memory_order_relaxed);
    table[i].store(&next.forward, std::memory_order_seq_cst);  // (10), with (5)
    Node::RetireOriginals(first, run.first, guard);
    counters_.nodes_reused.fetch_add(run.length, std::memory_order_relaxed);
    counters_.nodes_copied.fetch_add(copied, std::memory_order_relaxed);
  }

  typename Atomics::template Atomic<Table*> table_{nullptr};
  const std::size_t stride_;
  BinGrowthCounters<Atomics>& counters_;
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_BIN_LOCK_MAP_BIN_GROWTH_H_
