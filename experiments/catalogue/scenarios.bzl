# SPDX-License-Identifier: Apache-2.0
"""Questions that are no tapes (workloads/scenarios): what a thread does depends on what it found, or threads have roles.

Only the strategies of experiments/worker/scenarios.bzl are compiled for them.
"""

load("//experiments:catalogue/common.bzl", "NEEDS_AN_HOUR")
load("//experiments:catalogue/workloads.bzl", "present")

# `needs` are operations that a map must have, in shares without meaning; `numbers` the scenario's own.
def _scenario(name, way, needs, **numbers):
    return {
        "scenario": dict(numbers, name = name, way = way),
        "keys": {"stream": "uniform"},
        "mix": {op: 100.0 / len(needs) for op in needs},
        "regime": "stationary",
        "key_type": "u64",
        "value_type": "u64",
    }

_AT_LEAST_TWO = ["2", "half", "all"]
_FIELD = ["sync_map", "hash_trie_map", "sharded_map", "cache_line_map", "boost_concurrent_flat_map", "tbb_concurrent_hash_map", "absl_sharded_map"]

def _iteration(name, title, way, **numbers):
    return {
        "name": name,
        "title": title,
        "workload": _scenario("iteration", way, ["load", "store", "delete", "range", "size", "clear"], **numbers),
    }

def _making(way, us):
    return {
        "name": "%s_%d_us" % (way, us),
        "title": "%s, a value takes %d µs" % ({
            "load_or_store": "Make, then LoadOrStore",
            "load_then_store": "Load, then make and LoadOrStore",
            "load_or_compute": "LoadOrCompute",
        }[way], us),
        "workload": _scenario("expensive_values", way, ["load", "load_or_store", "load_or_compute"], make_us = us),
    }

_PLACES = ["same_line", "apart_64", "apart_128"]

_PUBLISHING = ["published_map_copy", "published_map", "snapshot_map", "rw_mutex_map", "sync_map"]

def _reconciling(name, title, way, **numbers):
    return {
        "name": name,
        "title": title,
        "workload": _scenario("reconciliation", way, ["load", "store", "delete", "compare_and_swap", "range"], **numbers),
    }

def _late(batch, name = "write_batch_map_stale"):
    return "%s:batch=%d,flush_interval_us={},ring=4096" % (name, batch)

def _sessions(name, title, way, turnover = 3):
    return {
        "name": name,
        "title": title,
        "workload": _scenario("session_cache", way, ["load", "store", "delete"], turnover = turnover),
    }

# What the questions asked of the whole field share. `smoke` and `hour` are the cells that these profiles ask.
def _of_the_field(name, smoke, hour, claims = [], baseline = "mutex_map"):
    return {
        "name": name,
        "kind": "cells",
        "regimes": ["stationary"],
        "threads": _AT_LEAST_TWO,
        "baselines": [baseline],
        "contestants": _FIELD,
        "claims": claims,
        "aa_visits": 4,
        "profiles": {
            "smoke": {"cells": smoke, "threads": ["all"], "contestants": ["sync_map", "hash_trie_map"], "aa_visits": 0},
            "default": NEEDS_AN_HOUR % name,
            "hour": {
                "cells": hour,
                "threads": ["all"],
                "contestants": ["sync_map", "hash_trie_map", "sharded_map"],
                "aa_visits": 2,
            },
            "full": {"aa_visits": 12},
        },
    }

