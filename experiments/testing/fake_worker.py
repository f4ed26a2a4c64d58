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

# Maps that the questions name: name -> ln(time of mutex_map / its own) where true_effect has no rule for it.
NAMED = {
    "null": 0.0, "line_touch": 0.0, "unsynchronised_map": 0.0, "mutex_map": 0.0, "shared_mutex_map": 0.0,
    "mutex_map_boxed": -0.12, "mutex_map_pooled": -0.05, "adaptive_map": 0.15,
    "rw_mutex_map": -0.15, "sharded_map": 0.18, "sharded_map_packed": 0.18, "sync_map": 0.0, "hash_trie_map": 0.25,
    "snapshot_map": 0.5, "cache_line_map": 0.9, "boost_concurrent_flat_map": 0.7, "tbb_concurrent_hash_map": 0.06,
    "absl_flat_hash_map": 0.1, "absl_sharded_map": 0.35, "libcuckoo_map": 0.2, "hot_cold_map": 0.12,
    "sync_map_split": 0.04, "sync_map_acq_rel": 0.02, "sync_map_seq_cst": -0.1, "sync_map_qsbr": -0.2,
    "sync_map_memb": 0.1, "hash_trie_map_qsbr": 0.15, "hash_trie_map_memb": 0.32, "snapshot_map_acq_rel": 0.5,
    "snapshot_map_seq_cst": 0.44, "snapshot_map_hazard": 0.3, "snapshot_map_qsbr": 0.4, "snapshot_map_shared_ptr": -1.0,
    "generation_pointer_map": -0.7, "published_map": 0.6, "published_map_copy": 0.4, "mutex_bucket_map": 0.2, "mutex_bucket_map_generic": 0.08, "write_batch_map": -0.3,
    "write_batch_map_stale": -0.2, "bin_lock_map": 0.22, "cache_line_map_in_turn": 0.85, "cache_line_map_pairs": 0.88,
    "cache_line_map_one_line": 0.8}
# In place of maps, in a scenario about none: which, and their speeds.
NO_MAPS = {"false_sharing": {"same_word": -2.5, "same_line": -1.5, "apart_64": 0.0, "apart_128": 0.01},
           "checked_misuse": {"checked_writers": -0.1, "unchecked_writers": 0.0}}
WORDS = {name: speed for names in NO_MAPS.values() for name, speed in names.items()}
NAMED |= WORDS
STRATEGIES = tuple(NAMED)
SCENARIOS = ("iteration", "stock_reservation", "publication", "expensive_values", "session_cache", "reconciliation", "tasks",
             "loadorstore_cost", "visibility")
WITHOUT_SCENARIOS = ("null", "line_touch", "unsynchronised_map")
OPERATIONS = ("load", "store", "load_or_store", "load_and_delete", "delete", "swap", "compare_and_swap", "compare_and_delete",
              "load_or_compute", "range", "clear", "size", "reserve", "store_batch", "memory_bytes")
FAMILIES = {"null": "harness", "line": "harness", "same": "harness", "apart": "harness", "checked": "harness", "unchecked": "harness", "sync": "lock-free reads", "hash": "lock-free reads", "adaptive": "adaptive",
            "cache": "lock-free reads", "sharded": "sharded lock", "snapshot": "copy on write", "boost": "peer",
            "tbb": "peer", "absl": "peer", "libcuckoo": "peer"}  # by the first word of the name
CROSSOVER = 0.62  # key reuse rate at which sync_map overtakes mutex_map
LEVEL_AT = CROSSOVER + math.log(1.47) / 1.5

# What a visit costs beside its slices, as the worker promises it: the slices times SURROUNDING for tapes, building and
# checking, a process and its threads, and the filling of stationary maps.
SURROUNDING = {"settled": 1.3, "moving": 1.3}
START_S, START_THREAD_S = 0.05, 0.001
FILL_S = 2e-7  # a key of one map
LEAST_BLOCKS = 4  # accepted ones


