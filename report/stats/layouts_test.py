# SPDX-License-Identifier: Apache-2.0
import dataclasses
import math
import unittest

import numpy as np

from report.stats import cells, layouts, simulate

NAMES = [1, 2, 3, 4]


def made(rng, count, between, within, visits=12, shared=0.0):
    """Cells whose layouts have effects of known spread; shared: the part of its variance that all cells share."""
    common = rng.normal(0, 1, len(NAMES))
    out = []
    for c in range(count):
        own = rng.normal(0, 1, len(NAMES))
        effect = between * (math.sqrt(shared) * common + math.sqrt(1 - shared) * own)
        which = np.arange(visits) % len(NAMES)
        y = 0.3 + effect[which] + simulate.noise(within, rng, visits)
        out.append(layouts.Cell("a against b", str(c), (c,), tuple(range(visits)), tuple(int(i) + 1 for i in which), tuple(y)))
    return out


class Known(unittest.TestCase):
    def spreads(self, times, *args, **kwargs):
        return [layouts.spread(made(np.random.default_rng(seed), *args, **kwargs), NAMES, seed)
                for seed in range(times)]

    def test_a_known_spread_is_found(self):
        found = self.spreads(30, 40, 0.01, 0.01)
        self.assertAlmostEqual(np.mean([s.between for s in found]), 0.01, delta=0.0012)
        self.assertAlmostEqual(np.mean([s.within for s in found]), 0.01, delta=0.0012)
        self.assertTrue(all(s.seen for s in found))

    def test_visits_alone_are_not_taken_for_layouts(self):
        found = self.spreads(100, 20, 0.0, 0.01)
        self.assertLess(np.mean([s.seen for s in found]), 0.09)
        self.assertLess(np.median([s.between for s in found]), 0.002)
        self.assertEqual({s.low for s in found}, {0.0})

    def test_the_interval_covers_also_when_all_cells_repeat_one_another(self):
        for shared in (0.0, 1.0):
            found = self.spreads(60, 20, 0.01, 0.01, shared=shared)
            self.assertGreater(np.mean([s.low <= 0.01 <= s.high for s in found]), 0.9)

    def test_cells_that_repeat_one_another_do_not_sharpen_chance(self):
        """Two pairs of the same visits are one piece of evidence: their layouts are dealt out together."""
        alone, twice = [], []
        for seed in range(20):
            one, = made(np.random.default_rng(seed), 1, 0.0, 0.01)
            alone.append(layouts.spread([one], NAMES, seed).chance)
            twice.append(layouts.spread([one, one], NAMES, seed).chance)
        self.assertEqual(alone, twice)


    def test_one_wild_visit_does_not_hide_the_layouts(self):
        tame = made(np.random.default_rng(2), 9, 0.01, 0.004)
        wild = [*tame[:-1], dataclasses.replace(tame[-1], effects=(2.0, 1.5, *tame[-1].effects[2:]))]
        expected, found = layouts.spread(tame, NAMES), layouts.spread(wild, NAMES)
        self.assertTrue(expected.seen and found.seen)
        self.assertLess(found.within, 2 * expected.within)

    def test_visits_that_are_all_equal_but_in_one_cell(self):
        flat = layouts.Cell("", "", (), tuple(range(8)), (1, 2, 3, 4) * 2, (0.1,) * 8)
        found = layouts.spread([flat, flat, *made(np.random.default_rng(1), 1, 0.0, 0.01)], NAMES)
        self.assertTrue(math.isfinite(found.within))


class ByHand(unittest.TestCase):
    def cell(self, effects, names=(1, 2) * 4):
        return layouts.Cell("", "", (), tuple(range(len(effects))), tuple(names), tuple(effects))

    def test_mean_squares(self):
        # Layouts 1 and 2 at means 0 and 4, each visit 1 away: mean squares 32 and 8/6, four visits a layout.
        found = layouts.spread([self.cell([-1, 3, 1, 5, -1, 3, 1, 5])], [1, 2])
        self.assertAlmostEqual(found.within, math.sqrt(8 / 6))
        self.assertAlmostEqual(found.between, math.sqrt((32 - 8 / 6) / 4))
        self.assertEqual((found.cells, found.layouts), (1, 2))

    def test_means(self):
        by_layout, error = layouts.means(self.cell([-1, 3, 1, 5, -1, 3, 1, 5]))
        self.assertEqual(by_layout, {1: -2, 2: 2})
        self.assertAlmostEqual(error, math.sqrt(8 / 6 / 4))

    def test_pseudo_values_have_the_error_of_the_trimmed_mean(self):
        y = np.random.default_rng(4).standard_t(3, 20)
        expected = cells.estimate(y)
        error = np.std(layouts.pseudo_values(y), ddof=1) / math.sqrt(20)
        self.assertAlmostEqual(expected.sd / (0.8 * math.sqrt(20)), error)

    def test_cells_with_too_few_visits_stay_out(self):
        few = self.cell([1, 2, 3, 4, 5, 6, 7], (1, 2, 1, 2, 1, 2, 3))
        self.assertFalse(layouts.enough(few, [1, 2, 3]))
        found = layouts.spread([few], [1, 2, 3])
        self.assertEqual(found.cells, 0)
        self.assertTrue(math.isnan(found.between))
        self.assertFalse(found.seen)

    def test_one_layout_says_nothing(self):
        self.assertFalse(layouts.enough(self.cell([1] * 8, [1] * 8), [1]))

    def test_effects_that_are_all_equal(self):
        found = layouts.spread([self.cell([0.5] * 8)], [1, 2])
        self.assertEqual((found.within, found.between, found.chance), (0, 0, 0))


if __name__ == "__main__":
    unittest.main()
