# SPDX-License-Identifier: Apache-2.0
"""The page as a document: structure, names for those who do not see it, nothing foreign, what it embeds.

What takes a browser (contrast as painted, overflow, the keyboard, the console) is browser_check.py, by hand.
"""

import base64
import csv
import html.parser
import io
import json
import pathlib
import re
import tempfile
import unittest

from report import advice, analyse, chooser, landscape, load, render, standing
from report.testdata import make_testdata

VOID = {"meta", "br", "wbr", "hr", "img", "input", "link", "col"}
HOSTILE = "\"><img src=x onerror=alert(1)></script><script>alert('2')</script>&amp;{{ 7*7 }}"


class Element:
    """A tag with its attributes and what is in it: strings and elements."""

    def __init__(self, tag, attributes, parent):
        self.tag, self.attributes, self.parent, self.content = tag, dict(attributes), parent, []

    def walk(self):
        yield self
        for child in self.content:
            if isinstance(child, Element):
                yield from child.walk()

    @property
    def text(self):
        return "".join(c.text if isinstance(c, Element) else c for c in self.content)

    def all(self, *tags):
        return [e for e in self.walk() if e.tag in tags]

    def inside(self, *tags):
        e = self.parent
        while e is not None and e.tag not in tags:
            e = e.parent
        return e


class Tree(html.parser.HTMLParser):

    def __init__(self, text):
        super().__init__()
        self.root = self.here = Element("", {}, None)
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        element = Element(tag, attrs, self.here)
        self.here.content.append(element)
        if tag not in VOID:
            self.here = element

    def handle_startendtag(self, tag, attrs):
        self.here.content.append(Element(tag, attrs, self.here))

    def handle_endtag(self, tag):
        if self.here.tag == tag:
            self.here = self.here.parent

    def handle_data(self, data):
        self.here.content.append(data)


def rows_of(uri):
    head, data = uri.split(",", 1)
    assert head == "data:text/csv;base64", head
    return list(csv.DictReader(io.StringIO(base64.b64decode(data).decode("utf-8"))))


