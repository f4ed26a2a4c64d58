# SPDX-License-Identifier: Apache-2.0
"""Rules that plain arithmetic decides: a number against its own formula, its own unit, or another number of the same
text.

Each function quotes what a text printed, recomputes it and compares; the verdict is the outcome of the comparison.
Nothing here depends on a measurement, so these claims are decided in every paper, on every machine.

Little's law, used throughout: N requests in flight = throughput X * latency R.
"""

import ctypes
import dataclasses
import math
from collections.abc import Callable

import numpy as np
from scipy import optimize, special  # not stats, which takes a second to import

from report.claims.model import ARITHMETIC, CONTRADICTED, SUPPORTED, Decision, Evidence, conjunction


@dataclasses.dataclass(frozen=True)
class Computed:
    """A part that a function without arguments decides."""

    function: Callable[[], Decision]
    kind = ARITHMETIC

    @property
    def rule(self) -> str:
        return f"recomputed by {self.function.__name__} in report/claims/arithmetic.py: {self.function.__doc__}"

    def decide(self, evidence: Evidence) -> Decision:
        return self.function()


def verdict(*comparisons: bool) -> str:
    """Supported when all comparisons hold, contradicted when none does, partly in between."""
    return conjunction(SUPPORTED if c else CONTRADICTED for c in comparisons)


def agrees(printed: float, computed: float, half_digit: float) -> bool:
    """Whether a printed number is the computed one, rounded where it was printed."""
    return abs(printed - computed) <= half_digit * (1 + 1e-9)


def conflict_probability(k: float, n: int) -> float:
    """P(at least two of k equally likely choices among n places coincide); the Gamma function between integers."""
    if not 0 <= k <= n:
        raise ValueError(f"k must lie in 0..n, got k={k}, n={n}")
    return 1.0 - math.exp(special.gammaln(n + 1) - special.gammaln(n - k + 1) - k * math.log(n))


def conflict_root(n: int, target: float) -> float:
    """The real k at which the conflict probability among n places is `target`."""
    return optimize.brentq(lambda k: conflict_probability(k, n) - target, 1.0, float(n))


def line_model_root() -> Decision:
    """the k at which 1 - n!/((n-k)! n^k) is 0.5, against the printed 4.15"""
    n, printed = 64 // 12, 4.15
    k = conflict_root(n, 0.5)
    return Decision(verdict(agrees(printed, k, 0.005)),
                    f"With {n} entries a line, 1 - n!/((n-k)! n^k) = 0.5 at k = {k:.2f}, a rate k/n of {k / n:.1%}; "
                    "the "
                    f"printed k = {printed} gives a probability of {conflict_probability(printed, n):.2f}.")


def line_model_value() -> Decision:
    """the printed function at k = 4 of 5, against the printed 78.4 %"""
    value, printed = conflict_probability(4, 5), 0.784
    near = min(abs(conflict_probability(k, 5) - printed) for k in range(6))
    return Decision(verdict(agrees(printed, value, 0.0005)),
                    f"The printed function gives {value:.3f} for k = 4, n = 5; no k from 0 to 5 comes nearer to "
                    f"{printed} "
                    f"than {near:.3f}.")


