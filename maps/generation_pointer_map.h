// SPDX-License-Identifier: Apache-2.0
//
// generation_pointer_map: a pointer to a constant object that holds a table and
// its generation; writers copy the object and exchange the pointer.
//
//   readers --> [ pointer | claimed? ] ---> { generation 7, table }    constant
//                     ^
//                     | compare and exchange
//   writer: copy of 7, changed -----------> { generation 8, table }
//                     | failed: another writer made an 8 first; copy that one
//                     v
//             7 is retired, and freed when no reader has it
//
// This is the second correct form of "stamp the data with a generation"; the
// first, and what is wrong with the form that is in print, is described in
// generation_seqlock_map.h. Here the check is the pointer itself. Generation and
// data are one constant object, so that whoever holds the pointer holds a number
// and exactly the state it names; there is nothing to read twice. What the form
// needs instead is reclamation: a reader may hold a generation long after it was
// replaced. It reads under an epoch guard (internal/reclamation/epoch.h).
//
// ABA. A writer's exchange succeeds only if the pointer still leads to the object
// it has copied. An object's address could return only after the object was
// freed, which the writer's own guard forbids. The generation never repeats
// either, but that alone would not do: it protects numbers, not memory.
//
// Writers. A writer copies without a lock and may find that its copy is of
// yesterday: O(n) work lost. After `races` lost copies it claims the pointer by a
// bit of the word: others wait until the bit is gone, readers ignore it. So no
// writer starves, and with races=0 no copy is ever lost. LoadOrCompute claims the
// pointer at once, lest its function be called for nothing.
//
//        p  --(exchange for a new object)-->  q
//        p  --(claim)-->  p|1  --(publish)-->  q
//                          |---(exception, nothing to do)-->  p
//
// What the generation is for. Generation() costs one load. LoadStamped() says
// which state an answer belongs to, and StoreBatchIf() stores a batch only if that
// state is still the present one: a transaction over any number of keys, decided
// by one comparison.
//
// Guarantees. Every operation, those on the whole map included, is linearizable.
// Load, Range, Size and Generation are wait-free (given bounded buckets). Writers
// are lock-free among themselves until one of them claims the pointer. A write
// costs O(n); StoreBatch copies once and becomes visible at once. Exceptions come
// before the exchange and change nothing.
//
// snapshot_map is the same idea with a mutex for the writers and no number.
//
// Source: the pointer swap is that of Go's atomic.Value example ("read-mostly");
// the exchange with retry is M. Herlihy, "A methodology for implementing highly
// concurrent data objects", TOPLAS 15 (1993).
#ifndef CMAP_MAPS_GENERATION_POINTER_MAP_H_
#define CMAP_MAPS_GENERATION_POINTER_MAP_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"
#include "maps/internal/held_locks.h"
#include "maps/internal/memory.h"
#include "maps/internal/options.h"
#include "maps/internal/reclamation/epoch.h"
#include "maps/internal/tables/table.h"

namespace cmap {

struct GenerationPointerMapOptions {
  std::int64_t races = 1;
};

// An answer and the state of the map it was read from.
template <class V>
struct Stamped {
  std::optional<V> value;
  std::uint64_t generation;
};

template <class K, class V, class Hash = DefaultHash<K>,
          class Atomics = NativeAtomics>
class alignas(kCacheLine) GenerationPointerMap {
  using Table = internal::Table<K, V>;
  using Epochs = internal::EpochDomain<Atomics>;
  using Guard = typename Epochs::Guard;
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;

  struct State {
    std::uint64_t generation = 0;
    Table table;
  };

 public:
  using key_type = K;
  using mapped_type = V;
  using Options = GenerationPointerMapOptions;

