#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes small synthetic runs whose answers are known.

    python3 -m report.testdata.make_testdata OUT_DIR [full|partial|empty|threads|small|cells|large]

Everything is simulated: no number here was measured, and the runs say so in
their note. The same seed gives the same bytes. The true effects are in
`EFFECTS`, so that tests can hold what the report says against what is so.

full      every kind of question, level, verdict and accident
partial   interrupted during the screen: a cut-off visit, half a last line
empty     run.json only, nothing measured yet
cells     a sweep and three cells, for several runs to be held against one another
small     a sweep and a cell with a few visits of every kind: what is damaged on purpose
large     full, each visit 49 times: a million slices
"""

from __future__ import annotations

import json
import math
import pathlib
import random
import sys

LAYOUTS = 4
LAYOUT_SD = 0.02  # of a strategy's time in a cell, between layouts
BASE_NS = 42.0  # time of the baseline per operation at one thread

# strategy -> family, summary, source, reads, writes, reclamation, growth,
# bytes of the object
STRATEGIES = {
    "mutex_map": ("lock", "One std::mutex around a chained table.",
                  "textbook", "blocking", "blocking", "none needed",
                  "doubles under the lock", 104),
    "rw_mutex_map": ("lock", "A writer-preferring read-write lock around a "
                     "chained table.", "Go sync.RWMutex", "blocking",
                     "blocking", "none needed", "doubles under the lock", 152),
    "sharded_map": ("sharded lock", "A power of two of locked tables chosen "
                    "by the high hash bits.", "textbook", "blocking",
                    "blocking", "none needed", "each shard doubles alone",
                    192),
    "sharded_map_packed": ("sharded lock", "The same, shards side by side.",
                           "textbook", "blocking", "blocking", "none needed",
                           "each shard doubles alone", 192),
    "shared_mutex_map": ("lock", "One std::shared_mutex around a chained "
                         "table.", "textbook", "blocking", "blocking",
                         "none needed", "doubles under the lock", 120),
    "sync_map_split": ("lock-free reads", "The same, with the read-only table "
                       "on its own cache line.", "this study", "lock-free",
                       "blocking", "epochs", "as sync_map", 320),
    "unsynchronised_map": ("single thread", "A chained table without a lock.",
                           "textbook", "single thread", "single thread",
                           "none needed", "doubles", 64),
    "sync_map": ("lock-free reads", "A read-only table beside a locked dirty "
                 "one, promoted after enough misses.", "Go sync.Map <= 1.23",
                 "lock-free", "blocking", "epochs", "the dirty table is "
                 "rebuilt once per promotion", 256),
    "hash_trie_map": ("lock-free reads", "A hash trie with a lock in every "
                      "inner node.", "Go internal/sync.HashTrieMap 1.24",
                      "lock-free", "blocking", "epochs",
                      "no rehash: nodes split", 128),
    "snapshot_map": ("copy on write", "Readers see an immutable table; a "
                     "write copies it.", "read-copy-update", "wait-free",
                     "blocking", "epochs", "every write copies", 64),
    "null": ("none", "Does nothing: the cost of the harness.", "this study",
             "wait-free", "wait-free", "none needed", "never", 1),
}


def _logistic(x: float, centre: float, width: float) -> float:
    return 1.0 / (1.0 + math.exp(-(x - centre) / width))


def effect(question: str, strategy: str, x: float | None, name: str | None,
           regime: str, threads: int) -> float:
    """True ln(time of mutex_map / time of `strategy`): positive is faster."""
    spec = strategy.split(":")[0].split("@")[0]
    if spec == "mutex_map":
        return 0.0
    if question == "reuse_threshold":
        shift = 0.06 if regime == "reserved" else 0.0
        return {
            # Crosses zero at 0.62 (0.56 reserved) and ln 1.47 at 0.88.
            "sync_map": 1.48 * (x - 0.62 + shift),
            "hash_trie_map": -0.75 + 0.25 * x,
            "sharded_map": (0.45 * (x - 0.35) if threads == 1
                            else 0.25 + 0.2 * x),
            "rw_mutex_map": -0.14 + 0.05 * x,
        }[spec]
    if question == "read_share":
        u = (x - 50) / 50
        return {
            "sync_map": -0.35 + 1.1 * _logistic(u, 0.8, 0.07),
            "hash_trie_map": -0.25 + 0.5 * u,
            "sharded_map": 0.004,
            "rw_mutex_map": -0.22 + 0.05 * math.sin(9 * u),
        }[spec]
    if question == "key_count":
        u = (math.log2(x) - 10) / 10
        return {"sync_map": -0.3 - 0.3 * u, "sharded_map": 0.02,
                "hash_trie_map": 0.32 - 0.55 * u}[spec]
    if question == "shards":
        return 0.11 * (math.log2(x) - 3.4)
    if question == "threads":
        return {"sync_map": -0.45 + 0.3 * math.log2(x),
                "sharded_map": -0.05 + 0.28 * math.log2(x)}[spec]
    if question == "batch_init":
        base = {"sync_map": -1.1, "hash_trie_map": -0.6, "sharded_map": -0.12,
                "snapshot_map": 0.55, "rw_mutex_map": 0.0}[spec]
        return base * (0.8 if regime == "reserved" else 1.0)
    if question == "standard_cells":
        return {
            ("sync_map", "uniform_read"): 0.58,
            ("hash_trie_map", "uniform_read"): 0.66,
            ("sharded_map", "uniform_read"): 0.015,
            ("sync_map", "hot_mix"): -0.4,
            ("hash_trie_map", "hot_mix"): 0.027,
            ("sharded_map", "hot_mix"): 0.21,
            ("sync_map", "session_cache"): 0.44,
            ("hash_trie_map", "session_cache"): 0.45,
            ("sharded_map", "session_cache"): 0.2,
        }[(spec, name)]
    return 0.0


def layout_effect(strategy: str, layout: int) -> float:
    """How much longer a strategy takes in a layout, as a log ratio."""
    spec = strategy.split(":")[0].split("@")[0]
    own = [random.Random(f"{spec} in layout {n}").gauss(0, LAYOUT_SD)
           for n in range(1, LAYOUTS + 1)]
    return own[layout - 1] - sum(own) / LAYOUTS


class Writer:
    """Appends simulated visits as the orchestrator and the worker would."""

    def __init__(self, directory: pathlib.Path, seed: int):
        self.directory = directory
        self.seed = seed
        self.rng = random.Random(seed)
        self.out: list[str] = []
        self.visits = 0
        self.repeat = 1  # how often each visit is made
        self.clock = 0.0
        self.cpus = 2
        self.seen: dict[str, int] = {}  # visits of each place
        self.shifts: dict[tuple[str, str], float] = {}  # added to an effect, by question and strategy
        self.run_sd = 0.0  # of an effect between runs, the same for all visits of a run

    def _put(self, record: dict) -> None:
        self.out.append(json.dumps(record, separators=(",", ":")))

    def _noise(self, sd: float) -> float:
        """t with 4 degrees of freedom, scaled to about `sd`."""
        chi = sum(self.rng.gauss(0, 1)**2 for _ in range(4))
        return sd * self.rng.gauss(0, 1) / math.sqrt(max(chi, 1e-6) / 4) / 1.41

    def _moved(self, question: str, spec: str, name: str | None) -> float:
        """How far this run's effect lies from the true one."""
        moved = self.shifts.get((question, spec), 0.0)
        if self.run_sd:
            moved += random.Random(f"{self.seed} {question} {spec} {name}").gauss(0, self.run_sd)
        return moved

    def _at(self) -> str:
        minutes, seconds = divmod(int(self.clock), 60)
        return f"2026-01-15T10:{minutes % 60:02d}:{seconds:02d}Z"

    def visit(self, *what, **how) -> None:
        """A visit, see _visit, `repeat` times."""
        for _ in range(self.repeat):
            self._visit(*what, **how)

    def _visit(self, question: str, contestants: list[str], workload: dict, *,
               axis: float | None = None, name: str | None = None,
               threads: int = 1, purpose: str = "screen", blocks: int = 6,
               arch: str = "x86_64", timed: bool = True, fate: str = "ok",
               sd: float | None = None) -> None:
        """One visit; `fate` is the status it ends with, or "lost"."""
        v = self.visits
        self.visits += 1
        regime = workload["regime"]
        sd = sd if sd is not None else (0.010 if threads == 1 else 0.018)
        place = f"{question} {contestants} {axis} {name} {threads} {regime}"
        turn = self.seen[place] = self.seen.get(place, -1) + 1
        layout = 1 + turn % LAYOUTS if timed else 1
        waited = round(abs(self.rng.gauss(0, 0.2)), 2)
        self.clock += waited
        self._put({"t": "visit", "v": v, "question": question,
                   "cell": {"axis": axis, "threads": threads,
                            "regime": regime, "name": name},
                   "contestants": contestants, "baseline": contestants[0],
                   "workload": workload, "threads": threads, "arch": arch,
                   "layout": layout, "timed": timed, "purpose": purpose,
                   "seed": 7919 * v + 1,
                   "at": self._at(), "oversubscribed": threads > self.cpus,
                   "gate": {"waited_s": waited, "other_cpu": round(
                       abs(self.rng.gauss(0, 0.01)), 3)}})
        reuse = axis if question == "reuse_threshold" else 0.9
        ops = 2000 if not timed else 60000
        self._put({"t": "realised", "v": v, "figures": {
            "ops": ops, "reuse_rate": round(
                reuse + self.rng.uniform(-4e-4, 4e-4), 5),
            "hit_rate": round(min(1.0, max(0.0, reuse)), 4),
            "distinct": max(1, round(ops * (1 - reuse))),
            "entropy_1024": round(10 - 1.5 * reuse, 3),
            "top100_share": round(0.01 + 0.2 * reuse**4, 4),
            "write_share": workload["mix"].get("store", 0) / 100}})
        of_visit = [self._noise(sd) for _ in contestants]
        count = len(contestants)
        for b in range(blocks):
            order = list(range(count))
            self.rng.shuffle(order)
            row = order + order[::-1]
            if fate in ("lost", "crashed") and b == blocks // 2:
                break
            for p, c in enumerate(row):
                spec = contestants[c]
                line = {"t": "slice", "v": v, "b": b, "p": p, "c": c, "n": ops}
                if timed:
                    base = BASE_NS * (1.0 if threads == 1 else 0.8)
                    if spec == "null":
                        ns = 1.9
                    else:
                        true = 0.0 if purpose == "aa" else effect(
                            question, spec, axis, name, regime, threads) + self._moved(
                                question, spec, name)
                        ns = base * math.exp(
                            -true + of_visit[c] + self._noise(0.008)
                            + (layout_effect(spec, layout)
                               if purpose == "cell" else 0))
                    line["ns"] = int(ns * ops)
                    line["rd"] = round(abs(self.rng.gauss(0, 0.002)), 4)
                    line["late"] = 0.0
                    if threads > 1:
                        uneven = abs(self.rng.gauss(0, 0.01))
                        line.update(least=round(1 - uneven, 4), most=round(1 + uneven, 4),
                                    jain=round(1 / (1 + uneven**2), 5), gap=int(1e5 + 1e7 * uneven))
                    if b == 0:
                        line["w"] = 1
                line["hits"] = int(ops * reuse)
                self._put(line)
            if timed and b and self.rng.random() < 0.02:
                self._put({"t": "reject", "v": v, "b": b, "why": "run_delay",
                           "value": round(self.rng.uniform(0.02, 0.08), 3)})
        self.clock += 0.9
        if fate == "lost":
            return
        if fate == "invalid":
            self._put({"t": "invalid", "v": v, "c": count - 1, "what":
                       f"{contestants[-1]} holds 59999 entries after the "
                       "slice instead of 60000"})
        elif fate == "ok":
            for c, spec in enumerate(contestants):
                if spec != "null":
                    self._put({"t": "memory", "v": v, "c": c, "entries": 10000,
                               "bytes": 10000 * (56 + 8 * c)})
                if spec == "sync_map":
                    self._put({"t": "counters", "v": v, "c": c, "counters": {
                        "promotions": 14, "entries_copied": 120000}})
            self._put({"t": "end", "v": v, "visit": v, "blocks": blocks - 1,
                       "changepoint": v % 97 == 96})
        exits = {"ok": 0, "invalid": 3, "crashed": -11, "hung": -9}
        self._put({"t": "visit_end", "v": v, "status": fate,
                   "exit": exits.get(fate, 1), "seconds": 0.9, "what": {
                       "invalid": "wrong final size",
                       "crashed": "the worker was killed by signal 11",
                       "hung": "no line for 30 s"}.get(fate, "")})

    def write(self, meta: dict, tail: str = "") -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "run.json").write_text(
            json.dumps(meta, indent=1) + "\n", encoding="utf-8")
        text = "".join(line + "\n" for line in self.out) + tail
        (self.directory / "samples.jsonl").write_text(text, encoding="utf-8")


