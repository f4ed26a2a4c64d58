# SPDX-License-Identifier: Apache-2.0
"""What the command line says of a workload's fields is what the worker takes: the one has the words, the other the rules.

    fields_test.py CHECKER
"""

import json
import subprocess
import sys
import unittest

from experiments.orchestrator import ask, catalogue, fields
from experiments.testing import support

CHECKER = sys.argv.pop()
CASES = json.loads((support.EXPERIMENTS / "testing/ask_cases.json").read_text(encoding="utf-8"))


def answers(workloads):
    """What the worker says of each workload."""
    done = subprocess.run([CHECKER, "--check"], input="".join(json.dumps(w) + "\n" for w in workloads), text=True,
                          capture_output=True, check=True)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == len(workloads)
    return found


def questions(case):
    strategies = case.get("strategies", "").split(",") if "strategies" in case else None
    return ask.build(support.real_catalogue(), [case["ask"]], case.get("sweep"), strategies, support.DESCRIBED)


class Fields(unittest.TestCase):

    def test_good_cases_are_taken_at_every_place(self):
        for case in CASES["good"]:
            for answer in answers(questions(case).workloads):
                self.assertIn("workload", answer, case)

    def test_what_only_the_worker_knows(self):
        for case in CASES["worker"]:
            answer, = answers(questions(case).workloads)
            self.assertIn(case["says"], answer["error"], case)

    def test_an_asked_cell_is_the_catalogues(self):
        workloads = [catalogue.resolve(q, *place) for q in support.real_catalogue().questions for place in places(q)]
        self.assertGreater(len(workloads), 50)
        shorts = [fields.parse(fields.write(w), "x").workload for w in workloads]
        for workload, own, short in zip(workloads, answers(workloads), answers(shorts)):
            self.assertIn("workload", own, workload)
            self.assertEqual(own, short)

    def test_ranges(self):
        """Both ends are taken, and what lies beyond is not."""
        def workload(**fields_of):
            return {"keys": {"stream": "uniform"}, "mix": {"load": 100}, **fields_of}

        ends = [("population", 1, fields.MOST_KEYS, 1), ("ops", 0, fields.MOST_KEYS, 1), ("prefill", 0, 1, 1e-6),
                ("key_bytes", fields.LEAST_KEY_BYTES, fields.MOST_BYTES, 1)]
        for name, low, high, step in ends:
            for value, taken in ((low, True), (high, True), (low - step, False), (high + step, False)):
                answer, = answers([workload(**{name: value})])
                self.assertEqual("workload" in answer, taken, (name, value, answer))
        for stream, parts in fields.STREAMS.items():
            middle = {p[0]: (p[1] + p[2]) / 2 for p in parts}
            for name, low, high in parts:
                for value, taken in ((low, True), (high, True), (low - 1e-6, False), (high + 1e-6, False)):
                    keys = {"stream": stream, **middle, name: value}
                    if keys.get("hot_fraction") == 0:
                        continue  # then hot_share must be 0 too
                    answer, = answers([workload(keys=keys)])
                    self.assertEqual("workload" in answer, taken, (keys, answer))

    def test_words(self):
        base = {"keys": {"stream": "krr", "reuse": 0.5}, "ops": 100}
        for op in fields.OPERATIONS:
            self.assertIn("workload", answers([{**base, "regime": "growth", "mix": {op: 100}}])[0], op)
        for regime in fields.REGIMES:
            self.assertIn("workload", answers([{**base, "regime": regime, "mix": {"load": 100}}])[0], regime)
        for name, words in (("choice", fields.CHOICES), ("sharing", fields.SHARINGS)):
            for word in words:
                keys = {**base["keys"], name: word}
                self.assertIn("workload", answers([{**base, "keys": keys, "mix": {"load": 100}}])[0], word)
        for kind in fields.TYPES:
            self.assertIn("workload", answers([{**base, "key_type": kind, "mix": {"load": 100}}])[0], kind)

    def test_a_line_that_is_no_workload(self):
        done = subprocess.run([CHECKER, "--check"], input="{\n[]\n", text=True, capture_output=True, check=True)
        self.assertEqual([list(json.loads(line)) for line in done.stdout.splitlines()], [["error"], ["error"]])


def places(q):
    for regime in q["regimes"]:
        if q["kind"] == "cells":
            scenarios = {c["name"] for c in q["cells"] if "scenario" in c["workload"]}  # no tapes
            yield from ((None, cell, regime) for cell in catalogue.cells_in(q, regime) if cell not in scenarios)
        elif "scenario" in q["workload"]:
            continue
        elif q["axis"]["field"] != "threads":
            yield from ((v, None, regime) for v in q["axis"]["values"])
        else:
            yield 1, None, regime


if __name__ == "__main__":
    unittest.main()
