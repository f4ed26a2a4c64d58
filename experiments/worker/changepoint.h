// SPDX-License-Identifier: Apache-2.0
//
// Did something change in the middle of a visit? A visit's estimate is a median
// over blocks, which assumes that the blocks are alike. A neighbour on the same
// host that starts half-way, or a map that ends up in another state, breaks that.
//
// The test is Pettitt's rank form of the cumulative sum (A. N. Pettitt, "A
// non-parametric approach to the change-point problem", Appl. Statist. 28,
// 1979), robust to outliers, with its p-value by random permutation because the
// published approximation cannot reach 0.001 below some 24 blocks.
#ifndef CMAP_EXPERIMENTS_WORKER_CHANGEPOINT_H_
#define CMAP_EXPERIMENTS_WORKER_CHANGEPOINT_H_

#include <cstdint>
#include <span>
#include <vector>

namespace cmap::experiments {

// Pettitt's statistic: the greatest |sum over i <= t of sum over j > t of
// sign(x_i - x_j)|. O(n log n). 0 for fewer than two values.
double PettittStatistic(std::span<const double> series);

// Share of random orders of the series whose statistic is at least as large
// (with the observed order counted in, so never 0). Deterministic.
double PettittPValue(std::span<const double> series, std::uint64_t seed,
                     int permutations = 9999);

// Whether any of the series has a changepoint at p < 0.001, divided among them
// (Bonferroni).
bool HasChangepoint(const std::vector<std::vector<double>>& series,
                    std::uint64_t seed);

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_CHANGEPOINT_H_
