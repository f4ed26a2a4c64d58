// SPDX-License-Identifier: Apache-2.0
//
// The table of cache_line_map.h over plain words: a key word and a value word
// per entry, found by a hash. What the words mean is the map's business; it says
// which entries of equal key word are the same key, and what hash a key word has.
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
//   - (2) acquires from (5): whoever reads a word of an entry that was put later
//     knows, through the lock, that the slot's former entry had been removed, or
//     the line moved away, and will find the head changed at (3).
//   - Unchanged at (3) and in the link's part of the version, the slot held one
//     key all the while, and the value was its value when it was read.
//   Versions have 29 bits, so a reader could be fooled by a multiple of 5 * 10^8
//   entries put into or removed from one line between two of its loads.
#ifndef CMAP_MAPS_INTERNAL_CACHE_LINE_TABLE_H_
#define CMAP_MAPS_INTERNAL_CACHE_LINE_TABLE_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"
#include "maps/internal/cache_line.h"
#include "maps/internal/memory.h"
#include "maps/internal/spin_lock.h"
#include "maps/internal/striped_counter.h"

namespace cmap::internal {

// `HashOf` is a function object from key words to hashes.
template <class HashOf, class Atomics>
class CacheLineTable {
  using L = Line<Atomics>;
  using Word = typename L::Word;
  using Table = LineTable<Atomics>;
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;

 public:
  // Throws std::bad_alloc.
  explicit CacheLineTable(bool huge_pages)
      : table_(new Table({}, huge_pages, nullptr)), huge_pages_(huge_pages) {
    Table& first = *Now();
    for (std::uint64_t i = 0; i < first.count(); ++i) {
      first.lines()[i].head.store(kLineReady, std::memory_order_relaxed);
    }
  }
  ~CacheLineTable() {
    for (Table* table = Now(); table != nullptr;) {
      delete std::exchange(table, table->older);
    }
  }
  CacheLineTable(const CacheLineTable&) = delete;
  CacheLineTable& operator=(const CacheLineTable&) = delete;

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
    std::uint64_t bits_ = 0;  // its tag in the head, or its bit in the deep link
  };

