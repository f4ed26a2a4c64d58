# SPDX-License-Identifier: Apache-2.0
"""Mistakes to plant in the C++ that measures and verifies, a handful a file: see plant_cc.py.

Each is one text that occurs exactly once in its file, and what stands there instead. The tests are those that should
notice, the quickest first. A mistake that no test can notice has a reason in `survives`.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Mistake:
    """`file` is in the package of its tests or in another; `tests` are labels."""

    file: str
    find: str
    replace: str
    what: str
    tests: tuple[str, ...]
    survives: str = ""


_EXPECTATION = ("//workloads:expectation_test",)
_TAPE = ("//workloads:tape_test", "//workloads:miss_test", "//workloads:expectation_test")
_FIGURES = ("//workloads:figures_test",)
_MEASUREMENT = ("//experiments/worker:measurement_test",)
_OPEN_LOOP = ("//experiments/worker:open_loop_test",)
_VISIT = ("//experiments/worker:visit_test",)

MISTAKES: tuple[Mistake, ...] = (
    # What a slice must report.
    Mistake("workloads/expectation.cc", "lo = std::max(lo, new_lo);", "lo = new_lo;",
            "A bound is widened by conservation.", _EXPECTATION),
    Mistake("workloads/expectation.cc", "tally.Conserve({after.lo - before.hi, after.hi - before.lo});",
            "tally.Conserve({after.lo - before.hi - 1, after.hi - before.lo + 1});",
            "Insertions and removals of a key need to balance but for one.", _EXPECTATION),
    Mistake("workloads/expectation.cc", "twice | (once & ~segment.writes)", "twice | once",
            "A thread is taken to interfere with itself.", _EXPECTATION),
    Mistake("workloads/expectation.cc", "bounds.returned += taken.ToBounds();", "",
            "Values that LoadAndDelete returns are not in the check sum.", _EXPECTATION),
    Mistake("workloads/expectation.cc", "if (writers.all() < 2) return std::nullopt;", "",
            "A key that one thread changes counts as one that anybody may change at any time.", _EXPECTATION),
    Mistake("workloads/expectation.cc", "if (result.mismatch != 0) return", "if (result.mismatch > 1) return",
            "One value of another key is let pass.", _EXPECTATION),
    Mistake("workloads/expectation.cc", "if (seen_size != kUnknownSize && !final_size.contains(seen_size))",
            "if (seen_size == kUnknownSize && !final_size.contains(seen_size))",
            "A size that is known is not compared.", _EXPECTATION),
    Mistake("workloads/expectation.cc", "states_[index] = bounds.final_states;", "",
            "The next slice starts from the keys of the one before this.", _EXPECTATION),
    Mistake("workloads/ledger.cc", "tape.prefill.size() + tape.never == tape.universe && ", "",
            "Keys are taken to stay that were never there.", _EXPECTATION),
    Mistake("workloads/ledger.cc", "tape.threads.size() == 1 || tape.private_keys || IsSteady(tape)",
            "tape.threads.size() <= 2 || tape.private_keys || IsSteady(tape)",
            "Two threads on the same keys are foretold as if they took turns.", _EXPECTATION),
    Mistake("workloads/ledger.cc", "if (op != Op::kLoad) states_[index] = step.after;", "if (op == Op::kStore) states_[index] = step.after;",
            "Only stores change a key.", _EXPECTATION),
    Mistake("workloads/ledger.cc", "Tally sum = laps.Times(n / tape.size());", "Tally sum = laps;",
            "A tape that is played twice counts once.", _EXPECTATION),
    Mistake("workloads/key_state.h", "return state == other ? result(written, true)", "return state == other ? result(other, true)",
            "CompareAndSwap is taken to leave what it found.", _EXPECTATION),
    Mistake("workloads/key_state.h", "step.certain &= one.certain;", "step.certain |= one.certain;",
            "What one state makes certain is certain.", _EXPECTATION),
    # What is played.
    Mistake("workloads/tape.cc", "std::llround(request.spec.PrefillShare() * population)",
            "std::llround(request.spec.PrefillShare() * population * 0.99)", "A hundredth of the keys is not filled in.", _TAPE),
    Mistake("workloads/tape.cc", "EntryIndex(entry) + tape.universe);", "EntryIndex(entry));",
            "Loads that should miss do not.", _TAPE),
    Mistake("workloads/tape.cc", "tape.universe = 2 * live * request.threads;", "tape.universe = live * request.threads;",
            "Keys that replace others lie beyond the universe.", _TAPE),
    Mistake("workloads/tape.cc", "tape.threads[r.is_new ? deal_new.Next() : deal_reuse.Next()]",
            "tape.threads[deal_reuse.Next()]", "New keys are not shared out equally.", _TAPE),
    Mistake("workloads/tape.cc", "const double n = ops * DetExp(jitter * kLn2);", "const double n = ops * DetExp(jitter);",
            "Lengths of slices vary by a factor of e.", _TAPE),
    Mistake("workloads/tape.cc", "double FillScale(int threads) { return std::max(1.0, threads / 2.0); }",
            "double FillScale(int threads) { return std::max(1.0, threads / 1.0); }",
            "Many threads fill twice as many keys.", _TAPE),
    Mistake("workloads/figures.cc", "if (tape.pairs_deletes) seen[index] = true;", "seen[index] = true;",
            "A key's first request counts as reuse because it was filled in.", _FIGURES),
    Mistake("workloads/figures.cc", "writes += op != Op::kLoad;", "writes += op == Op::kStore;",
            "Only stores count as writes.", _FIGURES),
    Mistake("workloads/figures.cc", "if (i < top) held += sorted[i];", "if (i <= top) held += sorted[i];",
            "The top hundred are a hundred and one.", _FIGURES),
    # What is kept, and in which order.
    Mistake("experiments/worker/quality.cc", "if (oversubscribed) return std::nullopt;", "if (oversubscribed && times.empty()) return std::nullopt;",
            "Blocks of threads that share CPUs are rejected for sharing them.", _MEASUREMENT),
    Mistake("experiments/worker/quality.cc", "block.run_delay += time.undue_delay();", "block.run_delay = time.undue_delay();",
            "Only the last slice's delays count.", _MEASUREMENT),
    Mistake("experiments/worker/quality.cc", "if (block.late_share() > kMostLate)", "if (block.late_share() > 2 * kMostLate)",
            "Late starts may be twice as late.", _MEASUREMENT),
    Mistake("experiments/worker/quality.cc", "sum * equal / squares", "equal / squares",
            "Jain's index lacks a factor.", _MEASUREMENT),
    Mistake("experiments/worker/changepoint.cc", "(static_cast<double>(i + j) + 1.0) / 2.0", "static_cast<double>(i + 1)",
            "Ties do not share their mean rank.", _MEASUREMENT),
    Mistake("experiments/worker/changepoint.cc", "greatest = std::max(greatest, std::abs(sum));",
            "greatest = std::max(greatest, sum);", "Only changes downwards are seen.", _MEASUREMENT),
    Mistake("experiments/worker/changepoint.cc", "if (p * static_cast<double>(series.size()) < 0.001) return true;",
            "if (p < 0.001) return true;", "Several series are several chances of a false alarm.", _MEASUREMENT),
    Mistake("experiments/worker/design.cc", "if (n % 2 == 1 && n > 1)", "if (n % 2 == 1 && n > 3)",
            "Three contestants: some pairs of neighbours occur twice, others never.", _MEASUREMENT),
    Mistake("experiments/worker/design.cc", "order.insert(order.end(), order.rbegin(), order.rend());", "",
            "A block is not played backwards as well.", _MEASUREMENT),
    Mistake("experiments/worker/design.cc", "random_() % i", "random_() % (i - 1)",
            "Orders of a block are not all equally likely.", _MEASUREMENT),
    Mistake("experiments/worker/histogram.h", "max_ = std::max(max_, value);", "max_ = value;",
            "The latest time is taken for the greatest.", _OPEN_LOOP),
    Mistake("experiments/worker/histogram.h", "if (sum >= wanted)", "if (sum > wanted)",
            "A quantile is that of one operation more.", _OPEN_LOOP),
    Mistake("experiments/worker/histogram.h", "response.Record(end - intended);", "response.Record(end - start);",
            "Waiting is left out of the response.", _OPEN_LOOP),
    Mistake("experiments/worker/arrivals.cc", "before += segment.ops;", "before += 0;",
            "Arrivals of a second segment come before their time.", _OPEN_LOOP),
    Mistake("experiments/worker/arrivals.cc", "-workloads::DetLog(1.0 - rng.Unit()) * step", "2 * rng.Unit() * step",
            "Gaps are uniform, not exponential.", _OPEN_LOOP),
    # How a regime lays out its slices.
    Mistake("experiments/worker/stationary_course.cc", "if (as_filled_) return;  // Size would settle the maps", "",
            "Maps that are to be as they were filled are asked for their size.", _VISIT),
    Mistake("experiments/worker/stationary_course.cc", "static_cast<double>(placing_ns_) <=", "static_cast<double>(placing_ns_) >=",
            "Maps that are dear to place are placed for every block, and the others once.", _VISIT),
    Mistake("experiments/worker/stationary_course.cc", "if (!fresh_) PlaceAll();", "",
            "Maps are never placed anew.", _VISIT),
    Mistake("experiments/worker/stationary_course.cc", "discarded(c, Play(c));", "if (c < 0) discarded(c, Play(c));",
            "No slice is discarded before a block.", _VISIT),
    Mistake("experiments/worker/stationary_course.cc", "map.size_is_cheap ? session_.contestant(c).Size()",
            "!map.played ? session_.contestant(c).Size()", "The size is not compared after a slice.", _VISIT),
    Mistake("experiments/worker/stationary_course.cc", "if (map.size_is_cheap || !map.played) continue;", "if (map.played) continue;",
            "A size that is dear to ask for is never compared.", _VISIT),
    Mistake("experiments/worker/stationary_course.cc", "Of(c).simulator->Reset();", "",
            "A new map is held against what the one before it held.", _VISIT),
    Mistake("experiments/worker/stationary_course.cc", "std::vector<int> order = placing_.Next();",
            "std::vector<int> order = {0, 1, 2, 3, 4, 5, 6, 7};", "The first contestant is always placed first.", _VISIT),
    Mistake("experiments/worker/stationary_course.cc", "for (int c = 0; c < session_.contestants(); ++c) session_.Remove(c);", "",
            "A new map is placed beside the former ones of the others.", _VISIT),
    Mistake("experiments/worker/empty_start_course.cc", "static_cast<double>(random_() >> 11) * 0x1p-53", "0.5",
            "Fills are of one length.", _VISIT),
    Mistake("experiments/worker/empty_start_course.cc", "while (slice.time.wall < most && slice.repeats < kMaxRepeats)",
            "while (most < 0)", "A slice is one fill.", _VISIT),
    Mistake("experiments/worker/empty_start_course.cc", "session_.request().workload.regime == workloads::Regime::kReserved ||", "",
            "No room is reserved.", _VISIT),
    Mistake("experiments/worker/empty_start_course.cc", "session_.Verify(c, run.result, expected_, it.Size());",
            "session_.Verify(c, run.result, expected_, workloads::Expected::kUnknownSize);",
            "The size after a fill is not compared.", _VISIT),
    Mistake("experiments/worker/empty_start_course.cc", "if (!keep) {", "if (keep) {",
            "Maps stay beyond their fill.", _VISIT),
    Mistake("experiments/worker/empty_start_course.cc", "performed_ = {c, expected.final_size};", "",
            "A map that was filled at a rate is filled again before it is looked at.", _VISIT),
    Mistake("experiments/worker/scenario_course.cc", "sum.of += amount.of;", "sum.of = amount.of;",
            "A share is that of the last slice's base.", _VISIT),
    Mistake("experiments/worker/scenario_course.cc", "it.Fill();", "",
            "Slices of a scenario find an empty map.", _VISIT),
    Mistake("experiments/worker/scenario_course.cc", "if (!wrong.empty()) throw", "if (wrong.size() > 99) throw",
            "What a scenario finds wrong is let pass.", _VISIT),
    # Where a slice is timed and verified.
    Mistake("experiments/worker/session.cc", "MixBits(MixBits(request_.seed) + purpose)", "MixBits(request_.seed + purpose)",
            "A visit has the seeds of its neighbour, for other purposes.", _VISIT),
    Mistake("experiments/worker/session.cc", "if (const auto op = contestant(c).Unsupported()) {",
            "if (const auto op = contestant(c).Unsupported(); op && c < 0) {", "A tape is played whose operations a map lacks.", _VISIT),
    Mistake("experiments/worker/session.cc", "if (padded.error) std::rethrow_exception(padded.error);",
            "if (padded.error && results_.empty()) std::rethrow_exception(padded.error);",
            "What a thread throws is lost.", _VISIT),
    Mistake("experiments/worker/session.cc", "positions[t] = position;\n    results_[t].result = result;\n    // Where",
            "results_[t].result = result;\n    // Where", "Every window begins where the first one did.", _VISIT),
    Mistake("experiments/worker/session.cc", "rate += static_cast<double>(part.ops) /\n", "rate = static_cast<double>(part.ops) /\n",
            "The rate of a window is that of its last thread.", _VISIT),
    Mistake("experiments/worker/session.cc", "if (!it.Counted(static_cast<std::uint32_t>(t))) continue;", "",
            "Threads count that are there to disturb.", _VISIT),
    Mistake("experiments/worker/session.cc", "gap = std::max(gap, other.gap);", "gap += other.gap;",
            "Gaps of several fills are added up.", _VISIT),
    Mistake("experiments/worker/session.cc", "if (audit.mismatch != 0)", "if (audit.mismatch > 1)",
            "One value of another key is let pass at the end.", _VISIT),
    Mistake("experiments/worker/session.cc", "audit.range_sum != audit.found_sum", "audit.range_sum > audit.found_sum",
            "Range may show other values than Load.", _VISIT),
)
