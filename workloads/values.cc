// SPDX-License-Identifier: Apache-2.0
#include "workloads/values.h"

#include <bit>

namespace cmap::workloads {

static_assert(std::endian::native == std::endian::little);

std::string StringValue(std::uint32_t index, std::uint64_t version,
                        std::uint32_t bytes) {
  std::string value(bytes, '\0');
  for (std::size_t i = 0; i < bytes; i += sizeof(std::uint64_t)) {
    const std::uint64_t word =
        i == 0 ? ValueFor(index, version) : FillerWord(i / sizeof(std::uint64_t));
    std::memcpy(value.data() + i, &word, std::min(sizeof word, bytes - i));
  }
  if (bytes >= 2 * sizeof(std::uint64_t)) {
    const std::uint64_t tail = TailOf(ValueFor(index, version));
    std::memcpy(value.data() + bytes - sizeof tail, &tail, sizeof tail);
  }
  return value;
}

bool Intact(const std::string& value) {
  if (value.size() < kMinStringValueBytes) return false;
  std::uint64_t word;
  std::memcpy(&word, value.data(), sizeof word);
  const std::size_t end = value.size() < 2 * sizeof word ? value.size()
                                                         : value.size() - sizeof word;
  for (std::size_t i = sizeof word; i < end; ++i) {
    const std::uint64_t filler = FillerWord(i / sizeof word);
    if (static_cast<unsigned char>(value[i]) !=
        static_cast<unsigned char>(filler >> (8 * (i % sizeof word)))) {
      return false;
    }
  }
  return value.size() < 2 * sizeof word || WordOf(value) == word;
}

}  // namespace cmap::workloads
