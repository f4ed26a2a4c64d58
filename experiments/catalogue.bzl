# SPDX-License-Identifier: Apache-2.0
"""The questions of the study, one entry each, and how long each profile works on them.

An entry says what is varied (`axis`, or a list of named `cells`), what stays
fixed (`workload`), who competes (`contestants` against each of `baselines`),
which published claims the answer decides, and what each profile asks of it.
Effects are always contestant against baseline.

To add a question: add an entry to QUESTIONS and run
`bazel test //experiments/...`; the target //experiments:<name>, its form for
the other architecture and its section of the paper follow from it.

Fields of `axis`: `field` is a path into the workload ("keys.reuse",
"population", "keys.theta"), "mix.load" (the remainder of the mix goes to the
operation `rest`), "threads" (its values are words, like `threads` of the others), or
"tunable:<name>" (replaces {} in the contestant). `values` are the seven screening
points of a sweep, or all values of a discrete axis.

A profile is a dictionary of overrides, or a string: the reason why that
profile does not ask the question.
"""

load("//maps:strategies.bzl", "STRATEGIES")

# Every strategy that is compiled in and fit for the workload, whatever it is
# called: a strategy added to //maps:strategies.bzl takes part without a change
# here.
EVERY_STRATEGY = ["*"]

# Other people's maps.
PEERS = [s.name for s in STRATEGIES if s.peer]

_FIXED_LISTS = [s.name for s in STRATEGIES if s.header == "peers/xenium_harris_michael_map.h"]

_COPIES_EVERYTHING = [
    {
        "strategy": s.name,
        "why": "every store copies the whole map, O(n): its place is batch_init and reading",
    }
    for s in STRATEGIES
    if s.header in ("snapshot_map.h", "generation_pointer_map.h")
]

# Requests for keys of which a given share was asked for before, on a map that
# starts empty: LoadOrStore's own definition of reuse. The number of requests
# is drawn from one doubling above `ops` for every block; with a fixed number
# the reuse rate would set the final size, and table growth would pass for a
# threshold.
def _krr(ops):
    return {
        "keys": {"stream": "krr", "reuse": 0.5, "choice": "uniform", "sharing": "private"},
        "mix": {"load_or_store": 100},
        "regime": "growth",
        "ops": ops,
        "key_type": "u64",
        "value_type": "u64",
    }

# Reads and overwrites of keys that are all present: nothing is inserted, so
# the map keeps its size and every load hits.
def _present(population, reads, theta = 0.0):
    keys = {"stream": "zipf", "theta": theta} if theta else {"stream": "uniform"}
    mix = {}
    if reads > 0:
        mix["load"] = reads
    if reads < 100:
        mix["store"] = 100 - reads
    return {
        "keys": keys,
        "mix": mix,
        "population": population,
        "prefill": 1.0,
        "regime": "stationary",
        "ops": 0,
        "key_type": "u64",
        "value_type": "u64",
    }

# _present at every size, share of writes in percent. `keys` is what the size is called.
def _present_cells(sizes, writes):
    return [
        {
            "name": "keys_%s_writes_%d" % (keys.lower(), w),
            "title": "%s keys, %s" % (keys, "%d %% writes" % w if w else "reads only"),
            "workload": _present(population, 100 - w),
        }
        for keys, population in sizes
        for w in writes
    ]

# New keys only. 7 071 to 14 141 of them, log-uniform: 10 000 in the geometric
# mean, jittered for the reason given at _krr.
def _fill(key_type):
    workload = {
        "keys": {"stream": "sequential_new"},
        "mix": {"store": 100},
        "regime": "growth",
        "ops": 7071,
        "key_type": key_type,
        "value_type": "u64",
    }
    if key_type == "string":
        workload["key_bytes"] = 32
    return workload

# How long slices last, from the milliseconds of one thread: as much again for every doubling of the threads, up to
# eight threads and for all numbers beyond. Under contention a thread has its turn more rarely the more threads there
# are, and a slice should see every thread have many. Threads that share a CPU wait for whole quanta of the scheduler.
def _slices(one_thread_ms):
    return {
        "doublings": [one_thread_ms * i for i in [1, 2, 3, 4]],
        "oversubscribed": 20 * one_thread_ms,
    }

# Numbers of threads are words, which the machine resolves (orchestrator/threads.py); what names the same number is asked
# once. The default profile asks one thread and all cores.
_FEW_TO_ALL = ["1", "2", "half", "all"]
_ONE_AND_ALL = ["1", "all"]

