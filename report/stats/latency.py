# SPDX-License-Identifier: Apache-2.0
"""From the worker's records of an open loop to the latencies of one visit.

Histograms are those of experiments/worker/histogram.h: exact below 256 ns, then 128 steps an octave. Percentiles are
taken of the visit's histogram, which has the operations of all threads, and never averaged over threads. One that has
fewer than LEAST_BEYOND operations beyond it is none.

A visit's effects are log ratios as everywhere, positive when a is better: of the 99th percentiles of response when both
meet the same arrivals, at half of the baseline's capacity, at a recording's own times or while maps are filled ("p99"), and of the longest stores
of a fill ("longest_store"). Between runs also of the 99.9th percentiles ("p99.9") and of the longest responses ("longest").
"""

import dataclasses
import math

import numpy as np

STEP_BITS = 7
LEAST_BEYOND = 100
COMMON_LOAD = 0.5  # of the baseline's capacity: where contestants meet the same arrivals
# What two tails may differ by without mattering to anybody: a tenth, as a log ratio.
DELTA = math.log(1.1)
PERCENTILES = (0.5, 0.9, 0.99, 0.999, 0.9999)
METRICS = {"rungs": "p99", "shapes": "p99", "fill": "longest_store", "recorded": "p99"}  # by the course of a question's arrivals
ALSO = {"fill": ("p99",)}  # told as well, and asked for by nobody's stopping rule
# What runs are compared by.
COMPARED = {"rungs": ("p99", "p99.9", "longest"), "fill": ("longest_store", "p99", "p99.9"), "shapes": ("p99",),
            "recorded": ("p99", "p99.9", "longest")}
_QUANTILES = {"p99": 0.99, "p99.9": 0.999}


def metric_of(question):
    """What a question's pairs are decided by: "time" per operation, unless it has arrivals."""
    return METRICS[question["arrivals"]["course"]] if question.get("arrivals") else "time"


def greatest(index):
    """The greatest value that is counted at an index, nanoseconds. Arrays too."""
    index = np.asarray(index, np.int64)
    octave = np.maximum((index >> STEP_BITS) - 1, 0)
    return ((index - (octave << STEP_BITS) + 1) << octave) - 1


class Histogram:
    """Counts by index, and the exact greatest value where it is known."""

    def __init__(self, index, counts, maximum=None):
        self.index, self.counts, self.maximum = np.asarray(index, np.int64), np.asarray(counts, np.int64), maximum
        self._sums = np.cumsum(self.counts)

    @classmethod
    def of(cls, sparse, maximum=None):
        """From a record's list: counts, and -n for a run of n empty ones."""
        index, counts, at = [], [], 0
        for n in sparse:
            if n > 0:
                index.append(at)
                counts.append(n)
                at += 1
            else:
                at -= n
        return cls(index, counts, maximum)

    @property
    def count(self):
        return int(self._sums[-1]) if len(self._sums) else 0

    def bears(self, q):
        """Whether at least LEAST_BEYOND values lie beyond the quantile."""
        return (1 - q) * self.count >= LEAST_BEYOND * (1 - 1e-9)

    def quantile(self, q):
        """The greatest value that a share q does not exceed, in the resolution of the counts; nan when not borne."""
        if not self.bears(q):
            return math.nan
        wanted = max(1, math.floor(q * self.count + 0.5))
        value = float(greatest(self.index[np.searchsorted(self._sums, wanted)]))
        return value if self.maximum is None else min(value, float(self.maximum))

    def quantiles(self):
        """{q: value} of PERCENTILES."""
        return {q: self.quantile(q) for q in PERCENTILES}


@dataclasses.dataclass
class Times:
    """One distribution of a visit: ns by percentile (nan: not borne), greatest, and how many operations."""

    at: dict
    maximum: float
    count: int

    @classmethod
    def of(cls, sparse, maximum):
        histogram = Histogram.of(sparse, maximum)
        return cls(histogram.quantiles(), float(maximum), histogram.count)


@dataclasses.dataclass
class Rung:
    """A contestant under Poisson arrivals at a load of the capacity of contestant `of`. Rates in operations a second.

    state: ok, saturated, or why it was rejected; without "ok" there are no times.
    """

    contestant: int
    of: int
    load: float
    offered: float
    achieved: float
    state: str
    response: Times | None = None
    service: Times | None = None
    lag: Times | None = None
    ns: int = 0  # how long arrivals lasted
    windows: list | None = None  # the records, where there are any: due, p99 or None, events, pause
    reclaimed: dict | None = None  # with windows: events, freed, with_ns, without_ns, p99_ns


