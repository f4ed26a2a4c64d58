# SPDX-License-Identifier: Apache-2.0
"""Small multiples: one small panel per contestant, all with the same axes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from report.figures import curves, palette, style

ACROSS = 5
POINTS = 31  # of a curve in a panel: more cannot be seen


def _thinned(count: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, POINTS)).round().astype(int))


@style.drawing
def draw(name: str, title: str, series: Sequence[curves.Series], looks: style.Looks, scale: curves.Scale,
         baseline: str, delta: float) -> str:
    """SVG of the panels, left to right and down in the order given. The band is the 95 % interval of the fit."""
    down = math.ceil(len(series) / ACROSS)
    width, tall, head, foot = 7.2, 1.02, 0.3, 0.42
    height = head + tall * down + foot
    fig = style.new_figure(width, height)
    left, gap = 0.52, 0.12
    each = (width - left - 0.1) / ACROSS
    low, high = curves.limits([curves.Series(s.contestant, s.label, (), (), s.grid, s.fit, s.low, s.high)
                               for s in series], [], delta)
    fig.text(0.0, 1 - 0.1 / height, f"times as fast as {baseline}", fontsize=8.2, va="top", ha="left")
    places = [scale.place(t) for t in scale.ticks]
    for i, s in enumerate(series):
        row, column = divmod(i, ACROSS)
        ax = fig.add_axes(((left + each * column) / width, 1 - (head + tall * (row + 1) - 0.06) / height,
                           (each - gap) / width, (tall - 0.3) / height))
        look = looks[s.contestant]
        ax.axhspan(-delta, delta, color=style.STRIP, linewidth=0)
        ax.axhline(0, color=style.SOFT, linewidth=0.6)
        if len(s.grid):
            kept = _thinned(len(s.grid))
            grid, fit, down_, up = (np.asarray(v, float)[kept] for v in (
                [scale.place(v) for v in s.grid], s.fit, s.low, s.high))
            ax.fill_between(grid, down_, up, color=look.colour, alpha=0.2, linewidth=0)
            ax.plot(grid, fit, color=look.colour, linewidth=1.2)
            ax.plot([grid[-1]], [fit[-1]], linestyle="none", marker=look.marker, markersize=3.6, clip_on=False,
                    markeredgecolor=look.colour, markerfacecolor=look.colour if look.filled else palette.WHITE)
        ax.set_title(style.clipped(s.label, each / 0.053), fontsize=7, pad=2.5)
        ax.set_xlim(min(places), max(places))
        ax.set_ylim(low, high)
        style.ratio_axis(ax.yaxis, low, high, 4)
        ax.tick_params(labelsize=6.6, length=2, pad=1.5, labelleft=column == 0)
        ends = [scale.ticks[0], scale.ticks[-1]]
        last = row == down - 1 or i + ACROSS >= len(series)
        ax.set_xticks([scale.place(t) for t in ends], [scale.write(t).split("\n")[0] for t in ends] if last else ["", ""])
        for label, side in zip(ax.get_xticklabels(), ("left", "right")):
            label.set_horizontalalignment(side)
    fig.text(left / width, 0.06 / height, scale.label, fontsize=8.2, va="bottom", ha="left")
    return style.to_svg(fig, name, title)
