# SPDX-License-Identifier: Apache-2.0
"""Where along an axis the better contestant changes: what to measure next, and what came out.

Both functions are pure functions of the visits so far, a list of (x, effect): the orchestrator asks `next_points`
after every round, the report recomputes `analyse` and sees what the orchestrator saw. Effects are log ratios,
positive when a is faster; x is in the axis's own units. `level` (a log ratio, ln 1.47 for "47 % faster") shifts the
question from "who is faster" to "where is that gain reached".

The words and the rule that picks one are those of words.py.
"""

import dataclasses
import math

import numpy as np

from report.stats import cells, curve as curves, robust
from report.stats.search import next_points  # noqa: F401 (offered here)
from report.stats.words import A, B, CROSSOVER, EQUIVALENT, SEVERAL, UNDECIDED, WORDS, choose, classify, everywhere


@dataclasses.dataclass(frozen=True)
class Band:
    """The fitted curve for drawing: x in axis units; fit, low, high as effects (log ratios, the level included).

    For a discrete axis one entry a value. The band is pointwise, 95 %.
    """

    x: tuple
    fit: tuple
    low: tuple
    high: tuple


@dataclasses.dataclass(frozen=True)
class Region:
    """A stretch [low, high] of the axis (in its units) and who is faster there: a, b, equivalent or unclear."""

    low: float
    high: float
    word: str


@dataclasses.dataclass(frozen=True)
class CrossoverResult:
    """What the visits say. Positions are in axis units, None where there is none.

    estimate is None on a discrete axis (the crossing is between low and high, two tested values)
    rising: a is the faster one above the crossing; None without a single crossing
    strict: for a_throughout and b_throughout, every tested point clears delta; else some are ties
    crossings: every (estimate, low, high) when there are several
    sd: spread of one visit around the curve
    """

    verdict: str
    estimate: float | None
    low: float | None
    high: float | None
    visits: int
    curve: Band
    reason: str
    rising: bool | None = None
    strict: bool = False
    crossings: tuple = ()
    regions: tuple = ()
    sd: float | None = None


def analyse(axis, visits, delta, level=0.0):
    """The verdict on a pair along the axis; see the head of this file for the words.

    visits: sequence of (x, effect); effects that are None or not finite are skipped. Never raises for too few.
    """
    u, y = curves.split(axis, visits, level)
    if len(u) == 0:
        return CrossoverResult(UNDECIDED, None, None, None, 0, Band((), (), (), ()), "no visit has an effect yet")
    if axis.discrete:
        return _analyse_discrete(axis, u, y, delta, level)
    curve = curves.fit_curve(axis, u, y, delta)
    verdict, strict = classify(curve, delta, 0.95)
    grid = np.unique(np.concatenate([np.linspace(curve.knots[0], curve.knots[-1], 101), curve.knots]))
    value, error = curve.at(grid)
    half = _times(robust.t_quantile(0.975, curve.fit.df), error)
    band = _band(axis, grid, value, value - half, value + half, level)
    regions = _regions(axis, grid, value - half, value + half, delta)
    crossings = tuple(
        tuple(axis.from_unit(min(max(p, 0.0), 1.0)) for p in (c.at, *curves.interval(curve, c)))
        for c in curve.crossings
    )
    sd = curve.sd if math.isfinite(curve.sd) else None
    common = {"visits": len(u), "curve": band, "strict": strict, "regions": regions, "sd": sd}
    if verdict == CROSSOVER and len(crossings) == 1:
        estimate, low, high = crossings[0]
        rising = curve.crossings[0].rising
        return CrossoverResult(CROSSOVER, estimate, low, high, rising=rising, crossings=crossings,
                               reason=f"{'a' if rising else 'b'} is faster above {axis.format(estimate)}", **common)
    if verdict == CROSSOVER:
        verdict = UNDECIDED
    shown = crossings if verdict == SEVERAL else ()
    return CrossoverResult(verdict, None, None, None, crossings=shown,
                           reason=_reason(verdict, strict, curve, delta), **common)


