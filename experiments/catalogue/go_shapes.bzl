# SPDX-License-Identifier: Apache-2.0
"""The shapes of the 24 benchmarks of sync.Map (Go 1.24, src/sync/map_bench_test.go), as far as a tape can say them.

A tape draws keys at random where the originals take them in turn, and keeps present and absent
keys apart by how many there are rather than by which. Five shapes are no tapes:

  Range, Clear              whole-map operations: the question iteration
  AdversarialDelete         deletes the first key that a Range finds
  SwapMostlyMisses          deletes what the operation before inserted, by the same goroutine
  CompareAndSwapValueNotEqual  always compares with a value that never was there; a tape's
                            comparisons alternate between the two values of a key
"""

load("//experiments:catalogue/common.bzl", "COPIES_EVERYTHING", "LIBRARIES", "LOCK_FREE_READS", "NEEDS_AN_HOUR", "ONE_AND_ALL")

# A shape on `keys` keys, of which `present` are there at first (None: as many as the mix keeps there).
def _steady(name, title, mix, keys = 1024, present = None):
    return {
        "name": name,
        "title": title,
        "regimes": ["stationary"],
        "workload": {
            "keys": {"stream": "uniform"},
            "mix": mix,
            "population": keys,
            "prefill": "auto" if present == None else present / keys,
            "regime": "stationary",
            "ops": 0,
            "key_type": "u64",
            "value_type": "u64",
        },
    }

# A shape whose keys were never seen before, or every other one.
def _fresh(name, title, mix, keys = {"stream": "sequential_new"}):
    return {
        "name": name,
        "title": title,
        "regimes": ["growth"],
        "workload": {
            "keys": keys,
            "mix": mix,
            "regime": "growth",
            "ops": 50000,
            "key_type": "u64",
            "value_type": "u64",
        },
    }

_HALF_NEW = {"stream": "krr", "reuse": 0.5, "choice": "uniform", "sharing": "private"}

GO_SHAPES = [
    {
        "name": "go_shapes",
        "title": "Who wins the benchmarks that sync.Map brings along?",
        "prose": "Nineteen of the 24 shapes that Go tests its map with, most on 1024 keys or on one. The keys are drawn " +
                 "at random where the originals take them in turn. Left out: Range and Clear, which work on " +
                 "the whole map, and three shapes that depend on what the operation before found (AdversarialDelete, " +
                 "SwapMostlyMisses, CompareAndSwapValueNotEqual).",
        "kind": "cells",
        "cells": [
            _steady("load_mostly_hits", "Load, 1023 of 1024 keys present", {"load": 100}, present = 1023),
            _steady("load_mostly_misses", "Load, 1 of 1024 keys present", {"load": 100}, present = 1),
            _fresh("load_or_store_balanced", "LoadOrStore, every other key new", {"load_or_store": 100}, _HALF_NEW),
            _fresh("load_or_store_unique", "LoadOrStore, every key new", {"load_or_store": 100}),
            _steady("load_or_store_collision", "LoadOrStore, one key", {"load_or_store": 100}, keys = 1),
            _steady("load_and_delete_balanced", "LoadAndDelete, half of 256 keys present at first, soon none", {"load_and_delete": 100}, keys = 256, present = 128),
            _fresh("load_and_delete_unique", "LoadAndDelete, no key present", {"load_and_delete": 100}),
            _steady("load_and_delete_collision", "LoadAndDelete and Store in turn, one key", {"load_and_delete": 50, "store": 50}, keys = 1),
            # In the original the gaps between insertions grow, so that each finds all before it promoted. Here 500
            # loads lie between two of the about 100 insertions, with the same effect.
            _fresh("adversarial_alloc", "Load of absent keys, now and then a LoadOrStore that makes sync.Map copy", {"load": 99.8, "load_or_store": 0.2}),
            _steady("delete_collision", "Delete, one key, absent", {"delete": 100}, keys = 1, present = 0),
            _steady("swap_collision", "Swap, one key", {"swap": 100}, keys = 1),
            _steady("swap_mostly_hits", "Swap, 1023 of 1024 keys present", {"swap": 99.9, "delete": 0.1}),
            _steady("compare_and_swap_collision", "CompareAndSwap, one key", {"compare_and_swap": 100}, keys = 1),
            _fresh("compare_and_swap_no_existing_key", "CompareAndSwap, no key present", {"compare_and_swap": 100}),
            _steady("compare_and_swap_mostly_hits", "CompareAndSwap, 1023 of 1024 keys present, the value equal every other time", {"compare_and_swap": 100}, present = 1023),
            _steady("compare_and_swap_mostly_misses", "CompareAndSwap, 1 of 1024 keys present", {"compare_and_swap": 100}, present = 1),
            _steady("compare_and_delete_collision", "CompareAndDelete and Store in turn, one key", {"compare_and_delete": 50, "store": 50}, keys = 1),
            _steady("compare_and_delete_mostly_hits", "CompareAndDelete and Store 1:3, six of seven of 1024 keys present", {"compare_and_delete": 25, "store": 75}),
            _steady("compare_and_delete_mostly_misses", "CompareAndDelete, 1 of 1024 keys present", {"compare_and_delete": 100}, present = 1),
        ],
        "regimes": ["stationary", "growth"],
        "threads": ONE_AND_ALL,
        "baselines": ["rw_mutex_map"],
        "contestants": ["sync_map", "hash_trie_map"],
        "excludes": COPIES_EVERYTHING,
        "claims": ["000-C02", "001-C10"],
        "aa_visits": 6,
        "profiles": {
            "smoke": {"cells": ["load_mostly_hits"], "threads": ["all"], "aa_visits": 0},
            "default": NEEDS_AN_HOUR % "go_shapes",
            "hour": {
                "cells": [
                    "load_mostly_hits",
                    "load_mostly_misses",
                    "load_or_store_balanced",
                    "load_or_store_unique",
                    "load_or_store_collision",
                    "load_and_delete_collision",
                    "adversarial_alloc",
                    "swap_mostly_hits",
                    "compare_and_swap_collision",
                    "compare_and_delete_mostly_hits",
                ],
                "threads": ["all"],
                "aa_visits": 4,
            },
            "full": {"contestants": LOCK_FREE_READS + ["bin_lock_map", "sharded_map"] + LIBRARIES, "aa_visits": 20},
        },
    },
]
