// SPDX-License-Identifier: Apache-2.0
//
// A contestant as written in catalogues, requests and on command lines:
//
//   name[:tunable=value[,tunable=value]][@batch][@load_batch][@reserve][@direct]
//
// for instance mutex_map, sharded_map:shards=256, snapshot_map@batch. With
// @batch every maximal run of consecutive stores of a slice is applied by one
// StoreBatch, with @load_batch every sixteen loads by one VisitBatch (maps/visit_batch.h).
// With @reserve room for the final size is reserved before the clock
// starts, so that a presized map can be held against a growing one in one visit.
// With @direct a loop written by hand calls the map, or the library behind a peer's
// adapter: what the harness costs a contestant is its time beside that.
#ifndef CMAP_EXPERIMENTS_WORKER_CONTESTANT_SPEC_H_
#define CMAP_EXPERIMENTS_WORKER_CONTESTANT_SPEC_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cmap::experiments {

struct ContestantSpec {
  std::string text;  // as written
  std::string name;
  std::vector<std::pair<std::string, std::int64_t>> tunables;
  bool batch = false;
  bool load_batch = false;
  bool reserve = false;
  bool direct = false;
  // Not in the text but in the visit: every operation is a call that compilers cannot
  // look through.
  bool called = false;

  // Throws InputError when the text is not of the form above. Whether the
  // strategy and its tunables exist is the registry's business.
  static ContestantSpec Parse(std::string_view text);
};

// The candidate that `word` was probably meant to be: the one with the least
// edit distance, if at most a third of the word need change. Empty otherwise.
std::string Nearest(std::string_view word,
                    const std::vector<std::string>& candidates);

// "a, b, c".
std::string Join(const std::vector<std::string>& words);

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_CONTESTANT_SPEC_H_
