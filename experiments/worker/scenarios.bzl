# SPDX-License-Identifier: Apache-2.0
"""The strategies that are compiled for the scenarios (workloads/scenarios): each pair is a program of its own.

One kind of each family, and who a question is about. A strategy takes part in the scenarios whose operations it has; some
scenarios are compiled for few of these (scenarios.h). NO_MAPS take part in scenarios about no map (no_maps.cc).
"""

SCENARIO_STRATEGIES = [
    "mutex_map",
    "rw_mutex_map",
    "sharded_map",
    "sync_map",
    "hash_trie_map",
    "cache_line_map",
    "snapshot_map",
    "published_map",
    "published_map_copy",
    "write_batch_map",
    "write_batch_map_stale",
    "boost_concurrent_flat_map",
    "tbb_concurrent_hash_map",
    "absl_sharded_map",
]

NO_MAPS = ["same_word", "same_line", "apart_64", "apart_128", "checked_writers", "unchecked_writers"]
