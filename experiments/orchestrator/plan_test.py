# SPDX-License-Identifier: Apache-2.0
"""The plan: screening first, time where verdicts are open, nobody lost to one bad contestant."""

import math
import random
import unittest
from collections import Counter

from experiments.orchestrator import catalogue, plan
from experiments.testing import fake_worker, machines, support


class Simulation:
    """Feeds a planner visits with known effects, without processes."""

    def __init__(self, planner, sd=0.01, seed=1):
        self.planner, self.sd = planner, sd
        self.rng = random.Random(seed)
        self.visits = []

    def effects(self, planned):
        place = planned.place
        q = self.planner.questions[place.question]
        workload = catalogue.resolve(q, place.axis, place.cell, place.regime)
        request = {"workload": workload}
        true = [fake_worker.true_effect(catalogue.fill(c, q, place.axis), request) for c in planned.contestants]
        return [e - true[0] + self.sd * self.rng.gauss(0, 1) for e in true]

    def run(self, limit=10_000, fate=lambda planned: "ok"):
        for _ in range(limit):
            planned = self.planner.next()
            if planned is None:
                return True
            self.visits.append(planned)
            status = fate(planned)
            self.planner.record(planned, status, self.effects(planned), "what", (len(planned.contestants) - 1,))
        return False


def planner(profile="default", seed=1, machine=support.TWO_CORES, layouts=4, **kwargs):
    asked = support.narrow(profile, machine=machine, **kwargs)
    return plan.Planner(asked.questions, support.real_catalogue().profiles[profile], support.DESCRIBED, seed, machine,
                        layouts)


