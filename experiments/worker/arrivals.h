// SPDX-License-Identifier: Apache-2.0
//
// When operations arrive, drawn before any clock starts. The rate over time is a
// profile of segments; arrivals are spaced along it evenly or at random (Poisson). A
// segment of no duration is a burst: all its operations arrive at one instant.
//
// Threads. Every thread has a stream of its own with its share of the rate. Even
// arrivals are dealt in turn, so that the threads' streams together are even again;
// random ones are independent, and independent Poisson streams of rate/T sum to one
// Poisson stream of the whole rate. No thread ever waits for another's arrivals: the
// split is that of a service whose requests are spread over its threads at random, not
// of one queue that all of them serve.
#ifndef CMAP_EXPERIMENTS_WORKER_ARRIVALS_H_
#define CMAP_EXPERIMENTS_WORKER_ARRIVALS_H_

#include <cstdint>
#include <vector>

namespace cmap::experiments {

enum class Spacing { kPoisson, kEven };

// A part of a profile, of all threads together.
struct Segment {
  std::int64_t ns = 0;  // how long it lasts
  double ops = 0;       // that arrive meanwhile, on average when spaced at random
};

struct Profile {
  std::vector<Segment> segments;

  // One rate, operations a second.
  static Profile Constant(double rate, std::int64_t ns);
  std::int64_t ns() const;
  double ops() const;
};

// One thread's arrivals, nanoseconds after the start, ascending, all before
// profile.ns() or at it. O(arrivals). The same on every platform.
std::vector<std::int64_t> DrawArrivals(const Profile& profile, Spacing spacing, int thread, int threads,
                                       std::uint64_t seed);

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_ARRIVALS_H_
