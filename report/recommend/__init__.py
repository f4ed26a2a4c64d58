# SPDX-License-Identifier: Apache-2.0
"""Which map for a workload that a reader describes: from a finished run, or the word that it must be measured.

The places of the run that are most like the workload answer (`advice`, `standing`); a swept axis is read at the very
value that is asked about. A place covers the workload when no field of it is further away than is known not to matter
(`near`); otherwise its answer is about another workload, which is said, with the field that is furthest away.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

from report import advice, latency, standing, words
from report.advice import Features, Place, Standing
from report.analyse import Analysis, Setting, make_axis
from report.recommend import fitness, waits
from report.recommend.described import Constraints, Wanted
from report.recommend.near import Near, gaps

ALONE, EQUAL, UNDECIDED, NONE = advice.ALONE, advice.EQUAL, advice.UNDECIDED, "none"
MOST_PLACES = 5  # that are named beside the first


@dataclasses.dataclass(frozen=True)
class Pick:
    """One map in the ranking: how it stands at the nearest place, what memory it would take, of the limits on response times
    those that the run knows of, and what it did when the trace's operations came as they came."""

    standing: Standing
    memory: fitness.Memory | None
    waits: tuple[waits.Wait, ...] = ()
    at_its_own_times: latency.Point | None = None


@dataclasses.dataclass(frozen=True)
class Change:
    """Something that would change the recommendation: at which place, and who is in front there."""

    what: str
    place: Place


@dataclasses.dataclass(frozen=True)
class Recommendation:
    """verdict: ALONE (the first pick is the fastest), EQUAL (as fast as the others in `front`, within delta), UNDECIDED
    (among those in `front`), or NONE: no place has two maps that may be recommended."""

    wanted: Wanted
    constraints: Constraints
    threads: int  # those that were asked about; all cores of the run's machine for 0
    verdict: str
    nearest: Near | None
    others: tuple[Near, ...]  # further places that cover the point, or the next nearest
    picks: tuple[Pick, ...]
    barred: dict[str, str]  # strategies and contestants that took part at the place and are no choice, and why
    undecidable: tuple[str, ...]  # constraints that the run cannot decide
    changes: tuple[Change, ...]
    passed_over: Standing | None  # the fastest at the place when nothing is barred, if it is not a pick
    fit: tuple[str, ...]  # all strategies of the run that may be recommended, measured or not
    judged: waits.Judged | None  # the limits on response times, if there are any
    came: latency.Place | None = None  # where the trace was replayed when its operations came

    @property
    def front(self) -> tuple[str, ...]:
        return self.nearest.place.front if self.nearest else ()

    @property
    def covered(self) -> bool:
        return self.nearest is not None and self.nearest.covers


def recommend(analysis: Analysis, wanted: Wanted, asked: Constraints = Constraints(), recording: str = "") -> Recommendation:
    """The answer of a run. recording: the hash of a trace, which answers itself where the run has replayed it. Pure."""
    threads = wanted.threads or _all_cores(analysis)
    reasons = fitness.barred(analysis, wanted, asked, threads)
    reasons |= _too_large(analysis, wanted, asked, set(reasons))
    judged = waits.judge(analysis, wanted, asked, threads, recording)
    came, points = waits.at_its_own_times(analysis, recording, threads)
    skip = standing.forms(analysis, reasons)
    fit = tuple(name for name in fitness.traits(analysis) if name not in reasons)
    unknown: dict[str, str] = {}  # of which no form met the arrivals, here or elsewhere
    if judged and judged.decided:
        late = {c: why for c in sorted(standing.forms(analysis, fit)) if (why := judged.why_not(c))}
        keeping = {fitness.strategy_of(c) for c in judged.by if not judged.why_not(c)}
        unknown = {n: waits.NOT_MEASURED for n in fit if n not in set(map(fitness.strategy_of, judged.by))}
        reasons, skip, fit = {**reasons, **late, **unknown}, skip | set(late), tuple(n for n in fit if n in keeping)
    near = _nearest(analysis, wanted, threads, skip, recording)
    unsure = tuple(map(waits.name_of, judged.limits)) if judged and not judged.decided else ()
    references = analysis.run.references()
    if not near:
        return Recommendation(wanted, asked, threads, NONE, None, (), (), {
            n: why for n, why in reasons.items() if n not in references}, unsure, (), None, fit, judged)
    first = near[0]
    picks = tuple(Pick(s, fitness.memory(analysis, s.name, wanted), judged.by.get(s.name, ()) if judged else (),
                       points.get(s.name)) for s in first.place.standings)
    there = {c for s in analysis.settings if s.question["name"] == first.place.question
             for v in s.visits for c in v.contestants}
    took_part = (there | {fitness.strategy_of(c) for c in there} | set(unknown)) - references
    same = [n for n in near[1:] if n.covers == first.covers][:MOST_PLACES]
    return Recommendation(
        wanted, asked, threads, first.place.verdict, first, tuple(same), picks,
        {n: why for n, why in reasons.items() if n in took_part}, unsure,
        _changes(analysis, first.place, skip), _passed_over(analysis, first.place, reasons, skip), fit, judged, came)


