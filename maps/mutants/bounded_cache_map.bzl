# SPDX-License-Identifier: Apache-2.0
"""Mistakes in bounded_cache_map: the ring, its index, what is dropped and when."""

load(":mutant.bzl", "mutant")

def _mutant(*args, **kwargs):
    name, rest = args[0], args[1:]
    return mutant(name, "bounded_cache_map", "maps/bounded_cache_map/cache_segment.h", *rest, **kwargs)

def _map_mutant(*args, **kwargs):
    name, rest = args[0], args[1:]
    return mutant(name, "bounded_cache_map", "maps/bounded_cache_map.h", *rest, **kwargs)

BOUNDED_CACHE_MAP = [
    _mutant(
        "finds_the_expired",
        "      if (!Expired(hit.header, now)) return hit;\n",
        "      if (hit.offset == pointer.offset) return hit;\n",
        "An entry whose time is over is still found.",
        "own_test",
    ),
    _mutant(
        "equal_hash_is_equal_key",
        "      if (!same_key(Advance(pointer.offset, sizeof(Header)))) continue;\n",
        "",
        "Two keys of one slot and sixteen equal bits of hash are taken for the same.",
        "one_thread",
        hash = "truncated",
    ),
    _mutant(
        "removed_from_ring_only",
        "    MarkDeleted(hit.offset, hit.header);\n    Erase(slots_[hit.header.slot], hit.index);\n",
        "    MarkDeleted(hit.offset, hit.header);\n",
        "A removed entry stays in the index.",
        "one_thread",
    ),
    _mutant(
        "place_not_looked_up_again",
        "    present = Find(probe, now, same_key);\n",
        "",
        "An entry that made room for its own new value is not looked for again.",
        "own_test",
    ),
    _mutant(
        "moved_but_index_stays",
        "        slots_[header.slot].pointers[index].offset = to;\n",
        "",
        "An entry that was spared is still looked for where it was.",
        "own_test",
    ),
    _mutant(
        "index_unsorted",
        "    const std::uint32_t at = LowerBound(slot, pointer.hash16);\n",
        "    const std::uint32_t at = slot.size;\n",
        "The index is searched as if it were sorted, and is not.",
        "one_thread",
    ),
    _mutant(
        "read_does_not_wrap",
        "    if (bytes > first) std::memcpy(static_cast<std::byte*>(to) + first, &ring_[0], bytes - first);\n",
        "",
        "What lies across the end of the ring is read up to there.",
        "own_test",
    ),
    _mutant(
        "bound_forgotten",
        "    while (ring_size_ < ring_limit_ && head_ + bytes > ring_size_) GrowRing(bytes);\n",
        "    ring_limit_ = std::max(ring_limit_, head_ + bytes);\n" +
        "    while (ring_size_ < ring_limit_ && head_ + bytes > ring_size_) GrowRing(bytes);\n",
        "The ring grows beyond its bound.",
        "own_test",
    ),
    _map_mutant(
        "compare_and_delete_ignores_value",
        """    if (!hit || !(section.ValueOf(*hit) == expected)) return false;
    section.cache().Remove(*hit);
    return true;
""",
        """    if (!hit) return false;
    section.cache().Remove(*hit);
    return true;
""",
        "CompareAndDelete deletes whatever the key holds.",
        "one_thread",
    ),
    _map_mutant(
        "clear_without_lock",
        """      const std::lock_guard lock(segment.mutex);
      segment.cache.Clear();
""",
        "      segment.cache.Clear();\n",
        "Clear does not take the locks.",
        "tsan",
    ),
]
