# SPDX-License-Identifier: Apache-2.0
"""How much of the spread between visits is the layout of the worker's code.

The worker is linked several times from the same objects, its functions in another order each time, and the visits of
a cell take turns with the layouts. So a visit's effect in a cell is

    y = effect + layout + visit         two variances: between layouts, and between visits of one layout

the random model of a one-way classification, its two variances estimated from mean squares (ANOVA): unbiased for any
distribution and for unequal numbers of visits. The effects enter as the pseudo-values of the trimmed mean that the
cell's interval is made of (`pseudo_values`), so a wild visit counts here as much as it does there.

Few layouts make one cell's figure nearly worthless (three degrees of freedom for four layouts), so cells are pooled,
as a mean of variances in which those whose visits scatter much more than usual weigh less (`_weights`). They do not become independent by that: all of them ran the same few binaries, and a baseline's bad luck in one
of them is in every cell. Hence two guards:

  low, high  the interval of Williams (1962) and Tukey (1951) with the degrees of freedom of ONE cell for what is
             between layouts, however many cells there are: right when the cells repeat one another, wide when they
             do not
  chance     what 95 % of relabellings stay below: the layouts of a place's visits are permuted, which is
             exact when layouts make no difference, whatever the cells share
"""

import collections
import dataclasses
import math

import numpy as np
from scipy import special

from report.stats import cells

CONFIDENCE = 0.95
PERMUTATIONS = 999
_LABEL = np.int16  # of a layout: there are as many labels as permutations times visits
MIN_VISITS = 2  # of a cell, with every layout that the run had


@dataclasses.dataclass(frozen=True)
class Cell:
    """The visits of one pair in one place, those without an effect left out.

    pair, where: for people
    place: what the visits were made for; pairs of one place share visits, whose layouts are permuted together
    visits: their numbers; layouts, effects: the same length
    """

    pair: str
    where: str
    place: tuple
    visits: tuple
    layouts: tuple
    effects: tuple


@dataclasses.dataclass(frozen=True)
class Spread:
    """Standard deviations of log ratios; nan without a cell that has enough visits.

    within: between visits of one layout; between: between layouts, 0 when the visits alone explain as much
    """

    cells: int
    layouts: int
    within: float
    between: float
    low: float
    high: float
    chance: float

    @property
    def seen(self):
        """Whether layouts differ by more than visits would make them seem to."""
        return self.between > self.chance


def enough(cell, layouts):
    """Whether a cell has at least MIN_VISITS visits with each of the run's layouts."""
    counts = collections.Counter(cell.layouts)
    return len(layouts) > 1 and all(counts[name] >= MIN_VISITS for name in layouts)


def pseudo_values(effects):
    """Values whose plain mean has the spread of the effects' trimmed mean (Tukey and McLaughlin, 1963).

    The effects are winsorised as in `cells.estimate` and stretched by what trimming takes away.
    """
    y = np.asarray(effects, float)
    n = len(y)
    g = int(math.floor(cells.TRIM * n))
    inner = np.sort(y)[g : n - g]
    return np.clip(y, inner[0], inner[-1]) / (1 - 2 * g / n)


def _mean_squares(labels, layouts, y):
    """(mean square between, within, visits a layout) for each row of labels, which are numbers below `layouts`."""
    shape = len(labels), layouts
    bins = (labels + layouts * np.arange(len(labels))[:, None]).ravel()
    counts = np.bincount(bins, None, math.prod(shape)).reshape(shape)
    sums = np.bincount(bins, np.tile(y, len(labels)), math.prod(shape)).reshape(shape)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), 0.0)
    total = float(np.sum((y - y.mean()) ** 2))
    between = np.sum(counts * (means - y.mean()) ** 2, axis=1)
    n, levels = len(y), np.sum(counts > 0, axis=1)
    each = (n - np.sum(counts**2, axis=1) / n) / np.maximum(levels - 1, 1)
    return between / np.maximum(levels - 1, 1), np.maximum(total - between, 0.0) / (n - levels), each


