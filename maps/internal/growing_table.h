// SPDX-License-Identifier: Apache-2.0
//
// The table of internal/cache_line_table.h as it grows: the present array of
// lines, and the moving of entries from the one before, group by group. The
// numbers of memory orders are explained there.
#ifndef CMAP_MAPS_INTERNAL_GROWING_TABLE_H_
#define CMAP_MAPS_INTERNAL_GROWING_TABLE_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "maps/concurrent_map.h"
#include "maps/internal/cache_line.h"
#include "maps/internal/line_table.h"
#include "maps/internal/memory.h"
#include "maps/internal/spin_lock.h"

namespace cmap::internal {

template <class HashOf, class Atomics>
class GrowingTable {
  using L = Line<Atomics>;
  using Ops = LineOps<Atomics>;
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;

 public:
  using Table = LineTable<Atomics>;

  // Throws std::bad_alloc.
  explicit GrowingTable(bool huge_pages)
      : table_(new Table({}, huge_pages, nullptr)), huge_pages_(huge_pages) {
    Table& first = *Now();
    for (std::uint64_t i = 0; i < first.count(); ++i) {
      first.lines()[i].head.store(kLineReady, std::memory_order_relaxed);
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
    // (7) acquire, pairs with (8).
    return table_.load(std::memory_order_acquire);
  }

  // An empty line to hang behind a home line of `table`.
  L* TakeLine(Table& table) {
    L* line = store_.TakeLeftOver();
    if (line == nullptr) line = table.TakeSpares(1);
    if (line == nullptr) line = store_.Take();
    line->link.store(0, std::memory_order_release);  // (5)
    return line;
  }
  // Brings the home line of `hash` into `table`, if that is the present table.
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
    const std::uint64_t g =
        table.next_group.fetch_add(kHelpGroups, std::memory_order_relaxed);
    Move(table, *from, g % groups, std::min(kHelpGroups, groups));
  }

