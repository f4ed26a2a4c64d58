# SPDX-License-Identifier: Apache-2.0
"""Advice: who is in front, what is not told apart, and which situation a workload belongs to."""

import dataclasses
import json
import math
import pathlib
import tempfile
import types
import unittest
from unittest import mock

from report import advice, analyse, conclude, load, regret, render, standing
from report.stats import cells
from report.testdata import effects, make_testdata

FEATURES = advice.features_of({"keys": {"stream": "uniform"}, "mix": {"load": 95, "store": 5}, "population": 1000,
                               "regime": "stationary"})


def lead_of(table):
    """Estimates of leads, {(a, b): (effect, half-width)}."""
    def lead(a, b):
        effect, half = table[a, b]
        return cells.Estimate(20, effect, effect - half, effect + half, 0.01)
    return lead


def place(title, scores, half=0.005, delta=0.02, features=FEATURES, threads=1):
    table = {(a, b): (scores[a] - scores[b], half) for a in scores for b in scores if a != b}
    return advice.Place("q", title, "stationary", threads, features, delta,
                        advice.stand(scores, lead_of(table), delta))


class Standings(unittest.TestCase):

    def test_alone_equal_and_undecided(self):
        self.assertEqual(place("p", {"a": 0.3, "b": 0.0}).verdict, advice.ALONE)
        self.assertEqual(place("p", {"a": 0.005, "b": 0.0}).verdict, advice.EQUAL)
        self.assertEqual(place("p", {"a": 0.02, "b": 0.0}).verdict, advice.UNDECIDED)
        self.assertEqual(place("p", {"a": 0.3, "b": 0.0}, half=math.inf).verdict, advice.UNDECIDED)

    def test_front_holds_all_that_are_not_known_to_be_behind(self):
        p = place("p", {"a": 0.1, "b": 0.09, "c": 0.079, "d": 0.0, "e": -0.5})
        self.assertEqual(p.front, ("a", "b", "c"))
        self.assertEqual(p.next.name, "d")
        self.assertAlmostEqual(p.next.lead, 0.1)

    def test_one_map_is_no_comparison(self):
        self.assertEqual(advice.stand({"a": 0.0}, lead_of({}), 0.02), ())
        self.assertEqual(advice.stand({"a": 0.0, "b": math.nan}, lead_of({}), 0.02), ())


class Answers(unittest.TestCase):

    def test_alone_everywhere_and_where_it_leads_least(self):
        found = advice.answer([place("p", {"a": 0.3, "b": 0.0}), place("q", {"a": 0.1, "b": 0.0})])
        self.assertEqual((found.verdict, found.name, found.front, found.alone), (advice.ALONE, "a", 2, 2))
        self.assertEqual(found.weakest.title, "q")
        self.assertEqual(found.rivals, ())

    def test_beaten_somewhere_is_mixed(self):
        found = advice.answer([place("p", {"a": 0.3, "b": 0.0}), place("q", {"a": 0.2, "b": 0.0}),
                               place("r", {"a": 0.0, "b": 0.3})])
        self.assertEqual((found.verdict, found.name, found.front), (advice.MIXED, "a", 2))

    def test_nothing_decided_is_undecided_whatever_leads(self):
        found = advice.answer([place("p", {"a": 0.02, "b": 0.0}), place("q", {"b": 0.02, "a": 0.0})])
        self.assertEqual((found.verdict, found.decided), (advice.UNDECIDED, 0))
        self.assertEqual({found.name, *found.rivals}, {"a", "b"})

    def test_equal_names_its_rivals(self):
        found = advice.answer([place("p", {"a": 0.003, "b": 0.0, "c": -1})])
        self.assertEqual((found.verdict, found.name, found.rivals), (advice.EQUAL, "a", ("b",)))

    def test_of_equals_the_one_that_is_more_often_the_fastest(self):
        some = [place("p", {"z": 0.003, "b": 0.0}), place("q", {"z": 0.003, "b": 0.0}), place("r", {"b": 0.003, "z": 0.0})]
        found = advice.answer(some)
        self.assertEqual((found.verdict, found.name, found.rivals), (advice.EQUAL, "z", ("b",)))
        self.assertEqual(advice.answer([some[0], some[2]]).name, "b")  # then by name

    def test_none_without_a_place(self):
        self.assertIsNone(advice.answer([]))

    def test_the_order_of_places_does_not_matter(self):
        some = [place(f"p{i}", {"a": 0.1 * i - 0.3, "b": 0.0, "c": 0.05}) for i in range(7)]
        first, second = advice.answer(some), advice.answer(some[::-1])
        self.assertEqual(dataclasses.replace(first, places=()), dataclasses.replace(second, places=()))


