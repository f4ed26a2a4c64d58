# SPDX-License-Identifier: Apache-2.0
"""What has been measured so far, in the terms of report.stats.

The orchestrator and the report use the same functions on the same numbers, so the plan never
chases an answer that the paper would not give.
"""

import dataclasses
import math
from typing import Any

import numpy as np

from report.stats import cells, crossover, latency, visits
from report.stats.axis import Axis

Question = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a visit is made. `axis` is None for named cells, `cell` for axes."""

    question: str
    baseline: str
    regime: str
    threads: int
    axis: float | None
    cell: str | None


@dataclasses.dataclass(frozen=True)
class Goal:
    """One thing to decide: a pair over an axis (or at one place), for zero or for a level.

    level: index into the question's levels, or None for the crossing of zero
    metric: what of the pair is compared (report/stats/latency.py); "time" per operation
    axis: the value, for goals at one place of a discrete axis; otherwise None
    """

    question: str
    baseline: str
    contestant: str
    regime: str
    threads: int
    axis: float | None = None
    cell: str | None = None
    level: int | None = None
    metric: str = "time"

    @property
    def delta(self) -> float:
        """The least effect that matters."""
        return cells.delta_for(self.threads) if self.metric == "time" else latency.DELTA


def effects(lines: list[dict[str, Any]], contestants: int, metric: str = "time") -> list[float]:
    """The effect of every contestant against the first, from one visit's lines; nan when there is none."""
    if metric != "time":
        times = latency.read(lines)
        return [math.nan] + [times.effect(c, 0, metric) if times else math.nan for c in range(1, contestants)]
    visit = visits.read_visit(lines, contestants)
    return [math.nan] + [visit.effect(c, 0) for c in range(1, contestants)]


def across(lines: list[dict[str, Any]], contestants: int) -> list[list[float]]:
    """The effect of every contestant (row) against every other (column), from one visit's lines; nan when there is none."""
    visit = visits.read_visit(lines, contestants)
    return [[math.nan if i == j else visit.effect(i, j) for j in range(contestants)] for i in range(contestants)]


def at_one_place(q: Question) -> bool:
    """Whether a question's goals are single cells rather than searches along an axis."""
    return q["kind"] != "sweep"


class Evidence:
    """Effects by pair and place. Not thread-safe; appending is O(1)."""

    def __init__(self) -> None:
        self._series: dict[tuple, list[tuple[float | None, float]]] = {}
        self._made: dict[tuple, int] = {}
        self._wanted: dict[tuple[Goal, bool], tuple[int, int]] = {}  # for so many visits spent, so many wanted
        self._answers: dict[Goal, tuple[int, Any]] = {}

    def add(self, place: Place, contestant: str, effect: float) -> None:
        """One visit's effect of contestant against the place's baseline; nan counts as made only."""
        self._made[place, contestant] = self._made.get((place, contestant), 0) + 1
        key = (place.question, place.baseline, contestant, place.regime, place.threads, place.cell)
        self._series.setdefault(key, []).append((place.axis, effect))

    def made(self, place: Place, contestant: str) -> int:
        """Visits made at a place, including those of which every block was rejected."""
        return self._made.get((place, contestant), 0)

    def _all(self, goal: Goal) -> list[tuple[float | None, float]]:
        return self._series.get((goal.question, goal.baseline, goal.contestant, goal.regime,
                                 goal.threads, goal.cell), [])

    def spent(self, goal: Goal) -> int:
        """Visits made for a goal, good or not."""
        if goal.axis is None:
            return len(self._all(goal))
        return self.made(Place(goal.question, goal.baseline, goal.regime, goal.threads, goal.axis, None),
                         goal.contestant)

    def points(self, goal: Goal) -> list[tuple[float, float]]:
        """(x, effect) for a goal of a sweep, visits without an effect included as nan."""
        return self._all(goal)

    def cell_effects(self, goal: Goal) -> list[float]:
        """Effects at the one place of a goal."""
        return [e for x, e in self._all(goal) if goal.axis is None or x == goal.axis]

    def wanted_cell_visits(self, goal: Goal, cap: int, leftover: bool) -> int:
        """How many more visits the goal's cell wants; 0 when it is done or has had enough."""
        spent = self.spent(goal)
        if spent >= cap:
            return 0
        known = self._wanted.get((goal, leftover))
        if not known or known[0] != spent:
            rule = cells.more_visits_if_undecided if leftover else cells.more_visits
            wanted = rule(self.cell_effects(goal), goal.delta, cap)
            known = self._wanted[goal, leftover] = spent, wanted
        return known[1]

    def wanted_points(self, goal: Goal, q: Question, cap: int, seed: int) -> list[float]:
        """Where on the axis the search wants its next visits; empty when it is done."""
        if self.spent(goal) >= cap:
            return []
        axis = Axis.from_entry(q)
        rng = np.random.default_rng([seed, self.spent(goal), 0 if goal.level is None else goal.level + 1])
        return crossover.next_points(axis, self.points(goal), cap, rng, goal.delta,
                                     _level(goal, q))

    def answer(self, goal: Goal, q: Question) -> tuple[str, str]:
        """(verdict, a few words with the estimate) for a goal as things stand. Cached."""
        seen = len(self._all(goal))
        cached = self._answers.get(goal)
        if cached and cached[0] == seen:
            return cached[1]
        delta = goal.delta
        if at_one_place(q):
            estimate = cells.estimate(self.cell_effects(goal))
            verdict, words = cells.verdict(estimate, delta), ""
            if estimate.visits > 1:
                words = (f"{estimate.ratio:.2f}x "
                         f"({math.exp(estimate.low):.2f}-{math.exp(estimate.high):.2f})")
        else:
            verdict, words = "undecided", ""
            points = self.points(goal)
            if points:
                axis = Axis.from_entry(q)
                result = crossover.analyse(axis, points, delta, _level(goal, q))
                verdict = result.verdict
                if verdict == "crossover":
                    words = (f"{axis.format(result.estimate)} "
                             f"({axis.format_interval(result.low, result.high)})")
        self._answers[goal] = (seen, (verdict, words))
        return verdict, words


def _level(goal: Goal, q: Question) -> float:
    """The log ratio whose crossing the goal asks for."""
    return 0.0 if goal.level is None else math.log(q["levels"][goal.level]["speedup"])
