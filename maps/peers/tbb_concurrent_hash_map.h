// SPDX-License-Identifier: Apache-2.0
//
// tbb_concurrent_hash_map: an adapter of oneTBB's concurrent_hash_map, a chained
// table with a reader-writer spin lock for each bucket and one for each element.
//
//   bucket [ lock | first ] --> [ next | lock | key, value ] --> ...
//
// An accessor holds an element's lock, exclusively or shared, for as long as it
// lives; the bucket's lock is held only to find or to link. Growth adds segments
// of buckets; the elements of a bucket are moved when it is first used.
//
// How operations are translated:
//   Load               const_accessor
//   Store, Swap        accessor to the element found or inserted
//   LoadOrStore        const_accessor to the element found or inserted
//   CompareAndSwap     accessor
//   Delete             erase(key)
//   LoadAndDelete, CompareAndDelete   accessor, then erase(accessor); when it
//                      says that somebody else removed the element meanwhile,
//                      once more from the start
// An element is inserted with its value: the idiom that inserts the key first
// and assigns through the accessor would leave a key without a value when the
// assignment throws. For values that are expensive to copy the key is therefore
// looked up before the element is made.
//
// Not supported, as the library does not offer it to several threads:
//   LoadOrCompute      the value cannot be computed between looking and linking;
//                      in the idiom above a function that throws would leave a
//                      key that another thread may already have removed
//   Range, Clear, Reserve   iteration, clear and rehash are for one thread only
//
// Settings: the allocator is the standard one, the same as that of all
// contestants. Tunable initial_buckets is the constructor's argument.
//
// Guarantees: point operations are linearizable; blocking.
//
// Source: oneTBB, concurrent_hash_map.
#ifndef CMAP_MAPS_PEERS_TBB_CONCURRENT_HASH_MAP_H_
#define CMAP_MAPS_PEERS_TBB_CONCURRENT_HASH_MAP_H_

#include <oneapi/tbb/concurrent_hash_map.h>
#include <oneapi/tbb/version.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

#include "maps/concurrent_map.h"
#include "maps/internal/memory.h"
#include "maps/internal/options.h"

namespace cmap {

struct TbbConcurrentHashMapOptions {
  std::int64_t initial_buckets = 0;
};

template <class K, class V, class Hash = DefaultHash<K>>
class TbbConcurrentHashMap {
 public:
  using key_type = K;
  using mapped_type = V;
  using Options = TbbConcurrentHashMapOptions;

  static constexpr Traits kTraits = {
      .family = "peer",
      .summary = "tbb::concurrent_hash_map: chains with a reader-writer spin "
                 "lock for each bucket and each element",
      .source = "oneTBB " TBB_VERSION_STRING,
      .read_progress = Progress::kBlocking,
      .write_progress = Progress::kBlocking,
      .reclamation = "none needed",
      .growth = "new segments of buckets; a bucket is filled when first used",
      .unsupported = OpSet(Op::kLoadOrCompute, Op::kRange, Op::kClear,
                           Op::kReserve),
      .unsupported_reason =
          "the library iterates, clears and rehashes for one thread only, and "
          "computes no value under its locks",
      .caveat = "a reader writes to the locks of the bucket and the element",
  };
  static constexpr std::array<Tunable<Options>, 1> kTunables = {{
      {"initial_buckets", &Options::initial_buckets, 0, 1 << 28,
       "buckets the table starts with (0: the library's default, 2)"},
  }};

  TbbConcurrentHashMap() = default;
  explicit TbbConcurrentHashMap(const Options& options) {
    const std::int64_t buckets =
        internal::CheckOptions("tbb_concurrent_hash_map", options, kTunables)
            .initial_buckets;
    if (buckets > 0) map_.rehash(static_cast<std::size_t>(buckets));
  }
  TbbConcurrentHashMap(const TbbConcurrentHashMap&) = delete;
  TbbConcurrentHashMap& operator=(const TbbConcurrentHashMap&) = delete;

