// SPDX-License-Identifier: Apache-2.0
//
// The table of cache_line_map.h over plain words: a key word and a value word
// per entry, found by a hash. What the words mean is the map's business; it
// says which entries of equal key word are the same key, and what hash a key
// word has.
//
// Memory order. A line is read like this (the numbers are those in the code):
//
//   reader:  head (1)   link, key, value (2)   head again (3)   link again
//
// and written under its lock:
//
//   writer:  locks (4)   key, value, links (5)   head, unlocked (6)
//
//   - (1) acquires from (6): the entries that the head names are there.
//   - (2) acquires from (5): whoever reads a word of an entry that was put
//   later
//     knows, through the lock, that the slot's former entry had been removed,
//     or the line moved away, and will find the head changed at (3).
//   - Unchanged at (3) and in the link's part of the version, the slot held one
//     key all the while, and the value was its value when it was read.
//   Versions have 29 bits, so a reader could be fooled by a multiple of 5 *
//   10^8 entries put into or removed from one line between two of its loads.
#ifndef CMAP_MAPS_INTERNAL_CACHE_LINE_TABLE_H_
#define CMAP_MAPS_INTERNAL_CACHE_LINE_TABLE_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"
#include "maps/internal/cache_line.h"
#include "maps/internal/growing_table.h"
#include "maps/internal/line_table.h"
#include "maps/internal/striped_counter.h"

namespace cmap::internal {

// `HashOf` is a function object from key words to hashes.
template <class HashOf, class Atomics>
class CacheLineTable {
  using L = Line<Atomics>;
  using Word = typename L::Word;
  using Ops = LineOps<Atomics>;
  using Seen = typename Ops::Seen;
  using Table = LineTable<Atomics>;
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

  // An entry in a line that is locked.
  class Slot {
   public:
    Slot() = default;
    explicit operator bool() const { return word_ != nullptr; }
    std::uint64_t value() const {
      return word_[kLineSlots].load(std::memory_order_relaxed);
    }
    // Takes effect at once. Release, because the word may be an address.
    void SetValue(std::uint64_t value) const {
      word_[kLineSlots].store(value, std::memory_order_release);  // (5)
    }

   private:
    friend class CacheLineTable;
    Word* word_ = nullptr;
    L* deep_ = nullptr;  // its line, unless the home's head has its tag
    std::uint64_t bits_ =
        0;  // its tag in the head, or its bit in the deep link
  };

  // The lock on the home line of a hash, for its scope.
  class Owner {
   public:
    // May move a group first, hence throw std::bad_alloc or what HashOf throws.
    Owner(CacheLineTable& map, std::uint64_t hash)
        : map_(map), hash_(hash), table_(map.tables_.Now()) {
      line_ = &table_->Home(hash);
      head_ = line_->head.load(std::memory_order_relaxed);
      if ((head_ & (kLineReady | kLineLocked)) != kLineReady ||
          !Ops::TryLock(*line_, head_)) [[unlikely]] {
        LockSlowly();
      }
      // Relaxed: links of ready lines are written under the lock.
      link_ = line_->link.load(std::memory_order_relaxed);
    }
    ~Owner() {
      if (changed_) {
        // (5): the link's part of the version comes before the head's (6).
        head_ += kLineVersion;
        if (head_ / kLineVersion == 0) [[unlikely]] {
          link_ = (link_ & ~kLinkLow) | ((link_ + 1) & kLinkLow);
          line_->link.store(link_, std::memory_order_release);
        }
      }
      line_->head.store(head_,
                        std::memory_order_release);  // (6), with (1), (4)
    }
    Owner(const Owner&) = delete;
    Owner& operator=(const Owner&) = delete;

