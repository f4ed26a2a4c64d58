# SPDX-License-Identifier: Apache-2.0
"""Several runs held against one another: where they agree, where they differ, and what cannot be compared."""

from __future__ import annotations

import collections
import dataclasses
import math
from typing import Any

from report.compare.taken import Key, Measured, Taken, definition
from report.conclude import rounded
from report.stats import between
from report.stats import compare as verdicts

SCHEMA = 1
_ORDER = {between.DIFFERS: 0, between.UNDECIDED: 1, between.AGREES: 2}


@dataclasses.dataclass
class Place:
    """A pair in a place that at least two runs measured; `entries` by run, None where a run has nothing comparable."""

    key: Key
    entries: list[Measured | None]
    delta: float
    together: between.Together
    first: int  # the runs that stand out most, as indices of `entries`
    second: int
    means: dict[tuple[str, ...], tuple[float, float, float]]  # by letters of runs that may be pooled

    @property
    def word(self) -> str:
        return self.together.word

    @property
    def other_winner(self) -> bool:
        """Whether one run found a faster and another found b faster."""
        return {"faster", "slower"} <= {e.verdict for e in self.entries if e}

    @property
    def gravity(self) -> tuple:
        """Sort key: what a reader should see first."""
        return not self.other_winner, _ORDER[self.word], -abs(self.together.difference.effect)


@dataclasses.dataclass
class Left:
    """Places of a question that a run has nothing to set against, and why."""

    question: str
    letters: list[str]
    why: str
    places: int


@dataclasses.dataclass
class SpreadRow:
    """How far runs move an effect beyond their visits' error."""

    what: str  # "speed", "tail"
    of: str  # "repeats": runs of one worker on one kind of machine; "all"
    threads: int
    spread: between.Spread


@dataclasses.dataclass
class Comparison:
    runs: list[Taken]
    groups: list[list[Taken]]  # of one worker on one kind of machine
    places: list[Place]
    tails: list[Place]  # pairs under arrivals, by metric
    waits: list[Place]  # single maps under arrivals, by metric; their effects are ln ns
    left: list[Left]
    verdicts: list[verdicts.Row]
    spreads: list[SpreadRow]
    notes: list[str]

    @property
    def counts(self) -> dict[str, int]:
        return counts(self.places)

    def question(self, name: str) -> dict[str, Any]:
        """As the first run that asked it asked it."""
        return next(r.questions[name] for r in self.runs if name in r.questions)

    @property
    def questions(self) -> list[str]:
        return list(dict.fromkeys(q for r in self.runs for q in r.questions))


def counts(places: list[Place]) -> dict[str, int]:
    """How many places have each word."""
    count = collections.Counter(p.word for p in places)
    return {word: count[word] for word in between.WORDS}


def compare(runs: list[Taken]) -> Comparison:
    """Holds at least two runs against one another. Pure."""
    groups: dict[tuple, list[Taken]] = {}
    for run in runs:
        groups.setdefault((run.worker or run.letter, run.kind), []).append(run)
    members = list(groups.values())
    places, why = _places(runs, members, [r.places for r in runs])
    tails, more = _places(runs, members, [r.tails for r in runs])
    waits, _ = _places(runs, members, [r.waits for r in runs])
    said = {(row.question, *row.letters, row.why) for row in why}
    why += [row for row in more if (row.question, *row.letters, row.why) not in said]
    return Comparison(runs, members, places, tails, waits, why,
                      verdicts.compare_runs(*(r.conclusions for r in runs)),
                      _spreads("speed", runs, members, places) + _spreads("tail", runs, members, tails), _notes(runs, places))


_Own = list[dict[Key, Measured]]  # of every run


def _places(runs: list[Taken], groups: list[list[Taken]], own: _Own) -> tuple[list[Place], list[Left]]:
    found: list[Place] = []
    lacking: dict[tuple[str, str], dict[str, set[Key]]] = collections.defaultdict(lambda: collections.defaultdict(set))
    order = {q: i for i, q in enumerate(dict.fromkeys(q for r in runs for q in r.questions))}
    for key, entries in _rows(own).items():
        kept = _alike(runs, key, entries, lacking)
        known = [i for i, e in enumerate(kept) if e]
        for i, entry in enumerate(kept):
            if entry is None and entries[i] is None:
                lacking[key.question, _why(runs[i], own[i], key)][runs[i].letter].add(key)
        if len(known) >= 2:
            found.append(_place(runs, groups, key, kept, known))
    found.sort(key=lambda p: order[p.key.question])
    left = []
    for (question, why), by in lacking.items():
        same: dict[frozenset[Key], list[str]] = {}  # runs that lack the same places share a row
        for letter, keys in by.items():
            same.setdefault(frozenset(keys), []).append(letter)
        left += [Left(question, sorted(letters), why, len(keys)) for keys, letters in same.items()]
    left.sort(key=lambda r: (order[r.question], r.letters, r.why))
    return found, left


