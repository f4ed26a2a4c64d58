# SPDX-License-Identifier: Apache-2.0
"""Figures over all questions at once: the heat map, phase diagrams, memory.

They read the places of `standing`, on which the advice rests too, so that a tile and an answer never disagree.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable
from typing import Any

from report import advice, words
from report.advice import Place
from report.analyse import Analysis, make_axis
from report.figures import heat, style, winners
from report.plates import Plate, digits, shown_threads, speed
from report.stats.axis import format_count

MOST_ROWS = 30  # maps in the heat map; the table beside it has all
NEAR = math.log(1.05)  # "near the fastest" in captions
ENTRY_BYTES = 16  # a 64-bit key and a 64-bit value


def _firm(places: Iterable[Place]) -> list[Place]:
    return [p for p in places if not p.oversubscribed and p.standings]


def _title(analysis: Analysis, threads: int) -> str:
    return words.where("stationary", threads, analysis.thread_names)


def _regime(place: Place) -> str:
    return "" if place.regime == "stationary" else place.regime.replace("_", " ")


def _ends(places: list[Place]) -> list[Place]:
    """Of a sweep its ends and its middle: what lies between seldom says more."""
    return places if len(places) <= 4 else [places[0], places[len(places) // 2], places[-1]]


def _visits(places: Iterable[Place]) -> str:
    """How many visits the places rest on: "12 visits" or "12 to 60 visits"."""
    seen = sorted({p.best.visits for p in places})
    return words.plural(seen[0], "visit") if len(seen) == 1 else f"{seen[0]} to {words.plural(seen[-1], 'visit')}"


def heat_plates(analysis: Analysis, places: list[Place], looks: style.Looks) -> list[Plate]:
    """One heat map per number of threads that is shown, all cores first."""
    firm = _firm(places)
    result = []
    for threads in reversed(shown_threads(analysis.thread_names, (p.threads for p in firm))):
        plate = _heat(analysis, [p for p in firm if p.threads == threads], threads, looks)
        if plate is not None:
            result.append(plate)
    return result


def _heat(analysis: Analysis, here: list[Place], threads: int, looks: style.Looks) -> Plate | None:
    groups: dict[tuple[str, str], list[Place]] = {}
    for p in here:
        groups.setdefault((p.question, _regime(p)), []).append(p)
    columns, shown = [], []
    for (question, regime), own in groups.items():
        axis = make_axis(next(q for q in analysis.run.questions if q["name"] == question))
        name = words.question_name(question) + (f", {regime}" if regime else "")
        for p in (own if axis is None else _ends(own)):
            columns.append(heat.Column(name, p.title if axis is None else axis.format(p.value)))
            shown.append(p)
    if len(shown) < 2:
        return None
    leads: dict[str, list[float]] = {}
    for p in shown:
        for s in p.standings:
            if math.isfinite(s.lead):
                leads.setdefault(s.name, []).append(s.lead)
    best_of: dict[str, str] = {}  # strategy -> its best variant
    order = sorted(leads, key=lambda n: (statistics.median(leads[n]), -len(leads[n]), n))
    for name in order:
        best_of.setdefault(name.split(":")[0].split("@")[0], name)
    rows = [n for n in order if n in best_of.values()]
    drawn, tiles, table = rows[:MOST_ROWS], {}, []
    for c, p in enumerate(shown):
        for s in p.standings:
            state = heat.BEST if s is p.best else {advice.EQUAL: heat.EQUAL, advice.OPEN: heat.OPEN}.get(s.state, heat.BEHIND)
            if s.name in drawn and math.isfinite(s.lead):
                tiles[s.name, c] = heat.Tile(max(s.lead, 0.0), state)
            table.append({"map": s.name, "question": p.question, "place": p.title, "regime": p.regime,
                          "threads": threads, "times_as_slow": speed(s.lead), "low": speed(s.low),
                          "high": speed(s.high), "state": state, "visits": s.visits})
    near = {n: sum((n, c) in tiles and tiles[n, c].lead <= NEAR for c in range(len(shown))) for n in drawn}
    top = max(near, key=lambda n: (near[n], -drawn.index(n)))
    equals = sorted(n for n in near if near[n] == near[top] and n != top)
    rank = f"as often as {words.join(equals[:3])}" if equals else "more often than any other map"
    undecided = sum(p.verdict == advice.UNDECIDED for p in shown)
    caption = [f"With {_title(analysis, threads)}, {top} is the fastest or within 5 % of it at {near[top]} of "
               f"{words.plural(len(shown), 'place')}, {rank}.",
               f"Time per operation against the fastest map of each place; {_visits(shown)} a place. "
               "Hatched: equivalent to the fastest within delta; “?”: these visits do not tell; empty: did not take part.",
               f"Who is fastest is open at {undecided} of {len(shown)}." if undecided else "Who is fastest is decided everywhere.",
               "Of every strategy the best variant; of sweeps the ends and the middle."]
    if len(rows) > len(drawn):
        caption.append(f"{len(rows) - len(drawn)} slower maps are in the values only.")
    svg = heat.draw(name := f"fig-heat-{threads}", " ".join(caption), drawn, columns, tiles, looks)
    return Plate(name, svg, caption, True, "", threads, rows=table)


# What may span a phase diagram: what it is, its value in a place, and how it is written.
_AXES: tuple[tuple[str, Callable[[Place], float], Callable[[float], str]], ...] = (
    ("keys", lambda p: float(p.features.keys), format_count),
    ("writes", lambda p: 100 - p.features.reads, lambda v: f"{v:g} % writes"),
    ("zipf exponent", lambda p: p.features.theta, lambda v: f"zipf {v:g}" if v else "uniform"),
    ("reuse", lambda p: 100 * (p.features.reuse or 0.0), lambda v: f"{v:g} % reuse"),
)


def _spanning(places: list[Place]) -> tuple[int, int] | None:
    """Indices of the two axes that the places of a question span as a grid, the longer first."""
    varied = [(i, len({of(p) for p in places})) for i, (_, of, _) in enumerate(_AXES)]
    varied = [(i, n) for i, n in varied if n > 1]
    if len(varied) != 2 or varied[0][1] * varied[1][1] > len(places) * 4 / 3 or len(places) < 4:
        return None
    (a, m), (b, n) = varied
    return (a, b) if m >= n else (b, a)


def _region(column: int, row: int, place: Place) -> winners.Region:
    lead = ""
    if place.verdict == advice.ALONE and place.next is not None:
        lead = f"{style.number(math.exp(place.next.lead))}×"
    return winners.Region(column, row, place.front, place.verdict != advice.UNDECIDED, lead)


def phase_plates(analysis: Analysis, places: list[Place], looks: style.Looks) -> list[Plate]:
    """Winner regions over two things that were varied together: two features of named cells, or an axis and threads."""
    firm = _firm(places)
    by_cells, by_threads = [], []
    used: tuple[list[Place], list[Place]] = ([], [])
    for question in analysis.run.questions:
        axis = make_axis(question)
        own = [p for p in firm if p.question == question["name"]]
        name = words.question_name(question["name"])
        if axis is None:
            for regime in dict.fromkeys(p.regime for p in own):
                for threads in shown_threads(analysis.thread_names, (p.threads for p in own)):
                    here = [p for p in own if (p.regime, p.threads) == (regime, threads)]
                    grid = _cells_grid(here, ", ".join(t for t in (name, _regime(here[0]) if here else "", _title(
                        analysis, threads)) if t))
                    if grid is not None:
                        by_cells.append(grid)
                        used[0].extend(here)
        elif axis.field != "threads":
            for regime in dict.fromkeys(p.regime for p in own):
                here = [p for p in own if p.regime == regime]
                counts, values = sorted({p.threads for p in here}), sorted({p.value for p in here})
                if len(counts) > 1 and len(values) > 1:
                    by_threads.append(winners.Grid(
                        ", ".join(t for t in (name, _regime(here[0])) if t), [axis.format(v) for v in values],
                        [words.plural(n, "thread") for n in counts], axis.name, "threads",
                        [_region(values.index(p.value), counts.index(p.threads), p) for p in here]))
                    used[1].extend(here)
    result = []
    for key, grids, own in (("cells", by_cells, used[0]), ("threads", by_threads, used[1])):
        if grids:
            result.append(_phases(f"fig-phases-{key}", grids, own, looks))
    return result


def _cells_grid(here: list[Place], title: str) -> winners.Grid | None:
    span = _spanning(here)
    if span is None:
        return None
    (across, x, write_x), (down, y, write_y) = (_AXES[i] for i in span)
    columns, rows = sorted({x(p) for p in here}), sorted({y(p) for p in here})
    return winners.Grid(title, [write_x(v) for v in columns], [write_y(v) for v in rows], across, down,
                        [_region(columns.index(x(p)), rows.index(y(p)), p) for p in here])


def _phases(name: str, grids: list[winners.Grid], own: list[Place], looks: style.Looks) -> Plate:
    alone: dict[str, int] = {}
    for p in own:
        if p.verdict == advice.ALONE:
            alone[p.best.name] = alone.get(p.best.name, 0) + 1
    order = sorted(alone, key=lambda n: (-alone[n], n))
    undecided = sum(p.verdict == advice.UNDECIDED for p in own)
    equal = sum(p.verdict == advice.EQUAL for p in own)
    if not order:
        first = f"Nobody is alone in front in any of {words.plural(len(own), 'region')}."
    elif len(order) == 1:
        first = (f"{order[0]} is alone in front in {'all' if alone[order[0]] == len(own) else alone[order[0]]} of "
                 f"{words.plural(len(own), 'region')}, and nobody else in any.")
    else:
        first = (f"The winner changes: {words.join([f'{n} is alone in front in {alone[n]}' for n in order[:4]])} of "
                 f"{words.plural(len(own), 'region')}.")
    caption = [first, f"Equal within delta: {words.count(equal)} (grey). Undecided: {words.count(undecided)} (hatched): these "
               f"visits do not tell. Numbers: how many times as fast as the next. {_visits(own)} a region."]
    table = [{"question": p.question, "place": p.title, "regime": p.regime, "threads": p.threads, "verdict": p.verdict,
              "front": " ".join(p.front), "lead": speed(p.next.lead) if p.next else "",
              "low": speed(p.next.low) if p.next else "", "high": speed(p.next.high) if p.next else "",
              "over": p.next.name if p.next else "", "visits": p.best.visits} for p in own]
    return Plate(name, winners.phases(name, " ".join(caption), grids, looks), caption, True, rows=table)


def memory_plate(analysis: Analysis, looks: style.Looks) -> Plate | None:
    """Bytes per entry after the visits of the run, where the worker read them."""
    seen: dict[str, list[float]] = {}
    for visit in analysis.run.visits:
        if visit.ok and visit.timed and visit.workload.get("key_type") != "string":
            for c, record in visit.memory.items():
                if record["entries"] and record["bytes"] and c < len(visit.contestants):
                    seen.setdefault(visit.contestants[c], []).append(record["bytes"] / record["entries"])
    names = {s["name"] for s in analysis.run.strategies() if not s.get("returns_results", True)} | {"null"}
    bars = [heat.Bar(n, min(v), statistics.median(v), max(v)) for n, v in seen.items()
            if n.split(":")[0].split("@")[0] not in names]
    if len(bars) < 2:
        return None
    bars.sort(key=lambda b: (b.middle, b.name))
    least, most = bars[0], bars[-1]
    count = sum(len(seen[b.name]) for b in bars)
    caption = [f"{least.name} takes {style.number(least.middle)} bytes per entry and {most.name} {style.number(most.middle)}, "
               f"{style.number(most.middle / least.middle)} times as much.",
               f"Marker: median of {words.plural(count, 'reading')} over all integer-keyed workloads of the run; bar: least to "
               f"most, which vary with the number of keys. The dashed line is the {ENTRY_BYTES} bytes of a key and its value."]
    table = [{"map": b.name, "least": digits(b.least), "median": digits(b.middle), "most": digits(b.most),
              "readings": len(seen[b.name])} for b in bars]
    return Plate("fig-memory", heat.memory("fig-memory", " ".join(caption), bars, looks, ENTRY_BYTES), caption,
                 tall=len(bars) > 8, rows=table)


def anchor(place: Place, anchors: dict[tuple, str]) -> str:
    """Where the paper shows the place."""
    for key, name in anchors.items():
        if key[:3] == (place.question, place.regime, place.threads):
            return name
    return f"q-{place.question}"


def rows_of(analysis: Analysis, places: list[Place]) -> list[dict[str, Any]]:
    """For the pairwise view: every place, its delta and the effect of every map against the fastest there."""
    result = []
    for p in places:
        if p.standings:
            result.append({
                "q": words.question_name(p.question), "p": p.title, "r": _regime(p), "n": p.threads,
                "w": _title(analysis, p.threads), "d": round(p.delta, 4), "o": int(p.oversubscribed),
                "m": {s.name: [_short(s.lead), _short((s.high - s.low) / 2), s.visits] for s in p.standings
                      if math.isfinite(s.lead)}})
    return result


def _short(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None
