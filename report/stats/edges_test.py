# SPDX-License-Identifier: Apache-2.0
"""Every rule of decision on both sides of its threshold."""

import math
import random
import types
import unittest
from unittest import mock

import numpy as np

from report.stats import aa, axis, cells, crossover, curve, rankings, robust, search, thresholds, visits, words

DELTA = 0.02
EPS = 1e-9


def estimate(low, high):
    return cells.Estimate(10, (low + high) / 2, low, high, 0.01)


class CellRules(unittest.TestCase):

    def test_verdict(self):
        for low, high, word in (
                (DELTA + EPS, 1, "faster"), (DELTA, 1, "undecided"), (-1, -DELTA - EPS, "slower"),
                (-1, -DELTA, "undecided"), (-DELTA + EPS, DELTA - EPS, "equivalent"), (-DELTA, DELTA - EPS, "undecided"),
                (-DELTA + EPS, DELTA, "undecided"), (-1, 1, "undecided"), (math.nan, math.nan, "undecided"),
                (1, -1, "undecided"), (-math.inf, math.inf, "undecided")):
            with self.subTest(low=low, high=high):
                self.assertEqual(cells.verdict(estimate(low, high), DELTA), word)

    def test_margins(self):
        self.assertEqual([cells.delta_for(t) for t in (1, 2, 3, 128)], [0.02, 0.03, 0.03, 0.05])
        for delta, half in ((0.02, 0.01), (0.03, 0.02), (0.05, 0.04)):
            self.assertAlmostEqual(cells.target_half_width(delta), half, delta=EPS)

    def test_how_many_visits_a_cell_wants(self):
        wide = [0.5, -0.5] * 40
        for have, cap, wanted in ((0, 60, 10), (0, 4, 4), (9, 60, 1), (10, 60, 2), (11, 60, 1), (12, 60, 2), (59, 60, 1),
                                  (60, 60, 0), (61, 60, 0), (10, 11, 1), (11, 11, 0)):
            with self.subTest(have=have, cap=cap):
                self.assertEqual(cells.more_visits(wide[:have], DELTA, max_visits=cap), wanted)
                self.assertEqual(cells.more_visits_if_undecided(wide[:have], DELTA, max_visits=cap), wanted)

    def of_half_width(self, middle, half):
        """Ten effects whose interval is middle +- half."""
        y = np.array([-1.0, -1, -1, -1, -1, 1, 1, 1, 1, 1])
        return middle + y * half / cells.estimate(y).half_width

    def test_precise_enough(self):
        # Decided: 1 % and 2 % at more threads. Undecided: half of that.
        for middle, half, threads, wanted in (
                (0.05, 0.0099, 1, 0), (0.008, 0.0099, 1, 0), (0.008, 0.0101, 1, 2), (0.02, 0.0051, 1, 2),
                (0.02, 0.0049, 1, 0), (0.005, 0.0199, 2, 0), (0.005, 0.0201, 2, 2), (0.03, 0.0099, 2, 0),
                (0.03, 0.0101, 2, 2)):
            with self.subTest(middle=middle, half=half, threads=threads):
                self.assertEqual(cells.more_visits(self.of_half_width(middle, half), cells.delta_for(threads)), wanted)

    def test_clear_enough(self):
        # 99.5 % of t with 7 degrees of freedom is 1.706 times as wide as 95 %.
        ratio = robust.t_quantile(0.9975, 7) / robust.t_quantile(0.975, 7)
        for middle, wanted in ((DELTA + 0.05 * ratio * 1.01, 0), (DELTA + 0.05 * ratio * 0.99, 2)):
            self.assertEqual(cells.more_visits(self.of_half_width(middle, 0.05), DELTA), wanted)


