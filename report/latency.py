# SPDX-License-Identifier: Apache-2.0
"""Latency under arrivals: from the visits of a setting to figures over visits, and verdicts on tails.

A percentile is taken of each visit's own histogram; a figure is the trimmed mean of its logarithms over visits with its
interval, as everywhere (report/stats/cells.py). A rung at which most of a contestant's visits were saturated has none.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Iterable, Mapping
from typing import Any

from report import load
from report.stats import cells as cell_stats
from report.stats import latency as stats

CONTROL = "null"
QUANTILES = (0.5, 0.99, 0.999)  # of load-latency curves and tables


@dataclasses.dataclass(frozen=True)
class Figure:
    """A positive quantity over visits; nan without visits, infinite bounds with one."""

    value: float
    low: float
    high: float
    visits: int

    @property
    def known(self) -> bool:
        return self.visits > 0


def figure(values: Iterable[float]) -> Figure:
    logs = [math.log(v) for v in values if math.isfinite(v) and v > 0]
    e = cell_stats.estimate(logs)
    if not e.visits:
        return Figure(math.nan, math.nan, math.nan, 0)
    return Figure(math.exp(e.effect), math.exp(e.low) if math.isfinite(e.low) else 0.0,
                  math.exp(e.high) if math.isfinite(e.high) else math.inf, e.visits)


@dataclasses.dataclass
class Point:
    """A contestant at one load: a share of somebody's capacity, nan of a recording. Times in nanoseconds, by percentile."""

    load: float
    offered: Figure
    counts: dict[str, int]  # visits by state
    response: dict[float, Figure]
    service: dict[float, Figure]
    lag: dict[float, Figure]
    longest: Figure  # response

    @property
    def saturated(self) -> bool:
        return self.counts.get("saturated", 0) > self.counts.get("ok", 0)


@dataclasses.dataclass
class Runner:
    """One contestant under Poisson arrivals, or those of a recording, which are one `common` point."""

    contestant: str
    capacity: Figure  # operations a second, each timed
    rungs: list[Point]  # at loads of its own capacity; of the control, of the baseline's
    common: Point | None  # where all meet the same arrivals: at half of the baseline's capacity, or at a recording's times


@dataclasses.dataclass
class Doubling:
    """Stores into a map that holds from `size` to twice as many entries."""

    size: int
    longest: Figure
    tail: Figure  # the 99.9th percentile of service
    response: Figure  # the longest


@dataclasses.dataclass
class Filler:
    """One contestant while it was filled."""

    contestant: str
    offered: Figure  # stores a second
    longest: Figure  # store, ns of service
    at: int  # entries at the longest store, median over visits
    median: Figure
    response: dict[float, Figure]  # ns, by percentile
    doublings: list[Doubling]
    saturated: int  # visits in which it could not keep up
    counters: dict[str, float]  # medians

    @property
    def tail(self) -> Figure:
        """The 99.9th percentile of response."""
        return self.response[0.999]


@dataclasses.dataclass
class Shaped:
    """One contestant under one shape of load. Series by window: medians over visits; ns, operations a second."""

    contestant: str
    shape: str
    visits: int
    window: float  # seconds
    p99: list[float]  # nan where not borne
    median: list[float]
    done: list[float]
    marks: list[tuple[float, float]]  # disturbances, seconds
    decay: Figure  # seconds from the end of a disturbance until responses are as before; 0 counts as half a window
    open: int  # disturbances after which they were not within the time
    counters: dict[str, float]


@dataclasses.dataclass
class Place:
    """Everything measured at one place of a question with arrivals."""

    question: dict[str, Any]
    cell: str
    title: str
    regime: str
    threads: int
    name: str  # of the number of threads
    visits: int
    runners: list[Runner]
    fillers: list[Filler]
    shapes: list[Shaped]
    control: Runner | Filler | None
    shaped_control: list[Shaped]
    gap_tail: Figure  # of a thread that only reads the clock: the 99.9th percentile of its gaps, ns
    gap: Figure  # the longest

    @property
    def baseline(self) -> str:
        return next(iter(self.question["baselines"]), "")

    @property
    def recorded(self) -> bool:
        """Whether operations arrived as in a recording."""
        return self.question["arrivals"]["course"] == "recorded"

    @property
    def lag(self) -> Figure | None:
        """The driver's own lateness: the 99.9th percentile of lag with the null map where all meet the same arrivals."""
        point = at_half(self.control) if isinstance(self.control, Runner) else None
        return point.lag[0.999] if point and point.lag.get(0.999) and point.lag[0.999].known else None


