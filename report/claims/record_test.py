# SPDX-License-Identifier: Apache-2.0
"""Tests of recording: what a report of tests says, what a lookup finds, and what a claim makes of it."""

import contextlib
import gzip
import io
import json
import pathlib
import stat
import tempfile
import unittest
import zipfile
from unittest import mock

from report.claims import record, recorded, upstream
from report.claims.model import CONTRADICTED, SOURCE, SUPPORTED, TESTED, UNDECIDED, Evidence
from report.claims.recorded import Test

GO = '''package sync

// Map is not a list.
type Map struct {
	mu Mutex
	misses int
}

func (m *Map) Load(key any) any {
	// LoadAcquire would be wrong.
	return m.read(key) /* dirtyLocked
	*/
}

func (m *Map) missLocked() {
	m.misses++
}

func TestOne() {}
func TestTwo() {}
'''
JAVA = '''class Map {
    static final int spread(int h) {
        return h;
    }

    final V putVal(K key) {
        synchronized (f) { }
    }

    interface Other { int spread(int h); }
}
'''


def report(*results, suite="SyncMapTest/0"):
    entries = []
    for name, result in results:
        entry = {"name": name, "status": "RUN", "result": "SKIPPED" if result == "skipped" else "COMPLETED"}
        if result == "failed":
            entry["failures"] = [{"failure": "x"}]
        entries.append(entry)
    return {"testsuites": [{"name": suite, "testsuite": entries}]}


class Outcomes(unittest.TestCase):
    test = Test("//maps:m_test", "*.Copies", "maps/m_test.cc", "Copies")

    def word(self, *results):
        return record.outcome(self.test, report(*results))["outcome"]

    def test_what_a_report_says(self):
        self.assertEqual(self.word(("Copies", "ok")), "passed")
        self.assertEqual(self.word(("Copies", "failed")), "failed")
        self.assertEqual(self.word(("Copies", "skipped")), "skipped")
        self.assertEqual(self.word(("CopiesMore", "ok")), "no such test")
        self.assertEqual(record.outcome(self.test, {})["outcome"], "no such test")

    def test_one_failure_among_several_types_counts(self):
        self.assertEqual(self.word(("Copies", "ok"), ("Copies", "failed")), "failed")
        self.assertEqual(self.word(("Copies", "ok"), ("Copies", "skipped")), "passed")

    def program(self, directory, script):
        path = pathlib.Path(directory) / "program"
        path.write_text("#!/bin/sh\n" + script)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    def test_programs_that_do_not_report(self):
        with tempfile.TemporaryDirectory() as directory:
            found = record.run(self.program(directory, "exit 3\n"), [self.test])
            self.assertIn("ended with status 3", found[self.test.key]["outcome"])
            with self.assertRaisesRegex(record.RecordError, "//maps:m_test"):
                record.run(pathlib.Path(directory) / "missing", [self.test])

    def test_a_program_that_reports(self):
        script = '''for a in "$@"; do case $a in --gtest_output=json:*) f=${a#--gtest_output=json:};; esac; done
echo '{"testsuites": [{"name": "S", "testsuite": [{"name": "Copies", "result": "COMPLETED"}]}]}' > "$f"
'''
        with tempfile.TemporaryDirectory() as directory:
            found = record.run(self.program(directory, script), [self.test])
            self.assertEqual(found[self.test.key]["outcome"], "passed")


class Written(unittest.TestCase):
    """The whole program, without the programs that it runs."""

    def record(self, tests, lookups):
        with tempfile.TemporaryDirectory() as directory, mock.patch.dict("os.environ", BUILD_WORKSPACE_DIRECTORY=directory), \
                mock.patch.object(record, "lookups_of", lookups), mock.patch.object(record, "tests_of", tests), \
                contextlib.redirect_stdout(io.StringIO()) as said, contextlib.redirect_stderr(said):
            path = pathlib.Path(directory) / "report/claims/results.json"
            path.parent.mkdir(parents=True)
            code = record.main([])
            return code, said.getvalue(), json.loads(path.read_text()) if path.exists() else None

    def test_everything_as_the_ledger_needs_it(self):
        def outcomes(kind, word):
            return lambda items: {item.key: {"outcome": word} for item in items if isinstance(item, kind)}
        lookups = outcomes(recorded.Lookup, "holds")
        code, said, written = self.record(outcomes(Test, "passed"), lambda items: (lookups(items), {"go-1.22": "1.22.1-2"}))
        self.assertEqual(code, 0, said)
        self.assertRegex(said, r"results\.json: \d+ tests, \d+ lookups, 0 not as the ledger needs them\.\n$")
        self.assertEqual((written["schema"], written["packages"], written["dirty"]), (1, {"go-1.22": "1.22.1-2"}, True))
        self.assertEqual({o["outcome"] for o in written["tests"].values()}, {"passed"})

        def one_fails(items):
            found = outcomes(Test, "passed")(items)
            found[min(found)] = {"outcome": "failed"}
            return found
        code, said, written = self.record(one_fails, lambda items: (lookups(items), {}))
        self.assertEqual(code, 1)
        self.assertRegex(said, r", 1 not as the ledger needs them\.\n  .*: failed\n$")

    def test_what_is_not_at_hand_is_a_sentence(self):
        def missing(items):
            raise record.RecordError("The source of go-1.22 is not at hand.")
        self.assertEqual(self.record(None, missing), (2, "The source of go-1.22 is not at hand.\n", None))


