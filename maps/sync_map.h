// SPDX-License-Identifier: Apache-2.0
//
// sync_map: the sync.Map of Go 1.9 to 1.23. Two indexes over shared entries: one
// that is read without a lock and never changes, one that is written under a
// mutex and now and then takes the other's place.
//
//   read ----> { index, amended } ---> key -> entry ---> value
//                                              ^  ^
//   dirty (under mu) ---> key -> entry --------+  |      entries may be in one
//                                                 |      index or in both
//   misses (under mu)     new entry --------------+
//
// A key in `read` is loaded, overwritten and deleted without the mutex, by atomic
// operations on its entry. A key that is not there may still be in `dirty` if
// `amended` says that dirty holds more; then the mutex is taken: a miss. After as
// many misses as dirty has keys, dirty is promoted: it becomes read by exchange
// of a pointer, and there is no dirty until a new key arrives, for which all
// live entries of read are copied (pointers, not values) into a new one.
//
// The states of an entry:
//
//              delete, compare-and-delete             copying into a new dirty
//                     (any thread)                           (under mu)
//            +-------------------------->          +------------------------->
//      value                              nil (deleted)                        expunged
//            <--------------------------+          <-------------------------+
//              store, swap, load-or-store              store of the key again:
//                (compare-and-swap)                  put back into dirty (under mu)
//
//   nil:      deleted, but in dirty too if there is a dirty; so it can be revived
//             without the mutex.
//   expunged: deleted and not in dirty; must go back there under the mutex first,
//             or the next promotion would lose it.
//   There is no way from value to expunged, nor back, but through nil.
//
// One state is not Go's: `computing`. LoadOrCompute, which holds mu, moves the
// entry there from nil (or expunged, once it is in dirty) while it calls the
// user's function, and on to the value. Readers take it for absent; writers take
// it as they take expunged, and wait for the mutex. So the function is called
// once per value stored.
//
// What counts as a miss (as upstream): Load, LoadAndDelete, Delete and
// CompareAndDelete whenever they look into dirty; LoadOrStore, LoadOrCompute and
// CompareAndSwap if they find the key there; Store and Swap never. Range
// promotes at once. LoadAndDelete erases from dirty before it counts
// (and removes the value before that, still under mu: a copy that throws then
// changes nothing).
//
// What differs from Go, for want of a garbage collector and for fairness:
//   - Replaced values, dropped entries and replaced indexes are freed by epochs
//     (internal/reclamation/epoch.h), or as the parameter Reclamation says. Every operation is
//     a guard.
//   - An index is a std::unordered_set of {hash, entry}; the key lives once, in
//     the entry (Go's strings share their bytes as well). The hash is computed
//     once per operation, and never when indexes are copied.
//   - Entries expunged in this cycle are listed. At promotion those that were not
//     revived are given to the outgoing index, to be freed with it: O(number of
//     keys deleted in the cycle), beside the O(1) exchange.
//
// Guarantees. Point operations and Clear are linearizable. A Load of a key in
// read is wait-free (given a bounded bucket), allocates nothing and writes
// nothing shared. Store of such a key is lock-free and allocates one box.
// Everything else may block. A new key costs O(1) amortised over a cycle, and
// O(n) when it starts one. Store of an existing key never copies the index.
// Size is O(n), as Go has no Len: it counts, under the mutex if amended.
// Range visits under a guard, which holds up all reclamation meanwhile.
// If an operation throws, nothing has changed for readers (a StoreBatch that
// throws leaves the pairs before that one stored).
//
// Reclamation. Epochs, or liburcu (internal/reclamation/rcu.h). Not hazard pointers: a reader
// goes from read to an index to entries, and an index that has been replaced may
// still lead to entries which later indexes shared with it and which went with those.
// To name an entry proves nothing unless read is the same afterwards; a Range would
// have to begin anew with every promotion, and could visit a key twice. Nor shared
// pointers: a reader would write two more counts, that of the index, which all readers
// share, and that of the value.
//
// Layout. kPacked as upstream: the pointer to read shares the cache line of the
// mutex, which misses write. kSplit gives it a line of its own.
//
// Where it is. sync_map/sync_entry.h has the states of an entry, sync_index.h the
// table that an index is, sync_indexes.h the two of them and what passes between them:
// misses, promotion, copying. Here is what each operation makes of these.
//
// Source: Go 1.23, src/sync/map.go (B. C. Mills, 2017; Clear 2024).
#ifndef CMAP_MAPS_SYNC_MAP_H_
#define CMAP_MAPS_SYNC_MAP_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"
#include "maps/internal/orders.h"
#include "maps/internal/reclamation/epoch.h"
#include "maps/internal/text.h"
#include "maps/sync_map/sync_entry.h"
#include "maps/sync_map/sync_index.h"
#include "maps/sync_map/sync_indexes.h"

