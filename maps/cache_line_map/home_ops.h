// SPDX-License-Identifier: Apache-2.0
//
// What is done to one home of cache_line_map/cache_line.h: reading it without a lock,
// and writing it under its lock. The numbers of memory orders are explained in
// cache_line_map/cache_line_table.h.
#ifndef CMAP_MAPS_CACHE_LINE_MAP_HOME_OPS_H_
#define CMAP_MAPS_CACHE_LINE_MAP_HOME_OPS_H_

#include <atomic>
#include <bit>
#include <cstdint>

#include "maps/cache_line_map/cache_line.h"

namespace cmap::internal {

template <class Atomics, class Design = TwoLines>
struct HomeOps {
  using L = Line<Atomics>;
  using H = Home<Atomics, Design>;
  using O = Overflow<Atomics>;
  using Entry = EntryWords<Atomics>;

  enum class Seen { kFound, kAbsent, kVoid, kChanged };

  // (4) relaxed: what follows (3) is not read before it.
  static bool Unchanged(H home, std::uint64_t state) {
    return home.state().load(std::memory_order_relaxed) == state;
  }

  // Whether a home in this state is in use and nobody's.
  static bool IsFree(std::uint64_t state) {
    return (state & kHomeLocked) == 0 && (state & kVersionBits) != 0;
  }
  // (5) acquire, pairs with (7). `state` is what was read, and becomes that of
  // the locked home.
  static bool TryLock(H home, std::uint64_t& state) {
    if (!IsFree(state) ||
        !home.state().compare_exchange_strong(state, state | kHomeLocked, std::memory_order_acquire,
                                              std::memory_order_relaxed)) {
      return false;
    }
    state |= kHomeLocked;
    return true;
  }
  static void Unlock(H home, std::uint64_t state) {
    home.state().store(state & ~kHomeLocked,
                       std::memory_order_release);  // (7), with (1), (5)
  }
  // The state after a change; its version is not 0.
  static std::uint64_t NextVersion(std::uint64_t state) {
    std::uint64_t version = (state + kOneVersion) & kVersionBits;
    if (version == 0) [[unlikely]]
      version = kOneVersion;
    return (state & ~kVersionBits) | version;
  }
  [[gnu::noinline]] static void Wait(int failures) noexcept {
    if (failures < 64) {
      Atomics::Pause();
    } else {
      Atomics::Yield();
    }
  }

  template <class Same>
  static Seen Look(H home, std::uint64_t hash, std::uint64_t key, Same same, std::uint64_t& value) {
    const std::uint64_t state = home.state().load(std::memory_order_acquire);  // (1)
    const std::uint64_t tags = home.tags().load(std::memory_order_seq_cst);    // (2), (14)
    if ((tags & kHomeReady) == 0) return Seen::kVoid;
    // kAbsent: not this entry. A change must be noticed at once: if it was only
    // a lock, the state may look as before later on.
    const auto look = [&](Entry entry) {
      if (entry[0].load(std::memory_order_acquire) != key) return Seen::kAbsent;  // (3)
      value = entry[1].load(std::memory_order_seq_cst);                           // (3), (14)
      if (!Unchanged(home, state)) return Seen::kChanged;
      return same(value) ? Seen::kFound : Seen::kAbsent;
    };
    for (TagSet matches = H::Match(tags, LineTag(hash)); matches != 0; matches &= matches - 1) {
      const Seen seen = look(home.slot(FirstTag(matches)));
      if (seen != Seen::kAbsent) return seen;
    }
    if ((tags & kHomeOverflown) != 0) {
      O line = O::At(state);
      if (!line) return Seen::kChanged;
      do {
        // All slots at once, for the same reason as the tags: which one it is
        // is random.
        const std::uint64_t used = line.used().load(std::memory_order_seq_cst);  // (14)
        std::uint64_t equal = 0;
        for (unsigned i = 0; i < kOverflowSlots; ++i) {
          equal |= std::uint64_t{line.slot(i)[0].load(std::memory_order_acquire) == key} << i;
        }
        for (equal &= used >> kUsedShift; equal != 0; equal &= equal - 1) {
          const Seen seen = look(line.slot(static_cast<unsigned>(std::countr_zero(equal))));
          if (seen != Seen::kAbsent) return seen;
        }
        const std::uint64_t next = line.next().load(std::memory_order_acquire);
        // A line that has moved on may lead anywhere, but only to lines.
        if (!Unchanged(home, state)) return Seen::kChanged;
        line = O::At(next);
      } while (line);
    }
    return Unchanged(home, state) ? Seen::kAbsent : Seen::kChanged;
  }

  // Whether PutInto will need a line.
  static bool NeedsLine(std::uint64_t tags, std::uint64_t state) {
    return H::Match(tags, 0) == 0 && !WithRoom(state);
  }
  // The first overflow line of the home that is not full.
  static O WithRoom(std::uint64_t state) {
    O line = O::At(state);
    while (line && line.used().load(std::memory_order_relaxed) == O::kFull) {
      line = O::At(line.next().load(std::memory_order_relaxed));
    }
    return line;
  }

  static void Write(Entry entry, std::uint64_t key, std::uint64_t value) {
    entry[0].store(key, std::memory_order_release);    // (6), with (3)
    entry[1].store(value, std::memory_order_release);  // (6), with (3)
  }

  // Writes an entry into a locked or private home and adjusts `tags` and
  // `state`, which the caller stores; `state` first where its link has changed.
  // `take` yields an empty overflow line when one is needed. Returns whether the
  // entry went into an overflow line.
  template <class Take>
  static bool PutInto(H home, std::uint64_t& tags, std::uint64_t& state, std::uint64_t hash,
                      std::uint64_t key, std::uint64_t value, const Take& take) {
    const TagSet room = H::Match(tags, 0);
    if (room != 0) [[likely]] {
      const unsigned i = FirstTag(room);
      Write(home.slot(i), key, value);
      tags |= LineTag(hash) << (kTagBits * i);
      return false;
    }
    O line = WithRoom(state);
    if (!line) {
      line = O(take());
      line.next().store(state & kLinkBits, std::memory_order_release);
      state = (state & ~kLinkBits) | line.Link();
    }
    const std::uint64_t used = line.used().load(std::memory_order_relaxed);
    const auto i = static_cast<unsigned>(std::countr_one(used >> kUsedShift));
    Write(line.slot(i), key, value);
    line.used().store(used | O::Bit(i), std::memory_order_seq_cst);  // (6), (14)
    tags |= kHomeOverflown;
    return true;
  }

  // Under the home's lock. Calls visit(key word, value word) for every entry,
  // those in overflow lines last.
  template <class Visit>
  static void VisitHome(H home, std::uint64_t tags, std::uint64_t state, const Visit& visit) {
    const auto call = [&](Entry entry) {
      visit(entry[0].load(std::memory_order_relaxed), entry[1].load(std::memory_order_relaxed));
    };
    for (unsigned i = 0; i < Design::kSlots; ++i) {
      if ((tags >> (kTagBits * i) & 0xff) != 0) call(home.slot(i));
    }
    for (O line = O::At(state); line; line = O::At(line.next().load(std::memory_order_relaxed))) {
      const std::uint64_t used = line.used().load(std::memory_order_relaxed);
      for (unsigned i = 0; i < kOverflowSlots; ++i) {
        if ((used & O::Bit(i)) != 0) call(line.slot(i));
      }
    }
  }
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_CACHE_LINE_MAP_HOME_OPS_H_
