// SPDX-License-Identifier: Apache-2.0
//
// A sequential table behind a lock: LockedTable, which is handed the hash, and
// LockedMap, which computes it and is a whole strategy but for its traits.
// mutex_map.h, shared_mutex_map.h, rw_mutex_map.h, striped_reader_map.h and
// unsynchronised_map.h name a lock each; sharded_map.h has an array of
// LockedTables. The table is internal/tables/table.h, or another with its interface.
//
// The hash is computed before the lock is taken. Values and keys that leave the map are
// destroyed after the lock has been released (departed.h), so that their destructors may
// call the map. (Code that people write by hand destroys them under it, and hangs.)
//
// Range copies the entries under the (shared) lock and calls the visitor after
// releasing it, so that the visitor may call anything. Cost: one copy of every
// key and value and O(n) memory; the lock is held for the copying. What is
// visited is one state of the table. (The RWMutexMap of Go's own tests copies
// the keys and then loads each: as many copies, n lookups more, and no
// snapshot.)
#ifndef CMAP_MAPS_INTERNAL_TABLES_LOCKED_MAP_H_
#define CMAP_MAPS_INTERNAL_TABLES_LOCKED_MAP_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "maps/concurrent_map.h"
#include "maps/internal/options.h"
#include "maps/internal/tables/departed.h"
#include "maps/internal/tables/table.h"

namespace cmap::internal {

// Holds a lock shared for its scope.
template <class Lock>
class SharedGuard {
 public:
  explicit SharedGuard(Lock& lock) : lock_(lock) { lock_.lock_shared(); }
  ~SharedGuard() { lock_.unlock_shared(); }
  SharedGuard(const SharedGuard&) = delete;
  SharedGuard& operator=(const SharedGuard&) = delete;

 private:
  Lock& lock_;
};

template <class K, class V, class Lock, class Inner = Table<K, V>>
class LockedTable {
  struct Exclusive : Departing<Inner, Lock> {
    explicit Exclusive(LockedTable& all) : Departing<Inner, Lock>(all.table_, all.lock_) {}
  };
  using Shared = SharedGuard<Lock>;

 public:
  LockedTable() = default;
  // For locks that have options.
  template <class LockOptions>
  explicit LockedTable(const LockOptions& options) : lock_(options) {}

  std::optional<V> Load(std::uint64_t hash, const K& key) {
    return LoadByVisit<V>(*this, hash, key);
  }

  template <class F>
  bool Visit(std::uint64_t hash, const K& key, F&& f) {
    Shared guard(lock_);
    return table_.Visit(hash, key, f);
  }

  void Store(std::uint64_t hash, const K& key, const V& value) {
    Exclusive guard(*this);
    table_.Store(hash, key, value);
  }

  Loaded<V> LoadOrStore(std::uint64_t hash, const K& key, const V& value) {
    Exclusive guard(*this);
    return table_.LoadOrStore(hash, key, value);
  }

  template <class F>
  Loaded<V> LoadOrCompute(std::uint64_t hash, const K& key, F&& make) {
    Exclusive guard(*this);
    return table_.LoadOrCompute(hash, key, std::forward<F>(make));
  }

  std::optional<V> LoadAndDelete(std::uint64_t hash, const K& key) {
    Exclusive guard(*this);
    return table_.LoadAndDelete(hash, key);
  }

  bool Delete(std::uint64_t hash, const K& key) {
    Exclusive guard(*this);
    return table_.Delete(hash, key);
  }

  std::optional<V> Swap(std::uint64_t hash, const K& key, const V& value) {
    Exclusive guard(*this);
    return table_.Swap(hash, key, value);
  }

  bool CompareAndSwap(std::uint64_t hash, const K& key, const V& expected,
                      const V& desired) {
    Exclusive guard(*this);
    return table_.CompareAndSwap(hash, key, expected, desired);
  }

  bool CompareAndDelete(std::uint64_t hash, const K& key, const V& expected) {
    Exclusive guard(*this);
    return table_.CompareAndDelete(hash, key, expected);
  }

  // All pairs under one hold of the lock. `hash_of` is applied to each key.
  template <class HashOf>
  void StoreBatch(std::span<const std::pair<K, V>> batch, HashOf hash_of) {
    Exclusive guard(*this);
    for (const auto& [key, value] : batch) {
      table_.Store(hash_of(key), key, value);
    }
  }

  void AppendTo(std::vector<std::pair<K, V>>& entries) {
    Shared guard(lock_);
    table_.AppendTo(entries);
  }

  // Calls visit(key, value) for every entry while it holds the lock, and copies nothing:
  // for callers who know that `visit` does not come back.
  template <class F>
  void ForEachUnderLock(F&& visit) {
    Shared guard(lock_);
    table_.ForEach(visit);
  }

  void Clear() {
    Exclusive guard(*this);
    table_.Clear();
  }

  std::size_t Size() {
    Shared guard(lock_);
    return table_.Size();
  }

  void Reserve(std::size_t entries) {
    Exclusive guard(*this);
    table_.Reserve(entries);
  }

  // What the table counts of its own doings.
  std::vector<Counter> Counters() const
    requires CountingMap<Inner>
  {
    Shared guard(lock_);
    return table_.Counters();
  }

  // Heap bytes of the table, and of the lock if it owns any.
  std::size_t HeapBytesHeld() const {
    std::size_t bytes = table_.HeapBytesHeld();
    if constexpr (requires { lock_.HeapBytesHeld(); }) {
      bytes += lock_.HeapBytesHeld();
    }
    return bytes;
  }

