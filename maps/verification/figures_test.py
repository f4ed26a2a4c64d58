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
    if not controls:
        wrong.append(f"there are no negative controls: run `{RUN}`")
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
        }

    def test_good(self):
        self.assertEqual(check(self.figures, ["a_map", "null"]), [])

    def test_missing_names_the_command(self):
        (wrong,) = check(self.figures, ["a_map", "null", "b_map", "c_map"])
        self.assertIn("no entry for b_map, c_map: run `tools/bazel run", wrong)
        self.assertIn("--only b_map,c_map`", wrong)

    def test_too_many(self):
        (wrong,) = check(self.figures, ["null"])
        self.assertIn("entry for a_map, which is not in", wrong)

    def test_violations_and_too_few(self):
        self.figures["contestants"]["a_map"] = {"histories": 10, "violations": 1}
        self.assertEqual(len(check(self.figures, ["a_map", "null"])), 2)

    def test_controls_must_fail(self):
        self.figures["controls"]["bad"]["violations"] = 0
        self.assertEqual(len(check(self.figures, ["a_map", "null"])), 1)
        self.figures["controls"] = {}
        self.assertEqual(len(check(self.figures, ["a_map", "null"])), 1)


if __name__ == "__main__":
    NAMES = sys.argv[1:]
    unittest.main(argv=sys.argv[:1])
