// SPDX-License-Identifier: Apache-2.0
//
// libcuckoo_map: an adapter of libcuckoo's cuckoohash_map, two-choice cuckoo
// hashing with four slots a bucket and striped spin locks.
//
//   hash --> bucket i1 [ 4 partial hashes | 4 slots ]    lock i1 mod 65536
//        \-> bucket i2 [ 4 partial hashes | 4 slots ]    lock i2 mod 65536
//
// Every operation, a lookup too, locks both buckets of its key. An insertion
// that finds both full moves elements along a path to their other buckets. The
// table doubles with all locks held; above 65536 buckets the elements of a lock
// are moved when that lock is next taken.
//
// How operations are translated. Functions that the library is given run under
// the locks of the key's buckets:
//   Load               find_fn
//   Store              insert_or_assign
//   LoadOrStore, VisitOrStore    upsert (LoadOrStore of values that are not trivial to
//                      copy: as LoadOrCompute)
//   LoadOrCompute      upsert with a value that is computed by being converted: in
//                      the slot, once, after the key was not found
//   Swap               upsert
//   CompareAndSwap     update_fn
//   LoadAndDelete, CompareAndDelete   erase_fn
//   Range              lock_table, a copy, then the visitor without a lock
//
// Settings: tunable initial_capacity is the constructor's argument, and as without
// one the table starts with room for 262144 entries in 65536 buckets.
//
// Why it must not start smaller. While it doubles, its buckets have for a moment the
// hash power of the table before the last doubling. A thread that read that power then
// and was preempted before it had its lock, one of the array that belonged to the table
// of that time and that the doubling does not take, finds the power unchanged, takes
// the table for locked and reads an array that is not there. The array of locks stays
// the same from 65536 buckets on. Seen with 0.3.1, reported as libcuckoo's issue 156, mended
// after it: 10 000 entries of 4 KiB inserted by two threads from room for 64 on, beside
// one busy thread a processor, crashed 10 of 60 times, and never from the default on.
// The kit's check many_begin_at_once crashes in 3 of 5 runs of CMAP_TEST_SCALE=20.
//
// It needs a hash that spreads: when more than eight keys share one hash the
// library gives up (load_factor_too_low), so it is not tested with hashes that
// collide on purpose.
//
// Guarantees: point operations are linearizable; blocking.
//
// Source: libcuckoo; X. Li, D. G. Andersen, M. Kaminsky, M. J. Freedman,
// Algorithmic Improvements for Fast Concurrent Cuckoo Hashing, EuroSys 2014.
#ifndef CMAP_MAPS_PEERS_LIBCUCKOO_MAP_H_
#define CMAP_MAPS_PEERS_LIBCUCKOO_MAP_H_

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <libcuckoo/cuckoohash_map.hh>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "maps/concurrent_map.h"
#include "maps/internal/memory.h"
#include "maps/internal/options.h"
#include "maps/internal/tables/locked_map.h"
#include "maps/peers/lazy.h"

namespace cmap {

struct LibcuckooMapOptions {
  std::int64_t initial_capacity = 1 << 18;
};

template <class K, class V, class Hash = DefaultHash<K>>
  requires std::same_as<Hash, DefaultHash<K>>
class LibcuckooMap {
 public:
  using key_type = K;
  using mapped_type = V;
  using Options = LibcuckooMapOptions;

  static constexpr Traits kTraits = {
      .family = "peer",
      .summary = "libcuckoo: two buckets of four slots a key, both locked by "
                 "every operation",
      .source = "libcuckoo 0.3.1; Li, Andersen, Kaminsky, Freedman, EuroSys 2014",
      .read_progress = Progress::kBlocking,
      .write_progress = Progress::kBlocking,
      .reclamation = "none needed",
      .growth = "doubles with all locks held; large tables move elements when a "
                "lock is next taken",
      .range = RangeConsistency::kSnapshot,
      .size = SizeConsistency::kBehind,
      .clear_is_atomic = true,
      .after_deletion = AfterDeletion::kAll,
      .caveat = "starts with 65536 buckets, as growth from fewer may crash; gives up "
                "when more than eight keys share one hash; beside clear() its size() "
                "may count a part of what was there",
  };
  static constexpr std::array<Tunable<Options>, 1> kTunables = {{
      {"initial_capacity", &Options::initial_capacity, 1 << 18, 1 << 28,
       "entries the table has room for at first (with less than the library's "
       "default it may crash when several threads make it grow)"},
  }};

  LibcuckooMap() : LibcuckooMap(Options{}) {}
  explicit LibcuckooMap(const Options& options)
      : map_(static_cast<std::size_t>(
            internal::CheckOptions("libcuckoo_map", options, kTunables)
                .initial_capacity)) {}
  LibcuckooMap(const LibcuckooMap&) = delete;
  LibcuckooMap& operator=(const LibcuckooMap&) = delete;

