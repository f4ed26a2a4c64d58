// SPDX-License-Identifier: Apache-2.0
//
// What a tape really is. A workload asks for a reuse rate, a skew, a mix; the
// tape's own figures travel with every result, so that nothing is reported
// against a target that was missed.
#ifndef CMAP_WORKLOADS_FIGURES_H_
#define CMAP_WORKLOADS_FIGURES_H_

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>

#include "workloads/tape.h"

namespace cmap::workloads {

struct Figures {
  std::uint64_t ops = 0;  // all threads
  // Key reuse rate, 1 - distinct / requests, on a cold map. On tapes with
  // paired deletes those deletes are not requests, prefilled keys count as
  // seen, and a deleted key that returns counts as new.
  double reuse_rate = 0;
  // Of the Load, LoadOrStore and LoadOrCompute operations, the share that finds
  // its key when the tape runs once from the prefilled state, the threads
  // taking turns. 0 without any.
  double hit_rate = 0;
  std::uint64_t distinct = 0;  // different keys asked for
  double entropy_1024 = 0;     // bits, of the requests over 1024 hash buckets
  double top100_share = 0;     // of requests, on the 100 most asked keys
  double write_share = 0;      // of operations, all but Load

  // {"ops":N,"reuse_rate":..,"hit_rate":..,"distinct":D,"entropy_1024":..,
  //  "top100_share":..,"write_share":..}
  nlohmann::json ToJson() const;
};

// Figures of the first `n` operations of every thread (n <= tape.length()).
// O(n * threads + universe).
Figures Measure(const Tape& tape, std::size_t n);

// Entropy in bits of a histogram; 0 for an empty one.
double EntropyBits(std::span<const std::uint64_t> counts);
// The part of the total that the `top` largest counts hold.
double TopShare(std::span<const std::uint32_t> counts, std::size_t top);

}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_FIGURES_H_
