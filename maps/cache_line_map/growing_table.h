// SPDX-License-Identifier: Apache-2.0
//
// The table of cache_line_map/cache_line_table.h as it grows: the present array of
// lines, and the moving of entries from the one before, group by group. The
// numbers of memory orders are explained there.
#ifndef CMAP_MAPS_CACHE_LINE_MAP_GROWING_TABLE_H_
#define CMAP_MAPS_CACHE_LINE_MAP_GROWING_TABLE_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "maps/cache_line_map/cache_line.h"
#include "maps/cache_line_map/home_ops.h"
#include "maps/cache_line_map/line_table.h"
#include "maps/concurrent_map.h"
#include "maps/internal/locks/spin_lock.h"
#include "maps/internal/memory.h"

namespace cmap::internal {

template <class HashOf, class Atomics, class Design>
class GrowingTable {
  using L = Line<Atomics>;
  using H = Home<Atomics, Design>;
  using O = Overflow<Atomics>;
  using Ops = HomeOps<Atomics, Design>;
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;

 public:
  using Table = LineTable<Atomics, Design>;
  using Shape = typename Table::Shape;

  // Throws std::bad_alloc.
  explicit GrowingTable(bool huge_pages)
      : table_(new Table({}, huge_pages, nullptr)), huge_pages_(huge_pages) {
    Table& first = *Now();
    for (std::uint64_t i = 0; i < first.count(); ++i) {
      first.At(i).state().store(kOneVersion, std::memory_order_relaxed);
      first.At(i).tags().store(kHomeReady, std::memory_order_relaxed);
    }
  }
  ~GrowingTable() {
    for (Table* table = Now(); table != nullptr;) {
      delete std::exchange(table, table->older);
    }
  }
  GrowingTable(const GrowingTable&) = delete;
  GrowingTable& operator=(const GrowingTable&) = delete;

  Table* Now() const {
    // (12) acquire, pairs with (13).
    return table_.load(std::memory_order_acquire);
  }

  // An empty overflow line for a home of `table`.
  L* TakeLine(Table& table) {
    L* line = table.TakeReturned();
    if (line == nullptr) line = store_.TakeLeftOver();
    if (line == nullptr) line = table.TakeSpares(1);
    if (line == nullptr) line = store_.Take();
    O(line).used().store(0, std::memory_order_release);  // (6)
    return line;
  }
  // Takes back one that no home of `table` leads to any more. Readers may still be on it.
  void GiveLine(Table& table, L* line) noexcept {
    if (table.Contains(line)) {
      table.Return(line);  // it goes with the table
    } else {
      store_.Give(line);
    }
  }
  // Brings the home of `hash` into `table`, if that is the present table.
  void Settle(Table& table, std::uint64_t hash) {
    Table* const from = table.previous.load(std::memory_order_acquire);  // (9)
    if (from != nullptr) {
      Move(table, *from, from->Index(hash) / from->shape().per_group, 1);
    }
  }

  [[gnu::noinline]] void Help(Table& table) {
    Table* const from = table.previous.load(std::memory_order_acquire);  // (9)
    if (from == nullptr) return;
    const std::uint64_t groups = from->shape().groups;
    // Relaxed: a hint. It may run round, should somebody have failed.
    const std::uint64_t g = table.next_group.fetch_add(kHelpGroups, std::memory_order_relaxed);
    Move(table, *from, g % groups, std::min(kHelpGroups, groups));
  }

  [[gnu::noinline]] void TryGrow(Table& table, Shape shape) {
    const std::lock_guard lock(growing_);
    if (Now() != &table || table.previous.load(std::memory_order_acquire) != nullptr) {
      return;
    }
    auto* const fresh = new Table(shape, huge_pages_, &table);
    // (13) release, pairs with (12).
    fresh->previous.store(&table, std::memory_order_relaxed);
    table_.store(fresh, std::memory_order_release);
  }

  // Grows in steps of at most eight, each moving all there is. O(n).
  void Reserve(std::size_t entries) {
    for (;;) {
      Table& table = *Now();
      if (Table* const from = table.previous.load(std::memory_order_acquire)) {
        Move(table, *from, 0, from->shape().groups);
        Atomics::Yield();  // another thread may be about to finish
        continue;
      }
      Shape shape = table.shape();
      if (shape.limit() >= entries) return;
      const std::uint64_t most = shape.homes() * kMaxStep;
      while (shape.limit() < entries && shape.Next().homes() <= most) {
        shape = shape.Next();
      }
      TryGrow(table, shape);
    }
  }

