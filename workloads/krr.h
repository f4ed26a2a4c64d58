// SPDX-License-Identifier: Apache-2.0
//
// Key reuse rate. KRR = 1 - D / N for N requests that ask for D distinct keys
// of a cold map. Drawing from a population does not fix it (zipf least of
// all), so it is built in: an accumulator adds 1 - KRR per request, and the
// request at which it crosses an integer asks for a new key. Every prefix of
// the sequence is then within one key of the target, and the first request is
// new whatever the target. Which seen key the other requests ask for is an
// independent choice.
#ifndef CMAP_WORKLOADS_KRR_H_
#define CMAP_WORKLOADS_KRR_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <deque>
#include <optional>

#include "workloads/lru_stack.h"
#include "workloads/rng.h"
#include "workloads/spec.h"
#include "workloads/zipf.h"

namespace cmap::workloads {

// In shared mode a key is asked for again only this many requests after it was
// first asked for, so that the thread that publishes it will have done so.
inline constexpr std::uint64_t kSharedLag = 1024;

// Chooses among the seen keys 0..n-1:
//   uniform         equally likely
//   zipf            key i has rank i + 1: the longer known, the more popular
//   stack_distance  the rank is the depth in the least-recently-used stack:
//                   the more recently used, the more popular (locality)
class ReuseChoice {
 public:
  // theta 0 makes ranks equally likely.
  ReuseChoice(Choice choice, double theta)
      : choice_(choice), theta_(theta) {}

  // Keys up to n - 1 may be chosen from now on.
  void GrowTo(std::uint32_t n) {
    if (choice_ == Choice::kStackDistance) {
      while (stack_.size() < n) stack_.Push();
    }
    n_ = n;
  }

  // A seen key. Requires GrowTo(1) or more before.
  std::uint32_t Draw(Rng& rng) {
    if (choice_ == Choice::kUniform) return rng.Below(n_);
    const std::uint32_t rank = DrawRank(rng);
    return choice_ == Choice::kZipf ? rank - 1 : stack_.At(rank);
  }

  // Tells that key `id` was asked for.
  void Touch(std::uint32_t id) {
    if (choice_ == Choice::kStackDistance && id < n_) stack_.Touch(id);
  }

  std::uint32_t size() const { return n_; }

 private:
  std::uint32_t DrawRank(Rng& rng) {
    if (theta_ == 0) return 1 + rng.Below(n_);
    if (!zipf_) zipf_.emplace(n_, theta_);
    if (zipf_->n() != n_) zipf_->Resize(n_);
    return zipf_->Draw(rng);
  }

  Choice choice_;
  double theta_;
  std::uint32_t n_ = 0;
  std::optional<Zipf> zipf_;
  LruStack stack_;
};

// A sequence of key ids, new ones in the order 0, 1, 2, ...
class KrrStream {
 public:
  // lag 0: every seen key may be asked for again at once. Otherwise request i
  // reuses keys first asked for at request i - min(lag, (i + 1) / 2) or before
  // (half-way back while the sequence is younger than twice the lag).
  KrrStream(double reuse, Choice choice, double theta, std::uint64_t lag)
      : choice_(choice, theta), rate_(Scaled(1 - reuse)), lag_(lag) {}

  std::uint32_t Next(Rng& rng) {
    const std::uint64_t i = requests_++;
    Publish(i);
    accumulator_ += rate_;
    if (accumulator_ >= kOne || seen_ == 0) {
      if (accumulator_ >= kOne) accumulator_ -= kOne;
      if (lag_ != 0) unpublished_.push_back(i);
      return seen_++;
    }
    const std::uint32_t id = choice_.Draw(rng);
    choice_.Touch(id);
    return id;
  }

  std::uint32_t seen() const { return seen_; }

  // Distinct keys among the first n requests, n > 0.
  static std::uint64_t DistinctAmong(std::uint64_t n, double reuse) {
    const auto product = static_cast<unsigned __int128>(n) * Scaled(1 - reuse);
    const auto whole = static_cast<std::uint64_t>((product + kOne - 1) / kOne);
    return std::max<std::uint64_t>(whole, 1);
  }

  // The most requests that ask for no more than `distinct` keys. Requires
  // reuse < 1.
  static std::uint64_t RequestsFor(std::uint64_t distinct, double reuse) {
    const auto product = static_cast<unsigned __int128>(distinct) * kOne;
    return static_cast<std::uint64_t>(product / Scaled(1 - reuse));
  }

 private:
  // Fixed point: sums of rates are exact, however long the sequence.
  static constexpr std::uint64_t kOne = std::uint64_t{1} << 62;
  static std::uint64_t Scaled(double rate) {
    return static_cast<std::uint64_t>(std::ldexp(rate, 62));
  }

  // Makes keys available that were first asked for long enough before i.
  void Publish(std::uint64_t i) {
    if (lag_ == 0) {
      if (choice_.size() != seen_) choice_.GrowTo(seen_);
      return;
    }
    const std::uint64_t newest = i - std::min(lag_, (i + 1) / 2);
    std::uint32_t n = choice_.size();
    while (!unpublished_.empty() && unpublished_.front() <= newest) {
      unpublished_.pop_front();
      ++n;
    }
    if (n != choice_.size()) choice_.GrowTo(n);
  }

  ReuseChoice choice_;
  std::uint64_t rate_;
  std::uint64_t lag_;
  std::uint64_t accumulator_ = kOne - 1;  // the first request crosses
  std::uint64_t requests_ = 0;
  std::uint32_t seen_ = 0;
  std::deque<std::uint64_t> unpublished_;  // request numbers, ascending
};

}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_KRR_H_
