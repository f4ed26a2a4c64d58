// SPDX-License-Identifier: Apache-2.0
//
// The table of cache_line_map.h over plain words: a key word and a value word
// per entry, found by a hash. What the words mean is the map's business; it
// says which entries of equal key word are the same key, and what hash a key
// word has.
//
// Memory order. A home is read like this (the numbers are those in the code):
//
//   reader:  state (1)   tags (2)   key, value (3)   state again (4)
//
// and written under its lock:
//
//   writer:  locks (5)   key, value, links (6)   tags (8)   state, unlocked (7)
//
//   - (1) acquires from (7): what led to this version is there.
//   - (2) acquires from (8): the entries that the tags name are there.
//   - (3) acquires from (6): whoever reads a word of an entry that was put
//     later knows, through the lock, that the slot's former entry had been
//     removed, or the home moved away, and will find the state changed at (4).
//   - Unchanged at (4), the home saw at most a part of one change. A change puts
//     an entry into a free slot, or removes entries and leaves their words as
//     they are. So the slot held one key all the while, and the value was its
//     value when it was read: an entry appears and disappears with the tags.
//   Real time (14): what a write does, it does by one sequentially consistent store,
//   of a value, of tags, or of the slots in use of an overflow line; and by such loads
//   of these words a reader decides what it has found. So all of them have one order,
//   and in it a load that comes after a write in real time comes after its store: a
//   thread that has written and then reads another key misses nothing that was
//   completed before. On x86-64 the store is an exchange, because a plain one, this
//   one or that of (7), is seen by others only when the store buffer gives it out, and
//   loads that come after it do not wait for that; loads are plain. On AArch64 both
//   are what they were (stlr, ldar). The tags of a home that has been moved away are
//   made void by such a store, too: whoever still finds the entry there has looked
//   before anything was written to where it is now.
//   Versions have 21 bits, so a reader could be fooled by a multiple of 2 * 10^6
//   entries put into or removed from one home between two of its loads.
#ifndef CMAP_MAPS_CACHE_LINE_MAP_CACHE_LINE_TABLE_H_
#define CMAP_MAPS_CACHE_LINE_MAP_CACHE_LINE_TABLE_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "maps/cache_line_map/cache_line.h"
#include "maps/cache_line_map/growing_table.h"
#include "maps/cache_line_map/home_ops.h"
#include "maps/cache_line_map/line_table.h"
#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"
#include "maps/internal/counting/striped_counter.h"
#include "maps/internal/held_locks.h"

namespace cmap::internal {

// `HashOf` is a function object from key words to hashes.
template <class HashOf, class Atomics, class Design>
class CacheLineTable {
  using L = Line<Atomics>;
  using H = Home<Atomics, Design>;
  using O = Overflow<Atomics>;
  using Entry = EntryWords<Atomics>;
  using Ops = HomeOps<Atomics, Design>;
  using Seen = typename Ops::Seen;
  static constexpr bool kAtOnce = Design::kReadsPairs && std::is_same_v<Atomics, NativeAtomics>;
  using SeenEntry = std::conditional_t<kAtOnce, EntryAtOnce, EntryInTurn<Atomics>>;
  using Table = LineTable<Atomics, Design>;
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;

 public:
  // Throws std::bad_alloc.
  explicit CacheLineTable(bool huge_pages) : tables_(huge_pages) {}

  // The outcome of a search. Not a std::optional, whose copies the compiler
  // takes through memory.
  struct Found {
    std::uint64_t value;
    bool found;
    explicit operator bool() const { return found; }
  };

  // An entry in a home that is locked.
  class Slot {
   public:
    Slot() = default;
    explicit operator bool() const { return entry_ != nullptr; }
    std::uint64_t value() const { return entry_[1].load(std::memory_order_relaxed); }
    // Takes effect at once, for whoever looks after it (14).
    void SetValue(std::uint64_t value) const {
      entry_[1].store(value, std::memory_order_seq_cst);  // (6), (14)
    }

   private:
    friend class CacheLineTable;
    Slot(Entry entry, O line, std::uint64_t bits) : entry_(entry), line_(line), bits_(bits) {}

    Entry entry_ = nullptr;
    O line_{nullptr};         // its overflow line, if it is in one
    std::uint64_t bits_ = 0;  // its tag in the home's tags, or its bit there
  };

