// SPDX-License-Identifier: Apache-2.0
//
// A writer of bin_lock_map in the bin of its key: an empty one, or one whose head it has
// locked. (bin_lock_map.h shows what may happen to a bin.)
//
// Coming there it helps with growth. Whoever has locked a head looks whether it is still
// the head. An empty bin is nobody's, so Insert and Reservation may find it taken; then the
// caller starts over with another writer.
//
// Entries are counted before anybody can see them come, or before they go, and only if
// they do. Hence a node that comes to an empty bin holds it reserved until it is counted.
//
// Order in real time. (17) What a write does, it does by one sequentially consistent
// store: of a value (value_cell.h), a link, a bin or a node's kind, as Java's maps by
// volatile ones; and readers follow by such loads. The unlocking that comes after it is
// a plain store on x86-64 and orders nothing: with release stores a write returned while
// its effect was still in the store buffer.
//
// What may throw does so before anything is published.
#ifndef CMAP_MAPS_BIN_LOCK_MAP_BIN_WRITER_H_
#define CMAP_MAPS_BIN_LOCK_MAP_BIN_WRITER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "maps/bin_lock_map/bin_growth.h"
#include "maps/bin_lock_map/bin_table.h"
#include "maps/internal/counting/long_adder.h"
#include "maps/internal/locks/spin_lock.h"

namespace cmap::internal {

template <class K, class V, class Atomics>
class BinWriter {
  using Growth = BinGrowth<K, V, Atomics>;
  using Guard = typename Growth::Guard;
  using Table = typename Growth::Table;
  using Head = typename Table::Head;
  using Kind = typename Table::Kind;
  using Node = typename Table::Node;
  using Bin = typename Table::Bin;
  using Lock = std::unique_lock<SpinLock<Atomics>>;
  using Entries = LongAdder<Atomics>;

 public:
  BinWriter(Growth& growth, std::uint64_t hash, Guard& guard) {
    Table* table = growth.Current();
    if (table == nullptr) table = growth.First(Table::kLeastBins);
    for (;;) {
      Bin& bin = table->BinOf(hash);
      Head* const head = bin.load(std::memory_order_acquire);  // (5)
      if (head == nullptr) {
        bin_ = &bin;
        return;
      }
      if (Table* const next = Table::MovedTo(head)) {
        growth.Help(*table, guard);
        table = next;
        continue;
      }
      Lock lock(head->lock);
      // Relaxed: a head is replaced under its lock. Its address cannot have come back, as
      // this thread has been under a guard since it read it.
      if (bin.load(std::memory_order_relaxed) == head) {
        bin_ = &bin;
        head_ = head;
        lock_.swap(lock);
        return;
      }
    }
  }
  BinWriter(const BinWriter&) = delete;
  BinWriter& operator=(const BinWriter&) = delete;

  Node* Find(std::uint64_t hash, const K& key) const { return Node::Find(First(), hash, key); }

  // The key is not there. False if an empty bin is not empty any more. Unlocks.
  bool Insert(std::unique_ptr<Node>& fresh, Entries& entries) {
    if (head_ == nullptr) return InsertFirst(fresh, entries);
    entries.Add(1);
    Node* last = First();
    while (Node* next = last->Next()) last = next;
    last->next.store(fresh.release(), std::memory_order_seq_cst);  // (2), (17), with (C1)
    lock_.unlock();
    return true;
  }

  // False if the key is not there or not `wanted`. `take` sees the value before it goes.
  // Unlocks.
  template <class P, class F>
  bool Erase(std::uint64_t hash, const K& key, P wanted, F take, Entries& entries, Guard& guard) {
    Node* before = nullptr;
    Node* node = First();
    while (node != nullptr && !node->Holds(hash, key)) {
      before = std::exchange(node, node->Next());
    }
    if (node == nullptr || !wanted(node->value.Read())) return false;
    take(node->value.Read());
    guard.Prepare(1);
    entries.Add(-1);
    // (2), (7), (17) pair with (C1), (5). Readers on the node go on along its link. The
    // head's successor may be locked from here on.
    if (before != nullptr) {
      before->next.store(node->Next(), std::memory_order_seq_cst);
    } else {
      bin_->store(node->Next(), std::memory_order_seq_cst);
    }
    lock_.unlock();
    guard.Retire(node, sizeof(Node) + node->value.HeapBytesHeld());
    return true;
  }

  // Holds the writer's bin, if that is empty, while a value for it is being computed. Its
  // head is retired, as others may be waiting for the lock.
  class Reservation {
   public:
    Reservation(BinWriter& writer, Entries& entries, Guard& guard)
        : writer_(writer), entries_(entries), guard_(guard) {}
    Reservation(const Reservation&) = delete;
    Reservation& operator=(const Reservation&) = delete;
    ~Reservation() {
      if (head_ != nullptr) Redeem(nullptr);  // the function has thrown
    }

    // False if an empty bin is not empty any more. True with nothing done if it was not
    // empty: the writer holds its lock.
    bool Place() {
      if (writer_.head_ != nullptr) return true;
      auto head = std::make_unique<Head>(Kind::kReserved);
      guard_.Prepare(1);
      head->lock.lock();
      Head* expected = nullptr;
      // (9) release, pairs with (5): the lock is held.
      if (!writer_.bin_->compare_exchange_strong(expected, head.get(), std::memory_order_release,
                                                 std::memory_order_relaxed)) {
        return false;
      }
      head_ = head.release();
      return true;
    }

    // The key is not there. Strong.
    void Insert(std::unique_ptr<Node> fresh) {
      if (head_ != nullptr) {
        Redeem(fresh.release());
      } else {
        writer_.Insert(fresh, entries_);
      }
    }

   private:
    void Redeem(Node* node) noexcept {
      if (node != nullptr) entries_.Add(1);
      Head* const head = std::exchange(head_, nullptr);
      writer_.bin_->store(node, std::memory_order_seq_cst);  // (9), (17)
      head->lock.unlock();
      guard_.Retire(head);
    }

    BinWriter& writer_;
    Entries& entries_;
    Guard& guard_;
    Head* head_ = nullptr;
  };

 private:
  Node* First() const { return static_cast<Node*>(head_); }

  bool InsertFirst(std::unique_ptr<Node>& fresh, Entries& entries) {
    Node& node = *fresh;
    node.kind.store(Kind::kReserved, std::memory_order_relaxed);
    Lock lock(node.lock);
    Head* expected = nullptr;
    // (6) release, pairs with (5).
    const bool placed = bin_->compare_exchange_strong(expected, &node, std::memory_order_release,
                                                      std::memory_order_relaxed);
    if (placed) {
      fresh.release();
      entries.Add(1);
    }
    // (16), (17) pairs with (15): who sees the node knows that it is counted.
    node.kind.store(Kind::kNode, std::memory_order_seq_cst);
    return placed;
  }

  Bin* bin_;
  Head* head_ = nullptr;  // or a node
  Lock lock_;
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_BIN_LOCK_MAP_BIN_WRITER_H_
