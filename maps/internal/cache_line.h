// SPDX-License-Identifier: Apache-2.0
//
// What cache_line_map.h is made of: a line of 64 bytes that holds three
// entries.
//
//   |  head  |  link  | key 0  | key 1  | key 2  | value0 | value1 | value2 |
//
//   head: tag of slot 0..5 (8 bits each) | locked | ready | deep | version (13)
//   link: where slots 3..5 are (48 bits) | version, continued (16)
//
// A line is the home of the keys that hash to it. Slots 0 to 2 are in the line
// itself, slots 3 to 5 in a second line that `link` leads to, which has no
// head; its link leads to more lines of three slots ("deep"), whose links carry
// three bits for the slots in use. A tag is eight bits of the hash, 0 for an
// empty slot. So the head alone says where a key can be.
//
// Lines are type-stable: what has once been a line stays one, or reads as
// zeros, until the map that owns it is destroyed. A reader may therefore look
// at a line without any protection, as long as it finds out afterwards whether
// the line was still what it took it for.
#ifndef CMAP_MAPS_INTERNAL_CACHE_LINE_H_
#define CMAP_MAPS_INTERNAL_CACHE_LINE_H_

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "maps/concurrent_map.h"

namespace cmap::internal {

inline constexpr unsigned kLineSlots = 3;

// The parts of a line's head.
inline constexpr unsigned kTagBits = 8;
inline constexpr unsigned kTags = 2 * kLineSlots;
inline constexpr std::uint64_t kLineLocked = std::uint64_t{1} << 48;
inline constexpr std::uint64_t kLineReady = std::uint64_t{1} << 49;
inline constexpr std::uint64_t kLineDeep = std::uint64_t{1} << 50;
inline constexpr std::uint64_t kLineVersion = std::uint64_t{1} << 51;
// The parts of a link.
inline constexpr unsigned kLinkShift = 16;
inline constexpr std::uint64_t kLinkLow = (std::uint64_t{1} << kLinkShift) - 1;

// Eight bits of the hash, from the end that does not choose the line; never 0.
inline std::uint64_t LineTag(std::uint64_t hash) {
  const std::uint64_t tag = hash & 0xff;
  return tag + (tag == 0);
}

// The tags of `head` that equal `tag`, as a set whose lowest member is
// FirstTag(set); set & (set - 1) removes it. Exact: an empty slot never matches
// a tag, for what it holds is not to be looked at.
#if defined(__SSE2__)
using TagSet = unsigned;
inline TagSet MatchTags(std::uint64_t head, std::uint64_t tag) {
  return static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(
             _mm_cvtsi64_si128(static_cast<std::int64_t>(head)),
             _mm_cvtsi64_si128(
                 static_cast<std::int64_t>(tag * 0x010101010101))))) &
         ((1u << kTags) - 1);
}
inline unsigned FirstTag(TagSet set) {
  return static_cast<unsigned>(std::countr_zero(set));
}
#else
using TagSet = std::uint64_t;
inline TagSet MatchTags(std::uint64_t head, std::uint64_t tag) {
  constexpr std::uint64_t kOnes = 0x010101010101;
  constexpr std::uint64_t kLow = kOnes * 0x7f;
  // A byte becomes zero where the tags agree. Adding 0x7f sets the high bit of
  // all other bytes, and carries nothing into the next.
  const std::uint64_t x = head ^ (tag * kOnes);
  return ~(((x & kLow) + kLow) | x | kLow) & (kOnes * 0xff);
}
inline unsigned FirstTag(TagSet set) {
  return static_cast<unsigned>(std::countr_zero(set)) / kTagBits;
}
#endif

template <class Atomics>
struct alignas(kCacheLine) Line {
  using Word = typename Atomics::template Atomic<std::uint64_t>;

  Word head{0};
  Word link{0};
  // Keys, then values: the value of the key at w is at w + kLineSlots.
  std::array<Word, 2 * kLineSlots> words{};

  // The key word of slot `i` (0..5). Without a branch: which line a key is in
  // is random, and a wrong guess would cost more than the line. A link that
  // reads as zero, which can only be found in a line that has become void
  // meanwhile, leads to a line of zeros.
  Word* Slot(std::uint64_t link_value, unsigned i) {
    Word* const here = words.data();
    Word* const there =
        reinterpret_cast<Word*>((link_value + LinkBase()) >> kLinkShift);
    return (__builtin_expect_with_probability(i < kLineSlots, 1, 0.5) ? here
                                                                      : there) +
           i;
  }

  // What `link` of a home line holds for `second`: the distance of where its
  // slot 0 would be from where that of `kNone` would be, modulo 2^48.
  static std::uint64_t LinkTo(const Line* second) {
    return (SlotZero(second) << kLinkShift) - LinkBase();
  }
  static Line* Second(std::uint64_t link_value) {
    if (link_value >> kLinkShift == 0) return nullptr;
    return reinterpret_cast<Line*>(((link_value + LinkBase()) >> kLinkShift) -
                                   SlotZero(nullptr));
  }
  // The same for the lines behind the second, null included. In the same form: a
  // reader that took a home line's head before the line became one of these
  // follows its link as that of a home, and has to come to a line.
  static std::uint64_t DeepLinkTo(const Line* deep) {
    return deep == nullptr ? 0 : LinkTo(deep);
  }
  static Line* Deep(std::uint64_t link_value) { return Second(link_value); }

 private:
  static std::uint64_t SlotZero(const Line* line) {
    return reinterpret_cast<std::uint64_t>(line) + offsetof(Line, words) -
           kLineSlots * sizeof(Word);
  }
  static std::uint64_t LinkBase() { return SlotZero(&kNone) << kLinkShift; }

  static Line kNone;
};
template <class Atomics>
inline constinit Line<Atomics> Line<Atomics>::kNone{};

// What is done to one line: reading it without a lock, and writing it under its
// lock. The numbers of memory orders are explained in
// internal/cache_line_table.h.
template <class Atomics>
struct LineOps {
  using L = Line<Atomics>;
  using Word = typename L::Word;

  enum class Seen { kFound, kAbsent, kVoid, kChanged };

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
  static Seen Look(L& line, std::uint64_t hash, std::uint64_t key, Same same,
                   std::uint64_t& value) {
    const std::uint64_t head =
        line.head.load(std::memory_order_acquire);  // (1)
    if ((head & kLineReady) == 0) return Seen::kVoid;
    const std::uint64_t link =
        line.link.load(std::memory_order_acquire);  // (2)
    // kAbsent: not this entry. A change must be noticed at once: if it was only
    // a lock, the head may look as before later on.
    const auto look = [&](const Word* word) {
      if (word->load(std::memory_order_acquire) != key)
        return Seen::kAbsent;                                    // (2)
      value = word[kLineSlots].load(std::memory_order_acquire);  // (2)
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

  // Writes an entry into a locked or private line and adjusts `head` and
  // `link`; the head is stored by the caller. `take` yields a line when needed.
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
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_INTERNAL_CACHE_LINE_H_
