// SPDX-License-Identifier: Apache-2.0
//
// The catalogue of questions (experiments/catalogue.bzl, as JSON) expanded into
// cells: one workload at one axis value, in one regime, with one number of
// threads. The expansion is the orchestrator's, so that a benchmark run by hand
// measures the workload that the paper reports.
//
// An axis varies a field of the workload ("population", "keys.<field>"), a share
// of the mix ("mix.<op>", the remainder goes to the operation `rest`),
// "threads", or "tunable:<name>", which replaces {} in contestants.
#ifndef CMAP_EXPERIMENTS_WORKER_CATALOGUE_H_
#define CMAP_EXPERIMENTS_WORKER_CATALOGUE_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/worker/thread_words.h"
#include "workloads/spec.h"

namespace cmap::experiments {

struct Cell {
  std::string question;
  std::string label;   // "key_reuse_rate:0.83", "cell:session_cache"
  std::string regime;  // empty where the question has only one
  workloads::Spec workload;
  int threads = 1;
  std::vector<std::string> contestants;  // baselines first, each once
  std::vector<std::string> excluded;     // strategies not to be added to these
  bool tunable_axis = false;             // the contestants are the axis
  bool called = false;                   // operations that compilers cannot look through
};

struct Catalogue {
  std::vector<Cell> cells;
  // Wall time of a slice in milliseconds, by the default profile: by doublings
  // of one thread, the last for all beyond.
  std::vector<double> slice_ms = {10};
  double slice_ms_oversubscribed = 200;

  double SliceMs(int threads, bool oversubscribed) const;

  // Words for numbers of threads are resolved on `machine`. Throws InputError
  // naming the question and the field at fault.
  static Catalogue FromJson(const nlohmann::json& json, const Cores& machine);
  // The same from a file.
  static Catalogue Read(const std::string& path, const Cores& machine);
};

// The workload of a question's `workload` object at an axis value: a copy with
// the field set. Throws InputError for a field that no workload has.
nlohmann::json AtAxisValue(const nlohmann::json& workload,
                           const std::string& field, const std::string& rest,
                           double value);

// The shortest decimal text that reads back as `value`: 0.83, 10000.
std::string ShortNumber(double value);

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_CATALOGUE_H_
