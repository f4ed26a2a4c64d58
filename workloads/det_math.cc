// SPDX-License-Identifier: Apache-2.0
#include "workloads/det_math.h"

#include <array>
#include <bit>
#include <cstdint>

namespace cmap::workloads {
namespace {

constexpr int kLogBits = 7;
constexpr int kLogCells = 1 << kLogBits;
constexpr int kExpBits = 6;
constexpr int kExpCells = 1 << kExpBits;

// ln 2 as the nearest double plus the rest; the first part, cut to 33
// significant bits, gives exact products with exponents.
constexpr double kLn2 = 0x1.62e42fefa39efp-1;
constexpr double kLn2High = 0x1.62e42feep-1;
constexpr double kLn2Low = 0x1.a39ef35793c76p-33;

// ln of c in [1, 2): 2 artanh((c - 1) / (c + 1)), to full precision.
constexpr double SlowLog(double c) {
  const double s = (c - 1) / (c + 1);
  const double s2 = s * s;
  double sum = 0;
  for (int k = 41; k >= 1; k -= 2) sum = sum * s2 + 1.0 / k;
  return 2 * s * sum;
}

// e^x for 0 <= x < ln 2.
constexpr double SlowExp(double x) {
  double sum = 1;
  for (int k = 24; k >= 1; --k) sum = 1 + sum * x / k;
  return sum;
}

struct LogCell {
  double centre;
  double inverse;
  double log;
};

constexpr std::array<LogCell, kLogCells> MakeLogTable() {
  std::array<LogCell, kLogCells> table{};
  for (int i = 0; i < kLogCells; ++i) {
    const double centre = 1 + (i + 0.5) / kLogCells;
    table[i] = {centre, 1 / centre, SlowLog(centre)};
  }
  return table;
}

constexpr std::array<double, kExpCells> MakeExpTable() {
  std::array<double, kExpCells> table{};
  for (int i = 0; i < kExpCells; ++i) table[i] = SlowExp(i * kLn2 / kExpCells);
  return table;
}

constexpr auto kLogTable = MakeLogTable();
constexpr auto kExpTable = MakeExpTable();

}  // namespace

double DetLog(double x) {
  if (x == 1) return 0;
  const auto bits = std::bit_cast<std::uint64_t>(x);
  const int exponent = static_cast<int>(bits >> 52) - 1023;
  const LogCell& cell = kLogTable[(bits >> (52 - kLogBits)) & (kLogCells - 1)];
  const auto mantissa = std::bit_cast<double>(
      (bits & 0x000fffffffffffffULL) | 0x3ff0000000000000ULL);
  // |r| <= 2^-8: the first term left out is below 2^-64 / 8.
  const double r = (mantissa - cell.centre) * cell.inverse;
  const double series =
      r * (1 - r * (1.0 / 2 - r * (1.0 / 3 - r * (1.0 / 4 - r * (1.0 / 5 -
      r * (1.0 / 6 - r * (1.0 / 7)))))));
  return exponent * kLn2High + (cell.log + (series + exponent * kLn2Low));
}

double DetExp(double x) {
  if (x < -700) return 0;
  const double scaled = x * (kExpCells / kLn2);
  const auto k = static_cast<std::int64_t>(scaled + (scaled < 0 ? -0.5 : 0.5));
  const auto kd = static_cast<double>(k);
  // |r| <= ln 2 / 128: the first term left out is below 2^-54.
  const double r = (x - kd * (kLn2High / kExpCells)) -
                   kd * (kLn2Low / kExpCells);
  const double series =
      1 + r * (1 + r * (1.0 / 2 + r * (1.0 / 6 + r * (1.0 / 24 + r *
      (1.0 / 120 + r * (1.0 / 720))))));
  const std::int64_t exponent = k >> kExpBits;
  const auto power = std::bit_cast<double>(
      static_cast<std::uint64_t>(exponent + 1023) << 52);
  return power * (kExpTable[static_cast<std::size_t>(k & (kExpCells - 1))] *
                  series);
}

}  // namespace cmap::workloads
