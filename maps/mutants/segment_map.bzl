# SPDX-License-Identifier: Apache-2.0
"""Mistakes in segment_map: segments, growth that uses nodes again, and what may be freed when."""

load(":mutant.bzl", "mutant")

def _mutant(name, *args, **kwargs):
    return mutant(name, "segment_map", "maps/segment_map.h", *args, **kwargs)

def _segment_mutant(name, *args, **kwargs):
    return mutant(name, "segment_map", "maps/segment_map/segment.h", *args, **kwargs)

def _writer_mutant(name, *args, **kwargs):
    return mutant(name, "segment_map", "maps/segment_map/segment_writer.h", *args, **kwargs)

def _chain_mutant(name, *args, **kwargs):
    return mutant(name, "segment_map", "maps/internal/tables/chain.h", *args, **kwargs)

SEGMENT_MAP = [
    _mutant(
        "segment_stored_without_exchange",
        """    if (place.compare_exchange_strong(present, fresh.get(), std::memory_order_seq_cst,
                                      std::memory_order_seq_cst)) {
      return *fresh.release();
    }
    return *present;
""",
        """    place.store(fresh.get(), std::memory_order_release);
    return *fresh.release();
""",
        "Two threads that create a segment at once put theirs over each other's.",
        "linearizability",
    ),
    _writer_mutant(
        "lock_not_waited_for",
        "    if (!lock_.owns_lock()) lock_.lock();\n",
        "",
        "A writer that has scanned long enough goes on without the lock.",
        "threads",
    ),
    _mutant(
        "insert_without_second_look",
        """    if (const Node* found = writer.Find(hash, key)) {
      return {found->value.Read(), true};
    }
    Loaded<V> result""",
        """    if (const Node* found = writer.Find(hash, key); found != nullptr && !read_first_) {
      return {found->value.Read(), true};
    }
    Loaded<V> result""",
        "With read_first, LoadOrStore trusts the look before the lock.",
        "linearizability",
    ),
    _writer_mutant(
        "insert_drops_the_bin",
        "    node->next.store(Node::Follow(bin), std::memory_order_relaxed);\n",
        "",
        "A new node takes the place of the bin's others.",
        "one_thread",
    ),
    _writer_mutant(
        "bin_chosen_before_growth",
        """    if (count > Segment::Table::Threshold(size)) segment_.Rehash(2 * size, guard_);
    Bin& bin = segment_.Now().BinOf(hash);
""",
        """    Bin& bin = segment_.Now().BinOf(hash);
    if (count > Segment::Table::Threshold(size)) segment_.Rehash(2 * size, guard_);
""",
        "A node whose insertion makes the segment grow is put into the old table.",
        "one_thread",
    ),
    _chain_mutant(
        "run_ends_too_early",
        "      if (bin_of(node->hash) != bin_of(run.first->hash)) run = {node, 0};\n",
        "      if (bin_of(node->hash) == bin_of(run.first->hash)) run = {node, 0};\n",
        "The run of last nodes that is used again has nodes of other bins in it.",
        "one_thread",
    ),
    _segment_mutant(
        "reused_nodes_freed",
        "      Node::RetireOriginals(head, TrailingRun(head, *next).first, guard);\n",
        "      Node::RetireOriginals(head, nullptr, guard);\n",
        "Growth frees the nodes it uses again.",
        "lives",
    ),
    _chain_mutant(
        "copied_nodes_freed_too_early",
        """      guard.Retire(std::exchange(original, original->Next()), &DeleteWithoutValue,
                   sizeof(ChainNode));
""",
        "      DeleteWithoutValue(std::exchange(original, original->Next()));\n",
        "Growth frees the nodes it has copied at once, while readers may be on them.",
        "threads",
    ),
    _writer_mutant(
        "node_freed_too_early",
        "    guard_.Retire(node, sizeof(Node) + node->value.HeapBytesHeld());\n",
        "    delete node;\n",
        "A removed node is freed at once.",
        "asan",
    ),
    _writer_mutant(
        "removal_does_not_count",
        "      segment_.SetCount(segment_.count.load(std::memory_order_relaxed) - 1);\n",
        "",
        "A removal does not count: Size drifts.",
        "one_thread",
    ),
    _writer_mutant(
        "published_relaxed",
        "    bin.store(node.release(), std::memory_order_seq_cst);  // (4), with (C1)\n",
        "    bin.store(node.release(), std::memory_order_relaxed);\n",
        "(4) is relaxed: a reader may see a node before its key.",
        "tsan",
    ),
    _segment_mutant(
        "table_published_relaxed",
        "    table.store(next.get(), std::memory_order_seq_cst);\n",
        "    table.store(next.get(), std::memory_order_relaxed);\n",
        "(3) is relaxed: a reader may see the greater table before what is in it.",
        "tsan",
    ),
]
