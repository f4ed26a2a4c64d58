// SPDX-License-Identifier: Apache-2.0
//
// The measuring worker. See --help.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "experiments/worker/benchmark_mode.h"
#include "experiments/worker/describe.h"
#include "experiments/worker/errors.h"
#include "experiments/worker/request.h"
#include "experiments/worker/session.h"
#include "experiments/worker/visit.h"
#include "workloads/spec.h"

namespace cmap::experiments {
namespace {

constexpr std::string_view kHelp =
    R"(worker: measures and verifies concurrent map strategies.

Four ways to use it:

  worker --describe
      Prints one JSON object: architecture, compiler, flags, clock, and every
      strategy compiled in with its traits and tunables.

  worker --check
      Reads workloads from standard input, one JSON object a line, and prints a
      line for each: {"workload": ...}, complete, or {"error": ...}, the sentence
      with which a visit would refuse it.

  worker --visit=FILE        (or --visit=- for standard input)
      Runs one visit: warm-up, then randomised blocks of slices over the
      contestants, every slice verified. Prints JSON lines. Example:

        echo '{"contestants": ["mutex_map", "sharded_map:shards=64"],
               "workload": {"keys": {"stream": "zipf", "theta": 0.99},
                            "mix": {"load": 80, "store": 20},
                            "population": 10000, "prefill": 1.0,
                            "regime": "stationary"},
               "threads": 2, "slice_ms": 20, "seconds": 0.6}' |
          worker --visit=-

      Contestants: name[:tunable=value[,tunable=value]][@batch][@load_batch]
      [@reserve][@direct].
      Other fields: visit (number), seed, warmup_seconds, pin (list of CPUs),
      oversubscribed, timed (false: verify only, no times), max_blocks, call
      ("called": every operation is a call that compilers cannot look through),
      pages ("huge" or "small": huge pages for all contestants or for none),
      arrivals (latency in an open loop, say {"course": "rungs",
      "loads": [0.1, 0.5, 0.95], "least_ms": 50, "most_ms": 200}; needs the
      null map among the contestants), recording (a compact trace that is played
      in place of a tape, in the regimes growth and reserved), rounds (so many
      blocks on the same maps, and after each the memory that they hold).
      With --timing, where the visit's time went is printed on standard error.
      Exit codes: 0 done, 2 bad request, 3 a map gave a wrong answer,
      4 too little memory, 5 standard output could not be written.

  worker [--catalogue=FILE] [Google Benchmark flags]
      One benchmark for each strategy and each cell of the catalogue, named
      strategy/question/axis:value/threads:N (with regime:R before the threads
      where a question has several). One iteration is one verified slice in
      manual time, so "Time" is that of a slice and ns_per_op that of an
      operation. The threads are the worker's own: Google Benchmark sees one.
      Their numbers are the catalogue's words (all: one for each physical core)
      on this machine, pinned in the order of the CPUs' numbers, one hardware
      thread of every core before any second one.

        worker --benchmark_list_tests
        worker --benchmark_filter='mutex_map/reuse_threshold/.*threads:1/'
        worker --benchmark_filter=... --benchmark_format=json
        worker --benchmark_repetitions=10 --benchmark_min_time=0.2

      These are single runs in a fixed order. They show a figure's size; they
      do not decide comparisons, which is what visits are for.
)";

std::string ReadAll(const std::string& path) {
  if (path == "-") {
    return {std::istreambuf_iterator<char>(std::cin), {}};
  }
  std::ifstream file(path);
  if (!file) {
    throw InputError("the visit file \"" + path +
                     "\" cannot be read; name a readable file, or - for "
                     "standard input");
  }
  return {std::istreambuf_iterator<char>(file), {}};
}

// One answer for each line of standard input.
int CheckWorkloads() {
  for (std::string line; std::getline(std::cin, line);) {
    nlohmann::ordered_json answer;
    try {
      answer["workload"] = workloads::Spec::Parse(line).ToJson();
    } catch (const workloads::SpecError& error) {
      answer["error"] = error.what();
    }
    std::cout << answer.dump() << "\n";
  }
  return 0;
}

// What was said has arrived, or the exit code says that it has not.
int Said(int code) {
  std::cout.flush();
  if (std::cout.good() && std::fflush(stdout) == 0 && std::ferror(stdout) == 0) {
    return code;
  }
  std::cerr << "worker: standard output cannot be written ("
            << std::generic_category().message(errno)
            << "), so lines are lost; give it another place\n";
  return code == 0 ? kExitNoOutput : code;
}

int Main(int argc, char** argv) {
  // A file opened later would take its number, and be written.
  if (fcntl(STDOUT_FILENO, F_GETFD) == -1) {
    std::cerr << "worker: standard output is closed; give it a place\n";
    return kExitNoOutput;
  }
  std::vector<char*> rest = {argv[0]};
  std::string visit;
  std::string catalogue;
  bool describe = false;
  bool check = false;
  bool timing = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--help" || flag == "-h") {
      std::cout << kHelp << "\nGoogle Benchmark's own flags:\n\n"
                << BenchmarkFlagsHelp();
      return 0;
    }
    if (flag == "--describe") {
      describe = true;
    } else if (flag == "--check") {
      check = true;
    } else if (flag == "--timing") {
      timing = true;
    } else if (flag.starts_with("--visit=")) {
      visit = flag.substr(8);
      if (visit.empty()) {
        throw InputError("--visit= names no file; give one, or - for standard "
                         "input");
      }
    } else if (flag == "--visit" || flag == "--catalogue") {
      throw InputError(std::string(flag) + " needs a file; write " +
                       std::string(flag) + "=FILE");
    } else if (flag.starts_with("--catalogue=")) {
      catalogue = flag.substr(12);
      if (catalogue.empty()) {
        throw InputError("--catalogue= names no file; give one, or leave the "
                         "flag out");
      }
    } else if (flag.starts_with("--benchmark_") || flag.starts_with("--v=")) {
      rest.push_back(argv[i]);
    } else {
      throw InputError("unknown argument \"" + std::string(flag) +
                       "\"; see --help");
    }
  }
  if (timing && visit.empty()) {
    throw InputError("--timing is of a visit; give --visit=FILE as well");
  }
  SteadyAllocator();
  if (describe) {
    std::cout << Describe().dump(1) << "\n";
    return 0;
  }
  if (check) return CheckWorkloads();
  if (!visit.empty()) {
    if (rest.size() > 1) {
      throw InputError("--visit and \"" + std::string(rest[1]) +
                       "\" exclude each other; leave one out");
    }
    const std::string text = ReadAll(visit);
    const VisitRequest request = VisitRequest::Parse(text);
    Provide(request.pages, text, timing);
    return RunVisit(request, std::cout, timing ? &std::cerr : nullptr);
  }
  return RunBenchmarks(catalogue, rest);
}

}  // namespace
}  // namespace cmap::experiments

int main(int argc, char** argv) {
  try {
    return cmap::experiments::Said(cmap::experiments::Main(argc, argv));
  } catch (const cmap::experiments::InputError& error) {
    std::cerr << "worker: " << error.what() << "\n";
    return cmap::experiments::kExitBadInput;
  } catch (const cmap::experiments::InvalidError& error) {
    std::cerr << "worker: " << error.what() << "\n";
    return cmap::experiments::kExitInvalid;
  } catch (const std::exception& error) {
    std::cerr << "worker: " << error.what() << "\n";
    return 1;
  }
}
