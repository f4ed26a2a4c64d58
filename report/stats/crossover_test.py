# SPDX-License-Identifier: Apache-2.0
import math
import time
import unittest

import numpy as np

from report.stats import crossover, simulate
from report.stats.axis import Axis

REUSE = Axis.from_entry({"kind": "sweep", "axis": {
    "name": "key reuse rate", "field": "keys.reuse", "lo": 0.0, "hi": 0.99,
    "values": [0.0, 0.165, 0.33, 0.495, 0.66, 0.825, 0.99]}})
KEYS = Axis.from_entry({"kind": "sweep", "axis": {
    "name": "keys", "field": "population", "scale": "log2", "lo": 1e3, "hi": 1e7}})
SHARDS = Axis.from_entry({"kind": "discrete", "axis": {
    "name": "shards", "field": "tunable:shards", "scale": "log2", "values": [1, 2, 4, 8, 16, 32]}})


def search(axis, effect, sd=0.01, seed=0, budget=60, delta=0.02, level=0.0):
    rng = np.random.default_rng(seed)
    visits = []
    while points := crossover.next_points(axis, visits, budget, rng, delta, level):
        visits.extend((x, effect(x) + float(simulate.noise(sd, rng))) for x in points)
    return visits


def line(x):
    return 0.3 * (x - 0.7)


class ContinuousTest(unittest.TestCase):
    def test_finds_a_crossing_with_an_interval(self):
        found = crossover.analyse(REUSE, search(REUSE, line), 0.02)
        self.assertEqual(found.verdict, crossover.CROSSOVER)
        self.assertTrue(found.low <= 0.7 <= found.high)
        self.assertLess(found.low, found.estimate)
        self.assertLess(found.estimate, found.high)
        self.assertLess(found.high - found.low, 0.04)
        self.assertTrue(found.rising)
        self.assertIn("a is faster above", found.reason)
        # The drawn curve crosses zero where the estimate says.
        at = np.interp(found.estimate, found.curve.x, found.curve.fit)
        self.assertAlmostEqual(at, 0.0, delta=0.001)
        # The band is as far below the curve as above it.
        for fit, low, high in zip(found.curve.fit, found.curve.low, found.curve.high):
            self.assertLess(low, fit)
            self.assertAlmostEqual(fit - low, high - fit, places=9)

    def test_exchanging_the_contestants_mirrors_the_answer(self):
        visits = search(REUSE, line)
        one = crossover.analyse(REUSE, visits, 0.02)
        other = crossover.analyse(REUSE, [(x, -e) for x, e in visits], 0.02)
        self.assertEqual(other.verdict, crossover.CROSSOVER)
        self.assertFalse(other.rising)
        self.assertAlmostEqual(one.estimate, other.estimate, places=6)
        self.assertAlmostEqual(one.low, other.low, places=6)

    def test_order_of_visits_does_not_matter(self):
        visits = search(REUSE, line)
        shuffled = [visits[i] for i in np.random.default_rng(9).permutation(len(visits))]
        self.assertAlmostEqual(crossover.analyse(REUSE, visits, 0.02).estimate,
                               crossover.analyse(REUSE, shuffled, 0.02).estimate, places=9)

    def test_log_axis_and_falling_curve(self):
        found = crossover.analyse(KEYS, search(KEYS, lambda x: 0.1 * math.log2(60000 / x)), 0.02)
        self.assertEqual(found.verdict, crossover.CROSSOVER)
        self.assertTrue(found.low <= 60000 <= found.high)
        self.assertFalse(found.rising)

    def test_level(self):
        level = math.log(1.47)
        effect = lambda x: level + 2.0 * (x - 0.83)
        found = crossover.analyse(REUSE, search(REUSE, effect, level=level), 0.02, level)
        self.assertEqual(found.verdict, crossover.CROSSOVER)
        self.assertTrue(found.low <= 0.83 <= found.high)
        # The curve is drawn in effects, the level included.
        self.assertAlmostEqual(np.interp(found.estimate, found.curve.x, found.curve.fit), level, delta=0.001)

    def test_throughout_ends_after_the_screen(self):
        visits = search(REUSE, lambda x: 0.5 + x)
        found = crossover.analyse(REUSE, visits, 0.02)
        self.assertEqual((found.verdict, found.strict, found.visits), (crossover.A, True, 21))
        self.assertEqual([r.word for r in found.regions], ["a"])
        found = crossover.analyse(REUSE, [(x, -e) for x, e in visits], 0.02)
        self.assertEqual((found.verdict, found.strict), (crossover.B, True))

    def test_tie_then_win_is_throughout_but_not_strict(self):
        found = crossover.analyse(REUSE, search(REUSE, lambda x: max(0.0, 0.6 * (x - 0.5))), 0.02)
        self.assertEqual((found.verdict, found.strict), (crossover.A, False))
        self.assertEqual(found.regions[0].word, "equivalent")
        self.assertEqual(found.regions[-1].word, "a")

    def test_equivalent_and_several(self):
        found = crossover.analyse(REUSE, search(REUSE, lambda x: 0.0, sd=0.008), 0.02)
        self.assertEqual(found.verdict, crossover.EQUIVALENT)
        found = crossover.analyse(REUSE, search(REUSE, lambda x: 0.2 * math.cos(2 * math.pi * x / 0.99)), 0.02)
        self.assertEqual(found.verdict, crossover.SEVERAL)
        self.assertEqual(len(found.crossings), 2)
        self.assertIsNone(found.estimate)

    def test_visits_anywhere_count(self):
        # Visits another pair asked for, around another place.
        extra = [(0.71 + 0.001 * i, line(0.71 + 0.001 * i)) for i in range(-6, 7)]
        screen = [(x, line(x) + e) for x in REUSE.values for e in (-0.01, 0.0, 0.01)]
        found = crossover.analyse(REUSE, screen + extra, 0.02)
        alone = crossover.analyse(REUSE, screen, 0.02)
        self.assertEqual(found.verdict, crossover.CROSSOVER)
        self.assertLess(found.high - found.low, alone.high - alone.low)

    def test_a_jump_is_cornered(self):
        found = crossover.analyse(REUSE, search(REUSE, lambda x: -0.1 if x < 0.4321 else 0.1), 0.02)
        self.assertEqual(found.verdict, crossover.CROSSOVER)
        self.assertTrue(found.low <= 0.4321 <= found.high)
        self.assertLess(found.high - found.low, 0.03)

    def test_a_jump_seen_only_at_the_screen_lies_anywhere_in_its_gap(self):
        screen = [(x, (-0.1 if x < 0.5 else 0.1) + e) for x in REUSE.values for e in (-0.002, 0.0, 0.002)]
        found = crossover.analyse(REUSE, screen, 0.02)
        self.assertEqual(found.verdict, crossover.CROSSOVER)
        self.assertLessEqual(found.low, 0.495 + 1e-9)
        self.assertGreaterEqual(found.high, 0.66 - 1e-9)


