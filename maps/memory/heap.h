// SPDX-License-Identifier: Apache-2.0
//
// Counts the memory of the whole program, whoever asks for it: heap.cc takes the place of
// malloc and its relatives, and of mmap and its. Linking it is enough.
//
// A block counts as the allocator has it, header and rounding included (what
// internal/memory.h's MallocBytes computes). Of a private anonymous mapping count the pages
// that have been touched and not given back, not its length (mappings.h). Mapped files do
// not count.
#ifndef CMAP_MAPS_MEMORY_HEAP_H_
#define CMAP_MAPS_MEMORY_HEAP_H_

#include <cstdint>

namespace cmap::memory {

// Whether blocks are counted: not in programs of a sanitizer, which has an allocator of
// its own.
bool HeapIsCounted();

// Bytes in use now.
std::int64_t HeapBytes();

// The most that were in use at once since the last call of ResetPeak: exact where there are
// no mappings. Mappings are looked at only when they are about to lose memory, as each has
// the most at such a moment, and here. To what they have then is added the most that blocks
// took since the look before, at whatever time that was. So with mappings it is never too
// little, and too much by no more than blocks gained and lost again between two looks.
std::int64_t PeakHeapBytes();
void ResetPeak();

}  // namespace cmap::memory

#endif  // CMAP_MAPS_MEMORY_HEAP_H_
