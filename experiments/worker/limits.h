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

// Entries of a stationary tape. It wraps around, so it need not be longer than what
// no branch predictor learns, nor shorter than what a lap must ask for to meet most
// keys of a large population: twice the population within these bounds. A thread's
// own sequence has at least the first, all together at most the second, and a joint
// one, which one thread generates, the third.
inline constexpr std::uint64_t kLeastTapeOps = 256u << 10;
inline constexpr std::uint64_t kMostTapeOps = 32u << 20;
inline constexpr std::uint64_t kLongestTapeOps = 4u << 20;
inline constexpr std::uint64_t kJointTapeOps = 2u << 20;

// Fresh maps in one slice of the regimes that start empty.
inline constexpr int kMaxRepeats = 1000;

// Size() calls that take longer stay out of the neighbourhood of slices.
inline constexpr std::int64_t kCheapSizeNs = 20'000;

// Operations per slice of an untimed visit when the workload leaves them open.
inline constexpr std::uint64_t kUntimedOps = 20'000;
inline constexpr int kUntimedBlocks = 2;

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_LIMITS_H_
