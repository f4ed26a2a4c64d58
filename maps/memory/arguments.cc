// SPDX-License-Identifier: Apache-2.0
#include "maps/memory/arguments.h"

#include <algorithm>
#include <sstream>
#include <stdexcept>
#include <string_view>

#include "maps/memory/subject.h"

namespace cmap::memory {

Arguments ParseArguments(const std::vector<std::string>& given, const char* workspace) {
  constexpr std::string_view kOut = "--out=", kStrategies = "--strategies=";
  Arguments arguments;
  for (const std::string& argument : given) {
    if (!argument.starts_with(kOut)) arguments.given.append(" ").append(argument);
    if (argument == "--large") {
      arguments.sizes.push_back(10'000'000);
    } else if (argument.starts_with(kOut)) {
      arguments.out = argument.substr(kOut.size());
      // As an unset variable of a shell gives it: the committed figures are not meant.
      if (arguments.out.find_first_not_of(' ') == std::string::npos) {
        throw std::invalid_argument("--out= names no file; give one, or leave it out");
      }
    } else if (argument.starts_with(kStrategies)) {
      std::istringstream names(argument.substr(kStrategies.size()));
      for (std::string name; std::getline(names, name, ',');) {
        if (std::ranges::find(Subjects(), name, &Subject::name) == Subjects().end()) {
          throw std::invalid_argument("no strategy is named '" + name +
                                      "'; maps/strategies.bzl lists them");
        }
        arguments.strategies.push_back(name);
      }
      if (arguments.strategies.empty()) {
        throw std::invalid_argument("--strategies= names none; give some, or leave it out");
      }
    } else {
      throw std::invalid_argument("unknown argument '" + argument + "'; see --help");
    }
  }
  if (arguments.out.empty()) {
    if (workspace == nullptr || *workspace == '\0') {
      throw std::invalid_argument("started by itself it needs --out=FILE; `tools/bazel run "
                                  "//maps/memory:profile` knows where the project is");
    }
    arguments.out = std::string(workspace) + "/maps/memory/figures.json";
  }
  return arguments;
}

}  // namespace cmap::memory