class Words(unittest.TestCase):

    def word(self, *points):
        """points: (low, high), pointwise and simultaneous alike."""
        low, high = (np.array(column, float) for column in zip(*points))
        return words.choose(low, high, low, high, DELTA)

    def test_words(self):
        up, down, tie, open_ = (0.1, 0.2), (-0.2, -0.1), (-0.01, 0.01), (-0.5, 0.5)
        for points, word, strict in (
                ([up, up], "a_throughout", True), ([down, down], "b_throughout", True),
                ([tie, up], "a_throughout", False), ([down, tie], "b_throughout", False),
                ([(-DELTA + EPS, 0.1), up], "a_throughout", False), ([(-DELTA, 0.1), up], "undecided", False),
                ([(-0.1, DELTA - EPS), down], "b_throughout", False), ([(-0.1, DELTA), down], "undecided", False),
                ([(DELTA + EPS, 0.1), up], "a_throughout", True), ([(DELTA, 0.1), up], "a_throughout", False),
                ([(-0.1, -DELTA - EPS), down], "b_throughout", True), ([(-0.1, -DELTA), down], "b_throughout", False),
                ([tie, tie], "equivalent", False), ([tie, (-DELTA + EPS, DELTA - EPS)], "equivalent", False),
                ([tie, (-DELTA, 0.01)], "undecided", False), ([tie, (-0.01, DELTA)], "undecided", False),
                ([down, up], "crossover", False), ([up, down], "crossover", False),
                ([down, open_, up], "crossover", False), ([open_, down, up], "undecided", False),
                ([down, up, open_], "undecided", False), ([(-0.2, DELTA - EPS), down, up], "crossover", False),
                ([(-0.2, DELTA), down, up], "undecided", False), ([down, up, (-DELTA + EPS, 1)], "crossover", False),
                ([down, up, (-DELTA, 1)], "undecided", False), ([up, down, (-1, DELTA - EPS)], "crossover", False),
                ([up, down, (-1, DELTA)], "undecided", False), ([(-DELTA + EPS, 1), up, down], "crossover", False),
                ([(-DELTA, 1), up, down], "undecided", False),
                ([up, down, up], "several", False), ([down, up, down, up], "several", False),
                ([open_, open_], "undecided", False)):
            with self.subTest(points=points):
                self.assertEqual(self.word(*points), (word, strict))

    def test_somewhere_is_corrected_and_everywhere_is_not(self):
        narrow, wide = np.array([0.03, 0.03]), np.array([0.01, 0.01])
        high = np.array([0.1, 0.1])
        self.assertEqual(words.choose(narrow, high, wide, high, DELTA), ("undecided", False))
        self.assertEqual(words.choose(wide, high, narrow, high, DELTA), ("a_throughout", False))

    def test_confidences(self):
        self.assertAlmostEqual(words.everywhere(0.95), 0.90)
        self.assertAlmostEqual(words.everywhere(0.99), 0.98)

    def test_runs(self):
        low = np.array([0.03, 0.02, -0.5, 0.021, -0.5])
        high = np.array([0.1, 0.1, -0.021, 0.1, -0.02])
        self.assertEqual(curve.runs(low, high, DELTA), [(1, 0, 0), (-1, 2, 2), (1, 3, 3)])
        self.assertEqual(curve.runs(np.array([0.1, 0.1]), np.array([0.2, 0.2]), DELTA), [(1, 0, 1)])