    // The entry with this key word whose value word is `same`.
    template <class Same>
    Slot Find(std::uint64_t key, Same same) const {
      Slot slot;
      for (TagSet matches = MatchTags(head_, LineTag(hash_)); matches != 0;
           matches &= matches - 1) {
        const unsigned i = FirstTag(matches);
        slot.word_ = line_->Slot(link_, i);
        slot.bits_ = std::uint64_t{0xff} << (kTagBits * i);
        if (Is(slot, key, same)) return slot;
      }
      if ((head_ & kLineDeep) == 0) return {};
      for (slot.deep_ = FirstDeep(); slot.deep_ != nullptr;) {
        const std::uint64_t link =
            slot.deep_->link.load(std::memory_order_relaxed);
        for (unsigned i = 0; i < kLineSlots; ++i) {
          slot.word_ = &slot.deep_->words[i];
          slot.bits_ = std::uint64_t{1} << i;
          if ((link & slot.bits_) != 0 && Is(slot, key, same)) return slot;
        }
        slot.deep_ = L::Deep(link);
      }
      return {};
    }

    // Adds an entry, which is not there yet. Strong; throws std::bad_alloc.
    void Put(std::uint64_t key, std::uint64_t value) {
      if (L* spare = Ops::NeedsLine(*line_, head_, link_)
                         ? map_.tables_.TakeLine(*table_)
                         : nullptr) {
        crowded_ = true;
        Ops::PutInto(*line_, head_, link_, hash_, key, value,
                     [&] { return spare; });
      } else {
        Ops::PutInto(*line_, head_, link_, hash_, key, value,
                     []() -> L* { __builtin_unreachable(); });
      }
      crowded_ |= (head_ & kLineDeep) != 0;
      changed_ = true;
    }

    void Remove(const Slot& slot) {
      if (slot.deep_ == nullptr) {
        head_ &= ~slot.bits_;
      } else {
        const std::uint64_t link =
            slot.deep_->link.load(std::memory_order_relaxed);
        slot.deep_->link.store(link & ~slot.bits_, std::memory_order_release);
      }
      changed_ = true;
    }

    // Calls visit(key word, value word) for every entry.
    template <class Visit>
    void ForEach(const Visit& visit) const {
      Ops::VisitLine(*line_, head_, link_, visit);
    }

    // The lines behind the home stay there.
    void RemoveAll() {
      if ((head_ & kLineDeep) != 0) {
        for (L* deep = FirstDeep(); deep != nullptr;) {
          const std::uint64_t link = deep->link.load(std::memory_order_relaxed);
          deep->link.store(link & ~kLinkLow, std::memory_order_release);
          deep = L::Deep(link);
        }
      }
      head_ &= ~((std::uint64_t{1} << (kTags * kTagBits)) - 1) & ~kLineDeep;
      changed_ = true;
    }

    // Whether the line has more entries than good ones have.
    bool crowded() const { return crowded_; }
    // The end of the hashes that have this home; 0 is the end of all hashes.
    std::uint64_t EndHash() const {
      return table_->FirstHash(table_->Index(hash_) + 1);
    }

   private:
    [[gnu::noinline, gnu::cold]] void LockSlowly() {
      for (int failures = 0;; ++failures) {
        table_ = map_.tables_.Now();
        line_ = &table_->Home(hash_);
        head_ = line_->head.load(std::memory_order_relaxed);
        if ((head_ & kLineReady) == 0) {
          map_.tables_.Settle(*table_, hash_);
        } else if (Ops::TryLock(*line_, head_)) {
          return;
        } else {
          Ops::Wait(failures);
        }
      }
    }

    template <class Same>
    static bool Is(const Slot& slot, std::uint64_t key, Same same) {
      // Relaxed: words of ready lines are written under the lock.
      return slot.word_->load(std::memory_order_relaxed) == key &&
             same(slot.value());
    }
    L* FirstDeep() const {
      return L::Deep(L::Second(link_)->link.load(std::memory_order_relaxed));
    }

    CacheLineTable& map_;
    const std::uint64_t hash_;
    Table* table_;
    L* line_;
    std::uint64_t head_;  // as it will be when unlocked
    std::uint64_t link_;
    bool changed_ = false;
    bool crowded_ = false;
  };

