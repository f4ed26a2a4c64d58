# SPDX-License-Identifier: Apache-2.0
"""Mistakes in bin_lock_map: empty bins, the head that was locked, forwarding, growth with helpers."""

load(":mutant.bzl", "mutant")

def _mutant(*args, **kwargs):
    name, rest = args[0], args[1:]
    return mutant(name, "bin_lock_map", "maps/bin_lock_map.h", *rest, **kwargs)

BIN_LOCK_MAP = [
    _mutant(
        "head_not_looked_at_again",
        "      if (bin.load(std::memory_order_relaxed) == head) {\n        return",
        "      if (bin.load(std::memory_order_relaxed) != nullptr) {\n        return",
        "Who has locked the head of a bin does not ask whether it still is the head.",
        "linearizability",
    ),
    _mutant(
        "skips_the_forward",
        "        return Find(AsNode(head), hash, key);\n      }\n      table = static_cast<Forward*>(head)->to;\n",
        "        return Find(AsNode(head), hash, key);\n      }\n      table = nullptr;\n",
        "A reader that meets a moved bin takes it for empty.",
        "threads",
    ),
    _mutant(
        "splits_by_the_wrong_bit",
        "    lists[(run->hash & bit) != 0] = run;\n",
        "    lists[(run->hash & bit) == 0] = run;\n",
        "The nodes that are used again go to the other of the two bins.",
        "one_thread",
    ),
    _mutant(
        "reused_nodes_freed",
        "    while (first != run) {\n",
        "    while (first != nullptr) {\n",
        "Growth frees the nodes it uses again.",
        "lives",
    ),
    _mutant(
        "moves_without_lock",
        """      std::unique_lock lock(head->lock);
      if (bin.load(std::memory_order_relaxed) != head) continue;
      Split(""",
        """      if (bin.load(std::memory_order_relaxed) != head) continue;
      Split(""",
        "Growth moves a bin without the lock of its head: a write in between is lost.",
        "linearizability",
    ),
    _mutant(
        "published_before_all_is_moved",
        """    if (table.moved.fetch_add(moved, std::memory_order_acq_rel) + moved ==
        table.size()) {
""",
        """    if (table.moved.fetch_add(moved, std::memory_order_acq_rel) + moved <=
        table.size() && table.to_claim.load(std::memory_order_relaxed) <= 0) {
""",
        "The greater table takes over when all bins are claimed, not when all are moved.",
        "linearizability",
    ),
    _mutant(
        "reservation_unlocked_first",
        """      std::exchange(bin_, nullptr)->store(node, std::memory_order_release);  // (9)
      head_->lock.unlock();
""",
        """      head_->lock.unlock();
      std::exchange(bin_, nullptr)->store(node, std::memory_order_release);  // (9)
""",
        "A reserved bin is unlocked before the value is in it.",
        "linearizability",
    ),
    _mutant(
        "removed_node_freed_too_early",
        "      guard.Retire(node, sizeof(Node) + node->value.HeapBytesHeld());\n",
        "      delete node;\n",
        "A removed node is freed at once.",
        "asan",
    ),
    _mutant(
        "link_published_relaxed",
        "    last->next.store(fresh.release(), std::memory_order_release);  // (2), with (1)\n",
        "    last->next.store(fresh.release(), std::memory_order_relaxed);\n",
        "(2) is relaxed: a reader may see a node before its key.",
        "tsan",
    ),
]
