# SPDX-License-Identifier: Apache-2.0
"""Whole runs with the simulated worker, in this process."""

import collections
import json
import os
import pathlib
import tempfile
import time
import unittest
from unittest import mock

from experiments.orchestrator import environment, session, store
from experiments.testing import support

BUDGET = ("--budget", "12s")
# One visit's worth of contestants.
FEW = ("--strategies", "sync_map,hash_trie_map,sharded_map")


class RunTest(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.workspace = pathlib.Path(folder.name)

    def go(self, *args, fake=None, **kwargs):
        with mock.patch.dict(os.environ, {"FAKE_WORKER": json.dumps(fake or {})}):
            code, said = support.run_cli(self.workspace, *args, **kwargs)
        self.run_path = support.newest(self.workspace)
        return code, said

    def statuses(self):
        return {line["status"] for line in support.samples(self.run_path, "visit_end")}


class Complete(RunTest):

    def test_smoke_asks_everything_and_validates_the_other_architecture(self):
        with mock.patch.object(environment, "emulator", return_value=["true"]):
            code, said = self.go("--profile", "smoke", cross=True)
        self.assertEqual(code, 0, said)
        meta = support.meta(self.run_path)
        self.assertEqual((meta["status"], meta["not_asked"]), ("complete", []))
        visits = support.samples(self.run_path, "visit")
        asked = {q["name"] for q in meta["questions"]}
        self.assertEqual({v["question"] for v in visits if v["timed"]}, asked | {"harness"})
        emulated = [v for v in visits if not v["timed"]]
        self.assertEqual({v["question"] for v in emulated}, asked)
        self.assertEqual({(v["arch"], v["purpose"]) for v in emulated}, {("aarch64", "validate")})
        numbers = {v["v"] for v in emulated}
        self.assertFalse(any("ns" in s for s in support.samples(self.run_path, "slice") if s["v"] in numbers))
        self.assertFalse(meta["workers"]["aarch64"]["timed"])
        self.assertEqual((self.run_path / "report/index.html").read_text(encoding="utf-8"), "complete")
        self.assertIn(f"paper: {self.run_path}", said.replace(str(self.workspace / "results/latest"),
                                                             str(self.run_path)))

    def test_what_run_json_holds(self):
        self.go("--profile", "smoke", "--only", "shards,skew", "--seed", "3")
        meta = support.meta(self.run_path)
        self.assertEqual(meta["command"],
                         "bazel run //experiments -- --profile smoke --only shards,skew --seed 3")
        self.assertEqual((meta["schema"], meta["profile"], meta["seed"], meta["run"]),
                         (1, "smoke", 3, self.run_path.name))
        self.assertEqual([q["name"] for q in meta["questions"]], ["skew", "shards"])
        self.assertEqual(len(meta["not_asked"]), len(support.real_catalogue().names()) - 2)
        cores = str(meta["environment"]["cores"])
        self.assertEqual(set(meta["rules"]["delta"]), {"1", cores})
        self.assertEqual(set(meta["threads"]), {"1", cores})
        worker = next(w for w in meta["workers"].values() if w["timed"])
        self.assertEqual([len(digest) for digest in worker["layouts"]], [64])
        for field in ("cpu", "cores", "topology", "smt", "kernel", "thp", "aslr", "governor", "memory_bytes",
                      "hypervisor", "os", "load_at_start", "load_at_end", "clock_source"):
            self.assertIn(field, meta["environment"])

    def test_visits_are_well_formed(self):
        self.go("--profile", "smoke", "--only", "threads,shards,standard_cells")
        visits = support.samples(self.run_path, "visit")
        seeds = [v["seed"] for v in visits]
        self.assertEqual(len(set(seeds)), len(seeds))
        self.assertEqual([v["v"] for v in visits], list(range(1, len(visits) + 1)))
        cpus = len(os.sched_getaffinity(0))
        for v in visits:
            self.assertEqual(len(v["pin"]), v["threads"])
            self.assertEqual(v["oversubscribed"], v["threads"] > cpus)
            self.assertFalse(any("{}" in c for c in v["contestants"]), v)
            self.assertEqual(v["cell"]["regime"], v["workload"]["regime"])
            self.assertEqual(set(v["gate"]), {"waited_s", "other_cpu", "quiet"})
        shards = [v for v in visits if v["question"] == "shards"]
        self.assertTrue(all(f"sharded_map:shards={v['cell']['axis']}" in v["contestants"] for v in shards))

    def test_calls_and_loops_by_hand_reach_the_worker(self):
        log = self.workspace / "requests"
        self.go("--profile", "smoke", "--only", "call_boundary,harness_price,skew", fake={"log": str(log)})
        visits = {v["v"]: v for v in support.samples(self.run_path, "visit") if v["timed"]}
        ran = {r["visit"]: r for r in map(json.loads, log.read_text().splitlines())}
        for number, v in visits.items():
            expected = "called" if v["question"] == "call_boundary" else None
            self.assertEqual((v.get("call"), ran[number].get("call")), (expected, expected), v)
            if v["question"] == "harness_price":
                self.assertEqual((v["contestants"], v["baseline"]), (["mutex_map@direct", "mutex_map"], "mutex_map@direct"))
        self.assertEqual({v["question"] for v in visits.values()}, {"call_boundary", "harness_price", "skew"})

    def test_rounds_reach_the_worker_and_what_it_says_of_them_is_kept(self):
        log = self.workspace / "requests"
        self.go("--profile", "smoke", "--only", "churn_rounds,skew", fake={"log": str(log)})
        visits = {v["v"]: v for v in support.samples(self.run_path, "visit") if v["timed"]}
        asked = {r["visit"]: r.get("rounds") for r in map(json.loads, log.read_text().splitlines())}
        self.assertLessEqual({("churn_rounds", 8), ("skew", None)}, {(v["question"], asked[number]) for number, v in visits.items()})
        for number, v in visits.items():
            told = [r for r in support.samples(self.run_path, "round") if r["v"] == number]
            self.assertEqual(len(told), 8 * len(v["contestants"]) * (v["question"] == "churn_rounds"))

    def test_visits_take_turns_with_the_layouts(self):
        log = self.workspace / "requests"
        left = iter(range(60))  # visits, however long they take on this machine
        with mock.patch.object(session.Session, "_time_for", lambda self, q: next(left, None) is not None):
            self.go("--only", "standard_cells", *FEW, "--budget", "10m", layouts=3, fake={"log": str(log)})
        visits = [v for v in support.samples(self.run_path, "visit") if v["purpose"] == "cell"]
        ran = {r["visit"]: r["program"] for r in map(json.loads, log.read_text().splitlines())}
        for v in visits:  # what is written is what was run
            self.assertEqual(ran[v["v"]], str(self.workspace / f"worker_layout_{v['layout']}"))
        first = [v["layout"] for v in visits if v["cell"] == visits[0]["cell"]][:9]
        self.assertEqual([sorted(first[i:i + 3]) for i in (0, 3, 6)], [[1, 2, 3]] * 3)
        hashes = next(iter(support.meta(self.run_path)["workers"].values()))["layouts"]
        self.assertEqual(hashes, [environment.sha256(self.workspace / f"worker_layout_{n}") for n in (1, 2, 3)])
        self.assertEqual(len(set(hashes)), 3)

    def test_a_worker_with_one_layout_is_run_as_ever(self):
        self.go("--profile", "smoke", "--only", "skew")
        self.assertEqual({v["layout"] for v in support.samples(self.run_path, "visit")}, {1})

    def test_seeds_are_those_of_run_and_number(self):
        self.assertEqual(session.visit_seed(1, 5), session.visit_seed(1, 5))
        self.assertEqual(len({session.visit_seed(s, n) for s in range(5) for n in range(50)}), 250)
        self.assertLess(max(session.visit_seed(s, 1) for s in range(100)), 1 << 53)


class Budget(RunTest):

    def test_is_kept(self):
        started = time.monotonic()
        code, said = self.go("--budget", "12s", *FEW, fake={"mode": "slow", "seconds": 0.2})
        self.assertLess(time.monotonic() - started, 12.5)
        self.assertEqual(code, 0, said)
        meta = support.meta(self.run_path)
        self.assertEqual((meta["status"], meta["budget_s"]), ("out_of_budget", 12.0))
        # Screening goes round: with a dozen visits every question has some, on a busy machine too.
        self.assertEqual({v["question"] for v in support.samples(self.run_path, "visit")} - {"harness"},
                         {q["name"] for q in meta["questions"]})

    def test_a_budget_beyond_the_screening_ends_a_complete_run(self):
        for visits, status in ((10, "out_of_budget"), (55, "complete")):
            left = iter(range(visits))
            with mock.patch.object(session.Session, "_time_for", lambda self, q: next(left, None) is not None):
                code, said = self.go("--only", "read_share", *FEW, "--budget", "10m")
            self.assertEqual(code, 0, said)
            meta = support.meta(self.run_path)
            self.assertEqual(meta["status"], status)
            self.assertEqual(" verdicts decided; more visits would" in meta["note"], status == "complete")

    def test_reserve_is_for_the_paper_and_the_other_architecture(self):
        with mock.patch.object(environment, "emulator", return_value=["true"]):
            with mock.patch.object(session.Session, "_measure_natively", lambda self: str(self._reserve())):
                self.go("--only", "read_share", "--budget", "10m", cross=True)
        self.assertGreater(float(support.meta(self.run_path)["status"]), session.REPORT_RESERVE_S + 2)

    def test_resume_goes_on_with_the_layouts_that_a_place_has_not_seen(self):
        turns = iter(range(5))  # more places than that: in the middle of the screen
        with mock.patch.object(session.Session, "_time_for", lambda self, q: next(turns, None) is not None):
            self.go("--only", "skew", "--threads", "1", layouts=4)
        turns = iter(range(40))
        with mock.patch.object(session.Session, "_time_for", lambda self, q: next(turns, None) is not None):
            code, said = self.go("--resume", layouts=4)
        self.assertEqual(code, 0, said)
        seen = collections.defaultdict(list)
        for v in support.samples(self.run_path, "visit"):
            if v["purpose"] == "screen":
                seen[str(v["cell"]), tuple(v["contestants"])].append(v["layout"])
        self.assertGreater(len(seen), 5)
        for layouts in seen.values():
            self.assertEqual(len(set(layouts)), len(layouts))

    def test_resume_adds_time_and_continues(self):
        self.go("--budget", "4s", "--only", "read_share")
        before = support.samples(self.run_path, "visit")
        code, said = self.go("--resume", "--budget", "4s")
        self.assertEqual(code, 0, said)
        after = support.samples(self.run_path, "visit")
        self.assertEqual(after[:len(before)], before)
        self.assertGreater(len(after), len(before))
        self.assertEqual(len({v["v"] for v in after}), len(after))
        self.assertEqual(len(support.meta(self.run_path)["sittings"]), 1)


class Accidents(RunTest):

    def test_wrong_results_withhold_the_strategy_and_fail_the_run(self):
        code, said = self.go("--only", "batch_init,standard_cells", *BUDGET, fake={"mode": "invalid", "of": "sync_map"})
        self.assertEqual(code, 1)
        self.assertIn("WITHHELD: sync_map", said)
        self.assertIn("FAILED: sync_map returned wrong results", said)
        withheld = support.meta(self.run_path)["withheld"]
        self.assertEqual([w["contestant"] for w in withheld], ["sync_map"])
        self.assertIn("final size 99", withheld[0]["what"])
        ends = support.samples(self.run_path, "visit_end")
        self.assertEqual([e["status"] for e in ends].count("invalid"), 1)
        self.assertIn("ok", self.statuses())

    def test_every_form_of_a_wrong_strategy_is_withheld(self):
        code, said = self.go("--only", "shards,standard_cells", "--profile", "smoke",
                             fake={"mode": "invalid", "of": "sharded_map"})
        self.assertEqual(code, 1)
        self.assertEqual(said.count("WITHHELD: sharded_map "), 1)
        self.assertEqual({w["contestant"] for w in support.meta(self.run_path)["withheld"]},
                         {"sharded_map:shards=1", "sharded_map:shards=64"})
        self.assertIn("FAILED: sharded_map returned wrong results\n", said)

    def test_wrong_results_on_the_other_architecture(self):
        with mock.patch.object(environment, "emulator", return_value=["true"]):
            code, said = self.go("--only", "skew", "--arch", "cross", "--profile", "smoke", cross=True,
                                 fake={"mode": "invalid", "of": "sync_map"})
        self.assertEqual(code, 1, said)
        self.assertIn("on aarch64", support.meta(self.run_path)["withheld"][0]["what"])

    def test_a_crashing_contestant_is_given_up_and_the_rest_is_measured(self):
        code, said = self.go("--only", "batch_init", *BUDGET, fake={"mode": "crash", "of": "sharded_map"})
        self.assertEqual(code, 1)
        self.assertIn("GIVEN UP: sharded_map in batch_init", said)
        meta = support.meta(self.run_path)
        self.assertEqual(meta["withheld"], [])
        self.assertTrue(any(s["contestant"] == "sharded_map" for s in meta["skipped"]))
        self.assertEqual(self.statuses(), {"ok", "crashed"})

    def test_a_hanging_contestant(self):
        code, said = self.go("--only", "batch_init", "--budget", "20s", "--visit-timeout", "1s",
                             fake={"mode": "hang", "of": "sharded_map"})
        self.assertEqual(code, 1, said)
        self.assertEqual(self.statuses(), {"ok", "hung"})
        self.assertLessEqual(said.count(" hung: "), 1 + 3)

    def test_too_little_memory_is_skipped_with_the_reason_and_no_failure(self):
        code, said = self.go("--only", "batch_init", *BUDGET, fake={"mode": "refused", "of": "sharded_map"})
        self.assertEqual(code, 0, said)
        self.assertTrue(any("12.1 GiB" in s["why"] for s in support.meta(self.run_path)["skipped"]))

    def test_a_disk_that_fills_up_keeps_what_is_there(self):
        free = iter([10 << 30] * 12)
        with mock.patch.object(store, "free_bytes", side_effect=lambda path: next(free, 1 << 20)):
            with mock.patch.object(session.Session.__init__, "__kwdefaults__",
                                   {**session.Session.__init__.__kwdefaults__, "free_bytes": store.free_bytes}):
                code, said = self.go("--only", "read_share", *BUDGET)
        self.assertIn("1 MiB are free", said)
        self.assertEqual(code, 1)
        meta = support.meta(self.run_path)
        self.assertEqual(meta["status"], "interrupted")
        self.assertIn("--resume", meta["note"])
        self.assertEqual(len(support.samples(self.run_path, "visit_end")), 11)

    def test_a_write_that_fails_ends_the_run_and_the_paper_is_still_written(self):
        real, real_meta, count = store.RunStore.append, store.RunStore.write_meta, []

        def append(self, line):
            count.append(1)
            if len(count) > 200:
                with store.disk(f"{self.path / 'samples.jsonl'} cannot be written"):
                    raise OSError(28, "No space left on device")
            real(self, line)

        def write_meta(self):
            if len(count) > 200:
                with store.disk(f"{self.path / 'run.json'} cannot be written"):
                    raise OSError(28, "No space left on device")
            real_meta(self)

        for also_meta in (False, True):
            count.clear()
            with mock.patch.object(store.RunStore, "append", append):
                with mock.patch.object(store.RunStore, "write_meta", write_meta if also_meta else real_meta):
                    code, said = self.go("--only", "read_share", *BUDGET)
            self.assertEqual(code, 1)
            self.assertIn("samples.jsonl cannot be written (No space left on device); free some space", said)
            self.assertEqual(support.meta(self.run_path)["status"], "running" if also_meta else "interrupted")
        self.assertTrue((self.run_path / "report/index.html").exists())

    def test_a_paper_that_fails_loses_nothing(self):
        from experiments.testing import drive
        with mock.patch.object(drive, "brief_report", side_effect=ValueError("no ink")):
            code, _ = self.go("--profile", "smoke", "--only", "skew")
        self.assertEqual(code, 1)
        self.assertEqual(support.meta(self.run_path)["status"], "complete")
        code, said = self.go("--report-only", "latest")
        self.assertEqual(code, 0, said)


if __name__ == "__main__":
    unittest.main()
