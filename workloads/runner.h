// SPDX-License-Identifier: Apache-2.0
//
// The loop inside the timed region: reads a tape, calls the map, verifies every
// value that comes back. Nothing else: no random number, no clock, no shared
// memory, no allocation. Mixes of one operation and of Load with Store have
// loops of their own, so that the harness costs little more than reading the
// entry, one multiplication for the key, and the call. It must cost every map the
// same, which an innocent change can spoil: loop_code_test looks at the machine code.
//
//   Keys<K> keys(tape.universe, spec.key_bytes);              // or LaidOutKeys
//   Values<V> values(tape.universe, spec.value_bytes);
//   Prefill(map, tape, keys, values, part, parts);            // untimed
//   SliceResult r = PlayEntries(map, entries, position, tape.op_set, keys, values);
//
// Counts are compared with Expected (expectation.h). Versions of values follow
// the rule of tape.h.
#ifndef CMAP_WORKLOADS_RUNNER_H_
#define CMAP_WORKLOADS_RUNNER_H_

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include "maps/concurrent_map.h"
#include "workloads/keys.h"
#include "workloads/spec.h"
#include "workloads/tape.h"
#include "workloads/values.h"

namespace cmap::workloads {

// What a thread saw in a slice. Counts are of operations.
struct SliceResult {
  std::uint64_t ops = 0;       // all
  std::uint64_t hits = 0;      // Load: found
  std::uint64_t loaded = 0;    // LoadOrStore, LoadOrCompute: loaded
  std::uint64_t removed = 0;   // Delete, LoadAnd-, CompareAndDelete: removed
  std::uint64_t replaced = 0;  // Swap: found
  std::uint64_t swapped = 0;   // CompareAndSwap: true
  std::uint64_t check_sum = 0;  // CheckPart of every value returned
  std::uint64_t mismatch = 0;   // not 0: some value belonged to another key

