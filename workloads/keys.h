// SPDX-License-Identifier: Apache-2.0
//
// From key indices to keys, and to what verifies values. An index is mixed by a bijection, so
// neighbouring indices are not neighbouring keys; keys of 64 bits cost one
// multiplication, strings come from a table built before timing. LaidOutKeys are the
// integers of other layouts.
//
// Every value can be verified: its word (the value itself, or the first eight
// bytes of a longer one, see values.h) holds 56 bits that only this key has, and 8 bits of
// version. So word >> 8 identifies the key, and CheckPart, the 32 highest
// bits, can be summed over 2^32 operations without overflow.
#ifndef CMAP_WORKLOADS_KEYS_H_
#define CMAP_WORKLOADS_KEYS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "workloads/parallel.h"
#include "workloads/rng.h"
#include "workloads/spec.h"

namespace cmap::workloads {

// A bijection of 64-bit integers (an odd multiplier: 2^64 / golden ratio).
// Multiples d * multiplier for d < 2^28 stay 2^34 apart (Fibonacci hashing,
// D. Knuth, TAOCP 6.4), so the 32 highest bits are distinct as well.
constexpr std::uint64_t MixIndex(std::uint32_t index) {
  return (std::uint64_t{index} + 1) * 0x9e3779b97f4a7c15ULL;
}

// The word of version `version` (0 or 1) of the value of key `index`.
constexpr std::uint64_t ValueFor(std::uint32_t index, std::uint64_t version) {
  return (MixIndex(index) & ~std::uint64_t{0xff}) | version;
}

// What SliceResult::check_sum adds up.
constexpr std::uint64_t CheckPart(std::uint64_t word) { return word >> 32; }
constexpr std::uint64_t CheckPartOf(std::uint32_t index) {
  return CheckPart(MixIndex(index));
}

// The word of a value; of longer ones: values.h.
inline std::uint64_t WordOf(std::uint64_t value) { return value; }

// Keys<K>(universe, key_bytes): keys(index) for index < universe. InLoop is what a loop
// keeps of them.
template <class K>
class Keys;

template <>
class Keys<std::uint64_t> {
 public:
  using InLoop = const Keys&;

  explicit Keys(std::uint32_t /*universe*/ = 0, std::uint32_t /*bytes*/ = 8) {}
  std::uint64_t operator()(std::uint32_t index) const {
    return MixIndex(index);
  }
  static constexpr std::uint64_t TableBytes(std::uint64_t, std::uint32_t) {
    return 0;
  }
};

// Integer keys of any layout, index i < kMaxKeys being
//
//   mixed        (i + 1) * 2^64 / golden ratio, as Keys<std::uint64_t>
//   sequential   i + 1
//   strided      (i + 1) * stride, a power of two: the lowest bits are all 0
//   high_bits    (i + 1) * 2^36: the keys differ in their 28 highest bits only
//   low_entropy  a counter in bits 0 to 7 and the rest of it from bit 40 on, as where two
//                counters are packed into fields: 14 bits vary among ten thousand keys
//
// All are one multiplication and one mask, whose numbers are known when the program runs.
// A class beside Keys<std::uint64_t>, and not a case of it: there the multiplier is the
// compiler's, and the product serves the check of the value as well, so that a layout that
// is looked up, or a branch around it, would cost every operation of every question
// for the sake of the few that ask for layouts. The wide worker alone plays with these.
class LaidOutKeys {
 public:
  // By value: the two numbers are the loop's own, which no store of a map can change.
  using InLoop = LaidOutKeys;

  explicit LaidOutKeys(KeyLayout layout = KeyLayout::kMixed, std::uint64_t stride = 64);

  std::uint64_t operator()(std::uint32_t index) const {
    return (std::uint64_t{index} + 1) * multiplier_ & mask_;
  }

 private:
  std::uint64_t multiplier_;
  std::uint64_t mask_ = ~std::uint64_t{0};
};

// Distinct printable strings of exactly `bytes` characters (at least
// kMinStringKeyBytes): pseudo-random filler, then the index in five base-64
// digits.
inline constexpr std::uint32_t kMinStringKeyBytes = 5;
std::string StringKey(std::uint32_t index, std::uint32_t bytes);

template <>
class Keys<std::string> {
 public:
  using InLoop = const Keys&;

  Keys(std::uint32_t universe, std::uint32_t bytes,
       const Parallel& parallel = InTurn, std::size_t parts = 1)
      : table_(universe) {
    parallel(parts, [&](std::size_t part) {
      const std::size_t end = table_.size() * (part + 1) / parts;
      for (std::size_t i = table_.size() * part / parts; i < end; ++i) {
        table_[i] = StringKey(static_cast<std::uint32_t>(i), bytes);
      }
    });
  }
  const std::string& operator()(std::uint32_t index) const {
    return table_[index];
  }
  // Upper bound of what a table takes, heap blocks rounded up.
  static constexpr std::uint64_t TableBytes(std::uint64_t universe,
                                            std::uint32_t bytes) {
    return universe * (sizeof(std::string) + bytes + 24);
  }

 private:
  std::vector<std::string> table_;
};

}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_KEYS_H_