  std::optional<V> Load(const K& key) { return LoadByVisit<V>(*this, key); }

  template <class F>
  [[gnu::always_inline]] bool Visit(const K& key, F&& f) {
    return map_.find_fn(key, [&](const V& value) { f(value); });
  }

  void Store(const K& key, const V& value) { map_.insert_or_assign(key, value); }

  Loaded<V> LoadOrStore(const K& key, const V& value) {
    if constexpr (std::is_trivially_copyable_v<V>) {
      return LoadOrStoreByVisit(*this, key, value);
    } else {
      return LoadOrCompute(key, [&]() -> const V& { return value; });
    }
  }

  template <class F>
  [[gnu::always_inline]] bool VisitOrStore(const K& key, const V& value, F&& f) {
    return !map_.upsert(key, [&](const V& present) { f(present); }, value);
  }

  // f runs under the locks of the key's two buckets. The copy to be returned is
  // made before the one to be stored: afterwards nothing may throw.
  template <class F>
  Loaded<V> LoadOrCompute(const K& key, F&& make) {
    std::optional<V> present;
    std::optional<V> made;
    const auto make_once = [&]() -> V { return made.emplace(make()); };
    map_.upsert(
        key, [&](const V& value) { present.emplace(value); },
        peers::Lazy(make_once));
    if (present) return {*std::move(present), true};
    return {*std::move(made), false};
  }

  std::optional<V> LoadAndDelete(const K& key) {
    std::optional<V> removed;
    map_.erase_fn(key, [&](const V& value) {
      removed.emplace(value);
      return true;
    });
    return removed;
  }

  bool Delete(const K& key) { return map_.erase(key); }

  std::optional<V> Swap(const K& key, const V& value) {
    std::optional<V> old;
    map_.upsert(
        key,
        [&](V& held) {
          V desired(value);
          old.emplace(std::exchange(held, std::move(desired)));
        },
        value);
    return old;
  }

  bool CompareAndSwap(const K& key, const V& expected, const V& desired) {
    bool swapped = false;
    map_.update_fn(key, [&](V& held) {
      if (!(held == expected)) return;
      held = desired;
      swapped = true;
    });
    return swapped;
  }

  bool CompareAndDelete(const K& key, const V& expected) {
    bool removed = false;
    map_.erase_fn(key, [&](const V& held) {
      return removed = (held == expected);
    });
    return removed;
  }

  // O(n) memory; holds all locks while it copies.
  template <class F>
  void Range(F&& visit) {
    std::vector<std::pair<K, V>> entries;
    {
      auto locked = map_.lock_table();
      entries.assign(locked.begin(), locked.end());
    }
    internal::VisitAll(entries, visit);
  }

  void Clear() { map_.clear(); }

  // O(locks), which are as many as the buckets, 65536 at most. Adds up their counts
  // without taking them: beside a Clear it may find some entries gone and others not. And
  // writers count by plain stores, which may be in their store buffer when they return.
  std::size_t Size() { return map_.size(); }

  void Reserve(std::size_t entries) {
    // The library would shrink the table as well.
    if (entries > map_.capacity()) map_.reserve(entries);
  }

  void StoreBatch(std::span<const std::pair<K, V>> batch) {
    for (const auto& [key, value] : batch) Store(key, value);
  }

  // From the library's layout: an array of buckets (four entries, partial hashes
  // and marks) and one of locks, a cache line each, as many as the buckets, with
  // those of smaller tables.
  std::size_t MemoryBytes() {
    constexpr std::size_t kSlots = 4;
    constexpr std::size_t kMaxLocks = 1 << 16;
    struct Bucket {
      Entry entries[kSlots];
      std::uint8_t partials[kSlots];
      bool occupied[kSlots];
    };
    const std::size_t buckets = map_.bucket_count();
    std::size_t bytes = sizeof(*this) +
                        internal::MallocBytes(buckets * sizeof(Bucket)) +
                        kCacheLine * std::min(buckets, kMaxLocks);
    if constexpr (internal::kOwnsHeap<K> || internal::kOwnsHeap<V>) {
      auto locked = map_.lock_table();
      for (const auto& [key, value] : locked) {
        bytes += internal::HeapBytes(key) + internal::HeapBytes(value);
      }
    }
    return bytes;
  }

 private:
  using Entry = std::pair<K, V>;

  libcuckoo::cuckoohash_map<K, V, Hash> map_;
};

}  // namespace cmap

#endif  // CMAP_MAPS_PEERS_LIBCUCKOO_MAP_H_
