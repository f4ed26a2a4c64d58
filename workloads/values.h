// SPDX-License-Identifier: Apache-2.0
//
// Values of 8 to 4096 bytes, and what writing and reading one costs.
//
//   std::uint64_t       8 bytes
//   InlineValue<N>      N bytes in the entry itself: 64, 256, 1024 or 4096
//   std::string         any length from 8 on, in a block of its own (from 16 on)
//
// A value begins with its word (keys.h). One of 16 bytes or more ends with a second
// word that follows from the first, so that a value of which only a part was
// written or read is taken for another key's. What lies between is the same in all
// values; Intact looks at it.
//
// Writing. values(index, version) sets the two words in a value that the calling
// thread keeps, and lends it: the map's copy of it is the only one that is timed.
//
// Reading. TakeOut copies a value that a map shows (Visit) whole to the stack of the
// calling thread, as who reads it would: a value of 4096 bytes costs copying them, in
// every map, and a string costs no allocation. Receive is for values that a map
// returns: they are the caller's already; inline ones are made to be in memory whole.
// 64-bit words cost nothing beside themselves.
#ifndef CMAP_WORKLOADS_VALUES_H_
#define CMAP_WORKLOADS_VALUES_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "maps/concurrent_map.h"
#include "workloads/keys.h"

namespace cmap::workloads {

inline constexpr std::uint32_t kMaxValueBytes = 4096;

// The last word of a value of 16 bytes or more.
constexpr std::uint64_t TailOf(std::uint64_t word) { return MixBits(word); }
// The i-th word of any value, i > 0, unless it is the last.
constexpr std::uint64_t FillerWord(std::size_t i) { return MixBits(i); }

// N bytes that are copied as one.
template <std::size_t N>
struct InlineValue {
  static_assert(N % sizeof(std::uint64_t) == 0 && N >= 16 && N <= kMaxValueBytes);
  std::array<std::uint64_t, N / sizeof(std::uint64_t)> words;

  friend bool operator==(const InlineValue&, const InlineValue&) = default;
};

// The word of a value, or another when its last word does not belong to it.
template <std::size_t N>
constexpr std::uint64_t WordOf(const InlineValue<N>& value) {
  const std::uint64_t word = value.words.front();
  return word ^ value.words.back() ^ TailOf(word);
}
// The same of the bytes of a string; 0 for fewer than 8.
inline std::uint64_t WordOfBytes(const char* data, std::size_t size) {
  std::uint64_t word = 0;
  if (size < sizeof word) return word;
  std::memcpy(&word, data, sizeof word);
  if (size < 2 * sizeof word) return word;
  std::uint64_t tail;
  std::memcpy(&tail, data + size - sizeof tail, sizeof tail);
  return word ^ tail ^ TailOf(word);
}
inline std::uint64_t WordOf(const std::string& value) {
  return WordOfBytes(value.data(), value.size());
}

// The word of a value that a map shows, after copying all of it.
[[gnu::always_inline]] inline std::uint64_t TakeOut(std::uint64_t value) {
  return value;
}
template <std::size_t N>
[[gnu::always_inline]] inline std::uint64_t TakeOut(const InlineValue<N>& value) {
  const InlineValue<N> copy = value;
  asm volatile("" : : "m"(copy));  // all of it is wanted
  return WordOf(copy);
}
[[gnu::always_inline]] inline std::uint64_t TakeOut(const std::string& value) {
  std::array<char, kMaxValueBytes> copy;
  const std::size_t size = std::min<std::size_t>(value.size(), copy.size());
  std::memcpy(copy.data(), value.data(), size);
  asm volatile("" : "+m"(copy));
  return WordOfBytes(copy.data(), size);
}

// The word of a value that a map has returned.
[[gnu::always_inline]] inline std::uint64_t Receive(std::uint64_t value) {
  return value;
}
template <std::size_t N>
[[gnu::always_inline]] inline std::uint64_t Receive(const InlineValue<N>& value) {
  asm volatile("" : : "m"(value));
  return WordOf(value);
}
[[gnu::always_inline]] inline std::uint64_t Receive(const std::string& value) {
  return WordOf(value);
}

// Whether every byte is that of a value of its length.
inline bool Intact(std::uint64_t) { return true; }
bool Intact(const std::string& value);
template <std::size_t N>
bool Intact(const InlineValue<N>& value) {
  for (std::size_t i = 1; i + 1 < value.words.size(); ++i) {
    if (value.words[i] != FillerWord(i)) return false;
  }
  return value.words.back() == TailOf(value.words.front());
}

// Values<V>(universe, value_bytes): values(index, version), version 0 or 1. What is
// returned by reference is the calling thread's until it asks for the same version.
template <class V>
class Values;

template <>
class Values<std::uint64_t> {
 public:
  explicit Values(std::uint32_t /*universe*/ = 0, std::uint32_t /*bytes*/ = 8) {
  }
  std::uint64_t operator()(std::uint32_t index, std::uint64_t version) const {
    return ValueFor(index, version);
  }
};

template <std::size_t N>
class Values<InlineValue<N>> {
 public:
  explicit Values(std::uint32_t /*universe*/ = 0, std::uint32_t /*bytes*/ = N) {
  }
  const InlineValue<N>& operator()(std::uint32_t index,
                                   std::uint64_t version) const {
    InlineValue<N>& value = lent_[version];
    const std::uint64_t word = ValueFor(index, version);
    value.words.front() = word;
    value.words.back() = TailOf(word);
    return value;
  }

 private:
  static constexpr std::array<InlineValue<N>, 2> Filled() {
    std::array<InlineValue<N>, 2> values{};
    for (InlineValue<N>& value : values) {
      for (std::size_t i = 0; i < value.words.size(); ++i) {
        value.words[i] = FillerWord(i);
      }
    }
    return values;
  }
  // By version. Initialised at compile time: reaching it asks for no guard.
  inline static thread_local constinit std::array<InlineValue<N>, 2> lent_ =
      Filled();
};

// Strings of exactly `bytes` bytes, at least kMinStringValueBytes.
inline constexpr std::uint32_t kMinStringValueBytes = 8;
std::string StringValue(std::uint32_t index, std::uint64_t version,
                        std::uint32_t bytes);

template <>
class Values<std::string> {
 public:
  explicit Values(std::uint32_t /*universe*/ = 0,
                  std::uint32_t bytes = kMinStringValueBytes)
      : bytes_(bytes) {}
  const std::string& operator()(std::uint32_t index,
                                std::uint64_t version) const {
    thread_local std::array<std::string, 2> lent;
    std::string& value = lent[version];
    if (value.size() != bytes_) [[unlikely]] {
      value = StringValue(index, version, bytes_);
      return value;
    }
    const std::uint64_t word = ValueFor(index, version);
    std::memcpy(value.data(), &word, sizeof word);
    if (bytes_ >= 2 * sizeof word) {
      const std::uint64_t tail = TailOf(word);
      std::memcpy(value.data() + bytes_ - sizeof tail, &tail, sizeof tail);
    }
    return value;
  }

 private:
  std::uint32_t bytes_;
};

}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_VALUES_H_
