// SPDX-License-Identifier: Apache-2.0
//
// What a stretch of a program takes of memory, as the system and the allocator see it.
//
// The peak is that of the whole process's resident pages above where they stood at the
// start, by which time the allocator has given back what it could: everything that is
// done meanwhile is in it, and nothing that was there before. It is known to some 64
// pages a thread, in which the kernel counts. What is still held at the end is asked of
// the allocator, to the byte; blocks that threads keep for their next call count as held.
#ifndef CMAP_WORKLOADS_SCENARIOS_MEMORY_USE_H_
#define CMAP_WORKLOADS_SCENARIOS_MEMORY_USE_H_

#include <cstdint>
#include <optional>

namespace cmap::workloads {

class MemoryUse {
 public:
  // From here on. O(free blocks of the allocator); takes its locks. Sets the process's own
  // high-water mark back, so that no two of these may be under way.
  void Start();

  // MiB by which the resident pages have been more, at most, than at Start. Nothing where the
  // kernel does not tell (Linux since 4.0 does, where /proc/self/clear_refs can be written).
  std::optional<double> PeakMib() const;

  // MiB that are allocated now beyond those at Start; negative when less are. Nothing
  // where the allocator is not glibc's, as under a sanitizer.
  std::optional<double> HeldMib() const;

 private:
  std::int64_t resident_kib_ = -1;
  std::int64_t allocated_ = -1;  // bytes
};

}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_SCENARIOS_MEMORY_USE_H_
