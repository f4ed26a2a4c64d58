# SPDX-License-Identifier: Apache-2.0
"""Questions of one's own: what can be written, what is refused, and what a run makes of them."""

import contextlib
import dataclasses
import hashlib
import io
import json
import operator
import pathlib
import tempfile
import unittest
from unittest import mock

from experiments.orchestrator import ask, catalogue, cli, conditions, fields, session, validate
from experiments.orchestrator.errors import UserError
from experiments.testing import fake_worker, simulated, support

CASES = json.loads((support.EXPERIMENTS / "testing/ask_cases.json").read_text(encoding="utf-8"))


def build(case, texts=None):
    strategies = cli._strategies(case["strategies"]) if "strategies" in case else None
    return ask.build(support.real_catalogue(), texts or [case["ask"]], case.get("sweep"), strategies, support.DESCRIBED)


class Cases(unittest.TestCase):

    def test_good(self):
        for case in CASES["good"]:
            with self.subTest(case):
                q = build(case).catalogue.questions[0]
                self.assertTrue(q["asked"])
                workload = q["cells"][0]["workload"] if q["kind"] == "cells" else q["workload"]
                for field, value in case.get("workload", {}).items():
                    self.assertEqual(workload[field], value)
                for field, value in case.get("axis", {}).items():
                    self.assertEqual(q["axis"][field], value)
                for field in ("threads", "baselines", "contestants"):
                    self.assertEqual(q[field], case.get(field, q[field]))
                for field in ("name", "title"):
                    if field in case:
                        self.assertEqual(q["cells"][0][field], case[field])

    def test_bad(self):
        for case in CASES["bad"]:
            with self.subTest(case), tempfile.TemporaryDirectory() as folder:
                args = [f"--{name}={case[name]}" for name in ("ask", "sweep", "strategies") if name in case]
                err = io.StringIO()
                with contextlib.redirect_stderr(err):
                    code, _ = support.run_cli(pathlib.Path(folder), *args)
                self.assertEqual(code, 2)
                lines = err.getvalue().strip().splitlines()
                self.assertEqual(len(lines), 1, lines)
                self.assertRegex(lines[0], r"^experiments: .*[.?]$")
                self.assertIn(case["says"], lines[0])

    def test_there_are_fifty_of_them(self):
        self.assertGreaterEqual(len(CASES["bad"]), 50)
        self.assertGreaterEqual(len(CASES["good"]), 30)


