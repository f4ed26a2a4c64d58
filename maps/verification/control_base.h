// SPDX-License-Identifier: Apache-2.0
//
// What controls have in common: see controls.h.
#ifndef CMAP_MAPS_VERIFICATION_CONTROL_BASE_H_
#define CMAP_MAPS_VERIFICATION_CONTROL_BASE_H_

#include <cstdint>
#include <string_view>

#include "maps/concurrent_map.h"
#include "maps/internal/locks/rw_lock.h"
#include "maps/internal/tables/locked_map.h"
#include "maps/verification/perturbation.h"
#include "maps/verification/verify.h"

namespace cmap::verification {

using ControlHash = VerificationHash<std::uint64_t>;

// Right, and under one mutex: what controls with one wrong operation begin with.
using LockedControl = cmap::internal::LockedMap<std::uint64_t, std::uint64_t, ControlHash,
                                                cmap::internal::MutexLock<PerturbedAtomics>>;

constexpr Traits ControlTraits(std::string_view summary) {
  return {.family = "control",
          .summary = summary,
          .source = "negative control",
          .read_progress = Progress::kBlocking,
          .write_progress = Progress::kBlocking,
          .reclamation = "none needed",
          .growth = "as the table"};
}

}  // namespace cmap::verification

#endif  // CMAP_MAPS_VERIFICATION_CONTROL_BASE_H_
