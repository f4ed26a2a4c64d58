// SPDX-License-Identifier: Apache-2.0
#include "experiments/worker/pages.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
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

}  // namespace cmap::experiments
