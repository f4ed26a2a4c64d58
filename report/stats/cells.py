# SPDX-License-Identifier: Apache-2.0
"""One cell: the effect between two contestants in one setting, over visits.

Effects and delta are log ratios: 0.02 stands for 2 %. Estimate: 10 % trimmed mean; interval: Tukey-McLaughlin,
the winsorised standard deviation with Student's t (Yuen's for one sample). Verdict: faster or slower only when the
interval clears delta, equivalent when it lies inside, else undecided.

Stopping. At least MIN_VISITS, a look every LOOK visits, at most MAX_VISITS. A cell is done when its 95 % interval is
narrow enough (twice as narrow while undecided), or when the verdict would be the same on the wider 99.5 % interval.
Whoever looks repeatedly stops more often when the spread happens to look small, so the intervals cover a little less
than they say: 95 to 96 % in `simulate.py`, 91 % for effects exactly at the margin. Asking for two good looks running,
or for a wider interval at the first rule, costs visits and does not change that (tried).
"""

import dataclasses
import math

import numpy as np

from report.stats import robust

TRIM = 0.1
CONFIDENCE = 0.95
EARLY_CONFIDENCE = 0.995
MIN_VISITS = 10
LOOK = 2
MAX_VISITS = 60
MOST_DOUBLINGS = 3  # of the threads, that widen delta
UNDECIDED_SHARE = 0.5  # an undecided cell is done only at this share of the target half-width

FASTER, SLOWER, EQUIVALENT, UNDECIDED = "faster", "slower", "equivalent", "undecided"


def delta_for(threads):
    """The margin below which a difference does not matter, as a log ratio.

    2 % on one thread, and 1 % more for each doubling of the threads, up to 5 % on eight and more. The spread between
    visits grows with the threads, because where the shared lines and the threads lie makes more of a difference.
    """
    return (2 + min(MOST_DOUBLINGS, threads.bit_length() - 1)) / 100


def target_half_width(delta):
    """The half-width at which a cell is precise enough: one point narrower than delta. Log ratio."""
    return delta - 0.01


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A cell's effect. Without two visits (or with all trimmed away) the interval is infinite."""

    visits: int
    effect: float
    low: float
    high: float
    sd: float

    @property
    def half_width(self):
        return (self.high - self.low) / 2 if math.isfinite(self.high - self.low) else math.inf

    @property
    def ratio(self):
        """The speed-up of a over b: 1.5 means that a does 1.5 times as many operations in a second."""
        return math.exp(self.effect) if math.isfinite(self.effect) else math.nan


def estimate(effects, confidence=CONFIDENCE, trim=TRIM):
    """The trimmed mean of the visits' effects with its winsorised t interval.

    Effects that are not finite (visits without an accepted block) are not visits and are left out.
    """
    y = np.sort(finite(effects))
    n = len(y)
    if n == 0:
        return Estimate(0, math.nan, -math.inf, math.inf, math.nan)
    g = int(math.floor(trim * n))
    mean = float(np.mean(y[g : n - g]))
    if n < 2:
        return Estimate(n, mean, -math.inf, math.inf, math.nan)
    winsorised = y.copy()
    winsorised[:g] = y[g]
    winsorised[n - g :] = y[n - g - 1]
    sd = float(np.std(winsorised, ddof=1))
    error = sd / ((1 - 2 * g / n) * math.sqrt(n))
    half = robust.t_quantile((1 + confidence) / 2, n - 2 * g - 1) * error
    return Estimate(n, mean, mean - half, mean + half, sd)


def verdict(cell, delta):
    """One of faster, slower, equivalent, undecided: what the estimate says about a against b."""
    if not cell.low <= cell.high:  # also nan
        return UNDECIDED
    if cell.low > delta:
        return FASTER
    if cell.high < -delta:
        return SLOWER
    if cell.low > -delta and cell.high < delta:
        return EQUIVALENT
    return UNDECIDED


def more_visits(effects, delta, max_visits=MAX_VISITS):
    """How many more visits the cell wants before the next look; 0 when it is done."""
    effects = finite(effects)
    n = len(effects)
    if n >= max_visits:
        return 0
    if n < MIN_VISITS:
        return min(MIN_VISITS, max_visits) - n
    if (n - MIN_VISITS) % LOOK:
        return min(LOOK - (n - MIN_VISITS) % LOOK, max_visits - n)
    found = estimate(effects)
    enough = target_half_width(delta) * (UNDECIDED_SHARE if verdict(found, delta) == UNDECIDED else 1.0)
    if found.half_width <= enough:
        return 0
    if verdict(estimate(effects, EARLY_CONFIDENCE), delta) != UNDECIDED:
        return 0
    return min(LOOK, max_visits - n)


def more_visits_if_undecided(effects, delta, max_visits=MAX_VISITS):
    """Like more_visits, but goes on past the target precision while undecided: for left-over budget."""
    wanted = more_visits(effects, delta, max_visits)
    n = len(finite(effects))
    if wanted or n >= max_visits or verdict(estimate(effects), delta) != UNDECIDED:
        return wanted
    return min(LOOK, max_visits - n)


def finite(effects):
    """The effects that are numbers, as an array."""
    y = np.asarray([math.nan if e is None else e for e in effects], float)
    return y[np.isfinite(y)]
