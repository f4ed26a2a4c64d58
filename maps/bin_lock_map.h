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
// (internal/spin_lock.h), used while it is the head of a bin. A function given to
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
// The number of entries is a sum of cells (internal/long_adder.h). Java counts
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
// (internal/value_cell.h); the table never forwards to one not yet published, so
// JDK-8214427 (a wrong comparison of the stamp) has no counterpart.
#ifndef CMAP_MAPS_BIN_LOCK_MAP_H_
#define CMAP_MAPS_BIN_LOCK_MAP_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"
#include "maps/internal/epoch.h"
#include "maps/internal/long_adder.h"
#include "maps/internal/memory.h"
#include "maps/internal/options.h"
#include "maps/internal/spin_lock.h"
#include "maps/internal/trailing_array.h"
#include "maps/internal/value_cell.h"

namespace cmap {

struct BinLockMapOptions {
  std::int64_t stride = 16;
  std::int64_t read_first = 0;
};

template <class K, class V, class Hash = DefaultHash<K>,
          class Atomics = NativeAtomics>
class BinLockMap {
  using Epochs = internal::EpochDomain<Atomics>;
  using Guard = typename Epochs::Guard;
  using Cell = internal::ValueCell<V, Atomics>;
  using Fresh = typename Cell::Fresh;
  using Lock = internal::SpinLock<Atomics>;
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;

 public:
  using key_type = K;
  using mapped_type = V;
  using Options = BinLockMapOptions;

  static constexpr Traits kTraits = {
      .family = "lock-free reads",
      .summary = "one table of bins, read without locks, written under a lock in "
                 "the first node of the bin",
      .source = "JDK 8, java.util.concurrent.ConcurrentHashMap",
      .read_progress = Progress::kWaitFree,
      .write_progress = Progress::kBlocking,
      .reclamation = "epochs",
      .growth = "doubles at load factor 3/4, bin by bin, by all writers that come "
                "by; the last nodes of each bin are used again",
      .range = RangeConsistency::kWeak,
      .batch_is_atomic = false,
      .clear_is_atomic = false,
      .caveat = "long bins stay lists, where Java makes trees; a guard held for "
                "long holds up all freeing of memory",
  };
  static constexpr std::array<Tunable<Options>, 2> kTunables = {{
      {"stride", &Options::stride, 16, 65536,
       "least number of bins that a thread claims at once to move them"},
      {"read_first", &Options::read_first, 0, 1,
       "0: LoadOrStore and LoadOrCompute lock the bin at once, as upstream; 1: "
       "they look the key up without it first"},
  }};

  BinLockMap() : BinLockMap(Options{}) {}
  explicit BinLockMap(const Options& options)
      : options_(internal::CheckOptions("bin_lock_map", options, kTunables)) {}
  BinLockMap(const BinLockMap&) = delete;
  BinLockMap& operator=(const BinLockMap&) = delete;
  ~BinLockMap() { DestroyAll(table_.load(std::memory_order_acquire)); }

  std::optional<V> Load(const K& key) {
    const std::uint64_t hash = Hash{}(key);
    Guard guard;
    const Node* found = Lookup(hash, key);
    if (found == nullptr) return std::nullopt;
    return found->value.Read();
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
    const std::uint64_t hash = Hash{}(key);
    Guard guard;
    if (options_.read_first != 0) {
      if (const Node* found = Lookup(hash, key)) {
        return {found->value.Read(), true};
      }
    }
    std::unique_ptr<Node> fresh;
    std::optional<V> result;  // made before the insertion, as it may throw
    for (;;) {
      Spot spot = Reach(hash, guard);
      if (const Node* found = Find(spot.First(), hash, key)) {
        return {found->value.Read(), true};
      }
      if (!fresh) {
        result.emplace(value);
        fresh = std::make_unique<Node>(hash, key, Cell::Make(value));
      }
      if (Insert(spot, fresh)) break;
    }
    GrowIfFull(guard);
    return {*std::move(result), false};
  }

