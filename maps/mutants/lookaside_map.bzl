# SPDX-License-Identifier: Apache-2.0
"""Mistakes in lookaside_map: the version words, what is cached, and whose cache it is."""

load(":mutant.bzl", "mutant")

def _mutant(*args, **kwargs):
    name, rest = args[0], args[1:]
    return mutant(name, "lookaside_map", "maps/lookaside_map.h", *rest, **kwargs)

def _per_thread_mutant(*args, **kwargs):
    name, rest = args[0], args[1:]
    return mutant(name, "lookaside_map", "maps/internal/counting/per_thread.h", *rest, **kwargs)

LOOKASIDE_MAP = [
    _mutant(
        "hit_ignores_stamp",
        "    if (spot.slot.stamp == spot.word && spot.slot.entry->first == key) {\n",
        "    if (spot.slot.stamp != kNever && spot.slot.entry->first == key) {\n",
        "A cached answer is right for ever.",
        "one_thread",
    ),
    _mutant(
        "hit_ignores_key",
        "    if (spot.slot.stamp == spot.word && spot.slot.entry->first == key) {\n",
        "    if (spot.slot.stamp == spot.word) {\n",
        "A cached answer is given for any key of the slot.",
        "one_thread",
    ),
    _mutant(
        "version_does_not_count",
        "    stripe.fetch_add(kVersion - kWriter, std::memory_order_release);\n",
        "    stripe.fetch_add(std::uint64_t{0} - kWriter, std::memory_order_release);\n",
        "A write leaves the word as it was before: the broken generation check.",
        "one_thread",
    ),
    _mutant(
        "writers_at_work_unseen",
        "      if ((spot.word & kWriters) == 0) {\n",
        "      {\n",
        "What is read while a write is at work is cached as if it were certain.",
        "lives",
    ),
    _mutant(
        "write_announced_afterwards",
        """    stripe.fetch_add(kWriter, std::memory_order_relaxed);
  }
  static void End""",
        """    stripe.fetch_add(0, std::memory_order_relaxed);
  }
  static void End""",
        "A write is not announced before it is made, only counted afterwards (with a wrong count of writers).",
        "own_test",
    ),
    _mutant(
        "stamped_after_the_look",
        "        slot.stamp = spot.word;\n",
        "        slot.stamp = spot.stripe.load(std::memory_order_acquire) & ~kWriters;\n",
        "The answer is stamped with the word of after the look, not of before.",
        "linearizability",
    ),
    _mutant(
        "unannounced_delete",
        """    const Writing writing(spot.stripe);
    return inner_.Delete(key);
""",
        "    return inner_.Delete(key);\n",
        "Delete does not touch the version word: other threads go on hitting on the key.",
        "linearizability",
    ),
    _mutant(
        "unannounced_clear",
        "    const WritingAll writing(Stripes());\n    inner_.Clear();\n",
        "    inner_.Clear();\n",
        "Clear does not touch the version words.",
        "one_thread",
    ),
    _mutant(
        "batch_spoils_stripe_by_stripe",
        """      const WritingAll writing(Stripes());
      inner_.StoreBatch(batch);
""",
        """      inner_.StoreBatch(batch);
      for (const auto& [key, value] : batch) {
        const Writing writing(StripeOf(Hash{}(key)));
      }
""",
        "A batch spoils what is cached key by key, when it is visible already.",
        "lives",
    ),
    _per_thread_mutant(
        "takes_over_from_the_living",
        "      if (found == nullptr && !owned.owner->load(std::memory_order_acquire)) found = &owned;\n",
        "      if (found == nullptr) found = &owned;\n",
        "A thread takes over the cache of one that still runs.",
        "tsan",
    ),
    _per_thread_mutant(
        "takes_over_from_a_former_map",
        "    if (place.id != id_) [[unlikely]] Find(place, make);\n",
        "    if (place.object == nullptr) [[unlikely]] Find(place, make);\n",
        "A thread uses the cache of another map, which may be gone.",
        "one_thread",
    ),
]
