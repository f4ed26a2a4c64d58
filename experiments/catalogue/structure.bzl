# SPDX-License-Identifier: Apache-2.0
"""Questions of how a map is built: what one of its tunables or variants changes."""

load("//experiments:catalogue/common.bzl", "FEW_TO_ALL", "NEEDS_AN_HOUR", "ONE_AND_ALL")
load("//experiments:catalogue/workloads.bzl", "present", "present_cells", "steady")

# The forms of one map that differ in their orders.
_ORDERS_OF = {
    name: [name, name + "_acq_rel", name + "_seq_cst"]
    for name in ["sync_map", "snapshot_map"]
}

# The forms of one map that differ in their reclamation.
_RECLAIMED = {
    "sync_map": ["sync_map", "sync_map_qsbr", "sync_map_memb"],
    "hash_trie_map": ["hash_trie_map", "hash_trie_map_qsbr", "hash_trie_map_memb"],
    "snapshot_map": ["snapshot_map", "snapshot_map_hazard", "snapshot_map_qsbr", "snapshot_map_shared_ptr"],
}

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
        "claims": ["000-C43", "003-C26", "003-C27", "003-C28"],
        "aa_visits": 6,
        "profiles": {
            "smoke": {"values": [1, 64], "threads": ["all"], "aa_visits": 0},
            "default": {
                "values": [1, 64, 256],
                "threads": ["all"],
                "contestants": ["sharded_map:shards={}"],
                "aa_visits": 0,
            },
            "hour": {
                "values": [1, 2, 8, 64, 256, 1024],
                "threads": ["all"],
            },
            "full": {"aa_visits": 12},
        },
    },
    {
        "name": "memory_order",
        "title": "What do stronger memory orders cost a whole operation?",
        "prose": "The same map three times: with the orders it needs, with every access acquire and release, with every " +
                 "access sequentially consistent. On x86-64 all loads are the same instruction and only stores " +
                 "differ; on ARM loads do too. Of a map that copies when it writes (snapshot_map) reads are asked alone.",
        "kind": "cells",
        "cells": [
            {
                "name": "reads",
                "title": "sync.Map, 1K keys, reads only",
                "only": _ORDERS_OF["sync_map"],
                "workload": present(1000, 100),
            },
            {
                "name": "read_share_90",
                "title": "sync.Map, 1K keys, reads to writes 9:1",
                "only": _ORDERS_OF["sync_map"],
                "workload": present(1000, 90),
            },
            {
                "name": "snapshot_reads",
                "title": "snapshot_map, 1K keys, reads only",
                "only": _ORDERS_OF["snapshot_map"],
                "workload": present(1000, 100),
            },
        ],
        "regimes": ["stationary"],
        "threads": FEW_TO_ALL,
        "baselines": ["sync_map_seq_cst", "snapshot_map_seq_cst"],
        "contestants": ["sync_map", "sync_map_acq_rel", "snapshot_map", "snapshot_map_acq_rel"],
        "absolute": True,
        "claims": ["002-C09", "004-C09"],
        "aa_visits": 6,
        "profiles": {
            "smoke": {"cells": ["read_share_90"], "threads": ["all"], "aa_visits": 0},
            "default": NEEDS_AN_HOUR % "memory_order",
            "hour": {"threads": ["1"], "aa_visits": 2},
            "full": {"aa_visits": 12},
        },
    },
    {
        "name": "fast_path",
        "title": "What does a path of its own for integer keys gain?",
        "prose": "Go's table in the days of 8-slot buckets, under a mutex that nobody contends for, twice: comparing " +
                 "keys of eight bytes at once, and by the generic path that compares bytes of hashes first. " +
                 "Loads that hit, of 64 keys and of 2048. The original's claim is about a change of the compiler.",
        "kind": "cells",
        "cells": [
            {"name": "keys_64", "title": "64 keys", "workload": present(64, 100)},
            {"name": "keys_2k", "title": "2048 keys", "workload": present(2048, 100)},
        ],
        "regimes": ["stationary"],
        "threads": ["1"],
        "baselines": ["mutex_bucket_map_generic"],
        "contestants": ["mutex_bucket_map"],
        "claims": ["001-C33"],
        "aa_visits": 4,
        "profiles": {
            "smoke": {"cells": ["keys_64"], "aa_visits": 0},
            "default": NEEDS_AN_HOUR % "fast_path",
            "hour": {"aa_visits": 2},
            "full": {"aa_visits": 12},
        },
    },
    {
        "name": "home_design",
        "title": "One cache line or two, and what is fetched ahead of need?",
        "prose": "cache_line_map as it is, two adjacent lines of seven entries for each place, of which the second is sent for " +
                 "before the first is looked at, against three others of the same memory per entry: without sending " +
                 "for it (in_turn), with key and value read by one load of 16 bytes (pairs), and with places of one line " +
                 "and three entries, of which four times as many have more entries than room (one_line).",
        "kind": "cells",
        "cells": present_cells([("1K", 1000), ("1M", 1000000), ("16M", 16000000)], [0, 50]) + [
            {"name": "keys_1m_misses", "title": "1M keys, loads that miss", "workload": dict(present(1000000, 100), miss = 100)},
        ],
        "regimes": ["stationary"],
        "threads": ONE_AND_ALL,
        "baselines": ["cache_line_map"],
        "contestants": ["cache_line_map_in_turn", "cache_line_map_pairs", "cache_line_map_one_line"],
        "aa_visits": 6,
        "profiles": {
            "smoke": {"cells": ["keys_1k_writes_0"], "threads": ["1"], "aa_visits": 0},
            "default": NEEDS_AN_HOUR % "home_design",
            "hour": {"cells": ["keys_1m_writes_0", "keys_1m_writes_50"], "threads": ["1"], "aa_visits": 2},
            "full": {"aa_visits": 12},
        },
    },
    {
        "name": "reclamation",
        "title": "What does each way of reclaiming memory cost readers and writers?",
        "prose": "The same map over different reclamation. sync.Map and the hash trie: epochs (their own), quiescent " +
                 "states and membarrier (liburcu). snapshot_map, which retires a whole table with every store: " +
                 "epochs, hazard pointers, quiescent states, reference counts. Quiescent states are announced after " +
                 "every operation, as a map must that knows nothing of its callers.",
        "kind": "cells",
        "cells": [
            {
                "name": "%s_%s" % (of, name),
                "title": "%s, %s" % (of, title),
                "only": _RECLAIMED[of],
                "workload": workload,
            }
            for of, name, title, workload in [
                ("sync_map", "reads", "10K keys, reads only", present(10000, 100)),
                ("sync_map", "writes_50", "10K keys, half writes", present(10000, 50)),
                ("hash_trie_map", "reads", "10K keys, reads only", present(10000, 100)),
                ("hash_trie_map", "deletes", "5K of 10K keys, half stores, half deletions", steady(10000, {"store": 50, "delete": 50})),
                ("snapshot_map", "reads", "10K keys, reads only", present(10000, 100)),
                ("snapshot_map", "writes_1", "100 keys, 1 % writes", present(100, 99)),
            ]
        ],
        "regimes": ["stationary"],
        "threads": FEW_TO_ALL,
        "baselines": ["sync_map", "hash_trie_map", "snapshot_map"],
        "contestants": [name for names in _RECLAIMED.values() for name in names if name not in _RECLAIMED],
        "aa_visits": 6,
        "profiles": {
            "smoke": {"cells": ["sync_map_reads"], "threads": ["all"], "aa_visits": 0},
            "default": NEEDS_AN_HOUR % "reclamation",
            "hour": {"threads": ["all"], "aa_visits": 2},
            "full": {"aa_visits": 12},
        },
    },
    {
        "name": "placement",
        "title": "Does it matter which words share a cache line?",
        "prose": "The pointer that every reader of sync.Map loads lies beside its mutex, which every writer of a new key " +
                 "takes: on one line (as in Go), or on lines of their own. With one thread, or where all threads share " +
                 "one core's caches, no difference can show; with cores of their own, readers_and_locker has readers " +
                 "while keys come and go.",
        "kind": "cells",
        "cells": [
            {
                "name": "readers_and_locker",
                "title": "500 of 1000 keys, 90 % loads, 5 % stores, 5 % deletions",
                "workload": steady(1000, {"load": 90, "store": 5, "delete": 5}),
            },
            {"name": "readers", "title": "1000 keys, reads only", "workload": present(1000, 100)},
        ],
        "regimes": ["stationary"],
        "threads": FEW_TO_ALL,
        "baselines": ["sync_map"],
        "contestants": ["sync_map_split"],
        "claims": ["001-C20"],
        "aa_visits": 4,
        "profiles": {
            "smoke": {"cells": ["readers_and_locker"], "threads": ["all"], "aa_visits": 0},
            "default": NEEDS_AN_HOUR % "placement",
            "hour": {"threads": ["all"], "aa_visits": 2},
            "full": {"aa_visits": 12},
        },
    },
    {
        "name": "batcher",
        "title": "How many stores should wait to be applied together?",
        "prose": "Overwriting stores of 10 000 keys. write_batch_map lets them wait in a ring of 4096 places and applies " +
                 "them under one hold of its lock: when so many wait, or the oldest for an interval. Against a map that " +
                 "takes its mutex for each. A batch of 1 is the cost of the ring alone. The interval is 10 ms, and in the " +
                 "full profile 0.1 to 100 ms too; at full speed it hardly ever passes before a batch is full, unless it is the " +
                 "shortest and the batch is large. How late a store becomes visible is asked by batch_delay.",
        "kind": "discrete",
        "axis": {
            "name": "batch",
            "field": "tunable:batch",
            "scale": "log2",
            "lo": 1,
            "hi": 1024,
            "unit": "",
            "values": [1, 4, 16, 64, 256, 1024],
        },
        "workload": present(10000, 0),
        "regimes": ["stationary"],
        "threads": FEW_TO_ALL,
        "baselines": ["mutex_map"],
        "contestants": ["write_batch_map:batch={},ring=4096"],
        "claims": ["003-C31", "004-C28"],
        "aa_visits": 4,
        "profiles": {
            "smoke": {"values": [64], "threads": ["all"], "aa_visits": 0},
            "default": NEEDS_AN_HOUR % "batcher",
            "hour": {"values": [1, 16, 64, 1024], "threads": ONE_AND_ALL, "aa_visits": 2},
            "full": {
                "contestants": ["write_batch_map:batch={},ring=4096"] +
                               ["write_batch_map:batch={},flush_interval_us=%d,ring=4096" % us for us in [100, 1000, 100000]],
                "aa_visits": 12,
            },
        },
    },
]
