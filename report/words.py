# SPDX-License-Identifier: Apache-2.0
"""Results as sentences. Every number in them is computed from the run."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from report.analyse import Analysis, Cell, Curve, make_axis
from report.figures.style import number

VERDICT_WORDS = {
    "crossover": "crossover", "a_throughout": "faster throughout",
    "b_throughout": "slower throughout", "equivalent": "equivalent",
    "several": "several crossovers", "undecided": "undecided",
    "faster": "faster", "slower": "slower"}


@dataclasses.dataclass
class Finding:
    """One numbered sentence of the abstract and the place that shows it."""

    text: str
    href: str
    weight: float
    where: str = ""  # regime and threads


def times(effect: float) -> str:
    """A log ratio as a speed: 0.47×."""
    return f"{number(math.exp(effect))}×" if math.isfinite(effect) else "?"


def span(low: float, high: float, closed: str = " to ") -> str:
    return f"{times(low)}{closed}{times(high)}"


def plural(count: int, noun: str, many: str | None = None) -> str:
    """ "1 visit", "12 visits", "12 345 operations". """
    word = noun if count == 1 else (many or noun + "s")
    return f"{count:,}".replace(",", " ") + f" {word}"


def join(parts: list[str], last: str = " and ") -> str:
    if len(parts) < 2:
        return "".join(parts)
    return ", ".join(parts[:-1]) + last + parts[-1]


def pretty(contestant: str) -> str:
    """A contestant as people write it: the template's {} is the axis."""
    return contestant.replace(":shards={}", "").replace("={}", "")


def where(regime: str, threads: int) -> str:
    parts = [] if regime == "stationary" else [regime.replace("_", " ")]
    if threads:
        parts.append(plural(threads, "thread"))
    return ", ".join(parts)


def _at(axis, x: float) -> str:
    """A value with the name of its axis: "key reuse rate 62 %"."""
    value = axis.format(x)
    name = axis.name
    return f"{value} {name}" if name in ("keys", "threads", "shards") else (
        f"{name} {value}")


def _ends(curve: Curve, axis) -> str:
    x, fit, _, _ = curve.fit()
    if len(x) < 2:
        return ""
    return (f"{times(fit[0])} at {axis.format(x[0])}, "
            f"{times(fit[-1])} at {axis.format(x[-1])}")


def curve_sentence(curve: Curve, question: dict[str, Any]) -> str:
    """What the visits say of a pair along its axis; no full stop."""
    axis = make_axis(question)
    a, b = pretty(curve.a), pretty(curve.b)
    result = curve.result
    low, high = curve.reached
    if result is None:
        return f"{a} and {b} met only with more threads than cores"
    if result.verdict == "crossover":
        over, under = (a, b) if result.rising else (b, a)
        if result.estimate is None:
            return (f"{over} overtakes {under} between "
                    f"{axis.format(result.low)} and {axis.format(result.high)}"
                    f" {axis.name} ({a}: {_ends(curve, axis)})")
        return (f"{over} overtakes {under} at {_at(axis, result.estimate)} "
                f"({axis.format_interval(result.low, result.high)}; "
                f"{a}: {_ends(curve, axis)})")
    if result.verdict == "a_throughout":
        if result.strict:
            return (f"{a} is faster than {b} throughout: "
                    f"{span(low, high)}")
        return (f"{a} is never slower than {b} and up to {times(high)} "
                f"as fast")
    if result.verdict == "b_throughout":
        if result.strict:
            return (f"{a} is slower than {b} throughout: "
                    f"{span(low, high)}")
        return (f"{a} is never faster than {b} and down to {times(low)} "
                f"as fast")
    if result.verdict == "equivalent":
        return (f"{a} and {b} are equivalent throughout: within "
                f"±{100 * curve.delta:.3g} %")
    if result.verdict == "several":
        places = join([axis.format(c[0]) if c[0] is not None else
                       axis.format_interval(c[1], c[2])
                       for c in result.crossings])
        return f"{a} and {b} change places more than once: at {places}"
    seen = (f" (fitted {span(low, high)})" if math.isfinite(low) else "")
    return f"{a} against {b} is undecided: {result.reason}{seen}"


