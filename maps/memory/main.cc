// SPDX-License-Identifier: Apache-2.0
//
// Writes maps/memory/figures.json: see README.md.
#include <gnu/libc-version.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
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

namespace cmap::memory {
namespace {

constexpr std::string_view kUsage =
    "usage: profile [--large] [--strategies=a,b] [--out=FILE]\n"
    "  Measures bytes per entry of every strategy at 1e3 to 1e6 entries, u64 to u64,\n"
    "  and writes maps/memory/figures.json (or FILE; - is the terminal).\n"
    "  --large  1e7 entries as well: needs 4 GiB\n";

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
