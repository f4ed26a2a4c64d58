# SPDX-License-Identifier: Apache-2.0
"""The order of all contestants of a cell, over visits. An overview: the pairwise verdicts are the results.

Pairs are compared by Wilcoxon's signed-rank test over visits, corrected by Holm. Groups are maximal runs, in the
order of the ranking, of which no pair differs significantly (the bars of a critical-difference diagram): "not
told apart by these visits", not "equal".
"""

import dataclasses
import itertools
import math

import numpy as np

from report.stats import cells


@dataclasses.dataclass(frozen=True)
class Pair:
    """One comparison: effect e(a, b) as a trimmed mean log ratio, raw and Holm-adjusted p-values, visits."""

    a: str
    b: str
    visits: int
    effect: float
    p: float
    p_holm: float


@dataclasses.dataclass(frozen=True)
class Ranking:
    """order: contestants, fastest first. score: mean log speed against the average contestant (0.1: 10 % faster).
    groups: tuples of contestants not told apart, fastest first; a contestant may be in several or in none."""

    order: tuple
    score: dict
    pairs: tuple
    groups: tuple


EXACT_VISITS = 200


def holm(p_values):
    """Holm's step-down adjusted p-values, in the order given; nan stays nan and is not counted."""
    p = np.asarray(p_values, float)
    adjusted = np.full(len(p), math.nan)
    known = [i for i in np.argsort(p, kind="stable") if not math.isnan(p[i])]
    largest = 0.0
    for rank, i in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - rank) * p[i]))
        adjusted[i] = largest
    return adjusted


def wilcoxon(effects):
    """Two-sided signed-rank p-value of effects about zero; nan below two finite effects, 1 when all are zero.

    Zeros are dropped. The distribution is exact up to EXACT_VISITS, with mid-ranks for ties: O(n^3) steps, some
    thousands for 60 visits. Beyond, it is normal with the same variance, which ties are in.
    """
    y = cells.finite(effects)
    if len(y) < 2:
        return math.nan
    y = y[y != 0]
    if len(y) == 0:
        return 1.0
    size = np.abs(y)
    # Twice the mid-rank is an integer.
    ordered = np.sort(size)
    twice = np.searchsorted(ordered, size, "left") + np.searchsorted(ordered, size, "right") + 1
    if len(y) > EXACT_VISITS:
        distance = abs(float(np.sum(np.sign(y) * twice))) - 1  # continuity
        return math.erfc(max(0.0, distance) / math.sqrt(2 * float(np.sum(twice.astype(float) ** 2))))
    ways = np.zeros(int(twice.sum()) + 1)
    ways[0] = 1.0
    for t in twice:
        # Each visit's sign is a fair coin under the null hypothesis.
        shifted = np.zeros_like(ways)
        shifted[t:] = ways[:-t]
        ways = (ways + shifted) / 2
    positive = int(twice[y > 0].sum())
    return float(min(1.0, 2 * min(ways[: positive + 1].sum(), ways[positive:].sum())))


def rank(effects, level=0.05):
    """Ranks contestants from pairwise effects.

    effects: {(a, b): [effect of every visit]}, either direction of a pair, or both (then joined). Pairs that never
    met are compared through the others: scores are the least-squares solution of score(a) - score(b) = e(a, b).
    """
    joined = {}
    for (a, b), values in effects.items():
        key, sign = ((a, b), 1) if (a, b) <= (b, a) else ((b, a), -1)
        if a != b:
            joined.setdefault(key, []).extend(sign * v for v in cells.finite(values))
    joined = {key: values for key, values in sorted(joined.items()) if values}
    names = sorted({name for pair in joined for name in pair})
    if not names:
        return Ranking((), {}, (), ())
    means = [cells.estimate(values).effect for values in joined.values()]
    raw = [wilcoxon(values) for values in joined.values()]
    pairs = tuple(
        Pair(a, b, len(values), mean, p, float(adjusted))
        for ((a, b), values), mean, p, adjusted in zip(joined.items(), means, raw, holm(raw))
    )
    design = np.zeros((len(pairs), len(names)))
    for i, pair in enumerate(pairs):
        design[i, names.index(pair.a)], design[i, names.index(pair.b)] = 1.0, -1.0
    weights = np.sqrt([pair.visits for pair in pairs])
    # Scores are only defined up to a constant; lstsq gives the solution whose mean is zero.
    solution = np.linalg.lstsq(design * weights[:, None], np.array(means) * weights, rcond=None)[0]
    score = {name: float(s) for name, s in zip(names, solution)}
    order = tuple(sorted(names, key=lambda name: (-score[name], name)))
    return Ranking(order, score, pairs, _groups(order, pairs, level))


def leader(ranking, delta):
    """Who is in front: of those whose score is within twice delta of the best, the one with the most visits; None
    without contestants. So who has been measured most stays in front until another is clearly faster."""
    if not ranking.order:
        return None
    best = ranking.score[ranking.order[0]]
    visits = {name: sum(p.visits for p in ranking.pairs if name in (p.a, p.b)) for name in ranking.order}
    near = [name for name in ranking.order if best - ranking.score[name] <= 2 * delta]
    return max(near, key=lambda name: (visits[name], -near.index(name)))


def _groups(order, pairs, level):
    """Maximal runs of the order without a significant pair; pairs that never met count as told apart."""
    close = {frozenset((p.a, p.b)) for p in pairs if not p.p_holm < level}
    found = []
    for i in range(len(order)):
        j = i
        while j + 1 < len(order) and all(frozenset(c) in close for c in itertools.combinations(order[i : j + 2], 2)):
            j += 1
        if j > i and not any(set(order[i : j + 1]) <= set(g) for g in found):
            found.append(order[i : j + 1])
    return tuple(found)
