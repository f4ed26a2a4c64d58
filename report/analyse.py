# SPDX-License-Identifier: Apache-2.0
"""From a loaded run to its results: one curve or cell per pair and setting.

All statistics are those of `report.stats`, applied to the same visits that
the orchestrator saw, so that the paper recomputes its decisions. Effects are
ln(time of b / time of a) per operation: positive when a is faster.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import itertools
import math
import re
from typing import Any, Iterable

import numpy as np

from report import fairness, latency, load, price, quantities
from report.stats import axis as axis_lib
from report.stats import cells as cell_stats
from report.stats import crossover, layouts, rankings, thresholds
from report.stats import visits as visit_stats

WITHHELD = " (withheld)"  # appended to a name whose numbers may not be used

Key = tuple[str, str, int]  # question, regime, threads (0: the axis itself)


@dataclasses.dataclass
class Setting:
    """One question in one regime with one number of threads."""

    question: dict[str, Any]
    regime: str
    threads: int  # 0 when the thread count is the axis
    visits: list[load.Visit]
    name: str = ""  # of the number of threads on this machine

    @property
    def label(self) -> str:
        parts = [] if self.regime == "stationary" else [
            self.regime.replace("_", " ")]
        if self.threads:
            parts.append(f"{self.threads} thread" + "s" * (self.threads != 1))
        parts += [self.name] * bool(self.name)
        return ", ".join(parts)


@dataclasses.dataclass
class Cell:
    """A pair in one cell: a named workload or one value of an axis."""

    question: str
    cell: str | None
    value: float | None
    a: str
    b: str
    regime: str
    threads: int
    estimate: cell_stats.Estimate
    verdict: str
    oversubscribed: bool = False


@dataclasses.dataclass
class Level:
    """Where a curve reaches a required speedup, held against a claim."""

    spec: dict[str, Any]
    result: crossover.CrossoverResult  # of the effect less ln(speedup)
    verdict: str  # supported, contradicted, undecided; "no claim"
    reason: str


@dataclasses.dataclass
class Curve:
    """A pair along the axis of a sweep or a discrete question."""

    question: str
    a: str
    b: str
    regime: str
    threads: int
    delta: float
    x: list[float]
    effect: list[float]
    loose: list[bool]  # of every visit: oversubscribed
    result: crossover.CrossoverResult | None  # without the loose visits
    levels: list[Level]
    cells: list[Cell]  # at every value visited by design

    @property
    def reached(self) -> tuple[float, float]:
        """Least and greatest effect: of the fit, or of the cells."""
        fit = [v for v in self.fit()[1] if math.isfinite(v)]
        return (min(fit), max(fit)) if fit else (math.nan, math.nan)

    def fit(self) -> tuple[list[float], list[float], list[float], list[float]]:
        """Grid, fit, lower and upper band, as far as there are any."""
        curve = self.result.curve if self.result else None
        if curve is None or not len(curve.x):
            return [], [], [], []
        return (list(curve.x), list(curve.fit), list(curve.low),
                list(curve.high))


@dataclasses.dataclass
class Absolute:
    """Descriptive speed of one contestant in one place; never compared."""

    question: str
    place: str
    regime: str
    threads: int
    contestant: str
    ns: float  # mean time of an operation on its thread
    mops: float  # million operations a second, all threads together
    visits: int


@dataclasses.dataclass
class AaGroup:
    """Visits in which a strategy met itself."""

    label: str
    contestant: str
    threads: int
    delta: float
    effects: list[float]
    estimate: cell_stats.Estimate
    verdict: str


@dataclasses.dataclass
class LayoutGroup:
    """How far the layouts of the worker's code differ, with one number of threads."""

    threads: int
    spread: layouts.Spread
    cells: list[layouts.Cell]  # those with enough visits