  // The lock on the home of a hash, for its scope.
  class Owner {
   public:
    // May move a group first, hence throw std::bad_alloc or what HashOf throws.
    Owner(CacheLineTable& map, std::uint64_t hash)
        : map_(map), hash_(hash), table_(map.tables_.Now()) {
      home_ = table_->HomeOf(hash);
      if constexpr (Design::kFetchesSecond) __builtin_prefetch(home_.second_line());
      state_ = home_.state().load(std::memory_order_relaxed);
      if (!Ops::TryLock(home_, state_)) [[unlikely]]
        LockSlowly();
      HeldLocks::Add(&home_.state());
      // Relaxed: tags of homes in use are written under the lock.
      tags_ = home_.tags().load(std::memory_order_relaxed);
    }
    ~Owner() {
      if (emptied_count_ != 0) [[unlikely]]
        GiveLines();
      HeldLocks::Remove(&home_.state());
      Ops::Unlock(home_, changed_ ? Ops::NextVersion(state_) : state_);
    }
    Owner(const Owner&) = delete;
    Owner& operator=(const Owner&) = delete;

    // The entry with this key word whose value word is `same`.
    template <class Same>
    Slot Find(std::uint64_t key, Same same) const {
      for (TagSet matches = H::Match(tags_, LineTag(hash_)); matches != 0;
           matches &= matches - 1) {
        const unsigned i = FirstTag(matches);
        if (Is(home_.slot(i), key, same)) {
          return {home_.slot(i), O(nullptr), std::uint64_t{0xff} << (kTagBits * i)};
        }
      }
      if ((tags_ & kHomeOverflown) == 0) return {};
      for (O line = O::At(state_); line;
           line = O::At(line.next().load(std::memory_order_relaxed))) {
        const std::uint64_t used = line.used().load(std::memory_order_relaxed);
        for (unsigned i = 0; i < kOverflowSlots; ++i) {
          if ((used & O::Bit(i)) != 0 && Is(line.slot(i), key, same)) {
            return {line.slot(i), line, O::Bit(i)};
          }
        }
      }
      return {};
    }

    // Adds an entry, which is not there yet. Strong; throws std::bad_alloc.
    void Put(std::uint64_t key, std::uint64_t value) {
      L* const spare = Ops::NeedsLine(tags_, state_) ? map_.tables_.TakeLine(*table_) : nullptr;
      overflown_ = Ops::PutInto(home_, tags_, state_, hash_, key, value, [&] { return spare; });
      // With the new link, still locked: who finds the home overflown follows it.
      if (spare != nullptr) {
        home_.state().store(state_, std::memory_order_release);  // (7)
      }
      SetTags(tags_);
    }

    void Remove(const Slot& slot) {
      if (slot.line_) {
        Vacate(slot.line_, slot.bits_);
        changed_ = true;
      } else {
        SetTags(tags_ & ~slot.bits_);
        if ((tags_ & kHomeOverflown) != 0) [[unlikely]]
          Refill(slot);
      }
    }

    // Calls visit(key word, value word) for every entry.
    template <class Visit>
    void ForEach(const Visit& visit) const {
      Ops::VisitHome(home_, tags_, state_, visit);
    }

    void RemoveAll() {
      emptied_ = O::At(state_);
      for (O line = emptied_; line; line = O::At(line.next().load(std::memory_order_relaxed))) {
        line.used().store(0, std::memory_order_seq_cst);  // (6), (14)
        ++emptied_count_;
      }
      state_ &= ~kLinkBits;
      SetTags(kHomeReady);
    }

    // Whether an entry was put into an overflow line.
    bool overflown() const { return overflown_; }
    // The end of the hashes that have this home; 0 is the end of all hashes.
    std::uint64_t EndHash() const { return table_->FirstHash(table_->Index(hash_) + 1); }

   private:
    [[gnu::noinline, gnu::cold]] void LockSlowly() {
      for (int failures = 0;; ++failures) {
        table_ = map_.tables_.Now();
        home_ = table_->HomeOf(hash_);
        state_ = home_.state().load(std::memory_order_relaxed);
        if ((state_ & kVersionBits) == 0) {
          map_.tables_.Settle(*table_, hash_);
        } else if (Ops::TryLock(home_, state_)) {
          return;
        } else {
          HeldLocks::Want(&home_.state());
          Ops::Wait(failures);
        }
      }
    }

