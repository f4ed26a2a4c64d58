# SPDX-License-Identifier: Apache-2.0
"""The six words for a pair along an axis, and the rule that picks one.

The six words partition what a curve f over the tested range can be, with M and m its largest and smallest values:

    equivalent     -delta < m and M < delta
    a_throughout   -delta < m and M > delta   a is nowhere slower, and faster somewhere (`strict`: everywhere)
    b_throughout   m < -delta and M < delta   the same for b
    crossover      m < -delta and M > delta, and f goes from beyond one margin to beyond the other once
    several        ... more than once
    undecided      the visits do not tell which of these it is

Differences within delta never decide a word: a curve that dips 1 % below zero and rises to 50 % is "a throughout" in
every repeat, not a crossover in some of them. Each word is a strict inequality on m and M about the same two
margins, so two runs can contradict one another only by erring in opposite directions at the same margin.

Claims "somewhere" (M > delta) use Bonferroni over the screened points, at 95 %. Claims "everywhere" (M < delta) are
intersection-union tests: every point must pass its own one-sided test at 5 %, and no correction is needed. "Once" is
such a claim too: left and right of the crossing, every point must be known not to be beyond the other margin.
"""

import numpy as np

from report.stats import curve as curves

CROSSOVER, A, B = "crossover", "a_throughout", "b_throughout"
EQUIVALENT, SEVERAL, UNDECIDED = "equivalent", "several", "undecided"
WORDS = (CROSSOVER, A, B, EQUIVALENT, SEVERAL, UNDECIDED)


def everywhere(confidence):
    """The confidence of the two-sided interval whose ends are one-sided tests at 1 - confidence."""
    return 2 * confidence - 1


def classify(curve, delta, confidence):
    """(word, strict) from the screened points of a fitted curve."""
    if len(curve.points) < 2:
        # One place of the axis says nothing about the others.
        return UNDECIDED, False
    return choose(*curve.bounds(everywhere(confidence), False), *curve.bounds(confidence, True), delta)


def contrary(low, high, runs, delta):
    """Which points are not yet known to be on their side of a single crossing.

    Those between the two runs may be on either. From pointwise bounds: one more change of sign needs one such point.
    """
    (sign, _, last), (_, first, _) = runs
    left_open, right_open = (high >= delta, low <= -delta) if sign < 0 else (low <= -delta, high >= delta)
    index = np.arange(len(low))
    return ((index <= last) & left_open) | ((index >= first) & right_open)


def choose(low, high, low_all, high_all, delta):
    """(word, strict) from pointwise and simultaneous bounds at the tested points."""
    runs = curves.runs(low_all, high_all, delta)
    signs = {sign for sign, _, _ in runs}
    if len(runs) > 2:
        return SEVERAL, False
    if len(runs) == 2:
        return (UNDECIDED if np.any(contrary(low, high, runs, delta)) else CROSSOVER), False
    if 1 in signs and np.all(low > -delta):
        return A, bool(np.all(low > delta))
    if -1 in signs and np.all(high < delta):
        return B, bool(np.all(high < -delta))
    if not signs and np.all(low > -delta) and np.all(high < delta):
        return EQUIVALENT, False
    return UNDECIDED, False
