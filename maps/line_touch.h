// SPDX-License-Identifier: Apache-2.0
//
// line_touch: what no map can beat. Every operation hashes its key and touches
// one line of 64 bytes at a place that follows from the hash, in an array as
// large as the homes of a cache_line_map with as many keys: a load for operations
// that read, a store as well for those that write. It compares nothing, finds
// nothing and answers every question with "absent". The distance of a map from
// it is what the map does beyond waiting for memory. It is no contestant.
//
//   array:  [ | | | |....] [ | | | |....] [ | | | |....]    a line: four words
//   to
//               ^                                           touch, 256 bits for
//               |                                           the keys stored
//               there
//           hash(key) * n / 2^64
//
// To know how large the array must be, it counts the keys that are stored: a
// store whose bit in the line is not set yet takes a lock, sets the bit and
// puts the hash on a list, from which the bits of a larger array are made. Two
// keys of one bit (1 in 100 of those in a full line) count once. Storing a key
// again finds the bit set. The list is not part of the array, and not touched
// again.
//
// How near can a map come? A processor hides the wait for one line behind the
// lines of the next operations, as many as fit into its window of instructions.
// An operation here is about 24 instructions, tape and hash included; one that
// compares, selects, checks and returns, and whose value the harness verifies, is
// twice as long at least. On a large array and a slow memory that alone is a
// factor of about two: a loop over this class with 16 idle instructions added to
// each operation takes 1.6 times as long.
//
// Guarantees: operations are wait-free, except for the first store of a key,
// which blocks others of its kind and pays for growing, O(n) at once. Removing
// keys does not shrink the array.
//
// Source: this study.
#ifndef CMAP_MAPS_LINE_TOUCH_H_
#define CMAP_MAPS_LINE_TOUCH_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "maps/cache_line_map/cache_line.h"
#include "maps/cache_line_map/line_table.h"
#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"
#include "maps/internal/locks/spin_lock.h"
#include "maps/internal/memory.h"
#include "maps/internal/options.h"

namespace cmap {

template <class K, class V, class Hash = DefaultHash<K>, class Atomics = NativeAtomics>
class LineTouch {
  using Line = internal::Line<Atomics>;
  using Table = internal::LineTable<Atomics>;
  using Shape = typename Table::Shape;
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;

 public:
  using key_type = K;
  using mapped_type = V;
  using Options = internal::LineOptions;  // the same memory as that map

  static constexpr Traits kTraits = {
      .family = "harness",
      .summary = "reads or writes one random cache line: the ceiling for any map",
      .source = "this study",
      .read_progress = Progress::kWaitFree,
      .write_progress = Progress::kBlocking,
      .reclamation = "none needed",
      .growth = "as cache_line_map, all at once",
      .keeps_every_key = false,
      .returns_results = false,
      .caveat = "finds nothing; shows what memory allows, not what a map does",
  };
  static constexpr auto kTunables = internal::kLineTunables;

  LineTouch() : LineTouch(Options{}) {}
  explicit LineTouch(const Options& options)
      : huge_pages_(internal::CheckOptions("line_touch", options, kTunables).huge_pages != 0),
        table_(new Table(shape_, huge_pages_, nullptr)) {}
  LineTouch(const LineTouch&) = delete;
  LineTouch& operator=(const LineTouch&) = delete;
  ~LineTouch() {
    for (Table* table = Now(); table != nullptr;) {
      delete std::exchange(table, table->older);
    }
  }

  std::optional<V> Load(const K& key) { return LoadByVisit<V>(*this, key); }