def _describe() -> dict:
    return {
        "schema": 1, "arch": "x86_64", "compiler": "g++ 12.2.0",
        "flags": "-O2 -std=c++20", "clock": {"source": "CLOCK_MONOTONIC",
                                             "resolution_ns": 1},
        "fresh_page": {"bytes": 4096, "touch_ns": 250},
        "strategies": [{
            "name": name, "family": t[0], "summary": t[1], "source": t[2],
            "read_progress": t[3], "write_progress": t[4],
            "reclamation": t[5], "growth": t[6], "range": "weak",
            "batch_is_atomic": name == "snapshot_map",
            "after_deletion": "keeps the table",
            "keeps_every_key": True, "returns_results": name != "null",
            "max_threads": int(name == "unsynchronised_map"),
            "unsupported": [], "unsupported_reason": "",
            "caveat": "O(n) for every new key." if name == "snapshot_map"
                      else "",
            "object_bytes": t[7],
            "tunables": [{"name": "shards", "default": 32, "min": 1,
                          "max": 65536, "doc": "number of shards"}]
                        if name == "sharded_map" else [],
        } for name, t in STRATEGIES.items()]}


def _krr(reuse: float, regime: str) -> dict:
    return {"keys": {"stream": "krr", "reuse": reuse, "choice": "uniform",
                     "sharing": "private"},
            "mix": {"load_or_store": 100}, "population": 0, "prefill": 0.0,
            "regime": regime, "ops": 60000, "key_type": "u64",
            "key_bytes": 8, "value_type": "u64"}