# Of visits with arrivals: histograms of a few values, with known tails.
TAIL_SPREAD = 0.15  # of a tail between visits, as a log ratio
CAPACITY = 4e6  # operations a second on one thread, timed
BEYOND = {"sync_map": 0.7, "hash_trie_map": 0.4, "sharded_map": -0.5, "null": 3.0}


def spread(threads: int) -> float:
    """The standard deviation of a pair's effect between visits: 1 % on one thread, 2.2 % on two as the method's pilot
    measured it, and a third of that more for each further doubling: 3.7 % on eight, 6.6 % on 128."""
    return 0.01 if threads == 1 else 0.022 * (1 + (math.log2(threads) - 1) / 3)


def rejected(threads: int) -> float:
    """The share of blocks that are disturbed: one more thread, one more to be disturbed."""
    return 1 - 0.998 ** threads


# Who holds more memory after every round, and by how much (log ratio).
HOARDER, HOARDED = "sync_map", 0.003


# Those that are compiled into the wide worker, and for what (wide_for.h).
WIDE = ("mutex_map", "mutex_map_boxed", "mutex_map_pooled", "sharded_map", "sync_map", "cache_line_map",
        "boost_concurrent_flat_map")
WIDE_TYPES = ("string>string#mixed", "string>u64#fnv1a", "string>u64#std", "u64>inline1024#mixed", "u64>inline256#mixed",
              "u64>inline4096#mixed", "u64>inline64#mixed", "u64>string#mixed", "u64>u64#fnv1a", "u64>u64#std",
              "u64@laid_out>u64#fnv1a", "u64@laid_out>u64#mixed", "u64@laid_out>u64#std")


def describe(arch: str, wide: bool = False) -> dict:
    """What --describe says, of the wide worker (python -X wide) too."""
    strategies = [_traits(name) for name in (WIDE if wide else STRATEGIES)]
    for traits in strategies if wide else ():
        traits["types"] = list(WIDE_TYPES)
    return {"schema": 1, "arch": arch, "compiler": "none", "flags": "", "clock": {},
            "fresh_page": {"bytes": 4096, "touch_ns": 250}, "strategies": strategies}


MOST = {"flush_interval_us": 3_600_000_000}  # of a tunable; the others are counts


def _traits(name: str) -> dict:
    tunables = {"bin_lock_map": ["spread"], "sharded_map": ["shards"], "sharded_map_packed": ["shards"], "write_batch_map": ["batch", "ring", "flush_interval_us"],
                "write_batch_map_stale": ["batch", "ring", "flush_interval_us"]}
    return {
        "name": name, "scenarios": ([s for s, names in NO_MAPS.items() if name in names] if name in WORDS else [] if name in WITHOUT_SCENARIOS
                                    else list(SCENARIOS)), "family": FAMILIES.get(name.split("_")[0], "lock"), "summary": f"A simulated {name}.", "source": "this test",
        "read_progress": "blocking", "write_progress": "blocking", "reclamation": "none", "growth": "none",
        "range": "weak", "batch_is_atomic": False, "keeps_every_key": name not in WORDS, "returns_results": name not in ("null", "line_touch", *WORDS),
        "max_threads": 1 if name == "unsynchronised_map" else 0,
        "unsupported": ["compare_and_swap"] if name == "snapshot_map" else list(OPERATIONS) if name in WORDS else [],
        "unsupported_reason": "simulated",
        "caveat": "", "object_bytes": 64, "types": ["string>u64#mixed", "u64>u64#mixed"],
        "tunables": [{"name": tunable, "default": 32, "min": 1, "max": MOST.get(tunable, 65536), "doc": "count"}
                     for tunable in tunables.get(name, ())]}


