# SPDX-License-Identifier: Apache-2.0
"""The heat map: every map in every place, by how far it is behind the fastest there."""

from __future__ import annotations

import dataclasses
import math
import textwrap
from collections.abc import Mapping, Sequence

from matplotlib.patches import Rectangle

from report.figures import palette, style

# Times as slow as the fastest, up to which a colour goes.
BINS = (1.05, 1.25, 1.6, 2.5, 5.0)
BEST, EQUAL, OPEN, BEHIND = "best", "equal", "open", "behind"


@dataclasses.dataclass
class Column:
    """One place; `group` is the question, written once over its places."""

    group: str
    title: str


@dataclasses.dataclass
class Tile:
    lead: float  # ln(its time / the fastest's)
    state: str


def bin_of(lead: float) -> int:
    return sum(math.exp(lead) > edge for edge in BINS)


@style.drawing
def draw(name: str, title: str, rows: Sequence[str], columns: Sequence[Column],
         tiles: Mapping[tuple[str, int], Tile], looks: style.Looks) -> str:
    """SVG of the tiles, {(row, column number): Tile}. Equivalent tiles are hatched, undecided ones have a ?."""
    left, right = max(1.2, 0.3 + 0.062 * max(map(len, rows))), 0.12
    each = min(0.52, (7.2 - left - right) / len(columns))
    width = 7.2
    numbers = each >= 0.3
    titles = [_label(c.title, numbers) for c in columns]
    head = 0.36 + 0.058 * max(len(line) for title in titles for line in title.split("\n"))
    tall = 0.19
    height = head + tall * len(rows) + 0.5
    fig = style.new_figure(width, height)
    ax = fig.add_axes((0, 0, 1, 1))
    ax.set_xlim(0, width)
    ax.set_ylim(height, 0)
    ax.axis("off")
    starts = [c for c, column in enumerate(columns) if c == 0 or column.group != columns[c - 1].group]
    ends = [*starts[1:], len(columns)]
    # Where a name has no room above its own columns, names take turns on two lines.
    crowded = any(len(columns[a].group) * 0.062 > each * (b - a) for a, b in zip(starts, ends))
    for c in range(len(columns)):
        ax.text(left + each * (c + 0.5), head - 0.04, titles[c], rotation=90, ha="center", va="bottom", fontsize=7,
                linespacing=1.0, multialignment="left")
    for i, (a, b) in enumerate(zip(starts, ends)):
        x, line = left + each * a, 0.13 * (i % 2) if crowded else 0.0
        room = ((ends[i + 1] if i + 1 < len(ends) else len(columns) + 2) if crowded else b) - a
        ax.plot([x, x], [0.02 + line, head + tall * len(rows)], color=style.RULE, linewidth=0.6)
        ax.text(x + 0.03, 0.08 + line, style.clipped(columns[a].group, each * room / 0.062), ha="left", va="center",
                fontsize=7.5, fontweight="bold", zorder=3, bbox={"facecolor": style.PAPER, "edgecolor": "none", "pad": 0.6})
    for r, row in enumerate(rows):
        y = head + tall * r
        look = looks[row]
        ax.plot([left - 0.09], [y + tall / 2], marker=look.marker, markersize=4.2, markeredgecolor=look.colour,
                markerfacecolor=look.colour if look.filled else palette.WHITE, linestyle="none")
        ax.text(left - 0.18, y + tall / 2, row, ha="right", va="center", fontsize=7.6)
        for c in range(len(columns)):
            tile = tiles.get((row, c))
            if tile is None:
                continue
            x = left + each * c
            place = bin_of(tile.lead)
            ink = palette.HEAT_INK[place]
            ax.add_patch(Rectangle((x, y), each, tall, facecolor=palette.HEAT[place], edgecolor=style.PAPER, linewidth=0.8))
            if tile.state == EQUAL:
                ax.add_patch(Rectangle((x, y), each, tall, facecolor="none", edgecolor=palette.HEAT[3], hatch="//////",
                                       linewidth=0))
            mark = {BEST: "●", OPEN: "?"}.get(tile.state, "")
            if numbers:
                value = f"{math.exp(tile.lead):.2f}" if tile.lead < math.log(9.995) else f"{math.exp(tile.lead):.0f}"
                mark = {BEST: "●", OPEN: f"{value}?", EQUAL: value}.get(tile.state, value)
            if mark:
                ax.text(x + each / 2, y + tall / 2, mark, ha="center", va="center", fontsize=6.4, color=ink)
    _key(ax, left, height - 0.3, numbers)
    return style.to_svg(fig, name, title)