namespace cmap {

enum class SyncMapLayout { kPacked, kSplit };

template <class K, class V, class Hash = DefaultHash<K>, class Atomics = NativeAtomics,
          SyncMapLayout kLayout = SyncMapLayout::kPacked,
          template <class> class Reclamation = internal::EpochDomain>
class alignas(kCacheLine) SyncMap {
  using Domain = Reclamation<Atomics>;
  static_assert(!Domain::kPerObject, "see the head of this file");
  using Guard = typename Domain::Guard;

  static constexpr std::size_t kMutexAlignment =
      kLayout == SyncMapLayout::kSplit ? kCacheLine : alignof(typename Atomics::Mutex);
  using Entry = internal::SyncEntry<K, V, Atomics>;
  using Box = typename Entry::Box;
  using Indexes = internal::SyncIndexes<Entry, Atomics, Guard, kMutexAlignment>;
  using ReadOnly = typename Indexes::ReadOnly;
  using Probe = typename Indexes::Probe;
  using Slot = typename Indexes::Slot;
  static constexpr std::size_t kMaxRetired = Indexes::kMaxRetired;

  static constexpr std::string_view kHow =
      "a read-only index without lock, and a dirty one under a mutex that replaces "
      "it after enough misses; freed by ";
  static constexpr std::string_view kLimits =
      "wait-free loads only for keys already promoted; Size is O(n); ";

 public:
  using key_type = K;
  using mapped_type = V;
  using Options = NoOptions;

  static constexpr Traits kTraits = {
      .family = "lock-free reads",
      .summary = internal::kJoined<kHow, Domain::kName, internal::kOrdersNote<Atomics>>,
      .source = "Go 1.9 to 1.23, src/sync/map.go",
      .read_progress = Progress::kBlocking,
      .write_progress = Progress::kBlocking,
      .reclamation = Domain::kName,
      .growth =
          "copies the index of live keys when the first new key after a "
          "promotion arrives; that insertion pays",
      .range = RangeConsistency::kWeak,
      .batch_is_atomic = false,
      .clear_is_atomic = true,
      .caveat = internal::kJoined<kLimits, Domain::kCaveat>,
  };
  static constexpr std::array<Tunable<Options>, 0> kTunables = {};

  SyncMap() = default;
  explicit SyncMap(const Options&) {}
  SyncMap(const SyncMap&) = delete;
  SyncMap& operator=(const SyncMap&) = delete;

  std::optional<V> Load(const K& key) { return LoadByVisit<V>(*this, key); }

  template <class F>
  [[gnu::always_inline]] bool Visit(const K& key, F&& f) {
    Guard guard;
    const Probe probe{Hash{}(key), key};
    const ReadOnly* read = indexes_.Read();
    const Entry* entry = internal::FindEntry(*read->index, probe);
    if (entry == nullptr) {
      if (!read->amended) return false;
      entry = indexes_.FindAndCountMiss(probe, guard);
      if (entry == nullptr) return false;
    }
    const V* value = entry->Value();
    if (value == nullptr) return false;
    f(*value);
    return true;
  }

  void Store(const K& key, const V& value) { Replace<false>(key, value); }

  std::optional<V> Swap(const K& key, const V& value) { return Replace<true>(key, value); }

