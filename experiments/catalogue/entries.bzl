# SPDX-License-Identifier: Apache-2.0
"""Questions of what keys and values are, and of what hashes them.

Values other than words, hashes other than the study's and integer keys that are not mixed are measured by the wide worker
(experiments/worker/wide_for.h), into which no variant is compiled but those that a question here names.
"""

load("//experiments:catalogue/common.bzl", "COPIES_EVERYTHING", "EVERY_STRATEGY", "FEW_TO_ALL", "LIBRARIES", "LOCK_FREE_READS", "NEEDS_AN_HOUR")
load("//experiments:catalogue/workloads.bzl", "present")

_FIELD = LOCK_FREE_READS + ["sharded_map:shards=64"] + LIBRARIES[:2]

# What the questions here share: 10 000 keys unless a cell says otherwise, reads to writes 9:1. `smoke` and `hour` are the
# cells that these profiles ask.
def _of_entries(name, baseline, smoke, hour, claims = [], more = []):
    return {
        "name": name,
        "kind": "cells",
        "regimes": ["stationary"],
        "threads": FEW_TO_ALL,
        "baselines": [baseline],
        "contestants": ["sync_map", "hash_trie_map", "sharded_map:shards=64"] + more,
        "excludes": COPIES_EVERYTHING,
        "side_by_side": True,  # what another size or hash costs a map
        "claims": claims,
        "aa_visits": 6,
        "profiles": {
            "smoke": {"cells": smoke, "threads": ["all"], "contestants": ["sync_map", "hash_trie_map"] + more[:1], "aa_visits": 0},
            "default": NEEDS_AN_HOUR % name,
            "hour": {"cells": hour, "threads": ["all"], "contestants": _FIELD + more, "aa_visits": 2},
            "full": {"contestants": EVERY_STRATEGY + ["sharded_map:shards=64"], "aa_visits": 12},
        },
    }

def _valued(kind, size):
    return dict(present(10000, 90), value_type = kind, value_bytes = size)

def _hashed(key_type, hash):
    workload = dict(present(10000, 90), key_type = key_type, hash = hash)
    if key_type == "string":
        workload["key_bytes"] = 32
    return workload

# A thousand keys: where a hash gives all of them one place, finding one takes hundreds of steps, and filling a map half a
# million.
def _laid_out(layout, hash, **more):
    return dict(present(1000, 90), key_layout = layout, hash = hash, **more)

# What a hash of integers is called.
_INTEGER_HASHES = [
    ("mixed", "the study's mixer"),
    ("std", "std::hash, the integer itself"),
    ("fnv1a", "FNV-1a"),
]

