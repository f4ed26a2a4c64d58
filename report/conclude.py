# SPDX-License-Identifier: Apache-2.0
"""The conclusions of a run as data: verdicts.json, rankings, winner map.

verdicts.json is for programs and holds nothing that the paper does not say.
Numbers are rounded to what their intervals bear, so that the file is the same
wherever it is computed.
"""

from __future__ import annotations

import collections
import dataclasses
import math
from typing import Any

import numpy as np

from report import advice, claims, drift, latency, price, quantities, regret, standing
from report.analyse import (Analysis, Cell, Curve, Setting, make_axis,
                            pairwise)
from report.stats import aa as aa_stats
from report.stats import cells as cell_stats
from report.stats import rankings

SCHEMA = 1


@dataclasses.dataclass
class Stretch:
    """A part of an axis, in unit coordinates, and who is fastest there."""

    start: float
    end: float
    names: tuple[str, ...]  # several: not told apart by more than delta
    decided: bool = True  # of several: whether they are known to be within delta of the best


def rounded(value: float | None, digits: int = 5) -> float | None:
    """`value` to `digits` significant digits; None when it is no number."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{digits}g}")


def _where(c: Curve | Cell) -> dict[str, Any]:
    return {"a": c.a, "b": c.b, "regime": c.regime, "threads": c.threads}


def _crossing(result: Any) -> dict[str, Any]:
    if result is None:
        return {"verdict": "undecided", "estimate": None, "low": None,
                "high": None, "visits": 0, "strict": False, "left": None}
    left = None
    if result.verdict == "crossover":
        left = "b" if result.rising else "a"
    elif result.verdict in ("a_throughout", "b_throughout"):
        left = result.verdict[0]
    return {"verdict": result.verdict, "estimate": rounded(result.estimate),
            "low": rounded(result.low), "high": rounded(result.high),
            "visits": result.visits, "strict": bool(result.strict),
            "left": left}


def _cell_row(c: Cell) -> dict[str, Any]:
    e = c.estimate
    return {"experiment": c.question, "cell": c.cell, "axis": c.value,
            **_where(c), "verdict": c.verdict,
            "ratio": rounded(_exp(e.effect)), "low": rounded(_exp(e.low)),
            "high": rounded(_exp(e.high)), "visits": e.visits,
            "oversubscribed": c.oversubscribed}


def _tail_row(t: latency.Tail) -> dict[str, Any]:
    e = t.estimate
    return {"experiment": t.question, "cell": t.cell, "axis": None, "a": t.a, "b": t.b, "regime": t.regime,
            "threads": t.threads, "metric": t.metric, "verdict": t.verdict, "ratio": rounded(_exp(e.effect)),
            "low": rounded(_exp(e.low)), "high": rounded(_exp(e.high)), "visits": e.visits, "oversubscribed": False}


def _figure(f: latency.Figure | None) -> dict[str, Any] | None:
    return {"value": rounded(f.value), "low": rounded(f.low), "high": rounded(f.high),
            "visits": f.visits} if f is not None and f.known else None


def _latency_rows(place: latency.Place) -> list[dict[str, Any]]:
    """What verdicts.json says of latency at one place: a row for every contestant and load, shape, or fill."""
    where = {"experiment": place.question["name"], "cell": place.cell, "regime": place.regime, "threads": place.threads}

    def times(point: latency.Point) -> dict[str, Any]:
        shown = {"response": tuple(point.response), "service": (0.5, 0.99), "lag": (0.999,)}
        return {name: {f"p{100 * q:g}": _figure(getattr(point, name).get(q)) for q in quantiles}
                for name, quantiles in shown.items()}

    control = [place.control] if place.control else []
    rows: list[dict[str, Any]] = [{**where, "contestant": "clock", "gap": {
        "p99.9": _figure(place.gap_tail), "longest": _figure(place.gap)}}]
    for runner in [*place.runners, *control]:
        if isinstance(runner, latency.Runner):
            points = [(p, runner is place.control) for p in runner.rungs]
            points += [(runner.common, True)] if runner.common and (runner is not place.control or place.recorded) else []
            rows += [{**where, "contestant": runner.contestant, "load": rounded(p.load),
                      "of": "recording" if place.recorded else place.baseline if of_baseline else runner.contestant,
                      "capacity": _figure(runner.capacity), "offered": _figure(p.offered),
                      "saturated": p.saturated, "counts": p.counts, **times(p), "longest": _figure(p.longest)}
                     for p, of_baseline in points]
    for filler in [*place.fillers, *control]:
        if isinstance(filler, latency.Filler):
            rows.append({**where, "contestant": filler.contestant, "longest": _figure(filler.longest), "at": filler.at,
                         "p50": _figure(filler.median), "response_p99.9": _figure(filler.tail),
                         "counters": {k: rounded(v) for k, v in filler.counters.items()},
                         "doublings": [{"size": d.size, "longest": _figure(d.longest), "p99.9": _figure(d.tail),
                                        "response": _figure(d.response)} for d in filler.doublings]})
    rows += [{**where, "contestant": s.contestant, "shape": s.shape, "visits": s.visits, "decay_s": _figure(s.decay),
              "not_within_the_time": s.open, "counters": {k: rounded(v) for k, v in s.counters.items()}}
             for s in [*place.shapes, *place.shaped_control]]
    return rows


def _exp(value: float) -> float:
    return math.exp(value) if math.isfinite(value) else math.nan


def discrete(analysis: Analysis) -> set[str]:
    """Names of the questions whose axis has no values in between."""
    return {q["name"] for q in analysis.run.questions
            if q.get("kind") == "discrete"}


def decided_cells(analysis: Analysis) -> list[Cell]:
    """The cells that carry a verdict: named ones and those of discrete axes.

    The screening points of a sweep are not cells: their verdict is the curve.
    """
    steps = discrete(analysis)
    return analysis.cells + [c for curve in analysis.curves
                             if curve.question in steps for c in curve.cells]


@dataclasses.dataclass
class Ranked:
    """The order of all contestants in one place."""

    question: str
    place: str
    regime: str
    threads: int
    ranking: rankings.Ranking
    oversubscribed: bool


def rank_all(analysis: Analysis) -> list[Ranked]:
    """_rank_all, worked out once for an analysis."""
    if analysis.ranked is None:
        analysis.ranked = _rank_all(analysis)
    return analysis.ranked


def _rank_all(analysis: Analysis) -> list[Ranked]:
    """Rankings of every named cell and every value of a discrete axis.

    References, which find nothing, have no rank among maps."""
    references = analysis.run.references()
    result = []
    for setting in analysis.settings:
        axis = make_axis(setting.question)
        if axis is not None and not axis.discrete:
            continue
        places: dict[tuple, list] = collections.defaultdict(list)
        for visit in setting.visits:
            if axis is None:
                places[(visit.name or "", visit.threads)].append(visit)
            elif visit.axis is not None:
                places[(float(visit.axis), visit.threads)].append(visit)
        for (place, threads), visits in places.items():
            effects = pairwise(visits, analysis.read, references)
            if effects:
                result.append(Ranked(
                    setting.question["name"],
                    place if axis is None else axis.format(place),
                    setting.regime, threads, rankings.rank(effects),
                    any(v.oversubscribed for v in visits)))
    return result


_UNKNOWN = 1e6  # half-width of a band that is not known, as a log ratio


def firm_values(analysis: Analysis, setting: Setting) -> list[float]:
    """Axis values with cells that had a core for every thread."""
    return sorted({
        cell.value for c in analysis.curves for cell in c.cells
        if c.question == setting.question["name"]
        and (c.regime, c.threads) == (setting.regime, setting.threads)
        and not cell.oversubscribed})


def _merge(stretches: list[Stretch]) -> list[Stretch]:
    merged: list[Stretch] = []
    for s in stretches:
        if merged and (merged[-1].names, merged[-1].decided) == (s.names, s.decided):
            merged[-1] = Stretch(merged[-1].start, s.end, s.names, s.decided)
        else:
            merged.append(s)
    return merged


def _best(scores: dict[str, tuple[float, float]],
          delta: float) -> tuple[tuple[str, ...], bool]:
    """Names not beaten by the best by more than delta, best first, and
    whether all of them are known to be within delta of it.

    `scores`: name -> (effect against the baseline, half-width).
    """
    order = sorted(scores, key=lambda n: (-scores[n][0], n))
    top, half = scores[order[0]]
    lead = {n: (top - scores[n][0], math.hypot(half, scores[n][1])) for n in order[1:]}
    near = [n for n, (effect, error) in lead.items() if effect - error <= delta]
    return (order[0], *near), all(lead[n][0] + lead[n][1] < delta for n in near)


def winners(analysis: Analysis, setting: Setting,
            points: int = 201) -> list[Stretch]:
    """Who is fastest along the axis of a setting, from fits to one baseline.

    On a discrete axis each value gets an equal share. Empty without curves. References, which find nothing, are not
    among them.
    """
    references = analysis.run.references()
    own = [c for c in analysis.curves
           if c.question == setting.question["name"] and c.a.split(":")[0].split("@")[0] not in references
           and (c.regime, c.threads) == (setting.regime, setting.threads)]
    if not own:
        return []
    axis = make_axis(setting.question)
    baseline = own[0].b
    own = [c for c in own if c.b == baseline]
    if not any(math.isfinite(v) for c in own for v in c.fit()[2]):
        return []  # not a single interval: nothing is known, not even ties
    if axis.discrete:
        values = firm_values(analysis, setting)
        stretches = []
        for i, value in enumerate(values):
            scores = {baseline: (0.0, 0.0)}
            for c in own:
                for cell in c.cells:
                    if cell.value == value:
                        scores[c.a] = (cell.estimate.effect,
                                       cell.estimate.half_width)
            delta = analysis.delta(setting.threads or int(value))
            stretches.append(Stretch(i / len(values), (i + 1) / len(values),
                                     *_best(scores, delta)))
        return _merge(stretches)
    fits = [(c, *map(np.asarray, c.fit())) for c in own if len(c.fit()[0]) > 1]
    if not fits:
        return []
    low = max(axis.to_unit(f[1][0]) for f in fits)
    high = min(axis.to_unit(f[1][-1]) for f in fits)
    if not low < high:
        return []
    grid = np.linspace(low, high, points)
    stretches = []
    at = {}
    for c, x, fit, down, up in fits:
        unit = [axis.to_unit(v) for v in x]
        at[c.a] = (np.interp(grid, unit, fit),
                   np.interp(grid, unit, np.nan_to_num(
                       (up - down) / 2, nan=_UNKNOWN, posinf=_UNKNOWN)))
    for i in range(points):
        scores = {baseline: (0.0, 0.0)}
        scores.update({n: (float(f[i]), float(h[i]))
                       for n, (f, h) in at.items()})
        names, decided = _best(scores, own[0].delta)
        start = grid[i] if i == 0 else (grid[i - 1] + grid[i]) / 2
        end = grid[i] if i == points - 1 else (grid[i] + grid[i + 1]) / 2
        stretches.append(Stretch(float(start), float(end), tuple(sorted(names)), decided))
    return _merge(stretches)


def aa_summary(analysis: Analysis) -> aa_stats.AAResult:
    return aa_stats.analyse([g.effects for g in analysis.aa],
                            [g.delta for g in analysis.aa])


@dataclasses.dataclass
class Validation:
    """What was executed and checked, timed or not, on one architecture."""

    arch: str
    question: str
    contestants: tuple[str, ...]
    visits: int
    operations: int
    failures: list[str]


def validations(analysis: Analysis) -> list[Validation]:
    """Visits of workers that are not timed, by architecture and question."""
    groups: dict[tuple[str, str], list] = collections.defaultdict(list)
    for visit in analysis.run.visits:
        if not visit.timed:
            groups[(visit.arch, visit.question)].append(visit)
    return [Validation(
        arch, question,
        tuple(sorted({c for v in visits for c in v.contestants})),
        sum(v.ok for v in visits),
        sum(v.operations for v in visits if v.ok),
        [f"{v.status}: {v.what}" for v in visits if not v.ok])
        for (arch, question), visits in groups.items()]


def conclude(analysis: Analysis) -> dict[str, Any]:
    """The content of verdicts.json."""
    names = {q["name"]: (q.get("axis") or {}).get("name")
             for q in analysis.run.questions}
    result: dict[str, Any] = {
        "schema": SCHEMA, "run": analysis.run.meta.get("run"),
        "status": analysis.run.meta.get("status"),
        "revision": analysis.run.meta.get("revision"),
        "thresholds": [{
            "experiment": c.question, "axis": names[c.question], **_where(c),
            "name": lv.spec.get("name"), "speedup": lv.spec["speedup"],
            "claimed": lv.spec.get("claimed"),
            "tolerance": lv.spec.get("tolerance"),
            "claim": lv.spec.get("claim"), "claim_verdict": lv.verdict,
            **_crossing(lv.result)}
            for c in analysis.curves for lv in c.levels],
        "crossovers": [{
            "experiment": c.question, "axis": names[c.question], **_where(c),
            **_crossing(c.result),
            "slowest": rounded(_exp(c.reached[0])),
            "fastest": rounded(_exp(c.reached[1]))}
            for c in analysis.curves],
        "cells": [_cell_row(c) for c in decided_cells(analysis)] + [_tail_row(t) for t in analysis.tails],
        "latency": [row for place in analysis.latency for row in _latency_rows(place)],
        "rankings": [{
            "experiment": r.question, "place": r.place, "regime": r.regime,
            "threads": r.threads, "order": list(r.ranking.order),
            "not_told_apart": [list(g) for g in r.ranking.groups],
            "oversubscribed": r.oversubscribed}
            for r in rank_all(analysis)],
        "fairness": [{
            "experiment": f.question, "place": f.place, "regime": f.regime, "threads": f.threads,
            "contestant": f.contestant, "least": rounded(f.least), "most": rounded(f.most),
            "jain": rounded(f.jain), "gap_ns": rounded(f.gap), "visits": f.visits}
            for f in analysis.fairness],
        "quantities": quantities.rows(analysis.quantities, rounded),
    }
    result["drift"] = drift.rows(drift.measured(analysis), rounded)
    result["advice"] = advice.to_rows(standing.places(analysis))
    result["regret"] = regret.rows(regret.measured(analysis), rounded)
    summary = aa_summary(analysis)
    result["aa"] = {
        "visits": summary.visits, "sd": rounded(summary.sd),
        "cells": summary.cells, "beyond": summary.beyond,
        "outside": rounded(summary.outside), "groups": [{
            "contestant": g.contestant, "threads": g.threads,
            "verdict": g.verdict, "ratio": rounded(_exp(g.estimate.effect)),
            "low": rounded(_exp(g.estimate.low)),
            "high": rounded(_exp(g.estimate.high)),
            "visits": g.estimate.visits} for g in analysis.aa]}
    result["layouts"] = [{
        "threads": g.threads, "layouts": g.spread.layouts,
        "cells": g.spread.cells, "within": rounded(g.spread.within),
        "between": rounded(g.spread.between), "low": rounded(g.spread.low),
        "high": rounded(g.spread.high), "chance": rounded(g.spread.chance)}
        for g in analysis.layouts]
    result["harness_price"] = price.rows(analysis.prices)
    result["claims"] = claims.evaluate(result, analysis.run.meta["proof"])
    return result


def tally(conclusions: dict[str, Any]) -> dict[str, int]:
    """How many comparisons were decided, for the abstract."""
    words = [r["verdict"] for table in ("crossovers", "cells")
             for r in conclusions[table]]
    undecided = words.count("undecided")
    return {"comparisons": len(words), "undecided": undecided,
            "decided": len(words) - undecided}


def axis_visits_loose(setting: Setting) -> float | None:
    """The least axis value at which threads shared a CPU, if any."""
    values = [float(v.axis) for v in setting.visits
              if v.axis is not None and v.oversubscribed]
    return min(values) if values else None


def realised_rows(setting: Setting) -> list[dict[str, float]]:
    """Realised figures of the tapes, one row per visit on the axis."""
    return [{**v.realised, "x": float(v.axis)} for v in setting.visits
            if v.realised and v.axis is not None]

