// SPDX-License-Identifier: Apache-2.0
//
// The contestants of the scenario false_sharing: words in memory, in place of maps. They
// are in the list of strategies so that a visit can name them, as references that can do
// nothing which a tape asks for.
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "experiments/worker/registry.h"
#include "experiments/worker/scenario_for.h"
#include "workloads/scenarios/false_sharing.h"

namespace cmap::experiments {
namespace {

template <std::size_t kApart>
bool RegisterWords(std::string_view name) {
  using Words = workloads::Words<kApart>;
  using Scenario = workloads::FalseSharing<Words>;
  StrategyInfo info;
  info.name = std::string(name);
  info.traits = Words::kTraits;
  info.object_bytes = sizeof(Words);
  return RegisterStrategy(info, Types{}, [](const ContestantSpec& spec) -> std::unique_ptr<Contestant> {
           throw std::logic_error(spec.name + " plays no tape");  // refused with the request: it supports no operation
         }) &&
         RegisterScenario(name, Scenario::kTraits,
                          [](const ContestantSpec& spec, const workloads::ScenarioRequest& request, std::uint32_t threads,
                             std::uint64_t seed) -> std::unique_ptr<ScenarioContestant> {
                            return std::make_unique<ScenarioFor<Words, Scenario>>(spec, request, threads, seed);
                          });
}

[[maybe_unused]] const bool registered = RegisterWords<0>("same_word") | RegisterWords<4>("same_line") |
                                         RegisterWords<64>("apart_64") | RegisterWords<128>("apart_128");

}  // namespace
}  // namespace cmap::experiments
