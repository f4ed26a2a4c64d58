// SPDX-License-Identifier: Apache-2.0
//
// Hash functions other than the study's own (DefaultHash of maps/concurrent_map.h),
// for those who want to know what theirs does to a map. The keys are those of
// keys.h: integers are spread over all 64 bits already, as by Fibonacci hashing, so
// that the identity is a good hash of them in their low bits and in their high ones.
#ifndef CMAP_WORKLOADS_HASHES_H_
#define CMAP_WORKLOADS_HASHES_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace cmap::workloads {

// std::hash. libstdc++'s is the identity for integers (so `identity` is the same), and
// MurmurHash64A for strings.
template <class K>
struct StdHash {
  std::uint64_t operator()(const K& key) const noexcept {
    return std::hash<K>{}(key);
  }
};

// FNV-1a of 64 bits (G. Fowler, L. C. Noll, K.-P. Vo), byte by byte; of an integer
// its bytes, the lowest first. O(bytes).
struct Fnv1aHash {
  static constexpr std::uint64_t kBasis = 0xcbf29ce484222325ULL;
  static constexpr std::uint64_t kPrime = 0x100000001b3ULL;

  constexpr std::uint64_t operator()(std::uint64_t key) const noexcept {
    std::uint64_t hash = kBasis;
    for (int byte = 0; byte < 8; ++byte) {
      hash = (hash ^ (key & 0xff)) * kPrime;
      key >>= 8;
    }
    return hash;
  }
  std::uint64_t operator()(const std::string& key) const noexcept {
    std::uint64_t hash = kBasis;
    for (const char c : key) {
      hash = (hash ^ static_cast<unsigned char>(c)) * kPrime;
    }
    return hash;
  }
};

}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_HASHES_H_
