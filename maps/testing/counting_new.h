// SPDX-License-Identifier: Apache-2.0
//
// Counts the allocations of the calling thread, and makes one of them fail on
// demand. Replaces the global operator new, so it is included by one source file
// of a test program, and never by a library.
#ifndef CMAP_MAPS_TESTING_COUNTING_NEW_H_
#define CMAP_MAPS_TESTING_COUNTING_NEW_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace cmap::testing {

inline constinit thread_local std::uint64_t allocations = 0;
inline constinit thread_local std::uint64_t failing_allocation = 0;

// Allocations of this thread so far.
inline std::uint64_t Allocations() { return allocations; }

// Makes the n-th allocation of this thread from now (1 is the next) throw
// std::bad_alloc; 0 switches that off. Whether the one asked for before has.
inline bool FailAllocation(std::uint64_t n) {
  const bool failed =
      failing_allocation != 0 && allocations >= failing_allocation;
  failing_allocation = n == 0 ? 0 : allocations + n;
  return failed;
}

inline void* CountedNew(std::size_t bytes, std::size_t alignment) {
  if (++allocations == failing_allocation) throw std::bad_alloc();
  if (bytes == 0) bytes = 1;
  void* block =
      alignment == 0
          ? std::malloc(bytes)
          : std::aligned_alloc(alignment,
                               (bytes + alignment - 1) / alignment * alignment);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}

}  // namespace cmap::testing

// Not inlined: g++ would see free() meet operator new, and warn.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  return cmap::testing::CountedNew(bytes, 0);
}
[[gnu::noinline]] void* operator new(std::size_t bytes,
                                     std::align_val_t alignment) {
  return cmap::testing::CountedNew(bytes, static_cast<std::size_t>(alignment));
}
[[gnu::noinline]] void operator delete(void* block) noexcept {
  std::free(block);
}
[[gnu::noinline]] void operator delete(void* block, std::size_t) noexcept {
  std::free(block);
}
[[gnu::noinline]] void operator delete(void* block, std::align_val_t) noexcept {
  std::free(block);
}
[[gnu::noinline]] void operator delete(void* block, std::size_t,
                                       std::align_val_t) noexcept {
  std::free(block);
}
// By default these call the above, but not those of the sanitizers.
[[gnu::noinline]] void* operator new[](std::size_t bytes) {
  return cmap::testing::CountedNew(bytes, 0);
}
[[gnu::noinline]] void* operator new[](std::size_t bytes,
                                       std::align_val_t alignment) {
  return cmap::testing::CountedNew(bytes, static_cast<std::size_t>(alignment));
}
[[gnu::noinline]] void operator delete[](void* block) noexcept {
  std::free(block);
}
[[gnu::noinline]] void operator delete[](void* block, std::size_t) noexcept {
  std::free(block);
}
[[gnu::noinline]] void operator delete[](void* block, std::align_val_t) noexcept {
  std::free(block);
}
[[gnu::noinline]] void operator delete[](void* block, std::size_t,
                                         std::align_val_t) noexcept {
  std::free(block);
}

#endif  // CMAP_MAPS_TESTING_COUNTING_NEW_H_
