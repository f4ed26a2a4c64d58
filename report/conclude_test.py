# SPDX-License-Identifier: Apache-2.0
"""Conclusions held against runs that are worked out by hand: every number below follows from the nanoseconds given."""

import math
import pathlib
import types
import unittest

from report import analyse, conclude, load, plates, views, words
from report.figures import style
from report.stats import visits as visit_stats

NOISE = (0.999, 1.0005, 1.0, 0.9995, 1.001)  # of the visits of one place: a spread far below delta


class Made:
    """A run made of visits whose contestants took the nanoseconds given, in one block."""

    def __init__(self, *questions, cores=2, **meta):
        self.questions = [{"title": q["name"], "prose": "", "cells": [], "regimes": ["stationary"], "threads": [1],
                           "levels": [], "claims": [], "excludes": [], "axis": None, **q} for q in questions]
        self.meta = {"questions": self.questions, "rules": {"delta": {"1": 0.02, "2": 0.03}}, "withheld": [],
                     "skipped": [], "environment": {"cores": cores}, "workers": {}, "status": "complete", "threads": {"1": "", "2": "all cores", "4": ""},
                     "proof": {}, **meta}
        self.visits = []

    def visit(self, question, nanoseconds, *, axis=None, name=None, threads=1, noise=1.0, **fields):
        contestants = list(nanoseconds)
        # Noise is of the pair: the first is the baseline.
        row = [ns * (noise if c else 1.0) for c, ns in enumerate(nanoseconds.values())]
        self.add(question, contestants, row, axis=axis, name=name, threads=threads, **fields)

    def add(self, question, contestants, row, *, axis=None, name=None, threads=1, status="ok", timed=True,
            purpose="screen", regime="stationary", operations=10, oversubscribed=False, **fields):
        read = visit_stats.Visit(len(row), {0: row, 1: row}, {}, status == "ok", False)
        self.visits.append(load.Visit(
            len(self.visits), question, axis, name, regime, threads, contestants, contestants[0], {}, "x86_64", timed,
            purpose, "", {}, oversubscribed, read=read, status=status, operations=operations, **fields))

    def everywhere(self, question, places, **fields):
        """places: [(axis value or cell's name, threads, {contestant: ns})], five visits each."""
        for noise in NOISE:
            for place, threads, nanoseconds in places:
                where = {"name": place} if isinstance(place, str) else {"axis": place}
                self.visit(question, nanoseconds, threads=threads, noise=noise, **where, **fields)

    def analysis(self):
        return analyse.analyse(load.Run(pathlib.Path("run"), self.meta, self.visits, 0, 0))


def sweep(**fields):
    return {"name": "q", "kind": "sweep", "baselines": ["lock", "twin"], "contestants": ["map"],
            "axis": {"name": "share", "field": "share", "lo": 0, "hi": 1, "values": [0, 0.5, 1]}, **fields}


# Against lock, map goes from ln 0.5 to ln 4 in a straight line; twin is always twice as fast.
CROSSING = [(x, 1, {"lock": 100, "twin": 50, "map": 200 * 8.0**-x}) for x in (0, 0.5, 1)]


