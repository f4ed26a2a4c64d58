// SPDX-License-Identifier: Apache-2.0
#include "workloads/expectation.h"

#include <algorithm>
#include <bit>
#include <initializer_list>
#include <optional>
#include <utility>

#include "maps/concurrent_map.h"
#include "workloads/key_state.h"
#include "workloads/keys.h"

namespace cmap::workloads {
namespace {

using internal::KeyBounds;
using internal::KeyOp;

// A count as an interval of a signed type, for the linear equation.
struct Interval {
  std::int64_t lo = 0;
  std::int64_t hi = 0;

  Interval& operator+=(Interval other) {
    lo += other.lo;
    hi += other.hi;
    return *this;
  }
  void Narrow(std::int64_t new_lo, std::int64_t new_hi) {
    lo = std::max(lo, new_lo);
    hi = std::min(hi, new_hi);
  }
  // total - x, for x in the interval.
  Interval From(std::int64_t total) const { return {total - hi, total - lo}; }
  Bounds ToBounds() const {
    return {static_cast<std::uint64_t>(lo), static_cast<std::uint64_t>(hi)};
  }
};

// The outcomes of the operations on one key. Operations are counted as well,
// so that loaded and not loaded can be exchanged.
struct KeyTally {
  Interval hits, loaded, replaced, overwritten, swapped;
  Interval taken;    // LoadAndDelete: removed
  Interval dropped;  // Delete, CompareAndDelete: removed
  std::int64_t load_or_stores = 0;
  std::int64_t swaps = 0;
  std::int64_t stores = 0;

  // `times` operations; outcomes: how many of them must and can be true.
  void Add(Op op, std::int64_t times, Interval outcomes) {
    switch (op) {
      case Op::kLoad:
        hits += outcomes;
        break;
      case Op::kStore:
        stores += times;
        overwritten += outcomes;
        break;
      case Op::kLoadOrStore:
      case Op::kLoadOrCompute:
        load_or_stores += times;
        loaded += outcomes;
        break;
      case Op::kLoadAndDelete:
        taken += outcomes;
        break;
      case Op::kDelete:
      case Op::kCompareAndDelete:
        dropped += outcomes;
        break;
      case Op::kSwap:
        swaps += times;
        replaced += outcomes;
        break;
      case Op::kCompareAndSwap:
        swapped += outcomes;
        break;
      default:
        break;
    }
  }

  // insertions - removals = change, with insertions the operations that found
  // nothing. Narrows every term by the other ones.
  void Conserve(Interval change) {
    Interval terms[] = {loaded.From(load_or_stores), replaced.From(swaps),
                        overwritten.From(stores),
                        // Removals count negatively.
                        {-taken.hi, -taken.lo},
                        {-dropped.hi, -dropped.lo}};
    Interval sum;
    for (const Interval& term : terms) {
      sum.lo += term.lo;
      sum.hi += term.hi;
    }
    for (int round = 0; round < 2; ++round) {
      const Interval before = sum;
      for (Interval& term : terms) {
        const Interval others = {sum.lo - term.lo, sum.hi - term.hi};
        term.Narrow(change.lo - others.hi, change.hi - others.lo);
        sum = {others.lo + term.lo, others.hi + term.hi};
      }
      if (sum.lo == before.lo && sum.hi == before.hi) break;  // nothing was narrowed
    }
    loaded = terms[0].From(load_or_stores);
    replaced = terms[1].From(swaps);
    overwritten = terms[2].From(stores);
    taken = {-terms[3].hi, -terms[3].lo};
    dropped = {-terms[4].hi, -terms[4].lo};
  }

