# SPDX-License-Identifier: Apache-2.0
"""From the worker's slice records of one visit to effects between its contestants.

A visit is one fresh process; it is the unit of repetition. Within it, blocks pair the contestants: the effect of
a block is e(a, b) = ln(time of b / time of a) per operation, of times summed over the block, positive when a is
faster. The visit's effect is the median over its accepted blocks. Slices are never samples.

Contestants are addressed by their index in the visit, not by name: an A/A visit holds one name twice.
"""

import collections
import dataclasses
import math
import statistics

import numpy as np


@dataclasses.dataclass(frozen=True)
class Visit:
    """What one visit says.

    blocks: {block number: per-contestant ns per operation, nan where it has no valid slice}, accepted blocks only
    rejected: {block number: reason}; kept for showing
    complete: the worker said "end" and no visit_end says otherwise; an incomplete visit has no effects
    changepoint: the block series shifts at some point (flagged, still used: nothing is rejected by value)
    """

    contestants: int
    blocks: dict
    rejected: dict
    complete: bool
    changepoint: bool

    def effect(self, a, b):
        """The visit's log ratio e(a, b), positive when a is faster; nan when there is none."""
        # A median has no order, and there are hundreds of thousands of them in a long run.
        series = [math.log(row[b] / row[a]) for row in self.blocks.values() if row[a] > 0 and row[b] > 0]
        return statistics.median(series) if self.complete and series else math.nan

    def block_effects(self, a, b):
        """The log ratio of every accepted block that has both contestants, in order of time."""
        return np.array(self._pairs(a, b))

    def _pairs(self, a, b):
        if not self.complete:
            return []
        pairs = [(row[a], row[b]) for _, row in sorted(self.blocks.items())]
        return [math.log(tb / ta) for ta, tb in pairs if ta > 0 and tb > 0]

    def nanoseconds(self, c):
        """Median wall-clock ns per operation of contestant c over accepted blocks: descriptive only; or nan."""
        values = [row[c] for row in self.blocks.values() if row[c] > 0] if self.complete else []
        return statistics.median(values) if values else math.nan


def read_visit(records, contestants):
    """Builds a Visit from the records of one visit.

    records: parsed JSON lines (dicts with "t"), in file order; others' fields and unknown types are ignored
    contestants: how many contestants the visit has

    Slices without a time (untimed visits), of warm-up, with a non-positive time or count, or of a rejected block
    contribute nothing.
    """
    sums = collections.defaultdict(lambda: ([0.0] * contestants, [0.0] * contestants))  # block -> times, counts
    rejected, complete, ended, flagged = {}, False, None, False
    for record in records:
        kind = record.get("t")
        if kind == "slice":
            get = record.get
            c, n, ns = get("c"), get("n"), get("ns")
            if get("w") or not (_positive(n) and _positive(ns)):
                continue
            if not isinstance(c, int) or not 0 <= c < contestants:
                continue
            times, counts = sums[get("b")]
            times[c] += ns
            counts[c] += n
        elif kind == "reject":
            rejected[record.get("b")] = record.get("why", "")
        elif kind == "end":
            complete = True
            flagged = flagged or bool(record.get("changepoint"))
        elif kind == "invalid":
            ended = "invalid"
        elif kind == "visit_end":
            ended = record.get("status")
    blocks = {}
    for b, (times, counts) in sums.items():
        if b not in rejected:
            blocks[b] = [ns / n if n > 0 else math.nan for ns, n in zip(times, counts)]
    complete = complete and ended in (None, "ok")
    visit = Visit(contestants, blocks, rejected, complete, flagged)
    if not flagged and any(changepoint(visit.block_effects(c, 0)) for c in range(1, contestants)):
        visit = dataclasses.replace(visit, changepoint=True)
    return visit


def changepoint(series, level=0.02):
    """Whether a series has a shift in location, by Pettitt's (1979) rank test; False below eight values.

    The p-value is his approximation 2 exp(-6 K^2 / (n^3 + n^2)): a clean step in the middle of 14 blocks is seen.
    """
    series = np.asarray(series, float)
    n = len(series)
    if n < 8:
        return False
    signs = np.sign(series[:, None] - series[None, :])
    # U_t = sum over i <= t < j of sign(x_i - x_j); antisymmetry lets whole rows be summed.
    k = np.max(np.abs(np.cumsum(signs.sum(axis=1))))
    return bool(2 * math.exp(-6 * k**2 / (n**3 + n**2)) < level)


def _positive(value):
    return isinstance(value, (int, float)) and math.isfinite(value) and value > 0