class EdgeTest(unittest.TestCase):
    def test_too_little_is_undecided(self):
        for visits in ([], [(0.5, math.nan)], [(0.5, None)], [(0.5, 1.0)], [(0.5, 1.0)] * 30,
                       [(0.0, 1.0), (0.99, -1.0)], [(x, 0.5) for x in REUSE.values]):
            found = crossover.analyse(REUSE, visits, 0.02)
            self.assertEqual(found.verdict, crossover.UNDECIDED, visits[:2])
            self.assertTrue(found.reason)

    def test_no_spread_at_all(self):
        visits = [(x, line(x)) for x in REUSE.values for _ in range(3)]
        found = crossover.analyse(REUSE, visits, 0.02)
        self.assertEqual(found.verdict, crossover.CROSSOVER)
        self.assertAlmostEqual(found.estimate, 0.7, delta=0.001)
        self.assertTrue(crossover.next_points(REUSE, visits, 60))
        self.assertEqual(crossover.analyse(REUSE, [(x, 0.0) for x in REUSE.values for _ in range(3)], 0.02).verdict,
                         crossover.EQUIVALENT)

    def test_nan_visits_use_budget_so_that_the_search_ends(self):
        visits, rounds = [], 0
        while points := crossover.next_points(REUSE, visits, 60, np.random.default_rng(1)):
            visits.extend((x, math.nan) for x in points)
            rounds += 1
            self.assertLess(rounds, 100)
        self.assertEqual(len(visits), 60)

    def test_partial_screen_and_one_point(self):
        visits = search(REUSE, line, budget=12)
        self.assertEqual(len(visits), 12)
        crossover.analyse(REUSE, visits, 0.02)
        ends = [(0.0, -0.3), (0.0, -0.31), (0.99, 0.3), (0.99, 0.31)] * 3
        two = crossover.analyse(REUSE, ends, 0.02)
        self.assertEqual(two.verdict, crossover.CROSSOVER)


