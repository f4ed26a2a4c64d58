# SPDX-License-Identifier: Apache-2.0
"""Rules that the run's own verdicts decide.

Each reads the lists of verdicts.json and nothing else, so a reader can repeat every decision with a text editor. A
rule answers NOT_ASKED when the run did not measure what the claim is about, and UNDECIDED when it did but no interval
was narrow enough. Points with more threads than cores decide nothing but what is claimed of them.

Speeds are of `a` relative to `b`: above 1, a is faster. `metric` says of what: "time" per operation, or another name
that a row of `cells` or `crossovers` carries as its `metric` ("p99": a's tail is shorter). A pair is found whichever
of the two was the baseline.
"""

import dataclasses
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from report.claims.model import (CONTRADICTED, MEASURED, NOT_ASKED, NOT_TESTABLE, SUPPORTED, UNDECIDED, Decision,
                                 Evidence, agreement)

Row = Mapping[str, Any]

# A printed ratio is met when the whole interval lies within a tenth of it.
PRINTED = 1.10

_FLIPPED = {"faster": "slower", "slower": "faster", "a_throughout": "b_throughout", "b_throughout": "a_throughout",
            "a": "b", "b": "a"}


def flipped(row: Row) -> Row:
    """The same row with a and b exchanged."""
    turned = {**row, "a": row["b"], "b": row["a"], "verdict": _FLIPPED.get(row["verdict"], row["verdict"])}
    if "left" in row:
        turned["left"] = _FLIPPED.get(row["left"], row["left"])
    if "ratio" in row:
        for mine, other in (("ratio", "ratio"), ("low", "high"), ("high", "low")):
            turned[mine] = None if row[other] is None else 1 / row[other]
    return turned


def shown(name: str) -> str:
    """A contestant for a sentence: along an axis of a tunable the value is said elsewhere."""
    return re.sub(r":\w+=\{\}", "", name)


def where(row: Row) -> str:
    """Names a row for a sentence: pair, place, regime, threads."""
    at = row.get("cell") or row.get("axis") if "ratio" in row else None
    place = f" at {number(at)}" if isinstance(at, (int, float)) else ""
    regime = f", {row['regime']}" if row.get("regime") else ""
    threads = f", {row['threads']} thread{'s' if row['threads'] != 1 else ''}" if row["threads"] else ""
    return f"{shown(row['a'])} against {shown(row['b'])}{place}{regime}{threads}"


def interval_in(row: Row, low: float, high: float) -> str:
    """Whether a row's interval lies inside [low, high], outside it, or across an end."""
    if row["low"] is None or row["high"] is None:
        return UNDECIDED
    if low <= row["low"] and row["high"] <= high:
        return SUPPORTED
    return CONTRADICTED if row["high"] < low or row["low"] > high else UNDECIDED


def number(x: float) -> str:
    """A place on an axis for a sentence."""
    return f"{x:,.0f}" if abs(x) >= 100 else f"{x:.3g}"


def span(low: float, high: float, unit: str = "") -> str:
    if high == math.inf:
        return f"above {number(low)}{unit}"
    if low == -math.inf or low == 0:
        return f"at most {number(high)}{unit}"
    if low == high:
        return f"{number(low)}{unit}"
    return f"between {number(low)}{unit} and {number(high)}{unit}"


def ratio(row: Row) -> str:
    if row["low"] is None or row["high"] is None:
        return f"too few visits ({row['visits']})"
    return f"{row['ratio']:.2f}x ({row['low']:.2f} to {row['high']:.2f}, {row['visits']} visits)"


@dataclasses.dataclass(frozen=True)
class Control:
    """What a machine must show before a question can tell anything there: in `cell` a is at least `least` times as fast as
    b. Where the whole interval lies below, what is claimed is not testable; the clause `why` says it."""

    cell: str
    a: str
    b: str
    least: float
    why: str

    @property
    def rule(self) -> str:
        return (f", where the control shows ({self.a} at least {number(self.least)}x as fast as {self.b} in {self.cell}; "
                "not testable where it does not)")


