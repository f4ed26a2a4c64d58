// SPDX-License-Identifier: Apache-2.0
//
// cache_line_map: a hash table made for the memory system. A lookup that hits
// reads one cache line or two adjacent ones, and writes nothing.
//
//   table: homes of two lines each, in the order of the hashes they take
//
//     [t|s|kv kv kv][kv kv kv kv] [t|s|kv kv kv][kv kv kv kv] ...
//         |
//         +--> [kv kv kv] --> ...   overflow lines of three entries (rare)
//
// The tags t of a home (cache_line_map/cache_line.h) are eight bits of the hash of
// each of its seven entries, its state s is a lock and a version. A reader finds
// the slot by comparing all tags at once, reads key and value, and reads the
// state again. There is no branch whose outcome is random but whether the key is
// there, so the processor goes on to the next lookups while the lines are on
// their way: the time of a lookup in a large map is what remains of a cache miss
// when several are under way. That is why a home is two lines: seven entries
// that share their room overflow four times more seldom than three, and the
// second line, whose address is known beforehand, is fetched together with the
// first. What would have to be followed through a link could not be fetched
// before the link.
//
// A home over time:
//
//               moved in                     locked by a writer
//     void (0) ----------> ready, version n <-------------------> ready, locked
//                               ^                                       |
//                               +-- version n + 1: entry put, removed --+
//     void (0) <----------------------------------- moved to a larger table
//
// Writers lock the home through its state. They do not hold up readers:
//   - overwriting is one store of a word, and changes nothing else;
//   - a new entry is written into a free slot, where no reader looks, and
//     appears with its tag;
//   - a removed entry disappears with its tag. Its slot may be used again by
//     the next who locks the home, which is why readers look at the version: it
//     has changed by then. If the home has overflow lines, an entry comes from there
//     into the slot, and a line that is empty then is free for other homes: what has
//     come and gone leaves nothing behind.
// Each of these takes effect by one sequentially consistent store, so that a write is
// over for everybody when it returns (cache_line_map/cache_line_table.h).
//
// Growth. A table that has become too full is followed by one a seventh to a
// quarter larger (twice as large while it is tiny). Homes are in hash order, and a
// group of neighbours of the old table goes to a group of neighbours of the new
// one: inserting threads move 64 groups each until all have been moved, and a
// writer moves the group it needs. A reader that finds a void home in the new
// table finds the entries in the old one, where they can be read until they have
// been moved, and if they have been moved meanwhile, in the new one.
//
// Readers need no protection, neither epoch nor hazard pointer, because words
// of lines never become anything else while the map lives (they are
// type-stable): an old table gives its memory back to the kernel, but keeps its
// addresses, which then read as zeros, that is as void homes. What the map keeps
// of old tables is address space, about six times the size of the present one.
//
// Keys and values that are integers or other trivial types of up to eight bytes
// are in the line. Others are in a box of their own, and the line holds the
// hash and the address of the box. Boxes are protected by epochs, so that
// readers of such maps pay for a guard and for another line.
//
// The tables' memory is requested in huge pages where it fills them (tunable
// huge_pages): with pages of 4 KiB a million keys do not fit the processor's
// address translation cache, and a lookup pays for that too.
//
// Guarantees. Point operations are linearizable. Load is lock-free: it repeats
// only if an entry of its home was put or removed meanwhile, or the home moved.
// So are operations that find nothing to do. Writes block each other per home;
// they are O(1) on average, plus the moving of 64 groups while the map grows,
// plus the creation of the new table for the thread that finds it necessary.
// LoadOrCompute holds the home's lock while it computes. Clear, Range and Size
// work home by home, O(n). A thread that stops inside a write stops the growing
// of the map, but nobody who does not need the same home. Exceptions come
// before any change, except that a Clear that throws has removed part of the
// entries.
//
// Memory: at most 32 bytes per entry of 16 (34 below twelve thousand entries,
// where pages and control words count), 27 before it grows, however many entries
// come and go; that of both tables during the few insertions that moving takes. A
// table never shrinks: an emptied map keeps what it had when it was fullest.
//
// Source: buckets that fit the memory system, and reading without writing: T.
// David, R. Guerraoui, V. Trigonakis, "Asynchronized concurrency: the secret to
// scaling concurrent search data structures", ASPLOS 2015 (CLHT). Tags and
// versions: B. Fan, D. Andersen, M. Kaminsky, "MemC3", NSDI 2013. Moving in
// hash order: T. Maier, P. Sanders, R. Dementiev, "Concurrent hash tables: fast
// and general(?)!", TOPC 2019 (growt). The composition is this study's.
#ifndef CMAP_MAPS_CACHE_LINE_MAP_H_
#define CMAP_MAPS_CACHE_LINE_MAP_H_

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "maps/cache_line_map/cache_line.h"
#include "maps/cache_line_map/cache_line_table.h"
#include "maps/cache_line_map/line_table.h"
#include "maps/concurrent_map.h"
#include "maps/internal/atomics.h"
#include "maps/internal/memory.h"
#include "maps/internal/options.h"
#include "maps/internal/reclamation/epoch.h"

