// SPDX-License-Identifier: Apache-2.0
#include "workloads/keys.h"

namespace cmap::workloads {
namespace {

constexpr char kDigits[] =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";

}  // namespace

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
