# SPDX-License-Identifier: Apache-2.0
"""A question of one's own: cells written on the command line or in a file, as an entry of the catalogue.

Without --strategies a cell is put to every map that is fit for it. They are screened once against the baseline; then
the time goes to the leading ones, each against the one in front (leading.py). With --sweep one field of a single cell
becomes an axis, and a few maps are searched for crossovers.

A file holds a cell of the catalogue, or a list of them, or {"title", "threads", "cells": [...]}. A cell has a
`workload` as in the catalogue (workloads/spec.h) or its short form, `ask`, and may have a `name`, a `title`,
`threads`, and a `recording`: the path of a compact trace that is played in place of the workload's own operations.
"""

import dataclasses
import json
import os
import pathlib
from typing import Any

from experiments.orchestrator import catalogue, conditions, contestants, fields, recordings
from experiments.orchestrator.errors import UserError, unknown

PROFILE = "ask"  # of runs that are not given another
NAME = "asked"  # the first question; others are asked_2, asked_3, ...
OTHERS = "*"  # as `rest` of an axis: all other operations of the mix, in proportion
_CELL = ("name", "title", "workload", "ask", "threads", *conditions.CONDITIONS, "recording", "only", "regimes")  # the last two as the catalogue has them: see _cell
_FILE = ("title", "threads", "cells")
_POINTS = 7  # of a sweep's screen
SMALL = 1000  # keys, or operations, under an emulator

# field as written -> (axis field, name, unit, scale, low, high, discrete)
_SWEEPS: dict[str, tuple[str, str, str, str, float, float, bool]] = {
    "population": ("population", "keys", "", "log2", 1, fields.MOST_KEYS, False),
    "prefill": ("prefill", "share of the keys present", "", "linear", 0, 1, False),
    "ops": ("ops", "operations", "", "log2", 1, fields.MOST_KEYS, False),
    "keys.theta": ("keys.theta", "zipf exponent", "", "linear", 0, 20, False),
    "keys.reuse": ("keys.reuse", "key reuse rate", "", "linear", 0, 1, False),
    "keys.hot_fraction": ("keys.hot_fraction", "share of the keys that are hot", "", "linear", 0, 1, False),
    "keys.hot_share": ("keys.hot_share", "share of the operations on hot keys", "", "linear", 0, 1, False),
    "miss": ("miss", "share of loads that miss", "%", "linear", 0, 100, False),
    "key": ("key_bytes", "bytes of a key", "B", "log2", fields.LEAST_KEY_BYTES, fields.MOST_BYTES, True),
    "value": ("value_bytes", "bytes of a value", "B", "log2", fields.LEAST_VALUE_BYTES, fields.MOST_BYTES, True),
}


@dataclasses.dataclass
class Asked:
    """The catalogue of what was asked, and the workloads that it holds, for the worker to check."""

    catalogue: catalogue.Catalogue
    workloads: list[dict[str, Any]]


def build(known: catalogue.Catalogue, texts: list[str], sweep: str | None, strategies: list[str] | None,
          described: dict[str, dict[str, Any]]) -> Asked:
    """The catalogue of what --ask, --sweep and --strategies ask. Raises UserError.

    known: the study's catalogue; described: strategy name -> traits
    """
    title, cells = "", []
    for text in texts:
        found_title, found = _cells(text, len(cells))
        title = title or found_title
        cells += found
    names = [cell.name for cell in cells]
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice:
        raise UserError(f"two cells are named {twice}; give one of them another name.")
    timeless = next((c.name for c in cells if c.arrivals == fields.RECORDED and not c.recording), None)
    if timeless:
        raise UserError(f"the cell {timeless} has arrivals={fields.RECORDED} and no recording whose times these are; add one in a "
                        f"file of cells, or ask with arrivals={fields.ARRIVALS}.")
    for spec in strategies or ():
        contestants.check(spec, described)
    if sweep is not None:
        if len(cells) != 1:
            raise UserError(f"--sweep varies one cell and {len(cells)} are asked; ask one.")
        if cells[0].arrivals:
            raise UserError(f"arrivals={cells[0].arrivals} goes with a cell and not with --sweep; leave one out.")
        if unusual := conditions.stated(cells[0].conditions):
            name, word = next(iter(unusual.items()))
            raise UserError(f"{name}={word} goes with a cell and not with --sweep; leave one out.")
        if cells[0].recording:
            raise UserError("a recording is one sequence of operations, of which --sweep can vary nothing; leave one out.")
        questions = [_sweep(cells[0], sweep, strategies, known, described)]
    else:
        questions = _ranked(cells, title, strategies, known, described)
    for q in questions:
        q["profiles"] = _profiles(q, known)
    settings = known.ask["sweep" if sweep is not None else "arrivals" if any(c.arrivals for c in cells) else "cells"]
    asked = catalogue.Catalogue({**known.profiles, PROFILE: settings}, questions, known.ask)
    found = catalogue.problems(asked)
    if found:
        raise UserError(found[0])
    return Asked(asked, [w for q in questions for w in _everywhere(q)])


