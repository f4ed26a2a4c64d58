// SPDX-License-Identifier: Apache-2.0
//
// Zipf's distribution, P(rank k) proportional to k^-theta for k = 1..n, for
// any theta > 0, 1 included, exactly (no approximation of the harmonic
// number), in O(1) per draw and without tables.
//
// Source: W. Hoermann, G. Derflinger, "Rejection-inversion to generate variates
// from monotone discrete distributions", ACM TOMACS 6(3), 1996. With
//   h(x) = x^-theta,  H(x) = integral of h from 1 to x,
// a uniform u between H(3/2) - h(1) and H(n + 1/2) is inverted to x = H^-1(u)
// and rounded to k. The area that k should have is h(k), the area it has is
// H(k + 1/2) - H(k - 1/2), which is larger for k > 1 because h is convex; the
// surplus is rejected. Most draws are accepted by the squeeze k - x <= s
// without evaluating h.
#ifndef CMAP_WORKLOADS_ZIPF_H_
#define CMAP_WORKLOADS_ZIPF_H_

#include <cstdint>

#include "workloads/rng.h"

namespace cmap::workloads {

class Zipf {
 public:
  // Ranks 1..n. Requires n >= 1, theta > 0.
  Zipf(std::uint32_t n, double theta);

  // Changes n: one evaluation of H.
  void Resize(std::uint32_t n);

  // A rank in [1, n].
  std::uint32_t Draw(Rng& rng) const;

  std::uint32_t n() const { return n_; }

 private:
  double H(double x) const;
  double HInverse(double u) const;
  double Density(double x) const;

  double one_minus_theta_;
  double theta_;
  std::uint32_t n_ = 0;
  double h_first_;    // H(3/2) - h(1)
  double h_last_ = 0;  // H(n + 1/2)
  double squeeze_;    // s
};

}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_ZIPF_H_
