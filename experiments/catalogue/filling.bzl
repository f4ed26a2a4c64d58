# SPDX-License-Identifier: Apache-2.0
"""Questions of maps that grow."""

load("//experiments:catalogue/common.bzl", "COPIES_EVERYTHING", "EVERY_STRATEGY", "LIBRARIES")
load("//experiments:catalogue/workloads.bzl", "fill")

FILLING = [
    {
        "name": "batch_init",
        "title": "How is a map of 10 000 keys best filled?",
        "prose": "One store after another, the same as one batch, and build-then-publish: a snapshot map that " +
                 "receives the batch while empty builds its table off-line and publishes it once. @reserve stands for " +
                 "a map whose space was reserved first, held against the same map growing; in the full profile a " +
                 "reserved regime gives all of them their space. 7 071 to 14 141 keys, 10 000 in the geometric mean.",
        "kind": "cells",
        "cells": [
            {"name": "fill_10k", "title": "Fill 10 000 integer keys", "workload": fill("u64")},
            {"name": "fill_10k_strings", "title": "Fill 10 000 string keys of 32 B", "workload": fill("string")},
        ],
        "regimes": ["growth", "reserved"],
        "threads": ["1"],
        "baselines": ["mutex_map"],
        "contestants": [
            "sync_map",
            "snapshot_map@batch",
            "mutex_map@batch",
            "mutex_map@reserve",
            "hash_trie_map",
            "sharded_map",
            "rw_mutex_map",
        ],
        "excludes": COPIES_EVERYTHING,
        "absolute": True,
        "claims": ["003-C01", "003-C02", "003-C04", "003-C08", "003-C13", "003-C31", "004-C10"],
        "aa_visits": 6,
        "profiles": {
            "smoke": {
                "cells": ["fill_10k"],
                "regimes": ["growth"],
                "contestants": ["sync_map", "snapshot_map@batch", "mutex_map@batch"],
                "ops": 1000,
                "aa_visits": 0,
            },
            "default": {
                "cells": ["fill_10k"],
                "regimes": ["growth"],
                "contestants": [
                    "sync_map",
                    "snapshot_map@batch",
                    "mutex_map@batch",
                    "mutex_map@reserve",
                    "sharded_map",
                    "cache_line_map",
                    "boost_concurrent_flat_map",
                ],
                "aa_visits": 2,
            },
            "hour": {
                "regimes": ["growth"],
                "contestants": [
                    "sync_map",
                    "snapshot_map@batch",
                    "mutex_map@batch",
                    "mutex_map@reserve",
                    "hash_trie_map",
                    "sharded_map",
                    "cache_line_map",
                ] + LIBRARIES,
            },
            "full": {
                "contestants": EVERY_STRATEGY + ["snapshot_map@batch", "mutex_map@batch", "sync_map@batch", "sharded_map@batch"],
                "aa_visits": 20,
            },
        },
    },
]
