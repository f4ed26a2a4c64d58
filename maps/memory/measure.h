// SPDX-License-Identifier: Apache-2.0
//
// The life of one map, in bytes.
#ifndef CMAP_MAPS_MEMORY_MEASURE_H_
#define CMAP_MAPS_MEMORY_MEASURE_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "maps/memory/subject.h"

namespace cmap::memory {

// All in bytes beyond what the program held before the map was made.
struct Footprint {
  Number entries = 0;                       // stored
  std::optional<std::size_t> size;          // of these, kept: fewer in a bounded cache
  bool in_batches = false;                  // where a single store copies the map
  std::int64_t empty = 0;                   // before the first entry
  std::int64_t filled = 0;                  // with all, what was put aside included
  std::int64_t fill_peak = 0;               // at most, while it was filled
  std::int64_t settled = 0;                 // with all, after Quiesce
  std::optional<std::size_t> memory_bytes;  // what the map says of itself then
  std::int64_t overwrite_peak = 0;          // at most, while all were overwritten
  std::int64_t overwritten = 0;             // before Quiesce
  // With as many entries again, settled, after kCycles times all were deleted and as many
  // others stored; and after kTurnover * entries times one was deleted and another stored.
  // Nothing where that was not asked for, would take long (kMostChurned, in_batches), or
  // nothing is deleted.
  std::optional<std::int64_t> cycled, churned;
  std::int64_t deleted = 0;                 // after all were deleted, and Quiesce
  std::int64_t leaked = 0;                  // after the map was destroyed, and Quiesce
};

// Why the subject cannot be measured; empty if it can.
std::string_view WhyNot(const Subject& subject);

// Stores that take longer than this on average, in seconds of processor time, are not waited for.
inline constexpr double kSlowStoreSeconds = 50e-6;

inline constexpr Number kMostChurned = 10'000;  // entries
inline constexpr Number kCycles = 50;
inline constexpr Number kTurnover = 100;

// Nothing where stores are too slow and the map has no batches: one with a fixed number of
// buckets, and very many entries.
// `churn`: whether cycled and churned are measured too, which takes longer than the rest.
// `slow`: what is not waited for, seconds a store.
std::optional<Footprint> Measure(const Subject& subject, Number entries, bool churn = false,
                                 double slow = kSlowStoreSeconds);

}  // namespace cmap::memory

#endif  // CMAP_MAPS_MEMORY_MEASURE_H_
