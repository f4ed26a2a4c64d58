# SPDX-License-Identifier: Apache-2.0
"""Reading of runs: whole, cut off, broken, of another schema."""

import contextlib
import io
import json
import pathlib
import tempfile
import unittest

from report import load, main
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
