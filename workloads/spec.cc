// SPDX-License-Identifier: Apache-2.0
#include "workloads/spec.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <span>
#include <string>

namespace cmap::workloads {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 5> kStreams = {
    "uniform", "zipf", "hot_set", "sequential_new", "krr"};
constexpr std::array<std::string_view, 3> kChoices = {"uniform", "zipf",
                                                      "stack_distance"};
constexpr std::array<std::string_view, 2> kSharings = {"private", "shared"};
constexpr std::array<std::string_view, 4> kRegimes = {
    "stationary", "growth", "reserved", "fixed_distinct"};
constexpr std::array<std::string_view, 2> kKeyTypes = {"u64", "string"};
constexpr std::array<std::string_view, 3> kValueTypes = {"u64", "string", "inline"};
constexpr std::array<std::string_view, 5> kKeyLayouts = {
    "mixed", "sequential", "strided", "high_bits", "low_entropy"};
constexpr std::array<std::string_view, 4> kHashes = {"mixed", "identity", "std",
                                                     "fnv1a"};
constexpr std::array<std::string_view, 2> kStarts = {"settled", "as_filled"};

// Bounds of the lengths of string keys and values. The lower ones are those of
// keys.h: enough for a distinct index, and for the verifiable word.
constexpr std::uint64_t kMinKeyBytes = 5;
constexpr std::uint64_t kMinValueBytes = 8;
constexpr std::uint64_t kMaxBytes = 4096;

std::string Join(std::span<const std::string_view> names) {
  std::string out;
  for (const std::string_view name : names) {
    if (!out.empty()) out += ", ";
    out += name;
  }
  return out;
}

// Numbers as in JSON, without trailing zeros.
std::string Show(const json& value) { return value.dump(); }

[[noreturn]] void Fail(const std::string& sentence) {
  throw SpecError(sentence);
}

void CheckFields(const json& object, const std::string& where,
                 std::initializer_list<std::string_view> allowed) {
  const std::span<const std::string_view> names(allowed.begin(),
                                                allowed.size());
  for (const auto& [name, unused] : object.items()) {
    bool known = false;
    for (const std::string_view candidate : names) known |= candidate == name;
    if (!known) {
      Fail("unknown field '" + name + "' in " + where + "; use " + Join(names) +
           ".");
    }
  }
}

const json& Required(const json& object, const std::string& where,
                     const char* name) {
  const auto it = object.find(name);
  if (it == object.end()) {
    Fail(where + " needs the field '" + name + "'; add it.");
  }
  return *it;
}

double Number(const json& value, const std::string& name, double lo, double hi,
              const std::string& remedy) {
  if (!value.is_number()) {
    Fail(name + " is " + Show(value) + ", not a number; " + remedy + ".");
  }
  const double number = value.get<double>();
  if (!(number >= lo && number <= hi)) {
    Fail(name + " is " + Show(value) + "; " + remedy + ".");
  }
  return number;
}

std::uint64_t Whole(const json& value, const std::string& name,
                    std::uint64_t lo, std::uint64_t hi) {
  const std::string remedy = "; use a whole number from " + std::to_string(lo) +
                             " to " + std::to_string(hi) + ".";
  // 1e6 is a whole number as well: Python and hand-written JSON spell it so.
  if (value.is_number_float()) {
    const double number = value.get<double>();
    if (number == std::floor(number) && number >= static_cast<double>(lo) &&
        number <= static_cast<double>(hi)) {
      return static_cast<std::uint64_t>(number);
    }
    Fail(name + " is " + Show(value) + remedy);
  }
  if (!value.is_number_unsigned() &&
      !(value.is_number_integer() && value.get<std::int64_t>() >= 0)) {
    Fail(name + " is " + Show(value) + remedy);
  }
  const auto number = value.get<std::uint64_t>();
  if (number < lo || number > hi) Fail(name + " is " + Show(value) + remedy);
  return number;
}

template <class Enum>
Enum Named(const json& value, const std::string& what,
           std::span<const std::string_view> names) {
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names[i] == text) return static_cast<Enum>(i);
    }
  }
  Fail("unknown " + what + " " + Show(value) + "; use one of " + Join(names) +
       ".");
}

