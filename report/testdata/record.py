# SPDX-License-Identifier: Apache-2.0
"""run.json of the synthetic runs: questions, machine, worker, and what was proven beforehand."""

from __future__ import annotations

from report.testdata.effects import LAYOUTS, STRATEGIES


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


def krr(reuse: float, regime: str) -> dict:
    return {"keys": {"stream": "krr", "reuse": reuse, "choice": "uniform",
                     "sharing": "private"},
            "mix": {"load_or_store": 100}, "population": 0, "prefill": 0.0,
            "regime": regime, "ops": 60000, "key_type": "u64",
            "key_bytes": 8, "value_type": "u64"}


def stationary(population: int, load: int, theta: float = 0.0) -> dict:
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
               workload=krr(0, "growth"), regimes=["growth", "reserved"],
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
               workload=stationary(10000, 50), threads=[2],
               contestants=["sync_map", "hash_trie_map", "sharded_map",
                            "rw_mutex_map"], claims=["001-C04"]),
        _entry("key_count", "Where does a larger key set turn the ranking?",
               "sweep", prose="Uniform reads over a growing population.",
               axis={"name": "keys", "field": "population", "scale": "log2",
                     "lo": 1024, "hi": 1048576, "unit": "",
                     "values": [1024, 3250, 10321, 32768, 104032, 330281,
                                1048576]},
               workload=stationary(1024, 95),
               contestants=["sync_map", "hash_trie_map", "sharded_map"]),
        _entry("shards", "How many shards pay?", "discrete",
               prose="Writes to 10 000 keys under a varying number of shards.",
               axis={"name": "shards", "field": "tunable:shards",
                     "scale": "log2", "lo": 1, "hi": 64, "unit": "",
                     "values": [1, 4, 8, 16, 64]},
               workload=stationary(10000, 50), threads=[2],
               contestants=["sharded_map:shards={}"], claims=["003-C26"]),
        _entry("threads", "What do more threads change?", "discrete",
               prose="The session cache mix under more threads.",
               axis={"name": "threads", "field": "threads", "scale": "log2",
                     "lo": 1, "hi": 8, "unit": "", "values": [1, 2, 4, 8]},
               workload=stationary(10000, 97), threads=[1],
               contestants=["sync_map", "sharded_map"]),
        _entry("batch_init", "How is a map of 10 000 keys best filled?",
               "cells", prose="A loop of Store against one batch and against "
               "build-then-publish.",
               cells=[{"name": "fill_10k", "title": "Fill 10 000 keys",
                       "workload": dict(stationary(10000, 0),
                                        regime="growth", prefill=0.0)}],
               regimes=["growth", "reserved"],
               contestants=["sync_map", "sharded_map", "snapshot_map@batch",
                            "hash_trie_map"], claims=["003-C01"]),
        _entry("standard_cells", "Which map wins the workloads the texts "
               "name?", "cells", prose="Three mixes, each as published.",
               cells=[{"name": "uniform_read", "title": "1M keys, reads only",
                       "workload": stationary(1000000, 100)},
                      {"name": "hot_mix", "title": "10K keys, 30 % writes, "
                       "zipf 1.2", "workload": stationary(10000, 70, 1.2)},
                      {"name": "session_cache", "title": "Session cache, 97:3",
                       "workload": stationary(10000, 97, 0.99)}],
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


def many_threads(record: dict) -> dict:
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