@dataclasses.dataclass
class Analysis:
    """Everything the paper says, before it is put into words."""

    run: load.Run
    settings: list[Setting]
    curves: list[Curve]
    cells: list[Cell]
    absolutes: list[Absolute]
    aa: list[AaGroup]
    harness: list[Absolute]  # of the null map
    prices: list[price.Price]  # of the harness, contestant by contestant
    layouts: list[LayoutGroup]
    effects: list[dict[str, Any]]  # per visit and pair, for download
    read: Effects
    ranked: list[Any] | None = None  # of conclude.rank_all
    placed: list[Any] | None = None  # of standing.places
    regrets: list[Any] | None = None  # of regret.measured
    latency: list[latency.Place] = dataclasses.field(default_factory=list)
    tails: list[latency.Tail] = dataclasses.field(default_factory=list)

    def used(self, visit: load.Visit) -> bool:
        """Whether the visit has at least one accepted block, or fills, which have none."""
        return visit.timed and visit.ok and bool(self.read.of(visit).blocks or (visit.latency and visit.latency.fills))

    def delta(self, threads: int) -> float:
        return delta_for(self.run.meta["rules"], threads)

    @functools.cached_property
    def fairness(self) -> list[fairness.Fairness]:
        """How equally threads advanced, in every place."""
        return fairness.summarise(v for v in self.run.visits if self.used(v))

    @functools.cached_property
    def quantities(self) -> list[quantities.Quantity]:
        """What scenarios told and maps counted, in every place; of a map against itself nothing."""
        return quantities.summarise((v for v in self.run.visits if self.used(v) and v.purpose != "aa"),
                                    {q["name"]: q for q in self.run.questions})

    @functools.cached_property
    def thread_names(self) -> dict[int, str]:
        """What the orchestrator calls a number of threads on its machine: all cores, SMT, ..."""
        return thread_names(self.run)


def thread_names(run: load.Run) -> dict[int, str]:
    return {int(n): name for n, name in run.meta["threads"].items()}


def delta_for(rules: dict[str, Any], threads: int) -> float:
    """The least difference that matters, from the run's own rules."""
    table = {int(n): float(d) for n, d in (rules.get("delta") or {}).items()}
    if not table:
        return cell_stats.delta_for(threads)
    return table[max([n for n in table if n <= threads] or [min(table)])]


@functools.lru_cache(maxsize=None)
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.escape(template).replace(r"\{\}", "[0-9.e+-]+"))


def index_of(visit: load.Visit, contestant: str) -> int | None:
    """Which contestant of the visit a name (or template with {}) means."""
    for i, spec in enumerate(visit.contestants):
        if spec == contestant or ("{}" in contestant and
                                  _pattern(contestant).fullmatch(spec)):
            return i
    return None


def make_axis(question: dict[str, Any]) -> axis_lib.Axis | None:
    if not question.get("axis"):
        return None
    return axis_lib.Axis.from_entry(question)


def pairs(question: dict[str, Any],
          visits: Iterable[load.Visit]) -> list[tuple[str, str]]:
    """(contestant, baseline) in the order of the catalogue, then the direct
    pairs that the visits added. Each unordered pair once."""
    visits = list(visits)
    baselines = list(question.get("baselines") or [])
    contestants = list(question.get("contestants") or [])
    if "*" in contestants:  # every strategy: whoever took part
        contestants = sorted({c for v in visits for c in v.contestants
                              if not c.endswith(WITHHELD)} - {"null"})
    found: dict[tuple[str, str], None] = {}
    for j, b in enumerate(baselines):
        for a in [*contestants, *baselines[j + 1:]]:
            if a not in baselines[:j + 1]:
                found[(a, b)] = None
    for visit in visits:
        b = visit.baseline
        if b is None or b in baselines:
            continue
        for a in contestants:
            if (a != b and (b, a) not in found
                    and index_of(visit, a) is not None):
                found[(a, b)] = None
    return list(found)


