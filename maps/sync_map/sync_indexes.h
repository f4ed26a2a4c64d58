// SPDX-License-Identifier: Apache-2.0
//
// The two indexes of sync_map, and what passes between them: read, which is found
// without a lock and constant, and dirty, which is written under the mutex.
//
//            first new key after a promotion: CopyToDirty
//            (pointers to the live entries; nil becomes expunged)
//         +--------------------------------------------------+
//         |                                                  v
//   read { index, amended }                                dirty   Add, Unexpunge
//         ^                                                  |
//         +--------------------------------------------------+
//            as many misses as dirty has keys: Promote
//            (exchange of a pointer; what is expunged is dropped)
//
// Invariants, whenever the mutex is free. While there is a dirty, it leads to every
// entry of read that is not expunged, and to others only if read says `amended`. Without
// a dirty nothing is amended, and no entry of read is expunged. `expunged_` lists what
// has been expunged since the copy, some of it revived since.
//
// Guarantees. Read() is wait-free. What readers may still hold is retired through the
// caller's guard and freed later: with what the caller retires, at most kMaxRetired
// objects. Copying and what counts entries or bytes is O(n); the rest is O(1) on average,
// but for the growth of dirty and, at a promotion, for the keys that were deleted in
// the cycle. An exception leaves everything as it was for readers.
#ifndef CMAP_MAPS_SYNC_MAP_SYNC_INDEXES_H_
#define CMAP_MAPS_SYNC_MAP_SYNC_INDEXES_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#include "maps/concurrent_map.h"
#include "maps/internal/memory.h"
#include "maps/sync_map/sync_index.h"

namespace cmap::internal {

// kMutexAlignment: kCacheLine gives the mutex a line of its own.
template <class Entry, class Atomics, class Guard, std::size_t kMutexAlignment>
class SyncIndexes {
 public:
  using Index = SyncIndex<Entry>;
  using Slot = SyncSlot<Entry>;
  using Probe = SyncProbe<Entry>;
  using ReadOnly = SyncReadOnly<Entry>;
  using Box = typename Entry::Box;
  using Cell = typename Entry::Cell;

  // Boxes, entries and indexes that one operation can unlink.
  static constexpr std::size_t kMaxRetired = 4;

  SyncIndexes() {
    auto index = std::make_unique<Index>();
    read_.store(new ReadOnly{index.get(), false}, std::memory_order_release);
    index.release();
  }
  SyncIndexes(const SyncIndexes&) = delete;
  SyncIndexes& operator=(const SyncIndexes&) = delete;
  // And the entries.
  ~SyncIndexes() {
    ReadOnly* read = read_.load(std::memory_order_acquire);
    DestroyEntries<Entry>(read->index, dirty_);
    delete dirty_;
    delete read->index;
    delete read;
  }

  ReadOnly* Read() const {
    // (5) acquire, pairs with (6): the index as its writer left it.
    return read_.load(std::memory_order_acquire);
  }
  Entry* FindInRead(const Probe& probe) const { return FindEntry(*Read()->index, probe); }

  // Counts as an operation that took the mutex.
  [[nodiscard]] std::unique_lock<typename Atomics::Mutex> Lock() {
    std::unique_lock lock(mu_);
    ++locked_;
    return lock;
  }

  // The slow half of Load and CompareAndDelete. Takes the mutex.
  Entry* FindAndCountMiss(const Probe& probe, Guard& guard) {
    const auto lock = Lock();
    const ReadOnly* read = Read();
    Entry* entry = FindEntry(*read->index, probe);
    if (entry == nullptr && read->amended) {
      entry = FindInDirty(probe);
      Miss(guard);
    }
    return entry;
  }

  // O(1) under the mutex, which it takes; the entries are freed later, O(n).
  void Clear(Guard& guard) {
    guard.Prepare(kMaxRetired);
    auto index = std::make_unique<Index>();
    auto fresh = std::make_unique<ReadOnly>();
    auto empty = std::make_unique<Index>();
    const auto lock = Lock();
    ReadOnly* old = Read();
    if (!old->index->empty() || old->amended) {
      old->owns_index = true;
      old->owns_entries = true;
      old->cleared = dirty_;
      const std::size_t bytes =
          IndexBytes(*old->index) + (dirty_ != nullptr ? IndexBytes(*dirty_) : 0);
      if (dirty_ != nullptr) dirty_ = empty.release();
      fresh->index = index.release();
      Publish(fresh.release());
      guard.Retire(old, bytes);
      expunged_.clear();  // freed with the old index
    }
    misses_ = 0;  // the emptied dirty is not promoted at once
  }

  // What follows: under the mutex.

  Entry* FindInDirty(const Probe& probe) const {
    return dirty_ == nullptr ? nullptr : FindEntry(*dirty_, probe);
  }

  // Without memory for a promotion there is none; the next miss tries again.
  void Miss(Guard& guard) noexcept {
    ++all_misses_;
    if (++misses_ < dirty_->size()) return;
    try {
      guard.Prepare(kMaxRetired);
      Promote(std::make_unique<ReadOnly>(), guard);
    } catch (const std::bad_alloc&) {
    }
  }

