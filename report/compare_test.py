# SPDX-License-Identifier: Apache-2.0
"""Several runs held against one another: equal ones, ones with known differences, ones of other machines."""

import contextlib
import io
import json
import math
import os
import pathlib
import re
import tempfile
import unittest

from report import capsule, compare, load, main
from report.compare import compared, taken
from report.paper_test import Page
from report.stats import between
from report.testdata import arrivals, make_testdata

LAPTOP = {"environment": {"cpu": "Other processor", "cores": 8, "topology": {
    "cores": 8, "hardware_threads": 16, "last_level_caches": ["0-3", "4-7"]}}}
OTHER_WORKER = {"workers": {"x86_64": {"layouts": ["ee" * 32]}}}
SHIFT = -0.6  # of sync_map in the standard cells: enough to turn a winner round


class Made(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.root = pathlib.Path(folder.name)
        cls._taken = {}

    def run_dir(self, name, seed, variant="cells", **how):
        """A synthetic run, made once."""
        path = self.root / name
        if not path.exists():
            make_testdata.make(path, variant, seed, **{**how, "changes": {
                "run": f"202601{10 + seed}T100000Z", "started": f"2026-01-{10 + seed}T10:00:00Z",
                **how.get("changes", {})}})
        return path

    def equal(self, count=2):
        return [self.run_dir(f"equal_{seed}", seed) for seed in range(1, count + 1)]

    def taken(self, count):
        """Equal runs as a comparison keeps them, read once."""
        for letter, path in zip("ABCDEFGH", self.equal(count)):
            if path not in self._taken:
                self._taken[path] = compare.taken.take(load.load(path), letter)
        return list(self._taken.values())[:count]

    def moved(self):
        """Of another machine, worker and effect of one map."""
        return self.run_dir("moved", 7, shifts={("standard_cells", "sync_map"): SHIFT}, changes={**LAPTOP, **OTHER_WORKER})

    def compare(self, *paths):
        found = compare.read(list(paths))
        files = compare.write(found)
        return found, json.loads(files["compare.json"]), files["index.html"]


class EqualRunsTest(Made):

    def test_nothing_differs(self):
        _, data, page = self.compare(*self.equal())
        self.assertEqual(data["totals"]["differs"], 0)
        self.assertEqual(data["totals"]["other_winner"], 0)
        self.assertEqual(data["totals"]["places"], 30)  # 9 cells, 7 values of 3 curves
        self.assertGreater(data["totals"]["agrees"], 5)
        self.assertIn("No effect differs beyond delta and both intervals", page)
        self.assertIn("repeat one another", page)
        self.assertEqual(data["same_worker_and_machine"], [["A", "B"]])
        self.assertEqual(data["not_compared"], [])

    def test_false_alarms_over_whole_runs(self):
        """Every two of eight equal runs: no place of them may differ, and the rest must not all be undecided."""
        places = agree = 0
        runs = self.taken(8)
        for i, first in enumerate(runs):
            for second in runs[i + 1:]:
                found = compare.compared.compare([first, second])
                self.assertEqual(found.counts["differs"], 0)
                self.assertFalse(any(r.outcome == "contradictory" for r in found.verdicts))
                places, agree = places + len(found.places), agree + found.counts["agrees"]
        self.assertEqual(places, 28 * 30)
        self.assertGreater(agree / places, 0.4)

    def test_differences_have_intervals_that_hold_the_truth(self):
        held = total = 0
        for first, second in zip(self.taken(8), self.taken(8)[1:]):
            for place in compare.compared.as_data(compare.compared.compare([first, second]))["places"]:
                total += 1
                held += place["difference"]["low"] <= 1 <= place["difference"]["high"]
        self.assertGreater(held / total, 0.9)
        self.assertLess(held / total, 1.0)

    def test_spread_between_runs_that_was_put_in(self):
        runs = [self.run_dir(f"spread_{seed}", seed, run_sd=0.02) for seed in (1, 2, 3, 4)]
        _, data, page = self.compare(*runs)
        rows = {row["threads"]: row for row in data["spread"] if row["of"] == "repeats"}
        # Both maps of a pair move by 2 % each in a cell; a curve moves as a whole.
        truth = 0.02 * math.sqrt(2)
        self.assertGreater(rows[1]["between"], truth / 3)
        self.assertLess(rows[1]["between"], 2 * truth)
        self.assertLess(rows[2]["low"], truth)
        self.assertGreater(rows[2]["high"], truth)
        self.assertIn("move an effect, with 1 thread, by a standard deviation of", page)
        for place in data["places"]:
            self.assertLessEqual(place["between_low"], place["between"])
            self.assertLessEqual(place["between"], place["between_high"])
            self.assertEqual(place["together"][0]["runs"], ["A", "B", "C", "D"])
        self.assertIn("ABCD together", page)

    def test_eight_runs_are_readable(self):
        _, data, page = self.compare(*self.equal(8))
        self.assertEqual([r["letter"] for r in data["runs"]], list("ABCDEFGH"))
        self.assertLess(len(page), 1_500_000)
        self.assertEqual(data["totals"]["differs"], 0)


class DifferentRunsTest(Made):

    def test_known_differences_are_found_and_nothing_else(self):
        _, data, page = self.compare(self.equal()[0], self.moved())
        differs = {(p["experiment"], p["a"], p["cell"]) for p in data["places"] if p["word"] == "differs"}
        self.assertEqual(differs, {("standard_cells", "sync_map", c)
                                   for c in ("uniform_read", "hot_mix", "session_cache")})
        for place in data["places"]:
            if place["word"] == "differs":
                self.assertAlmostEqual(math.log(place["difference"]["ratio"]), SHIFT, delta=0.05)
                self.assertLess(math.log(place["difference"]["low"]), SHIFT)
                self.assertGreater(math.log(place["difference"]["high"]), SHIFT)
                self.assertEqual((place["difference"]["from"], place["difference"]["of"]), ("A", "B"))
                self.assertEqual(set(place["effects"]), {"A", "B"})
        turned = {(p["a"], p["cell"]) for p in data["places"] if p["other_winner"]}
        self.assertEqual(turned, {("sync_map", "session_cache")})  # 1.55 times as fast, and 0.85 times
        abstract = page[page.index('id="abstract"'):page.index('id="reading"')]
        self.assertIn("they name another winner", abstract)
        self.assertIn("Session cache, 97:3, 2 threads: <code>sync_map</code> runs at 1.5", abstract)

    def test_machines_stand_side_by_side(self):
        _, data, page = self.compare(self.equal()[0], self.moved())
        self.assertEqual(data["same_worker_and_machine"], [["A"], ["B"]])
        self.assertEqual([r["machine"]["cores"] for r in data["runs"]], ["2", "8"])
        self.assertIn("different workers (by the hashes of their binaries): their effects are compared, never pooled", page)
        self.assertIn("The machines differ in processor, cores, hardware threads and last-level caches: "
                      "A: Simulated processor, 2 cores", page)
        machines = page[page.index('id="machines"'):page.index('id="overview"')]
        self.assertEqual(re.findall(r'differing"><th scope="row">([^<]+)<', machines)[:4],
                         ["Processor", "Cores", "Hardware threads", "Last-level caches"])

    def test_runs_of_different_workers_are_never_pooled(self):
        runs = [*self.equal(2), self.moved()]
        _, data, _ = self.compare(*runs)
        self.assertTrue(all(p["together"] == [] for p in data["places"]))
        self.assertEqual({row["of"] for row in data["spread"]}, {"repeats", "all"})
        _, data, _ = self.compare(*self.equal(3), self.moved())
        self.assertEqual({tuple(t["runs"]) for p in data["places"] for t in p["together"]}, {("A", "B", "C")})

    def test_the_order_of_runs_turns_differences_round(self):
        first, second = self.equal()[0], self.moved()
        there, back = (self.compare(*pair)[1]["places"] for pair in ((first, second), (second, first)))
        key = lambda p: (p["experiment"], p["cell"] or "", p["axis"] or 0, p["a"])  # noqa: E731
        for x, y in zip(sorted(there, key=key), sorted(back, key=key)):
            self.assertEqual(x["word"], y["word"])
            self.assertAlmostEqual(x["difference"]["ratio"] * y["difference"]["ratio"], 1, places=4)

    def test_what_cannot_be_compared_is_said_with_its_reason(self):
        def changed(name, seed, change):
            path = self.run_dir(name, seed)
            meta = json.loads((path / "run.json").read_text())
            change(meta)
            (path / "run.json").write_text(json.dumps(meta))
            return path

        def redefine(meta):
            meta["questions"][1]["cells"][0]["workload"]["population"] = 7

        def drop(meta):
            meta["questions"] = meta["questions"][1:]
            meta["not_asked"] = [{"question": "key_count", "why": "it was left out"}]

        def withhold(meta):
            meta["withheld"] = [{"contestant": "sync_map", "what": "lies"}]

        def coarser(meta):
            meta["rules"]["delta"]["2"] = 0.1

        first = self.equal()[0]
        for name, seed, change, question, why, places in (
                ("redefined", 21, redefine, "standard_cells", "its workload is defined otherwise than in A", 3),
                ("dropped", 22, drop, "key_count", "the question was not asked (it was left out)", 21),
                ("withheld", 23, withhold, "standard_cells", "sync_map gave wrong results and is withheld", 3)):
            _, data, page = self.compare(first, changed(name, seed, change))
            self.assertIn({"question": question, "letters": ["B"], "why": why, "places": places}, data["not_compared"])
            if name == "redefined":  # the reason is said once
                self.assertEqual([r["why"] for r in data["not_compared"] if r["question"] == question], [why])
            self.assertIn(why.replace("sync_map", "<code>sync_map</code>"), page)
        _, data, page = self.compare(first, changed("coarser", 24, coarser))
        self.assertIn("different deltas at 2 threads; the largest is used", page)
        self.assertEqual({p["delta"] for p in data["places"] if p["threads"] == 2}, {0.1})

    def test_other_numbers_of_threads_are_other_places(self):
        many = self.run_dir("many", 9, "threads")
        _, data, page = self.compare(self.equal()[0], many)
        self.assertEqual({p["threads"] for p in data["places"]}, {2})
        rows = {(r["question"], tuple(r["letters"])): r["why"] for r in data["not_compared"]}
        self.assertEqual(rows["key_count", ("B",)], "the question was not asked")
        self.assertIn("nothing was measured with 128 threads", page)

    def test_runs_without_a_place_in_common(self):
        empty = self.run_dir("empty", 8, "empty")
        _, data, page = self.compare(self.equal()[0], empty)
        self.assertEqual(data["totals"]["places"], 0)
        self.assertIn("no place in common", page)
        self.assertIn("no usable visit", page)

    def test_verdicts_of_full_runs(self):
        shift = {("reuse_threshold", "sync_map"): 0.15}
        runs = [self.run_dir("full_1", 1, "full"), self.run_dir("full_2", 2, "full", shifts=shift)]
        _, data, page = self.compare(*runs)
        moved = [v for v in data["verdicts"] if v["section"] == "crossovers" and v["outcome"] == "contradictory"]
        self.assertEqual({v["a"] for v in moved}, {"sync_map"})
        self.assertTrue(moved[0]["verdicts"]["A"]["low"] > moved[0]["verdicts"]["B"]["high"])
        self.assertIn("<h3>Contradictory</h3>", page)
        self.assertEqual({p["a"] for p in data["places"] if p["word"] == "differs"}, {"sync_map"})


class WhyTest(unittest.TestCase):
    """Why a run has nothing for a place that another has, of runs made up for each reason."""

    def why(self, key, places, **meta):
        meta = {"questions": [{"name": "q"}], "not_asked": [], "withheld": [], "skipped": [], **meta}
        run = taken.Taken("B", meta, "x86_64", (), [], 1, dict.fromkeys(places), {}, {}, {})
        return compared._why(run, run.places, key)  # pylint: disable=protected-access

    def test_reasons(self):
        key = taken.Key("q", "one", None, "stationary", 2, "a", "b")
        at = key._replace(cell=None, value=0.5, threads=0)  # along an axis of threads a place has no number of them
        other = key._replace(cell="two")
        for wanted, places, meta, why in (
                (key, [other], {"questions": []}, "the question was not asked"),
                (key, [other], {"questions": [], "not_asked": [{"question": "p", "why": "no"}, {"question": "q", "why": "left out"}]},
                 "the question was not asked (left out)"),
                (key, [other], {"withheld": [{"contestant": "c", "what": ""}, {"contestant": "b", "what": "lies"}]},
                 "b gave wrong results and is withheld"),
                (key, [other._replace(threads=1)], {}, "nothing was measured with 2 threads"),
                (key._replace(threads=1), [other], {}, "nothing was measured with 1 thread"),
                (key, [other._replace(a="c")], {}, "a did not take part"),
                (key, [other._replace(b="c")], {"skipped": [{"question": "p", "contestant": "b", "why": "no"},
                                                            {"question": "q", "contestant": "b", "why": "it may evict keys"}]},
                 "b did not take part (it may evict keys)"),
                (key, [other._replace(regime="fixed_distinct")], {}, "nothing was measured in the regime stationary"),
                (key, [other], {}, "no usable visit"),
                (key, [], {}, "no usable visit"),
                (key, [other._replace(question="p", threads=1)], {}, "no usable visit"),
                (at, [at._replace(value=0.6)], {}, "other values of the axis were visited"),
                (at, [at._replace(value=0.5, a="b", b="a")], {}, "no usable visit"),
                (at, [], {}, "no usable visit")):
            with self.subTest(why, wanted=wanted):
                self.assertEqual(self.why(wanted, places, **meta), why)


class TailsTest(Made):
    """Runs whose maps have known tails; those of two maps between visits of one run move by 11 % against one another."""

    TAILS = {"mutex_map": 800.0, "sync_map": 700.0, "sharded_map": 500.0}
    FILLS = {"mutex_map": 4e7, "sharded_map": 2e6}

    def waiting(self, name, seed, tails=None, fills=None, variant="cells", **how):
        path = self.root / name
        if not path.exists():
            self.run_dir(name, seed, variant)
            arrivals.add(path, tails or self.TAILS, visits=30, seed=seed, fills=fills or self.FILLS, **how)
        return path

    @staticmethod
    def words(data, word):
        return {(p["experiment"], p["a"], p["metric"]) for p in data["tails"] if p["word"] == word}

    def test_equal_runs(self):
        runs = [compare.taken.take(load.load(self.waiting(f"tails_{seed}", seed)), "ABCDEF"[seed - 1]) for seed in range(1, 7)]
        count = {word: 0 for word in between.WORDS}
        for i, first in enumerate(runs):
            for second in runs[i + 1:]:
                found = compare.compared.compare([first, second])
                # p99, p99.9 and the longest response of two pairs; the longest store and two percentiles of one.
                self.assertEqual(len(found.tails), 9)
                for p in found.tails + found.waits:
                    self.assertNotEqual(p.word, "differs", p.key)
                    count[p.word] += 1
        self.assertGreater(count["agrees"], 2 * count["undecided"])

    def test_a_tail_that_was_moved_and_no_other(self):
        moved = self.waiting("tails_moved", 7, {**self.TAILS, "sync_map": 1200.0}, {**self.FILLS, "sharded_map": 2e7})
        _, data, page = self.compare(self.waiting("tails_1", 1), moved)
        self.assertEqual(self.words(data, "differs"), {
            *(("orders", "sync_map", metric) for metric in ("p99", "p99.9", "longest")),
            *(("stalls", "sharded_map", metric) for metric in ("longest_store", "p99", "p99.9"))})
        tail = next(p for p in data["tails"] if (p["a"], p["metric"]) == ("sync_map", "p99"))
        self.assertTrue(tail["other_winner"])  # 1.14 times as short as mutex_map's, and 0.67 times
        self.assertAlmostEqual(tail["effects"]["A"]["ratio"], 800 / 700, delta=0.08)
        self.assertAlmostEqual(tail["difference"]["ratio"], 700 / 1200, delta=0.05)
        self.assertLess(tail["difference"]["low"], 700 / 1200)
        self.assertGreater(tail["difference"]["high"], 700 / 1200)
        self.assertEqual(data["tail_totals"]["places"], 9)
        self.assertEqual(data["totals"]["places"], 32)  # the speeds under arrivals are places as others
        waits = {(w["contestant"], w["metric"]): w for w in data["response_times"] if w["experiment"] == "orders"}
        self.assertEqual({k for k, w in waits.items() if w["word"] == "differs"}, {
            ("sync_map", metric) for metric in ("p99", "p99.9", "longest")})
        self.assertAlmostEqual(waits["sync_map", "p99.9"]["values"]["B"]["value"], 3600, delta=200)
        self.assertEqual(waits["mutex_map", "load"]["values"]["A"]["value"], 5e5)
        abstract = page[page.index('id="abstract"'):page.index('id="reading"')]
        self.assertRegex(abstract, r"Of 9 ratios of the tails of two maps under arrivals, \d agrees?, 6 differ and")
        self.assertRegex(abstract, r"The orders, 2 threads: the p99 of <code>sync_map</code> is 1.1\d+× \(1.\d+ to 1.\d+\) as short as "
                         "<code>mutex_map</code>’s in A and 0.6")
        self.assertIn("they name another winner", abstract)

    def test_a_slower_machine_keeps_the_ratios(self):
        slow = self.waiting("tails_slow", 8, {name: 2 * tail for name, tail in self.TAILS.items()}, {n: 2 * t for n, t in self.FILLS.items()})
        _, data, _ = self.compare(self.waiting("tails_1", 1), slow)
        self.assertEqual(self.words(data, "differs"), set())
        differs = {w["contestant"] for w in data["response_times"] if w["word"] == "differs" and w["metric"] == "p99"}
        self.assertEqual(differs, set(self.TAILS))  # and not the map that does nothing
        self.assertNotIn("differs", {w["word"] for w in data["response_times"] if w["metric"] == "load"})

    def test_a_pair_the_other_way_round(self):
        turned = self.waiting("tails_turned", 9, {n: self.TAILS[n] for n in ("sync_map", "mutex_map", "sharded_map")})
        _, data, _ = self.compare(self.waiting("tails_1", 1), turned)
        both, = [p for p in data["tails"] if p["metric"] == "p99" and {p["a"], p["b"]} == {"sync_map", "mutex_map"}]
        self.assertAlmostEqual(both["effects"]["B"]["ratio"], 800 / 700, delta=0.08)

    def test_what_cannot_be_compared(self):
        other = self.waiting("tails_rate", 10)
        meta = json.loads((other / "run.json").read_text())
        meta["questions"][-1]["arrivals"]["rate"] = 2e6
        (other / "run.json").write_text(json.dumps(meta))
        few = self.waiting("tails_few", 11, operations=20_000)
        plain = self.equal()[0]
        first = self.waiting("tails_1", 1)
        for run, question, why in (
                (other, "stalls", "its workload is defined otherwise than in A"), (plain, "orders", "the question was not asked"),
                (few, "orders", "a map was saturated, or too few operations were timed to tell the tail")):
            _, data, _ = self.compare(first, run)
            self.assertIn((question, why), {(row["question"], row["why"]) for row in data["not_compared"]})
        self.assertEqual({p["metric"] for p in self.compare(first, few)[1]["tails"]}, {"p99", "longest", "longest_store", "p99.9"})

    def test_capsules_and_three_runs(self):
        packed = self.root / "tails.capsule"
        capsule.write(self.waiting("tails_2", 2), packed)
        folders = [self.waiting(f"tails_{seed}", seed) for seed in (1, 2, 3)]
        _, data, page = self.compare(folders[0], packed, folders[2])
        self.assertEqual(page, self.compare(*folders)[2])
        self.assertEqual({tuple(t["runs"]) for p in data["tails"] for t in p["together"]}, {("A", "B", "C")})
        self.assertEqual({row["what"] for row in data["spread"]}, {"speed", "tail"})
        self.assertIn("Response times where all maps met the same arrivals", page)


class PageTest(Made):

    def with_arrivals(self, name, seed):
        arrivals.add(self.run_dir(name, seed, "empty"), TailsTest.TAILS, seed=seed, fills=TailsTest.FILLS)
        return self.root / name

    def check(self, text):
        page = Page(text)
        self.assertEqual((page.problems, page.stack, page.loads), ([], [], []))
        self.assertEqual(len(page.ids), len(set(page.ids)))
        for link in page.links:
            self.assertTrue(link.startswith("data:") or link[1:] in page.ids, link)
        for word in (r"\bnan\b", r"\bNone\b", r"\binf\b", "Undefined", r"\{\{", r"\bTrue\b", r"\bFalse\b"):
            self.assertIsNone(re.search(word, " ".join(page.text)), word)
        for url in re.findall(r'https?://[^"\'<> ]+', text):
            self.assertTrue(url.startswith("http://www.w3.org/"), url)

    def test_pages_are_well_formed_and_deterministic(self):
        for paths in (self.equal(), [*self.equal(3), self.moved()], [self.equal()[0], self.run_dir("empty", 8, "empty")],
                      [self.run_dir("part", 5, "partial"), self.run_dir("part2", 6, "partial")],
                      [self.with_arrivals("arrivals_1", 1), self.with_arrivals("arrivals_2", 2)]):
            _, _, page = self.compare(*paths)
            self.check(page)
            self.assertEqual(self.compare(*paths)[2], page)
            self.assertIn("prefers-color-scheme: dark", page)

    def test_markup_in_names_is_text(self):
        evil = "<script>alert(1)</script>"
        path = self.run_dir("evil", 31, changes={**OTHER_WORKER, "command": evil, "profile": evil, "environment": {
            "cpu": evil, "kernel": "\"'><img src=x onerror=alert(1)>"}})
        for name in ("run.json", "samples.jsonl"):
            text = (path / name).read_text()
            (path / name).write_text(text.replace("hash_trie_map", "<b>trie"))
        other = self.run_dir("evil2", 32)
        for name in ("run.json", "samples.jsonl"):
            text = (other / name).read_text()
            (other / name).write_text(text.replace("hash_trie_map", "<b>trie"))
        _, data, page = self.compare(path, other)
        self.assertIn("<b>trie", {p["a"] for p in data["places"]})
        self.check(page)
        for word in (evil, "<b>trie", "<img"):
            self.assertNotIn(word, page)
        self.assertIn("&lt;b&gt;trie", page)

    def test_the_page_embeds_its_data(self):
        import base64  # pylint: disable=import-outside-toplevel
        found = compare.read(self.equal())
        files = compare.write(found)
        embedded = re.search(r'data:application/json;base64,([^"]+)" download="compare.json"', files["index.html"])
        self.assertEqual(base64.b64decode(embedded.group(1)).decode(), files["compare.json"])


class CommandTest(Made):

    def command(self, *args):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main.main([str(a) for a in args])
        return code, out.getvalue(), err.getvalue()

    def test_folders_and_capsules_say_the_same(self):
        first, second = self.equal()
        packed = self.root / "packed.capsule"
        capsule.write(second, packed)
        pages = []
        for other in (second, packed):
            code, out, _ = self.command("--compare", first, other, "--out", self.root / "page")
            self.assertEqual(code, 0)
            self.assertTrue(out.startswith(f"{self.root / 'page/index.html'}\nOf 30 places"))
            pages.append((self.root / "page/index.html").read_bytes())
        self.assertEqual(*pages)
        self.assertEqual(sorted(os.listdir(self.root / "page")), ["compare.json", "index.html"])

    def test_the_page_has_a_place_of_its_own(self):
        first, second = self.equal()
        code, out, _ = self.command("--compare", first, second)
        self.assertEqual(code, 0)
        self.assertTrue((self.root / "compare-equal_1-equal_2/index.html").exists(), out)

    def test_bad_input_is_one_sentence(self):
        first, second = self.equal()
        packed = self.root / "same.capsule"
        capsule.write(first, packed)
        before = sorted(os.listdir(self.root))
        for args, sentence in (
                (("--compare", first), "1 run cannot be compared; name 2 to 26"),
                (("--compare", *[first] * 27), "27 runs cannot be compared; name 2 to 26"),
                (("--compare", first, first), "are the same run, which can only agree with itself; name each run once"),
                (("--compare", first, packed), "are the same run"),
                (("--compare", first, self.root / "none"), "is not a results directory"),
                (("--compare", first, self.root), "has no run.json"),
                (("--compare", first, second, "--capsule", "x"), "are different commands; give one of them"),
                ((first, "--compare", second, second), "stands before --compare; name all runs after it"),
                ((first, "--out", "x"), "--out belongs to --compare"),
                ((), "no run is named"),
                (("--compare", first, second, "--out", first / "run.json"), "cannot be written")):
            with self.subTest(sentence):
                code, out, err = self.command(*args)
                self.assertEqual((code, out), (2, ""))
                self.assertIn(sentence, err)
                self.assertEqual(err.count("\n"), 1, err)
        self.assertEqual(sorted(os.listdir(self.root)), before)

    def test_help_teaches(self):
        text = main._parser().format_help()  # pylint: disable=protected-access
        for word in ("--compare results/latest monday.capsule", "--capsule monday.capsule", "compare.json"):
            self.assertIn(word, text)


if __name__ == "__main__":
    unittest.main()
