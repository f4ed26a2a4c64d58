// SPDX-License-Identifier: Apache-2.0
#include "experiments/worker/tick_clock.h"

#include <fstream>
#include <sstream>
#include <string>

namespace cmap::experiments {
namespace {

// A reading of both clocks is good to some 20 ns: over this time that is one in a million.
constexpr std::int64_t kLeastBaseNs = 20'000'000;

bool HasWord(std::string_view line, std::string_view word) {
  for (std::size_t at = line.find(word); at != std::string_view::npos; at = line.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    if ((at == 0 || line[at - 1] == ' ') && (end == line.size() || line[end] == ' ')) return true;
  }
  return false;
}

}  // namespace

bool VouchesForCounter(std::string_view cpuinfo) {
  bool any = false;
  while (!cpuinfo.empty()) {
    const std::size_t end = cpuinfo.find('\n');
    const std::string_view line = cpuinfo.substr(0, end);
    if (line.starts_with("flags")) {
      if (!HasWord(line, "constant_tsc") || !HasWord(line, "nonstop_tsc")) return false;
      any = true;
    }
    if (end == std::string_view::npos) break;
    cpuinfo.remove_prefix(end + 1);
  }
  return any;
}

TickClock::TickClock() {
#if defined(__x86_64__)
  std::ostringstream text;
  text << std::ifstream("/proc/cpuinfo").rdbuf();
  counter_ = VouchesForCounter(text.str());
#else
  counter_ = true;
#endif
  first_ = Both();
}

TickClock::Pair TickClock::Both() const {
  // Of several tries the one in which nothing came between.
  Pair best{};
  std::int64_t least = INT64_MAX;
  for (int i = 0; i < 8; ++i) {
    const std::int64_t before = NowNs();
    const std::uint64_t ticks = internal::CounterAfter();
    const std::int64_t after = NowNs();
    if (after - before < least) {
      least = after - before;
      best = {ticks, before + (after - before) / 2};
    }
  }
  return best;
}

void TickClock::Calibrate() {
  if (!counter_) return;
  while (NowNs() - first_.ns < kLeastBaseNs) {
  }
  const Pair now = Both();
  ns_per_tick_ = static_cast<double>(now.ns - first_.ns) / static_cast<double>(now.ticks - first_.ticks);
  origin_ticks_ = now.ticks;
  origin_ns_ = now.ns;
}

std::string_view TickClock::Name() const {
  if (!counter_) return "clock_gettime";
#if defined(__x86_64__)
  return "rdtsc";
#else
  return "cntvct_el0";
#endif
}

}  // namespace cmap::experiments
