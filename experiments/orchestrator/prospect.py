# SPDX-License-Identifier: Apache-2.0
"""How much of what a run asks its time can decide at best: said before it begins."""

import collections

from experiments.orchestrator import gate, leading, plan
from experiments.orchestrator import threads as threads_lib
from experiments.orchestrator.errors import plural
from experiments.orchestrator.evidence import at_one_place
from experiments.orchestrator.progress import duration
from report.stats import cells, search

START_S = 0.3  # of a worker, and of writing down what it says
FILL_S = 4e-7  # of a key, in one map that is filled for a visit
ENTRY_BYTES = 96  # of a map, beside the text of its keys and its larger values


def sentence(planner: plan.Planner, settings: dict, seconds: float) -> str:
    """What `seconds` of measuring cannot decide, or "" when they may decide everything.

    At best: a cell has its least number of visits, a sweep its screening, and visits are shared as far as they can be.
    """
    visit_s = _visit_s(settings)
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


def fill_s(workload: dict, page: dict | None) -> float:
    """Seconds that a map with the workload's keys takes in a visit before and after it is measured.

    `page`: what the worker says of a page fresh from the kernel (bytes, touch_ns); it is touched, and given back.
    """
    entry = ENTRY_BYTES + (workload.get("key_bytes", 0) if workload.get("key_type") == "string" else 0)
    if workload.get("value_type", "u64") != "u64":
        entry += workload.get("value_bytes", 0)
    fresh = 2e-9 * page["touch_ns"] / page["bytes"] if page else 0.0
    return workload.get("population", 0) * (FILL_S + entry * fresh)


def ranked(planner: plan.Planner, settings: dict, seconds: float, page: dict | None) -> list[str]:
    """What `seconds` can do for each ranked question that is asked, in a sentence each; `page` as of fill_s."""
    questions = [q for q in planner.questions.values() if leading.is_ranked(q)]
    said = []
    for q in questions:
        places = collections.Counter((g.regime, g.threads, g.cell) for g, _, _ in planner.goals()
                                     if g.question == q["name"])
        fills = [fill_s(next(c["workload"] for c in q["cells"] if c["name"] == cell), page) for _, _, cell in places]
        stationary = q["regimes"] == ["stationary"]
        visit_s = _visit_s(settings) + (threads_lib.TEAM * max(fills, default=0.0) if stationary else 0.0)
        visits = max(0, int(seconds / len(questions) / visit_s))
        rivals = [planner.rivals_at_once(threads) for _, threads, _ in places]
        screen = sum(-(-count // team) for count, team in zip(places.values(), rivals)) + q["aa_visits"]
        least = min(cells.MIN_VISITS, settings["cell_visits"])
        decided = sum(min(count, team * (max(0, visits - screen) // len(places) // max(1, least - 1)))
                      for count, team in zip(places.values(), rivals))
        goals = sum(places.values())
        most, where = plural(1 + max(places.values(), default=0), "map"), plural(len(places), "place")
        said.append(f"{q['name']}: {most} at {where}: the screen takes about {plural(screen, 'visit')} "
                    f"({duration(screen * visit_s)}); this time, about {plural(visits, 'visit')}, can decide at most {decided} of "
                    f"{plural(goals, 'verdict')} against the one in front, the leading ones first"
                    + (" (--budget)" if decided < goals else ""))
    return said


def _visit_s(settings: dict) -> float:
    return settings["seconds"] + settings["warmup_seconds"] + gate.WINDOW_S + START_S