  SliceResult& operator+=(const SliceResult& other) {
    ops += other.ops;
    hits += other.hits;
    loaded += other.loaded;
    removed += other.removed;
    replaced += other.replaced;
    swapped += other.swapped;
    check_sum += other.check_sum;
    mismatch |= other.mismatch;
    return *this;
  }
  friend bool operator==(const SliceResult&, const SliceResult&) = default;
};

// Bit `op` of Tape::op_set.
constexpr std::uint32_t OpBit(Op op) {
  return std::uint32_t{1} << static_cast<unsigned>(op);
}

// The first operation of the tape that the map does not support.
template <class Map>
std::optional<Op> FirstUnsupported(const Tape& tape) {
  for (std::size_t i = 0; i < kPointOps; ++i) {
    const auto op = static_cast<Op>(i);
    if ((tape.op_set & OpBit(op)) != 0 && !Supports<Map>(op)) return op;
  }
  return std::nullopt;
}

// Puts the tape's prefilled keys, version 0: part `part` of `parts`, which together
// are all. Parts may be put at the same time.
template <class Map, class KeysOfMap>
void Prefill(Map& map, const Tape& tape, const KeysOfMap& keys,
             const Values<typename Map::mapped_type>& values,
             std::size_t part = 0, std::size_t parts = 1) {
  const std::size_t end = tape.prefill.size() * (part + 1) / parts;
  for (std::size_t i = tape.prefill.size() * part / parts; i < end; ++i) {
    const std::uint32_t index = tape.prefill[i];
    Put(map, keys(index), values(index, 0));
  }
}

// Whether the map's functions may become part of the loop, as the compiler sees fit,
// or every operation is one call that it cannot look through, as for readers whose
// map is in a library of its own.
enum class Boundary { kInlined, kCalled };

namespace internal {

#if defined(__clang__)
#define CMAP_OPAQUE [[gnu::noinline]]
#else
#define CMAP_OPAQUE [[gnu::noipa]]
#endif

// The results that are counted; each operation has one of them, or none.
enum class Event { kHit, kLoaded, kRemoved, kReplaced, kSwapped };
inline constexpr std::size_t kEvents = 5;

// What a loop has seen so far. A local variable whose address goes nowhere, so that it
// can stay in registers: counters in memory would cost a map whose operations contain
// locked instructions, which wait for stores, more than others. And one word for each
// event, of which an operation changes one: how often it happened, in the lowest bits, and
// above them the sum of the check parts of the values that came with it, so that no
// instruction is needed for a constant. Every one counts: what a lookup in a large map takes
// is how few of the next ones fit into the processor's window of instructions beside it,
// and that is a staircase. (Two instructions fewer are 13 of 200 ns with a mutex around a
// million keys.)
struct Tally {
  // The result's. In memory, because it is written only when something is wrong.
  std::uint64_t& mismatch;
  std::uint64_t words[kEvents] = {};
};
inline constexpr unsigned kTallyShift = 16;
// Operations that a Tally has room for: check parts have 32 bits.
inline constexpr std::size_t kMostTallied = (std::size_t{1} << kTallyShift) - 1;

// Out of line, so that what does not happen occupies no register.
[[gnu::noinline, gnu::cold]] inline void NoteWrong(std::uint64_t& mismatch,
                                                   std::uint64_t wrong) {
  mismatch |= wrong;
}

inline void AddTo(SliceResult& result, const Tally& tally, std::size_t ops) {
  const auto count = [&](Event event) {
    const std::uint64_t word = tally.words[static_cast<std::size_t>(event)];
    result.check_sum += word >> kTallyShift;
    return word & kMostTallied;
  };
  result.ops += ops;
  result.hits += count(Event::kHit);
  result.loaded += count(Event::kLoaded);
  result.removed += count(Event::kRemoved);
  result.replaced += count(Event::kReplaced);
  result.swapped += count(Event::kSwapped);
}

// What a call returned, as two words, which functions return in registers: the word
// of a value, and whether there was one, it was loaded, something was done.
struct Answer {
  std::uint64_t word = 0;
  std::uint64_t yes = 0;
};

template <class Map>
inline constexpr bool kVisitsOrStores =
    requires(Map& map, const typename Map::key_type& key,
             const typename Map::mapped_type& value,
             void (*take)(const typename Map::mapped_type&)) {
      { map.VisitOrStore(key, value, take) } -> std::same_as<bool>;
    };

// One operation on the key of `index`. Operations the map does not support are
// compiled out: FirstUnsupported refuses their tapes beforehand. `Place` names the caller,
// so that it has closures of its own (see Player).
template <Op op, class Place, class Map, class KeysOfMap,
          class V = typename Map::mapped_type>
[[gnu::always_inline]] inline Answer Call(Map& map, const KeysOfMap& keys,
                                          const Values<V>& values,
                                          std::uint32_t index,
                                          std::uint64_t version) {
  Answer answer;
  const auto take = [&answer](const auto& result) {
    if (result) answer = {Receive(*result), 1};
  };
  if constexpr (op == Op::kLoad) {
    std::uint64_t word = 0;
    if (map.Visit(keys(index),
                  [&word](const V& value) { word = TakeOut(value); })) {
      answer = {word, 1};
    }
  } else if constexpr (!Supports<Map>(op)) {
  } else if constexpr (op == Op::kStore) {
    map.Store(keys(index), values(index, version));
  } else if constexpr (op == Op::kLoadOrStore && kVisitsOrStores<Map>) {
    const V& value = values(index, version);
    answer.word = WordOf(value);
    answer.yes = map.VisitOrStore(keys(index), value, [&answer](const V& present) {
      answer.word = TakeOut(present);
    });
  } else if constexpr (op == Op::kLoadOrStore) {
    const auto got = map.LoadOrStore(keys(index), values(index, version));
    answer = {Receive(got.value), got.loaded};
  } else if constexpr (op == Op::kLoadAndDelete) {
    take(map.LoadAndDelete(keys(index)));
  } else if constexpr (op == Op::kDelete) {
    answer.yes = map.Delete(keys(index));
  } else if constexpr (op == Op::kSwap) {
    take(map.Swap(keys(index), values(index, version)));
  } else if constexpr (op == Op::kCompareAndSwap) {
    answer.yes = map.CompareAndSwap(keys(index), values(index, version ^ 1),
                                    values(index, version));
  } else if constexpr (op == Op::kCompareAndDelete) {
    answer.yes = map.CompareAndDelete(keys(index), values(index, version));
  } else if constexpr (op == Op::kLoadOrCompute) {
    const auto got = map.LoadOrCompute(
        keys(index),
        [&values, index, version]() -> V { return values(index, version); });
    answer = {Receive(got.value), got.loaded};
  }
  return answer;
}

// Call behind a boundary through which no compiler looks: one function for each operation
// of a map, as in a library, whatever loop calls it.
template <Op op, class Map, class KeysOfMap>
CMAP_OPAQUE Answer CallOpaquely(Map& map, const KeysOfMap& keys,
                                const Values<typename Map::mapped_type>& values,
                                std::uint32_t index, std::uint64_t version) {
  return Call<op, struct Opaque>(map, keys, values, index, version);
}

// Performs entries of a tape on a map, and notes what comes back.
//
// Every loop that inlines has a Player of its own, named by `Loop` and `boundary`, and so closures
// of its own: a function of the map that takes one is called at one place, as in a
// loop written by hand, and compilers judge whether to inline it as they would there.
// (Boost's cvisit was not, with two places, and cost 4 ns more.) What is inlined by
// force is the harness and Visit, for every map alike.
template <class Loop, Boundary boundary, class Map, class KeysOfMap>
class Player {
 public:
  using V = typename Map::mapped_type;

