// SPDX-License-Identifier: Apache-2.0
#include "workloads/figures.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <vector>

#include "maps/concurrent_map.h"
#include "workloads/key_state.h"
#include "workloads/spec.h"

namespace cmap::workloads {
namespace {

constexpr int kBucketBits = 10;
constexpr std::size_t kTop = 100;

double Ratio(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return 0;
  return static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

double EntropyBits(std::span<const std::uint64_t> counts) {
  std::uint64_t total = 0;
  for (const std::uint64_t count : counts) total += count;
  double bits = 0;
  for (const std::uint64_t count : counts) {
    if (count == 0) continue;
    const double p = Ratio(count, total);
    bits -= p * std::log2(p);
  }
  return bits;
}

double TopShare(std::span<const std::uint32_t> counts, std::size_t top) {
  std::vector<std::uint32_t> sorted(counts.begin(), counts.end());
  top = std::min(top, sorted.size());
  std::nth_element(sorted.begin(),
                   sorted.begin() + static_cast<std::ptrdiff_t>(top),
                   sorted.end(), std::greater<>());
  std::uint64_t total = 0;
  std::uint64_t held = 0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    total += sorted[i];
    if (i < top) held += sorted[i];
  }
  return Ratio(held, total);
}

Figures Measure(const Tape& tape, std::size_t n) {
  std::vector<std::uint32_t> requests_of(tape.universe, 0);
  std::vector<std::uint8_t> state(tape.universe, kAbsent);
  std::vector<bool> seen(tape.universe, false);
  for (const std::uint32_t index : tape.prefill) {
    state[index] = kVersion0;
    if (tape.pairs_deletes) seen[index] = true;
  }
  std::uint64_t requests = 0;
  std::uint64_t new_keys = 0;
  std::uint64_t lookups = 0;
  std::uint64_t found = 0;
  std::uint64_t writes = 0;
  for (std::size_t position = 0; position < n; ++position) {
    for (const std::vector<Entry>& thread : tape.threads) {
      const Entry entry = thread[position];
      const std::uint32_t index = EntryIndex(entry);
      const Op op = EntryOp(entry);
      const SetStep& step = ApplyToStates(op, position & 1, state[index]);
      state[index] = step.after;
      writes += op != Op::kLoad;
      if (op == Op::kLoad || op == Op::kLoadOrStore ||
          op == Op::kLoadOrCompute) {
        ++lookups;
        found += step.certain;
      }
      if (tape.pairs_deletes && op == Op::kDelete) {
        seen[index] = false;
        continue;
      }
      ++requests;
      ++requests_of[index];
      if (!seen[index]) {
        seen[index] = true;
        ++new_keys;
      }
    }
  }
  std::array<std::uint64_t, 1 << kBucketBits> buckets{};
  Figures figures;
  for (std::uint32_t i = 0; i < tape.universe; ++i) {
    buckets[MixBits(i) >> (64 - kBucketBits)] += requests_of[i];
    figures.distinct += requests_of[i] != 0;
  }
  figures.ops = n * tape.threads.size();
  figures.reuse_rate = requests == 0 ? 0 : 1 - Ratio(new_keys, requests);
  figures.hit_rate = Ratio(found, lookups);
  figures.entropy_1024 = EntropyBits(buckets);
  figures.top100_share = TopShare(requests_of, kTop);
  figures.write_share = Ratio(writes, figures.ops);
  return figures;
}

nlohmann::json Figures::ToJson() const {
  return {{"ops", ops},
          {"reuse_rate", reuse_rate},
          {"hit_rate", hit_rate},
          {"distinct", distinct},
          {"entropy_1024", entropy_1024},
          {"top100_share", top100_share},
          {"write_share", write_share}};
}

}  // namespace cmap::workloads
