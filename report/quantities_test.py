# SPDX-License-Identifier: Apache-2.0
"""What visits tell beside their effects: scenarios, summed up over visits, nothing trimmed, and read by the rules and the
tables; and from round to round, who drifts."""

import math
import random
import types
import unittest

from report import conclude, control, drift, ladder, quantities, views, words
from report.analyse import Absolute, Cell
from report.claims import measured
from report.claims.model import CONTRADICTED, SUPPORTED, UNDECIDED, Evidence
from report.stats import cells as cells_lib


def visit(amounts, **fields):
    return types.SimpleNamespace(question="stock", name="load_then_store", axis=None, regime="stationary", threads=2,
                                 contestants=["mutex_map", "sync_map"], oversubscribed=False, amounts=amounts, latency=None, **fields)


def rows(*shares):
    return quantities.rows(quantities.summarise(visit({1: {"oversold": share}}) for share in shares), conclude.rounded)


class Quantities(unittest.TestCase):

    def test_means_over_visits_with_an_interval(self):
        row, = rows(0.1, 0.2, 0.3)
        self.assertEqual((row["experiment"], row["cell"], row["contestant"], row["metric"], row["threads"], row["visits"]),
                         ("stock", "load_then_store", "sync_map", "oversold", 2, 3))
        self.assertAlmostEqual(row["value"], 0.2)
        self.assertLess(row["low"], 0.2)
        self.assertGreater(row["high"], 0.2)
        self.assertGreaterEqual(row["low"], 0)  # of a share no interval goes below 0

    def test_one_mistake_in_many_visits_is_not_trimmed(self):
        row, = rows(*([0.0] * 29), 0.3)
        self.assertAlmostEqual(row["value"], 0.01)

    def test_one_visit_has_no_interval(self):
        row, = rows(0.1)
        self.assertEqual((row["low"], row["high"]), (None, None))

    def test_intervals_stay_where_the_quantity_can_be(self):
        row, = rows(0.0, 1.0)  # the interval of a mean of 0.5 is far wider
        self.assertEqual((row["value"], row["low"], row["high"]), (0.5, 0.0, 1.0))
        found = quantities.summarise(visit({1: {"reads_per_s": rate}}) for rate in (1.0, 9.0))
        row, = quantities.rows(found, conclude.rounded)
        self.assertEqual((row["value"], row["low"]), (5.0, 0.0))
        self.assertGreater(row["high"], 50)

    def test_rules_read_them(self):
        rule = measured.Amount("stock", "load_then_store", "sync_map", 0, 0, metric="oversold", threads=2)
        for shares, verdict in (((0.0, 0.0, 0.0), SUPPORTED), ((0.1, 0.11, 0.12), CONTRADICTED), ((0.1,), UNDECIDED)):
            evidence = Evidence({"quantities": rows(*shares)}, {}, {})
            self.assertEqual(rule.decide(evidence).verdict, verdict, shares)

    def test_tables_have_a_column_for_each_metric(self):
        found = quantities.summarise([visit({0: {"oversold": 0.0}, 1: {"oversold": 0.25, "reads_per_s": 1000.0}}),
                                      visit({0: {"oversold": 0.0}, 1: {"oversold": 0.25, "reads_per_s": 1000.0}})])
        analysis = types.SimpleNamespace(quantities=found, thread_names={2: "all cores"})
        question = {"name": "stock", "cells": [{"name": "load_then_store", "title": "Load, then Store"}]}
        table, = views.told(analysis, question)
        self.assertEqual(table.where, "Load, then Store, 2 threads, all cores")
        self.assertEqual(table.metrics, ["oversold", "reads a second"])
        self.assertEqual(table.rows[0], ("mutex_map", ["0 % ± 0 %", "–"]))
        self.assertEqual(table.rows[1][0], "sync_map")
        self.assertIn("25.0 %", table.rows[1][1][0])
        self.assertEqual(views.told(analysis, {"name": "other", "cells": []}), [])

    def test_units_are_at_the_end_of_names(self):
        self.assertEqual(words.metric("longest_read_us"), "longest read, µs")
        self.assertEqual(words.metric("made_in_vain"), "made in vain")


