// SPDX-License-Identifier: Apache-2.0
#include "experiments/worker/benchmark_mode.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <set>

#include "benchmark/benchmark.h"
#include "experiments/worker/catalogue.h"
#include "experiments/worker/course.h"
#include "experiments/worker/errors.h"
#include "experiments/worker/memory_check.h"
#include "experiments/worker/registry.h"
#include "experiments/worker/session.h"

namespace cmap::experiments {
namespace {

// The built catalogue: in the runfiles of this program, or beside its folder.
std::string FindCatalogue() {
  constexpr const char* kPath = "/experiments/catalogue.json";
  std::vector<std::string> places;
  if (const char* runfiles = std::getenv("RUNFILES_DIR")) {
    places.push_back(std::string(runfiles) + "/concurrent_maps" + kPath);
  }
  char program[4096];
  const ssize_t length = readlink("/proc/self/exe", program, sizeof program);
  if (length > 0) {
    const std::string path(program, static_cast<std::size_t>(length));
    places.push_back(path + ".runfiles/concurrent_maps" + kPath);
    places.push_back(path.substr(0, path.rfind('/')) + "/../catalogue.json");
  }
  places.push_back(std::string(".") + kPath);  // bazel run starts in runfiles
  for (const std::string& place : places) {
    if (access(place.c_str(), R_OK) == 0) return place;
  }
  throw InputError("the catalogue is not beside this program; name one with "
                   "--catalogue=FILE (bazel build //experiments:catalogue "
                   "makes it)");
}

// A cell with one contestant, kept between the calls with which Google
// Benchmark approaches its number of iterations.
struct Bench {
  explicit Bench(const VisitRequest& request)
      : session(request), course(MakeCourse(session)) {
    course->Prepare();
    figures = course->figures();
  }
  Session session;
  std::unique_ptr<Course> course;
  workloads::Figures figures;
};

struct Current {
  std::string name;
  std::unique_ptr<Bench> bench;
  bool invalid = false;
};
Current& TheCurrent() {
  static Current current;
  return current;
}

void Measure(benchmark::State& state, const VisitRequest& request) {
  Bench& bench = *TheCurrent().bench;
  bench.course->BeginBlock([](int, const Slice&) {});
  const bool draw_each_time = request.workload.StartsEmpty();
  double ops = 0;
  double ns = 0;
  std::uint64_t slices = 0;
  for (auto unused : state) {
    if (draw_each_time) bench.course->BeginBlock([](int, const Slice&) {});
    const Slice slice = bench.course->Play(0);
    ops += static_cast<double>(slice.ops);
    ns += slice.time.wall;
    ++slices;
    state.SetIterationTime(slice.time.wall * 1e-9);
  }
  bench.course->EndBlock();
  state.counters["ns_per_op"] = ns / ops;
  state.counters["ops_per_slice"] = ops / static_cast<double>(slices);
  state.counters["reuse_rate"] = bench.figures.reuse_rate;
  state.counters["hit_rate"] = bench.figures.hit_rate;
  state.counters["write_share"] = bench.figures.write_share;
  state.counters["distinct"] = static_cast<double>(bench.figures.distinct);
  state.counters["entropy_1024"] = bench.figures.entropy_1024;
  state.counters["top100_share"] = bench.figures.top100_share;
}

void RunBenchmark(benchmark::State& state, const std::string& name,
                  const VisitRequest& request) {
  Current& current = TheCurrent();
  try {
    if (current.name != name) {
      current.bench.reset();
      current.name = name;
      CheckMemory(request.workload, 1, request.threads, AvailableBytes());
      current.bench = std::make_unique<Bench>(request);
    }
    if (current.bench == nullptr) {
      state.SkipWithError("skipped, as before");
      return;
    }
    Measure(state, request);
  } catch (const std::exception& error) {
    current.invalid |= dynamic_cast<const InvalidError*>(&error) != nullptr;
    current.bench.reset();
    state.SkipWithError(error.what());
  }
}

// The cell's own contestants, and every other strategy that is fit for it.
std::vector<std::string> Contestants(const Cell& cell) {
  std::vector<std::string> all;
  const auto add = [&](const std::string& text) {
    if (std::find(all.begin(), all.end(), text) != all.end()) return;
    ContestantSpec spec = ContestantSpec::Parse(text);
    spec.called = cell.called;
    if (Unfit(spec, cell.workload, cell.threads).empty()) all.push_back(text);
  };
  for (const std::string& text : cell.contestants) add(text);
  if (cell.tunable_axis) return all;
  for (const std::string& name : StrategyNames()) {
    if (std::find(cell.excluded.begin(), cell.excluded.end(), name) ==
        cell.excluded.end()) {
      add(name);
    }
  }
  return all;
}

void RegisterCell(const Cell& cell, const Catalogue& catalogue,
                  const Cores& machine) {
  for (const std::string& contestant : Contestants(cell)) {
    VisitRequest request;
    request.contestants = {ContestantSpec::Parse(contestant)};
    request.contestants[0].called = cell.called;
    request.workload = cell.workload;
    request.threads = cell.threads;
    request.oversubscribed =
        static_cast<std::size_t>(cell.threads) > machine.cpus.size();
    request.pin = machine.cpus;
    request.slice_ms = catalogue.SliceMs(cell.threads, request.oversubscribed);
    const std::string name =
        contestant + "/" + cell.question + "/" + cell.label +
        (cell.regime.empty() ? "" : "/regime:" + cell.regime) +
        "/threads:" + std::to_string(cell.threads) +
        (request.oversubscribed ? "/oversubscribed" : "");
    benchmark::RegisterBenchmark(
        name.c_str(),
        [name, request](benchmark::State& state) {
          RunBenchmark(state, name, request);
        })
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond);
  }
}

}  // namespace

