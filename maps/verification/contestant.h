// SPDX-License-Identifier: Apache-2.0
//
// The contestants that are linked into a program: one in the test of a strategy,
// all in the campaign. maps/verification/contestants.bzl generates, for each
// line of maps/strategies.bzl, a file that registers one.
#ifndef CMAP_MAPS_VERIFICATION_CONTESTANT_H_
#define CMAP_MAPS_VERIFICATION_CONTESTANT_H_

#include <string>
#include <vector>

#include "maps/testing/any_map.h"
#include "maps/verification/verify.h"

namespace cmap::verification {

struct Contestant {
  std::string name;
  testing::Subject subject;
};

// In the order of registration.
std::vector<Contestant>& Contestants();

template <class Strategy>
bool RegisterContestant() {
  using Map = VerifiedMap<Strategy>;
  static_assert(ConcurrentMap<Map>, "the strategy does not model ConcurrentMap");
  Contestants().push_back({std::string(Strategy::kName), SubjectOf<Map>(Strategy::kName)});
  return true;
}

}  // namespace cmap::verification

#endif  // CMAP_MAPS_VERIFICATION_CONTESTANT_H_
