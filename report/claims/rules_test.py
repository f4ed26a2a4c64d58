# SPDX-License-Identifier: Apache-2.0
"""The rules against conclusions made up to fall on each side of every threshold, alone and in the ledger's rows."""

import math
import types
import unittest

from report import claims
from report.claims import counted, measured, model
from report.claims.measured import Amount, Best, Crosses, FasterBelow, Order, Reaches, Speed, Steps, Tells
from report.claims.model import (CONTRADICTED, NOT_ASKED, NOT_TESTABLE, PARTLY, SUPPORTED, UNDECIDED, Evidence,
                                 agreement, conjunction)
from report.claims.ranked import Ahead, Leads, TellsApart


def evidence(**tables):
    return Evidence(tables, {}, {})


def cell(rule, low, high, verdict="faster", **more):
    field = "cell" if isinstance(rule.cell, str) else "axis"
    return {"experiment": rule.question, "cell": None, "axis": None, field: rule.cell, "a": rule.a, "b": rule.b,
            "regime": rule.regime or "stationary", "threads": max(2, rule.threads), "metric": rule.metric,
            "oversubscribed": rule.loose, "ratio": None if low is None else math.sqrt(max(low, 1e-9) * high),
            "low": low,
            "high": high, "visits": 12, "verdict": verdict, **more}


def curve(rule, verdict, low=None, high=None, left=None, **more):
    return {"experiment": rule.question, "a": rule.a, "b": getattr(rule, "b", "mutex_map"), "regime": "stationary",
            "threads": max(2, rule.threads), "metric": rule.metric, "verdict": verdict, "low": low, "high": high,
            "estimate": None if low is None else (low + high) / 2, "left": left, "visits": 60, **more}


def ranking(rule, order, ties=(), **more):
    return {"experiment": rule.question, "place": str(rule.place), "regime": rule.regime or "stationary",
            "threads": max(2, rule.threads), "order": list(order), "not_told_apart": [list(t) for t in ties], **more}


def met(rule, a, b, verdict, low=0.9, high=1.1):
    """A cell of two maps in the place that a rule on an order is about."""
    pair = types.SimpleNamespace(**{**vars(rule), "a": a, "b": b, "cell": rule.place})
    return cell(pair, low, high, verdict)


def quantity(rule, low, high):
    field = "cell" if isinstance(rule.cell, str) else "axis"
    return {"experiment": rule.question, "cell": None, "axis": None, field: rule.cell, "contestant": rule.contestant,
            "regime": "stationary", "threads": max(2, rule.threads), "metric": rule.metric,
            "value": None if low is None else (low + high) / 2, "low": low, "high": high, "visits": 12}


# For a rule of each class: conclusions that support it, contradict it and leave it undecided. A control shows in all.
def cases(rule):
    for verdict, tables in cases_without_control(rule):
        if rule.control and tables:
            tables = {**tables, "cells": [*tables.get("cells", ()), control(rule, 1.5 * rule.control.least)]}
        yield verdict, tables


def control(rule, low, high=None):
    """What the control of a rule gave."""
    c = rule.control
    pair = types.SimpleNamespace(**{**vars(rule), "cell": c.cell, "a": c.a, "b": c.b, "metric": "time"})
    return cell(pair, low, high or 2 * low)