class Curves(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        made = Made(sweep(levels=[{"name": "double", "speedup": 2.0, "claimed": 0.2, "tolerance": 0.02, "claim": "x"}]))
        made.everywhere("q", CROSSING)
        cls.analysis = made.analysis()
        cls.found = conclude.conclude(cls.analysis)

    def row(self, table, a, b):
        row, = (r for r in self.found[table] if (r["a"], r["b"]) == (a, b))
        return row

    def test_a_crossing_is_where_the_lines_cross(self):
        row = self.row("crossovers", "map", "lock")  # 0.5 * 8^x = 1 at 1/3
        self.assertEqual((row["verdict"], row["left"], row["visits"]), ("crossover", "b", 15))
        self.assertAlmostEqual(row["estimate"], 1 / 3, delta=0.003)
        self.assertTrue(row["low"] <= row["estimate"] <= row["high"])
        self.assertAlmostEqual(row["slowest"], 0.5, delta=0.002)
        self.assertAlmostEqual(row["fastest"], 4.0, delta=0.02)
        row = self.row("crossovers", "map", "twin")  # 0.25 * 8^x = 1 at 2/3
        self.assertAlmostEqual(row["estimate"], 2 / 3, delta=0.003)

    def test_the_faster_one_throughout(self):
        row = self.row("crossovers", "twin", "lock")
        self.assertEqual((row["verdict"], row["strict"], row["left"], row["estimate"]), ("a_throughout", True, "a", None))
        self.assertAlmostEqual(row["slowest"], 2.0, delta=0.01)

    def test_a_level_is_where_the_gain_is_reached(self):
        row = self.row("thresholds", "map", "lock")  # 0.5 * 8^x = 2 at 2/3, and 0.2 +- 0.02 was claimed
        self.assertAlmostEqual(row["estimate"], 2 / 3, delta=0.003)
        self.assertEqual(row["claim_verdict"], "contradicted")

    def test_the_winner_map_knows_one_baseline(self):
        setting, = self.analysis.settings
        first, *middle, last = conclude.winners(self.analysis, setting)
        self.assertEqual((first.names, last.names), (("twin",), ("map",)))
        self.assertAlmostEqual((first.end + last.start) / 2, 2 / 3, delta=0.003)
        self.assertEqual([m.names for m in middle], [("map", "twin")])
        # They are within delta for 2 * 0.02 / ln 8 of the axis, and a little more by the intervals.
        self.assertAlmostEqual(middle[0].end - middle[0].start, 0.0192, delta=0.012)
        text = plates.winner_plate(self.analysis, style.Looks(["lock", "twin", "map"])).caption[0]
        self.assertRegex(text, r"^Alone in front: twin on 6[56] % and map on 3[23] % of the tested ranges")

    def test_the_curve_has_every_visit(self):
        curve, = (c for c in self.analysis.curves if (c.a, c.b) == ("map", "lock"))
        self.assertEqual(len(curve.x), 15)
        at = [e for x, e in zip(curve.x, curve.effect) if x == 0.5]
        self.assertAlmostEqual(sorted(at)[2], math.log(100 / (200 / math.sqrt(8))), delta=1e-6)
        self.assertEqual([c.value for c in curve.cells], [0, 0.5, 1])
        self.assertEqual([c.verdict for c in curve.cells], ["slower", "faster", "faster"])

    def test_speeds_are_medians_and_threads_times_as_slow(self):
        speed, = (a for a in self.analysis.absolutes if (a.contestant, a.place) == ("lock", "1"))
        self.assertEqual((speed.ns, speed.mops, speed.visits), (100, 10, 5))

    def test_downloads_hold_every_effect(self):
        self.assertEqual(len(self.analysis.effects), 45)
        row = self.analysis.effects[0]
        self.assertEqual((row["a"], row["b"], row["axis"]), ("map", "lock", 0))
        self.assertAlmostEqual(row["effect"], math.log(0.5 / NOISE[0]), delta=1e-6)

    def test_tally(self):
        self.assertEqual(conclude.tally(self.found), {"comparisons": 3, "undecided": 0, "decided": 3})


class Steps(unittest.TestCase):
    """A discrete axis, of threads: 1, 2 and, with two cores, 4 that take turns."""

    @classmethod
    def setUpClass(cls):
        made = Made({"name": "q", "kind": "discrete", "baselines": ["lock"], "contestants": ["map"], "axis": {
            "name": "threads", "field": "threads", "scale": "log2", "lo": 1, "hi": 4, "values": [1, 2, 4]}})
        made.everywhere("q", [(1, 1, {"lock": 100, "map": 110}), (2, 2, {"lock": 100, "map": 80}),
                              ])
        made.everywhere("q", [(4, 4, {"lock": 100, "map": 300})], oversubscribed=True)
        cls.analysis = made.analysis()
        cls.found = conclude.conclude(cls.analysis)

    def test_more_threads_than_cores_stay_out(self):
        row, = self.found["crossovers"]
        self.assertEqual((row["verdict"], row["low"], row["high"], row["estimate"], row["visits"], row["left"]),
                         ("crossover", 1, 2, None, 10, "b"))
        self.assertEqual([(c["axis"], c["verdict"], c["oversubscribed"]) for c in self.found["cells"]],
                         [(1, "slower", False), (2, "faster", False), (4, "slower", True)])
        self.assertEqual(conclude.axis_visits_loose(self.analysis.settings[0]), 4)

    def test_each_value_has_an_equal_share(self):
        setting, = self.analysis.settings
        self.assertEqual([(s.start, s.end, s.names) for s in conclude.winners(self.analysis, setting)],
                         [(0, 0.5, ("lock",)), (0.5, 1, ("map",))])

    def test_a_reference_is_no_winner(self):
        describe = {"strategies": [{"name": "touch", "returns_results": False}]}
        made = Made({"name": "q", "kind": "discrete", "baselines": ["lock"], "contestants": ["map", "touch:x=1"], "axis": {
            "name": "threads", "field": "threads", "scale": "log2", "lo": 1, "hi": 2, "values": [1, 2]}},
                    workers={"x86_64": {"timed": True, "describe": describe}})
        made.everywhere("q", [(1, 1, {"lock": 100, "map": 80, "touch:x=1": 5}), (2, 2, {"lock": 100, "map": 80, "touch:x=1": 5})])
        analysis = made.analysis()
        self.assertEqual([s.names for s in conclude.winners(analysis, analysis.settings[0])], [("map",)])

    def test_throughput_is_of_all_threads(self):
        speed, = (a for a in self.analysis.absolutes if (a.contestant, a.threads) == ("lock", 2))
        self.assertEqual((speed.ns, speed.mops), (200, 10))

    def test_ranks(self):
        self.assertEqual([(r.place, r.ranking.order) for r in conclude.rank_all(self.analysis)],
                         [("1", ("lock", "map")), ("2", ("map", "lock")), ("4", ("lock", "map"))])


class Cells(unittest.TestCase):

    def made(self, ns, threads=1, **meta):
        made = Made({"name": "q", "kind": "cells", "baselines": ["lock"], "contestants": ["map", "null"],
                     "cells": [{"name": "one"}, {"name": "two"}], "threads": [threads]}, **meta)
        made.everywhere("q", [("one", threads, {"lock": 100.0, "map": ns}), ("two", threads, {"lock": 100.0, "map": 50})])
        return made

    def verdicts(self, made):
        return [(c["cell"], c["verdict"]) for c in conclude.conclude(made.analysis())["cells"] if c["a"] == "map"]

    def test_verdicts_on_both_sides_of_delta(self):
        # Intervals are about 0.1 % wide; delta is 2 % at one thread and 3 % at two.
        for effect, threads, verdict in ((0.024, 1, "faster"), (0.016, 1, "equivalent"), (-0.016, 1, "equivalent"),
                                         (-0.024, 1, "slower"), (0.02, 1, "undecided"), (0.024, 2, "equivalent"),
                                         (0.034, 2, "faster"), (-0.034, 2, "slower")):
            with self.subTest(effect=effect, threads=threads):
                made = self.made(100 * math.exp(-effect), threads)
                self.assertEqual(self.verdicts(made), [("one", verdict), ("two", "faster")])

    def test_the_runs_own_delta(self):
        made = self.made(100 * math.exp(-0.024), rules={"delta": {"1": 0.03}})
        self.assertEqual(self.verdicts(made)[0], ("one", "equivalent"))
        for threads, delta in ((1, 0.02), (2, 0.03), (3, 0.03), (4, 0.04), (64, 0.04)):
            self.assertEqual(analyse.delta_for({"delta": {"1": 0.02, "2": 0.03, "4": 0.04}}, threads), delta)
        self.assertEqual([analyse.delta_for({}, threads) for threads in (1, 2, 8)], [0.02, 0.03, 0.05])

    def test_what_is_withheld_has_no_row(self):
        made = self.made(50, withheld=[{"contestant": "map", "what": "lies"}])
        self.assertEqual(self.verdicts(made), [])
        self.assertEqual([a.contestant for a in made.analysis().absolutes], ["lock", "lock"])

    def test_visits_that_do_not_count(self):
        made = self.made(50)
        before = conclude.conclude(made.analysis())["cells"]
        for fields in ({"status": "crashed"}, {"status": "invalid"}, {"timed": False}, {"purpose": "validate"},
                       {"purpose": "aa"}, {"question": "harness"}):
            made.add(fields.pop("question", "q"), ["lock", "map"], [100, 1000], name="one", **fields)
        self.assertEqual(conclude.conclude(made.analysis())["cells"], before)
        self.assertEqual([r["visit"] for r in views.bad_visits(made.analysis())], ["10", "11"])

    def test_a_map_against_itself(self):
        made = self.made(50)
        for effect in (0.001, -0.001, 0.002, -0.002, 0.0, 0.05):
            made.add("q", ["lock", "lock"], [100, 100 * math.exp(-effect)], name="one", purpose="aa")
        for _ in range(6):
            made.add("q", ["twin", "twin"], [100, 90], name="one", purpose="aa")
        found = conclude.conclude(made.analysis())["aa"]
        self.assertEqual((found["visits"], found["cells"], found["beyond"]), (12, 2, 1))
        self.assertAlmostEqual(found["outside"], 7 / 12, delta=1e-4)
        self.assertEqual([(g["contestant"], g["verdict"], g["visits"]) for g in found["groups"]],
                         [("lock", "undecided", 6), ("twin", "faster", 6)])
        self.assertAlmostEqual(found["groups"][1]["ratio"], 100 / 90, delta=1e-4)

    def test_the_cost_of_the_harness(self):
        made = self.made(50)
        for ns in (2, 3, 9):
            made.add("harness", ["lock", "null"], [100, ns], name="one", threads=1, purpose="harness")
        cost, = made.analysis().harness
        self.assertEqual((cost.ns, cost.visits), (3, 3))

    def test_what_was_validated(self):
        made = self.made(50)
        for status, operations in (("ok", 7), ("ok", 5), ("crashed", 100)):
            made.add("q", ["lock", "map"], [math.nan] * 2, timed=False, status=status, operations=operations,
                     what="" if status == "ok" else "signal 11")
        found, = conclude.validations(made.analysis())
        self.assertEqual((found.visits, found.operations, found.failures), (2, 12, ["crashed: signal 11"]))
        self.assertEqual(found.contestants, ("lock", "map"))

    def test_findings_put_the_largest_first(self):
        made = self.made(100 / 1.5)
        texts = [f.text for f in words.findings(made.analysis(), {}, [])]
        self.assertRegex(texts[0], r"^two, 1 thread: map runs at 2.00× the speed of lock")
        self.assertRegex(texts[1], r"^one, 1 thread: map runs at 1.50× the speed of lock")


class Pairs(unittest.TestCase):

    def test_each_unordered_pair_once_baselines_first(self):
        question = {"baselines": ["lock", "twin"], "contestants": ["map", "twin", "lock"]}
        self.assertEqual(analyse.pairs(question, []), [("map", "lock"), ("twin", "lock"), ("map", "twin")])

    def test_stretches_of_the_same_leaders_are_one(self):
        made = [conclude.Stretch(i / 4, (i + 1) / 4, names, decided) for i, (names, decided) in enumerate((
            (("a",), True), (("a",), True), (("a",), False), (("a", "b"), False)))]
        self.assertEqual(conclude._merge(made), [conclude.Stretch(0, 0.5, ("a",), True), *made[2:]])

    def test_figures_of_the_tapes_along_the_axis(self):
        visits = [types.SimpleNamespace(realised=r, axis=x) for r, x in (({"hit_rate": 0.5}, 3), (None, 4), ({"hit_rate": 1.0}, None),
                                                                         ({"hit_rate": 0.25}, 0))]
        self.assertEqual(conclude.realised_rows(types.SimpleNamespace(visits=visits)),
                         [{"hit_rate": 0.5, "x": 3.0}, {"hit_rate": 0.25, "x": 0.0}])

    def test_who_is_not_beaten(self):
        for scores, names, known in (({"a": (0.5, 0.003), "b": (0.49, 0.003), "c": (0.3, 0.01)}, ("a", "b"), True),
                                     ({"a": (0.5, 0.03), "b": (0.49, 0.04), "c": (0.3, 0.01)}, ("a", "b"), False),
                                     ({"a": (0.5, 0.003), "c": (0.4, 0.11)}, ("a", "c"), False),
                                     ({"b": (0.5, 0.0), "a": (0.5, 0.0)}, ("a", "b"), True), ({"a": (0.5, 0.1)}, ("a",), True)):
            self.assertEqual(conclude._best(scores, 0.02), (names, known), scores)

    def test_templates_mean_what_they_were_filled_with(self):
        visit = load.Visit(1, "q", 8, None, "stationary", 1, ["lock", "sharded:shards=8"], "lock", {}, "", True, "cell",
                           "", {}, False)
        self.assertEqual([analyse.index_of(visit, c) for c in ("sharded:shards={}", "sharded:shards=8", "lock", "x")],
                         [1, 1, 0, None])

    def test_numbers_keep_the_digits_their_intervals_bear(self):
        self.assertEqual([conclude.rounded(v) for v in (1.2345678, 1234567.0, 0.0, math.nan, math.inf, None)],
                         [1.2346, 1234600.0, 0.0, None, None, None])


if __name__ == "__main__":
    unittest.main()
