# SPDX-License-Identifier: Apache-2.0
"""What rules say: the clause that states one, and the evidence that it gives, worked out by hand for a row of each kind."""

import math
import unittest

from report import claims
from report.claims import recorded
from report.claims.counted import Bytes, Violations
from report.claims.measured import Amount, Best, Control, Crosses, FasterBelow, Order, Reaches, Speed, printed
from report.claims.model import CONTRADICTED, NOT_ASKED, NOT_TESTABLE, PARTLY, SUPPORTED, UNDECIDED, Decision, Evidence
from report.claims.ranked import Ahead, Leads, TellsApart

_ROW = {"experiment": "q", "a": "x", "b": "y", "regime": "stationary", "threads": 2, "visits": 12}


def cell(**more):
    return {**_ROW, "cell": "c", "axis": None, "ratio": 1.0, "low": 0.95, "high": 1.05, "verdict": "equivalent", **more}


def value(x, **more):
    return cell(cell=None, axis=x, **more)


def cross(**more):
    return {**_ROW, "verdict": "crossover", "estimate": 0.7, "low": 0.65, "high": 0.75, "left": "a", **more}


def ranking(order, *ties, **more):
    return {"experiment": "q", "place": "c", "regime": "stationary", "threads": 2, "order": order, "not_told_apart": ties,
            **more}


def amount(low, mid, high, **more):
    return {"experiment": "q", "cell": "c", "contestant": "x", "regime": "growth", "threads": 1, "metric": "miss_share",
            "value": mid, "low": low, "high": high, **more}


