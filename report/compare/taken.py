# SPDX-License-Identifier: Apache-2.0
"""What is kept of a run to hold it against others: its effects in every place, its verdicts, its machine.

A place is where two contestants met: a named cell, or a value that the catalogue names on an axis, in one regime with
one number of threads. Along a continuous axis its effect is that of the fitted curve, which all visits support. Under
arrivals a pair has an effect for each of its tails, and every map its own response times.
"""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any, NamedTuple

from report import conclude, latency, load, views
from report.analyse import Analysis, Cell, Curve, analyse, make_axis, pairs
from report.stats import between
from report.stats import cells as cell_stats
from report.stats import curve as curve_stats
from report.stats import latency as latency_stats

LOAD = "load"  # among response times: operations a second that arrived


class Key(NamedTuple):
    """A place, and who met there."""

    question: str
    cell: str | None
    value: float | None
    regime: str
    threads: int
    a: str
    b: str  # empty where a map stands for itself
    metric: str = "time"  # per operation; else a tail, see report/stats/latency.py


@dataclasses.dataclass(frozen=True)
class Measured:
    """What one run says of a place; effects are ln(time of b / time of a), or of tails. Where a map stands for itself: ln ns."""

    effect: between.Effect
    low: float
    high: float
    verdict: str
    visits: int
    delta: float
    oversubscribed: bool

    def turned(self) -> Measured:
        """The same of b against a."""
        verdict = {"faster": "slower", "slower": "faster"}.get(self.verdict, self.verdict)
        return dataclasses.replace(
            self, effect=dataclasses.replace(self.effect, effect=-self.effect.effect), low=-self.high,
            high=-self.low, verdict=verdict)


@dataclasses.dataclass
class Taken:
    """One run of several, by its letter."""

    letter: str
    meta: dict[str, Any]
    arch: str
    worker: tuple[str, ...]  # hashes of its layouts
    facts: list[tuple[str, str]]  # what its machine was, in words
    visits: int
    places: dict[Key, Measured]
    tails: dict[Key, Measured]
    waits: dict[Key, Measured]  # response times of single maps where all meet the same arrivals
    conclusions: dict[str, Any]

    @property
    def name(self) -> str:
        return self.meta["run"]

    @property
    def day(self) -> str:
        return self.meta["started"][:10]

    @property
    def questions(self) -> dict[str, dict[str, Any]]:
        return {q["name"]: q for q in self.meta["questions"]}

    @property
    def kind(self) -> tuple[tuple[str, str], ...]:
        """What makes another machine of it; not what another day does."""
        e = self.meta["environment"]
        t = e.get("topology") or {}
        counted = {name: t.get(field) for name, field in (
            ("hardware threads", "hardware_threads"), ("efficiency cores", "efficiency_cores"))}
        counted |= {name: len(t[field]) if field in t else None for name, field in (
            ("sockets", "sockets"), ("NUMA nodes", "nodes"), ("last-level caches", "last_level_caches"))}
        facts = {"architecture": self.arch, "processor": e.get("cpu"), "cores": e.get("cores"), **counted,
                 "cache line, bytes": e.get("cache_line_bytes"), "hypervisor": e.get("hypervisor")}
        return tuple((name, "not recorded" if value is None else str(value)) for name, value in facts.items())


def take(run: load.Run, letter: str) -> Taken:
    """Analyses a run and keeps what a comparison needs."""
    analysis = analyse(run)
    arch, worker = run.worker()
    discrete = conclude.discrete(analysis)
    places: dict[Key, Measured] = {}
    for cell in conclude.decided_cells(analysis):
        places[_key(cell)] = _of_cell(cell, analysis)
    for curve in analysis.curves:
        if curve.question not in discrete:
            places.update(_of_curve(curve, analysis))
    conclusions = conclude.conclude(analysis)
    return Taken(letter, run.meta, arch, tuple(worker.get("layouts") or ()), views.environment_rows(analysis),
                 sum(analysis.used(v) for v in run.visits), places, _tails(analysis), _waits(analysis),
                 {name: conclusions[name] for name in ("crossovers", "thresholds", "claims")})


