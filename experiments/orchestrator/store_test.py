# SPDX-License-Identifier: Apache-2.0
"""What is on disk survives what can happen to it."""

import contextlib
import json
import pathlib
import shutil
import tempfile
import unittest
from unittest import mock

from experiments.orchestrator import store
from experiments.orchestrator.errors import DiskError, UserError


META = {
    "status": "running", "revision": "abc", "profile": "default", "seed": 1, "budget_s": 600, "questions": [],
    "workers": {}, "withheld": [], "skipped": [], "not_asked": [], "environment": {}, "rules": {},
    "settings": {"budget_s": 600, "seconds": 0.6, "warmup_seconds": 0.2, "slice_ms": {"doublings": [10], "oversubscribed": 200}, "screen_visits": 3,
                 "cell_visits": 60, "pair_visits": 60, "level_visits": 80, "gate_wait_s": 1}}
VISIT = {"t": "visit", "v": 1, "question": "q", "of": "q", "baseline": "mutex_map", "purpose": "screen", "timed": True,
         "cell": {"axis": 0.5, "threads": 1, "regime": "growth", "name": None}, "workload": {}, "threads": 1,
         "contestants": ["mutex_map", "sync_map"]}


def slice_of(v):
    return {"t": "slice", "v": v, "b": 0, "c": 0, "n": 1}


def end_of(v):
    return {"t": "visit_end", "v": v, "status": "ok", "seconds": 1.0}


class StoreTest(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.results = pathlib.Path(folder.name) / "results"

    def create(self):
        run = store.RunStore.create(self.results, dict(META))
        self.addCleanup(run.close)
        return run

    def write_visits(self, run, *numbers):
        for v in numbers:
            run.append({**VISIT, "v": v})
            run.append(slice_of(v))
            run.append(end_of(v))
        run.sync()

    def test_create(self):
        run = self.create()
        self.assertRegex(run.path.name, r"^\d{8}T\d{6}Z(_\d+)?$")
        self.assertEqual((self.results / "latest").resolve(), run.path.resolve())
        meta = store.read_meta(run.path)
        self.assertEqual((meta["schema"], meta["run"], meta["status"]), (1, run.path.name, "running"))

    def test_the_first_visit_is_number_one(self):
        self.assertEqual(self.create().next_visit, 1)

    def test_two_runs_of_one_second(self):
        self.assertNotEqual(self.create().path, self.create().path)

    def test_resume_reads_complete_visits_and_numbers_go_on(self):
        run = self.create()
        self.write_visits(run, 1, 2)
        run.append({**VISIT, "v": 3})
        run.append(slice_of(3))
        run.write_meta()
        run.close()
        with open(run.path / "samples.jsonl", "ab") as file:
            file.write(b'{"t":"slice","v":3,"n"')
        again = store.RunStore.resume(run.path)
        self.addCleanup(again.close)
        self.assertEqual([r["visit"]["v"] for r in again.replay()], [1, 2])
        self.assertEqual(again.next_visit, 4)
        self.assertEqual(again.meta["cut_lines"], 1)
        self.write_visits(again, 4)
        lines = (run.path / "samples.jsonl").read_text(encoding="utf-8").splitlines()
        self.assertEqual([json.loads(line)["v"] for line in lines], [1] * 3 + [2] * 3 + [3] * 2 + [4] * 3)

    def test_one_writer(self):
        run = self.create()
        with self.assertRaisesRegex(UserError, "another process"):
            store.RunStore.resume(run.path)

    def test_another_schema(self):
        run = self.create()
        run.meta["schema"] = 2
        run.write_meta()
        run.close()
        with self.assertRaisesRegex(UserError, "schema 2 .* revision abc"):
            store.RunStore.resume(run.path)

    def test_unreadable(self):
        run = self.create()
        run.close()
        samples = run.path / "samples.jsonl"
        samples.write_text("garbage\n", encoding="utf-8")
        again = store.RunStore.resume(run.path)
        self.addCleanup(again.close)
        with self.assertRaisesRegex(UserError, "line 1 is not JSON"):
            list(again.replay())
        self.assertEqual(samples.read_text(encoding="utf-8"), "garbage\n")
        (run.path / "run.json").write_text("{", encoding="utf-8")
        with self.assertRaisesRegex(UserError, "run.json is not JSON"):
            store.read_meta(run.path)

    def test_a_stray_line_is_an_error(self):
        run = self.create()
        self.write_visits(run, 1)
        run.append(slice_of(9))
        with self.assertRaisesRegex(UserError, "visit 9, which never began"):
            list(run.replay())

    def test_fewer_visits_than_were_made_are_not_gone_on_from(self):
        run = self.create()
        self.write_visits(run, 1, 2, 3)
        run.write_meta()
        run.close()
        samples = run.path / "samples.jsonl"
        whole, meta = samples.read_bytes(), (run.path / "run.json").read_bytes()
        self.assertEqual(json.loads(meta)["visits"], 3)
        for rest, found in ((b"", 0), (b"".join(whole.splitlines(keepends=True)[:5]), 1), (None, 0)):
            if rest is None:
                samples.unlink()
            else:
                samples.write_bytes(rest)
            with self.assertRaisesRegex(UserError, f"holds {found} ended visits? and run.json counts 3, so samples were "
                                        "lost; restore the file"):
                with contextlib.closing(store.RunStore.resume(run.path)) as again:
                    list(again.replay())
            self.assertEqual((run.path / "run.json").read_bytes(), meta)
            if rest is None:
                self.assertFalse(samples.exists())

    def test_an_older_run_leaves_latest_alone(self):
        old, new = self.create(), self.create()
        old.close()
        again = store.RunStore.resume(old.path)
        self.addCleanup(again.close)
        self.assertEqual((self.results / "latest").resolve(), new.path.resolve())

    def test_files_that_are_taken_away(self):
        run = self.create()
        run.check_place()
        (run.path / "samples.jsonl").rename(run.path / "elsewhere")
        with self.assertRaisesRegex(DiskError, "samples.jsonl is gone .*; put it back"):
            run.check_place()
        (run.path / "samples.jsonl").touch()
        with self.assertRaisesRegex(DiskError, "another file is in its place"):
            run.check_place()
        shutil.rmtree(run.path)
        with self.assertRaisesRegex(DiskError, "run.json cannot be written .No such file or directory.; put it back"):
            run.write_meta()

    def test_find(self):
        with self.assertRaisesRegex(UserError, "there is none"):
            store.find(self.results, "latest")
        run = self.create()
        for name in ("latest", run.path.name, str(run.path)):
            self.assertEqual(store.find(self.results, name), run.path.resolve())
        with self.assertRaisesRegex(UserError, f"newest is {run.path.name}"):
            store.find(self.results, "2019")

    def test_full_disk(self):
        with mock.patch.object(store, "free_bytes", return_value=1 << 20):
            with self.assertRaisesRegex(UserError, "1 MiB free"):
                self.create()
        self.assertEqual(list(self.results.glob("*")), [])

    def test_not_writable(self):
        self.results.parent.mkdir(exist_ok=True)
        self.results.write_text("a file", encoding="utf-8")
        with self.assertRaisesRegex(UserError, "cannot write to"):
            self.create()


if __name__ == "__main__":
    unittest.main()
