# SPDX-License-Identifier: Apache-2.0
"""Compares the conclusions of two runs: do they agree, and how much is undecided?

    bazel run //report/stats:compare -- results/RUN_A results/RUN_B

Either argument is a run's directory or a verdicts.json.

Exit status: 0, 1 when a verdict of one run contradicts the other's, 2 when a file cannot be compared.

Of two decided verdicts on the same thing:
  agree          the same word (for crossovers also: intervals that overlap, in the same direction)
  differ         another word that names no other winner (equivalent against faster; several against crossover;
                 crossover intervals that only just miss one another, as 0.6 % of faithful repeats do)
  contradictory  another winner: faster against slower, a throughout against b throughout or against a crossover,
                 crossovers in opposite directions or well apart, supported against contradicted
"""

import argparse
import collections
import dataclasses
import json
import os
import pathlib
import sys

SECTIONS = ("crossovers", "thresholds", "cells", "claims")
AGREE, DIFFER, CONTRADICTORY, UNDECIDED, ONE_SIDED = "agree", "differ", "contradictory", "undecided", "in one run only"
_IDENTITY = ("id", "claim", "experiment", "question", "cell", "axis", "name", "value", "level", "speedup", "a", "b",
             "regime", "threads", "arch")
_OPEN = ("undecided", "not_tested", "untested", "", None)
_OPPOSITES = ({"faster", "slower"}, {"a_throughout", "b_throughout"}, {"crossover", "a_throughout"},
              {"crossover", "b_throughout"}, {"several", "a_throughout"}, {"several", "b_throughout"},
              {"supported", "contradicted"})


@dataclasses.dataclass(frozen=True)
class Row:
    """One thing judged in either run: what it is, both verdicts as text, and how they compare."""

    section: str
    what: str
    first: str
    second: str
    outcome: str


class CompareError(Exception):
    """A file that cannot be compared; the message is one sentence for people."""


def compare_runs(first, second):
    """Rows for every verdict of two parsed verdicts.json, in the order of the first, then what only the second has."""
    if first.get("schema") != second.get("schema"):
        raise CompareError(f"the two files have different schemas ({first.get('schema')} and {second.get('schema')}); "
                           "write both reports again with the same revision.")
    rows = []
    for section in SECTIONS:
        left, right = (_keyed(filter(_measured, run.get(section) or ())) for run in (first, second))
        for key in list(left) + [k for k in right if k not in left]:
            x, y = left.get(key), right.get(key)
            what = " ".join(f"{value}" for _, value in key)
            outcome = ONE_SIDED if x is None or y is None else outcome_of(x, y)
            rows.append(Row(section, what, _text(x), _text(y), outcome))
    return rows


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


def _text(entry):
    if entry is None:
        return "-"
    low, high = entry.get("low"), entry.get("high")
    where = f" [{low:.4g}, {high:.4g}]" if isinstance(low, (int, float)) and isinstance(high, (int, float)) else ""
    return f"{entry.get('verdict')}{where}"


def _load(name):
    # `bazel run` starts programs elsewhere; names are relative to where it was called.
    path = pathlib.Path(os.environ.get("BUILD_WORKING_DIRECTORY", ""), name)
    if path.is_dir():
        path = path / "report" / "verdicts.json"
    try:
        with open(path, encoding="utf-8") as file:
            parsed = json.load(file)
    except OSError as error:
        raise CompareError(f"cannot read {path}: {error.strerror}; name two runs or verdicts.json files.") from error
    except ValueError as error:
        raise CompareError(f"{path} is not JSON ({error}); write its report again.") from error
    if not isinstance(parsed, dict):
        raise CompareError(f"{path} is not a verdicts.json: it holds no object; name two runs or verdicts.json files.")
    return parsed


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", help="one run: its directory, or its verdicts.json")
    parser.add_argument("second", help="the other run")
    parser.add_argument("--all", action="store_true", help="also list what agrees")
    arguments = parser.parse_args(argv)
    try:
        rows = compare_runs(_load(arguments.first), _load(arguments.second))
    except CompareError as error:
        print(f"compare: {error}", file=sys.stderr)
        return 2
    shown = [row for row in rows if arguments.all or row.outcome != AGREE]
    for row in sorted(shown, key=lambda r: r.outcome != CONTRADICTORY):
        print(f"{row.outcome:16} {row.section:11} {row.what}: {row.first} | {row.second}")
    found = totals(rows)
    percent = {k: "none" if found[k] is None else f"{100 * found[k]:.1f} %" for k in ("agreement", "undecided_share")}
    print(f"{found[AGREE]} agree, {found[DIFFER]} differ, {found[CONTRADICTORY]} contradictory, "
          f"{found[UNDECIDED]} undecided in at least one, {found[ONE_SIDED]} in one run only; "
          f"agreement among decided {percent['agreement']}, "
          f"undecided {percent['undecided_share']}")
    return 1 if found[CONTRADICTORY] else 0


if __name__ == "__main__":
    sys.exit(main())
