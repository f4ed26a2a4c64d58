# SPDX-License-Identifier: Apache-2.0
"""What a row of the ledger is, and what can be said of one.

A claim is decided by its parts: what must all be true for the claim to hold. Each part has a kind of evidence, a
rule in words and a function that applies it. A claim that can be read in several ways has readings; the verdict is
that of the first, and the paper shows what the others would give.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

SUPPORTED = "supported"
CONTRADICTED = "contradicted"
PARTLY = "partly"
UNDECIDED = "undecided"
NOT_ASKED = "not asked in this run"
NOT_TESTABLE = "not testable here"
OUT_OF_SCOPE = "out of scope"
VERDICTS = (SUPPORTED, CONTRADICTED, PARTLY, UNDECIDED, NOT_ASKED, NOT_TESTABLE, OUT_OF_SCOPE)
DECIDED = (SUPPORTED, CONTRADICTED, PARTLY)

# Kinds of evidence, and where each is found.
MEASURED = "measured"  # intervals of this run
COUNTED = "counted"  # a campaign's file: bytes at the allocator, violations in recorded histories
TESTED = "tested"  # outcomes of named tests, recorded in results.json
SOURCE = "source"  # the upstream source, looked up when results.json was written
ARITHMETIC = "arithmetic"  # the text's own numbers
NONE = "none"  # nothing here can tell; the reason is given
KINDS = (MEASURED, COUNTED, TESTED, SOURCE, ARITHMETIC, NONE)


@dataclasses.dataclass(frozen=True)
class Evidence:
    """All that a rule may look at."""

    conclusions: Mapping[str, Any]  # verdicts.json without its claims
    proof: Mapping[str, Any]  # `proof` of run.json
    records: Mapping[str, Any]  # results.json


@dataclasses.dataclass(frozen=True)
class Decision:
    """A verdict, the sentence of evidence behind it, and the rows of the run that it rests on."""

    verdict: str
    evidence: str
    places: tuple[tuple[str, str, int, str, str], ...] = ()  # experiment, regime, threads, a and b or ""

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise ValueError(f"unknown claim verdict {self.verdict!r}; use one of {VERDICTS}")


class Part(Protocol):
    """One thing that must be true for a claim to hold."""

    kind: str

    @property
    def rule(self) -> str:
        """What is looked at and what would decide it, as a clause without a full stop."""

    def decide(self, evidence: Evidence) -> Decision: ...


@dataclasses.dataclass(frozen=True)
class OutOfScope:
    """The claim is not about maps."""

    why: str
    kind = NONE

    @property
    def rule(self) -> str:
        return "no rule: it is not about maps"

    def decide(self, evidence: Evidence) -> Decision:
        return Decision(OUT_OF_SCOPE, self.why)


@dataclasses.dataclass(frozen=True)
class NotTestable:
    """The claim is about maps, and nothing this study has could show it."""

    why: str
    kind = NONE

    @property
    def rule(self) -> str:
        return "no rule: nothing in this study could show it"

    def decide(self, evidence: Evidence) -> Decision:
        return Decision(NOT_TESTABLE, self.why)


@dataclasses.dataclass(frozen=True)
class Reading:
    """One way to read a claim."""

    words: str
    parts: tuple[Part, ...]


@dataclasses.dataclass(frozen=True)
class Claim:
    """One published claim, restated.

    `id` names source text and claim (000-C01 is the first of the first text), `section` its place there, `workload`
    what the text says was run.
    """

    id: str
    section: str
    text: str
    workload: str
    readings: tuple[Reading, ...]

    @property
    def parts(self) -> tuple[Part, ...]:
        """Those of the reading that gives the verdict."""
        return self.readings[0].parts


def claim(id_: str, section: str, text: str, workload: str, *parts: Part, reading: str = "as printed",
          others: Iterable[Reading] = ()) -> Claim:
    """A claim whose first reading consists of `parts`."""
    return Claim(id_, section, text, workload, (Reading(reading, parts), *others))


def reading(words: str, *parts: Part) -> Reading:
    return Reading(words, parts)


def agreement(verdicts: Iterable[str]) -> str:
    """One verdict from several rows about the same thing: disagreement is `partly`.

    Rows that are open do not outweigh decided ones. Among open ones, what was asked and not decided comes first.
    """
    verdicts = list(verdicts)
    decided = {v for v in verdicts if v in DECIDED}
    if decided:
        return decided.pop() if len(decided) == 1 else PARTLY
    for word in (UNDECIDED, NOT_ASKED, NOT_TESTABLE, OUT_OF_SCOPE):
        if word in verdicts:
            return word
    return UNDECIDED


def conjunction(verdicts: Iterable[str]) -> str:
    """One verdict from the parts of a claim, all of which must hold.

    One part that fails contradicts the claim, whatever is still open; parts that hold and parts that fail make it
    `partly`. A claim is supported only when no part is open.
    """
    verdicts = list(verdicts)
    decided = {v for v in verdicts if v in DECIDED}
    is_open = [v for v in verdicts if v not in DECIDED]
    if PARTLY in decided or len(decided) > 1:
        return PARTLY
    if decided == {CONTRADICTED} or decided and not is_open:
        return decided.pop()
    return agreement(is_open)