def _stationary(population: int, load: int, theta: float = 0.0) -> dict:
    return {"keys": {"stream": "zipf", "theta": theta},
            "mix": {"load": load, "store": 100 - load},
            "population": population, "prefill": 1.0, "regime": "stationary",
            "ops": 0, "key_type": "u64", "key_bytes": 8, "value_type": "u64"}


def _entry(name: str, title: str, kind: str, **fields) -> dict:
    # As in the catalogue: an axis or cells, not both.
    return {"name": name, "title": title, "prose": fields.pop("prose", ""),
            "kind": kind, "regimes": fields.pop("regimes", ["stationary"]),
            "threads": fields.pop("threads", [1]),
            "baselines": fields.pop("baselines", ["mutex_map"]),
            "levels": fields.pop("levels", []),
            "claims": fields.pop("claims", []), **fields}


def _questions() -> list[dict]:
    return [
        _entry("reuse_threshold", "From which key reuse rate on does another "
               "map beat a mutex?", "sweep",
               prose="Every request is LoadOrStore on a map that starts "
               "empty; the key reuse rate is the share of requests whose key "
               "was seen before.",
               axis={"name": "key reuse rate", "field": "keys.reuse",
                     "scale": "linear", "lo": 0.0, "hi": 0.99, "unit": "",
                     "values": [0.0, 0.17, 0.33, 0.5, 0.66, 0.83, 0.99]},
               workload=_krr(0, "growth"), regimes=["growth", "reserved"],
               threads=[1, 2], contestants=["sync_map", "hash_trie_map",
                                            "sharded_map"],
               levels=[{"name": "plus_47_percent", "speedup": 1.47,
                        "claimed": 0.83, "tolerance": 0.02,
                        "claim": "000-C01"}], claims=["000-C01"]),
        _entry("read_share", "How many reads does a lock-free read need?",
               "sweep", prose="Reads and overwrites of 10 000 keys.",
               axis={"name": "share of reads", "field": "mix.load",
                     "scale": "linear", "lo": 50, "hi": 100, "unit": "%",
                     "values": [50, 58, 66, 75, 83, 92, 100]},
               workload=_stationary(10000, 50), threads=[2],
               contestants=["sync_map", "hash_trie_map", "sharded_map",
                            "rw_mutex_map"], claims=["001-C04"]),
        _entry("key_count", "Where does a larger key set turn the ranking?",
               "sweep", prose="Uniform reads over a growing population.",
               axis={"name": "keys", "field": "population", "scale": "log2",
                     "lo": 1024, "hi": 1048576, "unit": "",
                     "values": [1024, 3250, 10321, 32768, 104032, 330281,
                                1048576]},
               workload=_stationary(1024, 95),
               contestants=["sync_map", "hash_trie_map", "sharded_map"]),
        _entry("shards", "How many shards pay?", "discrete",
               prose="Writes to 10 000 keys under a varying number of shards.",
               axis={"name": "shards", "field": "tunable:shards",
                     "scale": "log2", "lo": 1, "hi": 64, "unit": "",
                     "values": [1, 4, 8, 16, 64]},
               workload=_stationary(10000, 50), threads=[2],
               contestants=["sharded_map:shards={}"], claims=["003-C26"]),
        _entry("threads", "What do more threads change?", "discrete",
               prose="The session cache mix under more threads.",
               axis={"name": "threads", "field": "threads", "scale": "log2",
                     "lo": 1, "hi": 8, "unit": "", "values": [1, 2, 4, 8]},
               workload=_stationary(10000, 97), threads=[1],
               contestants=["sync_map", "sharded_map"]),
        _entry("batch_init", "How is a map of 10 000 keys best filled?",
               "cells", prose="A loop of Store against one batch and against "
               "build-then-publish.",
               cells=[{"name": "fill_10k", "title": "Fill 10 000 keys",
                       "workload": dict(_stationary(10000, 0),
                                        regime="growth", prefill=0.0)}],
               regimes=["growth", "reserved"],
               contestants=["sync_map", "sharded_map", "snapshot_map@batch",
                            "hash_trie_map"], claims=["003-C01"]),
        _entry("standard_cells", "Which map wins the workloads the texts "
               "name?", "cells", prose="Three mixes, each as published.",
               cells=[{"name": "uniform_read", "title": "1M keys, reads only",
                       "workload": _stationary(1000000, 100)},
                      {"name": "hot_mix", "title": "10K keys, 30 % writes, "
                       "zipf 1.2", "workload": _stationary(10000, 70, 1.2)},
                      {"name": "session_cache", "title": "Session cache, 97:3",
                       "workload": _stationary(10000, 97, 0.99)}],
               threads=[2], contestants=["sync_map", "hash_trie_map",
                                         "sharded_map"]),
    ]


