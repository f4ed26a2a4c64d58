# SPDX-License-Identifier: Apache-2.0
"""The fields of a cell as a person writes them, `keys=zipf:0.99 mix=load:90,store:10`, and the workload they make.

The workload is the object of workloads/spec.h. Ranges are here so that --list can show them and a wrong value is
named before anything starts; fields_test holds them against the checks of spec.cc. What fields must be together only
the worker knows.
"""

import dataclasses
import math
import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from experiments.orchestrator import conditions
from experiments.orchestrator import threads as threads_lib
from experiments.orchestrator.errors import UserError, unknown

MOST_KEYS = 1 << 28
LEAST_KEY_BYTES, LEAST_VALUE_BYTES, MOST_BYTES = 5, 8, 4096
OPERATIONS = ("load", "store", "load_or_store", "load_and_delete", "delete", "swap", "compare_and_swap",
              "compare_and_delete", "load_or_compute")
REGIMES = ("stationary", "growth", "reserved", "fixed_distinct")
CHOICES = ("uniform", "zipf", "stack_distance")
SHARINGS = ("private", "shared")
TYPES = ("u64", "string")
VALUES = ("u64", "string", "inline")
INLINE_BYTES = (64, 256, 1024, 4096)
HASHES = ("mixed", "identity", "std", "fnv1a")
KEY_LAYOUTS = ("mixed", "sequential", "strided", "high_bits", "low_entropy")
KEY_STRIDE, LONGEST_STRIDE = 64, 1 << 36  # unless said otherwise; at most
STARTS = ("settled", "as_filled")
ARRIVALS = "poisson"
RECORDED = "recorded"  # arrivals too, of a cell with a recording
STRING_BYTES = 32  # unless said otherwise
FILL = 10_000  # operations of a slice that starts from an empty map, unless said otherwise
_UNITS = {"": 1, "k": 1e3, "m": 1e6}


@dataclasses.dataclass(frozen=True)
class Field:
    """How a field is written, in words, with its range; what it means; and what turns the text into the workload's."""

    form: str
    doc: str
    read: Callable[[str, str], dict[str, Any]]  # (name, text) -> fields of the workload


@dataclasses.dataclass
class Cell:
    """A cell as in the catalogue, and the words for its numbers of threads."""

    name: str
    title: str
    workload: dict[str, Any]
    threads: list[str]
    conditions: dict[str, str] = dataclasses.field(default_factory=dict)  # those it states, see conditions.py
    arrivals: str = ""  # when operations come whose response times are measured as well
    recording: dict[str, str] | None = None  # a trace in place of its tape, see recordings.py


def number(what: str, text: str, low: float, high: float, whole: bool = False) -> float | int:
    """A number such as 0.99, 1e6, 10k or 1M. Raises UserError."""
    kind = "a whole number" if whole else "a number"
    wrong = UserError(f"{what} is {text!r}; give {kind} from {low:g} to {high:.12g}.")
    found = re.fullmatch(r"((?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)([kKmM]?)", text, re.ASCII)
    if not found:
        raise wrong
    value = float(found[1]) * _UNITS[found[2].lower()]
    if not math.isfinite(value) or not low <= value <= high or whole and value != int(value):
        raise wrong
    return int(value) if whole or value == int(value) else value


def word(what: str, text: str, known: tuple[str, ...]) -> str:
    """One of the known words. Raises UserError with the nearest."""
    if text not in known:
        raise unknown(what, text, known)
    return text


# The parts of `keys` after the stream: (name in the workload, low, high).
_THETA, _SHARE = (0.0, 20.0), (0.0, 1.0)
STREAMS: dict[str, tuple[tuple[str, float, float], ...]] = {
    "uniform": (), "sequential_new": (),
    "zipf": (("theta", *_THETA),),
    "hot_set": (("hot_fraction", *_SHARE), ("hot_share", *_SHARE)),
    "krr": (("reuse", *_SHARE),),
}


