// SPDX-License-Identifier: Apache-2.0
//
// An open-addressing hash table whose entries are pairs of atomic words, for maps
// that read it while it changes and find out afterwards whether it did.
//
//   slots   [key|value][key|value][  0 |     ][key|value] ... [ 0 |value]
//            <------------- capacity, a power of two ------->  the key 0
//
// Linear probing at a load of at most 3/4. Key word 0 marks a free slot; the key
// that has this word lives in a slot of its own behind the others, and whether it
// is there is told by zero_present. Deletion closes the gap by moving later
// entries of the cluster back, so there are no tombstones. Where the probing
// starts is a multiplicative hash of all 64 bits of the given hash.
//
// Two kinds of callers:
//   writers, one at a time: Plan... methods only look, and may throw what the hash
//     throws; the others only store words, and throw nothing.
//   readers, at any time: Find(). They may see a mixture of two states; the
//     caller must find that out and drop the answer. Every probe is bounded by the
//     capacity, so a reader returns whatever it meets.
//
// Orderings. Every store of a word is a release (1), every load by a reader an
// acquire (2): a reader that has seen a word of a change knows what the writer
// did before it, above all that the change was announced. That is what a
// sequence lock needs from its payload in place of two fences (H.-J. Boehm, "Can
// seqlocks get along with programming languages' memory models?", MSPC 2012).
#ifndef CMAP_MAPS_GENERATION_SEQLOCK_MAP_WORD_IMAGE_H_
#define CMAP_MAPS_GENERATION_SEQLOCK_MAP_WORD_IMAGE_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "maps/internal/memory.h"

namespace cmap::internal {

// Types that travel in one word.
template <class T>
concept WordSized =
    std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(std::uint64_t);

// Keys, whose equality must be that of their words.
template <class T>
concept WordKey = WordSized<T> && std::has_unique_object_representations_v<T>;

template <WordSized T>
std::uint64_t ToWord(const T& value) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, &value, sizeof(T));
  return word;
}

template <WordSized T>
T FromWord(std::uint64_t word) noexcept {
  std::array<std::byte, sizeof(T)> bytes;
  std::memcpy(bytes.data(), &word, sizeof(T));
  return std::bit_cast<T>(bytes);
}

template <class Atomics>
class WordImage {
  using Word = typename Atomics::template Atomic<std::uint64_t>;
  struct alignas(16) Slot {
    Word key;
    Word value;
  };

 public:
  static constexpr std::size_t kLeastCapacity = 8;

  // The least capacity that holds `entries`. Throws std::bad_alloc when no machine
  // has room for it.
  static std::size_t CapacityFor(std::size_t entries) {
    if (entries > std::size_t{1} << 56) throw std::bad_alloc();
    return std::bit_ceil(std::max(kLeastCapacity, (entries * 4 + 2) / 3));
  }

  explicit WordImage(std::size_t capacity)
      : mask_(capacity - 1),
        shift_(64 - std::countr_zero(capacity)),
        slots_(std::make_unique<Slot[]>(capacity + 1)) {}

  std::size_t capacity() const { return mask_ + 1; }
  bool HasRoomFor(std::size_t entries) const {
    return entries <= capacity() / 4 * 3;
  }

  // By readers. One probe of a cluster, O(1) on average.
  std::optional<std::uint64_t> Find(std::uint64_t hash, std::uint64_t key) const {
    if (key == 0) {
      if (zero_present_.load(std::memory_order_acquire) == 0) {  // (2)
        return std::nullopt;
      }
      return slots_[mask_ + 1].value.load(std::memory_order_acquire);  // (2)
    }
    std::size_t i = Home(hash);
    for (std::size_t n = 0; n <= mask_; ++n, i = (i + 1) & mask_) {
      const std::uint64_t word = slots_[i].key.load(std::memory_order_acquire);
      if (word == key) {
        return slots_[i].value.load(std::memory_order_acquire);  // (2)
      }
      if (word == 0) break;
    }
    return std::nullopt;
  }

