// SPDX-License-Identifier: Apache-2.0
//
// Contestants of scenarios about no map: words in memory (false_sharing), and writers that
// nothing keeps apart (checked_misuse). They are in the list of strategies so that a visit
// can name them, as references that can do nothing which a tape asks for.
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "experiments/worker/registry.h"
#include "experiments/worker/scenario_for.h"
#include "maps/bucket_map.h"
#include "maps/checked_map.h"
#include "maps/internal/locks/fail_fast_lock.h"
#include "maps/internal/locks/rw_lock.h"
#include "workloads/scenarios/checked_misuse.h"
#include "workloads/scenarios/false_sharing.h"

namespace cmap::experiments {
namespace {

using Mutex = cmap::internal::MutexLock<NativeAtomics>;
using U64 = std::uint64_t;
using CheckedAndWhole = CheckedMap<U64, U64, DefaultHash<U64>, NativeAtomics, Mutex>;
using Whole = BucketMap<U64, U64, DefaultHash<U64>, NativeAtomics, Mutex>;

// A map that stays whole whoever writes to it, with the check before its mutex or without.
template <class Map>
class Writers {
 public:
  using Options = NoOptions;

  static constexpr bool kChecked = std::is_same_v<Map, CheckedAndWhole>;
  static constexpr Traits kTraits = workloads::NoMapTraits(
      kChecked ? "writers without a lock of their own, on a table with checked_map's check"
               : "writers without a lock of their own, on the same table without a check: a control",
      "it is writers for the scenario checked_misuse, no map",
      "no map: shows how often a check notices; behind it a mutex keeps the table whole",
      Progress::kBlocking);
  static constexpr std::array<Tunable<Options>, 0> kTunables = {};

  // Reports of this process are counted from now on, where they would end it.
  Writers() {
    if constexpr (kChecked) {
      cmap::internal::SetMisuseHook([](cmap::internal::Misuse) { reports.fetch_add(1, std::memory_order_relaxed); });
    }
  }
  explicit Writers(const Options&) : Writers() {}

  void Store(U64 key, U64 value) { map_.Store(key, value); }
  U64 Size() { return map_.Size(); }
  static U64 Reports() { return kChecked ? reports.load(std::memory_order_relaxed) : 0; }

 private:
  static inline std::atomic<U64> reports{0};
  Map map_;
};

// `Thing` takes part in `Scenario` under that name, and in nothing else.
template <class Thing, template <class> class Scenario>
bool RegisterNoMap(std::string_view name) {
  StrategyInfo info;
  info.name = std::string(name);
  info.traits = Thing::kTraits;
  info.object_bytes = sizeof(Thing);
  return RegisterStrategy(info, Types{}, [](const ContestantSpec& spec) -> std::unique_ptr<Contestant> {
           throw std::logic_error(spec.name + " plays no tape");  // refused with the request: it supports no operation
         }) &&
         RegisterScenario(name, Scenario<Thing>::kTraits,
                          [](const ContestantSpec& spec, const workloads::ScenarioRequest& request, std::uint32_t threads,
                             std::uint64_t seed) -> std::unique_ptr<ScenarioContestant> {
                            return std::make_unique<ScenarioFor<Thing, Scenario<Thing>>>(spec, request, threads, seed);
                          });
}

using workloads::CheckedMisuse, workloads::FalseSharing, workloads::Words;

[[maybe_unused]] const bool registered =
    RegisterNoMap<Words<0>, FalseSharing>("same_word") | RegisterNoMap<Words<4>, FalseSharing>("same_line") |
    RegisterNoMap<Words<64>, FalseSharing>("apart_64") | RegisterNoMap<Words<128>, FalseSharing>("apart_128") |
    RegisterNoMap<Writers<CheckedAndWhole>, CheckedMisuse>("checked_writers") |
    RegisterNoMap<Writers<Whole>, CheckedMisuse>("unchecked_writers");

}  // namespace
}  // namespace cmap::experiments