def level_sentence(curve: Curve, level: Any, question: dict[str, Any]) -> str:
    """Where a required gain is reached; no full stop."""
    axis = make_axis(question)
    gain = f"{100 * (level.spec['speedup'] - 1):.0f} %"
    a, b = pretty(curve.a), pretty(curve.b)
    r = level.result
    if r.verdict == "crossover" and r.estimate is not None:
        verb = "reaches" if r.rising else "loses"
        return (f"{a} {verb} {gain} over {b} at {_at(axis, r.estimate)} "
                f"({axis.format_interval(r.low, r.high)})")
    if r.verdict == "a_throughout" and r.strict:
        return f"{a} exceeds {gain} over {b} throughout"
    if r.verdict == "b_throughout" and r.strict:
        return f"{a} reaches {gain} over {b} nowhere on the tested range"
    return f"whether {a} reaches {gain} over {b} is undecided"


def cell_sentence(cell: Cell) -> str:
    """What the visits say of a pair in one cell; no full stop."""
    a, b, e = pretty(cell.a), pretty(cell.b), cell.estimate
    interval = (f" ({number(math.exp(e.low))} to {number(math.exp(e.high))})"
                if math.isfinite(e.low) and math.isfinite(e.high) else "")
    value = f"{times(e.effect)}{interval}"
    is_times = f"{a} is {times(e.effect)} as fast as {b}{interval}"
    return {
        "faster": is_times, "slower": is_times,
        "equivalent": f"{a} and {b} are equivalent: {value}",
    }.get(cell.verdict, f"{a} against {b} is undecided: {value}")


def cell_title(question: dict[str, Any], cell: Cell) -> str:
    for spec in question.get("cells") or []:
        if spec["name"] == cell.cell:
            return spec.get("title") or spec["name"]
    axis = make_axis(question)
    if axis is not None and cell.value is not None:
        return _at(axis, cell.value)
    return cell.cell or ""


def capital(sentence: str) -> str:
    """The sentence with a full stop; names keep their case."""
    return sentence if sentence.endswith(".") else sentence + "."


def _size(effect: float) -> float:
    return abs(effect) if math.isfinite(effect) else 0.0


def findings(analysis: Analysis, anchors: dict[tuple, str],
             claims: list[dict[str, str]], most: int = 9) -> list[Finding]:
    """The strongest results first, a few of each kind.

    `anchors` maps (question, regime, threads, b) to the figure that shows it.
    """
    questions = {q["name"]: q for q in analysis.run.questions}
    found: list[Finding] = []

    def anchor(item: Curve | Cell) -> str:
        return anchors.get((item.question, item.regime, item.threads, item.b),
                           f"q-{item.question}")

    for curve in analysis.curves:
        question = questions[curve.question]
        note = where(curve.regime, curve.threads)
        low, high = curve.reached
        size = max(_size(low), _size(high))
        for level in curve.levels:
            if level.result.verdict == "crossover":
                found.append(Finding(
                    capital(level_sentence(curve, level, question)),
                    anchor(curve), 6 + size, note))
        if curve.result is None:
            continue
        weight = {"crossover": 5, "several": 4, "a_throughout": 2.0,
                  "b_throughout": 2.0, "equivalent": 2.2}.get(
                      curve.result.verdict)
        if weight is not None:
            found.append(Finding(
                capital(curve_sentence(curve, question)),
                anchor(curve), weight + size, note))
    for cell in analysis.cells:
        if cell.verdict in ("faster", "slower"):
            title = cell_title(questions[cell.question], cell)
            found.append(Finding(
                capital(f"{title}: {cell_sentence(cell)}"), anchor(cell),
                2 + _size(cell.estimate.effect),
                where(cell.regime, cell.threads)))
    for claim in claims:
        if (claim.get("kind") == "measured"
                and claim["verdict"] in ("contradicted", "supported")):
            weight = 7.0 if claim["verdict"] == "contradicted" else 5.5
            found.append(Finding(
                f"Claim {claim['id']} is {claim['verdict']}: “"
                f"{claim['text']}”", f"claim-{claim['id']}", weight))
    found.sort(key=lambda f: (-f.weight, f.text))
    return _varied(found, most)


def _varied(found: list[Finding], most: int) -> list[Finding]:
    """The strongest, but no more than three that lead to one figure."""
    chosen, used = [], {}
    for finding in found:
        key = ("claims" if finding.href.startswith("claim-")
               else finding.href)
        if used.get(key, 0) < 3 and len(chosen) < most:
            used[key] = used.get(key, 0) + 1
            chosen.append(finding)
    return chosen
