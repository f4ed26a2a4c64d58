# SPDX-License-Identifier: Apache-2.0
"""The gallery: every figure is told about, nothing of others is touched, the same run gives the same files."""

import contextlib
import io
import pathlib
import re
import tempfile
import unittest
import xml.etree.ElementTree
from unittest import mock

from report import analyse, gallery, load, main, render
from report.testdata import make_testdata


class Gallery(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls._folder = tempfile.TemporaryDirectory()
        cls.root = pathlib.Path(cls._folder.name)
        make_testdata.make(cls.root / "run", "small")
        cls.made = gallery.files(render.compose(analyse.analyse(load.load(cls.root / "run"))))

    @classmethod
    def tearDownClass(cls):
        cls._folder.cleanup()

    def run_main(self, *arguments):
        said, wrong = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(wrong):
            status = main.main([*map(str, arguments)])
        return status, said.getvalue(), wrong.getvalue()

    def test_the_page_shows_every_picture_with_alternative_text(self):
        shown = re.findall(r"!\[([^\n]+?)\]\(([a-z0-9-]+\.svg)\)", self.made["README.md"])
        self.assertEqual(sorted(name for _, name in shown), sorted(n for n in self.made if n.endswith(".svg")))
        self.assertTrue(all(len(text) > 20 for text, _ in shown))
        self.assertIn("chooser.svg", self.made)
        self.assertGreater(len(shown), 3)

    def test_the_folder_stays_small_and_says_what_it_lacks(self):
        paper = render.compose(analyse.analyse(load.load(self.root / "run")))
        sizes = {n: len(t.encode()) for n, t in self.made.items() if n.endswith(".svg")}
        self.assertNotIn("Left out", self.made["README.md"])
        with mock.patch.object(gallery, "MOST_BYTES", sum(sizes.values()) - 1):
            fewer = gallery.files(paper)
        self.assertLess(sum(len(t.encode()) for n, t in fewer.items() if n.endswith(".svg")), sum(sizes.values()))
        self.assertIn("chooser.svg", fewer)
        lacking = set(self.made) - set(fewer)
        self.assertEqual(len(lacking), 1)
        told = re.search(r"Left out, so that the folder stays below .* MB: (.+)\.", fewer["README.md"])[1]
        self.assertEqual(told.replace(" ", "-") + ".svg", *lacking)

    def test_pictures_are_whole_documents_on_paper(self):
        for name, text in self.made.items():
            if name.endswith(".svg"):
                root = xml.etree.ElementTree.fromstring(text)
                self.assertTrue(root.attrib["aria-label"])
                self.assertTrue(root[0].tag.endswith("rect"))
                self.assertNotIn("var(", text)
                self.assertNotRegex(text, r'(href|src)="(?!#)')

    def test_the_chooser_is_told_in_words_too(self):
        label = xml.etree.ElementTree.fromstring(self.made["chooser.svg"]).attrib["aria-label"]
        self.assertRegex(label, r"Look up or insert, most keys new: 1 thread: \w+")

    def test_writing_twice_is_the_same_and_what_is_stale_goes(self):
        folder = self.root / "gallery"
        self.assertEqual(self.run_main("--gallery", folder, self.root / "run")[0], 0)
        before = {p.name: p.read_text(encoding="utf-8") for p in folder.iterdir()}
        self.assertEqual(before, self.made)
        (folder / "old.svg").write_text("<svg/>")
        status, said, _ = self.run_main("--gallery", folder, self.root / "run")
        self.assertEqual((status, said.strip()), (0, str(folder / "README.md")))
        self.assertEqual({p.name: p.read_text(encoding="utf-8") for p in folder.iterdir()}, before)

    def test_a_folder_of_something_else_is_refused(self):
        other = self.root / "other"
        other.mkdir()
        (other / "README.md").write_text("# Mine\n")
        (other / "mine.svg").write_text("<svg/>")
        status, _, wrong = self.run_main("--gallery", other, self.root / "run")
        self.assertEqual(status, 2)
        self.assertIn("holds something else than a gallery", wrong)
        self.assertEqual(sorted(p.name for p in other.iterdir()), ["README.md", "mine.svg"])


if __name__ == "__main__":
    unittest.main()
