# SPDX-License-Identifier: Apache-2.0
"""What a run can be damaged by, and the sentence each ends in: file, line, field, what is there, what belongs there."""

import contextlib
import functools
import io
import json
import pathlib
import tempfile
import unittest

from report import main
from report.testdata import make_testdata

NAN, INFINITE, HUGE = b"NaN", b"1e999", b"1" + b"0" * 400
DEEP = b"[" * 100_000
GONE = object()  # the field is taken away

# (path in run.json, what is put there: a value, or bytes as they are; part of the sentence)
META = [
    ("", b"", "run.json is not JSON"),
    ("", b'{"schema": 1', "run.json is not JSON"),
    ("", DEEP, "run.json is not JSON (it is nested too deeply)"),
    ("", b"\xff\xfe{}", "run.json is not JSON ('utf-8' codec can't decode byte 0xff"),
    ("", b"[]", "run.json is a list of 0 elements, where an object belongs"),
    ("", b"null", "run.json is null, where an object belongs"),
    ("schema", GONE, "lacks the field schema (1)"),
    ("schema", "1", 'has the text "1" in the field schema, where 1 belongs'),
    ("schema", True, "has true in the field schema, where 1 belongs"),
    ("schema", 2, "has schema 2 but this report reads schema 1; use the revision that wrote it"),
    ("schema", HUGE, "has schema"),
    ("seed", HUGE, "has a number of more than 40 digits in the field seed, where a whole number from 0 to"),
    ("seed", NAN, "run.json is not JSON (NaN is no number)"),
    ("seed", 1.5, "has the number 1.5 in the field seed"),
    ("budget_s", INFINITE, "has the number inf in the field budget_s"),
    ("budget_s", "600", 'has the text "600" in the field budget_s, where a number from 0'),
    ("status", "done", 'has the text "done" in the field status, where one of running, complete,'),
    ("note", ["late"], "has a list of 1 elements in the field note, where text"),
    ("note", "\ud800", "in the field note, where text"),
    ("command", None, "has null in the field command, where text"),
    ("revision", 5, "has the number 5 in the field revision"),
    ("dirty", "no", 'has the text "no" in the field dirty, where true or false, or null belongs'),
    ("visits", -1, "has the number -1 in the field visits"),
    ("visits", 10**6, "holds 26 ended visits and run.json counts 1000000, so samples were lost"),
    ("questions", {}, "has an object of 0 fields in the field questions, where a list"),
    ("questions.0", "reuse", "in the field questions[0], where an object belongs"),
    ("questions.0.name", GONE, "lacks the field questions[0].name"),
    ("questions.0.name", "a b", 'has the text "a b" in the field questions[0].name, where a name of letters'),
    ("questions.1.name", "reuse_threshold", "has two questions named"),
    ("questions.0.kind", "curve", "in the field questions[0].kind, where one of sweep, discrete, cells belongs"),
    ("questions.0.threads", "1", "in the field questions[0].threads, where a list"),
    ("questions.0.threads.0", 0, "has the number 0 in the field questions[0].threads[0]"),
    ("questions.0.contestants", "sync_map", 'has the text "sync_map" in the field questions[0].contestants'),
    ("questions.0.contestants.0", None, "has null in the field questions[0].contestants[0]"),
    ("questions.0.regimes.0", "steady", "in the field questions[0].regimes[0], where one of stationary"),
    ("questions.0.axis", "reuse", 'has the text "reuse" in the field questions[0].axis'),
    ("questions.0.axis.lo", "0", 'has the text "0" in the field questions[0].axis.lo'),
    ("questions.0.axis.lo", 2, "an axis that is none: axis 'key reuse rate' runs from 2.0 to 0.99"),
    ("questions.0.axis.lo", 0.3, "an axis with values outside 0.3 to 0.99"),
    ("questions.0.axis.hi", NAN, "run.json is not JSON"),
    ("questions.0.axis.scale", "log2", "is log2 but begins at 0.0; begin above 0"),
    ("questions.0.axis.scale", "log10", "in the field questions[0].axis.scale, where one of linear, log2 belongs"),
    ("questions.0.axis.values", 0.5, "has the number 0.5 in the field questions[0].axis.values"),
    ("questions.0.axis.values.1", [0.5], "has a list of 1 elements in the field questions[0].axis.values[1]"),
    ("questions.0.axis.name", "", "in the field questions[0].axis.name, where text that is not blank belongs"),
    ("questions.0.axis.field", GONE, "lacks the field questions[0].axis.field"),
    ("questions.0.levels.0.speedup", -1, "has the number -1 in the field questions[0].levels[0].speedup"),
    ("questions.0.levels.0.speedup", GONE, "lacks the field questions[0].levels[0].speedup"),
    ("questions.0.levels.0.claimed", "83 %", "in the field questions[0].levels[0].claimed"),
    ("questions.1.cells.0", 1, "has the number 1 in the field questions[1].cells[0]"),
    ("questions.1.cells.0.name", GONE, "lacks the field questions[1].cells[0].name"),
    ("workers", [], "has a list of 0 elements in the field workers"),
    ("workers.x86_64.describe.strategies.0.name", 7, "in the field workers.x86_64.describe.strategies[0].name"),
    ("workers.x86_64.describe.strategies.0.max_threads", "two", "strategies[0].max_threads"),
    ("workers.x86_64.timed", "yes", "in the field workers.x86_64.timed, where true or false belongs"),
    ("environment.cores", "2", 'has the text "2" in the field environment.cores'),
    ("environment.thp", [[[[[1]]]]], "in the field environment.thp, where text, numbers, or short lists"),
    ("environment.kernel", "\udcff", "in the field environment.kernel"),
    ("rules.delta.1", "0.02", 'has the text "0.02" in the field rules.delta.1'),
    ("rules.delta.1", 0, "has the number 0 in the field rules.delta.1"),
    ("rules.delta", {"one": 0.02}, 'has the text "one" in the field a name in rules.delta, where a number of threads'),
    ("withheld", ["sync_map"], "in the field withheld[0], where an object belongs"),
    ("skipped.0.why", 3, "has the number 3 in the field skipped[0].why"),
    ("not_asked.0.why", GONE, "lacks the field not_asked[0].why"),
    ("proof.linearizability.contestants.sync_map.violations", "none", "sync_map.violations"),
    ("proof.mutants.mutants.0.cells.threads.outcome", "alive", "cells.threads.outcome, where one of survived"),
    ("proof.memory.strategies.sync_map.footprints.0.entries", 0, "footprints[0].entries"),
]

