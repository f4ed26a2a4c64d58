# SPDX-License-Identifier: Apache-2.0
"""Figures and tables of a question with arrivals, each with the sentences that state what is to be seen."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from report import conclude, latency, words
from report.analyse import Analysis
from report.figures import latency as figures
from report.figures import style
from report.latency import Figure, Filler, Place, Runner, Shaped
from report.plates import Plate, slug
from report.stats import latency as stats

CLOCK = "clock alone"
CONTROL = "null map"


@dataclasses.dataclass
class Row:
    """A line of a section's table: cells in the order of the head, and what to remark."""

    contestant: str
    cells: list[str]
    note: str = ""


@dataclasses.dataclass
class Table:
    """A table of one place. `notes` stand below it."""

    where: str
    head: list[str]
    rows: list[Row]
    notes: list[str]


def section(analysis: Analysis, question: dict[str, Any], looks: style.Looks) -> tuple[list[Plate], list[Table]]:
    """All plates and tables of a question."""
    plates, tables = [], []
    own = [p for p in analysis.latency if p.question is question]
    for place in own:
        where = words.where(place.regime if place.regime != "fixed_distinct" else "stationary", place.threads,
                            analysis.thread_names)
        if len({p.cell for p in own}) > 1:
            where = ", ".join(filter(None, (place.title, where)))
        made, table = [], None
        if place.runners:
            made = [_percentiles(analysis, place, looks), _loads(place, looks)]
            table = _recorded_table(place, where) if place.recorded else _service_table(analysis, place, where)
        elif place.fillers:
            made = [_growth(analysis, place, looks)]
            table = _fill_table(place, where)
        elif place.shapes:
            made = [_over_time(place, looks)]
            table = _shape_table(place, where)
        for plate in filter(None, made):
            plate.heading, plate.threads, plate.wide = where, place.threads, True
            plates.append(plate)
        if table:
            tables.append(table)
    return plates, tables


def _name(place: Place, *more: str) -> str:
    return slug("fig", place.question["name"], place.cell, place.threads, *more)


def span(f: Figure) -> str:
    """A time with its interval."""
    if not f.known:
        return "–"
    if not (f.low > 0 and math.isfinite(f.high)):
        return style.duration(f.value)
    return f"{style.duration(f.value)} ({style.duration(f.low)} to {style.duration(f.high)})"


def _floor(place: Place) -> str:
    """The sentence on what the machine itself does."""
    half = latency.at_half(place.control) if isinstance(place.control, Runner) else None
    parts = []
    if half and half.response.get(0.999) and half.response[0.999].known:
        parts.append(f"with the null map responses reach {style.duration(half.response[0.999].value)} at p99.9 and "
                     f"{style.duration(half.longest.value)} at most")
    if isinstance(place.control, Filler) and place.control.longest.known:
        parts.append(f"the longest store into the null map takes {style.duration(place.control.longest.value)}")
    if place.gap.known:
        parts.append(f"a thread that only reads the clock is away for up to {style.duration(place.gap.value)} at a time")
    return f"The floor: {words.join(parts)}. What lies there is the machine's." if parts else ""


def _conditions(place: Place) -> str:
    return (f"Means of at most {words.plural(place.visits, 'visit')} a map, {words.plural(place.threads, 'thread')}; bars are "
            "95 % intervals over visits.")


def _line(contestant: str, label: str, points: list[tuple[float, Figure]], saturated: list[float] = ()) -> figures.Line:
    known = [(x, f) for x, f in points if f.known]
    return figures.Line(contestant, label, [x for x, _ in known], [f.value for _, f in known],
                        [f.low for _, f in known], [f.high for _, f in known], list(saturated))


def _percentiles(analysis: Analysis, place: Place, looks: style.Looks) -> Plate | None:
    lines = []
    for runner in place.runners:
        if runner.common and not runner.common.saturated:
            lines.append(_line(runner.contestant, words.pretty(runner.contestant), [
                (-math.log10(1 - q), f) for q, f in runner.common.response.items()]))
    if not any(line.x for line in lines):
        return None
    half = latency.at_half(place.control) if isinstance(place.control, Runner) else None
    floor = [_line("null", CONTROL, [(-math.log10(1 - q), f) for q, f in half.response.items()])] if (
        half and half.response) else []
    if place.gap_tail.known:
        floor.append(_line("null", CLOCK, [(3.0, place.gap_tail)]))
    baseline = place.baseline
    sentences = [tail_sentence(t) for t in analysis.tails
                 if (t.question, t.cell, t.threads) == (place.question["name"], place.cell, place.threads)]
    common = next((r.common for r in place.runners if r.contestant == baseline and r.common), None)
    at = f" ({figures.rate(common.offered.value)} operations a second)" if common and common.offered.known else ""
    caption = sentences or ["No pair was compared."]
    caption += [f"Response times when all meet the operations of the trace as they arrived there{at}." if place.recorded else
                f"Response times when all meet the same Poisson arrivals, at half of what {baseline} can do{at}.",
                _floor(place), _conditions(place)]
    name = _name(place, "percentiles")
    panel = figures.Panel("percentile", lines, floor)
    svg = figures.percentiles(name, " ".join(caption), figures.Panel("", lines, floor), stats.PERCENTILES, looks)
    return Plate(name, svg, [words.capital(s) for s in caption if s],
                 rows=_rows([panel], "percentile", lambda x: round(100 * (1 - 10**-x), 2)))


