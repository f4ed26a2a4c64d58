// SPDX-License-Identifier: Apache-2.0
//
// The hot part of hot_cold_map: a fixed number of buckets, a cache line each, with
// four slots for entries.
//
//   bucket  [ slot slot slot slot | tag tag tag tag | lock ]
//               |                    upper half of the hash, of the key that has, or
//               v                    had last, the slot
//            { hash, key, value, heat }
//
// A slot that is not empty leads to an entry that is constant but for its heat. Slots
// and tags are written under the bucket's lock; who may do so when is the map's
// business, as is the freeing of entries.
//
// Guarantees. Find and ForEach are wait-free and need a guard, from before they begin
// until the entries are no longer used, or a lock that keeps entries from being
// replaced. What Find does not find without such a lock may be there all the same.
// Nothing throws but what comparing keys throws, and the constructors.
#ifndef CMAP_MAPS_HOT_COLD_MAP_HOT_BUCKETS_H_
#define CMAP_MAPS_HOT_COLD_MAP_HOT_BUCKETS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "maps/concurrent_map.h"
#include "maps/internal/locks/spin_lock.h"
#include "maps/internal/memory.h"

namespace cmap::internal {

template <class K, class V, class Atomics>
class HotBuckets {
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;

 public:
  static constexpr std::size_t kWays = 4;

  struct Entry {
    Entry(std::uint64_t h, const K& k, const V& v, std::uint32_t samples)
        : hash(h), key(k), value(v), heat(samples) {}
    const std::uint64_t hash;
    const K key;
    const V value;
    Atomic<std::uint32_t> heat;     // counted reads, halved in contests
    Entry* next_removed = nullptr;  // written after it was unlinked
  };
  using Slot = Atomic<Entry*>;

  struct alignas(kCacheLine) Bucket {
    std::array<Slot, kWays> slots = {};
    std::array<Atomic<std::uint32_t>, kWays> tags = {};
    SpinLock<Atomics> lock;
  };

  // Room for so many entries, a power of two, kWays at least.
  explicit HotBuckets(std::size_t capacity)
      : mask_(capacity / kWays - 1), buckets_(std::make_unique<Bucket[]>(mask_ + 1)) {}
  HotBuckets(const HotBuckets&) = delete;
  HotBuckets& operator=(const HotBuckets&) = delete;
  // And the entries.
  ~HotBuckets() {
    ForEach([](const Entry& entry) { delete &entry; });
  }

  std::size_t capacity() const { return kWays * (mask_ + 1); }
  Bucket& BucketOf(std::uint64_t hash) { return buckets_[hash & mask_]; }

  // The slot that holds the key, or null. Right under the cold lock or the
  // bucket's; else what it does not find may be hot all the same, as the tags,
  // which are relaxed, may be older than the slots.
  static Slot* Find(Bucket& bucket, std::uint64_t hash, const K& key, Entry*& found) {
    const std::uint32_t tag = TagOf(hash);
    for (std::size_t i = 0; i < kWays; ++i) {
      if (bucket.tags[i].load(std::memory_order_relaxed) != tag) continue;
      // (1) pairs with (2): the entry as it was made. Both are sequentially consistent: a
      // write is over when it returns, for readers of all keys.
      found = bucket.slots[i].load(std::memory_order_seq_cst);
      if (found != nullptr && found->hash == hash && found->key == key) {
        return &bucket.slots[i];
      }
    }
    return nullptr;
  }

  // What follows, up to HalveHeat, is under the bucket's lock.

  // Puts an entry of the same key in the place of another.
  static void Replace(Slot& slot, std::unique_ptr<Entry> entry) {
    // (2) pairs with (1).
    slot.store(entry.release(), std::memory_order_seq_cst);
  }

  // Puts an entry into slot i, which is empty.
  static void Fill(Bucket& bucket, std::size_t i, std::unique_ptr<Entry> entry) {
    bucket.tags[i].store(TagOf(entry->hash), std::memory_order_relaxed);
    bucket.slots[i].store(entry.release(), std::memory_order_seq_cst);  // (2)
  }

  // An empty slot, or the one of least heat.
  static std::size_t LeastHot(const Bucket& bucket) {
    std::size_t least = 0;
    std::uint32_t least_heat = ~std::uint32_t{0};
    for (std::size_t i = 0; i < kWays; ++i) {
      const Entry* entry = bucket.slots[i].load(std::memory_order_relaxed);
      if (entry == nullptr) return i;
      const std::uint32_t heat = entry->heat.load(std::memory_order_relaxed);
      if (heat < least_heat) {
        least = i;
        least_heat = heat;
      }
    }
    return least;
  }

  // Of all in the bucket, which is full.
  static void HalveHeat(Bucket& bucket) {
    for (Slot& slot : bucket.slots) {
      Entry* entry = slot.load(std::memory_order_relaxed);
      entry->heat.store(entry->heat.load(std::memory_order_relaxed) / 2, std::memory_order_relaxed);
    }
  }

  // Locks nothing.
  template <class F>
  void ForEachBucket(F&& visit) {
    for (std::size_t i = 0; i <= mask_; ++i) visit(buckets_[i]);
  }

  // Under a guard, or with exclusive access.
  template <class F>
  void ForEach(F&& visit) const {
    for (std::size_t i = 0; i <= mask_; ++i) {
      for (const Slot& slot : buckets_[i].slots) {
        const Entry* entry = slot.load(std::memory_order_acquire);  // (1)
        if (entry != nullptr) visit(*entry);
      }
    }
  }

  // With the entries, and what they own.
  std::size_t HeapBytesHeld() const {
    std::size_t bytes = MallocBytes((mask_ + 2) * sizeof(Bucket));
    ForEach([&](const Entry& e) {
      bytes += MallocBytes(sizeof(Entry)) + HeapBytes(e.key) + HeapBytes(e.value);
    });
    return bytes;
  }

 private:
  static std::uint32_t TagOf(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }

  const std::size_t mask_;
  const std::unique_ptr<Bucket[]> buckets_;
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_HOT_COLD_MAP_HOT_BUCKETS_H_
