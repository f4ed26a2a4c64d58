# SPDX-License-Identifier: Apache-2.0
"""The winner map: along each axis, which strategy is the fastest."""

from __future__ import annotations

import dataclasses
from typing import Sequence

from matplotlib.patches import Rectangle

from report.figures import style


@dataclasses.dataclass
class Stretch:
    """A part of a strip, in [0, 1], and who is fastest there.

    Several names: nothing measured tells them apart by more than delta.
    """

    start: float
    end: float
    names: tuple[str, ...]


@dataclasses.dataclass
class Strip:
    """One question in one regime with one number of threads."""

    title: str
    low: str
    high: str
    stretches: Sequence[Stretch]
    axis: str = ""
    steps: Sequence[str] = ()  # values of a discrete axis, equally spaced


@style.drawing
def draw(name: str, title: str, strips: Sequence[Strip],
         looks: style.Looks) -> str:
    """SVG of the strips, one above the other, each with its own axis."""
    width, each, left = 10.2, 0.56, 2.9
    height = each * len(strips) + 0.12
    fig = style.new_figure(width, height)
    ax = fig.add_axes((left / width, 0, 1 - (left + 0.1) / width, 1))
    ax.set_xlim(0, 1)
    ax.set_ylim(height, 0)
    ax.axis("off")
    inch = width - left - 0.1
    for row, strip in enumerate(strips):
        top = 0.1 + each * row
        ax.text(-0.012, top + 0.145, strip.title, ha="right", va="center",
                fontsize=8.2, clip_on=False)
        for i, step in enumerate(strip.steps):
            ax.text((i + 0.5) / len(strip.steps), top + 0.30, step,
                    ha="center", va="top", fontsize=7.2, color=style.SOFT)
        ax.text(0, top + 0.30, strip.low, ha="left", va="top", fontsize=7.2,
                color=style.SOFT)
        ax.text(1, top + 0.30, strip.high, ha="right", va="top", fontsize=7.2,
                color=style.SOFT)
        ax.text(-0.012, top + 0.30, strip.axis, ha="right", va="top",
                fontsize=7.2, color=style.SOFT)
        for s in strip.stretches:
            alone = len(s.names) == 1
            face = looks[s.names[0]].colour if alone else "#e4e2dd"
            ax.add_patch(Rectangle((s.start, top), s.end - s.start, 0.28,
                                   facecolor=face, edgecolor="white",
                                   linewidth=1.2))
            text = s.names[0] if alone else "tie: " + ", ".join(s.names)
            room = (s.end - s.start) * inch
            if room < 0.075 * len(text) + 0.08 and not alone:
                text = f"{len(s.names)}-way tie" if room > 0.8 else "tie"
            if room >= 0.075 * len(text) + 0.08:
                ax.text((s.start + s.end) / 2, top + 0.145, text, ha="center",
                        va="center", fontsize=8,
                        color="white" if alone else style.INK)
    return style.to_svg(fig, name, title)
