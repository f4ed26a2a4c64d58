# SPDX-License-Identifier: Apache-2.0
"""Puts an analysis into one self-contained HTML page."""

from __future__ import annotations

import base64
import csv
import dataclasses
import html
import io
import json
import math
import pathlib
import re
from collections.abc import Callable
from typing import Any

import jinja2
import markupsafe

from report import (chooser, conclude, control, drift, ladder, landscape, latency_plates, leading, ledger, pauses, plates, price, proof,
                    regret, standing, views, words)
from report.analyse import Analysis, Setting
from report.figures import palette, style

TEMPLATES = pathlib.Path(__file__).parent / "templates"


@dataclasses.dataclass
class Section:
    """One question of the paper."""

    question: dict[str, Any]
    plates: list[plates.Plate]
    folded: list[plates.Plate]  # shown on demand
    crowded: list[plates.Plate]  # small multiples, on demand
    tables: list[tuple[str, str, list[views.Line]]]  # where, baseline, lines
    realised: list[plates.Plate]
    missing: list[str]  # settings without visits
    notes: list[str]
    visits: int
    empty: int  # visits of which every block was rejected
    claims: list[str]
    ranked: list[leading.Table]
    latency: list[latency_plates.Table]
    told: list[views.Told]
    ladders: list[ladder.Table]
    pages: str  # how much memory was in huge pages, where that is asked


@dataclasses.dataclass
class Paper:
    """Everything the templates print."""

    analysis: Analysis
    conclusions: dict[str, Any]
    sections: list[Section]
    anchors: dict[tuple, str]
    winner: plates.Plate | None
    aa: plates.Plate | None
    timeline: plates.Plate | None
    layouts: plates.Plate | None
    heat: list[plates.Plate]
    phases: list[plates.Plate]
    memory: plates.Plate | None

    def plates(self) -> list[plates.Plate]:
        """All of them, in the order of the page."""
        shown = [self.winner, *self.heat, *self.phases, self.memory]
        shown += [p for s in self.sections for p in [*s.plates, *s.folded, *s.crowded, *s.realised]]
        return [p for p in [*shown, self.aa, self.layouts, self.timeline] if p is not None]


def looks_of(analysis: Analysis) -> style.Looks:
    """Colours for all strategies compiled in, or those seen.

    Those that a question names come first; "*" names none.
    """
    names = [s["name"] for s in analysis.run.strategies()]
    if not names:
        names = [re.split(r"[:@]", c)[0]
                 for v in analysis.run.visits for c in v.contestants]
    return style.Looks(names, first=[
        re.split(r"[:@]", c)[0] for q in analysis.run.questions
        for c in [*(q.get("baselines") or []), *(q.get("contestants") or [])]],
        families={s["name"]: s.get("family") or "" for s in analysis.run.strategies()})


