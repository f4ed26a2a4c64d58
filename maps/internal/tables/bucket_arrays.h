// SPDX-License-Identifier: Apache-2.0
//
// The memory of bucket_table.h: an array of buckets, during growth the former one as
// well, and the overflow buckets that hang from either.
//
//   array   [ bucket 0 ] ... [ bucket n - 1 ][ spare ][ spare ] ...
//               |                              ^
//               +--> overflow: the next spare -+, or, when there is none, a block of
//                    its own
//
// As in Go, arrays of 16 buckets and more have a sixteenth of spare buckets behind
// them, so that overflow seldom allocates. Spares die with their array, blocks when
// their chain is freed.
//
// What moves from the former array to the present one, and when, is the table's
// business: it marks what it has moved (kEvacuated), and the walks here go by that.
//
// Guarantees. Memory only: entries are made by the table, and destroyed here only when
// all of them are (DestroyEntries, Clear, the destructor). What allocates may throw
// what the allocator throws, and has then changed nothing. The buckets of a new array
// that follows another are not initialised: the table does that when it moves their
// old ones.
//
// Source: Go 1.23, src/runtime/map.go (makeBucketArray, newoverflow).
#ifndef CMAP_MAPS_INTERNAL_TABLES_BUCKET_ARRAYS_H_
#define CMAP_MAPS_INTERNAL_TABLES_BUCKET_ARRAYS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <type_traits>
#include <utility>

#include "maps/internal/memory.h"
#include "maps/internal/tables/bucket_layout.h"

namespace cmap::internal {

template <class K, class V, bool kFast64, template <class> class Allocator>
class BucketArrays {
  using Layout = BucketLayout<K, V, kFast64>;

 public:
  using Bucket = typename Layout::Bucket;
  using Place = typename Layout::Place;

  struct Array {
    Bucket* buckets = nullptr;
    std::size_t size = 0;    // a power of two, or 0
    std::size_t spares = 0;  // buckets behind these, for overflow

    std::size_t Total() const { return size + spares; }
    // Where the chain of the hash begins.
    Bucket& Head(std::uint64_t hash) const { return buckets[hash & (size - 1)]; }
  };

  BucketArrays() = default;
  BucketArrays(const BucketArrays&) = delete;
  BucketArrays& operator=(const BucketArrays&) = delete;
  ~BucketArrays() {
    DestroyEntries();
    Free(old_);
    Free(array_);
  }

  void Swap(BucketArrays& other) noexcept {
    std::swap(array_, other.array_);
    std::swap(old_, other.old_);
    std::swap(next_spare_, other.next_spare_);
    std::swap(overflows_, other.overflows_);
    std::swap(heap_overflows_, other.heap_overflows_);
  }

  const Array& array() const { return array_; }
  // Has no buckets unless the table grows.
  const Array& old() const { return old_; }
  bool Growing() const { return old_.buckets != nullptr; }
  // Taken for array() since it was made.
  std::size_t overflows() const { return overflows_; }

  void MakeFirst(std::size_t size) {
    array_ = Allocate(size);
    for (std::size_t i = 0; i < size; ++i) Layout::Init(array_.buckets[i]);
    next_spare_ = size;
  }

  // A new array; the present one becomes the old one.
  void MakeNext(std::size_t size) {
    const Array fresh = Allocate(size);
    old_ = std::exchange(array_, fresh);
    next_spare_ = array_.size;
    overflows_ = 0;
  }

  // Everything in it has been moved.
  void FreeOld() { Free(old_); }

  Bucket* NewOverflow() {
    Bucket* bucket;
    if (next_spare_ < array_.Total()) {
      bucket = &array_.buckets[next_spare_++];
    } else {
      bucket = Allocator<Bucket>().allocate(1);
      ++heap_overflows_;
    }
    ++overflows_;
    Layout::Init(*bucket);
    return bucket;
  }

