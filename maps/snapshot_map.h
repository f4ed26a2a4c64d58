// SPDX-License-Identifier: Apache-2.0
//
// snapshot_map: copy on write. The map is one constant table; readers take the
// pointer to it, a writer copies it, changes the copy and exchanges the pointer.
//
//   readers --> [ snapshot ] --------> table of this moment (constant)
//                     ^
//                     | publish        copy + change
//   writer (mutex) ---+--------------> table of the next moment
//                                      the former one: freed when no reader has it
//
// Readers never wait for writers, and what they see never changes under them:
// Range visits one state of the map without copying it. Every write costs O(n),
// time and memory. The design is for maps that are read all the time and written
// hardly ever, or in batches: StoreBatch copies once, however long the batch, and
// becomes visible at once.
//
// Guarantees. Every operation, those on the whole map included, is linearizable.
// Load, Range and Size are wait-free (given bounded buckets; with hazard pointers
// lock-free, with shared pointers blocking), as are operations that find on the
// snapshot that they have nothing to change: LoadOrStore of a present key, Delete
// of an absent one, CompareAndX with another value. Others hold the mutex for the
// copying. Exceptions come before the publishing, so they change nothing.
//
// What is retired is a whole table. It counts by its size for reclamation, so
// that a few snapshots of a large map, not some hundreds, wait to be freed. Range
// visits under a guard.
//
// How a table that readers may still use is freed is a parameter, with the one
// pointer as the simplest case there is (internal/reclamation/reclamation.h compares them):
// epochs; hazard pointers, which hold back the one table that a stopped reader has
// named, where epochs hold back all later ones (snapshot_map_hazard); quiescent
// states (snapshot_map_qsbr); reference counts by std::atomic<std::shared_ptr>, as
// the standard library offers it and articles recommend it (snapshot_map_shared_ptr).
//
// Source: DeepCopyMap of Go's src/sync/map_reference_test.go, and the example of
// Go's atomic.Value ("read-mostly"). Unlike DeepCopyMap, no operation copies when
// there is nothing to change (there Swap and LoadAndDelete always copy), and a
// table copy keeps its bucket array's size, so that growth is not paid again.
#ifndef CMAP_MAPS_SNAPSHOT_MAP_H_
#define CMAP_MAPS_SNAPSHOT_MAP_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"
#include "maps/internal/memory.h"
#include "maps/internal/orders.h"
#include "maps/internal/reclamation/epoch.h"
#include "maps/internal/reclamation/hazard.h"
#include "maps/internal/reclamation/published.h"
#include "maps/internal/tables/table.h"
#include "maps/internal/text.h"

namespace cmap {

template <class K, class V, class Hash = DefaultHash<K>,
          class Atomics = NativeAtomics,
          template <class> class Reclamation = internal::EpochDomain>
class alignas(kCacheLine) SnapshotMap {
  using Table = internal::Table<K, V>;
  using Domain = Reclamation<Atomics>;
  using Guard = typename Domain::Guard;

  static constexpr std::string_view kHow =
      "an unchanging table that every write replaces by a copy; freed by ";
  static constexpr std::string_view kCosts = "a write costs O(n): batch the writes; ";

 public:
  using key_type = K;
  using mapped_type = V;
  using Options = NoOptions;

  static constexpr Traits kTraits = {
      .family = "copy on write",
      .summary = internal::kJoined<kHow, Domain::kName,
                                   internal::kOrdersNote<Atomics>>,
      .source = "Go, src/sync/map_reference_test.go (DeepCopyMap)",
      .read_progress = Domain::kReadProgress,
      .write_progress = Progress::kBlocking,
      .reclamation = Domain::kName,
      .growth = "every write copies the table; a larger copy now and then",
      .range = RangeConsistency::kSnapshot,
      .batch_is_atomic = true,
      .clear_is_atomic = true,
      .caveat = internal::kJoined<kCosts, Domain::kCaveat>,
  };
  static constexpr std::array<Tunable<Options>, 0> kTunables = {};

  SnapshotMap() : snapshot_(std::make_unique<Table>()) {}
  explicit SnapshotMap(const Options&) : SnapshotMap() {}
  SnapshotMap(const SnapshotMap&) = delete;
  SnapshotMap& operator=(const SnapshotMap&) = delete;

  std::optional<V> Load(const K& key) { return LoadByVisit<V>(*this, key); }

  template <class F>
  [[gnu::always_inline]] bool Visit(const K& key, F&& f) {
    Guard guard;
    return snapshot_.Read(guard).Visit(Hash{}(key), key, f);
  }

  void Store(const K& key, const V& value) {
    const std::uint64_t hash = Hash{}(key);
    Writer writer(*this);
    writer.Copy().Store(hash, key, value);
    writer.Publish();
  }

  Loaded<V> LoadOrStore(const K& key, const V& value) {
    const std::uint64_t hash = Hash{}(key);
    if (auto found = LoadHashed(hash, key)) return {*std::move(found), true};
    Writer writer(*this);
    if (const V* found = writer.Now().Find(hash, key)) return {*found, true};
    Loaded<V> result = writer.Copy().LoadOrStore(hash, key, value);
    writer.Publish();
    return result;
  }

  // `make` runs under the writers' mutex: it must not call the map.
  template <class F>
  Loaded<V> LoadOrCompute(const K& key, F&& make) {
    const std::uint64_t hash = Hash{}(key);
    if (auto found = LoadHashed(hash, key)) return {*std::move(found), true};
    Writer writer(*this);
    if (const V* found = writer.Now().Find(hash, key)) return {*found, true};
    Loaded<V> result =
        writer.Copy().LoadOrCompute(hash, key, std::forward<F>(make));
    writer.Publish();
    return result;
  }

