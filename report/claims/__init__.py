# SPDX-License-Identifier: Apache-2.0
"""The ledger of published claims and the verdicts this study reaches on them.

One file per source text holds its claims in this study's words; each names the rule that decides it. `evaluate`
applies all of them. README.md says what kinds of evidence there are and how to add a claim.
"""

import functools
import json
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

from report.claims import measured, recorded, text_000, text_001, text_002, text_003, text_004
from report.claims.model import (ARITHMETIC, DECIDED, KINDS, NONE, SOURCE, VERDICTS, Claim, Decision, Evidence, Part,
                                 conjunction)
from report.claims.names import TEXTS

ROWS: tuple[Claim, ...] = (*text_000.ROWS, *text_001.ROWS, *text_002.ROWS, *text_003.ROWS, *text_004.ROWS)

RESULTS = pathlib.Path(__file__).parent / "results.json"

# What a verdict is about, by the kind of evidence.
_SUBJECTS = {SOURCE: "the original, as its source stands", ARITHMETIC: "the text's own numbers", NONE: ""}
_PORT = "the design as ported to C++ by this study"


@functools.cache
def records() -> Mapping[str, Any]:
    """The recorded outcomes; empty when nothing was recorded."""
    try:
        return json.loads(RESULTS.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}


def evaluate(conclusions: Mapping[str, Any], proof: Mapping[str, Any] | None = None,
             recorded_outcomes: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """Every claim of the ledger with its verdict, in order of id: the `claims` of verdicts.json.

    `conclusions` is the content of verdicts.json without its claims, `proof` that of run.json; recorded outcomes are
    those of results.json unless given.
    """
    evidence = Evidence(conclusions, proof or {}, records() if recorded_outcomes is None else recorded_outcomes)
    return [_entry(row, evidence) for row in ROWS]


def _entry(row: Claim, evidence: Evidence) -> dict[str, Any]:
    given = [_reading(reading.parts, evidence) for reading in row.readings]
    verdict, decisions = given[0]
    decided_by = (_kinds(p for p, d in zip(row.parts, decisions) if d.verdict in DECIDED)
                  if verdict in DECIDED else [])
    parts = [p for reading in row.readings for p in reading.parts]
    return {
        "id": row.id, "source": row.id[:3], "section": row.section, "text": row.text, "workload": row.workload,
        "kind": " and ".join(_kinds(row.parts)), "decided_by": decided_by,
        "rule": _sentences(p.rule for p in row.parts), "verdict": verdict,
        "evidence": _evidence(decisions), "about": _about(decided_by),
        "reading": row.readings[0].words,
        "readings": [{"reading": r.words, "rule": _sentences(p.rule for p in r.parts), "verdict": v,
                      "evidence": _evidence(ds)}
                     for r, (v, ds) in zip(row.readings[1:], given[1:])],
        "questions": measured.all_questions(parts),
        "places": [list(place) for d in decisions for place in d.places],
        "tests": [{"name": item.words, "outcome": recorded.outcome(item, evidence.records)}
                  for item in recorded.everything(parts)],
        "originals": [],  # evidence from the originals themselves: to be measured
    }


def _reading(parts: Iterable[Part], evidence: Evidence) -> tuple[str, list[Decision]]:
    decisions = [part.decide(evidence) for part in parts]
    return conjunction(d.verdict for d in decisions), decisions


def _evidence(decisions: Iterable[Decision]) -> str:
    return " ".join(dict.fromkeys(d.evidence for d in decisions))


def _kinds(parts: Iterable[Part]) -> list[str]:
    found = {part.kind for part in parts}
    return [kind for kind in KINDS if kind in found]


def _about(kinds: list[str]) -> str:
    return "; ".join(dict.fromkeys(s for s in (_SUBJECTS.get(kind, _PORT) for kind in kinds) if s))


def _sentences(clauses: Iterable[str]) -> str:
    return " ".join(clause[0].upper() + clause[1:] + "." for clause in clauses)


def tally(claims: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """How many rows by their first kind of evidence and by verdict, in the order of KINDS and VERDICTS; "all" last."""
    table = {kind: dict.fromkeys(VERDICTS, 0) for kind in (*KINDS, "all")}
    for entry in claims:
        for kind in (entry["kind"].split(" and ")[0], "all"):
            table[kind][entry["verdict"]] += 1
    return table


__all__ = ["ROWS", "TEXTS", "evaluate", "records", "tally"]