def _keys(name: str, text: str) -> dict[str, Any]:
    stream, *parts = text.split(":")
    word("key stream", stream, tuple(STREAMS))
    keys: dict[str, Any] = {"stream": stream}
    if stream == "zipf" and not parts:
        parts = ["0.99"]
    wanted = STREAMS[stream]
    if len(parts) < len(wanted):
        missing = wanted[len(parts)][0]
        raise UserError(f"keys={text} lacks {missing}; write keys={stream}" + "".join(f":{p[0]}" for p in wanted) +
                        ", each a number.")
    for (part, low, high), given in zip(wanted, parts):
        keys[part] = number(f"{part} in keys={text}", given, low, high)
    rest = parts[len(wanted):]
    if stream == "krr":
        keys.update(_reused(text, rest))
    elif rest:
        raise UserError(f"keys={text} has {rest[0]!r} too many; write keys={stream}" +
                        "".join(f":{p[0]}" for p in wanted) + ".")
    return {"keys": keys}


def _reused(text: str, parts: list[str]) -> dict[str, Any]:
    """Which seen keys are asked for again: words in any order, and the exponent."""
    found: dict[str, Any] = {}
    for part in parts:
        if re.match(r"[0-9.]", part):
            name, value = "theta", number(f"theta in keys={text}", part, *_THETA)
        else:
            word("choice of reused keys", part, CHOICES + SHARINGS)
            name, value = ("choice" if part in CHOICES else "sharing"), part
        if name in found:
            raise UserError(f"keys={text} gives {name} twice; leave one out.")
        found[name] = value
    return {"choice": CHOICES[0], "sharing": SHARINGS[0], **found}


def _mix(name: str, text: str) -> dict[str, Any]:
    mix: dict[str, float] = {}
    for part in text.split(","):
        op, colon, share = part.partition(":")
        word("operation", op, OPERATIONS)
        if not colon:
            raise UserError(f"mix={text} gives {op} no share; write {op}:PERCENT.")
        if op in mix:
            raise UserError(f"mix={text} gives {op} twice; leave one out.")
        mix[op] = number(f"the share of {op} in mix={text}", share, 0, 100)
    total = sum(mix.values())
    if not math.isclose(total, 100, abs_tol=1e-7):
        raise UserError(f"the shares in mix={text} sum to {total:g}, not to 100; correct one of them.")
    return {"mix": {op: share for op, share in mix.items() if share}}


def _whole(low: int, high: int) -> Callable[[str, str], dict[str, Any]]:
    return lambda name, text: {name: number(name, text, low, high, whole=True)}


def _prefill(name: str, text: str) -> dict[str, Any]:
    return {name: text if text == "auto" else number(name, text, 0, 1)}


def _regime(name: str, text: str) -> dict[str, Any]:
    return {name: word(name, text, REGIMES)}


def _key(name: str, text: str) -> dict[str, Any]:
    kind, colon, size = text.partition(":")
    word("key type", kind, TYPES)
    if kind == "string":
        return {"key_type": kind, "key_bytes": number(f"the length in key={text}", size, LEAST_KEY_BYTES, MOST_BYTES,
                                                      whole=True) if colon else STRING_BYTES}
    if colon:
        raise UserError(f"key={text} gives a length and u64 keys have 8 bytes; write key=u64 or key=string:{size}.")
    return {"key_type": kind}


def _value(name: str, text: str) -> dict[str, Any]:
    kind, colon, size = text.partition(":")
    if kind[:1].isdigit() and not colon:  # so many bytes: a word, or a string
        kind, colon, size = ("u64", "", "") if kind == str(LEAST_VALUE_BYTES) else ("string", ":", kind)
    word("value type", kind, VALUES)
    if kind == "u64":
        if colon:
            raise UserError(f"value={text} gives a length and u64 values have 8 bytes; write value=u64 or value={size}.")
        return {"value_type": kind}
    if kind == "inline" and not colon:
        raise UserError("value=inline gives no length; write value=inline:64, 256, 1024 or 4096.")
    length = STRING_BYTES
    if colon:
        length = number(f"the length in value={text}", size, LEAST_VALUE_BYTES, MOST_BYTES, whole=True)
    if kind == "inline" and length not in INLINE_BYTES:
        near = min(INLINE_BYTES, key=lambda n: abs(math.log(n / length)))
        raise UserError(f"inline values have {', '.join(map(str, INLINE_BYTES))} bytes, not {length}; the nearest is "
                        f"value=inline:{near}, and value={length} is a string of that length.")
    return {"value_type": kind, "value_bytes": length}