    template <class Same>
    static bool Is(Entry entry, std::uint64_t key, Same same) {
      // Relaxed: words of homes in use are written under the lock.
      return entry[0].load(std::memory_order_relaxed) == key &&
             same(entry[1].load(std::memory_order_relaxed));
    }
    // Frees places of an overflow line, and takes it out if it is empty then. Without
    // that every home would have one after enough insertions and removals.
    void Vacate(O line, std::uint64_t bits) {
      const std::uint64_t used = line.used().load(std::memory_order_relaxed) & ~bits;
      line.used().store(used, std::memory_order_seq_cst);  // (6), (14)
      if ((used & O::kFull) != 0) return;
      const std::uint64_t next = line.next().load(std::memory_order_relaxed) & kLinkBits;
      if (O before = O::At(state_); before.line() == line.line()) {
        state_ = (state_ & ~kLinkBits) | next;
      } else {
        for (O at = before; at.line() != line.line();
             at = O::At(at.next().load(std::memory_order_relaxed))) {
          before = at;
        }
        before.next().store(next, std::memory_order_release);  // (6)
      }
      emptied_ = line;
      emptied_count_ = 1;
      if ((state_ & kLinkBits) == 0) SetTags(tags_ & ~kHomeOverflown);
    }
    // Moves an entry from an overflow line to the slot that has just become free: only
    // full homes have overflow lines, as in a table that has never seen a removal. The
    // home is two versions older afterwards, before it is unlocked: a reader may not take
    // the slot's old key for that of the new value, nor miss the entry in both places.
    void Refill(const Slot& slot) {
      const O line = O::At(state_);
      const auto i = static_cast<unsigned>(
          std::countr_zero(line.used().load(std::memory_order_relaxed) >> kUsedShift));
      const std::uint64_t key = line.slot(i)[0].load(std::memory_order_relaxed);
      std::uint64_t hash;
      try {
        hash = HashOf{}(key);
      } catch (...) {
        return;  // it stays where it is
      }
      Age();
      Ops::Write(slot.entry_, key, line.slot(i)[1].load(std::memory_order_relaxed));
      SetTags(tags_ | LineTag(hash) * (slot.bits_ / 0xff));
      Age();
      Vacate(line, O::Bit(i));
    }
    // While the home is locked, so that the table is in use. Readers that find something
    // new in the lines find the home changed.
    [[gnu::noinline, gnu::cold]] void GiveLines() noexcept {
      Age();
      for (; emptied_count_ != 0; --emptied_count_) {
        L* const line = emptied_.line();
        emptied_ = O::At(emptied_.next().load(std::memory_order_relaxed));
        map_.tables_.GiveLine(*table_, line);
      }
    }
    // Makes readers that have begun begin again, and keeps the lock.
    void Age() noexcept {
      state_ = Ops::NextVersion(state_);
      home_.state().store(state_, std::memory_order_release);  // (7), with (1)
    }

    void SetTags(std::uint64_t tags) {
      tags_ = tags;
      home_.tags().store(tags, std::memory_order_seq_cst);  // (8), (14), with (2)
      changed_ = true;
    }

    CacheLineTable& map_;
    const std::uint64_t hash_;
    Table* table_;
    H home_;
    std::uint64_t state_;  // as it is in the home, locked
    std::uint64_t tags_;   // as they are in the home
    bool changed_ = false;
    bool overflown_ = false;
    // Lines that are no part of the home any more, linked.
    O emptied_{nullptr};
    std::size_t emptied_count_ = 0;
  };

  // hit(the value word of the entry with this key word whose value word is
  // `same`), or miss(). Lock-free; reads one or two adjacent lines unless the
  // home has more than seven entries. With a path of its own for
  // what hits at once, because a processor that waits for a line gets only so
  // far ahead as it has room for instructions: a dozen less, and one more line
  // is under way.
  template <class Same, class Hit, class Miss>
  auto Find(std::uint64_t hash, std::uint64_t key, Same same, const Hit& hit,
                                   const Miss& miss) const {
    const H home = tables_.Now()->HomeOf(hash);
    if constexpr (Design::kFetchesSecond) __builtin_prefetch(home.second_line());
    const std::uint64_t state = home.state().load(std::memory_order_acquire);  // (1)
    const std::uint64_t tags = home.tags().load(std::memory_order_seq_cst);    // (2), (14)
    const TagSet matches = H::Match(tags, LineTag(hash));
    if (matches != 0) [[likely]] {
      // (3) acquire twice, pairs with (6).
      const SeenEntry entry(home.slot(FirstTag(matches)));
      if (entry.key == key) [[likely]] {
        const std::uint64_t value = entry.value();
        if (Ops::Unchanged(home, state) && same(value)) [[likely]] {
          return hit(value);
        }
      }
    } else if ((tags & (kHomeReady | kHomeOverflown)) == kHomeReady) {
      return miss();
    }
    const Found found = FindSlowly(hash, key, same);
    return found ? hit(found.value) : miss();
  }
  template <class Same>
  Found Find(std::uint64_t hash, std::uint64_t key, Same same) const {
    return Find(
        hash, key, same,
        [](std::uint64_t value) {
          return Found{value, true};
        },
        [] {
          return Found{0, false};
        });
  }

