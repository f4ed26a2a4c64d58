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
//     (internal/epoch.h), or as the parameter Reclamation says. Every operation is
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
// Reclamation. Epochs, or liburcu (internal/rcu.h). Not hazard pointers: a reader
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
// Source: Go 1.23, src/sync/map.go (B. C. Mills, 2017; Clear 2024).
#ifndef CMAP_MAPS_SYNC_MAP_H_
#define CMAP_MAPS_SYNC_MAP_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"
#include "maps/internal/epoch.h"
#include "maps/internal/memory.h"
#include "maps/internal/orders.h"
#include "maps/internal/text.h"

namespace cmap {

enum class SyncMapLayout { kPacked, kSplit };

template <class K, class V, class Hash = DefaultHash<K>,
          class Atomics = NativeAtomics,
          SyncMapLayout kLayout = SyncMapLayout::kPacked,
          template <class> class Reclamation = internal::EpochDomain>
class alignas(kCacheLine) SyncMap {
  using Domain = Reclamation<Atomics>;
  static_assert(!Domain::kPerObject, "see the head of this file");
  using Guard = typename Domain::Guard;
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;

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
      .summary = internal::kJoined<kHow, Domain::kName,
                                   internal::kOrdersNote<Atomics>>,
      .source = "Go 1.9 to 1.23, src/sync/map.go",
      .read_progress = Progress::kBlocking,
      .write_progress = Progress::kBlocking,
      .reclamation = Domain::kName,
      .growth = "copies the index of live keys when the first new key after a "
                "promotion arrives; that insertion pays",
      .range = RangeConsistency::kWeak,
      .batch_is_atomic = false,
      .clear_is_atomic = true,
      .caveat = internal::kJoined<kLimits, Domain::kCaveat>,
  };
  static constexpr std::array<Tunable<Options>, 0> kTunables = {};

  SyncMap() {
    auto index = std::make_unique<Index>();
    read_.store(new ReadOnly{index.get(), false}, std::memory_order_release);
    index.release();
  }
  explicit SyncMap(const Options&) : SyncMap() {}
  SyncMap(const SyncMap&) = delete;
  SyncMap& operator=(const SyncMap&) = delete;
  ~SyncMap() {
    ReadOnly* read = read_.load(std::memory_order_acquire);
    DestroyEntries(read->index, dirty_);
    delete dirty_;
    delete read->index;
    delete read;
  }

  std::optional<V> Load(const K& key) {
    Guard guard;
    const Probe probe{Hash{}(key), key};
    const ReadOnly* read = LoadRead();
    const Entry* entry = Find(*read->index, probe);
    if (entry == nullptr) {
      if (!read->amended) return std::nullopt;
      entry = FindAndCountMiss(probe, guard);
      if (entry == nullptr) return std::nullopt;
    }
    // (1) acquire, pairs with the release of the value's box (2), (3), (4).
    const Cell* cell = entry->cell.load(std::memory_order_acquire);
    if (!IsValue(cell)) return std::nullopt;
    return ValueOf(cell);
  }

  void Store(const K& key, const V& value) {
    Replace<false>(key, value);
  }

  std::optional<V> Swap(const K& key, const V& value) {
    return Replace<true>(key, value);
  }

  void StoreBatch(std::span<const std::pair<K, V>> batch) {
    for (const auto& [key, value] : batch) Store(key, value);
  }

  Loaded<V> LoadOrStore(const K& key, const V& value) {
    Guard guard;
    guard.Prepare(kMaxRetired);
    const Probe probe{Hash{}(key), key};
    std::unique_ptr<Box> box;
    if (Entry* entry = Find(*LoadRead()->index, probe)) {
      if (auto done = TryLoadOrStore(*entry, value, box)) return *std::move(done);
    }
    std::unique_lock lock(mu_);
    ++locked_;
    if (Entry* entry = Find(*LoadRead()->index, probe)) {
      UnexpungeLocked(probe.hash, *entry);
      return *TryLoadOrStore(*entry, value, box);
    }
    if (Entry* entry = FindDirty(probe)) {
      auto done = TryLoadOrStore(*entry, value, box);
      MissLocked(guard);
      return *std::move(done);
    }
    Loaded<V> result{value, false};  // may throw, so before the insertion
    if (!box) box = std::make_unique<Box>(value);
    AddLocked(probe, std::move(box), guard);
    return result;
  }

