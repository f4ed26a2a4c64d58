// SPDX-License-Identifier: Apache-2.0
//
// bounded_cache_map: a cache with a hard bound of memory and, if wanted, a time to
// live. 256 segments, each with a lock, a ring of bytes that holds the entries, and
// a small index into it.
//
//   hash   63 .. 32 | 31 ........ 16 | 15 ..... 8 | 7 ...... 0
//                   | hash16         | slot       | segment
//
//   segment  lock  index: 256 slots of pointers, sorted by hash16 (binary search)
//                  ring:  [ header | key | value ] [ header | key | value ] ...
//                         oldest, next to go                      newest
//
// A full ring makes room at its old end: what has expired or was last used before
// the mean of its segment is dropped, what was used more recently is moved to the
// new end, five times in a row at most (bounded_cache_map/cache_segment.h). So it is least
// recently used but for the grain: whole seconds, and by segment.
//
// It is no map: a key that was stored may be gone at any time. What it never does is
// answer with another value than the last one stored for the key, or keep what was
// deleted. An entry larger than a quarter of a ring (about 1/1400 of the bound) is
// not kept, and what its key held before is gone: as if it had been evicted at once.
// A segment never used costs nothing but its head; rings grow by doubling as they
// fill, and for that moment one segment holds its old ring and the new one.
//
// Time to live counts in whole seconds of a clock that ticks at any moment: an entry
// stored for X seconds lives more than X - 1 and at most X. Expired entries are
// found absent; Size counts them until they are come across.
//
// Keys and values are copied into the ring as bytes: types that are trivially
// copyable, and strings. Each answer is a copy out of it. Nothing is freed or
// allocated per entry.
//
// Guarantees. Point operations are linearizable, as operations of a map from which
// keys may vanish, and blocking; loads lock too, as they note the use. O(log n) in
// the slot; a store pays for the entries it drops or moves. Range copies segment by
// segment. MemoryBytes() never exceeds MemoryBound(). Exceptions come before
// anything has changed, but for entries dropped to make room.
//
// Source: coocood/freecache (Go; 2015), from which segments, slots, the ring and
// the rules of eviction. There is no CompareAndSwap there; under the segment's lock
// it is free.
#ifndef CMAP_MAPS_BOUNDED_CACHE_MAP_H_
#define CMAP_MAPS_BOUNDED_CACHE_MAP_H_

#include <time.h>

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "maps/bounded_cache_map/cache_segment.h"
#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"
#include "maps/internal/memory.h"
#include "maps/internal/options.h"
#include "maps/internal/tables/locked_map.h"

namespace cmap {

// What can be kept as bytes.
template <class T>
concept CacheableAsBytes = std::is_trivially_copyable_v<T> || std::same_as<T, std::string>;

struct BoundedCacheMapOptions {
  std::int64_t memory_mib = 256;
  std::int64_t ttl_seconds = 0;
};

// Whole seconds since the machine started. Coarse: some nanoseconds to read.
struct WholeSeconds {
  static std::uint32_t Now() noexcept {
    timespec t;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
    return static_cast<std::uint32_t>(t.tv_sec);
  }
};

// Clock::Now() must not go back by what the program can notice.
template <CacheableAsBytes K, CacheableAsBytes V, class Hash = DefaultHash<K>,
          class Atomics = NativeAtomics, class Clock = WholeSeconds>
class BoundedCacheMap {
 public:
  using key_type = K;
  using mapped_type = V;
  using Options = BoundedCacheMapOptions;

  static constexpr Traits kTraits = {
      .family = "bounded cache",
      .summary = "256 locked segments that keep entries as bytes in rings, drop those "
                 "not used lately when full, and forget by age",
      .source = "coocood/freecache (Go)",
      .read_progress = Progress::kBlocking,
      .write_progress = Progress::kBlocking,
      .reclamation = "none needed",
      .growth = "each segment's ring doubles up to its bound, then evicts",
      .range = RangeConsistency::kPerShard,
      .keeps_every_key = false,
      .caveat = "may drop any entry at any time; values are copied in and out as bytes",
  };
  static constexpr std::array<Tunable<Options>, 2> kTunables = {{
      {"memory_mib", &Options::memory_mib, 8, 1 << 20,
       "bound of all memory held, in MiB; a quarter of it for the index, which below "
       "64 MiB fills up before rings of small entries do"},
      {"ttl_seconds", &Options::ttl_seconds, 0, 1 << 30,
       "whole seconds an entry lives after it was stored; 0: until it is evicted"},
  }};

