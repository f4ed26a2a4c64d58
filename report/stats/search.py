# SPDX-License-Identifier: Apache-2.0
"""What to measure next to learn who is faster along an axis, and where that changes.

Screen: every screening point three times. Then rounds of six visits: a zoom on the crossing (x, x - h, x + h on
each side's own scale h = sd / slope) when the curve has points of established, opposite sign, else the points that
still keep the verdict open. Done when the verdict would also stand at 99 % (and, for a crossover, when its interval is
narrow enough), or when the budget is spent.
"""

import math

import numpy as np

from report.stats import cells, curve as curves, words

SCREEN_VISITS = 3
ROUND = 6
BUDGET = 60  # most pairs are decided with it; 100 halves what is left undecided
DONE_WIDTH = 0.02  # of the axis
MIN_ZOOM = 18  # visits inside the bracket before its interval may end the search
EVIDENCE = 9  # visits at points beyond delta before "faster somewhere" may end the search
EARLY_CONFIDENCE = 0.99


def next_points(axis, visits, budget=BUDGET, rng=None, delta=0.02, level=0.0, done_width=DONE_WIDTH):
    """The positions (axis units) of the next visits of a pair, in the order to run them; empty when done.

    visits: all (x, effect) so far; those without an effect (None, nan) count against the budget only
    budget: visits the pair may have in all; rng: numpy Generator that orders a round (default: fixed seed)
    Every visit at any x counts, whatever it was made for. Takes some milliseconds.
    """
    rng = np.random.default_rng(0) if rng is None else rng
    remaining = budget - len(visits)
    if remaining <= 0:
        return []
    u, y = curves.split(axis, visits, level)
    if axis.discrete:
        wanted = _discrete(axis, u, y, delta)
        return [axis.values[i] for i in rng.permutation(len(axis.values)) if i in wanted][:remaining]
    screen = _screen(axis, u, rng)
    if screen:
        return screen[:remaining]
    curve = curves.fit_curve(axis, u, y, delta)
    chosen = _choose(curve, delta, done_width)
    order = rng.permutation(len(chosen))
    return [axis.snap(axis.from_unit(min(max(chosen[i], 0.0), 1.0))) for i in order][:remaining]


def _screen(axis, u, rng):
    """Screening visits still missing: whole passes over the axis, each in its own random order."""
    missing = []
    for v in axis.values:
        seen = int(np.sum(np.abs(u - axis.to_unit(v)) < 1e-4)) if len(u) else 0
        missing.append(max(0, SCREEN_VISITS - seen))
    result = []
    for turn in range(SCREEN_VISITS, 0, -1):
        due = [v for v, m in zip(axis.values, missing) if m >= turn]
        result.extend(due[i] for i in rng.permutation(len(due)))
    return result


def _choose(curve, delta, done_width):
    """Unit coordinates of the next round."""
    if len(curve.crossings) == 1:
        return _zoom(curve, curve.crossings[0], delta, done_width)
    word, _ = words.classify(curve, delta, EARLY_CONFIDENCE)
    open_points = _open_points(curve, delta)
    if word != words.UNDECIDED and not open_points:
        return []
    open_points = open_points or list(range(len(curve.points)))
    # Six visits, always to the open point with the fewest so far.
    counts = {i: curve.visits[i] for i in open_points}
    chosen = []
    for _ in range(ROUND):
        i = min(counts, key=lambda k: (counts[k], k))
        counts[i] += 1
        chosen.append(curve.points[i])
    return chosen


def _beyond(curve, sign, delta):
    """Which points are established beyond delta on one side, at the stricter confidence."""
    low, high = curve.bounds(EARLY_CONFIDENCE, True)
    return low > delta if sign > 0 else high < -delta


def _open_points(curve, delta):
    """Indices of the points that keep the word open at the stricter confidence."""
    low, high = curve.bounds(words.everywhere(EARLY_CONFIDENCE), False)
    signs = {s for s, _, _ in curves.runs(*curve.bounds(EARLY_CONFIDENCE, True), delta)}
    if len(signs) == 2:
        return []
    if signs:
        sign = signs.pop()
        against = low <= -delta if sign > 0 else high >= delta
        beyond = _beyond(curve, sign, delta)
        # Two outliers among the three visits of one point look like a win there: a win rests on more.
        if np.sum(curve.visits[beyond]) < EVIDENCE:
            against = against | beyond
        return [int(i) for i in np.flatnonzero(against)]
    straddles = [i for i in range(len(low)) if low[i] <= -delta <= high[i] or low[i] <= delta <= high[i]]
    # Every point lies on one side by itself, yet none is beyond by Bonferroni: those outside need more visits.
    return straddles or [i for i in range(len(low)) if low[i] > delta or high[i] < -delta]


def _zoom(curve, crossing, delta, done_width):
    """A round around the crossing; some of it at the ends while they do not yet clear delta."""
    chosen = _ends_not_beyond(curve, delta)
    left = max((p for p in curve.points if p <= crossing.left), default=crossing.left)
    right = min((p for p in curve.points if p >= crossing.right), default=crossing.right)
    inside = int(np.sum((curve.u > left) & (curve.u < right)))
    low, high = curves.interval(curve, crossing)
    if not chosen and inside >= MIN_ZOOM and high - low <= done_width:
        return []
    around = curves.gap(curve, crossing)
    if around:
        # A jump, as far as seen: cut the gap in four.
        places = [around[0] + (around[1] - around[0]) * share for share in (0.25, 0.5, 0.75)]
    else:
        (bl, _), (br, _) = curves.slopes(curve, crossing)
        places = [crossing.at - _step(curve, bl, crossing.at - crossing.left), crossing.at,
                  crossing.at + _step(curve, br, crossing.right - crossing.at)]
    return (chosen + places + places)[:max(ROUND, len(chosen) + 3)]


def _step(curve, slope, room):
    """h = sd / slope: where the effect is about one SD, so that sign and slope are both learnt."""
    h = curve.sd / slope if slope > 0 and math.isfinite(curve.sd) else math.inf
    return min(max(h, curves.H_MIN), max(room, curves.H_MIN / 2))


def _ends_not_beyond(curve, delta):
    """Visits at the most promising point of a side that does not yet clear delta, and at points that may not fit."""
    low, high = curve.bounds(0.95, True)
    chosen = []
    if not np.any(low > delta):
        chosen += [curve.points[int(np.argmax(curve.value))]] * 2
    if not np.any(high < -delta):
        chosen += [curve.points[int(np.argmin(curve.value))]] * 2
    runs = curves.runs(low, high, delta)
    if len(runs) == 2:
        pointwise = curve.bounds(words.everywhere(0.95), False)
        doubtful = np.flatnonzero(words.contrary(*pointwise, runs, delta))
        fewest = sorted(doubtful, key=lambda i: (curve.visits[i], i))[:2]
        chosen += [curve.points[i] for i in fewest for _ in range(2)]
    return chosen


def _discrete(axis, u, y, delta):
    """Indices of the values whose cell wants more visits."""
    wanted = set()
    for i, value in enumerate(axis.values):
        here = y[np.abs(u - axis.to_unit(value)) < 1e-6] if len(u) else []
        if cells.more_visits(here, delta):
            wanted.add(i)
    return wanted