  // Where a key is or, if it is absent, would be stored. By writers.
  struct Place {
    std::size_t slot;
    bool present;
  };
  Place Locate(std::uint64_t hash, std::uint64_t key) const noexcept {
    if (key == 0) return {mask_ + 1, Get(zero_present_) != 0};
    std::size_t i = Home(hash);
    for (; Get(slots_[i].key) != 0; i = (i + 1) & mask_) {
      if (Get(slots_[i].key) == key) return {i, true};
    }
    return {i, false};
  }
  std::uint64_t ValueAt(Place place) const noexcept {
    return Get(slots_[place.slot].value);
  }

  // Overwrites, or inserts where Locate() said; there must be room.
  void Put(Place place, std::uint64_t key, std::uint64_t value) noexcept {
    Set(slots_[place.slot].value, value);
    if (place.present) return;
    if (key == 0) {
      Set(zero_present_, 1);
    } else {
      Set(slots_[place.slot].key, key);
    }
  }

  // The moves that close the gap at a present key, in order; the last slot named
  // becomes free. `hash_of` is applied to words of keys.
  using Moves = std::vector<std::pair<std::size_t, std::size_t>>;
  template <class HashOf>
  void PlanErase(Place place, HashOf&& hash_of, Moves& moves) const {
    moves.clear();
    if (place.slot > mask_) return;
    std::size_t hole = place.slot;
    for (std::size_t i = (hole + 1) & mask_;; i = (i + 1) & mask_) {
      const std::uint64_t key = Get(slots_[i].key);
      if (key == 0) return;
      // An entry may move back to the hole unless its home lies behind it.
      const std::size_t home = Home(hash_of(key));
      if (((i - home) & mask_) < ((i - hole) & mask_)) continue;
      moves.emplace_back(i, hole);
      hole = i;
    }
  }
  void Erase(Place place, const Moves& moves) noexcept {
    if (place.slot > mask_) {
      Set(zero_present_, 0);
      return;
    }
    std::size_t hole = place.slot;
    for (const auto& [from, to] : moves) {
      Set(slots_[to].key, Get(slots_[from].key));
      Set(slots_[to].value, Get(slots_[from].value));
      hole = from;
    }
    Set(slots_[hole].key, 0);
  }

  // O(capacity).
  void Clear() noexcept {
    for (std::size_t i = 0; i <= mask_; ++i) {
      if (Get(slots_[i].key) != 0) Set(slots_[i].key, 0);
    }
    Set(zero_present_, 0);
  }

  // Calls visit(key, value) with the words of every entry. By writers.
  template <class F>
  void ForEach(F&& visit) const {
    for (std::size_t i = 0; i <= mask_; ++i) {
      if (const std::uint64_t key = Get(slots_[i].key)) {
        visit(key, Get(slots_[i].value));
      }
    }
    if (Get(zero_present_) != 0) {
      visit(std::uint64_t{0}, Get(slots_[mask_ + 1].value));
    }
  }

  std::size_t HeapBytesHeld() const {
    return MallocBytes((capacity() + 1) * sizeof(Slot));
  }

 private:
  // Relaxed: the writers' mutex orders their accesses among each other.
  static std::uint64_t Get(const Word& word) noexcept {
    return word.load(std::memory_order_relaxed);
  }
  static void Set(Word& word, std::uint64_t value) noexcept {
    word.store(value, std::memory_order_release);  // (1)
  }

  // 2^64 divided by the golden ratio.
  std::size_t Home(std::uint64_t hash) const noexcept {
    return static_cast<std::size_t>((hash * 0x9e3779b97f4a7c15) >> shift_);
  }

  const std::size_t mask_;
  const int shift_;
  const std::unique_ptr<Slot[]> slots_;
  Word zero_present_{0};
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_GENERATION_SEQLOCK_MAP_WORD_IMAGE_H_
