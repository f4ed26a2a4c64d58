# SPDX-License-Identifier: Apache-2.0
"""Adds questions with arrivals to a synthetic run: tails whose true values are given.

At half of the baseline's capacity 1.7 % of a map's operations take its tail and 0.3 % take three times as long: these are
its 99th and 99.9th percentiles; one takes thirty times as long. At a load r of its own capacity all that is 0.5 / (1 - r)
times as much; at 0.95 everybody is saturated but the map that does nothing.
"""

from __future__ import annotations

import json
import math
import pathlib
import random
from collections.abc import Mapping
from typing import Any

from report.stats.sparse_for_tests import sparse

LOADS = (0.1, 0.25, 0.5, 0.8, 0.95)
CAPACITY = 1e6  # operations a second of the baseline
OPERATIONS = 120_000  # of a rung: enough for p99.9
FLOOR = 110.0  # the tail of the null map, ns
SPREAD = 0.08  # of a map's tail between visits, as a log ratio
FILL_RATE = 1e6  # stores a second
SESSION = {"keys": {"stream": "zipf", "theta": 0.99}, "mix": {"load": 97.0, "store": 3.0}, "population": 10_000,
           "prefill": "auto", "regime": "stationary", "ops": 0, "key_type": "u64", "value_type": "u64"}
GROW = {"keys": {"stream": "krr", "reuse": 0.0, "choice": "uniform", "sharing": "private"}, "mix": {"store": 100.0},
        "regime": "fixed_distinct", "ops": 100_000, "key_type": "u64", "value_type": "u64"}

REPLAYED = {**GROW, "keys": {"stream": "krr", "reuse": 0.9, "choice": "uniform", "sharing": "shared"},
            "mix": {"load": 95.0, "store": 5.0}, "regime": "growth"}
CAME = 40_000  # operations of the trace a second


