# SPDX-License-Identifier: Apache-2.0
"""Whether a map gets slower or larger while it lives: visits of many rounds on the same maps, keys being exchanged in each.

A visit says how time and memory change from round to round: the median slope between any two of its rounds
(Theil and Sen), of logarithms, so that 0.001 is 0.1 % a round. Time is that against the visit's baseline, by which what
the machine does meanwhile cancels out; the baseline's own time is as it was measured, and may be the machine's. The
visits' slopes give a mean and an interval as the effects of a cell do.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from report import words
from report.analyse import Analysis
from report.stats import cells

MOST = 0.001  # of a slope, a round: 5 % in fifty rounds
STEADY, UNDECIDED = "steady", "undecided"
LEAST_ROUNDS = 8  # fewer say nothing of a slope


@dataclasses.dataclass(frozen=True)
class Drift:
    """One contestant at one place. Slopes are log ratios a round; `memory` and `bytes` are None where nobody counts them.

    `rounds`: how many a visit had, at most. `relative`: time is against the baseline. `bytes`: median of the visits' last.
    """

    question: str
    cell: str | None
    axis: float | None
    regime: str
    threads: int
    oversubscribed: bool
    contestant: str
    relative: bool
    rounds: int
    time: cells.Estimate
    memory: cells.Estimate | None
    bytes: float | None

    @property
    def time_verdict(self) -> str:
        return verdict(self.time, "slower", "faster")

    @property
    def memory_verdict(self) -> str:
        return verdict(self.memory, "larger", "smaller") if self.memory is not None else "–"

    @property
    def drifts(self) -> bool:
        """Whether the map gets slower or larger; a time that may be the machine's accuses nobody."""
        return self.memory_verdict == "larger" or self.relative and self.time_verdict == "slower"


def verdict(e: cells.Estimate, rising: str, falling: str) -> str:
    """Beyond MOST with its whole interval, or within it; a slope of which nothing is known is undecided."""
    if e.low > MOST:
        return rising
    if e.high < -MOST:
        return falling
    return STEADY if -MOST <= e.low and e.high <= MOST else UNDECIDED


def slope(points: Iterable[tuple[float, float]]) -> float:
    """The median slope between any two of the points (x, y); nan of fewer than LEAST_ROUNDS. O(n^2)."""
    found = np.array(sorted(points), float)
    if len(found) < LEAST_ROUNDS:
        return math.nan
    i, j = np.triu_indices(len(found), 1)
    apart = found[j, 0] - found[i, 0]
    return float(np.median(((found[j, 1] - found[i, 1])[apart > 0]) / apart[apart > 0]))


def time_slope(visit: Any, c: int) -> float:
    """Of contestant c of a visit, against the first one; of the first one itself as measured."""
    own = ((b, row[c], row[0] if c else 1.0) for b, row in visit.read.blocks.items())
    return slope((b, math.log(ns / base)) for b, ns, base in own if ns > 0 and base > 0)


def memory_slope(visit: Any, c: int) -> float:
    return slope((b, math.log(held)) for b, held in visit.rounds.get(c, ()) if held > 0)


def summarise(visits: Iterable[Any]) -> list[Drift]:
    """A row for every question, place and contestant that has rounds; who drifts comes first. Linear in the visits."""
    seen: dict[tuple, list[tuple[Any, int]]] = {}
    for visit in visits:
        for c, name in enumerate(visit.contestants if visit.rounds and visit.read is not None else ()):
            key = (visit.question, visit.name, visit.axis, visit.regime, visit.threads, visit.oversubscribed, name, c > 0)
            seen.setdefault(key, []).append((visit, c))
    rows = [_drift(key, found) for key, found in seen.items()]
    order = {(r.question, r.cell, r.axis, r.regime, r.threads): n for n, r in reversed(list(enumerate(rows)))}
    return sorted(rows, key=lambda r: (order[r.question, r.cell, r.axis, r.regime, r.threads], not r.drifts, r.relative))


