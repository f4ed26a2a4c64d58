# SPDX-License-Identifier: Apache-2.0
"""The paper's first table as a picture, for places that show pictures only."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Sequence

from report.figures import palette, style


@dataclasses.dataclass
class Answer:
    """Without names: not measured."""

    names: Sequence[str]
    evidence: str
    undecided: bool


@dataclasses.dataclass
class Row:
    title: str
    detail: str
    answers: Sequence[Answer]


_LINE = 0.145  # inches
_CHARACTER = 0.05  # of the small print
_TITLE = 30  # characters of a title in a line


def _wrapped(answer: Answer, width: float) -> list[str]:
    lines = textwrap.wrap(answer.evidence, int(width / _CHARACTER), break_on_hyphens=False)
    return lines if len(lines) < 4 else [*lines[:2], style.clipped(" ".join(lines[2:]), width / _CHARACTER)]


@style.drawing
def draw(name: str, title: str, columns: Sequence[str], rows: Sequence[Row], looks: style.Looks) -> str:
    """SVG of the table: situations down, numbers of threads across."""
    width, left = 7.2, 1.9
    each = (width - left) / len(columns)
    texts = [[_wrapped(a, each - 0.2) for a in row.answers] for row in rows]
    titles = [textwrap.wrap(row.title, _TITLE) for row in rows]
    tall = [0.13 + max([0.16 * (len(t) + bool(row.detail)), *(
        0.16 * max(1, len(a.names)) + _LINE * len(lines) for a, lines in zip(row.answers, own))])
            for row, t, own in zip(rows, titles, texts)]
    height = 0.36 + sum(tall)
    fig = style.new_figure(width, height)
    ax = fig.add_axes((0, 0, 1, 1))
    ax.set_xlim(0, width)
    ax.set_ylim(height, 0)
    ax.axis("off")
    head = {"va": "center", "fontsize": 8.5, "fontweight": "bold"}
    ax.text(0.06, 0.15, "What your threads do", **head)
    for c, column in enumerate(columns):
        ax.text(left + each * c, 0.15, column, **head)
    y = 0.3
    for row, lines, own, high in zip(rows, titles, texts, tall):
        ax.plot([0, width], [y, y], color=style.RULE, linewidth=0.6)
        for i, line in enumerate(lines):
            ax.text(0.06, y + 0.14 + 0.16 * i, line, va="center", fontsize=8, fontweight="bold")
        ax.text(0.06, y + 0.14 + 0.16 * len(lines), row.detail, va="center", fontsize=7.4, color=style.SOFT)
        for c, (answer, evidence) in enumerate(zip(row.answers, own)):
            _answer(ax, left + each * c, y + 0.14, answer, evidence, looks)
        y += high
    return style.to_svg(fig, name, title)


def _answer(ax, x: float, y: float, answer: Answer, lines: list[str], looks: style.Looks) -> None:
    if not answer.names:
        ax.text(x, y, "not measured", va="center", fontsize=7.6, color=style.SOFT)
        return
    for i, name in enumerate(answer.names):
        word = ("undecided:" if i == 0 else "or") if answer.undecided else ""
        ax.text(x, y, word, va="center", fontsize=7.4, color=style.SOFT)
        at = x + (0.62 if answer.undecided else 0)
        look = looks[name]
        ax.plot([at + 0.05], [y], marker=look.marker, markersize=4.4, markeredgecolor=look.colour, linestyle="none",
                markerfacecolor=look.colour if look.filled else palette.WHITE)
        ax.text(at + 0.15, y, name, va="center", fontsize=8, fontweight="bold")
        y += 0.16
    for i, line in enumerate(lines):
        ax.text(x, y + _LINE * i, line, va="center", fontsize=7, color=style.SOFT)
