# SPDX-License-Identifier: Apache-2.0
"""Recommendations from synthetic runs whose best map is known, and from descriptions that are none."""

import dataclasses
import json
import pathlib
import re
import tempfile
import types
import unittest
from unittest import mock

from report import advice, analyse, load, recommend
from report.paper_test import Page
from report.recommend import described, fitness, say, waits
from report.recommend.described import Constraints
from report.testdata import arrivals, effects, make_testdata

# (description, question of the synthetic run that has the point, x on its axis, cell, regime, threads)
POINTS = [
    *((f"reads={x} keys=10k threads=2", "read_share", x, None, "stationary", 2) for x in (50, 55, 66, 72, 80, 95, 100)),
    *((f"reuse={x} threads=1", "reuse_threshold", x, None, "growth", 1) for x in (0.05, 0.3, 0.5, 0.7, 0.88, 0.99)),
    *((f"reuse={100 * x:g}% threads=2", "reuse_threshold", x, None, "growth", 2) for x in (0.2, 0.6, 0.95)),
    *((f"reads=95 keys={x} threads=1", "key_count", x, None, "stationary", 1) for x in (1024, 5000, 32768, 600_000)),
    ("reads=100 keys=1M threads=2", "standard_cells", None, "uniform_read", "stationary", 2),
    ("reads=70 keys=10k threads=2 skew=1.2", "standard_cells", None, "hot_mix", "stationary", 2),
    ("reads=97 keys=10k threads=2 skew=0.99", "standard_cells", None, "session_cache", "stationary", 2),
]


def ask(analysis, text, constraints=""):
    return recommend.recommend(analysis, described.parse(text), described.parse_constraints(constraints))


