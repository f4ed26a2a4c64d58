# SPDX-License-Identifier: Apache-2.0
"""What several runs say together, as sentences and as rows of tables."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from report import words
from report.analyse import make_axis
from report.compare.compared import Comparison, Place
from report.compare.taken import Key
from report.figures.style import fine
from report.stats import between
from report.stats import compare as verdicts

MOST_FINDINGS = 9


def place_title(c: Comparison, key: Key) -> str:
    """Where a pair met: "Session cache, 97:3, 2 threads"."""
    question = c.question(key.question)
    own = words.where(key.regime, key.threads, {})
    spot = _spot(question, key)
    return f"{spot}, {own}" if own and not _counts_threads(question) else spot


def _counts_threads(question: dict[str, Any]) -> bool:
    return bool(question.get("axis")) and question["axis"].get("field") == "threads"


def _spot(question: dict[str, Any], key: Key) -> str:
    axis = make_axis(question)
    if axis is not None and key.value is not None:
        return words.at(axis, key.value)
    return next((s.get("title") or s["name"] for s in question["cells"] if s["name"] == key.cell), key.cell or "")


def pair(key: Key) -> str:
    return f"{words.pretty(key.a)} against {words.pretty(key.b)}"


def interval(low: float, high: float) -> str:
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f"{fine(math.exp(low))} to {fine(math.exp(high))}"


def with_interval(effect: float, low: float, high: float) -> str:
    """ "1.553× (1.500 to 1.607)"; without an interval where there is none."""
    if not math.isfinite(effect):
        return "?"
    inner = interval(low, high)
    return f"{fine(math.exp(effect))}×" + (f" ({inner})" if inner else "")


def difference_sentence(c: Comparison, p: Place) -> str:
    """Of a place, what the two runs that stand out say; no full stop."""
    x, y, d = p.entries[p.first], p.entries[p.second], p.together.difference
    a, b = words.pretty(p.key.a), words.pretty(p.key.b)
    return (f"{place_title(c, p.key)}: {a} runs at {with_interval(x.effect.effect, x.low, x.high)} the speed of {b} in "
            f"{c.runs[p.first].letter} and at {with_interval(y.effect.effect, y.low, y.high)} in "
            f"{c.runs[p.second].letter}, {with_interval(d.effect, d.low, d.high)} of that")


def totals(c: Comparison) -> str:
    """How many places agree, in a sentence or two."""
    count = c.counts
    if not c.places:
        return "The runs have no place in common, so there is nothing to compare."
    every = words.plural(len(c.places), "place")
    parts = [f"{words.count(count[between.AGREES])} {'agrees' if count[between.AGREES] == 1 else 'agree'}",
             f"{words.count(count[between.DIFFERS])} {'differs' if count[between.DIFFERS] == 1 else 'differ'}",
             f"{words.count(count[between.UNDECIDED])} {'is' if count[between.UNDECIDED] == 1 else 'are'} undecided"]
    turned = sum(p.other_winner for p in c.places)
    more = (f" In {words.plural(turned, 'place')} one run found the one map faster and another run the other."
            if turned else " Nowhere does one run find a map faster that another finds slower.")
    return f"Of {every} that at least two runs measured, {words.join(parts)}.{more}"


FEW_PLACES = 8  # below, a spread is in the table only


def spread_sentences(c: Comparison) -> list[str]:
    """How far runs move an effect, by number of threads: those that repeat one another if there are any, else all."""
    of = "repeats" if any(row.of == "repeats" for row in c.spreads) else "all"
    who = "Runs of one worker on one kind of machine" if of == "repeats" else "These runs, whatever their machine,"
    result = []
    for row in c.spreads:
        s = row.spread
        if row.of != of or s.places < FEW_PLACES:
            continue
        at = f"with {words.plural(row.threads, 'thread')}" if row.threads else "along an axis of threads"
        effect = "an effect" if row.what == "speed" else "a ratio of tails"
        own = f"{words.percent(s.within)} that their own visits leave open"
        high = words.percent(s.high)
        result.append(
            f"{who} move {effect}, {at}, by a standard deviation of {words.percent(s.between)} "
            f"({words.percent(s.low)} to {high}) beside the {own}." if s.low > 0 else
            f"{who} move {effect}, {at}, by no more than is seen of the {own}: a standard deviation of at most {high}.")
    return result


def machine_sentences(c: Comparison) -> list[str]:
    """Which runs repeat one another, and in what the others are of another kind."""
    result = []
    for group in c.groups:
        if len(group) > 1:
            result.append(f"{words.join([r.letter for r in group])} are runs of one worker on one kind of machine: "
                          "they repeat one another")
    if len({r.worker or r.letter for r in c.runs}) > 1:
        result.append("The runs are of different workers (by the hashes of their binaries): their effects are "
                      "compared, never pooled")
    kinds = {r.kind for r in c.runs}
    if len(kinds) > 1:
        facts = [name for i, (name, _) in enumerate(c.runs[0].kind) if len({k[i] for k in kinds}) > 1]
        parts = [", ".join(_fact(name, value) for name, value in r.kind if name in facts) for r in c.runs]
        by_kind: dict[str, list[str]] = {}
        for r, text in zip(c.runs, parts):
            by_kind.setdefault(text, []).append(r.letter)
        result.append(f"The machines differ in {words.join(facts)}: " + "; ".join(
            f"{words.join(letters)}: {text}" for text, letters in by_kind.items()))
    elif len(c.groups) > 1:
        result.append("The machines are of one kind")
    return [words.capital(s) for s in result]


def _fact(name: str, value: str) -> str:
    """ "8 last-level caches", "AMD EPYC"."""
    if not value.isdigit() or name == "cache line, bytes":
        return value if not value.isdigit() else f"{name} {value}"
    return f"{value} {name if value != '1' else name.removesuffix('s')}"


def findings(c: Comparison, anchors: dict[str, str], tail_anchors: dict[str, str],
             of_tail: Callable[[Comparison, Place], str]) -> list[words.Finding]:
    """The gravest differences first: other winners, then verdicts that contradict one another, then effects. of_tail: the
    sentence on a tail."""
    found = []
    for places, where, tell in ((c.places, anchors, difference_sentence), (c.tails, tail_anchors, of_tail)):
        for p in places:
            if p.other_winner or p.word == between.DIFFERS:
                turned = "; they name another winner" if p.other_winner else ""
                found.append(words.Finding(words.sentence(tell(c, p) + turned), where.get(p.key.question, "overview"),
                                           (20 if p.other_winner else 0) + min(9.0, abs(p.together.difference.effect))))
    for row in c.verdicts:
        if row.outcome in (verdicts.CONTRADICTORY, verdicts.DIFFER):
            found.append(words.Finding(
                words.capital(f"{verdict_title(c, row)}: " + "; ".join(
                    f"{r.letter} {verdict_text(c, row, e)}" for r, e in zip(c.runs, row.entries) if e)),
                "verdicts", 10 if row.outcome == verdicts.CONTRADICTORY else 0.05))
    found.sort(key=lambda f: (-f.weight, f.text))
    chosen, used = [], {}
    for finding in found:  # as in the paper of one run, no figure has more than three
        if used.get(finding.href, 0) < 3 and len(chosen) < MOST_FINDINGS:
            used[finding.href] = used.get(finding.href, 0) + 1
            chosen.append(finding)
    return chosen


def verdict_title(c: Comparison, row: verdicts.Row) -> str:
    """What is judged: "Where sync_map overtakes mutex_map, reuse threshold, growth, 1 thread"."""
    entry = next(e for e in row.entries if e)
    if row.section == "claims":
        return f"Claim {entry['id']}"
    own = words.where(entry["regime"], entry["threads"], {})
    gain = f"a gain of {100 * (entry['speedup'] - 1):.3g} %, " if row.section == "thresholds" else ""
    return (f"{words.pretty(entry['a'])} against {words.pretty(entry['b'])}, {gain}"
            f"{entry['experiment'].replace('_', ' ')}{', ' + own if own else ''}")


def verdict_text(c: Comparison, row: verdicts.Row, entry: dict[str, Any] | None) -> str:
    if entry is None:
        return "–"
    text = words.VERDICT_WORDS.get(entry["verdict"], str(entry["verdict"]))
    axis = make_axis(c.question(entry["experiment"])) if row.section != "claims" else None
    if axis is None or entry.get("low") is None or entry.get("high") is None:
        return text
    inner = axis.format_interval(entry["low"], entry["high"])
    return (f"{text} at {axis.format(entry['estimate'])} ({inner})" if entry.get("estimate") is not None
            else f"{text} {inner}")
