# SPDX-License-Identifier: Apache-2.0
"""The ranked tables of questions that ask for an order of many maps: everyone against the one in front."""

from __future__ import annotations

import dataclasses
import math

from report import conclude, views, words
from report.analyse import Analysis, Setting
from report.figures.style import fine, number
from report.stats import rankings


@dataclasses.dataclass
class Row:
    """A contestant's place. Its speed against the one in front: paired, with an interval, when they met in visits."""

    rank: str
    contestant: str
    ratio: str
    interval: str
    visits: str  # in which it met the one in front
    verdict: str
    ns: str


@dataclasses.dataclass
class Table:
    where: str
    front: str
    rows: list[Row]


def tables(analysis: Analysis, setting: Setting) -> list[Table]:
    """One table for every place of a setting that has visits, in the order of the question."""
    question = setting.question
    if not question.get("ranked"):
        return []
    found = []
    for spec in question["cells"]:
        ranked = next((r for r in conclude.rank_all(analysis) if (r.question, r.place, r.regime, r.threads) == (
            question["name"], spec["name"], setting.regime, setting.threads)), None)
        if ranked is None:
            continue
        ranking = ranked.ranking
        front = rankings.leader(ranking, analysis.delta(setting.threads))
        met = {c.a: c for c in analysis.cells if c.b == front and (c.question, c.cell, c.regime, c.threads) == (
            question["name"], spec["name"], setting.regime, setting.threads)}
        speed = {a.contestant: number(a.ns) for a in analysis.absolutes if (a.question, a.place, a.regime, a.threads) == (
            question["name"], spec["name"], setting.regime, setting.threads)}
        order = [front, *(name for name in ranking.order if name != front)]
        rows = []
        for i, name in enumerate(order, 1):
            cell = met.get(name)
            rows.append(Row(
                str(i), words.pretty(name),
                "1" if name == front else views.ratio(cell) if cell else
                f"about {fine(math.exp(ranking.score[name] - ranking.score[front]))}×",
                views.interval(cell) if cell else "–", str(cell.estimate.visits) if cell else "–",
                "in front" if name == front else cell.verdict if cell else "undecided", speed.get(name, "–")))
        label = ", ".join(p for p in (spec.get("title") or spec["name"], setting.label) if p)
        found.append(Table(label, words.pretty(front), rows))
    return found
