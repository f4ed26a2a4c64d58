# SPDX-License-Identifier: Apache-2.0
"""Whatever a worker does ends as a status, in bounded time, and never as a result it did not earn."""

import json
import os
import pathlib
import sys
import tempfile
import time
import unittest
from unittest import mock

from experiments.orchestrator import visit
from experiments.orchestrator.errors import UserError
from experiments.testing import drive

WORKER = [sys.executable, str(drive.HERE / "fake_worker.py")]
REQUEST = {"visit": 12, "seed": 5, "contestants": ["mutex_map", "sync_map"], "threads": 1, "slice_ms": 10,
           "seconds": 0.1, "warmup_seconds": 0, "pin": [0], "oversubscribed": False, "timed": True,
           "max_blocks": 0, "workload": {"keys": {"stream": "krr", "reuse": 0.5}, "mix": {"load_or_store": 100}}}


def make(mode="", timeout_s=20.0, request=None, **kwargs):
    with mock.patch.dict(os.environ, {"FAKE_WORKER": json.dumps({"mode": mode, "of": "sync_map"})}):
        return visit.make(WORKER, request or REQUEST, timeout_s=timeout_s, **kwargs)


class Statuses(unittest.TestCase):

    def test_ok(self):
        seen = []
        outcome = make(on_line=seen.append)
        self.assertEqual((outcome.status, outcome.exit, outcome.what), ("ok", 0, ""))
        self.assertEqual(seen, outcome.lines)
        self.assertEqual([outcome.lines[0]["t"], outcome.lines[-1]["t"]], ["realised", "end"])

    def test_crash(self):
        outcome = make("crash")
        self.assertEqual((outcome.status, outcome.exit), ("crashed", -11))
        self.assertIn("signal 11", outcome.what)
        self.assertTrue(all(isinstance(line, dict) for line in outcome.lines))

    def test_failure_quotes_the_worker(self):
        outcome = make("fail")
        self.assertEqual((outcome.status, outcome.exit), ("crashed", 2))
        self.assertIn("unknown stream", outcome.what)

    def test_hang_is_killed(self):
        started = time.monotonic()
        outcome = make("hang", timeout_s=1.0)
        self.assertEqual(outcome.status, "hung")
        self.assertLess(time.monotonic() - started, 5)

    def test_lies(self):
        for mode, what in (("half_line", "half a line"), ("garbage", "not JSON"), ("no_end", "without its end"),
                           ("wrong_visit", "visit 13")):
            outcome = make(mode)
            self.assertEqual(outcome.status, "crashed", mode)
            self.assertIn(what, outcome.what)

    def test_times_in_an_untimed_visit_are_a_lie(self):
        outcome = make(request={**REQUEST, "timed": False})
        self.assertEqual(outcome.status, "ok")
        self.assertFalse(any("ns" in line for line in outcome.lines))
        checker = visit._Checker({**REQUEST, "timed": False})
        with self.assertRaisesRegex(visit.Lie, "untimed"):
            checker.take(b'{"t":"slice","b":0,"c":0,"n":1,"ns":5}')

    def test_impossible_lines(self):
        for line in ({"t": "slice", "b": 0, "c": 2, "n": 1, "ns": 1}, {"t": "slice", "b": 0, "c": 0, "n": 0, "ns": 1},
                     {"t": "slice", "b": 0, "c": 0, "n": 1, "ns": -1}, {"t": "slice", "b": 0, "c": 0, "n": 1},
                     {"t": "memory", "c": 9}, {"t": 3}, [1], {"t": "slice", "b": None, "c": 0, "n": 1, "ns": 1}):
            with self.assertRaises(visit.Lie, msg=line):
                visit._Checker(REQUEST).take(json.dumps(line).encode())
        checker = visit._Checker(REQUEST)
        checker.take(b'{"t":"end","visit":12}')
        with self.assertRaisesRegex(visit.Lie, "after the end"):
            checker.take(b'{"t":"realised"}')

    def test_invalid_names_its_culprit(self):
        outcome = make("invalid")
        self.assertEqual((outcome.status, outcome.culprits), ("invalid", [1]))
        self.assertIn("sync_map: final size 99", outcome.what)

    def test_refused(self):
        outcome = make("refused")
        self.assertEqual(outcome.status, "refused")
        self.assertIn("12.1 GiB", outcome.what)

    def test_stop(self):
        asked = []

        def stop():
            asked.append(1)
            return len(asked) > 3

        started = time.monotonic()
        outcome = make("hang", stop=stop)
        self.assertEqual(outcome.status, "interrupted")
        self.assertLess(time.monotonic() - started, 5)

    def test_an_error_while_storing_kills_the_worker_and_passes_through(self):
        def full(line):
            raise OSError(28, "No space left on device")

        with self.assertRaises(OSError):
            make(on_line=full)

    def test_no_process_is_left_behind(self):
        with tempfile.TemporaryDirectory() as folder:
            script = pathlib.Path(folder) / "worker.sh"
            # It ignores requests, leaves a child behind and hangs.
            script.write_text(f"#!/bin/bash\nsleep 600 & echo $! > {folder}/child\nsleep 600\n", encoding="utf-8")
            script.chmod(0o755)
            outcome = visit.make([str(script)], REQUEST, timeout_s=1.0)
            self.assertEqual(outcome.status, "hung")
            child = int((pathlib.Path(folder) / "child").read_text(encoding="utf-8"))
            stat = pathlib.Path(f"/proc/{child}/stat")
            for _ in range(50):
                try:
                    if stat.read_text(encoding="utf-8").split()[2] == "Z":
                        return
                except (FileNotFoundError, ProcessLookupError):  # the latter when it goes between open and read
                    return
                time.sleep(0.1)
            self.fail("the worker's child still runs")


class Describe(unittest.TestCase):

    def test_describe(self):
        self.assertIn("sync_map", [s["name"] for s in visit.describe(WORKER)["strategies"]])

    def test_not_there_or_mute(self):
        with self.assertRaisesRegex(UserError, "cannot be run"):
            visit.describe(["/no/such/worker"])
        with self.assertRaisesRegex(UserError, "does not describe itself"):
            visit.describe(["/bin/true"])


if __name__ == "__main__":
    unittest.main()
