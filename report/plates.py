# SPDX-License-Identifier: Apache-2.0
"""Chooses the figures of a run and gives each its caption and its name."""

from __future__ import annotations

import dataclasses
import datetime
import math
import re
import textwrap
from typing import Any, Callable, Iterable, Mapping

from matplotlib import ticker

from report import conclude, crowd, words
from report.analyse import Analysis, Curve, Setting, make_axis
from report.figures import curves as curve_figure
from report.figures import forest, multiples, quality, style, winners
from report.stats import layouts


@dataclasses.dataclass
class Plate:
    """A figure with its caption, which states what is to be seen."""

    name: str
    svg: str
    caption: list[str]
    wide: bool = False
    heading: str = ""
    threads: int = 0  # that it is about; 0: no number of its own
    tall: bool = False
    rows: list[dict[str, Any]] = dataclasses.field(default_factory=list)  # the values that are drawn, for download


def slug(*parts: Any) -> str:
    text = "-".join(str(p) for p in parts if p not in (None, "", 0))
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def nice_ticks(axis) -> list[float]:
    """Tick values within [lo, hi] on the axis's own scale."""
    if axis.discrete or (axis.scale == "log2" and len(axis.values) <= 5):
        return list(axis.values)
    if axis.scale == "log2":
        lo, hi = math.log10(axis.lo), math.log10(axis.hi)
        steps = (1,) if hi - lo > 2 else (1, 2, 5)
        found = [m * 10.0**k for k in range(math.floor(lo), math.ceil(hi) + 1)
                 for m in steps]
        found = [v for v in found
                 if axis.lo * 0.97 <= v <= axis.hi * 1.03]
        return found if len(found) > 1 else [axis.lo, axis.hi]
    locator = ticker.MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10])
    span = axis.hi - axis.lo
    return [float(v) for v in locator.tick_values(axis.lo, axis.hi)
            if axis.lo - 0.02 * span <= v <= axis.hi + 0.02 * span]


def scales(axis, names: Mapping[int, str]) -> list[curve_figure.Scale]:
    """How the axis is drawn; the reuse rate also by halvings of what is new."""
    note = ", log scale" if axis.scale == "log2" else ""
    place: Callable[[float], float] = axis.to_unit

    def write(x: float) -> str:
        name = names.get(int(x), "") if axis.field == "threads" else ""
        # Oversubscribed points have their own background and label.
        return axis.format(x) + ("\n" + textwrap.fill(name, 9) if name and
                                 name != "oversubscribed" else "")

    result = [curve_figure.Scale(place, nice_ticks(axis), write,
                                 axis.name + note)]
    if axis.field == "keys.reuse" and axis.hi > 0.9:
        halvings = [1 - 0.5**k for k in range(12) if 1 - 0.5**k <= axis.hi]
        result.append(curve_figure.Scale(
            lambda r: -math.log2(max(1 - r, 1e-6)), halvings, axis.format,
            "the same, each step halving the new keys: −log2(1 − r)"))
    return result


def _series(curve: Curve, is_discrete: bool) -> curve_figure.Series:
    marks = []
    if is_discrete:
        grid = [c.value for c in curve.cells]
        fit = [c.estimate.effect for c in curve.cells]
        low = [_bound(c.estimate.low, c.estimate.effect) for c in curve.cells]
        high = [_bound(c.estimate.high, c.estimate.effect)
                for c in curve.cells]
    else:
        grid, fit, low, high = curve.fit()
        low = [_bound(v, f) for v, f in zip(low, fit)]
        high = [_bound(v, f) for v, f in zip(high, fit)]
        results = [(curve.result, 0.0)] + [
            (lv.result, math.log(lv.spec["speedup"])) for lv in curve.levels]
        for result, level in results:
            if (result is not None and result.verdict == "crossover"
                    and result.estimate is not None):
                marks.append(curve_figure.Whisker(
                    result.estimate, result.low, result.high, level))
    return curve_figure.Series(
        curve.a, words.pretty(curve.a), curve.x, curve.effect, grid, fit, low, high, marks,
        is_discrete, [c.oversubscribed for c in curve.cells]
        if is_discrete else [])


def _bound(value: float, instead: float) -> float:
    return value if math.isfinite(value) else instead