class Effects:
    """Per-visit results of report.stats.visits, by the names of contestants; each worked out once."""

    def __init__(self) -> None:
        # By identity: of one visit there may be two, with and without the names of those that are withheld.
        self._known: dict[int, tuple[load.Visit, dict[tuple[str, str], float]]] = {}

    def of(self, visit: load.Visit) -> visit_stats.Visit:
        return visit.read

    def effect(self, visit: load.Visit, a: str, b: str) -> float:
        held = self._known.get(id(visit))
        if held is None:
            held = self._known[id(visit)] = (visit, {})  # which keeps the identity its own
        known = held[1]
        value = known.get((a, b))
        if value is None:
            i, j = index_of(visit, a), index_of(visit, b)
            value = known[a, b] = math.nan if i is None or j is None else self.of(visit).effect(i, j)
        return value


def pairwise(visits: Iterable[load.Visit], read: Effects,
             references: Iterable[str] = ()) -> dict[tuple[str, str], list[float]]:
    """The effects of every pair that met, without references and those withheld, as rankings.rank takes them."""
    effects: dict[tuple[str, str], list[float]] = collections.defaultdict(list)
    for visit in visits:
        names = [c for c in visit.contestants if c not in references and not c.endswith(WITHHELD)]
        for a, b in itertools.combinations(names, 2):
            if math.isfinite(value := read.effect(visit, a, b)):
                effects[(a, b)].append(value)
    return effects


def _settings(run: load.Run) -> list[Setting]:
    """All settings asked for, those without visits included."""
    groups: dict[Key, list[load.Visit]] = collections.defaultdict(list)
    by_name = {q["name"]: q for q in run.questions}
    withheld = {w.get("contestant") for w in run.meta["withheld"]}
    for visit in run.visits:
        question = by_name.get(visit.question)
        if (question is None or not visit.timed or not visit.ok
                or visit.purpose in ("aa", "validate")):
            continue
        if withheld & set(visit.contestants):
            visit = dataclasses.replace(visit, contestants=[
                c + WITHHELD if c in withheld else c
                for c in visit.contestants])
        axis = question.get("axis") or {}
        threads = 0 if axis.get("field") == "threads" else visit.threads
        groups[(visit.question, visit.regime, threads)].append(visit)
    settings = []
    names = thread_names(run)
    for question in run.questions:
        name = question["name"]
        if price.is_price(question):
            continue  # nobody is compared with somebody else
        axis = question.get("axis") or {}
        threads = ([0] if axis.get("field") == "threads"
                   else question.get("threads") or [1])
        asked = [(r, t) for t in threads
                 for r in question.get("regimes") or ["stationary"]]
        extra = sorted((r, t) for n, r, t in groups
                       if n == name and (r, t) not in asked)
        for regime, count in asked + extra:
            settings.append(Setting(question, regime, count,
                                    groups.get((name, regime, count), []),
                                    names.get(count, "")))
    return settings


def _cell(setting: Setting, a: str, b: str, effects: list[float],
          delta: float, **place: Any) -> Cell:
    estimate = cell_stats.estimate(effects)
    return Cell(setting.question["name"], place.get("cell"),
                place.get("value"), a, b, setting.regime,
                place.get("threads", setting.threads), estimate,
                cell_stats.verdict(estimate, delta),
                place.get("oversubscribed", False))


def _level(spec: dict[str, Any], axis: axis_lib.Axis,
           points: list[tuple[float, float]], delta: float) -> Level:
    """Where the curve reaches the level, and what that says of the claim."""
    if spec.get("claimed") is None:
        found = crossover.analyse(axis, points, delta,
                                  math.log(spec["speedup"]))
        return Level(spec, found, "no claim", found.reason)
    judged = thresholds.analyse_threshold(
        axis, points, delta, spec["speedup"], spec["claimed"],
        spec.get("tolerance", 0.0))
    return Level(spec, judged.crossing, judged.verdict, judged.reason)


