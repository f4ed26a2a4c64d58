// SPDX-License-Identifier: Apache-2.0
//
// A recorded sequence of operations in place of a tape that is made from a workload: the
// first operations of a compact trace (tools/trace/FORMAT.md), in the order in which the
// traced program did them. They are dealt to the threads of a visit like any joint sequence
// of a regime that starts empty (workloads/deal.h), and every run is held against a replay.
//
// A trace numbers its keys: a replay has their order and locality, not their bytes, so that
// what the traced keys did to a hash function is not seen. Keys and values are of the types
// that the workload says.
#ifndef CMAP_EXPERIMENTS_WORKER_RECORDING_H_
#define CMAP_EXPERIMENTS_WORKER_RECORDING_H_

#include <cstdint>
#include <memory>
#include <string>

#include "experiments/worker/contestant.h"
#include "workloads/parallel.h"
#include "workloads/spec.h"
#include "workloads/tape.h"

namespace cmap::experiments {

// The first `most` operations of a compact trace, or all, as one sequence that starts from
// an empty map. O(operations). Throws InputError for a file that is none, is damaged, or
// holds no operation; the checksum of a longer trace is not reached.
workloads::Tape ReadRecording(const std::string& path, std::uint64_t most);

// What a visit plays when `path` takes the place of the workload's own tape. Throws as above.
std::unique_ptr<Material> RecordedMaterial(const workloads::Spec& workload, const std::string& path,
                                           std::uint64_t most, int threads,
                                           const workloads::Parallel& parallel);

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_RECORDING_H_
