// SPDX-License-Identifier: Apache-2.0
#include "maps/blocking/arguments.h"

#include <charconv>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include "maps/blocking/subject.h"
#include "maps/profiles/arguments.h"

namespace cmap::blocking {

Arguments ParseArguments(const std::vector<std::string>& given, const char* workspace) {
  constexpr std::string_view kOut = "--out=", kStrategies = "--strategies=", kSeconds = "--seconds=";
  Arguments arguments;
  for (const std::string& argument : given) {
    if (argument.starts_with(kOut)) {
      arguments.out = profiles::OutFile(argument.substr(kOut.size()));
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
      const auto names = profiles::StrategyNames(argument.substr(kStrategies.size()), Subjects());
      arguments.strategies.insert(names.begin(), names.end());
    } else {
      profiles::RefuseUnknown(argument);
    }
  }
  if (arguments.out.empty()) arguments.out = profiles::CommittedFigures(workspace, "blocking");
  return arguments;
}

}  // namespace cmap::blocking
