# SPDX-License-Identifier: Apache-2.0
"""Claims that the run's own verdicts decide.

Each rule reads the conclusions of the run (the lists of verdicts.json) and
nothing else, so a reader can repeat every decision with a text editor. A rule
answers NOT_ASKED when the run did not measure what the claim is about, and
UNDECIDED when it did but no interval was narrow enough.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from report.claims.model import (CONTRADICTED, NOT_ASKED, PARTLY, SUPPORTED, UNDECIDED, Claim,
                                 Decision)

Row = Mapping[str, Any]
RW, MUTEX, SYNC = "rw_mutex_map", "mutex_map", "sync_map"


def rows(conclusions: Mapping[str, Any], table: str, **match: Any) -> list[Row]:
    """The rows of one list of verdicts.json whose fields equal `match`."""
    return [row for row in conclusions.get(table, ())
            if all(row.get(field) == value for field, value in match.items())]


def where(row: Row) -> str:
    """Names a row for a sentence: pair, regime, threads."""
    regime = f", {row['regime']}" if row.get("regime") else ""
    threads = row["threads"]
    return f"{row['a']} against {row['b']}{regime}, {threads} thread{'s' if threads != 1 else ''}"


def percent(x: float) -> str:
    return f"{100 * x:.1f} %"


def interval_in(row: Row, low: float, high: float) -> str:
    """Whether a row's interval lies inside [low, high], outside it, or across an end."""
    if row["low"] is None or row["high"] is None:
        return UNDECIDED
    if low <= row["low"] and row["high"] <= high:
        return SUPPORTED
    return CONTRADICTED if row["high"] < low or row["low"] > high else UNDECIDED


def _ratio(row: Row) -> str:
    if row["low"] is None or row["high"] is None:
        return f"too few visits ({row['visits']})"
    return f"{row['ratio']:.2f}x ({row['low']:.2f} to {row['high']:.2f}, {row['visits']} visits)"


def _joined(parts: Iterable[str]) -> str:
    return "; ".join(parts) + "."


def _not_asked(what: str) -> Decision:
    return Decision(NOT_ASKED, f"This run did not measure {what}.")


def combine(verdicts: Iterable[str]) -> str:
    """One verdict from several rows: agreement decides, disagreement is `partly`.

    Undecided rows do not outweigh decided ones, but alone leave it undecided.
    """
    decided = {v for v in verdicts if v != UNDECIDED}
    if not decided:
        return UNDECIDED
    return decided.pop() if len(decided) == 1 else PARTLY


def _by_rows(found: list[Row], what: str, judge: Callable[[Row], tuple[str, str]]) -> Decision:
    """One decision from the curves of several pairs and settings.

    `judge` says of a row that is decided what it means for the claim, and in
    which words; `what` names the measurement when there is none.
    """
    if not found:
        return _not_asked(what)
    verdicts, parts = [], []
    for row in found:
        verdict, finding = ((UNDECIDED, "undecided") if row["verdict"] == "undecided"
                            else judge(row))
        verdicts.append(verdict)
        parts.append(f"{where(row)}: {finding}")
    return Decision(combine(verdicts), _joined(parts))


def reuse_level(conclusions: Mapping[str, Any]) -> Decision:
    """+47 % only above 83 % reuse: the level's interval must lie within 83 +- 2 points."""

    def judge(row: Row) -> tuple[str, str]:
        if row["verdict"] != "crossover":
            side = {"a_throughout": "above", "b_throughout": "below"}.get(row["verdict"])
            return CONTRADICTED, (f"the gain stays {side} 47 % at every rate" if side
                                  else f"{row['verdict']} around 47 %")
        at = (f"at {percent(row['estimate'])} "
              f"({percent(row['low'])} to {percent(row['high'])})")
        if row["left"] != "b":
            return CONTRADICTED, f"+47 % is lost {at}"
        claimed, tolerance = row["claimed"], row["tolerance"] or 0
        if claimed is None:
            return UNDECIDED, f"+47 % is reached {at}, and the run says of no place that it is claimed"
        return (interval_in(row, claimed - tolerance, claimed + tolerance),
                f"+47 % is reached {at}")

    return _by_rows(rows(conclusions, "thresholds", experiment="reuse_threshold", a=SYNC),
                    "the reuse rate at which sync_map gains 47 %", judge)


def low_reuse_costs(conclusions: Mapping[str, Any]) -> Decision:
    """At low reuse sync.Map costs more than explicit locks: b is faster at the left end."""

    def judge(row: Row) -> tuple[str, str]:
        if row["verdict"] == "b_throughout":
            return SUPPORTED, "the lock is faster at every rate"
        if row["verdict"] == "crossover":
            below = f"is faster below {percent(row['estimate'])}"
            return ((SUPPORTED, f"the lock {below}") if row["left"] == "b"
                    else (CONTRADICTED, f"sync_map {below}"))
        if row["verdict"] == "several":
            return UNDECIDED, "several"
        return CONTRADICTED, row["verdict"].replace("_", " ")

    return _by_rows(rows(conclusions, "crossovers", experiment="reuse_threshold", a=SYNC),
                    "LoadOrStore of sync_map over the key reuse rate", judge)