  // `make` runs under the mutex: it must not call the map, and holds up every
  // operation that needs the mutex.
  template <class F>
  Loaded<V> LoadOrCompute(const K& key, F&& make) {
    Guard guard;
    guard.Prepare(kMaxRetired);
    const Probe probe{Hash{}(key), key};
    if (Entry* entry = Find(*LoadRead()->index, probe)) {
      const Cell* cell = entry->cell.load(std::memory_order_acquire);  // (1)
      if (IsValue(cell)) return {ValueOf(cell), true};
    }
    std::unique_lock lock(mu_);
    ++locked_;
    if (Entry* entry = Find(*LoadRead()->index, probe)) {
      UnexpungeLocked(probe.hash, *entry);
      return ComputeLocked(*entry, make);
    }
    if (Entry* entry = FindDirty(probe)) {
      Loaded<V> result = ComputeLocked(*entry, make);
      MissLocked(guard);
      return result;
    }
    auto box = std::make_unique<Box>(make());
    Loaded<V> result{box->value, false};
    AddLocked(probe, std::move(box), guard);
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
    const ReadOnly* read = LoadRead();
    if (Entry* entry = Find(*read->index, probe)) {
      return TryCompareAndSwap(*entry, expected, desired, guard);
    }
    if (!read->amended) return false;
    std::unique_lock lock(mu_);
    ++locked_;
    if (Entry* entry = Find(*LoadRead()->index, probe)) {
      return TryCompareAndSwap(*entry, expected, desired, guard);
    }
    if (Entry* entry = FindDirty(probe)) {
      const bool swapped = TryCompareAndSwap(*entry, expected, desired, guard);
      MissLocked(guard);
      return swapped;
    }
    return false;
  }

  bool CompareAndDelete(const K& key, const V& expected) {
    Guard guard;
    guard.Prepare(kMaxRetired);
    const Probe probe{Hash{}(key), key};
    const ReadOnly* read = LoadRead();
    Entry* entry = Find(*read->index, probe);
    if (entry == nullptr && read->amended) {
      entry = FindAndCountMiss(probe, guard);
    }
    if (entry == nullptr) return false;
    Cell* cell = entry->cell.load(std::memory_order_acquire);  // (1)
    while (IsValue(cell) && ValueOf(cell) == expected) {
      if (Exchange(*entry, cell, nullptr)) {
        RetireBox(cell, guard);
        return true;
      }
    }
    return false;
  }

  // As upstream, promotes dirty first if there is more in it, so that what
  // follows needs no lock. O(n).
  template <class F>
  void Range(F&& visit) {
    Guard guard;
    const ReadOnly* read = LoadRead();
    if (read->amended) {
      std::unique_lock lock(mu_);
      ++locked_;
      if (LoadRead()->amended) {
        guard.Prepare(kMaxRetired);
        PromoteLocked(std::make_unique<ReadOnly>(), guard);
      }
      read = LoadRead();
    }
    for (const Slot& slot : *read->index) {
      const Cell* cell = slot.entry->cell.load(std::memory_order_acquire);  // (1)
      if (IsValue(cell) && !visit(slot.entry->key, ValueOf(cell))) return;
    }
  }

  // O(1) under the mutex; the entries are freed later, O(n).
  void Clear() {
    Guard guard;
    const ReadOnly* read = LoadRead();
    if (read->index->empty() && !read->amended) return;
    guard.Prepare(kMaxRetired);
    auto index = std::make_unique<Index>();
    auto fresh = std::make_unique<ReadOnly>();
    auto empty = std::make_unique<Index>();
    std::unique_lock lock(mu_);
    ++locked_;
    ReadOnly* old = LoadRead();
    if (!old->index->empty() || old->amended) {
      old->owns_index = true;
      old->owns_entries = true;
      old->cleared = dirty_;
      const std::size_t bytes = IndexBytes(*old->index) +
                                (dirty_ != nullptr ? IndexBytes(*dirty_) : 0);
      if (dirty_ != nullptr) dirty_ = empty.release();
      fresh->index = index.release();
      Publish(fresh.release());
      guard.Retire(old, bytes);
      expunged_.clear();  // freed with the old index
    }
    misses_ = 0;  // the emptied dirty is not promoted at once
  }

  std::size_t Size() {
    Guard guard;
    const ReadOnly* read = LoadRead();
    if (!read->amended) return CountValues(*read->index);
    std::unique_lock lock(mu_);
    ++locked_;
    read = LoadRead();
    return CountValues(read->amended ? *dirty_ : *read->index);
  }

