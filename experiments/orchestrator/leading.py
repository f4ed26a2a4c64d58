# SPDX-License-Identifier: Apache-2.0
"""Ranked questions: many maps at a few places, of which the leading ones matter.

The screen puts every map against the baseline, once. From then on the goals of a place are those of everyone against
the one in front, and visits go to them in the order of the ranking: all get the visits that a verdict needs at least,
the leading ones first, before any gets more. Who is in front is decided as in the paper (report.stats.rankings) and
may change while visits come in; what was measured stays evidence, as each visit tells of every pair in it.
"""

import collections
import dataclasses
import math
from collections.abc import Callable
from typing import Any

from experiments.orchestrator.evidence import Evidence, Goal, Place
from report.stats import cells, rankings


def is_ranked(q: dict[str, Any]) -> bool:
    """Whether the question asks for an order of all contestants rather than for verdicts against a baseline."""
    return bool(q.get("ranked"))


@dataclasses.dataclass(frozen=True)
class Spot:
    """A place of a ranked question, whoever is measured there."""

    regime: str
    threads: int
    cell: str


class Leading:
    """The order of a ranked question's contestants at each of its spots, from the visits so far."""

    def __init__(self, q: dict[str, Any]):
        self._name, self._baseline = q["name"], q["baselines"][0]
        self._effects: dict[Spot, dict[tuple[str, str], list[float]]] = collections.defaultdict(
            lambda: collections.defaultdict(list))
        self._orders: dict[Spot, tuple[str, list[str]]] = {}

    def add(self, evidence: Evidence, place: Place, contestants: tuple[str, ...], across: list[list[float]]) -> None:
        """Takes a visit. across[i][j]: the effect of contestant i against j, nan when there is none."""
        spot = Spot(place.regime, place.threads, place.cell)
        for j, against in enumerate(contestants):
            at = dataclasses.replace(place, baseline=against)
            for i, contestant in enumerate(contestants):
                if i == j:
                    continue
                evidence.add(at, contestant, across[i][j])
                if i < j and math.isfinite(across[i][j]):
                    self._effects[spot][contestant, against].append(across[i][j])
        self._orders.pop(spot, None)

    def order(self, spot: Spot) -> tuple[str, list[str]]:
        """(who is in front, all that were measured, fastest first)."""
        if spot not in self._orders:
            ranking = rankings.rank(self._effects[spot])
            front = rankings.leader(ranking, cells.delta_for(spot.threads))
            self._orders[spot] = (front or self._baseline, list(ranking.order))
        return self._orders[spot]

    def goals(self, goals: list[Goal]) -> list[Goal]:
        """The question's goals, each against the one in front at its spot, fastest first."""
        spots = dict.fromkeys(Spot(g.regime, g.threads, g.cell) for g in goals)
        out = []
        for spot in spots:
            front, order = self.order(spot)
            names = dict.fromkeys(n for g in goals if Spot(g.regime, g.threads, g.cell) == spot
                                  for n in (g.contestant, g.baseline))
            rank = {name: i for i, name in enumerate(order)}
            out += [Goal(self._name, front, name, spot.regime, spot.threads, cell=spot.cell)
                    for name in sorted(names, key=lambda n: rank.get(n, len(rank))) if name != front]
        return out


def turns(goals: list[Goal], evidence: Evidence) -> Callable[[Goal], tuple[int, int]]:
    """The key by which goals, each spot's in the order of its ranking, get visits: by visits spent, then by rank."""
    ranks: dict[Goal, int] = {}
    seen: collections.Counter = collections.Counter()
    for g in goals:
        spot = Spot(g.regime, g.threads, g.cell)
        ranks[g] = seen[spot]
        seen[spot] += 1
    return lambda g: (evidence.spent(g) // cells.MIN_VISITS, ranks[g])