  KeyBounds ToKeyBounds(std::uint8_t final_states) const {
    KeyBounds bounds;
    bounds.hits = hits.ToBounds();
    bounds.loaded = loaded.ToBounds();
    bounds.removed = taken.ToBounds();
    bounds.removed += dropped.ToBounds();
    bounds.replaced = replaced.ToBounds();
    bounds.swapped = swapped.ToBounds();
    const auto always = static_cast<std::uint64_t>(load_or_stores);
    bounds.returned = {always, always};
    bounds.returned += bounds.hits;
    bounds.returned += taken.ToBounds();
    bounds.returned += bounds.replaced;
    bounds.final_states = final_states;
    return bounds;
  }
};

// The operations of one thread on the key under analysis.
// Without initialisers: BoundKey has an array of them and uses few.
struct Segment {
  std::size_t begin;
  std::size_t end;
  std::uint32_t kinds;  // bit 2 * op + version
  std::uint8_t writes;  // states its operations can turn the key into
};

// An operation and its version: bit 2 * op + version of a set of kinds.
constexpr std::size_t kKinds = 2 * kPointOps;

// By kind and set of states: the states that the kind changes one of them into.
constexpr auto kWrites = [] {
  std::array<std::array<std::uint8_t, 8>, kKinds> table{};
  for (std::size_t kind = 0; kind < kKinds; ++kind) {
    for (std::uint8_t set = 0; set < 8; ++set) {
      for (std::uint8_t state = 1; state < 8; state <<= 1) {
        if ((set & state) == 0) continue;
        const std::uint8_t after =
            ApplyToStates(static_cast<Op>(kind / 2), kind % 2, state).after;
        if (after != state) table[kind][set] |= after;
      }
    }
  }
  return table;
}();

// Step 3 of the header: states that these operations change the key into.
std::uint8_t Writes(std::uint8_t reachable, std::uint32_t kinds) {
  std::uint8_t writes = 0;
  for (; kinds != 0; kinds &= kinds - 1) {
    writes |= kWrites[static_cast<std::size_t>(std::countr_zero(kinds))][reachable];
  }
  return writes;
}

// Step 2 of the header for a set of kinds, from every state. Most keys of a slice are under
// the same kinds.
class Reach {
 public:
  explicit Reach(std::uint32_t kinds) : kinds_(kinds) {
    for (std::uint8_t start = 1; start < 8; start <<= 1) {
      std::uint8_t reachable = start;
      for (std::uint8_t before = 0; before != reachable;) {
        before = reachable;
        reachable |= Writes(reachable, kinds);
      }
      from_[start] = reachable;
    }
  }
  std::uint32_t kinds() const { return kinds_; }
  // States that can occur at all. `start` is one state.
  std::uint8_t From(std::uint8_t start) const { return from_[start]; }

 private:
  std::uint32_t kinds_;
  std::array<std::uint8_t, 8> from_{};
};

// Step 3 of the header, for all threads of a key.
class Writers {
 public:
  explicit Writers(std::span<Segment> segments) : segments_(segments) {}

  // Sets what every segment writes where the key can be in `reachable` states, which is
  // mostly the same whatever the key starts from.
  void For(std::uint8_t reachable) {
    if (reachable == reachable_) return;
    reachable_ = reachable;
    all_ = 0;
    for (Segment& segment : segments_) {
      segment.writes = Writes(reachable, segment.kinds);
      all_ += segment.writes == (kAbsent | kPresent);
    }
  }
  // How many write all states.
  int all() const { return all_; }
  std::span<const Segment> segments() const { return segments_; }