  Player(Map& map, const KeysOfMap& keys, const Values<V>& values)
      : map_(map), keys_(keys), values_(values) {}

  template <Op op>
  [[gnu::always_inline]] void Do(Tally& tally, Entry entry,
                                 std::size_t position) const {
    const std::uint32_t index = EntryIndex(entry);
    Answer answer;
    if constexpr (boundary == Boundary::kCalled) {
      answer = CallOpaquely<op>(map_, keys_, values_, index, position & 1);
    } else {
      answer = Call<op, Player>(map_, keys_, values_, index, position & 1);
    }
    if constexpr (op == Op::kLoad) {
      if (answer.yes) Saw<Event::kHit>(tally, answer, index);
    } else if constexpr (op == Op::kLoadOrStore || op == Op::kLoadOrCompute) {
      Saw<Event::kLoaded>(tally, answer, index);
    } else if constexpr (op == Op::kLoadAndDelete) {
      if (answer.yes) Saw<Event::kRemoved>(tally, answer, index);
    } else if constexpr (op == Op::kDelete || op == Op::kCompareAndDelete) {
      Count<Event::kRemoved>(tally, answer.yes);
    } else if constexpr (op == Op::kSwap) {
      if (answer.yes) Saw<Event::kReplaced>(tally, answer, index);
    } else if constexpr (op == Op::kCompareAndSwap) {
      Count<Event::kSwapped>(tally, answer.yes);
    }
  }

 private:
  template <Event event>
  [[gnu::always_inline]] static void Count(Tally& tally, std::uint64_t happened,
                                           std::uint64_t check_part = 0) {
    tally.words[static_cast<std::size_t>(event)] +=
        (check_part << kTallyShift) + happened;
  }

  // An event that came with a value. Maps that return no results (the null map)
  // invent values: not verified.
  template <Event event>
  [[gnu::always_inline]] static void Saw(Tally& tally, const Answer& answer,
                                         std::uint32_t index) {
    if constexpr (Map::kTraits.returns_results) {
      Count<event>(tally, answer.yes, CheckPart(answer.word));
      const std::uint64_t difference = answer.word ^ MixIndex(index);
      if (difference > 0xff) [[unlikely]] NoteWrong(tally.mismatch, difference >> 8);
    } else {
      Count<event>(tally, answer.yes);
    }
  }