def under_the_same(runner: Runner, place: Place) -> Point | None:
    """Its point where all maps of the place met the same arrivals; of the baseline and the control one of their own rungs."""
    return runner.common or (at_half(runner) if runner.contestant in (place.baseline, CONTROL) else None)


def at_half(runner: Runner | None) -> Point | None:
    """Its point at half of the baseline's capacity if it has rungs, else the one that it has."""
    return next((p for p in runner.rungs if p.load == stats.COMMON_LOAD), runner.common) if runner else None


@dataclasses.dataclass
class Tail:
    """A pair's verdict on a tail: as analyse.Cell, of another metric."""

    question: str
    cell: str
    a: str
    b: str
    regime: str
    threads: int
    metric: str
    estimate: cell_stats.Estimate
    verdict: str


def places(settings: Iterable[Any], withheld: str) -> list[Place]:
    """Of all settings with arrivals, in order. withheld: what marks the name of a contestant that does not count."""
    out = []
    for setting in settings:
        if not setting.question.get("arrivals"):
            continue
        for cell in setting.question.get("cells") or []:
            visits = [v for v in setting.visits if v.name == cell["name"] and v.latency]
            if visits:
                out.append(_place(setting, cell, visits, withheld))
    return out


def tails(settings: Iterable[Any], pairs: Any, by: Mapping[str, tuple[str, ...]] | None = None) -> list[Tail]:
    """Verdicts on the pairs of all settings with arrivals. pairs(question, visits): (contestant, baseline); by: metrics by
    course, by default what a paper tells."""
    out = []
    for setting in settings:
        if not setting.question.get("arrivals"):
            continue
        course = setting.question["arrivals"]["course"]
        metrics = by[course] if by else (stats.metric_of(setting.question), *stats.ALSO.get(course, ()))
        for cell, metric in ((c, m) for c in setting.question.get("cells") or [] for m in metrics):
            here = [v for v in setting.visits if v.name == cell["name"] and v.latency]
            for a, b in pairs(setting.question, here):
                effects = [v.latency.effect(v.contestants.index(a), v.contestants.index(b), metric)
                           for v in here if a in v.contestants and v.contestants[0] == b]
                effects = [e for e in effects if math.isfinite(e)]
                if effects:
                    estimate = cell_stats.estimate(effects)
                    out.append(Tail(setting.question["name"], cell["name"], a, b, setting.regime, setting.threads,
                                    metric, estimate, cell_stats.verdict(estimate, stats.DELTA)))
    return out


def _place(setting: Any, cell: dict[str, Any], visits: list[load.Visit], withheld: str) -> Place:
    question = setting.question
    seen = {c for v in visits for c in v.contestants if not c.endswith(withheld)}
    named = [*question["baselines"], *question["contestants"]]
    order = [c for c in dict.fromkeys(named) if c in seen] + sorted(seen - set(named) - {CONTROL})
    place = Place(question, cell["name"], cell.get("title") or cell["name"], setting.regime, setting.threads,
                  setting.name, len(visits), [], [], [], None, [],
                  figure(v.latency.clock.at[0.999] for v in visits if v.latency.clock),
                  figure(v.latency.clock.maximum for v in visits if v.latency.clock))
    course = question["arrivals"]["course"]
    for contestant in [*order, *([CONTROL] if CONTROL in seen else [])]:
        own = [(v.latency, v.contestants.index(contestant)) for v in visits if contestant in v.contestants]
        is_control = contestant == CONTROL
        if course in ("rungs", "recorded"):
            runner = _runner(contestant, own, is_control) if course == "rungs" else _recorded(contestant, own)
            if is_control:
                place.control = runner
            else:
                place.runners.append(runner)
        elif course == "fill":
            filler = _filler(contestant, own)
            if is_control:
                place.control = filler
            else:
                place.fillers.append(filler)
        else:
            (place.shaped_control if is_control else place.shapes).extend(_shaped(contestant, own))
    return place


def _point(load_: float, rungs: list[stats.Rung]) -> Point:
    counts: dict[str, int] = {}
    for r in rungs:
        counts[r.state] = counts.get(r.state, 0) + 1
    point = Point(load_, figure(r.offered for r in rungs), counts, {}, {}, {}, figure(()))
    if not point.saturated:
        good = [r for r in rungs if r.state == "ok"]
        for name in ("response", "service", "lag"):
            setattr(point, name, {q: figure(_at_least_one(getattr(r, name).at[q]) for r in good)
                                  for q in stats.PERCENTILES})
        point.longest = figure(r.response.maximum for r in good)
    return point


def _at_least_one(ns: float) -> float:
    """A lag of 0 ns has no logarithm; the clock does not resolve less than one."""
    return max(ns, 1.0)


