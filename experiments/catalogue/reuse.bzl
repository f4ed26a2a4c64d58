# SPDX-License-Identifier: Apache-2.0
"""Questions of key reuse."""

load("//experiments:catalogue/common.bzl", "COPIES_EVERYTHING", "EVERY_STRATEGY", "FEW_TO_ALL", "LIBRARIES", "LOCK_FREE_READS", "NEEDS_AN_HOUR", "ONE_AND_ALL")
load("//experiments:catalogue/workloads.bzl", "krr", "present")

REUSE = [
    {
        "name": "reuse_threshold",
        "title": "From which key reuse rate on does another map beat a locked one at LoadOrStore?",
        "prose": "Every request is LoadOrStore on a map that starts empty; the key reuse rate is the share of " +
                 "requests whose key was asked for before. A published article claims a gain of 47 % that " +
                 "appears only above 83 % reuse. Measured while the map grows, with the number of requests " +
                 "jittered over one doubling; the full profile also reserves the space beforehand.",
        "kind": "sweep",
        "axis": {
            "name": "key reuse rate",
            "field": "keys.reuse",
            "scale": "linear",
            "lo": 0.0,
            "hi": 0.99,
            "unit": "",
            "values": [0.0, 0.165, 0.33, 0.495, 0.66, 0.825, 0.99],
        },
        "workload": krr(40000),
        "regimes": ["growth", "reserved"],
        "threads": FEW_TO_ALL,
        "baselines": ["mutex_map", "rw_mutex_map"],
        "contestants": ["sync_map", "hash_trie_map", "sharded_map"],
        "excludes": COPIES_EVERYTHING,
        "levels": [{"name": "plus_47_percent", "speedup": 1.47, "claimed": 0.83, "tolerance": 0.02, "claim": "000-C01"}],
        "absolute": True,
        "claims": ["000-C01", "000-C02", "000-C09", "000-C27", "000-C29", "000-C40", "000-C41"],
        "aa_visits": 6,
        "profiles": {
            "smoke": {
                "values": [0.0, 0.99],
                "regimes": ["growth"],
                "threads": ONE_AND_ALL,
                "baselines": ["mutex_map"],
                "ops": 2000,
                "aa_visits": 1,
            },
            "default": {
                "regimes": ["growth"],
                "threads": ONE_AND_ALL,
                "baselines": ["mutex_map"],
                "contestants": LOCK_FREE_READS + ["sharded_map"] + LIBRARIES[:2],
                # Five points find the crossing that seven find, for two thirds of the time.
                "values": [0.0, 0.25, 0.5, 0.75, 0.99],
                "aa_visits": 3,
            },
            "hour": {
                "regimes": ["growth"],
                "threads": ONE_AND_ALL,
                "baselines": ["mutex_map"],
                "contestants": LOCK_FREE_READS + ["sharded_map"] + LIBRARIES,
            },
            "full": {"contestants": EVERY_STRATEGY + ["rw_mutex_map:read_first=1"], "aa_visits": 20},
        },
    },
    {
        "name": "churn",
        "title": "From which key reuse rate on does another map win while keys come and go?",
        "prose": "LoadOrStore at a given key reuse rate on a map of constant size: each new key is preceded by the " +
                 "deletion of a live one, 10 000 are live at any time, those asked again are chosen among them. What " +
                 "reuse_threshold asks of a map that grows, without the cost of growing.",
        "kind": "sweep",
        "axis": {
            "name": "key reuse rate",
            "field": "keys.reuse",
            "scale": "linear",
            "lo": 0.0,
            "hi": 0.99,
            "unit": "",
            "values": [0.0, 0.165, 0.33, 0.495, 0.66, 0.825, 0.99],
        },
        "workload": dict(krr(0), regime = "stationary", population = 10000),
        "regimes": ["stationary"],
        "threads": FEW_TO_ALL,
        "baselines": ["mutex_map"],
        "contestants": ["sync_map", "hash_trie_map", "sharded_map"],
        "excludes": COPIES_EVERYTHING,
        "aa_visits": 6,
        "profiles": {
            "smoke": {"values": [0.99], "threads": ["all"], "population": 1000, "aa_visits": 0},
            "default": NEEDS_AN_HOUR % "churn",
            "hour": {
                "values": [0.0, 0.25, 0.5, 0.75, 0.99],
                "threads": ["all"],
                "contestants": LOCK_FREE_READS + ["sharded_map"] + LIBRARIES[:2],
                "aa_visits": 2,
            },
            "full": {"contestants": EVERY_STRATEGY, "aa_visits": 12},
        },
    },
    {
        "name": "read_dirty_internals",
        "title": "Do sync.Map's own counters say when it is the wrong map?",
        "prose": "Articles have 12 % of its reads miss under steady writes, and take more than 15 misses on 100 operations " +
                 "for the sign that it fails. A miss is an operation that takes the lock because the key is not in what is " +
                 "read without it. As churn, with more and more of the requests for new keys, and once with stores to keys " +
                 "that are present: the misses, promotions and copied entries that the map counts, each by operation, beside " +
                 "how it fares against one read-write lock and against 64 shards.",
        "kind": "cells",
        "cells": [
            {
                "name": "new_%s" % str(percent).replace(".", "_"),
                "title": "%s %% of the requests for new keys" % percent,
                "workload": dict(
                    krr(0),
                    keys = {"stream": "krr", "reuse": 1 - percent / 100, "choice": "uniform", "sharing": "private"},
                    regime = "stationary",
                    population = 10000,
                ),
            }
            for percent in [0.5, 1, 2, 5, 10, 20, 50]
        ] + [
            {"name": "overwrites_10", "title": "10 % stores to keys that are present", "workload": present(10000, 90)},
        ],
        "counts": {
            "locked_miss_share": "misses",
            "promotions_per_op": "promotions",
            "entries_copied_per_op": "entries_copied",
        },
        "regimes": ["stationary"],
        "threads": FEW_TO_ALL,
        "baselines": ["rw_mutex_map", "sharded_map:shards=64"],
        "contestants": ["sync_map"],
        "excludes": COPIES_EVERYTHING,
        "claims": ["002-C19", "002-C33"],
        "aa_visits": 4,
        "profiles": {
            "smoke": {"cells": ["new_10"], "threads": ["all"], "baselines": ["rw_mutex_map"], "aa_visits": 0},
            "default": NEEDS_AN_HOUR % "read_dirty_internals",
            "hour": {
                "cells": ["new_0_5", "new_2", "new_10", "new_50", "overwrites_10"],
                "threads": ["all"],
                "aa_visits": 0,
            },
            "full": {"aa_visits": 12},
        },
    },
    {
        "name": "churn_rounds",
        "title": "Does a map get slower or larger the longer its keys come and go?",
        "prose": "As churn, with half of the requests for new keys, each of which replaces a live one, and with all of them. " +
                 "But the maps live through fifty rounds: in every round each map is played twice, which exchanges its ten " +
                 "thousand keys several times over, and then says what memory it holds. With a constant number of keys neither " +
                 "time nor memory should depend on the round. What drifts is named in the table of who drifts.",
        "kind": "cells",
        "cells": [
            {
                "name": "reuse_%d" % percent,
                "title": "10K live keys, %s" % title,
                "workload": dict(
                    krr(0),
                    keys = {"stream": "krr", "reuse": percent / 100, "choice": "uniform", "sharing": "private"},
                    regime = "stationary",
                    population = 10000,
                ),
            }
            for percent, title in [(50, "half of the requests for new ones"), (0, "all requests for new ones")]
        ],
        "rounds": 50,
        "regimes": ["stationary"],
        "threads": ONE_AND_ALL,
        "baselines": ["mutex_map"],
        "contestants": LOCK_FREE_READS + ["sharded_map"],
        "excludes": COPIES_EVERYTHING,
        "aa_visits": 2,
        "most_visits": 20,
        "profiles": {
            "smoke": {"cells": ["reuse_50"], "threads": ["all"], "contestants": ["sync_map"], "rounds": 8, "aa_visits": 0},
            "default": NEEDS_AN_HOUR % "churn_rounds",
            "hour": {"cells": ["reuse_50"], "threads": ["all"], "most_visits": 10, "aa_visits": 0},
            "full": {"contestants": EVERY_STRATEGY},
        },
    },
]