class SearchTest(unittest.TestCase):
    def test_screens_in_whole_passes(self):
        points = crossover.next_points(REUSE, [], 60, np.random.default_rng(4))
        self.assertEqual(len(points), 21)
        for i in range(3):
            self.assertEqual(tuple(sorted(points[7 * i:7 * i + 7])), REUSE.values)
        self.assertNotEqual(points[:7], points[7:14])

    def test_resumes_the_screen_where_it_stopped(self):
        points = crossover.next_points(REUSE, [], 60, np.random.default_rng(4))
        rest = crossover.next_points(REUSE, [(x, 0.1) for x in points[:10]], 60, np.random.default_rng(4))
        self.assertEqual(sorted(points), sorted(points[:10] + rest))

    def test_same_visits_same_answer(self):
        visits = search(REUSE, line, budget=33)
        first = crossover.next_points(REUSE, visits, 60, np.random.default_rng(2))
        self.assertEqual(first, crossover.next_points(REUSE, visits, 60, np.random.default_rng(2)))
        self.assertEqual(len(first), 6)

    def test_zooms_on_both_sides(self):
        visits = search(REUSE, line, budget=21)
        points = crossover.next_points(REUSE, visits, 60, np.random.default_rng(2))
        self.assertEqual(len(set(points)), 3)
        self.assertTrue(all(0.55 < x < 0.85 for x in points))

    def test_budget_is_kept_and_points_are_on_the_axis(self):
        for seed in range(5):
            visits = search(KEYS, lambda x: 0.05 * math.log2(x / 4e6), sd=0.03, seed=seed, budget=47, delta=0.03)
            self.assertLessEqual(len(visits), 47)
            self.assertTrue(all(1e3 <= x <= 1e7 and x == round(x) for x, _ in visits))

    def test_thinking_is_quick(self):
        visits = search(REUSE, line, sd=0.02, budget=54)
        best = min(self._seconds(visits) for _ in range(5))
        self.assertLess(best, 0.05)

    @staticmethod
    def _seconds(visits):
        start = time.process_time()
        crossover.next_points(REUSE, visits, 60, np.random.default_rng(0))
        return time.process_time() - start


class DiscreteTest(unittest.TestCase):
    def test_answers_between_two_values(self):
        effects = {1: -0.3, 2: -0.2, 4: -0.15, 8: -0.1, 16: 0.1, 32: 0.2}
        visits = search(SHARDS, lambda x: effects[round(x)], budget=200)
        found = crossover.analyse(SHARDS, visits, 0.02)
        self.assertEqual((found.verdict, found.estimate), (crossover.CROSSOVER, None))
        self.assertEqual((round(found.low), round(found.high)), (8, 16))
        self.assertIn("a is faster from a value between 8 and 16 on", found.reason)
        self.assertTrue(found.rising)
        other = crossover.analyse(SHARDS, [(x, -e) for x, e in visits], 0.02)
        self.assertFalse(other.rising)
        self.assertIn("b is faster from a value between 8 and 16 on", other.reason)
        for x, fit, low, high in zip(found.curve.x, found.curve.fit, found.curve.low, found.curve.high):
            self.assertAlmostEqual(fit, effects[round(x)], delta=0.02)
            self.assertAlmostEqual(fit - low, high - fit)
            self.assertTrue(0 < fit - low < 0.02)
        self.assertEqual([(round(r.low), r.word) for r in found.regions], [(1, "b"), (2, "b"), (4, "b"), (8, "b"), (16, "a"), (32, "a")])
        self.assertEqual(len(visits), 60)

    def test_a_tie_in_the_middle_widens_the_answer(self):
        effects = {1: -0.3, 2: -0.2, 4: 0.0, 8: 0.0, 16: 0.1, 32: 0.2}
        found = crossover.analyse(SHARDS, search(SHARDS, lambda x: effects[round(x)], budget=200), 0.02)
        self.assertEqual((round(found.low), round(found.high)), (2, 16))

    def test_other_words(self):
        for effect, word in ((lambda x: 0.1 * x, crossover.A), (lambda x: -1.0, crossover.B),
                             (lambda x: 0.0, crossover.EQUIVALENT),
                             (lambda x: 0.3 if x in (1, 32) else -0.3, crossover.SEVERAL)):
            found = crossover.analyse(SHARDS, search(SHARDS, effect, sd=0.005, budget=200), 0.02)
            self.assertEqual(found.verdict, word)
        self.assertEqual(crossover.analyse(SHARDS, [(8, 0.5)], 0.02).verdict, crossover.UNDECIDED)


if __name__ == "__main__":
    unittest.main()
