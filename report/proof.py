# SPDX-License-Identifier: Apache-2.0
"""What was proven of the strategies before anything was timed, as rows of text.

Reads `proof` of run.json: copies of the files that the campaigns of `maps/verification` (linearizability),
`maps/mutants` (the verification kit held against wrong maps), `maps/memory` and `maps/blocking` wrote. Each part may be missing;
the paper then says so.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from report import words
from report.figures.style import duration

_OUTCOMES = {"survived": "–", "killed": "killed", "reported": "report", "crashed": "crash", "hung": "hang"}
_SURVIVED = ("", _OUTCOMES["survived"])


@dataclasses.dataclass
class Checked:
    """One contestant whose histories were recorded and searched."""

    name: str
    histories: int
    map_histories: int
    operations: int
    threads: str
    keys: str
    where: str  # the disturbances
    violations: int


@dataclasses.dataclass
class Control:
    """A map that is wrong on purpose."""

    name: str
    flaw: str
    histories: int
    violations: int
    undisturbed: int


@dataclasses.dataclass
class Linearizability:
    checked: list[Checked]
    excluded: list[tuple[str, str]]
    controls: list[Control]
    missing: list[str]  # strategies of this run without an entry
    summary: str


@dataclasses.dataclass
class LitmusPattern:
    """One pattern, over all contestants, and how often each control showed what it forbids."""

    name: str
    kind: str
    forbidden_is: str  # what may not be seen, in words
    rounds: int
    forbidden: int
    skipped: str  # why no contestant was asked, or ""
    controls: list[str]  # as shown; "" where the control was not asked


@dataclasses.dataclass
class LitmusRow:
    """One contestant."""

    name: str
    rounds: int
    forbidden: list[str]  # by pattern


@dataclasses.dataclass
class Litmus:
    patterns: list[LitmusPattern]
    rows: list[LitmusRow]
    excluded: list[tuple[str, str]]
    controls: list[tuple[str, str]]  # name, what is wrong with it
    missing: list[str]
    summary: str


@dataclasses.dataclass
class Mutant:
    """One seeded mistake, and how each rung took it ("" not run, "–" survived)."""

    strategy: str
    what: str
    cells: list[str]
    survives: str  # the reason, when no rung kills it


@dataclasses.dataclass
class Mutants:
    rungs: list[tuple[str, str]]  # name, what it is
    by_rung: list[int]  # mutants that the rung kills
    rows: list[Mutant]
    survivors: list[Mutant]
    summary: str


@dataclasses.dataclass
class Footprint:
    """Bytes per entry of one strategy."""

    name: str
    excluded: str  # the reason, or ""
    settled: list[str]  # by number of entries; "" where not measured
    peak: str  # the most while it was filled, at the largest number
    cycled: str  # after 50 times all entries gave way to others, at the largest number where that was tried
    churned: str  # after 100 times as many single replacements as entries
    emptied: str  # kept of each entry when all were deleted
    waiting: str  # put aside and not freed, after every entry was overwritten once


@dataclasses.dataclass
class Memory:
    entries: list[int]
    rows: list[Footprint]


def linearizability(proof: dict[str, Any], strategies: list[str]) -> Linearizability | None:
    """None when the run has no such file. `strategies`: those of this run."""
    figures = proof.get("linearizability")
    if not figures:
        return None
    checked = [Checked(
        name, c["histories"], c["map_histories"], c["operations"], _span(c["threads"]), _span(c["keys"]),
        {"accesses": "every access to shared memory", "calls": "around calls"}.get(c["perturbed"], c["perturbed"]),
        c["violations"]) for name, c in sorted(figures["contestants"].items())]
    excluded = sorted(figures.get("excluded", {}).items())
    controls = [Control(name, c["flawed"], c["histories"] + c["map_histories"], c["violations"],
                        c["unperturbed_violations"]) for name, c in figures.get("controls", {}).items()]
    known = {c.name for c in checked} | {name for name, _ in excluded}
    violations = sum(c.violations for c in checked)
    total = sum(c.histories + c.map_histories for c in checked)
    summary = (f"{words.plural(len(checked), 'contestant')}, {words.plural(total, 'history', 'histories')}, "
               f"{words.plural(sum(c.operations for c in checked), 'operation')}: "
               + (words.plural(violations, "violation") if violations else "no violation") + ".")
    return Linearizability(checked, excluded, controls, sorted(set(strategies) - known), summary)


def litmus(proof: dict[str, Any], strategies: list[str]) -> Litmus | None:
    """None when the run has no such figures. `strategies`: those of this run."""
    figures = (proof.get("linearizability") or {}).get("litmus")
    if not figures:
        return None
    contestants = sorted(figures["contestants"].items())
    controls = sorted(figures.get("controls", {}).items())
    patterns = []
    for pattern in figures["patterns"]:
        cells = [entry.get(pattern["name"], {}) for _, entry in contestants]
        asked = [c for c in cells if "rounds" in c]
        reasons = sorted({c["skipped"] for c in cells if "skipped" in c})
        patterns.append(LitmusPattern(
            pattern["name"], pattern["kind"], pattern["what"], sum(c["rounds"] for c in asked),
            sum(c["forbidden"] for c in asked), "" if asked else "; ".join(reasons),
            [_litmus_cell(c["patterns"].get(pattern["name"], {})) for _, c in controls]))
    rows = [LitmusRow(name, sum(c.get("rounds", 0) for c in entry.values()),
                      [_litmus_cell(entry.get(p.name, {})) for p in patterns]) for name, entry in contestants]
    excluded = sorted(figures.get("excluded", {}).items())
    known = {r.name for r in rows} | {name for name, _ in excluded}
    forbidden = sum(p.forbidden for p in patterns)
    summary = (f"{words.plural(len(rows), 'contestant')}, {words.plural(sum(p.rounds for p in patterns), 'round')}: "
               + (words.plural(forbidden, "outcome") if forbidden else "no outcome") + " that real time forbids.")
    return Litmus(patterns, rows, excluded, [(name, c["flawed"]) for name, c in controls],
                  sorted(set(strategies) - known), summary)


def mutants(proof: dict[str, Any]) -> Mutants | None:
    """None when the run has no such file."""
    matrix = proof.get("mutants")
    if not matrix:
        return None
    rungs = list(matrix["rungs"].items())
    rows = [Mutant(m["strategy"], m["what"], [_cell(m["cells"].get(rung)) for rung, _ in rungs], m["survives"])
            for m in matrix["mutants"] if not _control(m)]
    killed = [r for r in rows if any(c not in _SURVIVED for c in r.cells)]
    survivors = [r for r in rows if r not in killed]
    unexplained = sum(not r.survives for r in survivors)
    summary = (f"{len(killed)} of {words.plural(len(rows), 'mutant')} in "
               f"{words.plural(len({r.strategy for r in rows}), 'strategy', 'strategies')} were killed; "
               + (f"{words.plural(len(survivors), 'survivor')}, "
                  + (f"{unexplained} of them without an explanation." if unexplained else "each with its reason below.")
                  if survivors else "none survived."))
    by_rung = [sum(r.cells[i] not in _SURVIVED for r in rows) for i in range(len(rungs))]
    return Mutants(rungs, by_rung, rows, survivors, summary)


def memory(proof: dict[str, Any]) -> Memory | None:
    """None when the run has no such file. What counts as a byte: `maps/memory/README.md`."""
    figures = (proof.get("memory") or {}).get("strategies") or {}
    if not figures:
        return None
    entries = sorted({f["entries"] for s in figures.values() for f in s.get("footprints", [])})
    rows = []
    for name, strategy in sorted(figures.items()):
        found = {f["entries"]: f for f in strategy.get("footprints", [])}
        last = found[max(found)] if found else None
        churned = [f for _, f in sorted(found.items()) if f.get("churned") is not None]
        rows.append(Footprint(
            name, strategy.get("excluded", ""),
            [_each(found[n]["settled"], found[n]) if n in found else "–" for n in entries],
            _each(last["fill_peak"], last) if last else "",
            _each(churned[-1]["cycled"], churned[-1]) if churned else "–",
            _each(churned[-1]["churned"], churned[-1]) if churned else "–",
            _each(last["deleted"], last) if last and last.get("deleted") is not None else "–",
            _each(max(0, last["overwritten"] - last["settled"]), last) if last else ""))
    return Memory(entries, rows)


# In the order of the paper's columns: slow part -> heading.
SLOW_PARTS = {
    "compute": "f of LoadOrCompute", "visitor": "visitor of Visit", "range_visitor": "visitor of Range", "hash": "hash",
    "equality_read": "comparison in Load", "equality_write": "comparison in Store", "copy_out": "copy by Load",
    "copy_in": "copy by Store"}


@dataclasses.dataclass
class HeldUp:
    """One strategy: whom it holds up, by slow part, and the longest waits."""

    name: str
    excluded: str  # the reason, or ""
    cells: list[str]  # by SLOW_PARTS
    writer: str  # longest wait of one writer among readers
    reader: str


@dataclasses.dataclass
class Blocking:
    rows: list[HeldUp]
    machine: HeldUp  # without a map
    others: int
    seconds: float
    missing: list[str]  # strategies of this run without an entry


def blocking(proof: dict[str, Any], strategies: list[str]) -> Blocking | None:
    """None when the run has no such file. How it was measured: `maps/blocking/README.md`."""
    figures = proof.get("blocking")
    if not figures:
        return None

    def waits(entry: dict[str, Any]) -> tuple[str, str]:
        return tuple(duration(1e6 * entry[who]["longest_ms"]) for who in ("writer", "reader"))

    rows = []
    for name, s in sorted(figures["strategies"].items()):
        held = s.get("holds_up", {})
        rows.append(HeldUp(name, s.get("excluded", ""), [_whom(held.get(part)) for part in SLOW_PARTS],
                           *(waits(s["waits"]) if "waits" in s else ("", ""))))
    return Blocking(rows, HeldUp("no map", "", [], *waits(figures["machine"])), figures["others"],
                    figures["wait_seconds"], sorted(set(strategies) - set(figures["strategies"])))


def badges(proof: dict[str, Any]) -> dict[str, str]:
    """By strategy: what was proven of it, in a few words."""
    found: dict[str, list[str]] = {}
    for name, c in (proof.get("linearizability") or {}).get("contestants", {}).items():
        histories = words.plural(c["histories"] + c["map_histories"], "history", "histories")
        found.setdefault(name, []).append(f"{histories}, {words.plural(c['violations'], 'violation')}")
    rows = [m for m in (proof.get("mutants") or {}).get("mutants", []) if not _control(m)]
    for name in dict.fromkeys(m["strategy"] for m in rows):
        own = [m for m in rows if m["strategy"] == name]
        killed = sum(any(c["outcome"] != "survived" for c in m["cells"].values()) for m in own)
        found.setdefault(name, []).append(f"{killed} of {words.plural(len(own), 'mutant')} killed")
    return {name: "; ".join(parts) for name, parts in found.items()}


def _each(size: float, footprint: dict[str, Any]) -> str:
    """Bytes per entry that the map kept."""
    kept = footprint["size"] or footprint["entries"]
    return f"{size / kept:.1f}"


def _span(pair: Any) -> str:
    low, high = pair if isinstance(pair, list) else (pair, pair)
    return str(low) if low == high else f"{low}–{high}"


def _litmus_cell(cell: dict[str, Any]) -> str:
    return str(cell["forbidden"]) if "forbidden" in cell else "–"


def _whom(held: dict[str, str] | None) -> str:
    """Loads / stores, and where a waiting Store makes a difference to Loads, that too."""
    if held is None:
        return "–"
    text = held["loads"] if held["loads"] == held["stores"] else f"{held['loads']} / {held['stores']}"
    if held["loads_behind_store"] != held["loads"]:
        text += f" (loads behind a store: {held['loads_behind_store']})"
    return text


def _cell(cell: dict[str, str] | None) -> str:
    return "" if cell is None else _OUTCOMES[cell["outcome"]]


def _control(mutant: dict[str, Any]) -> bool:
    """Whether it is the strategy as it is, which every rung must pass."""
    return mutant.get("name") == "unchanged"
