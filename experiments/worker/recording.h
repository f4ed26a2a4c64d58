// SPDX-License-Identifier: Apache-2.0
//
// A recorded sequence of operations in place of a tape that is made from a workload: the
// first operations of a compact trace (tools/trace/FORMAT.md), in the order in which the
// traced program did them. They are dealt to the threads of a visit like any joint sequence
// of a regime that starts empty (workloads/deal.h), and every run is held against a replay.
// Or they come at the times at which they came (arrivals of the course "recorded"), dealt to
// the threads in turn: a service whose requests are spread over its threads.
//
// A trace numbers its keys: a replay has their order and locality, not their bytes, so that
// what the traced keys did to a hash function is not seen. Keys and values are of the types
// that the workload says.
#ifndef CMAP_EXPERIMENTS_WORKER_RECORDING_H_
#define CMAP_EXPERIMENTS_WORKER_RECORDING_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "experiments/worker/contestant.h"
#include "workloads/parallel.h"
#include "workloads/spec.h"
#include "workloads/tape.h"

namespace cmap::experiments {

// When operations of a compact trace arrived, nanoseconds after the first one, ascending:
// those of the first `most` that arrived within `ns`, which are at least one. O(operations).
// Throws InputError as ReadRecording, and for a trace that has no times.
std::vector<std::int64_t> ReadArrivals(const std::string& path, std::uint64_t most, std::int64_t ns);

// The first `most` operations of a compact trace, or all, as one sequence that starts from
// an empty map. O(operations). Throws InputError for a file that is none, is damaged, or
// holds no operation; the checksum of a longer trace is not reached.
workloads::Tape ReadRecording(const std::string& path, std::uint64_t most);

// The operations of one sequence, or their times, by thread: dealt in turn, so that all
// threads have equally many; the last few, fewer than there are threads, are left out.
template <class T>
std::vector<std::vector<T>> DealInTurn(std::span<const T> sequence, int threads) {
  const auto players = static_cast<std::size_t>(threads);
  std::vector<std::vector<T>> dealt(players);
  for (std::vector<T>& own : dealt) own.reserve(sequence.size() / players);
  for (std::size_t i = 0; i < sequence.size() / players * players; ++i) {
    dealt[i % players].push_back(sequence[i]);
  }
  return dealt;
}

// What a visit plays when `path` takes the place of the workload's own tape: one sequence, or
// with `dealt` one for each thread, whose operations are at most `most` together. Throws as
// above.
std::unique_ptr<Material> RecordedMaterial(const workloads::Spec& workload, const std::string& path,
                                           std::uint64_t most, int threads,
                                           const workloads::Parallel& parallel,
                                           bool dealt = false);

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_RECORDING_H_
