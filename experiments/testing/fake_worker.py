#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A worker that measures nothing: it speaks the worker's protocol with simulated maps.

The true effects are those of `true_effect`, so that tests can hold what a run concludes against
what is so. FAKE_WORKER in the environment is a JSON object that makes it misbehave:

  {"mode": "crash", "of": "sync_map"}   every visit with sync_map ends by SIGSEGV
  modes: crash, hang, fail, half_line, garbage, no_end, wrong_visit, invalid, refused, slow, die_once
  "log": a file to which every request is appended, with the program's path
"""

import json
import math
import os
import pathlib
import platform
import random
import signal
import sys
import time

STRATEGIES = ("null", "line_touch", "unsynchronised_map", "mutex_map", "shared_mutex_map", "rw_mutex_map", "sharded_map",
              "sharded_map_packed", "sync_map", "hash_trie_map", "snapshot_map", "cache_line_map")
CROSSOVER = 0.62  # key reuse rate at which sync_map overtakes mutex_map
LEVEL_AT = CROSSOVER + math.log(1.47) / 1.5


def describe(arch: str) -> dict:
    """What --describe says."""
    return {"schema": 1, "arch": arch, "compiler": "none", "flags": "", "clock": {},
            "strategies": [_traits(name) for name in STRATEGIES]}


def _traits(name: str) -> dict:
    sharded = name.startswith("sharded_map")
    return {
        "name": name, "family": "simulated", "summary": f"A simulated {name}.", "source": "this test",
        "read_progress": "blocking", "write_progress": "blocking", "reclamation": "none", "growth": "none",
        "range": "weak", "batch_is_atomic": False, "keeps_every_key": True, "returns_results": name not in ("null", "line_touch"),
        "max_threads": 1 if name == "unsynchronised_map" else 0,
        "unsupported": ["compare_and_swap"] if name == "snapshot_map" else [], "unsupported_reason": "simulated",
        "caveat": "", "object_bytes": 64,
        "tunables": [{"name": "shards", "default": 32, "min": 1, "max": 65536, "doc": "count"}] if sharded else []}


def true_effect(spec: str, request: dict) -> float:
    """ln(time of mutex_map / time of spec); additive, so every other pair follows."""
    workload = request["workload"]
    name = spec.split(":")[0].split("@")[0]
    if name in ("mutex_map", "null"):
        return 0.0
    if "reuse" in workload["keys"]:
        x = workload["keys"]["reuse"]
        return {"sync_map": 1.5 * (x - CROSSOVER), "hash_trie_map": -0.4 + 0.1 * x,
                "sharded_map": 0.3}.get(name, -0.2)
    if name.startswith("sharded_map"):
        shards = int(spec.split("shards=")[1].split("@")[0]) if "shards=" in spec else 32
        return 0.11 * (math.log2(shards) - 3.4)
    reads = workload["mix"].get("load", 0) / 100
    return {"sync_map": 1.2 * (reads - 0.8), "hash_trie_map": 0.25, "rw_mutex_map": -0.15,
            "snapshot_map": 0.5}.get(name, 0.0)


def _say(line: dict) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _misbehave(plan: dict, request: dict) -> str:
    of = plan.get("of")
    if of and not any(c.split(":")[0].split("@")[0] == of for c in request["contestants"]):
        return ""
    if plan.get("mode") == "die_once":
        mark = pathlib.Path(plan["mark"])
        if mark.exists():
            return ""
        mark.touch()
        return "crash"
    return plan.get("mode", "")


def run(request: dict, plan: dict) -> int:
    """One visit. Returns the exit code."""
    mode = _misbehave(plan, request)
    rng = random.Random(request["seed"])
    team = request["contestants"]
    if mode == "fail":
        print("worker: unknown stream 'krr2'; use krr.", file=sys.stderr)
        return 2
    if mode == "refused":
        _say({"t": "refused", "why": "needs 12.1 GiB, 3.0 GiB available; use fewer keys"})
        return 4
    _say({"t": "realised", "figures": {"ops": 1000, "reuse_rate": request["workload"]["keys"].get("reuse", 0)}})
    if mode == "hang":
        time.sleep(3600)
    if mode == "slow":
        time.sleep(plan.get("seconds", 0.2))
    # A visit's own error: what differs between processes.
    own = [0.01 * rng.gauss(0, 1) for _ in team]
    blocks = request["max_blocks"] or 6
    for block in range(blocks):
        order = list(range(len(team)))
        rng.shuffle(order)
        for position, c in enumerate(order + order[::-1]):
            line = {"t": "slice", "b": block, "p": position, "c": c, "n": 1000, "rd": 0.0, "ov": 1.0, "hits": 1}
            if request["timed"]:
                noise = own[c] + 0.003 * rng.gauss(0, 1)
                line["ns"] = round(4e7 * math.exp(-true_effect(team[c], request) + noise))
            if block == 0:
                line["w"] = 1
            if block == 1 and position == 1 and mode == "garbage":
                sys.stdout.write("{\"t\":\"slice\",,}\n")
            if block == 1 and position == 1 and mode in ("crash", "half_line"):
                sys.stdout.write('{"t":"slice","b":1,"p"')
                sys.stdout.flush()
                if mode == "half_line":
                    return 0
                os.kill(os.getpid(), signal.SIGSEGV)
            _say(line)
    if mode == "invalid":
        culprit = next(i for i, c in enumerate(team) if c.split(":")[0].split("@")[0] == plan["of"])
        _say({"t": "invalid", "c": culprit, "what": "final size 99 instead of 100"})
        return 3
    if mode == "no_end":
        return 0
    _say({"t": "end", "visit": request["visit"] + (mode == "wrong_visit"), "blocks": blocks, "changepoint": False})
    return 0


def main() -> int:
    plan = json.loads(os.environ.get("FAKE_WORKER", "{}"))
    arch = next((a.removeprefix("--arch=") for a in sys.argv[1:] if a.startswith("--arch=")), platform.machine())
    if "--describe" in sys.argv:
        _say(describe(arch))
        return 0
    request = json.load(sys.stdin)
    if "log" in plan:
        with open(plan["log"], "a", encoding="utf-8") as log:
            log.write(json.dumps({**request, "program": sys.argv[0]}) + "\n")
    return run(request, plan)


if __name__ == "__main__":
    sys.exit(main())
