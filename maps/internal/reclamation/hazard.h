// SPDX-License-Identifier: Apache-2.0
//
// Hazard pointers: a reader says which objects it is about to use, not when it
// reads. Who has unlinked an object frees it when nobody has named it.
//
//   reader                                   reclaimer
//   p = link                                 unlink p (another link takes its place)
//   slot = p              (2)                put p aside; after a batch of them:
//   link still p?  (3)  no: again            read all slots  (4)
//   use p                                    free what no slot names
//
// A thread's record has six slots: two guards of kGuardSlots, one inside the
// other. Deeper nesting (a visitor of Range that calls Range ...) takes further
// records, which the thread keeps.
//
//   record   [ depth | slot slot slot | slot slot slot ]   depth = slots in use
//
// Costs. A guard: two plain stores on a line of the thread's own. Protect: two
// loads of the link and one exchange on that line, for every object, where epochs
// pay one exchange for all. Once per batch a reclaimer does a read-modify-write
// on every slot of every record.
//
// Bound. A thread has at most a batch of garbage, and of what is older only what
// slots name: kSlots objects for every record. A reader that stops inside a guard
// keeps its objects and no other: that is what epochs cannot give.
//
// What they cannot do: follow a link out of an object that is itself unlinked. The
// test (3) says that p is linked, and that it cannot have been freed before the slot
// named it; if the link is in an object that is gone, it says neither. So a
// structure fits whose links are tested against something that is alive: one
// pointer (snapshot_map), or an index and entries in fixed places (sync_map).
//
// Progress. Protect is lock-free: it repeats when a writer was faster. Retire is
// wait-free but for the allocator; an attempt to free is bounded by the records.
//
// Why it is correct, without fences and without seq_cst. Reader and reclaimer race
// as with epochs: each writes, then reads what the other writes.
//
//   reader:     slot = p (2); read link (3)     reclaimer: unlink; read slot (4)
//
// With acquire and release alone both may miss the other (store buffering). So (2)
// is an exchange and (4) an add of zero: read-modify-writes on one word, each of
// which reads its predecessor. No other operation ever writes a slot: a guard that
// ends lowers `depth` and leaves its slots as they are. If (2) comes before (4) then
// (4) reads p, or a later exchange of the same owner; that the owner came so far
// happens before (4), and so do its uses of p. If (4) comes before (2), then (2)
// reads from (4), directly or through other read-modify-writes, and synchronizes
// with it: the unlinking happens before (3), which cannot read p. (p does not come
// back while it is put aside.)
//
// A slot that names p may be a leftover. It counts if `depth` covers it. Raised (5)
// before (2), so who reads (2) at (4) sees it raised at (6) or later. Lowered (7) by
// a release store: who sees that at (6) knows that the uses of p are over.
//
// Source: M. M. Michael, "Hazard pointers: safe memory reclamation for lock-free
// objects", IEEE Trans. Parallel Distrib. Syst. 15 (2004).
#ifndef CMAP_MAPS_INTERNAL_RECLAMATION_HAZARD_H_
#define CMAP_MAPS_INTERNAL_RECLAMATION_HAZARD_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string_view>
#include <utility>
#include <vector>

#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"
#include "maps/internal/reclamation/records.h"

namespace cmap::internal {

struct HazardCounters {
  std::uint64_t retired = 0;   // objects put aside so far
  std::uint64_t freed = 0;     // of these, objects freed
  std::uint64_t attempts = 0;  // scans of all slots
  std::uint64_t records = 0;   // greatest number in use at one time
};

// One domain of reclamation with explicit records. Maps use the process-wide
// HazardDomain below; tests and explorers make their own.
template <class Atomics>
class HazardReclaimer {
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;

 public:
  static constexpr unsigned kGuardSlots = 3;
  static constexpr unsigned kSlots = 2 * kGuardSlots;
  // Units of garbage (see records.h) between two attempts of one thread, at least;
  // as many as there are slots if these are more.
  static constexpr std::uint64_t kBatch = 64;

  class Record;

  constexpr HazardReclaimer() = default;

  // A record for the calling thread. Throws std::bad_alloc.
  Record* Acquire() { return records_.Acquire(); }

  // Gives the record, and those for deeper nesting, back, outside any guard.
  void Release(Record& record) noexcept {
    assert(record.depth_.load(std::memory_order_relaxed) == 0);
    Collect(record);
    for (Record* r = record.deeper_; r != nullptr;) {
      Record* next = std::exchange(r->deeper_, nullptr);
      records_.Release(*r);
      r = next;
    }
    record.deeper_ = nullptr;
    record.innermost_ = &record;
    records_.Release(record);
  }