  // There is a dirty.
  void Promote(std::unique_ptr<ReadOnly> fresh, Guard& guard) noexcept {
    ReadOnly* old = Read();
    std::erase_if(expunged_, [](Entry* entry) { return !entry->IsExpunged(); });
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

  // Expunged to nil, with the entry back in dirty.
  void Unexpunge(std::uint64_t hash, Entry& entry) {
    if (!entry.IsExpunged()) return;
    dirty_->insert(Slot{hash, &entry});
    // Nobody else changes an expunged entry. Release, so that who revives it by
    // (2) continues from here.
    entry.cell.store(nullptr, std::memory_order_release);
  }

  // A key that is in neither index. Strong: on an exception nothing changed but
  // that a dirty index may now exist.
  void Add(const Probe& probe, std::unique_ptr<Box> box, Guard& guard) {
    guard.Prepare(kMaxRetired);  // again: user code may have used the room
    ReadOnly* read = Read();
    auto entry = std::make_unique<Entry>(probe.key, nullptr);
    std::unique_ptr<ReadOnly> amended;
    if (!read->amended) {
      amended.reset(new ReadOnly{read->index, true});
      CopyToDirty();
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

  // If dirty has the key: erases it, once `remove` is done with its entry. What that
  // returned; false if dirty has it not.
  template <class F>
  bool EraseFromDirty(const Probe& probe, const F& remove, Guard& guard) {
    const auto it = dirty_->find(probe);
    if (it == dirty_->end()) return false;
    Entry* entry = it->entry;
    const bool removed = remove(*entry);
    dirty_->erase(it);
    guard.Retire(entry);  // it never was in read: no index leads to it now
    return removed;
  }

  std::size_t Size() const {
    const ReadOnly* read = Read();
    return CountValues<Entry>(read->amended ? *dirty_ : *read->index);
  }

  // Room for n keys in the dirty index, now and at every later copy.
  void Reserve(std::size_t entries) {
    // The test, because unordered_set::reserve() may shrink as well.
    if (dirty_ != nullptr && entries > dirty_->bucket_count()) {
      dirty_->reserve(entries);
    }
    reserved_ = entries;
  }

  // Indexes, entries and boxes that are reachable. O(n). Needs the map to itself,
  // instead of the mutex.
  std::size_t HeapBytesHeld() const {
    const ReadOnly* read = Read();
    std::size_t bytes = MallocBytes(sizeof(ReadOnly)) + IndexBytes<Entry>(*read->index) +
                        MallocBytes(expunged_.capacity() * sizeof(Entry*));
    for (const Slot& slot : *read->index) {
      if (dirty_ == nullptr || slot.entry->IsExpunged()) bytes += slot.entry->Bytes();
    }
    if (dirty_ != nullptr) {
      bytes += IndexBytes<Entry>(*dirty_);
      for (const Slot& slot : *dirty_) bytes += slot.entry->Bytes();
    }
    return bytes;
  }

  std::vector<Counter> Counters() const {
    std::unique_lock lock(mu_);
    return {{"misses", all_misses_},
            {"promotions", promotions_},
            {"copies", copies_},
            {"entries_copied", entries_copied_},
            {"locked", locked_}};
  }

  // Where the mutex lies, in bytes behind the pointer to read.
  static std::size_t MutexOffset() {
    return offsetof(SyncIndexes, mu_) - offsetof(SyncIndexes, read_);
  }

 private:
  void Publish(ReadOnly* read) {
    read_.store(read, std::memory_order_release);  // (6), with (5)
  }

  // Makes dirty from the live entries of read, expunging the deleted ones.
  void CopyToDirty() {
    if (dirty_ != nullptr) return;
    const Index& index = *Read()->index;
    auto dirty = std::make_unique<Index>();
    // A quarter of slack, so that the new keys do not make it grow at once.
    dirty->reserve(std::max(reserved_, index.size() + index.size() / 4 + 1));
    try {
      for (const Slot& slot : index) {
        Cell* cell = slot.entry->cell.load(std::memory_order_acquire);
        if (cell == nullptr) expunged_.push_back(slot.entry);
        // Only here does nil become expunged. Another thread may revive the
        // entry first; then it is copied.
        while (cell == nullptr && !slot.entry->Exchange(cell, &Entry::kExpunged)) {
        }
        if (cell == nullptr) continue;
        if (!expunged_.empty() && expunged_.back() == slot.entry) {
          expunged_.pop_back();
        }
        dirty->insert(slot);
      }
    } catch (...) {
      for (Entry* entry : expunged_) {
        if (!entry->IsExpunged()) continue;
        entry->cell.store(nullptr, std::memory_order_release);
      }
      expunged_.clear();
      throw;
    }
    ++copies_;
    entries_copied_ += dirty->size();
    dirty_ = dirty.release();
  }

  typename Atomics::template Atomic<ReadOnly*> read_{nullptr};
  // All that follows is written under the mutex.
  alignas(kMutexAlignment) mutable typename Atomics::Mutex mu_;
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

}  // namespace cmap::internal

#endif  // CMAP_MAPS_SYNC_MAP_SYNC_INDEXES_H_