# What every question gets from a profile. Times in seconds.
PROFILES = {
    # The whole pipe, report and other architecture included, in 90 s. Its
    # numbers are too few to decide anything and the paper says so.
    "smoke": {
        "budget_s": 90,
        "seconds": 0.05,
        "warmup_seconds": 0.02,
        "slice_ms": _slices(1),
        "screen_visits": 1,
        "cell_visits": 1,
        "pair_visits": 0,
        "level_visits": 0,
        "gate_wait_s": 0,
    },
    # Ten minutes: fewer questions, answered properly.
    "default": {
        "budget_s": 600,
        "seconds": 0.6,
        "warmup_seconds": 0.2,
        "slice_ms": _slices(10),
        "screen_visits": 3,
        "cell_visits": 60,
        "pair_visits": 60,
        "level_visits": 80,
        "gate_wait_s": 2,
    },
    # Everything, for as long as it takes.
    "full": {
        "budget_s": 6 * 3600,
        "seconds": 0.6,
        "warmup_seconds": 0.2,
        "slice_ms": _slices(10),
        "screen_visits": 3,
        "cell_visits": 60,
        "pair_visits": 60,
        "level_visits": 100,
        "gate_wait_s": 30,
    },
}

_NEEDS_HOURS = "the default profile answers fewer questions well; ask with --only %s or --profile full"

