# SPDX-License-Identifier: Apache-2.0
"""Decides what to measure next.

Screening comes first, on every question in turn, so that an interrupted run has something to
say on each. Then visits go where verdicts are still open: questions take turns in proportion to
their goals, and within a question the goal with the fewest visits goes first. What is left over goes to cells that are
precise and still undecided.

The plan is a function of the questions, the seed and the visits recorded so far. Feeding the
same visits to a new Planner continues where the old one was (only points of a search round that
were not yet made are asked for anew), which is how a run is resumed.
"""

import dataclasses
import random
from collections import Counter, deque
from collections.abc import Sequence
from typing import Any

from experiments.orchestrator import catalogue, contestants, leading, threads
from experiments.orchestrator.evidence import Evidence, Goal, Place, Question, at_one_place
from experiments.orchestrator.layouts import Rotation
from experiments.orchestrator.topology import Machine
from report.stats import latency

# A visit of several contestants that fails this often is split into pairs, to
# find the culprit; a pair is tried once and retried twice.
TEAM_ATTEMPTS = 2
PAIR_ATTEMPTS = 3
MOST_UNDER_ARRIVALS = 4  # rivals in a visit with arrivals
LONG_SCREEN = 1  # such visits are long: one screens a pair, and the rest is for what is left of the budget
NULL = "null"  # the map that does nothing
HARNESS_CELL = "session_cache"  # the named cell on which it is measured


@dataclasses.dataclass(frozen=True)
class VisitPlan:
    """One visit to make. Contestants as in the catalogue ({} not filled), baseline first."""

    place: Place
    contestants: tuple[str, ...]
    purpose: str  # screen, zoom, cell, aa, harness
    layout: int = 1  # of the worker

    @property
    def rivals(self) -> tuple[str, ...]:
        """The contestants beside the baseline, without a null map that is there as a control."""
        rest = self.contestants[1:]
        return rest[:-1] if len(rest) > 1 and rest[-1] == NULL else rest


@dataclasses.dataclass(frozen=True)
class Withheld:
    """A contestant whose numbers are not used any more. question None: in all of them."""

    contestant: str
    question: str | None
    what: str