namespace cmap {

// `Design`: what homes are like (cache_line_map/cache_line.h).
template <class K, class V, class Hash = DefaultHash<K>, class Atomics = NativeAtomics,
          class Design = internal::TwoLines>
class CacheLineMap {
  using Epochs = internal::EpochDomain<Atomics>;

  template <class T>
  static constexpr bool kFitsWord = std::is_trivially_copyable_v<T> &&
                                    sizeof(T) <= sizeof(std::uint64_t);
  static constexpr bool kInline = std::integral<K> && kFitsWord<K> && kFitsWord<V>;

  // An entry as the lines see it: two words.
  struct Box {
    const K key;
    const V value;
  };

  static V Decode(std::uint64_t word) requires kInline {
    std::array<std::byte, sizeof(V)> bytes;
    std::memcpy(bytes.data(), &word, sizeof(V));
    return std::bit_cast<V>(bytes);
  }
  static std::uint64_t Encode(const V& value) requires kInline {
    std::uint64_t word = 0;
    std::memcpy(&word, &value, sizeof(V));
    return word;
  }

  // Homes come from the highest bits of a hash and tags from the lowest, so all of them have
  // to be mixed. DefaultHash's are; another hash says so by a member type `well_mixed`, or
  // its results are mixed once more (std::hash of an integer is the integer itself).
  static std::uint64_t Hashed(const K& key) {
    const std::uint64_t hash = Hash{}(key);
    if constexpr (std::same_as<Hash, DefaultHash<K>> || requires { typename Hash::well_mixed; }) {
      return hash;
    } else {
      return MixBits(hash);
    }
  }

  // What a key word hashes to.
  struct HashOf {
    std::uint64_t operator()(std::uint64_t key) const {
      if constexpr (kInline) {
        return Hashed(static_cast<K>(key));
      } else {
        return key;
      }
    }
  };
  using Table = internal::CacheLineTable<HashOf, Atomics, Design>;
  using Owner = typename Table::Owner;

  // Entries in the lines need no protection.
  struct NoGuard {
    NoGuard() {}
    void Prepare(std::size_t) {}
  };
  using Guard = std::conditional_t<kInline, NoGuard, typename Epochs::Guard>;

 public:
  using key_type = K;
  using mapped_type = V;
  using Options = internal::LineOptions;

  static constexpr Traits kTraits = {
      .family = "lock-free reads",
      .summary = Design::kSummary,
      .source = "this study, after CLHT, MemC3 and growt",
      .read_progress = Progress::kLockFree,
      .write_progress = Progress::kBlocking,
      .reclamation =
          "none for small trivial types, whose lines are never reused "
          "for anything else; epochs for others",
      .growth =
          "by a seventh to a quarter, in groups of buckets: insertions move "
          "64 groups each",
      .range = RangeConsistency::kWeak,
      .batch_is_atomic = false,
      .clear_is_atomic = false,
      .after_deletion = AfterDeletion::kAll,
      .caveat =
          "Size is O(n); keeps the address space, not the memory, of outgrown tables, and "
          "never shrinks; requests huge pages (tunable huge_pages)",
  };
  static constexpr auto kTunables = internal::kLineTunables;

