// SPDX-License-Identifier: Apache-2.0
#include "experiments/worker/scenario.h"

#include <map>
#include <utility>

#include "experiments/worker/errors.h"
#include "experiments/worker/registry.h"
#include "workloads/spec.h"

namespace cmap::experiments {
namespace {

struct Entry {
  workloads::ScenarioTraits traits;
  std::map<std::string, ScenarioFactory, std::less<>> strategies;
};

// Function-local, so that registration before main() finds it constructed.
std::map<std::string, Entry, std::less<>>& Entries() {
  static auto* entries = new std::map<std::string, Entry, std::less<>>;
  return *entries;
}

std::string DidYouMean(const std::string& word, const auto& known) {
  std::vector<std::string> names;
  for (const auto& [name, unused] : known) names.push_back(name);
  const std::string nearest = Nearest(word, names);
  return (nearest.empty() ? "" : "did you mean " + nearest + "? ") + "known are " + Join(names);
}

const Entry& Find(const workloads::ScenarioRequest& request) {
  const auto at = Entries().find(request.name);
  if (at == Entries().end()) {
    throw InputError("unknown scenario \"" + request.name + "\"; " + DidYouMean(request.name, Entries()));
  }
  return at->second;
}

workloads::ScenarioRequest Completed(const Entry& entry, const workloads::ScenarioRequest& request) {
  try {
    return request.Complete(entry.traits);
  } catch (const workloads::SpecError& error) {
    throw InputError(error.what());
  }
}

ScenarioFactory Factory(const Entry& entry, const ContestantSpec& spec) {
  FindStrategy(spec);
  if (spec.batch || spec.load_batch || spec.reserve || spec.direct || spec.called) {
    throw InputError("\"" + spec.text + "\" asks for another way to play a tape, which a scenario has not; leave "
                     "@batch, @load_batch, @reserve, @direct and \"call\" out");
  }
  const auto at = entry.strategies.find(spec.name);
  if (at == entry.strategies.end()) {
    throw InputError(spec.name + " is not compiled for the scenario " + std::string(entry.traits.name) +
                     "; add it in experiments/worker/scenarios.bzl, or choose among those that are (" +
                     DidYouMean(spec.name, entry.strategies) + ")");
  }
  return at->second;
}

}  // namespace

bool RegisterScenario(std::string_view strategy, const workloads::ScenarioTraits& scenario, ScenarioFactory factory) {
  Entry& entry = Entries()[std::string(scenario.name)];
  entry.traits = scenario;
  entry.strategies[std::string(strategy)] = factory;
  return true;
}

std::vector<std::string> ScenariosOf(std::string_view strategy) {
  std::vector<std::string> names;
  for (const auto& [name, entry] : Entries()) {
    if (entry.strategies.contains(strategy)) names.push_back(name);
  }
  return names;
}

void CheckScenario(const ContestantSpec& spec, const workloads::ScenarioRequest& request, int threads) {
  const Entry& entry = Find(request);
  Completed(entry, request);
  Factory(entry, spec);
  if (static_cast<std::uint32_t>(threads) < entry.traits.least_threads) {
    throw InputError("the scenario " + request.name + " needs " + std::to_string(entry.traits.least_threads) +
                     " threads; raise \"threads\"");
  }
  const Traits& traits = FindStrategy(spec).traits;
  if (traits.max_threads > 0 && threads > traits.max_threads) {
    throw InputError(spec.name + " allows at most " + std::to_string(traits.max_threads) + " thread" +
                     (traits.max_threads == 1 ? "" : "s") + "; leave it out");
  }
}

std::unique_ptr<ScenarioContestant> MakeScenario(const ContestantSpec& spec, const workloads::ScenarioRequest& request,
                                                 int threads, std::uint64_t seed) {
  CheckScenario(spec, request, threads);
  const Entry& entry = Find(request);
  try {
    return Factory(entry, spec)(spec, Completed(entry, request), static_cast<std::uint32_t>(threads), seed);
  } catch (const workloads::SpecError& error) {  // what it needs of the machine is not there
    throw InputError(error.what());
  }
}

}  // namespace cmap::experiments