def compose(analysis: Analysis) -> Paper:
    """All figures and tables of the paper."""
    conclusions = conclude.conclude(analysis)
    looks = looks_of(analysis)
    sections, anchors = [], {}
    for question in analysis.run.questions:
        if price.is_price(question):
            continue  # among what the numbers are worth
        own = [s for s in analysis.settings if s.question is question]
        shown: list[plates.Plate] = []
        realised: list[plates.Plate] = []
        tables = []
        if question.get("axis"):
            for setting in own:
                drawn = plates.curve_plates(analysis, setting, looks)
                shown += drawn
                for plate, b in zip(drawn, _baselines(analysis, setting)):
                    anchors[(question["name"], setting.regime,
                             setting.threads, b)] = plate.name
                extra = plates.realised_plate(analysis, setting)
                if extra is not None:
                    extra.heading = setting.label
                    realised.append(extra)
        else:
            shown = plates.cell_plates(analysis, question, looks)
            cells = [c for c in analysis.cells
                     if c.question == question["name"]]
            for plate, b in zip(shown, dict.fromkeys(c.b for c in cells)):
                for c in cells:
                    anchors[(c.question, c.regime, c.threads, b)] = plate.name
        for setting in own:
            for b in _baselines(analysis, setting):
                rows = views.lines(analysis, setting, b)
                if rows:
                    tables.append((setting.label, b, rows))
        waits, latency_tables = latency_plates.section(analysis, question, looks)
        shown = waits + shown
        folded = plates.folded(shown, analysis.thread_names)
        counts = plates.shown_threads(analysis.thread_names, (s.threads for s in own if s.visits))
        crowded = [p for s in own if question.get("axis") and s.threads in counts
                   for p in plates.multiples_plates(analysis, s, looks)]
        sections.append(Section(
            question, [p for p in shown if p not in folded], folded, crowded, tables,
            realised,
            [s.label or "all settings" for s in own if not s.visits],
            _notes(analysis, question), sum(len(s.visits) for s in own),
            sum(not analysis.used(v) for s in own for v in s.visits),
            [c["id"] for c in conclusions["claims"]
             if c["id"] in question["claims"]
             or question["name"] in c["questions"]],
            [t for s in own for t in leading.tables(analysis, s)], latency_tables, views.told(analysis, question),
            ladder.tables(analysis, question), ladder.huge_pages(analysis, question)))
    places = standing.places(analysis)
    return Paper(analysis, conclusions, sections, anchors,
                 plates.winner_plate(analysis, looks),
                 plates.aa_plate(analysis), plates.timeline_plate(analysis),
                 plates.layouts_plate(analysis),
                 landscape.heat_plates(analysis, places, looks),
                 landscape.phase_plates(analysis, places, looks),
                 landscape.memory_plate(analysis, looks))


def _baselines(analysis: Analysis, setting: Setting) -> list[str]:
    items = analysis.curves if setting.question.get("axis") else analysis.cells
    return list(dict.fromkeys(
        i.b for i in items if i.question == setting.question["name"]
        and (i.regime, i.threads) == (setting.regime, setting.threads)))


def _notes(analysis: Analysis, question: dict[str, Any]) -> list[str]:
    """What its control says of the machine; who did not take part in a question, and why; what its fits are worth."""
    meta = analysis.run.meta
    name = question["name"]
    absent: dict[tuple[str, str], list[str]] = {}  # by reason: one that holds for many is said once
    for s in meta["skipped"]:
        if s.get("question") == name:
            reason = (s.get("where", ""), s.get("why", "no reason recorded"))
            who = s.get("contestant", s.get("strategy", "?"))
            if who not in absent.setdefault(reason, []):
                absent[reason].append(who)
    notes = [why if "all" in who else
             f"{words.join(who)} did not take part{' ' + where if where else ''}: {why}"
             for (where, why), who in absent.items()]
    named = {s.get("contestant") for s in meta["skipped"]
             if s.get("question") == name}
    alike: dict[str, list[str]] = {}  # left out for one reason
    for e in question["excludes"]:
        variants = [c for c in question["contestants"]
                    if re.split("[:@]", c)[0] == e.get("strategy")]
        if variants:
            notes.append(f"{e.get('strategy')} takes part only as "
                         f"{words.join(variants)}: {e.get('why')}")
        elif e.get("strategy") not in named:
            alike.setdefault(e.get("why"), []).append(e.get("strategy"))
    notes += [f"{words.join(names)} {'was' if len(names) == 1 else 'were'} left out: {why}" for why, names in alike.items()]
    notes += [f"{w.get('contestant')} is withheld: {w.get('what')}"
              for w in meta["withheld"]]
    notes += pauses.sentences(analysis, question)
    return [words.capital(n) for n in [*control.sentences(analysis, question), *notes]]


def data_uri(kind: str, text: str) -> str:
    data = base64.b64encode(text.encode("utf-8")).decode("ascii")
    return f"data:{kind};base64,{data}"


def _csv(rows: list[dict[str, Any]]) -> str:
    out = io.StringIO()
    if rows:
        writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return out.getvalue()


def names_of(analysis: Analysis) -> set[str]:
    """Every contestant of a run, as sentences name them."""
    names = {s["name"] for s in analysis.run.strategies()}
    for visit in analysis.run.visits:
        names |= set(visit.contestants)
    for question in analysis.run.questions:
        names |= {words.pretty(c) for c in (
            question.get("contestants") or [])}
        names |= set(question.get("baselines") or [])
    return names


