// SPDX-License-Identifier: Apache-2.0
//
// All scenarios, for one strategy. Included by the generated registration files only.
#ifndef CMAP_EXPERIMENTS_WORKER_SCENARIOS_H_
#define CMAP_EXPERIMENTS_WORKER_SCENARIOS_H_

#include <algorithm>
#include <array>
#include <string_view>

#include "experiments/worker/scenario_for.h"
#include "workloads/scenarios/expensive_values.h"
#include "workloads/scenarios/iteration.h"
#include "workloads/scenarios/loadorstore_cost.h"
#include "workloads/scenarios/publication.h"
#include "workloads/scenarios/reconciliation.h"
#include "workloads/scenarios/session_cache.h"
#include "workloads/scenarios/stock_reservation.h"
#include "workloads/scenarios/tasks.h"
#include "workloads/scenarios/visibility.h"

namespace cmap::experiments {

// What surrounds a map is asked of few: each pair is a program to compile.
inline constexpr std::array<std::string_view, 4> kFew = {"mutex_map", "sharded_map", "sync_map", "hash_trie_map"};

template <class Strategy, template <class> class Scenario>
bool RegisterForFew() {
  if constexpr (std::find(kFew.begin(), kFew.end(), Strategy::kName) != kFew.end()) {
    return RegisterFor<Strategy, Scenario>();
  }
  return false;
}

// Those that the strategy is fit for.
template <class Strategy>
bool RegisterScenarios() {
  return RegisterFor<Strategy, workloads::Iteration>() | RegisterFor<Strategy, workloads::StockReservation>() |
         RegisterFor<Strategy, workloads::ExpensiveValues>() | RegisterFor<Strategy, workloads::Publication>() |
         RegisterFor<Strategy, workloads::SessionCache>() | RegisterFor<Strategy, workloads::Reconciliation>() |
         RegisterFor<Strategy, workloads::Tasks>() | RegisterFor<Strategy, workloads::Visibility>() |
         RegisterForFew<Strategy, workloads::LoadOrStoreCost>();
}

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_SCENARIOS_H_
