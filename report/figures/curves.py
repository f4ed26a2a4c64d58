# SPDX-License-Identifier: Apache-2.0
"""The main figure: speedup against the axis, with every visit and its band."""

from __future__ import annotations

import dataclasses
import math
from typing import Callable, Sequence

import numpy as np

from report.figures import palette, style


@dataclasses.dataclass
class Whisker:
    """An interval on the axis at one level of the log ratio."""

    estimate: float
    low: float
    high: float
    level: float = 0.0


@dataclasses.dataclass
class Series:
    """One contestant against the baseline. Effects are ln(time b / time a)."""

    contestant: str  # whose look it has
    label: str
    x: Sequence[float]  # of every visit
    effect: Sequence[float]
    grid: Sequence[float]  # of the fitted curve; of cells on a discrete axis
    fit: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    whiskers: list[Whisker] = dataclasses.field(default_factory=list)
    discrete: bool = False
    loose: Sequence[bool] = ()  # oversubscribed points of a discrete axis


@dataclasses.dataclass
class Scale:
    """How axis values are placed and written."""

    place: Callable[[float], float]
    ticks: Sequence[float]
    write: Callable[[float], str]
    label: str


def limits(series: Sequence[Series], levels: Sequence[float],
           delta: float) -> tuple[float, float]:
    """Range of log ratios that shows all fits and nearly all visits."""
    values = [delta * 2.5, -delta * 2.5, *levels]
    for s in series:
        values += [v for v in (*s.fit, *s.low, *s.high) if math.isfinite(v)]
        effects = [e for e in s.effect if math.isfinite(e)]
        if effects:
            values += list(np.quantile(effects, (0.01, 0.99)))
    low, high = min(values), max(values)
    pad = 0.06 * (high - low)
    return low - pad, high + pad


def _draw_series(ax, s: Series, look: style.Look, scale: Scale) -> None:
    place = np.vectorize(scale.place, otypes=[float])
    fill = look.colour if look.filled else palette.WHITE
    if len(s.x):
        dots = style.drawn(len(s.x))
        ax.plot(place([s.x[i] for i in dots]), [s.effect[i] for i in dots],
                linestyle="none", marker=look.marker,
                markersize=2.6, markerfacecolor=look.colour,
                markeredgecolor="none", alpha=0.28, zorder=2)
    if not len(s.grid):
        return
    grid = place(s.grid)
    if s.discrete:
        loose = list(s.loose) or [False] * len(grid)
        ax.plot(grid, s.fit, color=look.colour, linewidth=0.9, alpha=0.7,
                linestyle=(0, (1, 1.5)), zorder=3)
        for x, y, lo, hi, odd in zip(grid, s.fit, s.low, s.high, loose):
            ax.plot([x, x], [lo, hi], color=look.colour, linewidth=2.2,
                    solid_capstyle="butt", zorder=4, alpha=0.45 if odd else 1)
            ax.plot([x], [y], linestyle="none", marker=look.marker, markersize=5.5,
                    markerfacecolor=palette.WHITE if odd else fill,
                    markeredgecolor=look.colour, markeredgewidth=1.1, zorder=5)
    else:
        ax.fill_between(grid, s.low, s.high, color=look.colour, alpha=0.16,
                        linewidth=0, zorder=3)
        ax.plot(grid, s.fit, color=look.colour, linestyle=look.dash, zorder=4)
        marks = np.linspace(0, len(grid) - 1, 5).round().astype(int)
        ax.plot(grid[marks], np.asarray(s.fit)[marks], linestyle="none",
                marker=look.marker, markersize=4.6, markerfacecolor=fill,
                markeredgecolor=look.colour, zorder=5)
    for w in s.whiskers:
        low, mid, high = (scale.place(v) for v in (w.low, w.estimate, w.high))
        ax.plot([low, high], [w.level] * 2, color=palette.WHITE, linewidth=6.4,
                solid_capstyle="butt", zorder=6)
        ax.plot([low, high], [w.level] * 2, color=look.colour, linewidth=4,
                solid_capstyle="butt", zorder=7)
        ax.plot([mid], [w.level], linestyle="none", marker="d", markersize=7.5, zorder=8,
                markerfacecolor=palette.WHITE, markeredgecolor=look.colour,
                markeredgewidth=1.5)


