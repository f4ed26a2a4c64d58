// SPDX-License-Identifier: Apache-2.0
//
// Is there an order of these operations, each placed at one moment between its
// call and its return, in which a sequential map returns what they returned? If
// so, the history is linearizable.
//
// The search goes along the history in time and keeps all configurations that
// explain it so far. A configuration is the state of the map and the set of
// operations in progress that have already taken effect:
//
//   call of x      x is in progress in every configuration
//   return of x    a configuration in which x has taken effect: goes on.
//                  Otherwise operations in progress are made to take effect, in
//                  every possible order, until x has; configurations that cannot
//                  are dropped. (An effect is placed just in time: before some
//                  return that needs it, never earlier.)
//   none left      there is no such order; x could not be explained
//
// Equal configurations are kept once, so that the work is linear in the length
// of the history: with t threads, at most 2^t sets times the values that they can
// leave. Keys are independent objects, and a history of many keys is
// linearizable if that of every key is, so point operations are checked key by
// key. Whole-map operations need all keys in one state (history.h).
//
// Source: J. Wing, C. Gong, "Testing and verifying concurrent objects", J.
// Parallel Distrib. Comput. 17 (1993); G. Lowe, "Testing for linearizability",
// Concurrency Computat.: Pract. Exper. 29 (2017), "just-in-time linearization";
// locality: M. Herlihy, J. Wing, ACM TOPLAS 12 (1990).
#ifndef CMAP_MAPS_VERIFICATION_CHECKER_H_
#define CMAP_MAPS_VERIFICATION_CHECKER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "maps/verification/history.h"

namespace cmap::verification {

struct Verdict {
  bool linearizable = true;
  std::size_t failed = 0;          // if not: index of what could not be explained
  std::size_t configurations = 0;  // the most that were kept at one time
};

// A history of at most 64 operations in progress at any moment.
struct Problem {
  std::vector<Operation> operations;
  std::vector<State> initial = {0};  // the states it may begin in
  // Entries may vanish at any moment, one by one: the model of a bounded cache.
  bool may_vanish = false;
  unsigned lanes = 1;
  unsigned first_key = 0;  // that of lane 0, for readers
};

class Checker {
 public:
  // Time linear in the number of operations for a bounded number of threads.
  Verdict Check(const Problem& problem);

  // All states the map may be in at `time`, given what had returned by then.
  // Operations in progress may have taken effect or not. Empty if the history is
  // not linearizable until then.
  std::vector<State> PossibleStates(const Problem& problem, std::uint64_t time);

  // A part of a history that is not linearizable, which is not so either:
  //  - up to the return that could not be explained; what was in progress then
  //    may take effect or not
  //  - from a moment before at which nothing was in progress, in the states that
  //    were possible then: the last such moment that leaves some operations to
  //    look at
  //  - without operations that only read and are not needed for the
  //    contradiction: they cannot have made it, as leaving a reader out of an
  //    order leaves an order
  // No writer is left out, as that could make a contradiction where none was.
  Problem Minimise(const Problem& problem);

 private:
  struct Configuration {
    std::uint64_t done;  // of the operations in progress, by slot
    State state;
    friend bool operator==(const Configuration&, const Configuration&) = default;
    friend auto operator<=>(const Configuration&, const Configuration&) = default;
  };
  struct Event {
    std::uint64_t time;
    bool is_return;  // calls come first among equal times: they overlap
    std::uint32_t operation;
  };

  // A set of configurations that is emptied in no time.
  class Seen {
   public:
    void Clear();
    bool Insert(const Configuration& c);  // whether it is new

   private:
    void Grow();
    struct Entry {
      Configuration configuration;
      std::uint64_t generation = 0;
    };
    std::vector<Entry> entries_ = std::vector<Entry>(256);
    std::uint64_t generation_ = 1;
    std::size_t size_ = 0;
  };

  // `on_quiet` is called with the time of every call that finds nothing in
  // progress.
  template <class OnQuiet>
  Verdict Run(const Problem& problem, std::uint64_t until, OnQuiet on_quiet);
  // Visits the configurations reachable from those in stack_ by effects of
  // operations in progress. Into next_ go those in which `target`, a bit, has
  // just taken effect, and which are not followed further; without a target, all.
  void Expand(const Problem& problem, std::uint64_t target);

  std::vector<Event> events_;
  std::vector<Configuration> live_, next_, stack_;
  Seen seen_;
  std::uint64_t in_progress_ = 0;
  const Operation* at_[64] = {};
};

// The counterexample, readably.
std::string Explain(const Problem& minimised);

}  // namespace cmap::verification

#endif  // CMAP_MAPS_VERIFICATION_CHECKER_H_
