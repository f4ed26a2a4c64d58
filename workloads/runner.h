// SPDX-License-Identifier: Apache-2.0
//
// The loop inside the timed region: reads a tape, calls the map, verifies every
// value that comes back. Nothing else: no random number, no clock, no shared
// memory, no allocation. Mixes of one operation and of Load with Store have
// loops of their own, so that the harness costs little more than reading the
// entry, one multiplication for the key, and the call.
//
//   Keys<K> keys(tape.universe, spec.key_bytes);
//   Values<V> values(tape.universe, spec.value_bytes);
//   Prefill(map, tape, keys, values, part, parts);            // untimed
//   SliceResult r = PlayEntries(map, entries, position, tape.op_set, keys, values);
//
// Counts are compared with Expected (expectation.h). Versions of values follow
// the rule of tape.h.
#ifndef CMAP_WORKLOADS_RUNNER_H_
#define CMAP_WORKLOADS_RUNNER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "maps/concurrent_map.h"
#include "workloads/keys.h"
#include "workloads/spec.h"
#include "workloads/tape.h"

namespace cmap::workloads {

// What a thread saw in a slice. Counts are of operations.
struct SliceResult {
  std::uint64_t ops = 0;       // all
  std::uint64_t hits = 0;      // Load: found
  std::uint64_t loaded = 0;    // LoadOrStore, LoadOrCompute: loaded
  std::uint64_t removed = 0;   // Delete, LoadAnd-, CompareAndDelete: removed
  std::uint64_t replaced = 0;  // Swap: found
  std::uint64_t swapped = 0;   // CompareAndSwap: true
  std::uint64_t check_sum = 0;  // CheckPart of every value returned
  std::uint64_t mismatch = 0;   // not 0: some value belonged to another key

  SliceResult& operator+=(const SliceResult& other) {
    ops += other.ops;
    hits += other.hits;
    loaded += other.loaded;
    removed += other.removed;
    replaced += other.replaced;
    swapped += other.swapped;
    check_sum += other.check_sum;
    mismatch |= other.mismatch;
    return *this;
  }
  friend bool operator==(const SliceResult&, const SliceResult&) = default;
};

// Bit `op` of Tape::op_set.
constexpr std::uint32_t OpBit(Op op) {
  return std::uint32_t{1} << static_cast<unsigned>(op);
}

// The first operation of the tape that the map does not support.
template <class Map>
std::optional<Op> FirstUnsupported(const Tape& tape) {
  for (std::size_t i = 0; i < kPointOps; ++i) {
    const auto op = static_cast<Op>(i);
    if ((tape.op_set & OpBit(op)) != 0 && !Supports<Map>(op)) return op;
  }
  return std::nullopt;
}

// Puts the tape's prefilled keys, version 0: part `part` of `parts`, which together
// are all. Parts may be put at the same time.
template <class Map>
void Prefill(Map& map, const Tape& tape,
             const Keys<typename Map::key_type>& keys,
             const Values<typename Map::mapped_type>& values,
             std::size_t part = 0, std::size_t parts = 1) {
  const std::size_t end = tape.prefill.size() * (part + 1) / parts;
  for (std::size_t i = tape.prefill.size() * part / parts; i < end; ++i) {
    const std::uint32_t index = tape.prefill[i];
    Put(map, keys(index), values(index, 0));
  }
}

namespace internal {

// One thread's view of a slice; kept in registers by the loops below.
template <class Map>
class Player {
 public:
  using K = typename Map::key_type;
  using V = typename Map::mapped_type;

  Player(Map& map, const Keys<K>& keys, const Values<V>& values)
      : map_(map), keys_(keys), values_(values) {}

  // Performs `op` on the entry's key. Operations the map does not support are
  // compiled out: FirstUnsupported refuses their tapes beforehand.
  template <Op op>
  [[gnu::always_inline]] void Do(Entry entry, std::size_t position) {
    const std::uint32_t index = EntryIndex(entry);
    const std::uint64_t version = position & 1;
    if constexpr (op == Op::kLoad) {
      if (const auto found = map_.Load(keys_(index))) {
        ++result_.hits;
        Verify(*found, index);
      }
    } else if constexpr (!Supports<Map>(op)) {
    } else if constexpr (op == Op::kStore) {
      map_.Store(keys_(index), values_(index, version));
    } else if constexpr (op == Op::kLoadOrStore) {
      const auto got = map_.LoadOrStore(keys_(index), values_(index, version));
      result_.loaded += got.loaded;
      Verify(got.value, index);
    } else if constexpr (op == Op::kLoadAndDelete) {
      if (const auto found = map_.LoadAndDelete(keys_(index))) {
        ++result_.removed;
        Verify(*found, index);
      }
    } else if constexpr (op == Op::kDelete) {
      result_.removed += map_.Delete(keys_(index));
    } else if constexpr (op == Op::kSwap) {
      if (const auto found =
              map_.Swap(keys_(index), values_(index, version))) {
        ++result_.replaced;
        Verify(*found, index);
      }
    } else if constexpr (op == Op::kCompareAndSwap) {
      result_.swapped += map_.CompareAndSwap(
          keys_(index), values_(index, version ^ 1), values_(index, version));
    } else if constexpr (op == Op::kCompareAndDelete) {
      result_.removed +=
          map_.CompareAndDelete(keys_(index), values_(index, version));
    } else if constexpr (op == Op::kLoadOrCompute) {
      const auto got = map_.LoadOrCompute(
          keys_(index), [&]() -> V { return values_(index, version); });
      result_.loaded += got.loaded;
      Verify(got.value, index);
    }
  }

