// SPDX-License-Identifier: Apache-2.0
//
// What the first n operations of a sequence do, for any n, where that does not
// depend on other threads: with one thread, with keys that no two threads share,
// with loads alone, and where all keys are present and stay so. The sequence is
// replayed once; sums are kept for every thousandth operation and outcomes as bits,
// so that the expectation of any slice of it, however far each contestant got,
// costs a thousand steps instead of a replay.
#ifndef CMAP_WORKLOADS_LEDGER_H_
#define CMAP_WORKLOADS_LEDGER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "workloads/key_state.h"
#include "workloads/parallel.h"
#include "workloads/tape.h"

namespace cmap::workloads {

// Sums over operations of a sequence.
struct Tally {
  std::array<std::uint64_t, kPointOps> ops{};
  std::array<std::uint64_t, kPointOps> outcomes{};  // true ones (key_state.h)
  std::uint64_t check_sum = 0;                      // CheckPart of values returned
  std::int64_t entries = 0;                         // inserted - removed

  // One operation with its outcome. Whatever stores finds an absent key or
  // inserts it; whatever deletes and reports success has removed it.
  void Add(Op op, std::uint32_t index, bool outcome);

  Tally& operator+=(const Tally& other);
  Tally& operator-=(const Tally& other);
  Tally Times(std::uint64_t laps) const;
  friend bool operator==(const Tally&, const Tally&) = default;
};

class Ledger {
 public:
  // Whether every sequence of the tape can be replayed without the others.
  static bool Knows(const Tape& tape);

  // Requires Knows(tape). Keeps a reference to the tape.
  explicit Ledger(const Tape& tape);

  // The first n operations of the sequence, cyclically. Requires that n was
  // prepared for (Prepare). O(kStep).
  Tally At(std::size_t sequence, std::uint64_t n) const;

  // Replays as far as n[s] operations of every sequence s, the sequences in
  // parallel. Amortised O(1) an operation: nothing is replayed twice.
  void Prepare(const std::vector<std::uint64_t>& n, const Parallel& parallel = InTurn);

 private:
  static constexpr std::size_t kStep = 1024;

  struct Account {
    std::vector<Tally> sums{Tally{}};     // sums[i]: of the first i * kStep
    std::vector<std::uint64_t> outcomes;  // bits
    std::uint64_t n = 0;                  // replayed, a multiple of kStep
  };

  static bool Outcome(const Account& account, std::uint64_t i) {
    return ((account.outcomes[i / 64] >> (i % 64)) & 1) != 0;
  }
  // Of a steady tape: the outcome of whatever is done to the key.
  bool IsThere(std::uint32_t index) const {
    return index < tape_.universe - tape_.never;
  }
  void Extend(std::size_t sequence, std::uint64_t n);

  const Tape& tape_;
  // All keys present but those that are never there, and nothing ever removed: the
  // outcome follows from the key, and laps are alike.
  bool steady_;
  std::vector<Account> accounts_;
  std::vector<std::uint8_t> states_;  // by key; no key belongs to two sequences,
                                      // or none ever changes
};

}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_LEDGER_H_
