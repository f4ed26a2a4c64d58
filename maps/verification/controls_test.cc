// SPDX-License-Identifier: Apache-2.0
#include "maps/verification/controls.h"

#include <cstdio>
#include <string>

#include "gtest/gtest.h"
#include "maps/testing/harness.h"
#include "maps/verification/litmus.h"

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

// Whether two threads that want to run do so at the same time.
bool Idle() {
  const LitmusResult first =
      RunLitmus(SubjectOf<PlainUnlockMendedMap>("mended"), {.rounds = 5000, .seconds = 1})[0];
  return first.rounds >= 5000 && first.together * 10 > first.rounds * 9;
}

TEST(Controls, EachMistakeIsFound) {
  for (const Control& control : Controls()) {
    const std::uint64_t histories = control.needs_processors ? 20'000 : 2000;
    const Report report = Verify(control, histories, 0.25, control.flawed);
    if (!control.flawed) {
      EXPECT_EQ(report.violations, 0u)
          << control.name << "\n"
          << (report.counterexamples.empty() ? "" : report.counterexamples[0]);
      continue;
    }
    if (report.violations == 0 && control.needs_processors && !Idle()) {
      std::printf("%s needs threads that run at the same time: the machine is busy\n",
                  std::string(control.name).c_str());
      continue;
    }
    ASSERT_EQ(report.violations, 1u) << control.name;
    ASSERT_EQ(report.counterexamples.size(), 1u);
    std::printf("%s\n", report.counterexamples[0].c_str());
  }
}

}  // namespace
}  // namespace cmap::verification