CROSSES = Crosses("q", "x", "y", 0.6, 0.8, "a")
BELOW = FasterBelow("q", "x", "y")
REACHES = Reaches("q", "lvl", "x", "47 %", 0.6, 0.8)
AT = "x against y, stationary, 2 threads: "
SHOWS = Control("d", "x", "z", 3, "Nothing moves")
# (rule, conclusions, verdict, evidence)
EVIDENCE = [
    (Speed("q", "c", "x", "y", 0.9, 1.1), {"cells": [cell()]}, SUPPORTED, AT + "1.00x (0.95 to 1.05, 12 visits)."),
    (Speed("q", "c", "x", "y", 0.9, 2, threads=2, regime="stationary", loose=True, metric="p99"),
     {"cells": [cell(metric="p99", oversubscribed=True), cell(metric="p99", oversubscribed=True, threads=3, low=0.8)]},
     SUPPORTED, AT + "1.00x (0.95 to 1.05, 12 visits); x against y, stationary, 3 threads: 1.00x (0.80 to 1.05, 12 visits)."),
    (Speed("q", 1000.0, "x", "y", 0, 1.1), {"cells": [value(1000.0, threads=1, low=None)]}, UNDECIDED,
     "x against y at 1,000, stationary, 1 thread: too few visits (12)."),
    (Speed("q", 0.5, "x", "y", 1, 2, threads=4), {"cells": [value(0.5), value(0.5, threads=1)]}, NOT_TESTABLE,
     "The text has 4 threads; this run had cores for 2 at most."),
    (Speed("q", 0.5, "x", "y", 1, 2), {}, NOT_ASKED, "Question q, at 0.5, decides it, and this run has no such measurement."),
    (Speed("q", "c", "x", "y", 1, 2), {}, NOT_ASKED, "Question q, cell c, decides it, and this run has no such measurement."),
    (Speed("q", "c", "x", "y", 0.9, 1.1, control=SHOWS), {"cells": [cell(), cell(cell="d", b="z", low=3.0, high=9.0)]}, SUPPORTED,
     AT + "1.00x (0.95 to 1.05, 12 visits)."),
    (Speed("q", "c", "x", "y", 0.9, 1.1, control=SHOWS), {"cells": [cell(), cell(cell="d", b="z", high=2.9)]}, NOT_TESTABLE,
     "Nothing moves: x against z in d, 2 threads: 1.00x (0.95 to 2.90, 12 visits)."),
    (Order("q", "c", "x", "y", control=SHOWS), {"cells": [cell()]}, UNDECIDED,
     "It is not known whether the control shows: x against z in d, 2 threads: not measured."),
    (Order("q", None, "x", "y"), {}, NOT_ASKED, "Question q decides it, and this run has no such measurement."),
    (Order("q", None, "x:n={}", "y", ("slower", "equivalent"), threads=2),
     {"cells": [cell(a="x:n={}", verdict="slower", ratio=0.8, low=0.75, high=0.85), cell(a="x:n={}", threads=1)]},
     SUPPORTED, AT + "slower, 0.80x (0.75 to 0.85, 12 visits)."),
    (Order("q", "c", "x", "y"), {"cells": [cell(verdict="undecided", high=None)]}, UNDECIDED,
     AT + "undecided, too few visits (12)."),
    (Order("q", "c", "x", "y"), {"cells": [cell(a="y", b="x", verdict="slower", ratio=0.5, low=0.4, high=0.8)]}, SUPPORTED,
     AT + "faster, 2.00x (1.25 to 2.50, 12 visits)."),
    (CROSSES, {"crossovers": [cross()]}, SUPPORTED, AT + "they cross at 0.7 (0.65 to 0.75), x faster below."),
    (CROSSES, {"crossovers": [cross(estimate=None)]}, SUPPORTED, AT + "they cross at (0.65 to 0.75), x faster below."),
    (CROSSES, {"crossovers": [cross(left="b")]}, CONTRADICTED, AT + "they cross at 0.7 (0.65 to 0.75), y faster below."),
    (CROSSES, {"crossovers": [cross(verdict="several")]}, UNDECIDED, AT + "they cross more than once."),
    (CROSSES, {"crossovers": [cross(verdict="undecided")]}, UNDECIDED, AT + "undecided."),
    (CROSSES, {"crossovers": [cross(verdict="a_throughout")]}, CONTRADICTED, AT + "no crossing (a throughout)."),
    (BELOW, {"crossovers": [cross()]}, SUPPORTED, AT + "x is faster below 0.7."),
    (BELOW, {"crossovers": [cross(estimate=None)]}, SUPPORTED, AT + "x is faster below 0.65."),
    (BELOW, {"crossovers": [cross(verdict="b_throughout", left="b")]}, CONTRADICTED, AT + "y is faster throughout."),
    (BELOW, {"crossovers": [cross(verdict="equivalent", left=None)]}, CONTRADICTED, AT + "equivalent."),
    (BELOW, {"crossovers": [cross(verdict="several")]}, UNDECIDED, AT + "several."),
    (REACHES, {"thresholds": [cross(name="lvl", left="b")]}, SUPPORTED, AT + "reached at (0.65 to 0.75)."),
    (REACHES, {"thresholds": [cross(name="lvl")]}, CONTRADICTED, AT + "lost at (0.65 to 0.75)."),
    (REACHES, {"thresholds": [cross(name="lvl", verdict="a_throughout")]}, CONTRADICTED, AT + "exceeded everywhere."),
    (REACHES, {"thresholds": [cross(name="lvl", verdict="b_throughout")]}, CONTRADICTED, AT + "reached nowhere."),
    (REACHES, {"thresholds": [cross(name="lvl", verdict="equivalent")]}, CONTRADICTED,
     AT + "neither exceeded nor missed anywhere."),
    (Best("q", "x:n={}", "y", (32.0, 64.0)),
     {"cells": [value(v, a="x:n={}", ratio=r, low=r - 0.1, high=r + 0.1) for v, r in ((16.0, 1.0), (32.0, 1.2), (64.0, 1.5))]},
     SUPPORTED, AT + "64 is the best, 1.50x (1.40 to 1.60, 12 visits)."),
    (Best("q", "x:n={}", "y", (16.0,)),
     {"cells": [value(v, a="x:n={}", ratio=r, low=r - 0.1, high=r + 0.1) for v, r in ((16.0, 1.0), (32.0, 1.2))]},
     SUPPORTED, AT + "32 is the best, 1.20x (1.10 to 1.30, 12 visits)."),  # the intervals touch at 1.1
    (Best("q", "x:n={}", "y", (16.0,)), {"cells": [value(16.0, a="x:n={}")]}, UNDECIDED, AT + "too few visits."),
    (Amount("q", "c", "x", 1, math.inf, metric="miss_share"), {"quantities": [amount(200.0, 250.0, 300.0)]}, SUPPORTED,
     "x against what is claimed, growth, 1 thread: 250 (200 to 300)."),
    (Amount("q", "c", "x", 1, 2, metric="miss_share"), {"quantities": [amount(None, None, None)]}, UNDECIDED,
     "x against what is claimed, growth, 1 thread: too few visits."),
    (Leads("q", "c", "x", ("x", "y", "z")), {"rankings": [ranking(["x", "y", "z"], ["y", "z"])]}, SUPPORTED,
     "c, stationary, 2 threads: x is ahead of y, z."),
    (Leads("q", 64, "x"), {"rankings": [ranking(["x", "y", "z"], ["x", "y"], place="64")]}, UNDECIDED,
     "64, stationary, 2 threads: x is ahead of z; x is not told apart from y."),
    (Leads("q", "c", "x", ("x", "y", "z", "w", "v")),
     {"cells": [cell(b=b, verdict=v) for b, v in (("y", "faster"), ("z", "slower"), ("w", "equivalent"), ("v", "undecided"))]},
     CONTRADICTED, "c, stationary, 2 threads: x is ahead of y; x is behind z; x is equivalent to w; x is not told apart from v."),
    (Ahead("q", "c", "x", "y", threads=2), {"cells": [cell(verdict="faster"), cell(verdict="slower", threads=4)]}, PARTLY,
     "c, stationary, 2 threads: x is ahead of y; c, stationary, 4 threads: x is behind y."),
    (Ahead("q", 8, "x:n={}", "y:n={}"), {"rankings": [ranking(["x:n=8", "y:n=8"], place="8", threads=1)]}, SUPPORTED,
     "8, stationary, 1 thread: x:n={} is ahead of y:n={}."),
    (TellsApart("q", "c"), {"rankings": [ranking(["x", "y", "z"], ["x", "y", "z"])], "cells": [cell(threads=1)]}, CONTRADICTED,
     "c, stationary, 1 thread: no two maps are told apart; c, stationary, 2 threads: no two maps are told apart."),
    (TellsApart("q", 1000), {"rankings": [ranking(["x", "y", "z"], ["x", "y"], place="1,000")]}, SUPPORTED,
     "1,000, stationary, 2 threads: maps are told apart."),
]
# (rule, the clause that states it)
RULES = [
    (Speed("q", "c", "x", "y", 0.9, 1.1), "speed of x relative to y in q/c: supported when the whole interval lies between 0.9x "
     "and 1.1x, contradicted when none of it does"),
    (printed("q", "c", "x", "y", 1.1), "speed of x relative to y in q/c: supported when the whole interval lies between 1x "
     "and 1.21x, contradicted when none of it does"),
    (Speed("q", 1000, "x", "y", 0.9, math.inf, threads=2, regime="growth", loose=True, metric="miss_share"),
     "miss share of x relative to y in q/1000, from 2 threads on, in the growth regime, with more threads than cores: supported "
     "when the whole interval lies above 0.9x, contradicted when none of it does"),
    (Amount("q", None, "x", 0, 250), "speed of x in q: supported when the whole interval lies at most 250, contradicted when "
     "none of it does"),
    (Amount("q", "c", "x", -math.inf, 2.5), "speed of x in q/c: supported when the whole interval lies at most 2.5, contradicted "
     "when none of it does"),
    (Order("q", None, "x:n={}", "y", ("slower", "equivalent")), "speed of x against y in q: supported when slower or equivalent, "
     "contradicted when another word is decided"),
    (CROSSES, "speed of x and y along q: supported when they cross, x faster below, and the interval lies within the range "
     "between 0.6 and 0.8; contradicted when they cross elsewhere, the other way or not at all"),
    (Crosses("q", "x", "y", 0.6, 0.8, "b", overlap=True), "speed of x and y along q: supported when they cross, y faster below, "
     "and the interval meets the range between 0.6 and 0.8; contradicted when they cross elsewhere, the other way or not at all"),
    (BELOW, "speed of x and y along q: supported when x is faster at the left end, contradicted when the other is or neither"),
    (REACHES, "where x gains 47 % along q: supported when the interval of that place lies between 0.6 and 0.8 and the gain is "
     "smaller below; contradicted when it is disjoint, when the gain is lost there, or when it is reached nowhere or everywhere"),
    (Best("q", "x:n={}", "y", (32.0, 64.0)), "speed of x relative to y along q: supported when 32 or 64 has the greatest ratio "
     "or an interval that meets the greatest one's, contradicted when another value's whole interval lies above"),
    (Leads("q", "c", "x", ("x", "y", "z")), "the order of maps in q/c: supported when x is ahead of some of y, z and behind "
     "none, contradicted when one is ahead of it or all are equivalent to it"),
    (Leads("q", 64, "x"), "the order of maps in q/at 64: supported when x is ahead of some of all others and behind none, "
     "contradicted when one is ahead of it or all are equivalent to it"),
    (Ahead("q", "c", "x", "y", threads=2), "the order of maps in q/c, from 2 threads on: supported when x is ahead of y, "
     "contradicted when it is behind or equivalent"),
    (TellsApart("q", "c"), "the order of maps in q/c: supported when at least two are told apart, contradicted when all are "
     "equivalent"),
    (Bytes("x", "y", 1.4, 1.6), "bytes of x, settled, relative to those of y, settled, at every number of entries: supported "
     "when between 1.4 and 1.6, contradicted when not"),
    (Bytes("x", "y", 2.5, math.inf, (10, 1000), "fill_peak", "settled"), "bytes of x, at most while being filled, relative to "
     "those of y, settled, at 10, 1,000 entries: supported when above 2.5, contradicted when not"),
    (Violations("m", True, True), "violations of linearizability in recorded histories of m: supported when there are some"),
    (Violations("m", False, False), "violations of linearizability in recorded histories of m: contradicted when there are none"),
]
MEMORY = {"memory": {"strategies": {
    "x": {"footprints": [{"entries": 1000, "settled": 150, "fill_peak": 300}, {"entries": 10, "settled": 0}]},
    "y": {"footprints": [{"entries": 10, "settled": 1}, {"entries": 1000, "settled": 100}]}}}}
