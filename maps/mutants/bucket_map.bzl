# SPDX-License-Identifier: Apache-2.0
"""Mistakes in the table of eight-entry buckets, behind a mutex."""

load(":mutant.bzl", "mutant")

def _mutant(*args, **kwargs):
    name, rest = args[0], args[1:]
    return mutant(name, "mutex_bucket_map", "maps/internal/tables/bucket_table.h", *rest, **kwargs)

BUCKET_MAP = [
    _mutant(
        "reads_new_bucket_too_early",
        "      if (!Layout::IsEvacuated(*old)) bucket = old;\n",
        "      if (!Layout::IsEvacuated(*old) && count_ == 0) bucket = old;\n",
        "A read does not look into an old bucket that has not been moved yet.",
        "one_thread",
    ),
    _mutant(
        "splits_by_the_wrong_bit",
        "        const bool y = split && (Hash{}(KeyAt({b, slot})) & old_size) != 0;\n",
        "        const bool y = split && (Hash{}(KeyAt({b, slot})) & (old_size * 2)) != 0;\n",
        "Growth tells entries apart by the bit after the right one.",
        "one_thread",
    ),
    _mutant(
        "same_size_growth_splits",
        "    const bool split = array.size != old_size;\n",
        "    const bool split = array.size != 0;\n",
        "Growth to the same size sends half of the entries to the bucket after the next table.",
        "own_test",
    ),
    _mutant(
        "tail_marked_over_entries",
        "    if (!last) return;\n",
        "",
        "A deletion says that nothing follows although something does.",
        "one_thread",
    ),
    _mutant(
        "growth_forgets_overflow",
        """    for (Bucket* b = &head; b != nullptr; b = b->overflow, ++n) {
      for (unsigned slot = 0; slot < kSlots; ++slot) {
        if (b->top[slot] < kMinTop) continue;
        Place& place""",
        """    for (Bucket* b = &head; b == &head; b = b->overflow, ++n) {
      for (unsigned slot = 0; slot < kSlots; ++slot) {
        if (b->top[slot] < kMinTop) continue;
        Place& place""",
        "Growth moves the first bucket of a chain and forgets the others.",
        "one_thread",
    ),
    _mutant(
        "old_array_freed_too_early",
        "    if (evacuated_ == old.size) arrays_.FreeOld();\n",
        "    if (evacuated_ >= old.size / 2) arrays_.FreeOld();\n",
        "The old array is freed when half of it has been moved.",
        "one_thread",
    ),
    _mutant(
        "overflow_never_freed",
        "    arrays_.FreeOverflows(head);\n    head.top[0] = Layout::kEvacuated;\n",
        "    head.top[0] = Layout::kEvacuated;\n",
        "Overflow buckets of a bucket that was moved are never freed.",
        "asan",
        hash = "truncated",
    ),
    _mutant(
        "throw_leaves_key",
        "      std::destroy_at(stored);\n      throw;\n",
        "      throw;\n",
        "An insertion that throws while it copies the value does not destroy the key again.",
        survives = "Keys here are numbers, whose destruction does nothing; with strings the conformance test under " +
                   "AddressSanitizer reports the leak.",
    ),
]
