// SPDX-License-Identifier: Apache-2.0
//
// The random numbers of the tape. The standard distributions are
// implementation-defined, so a seed would name another tape under another
// library; everything here is integer arithmetic and gives the same numbers
// from every compiler on every architecture.
//
// Sources: splitmix64 (G. Steele, D. Lea, C. Flood, OOPSLA 2014) for seeding;
// xoshiro256** (D. Blackman, S. Vigna, 2018) for the stream; the bounded draw
// is D. Lemire, "Fast random integer generation in an interval", 2019.
#ifndef CMAP_WORKLOADS_RNG_H_
#define CMAP_WORKLOADS_RNG_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace cmap::workloads {

// One step of splitmix64: advances `state`, returns 64 mixed bits.
constexpr std::uint64_t SplitMix(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15ULL;
  std::uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

// A seed for one purpose of one thread, independent of its neighbours'.
constexpr std::uint64_t DeriveSeed(std::uint64_t seed, std::uint64_t purpose,
                                   std::uint64_t thread) {
  std::uint64_t state = seed;
  state = SplitMix(state) ^ (purpose * 0xd1342543de82ef95ULL);
  state = SplitMix(state) ^ (thread * 0xaf251af3b0f025b5ULL);
  return SplitMix(state);
}

class Rng {
 public:
  explicit constexpr Rng(std::uint64_t seed) {
    for (std::uint64_t& word : state_) word = SplitMix(seed);
  }

  // 64 random bits.
  constexpr std::uint64_t Next() {
    const std::uint64_t result = Rotate(state_[1] * 5, 7) * 9;
    const std::uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = Rotate(state_[3], 45);
    return result;
  }

  // Uniform in [0, bound), exactly (no modulo bias). Requires bound > 0.
  constexpr std::uint32_t Below(std::uint32_t bound) {
    std::uint64_t product = (Next() >> 32) * bound;
    auto low = static_cast<std::uint32_t>(product);
    if (low < bound) {
      const std::uint32_t threshold = (0u - bound) % bound;
      while (low < threshold) {
        product = (Next() >> 32) * bound;
        low = static_cast<std::uint32_t>(product);
      }
    }
    return static_cast<std::uint32_t>(product >> 32);
  }

  // Uniform in [0, 1) on a grid of 2^-53: exact in a double everywhere.
  constexpr double Unit() {
    return static_cast<double>(Next() >> 11) * 0x1.0p-53;
  }

 private:
  static constexpr std::uint64_t Rotate(std::uint64_t x, int by) {
    return (x << by) | (x >> (64 - by));
  }
  std::array<std::uint64_t, 4> state_{};
};

// Fisher-Yates.
template <class T>
constexpr void Shuffle(std::span<T> items, Rng& rng) {
  for (std::size_t i = items.size(); i > 1; --i) {
    std::swap(items[i - 1], items[rng.Below(static_cast<std::uint32_t>(i))]);
  }
}

}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_RNG_H_
