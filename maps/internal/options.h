// SPDX-License-Identifier: Apache-2.0
//
// The common check of a strategy's Options against its kTunables.
#ifndef CMAP_MAPS_INTERNAL_OPTIONS_H_
#define CMAP_MAPS_INTERNAL_OPTIONS_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "maps/concurrent_map.h"

namespace cmap::internal {

// Returns `options` when every tunable lies within its range. Throws
// std::invalid_argument, with one sentence that names the map, the tunable, the
// value and the range, otherwise.
template <class Options, std::size_t N>
const Options& CheckOptions(std::string_view map, const Options& options,
                            const std::array<Tunable<Options>, N>& tunables) {
  for (const Tunable<Options>& tunable : tunables) {
    const std::int64_t value = options.*(tunable.field);
    if (value < tunable.min || value > tunable.max) {
      throw std::invalid_argument(
          std::string(map) + ": " + std::string(tunable.name) + " is " +
          std::to_string(value) + "; choose a value from " +
          std::to_string(tunable.min) + " to " + std::to_string(tunable.max));
    }
  }
  return options;
}

// Returns `value` when it is a power of two; throws as above otherwise.
inline std::int64_t CheckPowerOfTwo(std::string_view map, std::string_view name,
                                    std::int64_t value) {
  if (value < 1 || !std::has_single_bit(static_cast<std::uint64_t>(value))) {
    throw std::invalid_argument(
        std::string(map) + ": " + std::string(name) + " is " +
        std::to_string(value) + "; choose a power of two, such as 1, 32 or 256");
  }
  return value;
}

}  // namespace cmap::internal

#endif  // CMAP_MAPS_INTERNAL_OPTIONS_H_
