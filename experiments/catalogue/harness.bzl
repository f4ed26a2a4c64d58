# SPDX-License-Identifier: Apache-2.0
"""Questions of the study itself: what its loop costs, and what becomes of a lead behind a call."""

load("//experiments:catalogue/common.bzl", "COPIES_EVERYTHING", "NEEDS_HOURS", "ONE_AND_ALL")
load("//experiments:catalogue/workloads.bzl", "present")
load("//maps:strategies.bzl", "STRATEGIES")

# Who does not take part in harness_price: references and a map that evicts, and those to which a million keys or a
# write cost too much.
_NOT_PRICED = ["null", "line_touch", "checked_map", "bounded_cache_map", "xenium_harris_michael_map"] + [
    e["strategy"]
    for e in COPIES_EVERYTHING
]

# Why the study's loop costs some more than the bound where it does: measured with idle instructions put into the loop by hand
# (a million keys: 16 cost nothing, 32 cost 12 of 100 ns without a lock, 64 cost 60 of 100, and 25 of 180 with a mutex).
_STAIRS = ("only among a million keys: the check of every value takes five instructions more than the loop by hand. Lookups " +
           "that walk from node to node wait for memory, as many side by side as fit into the processor's window of " +
           "instructions, and idle instructions in place of the check cost as much, in steps")
_CHAINED = ["unsynchronised_map", "mutex_map", "rw_mutex_map", "striped_reader_map"]

# The same workload twice: as compilers see fit to inline, and with every operation a call that they cannot look through.
def _called_cells(cells):
    return [
        dict(cell, name = "%s_%s" % (cell["name"], call), title = "%s, %s" % (cell["title"], call), call = call)
        for cell in cells
        for call in ["inlined", "called"]
    ]

def _price_cell(name, title, keys, population, mix, prefill = 1.0, stream = {"stream": "uniform"}, **more):
    return {
        "name": "%s_%s" % (name, keys.lower()),
        "title": "%s keys, %s" % (keys, title),
        "workload": dict({
            "keys": stream,
            "mix": mix,
            "population": population,
            "prefill": prefill,
            "regime": "stationary",
            "ops": 0,
            "key_type": "u64",
            "value_type": "u64",
        }, **more),
    }

# What an operation costs in the study's loop and in one by hand, kind by kind, at one size.
def _price_cells(keys, population):
    return [
        _price_cell("hit", "loads that hit", keys, population, {"load": 100}),
        _price_cell("miss", "loads that miss", keys, population, {"load": 100}, miss = 100),
        _price_cell("found", "LoadOrStore of keys that are present", keys, population, {"load_or_store": 100}),
        _price_cell("overwrite", "stores to keys that are present", keys, population, {"store": 100}),
        _price_cell("turnover", "every key new, inserted after another was erased", keys, population, {"load_or_store": 100}, prefill = "auto", stream = {
            "stream": "krr",
            "reuse": 0.0,
            "choice": "uniform",
            "sharing": "private",
        }),
    ]

HARNESS = [
    {
        "name": "call_boundary",
        "title": "What remains of a lead when the map is behind a call that compilers cannot look through?",
        "prose": "Elsewhere in this study maps are headers, and compilers may inline them into the loop that calls them. " +
                 "Whose map is in a library of its own, or whose functions are too large to be inlined, pays a call for " +
                 "every operation, and what leaves it comes back in registers or memory as the calling convention has " +
                 "it. Each cell is measured both ways, the same loop around it. What the call costs is equal for all, " +
                 "so that it narrows ratios; the order should stay.",
        "kind": "cells",
        "cells": _called_cells([
            {"name": "reads_1k", "title": "1K keys, reads only", "workload": present(1000, 100)},
            {"name": "mixed_10k", "title": "10K keys, 20 % writes", "workload": present(10000, 80)},
            {"name": "reads_1m", "title": "1M keys, reads only", "workload": present(1000000, 100)},
        ]),
        "regimes": ["stationary"],
        "threads": ONE_AND_ALL,
        "baselines": ["mutex_map"],
        "contestants": ["sharded_map", "sync_map", "hash_trie_map", "cache_line_map", "boost_concurrent_flat_map"],
        "excludes": COPIES_EVERYTHING,
        "aa_visits": 6,
        "profiles": {
            "smoke": {"cells": ["mixed_10k_called"], "threads": ["1"], "contestants": ["sync_map"], "aa_visits": 0},
            "default": NEEDS_HOURS % "call_boundary",
            "hour": NEEDS_HOURS % "call_boundary",
            "full": {},
        },
    },
    {
        "name": "harness_price",
        "title": "What does this study's own loop cost each contestant?",
        "prose": "The loop that plays a workload counts and verifies, and calls every contestant through one interface. Here " +
                 "each strategy meets itself in the plainest loop that one would write around it by hand, and each peer the " +
                 "library's own map without its adapter (@direct). A harness that costs everybody the same shows in no " +
                 "ratio as anything but a little less of it; one that costs some more than others decides comparisons.",
        "kind": "cells",
        "cells": _price_cells("1K", 1000) + _price_cells("1M", 1000000),
        "regimes": ["stationary"],
        "threads": ["1"],
        "against": "by_hand",
        "reasons": {name: _STAIRS for name in _CHAINED},
        "baselines": [],
        "contestants": [
            s.name
            for s in STRATEGIES
            if (s.peer or not s.variant_of) and s.name not in _NOT_PRICED
        ],
        "excludes": COPIES_EVERYTHING,
        "aa_visits": 6,
        "profiles": {
            "smoke": {"cells": ["hit_1k"], "contestants": ["mutex_map"], "aa_visits": 0},
            "default": NEEDS_HOURS % "harness_price",
            "hour": NEEDS_HOURS % "harness_price",
            "full": {},
        },
    },
]
