# SPDX-License-Identifier: Apache-2.0
"""What is so in the synthetic runs: the strategies, and how fast each is where."""

from __future__ import annotations

import math
import random

LAYOUTS = 4
LAYOUT_SD = 0.02  # of a strategy's time in a cell, between layouts
BASE_NS = 42.0  # time of the baseline per operation at one thread

# strategy -> family, summary, source, reads, writes, reclamation, growth,
# bytes of the object
STRATEGIES = {
    "mutex_map": ("lock", "One std::mutex around a chained table.",
                  "textbook", "blocking", "blocking", "none needed",
                  "doubles under the lock", 104),
    "rw_mutex_map": ("lock", "A writer-preferring read-write lock around a "
                     "chained table.", "Go sync.RWMutex", "blocking",
                     "blocking", "none needed", "doubles under the lock", 152),
    "sharded_map": ("sharded lock", "A power of two of locked tables chosen "
                    "by the high hash bits.", "textbook", "blocking",
                    "blocking", "none needed", "each shard doubles alone",
                    192),
    "sharded_map_packed": ("sharded lock", "The same, shards side by side.",
                           "textbook", "blocking", "blocking", "none needed",
                           "each shard doubles alone", 192),
    "shared_mutex_map": ("lock", "One std::shared_mutex around a chained "
                         "table.", "textbook", "blocking", "blocking",
                         "none needed", "doubles under the lock", 120),
    "sync_map_split": ("lock-free reads", "The same, with the read-only table "
                       "on its own cache line.", "this study", "lock-free",
                       "blocking", "epochs", "as sync_map", 320),
    "unsynchronised_map": ("single thread", "A chained table without a lock.",
                           "textbook", "single thread", "single thread",
                           "none needed", "doubles", 64),
    "sync_map": ("lock-free reads", "A read-only table beside a locked dirty "
                 "one, promoted after enough misses.", "Go sync.Map <= 1.23",
                 "lock-free", "blocking", "epochs", "the dirty table is "
                 "rebuilt once per promotion", 256),
    "hash_trie_map": ("lock-free reads", "A hash trie with a lock in every "
                      "inner node.", "Go internal/sync.HashTrieMap 1.24",
                      "lock-free", "blocking", "epochs",
                      "no rehash: nodes split", 128),
    "snapshot_map": ("copy on write", "Readers see an immutable table; a "
                     "write copies it.", "read-copy-update", "wait-free",
                     "blocking", "epochs", "every write copies", 64),
    "null": ("none", "Does nothing: the cost of the harness.", "this study",
             "wait-free", "wait-free", "none needed", "never", 1),
}


def _logistic(x: float, centre: float, width: float) -> float:
    return 1.0 / (1.0 + math.exp(-(x - centre) / width))


def effect(question: str, strategy: str, x: float | None, name: str | None,
           regime: str, threads: int) -> float:
    """True ln(time of mutex_map / time of `strategy`): positive is faster."""
    spec = strategy.split(":")[0].split("@")[0]
    if spec == "mutex_map":
        return 0.0
    if question == "reuse_threshold":
        shift = 0.06 if regime == "reserved" else 0.0
        return {
            # Crosses zero at 0.62 (0.56 reserved) and ln 1.47 at 0.88.
            "sync_map": 1.48 * (x - 0.62 + shift),
            "hash_trie_map": -0.75 + 0.25 * x,
            "sharded_map": (0.45 * (x - 0.35) if threads == 1
                            else 0.25 + 0.2 * x),
            "rw_mutex_map": -0.14 + 0.05 * x,
        }[spec]
    if question == "read_share":
        u = (x - 50) / 50
        return {
            "sync_map": -0.35 + 1.1 * _logistic(u, 0.8, 0.07),
            "hash_trie_map": -0.25 + 0.5 * u,
            "sharded_map": 0.004,
            "rw_mutex_map": -0.22 + 0.05 * math.sin(9 * u),
        }[spec]
    if question == "key_count":
        u = (math.log2(x) - 10) / 10
        return {"sync_map": -0.3 - 0.3 * u, "sharded_map": 0.02,
                "hash_trie_map": 0.32 - 0.55 * u}[spec]
    if question == "shards":
        return 0.11 * (math.log2(x) - 3.4)
    if question == "threads":
        return {"sync_map": -0.45 + 0.3 * math.log2(x),
                "sharded_map": -0.05 + 0.28 * math.log2(x)}[spec]
    if question == "batch_init":
        base = {"sync_map": -1.1, "hash_trie_map": -0.6, "sharded_map": -0.12,
                "snapshot_map": 0.55, "rw_mutex_map": 0.0}[spec]
        return base * (0.8 if regime == "reserved" else 1.0)
    if question == "standard_cells":
        return {
            ("sync_map", "uniform_read"): 0.58,
            ("hash_trie_map", "uniform_read"): 0.66,
            ("sharded_map", "uniform_read"): 0.015,
            ("sync_map", "hot_mix"): -0.4,
            ("hash_trie_map", "hot_mix"): 0.027,
            ("sharded_map", "hot_mix"): 0.21,
            ("sync_map", "session_cache"): 0.44,
            ("hash_trie_map", "session_cache"): 0.45,
            ("sharded_map", "session_cache"): 0.2,
        }[(spec, name)]
    return 0.0


def layout_effect(strategy: str, layout: int) -> float:
    """How much longer a strategy takes in a layout, as a log ratio."""
    spec = strategy.split(":")[0].split("@")[0]
    own = [random.Random(f"{spec} in layout {n}").gauss(0, LAYOUT_SD)
           for n in range(1, LAYOUTS + 1)]
    return own[layout - 1] - sum(own) / LAYOUTS
