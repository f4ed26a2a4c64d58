// SPDX-License-Identifier: Apache-2.0
//
// Writes maps/blocking/figures.json: see README.md.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>

#include "maps/blocking/measure.h"
#include "maps/blocking/subject.h"

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

struct Arguments {
  std::set<std::string> strategies;  // empty: all
  double seconds = 5;
  std::string out;
};

int Refuse(const std::string& why) {
  std::cerr << "profile: " << why << "\n" << kUsage;
  return 2;
}

// The exit code, or -1 to go on.
int Parse(int argc, char** argv, Arguments& arguments) {
  constexpr std::string_view kOut = "--out=", kStrategies = "--strategies=", kSeconds = "--seconds=";
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--help") {
      std::cout << kUsage;
      return 0;
    }
    if (argument.starts_with(kOut)) {
      arguments.out = argument.substr(kOut.size());
    } else if (argument.starts_with(kSeconds)) {
      const std::string_view text = argument.substr(kSeconds.size());
      const auto [end, error] =
          std::from_chars(text.data(), text.data() + text.size(), arguments.seconds);
      if (error != std::errc() || end != text.data() + text.size() || !(arguments.seconds > 0) ||
          arguments.seconds > 3600) {
        return Refuse("--seconds takes a number above 0 and at most 3600, not '" +
                      std::string(text) + "'");
      }
    } else if (argument.starts_with(kStrategies)) {
      std::istringstream names{std::string(argument.substr(kStrategies.size()))};
      for (std::string name; std::getline(names, name, ',');) {
        const auto named = [&](const Subject& subject) { return subject.name == name; };
        if (std::ranges::none_of(Subjects(), named)) {
          return Refuse("no strategy is named '" + name + "'; maps/strategies.bzl lists them");
        }
        arguments.strategies.insert(name);
      }
      if (arguments.strategies.empty()) return Refuse("--strategies names none");
    } else {
      return Refuse("unknown argument '" + std::string(argument) + "'");
    }
  }
  if (arguments.out.empty()) {
    const char* workspace = std::getenv("BUILD_WORKSPACE_DIRECTORY");
    if (workspace == nullptr) {
      return Refuse("started by itself it needs --out=FILE; `tools/bazel run "
                    "//maps/blocking:profile` knows where the project is");
    }
    arguments.out = std::string(workspace) + "/maps/blocking/figures.json";
  }
  return -1;
}

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
  if (!arguments.strategies.empty()) {
    std::ifstream before(arguments.out);
    if (before) strategies = Json::parse(before).at("strategies");
  }
  for (const Subject& subject : Subjects()) {
    if (!arguments.strategies.empty() && !arguments.strategies.contains(subject.name)) continue;
    std::fprintf(stderr, "%s\n", subject.name.c_str());
    strategies[subject.name] = Profile(subject, others, arguments.seconds);
  }
  Json sorted = Json::object();
  for (const Subject& subject : Subjects()) {  // those that are no more are left out
    if (strategies.contains(subject.name)) sorted[subject.name] = strategies[subject.name];
  }
  const Json figures = {{"schema", 1},
                        {"generated_by", "tools/bazel run //maps/blocking:profile"},
                        {"cpus", std::thread::hardware_concurrency()},
                        {"slow_ms", kSlowSeconds * 1000},
                        {"wait_seconds", arguments.seconds},
                        {"others", others},
                        {"machine", Waits(nullptr, others, arguments.seconds)},
                        {"strategies", sorted}};
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
  cmap::blocking::Arguments arguments;
  const int code = cmap::blocking::Parse(argc, argv, arguments);
  return code >= 0 ? code : cmap::blocking::Run(arguments);
}
