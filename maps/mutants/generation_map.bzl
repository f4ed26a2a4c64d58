# SPDX-License-Identifier: Apache-2.0
"""Mistakes in the two generation maps: the number that says whether what was read is one state."""

load(":mutant.bzl", "mutant")

def _seqlock(*args, **kwargs):
    name, rest = args[0], args[1:]
    return mutant(name, "generation_seqlock_map", "maps/generation_seqlock_map.h", *rest, **kwargs)

def _image(*args, **kwargs):
    name, rest = args[0], args[1:]
    return mutant(name, "generation_seqlock_map", "maps/generation_seqlock_map/word_image.h", *rest, **kwargs)

def _pointer(*args, **kwargs):
    name, rest = args[0], args[1:]
    return mutant(name, "generation_pointer_map", "maps/generation_pointer_map.h", *rest, **kwargs)

GENERATION_MAPS = [
    _seqlock(
        "reads_without_check",
        "        if (generation_.load(std::memory_order_relaxed) == before) [[likely]] {\n",
        "        if (generation_.load(std::memory_order_relaxed) >= before) [[likely]] {\n",
        "A reader does not ask whether the generation is still the same.",
        "linearizability",
    ),
    _seqlock(
        "reads_again_after_the_check",
        "          return found;\n",
        "          return image->Find(hash, key);\n",
        "A reader reads once more after the check, which was of the first reading: the form in which this is often printed.",
        "linearizability",
    ),
    _seqlock(
        "reads_at_odd_generation",
        "      if (before % 2 == 0) [[likely]] {\n",
        "      if (before % 2 <= 1) [[likely]] {\n",
        "A reader does not wait for the end of a change.",
        "linearizability",
    ),
    _seqlock(
        "change_is_not_announced",
        "      generation_.store(odd_, std::memory_order_relaxed);\n",
        "",
        "A change has no odd generation: a reader that begins and ends within it is not warned.",
        "linearizability",
    ),
    _seqlock(
        "change_ends_as_it_began",
        "    ~Change() { generation_.store(odd_ + 1, std::memory_order_release); }\n",
        "    ~Change() { generation_.store(odd_ - 1, std::memory_order_release); }\n",
        "The generation after a change is that of before: the broken generation check.",
        "linearizability",
    ),
    _seqlock(
        "grows_without_rest",
        "      place = images_.back()->Locate(hash, key);\n",
        "",
        "A key whose insertion makes the table grow is put where it would have been in the old one.",
        "one_thread",
    ),
    _seqlock(
        "swap_before_the_mutex",
        """    const Lock lock(mu_);
    const Place place = images_.back()->Locate(hash, word);
    std::optional<V> old;
    if (place.present) old = Value(images_.back()->ValueAt(place));
""",
        """    std::optional<V> old = Decode(LoadWord(hash, word));
    const Lock lock(mu_);
    const Place place = images_.back()->Locate(hash, word);
""",
        "Swap returns what it read before it had the mutex: a lost update.",
        "threads",
    ),
    _image(
        "erases_without_closing_the_gap",
        "      if (key == 0) return;\n      // An entry may",
        "      if (key == 0 || hole == place.slot) return;\n      // An entry may",
        "A deletion leaves a gap in a cluster, behind which nothing is found.",
        "one_thread",
    ),
    _image(
        "moves_over_its_home",
        "      if (((i - home) & mask_) < ((i - hole) & mask_)) continue;\n",
        "",
        "A deletion moves every later entry of the cluster, also before its home.",
        "one_thread",
    ),
    _seqlock(
        "published_relaxed",
        "    image_.store(images_.back().get(), std::memory_order_release);\n",
        "    image_.store(images_.back().get(), std::memory_order_relaxed);\n",
        "(9) is relaxed: a reader may see the new table before what is in it.",
        "tsan",
    ),
    _pointer(
        "publishes_over_others",
        """      if (!map_.word_.compare_exchange_strong(expected, Word(next.get()),
                                              std::memory_order_release,
                                              std::memory_order_relaxed)) {
        return false;
      }
""",
        """      if (expected == 0) return false;
      map_.word_.store(Word(next.get()), std::memory_order_release);
""",
        "A writer publishes its copy over those of others: lost updates.",
        "threads",
    ),
    _pointer(
        "claims_without_asking",
        "        if ((seen_ & kClaimed) != 0) {\n",
        "        if ((seen_ & kClaimed) != 0 && !claim) {\n",
        "A writer that claims does not ask whether another has: both go on.",
        "threads",
    ),
    _pointer(
        "claim_never_given_back",
        "      if (claim_) map_.word_.fetch_sub(kClaimed, std::memory_order_release);\n",
        "",
        "A claim that was not used is not given back: all writers wait for ever.",
        "one_thread",
    ),
    _pointer(
        "decides_before_the_attempt",
        """      const State& now = attempt.now();
      if (!decide(now)) return false;
""",
        """      const State& now = attempt.now();
      if (lost == 0 && !decide(now)) return false;
""",
        "A writer whose copy was lost does not decide again: split compare and swap.",
        "threads",
    ),
    _pointer(
        "freed_too_early",
        "        guard.Retire(&now, now.table.StructureBytes());\n",
        "        delete &now;\n",
        "The former state is freed at once, while readers may have it.",
        "lives",
    ),
    _pointer(
        "never_freed",
        "        guard.Retire(&now, now.table.StructureBytes());\n",
        "",
        "The former state is never freed.",
        "lives",
    ),
    _pointer(
        "published_relaxed",
        """                                              std::memory_order_release,
                                              std::memory_order_relaxed)) {
        return false;
""",
        """                                              std::memory_order_relaxed,
                                              std::memory_order_relaxed)) {
        return false;
""",
        "(2) is relaxed: a reader may see the new state before what is in it.",
        "tsan",
    ),
    _pointer(
        "loaded_relaxed",
        "    return StateOf(word_.load(std::memory_order_acquire));\n",
        "    return StateOf(word_.load(std::memory_order_relaxed));\n",
        "(1) is relaxed: a reader may see the new state before what is in it.",
        "tsan",
    ),
]