  // Room for n keys in the dirty index, now and at every later copy. Cannot
  // avoid the copies themselves.
  void Reserve(std::size_t entries) {
    std::unique_lock lock(mu_);
    ++locked_;
    // The test, because unordered_set::reserve() may shrink as well.
    if (dirty_ != nullptr && entries > dirty_->bucket_count()) {
      dirty_->reserve(entries);
    }
    reserved_ = entries;
  }

  // Indexes, entries and boxes that are reachable; what waits to be freed in
  // the domain is not counted. O(n).
  std::size_t MemoryBytes() {
    ReadOnly* read = LoadRead();
    std::size_t bytes = sizeof(*this) + internal::MallocBytes(sizeof(ReadOnly)) +
                        IndexBytes(*read->index) +
                        internal::MallocBytes(expunged_.capacity() *
                                              sizeof(Entry*));
    for (const Slot& slot : *read->index) {
      if (dirty_ == nullptr || IsExpunged(*slot.entry)) {
        bytes += EntryBytes(*slot.entry);
      }
    }
    if (dirty_ != nullptr) {
      bytes += IndexBytes(*dirty_);
      for (const Slot& slot : *dirty_) bytes += EntryBytes(*slot.entry);
    }
    return bytes;
  }

  // misses: operations that had to look into dirty; promotions: of dirty to
  // read; copies and entries_copied: new dirty indexes, and entries put into
  // them; locked: operations that took the mutex.
  std::vector<Counter> Counters() const {
    std::unique_lock lock(mu_);
    return {{"misses", all_misses_},
            {"promotions", promotions_},
            {"copies", copies_},
            {"entries_copied", entries_copied_},
            {"locked", locked_}};
  }

  // Where the mutex lies, in bytes behind the pointer to read. For the test of
  // the layouts.
  static std::size_t MutexOffset() {
    return offsetof(SyncMap, mu_) - offsetof(SyncMap, read_);
  }

  // Frees what maps of this kind have put aside, as far as no thread is in a
  // map at the moment.
  static void Quiesce() { Domain::Drain(); }

  // This thread will not use a map for a while: see internal/rcu.h.
  static void Idle() noexcept { Domain::Idle(); }

 private:
  // What an entry points to: nothing, a sentinel, or the box of a value.
  struct Cell {};
  struct Box : Cell {
    explicit Box(const V& v) : value(v) {}
    explicit Box(V&& v) : value(std::move(v)) {}
    V value;
  };
  struct Entry {
    Entry(const K& k, Cell* c) : key(k), cell(c) {}
    const K key;
    Atomic<Cell*> cell;
  };

  struct Slot {
    std::uint64_t hash;
    Entry* entry;
  };
  struct Probe {
    std::uint64_t hash;
    const K& key;
  };
  struct TakeHash {
    using is_transparent = void;
    std::size_t operator()(const Slot& s) const noexcept { return s.hash; }
    std::size_t operator()(const Probe& p) const noexcept { return p.hash; }
  };
  struct SameKey {
    using is_transparent = void;
    bool operator()(const Slot& a, const Slot& b) const {
      return a.hash == b.hash && a.entry->key == b.entry->key;
    }
    bool operator()(const Probe& a, const Slot& b) const {
      return a.hash == b.hash && a.key == b.entry->key;
    }
    bool operator()(const Slot& a, const Probe& b) const { return (*this)(b, a); }
  };
  using Index = std::unordered_set<Slot, TakeHash, SameKey>;

  // Published by read_; constant from then on until it is replaced. What it owns
  // is set by the thread that replaces it, and used when it is freed.
  struct ReadOnly {
    Index* index = nullptr;
    bool amended = false;  // dirty holds keys that index does not

    bool owns_index = false;
    bool owns_entries = false;  // after Clear: all of them
    Index* cleared = nullptr;   // after Clear: the dirty of that time
    std::vector<Entry*> dropped{};  // after promotion: not in the new index

    ~ReadOnly() {
      for (Entry* entry : dropped) Destroy(entry);
      if (owns_entries) DestroyEntries(index, cleared);
      delete cleared;
      if (owns_index) delete index;
    }
  };

  // Boxes, entries and indexes that one operation can unlink.
  static constexpr std::size_t kMaxRetired = 4;

