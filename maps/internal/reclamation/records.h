// SPDX-License-Identifier: Apache-2.0
//
// What the reclaimers of this folder share: the list of their threads' records,
// the garbage in a record, and the process-wide domain that hides both behind
// thread-locals. epoch.h and hazard.h say when garbage may be freed.
//
//   list --> record --> record --> ...      never shortened while the domain lives
//            owned      free, perhaps an orphan: an ended thread's garbage is left
//
// A record belongs to one thread at a time; an ended thread's record, with the
// garbage that was not ripe, goes to the next thread that needs one. Whoever frees
// garbage of its own looks after that of orphans too.
#ifndef CMAP_MAPS_INTERNAL_RECLAMATION_RECORDS_H_
#define CMAP_MAPS_INTERNAL_RECLAMATION_RECORDS_H_

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"

namespace cmap::internal {

using Deleter = void (*)(void*);

// Garbage counts in units: one for an object, one more for each KiB of it.
inline constexpr std::uint64_t kUnitBytes = 1024;

template <class T>
void DeleteAs(void* object) {
  delete static_cast<T*>(object);
}

struct Retired {
  void* object;
  Deleter deleter;
  std::uint64_t tag;
};

// Base of a record. What is not atomic belongs to the owner.
template <class Atomics, class Record>
class ListedRecord {
 protected:
  template <class, class>
  friend class RecordList;

  // A counter with one writer: no read-modify-write needed.
  using Count = typename Atomics::template Atomic<std::uint64_t>;
  static void Bump(Count& counter, std::uint64_t by) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }

  // Makes room for `objects` more. Throws std::bad_alloc.
  void PrepareLimbo(std::size_t objects) {
    if (limbo_.capacity() - limbo_.size() >= objects) [[likely]]
      return;
    limbo_.reserve(limbo_.size() + limbo_.size() / 2 + objects + kSlack);
  }
  void PutAside(void* object, Deleter deleter, std::uint64_t tag, std::size_t bytes) noexcept {
    limbo_.push_back({object, deleter, tag});
    units_ += 1 + bytes / kUnitBytes;
    Bump(retired_, 1);
  }

  // After freeing: gives back the capacity that a burst of garbage, as from the growth of
  // a table, has left. Without memory for a shorter list it keeps the long one.
  void TrimLimbo() noexcept {
    const std::size_t enough = limbo_.size() + kSlack;
    if (limbo_.capacity() <= 4 * enough) [[likely]]
      return;
    try {
      std::vector<Retired> shorter;
      shorter.reserve(enough);
      shorter.assign(limbo_.begin(), limbo_.end());
      limbo_.swap(shorter);
    } catch (const std::bad_alloc&) {
    }
  }

  std::vector<Retired> limbo_;
  std::uint64_t units_ = 0;  // since the last attempt to free
  bool collecting_ = false;  // deleters run, which may retire
  Count retired_{0};
  Count freed_{0};

 private:
  static constexpr std::size_t kSlack = 128;

  Record* next_ = nullptr;
  bool orphaned_ = false;
  typename Atomics::template Atomic<bool> owned_{true};
};

template <class Atomics, class Record>
class RecordList {
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;

 public:
  constexpr RecordList() = default;
  RecordList(const RecordList&) = delete;
  RecordList& operator=(const RecordList&) = delete;

  // Needs exclusive access. Frees all garbage, and all records.
  ~RecordList() {
    Record* record = First();
    while (record != nullptr) {
      for (std::size_t i = 0; i < record->limbo_.size(); ++i) {
        const Retired r = record->limbo_[i];
        r.deleter(r.object);
      }
      delete std::exchange(record, record->next_);
    }
  }

  // A record for the calling thread: one that an ended thread has left, with
  // the garbage it left in it, or a new one. Throws std::bad_alloc.
  Record* Acquire() {
    for (Record* r = First(); r != nullptr; r = r->next_) {
      if (!TryOwn(*r)) continue;
      if (std::exchange(r->orphaned_, false)) {
        orphans_.fetch_sub(1, std::memory_order_relaxed);
      }
      return r;
    }
    auto* fresh = new Record;
    std::uintptr_t head = head_.load(std::memory_order_acquire);
    do {
      fresh->next_ = At(head);
      // (R1) acq_rel: the record and its successor become visible to (R2); and if
      // a scan has passed already, this reads from it.
    } while (!head_.compare_exchange_strong(head, reinterpret_cast<std::uintptr_t>(fresh),
                                            std::memory_order_acq_rel, std::memory_order_acquire));
    return fresh;
  }

