// SPDX-License-Identifier: Apache-2.0
#include "experiments/worker/request.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "experiments/worker/errors.h"
#include "experiments/worker/registry.h"
#include "experiments/worker/scenario.h"
#include "workloads/tape.h"

namespace cmap::experiments {
namespace {

using nlohmann::json;

const std::vector<std::string>& Fields() {
  static const auto* fields = new std::vector<std::string>{
      "visit",   "seed",           "contestants", "workload",
      "threads", "slice_ms",       "seconds",     "warmup_seconds",
      "pin",     "oversubscribed", "timed",       "max_blocks",
      "call",    "pages",          "arrivals",    "recording",
      "rounds"};
  return *fields;
}

[[noreturn]] void Wrong(const std::string& field, const std::string& wanted,
                        const json& found) {
  throw InputError("visit field \"" + field + "\" must be " + wanted +
                   ", it is " + found.dump());
}

std::int64_t Integer(const json& object, const char* field, std::int64_t lo,
                     std::int64_t hi, std::int64_t otherwise) {
  if (!object.contains(field)) return otherwise;
  const json& value = object[field];
  const std::string wanted = "an integer from " + std::to_string(lo) + " to " +
                             std::to_string(hi);
  if (!value.is_number_integer()) Wrong(field, wanted, value);
  if (value.is_number_unsigned() &&
      value.get<std::uint64_t>() > static_cast<std::uint64_t>(hi)) {
    Wrong(field, wanted, value);
  }
  const auto number = value.get<std::int64_t>();
  if (number < lo || number > hi) Wrong(field, wanted, value);
  return number;
}

double Positive(const json& object, const char* field, double otherwise,
                bool zero_allowed) {
  if (!object.contains(field)) return otherwise;
  const json& value = object[field];
  const char* wanted = zero_allowed ? "a number of at least 0, at most 86400000"
                                    : "a number above 0, at most 86400000";
  if (!value.is_number()) Wrong(field, wanted, value);
  const double number = value.get<double>();
  if (!(number >= 0) || number > 86'400'000 || (number == 0 && !zero_allowed)) {
    Wrong(field, wanted, value);
  }
  return number;
}

bool Flag(const json& object, const char* field, bool otherwise) {
  if (!object.contains(field)) return otherwise;
  if (!object[field].is_boolean()) {
    Wrong(field, "true or false", object[field]);
  }
  return object[field].get<bool>();
}

// What a visit with arrivals cannot be.
void CheckArrivals(const VisitRequest& request) {
  if (!request.timed) {
    throw InputError("\"arrivals\" are times, and \"timed\" is false; leave one out");
  }
  if (request.oversubscribed) {
    throw InputError("\"arrivals\" need a CPU for every thread, which waits for its next operation by spinning; "
                     "ask fewer threads than \"oversubscribed\" says");
  }
  for (const ContestantSpec& spec : request.contestants) {
    if (spec.batch || spec.load_batch) {
      throw InputError("\"arrivals\" time single operations; leave @batch and @load_batch out of " + spec.text);
    }
  }
  if (std::none_of(request.contestants.begin(), request.contestants.end(),
                   [](const ContestantSpec& spec) { return spec.name == "null"; })) {
    throw InputError("\"arrivals\" need the null map as a control; add \"null\" to the contestants");
  }
  if (request.arrivals.course == ArrivalsSpec::Course::kRungs && request.arrivals.window_ms > 0 && request.threads != 1) {
    throw InputError("rungs with \"window_ms\" tell which operations reclaimed memory, and whose that was is known of one "
                     "thread only; set \"threads\" to 1");
  }
  const bool recorded = request.arrivals.course == ArrivalsSpec::Course::kRecorded;
  if (recorded && request.recording.empty()) {
    throw InputError("arrivals of the course \"recorded\" are those of a recording; add the field \"recording\"");
  }
  if (recorded) return;
  const bool fill = request.arrivals.course == ArrivalsSpec::Course::kFill;
  if (!request.recording.empty()) {
    throw InputError("a \"recording\" has arrivals of its own or none; give them the course \"recorded\"");
  }
  if (fill != request.workload.StartsEmpty() ||
      (fill && request.workload.regime != workloads::Regime::kFixedDistinct)) {
    throw InputError(fill ? "arrivals of the course \"fill\" need the regime fixed_distinct, in which a map starts empty"
                          : "arrivals other than of the course \"fill\" need the regime stationary");
  }
}

// What a visit of rounds cannot be.
void CheckRounds(const VisitRequest& request) {
  if (!request.scenario.name.empty() || request.arrivals.any() || request.workload.StartsEmpty() ||
      request.workload.start != workloads::Start::kSettled) {
    throw InputError("\"rounds\" go on with one map, and this workload has a new one for every slice or block, or "
                     "arrivals; use a tape of the regime stationary with the start settled, or leave \"rounds\" out");
  }
  if (request.max_blocks != 0) {
    throw InputError("\"rounds\" say how many blocks there are, and so does \"max_blocks\"; leave one out");
  }
}

// What a visit with a recording cannot be.
void CheckRecording(const VisitRequest& request) {
  if (!request.scenario.name.empty()) {
    throw InputError("a \"recording\" is a tape and the workload is a scenario; leave one of them out");
  }
  const workloads::Regime regime = request.workload.regime;
  if (regime != workloads::Regime::kGrowth && regime != workloads::Regime::kReserved) {
    throw InputError("a \"recording\" starts from an empty map; give the workload the regime growth or reserved");
  }
}

}  // namespace

VisitRequest VisitRequest::FromJson(const json& object) {
  if (!object.is_object()) {
    throw InputError("a visit is a JSON object, this is " + object.dump());
  }
  for (const auto& [name, unused] : object.items()) {
    bool known = false;
    for (const std::string& field : Fields()) known = known || field == name;
    if (known) continue;
    const std::string nearest = Nearest(name, Fields());
    throw InputError(
        "unknown visit field \"" + name + "\"; " +
        (nearest.empty() ? "" : "did you mean \"" + nearest + "\"? ") +
        "known are " + Join(Fields()));
  }
  VisitRequest request;
  request.visit = Integer(object, "visit", 0, std::int64_t{1} << 53, 0);
  if (object.contains("seed")) {
    if (!object["seed"].is_number_unsigned()) {
      Wrong("seed", "an integer from 0 to 2^64 - 1", object["seed"]);
    }
    request.seed = object["seed"].get<std::uint64_t>();
  }
  if (!object.contains("contestants") || !object["contestants"].is_array() ||
      object["contestants"].empty() || object["contestants"].size() > 16) {
    throw InputError(
        "visit field \"contestants\" must be a list of 1 to 16 contestants, "
        "such as [\"mutex_map\", \"sharded_map:shards=64\"]");
  }
  for (const json& text : object["contestants"]) {
    if (!text.is_string()) Wrong("contestants", "a list of strings", text);
    request.contestants.push_back(
        ContestantSpec::Parse(text.get<std::string>()));
  }
  if (!object.contains("workload")) {
    throw InputError("visit field \"workload\" is missing; give a workload, "
                     "such as {\"keys\": {\"stream\": \"uniform\"}, \"mix\": "
                     "{\"load\": 80, \"store\": 20}, \"population\": 10000, "
                     "\"prefill\": 1.0, \"regime\": \"stationary\"}");
  }
  try {
    const json& workload = object["workload"];
    if (workload.is_object() && workload.contains("scenario")) {
      // The other fields say to others what operations a map must have.
      request.scenario = workloads::ScenarioRequest::FromJson(workload["scenario"]);
      for (const auto& [field, value] : request.scenario.numbers) {
        if (field == "keys") request.workload.population = static_cast<std::uint64_t>(std::max(1.0, value));
      }
    } else {
      request.workload = workloads::Spec::FromJson(workload);
    }
  } catch (const workloads::SpecError& error) {
    throw InputError(error.what());
  }
  request.threads = static_cast<int>(
      Integer(object, "threads", 1, workloads::kMaxThreads, 1));
  request.slice_ms = Positive(object, "slice_ms", request.slice_ms, false);
  request.seconds = Positive(object, "seconds", request.seconds, true);
  request.warmup_seconds =
      Positive(object, "warmup_seconds", request.warmup_seconds, true);
  if (object.contains("pin")) {
    const json& pin = object["pin"];
    if (!pin.is_array()) Wrong("pin", "a list of CPU numbers", pin);
    for (const json& cpu : pin) {
      if (!cpu.is_number_integer() || cpu < 0 || cpu > 1023) {
        Wrong("pin", "a list of CPU numbers from 0 to 1023", pin);
      }
      request.pin.push_back(cpu.get<int>());
    }
  }
  request.oversubscribed = Flag(object, "oversubscribed", false);
  request.timed = Flag(object, "timed", true);
  request.max_blocks =
      static_cast<int>(Integer(object, "max_blocks", 0, 1'000'000, 0));
  if (object.contains("call")) {
    const json& call = object["call"];
    if (call != "inlined" && call != "called") {
      Wrong("call", "\"inlined\" or \"called\"", call);
    }
    for (ContestantSpec& spec : request.contestants) spec.called = call == "called";
  }
  if (object.contains("pages")) {
    const json& pages = object["pages"];
    const auto known = pages.is_string() ? PagesCalled(pages.get<std::string>()) : std::nullopt;
    if (!known) Wrong("pages", "\"asked\", \"huge\" or \"small\"", pages);
    request.pages = *known;
  }
  if (object.contains("recording")) {
    const json& recording = object["recording"];
    if (!recording.is_string() || recording.get<std::string>().empty()) {
      Wrong("recording", "the path of a compact trace", recording);
    }
    request.recording = recording.get<std::string>();
    CheckRecording(request);
  }
  if (object.contains("arrivals")) {
    request.arrivals = ArrivalsSpec::FromJson(object["arrivals"]);
    if (!request.scenario.name.empty()) {
      throw InputError("\"arrivals\" are of tapes and the workload is a scenario; leave one of them out");
    }
    CheckArrivals(request);
  }
  request.rounds = static_cast<int>(Integer(object, "rounds", 0, 10'000, 0));
  if (request.rounds > 0) {
    CheckRounds(request);
    request.max_blocks = request.rounds;
  }
  CheckContestants(request);
  return request;
}

VisitRequest VisitRequest::Parse(std::string_view text) {
  json object;
  try {
    object = json::parse(text);
  } catch (const json::parse_error& error) {
    throw InputError("the visit is not JSON (at byte " +
                     std::to_string(error.byte) +
                     "); pass one object, see --help");
  }
  return FromJson(object);
}

void CheckContestants(const VisitRequest& request) {
  for (const ContestantSpec& spec : request.contestants) {
    if (!request.scenario.name.empty()) {
      CheckScenario(spec, request.scenario, request.threads);
      continue;
    }
    const std::string why = Unfit(spec, request.workload, request.threads);
    if (!why.empty()) throw InputError(why);
  }
}

}  // namespace cmap::experiments
