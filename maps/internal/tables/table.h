// SPDX-License-Identifier: Apache-2.0
//
// The sequential hash table under every lock-based strategy of this study, so
// that the lock is the only thing in which they differ.
//
// It is std::unordered_map, the table most people put behind a lock, with one
// change: the 64-bit hash travels with the key. The caller hashes once, outside
// the critical section, and hands the hash down; the node stores it. Hence
//
//   - a map that needs the hash twice (a sharded map takes its shard from the
//     high bits and its slot from all of them) still computes it once;
//   - libstdc++, which decides by the type of the hash functor whether nodes
//     cache the hash (it does for std::hash<std::string>, it does not for
//     integers), here treats all key types alike: eight bytes per node buy a
//     walk along a bucket that never hashes a neighbour and never compares keys
//     whose hashes differ.
//
// Lookups are heterogeneous (C++20): they take a hash and a reference to the
// key, so that looking up a string allocates nothing. Insertions into
// std::unordered_map have no heterogeneous form yet. Keys that are trivial to
// copy are therefore inserted in one walk, others by a lookup and, on a miss, a
// second walk of the bucket just read.
//
// Where values lie is a parameter: in the node (Table), in a heap block of their own
// (BoxedTable), in the node and that in a pool of the table's own (PooledTable).
//
// Complexity: every operation is O(1) on average, O(n) when hashes collide or
// the table grows (std::unordered_map doubles and relinks all nodes at once at
// load factor 1; the inserting operation pays).
//
// Errors: only what V, K or the allocator throw. The table is then unchanged,
// provided that V's copy assignment is strong and its move does not throw.
// V and K must not call the map from their copies and comparisons. Their destructors may,
// if the table's owner lets what leaves outlive its lock (departed.h). Only the pooled table
// destroys keys where it is, and of values what a move has left.
#ifndef CMAP_MAPS_INTERNAL_TABLES_TABLE_H_
#define CMAP_MAPS_INTERNAL_TABLES_TABLE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "maps/concurrent_map.h"
#include "maps/internal/memory.h"
#include "maps/internal/tables/boxed.h"
#include "maps/internal/tables/departed.h"
#include "maps/internal/tables/node_pool.h"

namespace cmap::internal {

// `Stored` is V, or what leads to one by operator*.
template <class K, class V, template <class> class Allocator = std::allocator,
          class Stored = V>
class Table {
  struct StoredKey {
    std::uint64_t hash;
    K key;
  };
  struct KeyRef {
    std::uint64_t hash;
    const K& key;
  };
  struct TakeHash {
    using is_transparent = void;
    std::size_t operator()(const StoredKey& k) const noexcept { return k.hash; }
    std::size_t operator()(const KeyRef& k) const noexcept { return k.hash; }
  };
  struct SameKey {
    using is_transparent = void;
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return a.hash == b.hash && a.key == b.key;
    }
  };
  using Map = std::unordered_map<StoredKey, Stored, TakeHash, SameKey,
                                 Allocator<std::pair<const StoredKey, Stored>>>;
  static constexpr bool kBoxed = !std::is_same_v<Stored, V>;
  static constexpr bool kPooled =
      requires(const Map& map) { map.get_allocator().PoolBytes(); };

 public:
  // For the summary of a map: what is special about this table.
  static constexpr std::string_view kNote =
      kBoxed    ? "; each value in a heap block of its own"
      : kPooled ? "; nodes from a pool of the table's own"
                : "";
  static constexpr std::string_view kName = "hash table";
  static constexpr AfterDeletion kAfterDeletion =
      kPooled ? AfterDeletion::kAll : AfterDeletion::kTable;
  static constexpr std::string_view kGrowth =
      "doubles at load factor 1, all at once, under the lock";

  // What leaves the table is handed to whoever asks for it, instead of being destroyed.
  static constexpr bool kDefers = !(kQuietDestructor<K> && kQuietDestructor<V>);
  struct AllGone : Departed<Stored, typename Map::node_type> {
    Map all;  // of a Clear, which thus cannot fail
  };
  using Gone = std::conditional_t<kDefers, AllGone, NothingDeparted>;
  void SendDepartedTo(Gone* gone) {
    if constexpr (kDefers) gone_ = gone;
  }

