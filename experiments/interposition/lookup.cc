// SPDX-License-Identifier: Apache-2.0
//
// The service: one mutex_map of the process, and a word that every store changes
// before and after (the protocol of maps/lookaside_map.h, with one stripe).
#include "experiments/interposition/lookup.h"

#include <atomic>
#include <cstdint>
#include <optional>

#include "maps/mutex_map.h"

namespace {

using Map = cmap::MutexMap<std::uint64_t, std::uint64_t>;

// Never destroyed: threads may look up while the process exits.
Map& TheMap() {
  static Map& map = *new Map;
  return map;
}

// A plain word for C, accessed atomically by everybody.
alignas(cmap::kCacheLine) std::uint64_t word = 0;

class Storing {
 public:
  Storing() { std::atomic_ref(word).fetch_add(1, std::memory_order_relaxed); }
  ~Storing() { std::atomic_ref(word).fetch_add(0xffff, std::memory_order_release); }
};

}  // namespace

int cmap_lookup(std::uint64_t key, std::uint64_t* value) {
  const std::optional<std::uint64_t> found = TheMap().Load(key);
  if (!found) return 0;
  *value = *found;
  return 1;
}

void cmap_store(std::uint64_t key, std::uint64_t value) {
  const Storing storing;
  TheMap().Store(key, value);
}

const std::uint64_t* cmap_lookup_word() { return &word; }
