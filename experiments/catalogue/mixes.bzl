# SPDX-License-Identifier: Apache-2.0
"""Questions of how many operations of each kind there are."""

load("//experiments:catalogue/common.bzl", "COPIES_EVERYTHING", "EVERY_STRATEGY", "FEW_TO_ALL", "LIBRARIES", "LOCK_FREE_READS", "NEEDS_AN_HOUR")
load("//experiments:catalogue/workloads.bzl", "krr", "present", "steady")

# What the questions about keys that come and go share. `smoke` and `hour` say which cells these profiles ask.
def _come_and_go(name, baseline, smoke, hour, regimes = ["stationary"], claims = []):
    return {
        "name": name,
        "kind": "cells",
        "regimes": regimes,
        "threads": FEW_TO_ALL,
        "baselines": [baseline],
        "contestants": ["sync_map", "hash_trie_map", "sharded_map:shards=64"],
        "excludes": COPIES_EVERYTHING,
        "claims": claims,
        "aa_visits": 6,
        "profiles": {
            "smoke": dict(smoke, threads = ["all"], aa_visits = 0),
            "default": NEEDS_AN_HOUR % name,
            "hour": dict(
                hour,
                threads = ["all"],
                contestants = LOCK_FREE_READS + ["sharded_map:shards=64"] + LIBRARIES[:2],
                aa_visits = 2,
            ),
            "full": {"contestants": EVERY_STRATEGY + ["sharded_map:shards=64"], "aa_visits": 12},
        },
    }

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
        "claims": ["000-C36", "000-C42", "001-C09", "002-C04"],
        "aa_visits": 6,
        "profiles": {
            "smoke": {"values": [50], "threads": ["all"], "baselines": ["mutex_map"], "population": 1000, "aa_visits": 0},
            "default": {
                "values": [50, 75, 95, 100],
                "threads": ["all"],
                "baselines": ["mutex_map", "sharded_map:shards=64"],
                "contestants": LOCK_FREE_READS + LIBRARIES[:1],
                "aa_visits": 3,
            },
            "hour": {
                "threads": ["all"],
                "baselines": ["mutex_map", "sharded_map:shards=64"],
                "contestants": LOCK_FREE_READS + LIBRARIES + ["adaptive_map"],
            },
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
        "claims": ["000-C31", "000-C32", "000-C33", "000-C45", "000-C46", "000-C47", "001-C01"],
        "aa_visits": 6,
        "profiles": {
            "smoke": {"cells": ["session_cache"], "threads": ["all"], "baselines": ["rw_mutex_map"], "aa_visits": 0},
            # The articles compare with a read-write lock, so it is the baseline.
            # Without uniform_read: filling four maps of a million keys takes
            # ten times as long as the visit's measurement.
            "default": {
                "cells": ["hot_mix", "write_heavy", "mixed_8_2", "session_cache"],
                "threads": ["all"],
                "baselines": ["rw_mutex_map"],
                "contestants": LOCK_FREE_READS + ["sharded_map:shards=64"] + LIBRARIES[:2],
                "aa_visits": 3,
            },
            "hour": {
                "threads": ["all"],
                "baselines": ["rw_mutex_map"],
                "contestants": LOCK_FREE_READS + ["sharded_map:shards=64"] + LIBRARIES + ["adaptive_map", "bin_lock_map", "segment_map"],
            },
            "full": {"contestants": EVERY_STRATEGY + ["sharded_map:shards=64"], "aa_visits": 20},
        },
    },
    dict(
        _come_and_go("read_heavy", "rw_mutex_map", smoke = {"cells": ["98_1_1"]}, hour = {"cells": ["98_1_1"]}, claims = ["001-C01"]),
        title = "Is a hundredth of insertions enough to spoil lock-free reads?",
        prose = "98 loads, one insertion (LoadOrStore) and one deletion of a hundred operations, on a map that keeps " +
                "its size: of twice as many keys half are present at any time, so half of the loads miss. Unlike " +
                "overwriting, keys that come and go send sync.Map to its lock.",
        cells = [
            {
                "name": "98_1_1",
                "title": "10K of 20K keys present",
                "workload": steady(20000, {"load": 98, "load_or_store": 1, "delete": 1}),
            },
            {
                "name": "98_1_1_large",
                "title": "500K of 1M keys present",
                "workload": steady(1000000, {"load": 98, "load_or_store": 1, "delete": 1}),
            },
        ],
    ),
    dict(
        _come_and_go("exchange", "mutex_map", smoke = {"cells": ["exchange_10k"]}, hour = {"cells": ["exchange_10k"]}),
        title = "Who exchanges keys fastest?",
        prose = "10 loads, 40 insertions (LoadOrStore), 40 deletions and 10 updates (Store, which inserts what is " +
                "absent) of a hundred operations. The map keeps its size and changes its keys: a mix in use for " +
                "comparing concurrent maps of several languages, here with keys drawn at random.",
        cells = [
            {
                "name": "exchange_%s" % name.lower(),
                "title": "%s keys, five of nine present" % name,
                "workload": steady(population, {"load": 10, "load_or_store": 40, "delete": 40, "store": 10}),
            }
            for name, population in [("10K", 10000), ("1M", 1000000)]
        ],
    ),
    dict(
        _come_and_go(
            "rapid_grow",
            "mutex_map",
            smoke = {"cells": ["grow_50k"], "regimes": ["growth"], "ops": 2000},
            hour = {"cells": ["grow_50k"], "regimes": ["growth"]},
            regimes = ["growth", "reserved"],
        ),
        title = "Who grows fastest while others read, update and delete?",
        prose = "80 insertions (LoadOrStore), 5 loads, 5 deletions and 10 updates (Store) of a hundred operations, on a " +
                "map that starts empty. Four of five requests are for a key never asked for before, whatever the " +
                "operation; the others for one of those seen. The number of requests is jittered over one doubling.",
        cells = [
            {
                "name": "grow_%s" % name.lower(),
                "title": "%s operations or up to twice as many" % name,
                "workload": dict(
                    krr(ops),
                    mix = {"load_or_store": 80, "load": 5, "delete": 5, "store": 10},
                    keys = {"stream": "krr", "reuse": 0.2, "choice": "uniform", "sharing": "private"},
                ),
            }
            for name, ops in [("50K", 50000), ("500K", 500000)]
        ],
    ),
    dict(
        _come_and_go(
            "deletes",
            "rw_mutex_map",
            smoke = {"cells": ["half_deletes"]},
            hour = {"cells": ["tenth_deletes", "half_deletes"]},
            claims = ["001-C10"],
        ),
        title = "Who bears deletions?",
        prose = "Loads, stores and deletions of 10 000 keys, of which half are present at any time: a tenth, a quarter, " +
                "half of the operations delete, and as many store. The last cell inserts by LoadOrStore and deletes " +
                "by LoadAndDelete. A published rule: who deletes often should lock a plain map.",
        cells = [
            {
                "name": "tenth_deletes",
                "title": "80 % loads, 10 % stores, 10 % deletions",
                "workload": steady(10000, {"load": 80, "store": 10, "delete": 10}),
            },
            {
                "name": "quarter_deletes",
                "title": "50 % loads, 25 % stores, 25 % deletions",
                "workload": steady(10000, {"load": 50, "store": 25, "delete": 25}),
            },
            {
                "name": "half_deletes",
                "title": "half stores, half deletions",
                "workload": steady(10000, {"store": 50, "delete": 50}),
            },
            {
                "name": "half_load_and_delete",
                "title": "half LoadOrStore, half LoadAndDelete",
                "workload": steady(10000, {"load_or_store": 50, "load_and_delete": 50}),
            },
        ],
    ),
    dict(
        _come_and_go(
            "misses",
            "rw_mutex_map",
            smoke = {"cells": ["beside_new_keys"]},
            hour = {"cells": ["never_there", "fresh_keys", "beside_new_keys"]},
            claims = ["002-C34"],
        ),
        title = "What does it cost to look for what is not there?",
        prose = "Loads of keys that were never stored, or that were deleted. sync.Map answers them without its lock while " +
                "nothing new was stored since it last promoted; from the next new key on every miss takes the lock, and so " +
                "does every load of a new key, until there were as many misses as keys. So the first cells are asked twice, " +
                "of maps that have settled and of maps as plain stores have left them (built anew for every block, so that " +
                "promotion is in the figures); in the last, keys come and go beside the misses.",
        cells = [
            {
                "name": name,
                "title": title,
                "workload": dict(present(100000, 100), miss = miss, start = start),
            }
            for name, title, miss, start in [
                ("never_there", "Half of the loads for keys never there, 100K keys", 50, "settled"),
                ("never_there_just_filled", "Half of the loads for keys never there, 100K keys just filled", 50, "as_filled"),
                ("settled_keys", "All loads hit, 100K keys", 0, "settled"),
                ("fresh_keys", "All loads hit, 100K keys just filled", 0, "as_filled"),
            ]
        ] + [
            {
                "name": "deleted",
                "title": "Half of 20K keys deleted, 90 % loads, 5 % stores, 5 % deletions",
                "workload": steady(20000, {"load": 90, "store": 5, "delete": 5}),
            },
            {
                "name": "beside_new_keys",
                "title": "Half of 20K keys deleted, half of the loads for others never there, 5 % insertions, 5 % deletions",
                "workload": dict(steady(20000, {"load": 90, "load_or_store": 5, "delete": 5}), miss = 50),
            },
        ],
    ),
]
