// SPDX-License-Identifier: Apache-2.0
//
// The fixed numbers of a visit, in one place; the reasons are with each.
#ifndef CMAP_EXPERIMENTS_WORKER_LIMITS_H_
#define CMAP_EXPERIMENTS_WORKER_LIMITS_H_

#include <cstddef>
#include <cstdint>

namespace cmap::experiments {

// Medians over fewer blocks are hardly better than single blocks.
inline constexpr int kLeastBlocks = 4;
// The first blocks meet cold caches, an untouched heap and a sleeping clock.
inline constexpr int kLeastWarmUpBlocks = 2;
// A visit whose blocks keep being rejected ends after this many times its time.
inline constexpr double kPatience = 3.0;

// Operations on a stationary tape, all threads: 32 MiB, a quarter of a second
// to generate. Only maps faster than 3 ns an operation get shorter slices.
inline constexpr std::uint64_t kMaxTapeOps = 8u << 20;

// Calibration plays slices of growing length until they take this long.
inline constexpr double kProbeNs = 1.5e6;
inline constexpr std::uint64_t kFirstProbeOps = 256;
inline constexpr std::uint64_t kMaxProbeOps = 64u << 10;
// Prefilling more keys than this twice, once for calibration and once for the
// measurement, would cost more than a tape of guessed length.
inline constexpr std::size_t kSmallPrefill = 100'000;
// The guess: nanoseconds an operation of a large map takes at least.
inline constexpr double kLargeMapNs = 40.0;

// Fresh maps in one slice of the regimes that start empty.
inline constexpr int kMaxRepeats = 1000;

// Size() calls that take longer stay out of the neighbourhood of slices.
inline constexpr std::int64_t kCheapSizeNs = 20'000;

// Operations per slice of an untimed visit when the workload leaves them open.
inline constexpr std::uint64_t kUntimedOps = 20'000;
inline constexpr int kUntimedBlocks = 2;

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_LIMITS_H_
