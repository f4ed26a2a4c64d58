# SPDX-License-Identifier: Apache-2.0
"""Ranked tables, held against runs that are worked out by hand."""

import unittest

from report import conclude_test, leading
from report.conclude_test import Made


def ranked(**fields):
    return {"name": "q", "kind": "cells", "baselines": ["lock"], "contestants": ["a", "b", "c", "d"], "ranked": True,
            "cells": [{"name": "mine", "title": "My cell"}], **fields}


class Tables(unittest.TestCase):

    def setUp(self):
        self.made = Made(ranked())
        # The screen: two visits against lock. a is four times as fast, b twice, c 0.8 times, d half as fast.
        for team in ({"lock": 100, "a": 25, "b": 50}, {"lock": 100, "c": 125, "d": 200}):
            self.made.visit("q", team, name="mine")

    def table(self):
        analysis = self.made.analysis()
        found = [t for s in analysis.settings for t in leading.tables(analysis, s)]
        self.assertEqual(len(found), 1)
        return found[0]

    def test_after_the_screen_there_is_an_order_and_no_verdict(self):
        table = self.table()
        self.assertEqual([r.contestant for r in table.rows], ["a", "b", "lock", "c", "d"])
        self.assertEqual(table.front, "a")
        self.assertEqual({r.verdict for r in table.rows[1:]}, {"undecided"})
        # c and d never met a: their speed is known through lock.
        by_name = {r.contestant: r for r in table.rows}
        self.assertEqual(table.where, "My cell, 1 thread")
        self.assertEqual([(r.rank, r.ns) for r in table.rows], [("1", "25.0"), ("2", "50.0"), ("3", "100"), ("4", "125"), ("5", "200")])
        self.assertEqual((by_name["d"].ratio, by_name["d"].visits, by_name["d"].interval), ("about 0.125×", "–", "–"))
        self.assertEqual(by_name["b"].visits, "1")

    def test_verdicts_are_the_cells_own(self):
        for noise in conclude_test.NOISE * 2:
            self.made.visit("q", {"a": 25, "b": 50, "lock": 100}, name="mine", noise=noise)
        table = self.table()
        row = next(r for r in table.rows if r.contestant == "b")
        self.assertEqual((row.ratio, row.verdict, row.visits), ("0.500×", "slower", "11"))
        analysis = self.made.analysis()
        cell = next(c for c in analysis.cells if c.a == "b")
        self.assertEqual((cell.b, cell.verdict, cell.estimate.visits), ("a", "slower", 11))
        self.assertEqual({c.b for c in analysis.cells}, {"a"})

    def test_near_ties_do_not_change_who_is_in_front(self):
        for noise in conclude_test.NOISE * 2:
            self.made.visit("q", {"a": 25, "b": 24.9, "lock": 100}, name="mine", noise=noise)
            self.made.visit("q", {"a": 25, "c": 100, "lock": 100}, name="mine", noise=noise)
        table = self.table()
        self.assertEqual(table.front, "a")
        self.assertEqual(table.rows[0].verdict, "in front")

    def test_other_questions_have_none(self):
        self.made.questions[0]["ranked"] = False
        analysis = self.made.analysis()
        self.assertEqual([leading.tables(analysis, s) for s in analysis.settings], [[]])


if __name__ == "__main__":
    unittest.main()
