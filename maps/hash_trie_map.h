// SPDX-License-Identifier: Apache-2.0
//
// hash_trie_map: the HashTrieMap behind Go's sync.Map since Go 1.24. A tree of
// nodes with sixteen children, along the bits of the hash from the highest down,
// four per level. Readers walk it without a lock; writers lock one node.
//
//   root: indirect [ . . x . . . . . . . x . . . . . ]      bits 63..60
//                        |               |
//                      entry         indirect [ . x . x . . ]   bits 59..56
//                                          |    |
//                                      entry  entry -> entry (same 64-bit hash)
//
// A slot (one of sixteen) and what may happen to it, under its node's lock:
//
//              insert                   insert of another hash (expand)
//     empty ------------> entry chain ---------------------------------> indirect
//           <------------     |  ^                                          |
//              delete         +--+ overwrite (a new entry takes the         |
//                                  place), insert or delete in the chain    |
//       ^                                                                   |
//       +-------------------------------------------------------------------+
//               the indirect has become empty: marked dead and cut off
//
//   - Entries do not change: overwriting publishes a new entry. Their link to the
//     next entry of the same hash does.
//   - Expanding builds the whole subtree that tells two hashes apart, and
//     publishes it last, in one store: a reader sees the old entry in the slot, or
//     both in the subtree.
//   - A writer walks without locks, locks the last node, and looks again: if the
//     slot has become an indirect, or the node is dead, it starts over.
//   - Deleting the last entry of a node locks its parent too (always the child
//     first, so no deadlock), marks the node dead and cuts it off, and so on up.
//     A writer that waited for a dead node's lock finds it dead.
//   - Clear exchanges the root. Operations in progress finish on the old tree and
//     count as done before the Clear.
//   - Compare operations compare again under the lock (Go issue 70970).
//
// Equal 64-bit hashes form a chain at whatever level their slot is; different
// ones part after 16 levels at most, as the entry keeps the hash under which it
// was inserted. So there is no running out of hash bits (Go issue 73427), even
// with a hash function that is constant, truncated, or changes its mind.
//
// What differs from Go: epochs (internal/reclamation/epoch.h), or liburcu (internal/reclamation/rcu.h), in
// place of the collector; the hash is stored in the entry; a one-byte lock
// (internal/locks/spin_lock.h) in place of Go's eight-byte mutex.
//
// Guarantees. Point operations and Clear are linearizable. Load is wait-free, of
// at most 16 levels (log16 n on average) and a chain, and writes nothing shared;
// so are operations that find nothing to do (LoadOrStore of a present key, Delete
// of an absent one, CompareAndX with another value). Other writes block those
// under the same node, cost O(log n), and allocate one entry. There is no growth
// step, so nothing to reserve. Size is O(n): Go's map has none, and a counter
// would be the one word that all writers share. Range and Size walk under a guard.
// Exceptions come before the publishing, so they change nothing (a StoreBatch that
// throws leaves the pairs before that one stored).
//
// Reclamation by hazard pointers would be another algorithm: a walk would have to
// name every node of the path and test that its parent is not dead, a chain could
// not be followed out of an entry that has been replaced, and a tree that Clear has
// cut off could not be freed as one. Shared pointers would make each of the sixteen
// children two words and a lock.
//
// Source: Go 1.24, src/internal/sync/hashtriemap.go (M. Knyszek, 2024). The idea:
// A. Prokopec, N. Bronson, P. Bagwell, M. Odersky, "Concurrent tries with
// efficient non-blocking snapshots", PPoPP 2012 (there lock-free, with snapshots).
#ifndef CMAP_MAPS_HASH_TRIE_MAP_H_
#define CMAP_MAPS_HASH_TRIE_MAP_H_

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"
#include "maps/internal/locks/spin_lock.h"
#include "maps/internal/memory.h"
#include "maps/internal/reclamation/epoch.h"
#include "maps/internal/text.h"

namespace cmap {

template <class K, class V, class Hash = DefaultHash<K>,
          class Atomics = NativeAtomics,
          template <class> class Reclamation = internal::EpochDomain>
class HashTrieMap {
  using Domain = Reclamation<Atomics>;
  static_assert(!Domain::kPerObject, "see the head of this file");
  using Guard = typename Domain::Guard;
  using Lock = internal::SpinLock<Atomics>;
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;

