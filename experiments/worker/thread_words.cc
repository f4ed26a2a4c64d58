// SPDX-License-Identifier: Apache-2.0
#include "experiments/worker/thread_words.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <set>
#include <utility>

#include "experiments/worker/errors.h"
#include "workloads/tape.h"

namespace cmap::experiments {
namespace {

// 1 to kMaxThreads, or 0.
int Number(const std::string& word) {
  int number = 0;
  const char* const end = word.data() + word.size();
  const auto [last, error] = std::from_chars(word.data(), end, number);
  return error == std::errc() && last == end && number >= 1 &&
                 number <= workloads::kMaxThreads
             ? number
             : 0;
}

}  // namespace

Cores ReadCores(const std::vector<int>& allowed, const std::string& sysfs) {
  std::map<std::string, int> members;  // of the cores seen so far
  std::vector<std::pair<int, int>> ranked;  // place in its core, CPU
  int unnamed = 0;
  for (const int cpu : allowed) {
    std::string core;
    std::ifstream file(sysfs + "/cpu" + std::to_string(cpu) +
                       "/topology/thread_siblings_list");
    if (!(file >> core)) ++unnamed;
    ranked.emplace_back(core.empty() ? 0 : members[core]++, cpu);
  }
  std::sort(ranked.begin(), ranked.end());
  Cores machine;
  machine.cores = static_cast<int>(members.size()) + unnamed;
  for (const auto& [rank, cpu] : ranked) machine.cpus.push_back(cpu);
  return machine;
}

std::vector<int> ResolveThreads(const std::vector<std::string>& words,
                                const Cores& machine) {
  const int cores = machine.cores;
  const int cpus = static_cast<int>(machine.cpus.size());
  std::set<int> counts;
  for (const std::string& word : words) {
    if (word == "half") {
      if (cores > 1) counts.insert(cores / 2);
    } else if (word == "all") {
      counts.insert(cores);
      if (cores == 1) counts.insert(cpus);
    } else if (word == "powers") {
      for (int n = 1; n <= cores; n *= 2) counts.insert(n);
    } else if (word == "smt") {
      if (cpus > cores) counts.insert(cpus);
    } else if (word == "2x") {
      counts.insert(2 * cpus);
    } else if (const int number = Number(word)) {
      if (number <= cores) counts.insert(number);
    } else {
      throw InputError("\"" + word + "\" is no number of threads; use 1 to " +
                       std::to_string(workloads::kMaxThreads) +
                       ", half, all, powers, smt or 2x");
    }
  }
  counts.erase(counts.upper_bound(workloads::kMaxThreads), counts.end());
  return {counts.begin(), counts.end()};
}

}  // namespace cmap::experiments