def meta(status: str = "complete") -> dict:
    return {
        "schema": 1, "run": "20260115T100000Z", "profile": "default",
        "command": "bazel run //experiments:all -- --profile default",
        "budget_s": 600, "seed": 1, "revision": "0123456789abcdef",
        "dirty": True, "started": "2026-01-15T10:00:00Z",
        "finished": None if status == "running" else "2026-01-15T10:09:30Z",
        "status": status, "note": "Synthetic data: simulated, not measured.",
        "environment": {
            "cpu": "Simulated processor", "cores": 2, "smt": False,
            "topology": {
                "cores": 2, "hardware_threads": 2, "efficiency_cores": 0,
                "sockets": ["0-1"], "nodes": ["0-1"],
                "last_level_caches": ["0-1"], "siblings": [], "hidden": "",
                "offline": "", "quota": None, "unknown": []},
            "kernel": "6.1.0", "thp": "madvise", "aslr": 2,
            "governor": None, "memory_bytes": 8 * 2**30,
            "hypervisor": "none", "os": "Debian GNU/Linux 12",
            "load_at_start": [0.1, 0.2, 0.1], "clock_source": "tsc"},
        "workers": {
            "x86_64": {"timed": True, "layouts": [
                f"{n:x}b" * 32 for n in range(1, LAYOUTS + 1)],
                       "describe": _describe()},
            "aarch64": {"timed": False, "emulator": "qemu-aarch64 7.2",
                        "layouts": ["cd" * 32],
                        "describe": dict(_describe(), arch="aarch64")}},
        "questions": _questions(),
        "not_asked": [{"question": "skew", "why": "the default profile has "
                       "no time for it; use --profile full"}],
        "skipped": [{"question": "reuse_threshold",
                     "contestant": "snapshot_map",
                     "why": "every new key copies the whole map"}],
        "withheld": [],
        "pin": "compact", "cpus": [0, 1],
        "threads": {"1": "", "2": "all cores", "4": "oversubscribed",
                    "8": "oversubscribed"},
        "rules": {"delta": {"1": 0.02, "2": 0.03, "4": 0.04, "8": 0.05},
                  "screen_points": 7,
                  "screen_visits": 3, "zoom_visits": 6, "min_visits": 10,
                  "max_visits": 60, "max_run_delay": 0.02,
                  "max_late_start": 0.02}}


