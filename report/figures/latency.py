# SPDX-License-Identifier: Apache-2.0
"""Figures of latency: over percentiles, over the load, over the size of a map that grows, and over time.

Times are nanoseconds on log scales with ticks in ns, us and ms. What the machine itself does, measured with the map that
does nothing and with a thread that only reads the clock, is the floor: grey, in every figure that has one.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Sequence

from report.figures import style


MOST_MARKED = 20  # points of a line that has a mark at each


@dataclasses.dataclass
class Line:
    """A contestant's line; low and high are drawn as whiskers where they are finite."""

    contestant: str
    label: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    saturated: Sequence[float] = ()  # x at which there is no y because of that


@dataclasses.dataclass
class Panel:
    """One plot of several side by side; they share the scale of y."""

    title: str
    lines: list[Line]
    floor: list[Line] = dataclasses.field(default_factory=list)
    spans: list[tuple[float, float]] = dataclasses.field(default_factory=list)  # of x, shaded


def _time_axis(axis, low: float, high: float) -> None:
    axis.set_ylim(low, high)
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    few = len(decades) <= 3
    ticks = [m * 10.0**k for k in decades for m in ((1, 2, 5) if few else (1,)) if low <= m * 10.0**k <= high]
    axis.set_yticks(ticks, [style.duration(t) for t in ticks])
    axis.minorticks_off()
    axis.grid(axis="y", color=style.RULE, linewidth=0.4, zorder=0)


def _limits(panels: Sequence[Panel]) -> tuple[float, float]:
    values = [v for p in panels for line in (*p.lines, *p.floor) for v in (*line.y, *line.high)
              if math.isfinite(v) and v > 0]
    if not values:
        return 10.0, 1000.0
    low, high = min(values), max(values)
    return low / 1.4, max(high * 1.5, low * 4)


def _draw(ax, line: Line, look: style.Look, top: float, floor: bool = False) -> None:
    points = [(x, y) for x, y in zip(line.x, line.y) if math.isfinite(y)]
    colour = style.SOFT if floor else look.colour
    if points:
        ax.plot(*zip(*points), color=colour, linestyle=(0, (1.5, 1.5)) if floor else look.dash,
                linewidth=1.1 if floor else 1.5, zorder=2 if floor else 3,
                marker="none" if floor or len(points) > MOST_MARKED else look.marker, markersize=4.2,
                markerfacecolor=look.colour if look.filled else style.PAPER, markeredgecolor=colour)
    for x, y, low, high in zip(line.x, line.y, line.low, line.high):
        if math.isfinite(y) and low > 0 and math.isfinite(high):
            ax.plot([x, x], [low, high], color=colour, linewidth=2.6, alpha=0.35, solid_capstyle="butt", zorder=2)
    for x in line.saturated:
        ax.plot([x], [top / 1.15], marker="x", color=colour, markersize=5, markeredgewidth=1.4, clip_on=False, zorder=4)


def _key(fig, ax, lines: Sequence[Line], floor: Sequence[Line], looks: style.Looks, low: float, high: float) -> None:
    """Names at the right ends of the last panel's lines, spread apart."""
    named = []
    for line in [*lines, *floor]:
        ends = [(x, y) for x, y in zip(line.x, line.y) if math.isfinite(y)]
        if ends:
            named.append((line, math.log(ends[-1][1])))
    height = ax.get_position().height * fig.get_size_inches()[1]
    gap = 0.135 * (math.log(high) - math.log(low)) / height
    spots = style.spread([y for _, y in named], gap, math.log(low), math.log(high))
    for (line, _), y in zip(named, spots):
        is_floor = any(line is f for f in floor)
        ax.text(1.03, (y - math.log(low)) / (math.log(high) - math.log(low)), line.label, transform=ax.transAxes,
                fontsize=8, va="center", color=style.SOFT if is_floor else looks[line.contestant].colour, clip_on=False)