def _weights(within):
    """Of the cells, for each row of labels: equal, but less where the variance of visits is over twice the median.

    A single wild visit makes a cell's variance ten times the others', and in a plain mean it would be the mean.
    """
    limit = 2 * np.median(within, axis=0)
    raw = np.where(within > limit, limit / np.where(within > 0, within, 1), 1.0)
    return np.where(raw.sum(axis=0) > 0, raw, 1.0)


def _pooled(chosen, labels_of, layouts):
    """Means over the cells, for each row of labels: what is between layouts, what of that visits explain, within; df."""
    above, below, within, df = [], [], [], 0
    for cell in chosen:
        y = pseudo_values(cell.effects)
        square, own, each = _mean_squares(labels_of(cell), len(layouts), y)
        above.append(square / each)
        below.append(own / each)
        within.append(own)
        df += len(y) - len(layouts)
    weights = _weights(np.array(within))
    return *(np.average(part, axis=0, weights=weights) for part in (above, below, within)), df


def spread(found, layouts, seed=1):
    """The spread between layouts, pooled over those of `found` (Cells) that have enough visits.

    layouts: the names of all that the run had; seed: of the permutations
    """
    layouts = sorted(layouts)
    chosen = [cell for cell in found if enough(cell, layouts)]
    if not chosen:
        return Spread(0, len(layouts), *[math.nan] * 5)
    index = {name: i for i, name in enumerate(layouts)}
    above, below, within, df = _pooled(
        chosen, lambda cell: np.array([[index[name] for name in cell.layouts]], _LABEL), layouts)
    above, below = float(above[0]), float(below[0])
    low, high = _interval(above, below, len(layouts) - 1, df)
    return Spread(len(chosen), len(layouts), math.sqrt(float(within[0])), _root(above - below), low, high,
                  _chance(chosen, index, layouts, seed))


def _interval(above, below, levels, df):
    tail = (1 - CONFIDENCE) / 2

    def bound(p):
        at_chance = below * float(special.fdtri(levels, df, p))
        return _root(levels * (above - at_chance) / float(special.chdtri(levels, 1 - p)))

    return bound(1 - tail), bound(tail)


def _chance(chosen, index, layouts, seed):
    """The 95th percentile of the spread between layouts when their names are dealt out anew."""
    rng = np.random.default_rng(seed)
    at = collections.defaultdict(dict)  # place -> visit -> layout
    for cell in chosen:
        at[cell.place].update(zip(cell.visits, (index[name] for name in cell.layouts)))
    column, dealt = {}, {}
    for place in sorted(at, key=str):
        column[place] = {visit: i for i, visit in enumerate(at[place])}
        dealt[place] = rng.permuted(np.tile(np.array(list(at[place].values()), _LABEL), (PERMUTATIONS, 1)), axis=1)
    above, below, _, _ = _pooled(
        chosen, lambda cell: dealt[cell.place][:, [column[cell.place][v] for v in cell.visits]], layouts)
    return _root(float(np.quantile(above - below, CONFIDENCE)))


def means(cell):
    """{layout: how far its mean lies from that of all layouts}, and the error of one such mean from visits alone."""
    y, labels = pseudo_values(cell.effects), np.asarray(cell.layouts)
    by_layout = {name: float(np.mean(y[labels == name])) for name in sorted(set(cell.layouts))}
    middle = sum(by_layout.values()) / len(by_layout)
    rest = sum(float(np.sum((y[labels == name] - mean) ** 2)) for name, mean in by_layout.items())
    each = len(by_layout) / sum(1 / int(np.sum(labels == name)) for name in by_layout)  # harmonic mean
    error = math.sqrt(rest / (len(y) - len(by_layout)) / each)
    return {name: mean - middle for name, mean in by_layout.items()}, error


def _root(variance):
    return math.sqrt(max(0.0, variance))