  static constexpr std::string_view kHow =
      "a 16-way tree over the hash bits, read without locks, written under a lock "
      "per node; freed by ";
  static constexpr std::string_view kLimits = "Size is O(n); ";

 public:
  using key_type = K;
  using mapped_type = V;
  using Options = NoOptions;

  static constexpr Traits kTraits = {
      .family = "lock-free reads",
      .summary = internal::kJoined<kHow, Domain::kName>,
      .source = "Go 1.24, src/internal/sync/hashtriemap.go",
      .read_progress = Domain::kReadProgress,
      .write_progress = Progress::kBlocking,
      .reclamation = Domain::kName,
      .growth = "node by node, where entries meet; nothing is ever rehashed",
      .range = RangeConsistency::kWeak,
      .batch_is_atomic = false,
      .clear_is_atomic = true,
      .after_deletion = AfterDeletion::kNone,
      .caveat = internal::kJoined<kLimits, Domain::kCaveat>,
  };
  static constexpr std::array<Tunable<Options>, 0> kTunables = {};

  HashTrieMap() : root_(new Indirect(nullptr)) {}
  explicit HashTrieMap(const Options&) : HashTrieMap() {}
  HashTrieMap(const HashTrieMap&) = delete;
  HashTrieMap& operator=(const HashTrieMap&) = delete;
  ~HashTrieMap() { DestroyTree(root_.load(std::memory_order_acquire)); }

  std::optional<V> Load(const K& key) { return LoadByVisit<V>(*this, key); }

  template <class F>
  [[gnu::always_inline]] bool Visit(const K& key, F&& f) {
    const std::uint64_t hash = Hash{}(key);
    Guard guard;
    const Entry* found = Lookup(Walk(hash).head, hash, key);
    if (found == nullptr) return false;
    f(found->value);
    return true;
  }

  void Store(const K& key, const V& value) {
    Replace(key, value, [](const V&) {});
  }

  std::optional<V> Swap(const K& key, const V& value) {
    std::optional<V> old;
    Replace(key, value, [&](const V& v) { old.emplace(v); });
    return old;
  }

  Loaded<V> LoadOrStore(const K& key, const V& value) {
    const std::uint64_t hash = Hash{}(key);
    Guard guard;
    std::unique_ptr<Entry> fresh;
    for (;;) {
      Spot spot = Walk(hash);
      if (const Entry* found = Lookup(spot.head, hash, key)) {
        return {found->value, true};
      }
      if (!fresh) fresh = std::make_unique<Entry>(hash, key, value);
      if (!LockAndLook(spot)) continue;
      if (const Entry* found = Lookup(spot.head, hash, key)) {
        return {found->value, true};
      }
      Loaded<V> result{value, false};
      Insert(spot, std::move(fresh));
      return result;
    }
  }

  // `make` runs under the lock of the node where the key belongs: it must not
  // call the map, and holds up writers there, who spin and yield.
  template <class F>
  Loaded<V> LoadOrCompute(const K& key, F&& make) {
    const std::uint64_t hash = Hash{}(key);
    Guard guard;
    for (;;) {
      Spot spot = Walk(hash);
      if (const Entry* found = Lookup(spot.head, hash, key)) {
        return {found->value, true};
      }
      if (!LockAndLook(spot)) continue;
      if (const Entry* found = Lookup(spot.head, hash, key)) {
        return {found->value, true};
      }
      auto fresh = std::make_unique<Entry>(hash, key, make());
      Loaded<V> result{fresh->value, false};
      Insert(spot, std::move(fresh));
      return result;
    }
  }

  std::optional<V> LoadAndDelete(const K& key) {
    std::optional<V> old;
    Remove(
        key, [](const V&) { return true; }, [&](const V& v) { old.emplace(v); });
    return old;
  }

  bool Delete(const K& key) {
    return Remove(key, [](const V&) { return true; }, [](const V&) {});
  }

  bool CompareAndDelete(const K& key, const V& expected) {
    return Remove(
        key, [&](const V& v) { return v == expected; }, [](const V&) {});
  }

