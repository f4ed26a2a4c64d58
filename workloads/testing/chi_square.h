// SPDX-License-Identifier: Apache-2.0
//
// Pearson's chi-square test of goodness of fit, for the tests of the streams.
#ifndef CMAP_WORKLOADS_TESTING_CHI_SQUARE_H_
#define CMAP_WORKLOADS_TESTING_CHI_SQUARE_H_

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace cmap::workloads {

// Q(a, x), the regularised upper incomplete gamma function: by its series below
// a + 1, by Lentz's continued fraction above.
inline double UpperGamma(double a, double x) {
  if (x <= 0) return 1;
  const double factor = std::exp(-x + a * std::log(x) - std::lgamma(a));
  if (x < a + 1) {
    double term = 1 / a;
    double sum = term;
    for (double k = a + 1; term > sum * 1e-15; ++k) {
      term *= x / k;
      sum += term;
    }
    return 1 - sum * factor;
  }
  double b = x + 1 - a;
  double c = 1e300;
  double d = 1 / b;
  double fraction = d;
  for (int i = 1; i < 100000; ++i) {
    const double an = -i * (i - a);
    b += 2;
    d = 1 / (an * d + b);
    c = b + an / c;
    const double delta = d * c;
    fraction *= delta;
    if (std::abs(delta - 1) < 1e-15) break;
  }
  return factor * fraction;
}

// The probability of a statistic at least as large under the hypothesis that
// `counts` were drawn with `probabilities`. Neighbouring cells are merged until
// each expects at least ten.
inline double ChiSquareP(const std::vector<std::uint64_t>& counts,
                         const std::vector<double>& probabilities) {
  double total = 0;
  for (const std::uint64_t count : counts) total += static_cast<double>(count);
  double statistic = 0;
  int cells = 0;
  double seen = 0;
  double expected = 0;
  double expected_left = total;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    seen += static_cast<double>(counts[i]);
    expected += probabilities[i] * total;
    expected_left -= probabilities[i] * total;
    // A remainder too small for a cell of its own joins this one.
    const bool last = i + 1 == counts.size();
    if (!last && (expected < 10 || expected_left < 10)) continue;
    statistic += (seen - expected) * (seen - expected) / expected;
    ++cells;
    seen = expected = 0;
  }
  if (cells < 2) return 1;
  return UpperGamma((cells - 1) / 2.0, statistic / 2);
}

}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_TESTING_CHI_SQUARE_H_
