// SPDX-License-Identifier: Apache-2.0
//
// Arguments that the programs which profile every strategy have in common (maps/memory,
// maps/blocking). All throw std::invalid_argument with a sentence.
#ifndef CMAP_MAPS_PROFILES_ARGUMENTS_H_
#define CMAP_MAPS_PROFILES_ARGUMENTS_H_

#include <algorithm>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace cmap::profiles {

// The file of --out=.
inline std::string OutFile(const std::string& value) {
  // As an unset variable of a shell gives it: the committed figures are not meant.
  if (value.find_first_not_of(' ') == std::string::npos) {
    throw std::invalid_argument("--out= names no file; give one, or leave it out");
  }
  return value;
}

// The names of --strategies=, which `known` has as members `name`.
template <class Subjects>
std::vector<std::string> StrategyNames(const std::string& value, const Subjects& known) {
  std::vector<std::string> found;
  std::istringstream names(value);
  for (std::string name; std::getline(names, name, ',');) {
    if (std::ranges::find(known, name, &Subjects::value_type::name) == known.end()) {
      throw std::invalid_argument("no strategy is named '" + name +
                                  "'; maps/strategies.bzl lists them");
    }
    found.push_back(name);
  }
  if (found.empty()) {
    throw std::invalid_argument("--strategies= names none; give some, or leave it out");
  }
  return found;
}

[[noreturn]] inline void RefuseUnknown(const std::string& argument) {
  throw std::invalid_argument("unknown argument '" + argument + "'; see --help");
}

// The committed figures of maps/<folder>. `workspace`: where the project is, or null when
// nobody knows.
inline std::string CommittedFigures(const char* workspace, const std::string& folder) {
  if (workspace == nullptr || *workspace == '\0') {
    throw std::invalid_argument("started by itself it needs --out=FILE; `tools/bazel run //maps/" +
                                folder + ":profile` knows where the project is");
  }
  return std::string(workspace) + "/maps/" + folder + "/figures.json";
}

}  // namespace cmap::profiles

#endif  // CMAP_MAPS_PROFILES_ARGUMENTS_H_
