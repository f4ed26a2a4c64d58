# SPDX-License-Identifier: Apache-2.0
"""Mistakes in write_batch_map: who has to look into the ring, and the ring."""

load(":mutant.bzl", "mutant")

def _mutant(*args, **kwargs):
    name, rest = args[0], args[1:]
    return mutant(name, "write_batch_map", "maps/write_batch_map.h", *rest, **kwargs)

def _ring(*args, **kwargs):
    name, rest = args[0], args[1:]
    return mutant("ring_" + name, "write_batch_map", "maps/write_batch_map/mpsc_ring.h", *rest, **kwargs)

WRITE_BATCH_MAP = [
    _mutant(
        "store_not_announced",
        "    waiting_.Announce(hash, *position + 1);\n",
        "",
        "A Store does not say that it waits: readers do not look for it.",
        "one_thread",
    ),
    _mutant(
        "announces_its_own_position",
        "    waiting_.Announce(hash, *position + 1);\n",
        "    waiting_.Announce(hash, *position);\n",
        "A Store announces the position before its own: the only one that waits is missed.",
        "one_thread",
    ),
    _mutant(
        "insert_does_not_apply",
        """    ApplyFor(hash);
    Node** link = table_.Find(hash, key);
    if (*link != nullptr) return {(*link)->value, true};
""",
        """    Node** link = table_.Find(hash, key);
    if (*link != nullptr) return {(*link)->value, true};
""",
        "LoadOrStore does not apply the Stores that wait: split upsert.",
        "one_thread",
    ),
    _mutant(
        "delete_does_not_apply",
        """    ApplyFor(hash);
    Node** link = table_.Find(hash, key);
    if (*link == nullptr || !wanted((*link)->value)) return false;
""",
        """    Node** link = table_.Find(hash, key);
    if (*link == nullptr || !wanted((*link)->value)) return false;
""",
        "Delete does not apply the Stores that wait: they come back after it.",
        "one_thread",
    ),
    _mutant(
        "clear_does_not_apply",
        "    Apply(Why::kWhole);\n    table_.Clear(gone_);\n",
        "    table_.Clear(gone_);\n",
        "Clear does not apply the Stores that wait: they come back after it.",
        "one_thread",
    ),
    _mutant(
        "full_ring_drops",
        "      Apply(Why::kFull);\n      Node** link",
        "      Node** link",
        "A Store that finds the ring full overtakes those in it.",
        "one_thread",
    ),
    _mutant(
        "applied_without_end",
        "map_.waiting_.SetApplied(map_.ring_.Head());",
        "map_.waiting_.SetApplied(map_.ring_.Tail());",
        "Stores that came while a batch was applied count as applied.",
        "linearizability",
    ),
    _mutant(
        "skips_what_is_not_filled",
        "        Atomics::Yield();  // claimed, not yet filled\n        continue;\n",
        "        break;\n",
        "A batch ends at a Store that is claimed and not yet filled.",
        "linearizability",
    ),
    _ring(
        "claims_without_exchange",
        """        if (tail_.compare_exchange_weak(position, position + 1,
                                        std::memory_order_relaxed,
                                        std::memory_order_relaxed)) {
""",
        """        if (tail_.store(position + 1, std::memory_order_relaxed); true) {
""",
        "Two Stores may claim the same slot.",
        "linearizability",
    ),
    _ring(
        "filled_relaxed",
        "          slot.turn.store(position + 1, std::memory_order_release);\n",
        "          slot.turn.store(position + 1, std::memory_order_relaxed);\n",
        "(2) is relaxed: a slot may look filled before it is.",
        "tsan",
    ),
    _ring(
        "free_relaxed",
        """    slots_[head_ & mask_].turn.store(head_ + capacity(),
                                     std::memory_order_release);
""",
        """    slots_[head_ & mask_].turn.store(head_ + capacity(),
                                     std::memory_order_relaxed);
""",
        "(4) is relaxed: a slot may be filled again before it has been read.",
        survives = "The Store that fills the slot again has read from (5), with which the batch ended, before it pushes: " +
                   "no run was without that order.",
    ),
]