def measured(analysis: Analysis) -> list[Drift]:
    """Those of a run; of a map against itself nothing."""
    return summarise(v for v in analysis.run.visits if v.rounds and analysis.used(v) and v.purpose != "aa")


def _drift(key: tuple, found: Sequence[tuple[Any, int]]) -> Drift:
    told = [visit.rounds[c] for visit, c in found if visit.rounds.get(c)]
    return Drift(*key, max(len(visit.blocks) for visit, _ in found),
                 cells.estimate([time_slope(visit, c) for visit, c in found]),
                 cells.estimate([memory_slope(visit, c) for visit, c in found]) if told else None,
                 statistics.median(rounds[-1][1] for rounds in told) if told else None)


def rows(found: Iterable[Drift], rounded: Any) -> list[dict[str, Any]]:
    """The list `drift` of verdicts.json: changes a round, as shares; bounds that one visit leaves open are null."""
    def part(e: cells.Estimate | None) -> dict[str, Any] | None:
        return None if e is None else {"change": share(e.effect), "low": share(e.low), "high": share(e.high)}

    def share(effect: float) -> float | None:
        return rounded(math.expm1(effect)) if abs(effect) < 100 else None

    return [{"experiment": r.question, "cell": r.cell, "axis": r.axis, "regime": r.regime, "threads": r.threads,
             "oversubscribed": r.oversubscribed, "contestant": r.contestant, "rounds": r.rounds, "visits": r.time.visits,
             "against_baseline": r.relative, "time": part(r.time), "time_verdict": r.time_verdict,
             "memory": part(r.memory), "memory_verdict": r.memory_verdict} for r in found]


@dataclasses.dataclass
class Shown:
    """The section of the paper: sentences, and rows of texts."""

    sentences: list[str]
    rows: list[list[str]]


def shown(found: Sequence[Drift], title: Any) -> Shown | None:
    """`title`: (question, cell, axis, regime, threads) -> what a place is called. None of runs without rounds."""
    if not found:
        return None
    who = [f"{words.pretty(r.contestant)} ({_says(r)}; {title(r)})" for r in found if r.drifts]
    open_ = [r for r in found if not r.drifts and UNDECIDED in (r.time_verdict, r.memory_verdict)]
    rounds = max(r.rounds for r in found)
    sentences = [
        f"Over {words.plural(rounds, 'round')} on the same map " + (
            f"these drift: {words.join(who)}." if who else "nobody is seen to drift."),
        f"A slope counts from {100 * MOST:g} % a round on, {100 * math.expm1(MOST * rounds):.1f} % over all of them, with its whole "
        f"interval; of {words.plural(len(open_), 'row')} of {len(found)} the interval reaches over that bound."]
    return Shown(sentences, [_row(r, title) for r in found])


def _says(r: Drift) -> str:
    parts = [(r.time_verdict == "slower" and r.relative, r.time), (r.memory_verdict == "larger", r.memory)]
    return " and ".join(f"{word} by {percent(e.effect)} a round" for (holds, e), word in zip(parts, ("slower", "larger"))
                        if holds and e is not None)


def percent(effect: float) -> str:
    """A change a round: "+0.012 %"; "?" without a number."""
    return f"{100 * math.expm1(effect):+.3f} %".replace("-", "−") if abs(effect) < 100 else "?"


def _interval(e: cells.Estimate) -> str:
    return f"{percent(e.low)} to {percent(e.high)}" if math.isfinite(e.low) and math.isfinite(e.high) else "–"


def _row(r: Drift, title: Any) -> list[str]:
    memory = [percent(r.memory.effect), _interval(r.memory), r.memory_verdict] if r.memory is not None else ["–", "–", "–"]
    return [title(r), words.pretty(r.contestant) + ("" if r.relative else ", as measured"), percent(r.time.effect),
            _interval(r.time), r.time_verdict, *memory, f"{r.bytes / 1024:,.0f}".replace(",", " ") if r.bytes else "–",
            str(r.time.visits)]
