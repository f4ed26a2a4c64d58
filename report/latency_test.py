# SPDX-License-Identifier: Apache-2.0
"""Latency in the paper: figures over visits, decays with known answers, and a section of a simulated run."""

import json
import math
import pathlib
import random
import re
import tempfile
import types
import unittest

from report import analyse, conclude, latency, load, main, render
from report.figures import latency as figures
from report.figures import style
from report.stats.sparse_for_tests import sparse
from report.testdata import arrivals, make_testdata

QUESTIONS = [
    {"name": "orders", "title": "Orders?", "kind": "cells", "cells": [{"name": "o", "title": "orders"}],
     "arrivals": {"course": "rungs"}, "threads": [2], "baselines": ["mutex_map"], "contestants": ["sync_map"]},
    {"name": "stalls", "title": "Stalls?", "kind": "cells", "cells": [{"name": "f", "title": "filled"}],
     "arrivals": {"course": "fill"}, "threads": [1], "regimes": ["fixed_distinct"], "baselines": ["mutex_map"],
     "contestants": ["mutex_map@reserve"]},
    {"name": "shapes", "title": "Shapes?", "kind": "cells", "cells": [{"name": "o", "title": "orders"}],
     "arrivals": {"course": "shapes"}, "threads": [2], "baselines": ["mutex_map"], "contestants": ["sync_map"]}]


def times(median, tail, count=200_000):
    counts = [max(1, n * count // 1000) if n > 0 else n for n in sparse([median] * 980 + [tail] * 20)]
    return {"response": counts, "service": sparse([median] * 10), "lag": sparse([20] * 10), "max": [tail * 20, median, 20]}


def visit(number, question, contestants, lines, threads, regime="stationary"):
    """The lines of a visit that ended well, with two blocks where the throughput of sync_map is twice mutex_map's."""
    name = {"orders": "o", "stalls": "f", "shapes": "o"}[question]
    out = [{"t": "visit", "question": question, "contestants": contestants, "baseline": contestants[0], "workload": {},
            "cell": {"name": name, "regime": regime, "threads": threads}, "threads": threads, "timed": True, "purpose": "cell"}]
    if question != "stalls":
        out += [{"t": "slice", "b": b, "c": c, "n": 1000, "ns": 50_000 / (1 + (spec == "sync_map"))}
                for b in (0, 1) for c, spec in enumerate(contestants)]
    out += [{"t": "clock", "n": 10, "ns": 10**8, "gap": sparse([25] * 10), "max": 4000}, *lines,
            {"t": "end"}, {"t": "visit_end", "status": "ok", "seconds": 1}]
    return [{**line, "v": number} for line in out]


def orders(i):
    """sync_map is faster, its tail five times as long; both are saturated at the highest load."""
    scale = 1 + 0.02 * (i % 3)
    out = [{"t": "capacity", "c": c, "rate": rate, "n": 9, "service": [9]} for c, rate in ((0, 1e6), (1, 2e6), (2, 1e7))]
    for c, of, load_ in [(0, 0, 0.1), (0, 0, 0.5), (0, 0, 0.95), (1, 1, 0.1), (1, 1, 0.5), (1, 1, 0.95), (1, 0, 0.5), (2, 0, 0.5)]:
        line = {"t": "latency", "c": c, "of": of, "load": load_, "offered": load_ * (1 + of) * 1e6, "achieved": 1, "n": 200_000,
                "ns": 10**8}
        out.append({**line, "saturated": 1} if load_ == 0.95 else
                   {**line, **times(100, round((500, 2500, 110)[c] * scale))})
    return out


def stalls(i):
    def fill(c, longest):
        row = {"n": 512, "response": [300, None, longest], "service": [300, None, longest]}
        return {"t": "fill", "c": c, "rate": 1e6, "n": 1000, "ns": 10**6, "response": sparse([300] * 9), "lag": [9],
                "service": sparse([300] * 9), "max": [longest, longest, 0], "counters": {"grown": 3},
                "doublings": [{"size": 512, "at": 600, **row}, {"size": 1024, "at": 1999, **row, "service": [300, None, longest + 1]}]}
    return [fill(0, 40_000_000 + i), fill(1, 900_000 + i), fill(2, 100_000)]


def shapes(i):
    def shape(c, name, p99, **marks):
        return {"t": "shape", "c": c, "shape": name, "offered": 1e6, "achieved": 1e6, "n": 1, "ns": 10**8, "window": 10**7,
                "due": [5] * 10, "done": [5] * 10, "p50": [100] * 10, "p99": p99, "max": p99, "from": [], "until": [], **marks}
    del i
    calm = [1000] * 10
    step = [1000, 1000, 1000, 9000, 9000, 8000, 3000, 1900, 1000, 1000]
    marks = {"from": [3 * 10**7], "until": [5 * 10**7]}
    return [shape(c, name, step if name == "step" else calm, **(marks if name == "step" else {}))
            for c in (0, 1, 2) for name in ("even", "poisson", "burst", "step")]


def write(run, visits=12):
    lines, number = [], 0
    for i in range(visits):
        for question, make, contestants, threads, regime in (
                ("orders", orders, ["mutex_map", "sync_map", "null"], 2, "stationary"),
                ("stalls", stalls, ["mutex_map", "mutex_map@reserve", "null"], 1, "fixed_distinct"),
                ("shapes", shapes, ["mutex_map", "sync_map", "null"], 2, "stationary")):
            number += 1
            lines += visit(number, question, contestants, make(i), threads, regime)
    (run / "samples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (run / "run.json").write_text(json.dumps({
        "schema": 1, "run": "r", "status": "complete", "questions": QUESTIONS, "visits": number}))


