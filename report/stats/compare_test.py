# SPDX-License-Identifier: Apache-2.0
import contextlib
import io
import json
import pathlib
import tempfile
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

    def test_totals_of_nothing(self):
        self.assertIsNone(compare.totals([])["agreement"])


class CommandTest(unittest.TestCase):
    def run_on(self, first, second):
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for i, content in enumerate((first, second)):
                path = pathlib.Path(folder, f"{i}.json")
                if content is not None:
                    path.write_text(content if isinstance(content, str) else json.dumps(content))
                paths.append(str(path))
            out, err = io.StringIO(), io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                status = compare.main(paths)
            return status, out.getvalue(), err.getvalue()

    def test_agreeing_runs(self):
        run = {"schema": 1, "cells": [entry("faster")], "claims": [{"id": "000-C01", "verdict": "untested"}]}
        status, out, _ = self.run_on(run, run)
        self.assertEqual(status, 0)
        self.assertIn("1 agree, 0 differ, 0 contradictory, 1 undecided", out)
        self.assertIn("agreement among decided 100.0 %", out)

    def test_contradiction_fails_and_comes_first(self):
        status, out, _ = self.run_on({"schema": 1, "cells": [entry("undecided", threads=2), entry("faster")]},
                                     {"schema": 1, "cells": [entry("undecided", threads=2), entry("slower")]})
        self.assertEqual(status, 1)
        self.assertTrue(out.startswith("contradictory"))

    def test_takes_the_directory_of_a_run(self):
        with tempfile.TemporaryDirectory() as folder:
            report = pathlib.Path(folder, "report")
            report.mkdir()
            (report / "verdicts.json").write_text(json.dumps({"schema": 1, "cells": [entry("faster")]}))
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                self.assertEqual(compare.main([folder, folder]), 0)
            self.assertIn("1 agree", out.getvalue())

    def test_bad_input(self):
        for first, second, text in ((None, {}, "cannot read"), ("{", {}, "not JSON"), ("[]", {}, "no object"),
                                    ({"schema": 1}, {"schema": 2}, "different schemas")):
            status, _, err = self.run_on(first, second)
            self.assertEqual(status, 2)
            self.assertIn(text, err)
            self.assertEqual(err.count("\n"), 1)


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
