# SPDX-License-Identifier: Apache-2.0
"""Mistakes in the lock of striped_reader_map."""

load(":mutant.bzl", "mutant")

def _mutant(*args, **kwargs):
    name, rest = args[0], args[1:]
    return mutant(name, "striped_reader_map", "maps/internal/locks/striped_lock.h", *rest, **kwargs)

STRIPED_READER_MAP = [
    _mutant(
        "reader_does_not_wait",
        "    if (!writer_.load(std::memory_order_acquire)) [[likely]] return;\n",
        "    if (!writer_.load(std::memory_order_acquire) || mask_ != ~std::size_t{0}) return;\n",
        "A reader that finds a writer goes in all the same.",
        "threads",
    ),
    _mutant(
        "writer_leaves_out_a_stripe",
        "    for (std::size_t i = 0; i <= mask_; ++i) {\n",
        "    for (std::size_t i = 1; i <= mask_; ++i) {\n",
        "A writer does not wait for the readers of the first stripe.",
        "own_test",
    ),
    _mutant(
        "waiting_reader_stays_counted",
        "    mine.fetch_sub(1, std::memory_order_release);\n    // Nobody writes",
        "    // Nobody writes",
        "A reader that finds a writer stands in line without taking its count back: both wait.",
        "threads",
    ),
    _mutant(
        "waited_reader_not_counted",
        "    mine.fetch_add(1, std::memory_order_relaxed);\n",
        "    mine.fetch_add(0, std::memory_order_relaxed);\n",
        "A reader that stood in line is not counted when it goes in, but is when it leaves.",
        "threads",
    ),
    _mutant(
        "reader_looks_before_it_counts",
        """    mine.fetch_add(1, std::memory_order_acq_rel);
    // (7) acquire, pairs with (6): what the last writer wrote.
    if (!writer_.load(std::memory_order_acquire)) [[likely]] return;
""",
        """    const bool writing = writer_.load(std::memory_order_acquire);
    mine.fetch_add(1, std::memory_order_acq_rel);
    if (!writing) [[likely]] return;
""",
        "A reader looks for a writer before it counts itself.",
        "tsan",
    ),
    _mutant(
        "reader_leaves_relaxed",
        "    MyCount().fetch_sub(1, std::memory_order_release);\n",
        "    MyCount().fetch_sub(1, std::memory_order_relaxed);\n",
        "(2) is relaxed: a reader may still read when the writer writes.",
        "tsan",
    ),
    _mutant(
        "writer_leaves_relaxed",
        "    writer_.store(false, std::memory_order_release);  // (6), with (7)\n",
        "    writer_.store(false, std::memory_order_relaxed);\n",
        "(6) is relaxed: what a writer wrote need not be there for the next reader.",
        "tsan",
    ),
    _mutant(
        "scan_acquires_nothing",
        "      if (count.fetch_add(0, std::memory_order_acq_rel) == 0) continue;\n",
        "      if (count.fetch_add(0, std::memory_order_release) == 0) continue;\n",
        "(4) acquires nothing: the writer may write before the last reader has read.",
        "tsan",
    ),
]