  // `make` runs under the lock of the key's bin.
  template <class F>
  Loaded<V> LoadOrCompute(const K& key, F&& make) {
    const std::uint64_t hash = Hash{}(key);
    Guard guard;
    if (options_.read_first != 0) {
      if (const Node* found = Lookup(hash, key)) {
        return {found->value.Read(), true};
      }
    }
    for (;;) {
      Spot spot = Reach(hash, guard);
      if (const Node* found = Find(spot.First(), hash, key)) {
        return {found->value.Read(), true};
      }
      Reservation reservation(*this, guard);
      if (spot.head == nullptr && !reservation.Place(*spot.bin)) continue;
      Loaded<V> result{std::forward<F>(make)(), false};
      auto fresh =
          std::make_unique<Node>(hash, key, Cell::Make(result.value));
      if (spot.head == nullptr) {
        reservation.Redeem(fresh.release());
      } else {
        Insert(spot, fresh);
      }
      GrowIfFull(guard);
      return result;
    }
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
    if (Current() == nullptr) return false;
    Fresh fresh = Cell::Make(desired);
    Spot spot = Reach(hash, guard);
    Node* found = Find(spot.First(), hash, key);
    if (found == nullptr || !(found->value.Read() == expected)) return false;
    guard.Prepare(1);
    found->value.Replace(std::move(fresh), guard);
    return true;
  }

  template <class F>
  void Range(F&& visit) {
    Guard guard;
    Table* const table = Current();
    if (table == nullptr) return;
    std::vector<const Node*> met;
    for (std::size_t i = 0; i < table->size(); ++i) {
      met.clear();
      if (!VisitBin(*table, i, met, visit)) return;
    }
  }

  void Clear() {
    Guard guard;
    Table* const table = Current();
    if (table == nullptr) return;
    Cleared gone(*this, guard, std::min(Size(), table->size()));
    for (std::size_t i = 0; i < table->size(); ++i) ClearBin(*table, i, gone);
  }

  // O(1). Not less than 0, whatever moments the cells were read at.
  std::size_t Size() {
    return static_cast<std::size_t>(std::max<std::int64_t>(0, entries_.Sum()));
  }

  // Gives up if memory is short, as it is a hint.
  void Reserve(std::size_t entries) {
    if (entries == 0) return;
    Guard guard;
    if (Current() == nullptr) {
      std::size_t size = kLeastBins;
      while (entries > Threshold(size)) size *= 2;
      First(size);
    }
    for (Table* table = Current(); entries > Threshold(table->size());) {
      Grow(*table, guard);
      Table* const now = Current();
      if (now == table) return;  // others are still moving bins
      table = now;
    }
  }

  void StoreBatch(std::span<const std::pair<K, V>> batch) {
    for (const auto& [key, value] : batch) Store(key, value);
  }

  // Nodes that are reachable; what waits to be freed in the epoch domain is not
  // counted. O(n).
  std::size_t MemoryBytes() {
    std::size_t bytes = sizeof(*this) + entries_.HeapBytesHeld();
    for (const Table* table = Current(); table != nullptr;
         table = table->next.load(std::memory_order_acquire)) {
      bytes += table->HeapBytesHeld();
      for (std::size_t i = 0; i < table->size(); ++i) {
        const Head* head = (*table)[i].load(std::memory_order_acquire);
        for (const Node* n = AsNode(head); n != nullptr; n = Next(*n)) {
          bytes += internal::MallocBytes(sizeof(Node)) +
                   internal::HeapBytes(n->key) + n->value.HeapBytesHeld();
        }
      }
    }
    return bytes;
  }

