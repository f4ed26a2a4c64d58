// SPDX-License-Identifier: Apache-2.0
//
// published_map: built under a lock, then published and read without one.
//
//                  publish: by call, or after reads enough
//     +----------+ --------------------------------------> +-----------+
//     | building |                                         | published |
//     +----------+ <-------------------------------------- +-----------+
//      one mutex     withdraw: the first write that changes   Replace(): one
//      for all       something                                published state
//                                                             after another
//
// While it is built the map is a table behind a mutex, for readers too. Once
// published it does not change, so readers need no lock. A write that would change
// it withdraws it first: from then on readers take the mutex again, until the map
// is published anew. Writes that find nothing to change (LoadOrStore of a present
// key, Delete of an absent one) withdraw nothing.
//
// The two ways to publish, a parameter:
//
//   kExchange  Publishing hands the table itself to the readers: a pointer is
//              stored, O(1), nothing is copied. Readers hold it under an epoch
//              guard and never wait. The price comes with withdrawing: readers may
//              still be in the table, so the writer copies it, O(n), and changes
//              the copy. Replace() builds the new table before it takes any lock
//              and exchanges the pointer.
//   kCopy      There are two tables. Publishing copies one into the place of the
//              other, O(n), under a lock that readers share: while it copies they
//              wait, and each read writes to the lock. Withdrawing is O(1): a flag.
//              Replace() copies as publishing does. No reclamation is needed.
//
// Tunable publish_after. Every read by the mutex counts, every change sets the
// count to 0; the map publishes itself when the count reaches publish_after and
// also the number of entries. Hence the O(n) of a round, whichever side pays, is
// shared by n reads at least, each of which has taken a mutex: at most a constant
// factor is lost, however reads and writes alternate. With 0 only Publish(),
// Replace() and StoreBatch publish.
//
// StoreBatch on an empty map builds, then publishes: the case of a map that is
// filled once and read ever after. On a map with content it is a write like others,
// under one hold of the mutex.
//
// Guarantees. Every operation, those on the whole map included, is linearizable: a
// reader of a published state at the moment it fetched the pointer (or took the
// shared lock). For that a writer withdraws before it changes the state that
// readers under the mutex see. Writes are blocking, and so are reads while the map
// is being built; reads of a published state are wait-free with kExchange, and
// blocking with kCopy. Exceptions change nothing, but may leave the map withdrawn.
//
// Source: common practice ("build, then share": Go's atomic.Value with a map that
// no longer changes); the counted reads that promote are those of Go's sync.Map
// (misses against len(dirty)).
#ifndef CMAP_MAPS_PUBLISHED_MAP_H_
#define CMAP_MAPS_PUBLISHED_MAP_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"
#include "maps/internal/memory.h"
#include "maps/internal/options.h"
#include "maps/internal/tables/table.h"
#include "maps/published_map/publication.h"

namespace cmap {

enum class Publication {
  kExchange,  // of a pointer
  kCopy,      // into a place under a lock
};

struct PublishedMapOptions {
  std::int64_t publish_after = 1024;
};

template <class K, class V, class Hash = DefaultHash<K>,
          class Atomics = NativeAtomics,
          Publication kPublication = Publication::kExchange>
class alignas(kCacheLine) PublishedMap {
  static constexpr bool kExchange = kPublication == Publication::kExchange;

  using Table = internal::Table<K, V>;
  using Place =
      std::conditional_t<kExchange, internal::ExchangedPublication<Table, Atomics>,
                         internal::CopiedPublication<Table, Atomics>>;

 public:
  using key_type = K;
  using mapped_type = V;
  using Options = PublishedMapOptions;

  static constexpr Traits kTraits = {
      .family = "build, then publish",
      .summary = kExchange
                     ? "a locked table while it changes; handed to readers by "
                       "pointer, without a lock, once it is only read"
                     : "a locked table while it changes; copied to a second one "
                       "under a shared lock once it is only read",
      .source = "common practice; Go's atomic.Value with a constant map, the "
                "promotion rule of sync.Map",
      .read_progress = Progress::kBlocking,
      .write_progress = Progress::kBlocking,
      .reclamation = kExchange ? "epochs" : "none needed",
      .growth = "doubles at load factor 1, all at once, under the lock",
      .range = RangeConsistency::kSnapshot,
      .batch_is_atomic = true,
      .clear_is_atomic = true,
      .caveat = kExchange ? "reads are wait-free only while published; the first "
                            "write after publishing copies the table"
                          : "publishing copies the table, during which readers "
                            "wait; two tables are held",
  };
  static constexpr std::array<Tunable<Options>, 1> kTunables = {{
      {"publish_after", &Options::publish_after, 0, 1'000'000'000,
       "reads without a change, and at least as many as there are entries, after "
       "which the map publishes itself; 0: only when told to"},
  }};