  [[gnu::noinline]] void TryGrow(Table& table, LineShape shape) {
    const std::lock_guard lock(growing_);
    if (Now() != &table ||
        table.previous.load(std::memory_order_acquire) != nullptr) {
      return;
    }
    auto* const fresh = new Table(shape, huge_pages_, &table);
    // (8) release, pairs with (7).
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
      LineShape shape = table.shape();
      if (shape.limit() >= entries) return;
      const std::uint64_t most = shape.lines() * kMaxStep;
      while (shape.limit() < entries && shape.Next().lines() <= most) {
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
  static constexpr std::size_t kMaxGroup = 6 * kMaxStep;

  // What moving a group needs room for; kept from one to the next.
  struct Scratch {
    struct Entry {
      std::uint64_t hash, key, value;
      std::uint64_t line;  // where to
    };
    struct NewLine {
      std::uint64_t head, link;
      std::uint64_t entries;
    };
    std::vector<Entry> entries;
    std::array<NewLine, kMaxGroup> lines;
    std::vector<L*> spare;
  };

  // Moves `n` groups from the first one on, those that have not been moved yet.
  void Move(Table& to, Table& from, std::uint64_t first, std::uint64_t n) {
    const std::uint64_t groups = from.shape().groups;
    std::uint64_t moved = 0;
    const auto account = [&] {
      // (11) acq_rel, pairs with itself: the last one knows that all are void.
      if (moved != 0 &&
          to.moved_groups.fetch_add(moved, std::memory_order_acq_rel) + moved ==
              groups) {
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
  // New lines appear locked first, with the entries that are still in the old
  // ones; then the old ones become void; then the new ones are unlocked. So
  // readers always find the entries, and no writer changes the new lines while
  // a reader could take the old ones for true.
  bool MoveGroup(Table& to, Table& from, std::uint64_t group,
                 Scratch& scratch) {
    L* const old_lines = from.lines() + group * from.shape().per_group;
    Locked locked(old_lines, from.shape().per_group);
    if (!locked) return false;

    const std::uint64_t count = to.count() / from.shape().groups;
    const std::uint64_t first = group * count;
    L* const new_lines = to.lines() + first;
    scratch.entries.clear();
    std::fill_n(scratch.lines.begin(), count, typename Scratch::NewLine{});
    for (std::uint64_t i = 0; i < locked.size(); ++i) {
      L& line = old_lines[i];
      Ops::VisitLine(line, locked.head(i),
                     line.link.load(std::memory_order_relaxed),
                     [&](std::uint64_t key, std::uint64_t value) {
                       const std::uint64_t hash = HashOf{}(key);
                       const std::uint64_t at = to.Index(hash) - first;
                       scratch.entries.push_back({hash, key, value, at});
                       ++scratch.lines[at].entries;
                     });
    }
    std::uint64_t needed = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t n = std::exchange(scratch.lines[i].entries, 0);
      if (n > kLineSlots) needed += (n - 1) / kLineSlots;
    }
    TakeLines(to, needed, scratch.spare);

    // Nothing throws from here on.
    for (const auto& [hash, key, value, at] : scratch.entries) {
      auto& line = scratch.lines[at];
      if (const std::uint64_t slot = line.entries++; slot < kLineSlots) {
        Ops::Write(&new_lines[at].words[slot], key, value);
        line.head |= LineTag(hash) << (kTagBits * slot);
      } else {
        Ops::PutInto(new_lines[at], line.head, line.link, hash, key, value,
                     [&] {
                       L* const spare = scratch.spare.back();
                       scratch.spare.pop_back();
                       return spare;
                     });
      }
    }
    for (std::uint64_t i = 0; i < count; ++i) {
      new_lines[i].head.store(scratch.lines[i].head | kLineReady | kLineLocked,
                              std::memory_order_release);  // (6)
    }
    locked.Void();
    for (std::uint64_t i = 0; i < count; ++i) {
      new_lines[i].head.store(scratch.lines[i].head | kLineReady,
                              std::memory_order_release);  // (6)
    }
    for (std::uint64_t i = 0; i < from.shape().per_group; ++i) {
      GiveBack(from, old_lines[i]);
    }
    return true;
  }

  // The locks of all lines of an old group; none if it has been moved.
  class Locked {
   public:
    Locked(L* lines, std::uint64_t n) : lines_(lines) {
      while (size_ < n) {
        L& line = lines_[size_];
        for (int failures = 0;; ++failures) {
          const std::uint64_t head = line.head.load(std::memory_order_acquire);
          if (head == 0) return;  // only the first line can be void
          if (Ops::TryLock(line, head)) {
            heads_[size_++] = head;
            break;
          }
          Ops::Wait(failures);
        }
      }
    }
    ~Locked() {
      while (size_ != 0) {
        --size_;
        lines_[size_].head.store(heads_[size_],
                                 std::memory_order_release);  // (6)
      }
    }
    Locked(const Locked&) = delete;
    Locked& operator=(const Locked&) = delete;

    explicit operator bool() const { return size_ != 0; }
    std::uint64_t size() const { return size_; }
    std::uint64_t head(std::uint64_t i) const { return heads_[i]; }
    // The first line last: it stands for all of them.
    void Void() {
      while (size_ != 0) {
        lines_[--size_].head.store(0, std::memory_order_release);  // (6)
      }
    }

   private:
    L* const lines_;
    std::uint64_t size_ = 0;
    std::array<std::uint64_t, 6> heads_;
  };

  // Keeps the lines behind a home of `from` that do not go with the table.
  // Readers may still follow its link, as it is void.
  void GiveBack(Table& from, L& home) {
    L* const second = L::Second(home.link.load(std::memory_order_relaxed));
    if (second == nullptr) return;
    for (L* line = second; line != nullptr;) {
      L* const next = L::Deep(line->link.load(std::memory_order_relaxed));
      if (!from.Contains(line)) store_.Give(line);
      line = next;
    }
  }

  // All of its lines are void.
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
        // Of a new table: their links are zero.
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

#endif  // CMAP_MAPS_INTERNAL_GROWING_TABLE_H_
