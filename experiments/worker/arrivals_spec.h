// SPDX-License-Identifier: Apache-2.0
//
// The field "arrivals" of a visit, checked: that it measures latency under arrivals,
// after its blocks, and how (open_loop_visit.h).
//
//   {"course": "rungs", "loads": [0.1, 0.25, 0.4, 0.5, 0.65, 0.8, 0.95],
//    "least_ms": 50, "most_ms": 200}          and, to see what reclamation does, "window_ms": 10
//   {"course": "shapes", "base": 0.4, "peak": 1.2, "ms": 600, "window_ms": 10}
//   {"course": "fill", "rate": 1000000}
//   {"course": "recorded", "most_ms": 1500}
#ifndef CMAP_EXPERIMENTS_WORKER_ARRIVALS_SPEC_H_
#define CMAP_EXPERIMENTS_WORKER_ARRIVALS_SPEC_H_

#include <nlohmann/json_fwd.hpp>
#include <vector>

namespace cmap::experiments {

struct ArrivalsSpec {
  enum class Course { kNone, kRungs, kShapes, kFill, kRecorded };
  Course course = Course::kNone;
  // rungs: offered loads, shares of the capacity that the visit measures, ascending,
  // 0.5 among them; and how long one lasts. It lasts as long as a 99.9th percentile
  // needs, within these bounds. recorded: what arrives later than most_ms after the first
  // operation is left out.
  std::vector<double> loads;
  double least_ms = 0;
  double most_ms = 0;
  // shapes: the steady load and the overload, shares of the baseline's capacity; how
  // long a shape lasts.
  double base = 0;
  double peak = 0;
  double ms = 0;
  // shapes and rungs: the windows of their series; 0 for rungs without.
  double window_ms = 0;
  // fill: stores a second, all threads together.
  double rate = 0;

  bool any() const { return course != Course::kNone; }
  // Whether maps start empty, and no blocks are measured beside.
  bool StartsEmpty() const { return course == Course::kFill || course == Course::kRecorded; }

  // Throws InputError.
  static ArrivalsSpec FromJson(const nlohmann::json& json);
};

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_ARRIVALS_SPEC_H_
