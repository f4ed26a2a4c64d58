# SPDX-License-Identifier: Apache-2.0
"""Reads one results directory into typed records.

A run is `run.json` (what was asked, on what) and `samples.jsonl` (what came
back, append-only); what may stand in them is `schema.py`. The reader never
guesses: a visit without its end is lost, a half-written last line is counted,
and anything else that is not as it should be is an error of one sentence that
names the line and the field.

A run may have a million slices. They are read once, visit by visit, and only
what the paper needs of a visit is kept. A large file is read by several processes
at once as long as nothing in it is out of the ordinary.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import gc
import pathlib
from collections.abc import Iterator
from typing import Any

from report import fairness, schema, segments
from report.stats import axis as axis_lib
from report.stats import latency as latency_stats
from report.stats import visits as visit_stats

_CHUNK = 1 << 20  # bytes of samples read and parsed at a time
_SEGMENT = 16 << 20  # bytes of samples that are worth a process of their own
_BEGIN = b'{"t":"visit",'  # of a visit's first line


class ResultsError(Exception):
    """A results directory that cannot be read; the message is one sentence."""


@dataclasses.dataclass
class Visit:
    """One fresh process of the measuring worker: the unit of repetition."""

    id: int
    question: str
    axis: float | None
    name: str | None  # of the cell, for questions made of named cells
    regime: str
    threads: int
    contestants: list[str]
    baseline: str | None
    workload: dict[str, Any]
    arch: str
    timed: bool
    purpose: str
    at: str
    gate: dict[str, Any]
    oversubscribed: bool
    layout: int | None = None  # of the worker; None in runs that had no choice
    realised: dict[str, Any] | None = None
    operations: int = 0  # executed, discarded warm-up included
    blocks: frozenset[int] = frozenset()  # those that were not warm-up, rejected ones included
    read: visit_stats.Visit | None = None  # its effects
    fairness: dict[int, dict[str, float]] = dataclasses.field(
        default_factory=dict)  # how equally threads advanced, by contestant
    latency: latency_stats.Latencies | None = None  # of visits with arrivals
    amounts: dict[int, dict[str, float]] = dataclasses.field(
        default_factory=dict)  # shares and rates that a scenario told, by contestant
    counters: dict[int, dict[str, float]] = dataclasses.field(
        default_factory=dict)  # what maps counted, by contestant
    counted: dict[int, int] = dataclasses.field(
        default_factory=dict)  # operations on the maps that these counters are of
    rounds: dict[int, list[tuple[int, int]]] = dataclasses.field(
        default_factory=dict)  # of visits of rounds: (block, bytes held after it), by contestant
    rejects: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    memory: dict[int, dict[str, float]] = dataclasses.field(
        default_factory=dict)
    huge_share: float | None = None  # of its process's memory, in huge pages, when the maps were in place
    invalid: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    status: str = "lost"  # until a visit_end says otherwise
    what: str = ""
    seconds: float | None = None

    @property
    def ok(self) -> bool:
        """Whether its numbers may be used."""
        return self.status == "ok"

    def take(self, lines: list[dict[str, Any]]) -> None:
        """Reduces the lines of the visit to what is kept of them."""
        self.read = visit_stats.read_visit(lines, len(self.contestants))
        slices, others = [], []
        for line in lines:
            (slices if line["t"] == "slice" else others).append(line)
        self.latency = latency_stats.read(others)
        self.operations = sum(s["n"] for s in slices)
        self.blocks = frozenset(s["b"] for s in slices if not s.get("w"))
        if self.threads > 1:
            rejected = {line["b"] for line in others if line["t"] == "reject"}
            self.fairness = fairness.of_slices(s for s in slices if s["b"] not in rejected)
        if any(line["t"] == "counters" for line in others):
            self.counted = _last_played(slices, next((line.get("placement") for line in others if line["t"] == "end"), None))
        for line in others:
            kind = line["t"]
            if kind == "realised":
                self.realised = line["figures"]
            elif kind == "reject":
                self.rejects.append(line)
            elif kind == "amounts":
                self.amounts[line["c"]] = line["amounts"]
            elif kind == "counters":
                self.counters[line["c"]] = line["counters"]
            elif kind == "round":
                self.rounds.setdefault(line["c"], []).append((line["b"], line["bytes"]))
            elif kind == "memory":
                self.memory[line["c"]] = line
            elif kind == "end" and line.get("resident", {}).get("kib"):
                self.huge_share = line["resident"]["huge_kib"] / line["resident"]["kib"]
            elif kind == "invalid":
                self.invalid.append(line)


def _last_played(slices: list[dict[str, Any]], placement: str | None) -> dict[int, int]:
    """Operations on the map that each contestant had last: those of the visit, or of its last block if every block had maps
    of its own."""
    if placement == "block" and slices:
        last = max(s["b"] for s in slices)
        slices = [s for s in slices if s["b"] == last]
    played: dict[int, int] = {}
    for s in slices:
        played[s["c"]] = played.get(s["c"], 0) + s["n"]
    return played


@dataclasses.dataclass
class Run:
    """One results directory."""

    path: pathlib.Path
    meta: dict[str, Any]
    visits: list[Visit]
    half_written: int  # lines cut off by the end of the file
    stray: int  # samples that belong to no visit

    @property
    def questions(self) -> list[dict[str, Any]]:
        return self.meta["questions"]

    @property
    def lost(self) -> list[Visit]:
        return [v for v in self.visits if v.status == "lost"]

    def worker(self) -> tuple[str, dict[str, Any]]:
        """Architecture and record of the timed worker (or of any worker)."""
        workers = self.meta["workers"]
        for arch in sorted(workers):
            if workers[arch].get("timed"):
                return arch, workers[arch]
        for arch in sorted(workers):
            return arch, workers[arch]
        return "", {}

    def layouts(self) -> list[int]:
        """The numbers of the layouts in which the timed worker was linked."""
        return list(range(1, len(self.worker()[1].get("layouts") or []) + 1))

    def strategies(self) -> list[dict[str, Any]]:
        """What the timed worker says of every strategy compiled into it."""
        describe = self.worker()[1].get("describe") or {}
        return sorted(describe.get("strategies", []), key=lambda s: s["name"])

    def references(self) -> set[str]:
        """Strategies that find nothing: no maps, but what maps are held against."""
        return {"null"} | {s["name"] for s in self.strategies() if not s.get("returns_results", True)}


def _read_meta(path: pathlib.Path) -> dict[str, Any]:
    if not path.is_dir():
        raise ResultsError(
            f"{path} is not a results directory; give one that an experiment "
            "wrote, such as results/latest.")
    file = path / "run.json"
    try:
        meta = schema.parse(file.read_bytes())
    except FileNotFoundError:
        raise ResultsError(
            f"{path} has no run.json, so it is not a results directory; give "
            "one that an experiment wrote, such as results/latest.") from None
    except OSError as error:
        raise ResultsError(
            f"{file} cannot be read ({error.strerror}); make it readable or "
            "restore it.") from None
    except schema.Malformed as error:
        raise ResultsError(f"{file} {error}; restore it or measure again."
                           ) from None
    found = meta.get("schema") if isinstance(meta, dict) else None
    if type(found) is int and found != schema.VERSION:
        raise ResultsError(
            f"{file} has schema {schema.shown(found)[11:]} but this report reads schema "
            f"{schema.VERSION}; use the revision that wrote it ("
            f"{schema.cut(str(meta.get('revision')))}).")
    try:
        schema.check_run(meta)
    except schema.Malformed as error:
        raise ResultsError(f"{file} {error}; restore it or measure again."
                           ) from None
    _complete(meta, path.name)
    return meta


def _complete(meta: dict[str, Any], run: str) -> None:
    """Fills in what a run need not say."""
    for field, default in (
            ("questions", []), ("not_asked", []), ("workers", {}),
            ("environment", {}), ("rules", {}), ("threads", {}), ("withheld", []),
            ("skipped", []), ("proof", {}), ("run", run),
            ("status", "unknown"), ("note", ""),
            ("command", "(not recorded)"), ("revision", "not recorded"),
            ("dirty", None), ("profile", "not recorded"), ("seed", None),
            ("budget_s", None), ("started", "not recorded"),
            ("finished", None)):
        meta.setdefault(field, default)
    for question in meta["questions"]:
        for field, default in (
                ("title", question["name"]), ("prose", ""), ("kind", "cells"),
                ("axis", None), ("cells", []), ("regimes", ["stationary"]),
                ("threads", [1]), ("baselines", []), ("contestants", []),
                ("levels", []), ("claims", []), ("excludes", [])):
            question.setdefault(field, default)


def _visit(line: dict[str, Any], workload: dict[str, Any]) -> Visit:
    cell = line["cell"]
    return Visit(
        id=line["v"],
        question=line["question"],
        axis=cell.get("axis"),
        name=cell.get("name"),
        regime=cell.get("regime") or workload.get("regime") or "stationary",
        threads=line["threads"],
        contestants=line["contestants"],
        baseline=line.get("baseline"),
        workload=workload,
        arch=line.get("arch") or "",
        timed=line["timed"],
        purpose=line.get("purpose") or "cell",
        at=line.get("at") or "",
        gate=line.get("gate") or {},
        oversubscribed=bool(line.get("oversubscribed")
                            or cell.get("oversubscribed")),
        layout=line.get("layout"))


class _Reader:
    """Takes the lines of samples.jsonl one after the other."""

    def __init__(self, questions: list[dict[str, Any]]):
        self.visits: dict[int, Visit] = {}
        self.stray = 0
        # Lines of visits without their end, and how many contestants these have.
        self._open: dict[int, tuple[list[dict[str, Any]], int]] = {}
        self._workloads: dict[str, dict[str, Any]] = {}  # a few, that thousands of visits share
        self._asked = {q["name"]: (q, axis_lib.Axis.from_entry(q) if q.get("axis") else None)
                       for q in questions}

    def take(self, line: dict[str, Any]) -> None:
        """Raises schema.Malformed."""
        if type(line) is not dict:
            raise schema.Malformed(f"is {schema.shown(line)}, where an object belongs")
        kind = line.get("t")
        if type(kind) is not str:
            raise schema.Malformed("has no kind of record in the field t")
        known = schema.LINES.get(kind)
        if known is None:
            return
        if not known.fits(line):
            schema.check(known, line)
        v = line["v"]
        if kind == "visit":
            visit = _visit(line, self._workloads.setdefault(repr(line["workload"]), line["workload"]))
            if visit.question in self._asked:
                schema.check_place(*self._asked[visit.question], line["cell"])
            # A visit id written twice: the first was cut off and repeated.
            self.visits[v], self._open[v] = visit, ([], len(visit.contestants))
            return
        opened = self._open.get(v)
        if opened is None:
            self.stray += 1
            return
        lines, contestants = opened
        if kind == "visit_end":
            visit = self.visits[v]
            visit.take(lines)
            visit.status = line["status"]
            visit.what = line.get("what") or ""
            visit.seconds = line["seconds"]
            del self._open[v]
        else:
            if line.get("c", 0) >= contestants or line.get("of", 0) >= contestants:
                field = next(f for f in ("c", "of") if line.get(f, 0) >= contestants)
                raise schema.Malformed(f"has the number {line[field]} in the field {field}, where the index of one of the "
                                       f"{contestants} contestants of visit {v} belongs")
            lines.append(line)

    def end(self) -> None:
        """No line follows."""
        for v, (lines, _) in self._open.items():
            self.visits[v].take(lines)
        self._open.clear()


def _chunks(path: pathlib.Path, start: int = 0, end: int | None = None) -> Iterator[list[bytes]]:
    """The lines of a file, or of a part of it, some at a time."""
    rest = b""
    with open(path, "rb") as file:
        file.seek(start)
        while chunk := file.read(_CHUNK if end is None else min(_CHUNK, end - file.tell())):
            *lines, rest = (rest + chunk).split(b"\n")
            if lines:
                yield lines
    if rest.strip():
        yield [rest]


def _parse_all(lines: list[bytes]) -> list[Any] | None:
    """The values of some lines at once, which is twice as fast as one by one; None when one is no object."""
    filled = [text for text in lines if text]
    if not all(text[0] == 123 and text[-1] == 125 for text in filled):  # { and }
        return None
    try:
        values = schema.parse(b"[" + b",".join(filled) + b"]")
    except schema.Malformed:
        return None
    return values if len(values) == len(lines) else None


def load(path: pathlib.Path | str) -> Run:
    """The run in `path`. Raises ResultsError. Linear in the size of the files.

    Lines of a kind this revision does not know are kept out, not refused: the
    format may gain kinds, never change the meaning of one.
    """
    with uncollected():
        return _load(pathlib.Path(path))


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Without the search for cycles, which in what is read here are none: of a million records it takes a third of the
    time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _load(path: pathlib.Path) -> Run:
    meta = _read_meta(path)
    samples = path / "samples.jsonl"
    visits = _in_parallel(samples, meta["questions"])
    if visits is not None:
        return _finished(Run(path, meta, visits, half_written=0, stray=0), samples)
    reader = _Reader(meta["questions"])
    scars: list[tuple[int, str]] = []  # lines that do not parse, and why
    number = 0
    try:
        for lines in _chunks(samples) if samples.exists() else ():
            values = _parse_all(lines)
            for i, text in enumerate(lines):
                number += 1
                if not text.strip():
                    continue
                try:
                    value = values[i] if values is not None else schema.parse(text)
                except schema.Malformed as error:
                    _only_scar(scars, samples)
                    scars.append((number, str(error)))
                    continue
                # Only the last line can be cut off: every earlier one was
                # followed by another. A resumed run may leave its scar in the
                # middle, where the next line is the start of a visit.
                if scars and scars[-1][1] and not (type(value) is dict and value.get("t") == "visit"):
                    _only_scar(scars, samples)
                if scars:
                    scars[-1] = (scars[-1][0], "")
                try:
                    reader.take(value)
                except schema.Malformed as error:
                    raise ResultsError(f"{samples} line {number} {error}; restore the file or delete that line."
                                       ) from None
    except OSError as error:
        raise ResultsError(f"{samples} cannot be read ({error.strerror}); make it readable or restore it."
                           ) from None
    reader.end()
    return _finished(Run(path=path, meta=meta, visits=list(reader.visits.values()),
                         half_written=len(scars), stray=reader.stray), samples)


def _finished(run: Run, samples: pathlib.Path) -> Run:
    _check_whole(run, samples)
    if run.meta["status"] == "running" and not _held(samples):
        run.meta["status"] = "cut_off"  # killed: whoever measures holds the file
    return run


def _in_parallel(samples: pathlib.Path, questions: list[dict[str, Any]]) -> list[Visit] | None:
    """The visits of a large file; None when it is small, or when anything in it is for the careful reading to say."""
    try:
        parts = segments.of(samples, _BEGIN, _SEGMENT)
    except OSError:
        return None
    if len(parts) < 2:
        return None
    found = segments.each(_segment, [(samples, questions, start, end) for start, end in parts])
    if found is None or None in found:
        return None
    visits: dict[int, Visit] = {}
    for part in found:
        visits.update(part)
    return list(visits.values())


def _segment(samples: pathlib.Path, questions: list[dict[str, Any]], start: int, end: int) -> dict[int, Visit] | None:
    """The visits of a part of the samples; None when a line of it does not parse, does not fit, or belongs to no visit of it."""
    reader = _Reader(questions)
    try:
        for lines in _chunks(samples, start, end):
            values = _parse_all(lines)
            if values is None:
                return None
            for value in values:
                reader.take(value)
    except (OSError, schema.Malformed):
        return None
    if reader.stray:
        return None
    reader.end()
    return reader.visits


def lines(path: pathlib.Path | str) -> Iterator[dict[str, Any]]:
    """The records of a run that `load` has accepted, one by one; what was cut off is left out."""
    for texts in _chunks(pathlib.Path(path) / "samples.jsonl"):
        for text in texts:
            with contextlib.suppress(schema.Malformed):
                if text.strip():
                    yield schema.parse(text)


def _held(samples: pathlib.Path) -> bool:
    """Whether a process has the file locked, as the orchestrator has while it measures."""
    try:
        with open(samples, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # no file, or no locks: not to be known
        return False
    return False


def _only_scar(scars: list[tuple[int, str]], samples: pathlib.Path) -> None:
    """Raises ResultsError when the last line that did not parse was not the end of a sitting."""
    if scars and scars[-1][1]:
        number, why = scars[-1]
        raise ResultsError(f"{samples} line {number} {why}; restore the file or delete that line.")


def _check_whole(run: Run, samples: pathlib.Path) -> None:
    """A paper of fewer visits than were made would replace a better one."""
    made = schema.visits_made(run.meta)
    found = sum(v.status != "lost" for v in run.visits)
    if found < made:
        raise ResultsError(schema.shortfall(samples, found, run.meta))