def _layout(name: str, text: str) -> dict[str, Any]:
    layout, colon, stride = text.partition(":")
    word("layout of keys", layout, KEY_LAYOUTS)
    if layout != "strided":
        if colon:
            raise UserError(f"layout={text} gives a stride and only strided keys have one; write layout={layout} or "
                            f"layout=strided:{stride}.")
        return {"key_layout": layout}
    length = number(f"the stride in layout={text}", stride, 2, LONGEST_STRIDE, whole=True) if colon else KEY_STRIDE
    if length & (length - 1):
        raise UserError(f"the stride in layout={text} is no power of two; the nearest is layout=strided:"
                        f"{1 << round(math.log2(length))}.")
    return {"key_layout": layout, "key_stride": length}


def _miss(name: str, text: str) -> dict[str, Any]:
    return {name: number(name, text, 0, 100)}


def _words_of(known: tuple[str, ...]) -> Callable[[str, str], dict[str, Any]]:
    return lambda name, text: {name: word(name, text, known)}


FIELDS: dict[str, Field] = {
    "keys": Field("uniform | zipf[:THETA] | hot_set:FRACTION:SHARE | sequential_new | krr:REUSE[:CHOICE][:THETA][:SHARING]",
                  "which key is next; THETA 0 to 20 (0.99), the others 0 to 1; CHOICE of the reused keys uniform, zipf or "
                  "stack_distance; SHARING private or shared (default: uniform)", _keys),
    "mix": Field("OPERATION:PERCENT,...", "what is done, summing to 100: " + ", ".join(OPERATIONS), _mix),
    "population": Field(f"1 to {MOST_KEYS}", "distinct keys; 10k and 1M are understood (default: 10000)",
                        _whole(1, MOST_KEYS)),
    "prefill": Field("auto | 0 to 1", "share of the population that is there at the beginning; auto: where the mix "
                     "keeps it (default: auto)", _prefill),
    "regime": Field(" | ".join(REGIMES), "a map of constant size (with krr: each new key replaces one), one that grows "
                    "from empty, the same with its space reserved, or so many distinct keys (default: stationary)", _regime),
    "ops": Field(f"0 to {MOST_KEYS}", f"operations of a slice that starts empty (default: {FILL}), or of the tape",
                 _whole(0, MOST_KEYS)),
    "key": Field(f"u64 | string[:{LEAST_KEY_BYTES} to {MOST_BYTES}]", f"type of the keys, bytes of a string (default: u64; "
                 f"{STRING_BYTES})", _key),
    "layout": Field(f"mixed | sequential | strided[:2 to {LONGEST_STRIDE}] | high_bits | low_entropy",
                    f"which u64 keys there are: spread over all bits, 1 2 3 ..., multiples of a power of two ({KEY_STRIDE}), "
                    "keys that differ in their 28 highest bits only, a counter in the lowest byte and the rest from bit 40 on; "
                    "all but mixed with value=u64 (default: mixed)", _layout),
    "value": Field(f"{LEAST_VALUE_BYTES} to {MOST_BYTES} | u64 | string[:BYTES] | inline:BYTES",
                   "bytes of a value: 8 are a word, more a string in a block of its own; inline: in the entry itself, "
                   f"{', '.join(map(str, INLINE_BYTES))} under u64 keys (default: u64)", _value),
    "miss": Field("0 to 100", "percent of the loads that ask for a key that is never there (default: 0); for loads of "
                  "deleted keys, delete in mix", _miss),
    "hash": Field(" | ".join(HASHES), "hash function: the study's, an integer as it is, std::hash, FNV-1a; all but mixed "
                  "with value=u64 (default: mixed)", _words_of(HASHES)),
    "start": Field(" | ".join(STARTS), "the map when the clock starts: after it has done what it has put off, or just as "
                   "plain stores have filled it (default: settled)", _words_of(STARTS)),
}
# Beside the workload.
OTHERS: dict[str, tuple[str, str]] = {
    "threads": (f"1 to {threads_lib.MOST} | {' | '.join(threads_lib.WORDS)}, several with commas",
                "numbers of threads (default: all)"),
    "arrivals": (f"{ARRIVALS} | {RECORDED}", "also measures how long operations wait that arrive as a Poisson stream, or at the "
                 "times of a recording, of a few maps (default: throughput alone)"),
    **{name: (" | ".join(words), doc) for name, (words, doc) in conditions.CONDITIONS.items()},
    "name": ("letters, digits and _", "what the cell is called in the results"),
    "title": ("text, in quotes", "what it is called in the paper"),
}