def cases_without_control(rule):
    if isinstance(rule, (Speed, Amount)):
        row, table = (cell, "cells") if isinstance(rule, Speed) else (quantity, "quantities")
        top = rule.high if rule.high < math.inf else 2 * max(rule.low, 1)
        yield SUPPORTED, {table: [row(rule, rule.low, top)]}
        if rule.high < math.inf:
            yield CONTRADICTED, {table: [row(rule, rule.high * 1.001 + 1e-9, rule.high * 1.1 + 1e-3)]}
            yield UNDECIDED, {table: [row(rule, rule.low, rule.high * 1.001 + 1e-9)]}
        if rule.low > 0:
            yield CONTRADICTED, {table: [row(rule, rule.low * 0.9, rule.low * 0.999)]}
            yield UNDECIDED, {table: [row(rule, rule.low * 0.999, top)]}
        yield UNDECIDED, {table: [row(rule, None, None)]}
    elif isinstance(rule, Order):
        for verdict in ("faster", "slower", "equivalent"):
            yield (SUPPORTED if verdict in rule.expect else CONTRADICTED), {"cells": [cell(rule, 0.9, 1.1, verdict)]}
        yield UNDECIDED, {"cells": [cell(rule, 0.9, 1.1, "undecided")]}
    elif isinstance(rule, Crosses):
        other = "b" if rule.left == "a" else "a"
        low, high = rule.low, rule.high
        width = (high - low) / 100
        yield SUPPORTED, {"crossovers": [curve(rule, "crossover", low, high, rule.left)]}
        yield CONTRADICTED, {"crossovers": [curve(rule, "crossover", low, high, other)]}
        yield CONTRADICTED, {"crossovers": [curve(rule, "crossover", high + width, high + 2 * width, rule.left)]}
        yield CONTRADICTED, {"crossovers": [curve(rule, "crossover", low - 2 * width, low - width, rule.left)]}
        yield (SUPPORTED if rule.overlap else UNDECIDED), {
            "crossovers": [curve(rule, "crossover", low - width, low + width, rule.left)]}
        for word in ("a_throughout", "b_throughout", "equivalent"):
            yield CONTRADICTED, {"crossovers": [curve(rule, word, left=word[0] if "_" in word else None)]}
        for word in ("undecided", "several"):
            yield UNDECIDED, {"crossovers": [curve(rule, word)]}
    elif isinstance(rule, FasterBelow):
        yield SUPPORTED, {"crossovers": [curve(rule, "a_throughout", left="a")]}
        yield SUPPORTED, {"crossovers": [curve(rule, "crossover", 0.5, 0.6, "a")]}
        yield CONTRADICTED, {"crossovers": [curve(rule, "crossover", 0.5, 0.6, "b")]}
        yield CONTRADICTED, {"crossovers": [curve(rule, "b_throughout", left="b")]}
        yield CONTRADICTED, {"crossovers": [curve(rule, "equivalent")]}
        yield UNDECIDED, {"crossovers": [curve(rule, "undecided")]}
    elif isinstance(rule, Reaches):
        def level(*args):
            return {"thresholds": [curve(rule, *args, name=rule.name)]}
        yield SUPPORTED, level("crossover", rule.low, rule.high, "b")
        yield CONTRADICTED, level("crossover", rule.low, rule.high, "a")
        yield CONTRADICTED, level("crossover", rule.high + 0.001, rule.high + 0.01, "b")
        yield CONTRADICTED, level("crossover", rule.low - 0.01, rule.low - 0.001, "b")
        yield UNDECIDED, level("crossover", rule.low - 0.001, rule.high, "b")
        yield UNDECIDED, level("crossover", rule.low, rule.high + 0.001, "b")
        yield CONTRADICTED, level("a_throughout", None, None, "a")
        yield CONTRADICTED, level("b_throughout", None, None, "b")
        yield UNDECIDED, level("undecided")
    elif isinstance(rule, Leads):
        others = [n for n in rule.among if n != rule.name] or ["other_map", "third_map"]
        every = [rule.name, *others]
        yield SUPPORTED, {"rankings": [ranking(rule, every)]}
        yield CONTRADICTED, {"rankings": [ranking(rule, [*others, rule.name])]}
        yield UNDECIDED, {"rankings": [ranking(rule, every, [every])]}
        for word, verdict in (("faster", SUPPORTED), ("slower", CONTRADICTED), ("equivalent", CONTRADICTED),
                              ("undecided", UNDECIDED)):
            yield verdict, {"cells": [met(rule, rule.name, other, word) for other in others]}
        if len(others) > 1:
            yield SUPPORTED, {"cells": [met(rule, rule.name, others[0], "equivalent"),
                                        *(met(rule, rule.name, other, "faster") for other in others[1:])]}
            yield CONTRADICTED, {"cells": [met(rule, rule.name, others[0], "slower"),
                                           *(met(rule, rule.name, other, "faster") for other in others[1:])]}
    elif isinstance(rule, Ahead):
        names = [n if isinstance(rule.place, str) else n.replace("{}", str(rule.place)) for n in (rule.first,
                                                                                                  rule.second)]
        yield SUPPORTED, {"rankings": [ranking(rule, [names[0], "x", names[1]])]}
        yield CONTRADICTED, {"rankings": [ranking(rule, [names[1], "x", names[0]])]}
        yield UNDECIDED, {"rankings": [ranking(rule, names, [names])]}
        for word, verdict in (("faster", SUPPORTED), ("slower", CONTRADICTED), ("equivalent", CONTRADICTED),
                              ("undecided", UNDECIDED)):
            yield verdict, {"cells": [met(rule, rule.first, rule.second, word)]}
        for mine, verdict in (((2.1, 2.2), SUPPORTED), ((1.9, 2.1), UNDECIDED), ((0.8, 0.9), CONTRADICTED),
                              ((None, None), UNDECIDED)):
            yield verdict, {"cells": [met(rule, rule.first, "base", "faster", *mine),
                                      met(rule, rule.second, "base", "faster", 1.0, 2.0)]}
        # A pair that met outweighs a ranking that cannot tell.
        yield SUPPORTED, {"rankings": [ranking(rule, names, [names])],
                          "cells": [met(rule, rule.first, rule.second, "faster")]}
    elif isinstance(rule, TellsApart):
        yield SUPPORTED, {"rankings": [ranking(rule, ["x", "y", "z"], [["x", "y"]])]}
        yield UNDECIDED, {"rankings": [ranking(rule, ["x", "y", "z"], [["x", "y", "z"]])]}
        yield SUPPORTED, {"cells": [met(rule, "x", "y", "equivalent"), met(rule, "x", "z", "slower")]}
        yield CONTRADICTED, {"cells": [met(rule, "x", "y", "equivalent"), met(rule, "x", "z", "equivalent")]}
        yield UNDECIDED, {"cells": [met(rule, "x", "y", "equivalent"), met(rule, "x", "z", "undecided")]}
    elif isinstance(rule, Best):
        def cells(own, best):
            return {"cells": [cell(at(rule, rule.values[0]), *own), cell(at(rule, 7), *best)]}
        yield SUPPORTED, cells((2.0, 2.2), (1.0, 1.1))
        yield SUPPORTED, cells((1.9, 2.1), (2.1, 2.3))  # the intervals meet
        yield CONTRADICTED, cells((1.9, 2.09), (2.1, 2.3))
        yield UNDECIDED, cells((None, None), (2.1, 2.3))
    elif isinstance(rule, Steps):
        def pair(here, there):
            one, two = (types.SimpleNamespace(**{**vars(rule), "cell": place}) for place in (rule.here, rule.there))
            return {"quantities": [quantity(one, *here), quantity(two, *there)]}
        middle = math.sqrt(rule.low * rule.high)
        yield SUPPORTED, pair((10 * middle, 10 * middle), (10, 10))
        yield SUPPORTED, pair((10 * rule.low, 10 * rule.high), (10, 10))
        yield CONTRADICTED, pair((11 * rule.high, 12 * rule.high), (10, 10.5))
        yield CONTRADICTED, pair((8 * rule.low, 9 * rule.low), (10, 10.5))
        yield UNDECIDED, pair((10 * rule.low, 10 * rule.high), (9, 10))
        yield UNDECIDED, pair((None, None), (10, 10))
    elif isinstance(rule, Tells):
        def places(*told):
            pairs = [types.SimpleNamespace(**{**vars(rule), "cell": name, "contestant": rule.a}) for name in "xyz"]
            return {"cells": [cell(types.SimpleNamespace(**{**vars(pair), "metric": "time"}), 0.9, 1.1, word)
                              for pair, (_, word) in zip(pairs, told)],
                    "quantities": [quantity(pair, *bounds) for pair, (bounds, _) in zip(pairs, told)]}
        above, below, across = (rule.bound, 1.5 * rule.bound), (0.5 * rule.bound, 0.99 * rule.bound), (
            0.9 * rule.bound, 1.1 * rule.bound)
        for word in ("faster", "equivalent"):
            yield SUPPORTED, places((above, "slower"), (below, word))
            yield CONTRADICTED, places((above, word), (below, word))
            yield UNDECIDED, places((below, word))  # nothing above
        yield CONTRADICTED, places((above, "slower"), (below, "slower"))
        yield SUPPORTED, places((above, "slower"), (below, "faster"), (across, "faster"))
        yield UNDECIDED, places((across, "slower"), (below, "faster"))
        yield UNDECIDED, places((above, "undecided"), (below, "faster"))
        yield UNDECIDED, places((above, "slower"), ((None, None), "faster"))
    else:
        raise AssertionError(f"no cases for {type(rule).__name__}")