  // The value word of the entry with this key word whose value word is `same`.
  // Lock-free; reads one or two lines unless the home has more than six
  // entries. Inline, because a processor that waits for a line gets only so far
  // ahead as it has room for instructions: a dozen less, and one more line is
  // under way.
  template <class Same>
  [[gnu::always_inline]] Found Find(std::uint64_t hash, std::uint64_t key,
                                    Same same) const {
    L& line = tables_.Now()->Home(hash);
    const std::uint64_t head =
        line.head.load(std::memory_order_acquire);  // (1)
    const TagSet matches = MatchTags(head, LineTag(hash));
    if (matches != 0) [[likely]] {
      // (2) acquire thrice, pairs with (5).
      const std::uint64_t link = line.link.load(std::memory_order_acquire);
      Word* const word = line.Slot(link, FirstTag(matches));
      if (word->load(std::memory_order_acquire) == key) [[likely]] {
        const std::uint64_t value =
            word[kLineSlots].load(std::memory_order_acquire);
        if (Ops::Unchanged(line, head, link) && same(value)) [[likely]] {
          return {value, true};
        }
      }
    } else if ((head & (kLineReady | kLineDeep)) == kLineReady) {
      return {0, false};
    }
    return FindSlowly(hash, key, same);
  }

  // Whether a look at the home's head is enough to know that no entry has this
  // hash. Lock-free.
  bool SurelyAbsent(std::uint64_t hash) const {
    const std::uint64_t head =
        tables_.Now()->Home(hash).head.load(std::memory_order_acquire);  // (1)
    return (head & (kLineReady | kLineDeep)) == kLineReady &&
           MatchTags(head, LineTag(hash)) == 0;
  }

  // To be called after every Put, without the lock. Counts it, and does this
  // thread's share of growing. What goes wrong there is left to others: the
  // entry is in the map.
  void HavePut(bool crowded) noexcept {
    count_.Add(1);
    try {
      Table& table = *tables_.Now();
      if (table.previous.load(std::memory_order_relaxed) != nullptr)
          [[unlikely]] {
        tables_.Help(table);
      } else if (crowded && count_.Sum() > table.shape().limit()) {
        tables_.TryGrow(table, table.shape().Next());
      }
    } catch (...) {
    }
  }
  void HaveRemoved(std::size_t n) noexcept {
    count_.Add(-static_cast<std::int64_t>(n));
  }
  // Line by line, under their locks. The counter would not do: between an entry's
  // appearance and its being counted, others may act on it. O(n).
  std::size_t Size() {
    std::size_t size = 0;
    std::uint64_t first = 0;
    do {
      Owner owner(*this, first);
      owner.ForEach([&](std::uint64_t key, std::uint64_t) {
        size += HashOf{}(key) >= first;
      });
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
         {table, static_cast<const Table*>(
                     table->previous.load(std::memory_order_relaxed))}) {
      for (std::uint64_t n = 0; t != nullptr && n < t->count(); ++n) {
        L& line = t->lines()[n];
        unsigned i = 0;
        Ops::VisitLine(line, line.head.load(std::memory_order_relaxed),
                       line.link.load(std::memory_order_relaxed),
                       [&](std::uint64_t key, std::uint64_t value) {
                         visit(key, value, i++);
                       });
      }
    }
  }

  // Appends the entries of the hashes from `first` to the end of its home line;
  // returns that end, 0 when it is that of all hashes. So no hash is visited
  // twice, whatever moves meanwhile.
  std::uint64_t CopyHome(
      std::uint64_t first,
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
  [[gnu::noinline, gnu::cold]] Found FindSlowly(std::uint64_t hash,
                                                std::uint64_t key,
                                                Same same) const {
    for (int failures = 0;; ++failures) {
      const Table& table = *tables_.Now();
      std::uint64_t value;
      Seen seen = Ops::Look(table.Home(hash), hash, key, same, value);
      if (seen == Seen::kVoid) {
        // Not moved here yet, or away from here. (9) acquire, pairs with (10).
        if (const Table* from =
                table.previous.load(std::memory_order_acquire)) {
          seen = Ops::Look(from->Home(hash), hash, key, same, value);
        }
      }
      if (seen == Seen::kFound) return {value, true};
      if (seen == Seen::kAbsent) return {0, false};
      if (failures > 0) Ops::Wait(failures);
    }
  }

  GrowingTable<HashOf, Atomics> tables_;
  StripedCounter<Atomics> count_;
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_INTERNAL_CACHE_LINE_TABLE_H_
