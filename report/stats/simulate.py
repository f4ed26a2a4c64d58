# SPDX-License-Identifier: Apache-2.0
"""Simulated visits with known truth: what the search, the cells and their intervals are worth.

Noise: Student's t with 4 degrees of freedom, scaled to the SD asked for, and 3 % of the visits ten times as wide.
The axis is [0, 1] with seven screening points. Effects and SDs are log ratios.
"""

import collections
import dataclasses
import math

import numpy as np

from report.stats import between, cells, crossover
from report.stats.axis import Axis

CONTAMINATION = 0.03
CONTAMINATED_WIDTH = 10.0
AXIS = Axis.from_entry({"kind": "sweep", "axis": {"name": "x", "field": "x", "lo": 0.0, "hi": 1.0}})


@dataclasses.dataclass(frozen=True)
class Shape:
    """A true curve on [0, 1], the word that is right for it, and where it crosses zero (when it does so once)."""

    name: str
    effect: object
    word: str
    at: float | None = None
    spread: object = lambda x: 1.0  # the SD of a visit at x, in units of the SD asked for


def _hinge(x):
    return 0.15 * (x - 0.55) if x < 0.55 else 0.8 * (x - 0.55)


SHAPES = (
    Shape("line, slope 0.3", lambda x: 0.3 * (x - 0.7), crossover.CROSSOVER, 0.7),
    Shape("line, slope 2", lambda x: 2.0 * (x - 0.45), crossover.CROSSOVER, 0.45),
    Shape("falling line, slope 0.4", lambda x: 0.4 * (0.33 - x), crossover.CROSSOVER, 0.33),
    Shape("hinge, slopes 0.15 and 0.8", _hinge, crossover.CROSSOVER, 0.55),
    Shape("jump from -0.1 to 0.1", lambda x: -0.1 if x < 0.63 else 0.1, crossover.CROSSOVER, 0.63),
    Shape("steep sigmoid", lambda x: 0.2 * math.tanh((x - 0.4) / 0.05), crossover.CROSSOVER, 0.4),
    Shape("sigmoid, off its middle", lambda x: 0.2 * math.tanh((x - 0.4) / 0.08) + 0.1, crossover.CROSSOVER,
          0.4 + 0.08 * math.atanh(-0.5)),
    Shape("convex", lambda x: 0.5 * (x**3 - 0.6**3), crossover.CROSSOVER, 0.6),
    Shape("saturating", lambda x: 0.3 * (math.exp(-4 * 0.22) - math.exp(-4 * x)), crossover.CROSSOVER, 0.22),
    # Time of a in proportion to the share of new keys: the curve that a sweep of the key reuse rate gives.
    Shape("cost of new keys", lambda x: -math.log(2 * (1 - x) + 0.5), crossover.CROSSOVER, 0.75),
    Shape("crossing near the end", lambda x: 0.6 * (x - 0.9), crossover.CROSSOVER, 0.9),
    Shape("line, noisier to the right", lambda x: 0.4 * (x - 0.6), crossover.CROSSOVER, 0.6, lambda x: 0.5 + x),
    Shape("two crossings", lambda x: 0.2 * math.cos(2 * math.pi * x), crossover.SEVERAL),
    Shape("flat (A/A)", lambda x: 0.0, crossover.EQUIVALENT),
    Shape("never crossing", lambda x: 0.1 + 0.1 * x, crossover.A),
    Shape("far apart", lambda x: -0.5 - 0.5 * x, crossover.B),
    Shape("tie, then a win", lambda x: max(0.0, 0.5 * (x - 0.6)), crossover.A),
    Shape("dip of 1 %, then a win", lambda x: -0.01 + 0.3 * x * x, crossover.A),
)
FLAT = next(s for s in SHAPES if s.word == crossover.EQUIVALENT)


def noise(sd, rng, size=None):
    """Noise of visits, SD `sd` before contamination."""
    y = rng.standard_t(4, size) * (sd / math.sqrt(2))
    return y * np.where(rng.random(size) < CONTAMINATION, CONTAMINATED_WIDTH, 1.0)


def search(shape, sd, delta, rng, budget=60):
    """One whole search on a simulated curve: its result."""
    visits = []
    while points := crossover.next_points(AXIS, visits, budget, rng, delta=delta):
        visits.extend((x, shape.effect(x) + float(noise(sd * shape.spread(x), rng))) for x in points)
    return crossover.analyse(AXIS, visits, delta)


