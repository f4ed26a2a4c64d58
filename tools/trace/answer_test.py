# SPDX-License-Identifier: Apache-2.0
"""The command that says which map: of descriptions and of traces, from runs and capsules; without a profiler."""

import collections
import contextlib
import hashlib
import io
import json
import math
import os
import pathlib
import random
import re
import stat
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree
from unittest import mock

from report import capsule
from report.recommend import say  # noqa: F401  pylint: disable=unused-import  # here, as matplotlib may say where its cache is
from report.testdata import arrivals, make_testdata
from tools.trace import advise, answer, beyond, replay

ROOT = pathlib.Path(__file__).absolute().parents[2]


def figures(**changes):
    """As profile_trace prints them of a trace of 95 % reads of 10 000 keys; `changes` of the figures."""
    def exact(value):
        return {"value": value, "low": value, "high": value}

    return {"format": "own CSV", "operations": 100000, "has_operations": True, "has_clients": False, "sample": 1,
            "recorded": None, "figures": {
                "reuse_rate": exact(0.9), "distinct": exact(10000), "shares": {"load": 0.95, "store": 0.05},
                "read_share": 0.95, "delete_share": 0.0, "hit_rate": {**exact(1.0), "told": False},
                "entropy_1024": exact(10.0), "top100_share": exact(0.01), "locality": {"lru": []},
                "growth": [{"operation": 100000, "distinct": 10000, "present": 10000}],
                "arrivals": {"unknown": "the trace has no times"},
                "key_bytes": {"unknown": "the trace tells no sizes"},
                "value_bytes": {"unknown": "the trace tells no sizes"}, **changes}}