int RunBenchmarks(const std::string& catalogue_file,
                  const std::vector<char*>& arguments) {
  const Cores machine = ReadCores(AllowedCpus());
  const Catalogue catalogue = Catalogue::Read(
      catalogue_file.empty() ? FindCatalogue() : catalogue_file, machine);
  std::vector<char*> argv = arguments;
  int argc = static_cast<int>(argv.size());
  argv.push_back(nullptr);
  benchmark::Initialize(&argc, argv.data());
  if (argc > 1) {
    throw InputError("unknown argument \"" + std::string(argv[1]) +
                     "\"; see --help");
  }
  std::set<std::string> missing;
  for (const Cell& cell : catalogue.cells) {
    // A catalogue may be newer than this worker.
    Cell known = cell;
    std::erase_if(known.contestants, [&](const std::string& text) {
      try {
        FindStrategy(ContestantSpec::Parse(text));
        return false;
      } catch (const InputError& error) {
        missing.insert(error.what());
        return true;
      }
    });
    RegisterCell(known, catalogue, machine);
  }
  for (const std::string& why : missing) {
    std::fprintf(stderr, "worker: left out of the catalogue: %s\n",
                 why.c_str());
  }
  const std::size_t run = benchmark::RunSpecifiedBenchmarks();
  const bool invalid = TheCurrent().invalid;
  TheCurrent().bench.reset();
  benchmark::Shutdown();
  if (run == 0) {
    throw InputError("no benchmark matches --benchmark_filter; see "
                     "--benchmark_list_tests");
  }
  return invalid ? kExitInvalid : 0;
}

std::string BenchmarkFlagsHelp() {
  return "  --benchmark_list_tests\n"
         "  --benchmark_filter=<regex>\n"
         "  --benchmark_min_time=<seconds>\n"
         "  --benchmark_repetitions=<number>\n"
         "  --benchmark_report_aggregates_only={true|false}\n"
         "  --benchmark_format=<console|json|csv>\n"
         "  --benchmark_out=<file> --benchmark_out_format=<json|console|csv>\n"
         "  --benchmark_counters_tabular={true|false}\n";
}

}  // namespace cmap::experiments
