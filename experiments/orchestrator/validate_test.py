# SPDX-License-Identifier: Apache-2.0
"""What is checked on the other architecture, and what a run says of the rest."""

import contextlib
import io
import json
import pathlib
import tempfile
import unittest
from unittest import mock

from experiments.orchestrator import catalogue, contestants, environment, validate
from experiments.testing import fake_worker, machines, simulated, support


class Validation(unittest.TestCase):

    def requests(self, machine=support.TWO_CORES, **kwargs):
        smoke = support.narrow("smoke", machine=machine, **kwargs)
        asked = support.narrow(machine=machine, **kwargs)
        return validate.requests(smoke, asked.questions, machine, support.DESCRIBED)

    def test_threads_beyond_the_cpus_are_oversubscribed(self):
        for name in ("one_core", "cores2", "cores16"):
            machine = machines.machine(name)
            for head, request in self.requests(machine):
                self.assertEqual(request["oversubscribed"], request["threads"] > machine.cpus)
                self.assertEqual(head["cell"]["oversubscribed"], request["oversubscribed"])
                self.assertEqual(head["cell"]["threads"], request["threads"])
                if head["question"] != "threads":
                    self.assertLessEqual(request["threads"], machine.cpus)
                self.assertFalse(request["timed"])

    def test_every_contestant_of_the_run_is_checked_in_parties_of_four(self):
        found = [(h, r) for h, r in self.requests(only=["skew"])]
        parties = [r["contestants"] for _, r in found]
        self.assertTrue(all(1 <= len(p) <= 4 for p in parties))
        self.assertTrue(all(len(p) == 4 for p in parties[:-1]))
        q, = support.narrow(only=["skew"]).questions
        self.assertEqual({c for p in parties for c in p}, {*q["contestants"], *q["baselines"]} - {"unsynchronised_map"})
        self.assertEqual([h["baseline"] for h, _ in found], [p[0] for p in parties])
        self.assertEqual({r["workload"]["ops"] for _, r in found}, {validate.OPERATIONS})

    def test_every_contestant_of_every_question_is_checked_untimed(self):
        run = support.narrow("full").questions
        made = validate.requests(support.narrow("smoke"), run, support.TWO_CORES, support.DESCRIBED)
        for q in run:
            mine = [r for h, r in made if h["question"] == q["name"]]
            checked = {contestants.strategy_of(c) for r in mine for c in r["contestants"]}
            # Of a reference there is nothing to check.
            expected = {contestants.strategy_of(c) for c in q["contestants"]} - {"unsynchronised_map", "line_touch"}
            self.assertLessEqual(expected, checked, q["name"])
            for head, _ in made:
                if head["question"] == q["name"] and q["kind"] == "cells":
                    self.assertIn(head["cell"]["name"], catalogue.cells_in(q, head["cell"]["regime"]))
        self.assertFalse(any(r["timed"] for _, r in made))
        self.assertTrue(all(len(r["contestants"]) <= 4 for _, r in made))

    def test_one_cell_of_every_combination_of_types(self):
        names = ["value_sizes", "hashes", "batch_init", "growth_stall", "string_keys"]
        smoke, run = (support.narrow(profile, only=names).questions for profile in ("smoke", "full"))
        found = validate.requests(catalogue.Asked(smoke), run, support.TWO_CORES, support.DESCRIBED)
        for small, q in zip(smoke, run):
            checked = {(h["cell"]["regime"], contestants.types_of(r["workload"]), h["cell"]["name"])
                       for h, r in found if h["question"] == q["name"]}
            asked = {(regime, contestants.types_of(catalogue.resolve(q, None, cell, regime)))
                     for regime in small["regimes"] for cell in catalogue.cells_in(q, regime)}
            self.assertEqual({place[:2] for place in checked}, asked, q["name"])
            self.assertEqual(len(checked), len(asked))  # one of each
            self.assertIn(small["cells"][0]["name"], {place[2] for place in checked})
            for size in ("ops", "population"):
                most = max(w.get(size, 0) for w in catalogue.workloads(small))
                self.assertTrue(all(r["workload"].get(size, 0) <= max(most, validate.OPERATIONS)
                                    for h, r in found if h["question"] == q["name"]), (q["name"], size))

    def test_what_the_wide_worker_alone_can_check(self):
        words = fake_worker.describe("aarch64")["strategies"]
        smoke, run = support.narrow("smoke", only=["value_sizes"]), support.narrow("hour", only=["value_sizes", "skew"])
        found = validate.requests(smoke, run.questions, support.TWO_CORES, {s["name"]: s for s in words})
        self.assertEqual({h["cell"]["name"] for h, _ in found}, {"bytes_8"})
        meta = {"questions": run.questions, "profile": "hour", "command": "bazel run //experiments -- --profile hour"}
        self.assertEqual(validate.unchecked(meta, "aarch64"),
                         "not validated on aarch64: value_sizes (inline_4096, string_256); larger values, other hashes and "
                         "keys that are not mixed need a program that is built for aarch64 on demand only: bazel run "
                         "//experiments:wide_aarch64 -- --only value_sizes --profile hour")
        meta["questions"] = [q for q in run.questions if q["name"] == "skew"]
        self.assertEqual(validate.unchecked(meta, "aarch64"), "")
        argv = ["--arch=both", "--ask", "mix=load:100 value=64", "--arch", "cross", "--seed", "3"]
        self.assertTrue(validate.on_demand(argv, "aarch64").endswith(" -- --ask 'mix=load:100 value=64' --seed 3"))


