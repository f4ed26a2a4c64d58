// SPDX-License-Identifier: Apache-2.0
//
// adaptive_map: watches its load and changes the map behind it, by the rules of this
// study, while readers go on reading.
//
//   one operation in so many --> window of counts --full--> rules --> switch?
//
//   seen in a window of samples                        map behind
//   ------------------------------------------------   --------------------------------
//   one thread                                         sharded_map with one shard: a
//                                                      table behind a mutex
//   several threads, less than 70 % reads              sharded_map with `shards` shards
//   several threads, 70 % reads and more (50 %, where  hash_trie_map: reads without
//   most operations meet in few keys)                  locks
//
//   - The threshold is five points higher on the way to the trie and five lower on the
//     way back, and after a switch the map stays for `dwell` windows at least.
//   - A new map knows nothing, and what it begins with is a guess: its first window is of 64
//     samples, each further one of twice as many up to `window`, and it need not have stayed
//     anywhere. So it has chosen within the first few thousand operations.
//   - A sample costs as much as many operations, as all threads count in one place. So after
//     each window that confirms the choice half as many operations are looked at, down to one
//     in `rarer` times sample_every; a window that does not confirm it brings all back.
//   - A read is an operation that changed nothing. So key reuse counts through it: a
//     LoadOrStore that finds its key is a read, one that does not is a write.
//   - More than a million entries are not moved: writers would stand still too long.
//     Then, and when a switch failed, the next is not tried before twice as many
//     windows have passed as the time before.
//   The numbers, where they come from, and which is a guess: adaptive_map/load_window.h.
//
// How it switches, on the thread whose operation filled the window, after that
// operation:
//
//   generation_ --> [ map A ]      1. shut the gate: writers inside finish, others wait
//                                  2. copy A into a new map B; readers still read A,
//   readers ------> A, then B         which nobody changes now
//   writers -gate-> A | B          3. publish B; open the gate; A is freed when no
//                                     reader can be in it (epochs)
//
// Why that is linearizable. While the gate is shut nothing is written, so A and B hold
// the same when B is published. A reader that took A before and reads it after, reads
// what was true at the publishing, which lies within its operation; any later write
// goes to B, and who knows of one (1) takes B. Writers pass the gate
// (internal/locks/writer_gate.h) and find the generation that was published before it
// opened.
//
// What it costs. A read: an epoch guard more than the map behind. A write: the gate,
// two read-modify-writes of a word that few threads share. Both: a countdown. A switch:
// the copying of all entries, O(n) time and memory. Writers wait for it; readers do
// not, but for those of a shard while it is copied out, under its lock, as by Range.
// A copy that runs out of memory or throws is given up, and counted.
//
// Guarantees. Point operations are linearizable. Reads are wait-free while the trie is
// behind, and block with the shards otherwise; writes block. Range and Size are those
// of the map behind at their beginning; what is switched away meanwhile is seen as it
// was at the switch. Visitors run under an epoch guard.
//
// Source: this study; the idea of choosing an implementation at run time: O. Shacham,
// M. Vechev, E. Yahav, "Chameleon: adaptive selection of collections", PLDI 2009.
#ifndef CMAP_MAPS_ADAPTIVE_MAP_H_
#define CMAP_MAPS_ADAPTIVE_MAP_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "maps/adaptive_map/load_window.h"
#include "maps/concurrent_map.h"
#include "maps/hash_trie_map.h"
#include "maps/internal/atomics.h"
#include "maps/internal/counting/sampler.h"
#include "maps/internal/locks/writer_gate.h"
#include "maps/internal/memory.h"
#include "maps/internal/options.h"
#include "maps/internal/reclamation/epoch.h"
#include "maps/sharded_map.h"

namespace cmap {

struct AdaptiveMapOptions {
  std::int64_t sample_every = 64;
  std::int64_t rarer = 16;
  std::int64_t window = 512;
  std::int64_t dwell = 4;
  std::int64_t shards = 64;
};

// Rules::Choose(InnerMap now, const ObservedLoad&) makes the choice, and
// Rules::kMostMoved limits it.
template <class K, class V, class Hash = DefaultHash<K>, class Atomics = NativeAtomics,
          class Rules = internal::StudyRules>
class AdaptiveMap {
  using Epochs = internal::EpochDomain<Atomics>;
  using Guard = typename Epochs::Guard;
  using Gate = internal::WriterGate<Atomics>;
  using InnerMap = internal::InnerMap;
  using Shards = ShardedMap<K, V, Hash, Atomics>;
  using Trie = HashTrieMap<K, V, Hash, Atomics>;
  template <class T>
  using Atomic = typename Atomics::template Atomic<T>;

