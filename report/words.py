# SPDX-License-Identifier: Apache-2.0
"""Results as sentences. Every number in them is computed from the run."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Any, Mapping

from report.analyse import Analysis, Cell, Curve, make_axis
from report.figures.style import number
from report.stats import layouts

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


def times(effect: float) -> str:
    """A log ratio as a speed: 0.47×."""
    return f"{number(math.exp(effect))}×" if math.isfinite(effect) else "?"


def span(low: float, high: float, closed: str = " to ") -> str:
    return f"{times(low)}{closed}{times(high)}"


def count(number_of: int) -> str:
    """Digits in groups of three: 12 345."""
    return f"{number_of:,}".replace(",", "\u202f")


def sentence(text: str) -> str:
    """With a capital and a full stop; empty stays empty.

    What begins with code (std::unordered_map) keeps its first letter.
    """
    text = str(text).strip()
    if not text:
        return ""
    code = any(mark in text.split()[0] for mark in ("::", "_", "/"))
    return (text[0] if code else text[0].upper()) + text[1:] + ("" if text[-1] in ".!?" else ".")


def plural(number_of: int, noun: str, many: str | None = None) -> str:
    """ "1 visit", "12 visits", "12 345 operations". """
    return f"{count(number_of)} " + (
        noun if number_of == 1 else (many or noun + "s"))


def join(parts: list[str], last: str = " and ") -> str:
    if len(parts) < 2:
        return "".join(parts)
    return ", ".join(parts[:-1]) + last + parts[-1]


def pretty(contestant: str) -> str:
    """A contestant as people write it: the template's {} is the axis."""
    return contestant.replace(":shards={}", "").replace("={}", "")


def where(regime: str, threads: int, names: Mapping[int, str]) -> str:
    """A setting; `names` are those of the numbers of threads."""
    parts = [] if regime == "stationary" else [regime.replace("_", " ")]
    if threads:
        parts.append(plural(threads, "thread"))
    if names.get(threads):
        parts.append(names[threads])
    return ", ".join(parts)


def capital_word(text: str) -> str:
    """With a capital letter; nothing else changes."""
    return text[:1].upper() + text[1:]


def metric(name: str) -> str:
    """The name of a quantity for a heading: units are at its end."""
    for tail, unit in (("_per_s", " a second"), ("_per_op", " an operation"), ("_ns", ", ns"), ("_us", ", µs"), ("_mib", ", MiB")):
        if name.endswith(tail):
            return name.removesuffix(tail).replace("_", " ") + unit
    return name.replace("_", " ")


def question_name(name: str) -> str:
    """A question as a label: "read share"."""
    return name.replace("_", " ")


def percent(sd: float) -> str:
    """A standard deviation of log ratios: "0.43 %"."""
    return f"{100 * sd:.2g} %" if sd < 0.995 else f"{100 * sd:.0f} %"


def layout_sentence(threads: int, spread: layouts.Spread) -> str:
    """How far the layouts of the worker's code differ, beside the visits of one."""
    visits = f"visits of one layout by {percent(spread.within)} ({plural(spread.cells, 'cell')})"
    if not spread.seen:
        return (f"With {plural(threads, 'thread')}, layouts differ by no more than chance makes them seem to "
                f"(standard deviation up to {percent(spread.chance)}), {visits}")
    return (f"With {plural(threads, 'thread')}, layouts differ by a standard deviation of {percent(spread.between)} "
            f"({percent(spread.low)} to {percent(spread.high)}), {visits}")


def at(axis, x: float) -> str:
    """A value with its axis: "48.5K keys", "a key reuse rate of 62 %"."""
    value, name = axis.format(x), axis.name
    if axis.integer and name.split()[-1].endswith("s"):
        return f"{value} {name}"
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name} of {value}"