class Screening(unittest.TestCase):

    def test_every_place_is_seen_once_before_any_is_seen_twice(self):
        simulation = Simulation(planner())
        while simulation.planner.screening_left():
            simulation.run(1)
        places = [(p.place, p.contestants) for p in simulation.visits if p.purpose in ("screen", "cell")]
        first = places[:len(set(places))]
        self.assertEqual(len(set(first)), len(first))
        # Visits with arrivals are long, and one of them screens.
        for (place, contestants), count in Counter(places).items():
            self.assertEqual(count, 1 if "null" in contestants else 3, place)
        self.assertNotIn("zoom", {p.purpose for p in simulation.visits})

    def test_questions_come_in_turn(self):
        simulation = Simulation(planner())
        # The first place of each takes as many visits as it takes to seat its contestants.
        rivals = [len(simulation.planner._rivals(q, b)) for q in simulation.planner.questions.values()
                  for b in q["baselines"][:1]]
        simulation.run(sum(-(-n // 3) for n in rivals))
        self.assertEqual({p.place.question for p in simulation.visits}, set(simulation.planner.questions))

    def test_noise_and_harness_are_measured(self):
        simulation = Simulation(planner())
        while simulation.planner.screening_left():
            simulation.run(1)
        aa = [p for p in simulation.visits if p.purpose == "aa"]
        for name, q in simulation.planner.questions.items():
            self.assertEqual(sum(p.place.question == name for p in aa), q["aa_visits"])
        self.assertTrue(all(p.contestants[0] == p.contestants[1] for p in aa))
        self.assertEqual({p.contestants[1] for p in simulation.visits if p.purpose == "harness"}, {"null"})

    def test_smoke_is_one_visit_a_place(self):
        simulation = Simulation(planner("smoke"))
        self.assertTrue(simulation.run())
        # Nothing twice but the pair of the A/A check; a visit takes about a second.
        visits = Counter((p.place, p.purpose) for p in simulation.visits)
        self.assertEqual(max(visits.values()), 1, visits.most_common(1))
        self.assertLessEqual(len(simulation.visits), len({p.place for p in simulation.visits}) + 2)
        self.assertLess(len(simulation.visits), 1.5 * len(simulation.planner.questions))
        self.assertEqual({p.place.question for p in simulation.visits}, set(simulation.planner.questions))

    def test_single_threaded_maps_stay_out_of_two_thread_visits(self):
        simulation = Simulation(planner("full"))
        simulation.run(600)
        two = [p for p in simulation.visits if p.place.threads > 1]
        self.assertFalse(any("unsynchronised_map" in p.contestants for p in two))
        one = [p for p in simulation.visits if p.place.threads == 1]
        self.assertTrue(any("unsynchronised_map" in p.contestants for p in one))

    def test_a_map_that_cannot_write_takes_part_where_nobody_writes(self):
        described = {**support.DESCRIBED, "sync_map": {**support.DESCRIBED["sync_map"], "unsupported": ["store"],
                                                       "unsupported_reason": "simulated"}}
        asked = support.narrow("full", only=["peers"], strategies=["sync_map", "hash_trie_map"], described=described)
        self.assertFalse([s for s in asked.skipped if s["contestant"] == "sync_map"])
        simulation = Simulation(plan.Planner(asked.questions, support.real_catalogue().profiles["full"], described, 1,
                                             support.TWO_CORES))
        while simulation.planner.screening_left():
            simulation.run(1)
        seen = {p.place.cell for p in simulation.visits if "sync_map" in p.contestants}
        self.assertEqual(seen, {f"keys_{n}_writes_0" for n in ("1k", "10k", "100k", "1m", "4m")})
        self.assertEqual({g.cell for g in simulation.planner._goals["peers"] if g.contestant == "sync_map"}, seen)
        absences = plan.absences(asked.questions, described)
        self.assertEqual([(a["contestant"], a["where"], a["why"]) for a in absences],
                         [("sync_map", "in 10 of 15 cells", "it does not support store: simulated")])

    def test_a_cell_has_only_whom_it_names_and_only_its_regimes(self):
        simulation = Simulation(planner("full", only=["memory_order", "go_shapes"]))
        while simulation.planner.screening_left():
            simulation.run(1)
        self.assertEqual({g.regime for g, _, _ in simulation.planner.goals() if g.cell == "load_or_store_unique"}, {"growth"})
        for p in simulation.visits:
            self.assertEqual(p.place.regime == "growth", p.place.cell in catalogue.cells_in(
                simulation.planner.questions["go_shapes"], "growth"))
            if p.place.cell == "snapshot_reads":
                self.assertTrue(all(c.startswith("snapshot_map") for c in p.contestants), p)
            elif p.place.question == "memory_order" and p.purpose != "harness":
                self.assertTrue(all(c.startswith("sync_map") for c in p.contestants), p)

    def test_teams_shrink_as_slices_grow(self):
        sizes = {}
        simulation = Simulation(planner("full", machine=machines.machine("cores16"), only=["threads", "peers"]))
        for _ in range(1500):
            simulation.run(1)
        for p in simulation.visits:
            sizes[p.place.threads] = max(sizes.get(p.place.threads, 0), len(p.contestants))
        self.assertEqual(sizes, {1: 4, 2: 4, 4: 4, 8: 3, 16: 3, 32: 3, 64: 2})


class Refinement(unittest.TestCase):

    def test_known_answers_are_found_and_the_plan_ends(self):
        simulation = Simulation(planner())
        self.assertTrue(simulation.run(3000))
        by_goal = {(g.question, g.contestant, g.threads, g.level): (verdict, words)
                   for g, verdict, words in simulation.planner.goals() if g.question == "reuse_threshold"}
        for threads in (1, 2):
            for level, truth in ((None, fake_worker.CROSSOVER), (0, fake_worker.LEVEL_AT)):
                verdict, words = by_goal["reuse_threshold", "sync_map", threads, level]
                self.assertEqual(verdict, "crossover")
                self.assertAlmostEqual(float(words.split(" %")[0]) / 100, truth, delta=0.02)
            self.assertEqual(by_goal["reuse_threshold", "hash_trie_map", threads, None][0], "b_throughout")

    def test_time_goes_where_verdicts_are_open(self):
        simulation = Simulation(planner(only=["reuse_threshold"]))
        simulation.run(3000)
        zooms = Counter(c for p in simulation.visits if p.purpose == "zoom" for c in p.contestants[1:])
        # The one that crosses needs the search; the others' orders are clear from the screen.
        self.assertGreater(zooms["sync_map"], 2 * zooms["hash_trie_map"])

    def test_refinement_is_shared_in_proportion_to_goals(self):
        simulation = Simulation(planner(), sd=0.2)  # so noisy that nothing is ever decided
        simulation.run(500)  # and so few visits that no cap is reached
        refined = Counter(p.place.question for p in simulation.visits if p.purpose == "zoom")
        goals = Counter(g.question for g, _, _ in simulation.planner.goals())
        shares = [refined[name] / goals[name] for name in ("reuse_threshold", "read_share")]
        self.assertLess(max(shares) / min(shares), 1.5)

    def test_caps_hold(self):
        simulation = Simulation(planner(only=["read_share", "batch_init"]), sd=0.2)
        self.assertTrue(simulation.run(5000))
        profile = support.real_catalogue().profiles["default"]
        for goal, _, _ in simulation.planner.goals():
            spent = simulation.planner.evidence.spent(goal)
            cap = profile["pair_visits"] if goal.question == "read_share" else profile["cell_visits"]
            # A visit that another pair asked for is taken along.
            self.assertLessEqual(spent, cap + (3 * 7 if goal.question == "read_share" else 0))

    def test_visits_without_any_effect_do_not_go_on_for_ever(self):
        p = planner(only=["read_share", "standard_cells"])
        for _ in range(3000):
            planned = p.next()
            if planned is None:
                return
            p.record(planned, "ok", [math.nan] * len(planned.contestants))
        self.fail("the plan does not end")


class Determinism(unittest.TestCase):

    def test_same_seed_same_results_same_plan(self):
        first, second = Simulation(planner(seed=7)), Simulation(planner(seed=7))
        first.run(400)
        second.run(400)
        self.assertEqual(first.visits, second.visits)

    def test_another_seed_another_order(self):
        first, second = Simulation(planner(seed=7)), Simulation(planner(seed=8))
        first.run(40)
        second.run(40)
        self.assertNotEqual(first.visits, second.visits)

    def test_replaying_the_visits_continues_the_screen(self):
        whole = Simulation(planner(seed=3))
        whole.run(60)
        half = Simulation(planner(seed=3))
        half.run(30)
        again = planner(seed=3)
        simulation = Simulation(again)
        for planned in half.visits:
            again.record(planned, "ok", simulation.effects(planned))
        simulation.run(30)
        self.assertEqual(half.visits + simulation.visits, whole.visits)


def by_layout(visits, key, layouts):
    """How many of the visits each layout made, in a list for every key."""
    counts = Counter((key(p, c), p.layout) for p in visits for c in p.contestants[1:])
    return {k: [counts[k, n] for n in range(1, layouts + 1)] for k, _ in counts}


def cell(planned, contestant):
    return planned.place, contestant, planned.purpose == "aa"


def curve(planned, contestant):
    place = planned.place
    return place.question, place.baseline, place.regime, place.threads, contestant, planned.purpose == "aa"


class Layouts(unittest.TestCase):

    def test_every_cell_sees_all_layouts_equally_often(self):
        for layouts in (2, 4, 7):
            simulation = Simulation(planner(only=["standard_cells", "batch_init", "shards"], layouts=layouts), sd=0.2)
            simulation.run(600)
            cells = by_layout(simulation.visits, cell, layouts)
            self.assertGreater(max(sum(counts) for counts in cells.values()), 10)
            for counts in cells.values():
                # By one where the contestants always come together; their company changes when one has had enough.
                self.assertLessEqual(max(counts) - min(counts), 2, counts)

    def test_a_cell_that_has_company_throughout_sees_each_once_before_any_twice(self):
        three = ["sync_map", "hash_trie_map", "sharded_map:shards=64"]
        at, parted = {}, set()
        for seed in range(1, 5):
            simulation = Simulation(planner(only=["standard_cells"], strategies=three, seed=seed), sd=0.2)
            simulation.run(200)
            for p in simulation.visits:
                if p.purpose == "cell":
                    # Who has had enough leaves, and the others' company changes.
                    if len(p.contestants) < 4:
                        parted.add((seed, p.place))
                    if (seed, p.place) not in parted:
                        at.setdefault((seed, p.place), []).append(p.layout)
        rounds = [tuple(seen[i:i + 4]) for seen in at.values() for i in range(0, len(seen) - 3, 4)]
        self.assertGreaterEqual(len(rounds), 20)
        self.assertTrue(all(sorted(r) == [1, 2, 3, 4] for r in rounds), rounds)
        self.assertGreater(len(set(rounds)), 10)  # by lot, not in one order

    def test_a_search_sees_all_layouts_equally_often_along_its_curve(self):
        simulation = Simulation(planner(only=["reuse_threshold", "read_share"]))
        simulation.run(1500)
        for counts in by_layout(simulation.visits, curve, 4).values():
            self.assertLessEqual(max(counts) - min(counts), 4, counts)

    def test_visits_that_failed_do_not_count(self):
        p = planner(only=["standard_cells"])
        first = p.next()
        p.record(first, "crashed", [])
        self.assertEqual(p.next(), first)

    def test_one_layout_is_enough(self):
        simulation = Simulation(planner(layouts=1))
        simulation.run(100)
        self.assertEqual({p.layout for p in simulation.visits}, {1})


class Failures(unittest.TestCase):

    def test_a_wrong_contestant_is_withheld_everywhere_and_the_rest_goes_on(self):
        simulation = Simulation(planner())
        seen = []

        def fate(planned):
            if planned.contestants[-1] == "sharded_map":
                seen.append(planned)
                return "invalid"
            return "ok"

        simulation.run(600, fate)
        self.assertEqual(len(seen), 1)
        self.assertEqual([(w.contestant, w.question) for w in simulation.planner.withheld], [("sharded_map", None)])
        after = simulation.visits[simulation.visits.index(seen[0]) + 1:]
        self.assertFalse(any(c.startswith("sharded_map:") or c == "sharded_map" for p in after for c in p.contestants))
        self.assertTrue(any("sync_map" in p.contestants for p in after))

    def test_a_crash_is_retried_then_its_culprit_is_found_in_pairs(self):
        simulation = Simulation(planner(only=["reuse_threshold"]))

        def fate(planned):
            return "crashed" if "hash_trie_map" in planned.contestants else "ok"

        self.assertTrue(simulation.run(4000, fate))
        withheld = simulation.planner.withheld
        self.assertEqual([(w.contestant, w.question) for w in withheld], [("hash_trie_map", "reuse_threshold")])
        pairs = [p for p in simulation.visits if p.contestants[1:] == ("hash_trie_map",)]
        self.assertEqual(len(pairs), plan.PAIR_ATTEMPTS)
        verdicts = {g.contestant: v for g, v, _ in simulation.planner.goals() if g.level is None}
        self.assertEqual(verdicts["sync_map"], "crossover")
        self.assertEqual(verdicts["hash_trie_map"], "undecided")

    def test_one_crash_changes_nothing(self):
        simulation = Simulation(planner(only=["standard_cells"]))
        fates = iter(["crashed"])
        simulation.run(200, lambda planned: next(fates, "ok"))
        self.assertEqual(simulation.planner.withheld, [])
        self.assertTrue(any(len(p.contestants) == 4 for p in simulation.visits[1:]))

    def test_a_place_without_memory_is_given_up_and_said(self):
        simulation = Simulation(planner("full", only=["key_count"]))

        def fate(planned):
            return "refused" if planned.place.axis >= 1e7 else "ok"

        simulation.run(400, fate)
        places = [p for p in simulation.visits if p.place.axis >= 1e7]
        self.assertLess(len(places), 40)
        self.assertTrue(simulation.planner.skipped)
        self.assertIn("1e+07", simulation.planner.skipped[0]["why"])
        self.assertEqual(simulation.planner.withheld, [])

    def test_even_parts(self):
        self.assertEqual([plan._even(n, 3) for n in (1, 2, 3, 4, 5, 6, 7, 9, 10)], [1, 2, 3, 2, 3, 3, 3, 3, 3])


if __name__ == "__main__":
    unittest.main()