def _rows(panels: list[figures.Panel], x_name: str, x: Any = lambda v: v) -> list[dict[str, Any]]:
    """The values of a figure, for download: times in ns."""
    out = []
    for panel in panels:
        for line in [*panel.lines, *panel.floor]:
            for i, (at, value) in enumerate(zip(line.x, line.y)):
                if math.isfinite(value):
                    bounds = [conclude.rounded(b[i]) if len(b) > i else None for b in (line.low, line.high)]
                    out.append({"panel": panel.title, "contestant": line.label, x_name: x(at),
                                "ns": conclude.rounded(value), "low": bounds[0], "high": bounds[1]})
            out += [{"panel": panel.title, "contestant": line.label, x_name: x(at), "ns": "saturated", "low": None,
                     "high": None} for at in line.saturated]
    return out


def tail_sentence(t: latency.Tail) -> str:
    """A pair's verdict on its tails, in words."""
    what = {"p99": "99th percentile", "longest_store": "longest store"}[t.metric]
    e = t.estimate
    interval = (f" ({style.fine(math.exp(e.low))} to {style.fine(math.exp(e.high))})"
                if math.isfinite(e.low) and math.isfinite(e.high) else "")
    a, b = words.pretty(t.a), words.pretty(t.b)
    factor = style.number(math.exp(abs(e.effect)))
    if t.verdict == "faster":
        return f"{a}: {what} shorter than {b}’s, {factor} times{_inverse(e, False)}."
    if t.verdict == "slower":
        return f"{a}: {what} longer than {b}’s, {factor} times{_inverse(e, True)}."
    if t.verdict == "equivalent":
        return f"{a}: {what} within a tenth of {b}’s."
    return f"{a} against {b}: undecided, ratio of the {what}s {style.fine(math.exp(e.effect))}{interval}."


def _inverse(e: Any, slower: bool) -> str:
    low, high = (-e.high, -e.low) if slower else (e.low, e.high)
    return f" ({style.fine(math.exp(low))} to {style.fine(math.exp(high))})" if math.isfinite(low + high) else ""


def _loads(place: Place, looks: style.Looks) -> Plate | None:
    panels = []
    for q in latency.QUANTILES:
        lines = []
        for runner in place.runners:
            lines.append(_line(runner.contestant, words.pretty(runner.contestant), [
                (p.offered.value, p.response[q]) for p in runner.rungs if not p.saturated and q in p.response],
                [p.offered.value for p in runner.rungs if p.saturated and p.offered.known]))
        floor = [_line("null", CONTROL, [(p.offered.value, p.response[q]) for p in place.control.rungs
                                         if not p.saturated and q in p.response])] if (
            isinstance(place.control, Runner)) else []
        panels.append(figures.Panel(f"p{100 * q:g}", lines, floor))
    if not any(line.x for p in panels for line in p.lines):
        return None
    firm = []
    for runner in place.runners:
        good = [p for p in runner.rungs if not p.saturated and p.response]
        if good and runner.capacity.known:
            top = good[-1]
            firm.append(f"{words.pretty(runner.contestant)} up to {100 * top.load:.0f} %, with p99 "
                        f"{span_short(top.response[0.99])}")
    caption = [f"Keeps up with Poisson arrivals: {words.join(firm)} of its own capacity." if firm else
               "No map kept up with any load.",
               "A cross is a load of which less than 99 % was achieved in most visits; it has no percentiles. p99.9 only "
               "where a visit has at least 100 operations beyond it.", _conditions(place)]
    name = _name(place, "loads")
    return Plate(name, figures.loads(name, " ".join(caption), panels, looks), caption,
                 rows=_rows(panels, "offered_per_second", conclude.rounded))


def span_short(f: Figure) -> str:
    return style.duration(f.value) if f.known else "not known"