  static constexpr Traits kTraits = {
      .family = "copy on write",
      .summary = "a pointer to a constant table with its generation number; "
                 "writers copy without a lock and exchange the pointer",
      .source = "pointer swap as in Go's atomic.Value example; retry after M. "
                "Herlihy, TOPLAS 15 (1993)",
      .read_progress = Progress::kWaitFree,
      .write_progress = Progress::kBlocking,
      .reclamation = "epochs",
      .growth = "every write copies the table; a larger copy now and then",
      .range = RangeConsistency::kSnapshot,
      .batch_is_atomic = true,
      .clear_is_atomic = true,
      .caveat = "a write costs O(n), and twice that when writers meet: batch the "
                "writes; a guard held for long keeps all later states in memory",
  };
  static constexpr std::array<Tunable<Options>, 1> kTunables = {{
      {"races", &Options::races, 0, 1'000'000,
       "copies a writer may lose to faster writers before it makes the others "
       "wait; 0: they always wait, and no copy is lost"},
  }};

  GenerationPointerMap() : GenerationPointerMap(Options{}) {}
  explicit GenerationPointerMap(const Options& options)
      : races_(internal::CheckOptions("generation_pointer_map", options,
                                      kTunables)
                   .races),
        word_(Word(new State)) {}
  GenerationPointerMap(const GenerationPointerMap&) = delete;
  GenerationPointerMap& operator=(const GenerationPointerMap&) = delete;
  ~GenerationPointerMap() {
    delete &StateOf(word_.load(std::memory_order_acquire));
  }

  std::optional<V> Load(const K& key) { return LoadByVisit<V>(*this, key); }

  template <class F>
  [[gnu::always_inline]] bool Visit(const K& key, F&& f) {
    const Guard guard;
    return Now().table.Visit(Hash{}(key), key, f);
  }

  // What Load(key) returns, and the generation in which that is so.
  Stamped<V> LoadStamped(const K& key) {
    const Guard guard;
    const State& now = Now();
    return {now.table.Load(Hash{}(key), key), now.generation};
  }

  // Changes so far; every change has a number of its own.
  std::uint64_t Generation() {
    const Guard guard;
    return Now().generation;
  }

  void Store(const K& key, const V& value) {
    const std::uint64_t hash = Hash{}(key);
    Write([](const State&) { return true; },
          [&](Table& next) { next.Store(hash, key, value); });
  }

  Loaded<V> LoadOrStore(const K& key, const V& value) {
    const std::uint64_t hash = Hash{}(key);
    std::optional<Loaded<V>> result;
    if (FindNow(hash, key, result)) return *std::move(result);
    Write([&](const State& now) { return !Find(now, hash, key, result); },
          [&](Table& next) {
            result.emplace(next.LoadOrStore(hash, key, value));
          });
    return *std::move(result);
  }

  // `make` runs while other writers wait: it must not call the map.
  template <class F>
  Loaded<V> LoadOrCompute(const K& key, F&& make) {
    const std::uint64_t hash = Hash{}(key);
    std::optional<Loaded<V>> result;
    if (FindNow(hash, key, result)) return *std::move(result);
    Write([&](const State& now) { return !Find(now, hash, key, result); },
          [&](Table& next) {
            result.emplace(
                next.LoadOrCompute(hash, key, std::forward<F>(make)));
          },
          0);
    return *std::move(result);
  }

  std::optional<V> LoadAndDelete(const K& key) {
    const std::uint64_t hash = Hash{}(key);
    std::optional<V> old;
    const bool changed = Write(
        [&](const State& now) { return now.table.Find(hash, key) != nullptr; },
        [&](Table& next) { old = next.LoadAndDelete(hash, key); });
    if (!changed) return std::nullopt;
    return old;
  }

  bool Delete(const K& key) {
    const std::uint64_t hash = Hash{}(key);
    return Write(
        [&](const State& now) { return now.table.Find(hash, key) != nullptr; },
        [&](Table& next) { next.Delete(hash, key); });
  }

  std::optional<V> Swap(const K& key, const V& value) {
    const std::uint64_t hash = Hash{}(key);
    std::optional<V> old;
    Write([](const State&) { return true; },
          [&](Table& next) { old = next.Swap(hash, key, value); });
    return old;
  }

