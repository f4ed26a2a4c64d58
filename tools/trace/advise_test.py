# SPDX-License-Identifier: Apache-2.0
"""Tests of the command: the way from a recording program to its figures, text and JSON, bad files."""

import contextlib
import glob
import gzip
import io
import json
import os
import subprocess
import tempfile
import unittest
import urllib.request

from tools.trace import advise

_HERE = os.path.dirname(os.path.abspath(__file__))
_DEMO = os.path.join(_HERE, "sampled_map_demo")


def run(*argv):
    """Exit code, standard output, standard error."""
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        code = advise.main(list(argv))
    return code, out.getvalue(), errors.getvalue()


class AdviseTest(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "wb") as file:
            file.write(text.encode())
        return self.path(name)

    def figures(self, *argv):
        code, out, errors = run("--json", "-", *argv)
        self.assertEqual((code, errors), (0, ""))
        return json.loads(out)

    def test_figures_by_hand(self):
        path = self.write("t.csv", "1,1,get,a,8\n2,1,set,a,8\n3,2,get,a,8\n4,2,get,b\n5,1,delete,a\n6,1,get,a\n")
        figures = self.figures(path)["figures"]
        self.assertAlmostEqual(figures["reuse_rate"]["value"], 4 / 6)
        self.assertEqual(figures["distinct"]["value"], 2)
        self.assertAlmostEqual(figures["read_share"], 4 / 6)
        self.assertAlmostEqual(figures["delete_share"], 1 / 6)
        self.assertAlmostEqual(figures["hit_rate"]["value"], 1 / 4)
        self.assertEqual(figures["growth"][-1], {"operation": 6, "distinct": 2, "present": 0})
        self.assertEqual(figures["value_bytes"]["max"], 8)
        self.assertEqual([(p["entries"], round(6 * p["hit_rate"]["value"])) for p in figures["locality"]["lru"]],
                         [(1, 3), (2, 4)])

    def test_text(self):
        path = self.write("t.csv", "".join(f"{i // 10},1,get,{i * i % 101}\n" for i in range(10000)))
        code, out, _ = run(path)
        self.assertEqual(code, 0)
        for expected in ("taken for own CSV, 10,000 operations", "key reuse rate       99.49 %", "load 100 %",
                         "entries needed: ", "index of dispersion 0 in windows of 1 s", "value bytes          not known"):
            self.assertIn(expected, out)
        self.assertNotIn("estimates", out)
        code, out, _ = run(path, "--sample", "0.5")
        self.assertIn("estimates from 50 % of the keys", out)

    def test_assumptions_are_said(self):
        out = run(self.write("t.txt", "a\nb\na\n"))[1]
        self.assertIn("taken for a LoadOrStore", out)
        self.assertIn("by a hash of the key", out)
        self.assertIn("arrivals             not known: the trace has no times", out)

    def test_compact_form_has_the_same_figures(self):
        path = self.write("t.csv", "".join(
            f"{i // 100},c{i % 3},{('get', 'set', 'delete')[i % 7 % 3]},k{i * i % 997},{i % 50}\n" for i in range(20000)))
        compact = self.path("t.trace")
        plain = self.figures(path, "--normalised", compact)
        again = self.figures(compact)
        self.assertLess(os.path.getsize(compact), os.path.getsize(path) / 3)
        self.assertEqual(again["format"], "compact trace")
        for name, figure in plain["figures"].items():
            self.assertEqual(again["figures"][name], figure, name)

    def test_json_file_and_compressed_standard_input(self):
        data = gzip.compress(b"a\nb\na\n")
        out = self.path("figures.json")
        done = subprocess.run(["/usr/bin/python3", os.path.join(_HERE, "advise.py"), "-", "--json", out], input=data,
                              stdout=subprocess.PIPE, check=True)
        self.assertIn(b"one key a line", done.stdout)
        with open(out, encoding="utf-8") as file:
            self.assertEqual(json.load(file)["operations"], 3)

    def test_bad_input_is_one_sentence(self):
        good = self.write("t.csv", "1,1,get,a\n")
        cases = [
            ([self.path("none")], "cannot be opened"),
            ([self.write("empty", "")], "is empty"),
            ([good, "--sample", "2"], "--sample=2 is out of range"),
            ([good, "--sample", "nan"], "--sample=nan is out of range"),
            ([good, "--max-keys", "7"], "--max-keys=7 is out of range"),
            ([good, "--format", "x"], "not known; name one of"),
            ([good, "--normalised", "/nonexistent/file"], "cannot be written"),
            ([good, "--json", "/nonexistent/file"], "cannot be written"),
        ]
        for argv, sentence in cases:
            code, _, errors = run(*argv)
            self.assertEqual(code, 1, argv)
            self.assertIn(sentence, errors)
            self.assertEqual(errors.count("\n"), 1, errors)

    def test_names_of_files_are_text(self):
        self.assertNotIn("\x1b", run(self.write("\x1b[31m.csv", "1,1,get,a\n"))[1])


