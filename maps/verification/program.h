// SPDX-License-Identifier: Apache-2.0
//
// What the threads of a history do, drawn from a seed, and how a thread does it.
//
// Three kinds of histories:
//
//   of keys      24 to 60 point operations of 3 to 8 threads on 4 to 8 keys, some
//                much more popular than others; in some of the histories also
//                Range or Clear. In half of them bursts of stores and removals on
//                side keys between these operations, so that tables grow, dirty
//                indexes are promoted and tries expand meanwhile; in one of 32 as
//                many as some hundreds. What happens to side keys is recorded and
//                checked as well.
//   crosswise    100 rounds of 2 threads on 2 keys: each writes its own and loads the
//                other's at once, never disturbed; before each round they meet, which
//                orders nothing within it. They are for effects that come
//                after the return: what is still in a store buffer is missed by the
//                other thread a moment later. They count as histories of keys.
//   of the map   10 to 20 operations of 3 or 4 threads on 3 or 4 keys, among them
//                Range, Clear, Size and StoreBatch. Side keys lie still, and make
//                the tables large enough to grow now and then.
//
// Values say which write of which history they come from: serial << 16 | id.
#ifndef CMAP_MAPS_VERIFICATION_PROGRAM_H_
#define CMAP_MAPS_VERIFICATION_PROGRAM_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "maps/concurrent_map.h"
#include "maps/testing/any_map.h"
#include "maps/testing/harness.h"
#include "maps/verification/history.h"

namespace cmap::verification {

using testing::Number;

// Key numbers: the contested keys, then the side keys.
inline constexpr std::uint16_t kFirstSideKey = 16;
inline constexpr std::uint16_t kMaxKeys = 2048;
// Identifiers up to here are of what the keys held before, key by key.
inline constexpr Id kFirstWrite = kMaxKeys + 1;

struct Task {
  Op op;
  std::uint16_t key = 0;
  Id argument = kAbsent;
  // CompareAnd*: of which write it expects the value; kAbsent means the value
  // that the thread has last seen at this key.
  Id expected = kAbsent;
  State state = 0;  // of StoreBatch
};

// Where two threads meet so that they go on at nearly the same moment.
class Meeting {
 public:
  void Wait(int thread, std::uint64_t number) noexcept {
    Place& mine = places_[static_cast<std::size_t>(thread)];
    // seq_cst: visible before this thread goes on, or the other one is late.
    mine.arrived.store(number, std::memory_order_seq_cst);
    const Place& other = places_[static_cast<std::size_t>(1 - thread)];
    for (int spins = 0; other.arrived.load(std::memory_order_acquire) < number; ++spins) {
      if (spins > 2000) std::this_thread::yield();
    }
  }

  // It does not come any more.
  void Leave(int thread) noexcept {
    places_[static_cast<std::size_t>(thread)].arrived.store(~std::uint64_t{0},
                                                            std::memory_order_release);
  }

 private:
  struct alignas(2 * kCacheLine) Place {
    std::atomic<std::uint64_t> arrived{0};
  };
  std::array<Place, 2> places_;
};

struct Program {
  int threads = 3;
  std::uint16_t keys = 4;  // contested
  // If not null, the threads (two) meet there before every second task, and do it and the
  // one after it, a Load, at once.
  std::shared_ptr<Meeting> meeting;
  std::vector<std::vector<Task>> tasks;
};

// What a subject permits.
struct Repertoire {
  std::vector<Op> points;  // with repetitions, as weights
  std::vector<Op> stores;  // what fills a table: Store, LoadOrStore, or both
  bool removes = true;     // Delete
  std::vector<Op> whole;   // Range, Clear, Size, StoreBatch
  int max_threads = 8;
};
Repertoire RepertoireOf(const Traits& traits, int max_threads);

// Side keys that a program for a new map may use: 0, or up to some hundreds.
std::uint16_t DrawSideKeys(testing::Random& random);

Program DrawKeyProgram(testing::Random& random, const Repertoire& repertoire,
                       std::uint16_t side_keys);
Program DrawCrosswiseProgram(testing::Random& random, const Repertoire& repertoire);
Program DrawMapProgram(testing::Random& random, const Repertoire& repertoire, bool may_clear);

// Keys and values of one history on one map.
struct Naming {
  Number first_key = 0;  // key i is first_key + i, modulo 2^64
  std::uint64_t serial = 1;
  std::vector<Number> before;  // what key i held, if it held anything

  Number Key(std::uint16_t key) const { return first_key + key; }
  Number Value(Id id) const {
    if (id != kAbsent && id <= before.size()) return before[id - 1u];
    return serial << 16 | id;
  }
  // The identifier of a value found at a key.
  Id IdOf(std::uint16_t key, Number value) const {
    const Id id = static_cast<Id>(value);
    if (value >> 16 == serial && id >= kFirstWrite) return id;
    if (key < before.size() && value == before[key]) {
      return static_cast<Id>(key + 1);
    }
    return kForeign;
  }
};

// What one thread has recorded. Kept from one history to the next, for its memory.
struct Log {
  std::vector<Operation> operations;
  // What Range saw; Operation::state is the index.
  std::vector<std::vector<std::pair<std::uint16_t, Id>>> ranges;
  std::string error;  // what cannot be right in any order

  void Clear() {
    operations.clear();
    ranges.clear();
    error.clear();
  }
};

// Performs the tasks of one thread. Never throws: what the map throws is an error.
void Perform(testing::AnyMap& map, const Program& program, int thread, const Naming& naming,
             Log& log) noexcept;

}  // namespace cmap::verification

#endif  // CMAP_MAPS_VERIFICATION_PROGRAM_H_