  [[gnu::always_inline]] void DoAny(Entry entry, std::size_t position) {
    switch (EntryOp(entry)) {
      case Op::kLoad: return Do<Op::kLoad>(entry, position);
      case Op::kStore: return Do<Op::kStore>(entry, position);
      case Op::kLoadOrStore: return Do<Op::kLoadOrStore>(entry, position);
      case Op::kLoadAndDelete: return Do<Op::kLoadAndDelete>(entry, position);
      case Op::kDelete: return Do<Op::kDelete>(entry, position);
      case Op::kSwap: return Do<Op::kSwap>(entry, position);
      case Op::kCompareAndSwap: return Do<Op::kCompareAndSwap>(entry, position);
      case Op::kCompareAndDelete:
        return Do<Op::kCompareAndDelete>(entry, position);
      case Op::kLoadOrCompute: return Do<Op::kLoadOrCompute>(entry, position);
      default: __builtin_unreachable();  // no such entry is generated
    }
  }

  void StoreRun(std::span<const std::pair<K, V>> pairs) {
    if constexpr (Supports<Map>(Op::kStoreBatch)) map_.StoreBatch(pairs);
  }

  SliceResult Finish(std::uint64_t ops) {
    result_.ops = ops;
    return result_;
  }

 private:
  // Maps that return no results (the null map) invent values: not verified.
  [[gnu::always_inline]] void Verify(const V& value, std::uint32_t index) {
    if constexpr (Map::kTraits.returns_results) {
      const std::uint64_t word = WordOf(value);
      result_.check_sum += CheckPart(word);
      result_.mismatch |= (word ^ MixIndex(index)) >> 8;
    }
  }

  Map& map_;
  const Keys<K>& keys_;
  const Values<V>& values_;
  SliceResult result_;
};

template <Op op, class Map>
void PlayOnly(Player<Map>& player, std::span<const Entry> entries,
              std::size_t position) {
  for (const Entry entry : entries) player.template Do<op>(entry, position++);
}

template <class Map>
void PlayLoadStore(Player<Map>& player, std::span<const Entry> entries,
                   std::size_t position) {
  for (const Entry entry : entries) {
    if (EntryOp(entry) == Op::kLoad) {
      player.template Do<Op::kLoad>(entry, position);
    } else {
      player.template Do<Op::kStore>(entry, position);
    }
    ++position;
  }
}

template <class Map>
void PlayAny(Player<Map>& player, std::span<const Entry> entries,
             std::size_t position) {
  for (const Entry entry : entries) player.DoAny(entry, position++);
}

}  // namespace internal

// Applies consecutive entries of a tape, the first of which is at `position`.
// `op_set` (Tape::op_set) may name more operations than occur, not fewer.
template <class Map>
SliceResult PlayEntries(Map& map, std::span<const Entry> entries,
                        std::size_t position, std::uint32_t op_set,
                        const Keys<typename Map::key_type>& keys,
                        const Values<typename Map::mapped_type>& values) {
  internal::Player<Map> player(map, keys, values);
  if (op_set == OpBit(Op::kLoad)) {
    internal::PlayOnly<Op::kLoad>(player, entries, position);
  } else if (op_set == OpBit(Op::kStore)) {
    internal::PlayOnly<Op::kStore>(player, entries, position);
  } else if (op_set == OpBit(Op::kLoadOrStore)) {
    internal::PlayOnly<Op::kLoadOrStore>(player, entries, position);
  } else if (op_set == (OpBit(Op::kLoad) | OpBit(Op::kStore))) {
    internal::PlayLoadStore(player, entries, position);
  } else {
    internal::PlayAny(player, entries, position);
  }
  return player.Finish(entries.size());
}

// n operations from `position` of one sequence of the tape, cyclically.
template <class Map>
SliceResult PlaySlice(Map& map, const Tape& tape, std::size_t sequence,
                      std::size_t position, std::size_t n,
                      const Keys<typename Map::key_type>& keys,
                      const Values<typename Map::mapped_type>& values) {
  SliceResult result;
  ForEachStretch(tape.threads[sequence], position, n,
                 [&](std::span<const Entry> entries, std::size_t first) {
                   result += PlayEntries(map, entries, first, tape.op_set, keys, values);
                 });
  return result;
}

// The stores of one thread's tape, laid out for StoreBatch before timing.
// Bytes: sizeof(pair) per store, and 24 per run.
template <class K, class V>
class Batches {
 public:
  // A batch in a slice that ends with the clock has at most so many stores.
  static constexpr std::size_t kMost = 4096;

