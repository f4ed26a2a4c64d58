// SPDX-License-Identifier: Apache-2.0
//
// What a trace really is: the figures that workloads/figures.h defines, and what only a recorded
// trace has (arrivals, sizes, growth).
//
// Memory is bounded. All keys are followed, and the figures are exact, while no more than
// `max_keys` are there. Beyond that, or on request, a sample of the keys is followed: those
// whose hash is below a threshold, with all their operations, as in SHARDS (C. Waldspurger et
// al., FAST 2015). When the sample is full the threshold is halved. Figures become
// estimates with intervals of about 95 %; how each is made stands at its function.
#ifndef CMAP_TOOLS_TRACE_PROFILE_H_
#define CMAP_TOOLS_TRACE_PROFILE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <vector>

#include "tools/trace/arrivals.h"
#include "tools/trace/frequent_keys.h"
#include "tools/trace/key_index.h"
#include "tools/trace/record.h"
#include "tools/trace/size_histogram.h"
#include "workloads/lru_stack.h"
#include "workloads/spec.h"

namespace cmap::trace {

// Hashes up to it are a sample of this share of all.
std::uint64_t ThresholdOf(double rate);

struct Estimate {
  double value = 0;
  double low = 0;
  double high = 0;
};

class Profile {
 public:
  struct Options {
    double sample = 1;                    // of the keys, in (0, 1]
    std::uint64_t max_keys = 10'000'000;  // followed at most, about 60 bytes each
  };

  explicit Profile(const Options& options);

  void Add(const Record& record, std::uint64_t key_hash);

  // Everything, as README.md describes it. `recording` says which part of a program's operations
  // the trace holds.
  nlohmann::json ToJson(const Description& description, const Recording& recording) const;

  // The share of the trace's keys that is followed.
  double rate() const { return rate_; }

 private:
  static constexpr std::size_t kGroups = 32;  // of keys, for the errors
  static constexpr std::size_t kDistances = 64;
  static constexpr std::size_t kHashings = 8;
  static constexpr std::size_t kBuckets = 1024;
  static constexpr std::size_t kEarlyKeys = 16'384;

  struct Key {
    // Look-ups that did not find: as the trace says, otherwise as a map that was empty before
    // the trace would answer.
    std::uint32_t misses = 0;
    std::uint32_t requests = 0;
    std::uint8_t state = 0;
  };
  struct Growth {
    std::uint64_t ops;
    double distinct;
    double present;
  };
  // A total over the followed keys, by groups of keys.
  using Grouped = std::array<double, kGroups>;

  static std::size_t GroupOf(std::uint64_t hash) { return (hash >> 8) % kGroups; }
  bool Followed(std::uint64_t hash) const { return hash <= threshold_; }
  void AddKey(std::uint32_t number, const Record& record, bool known);
  void Apply(Key& key, const Record& record) const;
  void AddEarly(const Record& record, std::uint64_t hash);
  void AddToAllKeys(std::uint64_t hash, std::uint64_t count);
  void NoteGrowth();
  void BeginSampling();
  void Halve();

  // What the figures are worked out from (profile_figures.cc).
  struct Basis;
  Basis BasisOf(const Recording& recording) const;
  Grouped FirstRequests() const;
  Grouped Misses(bool of_early_keys) const;
  Estimate HitRate(const Basis& basis) const;
  Estimate Distinct(const Basis& basis) const;
  // The share that `part`, a total over the followed keys, and `certain`, a total that is known,
  // are of all requests or look-ups.
  Estimate ShareOf(const Grouped& part, const Grouped& whole, std::optional<double> all,
                   const Basis& basis, double certain = 0, bool by_line = false) const;
  Estimate Entropy(const Basis& basis) const;
  Estimate Top100(const Basis& basis) const;
  nlohmann::json Operations() const;
  nlohmann::json Locality(const Basis& basis) const;
  nlohmann::json GrowthJson(const Basis& basis) const;

  std::uint64_t max_keys_;
  double rate_;
  std::uint64_t threshold_;
  KeyIndex index_;
  std::vector<Key> keys_;
  workloads::LruStack stack_;
  std::uint64_t present_ = 0;
  // Requests that ask for a key again, by the power of two that holds the stack distance.
  std::vector<Grouped> again_;
  Grouped requests_{};
  Grouped lookups_{};

  // Of all operations, also those on keys that are not followed.
  std::uint64_t ops_ = 0;
  std::array<std::uint64_t, workloads::kPointOps> of_op_{};
  std::uint64_t found_told_ = 0;  // look-ups of which the trace says whether they found
  Arrivals arrivals_;
  SizeHistogram key_sizes_;
  SizeHistogram value_sizes_;

  // Only while sampling. The first keys of the trace, whose look-ups are followed whatever their
  // hash: popular keys are among them nearly always, and which of those a sample holds
  // would otherwise decide the estimate of the misses.
  KeyIndex early_index_;
  std::vector<Key> early_keys_;
  // And what can be had of all keys without following them.
  std::optional<FrequentKeys> frequent_;
  std::vector<std::array<std::uint64_t, kBuckets>> buckets_;  // by hashing

  std::vector<Growth> growth_;
  std::uint64_t growth_step_ = 1;
};

}  // namespace cmap::trace

#endif  // CMAP_TOOLS_TRACE_PROFILE_H_
