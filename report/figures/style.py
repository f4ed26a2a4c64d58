# SPDX-License-Identifier: Apache-2.0
"""One look for every figure: ink, type, and a colour and marker per strategy.

Figures are SVG strings meant to stand inline in one page. They are stable to
the byte: fixed hash salt, no date, text kept as text, and every id carries
the name of its figure so that many can share one document.
"""

from __future__ import annotations

import dataclasses
import functools
import html
import io
import math
import random
import re
from typing import Iterable, Mapping, Sequence

import matplotlib

matplotlib.use("svg")

# pylint: disable=wrong-import-position
from matplotlib import figure as mpl_figure  # noqa: E402

from report.figures import palette  # noqa: E402
from report.figures.palette import INK, PAPER, RULE, SOFT, STRIP, UNDECIDED  # noqa: E402,F401

_DASHES = ("solid", (0, (5, 1.6)), (0, (1.4, 1.4)), (0, (5, 1.4, 1.2, 1.4)))

FONTS = ("'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', "
         "'DejaVu Sans', sans-serif")

RC = {
    "svg.hashsalt": "cmap",
    "svg.fonttype": "none",
    "text.parse_math": False,  # a name with two $ is no formula
    "font.family": ["DejaVu Sans"],
    "font.size": 8.5,
    "text.color": INK,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 8.5,
    "axes.titlelocation": "left",
    "axes.labelsize": 8.5,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "lines.linewidth": 1.6,
    "hatch.linewidth": 0.5,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}


@dataclasses.dataclass(frozen=True)
class Look:
    """How one contestant is drawn, everywhere."""

    colour: str
    marker: str
    dash: object
    filled: bool


class Looks:
    """Colour and marker of every contestant: the hue is its family's.

    Within a family shades and markers go by name, those of `first` before the others, so that they differ from one
    another as far as can be; no two strategies of a family share both. A tuned or batched variant keeps the colour and
    marker of its strategy and is drawn hollow.
    """

    def __init__(self, strategies: Iterable[str], first: Iterable[str] = (), families: Mapping[str, str] | None = None):
        known = set(strategies) - {"null"}
        chosen = known & set(first)
        families = families or {}
        self._looks: dict[str, Look] = {}
        taken: dict[tuple[str, ...], int] = {}
        for name in [*sorted(chosen), *sorted(known - chosen)]:
            family = families.get(name, "")
            shades = palette.shades(family)
            k = taken[shades] = taken.get(shades, -1) + 1
            marker = palette.MARKERS[(k + palette.first_marker(family)) % len(palette.MARKERS)]
            self._looks[name] = Look(shades[k % len(shades)], marker,
                                     _DASHES[(k // len(shades)) % len(_DASHES)], True)

    def __getitem__(self, contestant: str) -> Look:
        name = re.split(r"[:@]", contestant)[0]
        look = self._looks.get(name, Look(SOFT, "o", "solid", True))
        return dataclasses.replace(look, filled=name == contestant)


MOST_DOTS = 200  # of one contestant in one figure: more hide one another and make the page heavy


def drawn(count: int) -> list[int]:
    """Indices of the visits that are drawn as dots: all, or some of very many, always the same."""
    if count <= MOST_DOTS:
        return list(range(count))
    return sorted(random.Random(count).sample(range(count), MOST_DOTS))


def new_figure(width: float, height: float) -> mpl_figure.Figure:
    """A figure of `width` x `height` inches; call within `drawing`."""
    return mpl_figure.Figure(figsize=(width, height))


def drawing(function):
    """Decorator: runs `function` under the common settings."""

    @functools.wraps(function)
    def wrapped(*args, **kwargs):
        with matplotlib.rc_context({**matplotlib.rcParamsDefault, **RC}):
            return function(*args, **kwargs)

    return wrapped


_MARKS = re.compile(r'<g((?: clip-path="[^"]*")?)>((?:\s*<use [^>]*/>)+)\s*</g>')


def _lean(svg: str) -> str:
    """The same drawing in a third of the bytes: marks of one style share it, and a hundredth of a point is enough."""

    def shared(found: re.Match[str]) -> str:
        marks = re.findall(r"<use [^>]*/>", found[2])
        styles = {m[m.index(' style="'):-2] for m in marks if ' style="' in m}
        if len(styles) != 1 or not all(' style="' in m for m in marks):
            return found[0]
        style = styles.pop()
        return f"<g{found[1]}{style}>" + "".join(m.replace(style, "") for m in marks) + "</g>"

    svg = svg.replace("stroke: #000000; stroke-opacity: 0", "stroke: none")
    svg = re.sub(r"<[^>]+>", lambda tag: re.sub(
        r"\d+\.\d{3,}", lambda n: f"{float(n[0]):.2f}".rstrip("0").rstrip("."), tag[0]), svg)
    return re.sub(r"\n\s*", "\n", _MARKS.sub(shared, svg))


def to_svg(fig: mpl_figure.Figure, name: str, title: str) -> str:
    """The figure as inline SVG, its ids prefixed by `name`."""
    out = io.StringIO()
    fig.savefig(out, format="svg", metadata={
        "Date": None, "Creator": None, "Format": None, "Type": None})
    text = out.getvalue()
    text = _lean(text[text.index("<svg"):])
    prefix = re.sub(r"[^a-z0-9]+", "-", name.lower())
    text = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}--\1"', text)
    text = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}--\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}--\1)", text)
    # The page decides the size; the view box keeps the proportions.
    text = re.sub(r'(<svg[^>]*?) width="[^"]*pt"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*pt"', r"\1", text, count=1)
    label = html.escape(title, quote=True)
    text = text.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
    # The page's sans serif. The layout allows for DejaVu Sans, which is wider.
    return text.replace("'DejaVu Sans'", FONTS)


