# SPDX-License-Identifier: Apache-2.0
"""Where the time of one cell goes, as a flame graph for each map: `--profile-cells DIR`.

Each map plays the cell in a visit of its own, as it would in a run, under `perf record` with the clock as event, which
needs no counters of the processor. Kept are the stacks within the loop that plays the tape (or a scenario's step, or the
loop by hand), from there to the innermost function; inlined functions are frames as well, as addr2line tells them from the
worker's line tables. Stacks follow frame pointers, which the worker has and the C library has not: a caller of a leaf function
in it may be missing.
"""

import collections
import dataclasses
import json
import pathlib
import re
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from experiments.orchestrator import catalogue, conditions, contestants, flame_svg, recordings, session, threads
from experiments.orchestrator.errors import UserError, plural
from experiments.orchestrator.topology import Machine

QUESTION, CELL = "standard_cells", "hot_mix"  # unless another is asked
SECONDS = 2.0  # of measured blocks under the profiler
HERTZ = 1999  # of one thread; no multiple of the kernel's own tick
LIMIT_S = 300  # for what perf does afterwards
# The loop that plays a tape, a scenario's step, and the loops by hand.
_ENTRY = re.compile(r"PlayLoop|ScenarioFor.*Step|(?:Find|Put|FindOrAdd|Mix)Plainly")
# What is the harness within the loop: no frame of its own.
_HARNESS = re.compile(r"(?:Player|OnlyLoop|LoadStoreLoop|AnyLoop)::Do|Call|Player::(?:Saw|Count)")
_FRAME = re.compile(r"\s+([0-9a-f]+) (.*) \((.*)\)$")


@dataclasses.dataclass(frozen=True)
class Place:
    """The cell that is profiled: one place of a question, and who is put to it."""

    question: dict[str, Any]
    axis: float | None
    cell: str | None
    regime: str
    threads: int
    contestants: list[str]

    @property
    def title(self) -> str:
        titles = {c["name"]: c.get("title") or c["name"] for c in self.question.get("cells", ())}
        where = titles.get(self.cell) or f"{self.question['axis']['name']} {self.axis:g}"
        return f"{self.question['name'].replace('_', ' ')}: {where}, {plural(self.threads, 'thread')}"


def choose(asked: catalogue.Asked, described: dict[str, dict[str, Any]]) -> Place:
    """The first cell (or value of the axis) of the first question, in its first regime, with the most threads; of
    QUESTION the hot one. Raises UserError when nobody can play it."""
    q = asked.questions[0]
    regime = q["regimes"][0]
    cell = axis = None
    if q["kind"] == "cells":
        names = catalogue.cells_in(q, regime)
        cell = CELL if q["name"] == QUESTION and CELL in names else names[0]
    count = max(catalogue.thread_counts(q))
    if q["kind"] != "cells":
        axis = count if q["axis"]["field"] == "threads" else q["axis"]["values"][0]
    workload = catalogue.resolve(q, axis, cell, regime)
    specs = [catalogue.fill(c, q, axis) for c in dict.fromkeys([*q["baselines"], *q["contestants"]])
             if cell is None or catalogue.takes_part(q, c, cell)]
    specs = [s for s in dict.fromkeys(specs) if contestants.unfit(described.get(contestants.strategy_of(s), {}), workload, count) is None]
    if not specs:
        raise UserError(f"nobody can play {q['name']} here; ask another question with --only, or a cell with --ask.")
    return Place(q, axis, cell, regime, count, specs)


