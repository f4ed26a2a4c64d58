# SPDX-License-Identifier: Apache-2.0
"""Whether a map's response times keep a limit: from what a run measured under arrivals (latency.py).

A limit holds at a load: at the rate that the reader names, else at half of what the baseline of the question can do,
where all maps met the same arrivals. A replayed trace answers at its own arrivals. Between the loads that were measured the next higher one answers, as response times
rise with the load. A map keeps a limit when the upper end of the percentile's interval over visits does. Of a map that
nobody measured there nothing is known, and unknown is not kept.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from report import advice, latency
from report.analyse import Analysis
from report.figures.latency import rate
from report.figures.style import duration
from report.recommend import fitness
from report.recommend.described import Constraints, Wanted
from report.recommend.near import Near, gaps

KEEPS, MISSES, UNKNOWN = "keeps", "misses", "unknown"
NOT_MEASURED = "its response times were not measured there"
AS_HIGH = 0.99  # a load is as high as another that is at most this much higher: what counts as achieved


@dataclasses.dataclass(frozen=True)
class Wait:
    """One percentile of one map at the load that is asked about; times in nanoseconds.

    state: KEEPS, MISSES or UNKNOWN; `why`: of the latter two, a clause
    """

    quantile: float
    limit: float
    state: str
    figure: latency.Figure | None
    why: str = ""


@dataclasses.dataclass(frozen=True)
class Judged:
    """What a run says of the limits. `near`: the place with response times that is most like the point, None without one;
    `by`: the maps measured there by contestant, when the place covers the point; `floor`: of a map that does nothing."""

    limits: dict[float, float]  # by quantile, ns
    near: Near | None
    load: str  # in words: "at 520k operations a second"
    by: dict[str, tuple[Wait, ...]]
    floor: dict[float, latency.Figure]

    @property
    def decided(self) -> bool:
        """Whether the run can say anything of the limits at the point."""
        return bool(self.by)

    def why_not(self, contestant: str) -> str:
        """Why it is not known to keep every limit, a clause; empty when it is."""
        if contestant not in self.by:
            return NOT_MEASURED
        return next((w.why for w in self.by[contestant] if w.state != KEEPS), "")


def name_of(quantile: float) -> str:
    """ "p99", "p99.9"."""
    return f"p{100 * quantile:g}"


def at_its_own_times(analysis: Analysis, recording: str, threads: int) -> tuple[latency.Place | None, dict[str, latency.Point]]:
    """The place where a trace was replayed when its operations came, and what each map did there, under all of its names."""
    own = [p for p in analysis.latency if recording and _recording(p) == recording and p.recorded]
    place = min(own, key=lambda p: abs(math.log(p.threads / threads)), default=None)
    return place, _of_all_forms(analysis, {r.contestant: r.common for r in place.runners if r.common}) if place else {}


def _recording(place: latency.Place) -> str:
    """The hash of the trace that was replayed at a place."""
    cell = next(c for c in place.question["cells"] if c["name"] == place.cell)
    return (cell.get("recording") or {}).get("sha256", "")


def judge(analysis: Analysis, wanted: Wanted, asked: Constraints, threads: int, recording: str = "") -> Judged | None:
    """What the run says of the limits on response times, of all of its contestants; None when none is asked. Pure.

    recording: the hash of a trace, which answers itself where the run has replayed it
    """
    limits = asked.limits()
    if not limits:
        return None
    replayed, _ = at_its_own_times(analysis, recording, threads)
    usable = [replayed] if replayed else [p for p in analysis.latency if not p.recorded]
    found = [(_near(analysis, place, wanted, threads), place) for place in usable if place.runners or place.fillers]
    if replayed:
        found = [(Near(found[0][0].place, ()), replayed)]
    if not found:
        return Judged(limits, None, "", {}, {})
    near, place = min(found, key=lambda f: (not f[0].covers, f[0].distance, -f[1].visits))
    if not near.covers:
        return Judged(limits, near, "", {}, {})
    load = _load(place, wanted.rate)
    own = {m.contestant: m for m in [*place.runners, *place.fillers]}
    by = {name: tuple(_wait(own[name], place, wanted.rate, q, limit, load) for q, limit in limits.items()) for name in own}
    return Judged(limits, near, load, _of_all_forms(analysis, by), _floor(place, limits))


def _near(analysis: Analysis, place: latency.Place, wanted: Wanted, threads: int) -> Near:
    workload = next(v.workload for s in analysis.settings if s.question is place.question for v in s.visits
                    if (v.name, v.regime, v.threads) == (place.cell, place.regime, place.threads) and v.latency)
    there = advice.Place(place.question["name"], place.title, place.regime, place.threads, advice.features_of(workload),
                         math.nan, (), cell=place.cell)
    return Near(there, gaps(there, wanted, threads))


def _of_all_forms(analysis: Analysis, by: dict[str, Any]) -> dict[str, Any]:
    """The same under every name that a map has in the run: sharded_map is sharded_map:shards=64 if those are its shards."""
    forms = {fitness.plain(analysis, name): waits for name, waits in by.items()}
    names = {c for s in analysis.settings for v in s.visits for c in v.contestants}
    return {n: forms[fitness.plain(analysis, n)] for n in sorted(names | set(by)) if fitness.plain(analysis, n) in forms}


def _load(place: latency.Place, wanted: float) -> str:
    if place.recorded:
        offered = next((r.common.offered for r in place.runners if r.common and r.common.offered.known), None)
        return "at the trace's own times" + (f" ({rate(offered.value)} operations a second)" if offered else "")
    if wanted:
        return f"at {rate(wanted)} operations a second"
    if place.fillers:
        return f"at {rate(place.fillers[0].offered.value)} stores a second"
    common = next((p for r in place.runners if (p := latency.under_the_same(r, place)) and p.offered.known), None)
    return f"at half of what {place.baseline} can do" + (f" ({rate(common.offered.value)} operations a second)" if common else "")


def _wait(of: latency.Runner | latency.Filler, place: latency.Place, wanted: float, q: float, limit: float, load: str) -> Wait:
    """The verdict on one percentile."""
    if isinstance(of, latency.Filler):
        response, state, why = _filled(of, wanted)
    else:
        response, state, why = _runs(of, place, wanted)
    if response is None:
        return Wait(q, limit, state, None, why)
    figure = response.get(q)
    if figure is None or not figure.known:
        return Wait(q, limit, UNKNOWN, None, f"too few operations were timed {load} to tell its {name_of(q)}")
    if not math.isfinite(figure.high):
        return Wait(q, limit, UNKNOWN, figure, f"its {name_of(q)} {load} was measured in one visit, which has no interval")
    if figure.high <= limit:
        return Wait(q, limit, KEEPS, figure)
    return Wait(q, limit, MISSES, figure, f"its {name_of(q)} {load} {'is' if figure.low > limit else 'may be'} {spread(figure)}, "
                f"and {duration(limit)} is asked")


def spread(figure: latency.Figure) -> str:
    """ "61 µs (52 µs to 70 µs)"."""
    inner = f" ({duration(figure.low)} to {duration(figure.high)})" if math.isfinite(figure.high) else ""
    return duration(figure.value) + inner


_Found = tuple[dict[float, latency.Figure] | None, str, str]  # responses at the load, or None and (state, why)


def _runs(runner: latency.Runner, place: latency.Place, wanted: float) -> _Found:
    """Under Poisson arrivals, or those of a trace."""
    if not wanted or place.recorded:
        point = latency.under_the_same(runner, place)
        if point is None or not point.offered.known:
            return None, UNKNOWN, NOT_MEASURED
        return (None, MISSES, f"it is saturated at {rate(point.offered.value)} operations a second") if point.saturated else (
            point.response, "", "")
    points = sorted((p for p in [*runner.rungs, runner.common] if p and p.offered.known), key=lambda p: p.offered.value)
    full = next((p for p in points if p.saturated and p.offered.value <= wanted), None)
    if full is not None:
        return None, MISSES, f"it is saturated at {rate(full.offered.value)} operations a second already"
    point = next((p for p in points if p.offered.value >= AS_HIGH * wanted and not p.saturated), None)
    if point is not None:
        return point.response, "", ""
    if runner.capacity.high < wanted:
        return None, MISSES, f"it does no more than {rate(runner.capacity.value)} operations a second"
    borne = [p.offered.value for p in points if not p.saturated]
    return None, UNKNOWN, (f"its response times were measured up to {rate(borne[-1])} operations a second" if borne else NOT_MEASURED)


def _filled(filler: latency.Filler, wanted: float) -> _Found:
    """While it was filled."""
    at = f"{rate(filler.offered.value)} stores a second" if filler.offered.known else ""
    if at and filler.saturated > filler.longest.visits:
        return None, MISSES, f"it is saturated at {at}"
    if not filler.longest.known or filler.offered.value < AS_HIGH * wanted:
        return None, UNKNOWN, f"its response times were measured at {at} only" if at else NOT_MEASURED
    return filler.response, "", ""


def _floor(place: latency.Place, limits: dict[float, float]) -> dict[float, latency.Figure]:
    """What the machine itself takes there, told by the map that does nothing."""
    control = place.control
    response = control.response if isinstance(control, latency.Filler) else (
        point.response if isinstance(control, latency.Runner) and (point := latency.at_half(control)) else {})
    return {q: response[q] for q in limits if q in response and response[q].known}


def point_as_data(point: latency.Point | None) -> dict[str, object] | None:
    """For programs: responses by percentile in seconds, where they are known; None of a map that was not there."""
    if point is None:
        return None
    return {"saturated": point.saturated, **{name_of(q): float(f"{f.value / 1e9:.5g}") for q, f in point.response.items() if f.known}}


def as_data(wait: Wait) -> dict[str, object]:
    """For programs; seconds."""
    known = wait.figure is not None and wait.figure.known

    def seconds(value: float) -> float | None:
        return float(f"{value / 1e9:.5g}") if math.isfinite(value) else None

    return {"percentile": name_of(wait.quantile), "limit": seconds(wait.limit), "state": wait.state,
            **{n: seconds(getattr(wait.figure, n)) if known else None for n in ("value", "low", "high")}}