def workloads(texts: list[str]) -> list[dict[str, Any]]:
    """Those of what --ask asks, whoever takes part. Raises UserError."""
    return [cell.workload for text in texts for cell in _cells(text, 0)[1]]


def again(known: catalogue.Catalogue, questions: list[dict[str, Any]]) -> catalogue.Catalogue:
    """The catalogue with the questions of a run that were asked of it; what the run resolved stays so."""
    asked = []
    for q in questions:
        if q.get("asked"):
            recordings.check(q)
            entry = json.loads(json.dumps(q))
            entry["threads"] = [str(n) for n in q["threads"]]
            if q["kind"] != "cells" and q["axis"]["field"] == "threads":
                entry["axis"]["values"] = [str(int(n)) for n in q["axis"]["values"]]
            asked.append({**entry, "profiles": _profiles(q, known)})
    return dataclasses.replace(known, questions=[*known.questions, *asked])


def _profiles(q: dict[str, Any], known: catalogue.Catalogue) -> dict[str, dict[str, Any]]:
    """The overrides of every profile: none, but for the small form that an emulator can run."""
    profiles: dict[str, dict[str, Any]] = {name: {} for name in (*known.profiles, PROFILE)}
    least = min(w.get("population", SMALL) for w in catalogue.workloads(q))
    profiles["smoke"] = {"population": min(SMALL, least)} if q["regimes"] == [fields.REGIMES[0]] else {"ops": SMALL}
    return profiles


def _cells(text: str, before: int) -> tuple[str, list[fields.Cell]]:
    """(title, cells) of one --ask: the short form, or a file."""
    if "=" in text and not text.endswith(".json"):
        return "", [fields.parse(text, f"cell_{before + 1}")]
    path = pathlib.Path(os.environ.get("BUILD_WORKING_DIRECTORY", ".")) / text
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"--ask {text!r} is neither a cell, such as 'mix=load:90,store:10', nor a file that can be read "
                        f"({error.strerror}).") from None
    except ValueError as error:
        raise UserError(f"the file {text} is not JSON ({error}); mend it.") from None
    if isinstance(held, dict) and "cells" not in held:
        held = [held] if "workload" in held or "ask" in held else [{"workload": held}]
    if isinstance(held, list):
        held = {"cells": held}
    if not isinstance(held, dict) or not isinstance(held["cells"], list) or not held["cells"]:
        raise UserError(f"the file {text} holds no cells; give it a cell of the catalogue, or a list of them.")
    _only(held, _FILE, f"the file {text}")
    threads = _words(held.get("threads"), f"the file {text}")
    cells = [_cell(cell, f"cell_{before + i}", f"cell {i} of {text}") for i, cell in enumerate(held["cells"], 1)]
    for cell in cells:
        cell.threads = cell.threads or threads
    return str(held.get("title", "")), cells


def _only(given: dict[str, Any], known: tuple[str, ...], where: str) -> None:
    for name in given:
        if name not in known:
            raise UserError(f"{where}: {unknown('field', name, known)}")


def _words(threads: Any, where: str) -> list[str]:
    if threads is None:
        return []
    if not isinstance(threads, list) or not threads:
        raise UserError(f"{where} has threads that are no list of words; write [\"1\", \"all\"].")
    return fields.check_threads(",".join(map(str, threads)))


