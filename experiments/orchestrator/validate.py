# SPDX-License-Identifier: Apache-2.0
"""The visits that check every question on an architecture which this machine can only emulate.

They are small, every slice is held against a replay like those of any other visit, and they are
never timed: the time an emulator takes says nothing about the architecture.
"""

from typing import Any

from experiments.orchestrator import catalogue, conditions, recordings
from experiments.orchestrator.contestants import is_reference, strategy_of, unfit
from experiments.orchestrator.threads import oversubscribed
from experiments.orchestrator.topology import Machine

# Seconds a validating visit is expected to take under qemu-user.
ESTIMATE_S = 2.5
TEAM = 4
# A stationary slice has this many operations, because without a clock the
# worker cannot choose a number.
OPERATIONS = 2000


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
            cells = catalogue.cells_in(q, regime) if q["kind"] == "cells" else [None]
            if not cells:
                continue
            cell = cells[0]
            workload = catalogue.resolve(q, axis, cell, regime)
            fit = [c for c in specs if strategy_of(c) in strategies
                   and ("scenario" in workload or not is_reference(strategies[strategy_of(c)]))
                   and not unfit(strategies[strategy_of(c)], workload, threads)]
            # Pages are the machine's, whose memory the emulator only passes on.
            stated = {name: word for name, word in conditions.of(q, cell).items() if name != "pages"}
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
                    "max_blocks": 1, **stated, **recordings.of(q, cell)}))
    return out
