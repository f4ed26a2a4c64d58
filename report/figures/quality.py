# SPDX-License-Identifier: Apache-2.0
"""Figures about the measurement itself: A/A, realised workloads, rejects."""

from __future__ import annotations

import dataclasses
from typing import Callable, Sequence

from report.figures import palette, style


@style.drawing
def aa(name: str, title: str, groups: dict[str, Sequence[float]],
       deltas: dict[str, float]) -> str:
    """One dot per visit in which a strategy met itself, with +-delta."""
    width, height = 7.1, 0.5 + 0.5 * len(groups)
    fig = style.new_figure(width, height)
    left = max(1.6, 0.2 + 0.065 * max(map(len, groups)))
    ax = fig.add_axes((left / width, 0.38 / height,
                       1 - (left + 0.15) / width, 1 - 0.42 / height))
    reach = max([2 * d for d in deltas.values()] + [
        abs(v) * 1.08 for values in groups.values() for v in values])
    ax.set_xlim(-reach, reach)
    ax.set_ylim(len(groups), 0)
    for row, (label, values) in enumerate(groups.items()):
        delta = deltas[label]
        ax.fill_between([-delta, delta], row + 0.06, row + 0.94,
                        color=style.STRIP, linewidth=0, zorder=0)
        # Stacked where they meet, so that no visit hides another.
        step, seen = reach / 60, {}
        shown = sorted(values)
        for value in [shown[i] for i in style.drawn(len(shown))]:
            level = seen.get(round(value / step), 0)
            seen[round(value / step)] = level + 1
            ax.plot([value], [row + 0.8 - 0.12 * (level % 6)], linestyle="none", marker="o",
                    markersize=3.4, color=style.INK, alpha=0.75,
                    markeredgewidth=0)
        ax.text(-0.015, row + 0.5, label, transform=ax.get_yaxis_transform(),
                ha="right", va="center", fontsize=8.2, clip_on=False)
    ax.axvline(0, color=style.INK, linewidth=0.8, zorder=1)
    marked = [0.0]
    for delta in sorted(set(deltas.values()), reverse=True):
        if all(abs(delta - m) >= 0.14 * reach for m in marked):
            marked.append(delta)
    ticks = sorted({s * t for t in marked for s in (-1, 1)})
    ax.set_xticks(ticks, [f"{100 * t:+.3g} %".replace("-", "−") if t else "0"
                          for t in ticks])
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    return style.to_svg(fig, name, title)


@dataclasses.dataclass
class LayoutRow:
    """One cell: how far the mean of each layout lies from that of all."""

    pair: str
    place: str
    means: dict[int, float]
    error: float  # of one mean, from the visits alone


@style.drawing
def layouts(name: str, title: str, rows: Sequence[LayoutRow]) -> str:
    """The layouts' numbers at their means, over twice the error of a mean."""
    width, height = 7.1, 0.42 + 0.36 * len(rows)
    fig = style.new_figure(width, height)
    ax = fig.add_axes((3.3 / width, 0.38 / height, 1 - 3.45 / width,
                       1 - 0.42 / height))
    reach = 1.1 * max([2 * r.error for r in rows] + [
        abs(v) for r in rows for v in r.means.values()])
    ax.set_xlim(-reach, reach)
    ax.set_ylim(len(rows), 0)
    for i, row in enumerate(rows):
        ax.fill_between([-2 * row.error, 2 * row.error], i + 0.1, i + 0.9,
                        color=style.STRIP, linewidth=0, zorder=0)
        # Numbers that would lie on one another step aside, up and down.
        taken: list[tuple[float, float]] = []
        for number, mean in sorted(row.means.items(), key=lambda m: m[1]):
            y = next((y for y in (0.5, 0.26, 0.74) if all(
                abs(mean - x) > 0.05 * reach for x, used in taken
                if used == y)), 0.5)
            taken.append((mean, y))
            ax.text(mean, i + y, str(number), ha="center", va="center",
                    fontsize=7.5, zorder=3)
        for y, label, colour in ((0.31, row.pair, style.INK),
                                 (0.71, row.place, style.SOFT)):
            ax.text(-0.02, i + y, label, transform=ax.get_yaxis_transform(),
                    ha="right", va="center", fontsize=7.5, clip_on=False,
                    color=colour)
    ax.axvline(0, color=style.RULE, linewidth=0.8, zorder=1)
    step = next(s for s in (m * 10.0**k for k in range(-6, 2)
                            for m in (1, 2, 5)) if reach / s <= 3.5)
    ticks = [i * step for i in range(-3, 4) if abs(i * step) <= reach]
    ax.set_xticks(ticks, [f"{100 * t:+.3g} %".replace("-", "−") if t else "0"
                          for t in ticks])
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    return style.to_svg(fig, name, title)


@dataclasses.dataclass
class Measure:
    """One realised figure against the axis."""

    title: str
    x: Sequence[float]
    y: Sequence[float]


