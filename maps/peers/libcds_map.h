// SPDX-License-Identifier: Apache-2.0
//
// libcds_feldman_map and libcds_split_list_map: an adapter of two lock-free
// tables of libcds, both of which replace an element as a whole by one CAS.
//
//   Feldman: a trie of arrays over the bits of the hash. Two hashes that begin
//   alike move one array down; arrays never go away.
//
//     head [ 2^8 ] --> array [ 2^4 ] --> array [ 2^4 ] --> element
//
//   Split list: one sorted list of all elements in the order of the reversed
//   bits of their hashes, and a table of shortcuts into it that doubles without
//   moving anything. The list here is the iterable one, whose nodes stay and
//   point to the elements.
//
//     table --> node -> node -> node -> node
//                |       |       |
//             element  (none) element
//
// How operations are translated, with elements that never change:
//   Load               get
//   Store              update, which links a new element or replaces the old one
//   Swap               update with a functor that is given the old element
//   LoadOrStore        get; insert when absent; again when somebody else did
//   LoadAndDelete, CompareAndDelete   get, then unlink of exactly that element;
//                      again when it was replaced or removed meanwhile
//   Range              (split list) the guarded iterator into a copy, then the
//                      visitor; a key that was removed and stored again may
//                      come up a second time, and is passed over then
//
// Not supported:
//   CompareAndSwap     update replaces whatever it finds
//   LoadOrCompute      the value is computed before it is known who inserts
//   Reserve            not offered
//   Range              (Feldman) an iteration passes over a slot that is being
//                      turned into an array, and over the element in it
//   MemoryBytes        (split list) the number of list nodes is not offered
//   Swap               of values whose copies may throw: the old one can only be
//                      copied after it was replaced
// The Feldman table wants hashes without collisions, so that its keys are
// integers under DefaultHash, which is a bijection of them.
//
// Settings: Feldman's head_bits and array_bits as the library has them by
// default; the documentation advises to raise head_bits for many elements. The
// split list's capacity is the number of elements beyond which its table of
// shortcuts does not grow.
//
// Guarantees: point operations are linearizable and lock-free. Hazard pointers
// reclaim; threads register when they first call.
//
// Source: libcds, M. Khizhinsky; S. Feldman, P. LaBorde, D. Dechev, Concurrent
// Multi-level Arrays, 2013; O. Shalev, N. Shavit, Split-Ordered Lists, 2006.
#ifndef CMAP_MAPS_PEERS_LIBCDS_MAP_H_
#define CMAP_MAPS_PEERS_LIBCDS_MAP_H_

// Before the sets, which need to know their hazard pointers.
#include "maps/peers/libcds_gc.h"

#include <cds/intrusive/feldman_hashset_hp.h>
#include <cds/intrusive/iterable_list_hp.h>
#include <cds/intrusive/split_list.h>
#include <cds/version.h>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <vector>

#include "maps/concurrent_map.h"
#include "maps/internal/memory.h"
#include "maps/internal/options.h"
#include "maps/internal/tables/locked_map.h"
#include "maps/peers/clear_by_key.h"

namespace cmap {

namespace peers {

struct LibcdsDisposer {
  template <class Element>
  void operator()(Element* element) const {
    delete element;
  }
};

// The library deletes arrays as if they were of one element: as a size that is
// wrong is worse than none, none is given.
template <class T>
struct LibcdsAllocator : std::allocator<T> {
  LibcdsAllocator() = default;
  template <class U>
  LibcdsAllocator(const LibcdsAllocator<U>&) {}
  template <class U>
  struct rebind {
    using other = LibcdsAllocator<U>;
  };
  void deallocate(T* p, std::size_t) { ::operator delete(p); }
};

// What the two designs do differently.
template <class K, class V, class Hash>
  requires std::integral<K> && std::same_as<Hash, DefaultHash<K>>
struct LibcdsFeldman {
  struct Options {
    std::int64_t head_bits = 8;
    std::int64_t array_bits = 4;
  };
  static constexpr std::array<Tunable<Options>, 2> kTunables = {{
      {"head_bits", &Options::head_bits, 4, 24,
       "binary logarithm of the length of the first array: more bits make fewer "
       "levels"},
      {"array_bits", &Options::array_bits, 2, 8,
       "the same of the other arrays: more bits make fewer levels and more empty "
       "slots"},
  }};
  static constexpr std::string_view kName = "libcds_feldman_map";
  static constexpr std::string_view kSummary =
      "cds::FeldmanHashSet: a lock-free trie of arrays over the bits of the hash";
  static constexpr std::string_view kGrowth =
      "one array for a slot where two hashes meet; whoever comes helps";
  static constexpr std::string_view kCaveat =
      "integer keys only: the hash must be without collisions; the library's size() "
      "counts late and may be 2^64 - 1 for a moment";
  static constexpr bool kRanges = false;
  static constexpr bool kCountsMemory = true;

