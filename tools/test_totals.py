# SPDX-License-Identifier: Apache-2.0
"""Counts the test cases of one `bazel test`, from the events it wrote with --build_event_json_file.

Prints the targets that failed, then as last line "N passed, N failed". Cases are counted where the target says how many
it had: GoogleTest in its XML, unittest in its last lines, our shell tests in theirs ("N checks passed, M failed"). Any
other target is one case. A target that failed, timed out or was not built counts at least one failed case.
"""

import argparse
import json
import re
import sys
import urllib.parse
import xml.etree.ElementTree
from dataclasses import dataclass


@dataclass(frozen=True)
class Count:
    """Test cases that passed and failed; skipped ones are neither."""

    passed: int
    failed: int

    def __add__(self, other):
        return Count(self.passed + other.passed, self.failed + other.failed)


def count_gtest(text):
    """Cases in GoogleTest's XML; None if the text is not that (Bazel writes a bare one for other tests)."""
    try:
        root = xml.etree.ElementTree.fromstring(text)
    except xml.etree.ElementTree.ParseError:
        return None
    passed = failed = 0
    known = False
    for case in root.iter("testcase"):
        result = case.get("result")  # Only GoogleTest writes it: completed, skipped or suppressed.
        known = known or result is not None
        if case.find("failure") is not None:
            failed += 1
        elif result == "completed":
            passed += 1
    return Count(passed, failed) if known else None


def count_log(text):
    """Cases in the log of a unittest program or one of our shell tests; None if it is neither."""
    ran = re.findall(r"^Ran (\d+) tests? in [\d.]+s$", text, re.MULTILINE)
    if ran:
        verdicts = re.findall(r"^(?:OK|FAILED|NO TESTS RAN)(?: \((.*)\))?$", text, re.MULTILINE)
        numbers = dict(re.findall(r"([a-z ]+)=(\d+)", verdicts[-1].replace(", ", ";"))) if verdicts else {}
        failed = sum(int(numbers.get(key, 0)) for key in ("failures", "errors", "unexpected successes"))
        total = sum(map(int, ran)) - int(numbers.get("skipped", 0))
        return Count(max(total - failed, 0), failed)
    checks = re.findall(r"^(\d+) checks passed, (\d+) failed$", text, re.MULTILINE)
    if checks:
        return Count(sum(int(p) for p, _ in checks), sum(int(f) for _, f in checks))
    return None


def read_events(lines):
    """The events in the lines of the file; a last line cut short (Bazel was stopped) is left out."""
    events = []
    for line in lines:
        try:
            events.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return events


def _read(uri):
    path = urllib.parse.unquote(urllib.parse.urlparse(uri).path)
    try:
        with open(path, encoding="utf-8", errors="replace") as text:
            return text.read()
    except OSError:
        return ""


def count_result(result, read=_read):
    """Cases of one testResult event (one shard of one run)."""
    outputs = {output["name"]: output.get("uri", "") for output in result.get("testActionOutput", ())}
    count = None
    if "test.xml" in outputs:
        count = count_gtest(read(outputs["test.xml"]))
    if count is None and "test.log" in outputs:
        count = count_log(read(outputs["test.log"]))
    passed = result.get("status") in ("PASSED", "FLAKY")
    if count is None:
        return Count(1, 0) if passed else Count(0, 1)
    if not passed and count.failed == 0:
        # It crashed, or ran out of time, after the cases it told of.
        return count + Count(0, 1)
    return count


def count_events(events, read=_read):
    """Total of a build's events, and the labels of the targets that failed, in order."""
    results = {}
    tests = set()
    unbuilt = []
    for event in events:
        identity = event.get("id", {})
        if "testResult" in event and "testResult" in identity:
            key = identity["testResult"]
            # Attempts of the same shard and run come in order: the last one counts.
            results[key["label"], key.get("run", 1), key.get("shard", 1)] = event["testResult"]
        elif "configured" in event and "targetConfigured" in identity:
            if re.search(r"_test rule$", event["configured"].get("targetKind", "")):
                tests.add(identity["targetConfigured"]["label"])
        elif "targetCompleted" in identity:
            label = identity["targetCompleted"]["label"]
            reason = event.get("aborted", {}).get("reason", "")
            if reason != "SKIPPED" and not event.get("completed", {}).get("success", False):
                unbuilt.append(label)
    total = Count(0, 0)
    failures = []
    for (label, _, _), result in results.items():
        count = count_result(result, read)
        total += count
        if count.failed and label not in failures:
            failures.append(label)
    tested = {label for label, _, _ in results}
    for label in dict.fromkeys(unbuilt):
        if label not in tested:
            # A library or program that does not build is a failure as well, test or not.
            total += Count(0, 1)
            failures.append(label + (" (not built)" if label in tests else " (not built, not a test)"))
    return total, failures


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("events", help="file that bazel test wrote for --build_event_json_file")
    parser.add_argument("--passed", action="append", default=[], help="one more case, that passed")
    parser.add_argument("--failed", action="append", default=[], help="one more case, that failed")
    args = parser.parse_args(argv)
    try:
        with open(args.events, encoding="utf-8", errors="replace") as lines:
            events = read_events(lines)
    except OSError:
        events = []
    total, failures = count_events(events)
    if total == Count(0, 0):
        failures.append("no test was run")
        total = Count(0, 1)
    total += Count(len(args.passed), len(args.failed))
    for label in failures + args.failed:
        print(f"FAILED: {label}")
    print(f"{total.passed} passed, {total.failed} failed")
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