  // growths: tables published; helps: times that another thread than the one that
  // began a growth moved bins; nodes_reused, nodes_copied: what became of nodes.
  std::vector<Counter> Counters() const {
    const auto get = [](const Atomic<std::uint64_t>& counter) {
      return counter.load(std::memory_order_relaxed);
    };
    return {{"growths", get(growths_)},
            {"helps", get(helps_)},
            {"nodes_reused", get(nodes_reused_)},
            {"nodes_copied", get(nodes_copied_)}};
  }

  // Frees what maps of this kind have put aside, as far as no thread is in a
  // map at the moment.
  static void Quiesce() { Epochs::Drain(); }

 private:
  static constexpr std::size_t kLeastBins = 16;

  enum class Kind : std::uint8_t { kNode, kForward, kReserved };

  // What a bin may lead to.
  struct Head {
    explicit Head(Kind k) : kind(k) {}

    Kind Now() const {
      return kind.load(std::memory_order_acquire);  // (15), with (16)
    }

    Atomic<Kind> kind;  // of a node: reserved at first if it comes to an empty bin
    Lock lock;
  };

  struct Node : Head {
    Node(std::uint64_t h, const K& k, Fresh v)
        : Head(Kind::kNode), hash(h), key(k), value(std::move(v)) {}
    // For growth: shares the value.
    Node(const Node& original, Node* n)
        : Head(Kind::kNode),
          next(n),
          hash(original.hash),
          key(original.key),
          value(original.value) {}

    // Of a node whose value lives on in a copy.
    static void DeleteOriginal(void* node) {
      auto* const original = static_cast<Node*>(node);
      original->value.Release();
      delete original;
    }
    static void DeleteChain(void* first) {
      auto* node = static_cast<Node*>(first);
      while (node != nullptr) delete std::exchange(node, Next(*node));
    }

    Atomic<Node*> next{nullptr};
    const std::uint64_t hash;
    const K key;
    Cell value;
  };

  using Bin = Atomic<Head*>;

  struct Table;
  // Lives in the table it leads to.
  struct Forward : Head {
    explicit Forward(Table* t) : Head(Kind::kForward), to(t) {}
    Table* const to;
  };

  struct Table : internal::TrailingArray<Table, Bin> {
    explicit Table(std::size_t size)
        : internal::TrailingArray<Table, Bin>(size),
          forward(this),
          to_claim(static_cast<std::int64_t>(size)) {}

    Bin& BinOf(std::uint64_t hash) { return (*this)[hash & (this->size() - 1)]; }
    static void Delete(void* table) {
      internal::TrailingArray<Table, Bin>::Delete(static_cast<Table*>(table));
    }

    Forward forward;
    // Of growth out of this table.
    Atomic<bool> begun{false};
    Atomic<Table*> next{nullptr};
    // Away from what readers read.
    alignas(kCacheLine) Atomic<std::int64_t> to_claim;
    Atomic<std::size_t> moved{0};
  };

  static constexpr std::size_t Threshold(std::size_t bins) {
    return bins - bins / 4;
  }

  // (1) acquire, pairs with (2): a node as its writer made it.
  static Node* Next(const Node& node) {
    return node.next.load(std::memory_order_acquire);
  }
  static Node* AsNode(Head* head) {
    return head != nullptr && head->Now() == Kind::kNode ? static_cast<Node*>(head)
                                                        : nullptr;
  }
  static const Node* AsNode(const Head* head) {
    return AsNode(const_cast<Head*>(head));
  }

  static Node* Find(Node* node, std::uint64_t hash, const K& key) {
    while (node != nullptr && !(node->hash == hash && node->key == key)) {
      node = Next(*node);
    }
    return node;
  }

  // Null before the first insertion.
  Table* Current() const {
    return table_.load(std::memory_order_acquire);  // (3), with (4) and (8)
  }

  Table* First(std::size_t size) {
    auto fresh = Table::New(size);
    Table* present = nullptr;
    // (4) release, pairs with (3). Acquire for the one of a faster thread.
    if (table_.compare_exchange_strong(present, fresh.get(),
                                       std::memory_order_acq_rel,
                                       std::memory_order_acquire)) {
      return fresh.release();
    }
    return present;
  }