def line_holds_five() -> Decision:
    """how many entries of 12 B a line of 64 B holds, against the printed 5"""
    return Decision(verdict(64 // 12 == 5), f"64 B / 12 B = {64 / 12:.2f}, so {64 // 12} whole entries fit. No map "
                    "of this study stores entries of 12 B.")


def mostly_hits() -> Decision:
    """the share of misses among calls with keys i mod 1000, against a loop that is mostly stores"""
    calls, distinct = 3_000_000, 1000
    return Decision(verdict(distinct / calls > 0.5),
                    f"Keys i mod {distinct} are all present after {distinct} calls; in a run of {calls:,} calls "
                    f"{1 - distinct / calls:.2%} are hits, so the loop measures the hit path, not the store path.")


def printed_gains() -> Decision:
    """the sign of the version effect in the text's own tables, against the title's gain of 47 %"""
    first = {"fixed key": 11.9 / 12.4 - 1, "rising keys": 4.2 / 8.7 - 1, "half loads": 8.3 / 9.1 - 1}
    second = {"one key": 842 / 596 - 1, "random keys": 127 / 98 - 1}
    listed = ", ".join(f"{name} {x:+.0%}" for name, x in {**first, **second}.items())
    return Decision(verdict(all(x > 0 for x in first.values()) and any(abs(x - 0.47) < 0.005 for x in second.values())),
                    f"The speeds printed for the newer version relative to the older one are {listed}: the first "
                    "table has "
                    "losses only, the second gains only, and no row has 47 %.")


def both_signs(first: float, second: float, what: str) -> Decision:
    """whether two tables of one text agree on who gains"""
    return Decision(verdict((first > 0) == (second > 0)),
                    f"Section 1 prints a change of speed of {first:+.0%} for {what}, section 2.3 one of {second:+.0%}.")


def one_key_signs() -> Decision:
    """whether both tables of the text agree on the sign for one key"""
    return both_signs(11.9 / 12.4 - 1, 842 / 596 - 1, "one key")


def many_keys_signs() -> Decision:
    """whether both tables of the text agree on the sign for many keys"""
    return both_signs(4.2 / 8.7 - 1, 127 / 98 - 1, "many keys")


def unit_per_ms(rate: float) -> Decision:
    cores, most = 16, 10.0  # no in-memory operation of a map of 10 000 keys takes 10 us on average
    us = cores / (rate * 1e3) * 1e6
    return Decision(verdict(us < most), f"By Little's law {cores} busy cores at {rate} operations a millisecond spend "
                    f"{us:.0f} us on one, several orders of magnitude more than any in-memory map needs.")


def unit_of_sync_map() -> Decision:
    """the time of one operation at 12.4 operations a millisecond on 16 cores, against 10 us"""
    return unit_per_ms(12.4)


def unit_of_locked_map() -> Decision:
    """the time of one operation at 28.7 operations a millisecond on 16 cores, against 10 us"""
    return unit_per_ms(28.7)


def unit_of_sharded_map() -> Decision:
    """the time of one operation at 23.1 operations a millisecond on 16 cores, against 10 us"""
    return unit_per_ms(23.1)


def two_thresholds() -> Decision:
    """the threshold of the title against that of the checklist"""
    title, checklist = 0.83, 0.85
    return Decision(verdict(title == checklist), f"The title puts the threshold at {title:.0%}, the checklist of the "
                                                 "same "
                    f"text at {checklist:.0%}, without a word on the difference.")


def mask_is_modulo() -> Decision:
    """h & 0x3F against h mod 64 for every residue"""
    same = all(h & 0x3F == h % 64 for h in range(1 << 16))
    return Decision(verdict(same), "For a power of two the mask keeps the remainder: h & 0x3F equals h mod 64 for all "
                    "hashes tried.")


def little_97_3() -> Decision:
    """the printed throughputs against 1000 requests in flight, and their ratio against the printed 43.5 %"""
    per_second = {ns: 1e3 / ns for ns in (84.2, 36.5)}
    share = 11.8 / 27.4
    return Decision(verdict(agrees(11.8, 1000 * per_second[84.2], 0.05), agrees(0.435, share, 0.0005)),
                    f"1 / 84.2 ns = {per_second[84.2]:.1f} M/s and 1 / 36.5 ns = {per_second[36.5]:.1f} M/s: the "
                    "printed "
                    f"throughputs are those of one thread, although 1000 are said to run. Their ratio is {share:.1%}, "
                    "not "
                    "43.5 %.")


def contradicting_latencies() -> Decision:
    """the hot reads of section 2.2 against the mix of section 1"""
    here, there = 8.7 / 3.2, 36.5 / 84.2
    write = (84.2 - 0.97 * 3.2) / 0.03 / 1e3
    return Decision(verdict(write < 1),
                    f"Section 2.2 has sync.Map {here:.1f} times faster on reads, section 1 has it {1 / there:.1f} "
                    "times "
                    f"slower on 97 % reads; the 3 % of writes would have to cost {write:.1f} us each.")


def binomial_error() -> Decision:
    """how often the share of a million draws is within 0.001 %, against always"""
    p, n = 0.973, 1_000_000
    error = math.sqrt(p * (1 - p) / n)
    inside = 2 * special.ndtr(1e-5 / error) - 1
    return Decision(verdict(inside > 0.95), f"The standard error of a share of {p} over {n:,} draws is {error:.4%}; "
                                            "an error "
                    f"below 0.001 % happens in {inside:.1%} of the runs.")


def thousand_samples() -> Decision:
    """971 of 973 and 29 of 27 as percentages, against -0.2 % and +7.4 %"""
    read, write = 971 / 973 - 1, 29 / 27 - 1
    return Decision(verdict(agrees(-0.002, read, 0.0005), agrees(0.074, write, 0.0005)),
                    f"971 of 973 expected is {read:+.1%} and 29 of 27 expected is {write:+.1%}.")


def poisson_rate() -> Decision:
    """arrivals a second at a mean gap of 12.5 ms, against 80, and what share of the time they keep a map busy"""
    rate = 1 / 12.5e-3
    busy = rate * 100e-9
    return Decision(verdict(agrees(80, rate, 0.5), busy > 0.01),
                    f"A mean gap of 12.5 ms is {rate:.0f} arrivals a second, as printed; at 100 ns an operation that "
                    "keeps a "
                    f"map busy {busy:.4%} of the time.")


def padding() -> Decision:
    """size and alignment of a struct of a pointer and a flag, without and with six more bytes, laid out here"""

    class Plain(ctypes.Structure):
        _fields_ = [("m", ctypes.c_void_p), ("amended", ctypes.c_bool)]

    class Padded(ctypes.Structure):
        _fields_ = [("m", ctypes.c_void_p), ("amended", ctypes.c_bool), ("pad", ctypes.c_byte * 6)]

    plain, padded = (ctypes.sizeof(t) for t in (Plain, Padded))
    return Decision(verdict(plain == 9 and ctypes.alignment(Plain) == 1 and padded == 16),
                    f"8 + 1 + 6 = {8 + 1 + 6} B, not 16, and the compiler aligns a struct with a pointer to "
                    f"{ctypes.alignment(Plain)} B with or without the field: it occupies {plain} B without and "
                    f"{padded} B "
                    "with it.")


def eight_threads() -> Decision:
    """8 threads over the printed latencies, against the printed throughputs"""
    fast, slow = 8 / 2.1, 8 / 6.8
    return Decision(verdict(agrees(2.9, fast, 0.05)),
                    f"8 threads at 2.1 us an operation make {fast:.1f} M operations a second, not 2.9; the row at 6.8 "
                    "us is "
                    f"consistent ({slow:.2f} M).")


def goroutine_latency(rates: tuple[float, float], gain: float) -> Decision:
    workers, most = 550, 10.0
    us = [workers / rate for rate in rates]
    computed = rates[0] / rates[1] - 1
    return Decision(verdict(max(us) < most),
                    f"{workers} workers at {rates[0]} and {rates[1]} M operations a second wait {us[0]:.0f} and "
                    f"{us[1]:.0f} us "
                    f"for one operation: the figures describe scheduling, not maps. The printed gain of {gain:.1%} "
                    "against its "
                    f"own rates: {computed:.1%}.")


def scale_at_100k() -> Decision:
    """the wait of 550 workers at the printed rates for 100 K keys, against 10 us"""
    return goroutine_latency((1.24, 1.18), 0.051)


def scale_at_1m() -> Decision:
    """the wait of 550 workers at the printed rates for 1 M keys, against 10 us"""
    return goroutine_latency((1.31, 0.79), 0.658)


def hybrid_latency() -> Decision:
    """workers over printed rates, against the printed latencies"""
    small, large = 8 / 2.1, 64 / 1.3
    return Decision(verdict(agrees(420, small, 21), agrees(1890, large, 95)),
                    f"By Little's law 8 workers at 2.1 M/s wait {small:.1f} us and 64 at 1.3 M/s {large:.0f} us; the "
                    "printed "
                    f"latencies are {420 / small:.0f} and {1890 / large:.0f} times as long.")


def zipf_of_entropy(bits: float, keys: int = 10_000, bins: int = 1024) -> float:
    """The zipf exponent at which the loads of `bins` bins have `bits` of entropy, the keys dealt to them in turn."""
    rank = np.arange(keys)

    def entropy(theta: float) -> float:
        loads = np.bincount(rank % bins, (rank + 1.0) ** -theta, bins)
        return float(np.sum(special.entr(loads / np.sum(loads))) / math.log(2))

    return optimize.brentq(lambda theta: entropy(theta) - bits, 0.0, 20.0)


def entropy_bound() -> Decision:
    """the greatest entropy of 1024 bins, against 10 bits"""
    most = math.log2(1024)
    return Decision(verdict(agrees(10, most, 0.5)), f"1024 equally loaded bins have log2(1024) = {most:.0f} bits.")


def consumers_of_one_head() -> Decision:
    """how often two consumers that read the head and then set it take the same entry, over all interleavings"""
    twice = total = 0
    for order in {(0, 0, 1, 1), (0, 1, 0, 1), (0, 1, 1, 0), (1, 0, 0, 1), (1, 0, 1, 0), (1, 1, 0, 0)}:
        head, seen, taken = 0, [None, None], []
        for who in order:
            if seen[who] is None:
                seen[who] = head  # reads the head
            else:
                taken.append(seen[who])  # takes that entry and sets the head behind it
                head = seen[who] + 1
        total += 1
        twice += len(set(taken)) < len(taken)
    return Decision(verdict(twice == 0), f"Two consumers that read the head and then set it take the same entry in "
                                         f"{twice} of "
                    f"{total} interleavings: as printed the ring has one consumer.")


def gap_after_deletion() -> Decision:
    """where a load finds nothing while another caller deletes a key and stores it again, over all interleavings"""
    steps = (lambda m: m.pop("key"), lambda m: m.update(key="new"))
    found = []
    for before in range(len(steps) + 1):
        entries = {"key": "old"}
        for step in steps[:before]:
            step(entries)
        found.append(entries.get("key"))
    gaps = found.count(None)
    return Decision(verdict(gaps > 0), f"Of the {len(found)} moments at which a load can come, it finds nothing in "
                                       f"{gaps}; a "
                    "Swap leaves no such moment.")


def pause_between_requests() -> Decision:
    """the time between operations at 50 000 a second, against what an operation takes"""
    gap = 1e9 / 50e3
    return Decision(verdict(gap < 1000), f"At 50 000 operations a second there are {gap / 1e3:.0f} us between two of "
                                         "them; at "
                    f"100 ns each a locked map is busy {100 / gap:.2%} of the time, and no lock is contended.")


def generation_wraps() -> Decision:
    """years until a 64-bit generation repeats at a thousand million writes a second, against a century"""
    years = 2**64 / 1e9 / (365.25 * 86400)
    return Decision(verdict(years > 100), f"At a thousand million writes a second 64 bits repeat after {years:.0f} "
                                          "years; a "
                    "generation of 2 bits repeats after 4 writes.")
