// SPDX-License-Identifier: Apache-2.0
#include "workloads/ledger.h"

#include <algorithm>

#include "workloads/keys.h"
#include "workloads/runner.h"

namespace cmap::workloads {
namespace {

constexpr std::uint32_t kAdditive = OpBit(Op::kLoad) | OpBit(Op::kStore) |
                                    OpBit(Op::kLoadOrStore) | OpBit(Op::kSwap) |
                                    OpBit(Op::kLoadOrCompute);

bool IsSteady(const Tape& tape) {
  return tape.prefill.size() + tape.never == tape.universe && (tape.op_set & ~kAdditive) == 0;
}

}  // namespace

void Tally::Add(Op op, std::uint32_t index, bool outcome) {
  ++ops[static_cast<std::size_t>(op)];
  outcomes[static_cast<std::size_t>(op)] += outcome;
  switch (op) {
    case Op::kLoad:
      if (outcome) check_sum += CheckPartOf(index);
      break;
    case Op::kStore:
      entries += !outcome;
      break;
    case Op::kLoadOrStore:
    case Op::kLoadOrCompute:
      entries += !outcome;
      check_sum += CheckPartOf(index);
      break;
    case Op::kSwap:
      entries += !outcome;
      if (outcome) check_sum += CheckPartOf(index);
      break;
    case Op::kLoadAndDelete:
      entries -= outcome;
      if (outcome) check_sum += CheckPartOf(index);
      break;
    case Op::kDelete:
    case Op::kCompareAndDelete:
      entries -= outcome;
      break;
    default:  // kCompareAndSwap
      break;
  }
}

Tally& Tally::operator+=(const Tally& other) {
  for (std::size_t op = 0; op < kPointOps; ++op) {
    ops[op] += other.ops[op];
    outcomes[op] += other.outcomes[op];
  }
  check_sum += other.check_sum;
  entries += other.entries;
  return *this;
}

Tally& Tally::operator-=(const Tally& other) {
  for (std::size_t op = 0; op < kPointOps; ++op) {
    ops[op] -= other.ops[op];
    outcomes[op] -= other.outcomes[op];
  }
  check_sum -= other.check_sum;
  entries -= other.entries;
  return *this;
}

Tally Tally::Times(std::uint64_t laps) const {
  Tally product = *this;
  for (std::size_t op = 0; op < kPointOps; ++op) {
    product.ops[op] *= laps;
    product.outcomes[op] *= laps;
  }
  product.check_sum *= laps;
  product.entries *= static_cast<std::int64_t>(laps);
  return product;
}

bool Ledger::Knows(const Tape& tape) {
  return tape.threads.size() == 1 || tape.private_keys || IsSteady(tape) ||
         tape.op_set == OpBit(Op::kLoad);
}

Ledger::Ledger(const Tape& tape)
    : tape_(tape), steady_(IsSteady(tape)), accounts_(tape.threads.size()) {
  if (steady_) return;
  states_.assign(tape.universe, kAbsent);
  for (const std::uint32_t index : tape.prefill) states_[index] = kVersion0;
}

void Ledger::Prepare(const std::vector<std::uint64_t>& n, const Parallel& parallel) {
  parallel(accounts_.size(), [&](std::size_t sequence) {
    const std::uint64_t wanted =
        steady_ ? std::min<std::uint64_t>(n[sequence], tape_.length()) : n[sequence];
    if (accounts_[sequence].n < wanted) Extend(sequence, wanted);
  });
}

void Ledger::Extend(std::size_t sequence, std::uint64_t n) {
  const std::vector<Entry>& tape = tape_.threads[sequence];
  Account& account = accounts_[sequence];
  const std::uint64_t end = (n + kStep - 1) / kStep * kStep;
  Tally sum = account.sums.back();
  std::size_t position = account.n % tape.size();
  for (std::uint64_t i = account.n; i < end; ++i) {
    const Entry entry = tape[position];
    const Op op = EntryOp(entry);
    const std::uint32_t index = EntryIndex(entry);
    bool outcome = IsThere(index);
    if (!steady_) {
      const SetStep& step = ApplyToStates(op, position & 1, states_[index]);
      outcome = step.certain;
      if (op != Op::kLoad) states_[index] = step.after;
      if (i % 64 == 0) account.outcomes.push_back(0);
      account.outcomes.back() |= std::uint64_t{outcome} << (i % 64);
    }
    sum.Add(op, index, outcome);
    position = position + 1 == tape.size() ? 0 : position + 1;
    if ((i + 1) % kStep == 0) account.sums.push_back(sum);
  }
  account.n = end;
}

Tally Ledger::At(std::size_t sequence, std::uint64_t n) const {
  const std::vector<Entry>& tape = tape_.threads[sequence];
  const Account& account = accounts_[sequence];
  if (steady_ && n >= tape.size()) {
    Tally laps = At(sequence, tape.size() - 1);
    const Entry last = tape.back();
    laps.Add(EntryOp(last), EntryIndex(last), IsThere(EntryIndex(last)));
    Tally sum = laps.Times(n / tape.size());
    return sum += At(sequence, n % tape.size());
  }
  const std::uint64_t first = n / kStep * kStep;
  Tally sum = account.sums[n / kStep];
  for (std::uint64_t i = first; i < n; ++i) {
    const Entry entry = tape[i % tape.size()];
    const std::uint32_t index = EntryIndex(entry);
    sum.Add(EntryOp(entry), index, steady_ ? IsThere(index) : Outcome(account, i));
  }
  return sum;
}

}  // namespace cmap::workloads
