# SPDX-License-Identifier: Apache-2.0
"""Tails of several runs: of pairs, judged as speeds are, and the response times of single maps side by side."""

from __future__ import annotations

import math
from typing import Any

from report import plates, words
from report.compare import say
from report.compare.compared import Comparison, Place, counts
from report.compare.taken import LOAD
from report.figures import forest, style
from report.figures.latency import rate
from report.figures.style import duration, fine
from report.stats import between

MOST_DRAWN = 10  # places in the figure of a question; the table has all of them
SHORT = {"p99": "p99", "p99.9": "p99.9", "longest": "longest response", "longest_store": "longest store", LOAD: "load"}


def totals(c: Comparison) -> str:
    """How many tails of pairs agree, in a sentence; empty without any."""
    if not c.tails:
        return ""
    found = counts(c.tails)
    parts = [f"{words.count(found[between.AGREES])} {'agrees' if found[between.AGREES] == 1 else 'agree'}",
             f"{words.count(found[between.DIFFERS])} {'differs' if found[between.DIFFERS] == 1 else 'differ'}",
             f"{words.count(found[between.UNDECIDED])} {'is' if found[between.UNDECIDED] == 1 else 'are'} undecided"]
    turned = sum(p.other_winner for p in c.tails)
    more = f" In {words.plural(turned, 'case')} another map of the pair has the shorter one." if turned else ""
    return f"Of {words.plural(len(c.tails), 'ratio')} of the tails of two maps under arrivals, {words.join(parts)}.{more}"


def difference_sentence(c: Comparison, p: Place) -> str:
    """Of a tail, what the two runs that stand out say; no full stop."""
    x, y, d = p.entries[p.first], p.entries[p.second], p.together.difference
    a, b = words.pretty(p.key.a), words.pretty(p.key.b)
    return (f"{say.place_title(c, p.key)}: the {SHORT[p.key.metric]} of {a} is {say.with_interval(x.effect.effect, x.low, x.high)} "
            f"as short as {b}’s in {c.runs[p.first].letter} and {say.with_interval(y.effect.effect, y.low, y.high)} in "
            f"{c.runs[p.second].letter}, {say.with_interval(d.effect, d.low, d.high)} of that")


def section(c: Comparison, name: str, looks: style.Looks, label) -> dict[str, Any] | None:
    """What a question with arrivals shows: figure and table of its pairs, and all response times; None without any.
    label: how a run is named in figures."""
    own, times = ([p for p in places if p.key.question == name] for places in (c.tails, c.waits))
    if not own and not times:
        return None
    return {"plate": _plate(c, name, own, looks, label) if own else None, "rows": own, "counts": counts(own),
            "times": [_times(c, p) for p in sorted(times, key=_order)]}


def _order(p: Place) -> tuple:
    """By where, then by map, the load first."""
    return p.key.cell or "", p.key.threads, p.key.metric != LOAD, p.key.a == "null"


def _plate(c: Comparison, name: str, own: list[Place], looks: style.Looks, label) -> plates.Plate:
    ranked = sorted(own, key=lambda p: p.gravity)
    shown = ranked[:MOST_DRAWN]
    groups = [forest.Group(
        f"{SHORT[p.key.metric]}, {say.pair(p.key)}, {say.place_title(c, p.key)}: {p.word}",
        [forest.Row(label(r), e.effect.effect, e.low, e.high, _shorter(e.verdict), e.visits)
         for r, e in zip(c.runs, p.entries) if e], p.delta) for p in shown]
    found = counts(own)
    first = (f"{words.plural(len(own), 'ratio')} of tails: {found['agrees']} agree, {found['differs']} differ, "
             f"{found['undecided']} undecided.")
    rest = (f"The {len(shown)} in which the runs stand furthest apart, those that differ first; the table has all."
            if len(shown) < len(own) else "All of them, those that differ first.")
    figure = plates.slug("fig", name, "tails")
    svg = forest.draw(figure, first, groups, looks, "the other map’s of each pair", "times as short as")
    return plates.Plate(figure, svg, [first, rest], tall=sum(len(g.rows) for g in groups) > 12)


def _shorter(verdict: str) -> str:
    return {"faster": "shorter", "slower": "longer"}.get(verdict, verdict)


def _times(c: Comparison, p: Place) -> dict[str, Any]:
    """A line of the table of response times."""
    d, show = p.together.difference, rate if p.key.metric == LOAD else duration
    known = math.isfinite(d.low) and math.isfinite(d.high)

    def value(e) -> dict[str, str] | None:
        if e is None:
            return None
        inner = f"{show(math.exp(e.low))} to {show(math.exp(e.high))}" if math.isfinite(e.low) and math.isfinite(e.high) else ""
        return {"value": show(math.exp(e.effect.effect)), "interval": inner, "visits": words.plural(e.visits, "visit")}

    return {"place": say.place_title(c, p.key), "map": "null map" if p.key.a == "null" else words.pretty(p.key.a),
            "what": SHORT[p.key.metric], "values": [value(e) for e in p.entries], "word": p.word,
            "difference": f"{c.runs[p.second].letter} / {c.runs[p.first].letter}: {fine(math.exp(d.effect))}×",
            "interval": f"{fine(math.exp(d.low))} to {fine(math.exp(d.high))}" if known else ""}