def prose_filter(names: set[str]) -> Callable[[str], markupsafe.Markup]:
    """A filter that turns sentences into typeset, escaped HTML: names in
    <code>, thin spaces before units."""
    ordered = sorted(names - {"null", "*"}, key=lambda n: (-len(n), n))
    pattern = re.compile(
        r"(?<![\w.])(" + "|".join(map(re.escape, ordered)) + r")(?![\w@])"
        ) if ordered else None

    def prose(text: str) -> markupsafe.Markup:
        safe = html.escape(str(text), quote=False)
        if pattern:
            safe = pattern.sub(r"<code>\1</code>", safe)
        safe = re.sub(r"(\d) (%|ns\b|GiB\b|bits\b)", "\\1\u202f\\2", safe)
        safe = re.sub(r"`([^`]+)`", r"<code>\1</code>", safe)
        return markupsafe.Markup(safe)

    return prose


def summary(paper: Paper) -> dict[str, Any]:
    """Counts and sentences of the abstract."""
    run = paper.analysis.run
    timed = [v for v in run.visits if v.timed]
    good = [v for v in timed if paper.analysis.used(v)]
    checked = sum(v.operations for v in run.visits if v.ok)
    return {
        "visits": len(timed), "good": len(good),
        "empty": sum(v.ok for v in timed) - len(good),
        "untimed": sum(v.ok for v in run.visits if not v.timed),
        "operations": checked,
        "contestants": len({c for v in good for c in v.contestants
                            if c != "null"}),
        **conclude.tally(paper.conclusions)}


def environment() -> jinja2.Environment:
    """Of all pages, with what their style sheet and their figures need. What turns sentences into HTML, `prose`, knows
    the names of the page's maps: prose_filter makes it."""
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(str(TEMPLATES)), autoescape=True,
        undefined=jinja2.StrictUndefined, trim_blocks=True,
        lstrip_blocks=True)
    env.globals["light"] = palette.style_sheet(dark=False)
    env.globals["dark"] = palette.style_sheet(dark=True)
    env.filters["themed"] = lambda svg: markupsafe.Markup(palette.themed(svg))
    env.filters["csv"] = lambda rows: data_uri("text/csv", _csv(rows))
    env.filters |= {"pretty": words.pretty, "sentence": words.sentence}
    env.globals |= {"plural": words.plural, "count": words.count}
    return env


FINDINGS = 5  # on the first page
BESIDE = ("effects.json", "effects.csv")
# Characters of the tables of effects up to which they are inside the page.
EMBEDDED = 2_000_000


@dataclasses.dataclass
class Page:
    """The paper as HTML, and the files that it expects beside it."""

    html: str
    beside: dict[str, str]