  // kGuardSlots slots, valid until Leave. Nested calls end in reverse order.
  struct Place {
    Record* record;
    unsigned base;
  };
  // Throws std::bad_alloc if the nesting is deeper than ever before.
  Place Enter(Record& mine) {
    Record* record = mine.innermost_;
    std::uint64_t base = record->depth_.load(std::memory_order_relaxed);
    if (base == kSlots) [[unlikely]] {
      if (record->deeper_ == nullptr) {
        record->deeper_ = Acquire();
        record->deeper_->outer_ = record;
      }
      record = mine.innermost_ = record->deeper_;
      base = 0;
    }
    // (5) relaxed: what reads it is ordered by (2) and (4).
    record->depth_.store(base + kGuardSlots, std::memory_order_relaxed);
    return {record, static_cast<unsigned>(base)};
  }

  void Leave(Record& mine, Place place) noexcept {
    // (7) release, pairs with (6).
    place.record->depth_.store(place.base, std::memory_order_release);
    if (place.base != 0) return;
    if (place.record != &mine) {
      mine.innermost_ = place.record->outer_;
    } else if (mine.units_ >= mine.threshold_) [[unlikely]] {
      Collect(mine);
    }
  }

  // What `link` leads to, named by the slot. Null is not named.
  template <class Link>
  auto Protect(Place place, unsigned slot, const Link& link) noexcept {
    // (1) acquire, as (3): the caller uses what it finds behind the pointer.
    auto* found = link.load(std::memory_order_acquire);
    while (found != nullptr) {
      Name(place, slot, found);
      auto* const again = link.load(std::memory_order_acquire);  // (3)
      if (again == found) break;
      found = again;
    }
    return found;
  }

  // Names an object that cannot be retired during the call.
  void Name(Place place, unsigned slot, const void* object) noexcept {
    assert(slot < kGuardSlots);
    // (2) acq_rel, an exchange and not a store: see the head of this file.
    place.record->slots_[place.base + slot].exchange(reinterpret_cast<std::uintptr_t>(object),
                                                     std::memory_order_acq_rel);
  }

  // Makes room for `objects` calls of Retire, which then cannot fail. Throws
  // std::bad_alloc; called before a writer changes anything.
  void Prepare(Record& record, std::size_t objects) { record.PrepareLimbo(objects); }

  // Hands over an object that has been unlinked. It is deleted some time after
  // the outermost guard. `bytes` is a hint for large objects. Allocates only
  // beyond what was prepared, and ends the program when that fails.
  void Retire(Record& record, void* object, Deleter deleter, std::size_t bytes = 0) noexcept {
    record.PutAside(object, deleter, 0, bytes);
  }

  // Frees what no slot names of what this record and all records without an owner
  // hold, and returns whether nothing is left in them. What other running threads
  // have put aside is not touched.
  bool Drain(Record& record) noexcept {
    for (;;) {
      const std::uint64_t before = record.freed_.load(std::memory_order_relaxed);
      Collect(record);
      if (record.limbo_.empty() && !records_.HasOrphans()) return true;
      // Deleters may have retired more: again, as long as that frees anything.
      if (record.freed_.load(std::memory_order_relaxed) == before) return false;
    }
  }

  // Exact when nothing runs concurrently.
  HazardCounters Counters() const {
    HazardCounters sum;
    for (const Record* r = records_.First(); r != nullptr; r = records_.Next(*r)) {
      sum.retired += r->retired_.load(std::memory_order_relaxed);
      sum.freed += r->freed_.load(std::memory_order_relaxed);
      sum.attempts += r->attempts_.load(std::memory_order_relaxed);
      ++sum.records;
    }
    return sum;
  }

 private:
  // Reads all slots into `record.named_`, sorted. Without the memory for that
  // false: nothing is freed until the next attempt.
  bool Scan(Record& record) noexcept {
    Record::Bump(record.attempts_, 1);
    std::uint64_t slots = 0;
    record.named_.clear();
    for (Record* r = records_.FirstForScan(); r != nullptr; r = records_.Next(*r)) {
      slots += kSlots;
      for (unsigned i = 0; i < kSlots; ++i) {
        // (4) acq_rel add of zero, not a load: pairs with (2).
        const std::uintptr_t object = r->slots_[i].fetch_add(0, std::memory_order_acq_rel);
        // (6) acquire, pairs with (7); after (4).
        if (object == 0 || r->depth_.load(std::memory_order_acquire) <= i) continue;
        try {
          record.named_.push_back(object);
        } catch (const std::bad_alloc&) {
          return false;
        }
      }
    }
    std::sort(record.named_.begin(), record.named_.end());
    record.threshold_ = std::max(kBatch, slots);
    return true;
  }