def _runner(contestant: str, own: list[tuple[stats.Latencies, int]], is_control: bool) -> Runner:
    by_load: dict[float, list[stats.Rung]] = {}
    common: list[stats.Rung] = []
    for latencies, c in own:
        for r in latencies.rungs:
            if r.contestant != c:
                continue
            if r.of == c or (is_control and r.of == 0):
                by_load.setdefault(r.load, []).append(r)
            if r.of == 0 and r.load == stats.COMMON_LOAD:
                common.append(r)
    return Runner(contestant, figure(l.capacity[c] for l, c in own if c in l.capacity),
                  [_point(x, rungs) for x, rungs in sorted(by_load.items())],
                  _point(stats.COMMON_LOAD, common) if common else None)


def _recorded(contestant: str, own: list[tuple[stats.Latencies, int]]) -> Runner:
    return Runner(contestant, figure(()), [], _point(math.nan, [r for l, c in own for r in l.recorded if r.contestant == c]))


def _filler(contestant: str, own: list[tuple[stats.Latencies, int]]) -> Filler:
    fills = [f for l, c in own for f in l.fills if f.contestant == c]
    good = [f for f in fills if f.state == "ok"]
    by_size: dict[int, list[dict[str, Any]]] = {}
    at = []
    for f in good:
        for row in f.doublings:
            by_size.setdefault(row["size"], []).append(row)
        longest = max(f.doublings, key=lambda row: row["service"][2] or 0, default=None)
        if longest:
            at.append(longest["at"])
    return Filler(
        contestant, figure(f.rate for f in fills), figure(f.service.maximum for f in good),
        int(statistics.median(at)) if at else 0, figure(f.service.at[0.5] for f in good),
        {q: figure(f.response.at[q] for f in good) for q in stats.PERCENTILES},
        [Doubling(size, *(figure(_number(row[name][i]) for row in rows)
                          for name, i in (("service", 2), ("service", 1), ("response", 2))))
         for size, rows in sorted(by_size.items())],
        sum(f.state == "saturated" for f in fills), _counted(f.counters for f in good))


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _counted(counters: Iterable[dict[str, float]]) -> dict[str, float]:
    seen: dict[str, list[float]] = {}
    for each in counters:
        for name, value in each.items():
            seen.setdefault(name, []).append(value)
    return {name: statistics.median(values) for name, values in seen.items()}


def _shaped(contestant: str, own: list[tuple[stats.Latencies, int]]) -> list[Shaped]:
    out = []
    for shape in ("even", "poisson", "burst", "step"):
        good = [s for l, c in own for s in l.shapes if (s.contestant, s.shape, s.state) == (c, shape, "ok")]
        if not good:
            continue
        window = good[0].windows["window"] / 1e9
        decays = [d for s in good for d in decay_after(s.windows)]
        first = good[0].windows
        out.append(Shaped(
            contestant, shape, len(good), window,
            _middle([[_number(v) for v in s.windows["p99"]] for s in good]),
            _middle([[_number(v) for v in s.windows["p50"]] for s in good]),
            [v / window for v in _middle([[float(v) for v in s.windows["done"]] for s in good])],
            [(a / 1e9, b / 1e9) for a, b in zip(first["from"], first["until"])],
            figure(max(d, window / 2) for d in decays if d is not None),
            sum(d is None for d in decays), _counted(s.counters for s in good)))
    return out


def _middle(series: list[list[float]]) -> list[float]:
    """The median over visits, window by window, of those that have one."""
    out = []
    for i in range(min(map(len, series))):
        values = [s[i] for s in series if math.isfinite(s[i])]
        out.append(statistics.median(values) if values else math.nan)
    return out


# Responses are as before when no more than this many times the 99th percentile of the windows before the first disturbance.
AS_BEFORE = 2.0


def decay_after(windows: dict[str, Any]) -> list[float | None]:
    """Seconds from the end of each disturbance until the 99th percentile of a window is as before; None: it was not, within
    the time before the next disturbance. Empty without disturbances, or when nothing is known of before."""
    length, tails_ = windows["window"], [_number(v) for v in windows["p99"]]
    if not windows["from"]:
        return []
    calm = [v for v in tails_[:windows["from"][0] // length] if math.isfinite(v)]
    if not calm:
        return []
    limit = AS_BEFORE * statistics.median(calm)
    out: list[float | None] = []
    ends = [*windows["from"][1:], length * len(tails_)]
    for until, end in zip(windows["until"], ends):
        found = next((i for i in range(until // length, min(len(tails_), end // length))
                      if not tails_[i] > limit), None)
        out.append(None if found is None else max(0.0, (found * length - until) / 1e9))
    return out