  // The lock on the home line of a hash, for its scope.
  class Owner {
   public:
    // May move a group first, hence throw std::bad_alloc or what HashOf throws.
    Owner(CacheLineTable& map, std::uint64_t hash)
        : map_(map), hash_(hash), table_(map.Now()) {
      line_ = &table_->Home(hash);
      head_ = line_->head.load(std::memory_order_relaxed);
      if ((head_ & (kLineReady | kLineLocked)) != kLineReady ||
          !TryLock(*line_, head_)) [[unlikely]] {
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
      line_->head.store(head_, std::memory_order_release);  // (6), with (1), (4)
    }
    Owner(const Owner&) = delete;
    Owner& operator=(const Owner&) = delete;

    // The entry with this key word whose value word is `same`.
    template <class Same>
    Slot Find(std::uint64_t key, Same same) const {
      Slot slot;
      for (TagSet matches = MatchTags(head_, LineTag(hash_));
           matches != 0; matches &= matches - 1) {
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
      if (L* spare = NeedsLine(*line_, head_, link_) ? map_.TakeLine(*table_)
                                                     : nullptr) {
        crowded_ = true;
        PutInto(*line_, head_, link_, hash_, key, value, [&] { return spare; });
      } else {
        PutInto(*line_, head_, link_, hash_, key, value,
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
      VisitLine(*line_, head_, link_, visit);
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
        table_ = map_.Now();
        line_ = &table_->Home(hash_);
        head_ = line_->head.load(std::memory_order_relaxed);
        if ((head_ & kLineReady) == 0) {
          map_.Settle(*table_, hash_);
        } else if (TryLock(*line_, head_)) {
          return;
        } else {
          Wait(failures);
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
  // Lock-free; reads one or two lines unless the home has more than six entries.
  // Inline, because a processor that waits for a line gets only so far ahead as
  // it has room for instructions: a dozen less, and one more line is under way.
  template <class Same>
  [[gnu::always_inline]] Found Find(std::uint64_t hash, std::uint64_t key,
                                    Same same) const {
    L& line = Now()->Home(hash);
    const std::uint64_t head = line.head.load(std::memory_order_acquire);  // (1)
    const TagSet matches = MatchTags(head, LineTag(hash));
    if (matches != 0) [[likely]] {
      // (2) acquire thrice, pairs with (5).
      const std::uint64_t link = line.link.load(std::memory_order_acquire);
      Word* const word = line.Slot(link, FirstTag(matches));
      if (word->load(std::memory_order_acquire) == key) [[likely]] {
        const std::uint64_t value =
            word[kLineSlots].load(std::memory_order_acquire);
        if (Unchanged(line, head, link) && same(value)) [[likely]] {
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
        Now()->Home(hash).head.load(std::memory_order_acquire);  // (1)
    return (head & (kLineReady | kLineDeep)) == kLineReady &&
           MatchTags(head, LineTag(hash)) == 0;
  }

  // To be called after every Put, without the lock. Counts it, and does this
  // thread's share of growing. What goes wrong there is left to others: the
  // entry is in the map.
  void HavePut(bool crowded) noexcept {
    count_.Add(1);
    try {
      Table& table = *Now();
      if (table.previous.load(std::memory_order_relaxed) != nullptr) [[unlikely]] {
        Help(table);
      } else if (crowded && count_.Sum() > table.shape().limit()) {
        TryGrow(table, table.shape().Next());
      }
    } catch (...) {
    }
  }
  void HaveRemoved(std::size_t n) noexcept {
    count_.Add(-static_cast<std::int64_t>(n));
  }
  std::size_t Size() const { return count_.Sum(); }

  // Quiescent only. Calls visit(key word, value word, i) for every entry, the
  // i-th of its home, wherever it is while the map grows.
  template <class Visit>
  void ForEach(const Visit& visit) const {
    const Table* const table = Now();
    for (const Table* t :
         {table, static_cast<const Table*>(
                     table->previous.load(std::memory_order_relaxed))}) {
      for (std::uint64_t n = 0; t != nullptr && n < t->count(); ++n) {
        L& line = t->lines()[n];
        unsigned i = 0;
        VisitLine(line, line.head.load(std::memory_order_relaxed),
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
  std::uint64_t CopyHome(std::uint64_t first,
                         std::vector<std::pair<std::uint64_t, std::uint64_t>>& to) {
    Owner owner(*this, first);
    owner.ForEach([&](std::uint64_t key, std::uint64_t value) {
      if (HashOf{}(key) >= first) to.emplace_back(key, value);
    });
    return owner.EndHash();
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

  enum class Seen { kFound, kAbsent, kVoid, kChanged };

  Table* Now() const {
    // (7) acquire, pairs with (8).
    return table_.load(std::memory_order_acquire);
  }

  static bool Unchanged(const L& line, std::uint64_t head, std::uint64_t link) {
    // (3) acquire, so that the link is read after it. What follows (2) is not
    // read before it.
    return line.head.load(std::memory_order_acquire) == head &&
           line.link.load(std::memory_order_relaxed) == link;
  }

  // (4) acquire, pairs with (6). `head` is what was read.
  static bool TryLock(L& line, std::uint64_t head) {
    return (head & kLineLocked) == 0 &&
           line.head.compare_exchange_strong(head, head | kLineLocked,
                                             std::memory_order_acquire,
                                             std::memory_order_relaxed);
  }
  [[gnu::noinline]] static void Wait(int failures) noexcept {
    if (failures < 64) {
      Atomics::Pause();
    } else {
      Atomics::Yield();
    }
  }

  template <class Same>
  [[gnu::noinline, gnu::cold]] Found FindSlowly(std::uint64_t hash, std::uint64_t key,
                                     Same same) const {
    for (int failures = 0;; ++failures) {
      const Table& table = *Now();
      std::uint64_t value;
      Seen seen = Look(table.Home(hash), hash, key, same, value);
      if (seen == Seen::kVoid) {
        // Not moved here yet, or away from here. (9) acquire, pairs with (10).
        if (const Table* from = table.previous.load(std::memory_order_acquire)) {
          seen = Look(from->Home(hash), hash, key, same, value);
        }
      }
      if (seen == Seen::kFound) return {value, true};
      if (seen == Seen::kAbsent) return {0, false};
      if (failures > 0) Wait(failures);
    }
  }

  template <class Same>
  static Seen Look(L& line, std::uint64_t hash, std::uint64_t key, Same same,
                   std::uint64_t& value) {
    const std::uint64_t head = line.head.load(std::memory_order_acquire);  // (1)
    if ((head & kLineReady) == 0) return Seen::kVoid;
    const std::uint64_t link = line.link.load(std::memory_order_acquire);  // (2)
    // kAbsent: not this entry. A change must be noticed at once: if it was only a
    // lock, the head may look as before later on.
    const auto look = [&](const Word* word) {
      if (word->load(std::memory_order_acquire) != key) return Seen::kAbsent;  // (2)
      value = word[kLineSlots].load(std::memory_order_acquire);                // (2)
      if (!Unchanged(line, head, link)) return Seen::kChanged;
      return same(value) ? Seen::kFound : Seen::kAbsent;
    };
    for (TagSet matches = MatchTags(head, LineTag(hash)); matches != 0;
         matches &= matches - 1) {
      const Seen seen = look(line.Slot(link, FirstTag(matches)));
      if (seen != Seen::kAbsent) return seen;
    }
    if ((head & kLineDeep) != 0) {
      const L* second = L::Second(link);
      if (second == nullptr) return Seen::kChanged;
      const L* deep = L::Deep(second->link.load(std::memory_order_acquire));
      while (deep != nullptr) {
        const std::uint64_t next = deep->link.load(std::memory_order_acquire);
        for (unsigned i = 0; i < kLineSlots; ++i) {
          if ((next >> i & 1) == 0) continue;
          const Seen seen = look(&deep->words[i]);
          if (seen != Seen::kAbsent) return seen;
        }
        // A line that has moved on may lead anywhere, but only to lines.
        if (!Unchanged(line, head, link)) return Seen::kChanged;
        deep = L::Deep(next);
      }
    }
    return Unchanged(line, head, link) ? Seen::kAbsent : Seen::kChanged;
  }

  // Whether PutInto will need a line.
  static bool NeedsLine(const L&, std::uint64_t head, std::uint64_t link) {
    const TagSet room = MatchTags(head, 0);
    if (room != 0) return FirstTag(room) >= kLineSlots && !L::Second(link);
    return DeepWithRoom(link) == nullptr;
  }
  // For lines whose six slots are full.
  static L* DeepWithRoom(std::uint64_t link) {
    L* deep = L::Deep(L::Second(link)->link.load(std::memory_order_relaxed));
    while (deep != nullptr) {
      const std::uint64_t next = deep->link.load(std::memory_order_relaxed);
      if ((next & 7) != 7) break;
      deep = L::Deep(next);
    }
    return deep;
  }

  static void Write(Word* word, std::uint64_t key, std::uint64_t value) {
    word[0].store(key, std::memory_order_release);             // (5), with (2)
    word[kLineSlots].store(value, std::memory_order_release);  // (5), with (2)
  }

  // Writes an entry into a locked or private line and adjusts `head` and `link`;
  // the head is stored by the caller. `take` yields a line when needed.
  template <class Take>
  static void PutInto(L& line, std::uint64_t& head, std::uint64_t& link,
                      std::uint64_t hash, std::uint64_t key,
                      std::uint64_t value, const Take& take) {
    const TagSet room = MatchTags(head, 0);
    if (room != 0) [[likely]] {
      const unsigned i = FirstTag(room);
      if (i >= kLineSlots && L::Second(link) == nullptr) {
        link = L::LinkTo(take()) | (link & kLinkLow);
        line.link.store(link, std::memory_order_release);  // (5), with (2)
      }
      Write(line.Slot(link, i), key, value);
      head |= LineTag(hash) << (kTagBits * i);
      return;
    }
    L* deep = DeepWithRoom(link);
    if (deep == nullptr) {
      L* const second = L::Second(link);
      deep = take();
      deep->link.store(second->link.load(std::memory_order_relaxed),
                       std::memory_order_release);
      second->link.store(L::DeepLinkTo(deep), std::memory_order_release);
    }
    const std::uint64_t next = deep->link.load(std::memory_order_relaxed);
    const auto i = static_cast<unsigned>(std::countr_one(next));
    Write(&deep->words[i], key, value);
    deep->link.store(next | std::uint64_t{1} << i, std::memory_order_release);
    head |= kLineDeep;
  }

  // Under the line's lock.
  template <class Visit>
  static void VisitLine(L& line, std::uint64_t head, std::uint64_t link,
                        const Visit& visit) {
    const auto call = [&](const Word* word) {
      visit(word[0].load(std::memory_order_relaxed),
            word[kLineSlots].load(std::memory_order_relaxed));
    };
    const auto half = [&](std::uint64_t tags, const Word* words) {
      for (unsigned i = 0; i < kLineSlots; ++i, tags >>= kTagBits) {
        if ((tags & 0xff) != 0) call(words + i);
      }
    };
    half(head, line.words.data());
    constexpr std::uint64_t kHalf =
        (std::uint64_t{1} << (kLineSlots * kTagBits)) - 1;
    if (const std::uint64_t rest = head >> (kLineSlots * kTagBits) & kHalf) {
      half(rest, line.Slot(link, kLineSlots));
    }
    if ((head & kLineDeep) == 0) return;
    const L* deep =
        L::Deep(L::Second(link)->link.load(std::memory_order_relaxed));
    while (deep != nullptr) {
      const std::uint64_t next = deep->link.load(std::memory_order_relaxed);
      for (unsigned i = 0; i < kLineSlots; ++i) {
        if ((next >> i & 1) != 0) call(&deep->words[i]);
      }
      deep = L::Deep(next);
    }
  }

  // An empty line to hang behind a home line of `table`.
  L* TakeLine(Table& table) {
    L* line = store_.TakeLeftOver();
    if (line == nullptr) line = table.TakeSpares(1);
    if (line == nullptr) line = store_.Take();
    line->link.store(0, std::memory_order_release);  // (5)
    return line;
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
      if (moved != 0 && to.moved_groups.fetch_add(
                            moved, std::memory_order_acq_rel) +
                                moved ==
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
  bool MoveGroup(Table& to, Table& from, std::uint64_t group, Scratch& scratch) {
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
      VisitLine(line, locked.head(i), line.link.load(std::memory_order_relaxed),
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
        Write(&new_lines[at].words[slot], key, value);
        line.head |= LineTag(hash) << (kTagBits * slot);
      } else {
        PutInto(new_lines[at], line.head, line.link, hash, key, value, [&] {
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
          if (TryLock(line, head)) {
            heads_[size_++] = head;
            break;
          }
          Wait(failures);
        }
      }
    }
    ~Locked() {
      while (size_ != 0) {
        --size_;
        lines_[size_].head.store(heads_[size_], std::memory_order_release);  // (6)
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

  // Keeps the lines behind a home of `from` that do not go with the table. Readers
  // may still follow its link, as it is void.
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

  Atomic<Table*> table_;
  const bool huge_pages_;
  // Away from what readers read.
  alignas(kCacheLine) SpinLock<Atomics> growing_;
  LineStore<Atomics> store_;
  StripedCounter<Atomics> count_;
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_INTERNAL_CACHE_LINE_TABLE_H_
