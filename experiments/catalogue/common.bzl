# SPDX-License-Identifier: Apache-2.0
"""Names that entries of several themes share: contestants, words for threads, reasons."""

load("//maps:strategies.bzl", "STRATEGIES")

# Every strategy that is compiled in and fit for the workload, whatever it is
# called: a strategy added to //maps:strategies.bzl takes part without a change
# here.
EVERY_STRATEGY = ["*"]

# Other people's maps.
PEERS = [s.name for s in STRATEGIES if s.peer]

FIXED_LISTS = [s.name for s in STRATEGIES if s.header == "peers/xenium_harris_michael_map.h"]

COPIES_EVERYTHING = [
    {
        "strategy": s.name,
        "why": "every store copies the whole map, O(n): its place is batch_init and reading",
    }
    for s in STRATEGIES
    if s.header in ("snapshot_map.h", "generation_pointer_map.h")
]

# Numbers of threads are words, which the machine resolves (orchestrator/threads.py); what names the same number is asked
# once. The default profile asks one thread and all cores.
FEW_TO_ALL = ["1", "2", "half", "all"]
ONE_AND_ALL = ["1", "all"]

# The best of every family and the libraries in use: whom the shorter profiles ask. What they leave out is said in the
# paper, by family (orchestrator/catalogue.py).
LOCK_FREE_READS = ["sync_map", "hash_trie_map", "cache_line_map"]
LIBRARIES = ["boost_concurrent_flat_map", "absl_sharded_map", "tbb_concurrent_hash_map"]

NEEDS_AN_HOUR = "the default profile answers fewer questions well; ask with --only %s or --profile hour"
NEEDS_HOURS = "its place is the full profile; ask with --only %s or --profile full"