  CacheLineMap() : CacheLineMap(Options{}) {}
  explicit CacheLineMap(const Options& options)
      : table_(internal::CheckOptions("cache_line_map", options, kTunables).huge_pages != 0) {}
  CacheLineMap(const CacheLineMap&) = delete;
  CacheLineMap& operator=(const CacheLineMap&) = delete;
  ~CacheLineMap() {
    if constexpr (!kInline) {
      table_.ForEach([](std::uint64_t, std::uint64_t value, unsigned) { delete BoxAt(value); });
    }
  }

  std::optional<V> Load(const K& key) { return LoadByVisit<V>(*this, key); }

  template <class F>
  [[gnu::always_inline]] bool Visit(const K& key, F&& f) {
    const std::uint64_t hash = Hashed(key);
    [[maybe_unused]] Guard guard;
    return table_.Find(
        hash, KeyWord(key, hash), Same(key),
        [&](std::uint64_t word) {
          f(ValueOf(word));
          return true;
        },
        [] { return false; });
  }

  // Looks at no home before those of the next keys are under way, so that the time of a
  // lookup in a large map is a share of a cache miss even where the processor's window
  // of instructions does not reach from one lookup to the next.
  template <class F>
  [[gnu::always_inline]] std::size_t VisitBatch(std::span<const K> keys, F&& f) {
    [[maybe_unused]] Guard guard;
    std::size_t found = 0;
    std::array<std::uint64_t, kBatch> hashes;
    while (!keys.empty()) {
      const auto part = keys.first(std::min(keys.size(), kBatch));
      for (std::size_t i = 0; i < part.size(); ++i) {
        hashes[i] = Hashed(part[i]);
        const auto home = table_.HomeOf(hashes[i]);
        __builtin_prefetch(&home.tags());
        if constexpr (Design::kLines == 2) __builtin_prefetch(home.second_line());
      }
      for (std::size_t i = 0; i < part.size(); ++i) {
        const K& key = part[i];
        found += table_.Find(
            hashes[i], KeyWord(key, hashes[i]), Same(key),
            [&](std::uint64_t word) {
              f(key, ValueOf(word));
              return true;
            },
            [] { return false; });
      }
      keys = keys.subspan(part.size());
    }
    return found;
  }

  void Store(const K& key, const V& value) {
    Replace(key, value, [](const V&) {});
  }

  std::optional<V> Swap(const K& key, const V& value) {
    std::optional<V> old;
    Replace(key, value, [&](const V& v) { old.emplace(v); });
    return old;
  }

  Loaded<V> LoadOrStore(const K& key, const V& value) {
    return LoadOr(key, value, [&]() -> const V& { return value; });
  }

  // `make` runs under the lock of the key's home: it holds up writers, but not
  // readers, of the keys there.
  template <class F>
  Loaded<V> LoadOrCompute(const K& key, F&& make) {
    return LoadOr(key, Nothing{}, std::forward<F>(make));
  }

  std::optional<V> LoadAndDelete(const K& key) {
    std::optional<V> old;
    Remove(
        key, [](const V&) { return true; }, [&](const V& v) { old.emplace(v); });
    return old;
  }

  bool Delete(const K& key) {
    return Remove(
        key, [](const V&) { return true; }, [](const V&) {});
  }

  bool CompareAndDelete(const K& key, const V& expected) {
    return Remove(
        key, [&](const V& v) { return v == expected; }, [](const V&) {});
  }

  bool CompareAndSwap(const K& key, const V& expected, const V& desired) {
    const std::uint64_t hash = Hashed(key);
    const std::uint64_t key_word = KeyWord(key, hash);
    Guard guard;
    const auto word = table_.Find(hash, key_word, Same(key));
    if (!word || !(ValueOf(word.value) == expected)) return false;
    guard.Prepare(1);
    Incoming incoming(key, desired);
    Owner owner(table_, hash);
    const auto slot = owner.Find(key_word, Same(key));
    if (!slot || !(ValueOf(slot.value()) == expected)) return false;
    Exchange(slot, incoming, guard);
    return true;
  }