SCENARIOS = [
    dict(
        _of_the_field(
            "iteration",
            smoke = ["range_beside_writers"],
            hour = ["range_alone", "range_beside_writers", "writers_beside_range", "writers_alone"],
        ),
        title = "What do Range and Size take, and what do they cost the writers?",
        prose = "Thread 0 calls Range, or Size, in a loop over 10 000 keys, of which half are there throughout and half " +
                "come and go; all other threads store and delete, or rest. Either side is counted in cells of its own, " +
                "and the tables give both rates. For comparison thread 0 writes too. Every Range is checked: no key " +
                "twice, none missing that is there throughout, none with another one's value.",
        cells = [
            _iteration("range_alone", "Range, nobody writes", "range", writers = 0),
            _iteration("range_beside_writers", "Range beside writers", "range"),
            _iteration("writers_beside_range", "Writers beside Range", "range", count = 1),
            _iteration("size_beside_writers", "Size beside writers", "size"),
            _iteration("writers_beside_size", "Writers beside Size", "size", count = 1),
            _iteration("writers_alone", "Writers beside one more writer", "none", count = 1),
            _iteration("clear_alone", "Clear and one Store, nobody else writes", "clear", writers = 0),
        ],
    ),
    dict(
        _of_the_field(
            "reconciliation",
            smoke = ["range_beside_transfers"],
            hour = ["range_beside_transfers", "transfers_beside_range", "pages_beside_transfers"],
            claims = ["002-C25", "002-C31"],
        ),
        title = "Do accounts add up while money moves between them?",
        prose = "Thread 0 adds up 10 000 accounts, again and again, while all other threads move money between them by " +
                "CompareAndSwap, and open and close accounts that have none. By one Range: where that shows one state of the " +
                "map, the sum is short by what is under way and no more; elsewhere it is off in the share of " +
                "reconciliations that the tables give. Or in pages of a thousand entries, each a Range that passes over those " +
                "before: where entries change places it misses accounts or repeats them. Either side is counted in cells of its " +
                "own. Checked in every slice: no account missed or seen twice by Range, and no money lost.",
        cells = [
            _reconciling("range_beside_transfers", "One Range, beside transfers", "range"),
            _reconciling("transfers_beside_range", "Transfers beside Range", "range", count = 1),
            _reconciling("transfers_alone", "Transfers beside one more", "none", count = 1),
            _reconciling("pages_beside_transfers", "Pages of 1000 entries, beside transfers", "pages"),
        ],
    ),
    dict(
        _of_the_field(
            "stock_reservation",
            smoke = ["load_then_store"],
            hour = ["compare_and_swap", "load_or_store", "load_then_store"],
            claims = ["002-C12"],
        ),
        title = "How is stock reserved so that nothing is sold twice?",
        prose = "Threads reserve units of stock. By CompareAndSwap on what is left of an article; by LoadOrStore of the " +
                "buyer under the unit, where the first wins; and as an article has it, by Load and then Store, between " +
                "which anybody may do the same. The first two are checked in every slice: no unit has two buyers. Of the " +
                "third the share of sales of what was sold already is counted.",
        cells = [
            {
                "name": "compare_and_swap",
                "title": "CompareAndSwap, 16 articles",
                "workload": _scenario("stock_reservation", "compare_and_swap", ["load", "store", "compare_and_swap", "load_or_store"], keys = 16),
            },
            {
                "name": "compare_and_swap_hot",
                "title": "CompareAndSwap, one article",
                "workload": _scenario("stock_reservation", "compare_and_swap", ["load", "store", "compare_and_swap", "load_or_store"], keys = 1),
            },
        ] + [
            {
                "name": way,
                "title": title,
                "workload": _scenario("stock_reservation", way, ["load", "store", "compare_and_swap", "load_or_store"]),
            }
            for way, title in [("load_or_store", "LoadOrStore of each unit"), ("load_then_store", "Load, then Store of each unit")]
        ],
    ),
    dict(
        _of_the_field(
            "session_cache",
            smoke = ["come_and_go"],
            hour = ["touch", "come_and_go"],
            claims = ["001-C01"],
            baseline = "rw_mutex_map",
        ),
        title = "What do sessions that come and go cost a cache of them?",
        prose = "10 000 users have a session each, and all threads look sessions up. Three of a hundred requests are something " +
                "else: they store to a session that is there, or they end one and begin another under an id that never " +
                "was (a Delete, a Load that must miss, a Store), so that keys come and go. Checked in every request and slice: " +
                "no session is lost, none outlives its end. The tables give how many began, and the share of requests whose " +
                "session had ended meanwhile.",
        cells = [
            _sessions("touch", "3 % of requests store to the session", "touch"),
            _sessions("come_and_go", "3 % of requests end a session and begin another", "come_and_go"),
            _sessions("come_and_go_30", "30 % of requests end a session and begin another", "come_and_go", turnover = 30),
        ],
    ),
    {
        "name": "config_reload",
        "title": "Does exchanging a pointer publish faster than copying?",
        "prose": "First single writes to a small map, each of which copies all of it (generation_pointer_map) or takes a " +
                 "mutex. Then one thread that publishes the whole content, again and again, under readers: " +
                 "published_map exchanges a pointer, published_map_copy copies under a lock, snapshot_map takes the " +
                 "content as one batch, the others as one batch or one store after another. Building the new content " +
                 "is part of it for all. The tables give both rates, the longest read, and how " +
                 "many pairs of reads saw the new content and then the old one, which must be none where publishing is atomic.",
        "kind": "cells",
        "cells": [
            {
                "name": "writes_%s_entries" % name,
                "title": "Single writes, %s entries" % name.upper(),
                "only": ["mutex_map", "generation_pointer_map"],
                "workload": present(entries, 0),
            }
            for name, entries in [("10", 10), ("1k", 1000)]
        ] + [
            {
                "name": "publish_%s_entries" % name,
                "title": "Publications of %s entries" % name.upper(),
                "only": _PUBLISHING,
                "workload": _scenario("publication", "publish", ["load", "store"], keys = entries),
            }
            for name, entries in [("1k", 1000), ("100k", 100000), ("1m", 1000000)]
        ] + [
            {
                "name": "reads_beside_publishing_%s_entries" % name,
                "title": "Reads while %s entries are published" % name.upper(),
                "only": _PUBLISHING,
                "workload": _scenario("publication", "publish", ["load", "store"], keys = entries, count = 1),
            }
            for name, entries in [("1k", 1000), ("100k", 100000)]
        ],
        "regimes": ["stationary"],
        "threads": _AT_LEAST_TWO,
        "baselines": ["mutex_map", "published_map_copy"],
        "contestants": ["generation_pointer_map", "published_map", "snapshot_map", "rw_mutex_map", "sync_map"],
        "claims": ["004-C01", "004-C21"],
        "aa_visits": 4,
        "profiles": {
            "smoke": {"cells": ["publish_1k_entries"], "threads": ["all"], "contestants": ["published_map", "snapshot_map", "sync_map"], "aa_visits": 0},
            "default": NEEDS_AN_HOUR % "config_reload",
            "hour": {
                "cells": ["writes_10_entries", "writes_1k_entries", "publish_1k_entries", "publish_100k_entries", "reads_beside_publishing_1k_entries"],
                "threads": ["all"],
                "aa_visits": 2,
            },
            "full": {"aa_visits": 12},
        },
    },
    dict(
        _of_the_field(
            "expensive_values",
            smoke = ["load_or_compute_1_us"],
            hour = ["load_or_store_100_us", "load_then_store_100_us", "load_or_compute_100_us"],
        ),
        title = "What does LoadOrStore cost when making the value is dear?",
        prose = "All threads ask for the same keys in the same order, four times in a row, so that several want a new key " +
                "at the same moment. Making its value takes 1, 100 or 1000 µs of computing. LoadOrStore takes a value that " +
                "was made already; Load first spares it where the key is there; LoadOrCompute makes it once, while the map " +
                "may hold a lock. The tables give requests a second and the share of values that were made in vain.",
        cells = [
            _making(way, us)
            for us in [1, 100, 1000]
            for way in ["load_or_store", "load_then_store", "load_or_compute"]
        ],
    ),
    dict(
        _of_the_field(
            "tasks",
            smoke = ["tasks_1k"],
            hour = ["tasks_1k", "tasks_100k"],
            claims = ["004-C33"],
        ),
        most_visits = 16,  # a hundred thousand tasks are made before every slice, and run after it
        title = "What do a hundred thousand short tasks leave behind?",
        prose = "The threads are a pool that runs tasks, and each of them makes new ones and hands them to the next, through queues " +
                "that have room for a thousand of them in all, or for a hundred thousand; where there is no room, whoever made " +
                "a task runs it at once. A task that waits has an entry in the map, under an id that never was, and running " +
                "it is to find that entry and delete it: the map stays as large as the queues, and everything in it " +
                "comes and goes. Checked in every slice: each task runs once and finds its own entry; " +
                "the map holds those that wait and no others, and nothing when the last has run. The tables give the most " +
                "memory that a slice took, queues and tasks of 64 bytes included, and what is still allocated when no " +
                "task is left. An article has goroutines in place of tasks, whose stacks would come on top.",
        cells = [
            {
                "name": "tasks_%s" % name,
                "title": "%s tasks wait" % title,
                "workload": _scenario("tasks", "pool", ["load", "store", "delete"], queue = queue),
            }
            for name, title, queue in [("1k", "Up to a thousand", 1024), ("100k", "A hundred thousand", 100000)]
        ],
    ),
    {
        "name": "loadorstore_cost",
        "title": "What do a lock, a log and replicas add to LoadOrStore?",
        "prose": "All threads store new keys by LoadOrStore, as a service would that must not lose one: under one lock; then " +
                 "with a record in a log, a file on this machine's disk that is synchronised before going on; or with a " +
                 "record to two replicas, one of which must answer. The tables give the median of what each part adds: " +
                 "waiting for the lock, for the disk, for the answer, and in the last cell all of them in a row. An article says " +
                 "50 to 200 µs for the lock, 1000 to 5000 µs for the log and 300 to 1200 µs for the replicas. The disk " +
                 "here is this machine's (on disk: whether its file system is one that is not in memory); " +
                 "the replicas are threads behind TCP on the loopback interface, and the 250 µs after which they answer " +
                 "are a number put in for network and disk. Checked in every slice: every key is in the map, in the log in " +
                 "its thread's order, and has reached both replicas once.",
        "kind": "cells",
        "cells": [
            {
                "name": name,
                "title": title,
                "workload": _scenario("loadorstore_cost", way, ["load", "load_or_store"], **numbers),
            }
            for name, way, title, numbers in [
                ("map", "map", "LoadOrStore alone", {}),
                ("lock", "lock", "Waiting for the lock (an article: 50 to 200 µs)", {}),
                ("log", "log", "Waiting for the log (an article: 1000 to 5000 µs)", {}),
                ("replicas", "replicas", "Waiting for replicas that answer after 250 µs (an article: 300 to 1200 µs)", {"delay_us": 250}),
                ("replicas_at_once", "replicas", "Waiting for replicas that answer at once", {"delay_us": 0}),
                ("all", "all", "Lock, log and replicas in a row", {"delay_us": 250}),
            ]
        ],
        "regimes": ["stationary"],
        "threads": _AT_LEAST_TWO,
        "baselines": ["mutex_map"],
        "contestants": ["sync_map", "hash_trie_map", "sharded_map"],
        "claims": ["000-C18"],
        "aa_visits": 4,
        "profiles": {
            "smoke": {"cells": ["lock"], "threads": ["all"], "contestants": ["sync_map"], "aa_visits": 0},
            "default": NEEDS_AN_HOUR % "loadorstore_cost",
            "hour": {"cells": ["map", "lock", "log", "replicas"], "threads": ["all"], "contestants": ["sync_map"], "aa_visits": 2},
            "full": {"aa_visits": 12},
        },
    },
    {
        "name": "false_sharing",
        "title": "What do words cost that share a cache line and nothing else?",
        "prose": "No map, but what lies under many of them: every thread has a word of its own, and these lie on one line, on " +
                 "lines of their own, or with a line between any two. Threads read their words, or add to them by one " +
                 "locked instruction, or one adds while the others read theirs (either side is counted in a cell of its " +
                 "own). The control is one word that all add to, so that its line has to move: CPUs that lose little there " +
                 "share the cache that it is in, as the hardware threads of one core do, and nothing about false sharing can be " +
                 "shown on them. The tables give the 99th percentile of 16 accesses in a row, per access. Checked in " +
                 "every slice: a word holds what was added to it, and never runs backwards.",
        "kind": "cells",
        "cells": [
            {
                "name": name,
                "title": title,
                "only": only,
                "workload": _scenario("false_sharing", way, ["load"], **numbers),
            }
            for name, way, title, numbers, only in [
                ("read_read", "read_read", "All read", {}, _PLACES),
                ("read_write", "read_write", "Readers beside one that writes", {}, _PLACES),
                ("write_read", "read_write", "One that writes beside readers", {"count": 1}, _PLACES),
                ("write_write", "write_write", "All write", {}, _PLACES),
                ("one_word", "write_write", "All write to one word: the control", {}, ["same_word", "apart_64"]),
            ]
        ],
        "regimes": ["stationary"],
        "threads": _AT_LEAST_TWO,
        "apart": True,
        "control": {"cell": "one_word", "a": "apart_64", "b": "same_word", "least": 2.5},
        "baselines": ["same_line", "same_word"],
        "contestants": ["apart_64", "apart_128"],
        "claims": ["000-C35", "001-C19", "003-C28", "004-C08"],
        "aa_visits": 4,
        "profiles": {
            "smoke": {"cells": ["write_write", "one_word"], "threads": ["all"], "contestants": ["apart_64"], "aa_visits": 0},
            "default": NEEDS_AN_HOUR % "false_sharing",
            "hour": {"threads": ["all"], "aa_visits": 2},
            "full": {"aa_visits": 12},
        },
    },
    {
        "name": "checked_misuse",
        "title": "How often does a check notice writers that nothing keeps apart?",
        "prose": "Ten tasks, all ready at once, are taken by the threads there are, as goroutines are by processors; each stores " +
                 "to a key of its own, once or a thousand times, on one table, and nobody takes a lock. Go's built-in map " +
                 "looks at a flag before a write, sets it, and ends the program when it was set. Here a mutex behind the same " +
                 "check keeps the table whole (which makes writes that meet last longer than Go's would), a report ends " +
                 "nothing, and a try of ten tasks counts as detected when there was one. The control is the same table " +
                 "without the check. What is compared is how many tasks are done.",
        "kind": "cells",
        "cells": [
            {
                "name": name,
                "title": title,
                "workload": _scenario("checked_misuse", "tasks", ["store"], writes = writes),
            }
            for name, title, writes in [
                ("ten_by_one", "Ten tasks store once each", 1),
                ("ten_by_thousand", "Ten tasks store a thousand times each", 1000),
            ]
        ],
        "regimes": ["stationary"],
        "threads": _AT_LEAST_TWO,
        "baselines": ["unchecked_writers"],
        "contestants": ["checked_writers"],
        "claims": ["003-C10", "004-C04"],
        "aa_visits": 4,
        "profiles": {
            "smoke": {"threads": ["all"], "aa_visits": 0},
            "default": NEEDS_AN_HOUR % "checked_misuse",
            "hour": {"threads": ["all"], "aa_visits": 0},
            "full": {"aa_visits": 12},
        },
    },
    {
        "name": "batch_delay",
        "title": "How late does a store become visible that waits for a batch?",
        "prose": "Thread 0 stores 50 000 times a second to a thousand keys; all others look for its latest store until they " +
                 "see it. write_batch_map_stale lets stores wait for others, in a ring of 4096 places, and its loads read what " +
                 "is applied unless the oldest store has waited for the interval. So a store is late by the time that a batch " +
                 "takes to fill, 20 µs a store at this rate, or by the interval, whichever is shorter. In the full profile " +
                 "write_batch_map, whose loads apply what waits for their key, is asked too. The tables give the mean and the " +
                 "longest delay of a slice, and the share of stores that were not visible at once (late) and not by the end of " +
                 "the slice (unseen): delays as long as a slice, as with an interval of 100 ms, show as unseen. What is compared " +
                 "is how often the others can look.",
        "kind": "discrete",
        "axis": {
            "name": "longest wait",
            "field": "tunable:flush_interval_us",
            "scale": "log2",
            "lo": 100,
            "hi": 100000,
            "unit": "µs",
            "values": [100, 1000, 10000, 100000],
        },
        "workload": _scenario("visibility", "poll", ["load", "store", "load_or_store"]),
        "regimes": ["stationary"],
        "threads": _AT_LEAST_TWO,
        "baselines": ["mutex_map"],
        "contestants": [_late(64), _late(1024)],
        "aa_visits": 4,
        "profiles": {
            "smoke": {"values": [100], "threads": ["all"], "contestants": [_late(64)], "aa_visits": 0},
            "default": NEEDS_AN_HOUR % "batch_delay",
            "hour": {"values": [1000, 10000], "threads": ["all"], "aa_visits": 0},
            "full": {
                "contestants": [_late(batch) for batch in [1, 16, 64, 256, 1024]] + [_late(64, "write_batch_map")],
                "aa_visits": 12,
            },
        },
    },
]