@dataclasses.dataclass(frozen=True)
class Asked:
    """What every measured rule has: the question, and which settings of it count."""

    question: str
    kind = MEASURED
    regime: str | None = dataclasses.field(default=None, kw_only=True)
    threads: int = dataclasses.field(default=0, kw_only=True)  # at least so many, each with a core
    metric: str = dataclasses.field(default="time", kw_only=True)
    loose: bool = dataclasses.field(default=False, kw_only=True)  # only points with more threads than cores
    control: Control | None = dataclasses.field(default=None, kw_only=True)

    @property
    def questions(self) -> tuple[str, ...]:
        return (self.question,)

    @property
    def settings(self) -> str:
        parts = [f"from {self.threads} threads on"] if self.threads else []
        parts += [f"in the {self.regime} regime"] if self.regime else []
        parts += ["with more threads than cores"] if self.loose else []
        return "".join(f", {p}" for p in parts) + (self.control.rule if self.control else "")

    @property
    def what(self) -> str:
        return "speed" if self.metric == "time" else self.metric.replace("_", " ")

    def rows(self, evidence: Evidence, table: str, **match: Any) -> list[Row]:
        return [row for row in evidence.conclusions.get(table, ())
                if row.get("experiment") == self.question and bool(row.get("oversubscribed")) == self.loose
                and row.get("metric", "time") == self.metric and self.regime in (None, row.get("regime"))
                and all(row.get(field) == value for field, value in match.items() if value is not None)]

    def pairs(self, evidence: Evidence, table: str, a: str, b: str, **match: Any) -> list[Row]:
        found = (self.rows(evidence, table, a=a, b=b, **match)
                 or [flipped(row) for row in self.rows(evidence, table, a=b, b=a, **match)])
        return [{**row, "control": self._control(evidence, row)} for row in found] if self.control else found

    def _control(self, evidence: Evidence, row: Row) -> tuple[str, str]:
        """Whether the control shows in the setting of a row (SUPPORTED), does not, or is not known to; and its ratio."""
        c = self.control
        plain = Asked(self.question)
        for found in plain.pairs(evidence, "cells", c.a, c.b, cell=c.cell, regime=row["regime"], threads=row["threads"]):
            return interval_in(found, c.least, math.inf), ratio(found)
        return UNDECIDED, "not measured"

    def decided(self, found: list[Row], judge: Callable[[Row], tuple[str, str]],
                name: Callable[[Row], str] = where) -> Decision:
        """One decision from all settings; `judge` gives verdict and words of a row."""
        if not found:
            cell = getattr(self, "cell", None) or getattr(self, "place", None)
            place = f", cell {cell}," if isinstance(cell, str) else f", at {number(cell)}," if cell else ""
            return Decision(NOT_ASKED, f"Question {self.question}{place} decides it, and this run has no such "
                            "measurement.")
        enough = [row for row in found if row["threads"] >= self.threads]
        if not enough:
            most = max(row["threads"] for row in found)
            return Decision(NOT_TESTABLE, f"The text has {self.threads} threads; this run had cores for {most} at "
                                          "most.")
        shown = [row for row in enough if row.get("control", (SUPPORTED,))[0] == SUPPORTED]
        if not shown:
            known = all(row["control"][0] == CONTRADICTED for row in enough)
            said = "; ".join(f"{row['threads']} threads: {row['control'][1]}" for row in enough)
            return Decision(NOT_TESTABLE if known else UNDECIDED,
                            f"{self.control.why if known else 'It is not known whether the control shows'}: "
                            f"{self.control.a} against {self.control.b} in {self.control.cell}, {said}.")
        judged = [(row, *judge(row)) for row in shown]
        return Decision(
            agreement(verdict for _, verdict, _ in judged),
            "; ".join(f"{name(row)}: {words}" for row, _, words in judged) + ".",
            tuple(dict.fromkeys((self.question, row.get("regime", ""), row["threads"], row.get("a", ""),
                                 row.get("b", ""))
                                for row in shown)))


@dataclasses.dataclass(frozen=True)
class Speed(Asked):
    """The speed of a relative to b lies within [low, high]: the whole interval inside, or disjoint."""

    cell: str | float
    a: str
    b: str
    low: float
    high: float

    @property
    def rule(self) -> str:
        return (f"{self.what} of {self.a} relative to {self.b} in {self.question}/{self.cell}{self.settings}: "
                f"supported when the whole interval lies {span(self.low, self.high, 'x')}, contradicted when none of "
                "it does")

    def decide(self, evidence: Evidence) -> Decision:
        field = "cell" if isinstance(self.cell, str) else "axis"
        return self.decided(self.pairs(evidence, "cells", self.a, self.b, **{field: self.cell}),
                            lambda row: (interval_in(row, self.low, self.high), ratio(row)))