  // Where a search for the hash looks first, to be prefetched. (By the caller: g++ drops
  // calls of functions that only prefetch.)
  H HomeOf(std::uint64_t hash) const { return tables_.Now()->HomeOf(hash); }

  // Whether a look at the home's tags is enough to know that no entry has this
  // hash. Lock-free.
  bool SurelyAbsent(std::uint64_t hash) const {
    const std::uint64_t tags =
        tables_.Now()->HomeOf(hash).tags().load(std::memory_order_seq_cst);  // (2), (14)
    return (tags & (kHomeReady | kHomeOverflown)) == kHomeReady &&
           H::Match(tags, LineTag(hash)) == 0;
  }

  // To be called after every Put, without the lock. Counts it, and does this
  // thread's share of growing. What goes wrong there is left to others: the
  // entry is in the map.
  void HavePut(bool overflown) noexcept {
    count_.Add(1);
    try {
      Table& table = *tables_.Now();
      if (table.previous.load(std::memory_order_relaxed) != nullptr) [[unlikely]] {
        tables_.Help(table);
      } else if (overflown && count_.Sum() > table.shape().limit()) {
        tables_.TryGrow(table, table.shape().Next());
      }
    } catch (...) {
    }
  }
  void HaveRemoved(std::size_t n) noexcept { count_.Add(-static_cast<std::int64_t>(n)); }
  // Home by home, under their locks. The counter would not do: between an entry's
  // appearance and its being counted, others may act on it. O(n).
  std::size_t Size() {
    std::size_t size = 0;
    std::uint64_t first = 0;
    do {
      Owner owner(*this, first);
      owner.ForEach([&](std::uint64_t key, std::uint64_t) { size += HashOf{}(key) >= first; });
      first = owner.EndHash();
    } while (first != 0);
    return size;
  }

  // Quiescent only. Calls visit(key word, value word, i) for every entry, the
  // i-th of its home, wherever it is while the map grows.
  template <class Visit>
  void ForEach(const Visit& visit) const {
    const Table* const table = tables_.Now();
    for (const Table* t :
         {table, static_cast<const Table*>(table->previous.load(std::memory_order_relaxed))}) {
      for (std::uint64_t n = 0; t != nullptr && n < t->count(); ++n) {
        const H home = t->At(n);
        unsigned i = 0;
        Ops::VisitHome(home, home.tags().load(std::memory_order_relaxed),
                       home.state().load(std::memory_order_relaxed),
                       [&](std::uint64_t key, std::uint64_t value) { visit(key, value, i++); });
      }
    }
  }

  // Appends the entries of the hashes from `first` to the end of their home;
  // returns that end, 0 when it is that of all hashes. So no hash is visited
  // twice, whatever moves meanwhile.
  std::uint64_t CopyHome(std::uint64_t first,
                         std::vector<std::pair<std::uint64_t, std::uint64_t>>& to) {
    Owner owner(*this, first);
    owner.ForEach([&](std::uint64_t key, std::uint64_t value) {
      if (HashOf{}(key) >= first) to.emplace_back(key, value);
    });
    return owner.EndHash();
  }

  // See GrowingTable.
  void Reserve(std::size_t entries) { tables_.Reserve(entries); }
  std::size_t Bytes() const { return tables_.Bytes(); }
  std::uint64_t Growths() const { return tables_.Growths(); }

 private:
  template <class Same>
  [[gnu::noinline, gnu::cold]] Found FindSlowly(std::uint64_t hash, std::uint64_t key,
                                                Same same) const {
    for (int failures = 0;; ++failures) {
      const Table& table = *tables_.Now();
      std::uint64_t value;
      Seen seen = Ops::Look(table.HomeOf(hash), hash, key, same, value);
      if (seen == Seen::kVoid) {
        // Not moved here yet, or away from here. (9) acquire, pairs with (10).
        if (const Table* from = table.previous.load(std::memory_order_acquire)) {
          seen = Ops::Look(from->HomeOf(hash), hash, key, same, value);
        }
      }
      if (seen == Seen::kFound) return {value, true};
      if (seen == Seen::kAbsent) return {0, false};
      HeldLocks::Want(&table.HomeOf(hash).state());
      if (failures > 0) Ops::Wait(failures);
    }
  }

  GrowingTable<HashOf, Atomics, Design> tables_;
  StripedCounter<Atomics> count_;
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_CACHE_LINE_MAP_CACHE_LINE_TABLE_H_
