# SPDX-License-Identifier: Apache-2.0
"""Runs as processes of their own, interrupted and killed."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from experiments.testing import fake_worker, support

QUESTION = "reuse_threshold"


class ProcessTest(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.workspace = pathlib.Path(folder.name)
        # Only the crossover is sought, not the level: fewer visits.
        self.catalogue = support.quick_catalogue(self.workspace / "catalogue.json", level_visits=0)

    def start(self, *args, fake=None):
        roots = [str(support.EXPERIMENTS.parent), *sys.path]
        process = subprocess.Popen(
            [sys.executable, "-m", "experiments.testing.drive", str(self.workspace), str(self.catalogue), *args],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=self.workspace,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(roots), "FAKE_WORKER": json.dumps(fake or {})})
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        return process

    def wait_for_visits(self, count, process):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            samples = list(self.workspace.glob("results/2*/samples.jsonl"))
            if samples and samples[0].read_bytes().count(b'"t":"visit_end"') >= count:
                return
            time.sleep(0.02)
        self.fail(f"no {count} visits came: {process.communicate()[0]}")


class Interruption(ProcessTest):

    def test_ctrl_c_stops_cleanly_and_writes_the_paper(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number):
                process = self.start("--only", QUESTION, "--out", f"out{int(number)}", "--budget", "5m")
                (self.workspace / "results").mkdir(exist_ok=True)
                deadline = time.monotonic() + 60
                out = self.workspace / f"out{int(number)}"
                while time.monotonic() < deadline:
                    samples = list(out.glob("2*/samples.jsonl"))
                    if samples and samples[0].read_bytes().count(b"visit_end") > 3:
                        break
                    time.sleep(0.02)
                process.send_signal(number)
                said, _ = process.communicate(timeout=30)
                self.assertEqual(process.returncode, 128 + number, said)
                run = (out / "latest").resolve()
                self.assertEqual(support.meta(run)["status"], "interrupted")
                self.assertIsNotNone(support.meta(run)["finished"])
                self.assertEqual((run / "report/index.html").read_text(encoding="utf-8"), "interrupted")
                self.assertIn("paper: ", said)
                visits = {v["v"] for v in support.samples(run, "visit")}
                self.assertEqual(visits, {v["v"] for v in support.samples(run, "visit_end")})

    def test_ctrl_c_in_a_visit_that_hangs(self):
        process = self.start("--only", QUESTION, "--budget", "5m", fake={"mode": "hang"})
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not any(
                s.stat().st_size for s in self.workspace.glob("results/2*/samples.jsonl")):
            time.sleep(0.02)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
        ends = support.samples(support.newest(self.workspace), "visit_end")
        self.assertEqual([e["status"] for e in ends], ["interrupted"])

    def test_the_second_ctrl_c_ends_it_at_once(self):
        process = self.start("--only", QUESTION, "--budget", "5m", fake={"mode": "hang"})
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not any(
                s.stat().st_size for s in self.workspace.glob("results/2*/samples.jsonl")):
            time.sleep(0.02)
        # Both are delivered before the first is acted on.
        os.kill(process.pid, signal.SIGSTOP)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
        os.kill(process.pid, signal.SIGCONT)
        process.communicate(timeout=20)
        self.assertIn(process.returncode, (128 + signal.SIGINT, 128 + signal.SIGTERM))
        self.assertFalse((support.newest(self.workspace) / "report").exists())


class Killed(ProcessTest):

    def verdicts(self, said):
        """goal -> (verdict, estimate in percent or None) from the summary that a run prints."""
        out = {}
        for line in said.split(" verdicts decided:")[1].splitlines():
            if line.startswith(f"  {QUESTION}") and "level" not in line:
                head, _, tail = line.strip().rpartition(": ")
                verdict = "crossover" if tail.startswith("crossover") else tail
                out[head] = (verdict, float(tail.split()[1]) if verdict == "crossover" else None)
        return out

    def test_a_killed_run_resumes_to_the_same_verdicts(self):
        args = ("--only", QUESTION, "--strategies", "sync_map,hash_trie_map", "--threads", "1", "--budget", "3m")
        whole = self.start(*args, "--out", "whole")
        expected = self.verdicts(whole.communicate(timeout=200)[0])
        self.assertEqual(len(expected), 2)

        process = self.start(*args)
        for count in (8, 20, 35):
            self.wait_for_visits(count, process)
            process.send_signal(signal.SIGKILL)
            process.wait()
            # What a kill in the middle of a write leaves behind.
            run = support.newest(self.workspace)
            with open(run / "samples.jsonl", "ab") as file:
                file.write(b'{"t":"slice","v":')
            self.assertEqual(support.meta(run)["status"], "running")
            process = self.start("--resume")
        said, _ = process.communicate(timeout=200)
        self.assertEqual(process.returncode, 0, said)
        resumed = self.verdicts(said)
        self.assertEqual({goal: v for goal, (v, _) in resumed.items()}, {goal: v for goal, (v, _) in expected.items()})
        crossings = [(x, expected[goal][1]) for goal, (v, x) in resumed.items() if v == "crossover"]
        self.assertEqual(len(crossings), 1)
        for x, y in crossings:
            self.assertAlmostEqual(x, y, delta=3)
            self.assertAlmostEqual(x, 100 * fake_worker.CROSSOVER, delta=3)
        run = support.newest(self.workspace)
        numbers = [v["v"] for v in support.samples(run, "visit")]
        self.assertEqual(len(set(numbers)), len(numbers))
        meta = support.meta(run)
        self.assertEqual((meta["status"], meta["cut_lines"], len(meta["sittings"])), ("complete", 3, 3))


if __name__ == "__main__":
    unittest.main()
