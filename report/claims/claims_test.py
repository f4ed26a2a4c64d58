# SPDX-License-Identifier: Apache-2.0
"""Tests of the claim rules: the arithmetic against hand-computed values, the
measured rules against conclusions made up to fall on each side."""

import math
import pathlib
import re
import unittest

from report import claims
from report.claims import arithmetic, measured, tested
from report.claims.model import CONTRADICTED, NOT_ASKED, PARTLY, SUPPORTED, UNDECIDED, Decision

ROOT = pathlib.Path(__file__).resolve().parents[2]


def level(verdict, low=None, high=None, threads=1):
    estimate = None if low is None else (low + high) / 2
    return {"experiment": "reuse_threshold", "a": "sync_map", "b": "mutex_map", "regime": "growth",
            "threads": threads, "verdict": verdict, "estimate": estimate, "low": low, "high": high,
            "claimed": 0.83, "tolerance": 0.02, "visits": 60, "left": "b"}


def cell(ratio, low, high, a="sync_map", b="rw_mutex_map", name="session_cache",
         experiment="standard_cells", threads=2):
    return {"experiment": experiment, "cell": name, "a": a, "b": b, "regime": "stationary",
            "threads": threads, "ratio": ratio, "low": low, "high": high, "visits": 12,
            "verdict": "undecided" if high is None else "slower" if high < 0.97 else "faster"}


class Arithmetic(unittest.TestCase):
    def test_conflict_probability_of_small_cases(self):
        self.assertEqual(arithmetic.conflict_probability(1, 5), 0.0)
        self.assertAlmostEqual(arithmetic.conflict_probability(2, 5), 0.2)
        self.assertAlmostEqual(arithmetic.conflict_probability(4, 5), 0.808)
        self.assertAlmostEqual(arithmetic.conflict_probability(23, 365), 0.5073, places=4)
        with self.assertRaises(ValueError):
            arithmetic.conflict_probability(6, 5)

    def test_root_inverts_the_probability_at_integers(self):
        self.assertAlmostEqual(arithmetic.conflict_root(5, 0.52), 3.0, places=9)
        self.assertAlmostEqual(arithmetic.conflict_root(5, 0.5) / 5, 0.588, places=3)

    def test_every_claim_is_decided_without_a_run(self):
        for claim in arithmetic.CLAIMS:
            decision = claim.decide()
            self.assertIn(decision.verdict, (SUPPORTED, CONTRADICTED, PARTLY), claim.id)
            self.assertNotRegex(decision.evidence, r"nan|inf\b", claim.id)

    def test_a_verdict_outside_the_vocabulary_is_refused(self):
        with self.assertRaises(ValueError):
            Decision("true", "because")


class Thresholds(unittest.TestCase):
    def decide(self, *found):
        return measured.reuse_level({"thresholds": list(found)}).verdict

    def test_inside_disjoint_straddling(self):
        self.assertEqual(self.decide(level("crossover", 0.82, 0.84)), SUPPORTED)
        self.assertEqual(self.decide(level("crossover", 0.60, 0.65)), CONTRADICTED)
        self.assertEqual(self.decide(level("crossover", 0.80, 0.84)), UNDECIDED)

    def test_a_curve_that_falls_through_the_level_does_not_support_it(self):
        self.assertEqual(self.decide({**level("crossover", 0.82, 0.84), "left": "a"}), CONTRADICTED)

    def test_never_reached_contradicts_and_open_stays_open(self):
        self.assertEqual(self.decide(level("b_throughout")), CONTRADICTED)
        self.assertEqual(self.decide(level("undecided")), UNDECIDED)

    def test_rows_are_combined(self):
        self.assertEqual(self.decide(level("crossover", 0.82, 0.84), level("b_throughout", threads=2)),
                         PARTLY)
        self.assertEqual(self.decide(level("undecided"), level("b_throughout", threads=2)),
                         CONTRADICTED)

    def test_nothing_measured(self):
        self.assertEqual(self.decide(), NOT_ASKED)


