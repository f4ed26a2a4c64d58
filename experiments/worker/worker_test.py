# SPDX-License-Identifier: Apache-2.0
"""The worker as a program: whole visits, wrong maps, bad requests, the other architecture, benchmarks.

Arguments: the worker, the worker with broken maps, the worker of the other architecture, that architecture, profile_trace.
"""

import collections
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

from experiments.orchestrator import threads, topology

STATIONARY = {
    "keys": {"stream": "uniform"}, "mix": {"load": 80, "store": 20}, "population": 2000, "prefill": 1.0,
    "regime": "stationary", "ops": 0, "key_type": "u64", "value_type": "u64",
}
GROWTH = {
    "keys": {"stream": "krr", "reuse": 0.83, "choice": "uniform", "sharing": "private"},
    "mix": {"load_or_store": 100}, "regime": "growth", "ops": 8000, "key_type": "u64", "value_type": "u64",
}
EVERY_OPERATION = {
    "load": 20, "store": 10, "load_or_store": 10, "load_and_delete": 10, "delete": 10, "swap": 10,
    "compare_and_swap": 10, "compare_and_delete": 10, "load_or_compute": 10,
}


class Outcome:
    """A finished visit."""

    def __init__(self, done):
        self.code = done.returncode
        self.stderr = done.stderr
        self.text = done.stdout
        self.lines = [json.loads(line) for line in done.stdout.splitlines()]

    def of(self, kind):
        return [line for line in self.lines if line["t"] == kind]