class WideOnTheOtherArchitecture(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.workspace = pathlib.Path(folder.name)
        self.enterContext(mock.patch.object(environment, "emulator", return_value=["true"]))

    def go(self, *args, **kwargs):
        log = self.workspace / "log"
        log.unlink(missing_ok=True)
        err = io.StringIO()
        with mock.patch.dict("os.environ", {"FAKE_WORKER": json.dumps({"log": str(log)})}), contextlib.redirect_stderr(err):
            code, said = support.run_cli(self.workspace, *args, cross=True, **kwargs)
        requests = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        return code, said + err.getvalue(), [r for r in requests if not r["timed"]]

    def test_a_run_without_it_says_what_it_leaves_unchecked(self):
        code, said, requests = self.go("--only", "value_sizes", "--profile", "smoke", "--budget", "60s")
        self.assertEqual(code, 0, said)
        self.assertIn("bazel run //experiments:wide_aarch64 -- --only value_sizes --profile smoke", said)
        self.assertEqual({(r["wide"], r["workload"]["value_type"]) for r in requests}, {(False, "u64")})
        meta = support.meta(support.newest(self.workspace))
        self.assertEqual(meta["status"], "complete")
        self.assertIn("Not validated on aarch64: value_sizes (inline_4096);", meta["note"])

    def test_what_only_it_can_check_is_not_begun_without_it(self):
        ask = ["--ask", "mix=load:90,store:10 value=256", "--arch", "cross", "--seed", "3"]
        code, said, requests = self.go(*ask)
        self.assertEqual((code, requests), (2, []))
        self.assertIn("bazel run //experiments:wide_aarch64 -- --ask 'mix=load:90,store:10 value=256' --seed 3.\n", said)
        # After a native run it is named, and the other cell is checked.
        code, said, _ = self.go(*ask[:2], "--ask", "mix=load:100", "--strategies", "mutex_map,sync_map", "--arch", "both",
                                "--budget", "60s", world=simulated.world("cores2"))
        self.assertEqual(code, 0, said)
        visits = support.samples(support.newest(self.workspace), "visit")
        self.assertEqual({v["cell"]["name"] for v in visits if not v["timed"]}, {"cell_2"})
        self.assertIn("not validated on aarch64: asked (cell_1); larger", said)

    def test_with_it(self):
        for args in (["--ask", "mix=load:90,store:10 value=256"], ["--only", "value_sizes", "--profile", "smoke"]):
            code, said, requests = self.go(*args, "--arch", "cross", "--budget", "60s", cross_wide=True)
            self.assertEqual(code, 0, said)
            self.assertNotIn("not validated", said)
            self.assertEqual({(r["wide"], r["workload"]["value_type"] != "u64") for r in requests} - {(False, False)},
                             {(True, True)})
        self.assertEqual(len(requests), 2)
        worker, = support.meta(support.newest(self.workspace))["workers"].values()
        self.assertEqual((len(worker["layouts"]), len(worker["wide"])), (1, 1))
        # What was checked is not checked again.
        code, said, requests = self.go("--resume", "--arch", "cross", "--budget", "60s", cross_wide=True)
        self.assertEqual((code, requests), (0, []), said)


if __name__ == "__main__":
    unittest.main()
