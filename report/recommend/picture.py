# SPDX-License-Identifier: Apache-2.0
"""A recommendation as a picture of what the terminal shows of it, for places that show pictures only."""

from __future__ import annotations

import textwrap
from xml.sax import saxutils

from report.figures import style
from report.recommend import Recommendation
from report.recommend.say import MOST_PICKS, Said

_COLUMNS = 96
_SIZE, _LINE, _PAD = 13, 19, 18  # pixels
_CHARACTER = 0.6 * _SIZE + 0.05  # of monospaced fonts


def draw(r: Recommendation, said: Said, command: str, run: str) -> str:
    """A whole SVG document: the command, the answer, the ranking, why, and how the map is used. Deterministic."""
    lines: list[tuple[str, str]] = []  # text and colour

    def put(text: str, colour: str = style.INK, indent: str = "") -> None:
        lines.extend((line, colour) for line in textwrap.wrap(
            text, _COLUMNS, initial_indent=indent, subsequent_indent=indent and indent + "  ") or [""])

    put(f"$ {command}", style.SOFT)
    put("")
    put(said.headline)
    for sentence in [*said.coverage[:1], f"From run {run}; another machine may answer differently."]:
        put(sentence, style.SOFT)
    shown = said.ranking[:MOST_PICKS]
    if shown:
        put("")
        widths = [max(len(row[i]) for row in shown) for i in range(len(shown[0]))]
        for row in shown:
            lines.append(("  " + "  ".join(f"{text:<{width}}" for text, width in zip(row, widths)).rstrip(), style.INK))
        if len(said.ranking) > len(shown):
            put(f"and {len(said.ranking) - len(shown)} more", style.SOFT, "  ")
    for sentence in said.reasons[:len(r.front[:1])]:
        put("")
        put(sentence, style.SOFT)
    if said.use:
        put("")
        lines.extend(("  " + line, style.INK) for line in said.use)
    width = round(2 * _PAD + _CHARACTER * max([_COLUMNS, *(len(text) for text, _ in lines)]))
    height = 2 * _PAD + _LINE * len(lines)
    text = "\n".join(f'<text x="{_PAD}" y="{_PAD + _LINE * i + _SIZE}" fill="{colour}" xml:space="preserve">{_escaped(line)}</text>'
                     for i, (line, colour) in enumerate(lines) if line)
    spoken = _escaped(" ".join([said.headline, *said.coverage[:1]]), {'"': "&quot;"})
    return (f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{spoken}" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="{_SIZE}">\n'
            f'<rect width="100%" height="100%" fill="{style.PAPER}"/>\n{text}\n</svg>\n')


def _escaped(text: str, more: dict[str, str] | None = None) -> str:
    """As text of an XML document, without what none may hold."""
    return saxutils.escape("".join(c if c.isprintable() else "?" for c in text), more or {})
