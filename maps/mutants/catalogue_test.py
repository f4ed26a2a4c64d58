# SPDX-License-Identifier: Apache-2.0
"""The list of mutants fits the code, and the recorded matrix fits the list."""

import dataclasses
import pathlib
import tempfile
import unittest

from maps.mutants import build, catalogue, report

_HERE = pathlib.Path(__file__).parent
_ROOT = _HERE.parent.parent


def _mutant(**changes):
    mutant = catalogue.Mutant(
        name="wrong",
        strategy="a_map",
        file="maps/a_map.h",
        find="right();\n",
        replace="wrong();\n",
        what="It is wrong.",
        killed_by="threads",
        survives="",
        hash="good",
    )
    return dataclasses.replace(mutant, **changes)


def _strategy(name, header="", **changes):
    strategy = catalogue.Strategy(
        name=name,
        header=header or name + ".h",
        map="AMap<K>",
        policies=[],
        peer=False,
        tsan=True,
        variant_of="",
    )
    return dataclasses.replace(strategy, **changes)


def _listed(mutants, *more_strategies):
    strategies = [_strategy("a_map"), *more_strategies]
    return catalogue.Catalogue(
        rungs={"threads": "several threads", "tsan": "under ThreadSanitizer"},
        without={"null": "It is no map."},
        strategies={s.name: s for s in strategies},
        mutants=mutants,
    )


def _row(mutant, **outcomes):
    return {
        "id": mutant.id,
        "strategy": mutant.strategy,
        "name": mutant.name,
        "what": mutant.what,
        "expected": mutant.killed_by,
        "survives": mutant.survives,
        "fingerprint": mutant.fingerprint,
        "sources": "s",
        "cells": {
            rung: {"outcome": outcome, "by": "reservation"} for rung, outcome in outcomes.items()
        },
    }


class Mutants(unittest.TestCase):
    """Of the project itself."""

    @classmethod
    def setUpClass(cls):
        cls.listed = catalogue.load(_HERE / "list.json")

    def test_each_applies_exactly_once(self):
        for mutant in self.listed.mutants:
            with self.subTest(mutant.id):
                mutant.apply((_ROOT / mutant.file).read_text())

    def test_each_changes_a_header_that_its_strategy_includes(self):
        for mutant in self.listed.mutants:
            with self.subTest(mutant.id):
                header = "maps/" + self.listed.strategies[mutant.strategy].header
                self.assertIn(mutant.file, catalogue.sources([header], _ROOT))

    def test_the_matrix_is_complete(self):
        store = report.Store(_HERE / "matrix.json", self.listed)
        self.assertEqual(report.problems(store, self.listed, self.listed.mutants), [])

    def test_the_document_is_of_the_matrix(self):
        store = report.Store(_HERE / "matrix.json", self.listed)
        self.assertTrue(
            (_HERE / "MATRIX.md").read_text() == report.document(store, self.listed),
            "MATRIX.md is not of matrix.json; run tools/bazel run //maps/mutants:matrix",
        )


class Problems(unittest.TestCase):
    """What the tests above would say."""

    def _problems(self, mutant, row, listed=None):
        if listed is None:
            others = [dataclasses.replace(mutant, name=f"{mutant.name}{i}") for i in range(4)]
            listed = _listed([mutant, *others])
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "matrix.json"
            if row is not None:
                report.Store(path, listed).put(row)
            return report.problems(report.Store(path, listed), listed, [mutant])

    def test_none(self):
        for outcome in ("killed", "crashed", "hung", "reported"):
            self.assertEqual(self._problems(_mutant(), _row(_mutant(), threads=outcome)), [])

    def test_no_result(self):
        self.assertIn("no result", self._problems(_mutant(), None)[0])

    def test_result_of_another_mistake(self):
        row = _row(_mutant(replace="worse();\n"), threads="killed")
        self.assertIn("has changed", self._problems(_mutant(), row)[0])

    def test_not_killed(self):
        found = self._problems(_mutant(), _row(_mutant(), threads="survived"))
        self.assertEqual(found, ["a_map/wrong: threads does not find it; killed by: nothing"])

    def test_killed_by_another_rung_only(self):
        row = _row(_mutant(), threads="survived", tsan="reported")
        found = self._problems(_mutant(), row)
        self.assertEqual(found, ["a_map/wrong: threads does not find it; killed by: tsan"])

    def test_survivor_that_died(self):
        mutant = _mutant(killed_by="", survives="Nothing can see it.")
        self.assertEqual(self._problems(mutant, _row(mutant, threads="survived")), [])
        found = self._problems(mutant, _row(mutant, threads="killed"))
        self.assertIn("listed as a survivor", found[0])

    def test_control(self):
        five = [dataclasses.replace(_mutant(), name=f"wrong{i}") for i in range(5)]
        listed = _listed(five).with_controls()
        control = listed.mutants[0]
        self.assertEqual(control.id, "a_map/unchanged")
        self.assertEqual(control.apply("a();\n"), "a();\n")
        self.assertEqual(self._problems(control, _row(control, threads="survived"), listed), [])
        found = self._problems(control, _row(control, threads="killed"), listed)
        self.assertIn("a_map: threads finds it wrong without any mistake in it", found[0])

    def test_too_few(self):
        row = _row(_mutant(), threads="killed")
        listed = _listed(
            [_mutant()],
            _strategy("null"),
            _strategy("a_map_packed", "a_map.h", variant_of="a_map"),
            _strategy("b_map", "peers/b_map.h", peer=True),
        )
        found = self._problems(_mutant(), row, listed)
        self.assertEqual(len(found), 1, found)
        self.assertIn("a_map: has 1 mutants, fewer than 5", found[0])


