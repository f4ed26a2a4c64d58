// SPDX-License-Identifier: Apache-2.0
#include "experiments/worker/arrivals_spec.h"

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>

#include "experiments/worker/contestant_spec.h"
#include "experiments/worker/errors.h"

namespace cmap::experiments {
namespace {

using nlohmann::json;

[[noreturn]] void Wrong(const std::string& field, const std::string& wanted, const json& found) {
  throw InputError("visit field \"arrivals." + field + "\" must be " + wanted + ", it is " + found.dump());
}

const json& Field(const json& object, const std::string& field) {
  static const json absent;
  return object.contains(field) ? object[field] : absent;
}

double Number(const json& value, const std::string& field, double lo, double hi) {
  const auto bound = [](double x) { return json(x).dump(); };
  const std::string wanted = "a number from " + bound(lo) + " to " + bound(hi);
  if (!value.is_number()) Wrong(field, wanted, value);
  const double number = value.get<double>();
  if (!(number >= lo && number <= hi)) Wrong(field, wanted, value);
  return number;
}

double NumberField(const json& object, const std::string& field, double lo, double hi) {
  return Number(Field(object, field), field, lo, hi);
}

void CheckFields(const json& object, std::initializer_list<const char*> known) {
  std::vector<std::string> names(known.begin(), known.end());
  for (const auto& [name, unused] : object.items()) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      throw InputError("unknown visit field \"arrivals." + name + "\"; known are " + Join(names));
    }
  }
}

}  // namespace

ArrivalsSpec ArrivalsSpec::FromJson(const json& object) {
  if (!object.is_object()) {
    throw InputError("visit field \"arrivals\" must be an object with the field \"course\", it is " + object.dump());
  }
  ArrivalsSpec spec;
  const json& course = Field(object, "course");
  if (course == "rungs") {
    spec.course = Course::kRungs;
    CheckFields(object, {"course", "loads", "least_ms", "most_ms", "window_ms"});
    const json& loads = Field(object, "loads");
    const std::string wanted = "a list of 1 to 20 ascending numbers, 0.5 among them";
    if (!loads.is_array() || loads.empty() || loads.size() > 20) Wrong("loads", wanted, loads);
    for (const json& load : loads) spec.loads.push_back(Number(load, "loads", 0.001, 1.0));
    if (!std::is_sorted(spec.loads.begin(), spec.loads.end(), std::less_equal<>()) ||
        std::find(spec.loads.begin(), spec.loads.end(), 0.5) == spec.loads.end()) {
      Wrong("loads", wanted, loads);
    }
    spec.least_ms = NumberField(object, "least_ms", 1, 60'000);
    spec.most_ms = NumberField(object, "most_ms", spec.least_ms, 60'000);
    if (object.contains("window_ms")) {
      spec.window_ms = NumberField(object, "window_ms", spec.most_ms / 1000, spec.least_ms);
    }
  } else if (course == "shapes") {
    spec.course = Course::kShapes;
    CheckFields(object, {"course", "base", "peak", "ms", "window_ms"});
    spec.base = NumberField(object, "base", 0.001, 0.95);
    spec.peak = NumberField(object, "peak", spec.base, 10);
    spec.ms = NumberField(object, "ms", 12, 600'000);
    spec.window_ms = NumberField(object, "window_ms", spec.ms / 1000, spec.ms / 12);
  } else if (course == "fill") {
    spec.course = Course::kFill;
    CheckFields(object, {"course", "rate"});
    spec.rate = NumberField(object, "rate", 1000, 1e9);
  } else if (course == "recorded") {
    spec.course = Course::kRecorded;
    CheckFields(object, {"course", "most_ms"});
    spec.most_ms = NumberField(object, "most_ms", 1, 600'000);
  } else {
    Wrong("course", "\"rungs\", \"shapes\", \"fill\" or \"recorded\"", course);
  }
  return spec;
}

}  // namespace cmap::experiments
