// SPDX-License-Identifier: Apache-2.0
//
// What pages the memory of a visit is made of. With pages of 4 KiB a million keys do not fit
// the processor's address translation cache, so who asks the kernel for huge ones
// (madvise, where the kernel waits to be asked) has an advantage that is not the map's idea.
#ifndef CMAP_EXPERIMENTS_WORKER_PAGES_H_
#define CMAP_EXPERIMENTS_WORKER_PAGES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cmap::experiments {

enum class Pages {
  kAsked,  // as every map asks by itself: some of this study's tables do
  kHuge,   // the allocator asks for all that it has (glibc.malloc.hugetlb=1)
  kSmall,  // the kernel gives none to this process (PR_SET_THP_DISABLE)
};

// "asked", "huge", "small"; nothing for other words.
std::optional<Pages> PagesCalled(std::string_view word);

// Sees to it, before anything is allocated for the visit. glibc reads its tunable when a
// program starts: for kHuge the program starts anew, once, with `request` as its standard
// input, and this does not return. Throws InputError where that cannot be had.
void Provide(Pages pages, const std::string& request, bool timing);

// What this process holds now, and how much of it in huge pages.
struct Resident {
  std::uint64_t all_kib = 0;
  std::uint64_t huge_kib = 0;
};
// From the kernel's text (/proc/self/smaps_rollup); nothing if it does not say.
std::optional<Resident> ResidentIn(std::string_view rollup);
std::optional<Resident> ResidentNow();

// Memory that lay idle may have to be fetched again: the kernel swaps it out or compresses
// it, a hypervisor takes its pages back. While the last map of a large visit is filled the
// first one waits for seconds, and the blocks would tell the price of waiting as the map's.
// So all of it is touched once before the first block.

// Addresses [begin, end).
struct MemoryRange {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
};
// The writable private memory that `maps` lists (text in the form of /proc/self/maps) and
// that belongs to no file.
std::vector<MemoryRange> OwnMemoryIn(std::string_view maps);

// Reads a byte of every page of `memory` that exists, here or swapped out; leaves alone
// those that nobody has written to yet. Returns how many it read: all pages where the
// kernel shows no page map. O(pages).
std::size_t TouchPages(const std::vector<MemoryRange>& memory);

// All memory of this process that TouchPages is to be given, in `parts` lists of about equal
// size, for as many threads. A range larger than the machine's memory is address space that
// somebody keeps free (a sanitizer's shadow), and left out.
std::vector<std::vector<MemoryRange>> OwnMemory(std::size_t parts);

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_PAGES_H_
