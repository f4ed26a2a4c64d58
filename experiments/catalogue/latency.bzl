# SPDX-License-Identifier: Apache-2.0
"""Questions of latency under arrivals, in an open loop.

`arrivals` goes to the worker as it stands (experiments/worker/arrivals_spec.h): the visit measures latency after its
blocks, or instead of them where maps are filled. Pairs are decided by their tails, not by time per operation: by the 99th
percentile where both meet the same arrivals, and by the longest store of a fill. `most_visits` of a pair, as these visits
are long.
"""

load("//experiments:catalogue/common.bzl", "NEEDS_AN_HOUR", "ONE_AND_ALL")
load("//experiments:catalogue/workloads.bzl", "present")

RUNGS = {"course": "rungs", "loads": [0.1, 0.25, 0.4, 0.5, 0.65, 0.8, 0.95], "least_ms": 50, "most_ms": 200}

_SHAPES = {"course": "shapes", "base": 0.4, "peak": 1.2, "ms": 600, "window_ms": 10}

# Half of the capacity, in windows, with what reclamation did in each.
_RECLAIMING = {"course": "rungs", "loads": [0.5], "least_ms": 400, "most_ms": 400, "window_ms": 8}

# Not every strategy: a figure of lines shows no more, and --strategies puts others in.
MORE = [
    "sync_map",
    "hash_trie_map",
    "sharded_map:shards=64",
    "cache_line_map",
    "bin_lock_map",
    "segment_map",
    "boost_concurrent_flat_map",
    "tbb_concurrent_hash_map",
]

# A million new keys a second; a map that takes a microsecond for one is busy all the time.
_FILL = {"course": "fill", "rate": 1000000}

# Every key is new, and there are exactly so many.
def _grow(keys, key_type):
    workload = {
        "keys": {"stream": "krr", "reuse": 0.0, "choice": "uniform", "sharing": "private"},
        "mix": {"store": 100},
        "regime": "fixed_distinct",
        "ops": keys,
        "key_type": key_type,
        "value_type": "u64",
    }
    if key_type == "string":
        workload["key_bytes"] = 32
    return workload

def _grow_cells(sizes):
    return [
        {
            "name": "fill_%s%s" % (name.lower(), suffix),
            "title": "Fill %s %s" % (name, what),
            "workload": _grow(keys, key_type),
        }
        for name, keys in sizes
        for key_type, suffix, what in [("u64", "", "integer keys"), ("string", "_strings", "string keys of 32 B")]
    ]

