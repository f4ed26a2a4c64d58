# SPDX-License-Identifier: Apache-2.0
"""Runs the tests and looks up the sources that the ledger names, and writes down how they came out.

    tools/bazel run //report/claims:record

The file, report/claims/results.json, is committed: papers are written from it on machines that have neither the
tests nor the sources at hand. It is written anew as a whole, and only by this program.
"""

import datetime
import fnmatch
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from typing import Any

from report import claims
from report.claims import recorded, upstream
from report.claims.recorded import PASSED, Lookup, Test
from tools.arguments import Parser

COMMAND = "tools/bazel run //report/claims:record"
_SECONDS = 1800  # one binary

# Programs and unpacked packages lie beside this file's own workspace among the runfiles.
_WORKSPACE = pathlib.Path(__file__).parents[2]


class RecordError(Exception):
    """What keeps the records from being made; one sentence for people."""


def outcome(test: Test, report: Mapping[str, Any]) -> dict[str, Any]:
    """How the tests that match came out, from GoogleTest's JSON report: passed only if all of them did and none was
    left out."""
    found = [entry for suite in report.get("testsuites", ()) for entry in suite.get("testsuite", ())
             if fnmatch.fnmatchcase(f"{suite['name']}.{entry['name']}", test.pattern)]
    failed = sum(bool(entry.get("failures")) for entry in found)
    skipped = sum(entry.get("result") != "COMPLETED" for entry in found)
    ran = len(found) - skipped
    word = ("no such test" if not found else "failed" if failed else "skipped" if not ran else PASSED)
    return {"outcome": word, "ran": ran, "skipped": skipped, "failed": failed}


def run(program: pathlib.Path, tests: Iterable[Test]) -> dict[str, Any]:
    """The outcomes of the tests of one program, by key."""
    tests = list(tests)
    if not program.exists():
        raise RecordError(f"{tests[0].target} is named by the ledger but not at hand; add it to `data` of "
                          "//report/claims:record.")
    with tempfile.TemporaryDirectory() as scratch:
        report = pathlib.Path(scratch) / "report.json"
        try:
            done = subprocess.run(
                [program, "--gtest_filter=" + ":".join(t.pattern for t in tests), f"--gtest_output=json:{report}"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=_SECONDS, check=False)
            ended = f"ended with status {done.returncode} and no report"
        except subprocess.TimeoutExpired:
            ended = "did not end in time"
        if not report.exists():
            return {test.key: {"outcome": ended, "ran": 0, "skipped": 0, "failed": 0} for test in tests}
        parsed = json.loads(report.read_text(encoding="utf-8"))
    return {test.key: outcome(test, parsed) for test in tests}


def tests_of(items: Iterable[Test | Lookup]) -> dict[str, Any]:
    """The outcomes of all tests among `items`."""
    by_target: dict[str, list[Test]] = {}
    for item in items:
        if isinstance(item, Test):
            by_target.setdefault(item.target, []).append(item)
    found = {}
    for number, (target, tests) in enumerate(sorted(by_target.items()), 1):
        print(f"[{number} of {len(by_target)}] {target}", file=sys.stderr)
        found.update(run(_WORKSPACE / target.removeprefix("//").replace(":", "/"), tests))
    return found


def lookups_of(items: Iterable[Test | Lookup]) -> tuple[dict[str, Any], dict[str, str]]:
    """The outcomes of all lookups among `items`, and the versions of the packages."""
    trees = {}
    for name, package in upstream.SOURCES.items():
        root = _WORKSPACE.parent / package.repository
        if not root.exists():
            raise RecordError(f"The source of {name} is not at hand; add @{package.repository}//:sources to `data` of "
                              "//report/claims:record.")
        trees[name] = upstream.Tree(package, root)
    found = {item.key: {"outcome": upstream.look_up(item, trees)} for item in items if isinstance(item, Lookup)}
    return found, {name: tree.version() for name, tree in trees.items()}


def revision(root: pathlib.Path) -> dict[str, Any]:
    """The commit of the source tree, and whether anything but the records differs from it."""
    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True).stdout.strip()

    try:
        changed = [line for line in git("status", "--porcelain").splitlines() if not line.endswith(claims.RESULTS.name)]
        return {"revision": git("rev-parse", "HEAD"), "dirty": bool(changed)}
    except (OSError, subprocess.CalledProcessError):
        return {"revision": "unknown", "dirty": True}


def main(given: list[str]) -> int:
    Parser(prog="record", description=__doc__.split("\n", maxsplit=1)[0]).parse_args(given)
    root = pathlib.Path(os.environ.get("BUILD_WORKSPACE_DIRECTORY", _WORKSPACE))
    items = recorded.everything(p for row in claims.ROWS for reading in row.readings for p in reading.parts)
    now = datetime.datetime.now(datetime.timezone.utc)
    try:
        lookups, packages = lookups_of(items)
        result = {"schema": 1, "generated_by": COMMAND, **revision(root), "date": now.strftime("%Y-%m-%d"),
                  "packages": packages, "tests": tests_of(items), "lookups": lookups}
    except RecordError as error:
        print(error, file=sys.stderr)
        return 2
    path = root / "report/claims" / claims.RESULTS.name
    path.write_text(json.dumps(result, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    wrong = [(item, recorded.outcome(item, result)) for item in items]
    wrong = [f"{item.words}: {word}" for item, word in wrong if word != item.good]
    print(f"{path}: {len(result['tests'])} tests, {len(lookups)} lookups, {len(wrong)} not as the ledger needs them.")
    print("".join(f"  {line}\n" for line in wrong), end="")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
