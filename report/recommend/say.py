# SPDX-License-Identifier: Apache-2.0
"""A recommendation as sentences, as text for a terminal and as a page."""

from __future__ import annotations

import dataclasses
import math
import textwrap
from typing import Any

from report import advice, latency, plates, render, words
from report.analyse import Analysis
from report.figures import forest
from report.figures.latency import rate
from report.figures.style import duration, fine, number
from report.recommend import Near, Pick, Recommendation, fitness, readable_bytes
from report.recommend import described, waits

MOST_PICKS = 8  # in the ranking as text
_WIDTH = 100


@dataclasses.dataclass(frozen=True)
class Said:
    """A recommendation in words; every sentence stands alone."""

    headline: str
    coverage: list[str]
    ranking: list[tuple[str, str, str, str, str]]  # map, speed with interval, word, memory, response times if limited
    reasons: list[str]
    assumed: list[tuple[str, str]]  # what, sentence
    change: list[str]
    use: list[str]  # three lines: Bazel, include, declaration
    measure: str  # the command
    answered: bool  # whether the run answers all that was asked; otherwise the command would
    left_out: list[str] = dataclasses.field(default_factory=list)  # of a trace that was described: what its fields do not tell


def say(r: Recommendation, analysis: Analysis) -> Said:
    traits = fitness.traits(analysis)
    best = r.picks[0].standing.name if r.picks else r.fit[0] if len(r.fit) == 1 else ""
    return Said(_headline(r), _coverage(r), [_rank(r, p) for p in r.picks], _reasons(r, traits),
                _assumed(r, traits, r.picks[0]) if r.picks else [], _change(r), use(best) if best else [], measure(r),
                r.covered and not r.undecidable)


def measure(r: Recommendation) -> str:
    """The command that measures the very point."""
    return f"bazel run //experiments -- --ask '{described.ask(r.wanted, r.constraints)}'"


def use(contestant: str) -> list[str]:
    """The lines that use a map, from its name: targets and headers follow from the list of strategies."""
    name = fitness.strategy_of(contestant)
    tunables = [t.split("@")[0] for t in contestant.split(":")[1:]]
    options = ", ".join(f".{t.partition('=')[0]} = {t.partition('=')[2]}" for text in tunables for t in text.split(","))
    return [f'deps = ["@concurrent_maps//maps:{name}"],', f'#include "maps/strategies/{name}.h"',
            f"cmap::strategies::{name}::Map<Key, Value> map" + (f"({{{options}}});" if options else ";")]


def _headline(r: Recommendation) -> str:
    if r.verdict == advice.ALONE:
        lead = r.nearest.place.next
        what = (f"Use {_name(r.picks[0])}: {number(math.exp(lead.lead))}×"
                f"{_interval(lead.low, lead.high)} the speed of {words.pretty(lead.name)}, the next")
    elif r.verdict == advice.EQUAL:
        what = f"Use {_or(r)}: equal within {100 * r.nearest.place.delta:.3g} %"
    elif r.verdict == advice.UNDECIDED:
        what = f"Undecided among {_or(r)}: the run does not tell them apart"
    else:
        if len(r.fit) == 1:
            return (f"Only {r.fit[0]} fits the constraints, so there is nothing to compare: use it, or ask for less" +
                    f"{_unknown(r)}.")
        unknown = waits.NOT_MEASURED in r.barred.values()
        return (("No map of the run is known to fit the constraints: ask for less, or measure those of which nothing is known."
                 if unknown else "No map of the run fits the constraints: ask for less.") if not r.fit else
                f"No map can be recommended: the run has no place at which two of those that fit met ({words.join(list(r.fit[:6]))}"
                + (f" and {len(r.fit) - 6} more)." if len(r.fit) > 6 else ")."))
    return what + (", at the nearest point that was measured" if not r.covered else "") + _unknown(r) + "."


def _unknown(r: Recommendation) -> str:
    """What no reader of the headline should take for granted."""
    if not r.undecidable:
        return ""
    limits = words.join([f"{waits.name_of(q)} {duration(ns)}" for q, ns in r.judged.limits.items()])
    return f"; whether {'they keep' if len(r.front) > 1 else 'it keeps'} {limits} is unknown"


def _name(pick: Pick) -> str:
    return words.pretty(pick.standing.name)


def _or(r: Recommendation) -> str:
    return words.join([words.pretty(n) for n in r.front], " or " if r.verdict == advice.EQUAL else " and ")


def _interval(low: float, high: float) -> str:
    return f" ({number(math.exp(low))} to {number(math.exp(high))})" if math.isfinite(low) and math.isfinite(high) else ""


def _where(near: Near) -> str:
    p = near.place
    regime = "" if p.regime == "stationary" else f", {p.regime.replace('_', ' ')}"
    threads = "" if p.title == f"threads {p.threads}" else f", {words.plural(p.threads, 'thread')}"
    return f"{p.question.replace('_', ' ')}: {p.title}{regime}{threads}"


def _gaps(near: Near) -> str:
    return ", ".join(f"{g.field} {g.there} instead of {g.wanted}" for g in near.gaps)


