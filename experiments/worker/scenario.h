// SPDX-License-Identifier: Apache-2.0
//
// A contestant in a scenario (workloads/scenarios/scenario.h), erased per chunk like
// Contestant, and where these come from: scenarios are compiled for the strategies that
// the questions name and no others (scenarios.bzl), because each pair is a program.
#ifndef CMAP_EXPERIMENTS_WORKER_SCENARIO_H_
#define CMAP_EXPERIMENTS_WORKER_SCENARIO_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/worker/contestant.h"
#include "experiments/worker/contestant_spec.h"
#include "workloads/scenarios/scenario.h"

namespace cmap::experiments {

class ScenarioContestant : public Contestant {
 public:
  // Puts the new, empty map into the state in which a slice finds it.
  virtual void Fill() = 0;
  // Thread t does n steps and returns how many operations they were; inside a timed
  // region, all threads at the same time.
  virtual std::uint64_t Step(std::uint32_t t, std::size_t n) = 0;
  virtual bool Counted(std::uint32_t t) const = 0;
  // What is wrong after a slice; empty when nothing is.
  virtual std::string Check() = 0;
  // What the slice just checked adds to the amounts.
  virtual void Tell(double seconds, std::vector<workloads::Amount>& out) const = 0;
  // The times that it took of single operations; they stay until the next Fill.
  virtual void TellTimes(std::vector<workloads::Times>&) const {}
};

using ScenarioFactory = std::unique_ptr<ScenarioContestant> (*)(const ContestantSpec& spec,
                                                                const workloads::ScenarioRequest& request,
                                                                std::uint32_t threads, std::uint64_t seed);

// Called by the generated files before main().
bool RegisterScenario(std::string_view strategy, const workloads::ScenarioTraits& scenario, ScenarioFactory factory);

// The scenarios that a strategy is compiled for, by name.
std::vector<std::string> ScenariosOf(std::string_view strategy);

// Throws InputError: an unknown scenario, a way or number that it does not have, too few
// threads, a strategy that is not compiled for it.
void CheckScenario(const ContestantSpec& spec, const workloads::ScenarioRequest& request, int threads);

// Throws InputError as CheckScenario.
std::unique_ptr<ScenarioContestant> MakeScenario(const ContestantSpec& spec, const workloads::ScenarioRequest& request,
                                                 int threads, std::uint64_t seed);

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_SCENARIO_H_