class Situations(unittest.TestCase):

    def of(self, **workload):
        base = {"keys": {"stream": "uniform"}, "mix": {"load": 100}, "population": 1000, "regime": "stationary"}
        found = advice.situation(advice.features_of({**base, **workload}))
        return found.title, found.detail

    def test_kinds(self):
        for mix, title in (({"load": 100}, "Reads only"), ({"load": 97, "store": 3}, "Nearly all reads (90 % and more)"),
                           ({"load": 50, "store": 50}, "Reads and writes (50 to 90 % reads)"),
                           ({"load": 5, "store": 95}, "Mostly writes")):
            self.assertEqual(self.of(mix=mix)[0], title)
        krr = {"stream": "krr", "reuse": 0.2}
        self.assertEqual(self.of(keys=krr, mix={"load_or_store": 100}, regime="growth")[0],
                         "Look up or insert, most keys new")
        self.assertEqual(self.of(keys={**krr, "reuse": 0.9}, mix={"load_or_store": 100}),
                         ("Look up or insert, most keys seen before", "at a constant size"))
        self.assertEqual(self.of(keys={"stream": "sequential_new"}, mix={"store": 100}, regime="reserved")[0],
                         "Filling an empty map")

    def test_details(self):
        self.assertEqual(self.of(population=10_000_000, keys={"stream": "zipf", "theta": 0.99})[1],
                         "many keys, some of them popular")
        self.assertEqual(self.of(key_type="string")[1], "few keys, string keys")
        self.assertEqual(self.of(mix={"load": 90, "delete": 10})[1], "with delete, few keys")
        self.assertEqual(self.of(value_type="inline", value_bytes=4096)[1], "few keys, larger values")
        self.assertEqual(self.of(value_bytes=32)[1], "few keys")  # a word, whatever the length of others
        self.assertEqual(self.of(miss=50, start="as_filled", hash="fnv1a")[1],
                         "few keys, loads that miss, just filled, another hash")
        self.assertEqual(self.of(miss=0, start="settled", hash="mixed")[1], "few keys")

    def test_a_program_is_no_mix(self):
        self.assertEqual(self.of(scenario={"name": "stock_reservation", "way": "load_or_store"}, mix={"load": 50, "store": 50}),
                         ("Programs that are no mix of operations", "stock reservation"))

    def test_an_empty_workload_has_a_situation(self):
        self.assertTrue(advice.situation(advice.features_of({})).title)

    def test_nearest_is_the_most_alike(self):
        def at(reads, keys, threads=4):
            return place(f"{reads} {keys}", {"a": 0.3, "b": 0}, threads=threads, features=dataclasses.replace(
                FEATURES, reads=reads, keys=keys))
        some = [at(50, 1000), at(97, 1000), at(100, 1000), at(97, 4_000_000), at(97, 1000, threads=1)]
        wanted = dataclasses.replace(FEATURES, reads=96, keys=2000)
        found = advice.nearest(some, wanted, 3)
        self.assertEqual([p.title for p in found[:1]], ["97 1000"])
        self.assertEqual({p.threads for p in found}, {4})
        self.assertEqual(advice.nearest([], wanted, 1), [])


class Distances(unittest.TestCase):

    def test_by_hand(self):
        base = dataclasses.replace(FEATURES, reads=50.0, keys=1000, theta=0.0)
        for change, apart in (({}, 0), ({"reads": 75.0}, 1), ({"keys": 100_000}, 2), ({"theta": 0.5}, 0.5), ({"strings": True}, 1),
                              ({"growing": True}, 4), ({"other": "delete"}, 4), ({"reuse": 0.5}, 2), ({"reads": 100.0}, 5)):
            with self.subTest(change):
                other = dataclasses.replace(base, **change)
                self.assertAlmostEqual(advice.distance(base, other), apart)
                self.assertAlmostEqual(advice.distance(other, base), apart)
        # Reads alone are another thing than nearly all reads.
        pure = dataclasses.replace(base, reads=100.0)
        self.assertAlmostEqual(advice.distance(pure, dataclasses.replace(base, reads=99.0)), 3.04)
        self.assertAlmostEqual(advice.distance(dataclasses.replace(base, reads=98.0), dataclasses.replace(base, reads=99.0)), 0.04)
        # How many keys there are says nothing of maps that grow.
        growing = dataclasses.replace(base, growing=True)
        self.assertEqual(advice.distance(growing, dataclasses.replace(growing, keys=10)), 0)


