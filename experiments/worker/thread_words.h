// SPDX-License-Identifier: Apache-2.0
//
// The catalogue's words for numbers of threads (orchestrator/threads.py, where
// they are listed), for benchmarks run by hand. The orchestrator resolves them
// itself and asks a visit for a number and its CPUs.
#ifndef CMAP_EXPERIMENTS_WORKER_THREAD_WORDS_H_
#define CMAP_EXPERIMENTS_WORKER_THREAD_WORDS_H_

#include <string>
#include <vector>

namespace cmap::experiments {

struct Cores {
  int cores = 1;          // physical ones
  std::vector<int> cpus;  // hardware threads: the first of every core, then the second ...
};

// The cores of the CPUs `allowed` (ascending). Where sysfs does not tell which
// share a core, each is one.
Cores ReadCores(const std::vector<int>& allowed,
                const std::string& sysfs = "/sys/devices/system/cpu");

// What the words are on a machine, ascending, each number once. Words that mean
// nothing there (smt without it, numbers beyond its cores) are left out.
// Throws InputError for what is no word.
std::vector<int> ResolveThreads(const std::vector<std::string>& words,
                                const Cores& machine);

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_THREAD_WORDS_H_