def printed(question: str, cell: str | float, a: str, b: str, value: float, **more: Any) -> Speed:
    """The speed of a relative to b is `value`, as a text prints it."""
    return Speed(question, cell, a, b, value / PRINTED, value * PRINTED, **more)


@dataclasses.dataclass(frozen=True)
class Order(Asked):
    """The verdict on a against b is one of `expect`."""

    cell: str | float | None
    a: str
    b: str
    expect: tuple[str, ...] = ("faster",)

    @property
    def rule(self) -> str:
        place = "" if self.cell is None else f"/{self.cell}"
        return (f"{self.what} of {shown(self.a)} against {shown(self.b)} in {self.question}{place}{self.settings}: "
                f"supported when {' or '.join(self.expect)}, contradicted when another word is decided")

    def decide(self, evidence: Evidence) -> Decision:
        field = "cell" if isinstance(self.cell, str) else "axis"

        def judge(row: Row) -> tuple[str, str]:
            verdict = (UNDECIDED if row["verdict"] == "undecided"
                       else SUPPORTED if row["verdict"] in self.expect else CONTRADICTED)
            return verdict, f"{row['verdict']}, {ratio(row)}"

        return self.decided(self.pairs(evidence, "cells", self.a, self.b, **{field: self.cell}), judge)


@dataclasses.dataclass(frozen=True)
class Crosses(Asked):
    """a and b change places within [low, high] of the axis, and `left` is the faster one below."""

    a: str
    b: str
    low: float
    high: float
    left: str  # "a" or "b"
    overlap: bool = False  # enough that the interval meets the range: for places given as an order of magnitude

    @property
    def rule(self) -> str:
        first = self.a if self.left == "a" else self.b
        touch = "meets" if self.overlap else "lies within"
        return (f"{self.what} of {self.a} and {self.b} along {self.question}{self.settings}: supported when they "
                "cross, "
                f"{first} faster below, and the interval {touch} the range {span(self.low, self.high)}; contradicted "
                "when "
                "they cross elsewhere, the other way or not at all")

    def decide(self, evidence: Evidence) -> Decision:
        def judge(row: Row) -> tuple[str, str]:
            if row["verdict"] == "undecided":
                return UNDECIDED, "undecided"
            if row["verdict"] == "several":
                return UNDECIDED, "they cross more than once"
            if row["verdict"] != "crossover":
                return CONTRADICTED, f"no crossing ({row['verdict'].replace('_', ' ')})"
            at = f"{number(row['estimate'])} " if row["estimate"] is not None else ""
            at += f"({number(row['low'])} to {number(row['high'])})"
            words = f"they cross at {at}, {row[row['left']]} faster below"
            if row["left"] != self.left:
                return CONTRADICTED, words
            if self.overlap:
                met = row["low"] <= self.high and row["high"] >= self.low
                return (SUPPORTED if met else CONTRADICTED), words
            return interval_in(row, self.low, self.high), words

        return self.decided(self.pairs(evidence, "crossovers", self.a, self.b), judge)


@dataclasses.dataclass(frozen=True)
class FasterBelow(Asked):
    """At the left end of the axis `a` is faster than `b`."""

    a: str
    b: str

    @property
    def rule(self) -> str:
        return (f"{self.what} of {self.a} and {self.b} along {self.question}{self.settings}: supported when "
                f"{self.a} is "
                "faster at the left end, contradicted when the other is or neither")

    def decide(self, evidence: Evidence) -> Decision:
        def judge(row: Row) -> tuple[str, str]:
            if row["verdict"] in ("undecided", "several"):
                return UNDECIDED, row["verdict"]
            if row["left"] is None:
                return CONTRADICTED, row["verdict"].replace("_", " ")
            upto = "throughout" if row["verdict"] != "crossover" else (
                f"below {number(row['low'])}" if row["estimate"] is None else f"below {number(row['estimate'])}")
            return (SUPPORTED if row["left"] == "a" else CONTRADICTED), f"{row[row['left']]} is faster {upto}"

        return self.decided(self.pairs(evidence, "crossovers", self.a, self.b), judge)