  // Under a guard.
  const Node* Lookup(std::uint64_t hash, const K& key) const {
    Table* table = Current();
    while (table != nullptr) {
      // (5) acquire, pairs with (6), (7), (9) and (10): the nodes; and the bins of
      // the next table, which were linked before this one was forwarded.
      Head* const head = table->BinOf(hash).load(std::memory_order_acquire);
      if (head == nullptr || head->Now() != Kind::kForward) {
        return Find(AsNode(head), hash, key);
      }
      table = static_cast<Forward*>(head)->to;
    }
    return nullptr;
  }

  // Where a writer has come to: an empty bin, or one whose head it has locked.
  struct Spot {
    Bin* bin;
    Head* head;  // null, or a node
    std::unique_lock<Lock> lock{};

    Node* First() const { return static_cast<Node*>(head); }
  };

  Spot Reach(std::uint64_t hash, Guard& guard) {
    Table* table = Current();
    if (table == nullptr) table = First(kLeastBins);
    for (;;) {
      Bin& bin = table->BinOf(hash);
      Head* const head = bin.load(std::memory_order_acquire);  // (5)
      if (head == nullptr) return {&bin, nullptr};
      if (head->Now() == Kind::kForward) {
        Move(*table, false, guard);
        table = static_cast<Forward*>(head)->to;
        continue;
      }
      std::unique_lock lock(head->lock);
      // Relaxed: a head is replaced under its lock. Its address cannot have come
      // back, as this thread has been under a guard since it read it.
      if (bin.load(std::memory_order_relaxed) == head) {
        return {&bin, head, std::move(lock)};
      }
    }
  }

  // The key is not there. False if an empty bin is not empty any more. Unlocks.
  //
  // Here and below entries are counted before anybody can see them come, or before
  // they go, and only if they do. Hence a node that comes to an empty bin holds it
  // reserved until it is counted.
  bool Insert(Spot& spot, std::unique_ptr<Node>& fresh) {
    if (spot.head == nullptr) {
      Node& node = *fresh;
      node.kind.store(Kind::kReserved, std::memory_order_relaxed);
      std::unique_lock lock(node.lock);
      Head* expected = nullptr;
      // (6) release, pairs with (5).
      const bool placed = spot.bin->compare_exchange_strong(
          expected, &node, std::memory_order_release, std::memory_order_relaxed);
      if (placed) {
        fresh.release();
        entries_.Add(1);
      }
      // (16) release, pairs with (15): who sees the node knows that it is counted.
      node.kind.store(Kind::kNode, std::memory_order_release);
      return placed;
    }
    entries_.Add(1);
    Node* last = spot.First();
    while (Node* next = Next(*last)) last = next;
    last->next.store(fresh.release(), std::memory_order_release);  // (2), with (1)
    spot.lock.unlock();
    return true;
  }

  // `take` sees the value that is about to be replaced.
  template <class F>
  void Put(const K& key, Fresh value, F take) {
    const std::uint64_t hash = Hash{}(key);
    Guard guard;
    std::unique_ptr<Node> fresh;
    for (;;) {
      Spot spot = Reach(hash, guard);
      if (Node* found = Find(spot.First(), hash, key)) {
        guard.Prepare(1);
        take(found->value.Read());
        if (fresh) value = fresh->value.TakeBack();
        found->value.Replace(std::move(value), guard);
        return;
      }
      if (!fresh) {
        fresh = std::make_unique<Node>(hash, key, std::move(value));
      }
      if (Insert(spot, fresh)) break;
    }
    GrowIfFull(guard);
  }

