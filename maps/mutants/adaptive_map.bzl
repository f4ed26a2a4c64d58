# SPDX-License-Identifier: Apache-2.0
"""Mistakes in adaptive_map: the gate that stops writers during a switch, and the switch."""

load(":mutant.bzl", "mutant")

def _mutant(*args, **kwargs):
    name, rest = args[0], args[1:]
    return mutant(name, "adaptive_map", "maps/adaptive_map.h", *rest, **kwargs)

def _gate(*args, **kwargs):
    name, rest = args[0], args[1:]
    return mutant("gate_" + name, "adaptive_map", "maps/internal/locks/writer_gate.h", *rest, **kwargs)

ADAPTIVE_MAP = [
    _mutant(
        "writers_pass_by_the_gate",
        "    const typename Gate::Passage passage(gate_);\n",
        "    Guard guard;\n",
        "Writers do not use the gate: what they write during a switch is lost.",
        "lives",
    ),
    _mutant(
        "copies_before_the_gate_is_shut",
        "    const typename Gate::Shut shut(gate_);\n",
        "    { const typename Gate::Shut shut(gate_); }\n",
        "The gate opens before the entries are copied: what is written meanwhile is lost.",
        "threads",
    ),
    _mutant(
        "old_map_freed_too_early",
        "    guard.Retire(old, entries * (sizeof(K) + sizeof(V) + 2 * sizeof(void*)));\n",
        "    delete old;\n",
        "The former map is freed at once, while readers may be in it.",
        "own_test",
    ),
    _mutant(
        "old_map_never_freed",
        "    guard.Retire(old, entries * (sizeof(K) + sizeof(V) + 2 * sizeof(void*)));\n",
        "",
        "The former map is never freed.",
        "lives",
    ),
    _mutant(
        "reads_without_guard",
        "    Guard guard;\n    // (1) acquire",
        "    // (1) acquire",
        "Readers have no guard: the map they are in may be freed.",
        "own_test",
    ),
    _mutant(
        "published_relaxed",
        "    generation_.store(next.release(), std::memory_order_release);\n",
        "    generation_.store(next.release(), std::memory_order_relaxed);\n",
        "(2) is relaxed: a reader may see the new map before what is in it.",
        survives = "A switch is rare, and who comes after one has mostly met the thread that made it at the gate or in the sampling: " +
                   "no run under ThreadSanitizer was without that order",
    ),
    _mutant(
        "looks_rarely_for_ever",
        "std::min(2 * period, most_period_) : least_period_,\n",
        "std::min(2 * period, most_period_) : period,\n",
        "What speaks against the choice does not make the map look more often again.",
        "own_test",
    ),
    _mutant(
        "looks_as_often_for_ever",
        "std::min(2 * period, most_period_) : least_period_,\n",
        "least_period_ : least_period_,\n",
        "A choice that is confirmed is looked at as often as a new one.",
        "own_test",
    ),
    _mutant(
        "switches_within_a_write",
        "    if (gate_.Inside()) return;\n",
        "",
        "A thread that is inside the gate may shut it: it waits for itself.",
        "own_test",
    ),
    _gate(
        "knows_no_outer_passage",
        "      if (!gate.Inside()) {\n",
        "      if (true) {\n",
        "A destructor that calls the map from within a write waits at the shut gate, which waits for the write.",
        "own_test",
    ),
    _gate(
        "shut_without_waiting",
        "        while (p.word.load(std::memory_order_acquire) != kShut) Atomics::Yield();\n",
        "        p.word.load(std::memory_order_acquire);\n",
        "Who shuts the gate does not wait for the writers who are inside.",
        "threads",
    ),
    _gate(
        "does_not_ask",
        "        while ((word_->fetch_add(kWriter, std::memory_order_acquire) & kShut) != 0) {\n",
        "        while (word_->fetch_add(kWriter, std::memory_order_acquire) == ~kShut) {\n",
        "A writer goes in although the gate is shut.",
        "threads",
    ),
    _gate(
        "stays_counted",
        "          word_->fetch_sub(kWriter, std::memory_order_relaxed);\n",
        "",
        "A writer that finds the gate shut stays counted while it waits: the switch waits for it.",
        "threads",
    ),
    _gate(
        "leaves_relaxed",
        "      if (word_ != nullptr) word_->fetch_sub(kWriter, std::memory_order_release);\n",
        "      if (word_ != nullptr) word_->fetch_sub(kWriter, std::memory_order_relaxed);\n",
        "(3) is relaxed: the copy need not have what the last writer wrote.",
        survives = "A switch is rare, and who comes after one has mostly met the thread that made it at the gate or in the sampling: " +
                   "no run under ThreadSanitizer was without that order",
    ),
]
