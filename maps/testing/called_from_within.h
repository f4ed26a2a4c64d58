// SPDX-License-Identifier: Apache-2.0
//
// Maps that are called from within themselves, against the contract: in a build with
// assertions (this is one: -UNDEBUG) such a call comes back, or ends the program with a
// sentence that says what is wrong. It never waits for ever.
#ifndef CMAP_MAPS_TESTING_CALLED_FROM_WITHIN_H_
#define CMAP_MAPS_TESTING_CALLED_FROM_WITHIN_H_

#ifdef NDEBUG
#error "This is about builds with assertions."
#endif

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "maps/concurrent_map.h"

namespace cmap::testing {

enum class End { kCameBack, kSaidSo, kHung, kOther };

// How `body` ends, in a process of its own with `seconds` to spare.
template <class Body>
End HowItEnds(Body body, unsigned seconds = 20) {
  int ends[2];
  if (pipe(ends) != 0) return End::kOther;
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    alarm(seconds);
    body();
    _exit(0);
  }
  close(ends[1]);
  std::string said;
  char buffer[512];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) said.append(buffer, n);
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return End::kCameBack;
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) return End::kHung;
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT &&
      said.find("a map is called from within itself") != std::string::npos) {
    return End::kSaidSo;
  }
  ADD_FAILURE() << "status " << status << ": " << said;
  return End::kOther;
}

// One in LoadOrCompute's function, one in Visit's.
template <class Map>
void CallWithinCompute() {
  Map map;
  map.Store(1, 1);
  map.LoadOrCompute(7, [&] {
    map.Store(7, 2);
    return std::uint64_t{3};
  });
}
template <class Map>
void CallWithinVisit() {
  Map map;
  map.Store(7, 1);
  map.Size();  // what has been put off is done
  map.Visit(7, [&](const std::uint64_t&) { map.Store(7, 2); });
}

struct Ends {
  const char* strategy;
  End compute;
  End visit;
};

template <class Strategy>
Ends EndsOf() {
  using Map = typename Strategy::template Map<std::uint64_t, std::uint64_t>;
  Ends ends{Strategy::kName.data(), End::kCameBack, End::kCameBack};
  if constexpr (Supports<Map>(Op::kLoadOrCompute)) ends.compute = HowItEnds(&CallWithinCompute<Map>);
  ends.visit = HowItEnds(&CallWithinVisit<Map>);
  return ends;
}

}  // namespace cmap::testing

#endif  // CMAP_MAPS_TESTING_CALLED_FROM_WITHIN_H_
