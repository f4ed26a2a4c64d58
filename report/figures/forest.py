# SPDX-License-Identifier: Apache-2.0
"""Forest plot: one row per contestant and cell, intervals and their verdicts."""

from __future__ import annotations

import dataclasses
import math
from typing import Sequence

from report.figures import palette, style


_LEFT, _RIGHT = 1.62, 2.45  # inches beside the plot: names, numbers


@dataclasses.dataclass
class Row:
    """One cell against the baseline; effects are ln(time b / time a)."""

    contestant: str
    effect: float
    low: float
    high: float
    verdict: str
    visits: int


@dataclasses.dataclass
class Group:
    """Rows that share a workload and a thread count."""

    title: str
    rows: Sequence[Row]
    delta: float


@style.drawing
def draw(name: str, title: str, groups: Sequence[Group], looks: style.Looks,
         baseline: str, what: str = "times as fast as") -> str:
    """SVG of the groups, top to bottom. Undecided rows are grey."""
    lines = sum(len(g.rows) + 1.5 for g in groups)
    width = 7.1
    height = 0.55 + 0.19 * lines
    fig = style.new_figure(width, height)
    inner = width - _LEFT - _RIGHT
    ax = fig.add_axes((_LEFT / width, 0.42 / height, inner / width,
                       1 - 0.55 / height))
    values = [v for g in groups for r in g.rows
              for v in (r.low, r.high, r.effect) if math.isfinite(v)]
    reach = 2.5 * max(g.delta for g in groups)
    low, high = min([*values, -reach]), max([*values, reach])
    pad = 0.04 * (high - low)
    ax.set_xlim(low - pad, high + pad)
    ax.set_ylim(lines, 0)
    ax.axvline(0, color=style.INK, linewidth=0.8, zorder=1)
    across = ax.get_yaxis_transform()
    y = 0.0
    for group in groups:
        y += 1.0
        ax.fill_between([-group.delta, group.delta], y - 0.75,
                        y + len(group.rows) + 0.75, color=style.STRIP,
                        linewidth=0, zorder=0)
        ax.text(-_LEFT / inner, y, group.title, va="center",
                transform=across, ha="left", fontsize=8.5, fontweight="bold",
                clip_on=False, zorder=6, bbox={
                    "facecolor": style.PAPER, "edgecolor": "none", "pad": 1})
        for row in group.rows:
            y += 1.0
            look = looks[row.contestant]
            decided = row.verdict != "undecided"
            colour = look.colour if decided else style.UNDECIDED
            ax.text(-0.02, y, row.contestant, transform=across, ha="right",
                    va="center", fontsize=8, clip_on=False,
                    color=look.colour)
            finite = math.isfinite(row.low) and math.isfinite(row.high)
            if finite:
                ax.plot([row.low, row.high], [y, y], color=colour,
                        linewidth=2.4, solid_capstyle="butt", zorder=3)
            ax.plot([row.effect], [y], linestyle="none", marker=look.marker, markersize=5.2,
                    markerfacecolor=(colour if decided and look.filled
                                     else palette.WHITE),
                    markeredgecolor=colour, zorder=4)
            ax.text(1 + 0.1 / inner, y, f"{style.fine(math.exp(row.effect))}×", transform=across,
                    ha="left", va="center", fontsize=8, clip_on=False)
            span = (f"{style.fine(math.exp(row.low))} to "
                    f"{style.fine(math.exp(row.high))}" if finite
                    else f"{row.visits} visit" + "s" * (row.visits != 1))
            ax.text(1 + 0.66 / inner, y, span, transform=across, ha="left", va="center",
                    fontsize=8, clip_on=False, color=style.SOFT)
            ax.text(1 + 1.74 / inner, y, row.verdict, transform=across, ha="left",
                    va="center", fontsize=8, clip_on=False,
                    color=style.INK if decided else style.SOFT)
        y += 0.5
    style.ratio_axis(ax.xaxis, low, high, 7)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(f"{what} {baseline}", loc="left")
    return style.to_svg(fig, name, title)
