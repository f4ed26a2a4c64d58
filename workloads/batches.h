// SPDX-License-Identifier: Apache-2.0
//
// Operations handed to a map together: loads to VisitBatch, stores to StoreBatch. Verified
// as in the loop of runner.h.
#ifndef CMAP_WORKLOADS_BATCHES_H_
#define CMAP_WORKLOADS_BATCHES_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "maps/concurrent_map.h"
#include "maps/visit_batch.h"
#include "workloads/keys.h"
#include "workloads/runner.h"
#include "workloads/tape.h"
#include "workloads/values.h"

namespace cmap::workloads {

// Loads that are handed to the map at once.
inline constexpr std::size_t kLoadBatch = 16;

// PlayEntries for entries that are all loads of integer keys, a batch of them by one
// VisitBatch; the last batch of a slice may be shorter.
template <class Map>
[[gnu::noinline]] SliceResult PlayLoadBatches(Map& map, std::span<const Entry> entries,
                                              const Keys<std::uint64_t>& keys) {
  SliceResult result;
  result.ops = entries.size();
  std::array<std::uint64_t, kLoadBatch> batch;
  while (!entries.empty()) {
    const std::size_t n = std::min(entries.size(), kLoadBatch);
    for (std::size_t i = 0; i < n; ++i) batch[i] = keys(EntryIndex(entries[i]));
    std::uint64_t check_sum = 0;
    std::uint64_t mismatch = 0;
    result.hits += VisitBatch(map, std::span<const std::uint64_t>(batch).first(n),
                              [&](const std::uint64_t& key, const std::uint64_t& value) {
                                check_sum += CheckPart(value);
                                mismatch |= (value ^ key) >> 8;  // the key is MixIndex(index)
                              });
    if constexpr (Map::kTraits.returns_results) {
      result.check_sum += check_sum;
      result.mismatch |= mismatch;
    }
    entries = entries.subspan(n);
  }
  return result;
}

// PlaySlice in such batches.
template <class Map>
SliceResult PlaySliceInLoadBatches(Map& map, const Tape& tape, std::size_t sequence,
                                   std::size_t position, std::size_t n,
                                   const Keys<std::uint64_t>& keys) {
  SliceResult result;
  ForEachStretch(tape.threads[sequence], position, n,
                 [&](std::span<const Entry> entries, std::size_t) {
                   result += PlayLoadBatches(map, entries, keys);
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

  template <class KeysOfMap>
  Batches(const std::vector<Entry>& tape, const KeysOfMap& keys,
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
template <class Map, class KeysOfMap>
SliceResult PlayEntriesBatched(
    Map& map, std::span<const Entry> entries, std::size_t position, const KeysOfMap& keys,
    const Values<typename Map::mapped_type>& values,
    const Batches<typename Map::key_type, typename Map::mapped_type>& batches) {
  SliceResult result;
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
    result += internal::PlayLoop<internal::AnyLoop, Boundary::kInlined>(
        map, entries.subspan(position - begin, run_begin - position), position,
        keys, values);
    if (run_begin < run_end) {
      if constexpr (Supports<Map>(Op::kStoreBatch)) {
        map.StoreBatch(batches.pairs(batches.runs()[run], run_begin, run_end));
      }
      result.ops += run_end - run_begin;
    }
    position = run_end;
    ++run;
  }
  return result;
}

// PlaySlice with batches of this sequence.
template <class Map, class KeysOfMap>
SliceResult PlaySliceBatched(
    Map& map, const Tape& tape, std::size_t sequence, std::size_t position,
    std::size_t n, const KeysOfMap& keys,
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

#endif  // CMAP_WORKLOADS_BATCHES_H_
