# SPDX-License-Identifier: Apache-2.0
"""Reads the catalogue of questions, narrows it to what a run asks, and expands its axes.

The catalogue is data (experiments/catalogue.bzl and the files of its themes). A narrowed question is what run.json records
and the report reads: the entry with the profile's overrides applied and nothing left to choose.
"""

import copy
import dataclasses
import json
import math
import pathlib
import re
from collections import Counter
from typing import Any

from experiments.orchestrator import conditions
from experiments.orchestrator import contestants as contestants_lib
from experiments.orchestrator import threads as threads_lib
from experiments.orchestrator.errors import UserError, plural, unknown
from experiments.orchestrator.topology import Machine
from report.stats import latency

SCHEMA = 1
KINDS = ("sweep", "discrete", "cells")
REGIMES = ("stationary", "growth", "reserved", "fixed_distinct")
EVERY_STRATEGY = "*"
# Of a question's `against`, in which every contestant meets itself in another form: how the two are written, and how the
# other form is called.
AGAINST_ITSELF = {
    "by_hand": ("", contestants_lib.DIRECT, "themselves, in a loop by hand"),
    "one_by_one": (contestants_lib.LOAD_BATCH, "", "themselves, one key at a time"),
}
WHOLE = ("population", "ops", "key_bytes", "value_bytes")  # fields of a workload, beside those of `keys`, that an axis may vary
SHARES = ("prefill", "miss")
_REQUIRED = ("name", "title", "prose", "kind", "regimes", "threads", "baselines", "contestants",
             "excludes", "levels", "claims", "aa_visits", "profiles")
_OVERRIDES = ("values", "lo", "hi", "regimes", "threads", "baselines", "contestants", "cells", "ops",
              "population", "aa_visits", "arrivals", "most_visits", "rounds")
_PROFILE_FIELDS = ("budget_s", "seconds", "warmup_seconds", "slice_ms", "screen_visits",
                   "cell_visits", "pair_visits", "level_visits", "gate_wait_s")
_CLAIM = re.compile(r"00[0-4]-C\d{2}")

Question = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Catalogue:
    """Profiles by name, questions in order, and what questions of a reader's own are given (ask.py)."""

    profiles: dict[str, dict[str, Any]]
    questions: list[Question]
    ask: dict[str, Any] = dataclasses.field(default_factory=dict)

    def names(self) -> list[str]:
        return [q["name"] for q in self.questions]


@dataclasses.dataclass
class Asked:
    """What a run asks, and what it leaves out and why."""

    questions: list[Question] = dataclasses.field(default_factory=list)
    not_asked: list[dict[str, str]] = dataclasses.field(default_factory=list)
    skipped: list[dict[str, str]] = dataclasses.field(default_factory=list)


