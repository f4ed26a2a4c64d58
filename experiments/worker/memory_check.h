// SPDX-License-Identifier: Apache-2.0
//
// Refuses a visit that would not fit, before anything is built: a machine that
// swaps measures its disk, and one that kills measures nothing.
#ifndef CMAP_EXPERIMENTS_WORKER_MEMORY_CHECK_H_
#define CMAP_EXPERIMENTS_WORKER_MEMORY_CHECK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "workloads/spec.h"

namespace cmap::experiments {

// A generous figure for one entry of one map, its share of the tables included
// (the largest strategy takes some 150 bytes for 64-bit keys and values).
inline constexpr std::uint64_t kBytesPerEntry = 200;

// Upper estimate of what a visit needs: maps alive at the same time and one
// spare (a table doubles while the old one is there, a snapshot is copied),
// tapes, key tables, the arena.
std::uint64_t EstimateBytes(const workloads::Spec& spec, int contestants,
                            int threads);

// MemAvailable of /proc/meminfo text, bytes.
std::optional<std::uint64_t> ParseMemAvailable(std::string_view meminfo);

// What this process may still take: the machine's available memory or the
// control group's remainder, whichever is less. Nothing when unknown.
std::optional<std::uint64_t> AvailableBytes();

// "12.1 GiB".
std::string Gibibytes(std::uint64_t bytes);

// Throws RefusedError when the estimate exceeds nine tenths of `available`.
void CheckMemory(const workloads::Spec& spec, int contestants, int threads,
                 std::optional<std::uint64_t> available);

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_MEMORY_CHECK_H_
