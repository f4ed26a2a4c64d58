# SPDX-License-Identifier: Apache-2.0
"""Questions of how many keys there are and which are popular."""

load("//experiments:catalogue/common.bzl", "COPIES_EVERYTHING", "EVERY_STRATEGY", "FEW_TO_ALL", "LIBRARIES", "LOCK_FREE_READS", "NEEDS_AN_HOUR")
load("//experiments:catalogue/workloads.bzl", "present")

KEYS = [
    {
        "name": "key_count",
        "title": "Does a larger key set turn the ranking?",
        "prose": "Reads to writes 9:1 on keys that are all present, from a thousand keys, which fit the cache, to ten " +
                 "million, which do not. An article reports a cliff of the read-write lock beyond 500 000 keys, " +
                 "although the lock's own cost does not depend on the number of keys.",
        "kind": "sweep",
        "axis": {
            "name": "keys",
            "field": "population",
            "scale": "log2",
            "lo": 1000,
            "hi": 10000000,
            "unit": "",
            "values": [1000, 4642, 21544, 100000, 464159, 2154435, 10000000],
        },
        "workload": present(1000, 90),
        "regimes": ["stationary"],
        "threads": FEW_TO_ALL,
        "baselines": ["rw_mutex_map", "mutex_map"],
        "contestants": ["sync_map", "hash_trie_map", "sharded_map"],
        "excludes": COPIES_EVERYTHING,
        "claims": ["002-C15", "002-C16", "002-C17", "002-C18", "003-C22"],
        "aa_visits": 6,
        "profiles": {
            "smoke": {
                "values": [10000],
                "threads": ["all"],
                "baselines": ["rw_mutex_map"],
                "contestants": ["sync_map", "hash_trie_map"],
                "aa_visits": 0,
            },
            # Filling ten million keys takes longer than the default profile
            # has for a whole pair.
            "default": NEEDS_AN_HOUR % "key_count",
            # Up to the size beyond which filling takes longer than measuring.
            "hour": {
                "values": [1000, 10000, 100000, 1000000],
                "hi": 1000000,
                "threads": ["all"],
                "baselines": ["rw_mutex_map"],
                "contestants": LOCK_FREE_READS + ["sharded_map"] + LIBRARIES[:2],
            },
            "full": {"aa_visits": 12},
        },
    },
    {
        "name": "million_strings",
        "title": "Does a read-write lock fall off a cliff beyond half a million strings?",
        "prose": "Strings of 32 bytes that are all present, from a thousand to two million. Two articles let 500 readers and 50 " +
                 "writers loose on a million of them; tasks beyond the cores there are would measure the scheduler, so their " +
                 "operations are dealt to the threads there are: ten loads to a store. What waits for what? A lock's own cost " +
                 "does not depend on the number of keys, and waiting for memory does not depend on the lock. line_touch hashes " +
                 "the key and touches one line, without a lock and without comparing: how it falls with the number of keys is " +
                 "what memory alone does. A map that loses more than it from a thousand keys to a million compares and follows " +
                 "pointers; what a lock loses to sync.Map already at a thousand is waiting for the lock.",
        "kind": "sweep",
        "axis": {
            "name": "keys",
            "field": "population",
            "scale": "log2",
            "lo": 1000,
            "hi": 2000000,
            "unit": "",
            "values": [1000, 10000, 50000, 200000, 500000, 1000000, 2000000],
        },
        "workload": dict(present(1000, 0), mix = {"load": 1000.0 / 11, "store": 100.0 / 11}, key_type = "string", key_bytes = 32),
        "regimes": ["stationary"],
        "threads": ["1", "2", "8", "half", "all"],
        "baselines": ["rw_mutex_map", "sync_map"],
        "contestants": ["sync_map", "mutex_map", "sharded_map", "line_touch"],
        "excludes": COPIES_EVERYTHING,
        "claims": ["001-C30", "002-C18"],
        "aa_visits": 4,
        "profiles": {
            # One point: of a curve there are enough others in this profile, which has 90 seconds.
            "smoke": {
                "values": [10000],
                "threads": ["all"],
                "baselines": ["rw_mutex_map"],
                "contestants": ["sync_map"],
                "aa_visits": 0,
            },
            "default": NEEDS_AN_HOUR % "million_strings",
            "hour": {
                "values": [1000, 50000, 1000000],
                "hi": 1000000,
                "threads": ["all"],
                "baselines": ["rw_mutex_map"],
                "aa_visits": 0,
            },
            "full": {"aa_visits": 12},
        },
    },
    {
        "name": "skew",
        "title": "What does skew in the popularity of keys change?",
        "prose": "Loads and overwriting stores 8:2 on 10 000 keys, from uniform popularity to zipf 1.4, where one key " +
                 "draws a third of all operations. Skew is kind to caches and unkind to locks on hot shards.",
        "kind": "sweep",
        "axis": {
            "name": "zipf exponent",
            "field": "keys.theta",
            "scale": "linear",
            "lo": 0.0,
            "hi": 1.7,
            "unit": "",
            "values": [0.0, 0.3, 0.6, 0.9, 1.2, 1.45, 1.7],
        },
        # Exponent 0 is uniform.
        "workload": present(10000, 80, 0.99),
        "regimes": ["stationary"],
        "threads": FEW_TO_ALL,
        "baselines": ["mutex_map"],
        "contestants": ["sync_map", "hash_trie_map", "sharded_map"],
        "excludes": COPIES_EVERYTHING,
        "claims": ["000-C32", "003-C36"],
        "aa_visits": 6,
        "profiles": {
            "smoke": {"values": [0.0, 1.2], "threads": ["all"], "contestants": ["sync_map", "sharded_map"], "aa_visits": 0},
            "default": NEEDS_AN_HOUR % "skew",
            "hour": {
                "values": [0.0, 0.4, 0.8, 1.2, 1.7],
                "threads": ["all"],
                "contestants": LOCK_FREE_READS + ["sharded_map"] + LIBRARIES[:2] + ["adaptive_map"],
            },
            "full": {"contestants": EVERY_STRATEGY, "aa_visits": 12},
        },
    },
    {
        "name": "hybrid",
        "title": "Is a part for hot keys worth having?",
        "prose": "Reads to writes 9:1; nine of ten operations go to the hot keys: the given share of all. hot_cold_map " +
                 "keeps up to 2048 of those read most in a part that is read without a lock, before a map under a " +
                 "read-write lock. Is it ahead of either kind of map alone, and with how many threads?",
        "kind": "cells",
        "cells": [
            {
                "name": "hot_%d_percent%s" % (percent, name),
                "title": "%d %% of %s keys hot" % (percent, keys),
                "workload": dict(
                    present(population, 90),
                    keys = {"stream": "hot_set", "hot_fraction": percent / 100, "hot_share": 0.9},
                ),
            }
            for percent, keys, population, name in [
                (1, "10K", 10000, ""),
                (5, "10K", 10000, ""),
                (10, "10K", 10000, ""),
                (20, "10K", 10000, ""),
                (50, "10K", 10000, ""),
                (10, "64", 64, "_of_64"),
                (10, "512", 512, "_of_512"),
            ]
        ],
        "regimes": ["stationary"],
        "threads": FEW_TO_ALL,
        "baselines": ["rw_mutex_map"],
        "contestants": ["hot_cold_map", "sync_map", "sharded_map:shards=64"],
        "excludes": COPIES_EVERYTHING,
        "claims": ["003-C23"],
        "aa_visits": 6,
        "profiles": {
            "smoke": {"cells": ["hot_10_percent"], "threads": ["all"], "aa_visits": 0},
            "default": NEEDS_AN_HOUR % "hybrid",
            "hour": {"cells": ["hot_1_percent", "hot_10_percent", "hot_10_percent_of_64"], "threads": ["all"], "aa_visits": 2},
            "full": {
                "contestants": ["hot_cold_map", "hot_cold_map:hot_capacity=8192"] + LOCK_FREE_READS +
                               ["sharded_map:shards=64", "adaptive_map"] + LIBRARIES,
                "aa_visits": 12,
            },
        },
    },
]