class Search(unittest.TestCase):
    """Which points keep the word open, of a curve whose bounds are given."""

    def open_points(self, pointwise, simultaneous, visits=9):
        """pointwise and simultaneous: (low, high) of every point, at the stricter confidence."""
        def bounds(confidence, at_once):
            self.assertAlmostEqual(confidence, search.EARLY_CONFIDENCE if at_once else words.everywhere(search.EARLY_CONFIDENCE))
            return tuple(np.array(column, float) for column in zip(*(simultaneous if at_once else pointwise)))
        fitted = types.SimpleNamespace(bounds=bounds, visits=np.full(len(pointwise), visits))
        return search._open_points(fitted, DELTA)

    def test_open_points(self):
        up, down, tie, wide = (0.1, 0.2), (-0.2, -0.1), (-0.01, 0.01), (-0.5, 0.5)
        # A crossing closes all; a win is kept open by points that may be beyond on the other side.
        self.assertEqual(self.open_points([up, wide, down], [up, wide, down]), [])
        self.assertEqual(self.open_points([up, wide, tie], [up, wide, tie]), [1])
        self.assertEqual(self.open_points([up, (-DELTA, 0.1), (-DELTA + EPS, 0.1)], [up, wide, wide]), [1])
        self.assertEqual(self.open_points([down, (-0.1, DELTA), (-0.1, DELTA - EPS)], [down, wide, wide]), [1])
        # Pointwise beyond is no win yet: only what is so at once counts as one.
        self.assertEqual(self.open_points([up, tie], [wide, wide]), [0])
        # A win on few visits wants more there.
        self.assertEqual(self.open_points([up, tie], [up, tie], visits=2), [0])
        # Without a win, points that reach over one of the margins.
        self.assertEqual(self.open_points([tie, (-0.03, 0.01), (-0.01, 0.03), wide], [wide] * 4), [1, 2, 3])
        self.assertEqual(self.open_points([tie, tie], [wide] * 2), [])

    def test_the_step_is_one_spread_on_the_slope(self):
        def step(sd, slope, room):
            return search._step(types.SimpleNamespace(sd=sd), slope, room)
        self.assertAlmostEqual(step(0.1, 2.0, 0.5), 0.05)
        self.assertEqual(step(0.1, 0.0, 0.5), 0.5)  # without a slope, or a spread, as far as there is room
        self.assertEqual(step(math.nan, 2.0, 0.5), 0.5)
        self.assertEqual(step(0.1, -2.0, 0.5), 0.5)
        self.assertEqual(step(1e-9, 2.0, 0.5), curve.H_MIN)
        self.assertEqual(step(0.1, 2.0, 0.0), curve.H_MIN / 2)


class Brackets(unittest.TestCase):
    """Between which points a crossing lies, of a curve whose bounds or visits are given."""

    def brackets(self, *bounds):
        def at_once(confidence, simultaneous):
            self.assertEqual((confidence, simultaneous), (0.95, True))
            return tuple(np.array(column, float) for column in zip(*bounds))
        fitted = types.SimpleNamespace(bounds=at_once, points=np.arange(len(bounds)))
        return [tuple(map(float, b[:2])) + (bool(b[2]),) for b in curve._brackets(fitted, DELTA)]

    def test_between_points_beyond_delta_narrowed_by_signs(self):
        up, down, wide = (0.1, 0.2), (-0.2, -0.1), (-0.5, 0.5)
        for bounds, found in (([down, wide, up], [(0, 2, True)]), ([up, wide, wide, down], [(0, 3, False)]),
                              ([up, up], []), ([wide, up], []), ([down, up, down], [(0, 1, True), (1, 2, False)]),
                              ([down, (-0.1, -EPS), wide, (EPS, 0.1), up], [(1, 3, True)]),
                              ([down, (EPS, 0.1), (-0.1, -EPS), up], [(0, 3, True)]),  # they alternate
                              ([(-0.1, -EPS), wide, (EPS, 0.1)], [(0, 2, True)]),  # nobody beyond delta yet
                              ([(-DELTA - EPS, -EPS), (EPS, DELTA)], [(0, 1, True)])):
            with self.subTest(bounds):
                self.assertEqual(self.brackets(*bounds), found)

    def test_clusters_that_are_clearly_on_one_side_tighten_it(self):
        def crossing(*visits, sd=0.01):
            u, y = (np.array(column, float) for column in zip((0.0, -0.1), (0.0, -0.1), *visits, (1.0, 0.2), (1.0, 0.2)))
            found = curve._initial_crossing(types.SimpleNamespace(u=u, y=y, sd=sd), 0.0, 1.0, True)
            return found.left, found.right
        self.assertEqual(crossing(), (0.0, 1.0))
        self.assertEqual(crossing((0.5, 0.041), (0.5, 0.041)), (0.0, 0.5))
        self.assertEqual(crossing((0.5, 0.039), (0.5, 0.039)), (0.0, 1.0))  # four spreads, in the mean
        self.assertEqual(crossing((0.5, 0.1), (0.5, 0.019)), (0.0, 1.0))  # and two, each
        self.assertEqual(crossing((0.5, 0.1)), (0.0, 1.0))  # of two visits at least
        self.assertEqual(crossing((0.5, -0.041), (0.5, -0.041)), (0.5, 1.0))
        self.assertEqual(crossing((0.5, -0.039), (0.5, -0.039)), (0.0, 1.0))
        self.assertEqual(crossing((0.3, -0.1), (0.3, -0.1), (0.6, 0.1), (0.6, 0.1)), (0.3, 0.6))

    def test_points_of_a_curve(self):
        reuse = axis.Axis("reuse", "x", "linear", 0.0, 1.0, "", (0.0, 0.5, 1.0), False)
        for u, points in (([0.0, 0.5, 1.0], [0.0, 0.5, 1.0]), ([0.49, 0.5, 0.51], [0.5]), ([0.47, 0.5, 0.53], [0.47, 0.5, 0.53]),
                          ([0.3, 0.4], [0.3, 0.4]), ([0.2, 1.0], [0.2, 1.0])):
            self.assertEqual(list(curve._points(reuse, np.array(u))), points)


