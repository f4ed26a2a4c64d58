// SPDX-License-Identifier: Apache-2.0
//
// A sequential hash table of nodes that their owners allocate: inserting is
// linking, and neither allocates nor copies nor throws. For maps that make an
// entry in one place (without a lock, by the thread that wants it stored) and
// insert it in another (under the lock, by whoever applies it).
//
//   buckets   [ *-]-> node -> node        2^k buckets, by the low bits of a
//             [ / ]                       multiplicative hash of the given one
//             [ *-]-> node
//
// Growth is a call of its own, so that the owner decides when it is due and what it
// means that memory for it is short.
#ifndef CMAP_MAPS_WRITE_BATCH_MAP_NODE_TABLE_H_
#define CMAP_MAPS_WRITE_BATCH_MAP_NODE_TABLE_H_

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

#include "maps/internal/memory.h"

namespace cmap::internal {

template <class K, class V>
class NodeTable {
 public:
  struct Node {
    Node(std::uint64_t h, const K& k, const V& v) : hash(h), key(k), value(v) {}

    Node* next = nullptr;
    const std::uint64_t hash;
    const K key;
    V value;
  };
  using Owned = std::unique_ptr<Node>;

  // Nodes that have left a table, until this is destroyed: not under the owner's lock, as
  // their destructors may call the map.
  class Departed {
   public:
    Departed() = default;
    Departed(const Departed&) = delete;
    Departed& operator=(const Departed&) = delete;
    ~Departed() {
      while (first_ != nullptr) delete std::exchange(first_, first_->next);
    }
    void Take(Owned node) noexcept {
      node->next = first_;
      first_ = node.release();
    }
    void Swap(Departed& other) noexcept { std::swap(first_, other.first_); }

   private:
    Node* first_ = nullptr;
  };

  static constexpr std::size_t kLeastBuckets = 8;

  NodeTable() : buckets_(std::make_unique<Node*[]>(kLeastBuckets)) {}
  NodeTable(const NodeTable&) = delete;
  NodeTable& operator=(const NodeTable&) = delete;
  ~NodeTable() {
    Departed all;
    Clear(all);
  }

  std::size_t size() const { return size_; }
  std::size_t buckets() const { return mask_ + 1; }

  // Where the node of a key hangs: a link that leads to it, or the null link at
  // the end of its chain. Throws only what equality of keys throws. Valid until
  // the table changes.
  Node** Find(std::uint64_t hash, const K& key) {
    Node** link = &buckets_[Bucket(hash)];
    while (*link != nullptr && !((*link)->hash == hash && (*link)->key == key)) {
      link = &(*link)->next;
    }
    return link;
  }
  const V* Value(std::uint64_t hash, const K& key) const {
    const Node* node = buckets_[Bucket(hash)];
    while (node != nullptr && !(node->hash == hash && node->key == key)) {
      node = node->next;
    }
    return node == nullptr ? nullptr : &node->value;
  }

  // Hangs `node` at `link`, which Find() has returned for its key, in place of what
  // hangs there. Returns that, or null.
  Owned Link(Node** link, Owned node) noexcept {
    Node* old = *link;
    if (old == nullptr) {
      ++size_;
    } else {
      node->next = old->next;
    }
    *link = node.release();
    return Owned(old);
  }

  // Takes the node at `link` out.
  Owned Unlink(Node** link) noexcept {
    Node* node = *link;
    *link = node->next;
    --size_;
    return Owned(node);
  }

  // The load factor is above 3/4; so far above it that waiting is not sensible.
  bool WantsToGrow() const { return size_ > buckets() / 4 * 3; }
  bool MustGrow() const { return size_ > buckets() * 4; }

  // Makes room for `entries` at that load factor. O(n). Throws std::bad_alloc and
  // then has changed nothing.
  void GrowFor(std::size_t entries) {
    if (entries > std::size_t{1} << 56) throw std::bad_alloc();
    const std::size_t count =
        std::bit_ceil(std::max(kLeastBuckets, (entries * 4 + 2) / 3));
    if (count <= buckets()) return;
    auto wider = std::make_unique<Node*[]>(count);
    const std::size_t old_count = buckets();
    buckets_.swap(wider);
    mask_ = count - 1;
    for (std::size_t i = 0; i < old_count; ++i) {
      for (Node* node = wider[i]; node != nullptr;) {
        Node* next = node->next;
        Node*& head = buckets_[Bucket(node->hash)];
        node->next = std::exchange(head, node);
        node = next;
      }
    }
  }

  template <class F>
  void ForEach(F&& visit) const {
    for (std::size_t i = 0; i <= mask_; ++i) {
      for (const Node* n = buckets_[i]; n != nullptr; n = n->next) {
        visit(n->key, n->value);
      }
    }
  }

  // Keeps the buckets.
  void Clear(Departed& gone) noexcept {
    for (std::size_t i = 0; i <= mask_; ++i) {
      for (Node* node = std::exchange(buckets_[i], nullptr); node != nullptr;) {
        gone.Take(Owned(std::exchange(node, node->next)));
      }
    }
    size_ = 0;
  }

  std::size_t HeapBytesHeld() const {
    std::size_t bytes = MallocBytes(buckets() * sizeof(Node*)) +
                        size_ * MallocBytes(sizeof(Node));
    if constexpr (kOwnsHeap<K> || kOwnsHeap<V>) {
      ForEach([&](const K& key, const V& value) {
        bytes += HeapBytes(key) + HeapBytes(value);
      });
    }
    return bytes;
  }

 private:
  // 2^64 divided by the golden ratio; the high bits are the well mixed ones.
  std::size_t Bucket(std::uint64_t hash) const noexcept {
    return static_cast<std::size_t>((hash * 0x9e3779b97f4a7c15) >> 32) & mask_;
  }

  std::unique_ptr<Node*[]> buckets_;
  std::size_t mask_ = kLeastBuckets - 1;
  std::size_t size_ = 0;
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_WRITE_BATCH_MAP_NODE_TABLE_H_