class Places(unittest.TestCase):
    """What places are made of, by hand."""

    def test_a_lead_over_a_baseline_that_both_met(self):
        found = standing.difference(cells.Estimate(10, 0.3, 0.27, 0.33, 0.3), cells.Estimate(8, 0.1, 0.06, 0.14, 0.4))
        self.assertEqual(found.visits, 8)
        for value, expected in ((found.effect, 0.2), (found.low, 0.15), (found.high, 0.25), (found.sd, 0.5)):
            self.assertAlmostEqual(value, expected)

    def test_a_curve_between_its_places(self):
        axis = types.SimpleNamespace(to_unit=lambda x: x / 10)

        def fitted(at, low=(-1.0, 0.0), high=(3.0, 4.0)):
            curve = types.SimpleNamespace(fit=lambda: ((2, 4), (1.0, 2.0), low, high), x=[2, 3, 4])
            return standing._fitted(curve, axis, at)  # pylint: disable=protected-access

        for at, (effect, low, high) in ((0.2, (1.0, -1.0, 3.0)), (0.3, (1.5, -0.5, 3.5)), (0.4, (2.0, 0.0, 4.0))):
            found = fitted(at)
            for value, expected in zip((found.visits, found.effect, found.low, found.high), (3, effect, low, high)):
                self.assertAlmostEqual(value, expected)
        self.assertIsNone(fitted(0.19))
        self.assertIsNone(fitted(0.41))
        # Without a bound at one end nothing is known in between, whatever the other bound says.
        for low, high in (((-math.inf, 0.0), (3.0, 4.0)), ((-1.0, 0.0), (math.inf, 4.0)), ((math.nan, 0.0), (3.0, 4.0))):
            found = fitted(0.3, low, high)
            self.assertEqual((found.effect, found.low, found.high), (1.5, -math.inf, math.inf))

    def test_the_baseline_of_an_axis_rests_on_all_visits(self):
        question = {"name": "q", "kind": "sweep", "axis": {"name": "share", "field": "x", "lo": 0, "hi": 1, "values": [0, 0.5, 1]}}
        seen = {"a": cells.Estimate(9, 0.5, 0.49, 0.51, 0.1), "b": cells.Estimate(5, 0.1, 0.09, 0.11, 0.1)}
        curves = [types.SimpleNamespace(question="q", regime="stationary", threads=2, a=a, b="base", delta=0.02,
                                        fit=lambda: ((0, 1), (), (), ())) for a in seen]
        visit = types.SimpleNamespace(axis=0.5, threads=2, oversubscribed=False, workload={})
        setting = types.SimpleNamespace(question=question, regime="stationary", threads=2, visits=[visit])
        with mock.patch.object(standing, "_fitted", lambda curve, axis, at: seen[curve.a]):
            found, = standing.along(types.SimpleNamespace(curves=curves), setting, set(), [0.5])
            self.assertEqual([(s.name, s.visits) for s in found.standings], [("a", 9), ("b", 5), ("base", 9)])
            self.assertEqual((found.title, found.value, found.threads), ("share 0.5", 0.5, 2))
            without, = standing.along(types.SimpleNamespace(curves=curves), setting, {"base"}, [0.5])
            self.assertEqual([s.name for s in without.standings], ["a", "b"])

    def test_a_workload_at_another_value(self):
        work = {"keys": {"stream": "krr", "reuse": 0.5}, "mix": {"load": 80, "delete": 5, "store": 15}, "population": 100}
        self.assertEqual(standing.moved(work, "population", 7), {**work, "population": 7})
        self.assertEqual(standing.moved(work, "keys.reuse", 0.9), {**work, "keys": {"stream": "krr", "reuse": 0.9}})
        self.assertEqual(standing.moved(work, "mix.load", 90), {**work, "mix": {"load": 90, "delete": 5, "store": 5}})
        self.assertEqual(standing.moved(work, "mix.load", 99)["mix"], {"load": 99, "delete": 5, "store": 0.0})
        self.assertEqual(work["mix"]["load"], 80)

    def test_what_is_no_choice(self):
        run = types.SimpleNamespace(references=lambda: ["null"], strategies=lambda: [
            {"name": "null", "max_threads": 1}, {"name": "alone", "max_threads": 1}, {"name": "cache", "keeps_every_key": False},
            {"name": "late", "linearizable": False}, {"name": "two", "max_threads": 2}, {"name": "good"},
            {"name": "sure", "keeps_every_key": True, "linearizable": True}])
        self.assertEqual(standing.unfit(types.SimpleNamespace(run=run)), {
            "null": "finds nothing: a reference", "alone": "is for one thread", "cache": "may evict keys",
            "late": "may lag behind"})