 private:
  mutable Lock lock_;
  Inner table_;
};

// Calls `visit` for the entries until it returns false; whether it never did.
template <class K, class V, class F>
bool VisitAll(const std::vector<std::pair<K, V>>& entries, F& visit) {
  for (const auto& [key, value] : entries) {
    if (!visit(key, value)) return false;
  }
  return true;
}

// Options of the maps whose lock lets readers share it. A lock with a tunable of
// its own names its Options, which have read_first as well, and that tunable.
struct SharedLockOptions {
  std::int64_t read_first = 0;
};

template <class Options>
inline constexpr Tunable<Options> kReadFirst = {
    "read_first", &Options::read_first, 0, 1,
    "0: LoadOrStore and LoadOrCompute take the lock exclusively at once, "
    "as upstream; 1: they look the key up under the shared lock first "
    "and take the exclusive lock, checking again, only when it is absent"};

template <class Lock>
struct LockTunables {
  using Options = NoOptions;
  static constexpr std::array<Tunable<Options>, 0> kAll = {};
};
template <class Lock>
  requires(Lock::kShared && !requires { Lock::kTunable; })
struct LockTunables<Lock> {
  using Options = SharedLockOptions;
  static constexpr std::array<Tunable<Options>, 1> kAll = {
      kReadFirst<Options>};
};
template <class Lock>
  requires(Lock::kShared && requires { Lock::kTunable; })
struct LockTunables<Lock> {
  using Options = typename Lock::Options;
  static constexpr std::array<Tunable<Options>, 2> kAll = {
      kReadFirst<Options>, Lock::kTunable};
};

template <class K, class V, class Hash, class Lock, class Inner = Table<K, V>>
class LockedMap {
 public:
  using key_type = K;
  using mapped_type = V;
  using Options = typename LockTunables<Lock>::Options;

  static constexpr auto kTunables = LockTunables<Lock>::kAll;

  LockedMap() = default;
  LockedMap(const LockedMap&) = delete;
  LockedMap& operator=(const LockedMap&) = delete;

  std::optional<V> Load(const K& key) { return LoadByVisit<V>(*this, key); }

  template <class F>
  [[gnu::always_inline]] bool Visit(const K& key, F&& f) {
    return table_.Visit(Hash{}(key), key, f);
  }

  void Store(const K& key, const V& value) {
    table_.Store(Hash{}(key), key, value);
  }

  Loaded<V> LoadOrStore(const K& key, const V& value) {
    const std::uint64_t hash = Hash{}(key);
    if (ReadFirst()) {
      if (std::optional<V> found = table_.Load(hash, key)) {
        return {*std::move(found), true};
      }
    }
    return table_.LoadOrStore(hash, key, value);
  }

  template <class F>
  Loaded<V> LoadOrCompute(const K& key, F&& make) {
    const std::uint64_t hash = Hash{}(key);
    if (ReadFirst()) {
      if (std::optional<V> found = table_.Load(hash, key)) {
        return {*std::move(found), true};
      }
    }
    return table_.LoadOrCompute(hash, key, std::forward<F>(make));
  }

  std::optional<V> LoadAndDelete(const K& key) {
    return table_.LoadAndDelete(Hash{}(key), key);
  }

  bool Delete(const K& key) { return table_.Delete(Hash{}(key), key); }

  std::optional<V> Swap(const K& key, const V& value) {
    return table_.Swap(Hash{}(key), key, value);
  }

  bool CompareAndSwap(const K& key, const V& expected, const V& desired) {
    return table_.CompareAndSwap(Hash{}(key), key, expected, desired);
  }

  bool CompareAndDelete(const K& key, const V& expected) {
    return table_.CompareAndDelete(Hash{}(key), key, expected);
  }

  template <class F>
  void Range(F&& visit) {
    std::vector<std::pair<K, V>> entries;
    table_.AppendTo(entries);
    VisitAll(entries, visit);
  }

  void Clear() { table_.Clear(); }
  std::size_t Size() { return table_.Size(); }
  void Reserve(std::size_t entries) { table_.Reserve(entries); }

  // One hold of the lock for the whole batch: it becomes visible at once. The
  // table is not presized. When a copy throws, the pairs before it stay stored.
  void StoreBatch(std::span<const std::pair<K, V>> batch) {
    table_.StoreBatch(batch, Hash{});
  }

  std::size_t MemoryBytes() { return sizeof(*this) + table_.HeapBytesHeld(); }

  std::vector<Counter> Counters() const
    requires CountingMap<Inner>
  {
    return table_.Counters();
  }

 protected:
  ~LockedMap() = default;
  LockedMap(std::string_view name, const Options& options)
      : table_(MakeTable(CheckOptions(name, options, kTunables))),
        options_(options) {}

 private:
  bool ReadFirst() const {
    if constexpr (Lock::kShared) {
      return options_.read_first != 0;
    } else {
      return false;
    }
  }

  static LockedTable<K, V, Lock, Inner> MakeTable(const Options& options) {
    if constexpr (requires { Lock::kTunable; }) {
      return LockedTable<K, V, Lock, Inner>(options);
    } else {
      return {};
    }
  }

  LockedTable<K, V, Lock, Inner> table_;
  [[no_unique_address]] Options options_{};
};

}  // namespace cmap::internal

#endif  // CMAP_MAPS_INTERNAL_TABLES_LOCKED_MAP_H_