  Map& map_;
  typename KeysOfMap::InLoop keys_;
  const Values<V>& values_;
};

// Tapes of one operation.
template <Op op>
struct OnlyLoop {
  template <class Player>
  [[gnu::always_inline]] static void Do(const Player& player, Tally& tally,
                                        Entry entry, std::size_t position) {
    player.template Do<op>(tally, entry, position);
  }
};

struct LoadStoreLoop {
  template <class Player>
  [[gnu::always_inline]] static void Do(const Player& player, Tally& tally,
                                        Entry entry, std::size_t position) {
    if (EntryOp(entry) == Op::kLoad) {
      player.template Do<Op::kLoad>(tally, entry, position);
    } else {
      player.template Do<Op::kStore>(tally, entry, position);
    }
  }
};

struct AnyLoop {
  template <class Player>
  [[gnu::always_inline]] static void Do(const Player& player, Tally& tally,
                                        Entry entry, std::size_t position) {
    switch (EntryOp(entry)) {
#define CMAP_CASE(op) \
  case op: return player.template Do<op>(tally, entry, position)
      CMAP_CASE(Op::kLoad);
      CMAP_CASE(Op::kStore);
      CMAP_CASE(Op::kLoadOrStore);
      CMAP_CASE(Op::kLoadAndDelete);
      CMAP_CASE(Op::kDelete);
      CMAP_CASE(Op::kSwap);
      CMAP_CASE(Op::kCompareAndSwap);
      CMAP_CASE(Op::kCompareAndDelete);
      CMAP_CASE(Op::kLoadOrCompute);
#undef CMAP_CASE
      default: __builtin_unreachable();  // no such entry is generated
    }
  }
};

// The loop. A function of its own for each map and kind of tape.
template <class Loop, Boundary boundary, class Map, class KeysOfMap>
[[gnu::noinline]] SliceResult PlayLoop(
    Map& map, std::span<const Entry> entries, std::size_t position,
    const KeysOfMap& keys, const Values<typename Map::mapped_type>& values) {
  const Player<Loop, boundary, Map, KeysOfMap> player(map, keys, values);
  SliceResult result;
  while (!entries.empty()) {
    const auto chunk = entries.first(std::min(entries.size(), kMostTallied));
    Tally tally{.mismatch = result.mismatch};
    for (const Entry entry : chunk) Loop::Do(player, tally, entry, position++);
    AddTo(result, tally, chunk.size());
    entries = entries.subspan(chunk.size());
  }
  return result;
}

#undef CMAP_OPAQUE

}  // namespace internal

// Applies consecutive entries of a tape, the first of which is at `position`.
// `op_set` (Tape::op_set) may name more operations than occur, not fewer.
template <Boundary boundary = Boundary::kInlined, class Map, class KeysOfMap>
SliceResult PlayEntries(Map& map, std::span<const Entry> entries,
                        std::size_t position, std::uint32_t op_set,
                        const KeysOfMap& keys,
                        const Values<typename Map::mapped_type>& values) {
  const auto play = [&]<class Loop>(Loop) {
    return internal::PlayLoop<Loop, boundary>(map, entries, position, keys, values);
  };
  // Larger values take longer than what a loop of its own saves, and as long to compile.
  if constexpr (std::is_same_v<typename Map::mapped_type, std::uint64_t>) {
    if (op_set == OpBit(Op::kLoad)) return play(internal::OnlyLoop<Op::kLoad>());
    if (op_set == (OpBit(Op::kLoad) | OpBit(Op::kStore))) {
      return play(internal::LoadStoreLoop());
    }
    // Of layouts of keys little is asked that does not load.
    if constexpr (!std::is_same_v<KeysOfMap, LaidOutKeys>) {
      if (op_set == OpBit(Op::kStore)) return play(internal::OnlyLoop<Op::kStore>());
      if (op_set == OpBit(Op::kLoadOrStore)) {
        return play(internal::OnlyLoop<Op::kLoadOrStore>());
      }
    }
  }
  return play(internal::AnyLoop());
}

// n operations from `position` of one sequence of the tape, cyclically.
template <Boundary boundary = Boundary::kInlined, class Map, class KeysOfMap>
SliceResult PlaySlice(Map& map, const Tape& tape, std::size_t sequence,
                      std::size_t position, std::size_t n, const KeysOfMap& keys,
                      const Values<typename Map::mapped_type>& values) {
  SliceResult result;
  ForEachStretch(tape.threads[sequence], position, n,
                 [&](std::span<const Entry> entries, std::size_t first) {
                   result += PlayEntries<boundary>(map, entries, first, tape.op_set,
                                                   keys, values);
                 });
  return result;
}

}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_RUNNER_H_
