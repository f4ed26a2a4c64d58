// SPDX-License-Identifier: Apache-2.0
//
// The worker as a Google Benchmark program: registry, command line and reporter
// are that library's, threads and clock are this one's. (Version 1.7.1 divides
// real time by the number of threads, so benchmarks are registered with one
// thread and report manual time.)
#ifndef CMAP_EXPERIMENTS_WORKER_BENCHMARK_MODE_H_
#define CMAP_EXPERIMENTS_WORKER_BENCHMARK_MODE_H_

#include <string>
#include <vector>

namespace cmap::experiments {

// Runs the benchmarks of the catalogue file (empty: the one built beside the
// worker) with the library's arguments, argv[0] first. Returns the exit code.
// Throws InputError.
int RunBenchmarks(const std::string& catalogue_file,
                  const std::vector<char*>& arguments);

// One line per flag of the library that is useful here.
std::string BenchmarkFlagsHelp();

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_BENCHMARK_MODE_H_
