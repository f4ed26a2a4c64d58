# SPDX-License-Identifier: Apache-2.0
"""The page about several runs: one self-contained HTML file, in the looks of the paper of one run."""

from __future__ import annotations

import json
import math
from typing import Any

from report import plates, render, words
from report.compare import say, tails
from report.compare.compared import Comparison, Place, as_data
from report.figures import forest, palette, style
from report.stats import compare as verdicts

MOST_DRAWN = 10  # places in the figure of a question; the table has all of them


def data(c: Comparison) -> str:
    """compare.json."""
    return json.dumps(as_data(c), indent=1, sort_keys=True) + "\n"


def render_page(c: Comparison) -> str:
    """The page. Deterministic: the same runs in the same order give the same bytes."""
    env = render.environment()
    env.filters["prose"] = render.prose_filter(
        {s["name"] for r in c.runs for w in r.meta["workers"].values()
         for s in (w.get("describe") or {}).get("strategies", [])}
        | {words.pretty(n) for p in [*c.places, *c.tails, *c.waits] for n in (p.key.a, p.key.b) if n})
    env.globals["dict_of"] = dict
    looks = style.Looks([_label(r) for r in c.runs])
    sections = [s for s in (_section(c, name, looks) for name in c.questions) if s]
    found = say.findings(c, {s["name"]: s["plate"].name for s in sections if s["plate"]}, {
        s["name"]: s["tails"]["plate"].name for s in sections if s["tails"] and s["tails"]["plate"]}, tails.difference_sentence)
    return env.get_template("compare.html.j2").render({
        "c": c, "runs": c.runs, "sections": sections, "totals": say.totals(c), "tail_totals": tails.totals(c),
        "machines": say.machine_sentences(c), "findings": found,
        "spreads": say.spread_sentences(c),
        "spread_rows": [_spread_row(s) for s in c.spreads],
        "run_rows": [(r, palette.VARIABLES[looks[_label(r)].colour][0]) for r in c.runs],
        "kinds": _side_by_side([dict(r.kind) for r in c.runs], list(dict(c.runs[0].kind))),
        "facts": _side_by_side([dict(r.facts) for r in c.runs],
                               list(dict.fromkeys(name for r in c.runs for name, _ in r.facts))),
        "verdict_rows": _verdict_rows(c), "overview": _overview(c),
        "notes": [words.capital(n) for n in c.notes],
        "left": [{"question": row.question.replace("_", " "), "letters": ", ".join(row.letters), "why": row.why,
                  "places": str(row.places)} for row in c.left],
        "download": render.data_uri("application/json", data(c))})


def _label(run) -> str:
    """How a run is named in figures."""
    return f"{run.letter}   {run.day}" if run.day[:1].isdigit() else run.letter


def _section(c: Comparison, name: str, looks: style.Looks) -> dict[str, Any] | None:
    """One question: its figure, its table, and its tails if it has any."""
    own = [p for p in c.places if p.key.question == name]
    waits = tails.section(c, name, looks, _label)
    if waits:
        waits["rows"] = [{**_row(c, p), "what": tails.SHORT[p.key.metric]} for p in waits["rows"]]
    if not own and not waits:
        return None
    return {"name": name, "title": c.question(name)["title"], "plate": _plate(c, name, own, looks) if own else None,
            "rows": [_row(c, p) for p in own], "tails": waits}