  PublishedMap() : PublishedMap(Options{}) {}
  explicit PublishedMap(const Options& options)
      : publish_after_(static_cast<std::uint64_t>(
            internal::CheckOptions(kName, options, kTunables).publish_after)),
        table_(std::make_unique<Table>()) {}
  PublishedMap(const PublishedMap&) = delete;
  PublishedMap& operator=(const PublishedMap&) = delete;

  // O(1); O(n) with kCopy when it is the read that publishes.
  std::optional<V> Load(const K& key) { return LoadByVisit<V>(*this, key); }

  template <class F>
  [[gnu::always_inline]] bool Visit(const K& key, F&& f) {
    const std::uint64_t hash = Hash{}(key);
    bool found = false;
    if (place_.Read([&](const Table& t) { found = t.Visit(hash, key, f); })) {
      return found;
    }
    const Lock lock(mu_);
    found = table_->Visit(hash, key, f);
    CountRead();
    return found;
  }

  void Store(const K& key, const V& value) {
    const std::uint64_t hash = Hash{}(key);
    Writer writer(*this);
    writer.Table().Store(hash, key, value);
  }

  Loaded<V> LoadOrStore(const K& key, const V& value) {
    return LoadOr(key, [&](Table& table, std::uint64_t hash) {
      return table.LoadOrStore(hash, key, value);
    });
  }

  // `make` runs under the mutex: it must not call the map.
  template <class F>
  Loaded<V> LoadOrCompute(const K& key, F&& make) {
    return LoadOr(key, [&](Table& table, std::uint64_t hash) {
      return table.LoadOrCompute(hash, key, std::forward<F>(make));
    });
  }

  std::optional<V> LoadAndDelete(const K& key) {
    const std::uint64_t hash = Hash{}(key);
    Writer writer(*this);
    if (writer.Find(hash, key) == nullptr) return std::nullopt;
    return writer.Table().LoadAndDelete(hash, key);
  }

  bool Delete(const K& key) {
    const std::uint64_t hash = Hash{}(key);
    Writer writer(*this);
    return writer.Find(hash, key) != nullptr && writer.Table().Delete(hash, key);
  }

  std::optional<V> Swap(const K& key, const V& value) {
    const std::uint64_t hash = Hash{}(key);
    Writer writer(*this);
    return writer.Table().Swap(hash, key, value);
  }

  bool CompareAndSwap(const K& key, const V& expected, const V& desired) {
    const std::uint64_t hash = Hash{}(key);
    Writer writer(*this);
    const V* found = writer.Find(hash, key);
    if (found == nullptr || !(*found == expected)) return false;
    writer.Table().Store(hash, key, desired);
    return true;
  }

  bool CompareAndDelete(const K& key, const V& expected) {
    const std::uint64_t hash = Hash{}(key);
    Writer writer(*this);
    const V* found = writer.Find(hash, key);
    if (found == nullptr || !(*found == expected)) return false;
    return writer.Table().Delete(hash, key);
  }

  // Visits a published state where it is with kExchange, else a copy.
  template <class F>
  void Range(F&& visit) {
    if constexpr (kExchange) {
      if (place_.Read([&](const Table& t) { t.ForEach(visit); })) return;
    }
    std::vector<std::pair<K, V>> entries;
    {
      const Lock lock(mu_);
      table_->AppendTo(entries);
    }
    for (const auto& [key, value] : entries) {
      if (!visit(key, value)) return;
    }
  }

  void Clear() {
    Writer writer(*this);
    if (writer.Size() != 0) writer.Exchange(std::make_unique<Table>());
  }

  std::size_t Size() {
    std::size_t size = 0;
    if (place_.Read([&](const Table& t) { size = t.Size(); })) return size;
    const Lock lock(mu_);
    return table_->Size();
  }

  // Takes effect at once while the map is built, else when it is next withdrawn.
  void Reserve(std::size_t entries) {
    const Lock lock(mu_);
    reserved_ = std::max(reserved_, entries);
    if (!place_.published()) table_->Reserve(reserved_);
  }

  void StoreBatch(std::span<const std::pair<K, V>> batch) {
    if (batch.empty()) return;
    if (Size() == 0) {
      std::unique_ptr<Table> fresh = Build(batch);
      Writer writer(*this);
      if (writer.Size() == 0) {
        writer.Exchange(std::move(fresh));
        TryPublish();
        return;
      }
    }
    Writer writer(*this);
    Table& table = writer.Table();
    for (const auto& [key, value] : batch) table.Store(Hash{}(key), key, value);
  }

  // The map holds these pairs and nothing else, published; readers see either all
  // of the former content or all of the new. When it throws, the former.
  void Replace(std::span<const std::pair<K, V>> content) {
    std::unique_ptr<Table> fresh = Build(content);
    Writer writer(*this);
    writer.Replace(std::move(fresh));
  }