  struct Element {
    Element(const K& key, const V& v) : hash(Hash{}(key)), value(v) {}
    std::uint64_t hash;
    V value;
  };
  struct Traits : cds::intrusive::feldman_hashset::traits {
    struct hash_accessor {
      const std::uint64_t& operator()(const Element& element) const {
        return element.hash;
      }
    };
    using disposer = LibcdsDisposer;
    using item_counter = cds::atomicity::item_counter;
    using node_allocator = LibcdsAllocator<int>;
  };
  class Table
      : public cds::intrusive::FeldmanHashSet<cds::gc::HP, Element, Traits> {
    using Base = cds::intrusive::FeldmanHashSet<cds::gc::HP, Element, Traits>;

   public:
    explicit Table(const Options& options)
        : Base(static_cast<std::size_t>(options.head_bits),
               static_cast<std::size_t>(options.array_bits)) {}
    typename Base::guarded_ptr Get(const K& key) { return Base::get(Hash{}(key)); }
    template <class F>
    void Update(Element& element, F f) {
      Base::do_update(element, f);
    }
    bool Erase(const K& key) { return Base::erase(Hash{}(key)); }
    void Clear() { Base::clear(); }
    // Arrays have two words beside their slots.
    std::size_t HeapBytesHeld() {
      std::vector<cds::intrusive::feldman_hashset::level_statistics> levels;
      Base::get_level_statistics(levels);
      std::size_t bytes = 0;
      for (const auto& level : levels) {
        bytes += level.array_node_count *
                 internal::MallocBytes((level.node_capacity + 2) * sizeof(void*));
      }
      return bytes;
    }
  };
};

template <class K, class V, class Hash>
struct LibcdsSplitList {
  struct Options {
    std::int64_t capacity = 1 << 20;
  };
  static constexpr std::array<Tunable<Options>, 1> kTunables = {{
      {"capacity", &Options::capacity, 1, 1 << 28,
       "elements beyond which the table of shortcuts stops doubling"},
  }};
  static constexpr std::string_view kName = "libcds_split_list_map";
  static constexpr std::string_view kSummary =
      "cds::SplitListSet: one lock-free list in split order, with a table of "
      "shortcuts";
  static constexpr std::string_view kGrowth =
      "the table of shortcuts doubles and nothing moves, up to the capacity";
  static constexpr std::string_view kCaveat =
      "the library's size() counts late and may be 2^64 - 1 for a moment";
  static constexpr bool kRanges = true;
  static constexpr bool kCountsMemory = false;

  struct Element : cds::intrusive::split_list::node<void> {
    Element(const K& k, const V& v) : key(k), value(v) {}
    const K key;
    V value;
  };
  struct ListTraits : cds::intrusive::iterable_list::traits {
    struct compare {
      static const K& Key(const Element& element) { return element.key; }
      static const K& Key(const K& key) { return key; }
      template <class A, class B>
      int operator()(const A& a, const B& b) const {
        return Key(a) < Key(b) ? -1 : Key(b) < Key(a) ? 1 : 0;
      }
    };
    using disposer = LibcdsDisposer;
    using item_counter = cds::atomicity::empty_item_counter;
  };
  struct SetTraits : cds::intrusive::split_list::traits {
    struct hash {
      std::size_t operator()(const K& key) const { return Hash{}(key); }
      std::size_t operator()(const Element& element) const {
        return Hash{}(element.key);
      }
    };
    using allocator = LibcdsAllocator<int>;
    using item_counter = cds::atomicity::item_counter;
  };
  using List = cds::intrusive::IterableList<cds::gc::HP, Element, ListTraits>;
  class Table
      : public cds::intrusive::SplitListSet<cds::gc::HP, List, SetTraits> {
    using Base = cds::intrusive::SplitListSet<cds::gc::HP, List, SetTraits>;

   public:
    explicit Table(const Options& options)
        : Base(static_cast<std::size_t>(options.capacity), 1) {}
    typename Base::guarded_ptr Get(const K& key) { return Base::get(key); }
    template <class F>
    void Update(Element& element, F f) {
      Base::update(element, f);
    }
    bool Erase(const K& key) { return Base::erase(key); }
  };
};

}  // namespace peers

template <class K, class V, class Design>
class LibcdsMap {
 public:
  using key_type = K;
  using mapped_type = V;
  using Options = typename Design::Options;

