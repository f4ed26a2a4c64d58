# SPDX-License-Identifier: Apache-2.0
import math
import unittest

import numpy as np

from report.stats import between, cells, simulate
from report.stats.between import Effect

# Thirteen trials of BCG vaccine against tuberculosis (Colditz et al. 1994): log relative risks and their variances.
BCG = [(-0.8893, 0.3256), (-1.5854, 0.1946), (-1.3481, 0.4154), (-1.4416, 0.0200), (-0.2175, 0.0512), (-0.7861, 0.0069),
       (-1.6209, 0.2230), (0.0120, 0.0040), (-0.4694, 0.0564), (-1.3713, 0.0730), (-0.3394, 0.0124), (0.4459, 0.5325),
       (-0.0173, 0.0714)]


def simulated(effect, sd, threads, rng):
    """One run of a cell, with its stopping rule."""
    return Effect.of_cell(simulate.cell(effect, sd, threads, rng)[0])


class EffectTest(unittest.TestCase):
    def test_error_of_a_cell(self):
        estimate = cells.estimate([0.01 * i for i in range(12)])
        effect = Effect.of_cell(estimate)
        self.assertEqual(effect.df, 9)  # of twelve visits one is trimmed at each end
        low, high = effect.interval()
        self.assertAlmostEqual(low, estimate.low)
        self.assertAlmostEqual(high, estimate.high)

    def test_without_two_visits_the_error_is_not_known(self):
        for visits in ([], [0.1]):
            effect = Effect.of_cell(cells.estimate(visits))
            self.assertEqual((effect.error, effect.df), (math.inf, 0))
            self.assertEqual(effect.interval()[1], math.inf) if visits else None

    def test_two_visits_are_enough(self):
        effect = Effect.of_cell(cells.estimate([0.1, 0.3]))
        self.assertEqual(effect.df, 1)
        self.assertAlmostEqual(effect.error, 0.1)

    def test_visits_without_spread(self):
        effect = Effect.of_cell(cells.estimate([0.1] * 10))
        self.assertEqual(effect.interval(), (effect.effect, effect.effect))


class DifferenceTest(unittest.TestCase):
    def test_welch(self):
        # Errors 3 and 4 with 9 degrees of freedom each: error 5, df 625 / (81 / 9 + 256 / 9) = 16.69.
        effect, low, high = between.difference(Effect(1, 3, 9), Effect(2, 4, 9))
        self.assertEqual(effect, 1)
        self.assertAlmostEqual(high - effect, 5 * 2.1128, delta=0.001)
        self.assertAlmostEqual(effect - low, high - effect)

    def test_what_is_not_known_decides_nothing(self):
        for other in (Effect(5, 0.01, 9), Effect(5, math.inf, 0)):
            found = between.together([Effect(0, math.inf, 0), other], 0.02)
            self.assertEqual(found.word, between.UNDECIDED)
            self.assertIsNone(found.between)

    def test_words(self):
        for x, y, word in ((0.0, 0.002, between.AGREES), (0.0, 0.1, between.DIFFERS), (0.0, -0.1, between.DIFFERS),
                           (0.0, 0.02, between.UNDECIDED)):
            found = between.together([Effect(x, 0.003, 12), Effect(y, 0.003, 12)], 0.02)
            self.assertEqual(found.word, word, (x, y))
            self.assertAlmostEqual(found.difference.effect, y - x)

    def test_intervals_that_touch_do_not_differ(self):
        # Far more than delta apart, and Welch's interval clears it, but each run allows what the other says.
        x, y = Effect(0.0, 0.05, 9), Effect(0.22, 0.05, 9)
        self.assertGreater(between.difference(x, y)[1], 0.02)
        self.assertGreater(x.interval()[1], y.interval()[0])
        self.assertEqual(between.word_of_two(x, y, 0.02), between.UNDECIDED)

    def test_the_runs_that_stand_out_are_named(self):
        effects = [Effect(e, 0.003, 12) for e in (0.0, 0.01, 0.3, 0.02)]
        found = between.together(effects, 0.02)
        self.assertEqual((found.word, found.difference.first, found.difference.second), (between.DIFFERS, 0, 2))
        self.assertAlmostEqual(found.difference.effect, 0.3)
        # Of six differences: 1 - 0.05 / 6.
        _, low, high = between.difference(effects[0], effects[2], 1 - 0.05 / 6)
        self.assertAlmostEqual(found.difference.low, low)
        self.assertAlmostEqual(found.difference.high, high)
        self.assertLess(low, between.difference(effects[0], effects[2])[1])


