# SPDX-License-Identifier: Apache-2.0
"""Numbers of threads: the catalogue's words for them, what they are on a machine, and what follows from them.

  1, 2, 24   so many
  half       half of the physical cores
  all        one thread for each physical core
  powers     1, 2, 4, ... as long as there are physical cores
  smt        one thread for each hardware thread, where cores have several
  2x         two threads for each hardware thread: oversubscribed

A process sees the cores of its CPU set. worker/thread_words.cc reads the same words for benchmarks by hand.
"""

import dataclasses
import difflib
from collections.abc import Iterable

from experiments.orchestrator.errors import UserError
from experiments.orchestrator.topology import Machine

MOST = 256  # threads of a worker (workloads/tape.h)
WORDS = ("half", "all", "powers", "smt", "2x")
# A block, over which drift is taken to be linear, plays every contestant twice within this time.
BLOCK_MS = 250
TEAM = 4


@dataclasses.dataclass(frozen=True)
class Missing:
    """A word that means nothing here, and why."""

    word: str
    why: str


def check(word: str) -> str:
    """The word in its plain form. Raises UserError for what is neither a word nor a number from 1 to MOST."""
    word = word.strip()
    if word in WORDS:
        return word
    if word.isascii() and word.isdigit():
        if not 1 <= int(word) <= MOST:
            raise UserError(f"{word} threads cannot be run; give a number from 1 to {MOST}.")
        return str(int(word))
    near = difflib.get_close_matches(word, WORDS, n=1)
    raise UserError(f"{word!r} is no number of threads; " + (
        f"did you mean {near[0]!r}?" if near else f"write a number from 1 to {MOST}, or {', '.join(WORDS)}."))


def resolve(words: Iterable[str], machine: Machine, anything: bool = False) -> tuple[list[int], list[Missing]]:
    """(ascending numbers, each once; the words that mean nothing on this machine).

    anything: also numbers of threads that do not have a core each; a person may ask for them, the catalogue does not.
    """
    counts: set[int] = set()
    missing = []
    for word in words:
        found = _meaning(word, machine)
        if isinstance(found, str):
            missing.append(Missing(word, found))
            continue
        least = min(found)
        if word.isdigit() and least > len(machine.cores) and not anything:
            missing.append(Missing(word, f"{word} threads want as many cores and this process may use "
                                   f"{len(machine.cores)}; --threads {word} measures them all the same"))
        elif least > MOST:
            missing.append(Missing(word, f"{word} is {least} threads here and the worker runs at most {MOST}"))
        else:
            counts |= {n for n in found if n <= MOST}
    return sorted(counts), missing


def _meaning(word: str, machine: Machine) -> list[int] | str:
    """The numbers of a word, or why it has none."""
    cores, cpus = len(machine.cores), machine.cpus
    if word.isdigit():
        return [int(word)]
    if word == "half":
        return [cores // 2] if cores > 1 else "half of one core is none"
    if word == "all":
        # Where the only core has several hardware threads, all cores would leave out every question of contention.
        return [1, cpus] if cores == 1 and cpus > 1 else [cores]
    if word == "powers":
        return [1 << i for i in range(cores.bit_length())]
    if word == "smt":
        return [cpus] if cpus > cores else "no core that this process may use has a second hardware thread"
    return [2 * cpus]


def name(threads: int, machine: Machine) -> str:
    """What to call so many threads beside their number; empty when the number says it all."""
    cores = len(machine.cores)
    if oversubscribed(threads, machine):
        return "oversubscribed"
    if threads > cores:
        return "SMT"
    if threads == cores > 1:
        return "all cores"
    return "half the cores" if threads > 1 and threads == cores // 2 else ""


def oversubscribed(threads: int, machine: Machine) -> bool:
    """Whether threads must share a hardware thread."""
    return threads > machine.cpus


def slice_ms(lengths: dict, threads: int, crowded: bool) -> float:
    """How long a slice lasts. lengths: a profile's, by doublings of one thread (the last for all beyond)."""
    if crowded:
        return lengths["oversubscribed"]
    doublings = lengths["doublings"]
    return doublings[min(threads.bit_length(), len(doublings)) - 1]


def team(slice_length_ms: float) -> int:
    """How many contestants one visit takes, the baseline included: a block of them must stay short."""
    return max(2, min(TEAM, int(BLOCK_MS // (2 * slice_length_ms))))