def _key(cell: Cell) -> Key:
    return Key(cell.question, cell.cell, cell.value, cell.regime, cell.threads, cell.a, cell.b)


def _of_cell(cell: Cell, analysis: Analysis) -> Measured:
    e = cell.estimate
    return Measured(between.Effect.of_cell(e), e.low, e.high, cell.verdict, e.visits, analysis.delta(cell.threads),
                    cell.oversubscribed)


def _tails(analysis: Analysis) -> dict[Key, Measured]:
    """Of all pairs under arrivals."""
    return {Key(t.question, t.cell, None, t.regime, t.threads, t.a, t.b, t.metric): Measured(
        between.Effect.of_cell(t.estimate), t.estimate.low, t.estimate.high, t.verdict, t.estimate.visits,
        latency_stats.DELTA, False) for t in latency.tails(analysis.settings, pairs, latency_stats.COMPARED)}


def _waits(analysis: Analysis) -> dict[Key, Measured]:
    """Of all maps under arrivals, the one that does nothing included."""
    found = {}
    for place in analysis.latency:
        for own in [*place.runners, *place.fillers, *([place.control] if place.control else [])]:
            for metric, figure in _figures(own, place).items():
                if figure is not None and figure.known:
                    key = Key(place.question["name"], place.cell, None, place.regime, place.threads, own.contestant, "", metric)
                    found[key] = _of_figure(figure)
    return found


def _figures(own: latency.Runner | latency.Filler, place: latency.Place) -> dict[str, latency.Figure | None]:
    if isinstance(own, latency.Filler):
        return {"longest_store": own.longest, "p99": own.response[0.99], "p99.9": own.response[0.999]}
    point = latency.under_the_same(own, place)
    if point is None:
        return {}
    return {"p99": point.response.get(0.99), "p99.9": point.response.get(0.999), "longest": point.longest,
            **({LOAD: point.offered} if own.contestant == place.baseline else {})}


def _of_figure(figure: latency.Figure) -> Measured:
    value, low, high = (math.log(v) if 0 < v < math.inf else math.copysign(math.inf, v - 1)
                        for v in (figure.value, figure.low, figure.high))
    estimate = cell_stats.Estimate(figure.visits, value, low, high, math.nan)
    return Measured(between.Effect.of_cell(estimate), low, high, "", figure.visits, latency_stats.DELTA, False)


def _of_curve(curve: Curve, analysis: Analysis) -> dict[Key, Measured]:
    """The fitted curve at the values of the axis that were visited; oversubscribed visits are not in it."""
    question = next(q for q in analysis.run.questions if q["name"] == curve.question)
    axis = make_axis(question)
    firm = [(x, y) for x, y, loose in zip(curve.x, curve.effect, curve.loose) if not loose]
    fitted = curve_stats.fit_curve(axis, *curve_stats.split(axis, firm), curve.delta) if firm else None
    if fitted is None:
        return {}
    result = {}
    for u, value, error, visits in zip(fitted.points, fitted.value, fitted.error, fitted.visits):
        x = next((v for v in axis.values if abs(axis.to_unit(v) - u) < 1e-9), None)
        if x is None:
            continue
        effect = between.Effect(float(value), float(error), float(max(0, fitted.fit.df)))
        low, high = effect.interval()
        estimate = cell_stats.Estimate(int(visits), effect.effect, low, high, fitted.sd)
        result[Key(curve.question, None, x, curve.regime, curve.threads, curve.a, curve.b)] = Measured(
            effect, low, high, cell_stats.verdict(estimate, curve.delta), int(visits), curve.delta, False)
    return result


def definition(question: dict[str, Any], cell: str | None) -> str:
    """What is asked in a place, so that two runs' answers mean the same."""
    own = next((c.get("workload") for c in question["cells"] if c["name"] == cell), None)
    axis, arrivals = question.get("axis") or {}, question.get("arrivals") or {}
    # How long a load lasts and which others are tried changes nothing of what is compared.
    shape = [arrivals.get(field) for field in ("course", "rate", "base", "peak")]
    return json.dumps([question.get("workload"), own, axis.get("field"), axis.get("scale"), shape], sort_keys=True)
