# SPDX-License-Identifier: Apache-2.0
"""Tests of the planter: what counts as a mistake, that a seed names them, and that its tables fit the sources."""

import dataclasses
import json
import pathlib
import tempfile
import unittest
from unittest import mock

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


    def test_the_first_module_that_notices(self):
        with tempfile.TemporaryDirectory() as folder:
            tree = pathlib.Path(folder)
            file = tree / "report/load.py"
            file.parent.mkdir()
            file.write_text("x = 1\n", encoding="utf-8")
            ran = []

            def passes(_, module):
                ran.append((module, file.read_text(encoding="utf-8")))
                return module == "blind" or module == "sees" and "2" not in ran[-1][1]  # and "timed" never does

            mutant = plant.Mutant("report/load.py", 1, 4, "1", "2")
            for modules, by, runs in ((["blind"], "", ["x = 2"]), (["blind", "sees", "blind"], "sees", ["x = 2"] * 2),
                                      (["timed", "sees"], "sees", ["x = 2", "x = 1", "x = 2"]), (["timed"], "", ["x = 2", "x = 1"])):
                ran.clear()
                with mock.patch.dict(plant.TARGETS, {"report/load.py": modules}), mock.patch.object(plant, "TIMED", ("timed",)), \
                        mock.patch.object(plant, "passes", passes):
                    self.assertEqual(plant.killer(tree, mutant), by)
                self.assertEqual([text.strip() for _, text in ran], runs)
                self.assertEqual(file.read_text(encoding="utf-8"), "x = 1\n")


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
