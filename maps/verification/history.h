// SPDX-License-Identifier: Apache-2.0
//
// What was called, what it returned, and when: a history, and the sequential map
// that it is held against.
//
// Values are identifiers of 16 bits; every write of a history has one of its own,
// so that a result says which write it has seen. The state of up to four keys is
// one word of four lanes. A history of one key uses lane 0.
#ifndef CMAP_MAPS_VERIFICATION_HISTORY_H_
#define CMAP_MAPS_VERIFICATION_HISTORY_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "maps/concurrent_map.h"

namespace cmap::verification {

using Id = std::uint16_t;
inline constexpr Id kAbsent = 0;
inline constexpr Id kForeign = 0xffff;  // a result that nobody has written

using State = std::uint64_t;
inline constexpr unsigned kLanes = 4;

constexpr Id Lane(State state, unsigned lane) { return static_cast<Id>(state >> (16 * lane)); }
constexpr State WithLane(State state, unsigned lane, Id id) {
  const unsigned shift = 16 * lane;
  return (state & ~(State{0xffff} << shift)) | (State{id} << shift);
}
constexpr unsigned Present(State state) {
  unsigned count = 0;
  for (unsigned lane = 0; lane < kLanes; ++lane) count += Lane(state, lane) != 0;
  return count;
}

// The time of what has not happened yet.
inline constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

struct Operation {
  Op op = Op::kLoad;
  std::uint8_t thread = 0;
  std::uint16_t key = 0;  // the lane; of whole-map operations 0
  Id argument = kAbsent;  // what it writes
  Id expected = kAbsent;  // CompareAnd*
  Id result = kAbsent;    // the value it returned; of Size the number, signed
  bool flag = false;      // whether it said true, or loaded
  // Range: what it saw; StoreBatch: what it writes; Load: not 0 if it is what a
  // Range saw at one key.
  State state = 0;
  std::uint64_t invoked = 0;
  std::uint64_t returned = kNever;
};

// Applies the operation to the state, as one step of a sequential map, if that
// would have returned what the operation did. The whole-map operations are:
// Range a look at all lanes, Clear and StoreBatch a change of all, Size a count.
// What a Clear does to one key is a Store of kAbsent.
bool Step(const Operation& operation, State& state);

// Whether the operation, with what it returned, leaves every state as it is.
bool OnlyReads(const Operation& operation);

// "compare_and_swap(key 2, expects #7, stores #12) -> true". Lane 0 is called
// `first_key`.
std::string Show(const Operation& operation, unsigned first_key = 0);

// Several lines: every operation with its place in time.
//
//   thread 1  |-----|        load(key 0) -> #7
//   thread 2     |--------|  swap(key 0, stores #9) -> #7
std::string Show(std::span<const Operation> history, unsigned first_key = 0);

// "key 0 holds #7, key 1 is absent".
std::string ShowState(State state, unsigned lanes, unsigned first_key = 0);

}  // namespace cmap::verification

#endif  // CMAP_MAPS_VERIFICATION_HISTORY_H_