class Planner:
    """Keeps the evidence and the plan of one run."""

    def __init__(self, questions: list[Question], profile: dict[str, Any], described: dict[str, dict[str, Any]],
                 seed: int, machine: Machine, layouts: int = 1):
        """described: strategy name -> traits, for what does not fit a number of threads; layouts: of the worker."""
        self.questions = {q["name"]: q for q in questions}
        self.evidence = Evidence()
        self.withheld: list[Withheld] = []
        self.skipped: list[dict[str, str]] = []
        self._profile, self._described, self._seed, self._machine = profile, described, seed, machine
        self._layouts = Rotation(layouts, seed)
        self._aa_made: Counter = Counter()
        self._harness_made: Counter = Counter()
        self._refined: Counter = Counter()
        self._failures: Counter = Counter()
        self._split: set[str] = set()
        self._refused: set[tuple[Place, str]] = set()
        self._pending: dict[Goal, deque] = {}
        self._asked_at: dict[Goal, int] = {}  # visits a goal had when its round was planned
        self._screen = self._build_screen()
        self._goals = {name: self._build_goals(q) for name, q in self.questions.items()}
        self._leading = {name: leading.Leading(q) for name, q in self.questions.items() if leading.is_ranked(q)}

    # What there is to do.

    def _places(self, q: Question) -> list[Place]:
        out = []
        for baseline in q["baselines"]:
            for regime in q["regimes"]:
                if q["kind"] == "cells":
                    out += [Place(q["name"], baseline, regime, t, None, cell)
                            for t in q["threads"] for cell in catalogue.cells_in(q, regime)
                            if catalogue.takes_part(q, baseline, cell)]
                elif q["axis"]["field"] == "threads":
                    out += [Place(q["name"], baseline, regime, int(v), v, None)
                            for v in q["axis"]["values"]]
                else:
                    out += [Place(q["name"], baseline, regime, t, v, None)
                            for t in q["threads"] for v in q["axis"]["values"]]
        return out

    def _build_screen(self) -> deque[tuple[str, Place, int]]:
        """(purpose, place, visits wanted there) in the order of asking."""
        rounds = self._profile["screen_visits"]
        out: list[tuple[str, Place, int]] = []
        for repeat in range(rounds):
            lanes = []
            for name, q in self.questions.items():
                purpose = "cell" if at_one_place(q) else "screen"
                cap = self._cell_visits(q) if at_one_place(q) else rounds
                if q.get("arrivals"):
                    cap = min(cap, LONG_SCREEN)
                lane = [(purpose, place, repeat + 1) for place in self._places(q) if repeat < cap]
                self._rng(name, repeat).shuffle(lane)
                # A/A visits are spread over the places, after each was seen once.
                if repeat == min(1, rounds - 1):
                    places = [place for _, place, _ in lane]
                    step = max(1, len(places) // max(1, q["aa_visits"]))
                    aa = [("aa", places[i * step % len(places)], i + 1) for i in range(q["aa_visits"])]
                    harness = [("harness", place, i + 1) for place in self._harness_places(q)
                               for i in range(rounds)]
                    extra = [*aa, *harness]
                    lane = _interleave([lane, extra]) if rounds > 1 else lane + extra
                lanes.append(lane)
            out += _interleave(lanes)
        return deque(out)

    def _harness_places(self, q: Question) -> list[Place]:
        """Where the null map is measured, by one thread, to know what the harness itself costs."""
        if NULL not in self._described or not any(c["name"] == HARNESS_CELL for c in q.get("cells", ())):
            return []
        return [Place(q["name"], q["baselines"][0], regime, 1, None, HARNESS_CELL) for regime in q["regimes"]]

    def _build_goals(self, q: Question) -> list[Goal]:
        out = []
        for baseline in q["baselines"]:
            for contestant in self._rivals(q, baseline):
                for regime in q["regimes"]:
                    head = (q["name"], baseline, contestant, regime)
                    if q["kind"] == "cells":
                        out += [Goal(*head, t, cell=cell, metric=latency.metric_of(q)) for t in q["threads"]
                                for cell in catalogue.cells_in(q, regime)]
                    elif at_one_place(q):
                        out += [Goal(*head, p.threads, axis=p.axis) for p in self._places(q)
                                if (p.baseline, p.regime) == (baseline, regime)]
                    else:
                        out += [Goal(*head, t, level=level) for t in q["threads"]
                                for level in [None, *range(len(q["levels"]))]]
        return [g for g in out if self._fits(g.contestant, g) and self._fits(g.baseline, g)]

    def _rivals(self, q: Question, baseline: str) -> list[str]:
        """The contestants against one baseline: those of the question and the other baselines' rivals."""
        return catalogue.rivals(q, baseline)

    def _fits(self, spec: str, at: Place | Goal) -> bool:
        traits = self._described.get(contestants.strategy_of(spec), {})
        if at.cell is None:
            return contestants.thread_limit(traits, at.threads) is None
        q = self.questions[at.question]
        workload = catalogue.resolve(q, None, at.cell, at.regime)
        return catalogue.takes_part(q, spec, at.cell) and contestants.unfit(traits, workload, at.threads) is None

    def _cell_visits(self, q: Question) -> int:
        """The most visits of a pair at one place."""
        return min(self._profile["cell_visits"], q.get("most_visits", self._profile["cell_visits"]))

    def _rng(self, *key: Any) -> random.Random:
        return random.Random("/".join(str(part) for part in (self._seed, *key)))

    # What to do next.

    def next(self) -> VisitPlan | None:
        """The next visit, or None when every question is answered as well as the profile allows."""
        plan = self._next_screen() or self._next_refinement(False) or self._next_refinement(True)
        return plan and dataclasses.replace(plan, layout=self._layouts.choose(plan.place, plan.contestants))

    def screening_left(self) -> int:
        """How many entries of the screen are still open; 0 when it is complete."""
        self._next_screen()
        return len(self._screen)

    def _next_screen(self) -> VisitPlan | None:
        # An entry once satisfied stays so: nothing is forgotten, and who is withheld does not come back.
        while self._screen:
            plan = self._screen_plan(*self._screen[0])
            if plan:
                return plan
            self._screen.popleft()
        return None

    def _screen_plan(self, purpose: str, place: Place, wanted: int) -> VisitPlan | None:
        if purpose == "harness":
            done = self._harness_made[place] >= wanted or not self._usable(place, NULL)
            return None if done or not self._usable(place, place.baseline) else VisitPlan(
                place, (place.baseline, NULL), purpose)
        if purpose == "aa":
            done = self._aa_made[place.question] >= wanted
            pair = (place.baseline, place.baseline)
            if done or not self._usable(place, place.baseline):
                return None
            return VisitPlan(place, pair, "aa")
        short = [c for c in self._rivals(self.questions[place.question], place.baseline)
                 if self.evidence.made(place, c) < wanted]
        return self._team(place, short, purpose)

    def _next_refinement(self, leftover: bool) -> VisitPlan | None:
        # Every goal has the same claim on the time, so questions take turns in proportion to theirs.
        order = sorted(self.questions, key=lambda name: self._refined[name] / max(1, len(self._goals[name])))
        for name in order:
            q = self.questions[name]
            plan = self._refine_cells(q, leftover) if at_one_place(q) else (
                None if leftover else self._refine_sweep(q))
            if plan:
                return plan
        return None

    def _lead(self, name: str) -> list[Goal]:
        """The goals of a question as things stand: those of a ranked one follow who is in front."""
        if name in self._leading and not self.screening_left():
            self._goals[name] = self._leading[name].goals(self._goals[name])
        return self._goals[name]

    def _open(self, goal: Goal) -> bool:
        place = self._place(goal, goal.axis)
        return self._usable(place, goal.contestant) and self._usable(place, goal.baseline)

    @staticmethod
    def _place(goal: Goal, x: float | None) -> Place:
        return Place(goal.question, goal.baseline, goal.regime, goal.threads, x, goal.cell)

    def _refine_cells(self, q: Question, leftover: bool) -> VisitPlan | None:
        cap = self._cell_visits(q)
        wanting = [g for g in self._lead(q["name"])
                   if self._open(g) and self.evidence.wanted_cell_visits(g, cap, leftover)]
        if not wanting:
            return None
        turn = self.evidence.spent
        if leading.is_ranked(q):
            turn = leading.turns(wanting, self.evidence)
        first = min(wanting, key=turn)
        place = self._place(first, first.axis)
        mates = sorted((g for g in wanting if self._place(g, g.axis) == place), key=turn)
        return self._team(place, [g.contestant for g in mates], "cell")

    def _refine_sweep(self, q: Question) -> VisitPlan | None:
        queues = []
        for goal in self._goals[q["name"]]:
            if not self._open(goal):
                continue
            queue = self._round(goal, q)
            while queue and not self._usable(self._place(goal, queue[0]), goal.contestant):
                queue.popleft()
            if queue:
                queues.append(goal)
        if not queues:
            return None
        first = min(queues, key=self.evidence.spent)
        place = self._place(first, self._pending[first][0])
        mates = [first.contestant]
        for goal in sorted(queues, key=self.evidence.spent):
            if self._place(goal, place.axis) == place and place.axis in self._pending[goal]:
                if goal.contestant not in mates:
                    mates.append(goal.contestant)
        return self._team(place, mates, "zoom")

    def _round(self, goal: Goal, q: Question) -> deque:
        """The points still to be visited in the search round of a goal; a new round when it is over."""
        spent = self.evidence.spent(goal)
        if not self._pending.get(goal) and self._asked_at.get(goal) != spent:
            cap = self._profile["pair_visits" if goal.level is None else "level_visits"]
            self._pending[goal] = deque(self.evidence.wanted_points(goal, q, cap, self._seed))
            self._asked_at[goal] = spent
        return self._pending.setdefault(goal, deque())

    def _team(self, place: Place, rivals: list[str], purpose: str) -> VisitPlan | None:
        """The baseline and as many of the rivals as one visit takes, or None when none is left."""
        if not self._usable(place, place.baseline):
            return None
        rivals = [c for c in rivals if self._usable(place, c)]
        if not rivals:
            return None
        # Where single operations are timed no block need be short, and the map that does nothing shows what of it is
        # not the maps'.
        arrivals = bool(self.questions[place.question].get("arrivals"))
        most = MOST_UNDER_ARRIVALS if arrivals else self.rivals_at_once(place.threads)
        size = 1 if place.question in self._split else _even(len(rivals), most)
        control = [NULL] * arrivals
        return VisitPlan(place, (place.baseline, *rivals[:size], *control), purpose)

    def rivals_at_once(self, count: int) -> int:
        """How many contestants beside the baseline one visit of so many threads takes."""
        return threads.team(self.slice_ms(count)) - 1

    def slice_ms(self, count: int) -> float:
        """How long slices of so many threads last."""
        return threads.slice_ms(self._profile["slice_ms"], count, threads.oversubscribed(count, self._machine))

    def _usable(self, place: Place, spec: str) -> bool:
        if not self._fits(spec, place) or (place, spec) in self._refused:
            return False
        name = contestants.strategy_of(spec)
        return not any(w.question in (None, place.question) and
                       (w.contestant == spec or w.question is None and
                        contestants.strategy_of(w.contestant) == name) for w in self.withheld)

    # What came of it.

    def record(self, plan: VisitPlan, status: str, effects: list[float], what: str = "",
               culprits: Sequence[int] = (), across: Sequence[Sequence[float]] = ()) -> None:
        """Takes the outcome of a visit.

        effects: per contestant against the first; ignored unless status is "ok"
        across: the same of every contestant against every other, for a ranked question
        culprits: indices of the contestants whose results were wrong, when status is "invalid"
        """
        name, rivals = plan.place.question, plan.rivals
        goals = [g for g in self._pending if g.question == name and g.contestant in rivals
                 and self._place(g, plan.place.axis) == plan.place]
        if plan.purpose == "zoom":
            for goal in goals:
                if plan.place.axis in self._pending[goal]:
                    self._pending[goal].remove(plan.place.axis)
        if status == "ok":
            self._layouts.add(plan.place, plan.contestants, plan.layout)
            if plan.purpose == "aa":
                self._aa_made[name] += 1
                return
            if plan.purpose == "harness":
                self._harness_made[plan.place] += 1
                return
            if name in self._leading:
                self._leading[name].add(self.evidence, plan.place, plan.contestants, across)
            else:
                for contestant, effect in zip(rivals, effects[1:], strict=False):
                    self.evidence.add(plan.place, contestant, effect)
            if self._is_refinement(plan):
                self._refined[name] += 1
        elif status == "invalid":
            for contestant in sorted({plan.contestants[c] for c in culprits}):
                self.withheld.append(Withheld(contestant, None, what))
        elif status == "refused":
            members = (plan.place.baseline,) if plan.purpose == "aa" else rivals
            if len(rivals) > 1 and name not in self._split:
                self._split.add(name)  # a pair may fit where four do not
                return
            for contestant in members:
                self._refused.add((plan.place, contestant))
                self.skipped.append({"question": name, "contestant": contestant,
                                     "why": f"{_where(plan.place)}: {what}"})
        elif status in ("crashed", "hung"):
            self._failed(plan, status, what)

    def _is_refinement(self, plan: VisitPlan) -> bool:
        return plan.purpose == "zoom" or (plan.purpose == "cell" and self.evidence.made(
            plan.place, plan.contestants[1]) > self._profile["screen_visits"])

    def _failed(self, plan: VisitPlan, status: str, what: str) -> None:
        name, rivals = plan.place.question, plan.rivals
        self._failures[name, plan.contestants] += 1
        count = self._failures[name, plan.contestants]
        if len(rivals) > 1:
            # A hanging visit costs its whole time limit: look for the culprit at once.
            if status == "hung" or count >= TEAM_ATTEMPTS:
                self._split.add(name)
        elif count >= PAIR_ATTEMPTS:
            self.withheld.append(Withheld(rivals[0], name, f"{count} visits to {name} failed: {what}"))

    # How far it is.

    def done(self, goal: Goal) -> bool:
        """Whether nothing more is planned for a goal (left-over time aside)."""
        q = self.questions[goal.question]
        if not self._open(goal):
            return True
        if at_one_place(q):
            return not self.evidence.wanted_cell_visits(goal, self._cell_visits(q), False)
        return not self._round(goal, q)

    def touched(self, plan: VisitPlan) -> list[Goal]:
        """The goals that a visit tells something about."""
        ranked = plan.place.question in self._leading  # a visit tells of every pair in it
        return [g for g in self._lead(plan.place.question) if {g.contestant, g.baseline} <= set(plan.contestants)
                and (ranked or g.baseline == plan.place.baseline)
                and plan.purpose not in ("aa", "harness") and (g.regime, g.threads, g.cell) ==
                (plan.place.regime, plan.place.threads, plan.place.cell)
                and g.axis in (None, plan.place.axis)]

    def goals(self) -> list[tuple[Goal, str, str]]:
        """Every goal with its verdict and estimate as things stand."""
        return [(goal, *self.evidence.answer(goal, self.questions[name]))
                for name in list(self._goals) for goal in self._lead(name)]

    def goal_count(self) -> int:
        """How many goals there are."""
        return sum(len(goals) for goals in self._goals.values())

    def visits_left(self) -> int:
        """A rough number of visits still wanted, for the estimate of the time left."""
        left = self.screening_left()
        for name, goals in self._goals.items():
            q = self.questions[name]
            for goal in goals:
                if at_one_place(q):
                    wanted = self.evidence.wanted_cell_visits(goal, self._cell_visits(q), False)
                    left += wanted / self.rivals_at_once(goal.threads)
                elif goal.level is None:
                    left += max(0, self._profile["pair_visits"] - self.evidence.spent(goal)) / 2
        return int(left)


def absences(questions: list[Question], described: dict[str, dict[str, Any]]) -> list[dict[str, str]]:
    """Contestants that run at some of a question's thread counts or in some of its cells, and not in others."""
    out = []

    def note(q: Question, spec: str, where: str, why: str) -> None:
        out.append({"question": q["name"], "contestant": spec, "where": where, "why": why})

    for q in questions:
        counts = catalogue.thread_counts(q)
        for spec in q["contestants"]:
            traits = described.get(contestants.strategy_of(spec), {})
            beyond = [t for t in counts if contestants.thread_limit(traits, t)]
            if beyond:
                note(q, spec, f"with {min(beyond)} threads or more",
                     contestants.thread_limit(traits, beyond[0]))
            if q["kind"] != "cells":
                continue
            reasons = [contestants.unfit(traits, c["workload"], min(counts)) for c in q["cells"]]
            for why in dict.fromkeys(filter(None, reasons)):
                note(q, spec, f"in {reasons.count(why)} of {len(reasons)} cells", why)
    return out


def _where(place: Place) -> str:
    spot = place.cell if place.cell is not None else f"{place.axis:g}"
    return f"{spot}, {place.regime}, {place.threads} thread{'s' if place.threads > 1 else ''}"


def _even(count: int, limit: int) -> int:
    """The size of the first of the fewest, most even parts of at most `limit`: 4 -> 2, 5 -> 3, 7 -> 3."""
    parts = -(-count // limit)
    return -(-count // parts)


def _interleave(lanes: list[list]) -> list:
    """The first of every lane, then the rest, each lane spread evenly over the whole."""
    keyed = [(i / len(lane), n, item) for n, lane in enumerate(lanes) for i, item in enumerate(lane)]
    return [item for _, _, item in sorted(keyed, key=lambda k: (k[0], k[1]))]
