# SPDX-License-Identifier: Apache-2.0
import math
import unittest

import numpy as np

from report.stats import robust


class PooledSdTest(unittest.TestCase):
    def test_by_hand(self):
        # Differences within groups: 2 (weight 1) and 4 4 8 (weight 2/3 each); half the weight of 3 is reached at 4.
        sd, df = robust.pooled_sd([0, 0, 1, 1, 1], [1, 3, 0, 4, 8])
        self.assertAlmostEqual(sd, 4 / (math.sqrt(2) * 0.6744897501960817))
        self.assertEqual(df, 3)

    def test_is_the_sd_of_normal_noise(self):
        rng = np.random.default_rng(1)
        x = np.repeat(np.arange(2000), 3)
        sd, _ = robust.pooled_sd(x, rng.standard_normal(6000) + 10 * x)
        self.assertAlmostEqual(sd, 1.0, delta=0.05)

    def test_single_visits_are_passed_over(self):
        sd, df = robust.pooled_sd([0, 1, 1, 2, 3, 3], [100, 1, 2, 50, 5, 8])
        self.assertAlmostEqual(sd, 2 / (math.sqrt(2) * 0.6744897501960817))
        self.assertEqual(df, 2)

    def test_no_repeats(self):
        sd, df = robust.pooled_sd([0, 1, 2], [1, 2, 3])
        self.assertTrue(math.isnan(sd))
        self.assertEqual(df, 0)


class HuberTest(unittest.TestCase):
    def test_without_outliers_it_is_least_squares(self):
        x = np.arange(6.0)
        y = 2 + 3 * x + np.array([0.1, -0.1, 0.05, -0.05, 0.1, -0.1])
        design = np.column_stack([np.ones(6), x])
        fit = robust.huber_fit(design, y, sd=1.0)
        np.testing.assert_allclose(fit.beta, np.linalg.lstsq(design, y, rcond=None)[0], atol=1e-9)
        self.assertEqual(fit.df, 4)

    def test_location_by_hand(self):
        # Scale 1, k = 1.345: 100 is clipped, so 4 m = 0 + 0 + 0 + 0 + 1.345 at the solution.
        fit = robust.huber_fit(np.ones((5, 1)), [0, 0, 0, 0, 100], sd=1.0)
        self.assertAlmostEqual(fit.beta[0], 1.345 / 4, places=2)
        # Huber's covariance: four residuals of 0.336 and one clipped at 1.345; 4 of 5 are inside, p / n is 1 / 5.
        clipped = 4 * 0.33625**2 + 1.345**2
        self.assertAlmostEqual(fit.covariance[0, 0], (1 + 0.2 * 0.2 / 0.8)**2 * clipped / 4 / 0.8**2 / 5, places=2)

    def test_without_a_spread_it_is_that_of_the_residuals(self):
        # Least squares: mean 3, absolute residuals 2 1 0 1 2, their median 1.
        fit = robust.huber_fit(np.ones((5, 1)), [1.0, 2.0, 3.0, 4.0, 5.0])
        self.assertAlmostEqual(fit.sd, 1 / 0.6744897501960817 * math.sqrt(5 / 4))

    def test_standard_error_of_a_mean(self):
        rng = np.random.default_rng(2)
        errors = [robust.huber_fit(np.ones((30, 1)), rng.standard_normal(30), sd=1.0) for _ in range(400)]
        actual = np.std([e.beta[0] for e in errors])
        claimed = np.mean([math.sqrt(e.covariance[0, 0]) for e in errors])
        self.assertAlmostEqual(actual / claimed, 1.0, delta=0.1)

    def test_no_degrees_of_freedom(self):
        fit = robust.huber_fit(np.eye(2), [1.0, 2.0])
        self.assertEqual(fit.df, 0)
        self.assertTrue(np.all(np.isinf(np.diag(fit.covariance))))

    def test_t_quantile(self):
        self.assertAlmostEqual(robust.t_quantile(0.975, 7), 2.364624, places=5)
        self.assertEqual(robust.t_quantile(0.975, 0), math.inf)


class SplineTest(unittest.TestCase):
    def test_rows(self):
        rows = robust.hat_rows([0.0, 1.0, 3.0], [0.0, 0.25, 2.0, 3.0, 9.0, -1.0])
        np.testing.assert_allclose(rows, [[1, 0, 0], [0.75, 0.25, 0], [0, 0.5, 0.5], [0, 0, 1], [0, 0, 1], [1, 0, 0]])

    def test_single_knot(self):
        np.testing.assert_allclose(robust.hat_rows([0.5], [0.1, 0.9]), [[1], [1]])


if __name__ == "__main__":
    unittest.main()
