// SPDX-License-Identifier: Apache-2.0
#include "experiments/worker/catalogue.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "experiments/worker/errors.h"

namespace cmap::experiments {
namespace {

using nlohmann::json;

constexpr std::string_view kTunable = "tunable:";
constexpr std::string_view kEveryStrategy = "*";
// As `rest` of an axis: all other operations of the mix.
constexpr std::string_view kInProportion = "*";

[[noreturn]] void Wrong(const std::string& question, const std::string& what) {
  throw InputError("catalogue question \"" + question + "\": " + what +
                   "; mend experiments/catalogue.bzl");
}

// A required field; `why` is part of the message.
const json& Field(const json& object, const char* field,
                  const std::string& question) {
  if (!object.is_object() || !object.contains(field)) {
    Wrong(question, "\"" + std::string(field) + "\" is missing");
  }
  return object[field];
}

std::vector<std::string> Strings(const json& list, const char* field,
                                 const std::string& question) {
  std::vector<std::string> strings;
  if (!list.is_array()) Wrong(question, std::string(field) + " is not a list");
  for (const json& item : list) {
    if (!item.is_string()) {
      Wrong(question, std::string(field) + " holds " + item.dump() +
                          ", which is not a string");
    }
    strings.push_back(item.get<std::string>());
  }
  return strings;
}

std::vector<double> Numbers(const json& list, const char* field,
                            const std::string& question) {
  std::vector<double> numbers;
  if (!list.is_array()) Wrong(question, std::string(field) + " is not a list");
  for (const json& item : list) {
    if (!item.is_number()) {
      Wrong(question, std::string(field) + " holds " + item.dump() +
                          ", which is not a number");
    }
    numbers.push_back(item.get<double>());
  }
  return numbers;
}

std::string Underscored(std::string text) {
  std::replace(text.begin(), text.end(), ' ', '_');
  return text;
}

std::string Filled(std::string contestant, double value) {
  const std::size_t at = contestant.find("{}");
  if (at != std::string::npos) {
    contestant.replace(at, 2, ShortNumber(std::trunc(value)));
  }
  return contestant;
}

// One entry of the catalogue while it is expanded.
class Question {
 public:
  Question(const json& entry, const Cores& machine)
      : entry_(entry),
        machine_(machine),
        name_(entry.is_object() ? entry.value("name", "?") : "?"),
        kind_(Field(entry, "kind", name_).get<std::string>()),
        regimes_(Strings(Field(entry, "regimes", name_), "regimes", name_)) {
    for (const char* list : {"baselines", "contestants"}) {
      for (const std::string& spec :
           Strings(Field(entry, list, name_), list, name_)) {
        if (spec != kEveryStrategy &&
            std::find(contestants_.begin(), contestants_.end(), spec) ==
                contestants_.end()) {
          contestants_.push_back(spec);
        }
      }
    }
    if (entry.contains("excludes")) {
      for (const json& exclusion : entry["excludes"]) {
        excluded_.push_back(
            Field(exclusion, "strategy", name_).get<std::string>());
      }
    }
  }

  void Expand(std::vector<Cell>& cells) const {
    if (kind_ == "cells") {
      for (const json& cell : Field(entry_, "cells", name_)) {
        // Pages are a process's, and benchmarks share one.
        if (cell.contains("pages")) continue;
        const std::size_t first = cells.size();
        Add(cells, "cell:" + Field(cell, "name", name_).get<std::string>(),
            Field(cell, "workload", name_), Threads(), nullptr, &cell);
        const bool called = cell.value("call", "inlined") == "called";
        for (std::size_t i = first; i < cells.size(); ++i) cells[i].called = called;
      }
      return;
    }
    if (kind_ != "sweep" && kind_ != "discrete") {
      Wrong(name_, "kind \"" + kind_ +
                       "\" is not sweep, discrete or cells");
    }
    const json& axis = Field(entry_, "axis", name_);
    const std::string field = Field(axis, "field", name_).get<std::string>();
    const std::string label =
        Underscored(Field(axis, "name", name_).get<std::string>()) + ":";
    const json& workload = Field(entry_, "workload", name_);
    const json& values = Field(axis, "values", name_);
    if (field == "threads") {
      for (const int count : Resolved(values, "axis.values")) {
        Add(cells, label + std::to_string(count), workload, {count}, nullptr);
      }
      return;
    }
    const bool tunable = field.starts_with(kTunable);
    for (const double value : Numbers(values, "axis.values", name_)) {
      json changed = workload;
      if (!tunable) {
        try {
          changed = AtAxisValue(workload, field, axis.value("rest", ""), value);
        } catch (const InputError& error) {
          Wrong(name_, error.what());
        }
      }
      Add(cells, label + ShortNumber(value), changed, Threads(),
          tunable ? &value : nullptr);
    }
  }

 private:
  std::vector<int> Threads() const {
    return Resolved(Field(entry_, "threads", name_), "threads");
  }

  // Words for numbers of threads, as numbers.
  std::vector<int> Resolved(const json& words, const char* field) const {
    try {
      return ResolveThreads(Strings(words, field, name_), machine_);
    } catch (const InputError& error) {
      Wrong(name_, error.what());
    }
  }

  // Whether a named cell's list, if it has one, holds the name.
  bool Listed(const json* named, const char* list, const std::string& name) const {
    if (named == nullptr || !named->contains(list)) return true;
    const std::vector<std::string> names = Strings((*named)[list], list, name_);
    return std::find(names.begin(), names.end(), name) != names.end();
  }