def true_effect(spec: str, request: dict) -> float:
    """ln(time of mutex_map / time of spec); additive, so every other pair follows."""
    workload = request["workload"]
    name = spec.split(":")[0].split("@")[0]
    if name in ("mutex_map", "null"):
        return 0.0
    if "reuse" in workload["keys"]:
        x = workload["keys"]["reuse"]
        return {"sync_map": 1.5 * (x - CROSSOVER), "hash_trie_map": -0.4 + 0.1 * x,
                "sharded_map": 0.3}.get(name, NAMED[name] - 0.2)
    if name.startswith("sharded_map"):
        shards = int(spec.split("shards=")[1].split("@")[0]) if "shards=" in spec else 32
        return 0.11 * (math.log2(shards) - 3.4)
    reads = workload["mix"].get("load", 0) / 100
    if name.startswith("sync_map"):
        return 1.2 * (reads - 0.8) + NAMED[name]
    if name == "write_batch_map":
        return NAMED[name] + 0.05 * math.log2(int(spec.split("batch=")[1].split(",")[0]) if "batch=" in spec else 64)
    return NAMED[name]


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


def _kind(request: dict) -> str:
    """Whether keys come and go while several threads work, which makes slices dear to check."""
    mix = request["workload"].get("mix", {})
    return "moving" if request["threads"] > 1 and any("delete" in op for op in mix) else "settled"


def course(request: dict) -> tuple[list[dict], float]:
    """(lines of a visit that goes well, its `end` included; how many seconds it would take)."""
    rng, team, n = random.Random(request["seed"]), request["contestants"], request["threads"]
    slice_s = request["slice_ms"] / 1000
    # A visit's own error: what differs between processes.
    own = [spread(n) / math.sqrt(2) * rng.gauss(0, 1) for _ in team]
    stationary = request["workload"].get("regime", "stationary") == "stationary"
    block_s = SURROUNDING[_kind(request)] * slice_s * len(team) * (3 if stationary else 2)
    filling = FILL_S * request["workload"].get("population", 0) * len(team) if stationary else 0.0
    once = 2 * filling > block_s or "rounds" in request  # filled once for the visit, or before every block
    took = START_S + START_THREAD_S * n + filling * once
    block_s += filling * (not once)
    lines = [{"t": "realised", "figures": {"ops": 1000, "reuse_rate": request["workload"]["keys"].get("reuse", 0)}}]
    warm_up = max(2, math.ceil(request["warmup_seconds"] / block_s)) if request["timed"] else 0
    measured, accepted, block = 0.0, 0, 0
    rounds = request.get("rounds", 0)
    most = rounds or request["max_blocks"]
    while request.get("arrivals", {}).get("course") not in ("fill", "recorded"):
        if most:
            if block - warm_up >= most:
                break
        elif measured >= request["seconds"] and accepted >= LEAST_BLOCKS or (
                measured >= 3 * max(request["seconds"], 0.1) and block - warm_up >= LEAST_BLOCKS):
            break
        order = list(range(len(team)))
        rng.shuffle(order)
        for position, c in enumerate(order + order[::-1]):
            # Nanoseconds of an operation on one thread, other threads' operations being done meanwhile.
            op_ns = 40 * math.exp(-true_effect(team[c], request) + own[c] + 0.3 * spread(n) * rng.gauss(0, 1))
            line = {"t": "slice", "b": block, "p": position, "c": c, "n": max(1, round(1e9 * slice_s / op_ns)), "hits": 1}
            if request["timed"]:
                line |= {"ns": round(line["n"] * op_ns), "rd": 0.0, "late": 0.0}
            if block < warm_up:
                line["w"] = 1
            lines.append(line)
        took += block_s
        if block >= warm_up:
            measured += block_s
            if request["timed"] and rng.random() < rejected(n):
                lines.append({"t": "reject", "b": block, "why": "run_delay", "value": 0.05})
            else:
                accepted += 1
            lines += [{"t": "round", "b": block, "c": c, "bytes": round(
                1e6 * math.exp(HOARDED * (block - warm_up) * (name == HOARDER)))} for c, name in enumerate(team)
                      if rounds and block >= warm_up]
        block += 1
    if "arrivals" in request:
        waits, seconds = arrivals(request, rng)
        lines, took = lines + waits, took + seconds
    if "scenario" in request["workload"]:
        lines += [{"t": "amounts", "c": c, "amounts": {"sold_twice": 0.02 * c, "operations_per_s": 1e9 / 40}}
                  for c in range(len(team))]
    lines.append({"t": "end", "visit": request["visit"], "blocks": accepted, "rejected": max(0, block - warm_up - accepted),
                  "changepoint": False})
    return lines, took