class WorkerTest(unittest.TestCase):
    worker = broken = cross = cross_arch = profile_trace = ""

    def visit(self, request, command=None, workload=None, **fields):
        """Runs a short visit; `workload` and `fields` override the request's."""
        request = {"visit": 12, "seed": 123, "threads": 1, "slice_ms": 0.5, "seconds": 0.02,
                   "warmup_seconds": 0.01, **request, **fields}
        request["workload"] = {**request["workload"], **(workload or {})}
        return Outcome(subprocess.run([*(command or [self.worker]), "--visit=-"], input=json.dumps(request),
                                      capture_output=True, text=True, check=False, timeout=250))

    def describe(self, command=None):
        done = subprocess.run([*(command or [self.worker]), "--describe"], capture_output=True, text=True,
                              check=True, timeout=60)
        return json.loads(done.stdout)

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

    # Pages.

    def test_pages_are_those_that_are_asked_for(self):
        def huge_share(pages, contestant):
            out = self.visit({"contestants": [contestant], "workload": STATIONARY, "pages": pages},
                             workload={"population": 300_000}, max_blocks=1)
            self.assertEqual(out.code, 0, out.stderr)
            self.assertEqual(out.lines[-1]["visit"], 12)
            resident = out.lines[-1]["resident"]
            return resident["huge_kib"] / resident["kib"]
        self.assertEqual(huge_share("small", "cache_line_map"), 0)
        enabled = pathlib.Path("/sys/kernel/mm/transparent_hugepage/enabled").read_text(encoding="utf-8")
        # A sanitizer brings an allocator that knows nothing of glibc's tunable.
        if "[madvise]" in enabled and "sanitize" not in self.describe()["flags"]:
            self.assertLess(huge_share("asked", "mutex_map"), 0.1)
            self.assertGreater(huge_share("huge", "mutex_map"), 0.3)
        out = self.visit({"contestants": ["mutex_map"], "workload": STATIONARY, "pages": "large"})
        self.assertEqual((out.code, out.stderr), (
            2, 'worker: visit field "pages" must be "asked", "huge" or "small", it is "large"\n'))

    # Visits.

    def test_stationary_blocks_are_randomised_palindromes_of_windows(self):
        # Small maps, so that also a slow build of the worker (a sanitizer's) places them anew for each block.
        out = self.visit({"contestants": ["mutex_map", "sync_map", "sharded_map:shards=4"],
                          "workload": STATIONARY}, workload={"population": 200}, max_blocks=8)
        self.assertEqual(out.code, 0, out.stderr)
        self.assertEqual(out.lines[0]["t"], "realised")
        self.assertAlmostEqual(out.lines[0]["figures"]["write_share"], 0.2, delta=0.01)
        self.assertEqual(out.lines[0]["figures"]["hit_rate"], 1)
        slices = out.of("slice")
        blocks = collections.defaultdict(list)
        for s in slices:
            self.assertGreater(s["ns"], 0)
            self.assertGreaterEqual(s["rd"], 0)
            self.assertGreaterEqual(s["late"], 0)
            self.assertNotIn("jain", s)  # of one thread there is nothing to say
            if s["p"] < 0:
                self.assertEqual(s["w"], 1)
            else:
                blocks[s["b"]].append(s)
        self.assertEqual(sorted(blocks), list(range(len(blocks))))
        measured = [b for b, block in blocks.items() if "w" not in block[0]]
        self.assertEqual(len(measured), 8)
        self.assertGreaterEqual(len(blocks) - 8, 2)
        orders = set()
        for block in blocks.values():
            order = [s["c"] for s in block]
            self.assertEqual([s["p"] for s in block], list(range(6)))
            self.assertEqual(order, order[::-1])
            self.assertEqual(sorted(order[:3]), [0, 1, 2])
            orders.add(tuple(order))
        self.assertGreater(len(orders), 1)
        end = out.lines[-1]
        self.assertEqual((end["t"], end["visit"], end["placement"]), ("end", 12, "block"))
        self.assertEqual(end["blocks"] + end["rejected"], 8)
        self.assertEqual(end["rejected"], len(out.of("reject")))
        self.assertEqual(set(end["timing"]), {"start", "tape", "place", "slices", "verify", "other", "total", "cpu", "cpu_slices"})
        self.assertAlmostEqual(sum(end["timing"][part] for part in ("start", "tape", "place", "slices", "verify", "other")),
                               end["timing"]["total"], delta=1e-3)
        self.assertEqual([m["entries"] for m in out.of("memory")], [200] * 3)
        self.assertIn("promotions", out.of("counters")[0]["counters"])

    # Arrivals.

    RUNGS = {"course": "rungs", "loads": [0.1, 0.5, 0.95], "least_ms": 5, "most_ms": 10}
    FILL = {"keys": {"stream": "krr", "reuse": 0.0, "choice": "uniform", "sharing": "private"}, "mix": {"store": 100},
            "regime": "fixed_distinct", "ops": 6000}

    def check_times(self, line, *kinds):
        """A line has its times, of all its operations, or says why not. A busy machine gives every reason not to."""
        if line.get("why") or line.get("saturated"):
            self.assertNotIn("response", line)
            return
        for kind in kinds:
            self.assertEqual(sum(n for n in line[kind] if n > 0), line["n"])
        response, service, lag = line["max"]
        self.assertGreaterEqual(response, max(service, lag))

    def test_rungs_are_shares_of_the_capacity_measured(self):
        for threads in (1, 2):
            out = self.visit({"contestants": ["mutex_map", "sync_map", "null"], "workload": STATIONARY}, threads=threads,
                             arrivals=self.RUNGS)
            self.assertEqual(out.code, 0, out.stderr)
            self.assertTrue(out.of("slice"))
            self.assertEqual([line["c"] for line in out.of("capacity")], [0, 1, 2])
            capacity = {line["c"]: line["rate"] for line in out.of("capacity")}
            rungs = out.of("latency")
            self.assertEqual(sorted((r["c"], r["of"], r["load"]) for r in rungs), sorted(
                [(c, c, x) for c in (0, 1) for x in (0.1, 0.5, 0.95)] + [(1, 0, 0.5)] + [(2, 0, x) for x in (0.1, 0.5, 0.95)]))
            for r in rungs:
                # Arrivals are random: their number spreads by its square root.
                wanted = r["load"] * capacity[r["of"]]
                self.assertAlmostEqual(r["offered"], wanted, delta=6 * (wanted * 1e9 / r["ns"]) ** 0.5 + 1)
                self.check_times(r, "response", "service", "lag")
            gap = out.of("clock")[0]["gap"]
            self.assertGreater(sum(n for n in gap if n > 0), 1000)

    def test_windows_tell_which_operations_reclaimed(self):
        half = {"keys": {"stream": "uniform"}, "mix": {"load": 50, "store": 50}, "population": 1000, "prefill": 1.0}
        out = self.visit({"contestants": ["mutex_map", "sync_map", "null"], "workload": STATIONARY}, workload=half, threads=1,
                         arrivals={"course": "rungs", "loads": [0.5], "least_ms": 20, "most_ms": 20, "window_ms": 2})
        self.assertEqual(out.code, 0, out.stderr)
        rungs = [r for r in out.of("latency") if "response" in r]
        self.assertTrue(rungs)
        for r in rungs:
            found, windows = r["reclaimed"], r["windows"]
            self.assertEqual((len(windows), r["window"], sum(w["due"] for w in windows)), (10, 2_000_000, r["n"]))
            self.assertEqual(sum(w["events"] for w in windows), found["events"])
            if r["c"] != 1:  # a mutex-guarded table overwrites in place
                self.assertEqual((found["events"], found["freed"], found["with_ns"]), (0, 0, None))
                continue
            # Every store puts a value aside, and each 64th frees.
            self.assertAlmostEqual(found["events"], r["n"] / 2 / 64, delta=2 + 6 * (r["n"] / 4) ** 0.5 / 64)
            self.assertAlmostEqual(found["freed"], 64 * found["events"], delta=6 * 64)
            self.assertAlmostEqual(sum(w["pause"] for w in windows), found["events"] * found["with_ns"], delta=1)

    def test_a_map_is_filled_at_a_rate_and_checked(self):
        out = self.visit({"contestants": ["mutex_map", "mutex_map@reserve", "null"], "workload": self.FILL}, threads=2,
                         arrivals={"course": "fill", "rate": 100000})
        self.assertEqual(out.code, 0, out.stderr)
        self.assertEqual(out.of("slice"), [])
        fills = out.of("fill")
        self.assertEqual(sorted(f["c"] for f in fills), [0, 1, 2])
        for f in fills:
            self.assertEqual(f["n"], 6000)
            self.check_times(f, "response", "service", "lag")
            if "doublings" in f:
                self.assertEqual([d["size"] for d in f["doublings"]], [512, 1024, 2048, 4096])
                self.assertTrue(all(d["size"] <= d["at"] < 2 * d["size"] for d in f["doublings"]))
        self.assertEqual([m["entries"] for m in sorted(out.of("memory"), key=lambda m: m["c"])[:2]], [6000, 6000])
        self.assertEqual((out.lines[-1]["t"], out.lines[-1]["blocks"]), ("end", 0))

    def test_shapes_are_seen_over_time(self):
        out = self.visit({"contestants": ["mutex_map", "null"], "workload": STATIONARY},
                         arrivals={"course": "shapes", "base": 0.3, "peak": 1.2, "ms": 24, "window_ms": 2})
        self.assertEqual(out.code, 0, out.stderr)
        shapes = out.of("shape")
        self.assertEqual(sorted((s["c"], s["shape"]) for s in shapes),
                         sorted((c, s) for c in (0, 1) for s in ("even", "poisson", "burst", "step")))
        for s in shapes:
            if "why" not in s:
                self.assertEqual([len(s[field]) for field in ("due", "p50", "p99", "max")], [12] * 4)
                self.assertEqual((sum(s["due"]), sum(s["done"])), (s["n"], s["n"]))
                self.assertEqual(len(s["from"]), {"burst": 3, "step": 1}.get(s["shape"], 0))

    def test_wrong_results_under_arrivals_are_found(self):
        for name, workload, arrivals in (("drops_stores", self.FILL, {"course": "fill", "rate": 100000}),
                                         ("wrong_value", STATIONARY, self.RUNGS)):
            out = self.visit({"contestants": ["mutex_map", name, "null"], "workload": workload}, [self.broken],
                             arrivals=arrivals)
            self.assertEqual(out.code, 3, name)
            self.assertEqual(out.of("invalid")[0]["c"], 1)

    # Recordings.

    PLAYED = {**GROWTH, "keys": {"stream": "krr", "reuse": 0.9, "choice": "uniform", "sharing": "shared"}, "ops": 3000,
              "mix": {"load": 40, "store": 20, "delete": 20, "load_or_store": 10, "swap": 10}}

    def recorded(self, folder, operations):
        """The compact form of a trace of (name, key)."""
        csv, compact = f"{folder}/t.csv", f"{folder}/t.cmaptrc"
        with open(csv, "w", encoding="utf-8") as file:
            file.writelines(f"{i},1,{name},k{key}\n" for i, (name, key) in enumerate(operations))
        subprocess.run([self.profile_trace, f"--normalised={compact}", csv], check=True, stdout=subprocess.DEVNULL, timeout=60)
        return compact

    def test_a_recording_is_played_in_its_order(self):
        rng = random.Random(4)
        operations = [(rng.choices(("get", "set", "delete", "add", "swap"), (4, 2, 2, 1, 1))[0], int(300 * rng.random() ** 2))
                      for _ in range(3000)]
        there, hits = set(), 0
        for name, key in operations:
            hits += name in ("get", "add") and key in there
            (there.discard if name == "delete" else there.add if name != "get" else id)(key)
        with tempfile.TemporaryDirectory() as folder:
            path = self.recorded(folder, operations)
            for threads_, more in ((1, {}), (1, {"key_type": "string", "key_bytes": 32}), (3, {}), (1, {"regime": "reserved"})):
                with self.subTest(threads=threads_, **more):
                    out = self.visit({"contestants": ["mutex_map", "sync_map", "hash_trie_map"], "workload": self.PLAYED}, workload=more,
                                     threads=threads_, oversubscribed=True, recording=path, max_blocks=2)
                    self.assertEqual(out.code, 0, out.stderr + out.text[-300:])
                    figures = out.of("realised")[0]["figures"]
                    self.assertEqual((figures["ops"], figures["distinct"]), (3000, len({key for _, key in operations})))
                    self.assertTrue(out.of("slice"))
                    for s in out.of("slice"):
                        self.assertEqual(s["n"] % 3000, 0)
                        if threads_ == 1:
                            self.assertEqual(s["hits"], hits * s["n"] // 3000)
            # A part of it, drawn anew for every block.
            out = self.visit({"contestants": ["mutex_map", "sync_map"], "workload": self.PLAYED}, workload={"ops": 400}, recording=path)
            self.assertEqual(out.code, 0, out.stderr)
            self.assertLess(out.of("realised")[0]["figures"]["ops"], 800)
            # Maps that go wrong once in a thousand operations.
            path = self.recorded(folder, [("add", i % 4000) for i in range(9000)])
            for name in ("drops_stores", "wrong_size"):
                out = self.visit({"contestants": ["mutex_map", name], "workload": self.PLAYED}, [self.broken], workload={"ops": 9000},
                                 recording=path)
                self.assertEqual((out.code, out.of("invalid")[0]["c"]), (3, 1), name)

    def test_recordings_that_cannot_be_meant_are_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            path = self.recorded(folder, [("get", 1), ("cas", 1)])
            for changes, workload, why in (
                    ({"recording": ""}, {}, "the path of a compact trace"), ({"recording": 3}, {}, "the path of a compact trace"),
                    ({"recording": f"{folder}/absent"}, {}, "cannot be opened"), ({"recording": f"{folder}/t.csv"}, {}, "is not a compact trace"),
                    ({}, {"regime": "fixed_distinct"}, "starts from an empty map"), ({}, STATIONARY, "starts from an empty map")):
                out = self.visit({"contestants": ["mutex_map"], "workload": self.PLAYED, "recording": path, **changes}, workload=workload)
                self.assertEqual(out.code, 2, (changes, out.text))
                self.assertIn(why, out.stderr)
                self.assertEqual(out.stderr.count("\n"), 1)

    def test_arrivals_that_cannot_be_meant_are_refused(self):
        for changes, why in (
                ({"contestants": ["mutex_map"]}, 'add "null" to the contestants'),
                ({"timed": False}, "leave one out"),
                ({"oversubscribed": True, "threads": 64}, "need a CPU for every thread"),
                ({"threads": 200}, "CPUs"),
                ({"contestants": ["mutex_map@batch", "null"]}, "leave @batch out"),
                ({"arrivals": {"course": "fill", "rate": 1e6}}, "need the regime fixed_distinct"),
                ({"arrivals": {**self.RUNGS, "loads": [0.5, 0.1]}}, "ascending"),
                ({"arrivals": {**self.RUNGS, "loads": [0.1]}}, "0.5 among them"),
                ({"arrivals": {**self.RUNGS, "window_ms": 9}}, "window_ms"),
                ({"arrivals": {**self.RUNGS, "window_ms": 1}, "threads": 2}, "of one thread only"),
                ({"arrivals": {**self.RUNGS, "laods": 1}}, 'unknown visit field "arrivals.laods"'),
                ({"arrivals": {"course": "rings"}}, '"rungs", "shapes" or "fill"'),
                ({"arrivals": 5}, "must be an object")):
            with self.subTest(why):
                out = self.visit({"contestants": ["mutex_map", "null"], "workload": STATIONARY, "arrivals": self.RUNGS,
                                  **changes})
                self.assertEqual(out.code, 2, out.stderr)
                self.assertIn(why, out.stderr)

    def test_growth_draws_one_length_a_block_within_one_doubling(self):
        out = self.visit({"contestants": ["mutex_map", "hash_trie_map"], "workload": GROWTH}, max_blocks=6)
        self.assertEqual(out.code, 0, out.stderr)
        self.assertAlmostEqual(out.lines[0]["figures"]["reuse_rate"], 0.83, delta=0.001)
        lengths = collections.defaultdict(set)
        for s in out.of("slice"):
            n, rest = divmod(s["n"], s.get("k", 1))
            self.assertEqual(rest, 0)
            self.assertTrue(8000 <= n < 16000, n)
            lengths[s["b"]].add(n)
            self.assertAlmostEqual(s["hits"] / s["n"], 0.83, delta=0.001)
        self.assertEqual({len(n) for n in lengths.values()}, {1})
        self.assertGreater(len(set.union(*lengths.values())), 3)
        self.assertEqual(out.lines[-1]["placement"], "slice")

    def test_short_runs_are_repeated_until_the_slice_is_long_enough(self):
        out = self.visit({"contestants": ["mutex_map"], "workload": GROWTH}, workload={"ops": 100}, slice_ms=5,
                         max_blocks=1)
        self.assertEqual(out.code, 0, out.stderr)
        self.assertGreater(out.of("slice")[0]["k"], 10)

    def test_large_maps_are_placed_once(self):
        out = self.visit({"contestants": ["mutex_map", "sharded_map"], "workload": STATIONARY},
                         workload={"population": 150000}, max_blocks=4)
        self.assertEqual(out.code, 0, out.stderr)
        self.assertEqual(out.lines[-1]["placement"], "visit")
        self.assertFalse([s for s in out.of("slice") if s["p"] < 0])

    CHURN = {"keys": {"stream": "krr", "reuse": 0.5, "choice": "uniform", "sharing": "private"}, "mix": {"load_or_store": 100},
             "population": 200, "regime": "stationary"}

    def test_rounds_go_on_with_the_same_maps_and_tell_their_memory(self):
        for timed in (True, False):
            # peer maps may not count their bytes
            out = self.visit({"contestants": ["mutex_map", "sync_map", "null"], "workload": self.CHURN}, rounds=7, timed=timed)
            self.assertEqual(out.code, 0, out.stderr)
            self.assertEqual(out.lines[-1]["placement"], "visit")
            self.assertEqual(out.lines[-1]["blocks"] + out.lines[-1]["rejected"], 7)
            measured = sorted({s["b"] for s in out.of("slice") if "w" not in s})
            self.assertEqual(len(measured), 7)
            self.assertFalse([s for s in out.of("slice") if s["p"] < 0])
            for c in (0, 1):
                self.assertEqual([r["b"] for r in out.of("round") if r["c"] == c], measured)
            # Two hundred keys of 16 bytes at least, of which as many are live in every round.
            self.assertTrue(all(r["bytes"] >= 200 * 16 for r in out.of("round") if r["c"] < 2), out.text)
            last = {r["c"]: r["bytes"] for r in out.of("round")}
            self.assertEqual(last[0], next(m["bytes"] for m in out.of("memory") if m["c"] == 0))
        plain = self.visit({"contestants": ["mutex_map"], "workload": self.CHURN}, max_blocks=2)
        self.assertEqual((plain.lines[-1]["placement"], plain.of("round")), ("block", []))

    def test_rounds_that_cannot_be_meant_are_refused(self):
        for changes, why in (({"workload": GROWTH}, "use a tape of the regime stationary"),
                             ({"workload": {**self.CHURN, "start": "as_filled"}}, "use a tape of the regime stationary"),
                             ({"workload": {"scenario": {"name": "iteration"}}}, "use a tape of the regime stationary"),
                             ({"arrivals": self.RUNGS, "contestants": ["mutex_map", "null"]}, "or arrivals"),
                             ({"max_blocks": 3}, 'so does "max_blocks"'), ({"rounds": -1}, "an integer from 0 to 10000"),
                             ({"rounds": 1.5}, "an integer from 0 to 10000")):
            out = self.visit({"contestants": ["mutex_map"], "workload": self.CHURN, "rounds": 5, **changes})
            self.assertEqual(out.code, 2, (changes, out.text))
            self.assertIn(why, out.stderr)
            self.assertEqual(out.stderr.count("\n"), 1)

    def test_untimed_output_repeats_exactly_and_holds_no_time(self):
        request = {"contestants": ["mutex_map", "sync_map"], "workload": STATIONARY, "timed": False}
        out = self.visit(request)
        self.assertEqual(out.code, 0, out.stderr)
        self.assertEqual(out.text, self.visit(request).text)
        self.assertTrue(out.of("slice"))
        for s in out.of("slice"):
            self.assertFalse({"ns", "rd", "late", "gap", "jain", "least", "most"} & set(s))
        orders = {tuple(s["c"] for s in self.visit(request, seed=seed, max_blocks=1).of("slice") if s["p"] >= 0)
                  for seed in range(12)}
        self.assertEqual(orders, {(0, 1, 1, 0), (1, 0, 0, 1)})

    def test_every_strategy_passes_every_operation_it_supports(self):
        # Those that can do the same share visits, of at most 16.
        alike = collections.defaultdict(list)
        for strategy in self.describe()["strategies"]:
            if set(EVERY_OPERATION) <= set(strategy["unsupported"]):
                continue  # words, in place of maps
            kept = strategy["keeps_every_key"] or not strategy["returns_results"]
            for key_type in strategy["key_types"]:
                alike[key_type, kept, strategy["linearizable"], strategy["max_threads"] or 2,
                      tuple(sorted(strategy["unsupported"]))].append(strategy["name"])
        visits = [(alike_in, names[i:i + 16]) for alike_in, names in alike.items() for i in range(0, len(names), 16)]
        for (key_type, kept, linearizable, threads, unsupported), names in visits:
            mix = {op: share for op, share in EVERY_OPERATION.items() if op not in unsupported}
            mix["load"] += 100 - sum(mix.values())
            work = {"mix": mix, "population": 200, "prefill": "auto", "ops": 4000}
            regimes = ["growth"] if "reserve" in unsupported else ["growth", "reserved"]
            if not linearizable:  # they may be asked only about keys that stay
                work.update(mix={"load": 50, "store": 50}, prefill=1)
                regimes = []
            short = {"contestants": names, "threads": threads, "timed": False, "oversubscribed": True}
            with self.subTest(strategies=names, key_type=key_type):
                out = self.visit({**short, "workload": STATIONARY}, workload={**work, "key_type": key_type})
                if not kept:
                    self.assertEqual(out.code, 2)
                    self.assertIn("may evict keys", out.stderr)
                    continue
                self.assertEqual(out.code, 0, out.stderr + out.text[-300:])
                for regime in regimes:
                    out = self.visit({**short, "workload": GROWTH},
                                     workload={"regime": regime, "key_type": key_type, "ops": 1000})
                    self.assertEqual(out.code, 0, out.stderr + out.text[-300:])

    def test_batches_leave_what_single_stores_leave(self):
        fill = {"keys": {"stream": "sequential_new"}, "mix": {"store": 100}, "regime": "growth", "ops": 1000}
        out = self.visit({"contestants": ["mutex_map", "mutex_map@batch@reserve", "snapshot_map@batch"], "workload": fill},
                         timed=False)
        self.assertEqual(out.code, 0, out.stderr)
        self.assertEqual(len({m["entries"] for m in out.of("memory")}), 1)

    def test_loops_by_hand_see_what_the_harness_sees(self):
        kinds = {"hit": ({"load": 100}, "uniform", 1), "half": ({"load": 100}, "uniform", 0.5), "put": ({"store": 100}, "uniform", 1),
                 "found": ({"load_or_store": 100}, "uniform", 1), "turnover": ({"load_or_store": 100}, "krr", "auto"),
                 "mixed": ({"load": 40, "store": 20, "load_or_store": 20, "delete": 20}, "uniform", "auto")}
        alike = collections.defaultdict(list)
        for strategy in self.describe()["strategies"]:
            if strategy["keeps_every_key"] and strategy["linearizable"] and strategy["returns_results"]:
                alike["store" in strategy["unsupported"]].append(strategy["name"])
        for without_store, names in alike.items():
            for kind, (mix, stream, prefill) in kinds.items():
                if without_store and "store" in mix:
                    continue
                keys = {"stream": "krr", "reuse": 0.0, "choice": "uniform", "sharing": "private"} if stream == "krr" else {
                    "stream": stream}
                for i in range(0, len(names), 8):
                    team = [form for name in names[i:i + 8] for form in (name, name + "@direct")]
                    with self.subTest(kind=kind, team=team):
                        out = self.visit({"contestants": team, "workload": STATIONARY}, timed=False, max_blocks=1,
                                         workload={"keys": keys, "mix": mix, "prefill": prefill, "population": 100, "ops": 2000})
                        self.assertEqual(out.code, 0, out.stderr + out.text[-300:])
                        # Everybody goes on along the same tape: the n-th slices of all see the same.
                        seen = collections.defaultdict(list)
                        for s in out.of("slice"):
                            seen[s["c"]].append((s["n"], s["hits"]))
                        self.assertEqual({tuple(s) for s in seen.values()}, {tuple(seen[0])})

    def test_called_is_inlined(self):
        names = [s["name"] for s in self.describe()["strategies"] if s["keeps_every_key"] and s["linearizable"]
                 and not s["unsupported"]]
        for i in range(0, len(names), 16):
            request = {"contestants": names[i:i + 16], "workload": STATIONARY, "timed": False, "max_blocks": 1}
            work = {"mix": EVERY_OPERATION, "population": 200, "prefill": "auto", "ops": 2000}
            inlined = self.visit(request, workload=work)
            called = self.visit(request, workload=work, call="called")
            self.assertEqual((inlined.code, called.code), (0, 0), called.stderr + called.text[-300:])
            self.assertEqual(called.of("slice"), inlined.of("slice"))

    def test_scenarios_are_visits_like_others_and_tell_more(self):
        told = {"iteration": {"whole_map_operations_per_s", "writes_per_s"}, "stock_reservation": {"failed_exchanges"},
                "publication": {"publications_per_s", "reads_per_s", "mixed", "longest_read_us"},
                "expensive_values": {"requests_per_s", "made_in_vain"},
                "session_cache": {"requests_per_s", "sessions_begun_per_s", "ended"},
                "reconciliation": {"reconciliations_per_s", "transfers_per_s", "off"},
                "tasks": {"tasks_per_s"}, "loadorstore_cost": {"requests_per_s", "p50_us"}}
        # Where the kernel and the allocator tell, and where there are enough times.
        perhaps = {"peak_mib", "left_mib", "p99_us"}
        for name, amounts in told.items():
            with self.subTest(name):
                done = self.visit({"contestants": ["mutex_map", "sync_map"], "workload": {"scenario": {"name": name}}},
                                  threads=2, oversubscribed=True)
                self.assertEqual(done.code, 0, done.stderr + done.text)
                self.assertFalse(done.of("realised"))
                self.assertEqual([set(a["amounts"]) - perhaps for a in done.of("amounts")], [amounts] * 2)
                measured = [s for s in done.of("slice") if not s.get("w")]
                self.assertTrue(measured)
                self.assertTrue(all(s["n"] > 0 and s["ns"] > 0 for s in measured))
                self.assertEqual(done.of("end")[0]["placement"], "slice")
        request = {"contestants": ["sync_map", "sharded_map"], "timed": False, "max_blocks": 1, "threads": 2,
                   "oversubscribed": True, "workload": {"scenario": {"name": "stock_reservation", "way": "load_or_store"}}}
        done = self.visit(request)
        self.assertEqual((done.code, done.of("amounts")[0]["amounts"]), (0, {"oversold": 0}))
        self.assertFalse([s for s in done.of("slice") if "ns" in s])

    def test_words_in_place_of_maps_play_their_scenario_and_no_tape(self):
        for way, told in (("read_read", {"reads_per_s"}), ("read_write", {"reads_per_s", "writes_per_s"}),
                          ("write_write", {"writes_per_s"})):
            done = self.visit({"contestants": ["same_line", "apart_64", "apart_128", "same_word"], "threads": 2, "oversubscribed": True,
                               "workload": {"scenario": {"name": "false_sharing", "way": way}}})
            self.assertEqual(done.code, 0, done.stderr + done.text)
            self.assertEqual([set(a["amounts"]) - {"p50_ns", "p99_ns"} for a in done.of("amounts")], [told] * 4)
        done = self.visit({"contestants": ["apart_64"], "workload": STATIONARY})
        self.assertEqual(done.code, 2)
        self.assertIn("it is words in memory for the scenario false_sharing, no map", done.stderr)
        done = self.visit({"contestants": ["mutex_map"], "threads": 2, "workload": {"scenario": {"name": "false_sharing"}}})
        self.assertIn("is not compiled for the scenario false_sharing", done.stderr)

    def test_a_log_that_has_no_place_is_said(self):
        request = {"contestants": ["sync_map"], "workload": {"scenario": {"name": "loadorstore_cost", "way": "log"}}, "timed": False}
        with mock.patch.dict(os.environ, {"TMPDIR": "/nowhere"}):
            done = self.visit(request)
        self.assertEqual((done.code, done.stderr.count("\n")), (2, 1), done.stderr)
        self.assertIn("no log can be written in /nowhere", done.stderr)
        with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, {"TMPDIR": folder}):
            done = self.visit(request)
            self.assertEqual(done.code, 0, done.stderr)
            self.assertEqual(os.listdir(folder), [])
        self.assertEqual(set(done.of("amounts")[0]["amounts"]), {"on_disk"})

    def test_bad_scenarios_get_one_sentence(self):
        def refused(scenario, contestants=("mutex_map",), threads=1):
            done = self.visit({"contestants": list(contestants), "workload": {"scenario": scenario}}, threads=threads)
            self.assertEqual((done.code, done.text), (2, ""))
            self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
            return done.stderr

        self.assertIn("did you mean iteration", refused({"name": "iterations"}))
        self.assertIn("use one of range, size", refused({"name": "iteration", "way": "rage"}))
        self.assertIn("takes no 'kees'", refused({"name": "iteration", "kees": 10}))
        self.assertIn("needs 2 threads", refused({"name": "publication"}))
        self.assertIn("segment_map is not compiled for the scenario iteration", refused({"name": "iteration"}, ["segment_map"]))
        self.assertIn("leave @batch", refused({"name": "iteration"}, ["mutex_map@batch"]))
        self.assertIn("no object with a name", refused(3))

    def test_what_the_harness_costs(self):
        out = self.visit({"contestants": ["null"], "workload": STATIONARY}, slice_ms=2)
        self.assertEqual(out.code, 0, out.stderr)
        cost = min(s["ns"] / s["n"] for s in out.of("slice"))
        print(f"null map: {cost:.2f} ns an operation (not asserted: this machine may be busy)")

    def test_where_the_time_went_is_printed_on_request(self):
        request = {"contestants": ["mutex_map"], "workload": STATIONARY}
        out = self.visit(request, [self.worker, "--timing"])
        self.assertEqual(out.code, 0, out.stderr)
        for part in ("tape", "place", "slices", "verify", "cpu_slices"):
            self.assertRegex(out.stderr, rf"\n  {part} +\d+\.\d\d\d s")
        self.assertEqual(self.visit(request).stderr, "")

    # Wrong maps.

    def test_wrong_maps_end_the_visit_with_a_sentence(self):
        found = {
            "drops_stores": ("hits", STATIONARY),
            "wrong_value": ("value", STATIONARY),
            "wrong_size": ("size", STATIONARY),
            "short_range": ("Range visits", STATIONARY),
        }
        for name, (word, workload) in found.items():
            for threads in (1, 2):
                with self.subTest(map=name, threads=threads):
                    out = self.visit({"contestants": ["mutex_map", name], "workload": workload}, [self.broken],
                                     threads=threads, oversubscribed=True, timed=False)
                    self.assertEqual(out.code, 3, out.text[-300:])
                    self.assertEqual(out.lines[-1]["t"], "invalid")
                    self.assertEqual(out.lines[-1]["c"], 1)
                    self.assertIn(name, out.lines[-1]["what"])
                    self.assertIn(word, out.lines[-1]["what"])
        out = self.visit({"contestants": ["drops_stores"], "workload": GROWTH}, [self.broken])
        self.assertEqual(out.code, 3, out.text[-300:])
        self.assertIn("loaded", out.lines[-1]["what"])

    def test_a_wrong_map_is_found_among_sixteen_threads(self):
        for name, word in (("drops_stores", "hits"), ("wrong_value", "value")):
            for mix in ({"load": 80, "store": 20}, {"load": 50, "store": 25, "delete": 25}):
                with self.subTest(map=name, mix=mix):
                    out = self.visit({"contestants": [name], "workload": STATIONARY}, [self.broken], threads=16,
                                     oversubscribed=True, slice_ms=5, workload={"mix": mix, "prefill": "auto"})
                    if mix.get("delete") and name == "drops_stores":
                        continue  # a store too few is within what deletes allow
                    self.assertEqual(out.code, 3, out.text[-300:])
                    self.assertIn(word, out.lines[-1]["what"])

    # Threads that do not advance equally.

    def test_unequal_threads_are_a_result_and_no_reason_to_reject(self):
        for name, factor in (("uneven_3", 3), ("uneven_10", 10)):
            with self.subTest(map=name):
                out = self.visit({"contestants": [name], "workload": STATIONARY}, [self.broken], threads=2,
                                 oversubscribed=True, slice_ms=20, workload={"mix": {"load": 100}}, max_blocks=5)
                self.assertEqual(out.code, 0, out.stderr)
                self.assertFalse(out.of("reject"))
                slices = [s for s in out.of("slice") if "w" not in s]
                jain = sorted(s["jain"] for s in slices)[len(slices) // 2]
                ratio = sorted(s["most"] / s["least"] for s in slices)[len(slices) // 2]
                # The slow thread waits for the other one's loads: how the CPUs are dealt out changes little.
                self.assertGreater(ratio, factor / 2)
                self.assertLess(jain, 0.95)

    def test_a_stuck_thread_holds_nobody(self):
        out = self.visit({"contestants": ["stuck"], "workload": STATIONARY}, [self.broken], threads=4,
                         oversubscribed=True, slice_ms=4, workload={"mix": {"load": 100}}, seconds=0.3)
        self.assertEqual(out.code, 0, out.stderr)
        gaps = [s["gap"] for s in out.of("slice")]
        self.assertGreater(max(gaps), 29e6)
        # Scored by its own time, the slice in which one slept is not eight times as slow.
        stuck = [s["ns"] / s["n"] for s in out.of("slice") if s["gap"] > 29e6]
        rest = sorted(s["ns"] / s["n"] for s in out.of("slice") if s["gap"] <= 29e6)
        self.assertLess(sorted(stuck)[len(stuck) // 2], 3 * rest[len(rest) // 2])

    def test_what_surrounds_slices_costs_little_at_any_number_of_threads(self):
        # What the arena's 64 MiB cost beyond a microsecond a page is this machine's, not the engine's.
        page = self.describe()["fresh_page"]
        dear = (64 << 20) / page["bytes"] * max(0, page["touch_ns"] - 1000) * 1e-9
        # Where keys come and go under several threads, every operation of a slice is looked at again afterwards.
        for mix, most in (({"load": 80, "store": 20}, 1.3), ({"load": 60, "store": 20, "delete": 20}, 1.6)):
            for threads in (1, 2, 16):
                with self.subTest(threads=threads, mix=mix):
                    out = self.visit({"contestants": ["mutex_map", "sync_map", "sharded_map", "hash_trie_map"],
                                      "workload": STATIONARY}, threads=threads, oversubscribed=threads > 2,
                                     slice_ms=10 if threads == 1 else 20, seconds=0.6, warmup_seconds=0.2,
                                     workload={"mix": mix, "prefill": "auto", "population": 10000})
                    self.assertEqual(out.code, 0, out.stderr)
                    timing = out.lines[-1]["timing"]
                    print(threads, mix, timing)
                    self.assertLess(timing["cpu"] - dear, most * timing["cpu_slices"])

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
            ({"contestants": ["libcuckoo_map:initial_capacity=9@direct"]}, "leave the tunables out"),
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


if __name__ == "__main__":
    (WorkerTest.worker, WorkerTest.broken, WorkerTest.cross, WorkerTest.cross_arch,
     WorkerTest.profile_trace) = sys.argv[1:6]
    unittest.main(argv=sys.argv[:1] + sys.argv[6:])
