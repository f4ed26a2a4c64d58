# SPDX-License-Identifier: Apache-2.0
"""Rules that the campaigns' files decide: bytes counted at the allocator, violations in recorded histories.

A run carries copies of them (`proof` in run.json); METHODOLOGY.md says what they hold.
"""

import dataclasses
from typing import Any

from report.claims.measured import span
from report.claims.model import (CONTRADICTED, COUNTED, NOT_ASKED, SUPPORTED, Decision, Evidence, agreement)

_STATES = {"settled": "settled", "fill_peak": "at most while being filled", "overwrite_peak": "at most while every "
                                                                                              "entry was "
           "overwritten once"}


@dataclasses.dataclass(frozen=True)
class Bytes:
    """The bytes of a relative to those of b, at every number of entries asked for, lie within [low, high]."""

    a: str
    b: str
    low: float
    high: float
    entries: tuple[int, ...] = ()  # empty: all
    state: str = "settled"
    other: str = ""  # the state of b when it is another one
    kind = COUNTED

    @property
    def rule(self) -> str:
        listed = ", ".join(f"{n:,}" for n in self.entries)
        sizes = f" at {listed} entries" if listed else " at every number of entries"
        return (f"bytes of {self.a}, {_STATES[self.state]}, relative to those of {self.b}, "
                f"{_STATES[self.other or self.state]},{sizes}: supported when {span(self.low, self.high)}, "
                "contradicted when not")

    def decide(self, evidence: Evidence) -> Decision:
        strategies: dict[str, Any] = (evidence.proof.get("memory") or {}).get("strategies") or {}
        mine = _footprints(strategies, self.a, self.state)
        other = _footprints(strategies, self.b, self.other or self.state)
        sizes = [n for n in sorted(mine) if n in other and (not self.entries or n in self.entries)]
        if not sizes:
            return Decision(NOT_ASKED, "This run carries no memory profile of both maps at that size.")
        found = {n: mine[n] / other[n] for n in sizes}
        verdicts = [SUPPORTED if self.low <= x <= self.high else CONTRADICTED for x in found.values()]
        return Decision(agreement(verdicts),
                        f"{self.a}, {_STATES[self.state]}, has "
                        + ", ".join(f"{x:.2f}" for x in found.values())
                        + f" times the bytes of {self.b}, {_STATES[self.other or self.state]}, at "
                        + ", ".join(f"{n:,}" for n in found) + " entries.")


def _footprints(strategies: dict[str, Any], name: str, state: str) -> dict[int, int]:
    """Bytes by number of entries, where that state was counted."""
    return {f["entries"]: f[state] for f in strategies.get(name, {}).get("footprints", []) if f.get(state)}


@dataclasses.dataclass(frozen=True)
class Violations:
    """Recorded histories of a contestant or a control that no sequential map explains: none, or some."""

    name: str
    expect_some: bool
    means: bool  # whether that makes the claim true
    control: bool = False
    kind = COUNTED

    @property
    def rule(self) -> str:
        some, word = ("some" if self.expect_some else "none"), ("supported" if self.means else "contradicted")
        return f"violations of linearizability in recorded histories of {self.name}: {word} when there are {some}"

    def decide(self, evidence: Evidence) -> Decision:
        figures = evidence.proof.get("linearizability") or {}
        entry = figures.get("controls" if self.control else "contestants", {}).get(self.name)
        if entry is None:
            return Decision(NOT_ASKED, f"This run carries no linearizability check of {self.name}.")
        as_expected = (entry["violations"] > 0) == self.expect_some
        return Decision(SUPPORTED if as_expected == self.means else CONTRADICTED,
                        f"{entry['violations']:,} of {entry['histories'] + entry['map_histories']:,} recorded "
                        "histories of "
                        f"{self.name} violate linearizability.")