class Made(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.workspace = pathlib.Path(folder.name)
        make_testdata.make(cls.workspace / "results/20260115T100000Z", "full")
        (cls.workspace / "results/latest").symlink_to("20260115T100000Z")
        capsule.write(cls.workspace / "results/latest", cls.workspace / "monday.capsule")

    def setUp(self):
        here = os.getcwd()
        self.addCleanup(os.chdir, here)
        patch = mock.patch.dict("os.environ", {"BUILD_WORKSPACE_DIRECTORY": str(self.workspace),
                                               "BUILD_WORKING_DIRECTORY": str(self.workspace)})
        patch.start()
        self.addCleanup(patch.stop)

    def command(self, *args, of=None):
        """(exit code, standard output, standard error); `of`: the figures of the trace."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), \
                mock.patch.object(advise, "profile", lambda *_: of):
            try:
                code = advise.main(list(args))
            except SystemExit as error:  # of argparse
                code = error.code
        return code, out.getvalue(), err.getvalue()


class DescribedTest(Made):

    def test_the_newest_run_answers(self):
        code, out, _ = self.command("--describe", "reads=95 keys=10k threads=2")
        self.assertEqual(code, 0)
        self.assertTrue(out.startswith("Use sync_map: 1.3"), out)
        self.assertIn("Measured at read share: share of reads 95 %, 2 threads, the very point.", out)
        self.assertIn("From run 20260115T100000Z", out)
        self.assertIn("cmap::strategies::sync_map::Map<Key, Value> map;", out)
        self.assertNotIn("--ask", out)

    def test_folders_names_and_capsules_say_the_same(self):
        said = {self.command("--describe", "reuse=0.8 threads=1", *run)[1] for run in (
            (), ("--run", "latest"), ("--run", "20260115T100000Z"), ("--run", "results/latest"), ("--run", "monday.capsule"))}
        self.assertEqual(len(said), 1)
        self.assertFalse((self.workspace / "monday").exists())

    def test_what_is_not_covered_offers_to_measure(self):
        _, out, _ = self.command("--describe", "reads=95 keys=1e6 threads=16 value=64 staleness=0")
        self.assertIn("No measured point covers this", out)
        self.assertIn("bazel run //experiments -- --ask 'keys=uniform mix=load:95,store:5 population=1000000 value=64 threads=16'", out)

    def test_files(self):
        page, data = self.workspace / "a.html", self.workspace / "a.json"
        code, out, _ = self.command("--describe", "reads=95 keys=10k threads=2", "--html", "a.html", "--json", "a.json")
        self.assertEqual(code, 0)
        self.assertIn("Use sync_map", page.read_text(encoding="utf-8"))
        found = json.loads(data.read_text())
        self.assertEqual((found["verdict"], found["front"], found["covered"]), ("alone", ["sync_map"], True))
        self.assertEqual(json.loads(self.command("--describe", "reads=95 keys=10k threads=2", "--json", "-")[1]), found)
        self.assertIn("sync_map", out)

    def test_a_picture_of_it(self):
        code, said, _ = self.command("--describe", "reads=95 keys=10k threads=2", "--constraints", "p99=50us", "--picture", "a.svg")
        self.assertEqual(code, 0)
        text = (self.workspace / "a.svg").read_text(encoding="utf-8")
        root = xml.etree.ElementTree.fromstring(text)
        lines = ["".join(t.itertext()) for t in root.iter("{http://www.w3.org/2000/svg}text")]
        self.assertEqual(lines[0], "$ bazel run //tools:advise -- --describe 'reads=95 keys=10k threads=2' --constraints p99=50us")
        for line in lines[1:]:  # nothing is said there that the terminal does not say
            self.assertIn(" ".join(line.split()), " ".join(said.split()))
        self.assertIn(root.attrib["aria-label"].split(":")[0], said)
        self.assertIn("  cmap::strategies::sync_map::Map<Key, Value> map;", lines)
        self.assertLess(len(text), 8000)

    def test_markup_and_marks_in_a_picture_are_text(self):
        trace = "<b>\x1b&.csv"
        self.command(trace, "--picture", "b.svg", of=figures())
        root = xml.etree.ElementTree.fromstring((self.workspace / "b.svg").read_text(encoding="utf-8"))
        self.assertIn("'<b>?&.csv'", "".join(root.itertext()))

    def test_measure_becomes_the_command(self):
        ran = self.workspace / "ran"
        (self.workspace / "tools").mkdir(exist_ok=True)
        bazel = self.workspace / "tools/bazel"
        bazel.write_text(f'#!/bin/sh\nprintf "%s\\n" "$PWD" "$@" > {ran}\n')
        bazel.chmod(bazel.stat().st_mode | stat.S_IXUSR)
        done = subprocess.run([sys.executable, "-m", "tools.trace.advise", "--describe", "reads=95 keys=1e6 threads=2",
                               "--measure"], capture_output=True, text=True, check=True,
                              env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=ROOT)
        self.assertIn("measuring: bazel run //experiments -- --ask", done.stdout)
        self.assertEqual(ran.read_text().splitlines(), [
            str(self.workspace), "run", "//experiments", "--", "--ask",
            "keys=uniform mix=load:95,store:5 population=1000000 threads=2"])

    def test_bad_input_is_one_sentence(self):
        (self.workspace / "bad.capsule").write_text("no capsule at all")
        cases = [
            (("--describe", "readz=95"), "there is no field 'readz'; did you mean 'reads'?"),
            (("--describe", "reads=95", "--constraints", "memry=1GiB"), "there is no constraint 'memry'; did you mean 'memory'?"),
            (("--describe", "reads=95", "--run", "nope"), "no run 'nope' was found"),
            (("--describe", "reads=95", "--run", "bad.capsule"), "is not a capsule: it is no gzip file"),
            (("--describe", "reads=95", "--html", "/nonexistent/a"), "cannot be written"),
            *((("--describe", "reads=95", option, value), f"advise: argument {option}: what is given is empty; give a name")
              for value in ("", " ") for option in ("--describe", "--constraints", "--run", "--html", "--json", "--sample", "--max-keys",
                                                    "--format", "--columns", "--normalised")),
            (("",), "advise: argument TRACE: what is given is empty"),
            ((), "advise: there is neither a trace nor a description; name a file, or write --describe 'reads=95 keys=1e6'")]
        for args, sentence in cases:
            with self.subTest(args):
                before = sorted(self.workspace.rglob("*"))
                code, _, said = self.command(*args)
                self.assertIn(code, (1, 2))
                self.assertIn(sentence, said)
                self.assertEqual(said.count("\n"), 1, said)
                self.assertEqual(sorted(self.workspace.rglob("*")), before)

    def test_help_teaches(self):
        out = io.StringIO()
        with contextlib.redirect_stdout(out), self.assertRaises(SystemExit):
            advise.main(["--help"])
        for word in ("--describe 'reads=95", "staleness", "constraints:", "real_time_order", "--measure"):
            self.assertIn(word, out.getvalue())

    def test_without_a_workspace_nothing_is_measured(self):
        with mock.patch.dict("os.environ", {"BUILD_WORKSPACE_DIRECTORY": ""}):
            code, _, err = self.command("--describe", "reads=95", "--run", str(self.workspace / "results/latest"), "--measure")
        self.assertEqual(code, 1)
        self.assertIn("this was not started by bazel run, so nothing can be measured from here; run: bazel run", err)


class BeyondTest(unittest.TestCase):
    """Each sentence on both sides of what decides it, and the two formulas against simulations."""

    @staticmethod
    def lru(requests, entries):
        """The share of requests for keys seen before that an LRU cache answers."""
        cache, seen, hits, again = collections.OrderedDict(), set(), 0, 0
        for key in requests:
            again += key in seen
            seen.add(key)
            if key in cache:
                hits += 1
                cache.move_to_end(key)
            else:
                cache[key] = None
                if len(cache) > entries:
                    cache.popitem(last=False)
        return hits / again

    def test_independent_requests(self):
        rng = random.Random(1)
        for keys, theta, entries in ((1000, 0.0, 100), (1000, 0.8, 50), (5000, 1.2, 300)):
            weights = [k**-theta for k in range(1, keys + 1)]
            requests = rng.choices(range(keys), weights, k=200_000)
            self.assertAlmostEqual(beyond.of_independent(keys, theta, entries), self.lru(requests, entries), delta=0.02)
        self.assertAlmostEqual(beyond.of_independent(50_000_000, 0.99, 50_000_000), 1.0)
        self.assertLess(beyond.of_independent(50_000_000, 0.99, 1000), beyond.of_independent(50_000_000, 0.99, 1_000_000))

    def test_even_reuse(self):
        rng, requests, seen = random.Random(2), [], 0
        while seen < 3000:
            if seen and rng.random() < 0.8:
                requests.append(rng.randrange(seen))
            else:
                requests.append(seen)
                seen += 1
        for entries in (100, 1000):
            self.assertAlmostEqual(beyond.of_even_reuse(3000, entries), self.lru(requests, entries), delta=0.02)

    def said(self, word, of, fields=None):
        return [s for s in beyond.left_out(of, fields or {"reads": "95", "skew": "0"}) if word in s]

    def test_sooner_and_later(self):
        def curve(hit_rate):  # of 10 000 keys, evenly popular: a tenth of them answers a tenth
            return figures(locality={"lru": [{"entries": 1024.0, "hit_rate": {"value": hit_rate}},
                                             {"entries": 16384.0, "hit_rate": {"value": 0.9}}]})
        self.assertEqual(self.said("come back", curve(0.12)), [])
        self.assertIn("sooner than described: 1,024 entries of an LRU cache would answer 66.7 %", self.said("come back", curve(0.6))[0])
        skewed = {"reads": "95", "skew": "1.2"}
        self.assertIn("later than described", self.said("come back", curve(0.12), skewed)[0])
        self.assertIn("later than described", self.said("come back", curve(0.0), {"reuse": "0.9"})[0])

    def test_other_operations_growth_sizes_and_bursts(self):
        mixed = figures(shares={"load": 0.8, "store": 0.1, "compare_and_swap": 0.07, "load_and_delete": 0.03})
        self.assertEqual(self.said("other kinds", mixed), [
            "Operations of other kinds (compare_and_swap 7 %, load_and_delete 3 %) are taken for stores."])
        self.assertNotIn("load_and_delete", self.said("other kinds", mixed, {"reads": "80", "deletes": "3"})[0])
        self.assertEqual(self.said("other kinds", figures()), [])
        grows = [{"operation": 50_000, "distinct": 1, "present": 7000}, {"operation": 100_000, "distinct": 1, "present": 10_000}]
        self.assertEqual(len(self.said("still grows", figures(growth=grows))), 1)
        grows[0]["present"] = 9000
        self.assertEqual(self.said("still grows", figures(growth=grows)), [])
        for most, count in ((300, 0), (4000, 1)):
            self.assertEqual(len(self.said("unequal size", figures(value_bytes={"mean": 100.0, "max": most}))), count)
        for index, count in ((1.3, 0), (7.5, 1)):
            windows = [{"seconds": 0.01, "windows": 9, "mean": 5.0, "index_of_dispersion": 1.0},
                       {"seconds": 1.0, "windows": 9, "mean": 500.0, "index_of_dispersion": index}]
            self.assertEqual(len(self.said("bursts", figures(arrivals={"seconds": 9.0, "windows": windows}))), count)

    def test_nothing_is_made_of_what_is_unknown(self):
        unknown = {"unknown": "sampled"}
        self.assertEqual(len(beyond.left_out(figures(**{name: unknown for name in (
            "hit_rate", "locality", "distinct", "growth", "arrivals", "value_bytes")}), {"reads": "95"})), 1)


class TraceTest(Made):

    def test_figures_alone_need_no_run(self):
        code, out, _ = self.command("t.csv", of=figures())
        self.assertEqual(code, 0)
        self.assertIn("key reuse rate", out)
        self.assertNotIn("Use ", out)

    def test_a_trace_is_answered_as_its_description(self):
        _, out, _ = self.command("t.csv", "--run", "latest", "--describe", "threads=2", of=figures())
        self.assertIn("key reuse rate", out)
        self.assertIn("Taken for reads=95 keys=10000 skew=0 threads=2", out)
        described = self.command("--describe", "reads=95 keys=10000 threads=2")[1]
        self.assertTrue(re.sub(r"What the description leaves out\n(  .+\n)+\n", "", out).endswith(described), out)

    def test_what_the_reader_says_holds(self):
        _, out, _ = self.command("t.csv", "--describe", "reads=60 threads=2", of=figures())
        self.assertIn("Taken for reads=60 keys=10000 skew=0 threads=2", out)
        _, out, _ = self.command("t.csv", "--describe", "reuse=0.8 threads=1", of=figures())
        self.assertIn("Taken for keys=10000 skew=0 reuse=0.8 threads=1", out)

    def test_without_operations_every_request_looks_up_or_inserts(self):
        result = {**figures(), "has_operations": False}
        self.assertEqual(answer.of_trace(result), {"reuse": "0.9", "keys": "10000"})

    def test_what_a_trace_does_not_know_is_left_out(self):
        unknown = {"unknown": "sampled"}
        self.assertEqual(answer.of_trace(figures(growth=unknown, distinct=unknown, top100_share=unknown)), {"reads": "95"})
        self.assertEqual(answer.of_trace(figures(value_bytes={"mean": 63.7}))["value"], "64")

    def test_the_rate_of_a_trace_with_times(self):
        timed = {"arrivals": {"seconds": 20.0, "windows": []}}
        self.assertEqual(answer.of_trace(figures(**timed))["rate"], "5000")
        for recorded, rate in (({"of": "keys", "rate": 0.1}, "50000"), ({"of": "keys", "rate": 0.1, "of_operations": 400000}, "20000")):
            self.assertEqual(answer.of_trace({**figures(**timed), "recorded": recorded})["rate"], rate)
        self.assertEqual(answer.of_trace(figures(arrivals={"seconds": 1e7, "windows": []}))["rate"], "1")
        self.assertNotIn("rate", answer.of_trace(figures(arrivals={"seconds": 0, "windows": []})))
        _, out, _ = self.command("t.csv", "--run", "latest", "--constraints", "p99=1ms", of=figures(**timed))
        self.assertIn("skew=0 rate=5000", out)
        self.assertIn("This run cannot decide p99", out)

    def test_deletes_are_told_where_a_workload_can_have_them(self):
        told = answer.of_trace(figures(read_share=0.9, delete_share=0.04, shares={"load": 0.9, "store": 0.06, "delete": 0.04}))
        self.assertEqual((told["reads"], told["deletes"]), ("90", "4"))
        for deletes in (0.06, 0.001):  # more than are stored; too few to matter
            self.assertNotIn("deletes", answer.of_trace(figures(read_share=0.9, delete_share=deletes)))
        changed = figures(read_share=0.9, delete_share=0.04)
        _, out, _ = self.command("t.csv", "--describe", "threads=2", of=changed)
        self.assertIn("Taken for reads=90 deletes=4 keys=10000 skew=0 threads=2", out)
        self.assertIn("No measured point covers this", out)
        self.assertIn("mix=load:90,store:6,delete:4 population=16667", out)
        _, out, _ = self.command("t.csv", "--describe", "reads=60 threads=2", of=changed)
        self.assertIn("Taken for reads=60 keys=10000 skew=0 threads=2", out)

    def test_what_the_description_leaves_out_is_said(self):
        code, out, _ = self.command("t.csv", "--describe", "threads=2", "--html", "t.html", "--json", "t.json", of=figures(
            hit_rate={"value": 0.7, "low": 0.7, "high": 0.7, "told": True}))
        self.assertEqual(code, 0)
        told = out[out.index("What the description leaves out"):]
        self.assertIn("The trace itself is not replayed", told)
        self.assertIn("30 % of the look-ups find nothing", told)
        self.assertEqual(len(json.loads((self.workspace / "t.json").read_text())["left_out"]), 2)
        self.assertIn("of the look-ups find nothing", (self.workspace / "t.html").read_text(encoding="utf-8"))
        self.assertNotIn("leaves out", self.command("--describe", "reads=95 threads=2")[1])

    def test_the_zipf_exponent_behind_a_share(self):
        for keys in (500, 10_000, 3_000_000):
            for theta in (0.3, 0.8, 0.99, 1.0, 1.3):
                total = sum(k**-theta for k in range(1, min(keys, 200_000) + 1))
                if keys > 200_000:  # the rest by a finer integral than the one that is tested
                    total += sum(math.exp(-theta * math.log(k)) * 100 for k in range(200_050, keys, 100))
                share = sum(k**-theta for k in range(1, 101)) / total
                self.assertAlmostEqual(answer.zipf_exponent(share, keys), theta, delta=0.01, msg=(keys, theta))
        self.assertEqual(answer.zipf_exponent(0.001, 100_000), 0.0)


class ReplayTest(Made):
    """The command with a trace that is replayed; what measures is a program that notes how it was called."""

    def setUp(self):
        super().setUp()
        self.ran = self.workspace / "replayed"
        (self.workspace / "tools").mkdir(exist_ok=True)
        self.bazel = self.workspace / "tools/bazel"
        self.fake_bazel(0)

    def fake_bazel(self, code):
        self.bazel.write_text(f'#!/bin/sh\nprintf "%s\\n" "$PWD" "$@" > {self.ran}\nexit {code}\n')
        self.bazel.chmod(0o755)

    def replay(self, *args, of=None):
        """The command; the profiler leaves a compact form, of which the newest run has a replay."""
        def profiled(_traces, _flags, compact):
            pathlib.Path(compact).write_bytes(b"CMAPTRC1 and operations")
            return of or figures()

        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), mock.patch.object(advise, "profile", profiled):
            code = advise.main(["t.csv", "--replay", *args])
        return code, out.getvalue(), err.getvalue()

    def with_replay(self, of, name="replay"):
        run = self.workspace / "results" / name
        if not run.exists():
            make_testdata.make(run, "full", 3)
        meta = json.loads((run / "run.json").read_text())
        cell = next(q for q in meta["questions"] if q["name"] == "standard_cells")["cells"][1]
        cell.update(title="t.csv: its first 100 000 operations, replayed", recording={"file": "x", "sha256": of})
        (run / "run.json").write_text(json.dumps(meta))
        latest = self.workspace / "results/latest"
        self.addCleanup(lambda: (latest.unlink(), latest.symlink_to("20260115T100000Z")))
        latest.unlink()
        latest.symlink_to(name)
        return run

    def test_the_replay_answers(self):
        self.with_replay(hashlib.sha256(b"CMAPTRC1 and operations").hexdigest())
        code, out, err = self.replay("--describe", "threads=2", "--picture", "r.svg")
        self.assertEqual((code, err), (0, ""))
        self.assertIn("Measured at standard cells: t.csv: its first 100 000 operations, replayed, 2 threads, the very point.", out)
        self.assertIn("Replayed were the first 100,000 operations of 100,000", out)
        self.assertNotIn("is not replayed", out)
        self.assertIn("t.csv --describe threads=2 --replay", (self.workspace / "r.svg").read_text(encoding="utf-8"))
        root, *words = self.ran.read_text().splitlines()
        self.assertEqual((root, words[:4]), (str(self.workspace), ["run", "//experiments", "--", "--ask"]))
        asked = json.loads(pathlib.Path(words[4]).read_text())
        cell, = asked["cells"]
        self.assertEqual(cell["ask"], "keys=krr:0.9000:shared mix=load:95,store:5 regime=growth ops=50000 threads=2")
        self.assertTrue(pathlib.Path(cell["recording"]).read_bytes().startswith(b"CMAPTRC1"))

    CAME = {"seconds": 3.0, "windows": [{"seconds": 64e-6, "windows": 40_000, "mean": 2.5, "index_of_dispersion": 3.0}]}

    def test_response_times_stand_beside_the_ranking(self):
        trace = hashlib.sha256(b"CMAPTRC1 and operations").hexdigest()
        run = self.with_replay(trace, "came")
        arrivals.add(run, {}, trace=trace, traced={"mutex_map": 9000.0, "sync_map": 1500.0, "sharded_map": math.inf})
        code, out, err = self.replay("--describe", "threads=2", "--json", "r.json", "--html", "r.html", of=figures(arrivals=self.CAME))
        self.assertEqual((code, err), (0, ""))
        lines = {line.split()[0]: line for line in out.splitlines() if line.startswith("  ") and "×" in line}
        self.assertRegex(lines["mutex_map"], r"p50 1\d\d ns, p99 (8\.\d|9|9\.\d) µs, p99\.9 2[678] µs$")
        self.assertRegex(lines["sync_map"], r"p50 1\d\d ns, p99 1\.[456] µs, p99\.9 4\.[3-7] µs$")
        self.assertTrue(lines["hash_trie_map"].endswith("  not measured"), lines)
        self.assertTrue(any(name.startswith("sharded_map") and line.endswith("  cannot keep up") for name, line in lines.items()), lines)
        said = " ".join(out.split())
        self.assertIn("Response times are those of the trace's operations at the times at which they came, 40k a second on average", said)
        self.assertIn("A map that does nothing has a p99 of 1", said)
        self.assertNotIn("were not measured, which needs", said)
        self.assertIn("Response times", (self.workspace / "r.html").read_text(encoding="utf-8"))
        row = next(r for r in json.loads((self.workspace / "r.json").read_text())["ranking"] if r["contestant"] == "sync_map")
        self.assertAlmostEqual(row["at_its_own_times"]["p99"], 1.5e-6, delta=1e-7)
        asked = json.loads(pathlib.Path(self.ran.read_text().split("\n")[5]).read_text())
        self.assertTrue(asked["cells"][0]["ask"].endswith(" threads=2 arrivals=recorded"))
        # A limit is held against them.
        _, out, _ = self.replay("--describe", "threads=2", "--constraints", "p99=5us", of=figures(arrivals=self.CAME))
        said = " ".join(out.split())
        self.assertIn("mutex_map was passed over: its p99 at the trace's own times (40k operations a second) is", said)
        self.assertNotIn("sync_map was passed over", said)
        # Another trace's times are not this one's.
        found, _, _ = answer.answer("latest", {"reads": "95", "threads": "2"}, "", (), "0" * 64)
        self.assertIsNone(found.came)

    def test_a_trace_that_cannot_come_at_its_own_times(self):
        def why(**arrivals_):
            return replay.without_times(figures(arrivals=arrivals_))

        tick = self.CAME["windows"][0]
        self.assertEqual(replay.without_times(figures(arrivals=self.CAME)), "")
        self.assertEqual(replay.without_times(figures()), "the trace has no times")
        self.assertIn("too few operations, or too coarse a clock", why(seconds=0.0, windows=[]))
        self.assertIn("no more than seconds, and 300 operations on average", why(seconds=90.0, windows=[{**tick, "seconds": 1.0, "mean": 300.0}]))
        self.assertIn("no more than milliseconds", why(seconds=9.0, windows=[{**tick, "seconds": 1e-3, "mean": 2.0}]))
        self.assertEqual(why(seconds=9.0, windows=[{**tick, "seconds": 1e-3, "mean": 1.5}]), "")
        self.assertEqual(why(seconds=9.0, windows=[{**tick, "seconds": 2e-3, "mean": 1.5}]), "")
        self.with_replay(hashlib.sha256(b"CMAPTRC1 and operations").hexdigest())
        _, out, _ = self.replay("--describe", "threads=2")
        self.assertIn("Response times were not measured, which needs the times at which operations came: the trace has no times.",
                      " ".join(out.split()))

    def test_another_trace_is_not_answered_by_it(self):
        self.with_replay("0" * 64)
        _, out, _ = self.replay("--describe", "threads=2")
        self.assertNotIn("replayed, 2 threads", out)

    def test_a_measurement_that_fails_is_said(self):
        self.fake_bazel(3)
        code, out, err = self.replay()
        self.assertEqual(code, 1)
        self.assertIn("the measurement failed with code 3", err)
        self.assertNotIn("Use ", out)

    def test_what_does_not_go_together(self):
        for args in (("--describe", "reads=95", "--replay"), ("t.csv", "--replay", "--run", "latest"), ("t.csv", "--replay", "--measure")):
            with self.assertRaises(SystemExit), contextlib.redirect_stderr(io.StringIO()):
                advise.main(list(args))
        with mock.patch.dict("os.environ", {"BUILD_WORKSPACE_DIRECTORY": ""}):
            code, _, err = self.replay()
        self.assertEqual((code, err.count("\n")), (1, 1))
        self.assertIn("not started by bazel run", err)

    def test_the_cell_of_a_trace(self):
        def asked(fields, **changes):
            return replay.cells("t", {**figures(**changes), "operations": 5_000_000}, fields, "c")[0]["cells"][0]["ask"]

        self.assertEqual(asked({"value": "1KiB", "key": "string"}), "keys=krr:0.9000:shared mix=load:95,store:5 regime=growth ops=100000 "
                         "threads=all key=string:32 value=1024")
        shares = {"load": 2 / 3, "store": 1 / 3 - 1e-7, "delete": 1e-7}
        self.assertIn("mix=load:66.666,store:33.333,delete:0.001 ", asked({}, shares=shares))
        self.assertIn("krr:0.5000", asked({}, reuse_rate={"unknown": "sampled"}))
        self.assertIn("krr:0.9999", asked({}, reuse_rate={"value": 1.0}))
        with self.assertRaisesRegex(replay.ReplayError, "threads is 'many'"):
            asked({"threads": "many"})

    def test_asked_cells_can_be_asked(self):
        for shares in ({"load": 1.0}, {"load": 0.5, "load_or_store": 0.25, "compare_and_swap": 0.25}, {"store": 0.9999999, "delete": 1e-7}):
            total = sum(share for _, share in replay.mix(shares))
            self.assertAlmostEqual(total, 100, places=9)
            self.assertEqual({op for op, _ in replay.mix(shares)}, set(shares))


if __name__ == "__main__":
    unittest.main()
