// SPDX-License-Identifier: Apache-2.0
//
// Writes maps/memory/figures.json: see README.md.
#include <gnu/libc-version.h>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "maps/memory/heap.h"
#include "maps/memory/measure.h"
#include "maps/memory/subject.h"

namespace cmap::memory {
namespace {

constexpr std::string_view kUsage =
    "usage: profile [--large] [--strategies=a,b] [--out=FILE]\n"
    "  Measures bytes per entry of every strategy at 1e3 to 1e6 entries, u64 to u64,\n"
    "  and writes maps/memory/figures.json (or FILE; - is the terminal).\n"
    "  --large  1e7 entries as well: needs 4 GiB\n";

struct Arguments {
  std::vector<Number> sizes = {1'000, 10'000, 100'000, 1'000'000};
  std::vector<std::string> strategies;  // empty: all
  std::string out;
  std::string given;  // those that change the figures, as they were written
};

bool Parse(int argc, char** argv, Arguments& arguments) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (!argument.starts_with("--out=")) arguments.given.append(" ").append(argument);
    constexpr std::string_view kOut = "--out=", kStrategies = "--strategies=";
    if (argument == "--large") {
      arguments.sizes.push_back(10'000'000);
    } else if (argument.starts_with(kOut)) {
      arguments.out = argument.substr(kOut.size());
    } else if (argument.starts_with(kStrategies)) {
      std::istringstream names{std::string(argument.substr(kStrategies.size()))};
      for (std::string name; std::getline(names, name, ',');) {
        bool known = false;
        for (const Subject& subject : Subjects()) known |= subject.name == name;
        if (!known) {
          std::cerr << "profile: no strategy is named '" << name
                    << "'; maps/strategies.bzl lists them\n";
          return false;
        }
        arguments.strategies.push_back(name);
      }
    } else if (argument == "--help") {
      std::cout << kUsage;
      std::exit(0);
    } else {
      std::cerr << "profile: unknown argument '" << argument << "'\n" << kUsage;
      return false;
    }
  }
  if (arguments.out.empty()) {
    const char* workspace = std::getenv("BUILD_WORKSPACE_DIRECTORY");
    if (workspace == nullptr) {
      std::cerr << "profile: started by itself it needs --out=FILE; `tools/bazel run "
                   "//maps/memory:profile` knows where the project is\n";
      return false;
    }
    arguments.out = std::string(workspace) + "/maps/memory/figures.json";
  }
  return true;
}

// Names and reasons here hold no characters that JSON would escape but quotes.
std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

// When the kernel gives huge pages to mappings: the word in brackets of "always [madvise] never".
std::string HugePages() {
  std::ifstream file("/sys/kernel/mm/transparent_hugepage/enabled");
  for (std::string word; file >> word;) {
    if (word.front() == '[') return word.substr(1, word.size() - 2);
  }
  return "never";  // a kernel that has none
}

template <class T>
std::string OrNull(const std::optional<T>& value) {
  return value ? std::to_string(*value) : "null";
}

void Print(std::ostream& out, const Footprint& f) {
  out << "{\"entries\": " << f.entries << ", \"size\": " << OrNull(f.size)
      << ", \"in_batches\": " << (f.in_batches ? "true" : "false") << ", \"empty\": " << f.empty
      << ", \"filled\": " << f.filled << ", \"fill_peak\": " << f.fill_peak
      << ", \"settled\": " << f.settled << ", \"memory_bytes\": " << OrNull(f.memory_bytes)
      << ", \"overwrite_peak\": " << f.overwrite_peak << ", \"overwritten\": " << f.overwritten
      << ", \"cycled\": " << OrNull(f.cycled) << ", \"churned\": " << OrNull(f.churned)
      << ", \"deleted\": " << (f.in_batches ? "null" : std::to_string(f.deleted))
      << ", \"leaked\": " << f.leaked << "}";
}

bool Wanted(const Arguments& arguments, const std::string& name) {
  if (arguments.strategies.empty()) return true;
  for (const std::string& wanted : arguments.strategies) {
    if (wanted == name) return true;
  }
  return false;
}

int Run(const Arguments& arguments) {
  std::ostringstream text;
  text << "{\n  \"schema\": 1,\n"
       << "  \"generated_by\": "
       << Quoted("tools/bazel run //maps/memory:profile" +
                 (arguments.given.empty() ? "" : " --" + arguments.given))
       << ",\n"
       << "  \"allocator\": " << Quoted(std::string("glibc ") + gnu_get_libc_version())
       << ",\n  \"transparent_hugepage\": " << Quoted(HugePages())
       << ",\n  \"compiler\": " << Quoted(__VERSION__)
       << ",\n  \"key\": \"u64\",\n  \"value\": \"u64\",\n  \"strategies\": {";
  const char* separator = "\n";
  for (const Subject& subject : Subjects()) {
    if (!Wanted(arguments, subject.name)) continue;
    text << separator << "    " << Quoted(subject.name)
         << ": {\"peer\": " << (subject.peer ? "true" : "false");
    separator = ",\n";
    if (const std::string_view why = WhyNot(subject); !why.empty()) {
      text << ", \"excluded\": " << Quoted(why) << "}";
      continue;
    }
    text << ", \"footprints\": [";
    std::string_view comma;
    for (const Number entries : arguments.sizes) {
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
      text << std::exchange(comma, ",") << "\n      ";
      Print(text, *footprint);
    }
    text << "]}";
  }
  text << "\n  }\n}\n";
  if (arguments.out == "-") {
    std::cout << text.str();
    return 0;
  }
  std::ofstream file(arguments.out);
  file << text.str();
  if (!file.flush()) {
    std::cerr << "profile: cannot write " << arguments.out << "\n";
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace cmap::memory

int main(int argc, char** argv) {
  cmap::memory::Arguments arguments;
  if (!cmap::memory::Parse(argc, argv, arguments)) return 2;
  if (!cmap::memory::HeapIsCounted()) {
    std::cerr << "profile: a sanitizer has replaced the allocator; build without one\n";
    return 2;
  }
  return cmap::memory::Run(arguments);
}