class Regret(unittest.TestCase):
    """What a map that chooses for itself costs."""

    SCORES = {"adaptive_map": 0.20, "hash_trie_map": 0.25, "sharded_map:shards=64": 0.1, "mutex_map": 0.0}

    def of(self, title="p", half=0.005, fast=None, **scores):
        """The regret at one place; `fast`: another map, with its score."""
        own = {**self.SCORES, **scores}
        everyone = {**own, **({"fast_map": fast} if fast is not None else {})}
        found = regret.of([place(title, own, half)], [place(title, everyone, half)])
        return found[0]

    def test_behind_the_best_of_its_choices_and_behind_all(self):
        found = self.of(fast=0.9)
        self.assertEqual((found.best, found.fastest, found.goal), ("hash_trie_map", "fast_map", regret.MET))
        self.assertAlmostEqual(found.regret.effect, 0.05)
        self.assertAlmostEqual(found.regret.high - found.regret.low, 0.01)
        self.assertAlmostEqual(found.behind.effect, 0.7)

    def test_ahead_of_all_its_choices_is_a_negative_regret(self):
        found = self.of(adaptive_map=0.4)
        self.assertAlmostEqual(found.regret.effect, -0.15)
        self.assertLess(found.regret.low, found.regret.high)
        self.assertEqual((found.goal, found.fastest), (regret.MET, "hash_trie_map"))

    def test_the_goal_is_a_tenth_of_the_time(self):
        limit = 0.25 - math.log(1.1)
        self.assertEqual(self.of(adaptive_map=limit + 0.006).goal, regret.MET)
        self.assertEqual(self.of(adaptive_map=limit - 0.006).goal, regret.MISSED)
        self.assertEqual(self.of(adaptive_map=limit).goal, regret.OPEN)
        self.assertEqual(self.of(adaptive_map=0.2, half=math.inf).goal, regret.OPEN)

    def test_others_in_front_of_both_widen_the_interval(self):
        name, found = regret.against(place("p", {**self.SCORES, "fast_map": 0.9}), regret.CHOICES)
        self.assertEqual(name, "hash_trie_map")
        self.assertAlmostEqual(found.effect, 0.05)
        self.assertAlmostEqual(found.high - found.effect, math.hypot(0.005, 0.005))

    def test_places_without_it_or_without_a_core_for_each_thread_stay_out(self):
        alone = place("p", {"adaptive_map": 0.2, "fast_map": 0.9})
        without = place("p", {"hash_trie_map": 0.2, "mutex_map": 0.9})
        crowded = dataclasses.replace(place("p", self.SCORES), oversubscribed=True)
        self.assertEqual(regret.of([alone, without, crowded], []), [])
        self.assertIsNone(regret.shown([], {}))

    def test_said_with_mean_worst_and_goal(self):
        found = sorted([self.of("good", adaptive_map=0.25 - math.log(1.02), fast=0.9), self.of("bad", adaptive_map=0.25 - math.log(1.5)),
                        self.of("ahead", adaptive_map=0.25 + math.log(1.02))], key=lambda r: -r.regret.effect)
        said = regret.shown(found, {"q": "the question"})
        mean = 100 * (1.5 ** (1 / 3) - 1)
        self.assertIn(f"In the geometric mean over 3 places adaptive_map takes {mean:.1f} % longer", said.sentences[0])
        self.assertIn("at worst 50.0 % longer (+49.3 % to +50.8 %; the question: bad, 1 thread, against hash_trie_map)", said.sentences[0])
        self.assertIn("at most 10 % longer: met at 2 of 3 places, missed at 1", said.sentences[1])
        self.assertIn("against fast_map", said.sentences[2])
        self.assertEqual([r[0] for r in said.rows], ["the question: bad", "the question: good", "the question: ahead"])
        self.assertEqual([r["ratio"] for r in regret.rows(found, conclude.rounded)], [1.5, 1.02, conclude.rounded(1 / 1.02)])


