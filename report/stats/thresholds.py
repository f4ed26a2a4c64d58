# SPDX-License-Identifier: Apache-2.0
"""Verdicts on claims of the form "from x on, a is faster by at least this much".

Such a claim is a level crossing: the place where the effect reaches ln(speed-up), from below.
"""

import dataclasses
import math

import numpy as np

from report.stats import crossover

SUPPORTED, CONTRADICTED, UNDECIDED = "supported", "contradicted", "undecided"


@dataclasses.dataclass(frozen=True)
class ThresholdResult:
    """The claim's verdict, why, and the level crossing it rests on (positions in axis units)."""

    verdict: str
    reason: str
    crossing: crossover.CrossoverResult


def analyse_threshold(axis, visits, delta, speedup, claimed, tolerance):
    """Holds the claim "a is `speedup` times as fast from `claimed` +- `tolerance` on" against visits (x, effect).

    Supported: the effect crosses ln(speedup) upwards and the crossing's whole interval lies within the claimed
    one. Contradicted: the crossing's interval is disjoint from the claimed one, or goes downwards, or there is none:
    the gain is reached nowhere or everywhere, or the curve's band around the claimed place excludes the level on one
    side. Else undecided.
    """
    result = crossover.analyse(axis, visits, delta, math.log(speedup))
    return ThresholdResult(*_judge(axis, result, math.log(speedup), claimed - tolerance, claimed + tolerance), result)


def _judge(axis, result, level, low, high):
    gain = f"{100 * (math.exp(level) - 1):.3g} %"
    claimed = axis.format_interval(low, high)
    if result.verdict == crossover.CROSSOVER:
        found = axis.format_interval(result.low, result.high)
        if not result.rising:
            return CONTRADICTED, f"the gain of {gain} is lost, not reached, at {found}"
        if low <= result.low and result.high <= high:
            return SUPPORTED, f"the gain of {gain} is reached at {found}, within the claimed {claimed}"
        if result.high < low or result.low > high:
            return CONTRADICTED, f"the gain of {gain} is reached at {found}, outside the claimed {claimed}"
        return UNDECIDED, f"the gain of {gain} is reached at {found}, which overlaps the claimed {claimed} only in part"
    if result.verdict == crossover.B and result.strict:
        return CONTRADICTED, f"the gain of {gain} is reached nowhere on the tested range"
    if result.verdict == crossover.A and result.strict:
        return CONTRADICTED, f"the gain of {gain} is exceeded on the whole tested range, not only from {claimed} on"
    # No clear answer for the whole range; the claim is about one place of it.
    below, above = _bounds_at(result.curve, [low, high], level)
    if below is not None and below[0] > 0 and above[0] > 0:
        return CONTRADICTED, f"the gain of {gain} is exceeded at both ends of the claimed {claimed}"
    if below is not None and below[1] < 0 and above[1] < 0:
        return CONTRADICTED, f"the gain of {gain} is not reached at either end of the claimed {claimed}"
    return UNDECIDED, result.reason


def _bounds_at(band, places, level):
    """The band's (low, high) less the level at the places; (None, None) where the curve was not tested."""
    if not band.x or places[0] < band.x[0] or places[-1] > band.x[-1]:
        return None, None
    low, high = np.interp(places, band.x, band.low), np.interp(places, band.x, band.high)
    if not np.all(np.isfinite(low)) or not np.all(np.isfinite(high)):
        return None, None
    return tuple((float(lo) - level, float(hi) - level) for lo, hi in zip(low, high))