def curve_plates(analysis: Analysis, setting: Setting,
                 looks: style.Looks) -> list[Plate]:
    """One figure per baseline of a setting with an axis; of a crowd, small multiples besides."""
    question = setting.question
    family = crowd.families(analysis)
    axis = make_axis(question)
    own = [c for c in analysis.curves
           if c.question == question["name"]
           and (c.regime, c.threads) == (setting.regime, setting.threads)]
    result = []
    for b in dict.fromkeys(c.b for c in own):
        everyone = [c for c in own if c.b == b]
        chosen = crowd.first({c.a: crowd.score(c) for c in everyone}, family, crowd.MOST_CURVES)
        group = [c for c in everyone if c.a in chosen]
        levels = {}
        for curve in group:
            for level in curve.levels:
                gain = level.spec["speedup"]
                levels[math.log(gain)] = f"+{100 * (gain - 1):.0f} %"
        name = slug("fig", question["name"], setting.regime, setting.threads,
                    "" if len({c.b for c in own}) == 1 else b)
        sentences = [words.capital(words.curve_sentence(c, question))
                     for c in sorted(group, key=words.interest)]
        drawn = scales(axis, analysis.thread_names)
        svg = curve_figure.draw(
            name, " ".join(sentences),
            [_series(c, axis.discrete) for c in group], looks, drawn,
            b, max(c.delta for c in group), levels, conclude.axis_visits_loose(
                setting) if axis.field == "threads" else None)
        sentences += [words.capital(words.level_sentence(c, lv, question))
                      for c in group for lv in c.levels
                      if lv.result.verdict == "crossover"]
        most = max(len(c.x) for c in group)
        if most > style.MOST_DOTS:
            sentences.append(f"Of a map's up to {words.plural(most, 'visit')}, {style.MOST_DOTS} are drawn as dots.")
        sentences += crowd.left_out(len(group), len(everyone), "the table below")
        result.append(Plate(name, svg, sentences, len(drawn) > 1,
                            setting.label, setting.threads, rows=_curve_rows(group, axis)))
    return result


def multiples_plates(analysis: Analysis, setting: Setting, looks: style.Looks) -> list[Plate]:
    """Of a setting with an axis and more maps than one panel can hold: every map in a panel of its own, per baseline."""
    question = setting.question
    axis = make_axis(question)
    own = [c for c in analysis.curves if c.question == question["name"]
           and (c.regime, c.threads) == (setting.regime, setting.threads)]
    result = []
    for b in dict.fromkeys(c.b for c in own):
        group = sorted((c for c in own if c.b == b), key=lambda c: (-crowd.score(c), c.a))
        if len(group) <= crowd.MOST_CURVES or axis.discrete:
            continue
        name = slug("fig", question["name"], setting.regime, setting.threads,
                    "" if len({c.b for c in own}) == 1 else b, "all")
        best, worst = group[0], group[-1]
        faster = sum(c.result is not None and c.result.verdict == "a_throughout" for c in group)
        visits = sorted({len(c.x) for c in group})
        sentences = [f"Over the whole axis {words.pretty(best.a)} is the fastest of {words.plural(len(group), 'map')} and "
                     f"{words.pretty(worst.a)} the slowest; {faster} are faster than {b} throughout.",
                     f"Every map against {b}, fastest first; {visits[0]} to {words.plural(visits[-1], 'visit')} each, band: 95 % interval."]
        svg = multiples.draw(name, " ".join(sentences), [_series(c, False) for c in group], looks,
                             scales(axis, analysis.thread_names)[0], b, max(c.delta for c in group))
        result.append(Plate(name, svg, sentences, True, setting.label, setting.threads, rows=[
            row for row in _curve_rows(group, axis) if row["what"] != "fit"] + [
                {"map": words.pretty(c.a), "baseline": b, "what": "mean over the axis", axis.name: "",
                 "times_as_fast": speed(crowd.score(c)), "low": "", "high": "", "visits": len(c.x)} for c in group]))
    return result


def _curve_rows(curves: list[Curve], axis: Any) -> list[dict[str, Any]]:
    """What a figure of curves draws besides the visits, which effects.csv has: fits, cells and crossings."""
    rows = []

    def row(curve: Curve, what: str, x: float | None, effect: float, low: Any, high: Any, visits: int) -> None:
        rows.append({"map": words.pretty(curve.a), "baseline": curve.b, "what": what, axis.name: digits(x, 6),
                     "times_as_fast": speed(effect), "low": low, "high": high, "visits": visits})

    for c in curves:
        if axis.discrete:
            for cell in c.cells:
                e = cell.estimate
                row(c, "cell", cell.value, e.effect, speed(e.low), speed(e.high), e.visits)
        else:
            for x, fit, low, high in zip(*c.fit()):
                row(c, "fit", x, fit, speed(low), speed(high), len(c.x))
        for result, level in [(c.result, 0.0)] + [(lv.result, math.log(lv.spec["speedup"])) for lv in c.levels]:
            if result is not None and result.verdict == "crossover":
                row(c, "crossing, interval along the axis", result.estimate, level, digits(result.low, 6),
                    digits(result.high, 6), result.visits)
    return rows


