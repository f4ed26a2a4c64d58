# SPDX-License-Identifier: Apache-2.0
"""The whole report on synthetic runs whose answers are known.

Golden conclusions: testdata/verdicts.golden.json. After an intended change,
`UPDATE_GOLDEN=1 python3 -m report.paper_test` writes it anew; read the diff.
"""

import html.parser
import json
import math
import os
import pathlib
import re
import tempfile
import unittest

import jinja2

from report import analyse, load, main, render
from report.testdata import effects, make_testdata

GOLDEN = pathlib.Path(__file__).parent / "testdata/verdicts.golden.json"
VOID = {"meta", "br", "wbr", "hr", "img", "input", "link", "col"}
SVG_VOID = {"path", "use", "rect", "circle"}


class Page(html.parser.HTMLParser):
    """Collects ids, links and text; fails on tags that do not nest."""

    def __init__(self, text: str):
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.text: list[str] = []
        self.stack: list[str] = []
        self.problems: list[str] = []
        self._quiet = 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self._attributes(attrs, tag)
        if tag in VOID:
            return
        if self.stack and self.stack[-1] == "p" and tag in (
                "p", "div", "aside", "table", "figure", "ul", "ol", "h2"):
            self.problems.append(f"<{tag}> inside <p> at {self.getpos()}")
        self.stack.append(tag)
        if tag in ("style", "script"):
            self._quiet += 1

    def handle_startendtag(self, tag, attrs):
        self._attributes(attrs, tag)

    def handle_endtag(self, tag):
        if not self.stack or self.stack[-1] != tag:
            self.problems.append(
                f"</{tag}> closes {self.stack[-1:]} at {self.getpos()}")
            return
        self.stack.pop()
        if tag in ("style", "script"):
            self._quiet -= 1

    def handle_data(self, data):
        if not self._quiet:
            self.text.append(data)

    def _attributes(self, attrs, tag):
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            elif name in ("href", "xlink:href"):
                self.links.append(value)
            elif name in ("src", "srcset", "poster", "action"):
                self.loads.append(f"{tag} {name}={value}")


