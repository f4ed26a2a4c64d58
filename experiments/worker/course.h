// SPDX-License-Identifier: Apache-2.0
//
// How a regime lays out its slices. A course makes the tape, finds the length
// of a slice, places maps and plays verified slices; the visit decides the
// order and what counts.
//
// Stationary. A slice is n operations a thread along a cyclic tape of two
// segments S1 S2, n chosen in calibration so that the geometric mean of the
// contestants' slices is about slice_ms and the same for all. Before a block
// every map is placed anew and prefilled, and each contestant plays one
// discarded slice; then the k-th slice of every contestant in the block is the
// same stretch of the tape (A:S2 B:S2, B:S1 A:S1 for the two halves of a
// block). Prefilling is the main thread's work. Where prefilling costs more
// than half the block, maps are placed once per visit and slices simply go on
// along the tape.
//
// Empty start (growth, reserved, fixed_distinct). A slice is k runs, each on a
// new map at a new random slot, k chosen in calibration so that a slice lasts
// about slice_ms. Construction, Reserve (to the final size, in `reserved`) and
// destruction happen between the runs with the clock stopped: the slice's time
// is the sum of its runs' times. At most one such map exists at a time, so
// memory does not depend on k. A run is the first N operations of the tape; N is
// drawn per block, log-uniform over one doubling, the same for all contestants.
#ifndef CMAP_EXPERIMENTS_WORKER_COURSE_H_
#define CMAP_EXPERIMENTS_WORKER_COURSE_H_

#include <functional>
#include <memory>
#include <string_view>

#include "experiments/worker/session.h"
#include "workloads/expectation.h"
#include "workloads/figures.h"

namespace cmap::experiments {

class Course {
 public:
  // Told of each discarded slice: contestant and slice.
  using Discarded = std::function<void(int, const Slice&)>;

  virtual ~Course() = default;

  // Tape, calibration, first placement. Not repeatable.
  virtual void Prepare() = 0;
  // Placement and discarded slices, or the draw of N.
  virtual void BeginBlock(const Discarded& discarded) = 0;
  // Contestant c's next slice of the block, verified (InvalidError).
  virtual Slice Play(int c) = 0;
  // Verifications that would disturb slices.
  virtual void EndBlock() = 0;
  // Sees to it that contestant c has a map at the end of a slice; returns the
  // sizes it may have.
  virtual workloads::Bounds Settle(int c) = 0;

  // What the tape really is, over a typical slice or its whole cycle.
  virtual workloads::Figures figures() const = 0;
  // "block", "visit", or "slice".
  virtual std::string_view placement() const = 0;
};

// The course of the session's workload. `session` must outlive it.
std::unique_ptr<Course> MakeCourse(Session& session);
std::unique_ptr<Course> MakeStationaryCourse(Session& session);
std::unique_ptr<Course> MakeEmptyStartCourse(Session& session);

// Geometric mean of positive numbers.
double GeometricMean(const std::vector<double>& values);

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_COURSE_H_
