// SPDX-License-Identifier: Apache-2.0
//
// Checks of random calls by one thread against a std::map, with tunables as they are
// and at their limits.
#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "maps/testing/checks.h"
#include "maps/testing/parts.h"

namespace cmap::testing {
namespace {

// A map and the std::map it should equal, driven by random calls. Every return
// value is compared. A map that may evict may answer "absent" at any time; the
// model then forgets the key as well.
class ModelRun {
 public:
  ModelRun(const Context& context, AnyMap& map, Number keys, Random& random)
      : traits_(context.traits()), map_(map), keys_(keys), random_(random) {
    for (std::size_t i = 0; i < kOpCount; ++i) {
      const Op op = static_cast<Op>(i);
      if (traits_.unsupported.contains(op)) continue;
      for (int n = Weight(op); n > 0; --n) deck_.push_back(op);
    }
  }

  void Steps(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      try {
        Step(deck_[random_.Below(deck_.size())]);
      } catch (const CheckFailure& e) {
        std::string text = "step " + std::to_string(i) + ": " + e.what() + " (keys 0 to " +
                           std::to_string(keys_ - 1) + "; the last calls:";
        for (const std::string& call : recent_) text += " " + call;
        throw CheckFailure(text + ")");
      }
    }
  }

  void CompareAll() {
    Note("final comparison");
    for (Number key = 0; key < keys_; ++key) CheckLoad(key);
    if (map_.Has(Op::kRange)) CheckRange();
    if (map_.Has(Op::kSize)) CheckSize();
  }

 private:
  static int Weight(Op op) {
    switch (op) {
      case Op::kRange:
      case Op::kSize:
      case Op::kStoreBatch:
        return 2;
      case Op::kClear:
      case Op::kReserve:
      case Op::kMemoryBytes:
        return 1;
      default:
        return 20;
    }
  }

  template <class... Parts>
  void Note(const Parts&... parts) {
    std::string text;
    ((text += ToText(parts)), ...);
    recent_.push_back(std::move(text));
    if (recent_.size() > 12) recent_.pop_front();
  }
  static std::string ToText(std::string_view text) { return std::string(text); }
  static std::string ToText(Number number) { return std::to_string(number); }

  std::optional<Number> Expected(Number key) const {
    const auto it = model_.find(key);
    if (it == model_.end()) return std::nullopt;
    return it->second;
  }
  // Called before a comparison: what was dropped by right is dropped here too.
  void Forgive(Number key, bool map_says_present) {
    if (!traits_.keeps_every_key && !map_says_present) model_.erase(key);
  }
  // Values come from a small set, so that comparisons succeed now and then; the
  // default value is among them.
  Number SomeValue() { return random_.Below(4); }

  void CheckLoad(Number key) {
    std::optional<Number> got;
    if (random_.OneIn(2)) {
      got = map_.Load(key);
    } else {
      map_.Visit(key, [&](Number value) { got = value; });
    }
    Forgive(key, got.has_value());
    ExpectEq(got, Expected(key), "Load(", key, ")");
  }

  void CheckSize() {
    const std::size_t got = map_.Size();
    if (traits_.keeps_every_key) {
      ExpectEq(got, model_.size(), "Size()");
    } else {
      Expect(got <= model_.size(), "Size(): got ", got, ", want at most ", model_.size());
    }
  }

  void CheckRange() {
    std::map<Number, Number> seen;
    map_.Range([&](Number key, Number value) {
      Expect(seen.emplace(key, value).second, "Range visits ", key, " twice");
      return true;
    });
    if (!traits_.keeps_every_key) {
      std::erase_if(model_, [&](const auto& e) { return !seen.contains(e.first); });
    }
    ExpectEq(seen.size(), model_.size(), "keys visited by Range");
    for (const auto& [key, value] : seen) {
      ExpectEq(std::optional<Number>(value), Expected(key), "Range at ", key);
    }
  }