QUESTIONS = [
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
        "workload": _krr(40000),
        "regimes": ["growth", "reserved"],
        "threads": _FEW_TO_ALL,
        "baselines": ["mutex_map", "rw_mutex_map"],
        "contestants": ["sync_map", "hash_trie_map", "sharded_map"],
        "excludes": _COPIES_EVERYTHING,
        "levels": [{"name": "plus_47_percent", "speedup": 1.47, "claimed": 0.83, "tolerance": 0.02, "claim": "000-C01"}],
        "claims": ["000-C01", "000-C02", "000-C09", "000-C27", "000-C40", "000-C41"],
        "aa_visits": 6,
        "profiles": {
            "smoke": {
                "values": [0.0, 0.5, 0.99],
                "regimes": ["growth"],
                "threads": _ONE_AND_ALL,
                "baselines": ["mutex_map"],
                "ops": 2000,
                "aa_visits": 1,
            },
            "default": {
                "regimes": ["growth"],
                "threads": _ONE_AND_ALL,
                "baselines": ["mutex_map"],
                "contestants": ["sync_map", "hash_trie_map"],
            },
            "full": {"contestants": EVERY_STRATEGY + ["rw_mutex_map:read_first=1"], "aa_visits": 20},
        },
    },
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
        "workload": _present(10000, 50),
        "regimes": ["stationary"],
        "threads": _FEW_TO_ALL,
        "baselines": ["mutex_map", "rw_mutex_map", "sharded_map:shards=64"],
        "contestants": ["sync_map", "hash_trie_map"],
        "excludes": _COPIES_EVERYTHING,
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
                "workload": _present(1000000, 100),
            },
            {
                "name": "hot_mix",
                "title": "10K keys, 30 % writes, zipf 1.2",
                "workload": _present(10000, 70, 1.2),
            },
            {
                "name": "write_heavy",
                "title": "100K keys, 95 % writes, uniform",
                "workload": _present(100000, 5),
            },
            {
                "name": "mixed_8_2",
                "title": "10K keys, reads to writes 8:2, uniform",
                "workload": _present(10000, 80),
            },
            {
                # The article gives neither the number of sessions nor their
                # popularity: 10K sessions, zipf 0.99 as in YCSB.
                "name": "session_cache",
                "title": "Session cache: 10K keys, reads to writes 97:3, zipf 0.99",
                "workload": _present(10000, 97, 0.99),
            },
        ],
        "regimes": ["stationary"],
        "threads": _FEW_TO_ALL,
        "baselines": ["rw_mutex_map", "mutex_map"],
        "contestants": ["sync_map", "hash_trie_map", "sharded_map:shards=64"],
        "excludes": _COPIES_EVERYTHING,
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
    {
        "name": "batch_init",
        "title": "How is a map of 10 000 keys best filled?",
        "prose": "One store after another, the same as one batch, and build-then-publish: a snapshot map that " +
                 "receives the batch while empty builds its table off-line and publishes it once. @reserve stands for " +
                 "a map whose space was reserved first, held against the same map growing; in the full profile a " +
                 "reserved regime gives all of them their space. 7 071 to 14 141 keys, 10 000 in the geometric mean.",
        "kind": "cells",
        "cells": [
            {"name": "fill_10k", "title": "Fill 10 000 integer keys", "workload": _fill("u64")},
            {"name": "fill_10k_strings", "title": "Fill 10 000 string keys of 32 B", "workload": _fill("string")},
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
        "excludes": _COPIES_EVERYTHING,
        "levels": [],
        "claims": ["003-C01", "003-C02", "003-C04", "003-C08", "003-C13", "003-C31"],
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
                ],
                "aa_visits": 4,
            },
            "full": {
                "contestants": EVERY_STRATEGY + ["snapshot_map@batch", "mutex_map@batch", "sync_map@batch", "sharded_map@batch"],
                "aa_visits": 20,
            },
        },
    },
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
        "workload": _present(1000, 90),
        "regimes": ["stationary"],
        "threads": _FEW_TO_ALL,
        "baselines": ["rw_mutex_map", "mutex_map"],
        "contestants": ["sync_map", "hash_trie_map", "sharded_map"],
        "excludes": _COPIES_EVERYTHING,
        "levels": [],
        "claims": ["002-C15", "002-C16", "002-C17", "002-C18", "003-C22"],
        "aa_visits": 6,
        "profiles": {
            "smoke": {
                "values": [1000, 10000],
                "hi": 10000,
                "threads": ["all"],
                "baselines": ["rw_mutex_map"],
                "contestants": ["sync_map", "hash_trie_map"],
                "aa_visits": 0,
            },
            # Filling ten million keys takes longer than the default profile
            # has for a whole pair.
            "default": _NEEDS_HOURS % "key_count",
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
            "hi": 1.4,
            "unit": "",
            "values": [0.0, 0.25, 0.5, 0.75, 1.0, 1.2, 1.4],
        },
        # Exponent 0 is uniform.
        "workload": _present(10000, 80, 0.99),
        "regimes": ["stationary"],
        "threads": _FEW_TO_ALL,
        "baselines": ["mutex_map"],
        "contestants": ["sync_map", "hash_trie_map", "sharded_map"],
        "excludes": _COPIES_EVERYTHING,
        "levels": [],
        "claims": ["000-C32", "003-C36"],
        "aa_visits": 6,
        "profiles": {
            "smoke": {"values": [0.0, 1.2], "threads": ["all"], "contestants": ["sync_map", "sharded_map"], "aa_visits": 0},
            "default": _NEEDS_HOURS % "skew",
            "full": {"contestants": EVERY_STRATEGY, "aa_visits": 12},
        },
    },
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
        "workload": _present(10000, 50),
        "regimes": ["stationary"],
        "threads": _FEW_TO_ALL,
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
        "workload": _present(10000, 97, 0.99),
        "regimes": ["stationary"],
        "threads": [],
        "baselines": ["mutex_map", "rw_mutex_map"],
        "contestants": ["sync_map", "hash_trie_map", "sharded_map"],
        "excludes": _COPIES_EVERYTHING,
        "levels": [],
        "claims": ["000-C43", "001-C30", "002-C15"],
        "aa_visits": 6,
        "profiles": {
            "smoke": {"values": ["1", "all", "2x"], "baselines": ["mutex_map"], "contestants": ["sync_map"], "aa_visits": 0},
            "default": _NEEDS_HOURS % "threads",
            "full": {"contestants": EVERY_STRATEGY, "aa_visits": 12},
        },
    },
    {
        "name": "peers",
        "title": "How far are the libraries in use from one cache line per operation?",
        "prose": "Loads and overwriting stores of keys that are all present, uniformly chosen: a thousand keys to four " +
                 "million, none, a tenth and half of the operations stores. cache_line_map, built for these cells, " +
                 "against the maps that other people wrote, two of this study, and line_touch, which touches " +
                 "one line per operation and finds nothing: no map can be faster than that. Filling and growing, " +
                 "where a map pays for its layout, is the subject of batch_init.",
        "kind": "cells",
        "cells": _present_cells(
            [("1K", 1000), ("10K", 10000), ("100K", 100000), ("1M", 1000000), ("4M", 4000000)],
            [0, 10, 50],
        ),
        "regimes": ["stationary"],
        "threads": _FEW_TO_ALL,
        "baselines": ["cache_line_map"],
        "contestants": [name for name in PEERS if name not in _FIXED_LISTS] +
                       ["hash_trie_map", "sharded_map:shards=64", "line_touch"],
        "excludes": [
            {
                "strategy": name,
                "why": "its lists do not get more: with millions of keys an operation walks thousands of nodes",
            }
            for name in _FIXED_LISTS
        ],
        "levels": [],
        "claims": [],
        "aa_visits": 6,
        "profiles": {
            "smoke": {
                "cells": ["keys_1k_writes_0", "keys_10k_writes_10"],
                "threads": ["all"],
                "contestants": PEERS[:1] + ["hash_trie_map", "line_touch"],
                "aa_visits": 0,
            },
            "default": _NEEDS_HOURS % "peers",
            "full": {"aa_visits": 20},
        },
    },
]

CATALOGUE = {"schema": 1, "profiles": PROFILES, "questions": QUESTIONS}

# The names, in catalogue order.
def question_names():
    return [question["name"] for question in QUESTIONS]
