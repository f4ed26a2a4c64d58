# SPDX-License-Identifier: Apache-2.0
"""The effect along a continuous axis: a robust broken line through all visits of a pair.

The curve is a linear spline, fitted by Huber regression, with a knot at every screened point. Where it changes sign
one more knot is placed at the crossing itself, and the screened points strictly inside the bracket (whose sign is
not established) lose theirs: locally it is a broken line with the knot at the crossing. Positions are unit
coordinates of the axis, effects log ratios (positive: a faster).
"""

import dataclasses
import math

import numpy as np

from report.stats import robust

H_MIN = 0.0025  # the finest step worth asking for, in unit coordinates
_SAME = 1e-4  # visits nearer than this are at the same point
_STEEP_GAP = 6.0  # a rise of this many SD between neighbouring visits is a jump until seen otherwise


@dataclasses.dataclass(frozen=True)
class Crossing:
    """One sign change. [left, right] is the bracket: its ends are knots of established, opposite sign."""

    at: float
    left: float
    right: float
    rising: bool


@dataclasses.dataclass(frozen=True)
class Curve:
    """A fitted curve. `value`, `error` and `visits` are per screened point (those of `points`)."""

    u: np.ndarray
    y: np.ndarray
    sd: float
    points: np.ndarray
    value: np.ndarray
    error: np.ndarray
    visits: np.ndarray
    knots: np.ndarray
    fit: robust.Fit
    crossings: tuple

    def at(self, u):
        """(value, standard error) at unit coordinates u."""
        return self.fit.at(robust.hat_rows(self.knots, u))

    def bounds(self, confidence, simultaneous):
        """(low, high) at the points; simultaneous: by Bonferroni over them."""
        tail = (1 - confidence) / 2 / (len(self.points) if simultaneous else 1)
        t = robust.t_quantile(1 - tail, self.fit.df)
        with np.errstate(invalid="ignore"):
            half = np.where(self.error == 0, 0.0, t * self.error)
        return self.value - half, self.value + half


def split(axis, visits, level=0.0):
    """(unit coordinates, effects less the level) of the visits whose effect is a number."""
    kept = [(axis.to_unit(x), e - level) for x, e in visits if e is not None and math.isfinite(e)]
    return np.array([u for u, _ in kept]), np.array([y for _, y in kept])


def discrete_cells(u, y):
    """The visits grouped by value: [(unit coordinate, effects)], ascending."""
    labels = np.round(u / 1e-6).astype(np.int64)
    return [(float(u[labels == label][0]), y[labels == label]) for label in np.unique(labels)]


def fit_curve(axis, u, y, delta):
    """Fits the curve to visits at unit coordinates u (any order); None without a visit."""
    u, y = np.asarray(u, float), np.asarray(y, float)
    order = np.argsort(u, kind="stable")
    u, y = u[order], y[order]
    if len(u) == 0:
        return None
    sd, _ = robust.pooled_sd(u, y, _SAME)
    points = _points(axis, u)
    fit = robust.huber_fit(robust.hat_rows(points, u), y, sd)
    curve = _assemble(u, y, points, points, fit, ())
    brackets = _brackets(curve, delta)
    if not brackets or fit.df <= 0:
        return curve
    crossings = tuple(_initial_crossing(curve, *b) for b in brackets)
    # Each pass moves the knots to where the previous fit crosses zero.
    for step in range(12):
        knots = _knots(points, crossings)
        fit = robust.huber_fit(robust.hat_rows(knots, u), y, sd)
        moved = tuple(_root(knots, fit, c, 1.0 if step < 6 else 0.5) for c in crossings)
        shift = max(abs(m.at - c.at) for m, c in zip(moved, crossings))
        crossings = moved
        if shift < 1e-4:
            break
    return _assemble(u, y, points, knots, fit, crossings)


