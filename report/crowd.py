# SPDX-License-Identifier: Apache-2.0
"""Which of many maps a figure draws: the best variant of each family first, so that a section stays readable
whatever the number of contestants. What is left out of a figure is in the tables below it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from report import words
from report.analyse import Analysis, Curve

MOST_CURVES = 8  # in one panel: more cannot be followed
MOST_LINES = 88  # of a forest plot: two screens
LEAST_A_CELL = 3  # maps that a cell of a forest plot shows in any case


def families(analysis: Analysis) -> dict[str, str]:
    """Family of each strategy, by its own word."""
    return {s["name"]: s.get("family") or s["name"] for s in analysis.run.strategies()}


def strategy(contestant: str) -> str:
    return contestant.split(":")[0].split("@")[0]


def first(scores: Mapping[str, float], family: Mapping[str, str], most: int) -> list[str]:
    """The `most` contestants to show of those that have a score (more is faster), fastest first.

    First the best of every family, then the best variant of every strategy, then the rest; each by score."""
    order = sorted(scores, key=lambda n: (-scores[n] if math.isfinite(scores[n]) else math.inf, n))
    chosen: dict[str, None] = {}
    for group in (lambda n: family.get(strategy(n), strategy(n)), strategy, lambda n: n):
        seen = {group(n) for n in chosen}
        for name in order:
            if len(chosen) < most and name not in chosen and group(name) not in seen:
                seen.add(group(name))
                chosen[name] = None
    return [n for n in order if n in chosen]


def score(curve: Curve) -> float:
    """How fast a contestant is over its axis: the mean of the fit, or of the cells."""
    values = [v for v in curve.fit()[1] if math.isfinite(v)] or [
        c.estimate.effect for c in curve.cells if math.isfinite(c.estimate.effect)]
    return sum(values) / len(values) if values else -math.inf


def left_out(shown: int, total: int, where: str) -> list[str]:
    """The sentence that says so, if any are left out."""
    if shown >= total:
        return []
    return [f"Drawn are {shown} of {words.plural(total, 'map')}, the best of each family first; the others are in {where}."]


def a_cell(cells: Iterable[int]) -> int | None:
    """How many maps each cell of a forest plot may show, from the numbers that took part; None: all."""
    counts = list(cells)
    if sum(n + 1.5 for n in counts) <= MOST_LINES:
        return None
    return max(LEAST_A_CELL, int(MOST_LINES / len(counts) - 1.5))
