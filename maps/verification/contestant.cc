// SPDX-License-Identifier: Apache-2.0
#include "maps/verification/contestant.h"

namespace cmap::verification {

std::vector<Contestant>& Contestants() {
  static auto& contestants = *new std::vector<Contestant>;
  return contestants;
}

}  // namespace cmap::verification
