# SPDX-License-Identifier: Apache-2.0
"""The verdicts of several runs held against one another: do they agree, and how much is undecided?

Of two decided verdicts on the same thing:
  agree          the same word (for crossovers also: intervals that overlap, in the same direction)
  differ         another word that names no other winner (equivalent against faster; several against crossover;
                 crossover intervals that only just miss one another, as 0.6 % of faithful repeats do)
  contradictory  another winner: faster against slower, a throughout against b throughout or against a crossover,
                 crossovers in opposite directions or well apart, supported against contradicted

Of more than two runs the gravest of these holds, over every two that are decided. What the numbers themselves say,
whatever word they lead to, is `between`.
"""

import collections
import dataclasses
import itertools
import json

SECTIONS = ("crossovers", "thresholds", "cells", "claims")
AGREE, DIFFER, CONTRADICTORY, UNDECIDED, ONE_SIDED = "agree", "differ", "contradictory", "undecided", "in one run only"
_IDENTITY = ("id", "claim", "experiment", "question", "cell", "axis", "metric", "name", "value", "level", "speedup", "a",
             "b", "regime", "threads", "arch")
_OPEN = ("undecided", "not_tested", "untested", "", None)
_OPPOSITES = ({"faster", "slower"}, {"a_throughout", "b_throughout"}, {"crossover", "a_throughout"},
              {"crossover", "b_throughout"}, {"several", "a_throughout"}, {"several", "b_throughout"},
              {"supported", "contradicted"})


@dataclasses.dataclass(frozen=True)
class Row:
    """One thing judged in at least one run: what it is, its entry of every run (None: none), and how they compare."""

    section: str
    identity: tuple
    entries: tuple
    outcome: str

    @property
    def what(self):
        return " ".join(value for _, value in self.identity)


def compare_runs(*runs):
    """Rows for every verdict of parsed verdicts.json, in the order of the first, then what only later ones have."""
    rows = []
    for section in SECTIONS:
        keyed = [_keyed(filter(_measured, run.get(section) or ())) for run in runs]
        for key in dict.fromkeys(itertools.chain.from_iterable(keyed)):
            entries = tuple(k.get(key) for k in keyed)
            rows.append(Row(section, key, entries, outcome_of_all(entries)))
    return rows


def outcome_of_all(entries):
    """How the verdict entries of several runs on the same thing compare; None where a run has none."""
    known = [e for e in entries if e is not None]
    if len(known) < 2:
        return ONE_SIDED
    found = {outcome_of(x, y) for x, y in itertools.combinations(known, 2)}
    return next(outcome for outcome in (CONTRADICTORY, DIFFER, UNDECIDED, AGREE) if outcome in found)


def outcome_of(x, y):
    """How two verdict entries on the same thing compare."""
    v, w = x.get("verdict"), y.get("verdict")
    if v in _OPEN or w in _OPEN:
        return UNDECIDED
    if v != w:
        return CONTRADICTORY if {v, w} in _OPPOSITES else DIFFER
    if v != "crossover":
        return AGREE
    if None not in (x.get("left"), y.get("left")) and x["left"] != y["left"]:
        return CONTRADICTORY
    return _intervals(x, y)


def _intervals(x, y):
    ends = (x.get("low"), x.get("high"), y.get("low"), y.get("high"))
    if not all(isinstance(e, (int, float)) for e in ends):
        return AGREE
    low, high = max(ends[0], ends[2]), min(ends[1], ends[3])
    if low <= high:
        return AGREE
    # Two 95 % intervals of one crossing miss one another in 0.6 % of repeats; widened by half, in 0.003 %.
    widened = ((ends[1] - ends[0]) + (ends[3] - ends[2])) / 4
    return DIFFER if low - high <= widened else CONTRADICTORY


def totals(rows):
    """Counts by outcome, the agreement among decided pairs and the share of undecided, as a dict."""
    count = collections.Counter(row.outcome for row in rows)
    decided = count[AGREE] + count[DIFFER] + count[CONTRADICTORY]
    compared = decided + count[UNDECIDED]
    return {
        **{o: count[o] for o in (AGREE, DIFFER, CONTRADICTORY, UNDECIDED, ONE_SIDED)},
        "agreement": count[AGREE] / decided if decided else None,
        "undecided_share": count[UNDECIDED] / compared if compared else None,
    }


def _measured(entry):
    """Whether the run itself has something to say on the entry: most claims need no run, or were not asked."""
    return "id" not in entry or "measured" in entry.get("decided_by", ()) or entry.get("verdict") in _OPEN


def _keyed(entries):
    result = {}
    for entry in entries:
        identity = tuple((f, json.dumps(entry[f]).strip('"')) for f in _IDENTITY if entry.get(f) is not None)
        key, number = identity, 2
        while key in result:
            key, number = identity + (("number", f"({number})"),), number + 1
        result[key] = entry
    return result