def _panels(panels: Sequence[Panel], looks: style.Looks, xlabel: str, ticks, key_width: float, height: float,
            xscale: str = "linear"):
    width = 7.1
    fig = style.new_figure(width, height)
    left, right, bottom, top = 0.62, key_width, 0.48, 0.26
    gap = 0.16
    each = (width - left - right - gap * (len(panels) - 1)) / len(panels)
    low, high = _limits(panels)
    for i, panel in enumerate(panels):
        ax = fig.add_axes(((left + i * (each + gap)) / width, bottom / height, each / width,
                           (height - bottom - top) / height))
        ax.set_yscale("log")
        ax.set_xscale(xscale)
        _time_axis(ax, low, high)
        if i:
            ax.tick_params(labelleft=False)
        for a, b in panel.spans:
            ax.axvspan(a, b, color=style.STRIP, linewidth=0, zorder=0)
        for line in panel.floor:
            _draw(ax, line, looks[line.contestant], high, floor=True)
        for line in panel.lines:
            _draw(ax, line, looks[line.contestant], high)
        places, labels = ticks(panel)
        ax.set_xticks(places, labels)
        ax.minorticks_off()
        ax.set_title(panel.title)
        if i == 0:
            ax.set_xlabel(xlabel, loc="left")
        if i == len(panels) - 1:
            _key(fig, ax, panel.lines, panel.floor, looks, low, high)
    return fig


@style.drawing
def percentiles(name: str, title: str, panel: Panel, quantiles: Sequence[float], looks: style.Looks) -> str:
    """Response times over percentiles; x of the lines is -log10(1 - q)."""
    places = [-math.log10(1 - q) for q in quantiles]
    fig = _panels([panel], looks, "percentile", lambda _: (places, [f"{100 * q:g}" for q in quantiles]), 1.75, 2.7)
    return style.to_svg(fig, name, title)


def rate(per_second: float) -> str:
    """Operations a second in short: 80k, 1.2M."""
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if per_second >= 0.995 * size:
            return f"{style.two_digits(per_second / size)}{unit}"
    return style.two_digits(per_second)


@style.drawing
def loads(name: str, title: str, panels: Sequence[Panel], looks: style.Looks) -> str:
    """Response times against the offered load, operations a second; a cross where the load was not achieved."""
    seen = [x for p in panels for line in p.lines for x in (*line.x, *line.saturated)]
    lo, hi = min(seen), max(seen)
    ticks = [m * 10.0**k for k in range(2, 12) for m in ((1, 3) if hi / lo > 8 else (1, 2, 5))
             if lo <= m * 10.0**k <= hi] or [lo, hi]
    fig = _panels(panels, looks, "offered load, operations a second", lambda _: (ticks, [rate(t) for t in ticks]),
                  1.55, 2.7, "log")
    return style.to_svg(fig, name, title)


@style.drawing
def growth(name: str, title: str, panels: Sequence[Panel], looks: style.Looks) -> str:
    """Times of stores against the entries that a map holds, a point for every doubling."""
    seen = sorted({x for p in panels for line in p.lines for x in line.x})
    shown = seen[::max(1, math.ceil(len(seen) / 6))]

    def write(size: float) -> str:
        return f"{size / 2**20:g}M" if size >= 2**20 else f"{size / 1024:g}K" if size >= 1024 else f"{size:g}"

    fig = _panels(panels, looks, "entries, from so many to twice as many", lambda _: (shown, [write(s) for s in shown]),
                  1.55, 2.9, "log")
    return style.to_svg(fig, name, title)


@style.drawing
def over_time(name: str, title: str, panels: Sequence[Panel], looks: style.Looks) -> str:
    """Response times over time, a panel for each shape of the load; x in milliseconds."""
    end = max((x for p in panels for line in p.lines for x in line.x), default=1.0)
    step = next(s for s in (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 1e9) if end / s <= 4)
    ticks = [i * step for i in range(int(end / step) + 1)]
    fig = _panels(panels, looks, "milliseconds", lambda _: (ticks, [f"{t:g}" for t in ticks]), 1.35, 2.7)
    return style.to_svg(fig, name, title)