class Made(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.root = pathlib.Path(folder.name)
        cls.full = cls.made("full", 1)

    @classmethod
    def made(cls, name, seed, variant="full", **how):
        make_testdata.make(cls.root / name, variant, seed, **how)
        return analyse.analyse(load.load(cls.root / name))


class ChangesTest(unittest.TestCase):
    """What would change a recommendation, of places made up for it."""

    AXIS = {"name": "q", "kind": "sweep", "axis": {"name": "share", "field": "x", "scale": "linear", "lo": 0.0, "hi": 1.0,
                                                   "values": [0.0, 0.5, 1.0]}}

    def place(self, front, behind="b", question="q", regime="stationary", threads=2, lead=0.5, **more):
        standings = (advice.Standing(front, advice.ALONE, 0.0, 0.0, 0.0, 9), advice.Standing(
            behind, advice.BEHIND if lead > 0.1 else advice.OPEN, lead, lead, lead, 9))
        if lead <= 0.1:  # nobody is known to be in front
            standings = (advice.Standing(front, advice.EQUAL, 0.0, 0.0, 0.0, 9), standings[1])
        return advice.Place(question, front, regime, threads, advice.features_of({}), 0.02, standings, **more)

    def changes(self, at, *others):
        analysis = types.SimpleNamespace(run=types.SimpleNamespace(questions=[self.AXIS]))
        with mock.patch.object(recommend.standing, "places_without", lambda of, skip: [at, *others]):
            return [(c.what, c.place.front[0]) for c in recommend._changes(analysis, at, set())]  # pylint: disable=protected-access

    def test_the_nearest_number_of_threads_at_which_another_is_in_front(self):
        at = self.place("a", cell="one")
        self.assertEqual(self.changes(at), [])
        ignored = [self.place("x", "a", cell="one", threads=3, **more) for more in (
            {"question": "p"}, {"regime": "growth"}, {"oversubscribed": True}, {"lead": 0.01})]
        ignored += [self.place("a", cell="one", threads=3), self.place("x", cell="two", threads=3)]
        self.assertEqual(self.changes(at, *ignored), [])
        far, near = self.place("c", "a", cell="one", threads=16), self.place("d", "a", cell="one", threads=1)
        self.assertEqual(self.changes(at, *ignored, far), [("with 16 threads", "c")])
        self.assertEqual(self.changes(at, *ignored, far, near), [("with 1 thread", "d")])

    def test_a_barred_map_that_is_ahead_is_looked_for_on_the_very_axis(self):
        at, asked = self.place("a", value=0.5), []
        free = dataclasses.replace(at, standings=(advice.Standing("x", advice.ALONE, 0.0, 0.0, 0.0, 9),
                                                  advice.Standing("a", advice.BEHIND, 0.3, 0.2, 0.4, 9)))

        def along(analysis, setting, skip, values):
            asked.append((setting.number, skip, values))
            return [free]

        visits = [types.SimpleNamespace(contestants=["null", "x", "a"])]
        settings = [types.SimpleNamespace(number=i, question={"name": name}, regime=regime, threads=threads, visits=visits) for i, (
            name, regime, threads) in enumerate((("p", "stationary", 2), ("q", "growth", 2), ("q", "stationary", 4), ("q", "stationary", 2)))]
        analysis = types.SimpleNamespace(settings=settings, run=types.SimpleNamespace(
            questions=[self.AXIS], references=lambda: {"null"}))
        with mock.patch.object(recommend.standing, "along", along):
            found = recommend._passed_over(analysis, at, {"x": "it may evict keys", "null": "a reference"}, {"x", "null"})
            self.assertEqual((found.name, found.lead, asked), ("x", 0.3, [(3, {"null"}, [0.5])]))
            self.assertIsNone(recommend._passed_over(analysis, at, {"y": "why", "null": "a reference"}, {"y", "null"}))  # x is not barred
            self.assertIsNone(recommend._passed_over(analysis, at, {"null": "a reference"}, {"null"}))

    def test_the_nearest_values_on_both_sides(self):
        at = self.place("a", value=0.5)
        others = [self.place(front, "a", value=value, threads=threads) for front, value, threads in (
            ("far", 0.1, 2), ("left", 0.4, 2), ("right", 0.9, 2), ("other", 0.55, 1), ("here", 0.5, 4))]
        self.assertEqual(self.changes(at, *others), [("at a share of 0.4", "left"), ("at a share of 0.9", "right"),
                                                     ("with 4 threads", "here")])


class FitnessTest(unittest.TestCase):

    def test_as_many_threads_as_a_map_allows(self):
        def why(most, threads):
            traits = {"max_threads": most} if most is not None else {}
            return fitness._why_not(traits, described.parse("reads=95"), described.parse_constraints(""), threads)  # pylint: disable=protected-access
        for most, threads, said in ((1, 1, ""), (1, 2, "it is for one thread"), (4, 4, ""), (4, 5, "it is for at most 4 threads"),
                                    (0, 99, ""), (None, 99, "")):
            self.assertEqual(why(most, threads), said)


class KnownBestTest(Made):

    def test_right_or_undecided_wherever_the_best_is_known(self):
        self.assertGreaterEqual(len(POINTS), 20)
        decided = 0
        for seed, analysis in ((1, self.full), (2, self.made("second", 2))):
            for text, question, x, cell, regime, threads in POINTS:
                with self.subTest(text, seed=seed):
                    found = ask(analysis, text)
                    self.assertTrue(found.covered)
                    self.assertEqual(found.nearest.place.question, question)
                    truth = {name: effects.effect(question, name, x, cell, regime, threads)
                             for name in ("mutex_map", "sync_map", "hash_trie_map", "sharded_map")}
                    best = max(truth, key=truth.get)
                    delta = found.nearest.place.delta
                    self.assertTrue(any(truth[n] >= truth[best] - delta for n in found.front), (found.front, truth))
                    if found.verdict == recommend.ALONE:
                        self.assertGreaterEqual(truth[found.front[0]], truth[best] - 1e-9)
                        decided += 1
        self.assertGreater(decided, len(POINTS))  # of twice as many

    def test_the_ranking_has_intervals_that_hold_the_truth(self):
        found = ask(self.full, "reads=87 keys=10k threads=2")
        effect = {p.standing.name: effects.effect("read_share", p.standing.name, 87, None, "stationary", 2)
                  for p in found.picks}
        first = found.picks[0].standing.name
        for pick in found.picks[1:]:
            lead = effect[first] - effect[pick.standing.name]
            self.assertLess(pick.standing.low - 0.02, lead, pick)
            self.assertGreater(pick.standing.high + 0.02, lead, pick)

    def test_a_swept_axis_is_read_at_the_very_value(self):
        found = ask(self.full, "reads=95 keys=10k threads=2")
        self.assertEqual((found.nearest.place.value, found.nearest.gaps), (95.0, ()))
        self.assertEqual(found.verdict, recommend.ALONE)

    def test_what_would_change_it(self):
        """Below 92 % reads hash_trie_map overtakes sync_map: 0.5 u - 0.25 against the logistic, from about 0.86."""
        found = ask(self.full, "reads=97 keys=10k threads=2")
        self.assertEqual(found.front, ("sync_map",))
        below, = [c for c in found.changes if "reads" in c.what]
        self.assertIn("83 %", below.what)
        self.assertEqual(below.place.front, ("hash_trie_map",))


class CoverageTest(Made):

    def test_a_point_far_away_is_not_covered_and_the_field_is_named(self):
        for text, field, there in (
                ("reads=95 keys=1e6 threads=16", "threads", "2"), ("reads=95 keys=10k threads=2 value=64", "value", "8 bytes"),
                ("reads=95 keys=10k threads=2 key=string", "key", "u64"), ("reads=50 keys=1e9 threads=2", "keys", "10000"),
                ("reads=20 keys=10k threads=2", "reads", "50 %"), ("reads=60 keys=10k threads=2 skew=3", "skew", "1.2")):
            with self.subTest(text):
                found = ask(self.full, text)
                self.assertFalse(found.covered)
                widest = found.nearest.gaps[0]
                if field != "threads":
                    self.assertEqual((widest.field, widest.there), (field, there))
                words = say.say(found, self.full)
                self.assertIn("No measured point covers this", words.coverage[0])
                self.assertIn(f"furthest away in {widest.field} ({widest.there} instead of {widest.wanted})", words.coverage[0])
                self.assertIn("at the nearest point that was measured", words.headline)
                self.assertIn(words.measure, say.as_text(found, words, "x"))

    def test_all_cores_are_those_of_the_run(self):
        self.assertEqual(ask(self.full, "reads=95").threads, 2)
        self.assertEqual(ask(self.made("many", 1, "threads"), "reads=95").threads, 128)

    def test_oversubscribed_places_answer_nothing(self):
        found = ask(self.full, "reads=97 keys=10k threads=8")
        self.assertNotEqual(found.nearest.place.threads, 8)
        self.assertFalse(found.covered)

    def test_a_run_without_places(self):
        found = ask(self.made("empty", 1, "empty"), "reads=95")
        self.assertEqual((found.verdict, found.nearest, found.picks), (recommend.NONE, None, ()))
        words = say.say(found, self.full)
        self.assertIn("No map can be recommended: the run has no place", words.headline)

    def test_the_command_that_measures_the_point(self):
        for text, command in (
                ("reads=95 keys=1e6 threads=all value=64", "keys=uniform mix=load:95,store:5 population=1000000 value=64 threads=all"),
                ("reads=100 keys=10k skew=0.99 threads=4", "keys=zipf:0.99 mix=load:100 population=10000 threads=4"),
                ("reuse=83% threads=2 keys=60k", "keys=krr:0.83 mix=load_or_store:100 ops=60000 regime=growth threads=2"),
                ("reads=90 deletes=5 keys=10k threads=1", "keys=uniform mix=load:90,store:5,delete:5 population=20000 threads=1"),
                ("reuse=0.5 growing=no key=string", "keys=krr:0.5 mix=load_or_store:100 population=10000 key=string:32 threads=all")):
            self.assertEqual(described.ask(described.parse(text)), command)


class ConstraintTest(Made):

    def changed(self, **traits):
        """The full run, in which strategies say otherwise of themselves: {strategy: {trait: value}}."""
        analysis = analyse.analyse(load.load(self.root / "full"))
        for s in analysis.run.worker()[1]["describe"]["strategies"]:
            s.update(traits.get(s["name"], {}))
        return analysis

    def test_traits_bar_maps_and_the_reason_is_said(self):
        point = "reads=97 keys=10k threads=2"
        for constraint, trait, why in (
                ("range=per_shard", {"range": "per shard"}, "its Range is weak, and per shard is asked"),
                ("range=snapshot", {"range": "snapshot"}, "its Range is weak, and snapshot is asked"),
                ("read_progress=wait-free", {"read_progress": "wait-free"}, "its loads are lock-free, and wait-free is asked"),
                ("write_progress=lock_free", {"write_progress": "lock-free"}, "its stores are blocking, and lock-free is asked"),
                ("batch_is_atomic=yes", {"batch_is_atomic": True}, "its Batch takes effect in parts"),
                ("after_deletion=gives_all_back", {"after_deletion": "gives all back"},
                 "after deletions it keeps the table, and gives all back is asked")):
            with self.subTest(constraint):
                analysis = self.changed(mutex_map=trait, sharded_map=trait)
                found = ask(analysis, point, constraint)
                self.assertLessEqual({p.standing.name for p in found.picks}, {"mutex_map", "sharded_map"})
                self.assertEqual(found.barred["sync_map"], why)
                self.assertEqual(found.passed_over.name, "sync_map")
                self.assertIn(f"sync_map was passed over: {why}.", say.say(found, analysis).reasons)

    def test_maps_that_may_lag_behind_need_leave_to(self):
        analysis = self.changed(sync_map={"linearizable": False})
        point = "reads=97 keys=10k threads=2"
        self.assertIn("sync_map", ask(analysis, point).barred)
        self.assertIn("sync_map", ask(analysis, point + " staleness=0").barred)
        for text, constraint in ((point + " staleness=10ms", ""), (point, "real_time_order=no")):
            found = ask(analysis, text, constraint)
            self.assertEqual(found.front, ("sync_map",))
            assumed = dict(say.say(found, analysis).assumed)
            self.assertIn("may miss a store for a while", assumed["staleness"])
        self.assertIn("sync_map", ask(analysis, point + " staleness=10ms", "real_time_order=yes").barred)

    def test_caches_peers_and_missing_operations(self):
        analysis = self.changed(sync_map={"keeps_every_key": False}, hash_trie_map={"family": "peer"},
                                sharded_map={"unsupported": ["swap"]})
        point = "reads=97 keys=10k threads=2"
        self.assertIn("may evict", ask(analysis, point).barred["sync_map"])
        self.assertNotIn("sync_map", ask(analysis, point, "keeps_every_key=no").barred)
        self.assertIn("destructors", ask(analysis, point, "call_back=yes").barred["hash_trie_map"])
        self.assertIn("swap", ask(analysis, point, "operations=load+swap").barred["sharded_map"])

    def test_memory(self):
        """Of the small profile: sync_map takes 56 bytes an entry at 100000, at most 80 while it fills."""
        found = fitness.memory(self.full, "sync_map", described.parse("keys=1e6"))
        self.assertAlmostEqual(found.settled, 56e6)
        self.assertAlmostEqual(found.peak, 80e6)
        larger = fitness.memory(self.full, "sync_map", described.parse("keys=1e6 value=64 key=string"))
        self.assertAlmostEqual(larger.settled, (56 + 56 + 24) * 1e6)
        point = "reads=97 keys=1e6 threads=2"
        self.assertEqual([recommend.readable_bytes(b) for b in (0, 999, 1000, 1023 * 2**20, 2**50)],
                         ["0 bytes", "999 bytes", "0.977 KiB", "0.999 GiB", "1.02e+03 TiB"])
        tuned = fitness.memory(self.full, "sharded_map:shards=2", described.parse("keys=1e4"))
        self.assertEqual(tuned.settled, fitness.memory(self.full, "sharded_map", described.parse("keys=1e4")).settled)
        tight, wide = ask(self.full, point, "memory=75MiB"), ask(self.full, point, "memory=80MiB")
        self.assertIn("it may take 76.3 MiB while it grows", tight.barred["sync_map"])
        self.assertNotIn("sync_map", wide.barred)

    def test_only_one_map_fits_or_none(self):
        analysis = self.changed(snapshot_map={"range": "snapshot"})
        found = ask(analysis, "reads=97 threads=2", "range=snapshot")
        words = say.say(found, analysis)
        self.assertIn("Only snapshot_map fits the constraints", words.headline)
        self.assertIn('#include "maps/strategies/snapshot_map.h"', words.use)
        self.assertIn("No map of the run fits the constraints", say.say(ask(self.full, "reads=97", "range=snapshot"), self.full).headline)

    def test_what_the_run_cannot_decide_is_said(self):
        found = ask(self.full, "reads=97 threads=2", "p99=50us")
        self.assertEqual(found.undecidable, ("p99",))
        self.assertEqual(found.picks[0].waits, ())
        said = say.say(found, self.full)
        self.assertIn("This run cannot decide p99: it measured no response times at this point.", said.reasons)
        self.assertTrue(said.headline.endswith("; whether it keeps p99 50 µs is unknown."), said.headline)
        self.assertIn("arrivals=poisson", said.measure)
        self.assertIn(said.measure, say.as_text(found, said, "x"))
        self.assertNotIn("arrivals", say.say(ask(self.full, "reads=97 threads=2"), self.full).measure)


class LimitsTest(Made):
    """Limits on response times, against tails that were put in (testdata/arrivals.py): at half of mutex_map's capacity, which
    is half a million operations a second, 800 ns of mutex_map, 2000 of sync_map, 500 of sharded_map."""

    POINT = "reads=97 keys=10k skew=0.99 threads=2"
    TAILS = {"mutex_map": 800.0, "sync_map": 2000.0, "sharded_map:shards=32": 500.0}
    SPEEDS = {"sync_map": 1.6, "sharded_map:shards=32": 1.3}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.waiting = cls.with_arrivals("waiting", cls.TAILS, cls.SPEEDS, fills={"mutex_map": 40e6, "sharded_map:shards=32": 2e6})

    @classmethod
    def with_arrivals(cls, name, *tails, **how):
        make_testdata.make(cls.root / name, "full", 1)
        arrivals.add(cls.root / name, *tails, **how)
        return analyse.analyse(load.load(cls.root / name))

    def judged(self, constraints, more="", analysis=None, point=POINT):
        found = ask(analysis or self.waiting, f"{point} {more}", constraints)
        return found, {c: [w.state for w in states] for c, states in found.judged.by.items()}

    def test_a_limit_that_some_keep(self):
        found, states = self.judged("p99=1us")
        self.assertEqual(states["mutex_map"], ["keeps"])
        self.assertEqual(states["sync_map"], ["misses"])
        self.assertEqual({p.standing.name for p in found.picks}, {"mutex_map", "sharded_map:shards=32"})
        self.assertEqual(found.undecidable, ())
        self.assertRegex(found.barred["sync_map"], r"^its p99 at half of what mutex_map can do \(500k operations a second\) is "
                         r"[12]\.?\d* µs \([\d.]+ µs to [\d.]+ µs\), and 1 µs is asked$")
        self.assertEqual(found.barred["hash_trie_map"], waits.NOT_MEASURED)
        said = say.say(found, self.waiting)
        self.assertTrue(any(s.startswith("sync_map was passed over: its p99") for s in said.reasons), said.reasons)
        self.assertTrue(any("hash_trie_map" in s and "passed over: their response times were not measured there." in s
                            for s in said.reasons), said.reasons)
        self.assertTrue(any(s.startswith("Response times are those of orders: The orders, 2 threads, at half of what mutex_map")
                            for s in said.reasons), said.reasons)
        self.assertRegex(said.ranking[0][4], r"^p99 \d+ ns \(\d+ ns to \d+ ns\)$")
        self.assertTrue(said.answered)
        self.assertEqual([s["name"] for s in fitness.traits(self.waiting).values() if s["name"] in found.fit],
                         ["mutex_map", "sharded_map"])

    def test_what_all_keep_leaves_the_ranking_as_it_is(self):
        found, states = self.judged("p99=1ms,p99.9=1ms")
        self.assertEqual(set(map(tuple, states.values())), {("keeps", "keeps")})
        self.assertIn("sync_map", {p.standing.name for p in found.picks})

    def test_what_nobody_keeps_leaves_no_map(self):
        found, states = self.judged("p99=50ns")
        self.assertEqual(set(map(tuple, states.values())), {("misses",)})
        said = say.say(found, self.waiting)
        self.assertEqual(found.verdict, recommend.NONE)
        self.assertIn("No map of the run is known to fit the constraints", said.headline)
        self.assertTrue(any("A map that does nothing has a p99 of 110 ns" in s and "shorter than what the machine itself takes" in s
                            for s in said.reasons), said.reasons)

    def test_the_upper_end_of_the_interval_decides(self):
        wait, = self.judged("p99=1us")[0].judged.by["mutex_map"]
        self.assertTrue(wait.figure.low < 800 < wait.figure.high)
        for limit, state, word in ((1.001 * wait.figure.high, "keeps", ""), (0.999 * wait.figure.high, "misses", " may be "),
                                   (0.999 * wait.figure.low, "misses", " is ")):
            own, = self.judged(f"p99={limit:.6f}ns")[0].judged.by["mutex_map"]
            self.assertEqual(own.state, state)
            self.assertIn(word, own.why)

    def test_the_load_that_is_asked_about(self):
        """Of mutex_map 2/3 of the tail at 25 % of its capacity, 2.5 times at 80 %."""
        for per_second, tail in (("100k", 800 * 0.5 / 0.9), ("240k", 800 * 0.5 / 0.75), ("300k", 800), ("700k", 800 * 2.5)):
            found, _ = self.judged("p99=1s", f"rate={per_second}")
            wait, = found.judged.by["mutex_map"]
            self.assertAlmostEqual(wait.figure.value / tail, 1, delta=0.12, msg=per_second)
            self.assertEqual(found.judged.load, f"at {per_second} operations a second")
        for per_second, name, state, why in (
                ("960k", "mutex_map", "misses", "it is saturated at 950k operations a second already"),
                ("900k", "mutex_map", "unknown", "its response times were measured up to 800k operations a second"),
                ("3M", "sharded_map:shards=32", "misses", "it is saturated at 1.2M operations a second already")):
            wait, = self.judged("p99=1s", f"rate={per_second}")[0].judged.by[name]
            self.assertEqual((wait.state, wait.why), (state, why))

    def test_a_map_has_one_name_whatever_its_form(self):
        """sharded_map has 32 shards unless it is told otherwise."""
        analysis = self.waiting
        self.assertEqual([fitness.plain(analysis, n) for n in ("sharded_map:shards=32", "sharded_map", "sharded_map:shards=8",
                                                              "sharded_map:shards=32@reserve")],
                         ["sharded_map", "sharded_map", "sharded_map:shards=8", "sharded_map@reserve"])
        _, states = self.judged("p99=1us", analysis=analysis)
        self.assertEqual((states["sharded_map"], states["sharded_map:shards=32"]), (["keeps"], ["keeps"]))
        other = self.with_arrivals("other_forms", {**self.TAILS, "sharded_map:shards=8": 5000.0})
        _, states = self.judged("p99=1us", analysis=other)
        self.assertEqual((states["sharded_map"], states["sharded_map:shards=8"]), (["keeps"], ["misses"]))
        self.assertEqual({p.standing.name for p in ask(other, self.POINT, "p99=1us").picks}, {"mutex_map", "sharded_map:shards=32"})

    def test_too_little_to_tell(self):
        few = self.with_arrivals("few", self.TAILS, operations=20_000)
        _, states = self.judged("p99=1us,p99.9=1s", analysis=few)
        self.assertEqual(states["mutex_map"], ["keeps", "unknown"])
        one = self.with_arrivals("one", self.TAILS, visits=1)
        found, states = self.judged("p99=1s", analysis=one)
        self.assertEqual(states["mutex_map"], ["unknown"])
        self.assertIn("measured in one visit, which has no interval", found.judged.why_not("mutex_map"))
        self.assertEqual(found.fit, ())

    def test_maps_that_are_filled(self):
        found, states = self.judged("p99=100us", point="reuse=0 keys=100k threads=1")
        self.assertEqual((states["mutex_map"], states["sharded_map:shards=32"]), (["misses"], ["keeps"]))
        self.assertEqual(found.judged.load, "at 1M stores a second")
        found, states = self.judged("p99=1s", "rate=2M", point="reuse=0 keys=100k threads=1")
        self.assertEqual(states["mutex_map"], ["unknown"])
        self.assertEqual(found.judged.why_not("mutex_map"), "its response times were measured at 1M stores a second only")

    def test_response_times_of_another_workload_decide_nothing(self):
        found, _ = self.judged("p99=1us", point="reads=50 keys=10k threads=2")
        self.assertEqual((found.undecidable, found.judged.by), (("p99",), {}))
        self.assertIn("This run cannot decide p99: it measured no response times at this point (the nearest, orders: The orders, "
                      "2 threads, is furthest away in reads: 97 % instead of 50 %).", say.say(found, self.waiting).reasons)

    def test_for_programs_and_as_a_page(self):
        found, _ = self.judged("p99=1us,p99.9=1ms")
        data = json.loads(json.dumps(recommend.as_data(found)))
        self.assertEqual(data["constraints"], {"p99": 1e-6, "p99.9": 1e-3})
        row = next(r for r in data["ranking"] if r["contestant"] == "mutex_map")
        self.assertEqual([(w["percentile"], w["state"]) for w in row["response"]], [("p99", "keeps"), ("p99.9", "keeps")])
        self.assertAlmostEqual(row["response"][0]["value"], 8e-7, delta=1e-7)
        page = Page(say.as_page(found, say.say(found, self.waiting), self.waiting))
        self.assertEqual((page.problems, page.stack, page.loads), ([], [], []))
        self.assertIn("Response times", page.text)


class WordsTest(Made):

    def test_three_lines_that_use_the_map(self):
        self.assertEqual(say.use("sync_map"), [
            'deps = ["@concurrent_maps//maps:sync_map"],', '#include "maps/strategies/sync_map.h"',
            "cmap::strategies::sync_map::Map<Key, Value> map;"])
        self.assertEqual(say.use("sharded_map:shards=64@reserve")[2],
                         "cmap::strategies::sharded_map::Map<Key, Value> map({.shards = 64});")

    def test_text_and_page(self):
        for text, constraints in (("reads=95 keys=10k threads=2", ""), ("reads=95 keys=1e6 threads=16", "memory=1GiB"),
                                  ("reads=97", "range=snapshot"), ("reads=95 keys=1e6 threads=1", "")):
            found = ask(self.full, text, constraints)
            words = say.say(found, self.full)
            shown = say.as_text(found, words, "x")
            page = say.as_page(found, words, self.full)
            checked = Page(page)
            self.assertEqual((checked.problems, checked.stack, checked.loads), ([], [], []))
            for word in (r"\bnan\b", r"\bNone\b", r"\binf\b", r"\bTrue\b"):
                self.assertIsNone(re.search(word, shown + " ".join(checked.text)), word)
            for what in ("staleness", "iteration", "ordering", "re-entrancy", "memory"):
                self.assertEqual(what in shown, bool(found.picks), what)
            self.assertEqual(json.loads(json.dumps(recommend.as_data(found)))["verdict"], found.verdict)
            self.assertEqual(page, say.as_page(found, words, self.full))

    def test_markup_in_names_is_text(self):
        path = self.root / "evil"
        make_testdata.make(path, "full", 3, changes={"environment": {"cpu": "<img src=x>"}})
        for name in ("run.json", "samples.jsonl"):
            (path / name).write_text((path / name).read_text().replace("hash_trie_map", "<b>trie"))
        analysis = analyse.analyse(load.load(path))
        found = ask(analysis, "reads=85 keys=10k threads=2")
        self.assertEqual(found.front, ("<b>trie",))
        page = say.as_page(found, say.say(found, analysis), analysis)
        self.assertNotIn("<b>trie", page)
        self.assertNotIn("<img", page)


class DescriptionTest(unittest.TestCase):

    def test_fields(self):
        wanted = described.parse("reads=95 keys=1e6 threads=16 value=64 staleness=0 skew=0.99")
        self.assertEqual((wanted.features.reads, wanted.features.keys, wanted.threads, wanted.value_bytes, wanted.staleness_s,
                          wanted.features.theta), (95.0, 1_000_000, 16, 64.0, 0.0, 0.99))
        wanted = described.parse("reuse=83% value=1KiB staleness=10ms threads=all")
        self.assertEqual((wanted.features.reuse, wanted.features.growing, wanted.value_bytes, wanted.staleness_s, wanted.threads),
                         (0.83, True, 1024.0, 0.01, 0))
        asked = described.parse_constraints("memory=2GiB, range=snapshot,p99=50us ,operations=swap+range")
        self.assertAlmostEqual(asked.p99, 5e-5)
        self.assertEqual(dataclasses.replace(asked, p99=None), Constraints(
            memory=2 * 2**30, range="snapshot", operations=("swap", "range")))
        self.assertEqual(described.parse_constraints(""), Constraints())
        self.assertEqual(described.parse_constraints("p99.9=1ms,p99=2us").limits(), {0.99: 2000.0, 0.999: 1e6})
        self.assertEqual((described.parse("reads=95 rate=500k").rate, described.parse("reads=95").rate), (5e5, 0.0))

    def test_bad_ones_are_one_sentence(self):
        for text, sentence in (
                ("", "the description is empty"), ("reads", "'reads' is no field; write NAME=VALUE, such as reads=0"),
                ("reads=", "is no field"), ("readz=95", "there is no field 'readz'; did you mean 'reads'?"),
                ("zzz=1", "there is no field 'zzz'; known: reads, keys"), ("reads=95 reads=90", "reads is given twice"),
                ("reads=101", "reads is '101'; give a number from 0 to 100"), ("reads=-1", "reads is '-1'"),
                ("reads=nan", "reads is 'nan'"), ("reads=inf", "reads is 'inf'"), ("keys=0", "keys is '0'"),
                ("keys=1e99", "keys is '1e99'"), ("keys=many", "keys is 'many'"), ("threads=1.5", "threads is '1.5'; give a whole number"),
                ("threads=0", "threads is '0'"), ("value=8parsecs", "give a number from 0 to 1e+09 with a unit"),
                ("key=float", "there is no type of keys 'float'"), ("skew=99", "skew is '99'"), ("reuse=1.5", "reuse is '1.5'"),
                ("reuse=120%", "reuse is '120'"), ("reuse=0.5 reads=95", "reads does not go with it"),
                ("growing=maybe", "growing is 'maybe'; give yes or no"), ("staleness=10", "staleness is '10'"),
                ("reads=90 deletes=8", "of 100 operations 90 read and 8 delete, which leaves 2 stores"),
                ("reuse=0.5 deletes=1", "deletes does not go with it"), ("reads=95 deletes=x", "deletes is 'x'"),
                ("reads=95 rate=0", "rate is '0'; give a number from 1 to"), ("reads='95", "close the quotes")):
            with self.subTest(text), self.assertRaises(described.Undescribed) as caught:
                described.parse(text)
            self.assertIn(sentence, str(caught.exception))
            self.assertRegex(str(caught.exception), r"[.?]$")
        for text, sentence in (
                ("p99.99=1ms", "there is no constraint 'p99.99'; did you mean 'p99.9'?"), ("p99.9=fast", "p99.9 is 'fast'"),
                ("memory=lots", "memory is 'lots'"), ("memory=2GiB,memory=1GiB", "memory is given twice"),
                ("range=strong", "there is no range 'strong'; known: weak, per shard, snapshot"),
                ("rnage=weak", "did you mean 'range'?"), ("p99=50", "p99 is '50'"), ("real_time_order=si", "give yes or no"),
                ("operations=upsert", "there is no operation 'upsert'"), ("range", "is no constraint; write NAME=VALUE")):
            with self.subTest(text), self.assertRaises(described.Undescribed) as caught:
                described.parse_constraints(text)
            self.assertIn(sentence, str(caught.exception))


if __name__ == "__main__":
    unittest.main()
