# SPDX-License-Identifier: Apache-2.0
"""Rules on the order of maps in one place: who leads, who is ahead of whom, whether anything differs.

The order of two maps is taken, in each setting, from the first of these that tells:

  their own pair           the verdict of its cell
  a baseline both met      intervals that are disjoint (overlapping ones tell nothing)
  the ranking of the place where it tells them apart
"""

import dataclasses

from report.claims.measured import Asked, Row, number
from report.claims.model import CONTRADICTED, SUPPORTED, UNDECIDED, Decision, Evidence

_AHEAD, _BEHIND, _EQUAL, _OPEN = "ahead of", "behind", "equivalent to", "not told apart from"
_WORDS = {"faster": _AHEAD, "slower": _BEHIND, "equivalent": _EQUAL}


@dataclasses.dataclass(frozen=True)
class _Placed(Asked):
    """A rule about one place: a named cell, or a value of a discrete axis."""

    place: str | float

    @property
    def where(self) -> str:
        place = self.place if isinstance(self.place, str) else f"at {number(self.place)}"
        return f"{self.question}/{place}{self.settings}"

    def cells(self, evidence: Evidence) -> list[Row]:
        field = "cell" if isinstance(self.place, str) else "axis"
        return self.rows(evidence, "cells", **{field: self.place})

    def ranks(self, evidence: Evidence) -> list[Row]:
        place = self.place if isinstance(self.place, str) else number(self.place)
        return self.rows(evidence, "rankings", place=place)

    def orders(self, evidence: Evidence, x: str, y: str) -> dict[tuple[str, int], str]:
        """How x stands to y, by regime and threads; only settings in which both took part."""
        field = "cell" if isinstance(self.place, str) else "axis"
        found: dict[tuple[str, int], str] = {}
        for row in self.ranks(evidence):
            names = [n if isinstance(self.place, str) else n.replace("{}", number(self.place)) for n in (x, y)]
            if all(n in row["order"] for n in names):
                tied = any(all(n in group for n in names) for group in row["not_told_apart"])
                first = row["order"].index(names[0]) < row["order"].index(names[1])
                found[_setting(row)] = _OPEN if tied else _AHEAD if first else _BEHIND
        baselines = {name for row in self.cells(evidence) for name in (row["a"], row["b"])} - {x, y}
        for base in sorted(baselines):
            mine, other = (({_setting(row): row for row in self.pairs(evidence, "cells", name, base,
                                                                      **{field: self.place})})
                           for name in (x, y))
            for setting in mine.keys() & other.keys():
                word = _apart(mine[setting], other[setting])
                if word != _OPEN or setting not in found:
                    found[setting] = word
        for row in self.pairs(evidence, "cells", x, y, **{field: self.place}):
            word = _WORDS.get(row["verdict"], _OPEN)
            if word != _OPEN or _setting(row) not in found:
                found[_setting(row)] = word
        return found

    def decided_by_setting(self, judged: dict[tuple[str, int], tuple[str, str]]) -> Decision:
        """`judged`: verdict and words by setting."""
        rows = [{"experiment": self.question, "regime": regime, "threads": threads, "place": self.place}
                for regime, threads in sorted(judged)]
        return self.decided(rows, lambda row: judged[_setting(row)], _place)


@dataclasses.dataclass(frozen=True)
class Leads(_Placed):
    """`name` is ahead of some of `among` and behind none."""

    name: str
    among: tuple[str, ...] = ()  # empty: all that took part

    @property
    def rule(self) -> str:
        others = ", ".join(n for n in self.among if n != self.name) or "all others"
        return (f"the order of maps in {self.where}: supported when {self.name} is ahead of some of {others} and "
                "behind none, "
                "contradicted when one is ahead of it or all are equivalent to it")

    def decide(self, evidence: Evidence) -> Decision:
        others = [n for n in self.among or self._everyone(evidence) if n != self.name]
        standing = {n: self.orders(evidence, self.name, n) for n in others}
        settings = set.intersection(*(set(s) for s in standing.values())) if standing else set()
        return self.decided_by_setting({s: self._judge({n: standing[n][s] for n in others}) for s in settings})

    def _everyone(self, evidence: Evidence) -> list[str]:
        rows = self.cells(evidence)
        names = {n for row in rows for n in (row["a"],
                                             row["b"])} | {n for r in self.ranks(evidence) for n in r["order"]}
        return sorted(names) if self.name in names else []

    def _judge(self, words: dict[str, str]) -> tuple[str, str]:
        said = "; ".join(f"{self.name} is {word} {', '.join(n for n in words if words[n] == word)}"
                         for word in (_AHEAD, _BEHIND, _EQUAL, _OPEN) if word in words.values())
        if _BEHIND in words.values() or set(words.values()) == {_EQUAL}:
            return CONTRADICTED, said
        return (UNDECIDED if _OPEN in words.values() else SUPPORTED), said


@dataclasses.dataclass(frozen=True)
class Ahead(_Placed):
    """`first` is ahead of `second`."""

    first: str
    second: str

    @property
    def rule(self) -> str:
        return (f"the order of maps in {self.where}: supported when {self.first} is ahead of {self.second}, "
                "contradicted when "
                "it is behind or equivalent")

    def decide(self, evidence: Evidence) -> Decision:
        verdicts = {_AHEAD: SUPPORTED, _BEHIND: CONTRADICTED, _EQUAL: CONTRADICTED, _OPEN: UNDECIDED}
        return self.decided_by_setting({
            setting: (verdicts[word], f"{self.first} is {word} {self.second}")
            for setting, word in self.orders(evidence, self.first, self.second).items()})


@dataclasses.dataclass(frozen=True)
class TellsApart(_Placed):
    """A workload separates maps: not all of those that took part are equal in it."""

    @property
    def rule(self) -> str:
        return (f"the order of maps in {self.where}: supported when at least two are told apart, contradicted when "
                "all are "
                "equivalent")

    def decide(self, evidence: Evidence) -> Decision:
        words: dict[tuple[str, int], list[str]] = {}
        for row in self.cells(evidence):
            words.setdefault(_setting(row), []).append(_WORDS.get(row["verdict"], _OPEN))
        for row in self.ranks(evidence):
            order, ties = row["order"], row["not_told_apart"]
            pairs = [(x, y) for i, x in enumerate(order) for y in order[i + 1:]]
            apart = sum(not any(x in g and y in g for g in ties) for x, y in pairs)
            words.setdefault(_setting(row), []).extend([_AHEAD] * apart)
        judged = {}
        for setting, found in words.items():
            different = found.count(_AHEAD) + found.count(_BEHIND)
            judged[setting] = (SUPPORTED if different else CONTRADICTED if set(found) == {_EQUAL} else UNDECIDED,
                               "maps are told apart" if different else "no two maps are told apart")
        return self.decided_by_setting(judged)


def _setting(row: Row) -> tuple[str, int]:
    return row["regime"], row["threads"]


def _apart(x: Row, y: Row) -> str:
    """The order of two maps by their ratios to one baseline."""
    if None in (x["low"], x["high"], y["low"], y["high"]):
        return _OPEN
    return _AHEAD if x["low"] > y["high"] else _BEHIND if x["high"] < y["low"] else _OPEN


def _place(row: Row) -> str:
    place = row["place"] if isinstance(row["place"], str) else number(row["place"])
    return f"{place}, {row['regime']}, {row['threads']} thread{'s' if row['threads'] != 1 else ''}"
