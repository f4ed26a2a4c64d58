#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes small synthetic runs whose answers are known.

    python3 -m report.testdata.make_testdata OUT_DIR [full|partial|empty|threads|small|cells|large]

Everything is simulated: no number here was measured, and the runs say so in
their note. The same seed gives the same bytes. The true effects are in
`effects.py`, so that tests can hold what the report says against what is so.

full      every kind of question, level, verdict and accident
partial   interrupted during the screen: a cut-off visit, half a last line
empty     run.json only, nothing measured yet
cells     a sweep and three cells, for several runs to be held against one another
small     a sweep and a cell with a few visits of every kind: what is damaged on purpose
large     full, each visit 49 times: a million slices
"""

from __future__ import annotations

import json
import pathlib
import sys

from report.testdata.record import krr, many_threads, meta, proof, stationary
from report.testdata.writer import Writer


def _spread(values: list[float], zoom: list[float], each: int) -> list:
    points = [(x, "screen") for _ in range(3) for x in values]
    return points + [(x, "zoom") for x in zoom for _ in range(each)]


def _measure(w: Writer, question: dict) -> None:
    """All visits of one question, the screen first."""
    name, base = question["name"], question["baselines"][0]
    team = [base, *question["contestants"]]
    if question["kind"] == "cells":
        for _ in range(12):
            for cell in question["cells"]:
                for regime in question["regimes"]:
                    work = dict(cell["workload"])
                    if question["regimes"] != ["stationary"]:
                        work["regime"] = regime
                    for t in question["threads"]:
                        w.visit(name, team, work, name=cell["name"],
                                threads=t, purpose="cell")
        return
    values = question["axis"]["values"]
    if question["kind"] == "discrete":
        for _ in range(12):
            for x in values:
                threads = x if name == "threads" else question["threads"][0]
                w.visit(name, [c.replace("{}", str(x)) for c in team],
                        question["workload"], axis=x, threads=threads,
                        purpose="cell")
        return
    zooms = {"reuse_threshold": [0.3, 0.35, 0.4, 0.52, 0.56, 0.6, 0.64, 0.68,
                                 0.86, 0.88, 0.9],
             "read_share": [74, 75, 76, 85, 86, 87, 88, 90],
             "key_count": [40000, 57926, 80000]}
    for regime in question["regimes"]:
        for t in question["threads"]:
            if (regime, t) == ("reserved", 2):
                continue  # never reached: the paper must say so
            each = 2 if name == "reuse_threshold" else 3
            for x, purpose in _spread(values, zooms[name], each):
                work = (krr(x, regime) if name == "reuse_threshold" else
                        stationary(10000, int(x)) if name == "read_share"
                        else stationary(int(x), 95))
                w.visit(name, team, work, axis=x, threads=t, purpose=purpose)


def _small(w: Writer, record: dict) -> None:
    sweep, cell = record["questions"][0], record["questions"][5]
    sweep.update(regimes=["growth"], threads=[1], contestants=["sync_map"])
    sweep["axis"]["values"] = [0.0, 0.5, 0.99]
    cell.update(regimes=["reserved"], contestants=["sync_map", "snapshot_map@batch"])
    record["questions"] = [sweep, cell]
    record["proof"] = proof()
    work = dict(cell["cells"][0]["workload"], regime="reserved")
    for _ in range(3):
        for x in [*sweep["axis"]["values"], 0.6, 0.64]:
            w.visit("reuse_threshold", ["mutex_map", "sync_map"], krr(x, "growth"), axis=x, blocks=3)
        w.visit("batch_init", ["mutex_map", *cell["contestants"]], work, name="fill_10k", purpose="cell", blocks=3)
        w.visit("aa", ["mutex_map", "mutex_map"], work, name="fill_10k", purpose="aa", blocks=2)
    w.visit("harness", ["mutex_map", "null"], work, name="fill_10k", purpose="harness", blocks=2)
    for fate in ("invalid", "crashed", "hung", "lost"):
        w.visit("batch_init", ["mutex_map", "sync_map"], work, name="fill_10k", blocks=2, fate=fate)
    w.visit("batch_init", ["mutex_map", "sync_map"], work, name="fill_10k", arch="aarch64", timed=False,
            purpose="validate", blocks=1)
    at = next(i for i, line in enumerate(w.out) if '"t":"end"' in line)
    w.out.insert(at, json.dumps({"t": "reject", "v": 0, "b": 1, "why": "run_delay", "value": 0.03}))
    record["visits"] = w.visits - 1


def _merge(record: dict, changes: dict) -> None:
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(record.get(name), dict):
            _merge(record[name], value)
        else:
            record[name] = value


def make(directory: pathlib.Path, variant: str = "full", seed: int = 1, shifts: dict | None = None,
         run_sd: float = 0.0, changes: dict | None = None) -> None:
    """Writes the run `variant` into `directory` (created).

    shifts: added to the effect of (question, strategy); run_sd: of effects between runs; changes: to run.json, merged
    """
    w = Writer(pathlib.Path(directory), seed)
    w.shifts, w.run_sd = shifts or {}, run_sd
    record = meta()
    _merge(record, changes or {})
    if variant == "empty":
        record = meta("running")
    elif variant == "partial":
        record = meta("interrupted")
        sweep = record["questions"][0]
        for x in sweep["axis"]["values"][:4]:
            w.visit("reuse_threshold", ["mutex_map", *sweep["contestants"]],
                    krr(x, "growth"), axis=x)
        w.visit("reuse_threshold", ["mutex_map", "sync_map"],
                krr(0.5, "growth"), axis=0.5, fate="lost")
        w.write(record, tail='{"t":"slice","v":4,"b":3,"p":0,"c":0,"n":600')
        return
    elif variant == "small":
        _small(w, record)
    elif variant == "cells":
        record["questions"] = [q for q in record["questions"] if q["name"] in ("key_count", "standard_cells")]
        for question in record["questions"]:
            _measure(w, question)
    elif variant in ("full", "large"):
        record["proof"] = proof()
        w.repeat = 49 if variant == "large" else 1
        for question in record["questions"]:
            _measure(w, question)
        session = record["questions"][-1]["cells"][2]["workload"]
        for _ in range(20):
            w.visit("aa", ["mutex_map", "mutex_map"], session,
                    name="session_cache", threads=1, purpose="aa", sd=0.004)
        for _ in range(3):
            w.visit("harness", ["mutex_map", "null"], session,
                    name="session_cache", purpose="cell")
        w.visit("reuse_threshold", ["mutex_map", "hash_trie_map"],
                krr(0.5, "growth"), axis=0.5, fate="invalid")
        w.visit("read_share", ["mutex_map", "sync_map"],
                stationary(10000, 75), axis=75, threads=2, fate="crashed")
        w.visit("read_share", ["mutex_map", "sync_map"],
                stationary(10000, 83), axis=83, threads=2, fate="lost")
        for question in record["questions"]:
            work = question.get("workload") or question["cells"][0]["workload"]
            team = [c.replace("{}", "8") for c in
                    [question["baselines"][0], *question["contestants"]]]
            w.visit(question["name"], team, work, axis=(
                question["axis"]["values"][0] if "axis" in question else None),
                    name=(question["cells"][0]["name"]
                          if "cells" in question else None),
                    arch="aarch64", timed=False, purpose="validate", blocks=2)
    elif variant == "threads":
        record, w.cpus = many_threads(record), 128
        for question in record["questions"]:
            _measure(w, question)
        for n in map(int, record["threads"]):
            for _ in range(4):
                w.visit("aa", ["mutex_map", "mutex_map"], stationary(10000, 90),
                        axis=90, threads=n, purpose="aa", sd=0.004)
    else:
        raise ValueError(f"unknown variant {variant!r}; full, partial, empty, threads, small, cells, large")
    w.write(record)


def main(argv: list[str]) -> int:
    if not 2 <= len(argv) <= 3:
        print("usage: make_testdata OUT_DIR [full|partial|empty|threads|small|cells|large]",
              file=sys.stderr)
        return 2
    make(pathlib.Path(argv[1]), *argv[2:])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