  bool CompareAndSwap(const K& key, const V& expected, const V& desired) {
    const std::uint64_t hash = Hash{}(key);
    return Write(
        [&](const State& now) { return Holds(now, hash, key, expected); },
        [&](Table& next) { next.Store(hash, key, desired); });
  }

  bool CompareAndDelete(const K& key, const V& expected) {
    const std::uint64_t hash = Hash{}(key);
    return Write(
        [&](const State& now) { return Holds(now, hash, key, expected); },
        [&](Table& next) { next.Delete(hash, key); });
  }

  template <class F>
  void Range(F&& visit) {
    const Guard guard;
    Now().table.ForEach(std::forward<F>(visit));
  }

  void Clear() {
    Write([](const State& now) { return now.table.Size() != 0; }, kFromNothing);
  }

  std::size_t Size() {
    const Guard guard;
    return Now().table.Size();
  }

  // Takes effect with the next copy.
  void Reserve(std::size_t entries) {
    std::size_t reserved = reserved_.load(std::memory_order_relaxed);
    while (reserved < entries &&
           !reserved_.compare_exchange_weak(reserved, entries,
                                            std::memory_order_relaxed)) {
    }
  }

  // One copy and one generation for the whole batch.
  void StoreBatch(std::span<const std::pair<K, V>> batch) {
    if (batch.empty()) return;
    Write([](const State&) { return true; },
          [&](Table& next) { StoreAll(next, batch); });
  }

  // The same if the generation is still `generation`, else nothing; whether it
  // stored. An empty batch only compares.
  bool StoreBatchIf(std::uint64_t generation,
                    std::span<const std::pair<K, V>> batch) {
    if (batch.empty()) return Generation() == generation;
    return Write([&](const State& now) { return now.generation == generation; },
                 [&](Table& next) { StoreAll(next, batch); });
  }

  // The present state; older ones that wait to be freed are not counted.
  std::size_t MemoryBytes() {
    return sizeof(*this) + internal::MallocBytes(sizeof(State)) +
           Now().table.HeapBytesHeld();
  }

  // copies: states made by copying; entries_copied: entries in them; lost: copies
  // thrown away because another writer was faster; claims: times a writer made
  // the others wait.
  std::vector<Counter> Counters() const {
    return {{"copies", copies_.load(std::memory_order_relaxed)},
            {"entries_copied", entries_copied_.load(std::memory_order_relaxed)},
            {"lost", lost_.load(std::memory_order_relaxed)},
            {"claims", claims_.load(std::memory_order_relaxed)}};
  }

  static void Quiesce() { Epochs::Drain(); }

 private:
  static constexpr std::uintptr_t kClaimed = 1;
  static constexpr std::nullptr_t kFromNothing = nullptr;

  static std::uintptr_t Word(const State* state) {
    return reinterpret_cast<std::uintptr_t>(state);
  }
  static const State& StateOf(std::uintptr_t word) {
    return *reinterpret_cast<const State*>(word & ~kClaimed);
  }

  // Under a guard.
  const State& Now() const {
    // (1) acquire, pairs with (2): the object as it was made.
    return StateOf(word_.load(std::memory_order_acquire));
  }

  static bool Find(const State& now, std::uint64_t hash, const K& key,
                   std::optional<Loaded<V>>& result) {
    const V* found = now.table.Find(hash, key);
    if (found == nullptr) return false;
    result.emplace(Loaded<V>{*found, true});
    return true;
  }
  bool FindNow(std::uint64_t hash, const K& key,
               std::optional<Loaded<V>>& result) {
    const Guard guard;
    return Find(Now(), hash, key, result);
  }
  static bool Holds(const State& now, std::uint64_t hash, const K& key,
                    const V& value) {
    const V* found = now.table.Find(hash, key);
    return found != nullptr && *found == value;
  }
  static void StoreAll(Table& table, std::span<const std::pair<K, V>> batch) {
    for (const auto& [key, value] : batch) table.Store(Hash{}(key), key, value);
  }