KeySpec ParseKeys(const json& object) {
  if (!object.is_object()) {
    Fail("keys is not an object; write for example {\"stream\": \"uniform\"}.");
  }
  KeySpec keys;
  keys.stream = Named<Stream>(Required(object, "keys", "stream"), "key stream",
                              kStreams);
  const std::string where = "keys of the stream '" +
                            std::string(StreamName(keys.stream)) + "'";
  const std::string theta_remedy =
      "the exponent must be from 0, which is uniform, to 20";
  switch (keys.stream) {
    case Stream::kUniform:
    case Stream::kSequentialNew:
      CheckFields(object, where, {"stream"});
      break;
    case Stream::kZipf:
      CheckFields(object, where, {"stream", "theta"});
      keys.theta = Number(Required(object, where, "theta"), "keys.theta", 0, 20,
                          theta_remedy);
      break;
    case Stream::kHotSet:
      CheckFields(object, where, {"stream", "hot_fraction", "hot_share"});
      keys.hot_fraction =
          Number(Required(object, where, "hot_fraction"), "keys.hot_fraction",
                 0, 1, "use a share between 0 and 1");
      keys.hot_share = Number(Required(object, where, "hot_share"),
                              "keys.hot_share", 0, 1,
                              "use a share between 0 and 1");
      break;
    case Stream::kKrr:
      CheckFields(object, where,
                  {"stream", "reuse", "choice", "theta", "sharing"});
      keys.reuse = Number(Required(object, where, "reuse"), "keys.reuse", 0, 1,
                          "use a rate between 0 and 1");
      if (object.contains("choice")) {
        keys.choice = Named<Choice>(object["choice"],
                                    "choice of reused keys", kChoices);
      }
      if (object.contains("theta")) {
        keys.theta = Number(object["theta"], "keys.theta", 0, 20, theta_remedy);
      }
      if (object.contains("sharing")) {
        keys.sharing = Named<Sharing>(object["sharing"],
                                      "sharing of reused keys", kSharings);
      }
      break;
  }
  return keys;
}

std::array<double, kPointOps> ParseMix(const json& object) {
  const std::span<const std::string_view> names(kOpNames.data(), kPointOps);
  if (!object.is_object() || object.empty()) {
    Fail("mix is not an object with operations; write for example "
         "{\"load\": 80, \"store\": 20}.");
  }
  std::array<double, kPointOps> mix{};
  double sum = 0;
  for (const auto& [name, value] : object.items()) {
    std::size_t op = 0;
    while (op < kPointOps && names[op] != name) ++op;
    if (op == kPointOps) {
      Fail("unknown operation '" + name + "' in mix; use one of " +
           Join(names) + ".");
    }
    mix[op] = Number(value, "the share of '" + name + "' in mix", 0, 100,
                     "use a percentage between 0 and 100");
    sum += mix[op];
  }
  if (std::abs(sum - 100) > 1e-6) {
    Fail("the shares in mix sum to " + Show(json(sum)) +
         ", not to 100; correct one of them.");
  }
  return mix;
}

