// SPDX-License-Identifier: Apache-2.0
//
// Epoch-based reclamation: when may memory that readers reach without a lock
// be freed?
//
// Readers announce that they read, and when. Time is a counter, the epoch. What
// a writer has unlinked is put aside with the epoch of that moment and freed
// once the epoch has advanced far enough that every reader who could still hold
// it has left.
//
//        Enter: announce epoch e             Exit: announce 0
//   idle ------------------------> reading ------------------> idle
//
//        Retire: tag = epoch                epoch >= tag + 3
//   linked --(unlinked)--> put aside ------------------------> freed
//
//        every announcement is 0 or n
//   epoch n ------------------------------> epoch n + 1        (TryAdvance)
//
// Costs. Enter: a load of the epoch (shared, rarely written) and one exchange on
// a cache line of the thread's own. Exit: a plain store. Nested guards: an
// increment. Retire: an append to a list of the thread's own; once per kBatch
// units of garbage the thread looks through all announcements, advances the
// epoch if it can, and frees what is ripe, after its outermost guard has ended,
// so that no deleter runs inside a guard or under a lock of a map.
//
// Bound. As long as no guard outlives a whole round of attempts, each attempt
// advances the epoch by one, and a thread holds at most about 4 * kBatch units
// that are not yet freed (three advances, and the batch it fills meanwhile). A
// unit is one object, or one KiB of a large one. A reader that stops inside a
// guard stops all reclamation: the memory put aside then grows without bound.
// That is the known price of epochs (hazard pointers do not pay it, but pay per
// object read).
//
// Progress. Enter, Exit are wait-free. Retire is wait-free but for the
// allocator; an attempt is bounded by the number of records.
//
// Why it is correct, without fences and without seq_cst. The numbers are those
// in the code. A reader and a reclaimer race like this:
//
//   reader:     announce; load link          reclaimer: unlink; read announcement
//
// and neither may miss the other. Two plain acquire/release accesses allow that
// (store buffering). Here both sides use a read-modify-write on the same word,
// the reader's announcement: the reader an exchange (2), the reclaimer an add of
// zero (4). Read-modify-writes on one word are totally ordered and each reads
// its predecessor, so either (4) comes later and sees the announcement, or (2)
// comes later, reads from (4) and thereby synchronizes with it: the reader then
// knows all the reclaimer knew.
//
// Let A(n) be the advance from n to n+1, S the scan of one thread's announcement
// for it. Say that a section (Enter to Exit) "knows A(n)" if A(n) happens before
// everything after its Enter.
//
//   Lemma. For every section G of that thread, either the end of G happens
//   before A(n), or G knows A(n-1).
//   If (3) of G precedes S, then S, or the enter S reads, comes after it: the
//   first case. Otherwise S saw G itself, announcing n: G read n at (1), which
//   acquires from A(n-1) (6). Or S saw 0 and G began later: the first
//   announcement after S reads from S (2)(4), whose scanner had read n at (5).
//   Or S saw an earlier section announcing n, and coherence lets the thread read
//   nothing older than n at (1) afterwards.
//   A record that S did not find in the list was pushed later; the push reads
//   from the scan of the list head, with the same effect (R1 and R2 in records.h).
//
//   Theorem. x, unlinked by section T and tagged t, is freed at an epoch of at
//   least t + 3, that is after A(t+2). No section G uses x after that.
//   By the lemma for A(t+2), G's end happens before A(t+2), hence before the
//   free; or G knows A(t+1). In the second case apply the lemma to T and A(t+1):
//   if T's end happens before A(t+1), the unlinking happens before all of G, and
//   G cannot find x. Otherwise T knows A(t), and would have read an epoch of at
//   least t+1 as its tag, which comes after its Enter: a contradiction.
//
// Fraser's original frees after two advances. The third pays for reading the tag
// with a plain load: with two, a thread whose unlinking store still waits in its
// store buffer could tag it with an epoch that has already passed.
//
// A cheaper Enter exists: a plain store, with the reclaimer forcing a barrier on
// all cores by membarrier(2). It is not used: the C++ memory model does not know
// it, so neither ThreadSanitizer nor a schedule explorer can check it, and user
// mode emulators do not have to implement it.
//
// Source: K. Fraser, "Practical lock-freedom", University of Cambridge, UCAM-
// CL-TR-579 (2004), section 5.2.3. T. E. Hart, P. E. McKenney, A. D. Brown,
// J. Walpole, "Performance of memory reclamation for lockless synchronization",
// J. Parallel Distrib. Comput. 67 (2007).
#ifndef CMAP_MAPS_INTERNAL_RECLAMATION_EPOCH_H_
#define CMAP_MAPS_INTERNAL_RECLAMATION_EPOCH_H_