# (kind of record, path in it, what is put there, part of the sentence)
SAMPLES = [
    ("visit", "t", 7, "has no kind of record in the field t"),
    ("visit", "v", "0", 'has the text "0" in the field v, where a whole number'),
    ("visit", "v", GONE, "lacks the field v"),
    ("visit", "contestants", "mutex_map", 'has the text "mutex_map" in the field contestants, where a list of 1 to'),
    ("visit", "contestants", [], "has a list of 0 elements in the field contestants"),
    ("visit", "contestants.1", {"name": "x"}, "has an object of 1 fields in the field contestants[1]"),
    ("visit", "cell", GONE, "lacks the field cell"),
    ("visit", "cell", [0.5], "has a list of 1 elements in the field cell"),
    ("visit", "cell.axis", "0.5", 'has the text "0.5" in the field cell.axis, where a number'),
    ("visit", "cell.axis", NAN, "is not JSON (NaN is no number)"),
    ("visit", "cell.axis", INFINITE, "has the number inf in the field cell.axis"),
    ("visit", "cell.axis", 17, "has the number 17 in the field cell.axis, where one from 0 to 0.99 belongs"),
    ("visit", "cell.regime", "warm", "in the field cell.regime, where one of stationary"),
    ("visit", "workload.keys", [0], "in the field workload.keys, where"),
    ("visit", "workload.mix", {"load": "many"}, "in the field workload.mix"),
    ("visit", "workload", None, "has null in the field workload"),
    ("visit", "threads", "1", 'has the text "1" in the field threads'),
    ("visit", "threads", True, "has true in the field threads"),
    ("visit", "threads", 10**9, "has the number 1000000000 in the field threads"),
    ("visit", "timed", 1, "has the number 1 in the field timed, where true or false belongs"),
    ("visit", "purpose", "fun", "in the field purpose, where one of screen"),
    ("visit", "at", "yesterday", "in the field at, where a time such as 2026-01-15T10:00:00Z belongs"),
    ("visit", "at", "2026-01-15T10:00:00", "in the field at, where a time"),
    ("visit", "gate", 0.5, "has the number 0.5 in the field gate"),
    ("visit", "gate.other_cpu", "5 %", "in the field gate.other_cpu"),
    ("visit", "question", {"a": 1}, "has an object of 1 fields in the field question"),
    ("realised", "figures", [1], "has a list of 1 elements in the field figures"),
    ("realised", "figures.reuse_rate", "high", 'has the text "high" in the field figures.reuse_rate'),
    ("realised", "figures.hit_rate", b"-1e999", "has the number -inf in the field figures.hit_rate"),
    ("slice", "b", GONE, "lacks the field b"),
    ("slice", "b", [1], "has a list of 1 elements in the field b"),
    ("slice", "c", 2, "has the number 2 in the field c, where the index of one of the 2 contestants"),
    ("slice", "c", -1, "has the number -1 in the field c"),
    ("slice", "n", 0, "has the number 0 in the field n"),
    ("slice", "n", HUGE, "has a number of more than 40 digits in the field n"),
    ("slice", "n", b"9" * 5000, "is not JSON"),
    ("slice", "n", 1.5, "has the number 1.5 in the field n, where a whole number"),
    ("slice", "ns", "12", 'has the text "12" in the field ns'),
    ("slice", "ns", -1, "has the number -1 in the field ns"),
    ("slice", "ns", NAN, "is not JSON"),
    ("slice", "w", "yes", "in the field w, where true, false, 0 or 1 belongs"),
    ("slice", "", DEEP, "is not JSON (it is nested too deeply)"),
    ("slice", "", b"42", "is the number 42, where an object belongs"),
    ("slice", "", b"\xff\xff", "is not JSON"),
    ("slice", "", b'{"t":"slice"}{}', "is not JSON"),
    ("reject", "why", None, "has null in the field why"),
    ("reject", "value", "much", "in the field value"),
    ("counters", "c", 9, "has the number 9 in the field c, where the index"),
    ("counters", "counters", [], "has a list of 0 elements in the field counters"),
    ("memory", "bytes", GONE, "lacks the field bytes"),
    ("memory", "entries", "many", 'has the text "many" in the field entries'),
    ("invalid", "what", 5, "has the number 5 in the field what"),
    ("end", "changepoint", "no", 'has the text "no" in the field changepoint'),
    ("visit_end", "status", "fine", 'has the text "fine" in the field status, where one of ok, crashed'),
    ("visit_end", "status", GONE, "lacks the field status"),
    ("visit_end", "seconds", None, "has null in the field seconds"),
    ("visit_end", "what", "\udc80", "in the field what, where text"),
]


