# SPDX-License-Identifier: Apache-2.0
"""What the harness costs, of runs that are worked out by hand."""

import math
import unittest

from report import conclude, price, schema
from report.conclude_test import NOISE, Made
from report.testdata import record

QUESTION = {"name": "harness_price", "kind": "cells", "against": "by_hand",
            "baselines": ["map@direct", "lock@direct"], "contestants": ["map", "lock"],
            "cells": [{"name": "hit", "title": "Loads that hit"}, {"name": "found", "title": "Found"}]}
OTHER = {"name": "q", "kind": "cells", "baselines": ["lock"], "contestants": ["map"], "cells": [{"name": "one"}]}


def made(places, **meta):
    """places: {(contestant, cell): (ns by hand, ns in the study's loop)}"""
    run = Made(OTHER, QUESTION, **meta)
    run.visit("q", {"lock": 100, "map": 50}, name="one")
    for (contestant, cell), (by_hand, ours) in places.items():
        for noise in NOISE:
            run.visit("harness_price", {contestant + "@direct": by_hand, contestant: ours}, name=cell, noise=noise)
    return run


class Verdicts(unittest.TestCase):

    def verdict(self, by_hand, low, high):
        return price.Price("map", "hit", by_hand, (low + high) / 2, low, high, 10).verdict

    def test_half_a_nanosecond_or_three_percent_whichever_is_more(self):
        self.assertEqual(self.verdict(10, 0.1, 0.49), price.WITHIN)
        self.assertEqual(self.verdict(10, 0.4, 0.6), price.OPEN)
        self.assertEqual(self.verdict(10, 0.51, 0.6), price.DEARER)
        self.assertEqual(self.verdict(10, -0.6, -0.51), price.CHEAPER)
        self.assertEqual(self.verdict(100, 2.0, 2.9), price.WITHIN)
        self.assertEqual(self.verdict(100, 2.9, 3.1), price.OPEN)
        self.assertEqual(self.verdict(100, 3.1, 3.5), price.DEARER)

    def test_without_an_interval_nothing_is_decided(self):
        self.assertEqual(price.price("map", "hit", [0.0], [10.0]).verdict, price.OPEN)


class Measured(unittest.TestCase):

    def test_the_price_is_what_the_loop_takes_beyond_the_one_by_hand(self):
        run = made({("map", "hit"): (10, 12), ("lock", "hit"): (100, 100), ("lock", "found"): (40, 30)})
        found = {(p.contestant, p.cell): p for p in run.analysis().prices}
        self.assertEqual(set(found), {("map", "hit"), ("lock", "hit"), ("lock", "found")})
        hit = found["map", "hit"]
        self.assertEqual((hit.by_hand, hit.visits, hit.verdict), (10, len(NOISE), price.DEARER))
        self.assertAlmostEqual(hit.price, 2, delta=0.02)
        self.assertLess(hit.low, hit.price)
        self.assertLess(hit.price, hit.high)
        self.assertEqual(found["lock", "hit"].verdict, price.WITHIN)
        self.assertEqual(found["lock", "found"].verdict, price.CHEAPER)

    def test_nobody_is_compared_with_a_loop_by_hand(self):
        run = made({("map", "hit"): (10, 12)})
        found = conclude.conclude(run.analysis())
        self.assertEqual([(c["a"], c["b"]) for c in found["cells"]], [("map", "lock")])
        self.assertEqual({r["experiment"] for r in found["rankings"]}, {"q"})
        self.assertEqual([(r["contestant"], r["cell"], r["verdict"]) for r in found["harness_price"]],
                         [("map", "hit", "dearer")])

    def test_withheld_contestants_have_no_price(self):
        run = made({("map", "hit"): (10, 12), ("lock", "hit"): (100, 100)},
                   withheld=[{"contestant": "map@direct", "what": "wrong"}])
        self.assertEqual([p.contestant for p in run.analysis().prices], ["lock"])


class Shown(unittest.TestCase):

    def test_a_table_of_contestants_by_cells(self):
        run = made({("map", "hit"): (10, 12), ("lock", "hit"): (100, 100), ("lock", "found"): (40, 30)})
        table = price.shown(run.analysis().prices, {**QUESTION, "reasons": {"map": "because", "lock": "so", "new": "no"}}, "")
        self.assertEqual(table.cells, ["Loads that hit", "Found"])
        self.assertEqual(table.rows, [
            ("map", [("10.0", "+2.0", "dearer"), ("", "", "none")]),
            ("lock", [("100.0", "+0.0", "within"), ("40.0", "−10.0", "cheaper")])])
        self.assertEqual(table.reasons, [("map", "because"), ("lock", "so")])
        self.assertIn("Of 3 prices 1 are within 0.5 ns or 3 %, 1 above, 1 below, and of 0", table.summary)

    def test_what_is_recorded_comes_back(self):
        run = made({("map", "hit"): (10, 12), ("lock", "found"): (40, 30)})
        prices = run.analysis().prices
        file = price.record({"started": "2026-01-15T10:00:00Z", "revision": "abc", "environment": {"cpu": "a CPU"},
                             "questions": run.questions}, price.rows(prices))
        schema.check(schema.PRICE, file)
        back, same = price.recorded({"harness_price": file})
        self.assertIs(same, file)
        self.assertEqual([(p.contestant, p.cell, p.visits, p.verdict) for p in back],
                         [(p.contestant, p.cell, p.visits, p.verdict) for p in prices])
        self.assertAlmostEqual(back[0].price, prices[0].price, delta=1e-3)
        self.assertIsNone(price.recorded({}))

    def test_of_a_run_that_did_not_ask_nothing_is_recorded(self):
        with self.assertRaises(ValueError):
            price.record({"questions": [OTHER]}, [])

    def test_cells_are_recorded_with_their_titles(self):
        meta = {"questions": [{**QUESTION, "cells": [*QUESTION["cells"], {"name": "plain"}, {"name": "unseen"}]}]}
        found = price.record(meta, [{"cell": "hit"}, {"cell": "plain"}])
        self.assertEqual(found["cells"], [{"name": "hit", "title": "Loads that hit"}, {"name": "plain", "title": "plain"}])
        self.assertEqual((found["cpu"], found["recorded"]), ("unknown CPU", "not recorded"))

    def test_rows_without_an_interval_survive(self):
        one = price.rows([price.price("map", "hit", [math.log(10 / 12)], [10.0])])
        self.assertEqual((one[0]["low_ns"], one[0]["high_ns"]), (None, None))
        back, _ = price.recorded({"harness_price": {"rows": one}})
        self.assertEqual((back[0].low, back[0].high), (-math.inf, math.inf))

    def test_the_test_data_carry_a_record(self):
        self.assertIsNotNone(price.recorded(record.proof()))


if __name__ == "__main__":
    unittest.main()
