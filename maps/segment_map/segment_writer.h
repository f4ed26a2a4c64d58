// SPDX-License-Identifier: Apache-2.0
//
// A writer in a segment of segment_map: holds its lock, and does what the holder may.
//
// Who does not get the lock at once spins (64 attempts at most) before it waits, and uses
// the time to walk the key's bin, so that the nodes are in its cache when it gets in.
//
// What may throw does so before anything is published.
#ifndef CMAP_MAPS_SEGMENT_MAP_SEGMENT_WRITER_H_
#define CMAP_MAPS_SEGMENT_MAP_SEGMENT_WRITER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "maps/segment_map/segment.h"

namespace cmap::internal {

template <class K, class V, class Atomics>
class SegmentWriter {
  using Segment = internal::Segment<K, V, Atomics>;
  using Node = typename Segment::Node;
  using Bin = typename Node::Link;
  using Fresh = typename Node::Fresh;
  using Guard = typename Segment::Guard;

 public:
  SegmentWriter(Guard& guard, Segment& segment, std::uint64_t hash, const K& key)
      : guard_(guard), segment_(segment), lock_(segment.lock, std::try_to_lock) {
    if (!lock_.owns_lock()) ScanAndLock(hash, key);
  }

  Node* Find(std::uint64_t hash, const K& key) const { return segment_.Now().Find(hash, key); }

  void Replace(Node& node, Fresh fresh) {
    guard_.Prepare(1);
    node.value.Replace(std::move(fresh), guard_);
  }

  // The key is not there. Strong.
  void Insert(std::uint64_t hash, const K& key, Fresh fresh) {
    auto node = std::make_unique<Node>(hash, key, std::move(fresh));
    const std::uint64_t count = segment_.count.load(std::memory_order_relaxed) + 1;
    const std::size_t size = segment_.Now().size();
    if (count > Segment::Table::Threshold(size)) segment_.Rehash(2 * size, guard_);
    Bin& bin = segment_.Now().BinOf(hash);
    node->next.store(Node::Follow(bin), std::memory_order_relaxed);
    typename Segment::Change change(segment_);
    bin.store(node.release(), std::memory_order_seq_cst);  // (4), with (C1)
    segment_.SetCount(count);
  }

  // False if the key is not there or not `wanted`. `take` sees the value before it goes.
  template <class P, class F>
  bool Erase(std::uint64_t hash, const K& key, P wanted, F take) {
    Bin* link = &segment_.Now().BinOf(hash);
    Node* node = Node::Follow(*link);
    while (node != nullptr && !node->Holds(hash, key)) {
      link = &node->next;
      node = Node::Follow(*link);
    }
    if (node == nullptr || !wanted(node->value.Read())) return false;
    take(node->value.Read());
    guard_.Prepare(1);
    {
      typename Segment::Change change(segment_);
      // (5) pairs with (C1). Readers on the node go on along its link.
      link->store(node->Next(), std::memory_order_seq_cst);
      segment_.SetCount(segment_.count.load(std::memory_order_relaxed) - 1);
    }
    guard_.Retire(node, sizeof(Node) + node->value.HeapBytesHeld());
    return true;
  }

 private:
  static constexpr int kSpins = 64;

  // Walks the bin while it tries, from the start again when the head changes.
  [[gnu::noinline]] void ScanAndLock(std::uint64_t hash, const K& key) {
    const Node* head = nullptr;
    const Node* node = nullptr;
    bool found = false;
    for (int spin = 0; spin < kSpins; ++spin) {
      if (lock_.try_lock()) break;
      Atomics::Pause();
      if (spin % 2 == 0) {
        const Node* const now = Node::Follow(segment_.Now().BinOf(hash));
        if (now != head) {
          head = node = now;
          found = false;
        }
      }
      if (node == nullptr || found) continue;
      found = node->Holds(hash, key);
      node = node->Next();
    }
    if (!lock_.owns_lock()) lock_.lock();
    ++segment_.lock_waits;
  }

  Guard& guard_;
  Segment& segment_;
  std::unique_lock<typename Atomics::Mutex> lock_;
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_SEGMENT_MAP_SEGMENT_WRITER_H_