  bool CompareAndSwap(const K& key, const V& expected, const V& desired) {
    const std::uint64_t hash = Hash{}(key);
    Guard guard;
    guard.Prepare(1);
    std::unique_ptr<Entry> fresh;
    for (;;) {
      Spot spot = Walk(hash);
      Entry* found = Lookup(spot.head, hash, key);
      if (found == nullptr || !(found->value == expected)) return false;
      if (!fresh) fresh = std::make_unique<Entry>(hash, key, desired);
      if (!LockAndLook(spot)) continue;
      found = Lookup(spot.head, hash, key);
      if (found == nullptr || !(found->value == expected)) return false;
      Exchange(spot, found, std::move(fresh), guard);
      return true;
    }
  }

  template <class F>
  void Range(F&& visit) {
    Guard guard;
    Visit(*Root(), visit);
  }

  // O(1); the tree is freed later, O(n).
  void Clear() {
    Guard guard;
    guard.Prepare(1);
    auto fresh = std::make_unique<Indirect>(nullptr);
    // (1) acq_rel, pairs with (2), and with itself for what the former root
    // holds.
    Indirect* old = root_.exchange(fresh.release(), std::memory_order_seq_cst);
    guard.Retire(
        old, [](void* root) { DestroyTree(static_cast<Indirect*>(root)); },
        kTreeBytes);
  }

  std::size_t Size() {
    std::size_t count = 0;
    Range([&](const K&, const V&) {
      ++count;
      return true;
    });
    return count;
  }

  // Nothing to do: see the head of this file.
  void Reserve(std::size_t) {}

  void StoreBatch(std::span<const std::pair<K, V>> batch) {
    for (const auto& [key, value] : batch) Store(key, value);
  }

  // Nodes and entries that are reachable; what waits to be freed in the
  // domain is not counted. O(n).
  std::size_t MemoryBytes() { return sizeof(*this) + TreeBytes(*Root()); }

  // Frees what maps of this kind have put aside, as far as no thread is in a
  // map at the moment.
  static void Quiesce() { Domain::Drain(); }

  // This thread will not use a map for a while: see internal/reclamation/rcu.h.
  static void Idle() noexcept { Domain::Idle(); }

 private:
  static constexpr unsigned kHashBits = 64;
  static constexpr unsigned kLevelBits = 4;
  static constexpr std::size_t kChildren = std::size_t{1} << kLevelBits;
  // A tree of unknown size counts as garbage worth an attempt to free it.
  static constexpr std::size_t kTreeBytes = 64 * 1024;

  struct Node {
    explicit Node(bool entry) : is_entry(entry) {}
    const bool is_entry;
  };

  struct Entry : Node {
    Entry(std::uint64_t h, const K& k, const V& v)
        : Node(true), hash(h), key(k), value(v) {}
    Entry(std::uint64_t h, const K& k, V&& v)
        : Node(true), hash(h), key(k), value(std::move(v)) {}

    Atomic<Entry*> overflow{nullptr};  // the next of the same hash
    const std::uint64_t hash;
    const K key;
    const V value;
  };

  struct Indirect : Node {
    explicit Indirect(Indirect* p) : Node(false), parent(p) {}

    bool dead = false;  // cut off; guarded by lock
    Lock lock;          // for what the slots hold, and the chains in them
    Indirect* const parent;
    std::array<Atomic<Node*>, kChildren> children{};
  };

  using Slot = Atomic<Node*>;

  // Where a walk along a hash ends: a slot that is empty or holds entries.
  struct Spot {
    Indirect* node;
    unsigned shift;  // of the hash bits that chose the slot
    Slot* slot;
    Entry* head;  // null if empty
    std::unique_lock<Lock> lock{};
  };

  static std::size_t Child(std::uint64_t hash, unsigned shift) {
    return (hash >> shift) & (kChildren - 1);
  }

  Indirect* Root() const {
    return root_.load(std::memory_order_seq_cst);  // (2), with (1)
  }

  // Under a guard, without locks.
  Spot Walk(std::uint64_t hash) const {
    Indirect* node = Root();
    for (unsigned shift = kHashBits - kLevelBits;; shift -= kLevelBits) {
      Slot* slot = &node->children[Child(hash, shift)];
      // (3) pairs with (4), (5), (6): nodes as their writers made them. All of these,
      // and (1), (2), (7), (8), are sequentially consistent, as Go's atomics are: who
      // has written and then reads another key misses nothing that was completed before
      // (the unlocking that follows a write is a plain store on x86-64).
      Node* next = slot->load(std::memory_order_seq_cst);
      if (next == nullptr || next->is_entry) {
        return {node, shift, slot, static_cast<Entry*>(next)};
      }
      assert(shift != 0 && "entries of one hash never expand");
      node = static_cast<Indirect*>(next);
    }
  }

