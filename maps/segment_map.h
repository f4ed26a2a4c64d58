// SPDX-License-Identifier: Apache-2.0
//
// segment_map: the ConcurrentHashMap of Java 5 to 7. A fixed number of segments,
// each a hash table of its own with a lock for writers; readers take no lock.
//
//   hash   63 .... 64-k | .............. 0
//          segment      |  bin, from the low bits
//
//   segments_ -> [ . | . | null | . | ... ]        made when first written to
//                  |
//                segment: lock, count, changes, table
//                                                |
//                                              [ bin | bin | ... ]
//                                                  |
//                                                node -> node -> node
//
// Readers walk segment, table, bin and nodes by sequentially consistent loads, and
// writers change them by such stores (internal/tables/value_cell.h). Writers of a segment exclude
// each other: a new node goes to the head of its bin; a removed one is bypassed;
// a value is replaced inside its node (internal/tables/value_cell.h).
//
// A writer that does not get the lock at once spins before it waits for it, and uses
// the time to walk the bin (segment_map/segment_writer.h).
//
// Growth. Above 3/4 a segment's table is replaced by one of twice the size, while
// readers may be in the old one:
//
//   old bin   a -> b -> c -> d -> e        a, c to one new bin, b, d, e to another
//                            ~~~~~~
//   new bins  c' -> a'                     (c' and a' are copies)
//             b' -> d -> e                 the trailing run d, e is used again
//
// The trailing run of nodes that stay together serves both tables; only what comes
// before it is copied, and retired when the new table is published. (Java counts on
// one node in six.) A copy shares its original's box, so values are not copied,
// where Java's would not be either; keys are, where Java's would not.
//
// Why a walk along an old table is right: the nodes before the run do not change
// any more, and what they hold is what the map held when the new table was
// published, after the walk had begun. Nodes of the run change as in any bin.
//
// Size. Counts may change while they are added up. Each segment counts its changes,
// once before and once after, so the number is odd meanwhile. If two passes find
// the same even numbers of changes, the counts of the second held all at the moment
// between the passes. After two vain attempts all segments are locked.
// (Java counts a change once, so that one in progress may be half seen.)
//
// Guarantees. Point operations and Size are linearizable. Load is wait-free, given
// bounded bins. Writers block those of the same segment, always: as in Java,
// LoadOrStore takes the lock even if the key is present, unless read_first is 1.
// The inserting operation pays for growth, of one segment. Range is weak and walks
// under a guard. Clear goes from segment to segment. Exceptions come before the
// publishing, so they change nothing.
//
// Source: JDK 7, java.util.concurrent.ConcurrentHashMap (D. Lea). What differs: the
// lock is a mutex that is not recursive; epochs in place of the collector; no
// first segment in advance; LoadOrCompute runs its function under the lock.
#ifndef CMAP_MAPS_SEGMENT_MAP_H_
#define CMAP_MAPS_SEGMENT_MAP_H_

#include <array>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"
#include "maps/internal/memory.h"
#include "maps/internal/options.h"
#include "maps/internal/reclamation/epoch.h"
#include "maps/internal/tables/removals.h"
#include "maps/segment_map/segment.h"
#include "maps/segment_map/segment_writer.h"

namespace cmap {

struct SegmentMapOptions {
  std::int64_t segments = 16;
  std::int64_t read_first = 0;
};

template <class K, class V, class Hash = DefaultHash<K>, class Atomics = NativeAtomics>
class SegmentMap : public internal::Removals<SegmentMap<K, V, Hash, Atomics>, K, V> {
  using Removals = internal::Removals<SegmentMap, K, V>;
  using Epochs = internal::EpochDomain<Atomics>;
  using Guard = typename Epochs::Guard;
  using Segment = internal::Segment<K, V, Atomics>;
  using Writer = internal::SegmentWriter<K, V, Atomics>;
  using Node = typename Segment::Node;
  using Table = typename Segment::Table;
  using Cell = typename Node::Cell;
  using Lock = std::unique_lock<typename Atomics::Mutex>;
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;

 public:
  using key_type = K;
  using mapped_type = V;
  using Options = SegmentMapOptions;

  static constexpr Traits kTraits = {
      .family = "lock-free reads",
      .summary =
          "hash tables in segments, read without locks, written under a "
          "lock per segment",
      .source = "JDK 7, java.util.concurrent.ConcurrentHashMap",
      .read_progress = Progress::kWaitFree,
      .write_progress = Progress::kBlocking,
      .reclamation = "epochs",
      .growth =
          "each segment doubles at load factor 3/4, under its own lock, and "
          "uses the last nodes of each bin again",
      .range = RangeConsistency::kWeak,
      .batch_is_atomic = false,
      .clear_is_atomic = false,
      .caveat =
          "the number of segments is fixed; a guard held for long holds up "
          "all freeing of memory",
  };
  static constexpr std::array<Tunable<Options>, 2> kTunables = {{
      {"segments", &Options::segments, 1, 65536,
       "number of segments, a power of two: as many writers as that do not meet"},
      {"read_first", &Options::read_first, 0, 1,
       "0: LoadOrStore and LoadOrCompute take the segment's lock at once, as "
       "upstream; 1: they look the key up without it first"},
  }};