class BetweenRunsTest(unittest.TestCase):
    def test_published_values(self):
        """tau^2 0.3181 by Paule and Mandel, Q-profile 0.1197 to 1.1115, as R's metafor has them."""
        found = between.between_runs([Effect(y, math.sqrt(v), 99) for y, v in BCG])
        for value, expected in zip(found, (0.3181, 0.1197, 1.1115)):
            self.assertAlmostEqual(value**2, expected, delta=0.0001)

    def test_one_run_that_knows_little_changes_nothing(self):
        precise = [Effect(0.0, 0.001, 99), Effect(0.1, 0.001, 99)]
        two, _, _ = between.between_runs(precise)
        self.assertAlmostEqual(two, math.sqrt(0.1**2 / 2 - 0.001**2))
        three, low, high = between.between_runs([*precise, Effect(0.05, 1.0, 99)])
        # Its weight is next to nothing, and one more degree of freedom is asked of the same two.
        self.assertAlmostEqual(three, math.sqrt(0.1**2 / 2 / 2 - 0.001**2), delta=0.002)
        self.assertLess(low, three)
        self.assertLess(three, high)

    def test_mean_of_runs(self):
        """The weights follow from tau^2; Hartung and Knapp's interval."""
        mean, low, high = between.mean_of_runs([Effect(y, math.sqrt(v), 99) for y, v in BCG])
        weights = [1 / (v + 0.31808) for _, v in BCG]
        expected = sum(w * y for w, (y, _) in zip(weights, BCG)) / sum(weights)
        self.assertAlmostEqual(mean, expected, delta=1e-4)
        self.assertAlmostEqual(high - mean, 2.1788 / math.sqrt(sum(weights)), delta=1e-3)
        self.assertAlmostEqual(mean - low, high - mean)

    def test_runs_nearer_than_their_errors_have_no_spread(self):
        tau, low, high = between.between_runs([Effect(e, 0.01, 12) for e in (0.1, 0.1001, 0.0999)])
        self.assertEqual((tau, low), (0.0, 0.0))
        self.assertGreaterEqual(high, 0.0)

    def test_the_pooled_spread_finds_what_was_put_in(self):
        for runs, tau in ((2, 0.01), (3, 0.01), (3, 0.0)):
            rng = np.random.default_rng(runs)
            places = [[simulated(rng.normal(0, tau), 0.01, 1, rng) for _ in range(runs)] for _ in range(120)]
            found = between.spread(places)
            self.assertEqual(found.places, 120)
            self.assertLessEqual(found.low, tau + 0.0005)
            self.assertGreaterEqual(found.high, tau)
            self.assertAlmostEqual(found.between, tau, delta=0.0025)
            self.assertAlmostEqual(found.within, 0.003, delta=0.002)

    def test_nothing_to_pool(self):
        self.assertIsNone(between.spread([]))
        self.assertIsNone(between.spread([[Effect(0, 0.01, 9)], [Effect(0, math.inf, 0)] * 2]))


class FalseAlarmTest(unittest.TestCase):
    """Rates from more tries are in METHODOLOGY.md, section 9."""

    def test_equal_runs_hardly_ever_differ(self):
        for runs in (2, 3, 8):
            for threads, sd in ((1, 0.01), (2, 0.022)):
                share = simulate.study_runs(runs, threads, sd, 400 // runs, 1)
                self.assertEqual(share[between.DIFFERS], 0, (runs, threads))

    def test_equal_runs_agree(self):
        self.assertGreater(simulate.study_runs(2, 1, 0.01, 100, 1)[between.AGREES], 0.95)
        self.assertGreater(simulate.study_runs(2, 2, 0.022, 100, 1)[between.AGREES], 0.8)

    def test_a_difference_of_delta_itself_is_rarely_called(self):
        share = simulate.study_runs(2, 1, 0.01, 150, 1, shift=0.02)
        self.assertLess(share[between.DIFFERS], 0.1)
        self.assertLess(share[between.AGREES], 0.1)

    def test_differences_are_found(self):
        for runs, threads, sd, shift in ((2, 1, 0.01, 0.05), (3, 2, 0.022, 0.1), (8, 2, 0.022, -0.1)):
            share = simulate.study_runs(runs, threads, sd, 120 // runs, 1, shift)
            self.assertGreater(share[between.DIFFERS], 0.9, share)


if __name__ == "__main__":
    unittest.main()
