// SPDX-License-Identifier: Apache-2.0
//
// Key reuse at a constant size: requests as in krr.h, but over a fixed number
// of live keys, every new key being preceded by the deletion of a live one.
// The size of the map is stationary, so growth cannot pose as an effect of
// reuse.
//
// There are `live` slots; a slot is one of two keys, slot and slot + live, of
// which one is in the map. A new key is the other key of a slot, chosen in
// turn; replaced slots are spread evenly over all slots and each is replaced an
// even number of times, so that at the end of the tape the live keys are those
// it began with, and a second pass over the tape is like the first.
#ifndef CMAP_WORKLOADS_CHURN_H_
#define CMAP_WORKLOADS_CHURN_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "workloads/krr.h"
#include "workloads/rng.h"
#include "workloads/spec.h"

namespace cmap::workloads {

// How many requests, and new keys among them, make a whole cycle.
struct ChurnPlan {
  std::uint64_t requests = 0;
  std::uint64_t new_keys = 0;  // 0, or an even multiple of slots
  std::uint64_t slots = 0;     // slots that are replaced

  // The longest cycle whose requests and deletes together are at most `ops`,
  // with `new_keys` and the other requests both multiples of `multiple`.
  // Without reuse below 1 there are no new keys. requests == 0 when `ops` is
  // too small for one cycle.
  static ChurnPlan For(std::uint64_t live, double reuse, std::uint64_t ops,
                       std::uint64_t multiple) {
    ChurnPlan plan;
    if (reuse >= 1) {
      plan.requests = ops / multiple * multiple;
      return plan;
    }
    const auto budget = static_cast<std::uint64_t>(
        std::floor(static_cast<double>(ops) * (1 - reuse) / (2 - reuse)));
    plan.slots = std::min(live, budget / 2) / multiple * multiple;
    if (plan.slots == 0) return ChurnPlan();
    plan.new_keys = budget / (2 * plan.slots) * (2 * plan.slots);
    const auto requests = static_cast<std::uint64_t>(
        std::floor(static_cast<double>(plan.new_keys) / (1 - reuse) + 1e-6));
    const std::uint64_t reusing =
        (requests - plan.new_keys) / multiple * multiple;
    plan.requests = plan.new_keys + reusing;
    return plan;
  }
};

class ChurnStream {
 public:
  struct Request {
    bool is_new;
    std::uint32_t id;       // slot or slot + live
    std::uint32_t deleted;  // key to delete before, when is_new
  };

  // lag 0: a replaced slot may be asked for at once. Otherwise not within
  // `lag` requests, where the replaced slots are enough for that (a few draws
  // are tried, then the slot replaced longest ago is taken).
  ChurnStream(std::uint32_t live, const ChurnPlan& plan, Choice choice,
              double theta, std::uint64_t lag)
      : live_(live),
        plan_(plan),
        lag_(lag),
        accumulator_(plan.requests - 1),
        choice_(choice, theta),
        second_(live, 0) {
    choice_.GrowTo(live);
    if (lag_ != 0) replaced_at_.assign(live, 0);
  }

  Request Next(Rng& rng) {
    ++now_;
    accumulator_ += plan_.new_keys;
    if (accumulator_ >= plan_.requests) {
      accumulator_ -= plan_.requests;
      const std::uint32_t slot = Replaced(turn_);
      turn_ = turn_ + 1 == plan_.slots ? 0 : turn_ + 1;
      const std::uint32_t old = Current(slot);
      second_[slot] ^= 1;
      if (lag_ != 0) replaced_at_[slot] = now_;
      choice_.Touch(slot);
      return {true, Current(slot), old};
    }
    std::uint32_t slot = choice_.Draw(rng);
    for (int tries = 0; Recent(slot) && tries < 8; ++tries) {
      slot = choice_.Draw(rng);
    }
    if (Recent(slot)) slot = Replaced(turn_);
    choice_.Touch(slot);
    return {false, Current(slot), 0};
  }

 private:
  std::uint32_t Replaced(std::uint64_t turn) const {
    return static_cast<std::uint32_t>(turn * live_ / plan_.slots);
  }
  std::uint32_t Current(std::uint32_t slot) const {
    return second_[slot] != 0 ? slot + live_ : slot;
  }
  bool Recent(std::uint32_t slot) const {
    return lag_ != 0 && replaced_at_[slot] != 0 &&
           now_ - replaced_at_[slot] < lag_;
  }

  std::uint32_t live_;
  ChurnPlan plan_;
  std::uint64_t lag_;
  std::uint64_t accumulator_;  // new_keys of every `requests` requests are new
  ReuseChoice choice_;
  std::vector<std::uint8_t> second_;        // by slot: the second key is live
  std::vector<std::uint64_t> replaced_at_;  // by slot; 0: not yet
  std::uint64_t now_ = 0;
  std::uint64_t turn_ = 0;
};

}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_CHURN_H_
