# SPDX-License-Identifier: Apache-2.0
"""Questions of how many operations of each kind there are."""

load("//experiments:catalogue/common.bzl", "COPIES_EVERYTHING", "EVERY_STRATEGY", "FEW_TO_ALL")
load("//experiments:catalogue/workloads.bzl", "present")

MIXES = [
    {
        "name": "read_share",
        "title": "How large must the share of reads be before lock-free reads pay?",
        "prose": "Loads and overwriting stores of 10 000 keys that are all present, uniformly chosen. The share of " +
                 "loads goes from one half to all. A rule of thumb in circulation says: not above 10 % writes. The " +
                 "answer depends on what one would use instead: one lock around everything, or 64 of them.",
        "kind": "sweep",
        "axis": {
            "name": "share of reads",
            "field": "mix.load",
            "rest": "store",
            "scale": "linear",
            "lo": 50,
            "hi": 100,
            "unit": "%",
            "values": [50, 60, 70, 80, 90, 95, 100],
        },
        "workload": present(10000, 50),
        "regimes": ["stationary"],
        "threads": FEW_TO_ALL,
        "baselines": ["mutex_map", "rw_mutex_map", "sharded_map:shards=64"],
        "contestants": ["sync_map", "hash_trie_map"],
        "excludes": COPIES_EVERYTHING,
        "levels": [],
        "claims": ["000-C36", "000-C42", "001-C09", "002-C04"],
        "aa_visits": 6,
        "profiles": {
            "smoke": {"values": [50, 90, 100], "threads": ["all"], "baselines": ["mutex_map"], "population": 1000, "aa_visits": 0},
            "default": {"threads": ["all"], "baselines": ["mutex_map", "sharded_map:shards=64"]},
            "full": {"contestants": EVERY_STRATEGY, "aa_visits": 20},
        },
    },
    {
        "name": "standard_cells",
        "title": "Which map wins the workloads that the articles themselves name?",
        "prose": "The mixes as published, with the readings this study had to choose. Writes are stores to keys that " +
                 "are present (the session cache is read as 3 % overwrites, not as new sessions), and reads are " +
                 "loads that hit. Zipf keys come from rejection-inversion, which is exact at exponent 1.2.",
        "kind": "cells",
        "cells": [
            {
                "name": "uniform_read",
                "title": "1M keys, reads only, uniform",
                "workload": present(1000000, 100),
            },
            {
                "name": "hot_mix",
                "title": "10K keys, 30 % writes, zipf 1.2",
                "workload": present(10000, 70, 1.2),
            },
            {
                "name": "write_heavy",
                "title": "100K keys, 95 % writes, uniform",
                "workload": present(100000, 5),
            },
            {
                "name": "mixed_8_2",
                "title": "10K keys, reads to writes 8:2, uniform",
                "workload": present(10000, 80),
            },
            {
                # The article gives neither the number of sessions nor their
                # popularity: 10K sessions, zipf 0.99 as in YCSB.
                "name": "session_cache",
                "title": "Session cache: 10K keys, reads to writes 97:3, zipf 0.99",
                "workload": present(10000, 97, 0.99),
            },
        ],
        "regimes": ["stationary"],
        "threads": FEW_TO_ALL,
        "baselines": ["rw_mutex_map", "mutex_map"],
        "contestants": ["sync_map", "hash_trie_map", "sharded_map:shards=64"],
        "excludes": COPIES_EVERYTHING,
        "levels": [],
        "claims": ["000-C31", "000-C32", "000-C33", "000-C45", "000-C46", "000-C47", "001-C01"],
        "aa_visits": 6,
        "profiles": {
            "smoke": {"cells": ["mixed_8_2", "session_cache"], "threads": ["all"], "baselines": ["rw_mutex_map"], "aa_visits": 0},
            # The articles compare with a read-write lock, so it is the baseline.
            # Without uniform_read: filling four maps of a million keys takes
            # ten times as long as the visit's measurement.
            "default": {
                "cells": ["hot_mix", "write_heavy", "mixed_8_2", "session_cache"],
                "threads": ["all"],
                "baselines": ["rw_mutex_map"],
            },
            "full": {"contestants": EVERY_STRATEGY + ["sharded_map:shards=64"], "aa_visits": 20},
        },
    },
]