class Thresholds(unittest.TestCase):
    AXIS = axis.Axis("reuse", "x", "linear", 0.0, 1.0, "", (0.0, 0.5, 1.0), False)

    def judged(self, verdict, low=None, high=None, rising=True, strict=False, band=((), (), ())):
        x, lo, hi = band
        found = crossover.CrossoverResult(verdict, None, low, high, 20, crossover.Band(x, lo, lo, hi), "why", rising,
                                          strict)
        return thresholds._judge(self.AXIS, found, math.log(1.5), 0.8, 0.9)[0]

    def test_crossings(self):
        for low, high, rising, word in (
                (0.8, 0.9, True, "supported"), (0.79, 0.9, True, "undecided"), (0.8, 0.91, True, "undecided"),
                (0.7, 0.799, True, "contradicted"), (0.7, 0.8, True, "undecided"), (0.901, 1.0, True, "contradicted"),
                (0.9, 1.0, True, "undecided"), (0.82, 0.88, False, "contradicted")):
            with self.subTest(low=low, high=high, rising=rising):
                self.assertEqual(self.judged("crossover", low, high, rising), word)

    def test_no_crossing(self):
        level = math.log(1.5)
        for verdict, strict, word in (("a_throughout", True, "contradicted"), ("a_throughout", False, "undecided"),
                                      ("b_throughout", True, "contradicted"), ("b_throughout", False, "undecided"),
                                      ("equivalent", False, "undecided"), ("undecided", False, "undecided")):
            self.assertEqual(self.judged(verdict, strict=strict), word)
        for low, high, word in (([level + EPS] * 2, [1.0] * 2, "contradicted"), ([level] * 2, [1.0] * 2, "undecided"),
                                ([-1.0] * 2, [level - EPS] * 2, "contradicted"), ([-1.0] * 2, [level] * 2, "undecided"),
                                ([level + 0.1, level - 0.1], [1.0] * 2, "undecided"),
                                ([-1.0] * 2, [level - 0.1, level + 0.1], "undecided"),
                                ([-math.inf] * 2, [math.inf] * 2, "undecided")):
            for x, within in (((0.8, 0.9), True), ((0.81, 0.9), False), ((0.8, 0.89), False)):
                with self.subTest(low=low, high=high, x=x):
                    self.assertEqual(self.judged("undecided", band=(x, low, high)), word if within else "undecided")


