# SPDX-License-Identifier: Apache-2.0
"""Questions of how a map is built: what one of its tunables or variants changes."""

load("//experiments:catalogue/common.bzl", "FEW_TO_ALL")
load("//experiments:catalogue/workloads.bzl", "present")

STRUCTURE = [
    {
        "name": "shards",
        "title": "How many shards pay, and does padding them?",
        "prose": "Loads and stores in equal parts on 10 000 keys, against one mutex around one table. Shard counts up " +
                 "to 1024, each shard on its own cache line; the full profile also packs them side by side.",
        "kind": "discrete",
        "axis": {
            "name": "shards",
            "field": "tunable:shards",
            "scale": "log2",
            "lo": 1,
            "hi": 1024,
            "unit": "",
            "values": [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024],
        },
        "workload": present(10000, 50),
        "regimes": ["stationary"],
        "threads": FEW_TO_ALL,
        "baselines": ["mutex_map"],
        "contestants": ["sharded_map:shards={}", "sharded_map_packed:shards={}"],
        "excludes": [],
        "levels": [],
        "claims": ["000-C43", "003-C26", "003-C27", "003-C28"],
        "aa_visits": 6,
        "profiles": {
            "smoke": {"values": [1, 64], "threads": ["all"], "aa_visits": 0},
            "default": {
                "values": [1, 8, 64, 512],
                "threads": ["all"],
                "contestants": ["sharded_map:shards={}"],
                "aa_visits": 0,
            },
            "full": {"aa_visits": 12},
        },
    },
]