  std::optional<V> Load(std::uint64_t hash, const K& key) const {
    return LoadByVisit<V>(*this, hash, key);
  }

  template <class F>
  bool Visit(std::uint64_t hash, const K& key, F&& f) const {
    const auto it = map_.find(KeyRef{hash, key});
    if (it == map_.end()) return false;
    f(Value(it->second));
    return true;
  }

  // The value in place, or null. Valid until the table changes.
  const V* Find(std::uint64_t hash, const K& key) const {
    const auto it = map_.find(KeyRef{hash, key});
    return it == map_.end() ? nullptr : &Value(it->second);
  }

  void Store(std::uint64_t hash, const K& key, const V& value) {
    if constexpr (kOneWalk && !kDefers) {
      map_.insert_or_assign(StoredKey{hash, key}, value);
    } else {
      const auto it = map_.find(KeyRef{hash, key});
      if (it != map_.end()) {
        Overwrite(it->second, value);
      } else {
        map_.try_emplace(StoredKey{hash, key}, value);
      }
    }
  }

  // Store for every pair in order.
  template <class Hash>
  void StoreAll(std::span<const std::pair<K, V>> pairs) {
    for (const auto& [key, value] : pairs) Store(Hash{}(key), key, value);
  }

  Loaded<V> LoadOrStore(std::uint64_t hash, const K& key, const V& value) {
    if constexpr (!kOneWalk) {
      const auto it = map_.find(KeyRef{hash, key});
      if (it != map_.end()) return {Value(it->second), true};
    }
    const auto [it, inserted] = map_.try_emplace(StoredKey{hash, key}, value);
    if constexpr (std::is_nothrow_copy_constructible_v<V>) {
      return {Value(it->second), !inserted};
    } else {
      try {
        return {Value(it->second), !inserted};
      } catch (...) {
        if (inserted) map_.erase(it);
        throw;
      }
    }
  }

  // `make` is called only when the key is absent. When it throws, nothing has
  // been inserted. Always two walks when the key is absent.
  template <class F>
  Loaded<V> LoadOrCompute(std::uint64_t hash, const K& key, F&& make) {
    const auto it = map_.find(KeyRef{hash, key});
    if (it != map_.end()) return {Value(it->second), true};
    V value = std::forward<F>(make)();
    Loaded<V> result{value, false};  // may throw, so before the insertion
    map_.try_emplace(StoredKey{hash, key}, std::move(value));
    return result;
  }

  std::optional<V> LoadAndDelete(std::uint64_t hash, const K& key) {
    const auto it = map_.find(KeyRef{hash, key});
    if (it == map_.end()) return std::nullopt;
    Prepare(1);
    Taken old(std::move(Value(it->second)));
    Erase(it);
    return old;
  }

  bool Delete(std::uint64_t hash, const K& key) {
    const auto it = map_.find(KeyRef{hash, key});
    if (it == map_.end()) return false;
    Prepare(1);
    Erase(it);
    return true;
  }

  std::optional<V> Swap(std::uint64_t hash, const K& key, const V& value) {
    const auto it = map_.find(KeyRef{hash, key});
    if (it == map_.end()) {
      map_.try_emplace(StoredKey{hash, key}, value);
      return std::nullopt;
    }
    Stored incoming(value);  // may throw, so before the old value is taken
    Taken old(std::move(Value(it->second)));
    it->second = std::move(incoming);
    return old;
  }

  bool CompareAndSwap(std::uint64_t hash, const K& key, const V& expected,
                      const V& desired) {
    const auto it = map_.find(KeyRef{hash, key});
    if (it == map_.end() || !(Value(it->second) == expected)) return false;
    Overwrite(it->second, desired);
    return true;
  }

  bool CompareAndDelete(std::uint64_t hash, const K& key, const V& expected) {
    const auto it = map_.find(KeyRef{hash, key});
    if (it == map_.end() || !(Value(it->second) == expected)) return false;
    Prepare(1);
    Erase(it);
    return true;
  }

  // Appends a copy of every entry. O(n) time and memory.
  void AppendTo(std::vector<std::pair<K, V>>& entries) const {
    entries.reserve(entries.size() + map_.size());
    for (const auto& [stored, value] : map_) {
      entries.emplace_back(stored.key, Value(value));
    }
  }