  // A maximal run of consecutive stores on the tape.
  struct Run {
    std::size_t begin;  // position of its first store
    std::size_t end;    // position after its last store
    std::size_t pair;   // index of its first pair
  };

  Batches(const std::vector<Entry>& tape, const Keys<K>& keys,
          const Values<V>& values)
      : length_(tape.size()) {
    std::size_t stores = 0;
    for (const Entry entry : tape) stores += EntryOp(entry) == Op::kStore;
    pairs_.reserve(stores);
    for (std::size_t i = 0; i < tape.size(); ++i) {
      if (EntryOp(tape[i]) != Op::kStore) continue;
      if (runs_.empty() || runs_.back().end != i) {
        runs_.push_back({i, i, pairs_.size()});
      }
      runs_.back().end = i + 1;
      const std::uint32_t index = EntryIndex(tape[i]);
      pairs_.emplace_back(keys(index), values(index, i & 1));
    }
  }

  // The most operations from `position` on that cut no batch, at least n: a run
  // under way at the end is played to its end, unless that is further than kMost.
  std::size_t Uncut(std::size_t position, std::size_t n) const {
    position %= length_;
    const std::size_t end = position + n;
    const std::size_t run = RunAt(end - 1);
    if (run == runs_.size() || runs_[run].begin >= end) return n;
    return std::max(n, std::min(runs_[run].end - position, kMost));
  }

  // The first run that ends after `position`.
  std::size_t RunAt(std::size_t position) const {
    return static_cast<std::size_t>(
        std::upper_bound(
            runs_.begin(), runs_.end(), position,
            [](std::size_t p, const Run& run) { return p < run.end; }) -
        runs_.begin());
  }
  std::span<const Run> runs() const { return runs_; }
  std::span<const std::pair<K, V>> pairs(const Run& run, std::size_t begin,
                                         std::size_t end) const {
    return std::span(pairs_).subspan(run.pair + begin - run.begin, end - begin);
  }

 private:
  std::size_t length_;
  std::vector<std::pair<K, V>> pairs_;
  std::vector<Run> runs_;
};

// PlayEntries with every maximal run of stores applied by one StoreBatch; a run
// that the slice's ends or the tape's wrap cut is applied in parts.
template <class Map>
SliceResult PlayEntriesBatched(
    Map& map, std::span<const Entry> entries, std::size_t position,
    const Keys<typename Map::key_type>& keys,
    const Values<typename Map::mapped_type>& values,
    const Batches<typename Map::key_type, typename Map::mapped_type>& batches) {
  internal::Player<Map> player(map, keys, values);
  const std::size_t begin = position;
  const std::size_t end = position + entries.size();
  std::size_t run = batches.RunAt(begin);
  while (position < end) {
    std::size_t run_begin = end;
    std::size_t run_end = end;
    if (run < batches.runs().size()) {
      run_begin = std::clamp(batches.runs()[run].begin, position, end);
      run_end = std::min(batches.runs()[run].end, end);
    }
    internal::PlayAny(player,
                      entries.subspan(position - begin, run_begin - position),
                      position);
    if (run_begin < run_end) {
      player.StoreRun(
          batches.pairs(batches.runs()[run], run_begin, run_end));
    }
    position = run_end;
    ++run;
  }
  return player.Finish(entries.size());
}

// PlaySlice with batches of this sequence.
template <class Map>
SliceResult PlaySliceBatched(
    Map& map, const Tape& tape, std::size_t sequence, std::size_t position,
    std::size_t n, const Keys<typename Map::key_type>& keys,
    const Values<typename Map::mapped_type>& values,
    const Batches<typename Map::key_type, typename Map::mapped_type>& batches) {
  SliceResult result;
  ForEachStretch(tape.threads[sequence], position, n,
                 [&](std::span<const Entry> entries, std::size_t first) {
                   result += PlayEntriesBatched(map, entries, first, keys, values, batches);
                 });
  return result;
}

}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_RUNNER_H_