  std::optional<V> Load(const K& key) { return LoadByVisit<V>(*this, key); }

  template <class F>
  [[gnu::always_inline]] bool Visit(const K& key, F&& f) {
    typename Table::const_accessor element;
    if (!map_.find(element, key)) return false;
    f(element->second);
    return true;
  }

  void Store(const K& key, const V& value) {
    typename Table::accessor element;
    if (!Insert(element, key, value)) element->second = value;
  }

  Loaded<V> LoadOrStore(const K& key, const V& value) {
    typename Table::const_accessor element;
    if constexpr (!kCheap) {
      if (map_.find(element, key)) return {element->second, true};
    }
    Loaded<V> result{value, false};  // before the insertion: it may throw
    if (map_.insert(element, Entry(key, value))) return result;
    return {element->second, true};
  }

  std::optional<V> LoadAndDelete(const K& key) {
    for (;;) {
      typename Table::accessor element;
      if (!map_.find(element, key)) return std::nullopt;
      std::optional<V> removed(element->second);
      if (map_.erase(element)) return removed;
    }
  }

  bool Delete(const K& key) { return map_.erase(key); }

  std::optional<V> Swap(const K& key, const V& value) {
    typename Table::accessor element;
    if (Insert(element, key, value)) return std::nullopt;
    V desired(value);
    return std::exchange(element->second, std::move(desired));
  }

  bool CompareAndSwap(const K& key, const V& expected, const V& desired) {
    typename Table::accessor element;
    if (!map_.find(element, key) || !(element->second == expected)) return false;
    element->second = desired;
    return true;
  }

  bool CompareAndDelete(const K& key, const V& expected) {
    for (;;) {
      typename Table::accessor element;
      if (!map_.find(element, key) || !(element->second == expected)) {
        return false;
      }
      if (map_.erase(element)) return true;
    }
  }

  std::size_t Size() { return map_.size(); }

  void StoreBatch(std::span<const std::pair<K, V>> batch) {
    for (const auto& [key, value] : batch) Store(key, value);
  }

  // From the library's layout: a bucket is a lock and a pointer, a node the
  // same and the entry. The first two buckets lie in the object.
  std::size_t MemoryBytes() {
    constexpr std::size_t kLockAndPointer = 16;
    std::size_t bytes = sizeof(*this);
    // Segments: one of all buckets up to the first 512 or so, doubling after.
    bytes += internal::MallocBytes(
        kLockAndPointer *
        (map_.bucket_count() - std::min<std::size_t>(map_.bucket_count(), 2)));
    bytes += map_.size() * internal::MallocBytes(kLockAndPointer + sizeof(Entry));
    if constexpr (internal::kOwnsHeap<K> || internal::kOwnsHeap<V>) {
      for (const auto& [key, value] : map_) {
        bytes += internal::HeapBytes(key) + internal::HeapBytes(value);
      }
    }
    return bytes;
  }

 private:
  struct HashCompare {
    static std::size_t hash(const K& key) { return Hash{}(key); }
    static bool equal(const K& a, const K& b) { return a == b; }
  };
  using Entry = std::pair<const K, V>;
  using Table = tbb::concurrent_hash_map<K, V, HashCompare, std::allocator<Entry>>;

  // Whether an entry that is made in vain costs next to nothing.
  static constexpr bool kCheap =
      std::is_trivially_copyable_v<K> && std::is_trivially_copyable_v<V>;

  // Points `element` to the key's element, which is inserted when absent.
  bool Insert(typename Table::accessor& element, const K& key, const V& value) {
    if constexpr (!kCheap) {
      if (map_.find(element, key)) return false;
    }
    return map_.insert(element, Entry(key, value));
  }

  Table map_;
};

}  // namespace cmap

#endif  // CMAP_MAPS_PEERS_TBB_CONCURRENT_HASH_MAP_H_
