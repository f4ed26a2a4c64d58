# SPDX-License-Identifier: Apache-2.0
"""Mistakes in snapshot_map: the writers' mutex, the second look, publishing and freeing."""

load(":mutant.bzl", "mutant")

_FILE = "maps/snapshot_map.h"

def _mutant(*args, **kwargs):
    name, rest = args[0], args[1:]
    return mutant(name, "snapshot_map", _FILE, *rest, **kwargs)

def _published_mutant(*args, **kwargs):
    name, rest = args[0], args[1:]
    return mutant(name, "snapshot_map", "maps/internal/reclamation/published.h", *rest, **kwargs)

SNAPSHOT_MAP = [
    _mutant(
        "writers_without_mutex",
        "        : map_(map), room_(guard_), lock_(map.mu_) {}\n",
        "        : map_(map), room_(guard_), lock_(map.mu_, std::defer_lock) {}\n",
        "Writers do not take the mutex: of two copies made at once one is lost.",
        "threads",
    ),
    _mutant(
        "load_or_store_without_recheck",
        """    if (const V* found = writer.Now().Find(hash, key)) return {*found, true};
    Loaded<V> result = writer.Copy().LoadOrStore(hash, key, value);
""",
        """    Loaded<V> result{value, false};
    writer.Copy().Store(hash, key, value);
""",
        "LoadOrStore trusts the look before the mutex and does not look again.",
        "threads",
    ),
    _mutant(
        "compare_and_swap_without_recheck",
        """    if (found == nullptr || !(*found == expected)) return false;
    writer.Copy().Store(hash, key, desired);
""",
        """    if (found == nullptr) return false;
    writer.Copy().Store(hash, key, desired);
""",
        "CompareAndSwap compares before the mutex only.",
        "threads",
    ),
    _mutant(
        "compare_and_delete_without_recheck",
        """    if (found == nullptr || !(*found == expected)) return false;
    writer.Copy().Delete(hash, key);
""",
        """    if (found == nullptr) return false;
    writer.Copy().Delete(hash, key);
""",
        "CompareAndDelete compares before the mutex only.",
        "threads",
    ),
    _mutant(
        "delete_without_recheck",
        "    if (writer.Now().Find(hash, key) == nullptr) return false;\n",
        "",
        "Delete says true for a key that went while it waited for the mutex.",
        "threads",
    ),
    _mutant(
        "batch_in_steps",
        """    Writer writer(*this);
    writer.Copy().template StoreAll<Hash>(batch);
    writer.Publish();
""",
        "    for (const auto& [key, value] : batch) Store(key, value);\n",
        "StoreBatch publishes after each pair.",
        "threads",
    ),
    _mutant(
        "load_without_guard",
        "    return snapshot_.Read(guard).Visit(Hash{}(key), key, f);\n",
        "    return snapshot_.Now().Visit(Hash{}(key), key, f);\n",
        "Load reads the table without protection.",
        "tsan",
    ),
    _mutant(
        "look_before_mutex_without_guard",
        """    Guard guard;
    return snapshot_.Read(guard).Find(hash, key) != nullptr;
""",
        "    return snapshot_.Now().Find(hash, key) != nullptr;\n",
        "Delete's look before the mutex reads the table without protection.",
        "tsan",
    ),
    _mutant(
        "garbage_counts_as_nothing",
        "      map_.snapshot_.Replace(std::move(next_), guard_, Now().StructureBytes());\n",
        "      map_.snapshot_.Replace(std::move(next_), guard_, 0);\n",
        "A retired table counts as one unit of garbage however large it is: hundreds wait to be freed.",
        "own_test",
    ),
    _published_mutant(
        "freed_too_early",
        "    guard.Retire(old, bytes);\n",
        "    if (bytes != ~std::size_t{0}) delete old;\n",
        "The former table is freed at once, while readers may have it.",
        "lives",
    ),
    _published_mutant(
        "never_freed",
        "    guard.Retire(old, bytes);\n",
        "    if (bytes == ~std::size_t{0}) delete old;\n",
        "The former table is never freed.",
        "lives",
    ),
    _published_mutant(
        "published_relaxed",
        "    link_.store(next.release(), std::memory_order_release);\n",
        "    link_.store(next.release(), std::memory_order_relaxed);\n",
        "(1) is relaxed: a reader may see the new table before what is in it.",
        "tsan",
    ),
]
