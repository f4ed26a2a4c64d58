// SPDX-License-Identifier: Apache-2.0
//
// What a visit with "arrivals" does after its blocks (visit.h): it measures latency in
// an open loop (open_loop.h). Every operation is timed, in slices of their own; the
// blocks' slices, which give the throughput, are never timed so. All slices are verified
// as everywhere. The baseline is the first contestant; the null map, which must be among
// them, is a control, and so is a thread that only reads the clock.
//
// rungs   The capacity of each map is what its threads perform one operation after the
//         other, each timed: the median of three windows. Then, in random order, each
//         map meets Poisson arrivals at every load of its own capacity, and at half of
//         the baseline's, where maps can be compared. The null map meets the baseline's.
// shapes  Each map meets, at loads of the baseline's capacity: even arrivals, Poisson
//         arrivals, bursts and a step, seen over time.
// fill    Each map starts empty and is given evenly spaced stores of new keys. What the
//         allocator holds is given back before, so that all pay for fresh memory.
// recorded  Each map starts empty and meets the operations of a recording at the times at
//         which they arrived there, dealt to the threads in turn.
//
// Lines. Times are nanoseconds, rates operations a second of all threads. Histograms
// are counts by index (histogram.h), a run of n empty ones as -n.
//
//   {"t":"capacity","c":0,"rate":5.1e6,"n":102000,"service":[...]}
//   {"t":"latency","c":0,"of":0,"load":0.5,    load times the capacity of contestant `of`
//    "offered":2.5e6,"achieved":2.5e6,"n":125000,"ns":50000000,
//    "response":[...],"service":[...],"lag":[...],"max":[r,s,l]}
//       "saturated":1 in place of histograms when less than 99 % of the offered load was
//       achieved; "why":"run_delay" in their place when the slice was disturbed as a
//       block must not be (quality.h)
//    "reclaimed":{"events":1560,"freed":99840,       with windows, one thread: operations
//                 "with_ns":2410.5,"without_ns":171.2,     in which epochs tried to
//                 "p99_ns":5200 or null},                  advance, and freed what was
//    "window":10000000,                              ripe; objects freed; the mean service
//    "windows":[{"due":25000,"p99":880 or null,      of such operations and of all others,
//                "events":31,"pause":74725}]         and the 99th percentile of theirs. By
//                                              window: operations due, their p99 of response,
//                                              events, and the sum of their services
//   {"t":"shape","c":0,"shape":"burst","offered":..,"achieved":..,"n":..,"ns":..,
//    "from":[..],"until":[..],                 the disturbances
//    "window":10000000,"due":[..],"done":[..],"p50":[..],"p99":[..],"max":[..],
//    "counters":{..}}                          by window: operations that were due and
//                                              that were done in it, response times of
//                                              those due; what the map counted meanwhile
//   {"t":"fill","c":0,"rate":1e6,"n":1000000,"ns":..,"response":[...],"service":[...],
//    "lag":[...],"max":[r,s,l],
//    "doublings":[{"size":1024,"n":1024,"at":1536,   the longest store was at that size
//                  "response":[p50,p99.9 or null,max],"service":[p50,p99.9 or null,max]}],
//    "counters":{..}}
//   {"t":"recorded","c":0,"offered":..,"achieved":..,"n":..,"ns":..,"response":[...],
//    "service":[...],"lag":[...],"max":[r,s,l]}
//                                              ns: from the first arrival to the last
//   {"t":"clock","n":..,"ns":..,"gap":[...],"max":..,"source":"rdtsc"}
//                                              times between readings of the clock
//
// A fill or a recording is "saturated" when it took a quarter longer than its operations
// took to arrive.
#ifndef CMAP_EXPERIMENTS_WORKER_OPEN_LOOP_VISIT_H_
#define CMAP_EXPERIMENTS_WORKER_OPEN_LOOP_VISIT_H_

#include <functional>
#include <nlohmann/json_fwd.hpp>

#include "experiments/worker/course.h"
#include "experiments/worker/session.h"

namespace cmap::experiments {

// Runs what session.request().arrivals asks for; `write` is given the lines. The course
// is prepared. Maps that are filled stand one at a time: `conclude` is called for each
// while it does, and is to remove it. Throws InvalidError.
void RunOpenLoop(Session& session, Course& course,
                 const std::function<void(const nlohmann::ordered_json&)>& write,
                 const std::function<void(int)>& conclude);

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_OPEN_LOOP_VISIT_H_
