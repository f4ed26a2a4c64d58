// SPDX-License-Identifier: Apache-2.0
//
// The part of `advise` that reads traces: prints their figures as JSON.
//
//   profile [--sample=R] [--max-keys=N] [--format=NAME] [--columns=...] [--ignore-times]
//           [--normalised=FILE] TRACE...
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/trace/key_hash.h"
#include "tools/trace/normalised.h"
#include "tools/trace/profile.h"
#include "tools/trace/reader.h"

namespace cmap::trace {
namespace {

struct Arguments {
  ReadOptions read;
  Profile::Options profile;
  std::string normalised;
  std::vector<std::string> paths;
};

template <class Number>
Number ParseFlag(std::string_view name, std::string_view text, Number least, Number most) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || !(number > least) ||
      !(number <= most)) {
    throw TraceError(std::string(name) + '=' + std::string(text) +
                     " is out of range; it is a number above " + std::to_string(least) +
                     " and up to " + std::to_string(most));
  }
  return number;
}

Arguments ParseArguments(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const auto value = [&](std::string_view name) -> std::optional<std::string_view> {
      if (!argument.starts_with(name) || argument.size() <= name.size() ||
          argument[name.size()] != '=') {
        return std::nullopt;
      }
      return argument.substr(name.size() + 1);
    };
    if (const auto sample = value("--sample")) {
      arguments.profile.sample = ParseFlag("--sample", *sample, 0.0, 1.0);
    } else if (const auto keys = value("--max-keys")) {
      arguments.profile.max_keys =
          ParseFlag<std::uint64_t>("--max-keys", *keys, 1000, std::uint64_t{1} << 31);
    } else if (const auto format = value("--format")) {
      arguments.read.format = *format;
    } else if (const auto columns = value("--columns")) {
      arguments.read.columns = *columns;
    } else if (const auto file = value("--normalised")) {
      arguments.normalised = *file;
    } else if (argument == "--ignore-times") {
      arguments.read.ignore_times = true;
    } else if (argument.starts_with("--")) {
      throw TraceError(std::string(argument) + " is not an option; see tools/trace/README.md");
    } else {
      arguments.paths.emplace_back(argument);
    }
  }
  return arguments;
}

void Run(const Arguments& arguments) {
  TraceReader reader(arguments.paths, arguments.read);
  Profile profile(arguments.profile);
  std::optional<NormalisedWriter> writer;
  if (!arguments.normalised.empty()) writer.emplace(arguments.normalised);
  // The compact form holds the keys that --sample chooses, also when the profile follows fewer.
  const double sample = arguments.profile.sample;
  const std::uint64_t threshold = ThresholdOf(sample);
  Record record;
  while (reader.Next(record)) {
    const std::uint64_t hash = KeyHash(record.key);
    profile.Add(record, hash);
    if (writer && hash <= threshold) writer->Add(record, hash);
  }
  if (writer) writer->Finish(reader.description());
  std::cout << profile.ToJson(reader.description(), reader.recording()).dump(1) << '\n';
}

}  // namespace
}  // namespace cmap::trace

int main(int argc, char** argv) {
  try {
    cmap::trace::Run(cmap::trace::ParseArguments(argc, argv));
    if (!std::cout.flush()) throw cmap::trace::TraceError("standard output cannot be written");
  } catch (const std::bad_alloc&) {
    std::fputs("there is not enough memory; follow fewer keys: --max-keys 1000000\n", stderr);
    return EXIT_FAILURE;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
