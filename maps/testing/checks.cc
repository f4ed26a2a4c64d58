// SPDX-License-Identifier: Apache-2.0
#include "maps/testing/checks.h"

#include <initializer_list>
#include <string>
#include <vector>

#include "maps/testing/faults.h"
#include "maps/testing/life_counted.h"
#include "maps/testing/parts.h"

namespace cmap::testing {
namespace {

// A map that may drop entries, as opposed to the null map, which has none.
bool IsCache(const Traits& traits) { return !traits.keeps_every_key && traits.returns_results; }

// Why `check` does not apply to `subject`; empty when it does.
std::string WhyNot(const Needs& needs, const Subject& subject) {
  const Traits& traits = subject.traits;
  for (std::size_t i = 0; i < kOpCount; ++i) {
    const Op op = static_cast<Op>(i);
    if (needs.ops.contains(op) && traits.unsupported.contains(op)) {
      return std::string(OpName(op)) +
             " is not supported: " + std::string(traits.unsupported_reason);
    }
  }
  if (needs.threads && traits.max_threads == 1) {
    return "the map is for one thread only";
  }
  if (needs.every_key && !traits.keeps_every_key && !(needs.fits_a_cache && IsCache(traits))) {
    return "the map may drop entries of its own accord";
  }
  if (needs.results && !traits.returns_results) return "the map returns nothing";
  if (needs.linearizable && !traits.linearizable) {
    return "a Load may miss the latest calls of Store";
  }
  if (needs.atomic_batch && !traits.batch_is_atomic) {
    return "batches are not promised to be atomic";
  }
  if (needs.atomic_clear && !traits.clear_is_atomic) {
    return "Clear is not promised to be atomic";
  }
  if (needs.snapshot_range && traits.range != RangeConsistency::kSnapshot) {
    return "Range is not promised to be a snapshot";
  }
  return "";
}

void Disarm(const Subject& subject) {
  LifeCounted::ThrowAfter(0);
  DisarmFault();
  if (subject.fail_allocation) subject.fail_allocation(0);
}

std::vector<Check> Joined(std::initializer_list<std::span<const Check>> parts) {
  std::vector<Check> all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

}  // namespace

std::span<const Check> SequentialChecks() {
  static const std::vector<Check> checks = Joined({PointChecks(), ModelChecks(), ReentrancyChecks()});
  return checks;
}

std::span<const Check> ConcurrentChecks() {
  static const std::vector<Check> checks =
      Joined({ConcurrentPointChecks(), ConcurrentReaderChecks(), ConcurrentLimitChecks()});
  return checks;
}

bool Applies(const Check& check, const Subject& subject) {
  const Needs& needs = check.needs;
  return (!needs.good_hash || subject.hash == HashKind::kGood) &&
         (!needs.counted_lives || subject.counts_lives) &&
         (!needs.long_keys || subject.long_keys) && (!needs.cache || IsCache(subject.traits)) &&
         (!needs.tunables || !subject.tunables.empty()) && (!needs.own || !subject.peer) &&
         needs.faults == subject.faulty;
}

Outcome RunCheck(const Check& check, const Subject& subject, std::uint64_t seed) {
  if (!Applies(check, subject)) {
    return {Outcome::kSkipped, "nothing to look at with these types"};
  }
  if (std::string why = WhyNot(check.needs, subject); !why.empty()) {
    return {Outcome::kSkipped, std::move(why)};
  }
  const std::string where = std::string(check.name) + " of " + subject.name +
                            " (CMAP_TEST_SEED=" + std::to_string(seed) + "): ";
  subject.quiesce();
  hash_of_maps = subject.hash;
  const std::int64_t alive = LifeCounted::Alive();
  const std::int64_t violations = LifeCounted::Violations();
  try {
    const Context context(subject, seed);
    check.run(context);
  } catch (const std::exception& e) {
    Disarm(subject);
    return {Outcome::kFailed, where + e.what()};
  } catch (...) {
    Disarm(subject);
    return {Outcome::kFailed, where + "an exception of unknown type"};
  }
  subject.quiesce();
  if (LifeCounted::Violations() != violations) {
    return {Outcome::kFailed, where + std::to_string(LifeCounted::Violations() - violations) +
                                  " uses of values outside their lives"};
  }
  if (LifeCounted::Alive() != alive) {
    return {Outcome::kFailed, where + std::to_string(LifeCounted::Alive() - alive) +
                                  " values alive after the map was destroyed (negative: destroyed "
                                  "more often than created)"};
  }
  return {Outcome::kPassed, ""};
}

}  // namespace cmap::testing