  template <class P, class F>
  bool Remove(const K& key, P wanted, F take) {
    const std::uint64_t hash = Hash{}(key);
    Guard guard;
    if (Current() == nullptr) return false;
    {
      Spot spot = Reach(hash, guard);
      Node* before = nullptr;
      Node* node = spot.First();
      while (node != nullptr && !(node->hash == hash && node->key == key)) {
        before = std::exchange(node, Next(*node));
      }
      if (node == nullptr || !wanted(node->value.Read())) return false;
      take(node->value.Read());
      guard.Prepare(1);
      entries_.Add(-1);
      // (2), (7) release, pair with (1), (5). Readers on the node go on along its
      // link. The head's successor may be locked from here on.
      if (before != nullptr) {
        before->next.store(Next(*node), std::memory_order_release);
      } else {
        spot.bin->store(Next(*node), std::memory_order_release);
      }
      spot.lock.unlock();
      guard.Retire(node, sizeof(Node) + node->value.HeapBytesHeld());
    }
    return true;
  }

  // Holds an empty bin while the value for it is being computed. Retired, as
  // others may be waiting for its lock.
  class Reservation {
   public:
    Reservation(BinLockMap& map, Guard& guard) : map_(map), guard_(guard) {}
    Reservation(const Reservation&) = delete;
    Reservation& operator=(const Reservation&) = delete;
    ~Reservation() {
      if (bin_ != nullptr) Redeem(nullptr);  // the function has thrown
    }

    bool Place(Bin& bin) {
      auto head = std::make_unique<Head>(Kind::kReserved);
      guard_.Prepare(1);
      head->lock.lock();
      Head* expected = nullptr;
      // (9) release, pairs with (5): the lock is held.
      if (!bin.compare_exchange_strong(expected, head.get(),
                                       std::memory_order_release,
                                       std::memory_order_relaxed)) {
        return false;
      }
      bin_ = &bin;
      head_ = head.release();
      return true;
    }

    void Redeem(Node* node) noexcept {
      if (node != nullptr) map_.entries_.Add(1);
      std::exchange(bin_, nullptr)->store(node, std::memory_order_release);  // (9)
      head_->lock.unlock();
      guard_.Retire(head_);
    }

   private:
    BinLockMap& map_;
    Guard& guard_;
    Bin* bin_ = nullptr;
    Head* head_ = nullptr;
  };

  // Visits the nodes of a bin, wherever they have been moved to, that are not
  // among those `met`.
  template <class F>
  static bool VisitBin(Table& table, std::size_t i, std::vector<const Node*>& met,
                       F& visit) {
    Head* const head = table[i].load(std::memory_order_acquire);  // (5)
    if (head != nullptr && head->Now() == Kind::kForward) {
      Table& next = *static_cast<Forward*>(head)->to;
      return VisitBin(next, i, met, visit) &&
             VisitBin(next, i + table.size(), met, visit);
    }
    for (const Node* n = AsNode(head); n != nullptr; n = Next(*n)) {
      const bool again = std::any_of(met.begin(), met.end(), [&](const Node* m) {
        return m->hash == n->hash && m->key == n->key;
      });
      if (again) continue;
      met.push_back(n);
      if (!visit(n->key, n->value.Read())) return false;
    }
    return true;
  }

  // What Clear has taken out of bins, to be retired as one object. Makes room in
  // advance, so that Clear fails before it changes anything or, unless others
  // insert meanwhile, not at all.
  class Cleared {
   public:
    Cleared(BinLockMap& map, Guard& guard, std::size_t bins)
        : map_(map), guard_(guard), chains_(std::make_unique<Chains>()) {
      chains_->heads.reserve(bins);
      guard.Prepare(1);
    }
    Cleared(const Cleared&) = delete;
    Cleared& operator=(const Cleared&) = delete;
    ~Cleared() {
      if (entries_ == 0) return;
      guard_.Retire(chains_.release(), entries_ * sizeof(Node));
    }

