# SPDX-License-Identifier: Apache-2.0
"""One effect measured in several runs: does it agree, and how far do runs move it beyond their own visits' error?

Effects, errors and delta are log ratios. Of every two runs the difference of effects gets Welch's t interval. Words:

    differs     of some two runs the 95 % intervals do not touch, and the interval of their difference lies beyond
                +-delta; over k runs that interval is Bonferroni's over the k (k - 1) / 2 differences
    agrees      every difference lies within +-delta, by two one-sided tests at 5 % (its 90 % interval); as every one
                of them must pass, no correction is needed
    undecided   neither

The variance between runs is Paule and Mandel's (1982) with the Q-profile interval (Viechtbauer 2007), from three runs
on; what several runs say together is their random-effects mean with Hartung and Knapp's interval (2001).
"""

import dataclasses
import itertools
import math

import numpy as np
from scipy import optimize, special

from report.stats import cells, robust

AGREES, DIFFERS, UNDECIDED = "agrees", "differs", "undecided"
WORDS = (AGREES, DIFFERS, UNDECIDED)
LEAST_RUNS = 3  # for a variance between runs of a single place


@dataclasses.dataclass(frozen=True)
class Effect:
    """What one run says of a place: effect, its standard error and degrees of freedom (0: error not known)."""

    effect: float
    error: float
    df: float

    @classmethod
    def of_cell(cls, estimate):
        """From an Estimate of `cells`."""
        df = estimate.visits - 2 * math.floor(cells.TRIM * estimate.visits) - 1
        if df < 1 or not math.isfinite(estimate.half_width):
            return cls(estimate.effect, math.inf, 0)
        return cls(estimate.effect, estimate.half_width / robust.t_quantile((1 + cells.CONFIDENCE) / 2, df), df)

    def interval(self, confidence=0.95):
        half = _half(self.error, self.df, confidence)
        return self.effect - half, self.effect + half


@dataclasses.dataclass(frozen=True)
class Difference:
    """Effect of run `second` less that of run `first` (indices), with an interval."""

    first: int
    second: int
    effect: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class Together:
    """Several runs in one place.

    word: see the head of this file; difference: of the two runs that stand out most, with the interval of the word
    between: standard deviation between runs with its 95 % interval (low, high); None below three known errors
    within: standard error that visits leave a run, root mean square over runs; nan when none is known
    """

    word: str
    difference: Difference
    between: float | None
    low: float | None
    high: float | None
    within: float


def _half(error, df, confidence):
    if error == 0:
        return 0.0
    return robust.t_quantile((1 + confidence) / 2, df) * error if df > 0 and math.isfinite(error) else math.inf


def difference(x, y, confidence=0.95):
    """(effect, low, high) of y less x, by Welch's interval."""
    error = math.hypot(x.error, y.error)
    if not math.isfinite(error):
        return y.effect - x.effect, -math.inf, math.inf
    if error == 0:
        return y.effect - x.effect, y.effect - x.effect, y.effect - x.effect
    df = error**4 / sum(e.error**4 / e.df for e in (x, y) if e.error > 0)
    half = _half(error, df, confidence)
    return y.effect - x.effect, y.effect - x.effect - half, y.effect - x.effect + half


def word_of_two(x, y, delta, differences=1):
    """The word for two runs; `differences`: how many are looked at for one that stands out."""
    low, high = difference(x, y, 0.9)[1:]
    if low > -delta and high < delta:
        return AGREES
    low, high = difference(x, y, 1 - 0.05 / differences)[1:]
    (x_low, x_high), (y_low, y_high) = x.interval(), y.interval()
    apart = x_high < y_low or y_high < x_low
    return DIFFERS if apart and (low > delta or high < -delta) else UNDECIDED


def together(effects, delta):
    """A Together of at least two Effects, one a run."""
    pairs = list(itertools.combinations(range(len(effects)), 2))
    words = [word_of_two(effects[i], effects[j], delta, len(pairs)) for i, j in pairs]
    word = DIFFERS if DIFFERS in words else AGREES if set(words) == {AGREES} else UNDECIDED

    def standing_out(pair):
        i, j = pair
        effect, low, high = difference(effects[i], effects[j])
        return words[pairs.index(pair)] == word, max(low, -high, -math.inf), abs(effect)

    i, j = max(pairs, key=standing_out)
    shown = Difference(i, j, *difference(effects[i], effects[j], 1 - 0.05 / len(pairs) if word == DIFFERS else 0.95))
    known = [e for e in effects if math.isfinite(e.error)]
    between = between_runs(known) if len(known) >= LEAST_RUNS else (None, None, None)
    within = math.sqrt(sum(e.error**2 for e in known) / len(known)) if known else math.nan
    return Together(word, shown, *between, within)


def between_runs(effects):
    """(SD between runs, low, high) by Paule and Mandel; at least two effects with finite errors."""
    y = np.array([e.effect for e in effects])
    v = np.array([max(e.error, 1e-9)**2 for e in effects])
    df = len(y) - 1

    def excess(tau2, wanted):
        w = 1 / (v + tau2)
        return float(np.sum(w * (y - np.sum(w * y) / np.sum(w))**2)) - wanted

    def root(wanted):
        if excess(0.0, wanted) <= 0:
            return 0.0
        top = float(np.var(y, ddof=1)) + float(np.max(v))
        while excess(top, wanted) > 0:
            top *= 2
        return math.sqrt(optimize.brentq(excess, 0.0, top, args=(wanted,), xtol=1e-14))

    # The statistic falls in tau, so that a large quantile gives the lower end.
    return root(df), root(float(special.chdtri(df, 0.025))), root(float(special.chdtri(df, 0.975)))


def mean_of_runs(effects):
    """(effect, low, high) of several runs together, a random-effects mean; at least LEAST_RUNS with known errors."""
    tau = between_runs(effects)[0]
    y = np.array([e.effect for e in effects])
    w = np.array([1 / (max(e.error, 1e-9)**2 + tau**2) for e in effects])
    mean = float(np.sum(w * y) / np.sum(w))
    spread = float(np.sum(w * (y - mean)**2)) / (len(y) - 1)
    # Below 1 the runs are nearer to one another than their visits allow; that is luck, and makes nothing more precise.
    half = robust.t_quantile(0.975, len(y) - 1) * math.sqrt(max(1.0, spread) / float(np.sum(w)))
    return mean, mean - half, mean + half


@dataclasses.dataclass(frozen=True)
class Spread:
    """SD between runs pooled over places, with a 95 % interval, beside the error that visits leave a run."""

    places: int
    between: float
    low: float
    high: float
    within: float


def spread(places):
    """Pools places, each a list of at least two Effects; None without one of known errors.

    Of each place the variance of its runs' effects less the mean squared error is an unbiased guess at the variance
    between runs, if a poor one; their mean over places is a good one. The interval takes places as independent.
    """
    kept = [known for place in places if len(known := [e for e in place if math.isfinite(e.error)]) >= 2]
    if not kept:
        return None
    squares = np.array([np.mean([e.error**2 for e in place]) for place in kept])
    guesses = np.array([np.var([e.effect for e in place], ddof=1) for place in kept]) - squares
    mean = float(np.mean(guesses))
    half = (robust.t_quantile(0.975, len(kept) - 1) * float(np.std(guesses, ddof=1)) / math.sqrt(len(kept))
            if len(kept) > 1 else math.inf)
    root = [math.sqrt(max(0.0, v)) for v in (mean, mean - half, mean + half)]
    return Spread(len(kept), *root, math.sqrt(float(np.mean(squares))))