HISTORIES = {"linearizability": {"contestants": {"m": {"violations": 1, "histories": 1000, "map_histories": 500}},
                                 "controls": {"k": {"violations": 0, "histories": 10, "map_histories": 5}}}}
# (rule, proof, verdict, evidence)
COUNTED = [
    (Bytes("x", "y", 1.4, 1.6), MEMORY, SUPPORTED, "x, settled, has 1.50 times the bytes of y, settled, at 1,000 entries."),
    (Bytes("x", "y", 3.5, math.inf, (1000,), "fill_peak", "settled"), MEMORY, CONTRADICTED,
     "x, at most while being filled, has 3.00 times the bytes of y, settled, at 1,000 entries."),
    (Bytes("x", "y", 1, 2, (10,)), MEMORY, NOT_ASKED, "This run carries no memory profile of both maps at that size."),
    (Violations("m", True, True), HISTORIES, SUPPORTED, "1 of 1,500 recorded histories of m violate linearizability."),
    (Violations("k", False, False, control=True), HISTORIES, CONTRADICTED,
     "0 of 15 recorded histories of k violate linearizability."),
    (Violations("k", True, True), HISTORIES, NOT_ASKED, "This run carries no linearizability check of k."),
]


class Words(unittest.TestCase):

    def test_rules(self):
        for rule, clause in RULES:
            with self.subTest(rule):
                self.assertEqual(rule.rule, clause)

    def test_evidence_of_a_run(self):
        for rule, conclusions, verdict, words in EVIDENCE:
            with self.subTest(rule, conclusions=conclusions):
                found = rule.decide(Evidence(conclusions, {}, {}))
                self.assertEqual((found.verdict, found.evidence), (verdict, words))

    def test_evidence_of_campaigns(self):
        for rule, proof, verdict, words in COUNTED:
            with self.subTest(rule):
                found = rule.decide(Evidence({}, proof, {}))
                self.assertEqual((found.verdict, found.evidence), (verdict, words))

    def test_what_recorded_rules_rest_on(self):
        test, lookup = recorded.own("m_test", "Copies"), recorded.has("go-1.22", "map.go", "type Map", "misses int")
        listed = "Copies (maps/m_test.cc)", "type Map in map.go of go-1.22 has `misses int`"
        for rule, clause in ((recorded.holds("So.", test), f"supported as long as these pass: {listed[0]}"),
                             (recorded.fails("So.", test, lookup), f"contradicted as long as these hold: {', '.join(listed)}"),
                             (recorded.holds("So.", lookup), f"supported as long as these hold: {listed[1]}")):
            self.assertEqual(rule.rule, clause)
        records = {"tests": {test.key: {"outcome": "passed"}}, "lookups": {lookup.key: {"outcome": "holds"}}}
        self.assertEqual(recorded.fails("So.", test, lookup).decide(Evidence({}, {}, records)),
                         Decision(CONTRADICTED, "So. Shown by Copies (maps/m_test.cc), Map in map.go of go-1.22."))

    def test_clauses_become_sentences(self):
        self.assertEqual(claims._sentences(["a b", "c d"]), "A b. C d.")  # pylint: disable=protected-access
        for entry in claims.evaluate({}):
            self.assertRegex(entry["rule"], r"^[A-Z].*\.$")

    def test_places_are_named_once(self):
        found = Ahead("q", "c", "x", "y").decide(Evidence({"cells": [cell(verdict="faster"), cell(threads=4)]}, {}, {}))
        self.assertEqual(found.places, (("q", "stationary", 2, "", ""), ("q", "stationary", 4, "", "")))
        found = Order("q", None, "x", "y").decide(Evidence({"cells": [cell(), value(0.5)]}, {}, {}))
        self.assertEqual(found.places, (("q", "stationary", 2, "x", "y"),))


if __name__ == "__main__":
    unittest.main()
