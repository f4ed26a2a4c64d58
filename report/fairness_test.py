# SPDX-License-Identifier: Apache-2.0
import types
import unittest

from report import fairness


def slice_of(c, least, most, jain, gap, **more):
    return {"b": 1, "c": c, "n": 100, "ns": 1000, "least": least, "most": most, "jain": jain, "gap": gap, **more}


def visit(slices, **more):
    fields = {"question": "q", "name": "cell", "axis": None, "regime": "stationary", "threads": 4, "purpose": "cell",
              "contestants": ["mutex_map", "sync_map"], "ok": True, "timed": True,
              "fairness": fairness.of_slices(slices)}
    return types.SimpleNamespace(**{**fields, **more})


class FairnessTest(unittest.TestCase):
    def test_medians_of_slices_then_of_visits_and_the_worst_gap(self):
        visits = [visit([slice_of(0, 0.9, 1.1, 0.99, 10), slice_of(0, 0.5, 1.6, 0.8, 500), slice_of(0, 0.8, 1.2, 0.97, 20)]),
                  visit([slice_of(0, 0.6, 1.4, 0.9, 100)]),
                  visit([slice_of(0, 0.7, 1.3, 0.95, 300)])]
        (row,) = fairness.summarise(visits)
        self.assertEqual((row.least, row.most, row.jain), (0.7, 1.3, 0.95))
        self.assertEqual(row.gap, 300)  # of 500, 100 and 300
        self.assertEqual((row.contestant, row.threads, row.visits), ("mutex_map", 4, 3))

    def test_warm_up_and_single_threads_do_not_count(self):
        self.assertEqual(fairness.summarise([visit([slice_of(0, 0.1, 2, 0.2, 9, w=1)])]), [])
        self.assertEqual(fairness.summarise([visit([slice_of(0, 0.1, 2, 0.2, 9)], threads=1)]), [])
        self.assertEqual(fairness.summarise([visit([slice_of(0, 0.1, 2, 0.2, 9)], ok=False)]), [])
        self.assertEqual(fairness.summarise([visit([{"b": 1, "c": 0, "n": 1, "ns": 1}])]), [])  # an older run

    def test_the_worst_gap_of_a_visit_and_not_of_the_control(self):
        rows = fairness.summarise([visit([slice_of(0, 1, 1, 1, 9), slice_of(1, 1, 1, 1, 10), slice_of(1, 1, 1, 1, 500)],
                                         contestants=["null", "mutex_map"])])
        self.assertEqual([(r.contestant, r.gap) for r in rows], [("mutex_map", 500)])

    def test_the_widest_place_of_each(self):
        rows = fairness.summarise([
            visit([slice_of(0, 0.9, 1.1, 0.99, 1), slice_of(1, 1, 1, 1, 1)]),
            visit([slice_of(0, 0.3, 1.9, 0.6, 1), slice_of(1, 0.9, 1.1, 0.98, 1)], name=None, axis=0.5)])
        worst = fairness.widest(rows)
        self.assertEqual([(r.contestant, r.place, r.jain) for r in worst],
                         [("mutex_map", "0.5", 0.6), ("sync_map", "0.5", 0.98)])


if __name__ == "__main__":
    unittest.main()