def tail_effect(spec: str) -> float:
    """What the 99th percentile and the longest store of a map are shorter by than mutex_map's."""
    return 2.0 if "@reserve" in spec else BEYOND.get(spec.split(":")[0].split("@")[0], 0.0)


def _sparse(values: dict[int, int]) -> list[int]:
    """A record's histogram of {ns: count}."""
    counts: dict[int, int] = {}
    for ns, n in values.items():
        octave = max(0, ns.bit_length() - 8)
        index = (octave << 7) + (ns >> octave)
        counts[index] = counts.get(index, 0) + n
    out, at = [], 0
    for index, n in sorted(counts.items()):
        if index > at:
            out.append(at - index)
        out.append(n)
        at = index + 1
    return out


def _times(n: int, median: float, tail: float, longest: float) -> dict:
    """response, service, lag and max: 2 % of n take `tail`, one `longest`."""
    slow = n // 50
    values = {round(median): n - slow - 1, round(tail): slow, round(longest): 1}
    return {"response": _sparse(values), "service": _sparse({round(median): n}), "lag": _sparse({20: n}),
            "max": [round(longest), round(median), 20]}


PAUSE_SLOPE = 0.9  # of a window's 99th percentile on the mean time of operations that reclaim


def windows(spec: str, window: int, tail: float, rng: random.Random) -> dict:
    """What a rung with windows says beside its times: nothing is reclaimed by mutex_map and null."""
    reclaims = spec.split(":")[0].split("@")[0] not in ("mutex_map", "null")
    rows = []
    for _ in range(50):
        events, pause = (rng.randint(20, 40), rng.uniform(1000, 3000)) if reclaims else (0, 0)
        rows.append({"due": 12_000, "p99": round(tail + PAUSE_SLOPE * pause + 2 * events + rng.gauss(0, 50)), "events": events,
                     "pause": round(events * pause)})
    count = sum(row["events"] for row in rows)
    return {"window": window, "windows": rows, "reclaimed": {
        "events": count, "freed": 64 * count, "with_ns": sum(row["pause"] for row in rows) / count if count else None,
        "without_ns": 200.0, "p99_ns": 3000 if count else None}}