class OfARun(unittest.TestCase):
    """The synthetic run, whose answers are known."""

    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as folder:
            make_testdata.make(pathlib.Path(folder), "full")
            cls.analysis = analyse.analyse(load.load(folder))
        cls.places = standing.places(cls.analysis)

    def test_who_is_in_front_is_true(self):
        decided = 0
        for p in self.places:
            if p.verdict != advice.ALONE:
                continue
            decided += 1
            truth = {s.name: effects.effect(p.question, s.name, p.value, p.cell, p.regime, p.threads)
                     for s in p.standings}
            self.assertEqual(max(truth, key=truth.get), p.best.name, p)
            for s in p.standings[1:]:
                self.assertAlmostEqual(s.lead, truth[p.best.name] - truth[s.name], delta=0.06)
        self.assertGreater(decided, 15)

    def test_regret_is_true_and_in_the_paper(self):
        self.assertEqual(regret.measured(self.analysis), [])  # no such map took part
        fresh = dataclasses.replace(self.analysis, regrets=None)
        with mock.patch.object(regret, "CHOOSER", "hash_trie_map"), mock.patch.object(regret, "CHOICES", ("mutex_map", "sync_map")):
            found = regret.measured(fresh)
            page = render.render(render.compose(fresh)).html
        self.assertGreater(len(found), 10)
        for r in found:
            p = r.place
            mine, best = (effects.effect(p.question, name, p.value, p.cell, p.regime, p.threads)
                          for name in ("hash_trie_map", r.best))
            self.assertAlmostEqual(r.regret.effect, best - mine, delta=0.08)
            self.assertGreaterEqual(r.behind.effect, r.regret.effect - 0.02)
        self.assertIn('<section id="regret">', page)
        self.assertIn(f"{regret.longer(found[0].regret.effect)}".replace(" %", "\u202f%"), page)

    def test_what_is_equal_is_said_to_be_equal_or_undecided(self):
        # sharded_map is within 0.02 of mutex_map at every number of keys.
        for p in self.places:
            if p.question == "key_count" and p.value > 5e5:
                self.assertNotEqual(p.verdict, advice.ALONE)

    def test_tunables_references_and_oversubscribed_places_stay_out(self):
        self.assertNotIn("shards", {p.question for p in self.places})
        self.assertFalse(any(s.name == "null" for p in self.places for s in p.standings))
        loose = [p for p in self.places if p.oversubscribed]
        self.assertEqual({p.threads for p in loose}, {4, 8})
        for _, groups in advice.by_situation(self.places):
            self.assertFalse(any(p.oversubscribed for ps in groups.values() for p in ps))

    def test_maps_that_break_what_a_map_promises_are_not_recommended(self):
        own = next(s for s in self.analysis.run.strategies() if s["name"] == "sync_map")
        own["linearizable"] = False
        try:
            names = {s.name for p in standing.places(dataclasses.replace(self.analysis, placed=None))
                     for s in p.standings}
        finally:
            own.pop("linearizable")
        self.assertNotIn("sync_map", names)
        self.assertIn("mutex_map", names)

    def test_cells_behind_a_call_advise_nobody(self):
        question = next(q for q in self.analysis.run.questions if q["name"] == "standard_cells")
        cell = next(c for c in question["cells"] if c["name"] == "hot_mix")
        cell["call"] = "called"
        try:
            names = {p.cell for p in standing.places(dataclasses.replace(self.analysis, placed=None))
                     if p.question == "standard_cells"}
        finally:
            del cell["call"]
        self.assertEqual(names, {p.cell for p in self.places if p.question == "standard_cells"} - {"hot_mix"})
        self.assertIn("hot_mix", {p.cell for p in self.places})

    def test_rows_give_the_same_answers(self):
        again = advice.from_rows(json.loads(json.dumps(advice.to_rows(self.places))))
        for (s, groups), (t, others) in zip(advice.by_situation(self.places), advice.by_situation(again)):
            self.assertEqual(s, t)
            for threads, own in groups.items():
                a, b = advice.answer(own), advice.answer(others[threads])
                self.assertEqual((a.verdict, a.name, a.rivals, a.front, a.alone),
                                 (b.verdict, b.name, b.rivals, b.front, b.alone))


if __name__ == "__main__":
    unittest.main()