@dataclasses.dataclass
class Shape:
    """A contestant under arrivals whose rate changes, over time: by window, in ns and operations."""

    contestant: int
    shape: str
    offered: float
    achieved: float
    state: str
    windows: dict  # the record: window, due, done, p50, p99, max, from, until
    counters: dict


@dataclasses.dataclass
class Fill:
    """A contestant that was filled from empty at a fixed rate."""

    contestant: int
    rate: float
    entries: int
    state: str
    response: Times | None
    service: Times | None
    doublings: list  # the records: size, n, at, response and service as [p50, p99.9 or None, greatest]
    counters: dict


@dataclasses.dataclass
class Latencies:
    """What one visit says of latency. `clock`: the gaps between readings of the clock by a thread that does nothing else."""

    capacity: dict  # by contestant, operations a second
    rungs: list
    shapes: list
    fills: list
    clock: Times | None
    recorded: list = dataclasses.field(default_factory=list)  # Rungs too, at the times of a recording: of no load

    def rung(self, contestant, of, load):
        """The rung of a contestant at a load of somebody's capacity, or None."""
        return next((r for r in self.rungs if (r.contestant, r.of, r.load) == (contestant, of, load)), None)

    def effect(self, a, b, metric):
        """ln(metric of b / metric of a): positive when a's is shorter; nan when one of them has none. b is the baseline."""
        values = [self._value(c, metric) for c in (a, b)]
        return math.log(values[1] / values[0]) if all(v > 0 for v in values) else math.nan

    def _value(self, contestant, metric):
        if metric == "longest_store":
            fill = next((f for f in self.fills if f.contestant == contestant and f.state == "ok"), None)
            return fill.service.maximum if fill else math.nan
        fill = next((f for f in self.fills if f.contestant == contestant), None)
        if fill is not None:
            return _tail(fill.response, metric) if fill.state == "ok" else math.nan
        rung = self.rung(contestant, 0, COMMON_LOAD) or next((r for r in self.recorded if r.contestant == contestant), None)
        if rung is not None:
            return _tail(rung.response, metric) if rung.state == "ok" else math.nan
        # Of shapes: the worst window of the step.
        step = next((s for s in self.shapes if (s.contestant, s.shape) == (contestant, "step") and s.state == "ok"), None)
        values = [v for v in step.windows["p99"] if v is not None] if step else []
        return float(np.max(values)) if values else math.nan


def _tail(times, metric):
    return times.maximum if metric == "longest" else times.at[_QUANTILES[metric]]


def read(lines):
    """The Latencies of one visit's records, or None when it has none. Raises nothing on records of schema.py."""
    found = Latencies({}, [], [], [], None)
    for line in lines:
        kind = line["t"]
        if kind == "capacity":
            found.capacity[line["c"]] = float(line["rate"])
        elif kind == "clock":
            found.clock = Times.of(line["gap"], line["max"])
        elif kind == "latency":
            rung = Rung(line["c"], line["of"], line["load"], line["offered"], line["achieved"], _state(line))
            if rung.state == "ok":
                rung.response, rung.service, rung.lag = _times(line)
                rung.ns, rung.windows, rung.reclaimed = line["ns"], line.get("windows"), line.get("reclaimed")
            found.rungs.append(rung)
        elif kind == "recorded":
            rung = Rung(line["c"], line["c"], math.nan, line["offered"], line["achieved"], _state(line))
            if rung.state == "ok":
                rung.response, rung.service, rung.lag = _times(line)
            found.recorded.append(rung)
        elif kind == "shape":
            found.shapes.append(Shape(line["c"], line["shape"], line["offered"], line["achieved"], _state(line),
                                      line, line.get("counters") or {}))
        elif kind == "fill":
            state = _state(line)
            response, service, _ = _times(line) if state == "ok" else (None, None, None)
            found.fills.append(Fill(line["c"], line["rate"], line["n"], state, response, service,
                                    line.get("doublings") or [], line.get("counters") or {}))
    anything = (found.clock, found.capacity, found.rungs, found.shapes, found.fills, found.recorded)
    return found if any(anything) else None


def _state(line):
    return line.get("why") or ("saturated" if line.get("saturated") else "ok")


def _times(line):
    return [Times.of(line[name], line["max"][i]) for i, name in enumerate(("response", "service", "lag"))]