  // Runs the deleters of what was in `from` before the scan and was not named in
  // it; the caller owns both records. A deleter may run destructors that use maps
  // and retire again: they append to the list being worked on, and wait for the
  // next scan.
  void FreeUnnamed(Record& from, Record& own) noexcept {
    const std::size_t scanned = from.limbo_.size();
    std::size_t kept = 0;
    for (std::size_t i = 0; i < scanned; ++i) {
      const Retired r = from.limbo_[i];
      if (std::binary_search(own.named_.begin(), own.named_.end(),
                             reinterpret_cast<std::uintptr_t>(r.object))) {
        from.limbo_[kept++] = r;
      } else {
        r.deleter(r.object);
      }
    }
    from.limbo_.erase(from.limbo_.begin() + static_cast<std::ptrdiff_t>(kept),
                      from.limbo_.begin() + static_cast<std::ptrdiff_t>(scanned));
    from.TrimLimbo();
    Record::Bump(own.freed_, scanned - kept);
  }

  void Collect(Record& record) noexcept {
    if (record.collecting_) return;
    record.collecting_ = true;
    record.units_ = 0;
    if (Scan(record)) FreeUnnamed(record, record);
    // Orphans are taken over after that scan: theirs needs one of its own.
    records_.CollectOrphans([&](Record& orphan) {
      if (!orphan.limbo_.empty() && Scan(record)) FreeUnnamed(orphan, record);
    });
    record.collecting_ = false;
  }

  alignas(kCacheLine) RecordList<Atomics, Record> records_;
};

// What one thread owns: its slots, which others read, and its list of garbage.
// Never freed while the domain lives.
template <class Atomics>
class alignas(kCacheLine) HazardReclaimer<Atomics>::Record
    : public ListedRecord<Atomics, typename HazardReclaimer<Atomics>::Record> {
  friend class HazardReclaimer;
  friend class RecordList<Atomics, Record>;

  // Written in every guard; what follows from here is one line.
  alignas(kCacheLine) Atomic<std::uint64_t> depth_{0};
  std::array<Atomic<std::uintptr_t>, kSlots> slots_{};
  Record* innermost_ = this;  // where the next guard takes its slots

  alignas(kCacheLine) Record* deeper_ = nullptr;
  Record* outer_ = nullptr;
  std::uint64_t threshold_ = kBatch;
  std::vector<std::uintptr_t> named_;
  Atomic<std::uint64_t> attempts_{0};
};

// The domain of all maps of one Atomics policy in the process: a reclamation
// policy of maps (reclamation.h).
template <class Atomics>
class HazardDomain : public ProcessWide<HazardReclaimer<Atomics>> {
  using Reclaimer = HazardReclaimer<Atomics>;
  using Base = ProcessWide<Reclaimer>;

 public:
  static constexpr std::string_view kName = "hazard pointers";
  static constexpr std::string_view kCaveat = "every protected object costs a read-modify-write";
  static constexpr Progress kReadProgress = Progress::kLockFree;
  static constexpr bool kPerObject = true;

  // Protects what its slots name, until it ends. May be nested. The first guard
  // of a thread, and one nested deeper than ever before, may throw
  // std::bad_alloc.
  class Guard : public Base::Retirer {
   public:
    Guard() : place_(Base::Get().Enter(this->record_)) {}
    ~Guard() { Base::Get().Leave(this->record_, place_); }

    // What the link leads to, protected until the slot is used again.
    template <unsigned kSlot, class Link>
    auto Protect(const Link& link) noexcept {
      static_assert(kSlot < Reclaimer::kGuardSlots);
      return Base::Get().Protect(place_, kSlot, link);
    }
    // Protects what cannot be retired during the call.
    template <unsigned kSlot>
    void Hold(const void* object) noexcept {
      static_assert(kSlot < Reclaimer::kGuardSlots);
      Base::Get().Name(place_, kSlot, object);
    }

   private:
    typename Reclaimer::Place place_;
  };
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_INTERNAL_RECLAMATION_HAZARD_H_