  template <class F>
  [[gnu::always_inline]] bool Visit(const K& key, F&&) {
    Read(Hash{}(key));
    return false;
  }
  void Store(const K& key, const V&) { Write(Hash{}(key)); }
  Loaded<V> LoadOrStore(const K& key, const V& value) {
    Write(Hash{}(key));
    return {value, false};
  }
  // Calls f, because forming the value is part of the work a caller brings.
  template <class F>
  Loaded<V> LoadOrCompute(const K& key, F&& make) {
    Write(Hash{}(key));
    return {std::forward<F>(make)(), false};
  }
  std::optional<V> LoadAndDelete(const K& key) {
    Read(Hash{}(key));
    return std::nullopt;
  }
  bool Delete(const K& key) {
    Read(Hash{}(key));
    return false;
  }
  std::optional<V> Swap(const K& key, const V&) {
    Write(Hash{}(key));
    return std::nullopt;
  }
  bool CompareAndSwap(const K& key, const V&, const V&) {
    Read(Hash{}(key));
    return false;
  }
  bool CompareAndDelete(const K& key, const V&) {
    Read(Hash{}(key));
    return false;
  }
  template <class F>
  void Range(F&&) {}
  void Clear() {}
  std::size_t Size() { return 0; }
  void Reserve(std::size_t keys) {
    const std::lock_guard lock(lock_);
    if (keys > shape_.limit()) Grow(keys);
  }
  void StoreBatch(std::span<const std::pair<K, V>> batch) {
    for (const auto& [key, value] : batch) Store(key, value);
  }
  // The array as it is, and the list. Larger arrays than needed do not occur.
  std::size_t MemoryBytes() {
    return sizeof(*this) + Now()->Bytes() +
           internal::MallocBytes(hashes_.capacity() * sizeof(std::uint64_t));
  }

 private:
  static constexpr std::size_t kBitWords = 4;  // the last of the eight

  Table* Now() const { return table_.load(std::memory_order_acquire); }

  // Relaxed throughout: nothing is learnt from a line.
  void Read(std::uint64_t hash) const {
    const std::uint64_t word = Now()->LineOf(hash).words[0].load(std::memory_order_relaxed);
    asm volatile("" : : "r"(word));  // is read, though nobody needs it
  }
  void Write(std::uint64_t hash) {
    Line& line = Now()->LineOf(hash);
    line.words[0].store(hash, std::memory_order_relaxed);
    if ((BitWord(line, hash).load(std::memory_order_relaxed) & Bit(hash)) == 0) [[unlikely]] {
      Count(hash);
    }
  }

  static auto& BitWord(Line& line, std::uint64_t hash) {
    return line.words[line.words.size() - 1 - hash / 64 % kBitWords];
  }
  static std::uint64_t Bit(std::uint64_t hash) { return std::uint64_t{1} << hash % 64; }
  static void SetBit(Table& table, std::uint64_t hash) {
    auto& word = BitWord(table.LineOf(hash), hash);
    word.store(word.load(std::memory_order_relaxed) | Bit(hash), std::memory_order_relaxed);
  }

  [[gnu::noinline, gnu::cold]] void Count(std::uint64_t hash) {
    const std::lock_guard lock(lock_);
    const auto& word = BitWord(Now()->LineOf(hash), hash);
    if ((word.load(std::memory_order_relaxed) & Bit(hash)) != 0) return;
    hashes_.push_back(hash);
    SetBit(*Now(), hash);
    if (hashes_.size() > shape_.limit()) Grow(hashes_.size());
  }

  // Under the lock. Old arrays give their memory back, not their addresses: a
  // thread may be about to touch one.
  void Grow(std::size_t keys) {
    Shape shape = shape_;
    while (shape.limit() < keys) shape = shape.Next();
    Table* const old = Now();
    auto* const fresh = new Table(shape, huge_pages_, old);
    shape_ = shape;
    for (const std::uint64_t hash : hashes_) SetBit(*fresh, hash);
    // Release, pairs with the acquire in Now().
    table_.store(fresh, std::memory_order_release);
    if (old->mapped()) {
      internal::LineMemory::Drop(old->lines(), old->all() * sizeof(Line));
    }
  }

  const bool huge_pages_;
  Shape shape_;  // of such a map
  Atomic<Table*> table_;
  alignas(kCacheLine) internal::SpinLock<Atomics> lock_;
  std::vector<std::uint64_t> hashes_;  // of keys that were stored
};

}  // namespace cmap

#endif  // CMAP_MAPS_LINE_TOUCH_H_
