// SPDX-License-Identifier: Apache-2.0
//
// From what was counted to figures with intervals.
#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <vector>

#include "maps/concurrent_map.h"
#include "tools/trace/profile.h"
#include "workloads/figures.h"

namespace cmap::trace {
namespace {

using nlohmann::json;

constexpr std::size_t kTop = 100;
constexpr double kTwoSigma = 2;

double Ratio(double part, double whole) { return whole == 0 ? 0 : part / whole; }

double Sum(const auto& numbers) { return std::accumulate(numbers.begin(), numbers.end(), 0.0); }

Estimate Exact(double value) { return {value, value, value}; }

double Squared(double x) { return x * x; }

// Within [0, 1].
Estimate Share(double value, double error) {
  const auto clamp = [](double x) { return std::clamp(x, 0.0, 1.0); };
  return {clamp(value), clamp(value - error), clamp(value + error)};
}

Estimate OneMinus(const Estimate& e) { return {1 - e.value, 1 - e.high, 1 - e.low}; }

json AsJson(const Estimate& e) { return {{"value", e.value}, {"low", e.low}, {"high", e.high}}; }

json Unknown(const char* reason) { return {{"unknown", reason}}; }

json AsJson(const SizeHistogram& sizes) {
  if (sizes.count() == 0) return Unknown("the trace does not hold them");
  return {{"mean", sizes.mean()},
          {"p50", sizes.Quantile(0.5)},
          {"p99", sizes.Quantile(0.99)},
          {"max", sizes.max()}};
}

constexpr const char* kNotFromOperations =
    "a recording of single operations does not tell which keys come back";
constexpr const char* kNotFromKeys = "a recording of some keys does not tell of the others";

}  // namespace

struct Profile::Basis {
  Recording::Of of;
  double rate;  // the share of the program's keys that is followed
  // All of the program's operations and look-ups, where known.
  std::optional<double> ops;
  std::optional<double> lookups;
};

Profile::Basis Profile::BasisOf(const Recording& recording) const {
  Basis basis{recording.of, rate_, {}, {}};
  if (recording.of == Recording::Of::kKeys) {
    basis.rate *= recording.rate;
    if (recording.total_ops()) basis.ops = static_cast<double>(*recording.total_ops());
    if (recording.total_lookups()) basis.lookups = static_cast<double>(*recording.total_lookups());
    if (recording.rate < 1) return basis;
  }
  const auto count = [&](Op op) {
    return static_cast<double>(of_op_[static_cast<std::size_t>(op)]);
  };
  basis.ops = static_cast<double>(ops_);
  basis.lookups = count(Op::kLoad) + count(Op::kLoadOrStore) + count(Op::kLoadOrCompute);
  return basis;
}

Profile::Grouped Profile::FirstRequests() const {
  Grouped first{};
  for (std::uint32_t i = 0; i < keys_.size(); ++i) ++first[GroupOf(index_.hash(i))];
  return first;
}

Profile::Grouped Profile::Misses(bool of_early_keys) const {
  Grouped misses{};
  for (std::uint32_t i = 0; i < keys_.size(); ++i) {
    const std::uint64_t hash = index_.hash(i);
    if (of_early_keys || !early_index_.Find(hash)) misses[GroupOf(hash)] += keys_[i].misses;
  }
  return misses;
}

// Each key is followed with probability `rate`, independently: the number of followed ones is
// binomial.
Estimate Profile::Distinct(const Basis& basis) const {
  const auto followed = static_cast<double>(keys_.size());
  const double value = followed / basis.rate;
  const double error = kTwoSigma * std::sqrt(followed * (1 - basis.rate)) / basis.rate;
  return {value, std::max(value - error, followed), value + error};
}

// Horvitz and Thompson's estimate of the part where the whole is known, a ratio where it is not.
// The groups are random parts of the keys: how they differ tells how the sum would in
// another sample. `part` is chosen to be the one that popular keys add little to (misses, not
// hits), as whether the most popular key is in the sample is the greatest uncertainty.
//
// Where popular keys add to it in proportion nevertheless, the regression estimate is better
// (`by_line`; W. Cochran, Sampling Techniques, 1977, chapter 7): for what of the whole the sample
// has too little, it has too little of what goes with it by the line through the groups.
Estimate Profile::ShareOf(const Grouped& part, const Grouped& whole, std::optional<double> all,
                          const Basis& basis, double certain, bool by_line) const {
  const double sum = Sum(part);
  const double sampled = Sum(whole);
  const double total = all ? *all * basis.rate : sampled;
  if (total == 0) return Exact(0);
  double squares = 0;   // of the whole about its mean
  double products = 0;  // of the whole and the part
  for (std::size_t g = 0; g < kGroups; ++g) {
    squares += Squared(whole[g] - sampled / kGroups);
    products += (whole[g] - sampled / kGroups) * (part[g] - sum / kGroups);
  }
  by_line = by_line && all && squares > 0;
  const double share = (sum + certain * basis.rate) / total;
  // Without the whole, what counts is by how much the parts differ from their share of it.
  const double slope = by_line ? products / squares : all ? 0 : share;
  double off = 0;
  for (std::size_t g = 0; g < kGroups; ++g) {
    off += Squared(part[g] - sum / kGroups - slope * (whole[g] - sampled / kGroups));
  }
  const double scatter = off / (kGroups - (by_line ? 2 : 1));
  double variance = (1 - basis.rate) * scatter * kGroups;
  const double lacking = by_line ? total - sampled : 0;
  // The line's own error, all the greater the further it is drawn beyond the groups.
  if (by_line) variance += scatter / squares * Squared(lacking);
  return Share(share + slope * lacking / total, kTwoSigma * std::sqrt(variance) / total);
}

// By the line: a popular key that is deleted and stored again misses in proportion. (Of 160
// recordings of a tenth of a service's keys, the most popular one asked for by every 17th look-up,
// 85 % of the intervals held the hit rate; of the sum's alone 73 %, and it was up to three times
// its interval off.)
Estimate Profile::HitRate(const Basis& basis) const {
  // In a recording of some keys the early ones are a sample as well.
  if (basis.rate < rate_) {
    return OneMinus(ShareOf(Misses(true), lookups_, basis.lookups, basis, 0, true));
  }
  double early = 0;
  for (const Key& key : early_keys_) early += key.misses;
  return OneMinus(ShareOf(Misses(false), lookups_, basis.lookups, basis, early, true));
}

Estimate Profile::Entropy(const Basis& basis) const {
  if (buckets_.empty()) {
    // The buckets of workloads::Measure, by the number of the key.
    std::array<std::uint64_t, kBuckets> counts{};
    for (std::uint32_t i = 0; i < keys_.size(); ++i) counts[MixBits(i) >> 54] += keys_[i].requests;
    const double bits = workloads::EntropyBits(counts);
    if (basis.of != Recording::Of::kOperations) return Exact(bits);
    // Of a sample it is too small, by this much on average (G. Miller, 1955).
    const double bias = (kBuckets - 1) / (2 * std::log(2.0) * static_cast<double>(ops_));
    return {bits + bias, bits, bits + 2 * bias};
  }
  // All operations, in buckets by other hashings than Measure's: how these differ among each
  // other is how far its own may be off.
  std::vector<double> bits;
  for (const auto& counts : buckets_) bits.push_back(workloads::EntropyBits(counts));
  const double mean = Sum(bits) / kHashings;
  double squares = 0;
  for (const double b : bits) squares += (b - mean) * (b - mean);
  constexpr double kStudent7 = 2.365;  // 97.5 % point, 7 degrees of freedom
  const double error = kStudent7 * std::sqrt(squares / (kHashings - 1) * (1 + 1.0 / kHashings));
  return {mean, std::max(mean - error, 0.0), mean + error};
}

Estimate Profile::Top100(const Basis& basis) const {
  const auto all = static_cast<double>(ops_);
  if (frequent_) {
    const auto low = static_cast<double>(frequent_->TopSum(kTop));
    const double high = std::min(low + kTop * static_cast<double>(frequent_->error()), all);
    return {(low + high) / 2 / all, low / all, high / all};
  }
  std::vector<std::uint32_t> counts;
  for (const Key& key : keys_) counts.push_back(key.requests);
  const double share = workloads::TopShare(counts, kTop);
  if (basis.of != Recording::Of::kOperations) return Exact(share);
  // The keys that a sample shows most often are partly those that it shows by chance: a count
  // of a million may be five sigmas too high.
  const std::size_t top = std::min(kTop, counts.size());
  std::partial_sort(counts.begin(), counts.begin() + static_cast<std::ptrdiff_t>(top), counts.end(),
                    std::greater<>());
  double low = 0;
  for (std::size_t i = 0; i < top; ++i) {
    low += std::max(0.0, counts[i] - 5 * std::sqrt(static_cast<double>(counts[i])));
  }
  const double error = kTwoSigma * std::sqrt(share * (1 - share) / all);
  return {share, low / all, std::min(1.0, share + error)};
}

json Profile::Operations() const {
  json operations = json::object();
  double deletes = 0;
  for (std::size_t i = 0; i < of_op_.size(); ++i) {
    const double share = Ratio(static_cast<double>(of_op_[i]), static_cast<double>(ops_));
    if (of_op_[i] != 0) operations[std::string(kOpNames[i])] = share;
    if (workloads::IsDeleting(static_cast<Op>(i))) deletes += share;
  }
  const double loads = operations.value("load", 0.0);
  return {{"shares", operations},
          {"read_share", loads},
          {"write_share", ops_ == 0 ? 0 : 1 - loads},
          {"delete_share", deletes}};
}

// For caches of 2^k entries that evict the least recently used one: the share of the requests
// that would find their key. A request misses when it is the first for its key or its stack
// distance is larger than the cache.
json Profile::Locality(const Basis& basis) const {
  json curve = json::array();
  Grouped misses = FirstRequests();
  const double total = basis.ops ? *basis.ops * basis.rate : Sum(requests_);
  std::size_t last = kDistances;
  while (last > 0 && Sum(again_[last - 1]) == 0) --last;
  // From the largest distance that occurs down.
  for (std::size_t k = last; k-- > 0;) {
    const double entries = std::ldexp(1.0, static_cast<int>(k));
    Estimate hits = OneMinus(ShareOf(misses, requests_, basis.ops, basis));
    // Distances are counts of followed keys, binomial themselves: the size of the cache is known
    // to a factor of 1 + this, within which lies this part of the requests on either side.
    const double factor = kTwoSigma * std::sqrt((1 - basis.rate) / (entries * basis.rate));
    const double beyond = k + 1 < kDistances ? Sum(again_[k + 1]) : 0;
    const double up = std::log2(1 + factor) * Ratio(beyond, total);
    const double down = std::log2(1 + factor) * Ratio(Sum(again_[k]), total);
    // (Both errors come from which keys are followed, and may well have the same sign.)
    hits = {hits.value, std::max(0.0, hits.low - down), std::min(1.0, hits.high + up)};
    curve.push_back({{"entries", entries}, {"hit_rate", AsJson(hits)}});
    for (std::size_t g = 0; g < kGroups; ++g) misses[g] += again_[k][g];
  }
  std::reverse(curve.begin(), curve.end());
  return {{"lru", curve}};
}

json Profile::GrowthJson(const Basis& basis) const {
  const double recorded = rate_ / basis.rate;  // to the program's keys from the recording's
  json points = json::array();
  for (const Growth& point : growth_) {
    points.push_back({{"operation", point.ops},
                      {"distinct", point.distinct * recorded},
                      {"present", point.present * recorded}});
  }
  points.push_back({{"operation", ops_},
                    {"distinct", static_cast<double>(keys_.size()) / basis.rate},
                    {"present", static_cast<double>(present_) / basis.rate}});
  return points;
}

json Profile::ToJson(const Description& description, const Recording& recording) const {
  const Basis basis = BasisOf(recording);
  const bool keys_sampled = recording.of == Recording::Of::kKeys && recording.rate < 1;
  const bool ops_sampled = recording.of == Recording::Of::kOperations && recording.rate < 1;
  json figures = Operations();
  if (ops_sampled) {
    for (const char* name : {"reuse_rate", "distinct", "locality", "growth"}) {
      figures[name] = Unknown(kNotFromOperations);
    }
  } else {
    const Estimate reuse = OneMinus(ShareOf(FirstRequests(), requests_, basis.ops, basis));
    // The number of keys is known better than the groups tell.
    const Estimate distinct = Distinct(basis);
    figures["distinct"] = AsJson(distinct);
    figures["reuse_rate"] =
        AsJson(basis.ops ? OneMinus(Share(distinct.value / *basis.ops,
                                          (distinct.high - distinct.value) / *basis.ops))
                         : reuse);
    figures["locality"] = Locality(basis);
    figures["growth"] = GrowthJson(basis);
  }
  if (ops_sampled && found_told_ == 0) {
    figures["hit_rate"] = Unknown(kNotFromOperations);
  } else if (Sum(lookups_) == 0 && basis.lookups.value_or(0) == 0) {
    figures["hit_rate"] = Unknown("the trace looks nothing up");
  } else {
    figures["hit_rate"] = AsJson(HitRate(basis));
    figures["hit_rate"]["told"] = found_told_ != 0;
  }
  figures["entropy_1024"] = keys_sampled ? Unknown(kNotFromKeys) : AsJson(Entropy(basis));
  figures["top100_share"] = keys_sampled ? Unknown(kNotFromKeys) : AsJson(Top100(basis));
  figures["key_bytes"] = AsJson(key_sizes_);
  figures["value_bytes"] = AsJson(value_sizes_);
  if (!description.has_times) {
    figures["arrivals"] = Unknown("the trace has no times");
  } else {
    json windows = json::array();
    for (const Arrivals::Window& w : arrivals_.Windows()) {
      windows.push_back({{"seconds", w.seconds},
                         {"windows", w.windows},
                         {"mean", w.mean},
                         {"index_of_dispersion", w.dispersion}});
    }
    figures["arrivals"] = {{"seconds", static_cast<double>(arrivals_.duration_ns()) / 1e9},
                           {"windows", windows}};
  }
  json recorded = nullptr;
  if (recording.rate < 1) {
    recorded = {{"of", recording.of == Recording::Of::kKeys ? "keys" : "operations"},
                {"rate", recording.rate}};
    if (recording.total_ops()) recorded["of_operations"] = *recording.total_ops();
  }
  return {{"schema", 1},
          {"format", description.format},
          {"has_operations", description.has_operations},
          {"has_clients", description.has_clients},
          {"operations", ops_},
          {"followed_keys", keys_.size()},
          {"sample", rate_},
          {"recorded", recorded},
          {"figures", figures}};
}

}  // namespace cmap::trace