class Others(unittest.TestCase):

    def test_self_comparison_beyond_its_margin(self):
        found = aa.analyse([[0.03, 0.0299, 0.0301, 0.03], [0.0, 0.001, -0.001, 0.021]], [0.02, 0.02])
        self.assertEqual((found.visits, found.cells, found.beyond, found.share_beyond), (8, 2, 1, 0.5))
        self.assertEqual(found.outside, 5 / 8)
        self.assertEqual(aa.analyse([[0.02, -0.02]], 0.02).outside, 0)
        self.assertAlmostEqual(aa.spread([0, 1, 2, 3, 10]), 1 / 0.67449, delta=1e-4)

    def test_a_shift_is_seen_from_eight_blocks_on(self):
        self.assertFalse(visits.changepoint([0.0] * 3 + [1.0] * 4))
        self.assertTrue(visits.changepoint([0.0 + i / 1e3 for i in range(7)] + [1.0 + i / 1e3 for i in range(7)]))
        self.assertFalse(visits.changepoint([(-1)**i for i in range(14)]))
        # Pettitt: a step in the middle of n has K = n^2 / 4; at 12, 2 exp(-6 * 36^2 / (12^3 + 12^2)) = 0.031.
        self.assertFalse(visits.changepoint([0.0] * 6 + [1.0] * 6))
        self.assertTrue(visits.changepoint([0.0] * 6 + [1.0] * 6, level=0.032))
        self.assertFalse(visits.changepoint([0.0] * 6 + [1.0] * 6, level=0.031))

    def test_a_visit_is_flagged_by_the_worker_or_by_its_blocks_only(self):
        def read(shift, end):
            lines = [{"t": "slice", "b": b, "c": c, "n": 10, "ns": 100 + b % 3 + c * (shift if b > 9 else 0)}
                     for b in range(20) for c in (0, 1)]
            return visits.read_visit([*lines, *end], 2)

        end = {"t": "end", "changepoint": False}
        self.assertEqual((read(0, [end]).changepoint, read(0, [end]).complete), (False, True))
        self.assertTrue(read(0, [{**end, "changepoint": True}]).changepoint)
        self.assertTrue(read(50, [end]).changepoint)
        self.assertFalse(read(0, []).complete)

    def test_ranks_of_many_visits_are_as_those_of_few(self):
        rng = random.Random(4)
        for shift in (0.0, 0.1, 0.2, 0.4):
            y = [round(rng.gauss(shift, 1), 2) for _ in range(120)]
            exact = rankings.wilcoxon(y)
            with mock.patch.object(rankings, "EXACT_VISITS", 100):
                near = rankings.wilcoxon(y)
            self.assertNotEqual(exact, near)
            self.assertAlmostEqual(exact, near, delta=0.15 * exact + 1e-6)
        self.assertLess(rankings.wilcoxon([1.0] * 5000), 1e-100)
        self.assertEqual(rankings.wilcoxon([1.0, -1.0] * 5000), 1.0)

    def test_an_axis_that_is_none(self):
        for fields, words_ in (({"lo": 1, "hi": 0}, "runs from 1.0 to 0.0"), ({"lo": 0, "hi": 1, "scale": "log2"}, "log2"),
                               ({"lo": 0, "hi": 1, "scale": "log"}, "unknown scale"), ({}, "runs from nan")):
            with self.assertRaisesRegex(ValueError, words_):
                axis.Axis.from_entry({"name": "x", **fields})
        self.assertEqual(axis.Axis.from_entry({"name": "x", "values": [3]}).hi, 4)
        self.assertEqual(axis.Axis.from_entry({"name": "x", "values": [3], "scale": "log2"}).hi, 6)

    def test_huber_fits_what_most_say(self):
        x = np.linspace(0, 1, 21)
        y = 1 + 2 * x + 0.001 * np.sin(37 * x)
        y[10] += 50
        fit = robust.huber_fit(np.column_stack([np.ones(21), x]), y, 0.001)
        self.assertAlmostEqual(fit.beta[0], 1, delta=0.002)
        self.assertAlmostEqual(fit.beta[1], 2, delta=0.003)
        self.assertEqual(fit.df, 19)

    def test_pooled_spread_by_hand(self):
        # Within groups: |1 - 2|, |5 - 8|; each of a pair, so each with weight 1: the median is (1 + 3) / 2.
        sd, df = robust.pooled_sd([0, 0, 1, 1, 2], [1, 2, 5, 8, 100])
        self.assertEqual(df, 2)
        self.assertAlmostEqual(sd, 2 / (math.sqrt(2) * 0.67449), delta=1e-4)


if __name__ == "__main__":
    unittest.main()