@dataclasses.dataclass(frozen=True)
class Reaches(Asked):
    """a gains a required factor over whatever it is held against, from a place within [low, high] on."""

    name: str  # of the level
    a: str
    gain: str  # in words
    low: float
    high: float

    @property
    def rule(self) -> str:
        return (f"where {self.a} gains {self.gain} along {self.question}{self.settings}: supported when the interval "
                "of "
                f"that place lies {span(self.low, self.high)} and the gain is smaller below; contradicted when it is "
                "disjoint, when the gain is lost there, or when it is reached nowhere or everywhere")

    def decide(self, evidence: Evidence) -> Decision:
        def judge(row: Row) -> tuple[str, str]:
            if row["verdict"] in ("undecided", "several"):
                return UNDECIDED, row["verdict"]
            if row["verdict"] != "crossover":
                side = {"a_throughout": "exceeded everywhere", "b_throughout": "reached nowhere"}.get(row["verdict"])
                return CONTRADICTED, side or "neither exceeded nor missed anywhere"
            at = f"({number(row['low'])} to {number(row['high'])})"
            if row["left"] != "b":
                return CONTRADICTED, f"lost at {at}"
            return interval_in(row, self.low, self.high), f"reached at {at}"

        found = [row for row in self.rows(evidence, "thresholds", a=self.a) if row.get("name") == self.name]
        return self.decided(found, judge)


@dataclasses.dataclass(frozen=True)
class Best(Asked):
    """Along a discrete axis one of `values` is the best that a can have, or not told apart from it."""

    a: str
    b: str
    values: tuple[float, ...]

    @property
    def rule(self) -> str:
        listed = " or ".join(number(v) for v in self.values)
        return (f"{self.what} of {shown(self.a)} relative to {shown(self.b)} along {self.question}{self.settings}: "
                "supported when "
                f"{listed} has the greatest ratio or an interval that meets the greatest one's, contradicted when "
                "another "
                "value's whole interval lies above")

    def decide(self, evidence: Evidence) -> Decision:
        found = self.pairs(evidence, "cells", self.a, self.b)
        if not any(row["axis"] in self.values for row in found):
            found = []

        def judge(rows: list[Row]) -> tuple[str, str]:
            known = [row for row in rows if row["low"] is not None and row["high"] is not None]
            own = [row for row in known if row["axis"] in self.values]
            if not own or len(known) < 2:
                return UNDECIDED, "too few visits"
            top = max(known, key=lambda row: row["ratio"])
            met = max(row["high"] for row in own) >= top["low"]
            return (SUPPORTED if met else CONTRADICTED), f"{number(top['axis'])} is the best, {ratio(top)}"

        groups: dict[tuple[str, int], list[Row]] = {}
        for row in found:
            groups.setdefault((row["regime"], row["threads"]), []).append(row)
        heads = [rows[0] for rows in groups.values()]
        return self.decided(heads, lambda row: judge(groups[(row["regime"], row["threads"])]),
                            lambda row: where({k: v for k, v in row.items() if k != "ratio"}))


@dataclasses.dataclass(frozen=True)
class Amount(Asked):
    """A quantity of one contestant (a share, a tail, a count an operation) lies within [low, high]."""

    cell: str | float | None
    contestant: str
    low: float
    high: float

    @property
    def rule(self) -> str:
        place = "" if self.cell is None else f"/{self.cell}"
        return (f"{self.what} of {self.contestant} in {self.question}{place}{self.settings}: supported when the "
                "whole "
                f"interval lies {span(self.low, self.high)}, contradicted when none of it does")

    def decide(self, evidence: Evidence) -> Decision:
        field = "cell" if isinstance(self.cell, str) else "axis"
        found = self.rows(evidence, "quantities", contestant=self.contestant, **{field: self.cell})
        return self.decided(
            found, lambda row: (interval_in(row, self.low, self.high),
                                "too few visits" if row["low"] is None else
                                f"{number(row['value'])} ({number(row['low'])} to {number(row['high'])})"),
            lambda row: where({**row, "a": self.contestant, "b": "what is claimed"}))


