# SPDX-License-Identifier: Apache-2.0
"""What is known of a pair, and what that says."""

import math
import os
import subprocess
import sys
import time
import unittest

from experiments.orchestrator import gate, plan
from experiments.orchestrator.evidence import Evidence, Goal, Place, at_one_place, effects
from experiments.testing import support

SWEEP = {"name": "q", "kind": "sweep", "levels": [{"speedup": 2.0}],
         "axis": {"name": "share", "field": "share", "lo": 0.0, "hi": 1.0, "values": [0.0, 0.5, 1.0]}}
STEPS = {**SWEEP, "kind": "discrete", "axis": {**SWEEP["axis"], "values": [0.0, 1.0]}}
CELLS = {"name": "q", "kind": "cells", "levels": []}


def place(x=None, cell=None, threads=1, baseline="lock"):
    return Place("q", baseline, "stationary", threads, x, cell)


def goal(**fields):
    return Goal("q", "lock", "map", "stationary", **{"threads": 1, **fields})


class Known(unittest.TestCase):

    def setUp(self):
        self.evidence = Evidence()

    def test_effects_of_a_visit_are_against_the_first(self):
        lines = [{"t": "slice", "b": 0, "c": c, "n": 10, "ns": ns} for c, ns in enumerate((100, 50, 400))]
        found = effects([*lines, {"t": "end"}], 3)
        self.assertTrue(math.isnan(found[0]))
        self.assertAlmostEqual(found[1], math.log(2))
        self.assertAlmostEqual(found[2], -math.log(4))

    def test_a_goal_at_one_value_counts_that_value_only(self):
        for x, effect in ((0.0, 0.1), (1.0, 0.2), (1.0, math.nan), (1.0, 0.3)):
            self.evidence.add(place(x), "map", effect)
        here = goal(axis=1.0)
        self.assertEqual(self.evidence.spent(here), 3)
        self.assertEqual([e for e in self.evidence.cell_effects(here) if e == e], [0.2, 0.3])
        self.assertEqual(self.evidence.cell_effects(goal(axis=0.0)), [0.1])
        self.assertEqual(self.evidence.cell_effects(goal(axis=0.5)), [])

    def test_a_goal_along_the_axis_counts_every_value(self):
        for x in (0.0, 0.5, 1.0):
            self.evidence.add(place(x), "map", x)
        self.assertEqual(self.evidence.spent(goal()), 3)
        self.assertEqual(self.evidence.points(goal()), [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)])

    def test_places_and_pairs_are_kept_apart(self):
        self.evidence.add(place(cell="one"), "map", 0.5)
        for other in (place(cell="two"), place(cell="one", threads=2), place(cell="one", baseline="twin")):
            self.assertEqual(self.evidence.made(other, "map"), 0)
        self.assertEqual(self.evidence.made(place(cell="one"), "map"), 1)
        self.assertEqual(self.evidence.made(place(cell="one"), "other"), 0)
        self.assertEqual(self.evidence.spent(goal(cell="one")), 1)
        self.assertEqual(self.evidence.spent(goal(cell="one", threads=2)), 0)

    def test_a_cell_wants_its_least_number_and_no_more_than_its_cap(self):
        here = goal(cell="one")
        self.assertEqual(self.evidence.wanted_cell_visits(here, 60, False), 10)
        self.assertEqual(self.evidence.wanted_cell_visits(goal(cell="three"), 4, False), 4)
        for _ in range(10):
            self.evidence.add(place(cell="one"), "map", 0.5)
        self.assertEqual(self.evidence.wanted_cell_visits(here, 60, False), 0)
        self.assertEqual(self.evidence.wanted_cell_visits(here, 10, True), 0)
        # A visit without an accepted block is one of those that it may have.
        for effect in (0.5, math.nan, -0.5, 0.5):
            self.evidence.add(place(cell="four"), "map", effect)
        self.assertEqual(self.evidence.wanted_cell_visits(goal(cell="four"), 4, False), 0)
        self.assertEqual(self.evidence.wanted_cell_visits(goal(cell="four"), 4, True), 0)
        self.assertEqual(self.evidence.wanted_cell_visits(goal(cell="four"), 5, False), 2)
        wide = goal(cell="two")
        for i in range(10):
            self.evidence.add(place(cell="two"), "map", 0.02 + (-1)**i * 0.2)
        self.assertEqual(self.evidence.wanted_cell_visits(wide, 10, False), 0)
        self.assertEqual(self.evidence.wanted_cell_visits(wide, 60, False), 2)

    def test_left_over_time_goes_to_what_is_precise_and_undecided(self):
        here = goal(cell="one")
        for i in range(12):
            self.evidence.add(place(cell="one"), "map", 0.02 + (-1)**i * 0.002)
        self.assertEqual(self.evidence.wanted_cell_visits(here, 60, False), 0)
        self.assertEqual(self.evidence.wanted_cell_visits(here, 60, True), 2)

    def test_the_answer_of_a_cell(self):
        here = goal(cell="one")
        self.assertEqual(self.evidence.answer(here, CELLS), ("undecided", ""))
        self.evidence.add(place(cell="one"), "map", math.log(2))
        self.assertEqual(self.evidence.answer(here, CELLS), ("undecided", ""))
        self.evidence.add(place(cell="one"), "map", math.log(2))
        self.assertEqual(self.evidence.answer(here, CELLS), ("faster", "2.00x (2.00-2.00)"))
        for _ in range(3):
            self.evidence.add(place(cell="one"), "map", math.log(2))
        self.assertEqual(self.evidence.answer(here, CELLS), ("faster", "2.00x (2.00-2.00)"))

    def test_the_margin_is_that_of_the_threads(self):
        for threads, verdict in ((1, "faster"), (2, "equivalent")):
            for i in range(6):
                self.evidence.add(place(cell="one", threads=threads), "map", 0.025 + 0.0001 * (-1)**i)
            self.assertEqual(self.evidence.answer(goal(cell="one", threads=threads), CELLS)[0], verdict)

    def crossing(self, contestant="map"):
        for _ in range(4):
            for x in (0.0, 0.25, 0.5, 0.75, 1.0):
                self.evidence.add(place(x), contestant, 4 * (x - 0.5) + 0.01 * (-1)**_)

    def test_the_answer_of_a_sweep(self):
        self.assertEqual(self.evidence.answer(goal(), SWEEP), ("undecided", ""))
        self.crossing()
        verdict, words = self.evidence.answer(goal(), SWEEP)
        self.assertEqual(verdict, "crossover")
        self.assertRegex(words, r"^0\.(5|49\d|50\d) \(")
        verdict, words = self.evidence.answer(goal(level=0), SWEEP)  # 4 (x - 0.5) = ln 2 at 0.673
        self.assertEqual(verdict, "crossover")
        self.assertRegex(words, r"^0\.6[678]")

    def test_what_a_search_wants_ends_with_its_cap(self):
        self.assertEqual(len(self.evidence.wanted_points(goal(), SWEEP, 60, 1)), 9)
        self.assertEqual(len(self.evidence.wanted_points(goal(), SWEEP, 5, 1)), 5)
        self.crossing()
        self.assertEqual(self.evidence.wanted_points(goal(), SWEEP, 20, 1), [])
        self.assertTrue(all(0.3 < x < 0.7 for x in self.evidence.wanted_points(goal(), SWEEP, 60, 1)[:3]))

    def test_new_visits_change_the_answer(self):
        here = goal(cell="one")
        for _ in range(3):
            self.evidence.add(place(cell="one"), "map", 0.5)
        self.assertEqual(self.evidence.answer(here, CELLS)[0], "faster")
        for _ in range(6):
            self.evidence.add(place(cell="one"), "map", -0.5)
        self.assertNotEqual(self.evidence.answer(here, CELLS)[0], "faster")

    def test_kinds(self):
        self.assertEqual([at_one_place(q) for q in (SWEEP, STEPS, CELLS)], [False, True, True])


