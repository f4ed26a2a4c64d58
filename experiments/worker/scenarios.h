// SPDX-License-Identifier: Apache-2.0
//
// All scenarios, for one strategy. Included by the generated registration files only.
#ifndef CMAP_EXPERIMENTS_WORKER_SCENARIOS_H_
#define CMAP_EXPERIMENTS_WORKER_SCENARIOS_H_

#include "experiments/worker/scenario_for.h"
#include "workloads/scenarios/expensive_values.h"
#include "workloads/scenarios/iteration.h"
#include "workloads/scenarios/publication.h"
#include "workloads/scenarios/reconciliation.h"
#include "workloads/scenarios/session_cache.h"
#include "workloads/scenarios/stock_reservation.h"
#include "workloads/scenarios/visibility.h"

namespace cmap::experiments {

// Those that the strategy is fit for.
template <class Strategy>
bool RegisterScenarios() {
  return RegisterFor<Strategy, workloads::Iteration>() | RegisterFor<Strategy, workloads::StockReservation>() |
         RegisterFor<Strategy, workloads::ExpensiveValues>() | RegisterFor<Strategy, workloads::Publication>() |
         RegisterFor<Strategy, workloads::SessionCache>() | RegisterFor<Strategy, workloads::Reconciliation>() |
         RegisterFor<Strategy, workloads::Visibility>();
}

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_SCENARIOS_H_
