# SPDX-License-Identifier: Apache-2.0
"""The visits that check every question on an architecture which this machine can only emulate.

They are small, every slice is held against a replay like those of any other visit, and they are
never timed: the time an emulator takes says nothing about the architecture.

Of a question of cells the first is checked, and one of every other combination of types, which is code of its own. Larger
values, other hashes and keys that are not mixed need the wide worker, which is built for the other architecture on demand
only; without it the run says what it leaves unchecked.
"""

import shlex
from typing import Any

from experiments.orchestrator import catalogue, conditions, recordings
from experiments.orchestrator.contestants import is_reference, is_wide, strategy_of, types_of, unfit
from experiments.orchestrator.threads import oversubscribed
from experiments.orchestrator.topology import Machine

# Seconds a validating visit is expected to take under qemu-user.
ESTIMATE_S = 2.5
TEAM = 4
# A stationary slice has this many operations, because without a clock the
# worker cannot choose a number.
OPERATIONS = 2000
_SIZES = ("population", "ops")


def requests(smoke: catalogue.Asked, questions: list[dict[str, Any]], machine: Machine,
             strategies: dict[str, dict[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """(head of the visit's record, request without its number) for every question of the run.

    smoke: the questions in their smallest form; questions: those of the run, whose contestants
    are all checked, in parties of four; strategies: name -> traits, of the
    other architecture's worker.
    """
    asked = {q["name"]: q for q in questions}
    out = []
    for q in smoke.questions:
        if q["name"] not in asked:
            continue
        specs = [*q["baselines"], *asked[q["name"]]["contestants"], *q["contestants"]]
        axis = None if q["kind"] == "cells" else q["axis"]["values"][len(q["axis"]["values"]) // 2]
        counts = [t for t in catalogue.thread_counts(q) if not oversubscribed(t, machine)] or [1]
        threads = int(axis) if axis is not None and q["axis"]["field"] == "threads" else max(counts)
        crowded = oversubscribed(threads, machine)
        for regime in q["regimes"]:
            for cell, workload, more in _places(q, asked[q["name"]], axis, regime):
                fit = [c for c in specs if strategy_of(c) in strategies
                       and ("scenario" in workload or not is_reference(strategies[strategy_of(c)]))
                       and not unfit(strategies[strategy_of(c)], workload, threads)]
                filled = list(dict.fromkeys(catalogue.fill(c, q, axis) for c in fit))
                if regime == "stationary":
                    workload["ops"] = OPERATIONS
                for i in range(0, len(filled), TEAM):
                    head = {"question": q["name"], "baseline": filled[i],
                            "cell": {"axis": axis, "threads": threads, "regime": regime, "name": cell,
                                     "oversubscribed": crowded}}
                    out.append((head, {
                        "contestants": filled[i:i + TEAM], "workload": workload, "threads": threads, "slice_ms": 1,
                        "seconds": 0.05, "warmup_seconds": 0.0, "oversubscribed": crowded, "timed": False,
                        "max_blocks": 1, **more}))
    return out


def _places(smallest: catalogue.Question, run: catalogue.Question, axis: float | None,
            regime: str) -> list[tuple[str | None, dict[str, Any], dict[str, Any]]]:
    """(cell, workload, fields of the request) of what is checked of a question in a regime.

    smallest: the question in its smallest form, than whose cells those that only the run asks are made no larger
    """
    if smallest["kind"] != "cells":
        return [(None, catalogue.resolve(smallest, axis, None, regime), {})]
    bounds = {size: max(found) for size in _SIZES
              if (found := [w[size] for w in catalogue.workloads(smallest) if size in w])}
    places: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {}  # by types
    for q in (smallest, run):
        for cell in catalogue.cells_in(q, regime):
            workload = catalogue.resolve(q, None, cell, regime)
            workload.update({size: min(workload[size], most) for size, most in bounds.items() if size in workload})
            # Pages are the machine's, whose memory the emulator only passes on.
            stated = {name: word for name, word in conditions.of(q, cell).items() if name != "pages"}
            places.setdefault(types_of(workload), (cell, workload, {**stated, **recordings.of(q, cell)}))
    return list(places.values())


def unchecked(meta: dict[str, Any], arch: str) -> str:
    """What only the wide worker of the other architecture could check of a run, and the command that does; "" if nothing.

    meta: the run's run.json
    """
    wide = {q["name"]: [c["name"] for c in q.get("cells", ()) if is_wide(c["workload"])]
            for q in meta["questions"] if any(is_wide(w) for w in catalogue.workloads(q))}
    if not wide:
        return ""
    places = "; ".join(name + (f" ({', '.join(cells)})" if cells else "") for name, cells in wide.items())
    if any(q.get("asked") for q in meta["questions"]):
        argv = shlex.split(meta["command"])
        argv = argv[argv.index("--") + 1:]
    else:
        argv = ["--only", ",".join(wide), "--profile", meta["profile"]]
    return f"not validated on {arch}: {places}; {on_demand(argv, arch)}"


def on_demand(argv: list[str], arch: str) -> str:
    """How what a command asks is validated with the wide worker of the other architecture.

    argv: the command's arguments
    """
    kept = [word for before, word in zip(["", *argv], argv) if not word.startswith("--arch") and before != "--arch"]
    # The target is experiments.bzl's.
    return (f"larger values, other hashes and keys that are not mixed need a program that is built for {arch} on demand only: "
            f"{shlex.join(['bazel', 'run', f'//experiments:wide_{arch}', '--', *kept])}")
