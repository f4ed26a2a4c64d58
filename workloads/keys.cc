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

std::string StringValue(std::uint32_t index, std::uint64_t version,
                        std::uint32_t bytes) {
  std::string value(bytes, '\0');
  const std::uint64_t word = ValueFor(index, version);
  std::memcpy(value.data(), &word, sizeof word);
  std::uint64_t state = word;
  std::uint64_t filler = 0;
  for (std::uint32_t i = sizeof word; i < bytes; ++i) {
    if (i % 8 == 0) filler = SplitMix(state);
    value[i] = static_cast<char>(filler);
    filler >>= 8;
  }
  return value;
}

}  // namespace cmap::workloads
