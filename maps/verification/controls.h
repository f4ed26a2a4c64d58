// SPDX-License-Identifier: Apache-2.0
//
// Negative controls: maps that are valid C++ without data races and yet wrong, as
// they are found in texts about concurrent maps. The recorder must find every one
// of them; a verification that cannot fail says nothing.
//
// Three must pass. generation_mended and plain_unlock_mended show that it is not the
// table around the mistake that fails, late_size_admitted that a trait is what permits it.
#ifndef CMAP_MAPS_VERIFICATION_CONTROLS_H_
#define CMAP_MAPS_VERIFICATION_CONTROLS_H_

#include <span>
#include <string_view>

#include "maps/verification/key_controls.h"
#include "maps/verification/verify.h"
#include "maps/verification/whole_map_controls.h"

namespace cmap::verification {

struct Control {
  std::string_view name;
  bool flawed;
  std::string_view what;
  testing::Subject (*subject)(std::string_view name);
  // Whether the litmus rung is held against it too, and must find it if it is flawed.
  bool litmus = false;
  // Whether it is found only while threads run at the same time, on two processors.
  bool needs_processors = false;
};

inline std::span<const Control> Controls() {
  static constexpr Control kControls[] = {
      {"reservation", true, "LoadOrStore as Load, then Store", &SubjectOf<ReservationMap>},
      {"upgrade", true, "moves what it found under a shared lock without looking again",
       &SubjectOf<UpgradeMap>},
      {"generation", true, "reads the data again after the generation has been checked",
       &SubjectOf<GenerationMap<Reading::kAsPrinted>>},
      {"generation_mended", false, "no mistake: the same as a seqlock, which must pass",
       &SubjectOf<GenerationMap<Reading::kMended>>},
      {"no_lock", true, "atomic accesses, but no lock around two of them", &SubjectOf<NoLockMap>},
      {"plain_unlock", true, "a write ends with plain stores, and returns before they are visible",
       &SubjectOf<PlainUnlockMap>, true, true},
      {"plain_unlock_mended", false,
       "the same with sequentially consistent stores and loads: must pass",
       &SubjectOf<PlainUnlockMendedMap>, true},
      {"stale_load", true, "now and then a Load is one write late", &SubjectOf<StaleLoadMap>, true},
      {"compare_then_store", true, "CompareAndSwap as a comparison, then a store",
       &SubjectOf<CompareThenStoreMap>},
      {"stale_range", true, "Range visits what the Range before it has copied",
       &SubjectOf<StaleRangeMap>},
      {"stale_size", true, "Size as it was when nothing else ran", &SubjectOf<StaleSizeMap>},
      {"late_size", true, "counts what has changed after the lock", &SubjectOf<LateSizeMap<false>>},
      {"late_size_admitted", false, "the same, and says so in its traits: must pass",
       &SubjectOf<LateSizeMap<true>>},
      {"claims_snapshot", true, "shards that claim a snapshot for Range",
       &SubjectOf<BoastfulMap<Claim::kSnapshot>>},
      {"claims_clear", true, "shards that claim an atomic Clear",
       &SubjectOf<BoastfulMap<Claim::kClear>>},
      {"claims_batch", true, "shards that claim atomic batches",
       &SubjectOf<BoastfulMap<Claim::kBatch>>},
  };
  return kControls;
}

}  // namespace cmap::verification

#endif  // CMAP_MAPS_VERIFICATION_CONTROLS_H_