def digits(value: float | None, most: int = 4) -> float | str:
    """For tables to download: `most` significant digits, empty when unknown."""
    return float(f"{value:.{most}g}") if value is not None and math.isfinite(value) else ""


def speed(effect: float) -> float | str:
    """A log ratio as a ratio of speeds, for tables to download."""
    return digits(math.exp(effect)) if abs(effect) < 100 else ""


def shown_threads(names: Mapping[int, str], counts: Iterable[int]) -> list[int]:
    """The least number of threads and all cores, or else the most: what lies between seldom says more, and hides them."""
    ordered = sorted(set(counts))
    whole = [n for n in ordered if names.get(n) == "all cores"]
    return sorted({ordered[0], *(whole or ordered[-1:])}) if ordered else []


def folded(plates: list[Plate], names: Mapping[int, str]) -> list[Plate]:
    """The figures that the paper shows on demand: of three and more numbers of threads those that are not `shown_threads`."""
    shown = shown_threads(names, (p.threads for p in plates))
    return [p for p in plates if p.threads not in shown]


def cell_plates(analysis: Analysis, question: dict[str, Any],
                looks: style.Looks) -> list[Plate]:
    """One forest plot per baseline for a question of named cells."""
    own = [c for c in analysis.cells if c.question == question["name"]]
    result = []
    for b in dict.fromkeys(c.b for c in own):
        groups: dict[tuple, list] = {}
        for cell in words.in_order(own, question):
            if cell.b == b:
                groups.setdefault((cell.cell, cell.regime, cell.threads),
                                  []).append(cell)
        shown = _shown_cells(analysis, groups)
        drawn = []
        for (_, regime, threads), cells in shown.items():
            title = words.cell_title(question, cells[0])
            note = words.where(regime, threads, analysis.thread_names)
            place = f"{title}, {note}" if note else title
            drawn.append(forest.Group(
                place,
                [forest.Row(words.pretty(c.a), c.estimate.effect,
                            c.estimate.low, c.estimate.high, c.verdict,
                            c.estimate.visits) for c in cells],
                analysis.delta(threads)))
        name = slug("fig", question["name"],
                    "" if len({c.b for c in own}) == 1 else b)
        sentences = words.cells_sentences(
            list(groups.values()), question, b, analysis.thread_names)
        count, total = (sum(map(len, g.values())) for g in (shown, groups))
        if count < total:
            sentences.append(f"Drawn are {count} of {words.plural(total, 'cell')}: the least number of threads and all cores, and of "
                             "each place the fastest, the best of each family first; the others are in the table below.")
        svg = forest.draw(name, " ".join(sentences), drawn, looks, b)
        result.append(Plate(name, svg, sentences, tall=len(drawn) > 8, rows=[{
            "map": c.a, "baseline": b, "place": words.cell_title(question, c), "regime": c.regime,
            "threads": c.threads, "times_as_fast": speed(c.estimate.effect), "low": speed(c.estimate.low),
            "high": speed(c.estimate.high), "verdict": c.verdict, "visits": c.estimate.visits}
            for cells in shown.values() for c in cells]))
    return result


def _shown_cells(analysis: Analysis, groups: dict[tuple, list]) -> dict[tuple, list]:
    """What a forest plot draws of {(cell, regime, threads): cells}: all, or of a crowd what fits two screens."""
    if crowd.a_cell(map(len, groups.values())) is None:
        return groups
    threads = shown_threads(analysis.thread_names, (key[2] for key in groups))
    kept = {key: cells for key, cells in groups.items() if key[2] in threads}
    most = crowd.a_cell(map(len, kept.values()))
    if most is None:
        return kept
    family = crowd.families(analysis)
    result = {}
    for key, cells in kept.items():
        names = crowd.first({c.a: c.estimate.effect for c in cells}, family, most)
        result[key] = [c for c in cells if c.a in names]
    return result