class Tails(unittest.TestCase):
    """The 99th percentiles that scenarios told, pair by pair."""

    def tails(self, *told):
        """told: by visit the 99th percentiles of mutex_map and sync_map"""
        question = {"name": "stock", "cells": [{"name": "load_then_store"}, {"name": "never"}]}
        visits = [visit({0: {"p99_ns": a} if a else {}, 1: {"p99_ns": b} if b else {}}) for a, b in told]
        setting = types.SimpleNamespace(question=question, visits=visits, regime="stationary", threads=2)
        return quantities.tails([setting], lambda *_: [("sync_map", "mutex_map")])

    def test_pairs_are_decided_over_visits(self):
        tail, = self.tails(*((40 + i % 3, 10) for i in range(12)))
        self.assertEqual((tail.cell, tail.a, tail.b, tail.metric, tail.verdict), ("load_then_store", "sync_map", "mutex_map",
                                                                                  "p99", "faster"))
        self.assertAlmostEqual(tail.estimate.effect, 1.41, delta=0.02)
        self.assertEqual(self.tails(*((10, 40) for _ in range(12)))[0].verdict, "slower")

    def test_who_has_none_has_no_part(self):
        self.assertEqual(self.tails((None, 10), (10, None)), [])
        self.assertEqual(self.tails((40, 10), (None, 10))[0].estimate.visits, 1)


class Counts(unittest.TestCase):
    """What maps count, by operation, of the questions that want it."""

    COUNTS = {"stock": {"counts": {"locked_miss_share": "misses", "entries_copied_per_op": "copied"}}}

    def told(self, counters, counted, counts):
        visits = [visit({}, counters={1: counters}, counted={1: counted})] * 3
        return {r["metric"]: (r["contestant"], r["value"])
                for r in quantities.rows(quantities.summarise(visits, counts), conclude.rounded)}

    def test_by_operation(self):
        found = self.told({"misses": 50, "copied": 4000, "other": 1}, 1000, self.COUNTS)
        self.assertEqual(found, {"locked_miss_share": ("sync_map", 0.05), "entries_copied_per_op": ("sync_map", 4.0)})
        self.assertEqual(words.metric("entries_copied_per_op"), "entries copied an operation")

    def test_only_where_it_is_asked_and_known(self):
        self.assertEqual(self.told({"misses": 50}, 1000, {}), {})
        self.assertEqual(self.told({"misses": 50}, 1000, {"another": {"counts": {"x": "misses"}}}), {})
        self.assertEqual(self.told({"other": 50}, 1000, self.COUNTS), {})
        self.assertEqual(self.told({"misses": 50}, 0, self.COUNTS), {})


class Times(unittest.TestCase):

    def test_an_operation_takes_its_thread_so_long(self):
        read = types.SimpleNamespace(nanoseconds=lambda c: (math.nan, 12.5)[c])  # of all threads together
        visits = [visit({}, read=read)] * 2
        row, = quantities.rows(quantities.summarise(visits, {"stock": {"absolute": True}}), conclude.rounded)
        self.assertEqual((row["contestant"], row["metric"], row["value"]), ("sync_map", "operation_ns", 25.0))
        self.assertEqual(quantities.summarise(visits, {"stock": {}}), [])


class Controls(unittest.TestCase):

    QUESTION = {"name": "lines", "control": {"cell": "one_word", "a": "apart", "b": "same", "least": 3}}

    def said(self, *ratios, question=None, visits=(1,)):
        """ratios: by number of threads from 2 on, (low, middle, high) of the control"""
        question = question or self.QUESTION
        cells = [Cell("lines", "one_word", None, "apart", "same", "stationary", 2 + i, cells_lib.Estimate(
            12, math.log(middle), *(math.log(v) if v else math.nan for v in (low, high)), 0.0), "faster")
            for i, (low, middle, high) in enumerate(ratios)]
        analysis = types.SimpleNamespace(cells=cells, settings=[types.SimpleNamespace(question=question, visits=visits)])
        return control.sentences(analysis, question)

    def test_shown_hidden_and_open(self):
        shown, hidden, undecided, few = self.said((5, 6, 7), (0.9, 1, 1.1), (2, 3, 4), (None, 9, None))
        self.assertEqual(shown, "The control shows: with 2 threads apart is 6.00× (5.00 to 7.00) as fast as same, 3× at least")
        self.assertTrue(hidden.startswith("This cannot be shown here: with 3 threads apart is 1.00× (0.90 to 1.10)"), hidden)
        self.assertIn("is not known: with 4 threads", undecided)
        self.assertIn("in too few visits for an interval", few)
        self.assertIn("not known", few)

    def test_without_it(self):
        self.assertIn("its control was not measured", self.said()[0])
        self.assertEqual(self.said(visits=()), [])
        self.assertEqual(self.said(question={"name": "lines"}), [])