def load(path: pathlib.Path) -> Catalogue:
    """Reads catalogue.json. Raises UserError when it is absent or malformed."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"the catalogue {path} cannot be read ({error}); "
                        "build it with bazel build //experiments:catalogue.") from None
    if raw.get("schema") != SCHEMA:
        raise UserError(f"the catalogue {path} has schema {raw.get('schema')!r}, not {SCHEMA}; "
                        "rebuild it with bazel build //experiments:catalogue.")
    catalogue = Catalogue(raw["profiles"], raw["questions"], raw.get("ask", {}))
    found = problems(catalogue)
    if found:
        raise UserError(f"the catalogue is wrong: {found[0]}")
    return catalogue


def problems(catalogue: Catalogue) -> list[str]:
    """Everything wrong with a catalogue, one sentence each; empty when it is sound."""
    out = []
    for name, profile in catalogue.profiles.items():
        missing = [f for f in _PROFILE_FIELDS if f not in profile]
        if missing:
            out.append(f"profile {name} lacks {', '.join(missing)}.")
        elif not profile["slice_ms"].get("doublings") or "oversubscribed" not in profile["slice_ms"]:
            out.append(f"profile {name} does not say how long slices are, by doublings and oversubscribed.")
    if len(set(catalogue.names())) != len(catalogue.questions):
        out.append("two questions have the same name.")
    for q in catalogue.questions:
        out.extend(f"question {q.get('name')}: {p}" for p in _question_problems(q, catalogue))
    return out


def _question_problems(q: Question, catalogue: Catalogue) -> list[str]:
    missing = [f for f in _REQUIRED if f not in q]
    if missing:
        return [f"lacks {', '.join(missing)}."]
    out = []
    if q["kind"] not in KINDS:
        out.append(f"has the unknown kind {q['kind']!r}.")
    if q["kind"] == "cells":
        if not q.get("cells"):
            out.append("is of kind cells and has none.")
        out.extend(_cell_problems(q))
    else:
        if "workload" not in q or "axis" not in q:
            return out + ["has an axis kind and no axis or workload."]
        out.extend(_axis_problems(q))
    out.extend(_arrival_problems(q))
    if "rounds" in q and (q["regimes"] != ["stationary"] or "arrivals" in q):
        out.append("has rounds, which go on with one map: the regime stationary alone, and no arrivals.")
    if "counts" in q and q["regimes"] != ["stationary"]:
        out.append("counts by operation, which maps that are made anew all the time do not: the regime stationary alone.")
    for asked in [q, *(o for o in q["profiles"].values() if isinstance(o, dict))]:
        out.extend(_word_problems([*asked.get("threads", ()), *(
            asked.get("values", asked.get("axis", {}).get("values", ())) if _varies_threads(q) else ())]))
    out.extend(f"has the unknown regime {r!r}." for r in q["regimes"] if r not in REGIMES)
    out.extend(f"has the malformed claim id {c!r}." for c in q["claims"] if not _CLAIM.fullmatch(c))
    out.extend(f"has the level {v['name']} for a claim it does not list."
               for v in q["levels"] if v["claim"] not in q["claims"])
    for spec in [*q["baselines"], *q["contestants"]]:
        if spec != EVERY_STRATEGY:
            try:
                contestants_lib.parse(spec)
            except UserError as error:
                out.append(str(error))
    if q.get("against", "by_hand") not in AGAINST_ITSELF or ("against" in q) == bool(q["baselines"]):
        out.append(f"needs baselines, or `against` as one of {', '.join(AGAINST_ITSELF)} in their place.")
    for workload in workloads(q):
        if not math.isclose(sum(workload["mix"].values()), 100):
            out.append(f"has a mix that sums to {sum(workload['mix'].values())}, not 100.")
    if set(q["profiles"]) != set(catalogue.profiles):
        out.append(f"answers for the profiles {sorted(q['profiles'])}, not "
                   f"{sorted(catalogue.profiles)}.")
    for name, override in q["profiles"].items():
        if isinstance(override, dict):
            out.extend(f"overrides the unknown field {f!r} in profile {name}."
                       for f in override if f not in _OVERRIDES)
        elif not (isinstance(override, str) and override):
            out.append(f"neither asks nor says why not in profile {name}.")
    return out


def _cell_problems(q: Question) -> list[str]:
    out, taking = [], {*q["baselines"], *q["contestants"]}
    for cell in q.get("cells", ()):
        out.extend(f"has in its cell {cell['name']} only {spec!r}, which is neither baseline nor contestant."
                   for spec in cell.get("only", ()) if spec not in taking)
        out.extend(f"asks its cell {cell['name']} in the regime {r!r}, which is none of its own."
                   for r in cell.get("regimes", ()) if r not in q["regimes"])
        wrong = [conditions.problem(name, cell[name], cell["workload"]) for name in conditions.CONDITIONS if name in cell]
        out.extend(f"in its cell {cell['name']} {what}." for what in wrong if what)
    return out


def _arrival_problems(q: Question) -> list[str]:
    """What is wrong with a question of latency, as far as the worker would not say it of every visit."""
    if "arrivals" not in q:
        return []
    out = [f"has arrivals of the unknown course {a.get('course')!r}."
           for a in [q["arrivals"], *(o["arrivals"] for o in q["profiles"].values()
                                      if isinstance(o, dict) and "arrivals" in o)]
           if a.get("course") not in latency.METRICS]
    if q["kind"] != "cells":
        out.append("has arrivals and is not of kind cells.")
    wanted = {"fill": ["fixed_distinct"], "recorded": ["growth", "reserved"]}.get(q["arrivals"].get("course"), ["stationary"])
    if len(q["regimes"]) != 1 or q["regimes"][0] not in wanted:
        out.append(f"has arrivals that need the regimes {wanted}.")
    return out


def _varies_threads(q: Question) -> bool:
    return q["kind"] != "cells" and q["axis"]["field"] == "threads"


def _word_problems(words: list[Any]) -> list[str]:
    out = []
    for word in words:
        try:
            if threads_lib.check(str(word)) != word:
                out.append(f"has the number of threads {word!r}; write it as a word.")
        except UserError as error:
            out.append(str(error))
    return out


def _axis_problems(q: Question) -> list[str]:
    axis, out = q["axis"], []
    if axis["field"] == "threads":
        return out  # words, which have an order and a range only on a machine
    values = axis["values"]
    if sorted(set(values)) != values:
        out.append("has axis values that do not ascend.")
    if values and not axis["lo"] <= values[0] <= values[-1] <= axis["hi"]:
        out.append("has axis values outside lo to hi.")
    if axis["scale"] == "log2" and axis["lo"] <= 0:
        out.append("has a log2 axis that begins at or below 0.")
    if axis["field"].startswith("mix.") and not axis.get("rest"):
        out.append("varies a share of the mix and names no `rest`.")
    if axis["field"].startswith("tunable:") and not any("{}" in c for c in q["contestants"]):
        out.append("varies a tunable and no contestant has {}.")
    return out


def takes_part(q: Question, spec: str, cell: str | None) -> bool:
    """Whether a cell, if it is one, has this contestant: `only` of a cell names all that it has."""
    return cell is None or spec in _cell(q, cell).get("only", (spec,))


def cells_in(q: Question, regime: str) -> list[str]:
    """The names of the cells that are asked in a regime: all, but those that name regimes of their own."""
    return [c["name"] for c in q["cells"] if regime in c.get("regimes", (regime,))]


def _cell(q: Question, name: str) -> dict[str, Any]:
    return next(c for c in q["cells"] if c["name"] == name)


def workloads(q: Question) -> list[dict[str, Any]]:
    """The workloads of a question before its axis is applied."""
    return [c["workload"] for c in q["cells"]] if q["kind"] == "cells" else [q["workload"]]


def resolve(q: Question, value: float | None, cell: str | None, regime: str) -> dict[str, Any]:
    """The complete workload at an axis value, or of a named cell, in a regime.

    The fields `threads` and `tunable:` change no workload; the caller applies them. `rest`, for a share of the mix, is
    the one other operation, or "*": all others of the workload, in proportion.
    """
    if cell is not None:
        base = _cell(q, cell)["workload"]
    else:
        base = q["workload"]
    workload = copy.deepcopy(base)
    workload["regime"] = regime
    field = q["axis"]["field"] if cell is None else ""
    if field in ("", "threads") or field.startswith("tunable:"):
        return workload
    if field.startswith("mix."):
        op, rest = field.removeprefix("mix."), q["axis"]["rest"]
        others = {name: share for name, share in base["mix"].items() if name != op} if rest == "*" else {rest: 1}
        # Rounded, so that 100 - 95.7 is 4.3 in the record too.
        shares = {op: value} | {name: round((100 - value) * share / sum(others.values()), 9 if rest == "*" else 6)
                                for name, share in others.items()}
        workload["mix"] = {name: share for name, share in shares.items() if share > 0}
    elif field in WHOLE:
        workload[field] = int(round(value))
    elif field in SHARES:
        workload[field] = value
    elif field.startswith("keys."):
        workload["keys"][field.removeprefix("keys.")] = value
    else:
        raise UserError(f"question {q['name']} varies {field!r}, which no workload has.")
    return workload


def fill(spec: str, q: Question, value: float | None) -> str:
    """The contestant at an axis value: {} replaced on a tunable axis."""
    if "{}" not in spec:
        return spec
    return spec.replace("{}", str(int(value)))


def forms(strategy: str, questions: list[Question]) -> list[str]:
    """Every contestant, {} filled, under which the questions enter a strategy."""
    found = {}
    for q in questions:
        values = [None] if q["kind"] == "cells" else q["axis"]["values"]
        for spec in [*q["baselines"], *q["contestants"]]:
            if contestants_lib.strategy_of(spec) == strategy:
                found.update(dict.fromkeys(fill(spec, q, v) for v in values))
    return list(found) or [strategy]


def narrow(catalogue: Catalogue, profile: str, *, only: list[str] | None, strategies: list[str] | None,
           threads: list[str] | None, machine: Machine, described: dict[str, dict[str, Any]]) -> Asked:
    """Decides what a run asks. Raises UserError for names that do not exist.

    only: these questions, also where the profile would not ask them (then as the full profile asks)
    strategies: only these contestants; a strategy that a question does not list joins it
    threads: these words or numbers of threads instead of the question's own
    machine: what words for numbers of threads are resolved on; described: strategy name -> traits
    """
    for name in only or ():
        if name not in catalogue.names():
            raise unknown("question", name, catalogue.names())
    for spec in strategies or ():
        contestants_lib.check(spec, described)
        if "{}" in spec and not any(spec in q["contestants"] for q in catalogue.questions
                                    if not only or q["name"] in only):
            raise UserError(f"{spec} has a place for a value that no question that is asked fills; write a number "
                            "instead of {}.")
    counts, missing = threads_lib.resolve(threads or (), machine, anything=True)
    if missing:
        raise UserError(f"--threads {missing[0].word} names no number of threads here: {missing[0].why}.")
    asked = Asked()
    for entry in catalogue.questions:
        name, override = entry["name"], entry["profiles"][profile]
        if only and name not in only:
            asked.not_asked.append({"question": name, "why": "not among those named by --only"})
            continue
        if isinstance(override, str):
            if not only:
                asked.not_asked.append({"question": name, "why": override})
                continue
            override = entry["profiles"]["full"]
        q = _apply(entry, override)
        kept = {c["name"] for c in q.get("cells", ())}
        left = [c["name"] for c in entry.get("cells", ()) if c["name"] not in kept]
        if left:
            asked.skipped.append({"question": name, "contestant": "all", "why":
                                  f"the profile {profile} leaves out the cell{'s' * (len(left) > 1)} {', '.join(left)}"})
        why = _fit_threads(q, counts, machine, asked)
        why = why or _fit_contestants(q, strategies, described, asked)
        if not why and not strategies:
            _say_left_out(q, entry, profile, described, asked)
        if why:
            asked.not_asked.append({"question": name, "why": why})
        else:
            asked.questions.append(q)
    if not asked.questions:
        reasons = [f"{n['question']}: {n['why']}" for n in asked.not_asked if not only or n["question"] in only]
        shown = "; ".join(reasons[:3]) + (f"; and {len(reasons) - 3} more" if len(reasons) > 3 else "")
        raise UserError(f"no question is left to ask ({shown or 'the catalogue is empty'}); see --list.")
    for spec in strategies or ():
        _check_taken(spec, asked)
    return asked


def _check_taken(spec: str, asked: Asked) -> None:
    """Raises UserError when a contestant that was named takes part in no question."""
    taken = {c for q in asked.questions for c in [*q["contestants"], *q["baselines"]]}
    if spec in taken | {contestants_lib.strategy_of(c) for c in taken}:
        return
    why = dict.fromkeys(s["why"] for s in asked.skipped if s["contestant"] == spec)
    raise UserError(f"{spec} takes part in no question that is asked ({'; '.join(why) or 'none enters it'}); leave it "
                    "out, or ask another question with --only.")


def _apply(entry: Question, override: dict[str, Any]) -> Question:
    q = copy.deepcopy(entry)
    del q["profiles"]
    for field, value in copy.deepcopy(override).items():
        if field in ("values", "lo", "hi"):
            q["axis"][field] = value
        elif field == "cells":
            q["cells"] = [c for c in q["cells"] if c["name"] in value]
        elif field in ("ops", "population"):
            for workload in workloads(q):
                workload[field] = value
        else:
            q[field] = value
    return q


def _fit_threads(q: Question, counts: list[int], machine: Machine, asked: Asked) -> str | None:
    """Puts numbers in place of words, those of --threads if any; says why when nothing is left."""
    missing: list[threads_lib.Missing] = []
    if not counts:
        counts, missing = threads_lib.resolve(
            q["axis"]["values"] if _varies_threads(q) else q["threads"], machine)
    why = "; ".join(f"not asked with {m.word} thread{'s' * (m.word != '1')}: {m.why}" for m in missing)
    if q.get("arrivals"):  # threads that wait by spinning cannot share a CPU
        crowded = [n for n in counts if threads_lib.oversubscribed(n, machine)]
        counts = [n for n in counts if n not in crowded]
        why = "; ".join(filter(None, [why, *(f"not asked with {n} threads: each waits for its next operation by "
                                             "spinning, and needs a CPU" for n in crowded)]))
    if q.get("apart"):
        counts, shown = [n for n in counts if 2 <= n <= machine.own_caches], counts
        near = [n for n in shown if n > max(1, machine.own_caches)]
        if near or not counts:
            why = "; ".join(filter(None, [why, "cannot be shown here with " + ", ".join(map(str, near or [2])) + " threads: "
                                          f"this process may use {plural(machine.own_caches, 'CPU')} with a first-level "
                                          "cache of its own, and what threads share a cache for need not move"]))
    if not counts:
        return why
    if _varies_threads(q):
        q["axis"].update(values=counts, lo=counts[0], hi=counts[-1])
    else:
        q["threads"] = counts
    if why:
        asked.skipped.append({"question": q["name"], "contestant": "all", "why": why})
    return None


def thread_counts(q: Question) -> list[int]:
    """Every number of threads that a narrowed question uses."""
    return q["axis"]["values"] if _varies_threads(q) else q["threads"]


def _fit_contestants(q: Question, strategies: list[str] | None, described: dict[str, dict[str, Any]],
                     asked: Asked) -> str | None:
    """Expands "*", applies --strategies, drops what is unfit; says why when nothing is left."""
    def skip(spec: str, why: str) -> None:
        asked.skipped.append({"question": q["name"], "contestant": spec, "why": why})

    excluded = {e["strategy"]: e["why"] for e in q["excludes"]}
    listed = set(q["contestants"])
    named = [c for c in q["contestants"] if c != EVERY_STRATEGY]
    if EVERY_STRATEGY in q["contestants"]:
        for name in described:
            if name in excluded:
                skip(name, excluded[name])
            elif name not in named:
                named.append(name)
    if strategies:
        chosen = [c for c in named if contestants_lib.strategy_of(c) in strategies or c in strategies]
        entered = {contestants_lib.strategy_of(c) for c in named} | set(named)
        chosen += [s for s in strategies if s not in entered]
        named = chosen
    if "against" in q:  # who is named without the form that is asked about takes part in it
        ours = AGAINST_ITSELF[q["against"]][0]
        named = list(dict.fromkeys(c.removesuffix(ours) + ours for c in named))
    minimum = min(thread_counts(q))
    fit = []
    for spec in named:
        name = contestants_lib.strategy_of(spec)
        if name not in described:
            skip(spec, "it is not compiled into this worker")
            continue
        if spec in excluded and strategies:
            skip(spec, excluded[spec])
            continue
        # A question may name a reference; it is not among "every strategy".
        if spec not in listed and contestants_lib.is_reference(described[name]):
            skip(spec, "it finds nothing: it is a reference for the harness or the memory, no map")
            continue
        # Who is fit for some of the cells takes part in those (plan.py).
        if not any(takes_part(q, spec, c["name"]) for c in q.get("cells", ({"name": None},))):
            skip(spec, "none of the cells that are asked is about it")
            continue
        reasons = [contestants_lib.unfit(described[name], workload, minimum) for workload in workloads(q)]
        reasons += filter(None, (contestants_lib.misplaced(spec, described[name], workload, q["regimes"])
                                 for workload in _everywhere(q)))
        if all(reasons) or len(reasons) > len(workloads(q)):
            skip(spec, next(filter(None, reversed(reasons))))
        else:
            fit.append(spec)
    q["contestants"] = fit
    if "against" in q:
        q["baselines"] = [other_form(q, c) for c in fit]
        return None if fit else "no contestant is left for it"
    q["baselines"] = [b for b in q["baselines"] if contestants_lib.strategy_of(b) in described and any(
        takes_part(q, b, c["name"]) for c in q.get("cells", ({"name": None},)))]
    if not q["baselines"]:
        return "none of its baselines is compiled into this worker"
    if not any(c not in q["baselines"] for c in fit) and not (len(q["baselines"]) > 1 and fit):
        skipped = [f"{s['contestant']}: {s['why']}" for s in asked.skipped
                   if s["question"] == q["name"] and s["contestant"] != "all" and (
                       not strategies or s["contestant"] in strategies)]
        return f"no contestant is left for it ({'; '.join(skipped) or 'it has none beside its baseline'})"
    return None


def _say_left_out(q: Question, entry: Question, profile: str, described: dict[str, dict[str, Any]],
                  asked: Asked) -> None:
    """Says in one line, by family, which maps the full profile would have asked and this one does not."""
    fullest = entry["profiles"]["full"].get("contestants", entry["contestants"])
    excluded = {e["strategy"] for e in q["excludes"]}
    known = {contestants_lib.strategy_of(c) for c in fullest} | (
        set(described) - excluded if EVERY_STRATEGY in fullest else set())
    taking = {contestants_lib.strategy_of(c) for c in [*q["baselines"], *q["contestants"]]}
    skipped = {contestants_lib.strategy_of(s["contestant"]) for s in asked.skipped if s["question"] == q["name"]}
    minimum, families = min(thread_counts(q)), Counter()
    for name in known & set(described) - taking - skipped:
        traits = described[name]
        if not contestants_lib.is_reference(traits) and not all(
                contestants_lib.unfit(traits, workload, minimum) for workload in workloads(q)):
            families[traits.get("family") or "other"] += 1
    if families:
        listed = ", ".join(f"{count} of the family {family}" for family, count in sorted(families.items()))
        asked.skipped.append({"question": q["name"], "contestant": "all", "why":
                              f"the profile {profile} leaves out {plural(families.total(), 'map')}: {listed}"})


def other_form(q: Question, spec: str) -> str:
    """What a contestant meets in a question that is `against` itself."""
    ours, others, _ = AGAINST_ITSELF[q["against"]]
    return spec.removesuffix(ours) + others


def rivals(q: Question, baseline: str) -> list[str]:
    """Who meets a baseline of a narrowed question: all others, or the one whose other form it is."""
    if "against" in q:
        return [c for c in q["contestants"] if other_form(q, c) == baseline]
    return [c for c in q["contestants"] if c != baseline]


def _everywhere(q: Question) -> list[dict[str, Any]]:
    """The workloads of a question at all of its places."""
    if q["kind"] == "cells":
        return workloads(q)
    return [resolve(q, value, None, q["regimes"][0]) for value in q["axis"]["values"]]
