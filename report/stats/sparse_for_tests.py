# SPDX-License-Identifier: Apache-2.0
"""Histograms as records have them, made by search instead of arithmetic: for tests."""

import bisect

from report.stats import latency

_BOUNDS = [int(latency.greatest(i)) for i in range(4352)]


def sparse(values):
    """The counts of values in ns, -n for n empty ones."""
    counts = [0] * (1 + max(bisect.bisect_left(_BOUNDS, v) for v in values))
    for v in values:
        counts[bisect.bisect_left(_BOUNDS, v)] += 1
    out = []
    for n in counts:
        if n:
            out.append(n)
        elif out and out[-1] < 0:
            out[-1] -= 1
        else:
            out.append(-1)
    return out
