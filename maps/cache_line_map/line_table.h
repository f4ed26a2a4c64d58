// SPDX-License-Identifier: Apache-2.0
//
// Arrays of the lines of cache_line_map/cache_line.h: where their memory comes from,
// the sizes they go through as a map grows, and a store of single lines.
#ifndef CMAP_MAPS_CACHE_LINE_MAP_LINE_TABLE_H_
#define CMAP_MAPS_CACHE_LINE_MAP_LINE_TABLE_H_

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

#include "maps/cache_line_map/cache_line.h"
#include "maps/concurrent_map.h"
#include "maps/internal/locks/spin_lock.h"
#include "maps/internal/memory.h"

namespace cmap::internal {

// Tunables of the maps in such lines.
struct LineOptions {
  std::int64_t huge_pages = 1;
};
inline constexpr std::array<Tunable<LineOptions>, 1> kLineTunables = {{
    {"huge_pages", &LineOptions::huge_pages, 0, 1,
     "1: ask the kernel for huge pages for tables of 2 MiB and more; 0: do "
     "not"},
}};

// Memory for lines straight from the kernel: zeroed, on request in huge pages,
// and able to be given back while the addresses stay valid.
class LineMemory {
 public:
  static constexpr std::size_t kPage = 4096;
  static constexpr std::size_t kHugePage = std::size_t{2} << 20;

  // `bytes` of zeros, of which the first `huge` ones, in whole huge pages, are
  // asked for in huge pages (a hint that the kernel may ignore). Throws
  // std::bad_alloc.
  static void* Map(std::size_t bytes, std::size_t huge) {
    const bool align = huge >= kHugePage;
    const std::size_t length = bytes + (align ? kHugePage : 0);
    void* const raw = mmap(nullptr, length, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (raw == MAP_FAILED) throw std::bad_alloc();
    if (!align) return raw;
    auto* const begin = static_cast<char*>(raw);
    const std::size_t skew = -reinterpret_cast<std::uintptr_t>(begin) & (kHugePage - 1);
    if (skew != 0) munmap(begin, skew);
    munmap(begin + skew + bytes, kHugePage - skew);
    madvise(begin + skew, huge, MADV_HUGEPAGE);
    return begin + skew;
  }
  static void Unmap(void* memory, std::size_t bytes) { munmap(memory, bytes); }
  // Gives the memory back; the addresses read as zeros from now on.
  static void Drop(void* memory, std::size_t bytes) { madvise(memory, bytes, MADV_DONTNEED); }
};

// The numbers of homes that a table goes through: 8 to 128 in powers of two,
// from there on 4 to 7 times a power of two. Homes come in groups of 4 to 7.
// Growing replaces groups of 4 by groups of 5, those by groups of 6, and so on,
// and groups of 7 by twice as many groups of 4, so that the entries of one group
// always go to the homes of the same group: growing is done group by group. By
// a quarter to a seventh, because the memory of a table that has just grown is
// what an entry takes at most, and the overflow of one that is about to grow is
// what lookups wait for.
template <class Design>
struct LineShape {
  std::uint64_t groups = 2;
  std::uint64_t per_group = 4;

  // While the map is tiny it doubles, which takes fewer steps.
  static constexpr std::uint64_t kTiny = 128;
  static constexpr std::uint64_t kMostPerGroup = 7;
  static constexpr std::uint64_t kSmall = 2048;

  constexpr std::uint64_t homes() const { return groups * per_group; }
  constexpr LineShape Next() const {
    if (homes() < kTiny || per_group == kMostPerGroup) return {groups * 2, 4};
    return {groups, per_group + 1};
  }
  // Entries beyond which a table grows.
  constexpr std::uint64_t limit() const {
    const std::uint64_t next = Next().homes();
    if (homes() < kTiny) {
      return static_cast<std::uint64_t>(static_cast<double>(homes()) * Design::kTinyFill);
    }
    return static_cast<std::uint64_t>(static_cast<double>(next) *
                                      (next < kSmall ? Design::kSmallFill : Design::kFill));
  }
  // Overflow lines.
  constexpr std::uint64_t spare() const {
    return homes() < kTiny ? homes() / 4 : OfHomes(Design::kSpare);
  }
  constexpr std::uint64_t surely_used() const { return OfHomes(Design::kSurelyUsed); }