def _curve(setting: Setting, a: str, b: str, read: Effects,
           analysis_delta) -> Curve | None:
    axis = make_axis(setting.question)
    x, effect, loose, threads = [], [], [], []
    for visit in setting.visits:
        value = read.effect(visit, a, b)
        if visit.axis is None or not math.isfinite(value):
            continue
        x.append(float(visit.axis))
        effect.append(value)
        loose.append(visit.oversubscribed)
        threads.append(visit.threads)
    if not x:
        return None
    firm = [(u, e) for u, e, odd in zip(x, effect, loose) if not odd]
    # Along an axis of threads the greatest of its points holds.
    delta = analysis_delta(setting.threads or max(
        [t for t, odd in zip(threads, loose) if not odd] or threads))
    result = crossover.analyse(axis, firm, delta) if firm else None
    levels = []
    for spec in setting.question.get("levels") or []:
        if not firm or spec.get("contestants", [a]).count(a) == 0:
            continue
        levels.append(_level(spec, axis, firm, delta))
    at: dict[float, list[int]] = collections.defaultdict(list)
    for i, value in enumerate(x):
        at[value].append(i)
    by_design = set(axis.values)
    cells = []
    for value in sorted(at):
        own = at[value]
        if value not in by_design:
            continue  # placed by the search; the curve has it
        cells.append(_cell(
            setting, a, b, [effect[i] for i in own],
            analysis_delta(threads[own[0]]), value=value,
            threads=threads[own[0]],
            oversubscribed=any(loose[i] for i in own)))
    return Curve(setting.question["name"], a, b, setting.regime,
                 setting.threads, delta, x, effect, loose, result, levels,
                 cells)


def _named_cells(setting: Setting, read: Effects,
                 analysis_delta) -> list[Cell]:
    cells = []
    for spec in setting.question.get("cells") or []:
        here = [v for v in setting.visits if v.name == spec["name"]]
        asked = pairs(setting.question, here)
        if setting.question.get("ranked"):  # everyone against the one in front
            ranking = rankings.rank(pairwise(here, read))
            front = rankings.leader(ranking, analysis_delta(setting.threads))
            asked = [(a, front) for a in ranking.order if a != front]
        for a, b in asked:
            effects = [read.effect(v, a, b) for v in here]
            effects = [e for e in effects if math.isfinite(e)]
            if effects:
                cells.append(_cell(
                    setting, a, b, effects, analysis_delta(setting.threads),
                    cell=spec["name"], oversubscribed=any(
                        v.oversubscribed for v in here)))
    return cells


def _absolutes(setting: Setting, read: Effects) -> list[Absolute]:
    """Mean time and throughput at every cell and every value of the axis."""
    axis = make_axis(setting.question)
    groups: dict[tuple, list[float]] = collections.defaultdict(list)
    for visit in setting.visits:
        if axis is not None and visit.axis is not None:
            if float(visit.axis) not in axis.values:
                continue
            place = (axis.to_unit(visit.axis), axis.format(visit.axis))
        else:
            place = (0.0, visit.name or "")
        for c, contestant in enumerate(visit.contestants):
            ns = read.of(visit).nanoseconds(c)
            if math.isfinite(ns) and not contestant.endswith(WITHHELD):
                groups[(*place, visit.threads, contestant)].append(ns)
    result = []
    for (_, place, threads, contestant), values in sorted(groups.items()):
        wall = float(np.median(values))
        result.append(Absolute(
            setting.question["name"], place, setting.regime, threads,
            contestant, wall * threads, 1e3 / wall, len(values)))
    return result


def _aa(run: load.Run, read: Effects, analysis_delta) -> list[AaGroup]:
    groups: dict[tuple[str, int], list[float]] = collections.defaultdict(list)
    names = thread_names(run)
    for visit in run.visits:
        if not (visit.timed and visit.ok) or len(visit.contestants) < 2:
            continue
        same = visit.contestants[0] == visit.contestants[1]
        if visit.purpose == "aa" or same:
            value = read.of(visit).effect(1, 0)
            if same and math.isfinite(value):
                groups[(visit.contestants[0], visit.threads)].append(value)
    result = []
    for (contestant, threads), effects in sorted(groups.items()):
        delta = analysis_delta(threads)
        estimate = cell_stats.estimate(effects)
        result.append(AaGroup(
            f"{contestant}, {threads} thread" + "s" * (threads != 1)
            + (f", {names[threads]}" if names.get(threads) else ""),
            contestant, threads, delta, effects, estimate,
            cell_stats.verdict(estimate, delta)))
    return result


