# SPDX-License-Identifier: Apache-2.0
"""Carries a run out: plans, gates, measures and stores, visit by visit, until the budget is used."""

import dataclasses
import hashlib
import os
import signal
import time
from collections.abc import Callable
from typing import Any

from experiments.orchestrator import (catalogue, conditions, environment, evidence, gate, plan, prospect, recordings, store, threads,
                                      topology, validate, visit)
from experiments.orchestrator.contestants import is_wide, strategy_of
from experiments.orchestrator.errors import DiskError, UserError, plural
from experiments.orchestrator.evidence import Place
from experiments.orchestrator.progress import Progress
from experiments.orchestrator.topology import Machine
from report import schema
from report.stats import cells, latency, search
from report.stats.axis import Axis

REPORT_RESERVE_S = 20.0
HARNESS = "harness"
_META_EVERY_S = 10.0


@dataclasses.dataclass
class Worker:
    """A worker: how to run it, in each of its layouts, and what it says of itself.

    wide: the same for the program that measures larger values and other hashes; none when nothing asks for it
    """

    arch: str
    commands: list[list[str]]
    timed: bool
    describe: dict[str, Any]
    wide: list[list[str]] = dataclasses.field(default_factory=list)

    def widen(self, commands: list[list[str]], described: dict[str, Any]) -> None:
        """Takes the wide program in: what its strategies are compiled for, this worker is from now on."""
        self.wide = commands
        types = {s["name"]: s["types"] for s in described["strategies"]}
        for s in self.describe["strategies"]:
            s["types"] = [*s["types"], *types.get(s["name"], ())]

    def command(self, workload: dict[str, Any], layout: int) -> list[str]:
        """The program that measures a workload, in a layout."""
        return (self.wide if self.wide and is_wide(workload) else self.commands)[layout - 1]

    def strategies(self) -> dict[str, dict[str, Any]]:
        """Traits by name."""
        return {s["name"]: s for s in self.describe["strategies"]}

    def hashes(self) -> list[str]:
        """Of the binary of every layout."""
        return [environment.sha256(command[-1]) for command in self.commands]

    def wide_hashes(self) -> list[str]:
        """The same of the wide program."""
        return [environment.sha256(command[-1]) for command in self.wide]


