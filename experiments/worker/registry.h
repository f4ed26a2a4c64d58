// SPDX-License-Identifier: Apache-2.0
//
// The strategies compiled into this worker. Each registers itself from a
// generated file (maps/strategies.bzl), once for each combination of types, so
// that a change in one strategy recompiles that strategy only. Nothing but the
// strategies' own traits describes them.
#ifndef CMAP_EXPERIMENTS_WORKER_REGISTRY_H_
#define CMAP_EXPERIMENTS_WORKER_REGISTRY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/worker/contestant.h"
#include "experiments/worker/contestant_spec.h"
#include "experiments/worker/types.h"
#include "maps/concurrent_map.h"
#include "workloads/spec.h"

namespace cmap::experiments {

struct TunableInfo {
  std::string name;
  std::int64_t default_value;
  std::int64_t min;
  std::int64_t max;
  std::string doc;
};

struct StrategyInfo {
  std::string name;
  Traits traits{};
  std::size_t object_bytes = 0;  // with 64-bit keys and values
  std::vector<TunableInfo> tunables;
};

using ContestantFactory =
    std::unique_ptr<Contestant> (*)(const ContestantSpec& spec);

// Called by the generated files before main(). The order is unspecified.
// `info` is the same for all types of a strategy.
bool RegisterStrategy(const StrategyInfo& info, const Types& types,
                      ContestantFactory factory);

// All strategies, by name.
const std::vector<StrategyInfo>& Strategies();
std::vector<std::string> StrategyNames();

// The strategy and the tunables of `spec`, checked. Throws InputError naming
// what does not exist and the nearest thing that does.
const StrategyInfo& FindStrategy(const ContestantSpec& spec);

// The combinations of types with which a strategy is compiled into this worker: some
// designs are constrained to integers, or to small values. Ascending.
std::vector<Types> TypesOf(const StrategyInfo& info);

// Throws InputError as FindStrategy, and for options that the strategy rejects.
std::unique_ptr<Contestant> MakeContestant(const ContestantSpec& spec,
                                           const Types& types);

// Why a strategy may not run the workload with that many threads: one sentence,
// or nothing when it may. Also for batches, which need stores.
std::string Unfit(const ContestantSpec& spec, const workloads::Spec& workload,
                  int threads);

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_REGISTRY_H_