@dataclasses.dataclass(frozen=True)
class Steps(Asked):
    """A quantity of one contestant at one place of the axis, over that at another, lies within [low, high]."""

    contestant: str
    here: float
    there: float
    low: float
    high: float

    @property
    def rule(self) -> str:
        return (f"{self.what} of {self.contestant} at {number(self.here)} over that at {number(self.there)} of "
                f"{self.question}{self.settings}: supported when the whole interval lies {span(self.low, self.high)}, contradicted "
                "when none of it does")

    def decide(self, evidence: Evidence) -> Decision:
        def at(place: float) -> dict[tuple[str, int], Row]:
            return {(row["regime"], row["threads"]): row
                    for row in self.rows(evidence, "quantities", contestant=self.contestant, axis=place)}

        there = at(self.there)
        found = [{**row, **_quotient(row, there[place])} for place, row in at(self.here).items() if place in there]
        return self.decided(
            found, lambda row: (interval_in(row, self.low, self.high), "too few visits" if row["low"] is None else
                                f"{row['value']:.2f} times ({row['low']:.2f} to {row['high']:.2f})"),
            lambda row: where({**row, "a": self.contestant, "b": f"itself at {number(self.there)}"}))


def _quotient(a: Row, b: Row) -> dict[str, float | None]:
    """Value and interval of one quantity over another: as wide as both allow."""
    bounds = [a["low"], a["high"], b["low"], b["high"]]
    if None in bounds or not b["low"]:
        return {"value": None, "low": None, "high": None}
    return {"value": a["value"] / b["value"], "low": a["low"] / b["high"], "high": a["high"] / b["low"]}


@dataclasses.dataclass(frozen=True)
class Tells(Asked):
    """A quantity of a tells where b is ahead of it: in the cells in which it is above a bound, and in no others."""

    a: str
    b: str
    bound: float

    @property
    def rule(self) -> str:
        return (f"{self.what} of {self.a} in the cells of {self.question}{self.settings}: supported when {self.b} is decidedly "
                f"faster in every cell where it is above {number(self.bound)}, and {self.a} is not slower in any where it is "
                "below, with cells of both kinds; contradicted when a cell shows the contrary; intervals that hold the bound and "
                "undecided pairs decide nothing")

    def decide(self, evidence: Evidence) -> Decision:
        speeds = dataclasses.replace(self, metric="time").pairs(evidence, "cells", self.a, self.b)
        told = {(row["cell"], row["regime"], row["threads"]): row
                for row in self.rows(evidence, "quantities", contestant=self.a)}
        groups: dict[tuple[str, int], list[tuple[Row, Row]]] = {}
        for row in speeds:
            quantity = told.get((row["cell"], row["regime"], row["threads"]))
            if quantity:
                groups.setdefault((row["regime"], row["threads"]), []).append((row, quantity))
        return self.decided([found[0][0] for found in groups.values()],
                            lambda row: self._judge(groups[(row["regime"], row["threads"])]),
                            lambda row: where({k: v for k, v in row.items() if k != "ratio"}))

    def _judge(self, found: list[tuple[Row, Row]]) -> tuple[str, str]:
        sides = {True: 0, False: 0}
        wrong = []
        for speed, quantity in found:
            side = interval_in(quantity, self.bound, math.inf)
            if side == UNDECIDED or speed["verdict"] == "undecided":
                continue
            above = side == SUPPORTED
            sides[above] += 1
            if above != (speed["verdict"] == "slower"):
                wrong.append(f"{speed['cell']}: {number(quantity['value'])}, and {shown(self.a)} is {speed['verdict']}, "
                             f"{ratio(speed)}")
        if wrong:
            return CONTRADICTED, "; ".join(wrong)
        known = f"as foretold in {sides[True]} above {number(self.bound)} and {sides[False]} below"
        return (SUPPORTED if all(sides.values()) else UNDECIDED), known


def all_questions(parts: Iterable[Any]) -> list[str]:
    """Names of the questions that parts read, in order, each once."""
    return list(dict.fromkeys(q for part in parts for q in getattr(part, "questions", ())))