class Stop:
    """Set by the first Ctrl-C or SIGTERM; the second ends the process at once."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def install(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)
        # A terminal that hangs up ends what is shown, not what is measured.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def _handle(self, number: int, frame: Any) -> None:
        del frame
        if self.signal is not None:
            os._exit(128 + number)  # the worker dies with its parent
        self.signal = number

    def __call__(self) -> bool:
        return self.signal is not None


@dataclasses.dataclass(frozen=True)
class World:
    """What a run meets outside itself; the tests have simulated ones."""

    machine: Callable[[], Machine] = topology.read
    clock: Callable[[], float] = time.monotonic  # seconds
    now: Callable[[], str] = store.now
    make_visit: Callable[..., visit.Outcome] = visit.make
    make_gate: Callable[..., gate.Gate] = gate.Gate


@dataclasses.dataclass(frozen=True)
class Limits:
    """Seconds: the whole budget, what was used before this process began, and how long a visit may take."""

    budget_s: float
    used_s: float = 0.0
    visit_timeout_s: float | None = None


class Session:
    """One run, new or resumed."""

    def __init__(self, run: store.RunStore, profile: dict[str, Any], native: Worker | None, cross: Worker | None,
                 smoke: catalogue.Asked | None, machine: Machine, limits: Limits, progress: Progress, stop: Stop, *,
                 started: float, world: World = World(),
                 free_bytes: Callable[[Any], int] = store.free_bytes):
        """smoke: the same questions in the form that is run on the other architecture.
        started: what the world's clock said at the command's start, which the budget counts from."""
        self._run, self._profile, self._native, self._cross = run, profile, native, cross
        self._smoke, self._machine, self._limits = smoke, machine, limits
        self._cpus = machine.order(run.meta["pin"])
        self._progress, self._stop, self._started = progress, stop, started
        self._world = world
        self._gate = world.make_gate(profile["gate_wait_s"], stop=stop)
        self._free_bytes = free_bytes
        self._meta_written = 0.0
        self._took: dict[str, list[float]] = {}  # seconds of each visit, by question
        self._said: set[evidence.Goal] = set()  # goals whose verdict was printed, once nothing more is planned
        self._validated: set[tuple] = set()  # keys of _validation
        self.failure = ""  # why the run ended before it was done, when nobody asked for that
        traits = native.strategies() if native else {}
        self.planner = plan.Planner(run.meta["questions"], profile, traits, run.meta["seed"], machine,
                                    len(native.commands) if native else 1)
        self._validation = validate.requests(
            smoke, run.meta["questions"], machine, cross.strategies()) if cross and smoke else []
        self._replay()
        # Goals with a verdict as things stand.
        self._decided = {goal for goal, verdict, _ in self.planner.goals() if verdict != "undecided"}

    # Time.

    def elapsed(self) -> float:
        """Seconds of the budget used, those of earlier sittings of the same run included."""
        return self._limits.used_s + self._world.clock() - self._started

    def _reserve(self) -> float:
        """Seconds to keep for what comes after measuring."""
        budget = self._limits.budget_s
        wanted = REPORT_RESERVE_S + validate.ESTIMATE_S * len(self._validation)
        return min(wanted, 0.4 * budget)

    def _time_for(self, question: str) -> bool:
        took = self._took.get(question) or [x for seen in self._took.values() for x in seen]
        usual = sum(took[-10:]) / len(took[-10:]) if took else 0.0
        return self.elapsed() + usual <= self._limits.budget_s - self._reserve()

    def prospect(self) -> list[str]:
        """What the time can decide, in sentences; none when it may decide everything."""
        left = self._limits.budget_s - self._reserve() - self.elapsed()
        if not self._native:
            return []
        said = prospect.ranked(self.planner, self._profile, left, self._native.describe.get("fresh_page"))
        if said or self._profile["screen_visits"] < search.SCREEN_VISITS:
            return said
        return list(filter(None, [prospect.sentence(self.planner, self._profile, left)]))

    # The run.

    def measure(self) -> str:
        """Makes visits until done. Returns the status for run.json and leaves everything on disk."""
        meta = self._run.meta
        meta.update(status="running", finished=None, note="")
        status, note = "complete", ""
        try:
            self._write_meta()
            if self._native:
                status = self._measure_natively()
            if self._cross and not self._stop():
                status = self._validate(status)
            if self._stop():
                status, note = "interrupted", "stopped on request"
        except UserError as error:
            status, note = "interrupted", f"stopped: {str(error).rstrip('.')}"
            self.failure = str(error)
        if note:
            self._progress.say(note)
            self._note(note[0].upper() + note[1:])
        meta.update(status=status, finished=self._world.now())
        meta["environment"].update(environment.at_end(meta["environment"]))
        try:
            self._write_meta()
        except UserError as error:  # the old one is whole, and the samples are what counts
            self.failure = self.failure or str(error)
            self._progress.say(f"run.json is not up to date, which --resume mends: {error}")
        return status

    def _measure_natively(self) -> str:
        while not self._stop():
            planned = self.planner.next()
            if planned is None:
                return "complete"
            if not self._time_for(planned.place.question):
                return self._out_of_time()
            self._check_disk()
            self._visit(planned)
            self._show(planned)
            if self._world.clock() - self._meta_written > _META_EVERY_S:
                self._write_meta()
        return "interrupted"

    def _out_of_time(self) -> str:
        """A budget that covers the screening is meant to end a run; one that does not is too small."""
        if self.planner.screening_left():
            return "out_of_budget"
        wanting = sum(not self.planner.done(goal) for goal, _, _ in self.planner.goals())
        if wanting:
            self._note(f"The time ended with {len(self._decided)} of {self.planner.goal_count()} verdicts decided; more visits "
                       f"would decide others or narrow intervals, of {wanting} in all")
        return "complete"

    def _note(self, text: str) -> None:
        """A sentence for the reader of the paper."""
        meta = self._run.meta
        meta["note"] = f"{meta.get('note', '')} {text}.".strip()

    def _check_disk(self) -> None:
        self._run.check_place()
        with store.disk(f"{self._run.path} cannot be looked at"):
            free = self._free_bytes(self._run.path)
        if free < store.FREE_TO_GO_ON:
            raise DiskError(f"only {free >> 20} MiB are free at {self._run.path}; "
                            "free some and continue with --resume")

    def _visit(self, planned: plan.VisitPlan) -> None:
        """One native visit: gate, worker, disk, evidence."""
        place, question = planned.place, self.planner.questions[planned.place.question]
        specs = [catalogue.fill(c, question, place.axis) for c in planned.contestants]
        oversubscribed = threads.oversubscribed(place.threads, self._machine)
        request = {
            "contestants": specs,
            "workload": catalogue.resolve(question, place.axis, place.cell, place.regime),
            "threads": place.threads,
            "slice_ms": self.planner.slice_ms(place.threads),
            "seconds": self._profile["seconds"],
            "warmup_seconds": self._profile["warmup_seconds"],
            "pin": self._pin(place.threads),
            "oversubscribed": oversubscribed,
            "timed": True,
            "max_blocks": 0,
            **conditions.of(question, place.cell),
            **recordings.of(question, place.cell),
            **({"rounds": question["rounds"]} if question.get("rounds") and planned.purpose != HARNESS else {}),
            # Throughput is the lesser part of such a visit: two blocks show it.
            **({"arrivals": question["arrivals"], "max_blocks": 2}
               if question.get("arrivals") and planned.purpose != HARNESS else {}),
        }
        passage = self._gate.wait()
        if self._stop():
            return
        cell = {"axis": place.axis, "threads": place.threads, "regime": place.regime, "name": place.cell,
                "oversubscribed": oversubscribed}
        # The price of the harness answers no question of the catalogue.
        asked = HARNESS if planned.purpose == HARNESS else place.question
        head = {"question": asked, "of": place.question, "cell": cell, "baseline": planned.contestants[0],
                "purpose": planned.purpose, "gate": dataclasses.asdict(passage)}
        outcome = self._run_worker(self._native, head, request, planned.layout)
        self._took.setdefault(place.question, []).append(passage.waited_s + outcome.seconds + gate.WINDOW_S)
        self._record(planned, outcome)

    def _pin(self, count: int) -> list[int]:
        """The CPU of every thread."""
        return [self._cpus[i % len(self._cpus)] for i in range(count)]

    def _run_worker(self, worker: Worker, head: dict[str, Any], request: dict[str, Any],
                    layout: int = 1) -> visit.Outcome:
        """Makes a visit and puts everything it says on disk."""
        number = self._next_visit
        self._next_visit += 1
        request = {"visit": number, "seed": visit_seed(self._run.meta["seed"], number), **request}
        self._run.append({
            "t": "visit", "v": number, **head, "contestants": request["contestants"],
            "workload": request["workload"], "threads": request["threads"],
            "oversubscribed": request["oversubscribed"], "pin": request["pin"], "arch": worker.arch,
            **conditions.stated(request),
            "layout": layout, "timed": worker.timed, "seed": request["seed"], "at": self._world.now()})
        outcome = self._world.make_visit(
            worker.command(request["workload"], layout), request, stop=self._stop,
            timeout_s=self._limits.visit_timeout_s or timeout(request),
            on_line=lambda line: self._run.append({**line, "v": number}))
        end = {"t": "visit_end", "v": number, "status": outcome.status, "exit": outcome.exit,
               "what": outcome.what, "seconds": round(outcome.seconds, 3)}
        if outcome.culprits:
            end["culprits"] = outcome.culprits
        self._run.append(end)
        self._run.sync()
        if outcome.status not in ("ok", "interrupted"):
            self._progress.say(f"visit {number} ({head['question']}, {' '.join(request['contestants'])}, "
                               f"{worker.arch}) {outcome.status}: {outcome.what}")
        return outcome

    def _record(self, planned: plan.VisitPlan, outcome: visit.Outcome) -> None:
        before = len(self.planner.withheld), len(self.planner.skipped)
        effects = evidence.effects(outcome.lines, len(planned.contestants), self._metric(planned)) if (
            outcome.status == "ok") else []
        across = evidence.across(outcome.lines, len(planned.contestants)) if effects else []
        self.planner.record(planned, outcome.status, effects, outcome.what, outcome.culprits, across)
        self._publish(*before)

    def _metric(self, planned: plan.VisitPlan) -> str:
        return latency.metric_of(self.planner.questions[planned.place.question])

    def _publish(self, withheld: int, skipped: int) -> None:
        """Makes new losses known, in run.json and loudly."""
        for w in self.planner.withheld[withheld:]:
            if w.question is None:
                self._withhold(strategy_of(w.contestant), w.what)
            else:  # no wrong result: what was measured before stands
                self._progress.say(f"GIVEN UP: {w.contestant} in {w.question}: {w.what}")
                self._run.meta["skipped"].append({"question": w.question, "contestant": w.contestant,
                                                  "why": w.what})
        for s in self.planner.skipped[skipped:]:
            if s not in self._run.meta["skipped"]:
                self._run.meta["skipped"].append(s)
        if len(self.planner.withheld) > withheld or len(self.planner.skipped) > skipped:
            self._write_meta()

    def _withhold(self, strategy: str, what: str, **more: str) -> None:
        """Puts a strategy out of the paper in every form in which the run has it, and says so once."""
        withheld = self._run.meta["withheld"]
        if any(e["strategy"] == strategy for e in withheld):
            return
        for spec in catalogue.forms(strategy, self._run.meta["questions"]):
            withheld.append({"contestant": spec, "strategy": strategy, "what": what, **more})
        self._progress.say(f"WITHHELD: {strategy} takes no further part: {what}")

    def _validate(self, status: str) -> str:
        """Every question in its smoke form on the other architecture: counted and checked, never timed.

        Returns the status of the run: that of what was timed, or of this when nothing else was asked.
        """
        wanted = len(self._validation)
        self._validate_all()
        missing = sum(_key(head, request) not in self._validated for head, request in self._validation)
        unchecked = "" if self._cross.wide else validate.unchecked(self._run.meta, self._cross.arch)
        if unchecked:
            self._note(unchecked[0].upper() + unchecked[1:])
            self._progress.say(unchecked)
        if self._native or self._stop() or (wanted and not missing):
            return status
        self.failure = (f"{missing} of {wanted} validating visits to {self._cross.arch} did not end well" if wanted else
                        f"nothing that was asked can be validated on {self._cross.arch}: no contestant fits there")
        self._note(self.failure[0].upper() + self.failure[1:])
        self._progress.say(self.failure)
        return "incomplete"

    def _validate_all(self) -> None:
        for done, (head, request) in enumerate(self._validation):
            key = _key(head, request)
            if key in self._validated:
                continue
            if self._stop():
                return
            if self.elapsed() + validate.ESTIMATE_S > self._limits.budget_s - REPORT_RESERVE_S / 2:
                note = (f"no time was left for {len(self._validation) - done} of {len(self._validation)} "
                        f"validating visits on {self._cross.arch}")
                self._progress.say(note)
                self._note(note[0].upper() + note[1:])
                return
            self._check_disk()
            self._progress.update(fraction=1.0, left_s=0, visits=self._next_visit - 1, decided=0, goals=0,
                                  doing=f"{head['question']} on {self._cross.arch}, emulated")
            request = {**request, "pin": self._pin(request["threads"])}
            outcome = self._run_worker(self._cross, {**head, "purpose": "validate", "gate": None}, request)
            if outcome.status == "ok":
                self._validated.add(key)
            for c in outcome.culprits if outcome.status == "invalid" else ():
                self._withhold(strategy_of(request["contestants"][c]), f"on {self._cross.arch}, {outcome.what}",
                               arch=self._cross.arch)

    # Resuming.

    def _replay(self) -> None:
        """Takes the visits of earlier sittings into the plan."""
        for record in self._run.replay():
            head, end = record["visit"], record["end"]
            if not head["timed"]:
                if end["status"] == "ok":
                    self._validated.add(_key(head, head))
                continue
            question = self.planner.questions.get(head["of"])
            if question is None:
                continue
            cell = head["cell"]
            self._check_place(head, question)
            place = Place(question["name"], head["baseline"], cell["regime"], cell["threads"], cell["axis"],
                          cell["name"])
            names = {catalogue.fill(c, question, cell["axis"]): c
                     for c in [*question["baselines"], *question["contestants"]]}
            planned = plan.VisitPlan(place, tuple(names.get(c, c) for c in head["contestants"]), head["purpose"],
                                     head["layout"])
            effects = evidence.effects(record["lines"], len(planned.contestants), self._metric(planned)) if (
                end["status"] == "ok") else []
            across = evidence.across(record["lines"], len(planned.contestants)) if effects else []
            self.planner.record(planned, end["status"], effects, end.get("what", ""), end.get("culprits", ()), across)
            self._took.setdefault(question["name"], []).append(end["seconds"] + gate.WINDOW_S)
        self._next_visit = self._run.next_visit

    def _check_place(self, head: dict[str, Any], question: dict[str, Any]) -> None:
        cell, axis = head["cell"], Axis.from_entry(question) if question["kind"] != "cells" else None
        try:
            schema.check_place(question, axis, cell)
            known = (cell["axis"] is not None if axis else
                     any(cell["name"] == c["name"] for c in question["cells"]))
            if not known or len(head["contestants"]) < 2:
                raise schema.Malformed(f"is at no place of the question {question['name']}")
        except schema.Malformed as error:
            raise UserError(f"{self._run.path / 'samples.jsonl'}, visit {head['v']}, {error}; restore the file or start "
                            "a new run.") from None

    # Telling.

    def gave_up(self) -> list[plan.Withheld]:
        """Contestants that kept crashing or hanging in a question."""
        return [w for w in self.planner.withheld if w.question is not None]

    def _write_meta(self) -> None:
        self._run.meta["elapsed_s"] = round(self.elapsed(), 1)
        self._run.write_meta()
        self._meta_written = self._world.clock()

    def _show(self, planned: plan.VisitPlan) -> None:
        for goal in self.planner.touched(planned):
            question = self.planner.questions[goal.question]
            if self.planner.evidence.answer(goal, question)[0] == "undecided":
                self._decided.discard(goal)
            else:
                self._decided.add(goal)
            if goal in self._decided - self._said and self.planner.done(goal):
                self._said.add(goal)
                self._progress.say("  " + self.sentence(goal))
        took = [x for seen in self._took.values() for x in seen[-10:]]
        usual = sum(took) / len(took) if took else 1.0
        by_time = self._limits.budget_s - self._reserve() - self.elapsed()
        left = max(0.0, min(by_time, self.planner.visits_left() * usual))
        self._progress.update(
            fraction=self.elapsed() / max(1e-9, self.elapsed() + left), left_s=left, visits=self._next_visit - 1,
            decided=len(self._decided), goals=self.planner.goal_count(),
            doing=f"{planned.place.question}: {', '.join(planned.contestants[1:])} against {planned.contestants[0]}")

    def sentence(self, goal: evidence.Goal) -> str:
        """A goal and its verdict in one line."""
        question = self.planner.questions[goal.question]
        verdict, words = self.planner.evidence.answer(goal, question)
        spot = goal.cell or (f"{question['axis']['name']} {goal.axis:g}" if goal.axis is not None else "")
        where = ", ".join(p for p in (
            spot, goal.regime if goal.regime != "stationary" else "",
            f"{goal.threads} thread{'s' if goal.threads > 1 else ''}",
            f"level {question['levels'][goal.level]['speedup']:g}x" if goal.level is not None else "",
            goal.metric.replace("_", " ") if goal.metric != "time" else "") if p)
        return (f"{goal.question} ({where}): {goal.contestant} against {goal.baseline}: "
                f"{verdict.replace('_', ' ')}{' ' + words if words else ''}")


def _key(head: dict[str, Any], request: dict[str, Any]) -> tuple:
    """What tells the validating visits of a run apart."""
    return head["question"], tuple(request["contestants"]), head["cell"]["regime"], head["cell"]["name"]


def visit_seed(seed: int, number: int) -> int:
    """The seed of a visit: 53 bits, so that JSON keeps them."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{number}".encode()).digest()[:8]) >> 11