def _assemble(u, y, points, knots, fit, crossings):
    value, error = fit.at(robust.hat_rows(knots, points))
    visits = np.array([int(np.sum(np.abs(u - p) < _SAME)) for p in points])
    # Where a point is noisier than the pooled spread says, its own visits speak for it.
    for i, p in enumerate(points):
        if visits[i] >= 6:
            own = np.sort(y[np.abs(u - p) < _SAME])
            g = len(own) // 10
            winsorised = np.clip(own, own[g], own[len(own) - 1 - g])
            spread = float(np.std(winsorised, ddof=1)) / (1 - 2 * g / len(own))
            error[i] = max(error[i], spread / math.sqrt(len(own)))
    return Curve(u, y, fit.sd, points, value, error, visits, knots, fit, crossings)


def _points(axis, u):
    """The screened points that were visited; other positions only where there would be no knot near them."""
    points = [p for p in (axis.to_unit(v) for v in axis.values) if np.any(np.abs(u - p) < _SAME)]
    for edge in (u[0], u[-1]):
        if not points or edge < min(points) - 0.02 or edge > max(points) + 0.02:
            points.append(float(edge))
    return np.array(sorted(points))


def runs(low, high, margin):
    """Runs of points established beyond +-margin: a list of (sign, first index, last index)."""
    result = []
    for i, (lo, hi) in enumerate(zip(low, high)):
        sign = 1 if lo > margin else -1 if hi < -margin else 0
        if sign == 0:
            continue
        if result and result[-1][0] == sign:
            result[-1] = (sign, result[-1][1], i)
        else:
            result.append((sign, i, i))
    return result


def _brackets(curve, delta):
    """Pairs of points of established opposite sign between which the curve crosses zero: (left, right, rising)."""
    low, high = curve.bounds(0.95, simultaneous=True)
    beyond, signed = runs(low, high, delta), runs(low, high, 0.0)
    if len(beyond) < 2:
        # Not yet (or never) beyond delta on both sides; the search still needs to know where to look.
        return [(curve.points[l[2]], curve.points[r[1]], r[0] > 0) for l, r in zip(signed, signed[1:])]
    result = []
    for left, right in zip(beyond, beyond[1:]):
        i, j = left[2], right[1]
        # Narrow by points whose sign is established inside, unless they alternate: then the place is not known.
        inside = [(k, 1 if low[k] > 0 else -1) for k in range(i, j + 1) if low[k] > 0 or high[k] < 0]
        changes = [n for n in range(1, len(inside)) if inside[n][1] != inside[n - 1][1]]
        if len(changes) == 1:
            i, j = inside[changes[0] - 1][0], inside[changes[0]][0]
        result.append((curve.points[i], curve.points[j], right[0] > 0))
    return result


def _initial_crossing(curve, left, right, rising):
    """Tightens a bracket by clusters of visits that are clearly on one side, and starts at the straight line's root."""
    sign, sd = (1 if rising else -1), max(curve.sd, 1e-9)
    inside = (curve.u > left + _SAME) & (curve.u < right - _SAME)
    for cluster_u, cluster_y in _clusters(curve.u[inside], sign * curve.y[inside]):
        if len(cluster_y) < 2:
            continue
        if np.mean(cluster_y) < -4 * sd and np.max(cluster_y) < -2 * sd:
            left = max(left, float(cluster_u))
        elif np.mean(cluster_y) > 4 * sd and np.min(cluster_y) > 2 * sd and cluster_u > left:
            right = min(right, float(cluster_u))
            break
    near = (curve.u >= left - _SAME) & (curve.u <= right + _SAME)
    line = robust.huber_fit(robust.hat_rows([left, right], curve.u[near]), curve.y[near], curve.sd)
    at_left, at_right = line.beta
    share = at_left / (at_left - at_right) if at_left != at_right else 0.5
    return Crossing(left + min(max(share, 0.05), 0.95) * (right - left), left, right, rising)


def _clusters(u, y):
    """Groups of visits at one position: (position, effects), ascending."""
    result = []
    for position, effect in zip(u, y):
        if result and position - result[-1][0] < H_MIN / 2:
            result[-1][1].append(effect)
        else:
            result.append((position, [effect]))
    return result


def _knots(points, crossings):
    knots = set()
    for p in points:
        if not any(c.left + _SAME < p < c.right - _SAME for c in crossings):
            knots.add(float(p))
    for c in crossings:
        for position in (c.left, c.at, c.right):
            if all(abs(position - k) >= _SAME for k in knots):
                knots.add(position)
    return np.array(sorted(knots))