  void Step(Op op) {
    const Number key = random_.Below(keys_);
    switch (op) {
      case Op::kLoad:
        Note("Load(", key, ")");
        return CheckLoad(key);
      case Op::kStore: {
        const Number value = SomeValue();
        Note("Store(", key, ",", value, ")");
        map_.Store(key, value);
        model_[key] = value;
        return;
      }
      case Op::kLoadOrStore:
      case Op::kLoadOrCompute: {
        const Number value = SomeValue();
        Note(OpName(op), "(", key, ",", value, ")");
        int calls = 0;
        const Loaded<Number> got = op == Op::kLoadOrStore
                                       ? map_.LoadOrStore(key, value)
                                       : map_.LoadOrCompute(key, [&] { return ++calls, value; });
        Forgive(key, got.loaded);
        const auto [it, inserted] = model_.try_emplace(key, value);
        ExpectEq(got, Loaded<Number>{it->second, !inserted}, OpName(op), "(", key, ", ", value,
                 ")");
        if (op == Op::kLoadOrCompute) {
          ExpectEq(calls, inserted ? 1 : 0, "calls of LoadOrCompute's function");
        }
        return;
      }
      case Op::kLoadAndDelete: {
        Note("LoadAndDelete(", key, ")");
        const std::optional<Number> got = map_.LoadAndDelete(key);
        Forgive(key, got.has_value());
        ExpectEq(got, Expected(key), "LoadAndDelete(", key, ")");
        model_.erase(key);
        return;
      }
      case Op::kDelete: {
        Note("Delete(", key, ")");
        const bool got = map_.Delete(key);
        Forgive(key, got);
        ExpectEq(got, model_.erase(key) == 1, "Delete(", key, ")");
        return;
      }
      case Op::kSwap: {
        const Number value = SomeValue();
        Note("Swap(", key, ",", value, ")");
        const std::optional<Number> got = map_.Swap(key, value);
        Forgive(key, got.has_value());
        ExpectEq(got, Expected(key), "Swap(", key, ", ", value, ")");
        model_[key] = value;
        return;
      }
      case Op::kCompareAndSwap: {
        const Number expected = SomeValue(), desired = SomeValue();
        Note("CompareAndSwap(", key, ",", expected, ",", desired, ")");
        const bool got = map_.CompareAndSwap(key, expected, desired);
        const bool holds = Expected(key) == expected;
        if (holds) Forgive(key, got);
        const bool want = Expected(key) == expected;
        ExpectEq(got, want, "CompareAndSwap(", key, ", ", expected, ", ", desired, ")");
        if (want) model_[key] = desired;
        return;
      }
      case Op::kCompareAndDelete: {
        const Number expected = SomeValue();
        Note("CompareAndDelete(", key, ",", expected, ")");
        const bool got = map_.CompareAndDelete(key, expected);
        const bool holds = Expected(key) == expected;
        if (holds) Forgive(key, got);
        const bool want = Expected(key) == expected;
        ExpectEq(got, want, "CompareAndDelete(", key, ", ", expected, ")");
        if (want) model_.erase(key);
        return;
      }
      case Op::kRange:
        Note("Range");
        return CheckRange();
      case Op::kClear:
        if (!random_.OneIn(4)) return;  // rare, lest the map stay small
        Note("Clear");
        map_.Clear();
        model_.clear();
        return;
      case Op::kSize:
        Note("Size");
        return CheckSize();
      case Op::kReserve:
        Note("Reserve");
        map_.Reserve(random_.Below(2 * keys_));
        return;
      case Op::kStoreBatch: {
        std::vector<AnyMap::Pair> batch;
        for (std::uint64_t n = random_.Below(8); n > 0; --n) {
          batch.emplace_back(random_.Below(keys_), SomeValue());
        }
        Note("StoreBatch of ", Number{batch.size()});
        map_.StoreBatch(batch);
        for (const auto& [k, v] : batch) model_[k] = v;
        return;
      }
      case Op::kMemoryBytes:
        Note("MemoryBytes");
        Expect(map_.MemoryBytes() > 0, "MemoryBytes() is 0");
        return;
    }
  }

  const Traits& traits_;
  AnyMap& map_;
  const Number keys_;
  Random& random_;
  std::vector<Op> deck_;
  std::map<Number, Number> model_;
  std::deque<std::string> recent_;
};

void MatchesModel(const Context& context, Number keys, std::uint64_t runs, std::uint64_t steps) {
  Random random(context.seed() * 1000003 + keys);
  for (std::uint64_t run = 0; context.More(run, runs); ++run) {
    const auto map = context.Make();
    ModelRun model(context, *map, keys, random);
    model.Steps(context.Scaled(steps));
    model.CompareAll();
  }
}

// Few keys: every state of a key is met in every order.
void MatchesModelFewKeys(const Context& context) { MatchesModel(context, 3, 20, 400); }

void MatchesModelManyKeys(const Context& context) {
  MatchesModel(context, context.Keys(64), 5, 1500);
  MatchesModel(context, context.Keys(700), 2, 5000);
}

// Every tunable at its least, its initial and its greatest value (as far as
// memory allows), and just outside.
void Tunables(const Context& context) {
  constexpr std::int64_t kMost = 65536;
  for (const TunableInfo& tunable : context.subject().tunables) {
    Expect(tunable.min <= tunable.initial && tunable.initial <= tunable.max, tunable.name,
           ": the initial value ", tunable.initial, " is not within ", tunable.min, " to ",
           tunable.max);
    for (const std::int64_t value :
         {tunable.min, tunable.initial, std::max(tunable.initial, std::min(tunable.max, kMost))}) {
      const auto map = context.subject().make_with(tunable.name, value);
      Random random(context.seed());
      try {
        ModelRun model(context, *map, context.Keys(64), random);
        model.Steps(1000);
        model.CompareAll();
      } catch (const CheckFailure& e) {
        Fail("with ", tunable.name, " = ", value, ": ", e.what());
      }
    }
    for (const std::int64_t value : {tunable.min - 1, tunable.max + 1}) {
      try {
        context.subject().make_with(tunable.name, value);
      } catch (const std::invalid_argument& e) {
        const std::string what = e.what();
        Expect(what.find(tunable.name) != std::string::npos &&
                   what.find(std::to_string(value)) != std::string::npos &&
                   what.find('\n') == std::string::npos,
               "the message '", what, "' is not one sentence that names the tunable and the value");
        continue;
      }
      Fail("accepted ", tunable.name, " = ", value, ", which is outside ", tunable.min, " to ",
           tunable.max);
    }
  }
}

constexpr Check kChecks[] = {
    {"matches_model_few_keys", {.every_key = false}, &MatchesModelFewKeys},
    {"matches_model_many_keys", {.every_key = false}, &MatchesModelManyKeys},
    {"tunables", {.every_key = false, .good_hash = true, .tunables = true}, &Tunables},
};

}  // namespace

std::span<const Check> ModelChecks() { return kChecks; }

}  // namespace cmap::testing
