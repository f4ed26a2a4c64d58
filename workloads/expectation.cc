// SPDX-License-Identifier: Apache-2.0
#include "workloads/expectation.h"

#include <algorithm>
#include <initializer_list>

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

  void Add(const SetStep& step) {
    lo += step.certain;
    hi += step.possible;
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
struct Tally {
  Interval hits, loaded, replaced, overwritten, swapped;
  Interval taken;    // LoadAndDelete: removed
  Interval dropped;  // Delete, CompareAndDelete: removed
  std::int64_t load_or_stores = 0;
  std::int64_t swaps = 0;
  std::int64_t stores = 0;

  void Add(Op op, const SetStep& step) {
    switch (op) {
      case Op::kLoad:
        hits.Add(step);
        break;
      case Op::kStore:
        ++stores;
        overwritten.Add(step);
        break;
      case Op::kLoadOrStore:
      case Op::kLoadOrCompute:
        ++load_or_stores;
        loaded.Add(step);
        break;
      case Op::kLoadAndDelete:
        taken.Add(step);
        break;
      case Op::kDelete:
      case Op::kCompareAndDelete:
        dropped.Add(step);
        break;
      case Op::kSwap:
        ++swaps;
        replaced.Add(step);
        break;
      case Op::kCompareAndSwap:
        swapped.Add(step);
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
    for (int round = 0; round < 2; ++round) {
      for (Interval& term : terms) {
        std::int64_t others_lo = -term.lo;
        std::int64_t others_hi = -term.hi;
        for (const Interval& other : terms) {
          others_lo += other.lo;
          others_hi += other.hi;
        }
        term.Narrow(change.lo - others_hi, change.hi - others_lo);
      }
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

constexpr int kKinds = 2 * static_cast<int>(kPointOps);

template <class F>
void ForEachKind(std::uint32_t kinds, F&& f) {
  for (int kind = 0; kind < kKinds; ++kind) {
    if ((kinds >> kind) & 1) f(static_cast<Op>(kind / 2), kind % 2);
  }
}

// Step 2 of the header: states that can occur at all.
std::uint8_t Reachable(std::uint8_t start, std::uint32_t kinds) {
  std::uint8_t reachable = start;
  for (std::uint8_t before = 0; before != reachable;) {
    before = reachable;
    ForEachKind(kinds, [&](Op op, int version) {
      reachable |= ApplyToStates(op, version, reachable).after;
    });
  }
  return reachable;
}

// Step 3: states that these operations change the key into.
std::uint8_t Writes(std::uint8_t reachable, std::uint32_t kinds) {
  std::uint8_t writes = 0;
  ForEachKind(kinds, [&](Op op, int version) {
    for (std::uint8_t state = 1; state < 8; state <<= 1) {
      if ((reachable & state) == 0) continue;
      const std::uint8_t after = ApplyToStates(op, version, state).after;
      if (after != state) writes |= after;
    }
  });
  return writes;
}

Interval Presence(std::uint8_t states) {
  return {(states & kAbsent) == 0, (states & kPresent) != 0};
}

KeyBounds BoundFrom(std::uint8_t start, std::span<const KeyOp> ops,
                    std::span<Segment> segments) {
  std::uint32_t kinds = 0;
  for (const Segment& segment : segments) kinds |= segment.kinds;
  if (segments.size() > 1) {
    const std::uint8_t reachable = Reachable(start, kinds);
    for (Segment& segment : segments) {
      segment.writes = Writes(reachable, segment.kinds);
    }
  }
  Tally tally;
  std::uint8_t final_states = kAbsent | kPresent;
  for (const Segment& segment : segments) {
    std::uint8_t interference = 0;
    for (const Segment& other : segments) {
      if (&other != &segment) interference |= other.writes;
    }
    std::uint8_t states = start;
    for (const KeyOp& op : ops.subspan(segment.begin,
                                       segment.end - segment.begin)) {
      const SetStep& step =
          ApplyToStates(op.op, op.version, states | interference);
      tally.Add(op.op, step);
      states = step.after;
    }
    final_states &= states | interference;
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

Bounds SizeOf(std::uint8_t states) { return Presence(states).ToBounds(); }

// Calls f(entry, position) for n entries from a position, cyclically.
template <class F>
void ForEachEntry(const std::vector<Entry>& tape, std::size_t position,
                  std::size_t n, F&& f) {
  const Stretch stretch = StretchOf(tape, position, n);
  std::size_t p = stretch.first_position;
  for (const Entry entry : stretch.first) f(entry, p++);
  p = 0;
  for (const Entry entry : stretch.second) f(entry, p++);
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
  for (std::size_t i = 0; i < ops.size(); ++i) {
    if (i == 0 || ops[i].thread != ops[i - 1].thread) {
      segments[threads++] = {i, i, 0, 0};
    }
    Segment& segment = segments[threads - 1];
    segment.end = i + 1;
    segment.kinds |= 1u << (2 * static_cast<unsigned>(ops[i].op) +
                            ops[i].version);
  }
  KeyBounds bounds;
  bool first = true;
  for (std::uint8_t start = 1; start < 8; start <<= 1) {
    if ((start_states & start) == 0) continue;
    const KeyBounds from = BoundFrom(start, ops, {segments, threads});
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

Simulator::Simulator(const Tape& tape) : tape_(tape) { Reset(); }

void Simulator::Reset(std::size_t position) {
  position_ = position % tape_.length();
  states_.assign(tape_.universe, kAbsent);
  for (const std::uint32_t index : tape_.prefill) states_[index] = kVersion0;
  size_ = {tape_.prefill.size(), tape_.prefill.size()};
}

Expected Simulator::Advance(std::size_t n) {
  // Without deletes and comparisons nothing depends on anything but presence.
  constexpr std::uint32_t kAdditive =
      OpBit(Op::kLoad) | OpBit(Op::kStore) | OpBit(Op::kLoadOrStore) |
      OpBit(Op::kSwap) | OpBit(Op::kLoadOrCompute);
  const bool additive = (tape_.op_set & ~kAdditive) == 0;
  // Nor does it matter who inserts, if no other operation watches.
  constexpr std::uint32_t kLoading =
      OpBit(Op::kLoadOrStore) | OpBit(Op::kLoadOrCompute);
  const bool indifferent = (tape_.op_set & ~kLoading) == 0 ||
                           tape_.op_set == OpBit(Op::kStore) ||
                           tape_.op_set == OpBit(Op::kLoad);
  Expected expected;
  if (additive && size_.lo == tape_.universe) {
    expected = AdvanceAllPresent(n);
  } else if (tape_.threads.size() == 1 || indifferent) {
    expected = AdvanceInTurn(n);
  } else {
    expected = AdvanceManyThreads(n);
  }
  expected.final_size = size_;
  position_ = (position_ + n) % tape_.length();
  return expected;
}

Expected Simulator::AdvanceAllPresent(std::size_t n) {
  Expected expected;
  std::uint64_t sum = 0;
  for (const auto& thread : tape_.threads) {
    ForEachEntry(thread, position_, n, [&](Entry entry, std::size_t) {
      ++expected.ops[OpIndex(entry)];
      if (EntryOp(entry) != Op::kStore) sum += CheckPartOf(EntryIndex(entry));
    });
  }
  const auto count = [&](Op op) {
    return expected.ops[static_cast<std::size_t>(op)];
  };
  const auto exactly = [](std::uint64_t x) { return Bounds{x, x}; };
  expected.hits = exactly(count(Op::kLoad));
  expected.loaded =
      exactly(count(Op::kLoadOrStore) + count(Op::kLoadOrCompute));
  expected.replaced = exactly(count(Op::kSwap));
  expected.check_sum = exactly(sum);
  return expected;
}

Expected Simulator::AdvanceInTurn(std::size_t n) {
  Expected expected;
  // By operation: how often its outcome was true.
  std::array<std::uint64_t, kPointOps> outcomes{};
  std::uint64_t sum = 0;
  std::uint64_t size = size_.lo;
  const auto step = [&](Entry entry, std::size_t position) {
    const Op op = EntryOp(entry);
    const std::uint32_t index = EntryIndex(entry);
    std::uint8_t& state = states_[index];
    const SetStep& done = ApplyToStates(op, position & 1, state);
    ++expected.ops[OpIndex(entry)];
    outcomes[OpIndex(entry)] += done.certain;
    const bool returns_always =
        op == Op::kLoadOrStore || op == Op::kLoadOrCompute;
    const bool returns_found =
        op == Op::kLoad || op == Op::kLoadAndDelete || op == Op::kSwap;
    if (returns_always || (returns_found && done.certain)) {
      sum += CheckPartOf(index);
    }
    size += (done.after != kAbsent);
    size -= (state != kAbsent);
    state = done.after;
  };
  for (const auto& thread : tape_.threads) {
    ForEachEntry(thread, position_, n, step);
  }
  const auto exactly = [&](std::initializer_list<Op> ops) {
    std::uint64_t x = 0;
    for (const Op op : ops) x += outcomes[static_cast<std::size_t>(op)];
    return Bounds{x, x};
  };
  expected.hits = exactly({Op::kLoad});
  expected.loaded = exactly({Op::kLoadOrStore, Op::kLoadOrCompute});
  expected.removed =
      exactly({Op::kDelete, Op::kLoadAndDelete, Op::kCompareAndDelete});
  expected.replaced = exactly({Op::kSwap});
  expected.swapped = exactly({Op::kCompareAndSwap});
  expected.check_sum = {sum, sum};
  size_ = {size, size};
  return expected;
}

Expected Simulator::AdvanceManyThreads(std::size_t n) {
  Expected expected;
  // Counting sort by key; threads in turn, so each key's operations end up
  // grouped by thread and in program order.
  std::vector<std::uint32_t> end_of(std::size_t{tape_.universe} + 1, 0);
  for (const auto& thread : tape_.threads) {
    ForEachEntry(thread, position_, n, [&](Entry entry, std::size_t) {
      ++expected.ops[OpIndex(entry)];
      ++end_of[EntryIndex(entry) + 1];
    });
  }
  for (std::uint32_t i = 0; i < tape_.universe; ++i) end_of[i + 1] += end_of[i];
  std::vector<KeyOp> ops(n * tape_.threads.size());
  for (std::size_t t = 0; t < tape_.threads.size(); ++t) {
    ForEachEntry(tape_.threads[t], position_, n,
                 [&](Entry entry, std::size_t position) {
      ops[end_of[EntryIndex(entry)]++] = {
          static_cast<std::uint8_t>(t),
          static_cast<std::uint8_t>(position & 1), EntryOp(entry)};
    });
  }
  // Filling has moved every begin to its end.
  std::uint32_t begin = 0;
  for (std::uint32_t index = 0; index < tape_.universe; ++index) {
    const std::uint32_t end = end_of[index];
    if (begin == end) continue;
    const KeyBounds key = internal::BoundKey(
        states_[index], std::span(ops).subspan(begin, end - begin));
    begin = end;
    expected.hits += key.hits;
    expected.loaded += key.loaded;
    expected.removed += key.removed;
    expected.replaced += key.replaced;
    expected.swapped += key.swapped;
    const std::uint64_t part = CheckPartOf(index);
    expected.check_sum += {key.returned.lo * part, key.returned.hi * part};
    const Bounds before = SizeOf(states_[index]);
    const Bounds after = SizeOf(key.final_states);
    size_ = {size_.lo + after.lo - before.lo, size_.hi + after.hi - before.hi};
    states_[index] = key.final_states;
  }
  return expected;
}

}  // namespace cmap::workloads