 private:
  constexpr std::uint64_t OfHomes(double share) const {
    return static_cast<std::uint64_t>(static_cast<double>(homes()) * share);
  }
};

// Single overflow lines: those of a table that are not in use any more; and for homes
// whose table has no spare one left (which a good hash does not bring about) and in
// tables that are too small to have many. These are kept until the store is destroyed.
template <class Atomics>
class LineStore {
  using L = Line<Atomics>;
  using O = Overflow<Atomics>;
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;

 public:
  LineStore() = default;
  LineStore(const LineStore&) = delete;
  LineStore& operator=(const LineStore&) = delete;
  ~LineStore() {
    while (slabs_ != nullptr) delete std::exchange(slabs_, slabs_->next);
  }

  bool HasLeftOver() const noexcept { return free_count_.load(std::memory_order_relaxed) != 0; }
  // A line, or null if none is left over.
  L* TakeLeftOver() noexcept {
    if (!HasLeftOver()) return nullptr;
    const std::lock_guard lock(lock_);
    return Pop();
  }
  // Throws std::bad_alloc.
  L* Take() {
    {
      const std::lock_guard lock(lock_);
      if (L* line = Pop()) return line;
    }
    auto slab = std::make_unique<Slab>();
    L* const mine = &slab->lines[0];
    const std::lock_guard lock(lock_);
    for (std::size_t i = 1; i < kSlabLines; ++i) Push(&slab->lines[i]);
    slab->next = slabs_;
    slabs_ = slab.release();
    ++slab_count_;
    return mine;
  }
  // Takes `n` lines that live as long as this store.
  void Give(L* lines, std::uint64_t n = 1) noexcept {
    const std::lock_guard lock(lock_);
    for (std::uint64_t i = 0; i < n; ++i) Push(lines + i);
  }

  // Quiescent only.
  std::size_t Bytes() const { return slab_count_ * MallocBytes(sizeof(Slab)); }

 private:
  static constexpr std::size_t kSlabLines = 15;
  struct Slab {
    std::array<L, kSlabLines> lines;
    Slab* next = nullptr;
  };

