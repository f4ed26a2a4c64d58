// SPDX-License-Identifier: Apache-2.0
//
// What the tests of both programs expect of their arguments, those of arguments.h.
#ifndef CMAP_MAPS_PROFILES_BAD_ARGUMENTS_H_
#define CMAP_MAPS_PROFILES_BAD_ARGUMENTS_H_

#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace cmap::profiles {

struct BadArgument {
  const char *given, *said;
};

// An unset variable of a shell gives an empty value: it is not the committed file that is meant.
inline constexpr BadArgument kBadArguments[] = {
    {"--out=", "--out= names no file; give one, or leave it out"},
    {"--out=  ", "--out= names no file"},
    {"--strategies=", "--strategies= names none; give some, or leave it out"},
    {"--strategies=,", "no strategy is named ''"},
    {"--strategies=no_map", "no strategy is named 'no_map'"},
    {"--out", "unknown argument '--out'"},
    {"", "unknown argument ''"}};

// Each is refused in one sentence with these words. parse(arguments, workspace) returns the
// file to write.
template <class Parse>
void ExpectRefused(std::span<const BadArgument> bad, Parse&& parse) {
  for (const BadArgument& b : bad) {
    try {
      parse(std::vector<std::string>{b.given}, "/project");
      ADD_FAILURE() << b.given;
    } catch (const std::invalid_argument& error) {
      const std::string said = error.what();
      EXPECT_NE(said.find(b.said), std::string::npos) << b.given << ": " << said;
      EXPECT_EQ(said.find('\n'), std::string::npos) << said;
    }
  }
}

// What both refuse, and that the file is maps/<folder>/figures.json unless another is named.
template <class Parse>
void ExpectCommonArguments(const std::string& folder, Parse&& parse) {
  ExpectRefused(kBadArguments, parse);
  const std::vector<std::string> none;
  for (const char* nowhere : {static_cast<const char*>(nullptr), ""}) {
    EXPECT_THROW(parse(none, nowhere), std::invalid_argument);
  }
  EXPECT_EQ(parse(none, "/project"), "/project/maps/" + folder + "/figures.json");
}

}  // namespace cmap::profiles

#endif  // CMAP_MAPS_PROFILES_BAD_ARGUMENTS_H_
