# SPDX-License-Identifier: Apache-2.0
"""The layouts of the worker: other places for the same functions, and the same answers.

Arguments: the worker in each of its layouts, the one with the plain name first.
"""

import collections
import itertools
import json
import re
import subprocess
import sys
import unittest

REQUEST = {
    "visit": 1, "seed": 7, "threads": 1, "slice_ms": 1, "seconds": 0.1, "warmup_seconds": 0, "timed": False,
    "max_blocks": 2, "contestants": ["mutex_map", "sync_map", "cache_line_map", "hash_trie_map"],
    "workload": {"keys": {"stream": "zipf", "theta": 0.99}, "mix": {"load": 70, "store": 20, "delete": 10},
                 "population": 500, "prefill": 1.0, "regime": "stationary", "ops": 3000, "key_type": "u64",
                 "value_type": "u64"}}


class Function:
    """A function in the symbol table: template functions (weak, in sections that are merged) or others."""

    def __init__(self, line):
        address, kind, self.name = line.split(maxsplit=2)
        self.address, self.of_template = int(address, 16), kind in "wW"

    @property
    def cold(self):
        """Whether it is the part of a function, or a function, that the compiler put apart."""
        return re.search(r"\.cold(\.|$)", self.name) is not None


def functions(worker):
    """The functions in the order of their addresses: one name for each place, no name that several places have."""
    shown = subprocess.run(["nm", "--defined-only", "--numeric-sort", worker], capture_output=True, text=True,
                           check=True, timeout=60).stdout
    found = [Function(line) for line in shown.splitlines() if re.match(r"[0-9a-f]+ [tTwW] ", line)]
    count = collections.Counter(f.name for f in found)
    once = {}  # a constructor and its twin for base classes share one place
    for function in sorted(found, key=lambda f: (f.address, f.name)):
        if count[function.name] == 1:
            once.setdefault(function.address, function)
    return list(once.values())


def loops(found):
    """What the measuring loop is made of: functions of templates over the maps."""
    return [f for f in found if f.of_template and not f.cold and re.match("_ZN?K?4cmap9workloads", f.name)]


def still_neighbours(one, other):
    """The share of functions of `one` that are followed by the same function in `other`."""
    pairs = set(itertools.pairwise(f.name for f in other))
    own = list(itertools.pairwise(f.name for f in one))
    return sum(pair in pairs for pair in own) / len(own)


class LayoutsTest(unittest.TestCase):
    workers = []

    @classmethod
    def setUpClass(cls):
        cls.functions = [functions(worker) for worker in cls.workers]

    def test_there_are_four_at_least(self):
        self.assertGreaterEqual(len(set(self.workers)), 4)

    def test_all_hold_the_same_functions(self):
        first = {f.name for f in self.functions[0]}
        self.assertGreater(len(first), 1000)
        for other in self.functions[1:]:
            self.assertEqual({f.name for f in other}, first)

    def test_no_two_have_them_in_the_same_order(self):
        for one, other in itertools.combinations(self.functions, 2):
            # Functions of libraries that were compiled without sections of their own stay together.
            self.assertLess(still_neighbours(one, other), 0.2)

    def test_functions_of_templates_move_too(self):
        for one, other in itertools.combinations(self.functions, 2):
            ours, theirs = ([f for f in found if f.of_template and "cmap" in f.name] for found in (one, other))
            self.assertGreater(len(ours), 500)
            self.assertLess(still_neighbours(ours, theirs), 0.02)

    def test_the_loops_that_are_timed_lie_differently_in_their_cache_lines(self):
        places = [{f.name: f.address % 64 for f in loops(found)} for found in self.functions]
        self.assertGreater(len(places[0]), 50)
        moved = sum(len({where[name] for where in places}) > 1 for name in places[0])
        self.assertGreater(moved / len(places[0]), 0.8)

    def test_functions_are_aligned_as_the_compiler_asked(self):
        described = self.describe(self.workers[0])
        flags = described["flags"].split()
        if "-O2" not in flags or "-O1" in flags:  # the last one holds: a sanitizer's
            self.skipTest("the compiler asks for alignment from -O2 on")
        boundary = {"x86_64": 16, "aarch64": 4}[described["arch"]]
        for found in self.functions:
            # Functions marked cold are not aligned: NoteWrong is called when a map is wrong.
            self.assertEqual([f.name for f in loops(found) if f.address % boundary and "NoteWrong" not in f.name][:3], [])

    def test_all_say_the_same_of_themselves(self):
        first, *others = [self.describe(worker) for worker in self.workers]
        for other in others:
            for measured in ("clock", "fresh_page"):
                self.assertEqual(set(other.pop(measured)), set(first[measured]))
            self.assertEqual(other, {k: v for k, v in first.items() if k not in ("clock", "fresh_page")})

    def test_all_give_the_same_answers(self):
        first, *others = [self.answers(worker) for worker in self.workers]
        self.assertGreater(len(first), 8)
        for other in others:
            self.assertEqual(other, first)

    def describe(self, worker):
        return json.loads(subprocess.run([worker, "--describe"], capture_output=True, text=True, check=True,
                                         timeout=60).stdout)

    def answers(self, worker):
        """What a visit without a clock says of its tape and its slices."""
        done = subprocess.run([worker, "--visit=-"], input=json.dumps(REQUEST), capture_output=True, text=True,
                              check=False, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(lines[-1]["t"], "end")
        return [line for line in lines if line["t"] in ("realised", "slice")]


if __name__ == "__main__":
    LayoutsTest.workers = sys.argv[1:]
    unittest.main(argv=sys.argv[:1])