  // One attempt's view of the pointer, claimed or not. A claim that was not used
  // up by publishing is given back.
  class Attempt {
   public:
    Attempt(GenerationPointerMap& map, bool claim) : map_(map), claim_(claim) {
      // (3) acquire, pairs with (2), as (1), and with (4).
      seen_ = map.word_.load(std::memory_order_acquire);
      for (;;) {
        if ((seen_ & kClaimed) != 0) {
          internal::HeldLocks::Want(&map.word_);
          Atomics::Yield();  // for O(n), or for somebody's function
          seen_ = map.word_.load(std::memory_order_acquire);
        } else if (!claim || map.word_.compare_exchange_weak(
                                 seen_, seen_ | kClaimed,
                                 std::memory_order_acquire,
                                 std::memory_order_acquire)) {
          break;
        }
      }
      if (!claim) return;
      internal::HeldLocks::Add(&map.word_);
      map.claims_.fetch_add(1, std::memory_order_relaxed);
    }
    ~Attempt() {
      if (claim_) internal::HeldLocks::Remove(&map_.word_);
      // (4) release, pairs with (3): what `make` did, although it threw. A
      // subtraction and not a store: it continues the release sequence of (2),
      // which readers of this word still need.
      if (claim_) map_.word_.fetch_sub(kClaimed, std::memory_order_release);
    }
    Attempt(const Attempt&) = delete;
    Attempt& operator=(const Attempt&) = delete;

    const State& now() const { return StateOf(seen_); }

    bool Publish(std::unique_ptr<State>& next) {
      std::uintptr_t expected = claim_ ? seen_ | kClaimed : seen_;
      // (2) release, pairs with (1) and (3).
      if (!map_.word_.compare_exchange_strong(expected, Word(next.get()),
                                              std::memory_order_release,
                                              std::memory_order_relaxed)) {
        return false;
      }
      if (claim_) internal::HeldLocks::Remove(&map_.word_);
      claim_ = false;
      next.release();
      return true;
    }

   private:
    GenerationPointerMap& map_;
    bool claim_;
    std::uintptr_t seen_;
  };

  // If `decide` says so of the present state, replaces it by a copy that `change`
  // has changed (by an empty one if `change` is kFromNothing). Both are called
  // again for every copy that is lost. Whether it replaced it.
  template <class Decide, class Change>
  bool Write(Decide decide, Change change) {
    return Write(decide, change, races_);
  }
  template <class Decide, class Change>
  bool Write(Decide decide, Change change, std::int64_t races) {
    Guard guard;
    for (std::int64_t lost = 0;; ++lost) {
      // Outlive the claim, as destructors may call the map.
      typename Table::Gone gone;
      std::unique_ptr<State> next;
      Attempt attempt(*this, lost >= races);
      const State& now = attempt.now();
      if (!decide(now)) return false;
      if constexpr (std::is_same_v<Change, std::nullptr_t>) {
        next = std::make_unique<State>();
      } else {
        next = std::make_unique<State>(now);
        next->table.Reserve(reserved_.load(std::memory_order_relaxed));
        copies_.fetch_add(1, std::memory_order_relaxed);
        entries_copied_.fetch_add(now.table.Size(), std::memory_order_relaxed);
        next->table.SendDepartedTo(&gone);
        change(next->table);
        next->table.SendDepartedTo(nullptr);
      }
      next->generation = now.generation + 1;
      guard.Prepare(1);
      if (attempt.Publish(next)) {
        guard.Retire(&now, now.table.StructureBytes());
        return true;
      }
      lost_.fetch_add(1, std::memory_order_relaxed);
    }
  }

  const std::int64_t races_;
  Atomic<std::uintptr_t> word_;
  // Away from what readers read.
  alignas(kCacheLine) Atomic<std::size_t> reserved_{0};
  Atomic<std::uint64_t> copies_{0};
  Atomic<std::uint64_t> entries_copied_{0};
  Atomic<std::uint64_t> lost_{0};
  Atomic<std::uint64_t> claims_{0};
};

}  // namespace cmap

#endif  // CMAP_MAPS_GENERATION_POINTER_MAP_H_