def timeout(request: dict[str, Any]) -> float:
    """Seconds after which a visit hangs: several times what it should take.

    At least four blocks of an order and its reverse with a discarded slice each, and the filling of
    large maps at about a microsecond a key.
    """
    teams = len(request["contestants"])
    blocks = max(6 * 3, 2 * request.get("rounds", 0)) * teams * request["slice_ms"] / 1000
    filling = 4e-6 * request["workload"].get("population", 0) * teams
    if request["workload"].get("start") == "as_filled":
        filling *= 8  # before every block: at least four, warm-up, and some that are rejected
    if request["workload"].get("regime", "stationary") != "stationary":
        # At least one run a slice, of up to twice the operations, at half a microsecond each, checking included.
        blocks = max(blocks, 6 * 3 * teams * 1e-6 * request["workload"].get("ops", 0) * max(1, request["threads"] / 2))
    expected = request["warmup_seconds"] + max(request["seconds"], blocks) + filling + arrivals_s(request)
    return 15 + 6 * expected if request["timed"] else 120


def arrivals_s(request: dict[str, Any]) -> float:
    """Seconds that the arrivals of a visit last, drawing and checking them included."""
    asked, teams = request.get("arrivals"), len(request["contestants"])
    if not asked:
        return 0.0
    if asked["course"] == "rungs":
        return 0.5 + teams * (len(asked["loads"]) + 1) * (asked["least_ms"] + asked["most_ms"]) / 2 * 1.5e-3
    if asked["course"] == "shapes":
        return 0.5 + teams * 4 * asked["ms"] * 1.5e-3
    if asked["course"] == "recorded":  # a map that cannot keep up takes longer
        return 0.5 + teams * 1.5e-3 * asked["most_ms"]
    return 0.5 + teams * 1.5 * request["workload"]["ops"] * max(1, request["threads"] / 2) / asked["rate"]