void CheckTogether(const Spec& spec) {
  if (spec.keys.stream == Stream::kHotSet && spec.keys.hot_fraction == 0 &&
      spec.keys.hot_share > 0) {
    Fail("keys.hot_fraction is 0 but keys.hot_share is not; make some keys hot "
         "or set the share to 0.");
  }
  if (spec.regime == Regime::kFixedDistinct) {
    if (spec.keys.stream != Stream::kKrr) {
      Fail("the regime 'fixed_distinct' needs the key stream 'krr', not '" +
           std::string(StreamName(spec.keys.stream)) +
           "'; change one of them.");
    }
    if (spec.keys.reuse >= 1) {
      Fail("keys.reuse is 1, which never reaches a number of distinct keys; "
           "use a rate below 1 or another regime than 'fixed_distinct'.");
    }
    if (static_cast<double>(spec.ops) / (1 - spec.keys.reuse) >
        static_cast<double>(kMaxKeys)) {
      Fail("ops / (1 - keys.reuse) is more than " + std::to_string(kMaxKeys) +
           " operations; use fewer ops or a lower reuse.");
    }
  }
  if (spec.StartsEmpty() && spec.ops == 0) {
    Fail("the regime '" + std::string(RegimeName(spec.regime)) +
         "' needs 'ops', the operations of a slice; set it above 0.");
  }
  if (spec.value_type == ValueType::kInline &&
      std::ranges::find(kInlineBytes, spec.value_bytes) == kInlineBytes.end()) {
    const auto nearest = std::ranges::min(kInlineBytes, {}, [&](std::uint32_t bytes) {
      return std::abs(std::log2(spec.value_bytes) - std::log2(bytes));
    });
    Fail("value_bytes is " + std::to_string(spec.value_bytes) +
         " and inline values have 64, 256, 1024 or 4096; use " +
         std::to_string(nearest) + ", or the value_type 'string' for other lengths.");
  }
  if (spec.key_layout != KeyLayout::kMixed && spec.key_type == KeyType::kString) {
    Fail("key_layout is '" + std::string(KeyLayoutName(spec.key_layout)) +
         "', which is of integers, and the keys are strings; use the key_type 'u64' or "
         "leave key_layout out.");
  }
  if (spec.hash == HashKind::kIdentity && spec.key_type == KeyType::kString) {
    Fail("the hash 'identity' is of integers and the keys are strings; use 'std', "
         "'fnv1a' or 'mixed'.");
  }
  if (spec.miss > 0 && spec.share(Op::kLoad) == 0) {
    Fail("miss is a share of the loads and the mix has none; add 'load' to mix or "
         "leave miss out.");
  }
  if (spec.start == Start::kAsFilled && spec.StartsEmpty()) {
    Fail("start is 'as_filled' and the regime '" +
         std::string(RegimeName(spec.regime)) +
         "' starts with an empty map; use the regime 'stationary' or leave start "
         "out.");
  }
  if (spec.PairsDeletes()) {
    for (std::size_t i = 0; i < kPointOps; ++i) {
      if (spec.mix[i] > 0 && IsDeleting(static_cast<Op>(i))) {
        Fail("the stationary krr stream deletes keys itself; remove '" +
             std::string(kOpNames[i]) + "' from mix or choose another regime.");
      }
    }
  }
  if (spec.PairsDeletes() && spec.population > kMaxKeys / 2) {
    Fail("population is " + std::to_string(spec.population) +
         ", but the stationary krr stream names two keys for each; use at "
         "most " +
         std::to_string(kMaxKeys / 2) + ".");
  }
}

}  // namespace

std::string_view StreamName(Stream stream) {
  return kStreams[static_cast<std::size_t>(stream)];
}
std::string_view ChoiceName(Choice choice) {
  return kChoices[static_cast<std::size_t>(choice)];
}
std::string_view SharingName(Sharing sharing) {
  return kSharings[static_cast<std::size_t>(sharing)];
}
std::string_view RegimeName(Regime regime) {
  return kRegimes[static_cast<std::size_t>(regime)];
}

std::string_view KeyTypeName(KeyType type) {
  return kKeyTypes[static_cast<std::size_t>(type)];
}
std::string_view ValueTypeName(ValueType type) {
  return kValueTypes[static_cast<std::size_t>(type)];
}
std::string_view KeyLayoutName(KeyLayout layout) {
  return kKeyLayouts[static_cast<std::size_t>(layout)];
}
std::string_view HashName(HashKind hash) {
  return kHashes[static_cast<std::size_t>(hash)];
}

bool IsInserting(Op op) {
  return op == Op::kStore || op == Op::kLoadOrStore || op == Op::kSwap ||
         op == Op::kLoadOrCompute;
}

bool IsDeleting(Op op) {
  return op == Op::kDelete || op == Op::kLoadAndDelete ||
         op == Op::kCompareAndDelete;
}

