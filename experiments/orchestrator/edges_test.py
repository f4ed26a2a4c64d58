# SPDX-License-Identifier: Apache-2.0
"""Commands that cannot be, and faults around a run: what is said, and the exit code."""

import contextlib
import io
import json
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from unittest import mock

from experiments.orchestrator import environment, store
from experiments.testing import support

EMPTY = "is empty; give a name, or leave the option out"
# (arguments, part of the sentence); the exit code is 2 and nothing is written.
COMMANDS = [
    (["--only", ""], "argument --only: '' names nothing; separate names with commas"),
    (["--only", " , "], "names nothing"),
    (["--strategies", ""], "argument --strategies: '' names nothing"),
    (["--threads", ""], "names nothing"),
    (["--out", ""], f"argument --out: what is given {EMPTY}"),
    (["--out", "  "], f"argument --out: what is given {EMPTY}"),
    (["--out="], f"argument --out: what is given {EMPTY}"),
    (["--resume", ""], f"argument --resume: what is given {EMPTY}"),
    (["--resume="], f"argument --resume: what is given {EMPTY}"),
    (["--report-only", ""], f"argument --report-only: what is given {EMPTY}"),
    (["--report-only="], f"argument --report-only: what is given {EMPTY}"),
    (["--profile", ""], f"argument --profile: what is given {EMPTY}"),
    (["--budget", ""], "is not a duration"),
    (["--seed", ""], "is not a seed"),
    (["--arch", ""], "invalid choice: ''"),
    (["--visit-timeout", ""], "is not a duration"),
    (["--seed", "²"], "'²' is not a seed; give a whole number from 0 to 2^53 - 1"),
    (["--seed", "٣"], "is not a seed"),
    (["--seed", "9" * 5000], "is not a seed"),
    (["--seed", "9007199254740992"], "is not a seed"),
    (["--seed", "1.0"], "is not a seed"),
    (["--threads", "²"], "is no number of threads; write a number from 1 to 256, or half, all"),
    (["--threads", "1,300"], "300 threads cannot be run; give a number from 1 to 256"),
    (["--budget", "1e9h"], "is not a duration"),
    (["--budget", "0m"], "is no time at all"),
    (["--only", "skew", "--budget", "nan"], "is not a duration"),
    (["--strategies", "sharded_map:shards={}", "--only", "skew"], "write a number instead of {}"),
    (["--strategies", "sharded_map:shards=4,shards=8"], "gives shards twice; leave one out"),
    (["--strategies", "sharded_map:shards=4,shards=4"], "gives shards twice"),
    (["--strategies", "sharded_map:shards=0"], "shards=0 of sharded_map is out of range; give 1 to 65536"),
    (["--strategies", "sharded_map:shards=" + "9" * 30], "is out of range"),
    (["--strategies", "sharded_map:shard=4"], "unknown tunable of sharded_map 'shard'; did you mean 'shards'?"),
    (["--strategies", "mutex_map:shards=4"], "unknown tunable of mutex_map 'shards'; known: none"),
    (["--strategies", "sharded_map:"], "is not a contestant"),
    (["--strategies", "sharded_map:shards"], "is not a tunable; write tunable=integer"),
    (["--strategies", "sharded_map:shards=x"], "is not a tunable"),
    (["--strategies", "mutex_map@batch@batch"], "is not a contestant"),
    (["--strategies", "mutex_map@reserve@batch"], "is not a contestant"),
    (["--strategies", "mutex_map@turbo"], "is not a contestant"),
    (["--strategies", "mutex_map@batch", "--only", "read_share"], "nothing is stored here; leave @batch out"),
    (["--strategies", "sync_map@reserve", "--only", "skew"], "no map starts empty here; leave @reserve out"),
    (["--strategies", "sync_map,mutex_map@reserve", "--only", "skew"],
     "mutex_map@reserve takes part in no question that is asked (@reserve makes room"),
    (["--strategies", "unsynchronised_map", "--only", "skew", "--threads", "2"],
     "skew: no contestant is left for it (unsynchronised_map: it is limited to 1 thread and the question needs 2)"),
    (["--only", "skew,skw"], "unknown question 'skw'; did you mean 'skew'?"),
    (["--only", "Skew"], "unknown question 'Skew'"),
    (["--resume", "no_such_run"], "no run 'no_such_run' was found; there is none in"),
    (["--resume", "/dev/null"], "no run '/dev/null' was found"),
    (["--report-only", "../.."], "no run '../..' was found"),
    (["--resume", "latest", "--only", "skew"], "--only belongs to a new run"),
    (["--report-only", "x", "--list"], "not allowed with argument"),
    (["--out", "/proc/nowhere"], "cannot write to /proc/nowhere"),
    (["--out", "/dev/null"], "cannot write to /dev/null"),
]
# (what the target fixes, arguments, part of the sentence)
CONTRADICTIONS = [
    (["--only=read_share"], ["--only", "skew"], "fixes --only read_share, so --only skew contradicts it; run //experiments"),
    (["--only=read_share", "--arch=native"], ["--arch", "cross"], "fixes --arch native, so --arch cross contradicts it"),
    (["--arch=cross", "--profile=smoke"], ["--profile", "full"], "fixes --profile smoke, so --profile full contradicts it"),
]