  BoundedCacheMap() : BoundedCacheMap(Options{}) {}
  explicit BoundedCacheMap(const Options& options)
      : bound_(static_cast<std::size_t>(
                   internal::CheckOptions("bounded_cache_map", options, kTunables)
                       .memory_mib)
               << 20),
        ttl_(static_cast<std::uint32_t>(options.ttl_seconds)),
        segments_(std::make_unique<Segment[]>(kSegments)) {
    const std::size_t each = (bound_ - FixedBytes()) / kSegments;
    for (Segment& segment : Segments()) {
      segment.cache.SetLimits(each / 4 * 3 - 32, each / 4);
    }
  }
  BoundedCacheMap(const BoundedCacheMap&) = delete;
  BoundedCacheMap& operator=(const BoundedCacheMap&) = delete;

  // Bytes that MemoryBytes() never exceeds.
  std::size_t MemoryBound() const { return bound_; }

  std::optional<V> Load(const K& key) { return LoadByVisit<V>(*this, key); }

  template <class F>
  [[gnu::always_inline]] bool Visit(const K& key, F&& f) {
    Section section(*this, key);
    auto hit = section.Find();
    ++(hit ? section.segment.hits : section.segment.misses);
    if (!hit) return false;
    section.cache().Touch(*hit, section.now);
    f(section.ValueOf(*hit));
    return true;
  }

  void Store(const K& key, const V& value) { StoreFor(key, value, ttl_); }

  // Stores with a time to live of its own, in seconds; 0: none.
  void StoreFor(const K& key, const V& value, std::uint32_t ttl_seconds) {
    Section section(*this, key);
    section.Put(section.Find(), value, ttl_seconds);
  }

  Loaded<V> LoadOrStore(const K& key, const V& value) {
    return LoadOrCompute(key, [&]() -> const V& { return value; });
  }

  // `make` runs under the lock of the key's segment.
  template <class F>
  Loaded<V> LoadOrCompute(const K& key, F&& make) {
    Section section(*this, key);
    auto hit = section.Find();
    ++(hit ? section.segment.hits : section.segment.misses);
    if (hit) {
      section.cache().Touch(*hit, section.now);
      return {section.ValueOf(*hit), true};
    }
    Loaded<V> result{std::forward<F>(make)(), false};
    section.Put(hit, result.value, ttl_);
    return result;
  }

  std::optional<V> LoadAndDelete(const K& key) {
    Section section(*this, key);
    const auto hit = section.Find();
    if (!hit) return std::nullopt;
    std::optional<V> old(section.ValueOf(*hit));
    section.cache().Remove(*hit);
    return old;
  }

  bool Delete(const K& key) {
    Section section(*this, key);
    const auto hit = section.Find();
    if (hit) section.cache().Remove(*hit);
    return hit.has_value();
  }

  std::optional<V> Swap(const K& key, const V& value) {
    Section section(*this, key);
    const auto hit = section.Find();
    std::optional<V> old;
    if (hit) old.emplace(section.ValueOf(*hit));
    section.Put(hit, value, ttl_);
    return old;
  }

  bool CompareAndSwap(const K& key, const V& expected, const V& desired) {
    Section section(*this, key);
    const auto hit = section.Find();
    if (!hit || !(section.ValueOf(*hit) == expected)) return false;
    section.Put(hit, desired, ttl_);
    return true;
  }

  bool CompareAndDelete(const K& key, const V& expected) {
    Section section(*this, key);
    const auto hit = section.Find();
    if (!hit || !(section.ValueOf(*hit) == expected)) return false;
    section.cache().Remove(*hit);
    return true;
  }

  // Holds no lock while it visits. Does not count as a use of the entries.
  template <class F>
  void Range(F&& visit) {
    std::vector<std::pair<K, V>> entries;
    for (Segment& segment : Segments()) {
      entries.clear();
      {
        const std::lock_guard lock(segment.mutex);
        segment.cache.ForEach(Clock::Now(), [&](const auto& header, std::uint32_t at) {
          entries.emplace_back(
              Decode<K>(segment.cache, at, header.key_len),
              Decode<V>(segment.cache, segment.cache.Advance(at, header.key_len),
                        header.val_len));
        });
      }
      if (!internal::VisitAll(entries, visit)) return;
    }
  }

  // Keeps the rings.
  void Clear() {
    for (Segment& segment : Segments()) {
      const std::lock_guard lock(segment.mutex);
      segment.cache.Clear();
    }
  }

