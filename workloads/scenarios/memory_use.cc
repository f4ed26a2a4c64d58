// SPDX-License-Identifier: Apache-2.0
#include "workloads/scenarios/memory_use.h"

#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>
#include <string_view>

namespace cmap::workloads {
namespace {

// A line of /proc/self/status such as "VmHWM:   1234 kB", in KiB; -1 when there is none.
std::int64_t Status(std::string_view name) {
  const int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  if (file < 0) return -1;
  std::array<char, 8192> text{};
  const ssize_t got = read(file, text.data(), text.size() - 1);
  close(file);
  const std::string_view all(text.data(), static_cast<std::size_t>(std::max<ssize_t>(0, got)));
  const std::size_t at = all.find("\n" + std::string(name) + ":");
  if (at == std::string_view::npos) return -1;
  return std::strtoll(all.data() + at + name.size() + 2, nullptr, 10);
}

// Sets VmHWM back to VmRSS.
bool ForgetPeak() {
  const int file = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
  if (file < 0) return false;
  const bool written = write(file, "5", 1) == 1;
  close(file);
  return written;
}

// Bytes that are allocated, or -1.
std::int64_t Allocated() {
#if defined(__GLIBC__)
  const struct mallinfo2 info = mallinfo2();
  const auto bytes = static_cast<std::int64_t>(info.uordblks + info.hblkhd);
  // A program has something: with none, another allocator has taken glibc's place.
  return bytes > 0 ? bytes : -1;
#else
  return -1;
#endif
}

double Mib(std::int64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

}  // namespace

void MemoryUse::Start() {
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
  allocated_ = Allocated();
  resident_kib_ = ForgetPeak() ? Status("VmRSS") : -1;
}

std::optional<double> MemoryUse::PeakMib() const {
  const std::int64_t peak_kib = resident_kib_ < 0 ? -1 : Status("VmHWM");
  if (peak_kib < 0) return std::nullopt;
  return Mib(std::max<std::int64_t>(0, peak_kib - resident_kib_) << 10);
}

std::optional<double> MemoryUse::HeldMib() const {
  const std::int64_t now = allocated_ < 0 ? -1 : Allocated();
  if (now < 0) return std::nullopt;
  return Mib(now - allocated_);
}

}  // namespace cmap::workloads
