// SPDX-License-Identifier: Apache-2.0
//
// What tests of scenarios share: requests, slices played by hand, what was told.
#ifndef CMAP_WORKLOADS_SCENARIOS_SCENARIOS_TESTING_H_
#define CMAP_WORKLOADS_SCENARIOS_SCENARIOS_TESTING_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "workloads/scenarios/scenario.h"

namespace cmap::workloads {

inline ScenarioRequest Request(const std::string& text, const ScenarioTraits& traits) {
  return ScenarioRequest::FromJson(nlohmann::json::parse(text)).Complete(traits);
}

inline std::map<std::string, Amount> Told(const auto& scenario, double seconds = 1) {
  std::vector<Amount> told;
  scenario.Tell(seconds, told);
  std::map<std::string, Amount> out;
  for (const Amount& amount : told) out.emplace(std::string(amount.name), amount);
  return out;
}

// What a slice of so many steps a thread says is wrong.
template <class Scenario, class Map>
std::string Play(Scenario& scenario, Map& map, std::uint32_t threads, std::size_t steps) {
  scenario.Fill(map);
  std::vector<std::thread> team;
  for (std::uint32_t t = 0; t < threads; ++t) {
    team.emplace_back([&scenario, &map, t, steps] {
      for (std::size_t done = 0; done < steps; done += 16) scenario.Step(map, t, 16);
      if constexpr (requires { Map::Idle(); }) Map::Idle();
    });
  }
  for (std::thread& thread : team) thread.join();
  return scenario.Check(map);
}

template <template <class> class Scenario, class Map>
std::string Played(const std::string& text, std::uint32_t threads, std::size_t steps) {
  Map map;
  Scenario<Map> scenario(Request(text, Scenario<Map>::kTraits), threads, 7);
  return Play(scenario, map, threads, steps);
}

}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_SCENARIOS_SCENARIOS_TESTING_H_
