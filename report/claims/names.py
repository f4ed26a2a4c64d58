# SPDX-License-Identifier: Apache-2.0
"""Names that rows of the ledger share: source texts, contestants, questions that are yet to be asked."""

from report.claims.measured import Control

# What each text is about. Rows of the ledger are numbered within a text.
TEXTS = {
    "000": "LoadOrStore of sync.Map in Go 1.22 and key reuse",
    "001": "sync.Map against a native map in read-mostly load",
    "002": "the philosophy and limits of sync.Map",
    "003": "filling sync.Map and native maps in bulk",
    "004": "lock-free writes by exchanging pointers",
}

SYNC, TRIE = "sync_map", "hash_trie_map"
MUTEX, RW, SHARDED = "mutex_map", "rw_mutex_map", "sharded_map:shards=64"

# Stores applied together, the number of them an axis.
BATCHES = "write_batch_map:batch={},ring=4096"

# A table that is doubled when so much time has passed, and not when it is full.
DEFERRED = "write_batch_map:rehash_interval_ms=100"

# The three maps that one text puts side by side.
TABLE_OF_000 = (SYNC, RW, SHARDED)

# Whether lines move between the CPUs at all: adding to one word from several of them, against a word for each on a line of
# its own. Threads that share a cache take turns in it, about twice as long; two CPUs of a virtual machine between which the
# line did move took 3.4 times as long.
LINES_MOVE = Control("one_word", "apart_64", "same_word", 2.5,
                     "Several CPUs add to one word nearly as fast as to words apart, so that they share the cache that it is "
                     "in and false sharing cannot be shown here")

# Files of the originals that are looked up.
GO_MAP, GO_ENTRY_TEST, GO_REFERENCE = "src/sync/map.go", "src/sync/map_test.go", "src/sync/map_reference_test.go"
GO_RUNTIME, GO_FAST64, GO_FASTSTR = "src/runtime/map.go", "src/runtime/map_fast64.go", "src/runtime/map_faststr.go"
GO_RWMUTEX = "src/sync/rwmutex.go"
JAVA_MAP = "java.base/java/util/concurrent/ConcurrentHashMap.java"

# Questions that rules are written for and the catalogue does not hold yet. A rule that names one of them answers
# "not asked in this run" until a run has rows of it. Quantities and metrics that rules expect are in METHODOLOGY.md.
PLANNED = {
    "key_layouts": "how bits are taken of a hash",
    "operation_counts": "dependent loads, lines, cache misses and allocations of one operation",
    "ring_fence": "the ring of the write-batching map with a full fence and without",
    "trace_sampling": "key reuse estimated from one operation in a hundred",
}

# What rules compare that is no map: a way of sampling.
NOT_MAPS = {"sampler"}
