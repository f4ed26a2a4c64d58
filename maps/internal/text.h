// SPDX-License-Identifier: Apache-2.0
//
// Text put together at compile time, for traits that name the policies of a
// variant: kJoined<kSummary, Lock::kName> is one std::string_view.
#ifndef CMAP_MAPS_INTERNAL_TEXT_H_
#define CMAP_MAPS_INTERNAL_TEXT_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace cmap::internal {

template <const std::string_view&... kParts>
struct Joined {
  static constexpr auto kText = [] {
    std::array<char, (kParts.size() + ... + 0)> text{};
    auto at = text.begin();
    ((at = std::copy(kParts.begin(), kParts.end(), at)), ...);
    return text;
  }();
};

template <const std::string_view&... kParts>
inline constexpr std::string_view kJoined{Joined<kParts...>::kText.data(),
                                          Joined<kParts...>::kText.size()};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_INTERNAL_TEXT_H_
