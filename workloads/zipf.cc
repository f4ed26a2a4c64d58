// SPDX-License-Identifier: Apache-2.0
#include "workloads/zipf.h"

#include "workloads/det_math.h"

namespace cmap::workloads {
namespace {

// Below this the quotients take their series: cancellation costs the direct
// forms up to 2^-53 / |t|, the series is exact to t^4 / 5.
constexpr double kSmall = 1e-4;

// log(1 + t) / t, for t > -1.
double Log1pOver(double t) {
  if (t > -kSmall && t < kSmall) {
    return 1 - t * (1.0 / 2 - t * (1.0 / 3 - t * (1.0 / 4)));
  }
  return DetLog(1 + t) / t;
}

// (e^t - 1) / t.
double Expm1Over(double t) {
  if (t > -kSmall && t < kSmall) {
    return 1 + t * (1.0 / 2 + t * (1.0 / 6 + t * (1.0 / 24)));
  }
  return (DetExp(t) - 1) / t;
}

}  // namespace

Zipf::Zipf(std::uint32_t n, double theta)
    : one_minus_theta_(1 - theta), theta_(theta) {
  h_first_ = H(1.5) - 1;
  squeeze_ = 2 - HInverse(H(2.5) - Density(2));
  Resize(n);
}

void Zipf::Resize(std::uint32_t n) {
  n_ = n;
  h_last_ = H(n + 0.5);
}

// (x^(1-theta) - 1) / (1 - theta), which is log x at theta = 1.
double Zipf::H(double x) const {
  const double log_x = DetLog(x);
  return Expm1Over(one_minus_theta_ * log_x) * log_x;
}

double Zipf::HInverse(double u) const {
  double t = u * one_minus_theta_;
  // Rounding can carry u past the pole of the inverse when theta > 1.
  if (t <= -1) t = -1 + 0x1.0p-52;
  return DetExp(Log1pOver(t) * u);
}

double Zipf::Density(double x) const { return DetExp(-theta_ * DetLog(x)); }

std::uint32_t Zipf::Draw(Rng& rng) const {
  const double last = n_;
  for (;;) {
    const double u = h_last_ + rng.Unit() * (h_first_ - h_last_);
    double x = HInverse(u);
    if (x > last) x = last;  // by rounding only
    auto k = static_cast<std::uint32_t>(x + 0.5);
    if (k < 1) k = 1;
    if (k - x <= squeeze_ || u >= H(k + 0.5) - Density(k)) return k;
  }
}

}  // namespace cmap::workloads
