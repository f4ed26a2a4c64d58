// SPDX-License-Identifier: Apache-2.0
#include "workloads/zipf.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "workloads/testing/chi_square.h"

namespace cmap::workloads {
namespace {

class ZipfTest : public testing::TestWithParam<double> {
 protected:
  // Probability of rank k, by direct summation.
  static std::vector<double> Probabilities(std::uint32_t n, double theta) {
    std::vector<double> p(n);
    double sum = 0;
    for (std::uint32_t k = n; k >= 1; --k) {  // small terms first
      p[k - 1] = std::pow(k, -theta);
      sum += p[k - 1];
    }
    for (double& x : p) x /= sum;
    return p;
  }

  static std::vector<std::uint64_t> Histogram(std::uint32_t n, double theta,
                                              std::uint64_t draws,
                                              std::uint64_t seed) {
    const Zipf zipf(n, theta);
    Rng rng(seed);
    std::vector<std::uint64_t> counts(n, 0);
    for (std::uint64_t i = 0; i < draws; ++i) {
      const std::uint32_t rank = zipf.Draw(rng);
      if (rank < 1 || rank > n) {
        ADD_FAILURE() << "rank " << rank << " of " << n;
        break;
      }
      ++counts[rank - 1];
    }
    return counts;
  }
};

TEST_P(ZipfTest, FitsChiSquare) {
  for (const std::uint32_t n : {2u, 3u, 10u, 1000u, 100000u}) {
    const double p =
        ChiSquareP(Histogram(n, GetParam(), 400000, 7 + n),
                   Probabilities(n, GetParam()));
    EXPECT_GT(p, 0.001) << "n = " << n;
  }
}

TEST_P(ZipfTest, OneRankIsAlwaysDrawn) {
  EXPECT_EQ(Histogram(1, GetParam(), 100, 1)[0], 100u);
}

TEST_P(ZipfTest, ResizeEqualsConstruction) {
  const double theta = GetParam();
  Zipf resized(5, theta);
  resized.Resize(777);
  const Zipf fresh(777, theta);
  Rng a(3);
  Rng b(3);
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(resized.Draw(a), fresh.Draw(b));
}

// Ten million draws; the long test of the package.
TEST_P(ZipfTest, TenMillionDrawsAndTopTenRanks) {
  constexpr std::uint64_t kDraws = 10'000'000;
  constexpr std::uint32_t kKeys = 10'000;
  const auto counts = Histogram(kKeys, GetParam(), kDraws, 20);
  const auto p = Probabilities(kKeys, GetParam());
  EXPECT_GT(ChiSquareP(counts, p), 0.001);
  for (int k = 0; k < 10; ++k) {
    const double expected = p[k] * kDraws;
    // Within 1 %, or within five standard deviations where a hundredth of the
    // expected count is less than its own noise.
    const double slack =
        std::max(0.01 * expected, 5 * std::sqrt(expected * (1 - p[k])));
    EXPECT_NEAR(static_cast<double>(counts[k]), expected, slack)
        << "rank " << k + 1;
    if (GetParam() >= 0.99) {
      EXPECT_NEAR(static_cast<double>(counts[k]), expected, 0.01 * expected)
          << "rank " << k + 1;
    }
  }
}

// The statistic has power: the next exponent is told apart.
TEST_P(ZipfTest, AnotherExponentIsRejected) {
  const auto counts = Histogram(1000, GetParam() + 0.05, 400000, 5);
  EXPECT_LT(ChiSquareP(counts, Probabilities(1000, GetParam())), 1e-6);
}

INSTANTIATE_TEST_SUITE_P(Exponents, ZipfTest,
                         testing::Values(0.5, 0.99, 1.0, 1.2, 2.0));

TEST(ZipfExtremes, NearOneIsContinuous) {
  // The series near theta = 1 and the closed form must agree.
  for (const double theta : {1 - 1e-9, 1 + 1e-9, 1 - 1e-5, 1 + 1e-5}) {
    const Zipf near(1000, theta);
    const Zipf one(1000, 1);
    int different = 0;
    for (std::uint64_t i = 0; i < 10000; ++i) {
      Rng a(i);  // anew, since a rejection would shift all later draws
      Rng b(i);
      different += near.Draw(a) != one.Draw(b);
    }
    // At a distance of 1e-5 ranks near 1000 move by up to 0.2 of a rank.
    EXPECT_LE(different, std::abs(theta - 1) < 1e-8 ? 1 : 100) << theta;
  }
}

TEST(ZipfExtremes, SteepAndHuge) {
  Rng rng(1);
  const Zipf steep(1u << 28, 20);
  for (int i = 0; i < 10000; ++i) ASSERT_LE(steep.Draw(rng), 3u);
  const Zipf flat(1u << 28, 1e-6);
  double sum = 0;
  for (int i = 0; i < 10000; ++i) sum += flat.Draw(rng);
  EXPECT_NEAR(sum / 10000 / (1u << 27), 1, 0.05);
}

}  // namespace
}  // namespace cmap::workloads
