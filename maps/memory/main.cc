// SPDX-License-Identifier: Apache-2.0
//
// Writes maps/memory/figures.json: see README.md.
#include <gnu/libc-version.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "maps/memory/arguments.h"
#include "maps/memory/heap.h"
#include "maps/memory/measure.h"
#include "maps/memory/subject.h"
#include "maps/profiles/kept.h"

namespace cmap::memory {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kUsage =
    "usage: profile [--large] [--strategies=a,b] [--out=FILE]\n"
    "  Measures bytes per entry of every strategy at 1e3 to 1e6 entries, u64 to u64,\n"
    "  and writes maps/memory/figures.json (or FILE; - is the terminal).\n"
    "  --large       1e7 entries as well: needs 4 GiB\n"
    "  --strategies  these only; the file keeps the entries of the others\n";

// When the kernel gives huge pages to mappings: the word in brackets of "always [madvise] never".
std::string HugePages() {
  std::ifstream file("/sys/kernel/mm/transparent_hugepage/enabled");
  for (std::string word; file >> word;) {
    if (word.front() == '[') return word.substr(1, word.size() - 2);
  }
  return "never";  // a kernel that has none
}

template <class T>
Json OrNull(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json Shown(const Footprint& f) {
  return {{"entries", f.entries},
          {"size", OrNull(f.size)},
          {"in_batches", f.in_batches},
          {"empty", f.empty},
          {"filled", f.filled},
          {"fill_peak", f.fill_peak},
          {"settled", f.settled},
          {"memory_bytes", OrNull(f.memory_bytes)},
          {"overwrite_peak", f.overwrite_peak},
          {"overwritten", f.overwritten},
          {"cycled", OrNull(f.cycled)},
          {"churned", OrNull(f.churned)},
          {"deleted", f.in_batches ? Json(nullptr) : Json(f.deleted)},
          {"leaked", f.leaked}};
}

Json Profile(const Subject& subject, const std::vector<Number>& sizes) {
  Json profile = {{"peer", subject.peer}};
  if (const std::string_view why = WhyNot(subject); !why.empty()) {
    profile["excluded"] = why;
    return profile;
  }
  Json& footprints = profile["footprints"] = Json::array();
  for (const Number entries : sizes) {
    const std::optional<Footprint> footprint = Measure(subject, entries, true);
    if (!footprint) {
      std::fprintf(stderr, "%-28s %9llu entries: left out, a store takes more than %.0f us\n",
                   subject.name.c_str(), static_cast<unsigned long long>(entries),
                   1e6 * kSlowStoreSeconds);
      break;  // with more entries it would be slower still
    }
    std::fprintf(stderr, "%-28s %9llu entries: %7.1f bytes each, %7.1f at most\n",
                 subject.name.c_str(), static_cast<unsigned long long>(entries),
                 static_cast<double>(footprint->settled) / static_cast<double>(entries),
                 static_cast<double>(footprint->fill_peak) / static_cast<double>(entries));
    footprints.push_back(Shown(*footprint));
  }
  return profile;
}

// One footprint a line.
std::string Text(const Json& figures) {
  std::ostringstream text;
  text << "{\n";
  for (const auto& [name, value] : figures.items()) {
    if (name != "strategies") text << Json(name) << ": " << value << ",\n";
  }
  text << "\"strategies\": {";
  std::string_view separator = "\n";
  for (const auto& [name, profile] : figures.at("strategies").items()) {
    text << std::exchange(separator, ",\n") << Json(name) << ": {\"peer\": " << profile.at("peer");
    if (profile.contains("excluded")) {
      text << ", \"excluded\": " << profile.at("excluded") << "}";
      continue;
    }
    text << ", \"footprints\": [";
    std::string_view comma = "\n";
    for (const Json& footprint : profile.at("footprints")) {
      text << std::exchange(comma, ",\n") << "  " << footprint;
    }
    text << "]}";
  }
  text << "\n}\n}\n";
  return text.str();
}

int Run(const Arguments& arguments) {
  Json strategies = Json::object();
  if (!arguments.strategies.empty() && arguments.out != "-") {
    strategies = profiles::KeptStrategies(arguments.out);
  }
  for (const Subject& subject : Subjects()) {
    if (!arguments.strategies.empty() && !arguments.strategies.contains(subject.name)) continue;
    strategies[subject.name] = Profile(subject, arguments.sizes);
  }
  const std::string text = Text({{"schema", 1},
                                 {"generated_by", "tools/bazel run //maps/memory:profile"},
                                 {"allocator", std::string("glibc ") + gnu_get_libc_version()},
                                 {"transparent_hugepage", HugePages()},
                                 {"compiler", __VERSION__},
                                 {"key", "u64"},
                                 {"value", "u64"},
                                 {"strategies", profiles::InOrder(strategies, Subjects())}});
  if (arguments.out == "-") {
    std::cout << text;
    return 0;
  }
  std::ofstream file(arguments.out);
  file << text;
  if (!file.flush()) {
    std::cerr << "profile: cannot write " << arguments.out << "\n";
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace cmap::memory

int main(int argc, char** argv) {
  const std::vector<std::string> given(argv + 1, argv + argc);
  if (std::ranges::count(given, "--help") != 0) {
    std::cout << cmap::memory::kUsage;
    return 0;
  }
  try {
    const auto arguments =
        cmap::memory::ParseArguments(given, std::getenv("BUILD_WORKSPACE_DIRECTORY"));
    if (!cmap::memory::HeapIsCounted()) {
      throw std::invalid_argument("a sanitizer has replaced the allocator; build without one");
    }
    return cmap::memory::Run(arguments);
  } catch (const std::invalid_argument& why) {
    std::cerr << "profile: " << why.what() << "\n";
    return 2;
  }
}