def realised_plate(analysis: Analysis, setting: Setting) -> Plate | None:
    """What the tapes of a swept setting really were."""
    axis = make_axis(setting.question)
    rows = conclude.realised_rows(setting)
    if axis is None or not rows:
        return None
    titles = {"reuse_rate": "reuse rate", "hit_rate": "hit rate",
              "entropy_1024": "entropy, bits", "top100_share":
              "share of top 100"}
    measures = []
    for field, title in titles.items():
        have = [(r["x"], float(r[field])) for r in rows
                if isinstance(r.get(field), (int, float))]
        if have:
            measures.append(quality.Measure(title, [x for x, _ in have],
                                            [y for _, y in have]))
    if not measures:
        return None
    moving = [m for m in measures if max(m.y) - min(m.y) > 0.02 * max(
        abs(v) for v in m.y)]
    text = f"Realised figures of {words.plural(len(rows), 'tape')}."
    if axis.field == "keys.reuse" and any("reuse_rate" in r for r in rows):
        worst = max(abs(r["reuse_rate"] - r["x"]) for r in rows
                    if "reuse_rate" in r)
        text = (f"The reuse rate of all {words.plural(len(rows), 'tape')} is "
                f"within {max(100 * worst, 0.001):.2g} percentage points of "
                "its target.")
    steady = [f"{m.title} {style.number(sum(m.y) / len(m.y))}"
              for m in measures if m not in moving and max(m.y) > 0]
    if steady:
        text += f" Steady along the axis: {words.join(steady)}."
    name = slug("fig", setting.question["name"], setting.regime,
                setting.threads, "realised")
    if not moving:
        return Plate(name, "", [text])
    ticks = nice_ticks(axis)
    svg = quality.realised(name, text, moving, axis.to_unit, ticks,
                           axis.format, axis.name)
    return Plate(name, svg, [text], rows=[{axis.name: digits(x, 6), "figure": m.title, "value": digits(y)}
                                          for m in moving for x, y in [(m.x[i], m.y[i]) for i in style.drawn(len(m.x))]])


def winner_plate(analysis: Analysis, looks: style.Looks) -> Plate | None:
    """Which strategy is the fastest, along every axis. Rows: stretches as shares of the axis's length."""
    strips = []
    alone: dict[str, float] = {}
    shown: dict[str, list[int]] = {q["name"]: shown_threads(analysis.thread_names, (
        s.threads for s in analysis.settings if s.question is q and s.visits)) for q in analysis.run.questions}
    for setting in analysis.settings:
        axis = make_axis(setting.question)
        if axis is None or setting.threads not in shown[setting.question["name"]]:
            continue
        stretches = conclude.winners(analysis, setting)
        if not stretches:
            continue
        short = setting.question["name"].replace("_", " ")
        label = f"{short}: {setting.label}" if setting.label else short
        ends = ("", "") if axis.discrete else (axis.format(axis.lo),
                                               axis.format(axis.hi))
        strips.append(winners.Strip(
            label, *ends,
            [winners.Stretch(s.start, s.end,
                             tuple(words.pretty(n) for n in s.names), s.decided)
             for s in stretches], axis.name,
            [axis.format(v) for v in conclude.firm_values(analysis, setting)]
            if axis.discrete else []))
        for s in stretches:
            if len(s.names) == 1:
                name = words.pretty(s.names[0])
                alone[name] = alone.get(name, 0) + s.end - s.start
    if not strips:
        return None
    total = len(strips)
    order = sorted(alone, key=lambda n: (-alone[n], n))
    shares = words.join([f"{n} on {100 * alone[n] / total:.0f} %"
                         for n in order])
    tied = 100 * (1 - sum(alone.values()) / total)
    open_ = 100 * sum(s.end - s.start for strip in strips for s in strip.stretches if not s.decided) / total
    rest = f"; no one on {tied:.0f} %" if tied >= 0.5 else ""
    text = (f"Alone in front: {shares} of the tested ranges{rest}." if order
            else "No strategy is alone in front anywhere.")
    caption = [text, f"Grey: equal within delta. Hatched, {open_:.0f} % of the ranges: undecided, the intervals of the "
               "leaders overlap.", f"From the fitted curves of {words.plural(total, 'setting')} against one baseline each; on a discrete "
               "axis each value has an equal share. Oversubscribed points are left out."]
    return Plate("fig-winners", winners.draw("fig-winners", " ".join(caption), strips, looks), caption, True, rows=[
        {"strip": strip.title, "axis": strip.axis, "from": round(s.start, 4), "to": round(s.end, 4),
         "of": f"{strip.low} to {strip.high}" if strip.low else " ".join(strip.steps), "front": " ".join(s.names),
         "verdict": "alone" if len(s.names) == 1 else "equal" if s.decided else "undecided"}
        for strip in strips for s in strip.stretches])