  // Counts what the value owns, so that garbage is bounded in bytes too.
  static void RetireBox(Cell* cell, Guard& guard) noexcept {
    guard.Retire(static_cast<Box*>(cell),
                 sizeof(Box) + internal::HeapBytes(ValueOf(cell)));
  }
  static const V& ValueOf(const Cell* cell) {
    return static_cast<const Box*>(cell)->value;
  }
  static bool IsValue(const Cell* cell) {
    return cell != nullptr && cell != &kExpunged && cell != &kComputing;
  }
  static bool IsExpunged(const Entry& entry) {
    return entry.cell.load(std::memory_order_relaxed) == &kExpunged;
  }
  // States that only the holder of the mutex may change.
  static bool NeedsMutex(const Cell* cell) {
    return cell == &kExpunged || cell == &kComputing;
  }

  static void Destroy(Entry* entry) {
    Cell* cell = entry->cell.load(std::memory_order_acquire);
    if (IsValue(cell)) delete static_cast<Box*>(cell);
    delete entry;
  }
  // Entries of both indexes, each once: those of `index` are in `dirty` too
  // unless expunged, if there is a dirty.
  static void DestroyEntries(const Index* index, const Index* dirty) {
    for (const Slot& slot : *index) {
      if (dirty == nullptr || IsExpunged(*slot.entry)) Destroy(slot.entry);
    }
    if (dirty == nullptr) return;
    for (const Slot& slot : *dirty) Destroy(slot.entry);
  }

  ReadOnly* LoadRead() const {
    // (5) acquire, pairs with (6): the index as its writer left it.
    return read_.load(std::memory_order_acquire);
  }
  void Publish(ReadOnly* read) {
    read_.store(read, std::memory_order_release);  // (6), with (5)
  }

  static Entry* Find(const Index& index, const Probe& probe) {
    const auto it = index.find(probe);
    return it == index.end() ? nullptr : it->entry;
  }
  Entry* FindDirty(const Probe& probe) const {
    return dirty_ == nullptr ? nullptr : Find(*dirty_, probe);
  }

  // Moves the entry from the value (or nil) in `cell` to `to`; otherwise loads
  // what is there into `cell`.
  static bool Exchange(Entry& entry, Cell*& cell, Cell* to) {
    // (2) acq_rel, pairs with (1) and with itself: the box becomes visible with
    // its value; the replaced one may be read by the caller.
    return entry.cell.compare_exchange_strong(
        cell, to, std::memory_order_acq_rel, std::memory_order_acquire);
  }

  // The slow half of Load and CompareAndDelete.
  Entry* FindAndCountMiss(const Probe& probe, Guard& guard) {
    std::unique_lock lock(mu_);
    ++locked_;
    const ReadOnly* read = LoadRead();
    Entry* entry = Find(*read->index, probe);
    if (entry == nullptr && read->amended) {
      entry = FindDirty(probe);
      MissLocked(guard);
    }
    return entry;
  }

  // Without memory for a promotion there is none; the next miss tries again.
  void MissLocked(Guard& guard) noexcept {
    ++all_misses_;
    if (++misses_ < dirty_->size()) return;
    try {
      guard.Prepare(kMaxRetired);
      PromoteLocked(std::make_unique<ReadOnly>(), guard);
    } catch (const std::bad_alloc&) {
    }
  }

  void PromoteLocked(std::unique_ptr<ReadOnly> fresh, Guard& guard) noexcept {
    ReadOnly* old = LoadRead();
    std::erase_if(expunged_, [](Entry* entry) { return !IsExpunged(*entry); });
    old->owns_index = true;
    old->dropped.swap(expunged_);
    fresh->index = dirty_;
    const std::size_t bytes = IndexBytes(*old->index);
    Publish(fresh.release());
    dirty_ = nullptr;
    misses_ = 0;
    ++promotions_;
    guard.Retire(old, bytes);
  }

  // Makes dirty from the live entries of read, expunging the deleted ones.
  void CopyToDirtyLocked() {
    if (dirty_ != nullptr) return;
    const Index& index = *LoadRead()->index;
    auto dirty = std::make_unique<Index>();
    // A quarter of slack, so that the new keys do not make it grow at once.
    dirty->reserve(std::max(reserved_, index.size() + index.size() / 4 + 1));
    try {
      for (const Slot& slot : index) {
        Cell* cell = slot.entry->cell.load(std::memory_order_acquire);
        if (cell == nullptr) expunged_.push_back(slot.entry);
        // Only here does nil become expunged. Another thread may revive the
        // entry first; then it is copied.
        while (cell == nullptr && !Exchange(*slot.entry, cell, &kExpunged)) {
        }
        if (cell == nullptr) continue;
        if (!expunged_.empty() && expunged_.back() == slot.entry) {
          expunged_.pop_back();
        }
        dirty->insert(slot);
      }
    } catch (...) {
      for (Entry* entry : expunged_) {
        if (!IsExpunged(*entry)) continue;
        entry->cell.store(nullptr, std::memory_order_release);
      }
      expunged_.clear();
      throw;
    }
    ++copies_;
    entries_copied_ += dirty->size();
    dirty_ = dirty.release();
  }

