# SPDX-License-Identifier: Apache-2.0
"""A paper with five numbers of threads on a machine of 128 cores stays readable."""

import pathlib
import re
import tempfile
import unittest

from report import analyse, load, plates, render, views, words
from report.figures import quality
from report.testdata import make_testdata

COUNTS = [1, 2, 8, 32, 128]


class ManyThreads(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as folder:
            make_testdata.make(pathlib.Path(folder) / "run", "threads")
            cls.analysis = analyse.analyse(load.load(pathlib.Path(folder) / "run"))
        cls.paper = render.compose(cls.analysis)
        cls.page = render.render(cls.paper).html

    def test_the_matrix_keeps_what_belongs_together(self):
        for matrix in views.matrices(self.analysis, {}):
            titles = [row.label for row in matrix.rows if not row.again]
            self.assertEqual(len(titles), len(set(titles)), "a cell in two places")
            found = [int(re.search(r"(\d+) thread", row.where)[1]) for row in matrix.rows]
            self.assertEqual(found, COUNTS * len(titles))
            self.assertEqual({row.where for row in matrix.rows if "128" in row.where}, {"128 threads, all cores"})

    def test_one_thread_and_all_cores_are_on_the_page_the_rest_on_demand(self):
        section = self.paper.sections[0]
        self.assertEqual([p.threads for p in section.plates], [1, 128])
        self.assertEqual([p.threads for p in section.folded], [2, 8, 32])
        details = "".join(re.findall(r"<details>.*?</details>", self.page, re.DOTALL))
        for n in COUNTS:
            self.assertEqual(f'id="fig-read-share-stationary-{n}"' in details, n not in (1, 128))
        self.assertIn("3 figures at other numbers of threads: 2, 8, 32", self.page)

    def test_two_numbers_of_threads_fold_nothing(self):
        two = [plates.Plate("a", "", [], threads=n) for n in (1, 2)]
        self.assertEqual(plates.folded(two, {}), [])
        more = [plates.Plate("a", "", [], threads=n) for n in (1, 2, 16, 32, 64)]
        self.assertEqual([p.threads for p in plates.folded(more, {16: "all cores"})], [2, 32, 64])

    def test_a_tall_figure_has_its_caption_at_the_top(self):
        self.assertTrue(self.paper.sections[1].plates[0].tall)
        self.assertIn('<figure id="fig-standard-cells" class="tall">', self.page)

    def test_deltas_are_said_once_each(self):
        self.assertIn("±2 % at 1 thread", self.page.replace("\u202f", " "))
        self.assertIn("±5 % at 8, 32 and 128 threads", self.page.replace("\u202f", " "))
        verdicts = {c.threads: self.analysis.delta(c.threads) for c in self.analysis.cells}
        self.assertEqual(verdicts, {1: 0.02, 2: 0.03, 8: 0.05, 32: 0.05, 128: 0.05})

    def test_a_finding_names_its_settings_once(self):
        found = " ".join(f.text for f in words.findings(self.analysis, {}, []))
        self.assertRegex(found, r"; [^;]* at 2, 8, 32 and 128 threads\.")

    def test_few_settings_keep_their_names(self):
        curves = [c for c in self.analysis.curves if c.a == self.analysis.curves[0].a]
        items = [("", "80 %", c) for c in curves if c.threads in (1, 2, 128)]
        self.assertEqual(words._other_settings(items, self.analysis.thread_names),
                         "; 80 % (2 threads); 80 % (128 threads, all cores)")

    def test_the_machine_is_told(self):
        rows = dict(views.environment_rows(self.analysis))
        self.assertEqual(rows["Cores"], "128 physical cores; 128 hardware threads, no SMT")
        self.assertEqual(rows["NUMA nodes"], "2: CPUs 0-63; 64-127")
        self.assertEqual(rows["Last-level caches"], "64, the first of CPUs 0-1")
        self.assertEqual((rows["CPUs not for this process"], rows["CPUs offline"]), ("128-159", "160"))
        self.assertEqual((rows["Limit on CPU time"], rows["Not told by the system"]), ("130.5 CPUs", "sockets"))
        self.assertIn("CPUs 0, 64, 1, 65, 2, 66, 3, 67, ... (spread: the nodes in turn", rows["Threads get"])
        self.assertNotIn("Topology", rows)

    def test_a_run_that_does_not_tell_its_machine(self):
        self.assertEqual(views.topology_rows({"environment": {"cores": 4}}), [("Cores", "4")])
        self.assertEqual(views.topology_rows({"environment": {}}), [])

    def test_marks_of_delta_do_not_touch(self):
        svg = quality.aa("f", "t", {"a": [0.1], "b": [0.0], "c": [0.0]}, {"a": 0.02, "b": 0.03, "c": 0.05})
        self.assertIn("+5 %", svg)
        self.assertIn("+3 %", svg)
        self.assertNotIn("+2 %", svg)


class Delta(unittest.TestCase):

    def test_comes_from_the_rules_of_the_run(self):
        rules = {"delta": {"1": 0.01, "16": 0.07}}
        self.assertEqual([analyse.delta_for(rules, n) for n in (1, 2, 16, 32)], [0.01, 0.01, 0.07, 0.07])
        self.assertEqual(analyse.delta_for({}, 4), 0.04)


if __name__ == "__main__":
    unittest.main()
