# SPDX-License-Identifier: Apache-2.0
"""The places of a run, and how the maps stand at each: what `advice` answers from.

A named cell and a value of a discrete axis are places by their own visits. A swept axis has places at the values that
were screened, where its fitted curves are read: they rest on all visits of the axis.
"""

from __future__ import annotations

import collections
import math
from collections.abc import Container, Iterable
from typing import Any

import numpy as np

from report import load
from report.advice import Place, features_of, stand
from report.analyse import Analysis, Curve, Setting, WITHHELD, make_axis
from report.stats import cells


def unfit(analysis: Analysis) -> dict[str, str]:
    """Strategies that no table recommends, and why: they are not what one asks a concurrent map to be."""
    reasons = {name: "finds nothing: a reference" for name in analysis.run.references()}
    for s in analysis.run.strategies():
        if s["name"] in reasons:
            continue
        if s.get("max_threads") == 1:
            reasons[s["name"]] = "is for one thread"
        elif not s.get("keeps_every_key", True):
            reasons[s["name"]] = "may evict keys"
        elif not s.get("linearizable", True):
            reasons[s["name"]] = "may lag behind"
    return reasons


def _strategy(contestant: str) -> str:
    return contestant.split(":")[0].split("@")[0]


def forms(analysis: Analysis, strategies: Container[str]) -> set[str]:
    """All contestants of the run that are forms of these strategies."""
    return {c for s in analysis.settings for v in s.visits for c in v.contestants if _strategy(c) in strategies}


def _workload(visits: Iterable[load.Visit]) -> dict[str, Any]:
    return next((v.workload for v in visits if v.workload), {})


class _Pairs:
    """Paired estimates of the visits of one place: of two maps that met, directly; else through the baseline."""

    def __init__(self, analysis: Analysis, visits: list[load.Visit], baseline: str):
        self._read, self._visits, self._baseline = analysis.read, visits, baseline
        self._known: dict[tuple[str, str], cells.Estimate] = {}

    def estimate(self, a: str, b: str) -> cells.Estimate:
        """Of ln(time of b / time of a)."""
        if (a, b) not in self._known:
            effects = [self._read.effect(v, a, b) for v in self._visits]
            self._known[a, b] = cells.estimate([e for e in effects if math.isfinite(e)])
        return self._known[a, b]

    def lead(self, a: str, b: str) -> cells.Estimate:
        direct = self.estimate(a, b)
        if direct.visits >= 2 or self._baseline in (a, b):
            return direct
        return difference(self.estimate(a, self._baseline), self.estimate(b, self._baseline))


def difference(a: cells.Estimate, b: cells.Estimate) -> cells.Estimate:
    """The estimate of a - b when they are of different visits."""
    effect, half = a.effect - b.effect, math.hypot(a.half_width, b.half_width)
    return cells.Estimate(min(a.visits, b.visits), effect, effect - half, effect + half, math.hypot(a.sd, b.sd))


def _by_visits(analysis: Analysis, setting: Setting, visits: list[load.Visit], skip: set[str], title: str,
               **where: Any) -> Place | None:
    """A named cell, or a value of a discrete axis."""
    names = list(dict.fromkeys(c for v in visits for c in v.contestants if not c.endswith(WITHHELD)))
    # One that most visits have; in the order of the catalogue.
    wanted = [*(setting.question.get("baselines") or []), *names]
    met = collections.Counter(c for v in visits for c in set(v.contestants))
    baseline = max((n for n in wanted if n in names), key=lambda n: met[n], default=None)
    fit = [n for n in names if n not in skip]
    if baseline is None or len(fit) < 2:
        return None
    pairs = _Pairs(analysis, visits, baseline)
    scores = {n: 0.0 if n == baseline else pairs.estimate(n, baseline).effect for n in fit}
    threads = visits[0].threads
    delta = analysis.delta(threads)
    standings = stand(scores, pairs.lead, delta)
    if not standings:
        return None
    return Place(setting.question["name"], title, setting.regime, threads, features_of(_workload(visits)), delta,
                 standings, oversubscribed=any(v.oversubscribed for v in visits), **where)


