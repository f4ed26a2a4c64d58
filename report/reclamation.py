# SPDX-License-Identifier: Apache-2.0
"""Tails against the events of reclamation: what visits with windows (experiments/worker/open_loop_visit.h) say of them.

Of each contestant of a visit, at half of its own capacity: the 99th percentile of response in a window is regressed on two
things that its reclamation did in that window, how often it freed memory and how long the operations took that did. A slope is
of one visit; the quantities are means over visits with the interval that these give, as everywhere.
"""

from __future__ import annotations

from typing import Any

from report.stats import latency as latency_stats
from report.stats import regression

PAUSE, EVENTS = "pause", "events"


def amounts(visit: Any) -> dict[int, dict[str, float]]:
    """By contestant what a visit says, in the terms of what scenarios tell; empty without windows."""
    out = {}
    for rung in rungs(visit):
        found = rung.reclaimed
        told = {"events_per_s": 1e9 * found["events"] / rung.ns}
        if found["events"] and found["with_ns"] is not None and found["without_ns"] is not None:
            told["retire_us"] = (found["with_ns"] - found["without_ns"]) / 1e3
        if found["p99_ns"] is not None:
            told["p99_us"] = found["p99_ns"] / 1e3
        fitted = fit(rung)
        if fitted:
            told["slope_of_p99_on_pause"] = fitted.slopes[PAUSE].value
            told["slope_of_p99_on_events"] = fitted.slopes[EVENTS].value
            told["explained"] = fitted.explained
        out[rung.contestant] = told
    return out


def fit(rung: Any) -> regression.Fit | None:
    """The regression of one contestant in one visit: ns on ns, and ns on events, over windows in which there were any."""
    rows = [w for w in rung.windows if w["events"] and w["p99"] is not None]
    return regression.fit([w["p99"] for w in rows], {PAUSE: [w["pause"] / w["events"] for w in rows],
                                                     EVENTS: [w["events"] for w in rows]})


def rungs(visit: Any) -> list[Any]:
    """At half of each one's own capacity, with windows."""
    rungs = visit.latency.rungs if visit.latency else []
    return [r for r in rungs if r.windows and r.of == r.contestant and r.load == latency_stats.COMMON_LOAD
            and visit.contestants[r.contestant] != "null"]
