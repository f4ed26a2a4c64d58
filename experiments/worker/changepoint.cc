// SPDX-License-Identifier: Apache-2.0
#include "experiments/worker/changepoint.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <random>
#include <utility>

namespace cmap::experiments {
namespace {

// Ranks from 1, ties sharing their mean.
std::vector<double> Ranks(std::span<const double> x) {
  std::vector<std::size_t> order(x.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return x[a] < x[b]; });
  std::vector<double> ranks(x.size());
  for (std::size_t i = 0; i < order.size();) {
    std::size_t j = i;
    while (j < order.size() && x[order[j]] == x[order[i]]) ++j;
    for (std::size_t k = i; k < j; ++k) {
      ranks[order[k]] = (static_cast<double>(i + j) + 1.0) / 2.0;
    }
    i = j;
  }
  return ranks;
}

// Pettitt's U_t equals 2 * (sum of the first t ranks) - t * (n + 1).
double StatisticOfRanks(std::span<const double> ranks) {
  const double centre = static_cast<double>(ranks.size()) + 1.0;
  double sum = 0.0;
  double greatest = 0.0;
  for (double r : ranks) {
    sum += 2.0 * r - centre;
    greatest = std::max(greatest, std::abs(sum));
  }
  return greatest;
}

}  // namespace

double PettittStatistic(std::span<const double> series) {
  if (series.size() < 2) return 0.0;
  return StatisticOfRanks(Ranks(series));
}

double PettittPValue(std::span<const double> series, std::uint64_t seed,
                     int permutations) {
  if (series.size() < 2) return 1.0;
  std::vector<double> ranks = Ranks(series);
  const double observed = StatisticOfRanks(ranks);
  std::mt19937_64 random(seed);
  int as_large = 1;
  for (int p = 0; p < permutations; ++p) {
    for (std::size_t i = ranks.size(); i > 1; --i) {
      std::swap(ranks[i - 1], ranks[random() % i]);
    }
    if (StatisticOfRanks(ranks) >= observed) ++as_large;
  }
  return static_cast<double>(as_large) / static_cast<double>(permutations + 1);
}

bool HasChangepoint(const std::vector<std::vector<double>>& series,
                    std::uint64_t seed) {
  for (std::size_t i = 0; i < series.size(); ++i) {
    const double p = PettittPValue(series[i], seed + i);
    if (p * static_cast<double>(series.size()) < 0.001) return true;
  }
  return false;
}

}  // namespace cmap::experiments
