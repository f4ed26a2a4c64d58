// SPDX-License-Identifier: Apache-2.0
//
// A place where readers find a table that does not change, or find that there is
// none: how published_map shows its content. Two ways, under one interface.
//
//   Read(f)                   f(table) and true, or false when nothing is there.
//                             By any thread, at any time.
//
// By one thread at a time (the owner's mutex); `table` is the owner's, with the
// whole content whatever the phase:
//
//   published()
//   Publish(table)            shows the content
//   Withdraw(table, g, room)  shows nothing; `table` may be changed afterwards
//                             and has room for `room` entries
//   Forget(table, g)          shows nothing; the owner replaces `table` next
//   Replace(table, fresh, g)  shows `fresh` in place of whatever was shown, and
//                             makes it the owner's table
//
// Those that may copy return the number of entries copied. When one throws,
// nothing has changed but that perhaps nothing is shown. `g` keeps what the caller
// must not free under its mutex.
#ifndef CMAP_MAPS_PUBLISHED_MAP_PUBLICATION_H_
#define CMAP_MAPS_PUBLISHED_MAP_PUBLICATION_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>

#include "maps/internal/locks/rw_lock.h"
#include "maps/internal/reclamation/epoch.h"
#include "maps/internal/tables/locked_map.h"

namespace cmap::internal {

// Shows the owner's table itself, by pointer.
template <class Table, class Atomics>
class ExchangedPublication {
  using Guard = typename EpochDomain<Atomics>::Guard;

 public:
  // The guard under which a table is unlinked. Writers enter it whether or not
  // there is one, before they take the owner's mutex.
  using Garbage = Guard;

  template <class F>
  bool Read(F&& f) const {
    // Relaxed: whoever finds nothing asks the owner's mutex for everything. Spares
    // the guard while the owner builds.
    if (shown_.load(std::memory_order_relaxed) == nullptr) return false;
    const Guard guard;
    // (1) acquire, pairs with (2): the table as it was built.
    const Table* table = shown_.load(std::memory_order_acquire);
    if (table == nullptr) return false;
    f(*table);
    return true;
  }

  bool published() const {
    return shown_.load(std::memory_order_relaxed) != nullptr;
  }

  std::size_t Publish(const Table& table) noexcept {
    // (2) release, pairs with (1).
    shown_.store(&table, std::memory_order_release);
    return 0;
  }

  std::size_t Withdraw(std::unique_ptr<Table>& table, Garbage& garbage,
                       std::size_t room) {
    auto copy = std::make_unique<Table>(*table);
    copy->Reserve(room);
    Forget(table, garbage);
    table = std::move(copy);
    return table->Size();
  }

  // May leave `table` null.
  void Forget(std::unique_ptr<Table>& table, Garbage& garbage) {
    if (!published()) return;
    garbage.Prepare(1);
    // Relaxed: whoever knows of a later change knows of this store, as the owner's
    // mutex was released after both.
    shown_.store(nullptr, std::memory_order_relaxed);
    Retire(table, garbage);
  }

  std::size_t Replace(std::unique_ptr<Table>& table,
                      std::unique_ptr<Table> fresh, Garbage& garbage) {
    const bool was_shown = published();
    if (was_shown) garbage.Prepare(1);
    shown_.store(fresh.get(), std::memory_order_release);  // (2)
    if (was_shown) Retire(table, garbage);
    table = std::move(fresh);
    return 0;
  }

  // The one table is the owner's.
  std::size_t HeapBytesHeld() const { return 0; }

  static void Quiesce() { EpochDomain<Atomics>::Drain(); }

 private:
  static void Retire(std::unique_ptr<Table>& table, Garbage& garbage) noexcept {
    const std::size_t bytes = table->StructureBytes();
    garbage.Retire(table.release(), bytes);
  }

  typename Atomics::template Atomic<const Table*> shown_{nullptr};
};

// Shows a copy, which is replaced in place under a lock that readers share.
template <class Table, class Atomics>
class CopiedPublication {
  using Lock = WriterPreferringLock<Atomics>;

 public:
  // Besides the table, a copy that is not shown any more: what is in it is not to be
  // destroyed under a lock by the next copying.
  struct Garbage {
    std::unique_ptr<Table> table;
    Table copy;
  };

  template <class F>
  bool Read(F&& f) {
    const SharedGuard<Lock> guard(lock_);
    if (!valid_) return false;
    f(std::as_const(copy_));
    return true;
  }

  // Written by owners only, hence no lock.
  bool published() const { return valid_; }

  std::size_t Publish(const Table& table) {
    const std::lock_guard<Lock> guard(lock_);
    copy_ = table;
    valid_ = true;
    return table.Size();
  }

  std::size_t Withdraw(std::unique_ptr<Table>& table, Garbage& garbage,
                       std::size_t room) {
    table->Reserve(room);
    Hide(garbage);
    return 0;
  }

  void Forget(std::unique_ptr<Table>& table, Garbage& garbage) {
    garbage.table = std::move(table);
    Hide(garbage);
  }

  std::size_t Replace(std::unique_ptr<Table>& table,
                      std::unique_ptr<Table> fresh, Garbage& garbage) {
    {
      const std::lock_guard<Lock> guard(lock_);
      valid_ = false;  // should the copying throw
      if constexpr (Table::kDefers) std::swap(copy_, garbage.copy);
      copy_ = *fresh;
      valid_ = true;
    }
    garbage.table = std::exchange(table, std::move(fresh));
    return table->Size();
  }

  std::size_t HeapBytesHeld() const { return copy_.HeapBytesHeld(); }

  static void Quiesce() {}

 private:
  void Hide(Garbage& garbage) {
    const std::lock_guard<Lock> guard(lock_);
    valid_ = false;
    if constexpr (Table::kDefers) std::swap(copy_, garbage.copy);
  }

  Lock lock_;
  bool valid_ = false;
  Table copy_;
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_PUBLISHED_MAP_PUBLICATION_H_