  static Entry* Lookup(Entry* head, std::uint64_t hash, const K& key) {
    if (head == nullptr || head->hash != hash) return nullptr;
    while (head != nullptr && !(head->key == key)) {
      head = head->overflow.load(std::memory_order_seq_cst);  // (7), with (8)
    }
    return head;
  }

  // Locks the node and looks again. False, with nothing locked, if the slot is
  // not what it was any more: an indirect, or part of a dead node.
  static bool LockAndLook(Spot& spot) {
    std::unique_lock lock(spot.node->lock);
    // Relaxed: slots are written under the lock.
    Node* now = spot.slot->load(std::memory_order_relaxed);
    if (spot.node->dead || (now != nullptr && !now->is_entry)) return false;
    spot.head = static_cast<Entry*>(now);
    spot.lock = std::move(lock);
    return true;
  }

  // What follows needs the lock of the spot.

  // The key is not there. Strong.
  static void Insert(Spot& spot, std::unique_ptr<Entry> fresh) {
    Node* top = fresh.get();
    if (spot.head != nullptr) {
      if (spot.head->hash == fresh->hash) {
        // Nobody sees the new head's link before (4).
        fresh->overflow.store(spot.head, std::memory_order_relaxed);
      } else {
        top = Expand(spot, *fresh);
      }
    }
    fresh.release();
    // (4) pairs with (3). Publishes the entry, or a whole subtree.
    spot.slot->store(top, std::memory_order_seq_cst);
  }

  // The subtree that tells the chain in the slot from the new entry.
  static Indirect* Expand(const Spot& spot, Entry& fresh) {
    auto* const top = new Indirect(spot.node);
    Indirect* bottom = top;
    unsigned shift = spot.shift;
    try {
      for (;;) {
        // The hashes differ, and agree in all bits from `shift` up.
        assert(shift != 0);
        shift -= kLevelBits;
        const std::size_t old_child = Child(spot.head->hash, shift);
        const std::size_t new_child = Child(fresh.hash, shift);
        // Relaxed: published by (4).
        if (old_child != new_child) {
          bottom->children[old_child].store(spot.head, std::memory_order_relaxed);
          bottom->children[new_child].store(&fresh, std::memory_order_relaxed);
          return top;
        }
        auto* const next = new Indirect(bottom);
        bottom->children[old_child].store(next, std::memory_order_relaxed);
        bottom = next;
      }
    } catch (...) {
      while (bottom != spot.node) delete std::exchange(bottom, bottom->parent);
      throw;
    }
  }

  // Puts `next` (null, or an entry that leads on to the same rest of the chain)
  // where `entry` was, and retires `entry`. Readers that stand on `entry` go on
  // along its own link: whatever they meet was in the map after they came.
  static void Relink(Spot& spot, Entry* entry, Entry* next, Guard& guard) {
    if (spot.head == entry) {
      // (5) pairs with (3).
      spot.slot->store(next, std::memory_order_seq_cst);
    } else {
      Entry* before = spot.head;
      for (;;) {
        // Relaxed: links are written under the lock.
        Entry* after = before->overflow.load(std::memory_order_relaxed);
        if (after == entry) break;
        before = after;
      }
      before->overflow.store(next, std::memory_order_seq_cst);  // (8), with (7)
    }
    guard.Retire(entry, sizeof(Entry) + internal::HeapBytes(entry->value));
  }

  static void Exchange(Spot& spot, Entry* entry, std::unique_ptr<Entry> fresh,
                       Guard& guard) {
    fresh->overflow.store(entry->overflow.load(std::memory_order_relaxed),
                          std::memory_order_relaxed);
    Relink(spot, entry, fresh.release(), guard);
  }

