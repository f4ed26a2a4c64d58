# SPDX-License-Identifier: Apache-2.0
import unittest

from report.stats import compare


def entry(verdict, **more):
    return {"experiment": "reuse", "a": "x", "b": "y", "threads": 1, "verdict": verdict, **more}


class OutcomeTest(unittest.TestCase):
    def test_words(self):
        for v, w, outcome in (("faster", "faster", compare.AGREE), ("faster", "slower", compare.CONTRADICTORY),
                              ("equivalent", "faster", compare.DIFFER), ("undecided", "faster", compare.UNDECIDED),
                              ("a_throughout", "b_throughout", compare.CONTRADICTORY),
                              ("crossover", "a_throughout", compare.CONTRADICTORY),
                              ("several", "crossover", compare.DIFFER), ("equivalent", "equivalent", compare.AGREE),
                              ("supported", "contradicted", compare.CONTRADICTORY)):
            self.assertEqual(compare.outcome_of(entry(v), entry(w)), outcome, (v, w))
            self.assertEqual(compare.outcome_of(entry(w), entry(v)), outcome, (w, v))

    def test_crossovers(self):
        here = entry("crossover", low=0.80, high=0.84, left="b")
        for low, high, left, outcome in ((0.83, 0.87, "b", compare.AGREE), (0.85, 0.89, "b", compare.DIFFER),
                                           (0.90, 0.94, "b", compare.CONTRADICTORY),
                                           (0.80, 0.84, "a", compare.CONTRADICTORY),
                                           (None, None, None, compare.AGREE)):
            self.assertEqual(compare.outcome_of(here, entry("crossover", low=low, high=high, left=left)), outcome)


class CompareTest(unittest.TestCase):
    def test_matches_by_identity_not_by_order(self):
        first = {"schema": 1, "cells": [entry("faster"), entry("slower", threads=2), entry("faster", threads=4)]}
        second = {"schema": 1, "cells": [entry("slower", threads=2), entry("faster"), entry("undecided", threads=8)]}
        rows = compare.compare_runs(first, second)
        self.assertEqual([r.outcome for r in rows],
                         [compare.AGREE, compare.AGREE, compare.ONE_SIDED, compare.ONE_SIDED])
        found = compare.totals(rows)
        self.assertEqual((found["agreement"], found["undecided_share"]), (1.0, 0.0))

    def test_entries_that_name_the_same_are_numbered(self):
        first = {"cells": [entry("faster"), entry("slower"), entry("faster")]}
        second = {"cells": [entry("faster"), entry("faster"), entry("faster")]}
        rows = compare.compare_runs(first, second)
        self.assertEqual([r.outcome for r in rows], [compare.AGREE, compare.CONTRADICTORY, compare.AGREE])
        self.assertEqual([dict(r.identity).get("number") for r in rows], [None, "(2)", "(3)"])

    def test_totals_of_nothing(self):
        self.assertIsNone(compare.totals([])["agreement"])


class SeveralTest(unittest.TestCase):
    def outcome(self, *verdicts):
        return compare.outcome_of_all([None if v is None else entry(v) for v in verdicts])

    def test_the_gravest_holds(self):
        for verdicts, outcome in ((("faster", "faster", "faster"), compare.AGREE),
                                  (("faster", "equivalent", "faster"), compare.DIFFER),
                                  (("faster", "equivalent", "slower"), compare.CONTRADICTORY),
                                  (("faster", "undecided", "slower"), compare.CONTRADICTORY),
                                  (("faster", "undecided", "faster"), compare.UNDECIDED),
                                  (("faster", None, "faster"), compare.AGREE),
                                  ((None, "faster", None), compare.ONE_SIDED)):
            self.assertEqual(self.outcome(*verdicts), outcome, verdicts)

    def test_entries_stand_at_their_runs(self):
        runs = [{"cells": [entry("faster", threads=n)]} for n in (1, 2, 1)]
        rows = compare.compare_runs(*runs)
        self.assertEqual([[e and e["threads"] for e in r.entries] for r in rows], [[1, None, 1], [None, 2, None]])


class Claims(unittest.TestCase):
    def test_only_what_a_run_decides_is_compared(self):
        def run(*entries):
            return {"schema": 1, "claims": [{"id": i, "verdict": v, "decided_by": d} for i, v, d in entries]}
        first = run(("000-C01", "supported", ["measured"]), ("000-C26", "supported", ["arithmetic"]),
                    ("000-C31", "undecided", []), ("000-C52", "out of scope", []))
        second = run(("000-C01", "contradicted", ["measured"]), ("000-C26", "supported", ["arithmetic"]),
                     ("000-C31", "not asked in this run", []), ("000-C52", "out of scope", []))
        rows = compare.compare_runs(first, second)
        self.assertEqual([(row.what, row.outcome) for row in rows],
                         [("000-C01", compare.CONTRADICTORY), ("000-C31", compare.ONE_SIDED)])


if __name__ == "__main__":
    unittest.main()
