# SPDX-License-Identifier: Apache-2.0
"""figures.json has an entry for every strategy of the list, and what it says is what it must say."""

import json
import pathlib
import sys
import unittest

RUN = "tools/bazel run //maps/verification:campaign --"


def check(figures, names):
    """What is wrong with the figures, as sentences."""
    contestants, excluded, controls = figures["contestants"], figures["excluded"], figures["controls"]
    wrong = []
    missing = [n for n in names if n not in contestants and n not in excluded]
    if missing:
        wrong.append(
            f"maps/verification/figures.json has no entry for {', '.join(missing)}: "
            f"run `{RUN} --only {','.join(missing)}` and commit the file"
        )
    for name in [*contestants, *excluded]:
        if name not in names:
            wrong.append(
                f"maps/verification/figures.json has an entry for {name}, which is not in maps/strategies.bzl: "
                f"remove it, or run `{RUN}`"
            )
    for name, entry in contestants.items():
        if entry["violations"] != 0:
            wrong.append(f"{name} violated linearizability in {entry['violations']} histories")
        if entry["histories"] < 2000:
            wrong.append(f"{name} has only {entry['histories']} histories: run `{RUN} --only {name}`")
    for name, entry in controls.items():
        if entry["must_fail"] != (entry["violations"] > 0):
            wrong.append(f"the control {name} has {entry['violations']} violations")
    wrong += check_litmus(figures.get("litmus", {}), names)
    if not controls:
        wrong.append(f"there are no negative controls: run `{RUN}`")
    return wrong


def check_litmus(litmus, names):
    """The same of the litmus rounds."""
    contestants, excluded = litmus.get("contestants", {}), litmus.get("excluded", {})
    wrong = []
    missing = [n for n in names if n not in contestants and n not in excluded]
    if missing:
        wrong.append(
            f"maps/verification/figures.json has no litmus rounds of {', '.join(missing)}: "
            f"run `{RUN} --parts litmus --only {','.join(missing)}` and commit the file"
        )
    for name, patterns in contestants.items():
        if name not in names:
            wrong.append(f"maps/verification/figures.json has litmus rounds of {name}, which is not in "
                         f"maps/strategies.bzl: run `{RUN} --parts litmus`")
        seen = [p for p, cell in patterns.items() if cell.get("forbidden", 0) != 0]
        if seen:
            wrong.append(f"{name} shows what real time forbids: {', '.join(seen)}")
        few = [p for p, cell in patterns.items() if cell.get("rounds", 10_000) < 10_000]
        if few:
            wrong.append(f"{name} has too few litmus rounds of {', '.join(few)}: "
                         f"run `{RUN} --parts litmus --only {name}`")
    for name, control in litmus.get("controls", {}).items():
        seen = sum(cell.get("forbidden", 0) for cell in control["patterns"].values())
        if control["must_fail"] != (seen > 0):
            wrong.append(f"the control {name} shows {seen} forbidden outcomes")
    if not litmus.get("controls"):
        wrong.append(f"there are no litmus rounds of controls: run `{RUN} --parts litmus`")
    return wrong


class Figures(unittest.TestCase):
    def test_committed(self):
        path = pathlib.Path(__file__).resolve().parent / "figures.json"
        figures = json.loads(path.read_text(encoding="utf-8"))
        self.assertEqual(figures["schema"], "linearizability/1")
        wrong = check(figures, NAMES)
        if wrong:
            self.fail("\n".join(["", *wrong]))


class Check(unittest.TestCase):
    def setUp(self):
        self.figures = {
            "contestants": {"a_map": {"histories": 2000, "violations": 0}},
            "excluded": {"null": "returns no results"},
            "controls": {"bad": {"must_fail": True, "violations": 3}},
            "litmus": {
                "contestants": {"a_map": {"store / load": {"rounds": 10_000, "forbidden": 0},
                                          "independent reads": {"skipped": "two processors"}}},
                "excluded": {"null": "returns no results"},
                "controls": {"bad": {"must_fail": True, "patterns": {"store / load": {"rounds": 9, "forbidden": 1}}}},
            },
        }

    def test_good(self):
        self.assertEqual(check(self.figures, ["a_map", "null"]), [])

    def test_missing_names_the_command(self):
        wrong, litmus = check(self.figures, ["a_map", "null", "b_map", "c_map"])
        self.assertIn("no litmus rounds of b_map, c_map: run `tools/bazel run", litmus)
        self.assertIn("no entry for b_map, c_map: run `tools/bazel run", wrong)
        self.assertIn("--only b_map,c_map`", wrong)

    def test_too_many(self):
        wrong, litmus = check(self.figures, ["null"])
        self.assertIn("entry for a_map, which is not in", wrong)
        self.assertIn("litmus rounds of a_map, which is not in", litmus)

    def test_violations_and_too_few(self):
        self.figures["contestants"]["a_map"] = {"histories": 10, "violations": 1}
        self.assertEqual(len(check(self.figures, ["a_map", "null"])), 2)

    def test_controls_must_fail(self):
        self.figures["controls"]["bad"]["violations"] = 0
        self.assertEqual(len(check(self.figures, ["a_map", "null"])), 1)
        self.figures["controls"] = {}
        self.assertEqual(len(check(self.figures, ["a_map", "null"])), 1)

    def test_litmus(self):
        cell = self.figures["litmus"]["contestants"]["a_map"]["store / load"]
        cell["forbidden"] = 1
        self.assertEqual(check(self.figures, ["a_map", "null"]), ["a_map shows what real time forbids: store / load"])
        cell.update(forbidden=0, rounds=10)
        self.assertEqual(len(check(self.figures, ["a_map", "null"])), 1)
        cell["rounds"] = 10_000
        self.figures["litmus"]["controls"]["bad"]["patterns"]["store / load"]["forbidden"] = 0
        self.assertEqual(check(self.figures, ["a_map", "null"]), ["the control bad shows 0 forbidden outcomes"])
        del self.figures["litmus"]
        self.assertEqual(len(check(self.figures, ["a_map", "null"])), 2)


if __name__ == "__main__":
    NAMES = sys.argv[1:]
    unittest.main(argv=sys.argv[:1])
