// SPDX-License-Identifier: Apache-2.0
#include "experiments/worker/pages.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <system_error>

#include "experiments/worker/errors.h"

namespace cmap::experiments {
namespace {

constexpr const char* kTunables = "GLIBC_TUNABLES";
constexpr std::string_view kHugeTunable = "glibc.malloc.hugetlb=1";

[[noreturn]] void Fail(const std::string& what) {
  throw InputError("\"pages\": " + what + " (" + std::generic_category().message(errno) +
                   "); leave \"pages\" out");
}

// The same program with the same request and the allocator's tunable.
[[noreturn]] void StartAnew(const std::string& request, bool timing) {
  const char* others = std::getenv(kTunables);
  const std::string tunables =
      (others != nullptr && *others != '\0' ? std::string(others) + ":" : "") +
      std::string(kHugeTunable);
  if (setenv(kTunables, tunables.c_str(), 1) != 0) Fail("the environment cannot be changed");
  const int file = memfd_create("visit", 0);
  if (file < 0 ||
      write(file, request.data(), request.size()) != static_cast<ssize_t>(request.size()) ||
      lseek(file, 0, SEEK_SET) != 0 || dup2(file, STDIN_FILENO) != STDIN_FILENO) {
    Fail("the request cannot be handed on");
  }
  close(file);
  char program[] = "/proc/self/exe", visit[] = "--visit=-", timed[] = "--timing";
  char* arguments[] = {program, visit, timing ? timed : nullptr, nullptr};
  execv(program, arguments);
  Fail("the program cannot be started anew");
}

}  // namespace

std::optional<Pages> PagesCalled(std::string_view word) {
  if (word == "asked") return Pages::kAsked;
  if (word == "huge") return Pages::kHuge;
  if (word == "small") return Pages::kSmall;
  return std::nullopt;
}

void Provide(Pages pages, const std::string& request, bool timing) {
  if (pages == Pages::kSmall && prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0) {
    Fail("the kernel does not keep huge pages from a process");
  }
  if (pages == Pages::kHuge) {
    const char* tunables = std::getenv(kTunables);
    if (tunables == nullptr ||
        std::string_view(tunables).find(kHugeTunable) == std::string_view::npos) {
      StartAnew(request, timing);
    }
  }
}

std::optional<Resident> ResidentIn(std::string_view rollup) {
  std::istringstream lines{std::string(rollup)};
  Resident resident;
  int found = 0;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name;
    std::uint64_t kib = 0;
    if (!(words >> name >> kib)) continue;
    if (name == "Rss:") {
      resident.all_kib = kib;
      ++found;
    } else if (name == "AnonHugePages:") {
      resident.huge_kib = kib;
      ++found;
    }
  }
  if (found != 2) return std::nullopt;
  return resident;
}

std::optional<Resident> ResidentNow() {
  std::ifstream file("/proc/self/smaps_rollup");
  return ResidentIn(std::string(std::istreambuf_iterator<char>(file), {}));
}

std::vector<MemoryRange> OwnMemoryIn(std::string_view maps) {
  std::istringstream lines{std::string(maps)};
  std::vector<MemoryRange> ranges;
  for (std::string line; std::getline(lines, line);) {
    MemoryRange range;
    char rights[5] = "";
    std::uint64_t inode = 0;
    if (std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " %4s %*s %*s %" SCNu64, &range.begin,
                    &range.end, rights, &inode) == 4 &&
        std::string_view(rights) == "rw-p" && inode == 0) {
      ranges.push_back(range);
    }
  }
  return ranges;
}

// Reads the memory of everybody, red zones included.
__attribute__((no_sanitize("address", "thread")))
std::size_t TouchPages(const std::vector<MemoryRange>& memory) {
  // One 64-bit word a page; what is not here and not swapped out was never written.
  constexpr std::uint64_t kHere = 3ull << 62;
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  std::ifstream pagemap("/proc/self/pagemap", std::ios::binary);
  std::vector<std::uint64_t> words(512);
  std::size_t touched = 0;
  for (const MemoryRange& range : memory) {
    for (std::uintptr_t at = range.begin; at < range.end;) {
      const std::size_t pages = std::min<std::size_t>(words.size(), (range.end - at) / page);
      if (pages == 0) break;
      std::fill(words.begin(), words.end(), kHere);
      pagemap.seekg(static_cast<std::streamoff>(at / page * sizeof(std::uint64_t)));
      pagemap.read(reinterpret_cast<char*>(words.data()),
                   static_cast<std::streamsize>(pages * sizeof(std::uint64_t)));
      pagemap.clear();
      for (std::size_t i = 0; i < pages; ++i, at += page) {
        if ((words[i] & kHere) == 0) continue;
        static_cast<void>(*reinterpret_cast<const volatile char*>(at));
        ++touched;
      }
    }
  }
  return touched;
}

std::vector<std::vector<MemoryRange>> OwnMemory(std::size_t parts) {
  std::ifstream file("/proc/self/maps");
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  std::vector<std::vector<MemoryRange>> shared(parts);
  for (const MemoryRange& range :
       OwnMemoryIn(std::string(std::istreambuf_iterator<char>(file), {}))) {
    const std::uintptr_t pages = (range.end - range.begin) / page;
    if (pages > static_cast<std::uintptr_t>(sysconf(_SC_PHYS_PAGES))) continue;
    for (std::size_t part = 0; part < parts; ++part) {
      shared[part].push_back({range.begin + pages * part / parts * page,
                              range.begin + pages * (part + 1) / parts * page});
    }
  }
  return shared;
}

}  // namespace cmap::experiments
