# SPDX-License-Identifier: Apache-2.0
"""Questions of how many threads there are."""

load("//experiments:catalogue/common.bzl", "COPIES_EVERYTHING", "EVERY_STRATEGY", "LIBRARIES", "LOCK_FREE_READS", "NEEDS_AN_HOUR")
load("//experiments:catalogue/workloads.bzl", "present")

THREADS = [
    {
        "name": "threads",
        "title": "What do more threads change?",
        "prose": "The session cache under one thread, under two, four and so on up to one a core, on every hardware " +
                 "thread where cores have several (labelled SMT), and on twice as many threads. Points with more " +
                 "threads than hardware threads are labelled oversubscribed: they show what the scheduler does to a " +
                 "map and are kept out of crossovers.",
        "kind": "discrete",
        "axis": {
            "name": "threads",
            "field": "threads",
            "scale": "log2",
            "unit": "",
            "values": ["powers", "all", "smt", "2x"],
        },
        "workload": present(10000, 97, 0.99),
        "regimes": ["stationary"],
        "threads": [],
        "baselines": ["mutex_map", "rw_mutex_map"],
        "contestants": ["sync_map", "hash_trie_map", "sharded_map"],
        "excludes": COPIES_EVERYTHING,
        "claims": ["000-C43", "001-C30", "002-C15"],
        "aa_visits": 6,
        "profiles": {
            "smoke": {"values": ["1", "all", "2x"], "baselines": ["mutex_map"], "contestants": ["sync_map"], "aa_visits": 0},
            "default": NEEDS_AN_HOUR % "threads",
            "hour": {
                "values": ["1", "all", "2x"],
                "baselines": ["mutex_map"],
                "contestants": LOCK_FREE_READS + ["sharded_map"] + LIBRARIES[:2] + ["adaptive_map"],
            },
            "full": {"contestants": EVERY_STRATEGY, "aa_visits": 12},
        },
    },
]
