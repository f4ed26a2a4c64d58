// SPDX-License-Identifier: Apache-2.0
//
// bin_lock_map: the ConcurrentHashMap of Java 8 and later. One table of bins;
// readers take no lock, writers lock the first node of a bin, and all writers that
// come by take part in growth.
//
//   table_ -> [ bin | bin | bin | bin | bin | ... ]
//               |     |     |     |
//               null  |     |     forward ------> the next table
//                     |     reserved (a value is being computed)
//                     node -> node -> node
//                     ^ its lock is the lock of the bin
//
// What may happen to a bin, by whom:
//
//             insert (compare-exchange)          append, remove, overwrite
//     null ----------------------------> nodes --------------+   (head locked)
//      ^ |  <----------------------------  |  <--------------+
//      | |     the last one is removed     |
//      | |                                 | copied and linked into two bins of
//      | | compare-exchange                | the next table (head locked)
//      | +------------> forward <----------+
//      |                                      LoadOrCompute of an absent key:
//      +--> reserved (locked) --> node, or null again if the function throws
//
// Whoever has locked a head looks whether it is still the head: removal and growth
// change that, and then it starts over. New nodes go to the end of the bin, so that
// insertion does not change the head others are waiting for.
//
// Java locks objects by their monitors. Here every node has a lock of one byte
// (internal/locks/spin_lock.h), used while it is the head of a bin. A function given to
// LoadOrCompute runs under it; if it throws, the bin is as before and unlocked.
//
// Growth, above 3/4 nodes per bin. The state of it lies in the table that is left:
//
//   next         the table of twice the size, from when on there is one
//   to_claim     bins [0, to_claim) have not been claimed by anyone
//   moved        bins that are forwarded
//
// A writer that finds a forwarded bin, or has inserted into a table that is
// growing, claims a stride of bins (16 at least) from the end, moves them, and goes
// on until none are left. A bin is moved under its lock: the trailing run of nodes
// that go the same way is used again, those before it are copied, in reverse; both
// new bins are linked before the old one is forwarded. Whoever moves the last bin
// publishes the next table and retires the old one. Nobody waits for growth: a bin
// that is not yet moved is used where it is.
//
// If a copy cannot be made (no memory, or the key's copy constructor throws),
// growth is abandoned where it stands and all bins are offered again to the next
// writer; the operation that was to help goes on. (Java has all this in one word,
// sizeCtl, with a stamp that tells one growth from another; here the table does.)
//
// The number of entries is a sum of cells (internal/counting/long_adder.h). Java counts
// what it has done, here it is counted just before it is done: a key deleted by one
// thread and stored again by another is then never counted twice.
//
// Guarantees. Point operations are linearizable. Load is wait-free, given bounded
// bins, and writes nothing shared. Writers block those of the same bin. Size is a
// sum of cells read at different moments. Range is weak and takes no lock; as
// nodes are appended behind it, it remembers what it has met in a bin, to visit
// each key once. Clear goes from bin to bin; what was there when it began is
// removed. Exceptions come before the publishing, so they change nothing.
//
// Left out: bins of more than eight nodes do not become trees. With a good hash
// they do not occur (one in ten million, says Java); with a bad one this map walks
// lists where Java's walks red-black trees.
//
// Source: JDK 8, java.util.concurrent.ConcurrentHashMap (D. Lea). What differs else:
// epochs in place of the collector; keys are copied where nodes are, values not
// (internal/tables/value_cell.h); the table never forwards to one not yet published, so
// JDK-8214427 (a wrong comparison of the stamp) has no counterpart.
#ifndef CMAP_MAPS_BIN_LOCK_MAP_H_
#define CMAP_MAPS_BIN_LOCK_MAP_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "maps/bin_lock_map/bin_clearing.h"
#include "maps/bin_lock_map/bin_growth.h"
#include "maps/bin_lock_map/bin_writer.h"
#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"
#include "maps/internal/counting/long_adder.h"
#include "maps/internal/options.h"
#include "maps/internal/reclamation/epoch.h"
#include "maps/internal/tables/removals.h"

namespace cmap {

struct BinLockMapOptions {
  std::int64_t stride = 16;
  std::int64_t read_first = 0;
  std::int64_t spread = 1;
};

template <class K, class V, class Hash = DefaultHash<K>, class Atomics = NativeAtomics>
class BinLockMap : public internal::Removals<BinLockMap<K, V, Hash, Atomics>, K, V> {
  using Removals = internal::Removals<BinLockMap, K, V>;
  using Epochs = internal::EpochDomain<Atomics>;
  using Guard = typename Epochs::Guard;
  using Growth = internal::BinGrowth<K, V, Atomics>;
  using Writer = internal::BinWriter<K, V, Atomics>;
  using Table = typename Growth::Table;
  using Node = typename Table::Node;
  using Cell = typename Node::Cell;
  using Fresh = typename Node::Fresh;

