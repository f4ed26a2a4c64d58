// SPDX-License-Identifier: Apache-2.0
//
// The concept that every strategy in this study models, and the traits by
// which a strategy describes itself. A strategy is a class template
//
//   template <class K, class V, class Hash, class Atomics, ...> class XMap;
//
// with the operations below. The vocabulary is that of Go's sync.Map, because
// the field's tests and the texts under study use it.
//
// Point operations. Each is linearizable with respect to the others on the
// same key: it takes effect atomically between its call and its return. (Where
// the traits say linearizable = false a Load may miss, for a bounded time, the
// last calls of Store. Every other operation finds them, and once one has on
// that key, or on the whole map, so does every Load.)
//
//   Visit(k, f)              calls f(const V&) with the value of k, if there is one;
//                            whether it did. See below.
//   Load(k)                  the value of k, or nothing: LoadByVisit
//   Store(k, v)              k holds v from now on
//   LoadOrStore(k, v)        {present value, true}, or stores v: {v, false}
//   LoadAndDelete(k)         removes k; what it held, or nothing
//   Delete(k)                removes k; whether it was present
//   Swap(k, v)               stores v; what k held before, or nothing
//   CompareAndSwap(k, o, n)  if k is present and holds o: stores n, true.
//                            An absent key is never equal to anything.
//   CompareAndDelete(k, o)   if k is present and holds o: removes k, true
//   LoadOrCompute(k, f)      like LoadOrStore(k, f()), but f is called at most
//                            once per stored value and never when k is present.
//                            f must not call the map.
//
// Visit is the form in which a value leaves a map: nothing is copied unless f does
// so, and the result need not travel through memory. f is called at most once, with
// a value that the key held at the moment at which the operation takes effect. It
// may run under a lock, shared or exclusive, or where reclamation waits for it, so
// it should be short. The reference ends with the call. f must not call the map, nor
// change the value. It may throw: Visit then does, and the map is as it was.
// It is inlined by force, in every map: left to compilers, it is in some and not in
// others, as they happen to stand in a source file, and where it is not, the value does
// travel through memory. No other operation is, but this one:
//
//   VisitOrStore(k, v, f)    LoadOrStore that calls f(const V&) with the present value
//                            instead of returning it; whether it did
//
// A map may have it. It is for libraries whose own form of LoadOrStore takes a visitor:
// Loaded comes back in registers from all others.
//
// Whole-map operations.
//
//   Range(f)        calls f(const K&, const V&) -> bool for the entries until
//                   f returns false. Each key is visited at most once; a key
//                   present during the whole call is visited; a key stored or
//                   removed during the call may or may not be. No snapshot
//                   unless the traits say so. f may call any operation of the
//                   same map, Range included.
//   Clear()         removes everything present when it is called; not atomic
//                   with concurrent insertions unless the traits say so.
//   Size()          the number of entries; exact when nothing runs
//                   concurrently, otherwise as SizeConsistency says.
//   Reserve(n)      a hint: the next insertions up to n entries should not
//                   grow the map. Never changes what is observable.
//   StoreBatch(s)   Store for every pair in order. Atomic as a whole only where
//                   the traits say so.
//   MemoryBytes()   bytes held for entries and structure now; quiescent only.
//                   A map of bounded memory has MemoryBound() as well, which this
//                   never exceeds.
//
// Order in real time. An operation that has returned is over, for everybody: whatever
// begins after that, on any thread and on any key, finds its effect. It does not matter
// how the one who begins knows; no synchronisation beside the map is asked for. So of
// two threads that each store a key and then load the other's, one at least finds
// what it looks for. (Where linearizable = false, only as far as said above.) On
// x86-64 this costs one instruction that empties the store buffer in every write, in
// maps whose reads take no lock: the effect itself, a counter, or a mutex unlocked.
//
// Plain data. What a thread did before it called an operation that stores v happens
// before what another does after an operation that found v, in the sense of C++: a
// value may lead to data that are not atomic, written before it was stored. What a
// thread did before a deletion happens before what another does after it stores that
// key anew. Nothing is ordered by operations that did not find each other's effects.
//
// Calling back. A value or key that leaves the map (deleted, overwritten, swapped out,
// cleared, evicted, left behind by growth) is destroyed when the operation holds no
// lock of the map any more: its destructor may call any operation of the same map.
// (Some maps move it away first: what a move leaves behind is destroyed under the lock.)
// f of LoadOrCompute and Visit, hashes, comparisons and copies may run under a lock: they
// must not call the map. In a build with assertions a call that would wait for its own
// thread ends the program with a sentence (internal/held_locks.h). Peers promise none of
// this.
//
// Errors. Maps throw only what K, V, Hash, equality or the allocator throw
// (std::bad_alloc above all), and are unchanged for readers when they do; only a
// StoreBatch that throws may leave the pairs before that one stored.
//
// Thread safety. Construction, destruction and MemoryBytes() need exclusive
// access; everything else may be called from any number of threads. Per-thread
// state, where a design needs it, is registered behind thread-locals.
#ifndef CMAP_MAPS_CONCURRENT_MAP_H_
#define CMAP_MAPS_CONCURRENT_MAP_H_

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cmap {

// Spacing that keeps two words from sharing a cache line on the x86-64 and ARM
// cores in common use. A constant of our own: the standard's
// hardware_destructive_interference_size changes with compiler flags.
inline constexpr std::size_t kCacheLine = 64;

// The result of LoadOrStore and LoadOrCompute: the value now associated with
// the key, and whether it was there before the call.
template <class V>
struct Loaded {
  V value;
  bool loaded;

  friend bool operator==(const Loaded&, const Loaded&) = default;
};

// Load, for whatever has a Visit of the same `key`: one argument, or hash and key.
template <class V, class M, class... Key>
[[gnu::always_inline]] inline std::optional<V> LoadByVisit(M& map, const Key&... key) {
  std::optional<V> found;
  map.Visit(key..., [&](const V& value) { found.emplace(value); });
  return found;
}

// LoadOrStore of a trivial value, for whatever has VisitOrStore.
template <class M>
[[gnu::always_inline]] inline Loaded<typename M::mapped_type> LoadOrStoreByVisit(
    M& map, const typename M::key_type& key, const typename M::mapped_type& value) {
  auto held = value;
  const bool loaded =
      map.VisitOrStore(key, value, [&](const auto& present) { held = present; });
  return {held, loaded};
}

enum class Op : std::uint8_t {
  kLoad,
  kStore,
  kLoadOrStore,
  kLoadAndDelete,
  kDelete,
  kSwap,
  kCompareAndSwap,
  kCompareAndDelete,
  kLoadOrCompute,
  kRange,
  kClear,
  kSize,
  kReserve,
  kStoreBatch,
  kMemoryBytes,
};
inline constexpr std::size_t kOpCount = 15;

inline constexpr std::array<std::string_view, kOpCount> kOpNames = {
    "load",           "store",          "load_or_store",
    "load_and_delete", "delete",        "swap",
    "compare_and_swap", "compare_and_delete", "load_or_compute",
    "range",          "clear",          "size",
    "reserve",        "store_batch",    "memory_bytes",
};

constexpr std::string_view OpName(Op op) {
  return kOpNames[static_cast<std::size_t>(op)];
}

// A set of operations, for the ones a design cannot perform atomically.
class OpSet {
 public:
  constexpr OpSet() = default;
  template <std::same_as<Op>... Ops>
  constexpr explicit OpSet(Ops... ops)
      : bits_((0u | ... | (1u << static_cast<unsigned>(ops)))) {}
  constexpr bool contains(Op op) const {
    return (bits_ >> static_cast<unsigned>(op)) & 1u;
  }
  constexpr bool empty() const { return bits_ == 0; }

 private:
  std::uint32_t bits_ = 0;
};

// Progress guarantee of an operation when other threads stop at any point.
enum class Progress : std::uint8_t {
  kUnsynchronised,  // one thread only
  kBlocking,        // a stopped thread can stop others
  kLockFree,        // some thread always completes
  kWaitFree,        // every thread completes in a bounded number of steps
};

constexpr std::string_view ProgressName(Progress p) {
  switch (p) {
    case Progress::kUnsynchronised: return "single thread";
    case Progress::kBlocking: return "blocking";
    case Progress::kLockFree: return "lock-free";
    case Progress::kWaitFree: return "wait-free";
  }
  return "?";
}

enum class RangeConsistency : std::uint8_t {
  kWeak,      // the promise above and nothing more
  kPerShard,  // each part is a snapshot, the whole is not
  kSnapshot,  // one state of the whole map
};

constexpr std::string_view RangeConsistencyName(RangeConsistency r) {
  switch (r) {
    case RangeConsistency::kWeak: return "weak";
    case RangeConsistency::kPerShard: return "per shard";
    case RangeConsistency::kSnapshot: return "snapshot";
  }
  return "?";
}

// What Size counts when others run concurrently.
enum class SizeConsistency : std::uint8_t {
  kAsRange,  // the entries of one moment if Range is a snapshot, else as kParts
  kParts,    // parts of the map, each at a moment of its own
  kLate,     // as kParts, and calls still under way may be counted late: what they
             // did can be seen already
  kBehind,   // calls that have returned may be counted late, too: exact at rest only
};

constexpr std::string_view SizeConsistencyName(SizeConsistency s) {
  switch (s) {
    case SizeConsistency::kAsRange: return "as Range";
    case SizeConsistency::kParts: return "in parts";
    case SizeConsistency::kLate: return "late";
    case SizeConsistency::kBehind: return "behind";
  }
  return "?";
}

// What a map holds when all that was in it has been deleted and what was put aside has
// been freed.
enum class AfterDeletion : std::uint8_t {
  kAll,    // what it held when it was full: room for as many again
  kTable,  // less: entries are given back, the table that found them is kept
  kNone,   // what an empty map holds
};

constexpr std::string_view AfterDeletionName(AfterDeletion a) {
  switch (a) {
    case AfterDeletion::kAll: return "keeps all";
    case AfterDeletion::kTable: return "keeps the table";
    case AfterDeletion::kNone: return "gives all back";
  }
  return "?";
}

// What a strategy says of itself. The paper prints these; nothing repeats them.
struct Traits {
  std::string_view family;       // "lock", "sharded lock", "lock-free reads", ...
  std::string_view summary;      // one sentence: how it works
  std::string_view source;       // where the algorithm comes from
  Progress read_progress;        // Load on a present key
  Progress write_progress;       // Store
  std::string_view reclamation;  // "none needed", "epochs", ...
  std::string_view growth;       // how the table grows, and who pays
  RangeConsistency range = RangeConsistency::kWeak;
  SizeConsistency size = SizeConsistency::kAsRange;
  bool batch_is_atomic = false;  // StoreBatch becomes visible at once
  bool clear_is_atomic = false;
  AfterDeletion after_deletion = AfterDeletion::kTable;
  bool keeps_every_key = true;   // false for bounded caches, which may evict
  bool returns_results = true;   // false only for the null map: no lookups
  bool linearizable = true;      // false: a Load may lag behind, see above
  int max_threads = 0;           // 0 = any number
  OpSet unsupported{};           // operations it cannot perform atomically
  std::string_view unsupported_reason = "";
  std::string_view caveat = "";  // what a reader must know before using it
};

// A run-time tunable of a strategy: a member of its Options, with its range.
template <class Options>
struct Tunable {
  std::string_view name;
  std::int64_t Options::* field;
  std::int64_t min;
  std::int64_t max;
  std::string_view doc;  // unit and effect
};

// Options of a strategy without tunables.
struct NoOptions {};

// A named event count a strategy keeps (promotions, entries copied, ...).
struct Counter {
  std::string_view name;
  std::uint64_t value;
};

// Mixes all 64 bits into all 64 bits (finaliser of MurmurHash3, A. Appleby,
// public domain). Every strategy and peer gets the same hash, so that a
// comparison of maps is not one of hash functions.
constexpr std::uint64_t MixBits(std::uint64_t x) {
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdULL;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53ULL;
  x ^= x >> 33;
  return x;
}

// The default hash: 64 well-mixed bits, so that a design may take shard numbers
// from the high bits and slot numbers from the low ones.
template <class K>
struct DefaultHash {
  std::uint64_t operator()(const K& key) const noexcept {
    if constexpr (std::integral<K>) {
      return MixBits(static_cast<std::uint64_t>(key));
    } else {
      return MixBits(std::hash<K>{}(key));
    }
  }
};

template <class M>
constexpr bool Supports(Op op) {
  return !M::kTraits.unsupported.contains(op);
}

// Types and self-description every strategy has.
template <class M>
concept DescribedMap = requires {
  typename M::key_type;
  typename M::mapped_type;
  typename M::Options;
  { M::kTraits } -> std::convertible_to<const Traits&>;
  // A std::array<Tunable<Options>, N>, empty for NoOptions.
  { M::kTunables.size() } -> std::convertible_to<std::size_t>;
} && std::constructible_from<M, const typename M::Options&> &&
    std::default_initializable<M>;

// An operation is either declared unsupported or has the signature above. Visit, Load
// and one of Store and LoadOrStore, by which a map can be filled, are required.
template <class M>
concept ConcurrentMap =
    DescribedMap<M> && Supports<M>(Op::kLoad) &&
    (Supports<M>(Op::kStore) || Supports<M>(Op::kLoadOrStore)) &&
    requires(M m, const typename M::key_type& k,
             const typename M::mapped_type& v,
             typename M::mapped_type (*make)(),
             void (*take)(const typename M::mapped_type&),
             bool (*visit)(const typename M::key_type&,
                           const typename M::mapped_type&),
             std::span<const std::pair<typename M::key_type,
                                       typename M::mapped_type>>
                 batch) {
      { m.Visit(k, take) } -> std::same_as<bool>;
      { m.Load(k) } -> std::same_as<std::optional<typename M::mapped_type>>;
      requires !Supports<M>(Op::kStore) || requires {
        { m.Store(k, v) } -> std::same_as<void>;
      };
      requires !Supports<M>(Op::kLoadOrStore) || requires {
        { m.LoadOrStore(k, v) }
            -> std::same_as<Loaded<typename M::mapped_type>>;
      };
      requires !Supports<M>(Op::kDelete) || requires {
        { m.Delete(k) } -> std::same_as<bool>;
      };
      requires !Supports<M>(Op::kLoadAndDelete) || requires {
        { m.LoadAndDelete(k) }
            -> std::same_as<std::optional<typename M::mapped_type>>;
      };
      requires !Supports<M>(Op::kSwap) || requires {
        { m.Swap(k, v) }
            -> std::same_as<std::optional<typename M::mapped_type>>;
      };
      requires !Supports<M>(Op::kCompareAndSwap) || requires {
        { m.CompareAndSwap(k, v, v) } -> std::same_as<bool>;
      };
      requires !Supports<M>(Op::kCompareAndDelete) || requires {
        { m.CompareAndDelete(k, v) } -> std::same_as<bool>;
      };
      requires !Supports<M>(Op::kLoadOrCompute) || requires {
        { m.LoadOrCompute(k, make) }
            -> std::same_as<Loaded<typename M::mapped_type>>;
      };
      requires !Supports<M>(Op::kRange) || requires {
        { m.Range(visit) } -> std::same_as<void>;
      };
      requires !Supports<M>(Op::kClear) || requires {
        { m.Clear() } -> std::same_as<void>;
      };
      requires !Supports<M>(Op::kSize) || requires {
        { m.Size() } -> std::same_as<std::size_t>;
      };
      requires !Supports<M>(Op::kReserve) || requires {
        { m.Reserve(std::size_t{}) } -> std::same_as<void>;
      };
      requires !Supports<M>(Op::kStoreBatch) || requires {
        { m.StoreBatch(batch) } -> std::same_as<void>;
      };
      requires !Supports<M>(Op::kMemoryBytes) || requires {
        { m.MemoryBytes() } -> std::same_as<std::size_t>;
      };
    };

// Puts an absent key into a map while nobody else does: by Store, or by
// LoadOrStore where there is no Store.
template <class M>
void Put(M& map, const typename M::key_type& key,
         const typename M::mapped_type& value) {
  if constexpr (Supports<M>(Op::kStore)) {
    map.Store(key, value);
  } else {
    map.LoadOrStore(key, value);
  }
}

// A map that counts its own events.
template <class M>
concept CountingMap = requires(const M m) {
  { m.Counters() } -> std::same_as<std::vector<Counter>>;
};

}  // namespace cmap

#endif  // CMAP_MAPS_CONCURRENT_MAP_H_