  SegmentMap() : SegmentMap(Options{}) {}
  explicit SegmentMap(const Options& options)
      : read_first_(internal::CheckOptions("segment_map", options, kTunables).read_first != 0),
        segment_count_(static_cast<std::size_t>(
            internal::CheckPowerOfTwo("segment_map", "segments", options.segments))),
        shift_(32 - std::countr_zero(segment_count_)),
        segments_(std::make_unique<Atomic<Segment*>[]>(segment_count_)) {}
  SegmentMap(const SegmentMap&) = delete;
  SegmentMap& operator=(const SegmentMap&) = delete;
  ~SegmentMap() {
    for (std::size_t i = 0; i < segment_count_; ++i) delete SegmentAt(i);
  }

  std::optional<V> Load(const K& key) { return LoadByVisit<V>(*this, key); }

  template <class F>
  [[gnu::always_inline]] bool Visit(const K& key, F&& f) {
    const std::uint64_t hash = Hash{}(key);
    Guard guard;
    const Node* found = Lookup(hash, key);
    if (found == nullptr) return false;
    f(found->value.Read());
    return true;
  }

  void Store(const K& key, const V& value) {
    const std::uint64_t hash = Hash{}(key);
    Guard guard;
    auto fresh = Cell::Make(value);
    Writer writer(guard, Ensure(hash), hash, key);
    if (Node* found = writer.Find(hash, key)) {
      writer.Replace(*found, std::move(fresh));
    } else {
      writer.Insert(hash, key, std::move(fresh));
    }
  }

  std::optional<V> Swap(const K& key, const V& value) {
    const std::uint64_t hash = Hash{}(key);
    Guard guard;
    auto fresh = Cell::Make(value);
    Writer writer(guard, Ensure(hash), hash, key);
    Node* found = writer.Find(hash, key);
    if (found == nullptr) {
      writer.Insert(hash, key, std::move(fresh));
      return std::nullopt;
    }
    std::optional<V> old(found->value.Read());
    writer.Replace(*found, std::move(fresh));
    return old;
  }

  Loaded<V> LoadOrStore(const K& key, const V& value) {
    return LoadOrCompute(key, [&]() -> const V& { return value; });
  }

  // `make` runs under the lock of the key's segment.
  template <class F>
  Loaded<V> LoadOrCompute(const K& key, F&& make) {
    const std::uint64_t hash = Hash{}(key);
    Guard guard;
    if (read_first_) {
      if (const Node* found = Lookup(hash, key)) {
        return {found->value.Read(), true};
      }
    }
    Writer writer(guard, Ensure(hash), hash, key);
    if (const Node* found = writer.Find(hash, key)) {
      return {found->value.Read(), true};
    }
    Loaded<V> result{std::forward<F>(make)(), false};
    writer.Insert(hash, key, Cell::Make(result.value));
    return result;
  }

  bool CompareAndSwap(const K& key, const V& expected, const V& desired) {
    const std::uint64_t hash = Hash{}(key);
    Guard guard;
    Segment* segment = SegmentOf(hash).load(std::memory_order_seq_cst);  // (2)
    if (segment == nullptr) return false;
    auto fresh = Cell::Make(desired);
    Writer writer(guard, *segment, hash, key);
    Node* found = writer.Find(hash, key);
    if (found == nullptr || !(found->value.Read() == expected)) return false;
    writer.Replace(*found, std::move(fresh));
    return true;
  }

  // A key is visited at most once: new nodes come in at the heads of bins, behind
  // the walk, and each segment is walked along one table.
  template <class F>
  void Range(F&& visit) {
    Guard guard;
    for (std::size_t i = 0; i < segment_count_; ++i) {
      const Segment* segment = SegmentAt(i);
      if (segment == nullptr) continue;
      const Table& table = segment->Now();
      for (std::size_t bin = 0; bin < table.size(); ++bin) {
        for (const Node* n = Node::Follow(table[bin]); n != nullptr; n = n->Next()) {
          if (!visit(n->key, n->value.Read())) return;
        }
      }
    }
  }

  // Segment by segment: an insertion into one already cleared survives. All memory
  // is allocated first.
  void Clear() {
    Guard guard;
    std::vector<std::pair<Segment*, typename Table::Owner>> fresh;
    for (std::size_t i = 0; i < segment_count_; ++i) {
      Segment* segment = SegmentAt(i);
      if (segment == nullptr) continue;
      fresh.emplace_back(segment, Table::New(segment->Now().size()));
    }
    guard.Prepare(fresh.size());
    for (auto& [segment, table] : fresh) {
      Lock lock(segment->lock);
      segment->Empty(std::move(table), guard);
    }
  }

