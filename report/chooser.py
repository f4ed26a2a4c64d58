# SPDX-License-Identifier: Apache-2.0
"""The first table of the paper: which map for which situation, as text ready for the template."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

from report import advice, landscape, plates, standing, words
from report.advice import Answer, Place
from report.analyse import Analysis
from report.figures.style import number

MOST_LINES = 12  # places that are listed under one answer
MOST_NAMES = 3


@dataclasses.dataclass
class Line:
    """One place, or neighbours on an axis with the same answer, under an answer."""

    place: str
    text: str
    href: str


@dataclasses.dataclass
class Cell:
    """The answer to a situation with one number of threads. `kind` is a verdict, or "none" without a place."""

    kind: str
    names: list[str]
    evidence: str
    lines: list[Line]
    more: int = 0  # places that are not listed


@dataclasses.dataclass
class Row:
    title: str
    detail: str
    cells: list[Cell]


@dataclasses.dataclass
class Chooser:
    columns: list[str]
    rows: list[Row]
    unfit: list[tuple[str, str]]  # (maps, why no row recommends them)
    places: int
    undecided: int


def chooser(analysis: Analysis, places: list[Place], anchors: dict[tuple, str]) -> Chooser:
    """The table: situations by the least number of threads and all cores."""
    groups = advice.by_situation(places)
    counts = plates.shown_threads(analysis.thread_names, (n for _, by in groups for n in by))
    rows = []
    for situation, by_threads in groups:
        cells = [_cell(advice.answer(by_threads.get(n, ())), anchors) for n in counts]
        if any(c.kind != "none" for c in cells):
            rows.append(Row(situation.title, situation.detail, cells))
    shown = [p for _, by in groups for n in counts for p in by.get(n, ())]
    why: dict[str, list[str]] = {}
    took_part = {c.split(":")[0].split("@")[0] for v in analysis.run.visits for c in v.contestants}
    for name, reason in standing.unfit(analysis).items():
        if name in took_part and not reason.startswith("finds nothing"):
            why.setdefault(reason, []).append(name)
    return Chooser(
        [_column(analysis, n) for n in counts], rows, [(words.join(sorted(names)), reason) for reason, names in why.items()],
        len(shown), sum(p.verdict == advice.UNDECIDED for p in shown))


def _column(analysis: Analysis, threads: int) -> str:
    name = analysis.thread_names.get(threads, "")
    return words.capital_word(f"all {threads} cores" if name == "all cores" and threads > 1 else
                              f"{words.plural(threads, 'thread')}{f', {name}' if name else ''}")


def lead_text(place: Place) -> str:
    """By how much the fastest leads the next: "1.21× (1.18 to 1.24) the speed of x"."""
    behind = place.next
    if behind is None:
        return ""
    return f"{number(math.exp(behind.lead))}×{interval(behind)} the speed of {words.pretty(behind.name)}"


def interval(s: advice.Standing) -> str:
    if not (math.isfinite(s.low) and math.isfinite(s.high)):
        return ""
    return f" ({number(math.exp(s.low))} to {number(math.exp(s.high))})"


def _percent(delta: float) -> str:
    return f"{100 * delta:.3g} %"


def _some(names: list[str]) -> str:
    names = [words.pretty(n) for n in names]
    if len(names) > MOST_NAMES + 1:
        return f"{', '.join(names[:MOST_NAMES])} and {len(names) - MOST_NAMES} more"
    return words.join(names)


def _cell(found: Answer | None, anchors: Mapping[tuple, str]) -> Cell:
    if found is None:
        return Cell("none", [], "not measured", [])
    lines = _lines(found.places, anchors)
    names = [words.pretty(found.name)]
    total = len(found.places)
    at = f"{found.front} of {total} places" if found.front < total else words.plural(total, "place")
    if found.verdict == advice.UNDECIDED:
        names = [words.pretty(n) for n in (found.name, *found.rivals)][:MOST_NAMES]
        more = len(found.rivals) + 1 - len(names)
        visits = sorted({p.best.visits for p in found.places})
        text = (f"{f'and {more} more, ' if more else ''}not told apart by {_span(visits)} visits"
                + (f" at any of {at}" if total > 1 else ""))
    elif found.verdict == advice.EQUAL:
        delta = _percent(max(p.delta for p in found.places))
        text = f"equal to {_some(list(found.rivals))} within {delta}" + (f" at {at}" if total > 1 else "")
    else:
        parts = []
        if found.weakest is not None:
            where = "" if total == 1 else f" at {found.alone} of {total} places"
            least = " or more" if found.alone > 1 else ""
            parts.append(f"alone in front{where}: {lead_text(found.weakest)}{least}")
        if found.front > found.alone:
            parts.append(f"not told apart from {_some(list(found.rivals))} at {found.front - found.alone}"
                         + ("" if found.weakest is not None else f" of {total} places"))
        others = _others(found)
        if others:
            parts.append(f"elsewhere {others}")
        text = "; ".join(parts)
        if total == 1:
            text += f"; {words.plural(found.places[0].best.visits, 'visit')}"
    return Cell(found.verdict, names, text, lines[:MOST_LINES] if total > 1 else lines, max(0, len(lines) - MOST_LINES))


def _others(found: Answer) -> str:
    """Who is in front where the map of the answer is beaten."""
    leaders: dict[str, int] = {}
    for p in found.places:
        if found.name not in p.front:
            leaders[p.best.name] = leaders.get(p.best.name, 0) + 1
    order = sorted(leaders, key=lambda n: (-leaders[n], n))
    return _some(order)


def _span(numbers: list[int]) -> str:
    return f"{numbers[0]}" if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"


def _lines(places: tuple[Place, ...], anchors: Mapping[tuple, str]) -> list[Line]:
    """Places, neighbours of a sweep with the same answer joined."""
    runs: list[list[Place]] = []
    for p in places:
        last = runs[-1][-1] if runs else None
        if (last is not None and p.value is not None and last.value is not None
                and (last.question, last.regime, last.front, last.verdict) == (p.question, p.regime, p.front, p.verdict)):
            runs[-1].append(p)
        else:
            runs.append([p])
    return [Line(_place(run), _line(run), landscape.anchor(run[0], anchors)) for run in runs]


def _place(run: list[Place]) -> str:
    first = words.question_name(run[0].question) + (
        "" if run[0].regime == "stationary" else f" ({run[0].regime.replace('_', ' ')})")
    return f"{first}: {run[0].title}" + (f" to {_value(run[-1])}" if len(run) > 1 else "")


def _value(place: Place) -> str:
    """The end of a stretch: "82 %" of "share of reads 82 %"."""
    parts = place.title.split(" ")
    at = next((i for i, part in enumerate(parts) if part[:1].isdigit()), 0)
    return " ".join(parts[at:])


def _line(run: list[Place]) -> str:
    place = min(run, key=lambda p: p.next.lead if p.next else 0.0)
    names = _some(list(place.front))
    if place.verdict == advice.ALONE:
        return f"{names}, {lead_text(place)}" + (" or more" if len(run) > 1 else "")
    if place.verdict == advice.EQUAL:
        return f"{names}, equal within {_percent(place.delta)}"
    return f"{names}, not told apart"
