# SPDX-License-Identifier: Apache-2.0
"""Tables of the paper, as rows of text ready for the templates."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from report import conclude, fairness, words
from report.analyse import Analysis, Cell, Curve, Setting, make_axis
from report.figures.style import duration, fine, number


@dataclasses.dataclass
class MatrixCell:
    """One verdict: its word (a CSS class), what to print, and the long form."""

    kind: str
    text: str
    title: str
    href: str = ""


@dataclasses.dataclass
class MatrixRow:
    label: str
    again: bool  # the same as of the row above
    where: str
    href: str
    cells: list[MatrixCell]


@dataclasses.dataclass
class Matrix:
    """All verdicts against one baseline."""

    baseline: str
    columns: list[str]
    rows: list[MatrixRow]


def ratio(cell: Cell) -> str:
    return f"{fine(math.exp(cell.estimate.effect))}×"


def interval(cell: Cell) -> str:
    e = cell.estimate
    if not (math.isfinite(e.low) and math.isfinite(e.high)):
        return "–"
    return f"{fine(math.exp(e.low))} to {fine(math.exp(e.high))}"


def _curve_mark(curve: Curve, question: dict[str, Any]) -> MatrixCell:
    axis = make_axis(question)
    r = curve.result
    sentence = words.capital(words.curve_sentence(curve, question))
    if r is None:
        return MatrixCell("undecided", "cores", sentence)
    low, high = curve.reached
    if r.verdict == "crossover":
        arrow = "↗" if r.rising else "↘"
        text = axis.format(r.estimate) if r.estimate is not None else (
            f"{axis.format(r.low)}–{axis.format(r.high)}")
        return MatrixCell("crossover", f"{arrow} {text}", sentence)
    if r.verdict == "a_throughout":
        text = (words.span(low, high, "–") if r.strict
                else f"≤ {words.times(high)}")
        return MatrixCell("faster", text, sentence)
    if r.verdict == "b_throughout":
        text = (words.span(low, high, "–") if r.strict
                else f"≥ {words.times(low)}")
        return MatrixCell("slower", text, sentence)
    if r.verdict == "equivalent":
        return MatrixCell("equivalent", "≈", sentence)
    if r.verdict == "several":
        return MatrixCell("crossover", f"↕ {len(r.crossings)} times", sentence)
    return MatrixCell("undecided", "?", sentence)


def _cell_mark(cell: Cell) -> MatrixCell:
    sentence = words.capital(words.cell_sentence(cell))
    text = f"{number(math.exp(cell.estimate.effect))}×"
    if cell.verdict == "equivalent":
        text = f"≈ {text}"
    elif cell.verdict == "undecided":
        text = "?"
    return MatrixCell(cell.verdict, text, sentence)


def matrices(analysis: Analysis, anchors: dict[tuple, str]) -> list[Matrix]:
    """The verdict matrix of every baseline: settings by contestants."""
    questions = {q["name"]: q for q in analysis.run.questions}
    items: list[tuple[str, tuple, str, MatrixCell]] = []
    for curve in analysis.curves:
        key = (curve.question, "", curve.regime, curve.threads)
        items.append((curve.b, key, curve.a, _curve_mark(
            curve, questions[curve.question])))
    for cell in [c for q in analysis.run.questions for c in words.in_order(
            [c for c in analysis.cells if c.question == q["name"]], q)]:
        key = (cell.question, words.cell_title(questions[cell.question], cell),
               cell.regime, cell.threads)
        items.append((cell.b, key, cell.a, _cell_mark(cell)))
    result = []
    for b in dict.fromkeys(i[0] for i in items):
        own = [i for i in items if i[0] == b]
        columns = sorted({words.pretty(a) for _, _, a, _ in own})
        rows: dict[tuple, dict[str, MatrixCell]] = {}
        for _, key, a, mark in own:
            mark.href = anchors.get((key[0], key[2], key[3], b),
                                    f"q-{key[0]}")
            rows.setdefault(key, {})[words.pretty(a)] = mark
        shown: list[MatrixRow] = []
        for (question, cell, regime, threads), marks in rows.items():
            axis = questions[question].get("axis")
            label = cell or (axis or {}).get("name") or question
            again = any(r.label == label and r.href == f"q-{question}"
                        for r in shown[-1:])
            shown.append(MatrixRow(
                label, again, words.where(regime, threads, analysis.thread_names), f"q-{question}",
                [marks.get(a, MatrixCell("none", "", "not measured"))
                 for a in columns]))
        result.append(Matrix(b, columns, shown))
    return result


@dataclasses.dataclass
class Line:
    """One contestant in one place: absolute speed beside the comparison."""

    place: str
    first: bool  # of its place
    contestant: str
    threads: str
    ns: str
    mops: str
    ratio: str
    interval: str
    visits: str
    verdict: str
    note: str


def lines(analysis: Analysis, setting: Setting, baseline: str) -> list[Line]:
    """The table behind a figure: every place, every contestant."""
    question = setting.question
    axis = make_axis(question)
    name, key = question["name"], (setting.regime, setting.threads)
    compared: dict[tuple[str, int, str], Cell] = {}
    order: list[tuple[str, int]] = []
    cells = [c for curve in analysis.curves for c in curve.cells
             if (curve.question, curve.regime, curve.threads) == (name, *key)
             and curve.b == baseline]
    if axis is None:
        cells = [c for c in analysis.cells if c.question == name
                 and (c.regime, c.threads) == key and c.b == baseline]
    cells.sort(key=lambda c: (c.value is not None, c.value or 0))
    for c in cells:
        place = axis.format(c.value) if axis else (c.cell or "")
        compared[(place, c.threads, c.a)] = c
        if (place, c.threads) not in order:
            order.append((place, c.threads))
    speed = {(a.place, a.threads, a.contestant): a for a in analysis.absolutes
             if a.question == name and a.regime == setting.regime}
    titles = {s["name"]: s.get("title") or s["name"]
              for s in question.get("cells") or []}
    result = []
    for place, threads in order:
        names = [baseline] + [a for p, t, a in compared
                              if (p, t) == (place, threads)]
        for i, contestant in enumerate(names):
            cell = compared.get((place, threads, contestant))
            spec = contestant.replace("{}", place)
            fast = speed.get((place, threads, spec))
            result.append(Line(
                titles.get(place, place), i == 0, words.pretty(contestant),
                str(threads), number(fast.ns) if fast else "–",
                number(fast.mops) if fast else "–",
                ratio(cell) if cell else "1", interval(cell) if cell else "–",
                str(cell.estimate.visits) if cell
                else str(fast.visits) if fast else "–",
                cell.verdict if cell else "baseline",
                analysis.thread_names.get(threads, "") if axis and
                axis.field == "threads" else ""))
    return result


def memory_rows(analysis: Analysis) -> list[dict[str, str]]:
    """Bytes per entry of every contestant, median over visits."""
    seen: dict[tuple[str, str], list[float]] = {}
    for visit in analysis.run.visits:
        if not (visit.ok and visit.timed):
            continue
        for c, record in visit.memory.items():
            if record.get("entries") and c < len(visit.contestants):
                seen.setdefault((visit.contestants[c], visit.question),
                                []).append(record["bytes"]
                                           / record["entries"])
    best: dict[str, list[float]] = {}
    for (contestant, _), values in seen.items():
        best.setdefault(contestant, []).extend(values)
    return [{"contestant": name, "least": number(min(v)),
             "most": number(max(v)), "visits": str(len(v))}
            for name, v in sorted(best.items())]


def fairness_rows(analysis: Analysis) -> list[dict[str, str]]:
    """Of every contestant the place where its threads advanced most unequally."""
    titles = {(q["name"], c["name"]): c.get("title") or c["name"] for q in analysis.run.questions for c in q["cells"]}
    return [{"contestant": words.pretty(f.contestant), "question": f.question.replace("_", " "),
             "place": titles.get((f.question, f.place), f.place), "threads": str(f.threads),
             "least": number(f.least), "most": number(f.most), "jain": f"{f.jain:.3f}", "gap": duration(f.gap),
             "visits": str(f.visits)} for f in fairness.widest(analysis.fairness)]


def place_of(analysis: Analysis, question: dict[str, Any], row: Any) -> str:
    """Where in a question something was found (cell or axis, regime, threads), in words."""
    titles = {c["name"]: c.get("title") or c["name"] for c in question["cells"]}
    place = titles.get(row.cell, row.cell) if row.cell is not None else f"{question['axis']['name']} {number(row.axis)}"
    return f"{place}, {words.where(row.regime, row.threads, analysis.thread_names)}"


@dataclasses.dataclass
class Told:
    """What a question's contestants told beside their rate, in one place: a column for each metric."""

    where: str
    metrics: list[str]
    rows: list[tuple[str, list[str]]]  # contestant, one text for each metric


