// SPDX-License-Identifier: Apache-2.0
//
// The types that a contestant is compiled for: of its keys and values, and its hash.
// Each combination is a class of its own in the worker.
#ifndef CMAP_EXPERIMENTS_WORKER_TYPES_H_
#define CMAP_EXPERIMENTS_WORKER_TYPES_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

#include "maps/concurrent_map.h"
#include "workloads/hashes.h"
#include "workloads/spec.h"
#include "workloads/values.h"

namespace cmap::experiments {

struct Types {
  workloads::KeyType key = workloads::KeyType::kU64;
  workloads::ValueType value = workloads::ValueType::kU64;
  std::uint32_t inline_bytes = 0;  // 0 for values of other types
  workloads::HashKind hash = workloads::HashKind::kMixed;
  bool laid_out = false;  // keys otherwise laid out than mixed

  friend auto operator<=>(const Types&, const Types&) = default;
};

// What a workload needs. The identity is std::hash of integers.
Types TypesOf(const workloads::Spec& workload);

// "u64>u64#mixed", "string>inline256#mixed": key, value, hash; "u64@laid_out>u64#mixed" with
// keys that are not mixed. The orchestrator makes
// the same from a workload (contestants.py).
std::string TypesName(const Types& types);

namespace internal {

template <class V>
inline constexpr std::uint32_t kInlineBytesOf = 0;
template <std::size_t N>
inline constexpr std::uint32_t kInlineBytesOf<workloads::InlineValue<N>> = N;

template <class Hash, class K>
constexpr workloads::HashKind HashOf() {
  if constexpr (std::is_same_v<Hash, DefaultHash<K>>) {
    return workloads::HashKind::kMixed;
  } else if constexpr (std::is_same_v<Hash, workloads::StdHash<K>>) {
    return workloads::HashKind::kStd;
  } else {
    static_assert(std::is_same_v<Hash, workloads::Fnv1aHash>);
    return workloads::HashKind::kFnv1a;
  }
}

}  // namespace internal

template <class K, class V, class Hash>
constexpr Types TypesOf() {
  return {std::is_same_v<K, std::string> ? workloads::KeyType::kString
                                         : workloads::KeyType::kU64,
          std::is_same_v<V, std::string>          ? workloads::ValueType::kString
          : internal::kInlineBytesOf<V> != 0 ? workloads::ValueType::kInline
                                             : workloads::ValueType::kU64,
          internal::kInlineBytesOf<V>, internal::HashOf<Hash, K>()};
}

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_TYPES_H_