def _service_table(analysis: Analysis, place: Place, where: str) -> Table:
    speeds = {a.contestant: a for a in analysis.absolutes
              if (a.question, a.place, a.threads) == (place.question["name"], place.cell, place.threads)}
    baseline = place.baseline
    base = next((r for r in place.runners if r.contestant == baseline), None)
    rows = []
    for runner in place.runners:
        point = runner.common
        speed = speeds.get(runner.contestant)
        times = ["saturated"] * 3 if point and point.saturated else [
            span(point.response[q]) if point and q in point.response else "–" for q in latency.QUANTILES]
        longest = span_short(point.longest) if point and point.longest.known else "–"
        rows.append(Row(words.pretty(runner.contestant),
                        [f"{speed.mops:.3g}" if speed else "–",
                         f"{runner.capacity.value / 1e6:.3g}" if runner.capacity.known else "–", *times, longest],
                        _remark(runner, base, speeds)))
    if isinstance(place.control, Runner):
        half = latency.at_half(place.control)
        rows.append(Row(CONTROL, ["", f"{place.control.capacity.value / 1e6:.3g}" if place.control.capacity.known else "–",
                                  *(span(half.response[q]) if half and q in half.response else "–"
                                    for q in latency.QUANTILES),
                                  span_short(half.longest) if half and half.longest.known else "–"], "floor"))
    if place.gap.known:
        rows.append(Row(CLOCK, ["", "", "", "", span(place.gap_tail), span_short(place.gap)], "floor"))
    notes = ["M op/s is the throughput of the blocks, in which no operation is timed; “timed” is what the threads do when "
             "each is, and what loads are shares of. A null map’s service times are the price of the harness and the clock."]
    if place.lag:
        notes.append(f"The driver is late by {span(place.lag)} at p99.9 with the null map at half of the baseline’s "
                     "capacity.")
    return Table(where, ["Map", "M op/s", "timed", "p50", "p99", "p99.9", "longest"], rows, notes)


def _recorded_table(place: Place, where: str) -> Table:
    """Of arrivals that were recorded, which ask of no map what it could do."""
    rows = []
    for runner in [*place.runners, *([place.control] if isinstance(place.control, Runner) else [])]:
        point = runner.common
        times = ["could not keep up"] * len(latency.QUANTILES) if point.saturated else [
            span(point.response[q]) if q in point.response else "–" for q in latency.QUANTILES]
        is_control = runner is place.control
        rows.append(Row(CONTROL if is_control else words.pretty(runner.contestant), [*times, span_short(point.longest)],
                        "floor" if is_control else ""))
    if place.gap.known:
        rows.append(Row(CLOCK, ["", "", span(place.gap_tail), span_short(place.gap)], "floor"))
    return Table(where, ["Map", "p50", "p99", "p99.9", "longest"], rows, [
        "A response counts from when the operation arrived in the trace, relative to the first one; maps start empty. Operations "
        "are dealt to the threads in turn."])


def _remark(runner: Runner, base: Runner | None, speeds: dict[str, Any]) -> str:
    """What throughput alone would not say."""
    if base is None or runner is base or not (runner.common and base.common) or base.common.saturated:
        return ""
    mine, its = speeds.get(runner.contestant), speeds.get(base.contestant)
    if not mine or not its:
        return ""
    faster = mine.mops > its.mops
    for q in (0.99, 0.999):
        a, b = runner.common.response.get(q), base.common.response.get(q)
        if a and b and a.known and b.known and faster and a.low > b.high:
            return f"faster, and its p{100 * q:g} is longer"
        if a and b and a.known and b.known and not faster and a.high < b.low:
            return f"slower, and its p{100 * q:g} is shorter"
    return ""


def _growth(analysis: Analysis, place: Place, looks: style.Looks) -> Plate | None:
    def lines(field: str, fillers: list[Filler], label: Any) -> list[figures.Line]:
        return [_line(f.contestant, label(f), [(float(d.size), getattr(d, field)) for d in f.doublings]) for f in fillers]

    control = [place.control] if isinstance(place.control, Filler) else []
    panels = [figures.Panel(title, lines(field, place.fillers, lambda f: words.pretty(f.contestant)),
                            lines(field, control, lambda f: CONTROL))
              for field, title in (("tail", "p99.9 of stores"), ("longest", "longest store"))]
    if not any(line.x for p in panels for line in p.lines):
        return None
    known = sorted((f for f in place.fillers if f.longest.known), key=lambda f: -f.longest.value)
    caption = ["The longest store: " + words.join([
        f"{words.pretty(f.contestant)} {style.duration(f.longest.value)} at {words.count(f.at)} entries"
        for f in known]) + "."]
    caption += [tail_sentence(t) for t in analysis.tails
                if (t.question, t.cell, t.threads) == (place.question["name"], place.cell, place.threads)
                and t.verdict in ("faster", "slower") and "@reserve" in t.a]
    caption += [_floor(place), _conditions(place)]
    name = _name(place, "growth")
    return Plate(name, figures.growth(name, " ".join(caption), panels, looks), [s for s in caption if s],
                 rows=_rows(panels, "entries_from", int))


