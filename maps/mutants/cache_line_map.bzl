# SPDX-License-Identifier: Apache-2.0
"""Mistakes in cache_line_map: versions, home locks, overflow lines, moving groups."""

load(":mutant.bzl", "mutant")

def _mutant(*args, **kwargs):
    name, rest = args[0], args[1:]
    return mutant(name, "cache_line_map", "maps/cache_line_map/cache_line_table.h", *rest, **kwargs)

def _home_mutant(*args, **kwargs):
    name, rest = args[0], args[1:]
    return mutant(name, "cache_line_map", "maps/cache_line_map/home_ops.h", *rest, **kwargs)

def _growth_mutant(*args, **kwargs):
    name, rest = args[0], args[1:]
    return mutant(name, "cache_line_map", "maps/cache_line_map/growing_table.h", *rest, **kwargs)

def _map_mutant(*args, **kwargs):
    name, rest = args[0], args[1:]
    return mutant(name, "cache_line_map", "maps/cache_line_map.h", *rest, **kwargs)

CACHE_LINE_MAP = [
    # Versions.
    _home_mutant(
        "reads_without_check",
        "    return home.state().load(std::memory_order_relaxed) == state;\n",
        "    return home.state().load(std::memory_order_relaxed) >= (state & 1);\n",
        "A reader does not ask whether the home is still what it was.",
        "linearizability",
    ),
    _home_mutant(
        "version_does_not_count",
        "    std::uint64_t version = (state + kOneVersion) & kVersionBits;\n",
        "    std::uint64_t version = state & kVersionBits;\n",
        "A change leaves the version as it was: removed and put again, a slot looks untouched.",
        "linearizability",
    ),
    _mutant(
        "removal_is_no_change",
        "        SetTags(tags_ & ~slot.bits_);\n",
        "        tags_ &= ~slot.bits_;\n        home_.tags().store(tags_, std::memory_order_seq_cst);\n",
        "A removal does not count as a change.",
        "linearizability",
    ),

    # The lock of a home.
    _home_mutant(
        "takes_a_lock_that_is_held",
        "    return (state & kHomeLocked) == 0 && (state & kVersionBits) != 0;\n",
        "    return (state & kVersionBits) != 0;\n",
        "Who finds a home locked takes the lock all the same.",
        "threads",
    ),
    _map_mutant(
        "insert_without_second_look",
        """      if (const auto slot = owner.Find(key_word, Same(key))) {
        return {ValueOf(slot.value()), true};
      }
      if constexpr (!kEarly)""",
        "      if constexpr (!kEarly)",
        "LoadOrStore does not look again under the home's lock: a key may be there twice.",
        "threads",
    ),
    _map_mutant(
        "compares_before_the_lock",
        "    if (!slot || !(ValueOf(slot.value()) == expected)) return false;\n",
        "    if (!slot) return false;\n",
        "CompareAndSwap compares before the home's lock only.",
        "threads",
    ),

    # Slots and lines.
    _home_mutant(
        "first_match_only",
        """      const Seen seen = look(home.slot(FirstTag(matches)));
      if (seen != Seen::kAbsent) return seen;
""",
        "      return look(home.slot(FirstTag(matches)));\n",
        "A reader looks at the first slot with the tag and not at the others.",
        "one_thread",
    ),
    _home_mutant(
        "reader_skips_overflow_lines",
        "    if ((tags & kHomeOverflown) != 0) {\n      O line",
        "    if ((tags & kHomeOverflown) != 0 && key == 77777) {\n      O line",
        "A reader does not look into overflow lines.",
        "one_thread",
        hash = "truncated",
    ),
    _mutant(
        "absence_from_the_tags",
        "    return (tags & (kHomeReady | kHomeOverflown)) == kHomeReady &&\n           H::Match(tags, LineTag(hash)) == 0;\n",
        "    return (tags & kHomeReady) == kHomeReady &&\n           H::Match(tags, LineTag(hash)) == 0;\n",
        "Absence is decided by the tags although the home has entries in overflow lines.",
        "one_thread",
        hash = "truncated",
    ),

    # Growing.
    _mutant(
        "skips_the_forward",
        "          seen = Ops::Look(from->HomeOf(hash), hash, key, same, value);\n",
        "          seen = from->count() != 0 ? Seen::kAbsent : Seen::kVoid;\n",
        "A reader takes a home that has not been moved yet for an empty one.",
        "one_thread",
    ),
    _growth_mutant(
        "new_homes_unlocked_at_once",
        "      home.state().store(scratch.homes[i].state,\n",
        "      home.state().store(scratch.homes[i].state & ~kHomeLocked,\n",
        "New homes are open to writers while the old ones still look true to readers.",
        "linearizability",
    ),
    _growth_mutant(
        "old_homes_void_first",
        "    TakeLines(to, needed, scratch.spare);\n\n    // Nothing throws from here on.\n",
        "    TakeLines(to, needed, scratch.spare);\n    locked.Void();\n",
        "The old homes become void, and free for others, before the new ones are there.",
        survives = "Equivalent: whoever comes waits until the new homes are there",
    ),
    _home_mutant(
        "locks_void_homes",
        "    return (state & kHomeLocked) == 0 && (state & kVersionBits) != 0;",
        "    return (state & kHomeLocked) == 0;",
        "A writer takes a home that has not been moved yet, or has been moved away, for an empty one.",
        "one_thread",
    ),
    _home_mutant(
        "moves_without_overflow_lines",
        "    for (O line = O::At(state); line;",
        "    for (O line = O::At(state & kHomeLocked); line;",
        "Range, Clear and growing do not see overflow lines.",
        "one_thread",
    ),

    # Orders.
    _home_mutant(
        "writes_relaxed",
        "    entry[1].store(value, std::memory_order_release);  // (6), with (3)\n",
        "    entry[1].store(value, std::memory_order_relaxed);\n",
        "(6) is relaxed for new values: a reader may see a box before what is in it.",
        survives = "The tags' release store (8), which comes after it and which every reader acquires, publishes the box " +
                   "as well; (6) is for readers who meet the slot in the middle of a change, and those look again.",
    ),
    _home_mutant(
        "unlocks_relaxed",
        "                       std::memory_order_release);  // (7), with (1), (5)\n",
        "                       std::memory_order_relaxed);\n",
        "(7) is relaxed: the next holder of the home's lock need not see what this one wrote.",
        "tsan",
    ),
    _mutant(
        "overwrites_by_release",
        "      entry_[1].store(value, std::memory_order_seq_cst);  // (6), (14)\n",
        "      entry_[1].store(value, std::memory_order_release);\n",
        "(14) is a release store, as it once was: an overwrite returns while it is still in the store buffer.",
        "litmus",
    ),
    _mutant(
        "appears_by_release",
        "      home_.tags().store(tags, std::memory_order_seq_cst);  // (8), (14), with (2)\n",
        "      home_.tags().store(tags, std::memory_order_release);\n",
        "(14) is a release store where entries appear and disappear.",
        survives = "On x86-64 counting the entry, by an instruction that empties the store buffer, follows at once; on AArch64 " +
                   "it is the same instruction. The order is asked for because the language promises nothing without it.",
    ),

    # Entries that come back from overflow lines.
    _mutant(
        "comes_back_under_the_old_version",
        "      Age();\n      Ops::Write(slot.entry_,",
        "      Ops::Write(slot.entry_,",
        "An entry comes back into a slot under the version that the removed one had: a reader may take its value for the other's.",
        "linearizability",
        hash = "constant",
    ),
    _mutant(
        "gone_from_both_places",
        "      Age();\n      Vacate(line, O::Bit(i));\n",
        "      Vacate(line, O::Bit(i));\n",
        "An entry that comes back leaves the overflow line under the same version: a reader may miss it in both places.",
        "linearizability",
        hash = "constant",
    ),
    _mutant(
        "empty_lines_stay",
        "      if ((used & O::kFull) != 0) return;\n",
        "      if (used != 1) return;\n",
        "Empty overflow lines stay with their homes: memory grows with all that ever came.",
        "own_test",
    ),
    _mutant(
        "line_given_away_too_early",
        "    [[gnu::noinline, gnu::cold]] void GiveLines() noexcept {\n      Age();\n",
        "    [[gnu::noinline, gnu::cold]] void GiveLines() noexcept {\n",
        "A line goes to another home while readers may still take it for this one's.",
        "own_test",
    ),
]
