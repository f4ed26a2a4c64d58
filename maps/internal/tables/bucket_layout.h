// SPDX-License-Identifier: Apache-2.0
//
// A bucket of bucket_table.h: eight places for entries, and the next bucket of the
// chain.
//
//   top   [ t t t t . t . . ]  a byte of each hash, or a mark
//   keys  [ k k k k . k . . ]
//   values[ v v v v . v . . ]
//   overflow ----------------> [ bucket ] -> ...
//
// Buckets are raw memory: `top` says which places hold an entry, and whoever sets it
// makes and destroys keys and values. Keys and values lie apart, so that neither needs
// padding to the other's alignment.
//
// Guarantees. Nothing here allocates, and nothing throws but what comparing or
// destroying keys and values throws.
//
// Source: Go 1.23, src/runtime/map.go (bmap, tophash) and map_fast64.go.
#ifndef CMAP_MAPS_INTERNAL_TABLES_BUCKET_LAYOUT_H_
#define CMAP_MAPS_INTERNAL_TABLES_BUCKET_LAYOUT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>

namespace cmap::internal {

// kFast64: keys are integers of eight bytes and compared directly.
template <class K, class V, bool kFast64>
struct BucketLayout {
  static constexpr unsigned kSlots = 8;

  // Marks in `top`, below all bytes of hashes.
  static constexpr std::uint8_t kEmptyRest = 0;  // and so is all that follows
  static constexpr std::uint8_t kEmptyOne = 1;
  static constexpr std::uint8_t kEvacuated = 2;  // in the first slot: all moved
  static constexpr std::uint8_t kMinTop = 3;

  struct Bucket {
    std::array<std::uint8_t, kSlots> top;
    alignas(K) std::array<std::byte, kSlots * sizeof(K)> keys;
    alignas(V) std::array<std::byte, kSlots * sizeof(V)> values;
    Bucket* overflow;
  };
  static_assert(std::is_trivial_v<Bucket>);

  struct Place {
    Bucket* bucket = nullptr;
    unsigned slot = 0;
    bool found = false;
  };

  static std::uint8_t Top(std::uint64_t hash) {
    const auto top = static_cast<std::uint8_t>(hash >> 40);
    return top < kMinTop ? static_cast<std::uint8_t>(top + kMinTop) : top;
  }

  static K& KeyAt(const Place& p) {
    return *std::launder(reinterpret_cast<K*>(p.bucket->keys.data() + p.slot * sizeof(K)));
  }
  static V& ValueAt(const Place& p) {
    return *std::launder(reinterpret_cast<V*>(p.bucket->values.data() + p.slot * sizeof(V)));
  }

  static bool Matches(Bucket& bucket, unsigned slot, std::uint8_t top, const K& key) {
    if constexpr (kFast64) {
      // The bytes of an empty slot are 0 or those of a former key.
      K present;
      std::memcpy(&present, bucket.keys.data() + slot * sizeof(K), sizeof(K));
      return present == key && bucket.top[slot] > kEmptyOne;
    } else {
      return bucket.top[slot] == top && KeyAt({&bucket, slot}) == key;
    }
  }

  static bool IsEvacuated(const Bucket& bucket) { return bucket.top[0] == kEvacuated; }

  static void Init(Bucket& bucket) {
    bucket.top.fill(kEmptyRest);
    if constexpr (kFast64) bucket.keys.fill(std::byte{0});  // Matches reads them
    bucket.overflow = nullptr;
  }

  static void DestroyEntry(const Place& place) {
    std::destroy_at(&KeyAt(place));
    std::destroy_at(&ValueAt(place));
  }
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_INTERNAL_TABLES_BUCKET_LAYOUT_H_
