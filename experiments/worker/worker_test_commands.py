# SPDX-License-Identifier: Apache-2.0
"""The command line of the worker: lost output, bad requests, descriptions, the other architecture, benchmarks."""

import json
import re
import subprocess
import tempfile

from experiments.orchestrator import threads, topology
from experiments.worker.worker_test_program import GROWTH, STATIONARY, WorkerTest


class Commands(WorkerTest):

    # Output that does not arrive.

    def test_lines_that_are_lost_are_no_success(self):
        small = json.dumps({"visit": 1, "contestants": ["mutex_map"], "workload": STATIONARY, "threads": 1,
                            "slice_ms": 0.5, "seconds": 0.02, "warmup_seconds": 0.01})
        for args, given in ((["--help"], ""), (["--describe"], ""), (["--visit=-"], small),
                            (["--benchmark_list_tests", "--benchmark_filter=^mutex_map/"], "")):
            with self.subTest(args):
                with open("/dev/full", "w", encoding="utf-8") as full:
                    done = subprocess.run([self.worker, *args], input=given, stdout=full, stderr=subprocess.PIPE,
                                          text=True, check=False, timeout=100)
                self.assertEqual((done.returncode, done.stderr.splitlines()[-1]), (
                    5, "worker: standard output cannot be written (No space left on device), so lines are lost; give "
                    "it another place"))
                done = subprocess.run(["/bin/sh", "-c", 'exec "$0" "$@" >&-', self.worker, *args], input=given,
                                      stderr=subprocess.PIPE, text=True, check=False, timeout=100)
                self.assertEqual((done.returncode, done.stderr),
                                 (5, "worker: standard output is closed; give it a place\n"))

    # Bad requests.

    def test_bad_requests_get_one_sentence_and_exit_code_2(self):
        good = {"contestants": ["mutex_map"], "workload": STATIONARY}
        cases = [
            ({"contestants": ["mutexmap"]}, "did you mean mutex_map?"),
            ({"contestants": ["sharded_map:shard=4"]}, "did you mean shards?"),
            ({"contestants": ["sharded_map:shards=0"]}, "from 1 to"),
            ({"contestants": ["sharded_map:shards=3"]}, "power of two"),
            ({"contestants": ["mutex_map:x=1"]}, "none at all"),
            ({"contestants": []}, "\"contestants\""),
            ({"contestants": ["unsynchronised_map"], "threads": 2, "oversubscribed": True}, "at most 1 thread"),
            ({"contestants": ["mutex_map@batch"], "workload": {**STATIONARY, "mix": {"load": 100}}}, "no store"),
            ({"contestants": ["mutex_map@reserve"], "workload": STATIONARY}, "does not start empty"),
            ({"call": "shouted"}, "\"inlined\" or \"called\""),
            ({"call": "called", "workload": {**STATIONARY, "key_type": "string"}}, "integer keys only"),
            ({"call": "called", "contestants": ["mutex_map@direct"]}, "loop of its own"),
            ({"contestants": ["mutex_map@direct"], "workload": {**STATIONARY, "key_type": "string"}}, "integer keys only"),
            ({"contestants": ["mutex_map@direct"], "workload": {**STATIONARY, "mix": {"swap": 100}}}, "does not support swap"),
            ({"contestants": ["libcuckoo_map:initial_capacity=262144@direct"]}, "leave the tunables out"),
            ({"workload": {**STATIONARY, "mix": {"load": 90}}}, "mix"),
            ({"workload": {**STATIONARY, "keys": {"stream": "unifrom"}}}, "unifrom"),
            ({"workload": {**STATIONARY, "value_type": "string"}}, "is not compiled for values of type string in this worker"),
            ({"workload": {**STATIONARY, "hash": "fnv1a"}}, "is not compiled for the hash fnv1a in this worker"),
            ({"threads": 0}, "\"threads\""),
            ({"slice_ms": 0}, "\"slice_ms\""),
            ({"seed": -1}, "\"seed\""),
            ({"timed": "no"}, "\"timed\""),
            ({"slicems": 1}, "did you mean \"slice_ms\"?"),
            ({"pin": [1023]}, "CPU 1023"),
            ({"pin": [0], "threads": 2}, "oversubscribed"),
        ]
        for change, words in cases:
            with self.subTest(change=change):
                out = self.visit({**good, **change})
                self.assertEqual(out.code, 2, out.stderr)
                self.assertTrue(out.stderr.startswith("worker: "), out.stderr)
                self.assertEqual(out.stderr.count("\n"), 1, out.stderr)
                self.assertIn(words, out.stderr)
                self.assertEqual(out.text, "")

    def test_bad_command_lines(self):
        for arguments, words in ((["--vist=-"], "unknown argument"), (["--visit=/no/such/file"], "cannot be read"),
                                 (["--visit"], "--visit=FILE"), (["--catalogue=/no/such/file"], "cannot be read"),
                                 (["--visit=-", "--benchmark_filter=x"], "exclude"), (["--timing"], "--timing is of a visit")):
            with self.subTest(arguments=arguments):
                done = subprocess.run([self.worker, *arguments], input="{", capture_output=True, text=True,
                                      check=False, timeout=60)
                self.assertEqual(done.returncode, 2)
                self.assertIn(words, done.stderr)
        done = subprocess.run([self.worker, "--visit=-"], input="{", capture_output=True, text=True, check=False,
                              timeout=60)
        self.assertEqual(done.returncode, 2)
        self.assertIn("not JSON", done.stderr)

    def test_too_little_memory_is_refused_before_anything_is_built(self):
        out = self.visit({"contestants": ["mutex_map"] * 16, "workload": STATIONARY},
                         workload={"population": 1 << 28})
        self.assertEqual(out.code, 4, out.stderr)
        self.assertEqual([line["t"] for line in out.lines], ["refused"])
        self.assertRegex(out.lines[0]["why"], r"^needs \d+\.\d GiB, \d+\.\d GiB available; use fewer keys")

    # Description, the other architecture, benchmarks.

    def test_describe_names_compiler_clock_and_strategies(self):
        described = self.describe()
        self.assertEqual(described["schema"], 1)
        self.assertRegex(described["compiler"], r"^(g\+\+|clang) \d+\.")
        self.assertIn("-std=c++20", described["flags"])
        self.assertGreater(described["clock"]["resolution_ns"], 0)
        self.assertGreater(described["fresh_page"]["touch_ns"], 0)
        strategies = {s["name"]: s for s in described["strategies"]}
        self.assertEqual(strategies["unsynchronised_map"]["max_threads"], 1)
        self.assertEqual(strategies["sharded_map"]["tunables"][0]["name"], "shards")
        self.assertFalse(strategies["null"]["returns_results"])
        fields = {"name", "family", "summary", "source", "read_progress", "write_progress", "reclamation", "growth",
                  "range", "batch_is_atomic", "clear_is_atomic", "after_deletion", "keeps_every_key", "returns_results",
                  "linearizable", "size", "max_threads",
                  "unsupported", "key_types", "types",
                  "unsupported_reason", "caveat", "object_bytes", "tunables"}
        for strategy in strategies.values():
            self.assertLessEqual(fields, set(strategy))

    def test_the_other_architecture_gives_the_same_answers(self):
        cross = ["tools/run_cross.sh", self.cross_arch, self.cross]
        self.assertEqual(self.describe(cross)["arch"], self.cross_arch)
        scenario = self.visit({"contestants": ["mutex_map", "hash_trie_map"], "timed": False, "threads": 1,
                               "workload": {"scenario": {"name": "iteration", "keys": 100}}}, cross)
        self.assertEqual((scenario.code, len(scenario.of("end"))), (0, 1), scenario.stderr)
        for workload in (STATIONARY, GROWTH):
            request = {"contestants": ["mutex_map", "sync_map", "hash_trie_map"], "workload": workload,
                       "timed": False}
            here = self.visit(request, workload={"ops": 2000})
            there = self.visit(request, cross, workload={"ops": 2000})
            self.assertEqual(there.code, 0, there.stderr)
            # Tapes, orders and expectations are the same; sizes of objects may differ.
            self.assertEqual(there.of("slice"), here.of("slice"))
            self.assertEqual(there.of("realised"), here.of("realised"))
            self.assertFalse([s for s in there.of("slice") if "ns" in s])

    def test_benchmarks_are_catalogue_cells(self):
        question = {
            "name": "small", "kind": "sweep", "regimes": ["growth", "reserved"], "threads": ["1"],
            "axis": {"name": "key reuse rate", "field": "keys.reuse", "values": [0.0, 0.5]},
            "workload": {**GROWTH, "ops": 500}, "baselines": ["mutex_map"], "contestants": ["*"],
            "excludes": [{"strategy": "snapshot_map", "why": "slow"}],
        }
        mixed = {
            "name": "mixed", "kind": "sweep", "regimes": ["stationary"], "threads": ["1"],
            "axis": {"name": "reads", "field": "mix.load", "rest": "store", "values": [95.7, 100]},
            "workload": {**STATIONARY, "population": 100}, "baselines": ["mutex_map"], "contestants": [],
        }
        tuned = {
            "name": "tuned", "kind": "discrete", "regimes": ["stationary"], "threads": ["1"],
            "axis": {"name": "shards", "field": "tunable:shards", "values": [1, 16]},
            "workload": {**STATIONARY, "population": 100}, "baselines": ["mutex_map"],
            "contestants": ["sharded_map:shards={}"],
        }
        celled = {
            "name": "celled", "kind": "cells", "regimes": ["stationary", "growth"], "threads": ["1"],
            "cells": [{"name": "new", "regimes": ["growth"], "workload": {**GROWTH, "ops": 500}},
                      {"name": "some", "only": ["sharded_map:shards=8"], "regimes": ["stationary"],
                       "workload": {**STATIONARY, "population": 100}}],
            "baselines": ["sharded_map:shards=4"], "contestants": ["sharded_map:shards=8"],
        }
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump({"questions": [question, mixed, tuned, celled],
                       "profiles": {"default": {"slice_ms": {"doublings": [0.2], "oversubscribed": 1}}}}, file)
            file.flush()

            def run(*arguments):
                return subprocess.run([self.worker, "--catalogue=" + file.name, *arguments], capture_output=True,
                                      text=True, check=False, timeout=120)

            names = run("--benchmark_list_tests").stdout.split()
            self.assertIn("mutex_map/small/key_reuse_rate:0.5/regime:growth/threads:1/manual_time", names)
            self.assertIn("hash_trie_map/mixed/reads:95.7/threads:1/manual_time", names)
            self.assertIn("sharded_map:shards=16/tuned/shards:16/threads:1/manual_time", names)
            self.assertFalse([n for n in names if n.startswith("snapshot_map/small")])
            cells = [n.split("/") for n in names if n.startswith("sharded_map:") and "/celled/" in n]
            self.assertEqual(sorted((c[0], c[2], c[3]) for c in cells), [
                ("sharded_map:shards=4", "cell:new", "regime:growth"), ("sharded_map:shards=8", "cell:new", "regime:growth"),
                ("sharded_map:shards=8", "cell:some", "regime:stationary")])
            self.assertEqual(len(names), len(set(names)))
            done = run("--benchmark_filter=^mutex_map/(small/key_reuse_rate:0.5|mixed)", "--benchmark_format=json",
                       "--benchmark_min_time=0.002")
            self.assertEqual(done.returncode, 0, done.stderr)
            results = {r["name"]: r for r in json.loads(done.stdout)["benchmarks"]}
            self.assertEqual(len(results), 4)
            growth = results["mutex_map/small/key_reuse_rate:0.5/regime:growth/threads:1/manual_time"]
            self.assertAlmostEqual(growth["reuse_rate"], 0.5, delta=0.01)
            for r in results.values():
                self.assertFalse(r.get("error_occurred"), r)
                # Time is that of a slice, in milliseconds.
                self.assertAlmostEqual(r["ns_per_op"] * r["ops_per_slice"] / 1e6, r["real_time"],
                                       delta=0.01 * r["real_time"])
            self.assertEqual(run("--benchmark_filter=nothing_like_it").returncode, 2)
        for change, words in (({"kind": "swep"}, "swep"), ({"axis": {**question["axis"], "field": "colour"}}, "colour"),
                              ({"baselines": None}, "baselines")):
            with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
                json.dump({"questions": [{**question, **change}]}, file)
                file.flush()
                done = subprocess.run([self.worker, "--catalogue=" + file.name], capture_output=True, text=True,
                                      check=False, timeout=60)
                self.assertEqual(done.returncode, 2)
                self.assertIn(words, done.stderr)

    def test_words_for_threads_are_the_orchestrators(self):
        words = ["1", "2", "half", "all", "powers", "smt", "2x"]
        machine = topology.read()
        for word in words:
            entry = {"name": "q", "kind": "cells", "regimes": ["stationary"], "threads": [word],
                     "cells": [{"name": "c", "workload": STATIONARY}], "baselines": ["mutex_map"], "contestants": []}
            with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
                json.dump({"questions": [entry]}, file)
                file.flush()
                said = subprocess.run([self.worker, "--catalogue=" + file.name, "--benchmark_list_tests",
                                       "--benchmark_filter=^mutex_map/"], capture_output=True, text=True, check=False,
                                      timeout=60).stdout
            counts = sorted(int(n) for n in re.findall(r"/threads:(\d+)", said))
            self.assertEqual(counts, threads.resolve([word], machine)[0], word)

    def test_the_built_catalogue_expands(self):
        # One contestant's: the library takes time with the square of the number of benchmarks, minutes under a sanitizer.
        done = subprocess.run([self.worker, "--benchmark_list_tests", "--benchmark_filter=^mutex_map/"],
                              capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        if "sanitize" not in self.describe()["flags"]:
            self.assertEqual(done.stderr, "")  # every contestant of the catalogue is compiled in
        self.assertIn("mutex_map/reuse_threshold/", done.stdout)

    def test_help_teaches(self):
        done = subprocess.run([self.worker, "--help"], capture_output=True, text=True, check=True, timeout=60)
        for word in ("--visit=FILE", "--describe", "--catalogue=FILE", "--benchmark_filter", "Exit codes"):
            self.assertIn(word, done.stdout)
