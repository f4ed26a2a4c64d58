# SPDX-License-Identifier: Apache-2.0
import math
import unittest

import numpy as np

from report.stats import cells


class EstimateTest(unittest.TestCase):
    def test_worked_example(self):
        # g = 1: trimmed mean of 4..11 = 60 / 8. Winsorised 4 4 5 6 7 8 9 10 11 11, squares about 7.5 sum to 66.5;
        # SD = sqrt(66.5 / 9); standard error = SD / (0.8 sqrt(10)); t(0.975, 7 df) = 2.364624.
        found = cells.estimate([100, 2, 4, 5, 6, 7, 8, 9, 10, 11])
        self.assertAlmostEqual(found.effect, 7.5)
        self.assertAlmostEqual(found.sd, math.sqrt(66.5 / 9))
        self.assertAlmostEqual(found.half_width, 2.364624 * math.sqrt(66.5 / 9) / (0.8 * math.sqrt(10)), places=5)
        self.assertAlmostEqual(found.low + found.high, 15)

    def test_without_trimming_it_is_students_interval(self):
        # Mean 3, SD sqrt(2.5), t(0.975, 4 df) = 2.776445.
        found = cells.estimate([1, 2, 3, 4, 5])
        self.assertAlmostEqual(found.half_width, 2.776445 * math.sqrt(2.5) / math.sqrt(5), places=5)

    def test_edges(self):
        none, one = cells.estimate([]), cells.estimate([0.5])
        self.assertEqual((none.visits, one.visits, one.effect), (0, 1, 0.5))
        for found in (none, one):
            self.assertEqual(found.half_width, math.inf)
            self.assertEqual(cells.verdict(found, 0.02), cells.UNDECIDED)
        equal = cells.estimate([0.1] * 12)
        self.assertAlmostEqual(equal.low, 0.1)
        self.assertAlmostEqual(equal.half_width, 0.0)
        self.assertEqual(cells.verdict(equal, 0.02), cells.FASTER)

    def test_visits_without_an_effect_do_not_count(self):
        self.assertEqual(cells.estimate([0.1, math.nan, 0.2, None, 0.3]), cells.estimate([0.1, 0.2, 0.3]))

    def test_ratio(self):
        self.assertAlmostEqual(cells.estimate([math.log(1.5)] * 3).ratio, 1.5)


class VerdictTest(unittest.TestCase):
    def test_words(self):
        for low, high, word in ((0.021, 0.5, cells.FASTER), (-0.5, -0.021, cells.SLOWER),
                                (-0.019, 0.019, cells.EQUIVALENT),
                                (0.019, 0.5, cells.UNDECIDED), (-0.021, 0.0, cells.UNDECIDED), (-1, 1, cells.UNDECIDED),
                                (0.001, 0.019, cells.EQUIVALENT), (math.nan, math.nan, cells.UNDECIDED)):
            found = cells.Estimate(10, 0.0, low, high, 0.01)
            self.assertEqual(cells.verdict(found, 0.02), word, (low, high))


class RuleTest(unittest.TestCase):
    def test_delta_follows_the_threads(self):
        self.assertEqual([cells.delta_for(n) for n in (1, 2, 3, 4, 6, 8, 16, 128, 256)],
                         [0.02, 0.03, 0.03, 0.04, 0.04, 0.05, 0.05, 0.05, 0.05])

    def test_the_half_width_follows_delta(self):
        self.assertEqual([round(cells.target_half_width(cells.delta_for(n)), 9) for n in (1, 2, 4, 64)],
                         [0.01, 0.02, 0.03, 0.04])


class StoppingTest(unittest.TestCase):
    def test_ten_visits_at_least(self):
        self.assertEqual(cells.more_visits([], 0.02), 10)
        self.assertEqual(cells.more_visits([1.0] * 4, 0.02), 6)

    def test_precise_is_done_when_decided(self):
        effects = [0.03 + 0.009 * (-1) ** i for i in range(10)]
        self.assertEqual(cells.verdict(cells.estimate(effects), 0.02), cells.FASTER)
        self.assertEqual(cells.verdict(cells.estimate(effects, cells.EARLY_CONFIDENCE), 0.02), cells.UNDECIDED)
        self.assertEqual(cells.more_visits(effects, 0.02), 0)

    def test_undecided_is_done_when_twice_as_precise(self):
        effects = [0.02 + 0.009 * (-1) ** i for i in range(10)]
        self.assertLess(cells.estimate(effects).half_width, cells.target_half_width(0.02))
        self.assertEqual(cells.more_visits(effects, 0.02), 2)
        narrow = [0.02 + 0.001 * (-1) ** i for i in range(10)]
        self.assertEqual(cells.verdict(cells.estimate(narrow), 0.02), cells.UNDECIDED)
        self.assertEqual(cells.more_visits(narrow, 0.02), 0)
        self.assertEqual(cells.more_visits_if_undecided(narrow, 0.02), 2)

    def test_wide_goes_on_two_at_a_time_to_the_cap(self):
        wide = [0.05 * (-1) ** i for i in range(60)]
        self.assertEqual(cells.more_visits(wide[:10], 0.02), 2)
        self.assertEqual(cells.more_visits(wide[:11], 0.02), 1)
        self.assertEqual(cells.more_visits(wide[:59], 0.02), 1)
        self.assertEqual(cells.more_visits(wide, 0.02), 0)
        self.assertEqual(cells.more_visits(wide[:4], 0.02, max_visits=6), 2)

    def test_far_from_delta_is_done_though_wide(self):
        far = [1.0 + 0.1 * (-1) ** i for i in range(10)]
        self.assertGreater(cells.estimate(far).half_width, cells.target_half_width(0.03))
        self.assertEqual(cells.more_visits(far, 0.03), 0)

    def test_order_of_stopping_uses_finite_visits_only(self):
        self.assertEqual(cells.more_visits([math.nan] * 20, 0.02), 10)


class RobustnessTest(unittest.TestCase):
    def test_an_outlier_moves_the_estimate_little(self):
        rng = np.random.default_rng(5)
        y = list(0.01 * rng.standard_normal(20))
        before, after = cells.estimate(y), cells.estimate(y[:-1] + [5.0])
        self.assertLess(abs(before.effect - after.effect), 0.01)
        self.assertLess(after.half_width, 3 * before.half_width)


if __name__ == "__main__":
    unittest.main()