class Decay(unittest.TestCase):

    def windows(self, p99, start, until):
        return {"window": 10, "p99": p99, "from": [start], "until": [until]}

    def test_until_responses_are_as_before(self):
        self.assertEqual(latency.decay_after(self.windows([5, 5, 50, 50, 12, 10, 5], 20, 30)), [20 / 1e9])
        self.assertEqual(latency.decay_after(self.windows([5, 5, 9, 5, 5], 20, 20)), [0.0])

    def test_that_do_not_come_back_or_that_nothing_is_known_of(self):
        self.assertEqual(latency.decay_after(self.windows([5, 5, 50, 50], 20, 30)), [None])
        self.assertEqual(latency.decay_after(self.windows([None, None, 50, 5], 20, 30)), [])

    def test_the_next_burst_ends_the_time(self):
        windows = {"window": 10, "p99": [5, 50, 50, 50, 5], "from": [10, 30], "until": [10, 30]}
        self.assertEqual(latency.decay_after(windows), [None, 10 / 1e9])


    def test_a_window_is_the_least_that_is_known(self):
        def shape(p99):
            windows = {"window": 10**7, "p99": p99, "p50": p99, "done": [5] * len(p99), "from": [2 * 10**7], "until": [3 * 10**7]}
            return types.SimpleNamespace(contestant=0, shape="step", state="ok", windows=windows, counters={})
        for p99, decay, still in (([5, 5, 50, 5, 5], 0.005, 0), ([5, 5, 50, 50, 50, 5], 0.02, 0), ([5, 5, 50, 50], math.nan, 1)):
            found, = latency._shaped("map", [(types.SimpleNamespace(shapes=[shape(p99)] * 3), 0)])  # pylint: disable=protected-access
            self.assertEqual((found.visits, found.window, found.open), (3, 0.01, 3 * still))
            self.assertTrue(found.decay.value == decay or math.isclose(found.decay.value, decay) or still)


class Words(unittest.TestCase):

    def test_durations(self):
        for ns, text in ((0.6, "0.6 ns"), (87, "87 ns"), (340, "340 ns"), (1500, "1.5 µs"), (23_950, "24 µs"), (996_000, "1 ms"),
                         (4.4e8, "440 ms"), (2.5e9, "2.5 s")):
            self.assertEqual(style.duration(ns), text)
        self.assertEqual([figures.rate(r) for r in (950, 80_000, 1.23e6)], ["950", "80k", "1.2M"])

    def test_an_interval_needs_two_visits(self):
        self.assertEqual(latency.figure([5.0]).visits, 1)
        self.assertEqual(latency.figure([5.0]).high, math.inf)
        self.assertFalse(latency.figure([math.nan]).known)