def draw(place: Place, worker: session.Worker, machine: Machine, profile: dict[str, Any], folder: pathlib.Path,
         say: Callable[[str], None], run: Callable[..., subprocess.CompletedProcess] = subprocess.run) -> None:
    """Writes <contestant>.svg and <contestant>.folded (a line a stack, as other tools read them) into the folder.

    Raises UserError, in one sentence, for what is missing on the machine.
    """
    for program, package in (("perf", "linux-perf"), ("addr2line", "binutils")):
        if not shutil.which(program):
            raise UserError(f"flame graphs are drawn with {program}, which is not installed; install the package {package} "
                            f"(apt-get install {package}).")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be made ({error.strerror}); name another folder.") from None
    for spec in place.contestants:
        request = request_of(place, spec, machine, profile)
        command = worker.command(request["workload"], 1)
        stacks = profiled(command, request, run)
        if not stacks:
            say(f"{spec}: no sample fell into the time that is measured; nothing is drawn")
            continue
        base = folder / re.sub(r"[^\w.=@-]", "_", spec, flags=re.ASCII)
        svg = flame_svg.draw(stacks, spec, f"{place.title}: {plural(sum(stacks.values()), 'sample')} of {HERTZ} a second and thread")
        lines = "".join(f"{';'.join(stack)} {n}\n" for stack, n in sorted(stacks.items()))
        for path, text in ((base.with_name(base.name + ".svg"), svg), (base.with_name(base.name + ".folded"), lines)):
            try:
                path.write_text(text, encoding="utf-8")
            except OSError as error:
                raise UserError(f"{path} cannot be written ({error.strerror}); name another folder.") from None
        say(f"{spec}: {plural(sum(stacks.values()), 'sample')}, {base.with_name(base.name + '.svg')}")


def request_of(place: Place, spec: str, machine: Machine, profile: dict[str, Any]) -> dict[str, Any]:
    """A visit of one contestant, as a run would make it."""
    crowded = threads.oversubscribed(place.threads, machine)
    cpus = machine.order()
    return {
        "visit": 0, "seed": 1, "contestants": [spec],
        "workload": catalogue.resolve(place.question, place.axis, place.cell, place.regime),
        "threads": place.threads, "slice_ms": threads.slice_ms(profile["slice_ms"], place.threads, crowded),
        "seconds": SECONDS, "warmup_seconds": profile["warmup_seconds"],
        "pin": [cpus[i % len(cpus)] for i in range(place.threads)], "oversubscribed": crowded, "timed": True, "max_blocks": 0,
        **conditions.of(place.question, place.cell), **recordings.of(place.question, place.cell)}


def profiled(command: list[str], request: dict[str, Any], run: Callable[..., subprocess.CompletedProcess]) -> collections.Counter:
    """Stacks of the visit, outermost function first, and how many samples each has. Raises UserError."""
    with tempfile.TemporaryDirectory() as scratch:
        data = f"{scratch}/perf.data"
        done = run(["perf", "record", "-q", "-e", "cpu-clock", "-F", str(HERTZ), "--call-graph", "fp", "-o", data, "--", *command,
                    "--visit=-"], input=json.dumps(request), capture_output=True, text=True, check=False,
                   timeout=session.timeout(request))
        if done.returncode != 0:
            raise UserError(_failure(done.stderr, request))
        script = run(["perf", "script", "-i", data, "--no-inline", "-F", "comm,ip,sym,dso"], capture_output=True, text=True,
                     check=False, timeout=LIMIT_S, errors="replace")
        if script.returncode != 0:
            raise UserError(f"perf cannot read what it recorded ({_last(script.stderr)}); free some disk, or mend perf.")
    program = pathlib.Path(command[-1])
    return folded(script.stdout, program, lambda addresses: inlined(program, addresses, run))


def _failure(stderr: str, request: dict[str, Any]) -> str:
    if "perf_event_paranoid" in stderr or "ermission" in stderr or "not permitted" in stderr:
        return ("perf may not sample here; allow it, as root, with sysctl kernel.perf_event_paranoid=2 (in a container its "
                "host has to).")
    return f"the visit of {request['contestants'][0]} under perf failed ({_last(stderr)}); try the same cell without --profile-cells."


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].rstrip(".") if lines else "it does not say why"


def folded(script: str, program: pathlib.Path, resolve: Callable[[list[int]], dict[int, list[str]]]) -> collections.Counter:
    """From perf's text to counted stacks below the entry.

    resolve: offsets in the program's file -> the functions there, innermost first, those that were inlined and theirs.
    """
    samples = []
    for text in re.split(r"\n\s*\n", script):
        frames = [found.groups() for found in map(_FRAME.match, text.splitlines()) if found]
        entry = next((i for i, (_, symbol, _) in enumerate(frames) if _ENTRY.search(symbol)), None)
        if entry is not None:
            # An address but the innermost is where a call returns to, which may be another line.
            samples.append([(int(address, 16) - (i > 0), symbol, dso) for i, (address, symbol, dso) in enumerate(frames[:entry + 1])])
    own = program.name
    known = resolve(sorted({a for frames in samples for a, _, dso in frames if pathlib.Path(dso).name == own}))
    stacks: collections.Counter = collections.Counter()
    for frames in samples:
        names: list[str] = []
        for address, symbol, dso in frames:
            names += known.get(address) or [_elsewhere(symbol, dso)] if pathlib.Path(dso).name == own else [_elsewhere(symbol, dso)]
        stacks[tuple(_tidy(reversed(names)))] += 1
    return stacks


