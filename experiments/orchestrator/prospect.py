# SPDX-License-Identifier: Apache-2.0
"""How much of what a run asks its time can decide at best: said before it begins."""

import collections

from experiments.orchestrator import gate, plan
from experiments.orchestrator.errors import plural
from experiments.orchestrator.evidence import at_one_place
from experiments.orchestrator.progress import duration
from report.stats import cells, search

START_S = 0.3  # of a worker, and of writing down what it says


def sentence(planner: plan.Planner, settings: dict, seconds: float) -> str:
    """What `seconds` of measuring cannot decide, or "" when they may decide everything.

    At best: a cell has its least number of visits, a sweep its screening, and visits are shared as far as they can be.
    """
    visit_s = settings["seconds"] + settings["warmup_seconds"] + gate.WINDOW_S + START_S
    visits = max(0, int(seconds / visit_s))
    costs = []  # (visits, goals that they decide) of every place or curve
    together = collections.Counter(
        (g.question, g.baseline, g.regime, g.threads, g.axis, g.cell) for g, _, _ in planner.goals())
    for key, goals in together.items():
        q = planner.questions[key[0]]
        rivals = len({g.contestant for g, _, _ in planner.goals() if (
            g.question, g.baseline, g.regime, g.threads, g.axis, g.cell) == key})
        least = (min(cells.MIN_VISITS, settings["cell_visits"]) if at_one_place(q) else
                 search.SCREEN_VISITS * len(q["axis"]["values"]))
        costs.append((least * -(-rivals // planner.rivals_at_once(key[3])), goals))
    total, left, decided = sum(c for c, _ in costs), visits, 0
    for cost, goals in sorted(costs, key=lambda c: c[0] / c[1]):
        if cost <= left:
            left, decided = left - cost, decided + goals
    if decided >= planner.goal_count():
        return ""
    return (f"this time allows about {plural(visits, 'visit')}, which can decide at most {decided} of "
            f"{plural(planner.goal_count(), 'verdict')}; all of them want about {duration(total * visit_s)} of measuring "
            "at least (--budget)")