 public:
  using key_type = K;
  using mapped_type = V;
  using Options = AdaptiveMapOptions;

  static constexpr Traits kTraits = {
      .family = "adaptive",
      .summary = "a mutex, shards or a trie, whichever the sampled load asks for by the "
                 "study's rules; switched by copying, under readers",
      .source = "this study; run-time selection after Chameleon (PLDI 2009)",
      .read_progress = Progress::kBlocking,
      .write_progress = Progress::kBlocking,
      .reclamation = "epochs",
      .growth = "that of the map behind; a switch copies all entries",
      .range = RangeConsistency::kWeak,
      .caveat = "a switch stops writers for O(n); what it chooses depends on what it "
                "has seen, so short measurements see the choice being made",
  };
  static constexpr std::array<Tunable<Options>, 5> kTunables = {{
      {"sample_every", &Options::sample_every, 1, 65536,
       "operations of a thread for each that is looked at, on average"},
      {"rarer", &Options::rarer, 1, 4096,
       "times fewer that are looked at, at most, while nothing speaks against the choice"},
      {"window", &Options::window, 8, 1 << 20,
       "samples between two decisions: more decide more surely and later"},
      {"dwell", &Options::dwell, 0, 65536,
       "windows that a map stays at least once it was chosen"},
      {"shards", &Options::shards, 2, 65536,
       "shards of the sharded map, a power of two"},
  }};

  AdaptiveMap() : AdaptiveMap(Options{}) {}
  explicit AdaptiveMap(const Options& options)
      : least_period_(static_cast<std::uint32_t>(
            internal::CheckOptions("adaptive_map", options, kTunables).sample_every)),
        most_period_(least_period_ * static_cast<std::uint32_t>(options.rarer)),
        period_(least_period_),
        most_samples_(static_cast<std::uint32_t>(options.window)),
        dwell_(static_cast<std::uint64_t>(options.dwell)),
        shards_(internal::CheckPowerOfTwo("adaptive_map", "shards", options.shards)),
        generation_(new Generation(InnerMap::kMutex, shards_)),
        samples_(std::min(kFirstSamples, most_samples_)),
        stayed_(dwell_) {}
  AdaptiveMap(const AdaptiveMap&) = delete;
  AdaptiveMap& operator=(const AdaptiveMap&) = delete;
  ~AdaptiveMap() { delete generation_.load(std::memory_order_acquire); }

  std::optional<V> Load(const K& key) { return LoadByVisit<V>(*this, key); }

  template <class F>
  [[gnu::always_inline]] bool Visit(const K& key, F&& f) {
    const bool found = Read([&](auto& map) { return map.Visit(key, f); });
    Note(key, true, found, false);
    return found;
  }

  void Store(const K& key, const V& value) {
    Write([&](auto& map) { map.Store(key, value); });
    Note(key, false, false, true);
  }

  Loaded<V> LoadOrStore(const K& key, const V& value) {
    return LoadOrInsert(key, [&](auto& map) { return map.LoadOrStore(key, value); });
  }

  // `make` runs where the map behind runs it, and inside the gate: a switch waits.
  template <class F>
  Loaded<V> LoadOrCompute(const K& key, F&& make) {
    return LoadOrInsert(
        key, [&](auto& map) { return map.LoadOrCompute(key, std::forward<F>(make)); });
  }

  std::optional<V> LoadAndDelete(const K& key) {
    std::optional<V> old = Write([&](auto& map) { return map.LoadAndDelete(key); });
    Note(key, true, old.has_value(), old.has_value());
    return old;
  }

  bool Delete(const K& key) {
    const bool deleted = Write([&](auto& map) { return map.Delete(key); });
    Note(key, true, deleted, deleted);
    return deleted;
  }

  std::optional<V> Swap(const K& key, const V& value) {
    std::optional<V> old = Write([&](auto& map) { return map.Swap(key, value); });
    Note(key, true, old.has_value(), true);
    return old;
  }

  bool CompareAndSwap(const K& key, const V& expected, const V& desired) {
    const bool swapped =
        Write([&](auto& map) { return map.CompareAndSwap(key, expected, desired); });
    Note(key, false, false, swapped);
    return swapped;
  }

  bool CompareAndDelete(const K& key, const V& expected) {
    const bool deleted =
        Write([&](auto& map) { return map.CompareAndDelete(key, expected); });
    Note(key, false, false, deleted);
    return deleted;
  }

