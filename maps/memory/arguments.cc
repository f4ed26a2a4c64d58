// SPDX-License-Identifier: Apache-2.0
#include "maps/memory/arguments.h"

#include <string_view>

#include "maps/memory/subject.h"
#include "maps/profiles/arguments.h"

namespace cmap::memory {

Arguments ParseArguments(const std::vector<std::string>& given, const char* workspace) {
  constexpr std::string_view kOut = "--out=", kStrategies = "--strategies=";
  Arguments arguments;
  for (const std::string& argument : given) {
    if (argument == "--large") {
      arguments.sizes.push_back(10'000'000);
    } else if (argument.starts_with(kOut)) {
      arguments.out = profiles::OutFile(argument.substr(kOut.size()));
    } else if (argument.starts_with(kStrategies)) {
      const auto names = profiles::StrategyNames(argument.substr(kStrategies.size()), Subjects());
      arguments.strategies.insert(names.begin(), names.end());
    } else {
      profiles::RefuseUnknown(argument);
    }
  }
  if (arguments.out.empty()) arguments.out = profiles::CommittedFigures(workspace, "memory");
  return arguments;
}

}  // namespace cmap::memory