def _harness(run: load.Run, read: Effects) -> list[Absolute]:
    groups: dict[tuple[str, str, int], list[float]] = (
        collections.defaultdict(list))
    for visit in run.visits:
        i = index_of(visit, "null")
        if visit.timed and visit.ok and i is not None:
            ns = read.of(visit).nanoseconds(i)
            if math.isfinite(ns):
                groups[(visit.question, visit.regime,
                        visit.threads)].append(ns)
    return [Absolute(q, "", regime, threads, "null",
                     float(np.median(v)) * threads,
                     1e3 / float(np.median(v)), len(v))
            for (q, regime, threads), v in sorted(groups.items())]


def _prices(run: load.Run, read: Effects) -> list[price.Price]:
    withheld = {w.get("contestant") for w in run.meta["withheld"]}
    return [p for question in run.questions if price.is_price(question)
            for p in price.measured(question, (
                v for v in run.visits if v.question == question["name"] and v.timed and v.ok
                and v.purpose not in ("aa", "validate") and not withheld & set(v.contestants)), read)]


def _layout_cells(setting: Setting, read: Effects) -> Iterable[tuple[int, layouts.Cell]]:
    """(threads, the visits of a pair by layout), in every place of a setting."""
    axis = make_axis(setting.question)
    places: dict[tuple, list[load.Visit]] = collections.defaultdict(list)
    for visit in setting.visits:
        if visit.layout is not None:
            places[visit.name, visit.axis, visit.threads].append(visit)
    titles = {s["name"]: s.get("title") for s in setting.question.get("cells") or []}
    for (name, value, threads), here in places.items():
        spot = axis.format(value) if axis and value is not None else titles.get(name) or name or ""
        regime = "" if setting.regime == "stationary" else setting.regime.replace("_", " ")
        where = ", ".join(p for p in (setting.question["name"].replace("_", " "), spot, regime) if p)
        for a, b in pairs(setting.question, here):
            rows = [(v.id, v.layout, e) for v in here if math.isfinite(e := read.effect(v, a, b))]
            if rows:
                place = (setting.question["name"], setting.regime, threads, name, value)
                yield threads, layouts.Cell(f"{a} against {b}", where, place, *zip(*rows))


def _layouts(run: load.Run, settings: list[Setting], read: Effects) -> list[LayoutGroup]:
    names = run.layouts()
    groups: dict[int, list[layouts.Cell]] = collections.defaultdict(list)
    for setting in settings:
        for threads, cell in _layout_cells(setting, read):
            if layouts.enough(cell, names):
                groups[threads].append(cell)
    return [LayoutGroup(threads, layouts.spread(cells, names), cells)
            for threads, cells in sorted(groups.items())]


def analyse(run: load.Run) -> Analysis:
    """All results of `run`. Pure; the same run gives the same results."""
    read = Effects()
    result = Analysis(run, _settings(run), [], [], [], [], [], [], [], [], read)
    for setting in result.settings:
        asked = pairs(setting.question, setting.visits)
        if setting.question.get("axis"):
            for a, b in asked:
                curve = _curve(setting, a, b, read, result.delta)
                if curve is not None:
                    result.curves.append(curve)
        else:
            result.cells += _named_cells(setting, read, result.delta)
        result.absolutes += _absolutes(setting, read)
        for visit in setting.visits:
            for a, b in asked:
                value = read.effect(visit, a, b)
                if math.isfinite(value):
                    result.effects.append({
                        "visit": visit.id, "question": visit.question,
                        "cell": visit.name, "axis": visit.axis,
                        "regime": visit.regime, "threads": visit.threads,
                        "a": a, "b": b, "effect": round(value, 6)})
    result.aa = _aa(run, read, result.delta)
    result.harness = _harness(run, read)
    result.prices = _prices(run, read)
    result.layouts = _layouts(run, result.settings, read)
    result.latency = latency.places(result.settings, WITHHELD)
    result.tails = latency.tails(result.settings, pairs) + quantities.tails(result.settings, pairs)
    return result
