# SPDX-License-Identifier: Apache-2.0
"""What scenarios tell beside their rate, regressions on events, and counters: numbers of one contestant, over visits.

The mean over visits with its t interval; nothing is trimmed, as what happens in few visits is what matters of a share
of mistakes.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any

from report import reclamation
from report.latency import Tail
from report.stats import cells as cell_stats
from report.stats import latency as latency_stats

# The 99th percentile among what a scenario told, of which pairs are held against one another as under arrivals.
_TAILS = ("p99_ns", "p99_us")


@dataclasses.dataclass(frozen=True)
class Quantity:
    """One number of one contestant in one place."""

    question: str
    cell: str | None
    axis: float | None
    regime: str
    threads: int
    contestant: str
    metric: str
    oversubscribed: bool
    estimate: cell_stats.Estimate

    @property
    def is_share(self) -> bool:
        """Shares lie between 0 and 1; rates and times have their unit at the end of their name."""
        return not self.metric.endswith(("_per_s", "_per_op", "_ns", "_us", "_mib")) and not self.is_slope

    @property
    def is_slope(self) -> bool:
        """Slopes may be negative."""
        return self.metric.startswith("slope_")


def summarise(visits: Iterable[Any], questions: Mapping[str, Mapping[str, Any]] | None = None) -> list[Quantity]:
    """One row for every question, place, contestant and metric, in the order of the visits.

    `questions`: by name those that want more than was told: `counts` (metrics that are counters of the maps by operation,
    and which), `absolute` (the time of an operation).
    """
    seen: dict[tuple, list[float]] = {}
    for visit in visits:
        question = (questions or {}).get(visit.question, {})
        counted = _by_operation(visit, question["counts"]).items() if question.get("counts") else ()
        timed = _times(visit).items() if question.get("absolute") else ()
        for c, amounts in [*visit.amounts.items(), *reclamation.amounts(visit).items(), *counted, *timed]:
            for metric, value in amounts.items():
                key = (visit.question, visit.name, visit.axis, visit.regime, visit.threads, visit.contestants[c],
                       metric, visit.oversubscribed)
                seen.setdefault(key, []).append(value)
    return [Quantity(*key, cell_stats.estimate(values, trim=0)) for key, values in seen.items()]


def _by_operation(visit: Any, wanted: Mapping[str, str]) -> dict[int, dict[str, float]]:
    """Of the contestants that have the counters."""
    out = {}
    for c, counters in visit.counters.items():
        found = {metric: counters[counter] / visit.counted[c] for metric, counter in wanted.items()
                 if counter in counters and visit.counted.get(c)}
        if found:
            out[c] = found
    return out


def _times(visit: Any) -> dict[int, dict[str, float]]:
    """What an operation takes on its thread."""
    times = {c: visit.read.nanoseconds(c) * visit.threads for c in range(len(visit.contestants))}
    return {c: {"operation_ns": ns} for c, ns in times.items() if math.isfinite(ns)}


def tails(settings: Iterable[Any], pairs: Any) -> list[Tail]:
    """Verdicts on the 99th percentiles that scenarios told, of every pair. pairs(question, visits): (contestant, baseline)."""
    out = []
    for setting in settings:
        for cell in setting.question.get("cells") or []:
            here = [v for v in setting.visits if v.name == cell["name"] and v.amounts]
            for a, b in pairs(setting.question, here):
                effects = [math.log(_tail(v, b) / _tail(v, a)) for v in here if _tail(v, a) and _tail(v, b)]
                if effects:
                    estimate = cell_stats.estimate(effects)
                    out.append(Tail(setting.question["name"], cell["name"], a, b, setting.regime, setting.threads, "p99",
                                    estimate, cell_stats.verdict(estimate, latency_stats.DELTA)))
    return out


def _tail(visit: Any, contestant: str) -> float:
    """The 99th percentile that a contestant told in a visit; 0 without one."""
    if contestant not in visit.contestants:
        return 0.0
    amounts = visit.amounts.get(visit.contestants.index(contestant), {})
    return next((amounts[metric] for metric in _TAILS if metric in amounts), 0.0)


def rows(quantities: Iterable[Quantity], rounded: Any) -> list[dict[str, Any]]:
    """The list `quantities` of verdicts.json; bounds that one visit leaves open are null."""
    return [{"experiment": q.question, "cell": q.cell, "axis": q.axis, "contestant": q.contestant,
             "regime": q.regime, "threads": q.threads, "metric": q.metric, "value": rounded(q.estimate.effect),
             "low": rounded(_within(q, q.estimate.low)), "high": rounded(_within(q, q.estimate.high)),
             "visits": q.estimate.visits, "oversubscribed": q.oversubscribed} for q in quantities]


def _within(q: Quantity, bound: float) -> float:
    """No interval but a slope's goes below 0, that of a share not above 1."""
    if q.is_slope or not math.isfinite(bound):
        return bound
    return min(max(bound, 0.0), 1.0 if q.is_share else math.inf)
