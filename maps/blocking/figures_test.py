# SPDX-License-Identifier: Apache-2.0
"""figures.json is what README.md says, has every strategy, and is plausible. Arguments: the strategies' names."""

import json
import pathlib
import sys
import unittest

PARTS = {"compute", "visitor", "range_visitor", "hash", "equality_read", "equality_write", "copy_out", "copy_in"}
WHOM = ["nobody", "same key", "meeting keys", "everybody"]
STRATEGIES: list[str] = []


class FiguresTest(unittest.TestCase):
    def setUp(self):
        path = pathlib.Path(__file__).with_name("figures.json")
        self.figures = json.loads(path.read_text(encoding="utf-8"))

    def test_every_strategy_has_figures_or_a_reason(self):
        missing = sorted(set(STRATEGIES) - set(self.figures["strategies"]))
        self.assertEqual(missing, [], "make them: tools/bazel run //maps/blocking:profile -- --strategies="
                         + ",".join(missing))
        for name, found in self.figures["strategies"].items():
            self.assertTrue(("holds_up" in found) != ("excluded" in found), name)

    def test_figures_are_plausible(self):
        self.assertEqual(self.figures["schema"], 1)
        self.assertGreater(self.figures["machine"]["writer"]["operations"], 0)
        for name, found in self.figures["strategies"].items():
            if "excluded" in found:
                continue
            self.assertLessEqual(set(found["holds_up"]), PARTS, name)
            self.assertIn("visitor", found["holds_up"], name)  # every map has Visit
            for part, who in found["holds_up"].items():
                self.assertEqual(set(who), {"loads", "loads_behind_store", "stores"}, (name, part))
                for whom in who.values():
                    self.assertIn(whom, WHOM, (name, part))
            for who in ("writer", "reader"):
                self.assertGreater(found["waits"][who]["operations"], 0, name)
                self.assertGreater(found["waits"][who]["longest_ms"], 0, name)

    def test_known_answers(self):
        """What the locks of these maps leave no choice about."""
        holds_up = {name: found.get("holds_up") for name, found in self.figures["strategies"].items()}
        self.assertEqual(set(holds_up["mutex_map"]["visitor"].values()), {"everybody"})
        self.assertEqual(holds_up["sharded_map"]["visitor"]["loads"], "meeting keys")
        self.assertEqual(holds_up["rw_mutex_map"]["visitor"]["loads"], "nobody")
        self.assertEqual(holds_up["rw_mutex_map"]["visitor"]["stores"], "everybody")
        self.assertEqual(holds_up["rw_mutex_map"]["visitor"]["loads_behind_store"], "everybody")
        self.assertEqual(holds_up["hash_trie_map"]["visitor"]["loads"], "nobody")


if __name__ == "__main__":
    STRATEGIES = sys.argv[1:]
    unittest.main(argv=sys.argv[:1])