def _many_threads(record: dict) -> dict:
    """Two of the questions on a machine of 128 cores, at five numbers of threads."""
    counts = [1, 2, 8, 32, 128]
    questions = [q for q in record["questions"]
                 if q["name"] in ("read_share", "standard_cells")]
    for question in questions:
        question["threads"] = counts
    topology = {
        "cores": 128, "hardware_threads": 128, "efficiency_cores": 0,
        "sockets": ["0-127"], "nodes": ["0-63", "64-127"],
        "last_level_caches": [f"{c}-{c + 1}" for c in range(0, 128, 2)],
        "siblings": [], "hidden": "128-159", "offline": "160", "quota": 130.5,
        "unknown": ["sockets"]}
    order = [c + 64 * i for c in range(64) for i in (0, 1)]
    return {**record, "questions": questions, "pin": "spread", "cpus": order,
            "threads": {str(n): "all cores" * (n == 128) for n in counts},
            "environment": {**record["environment"], "cores": 128,
                            "topology": topology},
            "rules": {**record["rules"], "delta": {
                "1": 0.02, "2": 0.03, "8": 0.05, "32": 0.05, "128": 0.05}}}


def proof() -> dict:
    """As the campaigns of maps/ write it: one contestant checked, two mutants, one of which survives."""
    return {
        "linearizability": {
            "schema": "linearizability/1",
            "contestants": {"sync_map": {
                "histories": 100000, "map_histories": 25000, "operations": 4321987, "longest": 61,
                "threads": [3, 4], "keys": [4, 8], "perturbed": "accesses", "violations": 0}},
            "excluded": {"null": "it returns no results"},
            "controls": {"load_then_store": {
                "flawed": "LoadOrStore as a Load and a Store", "histories": 2000, "map_histories": 0,
                "violations": 1733, "first_violation": 1, "unperturbed_violations": 275}},
            "litmus": {
                "rounds": 1000, "patterns": [
                    {"name": "store / load", "kind": "store buffering", "what": "neither saw the other's write"},
                    {"name": "independent reads", "kind": "independent reads", "what": "opposite orders"}],
                "contestants": {"sync_map": {
                    "store / load": {"rounds": 1000, "forbidden": 0},
                    "independent reads": {"skipped": "needs 4 processors, this machine has 2"}}},
                "excluded": {"null": "returns no results"},
                "controls": {"plain_unlock": {
                    "flawed": "a write ends with plain stores", "must_fail": True,
                    "patterns": {"store / load": {"rounds": 1000, "forbidden": 31}}}}}},
        "harness_price": {
            "recorded": "2026-01-15T10:00:00Z", "revision": "0123456", "cpu": "a simulated CPU",
            "reasons": {"sync_map": "its loop by hand is simulated"},
            "cells": [{"name": "hit_1k", "title": "1K keys, loads that hit"}],
            "rows": [
                {"contestant": "sync_map", "cell": "hit_1k", "by_hand_ns": 12.0, "price_ns": 1.5, "low_ns": 1.2,
                 "high_ns": 1.8, "visits": 10, "verdict": "dearer"},
                {"contestant": "mutex_map", "cell": "hit_1k", "by_hand_ns": 20.0, "price_ns": 0.1, "low_ns": None,
                 "high_ns": None, "visits": 1, "verdict": "open"}]},
        "memory": {"schema": 1, "strategies": {
            "null": {"peer": False, "excluded": "it stores nothing"},
            "sync_map": {"peer": False, "footprints": [
                {"entries": 1000, "size": 1000, "settled": 64000, "filled": 65000, "fill_peak": 90000,
                 "overwritten": 66000},
                {"entries": 100000, "size": None, "settled": 5600000, "filled": 5600000, "fill_peak": 8000000,
                 "overwritten": 5700000, "cycled": 6000000, "churned": 11200000, "deleted": 800000}]},
            "fixed_buckets": {"peer": True, "footprints": [
                {"entries": 1000, "size": 1000, "settled": 48000, "filled": 48000, "fill_peak": 48000,
                 "overwritten": 48000}]}}},
        "blocking": {
            "schema": 1, "cpus": 2, "slow_ms": 100, "wait_seconds": 5, "others": 3,
            "machine": {"writer": {"longest_ms": 8.04, "operations": 9, "others": 27},
                        "reader": {"longest_ms": 0.35, "operations": 9, "others": 27}},
            "strategies": {
                "null": {"excluded": "returns no results"},
                "sync_map": {
                    "keys_and_values": "of the user",
                    "holds_up": {
                        "compute": {"loads": "nobody", "loads_behind_store": "everybody", "stores": "everybody"},
                        "visitor": {"loads": "nobody", "loads_behind_store": "nobody", "stores": "nobody"}},
                    "waits": {"writer": {"longest_ms": 1234.5, "operations": 9, "others": 27},
                              "reader": {"longest_ms": 12.6, "operations": 9, "others": 27}}}}},
        "mutants": {
            "schema": 1, "rungs": {"threads": "conformance kit: several threads", "tsan": "ThreadSanitizer"},
            "mutants": [
                {"strategy": "sync_map", "what": "Promotes one miss late.", "survives": "",
                 "cells": {"threads": {"outcome": "hung", "by": "growth"}}},
                {"strategy": "sync_map", "what": "Counts with seq_cst.", "survives": "only slower",
                 "cells": {"threads": {"outcome": "survived", "by": ""}, "tsan": {"outcome": "survived", "by": ""}}}]}}


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
                work = (_krr(x, regime) if name == "reuse_threshold" else
                        _stationary(10000, int(x)) if name == "read_share"
                        else _stationary(int(x), 95))
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
            w.visit("reuse_threshold", ["mutex_map", "sync_map"], _krr(x, "growth"), axis=x, blocks=3)
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
        krr = record["questions"][0]
        for x in krr["axis"]["values"][:4]:
            w.visit("reuse_threshold", ["mutex_map", *krr["contestants"]],
                    _krr(x, "growth"), axis=x)
        w.visit("reuse_threshold", ["mutex_map", "sync_map"],
                _krr(0.5, "growth"), axis=0.5, fate="lost")
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
                _krr(0.5, "growth"), axis=0.5, fate="invalid")
        w.visit("read_share", ["mutex_map", "sync_map"],
                _stationary(10000, 75), axis=75, threads=2, fate="crashed")
        w.visit("read_share", ["mutex_map", "sync_map"],
                _stationary(10000, 83), axis=83, threads=2, fate="lost")
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
        record, w.cpus = _many_threads(record), 128
        for question in record["questions"]:
            _measure(w, question)
        for n in map(int, record["threads"]):
            for _ in range(4):
                w.visit("aa", ["mutex_map", "mutex_map"], _stationary(10000, 90),
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
