// SPDX-License-Identifier: Apache-2.0
//
// The conformance checks: what every strategy must do, whatever it is made of.
// Each is a function that throws when the map is wrong, so that the kit's own
// test can hold deliberately broken maps against it (kit_test.cc).
//
// The checks follow the tests of Go's sync.Map (src/sync/map_test.go) and of its
// hash trie (src/internal/sync/hashtriemap_test.go), those of xsync for
// LoadOrCompute and growth, and add invariants over concurrent histories that
// need no recording: conservation of values, sums, sizes, exactly-once.
#ifndef CMAP_MAPS_TESTING_CHECKS_H_
#define CMAP_MAPS_TESTING_CHECKS_H_

#include <span>
#include <string>
#include <string_view>

#include "maps/concurrent_map.h"
#include "maps/testing/any_map.h"
#include "maps/testing/harness.h"

namespace cmap::testing {

// What a check presupposes of a map; where a strategy does not offer it the check
// is skipped with a reason.
struct Needs {
  OpSet ops{};                  // none of them declared unsupported
  bool threads = false;         // several threads
  bool every_key = true;        // the map never evicts
  bool fits_a_cache = false;    // stores so little that a cache may not evict either
  bool cache = false;           // the map may evict: checks that only caches need
  bool results = true;          // the map returns what was stored
  bool linearizable = true;     // a Load finds what was just stored
  bool atomic_batch = false;    // the traits promise it
  bool atomic_clear = false;    // the traits promise it
  bool snapshot_range = false;  // the traits promise it
  // Of the types, not of the strategy: see Applies().
  bool good_hash = false;      // many keys
  bool counted_lives = false;  // values are LifeCounted
  bool long_keys = false;      // strings
  bool tunables = false;       // at least one tunable
  bool faults = false;         // hash, equality and copies of keys can be made to fail
  bool own = false;            // a strategy of the project, not a library of others
};

struct Check {
  std::string_view name;
  Needs needs;
  void (*run)(const Context& context);
};

// All checks, in five groups: one thread, several threads, whole map, faults, caches.
std::span<const Check> SequentialChecks();
std::span<const Check> ConcurrentChecks();
std::span<const Check> WholeMapChecks();
std::span<const Check> FaultChecks();
std::span<const Check> CacheChecks();

// Whether the check has anything to look at with these key and value types, this
// hash and these tunables. Where not, it is not even registered.
bool Applies(const Check& check, const Subject& subject);

struct Outcome {
  enum Kind { kPassed, kSkipped, kFailed } kind;
  std::string text;  // why skipped, or what is wrong and with which seed
};

// Runs one check. Beside what the check itself asserts, no value may outlive the
// maps of the check, and no value may be used outside its life.
Outcome RunCheck(const Check& check, const Subject& subject, std::uint64_t seed = TestSeed());

}  // namespace cmap::testing

#endif  // CMAP_MAPS_TESTING_CHECKS_H_