def told(analysis: Analysis, question: dict[str, Any]) -> list[Told]:
    places: dict[tuple, list[Any]] = {}
    for q in analysis.quantities:
        if q.question == question["name"]:
            places.setdefault((q.cell, q.axis, q.regime, q.threads), []).append(q)
    tables = []
    for found in places.values():
        metrics = list(dict.fromkeys(q.metric for q in found))
        by = {(q.contestant, q.metric): q for q in found}
        tables.append(Told(place_of(analysis, question, found[0]), [words.metric(m) for m in metrics], [
            (contestant, [_told(by.get((contestant, m))) for m in metrics])
            for contestant in dict.fromkeys(q.contestant for q in found)]))
    return tables


def _told(q: Any) -> str:
    if q is None:
        return "–"
    e, show = q.estimate, _share if q.is_share else number
    half = (e.high - e.low) / 2
    return show(e.effect) + (f" ± {show(half)}" if math.isfinite(half) else "")


def _share(value: float) -> str:
    return f"{number(100 * value) if value else 0} %"


def level_rows(analysis: Analysis) -> list[dict[str, str]]:
    """Level crossings: the required gain, where it is, what was claimed."""
    questions = {q["name"]: q for q in analysis.run.questions}
    rows = []
    for curve in analysis.curves:
        axis = make_axis(questions[curve.question])
        for level in curve.levels:
            r = level.result
            spec = level.spec
            claimed = ("" if spec.get("claimed") is None else
                       f"{axis.format(spec['claimed'])} ± "
                       f"{axis.format(spec.get('tolerance', 0))}")
            rows.append({
                "contestant": words.pretty(curve.a), "baseline": curve.b,
                "where": words.where(curve.regime, curve.threads,
                                     analysis.thread_names),
                "gain": f"+{100 * (spec['speedup'] - 1):.0f} %",
                "at": (axis.format(r.estimate) if r.estimate is not None
                       else "–"),
                "interval": (axis.format_interval(r.low, r.high)
                             if r.low is not None else "–"),
                "claimed": claimed, "verdict": level.verdict,
                "reason": level.reason})
    return rows