def check_name(name: str) -> str:
    """The name of a cell. Raises UserError."""
    if not re.fullmatch(r"[a-z0-9_]{1,60}", name, re.ASCII):
        raise UserError(f"{name!r} is no name for a cell; use at most 60 small letters, digits and _.")
    return name


def check_threads(text: str) -> list[str]:
    """Words for numbers of threads. Raises UserError."""
    return list(dict.fromkeys(threads_lib.check(part) for part in text.split(",")))


def check_conditions(cell: Mapping[str, Any], workload: dict[str, Any], where: str) -> dict[str, str]:
    """The conditions that a cell states. Raises UserError."""
    for name in conditions.CONDITIONS:
        wrong = conditions.problem(name, cell[name], workload) if name in cell else None
        if wrong:
            raise UserError(f"{where} {wrong}.")
    return {name: cell[name] for name in conditions.CONDITIONS if name in cell}


def complete(workload: dict[str, Any]) -> dict[str, Any]:
    """The workload with what a person may leave out."""
    whole = {"keys": {"stream": "uniform"}, "population": 10_000, "prefill": "auto", "regime": "stationary",
             "key_type": "u64", "value_type": "u64", **workload}
    return {"ops": 0 if whole["regime"] == "stationary" else FILL, **whole}


def parse(text: str, name: str) -> Cell:
    """A cell from its short form; `name` is what it is called unless it says so itself. Raises UserError."""
    try:
        parts = shlex.split(text)
    except ValueError as error:
        raise UserError(f"{text!r} cannot be read ({str(error).lower()}); close the quotes.") from None
    given: dict[str, str] = {}
    for part in parts:
        field, equals, value = part.partition("=")
        if not equals:
            raise UserError(f"{part!r} is no field; write FIELD=VALUE, such as mix=load:90,store:10.")
        if field not in FIELDS and field not in OTHERS:
            raise unknown("field", field, [*FIELDS, *OTHERS])
        if field in given:
            raise UserError(f"{field} is given twice; leave one out.")
        if not value:
            form = FIELDS[field].form if field in FIELDS else OTHERS[field][0]
            raise UserError(f"{field} has no value; write {field}={form}.")
        given[field] = value
    if "mix" not in given:
        raise UserError("the cell does not say what is done; add mix, such as mix=load:90,store:10.")
    workload: dict[str, Any] = {}
    for field, value in given.items():
        if field in FIELDS:
            workload.update(FIELDS[field].read(field, value))
    workload = complete(workload)
    if "arrivals" in given:
        word("arrivals", given["arrivals"], (ARRIVALS, RECORDED))
        if given["arrivals"] == ARRIVALS and workload["regime"] != REGIMES[0]:
            raise UserError(f"arrivals={ARRIVALS} needs a map of constant size, and the cell has regime={workload['regime']}; "
                            "leave one out.")
    states = check_conditions(given, workload, "the cell")
    shown = " ".join(f"{field}={value}" for field, value in given.items() if field in FIELDS or field in states)
    return Cell(check_name(given.get("name", name)), given.get("title", shown), workload,
                check_threads(given["threads"]) if "threads" in given else [], states, arrivals=given.get("arrivals", ""))


def write(workload: dict[str, Any]) -> str:
    """The short form of a workload: parse() of it gives the same workload, completed."""
    keys = workload["keys"]
    stream = keys["stream"]
    parts = [stream, *(str(keys[p[0]]) for p in STREAMS[stream])]
    if stream == "krr":
        parts += [str(keys[p]) for p in ("choice", "theta", "sharing") if p in keys]
    fields = {"keys": ":".join(parts), "mix": ",".join(f"{op}:{share}" for op, share in workload["mix"].items())}
    fields.update({f: f"{workload[f]}" for f in ("population", "prefill", "regime", "ops") if f in workload})
    if workload.get("key_type", "u64") == "string":
        fields["key"] = f"string:{workload.get('key_bytes', STRING_BYTES)}"
    if workload.get("value_type", "u64") != "u64":
        fields["value"] = f"{workload['value_type']}:{workload.get('value_bytes', STRING_BYTES)}"
    if "key_layout" in workload:
        stride = f":{workload.get('key_stride', KEY_STRIDE)}" if workload["key_layout"] == "strided" else ""
        fields["layout"] = workload["key_layout"] + stride
    fields.update({f: f"{workload[f]}" for f in ("miss", "hash", "start") if f in workload})
    return " ".join(f"{name}={value}" for name, value in fields.items())
