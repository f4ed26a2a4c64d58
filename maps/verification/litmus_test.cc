// SPDX-License-Identifier: Apache-2.0
//
// Every contestant against the litmus patterns, quickly; and the controls, which say
// what the silence about the contestants is worth.
#include "maps/verification/litmus.h"

#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <thread>

#include "gtest/gtest.h"
#include "maps/testing/harness.h"
#include "maps/verification/contestant.h"
#include "maps/verification/controls.h"

namespace cmap::verification {
namespace {

LitmusOptions Quick() {
  LitmusOptions options;
  options.rounds = static_cast<std::uint64_t>(10'000 * testing::TestScale()) + 1;
  options.seconds = 0.1 * testing::TestScale();  // on a machine that does something else as well
  options.seed = testing::TestSeed();
  return options;
}

TEST(Litmus, NoContestantShowsWhatRealTimeForbids) {
  std::uint64_t rounds = 0;
  for (const Contestant& contestant : Contestants()) {
    if (!LitmusNotApplicable(contestant.subject.traits).empty()) continue;
    for (const LitmusResult& result : RunLitmus(contestant.subject, Quick())) {
      rounds += result.rounds;
      EXPECT_EQ(result.forbidden, 0u)
          << contestant.name << ", " << result.pattern << ": of " << result.rounds << " rounds";
    }
  }
  std::printf("%llu rounds\n", static_cast<unsigned long long>(rounds));
  if (std::thread::hardware_concurrency() >= 2) {
    EXPECT_GT(rounds, 0u);
  }
}

// Rounds whose threads ran at the same time, of a pattern, after which a mistake must have
// been seen. It is seen some ten times in as many on an idle machine; on a busy one there
// are no such rounds, and nothing can be seen.
constexpr std::uint64_t kEnoughTogether = 100'000;

struct Found {
  std::set<std::string> kinds;  // of patterns that show the control to be wrong
  std::uint64_t together = 0;   // rounds of the first pattern
};

// In some seconds.
Found FoundBy(const Control& control, std::size_t enough) {
  Found found;
  const testing::Subject subject = control.subject(control.name);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  LitmusOptions options = Quick();
  do {
    const auto results = RunLitmus(subject, options);
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (results[i].forbidden != 0) found.kinds.emplace(LitmusPatterns()[i].kind);
    }
    found.together += results[0].together;
    ++options.seed;
  } while (found.kinds.size() < enough && found.together < kEnoughTogether &&
           std::chrono::steady_clock::now() < deadline);
  return found;
}

TEST(Litmus, FindsTheControls) {
  if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "one processor: nothing can differ";
  for (const Control& control : Controls()) {
    if (!control.litmus) continue;
    const Found found = FoundBy(control, 1);
    if (control.flawed && found.kinds.empty() && found.together < kEnoughTogether) {
      GTEST_SKIP() << "the machine is busy: threads ran together in " << found.together
                   << " rounds only";
    }
    EXPECT_EQ(control.flawed, !found.kinds.empty())
        << control.name << ", " << found.together << " rounds";
  }
}

TEST(Litmus, FindsALoadThatIsLateByMoreThanOnePattern) {
  if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "one processor: nothing can differ";
  const Control control{"stale_load", true, "", &SubjectOf<StaleLoadMap>};
  const Found found = FoundBy(control, 3);
  if (found.together < kEnoughTogether && found.kinds.size() < 3) {
    GTEST_SKIP() << "the machine is busy";
  }
  EXPECT_TRUE(found.kinds.contains("message passing"));
  EXPECT_TRUE(found.kinds.contains("coherence"));
  EXPECT_TRUE(found.kinds.contains("store buffering"));
}

TEST(Litmus, SaysWhatItCannotAsk) {
  const auto results = RunLitmus(SubjectOf<StaleLoadMap>("stale_load"), {.rounds = 1});
  ASSERT_EQ(results.size(), LitmusPatterns().size());
  for (std::size_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(results[i].pattern, LitmusPatterns()[i].name);
    EXPECT_NE(results[i].skipped.empty(), results[i].rounds == 0);
    if (results[i].pattern == "store / range" && std::thread::hardware_concurrency() >= 2) {
      EXPECT_EQ(results[i].skipped, "range is not supported");
    }
  }
  Traits traits = StaleLoadMap::kTraits;
  traits.linearizable = false;
  EXPECT_EQ(LitmusNotApplicable(traits),
            "its loads may lag behind, and its traits say so");
}

}  // namespace
}  // namespace cmap::verification
