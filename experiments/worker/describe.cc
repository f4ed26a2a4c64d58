// SPDX-License-Identifier: Apache-2.0
#include "experiments/worker/describe.h"

#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "experiments/worker/registry.h"
#include "experiments/worker/scenario.h"
#include "experiments/worker/threads.h"

// -O2 and -O3 look alike from inside; the build tells.
#ifndef CMAP_OPTIMISATION
#if defined(__OPTIMIZE__)
#define CMAP_OPTIMISATION "(optimised)"
#else
#define CMAP_OPTIMISATION "-O0"
#endif
#endif

namespace cmap::experiments {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kArch =
#if defined(__x86_64__)
    "x86_64";
#elif defined(__aarch64__)
    "aarch64";
#else
    "other";
#endif

constexpr const char* kCompiler =
#if defined(__clang__)
    "clang " __clang_version__;
#elif defined(__GNUC__)
    "g++ " __VERSION__;
#else
    "unknown";
#endif

std::string Flags() {
  std::string flags = "-std=c++20 " CMAP_OPTIMISATION;
  const auto add = [&](const char* flag) { flags += std::string(" ") + flag; };
#if defined(NDEBUG)
  add("-DNDEBUG");
#endif
#if defined(__PIE__)
  add("-fPIE");
#endif
#if defined(CMAP_THREAD_SANITIZER)
  add("-O1 -fsanitize=thread");
#elif defined(CMAP_ADDRESS_SANITIZER)
  add("-O1 -fsanitize=address");
#elif defined(CMAP_UNDEFINED_SANITIZER)
  add("-O1 -fsanitize=undefined");
#endif
#if defined(__AVX2__)
  add("(AVX2)");
#endif
#if defined(__ARM_FEATURE_ATOMICS)
  add("(LSE atomics)");
#elif defined(__aarch64__)
  add("(outlined atomics)");
#endif
  return flags;
}

Json Clock() {
  timespec resolution{};
  clock_getres(CLOCK_MONOTONIC, &resolution);
  // The smallest of many differences is the cost of one reading.
  std::int64_t least = 1'000'000'000;
  for (int i = 0; i < 1000; ++i) {
    const std::int64_t before = NowNs();
    NowNs();
    NowNs();
    NowNs();
    least = std::min(least, NowNs() - before);
  }
  return {{"source", "clock_gettime(CLOCK_MONOTONIC)"},
          {"resolution_ns", resolution.tv_sec * 1'000'000'000 +
                                std::int64_t{resolution.tv_nsec}},
          {"reading_ns", least / 4}};
}

// What touching memory fresh from the kernel costs, which virtual machines make dear: maps
// that take fresh memory while they grow pay it, those whose allocator keeps theirs do not.
// The median of some rounds of 64 pages; null where none can be had.
Json FreshPage() {
  constexpr std::size_t kPages = 64;
  const auto bytes = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  std::array<std::int64_t, 15> rounds{};
  for (std::int64_t& round : rounds) {
    void* const mapped = mmap(nullptr, kPages * bytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) return nullptr;
    madvise(mapped, kPages * bytes, MADV_NOHUGEPAGE);
    auto* const page = static_cast<volatile std::byte*>(mapped);
    const std::int64_t before = NowNs();
    for (std::size_t i = 0; i < kPages; ++i) page[i * bytes] = std::byte{1};
    round = NowNs() - before;
    munmap(mapped, kPages * bytes);
  }
  std::nth_element(rounds.begin(), rounds.begin() + rounds.size() / 2, rounds.end());
  return {{"bytes", bytes},
          {"touch_ns", rounds[rounds.size() / 2] / static_cast<std::int64_t>(kPages)}};
}

Json Strategy(const StrategyInfo& info) {
  const Traits& t = info.traits;
  Json unsupported = Json::array();
  for (std::size_t i = 0; i < kOpCount; ++i) {
    if (t.unsupported.contains(static_cast<Op>(i))) {
      unsupported.push_back(kOpNames[i]);
    }
  }
  Json tunables = Json::array();
  for (const TunableInfo& tunable : info.tunables) {
    tunables.push_back({{"name", tunable.name},
                        {"default", tunable.default_value},
                        {"min", tunable.min},
                        {"max", tunable.max},
                        {"doc", tunable.doc}});
  }
  Json key_types = Json::array();
  Json types = Json::array();
  for (const Types& each : TypesOf(info)) {
    const std::string_view keys = workloads::KeyTypeName(each.key);
    if (key_types.empty() || key_types.back() != keys) key_types.push_back(keys);
    types.push_back(TypesName(each));
  }
  return {{"name", info.name},
          {"family", t.family},
          {"summary", t.summary},
          {"source", t.source},
          {"read_progress", ProgressName(t.read_progress)},
          {"write_progress", ProgressName(t.write_progress)},
          {"reclamation", t.reclamation},
          {"growth", t.growth},
          {"range", RangeConsistencyName(t.range)},
          {"size", SizeConsistencyName(t.size)},
          {"batch_is_atomic", t.batch_is_atomic},
          {"clear_is_atomic", t.clear_is_atomic},
          {"after_deletion", AfterDeletionName(t.after_deletion)},
          {"keeps_every_key", t.keeps_every_key},
          {"returns_results", t.returns_results},
          {"linearizable", t.linearizable},
          {"max_threads", t.max_threads},
          {"unsupported", unsupported},
          {"unsupported_reason", t.unsupported_reason},
          {"caveat", t.caveat},
          {"key_types", key_types},
          {"types", types},
          {"scenarios", ScenariosOf(info.name)},
          {"object_bytes", info.object_bytes},
          {"tunables", tunables}};
}

}  // namespace

Json Describe() {
  Json strategies = Json::array();
  for (const StrategyInfo& info : Strategies()) {
    strategies.push_back(Strategy(info));
  }
  return {{"schema", 1},
          {"arch", kArch},
          {"compiler", kCompiler},
          {"flags", Flags()},
          {"allocator",
           "glibc malloc, mmap threshold 32 MiB, trim threshold 1 GiB"},
          {"clock", Clock()},
          {"fresh_page", FreshPage()},
          {"strategies", strategies}};
}

}  // namespace cmap::experiments