def along(analysis: Analysis, setting: Setting, skip: set[str], values: Iterable[float] | None = None) -> list[Place]:
    """The screened values of a swept axis, or others, from the curves against the first baseline.

    A value that no visit was made at has the workload of the nearest one with the axis moved to the value.
    """
    axis = make_axis(setting.question)
    own = [c for c in analysis.curves if c.question == setting.question["name"]
           and (c.regime, c.threads) == (setting.regime, setting.threads)]
    own = [c for c in own if c.b == own[0].b and len(c.fit()[0]) > 1]
    if not own:
        return []
    result = []
    for value in axis.values if values is None else values:
        at = axis.to_unit(value)
        seen = {c.a: e for c in own if (e := _fitted(c, axis, at)) is not None}
        if own[0].b not in skip:
            seen[own[0].b] = cells.Estimate(max([e.visits for e in seen.values()], default=0), 0.0, 0.0, 0.0, 0.0)
        seen = {n: e for n, e in seen.items() if n not in skip and not n.endswith(WITHHELD)}
        visits = [v for v in setting.visits if v.axis == value]
        work = _workload(visits)
        if values is not None and not visits:
            visits = sorted((v for v in setting.visits if v.axis is not None),
                            key=lambda v: abs(axis.to_unit(v.axis) - at))[:1]
            work = moved(_workload(visits), axis.field, value)
        standings = stand({n: e.effect for n, e in seen.items()}, lambda a, b: difference(seen[a], seen[b]),
                          own[0].delta)
        if standings and visits:
            result.append(Place(
                setting.question["name"], f"{axis.name} {axis.format(value)}", setting.regime, visits[0].threads,
                features_of(work), own[0].delta, standings, value=value,
                oversubscribed=any(v.oversubscribed for v in visits)))
    return result


def moved(workload: dict[str, Any], field: str, value: float) -> dict[str, Any]:
    """A workload with one field, such as keys.reuse, at another value; of a mix the store takes the rest."""
    result = {**workload}
    part, _, name = field.partition(".")
    if not name:
        result[part] = value
    elif part == "mix":
        others = {op: share for op, share in workload["mix"].items() if op not in (name, "store")}
        result["mix"] = {**others, name: value, "store": max(0.0, 100 - value - sum(others.values()))}
    else:
        result[part] = {**workload.get(part, {}), name: value}
    return result


def _fitted(curve: Curve, axis: Any, at: float) -> cells.Estimate | None:
    """The curve at a place of its axis; None outside of what was fitted."""
    x, fit, low, high = curve.fit()
    unit = [axis.to_unit(v) for v in x]
    if not unit[0] - 1e-9 <= at <= unit[-1] + 1e-9:
        return None
    effect, down, up = (float(np.interp(at, unit, v)) for v in (fit, low, high))
    if not (math.isfinite(effect) and math.isfinite(down) and math.isfinite(up)):
        return cells.Estimate(len(curve.x), effect, -math.inf, math.inf, math.nan)
    return cells.Estimate(len(curve.x), effect, down, up, math.nan)


def places(analysis: Analysis) -> list[Place]:
    """All places of the run in the order of its questions, oversubscribed ones included; worked out once. Questions about
    a tunable of one map have none, and neither have cells whose operations are calls: their workload stands elsewhere."""
    if analysis.placed is None:
        analysis.placed = places_without(analysis, forms(analysis, unfit(analysis)))
    return analysis.placed


def places_without(analysis: Analysis, skip: set[str]) -> list[Place]:
    """All places of the run as they are when some contestants are no choice."""
    result: list[Place] = []
    for setting in analysis.settings:
        axis = make_axis(setting.question)
        if axis is not None and axis.field.startswith("tunable:"):
            continue
        if axis is not None and not axis.discrete:
            result += along(analysis, setting, skip)
            continue
        groups: dict[tuple, list[load.Visit]] = collections.defaultdict(list)
        for v in setting.visits:
            if axis is None or v.axis is not None:
                groups[(v.name, None) if axis is None else (None, float(v.axis)), v.threads].append(v)
        titles = {c["name"]: c.get("title") or c["name"] for c in setting.question.get("cells") or []}
        # What is measured under conditions of its own is no workload more.
        apart = {c["name"] for c in setting.question.get("cells") or []
                 if c.get("call") == "called" or c.get("pages", "asked") != "asked"}
        order = {name: i for i, name in enumerate(titles)}
        for ((cell, value), _), visits in sorted(groups.items(), key=lambda g: (
                order.get(g[0][0][0], len(order)), g[0][0][1] or 0.0, g[0][1])):
            if cell in apart:
                continue
            title = titles.get(cell, cell or "") if axis is None else f"{axis.name} {axis.format(value)}"
            place = _by_visits(analysis, setting, visits, skip, title, cell=cell, value=value)
            if place is not None:
                result.append(place)
    return result
