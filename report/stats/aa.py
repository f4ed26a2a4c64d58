# SPDX-License-Identifier: Apache-2.0
"""A/A analysis: the same map twice in one visit. Whatever differs is the method's own error."""

import dataclasses
import math

import numpy as np

from report.stats import cells


@dataclasses.dataclass(frozen=True)
class AAResult:
    """What A/A visits say. Effects are log ratios.

    visits: finite A/A effects; sd: robust spread of one visit's effect; mean: their trimmed mean with its interval
    cells, beyond: A/A cells judged, and those whose verdict is faster or slower (both should be rare: <= 1 %)
    outside: share of single visits beyond +-delta (descriptive: a verdict never rests on one visit)
    """

    visits: int
    mean: cells.Estimate
    sd: float
    cells: int
    beyond: int
    outside: float

    @property
    def share_beyond(self):
        """Share of A/A cells with a verdict beyond delta; nan without a cell."""
        return self.beyond / self.cells if self.cells else math.nan


def analyse(groups, deltas):
    """groups: the effects of each A/A cell; deltas: its delta each (or one number for all)."""
    groups = [cells.finite(g) for g in groups]
    if isinstance(deltas, (int, float)):
        deltas = [deltas] * len(groups)
    judged = [(g, d) for g, d in zip(groups, deltas) if len(g)]
    pooled = np.concatenate([g for g, _ in judged]) if judged else np.empty(0)
    beyond = sum(cells.verdict(cells.estimate(g), d) in (cells.FASTER, cells.SLOWER) for g, d in judged)
    outside = [float(np.mean(np.abs(g) > d)) * len(g) for g, d in judged]
    return AAResult(len(pooled), cells.estimate(pooled), spread(pooled), len(judged), beyond,
                    sum(outside) / len(pooled) if len(pooled) else math.nan)


def spread(effects):
    """The SD of one visit from the median absolute deviation, for normal noise; nan below two effects."""
    y = cells.finite(effects)
    if len(y) < 2:
        return math.nan
    return float(np.median(np.abs(y - np.median(y)))) / 0.6744897501960817