  // So many, linked; all or none.
  Bucket* NewOverflows(std::size_t wanted) {
    Bucket* first = nullptr;
    try {
      for (; wanted > 0; --wanted) {
        Bucket* const bucket = NewOverflow();
        bucket->overflow = first;
        first = bucket;
      }
    } catch (...) {
      while (first != nullptr) {
        Bucket* const bucket = std::exchange(first, first->overflow);
        if (IsSpare(bucket)) --next_spare_;  // the last one taken
        FreeOverflow(bucket);
        --overflows_;
      }
      throw;
    }
    return first;
  }

  void FreeOverflows(Bucket& head) {
    Bucket* bucket = std::exchange(head.overflow, nullptr);
    while (bucket != nullptr) {
      FreeOverflow(std::exchange(bucket, bucket->overflow));
    }
  }

  // Keeps the present array. O(array).
  void Clear() {
    DestroyEntries();
    Free(old_);
    for (std::size_t i = 0; i < array_.size; ++i) Layout::Init(array_.buckets[i]);
    next_spare_ = array_.size;
    overflows_ = 0;
  }

  // Calls `visit` for the place of every entry.
  template <class F>
  void ForEachPlace(F visit) const {
    ForEachHead([&](Bucket& head) {
      for (Bucket* b = &head; b != nullptr; b = b->overflow) {
        for (unsigned slot = 0; slot < Layout::kSlots; ++slot) {
          if (b->top[slot] >= Layout::kMinTop) visit(Place{b, slot, true});
        }
      }
    });
  }

  // Without what keys and values own.
  std::size_t HeapBytesHeld() const {
    return MallocBytes(array_.Total() * sizeof(Bucket)) +
           MallocBytes(old_.Total() * sizeof(Bucket)) +
           heap_overflows_ * MallocBytes(sizeof(Bucket));
  }

 private:
  static Array Allocate(std::size_t size) {
    const Array array{nullptr, size, size >= 16 ? size / 16 : 0};
    return {Allocator<Bucket>().allocate(array.Total()), size, array.spares};
  }

  static void Free(Array& array) {
    if (array.buckets == nullptr) return;
    Allocator<Bucket>().deallocate(array.buckets, array.Total());
    array = {};
  }

  static bool Within(const Array& array, const Bucket* bucket) {
    return !std::less<>{}(bucket, static_cast<const Bucket*>(array.buckets)) &&
           std::less<>{}(bucket, static_cast<const Bucket*>(array.buckets) + array.Total());
  }
  bool IsSpare(const Bucket* bucket) const {
    return Within(array_, bucket) || Within(old_, bucket);
  }

  void FreeOverflow(Bucket* bucket) {
    if (IsSpare(bucket)) return;  // lives with its array
    Allocator<Bucket>().deallocate(bucket, 1);
    --heap_overflows_;
  }

  // Calls `visit` for the bucket at the head of every chain.
  template <class F>
  void ForEachHead(F visit) const {
    if (!Growing()) {
      for (std::size_t i = 0; i < array_.size; ++i) visit(array_.buckets[i]);
      return;
    }
    for (std::size_t i = 0; i < old_.size; ++i) {
      if (!Layout::IsEvacuated(old_.buckets[i])) {
        visit(old_.buckets[i]);
        continue;
      }
      for (std::size_t n = i; n < array_.size; n += old_.size) {
        visit(array_.buckets[n]);
      }
    }
  }

  // And frees overflow buckets; the heads are to be freed or initialised next.
  void DestroyEntries() {
    if constexpr (!std::is_trivially_destructible_v<K> || !std::is_trivially_destructible_v<V>) {
      ForEachPlace([](const Place& place) { Layout::DestroyEntry(place); });
    }
    if (heap_overflows_ == 0) return;
    ForEachHead([&](Bucket& head) { FreeOverflows(head); });
  }

  Array array_;
  Array old_;
  std::size_t next_spare_ = 0;  // in array_
  std::size_t overflows_ = 0;
  std::size_t heap_overflows_ = 0;  // allocated one by one, for both arrays
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_INTERNAL_TABLES_BUCKET_ARRAYS_H_
