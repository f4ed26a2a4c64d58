# SPDX-License-Identifier: Apache-2.0
"""figures.json is what README.md says, and plausible."""

import json
import pathlib
import unittest

FIELDS = {"entries", "size", "in_batches", "empty", "filled", "fill_peak", "settled", "memory_bytes", "overwrite_peak",
          "overwritten", "cycled", "churned", "deleted", "leaked"}


class FiguresTest(unittest.TestCase):
    def setUp(self):
        path = pathlib.Path(__file__).with_name("figures.json")
        self.figures = json.loads(path.read_text(encoding="utf-8"))

    def test_schema(self):
        self.assertEqual(self.figures["schema"], 1)
        for field in ("generated_by", "allocator", "transparent_hugepage", "compiler", "key", "value"):
            self.assertIsInstance(self.figures[field], str)

    def test_every_strategy_has_figures_or_a_reason(self):
        self.assertGreater(len(self.figures["strategies"]), 10)
        for name, strategy in self.figures["strategies"].items():
            self.assertTrue(("footprints" in strategy) != ("excluded" in strategy), name)
            for footprint in strategy.get("footprints", []):
                self.assertEqual(set(footprint), FIELDS, name)

    def test_figures_are_plausible(self):
        for name, strategy in self.figures["strategies"].items():
            for f in strategy.get("footprints", []):
                where = (name, f["entries"])
                # (A map that its own thread enlarges may settle above what it had with the last entry.)
                self.assertGreaterEqual(f["fill_peak"], max(f["filled"], f["settled"]), where)
                if f["size"] == f["entries"]:
                    self.assertGreaterEqual(f["settled"], 16 * f["entries"], where)


if __name__ == "__main__":
    unittest.main()