  // Expunged to nil, with the entry back in dirty.
  void UnexpungeLocked(std::uint64_t hash, Entry& entry) {
    if (!IsExpunged(entry)) return;
    dirty_->insert(Slot{hash, &entry});
    // Nobody else changes an expunged entry. Release, so that who revives it by
    // (2) continues from here.
    entry.cell.store(nullptr, std::memory_order_release);
  }

  // A key that is in neither index. Strong: on an exception nothing changed but
  // that a dirty index may now exist.
  void AddLocked(const Probe& probe, std::unique_ptr<Box> box, Guard& guard) {
    guard.Prepare(kMaxRetired);  // again: user code may have used the room
    ReadOnly* read = LoadRead();
    auto entry = std::make_unique<Entry>(probe.key, nullptr);
    std::unique_ptr<ReadOnly> amended;
    if (!read->amended) {
      amended.reset(new ReadOnly{read->index, true});
      CopyToDirtyLocked();
    }
    dirty_->insert(Slot{probe.hash, entry.get()});
    // (3) release, pairs with (1): readers find the entry under the mutex, or
    // by (5), but its value by (1).
    entry.release()->cell.store(box.release(), std::memory_order_release);
    if (amended) {
      Publish(amended.release());
      guard.Retire(read);  // the index lives on
    }
  }

  template <bool kWantOld>
  std::optional<V> Replace(const K& key, const V& value) {
    Guard guard;
    guard.Prepare(kMaxRetired);
    const Probe probe{Hash{}(key), key};
    auto box = std::make_unique<Box>(value);
    std::optional<V> old;
    if (Entry* entry = Find(*LoadRead()->index, probe)) {
      if (TryReplace<kWantOld>(*entry, box, old, guard)) return old;
    }
    std::unique_lock lock(mu_);
    ++locked_;
    if (Entry* entry = Find(*LoadRead()->index, probe)) {
      UnexpungeLocked(probe.hash, *entry);
      TryReplace<kWantOld>(*entry, box, old, guard);
    } else if ((entry = FindDirty(probe)) != nullptr) {
      TryReplace<kWantOld>(*entry, box, old, guard);
    } else {
      old.reset();  // what an attempt that failed has left
      AddLocked(probe, std::move(box), guard);
    }
    return old;
  }

  // The old value is copied before it is replaced, so that a throwing copy
  // changes nothing. False if the entry needs the mutex (which, if held, it
  // does not).
  template <bool kWantOld>
  static bool TryReplace(Entry& entry, std::unique_ptr<Box>& box,
                         std::optional<V>& old, Guard& guard) {
    Cell* cell = entry.cell.load(std::memory_order_acquire);  // (1)
    while (!NeedsMutex(cell)) {
      if constexpr (kWantOld) {
        if (cell == nullptr) {
          old.reset();
        } else {
          old.emplace(ValueOf(cell));
        }
      }
      if (Exchange(entry, cell, box.get())) {
        box.release();
        if (cell != nullptr) RetireBox(cell, guard);
        return true;
      }
    }
    return false;
  }

  // Nothing if the entry needs the mutex. Makes the box when it is needed.
  static std::optional<Loaded<V>> TryLoadOrStore(Entry& entry, const V& value,
                                                 std::unique_ptr<Box>& box) {
    Cell* cell = entry.cell.load(std::memory_order_acquire);  // (1)
    if (NeedsMutex(cell)) return std::nullopt;
    if (IsValue(cell)) return Loaded<V>{ValueOf(cell), true};
    if (!box) box = std::make_unique<Box>(value);
    Loaded<V> result{value, false};
    while (cell == nullptr) {
      if (Exchange(entry, cell, box.get())) {
        box.release();
        return result;
      }
    }
    if (NeedsMutex(cell)) return std::nullopt;
    return Loaded<V>{ValueOf(cell), true};
  }

