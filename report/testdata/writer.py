# SPDX-License-Identifier: Apache-2.0
"""Writes simulated visits as the orchestrator and the worker would."""

from __future__ import annotations

import json
import math
import pathlib
import random

from report.testdata.effects import BASE_NS, LAYOUTS, effect, layout_effect


class Writer:
    """Appends simulated visits as the orchestrator and the worker would."""

    def __init__(self, directory: pathlib.Path, seed: int):
        self.directory = directory
        self.seed = seed
        self.rng = random.Random(seed)
        self.out: list[str] = []
        self.visits = 0
        self.repeat = 1  # how often each visit is made
        self.clock = 0.0
        self.cpus = 2
        self.seen: dict[str, int] = {}  # visits of each place
        self.shifts: dict[tuple[str, str], float] = {}  # added to an effect, by question and strategy
        self.run_sd = 0.0  # of an effect between runs, the same for all visits of a run

    def _put(self, record: dict) -> None:
        self.out.append(json.dumps(record, separators=(",", ":")))

    def _noise(self, sd: float) -> float:
        """t with 4 degrees of freedom, scaled to about `sd`."""
        chi = sum(self.rng.gauss(0, 1)**2 for _ in range(4))
        return sd * self.rng.gauss(0, 1) / math.sqrt(max(chi, 1e-6) / 4) / 1.41

    def _moved(self, question: str, spec: str, name: str | None) -> float:
        """How far this run's effect lies from the true one."""
        moved = self.shifts.get((question, spec), 0.0)
        if self.run_sd:
            moved += random.Random(f"{self.seed} {question} {spec} {name}").gauss(0, self.run_sd)
        return moved

    def _at(self) -> str:
        minutes, seconds = divmod(int(self.clock), 60)
        return f"2026-01-15T10:{minutes % 60:02d}:{seconds:02d}Z"

    def visit(self, *what, **how) -> None:
        """A visit, see _visit, `repeat` times."""
        for _ in range(self.repeat):
            self._visit(*what, **how)

    def _visit(self, question: str, contestants: list[str], workload: dict, *,
               axis: float | None = None, name: str | None = None,
               threads: int = 1, purpose: str = "screen", blocks: int = 6,
               arch: str = "x86_64", timed: bool = True, fate: str = "ok",
               sd: float | None = None) -> None:
        """One visit; `fate` is the status it ends with, or "lost"."""
        v = self.visits
        self.visits += 1
        regime = workload["regime"]
        sd = sd if sd is not None else (0.010 if threads == 1 else 0.018)
        place = f"{question} {contestants} {axis} {name} {threads} {regime}"
        turn = self.seen[place] = self.seen.get(place, -1) + 1
        layout = 1 + turn % LAYOUTS if timed else 1
        waited = round(abs(self.rng.gauss(0, 0.2)), 2)
        self.clock += waited
        self._put({"t": "visit", "v": v, "question": question,
                   "cell": {"axis": axis, "threads": threads,
                            "regime": regime, "name": name},
                   "contestants": contestants, "baseline": contestants[0],
                   "workload": workload, "threads": threads, "arch": arch,
                   "layout": layout, "timed": timed, "purpose": purpose,
                   "seed": 7919 * v + 1,
                   "at": self._at(), "oversubscribed": threads > self.cpus,
                   "gate": {"waited_s": waited, "other_cpu": round(
                       abs(self.rng.gauss(0, 0.01)), 3)}})
        reuse = axis if question == "reuse_threshold" else 0.9
        ops = 2000 if not timed else 60000
        self._put({"t": "realised", "v": v, "figures": {
            "ops": ops, "reuse_rate": round(
                reuse + self.rng.uniform(-4e-4, 4e-4), 5),
            "hit_rate": round(min(1.0, max(0.0, reuse)), 4),
            "distinct": max(1, round(ops * (1 - reuse))),
            "entropy_1024": round(10 - 1.5 * reuse, 3),
            "top100_share": round(0.01 + 0.2 * reuse**4, 4),
            "write_share": workload["mix"].get("store", 0) / 100}})
        of_visit = [self._noise(sd) for _ in contestants]
        count = len(contestants)
        for b in range(blocks):
            order = list(range(count))
            self.rng.shuffle(order)
            row = order + order[::-1]
            if fate in ("lost", "crashed") and b == blocks // 2:
                break
            for p, c in enumerate(row):
                spec = contestants[c]
                line = {"t": "slice", "v": v, "b": b, "p": p, "c": c, "n": ops}
                if timed:
                    base = BASE_NS * (1.0 if threads == 1 else 0.8)
                    if spec == "null":
                        ns = 1.9
                    else:
                        true = 0.0 if purpose == "aa" else effect(
                            question, spec, axis, name, regime, threads) + self._moved(
                                question, spec, name)
                        ns = base * math.exp(
                            -true + of_visit[c] + self._noise(0.008)
                            + (layout_effect(spec, layout)
                               if purpose == "cell" else 0))
                    line["ns"] = int(ns * ops)
                    line["rd"] = round(abs(self.rng.gauss(0, 0.002)), 4)
                    line["late"] = 0.0
                    if threads > 1:
                        uneven = abs(self.rng.gauss(0, 0.01))
                        line.update(least=round(1 - uneven, 4), most=round(1 + uneven, 4),
                                    jain=round(1 / (1 + uneven**2), 5), gap=int(1e5 + 1e7 * uneven))
                    if b == 0:
                        line["w"] = 1
                line["hits"] = int(ops * reuse)
                self._put(line)
            if timed and b and self.rng.random() < 0.02:
                self._put({"t": "reject", "v": v, "b": b, "why": "run_delay",
                           "value": round(self.rng.uniform(0.02, 0.08), 3)})
        self.clock += 0.9
        if fate == "lost":
            return
        if fate == "invalid":
            self._put({"t": "invalid", "v": v, "c": count - 1, "what":
                       f"{contestants[-1]} holds 59999 entries after the "
                       "slice instead of 60000"})
        elif fate == "ok":
            for c, spec in enumerate(contestants):
                if spec != "null":
                    self._put({"t": "memory", "v": v, "c": c, "entries": 10000,
                               "bytes": 10000 * (56 + 8 * c)})
                if spec == "sync_map":
                    self._put({"t": "counters", "v": v, "c": c, "counters": {
                        "promotions": 14, "entries_copied": 120000}})
            self._put({"t": "end", "v": v, "visit": v, "blocks": blocks - 1,
                       "changepoint": v % 97 == 96})
        exits = {"ok": 0, "invalid": 3, "crashed": -11, "hung": -9}
        self._put({"t": "visit_end", "v": v, "status": fate,
                   "exit": exits.get(fate, 1), "seconds": 0.9, "what": {
                       "invalid": "wrong final size",
                       "crashed": "the worker was killed by signal 11",
                       "hung": "no line for 30 s"}.get(fate, "")})

    def write(self, meta: dict, tail: str = "") -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "run.json").write_text(
            json.dumps(meta, indent=1) + "\n", encoding="utf-8")
        text = "".join(line + "\n" for line in self.out) + tail
        (self.directory / "samples.jsonl").write_text(text, encoding="utf-8")
