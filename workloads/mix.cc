// SPDX-License-Identifier: Apache-2.0
#include "workloads/mix.h"

namespace cmap::workloads {

MixDeck::MixDeck(const std::array<double, kPointOps>& mix) {
  for (std::size_t i = 0; i < kPointOps; ++i) {
    if (mix[i] <= 0) continue;
    ops_[kinds_] = static_cast<Op>(i);
    shares_[kinds_++] = mix[i];
  }
}

// Smooth weighted round robin: each card goes to the operation that is owed
// most. After any number of cards no operation is off by a whole card per
// kind.
void MixDeck::Refill(Rng& rng) {
  for (Op& card : deck_) {
    std::size_t most = 0;
    for (std::size_t i = 0; i < kinds_; ++i) {
      owed_[i] += shares_[i];
      if (owed_[i] > owed_[most]) most = i;
    }
    owed_[most] -= 100;
    card = ops_[most];
  }
  Shuffle(std::span<Op>(deck_), rng);
  at_ = 0;
}

}  // namespace cmap::workloads