  static bool TryCompareAndSwap(Entry& entry, const V& expected,
                                const V& desired, Guard& guard) {
    Cell* cell = entry.cell.load(std::memory_order_acquire);  // (1)
    std::unique_ptr<Box> box;
    while (IsValue(cell) && ValueOf(cell) == expected) {
      if (!box) box = std::make_unique<Box>(desired);
      if (Exchange(entry, cell, box.get())) {
        box.release();
        RetireBox(cell, guard);
        return true;
      }
    }
    return false;
  }

  // The entry is nil or a value, and stays out of `expunged` under the mutex.
  template <class F>
  static Loaded<V> ComputeLocked(Entry& entry, F& make) {
    Cell* cell = nullptr;
    if (!Exchange(entry, cell, &kComputing)) return {ValueOf(cell), true};
    try {
      auto box = std::make_unique<Box>(make());
      Loaded<V> result{box->value, false};
      // (4) release, pairs with (1). Nobody else leaves `computing`.
      entry.cell.store(box.release(), std::memory_order_release);
      return result;
    } catch (...) {
      entry.cell.store(nullptr, std::memory_order_release);
      throw;
    }
  }

  // `take` sees the value before it is removed, perhaps more than once; if it
  // throws, nothing has changed.
  template <class F>
  bool Remove(const K& key, F take) {
    Guard guard;
    guard.Prepare(kMaxRetired);
    const Probe probe{Hash{}(key), key};
    const ReadOnly* read = LoadRead();
    if (Entry* entry = Find(*read->index, probe)) {
      return TryRemove(*entry, take, guard);
    }
    if (!read->amended) return false;
    std::unique_lock lock(mu_);
    ++locked_;
    read = LoadRead();
    if (Entry* entry = Find(*read->index, probe)) {
      return TryRemove(*entry, take, guard);
    }
    if (!read->amended) return false;
    bool removed = false;
    if (const auto it = dirty_->find(probe); it != dirty_->end()) {
      Entry* entry = it->entry;
      removed = TryRemove(*entry, take, guard);
      dirty_->erase(it);
      guard.Retire(entry);  // it never was in read: no index leads to it now
    }
    MissLocked(guard);
    return removed;
  }

  template <class F>
  static bool TryRemove(Entry& entry, F& take, Guard& guard) {
    Cell* cell = entry.cell.load(std::memory_order_acquire);  // (1)
    while (IsValue(cell)) {
      take(ValueOf(cell));
      if (Exchange(entry, cell, nullptr)) {
        RetireBox(cell, guard);
        return true;
      }
    }
    return false;
  }

  static std::size_t CountValues(const Index& index) {
    return static_cast<std::size_t>(
        std::count_if(index.begin(), index.end(), [](const Slot& slot) {
          return IsValue(slot.entry->cell.load(std::memory_order_acquire));
        }));
  }

  static std::size_t IndexBytes(const Index& index) {
    struct NodeLayout {  // of libstdc++, whose hash functor is "fast"
      void* next;
      Slot slot;
    };
    std::size_t bytes = internal::MallocBytes(sizeof(Index)) +
                        index.size() * internal::MallocBytes(sizeof(NodeLayout));
    if (index.bucket_count() > 1) {
      bytes += internal::MallocBytes(index.bucket_count() * sizeof(void*));
    }
    return bytes;
  }
  static std::size_t EntryBytes(const Entry& entry) {
    const Cell* cell = entry.cell.load(std::memory_order_acquire);
    std::size_t bytes = internal::MallocBytes(sizeof(Entry)) +
                        internal::HeapBytes(entry.key);
    if (IsValue(cell)) {
      bytes += internal::MallocBytes(sizeof(Box)) +
               internal::HeapBytes(ValueOf(cell));
    }
    return bytes;
  }

  inline static constinit Cell kExpunged{};
  inline static constinit Cell kComputing{};

  static constexpr std::size_t kSecondLine =
      kLayout == SyncMapLayout::kSplit ? kCacheLine
                                       : alignof(typename Atomics::Mutex);

  Atomic<ReadOnly*> read_{nullptr};
  // All that follows is written under the mutex.
  alignas(kSecondLine) mutable typename Atomics::Mutex mu_;
  Index* dirty_ = nullptr;
  std::size_t misses_ = 0;

  std::size_t reserved_ = 0;
  std::vector<Entry*> expunged_;  // in this cycle; some may be revived since
  std::uint64_t all_misses_ = 0;
  std::uint64_t promotions_ = 0;
  std::uint64_t copies_ = 0;
  std::uint64_t entries_copied_ = 0;
  std::uint64_t locked_ = 0;
};

}  // namespace cmap

#endif  // CMAP_MAPS_SYNC_MAP_H_
