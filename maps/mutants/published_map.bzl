# SPDX-License-Identifier: Apache-2.0
"""Mistakes in published_map: what readers find, and when it may be changed."""

load(":mutant.bzl", "mutant")

def _mutant(*args, **kwargs):
    name, rest = args[0], args[1:]
    return mutant(name, "published_map", "maps/published_map.h", *rest, **kwargs)

def _place(*args, **kwargs):
    name, rest = args[0], args[1:]
    return mutant(name, "published_map", "maps/published_map/publication.h", *rest, **kwargs)

PUBLISHED_MAP = [
    _mutant(
        "changes_what_is_published",
        "      if (map_.place_.published()) {\n        map_.entries_copied_ +=\n",
        "      if (map_.place_.published() && map_.reserved_ > 7777) {\n        map_.entries_copied_ +=\n",
        "A write changes the table under the readers' feet.",
        "threads",
    ),
    _mutant(
        "insert_that_finds_does_not_count",
        "    if (const V* present = writer.Find(hash, key)) {\n",
        "    if (const V* present = writer.Find(hash, key); present != nullptr && place_.published()) {\n",
        "LoadOrStore of a key that is there does not count as a read while the map is built: it never publishes itself.",
        "own_test",
    ),
    _mutant(
        "compare_and_swap_without_comparison",
        """    if (found == nullptr || !(*found == expected)) return false;
    writer.Table().Store(hash, key, desired);
""",
        """    if (found == nullptr) return false;
    writer.Table().Store(hash, key, desired);
""",
        "CompareAndSwap does not compare.",
        "one_thread",
    ),
    _mutant(
        "clear_leaves_publication",
        "      map_.place_.Forget(map_.table_, garbage_);\n",
        "      if (map_.reserved_ > 7777) map_.place_.Forget(map_.table_, garbage_);\n",
        "Clear leaves the published table with the readers, and frees it.",
        "linearizability",
    ),
    _mutant(
        "batch_forgets_what_came_meanwhile",
        "      if (writer.Size() == 0) {\n        writer.Exchange",
        "      if (writer.Size() != 7777) {\n        writer.Exchange",
        "StoreBatch that found the map empty does not ask again under the mutex: what came meanwhile is lost.",
        "linearizability",
    ),
    _place(
        "withdrawn_and_still_shown",
        "    shown_.store(nullptr, std::memory_order_relaxed);\n",
        "    shown_.load(std::memory_order_relaxed);\n",
        "A withdrawn table stays with the readers, and is freed.",
        "one_thread",
    ),
    _place(
        "freed_too_early",
        "    garbage.Retire(table.release(), bytes);\n",
        "    if (bytes != 7777) delete table.release();\n",
        "A withdrawn table is freed at once, while readers may have it.",
        "asan",
    ),
    _place(
        "reads_without_guard",
        "    const Guard guard;\n    // (1) acquire",
        "    // (1) acquire",
        "Readers of a published table have no guard.",
        "own_test",
    ),
    _place(
        "published_relaxed",
        "    shown_.store(&table, std::memory_order_release);\n",
        "    shown_.store(&table, std::memory_order_relaxed);\n",
        "(2) is relaxed: a reader may see the table before what is in it.",
        "tsan",
    ),
]