def at(rule, value):
    """A rule as seen at one value of its axis."""
    return types.SimpleNamespace(**{**vars(rule), "cell": value})


def rules():
    """Every measured rule of the ledger, with the id of its row."""
    for row in claims.ROWS:
        for reading in row.readings:
            for part in reading.parts:
                if part.kind == model.MEASURED:
                    yield row.id, part


class EveryMeasuredRule(unittest.TestCase):
    def test_both_sides_of_every_threshold(self):
        tried = 0
        for id_, rule in rules():
            seen = set()
            for expected, tables in cases(rule):
                with self.subTest(id_, rule=rule, tables=tables):
                    decision = rule.decide(evidence(**tables))
                    self.assertEqual(decision.verdict, expected, decision.evidence)
                    self.assertNotRegex(decision.evidence, r"\b(nan|inf|None|True|False)\b")
                    seen.add(expected)
                    tried += 1
            self.assertEqual({SUPPORTED, CONTRADICTED, UNDECIDED}, seen, id_)
            with self.subTest(id_, run="empty"):
                self.assertEqual(rule.decide(evidence()).verdict, NOT_ASKED)
        self.assertGreater(tried, 500)

    def test_other_questions_metrics_and_loose_points_decide_nothing(self):
        for id_, rule in rules():
            for _, tables in cases(rule):
                for change in ({"experiment": "another"}, {"metric": "another"}, {"oversubscribed": not rule.loose}):
                    rows = {name: [{**row, **change} for row in rows] for name, rows in tables.items()}
                    with self.subTest(id_, change=change):
                        self.assertEqual(rule.decide(evidence(**rows)).verdict, NOT_ASKED)

    def test_fewer_threads_than_a_text_has_are_said_to_be_too_few(self):
        seen = 0
        for id_, rule in rules():
            if rule.threads < 3:
                continue
            for _, tables in cases(rule):
                rows = {name: [{**row, "threads": 2} for row in rows] for name, rows in tables.items()}
                with self.subTest(id_):
                    self.assertEqual(rule.decide(evidence(**rows)).verdict, NOT_TESTABLE)
                    seen += 1
        self.assertGreater(seen, 10)

    def test_where_a_control_does_not_show_nothing_can_be_told(self):
        seen = 0
        for id_, rule in rules():
            if not rule.control:
                continue
            least = rule.control.least
            for _, tables in cases_without_control(rule):
                for shown, expected in ((control(rule, 0.9, 0.99 * least), NOT_TESTABLE), (control(rule, 0.9, 1.01 * least), UNDECIDED),
                                        (None, UNDECIDED), ({**control(rule, least), "threads": 64}, UNDECIDED)):
                    with self.subTest(id_, shown=shown):
                        cells = [*tables["cells"], *([shown] if shown else ())]
                        self.assertEqual(rule.decide(evidence(**{**tables, "cells": cells})).verdict, expected)
                        seen += 1
        self.assertGreater(seen, 50)

    def test_a_pair_is_found_whichever_was_the_baseline(self):
        for id_, rule in rules():
            if not isinstance(rule, (Speed, Order, Crosses, FasterBelow)):
                continue
            for expected, tables in cases(rule):
                rows = {name: [measured.flipped(row) for row in rows] for name, rows in tables.items()
                        if all(row.get("low") != 0 for row in rows)}
                with self.subTest(id_):
                    self.assertIn(rule.decide(evidence(**rows)).verdict,
                                  (expected, UNDECIDED) if rows else (NOT_ASKED,))

    def test_exchanging_a_pair(self):
        row = {"a": "x", "b": "y", "ratio": 2.0, "low": 1.6, "high": 2.5, "verdict": "faster"}
        self.assertEqual(measured.flipped(row), {"a": "y", "b": "x", "ratio": 0.5, "low": 0.4, "high": 0.625,
                                                 "verdict": "slower"})
        row = {"a": "x", "b": "y", "low": 3, "high": 4, "verdict": "crossover", "left": "a"}
        self.assertEqual(measured.flipped(row), {"a": "y", "b": "x", "low": 3, "high": 4, "verdict": "crossover",
                                                 "left": "b"})

    def test_settings_that_disagree_make_it_partly(self):
        rule = Order("q", "c", "x", "y")
        rows = [cell(rule, 1.1, 1.2), cell(rule, 0.8, 0.9, "slower", threads=1)]
        self.assertEqual(rule.decide(evidence(cells=rows)).verdict, PARTLY)
        self.assertEqual(rule.decide(evidence(cells=[rows[0], cell(rule, 0.9, 1.1, "undecided")])).verdict, SUPPORTED)

    def test_a_rule_states_its_numbers(self):
        for id_, rule in rules():
            with self.subTest(id_):
                self.assertIn(rule.question, rule.rule)
                self.assertNotRegex(rule.rule, r"\b(nan|inf|None)\b")
                for place in rule.decide(evidence(**next(iter(cases(rule)))[1])).places:
                    self.assertEqual(place[0], rule.question)