class Runs(unittest.TestCase):
    """The papers of all variants, made once."""

    @classmethod
    def setUpClass(cls):
        cls._directory = tempfile.TemporaryDirectory()
        cls.root = pathlib.Path(cls._directory.name)
        cls.pages = {}
        for variant in ("full", "partial", "empty"):
            make_testdata.make(cls.root / variant, variant)
            cls.pages[variant] = main.build(cls.root / variant).read_text(
                encoding="utf-8")
        cls.verdicts = json.loads(
            (cls.root / "full/report/verdicts.json").read_text())

    @classmethod
    def tearDownClass(cls):
        cls._directory.cleanup()

    def test_pages_are_well_formed(self):
        for variant, text in self.pages.items():
            with self.subTest(variant):
                page = Page(text)
                self.assertEqual(page.problems, [])
                self.assertEqual(page.stack, [])

    def test_ids_are_unique_and_links_lead_somewhere(self):
        for variant, text in self.pages.items():
            with self.subTest(variant):
                page = Page(text)
                self.assertEqual(len(page.ids), len(set(page.ids)))
                for link in page.links:
                    if link.startswith("#"):
                        self.assertIn(link[1:], page.ids)
                    else:
                        self.assertTrue(link.startswith("data:"), link)

    def test_nothing_is_requested_from_anywhere(self):
        for variant, text in self.pages.items():
            with self.subTest(variant):
                self.assertEqual(Page(text).loads, [])
                self.assertNotIn("@import", text)
                self.assertEqual(
                    [u for u in re.findall(r"url\(([^)]*)\)", text)
                     if not u.startswith("#")], [])
                # Namespaces name things; they are not fetched.
                for url in re.findall(r'https?://[^"\'<> ]+', text):
                    self.assertTrue(url.startswith("http://www.w3.org/"), url)

    def test_no_placeholder_reaches_the_reader(self):
        for variant, text in self.pages.items():
            with self.subTest(variant):
                shown = " ".join(Page(text).text)
                for word in (r"\bnan\b", r"\bNone\b(?! of)", r"\binf\b",
                             r"Undefined", r"\{\{", r"\bTrue\b", r"\bFalse\b"):
                    self.assertIsNone(re.search(word, shown), word)
                self.assertNotIn(">nan<", text.lower())

    def test_second_build_is_identical(self):
        path = main.build(self.root / "full")
        self.assertEqual(path.read_text(encoding="utf-8"), self.pages["full"])

    def test_conclusions_equal_the_golden_file(self):
        found = dict(self.verdicts)
        found.pop("claims")  # the ledger has its own tests,
        self.assertTrue(found.pop("fairness"))  # and so have these
        self.assertTrue(found.pop("advice"))
        self.assertEqual(found.pop("quantities"), [])  # no scenario is in it,
        self.assertEqual(found.pop("regret"), [])  # no map that chooses,
        self.assertEqual(found.pop("drift"), [])  # and no rounds
        if os.environ.get("UPDATE_GOLDEN"):
            GOLDEN.write_text(json.dumps(found, indent=1, sort_keys=True)
                              + "\n", encoding="utf-8")
        self.assertEqual(found, json.loads(GOLDEN.read_text()))

    def test_conclusions_are_true(self):
        """Decided verdicts agree with what the data were made from."""
        regimes = {"growth": 0.62, "reserved": 0.56}
        seen = 0
        for row in self.verdicts["crossovers"]:
            if row["experiment"] == "reuse_threshold" and (
                    row["a"] == "sync_map"):
                truth = regimes[row["regime"]]
                self.assertEqual(row["verdict"], "crossover")
                self.assertLessEqual(row["low"], truth)
                self.assertGreaterEqual(row["high"], truth)
                self.assertEqual(row["left"], "b")
                seen += 1
            if row["a"] == "hash_trie_map" and (
                    row["experiment"] == "reuse_threshold"):
                self.assertEqual(row["verdict"], "b_throughout")
        self.assertEqual(seen, 3)
        for row in self.verdicts["cells"]:
            if row["verdict"] in ("faster", "slower"):
                truth = math.exp(effects.effect(
                    row["experiment"], row["a"], row["axis"], row["cell"],
                    row["regime"], row["threads"]))
                self.assertEqual(row["verdict"] == "faster", truth > 1, row)
                self.assertAlmostEqual(row["ratio"] / truth, 1, delta=0.06)

    def test_layouts_differ_as_they_were_made_to(self):
        rows = {r["threads"]: r for r in self.verdicts["layouts"]}
        self.assertEqual(set(rows), {1, 2, 4, 8})
        self.assertGreater(rows[2]["cells"], 10)
        for threads, row in rows.items():
            cells = [(r["a"], r["b"]) for r in self.verdicts["cells"]
                     if r["threads"] == threads and r["visits"] >= 8]
            self.assertEqual(row["cells"], len(cells))
            variances = [sum((effects.layout_effect(a, n)
                              - effects.layout_effect(b, n))**2
                             for n in range(1, 5)) / 3 for a, b in cells]
            truth = math.sqrt(sum(variances) / len(variances))
            self.assertLess(row["low"], truth)
            self.assertLess(truth, row["high"])
            self.assertAlmostEqual(row["within"] / (
                0.014 if threads == 1 else 0.025), 1, delta=0.35)
        text = self.pages["full"]
        self.assertTrue(rows[1]["between"] > rows[1]["chance"])
        self.assertTrue("layouts differ by a standard deviation of" in text)
        self.assertTrue('id="fig-layouts"' in text)

    def test_layouts_that_were_not_measured_are_said_to_be_unknown(self):
        self.assertIn("No cell has two visits with each of them yet",
                      self.pages["partial"])
        run = load.load(self.root / "full")
        run.meta["workers"]["x86_64"]["layouts"] = ["1b" * 32]
        self.assertIn("Every visit ran the same binary", render.render(
            render.compose(analyse.analyse(run))).html)

    def test_shards_lie_between_tested_values(self):
        row, = [r for r in self.verdicts["crossovers"]
                if r["experiment"] == "shards"]
        self.assertIsNone(row["estimate"])
        self.assertIn(row["low"], (1, 4, 8))
        self.assertIn(row["high"], (16, 64))

    def test_oversubscribed_points_stay_out_of_crossovers(self):
        for row in self.verdicts["crossovers"]:
            if row["experiment"] == "threads":
                self.assertEqual(row["visits"], 24)  # 12 at 1, 12 at 2
        loose = [r for r in self.verdicts["cells"] if r["oversubscribed"]]
        self.assertEqual({r["threads"] for r in loose}, {4, 8})
        self.assertIn("oversubscribed", self.pages["full"])

    def test_rejected_and_lost_are_shown(self):
        text = self.pages["full"]
        for word in ("59999 entries", "killed by signal 11",
                     "the run ended before the visit did"):
            self.assertIn(word, text)

    def test_emulated_architecture_has_no_speed(self):
        text = self.pages["full"]
        self.assertIn("qemu-aarch64 7.2", text)
        self.assertIn("not timed", text)
        rows = self.verdicts["crossovers"] + self.verdicts["cells"]
        untimed = load.load(self.root / "full")
        self.assertTrue(any(not v.timed for v in untimed.visits))
        timed = sum(v.timed and v.ok for v in untimed.visits)
        self.assertTrue(all(r["visits"] <= timed for r in rows))

    def test_unasked_and_unfinished_are_named(self):
        self.assertIn("the default profile has", self.pages["full"])
        self.assertIn("No visits yet for: reserved, 2 threads, all cores",
                      self.pages["full"])
        self.assertIn("No visits yet for this question",
                      self.pages["partial"])
        self.assertIn("This run is interrupted", self.pages["partial"])
        self.assertIn("no results", self.pages["empty"])

    def test_proof_is_shown_or_said_to_be_missing(self):
        text = self.pages["full"]
        self.assertIn("4\u202f321\u202f987 operations: no violation.", text)
        self.assertIn("Not checked yet:", text)
        self.assertIn("no outcome that real time forbids", text)
        self.assertIn("What each map promises", text)
        self.assertIn("keeps the table", text)
        self.assertIn("Promotes one miss late.", text)
        self.assertIn("records no linearizability check", self.pages["empty"])
        self.assertIn("records no litmus rounds", self.pages["empty"])
        self.assertIn("records no mutation matrix", self.pages["empty"])
        self.assertIn("records no memory profile", self.pages["empty"])

    def test_what_the_harness_costs_is_shown_or_said_to_be_missing(self):
        text = self.pages["full"]
        self.assertIn("those of an earlier one (2026-01-15T10:00:00Z, a simulated CPU, revision 0123456)", text)
        self.assertIn('12.0 +1.5 <span class="tag">dearer</span>', text)
        self.assertIn("its loop by hand is simulated", text)
        self.assertIn("<code>bazel run //experiments:harness_price</code> measures it", self.pages["empty"])

    def test_dear_memory_is_a_threat(self):
        self.assertIn("touched for the first time in 250 ns", self.pages["full"])
        self.assertNotIn("Memory is dear", self.pages["full"])
        dear = self.root / "dear"
        make_testdata.make(dear, "empty")
        meta = json.loads((dear / "run.json").read_text())
        for worker in meta["workers"].values():
            worker["describe"]["fresh_page"]["touch_ns"] = 14_000
        (dear / "run.json").write_text(json.dumps(meta))
        self.assertIn("Memory is dear on this machine: touching a fresh page takes 14 µs", main.build(dear).read_text("utf-8"))

    def test_every_claim_is_rendered(self):
        ids = Page(self.pages["full"]).ids
        self.assertTrue(self.verdicts["claims"])
        for claim in self.verdicts["claims"]:
            self.assertIn(f"claim-{claim['id']}", ids)

    def test_the_ledger_is_complete_without_scripts(self):
        text = self.pages["full"]
        claims = self.verdicts["claims"]
        self.assertEqual(len(claims), 195)
        links = [link[1:] for link in Page(text).links]
        for claim in claims:  # at its own row and in the list by verdict
            self.assertGreaterEqual(links.count(f"claim-{claim['id']}"), 2)
        for source in ("000", "001", "002", "003", "004"):
            self.assertIn(f"ledger-{source}", links)
        self.assertIn('<form id="ledger-filter" class="small" hidden>', text)

    def test_the_first_table_of_claims_holds_what_the_run_decided(self):
        decided = {c["id"] for c in self.verdicts["claims"] if "measured" in c["decided_by"]}
        self.assertGreater(len(decided), 3)
        for variant, expected in (("full", decided), ("empty", set())):
            found = re.search(r'<table class="decided">.*?</table>', self.pages[variant], re.DOTALL)
            self.assertEqual(set(re.findall(r"#claim-(\d{3}-C\d\d)", found.group(0))) if found else set(), expected)

    def test_measured_claims_lead_to_their_figures(self):
        rows = re.findall(r'<tr id="claim-(\S+)".*?</tr>', self.pages["full"], re.DOTALL)
        self.assertEqual(len(rows), 195)
        row = re.search(r'<tr id="claim-000-C01".*?</tr>', self.pages["full"], re.DOTALL).group(0)
        self.assertIn("#fig-reuse-threshold-growth-1", row)

    def test_every_finding_leads_to_its_figure(self):
        found = re.findall(r'<li><a href="#([^"]+)">', self.pages["full"])
        self.assertGreaterEqual(len(found), 5)
        self.assertTrue(any(f.startswith("fig-") for f in found))

    def test_figure_command(self):
        names = main.figures(self.root / "full")
        self.assertIn("fig-reuse-threshold-growth-1", names)
        out = self.root / "one.svg"
        self.assertEqual(main.main([
            "--figure", "fig-reuse-threshold-growth-1",
            str(self.root / "full"), str(out)]), 0)
        self.assertTrue(out.read_text(encoding="utf-8").startswith("<svg"))
        self.assertEqual(main.main([
            "--figure", "nonsense", str(self.root / "full"), str(out)]), 2)

    def test_templates_refuse_what_is_missing(self):
        template = render.environment().from_string("{{ missing.thing }}")
        with self.assertRaises(jinja2.UndefinedError):
            template.render()

    def test_withheld_contestant_has_no_numbers(self):
        run = load.load(self.root / "full")
        run.meta["withheld"] = [{"contestant": "sync_map", "what": "lies"}]
        paper = render.compose(analyse.analyse(run))
        rows = paper.conclusions["crossovers"] + paper.conclusions["cells"]
        self.assertTrue(rows)
        self.assertNotIn("sync_map", {r["a"] for r in rows})
        for row in paper.conclusions["rankings"]:
            self.assertNotIn("sync_map", row["order"])
        self.assertIn("withheld", render.render(paper).html)


if __name__ == "__main__":
    unittest.main()
