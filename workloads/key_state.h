// SPDX-License-Identifier: Apache-2.0
//
// What an operation of the tape does to one key, as a table: the sequential
// specification against which slices are checked. A key is absent or holds
// version 0 or version 1 of its value; a set of these states is three bits.
// Applied to a set, an operation gives the set of states after it, and whether
// its outcome is possible (for one member) or certain (for all).
//
// The outcome is: Load, Swap, Store: the key was present (Store does not report
// it); LoadOrStore, LoadOrCompute: loaded; the others: returned true or a
// value.
#ifndef CMAP_WORKLOADS_KEY_STATE_H_
#define CMAP_WORKLOADS_KEY_STATE_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "maps/concurrent_map.h"
#include "workloads/spec.h"

namespace cmap::workloads {

inline constexpr std::uint8_t kAbsent = 1;
inline constexpr std::uint8_t kVersion0 = 2;
inline constexpr std::uint8_t kVersion1 = 4;
inline constexpr std::uint8_t kPresent = kVersion0 | kVersion1;

struct SetStep {
  std::uint8_t after = 0;
  bool possible = false;
  bool certain = true;
};

namespace internal {

// One state, a single bit.
constexpr SetStep StepOne(Op op, int version, std::uint8_t state) {
  const std::uint8_t written = version == 0 ? kVersion0 : kVersion1;
  const std::uint8_t other = version == 0 ? kVersion1 : kVersion0;
  const bool present = state != kAbsent;
  const auto result = [](std::uint8_t after, bool outcome) {
    return SetStep{after, outcome, outcome};
  };
  switch (op) {
    case Op::kStore:
    case Op::kSwap: return result(written, present);
    case Op::kLoadOrStore:
    case Op::kLoadOrCompute: return result(present ? state : written, present);
    case Op::kDelete:
    case Op::kLoadAndDelete: return result(kAbsent, present);
    case Op::kCompareAndSwap:  // expects the other version
      return state == other ? result(written, true) : result(state, false);
    case Op::kCompareAndDelete:  // expects the version of its position
      return state == written ? result(kAbsent, true) : result(state, false);
    default: return result(state, present);  // kLoad
  }
}

// Indexed by operation, version, set.
constexpr auto MakeStepTable() {
  std::array<std::array<std::array<SetStep, 8>, 2>, kPointOps> table{};
  for (std::size_t op = 0; op < kPointOps; ++op) {
    for (int version = 0; version < 2; ++version) {
      for (std::uint8_t set = 1; set < 8; ++set) {
        SetStep& step = table[op][version][set];
        for (std::uint8_t state = 1; state < 8; state <<= 1) {
          if ((set & state) == 0) continue;
          const SetStep one = StepOne(static_cast<Op>(op), version, state);
          step.after |= one.after;
          step.possible |= one.possible;
          step.certain &= one.certain;
        }
      }
    }
  }
  return table;
}
inline constexpr auto kStepTable = MakeStepTable();

}  // namespace internal

// `states` is not empty; version is 0 or 1.
constexpr const SetStep& ApplyToStates(Op op, std::size_t version,
                                       std::uint8_t states) {
  return internal::kStepTable[static_cast<std::size_t>(op)][version][states];
}

}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_KEY_STATE_H_
