// SPDX-License-Identifier: Apache-2.0
//
// What a visit is asked to do, checked.
//
//   {"visit": 12, "seed": 123, "contestants": ["mutex_map", "sync_map"],
//    "workload": {...}, "threads": 1, "slice_ms": 10, "seconds": 0.6,
//    "warmup_seconds": 0.2, "pin": [0], "oversubscribed": false,
//    "timed": true, "max_blocks": 0, "call": "inlined", "pages": "asked",
//    "arrivals": {...}, "recording": "/path/of/a/trace", "rounds": 0}
//
// "recording": a compact trace whose operations take the place of those that the workload
// would draw (recording.h). The workload says the rest: types, how many operations a run
// has, and by its mix which strategies are fit; its keys should be as in the trace, for
// the estimate of memory.
//
// "rounds": so many blocks on maps that are placed once, before the warm-up, and live through all of
// them; after each the maps are asked what memory they hold. A stationary tape only: what
// drifts from round to round is the map.
//
// "call": "called" makes every operation a call that compilers cannot look through, as
// of a map in a library of its own; integer keys only.
//
// "pages": "huge" or "small" gives huge pages to all contestants or to none (pages.h).
//
// `contestants` and `workload` (workloads/spec.h, or a scenario: scenarios/scenario.h) are
// required. An unknown field is an error: a misspelt one would silently measure something
// else.
#ifndef CMAP_EXPERIMENTS_WORKER_REQUEST_H_
#define CMAP_EXPERIMENTS_WORKER_REQUEST_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/worker/arrivals_spec.h"
#include "experiments/worker/contestant_spec.h"
#include "experiments/worker/pages.h"
#include "workloads/scenarios/scenario.h"
#include "workloads/spec.h"

namespace cmap::experiments {

struct VisitRequest {
  std::int64_t visit = 0;
  std::uint64_t seed = 1;
  std::vector<ContestantSpec> contestants;
  workloads::Spec workload;    // of a scenario: its number of keys and nothing else
  workloads::ScenarioRequest scenario;  // without a name: the workload is a tape
  int threads = 1;
  double slice_ms = 10;        // wall time aimed at
  double seconds = 0.6;        // of measured blocks
  double warmup_seconds = 0.2;  // of discarded ones
  std::vector<int> pin;        // CPUs; empty: those this process may use
  bool oversubscribed = false;
  bool timed = true;           // false: run and verify, read no clock
  int max_blocks = 0;          // 0: as many as fit
  Pages pages = Pages::kAsked;
  int rounds = 0;              // not 0: max_blocks, on maps that are placed once
  ArrivalsSpec arrivals;       // latency, measured after the blocks
  std::string recording;       // empty: the tape is made from the workload

  // Throws InputError: syntax, unknown or missing fields, ranges, unknown
  // strategies, contestants unfit for the workload.
  static VisitRequest FromJson(const nlohmann::json& json);
  static VisitRequest Parse(std::string_view text);
};

// Throws InputError unless every contestant exists and can run the workload.
void CheckContestants(const VisitRequest& request);

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_REQUEST_H_
