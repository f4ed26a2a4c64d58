// SPDX-License-Identifier: Apache-2.0
//
// A service that records itself: threads look sessions up, 97 times in 100, and begin or end them;
// some sessions are far more popular than others.
//
//   sampled_map_demo PATH [operations] [threads] [rate] [port]
//   bazel run //tools:advise -- PATH.*.csv
//
// With a port (0: any free one) its counters are served there until the end of the input.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <mutex>
#include <optional>
#include <random>
#include <shared_mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "tools/trace/metrics_port.h"
#include "tools/trace/sampled_map.h"

namespace {

// What many services have: a lock around a standard map.
class Sessions {
 public:
  using key_type = std::string;
  using mapped_type = std::string;

  std::optional<std::string> Load(const std::string& key) {
    const std::shared_lock lock(mutex_);
    const auto at = sessions_.find(key);
    if (at == sessions_.end()) return std::nullopt;
    return at->second;
  }
  void Store(const std::string& key, const std::string& value) {
    const std::unique_lock lock(mutex_);
    sessions_.insert_or_assign(key, value);
  }
  bool Delete(const std::string& key) {
    const std::unique_lock lock(mutex_);
    return sessions_.erase(key) != 0;
  }

 private:
  std::shared_mutex mutex_;
  std::unordered_map<std::string, std::string> sessions_;
};

void Work(cmap::trace::SampledMap<Sessions>& sessions, std::uint64_t operations, unsigned seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> uniform;
  for (std::uint64_t i = 0; i < operations; ++i) {
    // Log-uniform: each tenfold range of numbers is asked for equally often.
    const auto number = static_cast<std::uint64_t>(std::pow(100'000.0, uniform(random)));
    const std::string key = "session:" + std::to_string(number);
    const double kind = uniform(random);
    if (kind < 0.97) {
      sessions.Load(key);
    } else if (kind < 0.995) {
      sessions.Store(key, std::string(50 + number % 100, 's'));
    } else {
      sessions.Delete(key);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs(
        "name the path of the trace: sampled_map_demo PATH [operations] [threads] [rate] [port]\n",
        stderr);
    return EXIT_FAILURE;
  }
  const auto number = [&](int i, double otherwise) {
    return argc > i ? std::atof(argv[i]) : otherwise;
  };
  const auto operations = static_cast<std::uint64_t>(number(2, 2e6));
  const auto threads = static_cast<unsigned>(number(3, 2));
  try {
    cmap::trace::TraceRecorder recorder(
        {.path = argv[1], .name = "sessions", .rate = number(4, 0.01)});
    cmap::trace::SampledMap<Sessions> sessions(recorder);
    std::optional<cmap::trace::MetricsPort> port;
    if (argc > 5) {
      port.emplace(static_cast<std::uint16_t>(number(5, 0)),
                   [&recorder] { return recorder.PrometheusText(); });
      std::printf("metrics: http://127.0.0.1:%u/metrics\n", port->port());
      std::fflush(stdout);
    }
    std::vector<std::thread> workers;
    for (unsigned t = 0; t < threads; ++t) {
      workers.emplace_back([&, t] { Work(sessions, operations / threads, t + 1); });
    }
    for (std::thread& worker : workers) worker.join();
    if (port) {
      std::puts("done");
      std::fflush(stdout);
      std::cin.ignore(1 << 20);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
