# SPDX-License-Identifier: Apache-2.0
"""What a trace is beside the fields of its description: a run answers for the description, and this says what that misses.

A described workload asks for its keys independently, one request like the next. A trace may ask for a key again sooner
than its popularity explains, or later, which is seen in how much of it an LRU cache would answer: the same share follows
for independent requests from Che's approximation (Che, Tung, Wang 2002), and for keys that are reused evenly from their
stack distances, which are uniform over the keys seen so far.
"""

import math

APART = 0.1  # shares of requests that differ by less say the same
FEW = 0.01  # a share of the operations that matters
BURSTY = 2.0  # index of dispersion; 1 is that of independent arrivals
UNEQUAL = 4.0  # largest value over the mean
_GROWS = 0.2  # of the keys are new in the second half
_BUCKETS = 400  # of ranks, for sums over millions of keys


def left_out(result, fields):
    """Sentences on what the fields of a description do not tell of the trace, for figures as profile_trace prints them."""
    figures = result["figures"]
    said = ["The trace itself is not replayed (--replay does): the answer is about independent requests as described."]
    said += _operations(figures["shares"], fields)
    hits = figures["hit_rate"]
    if "reuse" not in fields and "unknown" not in hits and 1 - hits["value"] >= FEW:
        said.append(f"{_percent(1 - hits['value'])} of the look-ups find nothing; as described all find their key.")
    said += _locality(figures, fields)
    growth = figures["growth"]
    if "reuse" not in fields and "unknown" not in growth and growth[-1]["present"]:
        half = min(growth, key=lambda p: abs(p["operation"] - growth[-1]["operation"] / 2))
        if 1 - half["present"] / growth[-1]["present"] >= _GROWS:
            said.append("The map still grows in the second half of the trace; as described it keeps its size.")
    sizes = figures["value_bytes"]
    if "unknown" not in sizes and sizes["mean"] > 0 and sizes["max"] >= UNEQUAL * sizes["mean"]:
        said.append(f"Values are of unequal size (mean {sizes['mean']:.0f} bytes, largest {sizes['max']:.0f}); as described all "
                    "have the mean.")
    said += _bursts(figures["arrivals"])
    return said


def of_replay(result, operations, timeless=""):
    """The same of an answer for which the first so many operations were replayed. timeless: why not at their own times, too."""
    figures = result["figures"]
    said = [f"Replayed were the first {operations:,} operations of {result['operations']:,}, from an empty map, by threads that drew them "
            "in turn: what threads of the traced program did to one another is not in it.",
            "Keys are replayed by number: what theirs do to a hash function is not seen."]
    if result["sample"] < 1 or result["recorded"]:
        said.append("The trace is a sample: a replay of it has fewer keys than the program, which fit a cache better, and at its own "
                    "times fewer operations.")
    if timeless:
        said.append(f"Response times were not measured, which needs the times at which operations came: {timeless}.")
    sizes = figures["value_bytes"]
    if "unknown" not in sizes and sizes["mean"] > 0 and sizes["max"] >= UNEQUAL * sizes["mean"]:
        said.append(f"Values are of unequal size (mean {sizes['mean']:.0f} bytes, largest {sizes['max']:.0f}); replayed all have "
                    "the mean.")
    return said


def _percent(share):
    return f"{100 * share:.3g} %"


def _operations(shares, fields):
    inserting = "reuse" in fields
    known = {"load_or_store"} if inserting else {"load", "store"}
    if "deletes" in fields:
        known |= {"delete", "load_and_delete", "compare_and_delete"}
    others = {name: share for name, share in shares.items() if name not in known and share >= FEW}
    if not others:
        return []
    listed = ", ".join(f"{name} {_percent(share)}" for name, share in sorted(others.items(), key=lambda o: -o[1]))
    return [f"Operations of other kinds ({listed}) are taken for {'look-ups or inserts' if inserting else 'stores'}."]


def _locality(figures, fields):
    """Whether keys come back sooner or later than described, at the cache size where that shows most."""
    curve, distinct = figures["locality"], figures["distinct"]
    if "unknown" in curve or "unknown" in distinct or not curve["lru"]:
        return []
    keys = max(1, round(distinct["value"]))
    again = max(point["hit_rate"]["value"] for point in curve["lru"])  # requests for keys asked for before
    if again <= 0:
        return []
    worst = None
    for point in curve["lru"]:
        if not 1 <= point["entries"] < keys:
            continue
        found = point["hit_rate"]["value"] / again
        described = (of_even_reuse(keys, point["entries"]) if "reuse" in fields else
                     of_independent(keys, float(fields.get("skew", 0)), point["entries"]))
        if worst is None or abs(found - described) > abs(worst[1] - worst[2]):
            worst = point["entries"], found, described
    if worst is None or abs(worst[1] - worst[2]) < APART:
        return []
    word = "sooner" if worst[1] > worst[2] else "later"
    return [f"Keys come back {word} than described: {worst[0]:,.0f} entries of an LRU cache would answer {_percent(worst[1])} of the "
            f"requests for keys asked for before, and {_percent(worst[2])} as described."]


def of_even_reuse(keys, entries):
    """The share of requests for seen keys that an LRU cache answers while the keys grow to so many, each seen one as likely."""
    part = min(1.0, entries / keys)
    return part * (1 - math.log(part))


def of_independent(keys, theta, entries):
    """The share of independent requests, of keys of zipf popularity, that an LRU cache of so many entries answers. O(log keys)."""
    if entries >= keys:
        return 1.0
    buckets = _ranks(keys, theta)

    def held(time):
        return sum(n * -math.expm1(-p * time) for n, p in buckets)

    low, high = 0.0, 1.0
    while held(high) < entries and high < 1e300:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if held(middle) < entries else (low, middle)
    return sum(n * p * -math.expm1(-p * high) for n, p in buckets)


def _ranks(keys, theta):
    """(how many keys, the mean probability of each) by stretches of rank, which grow with it."""
    edges = sorted({min(keys, max(i, round(keys**(i / _BUCKETS)))) for i in range(_BUCKETS + 1)} | {0, keys})
    sums = [(b - a, sum(k**-theta for k in range(a + 1, b + 1)) if b - a <= 64 else _integral(a, b, theta))
            for a, b in zip(edges, edges[1:])]
    total = sum(s for _, s in sums)
    return [(n, s / total / n) for n, s in sums]


def _integral(a, b, theta):
    """The sum of k^-theta for k from a + 1 to b."""
    if abs(theta - 1) < 1e-9:
        return math.log((b + 0.5) / (a + 0.5))
    return ((b + 0.5)**(1 - theta) - (a + 0.5)**(1 - theta)) / (1 - theta)


def _bursts(arrivals):
    if "unknown" in arrivals:
        return []
    worst = max(arrivals["windows"], key=lambda w: w["index_of_dispersion"], default=None)
    if worst is None or worst["index_of_dispersion"] < BURSTY:
        return []
    return [f"Operations arrive in bursts (index of dispersion {worst['index_of_dispersion']:.3g} in windows of "
            f"{worst['seconds']:.3g} s); response times are measured under independent arrivals, whose index is 1."]
