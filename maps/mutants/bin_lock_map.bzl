# SPDX-License-Identifier: Apache-2.0
"""Mistakes in bin_lock_map: empty bins, the head that was locked, forwarding, growth with helpers."""

load(":mutant.bzl", "mutant")

def _writer_mutant(name, *args, **kwargs):
    return mutant(name, "bin_lock_map", "maps/bin_lock_map/bin_writer.h", *args, **kwargs)

def _growth_mutant(name, *args, **kwargs):
    return mutant(name, "bin_lock_map", "maps/bin_lock_map/bin_growth.h", *args, **kwargs)

def _table_mutant(name, *args, **kwargs):
    return mutant(name, "bin_lock_map", "maps/bin_lock_map/bin_table.h", *args, **kwargs)

def _chain_mutant(name, *args, **kwargs):
    return mutant(name, "bin_lock_map", "maps/internal/tables/chain.h", *args, **kwargs)

def _value_mutant(name, *args, **kwargs):
    return mutant(name, "bin_lock_map", "maps/internal/tables/value_cell.h", *args, **kwargs)

BIN_LOCK_MAP = [
    _writer_mutant(
        "head_not_looked_at_again",
        "      if (bin.load(std::memory_order_relaxed) == head) {\n",
        "      if (bin.load(std::memory_order_relaxed) != nullptr) {\n",
        "Who has locked the head of a bin does not ask whether it still is the head.",
        "linearizability",
    ),
    _table_mutant(
        "skips_the_forward",
        "      table = static_cast<Forward*>(head)->to;\n",
        "      table = nullptr;\n",
        "A reader that meets a moved bin takes it for empty.",
        "threads",
    ),
    _growth_mutant(
        "splits_by_the_wrong_bit",
        "    lists[(run.first->hash & bit) != 0] = run.first;\n",
        "    lists[(run.first->hash & bit) == 0] = run.first;\n",
        "The nodes that are used again go to the other of the two bins.",
        "one_thread",
    ),
    _chain_mutant(
        "reused_nodes_freed",
        "    while (original != run) {\n",
        "    while (original != nullptr) {\n",
        "Growth frees the nodes it uses again.",
        "lives",
    ),
    _growth_mutant(
        "failed_growth_is_final",
        "        table.begun.store(false, std::memory_order_relaxed);\n        return false;  // the next insertion tries again\n",
        "        return false;\n",
        "After one failed allocation of a table nobody begins growth again.",
        "lives",
    ),
    _growth_mutant(
        "failed_moves_are_not_offered_again",
        "      table.to_claim.store(static_cast<std::int64_t>(table.size()), std::memory_order_relaxed);\n",
        "      (void)0;\n",
        "Bins that could not be moved for want of memory stay where they are, and growth never ends.",
        "own_test",
    ),
    _growth_mutant(
        "moves_without_lock",
        """      std::unique_lock lock(head->lock);
      if (bin.load(std::memory_order_relaxed) != head) continue;
      Split(""",
        """      if (bin.load(std::memory_order_relaxed) != head) continue;
      Split(""",
        "Growth moves a bin without the lock of its head: a write in between is lost.",
        "linearizability",
    ),
    _growth_mutant(
        "published_before_all_is_moved",
        "    if (table.moved.fetch_add(moved, std::memory_order_acq_rel) + moved == table.size()) {\n",
        """    if (table.moved.fetch_add(moved, std::memory_order_acq_rel) + moved <=
        table.size() && table.to_claim.load(std::memory_order_relaxed) <= 0) {
""",
        "The greater table takes over when all bins are claimed, not when all are moved.",
        "linearizability",
    ),
    _writer_mutant(
        "reservation_unlocked_first",
        """      writer_.bin_->store(node, std::memory_order_seq_cst);  // (9), (17)
      head->lock.unlock();
""",
        """      head->lock.unlock();
      writer_.bin_->store(node, std::memory_order_seq_cst);  // (9)
""",
        "A reserved bin is unlocked before the value is in it.",
        "linearizability",
    ),
    _writer_mutant(
        "removed_node_freed_too_early",
        "    guard.Retire(node, sizeof(Node) + node->value.HeapBytesHeld());\n",
        "    delete node;\n",
        "A removed node is freed at once.",
        "asan",
    ),
    _writer_mutant(
        "link_published_relaxed",
        "    last->next.store(fresh.release(), std::memory_order_seq_cst);  // (2), (17), with (C1)\n",
        "    last->next.store(fresh.release(), std::memory_order_relaxed);\n",
        "(2) is relaxed: a reader may see a node before its key.",
        "tsan",
    ),
    _value_mutant(
        "overwrites_by_release",
        "    value_.store(value.value, std::memory_order_seq_cst);\n",
        "    value_.store(value.value, std::memory_order_release);\n",
        "A value is replaced by a release store, as it once was: the write returns while it is still in the store buffer.",
        "linearizability",
    ),
    _writer_mutant(
        "removes_by_release",
        "      bin_->store(node->Next(), std::memory_order_seq_cst);\n",
        "      bin_->store(node->Next(), std::memory_order_release);\n",
        "A node is taken out by a release store, as it once was.",
        "linearizability",
    ),
]
