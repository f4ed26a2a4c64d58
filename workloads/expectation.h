// SPDX-License-Identifier: Apache-2.0
//
// What a slice must report if the map is correct. Every measured slice is also
// a test: its counts are compared with these.
//
// One thread. The tape is replayed on one byte per key; every count is exact.
//
// Several threads. Only the order within a thread is known. Point operations
// on different keys do not influence each other, so each key is bounded alone
// and the bounds are summed. For one key, with the operations each thread
// performs on it in program order:
//
//   1. A state is absent, version 0 or version 1; the state at the start of
//      the slice is known as a set of these.
//   2. R, the states that can occur at all: the closure of the start set under
//      the operations of all threads, in any order.
//   3. I(t), what other threads can do under thread t's feet: the states that
//      an operation of another thread can write from some state in R.
//   4. Thread t's operations are replayed on state sets; before each one the
//      set is widened by I(t). An outcome is certain if all states in the set
//      agree on it, possible if one does.
//   5. Conservation. A key alternates between absent and present, so
//      insertions - removals = present at the end - present at the start.
//      Store, Swap and LoadOrStore on an absent key insert; the deletes that
//      return true remove. This linear equation tightens the intervals of
//      step 4. It is what makes LoadOrStore-only slices exact: of n calls on a
//      key that was absent, n - 1 load, whoever wins.
//
// A key that one thread touches is exact, given its start state; so is a key
// that stays present. A count is claimed exact when lo == hi, and the tests
// hold both claims (contains the truth; exact means exact) against all
// interleavings of small tapes.
//
// Checksum: the sum over all returned values (Load hits, LoadOrStore and
// LoadOrCompute always, LoadAndDelete and Swap when they found something) of
// CheckPart, 32 bits derived from the key.
#ifndef CMAP_WORKLOADS_EXPECTATION_H_
#define CMAP_WORKLOADS_EXPECTATION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "workloads/deal.h"
#include "workloads/key_state.h"
#include "workloads/ledger.h"
#include "workloads/parallel.h"
#include "workloads/runner.h"
#include "workloads/spec.h"
#include "workloads/tape.h"

namespace cmap::workloads {

// A closed interval.
struct Bounds {
  std::uint64_t lo = 0;
  std::uint64_t hi = 0;

  bool exact() const { return lo == hi; }
  bool contains(std::uint64_t x) const { return lo <= x && x <= hi; }
  Bounds& operator+=(Bounds other) {
    lo += other.lo;
    hi += other.hi;
    return *this;
  }
  friend bool operator==(const Bounds&, const Bounds&) = default;
};

// What a slice must report, summed over threads. Names as in SliceResult.
struct Expected {
  std::array<std::uint64_t, kPointOps> ops{};  // operations of each kind
  Bounds hits;
  Bounds loaded;
  Bounds removed;
  Bounds replaced;
  Bounds swapped;
  Bounds check_sum;
  Bounds final_size;  // entries after the slice

  bool exact() const;
  // Nothing when `result` and `final_size` are possible; otherwise one
  // sentence, such as "hits 99 instead of 100". `result` is the sum over the
  // threads. A final_size of kUnknownSize is not compared.
  std::string Mismatch(const SliceResult& result,
                       std::uint64_t final_size) const;
  static constexpr std::uint64_t kUnknownSize = ~std::uint64_t{0};
};

namespace internal {

struct KeyOp {
  std::uint8_t thread;
  std::uint8_t version;  // position & 1
  Op op;
};

}  // namespace internal

// Replays a tape slice by slice, as the worker runs it: all threads start a
// slice together and are joined after it, however far each of them got. Keeps a
// reference to the tape.
//
// Where sequences do not depend on each other (Ledger::Knows), a slice is the
// difference of two sums of its ledger, which may be shared by all that play the
// tape. Otherwise the operations of the slice are grouped by key, in parallel, and
// every key is bounded as above.
class Simulator {
 public:
  // Starts with the tape's prefilled keys present. A ledger of the same tape saves
  // making another one.
  explicit Simulator(const Tape& tape, std::shared_ptr<Ledger> ledger = nullptr,
                     Parallel parallel = InTurn);

  // Prefilled keys present, every sequence at its beginning: a new map.
  void Reset();

  // The next slice: thread t plays the next n[t] entries of its own sequence,
  // cyclically. O(threads) where there is a ledger, otherwise O(sum of n), plus
  // O(universe) in slices of several threads that can change the key set.
  Expected Advance(std::span<const std::uint64_t> n);
  // The same number of entries on every thread.
  Expected Advance(std::uint64_t n);

  // A slice of pieces in the order in which each player played them (deal.h);
  // the sequences' own positions do not matter and do not move. O(operations).
  Expected Advance(const Played& played);

  Bounds size() const { return size_; }

  // Whether counts are the same whoever plays which piece, in whatever order.
  bool Indifferent() const;

 private:
  void ResetStates();
  Expected AdvanceByLedger(std::span<const std::uint64_t> n);
  // One player after the other: for one player, and where any order gives the
  // same counts.
  Expected AdvanceInTurn(const Played& played);
  Expected AdvanceByKey(const Played& played);

  const Tape& tape_;
  std::shared_ptr<Ledger> ledger_;  // null where the tape has none
  Parallel parallel_;
  std::vector<std::uint64_t> played_;  // by sequence: entries since the beginning
  // Per key: the set of possible states (key_state.h). Not kept with a ledger.
  std::vector<std::uint8_t> states_;  // empty until needed where there is a ledger
  Bounds size_;
  // Of AdvanceByKey, which would otherwise fetch megabytes anew for every slice.
  struct Item {
    std::uint32_t key;  // within its group
    internal::KeyOp op;
  };
  std::vector<std::vector<Item>> dealt_;  // by player, then by group
  std::vector<std::vector<internal::KeyOp>> sorted_;  // by group
};

// The single-key analysis of steps 2 to 5, public for its tests.
namespace internal {

struct KeyBounds {
  Bounds hits, loaded, removed, replaced, swapped;
  Bounds returned;  // values returned
  std::uint8_t final_states = 0;
};

// `start_states` is a set as in key_state.h, not empty; every member is
// analysed by itself. `ops` are grouped by thread and in program order within a
// thread.
// O(ops), and a constant for every thread.
KeyBounds BoundKey(std::uint8_t start_states, std::span<const KeyOp> ops);

}  // namespace internal
}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_EXPECTATION_H_