def _rows(own: _Own) -> dict[Key, list[Measured | None]]:
    """Every place of any run; a pair that one run has the other way round is turned."""
    rows: dict[Key, list[Measured | None]] = {}
    for i, places in enumerate(own):
        for key, measured in places.items():
            turned = key._replace(a=key.b, b=key.a)
            if turned in rows:
                key, measured = turned, measured.turned()
            rows.setdefault(key, [None] * len(own))[i] = measured
    return rows


def _alike(runs: list[Taken], key: Key, entries: list[Measured | None], lacking) -> list[Measured | None]:
    """The entries that mean the same as the first one; the others are None, and why is noted."""
    first = next(i for i, e in enumerate(entries) if e)
    asked = definition(runs[first].questions[key.question], key.cell)
    kept: list[Measured | None] = list(entries)
    for i, entry in enumerate(entries):
        if entry is None:
            continue
        why = ""
        if definition(runs[i].questions[key.question], key.cell) != asked:
            why = f"its workload is defined otherwise than in {runs[first].letter}"
        elif entry.oversubscribed != entries[first].oversubscribed:
            why = (f"its threads {'share cores' if entry.oversubscribed else 'have cores of their own'}, unlike those "
                   f"of {runs[first].letter}")
        if why:
            kept[i] = None
            lacking[key.question, why][runs[i].letter].add(key)
    return kept


def _place(runs: list[Taken], groups: list[list[Taken]], key: Key, entries: list[Measured | None],
           known: list[int]) -> Place:
    delta = max(entries[i].delta for i in known)
    found = between.together([entries[i].effect for i in known], delta)
    means = {}
    for group in groups:
        own = [entries[runs.index(r)] for r in group]
        effects = [e.effect for e in own if e and e.effect.df > 0]
        if len(effects) == len(group) >= between.LEAST_RUNS:
            means[tuple(r.letter for r in group)] = between.mean_of_runs(effects)
    return Place(key, entries, delta, found, known[found.difference.first], known[found.difference.second], means)


def _why(run: Taken, places: dict[Key, Measured], key: Key) -> str:
    """Why a run has nothing for a place that another has. Completes "RUN: ..."."""
    question = run.questions.get(key.question)
    if question is None:
        reason = next((n["why"] for n in run.meta["not_asked"] if n["question"] == key.question), "")
        return "the question was not asked" + (f" ({reason})" if reason else "")
    gone = next((w for w in run.meta["withheld"] if w["contestant"] in (key.a, key.b)), None)
    if gone:
        return f"{gone['contestant']} gave wrong results and is withheld"
    own = [k for k in places if k.question == key.question]
    if own and key.threads and key.threads not in {k.threads for k in own}:
        return f"nothing was measured with {key.threads} thread{'s' * (key.threads != 1)}"
    took_part = {c for k in own for c in (k.a, k.b)}
    for name in (key.a, key.b):
        if own and name not in took_part:
            skipped = next((s for s in run.meta["skipped"] if s.get("question") == key.question
                            and name in (s.get("contestant"), s.get("strategy"))), {})
            return f"{name} did not take part" + (f" ({skipped['why']})" if skipped.get("why") else "")
    if own and key.regime not in {k.regime for k in own}:
        return f"nothing was measured in the regime {key.regime.replace('_', ' ')}"
    if key.value is not None and own and key.value not in {k.value for k in own}:
        return "other values of the axis were visited"
    if key.metric != "time" and own:
        return "a map was saturated, or too few operations were timed to tell the tail"
    return "no usable visit"


def _spreads(what: str, runs: list[Taken], groups: list[list[Taken]], places: list[Place]) -> list[SpreadRow]:
    """By number of threads: of the runs that repeat one another, and of all when that is more."""
    result = []
    sets = {"repeats": [g for g in groups if len(g) > 1]}
    if len(groups) > 1:
        sets["all"] = [runs]
    for of, members in sets.items():
        by_threads: dict[int, list[list[between.Effect]]] = collections.defaultdict(list)
        for place in places:
            for group in members:
                own = [place.entries[runs.index(r)] for r in group]
                threads = place.key.threads
                by_threads[threads].append([e.effect for e in own if e])
        for threads, rows in sorted(by_threads.items()):
            found = between.spread(rows)
            if found:
                result.append(SpreadRow(what, of, threads, found))
    return result


