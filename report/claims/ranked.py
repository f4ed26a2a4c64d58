# SPDX-License-Identifier: Apache-2.0
"""Rules on the rankings of a run: for maps that never met as a pair, and for "which is best"."""

import dataclasses

from report.claims.measured import Asked, Row
from report.claims.model import CONTRADICTED, SUPPORTED, UNDECIDED, Decision, Evidence


@dataclasses.dataclass(frozen=True)
class Leads(Asked):
    """`name` is first among `among` in the ranking of a place, or not told apart from the first."""

    place: str | None
    name: str
    among: tuple[str, ...] = ()  # empty: all that took part

    @property
    def rule(self) -> str:
        others = f" among {', '.join(self.among)}" if self.among else ""
        place = f"/{self.place}" if self.place else ""
        return (f"the ranking of {self.question}{place}{self.settings}: supported when {self.name} comes "
                f"first{others} or "
                "is not told apart from the first, contradicted when another is ahead")

    def decide(self, evidence: Evidence) -> Decision:
        def judge(row: Row) -> tuple[str, str]:
            order = [n for n in row["order"] if not self.among or n in self.among]
            first = order[0]
            tied = any(first in group and self.name in group for group in row["not_told_apart"])
            if len(order) > 1 and all(any(x in g and y in g for g in row["not_told_apart"])
                                      for x in order for y in order if x != y):
                return UNDECIDED, "none is told apart from another"
            return (SUPPORTED if first == self.name or tied else CONTRADICTED), f"{first} comes first"

        found = [row for row in self.rows(evidence, "rankings", place=self.place)
                 if self.name in row["order"] and sum(n in row["order"] for n in self.among) == len(self.among)]
        return self.decided(found, judge, _place)


@dataclasses.dataclass(frozen=True)
class Ahead(Asked):
    """`first` stands before `second` in the ranking of a place, told apart: for maps that never met as a pair."""

    place: str | None
    first: str
    second: str

    @property
    def rule(self) -> str:
        place = f"/{self.place}" if self.place else ""
        return (f"the ranking of {self.question}{place}{self.settings}: supported when {self.first} stands before "
                f"{self.second}, contradicted when it stands behind, undecided when they are not told apart")

    def decide(self, evidence: Evidence) -> Decision:
        def judge(row: Row) -> tuple[str, str]:
            if any(self.first in group and self.second in group for group in row["not_told_apart"]):
                return UNDECIDED, "not told apart"
            ahead = row["order"].index(self.first) < row["order"].index(self.second)
            return (SUPPORTED if ahead else CONTRADICTED), f"{self.first if ahead else self.second} is ahead"

        found = [row for row in self.rows(evidence, "rankings", place=self.place)
                 if self.first in row["order"] and self.second in row["order"]]
        return self.decided(found, judge, _place)


@dataclasses.dataclass(frozen=True)
class TellsApart(Asked):
    """A workload separates maps: not all of those that took part are equal in it."""

    place: str | None

    @property
    def rule(self) -> str:
        place = f"/{self.place}" if self.place else ""
        return (f"the ranking of {self.question}{place}{self.settings}: supported when at least two maps are told "
                "apart, "
                "undecided when none are")

    def decide(self, evidence: Evidence) -> Decision:
        def judge(row: Row) -> tuple[str, str]:
            order = row["order"]
            apart = sum(not any(x in g and y in g for g in row["not_told_apart"])
                        for i, x in enumerate(order) for y in order[i + 1:])
            pairs = len(order) * (len(order) - 1) // 2
            return (SUPPORTED if apart else UNDECIDED), f"{apart} of {pairs} pairs told apart"

        return self.decided(self.rows(evidence, "rankings", place=self.place), judge, _place)


def _place(row: Row) -> str:
    return f"{row['place']}, {row['regime']}, {row['threads']} thread{'s' if row['threads'] != 1 else ''}"
