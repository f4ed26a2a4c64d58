// SPDX-License-Identifier: Apache-2.0
//
// A set of private anonymous mappings, and how much of their address space is memory.
#ifndef CMAP_MAPS_MEMORY_MAPPINGS_H_
#define CMAP_MAPS_MEMORY_MAPPINGS_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace cmap::memory {

// Allocates nothing, as it serves mmap's replacement. Not thread-safe.
class Mappings {
 public:
  // Lengths are rounded up to whole pages, as the kernel does.
  void Add(const void* where, std::size_t bytes);
  // Whatever of the mappings is there, parts of them included.
  void Remove(const void* where, std::size_t bytes);
  bool Contains(const void* where) const;

  // Of the pages that have been touched and not given back: whether in memory or in swap,
  // and 2 MiB for a huge page of which one byte was touched. Pages that were only read and
  // have no memory of their own (the kernel's page of zeros) are not counted.
  std::int64_t ResidentBytes() const;

 private:
  struct Range {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
  };

  void Insert(std::uintptr_t begin, std::uintptr_t end);

  // Maps keep outgrown arrays mapped, one for each time they have grown.
  static constexpr std::size_t kMost = 1024;
  std::array<Range, kMost> ranges_{};
  std::size_t count_ = 0;
};

// Ends the program, which could only count wrongly.
[[noreturn]] void CannotCount(const char* why);

}  // namespace cmap::memory

#endif  // CMAP_MAPS_MEMORY_MAPPINGS_H_
