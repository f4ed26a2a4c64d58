# SPDX-License-Identifier: Apache-2.0
"""Mistakes in cache_line_map: versions, line locks, second lines, moving groups."""

load(":mutant.bzl", "mutant")

def _mutant(*args, **kwargs):
    name, rest = args[0], args[1:]
    return mutant(name, "cache_line_map", "maps/internal/cache_line_table.h", *rest, **kwargs)

def _line_mutant(*args, **kwargs):
    name, rest = args[0], args[1:]
    return mutant(name, "cache_line_map", "maps/internal/cache_line.h", *rest, **kwargs)

def _growth_mutant(*args, **kwargs):
    name, rest = args[0], args[1:]
    return mutant(name, "cache_line_map", "maps/internal/growing_table.h", *rest, **kwargs)

def _map_mutant(*args, **kwargs):
    name, rest = args[0], args[1:]
    return mutant(name, "cache_line_map", "maps/cache_line_map.h", *rest, **kwargs)

CACHE_LINE_MAP = [
    # Versions.
    _line_mutant(
        "reads_without_check",
        """    return line.head.load(std::memory_order_acquire) == head &&
           line.link.load(std::memory_order_relaxed) == link;
""",
        """    return line.head.load(std::memory_order_acquire) >= (head & 1) &&
           line.link.load(std::memory_order_relaxed) >= (link & 1);
""",
        "A reader does not ask whether the line is still what it was.",
        "linearizability",
    ),
    _mutant(
        "version_does_not_count",
        "        head_ += kLineVersion;\n",
        "        head_ += 0;\n",
        "A change leaves the version as it was: removed and put again, a slot looks untouched.",
        survives = "A slot would have to be emptied and filled again with another key of the same tag between two loads of one " +
                   "reader, as the head tells everything else. None of some thousand disturbed histories had it",
    ),
    _mutant(
        "removal_is_no_change",
        """        slot.deep_->link.store(link & ~slot.bits_, std::memory_order_release);
      }
      changed_ = true;
""",
        """        slot.deep_->link.store(link & ~slot.bits_, std::memory_order_release);
      }
""",
        "A removal does not count as a change.",
        survives = "A slot would have to be emptied and filled again with another key of the same tag between two loads of one " +
                   "reader, as the head tells everything else. None of some thousand disturbed histories had it",
    ),

    # The lock of a line.
    _line_mutant(
        "takes_a_lock_that_is_held",
        """    return (head & kLineLocked) == 0 &&
           line.head.compare_exchange_strong(head, head | kLineLocked,
""",
        """    return line.head.compare_exchange_strong(head, head | kLineLocked,
""",
        "Who finds a line locked takes the lock all the same.",
        "threads",
    ),
    _map_mutant(
        "insert_without_second_look",
        """      if (const auto slot = owner.Find(key_word, Same(key))) {
        return {ValueOf(slot.value()), true};
      }
      if constexpr (!kEarly)""",
        "      if constexpr (!kEarly)",
        "LoadOrStore does not look again under the line's lock: a key may be there twice.",
        "threads",
    ),
    _map_mutant(
        "compares_before_the_lock",
        "    if (!slot || !(ValueOf(slot.value()) == expected)) return false;\n",
        "    if (!slot) return false;\n",
        "CompareAndSwap compares before the line's lock only.",
        "threads",
    ),

    # Slots and lines.
    _line_mutant(
        "first_match_only",
        """      const Seen seen = look(line.Slot(link, FirstTag(matches)));
      if (seen != Seen::kAbsent) return seen;
""",
        "      return look(line.Slot(link, FirstTag(matches)));\n",
        "A reader looks at the first slot with the tag and not at the others.",
        "one_thread",
    ),
    _line_mutant(
        "reader_skips_deep_lines",
        "    if ((head & kLineDeep) != 0) {\n      const L* second",
        "    if ((head & kLineDeep) != 0 && key == 77777) {\n      const L* second",
        "A reader does not follow the lines behind the second.",
        "one_thread",
        hash = "truncated",
    ),
    _mutant(
        "deep_absence_from_the_head",
        "    return (head & (kLineReady | kLineDeep)) == kLineReady &&\n           MatchTags(head, LineTag(hash)) == 0;\n",
        "    return (head & kLineReady) == kLineReady &&\n           MatchTags(head, LineTag(hash)) == 0;\n",
        "Absence is decided by the head although the line has more entries than the head has tags.",
        "one_thread",
        hash = "truncated",
    ),

    # Growing.
    _mutant(
        "skips_the_forward",
        "          seen = Ops::Look(from->Home(hash), hash, key, same, value);\n",
        "          seen = from->count() != 0 ? Seen::kAbsent : Seen::kVoid;\n",
        "A reader takes a line that has not been moved yet for an empty one.",
        "one_thread",
    ),
    _growth_mutant(
        "new_lines_unlocked_at_once",
        "      new_lines[i].head.store(scratch.lines[i].head | kLineReady | kLineLocked,\n",
        "      new_lines[i].head.store(scratch.lines[i].head | kLineReady,\n",
        "New lines are open to writers while the old ones still look true to readers.",
        "linearizability",
    ),
    _growth_mutant(
        "old_lines_void_first",
        "    TakeLines(to, needed, scratch.spare);\n\n    // Nothing throws from here on.\n",
        "    TakeLines(to, needed, scratch.spare);\n    locked.Void();\n",
        "The old lines become void, and free for others, before the new ones are there.",
        survives = "Equivalent: whoever comes waits until the new lines are there",
    ),
    _growth_mutant(
        "group_moved_twice",
        "          if (head == 0) return;  // only the first line can be void\n",
        "          if (head == 0 && size_ != 0) return;\n",
        "A helper does not see that a group has been moved already.",
        "threads",
    ),
    _line_mutant(
        "moves_without_second_lines",
        "    if (const std::uint64_t rest = head >> (kLineSlots * kTagBits) & kHalf) {\n",
        "    if (const std::uint64_t rest = head >> (kLineSlots * kTagBits) & kHalf & 0) {\n",
        "Range, Clear and growing see the first three slots of a line only.",
        "one_thread",
    ),

    # Orders.
    _line_mutant(
        "writes_relaxed",
        "    word[kLineSlots].store(value, std::memory_order_release);  // (5), with (2)\n",
        "    word[kLineSlots].store(value, std::memory_order_relaxed);\n",
        "(5) is relaxed for new values: a reader may see a box before what is in it.",
        survives = "The head's release store (6), which comes after it and which every reader acquires, publishes the box " +
                   "as well; (5) is for readers who meet the slot in the middle of a change, and those look again.",
    ),
    _mutant(
        "unlocks_relaxed",
        "                        std::memory_order_release);  // (6), with (1), (4)\n",
        "                        std::memory_order_relaxed);\n",
        "(6) is relaxed: the next holder of the line's lock need not see what this one wrote.",
        "tsan",
    ),
]
