# SPDX-License-Identifier: Apache-2.0
"""The diff that CONTRIBUTING.md shows is the one that is in the tree."""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[1]


def added_lines():
    """File -> lines that the diff of CONTRIBUTING.md adds to it."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    diff = re.search(r"```diff\n(.*?)```", text, re.DOTALL).group(1)
    added, file = {}, None
    for line in diff.splitlines():
        if line.startswith("+++ b/"):
            file = line.removeprefix("+++ b/")
            added[file] = []
        elif line.startswith("+") and file:
            added[file].append(line[1:])
    return added


class Contributing(unittest.TestCase):
    def test_a_strategy_is_one_new_header_and_one_line(self):
        added = added_lines()
        self.assertEqual(len(added), 2)
        self.assertEqual(len(added["maps/strategies.bzl"]), 1)

    def test_the_diff_is_what_the_tree_holds(self):
        added = added_lines()
        line = added.pop("maps/strategies.bzl")[0]
        self.assertIn(line, (ROOT / "maps/strategies.bzl").read_text(encoding="utf-8").splitlines())
        (header, lines), = added.items()
        self.assertEqual(lines, (ROOT / header).read_text(encoding="utf-8").splitlines())


if __name__ == "__main__":
    unittest.main()