def arrivals(request: dict, rng: random.Random) -> tuple[list[dict], float]:
    """(the lines that arrivals add to a visit, the seconds that they would take)."""
    asked, team = request["arrivals"], request["contestants"]
    scale = [math.exp(-tail_effect(spec) + TAIL_SPREAD / math.sqrt(2) * rng.gauss(0, 1)) for spec in team]
    out: list[dict] = [{"t": "clock", "n": 1000, "ns": 10**8, "gap": _sparse({25: 999, 900: 1}), "max": 900}]
    capacity = CAPACITY * request["threads"]
    if asked["course"] == "fill":
        n = request["workload"]["ops"]
        for c, _ in enumerate(team):
            longest = 40e6 * scale[c]
            times = _times(n, 300, 3000 * scale[c], longest)
            times["service"], times["max"][1] = times["response"], round(longest)
            sizes = [1 << d for d in range(9, n.bit_length())]
            out.append({"t": "fill", "c": c, "rate": round(asked["rate"]), "n": n, "ns": round(1e9 * n / asked["rate"]), **times,
                        "doublings": [{"size": s, "n": s, "at": s, "response": [300, 400, round(longest * s / sizes[-1])],
                                       "service": [300, 400, max(400, round(longest * s / sizes[-1]))]} for s in sizes],
                        "counters": {"doublings": len(sizes)}})
        return out, len(team) * 1.3 * n / asked["rate"]
    if asked["course"] == "recorded":
        for c, _ in enumerate(team):
            out.append({"t": "recorded", "c": c, "offered": 120_000, "achieved": 120_000, "n": 120_000, "ns": 10**9,
                        **_times(120_000, 250, 2000 * scale[c], 60_000 * scale[c])})
        return out, len(team) * 1.1
    out += [{"t": "capacity", "c": c, "rate": round(capacity), "n": 1000, "service": _sparse({250: 1000})}
            for c in range(len(team))]
    if asked["course"] == "shapes":
        ns, window = round(1e6 * asked["ms"]), round(1e6 * asked["window_ms"])
        count = ns // window
        for c, _ in enumerate(team):
            for shape in ("even", "poisson", "burst", "step"):
                calm, loud = round(1000 * scale[c]), round(9000 * scale[c])
                tail = [loud if shape in ("burst", "step") and count // 3 <= w < count // 2 else calm for w in range(count)]
                marks = [count // 3 * window] if shape in ("burst", "step") else []
                out.append({"t": "shape", "c": c, "shape": shape, "offered": 1e6, "achieved": 1e6, "n": 1000 * count, "ns": ns,
                            "from": marks, "until": [m + window * (shape == "step") for m in marks], "window": window,
                            "due": [1000] * count, "done": [1000] * count, "p50": [300] * count, "p99": tail, "max": tail,
                            "counters": {}})
        return out, len(team) * 4 * 1.3 * asked["ms"] / 1000
    seconds = 0.0
    for c, spec in enumerate(team):
        of = 0 if spec == "null" else c
        for load, whose in [*((x, of) for x in asked["loads"]), *([(0.5, 0)] * (of != 0))]:
            rate, n = load * capacity, 120_000
            line = {"t": "latency", "c": c, "of": whose, "load": load, "offered": round(rate), "achieved": round(rate), "n": n,
                    "ns": 10**8}
            if load > 0.9 and spec != "null":
                line |= {"achieved": round(0.9 * rate), "saturated": 1}
            else:
                tail = 2000 * scale[c] / (1 - min(load, 0.9))
                line |= _times(n, 250, tail, 30 * tail)
                if "window_ms" in asked:
                    line |= windows(spec, round(1e6 * asked["window_ms"]), tail, rng)
            out.append(line)
            seconds += 1.2e-3 * min(asked["most_ms"], max(asked["least_ms"], 1.1e8 / rate))
    return out, seconds


def run(request: dict, plan: dict) -> int:
    """One visit. Returns the exit code."""
    mode = _misbehave(plan, request)
    team = request["contestants"]
    if mode == "fail":
        print("worker: unknown stream 'krr2'; use krr.", file=sys.stderr)
        return 2
    if mode == "refused":
        _say({"t": "refused", "why": "needs 12.1 GiB, 3.0 GiB available; use fewer keys"})
        return 4
    lines, _ = course(request)
    end = lines.pop()
    _say(lines.pop(0))
    if mode == "hang":
        time.sleep(3600)
    if mode == "slow":
        time.sleep(plan.get("seconds", 0.2))
    for line in lines:
        if line.get("b") == 1 and line.get("p") == 1:
            if mode == "garbage":
                sys.stdout.write("{\"t\":\"slice\",,}\n")
            if mode in ("crash", "half_line"):
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
    _say({**end, "visit": request["visit"] + (mode == "wrong_visit")})
    return 0


def main() -> int:
    plan = json.loads(os.environ.get("FAKE_WORKER", "{}"))
    arch = next((a.removeprefix("--arch=") for a in sys.argv[1:] if a.startswith("--arch=")), platform.machine())
    if "--describe" in sys.argv:
        _say(describe(arch, "wide" in sys._xoptions))
        return 0
    if "--check" in sys.argv:
        for line in sys.stdin:
            _say({"workload": json.loads(line)})
        return 0
    request = json.load(sys.stdin)
    if "log" in plan:
        with open(plan["log"], "a", encoding="utf-8") as log:
            log.write(json.dumps({**request, "program": sys.argv[0], "wide": "wide" in sys._xoptions}) + "\n")
    return run(request, plan)


if __name__ == "__main__":
    sys.exit(main())
