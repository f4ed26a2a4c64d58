# SPDX-License-Identifier: Apache-2.0
"""Who is fastest where: strips along an axis, and grids over two of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from matplotlib.patches import Rectangle

from report.figures import palette, style


@dataclasses.dataclass
class Stretch:
    """A part of a strip, in [0, 1], and who is fastest there.

    Several names: not known to be behind the best. Then `decided` tells those
    within delta of it from those of which the visits do not tell.
    """

    start: float
    end: float
    names: tuple[str, ...]
    decided: bool = True


@dataclasses.dataclass
class Strip:
    """One question in one regime with one number of threads."""

    title: str
    low: str
    high: str
    stretches: Sequence[Stretch]
    axis: str = ""
    steps: Sequence[str] = ()  # values of a discrete axis, equally spaced


def _fill(ax, x: float, y: float, width: float, height: float, names: tuple[str, ...], decided: bool,
          looks: style.Looks) -> str:
    """Draws a region in the colour of its winner, hatched where it is undecided; the colour of text on it."""
    if len(names) == 1:
        face, hatch, ink = looks[names[0]].colour, None, palette.WHITE
    elif decided:
        face, hatch, ink = palette.TIE, None, style.INK
    else:
        face, hatch, ink = style.PAPER, "////", style.INK
    ax.add_patch(Rectangle((x, y), width, height, facecolor=face, edgecolor=palette.LOOSE if hatch else style.PAPER,
                           hatch=hatch, linewidth=0 if hatch else 1.2))
    if hatch:
        ax.add_patch(Rectangle((x, y), width, height, facecolor="none", edgecolor=style.PAPER, linewidth=1.2))
    return ink


def _words(names: tuple[str, ...], decided: bool, room: float) -> str:
    """The longest text for a region that fits `room`, in characters."""
    if len(names) == 1:
        choices = [names[0], names[0].split(":")[0]]
    else:
        word = "equal" if decided else "undecided"
        choices = [f"{word}: {', '.join(names)}", f"{word}: {len(names)} maps", word, "=" if decided else "?"]
    return next((c for c in choices if len(c) <= room), "")


@style.drawing
def draw(name: str, title: str, strips: Sequence[Strip],
         looks: style.Looks) -> str:
    """SVG of the strips, one above the other, each with its own axis."""
    width, each, left = 7.2, 0.5, 2.35
    height = each * len(strips) + 0.12
    fig = style.new_figure(width, height)
    ax = fig.add_axes((left / width, 0, 1 - (left + 0.1) / width, 1))
    ax.set_xlim(0, 1)
    ax.set_ylim(height, 0)
    ax.axis("off")
    inch = width - left - 0.1
    for row, strip in enumerate(strips):
        top = 0.1 + each * row
        ax.text(-0.012, top + 0.12, strip.title, ha="right", va="center",
                fontsize=8, clip_on=False)
        small = {"va": "top", "fontsize": 7.2, "color": style.SOFT}
        for i, step in enumerate(strip.steps):
            ax.text((i + 0.5) / len(strip.steps), top + 0.26, step, ha="center", **small)
        ax.text(0, top + 0.26, strip.low, ha="left", **small)
        ax.text(1, top + 0.26, strip.high, ha="right", **small)
        ax.text(-0.012, top + 0.26, strip.axis, ha="right", **small)
        for s in strip.stretches:
            ink = _fill(ax, s.start, top, s.end - s.start, 0.24, s.names, s.decided, looks)
            text = _words(s.names, s.decided, ((s.end - s.start) * inch - 0.04) / 0.06)
            if text:
                ax.text((s.start + s.end) / 2, top + 0.12, text, ha="center", va="center", fontsize=7.6, color=ink)
    return style.to_svg(fig, name, title)


@dataclasses.dataclass
class Region:
    """A cell of a grid: column, row, who is in front, and how far ahead of the next."""

    column: int
    row: int
    names: tuple[str, ...]
    decided: bool
    lead: str = ""


@dataclasses.dataclass
class Grid:
    """Two things that were varied together, with one number of threads."""

    title: str
    columns: Sequence[str]
    rows: Sequence[str]
    across: str
    down: str
    regions: Sequence[Region]


@style.drawing
def phases(name: str, title: str, grids: Sequence[Grid], looks: style.Looks) -> str:
    """SVG of the grids, one above the other: a phase diagram of winners."""
    width, left = 7.2, 1.15
    inch = width - left - 0.1
    heights = [0.62 + 0.46 * len(g.rows) for g in grids]
    height = sum(heights)
    fig = style.new_figure(width, height)
    ax = fig.add_axes((left / width, 0, inch / width, 1))
    ax.set_xlim(0, inch)
    ax.set_ylim(height, 0)
    ax.axis("off")
    top = 0.0
    for grid, tall in zip(grids, heights):
        ax.text(-left + 0.02, top + 0.12, grid.title, ha="left", va="center", fontsize=8.5, fontweight="bold",
                clip_on=False)
        each = inch / len(grid.columns)
        base = top + 0.26
        for r, row in enumerate(grid.rows):
            ax.text(-0.08, base + 0.46 * r + 0.22, row, ha="right", va="center", fontsize=7.8, clip_on=False)
        for c, column in enumerate(grid.columns):
            ax.text(each * (c + 0.5), base + 0.46 * len(grid.rows) + 0.03, column, ha="center", va="top", fontsize=7.8)
        ax.text(-0.08, base + 0.46 * len(grid.rows) + 0.03, f"{grid.across} →", ha="right", va="top", fontsize=7.2,
                color=style.SOFT, clip_on=False)
        for g in grid.regions:
            x, y = each * g.column, base + 0.46 * g.row
            ink = _fill(ax, x, y, each, 0.44, g.names, g.decided, looks)
            room = (each - 0.08) / 0.06
            text = _words(g.names, g.decided, room)
            if len(g.names) == 1 and len(g.names[0]) > room:  # two lines
                text = style.broken(g.names[0], int(room))
            lines = text.split("\n")[:2]
            shown = lines + ([g.lead] if g.lead and len(lines) == 1 else [])
            for i, line in enumerate(shown):
                ax.text(x + each / 2, y + 0.22 + 0.14 * (i - (len(shown) - 1) / 2), line, ha="center", va="center",
                        fontsize=7.2, color=ink)
        top += tall
    return style.to_svg(fig, name, title)