class RecordingTest(unittest.TestCase):
    """The whole way: a program records itself at 1 %, and the figures are those of a full recording."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.results = {}
        # By one thread too, as of two it is not the same each time which look-up comes before which deletion.
        for name, threads, rate in (("all", 2, 1), ("some", 2, 0.1), ("all by one", 1, 1), ("some by one", 1, 0.1)):
            path = os.path.join(cls.folder, name)
            subprocess.run([_DEMO, path, "400000", str(threads), str(rate)], check=True)
            cls.results[name] = advise.profile(sorted(glob.glob(path + ".*.csv")))

    def test_figures_agree(self):
        exact, estimated = self.results["all"]["figures"], self.results["some"]["figures"]
        self.assertEqual(self.results["some"]["recorded"],
                         {"of": "keys", "rate": 0.1, "of_operations": 400000})
        for name, by in (("reuse_rate", ""), ("distinct", ""), ("hit_rate", " by one")):
            value = self.results["all" + by]["figures"][name]["value"]
            figure = self.results["some" + by]["figures"][name]
            # Twice the interval: one that holds in 95 of 100 samples need not in this one.
            slack = 0.5 * (figure["high"] - figure["low"])
            self.assertGreater(slack, 0)
            self.assertLess(figure["low"] - slack, value, name)
            self.assertLess(value, figure["high"] + slack, name)
        self.assertAlmostEqual(exact["read_share"], 0.97, delta=0.005)
        self.assertIn("unknown", estimated["top100_share"])

    def test_text_says_what_was_recorded(self):
        out = advise.describe(["x"], self.results["some"])
        self.assertIn("A recording of 10 % of the keys of 400,000 operations.", out)
        self.assertIn("look-ups that found", out)

    def test_counters_on_a_port(self):
        path = os.path.join(self.folder, "port")
        with subprocess.Popen([_DEMO, path, "10000", "1", "0.5", "0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True) as demo:
            address = demo.stdout.readline().split()[-1]
            self.assertEqual(demo.stdout.readline(), "done\n")
            with urllib.request.urlopen(address, timeout=10) as answer:
                text = answer.read().decode()
            demo.stdin.close()
        counts = [int(line.split()[-1]) for line in text.splitlines()
                  if line.startswith("sampled_map_operations_total{")]
        self.assertEqual(sum(counts), 10000)
        self.assertEqual(demo.returncode, 0)

    def test_the_header_stands_alone(self):
        source = os.path.join(self.folder, "alone.cc")
        with open(source, "w", encoding="utf-8") as file:
            file.write('#include "sampled_map.h"\n#include <unordered_map>\nint main() {\n'
                       '  cmap::trace::TraceRecorder r({.path = "' + self.folder + '/alone"});\n'
                       "  cmap::trace::SampledMap<std::unordered_map<int, int>> m(r);\n  m[1] = 2;\n"
                       "  return m.at(1) - 2;\n}\n")
        program = os.path.join(self.folder, "alone")
        header = os.path.dirname(os.path.realpath(os.path.join(_HERE, "sampled_map.h")))
        subprocess.run(["/usr/bin/g++", "-std=c++20", "-Wall", "-Wextra", "-Werror", f"-I{header}", source, "-o", program,
                        "-pthread"], check=True)
        subprocess.run([program], check=True)


if __name__ == "__main__":
    unittest.main()