class Changes(unittest.TestCase):
    def test_text_that_is_not_there_or_twice(self):
        self.assertEqual(_mutant().apply("a();\nright();\n"), "a();\nwrong();\n")
        for text in ("a();\n", "right();\nright();\n"):
            with self.assertRaisesRegex(
                catalogue.BadMutant, "a_map/wrong: its text occurs . times in maps/a_map.h"
            ):
                _mutant().apply(text)

    def test_that_change_nothing(self):
        with self.assertRaisesRegex(catalogue.BadMutant, "changes nothing"):
            _mutant(replace="right();\n").apply("right();\n")

    def test_fingerprint(self):
        self.assertEqual(_mutant(what="Wrong.").fingerprint, _mutant().fingerprint)
        self.assertNotEqual(_mutant(find="left();\n").fingerprint, _mutant().fingerprint)


class Judge(unittest.TestCase):
    """How a program ended, into what came of it."""

    def _judge(self, code, text):
        return tuple(build.judge(code, text, "program").values())

    def test_outcomes(self):
        said = "check a_map u64 -> u64: swap\ncheck a_map u64 -> u64: reservation\n"
        self.assertEqual(self._judge(0, said), ("survived", ""))
        self.assertEqual(
            self._judge(1, said + "killed got 1, want 2\n"), ("killed", "reservation")
        )
        self.assertEqual(self._judge(-11, said), ("crashed", "reservation"))
        self.assertEqual(self._judge(None, said), ("hung", "reservation"))

    def test_sanitizers(self):
        said = "check a_map u64 -> u64: swap\n"
        race = said + "SUMMARY: ThreadSanitizer: data race a.h:7 in Load\n"
        use = said + "SUMMARY: AddressSanitizer: heap-use-after-free a.h:7 in Load\n"
        leak = said + "==1==ERROR: LeakSanitizer: detected memory leaks\n"
        self.assertEqual(self._judge(97, race), ("reported", "data race in swap"))
        self.assertEqual(self._judge(97, use), ("reported", "heap-use-after-free in swap"))
        self.assertEqual(self._judge(97, leak), ("reported", "leak"))

    def test_unit_test(self):
        said = "[ RUN      ] AMapTest.Grows\n[  FAILED  ] AMapTest.Grows (0 ms)\n"
        self.assertEqual(self._judge(1, said), ("killed", "AMapTest.Grows"))
        said = "[  FAILED  ] AMapTest/1.Grows, where TypeParam = cmap::AMap<int> (0 ms)\n"
        self.assertEqual(self._judge(1, said), ("killed", "AMapTest/1.Grows"))

    def test_neither(self):
        with self.assertRaisesRegex(catalogue.BadMutant, "program ended with 2"):
            self._judge(2, "'lifes' is not a rung of this program\n")


class Document(unittest.TestCase):
    def test_document(self):
        dead = _mutant()
        alive = _mutant(name="hidden", killed_by="", survives="Nothing can see it.")
        listed = _listed([dead, alive])
        with tempfile.TemporaryDirectory() as folder:
            store = report.Store(pathlib.Path(folder) / "matrix.json", listed)
            store.put(_row(dead, threads="crashed"))
            store.put(_row(alive, threads="survived", tsan="survived"))
            text = report.document(store, listed)
        self.assertIn("2 mutants, 1 killed, 1 survive", text)
        self.assertIn("| wrong | It is wrong. | **reservation (crash)** |  |", text)
        self.assertIn("| hidden | It is wrong. | - | - |", text)
        self.assertIn("- **a_map/hidden**: It is wrong. Nothing can see it.", text)


if __name__ == "__main__":
    unittest.main()