    // Room for one more.
    void Prepare() {
      auto& heads = chains_->heads;
      if (heads.size() == heads.capacity()) heads.reserve(2 * heads.size() + 8);
    }
    void Add(Node* head) noexcept {
      chains_->heads.push_back(head);
      std::int64_t entries = 0;
      for (; head != nullptr; head = Next(*head)) ++entries;
      map_.entries_.Add(-entries);
      entries_ += static_cast<std::size_t>(entries);
    }

   private:
    struct Chains {
      Chains() = default;
      Chains(const Chains&) = delete;
      Chains& operator=(const Chains&) = delete;
      ~Chains() {
        for (Node* head : heads) Node::DeleteChain(head);
      }
      std::vector<Node*> heads;
    };

    BinLockMap& map_;
    Guard& guard_;
    std::unique_ptr<Chains> chains_;
    std::size_t entries_ = 0;
  };

  static void ClearBin(Table& table, std::size_t i, Cleared& gone) {
    for (;;) {
      Head* const head = table[i].load(std::memory_order_acquire);  // (5)
      if (head == nullptr) return;
      if (head->Now() == Kind::kForward) {
        Table& next = *static_cast<Forward*>(head)->to;
        ClearBin(next, i, gone);
        ClearBin(next, i + table.size(), gone);
        return;
      }
      gone.Prepare();
      std::unique_lock lock(head->lock);
      if (table[i].load(std::memory_order_relaxed) != head) continue;
      gone.Add(static_cast<Node*>(head));
      table[i].store(nullptr, std::memory_order_release);
      return;
    }
  }

  // Growth. Nothing here throws: the operation it follows has taken effect.

  void GrowIfFull(Guard& guard) noexcept {
    for (;;) {
      Table* const table = Current();
      if (Size() <= Threshold(table->size())) return;
      Grow(*table, guard);
      if (Current() == table) return;  // others are still moving bins
    }
  }

  // Begins growth out of the table, or helps.
  void Grow(Table& table, Guard& guard) noexcept {
    bool began = false;
    if (table.next.load(std::memory_order_acquire) == nullptr) {
      // Relaxed: only one is to allocate.
      if (table.begun.exchange(true, std::memory_order_relaxed)) return;
      try {
        // (11) release, pairs with (12).
        table.next.store(Table::New(2 * table.size()).release(),
                         std::memory_order_release);
      } catch (const std::bad_alloc&) {
        table.begun.store(false, std::memory_order_relaxed);
        return;  // the next insertion tries again
      }
      began = true;
    }
    Move(table, began, guard);
  }

  // Moves bins of a table that is growing until none are left to claim.
  void Move(Table& table, bool began, Guard& guard) noexcept {
    // Relaxed: what is claimed says nothing about what has been moved.
    if (table.to_claim.load(std::memory_order_relaxed) <= 0) return;
    // (12) acquire, pairs with (11).
    Table& next = *table.next.load(std::memory_order_acquire);
    const auto stride = static_cast<std::int64_t>(StrideOf(table.size()));
    std::size_t moved = 0;
    try {
      guard.Prepare(1);  // for the table
      std::int64_t end = table.to_claim.load(std::memory_order_relaxed);
      while (end > 0) {
        const std::int64_t begin = std::max<std::int64_t>(0, end - stride);
        if (!table.to_claim.compare_exchange_weak(end, begin,
                                                  std::memory_order_relaxed)) {
          continue;
        }
        for (std::int64_t i = end - 1; i >= begin; --i) {
          moved += MoveBin(table, next, static_cast<std::size_t>(i), guard);
        }
        end = table.to_claim.load(std::memory_order_relaxed);
      }
    } catch (...) {
      // Offers all bins again. Those that are forwarded are passed over.
      table.to_claim.store(static_cast<std::int64_t>(table.size()),
                           std::memory_order_relaxed);
    }
    if (moved == 0) return;
    if (!began) helps_.fetch_add(1, std::memory_order_relaxed);
    // acq_rel: whoever completes the sum knows all moves, and (8) hands them on.
    if (table.moved.fetch_add(moved, std::memory_order_acq_rel) + moved ==
        table.size()) {
      table_.store(&next, std::memory_order_release);  // (8), with (3)
      growths_.fetch_add(1, std::memory_order_relaxed);
      guard.Retire(&table, &Table::Delete, table.HeapBytesHeld());
    }
  }