def _all_cores(analysis: Analysis) -> int:
    named = [n for n, name in analysis.thread_names.items() if name == "all cores"]
    return named[0] if named else max([n for n, name in analysis.thread_names.items() if name != "oversubscribed"],
                                      default=analysis.run.meta["environment"].get("cores") or 1)


def _too_large(analysis: Analysis, wanted: Wanted, asked: Constraints, barred: set[str]) -> dict[str, str]:
    """Strategies that need more memory than there is. Nothing is known of one that nobody measured."""
    if asked.memory is None:
        return {}
    result = {}
    for name in fitness.traits(analysis):
        found = None if name in barred else fitness.memory(analysis, name, wanted)
        if name not in barred and (found is None or found.peak > asked.memory):
            result[name] = ("its memory was not measured" if found is None else
                            f"it may take {readable_bytes(found.peak)} while it grows ({found.basis})")
    return result


def readable_bytes(size: float) -> str:
    """Three digits and a unit: 625 KiB, 1.37 MiB."""
    units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while size >= 1000 and len(units) > 1:
        size /= 1024
        del units[0]
    return f"{size:.3g} {units[0]}"


# Where in a workload the axes that a description can name are: field of the axis -> value, None where it does not apply.
_ON_AXIS: dict[str, Callable[[Features], float | None]] = {
    "mix.load": lambda f: None if f.look_up_or_insert else f.reads,
    "population": lambda f: None if f.growing else f.keys,
    "keys.reuse": lambda f: f.reuse,
    "keys.theta": lambda f: f.theta,
}


def _nearest(analysis: Analysis, wanted: Wanted, threads: int, skip: set[str], recording: str) -> list[Near]:
    """Places of the nearest number of threads by distance: those measured, and curves where the point lies on them."""
    places = standing.places_without(analysis, skip)
    for setting in analysis.settings:
        value = _value_on(setting, wanted.features)
        if value is not None:
            places += standing.along(analysis, setting, skip, [value])
    usable = [p for p in places if not p.oversubscribed and p.standings]
    near = [Near(p, gaps(p, wanted, threads)) for p in usable if not _recording(analysis, p)]
    if recording:
        near = [Near(p, ()) for p in usable if _recording(analysis, p) == recording] or near
    # A place of several that are equally far is the one with most visits.
    return sorted(near, key=lambda n: (not n.covers, n.distance, -n.place.best.visits, n.place.question, n.place.title))


def _recording(analysis: Analysis, place: Place) -> str:
    """The hash of the trace that was replayed at a place; of others nobody knows what they are like but by their figures."""
    cells = next(q for q in analysis.run.questions if q["name"] == place.question).get("cells") or ()
    return next(((c.get("recording") or {}).get("sha256", "") for c in cells if c["name"] == place.cell), "")


def _value_on(setting: Setting, features: Features) -> float | None:
    """The value of a swept axis that is asked about, if the catalogue does not visit it anyway."""
    axis = make_axis(setting.question)
    if axis is None or axis.discrete or axis.field not in _ON_AXIS:
        return None
    value = _ON_AXIS[axis.field](features)
    return value if value is not None and axis.lo <= value <= axis.hi and value not in axis.values else None