class Touched(unittest.TestCase):

    def test_a_visit_tells_of_the_goals_at_its_place_and_of_no_others(self):
        asked = support.narrow(only=["skew", "standard_cells", "shards"])
        profile = support.real_catalogue().profiles["default"]
        planner = plan.Planner(asked.questions, profile, support.DESCRIBED, 1, support.TWO_CORES)
        goals = [g for g, _, _ in planner.goals()]
        for here in goals[::3]:
            for x in {here.axis, 1.0} if here.cell is None else {None}:
                at = Place(here.question, here.baseline, here.regime, here.threads, x, here.cell)
                for purpose in ("screen", "cell", "zoom", "aa", "harness"):
                    visit = plan.VisitPlan(at, (here.baseline, here.contestant), purpose)
                    expected = {g for g in goals if purpose not in ("aa", "harness") and (
                        g.question == here.question and g.contestant == here.contestant and g.baseline == here.baseline
                        and g.regime == here.regime and g.threads == here.threads and g.cell == here.cell
                        and (g.axis is None or g.axis == x))}
                    self.assertEqual(set(planner.touched(visit)), expected)


class OwnTime(unittest.TestCase):

    def test_is_that_of_this_process_and_of_its_children(self):
        def spent(action):
            before, own = os.times(), gate.own_seconds()
            action()
            after = os.times()
            return gate.own_seconds() - own, sum(after[:4]) - sum(before[:4])

        def work():
            end = time.process_time() + 0.15
            while time.process_time() < end:
                pass

        busy = "import time\nwhile time.process_time() < 0.15: pass"
        for action in (work, lambda: subprocess.run([sys.executable, "-c", busy], check=True)):
            own, truly = spent(action)
            self.assertGreater(own, 0.1)
            self.assertAlmostEqual(own, truly, delta=0.02)

    def test_what_this_process_used_is_taken_off(self):
        stat = iter(["cpu 100 0 0 100", "cpu 150 0 0 150"])  # 50 of 100 ticks busy
        own = iter([1.0, 1.3])  # 30 of them ours
        found = gate.Gate(1, stat=lambda: next(stat), own=lambda: next(own), sleep=lambda s: None, ticks_per_second=100)
        self.assertAlmostEqual(found.look(), 0.2)

    def test_limits(self):
        def wait(busy, longest=1):
            ticks = [0]

            def stat():
                ticks[0] += 1
                return f"cpu {busy * ticks[0]} 0 0 {(1000 - busy) * ticks[0]}"
            return gate.Gate(longest, stat=stat, own=lambda: 0.0, sleep=lambda s: None, ticks_per_second=100).wait()

        self.assertEqual((wait(49).quiet, wait(49).waited_s, wait(49).other_cpu), (True, 0.3, 0.049))
        self.assertEqual((wait(50).quiet, wait(50).waited_s), (False, 0.9))
        self.assertEqual((wait(50, 0).quiet, wait(50, 0).waited_s, wait(49, 0).quiet), (False, 0.03, True))
        self.assertEqual(gate.parse("cpu  1 2 4 8 16 32 64 128 256 512"), (1 + 2 + 4 + 32 + 64 + 128, 255))


if __name__ == "__main__":
    unittest.main()
