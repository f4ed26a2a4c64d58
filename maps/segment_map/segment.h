// SPDX-License-Identifier: Apache-2.0
//
// A segment of segment_map: a hash table with a lock for writers, which readers walk
// without it. (segment_map.h says how growth works, and why a walk along an old table is
// right; segment_writer.h has what the holder of the lock does.)
//
//   segment: lock, count, changes, table --> [ bin | bin | ... ] --> nodes (chain.h)
//
// A table is replaced as a whole, by a greater one or by an empty one, and retired.
//
// Count and changes. Whoever changes the count does so inside a Change, which makes the
// number of changes odd for its time. If two looks at all segments find the same even
// numbers, the counts of the second held at the moment between them.
//
// What may throw does so before anything is published.
#ifndef CMAP_MAPS_SEGMENT_MAP_SEGMENT_H_
#define CMAP_MAPS_SEGMENT_MAP_SEGMENT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "maps/concurrent_map.h"
#include "maps/internal/reclamation/epoch.h"
#include "maps/internal/tables/chain.h"
#include "maps/internal/tables/trailing_array.h"

namespace cmap::internal {

template <class N>
struct SegmentTable : TrailingArray<SegmentTable<N>, typename N::Link> {
  using Node = N;
  using Bin = typename Node::Link;
  using Array = TrailingArray<SegmentTable, Bin>;

  explicit SegmentTable(std::size_t size) : Array(size) {}

  // The most entries that so many bins are for: 3/4 of them, and 1 for 2 bins.
  static constexpr std::size_t Threshold(std::size_t bins) { return bins / 4 * 3 + (bins % 4) / 2; }

  std::size_t IndexOf(std::uint64_t hash) const { return hash & (this->size() - 1); }
  Bin& BinOf(std::uint64_t hash) { return (*this)[IndexOf(hash)]; }
  const Bin& BinOf(std::uint64_t hash) const { return (*this)[IndexOf(hash)]; }

  template <class K>
  Node* Find(std::uint64_t hash, const K& key) const {
    return Node::Find(Node::Follow(BinOf(hash)), hash, key);
  }

  std::size_t HeapBytesWithNodes() const {
    std::size_t bytes = this->HeapBytesHeld();
    for (std::size_t i = 0; i < this->size(); ++i) {
      bytes += Node::HeapBytesOfChain(Node::Follow((*this)[i]));
    }
    return bytes;
  }

  // Needs exclusive access.
  static void DeleteWithNodes(void* object) {
    auto* const table = static_cast<SegmentTable*>(object);
    for (std::size_t i = 0; i < table->size(); ++i) {
      Node::DeleteChain(Node::Follow((*table)[i]));
    }
    Array::Delete(table);
  }
};

// What has been counted in one pass over all segments.
struct SegmentSums {
  std::uint64_t changes = 0;
  std::uint64_t count = 0;
  bool changing = false;
};

template <class K, class V, class Atomics>
struct alignas(kCacheLine) Segment {
  using Node = ChainNode<K, V, Atomics>;
  using Table = SegmentTable<Node>;
  using Guard = typename EpochDomain<Atomics>::Guard;
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;

  static constexpr std::size_t kLeastBins = 2;

  Segment() : table(Table::New(kLeastBins).release()) {}
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;
  ~Segment() { Table::DeleteWithNodes(table.load(std::memory_order_acquire)); }

  Table& Now() const { return *table.load(std::memory_order_seq_cst); }  // (1), with (3)

  // Of the writer in the segment: around what changes the count.
  class Change {
   public:
    explicit Change(Segment& segment) : segment_(segment) { Step(); }
    ~Change() { Step(); }
    Change(const Change&) = delete;
    Change& operator=(const Change&) = delete;

   private:
    // (7) release, pairs with (9) for the second step. The first is known to whoever sees a
    // later release, of the count (8) or of a link.
    void Step() {
      auto& number = segment_.changes;
      number.store(number.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    }
    Segment& segment_;
  };

  void SetCount(std::uint64_t n) { count.store(n, std::memory_order_release); }  // (8), with (9)

  // The count first: if it is newer than the changes of the pass before, so are the changes
  // read after it.
  void AddTo(SegmentSums& sums) const {
    sums.count += count.load(std::memory_order_acquire);  // (9), with (7), (8)
    const std::uint64_t now = changes.load(std::memory_order_acquire);
    sums.changes += now;
    sums.changing |= now % 2 != 0;
  }

  // The rest is for the holder of the lock.

  // To a greater size. Strong.
  void Rehash(std::size_t size, Guard& guard) {
    Table& old = Now();
    typename Table::Owner next = Table::New(size);
    std::size_t copied = 0, reused = 0;
    std::size_t done = 0;
    try {
      for (; done < old.size(); ++done) {
        Node* const head = Node::Follow(old[done]);
        if (head == nullptr) continue;
        const auto run = TrailingRun(head, *next);
        // Relaxed, here and below: published by (3).
        next->BinOf(run.first->hash).store(run.first, std::memory_order_relaxed);
        for (Node* node = head; node != run.first; node = node->Next()) {
          auto& bin = next->BinOf(node->hash);
          bin.store(new Node(*node, bin.load(std::memory_order_relaxed)),
                    std::memory_order_relaxed);
          ++copied;
        }
        reused += run.length;
      }
      guard.Prepare(copied + 1);
    } catch (...) {
      for (std::size_t i = 0; i <= done && i < old.size(); ++i) DeleteCopies(*next, old, i);
      throw;
    }
    ++rehashes;
    nodes_copied += copied;
    nodes_reused += reused;
    // (3) pairs with (1). Who still walks the old table has looked before anything was
    // written to the new one.
    table.store(next.get(), std::memory_order_seq_cst);
    for (std::size_t i = 0; i < old.size(); ++i) {
      Node* const head = Node::Follow(old[i]);
      if (head == nullptr) continue;
      Node::RetireOriginals(head, TrailingRun(head, *next).first, guard);
    }
    guard.Retire(&old, &Table::DeleteObject, old.HeapBytesHeld());
    next.release();
  }

  // Puts an empty table in the place of the one there is.
  void Empty(typename Table::Owner next, Guard& guard) noexcept {
    const std::uint64_t entries = count.load(std::memory_order_relaxed);
    if (entries == 0) return;
    Table& old = Now();
    {
      Change change(*this);
      table.store(next.release(), std::memory_order_seq_cst);  // (3)
      SetCount(0);
    }
    guard.Retire(&old, &Table::DeleteWithNodes, old.HeapBytesHeld() + entries * sizeof(Node));
  }

  Atomic<Table*> table;
  Atomic<std::uint64_t> count{0};
  Atomic<std::uint64_t> changes{0};
  typename Atomics::Mutex lock;
  // Guarded by the lock.
  std::uint64_t rehashes = 0;
  std::uint64_t nodes_reused = 0;
  std::uint64_t nodes_copied = 0;
  std::uint64_t lock_waits = 0;

 private:
  static typename Node::Run TrailingRun(Node* head, const Table& next) {
    return Node::TrailingRun(head, [&](std::uint64_t hash) { return next.IndexOf(hash); });
  }

  // Of one bin of the old table, all that have been made.
  static void DeleteCopies(Table& next, const Table& old, std::size_t bin) {
    Node* const head = Node::Follow(old[bin]);
    if (head == nullptr) return;
    const Node* const run = TrailingRun(head, next).first;
    for (std::size_t i = bin; i < next.size(); i += old.size()) {
      Node::DeleteCopies(Node::Follow(next[i]), run);
    }
  }
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_SEGMENT_MAP_SEGMENT_H_