def bad_visits(analysis: Analysis) -> list[dict[str, str]]:
    """Visits whose numbers are not used, and why."""
    rows = []
    for visit in analysis.run.visits:
        if visit.status == "ok":
            continue
        axis = next((make_axis(q) for q in analysis.run.questions
                     if q["name"] == visit.question), None)
        place = (axis.format(visit.axis) if axis and visit.axis is not None
                 else visit.name or "")
        what = visit.what or "; ".join(
            str(i.get("what", "")) for i in visit.invalid)
        if visit.status == "lost":
            what = what or "the run ended before the visit did"
        details = "; ".join(str(i["what"]) for i in visit.invalid
                            if i.get("what") and i["what"] not in what)
        rows.append({
            "visit": str(visit.id), "question": visit.question,
            "place": place, "arch": visit.arch, "status": visit.status,
            "contestants": ", ".join(visit.contestants),
            "what": f"{what}: {details}" if details else what})
    return rows


def reject_rows(analysis: Analysis) -> list[dict[str, str]]:
    """Rejected blocks by reason."""
    reasons: dict[str, list[float]] = {}
    for visit in analysis.run.visits:
        for r in visit.rejects:
            reasons.setdefault(str(r.get("why", "")), []).append(
                float(r.get("value") or 0.0))
    return [{"why": why.replace("_", " "), "blocks": str(len(v)),
             "worst": f"{100 * max(v):.1f} %"}
            for why, v in sorted(reasons.items())]


def validation_table(analysis: Analysis) -> dict[str, list[dict[str, str]]]:
    """Per architecture: what was executed and checked without a clock."""
    result: dict[str, list[dict[str, str]]] = {}
    for v in conclude.validations(analysis):
        result.setdefault(v.arch, []).append({
            "question": v.question, "visits": str(v.visits),
            "contestants": ", ".join(v.contestants),
            "operations": words.count(v.operations),
            "failures": "; ".join(v.failures)})
    return result


_TOPOLOGY = {"topology", "cores", "smt"}  # topology_rows has them
_FEW = 8  # groups of CPUs, or CPUs in an order, that are listed