  std::size_t Size() {
    std::size_t size = 0;
    for (Segment& segment : Segments()) {
      const std::lock_guard lock(segment.mutex);
      size += segment.cache.size();
    }
    return size;
  }

  // Nothing to do: rings grow by their own rule, and only to their bound.
  void Reserve(std::size_t) {}

  void StoreBatch(std::span<const std::pair<K, V>> batch) {
    for (const auto& [key, value] : batch) Store(key, value);
  }

  std::size_t MemoryBytes() {
    std::size_t bytes = FixedBytes();
    for (Segment& segment : Segments()) bytes += segment.cache.HeapBytesHeld();
    return bytes;
  }

  // hits, misses: of Load, LoadOrStore and LoadOrCompute. evicted, expired: entries
  // dropped for room, and for age. relocated: entries moved to be spared. refused:
  // stores too large to keep.
  std::vector<Counter> Counters() const {
    internal::CacheSegment::Counts sum;
    std::uint64_t hits = 0, misses = 0;
    for (const Segment& segment : Segments()) {
      const std::lock_guard lock(segment.mutex);
      const auto& counts = segment.cache.counts();
      sum.evicted += counts.evicted;
      sum.expired += counts.expired;
      sum.relocated += counts.relocated;
      sum.refused += counts.refused;
      hits += segment.hits;
      misses += segment.misses;
    }
    return {{"hits", hits},
            {"misses", misses},
            {"evicted", sum.evicted},
            {"expired", sum.expired},
            {"relocated", sum.relocated},
            {"refused", sum.refused}};
  }

 private:
  static constexpr std::size_t kSegments = 256;

  struct alignas(kCacheLine) Segment {
    mutable typename Atomics::Mutex mutex;
    internal::CacheSegment cache;
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
  };

  template <class T>
  static const void* BytesOf(const T& value) {
    if constexpr (std::same_as<T, std::string>) {
      return value.data();
    } else {
      return &value;
    }
  }
  template <class T>
  static std::size_t SizeOf(const T& value) {
    if constexpr (std::same_as<T, std::string>) {
      return value.size();
    } else {
      return sizeof value;
    }
  }
  template <class T>
  static T Decode(const internal::CacheSegment& cache, std::uint32_t at,
                  std::size_t bytes) {
    if constexpr (std::same_as<T, std::string>) {
      std::string text(bytes, '\0');
      cache.Read(at, text.data(), bytes);
      return text;
    } else {
      std::array<std::byte, sizeof(T)> raw;
      cache.Read(at, raw.data(), sizeof(T));
      return std::bit_cast<T>(raw);
    }
  }

  // One operation on one key, under the lock of its segment.
  struct Section {
    using Cache = internal::CacheSegment;

    Section(BoundedCacheMap& map, const K& k)
        : key(k), hash(Hash{}(k)), segment(map.segments_[hash % kSegments]),
          lock(segment.mutex), now(Clock::Now()) {}

    Cache& cache() { return segment.cache; }

    std::optional<Cache::Hit> Find() { return cache().Find(Probe(), now, SameKey()); }

    void Put(const std::optional<Cache::Hit>& hit, const V& value, std::uint32_t ttl) {
      cache().Put(Probe(), BytesOf(key), BytesOf(value), SizeOf(value),
                  ttl == 0 ? 0 : now + ttl, now, hit, SameKey());
    }

    V ValueOf(const Cache::Hit& hit) {
      return Decode<V>(cache(), cache().ValueOffset(hit), hit.header.val_len);
    }

    Cache::Probe Probe() const {
      return {static_cast<std::uint8_t>(hash >> 8),
              static_cast<std::uint16_t>(hash >> 16), SizeOf(key)};
    }
    auto SameKey() {
      return [this](std::uint32_t at) {
        if constexpr (std::same_as<K, std::string>) {
          return cache().Equals(at, key.data(), key.size());
        } else {
          return Decode<K>(cache(), at, sizeof(K)) == key;
        }
      };
    }

    const K& key;
    const std::uint64_t hash;
    Segment& segment;
    const std::lock_guard<typename Atomics::Mutex> lock;
    const std::uint32_t now;
  };

  static std::size_t FixedBytes() {
    return sizeof(BoundedCacheMap) + internal::MallocBytes((kSegments + 1) * sizeof(Segment));
  }
  std::span<Segment> Segments() const { return {segments_.get(), kSegments}; }

  const std::size_t bound_;
  const std::uint32_t ttl_;
  const std::unique_ptr<Segment[]> segments_;
};

}  // namespace cmap

#endif  // CMAP_MAPS_BOUNDED_CACHE_MAP_H_
