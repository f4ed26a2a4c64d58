# SPDX-License-Identifier: Apache-2.0
import math
import unittest

import numpy as np

from report.stats import rankings


class HolmTest(unittest.TestCase):
    def test_worked_example(self):
        # Sorted .005 .01 .03 .04 times 4 3 2 1: .02 .03 .06 .04, made monotone: .02 .03 .06 .06.
        np.testing.assert_allclose(rankings.holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])

    def test_capped_at_one_and_nan_kept(self):
        adjusted = rankings.holm([0.9, math.nan, 0.8])
        self.assertTrue(math.isnan(adjusted[1]))
        np.testing.assert_allclose(adjusted[[0, 2]], [1.0, 1.0])


class WilcoxonTest(unittest.TestCase):
    def test_by_hand(self):
        self.assertAlmostEqual(rankings.wilcoxon([1, 2, 3, 4, 5]), 2 / 32)
        # Negative rank sum 1: of 64 sign patterns two reach it (0 and 1).
        self.assertAlmostEqual(rankings.wilcoxon([-1, 2, 3, 4, 5, 6]), 4 / 64)
        # Positive rank sum 7 of 10: of 16 patterns five reach it (3 4, 1 2 4, 1 3 4, 2 3 4, all).
        self.assertAlmostEqual(rankings.wilcoxon([1, 2, -3, 4]), 10 / 16)
        # Ties: ranks 1.5 1.5 3; positive sum 4.5 of 6; P(W >= 4.5) = 3 / 8.
        self.assertAlmostEqual(rankings.wilcoxon([-1, 1, 2]), 6 / 8)

    def test_edges(self):
        self.assertTrue(math.isnan(rankings.wilcoxon([1.0])))
        self.assertTrue(math.isnan(rankings.wilcoxon([math.nan, math.nan, 1.0])))
        self.assertEqual(rankings.wilcoxon([0.0, 0.0]), 1.0)
        self.assertLess(rankings.wilcoxon(np.arange(1, 61)), 1e-15)


class RankTest(unittest.TestCase):
    def test_order_scores_and_groups(self):
        spread = [0.001 * (i - 5) for i in range(12)]
        effects = {("quick", "slow"): [0.5 + e for e in spread], ("alike", "slow"): [0.5 + e for e in reversed(spread)],
                   ("quick", "alike"): [e - 0.0005 for e in spread]}
        found = rankings.rank(effects)
        self.assertEqual(found.order[2], "slow")
        self.assertEqual([set(g) for g in found.groups], [{"quick", "alike"}])
        self.assertAlmostEqual(found.score["quick"] - found.score["slow"], 0.5, places=2)
        self.assertAlmostEqual(sum(found.score.values()), 0.0)

    def test_pairs_that_never_met_are_ranked_through_the_baseline(self):
        effects = {("x", "base"): [0.2] * 10, ("base", "y"): [0.3] * 10}
        found = rankings.rank(effects)
        self.assertEqual(found.order, ("x", "base", "y"))
        self.assertAlmostEqual(found.score["x"] - found.score["y"], 0.5)
        self.assertEqual(found.groups, ())

    def test_both_directions_are_one_pair(self):
        found = rankings.rank({("a", "b"): [0.1, 0.2], ("b", "a"): [-0.3]})
        self.assertEqual(len(found.pairs), 1)
        self.assertEqual(found.pairs[0].visits, 3)
        self.assertAlmostEqual(found.pairs[0].effect, 0.2)

    def test_nothing_to_rank(self):
        self.assertEqual(rankings.rank({}).order, ())
        self.assertEqual(rankings.rank({("a", "b"): [math.nan]}).order, ())
        one = rankings.rank({("a", "b"): [0.1]})
        self.assertEqual(one.order, ("a", "b"))
        self.assertEqual(one.groups, (("a", "b"),))


if __name__ == "__main__":
    unittest.main()
