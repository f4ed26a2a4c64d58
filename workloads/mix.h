// SPDX-License-Identifier: Apache-2.0
//
// The operations of a tape, shuffled like a deck of 100 cards: within every
// block of 100 operations each has its share, to one operation, and what
// rounding withholds is carried into the next block. So every prefix is near
// its target, and realised shares are exact for whole percentages.
#ifndef CMAP_WORKLOADS_MIX_H_
#define CMAP_WORKLOADS_MIX_H_

#include <array>
#include <cstddef>
#include <span>

#include "maps/concurrent_map.h"
#include "workloads/rng.h"
#include "workloads/spec.h"

namespace cmap::workloads {

class MixDeck {
 public:
  // Percentages indexed by Op, summing to 100.
  explicit MixDeck(const std::array<double, kPointOps>& mix);

  Op Next(Rng& rng) {
    if (kinds_ == 1) return ops_[0];
    if (at_ == kCards) Refill(rng);
    return deck_[at_++];
  }

 private:
  static constexpr std::size_t kCards = 100;
  void Refill(Rng& rng);

  std::array<Op, kPointOps> ops_{};        // those with a share
  std::array<double, kPointOps> shares_{};
  std::array<double, kPointOps> owed_{};   // percent of one card
  std::size_t kinds_ = 0;
  std::array<Op, kCards> deck_{};
  std::size_t at_ = kCards;
};

}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_MIX_H_