def _changes(analysis: Analysis, at: Place, skip: set[str]) -> tuple[Change, ...]:
    """The nearest places along the same question at which none of those in front is in front any more."""
    own = [p for p in standing.places_without(analysis, skip)
           if p.question == at.question and p.regime == at.regime and not p.oversubscribed and p.standings
           and p.verdict != UNDECIDED and not set(p.front) & set(at.front)]
    found = []
    if at.value is not None:
        axis = make_axis(next(q for q in analysis.run.questions if q["name"] == at.question))
        for side in (-1, 1):
            there = [p for p in own if p.threads == at.threads and (p.value - at.value) * side > 0]
            if there:
                p = min(there, key=lambda p: abs(p.value - at.value))
                found.append(Change(f"at {words.at(axis, p.value)}", p))
    for p in sorted(own, key=lambda p: abs(math.log(p.threads / at.threads))):
        if p.threads != at.threads and (p.cell, p.value) == (at.cell, at.value):
            found.append(Change(f"with {p.threads} thread{'s' * (p.threads != 1)}", p))
            break
    return tuple(found)


def _passed_over(analysis: Analysis, at: Place, reasons: dict[str, str], skip: set[str]) -> Standing | None:
    """The fastest at the place among all that find what is stored, if it is barred and ahead of the rest by more than
    delta; its lead is on the fastest pick."""
    if not set(reasons) - analysis.run.references():
        return None
    references = standing.forms(analysis, analysis.run.references())
    if at.value is not None and at.cell is None and not _is_discrete(analysis, at):
        setting = next(s for s in analysis.settings if s.question["name"] == at.question and s.regime == at.regime
                       and s.threads in (0, at.threads))
        free = standing.along(analysis, setting, references, [at.value])
    else:
        free = [p for p in standing.places_without(analysis, references)
                if (p.question, p.cell, p.value, p.regime, p.threads) == (
                    at.question, at.cell, at.value, at.regime, at.threads)]
    if not free or free[0].best.name not in skip:
        return None
    behind = next((s for s in free[0].standings if s.name == at.best.name), None)
    if behind is None or behind.state != advice.BEHIND:
        return None
    return dataclasses.replace(behind, name=free[0].best.name)


def _is_discrete(analysis: Analysis, place: Place) -> bool:
    return make_axis(next(q for q in analysis.run.questions if q["name"] == place.question)).discrete


def as_data(r: Recommendation) -> dict[str, Any]:
    """The recommendation for programs; leads as ratios of speeds."""
    def ratio(value: float) -> float | None:
        return float(f"{math.exp(value):.5g}") if math.isfinite(value) else None

    def where(near: Near) -> dict[str, Any]:
        p = near.place
        return {"experiment": p.question, "place": p.title, "cell": p.cell, "axis": p.value, "regime": p.regime,
                "threads": p.threads, "covers": near.covers, "front": list(p.front), "verdict": p.verdict,
                "gaps": [dataclasses.asdict(g) for g in near.gaps]}

    return {
        "schema": 1, "wanted": dataclasses.asdict(r.wanted), "constraints": r.constraints.named(), "threads": r.threads,
        "verdict": r.verdict, "covered": r.covered, "front": list(r.front),
        "nearest": where(r.nearest) if r.nearest else None, "others": [where(n) for n in r.others],
        "ranking": [{"contestant": p.standing.name, "state": p.standing.state, "speed": ratio(-p.standing.lead),
                     "low": ratio(-p.standing.high), "high": ratio(-p.standing.low), "visits": p.standing.visits,
                     "memory": None if p.memory is None else {"settled": round(p.memory.settled),
                                                              "peak": round(p.memory.peak), "basis": p.memory.basis},
                     "response": [waits.as_data(w) for w in p.waits],
                     **({"at_its_own_times": waits.point_as_data(p.at_its_own_times)} if r.came else {})}
                    for p in r.picks],
        "fit": list(r.fit), "barred": r.barred, "not_decided": list(r.undecidable),
        "load": r.judged.load if r.judged and r.judged.decided else None,
        "changes": [{"what": c.what, "front": list(c.place.front)} for c in r.changes],
        "passed_over": None if r.passed_over is None else {
            "contestant": r.passed_over.name, "speed": ratio(r.passed_over.lead),
            "why": r.barred.get(r.passed_over.name) or r.barred.get(fitness.strategy_of(r.passed_over.name))}}
