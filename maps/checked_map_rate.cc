// SPDX-License-Identifier: Apache-2.0
//
// Prints what share of concurrent writes checked_map notices on this machine.
#include <cstdint>
#include <cstdio>

#include "maps/testing/misuse.h"

int main() {
  constexpr std::uint64_t kEpisodes = 2'000;
  std::printf("threads   episodes  with overlap     noticed    missed\n");
  for (const int threads : {2, 4}) {
    const auto rate = cmap::testing::MeasureMisuse(threads, kEpisodes);
    const auto print = [](std::uint64_t n) {
      return static_cast<unsigned long long>(n);
    };
    std::printf("%7d %10llu %13llu %11llu", threads, print(kEpisodes),
                print(rate.overlapped), print(rate.noticed));
    if (rate.overlapped == 0) {
      std::printf("         -\n");
    } else {
      std::printf("  %7.3f%%\n",
                  100.0 * static_cast<double>(rate.overlapped - rate.noticed) /
                      static_cast<double>(rate.overlapped));
    }
  }
}
