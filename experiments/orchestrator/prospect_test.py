# SPDX-License-Identifier: Apache-2.0
"""What time can decide at best, and how long a visit may take, worked out by hand."""

import types
import unittest

from experiments.orchestrator import prospect, session
from experiments.orchestrator.evidence import Goal
from experiments.testing import support

SETTINGS = {"seconds": 0.5, "warmup_seconds": 0.1, "cell_visits": 60}  # a visit: 0.6 s, 0.3 of the gate, 0.3 to start
CELLS = {"name": "q", "kind": "cells", "regimes": ["stationary"], "aa_visits": 6,
         "cells": [{"name": "one", "workload": {"population": 1_000_000}}, {"name": "two", "workload": {"ops": 9}}]}
SWEEP = {"name": "s", "kind": "sweep", "axis": {"values": [1, 2, 3, 4]}}


def planner(at_once, *questions):
    """questions: (question, goals as (cell, contestant))."""
    goals = [(Goal(q["name"], "base", name, "stationary", 1, cell=cell), "", "") for q, asked in questions for cell, name in asked]
    return types.SimpleNamespace(questions={q["name"]: q for q, _ in questions}, goals=lambda: goals,
                                 goal_count=lambda: len(goals), rivals_at_once=lambda threads: at_once)


class Sentence(unittest.TestCase):

    def said(self, seconds, at_once=3, settings=SETTINGS):
        asked = (CELLS, [(cell, name) for cell in ("one", "two") for name in "abc"]), (SWEEP, [(None, "a")])
        return prospect.sentence(planner(at_once, *asked), settings, seconds)

    def test_what_cannot_be_decided(self):
        # Each cell wants ten visits for its three rivals together, the sweep three of each of four values.
        self.assertEqual(self.said(12.5), "this time allows about 10 visits, which can decide at most 3 of 7 verdicts; all of them "
                         "want about 38 s of measuring at least (--budget)")
        self.assertIn("at most 0 of 7 verdicts", self.said(11.9))
        self.assertIn("about 1 visit, which", self.said(1.3))
        self.assertIn("about 0 visits, which", self.said(1.1))
        self.assertIn("about 20 visits, which can decide at most 6 of 7", self.said(24.1))
        self.assertEqual(self.said(32 * 1.2 + 0.01), "")

    def test_rivals_that_do_not_fit_one_visit_want_another(self):
        self.assertIn("about 20 visits, which can decide at most 3 of 7 verdicts; all of them want about 1:02",
                      self.said(24.1, at_once=2))

    def test_no_cell_wants_more_visits_than_it_may_have(self):
        self.assertIn("about 4 visits, which can decide at most 3 of 7",
                      self.said(4.9, settings={**SETTINGS, "cell_visits": 4}))


class Ranked(unittest.TestCase):

    def said(self, seconds, cells=("one",), **more):
        q = {**CELLS, "ranked": True, **more}
        return prospect.ranked(planner(3, (q, [(cell, name) for cell in cells for name in "abcde"])), SETTINGS, seconds, None)

    def test_what_the_screen_takes_and_how_far_it_goes(self):
        # A visit fills four maps of a million keys, 0.4 us each: 2.8 s in all. The screen: two visits for five rivals, and six
        # of a map against itself. Then three rivals are decided in nine more.
        self.assertEqual(self.said(280.1), ["q: 6 maps at 1 place: the screen takes about 8 visits (22 s); this time, about 100 "
                                            "visits, can decide at most 5 of 5 verdicts against the one in front, the leading ones first"])
        self.assertEqual(self.said(2.8 * 17.1), ["q: 6 maps at 1 place: the screen takes about 8 visits (22 s); this time, about 17 "
                                                 "visits, can decide at most 3 of 5 verdicts against the one in front, the leading ones "
                                                 "first (--budget)"])
        self.assertIn("about 16 visits, can decide at most 0 of 5", self.said(2.8 * 16.9)[0])
        self.assertIn("about 0 visits, can decide at most 0 of 5", self.said(1)[0])

    def test_maps_that_start_empty_are_not_filled_beforehand(self):
        self.assertIn("about 8 visits (10 s); this time, about 10 visits", self.said(12.1, regimes=["growth"])[0])

    def test_places_share_the_time(self):
        self.assertIn("6 maps at 2 places: the screen takes about 10 visits (28 s)", self.said(280.1, cells=("one", "two"))[0])
        self.assertIn("about 28 visits, can decide at most 6 of 10", self.said(2.8 * 28.1, cells=("one", "two"))[0])


