# SPDX-License-Identifier: Apache-2.0
"""Mistakes in sharded_map: which shard, and what is atomic in it."""

load(":mutant.bzl", "mutant")

_FILE = "maps/sharded_map.h"

def _mutant(*args, **kwargs):
    name, rest = args[0], args[1:]
    return mutant(name, "sharded_map", _FILE, *rest, **kwargs)

SHARDED_MAP = [
    _mutant(
        "shift_by_64",
        "    return shards_[(hash >> 32) >> shift_];\n",
        "    return shards_[hash >> (32 + shift_)];\n",
        "With one shard the hash is shifted by 64, which on x86 is a shift by 0.",
        "one_thread",
    ),
    _mutant(
        "one_bit_too_many",
        "        shift_(32 - std::countr_zero(shard_count_)),\n",
        "        shift_(31 - std::countr_zero(shard_count_)),\n",
        "The shard number has one bit more than there are shards.",
        "one_thread",
    ),
    _mutant(
        "delete_in_another_shard",
        "    return ShardOf(hash).Delete(hash, key);\n",
        "    return ShardOf(hash << 1).Delete(hash, key);\n",
        "Delete takes the shard from other bits of the hash.",
        "one_thread",
    ),
    _mutant(
        "split_swap",
        "    return ShardOf(hash).Swap(hash, key, value);\n",
        """    std::optional<V> old = ShardOf(hash).Load(hash, key);
    ShardOf(hash).Store(hash, key, value);
    return old;
""",
        "Swap is a Load and then a Store.",
        "threads",
    ),
    _mutant(
        "split_load_or_store",
        "    return ShardOf(hash).LoadOrStore(hash, key, value);\n",
        """    if (auto found = ShardOf(hash).Load(hash, key)) {
      return {*std::move(found), true};
    }
    ShardOf(hash).Store(hash, key, value);
    return {value, false};
""",
        "LoadOrStore is a Load and then a Store.",
        "threads",
    ),
    _mutant(
        "computes_before_the_lock",
        "    return ShardOf(hash).LoadOrCompute(hash, key, std::forward<F>(make));\n",
        "    return ShardOf(hash).LoadOrStore(hash, key, std::forward<F>(make)());\n",
        "LoadOrCompute computes before it knows whether the key is there.",
        "one_thread",
    ),
    _mutant(
        "range_keeps_former_shards",
        "      entries.clear();\n",
        "",
        "Range visits the entries of the former shards again with each shard.",
        "one_thread",
    ),
    _mutant(
        "range_stops_a_shard_only",
        "      if (!internal::VisitAll(entries, visit)) return;\n",
        "      internal::VisitAll(entries, visit);\n",
        "A visitor that says stop stops the visiting of its shard only.",
        "whole_map",
    ),
    _mutant(
        "clear_forgets_a_shard",
        "    for (Shard& shard : Shards()) shard.Clear();\n",
        "    for (Shard& shard : Shards().subspan(1)) shard.Clear();\n",
        "Clear begins with the second shard.",
        "one_thread",
    ),
    _mutant(
        "size_forgets_a_shard",
        "    for (Shard& shard : Shards()) size += shard.Size();\n",
        "    for (Shard& shard : Shards().subspan(1)) size += shard.Size();\n",
        "Size begins with the second shard.",
        "one_thread",
    ),
    _mutant(
        "memory_without_tables",
        "    for (Shard& shard : Shards()) bytes += shard.HeapBytesHeld();\n",
        "",
        "MemoryBytes counts the shards and not what is in them.",
        "whole_map",
    ),
]
