// SPDX-License-Identifier: Apache-2.0
#include "workloads/keys.h"

namespace cmap::workloads {
namespace {

constexpr char kDigits[] =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";

}  // namespace

LaidOutKeys::LaidOutKeys(KeyLayout layout, std::uint64_t stride)
    : multiplier_(MixIndex(0)) {
  switch (layout) {
    case KeyLayout::kMixed:
      break;
    case KeyLayout::kSequential:
      multiplier_ = 1;
      break;
    case KeyLayout::kStrided:
      multiplier_ = stride;
      break;
    case KeyLayout::kHighBits:
      multiplier_ = kLongestStride;
      break;
    case KeyLayout::kLowEntropy:
      // The number twice, 32 bits apart, so that nothing is carried from one copy into the
      // other: of the lower the lowest byte, of the upper all but the lowest byte.
      multiplier_ = (std::uint64_t{1} << 32) + 1;
      mask_ = ~std::uint64_t{0} << 40 | 0xff;
      break;
  }
}

std::string StringKey(std::uint32_t index, std::uint32_t bytes) {
  std::string key(bytes, '\0');
  std::uint64_t state = index;
  std::uint64_t word = 0;
  const std::uint32_t filler = bytes - kMinStringKeyBytes;
  for (std::uint32_t i = 0; i < filler; ++i) {
    if (i % 10 == 0) word = SplitMix(state);
    key[i] = kDigits[word & 63];
    word >>= 6;
  }
  for (std::uint32_t i = filler; i < bytes; ++i) {
    key[i] = kDigits[index & 63];
    index >>= 6;
  }
  return key;
}

}  // namespace cmap::workloads
