// SPDX-License-Identifier: Apache-2.0
//
// What cache_line_map.h is made of: homes, which are two adjacent cache lines
// and hold seven entries (or one line and three, as a design below says), and overflow
// lines for the entries that find no room in theirs.
//
//   home:      | tags | state | key value | key value | key value |
//              | key value | key value  | key value | key value   |
//   overflow:  | used | next  | key value | key value | key value |
//
//   tags:  tag of slot 0..6 (8 bits each; 0 where there is no slot) | ready | overflown
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
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"

namespace cmap::internal {

// What homes are like, and how full tables get with which an entry of 16 bytes takes 32 at
// most, overflow lines included, the number of entries of a home having a Poisson distribution.
struct TwoLines {
  static constexpr std::string_view kSummary =
      "seven entries in two adjacent cache lines, read under a version and "
      "written under a lock of their own";
  static constexpr unsigned kLines = 2;
  static constexpr unsigned kSlots = 7;
  // Whether the second line is sent for before the first is looked at.
  static constexpr bool kFetchesSecond = true;
  // Whether key and value are read by one load of 16 bytes.
  static constexpr bool kReadsPairs = false;
  // Entries per home right after growing: (128 + 64 * 0.063) / 4.13 = 32.0 bytes.
  static constexpr double kFill = 4.13;
  // The same for small tables, where pages and control words count, and where an overflow
  // line is not far; and of tiny ones before they grow, which doubles them.
  static constexpr double kSmallFill = 4.7;
  static constexpr double kTinyFill = 5.8;
  // Overflow lines to set apart per home: more than good hashes ever need where it is only
  // address space until used, not memory. Of these, those that are surely used.
  static constexpr double kSpare = 3.0 / 8;
  static constexpr double kSurelyUsed = 1.0 / 16;
};
// Designs that the study measures against it (question home_design).
struct TwoLinesInTurn : TwoLines {
  static constexpr std::string_view kSummary =
      "cache_line_map without sending for the second line of a home beforehand";
  static constexpr bool kFetchesSecond = false;
};
struct TwoLinesOfPairs : TwoLines {
  static constexpr std::string_view kSummary =
      "cache_line_map with key and value read by one load of 16 bytes";
  static constexpr bool kReadsPairs = true;
};
struct OneLine : TwoLines {
  static constexpr std::string_view kSummary =
      "cache_line_map with homes of one cache line and three entries";
  static constexpr unsigned kLines = 1;
  static constexpr unsigned kSlots = 3;
  static constexpr bool kFetchesSecond = false;
  // (64 + 64 * 0.264) / 2.53 = 32.0 bytes.
  static constexpr double kFill = 2.53;
  static constexpr double kSmallFill = 3.1;
  static constexpr double kTinyFill = 3.2;
  static constexpr double kSpare = 5.0 / 8;
  static constexpr double kSurelyUsed = 1.0 / 4;
};

inline constexpr unsigned kOverflowSlots = 3;

// The parts of a home's tags. Those of `used` follow.
inline constexpr unsigned kTagBits = 8;
inline constexpr std::uint64_t kHomeReady = std::uint64_t{1} << (TwoLines::kSlots * kTagBits);
inline constexpr std::uint64_t kHomeOverflown = kHomeReady << 1;
inline constexpr unsigned kUsedShift = TwoLines::kSlots * kTagBits + 2;
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

// Which of the first kSlots tags equal `tag`, as a set whose lowest member is
// FirstTag(set); set & (set - 1) removes it. Exact: an empty slot never matches
// a tag, for what it holds is not to be looked at.
template <unsigned kSlots>
inline constexpr std::uint64_t kAllTags = (std::uint64_t{1} << (kSlots * kTagBits)) - 1;
template <unsigned kSlots>
inline constexpr std::uint64_t kEveryTag = kAllTags<kSlots> / 0xff;
#if defined(__SSE2__)
using TagSet = unsigned;
template <unsigned kSlots>
TagSet MatchTags(std::uint64_t tags, std::uint64_t tag) {
  const auto bytes = [](std::uint64_t word) {
    return _mm_cvtsi64_si128(static_cast<std::int64_t>(word));
  };
  const __m128i equal = _mm_cmpeq_epi8(bytes(tags), bytes(tag * kEveryTag<kSlots>));
  return static_cast<unsigned>(_mm_movemask_epi8(equal)) & ((1u << kSlots) - 1);
}
inline unsigned FirstTag(TagSet set) { return static_cast<unsigned>(std::countr_zero(set)); }
#else
using TagSet = std::uint64_t;
template <unsigned kSlots>
TagSet MatchTags(std::uint64_t tags, std::uint64_t tag) {
  constexpr std::uint64_t kLow = kEveryTag<kSlots> * 0x7f;
  // A byte becomes zero where the tags agree. Adding 0x7f sets the high bit of
  // all other bytes, and carries nothing into the next.
  const std::uint64_t x = tags ^ (tag * kEveryTag<kSlots>);
  return ~(((x & kLow) + kLow) | x | kLow) & kAllTags<kSlots>;
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

// What a reader sees of an entry: the key, and the value when it is asked for. The numbers
// of memory orders are explained in cache_line_map/cache_line_table.h.
template <class Atomics>
struct EntryInTurn {
  explicit EntryInTurn(EntryWords<Atomics> words)
      : key(words[0].load(std::memory_order_acquire)), entry(words) {}  // (3)
  std::uint64_t value() const { return entry[1].load(std::memory_order_seq_cst); }  // (3), (14)

  const std::uint64_t key;
  const EntryWords<Atomics> entry;
};

// Both by one instruction, which no policy of atomics can follow. Each word by itself is
// read as an atomic one is. Nothing is read before them that follows, and they are not read
// before the tags (2), which is the order that (3) and (14) ask for.
struct EntryAtOnce {
  explicit EntryAtOnce(EntryWords<NativeAtomics> entry) {
#if defined(__SSE2__)
    __m128i both;
    asm volatile("movdqa (%1), %0" : "=x"(both) : "r"(entry) : "memory");
    key = static_cast<std::uint64_t>(_mm_cvtsi128_si64(both));
    value_word = static_cast<std::uint64_t>(_mm_cvtsi128_si64(_mm_unpackhi_epi64(both, both)));
#elif defined(__aarch64__)
    asm volatile("ldp %0, %1, [%2]\n\tdmb ishld"
                 : "=&r"(key), "=r"(value_word)
                 : "r"(entry)
                 : "memory");
#else
    const EntryInTurn<NativeAtomics> in_turn(entry);
    key = in_turn.key;
    value_word = in_turn.value();
#endif
  }
  std::uint64_t value() const { return value_word; }

  std::uint64_t key;
  std::uint64_t value_word;
};

// Adjacent lines as a home.
template <class Atomics, class Design = TwoLines>
class Home {
  using Word = typename Line<Atomics>::Word;

 public:
  Home() = default;
  explicit Home(Line<Atomics>* first) : words_(first->words.data()) {}

  Word& tags() const { return words_[0]; }
  Word& state() const { return words_[1]; }
  Word* slot(unsigned i) const { return words_ + 2 + 2 * std::size_t{i}; }
  // Slots of such homes, from what was read of their tags.
  static TagSet Match(std::uint64_t tags, std::uint64_t tag) {
    return MatchTags<Design::kSlots>(tags, tag);
  }

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
