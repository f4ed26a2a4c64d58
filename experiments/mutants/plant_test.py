# SPDX-License-Identifier: Apache-2.0
"""Tests of the planter: what counts as a mistake, that a seed names them, and that its tables fit the sources."""

import dataclasses
import json
import pathlib
import unittest

from experiments.mutants import measuring, plant, plant_cc, targets

ROOT = pathlib.Path(__file__).absolute().parents[2]
SOURCE = '''"""A text: 1 < 2."""
import dataclasses
LIMIT = 3


@dataclasses.dataclass(frozen=True)
class C:
    x: int | None = None


def f(a: float, *rest, **more) -> bool:
    for x in rest:  # 7 is no number here
        if x not in more and a <= 0.5:
            return min(x, LIMIT) - 1 == a
    return not rest
'''


class Planting(unittest.TestCase):
    def test_one_token_each(self):
        found = [(m.line, m.old, m.new) for m in plant.candidates("f.py", SOURCE) if plant.parses(SOURCE, m)]
        self.assertEqual(found, [(3, "3", "4"), (13, "not", ""), (13, "and", "or"), (13, "<=", "<"), (13, "0.5", "0.75"),
                                 (14, "min", "max"), (14, "-", "+"), (14, "1", "2"), (14, "==", "!="), (15, "not", "")])
        for mutant in plant.candidates("f.py", SOURCE):
            before, after = SOURCE.splitlines(), plant.planted(SOURCE, mutant).splitlines()
            self.assertEqual([i + 1 for i, pair in enumerate(zip(before, after)) if pair[0] != pair[1]], [mutant.line])

    def test_a_seed_names_them(self):
        files = sorted(targets.TARGETS)
        chosen = [plant.choose(ROOT, files, 100, seed) for seed in (1, 1, 2)]
        self.assertEqual(chosen[0], chosen[1])
        self.assertNotEqual(chosen[0], chosen[2])
        self.assertEqual(len(set(chosen[0])), 100)
        self.assertEqual({m.file for m in chosen[0]}, set(files))


class Measuring(unittest.TestCase):
    """The mistakes in C++, of which nothing is built here."""

    def test_each_fits_its_file_once(self):
        self.assertEqual(plant_cc.wrong(ROOT), [])
        self.assertIn("workloads/tape.cc", str(plant_cc.wrong(ROOT / "nowhere")))

    def test_each_is_one_mistake_with_its_tests(self):
        seen = set()
        for m in measuring.MISTAKES:
            with self.subTest(m.what):
                self.assertNotIn((m.file, m.find, m.replace), seen)
                seen.add((m.file, m.find, m.replace))
                self.assertNotEqual(m.find, m.replace)
                self.assertTrue(m.what.endswith(".") and m.tests)
                self.assertTrue(m.file.startswith(plant_cc.PACKAGES))

    def test_what_is_not_there_once_is_refused(self):
        mistake = dataclasses.replace(measuring.MISTAKES[0], find="x", replace="y")
        self.assertEqual(plant_cc.planted(mistake, "a x b"), "a y b")
        for text in ("a b", "x x"):
            with self.assertRaisesRegex(ValueError, "times; measuring.py needs it once"):
                plant_cc.planted(mistake, text)


class Tables(unittest.TestCase):
    def test_every_file_that_decides_is_a_target(self):
        self.assertEqual(targets.unplaced(ROOT), [])

    def test_a_file_in_neither_is_named(self):
        self.assertIn("report/load.py does not exist", targets.unplaced(ROOT / "nowhere"))

    def test_survivors_that_are_explained_still_stand_there(self):
        for s in json.loads((ROOT / "experiments/mutants/survivors.json").read_text(encoding="utf-8")):
            with self.subTest(s):
                self.assertEqual(set(s), {"file", "line", "at", "old", "new", "why"})
                self.assertIn(s["file"], targets.TARGETS)
                source = (ROOT / s["file"]).read_text(encoding="utf-8")
                known = {plant.place(m, source) for m in plant.candidates(s["file"], source)}
                self.assertTrue(s["at"])
                for at in s["at"]:
                    self.assertIn((s["file"], s["line"], at, s["old"], s["new"]), known, "there is no such mistake")


if __name__ == "__main__":
    unittest.main()