def _cell(cell: Any, name: str, where: str) -> fields.Cell:
    """A cell of a file. Who takes part, which `only` restricts in the catalogue, is for --strategies to say; of `regimes`
    the workload has one."""
    if not isinstance(cell, dict):
        raise UserError(f"{where} is no object; write {{\"workload\": {{...}}}} or {{\"ask\": \"mix=...\"}}.")
    _only(cell, _CELL, where)
    if ("workload" in cell) == ("ask" in cell):
        raise UserError(f"{where} needs either a workload or its short form, ask; give one of them.")
    if "ask" in cell:
        made = fields.parse(str(cell["ask"]), name)
    else:
        if not isinstance(cell["workload"], dict):
            raise UserError(f"{where} has a workload that is no object; write it as in the catalogue.")
        made = fields.Cell(name, "", {"regime": fields.REGIMES[0], **cell["workload"]}, [])
        made.title = str(cell.get("title", cell.get("name", name)))
    made.name = fields.check_name(str(cell.get("name", made.name)))
    made.title = str(cell.get("title", made.title))
    made.threads = _words(cell.get("threads"), where) or made.threads
    made.conditions = {**made.conditions, **fields.check_conditions(cell, made.workload, where)}
    if "recording" in cell:
        made.recording = recordings.take(cell["recording"], where)
        if made.workload["regime"] not in recordings.REGIMES or made.arrivals == fields.ARRIVALS:
            raise UserError(f"{where} has a recording, which starts from an empty map and has arrivals of its own; give it "
                            f"regime={' or '.join(recordings.REGIMES)}, and arrivals={fields.RECORDED} if any.")
    return made


def _entry(name: str, title: str, prose: str, regime: str, threads: list[str]) -> dict[str, Any]:
    return {"name": name, "title": title, "prose": prose, "regimes": [regime], "threads": threads or ["all"],
            "excludes": [], "levels": [], "claims": [], "asked": True}


