# SPDX-License-Identifier: Apache-2.0
"""Questions of maps that other people wrote."""

load("//experiments:catalogue/common.bzl", "FEW_TO_ALL", "FIXED_LISTS", "LIBRARIES", "NEEDS_AN_HOUR", "ONE_AND_ALL", "PEERS")
load("//experiments:catalogue/workloads.bzl", "present_cells")

PEERS_IN_USE = [
    {
        "name": "peers",
        "title": "How far are the libraries in use from one cache line per operation?",
        "prose": "Loads and overwriting stores of keys that are all present, uniformly chosen: a thousand keys to four " +
                 "million, none, a tenth and half of the operations stores. cache_line_map, built for these cells, " +
                 "against the maps that other people wrote, two of this study, and line_touch, which touches " +
                 "one line per operation and finds nothing: no map can be faster than that. Filling and growing, " +
                 "where a map pays for its layout, is the subject of batch_init.",
        "kind": "cells",
        "cells": present_cells(
            [("1K", 1000), ("10K", 10000), ("100K", 100000), ("1M", 1000000), ("4M", 4000000)],
            [0, 10, 50],
        ),
        "regimes": ["stationary"],
        "threads": FEW_TO_ALL,
        "baselines": ["cache_line_map"],
        "contestants": [name for name in PEERS if name not in FIXED_LISTS] +
                       ["hash_trie_map", "sharded_map:shards=64", "line_touch"],
        "excludes": [
            {
                "strategy": name,
                "why": "its lists do not get more: with millions of keys an operation walks thousands of nodes",
            }
            for name in FIXED_LISTS
        ],
        "aa_visits": 6,
        "profiles": {
            "smoke": {
                "cells": ["keys_10k_writes_10"],
                "threads": ["all"],
                "contestants": PEERS[:1] + ["hash_trie_map", "line_touch"],
                "aa_visits": 0,
            },
            "default": NEEDS_AN_HOUR % "peers",
            "hour": {
                "cells": ["keys_10k_writes_0", "keys_10k_writes_10", "keys_10k_writes_50", "keys_1m_writes_10"],
                "threads": ["all"],
                "contestants": LIBRARIES + ["libcuckoo_map", "hash_trie_map", "sharded_map:shards=64", "line_touch"],
            },
            "full": {"aa_visits": 20},
        },
    },
    {
        "name": "huge_pages",
        "title": "Are huge pages what decides?",
        "prose": "With pages of 4 KiB a processor translates the addresses of a few megabytes at once, with pages of 2 MiB " +
                 "those of gigabytes. cache_line_map and line_touch ask the kernel for huge ones; the allocator, from which " +
                 "the others have their memory, does not unless it is told to. The same cells with what each asks for, with " +
                 "huge pages for all (glibc.malloc.hugetlb=1), and with none for anybody.",
        "kind": "cells",
        "cells": [
            dict(cell, name = "%s_%s" % (cell["name"], pages), title = "%s, %s" % (cell["title"], words), pages = pages)
            for cell in present_cells([("1M", 1000000), ("4M", 4000000)], [0, 50])
            for pages, words in [("asked", "as each asks"), ("huge", "huge pages for all"), ("small", "small pages for all")]
        ],
        "regimes": ["stationary"],
        "threads": ONE_AND_ALL,
        "baselines": ["cache_line_map"],
        "contestants": LIBRARIES + ["hash_trie_map", "sharded_map:shards=64"],
        "side_by_side": True,
        "aa_visits": 6,
        "profiles": {
            "smoke": {
                "cells": ["keys_1m_writes_0_huge"],
                "threads": ["1"],
                "contestants": ["sharded_map:shards=64"],
                "aa_visits": 0,
            },
            "default": NEEDS_AN_HOUR % "huge_pages",
            "hour": {
                "cells": ["keys_1m_writes_0_huge", "keys_1m_writes_0_small"],
                "threads": ["all"],
                "contestants": LIBRARIES[:1] + ["sharded_map:shards=64"],
            },
            "full": {"aa_visits": 12},
        },
    },
    {
        "name": "load_batch",
        "title": "What is gained by asking for sixteen keys at once?",
        "prose": "Loads of keys that are all present, uniformly chosen: sixteen handed to the map together (@load_batch), " +
                 "against the same keys one after the other. cache_line_map and Boost's map (its bulk visit) send for the " +
                 "lines of all before they look at the first. For the others a batch is a loop: what they gain or lose is " +
                 "the loop's, as a processor works ahead on lookups that do not depend on each other by itself.",
        "kind": "cells",
        "cells": present_cells([("1K", 1000), ("1M", 1000000), ("16M", 16000000)], [0]),
        "regimes": ["stationary"],
        "threads": ONE_AND_ALL,
        "against": "one_by_one",
        "baselines": [],
        "contestants": [
            name + "@load_batch"
            for name in ["cache_line_map", "boost_concurrent_flat_map", "absl_sharded_map", "mutex_map", "line_touch"]
        ],
        "aa_visits": 6,
        "profiles": {
            "smoke": {
                "cells": ["keys_1k_writes_0"],
                "threads": ["1"],
                "contestants": ["cache_line_map@load_batch"],
                "aa_visits": 0,
            },
            "default": NEEDS_AN_HOUR % "load_batch",
            "hour": {
                "cells": ["keys_1m_writes_0"],
                "contestants": ["cache_line_map@load_batch", "boost_concurrent_flat_map@load_batch", "mutex_map@load_batch"],
            },
            "full": {"aa_visits": 12},
        },
    },
]