  // O(segments).
  std::size_t Size() {
    constexpr int kAttempts = 2;
    std::uint64_t before = 0;
    for (int attempt = -1; attempt < kAttempts; ++attempt) {
      internal::SegmentSums sums;
      for (std::size_t i = 0; i < segment_count_; ++i) {
        if (const Segment* segment = SegmentAt(i)) segment->AddTo(sums);
      }
      if (attempt >= 0 && !sums.changing && sums.changes == before) {
        return sums.count;
      }
      before = sums.changes;
    }
    size_locks_.fetch_add(1, std::memory_order_relaxed);
    std::vector<Lock> locks;
    locks.reserve(segment_count_);
    for (std::size_t i = 0; i < segment_count_; ++i) {
      locks.emplace_back(Ensure(segments_[i]).lock);
    }
    internal::SegmentSums sums;
    for (std::size_t i = 0; i < segment_count_; ++i) SegmentAt(i)->AddTo(sums);
    return sums.count;
  }

  // Room for n keys spread by chance: n/segments and three standard deviations
  // more for each segment.
  void Reserve(std::size_t entries) {
    if (entries == 0) return;
    const double mean = static_cast<double>(entries) / static_cast<double>(segment_count_);
    const double spread = segment_count_ > 1 ? 3 * std::sqrt(mean) : 0;
    const auto each = static_cast<std::size_t>(std::ceil(mean + spread));
    Guard guard;
    for (std::size_t i = 0; i < segment_count_; ++i) {
      Segment& segment = Ensure(segments_[i]);
      Lock lock(segment.lock);
      std::size_t size = segment.Now().size();
      while (each > Table::Threshold(size)) size *= 2;
      if (size > segment.Now().size()) segment.Rehash(size, guard);
    }
  }

  void StoreBatch(std::span<const std::pair<K, V>> batch) {
    for (const auto& [key, value] : batch) Store(key, value);
  }

  // Nodes that are reachable; what waits to be freed in the epoch domain is not
  // counted. O(n).
  std::size_t MemoryBytes() {
    std::size_t bytes =
        sizeof(*this) + internal::MallocBytes(segment_count_ * sizeof(Atomic<Segment*>));
    for (std::size_t i = 0; i < segment_count_; ++i) {
      if (const Segment* segment = SegmentAt(i)) {
        bytes += internal::MallocBytes(sizeof(Segment)) + segment->Now().HeapBytesWithNodes();
      }
    }
    return bytes;
  }

  // rehashes: growths of segments; nodes_reused, nodes_copied: what became of the
  // nodes in them; lock_waits: writers that did not get a lock at once;
  // size_locks: calls of Size that locked all segments.
  std::vector<Counter> Counters() const {
    std::array<std::uint64_t, 4> sums{};
    for (std::size_t i = 0; i < segment_count_; ++i) {
      Segment* segment = SegmentAt(i);
      if (segment == nullptr) continue;
      Lock lock(segment->lock);
      sums[0] += segment->rehashes;
      sums[1] += segment->nodes_reused;
      sums[2] += segment->nodes_copied;
      sums[3] += segment->lock_waits;
    }
    return {{"rehashes", sums[0]},
            {"nodes_reused", sums[1]},
            {"nodes_copied", sums[2]},
            {"lock_waits", sums[3]},
            {"size_locks", size_locks_.load(std::memory_order_relaxed)}};
  }

  // Frees what maps of this kind have put aside, as far as no thread is in a
  // map at the moment.
  static void Quiesce() { Epochs::Drain(); }

 private:
  friend Removals;

  // With one segment the shift would be by 64: hence two.
  Atomic<Segment*>& SegmentOf(std::uint64_t hash) const {
    return segments_[(hash >> 32) >> shift_];
  }
  Segment* SegmentAt(std::size_t i) const {
    return segments_[i].load(std::memory_order_seq_cst);  // (2), with (6)
  }

  Segment& Ensure(std::uint64_t hash) { return Ensure(SegmentOf(hash)); }
  Segment& Ensure(Atomic<Segment*>& place) {
    Segment* present = place.load(std::memory_order_seq_cst);  // (2)
    if (present != nullptr) [[likely]]
      return *present;
    auto fresh = std::make_unique<Segment>();
    // (6) pairs with (2): the segment as it was made, or that of a faster thread.
    if (place.compare_exchange_strong(present, fresh.get(), std::memory_order_seq_cst,
                                      std::memory_order_seq_cst)) {
      return *fresh.release();
    }
    return *present;
  }

  // Under a guard.
  const Node* Lookup(std::uint64_t hash, const K& key) const {
    const Segment* segment = SegmentOf(hash).load(std::memory_order_seq_cst);
    return segment == nullptr ? nullptr : segment->Now().Find(hash, key);
  }

  template <class P, class F>
  bool Remove(const K& key, P wanted, F take) {
    const std::uint64_t hash = Hash{}(key);
    Guard guard;
    Segment* segment = SegmentOf(hash).load(std::memory_order_seq_cst);  // (2)
    if (segment == nullptr) return false;
    Writer writer(guard, *segment, hash, key);
    return writer.Erase(hash, key, wanted, take);
  }

  const bool read_first_;
  const std::size_t segment_count_;
  const int shift_;
  const std::unique_ptr<Atomic<Segment*>[]> segments_;
  Atomic<std::uint64_t> size_locks_{0};
};

}  // namespace cmap

#endif  // CMAP_MAPS_SEGMENT_MAP_H_