  static constexpr Traits kTraits = {
      .family = "peer",
      .summary = Design::kSummary,
      .source = "libcds " CDS_VERSION_STRING,
      .read_progress = Progress::kLockFree,
      .write_progress = Progress::kLockFree,
      .reclamation = "hazard pointers",
      .growth = Design::kGrowth,
      .range = RangeConsistency::kWeak,
      .size = SizeConsistency::kLate,
      .max_threads = peers::kLibcdsThreads,
      .unsupported = [] {
        constexpr bool kSwaps = std::is_nothrow_copy_constructible_v<V>;
        if constexpr (!Design::kRanges) {
          return kSwaps ? OpSet(Op::kCompareAndSwap, Op::kLoadOrCompute,
                                Op::kReserve, Op::kRange)
                        : OpSet(Op::kCompareAndSwap, Op::kLoadOrCompute,
                                Op::kReserve, Op::kRange, Op::kSwap);
        } else {
          return kSwaps ? OpSet(Op::kCompareAndSwap, Op::kLoadOrCompute,
                                Op::kReserve, Op::kMemoryBytes)
                        : OpSet(Op::kCompareAndSwap, Op::kLoadOrCompute,
                                Op::kReserve, Op::kMemoryBytes, Op::kSwap);
        }
      }(),
      .unsupported_reason =
          "the library replaces whatever it finds, takes no factories, reserves "
          "nothing, and its iterators or sizes are not enough for the rest",
      .caveat = Design::kCaveat,
  };
  static constexpr auto kTunables = Design::kTunables;

  LibcdsMap() : LibcdsMap(Options{}) {}
  explicit LibcdsMap(const Options& options) {
    internal::CheckOptions(Design::kName, options, kTunables);
    peers::LibcdsAttach();
    table_.emplace(options);
  }
  ~LibcdsMap() { peers::LibcdsAttach(); }
  LibcdsMap(const LibcdsMap&) = delete;
  LibcdsMap& operator=(const LibcdsMap&) = delete;

  std::optional<V> Load(const K& key) { return LoadByVisit<V>(*this, key); }

  template <class F>
  [[gnu::always_inline]] bool Visit(const K& key, F&& f) {
    peers::LibcdsAttach();
    auto found = table_->Get(key);
    if (!found) return false;
    f(std::as_const(found->value));
    return true;
  }

  void Store(const K& key, const V& value) {
    peers::LibcdsAttach();
    auto element = std::make_unique<Element>(key, value);
    table_->Update(*element, [](Element&, Element*) {});
    element.release();
  }

  Loaded<V> LoadOrStore(const K& key, const V& value) {
    peers::LibcdsAttach();
    if (auto found = table_->Get(key)) return {found->value, true};
    auto element = std::make_unique<Element>(key, value);
    Loaded<V> result{value, false};  // before the insertion: it may throw
    while (!table_->insert(*element)) {
      if (auto found = table_->Get(key)) return {found->value, true};
    }
    element.release();
    return result;
  }

  std::optional<V> LoadAndDelete(const K& key) {
    peers::LibcdsAttach();
    for (;;) {
      auto found = table_->Get(key);
      if (!found) return std::nullopt;
      std::optional<V> removed(found->value);
      if (table_->unlink(*found)) return removed;
    }
  }

  bool Delete(const K& key) {
    peers::LibcdsAttach();
    return table_->Erase(key);
  }

  std::optional<V> Swap(const K& key, const V& value) {
    peers::LibcdsAttach();
    auto element = std::make_unique<Element>(key, value);
    std::optional<V> replaced;
    table_->Update(*element, [&](Element&, Element* old) {
      if (old != nullptr) replaced.emplace(old->value);
    });
    element.release();
    return replaced;
  }

  bool CompareAndDelete(const K& key, const V& expected) {
    peers::LibcdsAttach();
    for (;;) {
      auto found = table_->Get(key);
      if (!found || !(found->value == expected)) return false;
      if (table_->unlink(*found)) return true;
    }
  }

  // O(n) memory.
  template <class F>
  void Range(F&& visit) {
    peers::LibcdsAttach();
    std::vector<std::pair<K, V>> entries;
    std::unordered_set<K> seen;
    for (auto it = table_->begin(); it != table_->end(); ++it) {
      if (seen.insert(it->key).second) entries.emplace_back(it->key, it->value);
    }
    internal::VisitAll(entries, visit);
  }

  // By key where the library's clear() leaves an element that is replaced meanwhile.
  void Clear() {
    peers::LibcdsAttach();
    if constexpr (Design::kRanges) {
      peers::ClearByKey(*this);
    } else {
      table_->Clear();
    }
  }

  // The library counts after it has changed the table. A removal can be counted before
  // the insertion it removes, and its size() be 2^64 - 1 for a moment.
  std::size_t Size() {
    const auto size = static_cast<std::ptrdiff_t>(table_->size());
    return static_cast<std::size_t>(std::max<std::ptrdiff_t>(size, 0));
  }

  void StoreBatch(std::span<const std::pair<K, V>> batch) {
    for (const auto& [key, value] : batch) Store(key, value);
  }

  std::size_t MemoryBytes() {
    return sizeof(*this) + table_->HeapBytesHeld() +
           table_->size() * internal::MallocBytes(sizeof(Element));
  }

  static void Quiesce() { peers::LibcdsQuiesce(); }

 private:
  using Element = typename Design::Element;

  std::optional<typename Design::Table> table_;
};

}  // namespace cmap

#endif  // CMAP_MAPS_PEERS_LIBCDS_MAP_H_
