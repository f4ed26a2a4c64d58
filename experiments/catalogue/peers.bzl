# SPDX-License-Identifier: Apache-2.0
"""Questions of maps that other people wrote."""

load("//experiments:catalogue/common.bzl", "FEW_TO_ALL", "FIXED_LISTS", "LIBRARIES", "NEEDS_AN_HOUR", "PEERS")
load("//experiments:catalogue/workloads.bzl", "present_cells")

PEERS_IN_USE = [
    {
        "name": "peers",
        "title": "How far are the libraries in use from one cache line per operation?",
        "prose": "Loads and overwriting stores of keys that are all present, uniformly chosen: a thousand keys to four " +
                 "million, none, a tenth and half of the operations stores. cache_line_map, built for these cells, " +
                 "against the maps that other people wrote, two of this study, and line_touch, which touches " +
                 "one line per operation and finds nothing: no map can be faster than that. Filling and growing, " +
                 "where a map pays for its layout, is the subject of batch_init.",
        "kind": "cells",
        "cells": present_cells(
            [("1K", 1000), ("10K", 10000), ("100K", 100000), ("1M", 1000000), ("4M", 4000000)],
            [0, 10, 50],
        ),
        "regimes": ["stationary"],
        "threads": FEW_TO_ALL,
        "baselines": ["cache_line_map"],
        "contestants": [name for name in PEERS if name not in FIXED_LISTS] +
                       ["hash_trie_map", "sharded_map:shards=64", "line_touch"],
        "excludes": [
            {
                "strategy": name,
                "why": "its lists do not get more: with millions of keys an operation walks thousands of nodes",
            }
            for name in FIXED_LISTS
        ],
        "levels": [],
        "claims": [],
        "aa_visits": 6,
        "profiles": {
            "smoke": {
                "cells": ["keys_10k_writes_10"],
                "threads": ["all"],
                "contestants": PEERS[:1] + ["hash_trie_map", "line_touch"],
                "aa_visits": 0,
            },
            "default": NEEDS_AN_HOUR % "peers",
            "hour": {
                "cells": ["keys_10k_writes_0", "keys_10k_writes_10", "keys_10k_writes_50", "keys_1m_writes_10"],
                "threads": ["all"],
                "contestants": LIBRARIES + ["libcuckoo_map", "hash_trie_map", "sharded_map:shards=64", "line_touch"],
            },
            "full": {"aa_visits": 20},
        },
    },
]