  // Calls `visit` for the entries in place until it returns false.
  template <class F>
  void ForEach(F&& visit) const {
    for (const auto& [stored, value] : map_) {
      if (!visit(stored.key, Value(value))) return;
    }
  }

  // Keeps the bucket array, as clearing a Go map does, unless the entries are handed over.
  // O(n).
  void Clear() {
    if constexpr (kDefers && !kPooled) {
      if (gone_ != nullptr) return gone_->all.swap(map_);
    } else if constexpr (kDefers) {
      if (gone_ != nullptr) {
        Prepare(map_.size());
        while (map_.size() != 0) Erase(map_.begin());
        return;
      }
    }
    map_.clear();
  }

  std::size_t Size() const { return map_.size(); }

  // Never shrinks: std::unordered_map::reserve() may.
  void Reserve(std::size_t entries) {
    const double room = static_cast<double>(map_.bucket_count()) *
                        static_cast<double>(map_.max_load_factor());
    if (static_cast<double>(entries) > room) map_.reserve(entries);
  }

  // Bytes of nodes and buckets, without what K and V own. O(1).
  std::size_t StructureBytes() const {
    std::size_t bytes = 0;
    if constexpr (kPooled) {
      bytes = map_.get_allocator().PoolBytes();
    } else {
      bytes = map_.size() * MallocBytes(kNodeBytes);
    }
    if constexpr (kBoxed) bytes += map_.size() * MallocBytes(sizeof(V));
    // libstdc++ keeps the first, single bucket inside the object.
    if (map_.bucket_count() > 1) {
      bytes += MallocBytes(map_.bucket_count() * sizeof(void*));
    }
    return bytes;
  }

  // Heap bytes, the table object itself not included. O(1) unless K or V own
  // heap blocks, else O(n).
  std::size_t HeapBytesHeld() const {
    std::size_t bytes = StructureBytes();
    if constexpr (kOwnsHeap<K> || kOwnsHeap<V>) {
      for (const auto& [stored, value] : map_) {
        bytes += HeapBytes(stored.key) + HeapBytes(Value(value));
      }
    }
    return bytes;
  }

 private:
  template <class S>
  static auto& Value(S& stored) {
    if constexpr (kBoxed) {
      return *stored;
    } else {
      return stored;
    }
  }

  // What is to be returned as an optional, while the table changes. Nothing may throw
  // afterwards; but an optional that waits goes through memory, in two pieces that are
  // then read as one, which takes a dozen cycles.
  using Taken = std::conditional_t<std::is_trivially_copyable_v<V>, V, std::optional<V>>;

  static constexpr bool kOneWalk =
      std::is_trivially_copyable_v<K> && sizeof(K) <= 2 * sizeof(void*);

  // A node of libstdc++ without a hash code of its own: a link and the pair.
  // table_test.cc compares this with what an allocator is asked for.
  struct NodeLayout {
    void* next;
    std::pair<const StoredKey, Stored> entry;
  };
  static constexpr std::size_t kNodeBytes = sizeof(NodeLayout);

  void Prepare(std::size_t n) {
    if constexpr (kDefers) {
      if (gone_ != nullptr) gone_->Prepare(n);
    }
  }
  // Prepared for.
  void Erase(typename Map::iterator it) {
    if constexpr (kDefers) {
      if (gone_ != nullptr) {
        if constexpr (kPooled) {
          // The node goes back to the pool, which is under the lock as well.
          gone_->Take(std::move(it->second));
        } else {
          gone_->Take(map_.extract(it));
          return;
        }
      }
    }
    map_.erase(it);
  }
  // Strong.
  void Overwrite(Stored& stored, const V& value) {
    if constexpr (kDefers) {
      if (gone_ != nullptr) {
        gone_->Prepare(1);
        Stored incoming(value);
        gone_->Take(std::move(stored));
        stored = std::move(incoming);
        return;
      }
    }
    stored = value;
  }

  Map map_;
  [[no_unique_address]] std::conditional_t<kDefers, Gone*, NothingDeparted> gone_{};
};

template <class K, class V>
using BoxedTable = Table<K, V, std::allocator, Boxed<V>>;
template <class K, class V>
using PooledTable = Table<K, V, PoolAllocator>;

}  // namespace cmap::internal

#endif  // CMAP_MAPS_INTERNAL_TABLES_TABLE_H_
