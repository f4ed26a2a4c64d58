// SPDX-License-Identifier: Apache-2.0
#include "workloads/scenarios/scenario.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "workloads/spec.h"

namespace cmap::workloads {
namespace {

std::string Quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

std::string Number(double value) { return nlohmann::json(value).dump(); }

}  // namespace

ScenarioRequest ScenarioRequest::FromJson(const nlohmann::json& object) {
  if (!object.is_object() || !object.contains("name") || !object["name"].is_string()) {
    throw SpecError("the scenario is no object with a name; write for example {\"name\": \"stock_reservation\"}.");
  }
  ScenarioRequest request;
  for (const auto& [field, value] : object.items()) {
    if (field == "name") {
      request.name = value.get<std::string>();
    } else if (field == "way") {
      if (!value.is_string()) throw SpecError("the scenario's way is " + value.dump() + ", not a name; write a name.");
      request.way = value.get<std::string>();
    } else {
      if (!value.is_number()) {
        throw SpecError("the scenario's " + Quoted(field) + " is " + value.dump() + ", not a number; write a number.");
      }
      request.numbers.emplace_back(field, value.get<double>());
    }
  }
  return request;
}

ScenarioRequest ScenarioRequest::Complete(const ScenarioTraits& traits) const {
  ScenarioRequest out{name, way.empty() ? std::string(traits.ways[0]) : way, {}};
  if (std::find(traits.ways.begin(), traits.ways.end(), out.way) == traits.ways.end()) {
    std::string known;
    for (const std::string_view w : traits.ways) known += (known.empty() ? "" : ", ") + std::string(w);
    throw SpecError("the scenario " + name + " has no way " + Quoted(out.way) + "; use one of " + known + ".");
  }
  for (const auto& [field, value] : numbers) {
    const bool known = std::any_of(traits.numbers.begin(), traits.numbers.end(),
                                   [&](const ScenarioNumber& n) { return n.name == field; });
    if (!known) throw SpecError("the scenario " + name + " takes no " + Quoted(field) + "; leave it out.");
  }
  for (const ScenarioNumber& number : traits.numbers) {
    double value = number.otherwise;
    for (const auto& [field, given] : numbers) {
      if (field == number.name) value = given;
    }
    if (!(value >= number.least && value <= number.most)) {
      throw SpecError("the scenario's " + Quoted(number.name) + " is " + Number(value) + "; use a number from " +
                      Number(number.least) + " to " + Number(number.most) + ".");
    }
    out.numbers.emplace_back(number.name, value);
  }
  return out;
}

double ScenarioRequest::operator[](std::string_view number) const {
  for (const auto& [field, value] : numbers) {
    if (field == number) return value;
  }
  throw std::logic_error("a scenario asks for a number that its traits do not have");
}

}  // namespace cmap::workloads