  // A home at a time: its entries are copied under its lock (boxed ones
  // by address) and visited after that. O(n).
  template <class F>
  void Range(F&& visit) {
    [[maybe_unused]] Guard guard;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> entries;
    std::uint64_t first = 0;
    do {
      entries.clear();
      first = table_.CopyHome(first, entries);
      for (const auto& [key, value] : entries) {
        if constexpr (kInline) {
          if (!visit(static_cast<K>(key), Decode(value))) return;
        } else {
          if (!visit(BoxAt(value)->key, BoxAt(value)->value)) return;
        }
      }
    } while (first != 0);
  }

  // Keeps the table, as clearing a Go map does. O(n).
  void Clear() {
    std::uint64_t first = 0;
    std::size_t room = 64;
    for (;;) {
      Guard guard;
      guard.Prepare(room);
      Owner owner(table_, first);
      std::size_t count = 0;
      owner.ForEach([&](std::uint64_t, std::uint64_t) { ++count; });
      if (count > room) {  // with more room, which is not made under the lock
        room = count;
        continue;
      }
      if (count != 0) {
        if constexpr (!kInline) {
          owner.ForEach([&](std::uint64_t, std::uint64_t value) { guard.Retire(BoxAt(value)); });
        }
        owner.RemoveAll();
        table_.HaveRemoved(count);
      }
      first = owner.EndHash();
      if (first == 0) return;
    }
  }

  // Counts home by home, each under its lock. O(n).
  std::size_t Size() { return table_.Size(); }

  // Makes a table of the right size at once, and moves what there is. O(n).
  void Reserve(std::size_t entries) { table_.Reserve(entries); }

  void StoreBatch(std::span<const std::pair<K, V>> batch) {
    for (const auto& [key, value] : batch) Store(key, value);
  }

  // Tables with their overflow lines, and boxes; boxes that wait to be
  // freed are not counted. O(1) for entries in the lines, otherwise O(n).
  std::size_t MemoryBytes() {
    std::size_t bytes = sizeof(*this) + table_.Bytes();
    if constexpr (!kInline) {
      table_.ForEach([&](std::uint64_t, std::uint64_t value, unsigned) {
        const Box& box = *BoxAt(value);
        bytes += internal::MallocBytes(sizeof(Box)) + internal::HeapBytes(box.key) +
                 internal::HeapBytes(box.value);
      });
    }
    return bytes;
  }

  // growths: larger tables made so far.
  std::vector<Counter> Counters() const { return {{"growths", table_.Growths()}}; }

  // Quiescent only: how many entries are in the first lines of homes, in the
  // second ones, and in overflow lines. O(n).
  std::array<std::uint64_t, 3> Depths() const {
    std::array<std::uint64_t, 3> depths{};
    table_.ForEach([&](std::uint64_t, std::uint64_t, unsigned i) {
      ++depths[i < 3 ? 0 : i < Design::kSlots ? 1 : 2];
    });
    return depths;
  }

  // Frees what maps of this kind have put aside, as far as no thread is in a
  // map at the moment.
  static void Quiesce() {
    if constexpr (!kInline) Epochs::Drain();
  }

 private:
  struct Nothing {};

  // Keys of VisitBatch whose homes are under way at once: more than a core has room for
  // lines that it waits for (10 to 16).
  static constexpr std::size_t kBatch = 16;

  static const Box* BoxAt(std::uint64_t word) { return reinterpret_cast<const Box*>(word); }
  static std::uint64_t KeyWord(const K& key, std::uint64_t hash) {
    if constexpr (kInline) {
      return static_cast<std::uint64_t>(key);
    } else {
      return hash;
    }
  }
  static decltype(auto) ValueOf(std::uint64_t word) {
    if constexpr (kInline) {
      return Decode(word);
    } else {
      return (BoxAt(word)->value);
    }
  }

  // Whether the entry of equal key word with this value word is that of `key`.
  struct SameBox {
    explicit SameBox(const K& k) : key(k) {}
    bool operator()(std::uint64_t word) const { return BoxAt(word)->key == key; }
    const K& key;
  };
  struct SameWord {
    explicit SameWord(const K&) {}
    bool operator()(std::uint64_t) const { return true; }
  };
  using Same = std::conditional_t<kInline, SameWord, SameBox>;

