# SPDX-License-Identifier: Apache-2.0
"""The statistics held against simulated truth, in short form; simulate_full has the long one. Seeds are fixed."""

import unittest

import numpy as np

from report.stats import cells, compare, crossover, simulate


class SearchStudy(unittest.TestCase):
    RUNS = 20

    def test_coverage_on_every_shape(self):
        crossing = [s for s in simulate.SHAPES if s.at is not None]
        self.assertGreaterEqual(len(crossing), 8)
        covered = found = 0
        for i, shape in enumerate(crossing):
            row = simulate.study(shape, 0.01, 0.02, self.RUNS, 100 + i)
            self.assertGreaterEqual(row.right, 0.95, row)
            self.assertGreaterEqual(row.coverage, 0.8, row)
            covered += row.coverage * row.right * self.RUNS
            found += row.right * self.RUNS
        self.assertGreaterEqual(covered / found, 0.93)

    def test_width_at_slope_0_3(self):
        shape = next(s for s in simulate.SHAPES if s.name == "line, slope 0.3")
        self.assertLessEqual(simulate.study(shape, 0.01, 0.02, 15, 7).width, 0.03)

    def test_other_words(self):
        for i, shape in enumerate(s for s in simulate.SHAPES if s.at is None):
            row = simulate.study(shape, 0.01, 0.02, self.RUNS, 300 + i)
            self.assertGreaterEqual(row.right, 0.9, row)
            self.assertEqual(row.wrong, 0.0, row)

    def test_no_false_crossover_on_equal_contestants(self):
        false = sum(simulate.study(simulate.FLAT, sd, delta, 70, 500).false_crossover * 70
                    for sd, delta in ((0.01, 0.02), (0.022, 0.03), (0.05, 0.03)))
        self.assertLessEqual(false / 210, 0.015)

    def test_repeats_do_not_contradict_one_another(self):
        # A curve whose smallest value lies near the margin: the hardest case for two runs to agree on.
        for low in (-0.03, -0.025, -0.02, -0.015, -0.01):
            shape = simulate.Shape("near the margin", lambda x, low=low: low + 0.3 * x * x, crossover.A)
            seen = {simulate.search(shape, 0.01, 0.02, np.random.default_rng([9, i])).verdict for i in range(12)}
            self.assertFalse({crossover.A, crossover.CROSSOVER} <= seen, (low, seen))
            self.assertFalse({crossover.B, crossover.EQUIVALENT, crossover.SEVERAL} & seen, (low, seen))


    def test_two_runs_of_one_study_agree(self):
        found = compare.totals(compare.compare_runs(*simulate.repeat(40, 21)))
        self.assertEqual(found["contradictory"], 0)
        self.assertGreaterEqual(found["agreement"], 0.97)
        self.assertLessEqual(found["undecided_share"], 0.2)


class CellStudy(unittest.TestCase):
    def test_equal_contestants(self):
        for threads, sd in ((1, 0.008), (1, 0.01), (2, 0.022), (2, 0.05)):
            row = simulate.study_cell(0.0, sd, threads, 400, 11)
            self.assertLessEqual(row.verdicts[cells.FASTER] + row.verdicts[cells.SLOWER], 0.01, row)
            self.assertGreaterEqual(row.coverage, 0.91, row)
            self.assertLessEqual(row.half_width, 0.02, row)

    def test_a_slowdown_of_3_percent_is_found_at_one_thread(self):
        row = simulate.study_cell(-0.03, 0.008, 1, 400, 12)
        self.assertGreaterEqual(row.verdicts[cells.SLOWER], 0.95, row)
        self.assertEqual(row.verdicts[cells.FASTER] + row.verdicts[cells.EQUIVALENT], 0.0, row)


if __name__ == "__main__":
    unittest.main()