def _elsewhere(symbol: str, dso: str) -> str:
    """A function of the kernel or of a library."""
    name = short(re.sub(r"\+0x[0-9a-f]+$", "", symbol))
    return f"[kernel] {name}" if dso.startswith("[kernel") else f"[{pathlib.Path(dso).name}] {name}"


def _tidy(names: Iterable[str]) -> list[str]:
    """The loop once, without what it consists of; no function twice running."""
    out: list[str] = []
    for name in names:
        if not (out and (_HARNESS.fullmatch(name) or name == out[-1])):
            out.append(name)
    return out


def inlined(program: pathlib.Path, addresses: Sequence[int], run: Callable[..., subprocess.CompletedProcess]) -> dict[int, list[str]]:
    """The functions at offsets of the program's file, innermost first, by addr2line."""
    if not addresses:
        return {}
    segments = executable_segments(program)
    virtual = {a: next((a - offset + at for offset, at, size in segments if offset <= a < offset + size), a) for a in addresses}
    done = run(["addr2line", "-a", "-i", "-f", "-C", "-e", str(program)], input="\n".join(f"{v:x}" for v in virtual.values()),
               capture_output=True, text=True, check=False, timeout=LIMIT_S, errors="replace")
    found: list[list[str]] = []
    functions = []
    for line in done.stdout.splitlines():
        if re.fullmatch(r"0x[0-9a-f]+", line):
            functions = []
            found.append(functions)
            place = False
        else:
            if not place:
                functions.append(short(line))
            place = not place
    return {a: names for a, names in zip(addresses, found) if names != ["??"]} if len(found) == len(addresses) else {}


def executable_segments(program: pathlib.Path) -> list[tuple[int, int, int]]:
    """(offset in the file, virtual address, bytes) of what a 64-bit ELF file has to be executed; none of another file."""
    with open(program, "rb") as file:
        head = file.read(64)
        if head[:5] != b"\x7fELF\x02":
            return []
        start, = struct.unpack_from("<Q", head, 32)
        size, count = struct.unpack_from("<HH", head, 54)
        file.seek(start)
        table = file.read(size * count)
    found = []
    for i in range(count):
        kind, flags, offset, at, _, length = struct.unpack_from("<IIQQQQ", table, i * size)
        if kind == 1 and flags & 1:  # PT_LOAD, PF_X
            found.append((offset, at, length))
    return found


def short(name: str) -> str:
    """A C++ function without namespaces, template arguments, parameters and results: SyncMap::Visit."""
    name = re.sub(r"\[(?:clone|abi:)[^\]]*\]|\.(?:isra|part|constprop|cold)(?:\.\d+)?", "", name).strip()
    name = name.replace("(anonymous namespace)", "anonymous").removesuffix(" const")
    name = re.sub(r"\{lambda\(.*?\)#\d+\}", "lambda", name)
    name = re.sub(r"operator(\(\)|<<|>>|->|<=>|<=|>=|<|>|\[\])", lambda m: "operator " + _NAMED_OPERATORS[m[1]], name)
    kept, depth = [], 0
    for c in name:
        if c in "<(":
            depth += 1
        elif c in ">)":
            depth -= 1
        elif depth == 0:
            kept.append(c)
    name = "".join(kept).replace("operator ", "operator_").strip()
    name = name.split(" ")[-1] if name else "?"
    return "::".join(part for part in name.split("::")[-2:] if part and part not in _NAMESPACES) or "?"


_NAMED_OPERATORS = {"()": "call", "<<": "shift_left", ">>": "shift_right", "->": "arrow", "<=>": "compare", "<=": "at_most",
                    ">=": "at_least", "<": "less", ">": "greater", "[]": "index"}
_NAMESPACES = {"cmap", "workloads", "internal", "std", "anonymous", "experiments", "peers", "__detail", "detail"}
