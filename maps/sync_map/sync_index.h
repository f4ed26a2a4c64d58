// SPDX-License-Identifier: Apache-2.0
//
// An index of sync_map: a hash table from keys to entries that it does not own; the
// key lives once, in the entry. And the form in which one is published to readers.
//
//   SyncReadOnly { index, amended } --> { {hash, entry}, {hash, entry}, ... }
//                                               |             |
//                                               v             v
//                                             entry         entry
//
// Guarantees. The table is sequential: it is either constant or written under
// sync_map's mutex. The hash is kept beside the entry, so nothing here hashes a key,
// and a key is compared only with those of the same hash. Lookups do not throw but for
// what comparing keys throws.
#ifndef CMAP_MAPS_SYNC_MAP_SYNC_INDEX_H_
#define CMAP_MAPS_SYNC_MAP_SYNC_INDEX_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <unordered_set>
#include <vector>

#include "maps/internal/memory.h"

namespace cmap::internal {

template <class Entry>
struct SyncSlot {
  std::uint64_t hash;
  Entry* entry;
};

// What is looked for.
template <class Entry>
struct SyncProbe {
  std::uint64_t hash;
  const typename Entry::key_type& key;
};

template <class Entry>
struct SyncHash {
  using is_transparent = void;
  std::size_t operator()(const SyncSlot<Entry>& s) const noexcept { return s.hash; }
  std::size_t operator()(const SyncProbe<Entry>& p) const noexcept { return p.hash; }
};

template <class Entry>
struct SyncSameKey {
  using is_transparent = void;
  using Slot = SyncSlot<Entry>;
  using Probe = SyncProbe<Entry>;
  bool operator()(const Slot& a, const Slot& b) const {
    return a.hash == b.hash && a.entry->key == b.entry->key;
  }
  bool operator()(const Probe& a, const Slot& b) const {
    return a.hash == b.hash && a.key == b.entry->key;
  }
  bool operator()(const Slot& a, const Probe& b) const { return (*this)(b, a); }
};

template <class Entry>
using SyncIndex = std::unordered_set<SyncSlot<Entry>, SyncHash<Entry>, SyncSameKey<Entry>>;

template <class Entry>
Entry* FindEntry(const SyncIndex<Entry>& index, const SyncProbe<Entry>& probe) {
  const auto it = index.find(probe);
  return it == index.end() ? nullptr : it->entry;
}

template <class Entry>
std::size_t CountValues(const SyncIndex<Entry>& index) {
  return static_cast<std::size_t>(
      std::count_if(index.begin(), index.end(),
                    [](const SyncSlot<Entry>& slot) { return slot.entry->Value() != nullptr; }));
}

// Without the entries.
template <class Entry>
std::size_t IndexBytes(const SyncIndex<Entry>& index) {
  struct NodeLayout {  // of libstdc++, whose hash functor is "fast"
    void* next;
    SyncSlot<Entry> slot;
  };
  std::size_t bytes =
      MallocBytes(sizeof(SyncIndex<Entry>)) + index.size() * MallocBytes(sizeof(NodeLayout));
  if (index.bucket_count() > 1) bytes += MallocBytes(index.bucket_count() * sizeof(void*));
  return bytes;
}

// Entries of both indexes, each once: those of `index` are in `dirty` too
// unless expunged, if there is a dirty.
template <class Entry>
void DestroyEntries(const SyncIndex<Entry>* index, const SyncIndex<Entry>* dirty) {
  for (const SyncSlot<Entry>& slot : *index) {
    if (dirty == nullptr || slot.entry->IsExpunged()) Entry::Destroy(slot.entry);
  }
  if (dirty == nullptr) return;
  for (const SyncSlot<Entry>& slot : *dirty) Entry::Destroy(slot.entry);
}

// Constant from its publication until it is replaced. What it owns is set by the
// thread that replaces it, and used when it is freed.
template <class Entry>
struct SyncReadOnly {
  SyncIndex<Entry>* index = nullptr;
  bool amended = false;  // dirty holds keys that index does not

  bool owns_index = false;
  bool owns_entries = false;            // after Clear: all of them
  SyncIndex<Entry>* cleared = nullptr;  // after Clear: the dirty of that time
  std::vector<Entry*> dropped{};        // after promotion: not in the new index

  ~SyncReadOnly() {
    for (Entry* entry : dropped) Entry::Destroy(entry);
    if (owns_entries) DestroyEntries<Entry>(index, cleared);
    delete cleared;
    if (owns_index) delete index;
  }
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_SYNC_MAP_SYNC_INDEX_H_