def render(paper: Paper) -> Page:
    """The page. Deterministic: the same run gives the same bytes."""
    analysis, run = paper.analysis, paper.analysis.run
    env = environment()
    env.filters["prose"] = prose_filter(names_of(analysis))
    looks = looks_of(analysis)
    claims = paper.conclusions["claims"]
    verdicts = json.dumps(paper.conclusions, indent=1, sort_keys=True)
    tables = [("effects.json", "application/json", json.dumps(
        analysis.effects, separators=(",", ":"))),
              ("effects.csv", "text/csv", _csv(analysis.effects))]
    places = standing.places(analysis)
    beside = sum(len(text) for _, _, text in tables) > EMBEDDED
    context = {
        "meta": run.meta, "run": run, "paper": paper,
        "ledger": ledger.ledger(claims, paper.anchors,
                                {q["name"] for q in run.questions}, analysis.thread_names),
        "summary": summary(paper),
        "findings": [*(words.Finding(p.caption[0], p.name, math.inf) for p in paper.heat[:1]),
                     *words.findings(analysis, paper.anchors, claims)][:FINDINGS],
        "matrices": views.matrices(analysis, paper.anchors),
        "levels": views.level_rows(analysis),
        "bad": views.bad_visits(analysis),
        "layouts": views.layout_rows(analysis),
        "rejects": views.reject_rows(analysis),
        "memory": views.memory_rows(analysis),
        "fairness": views.fairness_rows(analysis),
        "validated": views.validation_table(analysis),
        "environment": views.environment_rows(analysis),
        "fresh_page_ns": views.fresh_page_ns(analysis),
        "duration": style.duration,
        "rules": views.rule_rows(analysis),
        "strategies": run.strategies(),
        "linearizability": proof.linearizability(
            run.meta["proof"], [s["name"] for s in run.strategies()]),
        "litmus": proof.litmus(run.meta["proof"], [s["name"] for s in run.strategies()]),
        "mutants": proof.mutants(run.meta["proof"]),
        "footprints": proof.memory(run.meta["proof"]),
        "blocking": proof.blocking(run.meta["proof"], [s["name"] for s in run.strategies()]),
        "slow_parts": list(proof.SLOW_PARTS.values()),
        "badges": proof.badges(run.meta["proof"]),
        # The style sheet's variables; those of figures are the same.
        "colours": {s["name"]: palette.VARIABLES[looks[s["name"]].colour][0]
                    for s in run.strategies()},
        "chooser": chooser.chooser(analysis, places, paper.anchors),
        "pairs": landscape.rows_of(analysis, places),
        "regret": regret.shown(regret.measured(analysis), {q["name"]: words.question_name(q["name"]) for q in run.questions}),
        "drift": drift.shown(drift.measured(analysis), lambda r: views.place_of(
            analysis, next(q for q in run.questions if q["name"] == r.question), r)),
        "harness": [{"where": words.where(h.regime, h.threads, analysis.thread_names),
                     "question": h.question, "ns": style.number(h.ns),
                     "visits": h.visits} for h in analysis.harness],
        "price": _price(analysis),
        "deltas": _deltas(analysis),
        "arch": run.worker()[0],
        "aa": conclude.aa_summary(analysis),
        "rankings": [{
            "where": words.where(r.regime, r.threads, analysis.thread_names),
            "question": r.question, "place": _place(run.questions, r),
            "order": [words.pretty(n) for n in r.ranking.order],
            "groups": [[words.pretty(n) for n in g]
                       for g in r.ranking.groups]}
            for r in conclude.rank_all(analysis)],
        "flagged": sum(analysis.read.of(v).changepoint for v in run.visits
                       if v.timed and v.ok),
        "gated": sum(not v.gate.get("quiet", True) or
                     float(v.gate.get("other_cpu") or 0) > 0.05
                     for v in run.visits if v.timed),
        "downloads": [
            ("verdicts.json", data_uri("application/json", verdicts)),
            *((name, name if beside else data_uri(kind, text))
              for name, kind, text in tables)],
        "beside": beside,
    }
    return Page(env.get_template("paper.html.j2").render(context),
                {name: text for name, _, text in tables} if beside else {})


def _price(analysis: Analysis) -> price.Shown | None:
    """What the harness costs each contestant: by this run, else by the one that was recorded."""
    for question in analysis.run.questions:
        if price.is_price(question) and analysis.prices:
            return price.shown(analysis.prices, question, "")
    found = price.recorded(analysis.run.meta["proof"])
    if found is None:
        return None
    prices, file = found
    return price.shown(prices, file, f"{file['recorded']}, {file['cpu']}, revision {file['revision']}")


def _place(questions: list[dict[str, Any]], ranked: conclude.Ranked) -> str:
    for question in questions:
        if question["name"] == ranked.question:
            for spec in question.get("cells") or []:
                if spec["name"] == ranked.place:
                    return spec.get("title") or spec["name"]
            axis = question.get("axis")
            if axis:
                return f"{ranked.place} {axis.get('name', '')}"
    return ranked.place


def _deltas(analysis: Analysis) -> list[tuple[str, str]]:
    """(numbers of threads, their delta), those that share one together."""
    table = analysis.run.meta["rules"].get("delta") or {"1": 0, "2": 0}
    counts: dict[str, list[int]] = {}
    for n in sorted(map(int, table)):
        counts.setdefault(f"{100 * analysis.delta(n):.3g} %", []).append(n)
    return [(words.join([str(n) for n in group]) +
             (" thread" if group == [1] else " threads"), delta)
            for delta, group in counts.items()]
