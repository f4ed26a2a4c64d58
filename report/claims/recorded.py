# SPDX-License-Identifier: Apache-2.0
"""Rules that recorded outcomes decide: named tests of the suite, and lookups in the upstream source.

Nothing here says how a test or a lookup came out. `bazel run //report/claims:record` runs and looks up everything
that the ledger names and writes results.json; a rule reads it. What is not in the file, or did not come out as the
rule needs it, leaves the claim undecided, and the evidence says which.

Tests exercise this study's C++ port of a design, never the original. Lookups read the original, and say what stands
there, not what it does.
"""

import dataclasses
from collections.abc import Iterable
from typing import Any

from report.claims.model import (CONTRADICTED, SOURCE, SUPPORTED, TESTED, UNDECIDED, Decision, Evidence)

PASSED, HOLDS = "passed", "holds"  # the outcomes that count


@dataclasses.dataclass(frozen=True)
class Test:
    """Tests of one binary whose names match a GoogleTest filter."""

    target: str  # label of the binary
    pattern: str  # of --gtest_filter
    file: str  # where `name` stands
    name: str
    good = PASSED

    @property
    def key(self) -> str:
        return f"{self.target} {self.pattern}"

    @property
    def words(self) -> str:
        return f"{self.name} ({self.file})"


def sync(name: str) -> Test:
    """A test of the read/dirty map, of both layouts."""
    return own("sync_map_test", name)


def own(target: str, name: str) -> Test:
    """A test beside a strategy's header."""
    return Test(f"//maps:{target}", f"*.{name}", f"maps/{target}.cc", name)


def internal(file: str, name: str) -> Test:
    """A test beside what strategies share: <room>/<file>."""
    return Test(f"//maps:internal_{file.split('/')[-1]}", f"*.{name}", f"maps/internal/{file}.cc", name)


def part(file: str, name: str) -> Test:
    """A test beside a part of a strategy: <strategy>/<file>."""
    return Test(f"//maps:internal_{file.split('/')[-1]}", f"*.{name}", f"maps/{file}.cc", name)


_KIT_FILES = {
    **dict.fromkeys(("load_or_store", "deleted_values_are_destroyed"), "sequential_checks"),
    **dict.fromkeys(("range_nested_calls", "range_visits_each_once", "reserve_is_invisible"), "whole_map_checks"),
    **dict.fromkeys(("load_or_compute_once", "reservation", "values_come_out_once", "shared_load_and_delete",
                     "unshared_swap"), "concurrent_checks"),
    **dict.fromkeys(("concurrent_range", "readers_see_stored_values", "batch_is_atomic", "range_is_snapshot",
                     "growth_loses_nothing", "reads_come_before_frees"), "concurrent_reader_checks"),
}


def kit(check: str, strategy: str = "sync_map") -> Test:
    """A check of the conformance kit on one strategy, with all its types and hashes."""
    return Test(f"//maps:{strategy}_conformance_test", f"*.{check}", f"maps/testing/{_KIT_FILES[check]}.cc", check)


def caught(name: str) -> Test:
    """A test that the kit catches a mistake planted in a map."""
    return Test("//maps/testing:kit_test", f"KitTest.{name}", "maps/testing/kit_test.cc", name)


def workload(target: str, name: str) -> Test:
    return Test(f"//workloads:{target}", f"*.{name}*", f"workloads/{target}.cc", name)


@dataclasses.dataclass(frozen=True)
class Lookup:
    """What stands in a function of an upstream source; `function` "" is the whole file, `type X` a type.

    verb: has, lacks (a regular expression, comments left out unless `comments`), counts (`pattern` is found
    `number` times), same (the function is the same text, comments and spacing apart, in `other`).
    """

    package: str  # of SOURCES in upstream.py
    file: str
    function: str
    verb: str
    pattern: str = ""
    comments: bool = False
    number: int = 0
    other: str = ""
    good = HOLDS

    @property
    def key(self) -> str:
        tail = {"same": self.other, "counts": f"{self.number} {self.pattern}"}.get(self.verb, self.pattern)
        return f"{self.package} {self.file} {self.function or '*'} {self.verb} {tail}"

    @property
    def words(self) -> str:
        place = f"{self.function} in {self.file}" if self.function else self.file
        what = {"has": f"has `{self.pattern}`", "lacks": f"lacks `{self.pattern}`",
                "counts": f"has `{self.pattern}` {self.number} times",
                "same": f"is the same text as in {self.other}"}[self.verb]
        return f"{place} of {self.package} {what}"