 public:
  using key_type = K;
  using mapped_type = V;
  using Options = BinLockMapOptions;

  static constexpr Traits kTraits = {
      .family = "lock-free reads",
      .summary =
          "one table of bins, read without locks, written under a lock in "
          "the first node of the bin",
      .source = "JDK 8, java.util.concurrent.ConcurrentHashMap",
      .read_progress = Progress::kWaitFree,
      .write_progress = Progress::kBlocking,
      .reclamation = "epochs",
      .growth =
          "doubles at load factor 3/4, bin by bin, by all writers that come "
          "by; the last nodes of each bin are used again",
      .range = RangeConsistency::kWeak,
      .batch_is_atomic = false,
      .clear_is_atomic = false,
      .caveat =
          "long bins stay lists, where Java makes trees; a guard held for "
          "long holds up all freeing of memory",
  };
  static constexpr std::array<Tunable<Options>, 3> kTunables = {{
      {"stride", &Options::stride, 16, 65536,
       "least number of bins that a thread claims at once to move them"},
      {"read_first", &Options::read_first, 0, 1,
       "0: LoadOrStore and LoadOrCompute lock the bin at once, as upstream; 1: "
       "they look the key up without it first"},
      {"spread", &Options::spread, 0, 1,
       "1: a hash's bits from the 17th on are mixed into its lowest, which choose the bin, as "
       "upstream; 0: the hash is taken as it is"},
  }};

  BinLockMap() : BinLockMap(Options{}) {}
  explicit BinLockMap(const Options& options)
      : growth_(internal::CheckOptions("bin_lock_map", options, kTunables).stride, counters_),
        read_first_(options.read_first != 0),
        spread_(options.spread != 0 ? ~std::uint64_t{0} : 0) {}
  BinLockMap(const BinLockMap&) = delete;
  BinLockMap& operator=(const BinLockMap&) = delete;

  std::optional<V> Load(const K& key) { return LoadByVisit<V>(*this, key); }

  template <class F>
  [[gnu::always_inline]] bool Visit(const K& key, F&& f) {
    const std::uint64_t hash = HashOf(key);
    Guard guard;
    const Node* found = Lookup(hash, key);
    if (found == nullptr) return false;
    f(found->value.Read());
    return true;
  }

  void Store(const K& key, const V& value) {
    Put(key, Cell::Make(value), [](const V&) {});
  }

  std::optional<V> Swap(const K& key, const V& value) {
    std::optional<V> old;
    Put(key, Cell::Make(value), [&](const V& v) { old.emplace(v); });
    return old;
  }

  Loaded<V> LoadOrStore(const K& key, const V& value) {
    const std::uint64_t hash = HashOf(key);
    Guard guard;
    if (read_first_) {
      if (const Node* found = Lookup(hash, key)) {
        return {found->value.Read(), true};
      }
    }
    std::unique_ptr<Node> fresh;
    std::optional<V> result;  // made before the insertion, as it may throw
    for (;;) {
      Writer writer(growth_, hash, guard);
      if (const Node* found = writer.Find(hash, key)) {
        return {found->value.Read(), true};
      }
      if (!fresh) {
        result.emplace(value);
        fresh = std::make_unique<Node>(hash, key, Cell::Make(value));
      }
      if (writer.Insert(fresh, entries_)) break;
    }
    GrowIfFull(guard);
    return {*std::move(result), false};
  }

  // `make` runs under the lock of the key's bin.
  template <class F>
  Loaded<V> LoadOrCompute(const K& key, F&& make) {
    const std::uint64_t hash = HashOf(key);
    Guard guard;
    if (read_first_) {
      if (const Node* found = Lookup(hash, key)) {
        return {found->value.Read(), true};
      }
    }
    for (;;) {
      Writer writer(growth_, hash, guard);
      if (const Node* found = writer.Find(hash, key)) {
        return {found->value.Read(), true};
      }
      typename Writer::Reservation reservation(writer, entries_, guard);
      if (!reservation.Place()) continue;
      Loaded<V> result{std::forward<F>(make)(), false};
      reservation.Insert(std::make_unique<Node>(hash, key, Cell::Make(result.value)));
      GrowIfFull(guard);
      return result;
    }
  }

  bool CompareAndSwap(const K& key, const V& expected, const V& desired) {
    const std::uint64_t hash = HashOf(key);
    Guard guard;
    if (growth_.Current() == nullptr) return false;
    Fresh fresh = Cell::Make(desired);
    Writer writer(growth_, hash, guard);
    Node* found = writer.Find(hash, key);
    if (found == nullptr || !(found->value.Read() == expected)) return false;
    guard.Prepare(1);
    found->value.Replace(std::move(fresh), guard);
    return true;
  }

