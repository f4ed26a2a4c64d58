// SPDX-License-Identifier: Apache-2.0
//
// write_batch_map: stores go through a ring and are applied to the table in
// batches, by whichever caller finds that a batch is due.
//
//   Store ---> [ ring: claimed | filled | filled | ...  ] --- applied in order --+
//     |          full: apply all, then this one, here                            |
//     |                                                                          v
//     |  everything else -------------------> [ RW lock, writers first ] --> table
//     +- 64 wait, or the oldest waits 10 ms: apply
//
// A Store allocates its node, claims a position of the ring, hands the node over
// and is done: it takes no lock unless a batch is due. Applying links the nodes
// into the table under one hold of the lock; as the nodes exist, that neither
// allocates nor copies nor fails. There is no thread in the background: batches are
// applied by
//   - the Store that makes a batch full, or that looks at the clock (one in eight
//     does) and finds the oldest waiting too long; one at a time, others go on;
//   - a Store that finds the ring full (back-pressure: it waits its turn);
//   - any other operation that must see what waits, see below.
// So a write can wait longer than the interval, but only while nobody asks for it.
//
// What readers see, a parameter:
//
//   kOwnWrites   Each of 512 stripes of keys has the position up to which something
//                waits for it. A reader whose stripe has waiting writes applies
//                the batch first; others read at once. Linearizable.
//   kBounded     A Load of a stripe with waiting writes reads the table as it is,
//                unless the oldest write has waited for the flush interval: then it
//                applies the batch. A Load thus misses no Store that returned more
//                than the interval before it began, and never goes back: the
//                states of a key are seen in their order. It may miss the
//                caller's own last Store. All other operations are as with
//                kOwnWrites.
//
// LoadOrStore, Swap, the deletions and comparisons need the present state. They
// take the lock, apply the ring if their stripe has waiting writes, and act on the
// table; they are not put off. StoreBatch is a batch already and does the same.
// Range, Size and Clear apply the whole ring.
//
// Why kOwnWrites is linearizable (write_batch_map/waiting_writes.h keeps the positions, and has
// the numbers). Writes of one key are applied in the order of their positions. A Store
// announces its position to the stripe before it returns (3); the position up to which
// the ring is applied moves only after the table has changed (5). A reader finds at some
// moment t that the announced position is not beyond the applied one (4)(6), and looks
// into the table at t', later. So it sees every Store that had returned by t. Place each
// Store at the earliest moment at which it, or one behind it on the same key, returns or
// is applied: that lies within its call, as whoever is behind it claimed a position after
// it, and keeps the order of the ring. Then all that the reader sees is placed before t',
// all that it misses after t, and the former before the latter: there is a moment between
// t and t' for the reader. An operation under the lock looks at the stripe there, with
// t = t'. So do Range and Size with the whole ring, for which t = t' is essential:
// operations on one key pass the Stores that wait for others.
//
// Rehashing. rehash_interval_ms=0 doubles the table when its load exceeds 3/4, as
// other maps do. With 100 it waits until 100 ms have passed since the last time
// and then grows for all that has come meanwhile: fewer, larger pauses, longer
// chains in between. Above a load of 4 it does not wait: a rule that waits without
// bound lets chains grow as long as the inserting thread is fast.
//
// Guarantees. With kOwnWrites every operation, those on the whole map included,
// is linearizable; with kBounded all but Load. All are blocking: a producer stopped
// between claiming and filling a position stops whoever applies the ring. Range
// visits a snapshot, copied under the lock. Exceptions change nothing; one that
// equality of keys throws inside a Store's batch is left to the next to apply it.
//
// Source: write-behind buffers and flat combining (D. Hendler, I. Incze, N. Shavit,
// M. Tzafrir, SPAA 2010); the ring: write_batch_map/mpsc_ring.h.
#ifndef CMAP_MAPS_WRITE_BATCH_MAP_H_
#define CMAP_MAPS_WRITE_BATCH_MAP_H_

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"
#include "maps/internal/locks/rw_lock.h"
#include "maps/internal/memory.h"
#include "maps/internal/options.h"
#include "maps/internal/tables/locked_map.h"
#include "maps/write_batch_map/mpsc_ring.h"
#include "maps/write_batch_map/node_table.h"
#include "maps/write_batch_map/waiting_writes.h"

namespace cmap {

enum class BatchVisibility {
  kOwnWrites,  // a Load finds every Store that has returned
  kBounded,    // a Load finds those that returned a flush interval ago
};

struct WriteBatchMapOptions {
  std::int64_t batch = 64;
  std::int64_t flush_interval_us = 10'000;
  std::int64_t ring = 256;
  std::int64_t rehash_interval_ms = 0;
};

template <class K, class V, class Hash = DefaultHash<K>, class Atomics = NativeAtomics,
          BatchVisibility kVisibility = BatchVisibility::kOwnWrites>
class alignas(kCacheLine) WriteBatchMap {
  static constexpr bool kBounded = kVisibility == BatchVisibility::kBounded;