def _background(ax, delta: float, levels: dict[float, str],
                loose_from: float | None, scale: Scale) -> None:
    ax.axhspan(-delta, delta, color=style.STRIP, linewidth=0, zorder=0)
    ax.axhline(0, color=style.INK, linewidth=0.8, zorder=1)
    for level in levels:
        ax.axhline(level, color=style.SOFT, linewidth=0.8,
                   linestyle=(0, (4, 3)), zorder=1)
    if loose_from is not None:
        right = ax.get_xlim()[1]
        ax.axvspan(scale.place(loose_from), right, facecolor="none",
                   edgecolor=palette.LOOSE, hatch="////", linewidth=0, zorder=0)
        ax.text(right, 1.01, "oversubscribed", transform=(
            ax.get_xaxis_transform()), ha="right", va="bottom", fontsize=7.5,
                color=style.SOFT)


@style.drawing
def draw(name: str, title: str, series: Sequence[Series], looks: style.Looks,
         scales: Sequence[Scale], baseline: str, delta: float,
         levels: dict[float, str], loose_from: float | None = None) -> str:
    """SVG of the curves, one panel per scale, labelled at their right end.

    `levels` maps a log ratio to what is written beside its dashed line.
    """
    # Inches for the longest name at the right end, at 8 points.
    names = [s.label for s in series] + [baseline, *levels.values()]
    margin = max(1.38, 0.25 + 0.063 * max(map(len, names)))
    width = (7.1 if len(scales) == 1 else 10.2) + margin - 1.38
    height = 3.7 if len(scales) == 1 else 3.9
    fig = style.new_figure(width, height)
    ratios = [1.0] if len(scales) == 1 else [1.35, 1.0]
    grid = fig.add_gridspec(1, len(scales), width_ratios=ratios,
                            left=0.62 / width, right=1 - margin / width,
                            bottom=0.52 / height, top=1 - 0.3 / height,
                            wspace=0.07)
    low, high = limits(series, list(levels), delta)
    axes = []
    for column, scale in enumerate(scales):
        ax = fig.add_subplot(grid[0, column])
        axes.append(ax)
        places = [scale.place(t) for t in scale.ticks]
        for s in series:
            places += [scale.place(v) for v in (*s.grid, *s.x)]
        span = (max(places) - min(places)) or 1.0
        ax.set_xlim(min(places) - 0.02 * span, max(places) + 0.02 * span)
        ax.set_ylim(low, high)
        _background(ax, delta, levels, loose_from, scale)
        for s in series:
            _draw_series(ax, s, looks[s.contestant], scale)
        ax.set_xticks([scale.place(t) for t in scale.ticks],
                      [scale.write(t) for t in scale.ticks])
        ax.set_xlabel(scale.label, loc="left")
        style.ratio_axis(ax.yaxis, low, high)
        if column:
            ax.tick_params(axis="y", labelleft=False, length=0)
            ax.spines["left"].set_visible(False)
    axes[0].text(0, 1.025, f"times as fast as {baseline}",
                 transform=axes[0].transAxes, fontsize=8.5, ha="left",
                 va="bottom", color=style.INK)
    _label_ends(axes[-1], series, looks, baseline, levels, delta, low, high,
                height)
    return style.to_svg(fig, name, title)


def _label_ends(ax, series, looks, baseline, levels, delta, low, high,
                height) -> None:
    """Names at the right end of each curve, moved apart, with leaders."""
    items = []
    for s in series:
        if len(s.fit):
            items.append((float(s.fit[-1]), s.label,
                          looks[s.contestant].colour))
        elif len(s.effect):
            items.append((float(np.median(s.effect)), s.label,
                          looks[s.contestant].colour))
    items.append((0.0, baseline, style.INK))
    items += [(level, text, style.SOFT) for level, text in levels.items()]
    gap = (high - low) * 0.155 / (height - 0.82)
    placed = style.spread([i[0] for i in items], gap, low + gap / 2,
                          high - gap / 2)
    transform = ax.get_yaxis_transform()
    for (y, text, colour), at in zip(items, placed):
        ax.plot([1.005, 1.03], [y, at], transform=transform, color=colour,
                linewidth=0.6, clip_on=False, zorder=9)
        ax.text(1.04, at, text, transform=transform, color=colour,
                va="center", ha="left", fontsize=8, clip_on=False)