def _ranked(cells: list[fields.Cell], title: str, strategies: list[str] | None, known: catalogue.Catalogue,
            described: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The questions of cells: one for all that share a regime and numbers of threads."""
    groups: dict[tuple, list[fields.Cell]] = {}
    for cell in cells:
        groups.setdefault((cell.workload["regime"], *(cell.threads or ["all"])), []).append(cell)
    out = []
    for i, ((regime, *threads), own) in enumerate(groups.items()):
        q = _entry(NAME if i == 0 else f"{NAME}_{i + 1}", title or (
            f"Which map for {own[0].title}?" if len(own) == 1 else "Which map for these cells?"),
                   "Cells that were asked for this run.", regime, threads)
        q.update(kind="cells", ranked=True, aa_visits=known.ask["aa_visits"], cells=[
            {"name": c.name, "title": c.title, "workload": c.workload, **c.conditions,
             **({"recording": c.recording} if c.recording else {})} for c in own])
        _enter(q, strategies, known.ask["contestants"], known, described, [c.workload for c in own])
        out.append(q)
        waiting = {c.name for c in own if c.arrivals}
        if waiting:
            out.append(_waits(q, waiting, strategies, known, described))
    return out


def _waits(q: dict[str, Any], waiting: set[str], strategies: list[str] | None, known: catalogue.Catalogue,
           described: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The question of how long operations wait, of some cells of another question. Its visits are long, so that without
    --strategies a few maps take part."""
    cells = [cell for cell in q["cells"] if cell["name"] in waiting]
    recorded = q["regimes"][0] != fields.REGIMES[0]
    out = _entry(f"{q['name']}_arrivals", "How long do operations wait?",
                 "Operations of a cell that was asked for this run, arriving "
                 + ("when they arrived in the trace," if recorded else "as a Poisson stream") + " whatever the map does.",
                 q["regimes"][0], q["threads"])
    out.update(kind="cells", cells=cells, arrivals=known.ask["recorded" if recorded else "rungs"],
               most_visits=known.ask["most_under_arrivals"], aa_visits=0)
    _enter(out, strategies, known.ask["under_arrivals"], known, described, [c["workload"] for c in cells])
    return out


def _enter(q: dict[str, Any], strategies: list[str] | None, usual: list[str], known: catalogue.Catalogue,
           described: dict[str, dict[str, Any]], workloads: list[dict[str, Any]]) -> None:
    """Baseline and contestants: those named, the first as the baseline; otherwise the usual ones."""
    if not strategies:
        q.update(baselines=[known.ask["baseline"]], contestants=usual, excludes=known.ask["excludes"])
        return
    first, *rest = strategies
    if not rest:
        first, rest = known.ask["baseline"], [first]
        if rest == [first]:
            raise UserError(f"{first} alone has nothing to be held against; name another strategy as well.")
    why = next(filter(None, (contestants.unfit(described[contestants.strategy_of(first)], w, 1) for w in workloads)), None)
    if why:
        raise UserError(f"{first} cannot be the baseline, the first of --strategies: {why}; name another one first.")
    q.update(baselines=[first], contestants=rest)


def _sweep(cell: fields.Cell, sweep: str, strategies: list[str] | None, known: catalogue.Catalogue,
           described: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The question of one cell along an axis."""
    field, equals, span = sweep.partition("=")
    if not equals or not span:
        raise UserError(f"--sweep {sweep!r} is no axis; write FIELD=LOW..HIGH, such as population=1k..1M, or "
                        "FIELD=VALUE,VALUE,....")
    q = _entry(NAME, "", "A cell that was asked for this run, along one of its fields.", cell.workload["regime"],
               cell.threads)
    usual = known.ask["sweep_contestants"]
    if field == "threads":
        words = span.split("..")
        values = fields.check_threads(span if len(words) == 1 else _powers(*words) if len(words) == 2 else "")
        axis = {"name": "threads", "field": "threads", "scale": "log2", "unit": "", "values": values}
        q["threads"] = []
    elif field.startswith("mix."):
        axis = _mix_axis(field, span, cell.workload)
    elif field in _SWEEPS:
        axis = _field_axis(field, span, cell.workload)
    else:
        axis, usual = _tunable_axis(field, span, described)
        if strategies:
            usual = [s if "{}" in s else _with_tunable(s, field) for s in strategies
                     if field in _tunables(described, contestants.strategy_of(s))]
            if not usual:
                raise UserError(f"none of {', '.join(strategies)} has the tunable {field}; name a strategy that has it.")
            strategies = [known.ask["baseline"], *usual]
    discrete = field == "threads" or axis.pop("discrete")
    q.update(kind="discrete" if discrete else "sweep", axis=axis, workload=cell.workload,
             title=f"Which map, along the {axis['name']}?",
             aa_visits=known.ask["aa_visits"])
    q["prose"] = f"{cell.title}. {q['prose']}"
    _enter(q, strategies, usual, known, described, [])
    return q


def _powers(low: str, high: str) -> str:
    """The words for 1, 2, 4, ... from low to high, both included."""
    first, last = (fields.number("a number of threads", t, 1, fields.threads_lib.MOST, whole=True) for t in (low, high))
    if first >= last:
        raise UserError(f"threads={low}..{high} does not ascend; write the lower end first.")
    return ",".join(map(str, sorted({first, last, *(1 << i for i in range(9) if first < 1 << i < last)})))


def _range(what: str, span: str, low: float, high: float, scale: str, whole: bool, discrete: bool) -> list[float]:
    """The values of LOW..HIGH, seven of them or powers of two, or those listed."""
    ends = span.split("..")
    if len(ends) > 2:
        raise UserError(f"{what}={span} is no range; write LOW..HIGH.")
    if len(ends) == 1:
        values = [fields.number(what, part, low, high, whole) for part in span.split(",")]
        if sorted(set(values)) != values or len(values) < 2:
            raise UserError(f"{what}={span} does not ascend; list at least two values, the lowest first.")
        return values
    first, last = (fields.number(what, end, low, high, whole) for end in ends)
    if first >= last:
        raise UserError(f"{what}={span} does not ascend; write the lower end first.")
    if scale == "log2" and first <= 0:
        raise UserError(f"{what}={span} is spaced by factors and begins at 0; begin above.")
    if discrete:
        powers = [1 << i for i in range(63)]
        return sorted({first, last, *(p for p in powers if first < p < last)})
    if scale == "log2":
        values = [first * (last / first) ** (i / (_POINTS - 1)) for i in range(_POINTS)]
    else:
        values = [first + (last - first) * i / (_POINTS - 1) for i in range(_POINTS)]
    values = [round(v) if whole else float(f"{v:.5g}") for v in values]
    return sorted({first, last, *values[1:-1]})


def _axis(field: str, name: str, unit: str, scale: str, values: list[float], discrete: bool, **more: Any) -> dict[str, Any]:
    return {"name": name, "field": field, "scale": scale, "lo": values[0], "hi": values[-1], "unit": unit,
            "values": values, "discrete": discrete, **more}


def _field_axis(field: str, span: str, workload: dict[str, Any]) -> dict[str, Any]:
    path, name, unit, scale, low, high, discrete = _SWEEPS[field]
    part = path.removeprefix("keys.")
    if path != part and part not in workload["keys"]:
        example = {"theta": "zipf", "reuse": "krr:0.5"}.get(part, "hot_set:0.1:0.9")
        raise UserError(f"the key stream {workload['keys'].get('stream')} has no {part} to vary; ask for a stream that "
                        f"has one, such as keys={example}.")
    if field == "key" and workload.get("key_type") != "string":
        raise UserError("--sweep key varies the length of string keys and the cell has others; ask with key=string.")
    if field == "value" and workload.get("value_type", "u64") == "u64":
        raise UserError("--sweep value varies the length of string or inline values and the cell has words; ask with "
                        "value=string or value=inline:64.")
    whole = path in catalogue.WHOLE
    if field == "value" and workload["value_type"] == "inline" and ".." in span:
        first, _, last = span.partition("..")
        low, high = (fields.number(field, end, low, high, whole) for end in (first, last))
        span = ",".join(str(n) for n in fields.INLINE_BYTES if low <= n <= high) or span
    return _axis(path, name, unit, scale, _range(field, span, low, high, scale, whole, discrete), discrete)


def _mix_axis(field: str, span: str, workload: dict[str, Any]) -> dict[str, Any]:
    op = fields.word("operation", field.removeprefix("mix."), fields.OPERATIONS)
    others = [o for o in workload["mix"] if o != op]
    if not others:
        raise UserError(f"the mix is {op} alone, so nothing gets the rest; name another operation in mix.")
    return _axis(field, f"share of {op}", "%", "linear", _range(field, span, 0, 100, "linear", False, False), False,
                 rest=others[0] if len(others) == 1 else OTHERS)


def _tunables(described: dict[str, dict[str, Any]], name: str) -> dict[str, dict[str, Any]]:
    return {t["name"]: t for t in described[name].get("tunables", ())}


def _with_tunable(spec: str, tunable: str) -> str:
    form = contestants.parse(spec)
    if tunable in dict(form.tunables):
        raise UserError(f"{spec} fixes {tunable}, which is to be varied; leave it out.")
    return str(dataclasses.replace(form, tunables=(*form.tunables, (tunable, "{}"))))


def _tunable_axis(field: str, span: str, described: dict[str, dict[str, Any]]) -> tuple[dict[str, Any], list[str]]:
    owners = {name: _tunables(described, name)[field] for name in described if field in _tunables(described, name)}
    if not owners:
        known = [*_SWEEPS, "threads", *(f"mix.{op}" for op in fields.OPERATIONS),
                 *(t for name in described for t in _tunables(described, name))]
        raise unknown("field to sweep", field, known)
    low, high = min(t["min"] for t in owners.values()), max(t["max"] for t in owners.values())
    values = _range(field, span, low, high, "log2", True, True)
    owners = {name: t for name, t in owners.items() if t["min"] <= values[0] and values[-1] <= t["max"]}
    if not owners:
        raise UserError(f"no strategy takes {field} from {values[0]} to {values[-1]}; give a smaller range.")
    scale = "log2" if values[0] > 0 else "linear"
    return (_axis(f"tunable:{field}", field.replace("_", " "), "", scale, values, True),
            [f"{name}:{field}={{}}" for name in owners])


def _everywhere(q: dict[str, Any]) -> list[dict[str, Any]]:
    """The workloads of a question at all of its places."""
    if q["kind"] == "cells":
        return [cell["workload"] for cell in q["cells"]]
    if q["axis"]["field"] == "threads":
        return [q["workload"]]
    return [catalogue.resolve(q, value, None, q["regimes"][0]) for value in q["axis"]["values"]]


def rows() -> list[tuple[str, str, str]]:
    """(field, how it is written, what it means) of everything that can be asked, for --list."""
    return [*((name, field.form, field.doc) for name, field in fields.FIELDS.items()),
            *((name, form, doc) for name, (form, doc) in fields.OTHERS.items())]


def sweeps() -> list[str]:
    """What --sweep can vary."""
    return [*_SWEEPS, "mix.OPERATION", "threads", "a tunable such as shards"]
