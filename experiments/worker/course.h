// SPDX-License-Identifier: Apache-2.0
//
// How a regime lays out its slices. A course makes the tape, places maps and plays
// verified slices; the visit decides the order and what counts.
//
// Stationary. A slice is a window of slice_ms in which every thread goes on along
// its own cyclic sequence (window.h). Before a block every map is placed anew and
// prefilled, by all threads, and each contestant plays one discarded slice. Where
// placing costs more than half the block, or a visit is of rounds, maps are placed once per
// visit and slices simply go on. With start = as_filled maps are always placed before a block, no slice
// is discarded, and Size, which settles some maps, is not asked for within the block.
// Contestants get differently far on the tape, and so do threads; what
// each must have seen follows from how far it got.
//
// Empty start (growth, reserved, fixed_distinct). A run fills a new map at a new
// random slot with the first N operations of the tape, dealt to the threads
// (workloads/deal.h); N is drawn per block, log-uniform over one doubling, the same
// for all contestants. A slice is as many runs as it takes to fill slice_ms.
// Construction, Reserve (to the final size, in `reserved`) and destruction happen
// between the runs with the clock stopped: the slice's time is the sum of its runs'
// times. At most one such map exists at a time, so memory does not depend on their
// number.
#ifndef CMAP_EXPERIMENTS_WORKER_COURSE_H_
#define CMAP_EXPERIMENTS_WORKER_COURSE_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "experiments/worker/session.h"
#include "workloads/expectation.h"
#include "workloads/figures.h"

namespace cmap::experiments {

class Course {
 public:
  // Shares and rates by name, over all slices of a visit.
  using Amounts = std::vector<std::pair<std::string, double>>;

  // Told of each discarded slice: contestant and slice.
  using Discarded = std::function<void(int, const Slice&)>;

  virtual ~Course() = default;

  // Tape and first placement. Not repeatable.
  virtual void Prepare() = 0;
  // Placement and discarded slices, or the draw of N.
  virtual void BeginBlock(const Discarded& discarded) = 0;
  // Contestant c's next slice of the block, verified (InvalidError).
  virtual Slice Play(int c) = 0;
  // The same with threads that do what `part` says: of a stationary regime the next slice,
  // otherwise a new map's, which stays until the session removes it.
  virtual Slice Perform(int c, const Session::Part& part) = 0;
  // Verifications that would disturb slices.
  virtual void EndBlock() = 0;
  // Sees to it that contestant c has a map at the end of a slice; returns the
  // sizes it may have.
  virtual workloads::Bounds Settle(int c) = 0;

  // What a scenario tells of contestant c beside its rate.
  virtual Amounts amounts(int) const { return {}; }

  // What the tape really is, over a typical slice or its whole cycle.
  virtual workloads::Figures figures() const = 0;
  // "block", "visit", or "slice".
  virtual std::string_view placement() const = 0;
};

// The course of the session's workload. `session` must outlive it.
std::unique_ptr<Course> MakeCourse(Session& session);
std::unique_ptr<Course> MakeStationaryCourse(Session& session);
std::unique_ptr<Course> MakeEmptyStartCourse(Session& session);
std::unique_ptr<Course> MakeScenarioCourse(Session& session);

// Entries of a stationary tape's sequences (limits.h). The workload's `ops`, over all
// threads, when it has them.
std::uint64_t TapeLength(const workloads::Spec& spec, int threads, bool timed = true);

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_COURSE_H_
