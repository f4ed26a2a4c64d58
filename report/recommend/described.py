# SPDX-License-Identifier: Apache-2.0
"""What a reader knows of a workload, and what a map must be for it: from words to values.

    reads=95 keys=1e6 threads=16 value=64 staleness=0
    memory=2GiB,range=snapshot,p99=50us,real_time_order=yes

Every field is checked here; a wrong one raises Undescribed with one sentence.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
import shlex
from collections.abc import Callable, Iterable
from typing import Any

from report.advice import WORD_BYTES, Features


class Undescribed(Exception):
    """What is wrong with a description, in one sentence."""


MOST_KEYS, MOST_THREADS, MOST_BYTES, MOST_RATE = 1e12, 65_536, 1e9, 1e12
STRING_BYTES = 32  # of a key, unless said otherwise
_UNITS = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9}
_BYTES = {"": 1.0, "b": 1.0, **{f"{p}{unit}": base**n for n, p in enumerate("kmgt", 1)
                                for unit, base in (("b", 1000.0), ("ib", 1024.0), ("", 1024.0))}}
_TIMES = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0}


@dataclasses.dataclass(frozen=True)
class Wanted:
    """The point that is asked about. `threads` is 0 for all cores; `given` are the fields that the reader named."""

    features: Features
    threads: int
    value_bytes: float
    staleness_s: float  # how long a load may lag behind; 0: not at all
    rate: float  # operations a second that arrive, all threads together; 0: not said
    deletes: float  # percent of the operations
    given: tuple[str, ...]

    @property
    def key_bytes(self) -> float:
        return STRING_BYTES if self.features.strings else WORD_BYTES


def _unknown(what: str, name: str, known: Iterable[str]) -> Undescribed:
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1)
    return Undescribed(f"there is no {what} {name[:40]!r}" + (f"; did you mean {near[0]!r}?" if near else
                                                            f"; known: {', '.join(known)}."))


def number(what: str, text: str, low: float, high: float, units: dict[str, float] | None = None) -> float:
    """A number such as 95, 1e6, 10k or 2GiB. Raises Undescribed."""
    units = units or _UNITS
    found = re.fullmatch(r"(\d+\.?\d*(?:e[+-]?\d+)?|\.\d+)\s*([a-zµ]*)", text.strip().lower())
    value = float(found[1]) * units[found[2]] if found and found[2] in units else math.nan
    if not low <= value <= high:
        known = "" if units is _UNITS else f" with a unit ({', '.join(u for u in units if u)})"
        raise Undescribed(f"{what} is {text[:40]!r}; give a number from {low:g} to {high:g}{known}.")
    return value


def share(what: str, text: str) -> float:
    """A share from 0 to 1, or in percent when it says so: 0.83, 83%."""
    text = text.strip()
    return number(what, text[:-1], 0, 100) / 100 if text.endswith("%") else number(what, text, 0, 1)


def truth(what: str, text: str) -> bool:
    known = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
    if text.strip().lower() not in known:
        raise Undescribed(f"{what} is {text[:40]!r}; give yes or no.")
    return known[text.strip().lower()]


def _time(what: str, text: str) -> float:
    return 0.0 if text.strip() == "0" else number(what, text, 0, 1e6, _TIMES)


# The fields of a description: form, meaning.
FIELDS = {
    "reads": ("0 to 100", "percent of the operations that are look-ups; the rest are stores (default: 90)"),
    "keys": ("1 to 1e12; 10k and 1M are understood", "entries that the map holds (default: 10000)"),
    "threads": ("1 to 65536, or all", "threads that use it at once (default: all cores of the run's machine)"),
    "value": ("bytes", "size of a value (default: 8)"),
    "key": ("u64 | string", "type of the keys (default: u64)"),
    "skew": ("0 to 20", "zipf exponent of the keys' popularity (default: 0, all alike)"),
    "reuse": ("0 to 1, or a percentage", "every operation looks up or inserts, and this share asks for a key seen before"),
    "deletes": ("0 to 100", "percent of the operations that delete a key, no more than are stores (default: 0)"),
    "growing": ("yes | no", "the map starts empty (default: no, or yes with reuse)"),
    "staleness": ("0, or a time such as 10ms", "how long after a store a load may miss it (default: 0)"),
    "rate": ("operations a second; 500k is understood", "the load at which p99 must hold, all threads together (default: half "
             "of what the baseline of the measurement can do)"),
}


def parse(text: str) -> Wanted:
    """A description. Raises Undescribed."""
    return from_fields(fields(text))


def fields(text: str) -> dict[str, str]:
    """The fields of a description as they are written. Raises Undescribed."""
    given = _fields(text, " ", FIELDS, "field")
    if not given:
        raise Undescribed("the description is empty; write for instance reads=95 keys=1e6 threads=all.")
    return given


def from_fields(given: dict[str, str]) -> Wanted:
    """What fields say together. Raises Undescribed."""
    if "reuse" in given and "reads" in given:
        raise Undescribed("reuse says that every operation looks up or inserts, so reads does not go with it; leave one out.")
    if "reuse" in given and "deletes" in given:
        raise Undescribed("reuse says that every operation looks up or inserts, so deletes does not go with it; leave one out.")
    growing = truth("growing", given["growing"]) if "growing" in given else "reuse" in given
    reuse = share("reuse", given["reuse"]) if "reuse" in given else None
    key = given.get("key", "u64")
    if key not in ("u64", "string"):
        raise _unknown("type of keys", key, ("u64", "string"))
    threads = given.get("threads", "all")
    count = 0 if threads == "all" else number("threads", threads, 1, MOST_THREADS)
    if count != int(count):
        raise Undescribed(f"threads is {threads!r}; give a whole number, or all.")
    reads, deletes = number("reads", given.get("reads", "90"), 0, 100), number("deletes", given.get("deletes", "0"), 0, 100)
    if deletes > 100 - reads - deletes + 0.1:  # of shares that were rounded
        raise Undescribed(f"of 100 operations {reads:g} read and {deletes:g} delete, which leaves {max(0, 100 - reads - deletes):g} stores: "
                          "a map that loses more keys than it gets runs empty; give at most half of what reads leaves.")
    features = Features(
        growing=growing, reads=0.0 if reuse is not None else reads, other="delete" if deletes else "",
        look_up_or_insert=reuse is not None, reuse=reuse, keys=int(number("keys", given.get("keys", "10000"), 1, MOST_KEYS)),
        theta=number("skew", given.get("skew", "0"), 0, 20), strings=key == "string")
    return Wanted(features, int(count), number("value", given.get("value", "8"), 0, MOST_BYTES, _BYTES),
                  _time("staleness", given.get("staleness", "0")),
                  number("rate", given["rate"], 1, MOST_RATE) if "rate" in given else 0.0, deletes, tuple(given))


def _fields(text: str, separator: str, known: dict[str, Any], what: str) -> dict[str, str]:
    try:
        parts = shlex.split(text) if separator == " " else [p.strip() for p in text.split(separator)]
    except ValueError as error:
        raise Undescribed(f"{text[:60]!r} cannot be read ({str(error).lower()}); close the quotes.") from None
    given: dict[str, str] = {}
    for part in filter(None, parts):
        name, equals, value = part.partition("=")
        name = name.strip()
        if not equals or not value.strip():
            raise Undescribed(f"{part[:40]!r} is no {what}; write NAME=VALUE, such as {next(iter(known))}="
                              f"{next(iter(known.values()))[0].split(' ')[0]}.")
        if name not in known:
            raise _unknown(what, name, known)
        if name in given:
            raise Undescribed(f"{name} is given twice; leave one out.")
        given[name] = value.strip()
    return given


# Traits in order of strength: who promises more may stand where less is asked.
RANGES = ("weak", "per shard", "snapshot")
PROGRESS = ("single thread", "blocking", "lock-free", "wait-free")
AFTER_DELETION = ("keeps all", "keeps the table", "gives all back")
OPERATIONS = ("load", "store", "load_or_store", "load_and_delete", "delete", "swap", "compare_and_swap",
              "compare_and_delete", "load_or_compute", "range", "clear", "size", "reserve", "store_batch", "memory_bytes")


@dataclasses.dataclass(frozen=True)
class Constraints:
    """What a map must be. None: whatever it is. Of ordered traits the value is the least that will do."""

    memory: float | None = None  # bytes, for all entries
    p99: float | None = None  # seconds; of response, under arrivals
    p99_9: float | None = None
    range: str | None = None
    read_progress: str | None = None
    write_progress: str | None = None
    after_deletion: str | None = None
    real_time_order: bool | None = None
    keeps_every_key: bool | None = None
    batch_is_atomic: bool | None = None
    clear_is_atomic: bool | None = None
    call_back: bool | None = None  # destructors may call the map
    operations: tuple[str, ...] = ()

    def named(self) -> dict[str, Any]:
        """By the names that a reader writes."""
        return {name: v for name in CONSTRAINTS if (v := getattr(self, _attribute(name))) not in (None, ())}

    def limits(self) -> dict[float, float]:
        """The limits on response times: quantile -> nanoseconds."""
        return {q: 1e9 * v for q, v in ((0.99, self.p99), (0.999, self.p99_9)) if v is not None}


def _attribute(name: str) -> str:
    return name.replace(".", "_")


def _word(*known: str) -> Callable[[str, str], str]:
    def read(what: str, text: str) -> str:
        word = text.strip().lower().replace("_", " ").replace("lock free", "lock-free").replace("wait free", "wait-free")
        if word not in known:
            raise _unknown(f"{what.replace('_', ' ')}", text, known)
        return word
    return read


def _operations(what: str, text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(t.strip() for t in text.split("+")))
    for name in names:
        if name not in OPERATIONS:
            raise _unknown("operation", name, OPERATIONS)
    return names


# The constraints: form, meaning, what reads them.
CONSTRAINTS: dict[str, tuple[str, str, Callable[[str, str], Any]]] = {
    "memory": ("2GiB", "at most so much for all entries", lambda w, t: number(w, t, 1, 1e18, _BYTES)),
    "p99": ("50us", "99 of 100 operations are answered within it, at the load that rate says", lambda w, t: number(w, t, 1e-9, 1e6, _TIMES)),
    "p99.9": ("1ms", "999 of 1000", lambda w, t: number(w, t, 1e-9, 1e6, _TIMES)),
    "range": (" | ".join(RANGES), "what Range sees, at least", _word(*RANGES)),
    "read_progress": (" | ".join(PROGRESS[1:]), "of loads, at least", _word(*PROGRESS[1:])),
    "write_progress": (" | ".join(PROGRESS[1:]), "of stores, at least", _word(*PROGRESS[1:])),
    "after_deletion": (" | ".join(AFTER_DELETION), "what of its memory it gives back, at least", _word(*AFTER_DELETION)),
    "real_time_order": ("yes | no", "whether a load must see all that has returned (default: by staleness)", truth),
    "keeps_every_key": ("yes | no", "no: it may evict (default: yes)", truth),
    "batch_is_atomic": ("yes | no", "StoreBatch becomes visible at once", truth),
    "clear_is_atomic": ("yes | no", "Clear takes effect at once", truth),
    "call_back": ("yes | no", "destructors of values may call the map", truth),
    "operations": ("swap+range", "must be among those that it performs atomically", _operations),
}


def parse_constraints(text: str) -> Constraints:
    """Constraints separated by commas. Raises Undescribed."""
    given = _fields(text, ",", CONSTRAINTS, "constraint")
    return Constraints(**{_attribute(name): CONSTRAINTS[name][2](name, value) for name, value in given.items()})


def ask(wanted: Wanted, asked: Constraints = Constraints()) -> str:
    """The point as a cell that `bazel run //experiments -- --ask` measures, response times included if they are limited."""
    f = wanted.features
    if f.reuse is not None:
        keys = f"krr:{f.reuse:g}" + (f":zipf:{f.theta:g}" if f.theta else "")
        mix = "load_or_store:100"
    else:
        keys = f"zipf:{f.theta:g}" if f.theta else "uniform"
        stores = round(100 - f.reads - wanted.deletes, 6)  # the shares sum to 100
        mix = ",".join(f"{op}:{v:g}" for op, v in (("load", f.reads), ("store", stores), ("delete", wanted.deletes)) if v > 0)
    # Of so many keys the mix keeps as many as there are to be.
    population = round(f.keys * (stores + wanted.deletes) / stores) if wanted.deletes else f.keys
    size = f"ops={f.keys}" if f.growing else f"population={population}"
    parts = [f"keys={keys}", f"mix={mix}", size] + ["regime=growth"] * f.growing
    if f.strings:
        parts.append(f"key=string:{STRING_BYTES}")
    if wanted.value_bytes != WORD_BYTES:
        parts.append(f"value={wanted.value_bytes:g}")
    if asked.limits() and not f.growing:
        parts.append("arrivals=poisson")
    return " ".join([*parts, f"threads={wanted.threads or 'all'}"])