class SameAsTheCatalogue(unittest.TestCase):
    """An asked cell and the entry of the catalogue give the same workload."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = pathlib.Path(folder.name) / "cells.json"

    def asked(self, held):
        self.file.write_text(json.dumps(held), encoding="utf-8")
        return ask.build(support.real_catalogue(), [str(self.file)], None, None, support.DESCRIBED).catalogue.questions

    def test_cells_pasted(self):
        for q in support.real_catalogue().questions:
            if q["kind"] != "cells":
                continue
            back = []
            for asked in self.asked({"title": q["title"], "threads": q["threads"], "cells": q["cells"]}):
                self.assertEqual(asked["title"], q["title"])
                self.assertEqual(asked["threads"], q["threads"])
                for cell in asked["cells"]:
                    regime = asked["regimes"][0]
                    self.assertIn(cell["name"], catalogue.cells_in(q, regime))
                    self.assertEqual(catalogue.resolve(asked, None, cell["name"], regime),
                                     catalogue.resolve(q, None, cell["name"], regime))
                back += asked["cells"]
            # And back: what was asked can stand in the catalogue.
            mine = [{k: v for k, v in c.items() if k not in ("only", "regimes")} for c in q["cells"]]
            by_name = operator.itemgetter("name")
            self.assertEqual(sorted(back, key=by_name), sorted(mine, key=by_name))

    def test_one_cell_a_list_and_a_bare_workload(self):
        cell = next(q for q in support.real_catalogue().questions if q["name"] == "standard_cells")["cells"][0]
        for held in (cell, [cell], cell["workload"], {"cells": [{**cell, "threads": ["1"]}]}):
            asked, = self.asked(held)
            self.assertEqual(asked["cells"][0]["workload"], cell["workload"])
        self.assertEqual(asked["threads"], ["1"])

    def test_the_short_form_of_every_workload(self):
        for q in support.real_catalogue().questions:
            for workload in catalogue.workloads(q):
                if "scenario" in workload:  # no tape, and so without a short form
                    continue
                read = fields.parse(fields.write(workload), "x").workload
                self.assertEqual({f: read[f] for f in workload}, workload)
                self.assertEqual(fields.parse(fields.write(read), "x").workload, read)

    def test_conditions_go_with_cells_and_not_with_sweeps(self):
        with self.assertRaisesRegex(UserError, "pages=small goes with a cell"):
            ask.build(support.real_catalogue(), ["mix=load:50,store:50 pages=small"], "mix.load=10..90", None, support.DESCRIBED)

    def test_calls_are_those_of_the_catalogue(self):
        found, = self.asked([{"ask": "mix=load:100", "call": "called"}, {"ask": "mix=store:100"},
                             {"ask": "mix=load:100 pages=huge call=inlined"}])
        self.assertEqual([conditions.of(found, c["name"]) for c in found["cells"]], [{"call": "called"}, {}, {"pages": "huge"}])
        for cell in ({"ask": "mix=load:100", "call": "shouted"}, {"ask": "mix=load:100 key=string", "call": "called"},
                     {"ask": "mix=load:100 key=string call=called"}):
            with self.assertRaisesRegex(UserError, "inlined or called"):
                self.asked([cell])

    def test_cells_of_other_regimes_are_questions_of_their_own(self):
        found = self.asked([{"ask": "mix=load:100"}, {"ask": "mix=store:100 regime=growth"}, {"ask": "mix=store:100"},
                            {"ask": "mix=store:100 threads=1"}])
        self.assertEqual([(q["name"], q["regimes"], q["threads"], len(q["cells"])) for q in found], [
            ("asked", ["stationary"], ["all"], 2), ("asked_2", ["growth"], ["all"], 1),
            ("asked_3", ["stationary"], ["1"], 1)])

    def test_files_that_are_none(self):
        for held, says in (({}, "a workload|mix|cells"), ([], "no cells"), ({"cells": []}, "no cells"),
                           ({"cells": [], "titel": 1}, "no cells"), ({"cells": [{}], "titel": 1}, "did you mean 'title'"),
                           ([{}], "either a workload or its short form"), ([{"ask": "mix=load:100", "workload": {}}], "one of them"),
                           ([3], "is no object"), ([{"ask": "mix=load:100", "nmae": "x"}], "did you mean 'name'"),
                           ([{"ask": "mix=load:100", "threads": "all"}], "no list of words"),
                           ([{"ask": "mix=load:100", "name": "a"}, {"ask": "mix=load:100", "name": "a"}], "two cells are named a")):
            if held == {}:
                continue  # a workload that lacks everything is the worker's to refuse
            with self.subTest(held), self.assertRaisesRegex(UserError, says):
                self.asked(held)
        self.file.write_text("{", encoding="utf-8")
        with self.assertRaisesRegex(UserError, "is not JSON"):
            ask.build(support.real_catalogue(), [str(self.file)], None, None, support.DESCRIBED)


class Runs(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.workspace = pathlib.Path(folder.name)

    def run_cli(self, *args, **kwargs):
        path = self.workspace / "catalogue.json"
        path.write_text(json.dumps(support.generated("catalogue.json")), encoding="utf-8")
        return support.run_cli(self.workspace, *args, catalogue_path=path, world=simulated.world("cores2"), **kwargs)

    def test_what_does_not_go_together(self):
        for args, says in ((("--ask", "mix=load:100", "--only", "skew"), "--only does not go with it"),
                           (("--ask", "mix=load:100", "--resume"), "--resume does not go with it"),
                           (("--ask", "mix=load:100", "--list"), "--list does not go with it"),
                           (("--sweep", "population=1..2"), "none is asked"),
                           (("--ask", "mix=load:100", "--ask", "mix=store:100", "--sweep", "population=1..2"), "ask one")):
            err = io.StringIO()
            with contextlib.redirect_stderr(err):
                code, _ = support.run_cli(self.workspace, *args)
            self.assertEqual(code, 2)
            self.assertIn(says, err.getvalue())

    def test_every_map_that_is_fit_is_ranked(self):
        code, said = self.run_cli("--ask", "mix=load:90,store:10 name=mine", "--threads", "2", "--budget", "5m")
        self.assertEqual(code, 0, said)
        self.assertIn("can decide at most", said)
        run = support.newest(self.workspace)
        meta = support.meta(run)
        q, = meta["questions"]
        self.assertTrue(q["ranked"])
        copying = {name for name in support.DESCRIBED if name.startswith(("snapshot_map", "generation_pointer_map"))}
        references = {name for name, traits in support.DESCRIBED.items() if not traits["returns_results"]}
        self.assertEqual(set(q["contestants"]), set(support.DESCRIBED) - copying - references - {"unsynchronised_map"})
        self.assertIn("every store copies", next(s["why"] for s in meta["skipped"] if s["contestant"] == "snapshot_map"))
        visits = [v for v in support.samples(run, "visit") if v["purpose"] != "aa"]
        self.assertEqual({v["workload"]["mix"]["load"] for v in visits}, {90})
        # The screen is against mutex_map; then everyone against cache_line_map, which the simulated maps have in front.
        leading = [v for v in visits if v["baseline"] == "cache_line_map"]
        self.assertGreater(len(leading), len(visits) / 2)
        met = {c for v in leading for c in v["contestants"][1:]}
        self.assertEqual(met, set(q["contestants"]) - {"cache_line_map"})
        self.assertIn("mutex_map against cache_line_map: slower", said)

    def test_an_interrupted_ranking_goes_on(self):
        self.run_cli("--ask", "mix=load:90,store:10 name=mine", "--threads", "2", "--budget", "40s")
        run = support.newest(self.workspace)
        before = len(support.samples(run, "visit"))
        code, said = self.run_cli("--resume", "--budget", "2m")
        self.assertEqual(code, 0, said)
        self.assertGreater(len(support.samples(run, "visit")), before)
        self.assertIn("against cache_line_map", said)

    def test_how_long_operations_wait(self):
        code, said = self.run_cli("--ask", "mix=load:90,store:10 arrivals=poisson", "--ask", "mix=load:50,store:50",
                                  "--threads", "2", "--strategies", "mutex_map,sync_map,sharded_map")
        self.assertEqual(code, 0, said)
        run = support.newest(self.workspace)
        ranked, waits = support.meta(run)["questions"]
        self.assertEqual((len(ranked["cells"]), len(waits["cells"])), (2, 1))
        self.assertNotIn("arrivals", ranked)
        self.assertEqual(waits["cells"][0], ranked["cells"][0])
        self.assertEqual(waits["contestants"], ["sync_map", "sharded_map"])
        # The simulated tails: sync_map's is shorter by exp(0.7), sharded_map's longer by exp(0.5).
        self.assertIn("asked_arrivals (cell_1, 2 threads, p99): sync_map against mutex_map: faster", said)
        self.assertIn("asked_arrivals (cell_1, 2 threads, p99): sharded_map against mutex_map: slower", said)
        code, said = self.run_cli("--resume", "--budget", "20s")
        self.assertEqual(code, 0, said)

    def test_a_recording_is_played(self):
        trace = self.workspace / "t.cmaptrc"
        trace.write_bytes(b"CMAPTRC1 and operations")
        cells = self.workspace / "cells.json"
        cells.write_text(json.dumps([{"ask": "keys=krr:0.9:shared mix=load:90,store:10 regime=growth ops=1000", "name": "replayed",
                                      "recording": str(trace)}]), encoding="utf-8")
        world, requests = simulated.world("cores2"), []

        def make_visit(command, request, **more):
            requests.append(request)
            return world.make_visit(command, request, **more)

        def run(*args):
            return support.run_cli(self.workspace, *args, world=dataclasses.replace(world, make_visit=make_visit))

        code, said = run("--ask", str(cells), "--threads", "1", "--budget", "40s", "--strategies", "mutex_map,sync_map")
        self.assertEqual(code, 0, said)
        self.assertTrue(requests)
        self.assertEqual({r["recording"] for r in requests}, {str(trace)})
        cell = support.meta(support.newest(self.workspace))["questions"][0]["cells"][0]
        self.assertEqual(cell["recording"]["sha256"], hashlib.sha256(trace.read_bytes()).hexdigest())
        self.assertEqual(run("--resume", "--budget", "10s")[0], 0)
        trace.write_bytes(b"CMAPTRC1 and others")
        err = io.StringIO()
        with contextlib.redirect_stderr(err):
            self.assertEqual(run("--resume", "--budget", "10s")[0], 2)
        self.assertIn("has changed since the run began", err.getvalue())

    def test_a_recording_comes_at_its_own_times(self):
        trace, world, requests = self.workspace / "t.cmaptrc", simulated.world("cores2"), []
        trace.write_bytes(b"CMAPTRC1 and times")
        cells = self.workspace / "cells.json"
        cells.write_text(json.dumps([{"ask": "keys=krr:0.9:shared mix=load:90,store:10 regime=growth ops=1000 arrivals=recorded",
                                      "recording": str(trace)}]), encoding="utf-8")

        def make_visit(command, request, **more):
            requests.append(request)
            return world.make_visit(command, request, **more)

        code, said = support.run_cli(self.workspace, "--ask", str(cells), "--threads", "1", "--strategies",
                                     "mutex_map,sync_map,sharded_map", world=dataclasses.replace(world, make_visit=make_visit))
        self.assertEqual(code, 0, said)
        self.assertIn("asked_arrivals (cell_1, growth, 1 thread, p99): sync_map against mutex_map: faster", said)
        self.assertIn("asked_arrivals (cell_1, growth, 1 thread, p99): sharded_map against mutex_map: slower", said)
        self.assertEqual({r["recording"] for r in requests if r["workload"]["regime"] == "growth"}, {str(trace)})
        came = [r for r in requests if "arrivals" in r]
        self.assertEqual({json.dumps(r["arrivals"]) for r in came}, {json.dumps({"course": "recorded", "most_ms": 1500})})
        self.assertTrue(all("null" in r["contestants"] for r in came))
        self.assertLess(len(came), len(requests))  # the throughput of its order is measured as well
        self.assertGreater(session.timeout(came[0]), 3 * 1.5 * len(came[0]["contestants"]))

    def test_the_other_architecture_plays_a_recording_too(self):
        trace, cells = self.workspace / "t.cmaptrc", self.workspace / "cells.json"
        trace.write_bytes(b"CMAPTRC1")
        cells.write_text(json.dumps([{"ask": "keys=krr:0.9 mix=load_or_store:100 regime=growth", "recording": str(trace)}]))
        asked = ask.build(support.real_catalogue(), [str(cells)], None, None, support.DESCRIBED).catalogue
        smoke = catalogue.narrow(asked, "smoke", only=None, strategies=None, threads=None, machine=support.TWO_CORES,
                                 described=support.DESCRIBED)
        made = validate.requests(smoke, smoke.questions, support.TWO_CORES, support.DESCRIBED)
        self.assertTrue(made)
        self.assertEqual({request["recording"] for _, request in made}, {str(trace)})

    def test_recordings_that_are_none(self):
        good, text = self.workspace / "good", self.workspace / "text"
        good.write_bytes(b"CMAPTRC1")
        text.write_text("get a")
        growth = "keys=krr:0.9 mix=load_or_store:100 regime=growth"
        for ask_text, recording, says in ((growth, str(text), "is no compact trace"), (growth, "absent", "cannot be read"),
                                          (growth, 3, "give the path of a compact trace"), ("mix=load:100", str(good), "starts from an empty map"),
                                          (growth.replace("growth", "fixed_distinct"), str(good), "starts from an empty map")):
            (self.workspace / "cells.json").write_text(json.dumps([{"ask": ask_text, "recording": recording}]))
            with self.assertRaisesRegex(UserError, says):
                ask.build(support.real_catalogue(), [str(self.workspace / "cells.json")], None, None, support.DESCRIBED)
        with self.assertRaisesRegex(UserError, "the cell cell_1 has arrivals=recorded and no recording whose times these are"):
            build({"ask": f"{growth} arrivals=recorded"})
        (self.workspace / "cells.json").write_text(json.dumps([{"ask": growth, "recording": str(good)}]))
        with self.assertRaisesRegex(UserError, "--sweep can vary nothing"):
            ask.build(support.real_catalogue(), [str(self.workspace / "cells.json")], "keys.reuse=0..0.9", None, support.DESCRIBED)

    def test_a_few_maps_wait_unless_others_are_named(self):
        waits = build({"ask": "mix=load:90,store:10 arrivals=poisson"}).catalogue.questions[1]
        self.assertEqual(waits["contestants"], support.real_catalogue().ask["under_arrivals"])
        self.assertLess(len(waits["contestants"]), 10)

    def test_a_sweep_finds_the_crossover(self):
        code, said = self.run_cli("--ask", "mix=load:90,store:10", "--sweep", "mix.load=50..100", "--strategies",
                                  "mutex_map,sync_map", "--threads", "1")
        self.assertEqual(code, 0, said)
        self.assertRegex(said, r"sync_map against mutex_map: crossover (79|80)")
        for v in support.samples(support.newest(self.workspace), "visit"):
            self.assertAlmostEqual(sum(v["workload"]["mix"].values()), 100)

    def test_the_rest_in_proportion(self):
        q = build({"ask": "mix=load:80,store:15,delete:5", "sweep": "mix.load=0..100"}).catalogue.questions[0]
        self.assertEqual(catalogue.resolve(q, 60, None, "stationary")["mix"], {"load": 60, "store": 30, "delete": 10})
        self.assertEqual(catalogue.resolve(q, 100, None, "stationary")["mix"], {"load": 100})
        self.assertEqual(catalogue.resolve(q, 0, None, "stationary")["mix"], {"store": 75, "delete": 25})

    def test_ranges(self):
        for span, discrete, values in (("0..5", True, [0, 1, 2, 4, 5]), ("1..8", True, [1, 2, 4, 8]), ("3..4", True, [3, 4]),
                                       ("1,3", True, [1, 3]), ("0..12", False, [0, 2, 4, 6, 8, 10, 12])):
            self.assertEqual(ask._range("x", span, 0, 64, "linear", True, discrete), values)  # pylint: disable=protected-access

    def test_the_small_form_for_an_emulator(self):
        for text, smoke in (("mix=load:90,store:10 population=5k", {"population": ask.SMALL}),
                            ("mix=load:90,store:10 population=300", {"population": 300}),
                            ("mix=store:100 regime=growth ops=5k keys=sequential_new", {"ops": ask.SMALL})):
            self.assertEqual(build({"ask": text}).catalogue.questions[0]["profiles"]["smoke"], smoke)

    def test_on_the_other_architecture(self):
        code, said = self.run_cli("--ask", "mix=load:90,store:10 population=1M", "--arch", "cross", "--budget", "60s",
                                  cross=True)
        self.assertEqual(code, 0, said)
        visits = support.samples(support.newest(self.workspace), "visit")
        self.assertTrue(visits)
        self.assertEqual({(v["question"], v["workload"]["population"], v["timed"]) for v in visits},
                         {("asked", ask.SMALL, False)})

    def test_larger_values_go_to_the_wide_worker(self):
        log = self.workspace / "log"
        with mock.patch.dict("os.environ", {"FAKE_WORKER": json.dumps({"log": str(log)})}):
            code, said = support.run_cli(self.workspace, "--ask", "mix=load:90,store:10 value=inline:256", "--threads", "1",
                                         "--budget", "12s")
        self.assertEqual(code, 0, said)
        meta = support.meta(support.newest(self.workspace))
        self.assertEqual(set(meta["questions"][0]["contestants"]), set(fake_worker.WIDE))
        self.assertIn("it is compiled for 64-bit values and mixed keys under the study's hash only, not for inline values of 256 bytes",
                      [s["why"] for s in meta["skipped"] if s["contestant"] == "hash_trie_map"])
        worker, = meta["workers"].values()
        self.assertEqual(len(worker["wide"]), 1)
        requests = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
        self.assertTrue(requests)
        self.assertEqual({r["wide"] for r in requests}, {True})
        # And the same run is gone on with by the same programs.
        code, said = support.run_cli(self.workspace, "--resume", "--budget", "2s")
        self.assertEqual(code, 0, said)

    def test_words_stay_with_the_worker(self):
        worker = session.Worker("x86_64", [["narrow"], ["narrow_2"]], True, fake_worker.describe("x86_64"))
        words = fields.parse("mix=load:100 miss=20 start=as_filled key=string", "x").workload
        wide = [fields.parse(f"mix=load:100 {more}", "x").workload for more in (
            "value=64", "value=inline:64", "hash=std", "layout=strided")]
        self.assertEqual([worker.command(w, 2) for w in [words, *wide]], [["narrow_2"]] * 5)  # there is no other
        worker.widen([["wide"], ["wide_2"]], fake_worker.describe("x86_64", wide=True))
        self.assertEqual(worker.command(words, 2), ["narrow_2"])
        self.assertEqual([worker.command(w, 1) for w in wide], [["wide"]] * 4)
        self.assertIn("u64>inline256#mixed", worker.strategies()["sync_map"]["types"])
        self.assertNotIn("u64>inline256#mixed", worker.strategies()["rw_mutex_map"]["types"])

    def test_types_that_nobody_takes(self):
        err = io.StringIO()
        with contextlib.redirect_stderr(err):
            code, _ = support.run_cli(self.workspace, "--ask", "mix=load:100 value=inline:64 hash=fnv1a")
        self.assertEqual(code, 2)
        self.assertIn("for inline values of 64 bytes with the hash fnv1a", err.getvalue())

    def test_list(self):
        _, said = support.run_cli(self.workspace, "--list")
        for field in [*fields.FIELDS, *fields.OTHERS]:
            self.assertRegex(said, rf"\n  {field} ")
        self.assertIn("1 to 268435456", said)


if __name__ == "__main__":
    unittest.main()
