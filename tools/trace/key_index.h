// SPDX-License-Identifier: Apache-2.0
//
// Numbers 64-bit hashes in the order of their first appearance.
#ifndef CMAP_TOOLS_TRACE_KEY_INDEX_H_
#define CMAP_TOOLS_TRACE_KEY_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace cmap::trace {

class KeyIndex {
 public:
  // The number of the hash, which is size() before the call if it is new. O(1) expected, 24 bytes
  // a hash at most. Holds up to 2^32 - 2.
  std::uint32_t Number(std::uint64_t hash) {
    if (2 * (hashes_.size() + 1) > slots_.size()) Grow();
    std::size_t at = Home(hash);
    while (slots_[at] != 0) {
      if (hashes_[slots_[at] - 1] == hash) return slots_[at] - 1;
      at = (at + 1) & (slots_.size() - 1);
    }
    hashes_.push_back(hash);
    slots_[at] = static_cast<std::uint32_t>(hashes_.size());
    return slots_[at] - 1;
  }

  // The number of a hash that has one.
  std::optional<std::uint32_t> Find(std::uint64_t hash) const {
    if (slots_.empty()) return std::nullopt;
    std::size_t at = Home(hash);
    while (slots_[at] != 0) {
      if (hashes_[slots_[at] - 1] == hash) return slots_[at] - 1;
      at = (at + 1) & (slots_.size() - 1);
    }
    return std::nullopt;
  }

  std::size_t size() const { return hashes_.size(); }
  std::uint64_t hash(std::uint32_t number) const { return hashes_[number]; }

 private:
  // From the low bits: a sample keeps the hashes whose high bits are small.
  std::size_t Home(std::uint64_t hash) const { return hash & (slots_.size() - 1); }

  void Grow() {
    slots_.assign(slots_.empty() ? 1024 : 2 * slots_.size(), 0);
    for (std::size_t i = 0; i < hashes_.size(); ++i) {
      std::size_t at = Home(hashes_[i]);
      while (slots_[at] != 0) at = (at + 1) & (slots_.size() - 1);
      slots_[at] = static_cast<std::uint32_t>(i + 1);
    }
  }

  std::vector<std::uint64_t> hashes_;
  std::vector<std::uint32_t> slots_;  // number + 1; 0: free
};

}  // namespace cmap::trace

#endif  // CMAP_TOOLS_TRACE_KEY_INDEX_H_
