// SPDX-License-Identifier: Apache-2.0
#include "maps/verification/controls.h"

#include <cstdio>
#include <string>

#include "gtest/gtest.h"
#include "maps/testing/harness.h"

namespace cmap::verification {
namespace {

Report Verify(const Control& control, std::uint64_t histories, double perturbation,
              bool stop_at_first) {
  Options options;
  options.seed = testing::TestSeed();
  options.histories = histories;
  options.map_histories = histories;
  options.perturbation = perturbation;
  options.stop_at_first = stop_at_first;
  options.seconds = 30;
  return VerifySubject(control.subject(control.name), options);
}

TEST(Controls, EachMistakeIsFound) {
  for (const Control& control : Controls()) {
    const Report report = Verify(control, 2000, 0.25, control.flawed);
    if (!control.flawed) {
      EXPECT_EQ(report.violations, 0u)
          << control.name << "\n"
          << (report.counterexamples.empty() ? "" : report.counterexamples[0]);
      continue;
    }
    ASSERT_EQ(report.violations, 1u) << control.name;
    ASSERT_EQ(report.counterexamples.size(), 1u);
    std::printf("%s\n", report.counterexamples[0].c_str());
  }
}

}  // namespace
}  // namespace cmap::verification