  template <class F>
  void Range(F&& visit) {
    Guard guard;
    Table* const table = growth_.Current();
    if (table == nullptr) return;
    std::vector<const Node*> met;
    for (std::size_t i = 0; i < table->size(); ++i) {
      met.clear();
      if (!table->Visit(i, met, visit)) return;
    }
  }

  void Clear() {
    Guard guard;
    Table* const table = growth_.Current();
    if (table == nullptr) return;
    internal::BinClearing<K, V, Atomics> clearing(entries_, guard, std::min(Size(), table->size()));
    for (std::size_t i = 0; i < table->size(); ++i) clearing.Clear(*table, i);
  }

  // O(1). Not less than 0, whatever moments the cells were read at.
  std::size_t Size() { return static_cast<std::size_t>(std::max<std::int64_t>(0, entries_.Sum())); }

  // Gives up if memory is short, as it is a hint.
  void Reserve(std::size_t entries) {
    if (entries == 0) return;
    Guard guard;
    if (growth_.Current() == nullptr) {
      std::size_t size = Table::kLeastBins;
      while (entries > Table::Threshold(size)) size *= 2;
      growth_.First(size);
    }
    Table* table = growth_.Current();
    while (entries > Table::Threshold(table->size()) && growth_.Grow(*table, guard)) {
      table = growth_.Current();
    }
  }

  void StoreBatch(std::span<const std::pair<K, V>> batch) {
    for (const auto& [key, value] : batch) Store(key, value);
  }

  // Nodes that are reachable; what waits to be freed in the epoch domain is not
  // counted. O(n).
  std::size_t MemoryBytes() {
    const Table* const table = growth_.Current();
    return sizeof(*this) + entries_.HeapBytesHeld() +
           (table == nullptr ? 0 : table->HeapBytesInAll());
  }

  // See BinGrowthCounters.
  std::vector<Counter> Counters() const {
    const auto get = [](const auto& count) { return count.load(std::memory_order_relaxed); };
    return {{"growths", get(counters_.growths)},
            {"helps", get(counters_.helps)},
            {"nodes_reused", get(counters_.nodes_reused)},
            {"nodes_copied", get(counters_.nodes_copied)}};
  }

  // Frees what maps of this kind have put aside, as far as no thread is in a
  // map at the moment.
  static void Quiesce() { Epochs::Drain(); }

 private:
  friend Removals;

  // As spread() upstream, of 64 bits.
  std::uint64_t HashOf(const K& key) const {
    const std::uint64_t hash = Hash{}(key);
    return hash ^ (hash >> 16 & spread_);
  }

  // Under a guard.
  const Node* Lookup(std::uint64_t hash, const K& key) const {
    return Table::Find(growth_.Current(), hash, key);
  }

  // `take` sees the value that is about to be replaced.
  template <class F>
  void Put(const K& key, Fresh value, F take) {
    const std::uint64_t hash = HashOf(key);
    Guard guard;
    std::unique_ptr<Node> fresh;
    for (;;) {
      Writer writer(growth_, hash, guard);
      if (Node* found = writer.Find(hash, key)) {
        guard.Prepare(1);
        take(found->value.Read());
        if (fresh) value = fresh->value.TakeBack();
        found->value.Replace(std::move(value), guard);
        return;
      }
      if (!fresh) {
        fresh = std::make_unique<Node>(hash, key, std::move(value));
      }
      if (writer.Insert(fresh, entries_)) break;
    }
    GrowIfFull(guard);
  }

  template <class P, class F>
  bool Remove(const K& key, P wanted, F take) {
    const std::uint64_t hash = HashOf(key);
    Guard guard;
    if (growth_.Current() == nullptr) return false;
    return Writer(growth_, hash, guard).Erase(hash, key, wanted, take, entries_, guard);
  }

  // Throws nothing: the operation it follows has taken effect.
  void GrowIfFull(Guard& guard) noexcept {
    Table* table = growth_.Current();
    while (Size() > Table::Threshold(table->size()) && growth_.Grow(*table, guard)) {
      table = growth_.Current();
    }
  }

  Growth growth_;
  const bool read_first_;
  const std::uint64_t spread_;  // all bits, or none
  // Away from what readers read.
  alignas(kCacheLine) internal::LongAdder<Atomics> entries_;
  internal::BinGrowthCounters<Atomics> counters_;
};

}  // namespace cmap

#endif  // CMAP_MAPS_BIN_LOCK_MAP_H_
