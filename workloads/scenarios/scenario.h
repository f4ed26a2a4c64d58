// SPDX-License-Identifier: Apache-2.0
//
// A scenario: something that programs do with a map and that is no tape, because what
// a thread does next depends on what it found, or because threads have roles.
//
//   {"scenario": {"name": "stock_reservation", "way": "compare_and_swap", "keys": 16}}
//
// It is a template over the map. Its threads run for a window of time like those of a
// tape; what some of them do is counted as operations, and contestants are compared by
// it. What must hold is checked after every slice, and what is worth knowing beside the
// rate (units sold twice, entries a second) is added up over the visit.
//
//   template <class Map> class S {
//     static constexpr ScenarioTraits kTraits;
//     S(const ScenarioRequest&, std::uint32_t threads, std::uint64_t seed);
//     void Fill(Map&);                                    // quiescent, the map is empty
//     std::uint64_t Step(Map&, std::uint32_t t, std::size_t n);
//         // thread t does n steps of its role and returns how many operations they were;
//         // calls of different threads overlap
//     bool Counted(std::uint32_t t) const;                // whether these operations count
//     std::string Check(Map&);                            // quiescent: what is wrong, or ""
//     void Tell(double seconds, std::vector<Amount>&) const;  // of the slice just played
//     void TellTimes(std::vector<Times>&) const;          // if it has any: the same
//     static constexpr bool kMayLag = true;  // only if maps may take part whose loads lag behind
//   };
//
// Numbers are the same on every compiler and machine, given what the threads did.
#ifndef CMAP_WORKLOADS_SCENARIOS_SCENARIO_H_
#define CMAP_WORKLOADS_SCENARIOS_SCENARIO_H_

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "maps/concurrent_map.h"

namespace cmap::workloads {

// A number that a scenario takes.
struct ScenarioNumber {
  std::string_view name;
  double otherwise;
  double least;
  double most;
};

struct ScenarioTraits {
  std::string_view name;
  std::span<const std::string_view> ways;  // what `way` may be; the first is the default
  std::span<const ScenarioNumber> numbers;
  std::uint32_t least_threads = 1;
};

// A share or a rate: `amount` out of or per `of`, both added up over slices.
struct Amount {
  std::string_view name;
  double amount;
  double of;
};

// Times that one thread took in a slice, each of `each` operations in a row. Told as
// percentiles of all slices of a visit, per operation: <what>p50_<unit>, <what>p99_<unit>.
struct Times {
  std::string_view what;  // empty, or ends with _
  std::string_view unit;  // "us" or "ns"
  std::size_t each;
  std::span<const std::int64_t> ns;
};

// Of what stands in place of a map in a scenario about none: a contestant that can do
// nothing which a tape asks for.
constexpr Traits NoMapTraits(std::string_view summary, std::string_view reason,
                             std::string_view caveat, Progress progress) {
  Traits traits{};
  traits.family = "harness";
  traits.summary = summary;
  traits.source = "this study";
  traits.read_progress = traits.write_progress = progress;
  traits.reclamation = "none needed";
  traits.growth = "none";
  traits.keeps_every_key = traits.returns_results = false;
  traits.unsupported = OpSet(Op::kLoad, Op::kStore, Op::kLoadOrStore, Op::kLoadAndDelete, Op::kDelete, Op::kSwap,
                             Op::kCompareAndSwap, Op::kCompareAndDelete, Op::kLoadOrCompute, Op::kRange, Op::kClear,
                             Op::kSize, Op::kReserve, Op::kStoreBatch, Op::kMemoryBytes);
  traits.unsupported_reason = reason;
  traits.caveat = caveat;
  return traits;
}

struct ScenarioRequest {
  std::string name;  // empty: none, the workload is a tape
  std::string way;   // empty: the scenario's first
  std::vector<std::pair<std::string, double>> numbers;

  // Syntax only: what the scenario takes is checked by Complete. Throws SpecError.
  static ScenarioRequest FromJson(const nlohmann::json& object);

  // The request with every way and number that the scenario has. Throws SpecError for
  // what it does not take.
  ScenarioRequest Complete(const ScenarioTraits& traits) const;

  // A number of a complete request.
  double operator[](std::string_view number) const;
};

}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_SCENARIOS_SCENARIO_H_
