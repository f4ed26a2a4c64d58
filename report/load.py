# SPDX-License-Identifier: Apache-2.0
"""Reads one results directory into typed records.

A run is `run.json` (what was asked, on what) and `samples.jsonl` (what came
back, append-only). The reader never guesses: a visit without its end is lost,
a half-written last line is counted, and anything else that does not parse is
an error of one sentence that names the line.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
from typing import Any

SCHEMA = 1


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
    layout: int | None  # of the worker; None in runs that had no choice
    realised: dict[str, Any] | None = None
    slices: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    rejects: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    counters: dict[int, dict[str, float]] = dataclasses.field(
        default_factory=dict)
    memory: dict[int, dict[str, float]] = dataclasses.field(
        default_factory=dict)
    invalid: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    end: dict[str, Any] | None = None
    lines: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    status: str = "lost"  # until a visit_end says otherwise
    what: str = ""
    seconds: float | None = None

    @property
    def ok(self) -> bool:
        """Whether its numbers may be used."""
        return self.status == "ok"

    @property
    def operations(self) -> int:
        """Operations executed, discarded warm-up included."""
        return sum(int(s.get("n") or 0) for s in self.slices)


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
        meta = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ResultsError(
            f"{path} has no run.json, so it is not a results directory; give "
            "one that an experiment wrote, such as results/latest.") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ResultsError(
            f"{file} cannot be read ({error}); restore it or measure again."
        ) from None
    if not isinstance(meta, dict) or meta.get("schema") != SCHEMA:
        found = meta.get("schema") if isinstance(meta, dict) else None
        raise ResultsError(
            f"{file} has schema {found!r} but this report reads schema "
            f"{SCHEMA}; use the revision that wrote it ("
            f"{meta.get('revision') if found else 'not recorded'}).")
    for field, default in (("questions", []), ("not_asked", []),
                           ("workers", {}), ("environment", {}),
                           ("rules", {}), ("threads", {}), ("withheld", []), ("skipped", []),
                           ("proof", {})):
        value = meta.setdefault(field, default)
        if not isinstance(value, type(default)):
            raise ResultsError(
                f"{file} has a {field!r} of type {type(value).__name__} where "
                f"a {type(default).__name__} belongs; it was not written by "
                "the orchestrator of this revision.")
    for question in meta["questions"]:
        if not isinstance(question, dict) or "name" not in question:
            raise ResultsError(f"{file} has a question without a name; it was "
                               "not written by the orchestrator of this "
                               "revision.")
        for field, default in (
                ("title", question["name"]), ("prose", ""), ("kind", "cells"),
                ("axis", None), ("cells", []), ("regimes", ["stationary"]),
                ("threads", [1]), ("baselines", []), ("contestants", []),
                ("levels", []), ("claims", []), ("excludes", [])):
            question.setdefault(field, default)
    for field, default in (
            ("run", path.name), ("status", "unknown"), ("note", ""),
            ("command", "(not recorded)"), ("revision", "not recorded"),
            ("dirty", None), ("profile", "not recorded"), ("seed", None),
            ("budget_s", None), ("started", "not recorded"),
            ("finished", None)):
        meta.setdefault(field, default)
    return meta


def _visit(line: dict[str, Any]) -> Visit:
    cell = line.get("cell") or {}
    workload = line.get("workload") or {}
    return Visit(
        id=line["v"],
        question=line.get("question") or "",
        axis=cell.get("axis"),
        name=cell.get("name"),
        regime=cell.get("regime") or workload.get("regime") or "stationary",
        threads=int(line.get("threads") or cell.get("threads") or 1),
        contestants=list(line.get("contestants") or []),
        baseline=line.get("baseline"),
        workload=workload,
        arch=line.get("arch") or "",
        timed=bool(line.get("timed", True)),
        purpose=line.get("purpose") or "cell",
        at=line.get("at") or "",
        gate=line.get("gate") or {},
        oversubscribed=bool(line.get("oversubscribed")
                            or cell.get("oversubscribed")),
        layout=line.get("layout"))


def _take(visit: Visit, line: dict[str, Any]) -> None:
    kind = line.get("t")
    visit.lines.append(line)
    if kind == "realised":
        visit.realised = line.get("figures") or {}
    elif kind == "slice":
        visit.slices.append(line)
    elif kind == "reject":
        visit.rejects.append(line)
    elif kind == "counters":
        visit.counters[line["c"]] = line.get("counters") or {}
    elif kind == "memory":
        visit.memory[line["c"]] = {
            k: line[k] for k in ("bytes", "entries") if k in line}
    elif kind == "invalid":
        visit.invalid.append(line)
    elif kind == "end":
        visit.end = line


def load(path: pathlib.Path | str) -> Run:
    """The run in `path`. Raises ResultsError. Linear in the size of the files.

    Lines of a kind this revision does not know are kept out, not refused: the
    format may gain kinds, never change the meaning of one.
    """
    path = pathlib.Path(path)
    meta = _read_meta(path)
    visits: dict[int, Visit] = {}
    half_written = stray = 0
    samples = path / "samples.jsonl"
    try:
        raw = samples.read_bytes() if samples.exists() else b""
    except OSError as error:
        raise ResultsError(f"{samples} cannot be read ({error}).") from None
    lines = raw.split(b"\n")
    last = len(lines) - 1
    for number, text in enumerate(lines):
        if not text.strip():
            continue
        try:
            line = json.loads(text)
            if not isinstance(line, dict):
                raise ValueError("not an object")
        except ValueError as error:
            # Only the last line can be cut off: every earlier one was followed
            # by another. A resumed run may leave its scar in the middle, where
            # the next line is the start of a visit.
            if number == last or _starts_visit(lines, number + 1):
                half_written += 1
                continue
            raise ResultsError(
                f"{samples} line {number + 1} is not JSON ({error}); restore "
                "the file or delete that line.") from None
        kind = line.get("t")
        if not isinstance(line.get("v"), int):
            stray += 1
        elif kind == "visit":
            # A visit id written twice: the first was cut off and repeated.
            visits[line["v"]] = _visit(line)
        elif line["v"] not in visits:
            stray += 1
        elif kind == "visit_end":
            visit = visits[line["v"]]
            visit.status = line.get("status") or "ok"
            visit.what = line.get("what") or ""
            visit.seconds = line.get("seconds")
        else:
            try:
                _take(visits[line["v"]], line)
            except (KeyError, TypeError):
                raise ResultsError(
                    f"{samples} line {number + 1} is a {kind!r} record without "
                    "its fields; restore the file or delete that line."
                ) from None
    return Run(path=path, meta=meta, visits=list(visits.values()),
               half_written=half_written, stray=stray)


def _starts_visit(lines: list[bytes], start: int) -> bool:
    for text in lines[start:]:
        if not text.strip():
            continue
        try:
            return json.loads(text).get("t") == "visit"
        except (ValueError, AttributeError):
            return False
    return True