  // Quiescent only: bytes of tables and lines.
  std::size_t Bytes() const {
    const Table* const table = Now();
    std::size_t bytes = store_.Bytes() + table->Bytes();
    const Table* const from = table->previous.load(std::memory_order_relaxed);
    for (const Table* t = table; t != nullptr; t = t->older) {
      bytes += MallocBytes(sizeof(Table) + kCacheLine);
      // Given back, unless on the heap or still being moved.
      if (t != table && (!t->mapped() || t == from)) bytes += t->Bytes();
    }
    return bytes;
  }
  // Quiescent only: how often the table has grown.
  std::uint64_t Growths() const {
    std::uint64_t n = 0;
    for (const Table* t = Now()->older; t != nullptr; t = t->older) ++n;
    return n;
  }

 private:
  static constexpr std::uint64_t kMaxStep = 8;
  static constexpr std::uint64_t kHelpGroups = 64;
  static constexpr std::size_t kMaxGroup = Shape::kMostPerGroup * kMaxStep;

  // What moving a group needs room for; kept from one to the next.
  struct Scratch {
    struct Entry {
      std::uint64_t hash, key, value;
      std::uint64_t home;  // where to
    };
    struct NewHome {
      std::uint64_t tags = kHomeReady;
      std::uint64_t state = kOneVersion | kHomeLocked;
      std::uint64_t entries = 0;
    };
    std::vector<Entry> entries;
    std::array<NewHome, kMaxGroup> homes;
    std::vector<L*> spare;
  };

  // Moves `n` groups from the first one on, those that have not been moved yet.
  void Move(Table& to, Table& from, std::uint64_t first, std::uint64_t n) {
    const std::uint64_t groups = from.shape().groups;
    std::uint64_t moved = 0;
    const auto account = [&] {
      // (11) acq_rel, pairs with itself: the last one knows that all are void.
      if (moved != 0 &&
          to.moved_groups.fetch_add(moved, std::memory_order_acq_rel) + moved == groups) {
        Leave(from);
        // (10) release, pairs with (9).
        to.previous.store(nullptr, std::memory_order_release);
      }
    };
    Scratch scratch;
    try {
      for (std::uint64_t i = 0; i < n; ++i) {
        moved += MoveGroup(to, from, (first + i) % groups, scratch);
      }
    } catch (...) {
      account();
      throw;
    }
    account();
  }

  // Whether it did it.
  //
  // New homes appear locked first, with the entries that are still in the old
  // ones; then the old ones become void; then the new ones are unlocked. So
  // readers always find the entries, and no writer changes the new homes while
  // a reader could take the old ones for true.
  bool MoveGroup(Table& to, Table& from, std::uint64_t group, Scratch& scratch) {
    const std::uint64_t old_first = group * from.shape().per_group;
    Locked locked(from, old_first, from.shape().per_group);
    if (!locked) return false;

    const std::uint64_t count = to.count() / from.shape().groups;
    const std::uint64_t first = group * count;
    scratch.entries.clear();
    std::fill_n(scratch.homes.begin(), count, typename Scratch::NewHome{});
    for (std::uint64_t i = 0; i < locked.size(); ++i) {
      const H home = from.At(old_first + i);
      Ops::VisitHome(home, home.tags().load(std::memory_order_relaxed), locked.state(i),
                     [&](std::uint64_t key, std::uint64_t value) {
                       const std::uint64_t hash = HashOf{}(key);
                       const std::uint64_t at = to.Index(hash) - first;
                       scratch.entries.push_back({hash, key, value, at});
                       ++scratch.homes[at].entries;
                     });
    }
    std::uint64_t needed = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t n = scratch.homes[i].entries;
      if (n > Design::kSlots) {
        needed += (n - Design::kSlots + kOverflowSlots - 1) / kOverflowSlots;
      }
    }
    TakeLines(to, needed, scratch.spare);

