// SPDX-License-Identifier: Apache-2.0
#include "workloads/lru_stack.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace cmap::workloads {
namespace {

constexpr std::size_t kMinSlots = 1024;

// Position of the set bit with `rank` set bits below it. Counts the bits of all
// bytes at once (no population count instruction is assumed), then looks into
// the byte that holds the bit.
int SelectBit(std::uint64_t word, std::uint32_t rank) {
  constexpr std::uint64_t kOnes = 0x0101010101010101ULL;
  std::uint64_t counts = word - ((word >> 1) & 0x5555555555555555ULL);
  counts = (counts & 0x3333333333333333ULL) +
           ((counts >> 2) & 0x3333333333333333ULL);
  counts = (counts + (counts >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
  const std::uint64_t sums = counts * kOnes;  // byte i: bits in bytes 0..i
  int byte = 0;
  for (int i = 0; i < 7; ++i) byte += ((sums >> (8 * i)) & 0xff) <= rank;
  if (byte > 0) {
    rank -= static_cast<std::uint32_t>((sums >> (8 * (byte - 1))) & 0xff);
  }
  std::uint64_t rest = word >> (8 * byte);
  while (rank-- > 0) rest &= rest - 1;
  return 8 * byte + std::countr_zero(rest);
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
    if (word + step >= tree_.size()) continue;
    const std::uint32_t count = tree_[word + step];
    const bool beyond = count <= rank;
    word += beyond ? step : 0;
    rank -= beyond ? count : 0;
  }
  return id_at_[word * 64 +
                static_cast<std::size_t>(SelectBit(bits_[word], rank))];
}

std::uint32_t LruStack::Depth(std::uint32_t id) const {
  const std::uint32_t slot = slot_of_[id];
  // This one and the older ones: those of its word, then those of the words before.
  const std::uint64_t older = bits_[slot / 64] << (63 - slot % 64);
  auto rank = static_cast<std::uint32_t>(std::popcount(older));
  for (std::size_t i = slot / 64; i != 0; i &= i - 1) rank += tree_[i];
  return size() - rank + 1;
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