  // Gives a record back. The garbage in it stays for its next owner, or for any
  // thread that frees its own.
  void Release(Record& record) noexcept {
    if (!record.limbo_.empty()) {
      record.orphaned_ = true;
      orphans_.fetch_add(1, std::memory_order_relaxed);
    }
    record.owned_.store(false, std::memory_order_release);  // (R3), with (R4)
  }

  Record* First() const noexcept { return At(head_.load(std::memory_order_acquire)); }
  static Record* Next(const Record& record) noexcept { return record.next_; }

  // The list for a scan that may miss nobody: a record pushed after this reads
  // from it, and its owner knows what the scanning thread knew.
  Record* FirstForScan() noexcept {
    // (R2) acq_rel exchange of the head with itself, pairs with (R1).
    std::uintptr_t head = head_.load(std::memory_order_acquire);
    while (!head_.compare_exchange_strong(head, head, std::memory_order_acq_rel,
                                          std::memory_order_acquire)) {
    }
    return At(head);
  }

  bool HasOrphans() const noexcept { return orphans_.load(std::memory_order_relaxed) != 0; }

  // Calls `collect` for the records that nobody owns, owning them meanwhile.
  template <class F>
  void CollectOrphans(F collect) noexcept {
    if (!HasOrphans()) return;
    for (Record* r = First(); r != nullptr; r = r->next_) {
      if (!TryOwn(*r)) continue;
      collect(*r);
      if (r->orphaned_ && r->limbo_.empty()) {
        r->orphaned_ = false;
        orphans_.fetch_sub(1, std::memory_order_relaxed);
      }
      r->owned_.store(false, std::memory_order_release);  // (R3), with (R4)
    }
  }

 private:
  static Record* At(std::uintptr_t word) noexcept { return reinterpret_cast<Record*>(word); }

  static bool TryOwn(Record& record) noexcept {
    // (R4) acquire, pairs with (R3): takes over what the owner left.
    bool free = false;
    return !record.owned_.load(std::memory_order_relaxed) &&
           record.owned_.compare_exchange_strong(free, true, std::memory_order_acq_rel,
                                                 std::memory_order_relaxed);
  }

  Atomic<std::uintptr_t> head_{0};
  Atomic<std::uint64_t> orphans_{0};  // unowned records that hold garbage
};

// The reclaimer of all maps of one kind in the process, and what the reclamation policies
// (reclamation.h) that are made of one have in common. Threads get their record when they
// first need one and give it back when they end.
//
// A thread that uses a map from the destructor of a thread-local object older than
// its first guard takes a record anew, which is kept until the process ends.
template <class Reclaimer>
class ProcessWide {
 public:
  using Record = typename Reclaimer::Record;

  // The calling thread's record. The first call of a thread may throw
  // std::bad_alloc.
  static Record& Mine() {
    if (current_ == nullptr) [[unlikely]]
      Register();
    return *current_;
  }

  static Reclaimer& Get() noexcept { return instance_.value; }

  // Base of a guard: the thread's record, and what a guard does for writers.
  class Retirer {
   public:
    Retirer(const Retirer&) = delete;
    Retirer& operator=(const Retirer&) = delete;

    void Prepare(std::size_t objects) { Get().Prepare(record_, objects); }
    template <class T>
    void Retire(T* object, std::size_t bytes = 0) noexcept {
      Retire(const_cast<std::remove_const_t<T>*>(object), &DeleteAs<T>, bytes);
    }
    void Retire(void* object, Deleter deleter, std::size_t bytes = 0) noexcept {
      Get().Retire(record_, object, deleter, bytes);
    }

   protected:
    Retirer() : record_(Mine()) {}
    ~Retirer() = default;

    Record& record_;
  };

  // Frees all that this thread and ended threads have put aside; false if a reader
  // somewhere prevented it. For tests and measurements, between phases.
  static bool Drain() { return Get().Drain(Mine()); }

  // A thread outside of guards holds up nothing.
  static void Idle() noexcept {}

  static auto Counters() { return Get().Counters(); }

 private:
  // Lives until the process ends: threads may end, and garbage may be put
  // aside, after static destructors have run.
  union Immortal {
    constexpr Immortal() : value() {}
    ~Immortal() {}
    Reclaimer value;
  };

  struct ThreadEnd {
    ~ThreadEnd() {
      // Still registered meanwhile: deleters may use maps.
      if (current_ != nullptr) instance_.value.Release(*current_);
      current_ = nullptr;
    }
  };

  [[gnu::noinline]] static void Register() {
    Record* record = instance_.value.Acquire();
    static thread_local ThreadEnd at_end;
    current_ = record;
  }

  inline static Immortal instance_;
  // constinit and trivially destructible, so that access needs no guard.
  inline static constinit thread_local Record* current_ = nullptr;
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_INTERNAL_RECLAMATION_RECORDS_H_