class Sentences(unittest.TestCase):

    def said(self, answer, **fields):
        question = {"name": "q", "axis": {"name": "share"}, "levels": [{"speedup": 1.47}]}
        stub = types.SimpleNamespace(planner=types.SimpleNamespace(
            questions={"q": question}, evidence=types.SimpleNamespace(answer=lambda goal, q: answer)))
        return session.Session.sentence(stub, Goal("q", "base", "map", **{"regime": "stationary", "threads": 1, **fields}))

    def test_a_goal_and_its_verdict(self):
        self.assertEqual(self.said(("a_throughout", ""), cell="one"), "q (one, 1 thread): map against base: a throughout")
        self.assertEqual(self.said(("faster", "2.00x"), regime="growth", threads=2, axis=0.5),
                         "q (share 0.5, growth, 2 threads): map against base: faster 2.00x")
        self.assertEqual(self.said(("undecided", ""), level=0, metric="longest_store"),
                         "q (1 thread, level 1.47x, longest store): map against base: undecided")


class Limits(unittest.TestCase):

    def limit(self, workload=(), **more):
        return session.timeout({"contestants": ["a", "b"], "slice_ms": 10, "seconds": 1.0, "warmup_seconds": 0.5, "timed": True,
                                "workload": dict(workload), **more})

    def test_a_visit_hangs_after_several_times_what_it_should_take(self):
        self.assertAlmostEqual(self.limit(), 15 + 6 * 1.5)  # blocks: 6 * 3 * 2 * 10 ms, less than a second
        self.assertAlmostEqual(self.limit(slice_ms=100), 15 + 6 * (0.5 + 3.6))
        self.assertAlmostEqual(self.limit({"population": 1_000_000}), 15 + 6 * (1.5 + 8))
        self.assertAlmostEqual(self.limit({"population": 1_000_000, "start": "as_filled"}), 15 + 6 * (1.5 + 64))
        self.assertEqual(self.limit(timed=False), 120)

    def test_arrivals_last(self):
        def lasts(asked, threads=1, ops=0):
            return session.arrivals_s({"arrivals": asked, "contestants": ["a", "b", "null"], "threads": threads,
                                       "workload": {"ops": ops}})
        self.assertEqual(lasts(None), 0)
        self.assertAlmostEqual(lasts({"course": "rungs", "loads": [0.1, 0.5], "least_ms": 50, "most_ms": 150}), 0.5 + 9 * 0.15)
        self.assertAlmostEqual(lasts({"course": "shapes", "ms": 500}), 0.5 + 12 * 0.75)
        self.assertAlmostEqual(lasts({"course": "fill", "rate": 1e6}, ops=2_000_000), 0.5 + 9)
        self.assertAlmostEqual(lasts({"course": "fill", "rate": 1e6}, threads=4, ops=2_000_000), 0.5 + 18)

    def test_rules_are_those_of_the_threads(self):
        settings = {**SETTINGS, "slice_ms": {"doublings": [10, 20, 30], "oversubscribed": 200}, "screen_visits": 2, "pair_visits": 60,
                    "level_visits": 90, "gate_wait_s": 3}
        found = session.rules(settings, [1, 2, 4], support.TWO_CORES)
        self.assertEqual(found["delta"], {"1": 0.02, "2": 0.03, "4": 0.04})
        self.assertEqual(found["half_width"], {"1": 0.01, "2": 0.02, "4": 0.03})
        self.assertEqual(found["slice_ms"], {"1": 10, "2": 20, "4": 200})
        self.assertEqual(found["contestants_per_visit"], {"1": 4, "2": 4, "4": 2})
        self.assertEqual((found["min_visits"], found["max_visits"], found["pair_visits"], found["level_visits"]), (10, 60, 60, 90))


class Filling(unittest.TestCase):
    """What a map costs before and after it is measured."""

    def test_text_and_dear_memory_take_longer_to_fill(self):
        million = {"population": 1_000_000}
        self.assertAlmostEqual(prospect.fill_s(million, None), 0.4)
        # 96 bytes an entry, 2 * 250 ns a page of 4 KiB.
        self.assertAlmostEqual(prospect.fill_s(million, {"bytes": 4096, "touch_ns": 250}), 0.4 + 0.01171875)
        texts = {**million, "key_type": "string", "key_bytes": 32, "value_type": "string", "value_bytes": 256}
        self.assertAlmostEqual(prospect.fill_s(texts, {"bytes": 4096, "touch_ns": 14_000}), 0.4 + 2.625)


if __name__ == "__main__":
    unittest.main()