  using Table = internal::NodeTable<K, V>;
  using Node = typename Table::Node;
  using Owned = typename Table::Owned;
  using Lock = internal::WriterPreferringLock<Atomics>;
  using Shared = internal::SharedGuard<Lock>;

 public:
  using key_type = K;
  using mapped_type = V;
  using Options = WriteBatchMapOptions;

  static constexpr Traits kTraits = {
      .family = "batched writes",
      .summary = kBounded ? "stores wait in a ring and are applied in batches; "
                            "reads may miss those of the last interval"
                          : "stores wait in a ring and are applied in batches; a "
                            "read that needs one applies them",
      .source = "write-behind buffers, flat combining (SPAA 2010); Vyukov's ring",
      .read_progress = Progress::kBlocking,
      .write_progress = Progress::kBlocking,
      .reclamation = "none needed",
      .growth =
          "doubles at load factor 3/4, under the lock, by whoever applies a "
          "batch; on request not before an interval has passed",
      .range = RangeConsistency::kSnapshot,
      .batch_is_atomic = true,
      .clear_is_atomic = true,
      .linearizable = !kBounded,
      .caveat = kBounded ? "a Load may miss a Store that returned less than "
                           "flush_interval_us ago (10 ms), the caller's own too"
                         : "a read of a key just written waits for the batch to "
                           "be applied",
  };
  static constexpr std::array<Tunable<Options>, 4> kTunables = {{
      {"batch", &Options::batch, 1, 65'536, "stores that wait before one of them applies them all"},
      {"flush_interval_us", &Options::flush_interval_us, 0, 3'600'000'000,
       "microseconds the oldest store may wait once it is looked for"},
      {"ring", &Options::ring, 2, 65'536,
       "stores that can wait, a power of two; when as many do, the next Store "
       "applies them"},
      {"rehash_interval_ms", &Options::rehash_interval_ms, 0, 60'000,
       "least time between two enlargements of the table while its load is below "
       "4; 0: it is enlarged whenever its load exceeds 3/4"},
  }};

  WriteBatchMap() : WriteBatchMap(Options{}) {}
  explicit WriteBatchMap(const Options& options)
      : options_(internal::CheckOptions(kName, options, kTunables)),
        ring_(static_cast<std::size_t>(internal::CheckPowerOfTwo(kName, "ring", options_.ring))) {}
  WriteBatchMap(const WriteBatchMap&) = delete;
  WriteBatchMap& operator=(const WriteBatchMap&) = delete;
  ~WriteBatchMap() {
    while (const auto node = ring_.Front()) {
      ring_.Pop();
      delete *node;
    }
  }

  std::optional<V> Load(const K& key) { return LoadByVisit<V>(*this, key); }

  template <class F>
  [[gnu::always_inline]] bool Visit(const K& key, F&& f) {
    const std::uint64_t hash = Hash{}(key);
    if (waiting_.Waits(hash) && (!kBounded || Overdue())) {
      const Exclusive guard(*this);
      Apply(kBounded ? Why::kTime : Why::kNeed);
      return VisitLocked(hash, key, f);
    }
    const Shared guard(lock_);
    return VisitLocked(hash, key, f);
  }

  // Amortised O(1). Does not wait unless a batch is due.
  void Store(const K& key, const V& value) {
    const std::uint64_t hash = Hash{}(key);
    auto node = std::make_unique<Node>(hash, key, value);
    const std::uint64_t applied = waiting_.Applied();
    // The time before this Store can be seen, if it looks like the first of a
    // batch.
    const std::int64_t now = ring_.Tail() == applied ? NowUs() : 0;
    const auto position = ring_.TryPush(node.get());
    if (!position) {
      const Exclusive guard(*this);
      Apply(Why::kFull);
      Node** link = table_.Find(hash, key);
      Put(link, std::move(node));
      return;
    }
    node.release();
    waiting_.Announce(hash, *position + 1);
    // It is the first: all before it is applied, all that waits was claimed after `now`.
    if (now != 0 && *position == applied) waiting_.SetOldest(now);
    if (*position + 1 - applied >= static_cast<std::uint64_t>(options_.batch)) {
      ApplyUnlessBusy(Why::kBatch);
    } else if (*position % kClockEvery == 0 && Overdue()) {
      ApplyUnlessBusy(Why::kTime);
    }
  }

  Loaded<V> LoadOrStore(const K& key, const V& value) {
    return LoadOr(key, [&value]() -> const V& { return value; });
  }

  // `make` runs under the lock: it must not call the map.
  template <class F>
  Loaded<V> LoadOrCompute(const K& key, F&& make) {
    return LoadOr(key, std::forward<F>(make));
  }

  std::optional<V> LoadAndDelete(const K& key) {
    const std::uint64_t hash = Hash{}(key);
    const Exclusive guard(*this);
    ApplyFor(hash);
    Node** link = table_.Find(hash, key);
    if (*link == nullptr) return std::nullopt;
    std::optional<V> old(std::move((*link)->value));
    gone_.Take(table_.Unlink(link));
    return old;
  }

  bool Delete(const K& key) {
    return DeleteIf(key, [](const V&) { return true; });
  }

  std::optional<V> Swap(const K& key, const V& value) {
    const std::uint64_t hash = Hash{}(key);
    auto node = std::make_unique<Node>(hash, key, value);
    const Exclusive guard(*this);
    ApplyFor(hash);
    Node* const old = Put(table_.Find(hash, key), std::move(node));
    if (old == nullptr) return std::nullopt;
    return std::move(old->value);
  }

  bool CompareAndSwap(const K& key, const V& expected, const V& desired) {
    const std::uint64_t hash = Hash{}(key);
    const Exclusive guard(*this);
    ApplyFor(hash);
    Node** link = table_.Find(hash, key);
    if (*link == nullptr || !((*link)->value == expected)) return false;
    Put(link, std::make_unique<Node>(hash, key, desired));
    return true;
  }

  bool CompareAndDelete(const K& key, const V& expected) {
    return DeleteIf(key, [&](const V& value) { return value == expected; });
  }

  template <class F>
  void Range(F&& visit) {
    std::vector<std::pair<K, V>> entries;
    Settle([&] {
      entries.reserve(table_.size());
      table_.ForEach([&](const K& key, const V& value) { entries.emplace_back(key, value); });
    });
    for (const auto& [key, value] : entries) {
      if (!visit(key, value)) return;
    }
  }

  void Clear() {
    const Exclusive guard(*this);
    Apply(Why::kWhole);
    table_.Clear(gone_);
  }

  std::size_t Size() {
    std::size_t size = 0;
    Settle([&] { size = table_.size(); });
    return size;
  }

  void Reserve(std::size_t entries) {
    const Exclusive guard(*this);
    table_.GrowFor(entries);
  }

  void StoreBatch(std::span<const std::pair<K, V>> batch) {
    if (batch.empty()) return;
    const Exclusive guard(*this);
    Apply(Why::kWhole);
    for (const auto& [key, value] : batch) {
      const std::uint64_t hash = Hash{}(key);
      auto node = std::make_unique<Node>(hash, key, value);
      Put(table_.Find(hash, key), std::move(node));
    }
  }

  std::size_t MemoryBytes() {
    Size();
    return sizeof(*this) + ring_.HeapBytesHeld() + table_.HeapBytesHeld();
  }

  // Applies what waits.
  void Flush() {
    const Exclusive guard(*this);
    Apply(Why::kWhole);
  }

  // batches and applied: non-empty batches and the stores in them; largest: the
  // most in one. by_*: what made whom apply a batch: it was full, time, the ring
  // was full, a point operation needed it, one of the whole map did. rehashes: of
  // the table.
  std::vector<Counter> Counters() const {
    const std::lock_guard<Lock> guard(lock_);
    return {{"batches", batches_},
            {"applied", ring_.Head()},
            {"largest", largest_},
            {"by_batch", reasons_[static_cast<int>(Why::kBatch)]},
            {"by_time", reasons_[static_cast<int>(Why::kTime)]},
            {"by_full_ring", reasons_[static_cast<int>(Why::kFull)]},
            {"by_need", reasons_[static_cast<int>(Why::kNeed)]},
            {"by_whole_map", reasons_[static_cast<int>(Why::kWhole)]},
            {"rehashes", rehashes_}};
  }

 private:
  // The lock, exclusively. What leaves the table under it is destroyed after it.
  class Exclusive {
   public:
    explicit Exclusive(WriteBatchMap& map) : map_(map), lock_(map.lock_) {}
    ~Exclusive() { gone_.Swap(map_.gone_); }
    Exclusive(const Exclusive&) = delete;
    Exclusive& operator=(const Exclusive&) = delete;

   private:
    WriteBatchMap& map_;
    typename Table::Departed gone_;  // destroyed after the lock
    std::lock_guard<Lock> lock_;
  };

  enum class Why { kBatch, kTime, kFull, kNeed, kWhole };

  static constexpr std::string_view kName = kBounded ? "write_batch_map_stale" : "write_batch_map";
  static constexpr std::uint64_t kClockEvery = 8;

  static std::int64_t NowUs() {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }

  bool Overdue() const { return NowUs() - waiting_.Oldest() >= options_.flush_interval_us; }

  // Runs `look` under the lock, nothing waiting.
  template <class F>
  void Settle(F&& look) {
    {
      const Shared guard(lock_);
      // Under the lock, not before it: an operation on one key passes the Stores
      // that wait for others, and a look between the two would see the later one
      // only.
      if (ring_.Tail() == waiting_.AppliedLocked()) return look();
    }
    const Exclusive guard(*this);
    Apply(Why::kWhole);
    look();
  }

  // For a Store whose own work is done: it waits for nobody who applies already,
  // and an exception is left to the next.
  void ApplyUnlessBusy(Why why) noexcept {
    if (!waiting_.TryTurn()) return;
    try {
      const Exclusive guard(*this);
      Apply(why);
    } catch (...) {
    }
    waiting_.EndTurn();
  }

  // What follows: under the lock; exclusively, but for VisitLocked.

  template <class F>
  bool VisitLocked(std::uint64_t hash, const K& key, F& f) const {
    const V* found = table_.Value(hash, key);
    if (found == nullptr) return false;
    f(*found);
    return true;
  }

  void ApplyFor(std::uint64_t hash) {
    if (waiting_.Waits(hash)) Apply(Why::kNeed);
  }

  // Applies all that was claimed when it began.
  void Apply(Why why) {
    const std::uint64_t begin = ring_.Head();
    const std::uint64_t end = ring_.Tail();
    if (begin == end) return;
    const Applied publish(*this);
    while (ring_.Head() != end) {
      const std::optional<Node*> front = ring_.Front();
      if (!front) {
        Atomics::Yield();  // claimed, not yet filled
        continue;
      }
      // Found first, as that may throw: then the node stays where it is.
      Node** link = table_.Find((*front)->hash, (*front)->key);
      ring_.Pop();
      Put(link, Owned(*front));
    }
    ++batches_;
    largest_ = std::max(largest_, end - begin);
    ++reasons_[static_cast<int>(why)];
  }

  // Makes known what has been applied, also when an exception ends it.
  class Applied {
   public:
    explicit Applied(WriteBatchMap& map) : map_(map) {}
    ~Applied() { map_.waiting_.SetApplied(map_.ring_.Head()); }
    Applied(const Applied&) = delete;
    Applied& operator=(const Applied&) = delete;

   private:
    WriteBatchMap& map_;
  };

  // Links and enlarges the table if that is due; the node it replaced, which is there
  // until the lock is released.
  Node* Put(Node** link, Owned node) noexcept {
    Owned old = table_.Link(link, std::move(node));
    if (old == nullptr) {
      if (table_.WantsToGrow()) Grow();
      return nullptr;
    }
    Node* const left = old.get();
    gone_.Take(std::move(old));
    return left;
  }

  void Grow() noexcept {
    if (options_.rehash_interval_ms != 0) {
      const std::int64_t now = NowUs();
      if (now < next_rehash_us_ && !table_.MustGrow()) return;
      next_rehash_us_ = now + options_.rehash_interval_ms * 1000;
    }
    try {
      table_.GrowFor(table_.size());
      ++rehashes_;
    } catch (const std::bad_alloc&) {
      // Chains grow instead, until there is memory.
    }
  }

  template <class F>
  Loaded<V> LoadOr(const K& key, F&& make) {
    const std::uint64_t hash = Hash{}(key);
    if (!waiting_.Waits(hash)) {
      const Shared guard(lock_);
      if (const V* found = table_.Value(hash, key)) return {*found, true};
    }
    const Exclusive guard(*this);
    ApplyFor(hash);
    Node** link = table_.Find(hash, key);
    if (*link != nullptr) return {(*link)->value, true};
    auto node = std::make_unique<Node>(hash, key, std::forward<F>(make)());
    Loaded<V> result{node->value, false};
    Put(link, std::move(node));
    return result;
  }

  template <class If>
  bool DeleteIf(const K& key, If&& wanted) {
    const std::uint64_t hash = Hash{}(key);
    const Exclusive guard(*this);
    ApplyFor(hash);
    Node** link = table_.Find(hash, key);
    if (*link == nullptr || !wanted((*link)->value)) return false;
    gone_.Take(table_.Unlink(link));
    return true;
  }

  const Options options_;
  internal::MpscRing<Node*, Atomics> ring_;   // its head: under the lock
  internal::WaitingWrites<Atomics> waiting_;  // times in microseconds
  alignas(kCacheLine) mutable Lock lock_;
  // What follows is used under the lock only.
  alignas(kCacheLine) Table table_;
  typename Table::Departed gone_;
  std::int64_t next_rehash_us_ = 0;
  std::uint64_t batches_ = 0;
  std::uint64_t largest_ = 0;
  std::array<std::uint64_t, 5> reasons_{};
  std::uint64_t rehashes_ = 0;
};

}  // namespace cmap

#endif  // CMAP_MAPS_WRITE_BATCH_MAP_H_
