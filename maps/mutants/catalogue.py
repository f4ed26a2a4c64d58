# SPDX-License-Identifier: Apache-2.0
"""The list of mutants, and what follows from it: changed headers, programs, fingerprints."""

import dataclasses
import hashlib
import json
import pathlib
import re

_HASHES = {
    "good": ("DefaultHash", "kGood"),
    "truncated": ("testing::TruncatedHash", "kTruncated"),
    "constant": ("testing::ConstantHash", "kConstant"),
}

_PROGRAM = """\
#include "{mutant}"
{includes}
#include "maps/mutants/runner.h"

namespace cmap {{
struct Mutant {{
  static constexpr std::string_view kName = "{id}";
  template <class K, class V, class Hash = DefaultHash<K>, class Atomics = NativeAtomics>
  using Map = {map};
}};
}}  // namespace cmap

int main(int argc, char** argv) {{
  using namespace cmap;
  return mutants::Run<Mutant, {hash}, testing::HashKind::{kind}, mutants::{rungs}>(
      argc > 1 ? argv[1] : "");
}}
"""


# A mutant without a mistake: the strategy itself, which has to pass every rung, or what finds
# the others means nothing.
UNCHANGED = "unchanged"


class BadMutant(Exception):
    """A mutant that does not fit the code. The text says which and why."""


@dataclasses.dataclass(frozen=True)
class Strategy:
    name: str
    header: str  # in maps/
    map: str
    policies: list[str]  # headers in maps/ that `map` needs besides
    peer: bool
    tsan: bool
    variant_of: str


@dataclasses.dataclass(frozen=True)
class Mutant:
    name: str
    strategy: str
    file: str
    find: str
    replace: str
    what: str
    killed_by: str
    survives: str
    hash: str

    @property
    def id(self) -> str:
        return f"{self.strategy}/{self.name}"

    @property
    def fingerprint(self) -> str:
        """Of the mistake itself: a result is of this mutant only while it is the same."""
        parts = (self.strategy, self.file, self.find, self.replace, self.hash)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]

    @property
    def is_control(self) -> bool:
        return self.name == UNCHANGED

    def apply(self, text: str) -> str:
        """The header with the mistake."""
        if self.is_control:
            return text
        times = text.count(self.find)
        if times != 1:
            raise BadMutant(
                f"{self.id}: its text occurs {times} times in {self.file}, not once; "
                f"bring the mutant up to date with the code: {self.find.strip().splitlines()[0]!r}"
            )
        if self.replace == self.find:
            raise BadMutant(f"{self.id}: changes nothing")
        return text.replace(self.find, self.replace)


@dataclasses.dataclass(frozen=True)
class Catalogue:
    rungs: dict[str, str]
    without: dict[str, str]
    strategies: dict[str, Strategy]
    mutants: list[Mutant]

    def of_header(self, header: str) -> list[Mutant]:
        """The mutants that are run with a strategy of this header."""
        return [
            m
            for m in self.mutants
            if self.strategies[m.strategy].header == header and not m.is_control
        ]

    def with_controls(self) -> "Catalogue":
        """With a control before the mutants of each strategy."""
        mutants: list[Mutant] = []
        for name in dict.fromkeys(m.strategy for m in self.mutants):
            control = Mutant(
                name=UNCHANGED,
                strategy=name,
                file="maps/" + self.strategies[name].header,
                find="",
                replace="",
                what="None: the strategy itself.",
                killed_by="",
                survives="It is right.",
                hash="good",
            )
            mutants += [control, *(m for m in self.mutants if m.strategy == name)]
        return dataclasses.replace(self, mutants=mutants)


def load(path: pathlib.Path) -> Catalogue:
    raw = json.loads(path.read_text())
    catalogue = Catalogue(
        rungs=dict(raw["rungs"]),
        without=raw["without"],
        strategies={name: Strategy(name, **s) for name, s in raw["strategies"].items()},
        mutants=[Mutant(**m) for m in raw["mutants"]],
    )
    seen = set()
    for mutant in catalogue.mutants:
        if mutant.id in seen:
            raise BadMutant(f"{mutant.id}: two mutants have this name")
        seen.add(mutant.id)
        if mutant.strategy not in catalogue.strategies:
            raise BadMutant(f"{mutant.id}: maps/strategies.bzl has no {mutant.strategy!r}")
        if mutant.killed_by and mutant.killed_by not in catalogue.rungs:
            raise BadMutant(f"{mutant.id}: no rung is called {mutant.killed_by!r}")
        if mutant.hash not in _HASHES:
            raise BadMutant(f"{mutant.id}: no hash is called {mutant.hash!r}")
    return catalogue.with_controls()


def program(mutant: Mutant, strategy: Strategy, header: str, rungs: str) -> str:
    """The source of a program that holds the mutant, in the file `header`, against some rungs.

    `rungs` is a constant of runner.h.
    """
    hash_type, kind = _HASHES[mutant.hash]
    return _PROGRAM.format(
        mutant=header,
        includes="\n".join(f'#include "maps/{h}"' for h in [strategy.header, *strategy.policies]),
        id=mutant.id,
        map=strategy.map,
        hash=hash_type,
        kind=kind,
        rungs=rungs,
    )


def own_test(mutant: Mutant, strategy: Strategy, root: pathlib.Path) -> str:
    """The unit test of the header, or of the strategy; empty if there is none."""
    for header in (mutant.file, "maps/" + strategy.header):
        test = header.removesuffix(".h") + "_test.cc"
        if (root / test).exists():
            return test
    return ""


def sources(start: list[str], root: pathlib.Path) -> list[str]:
    """`start` and all files of the project that they include, in the end."""
    found: set[str] = set()
    todo = list(start)
    while todo:
        path = todo.pop()
        if path in found or not (root / path).exists():
            continue
        found.add(path)
        todo += re.findall(r'^#include "(maps/[^"]+)"', (root / path).read_text(), re.MULTILINE)
    return sorted(found)


def digest(paths: list[str], root: pathlib.Path) -> str:
    """Of the contents of files."""
    sha = hashlib.sha256()
    for path in paths:
        sha.update(path.encode() + b"\0" + (root / path).read_bytes() + b"\0")
    return sha.hexdigest()[:16]
