# SPDX-License-Identifier: Apache-2.0
"""What may stand in run.json and samples.jsonl: one table, by which the report and the orchestrator read them.

METHODOLOGY.md, section 9, says what the fields mean; this file says what they may be. A file that breaks the table is
refused with the field, what stands there and what belongs there. Fields and kinds of line that the table does not
name are let through unread: the format may gain some. A million lines are checked, so checks are plain functions.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

from report.stats import axis as axis_lib

VERSION = 1  # `schema` of run.json
MOST_TEXT = 20_000  # characters; a name is shorter
MOST_NAME = 300
GREATEST = 1e18  # of any number: what is measured fits, and sums and ratios stay finite


class Malformed(Exception):
    """What is read is not what belongs there. The message completes "FILE [line N] ..."; no full stop."""


class Kind:
    """What a value may be: `belongs` in words, `fits` as a test."""

    def __init__(self, belongs: str, fits: Callable[[Any], bool]):
        self.belongs, self.fits = belongs, fits

    def fault(self, value: Any, path: str) -> tuple[str, Any, str] | None:
        """(where, what is there, what belongs there) of the first thing that does not fit, or None."""
        return None if self.fits(value) else (path, value, self.belongs)


class Number(Kind):
    """A number from `low` to `high`, of certain types. Most of what a million lines hold, so a record tests it itself."""

    def __init__(self, belongs: str, low: float, high: float, *types: type):
        super().__init__(belongs, lambda v: type(v) in types and low <= v <= high)
        self.low, self.high, self.types = low, high, types


def whole(low: int = 0, high: int = int(GREATEST)) -> Kind:
    """A whole number; 2.0 is none, and neither is true."""
    return Number(f"a whole number from {low} to {high}", low, high, int)


def number(low: float = -GREATEST, high: float = GREATEST) -> Kind:
    """A finite number, both ends included."""
    return Number(f"a number from {low:g} to {high:g}", low, high, float, int)


def text(most: int = MOST_TEXT) -> Kind:
    """Characters that can be written as UTF-8."""
    return Kind(f"text of at most {most} characters",
                lambda v: type(v) is str and len(v) <= most and (v.isascii() or _encodes(v)))


def _encodes(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def matching(pattern: str, belongs: str) -> Kind:
    compiled = re.compile(pattern, re.ASCII)
    return Kind(belongs, lambda v: type(v) is str and compiled.fullmatch(v) is not None)


def one_of(*words: str) -> Kind:
    known = frozenset(words)
    return Kind(f"one of {', '.join(words)}", lambda v: type(v) is str and v in known)


def or_null(kind: Kind) -> Kind:
    return _OrNull(kind)


class _OrNull(Kind):

    def __init__(self, kind: Kind):
        fits = kind.fits
        super().__init__(kind.belongs + ", or null", lambda v: v is None or fits(v))
        self._kind = kind

    def fault(self, value, path):
        found = None if value is None else self._kind.fault(value, path)
        return (found[0], found[1], self.belongs) if found and found[0] == path else found


class List(Kind):
    """A list whose elements are all of one kind."""

    def __init__(self, kind: Kind, least: int = 0, most: int = 10_000):
        fits = kind.fits
        size = f"{least} to {most}" if least else f"at most {most}"
        super().__init__(f"a list of {size} elements, each {kind.belongs}",
                         lambda v: type(v) is list and least <= len(v) <= most and all(map(fits, v)))
        self._kind, self._least, self._most = kind, least, most

    def fault(self, value, path):
        if type(value) is not list or not self._least <= len(value) <= self._most:
            return path, value, self.belongs
        return next(filter(None, (self._kind.fault(v, f"{path}[{i}]") for i, v in enumerate(value))), None)


class Table(Kind):
    """An object of any names with values of one kind."""

    def __init__(self, kind: Kind, names: Kind | None = None):
        names = names or text(MOST_NAME)
        fits, named = kind.fits, names.fits
        super().__init__(f"an object of which each value is {kind.belongs}",
                         lambda v: type(v) is dict and all(map(named, v)) and all(map(fits, v.values())))
        self._kind, self._names = kind, names

    def fault(self, value, path):
        if type(value) is not dict:
            return path, value, self.belongs
        for name, element in value.items():
            found = (self._names.fault(name, f"a name in {path}")
                     or self._kind.fault(element, f"{path}.{cut(name)}"))
            if found:
                return found
        return None


class Record(Kind):
    """An object with named fields. A name that ends in "?" may be absent; names not listed may hold anything."""

    def __init__(self, **fields: Kind):
        raise TypeError("use record()")

    def fault(self, value, path):
        if type(value) is not dict:
            return path, value, self.belongs
        for name, required, kind in self.fields:
            where = f"{path}.{name}" if path else name
            if name not in value:
                if required:
                    return where, _ABSENT, kind.belongs
                continue
            found = kind.fault(value[name], where)
            if found:
                return found
        return None


_ABSENT = object()


def record(fields: dict[str, Kind], belongs: str = "an object") -> Record:
    """A Record of fields, {"name": kind, "name that may be absent?": kind}."""
    made = Record.__new__(Record)
    made.fields = tuple((n.removesuffix("?"), not n.endswith("?"), kind) for n, kind in fields.items())
    # A number that may be absent is taken for the least, which fits.
    numbers = tuple((name, None if required else kind.low, kind.types, kind.low, kind.high)
                    for name, required, kind in made.fields if type(kind) is Number)
    tests = tuple((name, required, kind.fits) for name, required, kind in made.fields if type(kind) is not Number)

    def fits(value: Any) -> bool:
        if type(value) is not dict:
            return False
        get = value.get
        for name, absent, types, low, high in numbers:
            found = get(name, absent)
            if type(found) not in types or not low <= found <= high:
                return False
        for name, required, test in tests:
            if name in value:
                if not test(value[name]):
                    return False
            elif required:
                return False
        return True

    Kind.__init__(made, belongs, fits)
    return made


def requiring(kind: Record, *names: str) -> Record:
    """The same record, in which these fields may not be absent."""
    return record({name + ("" if required or name in names else "?"): field
                   for name, required, field in kind.fields}, kind.belongs)


def _is_plain(value: Any, depth: int = 4) -> bool:
    if value is None or type(value) is bool:
        return True
    if type(value) in (int, float, str):
        return _NUMBER.fits(value) or _TEXT.fits(value)
    if not depth or type(value) not in (list, dict) or len(value) > 10_000:
        return False
    inner = value if type(value) is list else [*value, *value.values()]
    return all(_is_plain(v, depth - 1) for v in inner)


_TEXT, _NAME, _NUMBER, _COUNT = text(), text(MOST_NAME), number(), whole()
_FLAG = Kind("true or false", lambda v: type(v) is bool)
_MARK = Kind("true, false, 0 or 1", lambda v: v is True or v is False or (type(v) is int and v in (0, 1)))
_PLAIN = Kind("text, numbers, or short lists and objects of them", _is_plain)
_THREADS = whole(1, 65_536)
_SHARE = number(0, 1000)
_REGIME = one_of("stationary", "growth", "reserved", "fixed_distinct")
# What the paper reads of a workload; the worker knows the rest.
_WORKLOAD = record({
    "regime?": _REGIME, "mix?": or_null(Table(_NUMBER)), "key_type?": or_null(_NAME), "value_type?": or_null(_NAME),
    "keys?": or_null(record({"stream?": or_null(_NAME), **{f"{field}?": or_null(_NUMBER) for field in (
        "reuse", "theta", "hot_share", "hot_fraction")}})),
    **{f"{field}?": or_null(number(0)) for field in ("population", "ops", "key_bytes", "value_bytes")}})
_WHEN = matching(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "a time such as 2026-01-15T10:00:00Z")
_VISIT = whole(0, 1 << 53)
_CALL = one_of("inlined", "called")
_PAGES = one_of("asked", "huge", "small")
_INDEX = whole(0, 255)
_BLOCK = whole(0, 1 << 40)

# Counts of a histogram by index, -n for n empty ones; there are 4352 (report/stats/latency.py).
_STEPS = 4352


def _is_histogram(value: Any) -> bool:
    if type(value) is not list or len(value) > _STEPS:
        return False
    steps = 0
    for n in value:
        if type(n) is not int or not -_STEPS <= n <= 1 << 32 or n == 0:
            return False
        steps += 1 if n > 0 else -n
    return steps <= _STEPS and (not value or value[-1] > 0)


_HISTOGRAM = Kind(f"a histogram: counts, or -n for n empty steps, of at most {_STEPS} steps, the last not empty",
                  _is_histogram)
_RATE = number(0, 1e15)  # operations a second
_SERIES = List(_COUNT, most=100_000)
_TRIPLE = List(or_null(_COUNT), 3, 3)
_TIMES = {"response?": _HISTOGRAM, "service?": _HISTOGRAM, "lag?": _HISTOGRAM, "max?": List(_COUNT, 3, 3),
          "saturated?": _MARK, "why?": _NAME}
_SHAPE = {"from": _SERIES, "until": _SERIES, "window": whole(1), "due": _SERIES, "done": _SERIES, "p50": _SERIES,
          "p99": List(or_null(_COUNT), most=100_000), "max": _SERIES}


_RECLAIMED = record({"events": _COUNT, "freed": _COUNT, "with_ns": or_null(number(0)), "without_ns": or_null(number(0)),
                     "p99_ns": or_null(_COUNT)})


def _whole_or_marked(fields: dict[str, Kind], *names: str) -> Record:
    """A record that has all the named fields, unless it says why not."""
    made = record({"v": _VISIT, **fields}, f"a record with {', '.join(names)}, or with saturated or why")
    fits = made.fits

    def complete(value: Any) -> bool:
        return fits(value) and (bool(value.get("why")) or bool(value.get("saturated")) or all(n in value for n in names))

    made.fits = complete
    fault = made.fault

    def found(value: Any, path: str) -> tuple[str, Any, str] | None:
        wrong = fault(value, path)
        if wrong is None and not complete(value):
            name = next(n for n in names if n not in value)
            wrong = name, _ABSENT, dict(((f, k) for f, _, k in made.fields))[name].belongs
        return wrong

    made.fault = found
    return made


# The records of samples.jsonl by `t`; each has `v` besides.
LINES: dict[str, Record] = {kind: record({"v": _VISIT, **fields}) for kind, fields in {
    "visit": {
        "question": _NAME, "of?": _NAME, "contestants": List(_NAME, 1, 256), "baseline?": or_null(_NAME),
        "cell": record({"axis?": or_null(_NUMBER), "threads?": _THREADS, "regime?": _REGIME,
                        "name?": or_null(_NAME), "oversubscribed?": _MARK}),
        "workload": _WORKLOAD, "threads": _THREADS, "arch?": _NAME, "timed": _FLAG,
        "layout?": or_null(whole(1, 1000)),
        "purpose?": one_of("screen", "zoom", "cell", "aa", "harness", "validate"), "at?": _WHEN,
        "oversubscribed?": _MARK, "call?": _CALL, "pages?": _PAGES,
        "gate?": or_null(record({"waited_s?": number(0), "other_cpu?": _SHARE, "quiet?": _MARK}))},
    "realised": {"figures": Table(_NUMBER)},
    "slice": {
        "b": _BLOCK, "c": _INDEX, "n": whole(1), "ns?": number(1e-3), "w?": _MARK, "p?": whole(-1 << 40, 1 << 40),
        "k?": _COUNT, "rd?": _SHARE, "late?": _SHARE, "hits?": _COUNT,
        "least?": _SHARE, "most?": _SHARE, "jain?": number(0, 1.001), "gap?": number(0)},
    "reject": {"b": _BLOCK, "why": _NAME, "value?": _NUMBER},
    "counters": {"c": _INDEX, "counters": Table(_NUMBER)},
    "amounts": {"c": _INDEX, "amounts": Table(_NUMBER)},
    "memory": {"c": _INDEX, "bytes": _COUNT, "entries": _COUNT},
    "round": {"b": _BLOCK, "c": _INDEX, "bytes": _COUNT},
    "invalid": {"c": _INDEX, "what": _TEXT},
    "refused": {"why": _TEXT},
    "end": {"visit?": _VISIT, "blocks?": _COUNT, "rejected?": _COUNT, "changepoint?": _MARK, "placement?": _NAME,
            "resident?": record({"kib": whole(0, 1 << 53), "huge_kib": whole(0, 1 << 53)})},
    "visit_end": {
        "status": one_of("ok", "crashed", "hung", "invalid", "refused", "interrupted"),
        "exit?": or_null(whole(-1 << 31, 1 << 32)), "seconds": number(0), "what?": _TEXT,
        "culprits?": List(_INDEX)},
}.items()}

# Of visits with arrivals (experiments/worker/open_loop_visit.h).
LINES |= {
    "capacity": record({"v": _VISIT, "c": _INDEX, "rate": number(1e-3, 1e15), "n": whole(1), "service": _HISTOGRAM}),
    "clock": record({"v": _VISIT, "n": _COUNT, "ns": whole(1), "gap": _HISTOGRAM, "max": _COUNT, "source?": _NAME}),
    "latency": _whole_or_marked(
        {"c": _INDEX, "of": _INDEX, "load": number(1e-6, 10), "offered": _RATE, "achieved": _RATE, "n": whole(),
         "ns": whole(1), **_TIMES, "window?": whole(1), "reclaimed?": _RECLAIMED,
         "windows?": List(record({"due": _COUNT, "p99": or_null(_COUNT), "events": _COUNT, "pause": _COUNT}), most=10_000)},
        "response", "service", "lag", "max"),
    "recorded": _whole_or_marked(
        {"c": _INDEX, "offered": _RATE, "achieved": _RATE, "n": whole(), "ns": whole(1), **_TIMES},
        "response", "service", "lag", "max"),
    "shape": _whole_or_marked(
        {"c": _INDEX, "shape": one_of("even", "poisson", "burst", "step"), "offered": _RATE, "achieved": _RATE,
         "n": whole(), "ns": whole(1), "why?": _NAME, "counters?": Table(_NUMBER),
         **{f"{name}?": kind for name, kind in _SHAPE.items()}}, *_SHAPE),
    "fill": _whole_or_marked(
        {"c": _INDEX, "rate": number(1e-3, 1e15), "n": whole(), "ns": whole(1), **_TIMES,
         "doublings?": List(record({"size": whole(1), "n": whole(1), "at": _COUNT, "response": _TRIPLE,
                                    "service": _TRIPLE}), most=64), "counters?": Table(_NUMBER)},
        "response", "service", "lag", "max", "doublings"),
}

# What the orchestrator needs of a visit to go on from it.
_NAMED = {"of": _NAME, "baseline": _NAME, "purpose": one_of("screen", "zoom", "cell", "aa", "harness")}
_WHERE = {"axis": or_null(_NUMBER), "threads": _THREADS, "regime": _REGIME, "name": or_null(_NAME)}
VISIT_TO_RESUME = {True: record({**_NAMED, "cell": record(_WHERE)}), False: record({"cell": record(_WHERE)})}  # timed

_LEVEL = record({
    "name?": _NAME, "speedup": number(1.0001, 1000), "claimed?": or_null(_NUMBER), "tolerance?": number(0),
    "claim?": or_null(_NAME), "contestants?": List(_NAME)})
_AXIS = record({
    "name?": matching(r"(?s)\s*\S.{0,299}", "text that is not blank"), "field": _NAME,
    "scale?": one_of("linear", "log2"), "lo?": or_null(_NUMBER), "hi?": or_null(_NUMBER), "unit?": or_null(_NAME),
    "values?": List(_NUMBER, most=1000), "rest?": or_null(_NAME), "discrete?": _FLAG})
_ANCHOR = matching(r"[A-Za-z0-9_.-]{1,100}", "a name of letters, digits and _")
QUESTION = record({
    "name": _ANCHOR, "title?": _TEXT, "prose?": _TEXT,
    "kind?": one_of("sweep", "discrete", "cells"), "axis?": or_null(_AXIS),
    "against?": one_of("by_hand", "one_by_one"), "reasons?": Table(_TEXT),
    "cells?": List(record({"name": _NAME, "title?": or_null(_TEXT), "call?": _CALL, "pages?": _PAGES,
                           "workload?": _WORKLOAD, "recording?": or_null(record({"file": _TEXT, "sha256": _NAME}))})),
    "regimes?": List(_REGIME), "threads?": List(_THREADS), "baselines?": List(_NAME), "contestants?": List(_NAME),
    "levels?": List(_LEVEL), "claims?": List(_NAME), "aa_visits?": whole(0, 10_000),
    "asked?": _FLAG, "ranked?": _FLAG, "side_by_side?": _FLAG, "absolute?": _FLAG, "apart?": _FLAG, "rounds?": whole(1, 10_000),
    "control?": record({"cell": _NAME, "a": _NAME, "b": _NAME, "least": number(0)}),
    "excludes?": List(record({"strategy": _NAME, "why": _TEXT})), "workload?": _WORKLOAD,
    "counts?": Table(_NAME),
    "arrivals?": record({"course": one_of("rungs", "shapes", "fill", "recorded")}), "most_visits?": whole(1, 10_000)})

_STRATEGY = record({
    "name": _NAME, **{f"{field}?": _TEXT for field in (
        "family", "summary", "source", "read_progress", "write_progress", "reclamation", "growth", "range",
        "unsupported_reason", "caveat", "size", "after_deletion")},
    **{f"{flag}?": _FLAG for flag in (
        "batch_is_atomic", "clear_is_atomic", "keeps_every_key", "returns_results", "linearizable")},
    "max_threads?": _COUNT, "object_bytes?": _COUNT, "unsupported?": List(_NAME), "key_types?": List(_NAME), "types?": List(_NAME),
    "scenarios?": List(_NAME),
    "tunables?": List(record({"name": _NAME, "default?": whole(-1 << 63, 1 << 64), "min?": whole(-1 << 63, 1 << 64),
                              "max?": whole(-1 << 63, 1 << 64), "doc?": _TEXT}))})
_WORKER = record({
    "timed?": _FLAG, "layouts?": List(_NAME), "wide?": List(_NAME), "emulator?": or_null(_TEXT),
    "describe?": or_null(record({"compiler?": _TEXT, "flags?": _TEXT, "allocator?": _PLAIN, "clock?": _PLAIN,
                                 "fresh_page?": or_null(record({"bytes": whole(1), "touch_ns": _COUNT})),
                                 "strategies?": List(_STRATEGY)}))})

_SPAN = Kind("a count, or a list of the least and the greatest", lambda v: _COUNT.fits(v) or (
    type(v) is list and len(v) == 2 and all(map(_COUNT.fits, v))))
_LITMUS = Kind("rounds and forbidden outcomes, or the reason why there are none", lambda v: type(v) is dict and (
    _TEXT.fits(v["skipped"]) and "rounds" not in v if "skipped" in v
    else _COUNT.fits(v.get("rounds")) and _COUNT.fits(v.get("forbidden"))))
PRICE = record({
    "recorded": _NAME, "cpu": _TEXT, "revision": _NAME, "reasons?": Table(_TEXT),
    "cells": List(record({"name": _NAME, "title": _TEXT}), 1),
    "rows": List(record({
        "contestant": _NAME, "cell": _NAME, "by_hand_ns": number(0), "price_ns": _NUMBER, "low_ns": or_null(_NUMBER),
        "high_ns": or_null(_NUMBER), "visits": whole(1), "verdict": one_of("within", "dearer", "cheaper", "open")}), 1)})

_WHOM = one_of("nobody", "same key", "meeting keys", "everybody")
_WAIT = record({"longest_ms": number(0), "operations": _COUNT, "others": _COUNT})
_WAITS = record({"writer": _WAIT, "reader": _WAIT})
_PROOF = record({
    "linearizability?": or_null(record({
        "contestants": Table(record({
            "histories": _COUNT, "map_histories": _COUNT, "operations": _COUNT, "threads": _SPAN, "keys": _SPAN,
            "perturbed": _NAME, "violations": _COUNT})),
        "excluded?": Table(_TEXT),
        "controls?": Table(record({
            "flawed": _TEXT, "histories": _COUNT, "map_histories": _COUNT, "violations": _COUNT,
            "unperturbed_violations": _COUNT})),
        "litmus?": or_null(record({
            "contestants": Table(Table(_LITMUS)), "excluded?": Table(_TEXT),
            "controls?": Table(record({"flawed": _TEXT, "patterns": Table(_LITMUS)})),
            "patterns": List(record({"name": _NAME, "kind": _TEXT, "what": _TEXT}))}))})),
    "mutants?": or_null(record({
        "rungs": Table(_TEXT),
        "mutants": List(record({
            "strategy": _NAME, "what": _TEXT, "survives": _TEXT, "name?": _NAME,
            "cells": Table(record({
                "outcome": one_of("survived", "killed", "reported", "crashed", "hung")}))}))})),
    "memory?": or_null(record({"strategies?": Table(record({
        "excluded?": _TEXT,
        "footprints?": List(record({
            "entries": whole(1), "size": or_null(_COUNT), "settled": _NUMBER, "fill_peak": _NUMBER,
            "overwritten": _NUMBER, "cycled?": or_null(_NUMBER), "churned?": or_null(_NUMBER),
            "deleted?": or_null(_NUMBER)}))}))})),
    "harness_price?": or_null(PRICE),
    "blocking?": or_null(record({
        "others": _COUNT, "wait_seconds": number(0), "machine": _WAITS,
        "strategies": Table(record({
            "excluded?": _TEXT, "waits?": _WAITS,
            "holds_up?": Table(record({"loads": _WHOM, "loads_behind_store": _WHOM, "stores": _WHOM}))}))}))})

_COUNTED = matching("[1-9][0-9]{0,4}", "a number of threads")
_CPU = whole(0, 65_535)
_GROUPS = List(_NAME, most=65_536)
_TOPOLOGY = record({
    "cores": _COUNT, "hardware_threads": _COUNT, "efficiency_cores": _COUNT, "sockets": _GROUPS, "nodes": _GROUPS,
    "last_level_caches": _GROUPS, "siblings": _GROUPS, "hidden": text(MOST_TEXT), "offline": text(MOST_TEXT),
    "quota": or_null(number(0)), "unknown": _GROUPS})

RUN = record({
    "schema": Kind(str(VERSION), lambda v: type(v) is int and v == VERSION), "run?": _NAME,
    "status?": one_of("running", "complete", "out_of_budget", "interrupted", "incomplete", "unknown"), "note?": _TEXT,
    "command?": _TEXT, "revision?": _NAME, "dirty?": or_null(_FLAG), "profile?": _NAME,
    "seed?": or_null(whole(0, 1 << 53)), "budget_s?": or_null(number(0)), "started?": _NAME,
    "finished?": or_null(_NAME), "elapsed_s?": number(0), "visits?": _COUNT, "cut_lines?": _COUNT,
    "sittings?": List(record({"resumed?": _NAME, "lost_lines?": _COUNT}), most=100_000),
    "questions?": List(QUESTION), "not_asked?": List(record({"question": _NAME, "why": _TEXT})),
    "skipped?": List(record({"question?": _NAME, "contestant?": _NAME, "strategy?": _NAME, "why?": _TEXT,
                             "where?": _TEXT})),
    "withheld?": List(record({"contestant": _NAME, "strategy?": _NAME, "what": _TEXT, "arch?": _NAME})),
    "workers?": Table(_WORKER),
    "threads?": Table(text(MOST_NAME), _COUNTED), "pin?": one_of("compact", "spread"), "cpus?": List(_CPU, most=65_536),
    "environment?": record({"topology?": _TOPOLOGY, "cpu?": or_null(_TEXT), "cores?": or_null(_COUNT), "smt?": or_null(_FLAG),
                            "hypervisor?": or_null(_TEXT), "memory_bytes?": or_null(_COUNT)}),
    "rules?": record({"delta?": Table(number(1e-6, 0.5), _COUNTED)}),
    "proof?": _PROOF,
    "settings?": record({
        "budget_s": number(0), "seconds": number(0), "warmup_seconds": number(0),
        "slice_ms": record({"doublings": List(number(0), 1, 100), "oversubscribed": number(0)}),
        "screen_visits": whole(0, 1000), "cell_visits": _COUNT, "pair_visits": _COUNT, "level_visits": _COUNT,
        "gate_wait_s": number(0)})})


_ASKED = requiring(QUESTION, "kind", "regimes", "threads", "baselines", "contestants", "levels", "claims", "excludes",
                   "aa_visits")
# Without these fields a run cannot be gone on with.
TO_RESUME = record({**{name + ("" if required else "?"): kind for name, required, kind in RUN.fields},
                    "questions?": List(_ASKED)})
TO_RESUME = requiring(TO_RESUME, "run", "status", "seed", "budget_s", "settings", "questions", "workers", "withheld",
                      "skipped", "not_asked", "environment", "rules", "profile")


def parse(data: bytes | str) -> Any:
    """JSON, in UTF-8. Raises Malformed. Names of numbers that are none (NaN, Infinity) are no JSON."""
    try:
        return _decode(data.decode() if isinstance(data, bytes) else data)
    except RecursionError:
        raise Malformed("is not JSON (it is nested too deeply)") from None
    except ValueError as error:
        raise Malformed(f"is not JSON ({cut(str(error))})") from None


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no number")


_decode = json.JSONDecoder(parse_constant=_no_number).decode


def check(kind: Kind, value: Any) -> None:
    """Raises Malformed unless the value is of the kind."""
    if kind.fits(value):
        return
    where, there, belongs = kind.fault(value, "")
    what = f"lacks the field {where}" if there is _ABSENT else (
        f"has {shown(there)} in the field {where}" if where else f"is {shown(there)}")
    raise Malformed(f"{what}, where {belongs} belongs" if there is not _ABSENT else f"{what} ({belongs})")


def check_run(meta: Any, kind: Record = RUN) -> None:
    """run.json as a whole: the table, what no single field shows, and no lists or objects that nobody could print."""
    check(kind, meta)
    for part in ("environment", "rules"):
        for name, value in meta.get(part, {}).items():
            check(record({part: record({name: _PLAIN})}), {part: {name: value}})
            check(_NAME, name)
    names = [q["name"] for q in meta.get("questions", ())]
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice is not None:
        raise Malformed(f"has two questions named {shown(twice)}, where each name belongs once")
    for question in meta.get("questions", ()):
        _check_axis(question)


def _check_axis(question: dict[str, Any]) -> None:
    """What the fields of an axis must be together."""
    if not question.get("axis"):
        return
    name = f"has in question {question['name']} an axis"
    try:
        axis = axis_lib.Axis.from_entry(question)
    except ValueError as error:
        raise Malformed(f"{name} that is none: {str(error).rstrip('.')}") from None
    low, high = axis.lo, axis.hi
    if not all(low <= v <= high for v in axis.values):
        raise Malformed(f"{name} with values outside {low:g} to {high:g}")
    if high - low < 1e-9 * max(abs(low), abs(high)):
        raise Malformed(f"{name} from {low!r} to {high!r}, which is no range")


def check_place(question: dict[str, Any], axis: axis_lib.Axis | None, cell: dict[str, Any]) -> None:
    """Raises Malformed when the cell of a visit is at no place of its question."""
    x = cell.get("axis")
    if axis is None or x is None:
        return
    slack = 1e-6 * (axis.hi - axis.lo)
    if not axis.lo - slack <= x <= axis.hi + slack or (axis.scale == "log2" and x <= 0):
        raise Malformed(f"has the number {x!r} in the field cell.axis, where one from {axis.lo:g} to {axis.hi:g} "
                        f"belongs, the range of {question['name']}")


def shown(value: Any) -> str:
    """A value for people: what it is, cut short."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return "the text " + json.dumps(cut(value))
    if isinstance(value, int):
        # Digits of a huge number take forever to make, and nobody reads them.
        return f"the number {value}" if abs(value) < 10**40 else "a number of more than 40 digits"
    if isinstance(value, float):
        return f"the number {value!r}"
    if isinstance(value, list):
        return f"a list of {len(value)} elements"
    return f"an object of {len(value)} fields" if isinstance(value, dict) else repr(value)


def cut(value: str, most: int = 60) -> str:
    """Text in which nothing disturbs a sentence."""
    printable = value.encode("ascii", "backslashreplace").decode() if not _encodes(value) else value
    printable = " ".join(printable.split())
    return printable if len(printable) <= most else printable[:most - 3] + "..."


def visits_made(meta: dict[str, Any]) -> int:
    """How many visits had ended when run.json was written; of a run that does not say, at least this many."""
    return meta.get("visits", int(meta.get("status") == "complete"))


def shortfall(samples: Any, found: int, meta: dict[str, Any]) -> str:
    """The sentence about a run with fewer visits than it made."""
    made = visits_made(meta)
    return (f"{samples} holds {found} ended visit{'s' if found != 1 else ''} and run.json counts "
            f"{made if 'visits' in meta else f'at least {made}'}, so samples were lost; restore the file. "
            "Nothing was written: a paper that is there stays as it is.")