  void StoreBatch(std::span<const std::pair<K, V>> batch) {
    for (const auto& [key, value] : batch) Store(key, value);
  }

  Loaded<V> LoadOrStore(const K& key, const V& value) {
    Guard guard;
    guard.Prepare(kMaxRetired);
    const Probe probe{Hash{}(key), key};
    std::unique_ptr<Box> box;
    if (Entry* entry = indexes_.FindInRead(probe)) {
      if (auto done = entry->TryLoadOrStore(value, box)) return *std::move(done);
    }
    const auto lock = indexes_.Lock();
    if (Entry* entry = indexes_.FindInRead(probe)) {
      indexes_.Unexpunge(probe.hash, *entry);
      return *entry->TryLoadOrStore(value, box);
    }
    if (Entry* entry = indexes_.FindInDirty(probe)) {
      auto done = entry->TryLoadOrStore(value, box);
      indexes_.Miss(guard);
      return *std::move(done);
    }
    Loaded<V> result{value, false};  // may throw, so before the insertion
    if (!box) box = std::make_unique<Box>(value);
    indexes_.Add(probe, std::move(box), guard);
    return result;
  }

  // `make` runs under the mutex: it must not call the map, and holds up every
  // operation that needs the mutex.
  template <class F>
  Loaded<V> LoadOrCompute(const K& key, F&& make) {
    Guard guard;
    guard.Prepare(kMaxRetired);
    const Probe probe{Hash{}(key), key};
    if (Entry* entry = indexes_.FindInRead(probe)) {
      if (const V* value = entry->Value()) return {*value, true};
    }
    const auto lock = indexes_.Lock();
    if (Entry* entry = indexes_.FindInRead(probe)) {
      indexes_.Unexpunge(probe.hash, *entry);
      return entry->Compute(make);
    }
    if (Entry* entry = indexes_.FindInDirty(probe)) {
      Loaded<V> result = entry->Compute(make);
      indexes_.Miss(guard);
      return result;
    }
    auto box = std::make_unique<Box>(make());
    Loaded<V> result{box->value, false};
    indexes_.Add(probe, std::move(box), guard);
    return result;
  }

  std::optional<V> LoadAndDelete(const K& key) {
    std::optional<V> old;
    if (!Remove(key, [&](const V& value) { old.emplace(value); })) old.reset();
    return old;
  }

  bool Delete(const K& key) {
    return Remove(key, [](const V&) {});
  }

  bool CompareAndSwap(const K& key, const V& expected, const V& desired) {
    Guard guard;
    guard.Prepare(kMaxRetired);
    const Probe probe{Hash{}(key), key};
    const ReadOnly* read = indexes_.Read();
    if (Entry* entry = internal::FindEntry(*read->index, probe)) {
      return entry->TryCompareAndSwap(expected, desired, guard);
    }
    if (!read->amended) return false;
    const auto lock = indexes_.Lock();
    if (Entry* entry = indexes_.FindInRead(probe)) {
      return entry->TryCompareAndSwap(expected, desired, guard);
    }
    if (Entry* entry = indexes_.FindInDirty(probe)) {
      const bool swapped = entry->TryCompareAndSwap(expected, desired, guard);
      indexes_.Miss(guard);
      return swapped;
    }
    return false;
  }

  bool CompareAndDelete(const K& key, const V& expected) {
    Guard guard;
    guard.Prepare(kMaxRetired);
    const Probe probe{Hash{}(key), key};
    const ReadOnly* read = indexes_.Read();
    Entry* entry = internal::FindEntry(*read->index, probe);
    if (entry == nullptr && read->amended) {
      entry = indexes_.FindAndCountMiss(probe, guard);
    }
    return entry != nullptr && entry->TryCompareAndDelete(expected, guard);
  }

