# SPDX-License-Identifier: Apache-2.0
"""What letting a map choose its own design costs: adaptive_map against the best fixed choice, place by place.

The fixed choices are the designs that it chooses from, as maps of their own. Regret is ln(its time / that of the best of
them): 0.1 is 10 % longer, below 0 it is ahead of all. The best is found in the same visits that then tell its lead,
which flatters it, so regret is overstated rather than hidden. Beside it stands the distance from the fastest of all
maps, which it could not have chosen.
"""

from __future__ import annotations

import collections
import dataclasses
import math
from collections.abc import Iterable
from typing import Any

from report import standing, words
from report.advice import Place
from report.analyse import Analysis
from report.stats import cells

CHOOSER = "adaptive_map"
CHOICES = ("mutex_map", "sharded_map", "hash_trie_map")  # one lock, many, none for readers: maps/adaptive_map.h
GOAL = 0.10  # of the time of the best fixed choice
MET, MISSED, OPEN = "met", "missed", "open"
MOST_ROWS = 12  # of the table that is not folded


@dataclasses.dataclass(frozen=True)
class Regret:
    """One place. `regret` is of the best of its choices, `behind` of the fastest of all others; log ratios of times.

    `best` and `fastest` are contestants. `fastest` is None where nobody else took part.
    """

    place: Place
    best: str
    regret: cells.Estimate
    fastest: str | None
    behind: cells.Estimate | None

    @property
    def goal(self) -> str:
        """Whether the goal was met: by the whole interval, by none of it, or neither."""
        most = math.log(1 + GOAL)
        return MET if self.regret.high <= most else MISSED if self.regret.low > most else OPEN


def _name(contestant: str) -> str:
    return contestant.split(":")[0].split("@")[0]


def against(place: Place, among: Iterable[str] | None = None) -> tuple[str, cells.Estimate] | None:
    """The fastest of a place but the chooser (of some strategies, or of all), and how far the chooser is behind it.

    None without the chooser or without another. Where the chooser is the fastest, that is the next one's lead, negative.
    """
    others = [s for s in place.standings if _name(s.name) != CHOOSER and (among is None or _name(s.name) in among)]
    own = [s for s in place.standings if _name(s.name) == CHOOSER]
    if not own or not others:
        return None
    mine, best = own[0], others[0]
    if best is place.best:
        found = (mine.lead, mine.low, mine.high)
    elif mine is place.best:
        found = (-best.lead, -best.high, -best.low)
    else:  # somebody else is in front of both: the distance of two distances
        half = math.hypot(mine.high - mine.lead, best.high - best.lead)
        found = (mine.lead - best.lead, mine.lead - best.lead - half, mine.lead - best.lead + half)
    return best.name, cells.Estimate(min(mine.visits, best.visits), *found, math.nan)


def of(own: Iterable[Place], everyone: Iterable[Place]) -> list[Regret]:
    """Regrets of every place, the greatest first.

    `own`: places as they are with the chooser and its choices alone, so that the two are compared directly;
    `everyone`: the same with all maps. Places with more threads than cores are left out.
    """
    def key(p: Place) -> tuple:
        return p.question, p.cell, p.value, p.regime, p.threads

    whole = {key(p): p for p in everyone}
    found = []
    for p in own:
        fixed = None if p.oversubscribed else against(p, CHOICES)
        if fixed is None:
            continue
        fastest = against(whole[key(p)]) if key(p) in whole else None
        found.append(Regret(p, *fixed, *(fastest or (None, None))))
    return sorted(found, key=lambda r: (-r.regret.effect, r.place.question, r.place.title, r.place.threads))


def measured(analysis: Analysis) -> list[Regret]:
    """The regrets of a run, worked out once; none where the chooser did not take part."""
    if analysis.regrets is None:
        strategies = {_name(c) for v in analysis.run.visits for c in v.contestants}
        own = standing.places_without(analysis, strategies - {CHOOSER, *CHOICES}) if CHOOSER in strategies else []
        analysis.regrets = of(own, standing.places(analysis))
    return analysis.regrets


def mean(estimates: Iterable[cells.Estimate]) -> float:
    """The mean of log ratios, which is the log of the geometric mean."""
    effects = [e.effect for e in estimates]
    return sum(effects) / len(effects)