class Paper(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.path = pathlib.Path(cls.folder.name)
        write(cls.path)
        cls.analysis = analyse.analyse(load.load(cls.path))
        cls.said = conclude.conclude(cls.analysis)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_verdicts_on_tails_and_on_time_stand_side_by_side(self):
        rows = {(r["experiment"], r.get("metric", "time")): r for r in self.said["cells"]}
        self.assertEqual(rows["orders", "time"]["verdict"], "faster")
        self.assertAlmostEqual(rows["orders", "time"]["ratio"], 2, delta=0.01)
        self.assertEqual(rows["orders", "p99"]["verdict"], "slower")
        self.assertAlmostEqual(rows["orders", "p99"]["ratio"], 0.2, delta=0.01)
        self.assertEqual(rows["stalls", "longest_store"]["verdict"], "faster")
        self.assertAlmostEqual(rows["stalls", "longest_store"]["ratio"], 40e6 / 9e5, delta=1)
        self.assertNotIn(("stalls", "p99"), rows)  # so few operations bear no percentile
        self.assertNotIn(("stalls", "time"), rows)

    def test_figures_over_visits(self):
        place = self.analysis.latency[0]
        mutex, sync = place.runners
        self.assertEqual((mutex.contestant, [p.load for p in mutex.rungs]), ("mutex_map", [0.1, 0.5, 0.95]))
        self.assertTrue(mutex.rungs[2].saturated)
        self.assertEqual(mutex.rungs[2].response, {})
        self.assertAlmostEqual(sync.common.response[0.99].value, 2550, delta=60)
        self.assertEqual(sync.common.response[0.99].visits, 12)
        self.assertFalse(sync.common.response[0.9999].known)  # 20 of 200 000 lie beyond
        self.assertAlmostEqual(place.gap.value, 4000)
        self.assertIsNone(place.lag)  # the lags are of ten operations
        filler = self.analysis.latency[1].fillers[0]
        self.assertEqual((filler.at, filler.counters), (1999, {"grown": 3}))
        self.assertAlmostEqual(filler.doublings[0].longest.value, 40e6, delta=100)
        step = [s for s in self.analysis.latency[2].shapes if s.shape == "step"][0]
        self.assertAlmostEqual(step.decay.value, 0.02)

    def test_the_page_says_it(self):
        main.build(self.path)
        page = (self.path / "report/index.html").read_text()
        text = re.sub(r"<[^>]+>", "", page)
        self.assertIn("sync_map: 99th percentile longer than mutex_map’s, 5.00 times", text)
        self.assertIn("faster, and its p99 is longer", text)
        self.assertIn("The floor: with the null map responses reach", text)
        self.assertIn("The longest store: mutex_map 40 ms at 1\u2009999 entries".replace("\u2009", text[text.index("mutex_map 40 ms at 1") + 20]), text)
        self.assertIn("After the step responses are as before: mutex_map after 20\u202fms".replace("\u202f", " "), text.replace("\u202f", " "))
        self.assertNotIn("had every block rejected", text)
        shown = main.figures(self.path)
        for name in ("fig-orders-o-2-percentiles", "fig-orders-o-2-loads", "fig-stalls-f-1-growth", "fig-shapes-o-2-shapes"):
            self.assertIn('role="img" aria-label="', shown[name])
            self.assertIn(f'download="{name}.csv"', page)
        self.assertEqual(render.render(render.compose(self.analysis)).html, page)

    def test_a_recording_at_its_own_times(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "run"
            make_testdata.make(path, "empty")
            arrivals.add(path, {}, traced={"mutex_map": 9000.0, "sync_map": 3000.0, "sharded_map": math.inf}, trace="ab")
            analysis = analyse.analyse(load.load(path))
            place, = analysis.latency
            self.assertTrue(place.recorded)
            self.assertEqual([r.common.saturated for r in place.runners], [False, False, True])
            self.assertAlmostEqual(place.runners[0].common.offered.value, 40_000)
            self.assertAlmostEqual(latency.at_half(place.control).response[0.99].value, 110, delta=10)
            said = conclude.conclude(analysis)
            row = next(r for r in said["cells"] if r["experiment"] == "traced")
            self.assertEqual((row["metric"], row["a"], row["verdict"]), ("p99", "sync_map", "faster"))
            self.assertAlmostEqual(row["ratio"], 3, delta=0.3)
            rows = {r["contestant"]: r for r in said["latency"]}
            self.assertEqual((rows["sync_map"]["load"], rows["sync_map"]["of"]), (None, "recording"))
            self.assertTrue(rows["sharded_map"]["saturated"])
            self.assertIn("response", rows["null"])
            json.dumps(said, allow_nan=False)
            main.build(path)
            text = re.sub(r"<[^>]+>", "", (path / "report/index.html").read_text(encoding="utf-8"))
            self.assertIn("all meet the operations of the trace as they arrived there (40k operations a second).", text)
            self.assertIn("could not keep up", text)
            self.assertNotIn("Keeps up with Poisson arrivals", text)

    def test_verdicts_json_has_loads_fills_and_shapes(self):
        rows = [r for r in self.said["latency"] if r["contestant"] == "sync_map" and r["experiment"] == "orders"]
        self.assertEqual([(r["load"], r["of"], r["saturated"]) for r in rows], [
            (0.1, "sync_map", False), (0.5, "sync_map", False), (0.95, "sync_map", True), (0.5, "mutex_map", False)])
        self.assertIsNone(rows[0]["response"]["p99.99"])
        json.dumps(self.said, allow_nan=False)


# (kind of line, field, what is put there: GONE takes it away; part of the sentence)
GONE = object()
DAMAGE = [
    ("latency", "response", GONE, "lacks the field response"),
    ("latency", "response", [5, 0], "in the field response, where a histogram"),
    ("latency", "response", [5, -3], "in the field response, where a histogram"),
    ("latency", "response", [-4352, 1], "in the field response, where a histogram"),
    ("latency", "response", "many", 'has the text "many" in the field response'),
    ("latency", "max", [1, 2], "in the field max, where a list of 3 to 3 elements"),
    ("latency", "load", 0, "in the field load"),
    ("latency", "of", 3, "has the number 3 in the field of, where the index of one of the 3 contestants"),
    ("latency", "c", 3, "has the number 3 in the field c"),
    ("capacity", "rate", 0, "has the number 0 in the field rate"),
    ("clock", "gap", None, "has null in the field gap"),
    ("fill", "doublings", GONE, "lacks the field doublings"),
    ("fill", "doublings", [{"size": 0}], "in the field doublings[0].size"),
    ("shape", "shape", "wave", "where one of even, poisson, burst, step belongs"),
    ("shape", "p99", [-1], "in the field p99"),
    ("shape", "window", 0, "has the number 0 in the field window"),
]


class Damage(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name)
        write(self.path, visits=1)
        self.lines = [json.loads(line) for line in (self.path / "samples.jsonl").read_text().splitlines()]

    def put(self, lines):
        (self.path / "samples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

    def test_what_does_not_belong_there_is_named(self):
        for kind, field, value, sentence in DAMAGE:
            with self.subTest(kind=kind, field=field, value=value):
                lines = [dict(line) for line in self.lines]
                line = next(line for line in lines if line["t"] == kind)
                if value is GONE:
                    del line[field]
                else:
                    line[field] = value
                self.put(lines)
                with self.assertRaises(load.ResultsError) as caught:
                    load.load(self.path)
                self.assertIn(sentence, str(caught.exception))

    def test_what_may_stand_there_makes_a_paper(self):
        rng = random.Random(5)
        odd = [0, 1, -1, 2**40, 1e17, [], [1], None, "", {}, True, GONE]
        for trial in range(60):
            lines = [dict(line) for line in self.lines]
            for _ in range(1 + trial % 3):
                line = rng.choice([line for line in lines if line["t"] in ("latency", "fill", "shape", "clock", "capacity")])
                field = rng.choice(sorted(set(line) - {"t", "v"}))
                value = rng.choice([*odd, *([line[field][:1], line[field] * 2] if isinstance(line[field], list) else [])])
                line.pop(field) if value is GONE else line.update({field: value})
            self.put(lines)
            try:
                run = load.load(self.path)
            except load.ResultsError:
                continue
            render.render(render.compose(analyse.analyse(run)))


if __name__ == "__main__":
    unittest.main()