  std::size_t StrideOf(std::size_t bins) const {
    static const std::size_t cores =
        std::max(1u, std::thread::hardware_concurrency());
    return std::max(static_cast<std::size_t>(options_.stride), bins / 8 / cores);
  }

  // Whether this call has moved it. Strong.
  bool MoveBin(Table& table, Table& next, std::size_t i, Guard& guard) {
    Bin& bin = table[i];
    for (;;) {
      Head* const head = bin.load(std::memory_order_acquire);  // (5)
      if (head == nullptr) {
        Head* expected = nullptr;
        // (10) release, pairs with (5): the next table.
        if (bin.compare_exchange_strong(expected, &next.forward,
                                        std::memory_order_release,
                                        std::memory_order_relaxed)) {
          return true;
        }
        continue;
      }
      if (head->Now() == Kind::kForward) return false;
      std::unique_lock lock(head->lock);
      if (bin.load(std::memory_order_relaxed) != head) continue;
      Split(static_cast<Node*>(head), table, next, i, guard);
      return true;
    }
  }

  void Split(Node* first, Table& table, Table& next, std::size_t i,
             Guard& guard) {
    const std::size_t bit = table.size();
    Node* run = first;
    std::size_t reused = 0, copied = 0;
    for (Node* node = first; node != nullptr; node = Next(*node)) {
      if ((node->hash & bit) != (run->hash & bit)) run = node, reused = 0;
      ++reused;
    }
    std::array<Node*, 2> lists{};
    lists[(run->hash & bit) != 0] = run;
    try {
      for (Node* node = first; node != run; node = Next(*node), ++copied) {
        Node*& list = lists[(node->hash & bit) != 0];
        list = new Node(*node, list);
      }
      guard.Prepare(copied + 1);
    } catch (...) {
      for (Node* copy : lists) {
        while (copy != nullptr && copy != run) {
          Node::DeleteOriginal(std::exchange(copy, Next(*copy)));
        }
      }
      throw;
    }
    // Relaxed: nobody comes here before (10) leads them.
    next[i].store(lists[0], std::memory_order_relaxed);
    next[i + bit].store(lists[1], std::memory_order_relaxed);
    table[i].store(&next.forward, std::memory_order_release);  // (10), with (5)
    while (first != run) {
      guard.Retire(std::exchange(first, Next(*first)), &Node::DeleteOriginal,
                   sizeof(Node));
    }
    nodes_reused_.fetch_add(reused, std::memory_order_relaxed);
    nodes_copied_.fetch_add(copied, std::memory_order_relaxed);
  }

  // The rest needs exclusive access.

  static void DestroyAll(Table* table) {
    while (table != nullptr) {
      for (std::size_t i = 0; i < table->size(); ++i) {
        Node::DeleteChain(AsNode((*table)[i].load(std::memory_order_acquire)));
      }
      Table::Delete(std::exchange(
          table, table->next.load(std::memory_order_acquire)));
    }
  }

  Atomic<Table*> table_{nullptr};
  const Options options_;
  // Away from what readers read.
  alignas(kCacheLine) internal::LongAdder<Atomics> entries_;
  Atomic<std::uint64_t> growths_{0};
  Atomic<std::uint64_t> helps_{0};
  Atomic<std::uint64_t> nodes_reused_{0};
  Atomic<std::uint64_t> nodes_copied_{0};
};

}  // namespace cmap

#endif  // CMAP_MAPS_BIN_LOCK_MAP_H_