def ratio_text(effect: float) -> str:
    """A log ratio as a speedup: 0.47x, 1.3x, 12x, with a times sign."""
    return f"{number(math.exp(effect))}×"


def number(value: float) -> str:
    """Two decimals below ten, one below a hundred, else none."""
    if abs(value) < 0.095:
        return f"{value:.3f}"
    if abs(value) < 10:
        return f"{value:.2f}"
    if abs(value) < 100:
        return f"{value:.1f}"
    return f"{value:.0f}"


def fine(value: float) -> str:
    """Three decimals below ten, for intervals that two would hide."""
    return f"{value:.3f}" if abs(value) < 10 else number(value)


def duration(ns: float) -> str:
    """Two significant digits and a unit: 87 ns, 1.5 µs, 340 µs, 24 ms."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if ns >= 0.995 * size:
            return f"{two_digits(ns / size)} {unit}"
    return f"{two_digits(ns)} ns"


def two_digits(value: float) -> str:
    """Two significant digits; a whole number below ten has one."""
    if value < 9.95:
        return f"{value:.1f}".removesuffix(".0")
    digits = 10 ** max(0, len(str(round(value))) - 2)
    return str(round(value / digits) * digits)


_RATIOS = (0.05, 0.1, 0.15, 0.2, 0.25, 1 / 3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9,
           0.95, 1, 1.05, 1.1, 1.25, 1.5, 1.75, 2, 2.5, 3, 4, 5, 7, 10, 15,
           20, 50, 100)


def ratio_ticks(low: float, high: float,
                most: int = 9) -> tuple[list[float], list[str]]:
    """Ticks (log ratio) and labels ("0.5x") for log ratios in [low, high].

    1x is always one; the others keep a distance of (high - low) / most.
    """
    gap = max(high - low, 1e-9) / most
    preferred = sorted(_RATIOS, key=lambda r: (
        r != 1, r not in (0.5, 2), r not in (0.25, 4, 0.1, 10),
        r not in (0.8, 1.25, 1.5, 3, 0.2, 5, 20), abs(math.log(r))))
    chosen: list[float] = []
    for ratio in preferred:
        y = math.log(ratio)
        if low - 1e-9 <= y <= high + 1e-9 and all(
                abs(y - other) >= gap for other in chosen):
            chosen.append(y)
    chosen.sort()
    return chosen, [f"{math.exp(y):.2f}".rstrip("0").rstrip(".") + "×"
                    for y in chosen]


def ratio_axis(axis, low: float, high: float, most: int = 9) -> None:
    """Gives a matplotlib axis (x or y) of log ratios its ratio ticks."""
    ticks, labels = ratio_ticks(low, high, most)
    axis.set_ticks(ticks, labels)


def spread(positions: Sequence[float], gap: float, low: float,
           high: float) -> list[float]:
    """Positions moved as little as needed to lie `gap` apart in [low, high].

    Pools neighbours that collide and centres each pool on its mean.
    """
    order = sorted(range(len(positions)), key=lambda i: positions[i])
    pools: list[list[int]] = []
    centre: list[float] = []

    def settle(pool: list[int]) -> float:
        half = gap * (len(pool) - 1) / 2
        mean = sum(positions[i] for i in pool) / len(pool)
        return min(max(mean, low + half), high - half)

    for i in order:
        pools.append([i])
        centre.append(settle([i]))
        while len(pools) > 1 and (
                centre[-1] - gap * (len(pools[-1]) - 1) / 2
                < centre[-2] + gap * (len(pools[-2]) - 1) / 2 + gap - 1e-12):
            last = pools.pop()
            centre.pop()
            pools[-1] += last
            centre[-1] = settle(pools[-1])
    result = [0.0] * len(positions)
    for pool, mid in zip(pools, centre):
        start = mid - gap * (len(pool) - 1) / 2
        for k, i in enumerate(pool):
            result[i] = start + k * gap
    return result


def clipped(text: str, most: float) -> str:
    """`text` in at most `most` characters."""
    return text if len(text) <= most else text[:max(1, int(most) - 1)].rstrip() + "…"


def broken(text: str, most: int) -> str:
    """A name in two lines of at most `most` characters, broken behind a mark; empty when it does not fit."""
    for at in range(min(most, len(text) - 1), 0, -1):
        if text[at - 1] in "_:@ " and len(text) - at <= most:
            return text[:at] + "\n" + text[at:]
    return ""