class Drifts(unittest.TestCase):
    """Who gets slower or larger is found, whatever the machine does meanwhile, and nobody else is named."""

    TEAM = ["mutex_map", "steady_map", "hoarding_map", "slowing_map", "uncounted_map", "shrinking_map"]
    SLOWER, LARGER = {"slowing_map": 0.004}, {"hoarding_map": 0.003, "shrinking_map": -0.003}

    def visit(self, seed, rounds=50, machine=0.0, noise=0.02, rejected=()):
        rng = random.Random(seed)
        first = 7  # blocks of warm-up went before
        blocks, held = {}, {c: [] for c, name in enumerate(self.TEAM) if name != "uncounted_map"}
        for i in range(rounds):
            meanwhile = machine * i + noise * rng.gauss(0, 1)
            if i not in rejected:
                blocks[first + i] = [40 * math.exp(meanwhile + self.SLOWER.get(name, 0.0) * i + noise * rng.gauss(0, 1))
                                     for name in self.TEAM]
            for c, sizes in held.items():
                sizes.append((first + i, round(1e6 * math.exp(self.LARGER.get(self.TEAM[c], 0.0) * i + 0.01 * rng.gauss(0, 1)))))
        return types.SimpleNamespace(
            question="churn_rounds", name="reuse_50", axis=None, regime="stationary", threads=2, oversubscribed=False,
            contestants=self.TEAM, rounds=held, read=types.SimpleNamespace(blocks=blocks),
            blocks=frozenset(range(first, first + rounds)))

    def rows(self, visits=12, **kind):
        found = drift.summarise(self.visit(seed, **kind) for seed in range(visits))
        return {r.contestant: r for r in found}, found

    def test_who_drifts_is_named(self):
        by, found = self.rows(machine=0.01, rejected=(3, 17))
        self.assertEqual({name for name, r in by.items() if r.drifts}, {"slowing_map", "hoarding_map"})
        self.assertEqual({r.contestant for r in found[:2]}, {"slowing_map", "hoarding_map"})
        self.assertEqual((by["slowing_map"].time_verdict, by["slowing_map"].memory_verdict), ("slower", "steady"))
        self.assertEqual((by["hoarding_map"].time_verdict, by["hoarding_map"].memory_verdict), ("steady", "larger"))
        self.assertEqual((by["steady_map"].time_verdict, by["steady_map"].memory_verdict), ("steady", "steady"))
        self.assertEqual((by["shrinking_map"].memory_verdict, by["shrinking_map"].drifts), ("smaller", False))
        self.assertEqual((by["uncounted_map"].memory, by["uncounted_map"].memory_verdict), (None, "–"))
        for name, slope in self.SLOWER.items():
            self.assertLess(by[name].time.low, slope)
            self.assertGreater(by[name].time.high, slope)
        self.assertAlmostEqual(by["hoarding_map"].memory.effect, 0.003, delta=2e-4)
        # The baseline has nobody beside it: what the machine does is in its own slope.
        self.assertFalse(by["mutex_map"].relative)
        self.assertEqual(by["mutex_map"].time_verdict, "slower")
        self.assertEqual(by["mutex_map"].rounds, 50)

    def test_one_jump_is_no_slope(self):
        points = [(i, 0.0 if i < 45 else 1.0) for i in range(50)]
        self.assertEqual(drift.slope(points), 0.0)
        self.assertAlmostEqual(drift.slope((i, 0.25 * i) for i in range(8)), 0.25)
        self.assertTrue(math.isnan(drift.slope((i, 0.25 * i) for i in range(7))))

    def test_few_visits_decide_nothing(self):
        by, _ = self.rows(visits=1)
        self.assertEqual({r.time_verdict for r in by.values()}, {"undecided"})
        self.assertEqual(drift.summarise([types.SimpleNamespace(rounds={}, contestants=self.TEAM, read=None)]), [])
        noisy, _ = self.rows(visits=3, noise=1.0)
        self.assertEqual(noisy["steady_map"].time_verdict, "undecided")

    def test_rows_and_words(self):
        _, found = self.rows()
        rows = drift.rows(found, conclude.rounded)
        self.assertEqual({r["contestant"] for r in rows[:2]}, {"slowing_map", "hoarding_map"})
        hoards = next(r for r in rows if r["contestant"] == "hoarding_map")
        self.assertAlmostEqual(hoards["memory"]["change"], math.expm1(0.003), delta=2e-4)
        self.assertEqual((hoards["memory_verdict"], hoards["visits"], hoards["rounds"], hoards["against_baseline"]), ("larger", 12, 50, True))
        self.assertIsNone(next(r for r in rows if r["contestant"] == "uncounted_map")["memory"])
        one = drift.rows(self.rows(visits=1)[1], conclude.rounded)[0]
        self.assertEqual((one["time"]["low"], one["time"]["high"]), (None, None))
        said = drift.shown(found, lambda r: "10K keys, 2 threads")
        self.assertRegex(said.sentences[0], r"^Over 50 rounds on the same map these drift: \w+ \(.*\) and \w+ \(.*\)\.$")
        self.assertIn("hoarding_map (larger by +0.30", said.sentences[0])
        self.assertEqual(len(said.rows), len(self.TEAM))
        self.assertEqual({len(row) for row in said.rows}, {10})
        self.assertIsNone(drift.shown([], str))
        steady = drift.shown([r for r in found if r.contestant == "steady_map"], lambda r: "there")
        self.assertIn("nobody is seen to drift", steady.sentences[0])


