# SPDX-License-Identifier: Apache-2.0
"""Which map for which situation: from places where maps met to an answer with its evidence.

Pure, and knows neither files nor figures. `standing.places` makes the places of a run; the paper's first table and
programs that know a workload of their own (`nearest`) read the same answers. In verdicts.json they are `advice`.

A place is one workload with one number of threads. Of its maps the fastest is sought, and each of the others is held
against it: behind (the interval of the lead clears delta), equal (it lies within delta), or open. A situation is a
group of places that a reader cannot tell apart before measuring: reads only, many keys, all cores.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from report.stats import cells

ALONE, EQUAL, UNDECIDED = "alone", "equal", "undecided"  # of places and of answers
BEHIND, OPEN = "behind", "open"  # of maps, besides EQUAL
MIXED = "mixed"  # of answers: it depends on the place

FEW_KEYS = 32_768  # up to here entries of 64 bytes fit a cache of 2 MB
SKEWED = 0.8  # zipf exponent from which a few keys draw most operations
WORD_BYTES = 8  # of a value that is a number


@dataclasses.dataclass(frozen=True)
class Features:
    """What a reader knows of a workload without measuring it.

    `growing`: it starts from an empty map, not from one that keeps its size. `reads` is the share of loads in percent;
    `reuse` the share of requests for keys asked for before, or None where all keys are present or all are new; `keys`
    how many there are (0: unknown); `theta` the zipf exponent, 0 for even popularity. `program`: the scenario, where the
    workload is no mix of operations; the other fields then say nothing.
    """

    growing: bool
    reads: float
    look_up_or_insert: bool
    reuse: float | None
    keys: int
    theta: float
    strings: bool
    other: str = ""  # operations other than loads, stores and LoadOrStore, most frequent first
    value_bytes: int = WORD_BYTES
    peculiar: str = ""  # what else is not as usual: loads that miss, just filled, another hash
    program: str = ""


_KNOWN = ("load", "store", "load_or_store")


def features_of(workload: Mapping[str, Any]) -> Features:
    """Features of a workload object as it stands in the visits of a run. What is absent counts as its default."""
    keys, mix = workload.get("keys") or {}, workload.get("mix") or {}
    shares = {op: float(v) for op, v in mix.items() if isinstance(v, (int, float)) and v > 0}
    stream = keys.get("stream", "uniform")
    reuse = float(keys.get("reuse") or 0.0) if stream == "krr" else None
    theta = float(keys.get("theta") or 0.0) if stream == "zipf" else 0.0
    if stream == "hot_set" and float(keys.get("hot_share") or 0) > 2 * float(keys.get("hot_fraction") or 1):
        theta = SKEWED
    others = sorted((op for op in shares if op not in _KNOWN), key=lambda op: (-shares[op], op))
    return Features(
        growing=workload.get("regime", "stationary") != "stationary", reads=shares.get("load", 0.0),
        look_up_or_insert=reuse is not None or "load_or_store" in shares, reuse=reuse, keys=int(workload.get("population") or workload.get("ops") or 0),
        theta=theta, strings=workload.get("key_type") == "string", other=", ".join(others),
        value_bytes=WORD_BYTES if workload.get("value_type", "u64") == "u64" else int(workload.get("value_bytes") or WORD_BYTES),
        peculiar=_peculiar(workload), program=str((workload.get("scenario") or {}).get("name", "")).replace("_", " "))


def _peculiar(workload: Mapping[str, Any]) -> str:
    """In few words, as a table has a row for each."""
    parts = (("loads that miss", workload.get("miss")), ("just filled", workload.get("start") == "as_filled"),
             ("keys not mixed", workload.get("key_layout", "mixed") != "mixed"), ("another hash", workload.get("hash", "mixed") != "mixed"))
    return ", ".join(words for words, holds in parts if holds)


@dataclasses.dataclass(frozen=True)
class Situation:
    """A kind of workload in words. `order`: where it stands in a table."""

    order: tuple
    title: str
    detail: str  # how many keys, how popular, of what type; may be empty


# What threads do. The first that holds counts, and the last always does, but for programs.
_PROGRAM = "Programs that are no mix of operations"
_KINDS: tuple[tuple[str, Callable[[Features], bool]], ...] = (
    ("Filling an empty map", lambda f: f.growing and not f.look_up_or_insert and f.reads == 0),
    ("Look up or insert, most keys new", lambda f: f.look_up_or_insert and (f.reuse or 0.0) < 0.5),
    ("Look up or insert, most keys seen before", lambda f: f.look_up_or_insert),
    ("Reads only", lambda f: f.reads >= 100),
    ("Nearly all reads (90 % and more)", lambda f: f.reads >= 90),
    ("Reads and writes (50 to 90 % reads)", lambda f: f.reads >= 50),
    ("Mostly writes", lambda f: True),
)


def situation(f: Features) -> Situation:
    """The situation of a workload. Total: every workload has one."""
    if f.program:
        return Situation((len(_KINDS), f.program), _PROGRAM, f.program)
    kind = next(i for i, (_, holds) in enumerate(_KINDS) if holds(f))
    inserting = f.look_up_or_insert or f.growing
    many, skewed = not inserting and f.keys > FEW_KEYS, f.theta >= SKEWED
    parts = []
    if f.other:
        parts.append(f"with {f.other.replace('_', ' ')}")
    if inserting:
        parts += ["at a constant size"] * (not f.growing)
    else:
        parts.append(("many" if many else "few") + " keys" + (", some of them popular" if skewed else ""))
    if f.strings:
        parts.append("string keys")
    large = f.value_bytes > WORD_BYTES
    parts += ["larger values"] * large + [f.peculiar] * (f.peculiar != "")
    return Situation((kind, f.other != "", f.strings, not f.growing, many, skewed, f.other, large, f.peculiar),
                     _KINDS[kind][0], ", ".join(parts))


@dataclasses.dataclass(frozen=True)
class Standing:
    """One map at a place, held against the fastest there. `lead` is ln(its time / the fastest's): 0.1 is 10 % behind."""

    name: str
    state: str  # ALONE for the fastest when nobody is near it, else EQUAL; BEHIND, EQUAL or OPEN for the others
    lead: float
    low: float  # 95 % interval of the lead
    high: float
    visits: int


@dataclasses.dataclass(frozen=True)
class Place:
    """One workload with one number of threads, and how its maps stand, fastest first."""

    question: str
    title: str  # of the place in its question
    regime: str
    threads: int
    features: Features
    delta: float
    standings: tuple[Standing, ...]
    value: float | None = None  # on the axis of the question
    cell: str | None = None
    oversubscribed: bool = False

    @property
    def best(self) -> Standing:
        return self.standings[0]

    @property
    def front(self) -> tuple[str, ...]:
        """The fastest and all that are not known to be behind it."""
        return (self.best.name, *(s.name for s in self.standings[1:] if s.state != BEHIND))

    @property
    def verdict(self) -> str:
        states = {s.state for s in self.standings[1:]}
        return UNDECIDED if OPEN in states else EQUAL if EQUAL in states else ALONE

    @property
    def next(self) -> Standing | None:
        """The fastest of those that are behind."""
        return next((s for s in self.standings[1:] if s.state == BEHIND), None)


Lead = Callable[[str, str], cells.Estimate]


def stand(scores: Mapping[str, float], lead: Lead, delta: float) -> tuple[Standing, ...]:
    """How the maps of a place stand.

    `scores`: effect of each against a common baseline; `lead(a, b)`: the estimate of ln(time of b / time of a). Nothing
    without two maps. The fastest is chosen by the same visits that then judge its lead, so of many that are alike the
    lead is flattered; `delta` absorbs that as long as the intervals are narrower than it.
    """
    known = {n: s for n, s in scores.items() if math.isfinite(s)}
    if len(known) < 2:
        return ()
    order = sorted(known, key=lambda n: (-known[n], n))
    best = order[0]
    others = []
    for name in order[1:]:
        e = lead(best, name)
        state = {cells.FASTER: BEHIND, cells.EQUIVALENT: EQUAL}.get(cells.verdict(e, delta), OPEN)
        others.append(Standing(name, state, e.effect, e.low, e.high, e.visits))
    alone = all(s.state == BEHIND for s in others)
    visits = max(s.visits for s in others)
    return (Standing(best, ALONE if alone else EQUAL, 0.0, 0.0, 0.0, visits), *others)


@dataclasses.dataclass(frozen=True)
class Answer:
    """What to use in a situation: `name` is in front (not beaten) at `front` of `places`, `alone` at some of them.

    verdict: ALONE, in front everywhere and alone where it counts; EQUAL, in front everywhere but never alone; MIXED,
    beaten somewhere; UNDECIDED, then `rivals` are those among whom nothing is decided.
    """

    verdict: str
    name: str
    rivals: tuple[str, ...]
    front: int
    alone: int
    decided: int  # places that are not UNDECIDED
    places: tuple[Place, ...]
    weakest: Place | None  # of those where it is alone, the one where it leads least


def answer(places: Iterable[Place]) -> Answer | None:
    """The answer to a situation with one number of threads; None without a place."""
    places = tuple(places)
    if not places:
        return None
    names: dict[str, list[int]] = {}
    for p in places:
        for name in p.front:
            tally = names.setdefault(name, [0, 0, 0])
            tally[0] += p.verdict == ALONE
            tally[1] += p.verdict != UNDECIDED
            tally[2] += 1
    order = sorted(names, key=lambda n: (-names[n][2], -names[n][0], -names[n][1],
                                         -sum(p.best.name == n for p in places), n))
    name = order[0]
    alone, decided, front = names[name]
    lone = [p for p in places if p.verdict == ALONE and p.best.name == name]
    if front == len(places):
        verdict = ALONE if alone else EQUAL if decided == len(places) else UNDECIDED
    else:
        verdict = MIXED if decided else UNDECIDED
    rivals = tuple(n for n in order[1:] if any(name in p.front and n in p.front for p in places))
    weakest = min(lone, key=lambda p: (p.next.lead, p.title)) if lone else None
    return Answer(verdict, name, rivals, front, alone, sum(p.verdict != UNDECIDED for p in places), places, weakest)


def by_situation(places: Iterable[Place]) -> list[tuple[Situation, dict[int, list[Place]]]]:
    """Places by situation, in order, and by number of threads. Oversubscribed places are left out."""
    groups: dict[Situation, dict[int, list[Place]]] = {}
    for p in places:
        if not p.oversubscribed and p.standings:
            groups.setdefault(situation(p.features), {}).setdefault(p.threads, []).append(p)
    return sorted(groups.items(), key=lambda g: g[0].order)


def distance(f: Features, g: Features) -> float:
    """How unlike two workloads are: 0 for the same, about 1 for a decade of keys or 25 points of reads."""
    apart = abs(f.reads - g.reads) / 25 + 3 * abs((f.reads >= 100) - (g.reads >= 100)) * (f.reads != g.reads)
    apart += abs((f.reuse if f.reuse is not None else 1.0) - (g.reuse if g.reuse is not None else 1.0)) * 4
    apart += 4 * (f.growing != g.growing) + 4 * (f.other != g.other) + (f.strings != g.strings)
    apart += 4 * ((f.program, f.peculiar) != (g.program, g.peculiar)) + abs(math.log10(f.value_bytes / g.value_bytes))
    if f.keys > 0 and g.keys > 0 and not (f.growing and g.growing):
        apart += abs(math.log10(f.keys / g.keys))
    return apart + abs(f.theta - g.theta)


def nearest(places: Iterable[Place], wanted: Features, threads: int) -> list[Place]:
    """Places with the number of threads nearest to `threads`, the most alike first; none of oversubscribed ones."""
    usable = [p for p in places if not p.oversubscribed and p.standings]
    if not usable:
        return []
    count = min({p.threads for p in usable}, key=lambda n: (abs(math.log2(n / max(threads, 1))), n))
    return sorted((p for p in usable if p.threads == count), key=lambda p: (distance(p.features, wanted), p.question, p.title))


def _rounded(value: float) -> float | None:
    return float(f"{value:.5g}") if math.isfinite(value) else None


def to_rows(places: Iterable[Place]) -> list[dict[str, Any]]:
    """For verdicts.json: of each place those in front and the next behind; leads as ratios of speeds."""
    rows = []
    for p in places:
        shown = [s for s in p.standings if s is p.best or s.state != BEHIND or s is p.next]
        rows.append({
            "experiment": p.question, "place": p.title, "cell": p.cell, "axis": p.value, "regime": p.regime,
            "threads": p.threads, "oversubscribed": p.oversubscribed, "delta": _rounded(p.delta), "verdict": p.verdict,
            "situation": situation(p.features).title, "features": dataclasses.asdict(p.features),
            "maps": len(p.standings),
            "standings": [{"contestant": s.name, "state": s.state, "lead": _rounded(math.exp(s.lead)),
                           "low": _rounded(math.exp(s.low)), "high": _rounded(_exp(s.high)), "visits": s.visits}
                          for s in shown]})
    return rows


def _exp(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf


def from_rows(rows: Iterable[Mapping[str, Any]]) -> list[Place]:
    """The places of a verdicts.json. Raises KeyError or TypeError when the rows are not such."""
    def log(value: float | None, unknown: float) -> float:
        return math.log(value) if value else unknown

    return [Place(
        r["experiment"], r["place"], r["regime"], r["threads"], Features(**r["features"]), r["delta"],
        tuple(Standing(s["contestant"], s["state"], log(s["lead"], math.nan), log(s["low"], -math.inf),
                       log(s["high"], math.inf), s["visits"]) for s in r["standings"]),
        r["axis"], r["cell"], r["oversubscribed"]) for r in rows]