  // Cuts off the node of the spot and its ancestors as far as they are empty,
  // always holding the lock of the node that may have to go, and releases it.
  static void Collapse(Spot& spot, std::uint64_t hash, Guard& guard) {
    Indirect* node = spot.node;
    unsigned shift = spot.shift;
    while (node->parent != nullptr && IsEmpty(*node)) {
      Indirect* const parent = node->parent;
      std::unique_lock lock(parent->lock);
      node->dead = true;
      shift += kLevelBits;
      // (6) pairs with (3).
      parent->children[Child(hash, shift)].store(nullptr,
                                                 std::memory_order_seq_cst);
      spot.lock = std::move(lock);  // unlocks the child
      guard.Retire(node);
      node = parent;
    }
    spot.lock.unlock();
  }

  static bool IsEmpty(const Indirect& node) {
    for (const Slot& slot : node.children) {
      if (slot.load(std::memory_order_relaxed) != nullptr) return false;
    }
    return true;
  }

  // `take` sees the value that is about to be replaced.
  template <class F>
  void Replace(const K& key, const V& value, F take) {
    const std::uint64_t hash = Hash{}(key);
    Guard guard;
    guard.Prepare(1);
    auto fresh = std::make_unique<Entry>(hash, key, value);
    for (;;) {
      Spot spot = Walk(hash);
      if (!LockAndLook(spot)) continue;
      if (Entry* found = Lookup(spot.head, hash, key)) {
        take(found->value);
        Exchange(spot, found, std::move(fresh), guard);
      } else {
        Insert(spot, std::move(fresh));
      }
      return;
    }
  }

  // Removes the key if `wanted` of its value, which `take` sees before.
  template <class P, class F>
  bool Remove(const K& key, P wanted, F take) {
    const std::uint64_t hash = Hash{}(key);
    Guard guard;
    guard.Prepare(1 + kHashBits / kLevelBits);  // the entry, a node per level
    for (;;) {
      Spot spot = Walk(hash);
      Entry* found = Lookup(spot.head, hash, key);
      if (found == nullptr || !wanted(found->value)) return false;
      if (!LockAndLook(spot)) continue;
      found = Lookup(spot.head, hash, key);
      if (found == nullptr || !wanted(found->value)) return false;
      take(found->value);
      Relink(spot, found, found->overflow.load(std::memory_order_relaxed), guard);
      Collapse(spot, hash, guard);
      return true;
    }
  }

  // A key is visited at most once: its place in the order of the walk is given
  // by its hash, and within a chain new entries only come in at the head.
  template <class F>
  static bool Visit(const Indirect& node, F& visit) {
    for (const Slot& slot : node.children) {
      const Node* child = slot.load(std::memory_order_seq_cst);  // (3)
      if (child == nullptr) continue;
      if (!child->is_entry) {
        if (!Visit(static_cast<const Indirect&>(*child), visit)) return false;
        continue;
      }
      for (const Entry* entry = static_cast<const Entry*>(child);
           entry != nullptr;
           entry = entry->overflow.load(std::memory_order_seq_cst)) {  // (7)
        if (!visit(entry->key, entry->value)) return false;
      }
    }
    return true;
  }

  // The rest needs exclusive access to the tree.

  static void DestroyTree(Indirect* node) {
    for (Slot& slot : node->children) {
      Node* child = slot.load(std::memory_order_acquire);
      if (child == nullptr) continue;
      if (!child->is_entry) {
        DestroyTree(static_cast<Indirect*>(child));
        continue;
      }
      auto* entry = static_cast<Entry*>(child);
      while (entry != nullptr) {
        Entry* next = entry->overflow.load(std::memory_order_acquire);
        delete std::exchange(entry, next);
      }
    }
    delete node;
  }

  static std::size_t TreeBytes(const Indirect& node) {
    std::size_t bytes = internal::MallocBytes(sizeof(Indirect));
    for (const Slot& slot : node.children) {
      const Node* child = slot.load(std::memory_order_acquire);
      if (child == nullptr) continue;
      if (!child->is_entry) {
        bytes += TreeBytes(static_cast<const Indirect&>(*child));
        continue;
      }
      for (const auto* entry = static_cast<const Entry*>(child);
           entry != nullptr;
           entry = entry->overflow.load(std::memory_order_acquire)) {
        bytes += internal::MallocBytes(sizeof(Entry)) +
                 internal::HeapBytes(entry->key) +
                 internal::HeapBytes(entry->value);
      }
    }
    return bytes;
  }

  Atomic<Indirect*> root_;
};

}  // namespace cmap

#endif  // CMAP_MAPS_HASH_TRIE_MAP_H_
