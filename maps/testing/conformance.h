// SPDX-License-Identifier: Apache-2.0
//
// The conformance kit: every check for a strategy with three pairs of key and
// value types under three hashes. maps/strategies.bzl generates, per strategy, a
// file with the one line
//
//   static const bool registered =
//       cmap::testing::RegisterConformance<cmap::strategies::mutex_map>();
//
// A file that includes counting_new.h before this one also gets the checks with faults:
// keys whose hash, equality and copies throw, values whose copies and equality throw,
// allocations that fail.
//
// Tests are called <types>_<hash>.<check>, e.g. string_string_good.swap.
// A class template that is constrained to some value types (requires ...) is
// tested with those it accepts.
#ifndef CMAP_MAPS_TESTING_CONFORMANCE_H_
#define CMAP_MAPS_TESTING_CONFORMANCE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "maps/concurrent_map.h"
#include "maps/testing/adaptor.h"
#include "maps/testing/any_map.h"
#include "maps/testing/checks.h"

namespace cmap::testing {

// One check of one subject as a GoogleTest test.
class CheckTest : public ::testing::Test {
 public:
  CheckTest(const Check& check, const Subject& subject)
      : check_(check), subject_(subject) {}

  void TestBody() override {
    const Outcome outcome = RunCheck(check_, subject_);
    if (outcome.kind == Outcome::kFailed) FAIL() << outcome.text;
    if (outcome.kind == Outcome::kSkipped) GTEST_SKIP() << outcome.text;
  }

 private:
  const Check& check_;
  const Subject& subject_;
};

// Registers all checks of one subject with GoogleTest. The subject lives as long
// as the program.
inline void RegisterSubject(const std::string& suite, Subject made) {
  static auto& subjects = *new std::vector<std::unique_ptr<const Subject>>;
  subjects.push_back(std::make_unique<const Subject>(std::move(made)));
  const Subject* subject = subjects.back().get();
  for (const auto& checks :
       {SequentialChecks(), WholeMapChecks(), ConcurrentChecks(), FaultChecks(), CacheChecks()}) {
    for (const Check& check : checks) {
      if (!Applies(check, *subject)) continue;
      ::testing::RegisterTest(
          suite.c_str(), std::string(check.name).c_str(), nullptr, nullptr,
          __FILE__, __LINE__, [&check, subject]() -> ::testing::Test* {
            return new CheckTest(check, *subject);
          });
    }
  }
}

template <class Strategy, class K, class V>
constexpr bool kTakesAnyHash =
    requires { typename Strategy::template Map<K, V, ChosenHash<K>>; };

// With one pair of types and one hash.
template <class Strategy, class K, class V>
void RegisterTypes(HashKind hash) {
  static constexpr const char* kNames[] = {"good", "truncated", "constant"};
  const std::string suite =
      std::string(Code<K>::kName) + "_" + std::string(Code<V>::kName) + "_" +
      kNames[static_cast<int>(hash)];
  if constexpr (kTakesAnyHash<Strategy, K, V>) {
    using Map = typename Strategy::template Map<K, V, ChosenHash<K>>;
    static_assert(ConcurrentMap<Map>,
                  "the strategy does not model ConcurrentMap");
    Subject subject = MakeSubject<Map>(Strategy::kName, hash);
    subject.peer = Strategy::kPeer;
    RegisterSubject(suite, std::move(subject));
  } else if constexpr (requires {
                         typename Strategy::template Map<K, V, DefaultHash<K>>;
                       }) {
    using Map = typename Strategy::template Map<K, V, DefaultHash<K>>;
    static_assert(ConcurrentMap<Map>,
                  "the strategy does not model ConcurrentMap");
    if (hash == HashKind::kGood) {
      Subject subject = MakeSubject<Map>(Strategy::kName, hash);
      subject.peer = Strategy::kPeer;
      RegisterSubject(suite, std::move(subject));
    }
  }
}

template <class Strategy, class K, class V>
void RegisterTypes() {
  RegisterTypes<Strategy, K, V>(HashKind::kGood);
  RegisterTypes<Strategy, K, V>(HashKind::kTruncated);
  RegisterTypes<Strategy, K, V>(HashKind::kConstant);
}

// Of the project's own maps is asked that they survive any fault unchanged.
template <class Strategy>
void RegisterFaults() {
  if constexpr (requires {
                  typename Strategy::template Map<FaultyKey, LifeCounted, FaultyHash>;
                }) {
    using Map = typename Strategy::template Map<FaultyKey, LifeCounted, FaultyHash>;
    Subject subject = MakeSubject<Map>(Strategy::kName, HashKind::kGood);
#ifdef CMAP_MAPS_TESTING_COUNTING_NEW_H_
    subject.fail_allocation = [](std::uint64_t n) { return FailAllocation(n); };
#endif
    RegisterSubject("faults", std::move(subject));
  }
}

template <class Strategy>
bool RegisterConformance() {
  RegisterTypes<Strategy, std::uint64_t, std::uint64_t>();
  RegisterTypes<Strategy, std::string, std::string>();
  RegisterTypes<Strategy, std::uint64_t, LifeCounted>();
  if constexpr (!Strategy::kPeer) RegisterFaults<Strategy>();
  return true;
}

// For a variant of a strategy that is tested in full: another policy, the same
// code. Each value type once, and chains of equal hashes.
template <class Strategy>
bool RegisterVariant() {
  using U64 = std::uint64_t;
  RegisterTypes<Strategy, U64, U64>(HashKind::kGood);
  RegisterTypes<Strategy, std::string, std::string>(HashKind::kGood);
  RegisterTypes<Strategy, U64, LifeCounted>(HashKind::kTruncated);
  if constexpr (!Strategy::kPeer) RegisterFaults<Strategy>();
  return true;
}

}  // namespace cmap::testing

#endif  // CMAP_MAPS_TESTING_CONFORMANCE_H_
