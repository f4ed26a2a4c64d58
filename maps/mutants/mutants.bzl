# SPDX-License-Identifier: Apache-2.0
"""All mutants, and the rungs that are to find them.

A mutant is a copy of a strategy with one mistake. A ladder of tests that finds none of
them proves nothing when it is silent about the strategies themselves.
"""

load("//maps:strategies.bzl", "STRATEGIES")
load(":adaptive_map.bzl", "ADAPTIVE_MAP")
load(":bin_lock_map.bzl", "BIN_LOCK_MAP")
load(":bounded_cache_map.bzl", "BOUNDED_CACHE_MAP")
load(":bucket_map.bzl", "BUCKET_MAP")
load(":cache_line_map.bzl", "CACHE_LINE_MAP")
load(":generation_map.bzl", "GENERATION_MAPS")
load(":hash_trie_map.bzl", "HASH_TRIE_MAP")
load(":hot_cold_map.bzl", "HOT_COLD_MAP")
load(":locks.bzl", "LOCKS")
load(":lookaside_map.bzl", "LOOKASIDE_MAP")
load(":published_map.bzl", "PUBLISHED_MAP")
load(":reclamation.bzl", "RECLAMATION")
load(":segment_map.bzl", "SEGMENT_MAP")
load(":sharded_map.bzl", "SHARDED_MAP")
load(":snapshot_map.bzl", "SNAPSHOT_MAP")
load(":striped_reader_map.bzl", "STRIPED_READER_MAP")
load(":sync_map.bzl", "SYNC_MAP")
load(":write_batch_map.bzl", "WRITE_BATCH_MAP")

# From the cheapest to the dearest. A mutant is held against the first five always, against the others when it
# names them or is still alive.
RUNGS = [
    ("one_thread", "conformance kit: point operations by one thread"),
    ("whole_map", "conformance kit: whole-map operations by one thread"),
    ("threads", "conformance kit: several threads"),
    ("lives", "conformance kit with values that count their lives and may throw, disturbed at every atomic access"),
    ("linearizability", "recorded histories of several threads, disturbed at every atomic access"),
    ("litmus", "litmus patterns of two threads on the processor, undisturbed and without time stamps"),
    ("own_test", "what is peculiar to the strategy: its own unit test"),
    ("asan", "conformance kit under AddressSanitizer and LeakSanitizer"),
    ("tsan", "conformance kit under ThreadSanitizer"),
]

# Strategies that need no mutants.
WITHOUT = {
    "checked_map": "one thread only: what it notices of several is measured by its own tool",
    "line_touch": "it is no map, but a bound of what one line per operation costs",
    "null": "it is no map, but the cost of the harness",
    "unsynchronised_map": "one thread only: nothing of its own that could race; its table is that of mutex_map",
}

MUTANTS = (
    LOCKS +
    STRIPED_READER_MAP +
    BUCKET_MAP +
    SHARDED_MAP +
    SYNC_MAP +
    HASH_TRIE_MAP +
    SNAPSHOT_MAP +
    RECLAMATION +
    LOOKASIDE_MAP +
    HOT_COLD_MAP +
    GENERATION_MAPS +
    PUBLISHED_MAP +
    WRITE_BATCH_MAP +
    BOUNDED_CACHE_MAP +
    CACHE_LINE_MAP +
    SEGMENT_MAP +
    BIN_LOCK_MAP +
    ADAPTIVE_MAP
)

def mutant_list():
    """MUTANTS and what the tools need to build them, as one value for JSON."""
    return {
        "rungs": RUNGS,
        "without": WITHOUT,
        "strategies": {
            s.name: {
                "header": s.header,
                "map": s.map,
                "policies": s.policies,
                "peer": s.peer,
                "tsan": s.tsan,
                "variant_of": s.variant_of,
            }
            for s in STRATEGIES
        },
        "mutants": MUTANTS,
    }