  L* Pop() noexcept {
    L* const line = free_;
    if (line == nullptr) return nullptr;
    free_ = O::At(O(line).next().load(std::memory_order_relaxed)).line();
    free_count_.store(free_count_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
    return line;
  }
  void Push(L* line) noexcept {
    // Release for the sake of late readers of the line: see (6) of the map.
    O(line).next().store(O(free_).Link(), std::memory_order_release);
    free_ = line;
    free_count_.store(free_count_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

  SpinLock<Atomics> lock_;
  Atomic<std::uint64_t> free_count_{0};  // written under the lock
  L* free_ = nullptr;                    // linked by `next`
  Slab* slabs_ = nullptr;
  std::size_t slab_count_ = 0;
};

// An array of homes with spare overflow lines behind them.
template <class Atomics, class Design = TwoLines>
class LineTable {
  using L = Line<Atomics>;
  using H = Home<Atomics, Design>;
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;

 public:
  using Shape = LineShape<Design>;

  // Tables of fewer homes are on the heap: they are many, and short-lived.
  static constexpr std::uint64_t kMapped = 32;

  // The lines are all zero (not ready). Throws std::bad_alloc.
  LineTable(Shape shape, bool huge_pages, LineTable* older_table)
      : count_(shape.homes()),
        home_lines_(count_ * Design::kLines),
        shape_(shape),
        older(older_table) {
    if (mapped()) {
      if (all() > (std::uint64_t{1} << 40) / sizeof(L)) throw std::bad_alloc();
      if (huge_pages) {
        huge_ = (home_lines_ + shape.surely_used()) * sizeof(L) / LineMemory::kHugePage *
                LineMemory::kHugePage;
      }
      lines_ = static_cast<L*>(LineMemory::Map(all() * sizeof(L), huge_));
    } else {
      lines_ = new L[all()];
    }
  }
  ~LineTable() {
    if (mapped()) {
      LineMemory::Unmap(lines_, all() * sizeof(L));
    } else {
      delete[] lines_;
    }
  }
  LineTable(const LineTable&) = delete;
  LineTable& operator=(const LineTable&) = delete;

  // Homes in the order of the hashes they are home to: home i of n takes the
  // i-th n-th of all hashes.
  std::uint64_t Index(std::uint64_t hash) const { return Share(hash, count_); }
  H HomeOf(std::uint64_t hash) const { return At(Index(hash)); }
  H At(std::uint64_t i) const { return H(lines_ + i * Design::kLines); }
  // The first hash of home i; 0 for i = n, where hashes wrap.
  std::uint64_t FirstHash(std::uint64_t i) const {
    return static_cast<std::uint64_t>(((static_cast<unsigned __int128>(i) << 64) + count_ - 1) /
                                      count_);
  }
  // The same of single lines.
  L& LineOf(std::uint64_t hash) const { return lines_[Share(hash, home_lines_)]; }

  L* lines() const { return lines_; }
  std::uint64_t count() const { return count_; }                      // homes
  std::uint64_t all() const { return home_lines_ + shape_.spare(); }  // lines
  const Shape& shape() const { return shape_; }
  bool mapped() const { return count_ >= kMapped; }
  bool Contains(const L* line) const { return line >= lines_ && line < lines_ + all(); }

  // The first of `n` spare lines in a row, or null when there are not so many.
  // Wait-free.
  L* TakeSpares(std::uint64_t n) noexcept {
    const std::uint64_t spare = shape_.spare();
    if (used_.load(std::memory_order_relaxed) + n > spare) return nullptr;
    const std::uint64_t i = used_.fetch_add(n, std::memory_order_relaxed);
    return i + n <= spare ? lines_ + home_lines_ + i : nullptr;
  }

  // Spare lines that have been in use and are not any more.
  void Return(L* line) noexcept { returned_.Give(line); }
  L* TakeReturned() noexcept { return returned_.TakeLeftOver(); }

  // Memory that is in use, as the kernel counts it.
  std::size_t Bytes() const {
    if (!mapped()) return MallocBytes(all() * sizeof(L) + kCacheLine);
    const std::uint64_t used = std::min(used_.load(std::memory_order_relaxed), shape_.spare());
    const std::size_t touched = (home_lines_ + used) * sizeof(L);
    return std::max((touched + LineMemory::kPage - 1) / LineMemory::kPage * LineMemory::kPage,
                    huge_);
  }

 private:
  static std::uint64_t Share(std::uint64_t hash, std::uint64_t n) {
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(hash) * n) >> 64);
  }

  // What readers read, in one line with nothing that is ever written.
  alignas(kCacheLine) L* lines_ = nullptr;
  std::uint64_t count_;
  std::uint64_t home_lines_;
  Shape shape_;
  std::size_t huge_ = 0;

 public:
  LineTable* const older;  // the one before; lives as long as this one

  // While this table is being filled: the one that it is filled from.
  alignas(kCacheLine) Atomic<LineTable*> previous{nullptr};
  Atomic<std::uint64_t> next_group{0};    // handed out to helpers
  Atomic<std::uint64_t> moved_groups{0};  // completed

 private:
  Atomic<std::uint64_t> used_{0};
  LineStore<Atomics> returned_;
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_CACHE_LINE_MAP_LINE_TABLE_H_
