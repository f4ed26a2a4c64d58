# SPDX-License-Identifier: Apache-2.0
"""What is on disk survives what can happen to it."""

import json
import pathlib
import tempfile
import unittest
from unittest import mock

from experiments.orchestrator import store
from experiments.orchestrator.errors import UserError


class StoreTest(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.results = pathlib.Path(folder.name) / "results"

    def create(self):
        run = store.RunStore.create(self.results, {"status": "running", "revision": "abc"})
        self.addCleanup(run.close)
        return run

    def write_visits(self, run, *numbers):
        for v in numbers:
            run.append({"t": "visit", "v": v})
            run.append({"t": "slice", "v": v, "n": 1})
            run.append({"t": "visit_end", "v": v, "status": "ok"})
        run.sync()

    def test_create(self):
        run = self.create()
        self.assertRegex(run.path.name, r"^\d{8}T\d{6}Z(_\d+)?$")
        self.assertEqual((self.results / "latest").resolve(), run.path.resolve())
        meta = store.read_meta(run.path)
        self.assertEqual((meta["schema"], meta["run"], meta["status"]), (1, run.path.name, "running"))

    def test_two_runs_of_one_second(self):
        self.assertNotEqual(self.create().path, self.create().path)

    def test_resume_reads_complete_visits_and_numbers_go_on(self):
        run = self.create()
        self.write_visits(run, 1, 2)
        run.append({"t": "visit", "v": 3})
        run.append({"t": "slice", "v": 3, "n": 1})
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
        with self.assertRaisesRegex(UserError, "line 1 is not a record"):
            list(again.replay())
        self.assertEqual(samples.read_text(encoding="utf-8"), "garbage\n")
        (run.path / "run.json").write_text("{", encoding="utf-8")
        with self.assertRaisesRegex(UserError, "cannot be read"):
            store.read_meta(run.path)

    def test_a_stray_line_is_an_error(self):
        run = self.create()
        self.write_visits(run, 1)
        run.append({"t": "slice", "v": 9, "n": 1})
        with self.assertRaisesRegex(UserError, "visit 9, which never began"):
            list(run.replay())

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
