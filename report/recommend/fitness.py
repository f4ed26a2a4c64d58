# SPDX-License-Identifier: Apache-2.0
"""Which maps may be recommended at all: what their traits promise, what memory they need, what a workload asks of them.

Traits are what the worker of the run says of its strategies; the tests hold the strategies to them.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from report.analyse import Analysis
from report.recommend.described import (AFTER_DELETION, Constraints, PROGRESS, RANGES, WORD_BYTES, Wanted)

KNOWN_GROWTH = 2.0  # a map that doubles holds old and new at once; where nothing was measured while it grew


def strategy_of(contestant: str) -> str:
    return contestant.split(":")[0].split("@")[0]


def plain(analysis: Analysis, contestant: str) -> str:
    """A contestant without the tunables that it would have anyway, so that a map has one name."""
    head, at, suffix = contestant.partition("@")
    name, _, tunables = head.partition(":")
    usual = {f"{t['name']}={t.get('default')}" for t in traits(analysis).get(name, {}).get("tunables") or ()}
    kept = sorted(t for t in tunables.split(",") if t and t not in usual)
    return name + (":" + ",".join(kept) if kept else "") + at + suffix


def traits(analysis: Analysis) -> dict[str, dict[str, Any]]:
    return {s["name"]: s for s in analysis.run.strategies()}


def barred(analysis: Analysis, wanted: Wanted, asked: Constraints, threads: int) -> dict[str, str]:
    """Strategies that are no choice for the workload, and the first reason why, a clause. References are no maps."""
    reasons = {name: "it finds nothing: a reference" for name in analysis.run.references()}
    for name, t in traits(analysis).items():
        why = name not in reasons and _why_not(t, wanted, asked, threads)
        if why:
            reasons[name] = why
    return reasons


def _below(order: tuple[str, ...], have: str | None, least: str | None) -> bool:
    """Whether a trait is not known to reach what is asked."""
    return least is not None and (have not in order or order.index(have) < order.index(least))


def _why_not(t: dict[str, Any], wanted: Wanted, asked: Constraints, threads: int) -> str:
    """A clause; empty when nothing speaks against it."""
    if t.get("max_threads") and t["max_threads"] < threads:
        return "it is for one thread" if t["max_threads"] == 1 else f"it is for at most {t['max_threads']} threads"
    if not t.get("keeps_every_key", True) and asked.keeps_every_key is not False:
        return "it may evict keys (keeps_every_key=no allows it)"
    real_time = asked.real_time_order if asked.real_time_order is not None else wanted.staleness_s == 0
    if not t.get("linearizable", True) and real_time:
        return "it may show a value for a while after it was replaced (staleness=10ms or real_time_order=no allows it)"
    if "key_types" in t and ("string" if wanted.features.strings else "u64") not in t["key_types"]:
        return "it does not take such keys"
    for field, order, what in (("range", RANGES, "its Range is"), ("read_progress", PROGRESS, "its loads are"),
                               ("write_progress", PROGRESS, "its stores are"),
                               ("after_deletion", AFTER_DELETION, "after deletions it")):
        if _below(order, t.get(field), getattr(asked, field)):
            return f"{what} {t.get(field) or 'not recorded'}, and {getattr(asked, field)} is asked"
    for field in ("batch_is_atomic", "clear_is_atomic"):
        if getattr(asked, field) and not t.get(field):
            return f"its {field.split('_', maxsplit=1)[0].capitalize()} takes effect in parts"
    if asked.call_back and t.get("family") == "peer":
        return "it does not promise that destructors may call it"
    lacks = [op for op in asked.operations if op in t.get("unsupported", ())]
    if lacks:
        return f"it does not perform {', '.join(lacks)} atomically"
    return ""


@dataclasses.dataclass(frozen=True)
class Memory:
    """An estimate for all entries, in bytes, and what it rests on. `peak` is the most while the map grows."""

    settled: float
    peak: float
    basis: str


def memory(analysis: Analysis, contestant: str, wanted: Wanted) -> Memory | None:
    """What a map needs for the keys that are wanted; None when nothing was measured.

    From the profile of the strategy's footprints if the run has one, else from what visits measured, at the nearest
    number of entries. Entries measured held numbers of 8 bytes as keys and values: what is larger is added for every
    entry, as if it lay inside it.
    """
    points = _footprints(analysis, strategy_of(contestant)) or _visits(analysis, contestant)
    if not points:
        return None
    entries, settled, peak = min(points, key=lambda p: (abs(math.log(p[0] / wanted.features.keys)), p[0]))
    more = max(0.0, wanted.value_bytes - WORD_BYTES) + max(0.0, wanted.key_bytes - WORD_BYTES)
    basis = f"{settled / entries:.3g} bytes an entry at {entries:,.0f} entries".replace(",", " ")
    if more:
        basis += f", and {more:g} for what is larger than 8 bytes"
    total = [(v / entries + more) * wanted.features.keys for v in (settled, peak)]
    return Memory(total[0], max(total), basis)


def _footprints(analysis: Analysis, strategy: str) -> list[tuple[float, float, float]]:
    """(entries, settled bytes, most bytes while filling) from what was measured at the allocator beforehand."""
    profile = (analysis.run.meta["proof"].get("memory") or {}).get("strategies") or {}
    return [(p["entries"], p["settled"], max(p["fill_peak"], p["settled"]))
            for p in profile.get(strategy, {}).get("footprints", ()) if p["settled"] > 0]


def _visits(analysis: Analysis, contestant: str) -> list[tuple[float, float, float]]:
    """The same from what maps said of themselves at the end of visits; what growth takes is a guess. Of a variant that
    no visit had, what others of its strategy said."""
    found: dict[str, list[tuple[float, float, float]]] = {}
    for visit in analysis.run.visits:
        for c, record in visit.memory.items():
            if visit.ok and record["entries"] and record["bytes"]:
                found.setdefault(visit.contestants[c], []).append(
                    (record["entries"], record["bytes"], KNOWN_GROWTH * record["bytes"]))
    own = found.get(contestant)
    return own or [p for name, points in found.items() if strategy_of(name) == strategy_of(contestant) for p in points]