class Commands(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.workspace = pathlib.Path(folder.name)

    def refused(self, args, sentence, preset=()):
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            code, out = support.run_cli(self.workspace, *args, preset=preset)
        self.assertEqual((code, said.getvalue().count("\n"), out), (2, 1, ""), said.getvalue()[:300])
        self.assertRegex(said.getvalue(), r"(?s)^experiments: .*[.?]\n$")
        self.assertIn(sentence, said.getvalue())
        self.assertEqual(list(self.workspace.glob("results/2*")), [])

    def test_commands_that_cannot_be(self):
        for args, sentence in COMMANDS:
            with self.subTest(args):
                self.refused(args, sentence)

    def test_contradictions_of_a_target(self):
        for preset, args, sentence in CONTRADICTIONS:
            with self.subTest(args):
                self.refused(args, sentence, preset)

    def test_what_a_target_fixes_may_be_said_again(self):
        code, said = support.run_cli(self.workspace, "--only", "skew", "--profile", "smoke", preset=["--only=skew"])
        self.assertEqual(code, 0, said)
        self.assertIn(": 1 question in ", said)

    def test_spaces_around_what_is_listed(self):
        code, said = support.run_cli(self.workspace, "--profile", "smoke", "--only", "skew , read_share",
                                     "--strategies", "sharded_map: shards = 4 , sync_map")
        self.assertEqual(code, 0, said)
        asked = {c for q in support.meta(support.newest(self.workspace))["questions"] for c in q["contestants"]}
        self.assertEqual(asked, {"sharded_map:shards=4", "sync_map"})

    def test_what_the_time_cannot_decide_is_said_first(self):
        code, said = support.run_cli(self.workspace, "--only", "skew", "--budget", "4s")
        self.assertEqual(code, 0, said)
        self.assertRegex(said.split("out of budget")[0], r"this time allows about \d visits?, which can decide at most 0 of "
                         r"\d+ verdicts; all of them want about \d+:\d\d of measuring at least \(--budget\)")

    def test_a_finished_run_says_how_it_is_given_time(self):
        support.run_cli(self.workspace, "--only", "skew", "--profile", "smoke")
        code, said = support.run_cli(self.workspace, "--resume")
        self.assertEqual(code, 0)
        self.assertRegex(said, r"is complete and has used \d+ s of its .*; --budget 10m adds ten minutes\.")

    def test_a_cross_run_that_validates_nothing_fails(self):
        with mock.patch.object(environment, "emulator", return_value=["true"]):
            for fake, budget in (({"mode": "fail", "of": "mutex_map"}, "30s"), ({}, "1s")):
                with mock.patch.dict(os.environ, {"FAKE_WORKER": json.dumps(fake)}):
                    with contextlib.redirect_stderr(io.StringIO()) as said:
                        code, _ = support.run_cli(self.workspace, "--arch", "cross", "--only", "skew", "--profile",
                                                  "smoke", "--budget", budget, cross=True)
                self.assertEqual(code, 1)
                self.assertRegex(said.getvalue(), r"\d of \d validating visits to aarch64 did not end well")
                meta = support.meta(support.newest(self.workspace))
                self.assertEqual(meta["status"], "incomplete")
                self.assertIn("did not end well", meta["note"])

    def test_resuming_needs_every_visit_and_leaves_the_paper(self):
        support.run_cli(self.workspace, "--only", "skew", "--profile", "smoke")
        run = support.newest(self.workspace)
        page, meta = run / "report/index.html", (run / "run.json").read_bytes()
        page.write_text("a good paper", encoding="utf-8")
        samples = run / "samples.jsonl"
        whole = samples.read_bytes()
        for rest in (b"", whole[:len(whole) // 2], None):
            samples.unlink(missing_ok=True)
            if rest is not None:
                samples.write_bytes(rest)
            with contextlib.redirect_stderr(io.StringIO()) as said:
                code, _ = support.run_cli(self.workspace, "--resume")
            self.assertEqual(code, 2)
            self.assertRegex(said.getvalue(), r"holds \d+ ended visits? and run.json counts \d+, so samples were lost")
            self.assertEqual(((run / "run.json").read_bytes(), page.read_text()), (meta, "a good paper"))

    def test_resuming_a_damaged_run(self):
        support.run_cli(self.workspace, "--only", "skew", "--profile", "smoke")
        run = support.newest(self.workspace)
        files = {name: (run / name).read_bytes() for name in ("run.json", "samples.jsonl")}
        first, _, rest = files["samples.jsonl"].partition(b"\n")
        meta, visit = json.loads(files["run.json"]), json.loads(first)

        def lacking(document, *path):
            copy = json.loads(json.dumps(document))
            holder = copy
            for key in path[:-1]:
                holder = holder[key]
            del holder[path[-1]]
            return json.dumps(copy).encode()

        samples = "samples.jsonl"
        for name, content, sentence in (
                ("run.json", lacking(meta, "settings", "slice_ms"), "lacks the field settings.slice_ms"),
                ("run.json", lacking(meta, "questions", 0, "axis"), "lacks axis or workload in the question skew"),
                ("run.json", lacking(meta, "questions", 0, "baselines"), "lacks the field questions[0].baselines"),
                ("run.json", lacking(meta, "seed"), "lacks the field seed"),
                ("run.json", b"[" * 100000, "nested too deeply"),
                (samples, lacking(visit, "cell", "axis") + b"\n" + rest, "line 1 lacks the field cell.axis"),
                (samples, lacking(visit, "of") + b"\n" + rest, "line 1 lacks the field of"),
                (samples, json.dumps({**visit, "cell": {**visit["cell"], "axis": None}}).encode() + b"\n" + rest,
                 "visit 1, is at no place of the question skew"),
                (samples, json.dumps({**visit, "cell": {**visit["cell"], "axis": 99}}).encode() + b"\n" + rest,
                 "visit 1, has the number 99 in the field cell.axis"),
                (samples, first.replace(b'"v":1', b'"v":NaN', 1) + b"\n" + rest, "line 1 is not JSON")):
            with self.subTest(sentence):
                for other, whole in files.items():
                    (run / other).write_bytes(content if other == name else whole)
                with contextlib.redirect_stderr(io.StringIO()) as said:
                    code, _ = support.run_cli(self.workspace, "--resume")
                self.assertEqual((code, said.getvalue().count("\n")), (2, 1), said.getvalue())
                self.assertIn(sentence, said.getvalue())


class Faults(unittest.TestCase):
    """Runs as processes of their own, and what happens around them."""

    ARGS = ("--only", "skew", "--profile", "smoke")

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.workspace = pathlib.Path(folder.name)
        self.catalogue = support.quick_catalogue(self.workspace / "catalogue.json")

    def start(self, *args, fake=None, stdout=subprocess.PIPE, limit=None, **environ):
        roots = [str(support.EXPERIMENTS.parent), *sys.path]
        process = subprocess.Popen(
            [sys.executable, "-m", "experiments.testing.drive", str(self.workspace), str(self.catalogue), *args],
            stdout=stdout, stderr=subprocess.PIPE, cwd=self.workspace, preexec_fn=limit,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(roots), "FAKE_WORKER": json.dumps(fake or {}), **environ})
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.kill)
        return process

    def wait_for_visits(self, count, folder="results"):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            samples = list(self.workspace.glob(f"{folder}/2*/samples.jsonl"))
            if samples and samples[0].read_bytes().count(b'"t":"visit_end"') >= count:
                return samples[0].parent
            time.sleep(0.02)
        self.fail(f"no {count} visits came")
        return None

    def ended(self, process, timeout=60):
        out, err = process.communicate(timeout=timeout)
        said = err.decode(errors="replace")
        self.assertNotIn("Traceback", said)
        self.assertNotIn("Exception ignored", said)
        return process.returncode, said, (out or b"").decode(errors="replace")

    def complete(self, said=""):
        run = support.newest(self.workspace)
        self.assertEqual(support.meta(run)["status"], "complete", said)
        self.assertTrue((run / "report/index.html").exists())

    def test_a_full_standard_output(self):
        with open("/dev/full", "wb") as full:
            code, said, _ = self.ended(self.start(*self.ARGS, stdout=full))
        self.assertEqual(code, 0, said)
        self.assertRegex(said, r"^experiments: standard output could not be written \(No space left on device\); what was "
                         r"measured is in .*\n$")
        self.complete(said)

    def test_a_reader_that_dies(self):
        process = self.start(*self.ARGS, fake={"mode": "slow", "seconds": 0.1})
        process.stdout.readline()
        process.stdout.close()
        process.stdout = None
        code, said, _ = self.ended(process)
        self.assertEqual(code, 0, said)
        self.assertIn("standard output could not be written (Broken pipe)", said)
        self.complete(said)

    def test_a_closed_standard_output(self):
        code, said, _ = self.ended(self.start(*self.ARGS, stdout=None, limit=lambda: os.close(1)))
        self.assertEqual(code, 0, said)
        self.complete(said)
        code, said, _ = self.ended(self.start("--list", stdout=None, limit=lambda: os.close(1)))
        self.assertEqual(code, 1)
        self.assertIn("standard output could not be written", said)

    def test_a_terminal_that_hangs_up(self):
        leader, terminal = os.openpty()
        process = self.start(*self.ARGS, stdout=terminal, fake={"mode": "slow", "seconds": 0.1})
        self.wait_for_visits(1)
        os.close(terminal)
        process.send_signal(signal.SIGHUP)
        os.close(leader)
        code, said, _ = self.ended(process)
        self.assertEqual(code, 0, said)
        self.complete(said)

    def test_a_suspended_orchestrator_calls_no_visit_hung(self):
        process = self.start("--only", "skew", "--profile", "smoke", "--visit-timeout", "3s",
                             fake={"mode": "slow", "seconds": 0.3})
        self.wait_for_visits(1)
        process.send_signal(signal.SIGSTOP)
        time.sleep(4)
        process.send_signal(signal.SIGCONT)
        code, said, out = self.ended(process)
        self.assertEqual(code, 0, said + out)
        self.assertEqual({e["status"] for e in support.samples(support.newest(self.workspace), "visit_end")}, {"ok"})

    def test_terminals_and_file_names_of_other_encodings(self):
        folder = os.fsdecode(b"caf\xe9")
        for environ in ({"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}):
            code, said, out = self.ended(self.start(*self.ARGS, "--out", folder, **environ))
            self.assertEqual(code, 0, said)
            self.assertIn("paper: ", out)
            run = (self.workspace / folder / "latest").resolve()
            self.assertIn("caf", support.meta(run)["command"])
            store.read_meta(run)  # which takes no half characters

    def test_a_folder_that_is_deleted(self):
        process = self.start("--only", "skew", "--budget", "60s", fake={"mode": "slow", "seconds": 0.1})
        shutil.rmtree(self.wait_for_visits(2))
        code, said, out = self.ended(process)
        self.assertEqual(code, 1, said)
        self.assertRegex(said, r"samples.jsonl is gone \(No such file or directory\); put it back")
        self.assertIn("the paper could not be written", said)

    def limited(self, what, value):
        return lambda: resource.setrlimit(what, (value, value))

    def test_a_limit_on_the_size_of_files(self):
        code, said, _ = self.ended(self.start("--only", "skew", "--budget", "60s",
                                              limit=self.limited(resource.RLIMIT_FSIZE, 80_000)))
        self.assertEqual(code, 1, said)
        self.assertRegex(said, r"samples.jsonl cannot be written \(File too large\); raise the limit \(ulimit -f\)")
        run = support.newest(self.workspace)
        self.assertEqual(support.meta(run)["status"], "interrupted")
        self.assertEqual([p.name for p in run.rglob("*.draft")], [])
        # Whole visits are there, and the run goes on from them.
        code, said, out = self.ended(self.start("--resume", "--budget", "5s"))
        self.assertEqual(code, 0, said + out)

    def test_few_file_descriptors(self):
        code, said, _ = self.ended(self.start(*self.ARGS, limit=self.limited(resource.RLIMIT_NOFILE, 7)))
        self.assertIn(code, (1, 2), said)
        self.assertEqual(said.count("\n"), 1, said)
        self.assertIn("Too many open files", said)

    def test_a_run_that_may_not_be_written(self):
        self.ended(self.start(*self.ARGS))
        run = support.newest(self.workspace)
        for error, remedy in ((28, "No space left on device); free some space"),
                              (30, "Read-only file system); make it writable"),
                              (13, "Permission denied); make it writable")):
            real = open

            def failing(path, mode="r", *args, **kwargs):
                if "samples.jsonl" in str(path) and mode == "ab":
                    raise OSError(error, os.strerror(error), str(path))
                return real(path, mode, *args, **kwargs)

            with mock.patch("builtins.open", failing), contextlib.redirect_stderr(io.StringIO()) as said:
                code, _ = support.run_cli(self.workspace, "--resume")
            self.assertEqual(code, 1)
            self.assertIn(f"{run}/samples.jsonl cannot be written ({remedy}", said.getvalue())
            self.assertEqual(said.getvalue().count("\n"), 1)


if __name__ == "__main__":
    unittest.main()