  template <class F>
  void Range(F&& visit) {
    Read([&](auto& map) { map.Range(visit); });
  }

  void Clear() {
    Write([](auto& map) { map.Clear(); });
  }

  // As cheap as that of the map behind: the trie walks.
  std::size_t Size() {
    return Read([](auto& map) { return map.Size(); });
  }

  // Of the map behind now; a switch reserves for what there is.
  void Reserve(std::size_t entries) {
    Write([&](auto& map) { map.Reserve(entries); });
  }

  void StoreBatch(std::span<const std::pair<K, V>> batch) {
    for (const auto& [key, value] : batch) Store(key, value);
  }

  std::size_t MemoryBytes() {
    return sizeof(*this) + internal::MallocBytes(sizeof(Generation)) +
           Read([](auto& map) { return map.MemoryBytes(); });
  }

  // strategy: 0 mutex, 1 shards, 2 trie. switches, of which to_...; failed: given up;
  // too_large: not begun; moved: entries copied by switches. windows: decisions. Of the
  // last window: reads, reuse and entropy (percent), threads, writers.
  std::vector<Counter> Counters() const {
    const auto count = [](const Atomic<std::uint64_t>& c) {
      return c.load(std::memory_order_relaxed);
    };
    return {{"strategy", count(strategy_)},
            {"switches", count(to_[0]) + count(to_[1]) + count(to_[2])},
            {"to_mutex", count(to_[0])},
            {"to_shards", count(to_[1])},
            {"to_trie", count(to_[2])},
            {"failed", count(failed_)},
            {"too_large", count(too_large_)},
            {"moved", count(moved_)},
            {"windows", count(windows_)},
            {"reads_percent", count(last_[0])},
            {"reuse_percent", count(last_[1])},
            {"entropy_percent", count(last_[2])},
            {"threads", count(last_[3])},
            {"writers", count(last_[4])}};
  }

  // Frees what maps of this kind have put aside, as far as no thread is in a map.
  static void Quiesce() { Epochs::Drain(); }

 private:
  static constexpr std::uint32_t kFirstSamples = 64;

  // A map behind. Does not change its kind.
  struct Generation {
    Generation(InnerMap k, std::int64_t shard_count) : kind(k) {
      if (kind == InnerMap::kTrie) {
        trie = std::make_unique<Trie>();
      } else {
        shards = std::make_unique<Shards>(
            ShardedMapOptions{.shards = kind == InnerMap::kMutex ? 1 : shard_count});
      }
    }
    template <class F>
    decltype(auto) With(F&& f) {
      return kind == InnerMap::kTrie ? f(*trie) : f(*shards);
    }
    const InnerMap kind;
    std::unique_ptr<Shards> shards;
    std::unique_ptr<Trie> trie;
  };

  template <class F>
  decltype(auto) Read(F&& f) {
    Guard guard;
    // (1) acquire, pairs with (2).
    return generation_.load(std::memory_order_acquire)->With(std::forward<F>(f));
  }

  template <class F>
  decltype(auto) Write(F&& f) {
    const typename Gate::Passage passage(gate_);
    // Relaxed: the gate shows what was published before it opened, and nothing is
    // published, or freed, while somebody is inside.
    return generation_.load(std::memory_order_relaxed)->With(std::forward<F>(f));
  }

  // Mostly finds its key, so it looks first where looking takes no lock.
  template <class Insert>
  Loaded<V> LoadOrInsert(const K& key, const Insert& insert) {
    std::optional<V> found = Read([&](auto& map) -> std::optional<V> {
      if constexpr (std::is_same_v<decltype(map), Trie&>) return map.Load(key);
      return std::nullopt;
    });
    Loaded<V> result = found ? Loaded<V>{*std::move(found), true} : Write(insert);
    Note(key, true, result.loaded, !result.loaded);
    return result;
  }

  // After an operation: it has its result, whatever happens here.
  void Note(const K& key, bool lookup, bool found, bool wrote) {
    // Relaxed: any of the periods will do.
    if (!internal::Sampler::Due(period_.load(std::memory_order_relaxed))) [[likely]] return;
    try {
      if (window_.Add(internal::ThreadNumber<Atomics>::Mine(), Hash{}(key), lookup, found,
                      wrote, samples_.load(std::memory_order_relaxed))) {
        Decide();
      }
    } catch (...) {
      failed_.fetch_add(1, std::memory_order_relaxed);
    }
  }