  // As upstream, promotes dirty first if there is more in it, so that what
  // follows needs no lock. O(n).
  template <class F>
  void Range(F&& visit) {
    Guard guard;
    const ReadOnly* read = indexes_.Read();
    if (read->amended) {
      const auto lock = indexes_.Lock();
      if (indexes_.Read()->amended) {
        guard.Prepare(kMaxRetired);
        indexes_.Promote(std::make_unique<ReadOnly>(), guard);
      }
      read = indexes_.Read();
    }
    for (const Slot& slot : *read->index) {
      const V* value = slot.entry->Value();
      if (value != nullptr && !visit(slot.entry->key, *value)) return;
    }
  }

  // O(1) under the mutex; the entries are freed later, O(n).
  void Clear() {
    Guard guard;
    const ReadOnly* read = indexes_.Read();
    if (read->index->empty() && !read->amended) return;
    indexes_.Clear(guard);
  }

  std::size_t Size() {
    Guard guard;
    const ReadOnly* read = indexes_.Read();
    if (!read->amended) return internal::CountValues<Entry>(*read->index);
    const auto lock = indexes_.Lock();
    return indexes_.Size();
  }

  // Room for n keys in the dirty index, now and at every later copy. Cannot
  // avoid the copies themselves.
  void Reserve(std::size_t entries) {
    const auto lock = indexes_.Lock();
    indexes_.Reserve(entries);
  }

  // Indexes, entries and boxes that are reachable; what waits to be freed in
  // the domain is not counted. O(n).
  std::size_t MemoryBytes() { return sizeof(*this) + indexes_.HeapBytesHeld(); }

  // misses: operations that had to look into dirty; promotions: of dirty to
  // read; copies and entries_copied: new dirty indexes, and entries put into
  // them; locked: operations that took the mutex.
  std::vector<Counter> Counters() const { return indexes_.Counters(); }

  // Where the mutex lies, in bytes behind the pointer to read. For the test of
  // the layouts.
  static std::size_t MutexOffset() { return Indexes::MutexOffset(); }

  // Frees what maps of this kind have put aside, as far as no thread is in a
  // map at the moment.
  static void Quiesce() { Domain::Drain(); }

  // This thread will not use a map for a while: see internal/reclamation/rcu.h.
  static void Idle() noexcept { Domain::Idle(); }

 private:
  template <bool kWantOld>
  std::optional<V> Replace(const K& key, const V& value) {
    Guard guard;
    guard.Prepare(kMaxRetired);
    const Probe probe{Hash{}(key), key};
    auto box = std::make_unique<Box>(value);
    std::optional<V> old;
    if (Entry* entry = indexes_.FindInRead(probe)) {
      if (entry->template TryReplace<kWantOld>(box, old, guard)) return old;
    }
    const auto lock = indexes_.Lock();
    if (Entry* entry = indexes_.FindInRead(probe)) {
      indexes_.Unexpunge(probe.hash, *entry);
      entry->template TryReplace<kWantOld>(box, old, guard);
    } else if ((entry = indexes_.FindInDirty(probe)) != nullptr) {
      entry->template TryReplace<kWantOld>(box, old, guard);
    } else {
      old.reset();  // what an attempt that failed has left
      indexes_.Add(probe, std::move(box), guard);
    }
    return old;
  }

  // `take` sees the value before it is removed, perhaps more than once; if it
  // throws, nothing has changed.
  template <class F>
  bool Remove(const K& key, F take) {
    Guard guard;
    guard.Prepare(kMaxRetired);
    const Probe probe{Hash{}(key), key};
    const ReadOnly* read = indexes_.Read();
    if (Entry* entry = internal::FindEntry(*read->index, probe)) {
      return entry->TryRemove(take, guard);
    }
    if (!read->amended) return false;
    const auto lock = indexes_.Lock();
    read = indexes_.Read();
    if (Entry* entry = internal::FindEntry(*read->index, probe)) {
      return entry->TryRemove(take, guard);
    }
    if (!read->amended) return false;
    const bool removed = indexes_.EraseFromDirty(
        probe, [&](Entry& entry) { return entry.TryRemove(take, guard); }, guard);
    indexes_.Miss(guard);
    return removed;
  }

  Indexes indexes_;
};

}  // namespace cmap

#endif  // CMAP_MAPS_SYNC_MAP_H_
