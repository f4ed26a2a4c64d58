# SPDX-License-Identifier: Apache-2.0
"""The command line: what it refuses, and how it says so."""

import argparse
import contextlib
import io
import json
import pathlib
import tempfile
import unittest
from unittest import mock

from experiments.orchestrator import cli, environment, progress, session, store, topology
from experiments.testing import drive, machines, support


def on(machine):
    return session.World(machine=lambda: machine)


class CliTest(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.workspace = pathlib.Path(folder.name)

    def refused(self, *args, tools=None, **kwargs):
        """The one sentence with which a command is refused."""
        err = io.StringIO()
        with contextlib.redirect_stderr(err):
            if tools:
                code = cli.main(list(args), tools, out=io.StringIO())
            else:
                code, _ = support.run_cli(self.workspace, *args, **kwargs)
        self.assertEqual(code, 2, err.getvalue())
        lines = err.getvalue().strip().splitlines()
        self.assertEqual(len(lines), 1, lines)
        self.assertRegex(lines[0], r"^experiments: .*[.?]$")
        self.assertEqual(list(self.workspace.glob("results/2*")), [])
        return lines[0]

    def test_names(self):
        self.assertIn("did you mean 'reuse_threshold'", self.refused("--only", "reuse_treshold"))
        self.assertIn("known: batch_delay, batch_init", self.refused("--only", "xyz"))
        self.assertIn("did you mean 'sync_map'", self.refused("--strategies", "sync_mpa"))
        self.assertIn("did you mean 'default'", self.refused("--profile", "defalt"))
        self.assertIn("did you mean --budget", self.refused("--budgt", "20m"))
        self.assertIn("not a contestant", self.refused("--strategies", "Sync Map"))

    def test_values(self):
        for args in (("--budget", "soon"), ("--budget", "0s"), ("--budget", "-5m"), ("--threads", "two"),
                     ("--threads", "0"), ("--threads", "1,al"), ("--pin", "spred"), ("--seed", "-1"), ("--seed", "x"), ("--only", ","), ("--budget",),
                     ("--visit-timeout", "x"), ("--arch", "arm"), ("extra",), ("--resume", "--report-only", "latest")):
            self.refused(*args)

    def test_runs_that_are_not_there(self):
        self.assertIn("there is none", self.refused("--resume"))
        self.assertIn("there is none", self.refused("--report-only", "latest"))

    def test_compare(self):
        for _ in range(2):
            support.run_cli(self.workspace, "--profile", "smoke", "--only", "skew")
        first, second = sorted(p for p in (self.workspace / "results").glob("2*"))
        packed = self.workspace / "other.capsule"
        packed.write_text("a run in one file")
        with mock.patch.dict("os.environ", {"BUILD_WORKING_DIRECTORY": str(self.workspace)}):
            code, said = support.run_cli(self.workspace, "--compare", first.name, "latest", "other.capsule")
        self.assertEqual(code, 0)
        page = self.workspace / "results/compare/index.html"
        self.assertEqual(said, f"3 runs.\ncomparison: {page}\n")
        self.assertEqual(page.read_text().split(), [str(p.resolve()) for p in (first, second, packed)])
        err = io.StringIO()
        with contextlib.redirect_stderr(err):
            code, _ = support.run_cli(self.workspace, "--compare", "latest", "none")
        self.assertEqual((code, err.getvalue()), (2, f"experiments: no run 'none' was found; the newest is {second.name}.\n"))

    def test_capsules_that_are_none(self):
        class ResultsError(Exception):
            pass

        def refuse(*_):
            raise ResultsError("x.capsule is cut short; ask for the capsule anew where it was made.")

        path = support.quick_catalogue(self.workspace / "catalogue.json")
        tools = cli.dataclasses.replace(drive.tools(self.workspace, path), build_report=refuse, compare_runs=refuse)
        (self.workspace / "x.capsule").write_text("x")
        for command in (["--report-only", "x.capsule"], ["--compare", "x.capsule", "x.capsule"]):
            with mock.patch.dict("os.environ", {"BUILD_WORKING_DIRECTORY": str(self.workspace)}):
                self.assertEqual(self.refused(*command, tools=tools), "experiments: x.capsule is cut short; ask for the "
                                 "capsule anew where it was made.")

    def test_resume_takes_no_other_questions(self):
        support.run_cli(self.workspace, "--profile", "smoke", "--only", "skew")
        err = io.StringIO()
        with contextlib.redirect_stderr(err):
            code, _ = support.run_cli(self.workspace, "--resume", "--only", "skew")
        self.assertEqual(code, 2)
        self.assertIn("--only belongs to a new run", err.getvalue())

    def test_the_target_of_one_question_resumes_its_runs(self):
        preset = ["--only=skew"]
        support.run_cli(self.workspace, "--profile", "smoke", preset=preset)
        code, said = support.run_cli(self.workspace, "--resume", preset=preset)
        self.assertEqual(code, 0, said)
        self.assertEqual([q["name"] for q in support.meta(support.newest(self.workspace))["questions"]], ["skew"])

    def test_resume_refuses_another_worker_and_another_schema(self):
        support.run_cli(self.workspace, "--profile", "smoke", "--only", "skew")
        run = support.newest(self.workspace)
        samples = (run / "samples.jsonl").read_bytes()
        for change, what in ((lambda m: m["workers"].clear(), "worker has changed"),
                             (lambda m: m.update(schema=7), "schema 7")):
            meta = support.meta(run)
            change(meta)
            (run / "run.json").write_text(json.dumps(meta), encoding="utf-8")
            err = io.StringIO()
            with contextlib.redirect_stderr(err):
                code, _ = support.run_cli(self.workspace, "--resume")
            self.assertEqual(code, 2)
            self.assertIn(what, err.getvalue())
        self.assertEqual((run / "samples.jsonl").read_bytes(), samples)

    def test_layouts_of_another_build(self):
        path = support.quick_catalogue(self.workspace / "catalogue.json")
        tools = cli.dataclasses.replace(drive.tools(self.workspace, path), native=[
            support.copy_of_worker(self.workspace, 1),
            support.copy_of_worker(self.workspace, 2, "STRATEGIES = STRATEGIES[:-1]")])
        self.assertIn("worker_layout_2 is of another build", self.refused(tools=tools))

    def test_resume_refuses_another_layout(self):
        support.run_cli(self.workspace, "--profile", "smoke", "--only", "skew", layouts=3)
        err = io.StringIO()
        with contextlib.redirect_stderr(err):
            code, _ = support.run_cli(self.workspace, "--resume", layouts=4)
        self.assertEqual(code, 2)
        self.assertIn("worker has changed", err.getvalue())

    def test_missing_worker_and_catalogue(self):
        path = support.quick_catalogue(self.workspace / "catalogue.json")
        tools = drive.tools(self.workspace, path)
        self.assertIn("cannot be run", self.refused(tools=cli.dataclasses.replace(tools, native=[["/no/worker"]])))
        self.assertIn("no native worker", self.refused(tools=cli.dataclasses.replace(tools, native=None)))
        self.assertIn("no worker for another", self.refused("--arch", "cross", tools=tools))
        self.assertIn("catalogue", self.refused(tools=cli.dataclasses.replace(
            tools, catalogue=self.workspace / "none.json")))
        path.write_text('{"schema": 9}', encoding="utf-8")
        self.assertIn("schema 9", self.refused(tools=tools))

    def test_no_emulator(self):
        path = support.quick_catalogue(self.workspace / "catalogue.json")
        with mock.patch.object(environment, "emulator", return_value=None):
            self.assertIn("qemu-aarch64 is not installed",
                          self.refused("--arch", "cross", tools=drive.tools(self.workspace, path, cross=True)))
            code, said = support.run_cli(self.workspace, "--profile", "smoke", "--only", "skew", cross=True)
        self.assertEqual(code, 0)
        self.assertIn("nothing is validated on aarch64", said)

    def test_full_disk(self):
        with mock.patch.object(store, "free_bytes", return_value=1 << 20):
            self.assertIn("1 MiB free", self.refused("--profile", "smoke"))

    def test_threads(self):
        self.assertIn("--threads smt names no number of threads here",
                      self.refused("--threads", "1,smt", world=on(machines.machine("vm", allowed="0"))))
        self.assertIn("did you mean 'half'", self.refused("--threads", "halve"))

    def test_one_cpu(self):
        code, said = support.run_cli(self.workspace, "--profile", "smoke", "--only", "read_share,batch_init",
                                     world=on(machines.machine("vm", allowed="0")))
        self.assertEqual(code, 0, said)
        self.assertEqual({v["threads"] for v in support.samples(support.newest(self.workspace), "visit")}, {1})

    def test_pin(self):
        server = machines.machine("server")
        for pin, cpus in (("compact", [0, 1, 2, 3]), ("spread", [0, 16, 1, 17])):
            code, said = support.run_cli(self.workspace, "--profile", "smoke", "--only", "skew", "--threads", "4",
                                         *(["--pin", pin] if pin == "spread" else []), world=on(server))
            self.assertEqual(code, 0, said)
            run = support.newest(self.workspace)
            meta = support.meta(run)
            self.assertEqual((meta["pin"], meta["cpus"]), (pin, server.order(pin)))
            self.assertEqual({tuple(v["pin"]) for v in support.samples(run, "visit")}, {tuple(cpus)})

    def test_resume_wants_the_same_cpus(self):
        support.run_cli(self.workspace, "--profile", "smoke", "--only", "skew")
        err = io.StringIO()
        with contextlib.redirect_stderr(err):
            code, _ = support.run_cli(self.workspace, "--resume", world=on(machines.machine("server")))
        self.assertEqual(code, 2)
        self.assertIn("this process may use 0-63", err.getvalue())

    def test_list(self):
        code, said = support.run_cli(self.workspace, "--list")
        self.assertEqual(code, 0)
        for q in support.real_catalogue().questions:
            self.assertIn(q["title"], said)
        for name in support.DESCRIBED:
            self.assertIn(f"  {name} ", said)
        self.assertIn("shards=32, 1 to 65536", said)
        self.assertFalse((self.workspace / "results").exists())

    def test_help_teaches(self):
        text = cli.parser("all").format_help()
        for word in ("--resume", "--report-only", "--compare", "monday.capsule", "--only reuse_threshold --budget 20m", "Ctrl-C", "exit code"):
            self.assertIn(word, text)

    def test_out(self):
        with mock.patch.dict("os.environ", {"BUILD_WORKING_DIRECTORY": str(self.workspace)}):
            code, _ = support.run_cli(self.workspace, "--profile", "smoke", "--only", "skew", "--out", "elsewhere")
        self.assertEqual(code, 0)
        self.assertTrue((self.workspace / "elsewhere/latest/run.json").exists())

    def test_durations(self):
        for text, seconds in (("90", 90), ("90s", 90), ("20m", 1200), ("1h30m", 5400), ("0.5h", 1800), ("1m30s", 90)):
            self.assertEqual(cli.parse_duration(text), seconds)
        for text in ("", "m", "1d", "-1", "1m2h"):
            with self.assertRaises(argparse.ArgumentTypeError, msg=text):
                cli.parse_duration(text)

    def test_strategies_with_tunables(self):
        self.assertEqual(cli._strategies("sync_map,sharded_map:shards=4,x=1@batch,mutex_map"),
                         ["sync_map", "sharded_map:shards=4,x=1@batch", "mutex_map"])


class ProgressTest(unittest.TestCase):

    def update(self, shown, **kwargs):
        shown.update(**{"fraction": 0.5, "left_s": 65, "visits": 1, "decided": 2, "goals": 9, "doing": "q: a against b",
                        **kwargs})

    def test_plain_lines_now_and_then(self):
        out, now = io.StringIO(), [0.0]
        shown = progress.Progress(out, clock=lambda: now[0])
        for now[0] in (0.0, 1.0, 5.0, 11.0):
            self.update(shown)
        self.assertEqual(out.getvalue(), " 50 %, 1:05 left, 1 visit, 2 of 9 decided; q: a against b\n" * 2)

    def test_bar_on_a_terminal(self):
        class Terminal(io.StringIO):
            def isatty(self):
                return True

        out = Terminal()
        shown = progress.Progress(out, columns=60)
        self.update(shown)
        self.update(shown, fraction=1.7)
        shown.say("done")
        bars = out.getvalue().split("\r")
        self.assertTrue(bars[1].startswith("[############............]  50 %"))
        self.assertIn("[########################] 100 %", bars[2])
        self.assertTrue(all(len(bar) < 60 for bar in bars))
        self.assertTrue(out.getvalue().endswith("\rdone\n"))

    def test_durations(self):
        self.assertEqual([progress.duration(s) for s in (-1, 0, 59, 60, 3661)],
                         ["0 s", "0 s", "59 s", "1:00", "1:01:01"])


class EnvironmentTest(unittest.TestCase):

    def test_this_machine(self):
        found = environment.environment(topology.read())
        self.assertGreaterEqual(found["cores"], 1)
        self.assertGreater(found["memory_bytes"], 1 << 20)
        self.assertEqual(found["topology"], topology.read().record())
        json.dumps(found)

    def test_revision_outside_a_checkout(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(environment.revision(pathlib.Path(folder)), ("unknown", None))


if __name__ == "__main__":
    unittest.main()
