# SPDX-License-Identifier: Apache-2.0
"""The ledger of claims as the paper shows it: rows with links, counts, groups."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from report import claims, words
from report.claims.model import KINDS, VERDICTS
from report.claims.recorded import HOLDS, PASSED

# Where evidence of a kind is shown, when there is no figure.
_ANCHORS = {"counted": "proof", "tested": "records", "source": "records", "arithmetic": ""}


@dataclasses.dataclass
class Row:
    """One claim of the table."""

    claim: Mapping[str, Any]
    links: list[tuple[str, str]]  # href, words

    @property
    def measured(self) -> bool:
        return "measured" in self.claim["decided_by"]


@dataclasses.dataclass
class Ledger:
    """Everything the section on claims prints."""

    rows: list[Row]
    texts: dict[str, str]
    decided_here: list[Row]  # by this run's own intervals
    counts: dict[str, dict[str, int]]  # kind -> verdict -> rows
    verdicts: list[str]  # those that occur
    kinds: list[str]
    by_verdict: list[tuple[str, list[str]]]
    records: Mapping[str, Any]  # of what was recorded: revision, date, packages
    recorded: dict[str, int]  # how many tests and lookups, and how many came out wrong


def ledger(entries: list[dict[str, Any]], anchors: Mapping[tuple, str], sections: set[str],
           thread_names: Mapping[int, str]) -> Ledger:
    """`anchors`: (question, regime, threads, b) -> figure; `sections`: names of the questions of this paper;
    `thread_names`: what numbers of threads are called here."""
    rows = [Row(entry, _links(entry, anchors, sections, thread_names)) for entry in entries]
    kinds = {kind for entry in entries for kind in entry["kind"].split(" and ")}
    verdicts = [v for v in VERDICTS if any(entry["verdict"] == v for entry in entries)]
    records = claims.records()
    outcomes = [r["outcome"] for table in ("tests", "lookups") for r in records.get(table, {}).values()]
    return Ledger(
        rows, dict(claims.TEXTS), [row for row in rows if row.measured], claims.tally(entries), verdicts,
        [k for k in KINDS if k in kinds],
        [(v, [entry["id"] for entry in entries if entry["verdict"] == v]) for v in verdicts], records,
        {"tests": len(records.get("tests", {})), "lookups": len(records.get("lookups", {})),
         "wrong": sum(o not in (PASSED, HOLDS) for o in outcomes)})


def _links(entry: Mapping[str, Any], anchors: Mapping[tuple, str], sections: set[str],
           thread_names: Mapping[int, str]) -> list[tuple[str, str]]:
    found: dict[str, str] = {}
    for question, regime, threads, a, b in entry["places"]:
        keys = [(question, regime, t, base) for t in (threads, 0) for base in (b, a)]
        href = next((anchors[key] for key in keys if key in anchors), f"q-{question}")
        if href in anchors.values() or question in sections:
            setting = words.where(regime, threads, thread_names) if regime or threads else ""
            found.setdefault(href, question + (f" ({setting})" if setting else ""))
    for kind in entry["kind"].split(" and "):
        if kind in _ANCHORS and _ANCHORS[kind]:
            found.setdefault(_ANCHORS[kind], {"counted": "campaigns", "tested": "recorded tests",
                                              "source": "recorded lookups"}[kind])
    return list(found.items())