def _analyse_discrete(axis, u, y, delta, level):
    """Cells at every value; a crossing lies between two neighbouring tested values that are established."""
    at = curves.discrete_cells(u, y)
    positions = np.array([p for p, _ in at])
    groups = [effects for _, effects in at]
    low, high, value = _cell_bounds(groups, 0.95)
    low_all, high_all, _ = _cell_bounds(groups, 1 - 0.05 / len(groups))
    verdict, strict = choose(*_cell_bounds(groups, everywhere(0.95))[:2], low_all, high_all, delta)
    band = _band(axis, positions, value, low, high, level)
    regions = tuple(Region(x, x, r) for x, r in zip(band.x, _point_words(low, high, delta)))
    runs = curves.runs(low_all, high_all, delta)
    between = tuple((None, band.x[l[2]], band.x[r[1]]) for l, r in zip(runs, runs[1:]))
    spreads = [cells.estimate(g).sd for g in groups if len(g) > 1]
    common = {"visits": len(u), "curve": band, "strict": strict, "regions": regions,
              "sd": float(np.median(spreads)) if spreads else None}
    if verdict == CROSSOVER:
        rising = runs[1][0] > 0
        _, x_low, x_high = between[0]
        return CrossoverResult(CROSSOVER, None, x_low, x_high, rising=rising, crossings=between,
                               reason=f"{'a' if rising else 'b'} is faster from a value "
                                      f"{axis.format_interval(x_low, x_high)} on", **common)
    shown = between if verdict == SEVERAL else ()
    return CrossoverResult(verdict, None, None, None, crossings=shown,
                           reason=_reason(verdict, strict, None, delta), **common)


def _cell_bounds(groups, confidence):
    found = [cells.estimate(g, confidence) for g in groups]
    return (np.array([e.low for e in found]), np.array([e.high for e in found]), np.array([e.effect for e in found]))


def _times(t, error):
    """t * error, taking an error of zero as zero even when t is infinite."""
    with np.errstate(invalid="ignore"):
        return np.where(error == 0, 0.0, t * error)


def _band(axis, u, value, low, high, level):
    x = tuple(axis.from_unit(float(p)) for p in u)
    return Band(x, *(tuple(float(v) + level for v in column) for column in (value, low, high)))


def _point_words(low, high, delta):
    names = {"faster": "a", "slower": "b", "equivalent": "equivalent", "undecided": "unclear"}
    return [names[cells.verdict(cells.Estimate(1, 0.0, lo, hi, 0.0), delta)] for lo, hi in zip(low, high)]


def _regions(axis, grid, low, high, delta):
    """Stretches of equal pointwise word along the grid."""
    result = []
    for u, word in zip(grid, _point_words(low, high, delta)):
        x = axis.from_unit(float(u))
        if result and result[-1].word == word:
            result[-1] = dataclasses.replace(result[-1], high=x)
        else:
            if result:
                result[-1] = dataclasses.replace(result[-1], high=x)
            result.append(Region(x, x, word))
    return tuple(result)


def _reason(verdict, strict, curve, delta):
    margin = f"{100 * delta:g} %"
    if verdict in (A, B):
        winner = "a" if verdict == A else "b"
        return (f"{winner} is faster by more than {margin} at every tested point" if strict
                else f"{winner} is nowhere slower by more than {margin}, and faster on a part of the range")
    if verdict == EQUIVALENT:
        return f"within {margin} of each other at every tested point"
    if verdict == SEVERAL:
        return f"the sign changes more than once by more than {margin}"
    if curve is not None and len(curve.points) < 2:
        return "fewer than two points of the axis were visited"
    if curve is not None and curve.fit.df <= 0:
        return "too few visits to know the spread"
    return f"the intervals straddle the {margin} margin"