#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"
#include "maps/internal/reclamation/records.h"

namespace cmap::internal {

struct EpochCounters {
  std::uint64_t retired = 0;   // objects put aside so far
  std::uint64_t freed = 0;     // of these, objects freed
  std::uint64_t attempts = 0;  // scans of all announcements
  std::uint64_t advances = 0;  // of these, scans that advanced the epoch
  std::uint64_t records = 0;   // greatest number of threads at one time
};

// One domain of reclamation with explicit per-thread records. Maps use the
// process-wide EpochDomain below; tests and explorers make their own.
template <class Atomics>
class EpochReclaimer {
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;

 public:
  // Units of garbage between two attempts of one thread.
  static constexpr std::uint64_t kBatch = 64;
  // Bytes of a large object that count as one unit more.
  static constexpr std::uint64_t kUnitBytes = internal::kUnitBytes;
  // Advances between the tagging and the freeing of an object.
  static constexpr std::uint64_t kGrace = 3;

  using Deleter = internal::Deleter;

  class Record;

  constexpr EpochReclaimer() = default;

  // A record for the calling thread. Throws std::bad_alloc.
  Record* Acquire() { return records_.Acquire(); }

  // Gives the record back, outside any guard.
  void Release(Record& record) noexcept {
    assert(record.nesting_ == 0);
    Collect(record);
    records_.Release(record);
  }

  void Enter(Record& record) noexcept {
    if (record.nesting_++ != 0) return;
    // (1) acquire, pairs with the advance (6): whoever announces n knows A(n-1).
    const std::uint64_t now = epoch_.load(std::memory_order_acquire);
    // (2) acq_rel, an exchange and not a store: see the head of this file.
    // Acquires from (4) and from nothing else; released to (4).
    record.announced_.exchange(now, std::memory_order_acq_rel);
  }

  void Exit(Record& record) noexcept {
    if (--record.nesting_ != 0) return;
    // (3) release, pairs with (4): what this section read, it has read.
    record.announced_.store(kIdle, std::memory_order_release);
    if (record.units_ >= kBatch) [[unlikely]]
      Collect(record);
  }

  // Makes room for `objects` calls of Retire, which then cannot fail. Throws
  // std::bad_alloc; called before a writer changes anything.
  void Prepare(Record& record, std::size_t objects) { record.PrepareLimbo(objects); }

  // Hands over an object that has been unlinked inside the present guard. It is
  // deleted some time after the guard. `bytes` is a hint for large objects, so
  // that garbage is bounded in bytes too. Allocates only beyond what was
  // prepared, and ends the program when that fails.
  void Retire(Record& record, void* object, Deleter deleter, std::size_t bytes = 0) noexcept {
    assert(record.nesting_ != 0 && "Retire needs the guard of the unlinking");
    // Relaxed: the theorem asks only that this load comes after Enter, in the
    // same section as the unlinking.
    const std::uint64_t tag = epoch_.load(std::memory_order_relaxed);
    record.PutAside(object, deleter, tag, bytes);
  }

  // For moments without concurrent guards: frees all that this record and all
  // records without an owner hold, and returns whether nothing is left in them.
  // With guards about (one's own included) it frees what it can.
  // What other running threads have put aside is not touched.
  bool Drain(Record& record) noexcept {
    for (int failures = 0; failures < 16;) {
      const std::uint64_t before = epoch_.load(std::memory_order_relaxed);
      Collect(record);
      if (record.limbo_.empty() && !records_.HasOrphans()) return true;
      if (epoch_.load(std::memory_order_relaxed) == before) {
        ++failures;
        Atomics::Yield();
      }
    }
    return false;
  }

  // Exact when nothing runs concurrently.
  EpochCounters Counters() const {
    EpochCounters sum;
    for (const Record* r = records_.First(); r != nullptr; r = records_.Next(*r)) {
      sum.retired += r->retired_.load(std::memory_order_relaxed);
      sum.freed += r->freed_.load(std::memory_order_relaxed);
      sum.attempts += r->attempts_.load(std::memory_order_relaxed);
      sum.advances += r->advances_.load(std::memory_order_relaxed);
      ++sum.records;
    }
    return sum;
  }