  // A value on its way into the map.
  class Incoming {
   public:
    template <class Value>
    Incoming(const K& key, Value&& value) {
      if constexpr (kInline) {
        word_ = Encode(value);
      } else {
        box_.reset(new Box{key, std::forward<Value>(value)});
      }
    }
    std::uint64_t word() const {
      if constexpr (kInline) {
        return word_;
      } else {
        return reinterpret_cast<std::uint64_t>(box_.get());
      }
    }
    void Release() {
      if constexpr (!kInline) box_.release();
    }

   private:
    std::conditional_t<kInline, std::uint64_t, Nothing> word_{};
    std::conditional_t<kInline, Nothing, std::unique_ptr<Box>> box_{};
  };

  // Room for one object has been prepared.
  template <class Slot>
  static void Exchange(const Slot& slot, Incoming& incoming, Guard& guard) {
    [[maybe_unused]] const std::uint64_t old = slot.value();
    slot.SetValue(incoming.word());
    incoming.Release();
    if constexpr (!kInline) guard.Retire(BoxAt(old));
  }

  // Hands the value that is replaced to `on_old`, which may throw.
  template <class OnOld>
  void Replace(const K& key, const V& value, const OnOld& on_old) {
    const std::uint64_t hash = Hashed(key);
    const std::uint64_t key_word = KeyWord(key, hash);
    Guard guard;
    guard.Prepare(1);
    Incoming incoming(key, value);
    bool overflown;
    {
      Owner owner(table_, hash);
      if (const auto slot = owner.Find(key_word, Same(key))) [[likely]] {
        on_old(ValueOf(slot.value()));
        Exchange(slot, incoming, guard);
        return;
      }
      owner.Put(key_word, incoming.word());
      incoming.Release();
      overflown = owner.overflown();
    }
    table_.HavePut(overflown);
  }

  // `ready` is the value if there is one before the lock is taken.
  template <class Ready, class F>
  Loaded<V> LoadOr(const K& key, const Ready& ready, F&& make) {
    constexpr bool kEarly = std::is_same_v<Ready, V>;
    const std::uint64_t hash = Hashed(key);
    const std::uint64_t key_word = KeyWord(key, hash);
    [[maybe_unused]] Guard guard;
    if (const auto word = table_.Find(hash, key_word, Same(key))) {
      return {ValueOf(word.value), true};
    }
    std::optional<Incoming> incoming;
    if constexpr (kEarly) incoming.emplace(key, ready);
    bool overflown;
    std::optional<Loaded<V>> result;
    {
      Owner owner(table_, hash);
      if (const auto slot = owner.Find(key_word, Same(key))) {
        return {ValueOf(slot.value()), true};
      }
      if constexpr (!kEarly) incoming.emplace(key, std::forward<F>(make)());
      result.emplace(Loaded<V>{ValueOf(incoming->word()), false});
      owner.Put(key_word, incoming->word());
      incoming->Release();
      overflown = owner.overflown();
    }
    table_.HavePut(overflown);
    return *std::move(result);
  }

  // Removes the key if `matches` says so of its value, which is handed to
  // `on_old` before.
  template <class Matches, class OnOld>
  bool Remove(const K& key, const Matches& matches, const OnOld& on_old) {
    const std::uint64_t hash = Hashed(key);
    if (table_.SurelyAbsent(hash)) return false;
    Guard guard;
    guard.Prepare(1);
    {
      Owner owner(table_, hash);
      const auto slot = owner.Find(KeyWord(key, hash), Same(key));
      if (!slot) return false;
      [[maybe_unused]] const std::uint64_t word = slot.value();
      if (!matches(ValueOf(word))) return false;
      on_old(ValueOf(word));
      owner.Remove(slot);
      if constexpr (!kInline) guard.Retire(BoxAt(word));
    }
    table_.HaveRemoved(1);
    return true;
  }

  Table table_;
};

}  // namespace cmap

#endif  // CMAP_MAPS_CACHE_LINE_MAP_H_