def has(package: str, file: str, function: str, pattern: str, comments: bool = False) -> Lookup:
    return Lookup(package, file, function, "has", pattern, comments)


def lacks(package: str, file: str, function: str, pattern: str) -> Lookup:
    return Lookup(package, file, function, "lacks", pattern)


def counts(package: str, file: str, pattern: str, number: int) -> Lookup:
    return Lookup(package, file, "", "counts", pattern, number=number)


def same(package: str, other: str, file: str, function: str) -> Lookup:
    return Lookup(package, file, function, "same", other=other)


@dataclasses.dataclass(frozen=True)
class Shown:
    """A finding that stands as long as everything named came out as it should."""

    holds: bool  # whether the finding makes the claim true or false
    finding: str
    items: tuple[Test | Lookup, ...]

    @property
    def kind(self) -> str:
        return TESTED if any(isinstance(item, Test) for item in self.items) else SOURCE

    @property
    def tests(self) -> tuple[Test, ...]:
        return tuple(item for item in self.items if isinstance(item, Test))

    @property
    def lookups(self) -> tuple[Lookup, ...]:
        return tuple(item for item in self.items if isinstance(item, Lookup))

    @property
    def rule(self) -> str:
        listed = ", ".join(item.words for item in self.items)
        verb = "pass" if self.kind == TESTED and not self.lookups else "hold"
        return f"{'supported' if self.holds else 'contradicted'} as long as these {verb}: {listed}"

    def decide(self, evidence: Evidence) -> Decision:
        found = [(item, outcome(item, evidence.records)) for item in self.items]
        wrong = [f"{item.words}: {came_out}" for item, came_out in found if came_out != item.good]
        if wrong:
            return Decision(UNDECIDED, f"The records do not bear it out: {'; '.join(wrong)}.")
        return Decision(SUPPORTED if self.holds else CONTRADICTED, f"{self.finding} Shown by {self._briefly()}.")

    def _briefly(self) -> str:
        """The tests by name, and where lookups were made. The rule says what was looked up."""
        places: dict[str, dict[str, None]] = {}
        for item in self.lookups:
            places.setdefault(f"{item.file} of {item.package}", {}).setdefault(item.function.removeprefix("type "))
        looked = [f"{' and '.join(filter(None, names))} in {file}" if any(names) else file for file,
                  names in places.items()]
        return ", ".join([*(item.words for item in self.tests), *looked])


@dataclasses.dataclass(frozen=True)
class Cited:
    """A finding in a source that no package brings: read by a person, and cited so that others can."""

    holds: bool
    finding: str
    project: str  # and version or commit
    file: str
    function: str
    kind = SOURCE

    @property
    def rule(self) -> str:
        return (f"{'supported' if self.holds else 'contradicted'} by {self.function} in {self.file} of {self.project}, "
                "which was read and is not looked up again")

    def decide(self, evidence: Evidence) -> Decision:
        return Decision(SUPPORTED if self.holds else CONTRADICTED,
                        f"{self.finding} Read in {self.function}, {self.file} of {self.project}.")


def outcome(item: Test | Lookup, records: dict[str, Any]) -> str:
    """As recorded; "not recorded" when the file does not have it."""
    table = "tests" if isinstance(item, Test) else "lookups"
    return records.get(table, {}).get(item.key, {}).get("outcome", "not recorded")


def holds(finding: str, *items: Test | Lookup) -> Shown:
    """A part of a claim that is true."""
    return Shown(True, finding, items)


def fails(finding: str, *items: Test | Lookup) -> Shown:
    """A part of a claim that is false."""
    return Shown(False, finding, items)


def everything(parts: Iterable[Any]) -> list[Test | Lookup]:
    """All tests and lookups that parts name, each once, in order of key."""
    named = {item.key: item for part in parts if isinstance(part, Shown) for item in part.items}
    return [named[key] for key in sorted(named)]
