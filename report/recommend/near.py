# SPDX-License-Identifier: Apache-2.0
"""How far a measured place is from the point that is asked about, field by field, in units of what does not matter."""

from __future__ import annotations

import dataclasses
import math

from report.advice import WORD_BYTES, Features, Place
from report.recommend.described import Wanted

ANOTHER_KIND = 40.0  # how far a workload is away that does something else: further than any number of keys


@dataclasses.dataclass(frozen=True)
class Gap:
    """How far a place is from what is wanted in one field. `size`: 1 is as far as does not matter."""

    field: str
    wanted: str
    there: str
    size: float


@dataclasses.dataclass(frozen=True)
class Near:
    """A place and how far away it is; the widest gap first, those of no size left out."""

    place: Place
    gaps: tuple[Gap, ...]

    @property
    def covers(self) -> bool:
        return not self.gaps or self.gaps[0].size <= 1.0

    @property
    def distance(self) -> float:
        return sum(g.size for g in self.gaps)


def gaps(place: Place, wanted: Wanted, threads: int) -> tuple[Gap, ...]:
    """Of every field how far it is away, in units of what does not matter."""
    f, g = wanted.features, place.features
    found = [
        Gap("threads", f"{threads}", f"{place.threads}", 2 * _apart(threads, place.threads) / math.log(2)),
        Gap("value", f"{wanted.value_bytes:g} bytes", f"{g.value_bytes} bytes",
            _apart(max(wanted.value_bytes, WORD_BYTES), g.value_bytes) / math.log(2)),
        Gap("key", _key(f), _key(g), 8.0 * (f.strings != g.strings)),
        Gap("growing", _yes(f.growing), _yes(g.growing), ANOTHER_KIND * (f.growing != g.growing)),
        Gap("skew", f"{f.theta:g}", f"{g.theta:g}", abs(f.theta - g.theta) / 0.1),
        Gap("operations", _operations(f), _operations(g),
            ANOTHER_KIND * ((f.look_up_or_insert, f.other, f.program) != (g.look_up_or_insert, g.other, g.program))),
        Gap("conditions", f.peculiar or "the usual", g.peculiar or "the usual", ANOTHER_KIND * (f.peculiar != g.peculiar))]
    if not f.growing and not g.growing:  # what grows has all sizes up to its last one
        found.append(Gap("keys", f"{f.keys}", f"{g.keys}", _apart(f.keys, g.keys) / math.log(2)))
    if f.reuse is not None and g.reuse is not None:
        found.append(Gap("reuse", f"{f.reuse:g}", f"{g.reuse:g}", abs(f.reuse - g.reuse) / 0.05))
    if not (f.look_up_or_insert or g.look_up_or_insert):
        # Without a single store there is nothing to wait for: the last percent is further than the others.
        edge = 3.0 * ((f.reads >= 100) != (g.reads >= 100))
        found.append(Gap("reads", f"{f.reads:g} %", f"{g.reads:g} %", abs(f.reads - g.reads) / 2.5 + edge))
    return tuple(sorted((x for x in found if x.size > 1e-6), key=lambda x: (-x.size, x.field)))


def _apart(x: float, y: float) -> float:
    return abs(math.log(max(x, 1e-9) / max(y, 1e-9)))


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _key(f: Features) -> str:
    return "string" if f.strings else "u64"


def _operations(f: Features) -> str:
    if f.program:
        return f.program
    return ("look-up or insert" if f.look_up_or_insert else "loads and stores") + (f" with {f.other}" if f.other else "")