def _fill_table(place: Place, where: str) -> Table:
    rows = []
    for f in [*place.fillers, *([place.control] if isinstance(place.control, Filler) else [])]:
        counted = ", ".join(f"{name.replace('_', ' ')} {words.count(int(v))}" for name, v in f.counters.items() if v)
        is_control = f is place.control
        rows.append(Row(CONTROL if is_control else words.pretty(f.contestant),
                        [span(f.median), span(f.tail), span(f.longest), words.count(f.at) if f.at else "–", counted or "–"],
                        "floor" if is_control else
                        f"could not keep up in {words.plural(f.saturated, 'visit')}" if f.saturated else ""))
    return Table(where, ["Map", "p50 of stores", "p99.9 of responses", "longest store", "at entries", "the map counted"], rows,
                 ["A response counts from when the store was due, so all that waited behind a long store are in it."])


def _over_time(place: Place, looks: style.Looks) -> Plate | None:
    panels = []
    for shape in ("even", "poisson", "burst", "step"):
        def lines(shaped: list[Shaped], label: Any, shape: str = shape) -> list[figures.Line]:
            return [figures.Line(s.contestant, label(s), [1e3 * (i + 0.5) * s.window for i in range(len(s.p99))], s.p99)
                    for s in shaped if s.shape == shape]
        own = lines(place.shapes, lambda s: words.pretty(s.contestant))
        marks = next((s.marks for s in place.shapes if s.shape == shape), [])
        width = next((s.window for s in place.shapes if s.shape == shape), 0.0)
        panels.append(figures.Panel(shape, own, lines(place.shaped_control, lambda s: CONTROL),
                                    [(1e3 * a, 1e3 * max(b, a + width / 4)) for a, b in marks]))
    if not any(math.isfinite(y) for p in panels for line in p.lines for y in line.y):
        return None
    said = [f"{words.pretty(s.contestant)} after {decay_words(s)}"
            for s in place.shapes if s.shape == "step" and (s.decay.known or s.open)]
    caption = [f"After the step responses are as before: {words.join(said)}." if said else
               "No window had enough operations for a 99th percentile before the disturbances.",
               "The 99th percentile of responses, by windows of when they were due; shaded are bursts and the step. As before "
               f"is no more than {latency.AS_BEFORE:g} times the median of the windows before.", _floor(place),
               f"Medians of at most {words.plural(place.visits, 'visit')} a map, "
               f"{words.plural(place.threads, 'thread')}."]
    name = _name(place, "shapes")
    return Plate(name, figures.over_time(name, " ".join(caption), panels, looks), [s for s in caption if s],
                 rows=_rows(panels, "milliseconds", conclude.rounded))


def decay_words(s: Shaped) -> str:
    if not s.decay.known:
        return "more time than there was"
    text = style.duration(s.decay.value * 1e9)
    if s.decay.value <= s.window:
        text = f"at most {style.duration(s.window * 1e9)}"
    return text + (f" (in {words.plural(s.open, 'case')} not within the time)" if s.open else "")


def _shape_table(place: Place, where: str) -> Table:
    rows = []
    for s in [*place.shapes, *place.shaped_control]:
        half = [v for v in s.median if math.isfinite(v)]
        tail = [v for v in s.p99 if math.isfinite(v)]
        counted = ", ".join(f"{name.replace('_', ' ')} {words.count(int(v))}" for name, v in s.counters.items() if v)
        rows.append(Row(CONTROL if s.contestant == latency.CONTROL else words.pretty(s.contestant), [
            s.shape, f"{min(s.done) / 1e6:.3g} to {max(s.done) / 1e6:.3g}" if s.done else "–",
            style.duration(sorted(half)[len(half) // 2]) if half else "–",
            style.duration(max(tail)) if tail else "–",
            decay_words(s) if s.marks else "–", counted or "–"],
            "floor" if s.contestant == latency.CONTROL else ""))
    return Table(where, ["Map", "shape", "M op/s done, by window", "p50", "worst p99", "as before after", "the map counted"],
                 rows, [])