class Ladders(unittest.TestCase):
    """One map's times in several cells, side by side."""

    def tables(self, times, threads=2, **question):
        """times: contestant -> {cell: ns}, each of three visits"""
        analysis = types.SimpleNamespace(
            thread_names={2: "all cores"}, run=types.SimpleNamespace(strategies=lambda: []),
            absolutes=[Absolute("sizes", cell, "stationary", threads, name, ns, 1e3 / ns, 3)
                       for name, cells in times.items() for cell, ns in cells.items()])
        cells = [{"name": "small", "title": "8 bytes"}, {"name": "large", "title": "4 KiB"}, {"name": "other", "title": "never"}]
        return ladder.tables(analysis, {"name": "sizes", "cells": cells, "side_by_side": True, **question})

    def test_rows_are_maps_and_columns_measured_cells(self):
        table, = self.tables({"slow": {"small": 50.0, "large": 500.0}, "fast": {"small": 10.0, "large": 40.0},
                              "lone": {"small": 20.0}})
        self.assertEqual((table.where, table.cells, table.visits, table.left_out),
                         ("2 threads, all cores", ["8 bytes", "4 KiB"], "3 visits", 1))
        self.assertEqual(table.rows, [("fast", ["10.0", "40.0"], "4.00×"), ("slow", ["50.0", "500"], "10.0×")])

    def test_many_maps_leave_some_out(self):
        many = {f"map_{i:02}": {"small": 10.0 + i, "large": 100.0} for i in range(20)}
        table, = self.tables(many)
        self.assertEqual((len(table.rows), table.left_out), (ladder.MOST, 20 - ladder.MOST))

    def test_only_where_asked_and_where_there_are_two_cells(self):
        both = {"a": {"small": 1.0, "large": 2.0}}
        self.assertEqual(self.tables(both, side_by_side=False), [])
        self.assertEqual(self.tables({"a": {"small": 1.0}}), [])
        self.assertEqual(len(self.tables(both)), 1)

    def test_shares_of_huge_pages_are_said_where_they_are_asked(self):
        question = {"name": "pages", "cells": [{"name": "a", "pages": "asked"}, {"name": "h", "pages": "huge"}, {"name": "s"}]}

        def said(question=question, **shares):
            visits = [types.SimpleNamespace(question="pages", name=cell, huge_share=share)
                      for cell, found in shares.items() for share in found]
            return ladder.huge_pages(types.SimpleNamespace(
                run=types.SimpleNamespace(visits=visits), used=lambda v: v.huge_share != 0.77), question)
        self.assertIn("as each map asks, 30 %; huge pages for all, 90 %.", said(a=[0.1, 0.3, 0.4, 0.77], h=[0.9, None], s=[0.5]))
        self.assertNotIn("cannot be shown", said(h=[0.9]))
        self.assertIn("cannot be shown here", said(a=[0.0], h=[0.02]))
        self.assertEqual(said(), "")
        self.assertEqual(said(question={"name": "pages", "axis": {}}, a=[0.5]), "")


if __name__ == "__main__":
    unittest.main()
