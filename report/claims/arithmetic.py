# SPDX-License-Identifier: Apache-2.0
"""Claims that plain arithmetic decides: a number against its own formula, its
own unit, or another number of the same text.

Each function recomputes what a text printed and returns a verdict with the
computed evidence. Nothing here depends on a measurement, so these claims are
decided in every paper, on every machine.

Little's law, used throughout: N requests in flight = throughput X * latency R.
"""

import math

from scipy import optimize, special, stats

from report.claims.model import CONTRADICTED, PARTLY, SUPPORTED, Claim, Decision


def conflict_probability(k: int, n: int) -> float:
    """P(at least two of k equally likely choices among n places coincide)."""
    if not 0 <= k <= n:
        raise ValueError(f"k must lie in 0..n, got k={k}, n={n}")
    return 1.0 - math.perm(n, k) / n**k


def conflict_root(n: int, target: float) -> float:
    """The real k at which the conflict probability among n places is `target`.

    The factorials are continued by the Gamma function.
    """

    def excess(k: float) -> float:
        log_free = special.gammaln(n + 1) - special.gammaln(n - k + 1) - k * math.log(n)
        return 1.0 - math.exp(log_free) - target

    return optimize.brentq(excess, 1.0, float(n))


def _line_model_root() -> Decision:
    n = 64 // 12
    k = conflict_root(n, 0.5)
    return Decision(
        CONTRADICTED,
        f"With {n} entries a line, 1 - n!/((n-k)! n^k) = 0.5 at k = {k:.2f}, a rate k/n of "
        f"{k / n:.1%}; the printed k = 4.15 gives a probability of "
        f"{1 - math.exp(special.gammaln(n + 1) - special.gammaln(n - 4.15 + 1) - 4.15 * math.log(n)):.2f}.",
    )


def _line_model_value() -> Decision:
    value = conflict_probability(4, 5)
    near = min(abs(conflict_probability(k, 5) - 0.784) for k in range(6))
    return Decision(
        CONTRADICTED,
        f"The printed function gives {value:.3f} for k = 4, n = 5; no k from 0 to 5 comes "
        f"nearer to 0.784 than {near:.3f}.",
    )


def _line_holds_five() -> Decision:
    return Decision(
        SUPPORTED,
        f"64 B / 12 B = {64 / 12:.2f}, so {64 // 12} whole entries fit. None of the maps "
        "in this study stores entries of 12 B.",
    )


def _mostly_hits() -> Decision:
    calls, distinct = 3_000_000, 1000
    return Decision(
        CONTRADICTED,
        f"Keys i mod {distinct} are all present after {distinct} calls; in a run of "
        f"{calls:,} calls {1 - distinct / calls:.2%} are hits, so the loop measures the "
        "hit path, not the store path.",
    )


def _unit_per_ms() -> Decision:
    cores = 16
    latencies = {rate: cores / (rate * 1e3) * 1e6 for rate in (12.4, 28.7, 23.1)}
    listed = ", ".join(f"{rate} ops/ms: {us:.0f} us" for rate, us in latencies.items())
    return Decision(
        CONTRADICTED,
        f"By Little's law {cores} busy cores at the printed rates spend {listed} on one "
        "operation, four orders of magnitude more than any in-memory map needs.",
    )


def _two_thresholds() -> Decision:
    return Decision(
        CONTRADICTED,
        "The title puts the threshold at 83 %, the checklist of the same text at 85 %: "
        "two points apart without a word on the difference.",
    )


def _little_97_3() -> Decision:
    per_second = {ns: 1e3 / ns for ns in (84.2, 36.5)}
    return Decision(
        CONTRADICTED,
        f"1 / 84.2 ns = {per_second[84.2]:.1f} M/s and 1 / 36.5 ns = {per_second[36.5]:.1f} M/s: "
        "the printed throughputs are those of one thread, although 1000 are said to run. "
        f"Their ratio is {11.8 / 27.4:.1%}, not 43.5 %.",
    )


def _contradicting_latencies() -> Decision:
    here, there = 8.7 / 3.2, 36.5 / 84.2
    return Decision(
        CONTRADICTED,
        f"Section 2.2 has sync.Map {here:.1f} times faster on reads, section 1 has it "
        f"{1 / there:.1f} times slower on 97 % reads; the 3 % of writes would have to "
        f"cost {(84.2 - 0.97 * 3.2) / 0.03 / 1e3:.1f} us each.",
    )


def _binomial_error() -> Decision:
    p, n = 0.973, 1_000_000
    error = math.sqrt(p * (1 - p) / n)
    inside = 2 * stats.norm.cdf(1e-5 / error) - 1
    return Decision(
        CONTRADICTED,
        f"The standard error of a share of {p} over {n:,} draws is {error:.4%}; an error "
        f"below 0.001 % happens in {inside:.1%} of the runs.",
    )