def _label(title: str, wide: bool) -> str:
    """A title to be written upwards, in two lines where a column has room for them."""
    lines = textwrap.wrap(title, 24) if wide else [style.clipped(title, 34)]
    return "\n".join(lines if len(lines) < 3 else [lines[0], style.clipped(" ".join(lines[1:]), 24)])


def _key(ax, left: float, y: float, numbers: bool) -> None:
    x = left
    ax.text(x - 0.1, y + 0.07, "times as slow", ha="right", va="center", fontsize=7.2, color=style.SOFT)
    edges = ("1", *(f"{b:g}" for b in BINS), "")
    for i, colour in enumerate(palette.HEAT):
        ax.add_patch(Rectangle((x, y), 0.42, 0.14, facecolor=colour, edgecolor=style.PAPER, linewidth=0.6))
        ax.text(x, y + 0.24, edges[i], ha="center", va="center", fontsize=6.8, color=style.SOFT)
        x += 0.42
    x += 0.15
    for mark, text in (("●", "fastest"), ("hatch", "equivalent"), ("?", "undecided")):
        if mark == "hatch":
            ax.add_patch(Rectangle((x, y), 0.26, 0.14, facecolor=palette.HEAT[0], linewidth=0))
            ax.add_patch(Rectangle((x, y), 0.26, 0.14, facecolor="none", edgecolor=palette.HEAT[3], hatch="//////", linewidth=0))
            x += 0.33
        else:
            ax.text(x, y + 0.07, mark, ha="left", va="center", fontsize=7.2)
            x += 0.13
        ax.text(x, y + 0.07, text, ha="left", va="center", fontsize=7.2, color=style.SOFT)
        x += 0.2 + 0.06 * len(text)


@dataclasses.dataclass
class Bar:
    """Bytes per entry of one map: the least and the most that was read, and their median."""

    name: str
    least: float
    middle: float
    most: float


@style.drawing
def memory(name: str, title: str, bars: Sequence[Bar], looks: style.Looks, least: float) -> str:
    """SVG of bytes per entry, the thriftiest first; the line is what keys and values alone take."""
    width, tall = 7.2, 0.2
    left = max(1.4, 0.3 + 0.064 * max(len(b.name) for b in bars))
    height = 0.62 + tall * len(bars)
    fig = style.new_figure(width, height)
    ax = fig.add_axes((left / width, 0.42 / height, 1 - (left + 0.75) / width, 1 - 0.5 / height))
    ax.set_xscale("log", base=2)
    high = max(b.most for b in bars)
    ax.set_xlim(min(least, min(b.least for b in bars)) * 0.9, high * 1.08)
    ax.set_ylim(len(bars), 0)
    ax.axvline(least, color=style.SOFT, linewidth=0.8, linestyle=(0, (4, 3)))
    for i, bar in enumerate(bars):
        look = looks[bar.name]
        ax.plot([bar.least, bar.most], [i + 0.5] * 2, color=look.colour, linewidth=2.2, solid_capstyle="butt")
        ax.plot([bar.middle], [i + 0.5], marker=look.marker, markersize=5, markeredgecolor=look.colour,
                markerfacecolor=look.colour if look.filled else palette.WHITE, linestyle="none")
        ax.text(-0.015, i + 0.5, bar.name, transform=ax.get_yaxis_transform(), ha="right", va="center", fontsize=7.8)
        ax.text(1.01, i + 0.5, style.number(bar.middle), transform=ax.get_yaxis_transform(), ha="left", va="center",
                fontsize=7.8)
    ticks = [2.0**k for k in range(3, 24) if ax.get_xlim()[0] <= 2.0**k <= ax.get_xlim()[1]]
    ax.set_xticks(ticks, [f"{t:.0f}" for t in ticks])
    ax.minorticks_off()
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("bytes per entry, log scale", loc="left")
    return style.to_svg(fig, name, title)
