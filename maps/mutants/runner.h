// SPDX-License-Identifier: Apache-2.0
//
// Holds one strategy, in which a mistake has been planted, against one rung of the
// ladder. The program that includes this has included the changed header before
// the strategy's own, whose include guard then keeps the original out.
//
//   program RUNG        0: the mistake was not found; 1: found; 2: bad usage
//
// Every check is announced on standard output before it runs, so that the reader
// knows which one crashed or never came back.
#ifndef CMAP_MAPS_MUTANTS_RUNNER_H_
#define CMAP_MAPS_MUTANTS_RUNNER_H_

#include <cstdint>
#include <cstdio>
#include <exception>
#include <span>
#include <string>
#include <string_view>

#include "maps/concurrent_map.h"
#include "maps/testing/adaptor.h"
#include "maps/testing/checks.h"
#include "maps/testing/life_counted.h"
#include "maps/verification/litmus.h"
#include "maps/verification/perturbation.h"
#include "maps/verification/verify.h"

namespace cmap::mutants {

// A check that depends on the schedule gets this many seeds to find a mistake.
inline constexpr std::uint64_t kSeeds = 3;

inline constexpr int kSurvived = 0;
inline constexpr int kKilled = 1;
inline constexpr int kUsage = 2;

inline void Announce(std::string_view subject, std::string_view check) {
  std::printf("check %.*s: %.*s\n", static_cast<int>(subject.size()), subject.data(),
              static_cast<int>(check.size()), check.data());
  std::fflush(stdout);
}

inline int Killed(const std::string& text) {
  std::printf("killed %s\n", text.c_str());
  std::fflush(stdout);
  return kKilled;
}

// Until one check fails.
inline int RunChecks(const testing::Subject& subject, std::span<const testing::Check> checks,
                     std::uint64_t seeds) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    for (const testing::Check& check : checks) {
      if (!testing::Applies(check, subject)) continue;
      Announce(subject.name, check.name);
      const testing::Outcome outcome = testing::RunCheck(check, subject, seed);
      if (outcome.kind == testing::Outcome::kFailed) return Killed(outcome.text);
    }
  }
  return kSurvived;
}

// A program for some rungs need not be compiled for the others.
enum Rungs : unsigned {
  kPlain = 1,            // one_thread, whole_map, threads
  kLives = 2,            // lives, and what sanitizers look at
  kLinearizability = 4,  // linearizability, litmus
  kAllRungs = 7,
};

// Values that count their lives; where the strategy does not take them, numbers.
template <class Mutant, class Hash>
struct LivesMap {
  using Type = typename Mutant::template Map<std::uint64_t, std::uint64_t, Hash,
                                             verification::PerturbedAtomics>;
};
template <class Mutant, class Hash>
requires requires {
  typename Mutant::template Map<std::uint64_t, testing::LifeCounted, Hash,
                                verification::PerturbedAtomics>;
}
struct LivesMap<Mutant, Hash> {
  using Type = typename Mutant::template Map<std::uint64_t, testing::LifeCounted, Hash,
                                             verification::PerturbedAtomics>;
};

// Mutant is a struct with a template Map, as in maps/strategies/*.h.
template <class Mutant, template <class> class Hash, testing::HashKind kHash,
          unsigned kRungs = kAllRungs>
int Run(std::string_view rung) {
  using K = std::uint64_t;
  using verification::PerturbedAtomics;
  if constexpr ((kRungs & kPlain) != 0) {
    using Map = typename Mutant::template Map<K, K, Hash<K>, NativeAtomics>;
    const testing::Subject plain = testing::MakeSubject<Map>(Mutant::kName, kHash);
    if (rung == "one_thread") {
      return RunChecks(plain, testing::SequentialChecks(), 1);
    }
    if (rung == "whole_map") {
      return RunChecks(plain, testing::WholeMapChecks(), 1);
    }
    if (rung == "threads") {
      return RunChecks(plain, testing::ConcurrentChecks(), kSeeds);
    }
  }
  if constexpr ((kRungs & kLives) != 0) {
    using Map = typename LivesMap<Mutant, Hash<K>>::Type;
    testing::Subject counted = testing::MakeSubject<Map>(Mutant::kName, kHash);
    counted.thread_start = [](std::uint64_t seed) { verification::Perturber::Start(seed, 0.25); };
    if (rung == "lives") {
      for (const auto& checks : {testing::SequentialChecks(), testing::WholeMapChecks(),
                                 testing::ConcurrentChecks(), testing::FaultChecks()}) {
        const int found = RunChecks(counted, checks, 1);
        if (found != kSurvived) return found;
      }
      return kSurvived;
    }
  }
  if constexpr ((kRungs & kLinearizability) != 0) {
    using Map =
        typename Mutant::template Map<K, K, verification::VerificationHash<K>, PerturbedAtomics>;
    if (rung == "linearizability") {
      Announce(Mutant::kName, "histories");
      const verification::Report report = verification::VerifyLinearizability<Map>(Mutant::kName);
      if (report.violations == 0) return kSurvived;
      Announce(Mutant::kName, "history_" + std::to_string(report.first_violation));
      return Killed(report.counterexamples.empty() ? "no counterexample"
                                                   : report.counterexamples.front());
    }
    if (rung == "litmus") {
      Announce(Mutant::kName, "patterns");
      for (const verification::LitmusResult& result :
           verification::RunLitmus(verification::SubjectOf<Map>(Mutant::kName),
                                   {.rounds = 50'000, .seconds = 2})) {
        if (result.forbidden == 0) continue;
        return Killed(std::string(result.pattern) + ": " + std::to_string(result.forbidden) + " of " + std::to_string(result.rounds) +
                      " rounds cannot be explained");
      }
      return kSurvived;
    }
  }
  std::fprintf(stderr, "'%.*s' is not a rung of this program\n", static_cast<int>(rung.size()),
               rung.data());
  return kUsage;
}

// For a test that the rung finds the mistake. A schedule that hides it is given
// some more chances.
template <class Mutant, unsigned kRungs>
int ExpectKilled(std::string_view rung) {
  for (int attempt = 0; attempt < 10; ++attempt) {
    if (Run<Mutant, DefaultHash, testing::HashKind::kGood, kRungs>(rung) == kKilled) {
      return 0;
    }
  }
  std::printf("the rung %.*s does not find the mistake\n", static_cast<int>(rung.size()),
              rung.data());
  return 1;
}

}  // namespace cmap::mutants

#endif  // CMAP_MAPS_MUTANTS_RUNNER_H_
