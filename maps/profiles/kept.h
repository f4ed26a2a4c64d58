// SPDX-License-Identifier: Apache-2.0
//
// What a file of figures already has of strategies that are not measured now (--strategies=).
#ifndef CMAP_MAPS_PROFILES_KEPT_H_
#define CMAP_MAPS_PROFILES_KEPT_H_

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

namespace cmap::profiles {

// The object "strategies" of the file, by name; empty if there is no such file. Throws
// std::invalid_argument with a sentence when it holds something else, which is not overwritten.
inline nlohmann::ordered_json KeptStrategies(const std::string& path) {
  std::ifstream file(path);
  if (!file) return nlohmann::ordered_json::object();
  try {
    auto kept = nlohmann::ordered_json::parse(file).at("strategies");
    if (kept.is_object()) return kept;
  } catch (const nlohmann::ordered_json::exception&) {
  }
  throw std::invalid_argument(path +
                              " holds no figures to keep; give another --out=, or remove it");
}

// Those of the strategies that there are (`known` has members `name`), in its order.
template <class Subjects>
nlohmann::ordered_json InOrder(nlohmann::ordered_json strategies, const Subjects& known) {
  nlohmann::ordered_json sorted = nlohmann::ordered_json::object();
  for (const auto& subject : known) {
    if (strategies.contains(subject.name)) sorted[subject.name] = strategies[subject.name];
  }
  return sorted;
}

}  // namespace cmap::profiles

#endif  // CMAP_MAPS_PROFILES_KEPT_H_