 private:
  static constexpr std::uint64_t kIdle = 0;  // epochs start at 1

  // Advances the epoch by one if every section in progress has announced it.
  bool TryAdvance(Record& record) noexcept {
    Record::Bump(record.attempts_, 1);
    // (5) acquire, pairs with (6).
    const std::uint64_t now = epoch_.load(std::memory_order_acquire);
    for (Record* r = records_.FirstForScan(); r != nullptr; r = records_.Next(*r)) {
      // (4) acq_rel add of zero, not a load: pairs with (2) and (3).
      const std::uint64_t seen = r->announced_.fetch_add(0, std::memory_order_acq_rel);
      if (seen != kIdle && seen != now) return false;
    }
    // (6) acq_rel, pairs with (1), (5) and (7). Fails if another thread was
    // faster, which serves as well.
    std::uint64_t expected = now;
    if (!epoch_.compare_exchange_strong(expected, now + 1, std::memory_order_acq_rel,
                                        std::memory_order_relaxed)) {
      return false;
    }
    Record::Bump(record.advances_, 1);
    return true;
  }

  // Runs the deleters of the ripe part of `from`; the caller owns both records.
  // A deleter may run destructors that use maps and retire again: they append
  // to the list being worked on, never free from it.
  void FreeRipe(Record& from, Record& own) noexcept {
    if (from.collecting_) return;
    from.collecting_ = true;
    // (7) acquire, pairs with (6): all sections that knew the object have
    // ended, and their ends happen before what follows.
    const std::uint64_t now = epoch_.load(std::memory_order_acquire);
    std::size_t ripe = 0;  // tags never fall along the list
    while (ripe < from.limbo_.size() && from.limbo_[ripe].tag + kGrace <= now) {
      const Retired r = from.limbo_[ripe++];
      r.deleter(r.object);
    }
    from.limbo_.erase(from.limbo_.begin(), from.limbo_.begin() + static_cast<std::ptrdiff_t>(ripe));
    from.TrimLimbo();
    Record::Bump(own.freed_, ripe);
    from.collecting_ = false;
  }

  void Collect(Record& record) noexcept {
    if (record.collecting_) return;
    record.units_ = 0;
    TryAdvance(record);
    FreeRipe(record, record);
    records_.CollectOrphans([&](Record& orphan) { FreeRipe(orphan, record); });
  }

  alignas(kCacheLine) Atomic<std::uint64_t> epoch_{1};
  alignas(kCacheLine) RecordList<Atomics, Record> records_;
};

// What one thread owns: its announcement, which others read, and its list of
// garbage. Never freed while the domain lives.
template <class Atomics>
class alignas(kCacheLine) EpochReclaimer<Atomics>::Record
    : public ListedRecord<Atomics, typename EpochReclaimer<Atomics>::Record> {
 public:
  // Whether the owner is inside a guard.
  bool guarded() const noexcept { return nesting_ != 0; }

 private:
  friend class EpochReclaimer;
  friend class RecordList<Atomics, Record>;

  Atomic<std::uint64_t> announced_{kIdle};
  std::uint32_t nesting_ = 0;
  Atomic<std::uint64_t> attempts_{0};
  Atomic<std::uint64_t> advances_{0};
};

// The domain of all maps of one Atomics policy in the process: the reclamation
// policy of a map (reclamation.h).
template <class Atomics>
class EpochDomain : public ProcessWide<EpochReclaimer<Atomics>> {
  using Base = ProcessWide<EpochReclaimer<Atomics>>;

 public:
  static constexpr std::string_view kName = "epochs";
  static constexpr std::string_view kCaveat =
      "a guard held for long holds up all freeing of memory";
  static constexpr Progress kReadProgress = Progress::kWaitFree;
  static constexpr bool kPerObject = false;

  // Protects what is reached inside its scope. May be nested. The first guard
  // of a thread may throw std::bad_alloc.
  class Guard : public Base::Retirer {
   public:
    Guard() { Base::Get().Enter(this->record_); }
    ~Guard() { Base::Get().Exit(this->record_); }

    // What the link leads to. All that a guard meets is protected by it.
    template <unsigned kSlot, class Link>
    auto Protect(const Link& link) noexcept {
      return link.load(std::memory_order_acquire);
    }
    template <unsigned kSlot>
    void Hold(const void*) noexcept {}
  };
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_INTERNAL_RECLAMATION_EPOCH_H_