class Lookups(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls._directory = tempfile.TemporaryDirectory()
        root = pathlib.Path(cls._directory.name)
        (root / "usr/share/go-1.22/src").mkdir(parents=True)
        (root / "usr/share/go-1.22/src/map.go").write_text(GO)
        (root / "usr/share/go-1.21/src").mkdir(parents=True)
        (root / "usr/share/go-1.21/src/map.go").write_text(GO.replace("m.misses++", "m.misses += 2"))
        (root / "usr/lib/jvm/openjdk-17/lib").mkdir(parents=True)
        with zipfile.ZipFile(root / "usr/lib/jvm/openjdk-17/lib/src.zip", "w") as archive:
            archive.writestr("Map.java", JAVA)
        cls.trees = {name: upstream.Tree(upstream.SOURCES[name], root) for name in ("go-1.21", "go-1.22", "openjdk-17")}

    @classmethod
    def tearDownClass(cls):
        cls._directory.cleanup()

    def look(self, lookup):
        return upstream.look_up(lookup, self.trees)

    def test_has_and_lacks(self):
        go = ("go-1.22", "src/map.go")
        self.assertEqual(self.look(recorded.has(*go, "type Map", "misses int")), "holds")
        self.assertEqual(self.look(recorded.has(*go, "Map.missLocked", r"misses\+\+")), "holds")
        self.assertEqual(self.look(recorded.has(*go, "Map.Load", r"misses\+\+")), "not found")
        self.assertEqual(self.look(recorded.lacks(*go, "Map.Load", r"misses\+\+")), "holds")
        self.assertEqual(self.look(recorded.lacks(*go, "Map.missLocked", r"misses\+\+")), "found")

    def test_comments_are_no_code(self):
        go = ("go-1.22", "src/map.go")
        self.assertEqual(self.look(recorded.lacks(*go, "", "LoadAcquire|dirtyLocked")), "holds")
        self.assertEqual(self.look(recorded.has(*go, "", "not a list", comments=True)), "holds")
        self.assertIn('"http://x"', upstream.without_comments('a := "http://x" // y'))

    def test_a_lookup_about_nothing_does_not_hold(self):
        self.assertEqual(self.look(recorded.lacks("go-1.22", "src/map.go", "Map.Gone", "x")), "no such function")
        self.assertEqual(self.look(recorded.lacks("go-1.22", "src/gone.go", "", "x")), "no such file")
        self.assertEqual(self.look(recorded.lacks("openjdk-17", "Gone.java", "", "x")), "no such file")
        self.assertEqual(self.look(recorded.same("go-1.21", "go-1.22", "src/map.go", "Map.Gone")), "no such function")

    def test_same_and_counts(self):
        self.assertEqual(self.look(recorded.same("go-1.21", "go-1.22", "src/map.go", "Map.Load")), "holds")
        self.assertEqual(self.look(recorded.same("go-1.21", "go-1.22", "src/map.go", "Map.missLocked")), "differs")
        self.assertEqual(self.look(recorded.counts("go-1.22", "src/map.go", r"^func Test", 2)), "holds")
        self.assertEqual(self.look(recorded.counts("go-1.22", "src/map.go", r"^func Test", 21)), "found 2 times")

    def test_versions(self):
        with tempfile.TemporaryDirectory() as directory:
            root = pathlib.Path(directory)
            (root / "a.zip").write_bytes(b"abc")
            tree = upstream.Tree(upstream.Package("p", "", "log.gz", "a.zip"), root)
            self.assertEqual(tree.version(), "sha256 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
            with gzip.open(root / "log.gz", "wt") as log:
                log.write("golang-1.22 (1.22.1-2) unstable; urgency=medium\n\n  * (Not this.)\n")
            self.assertEqual(tree.version(), "1.22.1-2")

    def test_java(self):
        self.assertEqual(self.look(recorded.has("openjdk-17", "Map.java", "putVal", r"synchronized \(f\)")), "holds")
        self.assertEqual(self.look(recorded.lacks("openjdk-17", "Map.java", "spread", "synchronized")), "holds")


class Shown(unittest.TestCase):
    test = recorded.sync("OneCopyPerCycleOfTheLiveEntries")
    lookup = recorded.has("go-1.22", "src/sync/map.go", "type Map", "misses int")

    def decide(self, part, test=None, lookup=None):
        records = {"tests": {} if test is None else {self.test.key: {"outcome": test}},
                   "lookups": {} if lookup is None else {self.lookup.key: {"outcome": lookup}}}
        return part.decide(Evidence({}, {}, records))

    def test_the_verdict_is_read(self):
        self.assertEqual(self.decide(recorded.holds("So.", self.test), "passed").verdict, SUPPORTED)
        self.assertEqual(self.decide(recorded.fails("So.", self.test), "passed").verdict, CONTRADICTED)
        self.assertEqual(self.decide(recorded.holds("So.", self.lookup), None, "holds").verdict, SUPPORTED)

    def test_failed_or_missing_says_so(self):
        for outcome in ("failed", "skipped", "no such test", "ended with status 3 and no report", None):
            decision = self.decide(recorded.fails("So.", self.test), outcome)
            self.assertEqual(decision.verdict, UNDECIDED)
            self.assertIn(outcome or "not recorded", decision.evidence)
        both = recorded.holds("So.", self.test, self.lookup)
        self.assertEqual(self.decide(both, "passed", "found").verdict, UNDECIDED)
        self.assertEqual(self.decide(both, "passed", "holds").verdict, SUPPORTED)

    def test_kinds(self):
        self.assertEqual(recorded.holds("So.", self.test, self.lookup).kind, TESTED)
        self.assertEqual(recorded.holds("So.", self.lookup).kind, SOURCE)


if __name__ == "__main__":
    unittest.main()
