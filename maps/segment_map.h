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
// Readers walk table, bin and nodes by acquire loads. Writers of a segment exclude
// each other: a new node goes to the head of its bin; a removed one is bypassed;
// a value is replaced inside its node (internal/value_cell.h).
//
// A writer that does not get the lock at once spins (64 attempts at most) before it
// waits for it, and uses the time to walk the bin, so that the nodes are in its
// cache when it gets in.
//
// Growth. Above 3/4 a segment's table is replaced by one of twice the size, while
// readers may be in the old one:
//
//   old bin   a -> b -> c -> d -> e        a, c to one new bin, b, d, e to another
//                       ~~~~~~~~~~~
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
#include "maps/internal/epoch.h"
#include "maps/internal/memory.h"
#include "maps/internal/options.h"
#include "maps/internal/trailing_array.h"
#include "maps/internal/value_cell.h"

namespace cmap {

struct SegmentMapOptions {
  std::int64_t segments = 16;
  std::int64_t read_first = 0;
};

template <class K, class V, class Hash = DefaultHash<K>,
          class Atomics = NativeAtomics>
class SegmentMap {
  using Epochs = internal::EpochDomain<Atomics>;
  using Guard = typename Epochs::Guard;
  using Cell = internal::ValueCell<V, Atomics>;
  using Mutex = typename Atomics::Mutex;
  using Lock = std::unique_lock<Mutex>;
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;

 public:
  using key_type = K;
  using mapped_type = V;
  using Options = SegmentMapOptions;

