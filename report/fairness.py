# SPDX-License-Identifier: Apache-2.0
"""How equally threads advanced: of every contestant, in every place with more than one thread.

Shares are operations of a thread over an equal share; Jain's index is 1 when all are equal and 1/n when
one of n threads did everything; the gap is the longest time in which some thread completed nothing.
"""

from __future__ import annotations

import collections
import dataclasses
import statistics
from collections.abc import Iterable
from typing import Any

FIELDS = ("least", "most", "jain", "gap")


@dataclasses.dataclass(frozen=True)
class Fairness:
    """Medians over visits of the medians of their slices; of the gap (ns) the median of the worst of each visit."""

    question: str
    place: str  # the cell's name or the axis value as recorded
    regime: str
    threads: int
    contestant: str
    least: float
    most: float
    jain: float
    gap: float
    visits: int


def of_slices(slices: Iterable[dict[str, Any]]) -> dict[int, dict[str, float]]:
    """Contestant index -> figures of one visit, from its accepted slices. Those of warm-up do not count."""
    kept = collections.defaultdict(list)
    for s in slices:
        if not s.get("w") and all(f in s for f in FIELDS):
            kept[s["c"]].append(s)
    return {c: {"least": statistics.median(s["least"] for s in rows), "most": statistics.median(s["most"] for s in rows),
                "jain": statistics.median(s["jain"] for s in rows), "gap": max(s["gap"] for s in rows)}
            for c, rows in kept.items()}


def summarise(visits: Iterable[Any]) -> list[Fairness]:
    """One row per question, place and contestant, in the order of the visits."""
    seen: dict[tuple, list[dict[str, float]]] = {}
    for visit in visits:
        if not (visit.ok and visit.timed and visit.threads > 1) or visit.purpose == "aa":
            continue
        place = visit.name if visit.name is not None else f"{visit.axis:g}"
        for c, figures in visit.fairness.items():
            if visit.contestants[c] == "null":  # a control, which nobody waits for
                continue
            key = (visit.question, place, visit.regime, visit.threads, visit.contestants[c])
            seen.setdefault(key, []).append(figures)
    return [Fairness(*key, *(statistics.median(row[f] for row in rows) for f in FIELDS), len(rows))
            for key, rows in seen.items()]


def widest(rows: Iterable[Fairness]) -> list[Fairness]:
    """Of every contestant the place where its threads advanced most unequally, least equal first."""
    worst: dict[str, Fairness] = {}
    for row in rows:
        if row.contestant not in worst or row.jain < worst[row.contestant].jain:
            worst[row.contestant] = row
    return sorted(worst.values(), key=lambda row: (row.jain, row.contestant))