 private:
  std::span<Segment> segments_;
  std::uint8_t reachable_ = 0;
  int all_ = 0;
};

Interval Presence(std::uint8_t states) {
  return {(states & kAbsent) == 0, (states & kPresent) != 0};
}

KeyBounds BoundFrom(std::uint8_t start, std::span<const KeyOp> ops,
                    Writers& writers, const Reach& reach) {
  writers.For(reach.From(start));
  const std::span<const Segment> segments = writers.segments();
  // States that one segment writes, and that two do: a segment meets what others write.
  std::uint8_t once = 0;
  std::uint8_t twice = 0;
  for (const Segment& segment : segments) {
    twice |= once & segment.writes;
    once |= segment.writes;
  }
  // By operation: how many, and how many outcomes must and can be true. Counted without
  // a branch on the operation, which nothing foretells.
  struct Outcomes {
    std::uint32_t times, certain, possible;
  };
  std::array<Outcomes, kPointOps> outcomes{};
  std::uint8_t final_states = kAbsent | kPresent;
  for (const Segment& segment : segments) {
    const auto interference = static_cast<std::uint8_t>(twice | (once & ~segment.writes));
    std::uint8_t states = start;
    for (const KeyOp& op : ops.subspan(segment.begin,
                                       segment.end - segment.begin)) {
      const SetStep& step =
          ApplyToStates(op.op, op.version, states | interference);
      Outcomes& seen = outcomes[static_cast<std::size_t>(op.op)];
      ++seen.times;
      seen.certain += step.certain;
      seen.possible += step.possible;
      states = step.after;
    }
    final_states &= states | interference;
  }
  KeyTally tally;
  for (std::size_t op = 0; op < kPointOps; ++op) {
    const Outcomes& seen = outcomes[op];
    if (seen.times != 0) tally.Add(static_cast<Op>(op), seen.times, {seen.certain, seen.possible});
  }
  const Interval before = Presence(start);
  const Interval after = Presence(final_states);
  tally.Conserve({after.lo - before.hi, after.hi - before.lo});
  return tally.ToKeyBounds(final_states);
}

Bounds Hull(Bounds a, Bounds b) {
  return {std::min(a.lo, b.lo), std::max(a.hi, b.hi)};
}

KeyBounds Hull(const KeyBounds& a, const KeyBounds& b) {
  KeyBounds hull;
  hull.hits = Hull(a.hits, b.hits);
  hull.loaded = Hull(a.loaded, b.loaded);
  hull.removed = Hull(a.removed, b.removed);
  hull.replaced = Hull(a.replaced, b.replaced);
  hull.swapped = Hull(a.swapped, b.swapped);
  hull.returned = Hull(a.returned, b.returned);
  hull.final_states = a.final_states | b.final_states;
  return hull;
}

// A key that every thread may find in any state before each of its operations, as
// the others write all three: what BoundFrom finds by replay, from counts alone.
// Nothing where that is not so.
std::optional<KeyBounds> BoundSaturated(std::uint8_t start_states,
                                        const std::array<std::uint32_t, kKinds>& counts,
                                        Writers& writers, const Reach& reach) {
  constexpr std::uint8_t kAll = kAbsent | kPresent;
  for (std::uint8_t start = 1; start < 8; start <<= 1) {
    if ((start_states & start) == 0) continue;
    writers.For(reach.From(start));
    // Two threads that write everything are enough for each to meet another.
    if (writers.all() < 2) return std::nullopt;
  }
  KeyTally tally;
  for (std::size_t kind = 0; kind < kKinds; ++kind) {
    if (counts[kind] == 0) continue;
    const Op op = static_cast<Op>(kind / 2);
    const SetStep& step = ApplyToStates(op, kind % 2, kAll);
    const std::int64_t times = counts[kind];
    tally.Add(op, times, {step.certain ? times : 0, step.possible ? times : 0});
  }
  std::optional<KeyBounds> bounds;
  for (const std::uint8_t before : {kAbsent, kPresent}) {
    if ((start_states & before) == 0) continue;
    KeyTally conserved = tally;
    const std::int64_t present = before != kAbsent;
    conserved.Conserve({-present, 1 - present});
    const KeyBounds from = conserved.ToKeyBounds(kAll);
    bounds = bounds ? Hull(*bounds, from) : from;
  }
  return bounds;
}

Bounds SizeOf(std::uint8_t states) { return Presence(states).ToBounds(); }

// Calls f(entry, position) for the entries of a piece.
template <class F>
void ForEachEntry(const Tape& tape, const Piece& piece, F&& f) {
  ForEachStretch(tape.threads[piece.sequence], piece.position, piece.n,
                 [&](std::span<const Entry> entries, std::size_t position) {
                   for (const Entry entry : entries) f(entry, position++);
                 });
}

std::size_t OpIndex(Entry entry) {
  return static_cast<std::size_t>(EntryOp(entry));
}

std::string Describe(const char* what, std::uint64_t seen, Bounds bounds) {
  std::string text = std::string(what) + " " + std::to_string(seen) +
                     " instead of " + std::to_string(bounds.lo);
  if (!bounds.exact()) text += " to " + std::to_string(bounds.hi);
  return text;
}

}  // namespace

namespace internal {

KeyBounds BoundKey(std::uint8_t start_states, std::span<const KeyOp> ops) {
  Segment segments[kMaxThreads];
  std::size_t threads = 0;
  std::array<std::uint32_t, kKinds> counts{};
  for (std::size_t i = 0; i < ops.size(); ++i) {
    if (i == 0 || ops[i].thread != ops[i - 1].thread) {
      segments[threads++] = {i, i, 0, 0};
    }
    Segment& segment = segments[threads - 1];
    segment.end = i + 1;
    const std::size_t kind = 2 * static_cast<std::size_t>(ops[i].op) + ops[i].version;
    segment.kinds |= 1u << kind;
    ++counts[kind];
  }
  const std::span<Segment> all{segments, threads};
  std::uint32_t kinds = 0;
  for (const Segment& segment : all) kinds |= segment.kinds;
  static thread_local Reach reach{0};
  if (reach.kinds() != kinds) reach = Reach(kinds);
  Writers writers(all);
  if (const auto bounds = BoundSaturated(start_states, counts, writers, reach)) return *bounds;
  KeyBounds bounds;
  bool first = true;
  for (std::uint8_t start = 1; start < 8; start <<= 1) {
    if ((start_states & start) == 0) continue;
    const KeyBounds from = BoundFrom(start, ops, writers, reach);
    bounds = first ? from : Hull(bounds, from);
    first = false;
  }
  return bounds;
}

}  // namespace internal

bool Expected::exact() const {
  return hits.exact() && loaded.exact() && removed.exact() &&
         replaced.exact() && swapped.exact() && check_sum.exact() &&
         final_size.exact();
}

std::string Expected::Mismatch(const SliceResult& result,
                               std::uint64_t seen_size) const {
  std::uint64_t total = 0;
  for (const std::uint64_t count : ops) total += count;
  if (result.ops != total) {
    return Describe("operations", result.ops, {total, total});
  }
  if (result.mismatch != 0) return "a value that belongs to another key";
  if (!hits.contains(result.hits)) {
    return Describe("hits", result.hits, hits);
  }
  if (!loaded.contains(result.loaded)) {
    return Describe("loaded", result.loaded, loaded);
  }
  if (!removed.contains(result.removed)) {
    return Describe("removed", result.removed, removed);
  }
  if (!replaced.contains(result.replaced)) {
    return Describe("replaced", result.replaced, replaced);
  }
  if (!swapped.contains(result.swapped)) {
    return Describe("swapped", result.swapped, swapped);
  }
  if (!check_sum.contains(result.check_sum)) {
    return Describe("checksum", result.check_sum, check_sum);
  }
  if (seen_size != kUnknownSize && !final_size.contains(seen_size)) {
    return Describe("final size", seen_size, final_size);
  }
  return "";
}

namespace {

// Counts of a slice whose outcomes are known one by one.
Expected Exactly(const Tally& tally) {
  const auto sum = [&](std::initializer_list<Op> ops) {
    std::uint64_t x = 0;
    for (const Op op : ops) x += tally.outcomes[static_cast<std::size_t>(op)];
    return Bounds{x, x};
  };
  Expected expected;
  expected.ops = tally.ops;
  expected.hits = sum({Op::kLoad});
  expected.loaded = sum({Op::kLoadOrStore, Op::kLoadOrCompute});
  expected.removed = sum({Op::kDelete, Op::kLoadAndDelete, Op::kCompareAndDelete});
  expected.replaced = sum({Op::kSwap});
  expected.swapped = sum({Op::kCompareAndSwap});
  expected.check_sum = {tally.check_sum, tally.check_sum};
  return expected;
}

}  // namespace

Simulator::Simulator(const Tape& tape, std::shared_ptr<Ledger> ledger,
                     Parallel parallel)
    : tape_(tape), ledger_(std::move(ledger)), parallel_(std::move(parallel)) {
  if (ledger_ == nullptr && Ledger::Knows(tape)) {
    ledger_ = std::make_shared<Ledger>(tape);
  }
  Reset();
}

void Simulator::Reset() {
  played_.assign(tape_.threads.size(), 0);
  size_ = {tape_.prefill.size(), tape_.prefill.size()};
  states_.clear();
  if (ledger_ == nullptr) ResetStates();
}

void Simulator::ResetStates() {
  states_.assign(tape_.universe, kAbsent);
  for (const std::uint32_t index : tape_.prefill) states_[index] = kVersion0;
}

Expected Simulator::Advance(std::uint64_t n) {
  return Advance(std::vector<std::uint64_t>(tape_.threads.size(), n));
}

Expected Simulator::Advance(std::span<const std::uint64_t> n) {
  if (ledger_ != nullptr) return AdvanceByLedger(n);
  Played played(n.size());
  for (std::size_t t = 0; t < n.size(); ++t) {
    played[t] = {{static_cast<std::uint32_t>(t), played_[t] % tape_.length(), n[t]}};
    played_[t] += n[t];
  }
  return Advance(played);
}

bool Simulator::Indifferent() const {
  // It does not matter who inserts, if no other operation watches.
  constexpr std::uint32_t kLoading =
      OpBit(Op::kLoadOrStore) | OpBit(Op::kLoadOrCompute);
  return (tape_.op_set & ~kLoading) == 0 || tape_.op_set == OpBit(Op::kStore) ||
         tape_.op_set == OpBit(Op::kLoad);
}

Expected Simulator::Advance(const Played& played) {
  if (states_.empty()) ResetStates();
  Expected expected = played.size() == 1 || Indifferent() ? AdvanceInTurn(played)
                                                          : AdvanceByKey(played);
  expected.final_size = size_;
  return expected;
}

Expected Simulator::AdvanceByLedger(std::span<const std::uint64_t> n) {
  std::vector<std::uint64_t> ends(played_);
  for (std::size_t t = 0; t < n.size(); ++t) ends[t] += n[t];
  ledger_->Prepare(ends, parallel_);
  Tally slice;
  for (std::size_t t = 0; t < n.size(); ++t) {
    slice += ledger_->At(t, ends[t]);
    slice -= ledger_->At(t, played_[t]);
  }
  played_ = std::move(ends);
  size_.lo += static_cast<std::uint64_t>(slice.entries);
  size_.hi = size_.lo;
  Expected expected = Exactly(slice);
  expected.final_size = size_;
  return expected;
}

Expected Simulator::AdvanceInTurn(const Played& played) {
  Tally slice;
  for (const auto& pieces : played) {
    for (const Piece& piece : pieces) {
      ForEachEntry(tape_, piece, [&](Entry entry, std::size_t position) {
        const std::uint32_t index = EntryIndex(entry);
        const SetStep& step =
            ApplyToStates(EntryOp(entry), position & 1, states_[index]);
        slice.Add(EntryOp(entry), index, step.certain);
        states_[index] = step.after;
      });
    }
  }
  size_.lo += static_cast<std::uint64_t>(slice.entries);
  size_.hi = size_.lo;
  return Exactly(slice);
}

// Two steps, each in parallel. First every player's operations are dealt out to groups
// of keys; then every group is sorted by key (a counting sort; players in turn, so that
// each key's operations end up grouped by player and in program order) and its keys are
// bounded. Groups are residues of the index, as streams name popular keys first.
Expected Simulator::AdvanceByKey(const Played& played) {
  const std::size_t players = played.size();
  const std::size_t groups = std::bit_ceil(players);
  const int shift = std::countr_zero(groups);
  const auto mask = static_cast<std::uint32_t>(groups - 1);
  dealt_.resize(players * groups);  // memory is kept from slice to slice
  std::vector<std::array<std::uint64_t, kPointOps>> ops(players);
  parallel_(players, [&](std::size_t player) {
    std::vector<Item>* const mine = &dealt_[player * groups];
    for (std::size_t group = 0; group < groups; ++group) mine[group].clear();
    std::array<std::uint64_t, kPointOps> counted{};
    for (const Piece& piece : played[player]) {
      ForEachEntry(tape_, piece, [&](Entry entry, std::size_t position) {
        ++counted[OpIndex(entry)];
        const std::uint32_t index = EntryIndex(entry);
        mine[index & mask].push_back(
            {index >> shift, {static_cast<std::uint8_t>(player),
                              static_cast<std::uint8_t>(position & 1), EntryOp(entry)}});
      });
    }
    ops[player] = counted;
  });
  struct Sum {
    Expected expected;
    std::int64_t size_lo = 0;  // changes
    std::int64_t size_hi = 0;
  };
  std::vector<Sum> sums(groups);
  sorted_.resize(groups);
  parallel_(groups, [&](std::size_t group) {
    const std::size_t keys = (tape_.universe + groups - 1 - group) >> shift;
    std::vector<std::uint32_t> end_of(keys + 1, 0);
    std::size_t count = 0;
    for (std::size_t player = 0; player < players; ++player) {
      for (const Item& item : dealt_[player * groups + group]) ++end_of[item.key + 1];
      count += dealt_[player * groups + group].size();
    }
    for (std::size_t key = 0; key < keys; ++key) end_of[key + 1] += end_of[key];
    std::vector<KeyOp>& sorted = sorted_[group];
    sorted.resize(std::max(sorted.size(), count));
    for (std::size_t player = 0; player < players; ++player) {
      for (const Item& item : dealt_[player * groups + group]) {
        sorted[end_of[item.key]++] = item.op;
      }
    }
    Sum& sum = sums[group];
    // Filling has moved every begin to its end.
    std::uint32_t begin = 0;
    for (std::size_t key = 0; key < keys; ++key) {
      const std::uint32_t end = end_of[key];
      if (begin == end) continue;
      const auto index = static_cast<std::uint32_t>(key << shift | group);
      const KeyBounds bounds = internal::BoundKey(
          states_[index], std::span(sorted).subspan(begin, end - begin));
      begin = end;
      sum.expected.hits += bounds.hits;
      sum.expected.loaded += bounds.loaded;
      sum.expected.removed += bounds.removed;
      sum.expected.replaced += bounds.replaced;
      sum.expected.swapped += bounds.swapped;
      const std::uint64_t part = CheckPartOf(index);
      sum.expected.check_sum += {bounds.returned.lo * part, bounds.returned.hi * part};
      const Bounds before = SizeOf(states_[index]);
      const Bounds after = SizeOf(bounds.final_states);
      sum.size_lo += static_cast<std::int64_t>(after.lo) - static_cast<std::int64_t>(before.lo);
      sum.size_hi += static_cast<std::int64_t>(after.hi) - static_cast<std::int64_t>(before.hi);
      states_[index] = bounds.final_states;
    }
  });
  Expected expected;
  for (const auto& counted : ops) {
    for (std::size_t op = 0; op < kPointOps; ++op) expected.ops[op] += counted[op];
  }
  for (const Sum& sum : sums) {
    expected.hits += sum.expected.hits;
    expected.loaded += sum.expected.loaded;
    expected.removed += sum.expected.removed;
    expected.replaced += sum.expected.replaced;
    expected.swapped += sum.expected.swapped;
    expected.check_sum += sum.expected.check_sum;
    size_.lo += static_cast<std::uint64_t>(sum.size_lo);
    size_.hi += static_cast<std::uint64_t>(sum.size_hi);
  }
  return expected;
}

}  // namespace cmap::workloads
