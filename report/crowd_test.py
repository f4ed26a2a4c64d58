# SPDX-License-Identifier: Apache-2.0
"""Which of many maps a figure draws: families first, never more than fit, nothing left out without a word."""

import math
import pathlib
import tempfile
import unittest

from report import analyse, crowd, load, plates, render
from report.testdata import make_testdata

FAMILY = {"a": "lock", "b": "lock", "c": "peer", "d": "copy"}


class First(unittest.TestCase):

    def test_the_best_of_every_family_comes_first(self):
        scores = {"a": 0.9, "b": 0.8, "c": 0.1, "d": -1.0}
        self.assertEqual(crowd.first(scores, FAMILY, 3), ["a", "c", "d"])
        self.assertEqual(crowd.first(scores, FAMILY, 2), ["a", "c"])
        self.assertEqual(crowd.first(scores, FAMILY, 9), ["a", "b", "c", "d"])

    def test_then_strategies_then_variants(self):
        scores = {"a:x=1": 0.9, "a:x=2": 0.85, "b@batch": 0.2, "c": 0.1}
        self.assertEqual(crowd.first(scores, FAMILY, 2), ["a:x=1", "c"])
        self.assertEqual(crowd.first(scores, FAMILY, 3), ["a:x=1", "b@batch", "c"])
        self.assertEqual(crowd.first(scores, FAMILY, 4), list(scores))

    def test_what_has_no_number_comes_last(self):
        self.assertEqual(crowd.first({"a": math.nan, "c": 0.0}, FAMILY, 1), ["c"])

    def test_a_forest_fits_two_screens_or_shows_three_of_each_place(self):
        self.assertIsNone(crowd.a_cell([5] * 10))
        self.assertEqual(crowd.a_cell([50] * 4), 20)
        self.assertEqual(crowd.a_cell([50] * 60), crowd.LEAST_A_CELL)


class Crowded(unittest.TestCase):
    """The synthetic run, as if a panel held two maps and a forest ten lines."""

    def setUp(self):
        kept = crowd.MOST_CURVES, crowd.MOST_LINES
        self.addCleanup(lambda: vars(crowd).update(MOST_CURVES=kept[0], MOST_LINES=kept[1]))
        crowd.MOST_CURVES, crowd.MOST_LINES = 2, 10
        with tempfile.TemporaryDirectory() as folder:
            make_testdata.make(pathlib.Path(folder), "full")
            self.analysis = analyse.analyse(load.load(folder))
        self.looks = render.looks_of(self.analysis)

    def test_curves_that_are_left_out_are_said_to_be_and_have_panels(self):
        setting = next(s for s in self.analysis.settings if s.question["name"] == "read_share")
        plate, = plates.curve_plates(self.analysis, setting, self.looks)
        self.assertEqual(len({row["map"] for row in plate.rows}), 2)
        self.assertIn("Drawn are 2 of 4 maps", " ".join(plate.caption))
        every, = plates.multiples_plates(self.analysis, setting, self.looks)
        self.assertEqual({row["map"] for row in every.rows},
                         {"sync_map", "hash_trie_map", "sharded_map", "rw_mutex_map"})
        self.assertIn("of 4 maps", every.caption[0])

    def test_cells_that_are_left_out_are_said_to_be(self):
        question = next(q for q in self.analysis.run.questions if q["name"] == "batch_init")
        plate, = plates.cell_plates(self.analysis, question, self.looks)
        self.assertEqual(len(plate.rows), 6)
        self.assertIn("Drawn are 6 of 8 cells", " ".join(plate.caption))
        self.assertIn("snapshot_map@batch", {row["map"] for row in plate.rows})

    def test_the_page_has_the_panels(self):
        page = render.render(render.compose(self.analysis)).html
        self.assertIn('<figure id="fig-read-share-stationary-2-all"', page)


if __name__ == "__main__":
    unittest.main()
