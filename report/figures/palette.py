# SPDX-License-Identifier: Apache-2.0
"""Colours: a hue per family, a shade and a marker per strategy, in a light and a dark theme.

Figures are drawn in the light theme's colours. On the page each of them becomes a variable of the style sheet
(`themed`), so that one drawing serves both. All that is written in colour has a contrast of at least 4.5:1 to the
paper of its theme (`figures_test`); colour is never alone, the marker and the name say the same.
"""

from __future__ import annotations

import colorsys
import re

INK = "#1b1b1b"
PAPER = "#fffefb"  # the page's own
SOFT = "#626262"
RULE = "#c9c6bf"
STRIP = "#efece4"  # the +-delta strip: "no difference that matters"
UNDECIDED = "#b9b9b9"
LOOSE = "#dcdcdc"  # hatches of oversubscribed stretches
TIE = "#e4e2dd"
WHITE = "#ffffff"  # inside hollow markers
BAD = "#c1121f"

DARK_PAPER = "#17181a"
_DARK = {INK: "#e8e6e1", PAPER: DARK_PAPER, SOFT: "#a3a19b", RULE: "#4c4c4c", STRIP: "#2a2b2e", UNDECIDED: "#77777a",
         LOOSE: "#3a3b3e", TIE: "#3a3b3f", WHITE: DARK_PAPER, BAD: "#ff7b72"}

# How far behind the fastest, from "the fastest" to "out of the question": strong to faint in either theme.
HEAT = ("#08458c", "#3f79b8", "#79a7d3", "#aecbe5", "#d5e3ef", "#eef1f2")
_HEAT_DARK = ("#9cc7f5", "#5f97d0", "#376594", "#2d5178", "#243b54", "#1f2a36")
HEAT_INK = (WHITE, WHITE, INK, INK, INK, INK)

# Shades of a hue that differ in tone too, so that two of a family can be told apart. The first shades of families are
# distinct to the colour-blind as well, by lightness and along the blue-yellow axis; after Okabe and Ito, darkened until
# text in them can be read.
_BLUE = ("#0069a6", "#2b3f9e", "#3a6a80")
_GREEN = ("#00704d", "#4a6b00", "#0b5f5f")
_ORANGE = ("#b84300", "#8a5a00", "#7d2a1a", "#9a5b3a")
_VIOLET = ("#44308a", "#7a3fa8", "#9a3d8f", "#6a5298")
_CRIMSON = ("#b8427a", "#b01842", "#7c1c4a")
_OLIVE = ("#574a1c", "#6a6500", "#7a6230")
_GREY = ("#3c3c3c", "#6e665c", "#5f5f5f")

HUES = {
    "lock": _BLUE, "sharded lock": _GREEN, "lock-free reads": _ORANGE, "peer": _VIOLET, "copy on write": _OLIVE,
    "sequence lock": _OLIVE, "build, then publish": _OLIVE, "adaptive": _CRIMSON, "batched writes": _CRIMSON,
    "bounded cache": _CRIMSON, "hot/cold": _CRIMSON, "lookaside cache": _CRIMSON, "reference": _GREY, "harness": _GREY}
_ORDER = (_ORANGE, _BLUE, _GREEN, _VIOLET, _CRIMSON, _OLIVE, _GREY)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p", "<", ">", "h")
GLYPHS = dict(zip(MARKERS, "●■▲◆▼✚✖⬟◀▶⬢"))


# The first of every hue, then the second: for strategies that name no family we know.
_ANY = tuple(hue[i] for i in range(4) for hue in _ORDER if i < len(hue))


def shades(family: str) -> tuple[str, ...]:
    """The colours of a family; those of all for one that is not known."""
    return HUES.get(family, _ANY)


def first_marker(family: str) -> int:
    """Where a family begins in MARKERS, so that the leaders of two families differ in marker as well."""
    return 2 * _ORDER.index(HUES[family]) if family in HUES else 0


def _channel(value: float) -> float:
    return value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055)**2.4


def rgb(colour: str) -> tuple[float, float, float]:
    return tuple(int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5))


def contrast(a: str, b: str) -> float:
    """The ratio of the Web Content Accessibility Guidelines, 1 to 21."""
    light, dark = sorted((sum(w * _channel(v) for w, v in zip((0.2126, 0.7152, 0.0722), rgb(c))) for c in (a, b)),
                         reverse=True)
    return (light + 0.05) / (dark + 0.05)


def for_dark(colour: str) -> str:
    """The same hue, light enough to be read on dark paper. The strongest shades stay the strongest."""
    if colour in _DARK:
        return _DARK[colour]
    least = 5.5 if contrast(colour, PAPER) < 7.3 else 9.0
    hue, light, full = colorsys.rgb_to_hls(*rgb(colour))
    while contrast(colour, DARK_PAPER) < least and light < 0.97:
        light += 0.01
        colour = "#" + "".join(f"{round(255 * v):02x}" for v in colorsys.hls_to_rgb(hue, light, min(full, 0.75)))
    return colour


def _variables() -> dict[str, tuple[str, str]]:
    """Colour of the light theme -> (name of the variable, colour of the dark theme)."""
    names = {INK: "ink", PAPER: "paper", SOFT: "soft", RULE: "line", STRIP: "strip", UNDECIDED: "unsure", LOOSE: "loose",
             TIE: "tie", WHITE: "hollow", BAD: "bad"}
    found = {colour: (name, _DARK[colour]) for colour, name in names.items()}
    for i, (light, dark) in enumerate(zip(HEAT, _HEAT_DARK)):
        found[light] = (f"heat{i}", dark)
    for i, colour in enumerate(dict.fromkeys(c for hue in _ORDER for c in hue)):
        found[colour] = (f"c{i}", for_dark(colour))
    return found


VARIABLES = _variables()
_COLOUR = re.compile("|".join(VARIABLES))


def themed(svg: str) -> str:
    """A drawing whose colours are variables of the page. Colours in the text of a drawing stay as they are."""
    return re.sub(r"<[^>]+>", lambda tag: _COLOUR.sub(lambda m: f"var(--{VARIABLES[m.group()][0]})", tag.group()), svg)


def style_sheet(dark: bool) -> str:
    """Declarations of all variables in one theme."""
    return " ".join(f"--{name}: {darkened if dark else colour};" for colour, (name, darkened) in VARIABLES.items())
