# SPDX-License-Identifier: Apache-2.0
"""Visits of the worker under arrivals and with recordings."""

import random
import subprocess
import tempfile

from experiments.worker.worker_test_program import GROWTH, STATIONARY, WorkerTest


class Arrivals(WorkerTest):

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

    def test_arrivals_that_cannot_be_meant_are_refused(self):
        for changes, why in (
                ({"contestants": ["mutex_map"]}, 'add "null" to the contestants'),
                ({"timed": False}, "leave one out"),
                ({"oversubscribed": True, "threads": 64}, "need a CPU for every thread"),
                ({"threads": 200}, "CPUs"),
                ({"contestants": ["mutex_map@batch", "null"]}, "leave @batch and @load_batch out"),
                ({"arrivals": {"course": "fill", "rate": 1e6}}, "need the regime fixed_distinct"),
                ({"arrivals": {"course": "recorded", "most_ms": 9}}, 'add the field "recording"'),
                ({"arrivals": {**self.RUNGS, "loads": [0.5, 0.1]}}, "ascending"),
                ({"arrivals": {**self.RUNGS, "loads": [0.1]}}, "0.5 among them"),
                ({"arrivals": {**self.RUNGS, "window_ms": 9}}, "window_ms"),
                ({"arrivals": {**self.RUNGS, "window_ms": 1}, "threads": 2}, "of one thread only"),
                ({"arrivals": {**self.RUNGS, "laods": 1}}, 'unknown visit field "arrivals.laods"'),
                ({"arrivals": {"course": "rings"}}, '"shapes", "fill" or "recorded"'),
                ({"arrivals": 5}, "must be an object")):
            with self.subTest(why):
                out = self.visit({"contestants": ["mutex_map", "null"], "workload": STATIONARY, "arrivals": self.RUNGS,
                                  **changes})
                self.assertEqual(out.code, 2, out.stderr)
                self.assertIn(why, out.stderr)

    # Recordings.

    PLAYED = {**GROWTH, "keys": {"stream": "krr", "reuse": 0.9, "choice": "uniform", "sharing": "shared"}, "ops": 3000,
              "mix": {"load": 40, "store": 20, "delete": 20, "load_or_store": 10, "swap": 10}}

    def recorded(self, folder, operations, times=None):
        """The compact form of a trace of (name, key), at times in us."""
        csv, compact = f"{folder}/t.csv", f"{folder}/t.cmaptrc"
        with open(csv, "w", encoding="utf-8") as file:
            file.write("time_us,thread,operation,key\n")
            file.writelines(f"{at},1,{name},k{key}\n" for at, (name, key) in zip(times or range(len(operations)), operations))
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

    def test_a_recording_comes_at_its_own_times(self):
        # A hundred operations at once, then one every 20 us.
        operations = [(name, i % 500) for i in range(2000) for name in ("get", "set")]
        times = [0] * 100 + [20 * (i + 1) for i in range(3900)]
        with tempfile.TemporaryDirectory() as folder:
            path = self.recorded(folder, operations, times)
            for threads_, most_ms, count in ((1, 1000, 4000), (2, 1000, 4000), (1, 10, 600)):
                with self.subTest(threads=threads_, most_ms=most_ms):
                    out = self.visit({"contestants": ["mutex_map", "sync_map", "null"], "workload": self.PLAYED}, threads=threads_,
                                     recording=path, arrivals={"course": "recorded", "most_ms": most_ms})
                    self.assertEqual(out.code, 0, out.stderr + out.text[-300:])
                    self.assertEqual(out.of("slice"), [])
                    lines = out.of("recorded")
                    self.assertEqual(sorted(line["c"] for line in lines), [0, 1, 2])
                    for line in lines:
                        self.assertEqual((line["n"], line["ns"]), (count, (count - 100) * 20000))
                        self.assertAlmostEqual(line["offered"], count / line["ns"] * 1e9, delta=1)
                        self.check_times(line, "response", "service", "lag")
                    # What came at once has waited for what came before it.
                    best = min((line["max"][0] for line in lines if "max" in line), default=0)
                    self.assertTrue(not best or best > 20 * 50 // threads_)
                    self.assertEqual([m["entries"] for m in out.of("memory") if m["c"] < 2],
                                     [len({key for name, key in operations[:count] if name == "set"})] * 2)
            for name in ("drops_stores", "wrong_size"):
                path = self.recorded(folder, [("add", i % 4000) for i in range(9000)], range(9000))
                out = self.visit({"contestants": ["mutex_map", name, "null"], "workload": self.PLAYED}, [self.broken],
                                 workload={"ops": 9000}, recording=path, arrivals={"course": "recorded", "most_ms": 1000})
                self.assertEqual((out.code, out.of("invalid")[0]["c"]), (3, 1), name)

    def test_recordings_that_cannot_be_meant_are_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            path = self.recorded(folder, [("get", 1), ("cas", 1)])
            for changes, workload, why in (
                    ({"recording": ""}, {}, "the path of a compact trace"), ({"recording": 3}, {}, "the path of a compact trace"),
                    ({"recording": f"{folder}/absent"}, {}, "cannot be opened"), ({"recording": f"{folder}/t.csv"}, {}, "is not a compact trace"),
                    ({}, {"regime": "fixed_distinct"}, "starts from an empty map"), ({}, STATIONARY, "starts from an empty map"),
                    ({"contestants": ["mutex_map", "null"], "arrivals": {"course": "fill", "rate": 1e6}}, {}, "give them the course"),
                    ({"contestants": ["mutex_map", "null"], "arrivals": {"course": "recorded", "most_ms": 0}}, {}, "from 1.0 to")):
                out = self.visit({"contestants": ["mutex_map"], "workload": self.PLAYED, "recording": path, **changes}, workload=workload)
                self.assertEqual(out.code, 2, (changes, out.text))
                self.assertIn(why, out.stderr)
                self.assertEqual(out.stderr.count("\n"), 1)
