# SPDX-License-Identifier: Apache-2.0
"""Reading of runs: whole, cut off, broken, of another schema."""

import contextlib
import fcntl
import io
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import types
import unittest
from unittest import mock

from report import load, main, segments
from report.testdata import make_testdata

HEAD = ('{"t":"visit","v":1,"question":"q","cell":{},"workload":{},"threads":1,'
        '"contestants":["null"],"timed":false}\n')


class Load(unittest.TestCase):

    def setUp(self):
        self._directory = tempfile.TemporaryDirectory()
        self.addCleanup(self._directory.cleanup)
        self.run_dir = pathlib.Path(self._directory.name) / "run"

    def _append(self, text: str) -> None:
        with open(self.run_dir / "samples.jsonl", "a", encoding="utf-8") as f:
            f.write(text)

    def _error(self) -> str:
        """What the command line says, in its one sentence."""
        with contextlib.redirect_stderr(io.StringIO()) as said:
            self.assertEqual(main.main([str(self.run_dir)]), 2)
        text = said.getvalue()
        self.assertEqual(text.count("\n"), 1, text)
        self.assertTrue(text.startswith("report: "))
        return text

    def test_partial_run(self):
        make_testdata.make(self.run_dir, "partial")
        run = load.load(self.run_dir)
        self.assertEqual(run.half_written, 1)
        self.assertEqual([v.id for v in run.lost], [4])
        self.assertEqual(sum(v.ok for v in run.visits), 4)

    def test_run_without_samples(self):
        make_testdata.make(self.run_dir, "empty")
        (self.run_dir / "samples.jsonl").unlink()
        self.assertEqual(load.load(self.run_dir).visits, [])

    def test_scar_of_a_resumed_run_is_counted(self):
        make_testdata.make(self.run_dir, "partial")
        self._append('\n{"t":"visit","v":5,"question":"reuse_threshold",'
                     '"cell":{"axis":0.1},"contestants":["mutex_map"],"workload":{},'
                     '"timed":true,"threads":1}\n'
                     '{"t":"visit_end","v":5,"status":"ok","seconds":1}\n')
        run = load.load(self.run_dir)
        self.assertEqual(run.half_written, 1)
        self.assertEqual(run.visits[-1].status, "ok")

    def test_garbage_in_the_middle_is_refused(self):
        make_testdata.make(self.run_dir, "partial")
        path = self.run_dir / "samples.jsonl"
        lines = path.read_text(encoding="utf-8").split("\n")
        lines[5] = "garbage"
        path.write_text("\n".join(lines), encoding="utf-8")
        self.assertIn("line 6 is not JSON", self._error())

    def test_record_without_its_fields_is_refused(self):
        make_testdata.make(self.run_dir, "empty")
        self._append(HEAD + '{"t":"counters","v":1}\n')
        self.assertIn("line 2 lacks the field c (a whole number from 0 to 255)", self._error())

    def test_a_run_that_nobody_writes_any_more_was_cut_off(self):
        make_testdata.make(self.run_dir, "empty")
        self.assertEqual(load.load(self.run_dir).meta["status"], "cut_off")
        with open(self.run_dir / "samples.jsonl", "ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self.assertEqual(load.load(self.run_dir).meta["status"], "running")
            self.assertIn("This run is still going", main.build(self.run_dir).read_text())
        self.assertIn("This run was cut off", main.build(self.run_dir).read_text())

    def test_what_is_wrong_with_the_command(self):
        make_testdata.make(self.run_dir, "empty")
        run, before = str(self.run_dir), sorted(self.run_dir.parent.rglob("*"))
        for args, sentence in (*(([*start, value], f"argument {what}: what is given is empty; name a results directory, a figure or "
                                                   "a file; see --help.") for value in ("", "  ") for start, what in (
                                     ([], "RUN"), ([run], "OUT"), ([run, "--figure"], "--figure"),
                                     ([run, "--capsule"], "--capsule"), ([run, "--gallery"], "--gallery"),
                                     ([run, "--hdr-log"], "--hdr-log"), (["--compare"], "--compare"),
                                     (["--compare", run], "--compare"), (["--compare", run, run, "--out"], "--out"),
                                     (["--harness-price", run], "OUT"))),
                               ([run, "x.svg"], "x.svg stands after the run, and only --figure and --harness-price write there"),
                               ([run, "x", "--capsule", "y"], "x stands after the run"),
                               ([], "no run is named; give a results directory, such as results/latest, or a capsule."),
                               (["x", "y", "z"], "unrecognized arguments: z; see --help."),
                               (["--figure", "fig-x", str(self.run_dir)], "there is no figure 'fig-x' in this run")):
            with contextlib.redirect_stderr(io.StringIO()) as said:
                self.assertEqual(main.main(args), 2)
            self.assertIn(sentence, said.getvalue())
            self.assertEqual(said.getvalue().count("\n"), 1)
        self.assertEqual(sorted(self.run_dir.parent.rglob("*")), before)

    def test_output_that_cannot_be_written(self):
        make_testdata.make(self.run_dir, "empty")
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([sys.executable, "-m", "report", str(self.run_dir)], stdout=full, check=False,
                                  stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(
                                      [str(pathlib.Path(main.__file__).parents[1]), *sys.path])})
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"^report: standard output cannot be written \(No space left on device\); it would "
                         r"have said: .*index.html\.\n$")

    def test_a_paper_that_cannot_be_written(self):
        make_testdata.make(self.run_dir, "empty")
        self.run_dir.joinpath("report").write_text("a file")
        self.assertIn(f"report: {self.run_dir}/report cannot be written (File exists)", self._error())
        self.run_dir.joinpath("report").unlink()
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
        try:
            self.assertRegex(self._error(), r"report/\S+ cannot be written \(File too large\)")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        self.assertEqual([p.name for p in self.run_dir.glob("report/*.part")], [])

    def test_stray_lines_are_counted(self):
        make_testdata.make(self.run_dir, "empty")
        self._append('{"t":"slice","v":7,"b":0,"c":0,"n":1}\n' + HEAD
                     + '{"t":"end","v":2}\n')
        self.assertEqual(load.load(self.run_dir).stray, 2)

    def test_repeated_visit_replaces_the_lost_one(self):
        make_testdata.make(self.run_dir, "empty")
        self._append(HEAD + '{"t":"slice","v":1,"b":0,"c":0,"n":5}\n' + HEAD
                     + '{"t":"visit_end","v":1,"status":"ok","seconds":1}\n')
        visit, = load.load(self.run_dir).visits
        self.assertEqual((visit.status, visit.operations), ("ok", 0))

    def test_operations_that_counters_are_of(self):
        slices = [{"t": "slice", "b": b, "p": p, "c": c, "n": n, "ns": 100, "rd": 0, "late": 0, "hits": 0}
                  for b, p, c, n in ((0, 0, 0, 10), (0, 1, 1, 20), (1, -1, 0, 40), (1, 0, 0, 80), (1, 1, 1, 160))]
        counters = {"t": "counters", "c": 0, "counters": {"misses": 7}}
        for placement, counted in (("block", {0: 120, 1: 160}), ("visit", {0: 130, 1: 180}), (None, {0: 130, 1: 180})):
            visit = load._visit({"v": 1, "question": "q", "cell": {}, "threads": 1, "contestants": ["sync_map", "null"],
                                 "timed": True}, {})
            visit.take([*slices, counters, {"t": "end", "visit": 1, "blocks": 2, "placement": placement}])
            self.assertEqual((visit.counters, visit.counted), ({0: {"misses": 7}}, counted), placement)

    def test_layouts_are_numbered_from_one(self):
        for worker, numbers in (({"layouts": ["a", "b", "c"]}, [1, 2, 3]), ({"layouts": None}, []), ({}, [])):
            self.assertEqual(load.Run.layouts(types.SimpleNamespace(worker=lambda own=worker: ("x86_64", own))), numbers)

    def _by_processes(self, of: int):
        """As on a machine of so many CPUs, where no file is too small to be shared."""
        patches = contextlib.ExitStack()
        patches.enter_context(mock.patch.object(load, "_SEGMENT", 1))
        patches.enter_context(mock.patch("os.sched_getaffinity", return_value=set(range(of))))
        return patches

    def test_several_processes_read_the_same(self):
        make_testdata.make(self.run_dir, "small")
        alone = load.load(self.run_dir)
        self.assertGreater(len(alone.visits), 20)
        for processes in (2, 5):
            with self._by_processes(processes), mock.patch.object(segments, "each", wraps=segments.each) as each:
                shared = load.load(self.run_dir)
            self.assertEqual(len(each.call_args.args[1]), processes)
            self.assertEqual(repr(shared), repr(alone))

    def test_parts_begin_where_a_visit_begins(self):
        make_testdata.make(self.run_dir, "small")
        path = self.run_dir / "samples.jsonl"
        data = path.read_bytes()
        with self._by_processes(5):
            parts = segments.of(path, b'{"t":"visit",', 1)
        self.assertEqual(b"".join(data[a:b] for a, b in parts), data)
        self.assertEqual(len(parts), 5)
        self.assertTrue(all(data[a:].startswith(b'{"t":"visit",') for a, _ in parts))
        self.assertEqual(segments.of(path, b"nothing like it", 1), [(0, len(data))])
        self.assertEqual(segments.of(path, b'{"t":"visit",', len(data) // 2 + 1), [(0, len(data))])

    def test_what_is_out_of_the_ordinary_is_read_by_one(self):
        for what, change in (("stray", lambda lines: lines + ['{"t":"slice","v":2,"b":0,"c":0,"n":1}']),
                             ("half", lambda lines: lines + ['{"t":"visit","v"']),
                             ("repeated", lambda lines: lines + lines[:1]),
                             ("blank", lambda lines: lines[:9] + [""] + lines[9:])):
            with self.subTest(what):
                make_testdata.make(self.run_dir, "small")
                path = self.run_dir / "samples.jsonl"
                path.write_text("\n".join(change(path.read_text(encoding="utf-8").splitlines())), encoding="utf-8")
                alone = self._read()
                with self._by_processes(3):
                    self.assertEqual(self._read(), alone)
        make_testdata.make(self.run_dir, "small")
        path = self.run_dir / "samples.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines()
        for at, text in ((5, "garbage"), (len(lines) - 3, '{"t":"counters","v":1}')):
            path.write_text("\n".join(lines[:at] + [text] + lines[at:]), encoding="utf-8")
            alone = self._read()
            self.assertIn(f"line {at + 1} ", alone)
            with self._by_processes(3):
                self.assertEqual(self._read(), alone)

    def _read(self) -> str:
        try:
            return repr(load.load(self.run_dir))
        except load.ResultsError as error:
            return str(error)

    def test_a_process_that_cannot_be_had_is_no_loss(self):
        make_testdata.make(self.run_dir, "small")
        alone = repr(load.load(self.run_dir))
        with self._by_processes(2), mock.patch("concurrent.futures.ProcessPoolExecutor.submit", side_effect=OSError(11, "no process")):
            self.assertEqual(repr(load.load(self.run_dir)), alone)
        self.assertIsNone(segments.each(os._exit, [(1,), (1,)]))

    def test_missing_directory(self):
        self.assertIn("is not a results directory", self._error())

    def test_directory_without_run(self):
        self.run_dir.mkdir()
        self.assertIn("has no run.json", self._error())

    def test_other_schema(self):
        make_testdata.make(self.run_dir, "empty")
        meta = json.loads((self.run_dir / "run.json").read_text())
        meta["schema"] = 2
        (self.run_dir / "run.json").write_text(json.dumps(meta))
        self.assertIn("has schema 2 but this report reads schema 1",
                      self._error())

    def test_broken_run_json(self):
        self.run_dir.mkdir()
        (self.run_dir / "run.json").write_text('{"schema": 1')
        self.assertIn("run.json is not JSON", self._error())

    def test_wrong_shape(self):
        self.run_dir.mkdir()
        (self.run_dir / "run.json").write_text(
            '{"schema": 1, "questions": {}}')
        self.assertIn("has an object of 0 fields in the field questions, where a list",
                      self._error())

    def test_fewer_samples_than_were_made_leave_the_paper_alone(self):
        make_testdata.make(self.run_dir, "partial")
        page = main.build(self.run_dir)
        before = page.read_bytes()
        made = sum(v.status != "lost" for v in load.load(self.run_dir).visits)
        meta = json.loads((self.run_dir / "run.json").read_text())
        samples = self.run_dir / "samples.jsonl"
        whole = samples.read_bytes()
        for visits, status in ((made, "interrupted"), (None, "complete")):
            meta.update({"visits": visits, "status": status})
            if visits is None:
                del meta["visits"]  # as runs were recorded before
            (self.run_dir / "run.json").write_text(json.dumps(meta))
            self.assertEqual(main.main([str(self.run_dir)]), 0)
            page.write_bytes(before)
            for damaged in (b"", whole[:300], None):
                if damaged is None:
                    samples.unlink()
                else:
                    samples.write_bytes(damaged)
                said = self._error()
                self.assertIn(f"samples.jsonl holds 0 ended visits and run.json counts "
                              f"{made if visits else 'at least 1'}", said)
                self.assertIn("a paper that is there stays as it is", said)
                self.assertEqual(page.read_bytes(), before)
            samples.write_bytes(whole)
        meta["visits"] = made + 1
        (self.run_dir / "run.json").write_text(json.dumps(meta))
        self.assertIn(f"holds {made} ended visits and run.json counts {made + 1}", self._error())


if __name__ == "__main__":
    unittest.main()
