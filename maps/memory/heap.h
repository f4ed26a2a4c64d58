// SPDX-License-Identifier: Apache-2.0
//
// Counts the heap of the whole program, whoever asks for it: heap.cc takes the place of
// malloc and its relatives, and of mmap. Linking it is enough.
//
// A block counts as the allocator has it, header and rounding included (what
// internal/memory.h's MallocBytes computes); a mapping, by its length.
#ifndef CMAP_MAPS_MEMORY_HEAP_H_
#define CMAP_MAPS_MEMORY_HEAP_H_

#include <cstdint>

namespace cmap::memory {

// Whether blocks are counted: not in programs of a sanitizer, which has an allocator of
// its own.
bool HeapIsCounted();

// Bytes in use now.
std::int64_t HeapBytes();

// The most that were in use at once since the last call of ResetPeak.
std::int64_t PeakHeapBytes();
void ResetPeak();

}  // namespace cmap::memory

#endif  // CMAP_MAPS_MEMORY_HEAP_H_