def cell(effect, sd, threads, rng, max_visits=cells.MAX_VISITS):
    """One whole cell with its stopping rule: (estimate, verdict)."""
    delta, effects = cells.delta_for(threads), []
    while more := cells.more_visits(effects, delta, max_visits):
        effects.extend(effect + noise(sd, rng, more))
    found = cells.estimate(effects)
    return found, cells.verdict(found, delta)


@dataclasses.dataclass(frozen=True)
class Row:
    """What repeated searches on one shape gave. Shares of all runs; coverage and width over crossovers found."""

    shape: str
    sd: float
    runs: int
    right: float
    undecided: float
    wrong: float
    false_crossover: float
    coverage: float
    width: float
    visits: float


def study(shape, sd, delta, runs, seed):
    """Repeats the search; deterministic in the seed."""
    results = [search(shape, sd, delta, np.random.default_rng([seed, i])) for i in range(runs)]
    right = [r for r in results if r.verdict == shape.word]
    undecided = [r for r in results if r.verdict == crossover.UNDECIDED]
    found = [r for r in right if r.verdict == crossover.CROSSOVER]
    covered = [r for r in found if r.low <= shape.at <= r.high]
    false = [r for r in results if r.verdict == crossover.CROSSOVER and shape.word != crossover.CROSSOVER]
    return Row(
        shape.name, sd, runs, len(right) / runs, len(undecided) / runs,
        1 - (len(right) + len(undecided)) / runs, len(false) / runs,
        len(covered) / len(found) if found else math.nan,
        float(np.median([r.high - r.low for r in found])) if found else math.nan,
        float(np.mean([r.visits for r in results])),
    )


@dataclasses.dataclass(frozen=True)
class CellRow:
    """What repeated cells gave: shares of each verdict, coverage of the interval, mean half-width and visits."""

    effect: float
    sd: float
    threads: int
    runs: int
    verdicts: dict
    coverage: float
    half_width: float
    visits: float


def study_cell(effect, sd, threads, runs, seed):
    """Repeats a cell; deterministic in the seed."""
    results = [cell(effect, sd, threads, np.random.default_rng([seed, i])) for i in range(runs)]
    share = {v: sum(r == v for _, r in results) / runs
             for v in (cells.FASTER, cells.SLOWER, cells.EQUIVALENT, cells.UNDECIDED)}
    return CellRow(
        effect, sd, threads, runs, share,
        sum(e.low <= effect <= e.high for e, _ in results) / runs,
        float(np.mean([e.half_width for e, _ in results])),
        float(np.mean([e.visits for e, _ in results])),
    )


def study_runs(runs, threads, sd, tries, seed, shift=0.0, tau=0.0):
    """How often each word of `between` is given to a cell of `runs` runs: a share by word.

    Every run's true effect is normal about 0 with SD tau; the first one's is shifted besides.
    """
    rng, count = np.random.default_rng([seed, runs, threads]), collections.Counter()
    for _ in range(tries):
        effects = [between.Effect.of_cell(cell(rng.normal(0, tau) + shift * (i == 0), sd, threads, rng)[0])
                   for i in range(runs)]
        count[between.together(effects, cells.delta_for(threads)).word] += 1
    return {word: count[word] / tries for word in between.WORDS}


def repeat(pairs, seed):
    """Two runs of one study: `pairs` random curves and as many random cells, each searched twice with fresh noise.

    A third of the contestants are equal to within 1 %, the rest differ by up to a factor of some; the SD of a visit is
    between 0.6 and 3 %. Returns two verdicts.json-like objects for `compare`; deterministic in the seed.
    """
    runs = ({"crossovers": [], "cells": []}, {"crossovers": [], "cells": []})
    for i in range(pairs):
        rng = np.random.default_rng([seed, i])
        threads = int(rng.integers(1, 3))
        sd = float(rng.uniform(0.006, 0.012) if threads == 1 else rng.uniform(0.01, 0.03))
        scale = 0.01 if rng.random() < 1 / 3 else float(rng.uniform(0.1, 1.0))
        shift, slope, bend = (float(v) for v in rng.uniform(-1, 1, 3))
        curve = Shape("random", lambda x: scale * (shift + slope * (x - 0.5) + bend * x * x), "")
        effect = scale * shift
        for run in runs:
            found = search(curve, sd, cells.delta_for(threads), rng)
            run["crossovers"].append({"experiment": f"curve {i}", "verdict": found.verdict, "low": found.low,
                                      "high": found.high, "left": {True: "b", False: "a"}.get(found.rising)})
            run["cells"].append({"experiment": f"cell {i}", "verdict": cell(effect, sd, threads, rng)[1]})
    return runs