def _coverage(r: Recommendation) -> list[str]:
    if r.nearest is None:
        return []
    if r.covered:
        said = [f"Measured at {_where(r.nearest)}" + (f" ({_gaps(r.nearest)})." if r.nearest.gaps else ", the very point.")]
        for near in r.others:
            agrees = "agrees" if set(near.place.front) & set(r.front) else "has another map in front"
            said.append(f"{words.sentence(_where(near)).rstrip('.')} {agrees}: {_front(near)}.")
        return said
    widest = r.nearest.gaps[0]
    said = [f"No measured point covers this: the nearest, {_where(r.nearest)}, is furthest away in {widest.field} "
            f"({widest.there} instead of {widest.wanted})"
            + (f"; besides, {', '.join(f'{g.field} {g.there} instead of {g.wanted}' for g in r.nearest.gaps[1:])}." if r.nearest.gaps[1:] else ".")]
    others = [n for n in r.others if not set(n.place.front) & set(r.front)]
    if others:
        said.append(f"Other near points have other maps in front: {_where(others[0])}, {_front(others[0])}.")
    return said


def _front(near: Near) -> str:
    names = words.join([words.pretty(n) for n in near.place.front], " or ")
    return names if near.place.verdict != advice.UNDECIDED else f"undecided among {names}"


def _rank(r: Recommendation, pick: Pick) -> tuple[str, str, str, str, str]:
    s = pick.standing
    if s is r.picks[0].standing:
        speed, word = "1×", "fastest" if r.verdict == advice.ALONE else "in front"
    else:
        known = math.isfinite(s.low) and math.isfinite(s.high)
        speed = f"{fine(math.exp(-s.lead))}×" + (f" ({fine(math.exp(-s.high))} to {fine(math.exp(-s.low))})" if known else "")
        word = {advice.BEHIND: "slower", advice.EQUAL: "equal", advice.OPEN: "undecided"}[s.state]
    memory = readable_bytes(pick.memory.settled) if pick.memory else "not measured"
    told = ", ".join(f"{waits.name_of(w.quantile)} {waits.spread(w.figure)}" for w in pick.waits if w.figure)
    if r.came and not r.judged:
        told = _came(pick.at_its_own_times)
    return words.pretty(s.name), speed, word, memory, told or ("not known" if r.judged else "")


def _came(point: latency.Point | None) -> str:
    """Response times when the operations of a trace came as they came."""
    if point is None:
        return "not measured"
    if point.saturated:
        return "cannot keep up"
    told = ", ".join(f"{waits.name_of(q)} {duration(point.response[q].value)}" for q in latency.QUANTILES
                     if q in point.response and point.response[q].known)
    return told or (f"longest {duration(point.longest.value)}" if point.longest.known else "not known")


def _reasons(r: Recommendation, traits: dict[str, dict[str, Any]]) -> list[str]:
    """Why this map: how it works, and who was no choice."""
    said = []
    for name in r.front[:3]:
        t = traits.get(fitness.strategy_of(name), {})
        if t.get("summary"):
            said.append(f"{words.pretty(name)}: {words.sentence(t['summary'])}")
    unknown = [words.pretty(name) for name, why in sorted(r.barred.items()) if why == waits.NOT_MEASURED]
    said += [f"{words.pretty(name)} was passed over: {why}." for name, why in sorted(r.barred.items()) if why != waits.NOT_MEASURED]
    if unknown:
        said.append(f"{words.join(unknown)} {'was' if len(unknown) == 1 else 'were'} passed over: "
                    f"{'its' if len(unknown) == 1 else 'their'}{waits.NOT_MEASURED.removeprefix('its')}.")
    if r.passed_over is not None:
        said.append(f"Without the constraints {words.pretty(r.passed_over.name)} would be {number(math.exp(r.passed_over.lead))}×"
                    f"{_interval(r.passed_over.low, r.passed_over.high)} as fast.")
    return said + _waits(r)


def _waits(r: Recommendation) -> list[str]:
    """At which load the limits on response times were held against what was measured, or why they could not be."""
    if r.judged is None:
        return _at_its_own_times(r)
    near = r.judged.near
    if not r.judged.decided:
        far = (f" (the nearest, {_where(near)}, is furthest away in {near.gaps[0].field}: {near.gaps[0].there} instead of "
               f"{near.gaps[0].wanted})" if near is not None else "")
        return [f"This run cannot decide {name}: it measured no response times at this point{far}." for name in r.undecidable]
    said = [f"Response times are those of {_where(near)}, {r.judged.load}, from when an operation was due"
            + (f" ({_gaps(near)})." if near.gaps else ".")]
    for q, floor in r.judged.floor.items():
        if floor.high > r.judged.limits[q]:
            said.append(f"A map that does nothing has a {waits.name_of(q)} of {waits.spread(floor)} there: the limit of "
                        f"{duration(r.judged.limits[q])} is shorter than what the machine itself takes.")
    return said


