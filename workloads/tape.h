// SPDX-License-Identifier: Apache-2.0
//
// The tape: the operations of a visit, generated from a seed before anything
// is timed, so that no random number is drawn inside a timed region. One entry
// is four bytes: the operation in the low 4 bits, the key index in the high 28.
//
// Generation is deterministic: the same Spec, thread count, length and seed
// give the same tape from every compiler on every architecture (the streams
// use integer arithmetic and det_math.h only).
//
// Versions. An operation that writes stores version `position & 1` of the
// key's value, where position is its place on its thread's tape. A
// CompareAndSwap expects the other version; a CompareAndDelete expects version
// `position & 1`. So both sometimes succeed and sometimes fail, and what they
// expect costs no bits of the tape.
//
// Misses. Where a share of the loads is to find nothing, the key k of such a load is
// replaced by k + n, n being the number of all other keys: one that no operation
// stores, as often asked for as k. Which loads these are is dealt from a deck of 100.
//
// A tape has one sequence per thread, or one for all (GenerateDealtTape).
//
// Threads. Streams over a population are drawn independently by every thread.
// sequential_new and private krr give thread t the indices t, t + T, t + 2T...
// Shared krr is generated as one global sequence and dealt to the threads in
// rounds: of every T consecutive requests each thread gets one, in random
// order (a fixed order would give all new keys to the same thread whenever the
// period of the accumulator divides T). So the first n operations of every
// thread are the first n * T requests of the sequence. With paired deletes new
// and reusing requests are dealt in rounds of their own, which keeps the tapes
// equally long.
#ifndef CMAP_WORKLOADS_TAPE_H_
#define CMAP_WORKLOADS_TAPE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "maps/concurrent_map.h"
#include "workloads/parallel.h"
#include "workloads/spec.h"

namespace cmap::workloads {

using Entry = std::uint32_t;

constexpr Entry MakeEntry(Op op, std::uint32_t index) {
  return index << 4 | static_cast<std::uint32_t>(op);
}
constexpr Op EntryOp(Entry entry) { return static_cast<Op>(entry & 15u); }
constexpr std::uint32_t EntryIndex(Entry entry) { return entry >> 4; }

struct Tape {
  // The sequences, all of the same length: one per thread, or one for all.
  std::vector<std::vector<Entry>> threads;
  // Key indices present before the first operation, ascending.
  std::vector<std::uint32_t> prefill;
  // All indices, prefilled ones included, are below this.
  std::uint32_t universe = 0;
  // The last so many of them are loaded and never there (Spec::miss).
  std::uint32_t never = 0;
  // Bit `op` is set when the operation occurs on some thread's tape.
  std::uint32_t op_set = 0;
  // Every new key is preceded by a delete (Spec::PairsDeletes), and these are
  // the only deletes.
  bool pairs_deletes = false;
  // No two sequences name the same key.
  bool private_keys = false;

  std::size_t length() const { return threads.empty() ? 0 : threads[0].size(); }
};

// Largest number of threads a tape is generated for.
inline constexpr int kMaxThreads = 256;

// Generates a tape of `ops_per_thread` operations for each of `threads`
// threads. With paired deletes the tape is shortened, by less than half, to the
// longest whole cycle, after which the live keys are those it began with.
// O(threads * ops_per_thread + population), the threads in parallel where they
// are independent. Throws SpecError when the request needs more than kMaxKeys
// distinct keys, or has no operations or threads.
Tape GenerateTape(const Spec& spec, int threads, std::uint64_t ops_per_thread,
                  std::uint64_t seed, const Parallel& parallel = InTurn);

// The tape of a regime that starts empty, to be dealt to the threads (deal.h):
// one sequence of ops_per_thread * threads operations where reuse is shared,
// exact in every prefix; otherwise a sequence for each thread as above. Where
// reuse is shared it lags behind by what all threads together may have in hand.
Tape GenerateDealtTape(const Spec& spec, int threads, std::uint64_t ops_per_thread,
                       std::uint64_t seed, const Parallel& parallel = InTurn);

// What `ops` is multiplied by for that many threads, so that filling a map takes
// as long on many cores as on two: 1 up to two threads, then half their number.
double FillScale(int threads);

// Operations per slice over all threads for the regimes that start empty.
// `jitter` in [0, 1): growth and reserved draw log-uniformly from
// [ops, 2 * ops) times FillScale, so that no growth step of a table can pose as
// an effect of the axis; fixed_distinct ignores it. A multiple of `threads`.
std::uint64_t SliceOps(const Spec& spec, int threads, double jitter);

// The longest slice that SliceOps can return: the tape length, times `threads`,
// that a visit needs in those regimes.
std::uint64_t MaxSliceOps(const Spec& spec, int threads);

// Bytes of memory GenerateTape needs for its result (an upper bound).
std::uint64_t TapeBytes(const Spec& spec, int threads,
                        std::uint64_t ops_per_thread);

// Calls f(entries, position of the first) for the contiguous stretches of n
// entries of a cyclic sequence, from `position` on.
template <class F>
void ForEachStretch(const std::vector<Entry>& sequence, std::size_t position,
                    std::size_t n, F&& f) {
  position %= sequence.size();
  while (n > 0) {
    const std::size_t count = std::min(n, sequence.size() - position);
    f(std::span<const Entry>(sequence).subspan(position, count), position);
    n -= count;
    position = 0;
  }
}

}  // namespace cmap::workloads

#endif  // CMAP_WORKLOADS_TAPE_H_