    // Nothing throws from here on.
    for (const auto& [hash, key, value, at] : scratch.entries) {
      auto& home = scratch.homes[at];
      Ops::PutInto(to.At(first + at), home.tags, home.state, hash, key, value, [&] {
        L* const spare = scratch.spare.back();
        scratch.spare.pop_back();
        return spare;
      });
    }
    for (std::uint64_t i = 0; i < count; ++i) {
      const H home = to.At(first + i);
      home.state().store(scratch.homes[i].state,
                         std::memory_order_release);  // (7)
      home.tags().store(scratch.homes[i].tags,
                        std::memory_order_release);  // (8)
    }
    locked.Void();
    for (std::uint64_t i = 0; i < count; ++i) {
      Ops::Unlock(to.At(first + i), scratch.homes[i].state);
    }
    for (std::uint64_t i = 0; i < from.shape().per_group; ++i) {
      GiveBack(from, locked.state(i));
    }
    return true;
  }

  // The locks of all homes of an old group; none if it has been moved.
  class Locked {
   public:
    Locked(Table& table, std::uint64_t first, std::uint64_t n) : table_(table), first_(first) {
      while (size_ < n) {
        const H home = At(size_);
        for (int failures = 0;; ++failures) {
          std::uint64_t state = home.state().load(std::memory_order_acquire);
          // Only the first home can be void, and what was in its lines since.
          if ((state & kVersionBits) == 0) return;
          if (Ops::TryLock(home, state)) {
            states_[size_++] = state;
            break;
          }
          Ops::Wait(failures);
        }
      }
    }
    ~Locked() {
      if (is_void_) return;
      for (std::uint64_t i = 0; i < size_; ++i) Ops::Unlock(At(i), states_[i]);
    }
    Locked(const Locked&) = delete;
    Locked& operator=(const Locked&) = delete;

    explicit operator bool() const { return size_ != 0; }
    std::uint64_t size() const { return size_; }
    std::uint64_t state(std::uint64_t i) const { return states_[i]; }
    // The first home last: it stands for all of them. The tags first: who finds
    // them knows that the state that it has read before was that of the home.
    void Void() {
      for (std::uint64_t i = size_; i > 0; --i) {
        At(i - 1).tags().store(0, std::memory_order_seq_cst);   // (8), (14)
        At(i - 1).state().store(0, std::memory_order_release);  // (7)
      }
      is_void_ = true;
    }

   private:
    H At(std::uint64_t i) const { return table_.At(first_ + i); }

    Table& table_;
    const std::uint64_t first_;
    std::uint64_t size_ = 0;
    bool is_void_ = false;
    std::array<std::uint64_t, Shape::kMostPerGroup> states_;
  };

  // Keeps the overflow lines of a home of `from`, which was in this state, that
  // do not go with the table. Readers may still follow its link, as it is void.
  void GiveBack(Table& from, std::uint64_t state) {
    for (O line = O::At(state); line;) {
      const O next = O::At(line.next().load(std::memory_order_relaxed));
      if (!from.Contains(line.line())) store_.Give(line.line());
      line = next;
    }
  }

  // All of its homes are void.
  void Leave(Table& from) {
    if (from.mapped()) {
      LineMemory::Drop(from.lines(), from.all() * sizeof(L));
    } else {
      store_.Give(from.lines(), from.all());
    }
  }

  // `n` of them, or none if it throws.
  void TakeLines(Table& table, std::uint64_t n, std::vector<L*>& lines) {
    lines.clear();
    lines.reserve(n);
    if (n == 0) return;
    if (!store_.HasLeftOver()) {
      if (L* const first = table.TakeSpares(n)) {
        // Of a new table: they are zero.
        for (std::uint64_t i = n; i > 0; --i) lines.push_back(first + i - 1);
        return;
      }
    }
    try {
      while (lines.size() < n) lines.push_back(TakeLine(table));
    } catch (...) {
      for (L* line : lines) {
        if (!table.Contains(line)) store_.Give(line);
      }
      throw;
    }
  }

  Atomic<Table*> table_;
  const bool huge_pages_;
  // Away from what readers read.
  alignas(kCacheLine) SpinLock<Atomics> growing_;
  LineStore<Atomics> store_;
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_CACHE_LINE_MAP_GROWING_TABLE_H_