def _at_its_own_times(r: Recommendation) -> list[str]:
    """Of a trace that was replayed when its operations came: how often that was, and what the machine itself takes."""
    offered = next((x.common.offered for x in r.came.runners if x.common and x.common.offered.known), None) if r.came else None
    if offered is None:
        return []
    floor = latency.at_half(r.came.control)
    tail = floor.response.get(0.99) if floor else None
    least = f" A map that does nothing has a p99 of {waits.spread(tail)} there." if tail and tail.known else ""
    return [f"Response times are those of the trace's operations at the times at which they came, {rate(offered.value)} a second on "
            f"average, from when an operation was due; maps start empty.{least}"]


_RANGE = {"weak": "Range visits each key at most once, and every key that is there throughout; it is no snapshot",
          "per shard": "Range sees each part of the map at one moment, the parts at different ones",
          "snapshot": "Range sees one state of the whole map"}


def _assumed(r: Recommendation, traits: dict[str, dict[str, Any]], pick: Pick) -> list[tuple[str, str]]:
    """What the map promises, which the reader's program may rest on and nothing else."""
    t = traits.get(fitness.strategy_of(pick.standing.name), {})
    memory = (f"about {readable_bytes(pick.memory.settled)} for {words.count(r.wanted.features.keys)} entries, "
              f"up to {readable_bytes(pick.memory.peak)} while it grows ({pick.memory.basis})" if pick.memory else
              "not measured in this run")
    peer = t.get("family") == "peer"
    rows = [
        ("memory", memory),
        ("staleness", "a load sees every store that has returned" if t.get("linearizable", True) else
         "a load may miss a store for a while after it has returned"),
        ("ordering", "what has returned is seen by all that begins afterwards, on any key" if t.get("linearizable", True) else
         "of one key in the order of its stores; between keys nothing is promised"),
        ("iteration", _RANGE.get(t.get("range", ""), "not recorded")),
        ("re-entrancy", "nothing is promised about calls from destructors or from functions it is given" if peer else
         "destructors of values that leave may call the map, and so may the function of Range; no other function, hash, "
         "comparison or copy may"),
        ("progress", f"loads {t.get('read_progress') or 'not recorded'}, stores {t.get('write_progress') or 'not recorded'}")]
    if t.get("unsupported"):
        rows.append(("without", f"{', '.join(t['unsupported'])}: {t.get('unsupported_reason') or 'no reason given'}"))
    if t.get("caveat"):
        rows.append(("caveat", t["caveat"].rstrip(".")))
    return rows


def _change(r: Recommendation) -> list[str]:
    said = [f"{words.sentence(c.what).rstrip('.')}: {words.join([words.pretty(n) for n in c.place.front], ' or ')} is in front."
            for c in r.changes]
    if not said and r.picks:
        said.append("Nothing that this run measured along the same question has another map in front.")
    return said


def as_text(r: Recommendation, said: Said, run: str) -> str:
    """For a terminal."""
    lines = [said.headline, *said.coverage, f"From run {run}; another machine may answer differently.", ""]
    if said.ranking:
        shown = said.ranking[:MOST_PICKS]
        widths = [max(len(row[i]) for row in shown) for i in range(len(shown[0]))]
        lines += ["  " + "  ".join(f"{text:<{width}}" for text, width in zip(row, widths)).rstrip() for row in shown]
        if len(said.ranking) > len(shown):
            lines.append(f"  and {len(said.ranking) - len(shown)} more")
    for title, sentences in (("Why", said.reasons), ("Assumed", [f"{what}: {text}." for what, text in said.assumed]),
                             ("What would change it", said.change), ("What the description leaves out", said.left_out)):
        if sentences:
            lines += ["", title, *(textwrap.fill(s, _WIDTH, initial_indent="  ", subsequent_indent="    ") for s in sentences)]
    if said.use:
        lines += ["", f"To use {words.pretty(r.picks[0].standing.name) if r.picks else r.fit[0]}", *("  " + line for line in said.use)]
    if not said.answered:
        lines += ["", "To measure the point itself (--measure runs it)", "  " + said.measure]
    return "\n".join(lines)


def as_page(r: Recommendation, said: Said, analysis: Analysis) -> str:
    """One self-contained HTML file in the style of the paper."""
    looks = render.looks_of(analysis)
    plate = None
    if len(r.picks) > 1:
        rows = [forest.Row(words.pretty(p.standing.name), -p.standing.lead, -p.standing.high, -p.standing.low,
                           {advice.BEHIND: "slower", advice.EQUAL: "equivalent", advice.OPEN: "undecided"}.get(
                               p.standing.state, ""), p.standing.visits) for p in r.picks[1:]]
        place = r.nearest.place
        plate = plates.Plate("fig-ranking", forest.draw(
            "fig-ranking", said.headline, [forest.Group(_where(r.nearest), rows, place.delta)], looks,
            words.pretty(r.picks[0].standing.name)), [f"Speed relative to {_name(r.picks[0])}, with 95 % intervals."])
    env = render.environment()
    env.filters["prose"] = render.prose_filter(render.names_of(analysis))
    return env.get_template("advice.html.j2").render({
        "r": r, "said": said, "plate": plate, "meta": analysis.run.meta,
        "asked": " ".join(r.wanted.given)})
