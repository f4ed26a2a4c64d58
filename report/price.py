# SPDX-License-Identifier: Apache-2.0
"""What the study's loop costs each contestant, beside the plainest loop by hand over the same map.

From the visits of a question that holds every contestant against itself (`against`: "by_hand"), or from an earlier run's
figures that this run carries along (`proof.harness_price`, a copy of experiments/harness_price.json).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from report.stats import cells as cell_stats

BY_HAND = "@direct"  # ends the name of a contestant in a loop by hand
# A price that matters to no comparison: whichever is more.
MOST_NS = 0.5
MOST_SHARE = 0.03

WITHIN, DEARER, CHEAPER, OPEN = "within", "dearer", "cheaper", "open"


@dataclasses.dataclass(frozen=True)
class Price:
    """One contestant in one cell. Nanoseconds an operation; the interval is that of the paired ratio."""

    contestant: str
    cell: str
    by_hand: float  # what the loop by hand takes
    price: float  # what the study's takes beyond it
    low: float
    high: float
    visits: int

    @property
    def verdict(self) -> str:
        """Whether the price matters, by its whole interval."""
        most = max(MOST_NS, MOST_SHARE * self.by_hand)
        if self.low > most:
            return DEARER
        if self.high < -most:
            return CHEAPER
        return WITHIN if -most <= self.low <= self.high <= most else OPEN


def is_price(question: dict[str, Any]) -> bool:
    return question.get("against") == "by_hand"


def price(contestant: str, cell: str, effects: list[float], by_hand: list[float]) -> Price:
    """effects: ln(time by hand / time in the study's loop), of every visit; by_hand: ns, of every visit."""
    found = cell_stats.estimate(effects)
    ns = float(np.median(by_hand))

    def beyond(effect: float) -> float:
        return ns * math.expm1(-effect) if math.isfinite(effect) else math.copysign(math.inf, -effect)

    return Price(contestant, cell, ns, beyond(found.effect), beyond(found.high), beyond(found.low), found.visits)


def measured(question: dict[str, Any], visits: Iterable[Any], read: Any) -> list[Price]:
    """The prices that the visits to a question tell, in its order. `read`: as in analyse.Effects."""
    visits = list(visits)
    out = []
    for cell in question.get("cells") or []:
        here = [v for v in visits if v.name == cell["name"]]
        for contestant in question.get("contestants") or []:
            pairs = [(read.effect(v, contestant, contestant + BY_HAND),
                      read.of(v).nanoseconds(v.contestants.index(contestant + BY_HAND)))
                     for v in here if {contestant, contestant + BY_HAND} <= set(v.contestants)]
            pairs = [p for p in pairs if all(map(math.isfinite, p))]
            if pairs:
                out.append(price(contestant, cell["name"], *map(list, zip(*pairs))))
    return out


def rows(prices: list[Price]) -> list[dict[str, Any]]:
    """For verdicts.json, and for the file of a recorded run. No interval: null."""
    def number(value: float) -> float | None:
        return round(value, 3) if math.isfinite(value) else None

    return [{"contestant": p.contestant, "cell": p.cell, "by_hand_ns": number(p.by_hand), "price_ns": number(p.price),
             "low_ns": number(p.low), "high_ns": number(p.high), "visits": p.visits, "verdict": p.verdict}
            for p in prices]


def record(meta: dict[str, Any], found: list[dict[str, Any]]) -> dict[str, Any]:
    """The file of a recorded run, from its run.json and the rows of its verdicts. Raises ValueError when it has none."""
    question = next((q for q in meta.get("questions", ()) if is_price(q)), None)
    if question is None or not found:
        raise ValueError("the run did not measure what the harness costs; ask it with --only harness_price")
    seen = {r["cell"] for r in found}
    return {"recorded": meta.get("started", "not recorded"), "revision": meta.get("revision", "not recorded"),
            "cpu": meta.get("environment", {}).get("cpu") or "unknown CPU", "reasons": question.get("reasons", {}),
            "cells": [{"name": c["name"], "title": c.get("title") or c["name"]} for c in question["cells"] if c["name"] in seen],
            "rows": found}


def recorded(proof: dict[str, Any]) -> tuple[list[Price], dict[str, Any]] | None:
    """(prices, the file) of an earlier run that this run carries along; None when it carries none."""
    file = proof.get("harness_price")
    if not file:
        return None

    def bound(value: float | None, otherwise: float) -> float:
        return otherwise if value is None else value

    return [Price(r["contestant"], r["cell"], r["by_hand_ns"], r["price_ns"], bound(r["low_ns"], -math.inf),
                  bound(r["high_ns"], math.inf), r["visits"]) for r in file["rows"]], file


@dataclasses.dataclass
class Shown:
    """The table of the paper: contestants by cells."""

    cells: list[str]  # titles
    rows: list[tuple[str, list[tuple[str, str, str]]]]  # contestant, of every cell: by hand, price, verdict
    reasons: list[tuple[str, str]]  # of contestants whose price matters somewhere
    source: str  # "" for this run, else the run that was recorded
    summary: str


def shown(prices: list[Price], question: dict[str, Any], source: str) -> Shown:
    """question: cells with their titles, and `reasons`."""
    titles = {c["name"]: c.get("title") or c["name"] for c in question.get("cells") or []}
    cells = [c for c in titles if any(p.cell == c for p in prices)]
    at = {(p.contestant, p.cell): p for p in prices}
    names = list(dict.fromkeys(p.contestant for p in prices))

    def entry(p: Price | None) -> tuple[str, str, str]:
        return ("", "", "none") if p is None else (f"{p.by_hand:.1f}", f"{round(p.price, 1) + 0.0:+.1f}".replace("-", "−"), p.verdict)

    matters = {p.contestant for p in prices if p.verdict in (DEARER, CHEAPER)}
    reasons = [(name, why) for name, why in (question.get("reasons") or {}).items() if name in matters]
    counts = {word: sum(p.verdict == word for p in prices) for word in (WITHIN, DEARER, CHEAPER, OPEN)}
    summary = (f"Of {len(prices)} prices {counts[WITHIN]} are within {MOST_NS:g} ns or {100 * MOST_SHARE:g} %, "
               f"{counts[DEARER]} above, {counts[CHEAPER]} below, and of {counts[OPEN]} the interval reaches over the bound.")
    return Shown([titles[c] for c in cells], [(n, [entry(at.get((n, c))) for c in cells]) for n in names],
                 reasons, source, summary)