def add(directory: pathlib.Path, tails: Mapping[str, float], speeds: Mapping[str, float] | None = None, visits: int = 12,
        seed: int = 1, fills: Mapping[str, float] | None = None, operations: int = OPERATIONS,
        workload: Mapping[str, Any] | None = None, traced: Mapping[str, float] | None = None, trace: str = "") -> None:
    """Adds `orders`, with the baseline first, `stalls` if there are fills, and `traced` if there are some, to the run in the
    directory.

    tails: contestant -> ns; speeds: capacity as a multiple of the baseline's (default 1); fills: longest store, ns; traced:
    tails too, when the operations of the recording with the hash `trace` came as they came
    """
    directory = pathlib.Path(directory)
    meta = json.loads((directory / "run.json").read_text(encoding="utf-8"))
    number = meta.get("visits", 0) + 1000
    rng, lines = random.Random(f"arrivals {seed}"), []
    for name, values, work, threads in (("orders", tails, workload or SESSION, 2), ("stalls", fills or {}, GROW, 1),
                                        ("traced", traced or {}, REPLAYED, 2)):
        if not values:
            continue
        team = [*values, "null"]
        first, *others = values
        meta["questions"].append({
            "name": name, "title": f"{name.capitalize()}?", "prose": "", "kind": "cells", "regimes": [work["regime"]],
            "cells": [{"name": name, "title": f"The {name}", "workload": dict(work),
                       **({"recording": {"file": "t", "sha256": trace}} if name == "traced" else {})}], "threads": [threads],
            "baselines": [first], "contestants": others, "excludes": [], "levels": [], "claims": [], "aa_visits": 0,
            "arrivals": {"orders": {"course": "rungs", "loads": list(LOADS), "least_ms": 30, "most_ms": 120},
                         "stalls": {"course": "fill", "rate": FILL_RATE},
                         "traced": {"course": "recorded", "most_ms": 3000}}[name]})
        for _ in range(visits):
            noise = {c: math.exp(rng.gauss(0, SPREAD)) for c in team}
            true = {**values, "null": FLOOR}
            made = (_orders(team, true, speeds or {}, noise, operations) if name == "orders" else
                    _stalls(team, true, noise) if name == "stalls" else _traced(team, true, noise, operations))
            head = {"t": "visit", "question": name, "contestants": team, "baseline": first, "workload": dict(work),
                    "cell": {"name": name, "axis": None, "regime": work["regime"], "threads": threads},
                    "threads": threads, "timed": True, "purpose": "cell", "arch": "x86_64"}
            lines += [{**line, "v": number} for line in [
                head, {"t": "clock", "n": 10, "ns": 10**8, "gap": sparse([25] * 10), "max": 4000}, *made,
                {"t": "end"}, {"t": "visit_end", "status": "ok", "seconds": 1}]]
            number += 1
    (directory / "run.json").write_text(json.dumps(meta), encoding="utf-8")
    with open(directory / "samples.jsonl", "a", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


_SERVICE, _LAG = sparse([100] * 1000), sparse([20] * 1000)


def _times(tail: float, operations: int) -> dict[str, Any]:
    shares = iter((980, 17, 3))
    response = [n if n < 0 else next(shares) * operations // 1000 for n in sparse([100, max(103, round(tail)), round(3 * tail)])]
    return {"response": response, "service": _SERVICE, "lag": _LAG, "max": [round(30 * tail), 100, 20]}


def _orders(team: list[str], tails: Mapping[str, float], speeds: Mapping[str, float], noise: Mapping[str, float],
            operations: int) -> list[dict[str, Any]]:
    speed = {name: speeds.get(name, 1.0) for name in team}
    lines: list[dict[str, Any]] = [{"t": "slice", "b": b, "c": c, "n": 1000, "ns": round(1e6 / speed[name])}
                                   for b in (0, 1) for c, name in enumerate(team)]
    lines += [{"t": "capacity", "c": c, "rate": CAPACITY * speed[name], "n": 9, "service": [9]} for c, name in enumerate(team)]
    for c, name in enumerate(team):
        of = 0 if name == "null" else c
        for load, whose in [*((x, of) for x in LOADS), *([(0.5, 0)] * (of != 0))]:
            rate = load * CAPACITY * (speed[name] if whose == c else speed[team[0]])
            line = {"t": "latency", "c": c, "of": whose, "load": load, "offered": rate, "achieved": rate, "n": operations,
                    "ns": 10**8}
            if load == LOADS[-1] and name != "null":
                lines.append({**line, "achieved": 0.9 * rate, "saturated": 1})
            else:
                at = 1.0 if whose != c else 0.5 / (1 - load)
                lines.append({**line, **_times(at * noise[name] * tails[name], operations)})
    return lines


def _stalls(team: list[str], longest: Mapping[str, float], noise: Mapping[str, float]) -> list[dict[str, Any]]:
    lines = []
    for c, name in enumerate(team):
        most = round(noise[name] * longest[name])
        row = {"n": 512, "response": [300, None, most], "service": [300, None, most]}
        times = _times(most / 100, GROW["ops"])
        lines.append({"t": "fill", "c": c, "rate": FILL_RATE, "n": GROW["ops"], "ns": 10**8, **times, "max": [most, most, 20],
                      "doublings": [{"size": 512, "at": 600, **row}], "counters": {}})
    return lines


def _traced(team: list[str], tails: Mapping[str, float], noise: Mapping[str, float], operations: int) -> list[dict[str, Any]]:
    """A contestant whose tail is infinite cannot keep up."""
    lines: list[dict[str, Any]] = []
    for c, name in enumerate(team):
        late = math.isinf(tails[name])
        lines.append({"t": "recorded", "c": c, "offered": CAME, "achieved": CAME // 2 if late else CAME, "n": operations,
                      "ns": 3 * 10**9, **({"saturated": 1} if late else _times(tails[name] * noise[name], operations))})
    return lines
