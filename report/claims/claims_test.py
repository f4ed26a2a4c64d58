# SPDX-License-Identifier: Apache-2.0
"""Tests of the ledger as a whole: complete, and everything that its rows name exists."""

import json
import pathlib
import re
import unittest

from report import claims
from report.claims import model, recorded
from report.claims.counted import Bytes
from report.claims.measured import Control
from report.claims.model import NONE, NOT_ASKED, NOT_TESTABLE, OUT_OF_SCOPE, UNDECIDED
from report.claims.names import NOT_MAPS, PLANNED, TEXTS

# Not resolved: what Bazel makes lies beside this file only among the runfiles.
ROOT = pathlib.Path(__file__).absolute().parents[2]
CLAIMS_OF = {"000": 52, "001": 36, "002": 35, "003": 38, "004": 34}


def parts():
    for row in claims.ROWS:
        for reading in row.readings:
            for part in reading.parts:
                yield row.id, part


def load(name):
    """A file of the catalogue, which Bazel makes from a .bzl; the test is nothing without it."""
    return json.loads((ROOT / "experiments" / name).read_text(encoding="utf-8"))


class Complete(unittest.TestCase):
    def test_195_ids_without_gaps(self):
        expected = [f"{text}-C{n:02}" for text, count in CLAIMS_OF.items() for n in range(1, count + 1)]
        self.assertEqual([row.id for row in claims.ROWS], expected)
        self.assertEqual(len(expected), 195)
        self.assertEqual(list(TEXTS), list(CLAIMS_OF))

    def test_required_fields(self):
        for row in claims.ROWS:
            with self.subTest(row.id):
                self.assertRegex(row.text, r"^\S.{15,250}\.$")
                self.assertRegex(row.section, r"^(title|[1-5](\.[1-5])?)$")
                self.assertTrue(row.readings)
                for reading in row.readings:
                    self.assertTrue(reading.words)
                    self.assertTrue(reading.parts)
                words = [reading.words for reading in row.readings]
                self.assertEqual(len(words), len(set(words)))

    def test_every_row_has_a_rule_or_a_reason(self):
        for entry in claims.evaluate({}):
            with self.subTest(entry["id"]):
                self.assertIn(entry["verdict"], model.VERDICTS)
                self.assertTrue(entry["rule"])
                self.assertRegex(entry["evidence"], r"\.$")
                self.assertEqual(entry["verdict"] in (OUT_OF_SCOPE, NOT_TESTABLE), NONE in entry["kind"].split(" and "))
                self.assertEqual(entry["originals"], [])

    def test_an_empty_run_decides_nothing_that_needs_one(self):
        for entry in claims.evaluate({}):
            self.assertNotIn("measured", entry["decided_by"], entry["id"])
            self.assertNotIn("counted", entry["decided_by"], entry["id"])
        measured = [entry for entry in claims.evaluate({}) if entry["kind"] == "measured"]
        self.assertGreater(len(measured), 40)
        for entry in measured:
            self.assertEqual(entry["verdict"], NOT_ASKED, entry["id"])

    def test_without_records_no_test_and_no_source_decides(self):
        cited = {id_ for id_, part in parts() if isinstance(part, recorded.Cited)}
        self.assertLess(len(cited), 5)
        for entry in claims.evaluate({}, recorded_outcomes={}):
            if entry["id"] in cited:
                continue
            self.assertFalse({"tested", "source"} & set(entry["decided_by"]), entry["id"])
            if entry["kind"] in ("tested", "source", "tested and source"):
                self.assertEqual(entry["verdict"], UNDECIDED, entry["id"])
                self.assertIn("not recorded", entry["evidence"])

    def test_the_tally_counts_every_row_once(self):
        tally = claims.tally(claims.evaluate({}))
        self.assertEqual(sum(tally["all"].values()), 195)
        for verdict in model.VERDICTS:
            self.assertEqual(sum(row[verdict] for kind, row in tally.items() if kind != "all"), tally["all"][verdict])

    def test_what_decided_is_named_and_nothing_else(self):
        entries = {entry["id"]: entry for entry in claims.evaluate({})}
        self.assertEqual((entries["000-C26"]["verdict"], entries["000-C26"]["decided_by"]), (model.SUPPORTED, ["arithmetic"]))
        # Two parts, of which one holds without a run: the claim stays open, and nothing has decided it.
        self.assertEqual((entries["000-C48"]["kind"], entries["000-C48"]["decided_by"]), ("measured and arithmetic", []))
        for entry in entries.values():
            self.assertEqual(bool(entry["decided_by"]), entry["verdict"] in model.DECIDED, entry["id"])

    def test_entries_are_plain_data(self):
        entries = claims.evaluate({})
        self.assertEqual(json.loads(json.dumps(entries)), entries)