def _thousand_samples() -> Decision:
    read, write = 971 / 973 - 1, 29 / 27 - 1
    return Decision(
        SUPPORTED,
        f"971 of 973 expected is {read:+.1%} and 29 of 27 expected is {write:+.1%}.",
    )


def _poisson_rate() -> Decision:
    rate = 1 / 12.5e-3
    return Decision(
        PARTLY,
        f"A mean gap of 12.5 ms is {rate:.0f} arrivals a second, as printed; at 100 ns an "
        f"operation that keeps a map busy {rate * 100e-9:.4%} of the time.",
    )


def _padding() -> Decision:
    return Decision(
        CONTRADICTED,
        f"8 + 1 + 6 = {8 + 1 + 6} B, not 16, and a struct with a pointer is aligned to 8 B "
        "by the compiler with or without the field: both forms occupy 16 B.",
    )


def _eight_threads() -> Decision:
    return Decision(
        CONTRADICTED,
        f"8 threads at 2.1 us an operation make {8 / 2.1:.1f} M operations a second, not "
        f"2.9; the row at 6.8 us is consistent ({8 / 6.8:.2f} M).",
    )


def _goroutine_latency(rates: tuple[float, float], gain: float) -> Decision:
    workers = 550
    us = [workers / (rate * 1e6) * 1e6 for rate in rates]
    return Decision(
        CONTRADICTED,
        f"{workers} workers at {rates[0]} and {rates[1]} M operations a second wait "
        f"{us[0]:.0f} and {us[1]:.0f} us for one operation: the figures describe scheduling, "
        f"not maps. The printed gain of {gain:.1%} agrees with its own rates "
        f"({rates[0] / rates[1] - 1:.1%}).",
    )


def _hybrid_latency() -> Decision:
    small, large = 8 / 2.1, 64 / 1.3
    return Decision(
        CONTRADICTED,
        f"By Little's law 8 workers at 2.1 M/s wait {small:.1f} us and 64 at 1.3 M/s "
        f"{large:.0f} us; the printed latencies are {420 / small:.0f} and "
        f"{1890 / large:.0f} times as long.",
    )


CLAIMS = (
    Claim("000-C07", "Keys i mod 1000 in a benchmark loop exercise almost only the store path of LoadOrStore.", _mostly_hits),
    Claim("000-C26", "A 64 B cache line holds five entries of 12 B.", _line_holds_five),
    Claim("000-C27", "In the cache-line model the conflict probability is 0.5 at k = 4.15 of 5, hence a threshold of 83 %.", _line_model_root),
    Claim("000-C28", "At 83 % reuse the model's conflict probability is 78.4 %.", _line_model_value),
    Claim("000-C40", "sync.Map is right when key reuse is at least 85 %.", _two_thresholds),
    Claim("000-C45", "On 16 cores sync.Map completes 12.4 and a read-write-locked map 28.7 operations a millisecond.", _unit_per_ms),
    Claim("001-C06", "With 1000 goroutines at 97:3 sync.Map takes 84.2 ns and delivers 11.8 M/s; the locked map 36.5 ns and 27.4 M/s.", _little_97_3),
    Claim("001-C17", "A hot read costs 3.2 ns in sync.Map and 8.7 ns in a read-write-locked map.", _contradicting_latencies),
    Claim("001-C25", "A share drawn with p = 0.973 is within 0.001 % after a million draws.", _binomial_error),
    Claim("001-C26", "971 reads and 29 writes of 1000 are off by -0.2 % and +7.4 %.", _thousand_samples),
    Claim("001-C27", "Poisson arrivals with a mean gap of 12.5 ms stress a map with 80 requests a second.", _poisson_rate),
    Claim("001-C29", "Without padding readOnly has 9 B and byte alignment; six more bytes make it 16.", _padding),
    Claim("001-C30", "Eight threads on 32 shards reach 2.9 M/s at 2.1 us an operation.", _eight_threads),
    Claim("002-C16", "At 100 K keys sync.Map serves 1.24 M/s, the read-write-locked map 1.18 M/s.", lambda: _goroutine_latency((1.24, 1.18), 0.051)),
    Claim("002-C17", "At 1 M keys sync.Map serves 1.31 M/s, the read-write-locked map 0.79 M/s.", lambda: _goroutine_latency((1.31, 0.79), 0.658)),
    Claim("003-C24", "The hybrid serves 2.1 M/s at 420 us with 8 workers and 1.3 M/s at 1890 us with 64.", _hybrid_latency),
)
