// SPDX-License-Identifier: Apache-2.0
#include "experiments/worker/memory_check.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "experiments/worker/arena.h"
#include "experiments/worker/course.h"
#include "experiments/worker/errors.h"
#include "experiments/worker/limits.h"
#include "workloads/keys.h"
#include "workloads/tape.h"

namespace cmap::experiments {
namespace {

std::string ReadFile(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::optional<std::uint64_t> ReadNumber(const char* path) {
  const std::string text = ReadFile(path);
  std::uint64_t value = 0;
  const auto [rest, error] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;  // absent, or "max"
  return value;
}

}  // namespace

std::uint64_t EstimateBytes(const workloads::Spec& spec, int contestants,
                            int threads) {
  const auto live_maps = static_cast<std::uint64_t>(contestants);
  const auto per_thread = static_cast<std::uint64_t>(threads);
  std::uint64_t entries = 0;
  std::uint64_t tape_bytes = 0;
  std::uint64_t maps = 1;  // regimes that start empty hold one map at a time
  if (spec.StartsEmpty()) {
    const std::uint64_t ops = workloads::MaxSliceOps(spec, threads);
    entries = ops;
    if (spec.keys.stream == workloads::Stream::kKrr) {
      entries = static_cast<std::uint64_t>(
          static_cast<double>(ops) * (1.0 - spec.keys.reuse)) + per_thread;
    } else if (spec.keys.stream != workloads::Stream::kSequentialNew) {
      entries = std::min(entries, spec.population);
    }
    tape_bytes = workloads::TapeBytes(spec, threads, ops / per_thread + 1);
  } else {
    entries = spec.population;
    maps = live_maps;
    tape_bytes = workloads::TapeBytes(spec, threads, TapeLength(spec, threads));
  }
  std::uint64_t entry_bytes = kBytesPerEntry;
  if (spec.value_type != workloads::ValueType::kU64) entry_bytes += spec.value_bytes;
  std::uint64_t table_bytes = 0;
  if (spec.key_type == workloads::KeyType::kString) {
    entry_bytes += spec.key_bytes;
    const std::uint64_t universe = spec.miss > 0 ? 2 * entries : entries;
    table_bytes = workloads::Keys<std::string>::TableBytes(universe,
                                                           spec.key_bytes);
  }
  return Arena::kDefaultBytes + (maps + 1) * entries * entry_bytes +
         table_bytes + tape_bytes;
}

std::optional<std::uint64_t> ParseMemAvailable(std::string_view meminfo) {
  constexpr std::string_view kField = "MemAvailable:";
  std::size_t at = meminfo.find(kField);
  if (at == std::string_view::npos) return std::nullopt;
  at = meminfo.find_first_not_of(" \t", at + kField.size());
  if (at == std::string_view::npos) return std::nullopt;
  std::uint64_t kibibytes = 0;
  const auto [rest, error] = std::from_chars(
      meminfo.data() + at, meminfo.data() + meminfo.size(), kibibytes);
  if (error != std::errc()) return std::nullopt;
  return kibibytes * 1024;
}

std::optional<std::uint64_t> AvailableBytes() {
  std::optional<std::uint64_t> available =
      ParseMemAvailable(ReadFile("/proc/meminfo"));
  // In a container the root of the mounted hierarchy is the container's group.
  const auto limit = ReadNumber("/sys/fs/cgroup/memory.max");
  const auto used = ReadNumber("/sys/fs/cgroup/memory.current");
  if (limit && used) {
    const std::uint64_t left = *limit > *used ? *limit - *used : 0;
    available = std::min(available.value_or(left), left);
  }
  return available;
}

std::string Gibibytes(std::uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f GiB",
                static_cast<double>(bytes) / (1024.0 * 1024.0 * 1024.0));
  return text;
}

void CheckMemory(const workloads::Spec& spec, int contestants, int threads,
                 std::optional<std::uint64_t> available) {
  if (!available) return;
  const std::uint64_t needed = EstimateBytes(spec, contestants, threads);
  if (needed > *available / 10 * 9) {
    throw RefusedError("needs " + Gibibytes(needed) + ", " +
                       Gibibytes(*available) +
                       " available; use fewer keys or fewer contestants");
  }
}

}  // namespace cmap::experiments
