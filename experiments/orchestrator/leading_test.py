# SPDX-License-Identifier: Apache-2.0
"""Who is in front, and whose turn it is."""

import math
import unittest
from unittest import mock

from experiments.orchestrator import leading
from experiments.orchestrator.evidence import Evidence, Goal, Place
from report.stats import rankings

QUESTION = {"name": "asked", "baselines": ["lock"], "ranked": True}
SPOT = leading.Spot("stationary", 1, "c")
PLACE = Place("asked", "lock", "stationary", 1, None, "c")
SPEED = {"lock": 0.0, "a": 0.7, "b": 0.69, "c": 0.2, "d": -1.0}  # as ln against lock


def across(team, **off):
    speed = {**SPEED, **off}
    return [[math.nan if x == y else speed[x] - speed[y] for y in team] for x in team]


class LeadingTest(unittest.TestCase):

    def setUp(self):
        self.evidence, self.leading = Evidence(), leading.Leading(QUESTION)
        self.goals = [Goal("asked", "lock", name, "stationary", 1, cell="c") for name in "abcd"]

    def visit(self, *team, **off):
        self.leading.add(self.evidence, PLACE, team, across(team, **off))

    def test_nothing_is_known(self):
        self.assertEqual(self.leading.order(SPOT), ("lock", []))
        self.assertEqual({g.baseline for g in self.leading.goals(self.goals)}, {"lock"})

    def test_the_order_after_the_screen(self):
        self.visit("lock", "a", "c")
        self.visit("lock", "b", "d")
        front, order = self.leading.order(SPOT)
        self.assertEqual((front, order), ("a", ["a", "b", "c", "lock", "d"]))
        goals = self.leading.goals(self.goals)
        self.assertEqual([(g.contestant, g.baseline) for g in goals], [(n, "a") for n in ("b", "c", "lock", "d")])
        # As many goals as before, whoever is in front.
        self.assertEqual(len(goals), len(self.goals))
        self.assertEqual(len(self.leading.goals(goals)), len(goals))

    def test_a_visit_tells_of_every_pair(self):
        self.visit("lock", "a", "c")
        for a, b, effect in (("a", "lock", 0.7), ("c", "a", -0.5), ("lock", "c", -0.2)):
            goal = Goal("asked", b, a, "stationary", 1, cell="c")
            self.assertAlmostEqual(self.evidence.cell_effects(goal)[0], effect)
            self.assertEqual(self.evidence.spent(goal), 1)

    def test_a_visit_counts_once_for_every_pair(self):
        self.visit("lock", "a", "c")
        self.visit("a", "b")
        with mock.patch.object(leading.rankings, "rank", wraps=rankings.rank) as rank:
            self.leading.order(SPOT)
        effects = rank.call_args.args[0]
        self.assertEqual({pair: [round(e, 9) for e in found] for pair, found in effects.items()},
                         {("lock", "a"): [-0.7], ("lock", "c"): [-0.2], ("a", "c"): [0.5], ("a", "b"): [0.01]})

    def test_a_visit_without_an_accepted_block_counts_as_made(self):
        self.leading.add(self.evidence, PLACE, ("lock", "a"), [[math.nan] * 2] * 2)
        self.assertEqual(self.evidence.spent(self.goals[0]), 1)
        self.assertEqual(self.leading.order(SPOT), ("lock", []))

    def test_who_was_measured_most_stays_until_another_is_clearly_faster(self):
        for _ in range(3):
            self.visit("lock", "a", "c")
        self.visit("lock", "b", "d", b=0.72)  # 2 % ahead: within twice delta
        self.assertEqual(self.leading.order(SPOT)[0], "a")
        for _ in range(3):
            self.visit("a", "b", b=0.9)
        self.assertEqual(self.leading.order(SPOT)[0], "b")

    def test_the_leading_ones_get_the_least_number_of_visits_first(self):
        self.visit("lock", "a", "c")
        self.visit("lock", "b", "d")
        served = []
        for _ in range(40):
            goals = self.leading.goals(self.goals)
            first = min(goals, key=leading.turns(goals, self.evidence))
            served.append(first.contestant)
            self.visit(first.baseline, first.contestant)
        # Ten visits each, in the order of the ranking; c and lock have met a once already.
        self.assertEqual(served[:10], ["b"] * 10)
        self.assertEqual(served[10:19], ["c"] * 9)
        self.assertEqual(served[19:28], ["lock"] * 9)
        self.assertEqual(served[28:38], ["d"] * 10)
        self.assertEqual(served[38], "b")

    def test_nobody_is_in_front_of_nothing(self):
        self.assertIsNone(rankings.leader(rankings.rank({}), 0.02))


if __name__ == "__main__":
    unittest.main()
