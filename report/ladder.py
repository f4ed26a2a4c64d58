# SPDX-License-Identifier: Apache-2.0
"""Times of each map in the cells of a question, side by side: what a larger value, a longer key or another hash costs it.

Cells of one map are not paired: their times are of different visits, between which the machine drifts by some per cent.
The table is for differences that are larger than that, and decides nothing. Questions ask for it (`side_by_side`).
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from typing import Any

from report import crowd, plates, words
from report.analyse import Analysis
from report.figures.style import number

MOST = 12  # maps in a table


@dataclasses.dataclass
class Table:
    """One setting: a column for each cell, a row for each map, the fastest first. A text is ns an operation, or "–"."""

    where: str
    cells: list[str]  # titles
    rows: list[tuple[str, list[str], str]]  # contestant, of each cell, the dearest over the cheapest
    visits: str  # the least and the most that a figure rests on
    left_out: int


def tables(analysis: Analysis, question: dict[str, Any]) -> list[Table]:
    """For the least number of threads and all cores; none where fewer than two cells were measured."""
    if not question.get("side_by_side"):
        return []
    titles = {c["name"]: c.get("title") or c["name"] for c in question["cells"]}
    found: dict[tuple[str, int], dict[str, dict[str, Any]]] = {}
    for a in analysis.absolutes:
        if a.question == question["name"] and a.place in titles:
            found.setdefault((a.regime, a.threads), {}).setdefault(a.contestant, {})[a.place] = a
    shown = plates.shown_threads(analysis.thread_names, (threads for _, threads in found))
    result = []
    for (regime, threads), maps in found.items():
        cells = [name for name in titles if any(name in times for times in maps.values())]
        if threads not in shown or len(cells) < 2:
            continue
        scores = {n: -sum(math.log(a.ns) for a in times.values()) / len(times) for n, times in maps.items() if len(times) > 1}
        names = crowd.first(scores, crowd.families(analysis), MOST)
        visits = sorted(a.visits for n in names for a in maps[n].values())
        if names:
            result.append(Table(
                words.where(regime, threads, analysis.thread_names), [titles[c] for c in cells],
                [(words.pretty(n), [number(maps[n][c].ns) if c in maps[n] else "–" for c in cells], _spread(maps[n])) for n in names],
                words.plural(visits[0], "visit") if visits[0] == visits[-1] else f"{visits[0]} to {words.plural(visits[-1], 'visit')}",
                len(maps) - len(names)))
    return result


def huge_pages(analysis: Analysis, question: dict[str, Any]) -> str:
    """How much of the worker's memory was in huge pages, where the cells of a question say what pages they want; otherwise
    nothing."""
    wanted = {c["name"]: c["pages"] for c in question.get("cells") or [] if "pages" in c}
    shares: dict[str, list[float]] = {}
    for visit in analysis.run.visits:
        if visit.question == question["name"] and visit.name in wanted and visit.huge_share is not None and analysis.used(visit):
            shares.setdefault(wanted[visit.name], []).append(visit.huge_share)
    if not shares:
        return ""
    medians = {pages: statistics.median(found) for pages, found in shares.items()}
    said = "; ".join(f"{what}, {100 * medians[pages]:.0f} %" for pages, what in (
        ("asked", "as each map asks"), ("huge", "huge pages for all"), ("small", "small pages for all")) if pages in medians)
    sentence = f"Share of the worker's memory that was in huge pages, with its maps in place (medians of visits): {said}."
    if medians.get("huge", 1.0) < 0.5:
        sentence += " So this machine does not give huge pages to whoever asks for them, and what they change cannot be shown here."
    return sentence


def _spread(times: dict[str, Any]) -> str:
    ns = [a.ns for a in times.values()]
    return f"{number(max(ns) / min(ns))}×"
