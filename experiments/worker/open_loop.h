// SPDX-License-Identifier: Apache-2.0
//
// One thread's part of an open loop: operations have the times at which they ought to
// start, whatever the map does. The thread waits for the next such time, performs,
// and records
//
//   response  end - intended    what a user of the service would have waited
//   service   end - start       what the operation took
//   lag       start - intended  how late the thread was
//
// of every operation. A thread that is late skips nothing: it works its queue off, and
// all that waited in it have waited. (A loop that starts the next operation when the
// last one is over records one long operation where a stall delays a thousand.)
//
// A clock has Await(t), which returns the time of a start at t or as soon as it can,
// and End(), the time when everything before it is over. Both in nanoseconds.
#ifndef CMAP_EXPERIMENTS_WORKER_OPEN_LOOP_H_
#define CMAP_EXPERIMENTS_WORKER_OPEN_LOOP_H_

#include <algorithm>
#include <cstdint>
#include <span>

namespace cmap::experiments {

struct OpenLoopPart {
  std::uint64_t ops = 0;
  std::int64_t end = 0;  // of the last operation
  bool gave_up = false;  // operations were left over
};

// Performs one operation for every time in `due`, nanoseconds after `agreed`, and calls
// record(i, intended, start, end) after the i-th. Gives up what is left at
// `patience` after agreed: a map that is slower than it was thought to be would hold
// the visit for ever.
template <class Clock, class Perform, class Record>
OpenLoopPart PlayArrivals(std::span<const std::int64_t> due, std::int64_t agreed, std::int64_t patience,
                          Clock&& clock, Perform&& perform, Record&& record) {
  OpenLoopPart part{.end = agreed};
  for (const std::int64_t offset : due) {
    if (part.end - agreed > patience) {
      part.gave_up = true;
      break;
    }
    const std::int64_t intended = agreed + offset;
    const std::int64_t start = clock.Await(intended);
    perform();
    part.end = clock.End();
    record(part.ops, intended, start, part.end);
    ++part.ops;
  }
  return part;
}

// The same without times to wait for: one operation after the other until `length` is
// over. What a thread can do when each operation is timed.
template <class Clock, class Perform, class Record>
OpenLoopPart PlayBackToBack(std::int64_t agreed, std::int64_t length, Clock&& clock, Perform&& perform,
                            Record&& record) {
  OpenLoopPart part{.end = agreed};
  do {
    const std::int64_t start = clock.Await(agreed);
    perform();
    part.end = clock.End();
    record(part.ops, start, start, part.end);
    ++part.ops;
  } while (part.end - agreed < length);
  return part;
}

// Reads the clock and does nothing else until `length` is over: record(gap) of the time
// between two readings. What the machine takes from a thread that wants nothing.
template <class Clock, class Record>
OpenLoopPart PlayNothing(std::int64_t agreed, std::int64_t length, Clock&& clock, Record&& record) {
  OpenLoopPart part{.end = agreed};
  std::int64_t before = clock.Await(agreed);
  do {
    part.end = clock.End();
    record(part.end - before);
    before = part.end;
    ++part.ops;
  } while (part.end - agreed < length);
  return part;
}

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_OPEN_LOOP_H_