def _root(knots, fit, crossing, damping):
    """The crossing moved to the root of the fit in its bracket."""
    value, _ = fit.at(robust.hat_rows(knots, [crossing.left, crossing.at, crossing.right]))
    if not crossing.rising:
        value = -value
    a, b, (va, vb) = crossing.left, crossing.at, value[:2]
    if value[1] < 0:
        a, b, (va, vb) = crossing.at, crossing.right, value[1:]
    root = a + (b - a) * (-va / (vb - va)) if va < 0 < vb else crossing.at
    root = crossing.at + damping * (root - crossing.at)
    margin = 0.02 * (crossing.right - crossing.left)
    root = min(max(root, crossing.left + margin), crossing.right - margin)
    return dataclasses.replace(crossing, at=root)


def gap(curve, crossing):
    """The neighbouring visited positions around a crossing when the curve jumps between them, else None.

    Between them nothing was seen, and the rise is too large for the spread to say where in the gap it happens.
    """
    below = curve.u[curve.u <= crossing.at - _SAME]
    above = curve.u[curve.u >= crossing.at + _SAME]
    if not len(below) or not len(above) or np.any(np.abs(curve.u - crossing.at) < _SAME):
        return None
    left, right = max(below[-1], crossing.left), min(above[0], crossing.right)
    here = curve.y[np.abs(curve.u - left) < _SAME], curve.y[np.abs(curve.u - right) < _SAME]
    rise = abs(float(np.median(here[1])) - float(np.median(here[0])))
    return (float(left), float(right)) if rise > _STEEP_GAP * max(curve.sd, 1e-9) else None


def slopes(curve, crossing):
    """((slope, standard error) left, (slope, standard error) right) of the knot, in the direction of the crossing."""
    sign = 1 if crossing.rising else -1
    result = []
    for a, b in ((crossing.left, crossing.at), (crossing.at, crossing.right)):
        row = (robust.hat_rows(curve.knots, [b]) - robust.hat_rows(curve.knots, [a])) / (b - a)
        value, error = curve.fit.at(row)
        result.append((sign * float(value[0]), float(error[0])))
    return tuple(result)


def interval(curve, crossing, confidence=0.95):
    """The interval of a crossing, in unit coordinates, within its bracket.

    The pointwise band is inverted: the positions next to the crossing at which the band holds zero. When the slopes
    of the two sides agree, its ends are averaged with those of the linear inversion (the error of the value at the
    crossing over the common slope); when they do not, the shallower slope stands for both sides, and the wider of
    the two answers is taken. Where the curve jumps, the interval covers the gap and at least +-2 H_MIN.
    """
    t = robust.t_quantile((1 + confidence) / 2, curve.fit.df)
    x = crossing.at
    grid = np.unique(np.concatenate([np.linspace(crossing.left, crossing.right, 400), [x]]))
    value, error = curve.at(grid)
    middle = int(np.searchsorted(grid, x))
    holds = np.abs(value) <= t * error
    holds[middle] = True
    first, last = middle, middle
    while first > 0 and holds[first - 1]:
        first -= 1
    while last + 1 < len(grid) and holds[last + 1]:
        last += 1
    low, high = float(grid[first]), float(grid[last])

    (bl, el), (br, er) = slopes(curve, crossing)
    half_value = t * float(error[middle])
    if bl > 0 and br > 0:
        if abs(bl - br) <= 2 * math.hypot(el, er):
            wl, wr = 1 / max(el, 1e-12) ** 2, 1 / max(er, 1e-12) ** 2
            half = half_value * (wl + wr) / (wl * bl + wr * br)
            low, high = (low + x - half) / 2, (high + x + half) / 2
        else:
            half = half_value / min(bl, br)
            low, high = min(low, x - half), max(high, x + half)
    steep = max(bl, br) * H_MIN > curve.sd
    around = gap(curve, crossing)
    if around:
        low, high = min(low, around[0]), max(high, around[1])
    if around or steep:
        low, high = min(low, x - 2 * H_MIN), max(high, x + 2 * H_MIN)
    return max(low, min(crossing.left, x - 2 * H_MIN)), min(high, max(crossing.right, x + 2 * H_MIN))