Spec Spec::FromJson(const json& object) {
  if (!object.is_object()) {
    Fail("the workload is not a JSON object; write for example {\"keys\": "
         "{\"stream\": \"uniform\"}, \"mix\": {\"load\": 100}}.");
  }
  CheckFields(object, "the workload",
              {"keys", "mix", "population", "prefill", "regime", "ops",
               "key_type", "key_bytes", "key_layout", "key_stride", "value_type",
               "value_bytes", "hash", "miss", "start"});
  Spec spec;
  spec.keys = ParseKeys(Required(object, "the workload", "keys"));
  spec.mix = ParseMix(Required(object, "the workload", "mix"));
  if (object.contains("population")) {
    spec.population = Whole(object["population"], "population", 1, kMaxKeys);
  }
  if (object.contains("prefill") && object["prefill"] != "auto") {
    spec.prefill = Number(object["prefill"], "prefill", 0, 1,
                          "use a share between 0 and 1, or \"auto\"");
  }
  if (object.contains("regime")) {
    spec.regime = Named<Regime>(object["regime"], "regime", kRegimes);
  }
  if (object.contains("ops")) {
    spec.ops = Whole(object["ops"], "ops", 0, kMaxKeys);
  }
  if (object.contains("key_type")) {
    spec.key_type = Named<KeyType>(object["key_type"], "key_type", kKeyTypes);
  }
  if (object.contains("key_bytes")) {
    spec.key_bytes = static_cast<std::uint32_t>(
        Whole(object["key_bytes"], "key_bytes", kMinKeyBytes, kMaxBytes));
  }
  if (object.contains("key_layout")) {
    spec.key_layout = Named<KeyLayout>(object["key_layout"], "key_layout", kKeyLayouts);
  }
  if (object.contains("key_stride")) {
    if (spec.key_layout != KeyLayout::kStrided) {
      Fail("key_stride is of strided keys and key_layout is '" +
           std::string(KeyLayoutName(spec.key_layout)) +
           "'; use the key_layout 'strided' or leave key_stride out.");
    }
    spec.key_stride = Whole(object["key_stride"], "key_stride", 2, kLongestStride);
    if (!std::has_single_bit(spec.key_stride)) {
      Fail("key_stride is " + std::to_string(spec.key_stride) +
           ", not a power of two; use " + std::to_string(std::bit_floor(spec.key_stride)) +
           ".");
    }
  }
  if (object.contains("value_type")) {
    spec.value_type =
        Named<ValueType>(object["value_type"], "value_type", kValueTypes);
  }
  if (object.contains("value_bytes")) {
    spec.value_bytes = static_cast<std::uint32_t>(
        Whole(object["value_bytes"], "value_bytes", kMinValueBytes, kMaxBytes));
  }
  if (object.contains("hash")) {
    spec.hash = Named<HashKind>(object["hash"], "hash", kHashes);
  }
  if (object.contains("miss")) {
    spec.miss = Number(object["miss"], "miss", 0, 100,
                       "use a percentage between 0 and 100");
  }
  if (object.contains("start")) {
    spec.start = Named<Start>(object["start"], "start", kStarts);
  }
  CheckTogether(spec);
  return spec;
}

Spec Spec::Parse(std::string_view text) {
  const json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (object.is_discarded()) {
    Fail("the workload is not valid JSON; check its brackets, commas and "
         "quotes.");
  }
  return FromJson(object);
}

json Spec::ToJson() const {
  json k = {{"stream", StreamName(keys.stream)}};
  switch (keys.stream) {
    case Stream::kUniform:
    case Stream::kSequentialNew:
      break;
    case Stream::kZipf:
      k["theta"] = keys.theta;
      break;
    case Stream::kHotSet:
      k["hot_fraction"] = keys.hot_fraction;
      k["hot_share"] = keys.hot_share;
      break;
    case Stream::kKrr:
      k["reuse"] = keys.reuse;
      k["choice"] = ChoiceName(keys.choice);
      k["theta"] = keys.theta;
      k["sharing"] = SharingName(keys.sharing);
      break;
  }
  json m = json::object();
  for (std::size_t op = 0; op < kPointOps; ++op) {
    if (mix[op] > 0) m[std::string(kOpNames[op])] = mix[op];
  }
  json out = {{"keys", k},
              {"mix", m},
              {"population", population},
              {"prefill", "auto"},
              {"regime", RegimeName(regime)},
              {"ops", ops},
              {"key_type", KeyTypeName(key_type)},
              {"key_bytes", key_bytes},
              {"key_layout", KeyLayoutName(key_layout)},
              {"value_type", ValueTypeName(value_type)},
              {"value_bytes", value_bytes},
              {"hash", HashName(hash)},
              {"miss", miss},
              {"start", kStarts[static_cast<std::size_t>(start)]}};
  if (prefill) out["prefill"] = *prefill;
  if (key_layout == KeyLayout::kStrided) out["key_stride"] = key_stride;
  return out;
}

double Spec::PrefillShare() const {
  if (StartsEmpty()) return 0;
  if (PairsDeletes()) return 1;
  if (keys.stream == Stream::kKrr || keys.stream == Stream::kSequentialNew) {
    return 0;
  }
  if (prefill) return *prefill;
  double inserting = 0;
  double deleting = 0;
  for (std::size_t i = 0; i < kPointOps; ++i) {
    if (IsInserting(static_cast<Op>(i))) inserting += mix[i];
    if (IsDeleting(static_cast<Op>(i))) deleting += mix[i];
  }
  return inserting + deleting > 0 ? inserting / (inserting + deleting) : 1;
}

}  // namespace cmap::workloads