def aa_plate(analysis: Analysis) -> Plate | None:
    """The method's own error: a map against itself."""
    if not analysis.aa:
        return None
    summary = conclude.aa_summary(analysis)
    text = (f"A map against itself: {summary.beyond} of "
            f"{words.plural(summary.cells, 'A/A verdict')} beyond delta.")
    more = f"{100 * summary.outside:.0f} % of single visits lie beyond it"
    if math.isfinite(summary.sd):
        more += (f"; the standard deviation of one visit is "
                 f"{100 * summary.sd:.2g} %")
    svg = quality.aa("fig-aa", text, {g.label: g.effects for g in analysis.aa},
                     {g.label: g.delta for g in analysis.aa})
    return Plate("fig-aa", svg, [text, words.capital(more)], tall=len(analysis.aa) > 8, rows=[
        {"map": g.label, "delta": digits(g.delta), "effect": digits(e)} for g in analysis.aa
        for e in [sorted(g.effects)[i] for i in style.drawn(len(g.effects))]])


LAYOUT_ROWS = 8  # cells in the figure of layouts


def layouts_plate(analysis: Analysis) -> Plate | None:
    """Where the layouts of the worker's code differ most for their visits' error, and how far they do."""
    rows = []
    for group in analysis.layouts:
        for cell in group.cells:
            means, error = layouts.means(cell)
            rows.append(quality.LayoutRow(
                words.pretty(cell.pair), f"{cell.where}, {words.plural(group.threads, 'thread')}", means, error))
    if not rows:
        return None
    rows.sort(key=lambda r: (-max(map(abs, r.means.values())) / max(r.error, 1e-9), r.place, r.pair))
    text = " ".join(words.capital(words.layout_sentence(g.threads, g.spread)) for g in analysis.layouts)
    shown = rows[:LAYOUT_ROWS]
    which = (f"The {len(shown)} cells of {words.count(len(rows))} in which they stand out most"
             if len(shown) < len(rows) else "All cells with enough visits")
    more = (f"{which}: each number is a layout, at its mean less that of all; the band is twice the error that "
            "such a mean has from the visits alone")
    return Plate("fig-layouts", quality.layouts("fig-layouts", text, shown), [text, words.capital(more)], rows=[
        {"pair": r.pair, "place": r.place, "layout": n, "mean_effect": digits(m), "error": digits(r.error)}
        for r in shown for n, m in sorted(r.means.items())])


def _minutes(at: str, first: datetime.datetime | None) -> tuple[
        float, datetime.datetime | None]:
    try:
        when = datetime.datetime.fromisoformat(at.replace("Z", "+00:00"))
    except ValueError:
        return math.nan, first
    first = first or when
    return (when - first).total_seconds() / 60, first


def timeline_plate(analysis: Analysis) -> Plate | None:
    """Rejected blocks and failed visits over the run."""
    ticks, first = [], None
    rejected = total = 0
    for visit in analysis.run.visits:
        if not visit.timed:
            continue
        minute, first = _minutes(visit.at, first)
        blocks = visit.blocks
        out = {r["b"] for r in visit.rejects} & blocks
        rejected += len(out)
        total += len(blocks)
        ticks.append(quality.Tick(
            minute if math.isfinite(minute) else float(len(ticks)),
            len(out) / len(blocks) if blocks else 0.0, visit.status))
    if not ticks:
        return None
    failed = sum(t.status != "ok" for t in ticks)
    share = 100 * rejected / total if total else 0.0
    text = (f"{words.plural(rejected, 'block')} of {words.count(total)} "
            f"rejected ({share:.1f} %), {words.plural(failed, 'visit')} of "
            f"{words.count(len(ticks))} without a usable end.")
    return Plate("fig-timeline", quality.timeline("fig-timeline", text, ticks), [text], rows=[
        {"minute": digits(t.minute), "rejected_share": digits(t.rejected), "status": t.status}
        for t in ticks if t.rejected or t.status != "ok"])