@style.drawing
def realised(name: str, title: str, measures: Sequence[Measure],
             place: Callable[[float], float], ticks: Sequence[float],
             write: Callable[[float], str], label: str) -> str:
    """Small multiples: what the generated tapes really were."""
    width, height = 7.1, 1.75
    fig = style.new_figure(width, height)
    grid = fig.add_gridspec(1, 4, left=0.45 / width, right=1 - 0.25 / width,
                            bottom=0.46 / height, top=1 - 0.27 / height,
                            wspace=0.38)
    for column, measure in enumerate(measures):
        ax = fig.add_subplot(grid[0, column])
        dots = style.drawn(len(measure.x))
        ax.plot([place(measure.x[i]) for i in dots],
                [measure.y[i] for i in dots], linestyle="none",
                marker="o", markersize=2.6, color=style.INK, alpha=0.45,
                markeredgewidth=0, clip_on=False)
        ax.set_title(measure.title, pad=6)
        middle = (place(ticks[0]) + place(ticks[-1])) / 2
        few = sorted({ticks[0], ticks[-1], min(
            ticks, key=lambda t: abs(place(t) - middle))})
        ax.set_xticks([place(t) for t in few], [write(t) for t in few])
        ax.locator_params(axis="y", nbins=4)
        ax.ticklabel_format(axis="y", useOffset=False, style="plain")
        ax.margins(x=0.06, y=0.1)
        if min(measure.y) >= 0:
            ax.set_ylim(0, 1.1 * max(measure.y))
        if not column:
            ax.set_xlabel(label, loc="left")
    return style.to_svg(fig, name, title)


@dataclasses.dataclass
class Tick:
    """One visit on the timeline."""

    minute: float  # since the first visit
    rejected: float  # share of its blocks
    status: str


_STATUS = {"invalid": ("X", palette.BAD), "crashed": ("x", palette.BAD),
           "hung": ("s", palette.BAD), "lost": ("|", style.INK),
           "interrupted": ("|", style.INK), "refused": ("v", style.SOFT)}


_CROWD = 2000  # more lines than this are nearer to one another than they are wide


def _crowded(ticks: list[Tick]) -> list[Tick]:
    """The ticks; of very many, the worst of every stretch of time."""
    if len(ticks) <= _CROWD:
        return ticks
    first = min(t.minute for t in ticks)
    width = (max(t.minute for t in ticks) - first) / (_CROWD // 2) or 1.0
    worst: dict[int, Tick] = {}
    for t in ticks:
        place = int((t.minute - first) / width)
        if place not in worst or t.rejected > worst[place].rejected:
            worst[place] = t
    return list(worst.values())


@style.drawing
def timeline(name: str, title: str, ticks: Sequence[Tick]) -> str:
    """Rejected share of each visit over the run, and what went wrong when."""
    width, height = 7.1, 1.7
    fig = style.new_figure(width, height)
    ax = fig.add_axes((0.6 / width, 0.45 / height, 1 - 1.35 / width,
                       1 - 0.75 / height))
    good = _crowded([t for t in ticks if t.status == "ok"])
    ax.vlines([t.minute for t in good], 0, [t.rejected for t in good],
              color=style.SOFT, linewidth=1)
    ax.plot([t.minute for t in good], [0] * len(good), linestyle="none",
            marker="|", markersize=4, color=style.RULE, zorder=0)
    top = max([0.1] + [t.rejected for t in good]) * 1.15
    seen: dict[str, int] = {}
    bad = [t for t in ticks if t.status != "ok"]
    for t in bad:
        seen[t.status] = seen.get(t.status, 0) + 1
    for t in [bad[i] for i in style.drawn(len(bad))]:
        marker, colour = _STATUS.get(t.status, ("x", palette.BAD))
        ax.plot([t.minute], [top], marker=marker, markersize=6,
                color=colour, clip_on=False, linestyle="none")
    key = "   ".join(f"{_GLYPH.get(_STATUS.get(s, ('x', ''))[0], '×')} {s} "
                     f"({n})" for s, n in sorted(seen.items()))
    if key:
        ax.text(1, 1.1, key, transform=ax.transAxes, ha="right",
                va="bottom", fontsize=8)
    ax.text(0, 1.1, "share of blocks rejected in each visit",
            transform=ax.transAxes, ha="left", va="bottom", fontsize=8.5)
    ax.set_ylim(0, top)
    last = max([t.minute for t in ticks] + [0.1])
    ax.set_xlim(-0.01 * last, last * 1.01)
    step = next(s for s in (0.05, 0.1, 0.2, 0.25, 0.5, 1) if 3 * s >= top)
    places = [i * step for i in range(4) if i * step <= min(top, 1)]
    ax.set_yticks(places, [f"{100 * v:.0f} %" for v in places])
    ax.set_xlabel("minutes since the first visit", loc="left")
    return style.to_svg(fig, name, title)


_GLYPH = {"X": "✖", "x": "×", "s": "■", "|": "|", "v": "▼"}
