# SPDX-License-Identifier: Apache-2.0
import math
import unittest

import numpy as np

from report.stats import aa, simulate


class AATest(unittest.TestCase):
    def test_counts_cells_beyond(self):
        rng = np.random.default_rng(3)
        quiet = list(simulate.noise(0.008, rng, 12))
        biased = [0.05 + e for e in quiet]
        found = aa.analyse([quiet, biased], 0.02)
        self.assertEqual((found.cells, found.beyond, found.visits), (2, 1, 24))
        self.assertEqual(found.share_beyond, 0.5)
        self.assertGreaterEqual(found.outside, 0.5)

    def test_spread_by_hand(self):
        # Median 3, absolute deviations 2 1 0 1 2, their median 1.
        self.assertAlmostEqual(aa.spread([1, 2, 3, 4, 5]), 1 / 0.6744897501960817)

    def test_no_data(self):
        found = aa.analyse([[], [math.nan]], 0.02)
        self.assertEqual((found.cells, found.visits), (0, 0))
        self.assertTrue(math.isnan(found.share_beyond))

    def test_own_delta_for_every_cell(self):
        self.assertEqual(aa.analyse([[0.025, 0.0251] * 6, [0.025, 0.0251] * 6], [0.02, 0.03]).beyond, 1)


if __name__ == "__main__":
    unittest.main()