ENTRIES = [
    dict(
        _of_entries(
            "value_sizes",
            "mutex_map",
            smoke = ["bytes_8", "inline_4096"],
            hour = ["bytes_8", "inline_4096", "string_256"],
            claims = ["004-C16"],
            more = ["mutex_map_boxed", "mutex_map_pooled"],
        ),
        title = "What do larger values change?",
        prose = "Values of 8 bytes to 4 KiB under 10 000 integer keys, inline in the entry, or strings in a block of their " +
                "own, reads to writes 9:1. A store copies a value into the map and a load copies all of it out, under " +
                "the lock where a map shows it under one; a map that exchanges pointers has to allocate. How much longer a " +
                "map takes at 4 KiB than at 8 bytes is what copying costs it; the table shows it. " +
                "mutex_map keeps values in its table; boxed, each has an allocation of its own; pooled, a block of the map's.",
        cells = [
            {"name": "bytes_8", "title": "8 bytes, a word", "workload": present(10000, 90)},
        ] + [
            {"name": "inline_%d" % size, "title": "%s, inline" % words, "workload": _valued("inline", size)}
            for size, words in [(64, "64 bytes"), (256, "256 bytes"), (1024, "1 KiB"), (4096, "4 KiB")]
        ] + [
            {"name": "string_%d" % size, "title": "%s, a string" % words, "workload": _valued("string", size)}
            for size, words in [(32, "32 bytes"), (256, "256 bytes"), (4096, "4 KiB")]
        ],
    ),
    dict(
        _of_entries(
            "string_keys",
            "rw_mutex_map",
            smoke = ["bytes_32"],
            hour = ["bytes_8", "bytes_128", "keys_1m"],
            claims = ["002-C14", "002-C16", "002-C17"],
        ),
        title = "What do longer keys change?",
        prose = "String keys of 8 to 128 bytes, 10 000 of them, then 100 000 and a million of 32 bytes; all are present, " +
                "reads to writes 9:1. Strings are hashed and compared byte by byte, and up to 15 bytes lie within the " +
                "entry instead of in a block of their own. An article has 550 threads ask a million strings; here " +
                "there are as many threads as cores.",
        cells = [
            {
                "name": "bytes_%d" % size,
                "title": "10K keys of %d bytes" % size,
                "workload": dict(present(10000, 90), key_type = "string", key_bytes = size),
            }
            for size in [8, 16, 32, 64, 128]
        ] + [
            {
                "name": "keys_%s" % name.lower(),
                "title": "%s keys of 32 bytes" % name,
                "workload": dict(present(population, 90), key_type = "string", key_bytes = 32),
            }
            for name, population in [("100K", 100000), ("1M", 1000000)]
        ],
    ),
    dict(
        _of_entries(
            "hashes",
            "mutex_map",
            smoke = ["integers_mixed"],
            hour = ["integers_mixed", "integers_std", "strings_mixed", "strings_fnv1a", "sequential_std", "strided_std", "strided_64k_std", "low_entropy_std"],
            claims = ["000-C17"],
            more = ["bin_lock_map", "bin_lock_map:spread=0"],
        ),
        title = "Does another hash function change who wins?",
        prose = "The same 10 000 keys under the study's mixer, std::hash and FNV-1a, integers and strings of 32 bytes, " +
                "reads to writes 9:1. std::hash of an integer is the integer itself (the identity), and the study's integers are " +
                "spread over all bits already. So a thousand other integers are asked too: consecutive ones, multiples of 64, " +
                "those that differ in their 28 highest bits only, and two packed counters of which 10 bits vary. Under the " +
                "identity a map that takes its places from the lowest bits as they are has few for strided keys and one for high " +
                "bits, and one that takes them from the highest bits has one for all of these; who divides by a prime number, or " +
                "mixes once more, does not notice. Java's map mixes the bits from the 17th on into the lowest; bin_lock_map does as well, and " +
                "not with spread=0: multiples of 65 536 show what that is worth. What little entropy in the popularity of keys does is asked by " +
                "skew.",
        cells = [
            {
                "name": "%s_%s" % (name, hash),
                "title": "%s, %s" % (title, words),
                "workload": _hashed(key_type, hash),
            }
            for name, key_type, title, hashes in [
                ("integers", "u64", "Integers", _INTEGER_HASHES),
                ("strings", "string", "Strings", [("mixed", "the study's mixer"), ("std", "std::hash"), ("fnv1a", "FNV-1a")]),
            ]
            for hash, words in hashes
        ] + [
            {
                "name": "%s_%s" % (layout, hash),
                "title": "%s, %s" % (title, words),
                "workload": _laid_out(layout, hash),
            }
            for layout, title in [
                ("sequential", "1 to 1000"),
                ("strided", "Multiples of 64"),
                ("high_bits", "Differing in high bits only"),
                ("low_entropy", "Two packed counters"),
            ]
            for hash, words in _INTEGER_HASHES
        ] + [
            {
                "name": "strided_64k_%s" % hash,
                "title": "Multiples of 65 536, %s" % words,
                "workload": _laid_out("strided", hash, key_stride = 65536),
            }
            for hash, words in _INTEGER_HASHES
        ],
    ),
]