def cell_ratio(experiment: str, cell: str, a: str, b: str, low: float, high: float,
               what: str):
    """A rule: the time ratio b/a (speed of a relative to b) lies within [low, high].

    Supported when the whole interval of a cell lies inside, contradicted when
    the interval and the range are disjoint.
    """

    def decide(conclusions: Mapping[str, Any]) -> Decision:
        found = rows(conclusions, "cells", experiment=experiment, cell=cell, a=a, b=b)
        if not found:
            return _not_asked(what)
        verdicts = []
        for row in found:
            verdicts.append(interval_in(row, low, high))
        claimed = (f"claimed above {low:.2f}x" if high == math.inf
                   else f"claimed below {high:.2f}x" if low == 0
                   else f"claimed between {low:.2f}x and {high:.2f}x")
        return Decision(combine(verdicts), f"Speed relative to {b}, {claimed}: "
                        + _joined(f"{where(row)}: {_ratio(row)}" for row in found))

    return decide


def write_share_rule(conclusions: Mapping[str, Any]) -> Decision:
    """Avoid sync.Map above 10 % writes: it must lose to one lock below 90 % reads."""

    def judge(row: Row) -> tuple[str, str]:
        if row["verdict"] != "crossover":
            return CONTRADICTED, ("no crossing between 50 and 100 % reads "
                                  f"({row['verdict'].replace('_', ' ')})")
        return (interval_in(row, 88.0, 92.0) if row["left"] == "b" else CONTRADICTED,
                f"they cross at {row['estimate']:.1f} % reads "
                f"({row['low']:.1f} to {row['high']:.1f})")

    return _by_rows([row for row in rows(conclusions, "crossovers", experiment="read_share", a=SYNC)
                     if row["b"] in (MUTEX, RW)], "sync_map over the share of reads", judge)


def key_cliff(conclusions: Mapping[str, Any]) -> Decision:
    """Beyond 500K keys the read-write lock collapses against sync.Map."""

    def judge(row: Row) -> tuple[str, str]:
        if row["verdict"] != "crossover":
            return CONTRADICTED, ("the order does not change with the number of keys "
                                  f"({row['verdict'].replace('_', ' ')})")
        near = row["low"] <= 1_000_000 and row["high"] >= 250_000
        return (SUPPORTED if near else CONTRADICTED,
                f"they cross at {row['estimate']:,.0f} keys "
                f"({row['low']:,.0f} to {row['high']:,.0f})")

    return _by_rows(rows(conclusions, "crossovers", experiment="key_count", a=SYNC, b=RW),
                    "sync_map against the read-write lock over the number of keys", judge)


CLAIMS = (
    Claim("000-C01", "LoadOrStore of sync.Map gains 47 %, but only when more than 83 % of the "
          "requests reuse a key.", reuse_level),
    Claim("000-C41", "At low key reuse sync.Map costs more than an explicit lock.",
          low_reuse_costs),
    Claim("000-C47", "At 10 K keys and reads to writes 8:2, 64 shards are slower than one "
          "read-write lock.",
          cell_ratio("standard_cells", "mixed_8_2", "sharded_map:shards=64", RW, 0.0, 1.0,
                     "64 shards against one read-write lock at 8:2")),
    Claim("001-C01", "At reads to writes 97:3 sync.Map delivers 43.5 % of the throughput of a "
          "read-write-locked map.",
          cell_ratio("standard_cells", "session_cache", SYNC, RW, 0.40, 0.47,
                     "sync_map against the read-write lock at 97:3")),
    Claim("002-C04", "sync.Map should be avoided once more than 10 % of the operations write.",
          write_share_rule),
    Claim("002-C18", "Beyond 500 K keys the read-write-locked map falls off a cliff.", key_cliff),
    Claim("003-C01", "Filling 10 K keys one by one takes sync.Map three to five times as long as "
          "a locked native map.",
          cell_ratio("batch_init", "fill_10k", SYNC, MUTEX, 1 / 5, 1 / 3,
                     "sync_map against mutex_map when filling 10 K keys")),
    # Here the native map stands under a lock that nobody contends for.
    Claim("003-C08", "A presized native map fills 10 K keys 4.5 times as fast as a growing one.",
          cell_ratio("batch_init", "fill_10k", "mutex_map@reserve", MUTEX,
                     4.0, 5.0, "a presized map against the growing one")),
    Claim("003-C31", "Committing writes in batches beats writing them one by one.",
          cell_ratio("batch_init", "fill_10k", "mutex_map@batch", MUTEX, 1.0, math.inf,
                     "batched against single stores")),
)