def put(document, path, what):
    """The document as bytes with one thing changed."""
    if not path:
        return what
    *way, key = [int(p) if p.isdigit() and not isinstance(holder, dict) else p for p, holder in _steps(document, path)]
    holder = functools.reduce(lambda v, k: v[k], way, document)
    if what is GONE:
        del holder[key]
    elif isinstance(what, bytes):
        holder[key] = "put here"
        return json.dumps(document).encode().replace(b'"put here"', what)
    else:
        holder[key] = what
    return json.dumps(document).encode()


def _steps(document, path):
    for part in path.split("."):
        yield part, document
        document = document[int(part)] if isinstance(document, list) else document.get(part) if isinstance(
            document, dict) else None


class Damage(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls._folder = tempfile.TemporaryDirectory()
        cls.run_dir = pathlib.Path(cls._folder.name) / "run"
        make_testdata.make(cls.run_dir, "small")
        cls.files = [cls.run_dir / name for name in ("run.json", "samples.jsonl")]
        cls.meta, samples = (f.read_bytes() for f in cls.files)
        cls.lines = samples.split(b"\n")[:-1]
        main.build(cls.run_dir)
        cls.page = (cls.run_dir / "report/index.html").read_bytes()

    @classmethod
    def tearDownClass(cls):
        cls._folder.cleanup()

    def refused(self, sentence):
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            code = main.main([str(self.run_dir)])
        self.assertEqual(code, 2, said.getvalue())
        self.assertEqual(said.getvalue().count("\n"), 1)
        self.assertRegex(said.getvalue(), r"^report: .*(restore|use the revision|delete).*\.\n$")
        self.assertIn(sentence, said.getvalue())
        self.assertLess(len(said.getvalue()), 700)
        self.assertEqual((self.run_dir / "report/index.html").read_bytes(), self.page)

    def test_run_json(self):
        self.files[1].write_bytes(b"\n".join(self.lines) + b"\n")
        for path, what, sentence in META:
            with self.subTest(path, what=str(what)[:40]):
                self.files[0].write_bytes(put(json.loads(self.meta), path, what))
                self.refused(sentence)

    def test_samples(self):
        self.files[0].write_bytes(self.meta)
        kinds = [json.loads(line)["t"] for line in self.lines]
        for kind, path, what, sentence in SAMPLES:
            with self.subTest(kind, path=path, what=str(what)[:40]):
                at = kinds.index(kind)
                lines = list(self.lines)
                lines[at] = put(json.loads(lines[at]), path, what)
                self.files[1].write_bytes(b"\n".join(lines) + b"\n")
                self.refused(sentence)
                if path != "t":
                    self.refused(f"samples.jsonl line {at + 1} ")

    def test_there_are_enough(self):
        self.assertGreaterEqual(len(META) + len(SAMPLES), 120)

    def test_files_that_cannot_be_read(self):
        self.files[0].write_bytes(self.meta)
        self.files[1].unlink()
        self.files[1].mkdir()
        try:
            self.refused("samples.jsonl cannot be read (Is a directory); make it readable or restore it")
        finally:
            self.files[1].rmdir()


if __name__ == "__main__":
    unittest.main()
