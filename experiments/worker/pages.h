// SPDX-License-Identifier: Apache-2.0
//
// What pages the memory of a visit is made of. With pages of 4 KiB a million keys do not fit
// the processor's address translation cache, so who asks the kernel for huge ones
// (madvise, where the kernel waits to be asked) has an advantage that is not the map's idea.
#ifndef CMAP_EXPERIMENTS_WORKER_PAGES_H_
#define CMAP_EXPERIMENTS_WORKER_PAGES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

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

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_PAGES_H_
