# SPDX-License-Identifier: Apache-2.0
"""Tests of test_totals.py, on what Bazel, GoogleTest, unittest and our shell tests really write."""

import contextlib
import io
import json
import os
import tempfile
import unittest

from tools import test_totals
from tools.test_totals import Count

_GTEST = """<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="4" failures="1" disabled="1" errors="0" time="0." name="AllTests">
  <testsuite name="A" tests="4" failures="1" disabled="1" skipped="1" errors="0" time="0.">
    <testcase name="Good" status="run" result="completed" time="0." classname="A" />
    <testcase name="Skipped" status="run" result="skipped" time="0." classname="A"><skipped message="x"/></testcase>
    <testcase name="DISABLED_Off" status="notrun" result="suppressed" time="0." classname="A" />
    <testcase name="Bad" status="run" result="completed" time="0." classname="A"><failure message="m"/></testcase>
  </testsuite>
</testsuites>
"""

_BAZELS_OWN = """<?xml version="1.0" encoding="UTF-8"?>
<testsuites><testsuite name="a/b" tests="1" failures="0" errors="0">
<testcase name="a/b" status="run" duration="0" time="0"></testcase><system-out>x</system-out></testsuite></testsuites>
"""


def _result(label, status, xml=None, log=None, **key):
    outputs = [{"name": name, "uri": uri} for name, uri in (("test.xml", xml), ("test.log", log)) if uri]
    return {"id": {"testResult": {"label": label, "run": 1, "attempt": 1, **key}},
            "testResult": {"status": status, "testActionOutput": outputs}}


def _completed(label, success):
    return {"id": {"targetCompleted": {"label": label}}, "completed": {"success": True} if success else {}}


class CountTest(unittest.TestCase):

    def test_gtest(self):
        self.assertEqual(test_totals.count_gtest(_GTEST), Count(1, 1))
        self.assertIsNone(test_totals.count_gtest(_BAZELS_OWN))
        self.assertIsNone(test_totals.count_gtest("<testsuites><cut"))

    def test_unittest(self):
        self.assertEqual(test_totals.count_log("....\nRan 4 tests in 0.100s\n\nOK\n"), Count(4, 0))
        self.assertEqual(test_totals.count_log("Ran 1 test in 0.100s\n\nOK (skipped=1)\n"), Count(0, 0))
        self.assertEqual(
            test_totals.count_log("Ran 9 tests in 1.5s\n\nFAILED (failures=2, errors=1, skipped=3)\n"), Count(3, 3))
        self.assertEqual(test_totals.count_log("Ran 2 tests in 1.5s\n\nFAILED (unexpected successes=1)\n"), Count(1, 1))

    def test_shell(self):
        self.assertEqual(test_totals.count_log("FAILED: x\n39 checks passed, 1 failed\n"), Count(39, 1))
        self.assertIsNone(test_totals.count_log("nothing is told\n"))


class EventsTest(unittest.TestCase):

    def count(self, *events, **files):
        return test_totals.count_events(events, read=lambda uri: files.get(uri, ""))

    def test_cases_are_added_up_over_targets_and_shards(self):
        total, failures = self.count(
            _result("//a:sharded", "PASSED", xml="g", shard=1), _result("//a:sharded", "PASSED", xml="g", shard=2),
            _result("//a:py", "PASSED", xml="b", log="u"), _completed("//a:py", True),
            g=_GTEST.replace('<failure message="m"/>', ""), b=_BAZELS_OWN, u="Ran 7 tests in 0.1s\n\nOK\n")
        self.assertEqual((total, failures), (Count(11, 0), []))

    def test_the_last_attempt_counts(self):
        total, failures = self.count(_result("//a:t", "FAILED", xml="g"), _result("//a:t", "FLAKY", attempt=2), g=_GTEST)
        self.assertEqual((total, failures), (Count(1, 0), []))

    def test_a_crash_after_good_cases_is_a_failure(self):
        total, failures = self.count(_result("//a:t", "FAILED", log="u"), u="Ran 7 tests in 0.1s\n\nOK\nSegmentation fault")
        self.assertEqual((total, failures), (Count(7, 1), ["//a:t"]))

    def test_a_timeout_without_output_is_a_failure(self):
        self.assertEqual(self.count(_result("//a:t", "TIMEOUT")), (Count(0, 1), ["//a:t"]))

    def test_what_is_not_built_is_a_failure(self):
        kind = {"id": {"targetConfigured": {"label": "//a:t"}}, "configured": {"targetKind": "cc_test rule"}}
        total, failures = self.count(kind, _completed("//a:t", False), _completed("//a:lib", False),
                                     _completed("//a:fine", True))
        self.assertEqual((total, failures), (Count(0, 2), ["//a:t (not built)", "//a:lib (not built, not a test)"]))

    def test_what_is_skipped_is_not_counted(self):
        skipped = {"id": {"targetCompleted": {"label": "//a:t"}}, "aborted": {"reason": "SKIPPED"}}
        self.assertEqual(self.count(skipped), (Count(0, 0), []))


class MainTest(unittest.TestCase):

    def run_main(self, text, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "events.json")
            with open(path, "w", encoding="utf-8") as events:
                events.write(text)
            said = io.StringIO()
            with contextlib.redirect_stdout(said):
                code = test_totals.main([path, *arguments])
        return code, said.getvalue().splitlines()

    def test_last_line_and_exit_code(self):
        good = json.dumps(_result("//a:t", "PASSED")) + "\n"
        self.assertEqual(self.run_main(good), (0, ["1 passed, 0 failed"]))
        self.assertEqual(self.run_main(good, "--passed", "smoke"), (0, ["2 passed, 0 failed"]))
        self.assertEqual(self.run_main(good, "--failed", "smoke"), (1, ["FAILED: smoke", "1 passed, 1 failed"]))

    def test_a_line_cut_short_is_left_out(self):
        good = json.dumps(_result("//a:t", "PASSED")) + "\n"
        self.assertEqual(self.run_main(good + good[:30]), (0, ["1 passed, 0 failed"]))

    def test_no_tests_at_all_is_a_failure(self):
        self.assertEqual(self.run_main(""), (1, ["FAILED: no test was run", "0 passed, 1 failed"]))


if __name__ == "__main__":
    unittest.main()