  void Add(std::vector<Cell>& cells, const std::string& label, json workload,
           const std::vector<int>& threads, const double* tunable, const json* named = nullptr) const {
    if (workload.contains("scenario")) return;  // these are for visits alone
    for (const std::string& regime : regimes_) {
      if (!Listed(named, "regimes", regime)) continue;
      workload["regime"] = regime;
      Cell cell;
      cell.question = name_;
      cell.label = label;
      cell.regime = regimes_.size() > 1 ? regime : "";
      cell.excluded = excluded_;
      cell.tunable_axis = tunable != nullptr;
      try {
        cell.workload = workloads::Spec::FromJson(workload);
      } catch (const workloads::SpecError& error) {
        Wrong(name_, label + ": " + error.what());
      }
      for (const std::string& spec : contestants_) {
        if (!Listed(named, "only", spec)) continue;
        cell.contestants.push_back(tunable ? Filled(spec, *tunable) : spec);
      }
      for (const int count : threads) {
        cell.threads = count;
        cells.push_back(cell);
      }
    }
  }

  const json& entry_;
  const Cores& machine_;
  std::string name_;
  std::string kind_;
  std::vector<std::string> regimes_;
  std::vector<std::string> contestants_;
  std::vector<std::string> excluded_;
};

}  // namespace

std::string ShortNumber(double value) {
  char text[40];
  // Whole numbers in full, 100000 rather than 1e+05.
  const bool whole = value == std::trunc(value) && std::abs(value) < 1e15;
  const auto result =
      whole ? std::to_chars(text, text + sizeof text,
                            static_cast<long long>(value))
            : std::to_chars(text, text + sizeof text, value);
  return {text, result.ptr};
}

json AtAxisValue(const json& workload, const std::string& field,
                 const std::string& rest, double value) {
  json changed = workload;
  if (field == "population") {
    changed["population"] = std::llround(value);
  } else if (field.starts_with("keys.")) {
    changed["keys"][field.substr(5)] = value;
  } else if (field.starts_with("mix.")) {
    if (rest.empty()) {
      throw InputError("axis field \"" + field +
                       "\" needs \"rest\", the operation that gets the "
                       "remainder");
    }
    // Six decimals, so that 100 - 95.7 is 4.3; more where several must sum up.
    const auto rounded = [](double share, double unit) {
      return std::round(share * unit) / unit;
    };
    const std::string op = field.substr(4);
    changed["mix"] = json::object();
    if (value > 0) changed["mix"][op] = value;
    if (rest == kInProportion) {
      double sum = 0;
      for (const auto& [name, share] : workload["mix"].items()) {
        if (name != op) sum += share.get<double>();
      }
      for (const auto& [name, share] : workload["mix"].items()) {
        if (name == op || value >= 100) continue;
        changed["mix"][name] = rounded((100 - value) * share.get<double>() / sum, 1e9);
      }
    } else if (value < 100) {
      changed["mix"][rest] = rounded(100 - value, 1e6);
    }
  } else if (field == "ops" || field == "key_bytes" || field == "value_bytes") {
    changed[field] = std::llround(value);
  } else if (field == "prefill" || field == "miss") {
    changed[field] = value;
  } else {
    throw InputError("axis field \"" + field + "\" is in no workload");
  }
  return changed;
}

double Catalogue::SliceMs(int threads, bool oversubscribed) const {
  if (oversubscribed) return slice_ms_oversubscribed;
  const auto doublings = static_cast<std::size_t>(
      std::bit_width(static_cast<unsigned>(threads)) - 1);
  return slice_ms[std::min(doublings, slice_ms.size() - 1)];
}

Catalogue Catalogue::FromJson(const json& object, const Cores& machine) {
  if (!object.is_object() || !object.contains("questions") ||
      !object["questions"].is_array()) {
    throw InputError("the catalogue has no list \"questions\"; build it with "
                     "bazel build //experiments:catalogue");
  }
  Catalogue catalogue;
  try {
    for (const json& entry : object["questions"]) {
      Question(entry, machine).Expand(catalogue.cells);
    }
    const json slice_ms = object.value("/profiles/default/slice_ms"_json_pointer,
                                       json::object());
    catalogue.slice_ms = slice_ms.value("doublings", catalogue.slice_ms);
    if (catalogue.slice_ms.empty()) {
      throw InputError("profile default has no slice_ms.doublings; mend "
                       "experiments/catalogue.bzl");
    }
    catalogue.slice_ms_oversubscribed = slice_ms.value(
        "oversubscribed", catalogue.slice_ms_oversubscribed);
  } catch (const json::exception& error) {
    // A field of the wrong type that no check above names.
    throw InputError("the catalogue is malformed (" +
                     std::string(error.what()) +
                     "); mend experiments/catalogue.bzl");
  }
  return catalogue;
}

Catalogue Catalogue::Read(const std::string& path, const Cores& machine) {
  std::ifstream file(path);
  if (!file) {
    throw InputError("the catalogue \"" + path +
                     "\" cannot be read; name one with --catalogue=FILE "
                     "(bazel build //experiments:catalogue makes it)");
  }
  const json object = json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (object.is_discarded()) {
    throw InputError("the catalogue \"" + path +
                     "\" is not JSON; rebuild it with bazel build "
                     "//experiments:catalogue");
  }
  return FromJson(object, machine);
}

}  // namespace cmap::experiments
