// SPDX-License-Identifier: Apache-2.0
#include "maps/blocking/arguments.h"

#include <algorithm>
#include <charconv>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include "maps/blocking/subject.h"

namespace cmap::blocking {

Arguments ParseArguments(const std::vector<std::string>& given, const char* workspace) {
  constexpr std::string_view kOut = "--out=", kStrategies = "--strategies=", kSeconds = "--seconds=";
  Arguments arguments;
  for (const std::string& argument : given) {
    if (argument.starts_with(kOut)) {
      arguments.out = argument.substr(kOut.size());
      // As an unset variable of a shell gives it: the committed figures are not meant.
      if (arguments.out.find_first_not_of(' ') == std::string::npos) {
        throw std::invalid_argument("--out= names no file; give one, or leave it out");
      }
    } else if (argument.starts_with(kSeconds)) {
      const std::string text = argument.substr(kSeconds.size());
      const auto [end, error] =
          std::from_chars(text.data(), text.data() + text.size(), arguments.seconds);
      if (error != std::errc() || end != text.data() + text.size() || !(arguments.seconds > 0) ||
          arguments.seconds > 3600) {
        throw std::invalid_argument("--seconds takes a number above 0 and at most 3600, not '" +
                                    text + "'");
      }
    } else if (argument.starts_with(kStrategies)) {
      std::istringstream names(argument.substr(kStrategies.size()));
      for (std::string name; std::getline(names, name, ',');) {
        if (std::ranges::find(Subjects(), name, &Subject::name) == Subjects().end()) {
          throw std::invalid_argument("no strategy is named '" + name +
                                      "'; maps/strategies.bzl lists them");
        }
        arguments.strategies.insert(name);
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
                                  "//maps/blocking:profile` knows where the project is");
    }
    arguments.out = std::string(workspace) + "/maps/blocking/figures.json";
  }
  return arguments;
}

}  // namespace cmap::blocking