  std::optional<V> LoadAndDelete(const K& key) {
    const std::uint64_t hash = Hash{}(key);
    if (!Holds(hash, key)) return std::nullopt;
    Writer writer(*this);
    if (writer.Now().Find(hash, key) == nullptr) return std::nullopt;
    std::optional<V> old = writer.Copy().LoadAndDelete(hash, key);
    writer.Publish();
    return old;
  }

  bool Delete(const K& key) {
    const std::uint64_t hash = Hash{}(key);
    if (!Holds(hash, key)) return false;
    Writer writer(*this);
    if (writer.Now().Find(hash, key) == nullptr) return false;
    writer.Copy().Delete(hash, key);
    writer.Publish();
    return true;
  }

  std::optional<V> Swap(const K& key, const V& value) {
    const std::uint64_t hash = Hash{}(key);
    Writer writer(*this);
    std::optional<V> old = writer.Copy().Swap(hash, key, value);
    writer.Publish();
    return old;
  }

  bool CompareAndSwap(const K& key, const V& expected, const V& desired) {
    const std::uint64_t hash = Hash{}(key);
    if (!Holds(hash, key, expected)) return false;
    Writer writer(*this);
    const V* found = writer.Now().Find(hash, key);
    if (found == nullptr || !(*found == expected)) return false;
    writer.Copy().Store(hash, key, desired);
    writer.Publish();
    return true;
  }

  bool CompareAndDelete(const K& key, const V& expected) {
    const std::uint64_t hash = Hash{}(key);
    if (!Holds(hash, key, expected)) return false;
    Writer writer(*this);
    const V* found = writer.Now().Find(hash, key);
    if (found == nullptr || !(*found == expected)) return false;
    writer.Copy().Delete(hash, key);
    writer.Publish();
    return true;
  }

  template <class F>
  void Range(F&& visit) {
    Guard guard;
    snapshot_.Read(guard).ForEach(std::forward<F>(visit));
  }

  void Clear() {
    Writer writer(*this);
    if (writer.Now().Size() == 0) return;
    writer.Empty();
    writer.Publish();
  }

  std::size_t Size() {
    Guard guard;
    return snapshot_.Read(guard).Size();
  }

  // Takes effect with the next copy.
  void Reserve(std::size_t entries) {
    std::unique_lock lock(mu_);
    reserved_ = std::max(reserved_, entries);
  }

  // One copy for the whole batch.
  void StoreBatch(std::span<const std::pair<K, V>> batch) {
    if (batch.empty()) return;
    Writer writer(*this);
    writer.Copy().template StoreAll<Hash>(batch);
    writer.Publish();
  }

  // The present snapshot; older ones that wait to be freed are not counted.
  std::size_t MemoryBytes() {
    return sizeof(*this) + internal::MallocBytes(sizeof(Table)) +
           Published::kExtraBytes + snapshot_.Now().HeapBytesHeld();
  }

  // copies: snapshots made by copying; entries_copied: entries in them.
  std::vector<Counter> Counters() const {
    std::unique_lock lock(mu_);
    return {{"copies", copies_}, {"entries_copied", entries_copied_}};
  }

  // Frees what maps of this kind have put aside, as far as no thread is in a
  // map at the moment.
  static void Quiesce() { Domain::Drain(); }

  // This thread will not use a map for a while: see internal/reclamation/rcu.h.
  static void Idle() noexcept { Domain::Idle(); }

 private:
  using Published = internal::Published<Table, Domain, Atomics>;

  // The mutex, and the next snapshot until it is published. What an exception
  // leaves unpublished is thrown away.
  class Writer {
   public:
    explicit Writer(SnapshotMap& map)
        : map_(map), room_(guard_), lock_(map.mu_) {}

    // Constant while the mutex is held.
    const Table& Now() const { return map_.snapshot_.Now(); }
    Table& Copy() {
      next_ = std::make_unique<Table>(Now());
      next_->Reserve(map_.reserved_);
      next_->SendDepartedTo(&gone_);
      ++map_.copies_;
      map_.entries_copied_ += Now().Size();
      return *next_;
    }
    void Empty() { next_ = std::make_unique<Table>(); }

    void Publish() {
      next_->SendDepartedTo(nullptr);
      map_.snapshot_.Replace(std::move(next_), guard_, Now().StructureBytes());
    }

   private:
    struct Room {  // before the mutex, as it may throw
      explicit Room(Guard& guard) { guard.Prepare(1); }
    };
    // In this order: all that may free something outlives the mutex, as destructors may
    // call the map.
    SnapshotMap& map_;
    Guard guard_;
    Room room_;
    typename Table::Gone gone_;
    std::unique_ptr<Table> next_;
    std::unique_lock<typename Atomics::Mutex> lock_;
  };

  std::optional<V> LoadHashed(std::uint64_t hash, const K& key) const {
    Guard guard;
    return snapshot_.Read(guard).Load(hash, key);
  }
  bool Holds(std::uint64_t hash, const K& key) const {
    Guard guard;
    return snapshot_.Read(guard).Find(hash, key) != nullptr;
  }
  bool Holds(std::uint64_t hash, const K& key, const V& value) const {
    Guard guard;
    const V* found = snapshot_.Read(guard).Find(hash, key);
    return found != nullptr && *found == value;
  }

  Published snapshot_;
  // Away from what readers read. All that follows is written under the mutex.
  alignas(kCacheLine) mutable typename Atomics::Mutex mu_;
  std::size_t reserved_ = 0;
  std::uint64_t copies_ = 0;
  std::uint64_t entries_copied_ = 0;
};

}  // namespace cmap

#endif  // CMAP_MAPS_SNAPSHOT_MAP_H_
