// SPDX-License-Identifier: Apache-2.0
//
// Records histories of a map under disturbed schedules and checks that they are
// linearizable. One call does it:
//
//   #include "maps/verification/verify.h"
//
//   using Map = cmap::MutexMap<std::uint64_t, std::uint64_t,
//                              cmap::verification::VerificationHash<std::uint64_t>,
//                              cmap::verification::PerturbedAtomics>;
//   const auto report = cmap::verification::VerifyLinearizability<Map>("mutex_map");
//   if (report.violations != 0) std::cerr << report.counterexamples.front();
//
// or, for a strategy of maps/strategies.bzl, with the types above filled in,
//
//   VerifyStrategy<cmap::strategies::mutex_map>();
//
// A map that is not of PerturbedAtomics (a library of others) is disturbed around
// its operations and in the hash function only.
#ifndef CMAP_MAPS_VERIFICATION_VERIFY_H_
#define CMAP_MAPS_VERIFICATION_VERIFY_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "maps/concurrent_map.h"
#include "maps/testing/adaptor.h"
#include "maps/testing/any_map.h"
#include "maps/verification/perturbation.h"

namespace cmap::verification {

namespace internal {
// One hash for all keys, or few, or many: changed only while there is no map.
inline std::atomic<testing::HashKind> hash_kind{testing::HashKind::kGood};
}  // namespace internal

// One type for three hash functions (maps/testing/adaptor.h), so that a map is
// compiled once; and a point of disturbance.
template <class K>
struct VerificationHash {
  std::uint64_t operator()(const K& key) const noexcept {
    Perturber::OutsidePoint();
    switch (internal::hash_kind.load(std::memory_order_relaxed)) {
      case testing::HashKind::kGood:
        break;
      case testing::HashKind::kTruncated:
        return testing::TruncatedHash<K>{}(key);
      case testing::HashKind::kConstant:
        return 0;
    }
    return DefaultHash<K>{}(key);
  }
};

struct Options {
  std::uint64_t seed = 1;
  std::uint64_t histories = 2000;     // of keys: program.h says what is in them
  std::uint64_t map_histories = 500;  // of the whole map
  double perturbation = 0.25;         // probability at each point; 0: none
  bool vary_tunables = true;          // half of the maps with one changed
  bool stop_at_first = true;          // violation; else all are counted
  double seconds = 0;                 // stop after these; 0: never
  int max_threads = 8;
  // A history that takes longer ends the program, with a message: a deadlock.
  int hang_seconds = 120;
  std::size_t keep = 3;  // counterexamples
};

struct Report {
  std::string name;
  std::string not_applicable;  // why there is nothing to verify, else empty
  std::uint64_t seed = 0;
  std::uint64_t histories = 0;      // recorded and checked, of keys
  std::uint64_t map_histories = 0;  // of the whole map
  std::uint64_t operations = 0;     // in all of them
  std::uint64_t longest = 0;        // operations of the longest
  int min_threads = 0, max_threads = 0;
  int min_keys = 0, max_keys = 0;    // contested
  std::uint64_t configurations = 0;  // the most at one time in the search
  // Accesses to shared memory at which the map could be disturbed; 0 for maps
  // that do not use PerturbedAtomics.
  std::uint64_t perturbed_accesses = 0;
  std::uint64_t violations = 0;       // histories that are not linearizable
  std::uint64_t first_violation = 0;  // number of the history, from 1
  double seconds = 0;
  std::vector<std::string> counterexamples;
};

// Why the map that has these traits cannot be verified; empty if it can.
std::string NotApplicable(const Traits& traits);

// Takes milliseconds per history and one thread more than the histories have.
// Not from two threads at a time: the hash is switched by a global variable.
Report VerifySubject(const testing::Subject& subject, const Options& options = {});

template <class Map>
testing::Subject SubjectOf(std::string_view name) {
  return testing::MakeSubject<Map>(name, testing::HashKind::kGood);
}

template <class Map>
Report VerifyLinearizability(std::string_view name, const Options& options = {}) {
  return VerifySubject(SubjectOf<Map>(name), options);
}

namespace internal {
template <class Strategy>
struct Verified {
  using Map = typename Strategy::template Map<std::uint64_t, std::uint64_t,
                                              DefaultHash<std::uint64_t>, PerturbedAtomics>;
};
template <class Strategy>
  requires requires {
    typename Strategy::template Map<std::uint64_t, std::uint64_t, VerificationHash<std::uint64_t>,
                                    PerturbedAtomics>;
  }
struct Verified<Strategy> {
  using Map = typename Strategy::template Map<std::uint64_t, std::uint64_t,
                                              VerificationHash<std::uint64_t>, PerturbedAtomics>;
};
}  // namespace internal

// Libraries that want hashes without collisions refuse any but the default one.
template <class Strategy>
using VerifiedMap = typename internal::Verified<Strategy>::Map;

template <class Strategy>
Report VerifyStrategy(const Options& options = {}) {
  return VerifyLinearizability<VerifiedMap<Strategy>>(Strategy::kName, options);
}

}  // namespace cmap::verification

#endif  // CMAP_MAPS_VERIFICATION_VERIFY_H_