def percent(effect: float) -> str:
    """How much longer: "+12.3 %", "−4.0 %"; "?" without a number."""
    return f"{100 * math.expm1(effect):+.1f} %".replace("-", "−") if abs(effect) < 100 else "?"


def longer(effect: float) -> str:
    """The same in words: "12.3 % longer", "4.0 % less time"."""
    share = 100 * math.expm1(effect)
    return f"{share:.1f} % longer" if share >= 0 else f"{-share:.1f} % less time"


def _interval(e: cells.Estimate) -> str:
    return f"{percent(e.low)} to {percent(e.high)}" if math.isfinite(e.low) and math.isfinite(e.high) else "–"


@dataclasses.dataclass
class Shown:
    """The section of the paper: sentences, the rows that are shown at once, and the others. A row is a list of texts,
    the last its state."""

    sentences: list[str]
    rows: list[list[str]]
    folded: list[list[str]]


def shown(found: list[Regret], titles: dict[str, str]) -> Shown | None:
    """`found`: as `of` orders them; titles: of questions. None without a place."""
    if not found:
        return None
    counts = collections.Counter(r.goal for r in found)
    worst = found[0]
    visits = sorted(r.regret.visits for r in found)
    threads = sorted({r.place.threads for r in found})
    among = words.plural(visits[0], "visit") if visits[0] == visits[-1] else f"{visits[0]} to {words.plural(visits[-1], 'visit')}"
    rest = [r for r in found if r.behind is not None]
    places = words.plural(len(found), "place")
    sentences = [
        f"In the geometric mean over {places} {CHOOSER} takes {longer(mean(r.regret for r in found))} than the best fixed choice "
        f"({words.join([str(n) for n in threads])} thread{'s' * (threads != [1])}, {among} each); at worst "
        f"{longer(worst.regret.effect)} ({_interval(worst.regret)}; {_title(worst, titles)}, against {worst.best}).",
        f"The goal is at most {100 * GOAL:g} % longer: met at {counts[MET]} of {places}, missed at {counts[MISSED]}, and at "
        f"{counts[OPEN]} the interval reaches over it."]
    if rest:
        far = max(rest, key=lambda r: r.behind.effect)
        sentences.append(
            f"Than the fastest of all other maps of a place, which it cannot choose, it takes {longer(mean(r.behind for r in rest))} "
            f"in the mean, and at worst {longer(far.behind.effect)} ({_title(far, titles)}, against {far.fastest}).")
    rows = [_row(r, titles) for r in found]
    return Shown(sentences, rows[:MOST_ROWS], rows[MOST_ROWS:])


def _spot(r: Regret, titles: dict[str, str]) -> str:
    """The question and the place in it, unless that says the question itself: "threads 2"."""
    name = titles.get(r.place.question, r.place.question)
    return r.place.title if r.place.title.startswith(name) else f"{name}: {r.place.title}"


def _title(r: Regret, titles: dict[str, str]) -> str:
    return f"{_spot(r, titles)}, {words.where(r.place.regime, r.place.threads, {})}"


def _row(r: Regret, titles: dict[str, str]) -> list[str]:
    return [f"{_spot(r, titles)}{'' if r.place.regime == 'stationary' else f', {words.where(r.place.regime, 0, {})}'}",
            str(r.place.threads),
            r.best, percent(r.regret.effect), _interval(r.regret), str(r.regret.visits),
            r.fastest or "–", percent(r.behind.effect) if r.behind else "–", r.goal]


def rows(found: Iterable[Regret], rounded: Any) -> list[dict[str, Any]]:
    """For verdicts.json; regrets as ratios of times."""
    def ratio(value: float) -> float | None:
        return rounded(math.exp(value)) if abs(value) < 100 else None

    return [{"experiment": r.place.question, "place": r.place.title, "cell": r.place.cell, "axis": r.place.value,
             "regime": r.place.regime, "threads": r.place.threads, "best": r.best, "ratio": ratio(r.regret.effect),
             "low": ratio(r.regret.low), "high": ratio(r.regret.high), "visits": r.regret.visits, "goal": r.goal,
             "fastest": r.fastest, "ratio_to_fastest": ratio(r.behind.effect) if r.behind else None} for r in found]
