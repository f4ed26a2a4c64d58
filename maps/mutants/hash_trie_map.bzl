# SPDX-License-Identifier: Apache-2.0
"""Mistakes in hash_trie_map: looking again, expanding, chains, cutting off, freeing, and its lock."""

load(":mutant.bzl", "mutant")

_FILE = "maps/hash_trie_map.h"
_LOCK = "maps/internal/locks/spin_lock.h"

def _mutant(*args, **kwargs):
    name, rest = args[0], args[1:]
    return mutant(name, "hash_trie_map", _FILE, *rest, **kwargs)

def _lock_mutant(*args, **kwargs):
    name, rest = args[0], args[1:]
    return mutant("lock_" + name, "hash_trie_map", _LOCK, *rest, **kwargs)

HASH_TRIE_MAP = [
    # Looking again under the lock.
    _mutant(
        "inserts_into_dead_node",
        "    if (spot.node->dead || (now != nullptr && !now->is_entry)) return false;\n",
        "    if (now != nullptr && !now->is_entry) return false;\n",
        "A writer that waited for the lock of a node does not ask whether the node was cut off.",
        "threads",
    ),
    _mutant(
        "overwrites_subtree",
        """    spot.head = static_cast<Entry*>(now);
    spot.lock = std::move(lock);
""",
        "    spot.lock = std::move(lock);\n",
        "A writer goes on with what it saw in the slot before it had the lock.",
        "threads",
    ),
    _mutant(
        "load_or_store_without_recheck",
        """      if (const Entry* found = Lookup(spot.head, hash, key)) {
        return {found->value, true};
      }
      Loaded<V> result{value, false};
""",
        "      Loaded<V> result{value, false};\n",
        "LoadOrStore does not look the key up again under the lock.",
        "linearizability",
    ),
    _mutant(
        "compare_and_swap_without_recheck",
        """      if (found == nullptr || !(found->value == expected)) return false;
      Exchange(spot, found, std::move(fresh), guard);
""",
        """      if (found == nullptr) return false;
      Exchange(spot, found, std::move(fresh), guard);
""",
        "CompareAndSwap compares before the lock only (Go issue 70970).",
        "threads",
    ),
    _mutant(
        "remove_without_recheck",
        """      found = Lookup(spot.head, hash, key);
      if (found == nullptr || !wanted(found->value)) return false;
      take(found->value);
""",
        """      found = Lookup(spot.head, hash, key);
      if (found == nullptr) return false;
      take(found->value);
""",
        "CompareAndDelete compares before the lock only.",
        "threads",
    ),

    # Expanding, and the chains of one hash.
    _mutant(
        "expands_with_wrong_bits",
        "        const std::size_t old_child = Child(spot.head->hash, shift);\n",
        "        const std::size_t old_child = Child(spot.head->hash, shift + kLevelBits);\n",
        "The old entry is put below by the bits of the level above.",
        "one_thread",
    ),
    _mutant(
        "expands_without_old_entry",
        "          bottom->children[old_child].store(spot.head, std::memory_order_relaxed);\n",
        "",
        "The subtree that replaces an entry does not hold it.",
        "one_thread",
    ),
    _mutant(
        "one_level_only",
        """        auto* const next = new Indirect(bottom);
        bottom->children[old_child].store(next, std::memory_order_relaxed);
""",
        """        auto* const next = new Indirect(bottom);
        top->children[old_child].store(next, std::memory_order_relaxed);
""",
        "Each further level of an expansion is hung below the first.",
        "one_thread",
    ),
    _mutant(
        "insert_drops_chain",
        "        fresh->overflow.store(spot.head, std::memory_order_relaxed);\n",
        "        fresh->overflow.store(nullptr, std::memory_order_relaxed);\n",
        "A new entry of a hash that is there already takes the place of the others.",
        "one_thread",
        hash = "constant",
    ),
    _mutant(
        "overwrite_drops_rest_of_chain",
        """    fresh->overflow.store(entry->overflow.load(std::memory_order_relaxed),
                          std::memory_order_relaxed);
    Relink""",
        "    Relink",
        "An entry that replaces another does not lead on to the rest of the chain.",
        "one_thread",
        hash = "constant",
    ),
    _mutant(
        "any_key_of_the_chain",
        "    while (head != nullptr && !(head->key == key)) {\n",
        "    while (head != nullptr && head->hash != hash) {\n",
        "Two keys of one hash are taken for the same key.",
        "one_thread",
        hash = "truncated",
    ),
    _mutant(
        "range_sees_heads_only",
        "           entry = entry->overflow.load(std::memory_order_seq_cst)) {  // (7)\n",
        "           entry = nullptr) {\n",
        "Range visits the first entry of each chain.",
        "one_thread",
        hash = "constant",
    ),

    # Cutting off.
    _mutant(
        "cut_off_without_mark",
        "      node->dead = true;\n",
        "",
        "A node that is cut off is not marked dead.",
        "threads",
    ),
    _mutant(
        "cuts_off_siblings",
        "    while (node->parent != nullptr && IsEmpty(*node)) {\n",
        "    while (node->parent != nullptr) {\n",
        "A node is cut off although it holds other entries.",
        "one_thread",
    ),
    _mutant(
        "freed_but_not_cut_off",
        """      parent->children[Child(hash, shift)].store(nullptr,
                                                 std::memory_order_seq_cst);
""",
        "",
        "An empty node is freed and stays in the tree.",
        "one_thread",
    ),
    _mutant(
        "unlocks_child_before_parent",
        """      std::unique_lock lock(parent->lock);
      node->dead = true;
""",
        """      spot.lock.unlock();
      std::unique_lock lock(parent->lock);
      node->dead = true;
""",
        "The lock of an empty node is released before its parent's is held: an insertion in between is lost.",
        "threads",
    ),

    # Clear.
    _mutant(
        "clear_frees_root_only",
        """        old, [](void* root) { DestroyTree(static_cast<Indirect*>(root)); },
""",
        """        old, [](void* root) { delete static_cast<Indirect*>(root); },
""",
        "Clear frees the root and not what hangs on it.",
        "lives",
    ),
    _mutant(
        "clear_in_two_steps",
        "    Indirect* old = root_.exchange(fresh.release(), std::memory_order_seq_cst);\n",
        """    Indirect* old = root_.load(std::memory_order_acquire);
    root_.store(fresh.release(), std::memory_order_release);
""",
        "Clear loads the root and stores a new one: two clearers free the same tree.",
        "lives",
    ),

    # Freeing and publishing.
    _mutant(
        "entry_freed_too_early",
        "    guard.Retire(entry, sizeof(Entry) + internal::HeapBytes(entry->value));\n",
        "    if (guard.Prepare(0); entry != nullptr) delete entry;\n",
        "An entry that is cut out is freed at once.",
        "asan",
    ),
    _mutant(
        "entry_never_freed",
        "    guard.Retire(entry, sizeof(Entry) + internal::HeapBytes(entry->value));\n",
        "    if (entry != nullptr) guard.Prepare(0);\n",
        "An entry that is cut out is never freed.",
        "lives",
    ),
    _mutant(
        "load_without_guard",
        """    Guard guard;
    const Entry* found = Lookup(Walk(hash).head, hash, key);
""",
        "    const Entry* found = Lookup(Walk(hash).head, hash, key);\n",
        "Load walks the tree without a guard.",
        "tsan",
    ),
    _mutant(
        "slot_published_relaxed",
        "    spot.slot->store(top, std::memory_order_seq_cst);\n",
        "    spot.slot->store(top, std::memory_order_relaxed);\n",
        "(4) is relaxed: a reader may see the entry before its value.",
        "tsan",
    ),
    _mutant(
        "overwrite_published_relaxed",
        "      spot.slot->store(next, std::memory_order_seq_cst);\n",
        "      spot.slot->store(next, std::memory_order_relaxed);\n",
        "(5) is relaxed: a reader may see the new entry before its value.",
        "tsan",
    ),
    _mutant(
        "walk_relaxed",
        "      Node* next = slot->load(std::memory_order_seq_cst);\n",
        "      Node* next = slot->load(std::memory_order_relaxed);\n",
        "(3) is relaxed: a reader may see an entry before its value.",
        "tsan",
    ),
    _mutant(
        "chain_relaxed",
        "      before->overflow.store(next, std::memory_order_seq_cst);  // (8), with (7)\n",
        "      before->overflow.store(next, std::memory_order_relaxed);\n",
        "(8) is relaxed: a reader of the chain may see a new entry before its value.",
        "tsan",
        hash = "constant",
    ),

    # The lock of the nodes.
    _lock_mutant(
        "looks_then_takes",
        "    return !held_.exchange(true, std::memory_order_acquire);\n",
        """    if (held_.load(std::memory_order_acquire)) return false;
    held_.store(true, std::memory_order_relaxed);
    return true;
""",
        "The lock is looked at and taken in two steps: two may hold it.",
        "threads",
    ),
    _lock_mutant(
        "acquires_relaxed",
        "    return !held_.exchange(true, std::memory_order_acquire);\n",
        "    return !held_.exchange(true, std::memory_order_relaxed);\n",
        "(1) is relaxed: the holder need not see what the last one wrote.",
        "tsan",
    ),
    _lock_mutant(
        "releases_relaxed",
        "    held_.store(false, std::memory_order_release);  // (2), with (1)\n",
        "    held_.store(false, std::memory_order_relaxed);\n",
        "(2) is relaxed: what the holder wrote may come after its section.",
        "tsan",
    ),
]
