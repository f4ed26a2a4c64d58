# SPDX-License-Identifier: Apache-2.0
"""Fits against data whose slopes are known, their intervals over many draws, and checks against what each is to find."""

import unittest

import numpy as np
from numpy.linalg import lstsq

from report.stats import regression


def draw(rng, n=60, noise=50.0, slopes=(0.9, 3.0), together=0.0):
    """(y, regressors): pauses of 1 to 3 us and 20 to 40 events; `together`: how much of the events follows the pauses."""
    pause = rng.uniform(1000, 3000, n)
    events = (1 - together) * rng.uniform(20, 40, n) + together * pause / 75
    return 500 + slopes[0] * pause + slopes[1] * events + noise * rng.standard_normal(n), {"pause": pause, "events": events}


class Fits(unittest.TestCase):

    def test_exact_data_give_exact_slopes(self):
        y, x = draw(np.random.default_rng(1), noise=0.0)
        found = regression.fit(y, x)
        self.assertAlmostEqual(found.slopes["pause"].value, 0.9)
        self.assertAlmostEqual(found.slopes["events"].value, 3.0)
        self.assertAlmostEqual(found.constant, 500, places=5)
        self.assertAlmostEqual(found.explained, 1.0)
        self.assertEqual(found.observations, 60)

    def test_it_is_least_squares(self):
        y, x = draw(np.random.default_rng(2))
        found = regression.fit(y, x)
        beta, rest, *_ = lstsq(np.column_stack([np.ones(60), x["pause"], x["events"]]), y, rcond=None)
        self.assertAlmostEqual(found.constant, beta[0], places=6)
        self.assertAlmostEqual(found.slopes["pause"].value, beta[1])
        self.assertAlmostEqual(found.slopes["events"].value, beta[2])
        self.assertAlmostEqual(found.explained, 1 - rest[0] / ((y - y.mean()) ** 2).sum())

    def test_intervals_hold_the_slope_as_often_as_they_say_with_uneven_spread_too(self):
        for uneven in (False, True):
            rng, held = np.random.default_rng(3), 0
            for _ in range(400):
                y, x = draw(rng, noise=0.0)
                y = y + rng.standard_normal(60) * (0.05 * (x["pause"] - 900) if uneven else 50)
                slope = regression.fit(y, x).slopes["pause"]
                held += slope.low <= 0.9 <= slope.high
            self.assertGreater(held, 0.92 * 400, uneven)
            self.assertLess(held, 0.99 * 400, uneven)

    def test_what_cannot_be_fitted(self):
        rng = np.random.default_rng(4)
        y, x = draw(rng)
        self.assertIsNone(regression.fit(y[:11], {k: v[:11] for k, v in x.items()}), "too few")
        self.assertIsNone(regression.fit(np.full(60, 7.0), x), "y does not vary")
        self.assertIsNone(regression.fit(y, {**x, "events": np.full(60, 30)}), "a regressor does not vary")
        self.assertIsNone(regression.fit(y, {**x, "events": 2 * x["pause"] + 1}), "regressors are one")
        self.assertIsNone(regression.fit([], {"pause": [], "events": []}))

    def test_inflation_tells_of_regressors_that_go_together(self):
        rng = np.random.default_rng(5)
        self.assertLess(regression.fit(*draw(rng)).inflation, 1.2)
        y, x = draw(rng, together=0.9)
        r = np.corrcoef(x["pause"], x["events"])[0, 1]
        self.assertAlmostEqual(regression.fit(y, x).inflation, 1 / (1 - r * r), places=6)
        self.assertEqual(regression.fit(y, {"pause": x["pause"]}).inflation, 1.0)


class Checks(unittest.TestCase):

    def share(self, check, disturb, tries=200):
        """In how many of the tries a check fails."""
        rng, failed = np.random.default_rng(6), 0
        for _ in range(tries):
            y, x = draw(rng, noise=0.0)
            failed += check in regression.fit(y + disturb(rng, x), x).doubts
        return failed / tries

    def test_each_finds_what_it_is_for(self):
        self.assertGreater(self.share("uneven", lambda rng, x: 0.05 * (x["pause"] - 900) * rng.standard_normal(60)), 0.8)
        self.assertGreater(self.share("skewed", lambda rng, x: 50 * rng.standard_exponential(60)), 0.9)

        def drift(rng, _):
            out = rng.standard_normal(60)
            for i in range(1, 60):
                out[i] += 0.7 * out[i - 1]
            return 50 * out

        self.assertGreater(self.share("correlated", drift), 0.9)

    def test_none_finds_much_in_nothing(self):
        for check in ("uneven", "correlated", "skewed"):
            self.assertLess(self.share(check, lambda rng, x: 50 * rng.standard_normal(60)), 0.09, check)


if __name__ == "__main__":
    unittest.main()
