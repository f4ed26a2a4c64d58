// SPDX-License-Identifier: Apache-2.0
//
// Honest counting of the bytes a map holds, for MemoryBytes().
//
// Counted are heap blocks as the allocator sees them, not as the program asked
// for them: MallocBytes() adds the bookkeeping and rounding of the default
// allocator on 64-bit Linux (glibc malloc: eight bytes of header per block,
// blocks of 32 bytes and more in steps of 16). With another allocator the true
// figure differs by a few bytes per block; the comparison of strategies does
// not, because every strategy uses the same function.
#ifndef CMAP_MAPS_INTERNAL_MEMORY_H_
#define CMAP_MAPS_INTERNAL_MEMORY_H_

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace cmap::internal {

// Bytes that one heap block of `requested` bytes takes up; 0 for no block.
constexpr std::size_t MallocBytes(std::size_t requested) {
  if (requested == 0) return 0;
  return std::max<std::size_t>(32, (requested + 8 + 15) / 16 * 16);
}

// Whether values of type T own heap blocks that HeapBytes() can count. For
// other types only the object itself is counted.
template <class T>
inline constexpr bool kOwnsHeap = false;
template <>
inline constexpr bool kOwnsHeap<std::string> = true;

// Heap bytes owned by `value`, beside the object itself.
template <class T>
std::size_t HeapBytes(const T&) {
  return 0;
}
inline std::size_t HeapBytes(const std::string& value) {
  const char* object = reinterpret_cast<const char*>(std::addressof(value));
  const bool inside = !std::less<>{}(value.data(), object) &&
                      std::less<>{}(value.data(), object + sizeof(value));
  return inside ? 0 : MallocBytes(value.capacity() + 1);
}

}  // namespace cmap::internal

#endif  // CMAP_MAPS_INTERNAL_MEMORY_H_
