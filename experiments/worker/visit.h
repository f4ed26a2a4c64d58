// SPDX-License-Identifier: Apache-2.0
//
// A visit: warm-up, then randomised blocks until the time is used, every slice
// verified and written as one JSON line. The visit, a process of its own, is
// the unit of repetition: addresses, heap and page colours are drawn once per
// process, and only new processes draw them anew.
//
// Lines, in order of appearance (others may be added; readers skip what they do
// not know):
//
//   {"t":"realised","figures":{...}}        what the tape really is
//   {"t":"slice","b":3,"p":0,"c":0,"n":131072,"ns":10234567,"rd":0.001,
//    "late":0.0001,"hits":9000,             b block, p position in it (negative:
//    "least":0.97,"most":1.03,              discarded slices before it), c index
//    "jain":0.999,"gap":51200}              of the contestant, n operations of
//                                           all threads, ns time (n / ns is the sum
//                                           of the threads' rates), rd run delay
//                                           and late start of the worst thread as
//                                           shares of it; "k" fresh maps when more
//                                           than one; "w":1 when discarded
//                                           (warm-up). With several threads: least
//                                           and most operations of a thread over an
//                                           equal share, Jain's index of them, and
//                                           the longest time in ns in which some
//                                           thread completed nothing
//   {"t":"reject","b":3,"why":"run_delay","value":0.04}
//   {"t":"counters","c":1,"counters":{"promotions":3}}
//   {"t":"amounts","c":1,"amounts":{"oversold":0.01}}  of a scenario: shares, and rates per
//                                           second, over all its slices
//   {"t":"memory","c":1,"bytes":123,"entries":1000}
//   {"t":"invalid","c":1,"what":"..."}      a wrong answer; the visit ends here
//   {"t":"end","visit":12,"blocks":14,"rejected":1,"changepoint":false,
//    "placement":"block","run_delay":true,  run_delay: the kernel counts it
//    "timing":{"start":..}}                 seconds (wall) of the parts of the
//                                           visit, and CPU time of all threads
//
// A visit with arrivals adds lines of its own (open_loop_visit.h). One that fills maps at
// a given rate has no blocks.
//
// An untimed visit reads no clock into its output: no ns, rd, late, gap or timing,
// and no shares.
#ifndef CMAP_EXPERIMENTS_WORKER_VISIT_H_
#define CMAP_EXPERIMENTS_WORKER_VISIT_H_

#include <ostream>
#include <span>
#include <vector>

#include "experiments/worker/request.h"
#include "experiments/worker/threads.h"

namespace cmap::experiments {

// Runs the visit and writes its lines to `out` at its end, and where its time went,
// as a table, to `timing` if that is not null. Returns the
// exit code: 0, kExitInvalid after an "invalid" line, or kExitRefused after a
// "refused" line ({"t":"refused","why":"..."}). Throws InputError.
int RunVisit(const VisitRequest& request, std::ostream& out,
             std::ostream* timing = nullptr);

// The block series that are searched for a changepoint: per contestant after
// the first the log ratio of its time per operation to the first one's; with a
// single contestant the log of its time per operation. `blocks`: per accepted
// block, nanoseconds per operation of each contestant.
std::vector<std::vector<double>> BlockSeries(
    std::span<const std::vector<double>> blocks);

}  // namespace cmap::experiments

#endif  // CMAP_EXPERIMENTS_WORKER_VISIT_H_