def topology_rows(meta: dict[str, Any]) -> list[tuple[str, str]]:
    """The cores of the machine, and which of them threads get."""
    e, t = meta["environment"], meta["environment"].get("topology")
    if not isinstance(t, dict):
        return [("Cores", str(e["cores"]))] if "cores" in e else []
    cores = words.plural(t["cores"], "physical core")
    if t["efficiency_cores"]:
        cores += f", {words.count(t['efficiency_cores'])} of them for efficiency"
    rows = [("Cores", f"{cores}; {words.plural(t['hardware_threads'], 'hardware thread')}"
             + ("" if t["siblings"] else ", no SMT"))]
    for key, title in (("sockets", "Sockets"), ("nodes", "NUMA nodes"),
                       ("last_level_caches", "Last-level caches")):
        groups = t[key]
        rows.append((title, f"{len(groups)}" + (
            f": CPUs {'; '.join(groups)}" if len(groups) <= _FEW else
            f", the first of CPUs {groups[0]}")))
    rows += [(title, text) for title, text in (
        ("CPUs not for this process", t["hidden"]),
        ("CPUs offline", t["offline"]),
        ("Limit on CPU time", f"{t['quota']:g} CPUs" if t["quota"] else ""),
        ("Not told by the system", ", ".join(t["unknown"]))) if text]
    cpus = meta.get("cpus") or []
    if cpus:
        how = {"compact": "one node filled after another",
               "spread": "the nodes in turn"}.get(meta.get("pin"), "")
        first = ", ".join(map(str, cpus[:_FEW])) + (
            ", ..." if len(cpus) > _FEW else "")
        rows.append(("Threads get", f"CPUs {first} ({meta.get('pin')}: {how}; "
                     "one hardware thread of every core first)"))
    return rows


def environment_rows(analysis: Analysis) -> list[tuple[str, str]]:
    """What the machine was, in words."""
    e = analysis.run.meta["environment"]
    names = {"cpu": "Processor", "memory_bytes": "Memory",
             "os": "System", "kernel": "Kernel", "hypervisor": "Hypervisor",
             "thp": "Huge pages", "aslr": "Address randomisation",
             "governor": "Frequency governor", "clock_source": "Clock source",
             "load_at_start": "Load at start"}
    rows = [(names.get(k, k.replace("_", " ").capitalize()), _plain(k, e[k]))
            for k in [*names, *sorted(set(e) - set(names) - _TOPOLOGY)]
            if k in e and (k in names or e[k] not in (None, ""))]
    rows[1:1] = topology_rows(analysis.run.meta)
    arch, worker = analysis.run.worker()
    describe = worker.get("describe") or {}
    if describe:
        rows += [("Compiler", str(describe.get("compiler", "not recorded"))),
                 ("Flags", str(describe.get("flags", "not recorded")))]
        rows += [(k.capitalize(), _plain(k, describe[k]))
                 for k in ("allocator", "clock") if k in describe]
        if page := describe.get("fresh_page"):
            rows.append(("Fresh page", f"{page['bytes']} bytes, touched for the first time in "
                         f"{duration(page['touch_ns'])}"))
    for arch, record in sorted(analysis.run.meta["workers"].items()):
        how = ("timed" if record.get("timed") else "not timed, under "
               + str(record.get("emulator") or "an emulator"))
        digests = record.get("layouts") or ["not recorded"]
        rows.append((f"Worker {arch}", f"{how}; sha256 {', '.join(d[:16] for d in digests)}"))
    return rows


def fresh_page_ns(analysis: Analysis) -> int:
    """What touching a page fresh from the kernel takes; 0 where the worker did not say."""
    page = (analysis.run.worker()[1].get("describe") or {}).get("fresh_page")
    return page["touch_ns"] if page else 0


def _plain(key: str, value: Any) -> str:
    if value is None or value == "":
        return "not readable"
    if key.endswith("_bytes") and isinstance(value, (int, float)) and value >= 2**20:
        return f"{float(value) / 2**30:.1f} GiB"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, dict):
        return ", ".join(f"{k} {_plain('', v)}" for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(
            "+".join(map(str, v)) if isinstance(v, (list, tuple)) else
            f"{v:.2f}" if isinstance(v, float) else str(v) for v in value)
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def layout_rows(analysis: Analysis) -> list[dict[str, str]]:
    """The spread between layouts beside that between visits, by number of threads."""
    return [{"threads": str(g.threads), "cells": str(g.spread.cells),
             "within": words.percent(g.spread.within),
             "between": words.percent(g.spread.between),
             "interval": f"{words.percent(g.spread.low)} to {words.percent(g.spread.high)}",
             "chance": words.percent(g.spread.chance)} for g in analysis.layouts]


def rule_rows(analysis: Analysis) -> list[tuple[str, str]]:
    """The run's own rules, for the table of the method section."""
    return [(str(k).replace("_", " "), _plain(k, v)) for k, v in
            sorted(analysis.run.meta["rules"].items())]