LATENCY = [
    {
        "name": "order_service",
        "title": "How long does a request wait, and how much load can a map take before that shows?",
        "prose": "Look-ups and updates of 10 000 orders 97.3 : 2.7, all present, the popular ones more often (zipf 0.99). " +
                 "Requests arrive as a Poisson stream whatever the map does; a request that meets a busy thread waits, " +
                 "and its response time counts from when it arrived. Offered loads from 10 to 95 % of what the map can " +
                 "do when every operation is timed. Compared where maps meet the same arrivals: at half of the " +
                 "baseline's capacity.",
        "kind": "cells",
        "cells": [{
            "name": "orders",
            "title": "10K orders, look-ups to updates 97.3 : 2.7, zipf 0.99",
            "workload": present(10000, 97.3, 0.99),
        }],
        "arrivals": RUNGS,
        "most_visits": 30,
        "regimes": ["stationary"],
        "threads": ONE_AND_ALL,
        "baselines": ["mutex_map"],
        "contestants": ["sync_map", "hash_trie_map", "sharded_map:shards=64"],
        "aa_visits": 0,
        "profiles": {
            "smoke": {
                "threads": ["all"],
                "contestants": ["sync_map"],
                "arrivals": {"course": "rungs", "loads": [0.1, 0.5, 0.95], "least_ms": 5, "most_ms": 20},
            },
            "default": {
                "threads": ["all"],
                "contestants": ["sync_map", "sharded_map:shards=64"],
                "arrivals": dict(RUNGS, least_ms = 30, most_ms = 120),
                "most_visits": 8,
            },
            "hour": {"threads": ["all"], "most_visits": 16},
            "full": {"contestants": MORE},
        },
    },
    {
        "name": "growth_stall",
        "title": "When a map grows, who stalls, for how long, and at what size?",
        "prose": "New keys are stored one after another into a map that starts empty, evenly spaced at a million a second, " +
                 "and every store is timed. A store that makes a table double may move everything that is in it. " +
                 "@reserve stands for a map whose space was reserved first, which is the usual remedy. Memory comes " +
                 "from the system, as in a program whose map grows.",
        "kind": "cells",
        "cells": [{"name": "integers_10k", "title": "Fill 10K integer keys", "workload": _grow(10000, "u64")}] +
                 _grow_cells([("1M", 1000000), ("4M", 4000000), ("16M", 16000000)]),
        "arrivals": _FILL,
        "most_visits": 20,
        "regimes": ["fixed_distinct"],
        "threads": ONE_AND_ALL,
        "baselines": ["mutex_map"],
        "contestants": ["mutex_map@reserve", "sync_map", "hash_trie_map", "sharded_map:shards=64"],
        "claims": ["001-C12"],
        "aa_visits": 0,
        "profiles": {
            "smoke": {
                "cells": ["fill_1m"],
                "threads": ["1"],
                "contestants": ["mutex_map@reserve", "hash_trie_map"],
                "ops": 20000,
            },
            "default": {
                "cells": ["fill_1m"],
                "threads": ["1"],
                "contestants": ["mutex_map@reserve", "sharded_map:shards=64"],
                "most_visits": 4,
            },
            "hour": {"cells": ["integers_10k", "fill_1m", "fill_1m_strings", "fill_4m"], "threads": ["1"], "most_visits": 6},
            "full": {"contestants": ["mutex_map@reserve"] + MORE},
        },
    },
    {
        "name": "deferred_rehash",
        "title": "Are writers spared long stores by rehashing now and then?",
        "prose": "As growth_stall, with write_batch_map, whose table doubles when it is full, against the same map that waits " +
                 "until 100 ms have passed since the last time and then grows for all that has come meanwhile: fewer rehashes " +
                 "of more keys. An article has the 99th percentile of writes fall to a fifth by it, and the use of processors " +
                 "become smooth. A rehash moves everything there is while somebody stores, once in hundreds of thousands of " +
                 "stores, so what it does shows in the longest store and in no percentile.",
        "kind": "cells",
        "cells": _grow_cells([("1M", 1000000), ("4M", 4000000)]),
        "arrivals": _FILL,
        "most_visits": 20,
        "regimes": ["fixed_distinct"],
        "threads": ONE_AND_ALL,
        "baselines": ["write_batch_map"],
        "contestants": ["write_batch_map:rehash_interval_ms=100"],
        "claims": ["004-C30", "004-C31"],
        "aa_visits": 0,
        "profiles": {
            "smoke": {"cells": ["fill_1m"], "threads": ["1"], "ops": 20000},
            "default": NEEDS_AN_HOUR % "deferred_rehash",
            "hour": {"cells": ["fill_1m"], "threads": ["1"], "most_visits": 8},
            "full": {},
        },
    },
    {
        "name": "load_shapes",
        "title": "After a burst or a step in the load, how long until a map answers as before?",
        "prose": "The order service at 40 % of the baseline's capacity, evenly spaced, as a Poisson stream, with three " +
                 "bursts, and with a step to 120 % for a while: throughput and response times over time, in windows of " +
                 "10 ms, and the time until responses are what they were before.",
        "kind": "cells",
        "cells": [{
            "name": "orders",
            "title": "10K orders, look-ups to updates 97.3 : 2.7, zipf 0.99",
            "workload": present(10000, 97.3, 0.99),
        }],
        "arrivals": _SHAPES,
        "most_visits": 20,
        "regimes": ["stationary"],
        "threads": ONE_AND_ALL,
        "baselines": ["mutex_map"],
        "contestants": ["sync_map", "hash_trie_map", "sharded_map:shards=64"],
        "aa_visits": 0,
        "profiles": {
            "smoke": {
                "threads": ["all"],
                "contestants": ["sync_map"],
                "arrivals": {"course": "shapes", "base": 0.4, "peak": 1.2, "ms": 60, "window_ms": 5},
            },
            "default": NEEDS_AN_HOUR % "load_shapes",
            "hour": {"threads": ["all"], "most_visits": 10},
            "full": {"contestants": MORE},
        },
    },
    {
        "name": "reclamation_pause",
        "title": "Do response times follow what a map's reclamation does?",
        "prose": "Loads and stores in equal parts on 10 000 keys that are all present, at half of what a map can do, as a " +
                 "Poisson stream. Where stores replace what readers may still look at, it is put aside, and one store in some " +
                 "dozens frees what has become ripe. One thread, as only then every event has an operation: the table " +
                 "gives the 99th percentile of those that freed (p99), by how much they are longer in the mean than all " +
                 "others (retire), and a regression over windows of 8 ms: the 99th percentile of response " +
                 "on how long such operations took in the mean and on how many there were. Slopes are those of single " +
                 "visits, averaged; explained is the share of the variance (R²).",
        "kind": "cells",
        "cells": [{"name": "updates", "title": "10K keys, half loads, half stores", "workload": present(10000, 50)}],
        "arrivals": _RECLAIMING,
        "most_visits": 20,
        "regimes": ["stationary"],
        "threads": ["1"],
        "baselines": ["mutex_map"],
        "contestants": ["sync_map", "hash_trie_map"],
        "claims": ["000-C37", "000-C38", "001-C28"],
        "aa_visits": 0,
        "profiles": {
            "smoke": {"contestants": ["sync_map"], "arrivals": dict(_RECLAIMING, least_ms = 20, most_ms = 20, window_ms = 1)},
            "default": NEEDS_AN_HOUR % "reclamation_pause",
            "hour": {"most_visits": 8},
            "full": {},
        },
    },
]