def _notes(runs: list[Taken], places: list[Place]) -> list[str]:
    """What the runs have otherwise than one another without being incomparable."""
    notes = []
    loose = sorted({p.key.threads for p in places if len({e.delta for e in p.entries if e}) > 1})
    if loose:
        notes.append(f"The runs have different deltas at {', '.join(map(str, loose))} threads; the largest is used")
    rules = collections.defaultdict(list)
    for name in sorted(set().union(*(r.meta["rules"] for r in runs)) - {"delta"}):
        values = [r.meta["rules"].get(name) for r in runs]
        if any(v != values[0] for v in values):
            rules[name.replace("_", " ")] = values
    if rules:
        notes.append("The runs were measured by different rules: " + ", ".join(rules))
    for run in runs:
        if run.meta["status"] != "complete":
            notes.append(f"{run.letter} is {run.meta['status'].replace('_', ' ')}: its last settings have fewer visits "
                         "or none")
        if run.meta["dirty"]:
            notes.append(f"{run.letter} was measured with uncommitted changes, so its revision alone does not make it "
                         "again")
    return notes


def as_data(c: Comparison) -> dict[str, Any]:
    """The content of compare.json; ratios, rounded to what their intervals bear."""
    letters = [r.letter for r in c.runs]

    def ratio(triple) -> dict[str, float | None]:
        return dict(zip(("ratio", "low", "high"), (rounded(math.exp(v)) if math.isfinite(v) else None for v in triple)))

    return {
        "schema": SCHEMA,
        "runs": [{"letter": r.letter, "run": r.name, "status": r.meta["status"], "started": r.meta["started"],
                  "command": r.meta["command"], "revision": r.meta["revision"], "arch": r.arch,
                  "worker": list(r.worker), "machine": dict(r.kind), "visits": r.visits} for r in c.runs],
        "same_worker_and_machine": [[r.letter for r in g] for g in c.groups],
        "totals": _totals(c.places), "tail_totals": _totals(c.tails),
        "places": [_place_data(p, letters, ratio) for p in c.places],
        "tails": [{"metric": p.key.metric, **_place_data(p, letters, ratio)} for p in c.tails],
        "response_times": [_times_data(p, letters, ratio) for p in c.waits],
        "verdicts": [{"section": row.section, **{name: text for name, text in row.identity}, "outcome": row.outcome,
                      "verdicts": {letter: {k: e.get(k) for k in ("verdict", "estimate", "low", "high") if k in e}
                                   for letter, e in zip(letters, row.entries) if e}} for row in c.verdicts],
        "spread": [{"what": s.what, "of": s.of, "threads": s.threads, "places": s.spread.places, "between": rounded(s.spread.between),
                    "low": rounded(s.spread.low), "high": rounded(s.spread.high), "within": rounded(s.spread.within)}
                   for s in c.spreads],
        "not_compared": [dataclasses.asdict(row) for row in c.left],
        "notes": c.notes,
    }


def _totals(places: list[Place]) -> dict[str, int]:
    return {"places": len(places), **counts(places), "other_winner": sum(p.other_winner for p in places)}


def _place_data(p: Place, letters: list[str], ratio) -> dict[str, Any]:
    return {
        "experiment": p.key.question, "cell": p.key.cell, "axis": p.key.value, "regime": p.key.regime,
        "threads": p.key.threads, "a": p.key.a, "b": p.key.b, "delta": p.delta, "word": p.word,
        "other_winner": p.other_winner,
        "effects": {letter: {**ratio((e.effect.effect, e.low, e.high)), "verdict": e.verdict, "visits": e.visits}
                    for letter, e in zip(letters, p.entries) if e},
        "difference": {"of": letters[p.second], "from": letters[p.first],
                       **ratio((p.together.difference.effect, p.together.difference.low,
                                p.together.difference.high))},
        "differences": _all_differences(p, letters, ratio),
        "between": rounded(p.together.between), "between_low": rounded(p.together.low),
        "between_high": rounded(p.together.high), "within": rounded(p.together.within),
        "together": [{"runs": list(of), **ratio(mean)} for of, mean in p.means.items()]}


def _times_data(p: Place, letters: list[str], ratio) -> dict[str, Any]:
    """A map's own response times: values in ns, or operations a second of the metric load."""
    whole = _place_data(p, letters, ratio)
    values = {letter: {"value": e["ratio"], **{k: e[k] for k in ("low", "high", "visits")}} for letter, e in whole["effects"].items()}
    return {"contestant": p.key.a, "metric": p.key.metric, "values": values, **{
        name: whole[name] for name in ("experiment", "cell", "regime", "threads", "delta", "word", "difference", "differences")}}


def _all_differences(place: Place, letters: list[str], ratio) -> list[dict[str, Any]]:
    """Every two runs by themselves, with a 95 % interval and their own word."""
    known = [i for i, e in enumerate(place.entries) if e]
    result = []
    for n, i in enumerate(known):
        for j in known[n + 1:]:
            x, y = place.entries[i].effect, place.entries[j].effect
            result.append({"of": letters[j], "from": letters[i], **ratio(between.difference(x, y)),
                           "word": between.word_of_two(x, y, place.delta)})
    return result