  static constexpr Traits kTraits = {
      .family = "lock-free reads",
      .summary = "hash tables in segments, read without locks, written under a "
                 "lock per segment",
      .source = "JDK 7, java.util.concurrent.ConcurrentHashMap",
      .read_progress = Progress::kWaitFree,
      .write_progress = Progress::kBlocking,
      .reclamation = "epochs",
      .growth = "each segment doubles at load factor 3/4, under its own lock, and "
                "uses the last nodes of each bin again",
      .range = RangeConsistency::kWeak,
      .batch_is_atomic = false,
      .clear_is_atomic = false,
      .caveat = "the number of segments is fixed; a guard held for long holds up "
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
      : read_first_(
            internal::CheckOptions("segment_map", options, kTunables).read_first !=
            0),
        segment_count_(static_cast<std::size_t>(internal::CheckPowerOfTwo(
            "segment_map", "segments", options.segments))),
        shift_(32 - std::countr_zero(segment_count_)),
        segments_(std::make_unique<Atomic<Segment*>[]>(segment_count_)) {}
  SegmentMap(const SegmentMap&) = delete;
  SegmentMap& operator=(const SegmentMap&) = delete;
  ~SegmentMap() {
    for (std::size_t i = 0; i < segment_count_; ++i) delete SegmentAt(i);
  }

  std::optional<V> Load(const K& key) {
    const std::uint64_t hash = Hash{}(key);
    Guard guard;
    const Node* found = Lookup(hash, key);
    if (found == nullptr) return std::nullopt;
    return found->value.Read();
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

  std::optional<V> LoadAndDelete(const K& key) {
    std::optional<V> old;
    Remove(
        key, [](const V&) { return true; }, [&](const V& v) { old.emplace(v); });
    return old;
  }

  bool Delete(const K& key) {
    return Remove(key, [](const V&) { return true; }, [](const V&) {});
  }

  bool CompareAndDelete(const K& key, const V& expected) {
    return Remove(
        key, [&](const V& v) { return v == expected; }, [](const V&) {});
  }

  bool CompareAndSwap(const K& key, const V& expected, const V& desired) {
    const std::uint64_t hash = Hash{}(key);
    Guard guard;
    Segment* segment = SegmentOf(hash).load(std::memory_order_acquire);  // (2)
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
        for (const Node* n = Next(table[bin]); n != nullptr; n = Next(n->next)) {
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
      Sums sums;
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
    Sums sums;
    for (std::size_t i = 0; i < segment_count_; ++i) SegmentAt(i)->AddTo(sums);
    return sums.count;
  }

  // Room for n keys spread by chance: n/segments and three standard deviations
  // more for each segment.
  void Reserve(std::size_t entries) {
    if (entries == 0) return;
    const double mean =
        static_cast<double>(entries) / static_cast<double>(segment_count_);
    const double spread = segment_count_ > 1 ? 3 * std::sqrt(mean) : 0;
    const auto each = static_cast<std::size_t>(std::ceil(mean + spread));
    Guard guard;
    for (std::size_t i = 0; i < segment_count_; ++i) {
      Segment& segment = Ensure(segments_[i]);
      Lock lock(segment.lock);
      std::size_t size = segment.Now().size();
      while (each > Threshold(size)) size *= 2;
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
        sizeof(*this) +
        internal::MallocBytes(segment_count_ * sizeof(Atomic<Segment*>));
    for (std::size_t i = 0; i < segment_count_; ++i) {
      if (const Segment* segment = SegmentAt(i)) {
        bytes += internal::MallocBytes(sizeof(Segment)) + segment->TableBytes();
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
  static constexpr int kSpins = 64;
  static constexpr std::size_t kLeastBins = 2;

  static constexpr std::size_t Threshold(std::size_t bins) {
    return bins / 4 * 3 + (bins % 4) / 2;  // 3/4, and 1 for 2 bins
  }

  struct Node {
    Node(std::uint64_t h, const K& k, typename Cell::Fresh v)
        : hash(h), key(k), value(std::move(v)) {}
    // For growth: shares the value.
    Node(const Node& original, Node* n)
        : next(n),
          hash(original.hash),
          key(original.key),
          value(original.value) {}

    // Of a node whose value lives on in a copy.
    static void DeleteOriginal(void* node) {
      auto* const original = static_cast<Node*>(node);
      original->value.Release();
      delete original;
    }

    Atomic<Node*> next{nullptr};
    const std::uint64_t hash;
    const K key;
    Cell value;
  };

  using Bin = Atomic<Node*>;

  struct Table : internal::TrailingArray<Table, Bin> {
    explicit Table(std::size_t size)
        : internal::TrailingArray<Table, Bin>(size) {}

    std::size_t IndexOf(std::uint64_t hash) const {
      return hash & (this->size() - 1);
    }
    Bin& BinOf(std::uint64_t hash) { return (*this)[IndexOf(hash)]; }
    const Bin& BinOf(std::uint64_t hash) const { return (*this)[IndexOf(hash)]; }

    static void Delete(void* table) {
      internal::TrailingArray<Table, Bin>::Delete(static_cast<Table*>(table));
    }
    static void DeleteWithNodes(void* object) {
      auto* const table = static_cast<Table*>(object);
      for (std::size_t i = 0; i < table->size(); ++i) {
        Node* node = (*table)[i].load(std::memory_order_acquire);
        while (node != nullptr) {
          delete std::exchange(node, node->next.load(std::memory_order_acquire));
        }
      }
      Delete(table);
    }
  };

  struct Sums {
    std::uint64_t changes = 0;
    std::uint64_t count = 0;
    bool changing = false;
  };

  // (1) acquire, pairs with the release stores (3) to (6): nodes as their writers
  // made them.
  static Node* Next(const Bin& link) {
    return link.load(std::memory_order_acquire);
  }

  static Node* FindIn(const Table& table, std::uint64_t hash, const K& key) {
    Node* node = Next(table.BinOf(hash));
    while (node != nullptr && !(node->hash == hash && node->key == key)) {
      node = Next(node->next);
    }
    return node;
  }

  struct alignas(kCacheLine) Segment {
    Segment() : table(Table::New(kLeastBins).release()) {}
    Segment(const Segment&) = delete;
    Segment& operator=(const Segment&) = delete;
    ~Segment() {
      Table::DeleteWithNodes(table.load(std::memory_order_acquire));
    }

    Table& Now() const { return *table.load(std::memory_order_acquire); }  // (1)

    // Of the writer in the segment: around what changes the count.
    class Change {
     public:
      explicit Change(Segment& segment) : segment_(segment) { Step(); }
      ~Change() { Step(); }
      Change(const Change&) = delete;
      Change& operator=(const Change&) = delete;

     private:
      // (7) release, pairs with (9) for the second step. The first is known to
      // whoever sees a later release, of the count (8) or of a link.
      void Step() {
        auto& number = segment_.changes;
        number.store(number.load(std::memory_order_relaxed) + 1,
                     std::memory_order_release);
      }
      Segment& segment_;
    };

    void SetCount(std::uint64_t n) {
      count.store(n, std::memory_order_release);  // (8), with (9)
    }

    // The count first: if it is newer than the changes of the pass before, so are
    // the changes read after it.
    void AddTo(Sums& sums) const {
      sums.count += count.load(std::memory_order_acquire);  // (9), with (7), (8)
      const std::uint64_t now = changes.load(std::memory_order_acquire);
      sums.changes += now;
      sums.changing |= now % 2 != 0;
    }

    // The first node of the last ones that all go to the same bin of a table of
    // that size.
    static Node* TrailingRun(Node* head, const Table& next) {
      Node* run = head;
      for (Node* node = head; node != nullptr; node = Next(node->next)) {
        if (next.IndexOf(node->hash) != next.IndexOf(run->hash)) run = node;
      }
      return run;
    }

    // To a greater size. Strong.
    void Rehash(std::size_t size, Guard& guard) {
      Table& old = Now();
      typename Table::Owner next = Table::New(size);
      std::size_t copied = 0, reused = 0;
      std::size_t done = 0;
      try {
        for (; done < old.size(); ++done) {
          Node* const head = Next(old[done]);
          if (head == nullptr) continue;
          Node* const run = TrailingRun(head, *next);
          // Relaxed, here and below: published by (3).
          next->BinOf(run->hash).store(run, std::memory_order_relaxed);
          for (Node* node = head; node != run; node = Next(node->next)) {
            Bin& bin = next->BinOf(node->hash);
            bin.store(new Node(*node, bin.load(std::memory_order_relaxed)),
                      std::memory_order_relaxed);
            ++copied;
          }
          for (Node* node = run; node != nullptr; node = Next(node->next)) {
            ++reused;
          }
        }
        guard.Prepare(copied + 1);
      } catch (...) {
        for (std::size_t i = 0; i <= done && i < old.size(); ++i) {
          DeleteCopies(*next, old, i);
        }
        throw;
      }
      ++rehashes;
      nodes_copied += copied;
      nodes_reused += reused;
      // (3) release, pairs with (1).
      table.store(next.get(), std::memory_order_release);
      for (std::size_t i = 0; i < old.size(); ++i) {
        Node* node = Next(old[i]);
        if (node == nullptr) continue;
        Node* const run = TrailingRun(node, *next);
        while (node != run) {
          guard.Retire(std::exchange(node, Next(node->next)),
                       &Node::DeleteOriginal, sizeof(Node));
        }
      }
      guard.Retire(&old, &Table::Delete, old.HeapBytesHeld());
      next.release();
    }

    // Of one bin of the old table, all that have been made.
    static void DeleteCopies(Table& next, const Table& old, std::size_t bin) {
      Node* const head = Next(old[bin]);
      if (head == nullptr) return;
      const Node* const run = TrailingRun(head, next);
      for (std::size_t i = bin; i < next.size(); i += old.size()) {
        Node* node = next[i].load(std::memory_order_relaxed);
        while (node != nullptr && node != run) {
          Node::DeleteOriginal(
              std::exchange(node, node->next.load(std::memory_order_relaxed)));
        }
      }
    }

    void Empty(typename Table::Owner next, Guard& guard) noexcept {
      const std::uint64_t entries = count.load(std::memory_order_relaxed);
      if (entries == 0) return;
      Table& old = Now();
      {
        Change change(*this);
        table.store(next.release(), std::memory_order_release);  // (3)
        SetCount(0);
      }
      guard.Retire(&old, &Table::DeleteWithNodes,
                   old.HeapBytesHeld() + entries * sizeof(Node));
    }

    std::size_t TableBytes() const {
      const Table& now = Now();
      std::size_t bytes = now.HeapBytesHeld();
      for (std::size_t i = 0; i < now.size(); ++i) {
        for (const Node* n = Next(now[i]); n != nullptr; n = Next(n->next)) {
          bytes += internal::MallocBytes(sizeof(Node)) +
                   internal::HeapBytes(n->key) + n->value.HeapBytesHeld();
        }
      }
      return bytes;
    }

    Atomic<Table*> table;
    Atomic<std::uint64_t> count{0};
    Atomic<std::uint64_t> changes{0};
    Mutex lock;
    // Guarded by the lock.
    std::uint64_t rehashes = 0;
    std::uint64_t nodes_reused = 0;
    std::uint64_t nodes_copied = 0;
    std::uint64_t lock_waits = 0;
  };

  // The lock of a segment, and what its holder may do.
  class Writer {
   public:
    Writer(Guard& guard, Segment& segment, std::uint64_t hash, const K& key)
        : guard_(guard), segment_(segment), lock_(segment.lock, std::try_to_lock) {
      if (!lock_.owns_lock()) ScanAndLock(hash, key);
    }

    Node* Find(std::uint64_t hash, const K& key) const {
      return FindIn(segment_.Now(), hash, key);
    }

    void Replace(Node& node, typename Cell::Fresh fresh) {
      guard_.Prepare(1);
      node.value.Replace(std::move(fresh), guard_);
    }

    // The key is not there. Strong.
    void Insert(std::uint64_t hash, const K& key, typename Cell::Fresh fresh) {
      auto node = std::make_unique<Node>(hash, key, std::move(fresh));
      const std::uint64_t count =
          segment_.count.load(std::memory_order_relaxed) + 1;
      const std::size_t size = segment_.Now().size();
      if (count > Threshold(size)) segment_.Rehash(2 * size, guard_);
      Bin& bin = segment_.Now().BinOf(hash);
      node->next.store(Next(bin), std::memory_order_relaxed);
      typename Segment::Change change(segment_);
      bin.store(node.release(), std::memory_order_release);  // (4), with (1)
      segment_.SetCount(count);
    }

    // False if the key is not there or not `wanted`. `take` sees the value before
    // it goes.
    template <class P, class F>
    bool Erase(std::uint64_t hash, const K& key, P wanted, F take) {
      Bin* link = &segment_.Now().BinOf(hash);
      Node* node = Next(*link);
      while (node != nullptr && !(node->hash == hash && node->key == key)) {
        link = &node->next;
        node = Next(*link);
      }
      if (node == nullptr || !wanted(node->value.Read())) return false;
      take(node->value.Read());
      guard_.Prepare(1);
      {
        typename Segment::Change change(segment_);
        // (5) release, pairs with (1). Readers on the node go on along its link.
        link->store(Next(node->next), std::memory_order_release);
        segment_.SetCount(segment_.count.load(std::memory_order_relaxed) - 1);
      }
      guard_.Retire(node, sizeof(Node) + node->value.HeapBytesHeld());
      return true;
    }

   private:
    // Walks the bin while it tries, from the start again when the head changes.
    [[gnu::noinline]] void ScanAndLock(std::uint64_t hash, const K& key) {
      const Node* head = nullptr;
      const Node* node = nullptr;
      bool found = false;
      for (int spin = 0; spin < kSpins; ++spin) {
        if (lock_.try_lock()) break;
        Atomics::Pause();
        if (spin % 2 == 0) {
          const Node* const now = Next(segment_.Now().BinOf(hash));
          if (now != head) {
            head = node = now;
            found = false;
          }
        }
        if (node == nullptr || found) continue;
        found = node->hash == hash && node->key == key;
        node = Next(node->next);
      }
      if (!lock_.owns_lock()) lock_.lock();
      ++segment_.lock_waits;
    }

    Guard& guard_;
    Segment& segment_;
    Lock lock_;
  };

  // With one segment the shift would be by 64: hence two.
  Atomic<Segment*>& SegmentOf(std::uint64_t hash) const {
    return segments_[(hash >> 32) >> shift_];
  }
  Segment* SegmentAt(std::size_t i) const {
    return segments_[i].load(std::memory_order_acquire);  // (2), with (6)
  }

  Segment& Ensure(std::uint64_t hash) { return Ensure(SegmentOf(hash)); }
  Segment& Ensure(Atomic<Segment*>& place) {
    Segment* present = place.load(std::memory_order_acquire);  // (2)
    if (present != nullptr) [[likely]] return *present;
    auto fresh = std::make_unique<Segment>();
    // (6) release, pairs with (2): the segment as it was made. Acquire for the one
    // of a faster thread.
    if (place.compare_exchange_strong(present, fresh.get(),
                                      std::memory_order_acq_rel,
                                      std::memory_order_acquire)) {
      return *fresh.release();
    }
    return *present;
  }

  // Under a guard.
  const Node* Lookup(std::uint64_t hash, const K& key) const {
    const Segment* segment = SegmentOf(hash).load(std::memory_order_acquire);
    return segment == nullptr ? nullptr : FindIn(segment->Now(), hash, key);
  }

  template <class P, class F>
  bool Remove(const K& key, P wanted, F take) {
    const std::uint64_t hash = Hash{}(key);
    Guard guard;
    Segment* segment = SegmentOf(hash).load(std::memory_order_acquire);  // (2)
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
