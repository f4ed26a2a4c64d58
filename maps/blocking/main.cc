// SPDX-License-Identifier: Apache-2.0
//
// Writes maps/blocking/figures.json: see README.md.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "maps/blocking/arguments.h"
#include "maps/blocking/measure.h"
#include "maps/blocking/subject.h"
#include "maps/profiles/kept.h"

namespace cmap::blocking {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kUsage =
    "usage: profile [--strategies=a,b] [--seconds=S] [--out=FILE]\n"
    "  Measures whom slow functions of the user hold up in every strategy, and how long one\n"
    "  thread waits among others, and writes maps/blocking/figures.json (or FILE). Run it\n"
    "  alone on the machine.\n"
    "  --strategies  these only; the file keeps the entries of the others\n"
    "  --seconds     for each of the two waits (default 5)\n";

std::string_view Name(Held held) { return kHeldNames[static_cast<std::size_t>(held)]; }

double Rounded(double milliseconds) { return std::round(milliseconds * 1000) / 1000; }

Json Shown(const Wait& wait) {
  return {{"longest_ms", Rounded(wait.longest_ms)},
          {"operations", wait.operations},
          {"others", wait.others}};
}

Json Waits(const Subject* subject, int others, double seconds) {
  return {{"writer", Shown(LoneWriter(subject, others, seconds))},
          {"reader", Shown(LoneReader(subject, others, seconds))}};
}

Json Profile(const Subject& subject, int others, double seconds) {
  if (const std::string_view why = WhyNot(subject); !why.empty()) return {{"excluded", why}};
  Json held = Json::object();
  for (std::size_t i = 0; i < kSlowPartNames.size(); ++i) {
    const auto found = Measure(subject, static_cast<SlowPart>(i));
    if (!found) continue;
    held[std::string(kSlowPartNames[i])] = {{"loads", Name(found->loads)},
                                            {"loads_behind_store", Name(found->loads_behind_store)},
                                            {"stores", Name(found->stores)}};
  }
  return {{"keys_and_values", subject.slow_keys     ? "of the user"
                              : subject.slow_values ? "integers, values of the user"
                                                    : "integers"},
          {"holds_up", held},
          {"waits", Waits(&subject, others, seconds)}};
}

int Run(const Arguments& arguments) {
  // So many that they compete on any machine, and one a processor where there are more.
  const int others = std::max(3, static_cast<int>(std::thread::hardware_concurrency()) - 1);
  Json strategies = Json::object();
  if (!arguments.strategies.empty()) strategies = profiles::KeptStrategies(arguments.out);
  for (const Subject& subject : Subjects()) {
    if (!arguments.strategies.empty() && !arguments.strategies.contains(subject.name)) continue;
    std::fprintf(stderr, "%s\n", subject.name.c_str());
    strategies[subject.name] = Profile(subject, others, arguments.seconds);
  }
  const Json figures = {{"schema", 1},
                        {"generated_by", "tools/bazel run //maps/blocking:profile"},
                        {"cpus", std::thread::hardware_concurrency()},
                        {"slow_ms", kSlowSeconds * 1000},
                        {"wait_seconds", arguments.seconds},
                        {"others", others},
                        {"machine", Waits(nullptr, others, arguments.seconds)},
                        {"strategies", profiles::InOrder(strategies, Subjects())}};
  std::ofstream file(arguments.out);
  file << figures.dump(1) << "\n";
  if (!file.flush()) {
    std::cerr << "profile: cannot write " << arguments.out << "\n";
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace cmap::blocking

int main(int argc, char** argv) {
  const std::vector<std::string> given(argv + 1, argv + argc);
  if (std::ranges::count(given, "--help") != 0) {
    std::cout << cmap::blocking::kUsage;
    return 0;
  }
  try {
    return cmap::blocking::Run(
        cmap::blocking::ParseArguments(given, std::getenv("BUILD_WORKSPACE_DIRECTORY")));
  } catch (const std::invalid_argument& why) {
    std::cerr << "profile: " << why.what() << "\n";
    return 2;
  }
}
