// SPDX-License-Identifier: Apache-2.0
//
// The histories of one contestant in the normal suite. Under sanitizers, and
// emulated, there are fewer: CMAP_TEST_SCALE scales them further.
#include "maps/verification/contestant.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>

#include "gtest/gtest.h"
#include "maps/testing/harness.h"

namespace cmap::verification {
namespace {

#if defined(CMAP_THREAD_SANITIZER) || defined(CMAP_ADDRESS_SANITIZER)
constexpr double kShare = 0.5;
#else
constexpr double kShare = 1;
#endif

std::uint64_t Scaled(std::uint64_t count) {
  return std::max<std::uint64_t>(
      1, static_cast<std::uint64_t>(static_cast<double>(count) * kShare * testing::TestScale()));
}

TEST(Linearizability, Histories) {
  for (const Contestant& contestant : Contestants()) {
    Options options;
    options.seed = testing::TestSeed();
    options.histories = Scaled(2000);
    options.map_histories = Scaled(500);
    options.seconds = 200;  // on a machine that does something else as well
    const Report report = VerifySubject(contestant.subject, options);
    if (!report.not_applicable.empty()) {
      GTEST_SKIP() << contestant.name << ": " << report.not_applicable;
    }
    std::printf("%s: %llu + %llu histories, %llu operations, %.1f s\n", contestant.name.c_str(),
                static_cast<unsigned long long>(report.histories),
                static_cast<unsigned long long>(report.map_histories),
                static_cast<unsigned long long>(report.operations), report.seconds);
    EXPECT_EQ(report.violations, 0u);
    for (const std::string& text : report.counterexamples) ADD_FAILURE() << text;
    EXPECT_GT(report.histories, 0u);
  }
}

}  // namespace
}  // namespace cmap::verification
