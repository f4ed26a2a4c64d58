// SPDX-License-Identifier: Apache-2.0
//
// Litmus tests of maps on the processor at hand. The two or four threads of a round
// leave a barrier together, do two operations each, and are asked afterwards whether
// what they saw can be explained in real time. Between the two operations there is
// nothing: no stamp, no barrier, no recording that could empty a store buffer.
//
//   store buffering     x = new; read y  ||  y = new; read x      not both old
//   message passing     x = new; y = new ||  read y; read x       not new, then old
//   coherence           x = new          ||  read x; read x       not new, then old
//   independent reads   x = new || y = new || read x; read y || read y; read x
//                                                     not new, old and new, old
//
// Store buffering is asked of every kind of write (a store over a value and of a new
// key, Delete, LoadOrStore, Swap, CompareAndSwap) and of every kind of read (Load,
// Range, Size). A map that allows it gives the result of a completed operation to
// operations that begin later only some time afterwards.
//
// The histories (verify.h) ask more, but disturb what they record; this rung asks for
// one thing and disturbs nothing. It shows what this processor does, not what the
// language allows: x86-64 shows store buffering and none of the others.
#ifndef CMAP_MAPS_VERIFICATION_LITMUS_H_
#define CMAP_MAPS_VERIFICATION_LITMUS_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "maps/testing/any_map.h"

namespace cmap::verification {

struct LitmusPattern {
  std::string_view name;  // "store / load"
  std::string_view kind;  // "store buffering"
  std::string_view what;  // the rounds that count
};
// All of them, in the order of the results.
std::span<const LitmusPattern> LitmusPatterns();

struct LitmusOptions {
  std::uint64_t rounds = 10'000;  // of each pattern
  double seconds = 0;             // at most, for each pattern; 0: no limit
  std::uint64_t seed = 1;
};

struct LitmusResult {
  std::string_view pattern;
  std::string skipped;          // why there were no rounds, else empty
  std::uint64_t rounds = 0;
  std::uint64_t together = 0;   // of these, with all threads running when it began
  std::uint64_t forbidden = 0;  // rounds that cannot be explained
};

// Why nothing can be asked of the map that has these traits; empty if it can.
std::string LitmusNotApplicable(const Traits& traits);

// One result for each pattern. Needs two processors at least, better alone: a thread
// that does not run has an empty store buffer.
std::vector<LitmusResult> RunLitmus(const testing::Subject& subject,
                                    const LitmusOptions& options = {});

}  // namespace cmap::verification

#endif  // CMAP_MAPS_VERIFICATION_LITMUS_H_