class Combining(unittest.TestCase):
    def test_rows_about_one_thing(self):
        self.assertEqual(agreement([SUPPORTED, UNDECIDED]), SUPPORTED)
        self.assertEqual(agreement([SUPPORTED, CONTRADICTED]), PARTLY)
        self.assertEqual(agreement([NOT_ASKED, UNDECIDED]), UNDECIDED)
        self.assertEqual(agreement([]), UNDECIDED)

    def test_parts_that_must_all_hold(self):
        self.assertEqual(conjunction([SUPPORTED, SUPPORTED]), SUPPORTED)
        self.assertEqual(conjunction([SUPPORTED, CONTRADICTED]), PARTLY)
        self.assertEqual(conjunction([SUPPORTED, UNDECIDED]), UNDECIDED)
        self.assertEqual(conjunction([SUPPORTED, NOT_ASKED]), NOT_ASKED)
        self.assertEqual(conjunction([CONTRADICTED, NOT_ASKED]), CONTRADICTED)
        self.assertEqual(conjunction([PARTLY, SUPPORTED]), PARTLY)

    def test_a_verdict_outside_the_vocabulary_is_refused(self):
        with self.assertRaises(ValueError):
            model.Decision("true", "because")


class Counted(unittest.TestCase):
    def bytes(self, rule, mine, other):
        proof = {"memory": {"strategies": {
            "sync_map": {"footprints": [{"entries": n, "settled": x, "overwrite_peak": x} for n, x in mine.items()]},
            "rw_mutex_map": {"footprints": [{"entries": n, "settled": x, "overwrite_peak": x} for n,
                                            x in other.items()]}}}}
        return rule.decide(Evidence({}, proof, {})).verdict

    def test_bytes(self):
        rule = counted.Bytes("sync_map", "rw_mutex_map", 1.13, 1.23)
        self.assertEqual(self.bytes(rule, {1000: 113}, {1000: 100}), SUPPORTED)
        self.assertEqual(self.bytes(rule, {1000: 123}, {1000: 100}), SUPPORTED)
        self.assertEqual(self.bytes(rule, {1000: 124}, {1000: 100}), CONTRADICTED)
        self.assertEqual(self.bytes(rule, {1000: 112}, {1000: 100}), CONTRADICTED)
        self.assertEqual(self.bytes(rule, {1000: 118, 10: 20}, {1000: 100, 10: 10}), PARTLY)
        self.assertEqual(self.bytes(rule, {1000: 118}, {10: 100}), NOT_ASKED)

    def test_violations(self):
        def verdict(count, **rule):
            figures = {"contestants": {"m": {"violations": count, "histories": 10, "map_histories": 2}}}
            return counted.Violations("m", **rule).decide(Evidence({}, {"linearizability": figures}, {})).verdict
        self.assertEqual(verdict(0, expect_some=False, means=True), SUPPORTED)
        self.assertEqual(verdict(1, expect_some=False, means=True), CONTRADICTED)
        self.assertEqual(verdict(1, expect_some=True, means=False), CONTRADICTED)
        self.assertEqual(verdict(0, expect_some=True, means=False), SUPPORTED)
        self.assertEqual(counted.Violations("m", True, True).decide(evidence()).verdict, NOT_ASKED)


if __name__ == "__main__":
    unittest.main()
