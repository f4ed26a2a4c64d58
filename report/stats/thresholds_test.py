# SPDX-License-Identifier: Apache-2.0
import math
import unittest

from report.stats import thresholds
from report.stats.axis import Axis

AXIS = Axis.from_entry({"kind": "sweep", "axis": {
    "name": "key reuse rate", "field": "keys.reuse", "lo": 0.0, "hi": 0.99,
    "values": [0.0, 0.165, 0.33, 0.495, 0.66, 0.825, 0.99]}})
LEVEL = math.log(1.47)


def judge(effect, around=0.83):
    """Three visits at every screened point and twelve around a place, 0.4 % apart: as after a search."""
    places = list(AXIS.values) * 3 + [around + d for d in (-0.01, 0.0, 0.01)] * 4
    visits = [(x, effect(x) + 0.004 * (i % 3 - 1)) for i, x in enumerate(places)]
    return thresholds.analyse_threshold(AXIS, visits, 0.02, 1.47, 0.83, 0.02)


class ThresholdTest(unittest.TestCase):
    def test_supported(self):
        found = judge(lambda x: LEVEL + 2 * (x - 0.832))
        self.assertEqual(found.verdict, thresholds.SUPPORTED, found.reason)
        self.assertIn("47 %", found.reason)
        self.assertTrue(0.81 <= found.crossing.low <= found.crossing.high <= 0.85)

    def test_contradicted_by_another_place(self):
        found = judge(lambda x: LEVEL + 2 * (x - 0.6), around=0.6)
        self.assertEqual(found.verdict, thresholds.CONTRADICTED, found.reason)

    def test_undecided_when_the_interval_straddles_the_edge(self):
        found = judge(lambda x: LEVEL + 2 * (x - 0.85), around=0.85)
        self.assertEqual(found.verdict, thresholds.UNDECIDED, found.reason)

    def test_contradicted_when_the_gain_is_reached_nowhere_or_everywhere(self):
        self.assertEqual(judge(lambda x: 0.1).verdict, thresholds.CONTRADICTED)
        self.assertEqual(judge(lambda x: 1.0).verdict, thresholds.CONTRADICTED)

    def test_contradicted_when_the_gain_is_lost_there(self):
        found = judge(lambda x: LEVEL - 2 * (x - 0.83))
        self.assertEqual(found.verdict, thresholds.CONTRADICTED)
        self.assertIn("lost", found.reason)

    def test_contradicted_locally_when_the_whole_range_is_unclear(self):
        # Touches the level at the right end only: no word for the range, yet clearly not at 83 %.
        found = judge(lambda x: LEVEL - 0.5 * (0.99 - x))
        self.assertEqual(found.verdict, thresholds.CONTRADICTED, found.reason)

    def test_undecided_without_visits(self):
        found = thresholds.analyse_threshold(AXIS, [], 0.02, 1.47, 0.83, 0.02)
        self.assertEqual(found.verdict, thresholds.UNDECIDED)
        self.assertIsNone(found.crossing.estimate)

    def test_undecided_when_the_claimed_place_was_not_tested(self):
        visits = [(x, 0.1 + 0.001 * i) for x in (0.0, 0.165) for i in range(3)]
        found = thresholds.analyse_threshold(AXIS, visits[:3], 0.02, 1.47, 0.83, 0.02)
        self.assertEqual(found.verdict, thresholds.UNDECIDED)


if __name__ == "__main__":
    unittest.main()
