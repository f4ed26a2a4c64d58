// SPDX-License-Identifier: Apache-2.0
#include "experiments/worker/registry.h"

#include <algorithm>
#include <map>
#include <new>
#include <utility>

#include "experiments/worker/errors.h"

namespace cmap::experiments {
namespace {

using FactoryKey = std::pair<std::string, Types>;

// Function-local, so that registration before main() finds them constructed.
std::vector<StrategyInfo>& MutableStrategies() {
  static auto* strategies = new std::vector<StrategyInfo>;
  return *strategies;
}
std::map<FactoryKey, ContestantFactory>& Factories() {
  static auto* factories = new std::map<FactoryKey, ContestantFactory>;
  return *factories;
}

std::string DidYouMean(std::string_view word,
                       const std::vector<std::string>& candidates) {
  const std::string nearest = Nearest(word, candidates);
  return nearest.empty() ? "" : "did you mean " + nearest + "? ";
}

// What a workload asks for beyond integers under the study's hash, in words.
std::string Asked(const Types& types) {
  using workloads::HashKind, workloads::KeyType, workloads::ValueType;
  std::vector<std::string> parts;
  if (types.value == ValueType::kInline) {
    parts.push_back("values of " + std::to_string(types.inline_bytes) + " bytes");
  }
  if (types.value == ValueType::kString) parts.push_back("values of type string");
  if (types.hash != HashKind::kMixed) {
    parts.push_back("the hash " + std::string(workloads::HashName(types.hash)));
  }
  if (types.laid_out) {
    parts.push_back("keys that are not mixed");
  } else if (types.key == KeyType::kString || parts.empty()) {
    parts.push_back("keys of type " + std::string(workloads::KeyTypeName(types.key)));
  }
  return Join(parts);
}

std::string WrongTypes(const StrategyInfo& info, const Types& types) {
  return info.name + " is not compiled for " + Asked(types) +
         " in this worker; leave it out or use other types";
}

}  // namespace

bool RegisterStrategy(const StrategyInfo& info, const Types& types,
                      ContestantFactory factory) {
  std::vector<StrategyInfo>& strategies = MutableStrategies();
  const auto at = std::lower_bound(
      strategies.begin(), strategies.end(), info,
      [](const StrategyInfo& a, const StrategyInfo& b) {
        return a.name < b.name;
      });
  if (at == strategies.end() || at->name != info.name) {
    strategies.insert(at, info);
  }
  Factories()[{info.name, types}] = factory;
  return true;
}

const std::vector<StrategyInfo>& Strategies() { return MutableStrategies(); }

std::vector<std::string> StrategyNames() {
  std::vector<std::string> names;
  for (const StrategyInfo& info : Strategies()) names.push_back(info.name);
  return names;
}

const StrategyInfo& FindStrategy(const ContestantSpec& spec) {
  for (const StrategyInfo& info : Strategies()) {
    if (info.name != spec.name) continue;
    std::vector<std::string> names;
    for (const TunableInfo& t : info.tunables) names.push_back(t.name);
    for (const auto& [name, value] : spec.tunables) {
      const auto tunable = std::ranges::find(info.tunables, name, &TunableInfo::name);
      if (tunable == info.tunables.end()) {
        throw InputError(
            "strategy " + info.name + " has no tunable \"" + name + "\"; " +
            (names.empty() ? "it has none at all"
                           : DidYouMean(name, names) + "it has " + Join(names)));
      }
      if (value < tunable->min || value > tunable->max) {
        throw InputError("tunable " + name + " of " + info.name + " is " +
                         std::to_string(value) + "; choose a value from " +
                         std::to_string(tunable->min) + " to " +
                         std::to_string(tunable->max));
      }
    }
    return info;
  }
  const std::vector<std::string> names = StrategyNames();
  throw InputError("unknown strategy \"" + spec.name + "\"; " +
                   DidYouMean(spec.name, names) + "known are " + Join(names));
}

std::vector<Types> TypesOf(const StrategyInfo& info) {
  std::vector<Types> found;
  for (const auto& [key, factory] : Factories()) {
    if (key.first == info.name) found.push_back(key.second);
  }
  return found;
}

std::unique_ptr<Contestant> MakeContestant(const ContestantSpec& spec,
                                           const Types& types) {
  const StrategyInfo& info = FindStrategy(spec);
  const auto factory = Factories().find({info.name, types});
  if (factory == Factories().end()) throw InputError(WrongTypes(info, types));
  std::unique_ptr<Contestant> contestant = factory->second(spec);
  // Some options are only wrong together; the map itself is the judge.
  void* place = ::operator new(contestant->object_bytes(),
                               std::align_val_t{std::max<std::size_t>(
                                   64, contestant->object_alignment())});
  const auto free_place = [&] {
    ::operator delete(place, std::align_val_t{std::max<std::size_t>(
                                 64, contestant->object_alignment())});
  };
  try {
    contestant->Create(place);
  } catch (...) {
    free_place();
    throw;
  }
  contestant->Destroy();
  free_place();
  return contestant;
}

std::string Unfit(const ContestantSpec& spec, const workloads::Spec& workload,
                  int threads) {
  const StrategyInfo& info = FindStrategy(spec);
  const Traits& traits = info.traits;
  if (!Factories().contains({info.name, TypesOf(workload)})) {
    return WrongTypes(info, TypesOf(workload));
  }
  if (traits.max_threads > 0 && threads > traits.max_threads) {
    return info.name + " allows at most " +
           std::to_string(traits.max_threads) + " thread" +
           (traits.max_threads == 1 ? "" : "s") + ", the workload has " +
           std::to_string(threads) + "; leave it out";
  }
  if (!traits.keeps_every_key && traits.returns_results) {
    return info.name +
           " may evict keys, so that its results cannot be held against those "
           "of a complete map; leave it out";
  }
  if (!traits.linearizable && workload.share(Op::kLoad) > 0 &&
      (workload.StartsEmpty() || workload.PrefillShare() < 1 ||
       workload.PairsDeletes())) {
    return info.name +
           " may miss the latest stores, so that loads of keys that come and go "
           "cannot be held against those of a complete map; leave it out";
  }
  for (std::size_t i = 0; i < workloads::kPointOps; ++i) {
    const Op op = static_cast<Op>(i);
    if (workload.share(op) > 0 && traits.unsupported.contains(op)) {
      return info.name + " does not support " + std::string(OpName(op)) +
             (traits.unsupported_reason.empty()
                  ? ""
                  : " (" + std::string(traits.unsupported_reason) + ")") +
             "; leave it or the operation out";
    }
  }
  if (spec.batch) {
    if (traits.unsupported.contains(Op::kStoreBatch)) {
      return info.name + " does not support store_batch; leave @batch out";
    }
    if (workload.value_type != workloads::ValueType::kU64) {
      return "\"" + spec.text +
             "\" lays out the values of all batches beforehand, which is for values of "
             "64 bits; leave @batch out";
    }
    if (workload.share(Op::kStore) <= 0) {
      return "\"" + spec.text +
             "\" asks for batches and the mix has no store; leave @batch out";
    }
  }
  if (spec.load_batch) {
    for (std::size_t i = 0; i < workloads::kPointOps; ++i) {
      if (static_cast<Op>(i) != Op::kLoad && workload.share(static_cast<Op>(i)) > 0) {
        return "\"" + spec.text + "\" loads in batches and the mix has " +
               std::string(OpName(static_cast<Op>(i))) + " as well; leave @load_batch or it out";
      }
    }
    if (TypesOf(workload) != Types{}) {
      return "\"" + spec.text + "\" loads batches of integer keys only, with 64-bit values, under the "
             "study's hash; leave @load_batch out";
    }
  }
  if (spec.called && TypesOf(workload) != Types{}) {
    return "\"call\": \"called\" measures mixed integer keys only, with 64-bit values, under the "
           "study's hash; leave it out or set \"key_type\" and \"value_type\" to \"u64\" and leave "
           "\"key_layout\" and \"hash\" out";
  }
  if (spec.called && (spec.batch || spec.load_batch || spec.direct)) {
    return "\"" + spec.text + "\" has a loop of its own, in which operations cannot be "
           "\"called\"; leave @batch, @load_batch and @direct out, or \"call\"";
  }
  if (spec.direct && (spec.batch || spec.load_batch || spec.reserve)) {
    return "\"" + spec.text + "\" is a loop by hand, without batches and reserved room; "
           "leave @batch, @load_batch and @reserve out";
  }
  if ((spec.reserve || workload.regime == workloads::Regime::kReserved) &&
      traits.unsupported.contains(Op::kReserve)) {
    return info.name + " does not support reserve; leave it out";
  }
  if (spec.reserve && !workload.StartsEmpty()) {
    return "\"" + spec.text +
           "\" asks to reserve and the workload does not start empty; leave "
           "@reserve out";
  }
  return "";
}

}  // namespace cmap::experiments
