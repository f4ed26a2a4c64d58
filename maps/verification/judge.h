// SPDX-License-Identifier: Apache-2.0
//
// Holds what the threads have recorded against what the map's traits promise.
//
//   point operations   linearizable, always
//   Range   snapshot: one state of all keys, at one moment of the call
//           otherwise: for each key what it held, or that it was absent, at some
//           moment of the call. (So a key present throughout is visited, with a
//           value that it had meanwhile.) Each key at most once.
//   Clear   atomic: all keys go at one moment
//           otherwise: each key goes at some moment of the call
//   StoreBatch   atomic: all pairs come at one moment
//           otherwise: each at some moment of the call
//   Size    of one moment: the number of keys at one moment of the call
//           in parts: the number when it began, plus any of the insertions and
//           minus any of the removals that overlap it. That is what remains true
//           of counters in stripes and of walks
//           late: the same, but of what overlaps it nothing need be counted that
//           had already happened when it began
//           At rest: the number of keys.
//
// Where the traits say that a Load may lag behind, its result is not looked at
// until all threads are at rest and Size has been called. All other operations,
// on whose results no lag is allowed, are held to the above.
//
// An operation that is not atomic becomes one operation per key with the same
// interval. A map whose traits say that it may drop keys is held against a map
// in which any entry may vanish at any moment, never to return by itself.
#ifndef CMAP_MAPS_VERIFICATION_JUDGE_H_
#define CMAP_MAPS_VERIFICATION_JUDGE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "maps/concurrent_map.h"
#include "maps/verification/checker.h"
#include "maps/verification/program.h"

namespace cmap::verification {

// Contested keys have numbers below.
inline constexpr std::uint16_t kContested = 8;

class Judge {
 public:
  explicit Judge(const Traits& traits) : traits_(traits) {}

  // The last log is what one thread has found at rest after the others. `held`:
  // by key, what the map held before. Returns what is wrong, or nothing.
  std::string JudgeKeys(const std::vector<const Log*>& logs, const std::vector<Id>& held);
  // The same for a history of the whole map, in which only the first kLanes keys
  // are touched, and the side keys lie still.
  std::string JudgeMap(const std::vector<const Log*>& logs, const std::vector<Id>& held);

  // The most configurations that the last search kept at one time.
  std::size_t configurations() const { return configurations_; }

 private:
  // Whether it may return what was there some time ago.
  bool MayLag(const Operation& load, bool at_rest) const {
    return !traits_.linearizable && !at_rest && load.result != kForeign;
  }
  std::string Solve(const Problem& problem, const std::string& what);
  std::string CheckSize(const Problem& joint, const Operation& size);

  const Traits traits_;
  Checker checker_;
  std::size_t configurations_ = 0;
  std::vector<Problem> by_key_;
};

}  // namespace cmap::verification

#endif  // CMAP_MAPS_VERIFICATION_JUDGE_H_
