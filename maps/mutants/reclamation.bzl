# SPDX-License-Identifier: Apache-2.0
"""Mistakes in reclamation by epochs and by hazard pointers, seen through the maps that use it."""

load(":mutant.bzl", "mutant")

def _mutant(name, strategy, *args, **kwargs):
    return mutant("epoch_" + name, strategy, "maps/internal/reclamation/epoch.h", *args, **kwargs)

def _records_mutant(name, strategy, *args, **kwargs):
    return mutant("records_" + name, strategy, "maps/internal/reclamation/records.h", *args, **kwargs)

def _hazard_mutant(name, *args, **kwargs):
    return mutant(name, "snapshot_map_hazard", "maps/internal/reclamation/hazard.h", *args, **kwargs)

RECLAMATION = [
    _mutant(
        "no_grace",
        "snapshot_map",
        "  static constexpr std::uint64_t kGrace = 3;\n",
        "  static constexpr std::uint64_t kGrace = 0;\n",
        "What is put aside is freed at the next occasion, whoever reads it.",
        "linearizability",
    ),
    _mutant(
        "grace_of_two",
        "snapshot_map",
        "  static constexpr std::uint64_t kGrace = 3;\n",
        "  static constexpr std::uint64_t kGrace = 2;\n",
        "What is put aside is freed after two advances, not three.",
        "own_test",
    ),
    _mutant(
        "ignores_announcements",
        "snapshot_map",
        "      if (seen != kIdle && seen != now) return false;\n",
        "      if (seen == ~now) return false;\n",
        "The epoch advances whether or not a reader is still in an older one.",
        "linearizability",
    ),
    _mutant(
        "ignores_tags",
        "snapshot_map",
        "    while (ripe < from.limbo_.size() && from.limbo_[ripe].tag + kGrace <= now) {\n",
        "    while (ripe < from.limbo_.size() && from.limbo_[ripe].tag <= now) {\n",
        "A collection frees all that the thread has put aside, however young.",
        "linearizability",
    ),
    _mutant(
        "inner_guard_ends_outer",
        "hash_trie_map",
        "    if (--record.nesting_ != 0) return;\n",
        "    --record.nesting_;\n",
        "The end of an inner guard, as of a Load inside Range, ends the outer one.",
        "asan",
    ),
    _mutant(
        "inner_guard_announces_anew",
        "hash_trie_map",
        "    if (record.nesting_++ != 0) return;\n",
        "    ++record.nesting_;\n",
        "An inner guard announces a later epoch in place of the outer one's.",
        survives = "Range holds one node at a time. Between two visits the epoch would have to pass on three times, each time with " +
                   "an inner guard in between, and the node to be cut off first: the kit has all of it, but no run had it at once",
    ),
    _records_mutant(
        "record_for_two",
        "hash_trie_map",
        """    return !record.owned_.load(std::memory_order_relaxed) &&
           record.owned_.compare_exchange_strong(free, true, std::memory_order_acq_rel,
                                                 std::memory_order_relaxed);
""",
        """    if (record.owned_.load(std::memory_order_relaxed)) return free;
    record.owned_.store(true, std::memory_order_release);
    return true;
""",
        "A record without owner is looked at and taken in two steps: two threads may take the same.",
        "tsan",
    ),
    _records_mutant(
        "orphans_forgotten",
        "snapshot_map",
        """      record.orphaned_ = true;
      orphans_.fetch_add(1, std::memory_order_relaxed);
""",
        "",
        "What an ended thread has put aside is not known to be there.",
        "lives",
    ),
    _records_mutant(
        "list_stays_long",
        "snapshot_map",
        "    if (limbo_.capacity() <= 4 * enough) [[likely]]\n",
        "    if (limbo_.capacity() != 0) [[likely]]\n",
        "A list of garbage keeps the room for as much as there ever was.",
        "own_test",
    ),
    _mutant(
        "freed_twice",
        "hash_trie_map",
        "    from.limbo_.erase(from.limbo_.begin(), from.limbo_.begin() + static_cast<std::ptrdiff_t>(ripe));\n",
        "",
        "What has been freed stays in the list.",
        "lives",
    ),
    _mutant(
        "exit_relaxed",
        "snapshot_map",
        "    record.announced_.store(kIdle, std::memory_order_release);\n",
        "    record.announced_.store(kIdle, std::memory_order_relaxed);\n",
        "(3) is relaxed: a reader may still read when it has said that it left.",
        "tsan",
    ),
    _mutant(
        "scan_relaxed",
        "snapshot_map",
        "      const std::uint64_t seen = r->announced_.fetch_add(0, std::memory_order_acq_rel);\n",
        "      const std::uint64_t seen = r->announced_.fetch_add(0, std::memory_order_relaxed);\n",
        "(4) is relaxed: the free need not come after the reads of who has left.",
        "tsan",
    ),
    _mutant(
        "advance_relaxed",
        "snapshot_map",
        "    if (!epoch_.compare_exchange_strong(expected, now + 1, std::memory_order_acq_rel,\n",
        "    if (!epoch_.compare_exchange_strong(expected, now + 1, std::memory_order_relaxed,\n",
        "(6) is relaxed: who frees need not know what the thread that advanced the epoch had seen.",
        survives = "Who frees has mostly met, through the announcements (4), whom it must have met; a run in which only (6) " +
                   "would have told it has not been seen, not even under ThreadSanitizer.",
    ),
    _mutant(
        "enter_stores",
        "snapshot_map",
        "    record.announced_.exchange(now, std::memory_order_acq_rel);\n",
        "    record.announced_.store(now, std::memory_order_release);\n",
        "(2) is a store and not an exchange: the scan may miss an announcement that waits in a store buffer.",
        survives = "Store buffering: the announcement would have to wait in the buffer while three epochs pass. x86 drains the " +
                   "buffer within some hundred cycles, and ThreadSanitizer has no store buffer.",
    ),

    # Hazard pointers.
    _hazard_mutant(
        "does_not_look_again",
        "      if (again == found) break;\n",
        "      if (again != nullptr) break;\n",
        "A reader names what it found and does not ask whether it is still there.",
        "linearizability",
    ),
    _hazard_mutant(
        "frees_what_is_named",
        "      if (std::binary_search(own.named_.begin(), own.named_.end(),\n",
        "      if (false && std::binary_search(own.named_.begin(), own.named_.end(),\n",
        "All that was put aside is freed, named or not.",
        "linearizability",
    ),
    _hazard_mutant(
        "scan_of_first_slot",
        "      for (unsigned i = 0; i < kSlots; ++i) {\n",
        "      for (unsigned i = kGuardSlots; i < kSlots; ++i) {\n",
        "The scan leaves out the slots of the outermost guard.",
        "linearizability",
    ),
    _hazard_mutant(
        "inner_guard_takes_outer_slots",
        "    std::uint64_t base = record->depth_.load(std::memory_order_relaxed);\n",
        "    std::uint64_t base = record->depth_.load(std::memory_order_relaxed) * 0;\n",
        "An inner guard writes over the slots of the outer one.",
        "asan",
    ),
    _hazard_mutant(
        "searches_unsorted",
        "    std::sort(record.named_.begin(), record.named_.end());\n",
        "",
        "The binary search is in a list that is not sorted.",
        "linearizability",
    ),
    _hazard_mutant(
        "leaves_relaxed",
        "    place.record->depth_.store(place.base, std::memory_order_release);\n",
        "    place.record->depth_.store(place.base, std::memory_order_relaxed);\n",
        "(7) is relaxed: a reader may still read when it has said that it left.",
        "tsan",
    ),
    _hazard_mutant(
        "names_by_store",
        """    place.record->slots_[place.base + slot].exchange(reinterpret_cast<std::uintptr_t>(object),
                                                     std::memory_order_acq_rel);
""",
        """    place.record->slots_[place.base + slot].store(
        reinterpret_cast<std::uintptr_t>(object), std::memory_order_release);
""",
        "(2) is a store and not an exchange: the scan may miss a name that waits in a store buffer.",
        survives = "Store buffering: a name would have to wait in the buffer while the table is replaced, put aside, and a " +
                   "whole scan made. It has not been met on x86; ThreadSanitizer has no store buffer.",
    ),
]
