# SPDX-License-Identifier: Apache-2.0
"""What is kept of a run to hold it against others: its effects in every place, its verdicts, its machine.

A place is where two contestants met: a named cell, or a value that the catalogue names on an axis, in one regime with
one number of threads. Along a continuous axis its effect is that of the fitted curve, which all visits support.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any, NamedTuple

from report import conclude, load, views
from report.analyse import Analysis, Cell, Curve, analyse, make_axis
from report.stats import between
from report.stats import cells as cell_stats
from report.stats import curve as curve_stats


class Key(NamedTuple):
    """A place, and who met there."""

    question: str
    cell: str | None
    value: float | None
    regime: str
    threads: int
    a: str
    b: str


@dataclasses.dataclass(frozen=True)
class Measured:
    """What one run says of a place; effects are ln(time of b / time of a)."""

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
                 sum(analysis.used(v) for v in run.visits), places,
                 {name: conclusions[name] for name in ("crossovers", "thresholds", "claims")})


def _key(cell: Cell) -> Key:
    return Key(cell.question, cell.cell, cell.value, cell.regime, cell.threads, cell.a, cell.b)


def _of_cell(cell: Cell, analysis: Analysis) -> Measured:
    e = cell.estimate
    return Measured(between.Effect.of_cell(e), e.low, e.high, cell.verdict, e.visits, analysis.delta(cell.threads),
                    cell.oversubscribed)


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
    axis = question.get("axis") or {}
    return json.dumps([question.get("workload"), own, axis.get("field"), axis.get("scale")], sort_keys=True)
