// SPDX-License-Identifier: Apache-2.0
#include "maps/memory/mappings.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace cmap::memory {
namespace {

std::uintptr_t Address(const void* where) { return reinterpret_cast<std::uintptr_t>(where); }

std::size_t PageBytes() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }

std::size_t WholePages(std::size_t bytes) {
  const std::size_t page = PageBytes();
  return (bytes + page - 1) / page * page;
}

// An entry of /proc/self/pagemap. Not mincore: it takes the page of zeros, which the kernel
// maps where memory was read before it was written, for memory of the process. That page is
// not exclusively mapped or not anonymous, according to its size and the kernel.
bool IsMemory(std::uint64_t entry) {
  constexpr std::uint64_t kPresent = std::uint64_t{1} << 63;
  constexpr std::uint64_t kSwapped = std::uint64_t{1} << 62;
  constexpr std::uint64_t kNotAnonymous = std::uint64_t{1} << 61;
  constexpr std::uint64_t kExclusive = std::uint64_t{1} << 56;
  if ((entry & kSwapped) != 0) return true;
  return (entry & (kPresent | kNotAnonymous | kExclusive)) == (kPresent | kExclusive);
}

// How many of the pages from `first` to `last` are memory.
std::size_t PagesOfMemory(std::uint64_t first, std::uint64_t last) {
  static const int file = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  std::array<std::uint64_t, 1024> entries;
  std::size_t pages = 0;
  while (first < last) {
    const std::uint64_t wanted = std::min<std::uint64_t>(last - first, entries.size());
    const ssize_t got = pread(file, entries.data(), wanted * sizeof(entries[0]),
                              static_cast<off_t>(first * sizeof(entries[0])));
    if (got < static_cast<ssize_t>(sizeof(entries[0]))) {
      CannotCount("/proc/self/pagemap cannot be read; mount /proc");
    }
    const std::size_t read = static_cast<std::size_t>(got) / sizeof(entries[0]);
    pages +=
        static_cast<std::size_t>(std::count_if(entries.begin(), entries.begin() + read, IsMemory));
    first += read;
  }
  return pages;
}

}  // namespace

void Mappings::Insert(std::uintptr_t begin, std::uintptr_t end) {
  if (begin == end) return;
  if (count_ == kMost) CannotCount("there are too many mappings; raise Mappings::kMost");
  ranges_[count_++] = {begin, end};
}

void Mappings::Add(const void* where, std::size_t bytes) {
  Insert(Address(where), Address(where) + WholePages(bytes));
}

void Mappings::Remove(const void* where, std::size_t bytes) {
  const std::uintptr_t begin = Address(where);
  const std::uintptr_t end = begin + WholePages(bytes);
  // From the last one down: what remains of a range is put behind those yet to be seen.
  for (std::size_t i = count_; i-- > 0;) {
    const Range range = ranges_[i];
    if (range.end <= begin || end <= range.begin) continue;
    ranges_[i] = ranges_[--count_];
    Insert(range.begin, std::max(range.begin, begin));
    Insert(std::min(range.end, end), range.end);
  }
}

bool Mappings::Contains(const void* where) const {
  const std::uintptr_t address = Address(where);
  return std::any_of(ranges_.begin(), ranges_.begin() + count_, [address](const Range& range) {
    return range.begin <= address && address < range.end;
  });
}

std::int64_t Mappings::ResidentBytes() const {
  const std::size_t page = PageBytes();
  std::size_t pages = 0;
  for (std::size_t i = 0; i < count_; ++i) {
    pages += PagesOfMemory(ranges_[i].begin / page, ranges_[i].end / page);
  }
  return static_cast<std::int64_t>(pages * page);
}

void CannotCount(const char* why) {
  for (const char* part : {"maps/memory/heap.cc: ", why, "\n"}) {
    if (write(STDERR_FILENO, part, std::strlen(part)) < 0) break;
  }
  std::abort();
}

}  // namespace cmap::memory