def interest(curve: Curve) -> tuple[int, float]:
    """Sort key: crossings first, then the largest differences."""
    order = ("crossover", "several", "a_throughout", "b_throughout",
             "equivalent", "undecided")
    verdict = curve.result.verdict if curve.result else "undecided"
    return order.index(verdict), -max(_size(v) for v in curve.reached)


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
        return f"{a} and {b} met only oversubscribed"
    if result.verdict == "crossover":
        over, under = (a, b) if result.rising else (b, a)
        if result.estimate is None:
            return (f"{over} overtakes {under} between "
                    f"{axis.format(result.low)} and {axis.format(result.high)}"
                    f" {axis.name} ({a}: {_ends(curve, axis)})")
        return (f"{over} overtakes {under} at {at(axis, result.estimate)} "
                f"({axis.format_interval(result.low, result.high)}; "
                f"{a}: {_ends(curve, axis)})")
    if result.verdict == "a_throughout":
        if result.strict:
            return (f"{a} is faster than {b} throughout: "
                    f"{span(low, high)}")
        return (f"{a} is nowhere slower than {b} by more than "
                f"{100 * curve.delta:.3g} %, and up to {times(high)} as fast")
    if result.verdict == "b_throughout":
        if result.strict:
            return (f"{a} is slower than {b} throughout: "
                    f"{span(low, high)}")
        return (f"{a} is nowhere faster than {b} by more than "
                f"{100 * curve.delta:.3g} %, and down to {times(low)} as fast")
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
        return (f"{a} {verb} {gain} over {b} at {at(axis, r.estimate)} "
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
    is_times = f"{a} runs at {times(e.effect)} the speed of {b}{interval}"
    return {
        "faster": is_times, "slower": is_times,
        "equivalent": f"{a} and {b} are equivalent: {value}",
    }.get(cell.verdict, f"{a} against {b} is undecided: {value}")


def cells_sentences(groups: list[list[Cell]], question: dict[str, Any],
                    baseline: str, names: Mapping[int, str]) -> list[str]:
    """What a forest plot shows: who leads where, and the largest loss."""
    leaders: dict[str, list[Cell]] = {}
    for cells in groups:
        best = max(cells, key=lambda c: c.estimate.effect)
        if best.verdict == "faster":
            leaders.setdefault(best.a, []).append(best)
    result = []
    total = plural(len(groups), "cell")
    for name, won in sorted(leaders.items(), key=lambda i: (-len(i[1]), i[0])):
        effects = sorted(c.estimate.effect for c in won)
        if len(won) == 1:
            place = (f" ({_full_title(question, won[0], names)})"
                     if len(groups) > 1 else "")
            result.append(f"{cell_sentence(won[0])}{place}.")
        else:
            result.append(
                f"{pretty(name)} is in front in {len(won)} of {total}, at "
                f"{span(effects[0], effects[-1])} the speed of {baseline}.")
    if not leaders:
        result.append(f"No contestant is clearly faster than {baseline} in "
                      f"{'the only cell' if len(groups) == 1 else f'any of {total}'}.")
    losers = [c for cells in groups for c in cells if c.verdict == "slower"]
    if losers:
        worst = min(losers, key=lambda c: c.estimate.effect)
        result.append(f"The largest loss: {cell_sentence(worst)} "
                      f"({_full_title(question, worst, names)}).")
    return result


def _full_title(question: dict[str, Any], cell: Cell,
                names: Mapping[int, str]) -> str:
    own = where(cell.regime, cell.threads, names)
    title = cell_title(question, cell)
    return f"{title}, {own}" if own else title


def cell_title(question: dict[str, Any], cell: Cell) -> str:
    for spec in question.get("cells") or []:
        if spec["name"] == cell.cell:
            return spec.get("title") or spec["name"]
    axis = make_axis(question)
    if axis is not None and cell.value is not None:
        return at(axis, cell.value)
    return cell.cell or ""


def in_order(cells: list[Cell], question: dict[str, Any]) -> list[Cell]:
    """As the catalogue lists them, the numbers of threads of each together."""
    place = {c["name"]: i for i, c in enumerate(question.get("cells") or [])}
    return sorted(cells, key=lambda c: (place.get(c.cell, 0), c.regime,
                                        c.threads))


def capital(sentence: str) -> str:
    """The sentence with a full stop; names keep their case."""
    return sentence if sentence.endswith(".") else sentence + "."


def _size(effect: float) -> float:
    return abs(effect) if math.isfinite(effect) else 0.0


def findings(analysis: Analysis, anchors: dict[tuple, str],
             claims: list[dict[str, Any]], most: int = 5) -> list[Finding]:
    """The strongest results first; a pair's settings share one sentence.

    `anchors` maps (question, regime, threads, b) to the figure that shows it.
    """
    questions = {q["name"]: q for q in analysis.run.questions}
    found = [Finding(
        f"Claim {claim['id']} is {claim['verdict']}: “{claim['text']}”",
        f"claim-{claim['id']}",
        {"contradicted": 7.0, "partly": 6.0}.get(claim["verdict"], 5.5))
        for claim in claims if "measured" in claim["decided_by"]]

    names = analysis.thread_names
    groups: dict[tuple, list[tuple[str, str, Curve]]] = {}
    for curve in analysis.curves:
        question = questions[curve.question]
        for level in curve.levels:
            if level.result.verdict == "crossover":
                groups.setdefault(
                    (6.5, curve.question, curve.a, curve.b,
                     level.spec["speedup"]), []).append((
                         level_sentence(curve, level, question),
                         _level_place(level, question), curve))
        weight = {"crossover": 5, "several": 4, "a_throughout": 2,
                  "b_throughout": 2, "equivalent": 2.2}.get(
                      curve.result.verdict if curve.result else "")
        if weight is not None:
            groups.setdefault(
                (weight, curve.question, curve.a, curve.b,
                 curve.result.verdict, curve.result.strict,
                 curve.result.rising), []).append((
                     curve_sentence(curve, question),
                     _curve_place(curve, question), curve))
    for key, items in groups.items():
        first, _, curve = items[0]
        more = _other_settings(items, names)
        own = where(curve.regime, curve.threads, names)
        text = f"{first}, {own}{more}" if own else f"{first}{more}"
        size = max(max(map(_size, c.reached)) for _, _, c in items)
        found.append(Finding(capital(text), anchors.get(
            (curve.question, curve.regime, curve.threads, curve.b),
            f"q-{curve.question}"), key[0] + size))
    found += _cell_findings(analysis, questions, anchors)
    found.sort(key=lambda f: (-f.weight, f.text))
    return _varied(found, most)


def _other_settings(items: list[tuple[str, str, Curve]],
                    names: Mapping[int, str]) -> str:
    """Where a finding's other settings lie: "; 61.7 % (2 threads)".

    Many numbers of threads in one regime share their bracket, and of many
    settings in several only the extremes are named, or nobody would read on."""
    first, rest = items[0][2], items[1:]
    regimes = {c.regime for _, _, c in items}
    if len(rest) > 3 and len(regimes) > 1:
        places = [place for _, place, _ in sorted(rest, key=lambda i: _at(i[1]))]
        return f"; {places[0]} to {places[-1]} in {len(rest)} other settings"
    if len(rest) > 2 and len(regimes) == 1:
        numbers = join([f"{c.threads}" for _, _, c in rest])
        return f"; {join([place for _, place, _ in rest])} at {numbers} threads"
    return "".join(
        f"; {place} ({where('stationary' if c.regime == first.regime else c.regime, c.threads, names)})"
        if c.threads else f"; {place}" for _, place, c in rest)


def _at(place: str) -> float:
    """The first number of a place, to order them: 61.7 of "61.7 %", 48500 of "48.5K"."""
    found = re.search(r"([0-9.]+)\s*([KMG]?)", place)
    return float(found[1].rstrip(".") or 0) * {"K": 1e3, "M": 1e6, "G": 1e9}.get(found[2], 1) if found else 0.0


def _level_place(level: Any, question: dict[str, Any]) -> str:
    axis = make_axis(question)
    r = level.result
    return (axis.format(r.estimate) if r.estimate is not None
            else axis.format_interval(r.low, r.high))


def _curve_place(curve: Curve, question: dict[str, Any]) -> str:
    if curve.result.verdict == "crossover":
        return _level_place(curve, question)
    return span(*curve.reached)


def _cell_findings(analysis: Analysis, questions: dict[str, Any],
                   anchors: dict[tuple, str]) -> list[Finding]:
    """Of every named cell, the largest decided difference."""
    best: dict[tuple, Cell] = {}
    for cell in analysis.cells:
        if cell.verdict not in ("faster", "slower"):
            continue
        key = (cell.question, cell.cell, cell.verdict)
        if key not in best or (_size(cell.estimate.effect)
                               > _size(best[key].estimate.effect)):
            best[key] = cell
    result = []
    for cell in best.values():
        text = (f"{_full_title(questions[cell.question], cell, analysis.thread_names)}: "
                f"{cell_sentence(cell)}")
        result.append(Finding(capital(text), anchors.get(
            (cell.question, cell.regime, cell.threads, cell.b),
            f"q-{cell.question}"), 2.5 + _size(cell.estimate.effect)))
    return result


def _varied(found: list[Finding], most: int) -> list[Finding]:
    """The strongest, but no more than two that lead to one figure."""
    chosen, used = [], {}
    for finding in found:
        key = ("claims" if finding.href.startswith("claim-")
               else finding.href)
        if used.get(key, 0) < 2 and len(chosen) < most:
            used[key] = used.get(key, 0) + 1
            chosen.append(finding)
    return chosen
