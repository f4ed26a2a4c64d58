// SPDX-License-Identifier: Apache-2.0
#include "workloads/lru_stack.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace cmap::workloads {
namespace {

constexpr std::size_t kMinSlots = 1024;

// Position of the set bit with `rank` set bits below it.
int SelectBit(std::uint64_t word, std::uint32_t rank) {
  int base = 0;
  for (int width = 32; width >= 8; width /= 2) {
    const std::uint64_t low = word & ((std::uint64_t{1} << width) - 1);
    const auto count = static_cast<std::uint32_t>(std::popcount(low));
    if (rank >= count) {
      rank -= count;
      word >>= width;
      base += width;
    } else {
      word = low;
    }
  }
  while (rank-- > 0) word &= word - 1;
  return base + std::countr_zero(word);
}

}  // namespace

void LruStack::Push() {
  slot_of_.push_back(0);
  if (next_ == id_at_.size()) {
    slot_of_.pop_back();
    Pack();
    slot_of_.push_back(0);
  }
  Place(size() - 1);
}

void LruStack::Touch(std::uint32_t id) {
  if (slot_of_[id] + 1 == next_) return;  // on top already
  if (next_ == id_at_.size()) Pack();
  const std::uint32_t slot = slot_of_[id];
  bits_[slot / 64] &= ~(std::uint64_t{1} << (slot % 64));
  Add(slot / 64, ~std::uint32_t{0});
  Place(id);
}

std::uint32_t LruStack::At(std::uint32_t depth) const {
  std::uint32_t rank = size() - depth;  // keys older than the one wanted
  std::size_t word = 0;                 // words passed
  for (std::size_t step = std::bit_floor(tree_.size() - 1); step != 0;
       step /= 2) {
    if (word + step < tree_.size() && tree_[word + step] <= rank) {
      word += step;
      rank -= tree_[word];
    }
  }
  return id_at_[word * 64 +
                static_cast<std::size_t>(SelectBit(bits_[word], rank))];
}

void LruStack::Place(std::uint32_t id) {
  const std::size_t slot = next_++;
  slot_of_[id] = static_cast<std::uint32_t>(slot);
  id_at_[slot] = id;
  bits_[slot / 64] |= std::uint64_t{1} << (slot % 64);
  Add(slot / 64, 1);
}

void LruStack::Pack() {
  const std::size_t slots =
      std::max(kMinSlots, std::bit_ceil(2 * (slot_of_.size() + 1)));
  std::vector<std::uint32_t> ids;
  ids.reserve(slots);
  for (std::size_t slot = 0; slot < next_; ++slot) {
    if ((bits_[slot / 64] >> (slot % 64)) & 1) ids.push_back(id_at_[slot]);
  }
  next_ = ids.size();
  ids.resize(slots);
  id_at_ = std::move(ids);
  bits_.assign(slots / 64, 0);
  tree_.assign(slots / 64 + 1, 0);
  for (std::size_t slot = 0; slot < next_; ++slot) {
    slot_of_[id_at_[slot]] = static_cast<std::uint32_t>(slot);
    bits_[slot / 64] |= std::uint64_t{1} << (slot % 64);
    ++tree_[slot / 64 + 1];
  }
  for (std::size_t i = 1; i < tree_.size(); ++i) {
    const std::size_t parent = i + (i & (~i + 1));
    if (parent < tree_.size()) tree_[parent] += tree_[i];
  }
}

void LruStack::Add(std::size_t word, std::uint32_t delta) {
  for (std::size_t i = word + 1; i < tree_.size(); i += i & (~i + 1)) {
    tree_[i] += delta;
  }
}

}  // namespace cmap::workloads