class Named(unittest.TestCase):
    """What a rule names must exist, or the claim could never be decided."""

    @classmethod
    def setUpClass(cls):
        cls.questions = {q["name"]: q for q in load("catalogue.json")["questions"]}
        cls.strategies = set(load("strategies.json")) | NOT_MAPS

    def test_questions(self):
        for id_, part in parts():
            for question in getattr(part, "questions", ()):
                self.assertIn(question, {*self.questions, *PLANNED}, id_)
        self.assertFalse(set(PLANNED) & set(self.questions), "what is asked is planned no more")

    def test_cells_of_questions_that_exist(self):
        for id_, part in parts():
            question = self.questions.get(getattr(part, "question", None))
            place = getattr(part, "cell", None) or getattr(part, "place", None)
            # Quantities that no run records yet may stand for the whole question.
            if question is None or place is None or part.metric != "time":
                continue
            with self.subTest(id_, rule=part):
                if question["kind"] == "cells":
                    self.assertIn(place, [cell["name"] for cell in question["cells"]])
                else:
                    # Numbers of threads are the machine's to choose.
                    self.assertTrue(place in question["axis"]["values"] or question["axis"]["field"] == "threads", place)

    def test_controls_are_those_of_their_questions(self):
        found = {(part.question, part.control.cell, part.control.a, part.control.b, part.control.least)
                 for _, part in parts() if isinstance(getattr(part, "control", None), Control)}
        self.assertTrue(found)
        for question, *control in found:
            self.assertEqual(control, [self.questions[question]["control"][f] for f in ("cell", "a", "b", "least")])

    def test_regimes(self):
        for id_, part in parts():
            question = self.questions.get(getattr(part, "question", None))
            if question and part.regime:
                self.assertIn(part.regime, question["regimes"], id_)

    def test_maps(self):
        for id_, part in parts():
            named = [getattr(part, field, None) for field in ("a", "b", "name", "first", "second", "contestant")]
            if part.kind == model.MEASURED:
                named = [n for n in named if n and n != getattr(part, "gain", None) and not hasattr(part, "gain")]
            elif isinstance(part, Bytes):
                named = [part.a, part.b]
            else:
                continue
            for name in [*named, *getattr(part, "among", ())]:
                self.assertIn(re.split("[:@]", name)[0], self.strategies, id_)

    def test_tests(self):
        for item in recorded.everything(part for _, part in parts()):
            if isinstance(item, recorded.Test):
                source = (ROOT / item.file).read_text(encoding="utf-8")
                self.assertRegex(source, rf"\b{re.escape(item.name)}\b", item.file)

    def test_everything_was_recorded(self):
        """Else: tools/bazel run //report/claims:record."""
        for item in recorded.everything(part for _, part in parts()):
            self.assertNotEqual(recorded.outcome(item, claims.records()), "not recorded", item.key)

    def test_claims_of_the_catalogue_are_in_the_ledger(self):
        ids = {row.id for row in claims.ROWS}
        for question in self.questions.values():
            self.assertLessEqual(set(question["claims"]), ids, question["name"])


if __name__ == "__main__":
    unittest.main()
