// SPDX-License-Identifier: Apache-2.0
//
// What cache_line_map.h is made of: homes, which are two adjacent cache lines
// and hold seven entries, and overflow lines for the entries that find no room
// in theirs.
//
//   home:      | tags | state | key value | key value | key value |
//              | key value | key value  | key value | key value   |
//   overflow:  | used | next  | key value | key value | key value |
//
//   tags:  tag of slot 0..6 (8 bits each) | ready | overflown
//   state: locked | version (21) | link to the first overflow line (42)
//   used:  0 (56) | 0 | 0 | slots in use (3)
//   next:  0 | 0 (21) | link to the next overflow line (42)
//
// A tag is eight bits of the hash, 0 for an empty slot: the first word alone
// says where in the home a key can be. The version says whether a reader saw
// one state of the home: it changes with every entry that appears or
// disappears, and is never 0 in a home that is in use.
//
// Words are type-stable: what has once been part of a line stays so, or reads
// as zeros, until the map that owns it is destroyed. The lines of a home that
// is no longer in use may become overflow lines. A reader may therefore look at
// a home without any protection, as long as it finds out afterwards whether the
// home was still what it took it for; what has become an overflow line looks
// like a home that is not ready, of version 0.
#ifndef CMAP_MAPS_CACHE_LINE_MAP_CACHE_LINE_H_
#define CMAP_MAPS_CACHE_LINE_MAP_CACHE_LINE_H_

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

inline constexpr unsigned kHomeLines = 2;
inline constexpr unsigned kHomeSlots = 7;
inline constexpr unsigned kOverflowSlots = 3;

// The parts of a home's tags. Those of `used` follow.
inline constexpr unsigned kTagBits = 8;
inline constexpr std::uint64_t kAllTags = (std::uint64_t{1} << (kHomeSlots * kTagBits)) - 1;
inline constexpr std::uint64_t kHomeReady = kAllTags + 1;
inline constexpr std::uint64_t kHomeOverflown = kHomeReady << 1;
inline constexpr unsigned kUsedShift = kHomeSlots * kTagBits + 2;
// The parts of a home's state.
inline constexpr unsigned kLinkShift = 22;
inline constexpr std::uint64_t kHomeLocked = 1;
inline constexpr std::uint64_t kOneVersion = 2;
inline constexpr std::uint64_t kLinkBits = ~std::uint64_t{0} << kLinkShift;
inline constexpr std::uint64_t kVersionBits = ~(kLinkBits | kHomeLocked);

// Eight bits of the hash, from the end that does not choose the home; never 0.
inline std::uint64_t LineTag(std::uint64_t hash) {
  const std::uint64_t tag = hash & 0xff;
  return tag + (tag < 1);
}

// The slots of a home whose tags equal `tag`, as a set whose lowest member is
// FirstTag(set); set & (set - 1) removes it. Exact: an empty slot never matches
// a tag, for what it holds is not to be looked at.
inline constexpr std::uint64_t kEveryTag = kAllTags / 0xff;
#if defined(__SSE2__)
using TagSet = unsigned;
inline TagSet MatchTags(std::uint64_t tags, std::uint64_t tag) {
  return static_cast<unsigned>(_mm_movemask_epi8(
             _mm_cmpeq_epi8(_mm_cvtsi64_si128(static_cast<std::int64_t>(tags)),
                            _mm_cvtsi64_si128(static_cast<std::int64_t>(tag * kEveryTag))))) &
         ((1u << kHomeSlots) - 1);
}
inline unsigned FirstTag(TagSet set) { return static_cast<unsigned>(std::countr_zero(set)); }
#else
using TagSet = std::uint64_t;
inline TagSet MatchTags(std::uint64_t tags, std::uint64_t tag) {
  constexpr std::uint64_t kLow = kEveryTag * 0x7f;
  // A byte becomes zero where the tags agree. Adding 0x7f sets the high bit of
  // all other bytes, and carries nothing into the next.
  const std::uint64_t x = tags ^ (tag * kEveryTag);
  return ~(((x & kLow) + kLow) | x | kLow) & kAllTags;
}
inline unsigned FirstTag(TagSet set) {
  return static_cast<unsigned>(std::countr_zero(set)) / kTagBits;
}
#endif

// Memory for homes and overflow lines.
template <class Atomics>
struct alignas(kCacheLine) Line {
  using Word = typename Atomics::template Atomic<std::uint64_t>;
  std::array<Word, kCacheLine / sizeof(std::uint64_t)> words{};
};

// An entry's place: the key word, and the value word behind it.
template <class Atomics>
using EntryWords = typename Line<Atomics>::Word*;

// Two adjacent lines as a home.
template <class Atomics>
class Home {
  using Word = typename Line<Atomics>::Word;

 public:
  Home() = default;
  explicit Home(Line<Atomics>* first) : words_(first->words.data()) {}

  Word& tags() const { return words_[0]; }
  Word& state() const { return words_[1]; }
  Word* slot(unsigned i) const { return words_ + 2 + 2 * std::size_t{i}; }

  // To be prefetched before the state is read: both lines of the home are then under
  // way at once, not one after the other where the key is in the second (which a
  // processor that waits for the first cannot know). (By the caller: g++ drops calls
  // of functions that only prefetch.)
  const Word* second_line() const { return words_ + kCacheLine / sizeof(std::uint64_t); }

 private:
  Word* words_ = nullptr;
};

// A line as an overflow line, or none.
template <class Atomics>
class Overflow {
  using L = Line<Atomics>;
  using Word = typename L::Word;

 public:
  explicit Overflow(L* line) : line_(line) {}
  // The one that a home's state, or an overflow line's `next`, leads to.
  static Overflow At(std::uint64_t link) {
    return Overflow(reinterpret_cast<L*>((link >> kLinkShift) * kCacheLine));
  }

  explicit operator bool() const { return line_ != nullptr; }
  L* line() const { return line_; }
  std::uint64_t Link() const {
    return reinterpret_cast<std::uint64_t>(line_) / kCacheLine << kLinkShift;
  }

  Word& used() const { return line_->words[0]; }
  Word& next() const { return line_->words[1]; }
  Word* slot(unsigned i) const { return line_->words.data() + 2 + 2 * std::size_t{i}; }
  static constexpr std::uint64_t Bit(unsigned i) { return std::uint64_t{1} << (kUsedShift + i); }
  static constexpr std::uint64_t kFull = ((std::uint64_t{1} << kOverflowSlots) - 1) << kUsedShift;

 private:
  L* line_;
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_CACHE_LINE_MAP_CACHE_LINE_H_
