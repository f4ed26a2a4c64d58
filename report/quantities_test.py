# SPDX-License-Identifier: Apache-2.0
"""What scenarios tell is summed up over visits, nothing trimmed, and read by the rules and the tables."""

import types
import unittest

from report import conclude, quantities, views, words
from report.claims import measured
from report.claims.model import CONTRADICTED, SUPPORTED, UNDECIDED, Evidence


def visit(amounts, **fields):
    return types.SimpleNamespace(question="stock", name="load_then_store", axis=None, regime="stationary", threads=2,
                                 contestants=["mutex_map", "sync_map"], oversubscribed=False, amounts=amounts, **fields)


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


if __name__ == "__main__":
    unittest.main()
