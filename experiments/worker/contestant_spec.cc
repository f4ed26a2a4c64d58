// SPDX-License-Identifier: Apache-2.0
#include "experiments/worker/contestant_spec.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstddef>
#include <iterator>
#include <utility>

#include "experiments/worker/errors.h"

namespace cmap::experiments {
namespace {

// What may follow an @.
constexpr std::pair<std::string_view, bool ContestantSpec::*> kModes[] = {
    {"batch", &ContestantSpec::batch},
    {"load_batch", &ContestantSpec::load_batch},
    {"reserve", &ContestantSpec::reserve},
    {"direct", &ContestantSpec::direct},
};

bool IsName(std::string_view text) {
  return !text.empty() && std::isalpha(static_cast<unsigned char>(text[0])) &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isalnum(c) || c == '_';
         });
}

[[noreturn]] void Malformed(std::string_view text, const std::string& why) {
  throw InputError("contestant \"" + std::string(text) + "\": " + why +
                   "; write name[:tunable=value,...][@batch][@load_batch][@reserve][@direct], "
                   "such as sharded_map:shards=64");
}

}  // namespace

ContestantSpec ContestantSpec::Parse(std::string_view text) {
  ContestantSpec spec;
  spec.text = text;
  std::string_view rest = text;
  for (std::size_t at; (at = rest.rfind('@')) != std::string_view::npos;
       rest = rest.substr(0, at)) {
    const std::string_view mode = rest.substr(at + 1);
    const auto known = std::ranges::find(kModes, mode, [](const auto& m) { return m.first; });
    if (known == std::end(kModes)) {
      Malformed(text, "\"@" + std::string(mode) +
                          "\" is not a mode, only @batch, @load_batch, @reserve and @direct are");
    }
    bool& set = spec.*known->second;
    if (set) Malformed(text, "@" + std::string(mode) + " is given twice");
    set = true;
  }
  const std::size_t colon = rest.find(':');
  spec.name = rest.substr(0, colon);
  if (!IsName(spec.name)) {
    Malformed(text, "\"" + spec.name + "\" is not a strategy name");
  }
  if (colon == std::string_view::npos) return spec;
  rest = rest.substr(colon + 1);
  while (true) {
    const std::size_t comma = rest.find(',');
    const std::string_view setting = rest.substr(0, comma);
    const std::size_t equals = setting.find('=');
    if (equals == std::string_view::npos || !IsName(setting.substr(0, equals))) {
      Malformed(text,
                "\"" + std::string(setting) + "\" is not tunable=value");
    }
    const std::string name(setting.substr(0, equals));
    const std::string_view number = setting.substr(equals + 1);
    std::int64_t value = 0;
    const auto [end, error] =
        std::from_chars(number.data(), number.data() + number.size(), value);
    if (error != std::errc() || end != number.data() + number.size()) {
      Malformed(text, "\"" + std::string(number) + "\" is not an integer");
    }
    for (const auto& [known, unused] : spec.tunables) {
      if (known == name) Malformed(text, name + " is given twice");
    }
    spec.tunables.emplace_back(name, value);
    if (comma == std::string_view::npos) return spec;
    rest = rest.substr(comma + 1);
  }
}

std::string Nearest(std::string_view word,
                    const std::vector<std::string>& candidates) {
  std::string nearest;
  std::size_t least = word.size() / 3 + 1;
  for (const std::string& candidate : candidates) {
    // Levenshtein distance, one row at a time.
    std::vector<std::size_t> row(candidate.size() + 1);
    for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= word.size(); ++i) {
      std::size_t diagonal = row[0];
      row[0] = i;
      for (std::size_t j = 1; j <= candidate.size(); ++j) {
        const std::size_t substituted =
            diagonal + (word[i - 1] == candidate[j - 1] ? 0 : 1);
        diagonal = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
      }
    }
    if (row.back() < least) {
      least = row.back();
      nearest = candidate;
    }
  }
  return nearest;
}

std::string Join(const std::vector<std::string>& words) {
  std::string joined;
  for (const std::string& word : words) {
    if (!joined.empty()) joined += ", ";
    joined += word;
  }
  return joined;
}

}  // namespace cmap::experiments