  // Publishes what is there, now. With kCopy it may throw what copying throws.
  void Publish() {
    const Lock lock(mu_);
    PublishLocked();
  }

  bool published() {
    const Lock lock(mu_);
    return place_.published();
  }

  std::size_t MemoryBytes() {
    return sizeof(*this) + internal::MallocBytes(sizeof(Table)) +
           table_->HeapBytesHeld() + place_.HeapBytesHeld();
  }

  // publications, withdrawals: changes of the phase; replacements: of one
  // published state by another; entries_copied: by any of these.
  std::vector<Counter> Counters() const {
    const Lock lock(mu_);
    return {{"publications", publications_},
            {"withdrawals", withdrawals_},
            {"replacements", replacements_},
            {"entries_copied", entries_copied_}};
  }

  static void Quiesce() { Place::Quiesce(); }

 private:
  static constexpr std::string_view kName =
      kExchange ? "published_map" : "published_map_copy";

  using Lock = std::unique_lock<typename Atomics::Mutex>;

  static std::unique_ptr<Table> Build(
      std::span<const std::pair<K, V>> content) {
    auto table = std::make_unique<Table>();
    table->Reserve(content.size());
    for (const auto& [key, value] : content) {
      table->Store(Hash{}(key), key, value);
    }
    return table;
  }

  // The mutex, and the way to the table that may be changed.
  class Writer {
   public:
    explicit Writer(PublishedMap& map) : map_(map), lock_(map.mu_) {}
    ~Writer() { map_.table_->SendDepartedTo(nullptr); }
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    const V* Find(std::uint64_t hash, const K& key) const {
      return map_.table_->Find(hash, key);
    }
    std::size_t Size() const { return map_.table_->Size(); }

    // For a change: withdrawn.
    internal::Table<K, V>& Table() {
      map_.reads_ = 0;
      if (map_.place_.published()) {
        map_.entries_copied_ +=
            map_.place_.Withdraw(map_.table_, garbage_, map_.reserved_);
        ++map_.withdrawals_;
      }
      map_.table_->SendDepartedTo(&gone_);
      return *map_.table_;
    }

    // Other content, withdrawn, without a copy.
    void Exchange(std::unique_ptr<internal::Table<K, V>> fresh) {
      map_.reads_ = 0;
      if (map_.place_.published()) ++map_.withdrawals_;
      fresh->Reserve(map_.reserved_);
      map_.place_.Forget(map_.table_, garbage_);
      left_ = std::exchange(map_.table_, std::move(fresh));
    }

    void Replace(std::unique_ptr<internal::Table<K, V>> fresh) {
      map_.entries_copied_ +=
          map_.place_.Replace(map_.table_, std::move(fresh), garbage_);
      map_.reads_ = 0;
      ++map_.replacements_;
    }

   private:
    PublishedMap& map_;
    // Outlive the mutex, so that nothing is freed under it: destructors may call the map.
    typename Place::Garbage garbage_;
    typename internal::Table<K, V>::Gone gone_;
    std::unique_ptr<internal::Table<K, V>> left_;
    Lock lock_;
  };

  template <class Insert>
  Loaded<V> LoadOr(const K& key, Insert&& insert) {
    const std::uint64_t hash = Hash{}(key);
    std::optional<V> found;
    if (place_.Read([&](const Table& t) { found = t.Load(hash, key); }) && found) {
      return {*std::move(found), true};
    }
    Writer writer(*this);
    if (const V* present = writer.Find(hash, key)) {
      Loaded<V> result{*present, true};
      CountRead();
      return result;
    }
    return insert(writer.Table(), hash);
  }

  // What follows: under the mutex.

  void PublishLocked() {
    if (place_.published()) return;
    entries_copied_ += place_.Publish(*table_);
    ++publications_;
    reads_ = 0;
  }

  void CountRead() {
    if (publish_after_ == 0 || place_.published()) return;
    if (++reads_ < publish_after_ || reads_ < table_->Size()) return;
    TryPublish();
  }

  // For callers whose own work is done: that publishing failed, for want of memory
  // for instance, is not their affair. Later reads will try again.
  void TryPublish() noexcept {
    reads_ = 0;
    try {
      PublishLocked();
    } catch (...) {
    }
  }

  // Read by every reader.
  Place place_;
  // What follows is used under the mutex only.
  alignas(kCacheLine) mutable typename Atomics::Mutex mu_;
  const std::uint64_t publish_after_;
  std::unique_ptr<Table> table_;  // the content, published or not
  std::size_t reserved_ = 0;
  std::uint64_t reads_ = 0;  // since the last change
  std::uint64_t publications_ = 0;
  std::uint64_t withdrawals_ = 0;
  std::uint64_t replacements_ = 0;
  std::uint64_t entries_copied_ = 0;
};

}  // namespace cmap

#endif  // CMAP_MAPS_PUBLISHED_MAP_H_
