// SPDX-License-Identifier: Apache-2.0
//
// What the blocks of a visit work with: the threads, the arena, the contestants,
// and the one place where a slice is timed and verified.
#ifndef CMAP_EXPERIMENTS_WORKER_SESSION_H_
#define CMAP_EXPERIMENTS_WORKER_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "experiments/worker/arena.h"
#include "experiments/worker/contestant.h"
#include "experiments/worker/request.h"
#include "experiments/worker/scenario.h"
#include "experiments/worker/threads.h"
#include "experiments/worker/timing.h"
#include "experiments/worker/window.h"
#include "workloads/deal.h"
#include "workloads/expectation.h"
#include "workloads/parallel.h"

namespace cmap::experiments {

// Fixes the thresholds that glibc's malloc otherwise moves while a process
// runs: heap memory given back to the system by one slice would be faulted in
// again, at the kernel's price, by the next, and the more so the earlier in the
// visit. Called once, before any map exists.
void SteadyAllocator();

// Gives back to the system what the allocator holds and nobody uses: the next map meets
// memory as the first one of a process does.
void ReturnMemory();

struct Slice {
  std::uint64_t ops = 0;  // all threads, all repeats
  int repeats = 1;        // fresh maps the slice consists of
  RunTime time;
  workloads::SliceResult result;
  std::vector<std::uint64_t> thread_ops;  // by thread
  std::int64_t gap = 0;  // ns: the longest time in which some thread completed nothing
  double seconds = 0;    // of a scenario's window: how long its threads took, on average

  Slice& operator+=(const Slice& other);
};

class Session {
 public:
  // Throws InputError (CPUs, options).
  explicit Session(const VisitRequest& request);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const VisitRequest& request() const { return request_; }
  int contestants() const { return static_cast<int>(contestants_.size()); }
  int threads() const { return request_.threads; }
  Contestant& contestant(int c) {
    return *contestants_[static_cast<std::size_t>(c)];
  }
  const ContestantSpec& spec(int c) const {
    return request_.contestants[static_cast<std::size_t>(c)];
  }
  const std::string& name(int c) const { return spec(c).text; }
  const Team& team() const { return team_; }

  // A seed of its own for each purpose of the visit.
  std::uint64_t Seed(std::uint64_t purpose) const;

  // All contestants play `material` from now on.
  void Use(const Material& material);

  // A new, empty map for contestant c at a random slot of the arena.
  void Place(int c);
  void Remove(int c);

  // A slice that ends with the clock (or, in an untimed visit, after `quota`
  // operations a thread): thread t goes on along sequence t from positions[t],
  // which moves on. The slice's wall time is what makes ops / wall the sum of the
  // threads' rates, each over its own time.
  Slice PlayWindow(int c, std::span<std::uint64_t> positions, std::uint64_t quota);

  // A slice of a fixed amount: whatever `deal` has, dealt to all threads. Its wall
  // time is from the agreed start to the latest end.
  Slice PlayDealt(int c, workloads::Deal& deal);

  // What thread t does in a slice, from the instant `agreed` on, on one contestant's map:
  // it plays its sequence from `position` on, which moves on, and returns what it saw.
  using Part = std::function<workloads::SliceResult(std::size_t t, std::int64_t agreed,
                                                    std::uint64_t& position)>;

  // A slice of parts. Its wall time is from the agreed start to the latest end.
  Slice PlayParts(int c, std::span<std::uint64_t> positions, const Part& part);

  // Calls f(t, agreed) on every thread t from an agreed instant on, without a map.
  RunTime RunTogether(const std::function<void(std::size_t, std::int64_t)>& f);

  // A slice of a scenario, which is contestant c. Its operations and its wall time are
  // those of the threads that count; an untimed one ends after `quota` steps a thread.
  Slice PlayRoles(int c, ScenarioContestant& it, std::uint64_t quota);

  // Fills contestant c's new map, all threads together.
  void Prefill(int c);

  // Calls f(0), ..., f(parts - 1) on the threads of the visit, outside slices.
  // Rethrows what one of them has thrown.
  workloads::Parallel parallel();

  Timing& timing() { return timing_; }

  // Throws InvalidError when the slice, or `final_size` unless it is
  // Expected::kUnknownSize, is not what the tape demands.
  void Verify(int c, const workloads::SliceResult& result, const workloads::Expected& expected,
              std::uint64_t final_size) const;

  // Reads contestant c's whole map in two ways; throws InvalidError when they
  // disagree with each other or with the possible sizes.
  Audit VerifyContent(int c, workloads::Bounds size);

 private:
  struct alignas(64) PaddedResult {
    workloads::SliceResult result;
    WindowPart part;
    std::exception_ptr error;
  };

  // Runs body(thread, agreed) on all threads; what one throws is rethrown.
  template <class Body>
  RunTime Run(Body&& body);

  VisitRequest request_;
  Timing timing_;
  Arena arena_;
  Team team_;
  std::vector<std::unique_ptr<Contestant>> contestants_;
  std::vector<PaddedResult> results_;
};

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_SESSION_H_