class Pages(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.papers, cls.trees = {}, {}
        with tempfile.TemporaryDirectory() as folder:
            for variant in ("full", "partial", "empty"):
                make_testdata.make(pathlib.Path(folder) / variant, variant)
                cls.papers[variant] = render.compose(analyse.analyse(load.load(pathlib.Path(folder) / variant)))
                cls.trees[variant] = Tree(render.render(cls.papers[variant]).html).root
        cls.full = cls.trees["full"]

    def test_every_drawing_has_alternative_text(self):
        for tree in self.trees.values():
            for svg in tree.all("svg"):
                self.assertEqual(svg.attributes.get("role"), "img")
                self.assertGreater(len(svg.attributes.get("aria-label", "")), 20)
        self.assertGreater(len(self.full.all("svg")), 12)

    def test_every_caption_states_something_with_numbers(self):
        for tree in self.trees.values():
            for figure in tree.all("figure"):
                caption, = figure.all("figcaption")
                strong = caption.all("strong")[0].text
                self.assertTrue(strong.strip().endswith("."), strong)
                self.assertRegex(caption.text, r"\d", caption.text)

    def test_headings_skip_no_level(self):
        for tree in self.trees.values():
            levels = [int(h.tag[1]) for h in tree.all("h1", "h2", "h3", "h4", "h5", "h6")]
            self.assertEqual((levels[0], levels.count(1)), (1, 1))
            for above, below in zip(levels, levels[1:]):
                self.assertLessEqual(below, above + 1)
            self.assertFalse([h for h in tree.all("h1", "h2", "h3") if not h.text.strip()])

    def test_controls_have_labels_and_landmarks_names(self):
        for tree in self.trees.values():
            for control in tree.all("select", "input"):
                label = control.inside("label")
                self.assertTrue(label is not None and label.content[0].strip(), control.attributes)
            for button in tree.all("button"):
                self.assertTrue(button.text.strip())
            self.assertEqual(len(tree.all("main")), 1)
            self.assertTrue(all("aria-label" in n.attributes for n in tree.all("nav")))
            self.assertEqual(tree.all("html")[0].attributes.get("lang"), "en")
            self.assertTrue(tree.all("title")[0].text.strip())

    def test_links_and_summaries_have_text(self):
        for tree in self.trees.values():
            for element in tree.all("a", "summary"):
                self.assertTrue(element.text.strip(), element.attributes)
            for link in tree.all("a"):
                self.assertRegex(link.attributes["href"], r"^(#.|data:)")

    def test_table_heads_say_of_what_they_are_heads(self):
        for tree in self.trees.values():
            for head in tree.all("th"):
                self.assertIn(head.attributes.get("scope"), ("col", "row", "rowgroup"), head.text)
            for table in tree.all("table"):
                if table.attributes.get("class") != "plainrows":
                    self.assertTrue(table.all("thead"), table.attributes)

    def test_every_figure_is_on_the_page_once(self):
        for variant, tree in self.trees.items():
            with self.subTest(variant):
                shown = [f.attributes["id"] for f in tree.all("figure")]
                self.assertEqual(sorted(shown), sorted(p.name for p in self.papers[variant].plates()))

    def test_every_figure_gives_the_values_that_it_draws(self):
        links = {a.attributes["download"]: a.attributes["href"] for a in self.full.all("a")
                 if "download" in a.attributes and a.attributes["href"].startswith("data:text/csv")}
        for plate in self.papers["full"].plates():
            if plate.svg:
                found = rows_of(links[f"{plate.name}.csv"])
                self.assertEqual(found, [{k: str(v) for k, v in row.items()} for row in plate.rows], plate.name)
                self.assertTrue(found)

    def test_the_values_of_the_heat_map_are_those_of_the_advice(self):
        places = {(p.question, p.title, p.regime, p.threads): p for p in standing.places(self.papers["full"].analysis)}
        plates = self.papers["full"].heat
        self.assertEqual(len(plates), 2)
        for row in (r for plate in plates for r in plate.rows):
            place = places[row["question"], row["place"], row["regime"], row["threads"]]
            standings = {s.name: s for s in place.standings}
            self.assertEqual(row["state"] == "best", place.best.name == row["map"])
            self.assertEqual(row["visits"], standings[row["map"]].visits)
            if row["state"] != "best":
                self.assertEqual(row["state"], standings[row["map"]].state)

    def test_the_chooser_is_a_table_that_needs_no_script(self):
        paper = self.papers["full"]
        places = standing.places(paper.analysis)
        made = chooser.chooser(paper.analysis, places, paper.anchors)
        table, = [t for t in self.full.all("table") if t.attributes.get("class") == "chooser"]
        body = table.all("tbody")[0].all("tr")
        self.assertEqual(len(body), len(made.rows))
        self.assertEqual(made.columns, ["1 thread", "All 2 cores"])
        for row, drawn in zip(made.rows, body):
            self.assertIn(row.title, re.sub(r"\u202f", " ", drawn.text))
            for cell, td in zip(row.cells, drawn.all("td")):
                self.assertEqual(td.attributes["class"], f"answer-{cell.kind}")
                for name in cell.names:
                    self.assertIn(name, td.text)
                self.assertEqual("undecided" in td.text.split("or")[0], cell.kind == advice.UNDECIDED)
        kinds = {c.kind for row in made.rows for c in row.cells}
        self.assertLessEqual({advice.ALONE, advice.UNDECIDED, advice.MIXED, "none"}, kinds)
        # It comes before everything else.
        self.assertIs(self.full.all("h2")[0].inside("section"), table.inside("section"))

    def test_an_answer_has_evidence_with_an_interval_and_leads_to_it(self):
        table, = [t for t in self.full.all("table") if t.attributes.get("class") == "chooser"]
        ids = {e.attributes["id"] for e in self.full.walk() if "id" in e.attributes}
        for td in table.all("td"):
            kind = td.attributes["class"]
            if kind == "answer-none":
                continue
            self.assertTrue(td.all("a"))
            for link in td.all("a"):
                self.assertIn(link.attributes["href"][1:], ids)
            if kind == "answer-alone":
                self.assertRegex(td.text, r"\d\.\d+× \(\d\.\d+ to \d\.\d+\) the speed of \w+")

    def test_five_findings_at_most(self):
        found = [ol for ol in self.full.all("ol") if ol.attributes.get("class") == "findings"]
        self.assertEqual(len(found[0].all("li")), 5)

    def test_the_pairwise_data_are_the_places(self):
        for variant, tree in self.trees.items():
            with self.subTest(variant):
                data, = [s for s in tree.all("script") if s.attributes.get("type") == "application/json"]
                analysis = self.papers[variant].analysis
                self.assertEqual(json.loads(data.text), landscape.rows_of(analysis, standing.places(analysis)))

    def test_method_and_proof_come_last(self):
        order = [s.attributes["id"] for s in self.full.all("section")]
        for before, after in (("choose", "abstract"), ("abstract", "landscape"), ("landscape", "overview"),
                              ("overview", "q-reuse_threshold"), ("q-standard_cells", "claims"), ("claims", "method"),
                              ("threats", "method"), ("method", "proof"), ("proof", "data")):
            self.assertLess(order.index(before), order.index(after), (before, after))


class Hostile(unittest.TestCase):

    def test_names_stay_text(self):
        with tempfile.TemporaryDirectory() as folder:
            make_testdata.make(pathlib.Path(folder), "full")
            path = pathlib.Path(folder) / "run.json"
            meta = json.loads(path.read_text())
            meta["note"] = meta["command"] = HOSTILE
            for question in meta["questions"]:
                question["title"] = question["prose"] = HOSTILE
                for cell in question.get("cells") or []:
                    cell["title"] = HOSTILE
                if question.get("axis"):
                    question["axis"]["name"] = HOSTILE
            for s in meta["workers"]["x86_64"]["describe"]["strategies"]:
                s["family"] = s["summary"] = HOSTILE
            path.write_text(json.dumps(meta))
            samples = pathlib.Path(folder) / "samples.jsonl"
            samples.write_text(samples.read_text().replace('"hash_trie_map"', json.dumps("hash" + HOSTILE)))
            tree = Tree(render.render(render.compose(analyse.analyse(load.load(folder)))).html).root
        self.assertEqual(len(tree.all("script")), 2)
        self.assertEqual(tree.all("img"), [])
        for element in tree.walk():
            self.assertFalse([a for a in element.attributes if a.startswith("on")], element.attributes)
        self.assertIn(HOSTILE, tree.text)


if __name__ == "__main__":
    unittest.main()