def rules(settings: dict[str, Any], counts: list[int], machine: Machine) -> dict[str, Any]:
    """The rules of decision in force, for run.json. counts: the numbers of threads that the run uses."""
    slices = {n: threads.slice_ms(settings["slice_ms"], n, threads.oversubscribed(n, machine)) for n in counts}
    deltas = {n: cells.delta_for(n) for n in counts}
    return {
        # By number of threads.
        "delta": {str(n): d for n, d in deltas.items()},
        "half_width": {str(n): round(cells.target_half_width(d), 6) for n, d in deltas.items()},
        "slice_ms": {str(n): ms for n, ms in slices.items()},
        "contestants_per_visit": {str(n): threads.team(ms) for n, ms in slices.items()},
        "screen_points": 7, "screen_visits": settings["screen_visits"], "zoom_visits": search.ROUND,
        "min_visits": cells.MIN_VISITS, "max_visits": settings["cell_visits"],
        "pair_visits": settings["pair_visits"], "level_visits": settings["level_visits"],
        "seconds": settings["seconds"], "warmup_seconds": settings["warmup_seconds"],
        "gate_other_cpu": gate.LIMIT, "gate_window_s": gate.WINDOW_S, "gate_wait_s": settings["gate_wait_s"],
        "max_run_delay": 0.02, "max_late_start": 0.02}