class Cells(unittest.TestCase):
    rule = staticmethod(measured.cell_ratio("standard_cells", "session_cache", "sync_map",
                                            "rw_mutex_map", 0.40, 0.47, "it"))

    def test_ratio_rule(self):
        self.assertEqual(self.rule({"cells": [cell(0.43, 0.42, 0.44)]}).verdict, SUPPORTED)
        self.assertEqual(self.rule({"cells": [cell(1.3, 1.2, 1.4)]}).verdict, CONTRADICTED)
        self.assertEqual(self.rule({"cells": [cell(0.46, 0.42, 0.50)]}).verdict, UNDECIDED)
        self.assertEqual(self.rule({"cells": [cell(1.3, 1.2, 1.4, name="hot_mix")]}).verdict,
                         NOT_ASKED)

    def test_a_cell_without_enough_visits_is_undecided(self):
        self.assertEqual(self.rule({"cells": [cell(0.43, None, None)]}).verdict, UNDECIDED)

    def test_an_open_ended_claim_is_supported_only_beyond_delta(self):
        rule = measured.cell_ratio("standard_cells", "session_cache", "sync_map", "rw_mutex_map",
                                   1.0, math.inf, "it")
        self.assertEqual(rule({"cells": [cell(1.2, 1.1, 1.3)]}).verdict, SUPPORTED)
        self.assertEqual(rule({"cells": [cell(0.9, 0.8, 0.95)]}).verdict, CONTRADICTED)


class Curves(unittest.TestCase):
    def crossing(self, experiment, verdict, low=None, high=None, left="b", b="rw_mutex_map"):
        return {"crossovers": [{"experiment": experiment, "a": "sync_map", "b": b,
                                "regime": "stationary", "threads": 2, "verdict": verdict,
                                "estimate": None if low is None else (low + high) / 2,
                                "low": low, "high": high, "left": left, "visits": 60}]}

    def test_write_share(self):
        def verdict(*args, **more):
            return measured.write_share_rule(self.crossing("read_share", *args, **more)).verdict
        self.assertEqual(verdict("crossover", 89, 91), SUPPORTED)
        self.assertEqual(verdict("crossover", 60, 64), CONTRADICTED)
        self.assertEqual(verdict("crossover", 89, 91, left="a"), CONTRADICTED)
        self.assertEqual(verdict("a_throughout"), CONTRADICTED)
        self.assertEqual(verdict("undecided"), UNDECIDED)

    def test_low_reuse(self):
        def verdict(*args, **more):
            return measured.low_reuse_costs(self.crossing("reuse_threshold", *args, **more)).verdict
        self.assertEqual(verdict("b_throughout"), SUPPORTED)
        self.assertEqual(verdict("crossover", 0.5, 0.6), SUPPORTED)
        self.assertEqual(verdict("crossover", 0.5, 0.6, left="a"), CONTRADICTED)
        self.assertEqual(verdict("equivalent"), CONTRADICTED)

    def test_key_cliff(self):
        def verdict(*args):
            return measured.key_cliff(self.crossing("key_count", *args)).verdict
        self.assertEqual(verdict("crossover", 4e5, 6e5), SUPPORTED)
        self.assertEqual(verdict("crossover", 2e3, 4e3), CONTRADICTED)
        self.assertEqual(verdict("a_throughout"), CONTRADICTED)


class Tested(unittest.TestCase):
    def test_every_named_test_exists_in_the_sources(self):
        for claim in tested.CLAIMS:
            for file, name in tested.tests_of(claim):
                source = (ROOT / file).read_text(encoding="utf-8")
                self.assertRegex(source, rf"\b{re.escape(name)}\b", f"{claim.id}: {file}")


class Ledger(unittest.TestCase):
    def test_ids_are_unique_ordered_and_well_formed(self):
        ids = [item["id"] for item in claims.evaluate({})]
        self.assertEqual(ids, sorted(set(ids)))
        for id_ in ids:
            self.assertRegex(id_, r"^00[0-4]-C\d\d$")

    def test_an_empty_run_decides_only_what_needs_no_measurement(self):
        for item in claims.evaluate({}):
            self.assertEqual(item["verdict"] == NOT_ASKED, item["kind"] == "measured", item["id"])


if __name__ == "__main__":
    unittest.main()