  [[gnu::noinline]] void Decide() {
    // One at a time: acquire, and release at the end, hand the window on.
    if (deciding_.exchange(true, std::memory_order_acquire)) return;
    struct Done {
      ~Done() { deciding.store(false, std::memory_order_release); }
      Atomic<bool>& deciding;
    } const done{deciding_};

    const internal::ObservedLoad seen = window_.Close();
    const auto percent = [](double share) {
      return static_cast<std::uint64_t>(100 * share + 0.5);
    };
    const std::array<std::uint64_t, 5> shown = {percent(seen.read_share), percent(seen.reuse),
                                                percent(seen.entropy), seen.threads,
                                                seen.writers};
    for (std::size_t i = 0; i < shown.size(); ++i) {
      last_[i].store(shown[i], std::memory_order_relaxed);
    }
    windows_.fetch_add(1, std::memory_order_relaxed);
    // Relaxed: only the one who decides writes it, and any of the sizes will do.
    samples_.store(std::min(2 * samples_.load(std::memory_order_relaxed), most_samples_),
                   std::memory_order_relaxed);
    const auto now = static_cast<InnerMap>(strategy_.load(std::memory_order_relaxed));
    const InnerMap wanted = Rules::Choose(now, seen);
    const std::uint32_t period = period_.load(std::memory_order_relaxed);
    period_.store(wanted == now ? std::min(2 * period, most_period_) : least_period_,
                  std::memory_order_relaxed);
    if (stayed_++ < std::max(dwell_, backoff_)) return;
    if (wanted != now) SwitchTo(wanted);
  }

  void SwitchTo(InnerMap kind) {
    // A destructor that calls the map from within a write: the next window decides.
    if (gate_.Inside()) return;
    stayed_ = 0;
    backoff_ = std::max<std::uint64_t>(16, 2 * backoff_);  // unless it succeeds
    Guard guard;  // outlives the gate's lock, so that nothing is freed under it
    // Relaxed: only the one who decides writes it.
    Generation* old = generation_.load(std::memory_order_relaxed);
    const auto size = [](auto& map) { return map.Size(); };
    if (old->With(size) > Rules::kMostMoved) {
      too_large_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    // Outlives the gate's lock too: given up, it is destroyed when the map can be called.
    auto next = std::make_unique<Generation>(kind, shards_);
    const typename Gate::Shut shut(gate_);
    const std::size_t entries = old->With(size);
    next->With([&](auto& to) {
      to.Reserve(entries);
      const auto copy = [&](const K& key, const V& value) {
        to.Store(key, value);
        return true;
      };
      // Not the shards' Range: the copies that it visits would die inside the gate, and
      // a destructor that calls the map would wait for itself.
      if (old->shards != nullptr) {
        old->shards->ForEachUnderLock(copy);
      } else {
        old->trie->Range(copy);
      }
    });
    guard.Prepare(1);  // copying may have used the room
    // (2) release, pairs with (1): the new map as it was filled.
    generation_.store(next.release(), std::memory_order_release);
    guard.Retire(old, entries * (sizeof(K) + sizeof(V) + 2 * sizeof(void*)));
    strategy_.store(static_cast<std::uint64_t>(kind), std::memory_order_relaxed);
    to_[static_cast<std::size_t>(kind)].fetch_add(1, std::memory_order_relaxed);
    moved_.fetch_add(entries, std::memory_order_relaxed);
    backoff_ = 0;
  }

  const std::uint32_t least_period_;
  const std::uint32_t most_period_;
  Atomic<std::uint32_t> period_;  // operations for each that is looked at
  const std::uint32_t most_samples_;
  const std::uint64_t dwell_;
  const std::int64_t shards_;
  Atomic<Generation*> generation_;
  Gate gate_;

  // Away from what every operation reads: written at samples and decisions.
  alignas(kCacheLine) internal::LoadWindow<Atomics> window_;
  Atomic<std::uint32_t> samples_;  // of this window
  Atomic<bool> deciding_{false};
  std::uint64_t stayed_;       // windows; of the one who decides
  std::uint64_t backoff_ = 0;  // the same; after failures
  Atomic<std::uint64_t> strategy_{0};
  std::array<Atomic<std::uint64_t>, 3> to_ = {};
  std::array<Atomic<std::uint64_t>, 5> last_ = {};
  Atomic<std::uint64_t> failed_{0};
  Atomic<std::uint64_t> too_large_{0};
  Atomic<std::uint64_t> moved_{0};
  Atomic<std::uint64_t> windows_{0};
};

}  // namespace cmap

#endif  // CMAP_MAPS_ADAPTIVE_MAP_H_