def _plate(c: Comparison, name: str, own: list[Place], looks: style.Looks) -> plates.Plate:
    ranked = sorted(own, key=lambda p: p.gravity)
    shown = ranked[:MOST_DRAWN]
    groups = [forest.Group(
        f"{say.pair(p.key)}, {say.place_title(c, p.key)}: {p.word}",
        [forest.Row(_label(r), e.effect.effect, e.low, e.high, e.verdict, e.visits)
         for r, e in zip(c.runs, p.entries) if e], p.delta) for p in shown]
    count = {word: sum(p.word == word for p in own) for word in c.counts}
    first = f"{words.plural(len(own), 'place')}: {count['agrees']} agree, {count['differs']} differ, {count['undecided']} undecided."
    rest = (f"The {len(shown)} in which the runs stand furthest apart, those that differ first; the table has all."
            if len(shown) < len(own) else "All of them, those that differ first.")
    rows = sum(len(g.rows) for g in groups)
    svg = forest.draw(plates.slug("fig", name, "runs"), first, groups, looks, "the other map of each pair")
    return plates.Plate(plates.slug("fig", name, "runs"), svg, [first, rest], tall=rows > 12)


def _row(c: Comparison, p: Place) -> dict[str, Any]:
    """A line of a question's table."""
    d = p.together.difference
    return {
        "place": say.place_title(c, p.key), "pair": say.pair(p.key), "word": p.word, "turned": p.other_winner,
        "effects": [{**_two_lines(e.effect.effect, e.low, e.high), "verdict": e.verdict,
                     "visits": words.plural(e.visits, "visit")} if e else None for e in p.entries],
        "of": f"{c.runs[p.second].letter} / {c.runs[p.first].letter}",
        "difference": _two_lines(d.effect, d.low, d.high),
        "between": "–" if p.together.between is None else words.percent(p.together.between),
        "between_interval": "" if p.together.between is None else
        f"{words.percent(p.together.low)} to {words.percent(p.together.high)}",
        "within": words.percent(p.together.within) if p.together.within == p.together.within else "–",
        "means": [f"{''.join(of)} together {say.with_interval(*mean)}" for of, mean in p.means.items()]}


def _two_lines(effect: float, low: float, high: float) -> dict[str, str]:
    """A ratio, and its interval for the line below."""
    return {"ratio": say.with_interval(effect, -math.inf, math.inf), "interval": say.interval(low, high)}


def _spread_row(row) -> dict[str, str]:
    s = row.spread
    known = s.high < float("inf")
    return {"what": row.what, "of": "repeats" if row.of == "repeats" else "all runs", "threads": str(row.threads or "axis"),
            "places": words.count(s.places), "between": words.percent(s.between),
            "interval": f"{words.percent(s.low)} to {words.percent(s.high)}" if known else "–",
            "within": words.percent(s.within)}


def _side_by_side(facts: list[dict[str, str]], names: list[str]) -> list[dict[str, Any]]:
    """Rows of a fact by run, those that differ first."""
    rows = [{"name": name[:1].upper() + name[1:], "values": [f.get(name, "not recorded") for f in facts]}
            for name in names]
    for row in rows:
        row["differs"] = len(set(row["values"])) > 1
    return sorted(rows, key=lambda row: not row["differs"])


def _verdict_rows(c: Comparison) -> dict[str, list[dict[str, Any]]]:
    """Verdicts on crossovers, thresholds and claims by how they compare."""
    result: dict[str, list[dict[str, Any]]] = {}
    for row in c.verdicts:
        if row.outcome != verdicts.ONE_SIDED:
            result.setdefault(row.outcome, []).append({
                "title": say.verdict_title(c, row),
                "texts": [say.verdict_text(c, row, e) for e in row.entries]})
    return {outcome: result[outcome] for outcome in (
        verdicts.CONTRADICTORY, verdicts.DIFFER, verdicts.UNDECIDED, verdicts.AGREE) if outcome in result}


def _overview(c: Comparison) -> list[dict[str, Any]]:
    """Of every question how its places compare."""
    rows = []
    for name in c.questions:
        for places, what in ((c.places, ""), (c.tails, "tails of pairs")):
            own = [p for p in places if p.key.question == name]
            if own:
                rows.append({"name": name, "title": c.question(name)["title"], "what": what, "places": len(own),
                             "turned": sum(p.other_winner for p in own),
                             **{word: sum(p.word == word for p in own) for word in c.counts}})
    return rows
